#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Merges after merges crosswise, where several versions are the newest that both sides come from.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

ab() { model m.safetensors "a:F32:8:$1" "b:F32:8:$2"; }

version() { strata add -A . && strata commit -q -m "$1"; }

# Versions, one a function, that are merged crosswise; then main and side are at merges of both.
# cross BASE SIDE MAIN [WORD...]: of the options of both merges
cross() {
	repo
	$1 && version base
	strata switch -q -c side
	$2 && version s1
	strata switch -q main
	$3 && version m1
	shift 3
	strata branch s0 side && strata branch m0 main
	strata merge -q s0 "$@"
	strata switch -q side && strata merge -q m0 "$@"
	strata switch -q main
}

on_side() { strata switch -q side && "$@" && version s2 && strata switch -q main; }
on_main() { "$@" && version m2; }
other() { echo other >other; }
replays() { match '^the same, bit for bit' strata merge --replay HEAD; }

t_A() { echo A >t; }
t_B() { echo B >t; }
u_1() { echo 1 >u; }
put_back() {
	cross t_A t_B u_1
	on_main t_A
	on_side other
	match '^several versions are the newest that all come from, [0-9a-f]{12} one of them: where they$' \
		strata merge side
	out A cat t
	match '^Bases:   [0-9a-f]{12}, [0-9a-f]{12}$' strata show
	match '"base":"[0-9a-f]{64}","bases":\["[0-9a-f]{64}","[0-9a-f]{64}"\]' strata show --json
	replays
	strata undo -q # and from the other side
	strata switch -q side && strata merge -q main
	out A cat t
	strata fsck --full
}

ab_1() { ab 1 2; }
a_11() { ab 11 2; }
b_12() { ab 1 12; }
tensor_back() {
	cross ab_1 a_11 u_1
	on_main ab_1 && cp m.safetensors ../want
	on_side other
	strata merge -q side
	cmp m.safetensors ../want
	replays
}

both_98() { ab 98 12; }
both_99() { ab 11 99; }
by_tensor() { # one base changed a, the other one b
	cross ab_1 a_11 b_12
	on_main both_98
	on_side both_99
	match '"several_bases":true,"conflicts":0,' strata merge side --json
	ab 98 99 && mv m.safetensors ../want
	strata switch -q side && strata switch -q main
	cmp m.safetensors ../want
	replays
}

a_12() { ab 12 2; }
meta() { model m.safetensors a:F32:8:11 b:F32:8:2 --meta "by=$1"; }
no_base() { # both changed a, and each keeps its own
	cross ab_1 a_11 a_12 --rule a=ours
	cp m.safetensors ../main
	on_side other
	rc 1 strata merge side
	match '^  values +m.safetensors::a ' strata status
	match '"base":null' sh -c "strata status --json | grep conflict"
	cmp m.safetensors ../main
	rc 7 strata resolve a --base
	grep -q '^strata: "a" of m.safetensors has no base: the versions that all sides come from differ' "$t_tmp/err"
	rc 2 strata resolve a --method ties
	strata resolve -q a --method linear
	strata resolve -q a --theirs
	strata merge -q --continue
	replays
	strata undo -q && strata restore -q .
	strata merge -q side --method linear
	replays
	strata undo -q
	for t_m in base ties theirs; do # what wants a base leaves the conflict
		t_want=1
		[ $t_m = theirs ] && t_want=0
		rc $t_want strata merge side --method $t_m
		[ $t_want = 0 ] || strata merge -q --abort
	done
	# what both have done alike is no conflict
	strata undo -q
	on_main a_11
	strata merge -q side
	ab 11 2 && out '' strata status -s
	replays
}

gone() { # a tensor, and a file, removed before and put back since
	cross ab_and_t only_b u_1
	on_main ab_and_t && cp m.safetensors ../want
	on_side other
	strata merge -q side
	cmp m.safetensors ../want
	out A cat t
	replays
}
ab_and_t() { ab 1 2 && t_A; }
only_b() { model m.safetensors b:F32:8:2 && rm -f t; }

lines_base() { printf '1\n2\n3\n4\n5\n6\n7\n' >t && echo '{"a": 1, "b": 2}' >c.json && printf 'a: 1\nb: 2\n' >c.yaml; }
lines_side() { sed -i 's/^2$/two/' t && sed -i 's/1/10/' c.json c.yaml; }
lines_main() { sed -i 's/^6$/six/' t && sed -i 's/2/20/' c.json c.yaml; }
lines_back() { sed -i 's/^two$/2/' t && sed -i 's/10/1/' c.json c.yaml; }
lines_on() { sed -i 's/^4$/four/' t && echo '{"a": 10, "b": 20, "c": 3}' >c.json; }
texts() { # each base changed another line and key of one file
	cross lines_base lines_side lines_main
	on_main lines_back
	on_side lines_on
	strata merge -q side
	out '1
2
3
four
5
six
7' cat t
	out '{"a": 1, "b": 20,"c": 3}' cat c.json
	out 'a: 1
b: 20' cat c.yaml
	replays
}

json_1() { echo '{"a": 1}' >c.json && echo 1 >t; }
json_2() { echo '{"a": 2}' >c.json && echo 2 >t; }
json_3() { echo '{"a": 3}' >c.json && echo 3 >t; }
no_text() { # no base has an answer
	repo
	json_1 && version base
	strata switch -q -c side && json_2 && version s1
	strata switch -q main && json_3 && version m1
	strata branch s0 side && strata branch m0 main
	rc 1 strata merge -q s0 && strata resolve -q '*' --ours && strata merge -q --continue
	strata switch -q side
	rc 1 strata merge -q m0 && strata resolve -q '*' --ours && strata merge -q --continue
	strata switch -q main
	rc 1 strata merge side
	match '^  text +c.json' strata status
	match '^  text +t' strata status
	grep -q '^<<<<<<< ours$' t
	rc 7 strata resolve t --base
	strata resolve -q t --theirs && strata resolve -q c.json --ours
	strata merge -q --continue
	out 2 cat t
	out '{"a": 3}' cat c.json
	replays
	# a file that one side removed since is no silent removal
	strata undo -q && strata restore -q .
	rm t && version gone
	rc 1 strata merge -q side
	match '^  delete/modify +t( |$)' strata status
}

again() { # crosswise twice: the bases themselves come from several
	cross t_A t_B u_1
	on_main t_A
	on_side other
	strata branch -f s0 side && strata branch -f m0 main
	strata merge -q s0
	out A cat t
	strata switch -q side && strata merge -q m0
	out A cat t
	strata switch -q main
	on_main t_B
	on_side two_more
	strata merge -q side
	out B cat t
	replays
}
two_more() { echo 2 >more; }

modes() { # one base changed the file, the other one its mode
	cross t_A t_B executable
	on_main mode_back
	on_side other
	strata merge -q side
	fails test -x t
	out B cat t
	replays
}
executable() { chmod +x t; }
mode_back() { chmod -x t; }

said() { # what a model says besides tensors
	cross 'meta base' 'meta side' u_1
	on_main meta base
	on_side other
	strata merge -q side
	match '"base"' sh -c 'strata show --json HEAD:m.safetensors | grep base; strata cat HEAD:m.safetensors | head -c 200'
	replays
}

three() { # of three lines
	cross t_A t_B u_1
	on_main t_A
	strata switch -q -c third side && other && version o1
	strata switch -q side && two_more && version s2
	strata switch -q main
	strata merge -q side third
	out A cat t
	out 'other
2' cat other more
	replays
}

part() { printf 'model-%05d-of-00002.safetensors' "$1"; }
index() { # home of a b c, and further keys
	printf '{\n  "metadata": {"total_size": 96%s},\n  "weight_map": {"a": "%s", "b": "%s", "c": "%s"}\n}\n' \
		"$4" "$(part "$1")" "$(part "$2")" "$(part "$3")" >model.safetensors.index.json
}
cut() { # seeds of a, b, c: a b | c
	model "$(part 1)" "a:F32:8:$1" "b:F32:8:$2"
	model "$(part 2)" "c:F32:8:$3"
	index 1 1 2 ''
}
recut() { # a | b c
	model "$(part 1)" "a:F32:8:$1"
	model "$(part 2)" "b:F32:8:$2" "c:F32:8:$3"
	index 1 2 2 ''
}
tensor() { strata cat "$(part "$1")::$2" | b3sum; }

shards() { # of one cut: by tensor
	cross 'cut 1 2 3' 'cut 11 2 3' 'cut 1 12 13'
	on_main cut 1 12 13
	on_side cut 11 12 99
	strata merge -q side
	cut 1 12 99
	out '' strata status -s
	replays
}

shards_grown() { # tensors came in both: the index is made, and no conflict
	cross 'cut 1 2 3' with_d with_e
	on_main drop_d
	on_side other
	strata merge -q side
	match '"total_size": 128' cat model.safetensors.index.json
	fails grep -q '"d"' model.safetensors.index.json
	match '"e": "model-00002' cat model.safetensors.index.json
	replays
}
with_d() {
	model "$(part 1)" a:F32:8:1 b:F32:8:2 d:F32:8:4
	sed -i 's/96/128/; s/"b"/"d": "model-00001-of-00002.safetensors", "b"/' model.safetensors.index.json
}
with_e() {
	model "$(part 2)" c:F32:8:3 e:F32:8:5
	sed -i 's/96/128/; s/"b"/"e": "model-00002-of-00002.safetensors", "b"/' model.safetensors.index.json
}
drop_d() {
	model "$(part 1)" a:F32:8:1 b:F32:8:2
	index 1 1 2 ''
	sed -i 's/96/128/; s/"b"/"e": "model-00002-of-00002.safetensors", "b"/' model.safetensors.index.json
}

torn() { # one base was cut anew, the other one changed a tensor
	cross 'cut 1 2 3' 'recut 1 2 3' 'cut 1 12 3'
	on_main recut 1 2 3
	on_side recut 1 12 99
	rc 1 strata merge side
	match '^  layout +model.safetensors.index.json( |$)' strata status
	rc 7 strata resolve '*' --base
	strata resolve -q '*' --theirs
	strata merge -q --continue
	recut 1 12 99
	out '' strata status -s
	replays
	# where the sides agree there is nothing to decide
	strata undo -q && strata restore -q .
	on_main recut 1 12 99
	strata merge -q side
	replays
}

it 'keeps what was put back since' put_back
it 'a tensor as well' tensor_back
it 'joins what the bases changed, tensor by tensor' by_tensor
it 'a conflict where no base has an answer' no_base
it 'what was removed, and put back' gone
it 'by key and by line' texts
it 'texts without an answer' no_text
it 'crosswise again' again
it 'modes' modes
it 'metadata' said
it 'three at once' three
it 'models in shards' shards
it 'with an index that fits' shards_grown
it 'in other shards' torn
finish

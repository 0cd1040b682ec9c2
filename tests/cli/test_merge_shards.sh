#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

tensor() { strata cat "$1::$2" | b3sum | cut -c 1-64; }

same_tensor() { # FILE FILE NAME
	[ "$(tensor "$1" "$3")" = "$(tensor "$2" "$3")" ]
}

same_tensor() { # FILE FILE NAME
	[ "$(tensor "$1" "$3")" = "$(tensor "$2" "$3")" ]
}

part() { # NUMBER OF
	printf 'model-%05d-of-%05d.safetensors' "$1" "$2"
}

# index OF SIZE NAME=NUMBER...: as transformers writes it
index() {
	t_of=$1 t_size=$2 t_sep=
	shift 2
	{
		printf '{\n  "metadata": {\n    "total_size": %d\n  },\n  "weight_map": {' "$t_size"
		for t_e; do
			printf '%s\n    "%s": "%s"' "$t_sep" "${t_e%=*}" "$(part "${t_e#*=}" "$t_of")"
			t_sep=,
		done
		printf '\n  }\n}\n'
	} >model.safetensors.index.json
}

two() { # seeds of a b c d: a b | c d
	model "$(part 1 2)" a:F32:64:$1 b:F32:32:$2 --meta format=pt
	model "$(part 2 2)" c:F32:64:$3 d:F32:16:$4 --meta format=pt
	index 2 704 a=1 b=1 c=2 d=2
}

moved() { # a | b c d
	model "$(part 1 2)" a:F32:64:$1 --meta format=pt
	model "$(part 2 2)" b:F32:32:$2 c:F32:64:$3 d:F32:16:$4 --meta format=pt
	index 2 704 a=1 b=2 c=2 d=2
}

three() { # a | b c | d
	model "$(part 1 3)" a:F32:64:$1 --meta format=pt
	model "$(part 2 3)" b:F32:32:$2 c:F32:64:$3 --meta format=pt
	model "$(part 3 3)" d:F32:16:$4 --meta format=pt
	index 3 704 a=1 b=2 c=2 d=3
	rm -f "$(part 1 2)" "$(part 2 2)" model.safetensors
}

one() {
	model model.safetensors a:F32:64:$1 b:F32:32:$2 c:F32:64:$3 d:F32:16:$4 --meta format=pt
	rm -f model-*.safetensors model.safetensors.index.json
}

# begin BASE SEEDS - THEIRS SEEDS - OURS SEEDS; HEAD is on main
begin() {
	repo
	echo text >t
	"$1" "$2" "$3" "$4" "$5"
	strata add -A . && strata commit -q -m base
	strata branch side
	"${11}" "${12}" "${13}" "${14}" "${15}"
	strata add -A . && strata commit -q -m ours
	cp -r . ../ours
	strata switch -q side
	"$6" "$7" "$8" "$9" "${10}"
	strata add -A . && strata commit -q -m theirs
	cp -r . ../theirs
	strata switch -q main
}

# What a directory of those seeds would have.
want() { # LAYOUT SEEDS
	mkdir ../want && (cd ../want && "$@")
	for t_f in ../want/*; do
		cmp "$t_f" "$(basename "$t_f")"
	done
	ls model* >got
	(cd ../want && ls model*) | cmp - got
	rm got
}

other_side() {
	begin two 1 1 1 1 moved 1 1 1 2 two 2 2 1 1
	strata merge -q side
	want moved 2 2 1 2
	out '' strata status -s
	strata merge -q --replay HEAD
	strata fsck --full
}

this_side() {
	begin two 1 1 1 1 two 2 2 1 1 moved 1 1 1 2
	strata merge -q side
	want moved 2 2 1 2
	strata merge -q --replay HEAD
}

more_shards() {
	begin two 1 1 1 1 three 1 1 2 1 two 1 2 1 2
	strata merge -q side
	want three 1 2 2 2
	[ ! -e "$(part 1 2)" ]
	strata undo -q
	[ -e "$(part 1 2)" ]
	# that side has nothing but the cut
	strata switch -q side
	strata merge -q main
	cmp "$(part 2 3)" ../want/"$(part 2 3)"
}

of_one_file() {
	begin one 1 1 1 1 three 1 1 2 1 one 1 2 1 1
	strata merge -q side
	want three 1 2 2 1
	[ ! -e model.safetensors ]
}

to_one_file() {
	begin three 1 1 1 1 one 1 1 2 1 three 1 2 1 1
	strata merge -q side
	want one 1 2 2 1
	[ ! -e model.safetensors.index.json ]
	[ ! -e "$(part 1 3)" ]
}

only_cut() { # what only one side did is taken byte for byte
	repo
	two 1 1 1 1
	strata add . && strata commit -q -m base
	strata branch side
	echo more >t
	strata add . && strata commit -q -m more
	strata switch -q side
	three 1 1 1 1
	strata add -A . && strata commit -q -m cut
	strata switch -q main
	strata merge -q side
	want three 1 1 1 1
}

conflict() {
	begin two 1 1 1 1 moved 1 3 1 2 two 2 2 1 1
	rc 1 strata merge side
	match "^  values +$(part 2 2)::b +D " strata status
	match '"name":"b","type":"values".*"numel":32' strata status --json
	[ "$(strata status --json | grep -c '"kind":"conflict"')" = 1 ]
	same_tensor "$(part 2 2)" ../ours/"$(part 1 2)" b
	strata resolve -q b --theirs
	same_tensor "$(part 2 2)" ../theirs/"$(part 2 2)" b
	strata resolve -q b --from HEAD~1
	model base.safetensors b:F32:32:1
	same_tensor "$(part 2 2)" base.safetensors b
	rm base.safetensors
	strata resolve -q b --method linear
	strata merge -q --continue
	strata merge -q --replay HEAD
	same_tensor "$(part 1 2)" ../ours/"$(part 1 2)" a
	same_tensor "$(part 2 2)" ../theirs/"$(part 2 2)" d
	strata undo -q
	rc 1 strata merge side
	strata merge -q --abort
	for t_f in model*; do
		cmp "$t_f" ../ours/"$t_f"
	done
	strata merge -q side --rule b=theirs
	want moved 2 3 1 2
	strata fsck --full
}

by_hand() {
	begin two 1 1 1 1 moved 1 3 1 2 two 2 2 3 1
	rc 1 strata merge side
	model "$(part 2 2)" b:F32:32:9 c:F32:64:9 d:F32:16:9 --meta format=pt
	cp "$(part 2 2)" ../hand
	strata add "$(part 2 2)"
	strata merge -q --continue
	cmp ../hand "$(part 2 2)"
	same_tensor "$(part 1 2)" ../ours/"$(part 1 2)" a
	match '"b": "model-00002-of-00002' cat model.safetensors.index.json
}

# e came on the side that did not move anything, d went there
added() {
	begin two 1 1 1 1 moved 1 1 1 1 two 1 1 2 1
	model "$(part 2 2)" c:F32:64:2 e:F32:8:7 --meta format=pt
	index 2 672 a=1 b=1 c=2 e=2
	strata commit -q -a -m 'e for d'
	strata merge -q side
	match '"total_size": 672' cat model.safetensors.index.json
	match '"e": "model-00002-of-00002.safetensors"' cat model.safetensors.index.json
	[ "$(grep -c '"d"' model.safetensors.index.json)" = 0 ]
	match '"b": "model-00002-of-00002.safetensors"' cat model.safetensors.index.json
	out 'a
b
c
e' sh -c 'strata ls --tensors model.safetensors.index.json --json | sed "s/.*\"name\":\"\([^\"]*\)\".*/\1/" | sort'
}

# both cut anew: ours counts
both_cut() {
	begin two 1 1 1 1 three 1 1 2 1 moved 1 2 1 1
	strata merge -q side
	want moved 1 2 2 1
}

removed() {
	begin two 1 1 1 1 moved 1 2 1 1 two 2 1 1 1
	model "$(part 1 2)" a:F32:64:2 --meta format=pt
	index 2 576 a=1 c=2 d=2
	strata commit -q -a -m 'without b'
	rc 1 strata merge side
	match "^  delete/modify +$(part 2 2)::b" strata status
	[ "$(grep -c '"b"' model.safetensors.index.json)" = 0 ]
	strata resolve -q b --theirs
	match '"b": "model-00002-of-00002.safetensors"' cat model.safetensors.index.json
	match '"total_size": 704' cat model.safetensors.index.json
	strata merge -q --continue
	want moved 2 2 1 1
}

it 'a tensor that the other side moved is merged' other_side
it 'and one that this side moved' this_side
it 'more shards than before' more_shards
it 'shards of one file' of_one_file
it 'one file of shards' to_one_file
it 'nothing but a new cut' only_cut
it 'a conflict in a shard, and its end' conflict
it 'a shard made by hand' by_hand
it 'tensors that came and went' added
it 'both cut anew' both_cut
it 'removed here, moved and changed there' removed
finish

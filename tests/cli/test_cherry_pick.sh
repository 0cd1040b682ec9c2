#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# v1, and v2 and v3 on top of it; another branch from v1.
setup() {
	strata init r >/dev/null
	cd r
	echo 1 >a && echo 1 >b
	strata add . && strata commit -q -m one
	echo 2 >a && strata commit -q -a -m two
	echo 2 >b && echo new >c
	strata add . && strata commit -q -m three
	strata switch -q -c side v1
}

picks_some() {
	setup
	match '^v4 [0-9a-f]{12}  side  three$' strata cherry-pick v3
	[ "$(cat a)" = 1 ] && [ "$(cat b)" = 2 ] && [ "$(cat c)" = new ]
	match '^v5 .*said otherwise$' strata cherry-pick -m 'said otherwise' v2
	out '' strata diff v3 HEAD
	out '' strata status -s
	strata fsck
}

onto_its_parent() {
	setup
	strata cherry-pick -q v2
	out '' strata diff v2 HEAD
}

refuses() {
	setup
	echo mine >b
	strata commit -q -a -m mine
	echo dirty >c
	rc 7 strata cherry-pick v3
	err "'c'" strata cherry-pick v3
	[ "$(cat b)" = mine ] && [ "$(cat c)" = dirty ]
	rm c
	out '' strata status -s
	rc 2 strata cherry-pick nonsense
	rc 2 strata cherry-pick
	rc 2 strata cherry-pick v3 --method nonsense
	rc 2 strata cherry-pick v3 --continue
	err '\-\-continue and --abort exclude each other' strata cherry-pick --continue --abort
	err '\-\-continue goes with -m and --json alone' strata cherry-pick --continue --method ours
	err '\-\-abort goes with --json alone' strata revert --abort -m x
	for t_verb in cherry-pick revert merge; do
		rc 7 strata $t_verb --continue
		err 'no merge is under way, and no cherry-pick or revert' strata $t_verb --abort
	done
	out '' strata status -s
}

# v1; v2 changes a and b of it; side changes c.
model_setup() {
	repo
	model m.safetensors a:F32:64:1 b:F32:64:1 c:F32:64:1
	strata add . && strata commit -q -m one
	model m.safetensors a:F32:64:2 b:F32:64:2 c:F32:64:1
	strata commit -q -a -m two
	strata switch -q -c side v1
	model m.safetensors a:F32:64:1 b:F32:64:1 c:F32:64:3
	strata commit -q -a -m three
}

disjoint_tensors() {
	model_setup
	out '  tensors  2 of 3 tensors changed' sh -c 'strata cherry-pick v2 | tail -n 1'
	model ../want.safetensors a:F32:64:2 b:F32:64:2 c:F32:64:3
	cmp m.safetensors ../want.safetensors
	out '' strata status -s
	rc 1 strata cherry-pick v2
	strata revert -q v2
	out '' strata diff v3 HEAD
	strata fsck --full
}

# Values that are exact in any order of adding.
exact() {
	python3 - "$@" <<-'EOF2'
	import json, struct, sys
	h, d = {}, b""
	for x in sys.argv[2:]:
	    n, v = x.split("=")
	    h[n] = {"dtype": "F32", "shape": [4], "data_offsets": [len(d), len(d) + 16]}
	    d += struct.pack("<4f", *[float(v) * k for k in (1, 2, 3, 4)])
	t = json.dumps(h).encode()
	open(sys.argv[1], "wb").write(struct.pack("<Q", len(t)) + t + d)
	EOF2
}

adds_the_difference() {
	repo
	exact m.safetensors a=1 b=1
	strata add . && strata commit -q -m one
	exact m.safetensors a=1.5 b=1
	strata commit -q -a -m two
	strata switch -q -c side v1
	exact m.safetensors a=3 b=2
	strata commit -q -a -m three
	rc 2 strata cherry-pick v2 --method nonsense
	strata cherry-pick -q v2 --method task-arithmetic
	exact ../want a=3.5 b=2
	cmp m.safetensors ../want
	strata revert -q v2 --method task-arithmetic
	exact ../want a=3 b=2
	cmp m.safetensors ../want
	out '' strata status -s
	strata fsck --full
}

chosen_tensors() {
	model_setup
	strata cherry-pick -q v2 --tensor a
	model ../want.safetensors a:F32:64:2 b:F32:64:1 c:F32:64:3
	cmp m.safetensors ../want.safetensors
	rc 1 strata cherry-pick v2 --tensor c
	rc 2 strata cherry-pick v2 --tensor d
	rc 2 strata cherry-pick v2 --path m.safetensors
	strata cherry-pick -q v2 --tensor '*' --json >../j
	grep -q '"message":"two","files":{"added":0,"changed":1,"removed":0},"tensors":{"added":0,"changed":1,"unchanged":2,"removed":0}' ../j
	strata switch -q -c again v1
	strata cherry-pick -q v2 --tensor '*'
	out '' strata diff v2 HEAD
	strata cat v2:m.safetensors | cmp - m.safetensors
	strata fsck
}

layout() {
	model_setup
	strata switch -q main
	model m.safetensors a:F32:64:5 b:F32:64:2 c:F32:64:1 d:F32:64
	strata commit -q -a -m added
	model m.safetensors a:F32:64:5 b:F32:32:2 c:F32:64:1
	strata commit -q -a -m shaped
	model m.safetensors a:F32:64:6 b:F32:32:2 c:F32:64:1 --meta k=v
	strata commit -q -a -m meta
	strata switch -q side
	rc 7 strata cherry-pick v4 --tensor d
	err 'tensor "d" of .m.safetensors. .v4 added it.; without --tensor, all that it changed' \
		strata cherry-pick v4 --tensor d
	err 'm.safetensors::d  .v5 removed it' strata revert v5 --tensor '[bd]'
	err 'm.safetensors::b  .would go from f32 .32. to f32 .64.' strata revert v5 --tensor '[bd]'
	out '' strata status -s
	strata cherry-pick -q v2
	strata cherry-pick -q v4
	model ../want.safetensors a:F32:64:5 b:F32:64:2 c:F32:64:3 d:F32:64
	cmp m.safetensors ../want.safetensors
	strata cherry-pick -q v5
	strata cherry-pick -q v6
	model ../want.safetensors a:F32:64:6 b:F32:32:2 c:F32:64:3 --meta k=v
	cmp m.safetensors ../want.safetensors
	strata revert -q v5
	model ../want.safetensors a:F32:64:6 b:F32:64:2 c:F32:64:3 d:F32:64 --meta k=v
	cmp m.safetensors ../want.safetensors
}

new_model() {
	model_setup
	model n.safetensors x:F32:64:1 y:F32:64:1
	strata add . && strata commit -q -m four
	strata switch -q main
	rc 7 strata cherry-pick v4 --tensor x
	strata cherry-pick -q v4 --tensor x --tensor y
	out '' strata diff v4 HEAD -- n.safetensors
	strata revert -q v5 --tensor 'n.safetensors::*'
	[ ! -e n.safetensors ]
	out '' strata diff v2 HEAD
}

merges() { # which of its sides' changes would it be?
	repo
	echo 1 >a
	strata add . && strata commit -q -m one
	strata branch side
	echo 2 >b
	strata add . && strata commit -q -m two
	strata switch -q side
	echo 3 >c
	strata add . && strata commit -q -m three
	strata merge -q main
	strata switch -q main
	rc 7 strata cherry-pick side
	grep -q 'is a merge: which of its sides counts' "$t_tmp/err"
	strata switch -q side
	rc 7 strata revert HEAD
	out '' strata status -s
	for t_verb in cherry-pick revert; do
		strata help $t_verb | tr '\n' ' ' >../help
		grep -q 'Refused are merges, ' ../help
	done
}

it 'refuses merges' merges
it 'takes what a version changed, and no more' picks_some
it 'onto its parent gives the version' onto_its_parent
it 'refuses what would lose work, and what is said wrongly' refuses
it 'takes tensors into a model that changed elsewhere' disjoint_tensors
it '--tensor takes what it names' chosen_tensors
it 'takes shapes, new tensors and metadata, but for --tensor' layout
it '--tensor takes a whole new model' new_model
it 'adds the difference to a tensor that changed here too' adds_the_difference
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	model m.safetensors a:F32:64,64:1 b:F32:8:1
	echo 1 >c
	strata add .
	strata commit -q -m one
	model m.safetensors a:F32:64,64:2 b:F32:8:1
	echo 2 >c
	echo 2 >new
	strata add .
	strata commit -q -m two
}

whole() {
	setup
	match '^v3 [0-9a-f]{12}  main  Roll back to v1: one$' strata rollback v1
	out '' strata diff v1
	out '' strata diff v1 HEAD
	[ ! -e new ]
	out '' strata status -s
	rc 1 strata rollback v1
	match '^v4 .*forward$' strata rollback v2 -m forward
	out '' strata diff v2 HEAD
	strata undo -q
	out '' strata diff v1
	strata fsck
}

path() {
	setup
	match 'Roll m.safetensors back to v1: one$' strata rollback v1 --path m.safetensors
	strata cat v1:m.safetensors | cmp - m.safetensors
	[ "$(cat c)" = 2 ] && [ "$(cat new)" = 2 ]
	out '' strata status -s
	rc 2 strata rollback v1 --path nothing
	strata rollback -q v1 --path new
	[ ! -e new ]
	rc 2 strata rollback v1 --path new
}

dirty() {
	setup
	echo mine >c
	rc 7 strata rollback v1
	[ "$(cat c)" = mine ] && [ -e new ]
	match '^v3 ' strata rollback v1 --path m.safetensors
	out ' M c' strata status -s
}

states() {
	repo
	rc 2 strata rollback v1
	rc 2 strata rollback
	echo 1 >a
	strata add a
	strata commit -q -m one
	echo 2 >a
	strata commit -q -a -m two
	rc 2 strata rollback nonsense
	strata checkout -q v2
	match '\(HEAD is detached\)' strata rollback v1
	[ "$(cat a)" = 1 ]
	out v2 sh -c "strata log --oneline -1 main | cut -d' ' -f1"
}

tensors() {
	setup
	match 'Roll a back to v1: one$' strata rollback v1 --tensor a
	out '  tensors  1 of 2 tensors changed' sh -c 'strata undo -q && strata rollback v1 --tensor a | tail -n 1'
	strata cat v1::a >a1
	strata cat HEAD::a | cmp - a1
	rm a1
	strata cat v1:m.safetensors | cmp - m.safetensors
	[ "$(cat c)" = 2 ] && [ "$(cat new)" = 2 ]
	out '' strata status -s
	out '' strata diff v1 HEAD --tensor a
	rc 1 strata rollback v1 --tensor a
	rc 1 strata rollback v1 --tensor '*' --path m.safetensors
	match '^v[0-9]* .*as before$' strata rollback v2 --tensor 'm.safetensors::*' -m 'as before'
	out '' strata diff v2 HEAD
	strata undo -q
	out '' strata status -s
	[ -z "$(find .strata -name '.st-tmp-*')" ]
	strata fsck --full
}

only_those() {
	repo
	model x.safetensors a:F32:64:1 a.w:F32:64:1 b:F32:64:1 'a?:F32:64:1'
	mkdir sub
	model sub/y.safetensors a:F32:64:5
	strata add . && strata commit -q -m one
	model x.safetensors a:F32:64:2 a.w:F32:64:2 b:F32:64:2 'a?:F32:64:2'
	model sub/y.safetensors a:F32:64:6
	strata commit -q -a -m two
	strata rollback -q v1 --tensor 'a?' --tensor 'sub::a' --json >../j
	grep -q '"tensors":{"added":0,"changed":2,"unchanged":3,"removed":0}' ../j
	out '' strata diff v1 --tensor 'a?'
	out '' strata diff v1 -- sub
	out '' strata diff v2 --tensor 'a.w'
	cd sub
	strata undo -q
	strata rollback -q v1 --tensor 'y.safetensors::*'
	cd ..
	out '' strata diff v1 -- sub
	out '' strata diff v2 -- x.safetensors
	match '1 of 5 tensors changed' strata rollback v1 --path x.safetensors --tensor a
}

absent() {
	repo
	model x.safetensors a:F32:64:1
	strata add . && strata commit -q -m one
	model x.safetensors a:F32:32:1 b:F32:64:2
	model new.safetensors z:F32:8
	strata add . && strata commit -q -m two
	rc 2 strata rollback v1 --tensor nothing
	err "'nothing' matches no tensor" strata rollback v1 --tensor nothing
	rc 2 strata rollback v1 --tensor b
	err "v1 has no tensor 'b'" strata rollback v1 --tensor b
	rc 2 strata rollback v1 --tensor ''
	rc 2 strata rollback v1 --tensor 'nowhere::a'
	rc 7 strata rollback v1 --tensor a
	err 'tensor "a" of .x.safetensors. .would go from f32 .32. to f32 .64.' \
		strata rollback v1 --tensor a
	rc 7 strata rollback v1 --tensor '*'
	err 'x.safetensors::b  .is in the version here only' strata rollback v1 --tensor '*'
	out '' strata status -s
	out v2 sh -c "strata log --oneline -1 | cut -d' ' -f1"
	strata rollback -q v1
	strata rollback -q v2 --tensor 'new.safetensors::*'
	out '' strata diff v2 HEAD -- new.safetensors
	strata fsck
}

dirty_tensors() {
	setup
	echo mine >c
	strata rollback -q v1 --tensor a
	out ' M c' strata status -s
	model m.safetensors a:F32:64,64:7 b:F32:8:7
	cp m.safetensors ../mine
	packs=$(ls .strata/packs)
	rc 7 strata rollback v2 --tensor a
	cmp m.safetensors ../mine
	[ "$packs" = "$(ls .strata/packs)" ]
	[ -z "$(find . -name '.st*-tmp-*')" ]
	strata add m.safetensors
	rc 7 strata rollback v2 --tensor a
}

shards() {
	repo
	model m-1.safetensors a:F32:64:1 b:F32:64:1
	model m-2.safetensors c:F32:64:1 d:F32:64:1
	model other.safetensors c:F32:64:1
	echo '{"metadata":{},"weight_map":{"a":"m-1.safetensors","b":"m-1.safetensors","c":"m-2.safetensors","d":"m-2.safetensors"}}' >m.safetensors.index.json
	strata add . && strata commit -q -m one
	model m-1.safetensors a:F32:64:2 b:F32:64:2
	model m-2.safetensors c:F32:64:2 d:F32:64:2
	model other.safetensors c:F32:64:2
	strata commit -q -a -m two
	strata rollback -q v1 --tensor 'm.safetensors.index.json::[ac]'
	out '' strata diff v1 --tensor a -- m-1.safetensors
	out '' strata diff v1 --tensor c -- m-2.safetensors
	out '' strata diff v2 --tensor '[bd]'
	out '' strata diff v2 -- other.safetensors
	strata fsck
}

edited() {
	setup
	STRATA_EDITOR='echo better >' strata rollback -q v1 --tensor b -e || [ $? -eq 1 ]
	STRATA_EDITOR="sed -i s/Roll/Take/" strata rollback v1 -e >../out
	grep -q 'Take back to v1: one$' ../out
	STRATA_EDITOR='true >' rc 1 strata rollback v2 -e
	match '"message":"said"' strata rollback v2 --json -m said
	STRATA_EDITOR='strata commit -q --allow-empty -m other; true' rc 10 strata rollback v1 -e
	grep -q 'HEAD moved to main, v.* while the message was written; your text is in ' "$t_tmp/err"
	STRATA_EDITOR='strata branch -q -f side v1; true' strata rollback -q side -e || [ $? -eq 2 ]
	match ' other$' strata log --oneline -1
	strata branch side v1
	STRATA_EDITOR='strata branch -f side v2; true' strata rollback -q side -e
	out '' strata diff v1
}

colons() { # in names of files and of tensors
	repo
	for t_seed in 1 5; do
		model a::b.safetensors w:F32:4:$t_seed x__y:F32:4:$((t_seed + 1))
		model m.safetensors a__b:F32:4:$t_seed b:F32:4:$((t_seed + 1))
		LC_ALL=C sed -i -e s/x__y/x::y/ -e s/a__b/a::b/ ./*.safetensors
		strata add .
		strata commit -q -m "$t_seed"
	done
	strata rollback -q v1 --tensor a::b
	out '' strata diff v1 --tensor a::b
	rc 1 strata diff v1 --exit-code --tensor b
	strata rollback -q v1 --tensor a::b.safetensors::x::y
	out '' strata diff v1 --tensor x::y
	rc 1 strata diff v1 --exit-code --tensor w
	strata rollback -q v1 --tensor 'm.safetensors::b'
	out '' strata diff v1 --tensor b
	out 2 sh -c "strata log --oneline v2 --tensor a::b.safetensors::x::y | wc -l"
	match ' x::y$' strata blame a::b.safetensors --tensor a::b.safetensors::x::y
	rc 2 strata rollback v1 --tensor m.safetensors::
	rc 2 strata rollback v1 --tensor no::b
}

untracked() {
	repo
	echo 1 >a
	echo 1 >b
	strata add .
	strata commit -q -m one
	strata rm -q b
	strata commit -q -m two
	echo mine >b
	err "in 1 file: 'b'; 'strata add' and 'strata commit' keep them; or move them away" strata rollback v1
	[ "$(cat b)" = mine ]
}

it 'makes a version that is as an old one' whole
it '--path takes only that' path
it 'leaves files with changes alone' dirty
it 'works on an empty repository and a detached HEAD' states
it '--tensor makes files with old tensors' tensors
it '--tensor takes names, globs, and paths before them' only_those
it '--tensor says what is not there, or has another shape' absent
it '--tensor leaves files with changes alone' dirty_tensors
it '--tensor reaches into shards through their index' shards
it 'has its message edited, and speaks JSON' edited
it '"::" in names' colons
it 'files that no version has stay' untracked
finish

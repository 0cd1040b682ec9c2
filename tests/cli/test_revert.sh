#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# revert and cherry-pick
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	echo 1 >a
	echo 1 >b
	strata add .
	strata commit -q -m one
	echo 2 >a
	mkdir d
	echo n >d/n
	strata rm -q b
	strata add .
	strata commit -q -m two
	echo 1 >c
	strata add c
	strata commit -q -m three
}

reverts() {
	setup
	match '^v4 [0-9a-f]{12}  main  Revert v2: two$' strata revert v2
	[ "$(cat a)" = 1 ] && [ "$(cat b)" = 1 ] && [ "$(cat c)" = 1 ] && [ ! -e d ]
	out '' strata status -s
	match '^v5 .*Once more$' strata revert -m 'Once more' v4
	out '' strata diff v3 v5
	[ "$(cat a)" = 2 ] && [ "$(cat d/n)" = n ] && [ ! -e b ]
	rc 1 strata revert v4
	strata undo -q
	out '' strata diff v4 HEAD
	[ "$(cat a)" = 1 ]
	strata fsck
}

picks() {
	setup
	strata checkout -q v1
	STRATA_AUTHOR='Bob <bob@example.org>' strata cherry-pick v2 >../out
	grep -Eq '^v4 [0-9a-f]{12}  \(HEAD is detached\)  two$' ../out
	out '' strata diff v2 v4
	match '^Author: Ada Tester' strata log -1
	rc 1 strata cherry-pick v2
	strata cherry-pick -q v3
	out '' strata diff v3 HEAD
	strata fsck
}

dirty() {
	setup
	echo mine >a
	rc 7 strata revert v2
	err "strata restore" strata revert v2
	[ "$(cat a)" = mine ] && [ -e d/n ]
	match '^v4 ' strata revert v3
	out ' M a' strata status -s
	strata add a
	rc 7 strata revert v4
	err 'staged changes' strata revert v4
	strata reset -q --hard
	echo untracked >b
	rc 7 strata revert v2
	[ "$(cat b)" = untracked ]
}

states() {
	repo
	rc 2 strata revert v1
	rc 2 strata cherry-pick HEAD
	rc 2 strata revert
	echo 1 >a
	strata add a
	strata commit -q -m one
	rc 2 strata revert nonsense
	rc 2 strata revert -m ' ' v1
	strata revert -q v1
	[ ! -e a ]
	strata revert -q v2
	[ "$(cat a)" = 1 ]
	out '' strata diff v1 v3
}

it 'takes the changes of a version back, and that again' reverts
it 'cherry-pick onto the parent equals the version' picks
it 'leaves files with changes alone' dirty
it 'works from the first version on, and not before' states

tensors() {
	repo
	model m.safetensors a:F32:64:1 b:F32:64:1
	strata add . && strata commit -q -m one
	model m.safetensors a:F32:64:2 b:F32:64:2
	strata commit -q -a -m two
	model m.safetensors a:F32:64:2 b:F32:64:3
	strata commit -q -a -m three
	match 'Revert a of v2: two$' strata revert v2 --tensor a
	model ../want.safetensors a:F32:64:1 b:F32:64:3
	cmp m.safetensors ../want.safetensors
	rc 1 strata revert v2 --tensor b
	match 'values  *m.safetensors::b ' strata status
	rc 7 strata revert v4
	strata revert -q --abort
	cmp m.safetensors ../want.safetensors
	strata revert -q v4
	out '' strata diff v3 HEAD
	rc 2 strata revert v2 --tensor x
	rc 7 strata revert v1 --tensor a
	strata revert v3 --json >../j
	grep -q '"version":"v6","bump":null,"why":null,"branch":"main","message":"Revert v3: three"' ../j
	strata fsck
}
it '--tensor takes back what a version did to some tensors' tensors
finish

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
	match '\(no branch\)' strata rollback v1
	[ "$(cat a)" = 1 ]
	out v2 sh -c "strata log --oneline -1 main | cut -d' ' -f1"
}

it 'makes a version that is as an old one' whole
it '--path takes only that' path
it 'leaves files with changes alone' dirty
it 'works on an empty repository and a detached HEAD' states
finish

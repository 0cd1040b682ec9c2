#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	model m.safetensors a:F32:16:1 b:F32:16:2
	echo 1 >t
	strata add .
	strata commit -m one
	cp m.safetensors ../m1
	model m.safetensors a:F32:16:1 b:F32:16:3
	echo 2 >t
	strata commit -a -m two
	cp m.safetensors ../m2
}

discards() {
	setup
	printf x | dd of=m.safetensors bs=1 seek=150 conv=notrunc 2>/dev/null
	out ' M m.safetensors' strata status -s
	match '^restored 1 file, ' strata restore m.safetensors
	cmp m.safetensors ../m2
	rm t
	out '' strata restore -q .
	[ "$(cat t)" = 2 ]
	out '' strata status -s
}

from_version() {
	setup
	strata restore --source v1 .
	cmp m.safetensors ../m1
	out ' M m.safetensors
 M t' strata status -s
	strata restore -s HEAD m.safetensors
	cmp m.safetensors ../m2
}

staged() {
	setup
	echo 3 >t
	strata add t
	out 'M  t' strata status -s
	out '' strata restore --staged t
	out ' M t' strata status -s
	[ "$(cat t)" = 3 ]
	strata add t
	echo 4 >t
	strata restore --staged --worktree t
	[ "$(cat t)" = 2 ]
	out '' strata status -s
}

usage() {
	setup
	rc 2 strata restore
	rc 2 strata restore none
	rc 2 strata restore -s v9 t
	err 'v9' strata restore -s v9 t
}

it 'brings back what was added' discards
it 'brings back a version' from_version
it 'unstages with --staged' staged
it 'wants paths and revisions that exist' usage
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	model m.safetensors a:F32:16:1 b:F32:16:2
	echo 1 >t
	echo 1 >u
	strata add .
	strata commit -q -m one
	model m.safetensors a:F32:16:1 b:F32:16:3
	rm t
	echo 12345 >n
	strata add -A
	strata commit -q -m 'two words' --param lr=1
}

text() {
	setup
	id=$(strata log --json -1 | sed 's/.*"commit":"\([0-9a-f]*\)".*/\1/')
	strata show | sed 's/^Date:.*/Date/' >got
	out "version v2  $id (HEAD -> main)
Author: Ada Tester <ada@example.org>
Date
Files:  3, 264 B
Param:  lr = 1

    two words

changed  m.safetensors  256 B  1 of 2 tensors changed
added    n                6 B
removed  t                2 B" cat got
}

older() {
	setup
	match '^version v1  ' strata show v1
	match '^added  m.safetensors  .* 2 tensors added$' strata show HEAD~1
}

json() {
	setup
	strata show --json >got
	sed -n 1p got | grep -q '^{"kind":"version","commit":.*"params":\[{"key":"lr","value":"1"}\],"config":null,"nfiles":3,"logical_bytes":264}$'
	out '{"kind":"file","path":"m.safetensors","status":"changed","type":"model","old_bytes":256,"new_bytes":256,"tensors":{"added":0,"changed":1,"unchanged":1,"removed":0}}
{"kind":"file","path":"n","status":"added","type":"file","old_bytes":0,"new_bytes":6,"tensors":null}
{"kind":"file","path":"t","status":"removed","type":"file","old_bytes":2,"new_bytes":0,"tensors":null}' sed 1d got
}

usage() {
	setup
	rc 2 strata show v9
	rc 2 strata show abcdef
	rc 2 strata show HEAD:m.safetensors
	err "strata cat HEAD:m.safetensors" strata show HEAD:m.safetensors
	rc 2 strata show v1 v2
	repo ../empty
	rc 2 strata show
}

it 'a version and what it changed' text
it 'any revision' older
it '--json: the version, then files' json
it 'wants a revision that exists' usage
finish

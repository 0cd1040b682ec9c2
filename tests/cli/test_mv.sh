#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	mkdir d
	model m.safetensors a:F32:16
	echo 1 >a
	strata add .
	strata commit -m one
}

renames() {
	setup
	cp m.safetensors ../m
	out '' strata mv m.safetensors n.safetensors
	cmp n.safetensors ../m
	[ ! -e m.safetensors ]
	out 'D  m.safetensors
A  n.safetensors' strata status -s
	strata commit -m two
	strata cat v2:n.safetensors | cmp - ../m
	match '"tensors":{"added":0,"changed":0,"unchanged":1,"removed":0}' strata commit --amend --json -m two
}

into_directory() {
	setup
	out '' strata mv a m.safetensors d
	out 'D  a
A  d/a
A  d/m.safetensors
D  m.safetensors' strata status -s
}

protects() {
	setup
	echo 2 >b
	rc 7 strata mv a b
	[ "$(cat b)" = 2 ]
	strata mv -f a b
	[ "$(cat b)" = 1 ]
}

usage() {
	setup
	rc 2 strata mv a
	err 'SOURCE... TARGET is missing' strata mv
	rc 2 strata mv none b
	rc 2 strata mv a m.safetensors nodir
	out '' strata status -s
}

it 'renames and stages that, tensors unchanged' renames
it 'moves several into a directory' into_directory
it 'refuses to overwrite, -f does not' protects
it 'wants a source and a target' usage
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	model m.safetensors w:F32:2,3:1 h:BF16:4:2 s:F64::3
	echo text >t
	strata add .
	strata commit -q -m one
	cp m.safetensors ../m1
	model m.safetensors w:F32:2,3:9 h:BF16:4:2 s:F64::3
	strata commit -q -a -m two
}

files() {
	setup
	strata cat v1:m.safetensors | cmp - ../m1
	strata cat HEAD:m.safetensors | cmp - m.safetensors
	out text strata cat v1:t
	ln -s t l
	strata add l
	strata commit -q -m link
	[ "$(strata cat HEAD:l)" = t ]
}

tensor() {
	setup
	strata cat v1:m.safetensors::w >w
	dd if=../m1 of=want bs=1 skip=$(($(wc -c <../m1) - 40)) count=24 2>/dev/null
	cmp w want
	strata cat v1:m.safetensors::w --as raw | cmp - want
	fails cmp -s w m.safetensors
}

npy() {
	setup
	strata cat v1:m.safetensors::w --as npy >w.npy
	head -c 128 w.npy | grep -aq "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
	[ "$(wc -c <w.npy)" -eq 152 ]
	strata cat v1:m.safetensors::w >w.raw
	tail -c 24 w.npy | cmp - w.raw
	strata cat HEAD:m.safetensors::h --as npy | head -c 128 | grep -aq "'<u2'"
	strata cat HEAD:m.safetensors::s --as npy | head -c 128 | grep -aq "'shape': ()"
}

usage() {
	setup
	rc 2 strata cat
	rc 2 strata cat HEAD:none
	rc 2 strata cat HEAD:m.safetensors::none
	rc 2 strata cat v9:t
	rc 2 strata cat HEAD:t --as npy
	rc 2 strata cat HEAD:m.safetensors::w --as txt
	err 'raw or npy' strata cat HEAD:m.safetensors::w --as txt
	rc 5 sh -c 'strata cat HEAD:m.safetensors >/dev/full'
	err 'standard output: No space' sh -c 'strata cat HEAD:m.safetensors >/dev/full'
}

closed_pipe() {
	repo
	head -c 3000000 /dev/urandom >big
	strata add big
	strata commit -q -m big
	strata cat HEAD:big 2>err | head -c 10 >/dev/null
	[ ! -s err ]
	strata cat HEAD:big | cmp - big
}

it 'files, byte for byte' files
it 'one tensor' tensor
it '--as npy is a NumPy file' npy
it 'wants names that exist, reports a full disk' usage
it 'is quiet when nobody reads on' closed_pipe
finish

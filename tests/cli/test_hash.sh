#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

need b3sum

like_b3sum() {
	for t_size in 0 1 1024 1025 100000 3000000; do
		head -c $t_size /dev/urandom >f$t_size
	done
	mkdir -p 'a dir'
	echo x >'a dir/back\slash'
	echo y >"$(printf 'new\nline')"
	b3sum f* a*/* n* >want
	out "$(cat want)" strata hash f* a*/* n*
	out "$(b3sum <f1025 | cut -c 1-64)  -" sh -c 'strata hash <f1025'
	out "$(b3sum <f1025 | cut -c 1-64)  -" sh -c 'cat f1025 | strata hash -'
	strata hash f* | b3sum --check >/dev/null
}

tensors() {
	model m.safetensors a:F32:16:1 b:I8::2
	cp m.safetensors n.safetensors
	strata hash --tensors m.safetensors >got
	out 'a
b' sh -c 'cut -c 67- got'
	tail -c 65 m.safetensors | head -c 64 | b3sum | cut -c 1-64 >want
	sed -n 1p got | cut -c 1-64 | cmp - want
	out 'm.safetensors::a
m.safetensors::b
n.safetensors::a
n.safetensors::b' sh -c 'strata hash -t m.safetensors n.safetensors | cut -c 67-'
}

json() {
	echo x >f
	out "{\"path\":\"f\",\"id\":\"$(b3sum <f | cut -c 1-64)\"}" strata hash --json f
	model m.safetensors a:F32:16
	match '^\{"path":"m.safetensors","name":"a","id":"[0-9a-f]{64}"\}$' strata hash -t --json m.safetensors
}

usage() {
	rc 2 strata hash none
	err '^strata: .*none' strata hash none
	rc 2 strata hash --tensors
	echo x >t
	rc 4 strata hash --tensors t
}

it 'prints what b3sum prints' like_b3sum
it '--tensors hashes each tensor' tensors
it '--json' json
it 'reports what it cannot read' usage
finish

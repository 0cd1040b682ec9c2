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

anywhere() {
	setup
	strata cat HEAD:m.safetensors::h >../h
	strata cat HEAD::h | cmp - ../h
	strata cat 'HEAD::h*' | cmp - ../h
	strata cat v1::h --as npy | tail -c 8 | cmp - ../h
	rc 2 strata cat HEAD::none
	err "'none' matches no tensor" strata cat HEAD::none
	for t_i in a b c; do
		mkdir $t_i
		model $t_i/n.safetensors w:F32:2:4 only$t_i:F32:2:5
	done
	strata add .
	strata commit -q -m more
	rc 2 strata cat HEAD::w
	err "'w' matches 4 tensors.*: a/n.safetensors::w, b/n.safetensors::w, c/n.safetensors::w, \.\.\.$" \
		strata cat HEAD::w
	rc 2 strata cat 'HEAD:a::*'
	err '2 tensors' strata cat 'HEAD:a::*'
	strata cat HEAD:b/n.safetensors::onlyb >want
	strata cat HEAD::onlyb | cmp - want
	strata cat HEAD:b::onlyb | cmp - want
	rc 2 strata cat HEAD:t::w
	err 'no model file there' strata cat HEAD:t::w
}

plain_file() {
	setup
	strata cat v1:m.safetensors::w --as npy >../w.npy
	cp ../m1 x.safetensors
	strata cat ./x.safetensors::w --as npy | cmp - ../w.npy
	strata cat x.safetensors::w >../w
	tail -c 24 ../w.npy | cmp - ../w
	strata cat ./x.safetensors | cmp - x.safetensors
	strata cat HEAD:m.safetensors::h >../h
	strata cat "$PWD/x.safetensors::h" | cmp - ../h
	rc 2 strata cat ./x.safetensors::none
	rc 2 strata cat './x.safetensors::*'
	rc 2 strata cat ./none.safetensors::w
	rc 2 strata cat ./none.safetensors
	err 'not a model file' strata cat ./t::w
	mkdir main # a revision comes before a path of its name
	strata cat main::h | cmp - ../h
}

colons() {
	repo
	mkdir d::e
	model a::b.safetensors x__y:F32:4:1 w:F32:4:2
	LC_ALL=C sed -i s/x__y/x::y/ a::b.safetensors
	cp a::b.safetensors d::e/m.safetensors
	echo plain >a
	strata add .
	strata commit -q -m one
	strata cat HEAD:d::e::x::y >../xy
	[ "$(wc -c <../xy)" -eq 16 ]
	for t_name in HEAD:a::b.safetensors HEAD:./a::b.safetensors a::b.safetensors ./a::b.safetensors \
		HEAD:d::e/m.safetensors; do
		strata cat $t_name | cmp - a::b.safetensors
		strata cat $t_name::x::y | cmp - ../xy
	done
	match '^d::e/m.safetensors::w$' strata show HEAD:d::e/m.safetensors::w
	match ' w$' strata ls --tensors HEAD:d::e/
	out '' strata diff HEAD:a::b.safetensors d::e/m.safetensors
	strata rm -q d::e/m.safetensors
	strata commit -q -m two
	strata branch a
	strata cat a::x::y | cmp - ../xy
	rc 2 strata cat HEAD:a::none
	err "'HEAD:a::' names no tensor" strata cat HEAD:a::
}

sharded() {
	repo
	mkdir d
	model d/model-00001-of-00002.safetensors a:F32:2:1
	model d/model-00002-of-00002.safetensors b:F32:2:2
	cat >d/model.safetensors.index.json <<-'EOT'
	{"metadata":{"total_size":16},"weight_map":{"a":"model-00001-of-00002.safetensors",
	"b":"model-00002-of-00002.safetensors"}}
	EOT
	strata add .
	strata commit -q -m one
	strata cat HEAD:d/model-00002-of-00002.safetensors::b >../b
	strata cat HEAD:d/model.safetensors.index.json::b | cmp - ../b
	strata cat HEAD:d/model.safetensors.index.json | cmp - d/model.safetensors.index.json
	rc 2 strata cat HEAD:d/model.safetensors.index.json::c
	strata rm -q d/model-00001-of-00002.safetensors
	strata commit -q -m two
	rc 2 strata cat HEAD:d/model.safetensors.index.json::b
	err 'the shard model-00001-of-00002.safetensors, which that version lacks' \
		strata cat HEAD:d/model.safetensors.index.json::b
	strata cat HEAD:d::b | cmp - ../b
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
it 'a tensor wherever it is in the version' anywhere
it 'a plain file and its tensors' plain_file
it 'finds a tensor in its shard' sharded
it '"::" in the names of files and tensors' colons
it 'wants names that exist, reports a full disk' usage
it 'is quiet when nobody reads on' closed_pipe
finish

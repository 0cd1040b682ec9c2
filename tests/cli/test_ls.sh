#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

need b3sum

setup() {
	repo
	model m.safetensors w:BF16:8,4:1 odd:I8::2 b.bias:F32:3:3
	mkdir d
	model d/n.safetensors w:F32:2:4
	echo 1 >t
	chmod +x t
	ln -s t link
	strata add .
	strata commit -q -m one
}

files() {
	setup
	strata ls >got
	id=$(b3sum <m.safetensors | cut -c 1-12)
	grep -qx "$id  *[0-9]* B  safetensors  3 tensors  m.safetensors" got
	out 'd/n.safetensors
link
m.safetensors
t' strata ls --name-only
	out 'd/n.safetensors' strata ls --name-only HEAD:d
	out 'd/n.safetensors
m.safetensors' strata ls --name-only 'HEAD:*.safetensors'
	match ' exec  .*t$' strata ls HEAD:t
	match ' link  .*link$' strata ls v1:link
}

files_json() {
	setup
	id=$(strata hash t | cut -c 1-64)
	out "{\"path\":\"t\",\"kind\":\"file\",\"mode\":\"exec\",\"format\":null,\"nbytes\":2,\"tensors\":0,\"id\":\"$id\"}" strata ls --json HEAD:t
	match '"path":"m.safetensors","kind":"model","mode":"file","format":"safetensors","nbytes":[0-9]*,"tensors":3' strata ls --json
}

tensors() {
	setup
	strata ls --tensors HEAD:m.safetensors | sed 's/^[0-9a-f]\{12\}/ID/' >got
	out 'ID  bf16  [8, 4]  64 B  w
ID  i8        []   1 B  odd
ID  f32      [3]  12 B  b.bias' cat got
	out 'w' strata ls -t --name-only HEAD:m.safetensors::w
	out 'w
w' strata ls --name-only HEAD::w
	match ' d/n.safetensors  w$' strata ls HEAD::w
	match ' b.bias$' strata ls 'HEAD:m.safetensors::*.bias'
}

tensors_json() {
	setup
	id=$(strata cat HEAD:m.safetensors::w | strata hash | cut -c 1-64)
	off=$(($(wc -c <m.safetensors) - 77))
	out "{\"path\":\"m.safetensors\",\"name\":\"w\",\"dtype\":\"bf16\",\"shape\":[8,4],\"nbytes\":64,\"id\":\"$id\",\"offset\":$off}" strata ls -t --json HEAD:m.safetensors::w
}

plain_file() {
	model m.safetensors a:F32:4
	match 'f32  \[4\]  16 B  a$' strata ls --tensors m.safetensors
	rc 3 strata ls
	err 'not in a strata repository' strata ls m.safetensors
	rc 2 strata ls --tensors
}

sharded() {
	repo
	mkdir d
	model d/model-00001-of-00002.safetensors a:F32:2:1
	model d/model-00002-of-00002.safetensors b:F32:2:2
	cat >d/model.safetensors.index.json <<-'EOT'
	{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}
	EOT
	strata add .
	strata commit -q -m one
	out 'a
b' strata ls --tensors --name-only HEAD:d/model.safetensors.index.json
	out b strata ls --name-only 'HEAD:*.index.json::b'
	match '"path":"d/model-00002-of-00002.safetensors","name":"b"' \
		strata ls --json HEAD:d/model.safetensors.index.json::b
	out 'd/model.safetensors.index.json' strata ls --name-only HEAD:d/model.safetensors.index.json
	out 'a
b' strata ls --tensors --name-only
	strata rm -q d/model-00002-of-00002.safetensors
	strata commit -q -m two
	rc 2 strata ls --tensors HEAD:d/model.safetensors.index.json
	err 'the shard model-00002-of-00002.safetensors, which that version lacks' \
		strata ls --tensors HEAD:d/model.safetensors.index.json
	out a strata ls --tensors --name-only
}

usage() {
	setup
	rc 2 strata ls ./m.safetensors
	err 'strata inspect ./m.safetensors' strata ls ./m.safetensors
	rc 2 strata ls --tensors ./none
	rc 2 strata ls v9
	rc 2 strata ls HEAD:none
	rc 2 strata ls HEAD:m.safetensors::none
	rc 2 strata ls 'HEAD::none*'
	rc 2 strata ls a b
}

it 'files with ids that b3sum confirms' files
it 'files as JSON' files_json
it 'tensors, globs, several files' tensors
it 'tensors as JSON' tensors_json
it 'tensors of a plain file, no repository' plain_file
it 'the tensors of all shards of an index file' sharded
it 'wants names that exist' usage
finish

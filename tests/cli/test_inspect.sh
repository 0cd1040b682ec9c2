#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

summary() {
	model m.safetensors w:BF16:8,4 v:BF16:2 b:F32:3 --meta format=pt
	out 'm.safetensors: safetensors, 288 B
  tensors   3, 37 elements, 80 B
  bf16      2, 34 elements, 68 B
  f32       1, 3 elements, 12 B
  metadata  {"metadata":{"format":"pt"}}' strata inspect m.safetensors
}

tensors() {
	model m.safetensors w:BF16:8,4 b:F32:3
	strata inspect -t m.safetensors | sed 1,4d >got
	out 'bf16  [8, 4]  64 B  w
f32      [3]  12 B  b' cat got
}

json() {
	model m.safetensors w:BF16:8,4
	out '{"kind":"tensor","path":"m.safetensors","name":"w","dtype":"bf16","shape":[8,4],"nbytes":64,"id":null,"offset":72}
{"kind":"file","path":"m.safetensors","format":"safetensors","nbytes":136,"shards":0,"tensors":1,"elements":32,"tensor_bytes":64,"dtypes":{"bf16":{"tensors":1,"elements":32,"nbytes":64}},"metadata":null,"problem":null}' strata inspect --json --tensors m.safetensors
}

damaged() {
	model m.safetensors w:BF16:8,4
	head -c 100 m.safetensors >cut.safetensors
	rc 4 strata inspect cut.safetensors
	grep -q '^  damaged   ' "$t_tmp/out"
	grep -q '^strata: .*cut.safetensors' "$t_tmp/err"
	rc 4 strata inspect cut.safetensors m.safetensors
	grep -q '^m.safetensors: safetensors, ' "$t_tmp/out"
	rc 4 strata inspect --json cut.safetensors
	grep -q '"problem":"' "$t_tmp/out"
}

ordinary() {
	echo text >t
	out 't: ordinary file, 5 B' strata inspect t
	rc 2 strata inspect none
	rc 2 strata inspect
}

sharded() {
	cp "$ST_SRC"/tests/golden/safetensors/sharded/* .
	match 'safetensors, .* 3 shards$' strata inspect model.safetensors.index.json
	n=$(strata inspect --json -t model.safetensors.index.json | grep -c '"kind":"tensor"')
	[ "$n" -eq "$(strata inspect --json model.safetensors.index.json | sed 's/.*"tensors":\([0-9]*\),.*/\1/')" ]
}

# What a directory's model is: an index, then safetensors, then PyTorch's; not an optimizer.
directory() {
	golden=$ST_SRC/tests/golden/pytorch
	some=$(find "$golden" -name '*.pt' | head -n 1)
	mkdir d
	cp "$some" d/optimizer.pt
	match '^d: torch' strata inspect d
	cp "$some" d/rng_state.pth
	rc 2 strata inspect d
	err 'several model files: name one' strata inspect d
	cp "$some" d/pytorch_model.bin
	match '^d: torch' strata inspect d
	model d/adapter.safetensors w:F32:3
	match 'tensors   1, 3 elements' strata inspect d
	model d/other.safetensors w:F32:5
	rc 2 strata inspect d
	model d/model.safetensors w:F32:7
	match 'tensors   1, 7 elements' strata inspect d
	cp "$ST_SRC"/tests/golden/safetensors/sharded/* d
	cp d/model.safetensors.index.json d/pytorch_model.bin.index.json
	match 'safetensors, .* 3 shards$' strata inspect d
}

it 'a summary' summary
it '--tensors lists them' tensors
it '--json' json
it 'a damaged file: what and where, status 4, and on with the next' damaged
it 'an ordinary file, none at all' ordinary
it 'a sharded model is one' sharded
it 'the model of a directory' directory
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Versions of a model that was trained on are differences; what comes back is every byte.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# tune FILE SEED: every other element of it moves by a few units in the last place.
tune() {
	"$ST_BUILD/tests/mkmodel" --tune "$@"
}

setup() {
	repo
	model m.safetensors w:F32:300,1000:1 b:BF16:200,768:2 h:F16:64,64:3 d:F64:32,32:4 i:I64:50,20:5
	strata add .
	strata commit -q -m one
	cp m.safetensors ../m1
}

versions() {
	setup
	for t_i in 2 3 4 5 6 7 8 9 10 11 12; do
		tune m.safetensors $t_i
		strata commit -q -a -m $t_i
		cp m.safetensors ../m$t_i
	done
	match '^delta  ' strata stats
	strata stats --json >got
	python3 - got <<-'EOF'
	import json, sys
	s = json.load(open(sys.argv[1]))
	assert s["max_depth"] == 3, s # change 7 and change 11
	assert s["by_coding"]["delta"]["stored_bytes"] < s["by_coding"]["delta"]["logical_bytes"] / 4, s
	EOF
	match ': no faults$' strata fsck --full
	for t_i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		strata cat v$t_i:m.safetensors | cmp - ../m$t_i
	done
	strata checkout -q v5 --to ../five
	cmp ../five/m.safetensors ../m5
	strata gc --prune=now
	match ': no faults$' strata fsck --full
	strata cat v12:m.safetensors | cmp - ../m12
}

fast() {
	setup
	tune m.safetensors 2
	strata add --fast m.safetensors
	strata commit -q -m two
	strata stats >got
	fails grep -q '^delta ' got
	strata cat HEAD:m.safetensors | cmp - m.safetensors
}

side_by_side() {
	setup
	mkdir next
	cp m.safetensors next/
	tune next/m.safetensors 2
	strata add next
	strata commit -q -m two
	match '^delta  ' strata stats
	strata cat HEAD:next/m.safetensors | cmp - next/m.safetensors
}

steps() { # the newest checkpoint is the base, and of a file what the last version has, not the stage
	setup
	for t_i in 500 1000 1500; do
		mkdir checkpoint-$t_i
		cp m.safetensors checkpoint-$t_i/
		tune checkpoint-$t_i/m.safetensors $t_i
		cp checkpoint-$t_i/m.safetensors m.safetensors
		touch -d "$t_i seconds" checkpoint-$t_i/m.safetensors # within one second names decide
		strata add checkpoint-$t_i
		strata commit -q -m $t_i
	done
	match '"max_depth":2,' strata stats --json # numbers 1, 2 and 3
	cp ../m1 m.safetensors
	tune m.safetensors 2
	strata add m.safetensors
	tune m.safetensors 3
	strata add m.safetensors
	strata commit -q -m again
	strata gc --prune=now --json >got
	fails grep -q '"removed_objects":0,' got
	match ': no faults$' strata fsck --full
}

unrelated() {
	setup
	model m.safetensors w:F32:300,1000:7 b:BF16:200,768:8 h:F16:64,64:9
	strata commit -q -a -m two
	strata stats >got
	fails grep -q '^delta ' got
	match '"max_depth":0' strata stats --json
}

it 'versions are differences, few deep' versions
it '--fast reads no base' fast
it 'a model beside another is a difference from it' side_by_side
it 'the newest of several, and not what was only staged' steps
it 'weights that have nothing in common stand by themselves' unrelated
finish

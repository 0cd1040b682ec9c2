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

# What HEAD declares to be made from, though nothing of it is there any more.
lineage() {
	setup
	strata rm -q m.safetensors
	strata commit -q -m 'begin anew'
	tune ../m1 2
	cp -r . ../without
	cd ../without
	cp ../m1 new.safetensors
	strata add new.safetensors
	strata commit -q -m tuned
	strata stats HEAD >got
	fails grep -q '^delta ' got
	without=$(du -sb .strata/packs | cut -f1)
	cd ../repo
	strata commit -q --allow-empty -m 'from the first' --lineage fine-tuned-from=v1
	cp ../m1 new.safetensors
	strata add new.safetensors
	strata commit -q -m tuned
	match '^delta ' strata stats HEAD
	before=$(du -sb ../repo/.strata/packs | cut -f1)
	echo "without $without, with $before"
	[ $(((without - before) * 3)) -gt 1000000 ]
	strata gc --prune=now
	match ': no faults$' strata fsck --full
	strata cat HEAD:new.safetensors | cmp - ../m1
	strata checkout -q v1 --to ../one
}

# A lineage that is damaged is no base, and keeps nothing from being added.
lost_lineage() {
	setup
	strata rm -q m.safetensors
	strata commit -q -m 'begin anew' --lineage pruned-from=v1
	pack=$(ls -S .strata/packs | head -n 1)
	printf XXXXXXXX | dd of=".strata/packs/$pack" bs=1 seek=300 conv=notrunc 2>/dev/null
	cp ../m1 new.safetensors
	tune new.safetensors 2
	strata add new.safetensors
	strata commit -q -m tuned
	strata cat HEAD:new.safetensors | cmp - new.safetensors
}

it 'versions are differences, few deep' versions
it 'of what the version before declares to be made from' lineage
it 'which need not be readable' lost_lineage
it '--fast reads no base' fast
it 'a model beside another is a difference from it' side_by_side
it 'the newest of several, and not what was only staged' steps
it 'weights that have nothing in common stand by themselves' unrelated
finish

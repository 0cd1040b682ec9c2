#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	model m.safetensors a:F32:64,64:1
	strata add .
	strata commit -q -m one
	model m.safetensors a:F32:64,64:2
	strata add .
	model m.safetensors a:F32:64,64:3
	strata add .
	strata commit -q -m two
}

removes() {
	setup
	strata gc --prune=now --dry-run >got
	grep -Eqx 'would remove [0-9]+ objects?, .*' got
	strata gc >got
	grep -Eqx 'removed 0 objects, 0 B|nothing to tidy up' got
	strata gc --prune=now --json >got
	grep -Eq '"ran":true,"dry_run":false,"removed_objects":[0-9]+,' got
	match ': no faults$' strata fsck --full
	strata checkout -q v1 --to ../one
	strata cat v2:m.safetensors | cmp - m.safetensors
}

merges() {
	repo
	for t_i in 1 2 3 4 5; do
		echo $t_i >f$t_i
		strata add .
		strata commit -q -m $t_i
	done
	strata gc --prune=now --json >got
	before=$(sed 's/.*"packs_before":\([0-9]*\).*/\1/' got)
	after=$(sed 's/.*"packs_after":\([0-9]*\).*/\1/' got)
	[ "$after" -le "$before" ]
	match ': no faults$' strata fsck --full
	out 5 sh -c 'strata log --oneline | wc -l'
}

ages() {
	repo
	for t_age in now 0s 30m 12h 14d 2w; do
		strata gc --prune=$t_age
	done
	rc 2 strata gc --prune=2y
	rc 2 strata gc --prune=
	rc 2 strata gc --prune w
	err '30m, 12h, 14d or 2w' strata gc --prune w
	rc 2 strata gc now
	out '' strata gc -q
}

it 'removes what nothing needs, nothing else' removes
it 'merges packs' merges
it 'understands ages' ages
finish

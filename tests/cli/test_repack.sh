#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# slow
# timeout 900
# What was added fast is stored in less room; no version changes.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# tune FILE SEED: every third number moves by a few units in the last place.
tune() {
	"$ST_BUILD/tests/mkmodel" --tune "$@" 3
}

json() { # KEY FILE: a number of one JSON object
	sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$2"
}

save() { # NUMBER: what the version holds, beside the repository
	cp m.safetensors "../m$1"
}

all_there() { # NUMBER...
	match ': no faults$' strata fsck --full
	for t_i; do
		strata cat "v$t_i:m.safetensors" | cmp - "../m$t_i"
	done
}

fast_versions() { # COUNT
	repo
	model m.safetensors w:F32:600,1000:1 b:BF16:200,768:2 h:F16:64,64:3
	python3 -c "open('notes', 'w').write('a line of notes\n' * 150000)"
	strata add --fast .
	strata commit -q -m 1
	save 1
	for t_i in $(seq 2 "$1"); do
		tune m.safetensors "$t_i"
		strata add --fast m.safetensors
		strata commit -q -m "$t_i"
		save "$t_i"
	done
}

becomes_small() {
	fast_versions 9
	strata stats --json >../before
	strata repack --json >got
	[ "$(json objects got)" -ge 28 ]
	[ "$(json bytes_after got)" -lt $(($(json bytes_before got) / 2)) ]
	strata stats --json >../after
	[ "$(json max_depth ../before)" -eq 0 ] # of the tensors; pages of manifests are differences
	grep -q '"terse-delta":{"objects":[1-9]' ../before
	fails grep -q '"delta":{"objects":[1-9]' ../before
	[ "$(json max_depth ../after)" -eq 3 ] # change 7 of each tensor
	[ "$(json objects ../before)" -eq "$(json objects ../after)" ]
	[ "$(json logical_bytes ../before)" -eq "$(json logical_bytes ../after)" ]
	match '^delta  ' strata stats
	all_there 1 2 3 4 5 6 7 8 9
	strata cat v1:notes | cmp - notes
	out 'nothing to repack' strata repack
	out '' strata repack -q
	strata gc --prune=now
	all_there 1 5 9
	strata checkout -q v3
	cmp m.safetensors ../m3
	strata undo
	strata undo
}

between_others() { # differences from what was added fast stay readable
	repo
	model m.safetensors w:F32:600,1000:1 b:BF16:200,768:2
	strata config store.mode default
	for t_i in 1 2 3 4 5 6 7 8; do
		tune m.safetensors "$t_i"
		case $t_i in
		2 | 3 | 6) strata add --fast m.safetensors ;;
		*) strata add m.safetensors ;;
		esac
		strata commit -q -m "$t_i"
		save "$t_i"
	done
	strata repack >got
	grep -Eqx 'repacked 6 objects' got
	grep -Eqx 'packs    [0-9]+ -> [0-9]+' got
	grep -Eqx 'stored   .* -> .*' got
	all_there 1 2 3 4 5 6 7 8
	out 'nothing to repack' strata repack
	tune m.safetensors 9
	strata commit -q -a -m 9
	save 9
	all_there 1 2 3 4 5 6 7 8 9
}

branches() { # a base may be on a branch that is gone
	fast_versions 3
	strata switch -q -c side v2
	tune m.safetensors 50
	strata add --fast m.safetensors
	strata commit -q -m side
	strata switch -q main
	tune m.safetensors 51
	strata config store.mode fast
	strata add m.safetensors
	strata commit -q -m last
	strata cat HEAD:m.safetensors >../last
	strata repack
	strata branch -D side
	strata gc --prune=now
	match ': no faults$' strata fsck --full
	strata cat HEAD:m.safetensors | cmp - ../last
	strata cat v1:m.safetensors | cmp - ../m1
	out 'nothing to repack' strata repack
}

staged() { # and not committed yet
	fast_versions 2
	tune m.safetensors 3
	strata add --fast m.safetensors
	strata repack
	strata commit -q -m three
	save 3
	all_there 1 2 3
	[ "$(strata stats --json | sed -n 's/.*"max_depth":\([0-9]*\).*/\1/p')" -eq 1 ]
	out 'nothing to repack' strata repack
}

max() {
	fast_versions 4
	strata repack
	strata repack --max --json >got
	[ "$(json objects got)" -ge 12 ]
	[ "$(json bytes_after got)" -le "$(json bytes_before got)" ]
	all_there 1 2 3 4
	out 'nothing to repack' strata repack --max
}

states() {
	repo
	out 'nothing to repack' strata repack
	echo 1 >a
	strata add a
	out 'nothing to repack' strata repack
	strata commit -q -m one
	strata checkout -q v1
	out 'nothing to repack' strata repack
	match '"objects":0,' strata repack --json
	rc 2 strata repack now
	cd ..
	rc 3 strata repack || [ "$t_rc" -ne 0 ]
}

killed() {
	fast_versions 6
	strata fsck
	for t_k in 1 2 3 4 5 6 7 8 9 10 11 12; do
		strata repack -q &
		t_pid=$!
		sleep "$((t_k / 10)).$((t_k % 10))"
		kill -9 $t_pid 2>/dev/null || :
		wait $t_pid || :
		match ': no faults$' strata fsck
	done
	all_there 1 2 3 4 5 6
	strata repack
	all_there 1 2 3 4 5 6
	tune m.safetensors 7
	strata commit -q -a -m 7
	save 7
	strata gc --prune=now
	all_there 1 2 3 4 5 6 7
	out '' sh -c 'find .strata/packs -name "tmp-*"'
}

beside_others() { # whoever adds waits, or goes first
	fast_versions 4
	strata config core.lockTimeout 600
	strata repack -q &
	t_pid=$!
	for t_i in 5 6 7; do
		tune m.safetensors "$t_i"
		strata commit -q -a -m "$t_i"
		save "$t_i"
	done
	wait $t_pid
	all_there 1 2 3 4 5 6 7
	strata repack
	all_there 1 2 3 4 5 6 7
}

# The newest tensor of that name has nothing to do with it; what commit was told has.
declared() {
	repo
	model base.safetensors w:BF16:600,1000:1
	strata add -q --fast . && strata commit -q -m base
	model other.safetensors w:BF16:600,1000:2
	cp base.safetensors ../kept && rm base.safetensors
	strata add -q --fast -A . && strata commit -q -m other
	mv ../kept fine.safetensors && tune fine.safetensors 3 && cp fine.safetensors ../fine
	strata add -q --fast fine.safetensors
	strata commit -q -m fine "$@"
	strata repack -q
	strata fsck --full >&2
	strata cat v3:fine.safetensors | cmp - ../fine
	strata stats --json | sed -n 's/.*"\(delta":{"objects":[0-9]*\).*/\1/p'
}

lineage() {
	[ -z "$(declared)" ]
	rm -rf repo
	out 'delta":{"objects":1' declared --lineage fine-tuned-from=v1
}

it 'makes differences of what was added fast' becomes_small
it 'makes differences against what a version was made from' lineage
it 'leaves what depends on it readable' between_others
it 'bases outlive their branch' branches
it 'codes staged files too' staged
it '--max codes everything once' max
it 'has nothing to do in any other state' states
it 'may be killed at any time' killed
it 'runs beside add and commit' beside_others
finish

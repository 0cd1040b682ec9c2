#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	model m.safetensors a:F32:64,64:1 b:BF16:64:2
	echo 1 >t
	strata add .
	strata commit -q -m one
	model m.safetensors a:F32:64,64:1 b:BF16:64:3
	strata commit -q -a -m two
}

sound() {
	setup
	match '^2 versions, [0-9]+ objects in [0-9]+ packs?, .*: no faults$' strata fsck
	match ': no faults$' strata fsck --full
	out '' strata fsck -q
	match '^\{"kind":"summary","objects":[0-9]+,"bytes":[0-9]+,"packs":[0-9]+,"versions":2,"faults":0\}$' strata fsck --json
}

rebuild() {
	setup
	strata log --json >before
	strata ls --json v1 >>before
	match ': no faults$' strata fsck --rebuild
	rm .strata/catalog.db
	match ': no faults$' strata fsck --rebuild
	strata log --json >after
	strata ls --json v1 >>after
	cmp before after
}

# What the process may not open is not damaged.
few_files() {
	setup
	[ "$(sh -c 'ulimit -n 6; strata fsck' 2>&1 | grep -c '^fault')" = 0 ]
	rc 6 sh -c 'ulimit -n 6; exec strata fsck'
	match ': no faults$' strata fsck
}

flipped() {
	setup
	pack=$(ls -S .strata/packs/*.pack | head -n 1)
	chmod u+w "$pack"
	printf '\377\377\377' | dd of="$pack" bs=1 seek=$(($(wc -c <"$pack") / 2)) conv=notrunc 2>/dev/null
	rc 1 strata fsck
	grep -q '^fault  .*pack at ' "$t_tmp/out"
	grep -Eq ': [0-9]+ faults?$' "$t_tmp/out"
	rc 1 strata fsck --json
	grep -q '"kind":"fault"' "$t_tmp/out"
	tail -n 1 "$t_tmp/out" | grep -q '"kind":"summary".*"faults":[1-9]'
}

log_cut() { # who accepts the loss is not told to accept it
	repo
	echo 1 >a
	strata add a && strata commit -q -m one
	cp .strata/ops ../ops
	echo 2 >a
	strata commit -q -a -m two
	cp ../ops .strata/ops
	rc 0 strata log
	grep -q "not changed before .strata/ops is back from a backup.*'strata help fsck'" "$t_tmp/err"
	match '^v2 ' strata log --oneline
	rc 5 strata commit -q --allow-empty -m x
	err "give them up with 'strata fsck --rebuild'" strata commit -q --allow-empty -m x
	rc 1 strata fsck
	grep -q "^fault  the operation log has lost operation .*'strata fsck --rebuild' gives it up" "$t_tmp/out"
	rc 1 strata fsck --rebuild
	fails grep -q -e --rebuild "$t_tmp/out" "$t_tmp/err"
	match 'accepts the loss' strata help fsck
	out 'v1 one' sh -c "strata log --oneline 2>/dev/null | sed 's/ .* / /'"
	strata commit -q --allow-empty -m x
}

usage() {
	setup
	rc 2 strata fsck all
	rc 3 strata -C / fsck
}

it 'a sound repository' sound
it '--rebuild makes an equal catalogue' rebuild
it 'takes too few open files for no damage' few_files
it 'a flipped bit is found and named' flipped
it 'an operation log that lost operations: what to do is said where it helps' log_cut
it 'usage' usage
finish

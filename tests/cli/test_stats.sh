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

text() {
	setup
	strata stats >got
	grep -qx 'versions  2' got
	grep -Eqx 'objects   [0-9]+ in [0-9]+ packs?' got
	grep -qx 'logical   33 KiB' got
	grep -Eqx 'stored    [0-9.]+ KiB  \([0-9.]+x\)' got
	grep -Eq '^coding +objects +logical +stored +ratio$' got
	grep -Eq '^f32 +1 +16 KiB ' got
	strata stats v1 >got
	grep -qx 'versions  1' got
	grep -qx 'logical   16 KiB' got
}

json() {
	setup
	strata stats --json >got
	python3 - got "$(strata ls --json v1 | sed 's/.*"nbytes":\([0-9]*\).*/\1/' | paste -sd+ | sed 's/.*/(&)*2/')" <<-'EOF'
	import json, sys
	s = json.loads(open(sys.argv[1]).read())
	assert s["versions"] == 2, s
	assert s["logical_bytes"] == eval(sys.argv[2]), s
	assert abs(s["ratio"] - s["logical_bytes"] / s["stored_bytes"]) < 0.01, s
	assert s["by_dtype"]["bf16"]["objects"] == 2 and s["by_dtype"]["f32"]["objects"] == 1, s
	assert sum(c["stored_bytes"] for c in s["by_dtype"].values()) == s["stored_bytes"], s
	assert s["disk_bytes"] >= s["stored_bytes"], s
	EOF
}

empty() {
	repo
	match '^versions  0$' strata stats
	match '"ratio":null' strata stats --json
	rc 2 strata stats v1
	rc 2 strata stats v1 v2
}

it 'figures for people' text
it 'figures that add up' json
it 'an empty repository' empty
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

short() {
	v=$(sed -n "s/.*version: '\([0-9.]*\)'.*/\1/p" "$ST_SRC/meson.build" | head -n 1)
	out "strata $v" strata version
	out "strata $v" strata --version
	match '^features .* format:safetensors' strata version -v
	match '^libraries .*zstd [0-9.]+, sqlite [0-9.]+$' strata version -v
}

json() {
	strata version --json >got
	out 1 sh -c 'wc -l <got'
	grep -Eqx '\{"version":"[0-9.]+","features":\[("[a-z0-9:.-]+",?)+\],"libraries":\{("[a-z0-9]+":"[0-9.]+",?)+\}\}' got
	rc 2 strata version now
}

it 'the version, and more with -v' short
it '--json lists features and libraries' json
finish

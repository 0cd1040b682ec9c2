#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	mkdir d
	echo 1 >a
	echo 2 >d/b
	echo 3 >d/c
	strata add .
	strata commit -m one
}

removes() {
	setup
	out 'remove  a' strata rm a
	[ ! -e a ]
	out 'D  a' strata status -s
	match '1 removed' strata commit -m two
	strata cat v1:a | grep -qx 1
}

cached() {
	setup
	out 'remove  a' strata rm --cached a
	[ -e a ]
	out 'D  a
?? a' strata status -s
}

recursive() {
	setup
	rc 2 strata rm d
	err 'give -r' strata rm d
	out 'remove  d/b
remove  d/c' strata rm -r d
	[ ! -e d ]
}

dry_run() {
	setup
	out 'remove  a' strata rm -n a
	[ -e a ]
	out '' strata status -s
}

protects() {
	setup
	echo changed >a
	rc 7 strata rm a
	err '^strata: a has changes' strata rm a
	[ "$(cat a)" = changed ]
	echo new >n
	strata add n
	rc 7 strata rm n
	out 'remove  a' strata rm -f a
	out '' strata rm -q -f n
	[ ! -e a ] && [ ! -e n ]
}

usage() {
	setup
	rc 2 strata rm
	err 'PATH... is missing' strata rm
	rc 2 strata rm nothing
	rc 2 strata rm '*.none'
	out '' strata status -s
}

it 'removes the file and stages that' removes
it '--cached keeps the file' cached
it 'directories need -r' recursive
it '-n removes nothing' dry_run
it 'refuses to lose changes, -f does not' protects
it 'wants paths that match' usage
finish

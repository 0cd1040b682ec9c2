#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# v1, and v2 and v3 on top of it; another branch from v1.
setup() {
	strata init r >/dev/null
	cd r
	echo 1 >a && echo 1 >b
	strata add . && strata commit -q -m one
	echo 2 >a && strata commit -q -a -m two
	echo 2 >b && echo new >c
	strata add . && strata commit -q -m three
	strata switch -q -c side v1
}

picks_some() {
	setup
	match '^v4 [0-9a-f]{12}  side  three$' strata cherry-pick v3
	[ "$(cat a)" = 1 ] && [ "$(cat b)" = 2 ] && [ "$(cat c)" = new ]
	match '^v5 .*said otherwise$' strata cherry-pick -m 'said otherwise' v2
	out '' strata diff v3 HEAD
	out '' strata status -s
	strata fsck
}

onto_its_parent() {
	setup
	strata cherry-pick -q v2
	out '' strata diff v2 HEAD
}

refuses() {
	setup
	echo mine >b
	strata commit -q -a -m mine
	rc 7 strata cherry-pick v3
	err "'b'" strata cherry-pick v3
	[ "$(cat b)" = mine ] && [ ! -e c ]
	out '' strata status -s
	rc 2 strata cherry-pick nonsense
	rc 2 strata cherry-pick
}

it 'takes what a version changed, and no more' picks_some
it 'onto its parent gives the version' onto_its_parent
it 'refuses a file that changed here too, and leaves all as it was' refuses
finish

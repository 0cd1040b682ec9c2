#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	echo 1 >a
	strata add a
	strata commit -q -m 'one
and more'
	echo 2 >a
	strata commit -q -a -m two
}

# Columns: version, ref and what was done; ids, times and people are left out.
moves() {
	strata reflog "$@" | sed -E 's/^([0-9a-f]{12}|-) +(v[0-9]+|-) +([^ ]+) .*>  /\2 \3 /'
}

lists() {
	setup
	out 'v2 HEAD@{0} commit -a: two
v1 HEAD@{1} commit: one' moves
	match 'Ada Tester <ada@example.org>  commit -a: two' strata reflog
	strata commit -q --amend -m better
	out 'v3 main@{0} commit --amend: better' moves -n 1 main
	out 'v3 main@{0} commit --amend: better' moves -1 heads/main
	out '' strata reflog -n 0
}

follows_head() {
	setup
	strata checkout -q v1
	echo 3 >a
	strata commit -q -a -m side
	strata checkout -q main
	out 'v2 HEAD@{0} checkout main
v3 HEAD@{1} commit -a: side
v1 HEAD@{2} checkout v1
v2 HEAD@{3} commit -a: two
v1 HEAD@{4} commit: one' moves @
	out 'v2 main@{0} commit -a: two
v1 main@{1} commit: one' moves main
}

empty() {
	repo
	out '' strata reflog
	out '' strata reflog HEAD
	rc 2 strata reflog main
}

refuses() {
	setup
	rc 2 strata reflog nothing
	err "no branch or tag 'nothing'" strata reflog nothing
	rc 2 strata reflog a b
	rc 2 strata reflog -n x
}

json() {
	setup
	strata reflog --json >j
	[ "$(wc -l <j)" -eq 2 ]
	head -n 1 j | grep -q '"ref":"HEAD","index":0,.*"version":"v2",.*"verb":"commit","why":"commit -a: two"'
	tail -n 1 j | grep -q '"old":null'
}

survives() {
	setup
	moves >../before
	strata gc --prune=now
	moves | diff -u ../before -
	strata fsck --rebuild
	moves | diff -u ../before -
}

it 'lists the moves of HEAD and of a branch' lists
it 'HEAD moves with its branch and without' follows_head
it 'is empty in an empty repository' empty
it 'wants a ref that is or was' refuses
it '--json has one object a move' json
it 'survives gc and fsck --rebuild' survives
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	echo 1 >a
	strata add .
	strata commit -q -m one
	echo 2 >a
	strata commit -q -a -m two
	id1=$(strata log --oneline v1 | cut -d' ' -f2)
	id2=$(strata log --oneline -1 | cut -d' ' -f2)
}

lists() {
	repo
	out '' strata tag
	rc 2 strata tag early
	cd ..
	rm -rf repo
	setup
	strata tag light v1
	strata tag best -m 'the best
so far'
	out "best   v2  $id2  the best
light  v1  $id1" sh -c "strata tag | sed 's/ *$//'"
	match '"name":"best",.*"author":"Ada Tester <ada@example.org>","time":"[^"]*","message":"the best.*nso far"' \
		strata tag --json
	match '"name":"light",.*"version":"v1","author":null,"time":null,"message":null' strata tag --json
}

shows() {
	setup
	strata tag first v1
	match '^v1 .*\(tag: first\) one' strata log --oneline
	match '\(tag: first\)' strata show first
	match '"tags":\["first"\]' strata show --json first
	match '"tags":\["first"\]' strata log --json first
	match '^HEAD is detached at v1' strata checkout first
}

moves() {
	setup
	strata tag t v1 -m one
	rc 7 strata tag t
	err '-f moves it' strata tag t
	rc 7 strata tag t/u
	strata tag -f t
	match '"version":"v2","author":null' strata tag --json
	strata tag -f -a t -m again
	match '"message":"again"' strata tag --json
	strata tag u
	out "deleted tag t (was v2 $id2)
deleted tag u (was v2 $id2)" strata tag -d t u
	out '' strata tag
	rc 2 strata tag -d t
	strata tag t
	match '"message":null' strata tag --json
}

names() {
	setup
	for n in v12 v1.2.0 HEAD a..b 'a b' 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef; do
		rc 2 strata tag "$n"
	done
	err 'looks like a version number' strata tag v3
	rc 2 strata tag x v9
	rc 2 strata tag x -m ''
	rc 2 strata tag x -m "$(printf '\344')"
	rc 6 strata tag x -m "$(head -c 5000 /dev/zero | tr '\0' x)"
	out '' strata tag
}

lasts() { # through a new catalogue
	setup
	strata tag best -m 'the best' v1
	strata tag --json >../before
	strata fsck --rebuild
	strata tag --json | cmp - ../before
	strata gc -q --prune=now
	strata tag --json | cmp - ../before
	strata fsck --full
}

usage() {
	setup
	rc 2 strata tag a b c
	rc 2 strata tag -d
	rc 2 strata tag -m text
	rc 2 strata tag -a x
	rc 2 strata tag -d x -m text
	rc 2 strata tag --json x
}

it 'lists tags' lists
it 'log and show name them' shows
it 'moves and deletes them' moves
it 'refuses names and texts' names
it 'last through gc and a new catalogue' lasts
it 'wrong usage' usage
finish

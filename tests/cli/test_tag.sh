#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

lists() {
	repo
	out '' strata tag
	rc 2 strata tag early
	cd ..
	rm -rf repo
	two_versions
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
	two_versions
	strata tag first v1
	match '^v1 .*\(tag: first\) one' strata log --oneline
	match '\(tag: first\)' strata show first
	match '"tags":\["first"\]' strata show --json first
	match '"tags":\["first"\]' strata log --json first
	match '^HEAD is detached at v1' strata checkout first
}

moves() {
	two_versions
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
	two_versions
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

undone() { # what it says goes with it, unsaid
	two_versions
	strata tag -m 'the best' t1
	out "t1: $id2 -> nothing
undone: tag t1 $id2" strata undo
	strata undo --redo --json >../got
	out 2 sh -c 'wc -l <../got'
	match '"name":"tags/t1"' cat ../got
	match '"message":"the best"' strata tag --json
	strata tag -f -m better t1
	out "undone: tag t1 $id2" strata undo
	match '"message":"the best"' strata tag --json
	match ' t1@.0. ' strata reflog t1
	rc 2 strata reflog annotations/t1
	rc 2 strata show annotations/t1
}

lasts() { # through a new catalogue
	two_versions
	strata tag best -m 'the best' v1
	strata tag --json >../before
	strata fsck --rebuild
	strata tag --json | cmp - ../before
	strata gc -q --prune=now
	strata tag --json | cmp - ../before
	strata fsck --full
}

edits() { # as commit does
	two_versions
	rc 2 strata tag -a x
	err 'no terminal for an editor' strata tag -a x
	cat >../ed <<-'END'
	#!/bin/sh
	cp "$1" "$0.seen"
	[ ! -f "$0.text" ] || cp "$0.text" "$1"
	END
	chmod +x ../ed
	STRATA_EDITOR=$PWD/../ed
	export STRATA_EDITOR
	rc 1 strata tag -a x
	err 'no message, no tag' strata tag -a x
	echo 'top-1 76.2' >../ed.text
	strata tag -a x v1
	match '"message":"top-1 76.2"' strata tag --json
	grep -q '^# What tag x says of version [0-9a-f]*\.$' ../ed.seen
	rm ../ed.seen
	rc 7 strata tag -a x
	rc 2 strata tag -a y v9
	[ ! -e ../ed.seen ]
	rm ../ed.text
	strata tag -f -a x
	grep -qx 'top-1 76.2' ../ed.seen
	match '"version":"v2",.*"message":"top-1 76.2"' strata tag --json
	STRATA_EDITOR=false rc 7 strata tag -a z
	match '"message":"given"' strata tag --json -a y -m given
}

json() {
	two_versions
	match '^\{"name":"x","commit":"[0-9a-f]{64}","version":"v1","author":null,' strata tag --json x v1
	match '^\{"name":"x",.*"version":"v2",' strata tag --json -f x
	match '^\{"name":"x",.*"version":"v2",' strata tag --json -d x
	out '' strata tag --json
	strata tag best
	err "no tag 'bset': did you mean 'best'\?" strata tag -d bset
	err "unknown revision 'bes': did you mean 'best'\?" strata log bes
}

usage() {
	two_versions
	rc 2 strata tag a b c
	rc 2 strata tag -d
	rc 2 strata tag -m text
	rc 2 strata tag -d x -a
	rc 2 strata tag -d x -m text
	out '' strata tag
}

it 'lists tags' lists
it 'log and show name them' shows
it 'moves and deletes them' moves
it 'refuses names and texts' names
it 'undo takes one back' undone
it 'last through gc and a new catalogue' lasts
it '-a opens an editor' edits
it 'says what it did as JSON' json
it 'wrong usage' usage
finish

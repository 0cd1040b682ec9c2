#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

lists() {
	repo
	match '^\* main +.no version yet' strata branch
	match '"name":"main","current":true,"commit":null' strata branch --json
	cd ..
	rm -rf repo
	two_versions
	strata branch wider v1
	out "* main   v2  $id2  two
  wider  v1  $id1  one" strata branch
	match '"name":"wider","current":false,.*"version":"v1"' strata branch --json
	match '^v1 .*\(wider\) one' strata log --oneline
	out main strata branch --show-current
	strata switch -q --detach
	match "^. .HEAD is detached at v2 $id2" strata branch
	out '' strata branch --show-current
}

creates() {
	repo
	rc 2 strata branch early
	err 'no version yet' strata branch early
	cd ..
	rm -rf repo
	two_versions
	strata branch x
	strata branch team/y v1
	rc 7 strata branch x
	err "'strata switch x' goes there" strata branch x
	rc 7 strata branch team
	rc 7 strata branch x/y
	rc 2 strata branch z v9
	strata branch -f x v1
	match "^  x +v1 " strata branch
	rc 7 strata branch -f main v1
	err 'checked out' strata branch -f main v1
	match '^. main +v2 ' strata branch
}

names() {
	two_versions
	for n in v12 v1.2.0 HEAD @ -x a..b a.lock .a a. /a a/ a//b 'a b' 'a~1' 'a^' 'a:b' 'a?' 'a*' 'a[' \
		'a\b' 'a@{1}' "$(printf 'a\001')" "$(printf '\344')" '' \
		0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef; do
		rc 2 strata branch -- "$n"
		rc 2 strata switch -c "$n"
	done
	err "looks like a version number" strata branch v12
	err "looks like an id" strata branch 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
	rc 2 strata branch "$(echo "$id1" | cut -c1-6)"
	rc 2 strata tag "$id1" v1
	rc 2 strata switch -c "$id1"
	rc 2 strata branch -m "$id2"
	err "'$id2' cannot be a name: the id of version v2 $id2 begins so" strata branch "$id2"
	strata branch -q facade
	strata branch -d facade
	strata branch "vgg@16"
	strata branch "gr$(printf '\303\266')sser"
	out 3 sh -c 'strata branch | wc -l'
}

deletes() {
	two_versions
	strata branch old v1
	out "deleted branch old (was v1 $id1)" strata branch -d old
	rc 7 strata branch -d main
	rc 7 strata branch -D main
	rc 2 strata branch -d none
	strata switch -q -c side
	echo 3 >a
	strata commit -q -a -m three
	strata switch -q main
	rc 7 strata branch -d side
	err "leads to v3 .*: 'strata branch -D side'" strata branch -d side
	strata branch keep
	rc 7 strata branch -d keep side
	match ' keep ' strata branch
	strata branch -D keep side
	out 1 sh -c 'strata branch | wc -l'
	match '^v3 ' strata log --oneline v3
	strata fsck
}

renames() {
	two_versions
	strata branch -m trunk
	out trunk strata branch --show-current
	rc 2 strata log main
	strata branch x v1
	strata branch -m x y
	match '^  y +v1' strata branch
	rc 7 strata branch -m y trunk
	rc 7 strata branch -M y trunk
	rc 7 strata branch -m trunk y
	rc 2 strata branch -m none z
	rc 2 strata branch -m v7
	strata branch -M trunk y
	match '^\* y +v2' strata branch
	out 1 sh -c 'strata branch | wc -l'
	strata switch -q --detach
	rc 2 strata branch -m z
	repo ../new
	strata branch -m first
	match '^\* first +.no version yet' strata branch
	echo 1 >a
	strata add a
	match 'first' strata commit -m one
}

json() {
	two_versions
	match '^\{"name":"x","current":false,"commit":"[0-9a-f]{64}","version":"v1",.*"message":"one"\}$' \
		strata branch --json x v1
	match '^\{"name":"x",.*"version":"v2"' strata branch --json -f x
	match '^\{"name":"y",.*"version":"v2"' strata branch --json -m x y
	match '^\{"name":"y",.*"version":"v2"' strata branch --json -d y
	match '^\{"name":"trunk","current":true,' strata branch --json -m trunk
	out 1 sh -c 'strata branch --json | wc -l'
}

says_where() { # and what somebody may have meant
	two_versions
	strata switch -q --detach v1
	out "* (HEAD is detached at v1 $id1)
  main  v2  $id2  two" strata branch
	match '^\* \(HEAD' strata -q branch
	rc 2 strata branch -d mian
	err "no branch 'mian': did you mean 'main'\?" strata branch -d mian
	err "no branch 'zzzzzz': 'strata branch' lists them" strata branch -m zzzzzz x
	err "unknown revision 'mai': did you mean 'main'\?" strata branch x mai
	err "unknown revision 'v7': did you mean 'v2'\?" strata branch x v7
	rc 2 strata branch x @{-9}
	strata branch x @{-1}
	match '^  x +v2' strata branch
	echo 3 >a
	match '^v3 .*\(HEAD is detached\)' strata commit -a -m three
	match '^HEAD is detached at v3' strata status
	match 'strata switch -c NAME' strata status
}

usage() {
	two_versions
	rc 2 strata branch -d
	rc 2 strata branch a b c
	rc 2 strata branch -d -m main
	rc 2 strata branch --show-current -d
	rc 3 sh -c 'cd / && strata branch'
}

it 'lists branches and marks the current one' lists
it 'creates them' creates
it 'refuses names as Git does, and version numbers' names
it 'deletes them, not what nothing else has' deletes
it 'renames them' renames
it 'says what it did as JSON' json
it 'a detached HEAD, names that are near' says_where
it 'wrong usage' usage
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() { # side at v1, main at v2
	two_versions
	strata branch side v1
}

forward() {
	setup
	strata switch -q side
	out "fast-forward from v1 $id1
on branch side, at v2 $id2: 1 file written, 2 B" strata merge main
	[ "$(cat a)" = 2 ]
	out '' strata status -s
	match 'merge main: fast-forward$' strata reflog -1
	out 'already up to date' strata merge main
	out 'already up to date' strata merge v1
	out 'already up to date' strata merge HEAD
	match '^undone: merge main: fast-forward$' strata undo
	[ "$(cat a)" = 1 ]
	match '^\* side +v1' strata branch
	match '^done again' strata undo --redo
	[ "$(cat a)" = 2 ]
	strata fsck
}

forms() {
	setup
	strata switch -q side
	strata merge -q --ff-only v2
	strata reset -q --hard v1
	strata merge -q "$id2"
	strata reset -q --hard v1
	strata merge -q -
	strata reset -q --hard v1
	strata merge -q @{-1}
	match '^\* side +v2' strata branch
	strata reset -q --hard v1
	match '^\{"result":"fast-forward","branch":"side","commit":"[0-9a-f]{64}","version":"v2","old_commit":"[0-9a-f]{64}","old_version":"v1","files":\{"written":1,"kept":0,"removed":0,"bytes":2\}\}$' \
		strata merge --json main
	match '^\{"result":"up-to-date",.*"version":"v2",.*"old_version":"v2",' strata merge --json main
}

diverged() {
	setup
	strata switch -q side
	echo 3 >b
	strata add b
	strata commit -q -m three
	id3=$(strata log --oneline -1 | cut -d' ' -f2)
	strata reflog >../before
	rc 7 strata merge main
	err "side \(v3 $id3\) and main \(v2 $id2\) have diverged since v1 $id1, and strata cannot merge yet" strata merge main
	rc 7 strata merge --ff-only main
	rc 7 strata merge main v1
	err 'several versions' strata merge main v1
	strata reflog | cmp - ../before
	match '^\* side +v3' strata branch
	[ "$(cat a)$(cat b)" = 13 ]
	out '' strata status -s
}

unborn() {
	setup
	strata branch -q -D side
	strata tag keep
	strata undo -q && strata undo -q --redo
	repo ../new
	rc 2 strata merge v1
	rc 2 strata merge main
	err 'did you mean|log' strata merge mian
}

detached() {
	setup
	strata switch -q --detach v1
	match '^fast-forward from v1' strata merge main
	match '^HEAD is detached at v2' strata status
	match '^  side +v1' strata branch
	match '^  main +v2' strata branch
	strata undo -q
	match '^HEAD is detached at v1' strata status
	match '"branch":null' strata merge --json v2
}

dirty() {
	setup
	strata switch -q side
	echo mine >b
	echo staged >c
	strata add c
	strata merge main
	[ "$(cat a)$(cat b)$(cat c)" = 2minestaged ]
	out '?? b
A  c' strata status -s
	strata undo -q
	echo changed >a
	rc 7 strata merge main
	err "in 1 file: 'a'; 'strata commit' keeps them, 'strata restore' discards them" strata merge main
	strata add a
	rc 7 strata merge main
	[ "$(cat a)$(cat c)" = changedstaged ]
	out 'M  a
?? b
A  c' strata status -s
	match '^\* side +v1' strata branch
}

untracked() {
	setup
	strata switch -q -c with-b v1
	echo 1 >b
	strata add b
	strata commit -q -m b
	strata switch -q side
	echo mine >b
	err "in 1 file: 'b'; 'strata add' and 'strata commit' keep them; or move them away" strata merge with-b
	[ "$(cat b)" = mine ]
}

usage() {
	setup
	rc 2 strata merge
	rc 2 strata merge v9
	rc 2 strata merge v1 v9
	rc 2 strata merge -m text v2
	rc 3 sh -c 'cd / && strata merge main'
	match '^\* main +v2' strata branch
}

it 'goes forward' forward
it 'takes revisions of all kinds' forms
it 'refuses what only a true merge could do' diverged
it 'where there is no version yet' unborn
it 'moves a detached HEAD' detached
it 'keeps local changes, or refuses' dirty
it 'files that no version has stay' untracked
it 'wrong usage' usage
finish

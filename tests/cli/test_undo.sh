#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	echo 1 >a
	echo keep >k
	strata add .
	strata commit -q -m one
	echo 2 >a
	strata commit -q -a -m two
}

at() { # the version of HEAD
	strata log --oneline -1 | cut -d' ' -f1
}

commits() {
	setup
	match '^undone: commit -a: two$' strata undo
	out v1 at
	out ' M a' strata status -s
	[ "$(cat a)" = 2 ]
	match '^undone: commit: one$' strata undo
	out '' strata log
	out 'AM a
A  k' strata status -s
	match '^undone: add$' strata undo
	out '?? a
?? k' strata status -s
	rc 1 strata undo
	err 'nothing to undo' strata undo
	match '^done again: add$' strata undo --redo
	match '^main: nothing -> [0-9a-f]{12}$' strata undo --redo
	strata undo -q --redo
	out v2 at
	out '' strata status -s
	rc 1 strata undo --redo
	err 'nothing to redo' strata undo --redo
	strata fsck
}

numbers() {
	setup
	strata undo
	strata commit -q -a -m other
	out v3 at
	rc 1 strata undo --redo
	strata undo
	strata undo
	strata gc --prune=now
	strata fsck --rebuild
	echo 4 >a
	strata commit -q -a -m four
	out v4 at
	out 2 strata cat v2:a
	out 2 strata cat v3:a
}

files() {
	setup
	strata checkout -q v1
	[ "$(cat a)" = 1 ]
	match '^HEAD: [0-9a-f]{12} -> main$' strata undo
	[ "$(cat a)" = 2 ]
	out '' strata status -s
	strata undo -q --redo
	[ "$(cat a)" = 1 ]
	strata undo -q
	strata rm -q a
	[ ! -e a ]
	strata undo
	[ "$(cat a)" = 2 ]
	strata rm -q --cached a
	strata undo
	out '' strata status -s
	strata undo --redo
	[ -e a ]
	strata undo
	strata mv k l
	strata undo
	[ -e k ] && [ ! -e l ]
	out '' strata status -s
}

dirty() {
	setup
	strata reset -q --hard v1
	echo mine >a
	out 'not brought back, it has changes: a' sh -c "strata undo | grep not"
	[ "$(cat a)" = mine ]
	out v2 at
	out ' M a' strata status -s
	echo new >n
	strata add n
	echo more >n
	strata undo
	[ "$(cat n)" = more ]
}

discarded() {
	setup
	echo staged >a
	strata add a
	strata reset -q --hard v1
	[ "$(cat a)" = 1 ]
	strata undo
	[ "$(cat a)" = staged ]
	out v2 at
	out 'M  a' strata status -s
}

gone() {
	setup
	echo staged >a
	strata add a
	strata reset -q --hard
	strata gc --prune=now
	rc 7 strata undo
	err 'no longer stored' strata undo
	out v2 at
	out '' strata status -s
	strata fsck
}

empty() {
	repo
	rc 1 strata undo
	rc 1 strata undo --redo
	rc 2 strata undo twice
	echo 1 >a
	strata add a
	strata undo
	out '?? a' strata status -s
	strata undo --redo
	match '^v1 ' strata commit -m one
}

detached() {
	setup
	strata checkout -q v1
	echo 3 >a
	strata commit -q -a -m side
	strata undo
	out v1 at
	strata undo
	out v2 at
	match '^done again: checkout v1$' strata undo --redo
	strata undo -q --redo
	out v3 at
	match 'redo [0-9]+: commit -a: side$' strata reflog -1
}

it 'steps back to the beginning, and forward again' commits
it 'never gives a number again' numbers
it 'brings files back that the command wrote' files
it 'leaves files with changes, and names them' dirty
it 'brings back what reset --hard took from the index' discarded
it 'refuses what gc removed' gone
it 'has nothing to do in an empty repository' empty
it 'works with a detached HEAD' detached
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() { # main: v1, v2; side at v1
	repo
	echo 1 >a
	echo same >s
	strata add .
	strata commit -q -m one
	strata branch side
	echo 2 >a
	echo n >new
	strata add .
	strata commit -q -m two
	id1=$(strata log --oneline v1 | cut -d' ' -f2)
	id2=$(strata log --oneline -1 | cut -d' ' -f2)
}

there_and_back() {
	setup
	out "on branch side, at v1 $id1: 1 file written, 2 B; 1 kept; 1 removed" strata switch side
	[ "$(cat a)" = 1 ]
	[ ! -e new ]
	out '' strata status -s
	strata switch -q main
	[ "$(cat a)" = 2 ]
	out "on branch main, at v2 $id2: 0 files written, 0 B; 3 kept" strata switch main
}

creates() {
	setup
	strata switch -q -c mine
	out mine strata branch --show-current
	strata switch -c old v1
	[ "$(cat a)" = 1 ]
	echo 3 >a
	strata commit -q -a -m three
	out 'v3
v1' sh -c "strata log --oneline | cut -d' ' -f1"
	rc 7 strata switch -c main
	rc 2 strata switch -c z v9
	rc 2 strata log z
	out old strata branch --show-current
}

detaches() {
	setup
	match "^HEAD is detached at v1 $id1" strata switch --detach v1
	match 'HEAD is detached' strata status
	strata switch -q -c again
	out again strata branch --show-current
	rc 2 strata switch v1
	err "'strata switch --detach v1'" strata switch v1
	rc 2 strata switch none
	err "'strata branch' lists them" strata switch none
	strata switch -q --detach
	match '\(HEAD -> again, side\)' strata log --oneline || match 'HEAD' strata log --oneline
}

keeps() { # what both versions share
	setup
	echo mine >s
	echo staged >t
	strata add t
	for how in switch checkout; do
		strata $how side
		[ "$(cat s)$(cat t)" = minestaged ]
		out 'A  t
 M s' strata status -s || out ' M s
A  t' strata status -s
		strata $how main
		[ "$(cat s)$(cat t)$(cat a)" = minestaged2 ]
	done
	strata add s
	strata switch -q side
	match '^M  s' strata status -s
	rm a
	strata switch -q main
	[ "$(cat a)" = 2 ]
}

refuses() { # what only one of them has
	setup
	echo mine >a
	for how in switch checkout; do
		rc 7 strata $how side
		err "'a'.*-f discards" strata $how side
	done
	strata add a
	rc 7 strata switch side
	[ "$(cat a)$(cat new)" = minen ]
	out main strata branch --show-current
	match '^M  a' strata status -s
	strata switch -q -f side
	[ "$(cat a)" = 1 ]
	out '' strata status -s
	echo untracked >new
	rc 7 strata switch main
	err "'new'" strata switch main
	rm new
	mkdir new
	echo x >new/x
	rc 7 strata switch main
	strata add new
	rc 7 strata switch main
	[ "$(cat new/x)" = x ]
}

twice() { # changed in what is staged and again in the file: one file, named once
	setup
	printf '3\n' >a
	strata add a
	printf '4\n' >a
	err "overwritten in 1 file: 'a';" strata switch side
	err "overwritten in 1 file: 'a';" strata checkout side
	strata rm -q -f --cached a
	err "overwritten in 1 file: 'a';" strata switch side
	printf '4\n' >new
	strata add new
	strata switch -q -f main
	printf '3\n' >a
	err "overwritten in 1 file: 'a';" strata switch side
}

many() { # names of files
	repo
	for i in 1 2 3 4 5 6 7 8 9 10; do echo 1 >f$i; done
	strata add .
	strata commit -q -m one
	strata branch side
	for i in 1 2 3 4 5 6 7 8 9 10; do echo 2 >f$i; done
	strata commit -q -a -m two
	for i in 1 2 3 4 5 6 7 8 9 10; do echo 3 >f$i; done
	err "in 10 files: 'f1', 'f10', 'f2', .* and more;" strata switch side
}

unborn() {
	repo
	rc 2 strata switch side
	rc 2 strata switch --detach
	strata switch main
	match 'on branch next, no version yet' strata switch -c next
	out next strata branch --show-current
	echo 1 >a
	strata add a
	strata switch -q -c other
	match '^A  a' strata status -s
	strata commit -q -m one
	match '^\* other' strata branch
	out 1 sh -c 'strata branch | wc -l'
}

back() {
	setup
	rc 2 strata switch -
	err 'strata branch' strata switch -
	strata switch -q side
	strata switch -q -c third
	match '^on branch side, at v1' strata switch -
	match '^on branch third, at v1' strata switch -
	match '^on branch main, at v2' strata switch @{-4}
	match '^v1 ' strata log --oneline @{-1}
	strata branch -q -D third
	match '^on branch side, at v1' strata switch -
	strata switch -q --detach v2
	strata switch -q main
	match '^HEAD is detached at v2' strata switch -
	rc 2 strata switch @{-x}
	rc 2 strata switch @{-0}
	rc 2 strata switch @{-99}
	match '^HEAD is detached at v2' strata status
	strata switch -q main
	strata undo -q
	match '^HEAD is detached at v2' strata status
	match '^on branch main, at v2' strata switch -
}

again() { # -C
	setup
	match '^on branch side, at v2' strata switch -C side
	match '^  main +v2' strata branch
	match '^on branch side, at v1' strata switch -C side v1
	[ ! -e new ]
	match '^on branch fresh, at v1' strata switch -C fresh
	echo mine >a
	rc 7 strata switch -C side v2
	match '^  side +v1' strata branch
	rc 2 strata switch -C v9
	rc 2 strata switch -C side v9
	match '^on branch fresh, at v2' strata switch -f -C fresh v2
	strata undo
	match '^\* fresh +v1' strata branch
	match '^\{"branch":"last","detached":false,"commit":"[0-9a-f]{64}","version":"v1","to":null,"files"' \
		strata switch --json -C last
	repo ../new
	match 'on branch x, no version yet' strata switch -C x
}

near() {
	setup
	err "no branch 'mian': did you mean 'main'\?" strata switch mian
	err "no branch 'sid': did you mean 'side'\?" strata switch sid
}

damaged() { # the index is a cache: what cannot be read is made anew, or nothing is changed
	setup
	for how in 'switch side' 'checkout main' 'reset v1' 'merge v2' 'undo'; do
		printf 'garbage' >.strata/index
		strata $how
		strata status -s
	done
	strata fsck
}

usage() {
	setup
	rc 2 strata switch
	rc 2 strata switch a b
	rc 2 strata switch -c
	rc 2 strata switch -c a --detach
}

it 'goes to a branch and back' there_and_back
it '-c makes one' creates
it '--detach' detaches
it 'keeps local changes that do not conflict' keeps
it 'refuses to lose others' refuses
it 'names a file once' twice
it 'names many files' many
it 'before the first version' unborn
it 'goes back where it was' back
it '-C makes or moves a branch' again
it 'suggests names' near
it 'with a damaged index' damaged
it 'wrong usage' usage
finish

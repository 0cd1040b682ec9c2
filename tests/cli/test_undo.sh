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
	out 'not brought back: what was staged then, it is no longer stored
undone: reset --hard HEAD' strata undo
	out v2 at
	out '' strata status -s
	match '^undone: add$' strata undo
	match '^undone: commit -a: two$' strata undo
	out v1 at
	strata undo -q --redo
	match 'what was staged then, it is no longer stored$' strata undo --redo
	out v2 at
	strata fsck
}

gone_model() {
	setup
	model m.safetensors zz:F32:500:78
	strata add -A
	strata reset
	rm m.safetensors
	strata gc --prune=now
	strata undo --json >../got
	grep -q '"lost":0,"staged_gone":true' ../got
	match '^undone: add$' strata undo
	match '^undone: commit -a: two$' strata undo
	match '^undone: commit: one$' strata undo
	match '^undone: add$' strata undo
	rc 1 strata undo
	out '?? a
?? k' strata status -s
}

gone_moved() { # HEAD goes back, and nothing is staged beside its version
	setup
	echo staged >n
	strata add n
	strata reset -q --hard v1
	strata gc --prune=now
	match 'what was staged then, it is no longer stored$' strata undo
	out v2 at
	[ "$(cat a)" = 2 ]
	out '' strata status -s
	strata fsck
}

overwritten() {
	setup
	echo new >n
	strata add n
	strata commit -q -m three
	strata reset -q --hard v1
	echo mine >a
	echo untracked >n
	strata reset -q --hard v3
	strata undo >../out
	sed -E 's/[0-9a-f]{12}/ID/g' ../out >../got
	diff -u - ../got <<-END
		main: ID -> ID
		not brought back, it was in no version and not staged: a
		not brought back, it was in no version and not staged: n
		undone: reset --hard v3
		1 file written, 1 removed
		2 files could not be brought back as they were before 'reset'
	END
	strata undo --redo >../out
	fails grep not ../out
	strata undo --json >../got
	grep -qF '{"kind":"lost","path":"a","cause":"overwritten"}' ../got
	grep -qF '"kept":0,"lost":2,"staged_gone":false' ../got
	out v1 at
	strata fsck --rebuild
	strata undo -q --redo
	match ': a$' strata undo
}

in_place() { # where nothing else changed it is a step all the same
	setup
	echo mine >a
	strata reset -q --hard
	out 'not brought back, it was in no version and not staged: a
undone: reset --hard HEAD
1 file could not be brought back as it was before '"'reset'" strata undo
	out v2 at
	echo mine >a
	strata checkout -q v2 -- a
	match ': a$' strata undo
	out v2 at
	echo untracked >u
	strata add u
	strata commit -q -m u
	strata switch -q --detach v2
	echo other >u
	echo mine >k
	strata switch -q -f main
	[ "$(cat u)" = untracked ]
	strata undo >../got
	match '^not brought back, .*: u$' cat ../got
	match '^not brought back, .*: k$' cat ../got
	match '^2 files could not' cat ../got
	echo mine >k
	strata restore --staged --worktree k
	match ': k$' strata undo
	echo mine >k
	strata rm -q -f a k
	match ': k$' strata undo
	[ "$(cat k)" = keep ]
	echo mine >k
	echo other >o
	strata mv -f a k
	match ': k$' strata undo
	strata mv -f a o
	match ': o$' strata undo
	[ ! -e o ]
	out '' strata status -s
}

many() { # names that are bytes, and more of them than are named
	repo
	i=0
	while [ $i -lt 120 ]; do
		i=$((i + 1))
		echo 1 >"$(printf 'f\377%d' $i)"
	done
	strata add .
	strata commit -q -m one
	for f in f*; do
		echo 2 >"$f"
	done
	strata reset -q --hard
	strata undo --json >../got
	out 100 grep -c '"kind":"lost","path_hex":"66ff' ../got
	match '"lost":120,' cat ../got
	match '^120 files could not be brought back as they were before' sh -c 'strata undo --redo -q; strata undo'
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

without_elements() { # of a tensor of no bytes nothing is stored
	repo
	echo x >x
	strata add .
	strata commit -q -m one
	model m.safetensors a:F32:8 e:F32:0
	cp m.safetensors ../kept
	strata add -A
	strata rm -q -f m.safetensors
	strata undo -q
	cmp m.safetensors ../kept
	out 'A  m.safetensors' strata status -s
	strata commit -q -m two
	strata reset -q --hard v1
	strata undo -q
	cmp m.safetensors ../kept
	out '' strata status -s
}

it 'steps back to the beginning, and forward again' commits
it 'never gives a number again' numbers
it 'brings files back that the command wrote' files
it 'leaves files with changes, and names them' dirty
it 'brings back what reset --hard took from the index' discarded
it 'goes past what gc removed, and says so' gone
it 'reaches the beginning past a model that gc removed' gone_model
it 'has the version alone where gc removed what was staged beside' gone_moved
it 'names what reset --hard overwrote for good' overwritten
it 'takes back what only overwrote, as a step that names it' in_place
it 'bounds the names, and counts on' many
it 'has nothing to do in an empty repository' empty
it 'works with a detached HEAD' detached
it 'brings back models that have tensors without elements' without_elements
finish

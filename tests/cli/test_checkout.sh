#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	model m.safetensors a:F32:16:1
	echo 1 >t
	strata add .
	strata commit -q -m one
	cp m.safetensors ../m1
	model m.safetensors a:F32:16:2
	mkdir d
	echo n >d/n
	strata add .
	strata commit -q -m two
	cp m.safetensors ../m2
	id1=$(strata log --oneline v1 | cut -d' ' -f2)
	id2=$(strata log --oneline -1 | cut -d' ' -f2)
}

there_and_back() {
	setup
	out "HEAD is detached at v1 $id1: 1 file written, 128 B; 1 kept; 1 removed
  (strata switch -c NAME keeps what you commit here on a branch)" strata checkout v1
	cmp m.safetensors ../m1
	[ ! -e d ]
	out '' strata status -s
	out "on branch main, at v2 $id2: 2 files written, 130 B; 1 kept" strata checkout main
	cmp m.safetensors ../m2
	out '' strata checkout -q "$id1"
	cmp m.safetensors ../m1
	match '^v1 [0-9a-f]* \(HEAD\) one$' strata log --oneline
}

elsewhere() {
	setup
	out "../a/b: 2 files written, 130 B" strata checkout v1 --to ../a/b
	cmp ../a/b/m.safetensors ../m1
	match '(2 kept)' strata checkout v1 --to ../a/b
	match '^v2 .*HEAD -> main' strata log --oneline
	out '' strata status -s
	echo x >../a/b/t
	rc 7 strata checkout v1 --to ../a/b
	[ "$(cat ../a/b/t)" = x ]
	strata checkout v1 --to ../c -- t
	[ "$(ls ../c)" = t ]
}

not_into_a_repository() {
	setup
	strata init -q ../other
	ln -s .strata way
	find .strata ../other | sort >../before
	for t_to in .strata .strata/packs .strata/new/er way new/../.strata/x ../other/.strata/new \
		"$PWD/.strata"; do
		rc 7 strata checkout v1 --to "$t_to"
		grep -q "lies in a repository's own directory" "$t_tmp/err"
	done
	find .strata ../other | sort | cmp ../before
	[ ! -e new ]
	strata fsck -q --full
	strata checkout -q v1 --to ../other
	cmp ../other/m.safetensors ../m1
}

paths() {
	setup
	out '1 file written, 128 B' strata checkout v1 -- m.safetensors
	cmp m.safetensors ../m1
	out 'M  m.safetensors' strata status -s
	strata checkout v2 m.safetensors
	out '' strata status -s
	rc 2 strata checkout v1 -- none
	rc 2 strata checkout -- t
	err "strata restore PATH" strata checkout -- t
}

protects() {
	setup
	echo mine >m.safetensors
	rc 7 strata checkout v1
	err 'm.safetensors' strata checkout v1
	[ "$(cat m.safetensors)" = mine ]
	match '^v2 .*HEAD -> main' strata log --oneline
	echo 2 >untracked
	strata checkout -f v1
	cmp m.safetensors ../m1
	[ "$(cat untracked)" = 2 ]
	echo mine >t
	strata checkout -q main || t_rc=$?
	[ "$(cat t)" = mine ]
}

reflexes() { # of Git
	setup
	match '^on branch old, at v1' strata checkout -b old v1
	[ ! -e d ]
	rc 7 strata checkout -b main
	match '^on branch main, at v2' strata checkout -
	match '^on branch old, at v1' strata checkout -
	match '^on branch old, at v2' strata checkout -B old v2
	rc 2 strata checkout -b
	rc 2 strata checkout -b a v1 v2
	rc 2 strata checkout -b a --to ../x
	strata tag main v1
	rc 2 strata checkout main
	err "several meanings: branch main, tag main; say heads/NAME or tags/NAME" strata checkout main
	match '^on branch main, at v2' strata checkout heads/main
	match '^HEAD is detached at v1' strata checkout tags/main
	match '^on branch main, at v2' strata checkout -
	match '^on branch main, at v2' strata checkout refs/heads/main
	match '^\{"branch":null,"detached":true,"commit":"[0-9a-f]{64}","version":"v1","to":null,' \
		strata checkout --json v1
	repo ../new
	match '^on branch first, no version yet' strata checkout -b first
	rc 2 strata checkout -
	rc 2 strata checkout mian
}

usage() {
	setup
	rc 2 strata checkout
	rc 2 strata checkout v9
	rc 2 strata checkout --to
	for t_to in '' m.safetensors m.safetensors/sub link; do
		ln -sf m.safetensors link
		rc 2 strata checkout v1 --to "$t_to"
		grep -q '^strata: --to: ' "$t_tmp/err"
	done
	rm link
	ln -s none link
	fails strata checkout v1 --to link
	rm link
	out '' strata status -s
}

meanwhile() {
	setup
	strata rm -q t
	echo other >u
	strata add u
	strata commit -q -m three
	# changed between the look at the tree and the writing
	rc 7 meddled written 'echo mine >m.safetensors' strata checkout v1
	grep -q "'m.safetensors' changed meanwhile" "$t_tmp/err"
	err 'm.safetensors' strata checkout v1
	[ "$(cat m.safetensors)" = mine ]
	match '^v3 .*HEAD -> main' strata log --oneline -1
	strata checkout -q -f main
	rm -f t
	# made there
	rc 7 meddled 'moving /t' 'echo mine >t' strata checkout v2
	[ "$(cat t)" = mine ]
	rm t
	# changed before it goes
	rc 7 meddled 'removed /d/n' 'echo mine >u' strata checkout v1
	grep -q "'u' changed meanwhile" "$t_tmp/err"
	[ "$(cat u)" = mine ]
	strata checkout -q -f main
	# the same elsewhere, and with a directory in the way that has files by then
	rc 7 meddled 'moving /d/n' 'echo mine >../to/d/n' strata checkout v2 --to ../to
	[ "$(cat ../to/d/n)" = mine ]
	fails meddled 'moving /t' 'mkdir t; echo mine >t/in' strata checkout v2
	[ "$(cat t/in)" = mine ]
	rm -r t
	# gone: nothing is lost
	meddled written 'rm m.safetensors' strata checkout -q v1
	out '' strata status -s
	strata checkout -q main
	# -f says that all may be lost
	meddled written 'echo mine >m.safetensors' strata checkout -q -f v1
	cmp m.safetensors ../m1
}

# What is written into a file as soon as it is there, even within one tick of the file system's
# clock and with no byte more, is a change.
at_once() {
	setup
	printf '#' >../one
	t_do='dd if=../one of=m.safetensors conv=notrunc status=none'
	meddled 'moved /m.safetensors' "$t_do" strata checkout -q v1
	[ "$(head -c 1 m.safetensors)" = '#' ]
	out ' M m.safetensors' strata status -s
	rc 7 strata checkout main
	strata checkout -q -f main
	meddled 'moved /m.safetensors' "$t_do; sleep 0.05" strata checkout -q v1
	out ' M m.safetensors' strata status -s
	rc 7 strata checkout main
}

it 'goes to a version and back' there_and_back
it '--to writes elsewhere and moves nothing' elsewhere
it '--to leaves the directories of repositories alone' not_into_a_repository
it 'single paths' paths
it 'never overwrites changes without -f' protects
it 'loses nothing that was done meanwhile' meanwhile
it 'sees what was written at once' at_once
it 'has the reflexes of Git' reflexes
it 'wants a revision' usage
finish

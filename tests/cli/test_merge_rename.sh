#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files that sides renamed to what another file is called, too.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# three lists NAME=TEXT...: before, ours, theirs
branches() {
	rm -rf repo && strata init -q repo && cd repo || return 1
	write $1 && strata commit -q -m base
	strata branch side
	write $2 && strata commit -q -m ours
	strata switch -q side
	write $3 && strata commit -q -m theirs
	strata switch -q main
}

write() {
	echo 0 >zero # so that some file is always there
	ls | grep -v zero | xargs rm -f
	for f; do
		echo "${f#*=}" >"${f%%=*}"
	done
	strata add -q -A
}

is() { # NAME=TEXT...: what is there
	ls | grep -v zero | while read -r f; do echo "$f=$(cat "$f")"; done >../is
	printf '%s\n' "$@" | diff - ../is
}

# Both renamed a file, and one of them made another one of its old name: nothing of that clashes.
made_anew() {
	branches 'a=1' 'b=1' 'b=1 a=2'
	strata merge -q side
	is a=2 b=1
	strata merge -q --replay HEAD
	cd .. && branches 'a=1' 'b=1 a=2' 'b=1'
	strata merge -q side
	is a=2 b=1
	strata merge -q --replay HEAD
	# each its own
	cd .. && branches 'a=1' 'b=1 a=2' 'b=1 a=3'
	rc 1 strata merge -q side
	# ours has a, theirs has a: nobody is known to have renamed anything
	out '["text", "a"]' conflicts
	cd .. && branches 'a=1 c=5' 'b=1 c=5' 'b=1 a=2 c=6'
	strata merge -q side
	is a=2 b=1 c=6
	strata fsck --full
}

conflicts() {
	strata status --json | python3 -c 'import json, sys
for x in map(json.loads, sys.stdin):
    if x.get("kind") == "conflict":
        print(json.dumps([x["type"], x["path"]]))'
}

# Two files got one name: it is of none that was renamed.
one_name() {
	branches 'a=1 b=2' 'c=1 b=2' 'a=1 c=2'
	rc 1 strata merge -q side
	out '["add/add", "c"]' conflicts
	strata resolve -q c --theirs
	is c=2
	strata resolve -q c --ours
	is c=1
	strata merge -q --continue
	is c=1
	strata merge -q --replay HEAD
	# one that was renamed, and one that came
	cd .. && branches 'a=1' 'b=1' 'a=1 b=2'
	rc 1 strata merge -q side
	out '["add/add", "b"]' conflicts
	strata merge -q --abort
	is b=1
	cd .. && branches 'a=1' 'b=1' 'a=3 b=2'
	rc 1 strata merge -q side
	out '["delete/modify", "a"]
["add/add", "b"]' conflicts
	strata resolve -q '*' --theirs
	is a=3 b=2
	strata merge -q --continue
	strata merge -q --replay HEAD
	# a copy is no clash
	cd .. && branches 'a=1' 'b=1' 'a=1 b=1'
	strata merge -q side
	is b=1
	strata fsck --full
}

of_three() {
	branches 'a=1 x=1' 'b=1 x=1' 'b=1 a=2 x=1'
	strata switch -q -c other HEAD^
	write x=3 a=1 && strata commit -q -m other
	strata switch -q main
	strata merge -q side other
	is a=2 b=1 x=3
	strata merge -q --replay HEAD
}

it 'takes a file that was made anew where both renamed the old one' made_anew
it 'gives a name that two files got to neither' one_name
it 'of three versions' of_three
finish

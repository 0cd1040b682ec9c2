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
	mkdir d
	echo n >d/n
	strata add .
	strata commit -q -m two
}

soft() {
	setup
	match '^main is at v1 [0-9a-f]{12}, was at v2 [0-9a-f]{12}$' strata reset --soft HEAD~1
	out 'M  a
A  d/n' strata status -s
	match '^v3 ' strata commit -m 'two again'
	out '' strata status -s
	out '' strata diff v2 v3
}

mixed() {
	setup
	strata reset v1
	out ' M a
?? d/' strata status -s
	[ "$(cat a)" = 2 ]
	strata add .
	out 'M  a
A  d/n' strata status -s
	strata reset --mixed
	out ' M a
?? d/' strata status -s
}

hard() {
	setup
	echo mine >a
	echo untracked >u
	strata reset --hard v1 >../out
	sed -E 's/[0-9a-f]{12}/ID/g' ../out >../got
	diff -u - ../got <<-END
		discarded  a
		main is at v1 ID, was at v2 ID
		1 file written, 1 removed, changes of 1 discarded
	END
	[ "$(cat a)" = 1 ]
	[ ! -e d ]
	out '?? u' strata status -s
	strata reset -q --hard v2
	[ "$(cat a)" = 2 ] && [ "$(cat d/n)" = n ]
	out '?? u' strata status -s
	strata fsck
}

hard_in_place() {
	setup
	echo mine >a
	strata rm -q --cached k
	match '^discarded  a$' strata reset --hard
	[ "$(cat a)" = 2 ]
	out '' strata status -s
	match '^main is at v2 [0-9a-f]{12}$' strata reset --hard
}

in_the_way() {
	setup
	strata reset -q --hard v1
	echo untracked >d
	rc 7 strata reset --hard v2
	out 'v1' sh -c "strata log --oneline -1 | cut -d' ' -f1"
	[ "$(cat d)" = untracked ]
	rm d
	mkdir d
	echo other >d/n
	match '^discarded  d/n$' strata reset --hard v2
}

full() { # a limit on the size of a file stands for a full disk
	repo
	head -c 300000 /dev/zero | tr '\0' x >big
	echo 1 >a
	strata add .
	strata commit -q -m one
	echo mine >a
	echo mine >big
	rc 5 sh -c 'trap "" XFSZ; ulimit -f 100; strata reset --hard >../got'
	[ "$(cat big)" = mine ]
	if [ "$(cat a)" = mine ]; then
		out '' cat ../got
	else
		out 'discarded  a' cat ../got
	fi
	match '^discarded  big$' strata reset --hard
}

paths() {
	setup
	echo 3 >a
	strata add a
	strata reset a
	out ' M a' strata status -s
	strata reset v1 -- a
	out 'MM a' strata status -s
	strata reset -- a
	out ' M a' strata status -s
	rc 2 strata reset nothing
	rc 2 strata reset -- nothing
	err 'takes no paths' strata reset --hard v1 a
	echo v1 >v1
	err 'a revision and a file' strata reset v1
}

usage() {
	setup
	rc 2 strata reset --soft --hard
	err 'only one of' strata reset --soft --mixed
	rc 2 strata reset --hard nonsense
	rc 2 strata reset v1 v2 -- a
	out 'v2' sh -c "strata log --oneline -1 | cut -d' ' -f1"
}

empty() {
	repo
	match '^main has no version yet$' strata reset
	match '^main has no version yet$' strata reset --hard
	match '^main has no version yet$' strata reset --soft
	echo 1 >a
	strata add a
	strata reset
	out '?? a' strata status -s
	strata add a
	strata reset a
	out '?? a' strata status -s
	strata add a
	strata reset --hard
	[ ! -e a ]
	out '' strata status -s
	rc 2 strata reset v1
	rc 2 strata reset HEAD~1
}

detached() {
	setup
	strata checkout -q v2
	match '^HEAD is at v1 ' strata reset --hard v1
	out 'v2' sh -c "strata log --oneline -1 main | cut -d' ' -f1"
	[ "$(cat a)" = 1 ]
	match 'HEAD@\{0\}.*reset --hard v1$' strata reflog -1
}

it '--soft moves the branch alone' soft
it 'unstages, and keeps the files' mixed
it '--hard makes the files those of the version, and says what it discards' hard
it '--hard without a revision' hard_in_place
it '--hard does not remove an untracked directory or file above' in_the_way
it '--hard says what it has discarded, not what it would have' full
it 'unstages paths' paths
it 'refuses what makes no sense' usage
it 'works where there is no version yet' empty
it 'moves a detached HEAD' detached
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

fresh() {
	out "new repository in $PWD, branch main" strata init
	[ -d .strata/packs ]
	[ -f .strata/ops ]
	out 'On branch main, no version yet
Nothing here yet: '"'strata add' files, then 'strata commit'." strata status
	out '' strata log
}

named_directory() {
	out "new repository in $PWD/a/b, branch main" strata init a/b
	out '' strata -C a/b status -s
}

again() {
	repo
	echo one >f
	strata add f
	strata commit -m one
	out "already a repository: $PWD" strata init
	strata log --oneline | grep -q '^v1 '
	echo two >f
	match '^v2 ' strata commit -a -m two
}

quiet() {
	out '' strata -q init
	out '' strata init --quiet sub
}

policies() {
	for p in sequence semver timestamp; do
		match 'new repository' strata init --versions=$p $p
		out $p strata -C $p config version.policy
		out 'already a repository: '"$PWD/$p" strata init --versions $p $p
		out 'already a repository: '"$PWD/$p" strata init $p
	done
	match '^v1 ' strata -C sequence commit --allow-empty -m x
	match '^v1.0.0 ' strata -C semver commit --allow-empty -m x
	match '^v[0-9]{8}T[0-9]{6}Z ' strata -C timestamp commit --allow-empty -m x
	cp semver/.strata/config before
	rc 7 strata init --versions=timestamp semver
	err 'numbered by semver there: .strata config version.policy timestamp' \
		strata init --versions=timestamp semver
	cmp semver/.strata/config before
	strata init -q plain
	rc 1 strata -C plain config version.policy
	rc 7 strata init --versions=semver plain
	rc 2 strata init --versions=x b
	err "sequence, semver or timestamp, not 'x'" strata init --versions x b
	rc 2 strata init --versions= b
	[ ! -e b ]
}

refused() {
	rc 2 strata init a b
	err "'b' is one argument too many" strata init a b
	: >file
	rc 5 strata init file
	err '^strata: .*file: File exists' strata init file
	err "nowhere is not a strata repository" strata --repo nowhere status
	rc 3 strata status
	err "run 'strata init'" strata status
}

it 'a fresh repository has a branch and nothing else' fresh
it 'makes the directory it is given' named_directory
it 'leaves a repository as it is' again
it 'says nothing with -q' quiet
it 'numbers versions by one of three policies' policies
it 'refuses what cannot be one, and where there is none' refused
finish

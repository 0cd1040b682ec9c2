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
	match 'new repository' strata init --versions=sequence a
	rc 2 strata init --versions=semver b
	err 'semver is not offered' strata init --versions semver b
	err 'timestamp is not offered' strata init --versions timestamp b
	err "sequence, not 'x'" strata init --versions x b
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
it 'offers sequence numbers and names what is not offered' policies
it 'refuses what cannot be one, and where there is none' refused
finish

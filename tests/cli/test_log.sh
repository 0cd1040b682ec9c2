#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	for t_i in 1 2 3 4; do
		echo $t_i >a
		[ $t_i != 2 ] || echo x >b
		strata add .
		strata commit -q -m "message $t_i" -m 'more of it'
	done
}

oneline() {
	setup
	strata log --oneline | sed 's/ [0-9a-f]\{12\}/ ID/' >got
	out 'v4 ID (HEAD -> main) message 4
v3 ID message 3
v2 ID message 2
v1 ID message 1' cat got
}

long() {
	setup
	strata log --stat v2 >got
	sed -n 1p got | grep -Eqx 'version v2  [0-9a-f]{64}'
	sed -n 2p got | grep -qx 'Author: Ada Tester <ada@example.org>'
	sed -n 3p got | grep -Eqx 'Date:   2[0-9]{3}-[0-9]{2}-[0-9]{2} [0-9:]{8} \+0000'
	sed -n 4p got | grep -qx 'Files:  1 changed, 1 added, 0 removed'
	sed -n 5,8p got >tail
	printf '\n    message 2\n\n    more of it\n' | cmp - tail
}

limits() {
	setup
	out 2 sh -c 'strata log --oneline -n 2 | wc -l'
	out 3 sh -c 'strata log --oneline -3 | wc -l'
	match '^v4 ' strata log --oneline -n1
	out '' strata log -n 0
	out '' strata log -0 --json
	rc 2 strata log -n 0 v9
	rc 2 strata log -n -1
	rc 2 strata log -n x
}

ranges() {
	setup
	out 'v4
v3' sh -c "strata log --oneline v2..HEAD | cut -d' ' -f1"
	out 'v3
v2
v1' sh -c "strata log --oneline HEAD~1 | cut -d' ' -f1"
	out 'v4
v3' sh -c "strata log --oneline v2...main | cut -d' ' -f1"
	out '' strata log --oneline HEAD..v1
	rc 2 strata log v9
	err 'v9' strata log v9
	rc 2 strata log v1..v9
	match '^v3 ' strata log --oneline -1 'main@{1}'
	match '^v1 ' strata log --oneline -1 '@{2}~1'
	out v4 sh -c "strata log --oneline 'main@{1}..main' | cut -d' ' -f1"
	match '^v4 ' strata log --oneline -1 '@{now}'
	rc 2 strata log 'HEAD@{yesterday}'
	err 'pointed nowhere then' strata log 'HEAD@{yesterday}'
	rc 2 strata log 'main@{soon}'
}

paths() {
	setup
	out v2 sh -c "strata log --oneline -- b | cut -d' ' -f1"
	out v2 sh -c "strata log --oneline b | cut -d' ' -f1"
	out v2 sh -c "strata log --oneline HEAD b | cut -d' ' -f1"
	out 4 sh -c 'strata log --oneline -- a | wc -l'
	rc 2 strata log -- nonesuch
	err "no version touches it: 'nonesuch'" strata log -- nonesuch
	rc 2 strata log -- a nonesuch
	err "'nonesuch'" strata log -- a nonesuch
	out '' strata log HEAD -- nonesuch
	out '' strata log v2..HEAD -- b
	echo new >staged
	rc 2 strata log -- staged
	strata add staged
	out '' strata log -- staged
	strata rm -q --cached staged
	strata rm -q b
	strata commit -q -m gone
	out 'v5
v2' sh -c "strata log --oneline -- b | cut -d' ' -f1"
	echo 1 >main
	rc 2 strata log main
	err "is a revision and a file" strata log main
	out 5 sh -c 'strata log --oneline main -- | wc -l'
}

json() {
	setup
	strata log --json -n 1 >got
	grep -Eqx '\{"commit":"[0-9a-f]{64}","version":"v4","parents":\["[0-9a-f]{64}"\],"author":"Ada Tester <ada@example.org>","time":"[0-9T:.-]*Z","message":"message 4\\n\\nmore of it","branches":\["main"\],"tags":\[\],"head":true,"lineage":\[\],"files":\{"added":0,"changed":1,"removed":0\}\}' got
	out 4 sh -c 'strata log --json | wc -l'
}

empty() {
	repo
	out '' strata log
	out '' strata log --json
}

safe() {
	repo
	echo 1 >a
	strata add a
	strata commit -q -m "$(printf 'red \033[31m text')"
	match 'red \\033\[31m text' strata log
	match 'red \\033\[31m text' strata log --oneline
}

it '--oneline: number, id, names, subject' oneline
it 'long: author, date, files, message' long
it '-n N and -N limit' limits
it 'ranges and ancestors' ranges
it 'paths, also without --' paths
it '--json has the promised keys' json
it 'an unborn branch has no history' empty
it 'messages cannot steer the terminal' safe
finish

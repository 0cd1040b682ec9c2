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

# enc.b changes in v2 and v4, enc.w in v3, where new comes, which goes in v4
tensor_setup() {
	repo
	model m.safetensors enc.w:F32:4,4:1 enc.b:F32:4:2 head.w:F32:4:3
	echo 1 >notes
	strata add .
	strata commit -q -m one
	model m.safetensors enc.w:F32:4,4:1 enc.b:F32:4:5 head.w:F32:4:3
	strata commit -q -a -m two
	model m.safetensors enc.w:F32:4,4:7 enc.b:F32:4:5 head.w:F32:4:3 new:F32:4:1
	strata commit -q -a -m three
	model m.safetensors enc.w:F32:4,4:7 enc.b:F32:4:6 head.w:F32:4:3
	strata commit -q -a -m four
	echo 2 >notes
	strata commit -q -a -m five
}

numbers() { strata log --oneline "$@" | awk '{ printf "%s%s", n++ ? " " : "", $1 } END { if (n) print "" }'; }

by_tensor() {
	tensor_setup
	out 'v4 v2 v1' numbers --tensor enc.b
	out 'v4 v3 v2 v1' numbers --tensor 'enc.*'
	out 'v4 v3' numbers --tensor new
	out 'v3 v1' numbers --tensor 'm.safetensors::enc.w'
	out 'v3 v1' numbers --tensor 'm.*::*.w'
	out 'v4 v3 v1' numbers --tensor new --tensor head.w
	out 'v4 v3' numbers --tensor 'enc.*' v2..
	out '' numbers --tensor enc.b v4..
	out 'v4 v2' numbers --tensor enc.b -2
	out 'v3' numbers --tensor 'enc.*' v1..v3 -n 1
	out 'v4 v2 v1' numbers --tensor enc.b -- m.safetensors
	strata log --tensor new -1 | sed '1,3d' >got
	out '
    four

  m.safetensors
    D  new' cat got
}

no_tensor() {
	tensor_setup
	rc 2 strata log --tensor nope
	err "'nope' matches no tensor that was ever in this history" strata log --tensor nope
	rc 2 strata log --tensor 'enc.*' --tensor 'x*'
	rc 2 strata log --tensor enc.b -- notes
	rc 2 strata log --tensor new v2
	out '' numbers --tensor new v4..
	rc 2 strata log --tensor 'other::enc.b'
	rc 2 strata log --tensor
	rc 2 strata log --values
	err '\-\-values wants --tensor' strata log --values
	# elsewhere is not here
	strata switch -q -c side v1
	model m.safetensors side:F32:4:1
	strata commit -q -a -m side
	rc 2 strata log --tensor side main
	out 'v6' numbers --tensor side
	out '' numbers --tensor side side..main
	cd .. && rm -rf repo
	repo
	rc 2 strata log --tensor x
	out '' strata log --since yesterday
}

values() {
	tensor_setup
	strata log --tensor enc.b --values --oneline | tail -n +2 >got
	grep -Eqx ' +D +L2 +cosine  tensor' got
	grep -Eqx '    M( +[0-9.e-]+){3}  enc.b' got
	grep -Eqx '    A( +-){3}  enc.b' got
	strata log --json --tensor enc.b --values >got
	out 3 sh -c 'wc -l <got'
	[ "$(grep -Ec '"steps":\[\{"path":"m.safetensors","name":"enc.b","status":"changed","changed":4,"mad":[0-9.e-]+,"l2":[0-9.e-]+,"cosine":[0-9.e-]+,"nonfinite":0\}\]\}$' got)" = 2 ]
	match '"status":"added","changed":null,"mad":null' cat got
	match '"mad":null' strata log --json --tensor enc.b
	strata log --graph --tensor enc.b --values --oneline | tail -n +2 >drawn
	grep -Eqx '\|     M( +[0-9.e-]+){3}  enc.b' drawn
	# the same figures as diff's
	mad=$(sed -n '1s/.*"mad":\([^,]*\),.*/\1/p' got)
	match "\"mad\":$mad," strata diff --json v3 v4 --tensor enc.b
	# in the working tree nothing is touched, and nothing there counts
	model m.safetensors enc.b:F32:4:9
	strata log --json --tensor enc.b --values | cmp - got
}

by_time() {
	repo
	for t_i in 1 2 3; do
		echo $t_i >a
		strata add a
		STRATA_AUTHOR="Writer $t_i <w$t_i@example.org>" strata commit -q -m "$t_i"
	done
	at=$(strata log --json -1 v2 | sed 's/.*"time":"\([^"]*\)".*/\1/')
	out 'v3 v2' numbers --since "$at"
	out 'v2 v1' numbers --until "$at"
	out 'v2' numbers --since "$at" --until "$at"
	out 'v3 v2 v1' numbers --since "$(date +%Y-%m-%d)"
	out 'v3 v2 v1' numbers --until "$(date +%Y-%m-%d)"
	out '' numbers --until 2020-02-29
	out 'v3 v2 v1' numbers --since yesterday --until now
	out 'v2' numbers --author 'WRITER 2'
	out 'v3' numbers --author w3@EXAMPLE
	out 'v3 v2 v1' numbers --author ''
	out '' numbers --author nobody
	out 'v1' numbers --author writer --until "$at" v1 -- a
	rc 2 strata log --since soon
	err "\-\-since: 'soon' is no date" strata log --since soon
	rc 2 strata log --until 2026-13-01
	rc 2 strata log --until ''
}

all_refs() {
	repo none
	out '' strata log --all
	cd ..
	setup
	strata switch -q -c side v2
	echo s >s
	strata add s
	strata commit -q -m side
	strata switch -q --detach v1
	echo d >d
	strata add d
	strata commit -q -m loose
	strata tag old v3
	strata branch -q -D main
	out 'v6 v1' numbers
	out 'v5 v3 v6 v2 v1' numbers --all
	out 'v5 v3 v6 v2' numbers --all v1..side
	out 'v5 v3' numbers --all -n 2
	strata log --graph --oneline --all >got
	[ "$(grep -c '\* .*v[0-9]' got)" = 5 ]
	strata log --all --json | wc -l | grep -qx 5
}

it '--all: every branch and tag' all_refs
it '--oneline: number, id, names, subject' oneline
it 'long: author, date, files, message' long
it '-n N and -N limit' limits
it 'ranges and ancestors' ranges
it 'paths, also without --' paths
it '--json has the promised keys' json
it 'an unborn branch has no history' empty
it 'messages cannot steer the terminal' safe
it '--tensor: versions that changed a tensor' by_tensor
it '--tensor that matches nothing in this history' no_tensor
it '--values: by how much' values
it '--since, --until, --author' by_time
finish

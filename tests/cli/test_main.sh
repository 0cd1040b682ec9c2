#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What holds for every command: global options, environment, errors, output, signals.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	mkdir -p d/e
	echo 1 >d/e/f
	strata add .
	strata commit -q -m one
}

where() {
	setup
	t_top=$PWD
	out 'one' sh -c 'cd d/e && strata log --oneline | sed "s/.* //"'
	cd ..
	match ' one$' strata -C repo log --oneline
	match ' one$' strata -C repo -C d log --oneline
	match ' one$' strata --repo repo log --oneline
	match ' one$' strata --repo=repo/.strata log --oneline
	match ' one$' strata -C repo/d --repo .. log --oneline
	match ' one$' env STRATA_DIR="$t_top" strata log --oneline
	match ' one$' env STRATA_DIR="$t_top/.strata" strata log --oneline
	rc 2 strata -C nowhere log
	rc 3 strata --repo nowhere log
	rc 3 strata log
	rc 2 strata log -C repo
}

budget() {
	setup
	head -c 3000000 /dev/urandom >big
	strata --jobs 1 --memory 64M add big
	rc 0 strata status --jobs=3 --memory=1G
	rc 0 env STRATA_JOBS=2 STRATA_MEMORY=100M strata status
	for t_bad in 0x 1Q -1; do
		rc 2 strata --memory="$t_bad" status
		rc 2 strata --jobs="$t_bad" status
	done
	rc 2 env STRATA_JOBS=many strata status
	rc 2 strata --memory 99999999999999999999 status
	rc 2 strata --memory 0 status
}

colors() {
	setup
	t_esc=$(printf '\033')
	strata log >../o
	fails grep -q "$t_esc" ../o
	strata --color=always log | grep -q "$t_esc"
	strata log --color=always | grep -q "$t_esc"
	fails sh -c "strata --color=auto log | grep -q '$t_esc'"
	rc 2 strata --color=red log
	command -v script >/dev/null || return 0
	TERM=xterm PAGER=cat script -qec 'strata log' /dev/null </dev/null | grep -q "$t_esc"
	TERM=xterm PAGER=cat NO_COLOR=1 script -qec 'strata log' /dev/null </dev/null >../o
	fails grep -q "$t_esc" ../o
	TERM=xterm PAGER='tr a-z A-Z' script -qec 'strata --color=never log' /dev/null </dev/null |
		grep -q 'AUTHOR: ADA'
}

errors() {
	setup
	rc 2 strata show v9
	[ ! -s "$t_tmp/out" ]
	grep -q '^strata: ' "$t_tmp/err"
	[ "$(wc -l <"$t_tmp/err")" -eq 1 ]
	fails grep -q '\.c:[0-9]' "$t_tmp/err"
	err ', at .*\.c:[0-9]+\)$' strata -v show v9
	err 'x\\033y' strata show "$(printf 'x\033y')"
	rc 2 strata --bogus status
	rc 2 strata add --force=1 x
}

options_anywhere() {
	setup
	echo 2 >n
	strata add n -n >a
	strata add -n n | cmp - a
	strata add -n -- n | cmp - a
	rc 2 strata add -n -- n -f
	echo 2 >d/e/f
	strata commit -am'bundled value' -q
	match ' bundled value$' strata log --oneline
	echo 3 >-f
	strata add -- -f
	out 'A  -f
?? a
?? n' strata status -s
}

full_disk() {
	setup
	for t_cmd in log 'log --json' ls status help 'cat HEAD:d/e/f' stats; do
		rc 5 sh -c "strata $t_cmd >/dev/full"
		grep -q '^strata: standard output: No space left on device' "$t_tmp/err"
	done
}

file_limit() { # an error of write, no signal
	repo
	head -c 300000 /dev/urandom >big
	rc 5 sh -c 'ulimit -f 100 && strata add big'
	grep -q '^strata: .*File too large' "$t_tmp/err"
	strata add big
	strata fsck
}

no_revision() { # nothing is not HEAD
	two_versions
	echo 3 >a
	for t_cmd in 'reset --hard' revert rollback cherry-pick 'tag q' 'branch q' checkout merge show log ls \
		stats 'switch --detach' 'switch -c q' 'restore a --source'; do
		for t_rev in '' '~1' '^'; do
			rc 2 strata $t_cmd "$t_rev"
			grep -q "is not a revision: say HEAD" "$t_tmp/err"
		done
	done
	rc 2 strata diff ''
	rc 2 strata switch ''
	err "'v1:' names no file after ':'" strata show v1:
	out ' M a' strata status -s
	match '^v2 ' strata log --oneline v1..
	out '' strata log ..v1
}

no_reader() {
	setup
	for t_i in 1 2 3 4 5 6 7 8 9; do
		strata commit -q --allow-empty -m "$(head -c 9000 /dev/zero | tr '\0' x)"
	done
	sh -c 'strata log 2>../err; echo "status $?" >../status' | head -n 1 >/dev/null
	[ ! -s ../err ]
	out 'status 141' cat ../status
	out '' sh -c 'strata log --oneline -1 >/dev/null 2>&1 <&-'
	strata log --oneline -1 >&-
}

interrupted() {
	setup
	mkfifo pipe
	(sleep 20 >pipe) &
	t_feeder=$!
	strata hash - <pipe &
	t_pid=$!
	sleep 0.3
	kill -TERM $t_pid
	sleep 0.1
	kill -TERM $t_pid 2>/dev/null || :
	t_rc=0
	wait $t_pid || t_rc=$?
	kill $t_feeder
	[ "$t_rc" -eq 143 ]
}

progress() { # nothing of it where standard error is no terminal
	setup
	head -c 4000000 /dev/urandom >big
	t_get strata add big
	[ ! -s "$t_tmp/err" ]
}

it '-C, --repo and STRATA_DIR' where
it '--jobs and --memory' budget
it 'colours on terminals only' colors
it 'errors: one line, on standard error, with a status' errors
it 'options may follow arguments' options_anywhere
it 'a full disk is reported' full_disk
it 'a file that may not grow is an error' file_limit
it 'an empty revision is none' no_revision
it 'a reader that leaves is not' no_reader
it 'the second signal ends it' interrupted
it 'no progress without a terminal' progress
finish

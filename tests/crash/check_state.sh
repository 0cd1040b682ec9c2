#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_state.sh SCENARIO STATE: holds one state that a crash of the scenario's command could have
# left against what is promised. test_crash.sh sets KNOWN (the versions' files) and STRATA;
# replay.py sets CRASH_VARIANT and CRASH_DONE.
set -u

SCENARIO=$1
S=$2
OUT="$S.out"
mkdir "$OUT" || exit 99
trap 'rm -rf "$OUT"' EXIT

fail() {
	echo "$SCENARIO: $*"
	exit 1
}

# run WANTED... -- ARGS: strata in the state must exit with one of the statuses WANTED
run() {
	wanted=
	while [ "$1" != -- ]; do
		wanted="$wanted $1"
		shift
	done
	shift
	"$STRATA" -C "$S" "$@" >"$OUT/stdout" 2>"$OUT/stderr" </dev/null
	rc=$?
	for w in $wanted; do
		[ "$rc" -ne "$w" ] || return 0
	done
	fail "strata $*: exit $rc, not$wanted: $(head -c 600 "$OUT/stderr" "$OUT/stdout")"
}

# same DIR TREE: DIR holds exactly the files of the known tree, .strata aside
same() {
	diff -rq --no-dereference -x .strata "$KNOWN/$2" "$1" >"$OUT/diff" 2>&1 ||
		fail "$1 is not $2: $(head -c 600 "$OUT/diff")"
	[ -x "$1/sub/run.sh" ] || fail "$1/sub/run.sh lost its executable bit"
}

# same_tracked DIR TREE: as same, but DIR may hold more
same_tracked() {
	diff -rq --no-dereference -x .strata "$KNOWN/$2" "$1" >"$OUT/diff" 2>&1
	! grep -v "^Only in $1" "$OUT/diff" >"$OUT/lost" ||
		fail "$1 lacks files of $2: $(head -c 600 "$OUT/lost")"
}

# restores REV TREE
restores() {
	rm -rf "$OUT/tree"
	run 0 -- checkout "$1" --to "$OUT/tree"
	same "$OUT/tree" "$2"
}

has_version() {
	run 0 -- log --json
	grep -Eq "\"version\": ?\"?$1[\",}]" "$OUT/stdout"
}

put_tree() {
	find "$S" -mindepth 1 -maxdepth 1 ! -name .strata -exec rm -rf {} +
	cp -a "$KNOWN/$1/." "$S/"
}

# What held before the command holds after every crash: the repository is sound, v1 is there.
sound() {
	run 0 -- fsck
	has_version v1 || fail "log does not list v1"
	restores v1 v1
}

# committed VERSION TREE ARGS: whether or not the commit took place, trying again makes it so
committed() {
	version=$1
	tree=$2
	shift 2
	run 0 -- fsck
	if [ "$version" != v1 ]; then
		sound
	fi
	# A log without any version may fail.
	run 0 1 2 -- log --json
	if grep -Eq "\"version\": ?\"?$version[\",}]" "$OUT/stdout" || [ "$CRASH_DONE" = 1 ]; then
		run 1 -- commit "$@"
	else
		run 0 -- commit "$@"
	fi
	restores "$version" "$tree"
}

case $SCENARIO in
init)
	if [ "$CRASH_DONE" = 1 ]; then
		run 0 -- fsck
	else
		run 0 3 -- fsck
	fi
	run 0 -- init
	run 0 -- add -A .
	run 0 -- commit -m one
	restores v1 v1
	;;
add-first)
	run 0 -- fsck
	[ "$CRASH_DONE" = 1 ] || run 0 -- add -A .
	run 0 -- commit -m one
	restores v1 v1
	;;
add)
	sound
	[ "$CRASH_DONE" = 1 ] || run 0 -- add -A .
	run 0 -- commit -m two
	restores v2 v2
	restores v1 v1
	;;
add-changed)
	sound
	put_tree v3
	run 0 -- add -A .
	run 0 -- commit -m three
	restores v2 v3
	restores v1 v1
	;;
commit-first)
	committed v1 v1 -m one
	;;
commit)
	committed v2 v2 -m two
	;;
commit-all)
	committed v2 v2a -a -m two
	;;
checkout)
	sound
	restores v2 v2
	case $CRASH_VARIANT in
	kill*)
		run 0 -- checkout v1
		;;
	*)
		# Files of the working tree are not synced: a power cut may tear them or bring
		# removed ones back. Torn files look like the user's, so refusing is right, and so
		# is keeping them where HEAD is there already; discarding must work. Files that
		# came back are the user's to remove.
		if has_version v2; then head=v2; else head=v1; fi
		run 0 7 -- checkout v1
		[ "$rc" -eq 7 ] || head=v1
		run 0 -- restore .
		same_tracked "$S" "$head"
		put_tree "$head"
		run 0 -- checkout v1
		same_tracked "$S" v1
		put_tree v1
		;;
	esac
	# Empty directories are no part of a version; a killed checkout may leave one behind.
	find "$S" -mindepth 1 -name .strata -prune -o -type d -empty -exec rmdir {} +
	same "$S" v1
	run 0 -- status --json
	! grep -q '"path"' "$OUT/stdout" || fail "not clean: $(head -c 600 "$OUT/stdout")"
	run 0 -- checkout main
	same "$S" v2
	;;
gc)
	sound
	restores v2 v2
	run 0 -- gc --prune=now
	sound
	restores v2 v2
	run 0 -- commit -m staged
	restores v3 v2a
	;;
*)
	fail "no such scenario"
	;;
esac
run 0 -- fsck

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check_state.sh SCENARIO STATE: holds one state that a crash of the scenario's command could have
# left against what is promised. test_crash.sh sets KNOWN (the versions' files, and what refs and
# index were before and after), STRATA and CRASH_COMMAND; replay.py sets CRASH_VARIANT and
# CRASH_DONE.
set -u
. "$(dirname "$0")/snapshot.sh"

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

# Sets `at`: refs and index are those before the command or those after it, nothing between.
find_side() {
	snapshot "$S" >"$OUT/now" 2>"$OUT/stderr" ||
		fail "refs cannot be read: $(head -c 600 "$OUT/stderr")"
	at=after
	cmp -s "$OUT/now" "$KNOWN/$SCENARIO.after" && return
	[ "$CRASH_DONE" = 0 ] || fail "the command had finished, and its refs or index are not there"
	at=before
	cmp -s "$OUT/now" "$KNOWN/$SCENARIO.before" ||
		fail "refs and index are neither before nor after: $(
			diff "$KNOWN/$SCENARIO.before" "$OUT/now" | head -c 600
		)"
}

# whole TREE TREE: a kill tears no working file: each is that of one tree or of the other
whole() {
	(cd "$S" && find . -name .strata -prune -o ! -type d ! -name '.strata-tmp-*' -print) >"$OUT/files"
	while read -r f; do
		for tree in "$1" "$2"; do
			diff -q --no-dereference "$KNOWN/$tree/$f" "$S/$f" >"$OUT/diff" 2>&1 && continue 2
		done
		fail "$f is torn: it is neither that of $1 nor that of $2"
	done <"$OUT/files"
	for f in $(cd "$KNOWN/$1" && find . ! -type d); do
		[ ! -e "$KNOWN/$2/$f" ] && [ ! -L "$KNOWN/$2/$f" ] ||
			[ -e "$S/$f" ] || [ -L "$S/$f" ] || fail "$f is gone"
	done
}

# again RC...: the recorded command once more
again() {
	# shellcheck disable=SC2086 # the words of the command
	run "$@" -- $CRASH_COMMAND
}

# settle TREE: after a power cut; files of the working tree are not synced (see checkout)
settle() {
	run 0 -- restore .
	same_tracked "$S" "$1"
	put_tree "$1"
}

# completes BEFORE AFTER REPEATED: the command is carried out, now if it was not; before it the
# working tree was BEFORE, after it AFTER. Repeated after its end it exits with REPEATED; '-': that
# would be another step.
completes() {
	run 0 -- fsck --full
	find_side
	case $CRASH_VARIANT in
	kill*)
		whole "$1" "$2"
		if [ "$at" = before ]; then
			again 0
		elif [ "$3" != - ]; then
			again "$3"
		fi
		;;
	*)
		if [ "$at" = before ]; then
			again 0 7
			if [ "$rc" -eq 7 ]; then
				settle "$1"
				again 0
			fi
		fi
		settle "$2"
		;;
	esac
	find "$S" -mindepth 1 -name .strata -prune -o -type d -empty -exec rmdir {} +
	same "$S" "$2"
}

# find_content before|after: branches and what is staged are as then; the way there may be longer
find_content() {
	snapshot "$S" >"$OUT/now" 2>"$OUT/stderr" ||
		fail "refs cannot be read: $(head -c 600 "$OUT/stderr")"
	for f in "$OUT/now" "$KNOWN/$SCENARIO.$1"; do
		grep -v '^{"ref":"HEAD"' "$f" >"$OUT/$(basename "$f").content"
	done
	cmp -s "$OUT/now.content" "$OUT/$SCENARIO.$1.content" ||
		fail "refs and index are not as $1 it: $(
			diff "$OUT/$SCENARIO.$1.content" "$OUT/now.content" | head -c 600
		)"
}

# keeps VERSION=TREE...: what was acknowledged is there; each number means one version
keeps() {
	for v; do
		restores "${v%=*}" "${v#*=}"
	done
	run 0 -- reflog --json
	sed -n 's/.*"new":"\([0-9a-f]*\)","version":"\([^"]*\)".*/\2 \1/p' "$OUT/stdout" | sort -u |
		cut -d' ' -f1 | uniq -d >"$OUT/twice"
	[ ! -s "$OUT/twice" ] || fail "a number was given twice: $(cat "$OUT/twice")"
}

# The next command that changes something takes away what was left of files being written.
litter() {
	find "$S" -name '.strata-tmp-*' >"$OUT/litter"
	[ ! -s "$OUT/litter" ] || fail "left behind: $(cat "$OUT/litter")"
}

# next NUMBER: of the next version; then nothing lies about
next() {
	echo more >>"$S/a.txt"
	run 0 -- commit -a -m more --json
	grep -q "\"version\":\"$1\"" "$OUT/stdout" ||
		fail "the next version is not $1: $(head -c 600 "$OUT/stdout")"
	# gc leaves young ones alone: a command may be at work.
	find "$S/.strata" -name '.st-tmp-*' -exec touch -d '2 days ago' {} +
	run 0 -- gc
	find "$S" -name '.st-tmp-*' -o -name '.strata-tmp-*' -o -path '*/packs/*' ! -name '*.pack' \
		>"$OUT/litter"
	[ ! -s "$OUT/litter" ] || fail "left behind: $(cat "$OUT/litter")"
}

# The merge of side into main, from its beginning to its end
ends_merge() {
	run 1 -- merge side
	same "$S" half
	run 0 -- resolve layer1.weight --theirs
	run 0 -- merge --continue
	same "$S" clashed
	keeps v1=v1 v2=v2a v3=clash v4=clashed
	next v5
}

# picks BETWEEN END WORD...: a cherry-pick with a conflict; in between, and when theirs is chosen
picks() {
	pick_between=$1 pick_end=$2
	shift 2
	run 0 -- fsck --full
	find_side
	[ -z "${CRASH_VARIANT%%kill*}" ] && whole clash "$pick_between"
	run 0 7 -- cherry-pick --abort
	[ "$rc" -eq 0 ] || grep -q 'no merge is under way' "$OUT/stderr" || fail "$(cat "$OUT/stderr")"
	[ -z "${CRASH_VARIANT%%kill*}" ] || settle clash
	find "$S" -maxdepth 1 -name '.strata-tmp-*' -delete # the next command that writes does so
	same "$S" clash
	find_content before
	run 1 -- "$@"
	same "$S" "$pick_between"
	run 0 -- gc --prune=now
	run 0 -- resolve layer1.weight --theirs
	run 0 -- cherry-pick --continue
	same "$S" "$pick_end"
	keeps v1=v1 v2=v2a v3=clash v4="$pick_end"
	next v5
}

# Branches and tags: the working tree stays v2.
names_only() {
	completes v2 v2 "$1"
	keeps v1=v1 v2=v2
	shift
	run 0 -- "$@"
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
		run 0 -- gc
		litter
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
repack)
	for again in 1 2; do
		sound
		restores v2 v2
		restores v3 v3
		run 0 -- repack
	done
	grep -q 'nothing to repack' "$OUT/stdout" || fail "repack is not done: $(cat "$OUT/stdout")"
	next v4
	;;
switch)
	completes v2 v1 0
	keeps v1=v1 v2=v2
	next v3
	run 0 -- switch main
	same "$S" v2
	;;
merge)
	completes v1 v2 0
	keeps v1=v1 v2=v2
	next v3
	;;
merge-true)
	completes v2a picked 0
	keeps v1=v1 v2=v2a v3=side v4=picked
	next v5
	;;
merge-conflict)
	run 0 -- fsck --full
	find_side
	[ -z "${CRASH_VARIANT%%kill*}" ] && whole v2a half
	run 0 7 -- merge --abort
	[ "$rc" -eq 0 ] || grep -q 'no merge is under way' "$OUT/stderr" || fail "$(cat "$OUT/stderr")"
	[ -z "${CRASH_VARIANT%%kill*}" ] || settle v2a
	find "$S" -maxdepth 1 -name '.strata-tmp-*' -delete # the next command that writes does so
	same "$S" v2a
	find_content before
	ends_merge
	;;
merge-resolve)
	run 0 -- fsck --full
	if [ -z "${CRASH_VARIANT%%kill*}" ]; then
		whole half clashed
	else
		run 0 7 -- restore .
	fi
	run 0 7 -- resolve layer1.weight --theirs
	run 0 -- merge --continue
	settle clashed
	keeps v1=v1 v2=v2a v3=clash v4=clashed
	next v5
	;;
merge-union)
	run 0 -- fsck --full
	if [ -z "${CRASH_VARIANT%%kill*}" ]; then
		whole halfway united
	else
		run 0 7 -- restore .
	fi
	again 0 7
	run 0 -- merge --continue
	settle united
	keeps v1=few v2=more v3=most v4=united
	run 0 -- merge --replay HEAD
	next v5
	;;
merge-rename)
	run 0 -- fsck --full
	if [ -z "${CRASH_VARIANT%%kill*}" ]; then
		whole ours theirs
	else
		run 0 7 -- restore .
		# what is torn is no file of this branch, and is left to be moved away
		run 0 1 7 -- merge --continue
		[ "$rc" -ne 7 ] || rm "$S/theirs"
	fi
	[ -f "$S/.strata/merge" ] && again 0 7
	[ ! -f "$S/.strata/merge" ] || run 0 -- merge --continue
	settle theirs
	keeps v1=v1 v2=ours v3=theirs v4=theirs
	run 0 -- merge --replay HEAD
	next v5
	;;
merge-continue)
	completes clashed clashed 7
	[ ! -e "$S/.strata/merge" ] || fail "the merge that ended is kept"
	keeps v1=v1 v2=v2a v3=clash v4=clashed
	next v5
	;;
merge-abort)
	run 0 -- fsck --full
	find_side
	[ -z "${CRASH_VARIANT%%kill*}" ] && whole half v2a
	run 0 7 -- merge --abort
	[ -z "${CRASH_VARIANT%%kill*}" ] || settle v2a
	same "$S" v2a
	ends_merge
	;;
reset)
	completes v3 v1 0
	keeps v1=v1 v2=v2
	next v3
	;;
undo)
	completes v1 v2 -
	run 0 -- undo --redo
	same "$S" v1
	find_content before
	run 0 -- undo
	keeps v1=v1 v2=v2 v3=v1
	next v4
	;;
redo)
	completes v2 v1 -
	run 0 -- undo
	same "$S" v2
	find_content before
	run 0 -- undo --redo
	keeps v1=v1 v2=v2 v3=v1
	next v4
	;;
rollback-tensor)
	completes v3 rolled 1
	keeps v1=v1 v2=v2 v3=v3 v4=rolled
	next v5
	;;
cherry-pick)
	completes side picked 1
	keeps v1=v1 v2=v2a v3=side v4=picked
	next v5
	;;
pick-conflict) picks taken half cherry-pick v2 ;;
pick-tensor) picks clash one_taken cherry-pick v2 --tensor layer1.weight ;;
pick-continue)
	completes half half 7
	[ ! -e "$S/.strata/merge" ] || fail "the cherry-pick that ended is kept"
	keeps v1=v1 v2=v2a v3=clash v4=half
	next v5
	;;
branch-make)
	names_only 7 switch new
	same "$S" v1
	next v3
	;;
branch-delete)
	names_only 2 branch old v2
	next v3
	;;
tag-make)
	names_only 7 show new
	next v3
	;;
tag-delete)
	names_only 2 tag past v2
	next v3
	;;
commit-semver)
	completes v2a v2a 1
	keeps v1.0.0=v1 v2.0.0=v2 v1.1.0=v2a
	run 0 -- log -1 --json
	grep -q '"lineage":\[{"kind":"fine-tuned-from",.*"version":"v2.0.0"' "$OUT/stdout" ||
		fail "the lineage is not there: $(head -c 600 "$OUT/stdout")"
	next v1.1.1
	;;
*)
	fail "no such scenario"
	;;
esac
run 0 -- fsck

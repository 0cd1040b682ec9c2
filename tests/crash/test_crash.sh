#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# timeout 900
# Kills strata between any two of its state-changing calls, and cuts the power there too, in a
# replay: each command is recorded once, then every state (or CRASH_MAX of them per scenario, 0 for
# all, evenly spread; of the history verbs a third as many) is checked by check_state.sh.
#
# test_crash.sh [SCENARIO...]   STRATA: the binary, CRASH_KEEP: a directory for failed states
. "$(dirname "$0")/lib.sh"
. "$HERE/snapshot.sh"

STRATA=${STRATA:-$HERE/../../build/strata}
[ -x "$STRATA" ] || skip_all "no strata binary at $STRATA"
STRATA=$(cd "$(dirname "$STRATA")" && pwd)/$(basename "$STRATA")
KNOWN="$TMP/known"
# Nobody's configuration, and no user's Git identity.
HOME="$TMP/home"
mkdir "$HOME"
STRATA_AUTHOR="Crash Test <crash@example.invalid>"
unset STRATA_DIR STRATA_MEMORY XDG_CONFIG_HOME
STRATA_JOBS=2
export STRATA KNOWN HOME STRATA_AUTHOR STRATA_JOBS

build_recorder || { echo "Bail out! the recorder does not build"; exit 99; }
python3 "$HERE/make_trees.py" "$KNOWN" || { echo "Bail out! no test files"; exit 99; }

# st ARGS: strata in the root, which must succeed
st() {
	"$STRATA" -C "$ROOT" "$@" >"$TMP/setup" 2>&1 || {
		echo "# strata $*: exit $?" >>"$TMP/setup"
		return 1
	}
}

put_tree() {
	find "$ROOT" -mindepth 1 -maxdepth 1 ! -name .strata -exec rm -rf {} +
	cp -a "$KNOWN/$1/." "$ROOT/"
}

version() {
	put_tree "$1" && st add -A . && st commit -m "$1"
}

# A merge that must end with a conflict
conflict() {
	"$STRATA" -C "$ROOT" merge side >"$TMP/setup" 2>&1
	[ $? -eq 1 ]
}

# The working tree becomes a known one.
tree_of() {
	rm -rf "${KNOWN:?}/$1"
	cp -a "$ROOT" "$KNOWN/$1"
	rm -r "$KNOWN/$1/.strata"
}

# Each prepares the root for the command of the same scenario.
prepare() {
	case $1 in
	init) put_tree v1 ;;
	add-first) st init && put_tree v1 ;;
	add | add-changed) st init && version v1 && put_tree v2 ;;
	commit-first) st init && put_tree v1 && st add -A . ;;
	commit) st init && version v1 && put_tree v2 && st add -A . ;;
	commit-all) st init && version v1 && put_tree v2a ;;
	checkout) st init && version v1 && version v2 ;;
	# What v3 alone held is garbage in the end, and v2a is staged.
	gc) st init && version v1 && version v2 && put_tree v3 && st add -A . && put_tree v2a &&
		st add -A . ;;
	repack) st init && st config store.mode fast && version v1 && version v2 && version v3 ;;
	switch | merge) st init && version v1 && st branch side && version v2 &&
		case $1 in merge) st switch side ;; esac ;;
	# Changes in the working tree and staged ones are to go.
	reset) st init && version v1 && version v2 && put_tree v3 && st add -A . ;;
	undo) st init && version v1 && version v2 && st rollback v1 ;;
	redo) prepare undo && st undo ;;
	rollback-tensor) st init && version v1 && version v2 && version v3 ;;
	# One file of v2 changed on both sides, in different tensors.
	cherry-pick) st init && version v1 && version v2a && st switch -c side v1 && version side ;;
	merge-true) st init && version v1 && version v2a && st switch -c side v1 && version side &&
		st switch main ;;
	# One tensor changed on both sides.
	merge-conflict) st init && version v1 && version v2a && st switch -c side v1 && version clash &&
		st switch main ;;
	# The same, one version's change being taken over; and one of its tensors alone.
	pick-conflict | pick-tensor) st init && version v1 && version v2a && st switch -c side v1 &&
		version clash ;;
	pick-continue) prepare pick-conflict && { st cherry-pick v2 || :; } &&
		st resolve layer1.weight --theirs ;;
	merge-resolve | merge-abort) prepare merge-conflict && conflict ;;
	merge-continue) prepare merge-resolve && st resolve layer1.weight --theirs ;;
	# Two vocabularies grew. What a union makes of them is what it makes where nothing is cut.
	merge-union) st init && version few && version more && st switch -c side v1 && version most &&
		st switch main && conflict && tree_of halfway && cp -a "$ROOT" "$ROOT.done" &&
		"$STRATA" -C "$ROOT.done" resolve emb.weight --vocab union >"$TMP/setup" 2>&1 &&
		ROOT="$ROOT.done" tree_of united && rm -r "$ROOT.done" ;;
	# A file that both sides called otherwise.
	merge-rename) st init && version v1 && st branch side && st mv model.safetensors ours &&
		st commit -m ours && tree_of ours && st switch side &&
		st mv model.safetensors theirs && st commit -m theirs && tree_of theirs &&
		st switch main && conflict ;;
	branch-* | tag-*) st init && version v1 && version v2 && st branch old v1 &&
		st tag -m 'what was old' past v1 ;;
	commit-semver) st init --versions=semver && version v1 && version v2 &&
		st switch -c side v1.0.0 && put_tree v2a && st add -A . ;;
	esac
}

command_of() {
	case $1 in
	init) echo init ;;
	add*) echo add -A . ;;
	commit-all) echo commit -a -m two ;;
	commit-semver) echo commit -m two --lineage fine-tuned-from=v2.0.0 ;;
	commit*) echo commit -m two ;;
	checkout) echo checkout v1 ;;
	gc) echo gc --prune=now ;;
	repack) echo repack ;;
	switch) echo switch side ;;
	reset) echo reset --hard v1 ;;
	undo) echo undo ;;
	redo) echo undo --redo ;;
	rollback-tensor) echo rollback v1 --tensor model.safetensors::layer1.weight ;;
	cherry-pick) echo cherry-pick v2 ;;
	pick-conflict) echo cherry-pick v2 ;;
	pick-tensor) echo cherry-pick v2 --tensor layer1.weight ;;
	pick-continue) echo cherry-pick --continue ;;
	branch-make) echo branch new v1 ;;
	branch-delete) echo branch -D old ;;
	tag-make) echo tag -m noted new v1 ;;
	tag-delete) echo tag -d past ;;
	merge) echo merge main ;;
	merge-true | merge-conflict) echo merge side ;;
	merge-resolve) echo resolve layer1.weight --theirs ;;
	merge-rename) echo resolve ours --theirs ;;
	merge-union) echo resolve emb.weight --vocab union ;;
	merge-continue) echo merge --continue ;;
	merge-abort) echo merge --abort ;;
	esac
}

# The sample of a scenario. Those of history verbs share most of their calls with one another.
most() {
	case $1 in
	init | add* | commit | commit-first | commit-all | checkout | gc | repack) echo "${CRASH_MAX:-120}" ;;
	*) [ "${CRASH_MAX:-120}" -eq 0 ] && echo 0 || echo $(((${CRASH_MAX:-120} + 2) / 3)) ;;
	esac
}

scenario() {
	ROOT="$TMP/$1.root"
	work="$TMP/$1.work"
	mkdir "$ROOT"
	prepare "$1" || { not_ok "$1: set up" "$TMP/setup"; return; }
	CRASH_COMMAND=$(command_of "$1")
	export CRASH_COMMAND
	# Fails where there is no repository yet, and then nobody looks at it.
	snapshot "$ROOT" >"$KNOWN/$1.before" 2>/dev/null
	expect=0
	case $1 in merge-conflict | pick-conflict | pick-tensor) expect=1 ;; esac
	# shellcheck disable=SC2086 # the words of the command
	replay record --expect $expect --recorder "$REC" --root "$ROOT" --work "$work" -- \
		"$STRATA" -C "$ROOT" $CRASH_COMMAND >"$TMP/out" 2>&1 ||
		{ not_ok "$1: recorded" "$TMP/out"; return; }
	snapshot "$ROOT" >"$KNOWN/$1.after" 2>"$TMP/out" ||
		{ not_ok "$1: what the command left can be read" "$TMP/out"; return; }
	if replay run --work "$work" --max "$(most "$1")" --jobs "${CRASH_JOBS:-2}" \
		${CRASH_KEEP:+--keep "$CRASH_KEEP/$1"} \
		-- sh "$HERE/check_state.sh" "$1" {} >"$TMP/out" 2>&1; then
		ok "$1: $(sed -n '1s/^# //p' "$TMP/out")"
	else
		not_ok "$1: every crash leaves a sound repository" "$TMP/out"
	fi
	rm -rf "$ROOT" "$work"
}

[ $# -gt 0 ] || set -- init add-first commit-first add add-changed commit commit-all checkout gc \
	repack switch reset undo redo rollback-tensor cherry-pick branch-make branch-delete tag-make \
	tag-delete merge merge-true merge-conflict merge-resolve merge-union merge-rename merge-continue merge-abort \
	pick-conflict pick-tensor pick-continue commit-semver
for s; do
	scenario "$s"
done
finish

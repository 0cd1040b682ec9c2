#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is typed into files while merge, resolve and rm work, or after a kill of them, stays.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

need "${CC:-cc}"

# Lines, keys and values in conflict, and files that only the other branch changed
clash() {
	strata init
	seq 9 >notes
	printf '{"a": 1}\n' >c.json
	mkdir d
	echo 1 >d/x
	echo 1 >z
	strata add . && strata commit -q -m base && strata branch side
	sed -i 's/^5$/ours/' notes
	echo '{"a": 2}' >c.json
	strata commit -q -a -m ours && strata switch -q side
	sed -i 's/^5$/theirs/' notes
	echo '{"a": 3}' >c.json
	echo 2 >d/x
	strata rm -q z
	echo 1 >new
	strata add new && strata commit -q -a -m theirs && strata switch -q main
}

merges() {
	clash
	rc 7 meddled 'moved .strata/merge' 'echo typed >>notes' strata merge side
	grep -q "'notes' changed meanwhile, and is left as it is" "$t_tmp/err"
	[ "$(tail -n 1 notes)" = typed ] && [ ! -e z ] && [ -e new ]
	fails grep '<<<<' notes
	match '^  text  *notes( |$)' strata status
	# that cannot be decided by pattern before it is staged or gone
	err "'notes' was changed since" strata resolve notes --ours
	strata add notes
	strata resolve c.json --ours
	strata merge --continue
	[ "$(tail -n 1 notes)" = typed ]
	out '' strata status -s
}

resolves() {
	clash
	rc 1 strata merge -q side
	rc 7 meddled removed 'echo typed >>notes' strata resolve '*' --theirs
	grep -q "would be overwritten in 1 file: 'notes'" "$t_tmp/err"
	[ "$(tail -n 1 notes)" = typed ]
	match '2 of 2 conflicts left' strata status
	strata restore notes
	strata resolve '*' --theirs
	strata merge --continue
	grep theirs notes
}

goes_on() {
	clash
	rc 137 meddled 'moved /d/x' 'kill -9 $PPID' strata merge side
	match 'A merge was interrupted' strata status
	echo typed >>notes
	echo typed >>d/x
	echo typed >new
	rc 7 strata merge --continue
	grep -q "overwritten in 2 files: 'd/x', 'new'; move them away, or 'strata restore'" "$t_tmp/err"
	[ "$(cat new)" = typed ]
	err 'a merge was interrupted' strata restore --staged d/x
	strata restore d/x
	mv new ../mine
	rc 7 strata merge --continue
	grep -q "'notes' changed meanwhile, and is left as it is" "$t_tmp/err"
	[ "$(tail -n 1 notes)" = typed ] && [ "$(cat d/x new)" = '2
1' ]
	strata add notes
	strata resolve c.json --ours
	strata merge --continue
	out '' strata status -s
}

# The lines of both sides are the merge's own, and are written over by what was begun.
goes_on_over_marks() {
	clash
	for t_at in 'moved .strata/merge' 'moved /c.json' 'moved /notes'; do
		rc 1 strata merge -q side
		grep -q '<<<<' notes
		rc 137 meddled "$t_at" 'kill -9 $PPID' strata resolve '*' --theirs
		strata merge --continue
		out '' strata status -s
		out theirs sed -n 5p notes
		strata reset -q --hard HEAD~1
	done
	rc 1 strata merge -q side
	rc 137 meddled 'moved .strata/merge' 'kill -9 $PPID' strata resolve '*' --theirs
	echo typed >>notes
	rc 7 strata merge --continue
	grep -q "in 1 file: 'notes'" "$t_tmp/err"
	[ "$(tail -n 1 notes)" = typed ]
	strata merge --abort
}

# The index says the same after --ours: the step that was cut off changed nothing of it.
resolves_over_marks() {
	clash
	for t_how in --ours --theirs --base; do
		rc 1 strata merge -q side
		rc 137 meddled 'moved .strata/merge' 'kill -9 $PPID' strata resolve notes --ours
		strata resolve -q notes $t_how
		fails grep '<<<<' notes
		strata resolve -q c.json --ours
		strata merge -q --continue
		out '' strata status -s
		strata reset -q --hard HEAD~1
	done
	rc 1 strata merge -q side
	rc 137 meddled 'moved .strata/merge' 'kill -9 $PPID' strata resolve notes --ours
	echo typed >>notes
	err "'notes' was changed since the merge began" strata resolve notes --theirs
	[ "$(tail -n 1 notes)" = typed ]
	strata merge --abort
}

removes() {
	clash
	rc 7 meddled 'moved .strata/index' 'echo typed >>notes' strata rm notes z
	grep -q "'notes' changed meanwhile" "$t_tmp/err"
	[ "$(tail -n 1 notes)" = typed ] && [ ! -e z ]
	match '^?? notes$' strata status -s
}

# What was taken out of the index is taken back all the same.
aborts_all() {
	clash
	strata switch -q side && chmod +x d/x && strata commit -q -a -m mode
	strata switch -q main
	cp -a . ../was
	for t_do in 'restore --staged .' 'rm -q --cached new d/x' 'rm -qf d/x' 'rm -q --cached c.json'; do
		rc 1 strata merge -q side
		# shellcheck disable=SC2086
		strata $t_do
		[ "$t_do" != 'rm -qf d/x' ] || strata resolve -q notes --ours
		strata merge --abort
		diff -r -x .strata . ../was
		fails test -x d/x
		out '' strata status -s
	done
	rc 1 strata merge -q side
	strata rm -q --cached new
	echo mine >new
	strata merge -q --abort
	out mine cat new
}

# Unstaging by name takes an add back: what was staged is what the merge staged.
unstages() {
	clash
	strata switch -q side && printf '{"a": 3,\n "b": 3}\n' >c.json && strata commit -q -a -m b
	strata switch -q main
	rc 1 strata merge -q side
	for t_what in c.json .; do
		echo '{"a": 6, "b": 3}' >c.json
		strata add c.json
		match '1 of 2 conflicts left' strata status
		strata restore --staged $t_what
		match '2 of 2 conflicts left' strata status
		strata restore c.json
		out '{"a":2,"b":3}' sh -c "tr -d '\n ' <c.json; echo"
	done
	echo '{"a": 6, "b": 3}' >c.json
	strata add c.json
	strata resolve notes --ours
	strata restore --staged c.json && strata restore c.json
	strata resolve a --theirs
	strata merge --continue
	out '{"a":3,"b":3}' sh -c "strata cat HEAD:c.json | tr -d '\n '; echo"
}

# What the merge itself removed is as it staged it.
unstages_removed() {
	clash
	mkdir gone && echo 1 >gone/a && echo 1 >gone/b && strata add gone && strata commit -q -m gone
	strata branch -q -f side HEAD
	strata switch -q side
	strata rm -q z gone/a gone/b && echo 3 >c.json && strata commit -q -a -m theirs
	strata switch -q main
	echo 2 >c.json && strata commit -q -a -m ours
	rc 1 strata merge -q side
	for t_what in z gone/a gone 'z gone' '*/b'; do
		set -f
		strata restore --staged $t_what
		strata restore --staged --worktree $t_what
		set +f
	done
	fails test -e z
	rc 2 strata restore --staged nothing
	rc 2 strata restore z
	echo mine >z
	strata restore --staged z
	match '^[?][?] z$' strata status -s
	strata add z
	match '^M  z$' strata status -s
	strata restore --staged z
	match '^[?][?] z$' strata status -s
	out mine cat z
	rm z
	strata resolve -q '*' --ours
	strata merge -q --continue
	fails strata cat HEAD:z
	# otherwise such a name is none
	rc 2 strata restore --staged z
	# a file that is in conflict, and that this branch does not have
	strata switch -q -c other && strata mv d/x x && strata commit -q -m theirs
	strata switch -q main && strata rm -q d/x && strata commit -q -m ours
	rc 1 strata merge -q other
	fails test -e x
	strata restore --staged x
	match '1 of 1 conflict left' strata status
}

# What would settle a conflict without anybody's saying so, and options that would be for nothing
refuses() {
	clash
	rc 1 strata merge -q side
	err "'notes' is in a merge that is under way, with conflicts" strata mv notes notes2
	err "'notes' is in a merge" strata mv -f d/x notes
	strata mv d e
	for t_do in '-e' '--method ties' '--rule *=ours' '--seed 1' '--no-ff' '--ff-only' '--allow-nonfinite' \
		'--allow-unrelated'; do
		# shellcheck disable=SC2086
		rc 2 strata merge --continue $t_do
		# shellcheck disable=SC2086
		rc 2 strata merge --abort $t_do
		# shellcheck disable=SC2086
		rc 2 strata merge --replay HEAD $t_do
	done
	err 'merge --abort goes with --json alone' strata merge --abort -m x
	strata resolve '*' --ours
	strata mv notes notes2
	strata merge --continue -m both
	out '2' cat e/x
	# taken back by half
	strata reset -q --hard HEAD~1
	rc 1 strata merge -q side
	rc 137 meddled 'moved .strata/merge' 'kill -9 $PPID' strata merge --abort
	err "a merge was being taken back: 'strata merge --abort' ends that" strata merge side
	strata merge --abort
}

it 'merge leaves what is typed while it writes' merges
it 'resolve leaves what is typed while files are made' resolves
it 'merge --continue leaves what was typed after a kill' goes_on
it 'merge --continue goes on over its own lines' goes_on_over_marks
it 'rm leaves what is typed while it works' removes
it 'merge --abort takes back what was unstaged' aborts_all
it 'restore --staged takes an add back' unstages
it 'restore --staged takes nothing back of what the merge removed' unstages_removed
it 'what does not go during a merge is refused' refuses
it 'resolve goes over the lines of both sides after a kill' resolves_over_marks
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

start() { # policy: one version of a model, a README and a shard beside
	mkdir repo
	cd repo
	strata init --versions="$1" >/dev/null
	model m.safetensors a:F32:2,6:1 b:F32:4:2
	echo read >README
	strata add .
	strata commit -m one >../got
}

next() { # number, "step: why", argument of commit...
	t_number=$1
	t_why=$2
	shift 2
	strata add -A . >/dev/null
	strata commit -m next "$@" >../got
	head -n 1 ../got | grep -Eqx "$t_number [0-9a-f]{12}  ([a-z]+|\(HEAD is detached\))  \"next\"  \($t_why\)" ||
		{ cat ../got && return 1; }
	[ "$(strata log --oneline -1 "$t_number")" = "$(strata log --oneline -1)" ]
}

numbers() { # of all versions, sorted
	strata reflog --json | sed -n 's/.*"version":"\([^"]*\)".*/\1/p' | sort -Vu | tr '\n' ' '
}

steps() {
	start semver
	head -n 1 ../got | grep -Eqx 'v1.0.0 [0-9a-f]{12}  main  "one"  \(major: first version\)'
	model m.safetensors a:F32:2,6:1 b:F32:4:3
	next v1.1.0 'minor: values changed'
	echo more >>README
	next v1.1.1 'patch: no tensor changed'
	next v1.1.2 'patch: nothing changed' --allow-empty
	model m.safetensors a:F32:2,6:1 b:F32:4:3 --meta note=1
	next v1.1.3 'patch: no tensor changed'
	model m.safetensors a:F32:2,6:1 b:F32:4:3 c:F32:1:4
	next v2.0.0 'major: tensors added'
	model m.safetensors a:F32:2,6:1 b:F32:4:3
	next v3.0.0 'major: tensors removed'
	model m.safetensors a:F32:2,6:1 c:F32:4:3
	next v4.0.0 'major: tensors added and removed'
	model m.safetensors a:F32:3,4:1 c:F32:4:3
	match '1 of 2 tensors changed' strata status
	next v5.0.0 'major: shape or type changed'
	grep -qx '  tensors  1 changed, 0 added, 1 unchanged' ../got
	model m.safetensors a:I32:3,4:1 c:F32:4:3
	next v6.0.0 'major: shape or type changed'
	model m.safetensors a:I32:3,4:9 c:F32:4:3
	echo again >>README
	next v6.1.0 'minor: values changed'
	rm m.safetensors
	next v7.0.0 'major: tensors removed'
	rm README
	strata rm -q --cached README
	next v7.0.1 'patch: no tensor changed'
}

files_of_a_model() {
	start semver
	model other.safetensors a:F32:2,6:1 b:F32:4:2
	next v2.0.0 'major: tensors added'
	rm other.safetensors
	next v3.0.0 'major: tensors removed'
	# the same tensors in two shards
	rm m.safetensors
	model m-1.safetensors a:F32:2,6:1
	model m-2.safetensors b:F32:4:2
	next v3.0.1 'patch: no tensor changed'
	# one moves with other values, then with another shape
	model m-1.safetensors a:F32:2,6:1 b:F32:4:3
	rm m-2.safetensors
	next v3.1.0 'minor: values changed'
	model m-2.safetensors b:F32:2,2:3
	model m-1.safetensors a:F32:2,6:1
	next v4.0.0 'major: shape or type changed'
	# in another directory it is another tensor
	mkdir sub
	mv m-2.safetensors sub
	next v5.0.0 'major: tensors added and removed'
	# a damaged model is a file like others
	head -c 20 m-1.safetensors >x
	mv x m-1.safetensors
	next v6.0.0 'major: tensors removed' 2>/dev/null
}

json() {
	start semver
	match '"version":"v1.0.1","bump":"patch","why":"nothing changed","branch":"main"' \
		strata commit --allow-empty --json -m x
	match '"version":"v2.0.0","bump":"major","why":"asked for"' \
		strata commit --allow-empty --json -m x --bump major
	match '"semver","versions:timestamp"|"versions:semver"' strata version --json
}

bump() {
	start semver
	next v1.1.0 'minor: asked for' --allow-empty --bump minor
	next v2.0.0 'major: asked for' --allow-empty --bump=major
	model m.safetensors a:F32:1:1
	next v2.0.1 'patch: asked for' --bump patch
	echo x >x
	strata add x
	strata log --json >../before
	cp .strata/ops ../ops
	rc 2 strata commit -m x --bump big
	err "major, minor or patch, not 'big'" strata commit -m x --bump big
	rc 2 strata commit -m x --bump ''
	rc 2 strata commit -m x --bump
	strata config version.policy sequence
	echo 2 >>README
	rc 2 strata commit -a -m x --bump minor
	err 'for numbers like v1.2.0.*version.policy semver' strata commit -a -m x --bump minor
	EDITOR='touch ../edited;:' rc 2 strata commit --bump minor
	[ ! -e ../edited ]
	strata config version.policy timestamp
	rc 2 strata commit -a -m x --bump minor
	cmp .strata/ops ../ops
	strata log --json | cmp - ../before
	out 'M  README
A  x' sh -c "strata status -s | sed 's/^ M/M /'"
	cd ..
	mkdir young
	cd young
	strata init -q --versions semver
	match '^v0.1.0 .*\(minor: asked for\)' strata commit -m x --allow-empty --bump minor
}

branches() {
	start semver
	strata branch side
	model m.safetensors a:F32:2,6:5 b:F32:4:2
	next v1.1.0 'minor: values changed'
	strata switch -q side
	model m.safetensors a:F32:2,6:6 b:F32:4:2
	next v1.2.0 'minor: values changed'
	echo 2 >>README
	next v1.2.1 'patch: no tensor changed'
	strata switch -q main
	echo 3 >>README
	next v1.1.1 'patch: no tensor changed'
	model m.safetensors a:F32:2,6:7 b:F32:4:2
	next v1.3.0 'minor: values changed'
	model m.safetensors a:F32:2,6:7
	next v2.0.0 'major: tensors removed'
	strata switch -q side
	model m.safetensors a:F32:2,6:7
	next v3.0.0 'major: tensors removed'
	out 4 sh -c 'strata log --oneline v1.0.0..v2.0.0 | wc -l'
	match 'm.safetensors' strata diff v1.0.0 v1.1.0
	strata cat v1.2.1:README | tail -n 1 | grep -qx 2
	strata checkout -q v1.1.0
	model m.safetensors a:F32:2,6:8 b:F32:4:2
	next v1.4.0 'minor: values changed'
}

taken_back() {
	start semver
	echo 2 >>README
	next v1.0.1 'patch: no tensor changed'
	strata undo >/dev/null
	strata commit -m again >../got
	match '^v1.0.2 ' cat ../got
	strata commit --amend -m better >../got
	match '^v1.0.3 .*patch: no tensor changed' cat ../got
	model m.safetensors a:F32:2,6:8 b:F32:4:2
	strata commit -q -a --amend --no-edit
	match '^v1.1.0 ' strata log --oneline -1
	strata reset -q --hard v1.0.0
	model m.safetensors a:F32:2,6:9 b:F32:4:2
	next v1.2.0 'minor: values changed'
	strata undo >/dev/null
	strata undo --redo >/dev/null
	match '^v1.2.0 ' strata log --oneline -1
	strata reset -q --hard v1.0.0
	match '^v2.0.0 .*first version' strata commit --amend -m first
	rc 0 strata log v1.0.0
}

renewed() {
	start semver
	model m.safetensors a:F32:2,6:5 b:F32:4:2
	next v1.1.0 'minor: values changed'
	model m.safetensors a:F32:2,6:5
	next v2.0.0 'major: tensors removed'
	strata rollback v1.1.0 >/dev/null
	match '^v3.0.0 ' strata log --oneline -1
	strata rollback v1.0.0 >/dev/null
	match '^v3.1.0 ' strata log --oneline -1
	echo 2 >>README
	next v3.1.1 'patch: no tensor changed'
	strata revert HEAD >/dev/null
	match '^v3.1.2 ' strata log --oneline -1
	strata cherry-pick v3.1.1 >/dev/null
	match '^v3.1.3 ' strata log --oneline -1
	strata cherry-pick v1.1.0 >/dev/null
	match '^v3.2.0 ' strata log --oneline -1
	model m.safetensors a:F32:2,6:7 b:F32:4:2
	next v3.3.0 'minor: values changed'
	strata rollback v1.0.0 --tensor a >/dev/null
	match '^v3.4.0 ' strata log --oneline -1
}

renewed_by() { # --bump on rollback, revert and cherry-pick
	start semver
	model m.safetensors a:F32:2,6:5 b:F32:4:2
	next v1.1.0 'minor: values changed'
	match '^v1.1.1 [0-9a-f]{12}  main  Roll back to v1.0.0: one  \(patch: asked for\)$' \
		strata rollback v1.0.0 --bump patch
	match '^v2.0.0 .*  \(major: asked for\)$' strata cherry-pick v1.1.0 --bump=major
	match '^v2.1.0 .*  \(minor: values changed\)$' strata revert v2.0.0
	match '"version":"v2.1.1","bump":"patch","why":"asked for","branch":"main"' \
		strata rollback --json v1.1.0 --tensor a --bump patch
	cp .strata/ops ../ops
	for t_verb in rollback revert cherry-pick; do
		rc 2 strata $t_verb v1.0.0 --bump big
		err "major, minor or patch, not 'big'" strata $t_verb v1.0.0 --bump big
		rc 2 strata $t_verb v1.0.0 --bump
	done
	EDITOR='touch ../edited;:' rc 2 strata rollback -e v1.0.0 --bump big
	strata config version.policy sequence
	for t_verb in rollback revert cherry-pick; do
		rc 2 strata $t_verb v1.1.0 --bump minor
		err 'for numbers like v1.2.0.*version.policy semver' strata $t_verb v1.1.0 --bump minor
	done
	EDITOR='touch ../edited;:' rc 2 strata cherry-pick -e v1.1.0 --bump minor
	[ ! -e ../edited ]
	cmp .strata/ops ../ops
	match '"version":"v3","bump":null,"why":null' strata rollback v1.0.0 --json
}

lasting() {
	start semver
	for i in 1 2 3; do
		echo $i >README
		strata commit -q -a -m "n $i"
	done
	strata undo >/dev/null
	strata log --json >../before
	list=$(numbers)
	strata gc -q --prune=now
	strata log --json | cmp - ../before
	strata fsck --rebuild
	strata log --json | cmp - ../before
	[ "$(numbers)" = "$list" ]
	cp -r . ../copy
	strata -C ../copy log --json | cmp - ../before
	next v1.0.4 'patch: no tensor changed'
	cd ../copy
	next v1.0.4 'patch: no tensor changed'
	rm .strata/catalog.db
	echo x >README
	next v1.0.5 'patch: no tensor changed'
	strata fsck --full
}

at_once() { # policy
	start "$1"
	for i in 1 2 3 4; do
		strata commit -q --allow-empty -m "at once $i" &
	done
	wait
	out 5 sh -c 'strata log --oneline | wc -l'
	out 5 sh -c "strata log --oneline | cut -d' ' -f1 | sort -u | wc -l"
	strata fsck
}

timestamps() {
	start timestamp
	grep -Eq '^v[0-9]{8}T[0-9]{6}Z ' ../got
	fails grep -q '"one"  ' ../got
	match '"bump":null,"why":null' strata commit --json --allow-empty -m x
	stamp=$(strata log -1 --json | sed 's/.*"time":"\([0-9TZ:-]*\).*/\1/; s/[-:]//g')
	match "^v$stamp" strata log --oneline -1
	for i in 1 2 3 4 5 6 7 8 9; do
		strata commit -q --allow-empty -m "number $i"
	done
	out 11 sh -c "strata log --oneline | cut -d' ' -f1 | sort -u | wc -l"
	second=$(strata log --oneline | cut -d' ' -f1 | grep -m 1 -e 'Z-2$')
	match "^$second " strata log --oneline "$second"
	strata cat "${second%-2}:README" | grep -qx read
	strata log --json >../before
	strata fsck --rebuild
	strata log --json | cmp - ../before
	rc 2 strata tag "$second"
	err 'looks like a version number' strata branch "${second%-2}"
}

changed_midway() {
	start sequence
	echo 2 >README
	strata commit -q -a -m two
	strata config version.policy semver
	echo 3 >README
	next v2.0.1 'patch: no tensor changed'
	strata config version.policy timestamp
	strata commit -q --allow-empty -m t
	match '^v[0-9]{8}T[0-9]{6}Z ' strata log --oneline -1
	strata config version.policy semver
	model m.safetensors a:F32:2,6:5 b:F32:4:2
	next v2.1.0 'minor: values changed'
	strata config version.policy sequence
	strata commit -q --allow-empty -m s
	match '^v3 ' strata log --oneline -1
	strata config version.policy semver
	next v4.0.0 'major: asked for' --allow-empty --bump major
	strata config --unset version.policy
	strata commit -q --allow-empty -m s
	match '^v5 ' strata log --oneline -1
	strata undo >/dev/null
	strata commit -q --allow-empty -m s
	match '^v6 ' strata log --oneline -1
	match '^v2 ' strata log --oneline v2
	rc 2 strata log v2.0
	strata fsck --rebuild
	match '^v6 ' strata log --oneline -1
}

from_nothing() { # versions of timestamps alone: 0.0.0
	start timestamp
	strata config version.policy semver
	echo 2 >README
	next v0.0.1 'patch: no tensor changed'
	strata reset -q --hard HEAD~1
	model m.safetensors a:F32:2,6:5 b:F32:4:2
	next v0.1.0 'minor: values changed'
}

by_hand() {
	start sequence
	rc 2 strata config version.policy roman
	err "sequence, semver or timestamp, not 'roman'" strata config version.policy roman
	rc 2 strata config --global Version.Policy SEMVER
	[ ! -e .strata/config ] || fails grep -q -i roman .strata/config
	strata config version.policy semver
	out semver strata config version.policy
	printf '[version]\n\tpolicy = roman\n' >.strata/config
	echo 2 >README
	cp .strata/ops ../ops
	rc 2 strata commit -a -m x
	err "version.policy is sequence, semver or timestamp, not 'roman'" strata commit -a -m x
	rc 2 strata rollback v1
	cmp .strata/ops ../ops
	rc 0 strata log
	rc 0 strata config version.policy timestamp
	match '^v2[0-9]{7}T' strata commit -a -m x
}

users_setting() {
	strata config --global version.policy semver
	repo
	match '^v1.0.0 ' strata commit --allow-empty -m x
	cd ..
	strata init -q --versions=sequence other
	match '^v1 ' strata -C other commit --allow-empty -m x
	strata config --global --unset version.policy
}

it 'semver: each step follows from what changed' steps
it 'semver: shards, directories and damaged models' files_of_a_model
it 'commit --json says the step and why' json
it '--bump says the step, and is refused elsewhere' bump
it 'semver: two branches never share a number' branches
it 'numbers that were undone or amended are not given again' taken_back
it 'semver: rollback, revert and cherry-pick' renewed
it 'rollback, revert and cherry-pick take --bump' renewed_by
it 'numbers last through gc, a new catalogue and a copy' lasting
it 'commits at once: semver' at_once semver
it 'commits at once: timestamp' at_once timestamp
it 'commits at once: sequence' at_once sequence
it 'timestamps' timestamps
it 'the policy changes midway' changed_midway
it 'semver after timestamps alone' from_nothing
it 'a policy that is none' by_hand
it "the user's setting, and what counts more" users_setting
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cherry-pick and revert of what changed here as well
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

lines() { # file, then what its lines 2 and 7 are
	printf '1\n%s\n3\n4\n5\n6\n%s\n8\n' "$2" "$3" >"$1"
}

# v2 changes b of the model and of c.json, and line 2; side (v3) all that and a and line 7 as well.
setup() {
	repo
	model m.safetensors a:F32:64:1 b:F32:64:1
	echo '{"a": 1, "b": 1}' >c.json
	lines t 2 7
	strata add . && strata commit -q -m one
	model m.safetensors a:F32:64:1 b:F32:64:2
	echo '{"a": 1, "b": 2}' >c.json
	lines t two 7
	strata commit -q -a -m two --author 'Bob <bob@example.org>' --param lr=0.1
	strata switch -q -c side v1
	model m.safetensors a:F32:64:3 b:F32:64:3
	echo '{"a": 3, "b": 3}' >c.json
	lines t deux sept
	strata commit -q -a -m three
	mkdir ../mine && cp m.safetensors c.json t ../mine
	strata status --json >../clean
}

is_mine() {
	cmp m.safetensors ../mine/m.safetensors
	cmp c.json ../mine/c.json
	cmp t ../mine/t
	strata status --json | cmp - ../clean
}

lists() {
	setup
	rc 1 strata cherry-pick v2
	grep -q "^Cherry-picking v2: 3 of 3 conflicts left" "$t_tmp/out"
	grep -q "3 conflicts: 'strata resolve' decides, 'strata cherry-pick --abort' takes the cherry" \
		"$t_tmp/err"
	match '^Cherry-picking v2: 3 of 3 conflicts left$' strata status
	match 'strata cherry-pick --abort takes back' strata status
	match '^  configuration  c.json::b  base 1, ours 3, theirs 2$' strata status
	match '^  values         m.safetensors::b  D .*64 of 64 changed$' strata status
	match '^  text           t  1 place$' strata status
	strata cat HEAD:t | cmp - ../mine/t
	grep -q '^sept$' t && grep -q '^<<<<<<< ' t && grep -q '^two$' t
	rc 7 strata commit -m x
	err '3 conflicts of the cherry-pick are left' strata commit -m x
	err '3 conflicts of the cherry-pick are left' strata cherry-pick --continue
	for t_cmd in 'switch main' 'revert v1' 'cherry-pick v2' 'merge main' 'rollback v1' 'undo' \
		'reset --hard'; do
		rc 7 strata $t_cmd
		grep -q "a cherry-pick is under way: 'strata cherry-pick --continue' ends it" "$t_tmp/err"
	done
	strata cherry-pick --abort >../out
	grep -q '^the cherry-pick is taken back$' ../out
	is_mine
	rc 7 strata cherry-pick --abort
	strata fsck --full
}

ends() {
	setup
	rc 1 strata cherry-pick v2
	strata resolve '*::b' --theirs
	match '^Cherry-picking v2: 1 of 3 conflicts left$' strata status
	lines t zwei sept
	strata add t
	match "^Cherry-picking v2: all conflicts are decided; 'strata cherry-pick --continue'" strata status
	match '^v4 [0-9a-f]{12}  cherry-picked$' strata cherry-pick --continue
	model ../want a:F32:64:3 b:F32:64:2
	cmp m.safetensors ../want
	[ "$(cat c.json)" = '{"a": 3, "b": 2}' ]
	[ "$(sed -n 2p t)" = zwei ]
	strata show >../out
	grep -q '^Author: Bob <bob@example.org>$' ../out
	grep -q '^Param:  lr = 0.1$' ../out
	grep -q '^    two$' ../out
	! grep -q '^Description' ../out
	[ "$(strata log --json -1 | grep -o '"parents":\[[^]]*\]' | grep -o '[0-9a-f]\{64\}' | wc -l)" = 1 ]
	rc 2 strata merge --replay HEAD
	out '' strata status -s
	match 'cherry-pick ended: two$' strata reflog
	strata undo -q
	is_mine
	strata undo -q --redo
	cmp m.safetensors ../want
	strata fsck --full
}

reverts() {
	setup
	strata switch -q main
	model m.safetensors a:F32:64:1 b:F32:64:5
	strata commit -q -a -m five
	rc 1 strata revert v2
	grep -q '^Reverting v2: 1 of 1 conflict left' "$t_tmp/out"
	[ "$(cat c.json)" = '{"a": 1, "b": 1}' ]
	lines ../want 2 7
	cmp t ../want
	strata resolve b --theirs >../out
	grep -q "0 left: 'strata revert --continue' ends the revert" ../out
	strata commit -q -m 'taken back'
	out 'taken back' sh -c "strata log -1 | tail -n 1 | sed 's/^ *//'"
	match '^Author: Ada Tester' strata log -1
	out '' strata diff v1 HEAD
}

methods() {
	setup
	strata config merge.method linear # of merges
	rc 1 strata cherry-pick v2 --method ours
	match '^Cherry-picking v2: 2 of 3 conflicts left$' strata status
	strata status >../out
	! grep -q '^  values' ../out
	strata cherry-pick --abort -q
	is_mine
	rc 1 strata cherry-pick v2
	match '^  values  ' strata status
	strata resolve -q m.safetensors --method task-arithmetic
	strata resolve -q t c.json --ours
	strata cherry-pick --continue -q
	python3 - <<-'EOF2'
	import struct, json, subprocess
	def load(rev):
	    d = subprocess.run(["strata", "cat", rev + ":m.safetensors"], stdout=subprocess.PIPE, check=True).stdout
	    n = struct.unpack("<Q", d[:8])[0]
	    h = json.loads(d[8:8 + n])
	    return [struct.unpack("<64f", d[8 + n + h[k]["data_offsets"][0]:8 + n + h[k]["data_offsets"][1]]) for k in "ab"]
	def f32(x):
	    return struct.unpack("<f", struct.pack("<f", x))[0]
	base, theirs, ours, got = (load(r) for r in ("v1", "v2", "v3", "HEAD"))
	assert got[0] == ours[0]
	assert got[1] == tuple(f32(x + ((y - x) + (z - x))) for x, y, z in zip(base[1], ours[1], theirs[1]))
	EOF2
}

nothing_left() {
	setup
	rc 1 strata cherry-pick v2
	strata resolve -q '*' --ours
	rc 1 strata cherry-pick --continue
	grep -q "nothing is left of the cherry-pick: 'strata cherry-pick --abort' ends it" "$t_tmp/err"
	rc 1 strata commit -m x
	strata merge -q --abort
	is_mine
	rc 1 strata cherry-pick v2
	strata resolve -q '*' --ours
	strata commit -q --allow-empty -m 'nothing of it'
	out '' strata diff v3 HEAD
	out '' strata status -s
}

# Only the chosen tensors come over; the version that they are taken from is nobody's but the
# merge's.
chosen() {
	setup
	rc 1 strata cherry-pick v2 --tensor 'm.safetensors::b'
	match '^Cherry-picking v2: 1 of 1 conflict left$' strata status
	strata gc -q --prune now
	strata fsck --full
	[ "$(strata log --all --oneline | wc -l)" = 3 ]
	strata resolve -q b --theirs
	strata cherry-pick --continue -q -m 'only b'
	model ../want a:F32:64:3 b:F32:64:2
	cmp m.safetensors ../want
	cmp c.json ../mine/c.json
	cmp t ../mine/t
	strata gc -q
	strata fsck --full
	strata undo -q
	is_mine
	rc 1 strata revert v2 --tensor b
	strata revert --abort -q
	is_mine
}

by_hand() {
	setup
	rc 1 strata cherry-pick v2
	model m.safetensors a:F32:64:3 b:F32:64:9
	cp m.safetensors ../want
	echo '{"b": 9}' >c.json
	lines t x y
	strata commit -q -a -m 'by hand'
	cmp m.safetensors ../want
	out '' strata status -s
	match '^Author: Bob' strata log -1
	out 'v4 v3 v1' sh -c "strata log --oneline | cut -d' ' -f1 | paste -sd' '"
}

renamed() { # a model that is called otherwise here gets the change
	repo
	model m.safetensors a:F32:64:1 b:F32:64:1
	strata add . && strata commit -q -m one
	model m.safetensors a:F32:64:1 b:F32:64:2
	strata commit -q -a -m two
	strata switch -q -c side v1
	strata mv m.safetensors n.safetensors
	strata commit -q -a -m three
	strata cherry-pick -q v2
	model ../want a:F32:64:1 b:F32:64:2
	cmp n.safetensors ../want
	[ ! -e m.safetensors ]
}

bumped() { # the step that was asked for waits
	strata init --versions=semver r >/dev/null
	cd r
	model m.safetensors a:F32:64:1
	strata add . && strata commit -q -m one
	model m.safetensors a:F32:64:2
	strata commit -q -a -m two
	strata switch -q -c side v1.0.0
	model m.safetensors a:F32:64:3
	strata commit -q -a -m three
	rc 1 strata cherry-pick v1.1.0 --bump major
	strata resolve -q a --theirs
	match '^v2.0.0 .*  cherry-picked$' strata cherry-pick --continue
	strata undo -q
	rc 1 strata cherry-pick v1.1.0 --bump major
	strata resolve -q a --theirs
	strata commit -q -m four --bump patch
	match '^version v1.[0-9.]*[1-9] ' strata show
}

shard() { # a whole new one would come without its index
	repo
	index='{"metadata": {}, "weight_map": {"a": "m-00001-of-00002.safetensors"'
	model m-00001-of-00002.safetensors a:F32:8:1
	echo "$index}}" >m.safetensors.index.json
	strata add . && strata commit -q -m one
	model m-00002-of-00002.safetensors n:F32:8:2
	echo "$index, \"n\": \"m-00002-of-00002.safetensors\"}}" >m.safetensors.index.json
	strata add . && strata commit -q -m two
	strata switch -q -c side v1
	rc 7 strata cherry-pick v2 --tensor n
	grep -q "is a shard, whose index would not fit.; without --tensor, all" "$t_tmp/err"
	rc 7 strata rollback v2 --tensor n
	strata cherry-pick -q v2
	out '' strata diff v2 HEAD
	rc 7 strata revert HEAD --tensor '*'
	out '' strata status -s
}

message() {
	setup
	rc 1 strata cherry-pick v2
	strata resolve -q '*' --theirs
	STRATA_EDITOR=true strata commit -q
	match '^    two$' strata log -1
	strata undo -q
	rc 1 strata cherry-pick v2 -m 'said here'
	strata resolve -q '*' --theirs
	env -u STRATA_EDITOR -u VISUAL -u EDITOR strata commit -q
	match '^    said here$' strata log -1
}

removed() { # a file that was taken away here
	setup
	strata rm -q c.json
	strata commit -q -m four
	rc 1 strata cherry-pick v2
	match '^  delete/modify  c.json' strata status
	strata resolve -q '*' --theirs
	strata cherry-pick --continue -q
	[ "$(cat c.json)" = '{"a": 1, "b": 2}' ]
}

json() {
	setup
	rc 1 strata cherry-pick v2 --json
	[ "$(grep -c '"kind":"conflict"' "$t_tmp/out")" = 3 ]
	tail -n 1 "$t_tmp/out" | grep -q '"commit":null,"version":null,.*"message":"","files":.*"conflicts":3}'
	strata resolve -q '*' --theirs
	strata cherry-pick --continue --json >../out
	grep -q '^{"kind":"summary","result":"cherry-picked","branch":"side","commit":"[0-9a-f]*","version":"v4"}$' ../out
	strata revert --json HEAD >../out
	grep -q '"conflicts":0}$' ../out
}

not_finite() {
	setup
	python3 - <<-'EOF2'
	import struct
	d = open("m.safetensors", "rb").read()
	open("m.safetensors", "wb").write(d[:-4] + struct.pack("<f", float("nan")))
	EOF2
	strata commit -q -a -m nan
	rc 7 strata cherry-pick v2 --method task-arithmetic
	grep -q 'allow-nonfinite' "$t_tmp/err"
	out '' strata status -s
	rc 1 strata cherry-pick v2 --method task-arithmetic --allow-nonfinite
	match '^Cherry-picking v2: 2 of .* left$' strata status
}

it 'lists conflicts, keeps other commands away, and is taken back exactly' lists
it 'ends with a version of one parent, with that author and parameters' ends
it 'revert has conflicts too, with theirs as it was before' reverts
it 'a method joins; settings for merges do not count' methods
it 'makes no version of nothing' nothing_left
it '--tensor has conflicts of those tensors alone' chosen
it 'commit ends it with what is there' by_hand
it 'finds the file under the name that it has here' renamed
it 'a file that is gone here is a conflict' removed
it 'the step of the number that was asked for' bumped
it 'a shard whose index would not fit' shard
it 'commit has its message' message
it 'JSON' json
it 'refuses a method values that are no number, unless allowed' not_finite
finish

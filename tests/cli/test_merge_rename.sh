#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files that sides renamed to what another file is called, too.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# three lists NAME=TEXT...: before, ours, theirs
branches() {
	forked "write $1" "write $2" "write $3"
}

write() {
	echo 0 >zero # so that some file is always there
	ls | grep -v zero | xargs rm -f
	for f; do
		echo "${f#*=}" >"${f%%=*}"
	done
	strata add -q -A
}

is() { # NAME=TEXT...: what is there
	ls | grep -v zero | while read -r f; do echo "$f=$(cat "$f")"; done >../is
	printf '%s\n' "$@" | grep . | diff - ../is
}

# Both renamed a file, and one of them made another one of its old name: nothing of that clashes.
made_anew() {
	branches 'a=1' 'b=1' 'b=1 a=2'
	strata merge -q side
	is a=2 b=1
	strata merge -q --replay HEAD
	branches 'a=1' 'b=1 a=2' 'b=1'
	strata merge -q side
	is a=2 b=1
	strata merge -q --replay HEAD
	# each its own
	branches 'a=1' 'b=1 a=2' 'b=1 a=3'
	rc 1 strata merge -q side
	# ours has a, theirs has a: nobody is known to have renamed anything
	out '["text", "a"]' conflicts
	branches 'a=1 c=5' 'b=1 c=5' 'b=1 a=2 c=6'
	strata merge -q side
	is a=2 b=1 c=6
	strata fsck --full
}

conflicts() {
	strata status --json | python3 -c 'import json, sys
for x in map(json.loads, sys.stdin):
    if x.get("kind") == "conflict":
        print(json.dumps([x["type"], x["path"]]))'
}

# Two files got one name: with it the version is chosen that says whether they have the old ones.
one_name() {
	branches 'a=1 b=2' 'c=1 b=2' 'a=1 c=2'
	rc 1 strata merge -q side
	out '["add/add", "c"]' conflicts
	match '^  add/add        c  ours was a, theirs was b( |$)' strata status
	out '{"base": null, "ours": "a", "theirs": "b"}' named
	is b=2 c=1
	out '' strata status -s
	strata merge -q --abort
	is b=2 c=1
	settles 'c --ours' b=2 c=1
	settles 'c --theirs' a=1 c=2
	settles '* --base' a=1 b=2
	settles 'c --from side' a=1 c=2
	settles '* --from main' b=2 c=1
	settles 'c --from v1' a=1 b=2
	branches 'a=1 b=2' 'a=1 c=2' 'c=1 b=2'
	settles 'c --ours' a=1 c=2
	settles 'c --theirs' b=2 c=1
	# each as often as one likes, and back
	rc 1 strata merge -q side
	for t_i in 1 2; do
		strata resolve -q c --theirs
		is b=2 c=1
		strata resolve -q c --base
		is a=1 b=2
		strata resolve -q '*' --ours
		is a=1 c=2
	done
	strata resolve -q c --theirs
	strata merge -q --abort
	is a=1 c=2
	out '' strata status -s
	# a copy is no clash
	branches 'a=1' 'b=1' 'a=1 b=1'
	strata merge -q side
	is b=1
	branches 'a=1' 'a=1 b=1' 'b=1'
	strata merge -q side
	is b=1
	strata fsck --full
}

# One that was renamed, and one that came.
name_of_new() {
	branches 'a=1' 'b=1' 'a=1 b=2'
	rc 1 strata merge -q side
	out '["add/add", "b"]' conflicts
	out '{"base": null, "ours": "a", "theirs": null}' named
	strata merge -q --abort
	is b=1
	settles 'b --ours' b=1
	settles 'b --theirs' a=1 b=2
	settles 'b --base' a=1
	branches 'a=1' 'a=1 b=2' 'b=1'
	rc 1 strata merge -q side
	is a=1 b=2
	strata merge -q --abort
	settles 'b --ours' a=1 b=2
	settles 'b --theirs' b=1
	settles 'b --base' a=1
	# perhaps the same one, changed
	branches 'a=1' 'b=1' 'b=2'
	settles 'b --ours' b=1
	settles 'b --theirs' b=2
	settles 'b --base' a=1
}

# What a side changed besides is a conflict of its own.
name_and_change() {
	branches 'a=1 b=2' 'c=1 b=2' 'a=3 c=2'
	rc 1 strata merge -q side
	out '["delete/modify", "a"]
["add/add", "c"]' conflicts
	is b=2 c=1
	strata merge -q --abort
	is b=2 c=1
	settles '* --ours' b=2 c=1
	settles '* --theirs' a=3 c=2
	settles '* --base' a=1 b=2
	rc 1 strata merge -q side
	strata resolve -q c --ours
	strata resolve -q a --theirs
	is a=3 b=2 c=1
	strata merge -q --continue
	is a=3 b=2 c=1
	strata merge -q --replay HEAD
	# both
	branches 'a=1 b=2' 'c=1 b=4' 'a=3 c=2'
	settles '* --ours' b=4 c=1
	settles '* --theirs' a=3 c=2
	settles '* --base' a=1 b=2
	branches 'a=1' 'b=1' 'a=3 b=2'
	rc 1 strata merge -q side
	out '["delete/modify", "a"]
["add/add", "b"]' conflicts
	strata merge -q --abort
	settles '* --theirs' a=3 b=2
	settles '* --ours' b=1
	# renamed otherwise there
	branches 'a=1 b=2' 'c=1 b=2' 'd=1 c=2'
	settles '* --ours' b=2 c=1
	settles '* --theirs' c=2 d=1
	settles '* --base' a=1 b=2
	strata fsck --full
}

# Nothing of two files that got one name is joined, be it a model or a configuration.
name_of_models() {
	forked 'model a.safetensors w:F32:4:1 a:F32:2:1; echo "{\"a\": 1}" >a.json
		model b.safetensors w:F32:4:2 b:F32:2:2; echo "{\"b\": 1}" >b.json; echo 0 >zero' \
		'strata mv a.safetensors c.safetensors; strata mv a.json c.json' \
		'strata mv b.safetensors c.safetensors; strata mv b.json c.json'
	for t_way in --ours --theirs; do
		rc 1 strata merge -q --method linear side
		out '["add/add", "c.json"]
["add/add", "c.safetensors"]' conflicts
		out '' strata status -s
		rc 7 strata resolve 'c*' --method linear
		strata resolve -q 'c*' $t_way
		strata merge -q --continue
		strata merge -q --replay HEAD
		out '' strata diff --name-only HEAD^"$([ $t_way = --ours ] && echo 1 || echo 2)" HEAD
		strata undo -q
	done
	rc 1 strata merge -q side
	strata resolve -q '*' --base
	strata merge -q --continue
	out '' strata diff --name-only v1 HEAD
	strata fsck --full
}

# What is staged by hand stays.
name_by_hand() {
	branches 'a=1 b=2' 'c=1 b=2' 'a=1 c=2'
	rc 1 strata merge -q side
	echo 9 >c && strata add c
	is b=2 c=9
	strata restore -q --staged c && strata restore -q c
	match '1 of 1 conflict left' strata status
	echo 9 >c && strata add c
	strata merge -q --continue
	is b=2 c=9
	strata merge -q --replay HEAD
	strata undo -q
	# the other names, too
	rc 1 strata merge -q side
	echo 8 >b && strata add b
	rc 7 strata resolve c --theirs
	err "'b' was staged by hand, and is what 'c' is called in another version" strata resolve c --theirs
	strata restore -q --staged b && strata restore -q b
	echo 7 >a
	rc 7 strata resolve c --theirs
	is a=7 b=2 c=1
	rm a && echo 8 >b
	rc 7 strata resolve c --theirs
	is b=8 c=1
	strata restore -q b
	strata resolve -q c --theirs
	is a=1 c=2
	echo 6 >a && strata add a
	strata merge -q --continue
	is a=6 c=2
	strata merge -q --replay HEAD
	strata undo -q
	rc 1 strata merge -q side
	strata rm -q b
	strata add c
	strata merge -q --continue
	is c=1
	strata merge -q --replay HEAD
}

# Of any other version those names count that it has.
name_elsewhere() {
	branches 'a=1 b=2' 'c=1 b=2' 'a=1 c=2'
	strata switch -q -c other v1
	write b=7 && strata commit -q -m other
	write c=5 a=6 && strata commit -q -m another
	write x=1 && strata commit -q -m none
	strata switch -q main
	settles 'c --from other~2' b=7
	settles 'c --from other~1' a=6 c=5
	rc 1 strata merge -q side
	err "the version of --from has no file 'c', and none of its other names" \
		strata resolve c --from other
	rc 2 strata resolve c --from other
	is b=2 c=1
	strata merge -q --abort
	# a directory in its place
	branches 'a=1 b=2' 'c=1 b=2' 'a=1 c=2'
	mkdir a && echo x >a/x && strata add a && strata commit -q -m directory
	rc 1 strata merge -q side
	rc 7 strata resolve c --theirs
	is_tree a/x b c
	strata resolve -q c --ours
	strata merge -q --continue
	is_tree a/x b c
	strata merge -q --replay HEAD
}

name_of_three() {
	branches 'a=1 b=2 d=3' 'c=1 b=2 d=3' 'a=1 c=2 d=3'
	strata switch -q -c other v1
	write a=1 b=2 c=3 && strata commit -q -m other
	strata switch -q main
	for t_x in '--ours b=2 c=1 d=3' '--side+1 a=1 c=2 d=3' '--side+2 a=1 b=2 c=3' \
		'--base a=1 b=2 d=3' '--from+other a=1 b=2 c=3'; do
		rc 1 strata merge -q side other
		is b=2 c=1 d=3
		strata resolve -q c $(echo "${t_x%% *}" | tr + ' ')
		is ${t_x#* }
		strata merge -q --continue
		strata merge -q --replay HEAD
		strata undo -q
	done
	# of two that others made, of which one is still here
	branches 'a=1' 'a=1 new=5' 'c=1'
	strata switch -q -c other v1
	write c=3 && strata commit -q -m other
	strata switch -q main
	for t_x in '--ours a=1' '--side+1 c=1' '--side+2 c=3' '--base a=1'; do
		rc 1 strata merge -q side other
		is a=1 new=5
		strata resolve -q c $(echo "${t_x%% *}" | tr + ' ')
		is ${t_x#* } new=5
		strata merge -q --continue
		strata merge -q --replay HEAD
		strata undo -q
	done
}

# A file that a side moved to where another one has a file, or to what it has as a directory
moved_to_clash() {
	forked 'write a=1 b=2' 'write a=1 b=2 c=9' 'mkdir c; mv a c/y'
	rc 1 strata merge -q side
	out '["file/directory", "c"]' conflicts
	match '^  file/directory  c  ours [0-9]+ B, theirs a directory of 1 file$' strata status
	is a=1 b=2 c=9
	out '' strata status -s
	for t_i in 1 2; do
		strata resolve -q c --theirs
		is_tree b c/y
		strata resolve -q c --ours
		is a=1 b=2 c=9
		strata resolve -q c --from side
		is_tree b c/y
	done
	strata merge -q --abort
	is a=1 b=2 c=9
	out '' strata status -s
	settles 'c --ours' a=1 b=2 c=9
	rc 1 strata merge -q side
	strata resolve -q c --theirs
	strata merge -q --continue
	is_tree b c/y
	strata merge -q --replay HEAD
	strata undo -q
	# changed here besides: that comes back, or goes along
	echo 5 >a && strata add a && strata commit -q -m more
	settles 'c --ours' a=5 b=2 c=9
	rc 1 strata merge -q side
	is a=5 b=2 c=9
	strata resolve -q c --theirs
	is_tree b c/y
	out 5 cat c/y
	strata merge -q --abort
	is a=5 b=2 c=9
	# a file staged there by hand stays
	rc 1 strata merge -q side
	echo 7 >a && strata add a
	strata resolve -q c --theirs
	is_tree a b c/y
	strata resolve -q c --ours
	is a=7 b=2 c=9
	strata merge -q --continue
	strata merge -q --replay HEAD
	# the file is what was moved
	forked 'write a=1 b=2' 'write c=1 b=2' 'mkdir c; echo 3 >c/y'
	rc 1 strata merge -q side
	is b=2 c=1
	strata resolve -q c --theirs
	is_tree a b c/y
	out 1 cat a
	strata resolve -q c --ours
	is b=2 c=1
	strata resolve -q c --theirs
	strata merge -q --continue
	is_tree a b c/y
	strata merge -q --replay HEAD
	strata fsck --full
}

# The same of tensors: lists of TENSOR=SEED
tensor_branches() { # before, ours, theirs
	forked "put $1" "put $2" "put $3"
}

put() {
	rm -f m.safetensors
	model m.safetensors k:F32:4:99 $(echo "$@" | sed 's/=/:F32:4:/g')
	strata add m.safetensors
}

has() { # TENSOR=SEED...: what is in the model
	rm -f ../want.safetensors
	model ../want.safetensors k:F32:4:99 $(echo "$@" | sed 's/=/:F32:4:/g')
	values m.safetensors >../is
	values ../want.safetensors | diff - ../is
}

values() {
	python3 -c 'import json, struct, sys
b = open(sys.argv[1], "rb").read()
n, = struct.unpack("<Q", b[:8])
for name, t in sorted(json.loads(b[8:8 + n]).items()):
    if name != "__metadata__":
        print(name, t["dtype"], t["shape"], b[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]])
' "$1"
}

tensor_settles() { # WORDS TENSOR=SEED...
	t_how=$1
	shift
	rc 1 strata merge -q side
	set -f
	strata resolve -q $t_how
	set +f
	has "$@"
	strata merge -q --continue
	has "$@"
	strata merge -q --replay HEAD
	strata undo -q
}

tensor_names() {
	tensor_branches 'a=1 b=2' 'c=1 b=2' 'a=1 c=2'
	cp m.safetensors ../ours
	strata cat side:m.safetensors >../theirs
	rc 1 strata merge -q side
	match '^  add/add        m.safetensors::c  ours was a, theirs was b  D ' strata status
	out '{"base": null, "ours": "a", "theirs": "b"}' named
	has b=2 c=1
	out '' strata status -s
	strata resolve -q c --theirs
	cmp m.safetensors ../theirs
	strata resolve -q c --base
	has a=1 b=2
	strata resolve -q c --ours
	cmp m.safetensors ../ours
	strata resolve -q c --theirs
	strata merge -q --abort
	cmp m.safetensors ../ours
	tensor_settles 'c --ours' b=2 c=1
	tensor_settles 'c --theirs' a=1 c=2
	tensor_settles '* --base' a=1 b=2
	tensor_settles 'c --from side' a=1 c=2
	tensor_settles 'c --from v1' a=1 b=2
	# by rules: sides, but no method
	strata merge -q --method theirs side
	has a=1 c=2
	strata merge -q --replay HEAD
	strata undo -q
	rc 1 strata merge -q --method linear side
	has b=2 c=1
	strata resolve -q c --method linear
	strata merge -q --continue
	out 'b c k' sh -c 'strata ls --tensors HEAD | sed "s/.* //" | sort | xargs'
	strata merge -q --replay HEAD
	strata undo -q
	# other versions
	strata switch -q -c other v1
	put b=7 && strata commit -q -m one
	put a=6 c=5 && strata commit -q -m two
	put x=6 && strata commit -q -m three
	strata switch -q main
	tensor_settles 'c --from other~2' b=7
	tensor_settles 'c --from other~1' a=6 c=5
	rc 1 strata merge -q side
	rc 2 strata resolve c --from other
	has b=2 c=1
	strata merge -q --abort
	# what was changed besides
	tensor_branches 'a=1 b=2' 'c=1 b=4' 'a=3 c=2'
	tensor_settles '* --ours' b=4 c=1
	tensor_settles '* --theirs' a=3 c=2
	tensor_settles '* --base' a=1 b=2
	# and one that came
	tensor_branches 'a=1' 'b=1' 'a=1 b=2'
	tensor_settles '* --ours' b=1
	tensor_settles '* --theirs' a=1 b=2
	tensor_settles '* --base' a=1
	tensor_branches 'a=1' 'a=1 b=1' 'b=1'
	strata merge -q side
	has b=1
	strata fsck --full
}

# Where the model is in shards, the names are of several files.
tensor_names_in_shards() {
	forked 'shards a:1 b:2' 'shards c:1 b:2' 'shards a:1 c:2'
	for t_x in '--ours HEAD^1' '--theirs HEAD^2' '--base v1'; do
		rc 1 strata merge -q side
		out '' strata status -s
		strata resolve -q '*' ${t_x% *}
		strata merge -q --continue
		strata merge -q --replay HEAD
		listed "${t_x#* }" >../want
		listed HEAD | diff ../want -
		strata undo -q
	done
}

shards() { # the tensor of the first shard, and of the second one
	rm -f m*
	model m-00001-of-00002.safetensors "k:F32:4:99" "${1%:*}:F32:4:${1#*:}"
	model m-00002-of-00002.safetensors "l:F32:4:98" "${2%:*}:F32:4:${2#*:}"
	python3 -c 'import json, sys
f = ["m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"]
names = dict(k=f[0], l=f[1])
names[sys.argv[1][0]] = f[0]
names[sys.argv[2][0]] = f[1]
print(json.dumps({"metadata": {"total_size": 64}, "weight_map": names}))' "$1" "$2" \
		>m.safetensors.index.json
}

# each tensor's name and id
listed() {
	strata ls --tensors --json "$1" | python3 -c 'import json, sys
for x in sorted((t["name"], t["id"]) for t in map(json.loads, sys.stdin) if "name" in t):
    print(*x)'
}

of_three() {
	branches 'a=1 x=1' 'b=1 x=1' 'b=1 a=2 x=1'
	strata switch -q -c other HEAD^
	write x=3 a=1 && strata commit -q -m other
	strata switch -q main
	strata merge -q side other
	is a=2 b=1 x=3
	strata merge -q --replay HEAD
}

# resolve with these words, and what is there then: in the working tree, the version and a replay
settles() { # WORDS NAME=TEXT...
	t_how=$1
	shift
	rc 1 strata merge -q side
	set -f
	strata resolve -q $t_how
	set +f
	is "$@"
	out '' sh -c 'strata status -s | grep "??"; :'
	strata merge -q --continue
	is "$@"
	versioned HEAD | grep -v zero | diff ../is -
	strata merge -q --replay HEAD
	strata undo -q
}

versioned() {
	strata ls "$1" --json | python3 -c 'import json, sys
for x in map(json.loads, sys.stdin):
    print(x["path"])' | while read -r f; do echo "$f=$(strata cat "$1:$f")"; done
}

# A file that the sides called otherwise comes under the name that the version which is chosen has.
names() {
	branches 't=1' 'u=1' 'v=1'
	rc 1 strata merge side
	match '^  rename/rename  u  base: t, theirs: v( |$)' strata status
	out '{"base": "t", "ours": "u", "theirs": "v"}' named
	is u=1
	strata merge -q --abort
	is u=1
	settles 'u --ours' u=1
	settles 'u --theirs' v=1
	settles '* --side 1' v=1
	settles '* --base' t=1
	settles '* --from side' v=1
	settles '* --from HEAD' u=1
	settles '* --from v1' t=1
	strata fsck --full
}

named() {
	strata status --json | python3 -c 'import json, sys
for x in map(json.loads, sys.stdin):
    if x.get("kind") == "conflict":
        print(json.dumps(x["names"]))'
}

# Renamed by one, removed by the other.
renamed_or_gone() {
	branches 't=1' 'u=1' ''
	rc 1 strata merge side
	match '^  rename/delete  u  base: t  theirs removed it$' strata status
	out '{"base": "t", "ours": "u", "theirs": null}' named
	strata merge -q --abort
	settles 'u --ours' u=1
	settles 'u --theirs' ''
	settles 'u --base' t=1
	settles 'u --from side' ''
	settles 'u --from v1' t=1
	branches 't=1' '' 'v=1'
	settles 'v --ours' ''
	settles 'v --theirs' v=1
	settles 'v --base' t=1
	settles 'v --from side' v=1
	settles 'v --from main' ''
}

# Any other version has it under a name of those, or not.
other_versions() {
	branches 't=1' 'u=1' 'v=1'
	strata switch -q -c other v1
	write t=7 && strata commit -q -m other
	write v=9 && strata commit -q -m another
	write x=1 && strata commit -q -m none
	strata switch -q main
	settles 'u --from other~1' v=9
	settles 'u --from other~2' t=7
	rc 1 strata merge -q side
	rc 2 strata resolve -q u --from other
	err "the version of --from has no file 'u', and none of its other names" strata resolve u --from other
	is u=1
	match '1 of 1 conflict left' strata status
	strata merge -q --abort
	# of other conflicts too
	branches 't=1' 't=2' 't=3'
	strata switch -q -c other v1
	write x=1 && strata commit -q -m none
	strata switch -q main
	rc 1 strata merge -q side
	rc 2 strata resolve -q t --from other
	strata resolve -q t --from side
	is t=3
}

# What was decided is decided otherwise, and taken back.
changes() {
	branches 't=1' 'u=1' 'v=1'
	rc 1 strata merge -q side
	for t_i in 1 2; do
		strata resolve -q u --theirs
		is v=1
		strata resolve -q u --base
		is t=1
		strata resolve -q '*' --theirs
		is v=1
		strata resolve -q u --ours
		is u=1
	done
	strata resolve -q u --base
	strata merge -q --abort
	is u=1
	out '' strata status -s
	# what somebody did to the file since stays
	rc 1 strata merge -q side
	strata resolve -q u --theirs
	echo mine >v
	rc 7 strata resolve u --base
	is v=mine
	strata add v
	rc 7 strata resolve u --base
	err "'v' was staged by hand, and is what 'u' is called in another version" strata resolve u --base
	rc 7 strata resolve '*' --base
	is v=mine
	strata merge -q --continue
	is v=mine
	strata merge -q --replay HEAD
	strata undo -q
	# and what is in the way
	rc 1 strata merge -q side
	echo mine >v
	rc 7 strata resolve u --theirs
	is u=1 v=mine
	rm v
	echo mine >u
	rc 7 strata resolve u --theirs
	is u=mine
	strata restore u
	mkdir v && echo x >v/f && strata add v/f
	rc 7 strata resolve u --theirs
	[ "$(cat v/f)" = x ] && [ "$(cat u)" = 1 ]
	strata merge -q --abort
}

# A file where the other side's name is a directory.
name_taken() {
	branches 't=1' 'u=1' 'v=1'
	mkdir v && echo x >v/f && strata add v/f && strata commit -q -m directory
	rc 1 strata merge -q side
	rc 7 strata resolve u --theirs
	err "'v', as the file is to be called, is a directory here" strata resolve u --theirs
	[ "$(cat v/f)" = x ] && [ "$(cat u)" = 1 ]
	strata resolve -q u --base
	strata merge -q --continue
	[ "$(cat v/f)" = x ] && [ "$(cat t)" = 1 ] && [ ! -e u ]
	strata merge -q --replay HEAD
	# moved into a directory of its own name, in which there is more
	branches 't=1' '' 'v=1'
	mkdir t && echo 1 >t/a && echo b >t/b && strata add t && strata commit -q -m directory
	rc 1 strata merge -q side
	rc 7 strata resolve t/a --base
	match '^  rename/rename  t/a  base: t, theirs: v( |$)' strata status
	match '1 of 1 conflict left' strata status
	[ "$(cat t/b)" = b ] && [ "$(cat t/a)" = 1 ]
	strata resolve -q t/a --theirs
	is_tree t/b v
	strata resolve -q t/a --ours
	is_tree t/a t/b
	strata resolve -q t/a --theirs
	strata merge -q --continue
	is_tree t/b v
	strata merge -q --replay HEAD
	# and below a file
	branches 't=1' 'u=1 d=2' ''
	strata switch -q side
	mkdir d && echo 1 >d/v && strata add d && strata commit -q -m directory
	strata switch -q main
	rc 1 strata merge -q side
	rc 7 strata resolve u --theirs
	is_tree d u
	strata resolve -q u --ours
	strata merge -q --continue
	is_tree d u
	strata merge -q --replay HEAD
}

is_tree() { # PATH...: what is there
	find . -name .strata -prune -o -type f ! -name zero -print | cut -c3- | sort >../is
	printf '%s\n' "$@" | diff - ../is
}

of_three_names() {
	branches 't=1' 'u=1' 'v=1'
	strata switch -q -c other v1
	write w=1 && strata commit -q -m other
	strata switch -q main
	for t_x in '--ours u' '--side+1 v' '--side+2 w' '--base t' '--from+other w'; do
		rc 1 strata merge -q side other
		strata resolve -q u $(echo "${t_x% *}" | tr + ' ')
		is "${t_x#* }=1"
		strata merge -q --continue
		strata merge -q --replay HEAD
		strata undo -q
	done
}

it 'takes a file that was made anew where both renamed the old one' made_anew
it 'chooses whether two files of one name have their old ones' one_name
it 'of one that was renamed and one that came' name_of_new
it 'decides what was changed besides by itself' name_and_change
it 'joins nothing of two models of one name' name_of_models
it 'leaves names that were staged by hand' name_by_hand
it 'takes the names that another version has' name_elsewhere
it 'of three that got one name' name_of_three
it 'brings back what was moved to where there is a directory' moved_to_clash
it 'chooses whether two tensors of one name have their old ones' tensor_names
it 'of tensors in shards' tensor_names_in_shards
it 'of three versions' of_three
it 'gives a file the name of the version that is chosen' names
it 'of a file that was renamed or removed' renamed_or_gone
it 'finds it in other versions, or says that it does not' other_versions
it 'decides a name otherwise, and takes it back' changes
it 'writes over nothing of that name' name_taken
it 'of three names' of_three_names
finish

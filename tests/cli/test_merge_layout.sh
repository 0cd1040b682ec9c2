#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Merged models in formats that are only written in the place of what is there: .npz.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

npz() { # FILE [-z] NAME=NUMBERS...: a file of f32 vectors; -z: compressed
	python3 - "$@" <<-'END'
		import struct, sys, zipfile
		args = sys.argv[2:]
		how = zipfile.ZIP_DEFLATED if args[0] == "-z" else zipfile.ZIP_STORED
		with zipfile.ZipFile(sys.argv[1], "w", how) as z:
		    for name, text in (a.split("=") for a in args if a != "-z"):
		        v = [float(x) for x in text.split(",")]
		        head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }" % len(v)
		        head += b" " * (-(len(head) + 11) % 64) + b"\n"
		        z.writestr(zipfile.ZipInfo(name + ".npy"), b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) +
		                   head + struct.pack("<%df" % len(v), *v), how)
	END
}

values() { strata cat "$1" | od -An -v -t f4 | tr -s ' \n' ' ' | sed 's/^ //; s/ $//' | xargs; }

# three FILES of npz's arguments: before, ours, theirs
branches() {
	rm -rf repo && strata init -q repo && cd repo || return 1
	npz m.npz $1 && strata add . && strata commit -q -m base
	strata branch side
	npz m.npz $2 && strata commit -q -a -m ours
	cp m.npz ../ours
	strata switch -q side
	npz m.npz $3 && strata commit -q -a -m theirs
	cp m.npz ../theirs
	strata switch -q main
}

in_place() {
	branches 'a=1,2 b=3,4' 'a=5,2 b=3,4' 'a=1,2 b=3,6'
	strata merge -q side
	out '5 2' values m.npz::a
	out '3 6' values m.npz::b
	python3 -c 'import zipfile; zipfile.ZipFile("m.npz").testzip() and exit(1)'
}

# a tensor came on each side: no file can be laid out for both
both_added() {
	branches 'a=1,2' 'a=1,2 x=7' 'a=1,2 y=8'
	rc 1 strata merge side
	grep -q 'tensor "y" is not in m.npz, and strata does not lay out new npz files' "$t_tmp/err"
	match '^  layout +m.npz$' strata status
	match '"kind":"conflict","path":"m.npz","name":"","type":"layout","how":null' strata status --json
	[ "$(strata status --json | grep -c '"kind":"conflict"')" = 1 ]
	cmp m.npz ../ours
	rc 7 strata resolve '*' --method linear
	rc 2 strata resolve m.npz --method linear
	cmp m.npz ../ours
	strata resolve -q m.npz --theirs
	cmp m.npz ../theirs
	strata resolve -q m.npz --ours
	cmp m.npz ../ours
	strata resolve -q m.npz --from side
	strata merge -q --continue
	cmp m.npz ../theirs
	match '^  m.npz  layout  from [0-9a-f]{12}' strata show
	strata merge -q --replay HEAD
	strata fsck --full
	strata undo -q
	rc 1 strata merge side
	npz m.npz a=1,2 x=7 y=8 && strata add m.npz
	strata merge -q --continue
	out 8 values m.npz::y
	strata merge -q --replay HEAD
	strata undo -q && strata restore -q .
	rc 1 strata merge side
	strata merge -q --abort
	cmp m.npz ../ours
	out '' strata status -s
}

# what a rule settled is not kept where the file is one conflict
ruled() {
	branches 'a=1,2' 'a=5,2 x=7' 'a=1,6 y=8'
	rc 1 strata merge side --rule a=linear
	[ "$(strata status --json | grep -c '"kind":"conflict"')" = 1 ]
	strata resolve -q '*' --ours
	strata merge -q --continue
	cmp m.npz ../ours
	[ "$(strata show | grep -c '^  m.npz')" = 1 ]
	strata merge -q --replay HEAD
}

# compressed tensors are not replaced in their place
compressed() {
	branches '-z a=1,2 b=3,4' '-z a=5,2 b=3,4' '-z a=6,2 b=3,4'
	rc 1 strata merge side
	match '^  layout +m.npz$' strata status
	strata resolve -q m.npz --theirs
	cmp m.npz ../theirs
	strata merge -q --continue
	strata merge -q --replay HEAD
	cd .. && branches '-z a=1,2 b=3,4' '-z a=5,2 b=3,4' '-z a=1,2 b=3,6'
	rc 1 strata merge side
	grep -q 'compressed' "$t_tmp/err"
	match '^  layout +m.npz$' strata status
	strata merge -q --abort
	# one that theirs removed, and one that ours added
	cd .. && branches 'a=1,2 b=3,4' 'a=1,2 b=3,4 x=7' 'a=1,2'
	rc 1 strata merge side
	grep -q 'tensor "b" is gone from m.npz, and strata does not lay out' "$t_tmp/err"
	strata merge -q --abort
	# nothing but what theirs has: its file
	cd .. && branches '-z a=1,2 b=3,4' '-z a=5,2 b=3,4' '-z a=5,2 b=3,6'
	strata merge -q side
	cmp m.npz ../theirs
}

# a method that takes one side as it is says the same as the side
by_method() {
	branches '-z a=1,2 b=3,4' '-z a=5,2 b=3,4' '-z a=6,2 b=3,4'
	for how in --method=ours --method=theirs --rule='*=theirs:model=1'; do
		strata merge -q side "$how"
		case $how in
		*ours) cmp m.npz ../ours ;;
		*) cmp m.npz ../theirs ;;
		esac
		strata merge -q --replay HEAD
		strata undo -q
	done
	strata merge -q side --method theirs
	match '^  m.npz::a  values  theirs:model=1$' strata show
	match '"blended":1' sh -c 'strata undo -q && strata merge side --method theirs --json'
	cd .. && branches 'a=1,2' 'a=5,2' 'a=6,2'
	strata merge -q side --method theirs
	cmp m.npz ../theirs
	strata merge -q --replay HEAD
}

# decided tensor by tensor into what no file can hold: refused, and nothing changed
decided_apart() {
	branches 'a=1,2 b=3,4' 'a=1,2,3 b=3,4,5' 'a=1,2,4 b=3,4,6'
	rc 1 strata merge side
	cmp m.npz ../ours
	strata resolve -q a --theirs
	out '1 2 4' values m.npz::a
	strata resolve -q b --theirs
	cmp m.npz ../theirs
	strata merge -q --abort
	cd .. && branches 'a=1,2 b=3,4' 'a=1 b=3' 'a=5,6,7 b=5,6,7'
	rc 1 strata merge side
	match 'shape  +m.npz::a' strata status
	rc 7 strata resolve a --theirs
	grep -q 'decide all conflicts of the file for one side' "$t_tmp/err"
	cmp m.npz ../ours
	strata resolve -q a b --theirs
	cmp m.npz ../theirs
	strata merge -q --continue
	strata merge -q --replay HEAD
}

it 'merges what goes into the same places' in_place
it 'makes a file that cannot be laid out one conflict' both_added
it 'forgets what rules said about its tensors' ruled
it 'makes compressed tensors a conflict of their file' compressed
it 'takes a file of theirs by method, too' by_method
it 'refuses decisions that no file can hold' decided_apart
finish

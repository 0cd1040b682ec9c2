#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Merged models in formats that are only written in the place of what is there: .npz, .pt.
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
	match '^  layout +m.npz( |$)' strata status
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
	match '^layout +m.npz .*  from [0-9a-f]{12}' strata show
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
	[ "$(strata show | grep -c ' m\.npz')" = 1 ]
	strata merge -q --replay HEAD
}

# compressed tensors are not replaced in their place
compressed() {
	branches '-z a=1,2 b=3,4' '-z a=5,2 b=3,4' '-z a=6,2 b=3,4'
	rc 1 strata merge side
	match '^  layout +m.npz( |$)' strata status
	strata resolve -q m.npz --theirs
	cmp m.npz ../theirs
	strata merge -q --continue
	strata merge -q --replay HEAD
	cd .. && branches '-z a=1,2 b=3,4' '-z a=5,2 b=3,4' '-z a=1,2 b=3,6'
	rc 1 strata merge side
	grep -q 'compressed' "$t_tmp/err"
	match '^  layout +m.npz( |$)' strata status
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
	match '^values +m.npz::a .*  theirs:model=1$' strata show
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
	grep -q 'decide the conflicts of the file otherwise' "$t_tmp/err"
	cmp m.npz ../ours
	strata resolve -q a b --theirs
	cmp m.npz ../theirs
	strata merge -q --continue
	strata merge -q --replay HEAD
}

torch() { python3 "$ST_SRC/tests/cli/mktorch.py" m.pt "$@"; }

# the same, of mktorch.py's arguments
torches() {
	rm -rf repo && strata init -q repo && cd repo || return 1
	torch $1 && strata add . && strata commit -q -m base
	strata branch side
	torch $2 && strata commit -q -a -m ours
	cp m.pt ../ours
	strata switch -q side
	torch $3 && strata commit -q -a -m theirs
	cp m.pt ../theirs
	strata switch -q main
}

step() {
	python3 -c 'import re, zipfile
text = zipfile.ZipFile("m.pt").read("m/data.pkl")
print(re.search(rb"step.*?K(.)", text, re.S).group(1)[0])'
}

# A tensor got memory of its own on each side: in either file the other one's would change too.
memory() {
	torches 'a=1 f=@a b=2 e=@b' 'a=1 f=5 b=2 e=@b' 'a=1 f=@a b=2 e=6'
	for how in '' '--method ours'; do
		rc 1 strata merge side $how
		grep -q 'tensor "a" shares memory with one that is replaced, and would change with it; decide for one side' "$t_tmp/err"
		match '^  layout +m.pt( |$)' strata status
		[ "$(strata status --json | grep -c '"kind":"conflict"')" = 1 ]
		cmp m.pt ../ours
		strata resolve -q m.pt --theirs
		cmp m.pt ../theirs
		strata resolve -q m.pt --ours
		cmp m.pt ../ours
		strata resolve -q m.pt --from side
		strata merge -q --continue
		cmp m.pt ../theirs
		strata merge -q --replay HEAD
		strata undo -q
	done
	rc 1 strata merge side
	torch a=1 f=5 b=2 e=6 && strata add m.pt
	strata merge -q --continue
	out '6 6 6 6' values m.pt::e
	strata merge -q --replay HEAD
	strata fsck --full
	# decided tensor by tensor into what no file can hold
	cd .. && torches 'a=1 f=@a b=2 e=@b c=3' 'a=1 f=5 b=2 e=@b c=4' 'a=1 f=@a b=2 e=@b c=5'
	strata merge -q side --rule c=theirs
	out '5 5 5 5' values m.pt::f
}

# Those that share memory are decided each by its name, but only alike.
memory_apart() {
	torches 'a=1 f=@a b=2' 'a=3 f=@a b=2' 'a=4 f=@a b=2'
	rc 1 strata merge -q side
	for t_how in --theirs '--method linear'; do
		rc 7 strata resolve f $t_how
		grep -q 'shares\{0,1\} memory with .*; decide alike those that share memory; or decide the conflicts' "$t_tmp/err"
		cmp m.pt ../ours
	done
	out '1 decided, 1 left' strata resolve f --ours
	out '2 decided, 0 left: '"'strata merge --continue' ends the merge" strata resolve a f --theirs
	cmp m.pt ../theirs
	rc 7 strata resolve a --ours
	cmp m.pt ../theirs
	strata resolve -q '*' --method linear
	strata merge -q --continue
	strata merge -q --replay HEAD
}

# What is no tensor on one side, and who shares whose memory on the other: neither is lost unsaid.
memory_and_metadata() {
	torches 'a=1 b=2 c=3 step=:1' 'a=1 b=2 c=4 step=:2' 'a=1 b=@a c=3 step=:1'
	rc 1 strata merge -q side
	match '^  configuration +m.pt::\(metadata\)( |$)' strata status
	strata resolve -q '*' --theirs
	out 1 step
	strata resolve -q '*' --ours
	out 2 step
	out '1 1 1 1' values m.pt::b
	out '4 4 4 4' values m.pt::c
	strata merge -q --continue
	strata merge -q --replay HEAD
	cd .. && torches 'a=1 b=2 step=:1' 'a=1 b=@a step=:1' 'a=1 b=2 step=:2'
	rc 1 strata merge -q side
	match '^  configuration +m.pt::\(metadata\)( |$)' strata status
	strata resolve -q '*' --ours
	cmp m.pt ../ours
	strata merge -q --continue
	strata merge -q --replay HEAD
	# with tensors to decide about
	for side in ours theirs; do
		cd .. && torches 'a=1 b=@a step=:1' 'a=2 b=@a step=:2' 'a=1 b=4 step=:1'
		rc 1 strata merge -q side
		match '^  tied +m.pt::a ' strata status
		match '^  configuration +m.pt::\(metadata\)( |$)' strata status
		strata resolve -q '*' --$side
		cmp m.pt ../$side
		strata merge -q --continue
		strata merge -q --replay HEAD
	done
	# both did the same
	cd .. && torches 'a=1 b=2 c=3 step=:1' 'a=1 b=2 c=4 step=:2' 'a=1 b=@a c=3 step=:2'
	strata merge -q side
	out 2 step
	out '4 4 4 4' values m.pt::c
}

it 'merges what goes into the same places' in_place
it 'makes a file that cannot be laid out one conflict' both_added
it 'forgets what rules said about its tensors' ruled
it 'makes compressed tensors a conflict of their file' compressed
it 'takes a file of theirs by method, too' by_method
it 'refuses decisions that no file can hold' decided_apart
it 'makes memory that each side shares otherwise a conflict of the file' memory
it 'memory that is shared, and one of two is decided' memory_apart
it 'loses neither shared memory nor what is no tensor' memory_and_metadata
finish

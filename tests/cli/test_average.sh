#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

numbers() { # FILE VALUE...: a safetensors file of one f32 vector
	python3 - "$@" <<-'END'
		import json, struct, sys
		v = [float(x) for x in sys.argv[2:]]
		h = json.dumps({"v": {"dtype": "F32", "shape": [len(v)], "data_offsets": [0, 4 * len(v)]}}).encode()
		open(sys.argv[1], "wb").write(struct.pack("<Q", len(h)) + h + struct.pack("<%df" % len(v), *v))
	END
}

values() { strata cat "$1::v" | od -An -v -t f4 | tr -s ' \n' ' ' | sed 's/^ //; s/ $//' | xargs; }

mean() {
	numbers a 1 2 -4 0.5
	numbers b 3 2 4 1.5
	numbers c 5 5 0 1
	out 'tensors: 1 merged
wrote ab, 86 B' strata average a b -o ab
	out '2 2 0 1' values ab
	strata average -q a b c -o abc
	out '3 3 0 1' values abc
	strata average -q --weights 3,1 a b -o w
	out '1.5 2 -2 0.75' values w
	strata average -q a a a -o aaa
	cmp a aaa
	strata average -q a b -o a
	out '2 2 0 1' values a
}

# The mean of what is the same is that, also of NaN, whose bits no arithmetic keeps; a of F32.
same() {
	python3 - <<-'END'
		import json, struct
		v = [0x7fc01234, 0xffc00000, 0x7f800001, 0xff800000, 0x80000000, 1, 0x3f800000]
		h = json.dumps({"v": {"dtype": "F32", "shape": [7], "data_offsets": [0, 28]}}).encode()
		for name, last in ("a", v[6]), ("b", 0x40400000):
		    open(name, "wb").write(struct.pack("<Q", len(h)) + h + struct.pack("<7I", *v[:6], last))
	END
	rc 7 strata average a -o x
	rc 7 strata average a a -o x
	[ ! -e x ]
	for t_models in a 'a a' 'a a a'; do
		rm -f x
		strata average -q --allow-nonfinite $t_models -o x
		cmp a x
		strata merge-file -q --allow-nonfinite $t_models --method fedavg -o x
		cmp a x
	done
	strata merge-file -q --allow-nonfinite a a --method slerp -o x
	cmp a x
	strata average -q --allow-nonfinite a b -o x
	out 'nan nan nan -inf -0 1e-45 2' values x
	strata merge-file -q --allow-nonfinite a a --method linear:normalize=0 -o x
	out 'nan nan nan -inf -0 3e-45 2' values x
}

refusals() {
	numbers a 1 2
	numbers b 3 nan
	numbers c 1 2 3
	rc 7 strata average a b -o x
	grep -q "tensor 'v': element 1 of b is nan: --allow-nonfinite (" "$t_tmp/err"
	strata average -q --allow-nonfinite a b -o y
	out '2 nan' values y
	rc 2 strata average a c -o x
	rc 2 strata average a a --weights 1 -o x --weights 1,2,3
	rc 2 strata average a a --weights one,two -o x
	rc 2 strata average a a --weights 1 -o x
	grep -q '1 weight for 2 models: --weights takes one a model' "$t_tmp/err"
	rc 2 strata average a a --weights 1,2, -o x
	grep -q '3 weights for 2 models' "$t_tmp/err"
	rc 2 strata average a --weights 1,2 -o x
	grep -q '2 weights for 1 model:' "$t_tmp/err"
	rc 2 strata average a a
	rc 2 strata average -o x
	[ ! -e x ]
}

# By name and value: the other model may lie in another container.
formats() {
	python3 - <<-'END'
		import struct, zipfile
		head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"
		head += b" " * (-(len(head) + 11) % 64) + b"\n"
		npy = b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + struct.pack("<2f", 3, 2)
		for name, how in ("b.npz", zipfile.ZIP_STORED), ("z.npz", zipfile.ZIP_DEFLATED):
		    with zipfile.ZipFile(name, "w", how) as z:
		        z.writestr("v.npy", npy)
	END
	numbers a 1 2
	strata average -q a b.npz -o ab
	out '2 2' values ab
	strata average -q b.npz a -o ba.npz
	out '2 2' values ba.npz
	python3 -c 'import zipfile; zipfile.ZipFile("ba.npz").testzip() and exit(1)'
	strata average -q a z.npz -o az
	out '2 2' values az
	rc 7 strata average z.npz a -o x
	grep -q 'compressed' "$t_tmp/err"
	[ ! -e x ]
}

json() {
	numbers a 1 2
	out '{"kind":"tensor","name":"v","outcome":"merged","from":null,"conflict":null,"method":"linear:normalize=1,weight=1"}
{"kind":"summary","output":"b","kept":0,"taken":0,"merged":1,"removed":0,"conflicts":0,"bytes":77}' strata average --json a a -o b
}

it 'is the mean, weighted if asked' mean
it 'of models that are the same is that' same
it 'refuses what cannot be averaged' refusals
it 'takes values by name from any container' formats
it 'tells it in JSON' json

finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Method fisher where versions are merged: against merge-file with the same files bit for bit, and
# against numpy in double precision. tests/interop/test_merge_methods.py has the method itself.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"
need_python numpy

FORM='a:F32:16,8 b:F64:40 c:F16:6,5 d:BF16:4,9'

# Fisher diagonals: numbers from 0 on. diagonal FILE SEED NAME:DTYPE:DIM,DIM...
diagonal() {
	"$ST_PYTHON" - "$@" <<-'END'
	import json, sys
	import numpy as np
	TYPES = {"F32": "<f4", "F64": "<f8", "F16": "<f2"}
	rng, head, data = np.random.default_rng(int(sys.argv[2])), {}, b""
	for name, dtype, dims in (x.rsplit(":", 2) for x in sys.argv[3:]):
	    shape = [int(d) for d in dims.split(",")]
	    x = (rng.random(shape) * 3 * (rng.random(shape) > 0.1)).astype(TYPES[dtype]).tobytes()
	    head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(x)]}
	    data += x
	head = json.dumps(head).encode()
	head += b" " * (-len(head) % 8)
	open(sys.argv[1], "wb").write(len(head).to_bytes(8, "little") + head + data)
	END
}

# means OUT NAMES FLOOR [FILE DIAGONAL WEIGHT [NAME=NAME,...]]...: are these tensors of OUT the mean?
# NAME=NAME: what it is called there.
means() {
	"$ST_PYTHON" - "$@" <<-'END'
	import json, sys
	import numpy as np
	TYPES = {"F32": "<f4", "F64": "<f8", "F16": "<f2", "BF16": "<u2"}

	def load(path):
	    raw = open(path, "rb").read()
	    n = int.from_bytes(raw[:8], "little")
	    out = {}
	    for k, v in json.loads(raw[8:8 + n]).items():
	        if k == "__metadata__":
	            continue
	        b, e = v["data_offsets"]
	        x = np.frombuffer(raw[8 + n + b:8 + n + e], TYPES[v["dtype"]])
	        if v["dtype"] == "BF16":
	            x = (x.astype("<u4") << 16).view("<f4")
	        out[k] = v["dtype"], x.astype(np.float64).reshape(v["shape"])
	    return out

	def rounded(x, dtype):
	    if dtype != "BF16":
	        return x.astype(TYPES[dtype]).astype(np.float64)
	    u = x.astype("<f4").view("<u4").astype(np.uint64)
	    return ((u + 0x7fff + (u >> 16 & 1)) >> 16 << 16).astype("<u4").view("<f4").astype(np.float64)

	out, names, floor, rest = load(sys.argv[1]), sys.argv[2].split(","), float(sys.argv[3]), sys.argv[4:]
	sides = []
	while rest:
	    called = dict(x.split("=") for x in rest[3].split(",") if x)
	    sides.append((load(rest[0]), load(rest[1]), float(rest[2]), called))
	    rest = rest[4:]
	for name in names:
	    dtype, got = out[name]
	    total, by, plain, weights = 0, 0, 0, 0
	    n = min(len(model[called.get(name, name)][1]) for model, _, _, called in sides) # rows of all
	    for model, info, w, called in sides:
	        x, f = model[called.get(name, name)][1][:n], info[called.get(name, name)][1][:n]
	        f = np.maximum(f, floor)
	        total, by = total + w * f * x, by + w * f
	        plain, weights = plain + w * x, weights + w
	    with np.errstate(invalid="ignore"):
	        want = rounded(np.where(by > 0, total / by, plain / weights), dtype)
	    got = got[:n]
	    eps = {"F64": 2.0 ** -52, "F32": 2.0 ** -23, "F16": 2.0 ** -10, "BF16": 2.0 ** -7}[dtype]
	    assert len(want) and np.all(np.abs(got - want) <= eps * np.abs(want)), name
	    assert np.mean(got == want) > 0.9 or dtype == "F64", name # else rounded once, alike
	END
}

seeded() { # FILE SEED [NAME:DTYPE:DIMS...]: of one seed
	t_file=$1 t_seed=$2 t_list=
	shift 2
	for t_x in ${*:-$FORM}; do
		t_list="$t_list $t_x:$t_seed"
	done
	model "$t_file" --meta format=pt $t_list
}

version() { strata add -A . && strata commit -q -m "$1"; }

# Kept in ../base, ../ours, ../theirs. two [MODEL]: where the model lies
two() {
	t_m=${1:-model.safetensors} t_d=$(dirname "${1:-model.safetensors}")/
	[ "$t_d" = ./ ] && t_d=
	repo
	[ -z "$t_d" ] || mkdir -p "$t_d"
	seeded "$t_m" 1
	echo text >t
	version base
	strata branch side
	cp -r . ../base
	seeded "$t_m" 2
	diagonal "${t_d}fisher.safetensors" 12 a:F32:16,8 b:F64:40 c:F32:6,5 d:F16:4,9
	version ours
	cp -r . ../ours
	strata switch -q side
	seeded "$t_m" 3
	diagonal "${t_d}fisher.safetensors" 13 a:F64:16,8 b:F64:40 c:F32:6,5 d:F32:4,9
	version theirs
	cp -r . ../theirs
	strata switch -q main
}

replays() {
	match '^the same, bit for bit' strata merge --replay HEAD
	[ ! -s "$t_tmp/err" ]
}

# What a refusal leaves: nothing.
unmoved() { # status, expression, command...
	t_s=$1 t_e=$2 t_head=$(strata log --oneline -1) t_sum=$(cat ./*.safetensors */*.safetensors 2>/dev/null | b3sum)
	shift 2
	strata status -s >"$t_tmp/status"
	err "$t_e" "$@"
	[ "$t_rc" -eq "$t_s" ]
	strata status -s | cmp - "$t_tmp/status"
	[ "$t_head" = "$(strata log --oneline -1)" ]
	[ "$t_sum" = "$(cat ./*.safetensors */*.safetensors 2>/dev/null | b3sum)" ]
}

D='fisher.safetensors::*=linear:normalize=0'
joins() {
	two
	strata merge -q side --method fisher --rule "$D"
	strata merge-file -q --base ../base/model.safetensors ../ours/model.safetensors ../theirs/model.safetensors \
		--method fisher --fisher ../ours/fisher.safetensors --fisher ../theirs/fisher.safetensors -o ../want
	cmp model.safetensors ../want
	means model.safetensors a,b,c,d 0 ../ours/model.safetensors ../ours/fisher.safetensors 1 '' \
		../theirs/model.safetensors ../theirs/fisher.safetensors 1 ''
	# the diagonals are added up
	strata merge-file -q ../ours/fisher.safetensors ../theirs/fisher.safetensors --method linear:normalize=0 \
		-o ../want.fisher
	cmp fisher.safetensors ../want.fisher
	match '^values +model.safetensors::d .*  fisher:floor=0,weight=1$' strata show
	match '^add/add +fisher.safetensors::d .*  linear:normalize=0,weight=1$' strata show
	out '' strata status -s
	replays
	strata fsck --full
}

parameters() {
	two some/folder/x.safetensors
	strata merge -q side --rule '*=fisher:weight=1/3,floor=0.25' --method theirs
	o=../ours/some/folder t=../theirs/some/folder
	strata merge-file -q --base ../base/some/folder/x.safetensors $o/x.safetensors $t/x.safetensors \
		--method fisher:weight=1/3,floor=0.25 --fisher $o/fisher.safetensors --fisher $t/fisher.safetensors -o ../want
	cmp some/folder/x.safetensors ../want
	means some/folder/x.safetensors a,b,c,d 0.25 $o/x.safetensors $o/fisher.safetensors 1 '' \
		$t/x.safetensors $t/fisher.safetensors 3 ''
	# for its own tensors the next rule counts
	strata cat $t/fisher.safetensors::b | b3sum >../b
	strata cat some/folder/fisher.safetensors::b | b3sum | cmp - ../b
	replays
	strata undo -q
	strata config merge.method fisher
	strata config merge.rules '*/fisher.safetensors::?=ours'
	strata merge -q side --rule 'some/folder/x*::[ab]=fisher'
	cmp some/folder/fisher.safetensors $o/fisher.safetensors
	match '^values +some/folder/x.safetensors::d .*  fisher:floor=0,weight=1$' strata show
	replays
	strata undo -q
	# a rule that only the diagonals match decides about no tensor
	seeded some/folder/x.safetensors 3 && version same
	unmoved 2 "rule 'a=fisher' decides about no tensor" strata merge side --rule a=fisher
}

by_hand() {
	two
	rc 1 strata merge side --method fisher
	grep -q "^strata: warning: 'fisher.safetensors': method fisher weighs by these tensors and does not join them" \
		"$t_tmp/err"
	match '^Merging: 4 of 8 conflicts left$' strata status
	match '^  add/add +fisher.safetensors::a ' strata status
	unmoved 7 "of 'fisher.safetensors': method fisher weighs others by it, and cannot join it" \
		strata resolve fisher.safetensors::a --method fisher
	unmoved 7 'matches no conflict that a method can join' strata resolve 'fisher.safetensors::*' --method fisher
	strata resolve -q fisher.safetensors --method linear:normalize=0
	strata merge -q --continue
	cp -r . ../got
	replays
	strata undo -q
	strata merge -q side --method fisher --rule "$D"
	for f in model fisher; do
		cmp $f.safetensors ../got/$f.safetensors
	done
}

resolved() {
	two
	rc 1 strata merge side
	fails grep fisher "$t_tmp/err"
	out '4 decided, 4 left' strata resolve '*' --method fisher
	means model.safetensors a,b,c,d 0 ../ours/model.safetensors ../ours/fisher.safetensors 1 '' \
		../theirs/model.safetensors ../theirs/fisher.safetensors 1 ''
	# it is what the versions have, whatever is staged here
	cp ../base/model.safetensors fisher.safetensors
	strata add fisher.safetensors
	strata resolve -q 'model.safetensors::a' --method linear
	strata resolve -q 'model.safetensors::a' --method fisher
	means model.safetensors a 0 ../ours/model.safetensors ../ours/fisher.safetensors 1 '' \
		../theirs/model.safetensors ../theirs/fisher.safetensors 1 ''
	strata merge -q --continue
	match '^the same, bit for bit' strata merge --replay HEAD
	cmp fisher.safetensors ../base/model.safetensors
}

# theirs_has COMMAND...: in the next version of side
theirs_has() {
	strata switch -q side
	"$@"
	version more
	strata switch -q main
}

transposed() { diagonal fisher.safetensors 13 a:F64:8,16 b:F64:40 c:F32:6,5 d:F32:4,9; }
lacking() { diagonal fisher.safetensors 13 a:F64:16,8 b:F64:40 d:F32:4,9; }
integers() { model fisher.safetensors a:F32:16,8 b:F64:40 c:F32:6,5 d:F32:4,9; }
no_number() {
	transposed
	"$ST_PYTHON" - <<-'END'
	import struct
	raw = open("../theirs/fisher.safetensors", "rb").read()
	open("fisher.safetensors", "wb").write(raw[:-4] + struct.pack("<f", float("nan")))
	END
}
text() { echo text >fisher.safetensors; }
refuses() {
	two
	theirs_has strata rm -q fisher.safetensors
	why="strata: theirs has no 'fisher.safetensors', which method fisher reads: commit it there beside the model, or use 'strata merge-file --fisher'\$"
	unmoved 2 "^$why" strata merge side --method fisher
	unmoved 2 "^$why" strata merge side --method linear --rule c=fisher
	mkdir x
	theirs_has cp ../theirs/fisher.safetensors x/
	unmoved 2 "^$why" strata merge side --method fisher
	theirs_has lacking
	unmoved 2 "^strata: 'fisher.safetensors' of theirs has no tensor \"c\", whose weights it should hold\$" \
		strata merge side --method fisher
	strata merge -q side --rule c=ours --method fisher --rule "$D" # which nothing weighs
	replays
	strata undo -q
	theirs_has transposed
	unmoved 2 "^strata: 'fisher.safetensors' of theirs: tensor \"a\" has another shape than the model's\$" \
		strata merge side --method fisher
	unmoved_file 'fisher.safetensors: tensor "a" has another shape'
	theirs_has integers # which has some below zero
	unmoved 7 "^strata: tensor 'a': element [0-9]+ of the Fisher information of theirs is negative\$" \
		strata merge side --method fisher
	theirs_has no_number
	unmoved 7 "tensor 'd'.*'fisher.safetensors' of theirs.*not a number|tensor 'd'.*'fisher.safetensors' of theirs.*nan" \
		strata merge side --method fisher
	theirs_has text
	unmoved 2 "^strata: 'fisher.safetensors' of theirs, which method fisher reads, has no tensors\$" \
		strata merge side --method fisher
	# resolve refuses the same, and the merge under way stays
	rc 1 strata merge side
	unmoved 2 "'fisher.safetensors' of theirs, which method fisher reads, has no tensors" \
		strata resolve '*' --method fisher
	strata merge -q --abort
	out '' strata status -s
}

unmoved_file() { # the same of files
	strata switch -q side
	cp fisher.safetensors ../other
	strata switch -q main
	rc 2 strata merge-file model.safetensors ../theirs/model.safetensors --method fisher \
		--fisher ../ours/fisher.safetensors --fisher ../other -o ../none
	grep -q 'other: tensor "a" has another shape than the model' "$t_tmp/err"
	[ ! -e ../none ]
}

elsewhere() { # where there is no second version that has one
	two
	strata merge -q side --method fisher --rule 'fisher.safetensors::*=ours'
	cp model.safetensors ../merged
	strata undo -q
	rc 1 strata cherry-pick side --method fisher
	strata resolve -q fisher.safetensors --ours
	strata cherry-pick -q --continue
	cmp model.safetensors ../merged
	strata undo -q
}

# Three lines; ours renames a, the others change it, and it has no diagonal.
octopus() {
	two
	strata branch third HEAD^ && strata switch -q third
	seeded model.safetensors 4
	diagonal fisher.safetensors 14 $(echo "$FORM" | sed s/BF16/F32/)
	version third
	cp -r . ../third
	strata switch -q main
	strata merge -q side third --method fisher:weight=1/2/3 --rule 'fisher*::*=linear'
	means model.safetensors a,b,c,d 0 ../ours/model.safetensors ../ours/fisher.safetensors 1 '' \
		../theirs/model.safetensors ../theirs/fisher.safetensors 2 '' ../third/model.safetensors ../third/fisher.safetensors 3 ''
	replays
	strata fsck --full
	strata undo -q
	strata reset -q --hard HEAD^
	seeded model.safetensors 1 new:F32:16,8 b:F64:40 c:F16:6,5 d:BF16:4,9
	version renames
	strata merge -q side third --method fisher:weight=9/2/3 --rule 'fisher*::*=linear'
	means model.safetensors new,b 0 ../theirs/model.safetensors ../theirs/fisher.safetensors 2 new=a \
		../third/model.safetensors ../third/fisher.safetensors 3 new=a
	replays
	strata undo -q
	strata switch -q third && strata rm -q fisher.safetensors && version gone && strata switch -q main
	unmoved 2 "^strata: theirs 2 has no 'fisher.safetensors'," strata merge side third --method fisher
}

casts() { # theirs has other types
	two
	theirs_has seeded model.safetensors 3 a:F16:16,8 b:F32:40 c:F64:6,5 d:F32:4,9
	strata switch -q side && cp model.safetensors ../theirs/ && strata switch -q main
	strata merge -q side --method fisher --rule "$D"
	strata merge-file -q --base ../base/model.safetensors ../ours/model.safetensors ../theirs/model.safetensors \
		--method fisher --fisher ../ours/fisher.safetensors --fisher ../theirs/fisher.safetensors -o ../want
	cmp model.safetensors ../want
	replays
}

# Rows that one side appended stay its own; the diagonal has weights for them, which nothing reads.
rows() {
	repo
	seeded model.safetensors 1 e:F32:6,4 w:F32:8
	version base
	strata branch side
	seeded model.safetensors 2 e:F32:9,4 w:F32:8
	diagonal fisher.safetensors 12 e:F64:9,4 w:F32:8
	cp -r . ../ours
	version ours
	strata switch -q side
	seeded model.safetensors 3 e:F32:6,4 w:F32:8
	diagonal fisher.safetensors 13 e:F16:6,4 w:F32:8
	cp -r . ../theirs
	version theirs
	strata switch -q main
	strata merge -q side --method fisher --rule "fisher.safetensors::*=ours"
	means model.safetensors e,w 0 ../ours/model.safetensors ../ours/fisher.safetensors 1 '' \
		../theirs/model.safetensors ../theirs/fisher.safetensors 1 ''
	strata cat model.safetensors::e | tail -c 48 >got
	strata cat ../ours/model.safetensors::e | tail -c 48 | cmp - got
	rm got
	replays
}

index() { # OF NAME=NUMBER...
	t_of=$1 t_sep=
	shift
	{
		printf '{"metadata": {"total_size": 704}, "weight_map": {'
		for t_e; do
			printf '%s"%s": "%s"' "$t_sep" "${t_e%=*}" "$(part "${t_e#*=}" "$t_of")"
			t_sep=', '
		done
		printf '}}\n'
	} >m/model.safetensors.index.json
}
part() { printf 'model-%05d-of-%05d.safetensors' "$1" "$2"; }
cut_1() { # a b | c d
	seeded "m/$(part 1 2)" $1 a:F32:64 b:F32:32
	seeded "m/$(part 2 2)" $1 c:F32:64 d:F32:16
	index 2 a=1 b=1 c=2 d=2
}
cut_2() { # a | b c | d
	seeded "m/$(part 1 3)" $1 a:F32:64
	seeded "m/$(part 2 3)" $1 b:F32:32 c:F32:64
	seeded "m/$(part 3 3)" $1 d:F32:16
	index 3 a=1 b=2 c=2 d=3
	rm -f m/model-*-of-00002*
}
sharded() { # how theirs cuts it
	repo
	mkdir m
	cut_1 1
	version base
	strata branch side
	cut_1 2
	diagonal m/fisher.safetensors 12 a:F32:64 b:F32:32 c:F32:64 d:F32:16
	version ours
	cp -r . ../ours
	strata switch -q side
	$1 3
	diagonal m/fisher.safetensors 13 a:F64:64 b:F32:32 c:F32:64 d:F32:16
	version theirs
	cp -r . ../theirs
	strata switch -q main
	strata merge -q side --method fisher --rule "m/$D"
	strata merge-file -q ../ours/m ../theirs/m --method fisher --fisher ../ours/m/fisher.safetensors \
		--fisher ../theirs/m/fisher.safetensors -o ../want
	for n in a b c d; do
		f=$(sed -n "s/.*\"$n\": \"\([^\"]*\)\".*/\1/p" m/*.json)
		g=$(sed -n "s/.*\"$n\": \"\([^\"]*\)\".*/\1/p" ../want/*.json)
		strata cat "m/$f::$n" >../got.bytes
		strata cat "../want/$g::$n" | cmp - ../got.bytes
	done
	replays
	strata fsck --full
	strata undo -q
	theirs_has strata rm -q m/fisher.safetensors
	unmoved 2 "^strata: theirs has no 'm/fisher.safetensors'," strata merge side --method fisher
}

crosswise() { # several bases, which differ about a
	repo
	diagonal fisher.safetensors 11 a:F32:8
	seeded model.safetensors 1 a:F32:8
	version base
	strata switch -q -c side
	seeded model.safetensors 2 a:F32:8 && version s1
	strata switch -q main
	seeded model.safetensors 3 a:F32:8 && version m1
	strata branch s0 side && strata branch m0 main
	strata merge -q s0 --method ours
	strata switch -q side && strata merge -q m0 --method ours
	diagonal fisher.safetensors 13 a:F32:8 && version s2
	cp -r . ../theirs
	strata switch -q main
	cp -r . ../ours
	rc 0 strata merge -q side --method fisher
	# ours did not make one for what it has
	printf "strata: warning: 'fisher.safetensors' of ours is the base's, while the model changed since: %s\n" \
		'see that it is of the weights that it is used for' | cmp - "$t_tmp/err"
	means model.safetensors a 0 ../ours/model.safetensors ../ours/fisher.safetensors 1 '' \
		../theirs/model.safetensors ../theirs/fisher.safetensors 1 ''
	cmp fisher.safetensors ../theirs/fisher.safetensors # which only one side changed
	match '^Bases:   [0-9a-f]{12}, [0-9a-f]{12}$' strata show
	replays
}

asked() {
	two
	unmoved 1 'was not accepted' strata merge side --method fisher --rule "$D" --accept-if 'exit 3'
	strata merge -q side --method fisher --rule "$D" --accept-if 'cmp fisher.safetensors fisher.safetensors'
	replays
}

# Pieces, whatever the memory; a layered weight, and two diagonals of other types than the model.
large() {
	FORM='layers.0.w:BF16:300,1000 layers.7.w:F32:1000,300'
	repo
	seeded model.safetensors 1 && version base
	strata branch side
	seeded model.safetensors 2
	diagonal fisher.safetensors 12 layers.0.w:F64:300,1000 layers.7.w:F16:1000,300
	version ours && cp -r . ../ours
	strata switch -q side
	seeded model.safetensors 3
	diagonal fisher.safetensors 13 layers.0.w:F16:300,1000 layers.7.w:F64:1000,300
	version theirs && cp -r . ../theirs
	strata switch -q main
	strata merge -q side --method fisher --rule "$D"
	cp model.safetensors ../one
	means model.safetensors layers.0.w,layers.7.w 0 ../ours/model.safetensors ../ours/fisher.safetensors 1 '' \
		../theirs/model.safetensors ../theirs/fisher.safetensors 1 ''
	strata undo -q
	strata --memory 16M --jobs 3 merge -q side --method fisher --rule "$D"
	cmp model.safetensors ../one
	strata --memory 16M merge -q --replay HEAD
}

# vocabulary ROWS TOKEN...: what is new, at the end
vocabulary() {
	"$ST_PYTHON" - "$@" <<-'END'
	import json, sys
	rows, new = int(sys.argv[1]), sys.argv[2:]
	json.dump({"added_tokens": [dict(id=6 + i, content=t, special=True) for i, t in enumerate(new)],
	           "model": {"type": "BPE", "vocab": {"t%d" % i: i for i in range(6)}}},
	          open("tokenizer.json", "w"), indent=1)
	json.dump({"vocab_size": rows}, open("config.json", "w"), indent=1)
	END
}

united() { # rows of t0 .. t5, which both changed; ours adds x, theirs y and x
	repo
	vocabulary 6
	seeded model.safetensors 1 e:F32:6,4 w:F32:3
	version base
	strata branch side
	vocabulary 7 x
	seeded model.safetensors 2 e:F32:7,4 w:F32:3
	diagonal fisher.safetensors 12 e:F64:7,4 w:F32:3
	version ours && cp -r . ../ours
	strata switch -q side
	vocabulary 8 y x
	seeded model.safetensors 3 e:F32:8,4 w:F32:3
	diagonal fisher.safetensors 13 e:F64:8,4 w:F32:3
	version theirs && cp -r . ../theirs
	strata switch -q main
	rc 1 strata merge side --method fisher
	match '^  vocabulary +fisher.safetensors::e' strata status
	strata resolve -q '*e' --vocab union --method fisher
	match '^  vocabulary +fisher.safetensors::e' strata status
	unmoved 7 'method fisher weighs others by it' strata resolve fisher.safetensors::e --vocab union --method fisher
	strata resolve -q 'fisher.safetensors::*' --vocab union --method linear:normalize=0
	strata resolve -q 'fisher.safetensors::w' --ours
	out '' sh -c 'strata status | grep left || :'
	strata merge -q --continue
	match '^vocabulary +model.safetensors::e .*  union fisher:floor=0,weight=1$' strata show
	match '^vocabulary +fisher.safetensors::e .*  union linear:' strata show
	replays
	means model.safetensors w 0 ../ours/model.safetensors ../ours/fisher.safetensors 1 '' \
		../theirs/model.safetensors ../theirs/fisher.safetensors 1 ''
	"$ST_PYTHON" - <<-'END'
	import json
	import numpy as np

	def rows(path):
	    raw = open(path + ".safetensors", "rb").read()
	    n = int.from_bytes(raw[:8], "little")
	    v = json.loads(raw[8:8 + n])["e"]
	    x = np.frombuffer(raw[8 + n:], {"F16": "<f2", "F32": "<f4", "F64": "<f8"}[v["dtype"]],
	                      int(np.prod(v["shape"])), v["data_offsets"][0])
	    return x.astype(np.float64).reshape(v["shape"])

	got = rows("model")
	a, b, fa, fb = (rows(p) for p in ("../ours/model", "../theirs/model", "../ours/fisher", "../theirs/fisher"))
	here, there = [0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5, 7] # x is row 6 here and 7 there
	a, b, fa, fb, y = a[here], b[there], fa[here], fb[there], b[6]
	by = fa + fb
	with np.errstate(invalid="ignore"):
	    want = np.where(by > 0, (fa * a + fb * b) / by, (a + b) / 2).astype("<f4")
	assert got.shape == (8, 4) and np.all(got[7] == y)
	assert np.all(np.abs(got[:7] - want) <= 2.0 ** -23 * np.abs(want)) and np.mean(got[:7] == want) > 0.9
	END
}

it 'joins by the diagonals of both versions' joins
it 'takes parameters, rules and settings, in a folder' parameters
it 'leaves the diagonals themselves to be decided' by_hand
it 'resolves by them' resolved
it 'refuses what is missing, or cannot weigh, before anything is written' refuses
it 'refuses where there are no two versions' elsewhere
it 'joins three, and what a side renamed' octopus
it 'joins other types as merge-file does' casts
it 'leaves rows that one side appended' rows
it 'joins a model in shards' sharded cut_1
it 'joins shards that a side cut anew' sharded cut_2
it 'joins what several bases have no answer for' crosswise
it 'asks first' asked
it 'joins in pieces' large
it 'joins rows of tokens' united
finish

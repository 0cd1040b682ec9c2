#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# a.safetensors and b.safetensors: one changed, one added, one removed, one renamed, one as it was.
pair() {
	model a.safetensors same:F32:40,3:1 w:BF16:30,30:2 gone:I8:7:3 old.name:F32:9,9:4 --meta epoch=1
	model b.safetensors same:F32:40,3:1 w:BF16:30,30:5 new.name:F32:9,9:4 fresh:F32:2:6 --meta epoch=2
}

summary() { # key=value of the summary line of the last JSON
	tail -n 1 "$t_tmp/out" | grep -Eq "\"$1\":$2[,}]" || { t_show && echo "no $1 $2" && return 1; }
}

also() { # another line of the output before
	grep -Eq -e "$1" "$t_tmp/out" || { t_show && echo "no line matches $1" && return 1; }
}

equal() {
	pair
	out '' strata diff a.safetensors a.safetensors
	rc 0 strata diff --exit-code a.safetensors a.safetensors
	cp a.safetensors c.safetensors
	out '' strata diff a.safetensors c.safetensors
	rc 0 strata diff --json a.safetensors c.safetensors
	[ "$(wc -l <"$t_tmp/out")" -eq 1 ]
	summary differs false
	summary unchanged 4
	summary mad 0
	match '^=  w ' strata diff --all a.safetensors c.safetensors
}

two_files() {
	pair
	rc 1 strata diff --exit-code a.safetensors b.safetensors
	match '^M  w  *[0-9.]+%  .*[0-9]$' strata diff a.safetensors b.safetensors
	also '^renamed    new.name  was old.name$'
	also '^           identical content$'
	match '^added      fresh  f32 \[2\]$' strata diff a.safetensors b.safetensors
	also '^removed    gone  i8 \[7\]$'
	match '^  metadata.epoch: "1" -> "2"$' strata diff a.safetensors b.safetensors
	also '^Tensors: 1 changed, 1 added, 1 removed, 1 renamed, 1 unchanged$'
	strata diff a.safetensors b.safetensors >wide
	awk 'length > 80 { print; bad = 1 } END { exit bad }' wide
}

json() {
	pair
	rc 0 strata diff --json a.safetensors b.safetensors
	summary added 1
	summary removed 1
	summary changed 1
	summary renamed 1
	summary unchanged 1
	summary differs true
	python3 - "$t_tmp/out" <<-'EOT'
	import json, struct, sys, math
	lines = [json.loads(l) for l in open(sys.argv[1])]
	t = {l["name"]: l for l in lines if l["kind"] == "tensor"}
	assert sorted((l["status"], n) for n, l in t.items()) == [
	    ("added", "fresh"), ("changed", "w"), ("removed", "gone"), ("renamed", "new.name")], t
	assert t["fresh"]["a"] is None and t["fresh"]["mad"] is None and t["gone"]["b"] is None
	assert t["new.name"]["a"]["name"] == "old.name"
	assert [l for l in lines if l["kind"] == "config"] == [
	    {"kind": "config", "path": "b.safetensors", "key": "metadata.epoch", "status": "changed",
	     "a": "1", "b": "2"}]
	def load(path):
	    b = open(path, "rb").read()
	    n = struct.unpack("<Q", b[:8])[0]
	    o = json.loads(b[8:8 + n])["w"]["data_offsets"]
	    raw = b[8 + n + o[0]:8 + n + o[1]]
	    return [struct.unpack("<f", b"\0\0" + raw[i:i + 2])[0] for i in range(0, len(raw), 2)]
	p, q = load("a.safetensors"), load("b.safetensors")
	d = [y - x for x, y in zip(p, q)]
	w = t["w"]
	def near(got, want):
	    assert abs(got - want) <= 1e-12 * abs(want), (got, want)
	assert w["numel"] == 900 and w["nonfinite"] == 0
	assert w["changed"] == sum(x != y for x, y in zip(p, q))
	near(w["l1"], math.fsum(map(abs, d)))
	near(w["mad"], math.fsum(map(abs, d)) / 900)
	near(w["l2"], math.sqrt(math.fsum(x * x for x in d)))
	near(w["rel_l2"], w["l2"] / math.sqrt(math.fsum(x * x for x in p)))
	near(w["max_abs"], max(map(abs, d)))
	near(w["cosine"], math.fsum(x * y for x, y in zip(p, q)) /
	     math.sqrt(math.fsum(x * x for x in p) * math.fsum(y * y for y in q)))
	EOT
}

options() {
	pair
	match '^M\*  w ' strata diff --epsilon 1e-3 a.safetensors b.safetensors
	also '^Points:  1 tensor with D above 0.001$'
	match '^M  w ' strata diff --epsilon 10 a.safetensors b.safetensors
	also '^Points:  0 tensors'
	match '^Tensors: 1 changed$' strata diff --tensor 'w*' a.safetensors b.safetensors
	match '^Tensors: 1 changed, 1 unchanged$' strata diff --tensor w --tensor same a.safetensors b.safetensors
	rc 0 strata diff --exit-code --tensor same a.safetensors b.safetensors
	rc 0 strata diff --json --top 1 a.safetensors b.safetensors
	[ "$(grep -c '"kind":"tensor"' "$t_tmp/out")" -eq 1 ]
	grep -q '"name":"w"' "$t_tmp/out"
	match '^w +1 ' strata diff --stat a.safetensors b.safetensors
	out b.safetensors strata diff --name-only a.safetensors b.safetensors
	match '^M  w .* 100% +(29|30)$' strata diff --rank a.safetensors b.safetensors
	rc 0 strata diff --html p.html a.safetensors b.safetensors
	grep -q 'new.name' p.html
	fails grep -Eq 'src="http|href="http' p.html
}

threads() {
	model a.safetensors w:F32:700,700:1 v:F16:300001:2
	model b.safetensors w:F32:700,700:3 v:F16:300001:4
	strata --jobs 1 diff --json a.safetensors b.safetensors >one
	strata --jobs 5 diff --json a.safetensors b.safetensors | cmp - one
}

bad_input() {
	pair
	mkdir d
	rc 2 strata diff d a.safetensors
	err 'is a directory and .* is a file' strata diff d a.safetensors
	rc 2 strata diff a.safetensors d
	for t_e in -1 nan x inf ''; do
		rc 2 strata diff --epsilon "$t_e" a.safetensors b.safetensors
	done
	rc 2 strata diff --top many a.safetensors b.safetensors
	rc 2 strata diff --tensor 'zz*' a.safetensors b.safetensors
	err "'zz\*' matches no tensor" strata diff --tensor 'zz*' a.safetensors b.safetensors
	rc 2 strata diff a.safetensors nowhere.safetensors
	rc 2 strata diff a.safetensors b.safetensors d
	rc 2 strata diff a.safetensors
	rc 3 strata diff
	head -c 60 a.safetensors >cut.safetensors
	rc 4 strata diff a.safetensors cut.safetensors
	err cut.safetensors strata diff a.safetensors cut.safetensors
	rc 4 strata diff cut.safetensors a.safetensors
	mkfifo pipe
	rc 4 strata diff a.safetensors pipe
	rc 2 strata diff --json --stat a.safetensors b.safetensors
	rc 2 strata diff a.safetensors b.safetensors -- a.safetensors
	echo '{"weight_map":{"a":"none.safetensors"}}' >m.safetensors.index.json
	err 'none.safetensors' strata diff m.safetensors.index.json a.safetensors
}

nothing_in_common() {
	model a.safetensors x:F32:3:1
	model b.safetensors y:F32:2:2
	match 'no tensor in common' strata diff a.safetensors b.safetensors
	rc 1 strata diff --exit-code a.safetensors b.safetensors
}

damaged_in_directory() {
	mkdir a b
	model a/m.safetensors x:F32:3:1
	head -c 20 a/m.safetensors >b/m.safetensors
	rc 0 strata diff --json a b
	grep -q 'b/m.safetensors.*ordinary file' "$t_tmp/err"
	summary files 1
}

directories() {
	mkdir a b
	pair
	mv a.safetensors a/m.safetensors
	mv b.safetensors b/other.safetensors
	echo '{"lr": 1e-3, "n": [1, {"k": null}]}' >a/c.json
	echo '{"lr": 0.001, "n": [1, {"k": true}], "z": 1}' >b/c.json
	printf 'a: 1\nb: {c: [x]}\n' >a/c.yaml
	printf 'b:\n  c:\n  - y\na: 1\n' >b/c.yaml
	printf 'one\ntwo\nthree\n' >a/t.txt
	printf 'one\n2\nthree\nfour\n' >b/t.txt
	printf 'a\0b' >a/raw
	printf 'a\0c' >b/raw
	echo new >b/new
	out '{"kind":"config","path":"b/c.json","key":"n[1].k","status":"changed","a":null,"b":true}
{"kind":"config","path":"b/c.json","key":"z","status":"added","a":null,"b":1}
{"kind":"config","path":"b/c.yaml","key":"b.c[0]","status":"changed","a":"x","b":"y"}' sh -c \
		'strata diff --json a b | grep config | grep "c.json\|c.yaml"'
	match '"key":"line 2","status":"changed","a":"two","b":"2"' strata diff --json a b
	also '"key":"line 4","status":"added","a":null,"b":"four"'
	match '"path":"b/raw","a_path":"a/raw","status":"changed","model":false,"a_bytes":3,"b_bytes":3,"a_id":"[0-9a-f]{64}"' strata diff --json a b
	also '"path":"b/new","a_path":null,"status":"added"'
	summary renamed 1
	match '^M  w ' strata diff a b
	match '^  two$|^  - two$' strata diff a b
	out 'b/c.json' strata diff --name-only a b -- c.json
	rc 2 strata diff a b -- nowhere
}

shards() {
	mkdir one two
	model one/model.safetensors a:F32:4:1 b:F32:5:2 c:F32:6:3
	model two/model-00001-of-00002.safetensors a:F32:4:1 b:F32:5:2
	model two/model-00002-of-00002.safetensors c:F32:6:3
	echo '{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors","c":"model-00002-of-00002.safetensors"}}' \
		>two/model.safetensors.index.json
	match '^Tensors: none differs, 3 unchanged$' strata diff one two
	match '^Tensors: none differs, 3 unchanged$' strata diff one/model.safetensors \
		two/model.safetensors.index.json
	repo r
	cp -r ../one m
	strata add .
	strata commit -q -m one
	rm -r m
	cp -r ../two m
	strata add -A .
	match '^Tensors: none differs, 3 unchanged$' strata diff --staged
	strata commit -q -m two
	match '^Tensors: none differs, 3 unchanged$' strata diff v1 v2
	fails grep -q '^M' "$t_tmp/out"
}

versions() {
	repo
	model m.safetensors w:F32:300,300:1 b:BF16:400,300:2 c:F32:3:3
	echo '{"lr": 1}' >c.json
	ln -s c.json l
	out '' strata diff
	strata add .
	match '"status":"added"' strata diff --staged --json
	strata commit -q -m one
	out '' strata diff
	out '' strata diff --staged
	out '' strata diff HEAD
	model m.safetensors w:F32:300,300:1 b:BF16:400,300:5 c:F32:3:3
	out 'm.safetensors' strata diff --name-only
	match '^Tensors: 1 changed, 2 unchanged$' strata diff
	out '' strata diff --staged
	strata diff --json >../work
	strata add .
	out '' strata diff
	match '^M  b ' strata diff --staged
	match '^M  b ' strata diff --cached v1
	echo '{"lr": 2}' >c.json
	strata commit -q -m two
	strata diff --json v1 v2 | grep '"name":"b"' >../stored
	grep -Eq '"mad":0.02' ../stored
	python3 - <<-'EOT'
	import json
	a, b = (json.loads(l) for l in (open("../stored").readline(), [l for l in open("../work") if '"name":"b"' in l][0]))
	assert all(a[k] == b[k] for k in ("mad", "l1", "l2", "rel_l2", "max_abs", "cosine", "changed")), (a, b)
	EOT
	out 'c.json' strata diff --name-only
	out 'c.json
m.safetensors' strata diff --name-only v1
	out 'm.safetensors' strata diff --name-only v1..v2
	out 'm.safetensors' strata diff --name-only v1 -- m.safetensors
	out 'm.safetensors' strata diff --name-only v1 m.safetensors
	out 'c.json' strata diff c.json --name-only
	out 'm.safetensors' strata diff --name-only v1:m.safetensors
	match '^M  b ' strata diff v1:m.safetensors v2:m.safetensors
	out '' strata diff v2:m.safetensors ./m.safetensors
	rc 1 strata diff --exit-code v1 v2
	rc 2 strata diff v1 v2 -- nowhere
	rc 2 strata diff v9
	rc 2 strata diff --staged v1 v2
	rc 2 strata diff v1 v2 --tensor zz
	out '' strata diff v1 v2 --tensor c
	rm l
	echo x >l
	match '"path":"l","a_path":null,"status":"typechanged"' strata diff --json
	mkdir ../out
	strata checkout --to ../out/v v1
	out '' strata diff v1 ../out/v
	match '^M  b ' strata diff v2 ../out/v
}

# Of equal tensors nothing is read: their object may even be damaged.
reads_what_changed() {
	repo
	model m.safetensors big:F32:500,500:1 b:F32:300:2
	strata add .
	strata commit -q -m one
	model m.safetensors big:F32:500,500:1 b:F32:300:3
	strata commit -q -a -m two
	pack=$(ls -S .strata/packs/*.pack | head -n 1)
	chmod u+w "$pack"
	printf '\377\377\377' | dd of="$pack" bs=1 seek=$(($(wc -c <"$pack") / 2)) conv=notrunc 2>/dev/null
	match '^M  b ' strata diff v1 v2
	rc 5 strata diff --all v1 v2
}

# Either name of a renamed one will do.
globs() {
	pair
	match '^Tensors: 1 renamed$' strata diff --tensor new.name a.safetensors b.safetensors
	match '^Tensors: 1 renamed$' strata diff --tensor 'old*' a.safetensors b.safetensors
}

# f16 to bf16 and back, i64 to f64: as many bits on both sides.
casts() {
	python3 - <<-'EOT'
	import json, struct
	def save(path, t, raw):
	    h = json.dumps({"w": {"dtype": t, "shape": [len(raw) // {"I": 8, "F": 8, "B": 2}[t[0]] if t != "F16" else len(raw) // 2], "data_offsets": [0, len(raw)]}}).encode()
	    open(path, "wb").write(struct.pack("<Q", len(h)) + h + raw)
	x = [i / 7 for i in range(1, 300)]
	half = [struct.unpack("<e", struct.pack("<e", v))[0] for v in x]
	def bf16(v):
	    u = struct.unpack("<I", struct.pack("<f", v))[0]
	    return (u + 0x7fff + (u >> 16 & 1)) >> 16
	save("h.safetensors", "F16", b"".join(struct.pack("<e", v) for v in half))
	save("b.safetensors", "BF16", b"".join(struct.pack("<H", bf16(v)) for v in half))
	n = [2**53 + 1, 7, -2**60 - 1]
	save("i.safetensors", "I64", struct.pack("<3q", *n))
	save("f.safetensors", "F64", struct.pack("<3d", *map(float, n)))
	EOT
	match 'f16 -> bf16, rounded to bf16$' strata diff h.safetensors b.safetensors
	match 'bf16 -> f16, rounded to bf16$' strata diff b.safetensors h.safetensors
	match 'i64 -> f64, rounded to f64$' strata diff i.safetensors f.safetensors
}

arrays() {
	python3 - <<-'EOT'
	import struct, json
	def npy(path, descr, fortran, raw, shape="(3, 2)"):
	    h = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, fortran, shape)
	    h = h.ljust(117) + "\n"
	    open(path, "wb").write(b"\x93NUMPY\1\0" + struct.pack("<H", len(h)) + h.encode() + raw)
	v = [1, 2, 3, 4, 5, 6]
	npy("l.npy", "<f4", False, struct.pack("<6f", *v))
	npy("b.npy", ">f4", False, struct.pack(">6f", *v))
	npy("f.npy", "<f4", True, struct.pack("<6f", 1, 3, 5, 2, 4, 6))
	npy("u.npy", "<U1", False, "abc".encode("utf-32-le"), "(3,)")
	npy("s.npy", "|V4", False, "abc".encode("utf-32-le"), "(3,)")
	h = json.dumps({"array": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]}}).encode()
	open("s.safetensors", "wb").write(struct.pack("<Q", len(h)) + h + struct.pack("<6f", *v))
	EOT
	for t_f in b.npy f.npy s.safetensors; do
		rc 0 strata diff --json l.npy $t_f
		summary settings 0
		summary unchanged 1
	done
	match 'config.descr: "<U1" -> "|V4"' strata diff u.npy s.npy
}

pages() {
	pair
	rc 2 strata diff --html '' a.safetensors b.safetensors
	mkfifo pipe
	rc 5 timeout 20 strata diff --html pipe a.safetensors b.safetensors
	err 'nothing reads from it' timeout 20 strata diff --html pipe a.safetensors b.safetensors
	cat pipe >got &
	sleep 1
	match '^Files: ' timeout 20 strata diff --html pipe a.safetensors b.safetensors
	wait
	grep -q '</html>' got
	match '^Files: ' strata diff --html /dev/null a.safetensors b.safetensors
	strata diff --html /dev/stdout a.safetensors b.safetensors | cat >page
	[ "$(tail -n 1 page)" = '</html>' ]
	strata init -q
	cksum .strata/ops >ops
	ln -s .strata/ops link
	ln -s .strata way
	for t_p in .strata/ops .strata/p.html way/packs/p.html link; do
		rc 7 strata diff --html $t_p a.safetensors b.safetensors
		grep -q "lies in a repository's own directory" "$t_tmp/err"
		[ ! -s "$t_tmp/out" ]
	done
	cksum .strata/ops | cmp ops
	[ ! -e .strata/p.html ]
	[ ! -e .strata/packs/p.html ]
}

modes() {
	repo
	echo x >run.sh
	echo y >other
	strata add .
	strata commit -q -m one
	chmod +x run.sh
	match '^run.sh: executable$' strata diff
	match '"path":"run.sh".*"a_mode":"file","b_mode":"exec"' strata diff --json
	strata commit -q -a -m two
	match '^run.sh: no longer executable$' strata diff v2 v1
	match '^run.sh: executable$' strata diff v1 v2 --stat
	rm other
	match '"path":"other".*"a_mode":"file","b_mode":null' strata diff --json
	echo y >other
	match '<small>executable</small>' sh -c 'strata diff v1 v2 --html p.html && cat p.html'
	match '<small>no longer executable</small>' sh -c 'strata diff v2 v1 --html p.html && cat p.html'
	rm p.html run.sh
	ln -s other run.sh
	match '^run.sh: now a link$' strata diff
	match '^run.sh: now a link$' strata diff --stat
	match '"status":"typechanged".*"a_mode":"exec","b_mode":"link"' strata diff --json
	match '<small>now a link</small>' sh -c 'strata diff --html ../p.html && cat ../p.html'
	strata commit -q -a -m three
	match '^run.sh: no longer a link, executable$' strata diff v3 v2
	match '^run.sh: no longer a link, executable$' strata diff v3 v2 --stat
	echo z >new
	chmod +x new
	ln -s new link
	strata add .
	match '^new: added, executable$' strata diff --staged
	also '^link: added, a link$'
	match '<small>executable</small>' sh -c 'strata diff --staged --html ../p.html && cat ../p.html'
	cd ..
	repo m
	model m.safetensors w:F32:9:1
	strata add .
	strata commit -q -m one
	model m.safetensors w:F32:9:2
	chmod +x m.safetensors
	match '^m.safetensors: executable$' strata diff
	also '^M  w '
}

links() {
	repo
	mkdir d
	echo x >d/f
	ln -s d l
	ln -s nowhere dangling
	strata add .
	strata commit -q -m one
	strata checkout --to ../out v1
	out '' strata diff v1 ../out
	cp -RP ../out ../again
	out '' strata diff ../out ../again
	rm ../again/l
	ln -s f ../again/l
	out '../again/l' strata diff --name-only ../out ../again
}

words() {
	repo
	echo 1 >c
	strata add .
	strata commit -q -m one
	echo 2 >c
	strata commit -q -a -m two
	rc 2 strata diff ''
	rc 2 strata diff '' v1
	rc 2 strata diff v1 ''
	out c strata diff --name-only ..v1
	out c strata diff --name-only v1..
	out c strata diff --name-only v1 HEAD:
	out '' strata diff HEAD:
	out c strata diff --name-only v1...
	out '' strata diff --name-only ...v1
	rc 2 strata diff v1...v9
	rc 2 strata diff --staged v1...v2
}

# What a branch changed since it left main, whatever main has done meanwhile.
parted() {
	repo
	model m.safetensors w:F32:30:1 b:F32:5:1
	strata add .
	strata commit -q -m one
	strata switch -q -c side
	model m.safetensors w:F32:30:1 b:F32:5:2
	strata commit -q -a -m side
	strata switch -q main
	model m.safetensors w:F32:30:2 b:F32:5:1
	echo x >n
	strata add .
	strata commit -q -m main
	match '^Tensors: 1 changed, 1 unchanged$' strata diff main...side
	also '^M  b '
	out 'm.safetensors' strata diff --name-only main...side
	out 'm.safetensors' strata diff --name-only ...side
	out 'm.safetensors
n' strata diff --name-only side...
	out 'm.safetensors
n' strata diff --name-only main..side
	out "$(strata diff --json v1 side)" strata diff --json main...side
	out '' strata diff main~1...main~1
	out '' strata diff main...v1
	rc 1 strata diff --exit-code main...side
	out 'n' strata diff --name-only side...main -- n
	rc 2 strata diff side...main~1 -- n
	rc 2 strata diff main...nowhere
	rc 2 strata diff main:m.safetensors...side:m.safetensors
	err 'only versions have a merge base' strata diff main:m.safetensors...side
	rc 0 strata diff main...side --html p.html
	grep -q '<title>merge base of main and side . side</title>' p.html
	rc 0 strata diff main..side --html p.html
	grep -q '<title>main . side</title>' p.html
}

unborn() {
	repo
	rc 2 strata diff HEAD...
	err 'no version yet' strata diff ...main
	cd ..
	repo r2
	echo 1 >a
	strata add .
	strata commit -q -m one
	strata switch -q --detach HEAD
	out '' strata diff main...
}

indexes() {
	model m.safetensors x:F32:3:1
	echo '{"weight_map":{"x":"m.safetensors.index.json"}}' >m.safetensors.index.json
	rc 4 strata diff m.safetensors.index.json m.safetensors
	err 'names m.safetensors.index.json as a shard' strata diff m.safetensors m.safetensors.index.json
	echo '{"weight_map":{"x":"../m.safetensors"}}' >m.safetensors.index.json
	rc 4 strata diff m.safetensors.index.json m.safetensors
	err 'm.safetensors.index.json: shard "?../m.safetensors"? .*is not a file name in the same' \
		strata diff m.safetensors.index.json m.safetensors
	echo '{"weight_map":{"x":"none.safetensors"}}' >m.safetensors.index.json
	rc 2 strata diff m.safetensors.index.json m.safetensors
}

warns() { # regular expression for a warning; a diff that is done
	t_warning=$1
	shift
	rc 0 timeout 60 "$@"
	grep -Eq -e "^strata: warning: $t_warning" "$t_tmp/err" || { t_show && return 1; }
}

# In a directory or a version an index that is no good costs a warning.
bad_indexes() {
	mkdir a b
	for t_d in a b; do
		model $t_d/m.safetensors x:F32:3:1
		echo '{"weight_map":{}}' >$t_d/m.safetensors.index.json
	done
	rc 0 strata diff a b
	[ ! -s "$t_tmp/err" ]
	t_x=b/m.safetensors.index.json
	echo '{"weight_map":{"x":"m.safetensors.index.json"}}' >$t_x
	warns 'b/m.safetensors.index.json names the shard "m.safetensors.index.json", which is an index itself$' \
		strata diff a b
	echo '{"weight_map":{"x":"m.safetensors","y":"n.safetensors","z":"o.safetensors"}}' >$t_x
	warns '.* names the shard "n.safetensors", which is not among the files compared, and 1 more like it$' \
		strata diff a b
	rc 0 strata diff a b -- m.safetensors
	[ ! -s "$t_tmp/err" ]
	echo '{"weight_map":{"x":"/etc/passwd"}}' >$t_x
	warns '.*/etc/passwd.* is not a file name in the same directory; it is compared as an ordinary' \
		strata diff a b
	echo '{"weight_map":' >$t_x
	warns 'b/m.safetensors.index.json: .*; it is compared as an ordinary file' strata diff a b
	repo r
	cp ../a/* .
	strata add .
	strata commit -q -m one
	for t_f in m.safetensors.index.json none.safetensors ../m.safetensors; do
		echo "{\"weight_map\":{\"x\":\"$t_f\"}}" >m.safetensors.index.json
		strata commit -q -a -m next
		warns '.*m.safetensors.index.json' strata diff HEAD~1 HEAD
	done
	rc 4 strata diff v2:m.safetensors.index.json v1:m.safetensors
	err 'names m.safetensors.index.json as a shard' \
		strata diff v2:m.safetensors.index.json v1:m.safetensors
	rc 2 strata diff v3:m.safetensors.index.json v1:m.safetensors
	err 'none.safetensors, which that version lacks' \
		strata diff v1:m.safetensors v3:m.safetensors.index.json
	rc 4 strata diff v4:m.safetensors.index.json v1:m.safetensors
	echo more >t
	strata add t
	rc 0 strata diff HEAD
	[ ! -s "$t_tmp/err" ]
}

# A second goes by while it is stopped, so that the rest of it is shown.
on_a_terminal() { # command...
	cat >on_a_terminal.py <<-'EOT'
	import os, pty, re, select, signal, subprocess, sys, time
	def run(wait, args):
	    main, sub = pty.openpty()
	    p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=sub)
	    os.close(sub)
	    time.sleep(wait)
	    p.send_signal(signal.SIGSTOP)
	    time.sleep(1.1)
	    p.send_signal(signal.SIGCONT)
	    said = b""
	    while True:
	        try:
	            got = os.read(main, 65536)
	        except OSError:
	            break
	        if not got:
	            break
	        said += got
	    out = p.stdout.read()
	    os.close(main)
	    return p.wait(), out, said.decode()
	want = re.compile(r"\rcompare  [0-9.]+ [KMG]?i?B of [0-9.]+ [KMG]?i?B  [0-9]+%  [0-9.]+ [KMG]?i?B/s"
	                  r"(  [0-9:.]+( \w+)? left)?\x1b\[K")
	for wait in (0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.02, 0.3, 0.4, 0.6, 1, 2):
	    rc, out, said = run(wait, sys.argv[1:])
	    assert rc == 0, (rc, said)
	    assert b"compare" not in out and b"\x1b" not in out, out
	    if said:
	        break
	assert want.match(said), repr(said)
	assert said.endswith("\r\x1b[K"), repr(said)
	EOT
	python3 on_a_terminal.py "$@"
}

sparse_model() { # FILE
	python3 - "$1" <<-'EOT'
	import json, struct, sys
	n = 320 << 20
	h = json.dumps({"w": {"dtype": "F32", "shape": [n // 4], "data_offsets": [0, n]}}).encode()
	with open(sys.argv[1], "wb") as f:
	    f.write(struct.pack("<Q", len(h)) + h)
	    f.truncate(8 + len(h) + n)
	EOT
}

shows_progress() {
	sparse_model a.safetensors
	sparse_model b.safetensors
	on_a_terminal strata --jobs 1 diff a.safetensors b.safetensors
	on_a_terminal strata --jobs 1 distance a.safetensors b.safetensors
	mkdir a b
	truncate -s 300M a/raw b/raw
	printf x | dd of=b/raw bs=1 seek=310000000 conv=notrunc 2>/dev/null
	on_a_terminal strata --jobs 1 diff --json a b
	rc 0 strata diff a.safetensors b.safetensors
	[ ! -s "$t_tmp/err" ]
}

# Only what changed is decoded: of nine tenths not one byte is read from a pack.
reads_little() {
	command -v strace >/dev/null || return 0
	strace -o /dev/null true 2>/dev/null || return 0
	repo
	model m.safetensors big:F32:2000,1000:1 b:F32:300000:2
	strata add --fast .
	strata commit -q -m one
	model m.safetensors big:F32:2000,1000:1 b:F32:300000:3
	strata add --fast .
	strata commit -q -m two
	# a leak check cannot run where it is traced
	t_get env ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" \
		strace -ff -y -e trace=read,pread64,preadv,mmap -o ../calls strata diff v1 v2
	[ "$t_rc" -eq 0 ]
	grep -q '^M  b ' "$t_tmp/out"
	cat ../calls.* >../all # a file for each thread: no call is cut in two
	python3 - ../all <<-'EOT'
	import re, sys
	packs = [l for l in open(sys.argv[1]) if ".pack>" in l]
	assert not [l for l in packs if "mmap(" in l], "a pack is mapped: what is read cannot be seen"
	read = sum(int(m.group(1)) for m in (re.search(r"= (\d+)$", l) for l in packs) if m)
	assert 2400000 <= read < 4000000, read
	EOT
}

byte_order_mark() {
	printf '\357\273\277{"a": 1, "b": 2}' >a.json
	printf '{"b": 2,\n"a": 3}' >b.json
	match '^  a: 1 -> 3$' strata diff a.json b.json
}

unread() {
	repo
	model m.safetensors old.w:F32:50,4:1
	strata add .
	strata commit -q -m one
	model m.safetensors new.w:F32:50,4:1
	strata commit -q -a -m two
	match '"name":"new.w","status":"renamed".*"rel_l2":0,.*"cosine":1,' strata diff --json v1 v2
}

# Long enough that it is still read when it is touched.
changes_meanwhile() {
	truncate -s 120M a.bin b.bin
	printf x | dd of=b.bin bs=1 seek=125829119 conv=notrunc 2>/dev/null
	sh -c 'while [ -e a.bin ]; do touch b.bin; sleep 0.01; done' &
	rc 4 strata diff a.bin b.bin
	err '^strata: b.bin changed while it was read$' strata diff a.bin b.bin
	rm a.bin
	wait
}

# A tensor that was read and did not change has a norm, too; settings and texts are beside tensors.
layers() {
	mkdir a b
	model a/m.safetensors l.0.a:F32:40:1 l.0.c:F32:20,2:3 --meta epoch=1
	model b/m.safetensors l.0.a:F32:40:2 l.0.c:F32:40:3 --meta epoch=2
	echo x >a/t
	echo y >b/t
	match '^l\.0 +2 +50\.0% +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$' strata diff --stat a b
	also '^b/m.safetensors|-> b/m.safetensors: 1 changed$'
}

it 'equal files say nothing' equal
it 'layers' layers
it 'a file that changes while it is read' changes_meanwhile
it 'a glob means either name' globs
it 'casts between types of equal width' casts
it 'how an array lies in its file is no setting' arrays
it 'where a page goes' pages
it 'executable or not' modes
it 'links to directories' links
it 'words for versions' words
it 'an index is no shard' indexes
it 'an index that is no good among other files' bad_indexes
it 'progress on a terminal' shows_progress
it 'few bytes of packs are read' reads_little
it 'from where two lines parted' parted
it 'no version, no branch' unborn
it 'a byte order mark' byte_order_mark
it 'what is equal and was not read' unread
it 'two files' two_files
it 'the figures are those of exact sums' json
it 'options' options
it 'the same digits for any number of threads' threads
it 'bad input' bad_input
it 'nothing in common' nothing_in_common
it 'a damaged file among others' damaged_in_directory
it 'directories, configuration and text' directories
it 'shards are one model' shards
it 'versions, index and working tree' versions
it 'only what changed is read' reads_what_changed
finish

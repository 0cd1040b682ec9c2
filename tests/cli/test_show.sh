#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	model m.safetensors a:F32:16:1 b:F32:16:2
	echo 1 >t
	echo 1 >u
	strata add .
	strata commit -q -m one
	model m.safetensors a:F32:16:1 b:F32:16:3
	rm t
	echo 12345 >n
	strata add -A
	strata commit -q -m 'two words' --param lr=1
}

text() {
	setup
	id=$(strata log --json -1 | sed 's/.*"commit":"\([0-9a-f]*\)".*/\1/')
	strata show | sed 's/^Date:.*/Date/' >got
	out "version v2  $id (HEAD -> main)
Author: Ada Tester <ada@example.org>
Date
Files:  3, 264 B
Param:  lr = 1

    two words

changed  m.safetensors  256 B  1 of 2 tensors changed
added    n                6 B
removed  t                2 B" cat got
}

older() {
	setup
	match '^version v1  ' strata show v1
	match '^added  m.safetensors  .* 2 tensors added$' strata show HEAD~1
}

json() {
	setup
	strata show --json >got
	sed -n 1p got | grep -q '^{"kind":"version","commit":.*"params":\[{"key":"lr","value":"1"}\],"config":null,"nfiles":3,"logical_bytes":264,"tag":null}$'
	out '{"kind":"file","path":"m.safetensors","status":"changed","type":"model","old_bytes":256,"new_bytes":256,"tensors":{"added":0,"changed":1,"unchanged":1,"removed":0}}
{"kind":"file","path":"n","status":"added","type":"file","old_bytes":0,"new_bytes":6,"tensors":null}
{"kind":"file","path":"t","status":"removed","type":"file","old_bytes":2,"new_bytes":0,"tensors":null}' sed 1d got
}

tagged() {
	setup
	strata tag plain v1
	strata tag best v1 -m 'the best

so far'
	strata show best | sed -n -e 's/^Date:.*/Date/' -e '1,/^version/p' | cut -c 1-11 >got
	out "tag best
Tagger: Ada
Date

    the bes

    so far

version v1 " sh -c 'cut -c 1-11 got'
	match '"tag":\{"name":"best","author":"Ada Tester <ada@example.org>","time":"[-0-9T:.]*Z","message":"the best\\n\\nso far"\}\}$' \
		strata show best --json
	match '"version":"v1",.*"tag":null\}$' strata show plain --json
	match '^version v1  ' strata show plain
	strata show plain | fails grep '^Tagger'
}

# As its --json says, which has the ids in full.
merge_ids() {
	strata show --json >../said
	python3 -c 'if True:
	import json
	lines = [json.loads(s) for s in open("../said")]
	about = next(x for x in lines if x["kind"] == "merge-description")
	short = lambda v: v[:12] if v else "-"
	sides = ["ours", "theirs", "theirs 2", "theirs 3"]
	named = zip(map(short, about["parents"]), sides)
	print("merge description " + short(about["id"]))
	print("Parents: " + ", ".join("%s (%s)" % x for x in named))
	print("Bases:   " if about["bases"][1:] else "Base:    ", end="")
	print(", ".join(map(short, about["bases"])) or "none")
	print("Seed:    %d\nSettled: %s" % (about["seed"], about["settled"] or "nothing"))
	rows = [["type", "tensor, key or file", "base"] + sides[:len(about["parents"])] + ["how"]]
	for x in lines:
		if x["kind"] == "merge":
			what = x["path"] + ("::" + x["name"] if x["name"] else "")
			rows.append([x["type"], what, *map(short, [x["base"]] + x["sides"]), x["how"]])
	width = [max(map(len, column)) for column in zip(*rows)]
	if rows[1:]:
		print()
	for row in rows[:51] if rows[1:] else []:
		print("  ".join(s.ljust(n) for s, n in zip(row, width)).rstrip())
	if rows[51:]:
		print("and %d more; --json lists them" % len(rows[51:]))
	' >../want
	strata show | sed -n '/^merge description /,$p' | diff -u ../want -
}

layers() { # seed
	model m.safetensors $(seq "$count" | sed "s/.*/layers.&:F32:64:$1&/")
}

branches() { # how many tensors that all of them change
	count=$1
	repo
	layers 0 && echo '{"n": 0}' >c.json && echo 0 >t && strata add . && strata commit -q -m one
	for s in 2 3; do
		strata switch -q -c side$s v1
		layers $s && echo "{\"n\": $s}" >c.json
		[ $s = 3 ] || strata rm -q t
		strata commit -q -a -m "side $s"
	done
	strata switch -q main
	layers 1 && echo '{"n": 1}' >c.json && echo 1 >t && strata commit -q -a -m ours
}

merged() {
	branches 2
	rc 1 strata merge -q side2 --rule 'layers.*=ties:density=0.5' --seed 5
	strata resolve -q c.json::n --ours
	strata resolve -q t --theirs
	strata merge -q --continue
	merge_ids
	match '^Parents: [0-9a-f]{12} \(ours\), [0-9a-f]{12} \(theirs\)$' strata show
	match '^type +tensor, key or file +base +ours +theirs +how$' strata show
	match '^delete/modify  t +[0-9a-f]{12}  [0-9a-f]{12}  - +theirs$' strata show
	match '^values +m.safetensors::layers.1( +[0-9a-f]{12}){3}  ties:density=0.5' strata show
	# three at once, and what another one has of it
	strata undo -q
	rc 1 strata merge -q side2 side3 --method theirs:model=2
	strata resolve -q c.json::n --side 2
	strata resolve -q t --ours
	strata merge -q --continue
	merge_ids
	match ' \(theirs\), [0-9a-f]{12} \(theirs 2\)$' strata show
	match '^configuration  c.json::n( +[0-9a-f]{12}){4}  theirs 2$' strata show
	# a name that a terminal would obey, and nothing to settle
	strata undo -q && strata restore -q .
	strata switch -q -c apart v1
	echo 1 >new && strata add new && strata commit -q -m new
	strata merge -q side2
	merge_ids
	match '^Settled: nothing$' strata show
	[ -z "$(strata show | sed '1,/^Settled/d')" ]
	strata switch -q side2
	name=$(printf 'a\033b') && echo 2 >"$name" && strata add . && strata commit -q -m odd
	strata switch -q apart
	echo 1 >"$name" && strata add . && strata commit -q -m odd
	rc 1 strata merge -q side2
	strata resolve -q '*' --ours
	strata merge -q --continue
	match '^add/add  "a\\033b" +- +[0-9a-f]{12}  [0-9a-f]{12}  ours$' strata show
}

merged_of_many() {
	repo
	echo 0 >t && strata add t && strata commit -q -m one
	for s in 1 2 3 4 5 6 7 8 9; do
		strata switch -q -c s$s v1
		echo $s >t && strata commit -q -a -m $s
	done
	strata switch -q main
	rc 1 strata merge -q s1 s2 s3 s4 s5 s6 s7 s8 s9
	strata resolve -q t --side 9
	strata merge -q --continue
	match '^type +tensor, key or file +base +ours +theirs( +theirs [2-9]){8} +how$' strata show
	match '^text +t( +[0-9a-f]{12}){11}  theirs 9$' strata show
}

merged_many() {
	branches 49
	rc 1 strata merge -q side3 --method linear
	strata resolve -q c.json::n --ours
	strata merge -q --continue
	merge_ids
	[ "$(strata show | grep -c '^values  ')" -eq 49 ]
	strata show | fails grep 'more;'
	cd .. && rm -r repo && branches 52
	rc 1 strata merge -q side3 --method linear
	strata resolve -q c.json::n --ours
	strata merge -q --continue
	merge_ids
	match '^and 3 more; --json lists them$' strata show
}

# x.safetensors: w, f32 0 to 99 of which 10 are zero; s, a scalar; e, empty; n, nothing finite; i, few
# whole numbers; c, complex; o, of a type that is no numbers
tensors() {
	python3 - <<-'PY'
		import json, struct
		nan, inf = float("nan"), float("inf")
		w = [0.0] * 5 + [-0.0] * 5 + [float(i) for i in range(10, 100)]
		t = {"w": ("F32", [10, 10], struct.pack("<100f", *w)),
		     "s": ("F64", [], struct.pack("<d", 0.5)),
		     "e": ("F32", [0, 3], b""),
		     "n": ("F32", [3], struct.pack("<3f", nan, inf, -inf)),
		     "i": ("I8", [6], bytes([3, 3, 255, 4, 3, 6])),
		     "c": ("C64", [2], struct.pack("<4f", 1, 2, 3, nan)),
		     "o": ("F6_E2M3", [4], b"abc")}
		head, at = {}, 0
		for name, (kind, shape, raw) in t.items():
		    head[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + len(raw)]}
		    at += len(raw)
		text = json.dumps(head).encode()
		with open("x.safetensors", "wb") as f:
		    f.write(struct.pack("<Q", len(text)) + text + b"".join(r for _, _, r in t.values()))
	PY
}

numbers() {
	repo
	tensors
	strata add .
	strata commit -q -m one
	strata show HEAD:x.safetensors::w >got
	id=$(strata hash --tensors x.safetensors | sed -n 's/  w$//p')
	out "x.safetensors::w
Type:      f32 [10, 10], 400 B
Id:        $id
Numbers:   100, all finite
Zeros:     10 (10 %)
Mean:      49.05           std 29.5761
Range:     0 to 99
Quantiles:   0.1 % 0                1 % 0                5 % 0
              25 % 24.75           50 % 49.5            75 % 74.25
              95 % 94.05           99 % 98.01         99.9 % 98.901

            0  ############################################ 10
         4.95                                               0
          9.9  ######################                       5" sed 15,\$d got
	[ "$(wc -l <got)" -eq 32 ]
	[ "$(awk 'length > 80' got | wc -l)" -eq 0 ]
	strata show ./x.safetensors::w | sed 1d | cmp - "$(sed 1d got >got1 && echo got1)"
	strata show HEAD::w | cmp - got
	cd ..
	strata show repo/x.safetensors::w | sed 1d | cmp - repo/got1
}

whole() {
	tensors
	strata show x.safetensors::i | sed 1,3d >got
	out 'Numbers:   6, all finite
Zeros:     0
Distinct:  4
Mean:      3               std 2.08167
Range:     -1 to 6
Quantiles:   0.1 % -0.98            1 % -0.8             5 % 0
              25 % 3               50 % 3               75 % 3.75
              95 % 5.5             99 % 5.9           99.9 % 5.99

           -1  ###############                              1
            0                                               0
            1                                               0
            2                                               0
            3  ############################################ 3
            4  ###############                              1
            5                                               0
            6  ###############                              1' cat got
}

odd() {
	tensors
	strata show x.safetensors::n | sed 1,3d >got
	out 'Numbers:   3; not finite: 1 NaN, 1 +Inf, 1 -Inf
Zeros:     0' cat got
	strata show x.safetensors::e | sed 1,3d >got
	out 'Numbers:   0
Zeros:     0' cat got
	strata show x.safetensors::s | sed '1,/Zeros/d' >got
	out 'Mean:      0.5             std 0
Range:     0.5 to 0.5
Quantiles:   0.1 % 0.5              1 % 0.5              5 % 0.5
              25 % 0.5             50 % 0.5             75 % 0.5
              95 % 0.5             99 % 0.5           99.9 % 0.5

          0.5  ############################################ 1' cat got
	match '^Numbers:   4, real and imaginary parts; not finite: 1 NaN, 0 \+Inf, 0 -Inf$' strata show x.safetensors::c
	match '^Numbers:   this type is bytes to strata' strata show x.safetensors::o
	match '"id":"[0-9a-f]*","numel":null,.*"mean":null,.*"quantiles":\[\],"histogram":null\}$' \
		strata show x.safetensors::o --json
	match '"finite":0,"nan":1,"pos_inf":1,"neg_inf":1,.*"mean":null,"std":null,"min":null,"max":null,.*"histogram":null\}$' \
		strata show x.safetensors::n --json
	match '"numel":0,.*"sparsity":null,' strata show x.safetensors::e --json
	match '"numel":4,"finite":3,"nan":1,.*"mean":2,.*"min":1,"max":3,' strata show x.safetensors::c --json
}

several() {
	repo
	tensors
	model y.safetensors w:F32:4 'w*:F32:4'
	strata add .
	strata commit -q -m one
	[ "$(strata show 'HEAD::w' | grep -c ::w)" -eq 2 ]
	[ "$(strata show 'HEAD::w*' | grep '::')" = 'y.safetensors::w*' ] # the very name comes first
	[ "$(strata show 'HEAD:x.safetensors::[se]' --json | wc -l)" -eq 2 ]
	[ "$(strata show 'HEAD::?' --json | wc -l)" -eq 8 ]
	strata --jobs 1 show 'HEAD::?' >one
	strata --jobs 5 show 'HEAD::?' | cmp - one
}

not_there() {
	repo
	rc 2 strata show HEAD::w # no version yet
	tensors
	strata add .
	strata commit -q -m one
	rc 2 strata show HEAD::q
	err "'q' matches no tensor" strata show HEAD::q
	rc 2 strata show 'HEAD:x.safetensors::q*'
	rc 2 strata show HEAD:nothing::w
	rc 2 strata show v9::w
	rc 2 strata show HEAD:x.safetensors::
	rc 2 strata show x.safetensors::q
	echo 1 >t
	rc 4 strata show t::w
	rc 2 strata show nothing.safetensors::w
	head -c 700 x.safetensors >cut.safetensors
	rc 4 strata show cut.safetensors::w
	cd ..
	rc 3 strata show
	rc 3 strata show repo/x.safetensors
	err 'FILE::TENSOR' strata show repo/x.safetensors
	rc 2 strata show repo/nothing.safetensors::w
}

damaged() {
	setup
	pack=$(ls -S .strata/packs/*.pack | head -n 1)
	chmod u+w .strata/packs/*.pack
	for t_pack in .strata/packs/*.pack; do
		head -c 40 /dev/zero | tr '\0' '\377' | dd of="$t_pack" bs=1 seek=40 conv=notrunc 2>/dev/null
	done
	rc 5 strata show 'HEAD::*'
}

usage() {
	setup
	rc 2 strata show v9
	rc 2 strata show abcdef
	rc 2 strata show HEAD:m.safetensors
	err "strata cat HEAD:m.safetensors" strata show HEAD:m.safetensors
	err 'HEAD:m.safetensors::NAME' strata show HEAD:m.safetensors
	rc 2 strata show v1 v2
	repo ../empty
	rc 2 strata show
}

it 'a version and what it changed' text
it 'any revision' older
it '--json: the version, then files' json
it 'what an annotated tag says, first' tagged
it 'how a merge was made, with all ids' merged
it 'of many versions' merged_of_many
it 'of many tensors some' merged_many
it 'the numbers of a tensor' numbers
it 'whole numbers have a bin each' whole
it 'tensors without numbers, or with few' odd
it 'several tensors, the very name first' several
it 'a tensor that is not there, or a file that is none' not_there
it 'a damaged pack' damaged
it 'wants a revision that exists' usage
finish

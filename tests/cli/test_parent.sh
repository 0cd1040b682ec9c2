#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

alter() { python3 "$ST_SRC/tests/cli/alter.py" "$@"; }
shape='emb.w:F32:100,32 l0.w:F32:64,64 l0.b:F32:64 head:F32:10,64 ids:I64:16'

# v1 - v2 - v3 (main), v2 - v4 - v5 (side); v5 changes another file only.
history() {
	repo
	# shellcheck disable=SC2086
	model m.safetensors --seed 1 $shape
	strata add . && strata commit -q -m one
	alter m.safetensors ../two --noise 0.1 --seed 2
	cp ../two m.safetensors && strata commit -q -a -m two
	alter ../two ../three --noise 0.1 --seed 3
	cp ../three m.safetensors && strata commit -q -a -m three
	strata switch -q -c side v2
	alter ../two ../four --noise 0.1 --seed 4
	cp ../four m.safetensors && strata commit -q -a -m four
	echo text >readme && strata add . && strata commit -q -m five
}

best() { strata parent "$@" | head -n 1 | sed 's/^\(v[0-9]*\) [0-9a-f]* /\1/'; }
first() { best "$@" | cut -d ' ' -f 1; }

identical() {
	history
	out 'v4 m.safetensors  distance 0.000000  (5 of 5 tensors identical)' best ../four
	match '^  same in v5$' strata parent -n 1 ../four
	out 'v2 m.safetensors  distance 0.000000  (5 of 5 tensors identical)' best ../two
	out 3 sh -c 'strata parent ../two | grep -c distance'
	out 1 sh -c 'strata parent -n 1 ../two | grep -c distance'
	out 4 sh -c 'strata parent -n 9 ../two | grep -c distance'
}

strays() {
	history
	alter ../three ../fine --noise 0.01 --seed 9
	out v3 first ../fine
	out v3 first --fast ../fine
	# The number is the one that distance gives.
	want=$(strata distance v3:m.safetensors ../fine | awk '/parameters/ { print $2 }')
	match "distance $want  \(1 of 5 tensors identical\)" strata parent ../fine
	alter ../two ../cast --bf16
	out v2 first ../cast
	want=$(strata distance v2:m.safetensors ../cast | awk '/parameters/ { print $2 }')
	match "distance $want " strata parent -n 1 ../cast
	alter ../four ../renamed --prefix model.
	out 'v4 m.safetensors  distance 0.000000  (5 of 5 tensors identical)' best ../renamed
	alter ../three ../both --prefix model. --noise 0.01 --bf16
	out v3 first ../both
	alter ../three ../head --only head --noise 1
	match '^v3 .*(4 of 5 tensors identical)' strata parent -n 1 ../head
	alter ../three ../nan --nan l0.w
	match '^v3 .*distance 0.5' strata parent -n 1 ../nan
}

not_near() {
	history
	# shellcheck disable=SC2086
	model ../random --seed 77 $shape
	rc 1 strata parent ../random
	err 'no known version resembles it: 5 versions looked at' strata parent ../random
	out '' sh -c 'strata parent --json ../random 2>/dev/null || :'
	model ../other --seed 1 x:F32:7,9 y:F32:3
	rc 1 strata parent ../other
}

kept() {
	history
	alter ../three ../fine --noise 0.01 --seed 9
	strata parent --json ../fine >../before
	strata gc -q --prune=now
	strata parent --json ../fine >../after
	cmp ../before ../after
	strata fsck -q --rebuild
	strata parent --json ../fine >../after
	cmp ../before ../after
	rm .strata/catalog.db
	strata parent --json ../fine >../after
	cmp ../before ../after
	# A branch that is gone takes its versions along.
	strata switch -q main
	strata branch -D side
	out v2 first ../four
}

places() { # other files with the same model, shards, directories
	history
	mkdir copies && cp ../three copies/x.safetensors
	strata add . && strata commit -q -m six
	match '^v3 .*  m.safetensors  distance 0.000000' strata parent -n 1 ../three
	match '^  same in v6:copies/x.safetensors$' strata parent -n 1 ../three
	mkdir ../dir && cp ../three ../dir/model.safetensors
	out v3 first ../dir
	mkdir big ../big
	model big/model-00001-of-00002.safetensors a:F32:50,50:1
	model big/model-00002-of-00002.safetensors b:F32:50,50:2
	echo '{"metadata":{"total_size":20000},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}' \
		>big/model.safetensors.index.json
	strata add . && strata commit -q -m seven
	cp big/* ../big
	match '^v7 .*  big/model.safetensors.index.json  distance 0.000000  \(2 of 2 tensors identical\)$' \
		strata parent ../big/model.safetensors.index.json
	model ../whole a:F32:50,50:1 b:F32:50,50:2
	out v7 first ../whole
	alter ../big/model-00001-of-00002.safetensors ../half
	match '^v7 .*distance 0.500000  \(1 of 1 tensor identical\)$' strata parent ../half
}

json() {
	history
	strata parent --json ../four >../got
	python3 - ../got <<'P'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert len(rows) == 3, rows
r = rows[0]
assert (r["version"], r["path"], r["distance"], r["estimated"]) == ("v4", "m.safetensors", 0, 0), r
assert (r["identical"], r["matched"], r["tensors"], r["same_count"]) == (5, 5, 5, 1), r
assert [s["version"] for s in r["same"]] == ["v5"], r
assert [x["distance"] for x in rows] == sorted(x["distance"] for x in rows)
assert all(abs(x["distance"] - x["estimated"]) < 0.02 for x in rows), rows
P
	strata parent --fast --json ../four | grep -q '"distance":null'
}

states() {
	# shellcheck disable=SC2086
	model a.safetensors $shape
	rc 3 strata parent a.safetensors
	strata init r >/dev/null && cd r
	rc 1 strata parent ../a.safetensors
	err 'there is no version yet' strata parent ../a.safetensors
	cp ../a.safetensors . && strata add . && strata commit -q -m one
	strata switch -q --detach v1
	echo dirty >>a.safetensors
	out v1 first ../a.safetensors
	echo text >x
	rc 4 strata parent x
	err 'x is not a model file' strata parent x
	head -c 200 ../a.safetensors >cut.safetensors
	rc 4 strata parent cut.safetensors
	model none.safetensors
	rc 4 strata parent none.safetensors
	model empty.safetensors a:F32:0,4
	rc 4 strata parent empty.safetensors
	rc 2 strata parent nothing.safetensors
	rc 2 strata parent
	rc 2 strata parent -n 0 ../a.safetensors
	rc 2 strata parent -n 101 ../a.safetensors
	mkdir d
	rc 2 strata parent d
	# Other types than floating-point numbers count by their content.
	model ints.safetensors a:I32:100:1 b:U8:100:2
	strata add ints.safetensors && strata commit -q -m ints
	match '^v2 .*distance 0.000000  \(2 of 2 tensors identical\)' strata parent ints.safetensors
}

it 'finds the version that has the model' identical
it 'finds what a changed model comes from' strays
it 'says when nothing is near' not_near
it 'answers the same after gc and rebuild' kept
it 'knows copies, shards and directories' places
it 'json' json
it 'every state and bad input' states
finish

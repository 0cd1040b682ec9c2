#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

first() { "$@" | head -n 1; }

laws() {
	strata init r >/dev/null
	cd r
	model m.safetensors a:F32:64,64:1 b:BF16:1000:2 c:I8:50:3
	echo '{"lr": 1}' >c.json
	strata add . && strata commit -q -m one
	model m.safetensors a:F32:64,64:4 b:BF16:1000:2 c:I8:50:3
	strata commit -q -a -m two
	echo '{"lr": 2}' >c.json
	strata commit -q -a -m three
	out 0.000000 first strata distance v1 v1
	out "$(first strata distance v1 v2)" first strata distance v2 v1
	# Only a's values moved: two random matrices of one norm are sqrt(2) / 2 of their sum apart.
	strata distance v1 v2 >got
	python3 - got <<'P'
import sys
lines = open(sys.argv[1]).read().split("\n")
total, terms = float(lines[0]), {w[0]: w[1:] for w in (x.split() for x in lines[1:]) if w}
moved = float(terms["parameters"][0])
want = 4096 / (4096 + 1000 + 50) * 2 ** 0.5 / 2
assert abs(moved - want) < 0.02, (moved, want)
assert terms["structure"][0] == terms["configuration"][0] == "0.000000", terms
assert abs(total - moved / 3) < 1e-5, total
assert terms["data"] == terms["metrics"] == ["not", "recorded"], terms
P
	# One setting of one file.
	out '  configuration  0.090909  weight 0.333' sh -c 'strata distance v2 v3 | grep configuration'
	out '  parameters     0.000000  weight 0.333' sh -c 'strata distance v2 v3 | grep parameters'
	out '  parameters     0.000000  weight 0.333' \
		sh -c 'strata distance v2:m.safetensors v3:m.safetensors | grep parameters'
}

structure() {
	model one.safetensors a:F32:10:1 b:F32:10:2
	model two.safetensors a:F32:10:1 c:F32:30:3
	# b and c have no counterpart: two of three tensors, 40 of 50 elements.
	strata distance one.safetensors two.safetensors >got
	grep -q '^  structure      0.666667' got
	grep -q '^  parameters     0.800000' got
	echo x >f && echo y >g
	out '  structure      nothing to compare' sh -c 'strata distance f g | grep structure'
}

odd() {
	# The same in both directions, also where shapes do not agree.
	model one.safetensors a:F32:10:1 b:F32:10:2
	model two.safetensors a:F32:10:1 b:F32:30:3
	out "$(first strata distance one.safetensors two.safetensors)" first strata distance two.safetensors one.safetensors
	# Nothing finite on one side is far, not near.
	python3 - <<'P'
import json, struct
def write(path, value):
    head = json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    open(path, "wb").write(struct.pack("<Q", len(head)) + head + struct.pack("<4f", *[value] * 4))
write("n.safetensors", float("nan"))
write("m.safetensors", 1.0)
P
	out '  parameters     1.000000  weight 0.333' sh -c 'strata distance m.safetensors n.safetensors | grep parameters'
	echo '{"parameters": 1e308, "structure": 1e308}' >w.json
	rc 2 strata distance --weights w.json one.safetensors two.safetensors
}

weights() {
	model one.safetensors a:F32:10:1
	model two.safetensors a:F32:10:2
	echo '{"parameters": 1, "structure": 0, "configuration": 0}' >w.json
	strata distance --weights w.json one.safetensors two.safetensors >got
	out "$(sed -n 's/^  parameters  *\([0-9.]*\).*/\1/p' got)" sed -n 1p got
	strata init r >/dev/null
	cd r
	strata config distance.structure 0
	strata config distance.configuration 0
	out "$(sed -n 1p ../got)" first strata distance ../one.safetensors ../two.safetensors
	rc 2 strata config distance.parameters -- -1
	err '^strata: .*parameters.*at least 0' strata config distance.parameters -- -1
	rc 2 strata config distance.parameters much
	printf '[distance]\n\tparameters = -1\n' >>.strata/config
	rc 2 strata distance ../one.safetensors ../two.safetensors
	err '^strata: .*parameters.*at least 0' strata distance ../one.safetensors ../two.safetensors
	cd ..
	echo '{"speed": 1}' >w.json
	rc 2 strata distance --weights w.json one.safetensors two.safetensors
	echo '{"data": 1, "structure": 0, "parameters": 0, "configuration": 0}' >w.json
	rc 2 strata distance --weights w.json one.safetensors two.safetensors
	echo '{"data": 1' >w.json
	rc 4 strata distance --weights w.json one.safetensors two.safetensors
	rc 2 strata distance --weights none.json one.safetensors two.safetensors
}

history() {
	strata init r >/dev/null
	cd r
	for t_step in 1 2 3; do
		model m.safetensors a:F32:100:$t_step
		strata add . && strata commit -q -m $t_step
	done
	strata log --oneline --distance >got
	out 3 sh -c 'wc -l <got'
	grep -Eq '^0\.[0-9]{4} v3 ' got
	grep -Eq '^     - v1 ' got
	strata log --distance --json | python3 -c '
import json, sys
d = [json.loads(x)["distance"] for x in sys.stdin]
assert d[2] is None and 0 < d[1] < 1 and 0 < d[0] < 1, d'
	strata log --distance | grep -q '^Distance: 0\.[0-9]* from its parent'
	strata distance --matrix v1 v2 v3 >got
	out 4 sh -c 'wc -l <got'
	strata distance --matrix --json v1 v2 v3 | python3 -c '
import json, sys
pairs = [(d["a"], d["b"]) for d in map(json.loads, sys.stdin)]
assert pairs == [("v1", "v2"), ("v1", "v3"), ("v2", "v3")], pairs'
}

usage() {
	rc 2 strata distance
	rc 2 strata distance a
	rc 2 strata distance a b c
	echo x >f && mkdir d
	rc 2 strata distance f none
	rc 2 strata distance f d
}

it 'is 0 between equals, symmetric, and what the formula says' laws
it 'counts tensors that only one side has' structure
it 'is symmetric and honest in odd cases' odd
it 'weights from a file and from settings' weights
it 'log --distance and --matrix' history
it 'reports wrong use' usage
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

ids() { # 12 digits of an id, and times
	sed -E -e 's/\b[0-9a-f]{64}\b/ID/' -e 's/\b[0-9a-f]{12}\b/ID/g' -e 's/^(.*Date:   ).*/\1TIME/'
}

version() { # file, content, commit options...
	echo "$2" >"$1"
	strata add "$1"
	shift 2
	strata commit -q "$@"
}

setup() {
	repo
	version a 1 -m one
	version a 2 -m two
	strata branch side v1
	strata switch -q side
	version b 1 -m three --lineage fine-tuned-from=v2 --lineage quantized-from=v1
	strata switch -q main
	version a 3 -m four
}

oneline() {
	setup
	strata log --graph --oneline main side | ids >got
	out '* v4 ID (HEAD -> main) four
| * v3 ID (side) (fine-tuned-from v2, quantised-from v1) three
* | v2 ID two
|/
* v1 ID one' cat got
	strata log --graph --oneline | ids >got
	out '* v4 ID (HEAD -> main) four
* v2 ID two
* v1 ID one' cat got
}

long() {
	setup
	strata log --graph main side | ids >got
	out '* version v4  ID (HEAD -> main)
| Author: Ada Tester <ada@example.org>
| Date:   TIME
|
|     four
|
| * version v3  ID (side)
| | Author: Ada Tester <ada@example.org>
| | Date:   TIME
| | Lineage: fine-tuned-from v2 ID
| | Lineage: quantised-from v1 ID
| |
| |     three
| |
* | version v2  ID
|/  Author: Ada Tester <ada@example.org>
|   Date:   TIME
|
|       two
|
* version v1  ID
  Author: Ada Tester <ada@example.org>
  Date:   TIME

      one' cat got
}

filters() {
	setup
	out '* v4
* v2
* v1' sh -c "strata log --graph --oneline main side -- a | cut -d' ' -f1,2"
	out '* v4
| * v3
* v2' sh -c "strata log --graph --oneline v1..main side | cut -d' ' -f1-3 | sed 's/ [0-9a-f]*\$//'"
	out '* v3' sh -c "strata log --graph --oneline side -- b | cut -d' ' -f1,2"
	out '* v4' sh -c "strata log --graph --oneline -1 | cut -d' ' -f1,2"
	out '' strata log --graph -0
	out '' strata log --graph HEAD..v1
	strata log --graph --stat -1 | ids >got
	out '* version v4  ID (HEAD -> main)
| Author: Ada Tester <ada@example.org>
| Date:   TIME
| Files:  1 changed, 0 added, 0 removed
|
|     four' cat got
	out '* v4 ID (HEAD -> main) four' sh -c 'strata log --graph --oneline -1 | sed "s/[0-9a-f]\{12\}/ID/"'
	rc 2 strata log --graph v9
	rc 2 strata log --graph -- nonesuch
	rc 2 strata log --graph --json
	err '--json has the parents' strata log --graph --json
}

bridges() { # what lies between is left out, and the line goes on
	repo
	version a 1 -m one
	version b 1 -m two
	strata branch side
	version b 2 -m three
	version a 2 -m four
	strata switch -q side
	version b 3 -m five
	version a 3 -m six
	out '* v6
| * v4
|/
* v1' sh -c "strata log --graph --oneline main side -- a | sed 's/ [0-9a-f]\{12\}.*//'"
}

states() {
	repo
	out '' strata log --graph
	out '' strata log --graph --oneline
	version a 1 -m "$(printf 'red \033[31m\nmore')"
	strata checkout -q v1
	echo dirty >a
	strata log --graph | ids | sed '1s/ (.*//' >got
	out '* version v1  ID
  Author: Ada Tester <ada@example.org>
  Date:   TIME

      red \033[31m
      more' cat got
	strata log --graph --oneline --color=always | od -c | grep -q '033'
	rc 5 sh -c 'strata log --graph >/dev/full'
}

pure() { # numbers, as debug-graph takes them, and the drawing
	printf '%b' "$1" | strata debug-graph >got
	out "$2" cat got
}

shapes() {
	pure '' ''
	pure '1\n' '* 1'
	pure '3 2\n2 1\n1\n' '* 3
* 2
* 1'
	pure '4 3 2\n3 1\n2 1\n1\n' '*   4
|\
* | 3
| * 2
|/
* 1'
	pure '6 5 4 3 2\n5 1\n4 1\n3 1\n2 1\n1\n' '*       6
|\
|\ \
|\ \ \
* | | | 5
| * | | 4
|/ / /
| * | 3
|/ /
| * 2
|/
* 1'
	pure '3\n2\n1\n' '* 3

* 2

* 1'
	pure '5 1\n4\n3 2\n2 1\n1\n' '* 5
| * 4
|
| * 3
| * 2
|/
* 1'
	pure '9 1\n8 2\n7 3\n6 1\n3\n2\n1\n' '* 9
| * 8
| | * 7
| | | * 6
| |_|/
|/| |
| | * 3
| * 2
* 1'
	pure '9 2\n8 3\n7 4\n6 1 2\n4\n3\n2\n1\n' '* 9
| * 8
| | * 7
| | | * 6
| |_|/|
|/| | |
| | * | 4
| |  /
| * | 3
|  /
* | 2
 /
* 1'
	pure '9 8 7\n8 6 7\n7 6\n6\n' '*   9
|\
* | 8
|\|
| * 7
|/
* 6'
	pure '3 2 2 2\n2 1 1\n1\n' '* 3
* 2
* 1'
	pure '2 2\n2\n' '* 2

* 2'
	rc 2 sh -c 'echo x | strata debug-graph'
}

wide() { # columns are limited, and no version is lost
	awk 'BEGIN { for (i = 3000; i > 1000; i--) print i, i - 1000 - (i > 2000) * 1000 }' |
		strata debug-graph >got
	out 2000 grep -c '\*' got
	[ "$(awk '{ if (length > n) n = length } END { print n }' got)" -lt 1100 ]
}

random() {
	python3 "$ST_SRC/tests/cli/graph_trace.py" "$STRATA" 400
}

it '--graph --oneline: branches, with lineage in words' oneline
it '--graph: the margin goes beside every line' long
it 'ranges, paths, limits, --stat' filters
it 'what is left out is bridged' bridges
it 'every state of a repository' states
it 'shapes: merges of many parents, roots, crossings' shapes
it 'as many columns as there are' wide
it 'random histories are read back from their drawings' random
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# slow
# timeout 1200
# Merges of YAML files drawn at random, with PyYAML as the judge; see test_random.sh.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

need_python yaml

sees_lost_comments() {
	mkdir bin
	printf '#!/bin/sh\n%s "$@"\nrc=$?\n[ "$1" != merge ] || sed -i "s/# theirs.*//" *.yaml\nexit $rc\n' \
		"$STRATA" >bin/strata
	chmod +x bin/strata
	STRATA=$PWD/bin/strata ST_SECONDS='' rc 1 "$ST_PYTHON" "$ST_SRC/tests/cli/random_yaml.py" \
		--seed 1 --runs 2 --cut 0 --keep .
	grep "does not hold: each side's comments are there" "$t_tmp/out"
}

it 'merges YAML key by key, with its comments' "$ST_PYTHON" "$ST_SRC/tests/cli/random_yaml.py"
it 'would see comments that are lost' sees_lost_comments
finish

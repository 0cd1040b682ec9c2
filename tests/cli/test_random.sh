#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# slow
# timeout 1200
# Merges and whole histories drawn at random, held against simple models of what must be true. The
# seeds are always the same ones; ST_SEED=N: that one; ST_SECONDS=S: as many as it takes so long:
#	ST_SEED=1000 ST_SECONDS=900 sh tests/cli/test_random.sh
# A walk that fails is cut down, told as a shell script, and kept in build/test-log.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

need python3

walks() {
	python3 "$ST_SRC/tests/cli/random_$1.py"
}

# Whether the walks see a strata that does what it should not: a shell command that it ends with.
finds() { # walks, sabotage, rule that breaks
	mkdir bin
	printf '#!/bin/sh\n%s "$@"\nrc=$?\n%s\nexit $rc\n' "$STRATA" "$2" >bin/strata
	chmod +x bin/strata
	STRATA=$PWD/bin/strata ST_SECONDS='' rc 1 python3 "$ST_SRC/tests/cli/random_$1.py" \
		--seed 1 --runs 2 --cut 0 --keep .
	grep "does not hold: $3" "$t_tmp/out"
	sh -n random_*-[12]/commands.sh
}

it 'merges files' walks merge
it 'merges models in shards' walks shards
it 'makes histories' walks repo
it 'merges tokenizers with their rows' walks vocab
it 'would see files that lose a byte' finds merge \
	'[ "$2" != --continue ] || truncate -s -1 notes' '--continue leaves the files as they are'
it 'would see an index that does not fit' finds shards \
	'[ "$1" != merge ] || sed -i s/00001-of/00002-of/ *.index.json' 'the index names what'
it 'would see a version that comes back otherwise' finds repo \
	'[ "$1" != checkout ] || find ../out -type f -size -4 -exec truncate -s -1 {} +' \
	'.* makes the version that it should'
it 'would see a tokenizer with other tokens' finds vocab \
	'[ "$3" != --continue ] || sed -i s/t3/t9/ $(ls tokenizer.json vocab.* 2>/dev/null)' \
	'the tokens are somebody'
finish

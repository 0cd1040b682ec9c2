#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What came out of a merge is read again: files and rows that do not mean the same tokens are refused.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# A tokenizer with these tokens, in the order of their ids (-: none), of which those of the other words are
# in added_tokens, and a model with a row for each.
version() { # tokens [added tokens...]
	python3 - "$@" <<-'END'
	import json, sys
	tokens, added = sys.argv[1].split(), sys.argv[2:]
	old = ["t0", "t1", "t2", "t3"] # which the model has always
	ids = {t: i for i, t in enumerate(tokens) if t != "-"}
	json.dump({"added_tokens": [{"id": ids[t], "content": t} for t in ids if t in added],
	           "model": {"type": "WordLevel", "vocab": {t: ids[t] for t in ids if t in old or t not in added},
	                     "unk_token": tokens[0]}}, open("tokenizer.json", "w"), indent=1)
	json.dump({"vocab_size": len(tokens)}, open("config.json", "w"))
	END
	model m.safetensors emb:F32:"${rows:-$(echo $1 | wc -w)}",4:${seed:-1}
}

old='t0 t1 t2 t3'

# ---- added tokens, whose ids the library does not read ----

# Does tokenizer.json say the ids that it is loaded with?
loads() {
	python3 - <<-'END'
	import json
	j = json.load(open("tokenizer.json"))
	got, most = dict(j["model"]["vocab"]), len(j["model"]["vocab"])
	for t in j["added_tokens"]:
	    if t["content"] not in got:
	        got[t["content"]] = most
	    most = max(most, got[t["content"]] + 1)
	    assert got[t["content"]] == t["id"], t
	END
}

misloads() { # ours's tokens, theirs's, the token; how else
	forked "version $1" "version $2" "seed=2; version $3"
	rc 1 strata merge -q side
	refuses "tokenizer.json would say that the added token \"$4\" is $5, but the tokenizers library, which numbers added tokens behind model.vocab itself, would load it as $6: decide all of the tokenizer" \
		strata resolve '*' --vocab union
	ends --theirs
	out '' strata diff HEAD^2 HEAD
	loads
}

reloads() { # base ours theirs
	forked "version $1" "version $2" "seed=2; version $3"
	rc 1 strata merge -q side
	ends --vocab union
	loads
}

# A file that says other ids than it is loaded with on a side already is nobody's fault here.
lives_with() {
	forked "version '$old'" "version '$old - - A' A" "seed=2; version '$old B'"
	rc 1 strata merge -q side
	ends --vocab union
	fails loads
}

# What was staged is not looked at.
staged() {
	forked "version '$old'" "version '$old A' A" "seed=2; version '$old B'"
	rc 1 strata merge -q side
	rows=6 version "$old A B" A
	strata add tokenizer.json m.safetensors config.json
	strata merge -q --continue
	fails loads
}

# ---- rows of another version ----

swapped='t0 t2 t1 t3'

# --from a side, or the base, is that.
from_side() {
	forked "version '$old'" "version '$old A'" "seed=2; version '$swapped B'"
	rc 1 strata merge -q side
	strata resolve -q 'm*::emb' --from side
	refuses 'tensor "emb" of '"'m.safetensors' would have the rows of theirs, where token \"t1\" is 2, but tokenizer.json has \"t1\" as 1" \
		strata resolve 'tokenizer*' --ours
	strata resolve -q 'm*::emb' --from HEAD~1
	refuses 'tensor "emb" of '"'m.safetensors' would have the rows of the base, where token \"t2\" is 2, but tokenizer.json has \"t2\" as 1" \
		strata resolve 'tokenizer*' --theirs
	refuses "would have the rows of the base, which are 4, but tokenizer.json has \"A\" as 4" \
		strata resolve 'tokenizer*' --ours
	strata resolve -q '*' --from side
	strata merge -q --continue
	out '' strata diff HEAD^2 HEAD
	strata merge -q --replay HEAD
}

past() { # tokens: of a version before the base
	version "$1"
	strata add . && strata commit -q -m past
}

# So is any other version, whatever the tensor is in conflict about.
from_past() { # ours theirs: after a version with t1 and t2 exchanged, and one with a token less
	forked "seed=7; past '$swapped'; seed=8; past '$old'; seed=1; version '$old L'" \
		"seed=2; $1" "seed=3; $2"
	rc 1 strata merge -q side
	[ $# -eq 2 ] || strata resolve -q 'tokenizer*' --ours
	refuses 'tensor "emb" of '"'m.safetensors' would have the rows of the version of --from, where token \"t1\" is 2, but tokenizer.json has \"t1\" as 1" \
		strata resolve 'm*::emb' --from v1
	refuses 'tensor "emb" of '"'m.safetensors' would have the rows of the version of --from, which are 4, but tokenizer.json has \"L\" as 4" \
		strata resolve 'm*::emb' --from v2
	[ $# -eq 3 ] || strata resolve -q 'm*::emb' --from v3
	strata resolve -q '*' --ours
	strata resolve -q 'm*::emb' --from v4
	strata merge -q --continue
	strata merge -q --replay HEAD
}

# A model that is taken as a whole.
from_whole() {
	forked "past '$swapped'; version '$old'" "seed=2; version '$old'" 'strata rm -q m.safetensors'
	rc 1 strata merge -q side
	match '^  delete/modify +m.safetensors( |$)' strata status
	refuses "'m.safetensors' would have the rows of the version of --from, where token \"t1\" is 2, but tokenizer.json has \"t1\" as 1" \
		strata resolve m.safetensors --from v1
	strata resolve -q m.safetensors --from v2
	strata merge -q --continue
	strata merge -q --replay HEAD
}

# ---- rows of a side that has fewer than tokens ----

few() { # ours and its rows, theirs and its rows, whose rows, whose tokenizer, the message
	forked "version '$old'" "seed=2; rows=$2; version '$1'" "seed=3; rows=$4; version '$3'"
	rc 1 strata merge -q side
	strata resolve -q config.json* --theirs || :
	strata resolve -q 'm*::emb' "$5"
	refuses 'tensor "emb" of '"'m.safetensors' would have the rows of $7: decide both alike" \
		strata resolve 'tokenizer*' "$6"
	strata resolve -q '*' "$5"
	strata merge -q --continue
	strata merge -q --replay HEAD
}

# ---- what tokenizer_config.json says of the tokenizer's tokens ----

decodes() { # TOKEN=ID...
	python3 - "$@" <<-'END'
	import json, sys
	say = {i: {"content": t} for t, i in (a.split("=") for a in sys.argv[1:])}
	json.dump({"added_tokens_decoder": say}, open("tokenizer_config.json", "w"), indent=1)
	END
}

decoder() { # the other branch's tokens and what is said of them, and what is odd
	forked "version '$old'; decodes t3=3" "version '$old A'; decodes t3=3 A=4" "seed=2; version '$1'; decodes $2"
	rc 1 strata merge -q side
	strata resolve -q 'm*::emb' 'tokenizer.json*' --ours
	refuses "tokenizer_config.json would say in added_tokens_decoder that token $3: decide both alike" \
		strata resolve 'tokenizer_config.json*' --theirs
	strata resolve -q 'tokenizer_config.json*' --ours
	strata merge -q --continue
	out '' strata diff HEAD^1 HEAD
	strata merge -q --replay HEAD
}

# What was staged says what somebody means, and what a side says beside its own tokenizer stays.
decoder_left() {
	forked "version '$old'" "version 't0 I t1 t2 t3'" "seed=2; version '$old'; decodes t1=1"
	rc 1 strata merge -q side
	decodes t1=1 t2=3
	strata add tokenizer_config.json
	strata resolve -q '*' --ours
	strata merge -q --continue
	match '"1"' cat tokenizer_config.json
	forked "seed=1; version '$old'; decodes t1=1" "version 't0 I t1 t2 t3'" "seed=2; version '$old'; decodes t1=1; sed -i '1s/{/{\"q\": 1,/' tokenizer_config.json"
	rc 1 strata merge -q side
	strata resolve -q '*' --ours
	strata merge -q --continue
	match '"q"' cat tokenizer_config.json
	strata merge -q --replay HEAD
}

it 'an added token and one of the model' misloads "'$old'" "'$old A' A" "'$old B'" A 4 5
it 'several of them' misloads "'$old'" "'$old A C' A C" "'$old B'" A 4 5
it 'tokens of the model before added ones' misloads "'$old X Y' X Y" "'$old A X Y' X Y" "'$old B X Y' X Y" X 5 6
it 'a token of the model that ours adds' reloads "'$old'" "'$old A'" "'$old B' B"
it 'added tokens of both' reloads "'$old X' X" "'$old X A' X A" "'$old X B' X B"
it 'tokens of the model of both' reloads "'$old'" "'$old A'" "'$old B'"
it 'an added token that the model has' reloads "'$old'" "'$old A' t3" "'$old B' t2"
it 'as a side is loaded already' lives_with
it 'a tokenizer that was staged' staged
# A few tokens behind very many of another file are read like others.
behind() {
	forked 'many; added "{\"X\": 70000}" 70001 1' 'added "{\"X\": 70000, \"A\": 70001}" 70002 1' \
		'added "{\"X\": 70000, \"B\": 70001}" 70002 1'
	rc 1 strata merge -q side
	strata resolve -q '*' --vocab union
	strata merge -q --continue
	out '{"X": 70000, "A": 70001,"B": 70002}' sh -c 'cat added_tokens.json && echo'
	strata merge -q --replay HEAD
}

many() {
	python3 -c 'import json; print(json.dumps({"t%d" % i: i for i in range(70000)}))' >vocab.json
}

added() { # text rows seed
	printf %s "$1" >added_tokens.json
	model m.safetensors "emb:F32:$2,2:$3"
	echo "{\"vocab_size\": $2}" >config.json
}

it 'added tokens behind very many' behind
it 'rows --from a side, or the base' from_side
it 'rows --from a version before them' from_past "version '$old L'" "version '$old L'"
it 'and where the tokenizer is in conflict' from_past "version '$old L A'" "version '$old L B'" 1
it 'a model --from such a version' from_whole
it 'rows of theirs without one for a new token' few "$old A" 5 't0 t2 t1 t3 D F' 5 --theirs --ours \
	'theirs, where token "t1" is 2, but tokenizer.json has "t1" as 1'
it 'rows of ours without one for a new token' few 't0 t2 t1 t3 D F' 5 "$old A" 5 --ours --theirs \
	'ours, where token "t1" is 2, but tokenizer.json has "t1" as 1'
it 'fewer rows than the base' few 't0 t2 t1 F' 3 "$old B" 5 --ours --theirs \
	'ours, where token "t1" is 2, but tokenizer.json has "t1" as 1'
it 'a row for one of two new tokens' few "$old A" 5 "$old D F" 5 --theirs --ours \
	'theirs, where token "D" is 4, but tokenizer.json has "A" as 4'
it 'a decoder with a token of theirs' decoder "$old B" 't3=3 B=4' '"B" is 4, but tokenizer.json has "A" as 4'
it 'a decoder with other numbers' decoder 't0 t1 t3 t2 B' 't3=2' '"t3" is 2, but tokenizer.json has "t3" as 3'
it 'a decoder that somebody means' decoder_left
finish

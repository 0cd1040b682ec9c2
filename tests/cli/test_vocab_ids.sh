#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Ids of tokens in configurations: merged as the tokens that they mean, whatever the numbers.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# A tokenizer with these tokens, in the order of their ids, and where the names of tokens are given,
# config=pad_token_id, end=eos_token_id of generation_config.json, pad=padding.pad_id and
# post=post_processor of tokenizer.json; and a model with a row for each.
version() { # tokens, then NAME=TOKEN,...
	python3 - "$@" <<-'END'
	import json, os, sys
	tokens = sys.argv[1].split()
	refs = dict(a.split("=") for a in sys.argv[2:])
	ids = {n: [tokens.index(t) for t in v.split(",")] for n, v in refs.items()}
	fast = {"model": {"vocab": {t: i for i, t in enumerate(tokens)}}}
	if "pad" in ids:
	    fast["padding"] = {"pad_id": ids["pad"][0], "pad_type_id": 1}
	if "post" in ids:
	    fast["post_processor"] = {"special_tokens": {"X": {"id": "X", "ids": ids["post"]}}}
	json.dump(fast, open("tokenizer.json", "w"), indent=1)
	config = {"vocab_size": len(tokens), "hidden": 7}
	if "config" in ids:
	    config["pad_token_id"] = ids["config"][0]
	json.dump(config, open("config.json", "w"), indent=1)
	if "end" in ids:
	    json.dump({"eos_token_id": ids["end"]}, open("generation_config.json", "w"))
	END
	model m.safetensors emb:F32:"$(echo $1 | wc -w)",4:${seed:-1}
}

means() { # NAME=TOKEN,... or NAME= : what the files say now
	for t_ref; do
		out "$t_ref" python3 - "${t_ref%%=*}" <<-'END'
		import json, os, sys
		def load(name):
		    return json.load(open(name)) if os.path.exists(name) else {}
		fast, config, end = map(load, ("tokenizer.json", "config.json", "generation_config.json"))
		names = {i: t for t, i in fast["model"]["vocab"].items()}
		for t in fast.get("added_tokens", ()):
		    names[t["id"]] = t["content"]
		ids = {"pad": [fast.get("padding", {}).get("pad_id")],
		       "post": fast.get("post_processor", {}).get("special_tokens", {}).get("X", {}).get("ids", []),
		       "config": [config.get("pad_token_id")], "end": end.get("eos_token_id", [])}
		print(sys.argv[1] + "=" + ",".join(names.get(i, "?%s" % i) for i in ids[sys.argv[1]] if i is not None))
		END
	done
}

old='t0 t1 t2 t3'
moved='t1 t0 t3 t2' # the same tokens, by other numbers

# ---- one side gives the tokens other numbers, and the other one means another token ----

# Theirs gave tokens other ids, and their rows with them, which ours has left alone: all of it comes.
comes_along() {
	forked "version '$old' config=t0 pad=t0 post=t0,t1 end=t0" \
		"version '$old' config=t2 pad=t2 post=t2,t1 end=t2,t1" \
		"seed=2; version '$moved' config=t0 pad=t0 post=t0,t1 end=t0"
	strata cat side:m.safetensors >../theirs
	strata merge -q side
	cmp m.safetensors ../theirs
	means config=t2 pad=t2 post=t2,t1 end=t2,t1
	strata merge -q --replay HEAD
}

follows() { # ours theirs
	forked "version '$old' config=t0 pad=t0 post=t0,t1 end=t0" "$1" "seed=2; $2"
	rc 1 strata merge -q side
	fails sh -c 'strata status | grep -E "config.json::|tokenizer.json::"'
	ends "${3:---theirs}"
	means config=t2 pad=t2 post=t2,t1 end=t2,t1
}

# Nobody changed the text of the file: what it says is another token by the other numbers.
unchanged() {
	forked "version '$old' config=t0" "version '$old A' config=t0" \
		"seed=2; version 't1 t0 t2 t3' config=t1"
	rc 1 strata merge -q side
	match '^  vocabulary +tokenizer.json::model.vocab( |$)' strata status
	ends --vocab union
	means config=t1
}

# The same number on both sides, of two tokens, and of one in two numbers.
both_mean() {
	forked "version '$old' config=t0 pad=t0" "version '$old A' config=A pad=t1" \
		"seed=2; version 't1 t0 t2 t3 B' config=B pad=t1"
	rc 1 strata merge -q side
	match '^  configuration +config.json::pad_token_id  base 0, ours 4, theirs 4$' strata status
	fails sh -c 'strata status | grep padding'
	strata resolve -q '*' --vocab union
	strata resolve -q 'config.json::pad_token_id' --theirs
	strata merge -q --continue
	means config=B pad=t1
	strata merge -q --replay HEAD
}

# What is decided about one id is done, before the tokenizer and after it.
decided() { # ours|theirs|base, what is meant
	forked "version '$old' pad=t0 post=t0" "version '$old A' pad=t1 post=A" \
		"seed=2; version '$old B' pad=t2 post=B"
	rc 1 strata merge -q side
	match '^  configuration +tokenizer.json::padding.pad_id( |$)' strata status
	match '^  configuration +tokenizer.json::post_processor.special_tokens.X.ids' strata status
	strata resolve -q '*pad_id' --"$1"
	strata resolve -q '*' --vocab union
	strata resolve -q '*ids*' --"$1"
	means pad="$2" post="$3"
	strata resolve -q '*pad_id' --"$4"
	strata resolve -q '*ids*' --"$4"
	means pad="$5" post="$6"
	strata resolve -q '*pad_id' '*ids*' --from HEAD
	means pad=t1 post=A
	strata resolve -q '*pad_id' '*ids*' --from side
	means pad=t2 post=B
	strata merge -q --continue
	strata merge -q --replay HEAD
}

# An id of a token that only one side's tokenizer has.
without() {
	forked "version '$old' config=t0" "version '$old A' config=A" "seed=2; version '$old B' config=B"
	rc 1 strata merge -q side
	match '^  configuration +config.json::pad_token_id( |$)' strata status
	strata resolve -q config.json::pad_token_id --theirs
	refuses "'config.json' would name a token of theirs, \"B\", that the tokenizer in '.' would not have" \
		strata resolve 'tokenizer.json*' --ours
	strata resolve -q 'tokenizer.json*' emb --theirs
	strata merge -q --continue
	means config=B
	out '' strata diff HEAD^2 HEAD
}

# An id of a token that the only side that changed the tokenizer removed.
removed() {
	forked "version '$old' config=t0" "version '$old' config=t3" "seed=2; version 't1 t0 t2' config=t0"
	rc 1 strata merge -q side
	match '^  configuration +config.json::pad_token_id( |$)' strata status
	err "'config.json' would name a token of ours, \"t3\", that the tokenizer in '.' would not have" \
		strata resolve config.json::pad_token_id --ours
	ends --theirs
	means config=t0
}

# A file that only theirs has goes by the union's numbers, too.
came() {
	forked "version '$old'" "version '$old A'" "seed=2; version '$old B' end=t1,B"
	rc 1 strata merge -q side
	ends --vocab union
	means end=t1,B
}

# A file that ours removed, and nobody else changed, goes.
went() {
	forked "version '$old' end=t1" "version '$old A'; strata rm -q generation_config.json" \
		"seed=2; version '$old B' end=t1"
	rc 1 strata merge -q side
	ends --vocab union
	rc 1 test -e generation_config.json
}

# A file that ours removed, and theirs changed, goes by the result's numbers once it is chosen.
removed_or_changed() {
	forked "version '$old' end=t1" "version '$old A'; strata rm -q generation_config.json" \
		"seed=2; version '$old B' end=B"
	rc 1 strata merge -q side
	match '^  delete/modify +generation_config.json( |$)' strata status
	strata resolve -q '*' --vocab union
	for t_how in --theirs '--from side' --theirs; do
		strata resolve -q generation_config.json $t_how
		means end=B
	done
	strata resolve -q generation_config.json --base
	means end=t1
	strata resolve -q generation_config.json --theirs
	err "would name a token of theirs, \"B\", that the tokenizer in '.' would not have" \
		strata resolve tokenizer.json emb --ours
	means end=B
	strata merge -q --continue
	strata merge -q --replay HEAD
}

# A tokenizer that was staged: files with ids are made to fit when the merge ends.
staged() {
	forked "version '$old' config=t0 pad=t0" "version '$old A' config=t0" \
		"seed=2; version 't1 t0 t2 t3 B' config=t2"
	rc 1 strata merge -q side
	strata resolve -q '*' --theirs
	means config=t2
	cp m.safetensors config.json ..
	version 't2 t1 t0 t3 A B'
	cp ../m.safetensors ../config.json .
	strata add tokenizer.json
	strata merge -q --continue
	means config=t2
	out '' strata status -s
	strata merge -q --replay HEAD
	# but for those that were staged, too
	strata undo -q
	rc 1 strata merge -q side
	strata resolve -q '*' --theirs
	version 't2 t1 t0 t3 A B' config=t3
	cp ../m.safetensors .
	strata add tokenizer.json config.json
	strata merge -q --continue
	means config=t3
	strata merge -q --replay HEAD
}

# Files of the tokenizer decided otherwise, one by one.
in_parts() {
	t_base='{"t0": 0, "t1": 1, "t2": 2, "t3": 3}'
	forked "echo '$t_base' >vocab.json; echo '{\"pad_token_id\": 1}' >config.json; model m.safetensors emb:F32:8,4:1" \
		"echo '{\"A\": 4}' >added_tokens.json" \
		"echo '{\"t0\": 0, \"t2\": 1, \"t1\": 2, \"t3\": 3}' >vocab.json
		echo '{\"B\": 4}' >added_tokens.json; echo '{\"pad_token_id\": 2}' >config.json
		model m.safetensors emb:F32:8,4:2"
	rc 1 strata merge -q side
	strata resolve -q vocab.json --theirs
	strata resolve -q added_tokens.json --base
	strata resolve -q emb --theirs
	out '{"pad_token_id": 2}' cat config.json
	strata merge -q --continue
	strata merge -q --replay HEAD
}

# Each element of a list, where the lists are of one length.
elements() { # how, what is meant
	forked "version '$old' end=t1,t2" "version '$old A' end=t1,A" "seed=2; version '$old B' end=B,t2"
	rc 1 strata merge -q side
	match '^  vocabulary +generation_config.json::eos_token_id\[0\]( |$)' strata status
	ends $1
	means end="$2"
}

# What a token is called is nothing to go by.
named() { # a token
	forked "called '$1' '$old $1'" "called '$1' '$old $1 A'" "seed=2; called '$1' 't0 I t1 t2 t3 $1'"
	rc 1 strata merge -q side
	ends --vocab union
	cp tokenizer.json ../got
	called "$1" "t0 t1 t2 t3 $1 A I"
	cmp tokenizer.json ../got
}

called() { # a token, all tokens
	version "$2"
	python3 - "$1" "$2" <<-'END'
	import json, sys
	j = json.load(open("tokenizer.json"))
	at = sys.argv[2].split().index(sys.argv[1])
	j["post_processor"] = {"special_tokens": {sys.argv[1]: {"id": sys.argv[1], "ids": [at]}}}
	json.dump(j, open("tokenizer.json", "w"), indent=1)
	END
}

# With a byte order mark.
marked() {
	forked "version '$old' config=t3; mark" "version '$old A' config=t3; mark" \
		"seed=2; version 't0 I t1 t2 t3' config=t2; mark"
	rc 1 strata merge -q side
	match '^  vocabulary +tokenizer.json::model.vocab( |$)' strata status
	ends --vocab union
	tail -c +4 tokenizer.json >../plain
	mv ../plain tokenizer.json
	means config=t2
}

mark() {
	printf '\357\273\277' | cat - tokenizer.json >../marked
	mv ../marked tokenizer.json
}

# Theirs has no tokenizer any more: its ids and its rows are by the numbers of the base.
taken_away() {
	forked "version '$old' config=t1" "version '$moved' config=t1" \
		"seed=2; version '$old' config=t2; strata rm -q --cached tokenizer.json; rm tokenizer.json"
	rc 1 strata merge -q side
	strata resolve -q tokenizer.json --ours
	strata resolve -q emb --vocab union --theirs
	strata merge -q --continue
	means config=t2
	for t_row in 1:0 0:1 3:2 2:3; do
		same_row HEAD m.safetensors::emb ${t_row%:*} HEAD^2 m.safetensors::emb ${t_row#*:}
	done
}

# A file, or an object in one, that one side alone brings with a token of its own goes with the
# vocabulary.
brought() { # how, what is meant
	forked "version '$old'; echo '{\"n\": 1}' >config.json" \
		"version '$old A'; echo '{\"n\": 1}' >config.json" \
		"seed=2; version '$old B' end=B,t3
		echo '{\"n\": 1, \"sub\": {\"x_token_id\": 4, \"y\": 7}}' >config.json"
	rc 1 strata merge -q side
	match '^  vocabulary +generation_config.json( |$)' strata status
	match '^  vocabulary +config.json::sub( |$)' strata status
	ends $1
	means end="$2"
	out "$3" sh -c "tr -d ' ' <config.json"
}

# Which token an id means that is of none on its side, but of one on the other.
of_nothing() {
	forked "version '$old'; model m.safetensors emb:F32:8,4:1" "version '$old A'; model m.safetensors emb:F32:8,4:1" \
		"sed 's/\"hidden\": 7/\"hidden\": 7, \"pad_token_id\": 4/' config.json >../c; cp ../c config.json"
	rc 1 strata merge -q side
	match '^  configuration +config.json::pad_token_id( |$)' strata status
	strata resolve -q 'config.json::pad_token_id' --ours
	strata merge -q --continue
	means config=
}

# A tokenizer below another one, which one side brings: the other's ids are of the one above.
below() {
	t_sub='mkdir -p sub; echo "{\"eos_token_id\": 3}" >sub/config.json'
	forked "version '$old'; mkdir sub; echo '{\"n\": 1}' >sub/config.json; model sub/m.safetensors emb:F32:5,4:1" \
		"$t_sub" "version 'I $old'; mv tokenizer.json sub; strata restore config.json m.safetensors tokenizer.json"
	strata merge -q side
	out '{"eos_token_id": 4}' cat sub/config.json
	strata merge -q --replay HEAD
}

# Ids of three versions, of which ours has none.
of_three() {
	repo
	version "$old" && strata add . && strata commit -q -m base
	for t_side in s1 s2; do
		strata branch $t_side && strata switch -q $t_side
		version "$old" end=t0 && echo $t_side >$t_side && strata add . && strata commit -q -m $t_side
		strata switch -q main
	done
	version "$moved" && strata commit -q -a -m ours
	strata merge -q s1 s2
	means end=t0
	strata merge -q --replay HEAD
}

# In a union what theirs alone brings with rows of tokens has theirs's numbers.
brought_rows() {
	forked "version '$old'; echo '{\"vocab_size\": 4}' >config.json; model m.safetensors emb:F32:4,4:1" \
		'model m.safetensors emb:F32:4,4:2' \
		"version '$moved'; echo '{\"vocab_size\": 4}' >config.json; model m.safetensors emb:F32:4,4:3
		model ema.safetensors emb:F32:4,4:4"
	rc 1 strata merge -q side
	strata resolve -q '*' --vocab union
	match '^  vocabulary +ema.safetensors::emb' strata status
	rc 1 strata merge -q --continue
	rc 7 strata resolve ema.safetensors::emb --theirs
	strata resolve -q '*' --theirs
	strata merge -q --continue
	out '' strata diff HEAD^2 HEAD
}

# After merges crosswise whose bases have other tokenizers an id of the base is nobody's.
crosswise() {
	forked "version '$old' config=t3" "version '$old A' config=t3" "seed=2; version 'I $old' config=t3"
	strata branch o && strata branch t side
	rc 1 strata merge -q t
	strata resolve -q '*' --vocab union
	strata merge -q --continue
	strata switch -q side
	rc 1 strata merge -q o
	strata resolve -q '*' --ours
	strata merge -q --continue
	version 'I t0 t1 t2 t3' config=t1 && strata commit -q -a -m five
	strata switch -q main
	sed 's/"pad_token_id": 3/"pad_token_id": 2/' config.json >../c && cp ../c config.json
	strata commit -q -a -m six
	rc 1 strata merge -q side
	match '^  (configuration|vocabulary) +config.json' strata status
	strata resolve -q '*' --vocab union
	rc 7 strata resolve 'config.json*' --base
	strata resolve -q 'config.json*' --theirs
	strata merge -q --continue
	means config=t1
	strata merge -q --replay HEAD
}

# How many rows there are goes with the vocabulary, also where only theirs says something new.
sizes() { # how, what config.json says then
	forked "version '$old'; model m.safetensors emb:F32:6,4:1; echo '{\"vocab_size\": 6}' >config.json" \
		"version '$old A'; model m.safetensors emb:F32:6,4:2; echo '{\"vocab_size\": 6}' >config.json" \
		"version '$old B C D'; model m.safetensors emb:F32:7,4:3; echo '{\"vocab_size\": 7}' >config.json"
	rc 1 strata merge -q side
	match '^  vocabulary +config.json::vocab_size( |$)' strata status
	ends $1
	out "{\"vocab_size\": $2}" cat config.json
	match " \[$2, 4\] " strata ls --tensors
}

# Also where no version has another tokenizer than the one that was staged replaced.
staged_alone() {
	forked "version '$old' config=t0; echo base >notes" "echo ours >notes" "echo theirs >notes; version '$old' config=t3"
	rc 1 strata merge -q side
	version "I $old"
	strata restore -q config.json m.safetensors
	strata add tokenizer.json
	strata resolve -q notes --ours
	strata merge -q --continue
	means config=t3
	strata merge -q --replay HEAD
}

# Ours says something else of a token, theirs has a new one, which an id of its is of.
flags() { # how, what is meant
	forked "said false" "said true" "said false B; echo '{\"eos_token_id\": 5}' >generation_config.json"
	rc 1 strata merge -q side
	match '^  vocabulary +tokenizer.json::added_tokens( |$)' strata status
	match '^  vocabulary +generation_config.json( |$)' strata status
	ends "$@"
	case $1 in
	--ours) rc 1 test -e generation_config.json ;;
	*) match '"eos_token_id": 5' cat generation_config.json ;;
	esac
}

said() { # special, more tokens
	t_special=$1
	shift
	echo '{"vocab_size": 8}' >config.json
	{
		printf '{"model": {"vocab": {"t0": 0, "t1": 1, "t2": 2, "t3": 3}}, "added_tokens": ['
		printf '{"id": 4, "content": "X", "special": %s}' "$t_special"
		[ $# -eq 0 ] || printf ', {"id": 5, "content": "%s", "special": true}' "$1"
		echo ']}'
	} >tokenizer.json
}

# ---- tables of tokens as wholes ----

# added_tokens.json, which the base has not, beside a vocab.json.
added() { # how, what is there then
	forked 'echo "{\"t0\": 0}" >vocab.json; model m.safetensors emb:F32:4,4:1' \
		'echo "{\"A\": 1}" >added_tokens.json; model m.safetensors emb:F32:4,4:2' \
		'echo "{\"B\": 1}" >added_tokens.json; model m.safetensors emb:F32:4,4:3'
	rc 1 strata merge -q side
	match '^  vocabulary +added_tokens.json' strata status
	ends "$@"
	case $1 in
	--base) rc 1 test -e added_tokens.json ;;
	--ours) out '{"A": 1}' cat added_tokens.json ;;
	--theirs) out '{"B": 1}' cat added_tokens.json ;;
	esac
}

it 'ids of ours, by the numbers of theirs' follows "seed=3; version '$old' config=t2 pad=t2 post=t2,t1 end=t2,t1" \
	"version '$moved' config=t0 pad=t0 post=t0,t1 end=t0"
it 'ids of theirs, by the numbers of ours' follows "version '$moved' config=t0 pad=t0 post=t0,t1 end=t0" \
	"version '$old' config=t2 pad=t2 post=t2,t1 end=t2,t1" --ours
it 'rows that go along with their tokens' comes_along
it 'a text that nobody changed' unchanged
it 'ids that both changed' both_mean
it 'an id decided for ours' decided ours t1 A theirs t2 B
it 'an id decided for theirs' decided theirs t2 B base t0 t0
it 'an id of a token of one side' without
it 'an id of a token that the other side removed' removed
it 'a file that theirs has' came
it 'a file that ours removed' went
it 'a file that ours removed and theirs changed' removed_or_changed
it 'a tokenizer staged by hand' staged
it 'a tokenizer decided in parts' in_parts
it 'elements of lists, of ours' elements --ours t1,A
it 'elements of lists, of theirs' elements --theirs B,t2
it 'elements of lists, joined' elements '--vocab union' B,A
it 'a token that is called sep' named sep
it 'a token that is called ids' named ids
it 'a tokenizer with a byte order mark' marked
it 'a tokenizer that theirs took away' taken_away
it 'what theirs brings with its token, for ours' brought --ours '' '{"n":1}'
it 'what theirs brings with its token, for theirs' brought --theirs B,t3 \
	'{"n":1,"sub":{"x_token_id":4,"y":7}}'
it 'what theirs brings with its token, joined' brought '--vocab union' B,t3 \
	'{"n":1,"sub":{"x_token_id":5,"y":7}}'
it 'sizes, for ours' sizes --ours 6
it 'sizes, for theirs' sizes --theirs 7
it 'sizes, joined' sizes '--vocab union' 8
it 'a tokenizer staged by hand, without a conflict' staged_alone
it 'another flag here and a token there, for ours' flags --ours
it 'another flag here and a token there, joined' flags --vocab union
it 'an id of nothing' of_nothing
it 'a tokenizer below another one' below
it 'ids of three versions' of_three
it 'rows that theirs brings' brought_rows
it 'ids after merges crosswise' crosswise
it 'added tokens as ours has them' added --ours
it 'added tokens as theirs has them' added --theirs
it 'added tokens as the base has them' added --base
it 'added tokens from a version' added --from side
finish

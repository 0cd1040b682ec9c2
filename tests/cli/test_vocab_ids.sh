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

ends() { # how all is decided
	strata resolve -q '*' "$@"
	strata merge -q --continue
	strata merge -q --replay HEAD
	out '' strata status -s
}

old='t0 t1 t2 t3'
moved='t1 t0 t3 t2' # the same tokens, by other numbers

# ---- one side gives the tokens other numbers, and the other one means another token ----

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
	match '^  vocabulary +tokenizer.json::model.vocab$' strata status
	ends --vocab union
	means config=t1
}

# The same number on both sides, of two tokens, and of one in two numbers.
both_mean() {
	forked "version '$old' config=t0 pad=t0" "version '$old A' config=A pad=t1" \
		"seed=2; version 't1 t0 t2 t3 B' config=B pad=t1"
	rc 1 strata merge -q side
	match '^  configuration +config.json::pad_token_id$' strata status
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
	match '^  configuration +tokenizer.json::padding.pad_id$' strata status
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
	match '^  configuration +config.json::pad_token_id$' strata status
	strata resolve -q config.json::pad_token_id --theirs
	strata status >../before
	err "'config.json' would name a token of theirs, \"B\", that the tokenizer in '.' would not have" \
		strata resolve 'tokenizer.json*' --ours
	out "$(cat ../before)" strata status
	strata resolve -q 'tokenizer.json*' emb --theirs
	strata merge -q --continue
	means config=B
	out '' strata diff HEAD^2 HEAD
}

# An id of a token that the only side that changed the tokenizer removed.
removed() {
	forked "version '$old' config=t0" "version '$old' config=t3" "seed=2; version 't1 t0 t2' config=t0"
	rc 1 strata merge -q side
	match '^  configuration +config.json::pad_token_id$' strata status
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

# What a tokenizer that was staged later means by the numbers is not looked at.
staged() {
	forked "version '$old' config=t0" "version '$old A' config=t0" \
		"seed=2; version 't1 t0 t2 t3 B' config=t2"
	rc 1 strata merge -q side
	strata resolve -q '*' --theirs
	means config=t2
	version 't0 t1 t2 t3 A B' config=t2
	strata checkout -q HEAD m.safetensors config.json 2>/dev/null || strata restore -q m.safetensors config.json
	strata add tokenizer.json
	strata merge -q --continue
	strata merge -q --replay HEAD
	out '' strata status -s
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

it 'ids of ours, by the numbers of theirs' follows "version '$old' config=t2 pad=t2 post=t2,t1 end=t2,t1" \
	"version '$moved' config=t0 pad=t0 post=t0,t1 end=t0"
it 'ids of theirs, by the numbers of ours' follows "version '$moved' config=t0 pad=t0 post=t0,t1 end=t0" \
	"version '$old' config=t2 pad=t2 post=t2,t1 end=t2,t1" --ours
it 'a text that nobody changed' unchanged
it 'ids that both changed' both_mean
it 'an id decided for ours' decided ours t1 A theirs t2 B
it 'an id decided for theirs' decided theirs t2 B base t0 t0
it 'an id of a token of one side' without
it 'an id of a token that the other side removed' removed
it 'a file that theirs has' came
it 'a file that ours removed' went
it 'a tokenizer staged by hand' staged
it 'added tokens as ours has them' added --ours
it 'added tokens as theirs has them' added --theirs
it 'added tokens as the base has them' added --base
it 'added tokens from a version' added --from side
finish

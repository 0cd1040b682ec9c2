#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Vocabularies in merges: rows that one side appended, and two vocabularies that grew.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# main, and side, have an embedding of these rows and seeds; the base has 10 rows of seed 1. Rows
# of one seed begin alike, however many there are.
grown() {
	forked 'model m.safetensors emb:F32:10,4:1 w:F32:4,4:1' \
		"model m.safetensors emb:F32:$1 w:F32:4,4:1" "model m.safetensors emb:F32:$2 w:F32:4,4:2"
}

rows() { # file rows: of the embedding, 16 bytes a row
	strata cat "${3:-HEAD}:m.safetensors::emb" >"$1.all"
	head -c $(($2 * 16)) "$1.all" >"$1.old"
	tail -c +$(($2 * 16 + 1)) "$1.all" >"$1.new"
}

one_side() { # ours theirs, old rows of, new rows of
	grown "$1" "$2"
	strata merge -q side
	rows ../got 10
	rows ../main 10 HEAD^1
	rows ../side 10 HEAD^2
	cmp ../got.old ../"$3".old
	cmp ../got.new ../"$4".new
	[ "$(wc -c <../got.new)" -eq 32 ]
	out '' strata status -s
	strata merge -q --replay HEAD
	strata fsck --full
}

both_changed() {
	grown 12,4:3 10,4:2
	rc 1 strata merge side
	match '^  values +m.safetensors::emb  base f32 \[10, 4\], ours f32 \[12, 4\], theirs f32 \[10, 4\]  D .* of 40 changed$' strata status
	strata resolve -q emb --theirs
	strata merge -q --continue
	rows ../got 10
	rows ../main 10 HEAD^1
	rows ../side 10 HEAD^2
	cmp ../got.old ../side.old
	cmp ../got.new ../main.new
	strata undo -q
	# base and ours: what follows the old rows is what was added
	for how in --base --ours '--method task-arithmetic:scale=0'; do
		rc 1 strata merge -q side
		strata resolve -q emb $how
		strata merge -q --continue
		rows ../got 10
		cmp ../got.new ../main.new
		if [ "$how" = --ours ]; then
			cmp ../got.old ../main.old
		else
			rows ../base 10 HEAD~2
			cmp ../got.old ../base.old
		fi
		strata merge -q --replay HEAD
		strata undo -q
	done
	strata merge -q side --method linear:weight=0/1
	rows ../got 10
	cmp ../got.old ../side.old
	cmp ../got.new ../main.new
	match '^values +m.safetensors::emb .*  linear:' strata show
	strata merge -q --replay HEAD
	strata fsck --full
}

both_grew() { # rows that both sides appended are not joined by a rule, being of other tokens
	grown 12,4:2 12,4:3
	rc 1 strata merge -q side --method linear
	match '^  vocabulary +m.safetensors::emb ' strata status
	strata resolve -q emb --method linear:weight=0/1
	strata merge -q --continue
	rows ../got 12
	rows ../side 12 HEAD^2
	cmp ../got.all ../side.all
	strata merge -q --replay HEAD
	strata undo -q
	grown_more
}

grown_more() {
	grown 12,4:2 13,4:3
	rc 1 strata merge -q side --method linear
	# of the rows that all have
	match '^  vocabulary +m.safetensors::emb  base f32 \[10, 4\], ours f32 \[12, 4\], theirs f32 \[13, 4\]  D [0-9.]+, cosine -?0\.[0-9]+, 40 of 40 changed$' strata status
	match '"name":"emb","type":"vocabulary".*"figures":\{"numel":40,"changed":40,"mad":0\.0[0-9]+,' strata status --json
	rc 7 strata resolve emb --method linear
	strata resolve -q emb --theirs
	strata merge -q --continue
	out '' strata diff HEAD side -- m.safetensors
}

# main and side add tokens to a tokenizer of t0..t9. Arguments: rows and tokens of each.
tokenizer() { # pad_token_id (or -) rows token...
	python3 - "$@" <<-'END'
	import json, sys
	pad, rows, new = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
	entry = lambda t: {"content": t, "special": True}
	json.dump({"added_tokens": [dict(id=10 + i, **entry(t)) for i, t in enumerate(new)],
	           "model": {"type": "BPE", "vocab": {"t%d" % i: i for i in range(10)}}},
	          open("tokenizer.json", "w"), indent=1)
	json.dump({"added_tokens_decoder": {str(10 + i): entry(t) for i, t in enumerate(new)}},
	          open("tokenizer_config.json", "w"))
	config = {"vocab_size": rows}
	if pad != "-":
	    config["pad_token_id"] = int(pad)
	json.dump(config, open("config.json", "w"), indent=1)
	END
}

both() { # rows and tokens: ours, then theirs
	forked 'tokenizer - 10; model m.safetensors emb:F32:10,4:1 head:F32:10,4:1 w:F32:4,4:1' \
		"tokenizer - $1
		model m.safetensors emb:F32:${1%% *},4:1 head:F32:${1%% *},4:2 w:F32:4,4:1" \
		"tokenizer $2; model m.safetensors emb:F32:$3,4:3 head:F32:$3,4:3 w:F32:4,4:2"
}

same() { # tensor row, revision row
	same_row HEAD "m.safetensors::$1" "$2" "$3" "m.safetensors::$1" "$4"
}

union() {
	both '11 A' '10 12 B C' 12
	rc 1 strata merge side --method linear
	match '^  vocabulary +tokenizer.json::added_tokens( |$)' strata status
	match '^  vocabulary +config.json::vocab_size( |$)' strata status
	match '^  \(strata resolve GLOB --vocab union joins vocabularies by token\)$' strata status
	rc 2 strata resolve emb --vocab other
	rc 2 strata resolve emb --vocab union --base
	rc 2 strata resolve w --vocab union
	strata resolve -q emb --vocab union
	match 'all conflicts are decided' strata status
	strata resolve -q head --vocab union --method linear:weight=0/1
	strata merge -q --continue
	match 'f32 +\[13, 4\].* emb$' strata ls --tensors
	for i in 0 1 2 3 4 5 6 7 8 9; do
		same emb $i HEAD^2 $i # ours has them as the base has
		same head $i HEAD^2 $i
	done
	same emb 10 HEAD^1 10
	same emb 11 HEAD^2 10
	same emb 12 HEAD^2 11
	same head 10 HEAD^1 10
	same head 12 HEAD^2 11
	out '{"vocab_size": 13, "pad_token_id": 11}
["A", 10, "B", 11, "C", 12]
["10", "11", "12"]' python3 -c 'if 1:
	import json
	load = lambda f: json.load(open(f))
	print(json.dumps(load("config.json")))
	print(json.dumps([x for t in load("tokenizer.json")["added_tokens"] for x in (t["content"], t["id"])]))
	print(json.dumps(list(load("tokenizer_config.json")["added_tokens_decoder"])))'
	match '^vocabulary +m.safetensors::head .*  union linear:' strata show
	match '^vocabulary +tokenizer.json::added_tokens .*  union$' strata show
	strata merge -q --replay HEAD
	strata fsck --full
}

# The same number of rows and one token in common; padded rows.
common() {
	both '16 A B' '- 16 B C' 16
	rc 1 strata merge -q side
	strata resolve -q '*' --vocab union --theirs
	strata merge -q --continue
	same emb 10 HEAD^1 10
	same emb 11 HEAD^2 10 # B
	same emb 12 HEAD^2 11
	same emb 13 HEAD^2 13 # of no token, on both sides
	out 16 python3 -c 'import json; print(json.load(open("config.json"))["vocab_size"])'
	match 'f32 +\[16, 4\].* emb$' strata ls --tensors
	strata merge -q --replay HEAD
	strata undo -q
	rc 1 strata merge -q side
	strata resolve -q '*' --ours
	strata merge -q --continue
	out '' strata diff HEAD^1 HEAD -- tokenizer.json config.json tokenizer_config.json
	strata merge -q --replay HEAD
}

union_refused() {
	grown 12,4:2 13,4:3 # no tokenizer
	rc 1 strata merge -q side
	rc 7 strata resolve emb --vocab union
	err "no tokenizer.json, vocab.json or vocab.txt beside 'm.safetensors'" \
		strata resolve emb --vocab union
	strata merge -q --abort
	both '11 A' '- 11 B C D' 11 # fewer rows than tokens
	rc 1 strata merge -q side
	err 'has 11 and 11 rows, the vocabularies 11 and 13 tokens' strata resolve emb --vocab union
	match '^  vocabulary +m.safetensors::emb' strata status
}

# Whatever was decided before: a vocabulary is one thing.
decided_anew() {
	both '11 A' '10 12 B C' 12
	rc 1 strata merge -q side
	strata resolve -q '*' --ours
	strata resolve -q emb --vocab union
	fails sh -c 'strata status --json | grep \"how\":\"ours\"'
	strata merge -q --continue
	match 'f32 +\[13, 4\].* emb$' strata ls --tensors
	match 'f32 +\[13, 4\].* head$' strata ls --tensors
	out '["A", "B", "C"]' python3 -c 'if 1:
	import json
	print(json.dumps([x["content"] for x in json.load(open("tokenizer.json"))["added_tokens"]]))'
	strata merge -q --replay HEAD
	strata undo -q
	# and back, all of it
	rc 1 strata merge -q side
	strata resolve -q '*' --vocab union
	rc 7 strata resolve emb --method linear
	grep -q "a vocabulary is decided as a whole: --ours, " "$t_tmp/err"
	strata resolve -q emb --vocab union --method linear # the union stays
	match '"name":"head".*"how":"union"' strata status --json
	strata resolve -q emb --theirs
	strata merge -q --continue
	out '' strata diff HEAD^2 HEAD -- tokenizer.json config.json tokenizer_config.json
	out '' strata diff HEAD^2 HEAD -- m.safetensors
	strata merge -q --replay HEAD
}

# Rows that were added, but none of tokens.
positions() {
	forked 'tokenizer - 10; model m.safetensors emb:F32:10,4:1 pos:F32:5,4:1' \
		'tokenizer - 11 A; model m.safetensors emb:F32:11,4:1 pos:F32:6,4:1' \
		'tokenizer - 12 B C; model m.safetensors emb:F32:12,4:3 pos:F32:7,4:3'
	rc 1 strata merge -q side
	strata resolve -q pos --theirs
	strata resolve -q emb --vocab union
	strata merge -q --continue
	match 'f32 +\[13, 4\].* emb$' strata ls --tensors
	match 'f32 +\[7, 4\].* pos$' strata ls --tensors
	strata merge -q --replay HEAD
}

# main and side have 16 rows, padding included: base t0..t9.
padded() { # tokens of ours, and of theirs; whether they have a config.json
	t_drop=
	[ "$3" ] || t_drop='rm config.json'
	forked "tokenizer - 16; $t_drop
		model m.safetensors emb:F32:16,4:1 head:F32:16,4:1 w:F32:16,4:1 v:F32:20,4:1" \
		"tokenizer - 16 $1; $t_drop
		model m.safetensors emb:F32:16,4:2 head:F32:16,4:2 w:F32:16,4:1 v:F32:20,4:2" \
		"tokenizer - 16 $2; $t_drop
		model m.safetensors emb:F32:16,4:3 head:F32:16,4:1 w:F32:16,4:1 v:F32:20,4:3"
}

# Tokens that both sides added where the rows were there: no method makes one row of two tokens.
padding() {
	padded 'A B' 'C A' config
	for how in '--method linear' '--rule *=theirs'; do
		rc 1 strata merge -q side $how
		[ "$how" != '--method linear' ] || {
			match '^  vocabulary +m.safetensors::emb +D ' strata status
			match '^  vocabulary +m.safetensors::head +D ' strata status
		}
		match '^  vocabulary +tokenizer.json::added_tokens( |$)' strata status
		strata resolve -q 'tokenizer*' --vocab union
		match 'all conflicts are decided' strata status
		strata merge -q --continue
		for t in emb head; do
			same $t 10 HEAD^1 10
			same $t 11 HEAD^1 11
			same $t 12 HEAD^2 10 # C
			same $t 13 HEAD^1 13
		done
		match '^vocabulary +m.safetensors::head .*  union$' strata show
		strata merge -q --replay HEAD
		strata undo -q
	done
	strata fsck --full
}

# Where one side added tokens their rows are its own; the others are a matter of methods.
padding_of_one() { # ours theirs, the side with tokens and the other one
	padded "$1" "$2" config
	strata merge -q side --method "linear:weight=0/1"
	match '^values +m.safetensors::emb .*  linear:' strata show
	for i in 0 9; do
		same emb $i HEAD^2 $i
		same v $i HEAD^2 $i
	done
	for i in 10 11 15; do
		same emb $i "$3" $i
	done
	same v 15 HEAD^2 15
	strata merge -q --replay HEAD
	strata undo -q
	rc 1 strata merge -q side
	match '^  values +m.safetensors::emb ' strata status
	for how in --ours --theirs --base; do
		strata resolve -q emb v $how
		strata merge -q --continue
		for i in 10 15; do
			same emb $i "$3" $i
		done
		case $how in
		--ours) same emb 9 HEAD^1 9 ;;
		--theirs) same emb 9 HEAD^2 9 ;;
		*) same emb 9 HEAD~2 9 ;;
		esac
		strata merge -q --replay HEAD
		strata undo -q
		rc 1 strata merge -q side
	done
	strata fsck --full
}

# A configuration that does not say how many rows there are: what may be of tokens is a conflict.
padding_in_doubt() {
	padded 'A B' '' ''
	rc 1 strata merge -q side --method linear
	match '^  vocabulary +m.safetensors::emb ' strata status
	match '^  vocabulary +m.safetensors::v ' strata status
	strata merge -q --abort
	padded 'A B' 'C A' ''
	rc 1 strata merge -q side --method linear
	match '^  vocabulary +m.safetensors::v ' strata status
	strata resolve -q 'tokenizer*' --vocab union
	match '^  vocabulary +m.safetensors::v ' strata status # it has more rows than the others
	match '1 of [0-9] conflicts left' strata status
	strata resolve -q v --theirs
	strata merge -q --continue
	same emb 12 HEAD^2 10
	same v 12 HEAD^2 12
	strata merge -q --replay HEAD
}

# More tokens than the padding has room for: the configuration follows, which nobody changed.
padding_overflows() {
	padded 'A B C D' 'E F G' config
	rc 1 strata merge -q side
	strata resolve -q emb --vocab union
	match '^ "vocab_size": 17$' cat config.json
	strata resolve -q emb --theirs
	match '"vocab_size": 16' cat config.json
	strata resolve -q emb --vocab union
	strata resolve -q v --ours # it has no rows of tokens
	strata merge -q --continue
	same emb 13 HEAD^1 13 # D
	same emb 16 HEAD^2 12 # G
	match '"vocab_size": 17' strata cat HEAD:config.json
	strata merge -q --replay HEAD
	strata fsck --full
}

# Ours did not train its tokens' rows, theirs did.
padding_untrained() {
	forked 'tokenizer - 16; model m.safetensors emb:F32:16,4:1' 'tokenizer - 16 A' \
		'tokenizer - 16 B; model m.safetensors emb:F32:16,4:3'
	rc 1 strata merge -q side
	match '^  vocabulary +m.safetensors::emb ' strata status
	strata resolve -q emb --vocab union
	strata merge -q --continue
	same emb 10 HEAD^1 10 # A
	same emb 11 HEAD^2 10 # B
	strata merge -q --replay HEAD
}

# What was staged by hand stays, whatever becomes of the vocabulary.
staged() {
	both '16 A B' '- 16 B C' 16
	rc 1 strata merge -q side
	fails sh -c 'strata status | grep " config.json::"'
	python3 -c 'if 1:
	import json
	c = json.load(open("config.json"))
	c["mine"] = 1
	json.dump(c, open("config.json", "w"))'
	cp config.json ../config
	strata add config.json
	for t_how in '--vocab union' '--vocab union --theirs' --theirs --ours '--vocab union'; do
		strata resolve -q '*' $t_how 2>../said
		cmp config.json ../config
	done
	out 'strata: warning: config.json was staged by hand and stays so: see that it fits the vocabulary' \
		cat ../said
	strata merge -q --continue
	cmp config.json ../config
	same emb 12 HEAD^2 11
	out '' strata status -s
	match '^staged +config.json .*  by hand$' strata show
	strata merge -q --replay HEAD
	strata undo -q
	# a model with conflicts
	rc 1 strata merge -q side
	model m.safetensors emb:F32:16,4:7 head:F32:16,4:7 w:F32:4,4:7
	cp m.safetensors ../hand
	strata add m.safetensors
	rc 7 strata resolve emb --vocab union
	strata resolve -q 'tok*' --vocab union 2>../said
	grep -q 'warning: m.safetensors was staged by hand' ../said
	cmp m.safetensors ../hand
	strata merge -q --continue
	cmp m.safetensors ../hand
	strata merge -q --replay HEAD
}

lines() { # a token a line, in a folder above the model's
	forked 'mkdir model; tokens 10 >vocab.txt; model model/m.safetensors emb:F32:10,4:1' \
		'echo A >>vocab.txt; model model/m.safetensors emb:F32:11,4:1' \
		'printf "B\nA\n" >>vocab.txt; model model/m.safetensors emb:F32:12,4:2'
	rc 1 strata merge -q side
	match '^  vocabulary +vocab.txt( |$)' strata status
	strata resolve -q 'model/*' --vocab union
	out 'A
B' tail -n 2 vocab.txt
	match 'f32 +\[12, 4\]' strata ls --tensors model/m.safetensors
	strata merge -q --continue
	strata merge -q --replay HEAD
}

tokens() { # number, then more tokens: t0, t1, ..., a line each
	seq 0 $(($1 - 1)) | sed s/^/t/
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@"
}

# The two files of BERT's tokenizer in Python; rows there were before.
lines_and_added() {
	forked 'tokens 10 >vocab.txt; echo "{}" >added_tokens.json; model m.safetensors emb:F32:16,4:1' \
		'echo "{\"A\": 10}" >added_tokens.json; model m.safetensors emb:F32:16,4:2' \
		'echo "{\"B\": 10}" >added_tokens.json; model m.safetensors emb:F32:16,4:3'
	rc 1 strata merge -q side --method linear
	match '^  vocabulary +m.safetensors::emb ' strata status
	ends --vocab union
	out '{"A": 10,"B": 11}' cat added_tokens.json
	same emb 10 HEAD^1 10
	same emb 11 HEAD^2 10
}

# A token that comes twice has its last line, and the next one comes behind all lines.
lines_twice() { # what ours has behind A: lines that are rows, too; and how many it has then
	forked 'tokens 10 >vocab.txt; model m.safetensors emb:F32:10,4:1' \
		"tokens 10 A $1 >vocab.txt; model m.safetensors emb:F32:$2,4:1" \
		'tokens 10 B >vocab.txt; model m.safetensors emb:F32:11,4:3'
	rc 1 strata merge -q side
	ends --vocab union
	out 'B' sed -n "$(($2 + 1))p" vocab.txt
	same emb 11 HEAD^1 11
	same emb "$2" HEAD^2 10
}

# Files of one version of which each says something else.
files_disagree() {
	forked 'tokens 10 >vocab.txt; model m.safetensors emb:F32:16,4:1' \
		'tokens 10 A >vocab.txt; model m.safetensors emb:F32:16,4:2' \
		'tokens 10 B >vocab.txt; echo "{\"C\": 10}" >added_tokens.json
		model m.safetensors emb:F32:16,4:3'
	rc 1 strata merge -q side --method linear
	rc 7 strata resolve '*' --vocab union
	err 'the tokenizer of theirs: vocab.txt and added_tokens.json do not agree: token "B" has the id 10 in the one, and "C" has 10 in the other' \
		strata resolve '*' --vocab union
	strata resolve -q '*' --theirs
	strata merge -q --continue
}

# Lines that go together are no tokens that do: B has theirs's row, wherever theirs's line was.
lines_apart() {
	forked 'tokens 10 >vocab.txt; model m.safetensors emb:F32:10,4:1' \
		'tokens 10 A >vocab.txt; model m.safetensors emb:F32:11,4:1' \
		'{ tokens 3; echo B; tokens 10 | tail -n 7; } >vocab.txt; model m.safetensors emb:F32:11,4:3'
	rc 1 strata merge -q side
	match '^  vocabulary +vocab.txt( |$)' strata status
	ends --vocab union
	out "$(tokens 10 A B)" cat vocab.txt
	same emb 10 HEAD^1 10
	same emb 11 HEAD^2 3
	same emb 3 HEAD^2 4
}

table() { # file, then {"token": id} or, of a tokenizer.json, its vocab and its added tokens
	case $1 in
	tokenizer.json) echo "{\"model\": {\"vocab\": $2}, \"added_tokens\": [$3]}" >$1 ;;
	*) echo "$2" >$1 ;;
	esac
}

base='{"t0": 0, "t1": 1, "t2": 2, "t3": 3}'
base_a='{"t0": 0, "t1": 1, "t2": 2, "t3": 3, "A": 4}'
base_b='{"t0": 0, "t1": 1, "t2": 2, "t3": 3, "B": 4}'

# Each side adds its token to a list of its own.
lists_apart() { # base, ours, theirs; the conflicts; the file with theirs's list, and that
	forked "$1; model m.safetensors emb:F32:8,4:1" "$2" "$3"
	rc 1 strata merge -q side
	for t_item in $4; do
		match "^  vocabulary +$t_item( |$)" strata status
	done
	# none of them without the others
	strata resolve -q "${4%% *}" --ours
	rc 7 strata resolve "${4##* }" --theirs
	grep -q 'id 4' "$t_tmp/err"
	ends --vocab union
	out "$6" cat "$5"
}

lists_of_one_file() {
	lists_apart "table tokenizer.json '$base'" "table tokenizer.json '$base_a'" \
		"table tokenizer.json '$base' '{\"id\": 4, \"content\": \"B\"}'" \
		'tokenizer.json::model.vocab tokenizer.json::added_tokens' tokenizer.json \
		"{\"model\": {\"vocab\": $base_a}, \"added_tokens\": [{\"id\": 5, \"content\": \"B\"}]}"
}

lists_of_two_files() {
	lists_apart "table vocab.json '$base'; table added_tokens.json {}" \
		"table vocab.json '$base_a'" "table added_tokens.json '{\"B\": 4}'" \
		'vocab.json added_tokens.json' added_tokens.json '{"B": 5}'
}

lists_that_came() {
	lists_apart "table vocab.json '$base'" \
		"table vocab.json '$base_a'" "table added_tokens.json '{\"B\": 4}'" \
		'vocab.json added_tokens.json' added_tokens.json '{"B": 5}'
	strata undo -q
	rc 1 strata merge -q side
	fails test -e added_tokens.json
	strata resolve -q '*' --ours
	strata merge -q --continue
	out '' strata diff HEAD^1 HEAD
	strata merge -q --replay HEAD
}

# Theirs went over to another kind of file, which ours has not.
kinds_apart() {
	forked 'tokens 4 >vocab.txt; model m.safetensors emb:F32:8,4:1' \
		'tokens 4 A >vocab.txt; model m.safetensors emb:F32:8,4:2' \
		"table tokenizer.json '$base_b'; model m.safetensors emb:F32:8,4:3"
	rc 1 strata merge -q side
	refuses 'tokenizer.json and vocab.txt do not agree: token "B" has the id 4' \
		strata resolve '*' --vocab union
	strata resolve -q '*' --theirs
	strata merge -q --continue
	out '' strata diff HEAD^2 HEAD -- m.safetensors tokenizer.json vocab.txt
}

# Only theirs changed the tokenizer, which is no conflict: the rows are not without it.
other_numbers() { # ours theirs, who renumbered and who did not
	forked "table tokenizer.json '$base'; model m.safetensors emb:F32:4,4:1" "$1" "$2"
	rc 1 strata merge -q side
	match '^  vocabulary +m.safetensors::emb ' strata status
	match '1 of 1 conflict left' strata status
	for t_how in "--$4" --base '--method linear'; do
		rc 7 strata resolve emb $t_how
	done
	err "tensor \"emb\" of 'm.safetensors' would have the rows of $4, where token \"t1\" is 1, but tokenizer.json has \"B\" as 1: decide both alike, or with --vocab union, or stage the tokenizer's files with 'strata add' first" \
		strata resolve emb "--$4"
	match '1 of 1 conflict left' strata status
	strata resolve -q emb "--$3"
	strata merge -q --continue
	strata undo -q
	rc 7 strata merge -q side --rule "*=$4"
	grep -q 'would have the rows of' "$t_tmp/err"
	out '' strata status -s
	rc 1 strata merge -q side
	ends --vocab union
	[ "$(grep -c '"B": 1' tokenizer.json)" -eq 1 ] || grep -q '"B": 4' tokenizer.json
	strata undo -q
	# a tokenizer of one's own is one's own
	rc 1 strata merge -q side
	table tokenizer.json "$base"
	strata add tokenizer.json
	strata resolve -q emb "--$4"
	strata merge -q --continue
	out "{\"model\": {\"vocab\": $base}, \"added_tokens\": []}" cat tokenizer.json
}

other_numbers_of() { # ours or theirs renumbers
	trained='model m.safetensors emb:F32:4,4:2'
	new='table tokenizer.json "{\"t0\": 0, \"B\": 1, \"t1\": 2, \"t2\": 3, \"t3\": 4}"
		model m.safetensors emb:F32:5,4:3'
	case $1 in
	theirs) other_numbers "$trained" "$new" theirs ours ;;
	*) other_numbers "$new" "$trained" ours theirs ;;
	esac
}

# A token that ours removed has a row in the union, and is in the tokenizer.
removed() {
	forked "table tokenizer.json '$base'; model m.safetensors emb:F32:4,4:1" \
		"table tokenizer.json '{\"t0\": 0, \"t2\": 1, \"t3\": 2}'; model m.safetensors emb:F32:3,4:1" \
		'model m.safetensors emb:F32:4,4:2'
	rc 1 strata merge -q side
	ends --vocab union
	out '{"model": {"vocab": {"t0": 0, "t2": 1, "t3": 2,"t1": 3}}, "added_tokens": []}' cat tokenizer.json
	same emb 3 HEAD^2 1
	strata undo -q
	rc 1 strata merge -q side
	strata resolve -q emb --ours
	strata merge -q --continue
	out '' strata diff HEAD^1 HEAD
}

both_grow() { # what base, ours and theirs have besides a tokenizer with tokens of their own
	forked "table tokenizer.json '$base'; $1" "table tokenizer.json '$base_a'; $2" \
		"table tokenizer.json '$base_b'; $3"
}

# An output layer that only one side has; ours and theirs, and what is left without it.
untied() { # ours's tensors, theirs's tensors, the side with the layer, the other one
	both_grow 'model m.safetensors emb:F32:4,4:1' "model m.safetensors $1" \
		"model m.safetensors $2"
	rc 1 strata merge -q side
	match '^  vocabulary +m.safetensors::head( |$)' strata status
	err 'tensor "head" of .m.safetensors. is on one side only' strata resolve '*' --vocab union
	strata resolve -q head "--$3"
	rc 7 strata resolve emb --vocab union
	grep -q 'tensor "head" .* would have the rows of' "$t_tmp/err"
	strata resolve -q head "--$4"
	strata resolve -q emb --vocab union
	match 'all conflicts are decided' strata status
	strata merge -q --continue
	same emb 4 HEAD^1 4
	same emb 5 HEAD^2 4
	fails sh -c 'strata ls --tensors | grep head'
	strata merge -q --replay HEAD
	strata undo -q
	rc 1 strata merge -q side
	strata resolve -q '*' "--$3"
	strata merge -q --continue
	strata ls --tensors | grep head
}

# The same of a model that only theirs has.
model_that_came() {
	both_grow 'model m.safetensors emb:F32:4,4:1' 'model m.safetensors emb:F32:5,4:1' \
		'model m.safetensors emb:F32:5,4:3; model new.safetensors emb:F32:5,4:7 w:F32:2,2:7'
	rc 1 strata merge -q side
	match '^  vocabulary +new.safetensors::emb( |$)' strata status
	rc 7 strata resolve '*' --vocab union
	strata resolve -q '*' --theirs
	strata merge -q --continue
	out '' strata diff HEAD^2 HEAD
	strata merge -q --replay HEAD
}

# A side that has a token and no row for it, in this model or in another one.
rowless() { # ours and theirs, whose token it is
	both_grow 'model m.safetensors emb:F32:4,4:1' "$1" "$2"
	rc 1 strata merge -q side
	match '^  vocabulary +m.safetensors::emb' strata status
	err "tensor \"emb\" has .* tokens: token \"$3\" of .* has no row" \
		strata resolve '*' --vocab union
	strata resolve -q '*' --ours
	strata merge -q --continue
	out '' strata diff HEAD^1 HEAD
}

# Rows that nobody changed are found by the token, too; each side has row 4 for its own one.
untouched() {
	both_grow 'echo "{\"vocab_size\": 8}" >config.json
		model m.safetensors emb:F32:8,4:1 head:F32:8,4:5 w:F32:9,4:5
		model n.safetensors emb:F32:8,4:6' \
		'model m.safetensors emb:F32:8,4:2 head:F32:8,4:5 w:F32:9,4:5' \
		'model m.safetensors emb:F32:8,4:3 head:F32:8,4:5 w:F32:9,4:5'
	rc 1 strata merge -q side
	match '^  vocabulary +n.safetensors::emb( |$)' strata status
	fails sh -c 'strata status | grep :w'
	ends --vocab union
	for i in 0 3 4 6 7; do
		same head $i HEAD^1 $i
	done
	same head 5 HEAD^2 4
	same emb 5 HEAD^2 4
	same_row HEAD n.safetensors::emb 5 HEAD^2 n.safetensors::emb 4
	same_row HEAD n.safetensors::emb 6 HEAD^1 n.safetensors::emb 6
}

# One side has another kind of file besides, of the same tokens; the other one's new token would not
# be in it.
kind_that_came() { # ours theirs
	forked 'tokens 4 >vocab.txt; model m.safetensors emb:F32:4,4:1' "$1" "$2"
	rc 1 strata merge -q side
	match '^  vocabulary +tokenizer.json( |$)' strata status
	match '^  vocabulary +vocab.txt( |$)' strata status
	match '^  vocabulary +m.safetensors::emb' strata status
	err 'token "B" of the (union|tokenizer) would be missing in tokenizer.json: ' \
		strata resolve '*' --vocab union
	for t_how in ours:HEAD^1 theirs:HEAD^2; do
		strata resolve -q '*' --${t_how%:*}
		strata merge -q --continue
		out '' strata diff ${t_how#*:} HEAD
		strata merge -q --replay HEAD
		strata undo -q
		rc 1 strata merge -q side
	done
	strata merge -q --abort
	out '' strata status -s
	# given the same kinds of files, they can be joined
	for t_branch in main side; do
		strata switch -q $t_branch
		if grep -q B vocab.txt; then table tokenizer.json "$base_b"; else table tokenizer.json "$base"; fi
		strata add .
		[ -z "$(strata status -s)" ] || strata commit -q -m four
	done
	strata switch -q main
	rc 1 strata merge -q side
	ends --vocab union
	grep -q B vocab.txt
	grep -q B tokenizer.json
}

# Rows of the old tokens, which theirs gave other numbers; neither side has rows for new ones.
old_rows() {
	both_grow 'model m.safetensors emb:F32:4,4:1' 'model m.safetensors emb:F32:4,4:1 head:F32:4,4:7' \
		'table tokenizer.json "{\"t0\": 0, \"t2\": 1, \"t3\": 2}"
		model m.safetensors emb:F32:3,4:3'
	rc 1 strata merge -q side
	match '^  vocabulary +m.safetensors::head( |$)' strata status
	strata resolve -q '*' --theirs
	strata merge -q --continue
	out '' strata diff side HEAD
}

# A merge is its two tokens, whichever way it is written: tokenizers changed that.
merges_twice() {
	merges() { # a tokenizer's merges, and its tokens
		echo "{\"model\": {\"vocab\": $2, \"merges\": $1}}" >tokenizer.json
	}
	forked "merges '[\"a b\", \"Ġ c\"]' '$base'; model m.safetensors emb:F32:4,4:1" \
		"merges '[\"a b\", \"Ġ c\", \"e f\"]' '$base_a'; model m.safetensors emb:F32:5,4:1" \
		"merges '[[\"a\", \"b\"], [\"\\u0120\", \"c\"], [\"g\", \"h\"]]' '$base_b'
		model m.safetensors emb:F32:5,4:3"
	rc 1 strata merge -q side
	match '^  vocabulary +tokenizer.json::model.merges( |$)' strata status
	ends --vocab union
	grep -F '"merges": ["a b", "Ġ c", "e f","g h"]' tokenizer.json
}

pad() { # what config.json says of it
	out "$1" python3 -c 'import json; print(json.load(open("config.json")).get("pad_token_id"))'
}

# An id is the token that it means: 4 is A here and B there.
ids_alike() {
	both_grow 'echo "{}" >config.json; model m.safetensors emb:F32:4,4:1' \
		'echo "{\"pad_token_id\": 4}" >config.json; model m.safetensors emb:F32:5,4:1' \
		'echo "{\"pad_token_id\": 4}" >config.json; model m.safetensors emb:F32:5,4:3'
	for t_how in ours:4 theirs:5 base:None; do
		rc 1 strata merge -q side
		match '^  configuration +config.json::pad_token_id( |$)' strata status
		strata resolve -q '*' --vocab union
		match '1 of [0-9] conflicts left' strata status
		strata resolve -q 'config*' "--${t_how%:*}"
		strata merge -q --continue
		pad "${t_how#*:}"
		strata merge -q --replay HEAD
		strata undo -q
	done
}

# One that only one side changed goes with its tokens, and without them where they do.
id_of_one() { # ours's config.json, theirs's, what --ours, --theirs and the union have
	both_grow 'echo "{ }" >config.json; model m.safetensors emb:F32:4,4:1' \
		"echo '$1' >config.json; model m.safetensors emb:F32:5,4:1" \
		"echo '$2' >config.json; model m.safetensors emb:F32:5,4:3"
	for t_how in "--ours $3" "--theirs $4" "--vocab union $5"; do
		rc 1 strata merge -q side
		match '^  vocabulary +config.json::pad_token_id( |$)' strata status
		strata resolve -q '*' ${t_how% *}
		strata merge -q --continue
		pad "${t_how##* }"
		strata merge -q --replay HEAD
		strata undo -q
	done
}

# What has nothing to do with them stays that side's file, byte for byte.
id_of_all() {
	both_grow 'echo "{\"pad_token_id\": 0, \"n\": 1}" >config.json; model m.safetensors emb:F32:4,4:1' \
		'model m.safetensors emb:F32:5,4:1' \
		'echo "{\"n\":2,\"pad_token_id\":1}" >config.json; model m.safetensors emb:F32:5,4:3'
	rc 1 strata merge -q side
	fails sh -c 'strata status | grep config.json::'
	out '{"n":2,"pad_token_id":1}' cat config.json
	ends --vocab union
	pad 1
}

it 'rows of one side, the old ones of the other' one_side 12,4:1 10,4:2 side main
it 'and the other way round' one_side 10,4:2 12,4:1 main side
it 'old rows that both changed' both_changed
it 'rows on both sides are no matter of methods' both_grew
# A side's tokenizer.json and a model with so many rows, of that seed for what else it has.
with_rows() { # tokens rows
	"${ST_PYTHON:-python3}" -c 'import json, sys
toks = sys.argv[1].split()
json.dump({"model": {"type": "WordLevel", "vocab": {t: i for i, t in enumerate(toks)}, "unk_token": toks[0]}},
          open("tokenizer.json", "w"), indent=1)' "$1"
	echo "{\"vocab_size\": $2}" >config.json
	model m.safetensors emb:F32:"$2",4:1 w:F32:8:"${3:-1}"
}

# Ours adds a token within the padding, and theirs takes that away: the token would have no row.
padding_trimmed() {
	forked "with_rows 'a b c' 6" "with_rows 'a b c d' 6" "with_rows 'a b c' 3"
	rc 1 strata merge side
	match '^  vocabulary +m.safetensors::emb ' strata status
	rc 7 strata resolve emb --theirs
	grep -q 'tokenizer.json has "d" as 3' "$t_tmp/err"
	strata resolve -q emb --ours
	strata merge -q --continue
	strata merge -q --replay HEAD
	# the tokens' own file, and not the model's, has what changed here
	forked "with_rows 'a b c' 6" "with_rows 'a b c d' 6" "with_rows 'a b c' 6 2"
	strata merge -q side
	strata cat side:m.safetensors | cmp - m.safetensors
}

# A version that added a token is taken back, whether other things changed since or not.
token_reverted() {
	repo
	with_rows 'a b c' 3 && strata add . && strata commit -q -m one
	with_rows 'a b c d' 4 && strata commit -q -a -m two
	strata revert -q HEAD
	out '' strata diff v1 HEAD
	strata undo -q
	with_rows 'a b c d' 4 2 && strata commit -q -a -m four
	strata revert -q v2
	with_rows 'a b c' 3 2
	out '' strata status -s
}

it 'both vocabularies' union
it 'tokens in common, and rows of none' common
it 'all of a vocabulary, whatever was decided before' decided_anew
it 'rows that are of no token' positions
it 'what no union is made of' union_refused
it 'tokens of both sides within the padding' padding
it 'tokens that the padding has no room for' padding_overflows
it 'tokens of ours within the padding' padding_of_one 'A B' '' HEAD^1
it 'tokens of theirs within the padding' padding_of_one '' 'A B' HEAD^2
it 'a token that is taken back' token_reverted
it 'rows that are taken away while another side gives them tokens' padding_trimmed
it 'rows that may be of tokens' padding_in_doubt
it 'rows that only one side trained' padding_untrained
it 'a token a line' lines
it 'what was staged by hand' staged
it 'a token a line, and others in another file' lines_and_added
it 'a token in two lines' lines_twice t3 12
it 'empty lines behind the last token' lines_twice "'' ''" 13
it 'files that do not agree' files_disagree
it 'lines that go together' lines_apart
it 'two lists of a file' lists_of_one_file
it 'two files' lists_of_two_files
it 'a file that only theirs has' lists_that_came
it 'files of two kinds' kinds_apart
it 'rows by the numbers of before, of ours' other_numbers_of theirs
it 'rows by the numbers of before, of theirs' other_numbers_of ours
it 'a token that ours removed' removed
it 'an output layer that theirs has' untied emb:F32:5,4:1 'emb:F32:5,4:3 head:F32:5,4:7' theirs ours
it 'an output layer that ours has' untied 'emb:F32:5,4:1 head:F32:5,4:7' emb:F32:5,4:3 ours theirs
it 'a model that theirs has' model_that_came
it 'a token of ours without a row' rowless : 'model m.safetensors emb:F32:5,4:3' A
it 'a token of theirs without a row' rowless 'model m.safetensors emb:F32:5,4:3' : B
it 'rows that nobody changed' untouched
it 'merges in two notations' merges_twice
it 'ids alike of two tokens' ids_alike
it 'an id that ours changed' id_of_one '{"pad_token_id": 4}' '{ }' 4 None 4
it 'an id that theirs changed' id_of_one '{ }' '{"pad_token_id": 4}' None 4 5
it 'an id of a token that both have' id_of_all
it 'a kind of file that only ours has' kind_that_came "table tokenizer.json '$base'" \
	'tokens 4 B >vocab.txt; model m.safetensors emb:F32:5,4:3'
it 'a kind of file that only theirs has' kind_that_came \
	'tokens 4 B >vocab.txt; model m.safetensors emb:F32:5,4:3' "table tokenizer.json '$base'"
it 'rows of old tokens that got other numbers' old_rows
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Vocabularies in merges, where the files of the model or of the tokenizer are not one for one.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# t0 to t3, and these: in the order of their ids.
tokenizer() { # tokens
	python3 - "$@" <<-'END'
	import json, sys
	ids = {t: i for i, t in enumerate(["t0", "t1", "t2", "t3"] + sys.argv[1:])}
	json.dump({"model": {"vocab": ids}}, open("tokenizer.json", "w"), indent=1)
	END
}

says() { # tokens: as the tokenizer has them
	mv tokenizer.json ../said
	tokenizer "$@"
	cmp ../said tokenizer.json
}

same() { # file row, revision file row; of the embedding
	same_row HEAD "$1::emb" "$2" "$3" "$4::emb" "$5"
}

# ---- files as wholes ----

# A model that is decided about as a whole goes with its side's tokenizer.
whole() { # what ours and theirs do with the model, and the conflict
	forked 'tokenizer; model m.safetensors emb:F32:8,4:1 w:F32:2,2:1' "tokenizer A; $1" \
		"tokenizer B; $2"
	rc 1 strata merge -q side
	match "^  $3" strata status
	strata resolve -q tokenizer.json --ours
	refuses "m.safetensors' would have the rows of theirs, where token \"B\" is 4, but tokenizer.json has \"A\" as 4" \
		strata resolve m.safetensors --theirs
	strata resolve -q tokenizer.json --vocab union
	rc 7 strata resolve m.safetensors --theirs
	strata resolve -q '*' --theirs
	strata merge -q --continue
	out '' strata diff HEAD^2 HEAD
	strata merge -q --replay HEAD
}

# Rows without a base, of which one side then adds some: they are told apart by their tokens.
crossed_then_added() { # rows before and after
	forked "tokenizer; model m.safetensors emb:F32:$1,4:1" "model m.safetensors emb:F32:$1,4:2" \
		"model m.safetensors emb:F32:$1,4:3"
	strata branch a
	strata switch -q side
	strata branch b
	strata merge -q a || strata resolve -q '*' --ours && strata merge -q --continue
	strata switch -q main
	strata merge -q b || strata resolve -q '*' --ours && strata merge -q --continue
	model m.safetensors "emb:F32:$1,4:4" && strata commit -q -a -m trained
	strata switch -q side
	tokenizer A && model m.safetensors "emb:F32:$2,4:5" && strata commit -q -a -m added
	strata switch -q main
	rc 1 strata merge -q side --method linear
	match '^  vocabulary +m.safetensors::emb' strata status
	strata resolve -q '*' --vocab union
	strata merge -q --continue
	says A
	same m.safetensors 0 HEAD^1 m.safetensors 0
	same m.safetensors 4 HEAD^2 m.safetensors 4
}

# Theirs renamed the model and trained it: ours has no such file, of which the rest would be left.
bereft() {
	forked 'tokenizer; model m.safetensors emb:F32:8,4:1 w:F32:2,2:1' 'tokenizer A' \
		'tokenizer B; mv m.safetensors n.safetensors; model n.safetensors emb:F32:8,4:2 w:F32:2,2:2'
	rc 1 strata merge -q side
	match '^  vocabulary +n.safetensors::emb' strata status
	refuses "'n.safetensors' would be left without tensor \"emb\", since it is no file of ours" \
		strata resolve '*' --ours
	refuses "it is no file of the base" strata resolve '*' --base
	strata resolve -q '*' --theirs
	strata merge -q --continue
	out '' strata diff HEAD^2 HEAD
	strata merge -q --replay HEAD
}

# ---- what is joined ----

# Besides there are conflicts of other tensors, which a union leaves: with fewer rows than tokens,
# and with more.
others() {
	forked 'tokenizer; model m.safetensors emb:F32:4,4:1 w:F32:2,4:1 v:F32:16,4:1' \
		'tokenizer A; model m.safetensors emb:F32:5,4:2 w:F32:2,4:2 v:F32:16,4:2' \
		'tokenizer B; model m.safetensors emb:F32:5,4:3 w:F32:2,4:3 v:F32:16,4:3'
	rc 1 strata merge -q side
	strata resolve -q m.safetensors::v --method linear
	strata resolve -q '*' --vocab union
	match '^  values +m.safetensors::w ' strata status
	match '1 of [0-9]+ conflicts left' strata status
	strata resolve -q w --theirs
	strata merge -q --continue
	says A B
	same m.safetensors 4 HEAD^1 m.safetensors 4
	same m.safetensors 5 HEAD^2 m.safetensors 4
	strata merge -q --replay HEAD
}

# Whatever is named, all is joined in the way that was said.
named() { # item, --theirs or --method; row 0 is then
	forked 'tokenizer; model m.safetensors emb:F32:4,4:1' \
		'tokenizer A; model m.safetensors emb:F32:5,4:2' \
		'tokenizer B; model m.safetensors emb:F32:5,4:3'
	rc 1 strata merge -q side
	strata resolve -q "$1" --vocab union --theirs
	strata merge -q --continue
	same m.safetensors 0 HEAD^2 m.safetensors 0
	same m.safetensors 4 HEAD^1 m.safetensors 4
}

table() { # {token: id}
	echo "{\"model\": {\"vocab\": $1}}" >tokenizer.json
}

# Row 5 is no token's on any side, between others; who changed it is found as for those.
gap() { # the side that trains it
	forked 'table "{\"t0\": 0, \"z\": 6}"; model m.safetensors emb:F32:9,4:1' \
		'table "{\"t0\": 0, \"z\": 6, \"A\": 7}"; train 7=70' \
		'table "{\"t0\": 0, \"z\": 6, \"B\": 7}"; train 7=71'
	strata switch -q "$1"
	trained 5=50
	strata switch -q main
	rc 1 strata merge -q side
	ends --vocab union
	same m.safetensors 5 "$1" m.safetensors 5
	same m.safetensors 7 HEAD^1 m.safetensors 7
	same m.safetensors 8 HEAD^2 m.safetensors 7
}

# What is no id stays, and those beside it are renumbered.
no_id() {
	forked 'tokenizer; model m.safetensors emb:F32:4,4:1; echo "{\"vocab_size\": 4}" >config.json' \
		'tokenizer A; model m.safetensors emb:F32:5,4:2; echo "{\"vocab_size\": 5}" >config.json' \
		'tokenizer B; model m.safetensors emb:F32:5,4:3
		echo "{\"vocab_size\": 5, \"eos_token_id\": [4, -1]}" >config.json'
	rc 1 strata merge -q side
	ends --vocab union
	says A B
	grep -q '"vocab_size": 6,' config.json
	grep -q '"eos_token_id": \[5, -1\]' config.json
}

# ---- tokens besides a sentencepiece model ----

added() { # the tokens besides 0 to 3, and what is trained of an embedding with padding
	model m.safetensors emb:F32:8,4:1
	echo "$1" >added_tokens.json
	echo '{"vocab_size": 8}' >config.json
	[ -z "$2" ] || train $2
}

added_alone() {
	forked 'echo pieces >tokenizer.model; added "{\"P\": 4}"' \
		'added "{\"P\": 4, \"A\": 5}" 5=50' \
		'added "{\"P\": 4, \"B\": 5}" "5=55 1=11"'
	rc 1 strata merge -q side --method linear
	match '^  vocabulary +m.safetensors::emb ' strata status
	strata resolve -q '*' --vocab union
	strata merge -q --continue
	out '{"P": 4, "A": 5,"B": 6}' cat added_tokens.json
	same m.safetensors 1 HEAD^2 m.safetensors 1
	same m.safetensors 5 HEAD^1 m.safetensors 5
	same m.safetensors 6 HEAD^2 m.safetensors 5
	strata merge -q --replay HEAD
}

# The first token besides, of one side: whether its row was there before nobody can tell, so that no
# method joins the tensor where both changed it.
added_first() { # ours theirs, the side with the token
	forked 'echo pieces >tokenizer.model; model m.safetensors emb:F32:8,4:1
		echo "{\"vocab_size\": 8}" >config.json' "$1" "$2"
	rc 1 strata merge -q side --method linear
	match '1 of 1 conflict' strata status
	match '^  vocabulary +m.safetensors::emb ' strata status
	strata resolve -q '*' --vocab union
	strata merge -q --continue
	out '{"A": 6}' cat added_tokens.json
	same m.safetensors 6 "$3" m.safetensors 6
	same m.safetensors 1 HEAD^1 m.safetensors 1
	strata merge -q --replay HEAD
	strata undo -q
	rc 1 strata merge -q side --method linear
	strata resolve -q '*' --theirs
	strata merge -q --continue
	out '{"A": 6}' cat added_tokens.json
	same m.safetensors 6 HEAD^2 m.safetensors 6
}

# What only one side changed is that side's.
added_untrained() {
	forked 'echo pieces >tokenizer.model; model m.safetensors emb:F32:8,4:1' \
		'echo notes >notes' 'added "{\"A\": 6}" 6=60'
	strata merge -q side
	same m.safetensors 6 HEAD^2 m.safetensors 6
	out '{"A": 6}' cat added_tokens.json
}

# The pieces are what nobody here reads.
pieces_differ() {
	forked 'echo pieces >tokenizer.model; added "{\"P\": 4}"' \
		'added "{\"P\": 4, \"A\": 5}" 5=50' \
		'echo others >tokenizer.model; added "{\"P\": 4, \"B\": 5}" 5=55'
	rc 1 strata merge -q side
	err "tokenizer.model .*differ" strata resolve '*' --vocab union
	strata resolve -q '*' --theirs
	strata merge -q --continue
	out '' strata diff HEAD^2 HEAD
}

# All tokens in a file that is not read here, and in one that is there.
pieces_apart() {
	forked 'echo pieces >tokenizer.model; added "{\"P\": 4}"' \
		'added "{\"P\": 4, \"A\": 5}" 5=50' \
		'tokenizer P B; train "5=55"'
	rc 1 strata merge -q side
	err "tokenizer.model has tokens that are not read, .* one has all of them in another file" \
		strata resolve '*' --vocab union
	strata resolve -q '*' --ours
	strata merge -q --continue
	out '' strata diff HEAD^1 HEAD
}

# Ours has an output layer, theirs has a token: nothing has a row for it there.
rowless() {
	forked 'tokenizer; echo "{\"vocab_size\": 4}" >config.json; model m.safetensors emb:F32:4,4:1' \
		'model m.safetensors emb:F32:4,4:1 head:F32:4,4:7' \
		'tokenizer B; echo "{\"vocab_size\": 5}" >config.json; model m.safetensors emb:F32:5,4:1'
	rc 1 strata merge -q side
	match '^  vocabulary +m.safetensors::head' strata status
	err 'tensor "head" .* which are 4, but tokenizer.json has "B" as 4: decide for a version that has a row .*, or for one without it, or stage' \
		strata resolve head --ours
	strata resolve -q head --theirs
	strata merge -q --continue
	strata merge -q --replay HEAD
}

# Theirs has the output layer in the other file: it goes with the vocabulary all the same.
head_moves() {
	forked 'heads 4 5 5; tokenizer' 'heads 5 6 6; tokenizer A' \
		'model $first emb:F32:5,4:7 head:F32:5,4:7; model $second w:F32:4,4:1
		sizes 5 $first; tokenizer B'
	rc 1 strata merge -q side
	strata resolve -q '*head' --ours
	strata resolve -q '*emb' --vocab union
	strata merge -q --continue
	match ' \[6, 4\] .*head$' strata ls --tensors
	strata merge -q --replay HEAD
}

heads() { # rows, seeds of the embedding and the output layer
	model $first emb:F32:$1,4:$2
	model $second head:F32:$1,4:$3 w:F32:4,4:1
	sizes $1 "$second"
}

sizes() { # rows, the file with the output layer
	echo "{\"vocab_size\": $1}" >config.json
	cat >model.safetensors.index.json <<-END
	{"metadata":{"total_size":$((32 * $1 + 64))},"weight_map":{"emb":"$first","head":"$2","w":"$second"}}
	END
}

# Theirs has the first tokenizer: ours's rows and the base's are of its tokens.
first_tokenizer() {
	forked 'model m.safetensors emb:F32:5,4:1; echo "{\"vocab_size\": 5}" >config.json' "$1" "$2"
	rc 1 strata merge -q side
	ends --vocab union
	same m.safetensors 1 HEAD^1 m.safetensors 1
	same m.safetensors 2 HEAD^2 m.safetensors 2
	same m.safetensors 3 HEAD^1 m.safetensors 3
}

# ---- shards ----

first=model-00001-of-00002.safetensors
second=model-00002-of-00002.safetensors

shards() { # rows:seed of the embedding
	model $first "emb:F32:${1%:*},4:${1#*:}"
	model $second w:F32:4,4:1
	echo "{\"vocab_size\": ${1%:*}}" >config.json
	cat >model.safetensors.index.json <<-END
	{"metadata":{"total_size":$((16 * ${1%:*} + 64))},"weight_map":{"emb":"$first","w":"$second"}}
	END
}

one_file() { # rows:seed
	strata rm -q $first $second model.safetensors.index.json
	model model.safetensors "emb:F32:${1%:*},4:${1#*:}" w:F32:4,4:1
}

# Only one side changed a shard, and the union has more rows.
shard_grows() { # ours's rows, theirs's
	forked 'tokenizer; shards 5:1' "tokenizer A; shards $1" "tokenizer B; shards $2"
	rc 1 strata merge -q side
	ends --vocab union
	says A B
	match 'f32 +\[6, 4\]' strata ls --tensors $first
	grep -q '"total_size":160' model.safetensors.index.json
	same $first 4 HEAD^1 $first 4
	same $first 5 HEAD^2 $first 4
}

# Only theirs changed the model's files, and has them otherwise.
shards_joined() {
	forked 'tokenizer; shards 8:1' 'tokenizer A' 'tokenizer B; one_file 8:2'
	rc 1 strata merge -q side
	match '^  vocabulary +model.safetensors::emb ' strata status
	ends --vocab union
	says A B
	same model.safetensors 4 HEAD^1 $first 4
	same model.safetensors 5 HEAD^2 model.safetensors 4
	same model.safetensors 0 HEAD^2 model.safetensors 0
	strata undo -q
	rc 1 strata merge -q side
	strata resolve -q '*' --theirs
	strata merge -q --continue
	out '' strata diff HEAD^2 HEAD
	strata undo -q
	rc 1 strata merge -q side
	strata resolve -q tokenizer.json --ours
	rc 7 strata resolve emb --theirs
}

# ---- several bases ----

put() { # rows:seed of the embedding, tokens
	model m.safetensors "emb:F32:${1%:*},4:${1#*:}"
	echo "{\"vocab_size\": ${1%:*}}" >config.json
	shift
	tokenizer "$@"
}

train() { # number=value...: rows of the embedding
	python3 - "$@" <<-'END'
	import struct, sys
	b = bytearray(open("m.safetensors", "rb").read())
	n = 8 + struct.unpack("<Q", b[:8])[0]
	for x in sys.argv[1:]:
	    i, v = x.split("=")
	    b[n + 16 * int(i):n + 16 * int(i) + 16] = struct.pack("<4f", *[float(v)] * 4)
	open("m.safetensors", "wb").write(b)
	END
}

trained() {
	train "$@"
	strata commit -q -a -m trained
}

# Each side merges what the other one had, joined, and goes on from there: A of main, B of side.
crossed() { # what side has besides B then
	forked 'put 4:1' 'put 5:1 A; train 4=100' "put $1; train 4=200"
	strata branch mine
	rc 1 strata merge -q side
	strata branch -f theirs side
	strata resolve -q '*' --vocab union
	strata merge -q --continue
	strata switch -q side
	rc 1 strata merge -q mine
	strata resolve -q '*' --vocab union
	strata merge -q --continue
	strata switch -q main
}

# A has another id in each base, so that these have no answer for the tokenizer.
tokens_crossed() {
	crossed '6:1 B A'
	put 7:4 A B C
	strata commit -q -a -m four
	strata switch -q side
	says B A
	put 7:5 B A D
	strata commit -q -a -m five
	strata switch -q main
	rc 1 strata merge side
	match '^  vocabulary +tokenizer.json( |$)' strata status
	ends --vocab union
	says A B C D
	out '{"vocab_size": 8}' cat config.json
	same m.safetensors 6 HEAD^1 m.safetensors 6
	same m.safetensors 7 HEAD^2 m.safetensors 6
	strata undo -q
	# of one side only together
	rc 1 strata merge -q side
	strata resolve -q tokenizer.json --theirs
	rc 7 strata resolve emb --ours
	strata resolve -q emb --theirs
	strata merge -q --continue
	out '' strata diff HEAD^2 HEAD
	strata merge -q --replay HEAD
}

# The embedding grew on both sides, so that it has no base as a whole; its rows have.
rows_crossed() { # what main and side train then: number=value, of a token of the base
	crossed '5:1 B'
	[ -z "$1" ] && echo more >other && strata add other && strata commit -q -m four
	[ -z "$1" ] || trained $1
	strata switch -q side
	[ -z "$2" ] || trained $2
	strata switch -q main
	rc 1 strata merge -q side
	ends --vocab union
	says A B
}

rows_of_one() {
	rows_crossed '1=10' '2=20 3=30'
	same m.safetensors 0 HEAD^1 m.safetensors 0
	same m.safetensors 1 HEAD^1 m.safetensors 1
	same m.safetensors 2 HEAD^2 m.safetensors 2
	same m.safetensors 3 HEAD^2 m.safetensors 3
	strata undo -q
	# that both did
	trained 2=11
	rc 1 strata merge -q side
	ends --vocab union
	same m.safetensors 2 HEAD^1 m.safetensors 2
	same m.safetensors 3 HEAD^2 m.safetensors 3
	strata undo -q
	rc 1 strata merge -q side
	strata resolve -q '*' --vocab union --theirs
	strata merge -q --continue
	same m.safetensors 1 HEAD^1 m.safetensors 1
	same m.safetensors 2 HEAD^2 m.safetensors 2
}

# B is 4 on side, before A, and 5 on main.
rows_that_came() {
	rows_crossed '' '4=40'
	same m.safetensors 4 HEAD^1 m.safetensors 4
	same m.safetensors 5 HEAD^2 m.safetensors 4
	strata undo -q
	trained 4=50
	rc 1 strata merge -q side
	ends --vocab union
	same m.safetensors 4 HEAD^1 m.safetensors 4
	same m.safetensors 5 HEAD^2 m.safetensors 4
}

it 'a model that ours removed' whole 'strata rm -q m.safetensors' 'model m.safetensors emb:F32:8,4:2 w:F32:2,2:1' 'delete/modify +m.safetensors  base 272 B, ours removed it, theirs 272 B$'
it 'a union beside other conflicts' others
it 'a union by the name of the embedding' named emb
it 'a union by the name of the tokenizer' named tokenizer.json
it 'a row of no token that theirs changed' gap side
it 'a row of no token that ours changed' gap main
it 'numbers that are no ids' no_id
it 'tokens besides a tokenizer.model' added_alone
it 'tokens besides others' pieces_differ
it 'the first token besides them, of ours' added_first 'added "{\"A\": 6}" "6=60 1=10"' 'train 2=20' HEAD^1
it 'the first token besides them, of theirs' added_first 'train 2=20 6=61' 'added "{\"A\": 6}" "6=60 2=21"' HEAD^2
it 'the first token besides what nobody trained' added_untrained
it 'a tokenizer of another kind besides them' pieces_apart
it 'an output layer without a row for a token' rowless
it 'an output layer that theirs has in another shard' head_moves
it 'a first tokenizer, of theirs' first_tokenizer 'train 1=11' 'tokenizer A; train 2=22'
it 'a first tokenizer, of ours' first_tokenizer 'tokenizer A; train 1=11' 'train 2=22'
it 'a shard that only ours changed' shard_grows 5:2 5:1
it 'a shard that only theirs changed' shard_grows 5:1 5:2
it 'tokens of one side after merges crosswise' crossed_then_added 4 5
it 'and within padding' crossed_then_added 8 8
it 'a model that ours has under another name' bereft
it 'a shard that nobody changed' shard_grows 5:1 5:1
it 'shards that theirs made one file' shards_joined
it 'a tokenizer after merges crosswise' tokens_crossed
it 'rows after merges crosswise' rows_of_one
it 'rows of new tokens after them' rows_that_came
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

tensor() { strata cat "$1::$2" | b3sum | cut -c 1-64; }

same_tensor() { # FILE FILE NAME
	[ "$(tensor "$1" "$3")" = "$(tensor "$2" "$3")" ]
}

part() { # NUMBER OF
	printf 'model-%05d-of-%05d.safetensors' "$1" "$2"
}

# index OF SIZE NAME=NUMBER...: as transformers writes it
index() {
	t_of=$1 t_size=$2 t_sep=
	shift 2
	{
		printf '{\n  "metadata": {\n    "total_size": %d\n  },\n  "weight_map": {' "$t_size"
		for t_e; do
			printf '%s\n    "%s": "%s"' "$t_sep" "${t_e%=*}" "$(part "${t_e#*=}" "$t_of")"
			t_sep=,
		done
		printf '\n  }\n}\n'
	} >model.safetensors.index.json
}

two() { # seeds of a b c d: a b | c d
	model "$(part 1 2)" a:F32:64:$1 b:F32:32:$2 --meta format=pt
	model "$(part 2 2)" c:F32:64:$3 d:F32:16:$4 --meta format=pt
	index 2 704 a=1 b=1 c=2 d=2
}

moved() { # a | b c d
	model "$(part 1 2)" a:F32:64:$1 --meta format=pt
	model "$(part 2 2)" b:F32:32:$2 c:F32:64:$3 d:F32:16:$4 --meta format=pt
	index 2 704 a=1 b=2 c=2 d=2
}

three() { # a | b c | d
	model "$(part 1 3)" a:F32:64:$1 --meta format=pt
	model "$(part 2 3)" b:F32:32:$2 c:F32:64:$3 --meta format=pt
	model "$(part 3 3)" d:F32:16:$4 --meta format=pt
	index 3 704 a=1 b=2 c=2 d=3
	rm -f "$(part 1 2)" "$(part 2 2)" model.safetensors
}

one() {
	model model.safetensors a:F32:64:$1 b:F32:32:$2 c:F32:64:$3 d:F32:16:$4 --meta format=pt
	rm -f model-*.safetensors model.safetensors.index.json
}

# begin BASE SEEDS - THEIRS SEEDS - OURS SEEDS; HEAD is on main
begin() {
	repo
	echo text >t
	"$1" "$2" "$3" "$4" "$5"
	strata add -A . && strata commit -q -m base
	strata branch side
	"${11}" "${12}" "${13}" "${14}" "${15}"
	strata add -A . && strata commit -q -m ours
	cp -r . ../ours
	strata switch -q side
	"$6" "$7" "$8" "$9" "${10}"
	strata add -A . && strata commit -q -m theirs
	cp -r . ../theirs
	strata switch -q main
}

# What a directory of those seeds would have.
want() { # LAYOUT SEEDS
	mkdir ../want && (cd ../want && "$@")
	for t_f in ../want/*; do
		cmp "$t_f" "$(basename "$t_f")"
	done
	ls model* >got
	(cd ../want && ls model*) | cmp - got
	rm got
}

other_side() {
	begin two 1 1 1 1 moved 1 1 1 2 two 2 2 1 1
	strata merge -q side
	want moved 2 2 1 2
	out '' strata status -s
	strata merge -q --replay HEAD
	strata fsck --full
}

this_side() {
	begin two 1 1 1 1 two 2 2 1 1 moved 1 1 1 2
	strata merge -q side
	want moved 2 2 1 2
	strata merge -q --replay HEAD
}

more_shards() {
	begin two 1 1 1 1 three 1 1 2 1 two 1 2 1 2
	strata merge -q side
	want three 1 2 2 2
	[ ! -e "$(part 1 2)" ]
	strata undo -q
	[ -e "$(part 1 2)" ]
	# that side has nothing but the cut
	strata switch -q side
	strata merge -q main
	cmp "$(part 2 3)" ../want/"$(part 2 3)"
}

of_one_file() {
	begin one 1 1 1 1 three 1 1 2 1 one 1 2 1 1
	strata merge -q side
	want three 1 2 2 1
	[ ! -e model.safetensors ]
}

to_one_file() {
	begin three 1 1 1 1 one 1 1 2 1 three 1 2 1 1
	strata merge -q side
	want one 1 2 2 1
	[ ! -e model.safetensors.index.json ]
	[ ! -e "$(part 1 3)" ]
}

only_cut() { # what only one side did is taken byte for byte
	repo
	two 1 1 1 1
	strata add . && strata commit -q -m base
	strata branch side
	echo more >t
	strata add . && strata commit -q -m more
	strata switch -q side
	three 1 1 1 1
	strata add -A . && strata commit -q -m cut
	strata switch -q main
	strata merge -q side
	want three 1 1 1 1
}

conflict() {
	begin two 1 1 1 1 moved 1 3 1 2 two 2 2 1 1
	rc 1 strata merge side
	match "^  values +$(part 2 2)::b +D " strata status
	match '"name":"b","type":"values".*"numel":32' strata status --json
	[ "$(strata status --json | grep -c '"kind":"conflict"')" = 1 ]
	same_tensor "$(part 2 2)" ../ours/"$(part 1 2)" b
	strata resolve -q b --theirs
	same_tensor "$(part 2 2)" ../theirs/"$(part 2 2)" b
	strata resolve -q b --from HEAD~1
	model base.safetensors b:F32:32:1
	same_tensor "$(part 2 2)" base.safetensors b
	rm base.safetensors
	strata resolve -q b --method linear
	strata merge -q --continue
	strata merge -q --replay HEAD
	same_tensor "$(part 1 2)" ../ours/"$(part 1 2)" a
	same_tensor "$(part 2 2)" ../theirs/"$(part 2 2)" d
	strata undo -q
	rc 1 strata merge side
	strata merge -q --abort
	for t_f in model*; do
		cmp "$t_f" ../ours/"$t_f"
	done
	strata merge -q side --rule b=theirs
	want moved 2 3 1 2
	strata fsck --full
}

by_hand() {
	begin two 1 1 1 1 moved 1 3 1 2 two 2 2 3 1
	rc 1 strata merge side
	model "$(part 2 2)" b:F32:32:9 c:F32:64:9 d:F32:16:9 --meta format=pt
	cp "$(part 2 2)" ../hand
	strata add "$(part 2 2)"
	strata merge -q --continue
	cmp ../hand "$(part 2 2)"
	same_tensor "$(part 1 2)" ../ours/"$(part 1 2)" a
	match '"b": "model-00002-of-00002' cat model.safetensors.index.json
	# only the index: the shards are made over even so
	strata undo -q
	rc 1 strata merge side
	strata resolve -q '*' --ours
	echo >>model.safetensors.index.json && strata add model.safetensors.index.json
	strata merge -q --continue
	match '^staged +model.safetensors.index.json .*  by hand$' strata show
	match '"same":true,.*"by_hand":1,' strata merge --replay HEAD --json
}

# e came on the side that did not move anything, d went there
added() {
	begin two 1 1 1 1 moved 1 1 1 1 two 1 1 2 1
	model "$(part 2 2)" c:F32:64:2 e:F32:8:7 --meta format=pt
	index 2 672 a=1 b=1 c=2 e=2
	strata commit -q -a -m 'e for d'
	strata merge -q side
	match '"total_size": 672' cat model.safetensors.index.json
	match '"e": "model-00002-of-00002.safetensors"' cat model.safetensors.index.json
	[ "$(grep -c '"d"' model.safetensors.index.json)" = 0 ]
	match '"b": "model-00002-of-00002.safetensors"' cat model.safetensors.index.json
	out 'a
b
c
e' sh -c 'strata ls --tensors model.safetensors.index.json --json | sed "s/.*\"name\":\"\([^\"]*\)\".*/\1/" | sort'
}

# both cut anew: ours counts
both_cut() {
	begin two 1 1 1 1 three 1 1 2 1 moved 1 2 1 1
	strata merge -q side
	want moved 1 2 2 1
}

removed() {
	begin two 1 1 1 1 moved 1 2 1 1 two 2 1 1 1
	model "$(part 1 2)" a:F32:64:2 --meta format=pt
	index 2 576 a=1 c=2 d=2
	strata commit -q -a -m 'without b'
	rc 1 strata merge side
	match "^  delete/modify +$(part 2 2)::b" strata status
	[ "$(grep -c '"b"' model.safetensors.index.json)" = 0 ]
	strata resolve -q b --theirs
	match '"b": "model-00002-of-00002.safetensors"' cat model.safetensors.index.json
	match '"total_size": 704' cat model.safetensors.index.json
	strata merge -q --continue
	want moved 2 2 1 1
}

# ---- the index of shards that are merged one by one ----

# Does the index name just the tensors that the working tree's shards have, and their size?
right() {
	python3 - <<-'END'
		import glob, json, struct
		there, n = {}, 0
		for f in glob.glob("model-*.safetensors"):
		    b = open(f, "rb").read()
		    head = 8 + struct.unpack("<Q", b[:8])[0]
		    n += len(b) - head
		    there.update((k, f) for k in json.loads(b[8:head]) if k != "__metadata__")
		said = json.load(open("model.safetensors.index.json"))
		assert said["weight_map"] == there, (said["weight_map"], there)
		assert said["metadata"]["total_size"] == n, (said["metadata"], n)
	END
}

# sides OURS THEIRS: functions that change the working tree, which is `two 1 1 1 1`
sides() {
	repo
	two 1 1 1 1
	strata add -A . && strata commit -q -m base
	strata branch side
	"$1"
	strata add -A . && strata commit -q -m ours
	cp -r . ../ours
	strata switch -q side
	"$2"
	strata add -A . && strata commit -q -m theirs
	cp -r . ../theirs
	strata switch -q main
}

# The end of a merge whose index is to fit.
done_right() {
	right
	strata merge -q --continue
	right
	out '' strata status -s
	strata merge -q --replay HEAD
	strata fsck --full
}

clean_right() {
	strata merge -q side
	right
	strata merge -q --replay HEAD
	strata fsck --full
}

without_d() {
	model "$(part 2 2)" c:F32:64:1 --meta format=pt
	index 2 640 a=1 b=1 c=2
}

other_d() { model "$(part 2 2)" c:F32:64:1 d:F32:16:9 --meta format=pt; }

shrunk_d() {
	model "$(part 2 2)" c:F32:64:1 d:F32:8:9 --meta format=pt
	index 2 672 a=1 b=1 c=2 d=2
}

with_x() {
	model "$(part 2 2)" c:F32:64:1 d:F32:16:1 x:F32:8:7 --meta format=pt
	index 2 736 a=1 b=1 c=2 d=2 x=2
}

with_y() {
	model "$(part 1 2)" a:F32:64:1 b:F32:32:1 "y.1:F32:$1:7" --meta format=pt
	index 2 $((704 + 4 * $1)) a=1 b=1 c=2 d=2 y.1=1
}

same_y() { with_y 8; }
more_y() { with_y 24; }

values_a() { model "$(part 1 2)" a:F32:64:5 b:F32:32:1 --meta format=pt; }

x_elsewhere() {
	model "$(part 1 2)" a:F32:64:1 b:F32:32:1 x:F32:8:7 --meta format=pt
	index 2 736 a=1 b=1 c=2 d=2 x=1
}

kept() {
	sides without_d other_d
	strata merge -q side --method theirs
	same_tensor "$(part 2 2)" ../theirs/"$(part 2 2)" d
	right
	strata merge -q --replay HEAD
	strata undo -q
	rc 1 strata merge side
	right
	for t_how in --theirs --ours --base --theirs; do
		strata resolve -q d $t_how
		right
	done
	done_right
	strata undo -q
	rc 1 strata merge side
	strata merge -q --abort
	for t_f in model*; do
		cmp "$t_f" ../ours/"$t_f"
	done
}

mirror() {
	sides other_d without_d
	rc 1 strata merge side
	right
	strata resolve -q d --theirs
	right
	strata resolve -q d --ours
	done_right
	cmp model.safetensors.index.json ../ours/model.safetensors.index.json
}

both_came() {
	sides with_x same_y
	clean_right
	# what only one side changed is its file; the index has ours's lines, and theirs's
	cmp "$(part 1 2)" ../theirs/"$(part 1 2)"
	cmp "$(part 2 2)" ../ours/"$(part 2 2)"
	match '^    "y.1": "model-00001-of-00002.safetensors"$' cat model.safetensors.index.json
	sides with_x more_y
	clean_right
}

one_came() {
	sides values_a with_x
	clean_right
	cmp model.safetensors.index.json ../theirs/model.safetensors.index.json
	sides with_x values_a
	clean_right
	cmp model.safetensors.index.json ../ours/model.safetensors.index.json
}

came_twice() { # in two shards: one tensor
	sides with_x x_elsewhere
	clean_right
	match '^    "x": "model-00002-of-00002.safetensors"$' cat model.safetensors.index.json
}

grew() {
	sides shrunk_d without_d
	rc 1 strata merge side
	right
	strata resolve -q d --base
	done_right
}

drop_shard() {
	rm "$(part 2 2)"
	index 2 384 a=1 b=1
}

shard_gone() {
	for t_how in ours theirs base; do
		sides drop_shard other_d
		rc 1 strata merge side
		match "^  delete/modify +$(part 2 2)( |$)" strata status
		right
		strata resolve -q '*' --$t_how
		done_right
		sides other_d drop_shard
		rc 1 strata merge side
		strata resolve -q '*' --$t_how
		done_right
	done
}

other_keys() {
	sides with_x same_y
	for t_b in main side; do
		strata switch -q $t_b
		sed "s/\"metadata\": {/&\n    \"made by\": \"$t_b\",/" model.safetensors.index.json >../i
		cp ../i model.safetensors.index.json
		strata commit -q -a -m "made by $t_b"
	done
	strata switch -q main
	rc 1 strata merge side
	match '^  configuration +model.safetensors.index.json::metadata.made by' strata status
	[ "$(strata status --json | grep -c '"kind":"conflict"')" = 1 ]
	right
	strata resolve -q '*made by' --theirs
	match '"made by": "side"' cat model.safetensors.index.json
	done_right
}

only_values() { # an index that is not right is no matter of a merge of values
	repo
	two 1 1 1 1
	echo '{"metadata": {"total_size": 7}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}' >model.safetensors.index.json
	cp model.safetensors.index.json ../index
	strata add -A . && strata commit -q -m base
	strata branch side
	values_a && strata commit -q -a -m ours
	cp -r . ../ours
	strata switch -q side
	other_d && strata commit -q -a -m theirs
	cp -r . ../theirs
	strata switch -q main
	strata merge -q side
	cmp model.safetensors.index.json ../index
	cmp "$(part 1 2)" ../ours/"$(part 1 2)"
	cmp "$(part 2 2)" ../theirs/"$(part 2 2)"
}

new_model() { # in both versions, and in no one before
	repo
	echo text >t
	strata add -A . && strata commit -q -m base
	strata branch side
	two 1 1 1 1 && with_x
	strata add -A . && strata commit -q -m ours
	strata switch -q side
	two 1 1 1 1 && same_y
	strata add -A . && strata commit -q -m theirs
	strata switch -q main
	clean_right
	match '"x"' cat model.safetensors.index.json
	match '"y.1"' cat model.safetensors.index.json
}

vocab() { # WORD=ID...: behind three others
	{
		printf '{"t0": 0, "t1": 1, "t2": 2'
		for t_w; do
			printf ', "%s": %d' "${t_w%=*}" "${t_w#*=}"
		done
		echo '}'
	} >vocab.json
}

# Two vocabularies grew: c has a row a token.
united() {
	repo
	two 1 1 1 1
	model "$(part 2 2)" c:F32:4,16:1 d:F32:16:1 --meta format=pt
	vocab t3=3
	strata add -A . && strata commit -q -m base
	strata branch side
	model "$(part 2 2)" c:F32:5,16:1 d:F32:16:1 --meta format=pt
	index 2 768 a=1 b=1 c=2 d=2
	vocab t3=3 mine=4 && strata commit -q -a -m ours
	strata switch -q side
	model "$(part 2 2)" c:F32:6,16:2 d:F32:16:1 --meta format=pt
	index 2 832 a=1 b=1 c=2 d=2
	vocab t3=3 x=4 y=5 && strata commit -q -a -m theirs
	strata switch -q main
	rc 1 strata merge side
	fails grep -q total_size "$t_tmp/out"
	right
	strata resolve -q c --vocab union
	done_right
	match '"shape":\[7,16\]' strata ls --tensors --json
}

three_lines() {
	sides with_x same_y
	strata switch -q -c third main~1
	other_d && strata commit -q -a -m third
	strata switch -q main
	rc 0 strata merge -q side third --method theirs
	right
	strata merge -q --replay HEAD
}

# A shard staged by hand has tensors that no side had, and lacks some: the index follows.
index_of_hands() {
	for t_end in 'strata merge -q --continue' 'strata commit -q -m mine'; do
		sides without_d other_d
		rc 1 strata merge side
		model "$(part 2 2)" c:F32:64:3 z:F32:5:3 --meta format=pt
		cp "$(part 2 2)" ../hand
		strata add "$(part 2 2)"
		$t_end
		cmp ../hand "$(part 2 2)"
		right
		match '"z": "model-00002-of-00002' cat model.safetensors.index.json
		out '' strata status -s
		strata merge -q --replay HEAD
		strata undo -q
		cmp model.safetensors.index.json ../ours/model.safetensors.index.json
		rc 1 strata merge side
		strata merge -q --abort
		cmp model.safetensors.index.json ../ours/model.safetensors.index.json
	done
	# and after a decision about something else
	sides with_x more_y
	for t_b in main side; do
		strata switch -q $t_b
		echo $t_b >t
		strata add t && strata commit -q -m $t_b
	done
	model "$(part 1 2)" a:F32:64:8 b:F32:32:1 y.1:F32:24:7 --meta format=pt
	strata commit -q -a -m a
	strata switch -q main
	values_a && strata commit -q -a -m a
	rc 1 strata merge side
	right
	model "$(part 1 2)" a:F32:64:3 b:F32:32:3 --meta format=pt
	strata add "$(part 1 2)"
	strata resolve -q t --ours
	strata merge -q --continue
	right
	strata merge -q --replay HEAD
}

# The same of a shard without a conflict, and other files beside it.
hands_besides() {
	sides without_d other_d
	rc 1 strata merge side
	model "$(part 1 2)" a:F32:64:3 z:F32:5:3 --meta format=pt
	echo extra >extra
	strata add "$(part 1 2)" extra
	strata resolve -q d --theirs
	strata merge -q --continue
	right
	match '"z": "model-00001-of-00002' cat model.safetensors.index.json
	strata merge -q --replay HEAD
}

# Who stages an index has it.
index_by_hand() {
	sides without_d other_d
	rc 1 strata merge side
	model "$(part 2 2)" c:F32:64:3 z:F32:5:3 --meta format=pt
	echo '{"weight_map": {"mine": "model-00002-of-00002.safetensors"}}' >model.safetensors.index.json
	cp model.safetensors.index.json ../index
	strata add -A .
	strata merge -q --continue
	cmp model.safetensors.index.json ../index
}

# A refusal to end the merge leaves the index as it is.
index_waits() {
	sides without_d other_d
	echo other >t && strata add t && strata commit -q -m t
	strata switch -q side
	echo another >t && strata add t && strata commit -q -m t
	strata switch -q main
	rc 1 strata merge side
	cp model.safetensors.index.json ../index
	model "$(part 2 2)" c:F32:64:3 z:F32:5:3 --meta format=pt
	strata add "$(part 2 2)"
	rc 1 strata merge --continue
	cmp model.safetensors.index.json ../index
}

cut_by_hand() { # the same where the model was cut anew
	begin two 1 1 1 1 moved 1 3 1 2 two 2 2 3 1
	rc 1 strata merge side
	model "$(part 2 2)" b:F32:32:9 z:F32:64:9 --meta format=pt
	strata add "$(part 2 2)"
	strata merge -q --continue
	right
	match '"z": "model-00002-of-00002' cat model.safetensors.index.json
	fails grep -q '"[cd]"' model.safetensors.index.json
	out '' strata status -s
	strata merge -q --replay HEAD
	strata fsck --full
}

# What was staged by hand stays when other conflicts of the model are decided, and the index fits.
others_by_hand() {
	begin two 1 1 1 1 three 3 1 3 1 two 2 1 2 1
	rc 1 strata merge -q side
	model "$(part 3 3)" d:F32:16:9 z:F32:5:9 --meta format=pt
	cp "$(part 3 3)" ../hand
	strata add "$(part 3 3)"
	for t_how in 'a --theirs' '* --ours' 'c --theirs' '* --theirs'; do
		set -f
		strata resolve -q $t_how
		set +f
		cmp ../hand "$(part 3 3)"
		right
		match '"z": "model-00003-of-00003' cat model.safetensors.index.json
	done
	same_tensor "$(part 1 3)" ../theirs/"$(part 1 3)" a
	same_tensor "$(part 2 3)" ../theirs/"$(part 2 3)" c
	strata merge -q --continue
	cmp ../hand "$(part 3 3)"
	out '' strata status -s
	match '^staged +model-00003-of-00003.safetensors .*  by hand$' strata show
	strata merge -q --replay HEAD
	# staged when all is decided
	strata undo -q
	rc 1 strata merge -q side
	strata resolve -q '*' --theirs
	cp ../hand "$(part 3 3)" && chmod +x "$(part 3 3)" && strata add "$(part 3 3)"
	strata merge -q --continue
	cmp ../hand "$(part 3 3)"
	[ -x "$(part 3 3)" ]
	right
	match '"z": "model-00003-of-00003' cat model.safetensors.index.json
	out '' strata status -s
	strata merge -q --replay HEAD
	# removed
	strata undo -q
	rc 1 strata merge -q side
	strata rm -q -f "$(part 3 3)"
	strata resolve -q a --ours
	[ ! -e "$(part 3 3)" ]
	right
	strata resolve -q c --ours
	strata merge -q --continue
	[ ! -e "$(part 3 3)" ]
	strata merge -q --replay HEAD
}

with_mine() { # another key, by hand
	sed 's/"total_size"/"mine": "hand", &/' model.safetensors.index.json >../index
	cp ../index model.safetensors.index.json
	strata add model.safetensors.index.json
}

# So does an index, which goes on fitting where it did.
index_and_others() {
	begin two 1 1 1 1 three 3 1 3 1 two 2 1 2 1
	rc 1 strata merge -q side
	with_mine
	strata resolve -q '*' --theirs
	cmp ../index model.safetensors.index.json
	strata merge -q --continue
	cmp ../index model.safetensors.index.json
	strata merge -q --replay HEAD
	rm -rf ../repo ../ours ../theirs && cd .. && sides shrunk_d other_d
	rc 1 strata merge -q side
	with_mine
	for t_how in theirs ours theirs; do
		strata resolve -q d --$t_how
		match '"mine": "hand", "total_size": '$([ $t_how = ours ] && echo 672 || echo 704)',?$' \
			cat model.safetensors.index.json
		right
	done
	strata merge -q --continue
	match '"mine": "hand"' cat model.safetensors.index.json
	right
	strata merge -q --replay HEAD
	# one that does not fit is as it was meant
	strata undo -q
	rc 1 strata merge -q side
	echo '{"weight_map": {"mine": "model-00002-of-00002.safetensors"}}' >model.safetensors.index.json
	cp model.safetensors.index.json ../index
	strata add model.safetensors.index.json
	strata resolve -q d --theirs
	cmp ../index model.safetensors.index.json
	strata merge -q --continue
	cmp ../index model.safetensors.index.json
}

# ---- shards of a format that is only written in the place of what is there ----

npz() { # FILE NAME=NUMBERS...: f32 vectors
	python3 - "$@" <<-'END'
		import struct, sys, zipfile
		with zipfile.ZipFile(sys.argv[1], "w") as z:
		    for name, text in (a.split("=") for a in sys.argv[2:]):
		        v = [float(x) for x in text.split(",")]
		        head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }" % len(v)
		        head += b" " * (-(len(head) + 11) % 64) + b"\n"
		        z.writestr(zipfile.ZipInfo(name + ".npy"), b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) +
		                   head + struct.pack("<%df" % len(v), *v))
	END
}

bin() { printf 'pytorch_model-%05d-of-%05d.bin' "$1" "$2"; }

# bins OF SIZE NAME=NUMBER...: their index
bins() {
	t_of=$1 t_size=$2 t_sep=
	shift 2
	{
		printf '{\n  "metadata": {\n    "total_size": %d\n  },\n  "weight_map": {' "$t_size"
		for t_e; do
			printf '%s\n    "%s": "%s"' "$t_sep" "${t_e%=*}" "$(bin "${t_e#*=}" "$t_of")"
			t_sep=,
		done
		printf '\n  }\n}\n'
	} >pytorch_model.bin.index.json
}

# npzs OURS THEIRS: from shards a b | c
npzs() {
	repo
	npz "$(bin 1 2)" a=1,1 b=1 && npz "$(bin 2 2)" c=1,1
	bins 2 20 a=1 b=1 c=2
	strata add -A . && strata commit -q -m base
	strata branch side
	"$1"
	strata add -A . && strata commit -q -m ours
	rm -rf ../ours && cp -r . ../ours
	strata switch -q side
	"$2"
	strata add -A . && strata commit -q -m theirs
	rm -rf ../theirs && cp -r . ../theirs
	strata switch -q main
}

cut_with_x() { # a | b | c x
	rm pytorch*
	npz "$(bin 1 3)" a=1,1 && npz "$(bin 2 3)" b=1 && npz "$(bin 3 3)" c=1,1 x=2
	bins 3 24 a=1 b=2 c=3 x=3
}

one_with_x() {
	rm pytorch*
	npz pytorch_model.bin a=1,1 b=1 c=1,1 x=2
}

npz_y() { # in the second shard
	npz "$(bin 2 2)" c=1,1 y=3
	bins 2 24 a=1 b=1 c=2 y=2
}

npz_x() {
	npz "$(bin 2 2)" c=1,1 x=2
	bins 2 24 a=1 b=1 c=2 x=2
}

npz_values() { npz "$(bin 1 2)" a=1,1 b=7; }

same_model() { # DIRECTORY: it has the model's files that are here, and no other
	(cd "$1" && ls pytorch*) >../files
	ls pytorch* | diff ../files -
	for t_f in pytorch*; do
		cmp "$t_f" "$1/$t_f"
	done
}

no_layout() {
	for t_s in 'cut_with_x npz_y' 'one_with_x npz_y' 'npz_y cut_with_x' 'npz_y one_with_x'; do
		npzs $t_s
		t_item=pytorch_model.bin.index.json
		[ "${t_s%% *}" != one_with_x ] || t_item=pytorch_model.bin
		rc 1 strata merge side
		grep -q 'strata does not lay out new npz files' "$t_tmp/err"
		match "^  layout +$t_item( |$)" strata status
		[ "$(strata status --json | grep -c '"kind":"conflict"')" = 1 ]
		same_model ../ours
		rc 2 strata resolve $t_item --method linear
		same_model ../ours
		strata resolve -q $t_item --theirs
		same_model ../theirs
		strata resolve -q $t_item --ours
		same_model ../ours
		strata resolve -q $t_item --base
		[ -e "$(bin 1 2)" ]
		match '"total_size": 20$' cat pytorch_model.bin.index.json
		strata resolve -q $t_item --from side
		same_model ../theirs
		strata merge -q --continue
		out '' strata status -s
		same_model ../theirs
		strata merge -q --replay HEAD
		strata fsck --full
		strata undo -q
		rc 1 strata merge side
		strata merge -q --abort
		same_model ../ours
		out '' strata status -s
	done
}

layout_by_hand() {
	npzs cut_with_x npz_y
	rc 1 strata merge -q side
	rm pytorch*
	npz "$(bin 1 4)" a=1,1 && npz "$(bin 2 4)" b=1 && npz "$(bin 3 4)" c=1,1 && npz "$(bin 4 4)" x=2 y=3
	bins 4 28 a=1 b=2 c=3 x=4 y=4
	cp -r . ../mine
	strata add -A .
	strata merge -q --continue
	same_model ../mine
	match '^layout +pytorch_model.bin.index.json .*  by hand$' strata show
	strata merge -q --replay HEAD
}

# All files are one version's: one that was staged by hand alone is in the way of that.
layout_and_hand() {
	npzs cut_with_x npz_y
	rc 1 strata merge -q side
	npz "$(bin 1 3)" a=9,9
	cp -r . ../mine
	strata add "$(bin 1 3)"
	rc 7 strata resolve pytorch_model.bin.index.json --theirs
	grep -q "'$(bin 1 3)' was staged by hand, and deciding 'pytorch_model.bin.index.json' makes" "$t_tmp/err"
	rc 7 strata resolve '*' --base
	same_model ../mine
	match '1 of 1 conflict left' strata status
	strata restore -q --staged --worktree "$(bin 1 3)"
	strata resolve -q pytorch_model.bin.index.json --theirs
	same_model ../theirs
	# with the index it was the decision, which may change
	strata resolve -q '*' --ours
	npz "$(bin 1 3)" a=9,9 && strata add "$(bin 1 3)"
	rc 7 strata resolve '*' --theirs
	printf ' ' >>pytorch_model.bin.index.json && strata add pytorch_model.bin.index.json
	rc 7 strata resolve '*' --theirs
	strata merge -q --continue
	strata merge -q --replay HEAD
	strata undo -q
	rc 1 strata merge -q side
	npz "$(bin 1 3)" a=9,9
	printf ' ' >>pytorch_model.bin.index.json && strata add pytorch_model.bin.index.json "$(bin 1 3)"
	match 'all conflicts are decided' strata status
	strata resolve -q pytorch_model.bin.index.json --theirs
	same_model ../theirs
	strata merge -q --abort
	same_model ../ours
}

# only values meet a new cut: it can be laid out
cut_and_values() {
	npzs cut_with_x npz_values
	strata merge -q side
	cmp "$(bin 3 3)" ../ours/"$(bin 3 3)"
	out 7 sh -c 'strata cat "$1::b" | od -An -t f4 | xargs' sh "$(bin 2 3)"
	cmp pytorch_model.bin.index.json ../ours/pytorch_model.bin.index.json
	strata merge -q --replay HEAD
}

# one shard cannot be laid out: it is one side's, and the index follows
one_layout() {
	npzs npz_x npz_y
	rc 1 strata merge side
	match "^  layout +$(bin 2 2)( |$)" strata status
	[ "$(strata status --json | grep -c '"kind":"conflict"')" = 1 ]
	same_model ../ours
	strata resolve -q '*' --base
	match '"total_size": 20$' cat pytorch_model.bin.index.json
	fails grep -q '"[xy]"' pytorch_model.bin.index.json
	for t_how in theirs ours theirs; do
		strata resolve -q '*' --$t_how
		same_model ../$t_how
	done
	strata merge -q --continue
	same_model ../theirs
	strata merge -q --replay HEAD
}

# Theirs calls all tensors otherwise, and one of them lies in the other file by its new name.
renamed() { # seeds of p.a p.b p.c p.d: a | b c d
	model "$(part 1 2)" p.a:F32:64:$1 --meta format=pt
	model "$(part 2 2)" p.b:F32:32:$2 p.c:F32:64:$3 p.d:F32:16:$4 --meta format=pt
	index 2 704 p.a=1 p.b=2 p.c=2 p.d=2
}

renamed_and_moved() {
	repo
	two 1 1 1 1
	strata add . && strata commit -q -m base
	strata branch side
	two 2 3 1 1
	strata commit -q -a -m ours
	strata switch -q side
	renamed 1 1 1 1
	strata commit -q -a -m theirs
	strata switch -q main
	strata merge -q side
	out "p.a
p.b
p.c
p.d" sh -c 'strata ls --tensors HEAD | sed "s/.* //" | sort'
	cp "$(part 1 2)" ../one.safetensors
	cp "$(part 2 2)" ../two.safetensors
	renamed 2 3 1 1
	cmp "$(part 1 2)" ../one.safetensors
	cmp "$(part 2 2)" ../two.safetensors
	strata merge -q --replay HEAD
}

it 'a tensor that the other side moved is merged' other_side
it 'and one that this side moved' this_side
it 'more shards than before' more_shards
it 'shards of one file' of_one_file
it 'one file of shards' to_one_file
it 'nothing but a new cut' only_cut
it 'a conflict in a shard, and its end' conflict
it 'a shard made by hand' by_hand
it 'tensors that came and went' added
it 'both cut anew' both_cut
it 'removed here, moved and changed there' removed
it 'the index has a tensor that stays' kept
it 'and the other way round' mirror
it 'tensors came on both sides' both_came
it 'and on one' one_came
it 'one tensor came in two shards' came_twice
it 'a tensor changed its size' grew
it 'a whole shard is gone' shard_gone
it 'other keys of the index are a configuration' other_keys
it 'only values: the index stays as it is' only_values
it 'a model that is new on both sides' new_model
it 'a union of vocabularies' united
it 'three lines' three_lines
it 'the index of a shard made by hand' index_of_hands
it 'and without a conflict' hands_besides
it 'and while others are decided' others_by_hand
it 'an index made by hand' index_by_hand
it 'and while others are decided' index_and_others
it 'no index as long as something is open' index_waits
it 'a shard made by hand in a new cut, and the index' cut_by_hand
it 'a new cut that cannot be laid out is one conflict' no_layout
it 'settled by hand' layout_by_hand
it 'staged by hand in part' layout_and_hand
it 'a new cut that can be laid out' cut_and_values
it 'a shard that cannot be laid out, and the index' one_layout
it 'a tensor that was renamed and moved' renamed_and_moved
finish

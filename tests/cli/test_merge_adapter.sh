#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# merge-file --method lora; tests/interop/test_peft.py compares the numbers with PEFT's.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

P=base_model.model

tensor() { strata cat "$1::$2" | b3sum | cut -c 1-64; }

same_tensor() { # FILE FILE NAME
	[ "$(tensor "$1" "$3")" = "$(tensor "$2" "$3")" ]
}

config() { # FOLDER MEMBERS
	mkdir -p "$1"
	printf '{"peft_type": "LORA", %s}\n' "$2" >"$1/adapter_config.json"
}

adapter() { # FOLDER MEMBERS TENSOR...
	config "$1" "$2"
	t_folder=$1
	shift 2
	model "$t_folder/adapter_model.safetensors" "$@"
}

lora() { # ADAPTER... -o OUT
	t_args=
	for t_a; do
		case $t_a in -*) break ;; esac
		t_args="$t_args --adapter $t_a"
		shift
	done
	strata merge-file -q m.safetensors --method lora:scale="${SCALE:-1}" $t_args "$@"
}

family() {
	model m.safetensors --meta of=m l.0.q.weight:F32:30,40:1 l.1.q.weight:F32:30,40:2 emb.weight:BF16:12,6:3 \
		n.weight:F32:40:4 head.weight:F16:5,6:5
	factors="$P.l.0.q.lora_A.weight:F32:4,40:11 $P.l.0.q.lora_B.weight:F32:30,4:12"
	adapter a '"r": 4, "lora_alpha": 8' $factors
}

adds() {
	family
	adapter all '"r": 4, "lora_alpha": 8, "rank_pattern": {"emb": 2}, "use_dora": false, "eva_config": {}' $factors \
		$P.emb.lora_embedding_A:F32:2,12:13 $P.emb.lora_embedding_B:F32:6,2:14 $P.head.weight:F32:5,6:15
	cat >want <<-'END'
		merged    lora:scale=1   l.0.q.weight
		kept                     l.1.q.weight
		merged    lora:scale=1   emb.weight
		kept                     n.weight
		taken     all            head.weight
		tensors: 2 merged, 1 taken from one side, 2 kept
		wrote out.safetensors, 10 KiB
	END
	rc 0 strata -v merge-file m.safetensors --method lora --adapter all -o out.safetensors
	cmp want "$t_tmp/out"
	rm out.safetensors
	lora all -o out.safetensors
	for n in l.1.q.weight n.weight; do
		same_tensor out.safetensors m.safetensors $n
	done
	for n in l.0.q.weight emb.weight head.weight; do
		fails same_tensor out.safetensors m.safetensors $n
	done
	out "$(strata inspect --tensors m.safetensors | tail -5)" sh -c 'strata inspect --tensors out.safetensors | tail -5'
	match '"of":"m"' strata inspect --json out.safetensors
	model head.safetensors head.weight:F32:5,6:15 # cast as a merge of one model casts
	model five.safetensors head.weight:F16:5,6:5
	strata merge-file -q five.safetensors head.safetensors --method theirs -o want.safetensors
	same_tensor out.safetensors want.safetensors head.weight
	lora all/adapter_model.safetensors -o file.safetensors
	cmp out.safetensors file.safetensors
	strata merge-file -q m.safetensors --method ours --rule 'l.*=lora' --adapter all -o part.safetensors
	same_tensor part.safetensors out.safetensors l.0.q.weight
	same_tensor part.safetensors m.safetensors head.weight
}

scales() {
	family
	lora a -o two.safetensors
	config a '"r": 4, "lora_alpha": 4'
	SCALE=2 lora a -o got.safetensors
	cmp two.safetensors got.safetensors
	SCALE=0 lora a -o got.safetensors
	cmp m.safetensors got.safetensors
	config a '"r": 4, "lora_alpha": 4, "use_rslora": true'
	lora a -o got.safetensors
	cmp two.safetensors got.safetensors
	for pattern in l.0.q q '^l.0.q'; do
		config a '"r": 4, "lora_alpha": 1, "alpha_pattern": {"l.1.q": 3, "'$pattern'": 8, "0.q": 5}'
		lora a -o got.safetensors
		cmp two.safetensors got.safetensors
	done
	config a '"r": 4, "lora_alpha": 8, "alpha_pattern": {"^q": 3, "x.q": 3, ".q": 3}'
	lora a -o got.safetensors
	cmp two.safetensors got.safetensors
	# two adapters: each with its own; of tensors that one of them leaves alone, too
	config a '"r": 4, "lora_alpha": 8'
	adapter b '"r": 3, "lora_alpha": 3' $P.l.1.q.lora_A.weight:F32:3,40:21 $P.l.1.q.lora_B.weight:F32:30,3:22
	lora b -o b.safetensors
	lora a b -o got.safetensors
	same_tensor got.safetensors two.safetensors l.0.q.weight
	same_tensor got.safetensors b.safetensors l.1.q.weight
	SCALE=1/0 lora a b -o got.safetensors
	cmp two.safetensors got.safetensors
	SCALE=0/1 lora a b -o got.safetensors
	cmp b.safetensors got.safetensors
	SCALE=1/2/3 err "scale of method 'lora' has 3 values for 2 models" lora a b -o got.safetensors
}

# of in x out
transposed() {
	family
	lora a -o want.safetensors
	model m.safetensors l.0.q.weight:F32:4,4:1
	for fan in false true; do
		adapter s$fan "\"r\": 4, \"lora_alpha\": 8, \"fan_in_fan_out\": $fan" $P.l.0.q.lora_A.weight:F32:4,4:1 \
			$P.l.0.q.lora_B.weight:F32:4,4:12
		lora s$fan -o $fan.safetensors
	done
	fails cmp -s false.safetensors true.safetensors
	adapter e '"r": 4, "lora_alpha": 8' $P.l.0.q.lora_embedding_A:F32:4,4:1 $P.l.0.q.lora_embedding_B:F32:4,4:12
	lora e -o e.safetensors
	cmp true.safetensors e.safetensors
	model m.safetensors l.0.q.weight:F32:4,4:1 l.1.q.weight:F32:5,4:1
	adapter mixed '"r": 4, "lora_alpha": 8, "fan_in_fan_out": true' $P.l.0.q.lora_A.weight:F32:4,4:1 \
		$P.l.0.q.lora_B.weight:F32:4,4:12 $P.l.1.q.lora_A.weight:F32:4,4 $P.l.1.q.lora_B.weight:F32:5,4
	err '"l.0.q.weight" is square, and whether it is transposed cannot be told' lora mixed -o no.safetensors
}

names() {
	family
	lora a -o want.safetensors
	adapter w '"r": 4, "lora_alpha": 8' $P.model.l.0.q.lora_A.weight:F32:4,40:11 $P.model.l.0.q.lora_B.weight:F32:30,4:12
	lora w -o got.safetensors
	cmp want.safetensors got.safetensors
	adapter w '"r": 4, "lora_alpha": 8' $P.0.q.lora_A.weight:F32:4,40:11 $P.0.q.lora_B.weight:F32:30,4:12
	lora w -o got.safetensors
	cmp want.safetensors got.safetensors
	adapter w '"r": 4, "lora_alpha": 8' $P.q.lora_A.weight:F32:4,40:11 $P.q.lora_B.weight:F32:30,4:12
	err '"q.weight" can be several tensors of the model' lora w -o no.safetensors
	adapter w '"r": 4, "lora_alpha": 8' $factors $P.l.7.q.lora_A.weight:F32:4,40 $P.l.7.q.lora_B.weight:F32:30,4
	err '"l.7.q.weight" is no tensor of the model' lora w -o no.safetensors
	adapter w '"r": 4, "lora_alpha": 8' $P.x.weight.lora_A.weight:F32:4,40 $P.x.weight.lora_B.weight:F32:30,4
	err '"x.weight.weight" is no tensor of the model' lora w -o no.safetensors
}

refused() { # PATTERN TENSOR...
	t_why=$1
	shift
	rm -rf bad
	adapter bad '"r": 4, "lora_alpha": 8' "$@"
	err "$t_why" lora bad -o no.safetensors
	[ ! -e no.safetensors ]
}

wrong_tensors() {
	family
	A=$P.l.0.q.lora_A.weight B=$P.l.0.q.lora_B.weight
	refused '"l.0.q.weight" has a factor A and no B' $A:F32:4,40
	refused '"l.0.q.weight" has a factor B and no A' $B:F32:30,4
	refused 'has another shape than its factors make' $A:F32:4,39 $B:F32:30,4
	refused 'has another shape than its factors make' $A:F32:4,40 $B:F32:30,5
	refused 'has another shape than its factors make' $A:F32:160 $B:F32:30,4
	refused 'has another shape than its factors make' $A:F32:4,40,1 $B:F32:30,4
	refused 'has another shape than its factors make' $P.n.lora_A.weight:F32:4,40 $P.n.lora_B.weight:F32:1,4
	refused 'has factors of rank 5, but adapter_config.json says 4$' $A:F32:5,40 $B:F32:30,5
	refused 'has factors of rank 0$' $A:F32:0,40 $B:F32:30,0
	refused 'has factors that are no floating-point numbers' $A:I8:4,40 $B:F32:30,4
	refused 'is there whole, and in another way too' $factors $P.l.0.q.weight:F32:30,40
	refused 'has factors of two kinds' $A:F32:4,40 $P.l.0.q.lora_embedding_B:F32:40,4
	refused 'lora_magnitude_vector" is nothing that strata can apply' $factors $P.l.0.q.lora_magnitude_vector:F32:30
	refused 'has another shape in the adapter' $factors $P.n.weight:F32:41
	refused 'has another type in the adapter' $factors $P.n.weight:I32:40
	refused 'not there as PEFT reads modules_to_save' $factors $P.n.modules_to_save.weight:F32:40
	refused 'is no tensor of the model' $factors $P.n.bias:F32:40
	refused 'is no tensor of the model' $factors $P.head.weight_format:F32:40
	model m.safetensors l.0.q.weight:F8_E4M3:30,40
	refused '"l.0.q.weight" is quantised in the model' $factors
	model m.safetensors l.0.q.weight:I8:30,40
	refused '"l.0.q.weight" is quantised in the model' $factors
}

# As PEFT: the first pattern that matches the module's name, else r.
ranks() {
	family
	lora a -o want.safetensors
	for patterns in '"q": 4, "l.0.q": 3' '"l.1.q": 3' '"0.q": 4' '"^l.0.q": 4, "l.0.q": 3' '"^0.q": 3' '".q": 3, "x": 2' \
		'"l\\\\.[02]\\\\.q": 4, "q": 3' '"[k-z]": 3'; do
		config a "\"r\": 4, \"lora_alpha\": 8, \"rank_pattern\": {$patterns}"
		lora a -o got.safetensors
		cmp want.safetensors got.safetensors
	done
	config a '"lora_alpha": 8, "rank_pattern": {"l.1.q": 3}'
	lora a -o got.safetensors
	cmp want.safetensors got.safetensors
	while IFS='|' read -r members why; do
		config a "\"lora_alpha\": 8, $members"
		rc 7 lora a -o no.safetensors
		grep -q "a/adapter_model.safetensors: \"l.0.q.weight\" has factors of rank 4, but adapter_config.json says $why\$" "$t_tmp/err"
		[ ! -e no.safetensors ]
	done <<-'END'
		"r": 4, "rank_pattern": {"l.0.q": 3}|3 in rank_pattern, "l.0.q"
		"r": 4, "rank_pattern": {"l.1.q": 4, "q": 2}|2 in rank_pattern, "q"
		"r": 2, "rank_pattern": {"l.1.q": 4}|2
		"r": 4, "rank_pattern": {"l.[1-3].q": 3, "^l.0.q": 8}|8 in rank_pattern, "^l.0.q"
		"r": 3, "rank_pattern": {"l.[1-3].q": 5}|3
		"rank_pattern": {"q": 3, "l.0.q": 4}|3 in rank_pattern, "q"
	END
}

wrong_config() {
	family
	while IFS='|' read -r members why; do
		config a "$members"
		err "$why" lora a -o no.safetensors
	done <<-'END'
		"r": 4|it has no lora_alpha
		"r": 4, "lora_alpha": "8"|lora_alpha is no number
		"r": 4, "lora_alpha": "nan"|lora_alpha is no number
		"r": 4, "lora_alpha": 1e999|adapter_config.json: .*number
		"r": -4, "lora_alpha": 8|r is no rank
		"r": 0, "lora_alpha": 8|r is no rank
		"r": 4.5, "lora_alpha": 8|r is no rank
		"r": 1e30, "lora_alpha": 8|r is no rank
		"r": null, "lora_alpha": 8|r is no number
		"r": 4, "lora_alpha": 8, "use_rslora": 1|use_rslora is no boolean
		"r": 4, "lora_alpha": 8, "fan_in_fan_out": "yes"|fan_in_fan_out is no boolean
		"r": 4, "lora_alpha": 8, "rank_pattern": []|rank_pattern is no object
		"r": 4, "lora_alpha": 8, "alpha_pattern": {"q": null}|alpha_pattern is no number
		"r": 4, "lora_alpha": 8, "alpha_pattern": {"l.[01].q": 3}|a regular expression
		"r": 4, "lora_alpha": 8, "use_dora": true|"use_dora" is set
		"r": 4, "lora_alpha": 8, "lora_bias": true|"lora_bias" is set
		"r": 4, "lora_alpha": 8, "layer_replication": [[0, 4]]|"layer_replication" is set
		"r": 4, "lora_alpha": 8, "new_in_1_0": 3|"new_in_1_0" is set
		"r": 4, "lora_alpha": 8, "init_lora_weights": "loftq"|init_lora_weights is "loftq"
		"r": 4, "lora_alpha": 8, "init_lora_weights": 3|init_lora_weights is no boolean or name
		"r": 4, "lora_alpha": 8, "peft_type": "IA3"|key "peft_type" comes twice
		"r": 4, "lora_alpha": 8, "alpha_pattern": {"q": 1, "q": 2}|key "q" comes twice
		"r": 4, "lora_alpha": 8, "rank_pattern": {"q\u0000x": 2}|key "q.*x" holds a NUL
		"r": 4, "lora_alpha": 8, |adapter_config.json
	END
	echo '{"r": 4, "lora_alpha": 8}' >a/adapter_config.json
	err 'it has no peft_type "LORA"' lora a -o no.safetensors
	echo '{"peft_type": "IA3", "r": 4, "lora_alpha": 8}' >a/adapter_config.json
	err 'peft_type is "IA3"' lora a -o no.safetensors
	echo '[]' >a/adapter_config.json
	err 'adapter_config.json' lora a -o no.safetensors
	rm a/adapter_config.json
	err 'a/adapter_model.safetensors has no adapter_config.json beside it, which says how much of it to add .lora_alpha.' \
		lora a -o no.safetensors
	rm a/adapter_model.safetensors
	err 'a has no adapter_model.safetensors and no adapter_model.bin' lora a -o no.safetensors
	err 'none: no such file' lora none -o no.safetensors
	[ ! -e no.safetensors ]
}

wrong_use() {
	family
	err 'method lora takes --adapter DIR' strata merge-file m.safetensors --method lora -o no.safetensors
	err -- '--adapter is for method lora, not linear' \
		strata merge-file m.safetensors --method linear --adapter a -o no.safetensors
	err -- '--adapter wants --method lora' strata merge-file m.safetensors --method ours --adapter a -o no.safetensors
	err 'method lora does not merge 2 models' \
		strata merge-file m.safetensors m.safetensors --method lora --adapter a -o no.safetensors
	err 'method lora adds adapters to one model: it has no base' \
		strata merge-file m.safetensors --base m.safetensors --method lora --adapter a -o no.safetensors
	adapter h '"r": 4, "lora_alpha": 8' $P.head.weight:F16:5,6:15
	adapter g '"r": 4, "lora_alpha": 8' $P.head.lora_A.weight:F16:4,6 $P.head.lora_B.weight:F16:5,4
	err '"head.weight": one adapter replaces it and another one changes it, too' lora h g -o no.safetensors
	err 'one adapter replaces it' lora h h -o no.safetensors
	config g '"r": 4, "lora_alpha": 1e300'
	err "tensor 'head.weight': element 0 becomes" lora g -o no.safetensors
	[ ! -e no.safetensors ]
}

# tests/cli/test_merge_lora.sh has what a history is merged by
in_history() {
	repo
	model m.safetensors w:F32:4,4:1
	strata add .
	strata commit -q -m 1
	strata branch b
	model m.safetensors w:F32:4,4:2
	strata commit -q -a -m 2
	strata switch -q b
	model m.safetensors w:F32:4,4:3
	strata commit -q -a -m 3
	why="theirs has no 'adapter_model.safetensors', which method lora adds: commit it there beside the model"
	err "$why" strata merge main --method lora
	err "$why" strata merge main --rule w=lora
	err "$why" strata cherry-pick main --method lora
	rc 1 strata merge main
	err "$why" strata resolve w --method lora
	strata merge --abort
	out '' strata status -s
}

one_result() {
	family
	model m.safetensors l.0.q.weight:BF16:300,500:1 x:F32:9
	adapter a '"r": 16, "lora_alpha": 8' $P.l.0.q.lora_A.weight:F32:16,500:11 $P.l.0.q.lora_B.weight:F32:300,16:12
	lora a -o want.safetensors
	for args in '--jobs 1' '--jobs 3' '--memory 8M'; do
		lora a $args -o got.safetensors
		cmp want.safetensors got.safetensors
	done
	adapter big '"r": 4000, "lora_alpha": 8' $P.l.0.q.lora_A.weight:F32:4000,500:11 $P.l.0.q.lora_B.weight:F32:300,4000:12
	err 'the factors of the adapter do not fit; raise --memory' lora big --memory 16M -o no.safetensors
	mkdir dir
	mv m.safetensors dir/model.safetensors
	echo '{"x": 1}' >dir/config.json
	strata merge-file -q dir --method lora --adapter a -o new
	cmp want.safetensors new/model.safetensors
	cmp dir/config.json new/config.json
	strata merge-file -q dir/model.safetensors --method lora --adapter a -o dir/model.safetensors
	cmp want.safetensors dir/model.safetensors
}

it 'adds factors, takes whole tensors, leaves the others' adds
it 'alpha, rank and scale say how much' scales
it 'factors have the rank that the configuration says' ranks
it 'weights that lie transposed' transposed
it 'finds the tensors of a model that was wrapped otherwise' names
it 'refuses what cannot be applied as it is' wrong_tensors
it 'refuses configurations that it cannot follow' wrong_config
it 'refuses what does not go together' wrong_use
it 'a history without adapters' in_history
it 'one result, however it is computed and written' one_result

finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# merge --recipe; tests/interop/test_mergekit.py compares the numbers with mergekit's.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

family() {
	model base.safetensors --meta of=base l.0.w:F32:30,40:1 l.1.w:F32:30,40:2 embed:F32:9:3 ids:I64:5:5
	model a.safetensors l.0.w:F32:30,40:11 l.1.w:F32:30,40:12 embed:F32:9:13 ids:I64:5:5
	model b.safetensors l.0.w:F32:30,40:21 l.1.w:F32:30,40:22 embed:F32:9:23 ids:I64:5:5
}

tensor() { strata cat "$1::$2" | b3sum | cut -c 1-64; }

methods() {
	family
	cat >r.yml <<-'END'
		merge_method: ties
		base_model: base.safetensors
		models:
		  - model: a.safetensors
		    parameters: {weight: [0, 1], density: 0.5}
		  - model: b.safetensors
		    parameters: {weight: [{filter: l.0, value: 0.25}, {value: 0.5}]}
		parameters: {lambda: 2}
		out_dtype: bfloat16
	END
	cat >want <<-'END'
		merged    ties:density=0.5/1,normalize=1,scale=2,weight=0/0.25  l.0.w
		merged    ties:density=0.5/1,normalize=1,scale=2,weight=1/0.5  l.1.w
		merged    ties:density=0.5/1,normalize=1,scale=2,weight=0/0.5  embed
		taken     a.safetensors  ids
		tensors: 3 merged, 1 taken from one side
	END
	strata -v merge --recipe r.yml -o m.safetensors >got
	head -n 5 got | cmp want -
	match '"of":"base"' strata inspect --json m.safetensors
	strata ls --tensors --json m.safetensors | sed 's/.*"name":"\([^"]*\)","dtype":"\([^"]*\)".*/\1 \2/' | sort >types
	printf '%s\n' 'embed bf16' 'ids i64' 'l.0.w bf16' 'l.1.w bf16' | cmp - types
	strata merge -q --recipe r.yml -o n.safetensors
	cmp m.safetensors n.safetensors
}

# The same numbers as merge-file: one engine.
like_merge_file() {
	family
	printf 'merge_method: linear\nmodels: [{model: a.safetensors}, {model: b.safetensors}]\nparameters: {weight: 1}\n' >r.yml
	strata merge -q --recipe r.yml -o m.safetensors
	strata average -q a.safetensors b.safetensors -o n.safetensors
	cmp m.safetensors n.safetensors
	printf 'merge_method: slerp\nbase_model: b.safetensors\nmodels: [{model: a.safetensors}, {model: b.safetensors}]\nparameters: {t: 0.25}\n' >r.yml
	strata merge -q --recipe r.yml -o m.safetensors
	strata merge-file -q b.safetensors a.safetensors --method slerp:t=0.25 -o n.safetensors
	cmp m.safetensors n.safetensors
}

layers() {
	family
	mkdir dir
	cp a.safetensors dir/model.safetensors
	echo '{"a": [1], "num_hidden_layers": 2, "z": 0}' >dir/config.json
	cat >r.yml <<-'END'
		merge_method: passthrough
		slices:
		  - sources: [{model: dir, layer_range: [0, 2]}]
		  - sources: [{model: b.safetensors, layer_range: [0, 2]}]
	END
	out 'tensors: 6 taken from one side' sh -c 'strata merge --recipe r.yml -o out | head -n 1'
	out '{"a": [1], "num_hidden_layers": 4, "z": 0}' cat out/config.json
	o=out/model.safetensors
	[ "$(tensor $o l.2.w)" = "$(tensor b.safetensors l.0.w)" ]
	[ "$(tensor $o l.3.w)" = "$(tensor b.safetensors l.1.w)" ]
	[ "$(tensor $o l.1.w)" = "$(tensor a.safetensors l.1.w)" ]
	[ "$(tensor $o embed)" = "$(tensor a.safetensors embed)" ]
	sed -i 's/\[0, 2\]}\]$/[1, 3]}]/' r.yml
	rc 2 strata merge --recipe r.yml -o other
	grep -q 'has no layer 2, which r.yml asks for' "$t_tmp/err"
	[ ! -e other ]
	# and in which type transformers loads it
	echo '{"torch_dtype": "float32", "num_hidden_layers": 9, "b": {"torch_dtype": "float32"}}' >dir/config.json
	sed -i 's/\[1, 3\]}\]$/[0, 1]}]/' r.yml
	strata merge -q --recipe r.yml -o same
	out '{"torch_dtype": "float32", "num_hidden_layers": 2, "b": {"torch_dtype": "float32"}}' cat same/config.json
	echo 'dtype: bfloat16' >>r.yml
	strata merge -q --recipe r.yml -o half
	out '{"torch_dtype": "bfloat16", "num_hidden_layers": 2, "b": {"torch_dtype": "float32"}}' cat half/config.json
	printf 'merge_method: linear\nmodels: [{model: dir}]\nparameters: {weight: 1}\ndtype: float32\nout_dtype: float16\n' >r.yml
	echo '{"dtype": "float32", "num_hidden_layers": 2}' >dir/config.json
	strata merge -q --recipe r.yml -o out16
	out '{"dtype": "float16", "num_hidden_layers": 2}' cat out16/config.json
}

# As mergekit: a base_model that is none of the models is merged, too, where all are; settings are its.
bases() {
	family
	strata average -q --weights 1,1,1 a.safetensors b.safetensors base.safetensors -o three.safetensors
	printf 'merge_method: linear\nbase_model: base.safetensors\nmodels: [{model: a.safetensors}, {model: b.safetensors}]\n' >r.yml
	rc 2 strata merge --recipe r.yml -o m.safetensors
	printf 'parameters: {weight: 2}\n' >>r.yml
	strata merge -q --recipe r.yml -o m.safetensors
	for n in l.0.w embed; do
		[ "$(tensor m.safetensors $n)" = "$(tensor three.safetensors $n)" ]
	done
	match '"of":"base"' strata inspect --json m.safetensors
	sed -i 's/^models.*/models: [{model: a.safetensors, parameters: {weight: 1}}, {model: b.safetensors, parameters: {weight: 1}}]/
		/^parameters/d' r.yml
	rc 2 strata merge --recipe r.yml -o m2.safetensors
	grep -q 'the recipe does not say weight of base.safetensors for l.0.w' "$t_tmp/err"
	sed -i 's/^base_model.*/base_model: b.safetensors/' r.yml
	mkdir dir
	cp b.safetensors dir/model.safetensors
	echo '{"of": "b"}' >dir/config.json
	sed 's/b.safetensors/dir/' r.yml >s.yml
	strata merge -q --recipe s.yml -o out
	out '{"of": "b"}' cat out/config.json
	strata average -q a.safetensors b.safetensors -o two.safetensors
	[ "$(tensor out/model.safetensors l.1.w)" = "$(tensor two.safetensors l.1.w)" ]
	printf 'merge_method: passthrough\nbase_model: base.safetensors\nmodels: [{model: a.safetensors}]\n' >r.yml
	rc 2 strata merge --recipe r.yml -o m2.safetensors
	grep -q 'passthrough takes one model a slice' "$t_tmp/err"
	cat >r.yml <<-'END'
		merge_method: ties
		base_model: base.safetensors
		slices:
		  - sources:
		      - {model: a.safetensors, layer_range: [0, 1], parameters: {weight: 1}}
		      - {model: b.safetensors, layer_range: [1, 2], parameters: {weight: 1}}
	END
	rc 2 strata merge --recipe r.yml -o m2.safetensors
	grep -q 'r.yml, line 6: sources of a slice have different layers: the base_model and its layer_range have to be' "$t_tmp/err"
	sed -i 's/\[0, 1\]/[1, 2]/' r.yml
	strata merge -q --recipe r.yml -o m2.safetensors
}

# As mergekit: what is said of one model by that model's names, what is said of all by the result's
filters() {
	family
	cat >r.yml <<-'END'
		merge_method: linear
		slices:
		  - sources:
		      - {model: a.safetensors, layer_range: [1, 2], parameters: {weight: 1}}
		      - model: b.safetensors
		        layer_range: [1, 2]
		        parameters: {weight: [{filter: l.1., value: 9}, {filter: l.0., value: 5}, {value: 0}]}
		parameters: {normalize: [{filter: l.0., value: false}, {value: true}]}
	END
	out 'merged    linear:normalize=0,weight=1/9  l.0.w' \
		sh -c 'strata -v merge --recipe r.yml -o m.safetensors | grep " l\."'
	sed -i 's/, parameters: {weight: 1}//; s/^        parameters: .*//
		s/^parameters:.*/parameters: {weight: [{filter: l.1., value: 3}, {value: 7}]}/' r.yml
	out 'merged    linear:normalize=1,weight=3/3  l.0.w' \
		sh -c 'strata -v merge --recipe r.yml -o m.safetensors | grep " l\."'
	cat >r.yml <<-'END'
		merge_method: passthrough
		slices:
		  - sources:
		      - model: b.safetensors
		        layer_range: [0, 2]
		        parameters: {scale: [{filter: w, value: [0.5, 3]}, {value: 2}]}
	END
	cat >want <<-'END'
		merged    linear:normalize=0,weight=2  embed
		merged    linear:normalize=0,weight=0.5  l.0.w
		merged    linear:normalize=0,weight=3  l.1.w
	END
	sh -c 'strata -v merge --recipe r.yml -o m.safetensors | grep "^merged"' >got
	cmp want got
	rc 4 sh -c 'sed "s/3\]/[3]]/" r.yml >deep.yml; strata merge --recipe deep.yml -o m.safetensors'
}

refusals() {
	family
	printf 'merge_method: linear\nmodels:\n  - model: a.safetensors\n    weigth: 1\n' >r.yml
	rc 4 strata merge --recipe r.yml -o m
	grep -qx "strata: r.yml, line 4: a key that strata does not know: models\\[0\\].weigth" "$t_tmp/err"
	printf 'merge_method: linear\nmodels: [{model: some/model, parameters: {weight: 1}}]\n' >r.yml
	rc 2 strata merge --recipe r.yml -o m
	grep -q 'one of a hub is downloaded first: some/model: no such file' "$t_tmp/err"
	printf 'merge_method: linear\nmodels: [{model: a.safetensors}]\n' >r.yml
	rc 2 strata merge --recipe r.yml -o m
	grep -q 'the recipe does not say weight of a.safetensors' "$t_tmp/err"
	printf 'merge_method: ties\nbase_model: base.safetensors\nmodels: [{model: a.safetensors}]\nparameters: {weight: 1, density: 2}\n' >r.yml
	rc 2 strata merge --recipe r.yml -o m
	printf 'merge_method: ties\nmodels: [{model: a.safetensors}]\nparameters: {weight: 1}\n' >r.yml
	rc 2 strata merge --recipe r.yml -o m
	grep -q 'ties needs a base_model' "$t_tmp/err"
	model c.safetensors l.0.w:F32:30,41 l.1.w:F32:30,40 embed:F32:9 ids:I64:5
	printf 'merge_method: linear\nmodels: [{model: a.safetensors}, {model: c.safetensors}]\nparameters: {weight: 1}\n' >r.yml
	rc 2 strata merge --recipe r.yml -o m
	grep -q 'not of one architecture' "$t_tmp/err"
	rc 2 strata merge --recipe missing.yml -o m
	rc 2 strata merge --recipe r.yml
	rc 2 strata merge --recipe r.yml -o m HEAD
	printf 'merge_method: linear\nmodels: [{model: a.safetensors}]\nparameters: {weight: 1}\n' >s.yml
	printf 'merge_method: linear\nmodels: [{model: a.safetensors+tuned}]\nparameters: {weight: 1}\n' >t.yml
	err "adapter behind a \\+ is made by 'strata merge-file --method lora' first" strata merge --recipe t.yml -o m
	printf -- '---\nmerge_method: linear\n---\nmerge_method: slerp\n' >t.yml
	err 'line 2: one recipe is expected, not a list or several documents' strata merge --recipe t.yml -o m
	rc 2 strata merge --recipe s.yml --seed 1 -o m
	grep -q -e '--seed wants a method that draws random numbers, not linear' "$t_tmp/err"
	rc 3 strata merge HEAD
	[ ! -e m ]
}

it 'reads methods, weights over layers, filters and types' methods
it 'gives the numbers of merge-file' like_merge_file
it 'puts layers together' layers
it 'merges a base_model that is none of the models as mergekit does' bases
it 'filters by names, gradients within them' filters
it 'says what it does not understand, and where' refusals

finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# base, and a and b that come from it: w both changed, x only b, y only a, z both alike, k nobody
family() {
	model base.safetensors --meta of=base l.0.w:F32:30,40:1 l.1.x:BF16:64,8:2 l.2.y:F16:50:3 z:F32:9:4 k:I64:5:5
	model a.safetensors --meta of=a l.0.w:F32:30,40:11 l.1.x:BF16:64,8:2 l.2.y:F16:50:13 z:F32:9:14 k:I64:5:5
	model b.safetensors --meta of=b l.0.w:F32:30,40:21 l.1.x:BF16:64,8:22 l.2.y:F16:50:3 z:F32:9:14 k:I64:5:5
}

tensor() { strata cat "$1::$2" | b3sum | cut -c 1-64; }

same_tensor() { # FILE FILE NAME
	[ "$(tensor "$1" "$3")" = "$(tensor "$2" "$3")" ]
}

three_way() {
	family
	rc 1 strata -v merge-file --base base.safetensors a.safetensors b.safetensors -o m.safetensors
	cat >want <<-'END'
		conflict  values         l.0.w
		taken     b.safetensors  l.1.x
		kept                     l.2.y
		kept                     z
		kept                     k
	END
	cmp want "$t_tmp/out"
	grep -qx 'strata: 1 of the tensors is in conflict and nothing was written: --method or --rule says how to merge them' "$t_tmp/err"
	[ ! -e m.safetensors ]
	out 'conflict  values         l.0.w' sh -c 'strata merge-file --base base.safetensors a.safetensors b.safetensors -o m.safetensors 2>/dev/null || [ $? = 1 ]'
	out 'tensors: 1 merged, 1 taken from one side, 3 kept
wrote m.safetensors, 6.2 KiB' strata merge-file --base base.safetensors a.safetensors b.safetensors --rule 'l.*=linear' -o m.safetensors
	same_tensor m.safetensors b.safetensors l.1.x
	same_tensor m.safetensors a.safetensors l.2.y
	same_tensor m.safetensors a.safetensors z
	fails same_tensor m.safetensors a.safetensors l.0.w
	match '"of":"a"' strata inspect --json m.safetensors
	strata merge-file -q --base base.safetensors a.safetensors base.safetensors -o n.safetensors
	cmp a.safetensors n.safetensors
	strata merge-file -q --base base.safetensors base.safetensors b.safetensors -o n.safetensors
	out '' strata diff --exit-code --stat b.safetensors n.safetensors || true
	for t_name in l.0.w l.1.x l.2.y z k; do
		same_tensor n.safetensors b.safetensors $t_name
	done
	strata merge-file -q --base base.safetensors a.safetensors a.safetensors -o n.safetensors
	cmp a.safetensors n.safetensors
}

choosing() {
	family
	strata merge-file -q --base base.safetensors a.safetensors b.safetensors --method ours -o o.safetensors
	same_tensor o.safetensors a.safetensors l.0.w
	same_tensor o.safetensors b.safetensors l.1.x
	strata merge-file -q --base base.safetensors a.safetensors b.safetensors --method linear --rule '*.w=theirs' -o o.safetensors
	same_tensor o.safetensors b.safetensors l.0.w
	strata merge-file -q --base base.safetensors a.safetensors b.safetensors --method base -o o.safetensors
	same_tensor o.safetensors base.safetensors l.0.w
	rm o.safetensors
	for glob in l.1.x l.2.y z k; do # one side changed it, or all in the same way, or none
		err "rule '$glob' decides about no tensor: its glob matches none that several models changed, or rules before it" \
			strata merge-file --base base.safetensors a.safetensors b.safetensors --method linear --rule "$glob=theirs" -o o.safetensors
	done
	[ ! -e o.safetensors ]
	err "rule 'zz\\*' decides about no tensor" strata merge-file --base base.safetensors a.safetensors b.safetensors --method linear --rule 'zz*=ours' -o o.safetensors
	rc 2 strata merge-file --base base.safetensors a.safetensors b.safetensors --method linear --rule 'zz*=ours' -o o.safetensors
	rc 2 strata merge-file a.safetensors b.safetensors --method liner -o o.safetensors
	grep -q "did you mean 'linear'" "$t_tmp/err"
	rc 2 strata merge-file a.safetensors b.safetensors --method base -o o.safetensors
	grep -q 'method base needs the base: say --base FILE' "$t_tmp/err"
	rc 2 strata merge-file a.safetensors b.safetensors -o o.safetensors
	grep -q 'without a base every tensor needs a method' "$t_tmp/err"
	rc 2 strata merge-file a.safetensors b.safetensors --method linear:weight=1/2/3 -o o.safetensors
	rc 2 strata merge-file a.safetensors b.safetensors --method linear --seed x -o o.safetensors
	rc 2 strata merge-file a.safetensors b.safetensors --method linear
	[ ! -e o.safetensors ]
}

# Options for a method that is not asked were meant to do something.
meaningless() {
	family
	config='{"peft_type": "LORA", "r": 4, "lora_alpha": 8}'
	mkdir ad
	model ad/adapter_model.safetensors base_model.model.l.0.w.lora_A.weight:F32:4,40 base_model.model.l.0.w.lora_B.weight:F32:30,4
	echo "$config" >ad/adapter_config.json
	refused() { # WHY ARGUMENT...
		t_why=$1
		shift
		rc 2 strata merge-file -o o.safetensors "$@"
		grep -q -e "$t_why" "$t_tmp/err"
		[ ! -e o.safetensors ]
	}
	refused '--fisher wants --method fisher' a.safetensors --method lora --adapter ad --fisher b.safetensors
	refused '--fisher wants --method fisher' a.safetensors b.safetensors --method linear --fisher a.safetensors --fisher b.safetensors
	refused '--fisher wants --method fisher' --base base.safetensors a.safetensors b.safetensors --fisher a.safetensors
	refused '--adapter wants --method lora' --base base.safetensors a.safetensors b.safetensors --adapter ad
	refused '--adapter is for method lora, not fisher' a.safetensors --method fisher --fisher a.safetensors --adapter ad
	refused '--seed wants a method that draws' --base base.safetensors a.safetensors b.safetensors --method ties --seed 1
	refused '--seed wants a method that draws' a.safetensors --method lora --adapter ad --seed 1
	err 'Fisher information of a.safetensors is negative' strata merge-file a.safetensors b.safetensors --method linear \
		--rule l.0.w=fisher --fisher a.safetensors --fisher a.safetensors --seed 0 -o o.safetensors
	strata merge-file -q --base base.safetensors a.safetensors b.safetensors --method linear --rule 'l.*=dare-ties' \
		--seed 1 -o o.safetensors
	for t_option in --fisher --adapter --seed --rule; do
		rc 2 strata average $t_option a.safetensors a.safetensors -o o.safetensors
	done
}

# One side has added, removed, resized and retyped tensors.
other_layout() {
	model base.safetensors --meta k=v w:F32:30,40:1 gone:F32:5:2 big:F32:4,4:3 typed:F32:6:4
	model b.safetensors w:F32:30,40:1 big:F32:5,4:33 typed:BF16:6:44 new:I8:3:5
	strata -v merge-file --base base.safetensors base.safetensors b.safetensors -o m.safetensors >got
	cat >want <<-'END'
		kept                     w
		removed                  gone
		taken     b.safetensors  big
		taken     b.safetensors  typed
		taken     b.safetensors  new
		tensors: 3 taken from one side, 1 kept, 1 removed
	END
	head -n 6 got | cmp - want
	for t_name in w big typed new; do
		same_tensor m.safetensors b.safetensors $t_name
	done
	match '"k":"v"' strata inspect --json m.safetensors
	out 4 sh -c 'strata ls --tensors m.safetensors --json | wc -l'
}

conflicts() {
	model base.safetensors w:F32:8:1 d:F32:8:2 s:F32:4,4:3 t:F32:4:4
	model a.safetensors w:F32:8:1 s:F32:5,4:13 t:BF16:4:14 n:F32:3:15
	model b.safetensors w:F32:8:1 d:F32:8:22 s:F32:6,4:23 t:F16:4:24 n:F32:3:25
	strata merge-file --json --base base.safetensors a.safetensors b.safetensors -o m.safetensors >got 2>/dev/null || [ $? = 1 ]
	sed -n 's/.*"name":"\([a-z]\)".*"conflict":"\([a-z/]*\)".*/\1 \2/p' got >pairs
	printf '%s\n' 's shape' 't dtype' 'n add/add' 'd delete/modify' | cmp - pairs
	grep -qx '{"kind":"summary","output":"m.safetensors","kept":1,"taken":0,"merged":0,"removed":0,"conflicts":4,"bytes":0}' got
	[ ! -e m.safetensors ]
	said() { # WHAT OPTION...: what decides the conflicts
		t_what=$1
		shift
		rc 1 strata merge-file --base base.safetensors a.safetensors b.safetensors "$@" -o m.safetensors
		sed 's/.*nothing was written: //' "$t_tmp/err" >last
		out "$t_what" cat last
	}
	t_rigid='those that no method joins a --rule of ours, theirs or base decides'
	said "--method or --rule says how to merge them; $t_rigid"
	said "$t_rigid" --method linear
	said "--method or --rule says how to merge them; $t_rigid" --method ties # n, which has no base
	said '--method or --rule says how to merge them' --rule '[sdn]=ours'
	rm last
	strata merge-file -q --base base.safetensors a.safetensors b.safetensors --method linear --rule '[sd]=base' -o m.safetensors
	same_tensor m.safetensors base.safetensors s
	rm m.safetensors
	strata merge-file -q --base base.safetensors a.safetensors b.safetensors --method theirs -o m.safetensors
	for t_name in w d s n; do
		same_tensor m.safetensors b.safetensors $t_name
	done
}

# theirs and base in ours's type, with a base and without, as a merge in a repository makes it
whose_type() {
	model base.safetensors t:F32:8:4
	model a.safetensors t:BF16:8:14
	model b.safetensors t:F16:8:24
	model c.safetensors t:F32:8:34
	repo
	cp ../base.safetensors m.safetensors
	strata add -q . && strata commit -q -m base
	strata branch side && cp ../a.safetensors m.safetensors && strata commit -q -a -m a
	strata switch -q side && cp ../b.safetensors m.safetensors && strata commit -q -a -m b
	strata switch -q main && strata merge -q side --method theirs
	strata merge-file -q --base ../base.safetensors ../a.safetensors ../b.safetensors --method theirs -o ../m.safetensors
	cmp m.safetensors ../m.safetensors
	match ' bf16 ' strata ls --tensors HEAD:m.safetensors
	cd ..
	strata merge-file -q a.safetensors b.safetensors --method theirs -o n.safetensors
	cmp m.safetensors n.safetensors
	strata merge-file -q a.safetensors b.safetensors c.safetensors --method theirs:model=2 -o n.safetensors
	match '"dtype":"BF16"' head -c 100 n.safetensors
	rm n.safetensors
	strata merge-file -q --base base.safetensors a.safetensors b.safetensors --method base -o n.safetensors
	match '"dtype":"BF16"' head -c 100 n.safetensors
	# which must hold the values; what is not finite is copied as it is
	python3 - <<-'END'
	import struct
	def put(name, dtype, data):
	    head = ('{"t":{"dtype":"%s","shape":[4],"data_offsets":[0,%d]}}' % (dtype, len(data))).encode()
	    head += b" " * (-len(head) % 8)
	    open(name, "wb").write(struct.pack("<Q", len(head)) + head + data)
	put("h.safetensors", "F16", struct.pack("<4e", 1, 2, 3, 4))
	put("w.safetensors", "F32", struct.pack("<4f", float("nan"), float("inf"), 1, 70000))
	put("v.safetensors", "F32", struct.pack("<4f", float("nan"), float("inf"), 1, 60000))
	put("i.safetensors", "I16", struct.pack("<4h", 1, 2, 3, 4))
	END
	err "tensor 't'.*: element 3 becomes 70000, which f16 cannot hold" \
		strata merge-file h.safetensors w.safetensors --method theirs -o n2.safetensors
	err "element 0 becomes nan, which i16 cannot hold" \
		strata merge-file i.safetensors v.safetensors --method theirs -o n2.safetensors
	rc 1 test -e n2.safetensors
	strata merge-file -q h.safetensors v.safetensors --method theirs -o n2.safetensors
	strata merge-file -q h.safetensors w.safetensors --method theirs --allow-nonfinite -o n2.safetensors
	# there is no such model
	err "model of method 'theirs' is 2, but 1 other is merged" \
		strata merge-file a.safetensors b.safetensors --method theirs:model=2 -o o.safetensors
	err "model of method 'theirs' is 3, but 2 others are merged" \
		strata merge-file a.safetensors b.safetensors c.safetensors --method ours --rule 'x=theirs:model=3' -o o.safetensors
	err "model of method 'theirs' is a whole number, not 1.5" \
		strata merge-file a.safetensors b.safetensors --method theirs:model=1.5 -o o.safetensors
	[ ! -e o.safetensors ]
}

architectures() {
	family
	model c.safetensors l.0.w:F32:30,41 other:F32:3
	rc 2 strata merge-file a.safetensors c.safetensors --method linear -o m.safetensors
	grep -qx 'strata: the models are not of one architecture: "l.0.w" (of other shape), "l.1.x" (not in all), "l.2.y" (not in all), "z" (not in all), "k" (not in all), "other" (not in all)' "$t_tmp/err"
	head -c 100 a.safetensors >d.safetensors
	rc 4 strata merge-file a.safetensors d.safetensors --method linear -o m.safetensors
	echo text >t.txt
	rc 4 strata merge-file a.safetensors t.txt --method linear -o m.safetensors
	rc 2 strata merge-file a.safetensors missing --method linear -o m.safetensors
	mkdir d
	rc 2 strata merge-file a.safetensors b.safetensors --method linear -o d
	rc 5 strata merge-file a.safetensors b.safetensors --method linear -o no/such/dir
	[ ! -e m.safetensors ]
	[ -z "$(find . -name '.st-tmp-*')" ]
}

sharded() {
	for t_m in a b; do
		mkdir $t_m
		model $t_m/x-1.safetensors p:F32:30:1$t_m q:F32:20:2$t_m
		model $t_m/x-2.safetensors r:F32:10:3$t_m
		echo "{\"metadata\":{\"total_size\":240},\"weight_map\":{\"p\":\"x-1.safetensors\",\"q\":\"x-1.safetensors\",\"r\":\"x-2.safetensors\"}}" >$t_m/model.safetensors.index.json
		echo "$t_m" >$t_m/config.json
		echo no >$t_m/.hidden
	done
	strata merge-file -q a b --method linear -o ab/
	(cd ab && ls -A) >got
	printf '%s\n' config.json model.safetensors.index.json x-1.safetensors x-2.safetensors | cmp - got
	cmp a/model.safetensors.index.json ab/model.safetensors.index.json
	cmp a/config.json ab/config.json
	strata merge-file -q a/model.safetensors.index.json b --method theirs -o ba
	(cd ba && ls -A) >got
	printf '%s\n' model.safetensors.index.json x-1.safetensors x-2.safetensors | cmp - got
	cmp ba/x-2.safetensors b/x-2.safetensors
	rc 7 strata merge-file a b --method linear -o ab
	# a tensor that only one side has goes to the last shard
	model b/x-2.safetensors r:F32:10:3b s:F32:2:9
	sed 's/}}/,"s":"x-2.safetensors"}}/' a/model.safetensors.index.json >b/model.safetensors.index.json
	strata merge-file -q --base a a b --method theirs -o grown
	match '"total_size":248' cat grown/model.safetensors.index.json
	match '"s":"x-2.safetensors"' cat grown/model.safetensors.index.json
	same_tensor grown/x-2.safetensors b/x-2.safetensors s
}

# What a killed process left is removed; what a living one writes is not.
leftovers() {
	family
	echo old >m.safetensors
	chmod 640 m.safetensors
	echo half >.st-tmp-m.safetensors-abcdef
	echo half >.st-tmp-m.safetensors-other-abcdef
	echo half >.st-tmp-m.safetensors-LOCKED
	(
		flock 9
		strata merge-file -q a.safetensors b.safetensors --method linear -o m.safetensors
	) 9<.st-tmp-m.safetensors-LOCKED
	[ ! -e .st-tmp-m.safetensors-abcdef ]
	[ -e .st-tmp-m.safetensors-other-abcdef ]
	[ -e .st-tmp-m.safetensors-LOCKED ]
	out 640 stat -c %a m.safetensors
	strata merge-file -q a.safetensors b.safetensors --method linear -o a.safetensors
	cmp a.safetensors m.safetensors
	[ ! -e .st-tmp-m.safetensors-LOCKED ] || strata merge-file -q b.safetensors b.safetensors --method linear -o m.safetensors
	[ ! -e .st-tmp-m.safetensors-LOCKED ]
	ln -s b.safetensors link.safetensors
	strata merge-file -q a.safetensors b.safetensors --method ours -o link.safetensors
	[ ! -L link.safetensors ]
}

threads() {
	family
	for t_jobs in 1 3; do
		strata --jobs $t_jobs --memory 16M merge-file -q a.safetensors b.safetensors --method linear:weight=1/0.3 -o m$t_jobs
	done
	cmp m1 m3
}

not_allowed() { # PATH COMMAND...: refused, and nothing has changed below the repositories
	t_path=$1
	shift
	rc 7 "$@"
	grep -q "lies in a repository's own directory" "$t_tmp/err"
	[ ! -s "$t_tmp/out" ]
	list_all >../after
	cmp ../before ../after
	case $t_path in */new*) [ ! -e "$t_path" ] && [ ! -L "$t_path" ] ;; esac
}

list_all() {
	find . ../odd -exec ls -ld --time-style=full-iso {} + | sort
	find . ../odd -type f -exec cksum {} + | sort
}

own_directories() {
	model a.safetensors w:F32:4:1
	model b.safetensors w:F32:4:2
	mkdir d1 odd
	cp a.safetensors d1/model.safetensors
	printf 'merge_method: linear\nmodels:\n  - model: a.safetensors\n  - model: b.safetensors\nparameters:\n  weight: 1\n' >r.yml
	printf '0123456789abcdef' >bytes
	repo
	cp ../a.safetensors ../b.safetensors ../bytes .
	cp ../r.yml .
	mkdir sub .strata/none
	ln -s .strata way
	ln -s "$PWD/.strata/packs" sub/far
	strata add .
	strata commit -q -m one
	cp -r .strata/packs ../odd/packs # a repository's own directory of another name
	cp .strata/ops ../odd/ops
	list_all >../before
	for t_o in .strata/ops .strata/new .strata/packs/new way/ops sub/far/new sub/../.strata/ops \
		"$PWD/.strata/config" ../repo/.strata/HEAD ../odd/ops ../odd/new sub/.strata \
		.strata/none/new; do
		not_allowed $t_o strata average a.safetensors b.safetensors -o $t_o
		not_allowed $t_o strata merge-file --method linear a.safetensors b.safetensors -o $t_o
		not_allowed $t_o strata merge --recipe r.yml -o $t_o
		not_allowed $t_o strata debug-patch a.safetensors w=bytes -o $t_o
	done
	for t_o in .strata/none .strata/new ../odd/new sub/.strata; do
		not_allowed $t_o strata average ../d1 ../d1 -o $t_o
	done
	rc 0 sh -c 'cd .strata/packs && strata average ../../a.safetensors ../../b.safetensors -o ../../ok'
	rc 7 sh -c 'cd .strata/packs && strata average ../../a.safetensors ../../b.safetensors -o bad'
	[ ! -e .strata/packs/bad ]
	ln -s .strata/ops link # replaced, not followed
	strata average -q a.safetensors b.safetensors -o link
	[ ! -L link ]
	strata average -q a.safetensors b.safetensors -o .strata.safetensors
	strata fsck -q --full
}

it 'settles one-sided changes bit for bit and asks about the rest' three_way
it 'rules and methods decide' choosing
it 'refuses options for methods that it does not use' meaningless
it 'writes a layout of its own where tensors were added, removed or changed' other_layout
it 'names each kind of conflict' conflicts
it 'has the types of ours' whose_type
it 'refuses models that do not go together, and damaged ones' architectures
it 'merges shards and directories into a new directory' sharded
it 'replaces atomically and removes what a killed one left' leftovers
it 'writes the same for any number of threads' threads
it 'keeps out of .strata, by every way there' own_directories

finish

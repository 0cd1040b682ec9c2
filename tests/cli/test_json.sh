#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# doc/json.md against the real output of every command that has --json.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

doc=$ST_SRC/doc/json.md

history() {
	repo
	strata config user.name Ada
	model m.safetensors a:F32:64,64:1 b:BF16:64:2 --meta format=pt
	echo '{}' >c.json
	echo 1 >"$(printf 'latin\344')"
	strata add .
	strata commit -q -m one
	model m.safetensors a:F32:64,64:1 b:BF16:64:3 --meta format=pt
}

documented() {
	history
	strata status --json >../status
	strata commit -a --json -m two --param lr=1 --config c.json --lineage fine-tuned-from=v1 >../commit
	strata tag best -m 'the best'
	strata log --json >../log
	strata log --json --tensor b --values >>../log
	strata blame m.safetensors --json --values >../blame
	strata show --json >../show
	strata show --json best >>../show
	strata show --json 'HEAD::*' >>../show
	strata reflog --json >../reflog
	strata branch --json >../branch
	strata tag --json >../tag
	strata branch --json side v1 >>../branch
	strata tag --json light v1 >>../tag
	strata branch --json -m side old >>../branch
	strata switch --json old >../switch
	strata merge --json main >../merge
	strata switch -q -c apart v1
	model m.safetensors a:F32:64,64:7 b:F32:64:1
	strata commit -q -a -m apart
	strata merge --json main >>../merge || [ $? -eq 1 ]
	strata resolve --json '*' --theirs >../resolve
	strata merge --json --continue >/dev/null
	strata show --json >>../show
	strata merge --json --replay HEAD >../replay
	strata switch -q main
	strata branch -q -D apart
	for t_side in here there; do
		strata switch -q -c $t_side v1
		strata mv c.json $t_side.json
		model m.safetensors a:F32:64,64:$(echo $t_side | wc -c) b:F32:64:1
		strata commit -q -a -m $t_side
	done
	strata merge --json here main >>../merge || [ $? -eq 1 ]
	strata merge -q --abort
	strata switch -q main
	strata branch -q -D here
	strata branch -q -D there
	strata checkout --json v1 >../checkout
	strata checkout --json v1 --to ../elsewhere >>../checkout
	echo 2 >c.json
	strata reset --json --hard v2 >../reset
	echo 3 >m.safetensors
	strata undo --json >../undo
	strata checkout -q -f main
	strata branch --json -D old >>../branch
	strata tag --json -d light >>../tag
	strata ls --json >../ls
	strata ls --tensors --json >../ls-tensors
	strata inspect --json -t m.safetensors >../inspect
	echo '{"x": 1}' >c.json
	mkdir ../other
	model ../other/m.safetensors a:F32:64,64:1 b:F32:64:2
	strata diff --json --rank v1 >../diff
	strata diff --json m.safetensors ../other/m.safetensors >>../diff
	strata distance --json v1 v2 >../distance
	strata parent --json ../other/m.safetensors >../parent
	strata commit -q -m more --allow-empty
	strata parent --json m.safetensors >>../parent
	echo '{}' >c.json
	strata average --json m.safetensors m.safetensors -o ../mean >../average
	model ../theirs.safetensors a:F32:64,64:1 b:BF16:64:9
	strata merge-file --json --base m.safetensors m.safetensors ../theirs.safetensors -o ../merged >../merge-file
	model ../ours.safetensors a:F32:64,64:1 b:BF16:64:8
	strata merge-file --json --base m.safetensors ../ours.safetensors ../theirs.safetensors -o ../merged >>../merge-file || [ $? -eq 1 ]
	strata hash --json m.safetensors >../hash
	strata hash --json --tensors m.safetensors >../hash-tensors
	python3 -c 'import pickle, os; print(pickle.dumps([os.system, eval], 0).decode())' >e.pkl
	strata scan --json e.pkl m.safetensors >../scan || [ $? -eq 1 ]
	head -c 9 e.pkl >x.pkl
	strata scan --json x.pkl >>../scan || [ $? -eq 4 ]
	rm e.pkl x.pkl
	strata revert --json v2 >../revert
	strata cherry-pick --json v2 >../cherry-pick
	strata rollback --json v1 --tensor b >../rollback
	strata stats --json >../stats
	strata gc --json --prune=now >../gc
	strata repack --json >../repack
	strata config --list --json >../config
	strata version --json >../version
	pack=$(ls -S .strata/packs/*.pack | head -n 1)
	chmod u+w "$pack"
	printf '\377\377\377' | dd of="$pack" bs=1 seek=$(($(wc -c <"$pack") / 2)) conv=notrunc 2>/dev/null
	strata fsck --json >../fsck || [ $? -eq 1 ]
	cd ..
	python3 "$ST_SRC/tests/cli/json_keys.py" "$doc" status=status commit=commit log=log blame=blame branch=branch tag=tag \
		reflog=reflog revert=revert cherry-pick=cherry-pick rollback=rollback \
		switch=switch checkout=checkout 'merge: kind conflict/conflict=merge' 'merge: kind summary/summary=merge' 'merge: kind replay/replay=replay' resolve=resolve 'show: kind merge/merge=show' 'show: kind merge-description/merge-description=show' \
		'reset: kind discarded/discarded=reset' 'reset: kind summary/summary=reset' \
		'undo: kind ref/ref=undo' 'undo: kind kept/kept=undo' 'undo: kind lost/lost=undo' 'undo: kind summary/summary=undo' \
		'show: kind version/version=show' 'show: kind file/file=show' \
		'show: kind tensor/tensor=show' \
		'diff: kind tensor/tensor=diff' 'diff: kind config/config=diff' \
		'diff: kind file/file=diff' 'diff: kind summary/summary=diff' \
		'distance/distance=distance' parent=parent ls=ls \
		'ls --tensors=ls-tensors' inspect/file=inspect \
		'inspect --tensors: kind tensor/tensor=inspect' hash=hash \
		'average: kind tensor/tensor=average' 'average: kind summary/summary=average' \
		'merge-file: kind tensor/tensor=merge-file' 'merge-file: kind summary/summary=merge-file' \
		'hash --tensors=hash-tensors' 'scan: kind find/find=scan' \
		'scan: kind summary/summary=scan' stats=stats 'fsck: kind fault/fault=fsck' \
		'fsck: kind summary/summary=fsck' gc=gc repack=repack config=config version=version
}

complete() { # every command that offers --json has a section, and no other
	sed -n 's/^## \([a-z-]*\).*/\1/p' "$doc" | sort -u >in_doc
	for t_cmd in $(strata help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p'); do
		strata help "$t_cmd" | grep -q -- '--json' && echo "$t_cmd"
	done | sort -u >in_help
	diff -u in_doc in_help
}

hex_names() {
	history
	match '"path_hex":"6c6174696ee4"' strata ls --json
	fails grep -q '"path":"latin' "$t_tmp/out"
}

it 'every key is documented and comes' documented
it 'every command with --json has its section' complete
it 'names that are not UTF-8 come in hexadecimal' hex_names
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	model m.safetensors a:F32:16:1 b:F32:16:2 c:F32:16:3
	echo 1 >kept
	echo 1 >gone
	strata add .
	strata commit -m one
}

long() {
	setup
	model m.safetensors a:F32:16:1 b:F32:16:9 d:F32:16:4
	rm gone
	echo new >staged
	strata add staged
	mkdir -p dir/deep
	echo 1 >dir/deep/x
	sed "s/ID/$(strata log --oneline | cut -d' ' -f2)/" >want <<-'EOF'
	On branch main, at v1 ID

	Staged for the next version:
	  (strata restore --staged PATH... takes back)
	  added     staged

	Changed, not staged:
	  (strata add PATH... stages, strata restore PATH... discards the change)
	  removed   gone
	  changed   m.safetensors  (1 of 3 tensors changed, 1 added, 1 removed)

	Untracked:
	  (strata add PATH... begins to track)
	  dir/
	  want
	EOF
	out "$(cat want)" strata status
}

clean() {
	setup
	t_id=$(strata log --oneline | cut -d' ' -f2)
	out "On branch main, at v1 $t_id
Nothing to commit, the working tree is clean." strata status
	echo 2 >kept
	match "'strata commit -a' commits" strata status
}

configuration() {
	repo
	model m.safetensors a:F32:16:1 --meta step=1
	strata add .
	strata commit -m one
	model m.safetensors a:F32:16:1 --meta step=2
	match '^  changed   m.safetensors  \(configuration changed\)$' strata status
	strata add .
	match '^  changed   m.safetensors  \(configuration changed\)$' strata status
}

mode() { # in the words of diff
	repo
	model m.safetensors a:F32:16:1 --meta step=1
	strata add .
	strata commit -m one
	chmod +x m.safetensors
	match '^  changed   m.safetensors  \(executable\)$' strata status
	match '^m.safetensors: executable$' strata diff
	strata add .
	match '^  changed   m.safetensors  \(executable\)$' strata status
	strata commit -m two
	chmod -x m.safetensors
	match '^  changed   m.safetensors  \(no longer executable\)$' strata status
	match '^m.safetensors: no longer executable$' strata diff
	model m.safetensors a:F32:16:1 --meta step=2 # as long as it was
	match '^  changed   m.safetensors  \(configuration changed\)$' strata status
	strata add .
	match '^  changed   m.safetensors  \(configuration changed\)$' strata status
	strata reset -q --hard
	chmod -x m.safetensors
	strata add .
	model m.safetensors a:F32:16:2 # what is staged says nothing of that
	strata status >got
	out '  changed   m.safetensors  (no longer executable)
  changed   m.safetensors' grep m.safetensors got
}

brief() {
	setup
	echo 2 >kept
	strata add kept
	echo 3 >kept
	rm gone
	strata rm -q --cached m.safetensors
	mkdir d
	echo 1 >d/a
	echo 2 >d/b
	strata status -s >got
	grep -qx 'MM kept' got
	grep -qx ' D gone' got
	grep -qx '?? d/' got
	strata status -s -uall >got
	grep -qx '?? d/a' got
	grep -qx '?? d/b' got
	strata status -s --untracked=no >got
	fails grep -q '^??' got
	rc 2 strata status --untracked=x
	strata status -s d >got
	out '?? d/' cat got
}

json() {
	setup
	model m.safetensors a:F32:16:1 b:F32:16:9 c:F32:16:3
	echo 2 >kept
	strata add kept
	out '{"path":"kept","state":"staged","staged":"changed","worktree":null,"kind":"file","tensors":null}
{"path":"m.safetensors","state":"changed","staged":null,"worktree":"changed","kind":"model","tensors":{"added":0,"changed":1,"unchanged":2,"removed":0}}' strata status --json
	match '"tensors":null' strata status --json --no-tensors
}

ignored() {
	setup
	echo '*.log' >.strataignore
	echo 1 >x.log
	strata add .strataignore
	strata commit -m ignore
	out '' strata status -s
	out '!! x.log' strata status -s --ignored
	match '^Ignored:$' strata status --ignored
}

detached() {
	setup
	strata checkout -q v1
	match '^HEAD is detached at v1 ' strata status
}

touched() {
	setup
	touch kept m.safetensors
	out '' strata status -s
	chmod +x kept
	out ' M kept' strata status -s
	rm kept
	ln -s gone kept
	out ' T kept' strata status -s
}

it 'says everything, with tensors' long
it 'says when there is nothing' clean
it 'says when no tensor did change' configuration
it 'says when the mode alone did' mode
it '-s has two letters and a path' brief
it '--json has one object a file' json
it '--ignored shows what is ignored' ignored
it 'knows a detached HEAD' detached
it 'looks at content, not at times' touched
finish

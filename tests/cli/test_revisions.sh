#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every way to name a version, in the commands that take one.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# v1 - v2 - v4 - v5 (main), v3 (side, the second parent of v5) after v1.
setup() {
	repo
	mkdir dir
	model m.safetensors enc.w:F32:4:1 enc.b:F32:4:2
	model dir/n.safetensors enc.w:F32:4:3 q:F32:4:4
	model c::d.safetensors x:F32:4:5
	echo t >a::b
	echo u >x:y
	strata add -q .
	strata commit -q -m one
	model m.safetensors enc.w:F32:4:6 enc.b:F32:4:2
	strata commit -q -a -m two
	strata switch -q -c side v1
	model dir/n.safetensors enc.w:F32:4:7 q:F32:4:4
	strata commit -q -a -m three
	strata switch -q main
	echo more >a::b
	strata commit -q -a -m four
	strata merge -q side -m five
	strata tag t1 v2
	strata tag both v1
	strata branch both v2
	strata branch x/y v1
	id2=$(id v2)
}

id() { # of a revision, by log
	strata log -n 1 --json "$1" | sed 's/.*"commit":"\([0-9a-f]*\)".*/\1/'
}

forms() { # form, version
	cat <<-END
		HEAD v5
		@ v5
		main v5
		heads/main v5
		refs/heads/main v5
		v2 v2
		t1 v2
		tags/t1 v2
		refs/tags/t1 v2
		x/y v1
		heads/x/y v1
		heads/both v2
		tags/both v1
		$(echo "$id2" | cut -c1-6) v2
		$id2 v2
		HEAD~ v4
		HEAD~0 v5
		HEAD~3 v1
		HEAD^ v4
		HEAD^2 v3
		@^2~1 v1
		HEAD^^ v2
		main@{0} v5
		main@{2} v2
		@{1} v4
		HEAD@{1} v4
		@@{1} v4
		refs/heads/main@{1} v4
		@{-1} v3
		main@{2099-01-01} v5
		main@{2099-01-01T00:00:00Z} v5
		main@{2099-01-01T00:00:00Z}~1 v4
	END
}

good() {
	setup
	forms >../forms
	[ "$(wc -l <../forms)" = 32 ]
	while read -r form is; do
		want=$(id "$is")
		[ "$(id "$form")" = "$want" ]
		strata show --json "$form" >../shown
		grep -q "\"commit\":\"$want\"" ../shown
		strata branch got "$form"
		[ "$(id got)" = "$want" ]
		strata branch -q -D got
		strata tag -f gone "$form" >../null
		[ "$(id tags/gone)" = "$want" ]
		strata ls --json "$form:dir" >../got
		strata ls --json "$is:dir" | cmp - ../got
		strata cat "$form:m.safetensors::enc.w" >../got
		strata cat "$is:m.safetensors::enc.w" | cmp - ../got
		out '' strata diff "$form" "$is"
		out '' strata diff "$form..$is"
	done <../forms
	while read -r form is; do
		case $form in *@* | HEAD*) continue ;; esac # which mean another one then
		strata switch -q --detach "$form"
		[ "$(id HEAD)" = "$(id "$is")" ]
		strata reset -q --hard v5
		strata reset -q --hard "$form"
		[ "$(id HEAD)" = "$(id "$is")" ]
		strata checkout -q main
	done <../forms
}

refused() { # revision, regular expression
	for t_cmd in 'branch nb %' 'tag nt %' 'switch --detach %' 'switch -c nb %' 'reset --hard %' \
		'revert %' 'cherry-pick %' 'rollback %' 'merge %' 'checkout %' 'checkout % --to ../o' \
		'restore --source % m.safetensors' 'stats %' 'show %' 'log %' \
		'commit --allow-empty -m x --lineage adapter-of=%' 'merge --replay %'; do
		set -- "$1" "$2"
		t_rev=$1 t_re=$2
		case $t_cmd:$t_rev in log*:*..v2 | show*:*:m* | log*:*...* ) continue ;; esac
		# shellcheck disable=SC2086
		set -- $t_cmd
		t_args=
		for t_arg; do
			case $t_arg in *%) t_arg=${t_arg%\%}$t_rev ;; esac
			t_args="$t_args '$t_arg'"
		done
		eval "err \"\$t_re\" strata $t_args"
		[ "$t_rc" = 2 ]
		set -- "$t_rev" "$t_re"
	done
}

bad() {
	setup
	strata reflog >../before
	refused nope "unknown revision 'nope'"
	refused v99 "unknown revision 'v99'"
	refused both "'both' has several meanings: branch both, tag both; say heads/NAME or tags/NAME"
	refused v1..v2 "'v1..v2' is a range: here one version is wanted"
	refused v2:m.safetensors "'v2:m.safetensors' is a part of a version: here a whole one is wanted, 'v2'"
	refused "$(echo "$id2" | cut -c1-5)" "unknown revision '[0-9a-f]*': an id needs at least 6 digits"
	refused HEAD~9 "'HEAD~9' goes back further than the history"
	refused HEAD^3 "'HEAD\^3' asks for parent 3 of a version that has 2"
	refused HEAD~1^2 "'HEAD~1\^2' asks for parent 2 of a version that has 1"
	refused ^main "'\^main' is not a revision: what it does not have is a range, 'main..HEAD'"
	refused ^ "'\^' is not a revision: say HEAD\^"
	refused HEAD~x "'HEAD~x' is not a revision"
	refused '~1' "'~1' is not a revision: say HEAD~1"
	refused 'main@{9}' 'it pointed nowhere then'
	refused 'main@{foo}' 'between the braces stands a number of moves'
	strata reflog | cmp - ../before
}

# "::" and ":" in names of files.
parts() {
	setup
	out 'a::b' strata ls --name-only HEAD:a::b
	out 'a::b' strata ls --name-only HEAD:./a::b
	out 'x:y' strata ls --name-only HEAD:x:y
	out 'c::d.safetensors' strata ls --name-only HEAD:c::d.safetensors
	out 'x' strata ls --name-only HEAD:c::d.safetensors::x
	out 'x' strata ls --name-only ./c::d.safetensors::x
	out 'x' strata ls --name-only --tensors HEAD:c::d.safetensors
	out 'more' strata cat HEAD:a::b
	out 't' strata cat tags/both:a::b
	out 'q' strata ls --name-only 'main@{2099-01-01T00:00:00Z}:dir::q'
	err "'a::b' is no revision: 'strata ls HEAD:a::b'" strata ls a::b
	err "'HEAD:a::b::x' names no|no model file there" strata ls HEAD:a::b::x
	rc 2 strata ls HEAD::
	rc 0 strata ls 'HEAD::enc.*'
	[ "$(wc -l <"$t_tmp/out")" = 3 ]
}

# A tensor of a path, compared as --tensor does.
tensors() {
	setup
	strata diff v1 v2 --tensor enc.w --json >../want
	grep -q '"name":"enc.w","status":"changed"' ../want
	strata diff v1::enc.w v2::enc.w --json | cmp - ../want
	strata diff v1::enc.w v2 --json | cmp - ../want
	strata diff v1 'v2::enc.w' --json | cmp - ../want
	match '"tensors":.*"changed":1' strata diff v1:m.safetensors::enc.w v2:m.safetensors --json
	match '"tensors":.*"changed":1' strata diff 'v1:m.safetensors::enc.*' m.safetensors --json
	out '' strata diff v1:m.safetensors::enc.b v2:m.safetensors::enc.b
	out '' strata diff ::enc.b HEAD
	err "'enc.w' and 'enc.b': only tensors of one name are compared" strata diff v1::enc.w v2::enc.b
	[ "$t_rc" = 2 ]
	err "'::enc.w' and --tensor both say" strata diff v1::enc.w v2 --tensor enc.w
	[ "$t_rc" = 2 ]
	err "'::enc.w'" strata diff --name-only v1::enc.w v2
	[ "$t_rc" = 2 ]
	err "'nope' matches no tensor of either side" strata diff v1::nope v2
	[ "$t_rc" = 2 ]
	err "is a file and 'v2' is a directory" strata diff v1:m.safetensors::enc.w v2
	out '' strata diff HEAD:a::b a::b
}

reflogs() {
	setup
	strata reflog side >../want
	strata reflog heads/side | cmp - ../want
	strata reflog refs/heads/side | cmp - ../want
	strata reflog t1 >../want
	strata reflog refs/tags/t1 | cmp - ../want
	err "there is and was no branch or tag 'refs/heads/nope'" strata reflog refs/heads/nope
}

files() {
	setup
	echo changed >m.safetensors
	err "'m.safetensors' is a file and no revision: 'strata restore m.safetensors'" \
		strata checkout m.safetensors
	[ "$t_rc" = 2 ]
	[ "$(cat m.safetensors)" = changed ]
	err "'nofile' matches no file" strata checkout v1 nofile
	err "unknown revision 'nofile'" strata checkout nofile
}

it 'checkout of a file' files
it 'every form names what it should' good
it 'what names no version is said, and changes nothing' bad
it 'files with colons in their names, and their tensors' parts
it 'diff of tensors of a path' tensors
it 'reflog takes full names' reflogs
finish

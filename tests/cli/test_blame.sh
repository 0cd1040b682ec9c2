#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

today=$(date +%Y-%m-%d)

# enc.w is from v3, enc.b from v2, head.w from v1
setup() {
	repo
	model m.safetensors enc.w:F32:4,4:1 enc.b:F32:4:2 head.w:F32:4:3
	echo text >notes
	strata add .
	strata commit -q -m one
	model m.safetensors enc.w:F32:4,4:1 enc.b:F32:4:5 head.w:F32:4:3
	strata commit -q -a -m two
	model m.safetensors enc.w:F32:4,4:7 enc.b:F32:4:5 head.w:F32:4:3
	strata commit -q -a -m three
}

brief() { strata blame "$@" | sed "s/ *$today//" | tr -s ' '; }

table() {
	setup
	out "m.safetensors
version  date        by          tensor
v3       $today  Ada Tester  enc.w
v2       $today  Ada Tester  enc.b
v1       $today  Ada Tester  head.w" strata blame m.safetensors
	strata blame m.safetensors --values >got
	grep -Eqx 'version  date +D +L2  tensor' got
	grep -Eqx "v3 +$today +[0-9.e-]+ +[0-9.e-]+  enc.w" got
	grep -Eqx "v1 +$today +new +-  head.w" got
}

revisions() {
	setup
	out 'm.safetensors
version date by tensor
v1 Ada Tester enc.w
v2 Ada Tester enc.b
v1 Ada Tester head.w' brief m.safetensors v2
	brief v2 -- m.safetensors >a
	brief m.safetensors v2 | cmp - a
	brief . v2 | cmp - a
	brief '*.safetensors' HEAD~1 | cmp - a
	strata switch -q --detach v2
	brief m.safetensors | cmp - a
	cd .. && mkdir -p repo/sub && cd repo/sub
	brief ../m.safetensors | cmp - ../a
	cd ..
	echo x >v1
	rc 2 strata blame m.safetensors v1
	err "'v1' is a revision and a file" strata blame m.safetensors v1
	rc 2 strata blame m.safetensors v1 --
	rm v1
	rc 2 strata blame v1 v2 -- m.safetensors
	rc 2 strata blame m.safetensors v9
}

tensors() {
	setup
	out 'm.safetensors
version date by tensor
v3 Ada Tester enc.w
v2 Ada Tester enc.b' brief m.safetensors --tensor 'enc.*'
	out 'm.safetensors
version date by tensor
v1 Ada Tester head.w' brief . --tensor 'm*::head.w'
	out 4 sh -c "strata blame . --tensor head.w --tensor '*.b' | wc -l"
	rc 2 strata blame . --tensor nonesuch
	err "'nonesuch' matches no tensor of that version" strata blame . --tensor nonesuch
	rc 2 strata blame . --tensor head.w --tensor 'x*'
	# a name before a glob
	model m.safetensors 'a*:F32:4:1' ab:F32:4:2
	strata commit -q -a -m four
	out 'm.safetensors
version date by tensor
v4 Ada Tester a*' brief . --tensor 'a*'
}

several_files() {
	setup
	mkdir d
	model d/n.safetensors w:F32:4:1
	strata add .
	strata commit -q -m four
	out 'd/n.safetensors
version date by tensor
v4 Ada Tester w
m.safetensors
version date by tensor
v3 Ada Tester enc.w' brief . --tensor w --tensor enc.w
	out 'd/n.safetensors
version date by tensor
v4 Ada Tester w' brief d
	# a file that moved is another file
	strata mv m.safetensors d
	strata commit -q -m five
	out 'd/m.safetensors
version date by tensor
v5 Ada Tester enc.w' brief . --tensor enc.w
}

json() {
	setup
	strata blame m.safetensors --json --tensor enc.w >got
	grep -Eqx '\{"path":"m.safetensors","name":"enc.w","commit":"[0-9a-f]{64}","version":"v3","author":"Ada Tester <ada@example.org>","time":"[0-9T:.-]*Z","message":"three","status":"changed","changed":null,"mad":null,"l2":null,"cosine":null,"nonfinite":null\}' got
	match '"status":"changed","changed":16,"mad":[0-9.e-]+,"l2":[0-9.e-]+,"cosine":[0-9.e-]+,"nonfinite":0' \
		strata blame m.safetensors --json --tensor enc.w --values
	out 3 sh -c 'strata blame m.safetensors --json | wc -l'
}

# What is in the working tree or staged is no version yet.
dirty() {
	setup
	brief m.safetensors >a
	model m.safetensors enc.w:F32:4,4:8
	brief m.safetensors | cmp - a
	strata add .
	brief m.safetensors | cmp - a
	strata undo -q
	rm m.safetensors
	brief m.safetensors | cmp - a
	# a tensor that goes back to what it was is changed all the same
	strata checkout -q v1 -- m.safetensors
	strata commit -q -m four
	out 'm.safetensors
version date by tensor
v4 Ada Tester enc.w
v4 Ada Tester enc.b
v1 Ada Tester head.w' brief m.safetensors
}

refuses() {
	repo
	rc 2 strata blame
	rc 2 strata blame m.safetensors
	err 'no version yet' strata blame m.safetensors
	cd ..
	rm -rf repo
	setup
	rc 2 strata blame
	err "which file" strata blame
	rc 2 strata blame nonesuch
	err "'nonesuch' matches no file" strata blame nonesuch
	rc 2 strata blame notes
	err 'is a model' strata blame notes
	rc 2 strata blame notes m.safetensors nonesuch
	rc 3 strata -C / blame m.safetensors
	rc 2 strata blame m.safetensors --nonesuch
}

# Names are anyone's: nothing in them steers the terminal; long ones leave 80 columns.
names() {
	repo
	name=$(printf 'a%.0s' $(seq 100)).weight
	model m.safetensors "$name:F32:4:1"
	strata add .
	strata commit -q -m one
	strata blame m.safetensors >got
	strata blame m.safetensors --values >>got
	[ "$(awk '{ if (length > n) n = length } END { print n }' got)" -le 80 ]
	grep -q 'weight$' got
	strata log --tensor '*' --values >got
	[ "$(grep -v '^version' got | awk '{ if (length > n) n = length } END { print n }')" -le 80 ]
	match "\"name\":\"$name\"" strata blame m.safetensors --json
}

it 'a table: version, date, by, tensor; with --values D and L2' table
it 'in any revision, which may come last or before --' revisions
it '--tensor: names and globs' tensors
it 'several files, each with its own history' several_files
it '--json has the promised keys' json
it 'answers of versions, whatever the working tree holds' dirty
parts() {
	setup
	err "'v1' is a revision: it comes behind the path" strata blame v1 m.safetensors
	[ "$t_rc" = 2 ]
	for t_part in v1:m.safetensors HEAD:m.safetensors::enc.w m.safetensors::enc.w; do
		err "'$t_part': say the path, then a revision; --tensor chooses" strata blame "$t_part"
		[ "$t_rc" = 2 ]
	done
	out 'm.safetensors
version date by tensor
v1 Ada Tester enc.w' brief m.safetensors 'main@{2099-01-01T00:00:00Z}~2' --tensor enc.w
}

it 'parts of revisions are answered with what to say' parts
it 'what it refuses' refuses
it 'long names are cut' names
finish

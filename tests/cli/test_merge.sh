#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() { # side at v1, main at v2
	two_versions
	strata branch side v1
}

forward() {
	setup
	strata switch -q side
	out "fast-forward from v1 $id1
on branch side, at v2 $id2: 1 file written, 2 B" strata merge main
	[ "$(cat a)" = 2 ]
	out '' strata status -s
	match 'merge main: fast-forward$' strata reflog -1
	out 'already up to date' strata merge main
	out 'already up to date' strata merge v1
	out 'already up to date' strata merge HEAD
	match '^undone: merge main: fast-forward$' strata undo
	[ "$(cat a)" = 1 ]
	match '^\* side +v1' strata branch
	match '^done again' strata undo --redo
	[ "$(cat a)" = 2 ]
	strata fsck
}

forms() {
	setup
	strata switch -q side
	strata merge -q --ff-only v2
	strata reset -q --hard v1
	strata merge -q "$id2"
	strata reset -q --hard v1
	strata merge -q -
	strata reset -q --hard v1
	strata merge -q @{-1}
	match '^\* side +v2' strata branch
	strata reset -q --hard v1
	match '^\{"kind":"summary","result":"fast-forward","branch":"side","commit":"[0-9a-f]{64}","version":"v2","old_commit":"[0-9a-f]{64}","old_version":"v1","base":null,"several_bases":false,"conflicts":0,"taken":0,"blended":0,"files":\{"written":1,"kept":0,"removed":0,"bytes":2\}\}$' \
		strata merge --json main
	match '^\{"kind":"summary","result":"up-to-date",.*"version":"v2",.*"old_version":"v2",' strata merge --json main
}

method_first() { # a wrong one is refused whatever there is to do
	setup
	for t_branch in main side; do # up to date; forward
		strata switch -q $t_branch
		for t_m in nope ties:nope=1; do
			rc 2 strata merge main --method $t_m
			grep -q nope "$t_tmp/err"
			[ ! -s "$t_tmp/out" ]
		done
		rc 2 strata merge main --rule '*=nope'
		rc 2 strata merge main --rule x
		match '^\* '$t_branch strata branch
	done
	match '^\* side +v1' strata branch
	out '' strata status -s
	strata merge -q main --method linear
	match '^\* side +v2' strata branch
}

diverged() {
	setup
	strata switch -q side
	echo 3 >b
	strata add b
	strata commit -q -m three
	id3=$(strata log --oneline -1 | cut -d' ' -f2)
	strata reflog >../before
	rc 7 strata merge --ff-only main
	err "side \(v3 $id3\) cannot go forward to main \(v2 $id2\): each has versions that" strata merge --ff-only main
	strata reflog | cmp - ../before
	match '^\* side +v3' strata branch
	[ "$(cat a)$(cat b)" = 13 ]
	out '' strata status -s
	match '^v4 [0-9a-f]{12}  side  Merge main into side$' strata merge main
	[ "$(cat a)$(cat b)" = 23 ]
	match '^undone: merge main$' strata undo
	[ "$(cat a)$(cat b)" = 13 ]
	strata fsck --full
}

unborn() {
	setup
	strata branch -q -D side
	strata tag keep
	strata undo -q && strata undo -q --redo
	repo ../new
	rc 2 strata merge v1
	rc 2 strata merge main
	err 'did you mean|log' strata merge mian
}

detached() {
	setup
	strata switch -q --detach v1
	match '^fast-forward from v1' strata merge main
	match '^HEAD is detached at v2' strata status
	match '^  side +v1' strata branch
	match '^  main +v2' strata branch
	strata undo -q
	match '^HEAD is detached at v1' strata status
	match '"branch":null' strata merge --json v2
}

dirty() {
	setup
	strata switch -q side
	echo mine >b
	echo staged >c
	strata add c
	strata merge main
	[ "$(cat a)$(cat b)$(cat c)" = 2minestaged ]
	out '?? b
A  c' strata status -s
	strata undo -q
	echo changed >a
	rc 7 strata merge main
	err "in 1 file: 'a'; 'strata commit' keeps them, 'strata restore' discards them" strata merge main
	strata add a
	rc 7 strata merge main
	[ "$(cat a)$(cat c)" = changedstaged ]
	out 'M  a
?? b
A  c' strata status -s
	match '^\* side +v1' strata branch
}

untracked() {
	setup
	strata switch -q -c with-b v1
	echo 1 >b
	strata add b
	strata commit -q -m b
	strata switch -q side
	echo mine >b
	err "in 1 file: 'b'; 'strata add' and 'strata commit' keep them; or move them away" strata merge with-b
	[ "$(cat b)" = mine ]
}

usage() {
	setup
	rc 2 strata merge
	rc 2 strata merge v9
	rc 2 strata merge v1 v9
	rc 2 strata merge --continue v1
	rc 2 strata merge --continue --abort
	rc 2 strata merge --ff-only --no-ff v1
	rc 2 strata merge --seed x v1
	rc 7 strata merge --continue
	rc 7 strata merge --abort
	rc 3 sh -c 'cd / && strata merge main'
	match '^\* main +v2' strata branch
}

# main: a and b of the model; side: b and c.
models() {
	repo
	model m.safetensors a:F32:64:1 b:F32:64:1 c:F32:64:1 d:F32:64:1
	printf '1\n2\n3\n4\n5\n' >t
	strata add . && strata commit -q -m one
	strata branch side
	model m.safetensors a:F32:64:2 b:F32:64:2 c:F32:64:1 d:F32:64:1
	strata commit -q -a -m two
	strata switch -q side
	model m.safetensors a:F32:64:1 b:F32:64:3 c:F32:64:4 d:F32:64:1
	strata commit -q -a -m three
	strata switch -q main
	cp m.safetensors ../main.safetensors
}

by_rule() {
	models
	err "rule 'x\*=ours' decides about no tensor: it matches none that several sides changed" \
		strata merge side --rule b=theirs --rule 'x*=ours'
	err "rule 'b=ours' decides about no tensor: .* rules before it match them" \
		strata merge side --rule '*=theirs' --rule b=ours
	cmp m.safetensors ../main.safetensors
	rc 2 strata merge side --rule 'b=nonsense'
	rc 2 strata merge side --method linear:weight=x
	err "model of method 'theirs' is 2, but 1 other is merged" strata merge side --method theirs:model=2
	err "model of method 'theirs' is 2, but 1 other is merged" strata merge side --rule b=theirs:model=2
	err "normalize of method 'linear' is 0 or 1, not 0.5" strata merge side --method linear:normalize=0.5
	err "model of method 'theirs' is 5, but 1 other is merged" \
		sh -c 'strata config merge.method theirs:model=5 && strata merge side'
	strata config --unset merge.method
	strata merge -q side --rule 'b=theirs'
	model ../want.safetensors a:F32:64:2 b:F32:64:3 c:F32:64:4 d:F32:64:1
	cmp m.safetensors ../want.safetensors
	out '' strata status -s
	strata undo -q
	strata config merge.rules 'b=theirs x*=ours'
	strata merge -q side
	cmp m.safetensors ../want.safetensors
	strata undo -q
	strata config --unset merge.rules
	strata config merge.method ours
	strata merge -q side
	model ../want.safetensors a:F32:64:2 b:F32:64:2 c:F32:64:4 d:F32:64:1
	cmp m.safetensors ../want.safetensors
	strata fsck --full
}

conflict() {
	models
	strata reflog >../reflog
	rc 1 strata merge side
	out "On branch main, at v2 $(strata log --oneline -1 | cut -d' ' -f2)
Merging: 1 of 1 conflict left
  (strata resolve GLOB --ours|--theirs|--method M decides, strata merge --abort takes back)
  values         m.safetensors::b  D 0.0228, cosine -0.1040, 64 of 64 changed

Staged for the next version:
  (strata restore --staged PATH... takes back)
  changed   m.safetensors  (1 of 4 tensors changed)" strata status
	match '^\{"kind":"conflict","path":"m.safetensors","name":"b","type":"values","how":null,' strata status --json
	model ../want.safetensors a:F32:64:2 b:F32:64:2 c:F32:64:4 d:F32:64:1
	cmp m.safetensors ../want.safetensors
	err '1 conflict of the merge is left' strata commit -m early
	for verb in 'switch side' 'checkout v1' 'revert HEAD' 'cherry-pick v3' 'rollback v1' undo 'reset --hard' \
		'merge side' 'commit --amend -m x'; do
		rc 7 strata $verb
	done
	rc 1 strata merge --continue
	strata gc --prune=now
	match 'the merge is taken back' strata merge --abort
	cmp m.safetensors ../main.safetensors
	out '' strata status -s
	strata reflog | cmp - ../reflog
	match '^undone: switch main' strata undo
}

ends() {
	models
	rc 1 strata merge side -m 'as told'
	strata resolve -q b --theirs
	match 'all conflicts are decided' strata status
	match '^v4 [0-9a-f]{12}  merged$' strata merge --continue
	match 'as told' strata log -1
	model ../want.safetensors a:F32:64:2 b:F32:64:3 c:F32:64:4 d:F32:64:1
	cmp m.safetensors ../want.safetensors
	match '^Nothing to commit' strata status
	match '^undone: merge ended: as told' strata undo
	cmp m.safetensors ../main.safetensors
	match '^Nothing to commit' strata status
	match '^done again' strata undo --redo
	cmp m.safetensors ../want.safetensors
	strata fsck --full
}

# Nothing that status says at the end of a merge under way sends anybody anywhere else.
still_merging() {
	repo
	model m.safetensors a:F32:4:1
	echo 1 >t
	strata add . && strata commit -q -m one
	strata branch side
	model m.safetensors a:F32:4:2
	strata commit -q -a -m two
	strata switch -q side
	model m.safetensors a:F32:4:3
	strata commit -q -a -m three
	strata switch -q main
	rc 1 strata merge side
	status_is() { # LAST LINE
		strata status >../status
		tail -1 ../status >../last
		out "$1" cat ../last
		fails grep -e 'Nothing to commit' -e 'commit -a' -e 'Nothing is staged' ../status
	}
	status_is '  values         m.safetensors::a  D 0.0175, cosine 0.5426, 4 of 4 changed'
	echo more >t
	status_is '  changed   t'
	echo new >new
	status_is '  new'
	strata resolve -q a --ours
	rm new && echo 1 >t
	status_is "Merging: all conflicts are decided; 'strata merge --continue' ends it"
	strata merge -q --continue
	match '^Nothing to commit' strata status
}

by_commit() {
	models
	rc 1 strata merge side
	model m.safetensors a:F32:64:9 b:F32:64:9 c:F32:64:9 d:F32:64:9
	strata add m.safetensors
	match 'all conflicts are decided' strata status
	match '"by hand"|by hand' strata status --json
	strata commit -q -m 'by hand'
	match 'v4' strata log --oneline -1
	strata log --graph | grep -q '|'
	strata fsck --full
}

lines() {
	models
	printf 'one\n2\n3\n4\n5\n' >t
	strata commit -q -a -m ours
	strata switch -q side
	printf '1\n2\n3\n4\nfive\n' >t
	strata commit -q -a -m theirs
	strata switch -q main
	strata merge -q side --method ours
	out 'one
2
3
4
five' cat t
	strata undo -q
	strata switch -q side
	printf 'uno\n2\n3\n4\n5\n' >t
	strata commit -q -a -m theirs
	strata switch -q main
	rc 1 strata merge -q side --method ours
	out '<<<<<<< ours
one
||||||| base
1
=======
uno
>>>>>>> theirs
2
3
4
5' cat t
	match '^  text +t( |$)' strata status
	printf 'eins\n2\n3\n4\n5\n' >t
	strata add t
	strata merge -q --continue
	out 'eins
2
3
4
5' strata cat HEAD:t
	strata undo -q
	out 'one' head -n 1 t
	rc 1 strata merge -q side --method ours
	strata resolve -q t --theirs
	out 'uno' head -n 1 t
	strata merge -q --abort
	out 'one' head -n 1 t
	out '' strata status -s
	rc 1 strata merge -q side --method ours
	echo edited >t
	strata merge -q --abort
	out 'one' head -n 1 t
}

files() {
	repo
	for f in a b c d e f; do echo "$f 1" >$f; done
	strata add . && strata commit -q -m one
	strata branch side
	echo 'a 2' >a
	strata rm -q b
	strata mv c c2
	echo 'd 2' >d
	echo 'e 2' >e
	echo ours >new
	strata add . && strata commit -q -m two
	strata switch -q side
	echo 'b 2' >b
	echo 'c 2' >c
	strata rm -q d
	echo 'e 2' >e
	strata mv f f2
	echo theirs >new
	strata add . && strata commit -q -m three
	strata switch -q main
	rc 1 strata merge side
	out 'delete/modify b  base 4 B, ours removed it, theirs 4 B
delete/modify d  base 4 B, ours 4 B, theirs removed it
add/add new  1 place' sh -c "strata status | sed -n 's/^  \([a-z]*\/[a-z]*\)  */\1 /p'"
	[ ! -e b ] && [ ! -e c ] && [ ! -e f ]
	out 'a 2
c 2
d 2
e 2
f 1' cat a c2 d e f2
	strata resolve -q b --theirs
	out 'b 2' cat b
	strata resolve -q d --theirs
	[ ! -e d ]
	strata resolve -q new --base
	[ ! -e new ]
	strata resolve -q new --theirs
	out theirs cat new
	out 'a
b
c2
e
f2
new' ls
	strata merge -q --continue
	out '' strata status -s
	strata fsck --full
}

several() {
	repo
	echo 1 >a && strata add . && strata commit -q -m one
	for b in x y z; do
		strata switch -q -c $b v1
		echo $b >$b && strata add $b && strata commit -q -m $b
	done
	strata switch -q main
	match 'Merge x, y and z into main' strata merge x y z
	out 'a
x
y
z' ls
	out 'already up to date' strata merge x y z
	strata undo -q
	# what another one leads to, and one named twice, adds nothing
	strata switch -q x
	echo more >more && strata add more && strata commit -q -m more
	strata switch -q main
	out 'fast-forward from v1 '"$(strata log --oneline -1 v1 | cut -d' ' -f2)"'
on branch main, at v6 '"$(strata log --oneline -1 x | cut -d' ' -f2)"': 2 files written, 7 B; 1 kept' \
		strata merge x~1 x x~1 v1
	match 'Merge y into main' strata merge y y
	match '^Merge:  [0-9a-f]{12} [0-9a-f]{12}$' strata show
	strata undo -q && strata undo -q
	echo d >d && strata add d && strata commit -q -m d
	strata switch -q y
	mkdir d && echo f >d/f && strata add d && strata commit -q -m d/f
	rc 1 strata merge main
	match '^  file/directory  d  ours a directory of 1 file, theirs 2 B$' strata status
	strata merge -q --abort
	out '' strata status -s
}

# a file here, a directory there: whichever is chosen, all of the other goes
clash() { # which side made the directory of a file
	repo
	echo before >d
	echo a >a
	strata add . && strata commit -q -m one
	strata branch side
	[ "$1" = main ] || strata switch -q side
	rm -rf d && mkdir d && printf '2\n' >d/f && echo 1 >d/g && mkdir d/sub && echo 3 >d/sub/h
	strata add -A . && strata commit -q -m directory
	strata switch -q $([ "$1" = main ] && echo side || echo main)
	rm -rf d && echo file >d
	strata add -A . && strata commit -q -m file
	strata switch -q main
	mine=$([ "$1" = main ] && echo directory || echo file)
	theirs=$([ "$1" = main ] && echo file || echo directory)
	rc 1 strata merge side
}

clashes() {
	clash "$1"
	file='5 B' directory='a directory of 3 files'
	has() { [ "$1" = file ] && echo "$file" || echo "$directory"; }
	match "^  file/directory  d  base 7 B, ours $(has $mine), theirs $(has $theirs)\$" strata status
	file='"size":5,"files":null' directory='"size":6,"files":3'
	none='"dtype":null,"shape":null,"value":null'
	match "\"has\":\{\"base\":\{$none,\"size\":7,\"files\":null\},\"ours\":\{$none,$(has $mine)\},\"theirs\":\{$none,$(has $theirs)\}\}" \
		strata status --json
	match '"kind":"conflict","path":"d","name":"","type":"file/directory","how":null' strata status --json
	[ "$(strata status --json | grep -c '"kind":"conflict"')" = 1 ]
	[ "$mine" = file ] && [ -f d ] || [ -d d ]
	rc 7 strata resolve '*' --method linear
	strata resolve -q d --theirs
	[ "$theirs" = file ] && [ -f d ] || [ -f d/sub/h ]
	strata resolve -q d --ours
	[ "$mine" = file ] && [ -f d ] || [ -f d/sub/h ]
	strata resolve -q d --theirs
	strata merge -q --continue
	[ "$theirs" = file ] && [ -f d ] || [ -f d/sub/h ]
	out '' strata status -s
	match '^file/directory +d .*  theirs$' strata show
	strata merge -q --replay HEAD
	strata fsck --full
	strata undo -q
	[ "$mine" = file ] && [ -f d ] || [ -f d/sub/h ]
	rc 1 strata merge side
	strata resolve -q d --base # a file
	out before cat d
	strata resolve -q d --from side
	[ "$theirs" = file ] && [ -f d ] || [ -f d/sub/h ]
	strata resolve -q d --theirs
	[ -f d ] || echo changed >d/f
	strata merge -q --abort
	[ "$mine" = file ] && [ -f d ] || [ -f d/sub/h ]
	out '' strata status -s
}

clash_by_hand() {
	clash side
	rm d && mkdir d && echo hand >d/hand
	strata add -A d
	match 'all conflicts are decided' strata status
	strata merge -q --continue
	out 'a
d/hand' ls -1 a d/hand
	[ ! -e d/f ]
	strata merge -q --replay HEAD
	strata fsck --full
}

# of a directory that was, one side changed a file and the other made the directory one
clash_inside() {
	repo
	mkdir d && echo 1 >d/f && echo 1 >d/g && strata add . && strata commit -q -m one
	strata branch side
	rm -r d && echo file >d && strata add -A . && strata commit -q -m file
	strata switch -q side
	echo 2 >d/f && strata commit -q -a -m f
	strata switch -q main
	rc 1 strata merge side
	match '^  delete/modify +d/f( |$)' strata status
	[ -f d ]
	strata resolve d/f --theirs
	match '^  file/directory  d  base a directory of 2 files, ours 5 B, theirs a directory of 2 files$' strata status
	[ -f d ]
	strata resolve -q d --theirs
	out 2 cat d/f
	[ ! -e d/g ]
	strata merge -q --continue
	match ' d/f$' strata ls
	[ "$(strata ls | wc -l)" = 1 ]
	strata merge -q --replay HEAD
	strata fsck --full
	# and the other way round: the file was changed, a directory took its place
	cd .. && rm -rf repo && repo
	echo 1 >d && strata add . && strata commit -q -m one
	strata branch side
	echo 2 >d && strata commit -q -a -m two
	strata switch -q side
	rm d && mkdir d && echo f >d/f && strata add -A . && strata commit -q -m f
	strata switch -q main
	rc 1 strata merge side
	out 'file/directory d' sh -c "strata status | sed -n 's/^  \([a-z/]*\)  *\(d[^ ]*\).*/\1 \2/p'"
	match '^  file/directory  d  base 2 B, ours 2 B, theirs a directory of 1 file$' strata status
	strata resolve -q d --theirs
	out f cat d/f
	strata merge -q --continue
	strata merge -q --replay HEAD
}

# Who has nothing there is told from who has a directory; "d.x" sorts between "d" and what is in it.
clash_of_three() {
	clash side
	strata merge -q --abort
	strata switch -q side && echo x >d.x && strata add . && strata commit -q -m beside
	strata switch -q -c gone v1
	strata rm -q d && strata commit -q -m gone
	strata switch -q main
	rc 1 strata merge side gone
	match '^  file/directory  d  base 7 B, ours 5 B, theirs a directory of 3 files, theirs 2: removed it$' strata status
	strata merge -q --abort
	rc 1 strata merge gone side
	match '^  file/directory  d  base 7 B, ours 5 B, theirs removed it, theirs 2: a directory of 3 files$' strata status
	strata resolve -q d --side 2
	[ -f d/sub/h ]
	strata merge -q --continue
	match '^file/directory +d +[0-9a-f]{12}  [0-9a-f]{12}  - +- +theirs 2$' strata show
	strata merge -q --replay HEAD
	# one that is the only one to have a directory is shown, whichever it is
	cd .. && rm -r repo && repo
	echo a >a && strata add . && strata commit -q -m one
	strata switch -q -c side v1
	mkdir d && echo 1 >d/f && strata add d && strata commit -q -m directory
	strata switch -q -c file v1
	echo 12 >d && strata add d && strata commit -q -m file
	strata switch -q main
	echo b >b && strata add b && strata commit -q -m other
	rc 1 strata merge file side
	match '^  file/directory  d  theirs 3 B, theirs 2: a directory of 1 file$' strata status
	strata merge -q --abort
	rc 1 strata merge side file
	match '^  file/directory  d  theirs a directory of 1 file, theirs 2: 3 B$' strata status
	match '"side":1,.*"has":\{"base":null,"ours":null,"theirs":\{.*"files":1\}\}' strata status --json
	strata merge -q --abort
	out '' strata status -s
}

# ours, theirs and base settle what no method joins, by flag and by rule.
sides() {
	repo
	model m.safetensors a:F32:64:1 b:F32:64:1 c:F32:64:1 d:F32:64:1
	strata add . && strata commit -q -m one
	strata branch side
	model m.safetensors a:F32:8:2 b:F32:64:2 d:BF16:64:2 n:F32:8:2
	strata commit -q -a -m two
	strata switch -q side
	model m.safetensors a:F32:16:3 c:F32:64:3 d:F32:64:3 n:F32:16:3
	cp m.safetensors ../side.safetensors
	strata commit -q -a -m three
	strata switch -q main
	rc 1 strata merge side --method linear
	out 'shape a
delete/modify b
delete/modify c
add/add n' sh -c "strata status | sed -n 's/^  \([a-z/]*\)  *m.safetensors::\([a-z]\).*/\1 \2/p'"
	rc 7 strata resolve n --method linear
	err "tensor \"n\" of 'm.safetensors' is a conflict of add/add: a method joins values of one" \
		strata resolve n --method linear
	strata merge -q --abort
	strata merge -q side --method theirs
	out '' strata diff --tensor '[abcn]' side HEAD
	# the type is still ours's
	match 'bf16 .* d$' strata ls --tensors
	strata merge -q --replay HEAD
	strata undo -q
	strata merge -q side --method ours
	out '' strata diff HEAD^1 HEAD
	strata undo -q
	strata merge -q side --method base
	out '' strata diff --tensor '[abc]' v1 HEAD
	strata undo -q
	strata merge -q side --rule '[ab]=theirs' --rule '*=ours'
	out '' strata diff --tensor '[ab]' side HEAD
	out '' strata diff --tensor '[cdn]' HEAD^1 HEAD
	strata merge -q --replay HEAD
}

# Which of several others it is that is shown.
of_several() {
	repo
	echo '{"k": 1, "j": 1}' >c.json && model m.safetensors a:F32:8:1 z:F32:0,3:1
	strata add . && strata commit -q -m one
	strata branch s1 && strata branch s2
	echo '{"k": 2, "j": 1}' >c.json && model m.safetensors a:F32:8:2 z:F32:0,4:1
	strata commit -q -a -m two
	strata switch -q s1
	echo '{"k": 1, "j": 2}' >c.json && strata commit -q -a -m s1
	strata switch -q s2
	echo '{"k": 3, "j": 3}' >c.json && model m.safetensors a:F32:8:3 z:F32:0,5:1
	strata commit -q -a -m s2
	strata switch -q main
	rc 1 strata merge s1 s2
	match '^  configuration  c.json::j  base 1, ours 1, theirs 2, theirs 2: 3$' strata status
	match '^  configuration  c.json::k  base 1, ours 2, theirs 2: 3$' strata status
	match '^  shape          m.safetensors::z  base f32 \[0, 3\], ours f32 \[0, 4\], theirs 2: f32 \[0, 5\]$' strata status
	strata status --json >../all
	python3 - <<-'END'
	import json
	has = {}
	for line in open("../all"):
	    c = json.loads(line)
	    if c["kind"] == "conflict":
	        has[c["name"]] = c
	assert has["j"]["side"] == 1 and has["k"]["side"] == 2
	assert has["a"]["side"] == 2 and has["a"]["figures"]["changed"] == 8, has["a"]
	assert has["a"]["theirs"] not in (has["a"]["base"], has["a"]["ours"])
	END
	strata resolve -q c.json::k --side 2
	match '"k": 3' cat c.json
	strata merge -q --abort
}

# What main left as it was is a matter of the others.
say() {
	repo
	model m.safetensors a:F32:64:1 b:F32:64:1
	strata add . && strata commit -q -m one
	for n in 2 3; do
		strata switch -q -c s$n v1
		model m.safetensors a:F32:64:$n b:F32:64:$n
		cp m.safetensors ../$n.safetensors
		strata commit -q -a -m $n
	done
	strata switch -q main
	strata merge -q s2 s3 --method linear
	strata average -q ../2.safetensors ../3.safetensors -o ../want.safetensors
	cmp m.safetensors ../want.safetensors
	strata merge -q --replay HEAD
	strata undo -q
	strata merge -q s2 s3 --method slerp:t=1
	cmp m.safetensors ../3.safetensors
	strata undo -q
	# values for each side are still told by their place
	strata merge -q s2 s3 --rule a=linear:weight=7/1/0 --rule b=linear:weight=7/0/1
	model ../want.safetensors a:F32:64:2 b:F32:64:3
	cmp m.safetensors ../want.safetensors
	match '"kind":"merge-description","id":"[0-9a-f]{64}","parents":\["[0-9a-f]{64}","[0-9a-f]{64}","[0-9a-f]{64}"\],"base":"[0-9a-f]{64}","bases":\["[0-9a-f]{64}"\],"seed":0,"settled":2\}' \
		strata show --json
	match '"name":"a","type":"values","how":"linear:.*","base":"[0-9a-f]{64}","sides":\["[0-9a-f]{64}","[0-9a-f]{64}","[0-9a-f]{64}"\]\}' \
		strata show --json
	strata merge -q --replay HEAD
	strata undo -q
	strata merge -q s2 s3 --method theirs:model=2
	cmp m.safetensors ../3.safetensors
	strata fsck --full
}

no_forward() {
	setup
	strata switch -q side
	match '^v3 .*  side  Merge main into side$' strata merge --no-ff main
	out '' strata diff main HEAD
	out 'already up to date' strata merge --no-ff main
}

# CMD may take hours, in which the user goes on.
asked_meanwhile() {
	models
	rc 7 strata merge side --method theirs --accept-if "echo mine >$PWD/m.safetensors"
	[ "$(cat m.safetensors)" = mine ]
	match '^v[0-9]* [0-9a-f]* \(HEAD -> main' strata log --oneline -1
	strata restore -q m.safetensors
	cmp m.safetensors ../main.safetensors
	out '' strata status -s
}

# What equals theirs is in no version of ours: taken back, it would be gone.
not_begun_over_equal_files() {
	repo
	printf 'a\n' >t
	echo k >keep
	strata add .
	strata commit -q -m base
	strata branch side
	printf 'b\n' >t
	strata commit -q -a -m ours
	strata switch -q side
	printf 'c\n' >t
	echo k2 >keep
	echo side >new
	strata add .
	strata commit -q -m theirs
	strata switch -q main
	echo k2 >keep
	rc 7 strata merge side
	err 'keep' strata merge side
	echo side >new
	err '2 files' strata merge side
	strata restore -q keep
	err 'new' strata merge side
	[ "$(cat new)" = side ]
	rm new
	out '' strata status -s
	rc 1 strata merge side
	strata merge -q --abort
	[ "$(cat keep)" = k ]
	[ ! -e new ]
	# without a conflict there is nothing to take back
	strata reset -q --hard main~1
	echo side >new
	strata merge -q side
	out '' strata status -s
}

asked() {
	models
	for t_none in '' ' '; do # as a variable that is not set
		rc 2 strata merge side --method theirs --accept-if "$t_none"
		grep -qx 'strata: --accept-if: the command is empty' "$t_tmp/err"
	done
	cmp m.safetensors ../main.safetensors
	rc 1 strata merge side --method theirs --accept-if 'test -e nothing'
	err 'not accepted: nothing has changed' strata merge side --method theirs --accept-if 'exit 3'
	cmp m.safetensors ../main.safetensors
	out '' strata status -s
	[ ! -e .strata/accept ]
	model ../want.safetensors a:F32:64:2 b:F32:64:3 c:F32:64:4 d:F32:64:1
	strata merge -q side --method theirs --accept-if "cmp m.safetensors $PWD/../want.safetensors && test -e t"
	match '^v4' strata log --oneline -1
	strata undo -q
	rc 1 strata merge side --accept-if "cmp m.safetensors $PWD/../want.safetensors"
	strata resolve -q b --ours
	rc 7 strata commit -m around
	rc 1 strata merge --continue
	strata resolve -q b --theirs
	rc 2 strata merge --continue --accept-if ''
	rc 1 strata merge --continue --accept-if 'exit 4' # instead of the one that was kept
	strata merge -q --continue
	strata fsck --full
}

# Going forward is asked about as well; of what HEAD has already nothing is.
asked_forward() {
	setup
	strata switch -q side
	rc 1 strata merge main --accept-if 'grep -q 7 a'
	err 'not accepted: nothing has changed' strata merge --ff-only main --accept-if 'exit 1'
	match '^\* side +v1' strata branch
	[ "$(cat a)" = 1 ]
	[ ! -e .strata/accept ]
	strata merge -q main --accept-if 'grep -q 2 a; exit $?'
	[ "$(cat a)" = 2 ]
	out 'already up to date' strata merge main --accept-if 'exit 1'
	strata undo -q
	rc 1 strata merge --no-ff main --accept-if 'exit 1'
	strata merge -q --no-ff main --accept-if 'test "$(cat a)" = 2'
	strata fsck
}

# It sees files of its own, and what it does to them is lost; others wait meanwhile.
asked_folder() {
	models
	cat >../ask <<-'END'
	test "$(cat t | wc -l)" -eq 5 && test "$PWD" != "$1" || exit 1
	chmod u+w m.safetensors t; echo junk >m.safetensors; rm t; echo new >extra
	strata -C "$1" status >/dev/null || exit 2
	strata -C "$1" commit -q -a -m meanwhile 2>/dev/null
	test $? -eq 10 || exit 3
	echo told
	END
	out '' strata merge -q side --method theirs --accept-if "sh ../../../ask '$PWD'"
	grep -q told "$t_tmp/err"
	model ../want.safetensors a:F32:64:2 b:F32:64:3 c:F32:64:4 d:F32:64:1
	cmp m.safetensors ../want.safetensors
	[ ! -e extra ] && [ -e t ]
	out '' strata status -s
	strata undo -q
	# killed while it is asked: nothing has changed, and the next one begins afresh
	strata merge -q side --method theirs --accept-if 'kill -9 $PPID' || [ $? -eq 137 ]
	out '' strata status -s
	[ "$(cat t | wc -l)" -eq 5 ]
	match '^\* main +v2' strata branch
	[ -e .strata/accept/t ]
	strata gc
	[ ! -e .strata/accept ]
	strata merge -q side --method theirs --accept-if 'test ! -e extra'
	[ ! -e .strata/accept ]
	strata fsck --full
}

keys() {
	models
	printf '{\n  "lr": 0.1,\n  "layers": 2,\n  "act": "gelu"\n}\n' >c.json
	strata add c.json && strata commit -q -m config
	strata switch -q side && strata merge -q main --method ours
	printf '{\n  "lr": 0.2,\n  "layers": 3,\n  "act": "gelu"\n}\n' >c.json
	strata commit -q -a -m theirs
	strata switch -q main
	printf '{ "lr": 0.1, "layers": 4, "act": "relu" }\n' >c.json
	strata commit -q -a -m ours
	rc 1 strata merge side --method ours
	match '^  configuration  c.json::layers( |$)' strata status
	out '{ "lr": 0.2, "layers": 4, "act": "relu" }' cat c.json
	rc 2 strata resolve layers --method linear
	strata resolve -q layers --from v1^0 2>/dev/null && exit 1
	strata resolve -q layers --from HEAD~1
	out '{ "lr": 0.2, "layers": 2, "act": "relu" }' cat c.json
	strata resolve -q layers --theirs
	out '{ "lr": 0.2, "layers": 3, "act": "relu" }' cat c.json
	strata resolve -q '*' --from HEAD~1
	strata merge -q --continue
	out '{ "lr": 0.2, "layers": 2, "act": "relu" }' cat c.json
	strata merge -q --replay HEAD
	strata undo -q
	rc 1 strata merge side --method ours
	strata resolve -q c.json::layers --theirs
	strata merge -q --continue
	strata merge -q --replay HEAD
	strata fsck --full
}

yamls() {
	models
	printf 'train:\n  lr: 1e-3   # of AdamW\n  epochs: 3\n  betas: [0.9, 0.95]\nseed: 1\n' >c.yaml
	strata add c.yaml && strata commit -q -m config
	strata switch -q side && strata merge -q main --method ours
	printf 'train:\n  lr: 2e-3   # of AdamW\n  epochs: 5\n  betas: [0.9, 0.99]\n  # of all steps\n  warmup: 0.1\nseed: 1\n' >c.yaml
	strata commit -q -a -m theirs
	strata switch -q main
	printf '# mine\ntrain:\n    lr: 1e-3   # of AdamW\n    epochs: 4\n    betas: [0.8, 0.95]\nseed: 2\n' >c.yaml
	strata commit -q -a -m ours
	rc 1 strata merge side --method ours
	match '^  configuration  c.yaml::train.epochs( |$)' strata status
	match '"kind":"conflict","path":"c.yaml","name":"train.epochs","type":"configuration"' strata status --json
	printf '# mine\ntrain:\n    lr: 2e-3   # of AdamW\n    epochs: 4\n    betas: [0.8, 0.99]\n    # of all steps\n    warmup: 0.1\nseed: 2\n' >want
	cmp want c.yaml
	rc 2 strata resolve train.epochs --method linear
	strata resolve -q train.epochs --from HEAD~1
	sed 's/epochs: 4/epochs: 3/' want | cmp - c.yaml
	strata resolve -q train.epochs --theirs
	sed 's/epochs: 4/epochs: 5/' want | cmp - c.yaml
	strata merge -q --continue
	strata merge -q --replay HEAD
	# features that are left to lines
	strata undo -q
	printf 'a: &x 1\nb: 1\n' >c.yaml && cp c.yaml d.yml && strata add d.yml && strata commit -q -a -m anchors
	strata switch -q -C side
	printf 'a: &x 2\nb: 1\n' >d.yml && strata commit -q -a -m t
	strata switch -q main && printf 'a: &x 3\nb: 1\n' >d.yml && strata commit -q -a -m o
	rc 1 strata merge side --method ours
	match '^  text  *d.yml' strata status
	[ "$(grep -c '^<<<<<<<' d.yml)" = 1 ]
	strata merge -q --abort
	strata fsck --full
}

# What both sides added is there once, whoever put it where; lists with nothing in them are no matter.
added_twice() {
	repo
	printf 'a: 1\nb: 2\n' | tee same.yaml apart.yaml empty.yaml >lines.yaml
	sed 's/^a: 1/a: []/' empty.yaml -i && sed 's/^a:/a: \&x/' lines.yaml -i
	strata add -q . && strata commit -q -m base
	strata branch side
	for f in *.yaml; do echo 'k: 10' >>$f; done
	strata commit -q -a -m ours
	strata switch -q side
	sed -i '1i k: 10' same.yaml && sed -i '1i k: 20' apart.yaml empty.yaml lines.yaml
	strata commit -q -a -m theirs
	strata switch -q main
	rc 1 strata merge -q side
	match '^  configuration  apart.yaml::k( |$)' strata status
	match '^  configuration  empty.yaml::k( |$)' strata status
	match '^  text  *lines.yaml' strata status # as neither side has it twice
	[ "$(grep -c '^<<<<<<<' lines.yaml)" = 1 ]
	out 'a: 1
b: 2
k: 10' cat same.yaml
	strata resolve -q k lines.yaml --theirs
	out 'a: 1
b: 2
k: 20
a: []
b: 2
k: 20
k: 20
a: &x 1
b: 2' cat apart.yaml empty.yaml lines.yaml
	strata merge -q --continue
	strata merge -q --replay HEAD
}

# A value in other words is no other value, but stays as it was written.
in_other_words() {
	repo
	echo '{"a": "ü", "b": 0.001, "n": NaN, "z": 1}' >c.json && printf 'a: x\nb: 0.001\nz: 1\n' >c.yaml
	strata add -q . && strata commit -q -m base
	strata branch side
	printf '%s\n' '{"a": "\u00fc", "b": 0.001, "n": Infinity, "z": 1}' >c.json
	printf 'a: "x"\nb: 0.001\nz: 1\n' >c.yaml
	strata commit -q -a -m ours
	strata switch -q side
	echo '{"a": "x", "b": 1e-3, "n": NaN, "z": 2}' >c.json && printf 'a: y\nb: 1e-3\nz: 2\n' >c.yaml
	strata commit -q -a -m theirs
	strata switch -q main && strata merge -q side
	out '{"a": "x", "b": 1e-3, "n": Infinity, "z": 2}
a: y
b: 1e-3
z: 2' cat c.json c.yaml
}

# what a side changed besides values: where things stand, and comments
laid_out() {
	repo
	echo '{"a":1,"b":2}' >c.json && printf 'lr: 1 # base\nwd: 2 # base\n' >c.yaml
	strata add -q . && strata commit -q -m base
	strata branch side
	printf '{\n  "b": 2,\n  "a": 1\n}\n' >c.json && printf 'lr: 5 # base\nwd: 2 # of ours\n' >c.yaml
	strata commit -q -a -m ours
	strata switch -q side
	echo '{"a":1,"b":3}' >c.json && printf 'lr: 1 # tuned on A\nwd: 3 # of theirs\n' >c.yaml
	strata commit -q -a -m theirs
	strata switch -q main && strata merge -q side
	out '{
  "b": 3,
  "a": 1
}
lr: 5 # tuned on A
wd: 3 # of ours # of theirs' cat c.json c.yaml
	strata merge -q --replay HEAD
}

replays() {
	models
	rc 2 strata merge --replay v2
	err 'is no merge' strata merge --replay v2
	strata merge -q side --rule b=linear
	out 'the same, bit for bit: 2 files' strata merge --replay HEAD
	match '^Settled: 1$' strata show
	match '^values +m.safetensors::b .*  linear:' strata show
	match '"kind":"merge","path":"m.safetensors","name":"b","type":"values","how":"linear:' strata show --json
	strata undo -q
	rc 1 strata merge -q side
	strata resolve -q b --from v1
	strata merge -q --continue
	out 'the same, bit for bit: 2 files' strata merge --replay HEAD
	strata undo -q
	rc 1 strata merge -q side
	model m.safetensors a:F32:64:9 b:F32:64:9 c:F32:64:9 d:F32:64:9
	strata add m.safetensors
	strata merge -q --continue
	out 'the same, bit for bit: 2 files, of which one was settled by hand and taken as it is' strata merge --replay HEAD
	strata gc --prune=now
	strata merge -q --replay HEAD
	strata fsck --full
	# a merge to which something was added no longer says how it was made
	strata undo -q
	strata merge -q side --method theirs
	echo more >t
	strata commit -q -a --amend -m more
	rc 2 strata merge --replay HEAD
	err 'HEAD is a merge that does not say how it was made' strata merge --replay HEAD
}

# Said otherwise, or with other metadata, a merge is made as it was.
amends() {
	models
	rc 1 strata merge -q side
	strata resolve -q b --method linear
	strata merge -q --continue
	strata merge -q --replay HEAD
	strata show --json HEAD | grep '"kind":"merge' >../before
	strata commit -q --amend -m 'said better' 2>../said
	[ ! -s ../said ]
	match '^    said better$' strata show
	strata show --json HEAD | grep '"kind":"merge' | cmp - ../before
	strata merge -q --replay HEAD
	strata commit -q --amend --no-edit --param lr=1 --author 'B <b@c>'
	strata merge -q --replay HEAD
	strata gc --prune=now
	strata merge -q --replay HEAD
	strata fsck --full
	# other files; and another mode is one, too
	chmod +x t
	strata commit -q -a --amend -m mode 2>../said
	grep -qx 'strata: warning: files of the merge were changed: the version does not say how it was made, and cannot be replayed' ../said
	rc 2 strata merge --replay HEAD
	# a version that is no merge has nothing to say
	strata switch -q side
	echo 2 >>t
	strata commit -q -a --amend -m two 2>../said
	[ ! -s ../said ]
}

# What was staged while the merge was under way is in its description.
by_the_way() {
	models
	echo k >k && echo x >x && echo y >y && strata add k x y && strata commit -q -m more
	rc 1 strata merge -q side
	echo extra >extra && echo kk >k && chmod +x x && strata add extra k x
	strata mv y z
	strata resolve -q b --theirs # a step: what was staged before it is still known
	echo late >late && strata add late
	strata merge -q --continue
	match '^staged +extra .*  by hand$' strata show
	match '"kind":"merge","path":"y","name":"","type":"staged","how":"by hand","base":null,"sides":\["[0-9a-f]{64}",null\]' \
		strata show --json
	match '^Settled: 7$' strata show
	match '^the same, bit for bit: [0-9]+ files, of which 5 ' strata merge --replay HEAD
	match '"same":true,.*"by_hand":5,"differing":0' strata merge --replay HEAD --json
	strata fsck --full
	# staged as the merge has it after all, and made anew
	strata undo -q && strata restore -q .
	rc 1 strata merge -q side
	cp k ../k && echo kk >k && strata add k
	strata resolve -q b --ours
	cp ../k k && strata add k
	model m.safetensors a:F32:64:9 b:F32:64:9 c:F32:64:9 d:F32:64:9
	strata add m.safetensors
	rc 7 strata resolve -q b --theirs
	strata resolve -q m.safetensors --theirs
	strata merge -q --continue
	match '^Settled: 1$' strata show
	strata merge -q --replay HEAD
	# a decided one by hand
	strata undo -q && strata restore -q .
	rc 1 strata merge -q side
	strata resolve -q b --ours
	model m.safetensors a:F32:64:9 b:F32:64:9 c:F32:64:9 d:F32:64:9
	strata commit -q -a -m 'by hand'
	match '^staged +m.safetensors .*  by hand$' strata show
	match '^values +m.safetensors::b .*  ours$' strata show
	match 'of which one was settled by hand' strata merge --replay HEAD
}

at_once() { # the later one finds nothing left to merge, or is told to look again
	models
	strata merge -q side --method linear &
	t_a=$!
	strata merge -q side --method linear &
	t_b=$!
	t_ra=0
	t_rb=0
	wait "$t_a" || t_ra=$?
	wait "$t_b" || t_rb=$?
	[ "$t_ra" -eq 0 ] || [ "$t_rb" -eq 0 ]
	[ "$t_ra" -eq 0 ] || [ "$t_ra" -eq 10 ]
	[ "$t_rb" -eq 0 ] || [ "$t_rb" -eq 10 ]
	match "^v4 " strata log --oneline -1
	strata merge side
	match "^v4 " strata log --oneline -1
}


# a text and a model that both sides changed, and a file that only theirs did
both_changed() {
	repo
	model m.safetensors a:F32:4:1 && echo base >t && mkdir d && echo base >d/t && echo base >k
	strata add -q . && strata commit -q -m base
	strata branch side
	model m.safetensors a:F32:4:2 && echo ours >t && echo ours >d/t
	strata commit -q -a -m ours
	strata switch -q side
	model m.safetensors a:F32:4:3 && echo theirs >t && echo theirs >d/t
	strata commit -q -a -m theirs
	strata switch -q main
}

no_merge() { # none was begun
	fails strata merge --abort
	fails grep -q '<<<' t d/t
}

# what a conflict is about is not overwritten where it holds what is in no version
edited_before() {
	both_changed
	echo mine >t && model m.safetensors a:F32:4:4 && cp m.safetensors ../mine
	rc 7 strata merge side
	grep -q "overwritten in 2 files: 'm.safetensors', 't'" "$t_tmp/err"
	no_merge
	out mine cat t
	cmp m.safetensors ../mine
	strata restore -q .
	# through a link, and where a directory is
	mkdir ../out && mv d/t ../out/t && rmdir d && ln -s ../out d
	rc 7 strata merge side
	grep -q "'d' is in the way of 'd/t': move it away" "$t_tmp/err"
	no_merge
	out ours cat ../out/t
	rm d && mkdir -p d/t && echo x >d/t/x
	rc 7 strata merge side
	out x cat d/t/x
	rm -r d
	rc 1 strata merge side # a file that is missing is no loss
	grep -q '<<<' d/t
	strata merge -q --abort
	out '' strata status -s
	out ours cat d/t
}

# resolve overwrites markers, and nothing that was written instead of them
edited_meanwhile() {
	both_changed
	rc 1 strata merge -q side
	echo mine >t
	rc 7 strata resolve t --theirs
	grep -q "'t' was changed since the merge began: 'strata add' takes it" "$t_tmp/err"
	rc 7 strata resolve t --ours
	rc 7 strata resolve '*' --theirs
	out mine cat t
	strata restore -q t
	model m.safetensors a:F32:4:4 && cp m.safetensors ../mine
	rc 7 strata resolve '*' --theirs
	cmp m.safetensors ../mine
	grep -q '<<<' d/t
	strata restore -q m.safetensors
	rm t
	strata resolve -q '*' --theirs
	out 'theirs
theirs' cat t d/t
	echo mine >t # decided before: as any other file
	rc 7 strata resolve t --ours
	out mine cat t
	strata restore -q t
	strata resolve -q t --ours
	out ours cat t
	strata merge -q --continue
	out '' strata status -s
}

# a tensor was renamed to what another one was called on the other side
one_name() {
	repo
	model m.safetensors a:F32:4:1 b:F32:4:2 && strata add -q . && strata commit -q -m base
	strata branch side
	model m.safetensors z:F32:4:1 b:F32:4:2 && strata commit -q -a -m ours
	strata switch -q side
	model m.safetensors z:F32:4:3 b:F32:4:2 && strata commit -q -a -m theirs
	cp m.safetensors ../theirs
	strata switch -q main
	rc 1 strata merge side
	match '^  add/add +m.safetensors::z' strata status
	strata resolve -q '*' --theirs
	strata merge -q --continue
	cmp m.safetensors ../theirs
	strata merge -q --replay HEAD
	strata undo -q
	strata merge -q side --rule '*=theirs'
	cmp m.safetensors ../theirs
	strata merge -q --replay HEAD
}

# what is not the merge's stays where it is taken back
foreign() {
	both_changed
	rc 1 strata merge -q side
	echo mine >k && echo new >n && strata add -q k n
	strata merge -q --abort
	out ' M k
?? n' strata status -s
	out 'mine
new' cat k n
	# nor does it become the merge's when something is decided
	echo more >n
	rc 1 strata merge -q side
	echo staged >k && strata add -q k n && echo mine >k
	strata resolve -q t --theirs
	rm n && strata rm -q --cached n && echo 2 >o && strata add -q o
	strata resolve -q '*' --ours
	echo newer >o
	strata merge -q --abort
	out ' M k
?? o' strata status -s
	out 'mine
newer' cat k o
	strata fsck
}

# A kill between the publication and the removal of the state leaves the state: it is over.
ended() {
	both_changed
	rc 1 strata merge -q side
	strata resolve -q '*' --theirs
	cp .strata/merge ../state
	strata merge -q --continue
	cp ../state .strata/merge
	out '' strata status -s
	strata undo -q
	fails test -e .strata/merge
	rc 7 strata merge --continue
	grep -q 'no merge is under way' "$t_tmp/err"
	out ours cat t
	# wherever HEAD is back, whatever the way, and whatever comes first
	strata branch back
	for t_way in 'undo' 'reset -q --hard HEAD~1' 'switch -q -c other HEAD~1' \
		'switch -q --detach HEAD~1' 'rollback -q HEAD~1' 'merge --continue' 'restore t'; do
		strata switch -q main && strata reset -q --hard v2
		rc 1 strata merge -q side
		strata resolve -q '*' --theirs
		cp .strata/merge ../state
		strata merge -q --continue
		cp ../state .strata/merge
		strata $t_way || true
		fails test -e .strata/merge
		strata switch -q back
		out '' strata status -s
		strata switch -q main
	done
	# one that is under way stays
	strata reset -q --hard v2
	rc 1 strata merge -q side
	rc 7 strata undo
	rc 7 strata switch side
	strata branch -m main trunk
	echo by hand >t
	strata add t
	match '^Merging: 2 of 3 conflicts left' strata status
	strata merge -q --abort
	fails test -e .strata/merge
}

# Histories that share no version: nothing is taken as unchanged or as removed.
unrelated() {
	repo
	echo 1 >f && echo same >s && echo theirs >t
	model m.safetensors a:F32:64:1 b:F32:64:1 c:F32:64:1
	strata add . && strata commit -q -m one
	t_root=$(strata log --oneline -1 | cut -d' ' -f2)
	strata undo -q # main has no version again
	rm t && echo 2 >f && echo ours >u
	model m.safetensors a:F32:64:2 b:F32:64:1 d:F32:64:2
	strata rm -q --cached t
	strata add . && strata commit -q -m two
	strata branch other "$t_root"
	strata reflog >../before
	for t_how in --no-ff --ff-only '--method linear'; do
		rc 7 strata merge $t_how other
	done
	err '^strata: main and other have no version in common: --allow-unrelated merges them even' strata merge other
	strata reflog | cmp - ../before
	fails test -e .strata/merge
	[ "$(cat f u)" = "2
ours" ]
	out '' strata status -s

	rc 1 strata merge -q --allow-unrelated other
	strata status | grep -o '^  add/add  *[^ ]*' >../got
	printf '  add/add        f\n  add/add        m.safetensors::a\n' | cmp - ../got
	[ "$(cat s t u)" = "same
theirs
ours" ]
	strata resolve -q f --theirs
	strata resolve -q --method linear m.safetensors
	strata merge -q --continue
	[ "$(cat f)" = 1 ]
	match '^Base:    none$' strata show
	match '^Settled: 2$' strata show
	match '^add/add +f .*  theirs$' strata show
	match '^add/add +m.safetensors::a .*  linear' strata show
	match '"bases":\[\]' strata show --json
	strata ls --tensors --name-only m.safetensors >../got
	printf 'a\nb\nc\nd\n' | cmp - ../got
	strata merge -q --replay HEAD
	out 'already up to date' strata merge other
	strata fsck --full
	strata undo -q
	[ "$(cat f)" = 2 ]
	# from here on they have a version in common
	strata undo -q --redo
	strata switch -q other
	echo more >t && strata commit -q -a -m more
	strata switch -q main
	strata merge -q other
	[ "$(cat t)" = more ]
}

# Of several versions two others differ about a model that this branch does not have, and about a
# tensor that it left alone: what each has, and the figures of those two.
no_part() {
	repo
	model m.safetensors a:F32:8:1
	strata add . && strata commit -q -m base
	strata branch t && strata branch u
	for t_x in t:2:6:one u:3:7:twoo; do
		strata switch -q "${t_x%%:*}"
		t_x=${t_x#*:}
		model n.safetensors n:F32:8:"${t_x%%:*}"
		t_x=${t_x#*:}
		model m.safetensors a:F32:8:"${t_x%%:*}"
		printf '\0%s' "${t_x#*:}" >nb
		strata add . && strata commit -q -m more
	done
	strata switch -q main
	rc 1 strata merge t u
	match '^  values         m.safetensors::a  D .*8 of 8 changed$' strata status
	match '^  add/add        n.safetensors::n  theirs f32 \[8\], theirs 2: f32 \[8\]  D ' strata status
	match '^  add/add        nb  theirs 4 B, theirs 2: 5 B$' strata status
	match '"path":"nb",.*"more":\[\{"side":2,"has":\{"dtype":null,.*"size":5' strata status --json
	[ ! -e n.safetensors ]
	strata diff t u --json -- m.safetensors | grep -o '"mad":[0-9.e-]*' | head -n 1 >../mad
	grep -q "$(cat ../mad)" "$t_tmp/out"
	strata resolve -q '*' --ours
	strata merge -q --continue
	[ ! -e n.safetensors ] && [ ! -e nb ]
	out 'm.safetensors' sh -c "strata ls HEAD | sed 's/.* //'"
	strata merge -q --replay HEAD
	strata undo -q
	rc 1 strata merge t u
	strata resolve -q '*' --side 2
	strata merge -q --continue
	out '' strata diff u HEAD
	strata merge -q --replay HEAD
}

it 'goes forward' forward
it 'what has no version in common' unrelated
it 'one that was killed when it had ended' ended
it 'the same twice at once' at_once
it 'takes revisions of all kinds' forms
it 'checks the method first' method_first
it 'makes a version where going forward is not enough' diverged
it 'where there is no version yet' unborn
it 'moves a detached HEAD' detached
it 'keeps local changes, or refuses' dirty
it 'files that no version has stay' untracked
it 'wrong usage' usage
it 'rules and settings name methods' by_rule
it 'a conflict, and back' conflict
it 'a conflict, and on' ends
it 'status says how a merge goes on, and nothing else' still_merging
it 'commit ends a merge' by_commit
it 'text by line' lines
it 'files that came, went and moved' files
it 'refuses where a conflict has local changes' edited_before
it 'keeps edits from being overwritten' edited_meanwhile
it 'leaves alone what is not its own' foreign
it 'two tensors that would have one name' one_name
it 'several at once' several
it 'a file here, a directory there' clashes side
it 'a directory here, a file there' clashes main
it 'neither, by hand' clash_by_hand
it 'with changes inside' clash_inside
it 'of a file and a directory, of three versions' clash_of_three
it 'sides and the base, by method' sides
it 'which of several others' of_several
it 'who has a say among several' say
it 'a version although going forward is enough' no_forward
it 'only if a command says so' asked
it 'looks again after --accept-if' asked_meanwhile
it 'does not begin over files that equal theirs' not_begun_over_equal_files
it 'also where HEAD only goes forward' asked_forward
it 'in a folder of its own' asked_folder
it 'configurations by key' keys
it 'YAML by key' yamls
it 'a value in other words' in_other_words
it 'a key that both sides added once' added_twice
it 'layout and comments' laid_out
it 'done over, byte for byte' replays
it 'commit --amend keeps how a merge was made' amends
it 'and what was staged besides' by_the_way
it 'what this branch has no part in' no_part
finish

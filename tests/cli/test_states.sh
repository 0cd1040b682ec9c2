#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# slow
# Every history verb on every state that it may meet: its exact exit status, and that nothing on
# disk changed where it refused or only looked.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# The columns:
#	empty	 a new repository
#	unborn	 the same with a file staged
#	clean	 main, at v2; nothing changed
#	detached HEAD at v2, on no branch
#	aside	 main, an untracked file, and a changed one that all versions have as it was
#	dirty	 main, changes in the working tree of files that other versions have otherwise
#	staged	 main, the same staged
#	damaged	 main, with an index file that holds garbage: a cache, made anew
# A status with '!' says that the command may change something; no other may, whatever its status.
table() {
	cat <<'EOF'
log                                            | 0  0  0  0  0  0  0  0
log none                                       | 2  2  2  2  2  2  2  2
log --graph                                    | 0  0  0  0  0  0  0  0
log main@{1}                                   | 2  2  0  0  0  0  0  0
log --tensor w                                 | 2  2  0  0  0  0  0  0
log --tensor w --values                        | 2  2  0  0  0  0  0  0
log --tensor none                              | 2  2  2  2  2  2  2  2
log --author nobody --since yesterday          | 0  0  0  0  0  0  0  0
blame m.safetensors                            | 2  2  0  0  0  0  0  0
blame m.safetensors --tensor w --values        | 2  2  0  0  0  0  0  0
blame m.safetensors --tensor none              | 2  2  2  2  2  2  2  2
blame none                                     | 2  2  2  2  2  2  2  2
blame m.safetensors v9                         | 2  2  2  2  2  2  2  2
reflog                                         | 0  0  0  0  0  0  0  0
reflog none                                    | 2  2  2  2  2  2  2  2
show                                           | 2  2  0  0  0  0  0  0
show v9                                        | 2  2  2  2  2  2  2  2
show HEAD::w                                   | 2  2  0  0  0  0  0  0
show HEAD::none                                | 2  2  2  2  2  2  2  2
parent ../stray.safetensors                    | 1  1  0  0  0  0  0  0
parent none                                    | 2  2  2  2  2  2  2  2
branch                                         | 0  0  0  0  0  0  0  0
branch new                                     | 2  2  0! 0! 0! 0! 0! 0!
branch new v1                                  | 2  2  0! 0! 0! 0! 0! 0!
branch new none                                | 2  2  2  2  2  2  2  2
branch main                                    | 2  2  7  7  7  7  7  7
branch -f main v1                              | 7  7  7  0! 7  7  7  7
branch v9                                      | 2  2  2  2  2  2  2  2
branch -d old                                  | 2  2  0! 0! 0! 0! 0! 0!
branch -d main                                 | 7  7  7  0! 7  7  7  7
branch -d side                                 | 2  2  7  7  7  7  7  7
branch -D side                                 | 2  2  0! 0! 0! 0! 0! 0!
branch -d none                                 | 2  2  2  2  2  2  2  2
branch -m other                                | 0! 0! 0! 2  0! 0! 0! 0!
branch -m old main                             | 2  2  7  7  7  7  7  7
branch -M old side                             | 2  2  0! 0! 0! 0! 0! 0!
tag                                            | 0  0  0  0  0  0  0  0
tag new                                        | 2  2  0! 0! 0! 0! 0! 0!
tag new v1                                     | 2  2  0! 0! 0! 0! 0! 0!
tag -m text new                                | 2  2  0! 0! 0! 0! 0! 0!
tag t                                          | 2  2  7  7  7  7  7  7
tag -f t v2                                    | 2  2  0! 0! 0! 0! 0! 0!
tag v9                                         | 2  2  2  2  2  2  2  2
tag -d t                                       | 2  2  0! 0! 0! 0! 0! 0!
tag -d none                                    | 2  2  2  2  2  2  2  2
switch side                                    | 2  2  0! 0! 0! 7  7  0!
switch main                                    | 0  0  0! 0! 0! 0! 0! 0!
switch v1                                      | 2  2  2  2  2  2  2  2
switch none                                    | 2  2  2  2  2  2  2  2
switch -                                       | 2  2  0! 0! 0! 7  7  0!
switch -c new                                  | 0! 0! 0! 0! 0! 0! 0! 0!
switch -c new v1                               | 2  2  0! 0! 0! 7  7  0!
switch -c main                                 | 0  0  7  7  7  7  7  7
switch -C old                                  | 0! 0! 0! 0! 0! 0! 0! 0!
switch --detach                                | 2  2  0! 0! 0! 0! 0! 0!
switch --detach v1                             | 2  2  0! 0! 0! 7  7  0!
switch -f side                                 | 2  2  0! 0! 0! 0! 0! 0!
checkout v1                                    | 2  2  0! 0! 0! 7  7  0!
checkout main                                  | 2  2  0! 0! 0! 0! 0! 0!
checkout none                                  | 2  2  2  2  2  2  2  2
checkout -b new                                | 0! 0! 0! 0! 0! 0! 0! 0!
merge ahead                                    | 2  2  0! 0! 0! 7  7  0!
merge --ff-only side                           | 2  2  7  7  7  7  7  7
merge main                                     | 2  2  0  0  0  0  0  0
merge none                                     | 2  2  2  2  2  2  2  2
merge                                          | 2  2  2  2  2  2  2  2
reset                                          | 0! 0! 0! 0! 0! 0! 0! 0!
reset --soft v1                                | 2  2  0! 0! 0! 0! 0! 0!
reset --mixed v1                               | 2  2  0! 0! 0! 0! 0! 0!
reset --hard v1                                | 2  2  0! 0! 0! 0! 0! 0!
reset --hard                                   | 0! 0! 0! 0! 0! 0! 0! 0!
reset none                                     | 2  2  2  2  2  2  2  2
rollback v1                                    | 2  2  0! 0! 0! 7  7  0!
rollback HEAD                                  | 2  2  1  1  1  1  7  1
rollback none                                  | 2  2  2  2  2  2  2  2
rollback v1 --path a                           | 2  2  0! 0! 0! 7  7  0!
rollback v1 --path none                        | 2  2  2  2  2  2  7  2
rollback v1 --tensor w                         | 2  2  0! 0! 0! 7  7  0!
rollback v1 --tensor none                      | 2  2  2  2  2  2  7  2
rollback v4 --tensor w                         | 2  2  1  1  1  1  7  1
cherry-pick v3                                 | 2  2  0! 0! 0! 7  7  0!
cherry-pick v2                                 | 2  2  1  1  1  1  7  1
cherry-pick v4                                 | 2  2  0! 0! 0! 7  7  0!
cherry-pick v4 --tensor w                      | 2  2  1  1  1  1  7  1
cherry-pick v2 --tensor none                   | 2  2  2  2  2  2  7  2
rollback v1 --bump minor                       | 2  2  2  2  2  2  2  2
cherry-pick none                               | 2  2  2  2  2  2  2  2
revert v2                                      | 2  2  0! 0! 0! 7  7  0!
revert v1                                      | 2  2  1! 1! 7  7  7  1!
revert v4                                      | 2  2  1  1  1  1  7  1
revert v2 --tensor w                           | 2  2  0! 0! 0! 7  7  0!
revert none                                    | 2  2  2  2  2  2  2  2
undo                                           | 1  0! 0! 0! 0! 0! 0! 0!
undo --redo                                    | 1  1  1  1  1  1  1  1
commit -m next                                 | 1  0! 1  1  1  1  0! 1
commit --amend -m again                        | 2  2  0! 0! 0! 0! 0! 0!
commit --allow-empty -m same                   | 0! 0! 0! 0! 0! 0! 0! 0!
commit -m next --lineage adapter-of=v1         | 2  2  1  1  1  1  0! 1
commit -a -m next --lineage adapter-of=none    | 2  2  2  2  2  2  2  2
commit -a -m next --lineage kind=v1            | 2  2  2  2  2  2  2  2
commit -a -m next --bump major                 | 2  2  2  2  2  2  2  2
EOF
}

# main: v1, v2, and v4 on branch ahead; side: v1, v3. old, and the annotated tag t, are at v1.
history() {
	repo clean
	model m.safetensors w:F32:8,8:1 x:F32:8:1
	echo 1 >a && echo 1 >b && echo 1 >same
	strata add . && strata commit -q -m one
	strata branch -q old
	strata tag -m 'the first' t
	model m.safetensors w:F32:8,8:2 x:F32:8:2
	echo 2 >a
	strata commit -q -a -m two
	strata switch -q -c side v1
	echo 3 >b
	strata commit -q -a -m three
	strata switch -q -c ahead v2
	echo 4 >a && echo 4 >b
	strata commit -q -a -m four
	strata switch -q main
	cd ..
}

make_states() {
	history
	for s in detached aside dirty staged damaged; do
		cp -a clean $s
	done
	model stray.safetensors w:F32:8,8:2 x:F32:8:2
	strata -C detached switch -q --detach v2
	echo mine >aside/same && echo mine >aside/own
	for s in dirty staged; do
		model $s/m.safetensors w:F32:8,8:9 x:F32:8:9
		echo mine >$s/a && echo mine >$s/b
	done
	strata -C staged add -u
	printf 'no index at all' >damaged/.strata/index
	(repo empty)
	(repo unborn && echo 1 >a && strata add a)
}

# Whatever lies there, but for the catalogue, which follows the log, and locks, made at first use.
disk() {
	find . -type f ! -name 'catalog.db*' ! -name '*lock' -printf '%p %i %m %s %T@\n' | sort
}

# What strata says about it, and each byte of the files.
content() {
	strata branch --json
	strata tag --json
	strata log --json || :
	find . -type f ! -name 'catalog.db*' ! -name '*lock' -exec cksum {} + | sort
}

fresh() { # STATE: go to a copy of it
	cd "$t_dir"
	rm -rf work
	cp -a "$t_tmp/states/$1" work
	cd work
	disk >../disk
	was=$(cat ../disk)
}

try() { # STATE WANTED COMMAND: changed is set if it changed something
	got=0
	eval "strata $3" >../out 2>../err </dev/null || got=$?
	[ "$got" = "$2" ] || echo "$1: strata $3: exit $got, not $2: $(head -n 3 ../err)" >>../bad
	changed=
	[ "$(disk)" = "$was" ] || changed=1
}

# rows STATE-NUMBER: "status|command" of each row
rows() {
	awk -F'|' -v n="$1" '{ split($2, w, " "); sub(/ +$/, "", $1); print w[n] "|" $1 }' \
		"$t_tmp/table"
}

# The rows that may change something, each in a copy of its own; then all others in one.
column() { # STATE NUMBER
	set +x
	: >bad
	cp "$t_tmp/states/stray.safetensors" .
	rows "$2" >rows
	fresh "$1"
	content >../content 2>&1
	while IFS='|' read -r want command; do
		case $want in *!) continue ;; esac
		try "$1" "$want" "$command"
		[ -n "$changed" ] || continue
		echo "$1: strata $command: exit $got, and changed:" >>../bad
		disk | diff ../disk - >>../bad
		fresh "$1"
	done <../rows
	content 2>&1 | diff ../content - >>../bad || echo "$1: content changed" >>../bad
	while IFS='|' read -r want command; do
		case $want in *!) ;; *) continue ;; esac
		try "$1" "${want%!}" "$command"
		[ -n "$changed" ] || echo "$1: strata $command: changed nothing" >>../bad
		fresh "$1"
	done <../rows
	cat ../bad
	[ ! -s ../bad ]
}

# Nothing but the operation log says what is staged.
no_index() {
	cp -a "$t_tmp/states/staged/." .
	strata status -s >../before
	printf 'no index at all' >.strata/index
	strata status -s | diff ../before -
	strata commit -q -m next
	match '"changed":3,' strata log -1 --json
	rm .strata/index
	out '' strata status -s
	strata fsck
}

mkdir "$t_tmp/states"
table >"$t_tmp/table"
(cd "$t_tmp/states" && set -ex && make_states) >"$t_tmp/log" 2>&1 ||
	{ t_not_ok 'the states' "$t_tmp/log"; finish; exit; }
n=0
for state in empty unborn clean detached aside dirty staged damaged; do
	n=$((n + 1))
	it "every verb on: $state" column $state $n
done
it 'what is staged outlives the index file' no_index
finish

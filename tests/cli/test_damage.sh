#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

setup() {
	repo
	echo 1 >f
	strata add f
	strata commit -q -m one
	cp .strata/catalog.db ../behind.db
	echo 2 >f
	strata commit -q -a -m two
	strata tag -m note t1
}

packs() {
	find .strata/packs -name '*.pack' | sort
}

no_log() {
	setup
	packs >../before
	mv .strata/ops ../ops
	for t_c in log status 'fsck --rebuild' 'gc --prune=now' 'add f' undo; do
		# shellcheck disable=SC2086
		rc 5 strata $t_c
		# shellcheck disable=SC2086
		err 'ops, the operation log, is missing: bring it back' strata $t_c
	done
	rc 5 strata --repo .strata log
	rc 7 strata init
	rc 7 strata init --versions=semver
	err 'operation log is missing: bring .*ops back from a backup, or move' strata init
	[ ! -e .strata/config ]
	rm .strata/catalog.db
	rc 5 strata log
	rc 7 strata init
	[ ! -e .strata/ops ] && [ ! -e .strata/catalog.db ]
	packs | cmp - ../before
	cp ../ops .strata/ops
	match ': no faults$' strata fsck
	match '^v2 ' strata log --oneline
}

empty_log() {
	setup
	packs >../before
	cp .strata/ops ../ops
	head -c 32 ../ops >.strata/ops
	match '^v2 ' strata log --oneline
	rc 5 strata gc --prune=now
	rm .strata/catalog.db
	rc 5 strata gc --prune=now
	err 'the operation log is empty, but there are packs' strata gc --prune=now
	rc 7 strata init
	rc 5 strata commit --allow-empty -m x
	rc 1 strata fsck --rebuild
	grep -q '^fault  the operation log is empty' "$t_tmp/out"
	rc 5 strata gc --prune=now
	packs | cmp - ../before
	cp ../ops .strata/ops
	match ': no faults$' strata fsck --full
}

inside() {
	setup
	mkdir -p in/deep
	cp -r .strata in/
	rm in/.strata/ops
	rc 5 strata -C in log
	rc 5 strata -C in/deep log
	rm -r in/.strata
	mkdir -p in/.strata/packs # as a killed init leaves it
	rc 3 strata -C in/deep log
	err "'strata init' finishes it" strata -C in/deep log
	match '^new repository' strata init in
	out '' strata -C in/deep log
	match '^v2 ' strata log --oneline
}

given_up() {
	setup
	cp .strata/ops ../ops
	packs >../before
	size=$(wc -c <.strata/ops)
	strata commit -q --allow-empty -m three
	packs >../after
	head -c "$size" .strata/ops >../cut
	cp .strata/ops ../whole
	cp ../cut .strata/ops
	rc 1 strata fsck --rebuild
	[ -f .strata/catalog.db.lost ]
	rc 7 strata gc --prune=now
	err 'catalog.db.lost knows operations that .strata/ops has lost' strata gc
	packs | cmp - ../after
	rc 0 strata gc --prune=now --dry-run
	cp ../whole .strata/ops
	match '^v3 ' strata log --oneline
	rm .strata/catalog.db.lost
	rc 0 strata gc --prune=now
	match ': no faults$' strata fsck
}

flip() { # FILE OFFSET: one bit
	python3 - "$1" "$2" <<-'END'
		import sys
		with open(sys.argv[1], 'r+b') as f:
		    f.seek(int(sys.argv[2]))
		    byte = f.read(1)[0]
		    f.seek(int(sys.argv[2]))
		    f.write(bytes([byte ^ 0x10]))
	END
}

# Damage at the very end must not pass for an operation that was never whole.
bad_last() {
	setup
	echo 3 >f
	strata commit -q -a -m three
	size=$(grep -abo OPRC .strata/ops | sed -n '$s/:.*//p')
	cp -r .strata ../good
	flip .strata/ops $((size + 6))
	for i in catalogue none; do # what the header said the rest of the record proves
		match '^v3 ' strata log --oneline
		rc 1 strata fsck
		grep -q "^fault  operation log: the header of record .*, at offset $size, is damaged; what it says is whole" \
			"$t_tmp/out"
		rc 1 strata fsck --rebuild
		match '^v3 ' strata log --oneline
		[ ! -e .strata/catalog.db.lost ]
		rm -f .strata/catalog.db
	done
	echo 4 >f
	strata commit -q -a -m four
	match '^v4 ' strata log --oneline
	rm -r .strata
	cp -r ../good .strata
	flip .strata/ops $((size + 6)) # neither does
	flip .strata/ops $((size + 40))
	match '^v3 ' strata log --oneline
	rc 1 strata fsck
	grep -q '^fault  operation log: operation [0-9]* cannot be read any more: bring .*ops back' \
		"$t_tmp/out"
	rc 1 strata fsck --rebuild
	grep -q '^fault  the operation log has lost operation' "$t_tmp/out"
	[ -f .strata/catalog.db.lost ]
	rc 7 strata gc --prune=now
	cp ../good/ops .strata/ops
	match '^v3 ' strata log --oneline
	rm .strata/catalog.db.lost
	match ': no faults$' strata fsck --full
}

bad_record() {
	setup
	at=$(grep -abo OPRC .strata/ops | tail -n 2 | sed -n '1s/:.*//p')
	printf 'XXXX' | dd of=.strata/ops bs=1 seek=$((at + 60)) conv=notrunc 2>/dev/null
	match '^v2 ' strata log --oneline
	rc 1 strata fsck
	grep -q '^fault  operation log: record [0-9]*, at offset [0-9]*, is damaged: bring .*ops back .* keep .*catalog.db' \
		"$t_tmp/out"
	strata fsck --json >../json || [ $? = 1 ]
	grep -q '"offset":[1-9][0-9]*,"what":"operation log: record ' ../json
	echo 3 >f
	strata commit -q -a -m three # what follows the damage is recorded
	rc 5 strata undo # of what the lost record said nothing is taken back
	err "operation [0-9]* is damaged or not at offset [0-9]*: 'strata fsck' says" strata undo
	match '^v3 ' strata log --oneline
	rc 5 strata gc --prune=now # which would need the lost record to be sure
	rc 1 strata fsck --rebuild
	grep -q '^fault  the catalogue was not made anew' "$t_tmp/out"
	[ ! -e .strata/catalog.db.lost ]
	match '^v3 ' strata log --oneline
	[ "$(strata cat v1:f)" = 1 ]
	rm .strata/catalog.db
	rc 5 strata log
	rc 5 strata fsck
	err 'is damaged; a later one follows at [0-9]*: bring this file back from a backup' strata log
}

# The name is there, and no look-up finds it.
bad_page() {
	setup
	python3 - <<-'END'
		import sqlite3
		db = sqlite3.connect('.strata/catalog.db')
		ask = lambda q: db.execute(q).fetchone()[0]
		page = ask("SELECT rootpage FROM sqlite_schema WHERE name = 'refs'")
		size = ask('PRAGMA page_size')
		db.close()
		b = bytearray(open('.strata/catalog.db', 'rb').read())
		at = b.index(b'annotations/t1', (page - 1) * size)
		assert at < page * size
		b[at] = ord('z')
		open('.strata/catalog.db', 'wb').write(b)
	END
	rc 5 strata undo
	err "is not as it was: .*'strata fsck --rebuild' makes it anew" strata undo
	match ': no faults$' strata fsck --rebuild
	match '^undone: tag t1' strata undo
}

# A file is staged in every way, then the index damaged in the way of $1: nothing of it is lost.
staged_of() {
	cp "$t_tmp/good" .strata/index
	python3 - "$1" <<-'END'
		import os, struct, sys
		p, b = '.strata/index', bytearray(open('.strata/index', 'rb').read())
		how, _, n = sys.argv[1].partition(' ')
		row = struct.unpack_from('<I', b, 64 + 80)[0] + 84
		if how == 'flip':
		    b[int(n)] ^= 1
		elif how == 'end':
		    b[-int(n)] ^= 0x80
		elif how == 'second':
		    b[64 + row + int(n)] ^= 4
		elif how == 'cut':
		    del b[int(n):]
		elif how == 'short':
		    del b[-int(n):]
		elif how == 'long':
		    b += bytes(int(n))
		os.unlink(p)
		if how == 'directory':
		    os.mkdir(p)
		elif how == 'pipe':
		    os.mkfifo(p)
		elif how == 'huge':
		    open(p, 'wb').truncate(1 << 36)
		else:
		    open(p, 'wb').write(b)
	END
	rc 0 strata diff --staged --name-only
	[ "$(cat "$t_tmp/out")" = "$want" ]
	[ "$(grep -c "warning: the index is damaged: $PWD/.strata/index" "$t_tmp/err")" = 1 ]
	grep -q "nothing staged is lost: the operation log names all 5 files" "$t_tmp/err"
	rc 0 strata fsck
	grep -q "the index is damaged: .*'strata status' makes it anew" "$t_tmp/err"
	[ "$(strata status --json 2>/dev/null | md5sum)" = "$status" ]
}

index_damage() {
	repo
	model m.safetensors a:F32:4 b:BF16:8
	echo 1 >f
	strata add .
	strata commit -q -m one
	model --seed 2 m.safetensors a:F32:4 b:BF16:8
	echo x >new
	echo y >exec
	chmod +x exec
	ln -s m.safetensors link
	strata add .
	strata rm -q f
	echo 2 >f
	strata add f
	echo 3 >f # beyond what is staged
	cp .strata/index "$t_tmp/good"
	want=$(strata diff --staged --name-only)
	[ "$(echo "$want" | wc -l)" = 5 ]
	status=$(strata status --json | md5sum)
	for t_how in 'flip 0' 'flip 7' 'flip 8' 'flip 15' 'flip 16' 'flip 24' 'flip 56' 'flip 63' \
		'flip 64' 'flip 68' 'flip 72' 'flip 104' 'flip 112' 'flip 120' 'flip 128' 'flip 136' \
		'flip 144' 'flip 148' 'second 0' 'second 4' 'second 80' 'second 84' 'end 33' 'end 32' \
		'end 1' 'cut 0' 'cut 7' 'cut 8' 'cut 63' 'cut 64' 'cut 95' 'cut 96' 'short 1' 'short 32' \
		'short 40' 'long 1' 'long 96' pipe huge; do
		staged_of "$t_how"
		# status has made it anew
		strata diff --staged >/dev/null 2>"$t_tmp/err"
		[ ! -s "$t_tmp/err" ] || { echo "$t_how: not made anew" && return 1; }
	done
	staged_of directory # which no command removes
	strata commit -q -m two 2>"$t_tmp/err"
	grep -q 'index is no regular file: remove it' "$t_tmp/err"
	[ "$(strata cat HEAD:f)" = 2 ]
	out "$want" strata diff --name-only v1 v2
	rmdir .strata/index
	strata status -s >"$t_tmp/out" 2>&1
	echo ' M f' | diff - "$t_tmp/out"
}

# What only the index knows is guessed from the tree, and that said.
index_links() {
	repo
	mkdir ../hub
	echo blob >../hub/blob
	ln -s ../hub/blob w
	ln -s nowhere l
	strata add -q --dereference w
	strata add -q l
	strata commit -q -m one
	printf x >.strata/index
	strata add -u 2>"$t_tmp/err"
	grep -q 'names all 2 files' "$t_tmp/err"
	grep -q '; 1 link in the place of staged files counts as such' "$t_tmp/err"
	[ "$(wc -l <"$t_tmp/err")" -ge 2 ]
	out '' strata status -s
	match '^file' strata ls w || match ' w$' strata ls
	[ "$(strata cat HEAD:w)" = blob ]
	rm .strata/index
	strata status -s >"$t_tmp/out" 2>"$t_tmp/err"
	[ ! -s "$t_tmp/out" ]
	grep -q '1 link in the place of staged files counts' "$t_tmp/err"
	strata status -s 2>"$t_tmp/err"
	[ ! -s "$t_tmp/err" ]
}

# What a merge under way is about: nothing is guessed, and a way out is said.
# All but the first LENGTH bytes of ../merge are gone, or of the first parent's id a digit is another.
damage_merge() { # LENGTH | one
	if [ "$1" = one ]; then
		sed 's/\("parents":\["[0-9a-f]*\)[0-8]\([0-9a-f]*"\)/\19\2/' ../merge >.strata/merge
	else
		head -c "$1" ../merge >.strata/merge
	fi
}

merge_damage() {
	repo
	echo 1 >f && echo k >k && strata add f k && strata commit -q -m one
	strata branch side
	echo 2 >f && strata commit -q -a -m two
	strata switch -q side
	echo 3 >f && echo g >g && strata add g && strata commit -q -a -m three
	strata switch -q main
	echo mine >k
	rc 1 strata merge -q side
	cp .strata/merge ../merge
	t_way="\\.strata/merge: its content does not have the checksum at its end: move this file away, then 'strata reset' "
	for t_len in 0 1 100 "$(($(wc -c <../merge) - 1))" one; do
		damage_merge "$t_len"
		rc 5 strata status
		grep -Eq '^  added     g' "$t_tmp/out"
		grep -Eq '^  changed   f' "$t_tmp/out"
		grep -Eq "^strata: what the merge under way is about .*$t_way" "$t_tmp/err"
		out ' M f
A  g
 M k' strata status -s
		for t_c in 'merge --abort' 'merge --continue' 'resolve f --ours' 'commit -m x' reset 'switch side' gc \
			'status --json' 'merge side'; do
			# shellcheck disable=SC2086
			rc 5 strata $t_c
			grep -Eq "$t_way" "$t_tmp/err"
		done
		rc 1 strata fsck
		grep -Eq "^fault  what the merge under way is about .*$t_way" "$t_tmp/out"
		fails grep -q rebuild "$t_tmp/out"
		cp .strata/merge ../now
		damage_merge "$t_len"
		cmp ../now .strata/merge
	done
	mv .strata/merge .strata/merge.damaged
	strata reset -q
	out ' M f
?? g
 M k' strata status -s
	strata restore f && rm g
	[ "$(cat k)" = mine ]
	rc 1 strata merge -q side # anew
	strata resolve -q f --theirs
	strata merge -q --continue
	[ "$(cat f)$(cat g)$(cat k)" = 3gmine ]
	match ': no faults$' strata fsck --full
}

it 'no operation log: nothing is made anew, nothing removed' no_log
it 'an empty operation log beside packs' empty_log
it 'the nearest .strata counts, whatever its state' inside
it 'what was given up stays until its catalogue is deleted' given_up
it 'knows damage at the end of the log from a torn tail' bad_last
it 'a damaged record in the middle of the log' bad_record
it 'a damaged index is named, and loses nothing that was staged' index_damage
it 'which links were followed is guessed when the index is gone' index_links
it 'what a merge under way is about' merge_damage
if python3 -c 'import sqlite3' 2>/dev/null; then
	it 'a ref that a damaged catalogue does not find is not busy' bad_page
else
	skip 'a ref that a damaged catalogue does not find is not busy' 'no sqlite3 module'
fi
finish

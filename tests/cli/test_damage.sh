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

bad_record() {
	setup
	printf 'XXXX' | dd of=.strata/ops bs=1 seek=700 conv=notrunc 2>/dev/null
	match '^v2 ' strata log --oneline
	rc 1 strata fsck
	grep -q '^fault  operation log: damaged record: bring .*ops back .* keep .*catalog.db' "$t_tmp/out"
	rc 1 strata fsck --rebuild
	match '^v2 ' strata log --oneline
	rm .strata/catalog.db
	rc 5 strata log
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

it 'no operation log: nothing is made anew, nothing removed' no_log
it 'an empty operation log beside packs' empty_log
it 'the nearest .strata counts, whatever its state' inside
it 'what was given up stays until its catalogue is deleted' given_up
it 'a damaged record in the middle of the log' bad_record
if python3 -c 'import sqlite3' 2>/dev/null; then
	it 'a ref that a damaged catalogue does not find is not busy' bad_page
else
	skip 'a ref that a damaged catalogue does not find is not busy' 'no sqlite3 module'
fi
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests the crash machinery itself: the recorder misses nothing that it claims to see and refuses
# what it cannot see; the replayer passes a safe program and SQLite and catches planted mistakes.
. "$(dirname "$0")/lib.sh"

build_recorder || { echo "Bail out! the recorder does not build"; exit 99; }
${CC:-cc} -std=c17 -D_GNU_SOURCE -O1 -Wall -Wextra -o "$TMP/probe" "$HERE/probe.c" -pthread ||
	{ echo "Bail out! probe.c does not build"; exit 99; }
${CC:-cc} -std=c17 -D_GNU_SOURCE -O2 -D_FORTIFY_SOURCE=2 -o "$TMP/probe-fortified" \
	"$HERE/probe.c" -pthread || { echo "Bail out! probe.c does not build fortified"; exit 99; }

# fresh NAME: a root whose file "data" holds 6,000 times the letter o
fresh() {
	ROOT="$TMP/$1.root"
	WORK="$TMP/$1.work"
	mkdir "$ROOT" && head -c 6000 /dev/zero | tr '\0' o >"$ROOT/data"
}

# in_root COMMAND...: records it with the root as the current directory
in_root() {
	(cd "$ROOT" && replay record --recorder "$REC" --root . --work "$WORK" -- "$@")
}

cat >"$TMP/check-data" <<'END'
#!/bin/sh
# data is all old or all new; new for certain once the program has returned
what=$(tr -s on <"$1/data") && [ "$(wc -c <"$1/data")" -eq 6000 ] || exit 1
[ "$what" = n ] || { [ "$what" = o ] && [ "$CRASH_DONE" = 0 ]; }
END
chmod +x "$TMP/check-data"

# Sanitizers interpose the same calls; where there are none, that is not what is tested here.
ASAN=
${CC:-cc} -std=c17 -D_GNU_SOURCE -O1 -fsanitize=address -o "$TMP/probe-asan" "$HERE/probe.c" \
	-pthread 2>/dev/null && ASAN=probe-asan
ASAN_OPTIONS=detect_leaks=0
export ASAN_OPTIONS

for prog in probe probe-fortified $ASAN; do
	fresh "$prog"
	if in_root "$TMP/$prog" every >"$TMP/out" 2>&1; then
		ok "$prog: every call is recorded and replays to the real end"
	else
		not_ok "$prog: every call is recorded and replays to the real end" "$TMP/out"
	fi
done
replay list --work "$WORK" >"$TMP/calls" 2>&1
for call in create mkdir symlink link unlink rmdir rename write truncate zero-keep fsync sync chmod
do
	grep -q "^ *[0-9]*  $call" "$TMP/calls" || { not_ok "the log has $call" "$TMP/calls"; }
done

for mode in mmap-write stdio-write dprintf raw-syscall leave-root; do
	fresh "$mode"
	if in_root "$TMP/probe-fortified" "$mode" >"$TMP/out" 2>&1; then
		not_ok "$mode is refused" "$TMP/out"
	elif grep -q "cannot be recorded" "$TMP/out"; then
		ok "$mode is refused"
	else
		not_ok "$mode is refused for the right reason" "$TMP/out"
	fi
done
for mode in mmap-harmless stdio-read; do
	fresh "$mode"
	if in_root "$TMP/probe" "$mode" >"$TMP/out" 2>&1; then
		ok "$mode is accepted"
	else
		not_ok "$mode is accepted" "$TMP/out"
	fi
done

# A recording that lacks a call must be noticed, and so must half a record.
fresh cut
in_root "$TMP/probe" overwrite
cp "$WORK/log" "$TMP/log"
for size in 0 -10; do
	cp "$TMP/log" "$WORK/log" && truncate -s "$size" "$WORK/log"
	if replay run --work "$WORK" -- true >"$TMP/out" 2>&1; then
		not_ok "a log cut with truncate -s $size is noticed" "$TMP/out"
	else
		ok "a log cut with truncate -s $size is noticed"
	fi
done

# expect pass|fail NAME MODE [VARIANT that must be among the failures]
expect() {
	fresh "$2"
	in_root "$TMP/probe" "$2" >"$TMP/out" 2>&1 || { not_ok "record $2" "$TMP/out"; return; }
	replay run --work "$WORK" -- "$TMP/check-data" {} >"$TMP/out" 2>&1
	case "$1:$?" in
	pass:0) ok "$2: no state fails" ;;
	fail:1)
		if grep -q "by variant:.*$3" "$TMP/out"; then
			ok "$2: caught ($3)"
		else
			not_ok "$2: caught as $3" "$TMP/out"
		fi ;;
	*) not_ok "$2: should $1" "$TMP/out" ;;
	esac
}

expect pass safe
expect fail no-fsync power-torn
expect fail no-dir-fsync power-none
expect fail overwrite kill-torn

# SQLite: three transactions, each acknowledged by a file made and synced before the next starts.
cat >"$TMP/bank.py" <<'END'
import os, sqlite3, sys
mode, sync = sys.argv[1], sys.argv[2]
db = sqlite3.connect("bank.db", isolation_level=None)
db.execute("pragma journal_mode=" + mode)
db.execute("pragma synchronous=" + sync)
d = os.open(".", os.O_RDONLY)
for i in range(1, 4):
    db.execute("begin immediate")
    db.execute("update account set sum = sum - ? where id = 1", (i,))
    db.execute("insert into filler select randomblob(900) from account")
    db.execute("update account set sum = sum + ? where id = 2", (i,))
    db.execute("update account set n = ?", (i,))
    db.execute("commit")
    os.close(os.open("ack%d" % i, os.O_CREAT | os.O_WRONLY))
    os.fsync(d)
db.close()
END
cat >"$TMP/check-bank" <<'END'
#!/usr/bin/env python3
import os, sqlite3, sys
os.chdir(sys.argv[1])
acked = sum(os.path.exists("ack%d" % i) for i in (1, 2, 3))
db = sqlite3.connect("bank.db")
assert db.execute("pragma integrity_check").fetchone() == ("ok",)
n = [r[0] for r in db.execute("select n from account order by id")]
total = db.execute("select sum(sum) from account").fetchone()[0]
rows = db.execute("select count(*) from filler").fetchone()[0]
assert n[0] == n[1] and total == 200 and rows == 2 * n[0], (n, total, rows)
assert n[0] >= acked, "acknowledged %d, holds %d" % (acked, n[0])
END
chmod +x "$TMP/check-bank"

# bank MODE SYNC pass|fail
bank() {
	name="SQLite, journal $1, synchronous $2"
	fresh "bank-$1-$2"
	(cd "$ROOT" && python3 - <<'END'
import sqlite3
db = sqlite3.connect("bank.db")
db.execute("create table account(id integer primary key, sum, n)")
db.execute("create table filler(x)")
db.execute("insert into account values(1, 100, 0), (2, 100, 0)")
db.commit()
END
	)
	in_root python3 "$TMP/bank.py" "$1" "$2" >"$TMP/out" 2>&1 ||
		{ not_ok "$name: recorded" "$TMP/out"; return; }
	replay run --work "$WORK" --max "${CRASH_MAX:-80}" -- "$TMP/check-bank" {} \
		>"$TMP/out" 2>&1
	case "$3:$?" in
	pass:0) ok "$name: no state fails: $(sed -n '1s/^# //p' "$TMP/out")" ;;
	fail:1) ok "$name: caught" ;;
	*) not_ok "$name: should $3" "$TMP/out" ;;
	esac
}

bank delete extra pass
bank wal full pass
bank delete off fail
bank wal normal fail

finish

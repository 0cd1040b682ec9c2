#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

summary() {
	repo
	model m.safetensors a:F32:16,16 b:BF16:8
	echo hello >note
	match '^staged 2 files, 1\.2 KiB, stored ' strata add m.safetensors note
	out '' strata add m.safetensors note
	echo more >>note
	rm m.safetensors
	match '^staged 1 file, 11 B, stored .*; 1 removed$' strata add -A
	out 'A  note' strata status -s
}

removals() {
	repo
	mkdir d
	echo 1 >a
	echo 2 >d/b
	echo 3 >d/c
	strata add .
	strata commit -q -m one
	rm a d/b
	match '^staged 0 files; 1 removed$' strata add d
	out ' D a
D  d/b' strata status -s
	match '^staged 0 files; 1 removed$' strata add a
	strata reset
	match '^staged 0 files; 2 removed$' strata add .
	out 'D  a
D  d/b' strata status -s
}

dry_run() {
	repo
	echo 1 >a
	echo 2 >b
	strata add a
	strata commit -m one
	echo 3 >a
	out 'change  a
add     b
would stage 2 files' strata add -n .
	out ' M a
?? b' strata status -s
}

update() {
	repo
	echo 1 >a
	echo 2 >b
	strata add a b
	strata commit -m one
	echo 3 >a
	rm b
	echo 4 >c
	match '^staged 1 file, 2 B, stored .*; 1 removed' strata add -u
	out 'M  a
D  b
?? c' strata status -s
}

verbose() {
	repo
	echo 1 >a
	out 'add     a' sh -c 'strata add -v a | head -n 1'
	echo 2 >a
	out '' strata add -q a
}

ignore_rules() {
	repo
	printf '*.tmp\n!keep.tmp\nbuild/\n' >.strataignore
	mkdir build
	echo 0 >build/x
	echo 1 >a.tmp
	echo 2 >keep.tmp
	strata add .
	out 'A  .strataignore
A  keep.tmp' strata status -s
	rc 7 strata add a.tmp
	err 'a.tmp is ignored' strata add a.tmp
	strata add -f a.tmp
	out 'A  .strataignore
A  a.tmp
A  keep.tmp' strata status -s
}

damaged_model() {
	repo
	model m.safetensors a:F32:16
	head -c 100 m.safetensors >cut.safetensors
	t_get strata add cut.safetensors
	[ "$t_rc" -eq 0 ]
	grep -q '^strata: warning: .*cut.safetensors' "$t_tmp/err"
	strata commit -m one
	strata cat HEAD:cut.safetensors | cmp - cut.safetensors
	match '"kind":"file"' strata ls --json HEAD
}

special_files() {
	repo
	mkfifo pipe
	echo 1 >a
	ln -s a link
	t_get strata add .
	[ "$t_rc" -eq 0 ]
	grep -q 'warning: .*pipe' "$t_tmp/err"
	out 'A  a
A  link' strata status -s
	chmod +x a
	strata add a
	strata commit -m one
	match '"path":"a".*"mode":"exec"' strata ls --json
	match '"path":"link".*"mode":"link"' strata ls --json
}

dereference() {
	mkdir cache
	model cache/blob a:F32:16
	repo
	ln -s ../cache/blob m.safetensors
	t_get strata add m.safetensors
	grep -q 'warning: .*m.safetensors' "$t_tmp/err"
	strata add --dereference m.safetensors
	strata commit -m one
	strata cat HEAD:m.safetensors | cmp - ../cache/blob
	match '"format":"safetensors"' strata ls --json
}

odd_names() {
	repo
	name=$(printf 'new\nline\033[31m')
	echo 1 >"$name"
	bad=$(printf 'latin\344')
	echo 2 >"$bad"
	strata add .
	out 'A  "latin\344"
A  "new\nline\033[31m"' strata status -s
	strata commit -m one
	rm -- *
	strata restore .
	[ "$(cat "$name")$(cat "$bad")" = 12 ]
}

fast() {
	repo
	model m.safetensors a:F32:100,100
	strata add --fast m.safetensors
	strata commit -m one
	match '^raw  ' strata stats
	strata cat HEAD:m.safetensors | cmp - m.safetensors
}

refused() {
	repo
	rc 2 strata add
	err 'give paths' strata add
	rc 2 strata add nothing
	err 'nothing' strata add nothing
	rc 2 strata add -A -u
	rc 2 strata add --bogus
	err 'did you mean --fast' strata add --fats
	rc 2 strata add ..
	out '' strata status -s
}

# A store into a page that is dirty already moves no time stamp.
open_elsewhere() {
	repo
	head -c 100000 /dev/zero >mapped
	head -c 100000 /dev/zero >closed
	sleep 0.1
	strata add -q closed
	python3 - <<-'END'
		import mmap, os, subprocess, time
		env = dict(os.environ)
		with open('mapped', 'r+b') as f:
		    with mmap.mmap(f.fileno(), 0) as m:
		        m[0] = 1
		        time.sleep(0.1)
		        done = subprocess.run(['strata', 'add', 'mapped'], env=env, capture_output=True)
		        assert done.returncode == 0, done
		        assert b'mapped is open for writing in another process' in done.stderr, done
		        m[1] = 2
		        say = lambda: subprocess.run(['strata', 'status', '-s'], capture_output=True).stdout
		        assert say() == b'A  closed\nAM mapped\n', say()
		        m[1] = 0
		        assert say() == b'A  closed\nA  mapped\n', say()
		        m[1] = 2
		        assert say() == b'A  closed\nAM mapped\n', say()
	END
	out 'A  closed
AM mapped' strata status -s
	err_none=$(strata add mapped 2>&1 >/dev/null)
	[ -z "$err_none" ]
	out 'A  closed
A  mapped' strata status -s
}

it 'says what it staged, and nothing of what it knew' summary
it 'stages the removal of what is gone' removals
it '-n lists and stages nothing' dry_run
it '-u stages tracked files and removals' update
it '-v lists, -q is silent' verbose
it 'obeys .strataignore, -f does not' ignore_rules
t_name_open='trusts no time stamps of a file that is open for writing'
if python3 -c '
import errno, fcntl, tempfile
with tempfile.NamedTemporaryFile() as f, open(f.name, "rb") as r:
    try:
        fcntl.fcntl(r, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as e:
        raise SystemExit(e.errno != errno.EAGAIN)
    raise SystemExit(1)'; then
	it "$t_name_open" open_elsewhere
else
	skip "$t_name_open" 'this file system has no leases'
fi
it 'stores a damaged model as a file, with a warning' damaged_model
it 'skips a FIFO, keeps links and executable bits' special_files
it '--dereference stores what a link points to' dereference
it 'names that steer terminals are quoted and come back' odd_names
it '--fast does not compress' fast
it 'refuses what it cannot do' refused
finish

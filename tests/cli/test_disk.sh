#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Full and read-only disks, in a mount name space of its own.
if [ -z "${ST_MOUNTS-}" ] && unshare -rm mount -t tmpfs none /mnt 2>/dev/null; then
	ST_MOUNTS=1 exec unshare -rm sh "$0"
fi
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"
[ -n "${ST_MOUNTS-}" ] || skip_all 'nothing can be mounted here'

setup() {
	repo
	echo 1 >f
	strata add f
	strata commit -q -m one
	cp .strata/catalog.db ../behind.db
	echo 2 >f
	strata commit -q -a -m two
}

disk() { # options of the mount
	mount -t tmpfs "$@" none "$t_dir"
	cd "$t_dir"
	mkdir r
	cd r
}

reads() { # all of it
	match '^v2 ' strata log --oneline
	match 'the working tree is clean' strata status
	out 1 strata cat v1:f
	match '1 file written' strata checkout v1 --to "$1"
	match ': no faults$' strata fsck
}

warned() {
	reads "$1"
	strata log --oneline 2>&1 >/dev/null |
		grep -q 'warning: the catalogue cannot be written, a copy in memory is used'
}

read_only() {
	disk
	setup
	cp .strata/catalog.db ../now.db
	for t_db in ../now.db ../behind.db; do
		cp $t_db .strata/catalog.db
		mount -o remount,ro "$t_dir"
		reads "$t_tmp/$(basename $t_db)"
		rc 5 strata tag t2
		mount -o remount,rw "$t_dir"
	done
	mount -o remount,ro "$t_dir"
	warned "$t_tmp/again"
	mount -o remount,rw "$t_dir"
	rm .strata/catalog.db
	mount -o remount,ro "$t_dir"
	warned "$t_tmp/none"
	mount -o remount,rw "$t_dir"
	echo garbage >.strata/catalog.db
	mount -o remount,ro "$t_dir"
	warned "$t_tmp/garbage"
	cd "$t_tmp"
	umount "$t_dir"
}

full() {
	disk -o size=2m
	setup
	cp ../behind.db .strata/catalog.db
	rm ../behind.db
	echo 3 >f
	strata add f
	strata rm -q --cached f
	strata reset -q --hard
	dd if=/dev/zero of=../fill bs=4k 2>/dev/null || :
	rm .strata/catalog.db
	dd if=/dev/zero of=../fill2 bs=4k 2>/dev/null || :
	warned "$t_tmp/full"
	match '^removed [1-9]' strata gc --prune=now
	rm ../fill ../fill2
	reads "$t_tmp/room"
	[ -z "$(strata log --oneline 2>&1 >/dev/null)" ]
	cd "$t_tmp"
	umount "$t_dir"
}

# The status says whether it was recorded, and then it is so when there is room again.
full_moves() {
	disk -o size=2m
	setup
	strata branch side v1
	strata tag t1
	for t_c in 'switch -c n' 'switch side' 'switch --detach' 'tag t2' 'tag -m text t3' 'branch b' \
		'branch -m side aside' 'branch -D side' 'reset --soft v1' 'reset v1' 'reset --hard v1' undo \
		'commit --allow-empty -m x' 'commit --amend -m y' 'rollback v1' 'revert v2' 'rm f' 'mv f g' \
		'checkout v1' 'merge side' 'checkout --detach v2'; do
		cp -a .strata "$t_tmp/kept"
		cp f "$t_tmp/f"
		dd if=/dev/zero of=../fill bs=1k 2>/dev/null || :
		before=$(stat -c %s .strata/ops)
		# shellcheck disable=SC2086
		t_get strata $t_c
		after=$(stat -c %s .strata/ops)
		case $t_rc in
		0 | 2) ;;
		*) [ "$before" = "$after" ] || { echo "$t_c: status $t_rc, and recorded" && t_show && return 1; } ;;
		esac
		rm ../fill
		strata reflog 2>"$t_tmp/err" >"$t_tmp/out"
		[ ! -s "$t_tmp/err" ]
		strata fsck >"$t_tmp/out"
		if [ "$t_c" = 'switch -c n' ]; then
			[ "$before" != "$after" ]
			match 'On branch n' strata status
		fi
		rm -r .strata f g 2>/dev/null || :
		cp -a "$t_tmp/kept" .strata
		cp -p "$t_tmp/f" f
		rm -r "$t_tmp/kept"
	done
	cd "$t_tmp"
	umount "$t_dir"
}

fill() { # KiB that are left
	t_free=$(df --output=avail -k . | tail -n 1)
	head -c $(((t_free - $1) * 1024)) /dev/zero >../fill
}

# The merged file is larger than either side's, so that its own place runs out while it is made.
full_merge() {
	disk -o size=24m
	repo
	model m.safetensors a:F32:65536:1
	strata add . && strata commit -q -m one
	strata branch side
	model m.safetensors a:F32:65536:1 b:F32:65536:2
	strata commit -q -a -m two
	cp m.safetensors "$t_tmp/ours"
	strata switch -q side
	model m.safetensors a:F32:65536:1 c:F32:1048576:3
	strata commit -q -a -m three
	strata switch -q main
	fill 2048
	rc 5 strata merge side
	err 'No space left on device|[0-9]+ bytes are needed' strata merge side
	cmp m.safetensors "$t_tmp/ours"
	out '' strata status -s
	match '^v2 ' strata log --oneline -1
	rc 7 strata merge --abort
	rm ../fill
	strata merge -q side
	out 3 sh -c 'strata ls --tensors m.safetensors --json | wc -l'
	match ': no faults$' strata fsck
	cd "$t_tmp"
	umount "$t_dir"
}

# What was begun can be taken back where nothing more can be written, or afterwards.
full_abort() {
	disk -o size=24m
	repo
	model m.safetensors a:F32:262144:1 b:F32:64:1
	strata add . && strata commit -q -m one
	strata branch side
	model m.safetensors a:F32:262144:1 b:F32:64:2
	strata commit -q -a -m two
	cp m.safetensors "$t_tmp/ours"
	strata switch -q side
	model m.safetensors a:F32:262144:3 b:F32:64:3
	strata commit -q -a -m three
	strata switch -q main
	rc 1 strata merge -q side
	fill 64
	t_get strata resolve -q b --theirs
	[ "$t_rc" = 5 ]
	match '^Merging: 1 of 1 conflict left' strata status
	if strata merge --abort; then
		rm ../fill
	else
		match 'merge --abort' strata status
		rm ../fill
		strata merge --abort
	fi
	cmp m.safetensors "$t_tmp/ours"
	out '' strata status -s
	rc 7 strata merge --abort
	match ': no faults$' strata fsck
	cd "$t_tmp"
	umount "$t_dir"
}

it 'a read-only disk, the catalogue up to date, behind, missing, damaged' read_only
it 'a full disk, the catalogue missing' full
it 'a full disk: the status says whether it was recorded' full_moves
it 'a disk that is full in the middle of a merge' full_merge
it 'a merge taken back on a full disk' full_abort
finish

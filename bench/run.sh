#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# strata beside the other tools, in one run on one machine: `make bench`. README.md says what each
# line means. A peer that is not there is reported as missing, an aim that is not reached as MISSED.
#
#	SIZE=2G FILES=20000 VERSIONS=10000 ROUNDS=3 MEMORY_SIZES='1G 8G' TUNE_MIB=1024	how much
#	PARTS='file files torch diff log history metadata parent switch tune merge memory'	which parts
#	SKIP='dvc oxen borg restic git'	peers to leave out
#	BENCH_DIR=DIR	where to work; a real disk, with five times SIZE free
set -u
cd "$(dirname "$0")/.." || exit 1
here=$PWD/bench
export LC_ALL=C

SIZE=${SIZE:-2G} FILES=${FILES:-20000} VERSIONS=${VERSIONS:-10000} ROUNDS=${ROUNDS:-3}
TUNE_MIB=${TUNE_MIB:-1024}
PARTS=${PARTS:-file files torch diff log history metadata parent switch tune merge memory}
MEMORY_SIZES=${MEMORY_SIZES:-$([ "$SIZE" = 2G ] && echo 1G 8G || echo "$SIZE")}
STRATA=${STRATA:-$PWD/build/strata}
build=${ST_BUILD:-$PWD/build}
work=${BENCH_DIR:-$build/bench-work}
log=$work/log times=$work/times peaks=$work/peaks

. "$here/lib.sh"

[ -x "$STRATA" ] || die "no program at $STRATA: run make first"
mkdir -p "$build" || exit 1
rm -rf "$work" && mkdir -p "$work/bin" "$work/home" || exit 1
ln -s "$(realpath "$STRATA")" "$work/bin/strata"
PATH=$work/bin:$PATH PAGER=cat
export PATH PAGER
: >"$log"
: >"$times"
: >"$peaks"
trap 'rm -rf "$work/in" "$work/r" "$work/home"' EXIT
trap 'exit 130' INT TERM

gen=$build/tests/bench-gen_model
if [ ! -x "$gen" ]; then
	gen=$work/bin/gen_model
	cc -std=c17 -D_GNU_SOURCE -O2 -o "$gen" "$here/gen_model.c" || die 'cannot compile gen_model.c'
fi

want() { case " $PARTS " in *" $1 "*) true ;; *) false ;; esac; }
in_dir() { (cd "$1" && shift && "$@"); }
quietly() { "$@" >/dev/null; }
fresh() { rm -rf "$work/r/$1" && mkdir -p "$work/r/$1"; }

new_strata() {
	fresh "$1"
	strata init "$work/r/$1" >>"$log" 2>&1 || die "strata init failed ($log)"
}
new_git() {
	git init -q "$1"
	git -C "$1" config user.name bench
	git -C "$1" config user.email bench@example.org
	git -C "$1" config gc.auto 0
}

strata_add_commit() { # OPTION... PATH
	strata add "$@" && strata -q commit -m bench
}
cp_sync_b3sum() { cp "$1" "$2" && sync && b3sum "$2"; }
cp_sync() { cp "$1" "$2" && sync; }
b3sum_and_write() { b3sum "$1" && head -c "$2" "$1" >"$3" && sync; }
dvc_add() { "$dvc" add -q "$1" && sync; }
oxen_add() { "$python" "$here/oxen_add.py" add "$1" && sync; }
borg_create() { borg create "$1::one" "$2"; }
restic_backup() { restic -q -r "$1" backup "$2"; }
restic_restore() { restic -q -r "$1" restore latest --target "$2"; }

# peer_add NAME KEY SOURCE ENTRY: SOURCE, copied into a new repository of that tool, is added.
peer_add() {
	local dir=$work/r/$1
	have "$1" || return 0
	[ "$1" != dvc ] || have git || return 0
	fresh "$1"
	case $1 in
	dvc)
		new_git "$dir"
		in_dir "$dir" "$dvc" init -q >>"$log" 2>&1
		;;
	oxen) in_dir "$dir" "$python" "$here/oxen_add.py" init >>"$log" 2>&1 ;;
	borg) borg init -e none "$dir.store" >>"$log" 2>&1 ;;
	restic) restic -q -r "$dir.store" init >>"$log" 2>&1 ;;
	esac
	cp -r "$3" "$dir/$4"
	case $1 in
	dvc | oxen) timed "$2" in_dir "$dir" "$1_add" "$4" ;;
	borg) timed "$2" in_dir "$dir" borg_create "$dir.store" "$4" ;;
	restic) timed "$2" in_dir "$dir" restic_backup "$dir.store" "$4" ;;
	esac
}

peer_done() { rm -rf "${work:?}/r/$1" "$work/r/$1.store"; }

# --- one large file --------------------------------------------------------------------------

file_round() {
	local a=$work/in/a.safetensors b=$work/in/b.safetensors r=$work/r/strata peer
	mkdir -p "$work/r"
	timed cp_sync_b3sum cp_sync_b3sum "$a" "$work/r/copy"
	rm "$work/r/copy"
	timed cp_sync cp_sync "$a" "$work/r/copy"
	rm "$work/r/copy"
	timed b3sum b3sum "$a"

	new_strata strata
	cp "$a" "$r/m.safetensors"
	timed strata.fast in_dir "$r" strata_add_commit --fast m.safetensors
	timed strata.same in_dir "$r" strata add m.safetensors
	timed strata.checkout in_dir "$r" strata -q checkout v1 --to "$work/r/out"
	cmp "$a" "$work/r/out/m.safetensors" || die 'a restored file is not the one that went in'
	rm -r "$work/r/out"
	timed cp cp "$a" "$work/r/copy"
	rm "$work/r/copy"

	cp "$b" "$r/m.safetensors"
	timed strata.tenth in_dir "$r" strata_add_commit --fast m.safetensors
	timed b3sum_and_write b3sum_and_write "$b" "$changed" "$work/r/part"
	rm "$work/r/part"
	peer_done strata

	new_strata strata
	cp "$a" "$r/m.safetensors"
	timed strata.full in_dir "$r" strata_add_commit m.safetensors
	stored=$(du -sk "$r/.strata" | cut -f1)
	peer_done strata
	for peer in dvc oxen borg; do
		peer_add "$peer" "$peer" "$a" m.safetensors
		peer_done "$peer"
	done
}

part_file() {
	say "one file of $SIZE, $ROUNDS rounds"
	mkdir -p "$work/in"
	"$gen" "$SIZE" "$work/in/a.safetensors" 2>>"$log" || die "gen_model failed ($log)"
	"$gen" --mutate 0.1 2 "$SIZE" "$work/in/b.safetensors" 2>"$work/mutated" || die 'gen_model failed'
	changed=$(sed -n 's/.*changed, \([0-9]*\) bytes.*/\1/p' "$work/mutated")
	local i WARM_MIB=$(($(stat -c %s "$work/in/a.safetensors") * 5 / 2 >> 20))
	for ((i = 1; i <= ROUNDS; i++)); do
		say "  round $i"
		file_round
	done
	rm -rf "$work/in"

	head_line "One new bf16 file of $SIZE"
	compare 'add --fast + commit' strata.fast 'cp && sync && b3sum' cp_sync_b3sum 1.5
	compare '' strata.fast 'cp && sync' cp_sync -
	compare '' strata.fast 'b3sum' b3sum -
	compare '' strata.fast 'dvc add; sync' dvc 1
	compare '' strata.fast 'oxen add, commit; sync' oxen 1
	compare '' strata.fast 'borg create' borg 1
	compare "add + commit (stored $((stored / 1024)) MiB)" strata.full 'cp && sync && b3sum' cp_sync_b3sum -
	limit 'add, unchanged' "$(median strata.same)" "$(seconds "$(median strata.same)")" 50000 '<= 50 ms'
	compare 'add --fast + commit, 10 % changed' strata.tenth 'b3sum; write the changed' b3sum_and_write 2.5
	compare 'checkout of raw frames' strata.checkout 'cp' cp 1.3
}

# --- many small files ------------------------------------------------------------------------

files_round() {
	local r=$work/r/strata peer
	new_strata strata
	cp -r "$work/in/d" "$r/d"
	timed strata.files.add in_dir "$r" strata add d
	timed strata.files.commit in_dir "$r" strata -q commit -m bench
	timed strata.files.status in_dir "$r" strata status
	timed strata.files.checkout in_dir "$r" strata -q checkout v1 --to "$work/r/out"
	diff -r "$work/in/d" "$work/r/out/d" >/dev/null || die 'restored files are not those that went in'
	rm -r "$work/r/out"
	peer_done strata
	for peer in dvc oxen borg restic; do
		peer_add "$peer" "$peer.files" "$work/in/d" d
		if [ "$peer" = restic ] && have restic; then
			timed restic.restore restic_restore "$work/r/restic.store" "$work/r/out"
			rm -rf "$work/r/out"
		fi
		peer_done "$peer"
	done
	have git || return 0
	fresh git
	new_git "$work/r/git"
	cp -r "$work/in/d" "$work/r/git/d"
	timed git.files.add git -C "$work/r/git" add d
	timed git.files.commit git -C "$work/r/git" commit -q -m bench
	timed git.files.status git -C "$work/r/git" status
	peer_done git
}

# Flushes in one add + commit of all files: those of packs and their folder, and all of them.
count_syncs() {
	local r=$work/r/strata trace=$work/syncs
	have strace || return 0
	new_strata strata
	cp -r "$work/in/d" "$r/d"
	in_dir "$r" strace -f -y -qq -o "$trace" -e trace=fsync,fdatasync,syncfs,sync,msync,sync_file_range \
		bash -c 'strata add d && strata -q commit -m bench' >>"$log" 2>&1 || die "strata under strace failed ($log)"
	syncs=$(grep -cE '(sync|fdatasync|sync_file_range)\(' "$trace")
	pack_syncs=$(grep -cE 'sync\([0-9]+<[^>]*/\.strata/packs' "$trace")
	packs=$(find "$r/.strata/packs" -name '*.pack' | wc -l)
	peer_done strata
}

part_files() {
	say "$FILES files of 20 KB, $ROUNDS rounds"
	mkdir -p "$work/in"
	"$gen" --files "$FILES" 20000 "$work/in/d" 2>>"$log" || die "gen_model failed ($log)"
	local i
	for ((i = 1; i <= ROUNDS; i++)); do
		say "  round $i"
		files_round
	done
	count_syncs
	rm -rf "$work/in"

	head_line "$FILES files of 20 KB"
	compare 'add' strata.files.add 'dvc add; sync' dvc.files 0.25
	compare '' strata.files.add 'borg create' borg.files 1
	compare '' strata.files.add 'oxen add, commit; sync' oxen.files -
	compare '' strata.files.add 'restic backup' restic.files -
	compare '' strata.files.add 'git add' git.files.add -
	compare 'commit' strata.files.commit 'git commit' git.files.commit -
	compare 'status' strata.files.status 'git status' git.files.status 1
	compare 'checkout' strata.files.checkout 'restic restore' restic.restore 1
	if have strace; then
		limit "flushes of $packs packs ($syncs in all)" "$pack_syncs" "$pack_syncs" \
			$((2 * packs)) "<= $((2 * packs))"
	else
		line 'flushes' - 'strace' missing - - 'not counted'
		count missing
	fi
}

# --- a PyTorch checkpoint --------------------------------------------------------------------

add_to_new() { # FILE: into a repository of its own, unmeasured up to here
	in_dir "$work/r/strata" strata_add_commit --fast "$1"
}

part_torch() {
	local a=$work/in/a.safetensors pt=$work/in/a.pt i WARM_MIB=0
	say "a PyTorch checkpoint of $SIZE with 2,000 tensors, $ROUNDS rounds"
	mkdir -p "$work/in" "$work/r"
	"$gen" --tensors 2000 "$SIZE" "$a" 2>>"$log" || die "gen_model failed ($log)"
	if ! /usr/bin/python3 "$here/make_pt.py" "$a" "$pt" 2>>"$log"; then
		head_line 'A PyTorch checkpoint'
		line 'inspect' - 'python3-torch' missing - - 'not measured'
		count missing
		return
	fi
	strata inspect "$pt" >>"$log" || die "strata inspect failed ($log)"
	for ((i = 1; i <= 20; i++)); do
		timed strata.inspect quietly strata inspect "$pt"
	done
	WARM_MIB=$(($(stat -c %s "$a") * 5 / 2 >> 20))
	for ((i = 1; i <= ROUNDS; i++)); do
		say "  round $i"
		new_strata strata && cp "$pt" "$work/r/strata/m.pt"
		timed strata.pt add_to_new m.pt
		new_strata strata && cp "$a" "$work/r/strata/m.safetensors"
		timed strata.safetensors add_to_new m.safetensors
	done
	peer_done strata
	rm -rf "$work/in"

	head_line "A PyTorch checkpoint of $SIZE, 2,000 tensors"
	limit 'inspect, median of 20' "$(median strata.inspect)" "$(seconds "$(median strata.inspect)")" 50000 '< 50 ms'
	compare 'add --fast + commit of .pt' strata.pt 'the same as safetensors' strata.safetensors 1.1
}

# --- differences ----------------------------------------------------------------------------

b3sum_both() { b3sum "$1" "$2"; }
diff_files() { strata diff --json "$1" "$2"; }
diff_versions() { in_dir "$work/r/strata" strata diff --json v1 v2; }
diff_numpy() { "$python" "$here/diff_numpy.py" "$1" "$2"; }

part_diff() {
	local a=$work/in/a.safetensors b=$work/in/b.safetensors r=$work/r/strata i
	say "diff of two files of $SIZE, $ROUNDS rounds"
	mkdir -p "$work/in" "$work/r"
	"$gen" "$SIZE" "$a" 2>>"$log" || die "gen_model failed ($log)"
	"$gen" --mutate 1 2 "$SIZE" "$b" 2>>"$log" || die "gen_model failed ($log)"
	"$python" -c 'import numpy' 2>>"$log" || missing[numpy]='not installed'
	for ((i = 1; i <= ROUNDS; i++)); do
		say "  round $i"
		cat "$a" "$b" >/dev/null
		timed strata.diff diff_files "$a" "$b"
		timed b3sum.both b3sum_both "$a" "$b"
		have numpy && timed numpy.diff diff_numpy "$a" "$b"
	done
	! have time || peak diff strata diff --json "$a" "$b"
	new_strata strata
	mv "$a" "$r/m.safetensors"
	in_dir "$r" strata_add_commit --fast m.safetensors >>"$log" 2>&1
	"$gen" --mutate 0.1 2 "$SIZE" "$r/m.safetensors" 2>>"$log" || die "gen_model failed ($log)"
	in_dir "$r" strata_add_commit --fast m.safetensors >>"$log" 2>&1
	for ((i = 1; i <= ROUNDS; i++)); do
		timed strata.diff.versions diff_versions
	done
	peer_done strata
	rm -rf "$work/in"

	head_line "diff of two bf16 files of $SIZE, all tensors changed"
	compare 'diff --json' strata.diff 'b3sum of both' b3sum.both 2
	compare '' strata.diff 'NumPy script' numpy.diff 0.2
	compare 'of two versions, 10 % changed' strata.diff.versions 'diff of all' strata.diff -
	if have time; then
		i=$(awk '$1 == "diff" { print $2 }' "$peaks")
		limit 'peak memory' "$i" "$((i / 1024)) MiB" 262144 '<= 256 MiB'
	fi
}

# --- a long history --------------------------------------------------------------------------

git_history() {
	local i
	for ((i = 1; i <= VERSIONS; i++)); do
		printf 'commit refs/heads/main\ncommitter bench <bench@example.org> %d +0000\n' $((1700000000 + i))
		printf 'data 5\nbenchM 644 inline f\ndata <<E\n%d\nE\n\n' "$i"
	done
}

part_log() {
	say "log over $VERSIONS versions"
	local i
	new_strata strata
	cd "$work/r/strata" || exit 1
	for ((i = 1; i <= VERSIONS; i++)); do
		echo "$i" >f
		strata add f >>"$log" 2>&1 && strata -q commit -m "version $i" >>"$log" 2>&1 ||
			die "commit $i of $VERSIONS failed ($log)"
	done
	[ "$(strata log --oneline | wc -l)" = "$VERSIONS" ] || die "log does not list $VERSIONS versions"
	if have git; then
		fresh git
		new_git "$work/r/git"
		git_history | git -C "$work/r/git" fast-import --quiet 2>>"$log" || missing[git.log]=failed
	fi
	strata log >/dev/null
	for ((i = 1; i <= 20; i++)); do
		timed strata.log quietly strata log
		! have git || timed git.log quietly git -C "$work/r/git" log main
	done
	cd "$here/.." || exit 1
	peer_done strata
	peer_done git

	head_line "log over $VERSIONS versions, median of 20"
	limit 'log' "$(median strata.log)" "$(seconds "$(median strata.log)")" 50000 '< 50 ms'
	compare '' strata.log 'git log' git.log -
}

# --- the history of tensors ------------------------------------------------------------------

history_line() { # WHAT KEY AIM: its median, which the aim, in milliseconds, limits unless it is `-`
	local us
	us=$(median "strata.history.$2")
	if [ "$3" = - ]; then
		line "$1" "$(seconds "$us")" - - - - ''
	else
		limit "$1" "$us" "$(seconds "$us")" $(($3 * 1000)) "< $3 ms"
	fi
}

part_history() {
	local r=$work/r/strata mk=$build/tests/bench-make_history i n
	say 'tensor history over 2,000 versions of 300 tensors'
	if [ ! -x "$mk" ]; then
		head_line 'Tensor history'
		line 'log --tensor, blame' - 'make_history' missing - - 'not measured'
		count missing
		return
	fi
	new_strata strata
	in_dir "$r" "$mk" 2000 300 3 >>"$log" 2>&1 || die "make_history failed ($log)"
	n=$(strata -C "$r" blame m.safetensors --json | wc -l)
	[ "$n" = 300 ] || die "blame speaks of $n tensors, not of 300"
	n=$(strata -C "$r" log --tensor layers.7.weight --oneline | wc -l)
	[ "$n" = 21 ] || die "log --tensor lists $n versions, not the first and 20 others"
	for ((i = 1; i <= 20; i++)); do
		timed strata.history.one quietly strata -C "$r" log --tensor layers.7.weight
		timed strata.history.all quietly strata -C "$r" log --tensor 'layers.*'
		timed strata.history.values quietly strata -C "$r" log --tensor layers.7.weight --values
		timed strata.history.blame quietly strata -C "$r" blame m.safetensors
		timed strata.history.figures quietly strata -C "$r" blame --values m.safetensors
	done
	peer_done strata

	head_line 'Tensor history, 2,000 versions of 300 tensors, 3 changed in each; median of 20'
	history_line 'log --tensor NAME' one 100
	history_line "log --tensor 'layers.*', all 300" all 100
	history_line 'log --tensor NAME --values' values -
	history_line 'blame' blame 100
	history_line 'blame --values' figures -
}

# --- what a version costs beside its data ----------------------------------------------------

# Apparent bytes of all of .strata after gc, but for the stored bytes of the tensors' frames.
part_metadata() {
	local r=$work/r/strata mk=$build/tests/bench-make_history n=${METADATA_VERSIONS:-10000} f bytes
	local all=0 values
	say "metadata of $n versions of 300 tensors"
	head_line "Metadata, $n versions of 300 tensors, 3 changed in each; bytes a version after gc"
	if [ ! -x "$mk" ]; then
		line 'metadata a version' - 'make_history' missing - - 'not measured'
		count missing
		return
	fi
	new_strata strata
	in_dir "$r" "$mk" "$n" 300 3 >>"$log" 2>&1 || die "make_history failed ($log)"
	strata -C "$r" gc --prune=now >>"$log" 2>&1 || die "gc failed ($log)"
	values=$(strata -C "$r" stats --json |
		sed -n 's/.*"f32":{[^}]*"stored_bytes":\([0-9]*\).*/\1/p')
	for f in catalog.db ops packs; do
		bytes=$(($(du -sb --apparent-size "$r/.strata/$f" | cut -f1) / n))
		[ "$f" != packs ] || bytes=$((bytes - values / n))
		line "$f" "$bytes B" - - - - ''
		all=$((all + bytes))
	done
	limit 'metadata a version' "$all" "$all B" 3072 '<= 3 KiB'
	peer_done strata
}

# --- where a stray file comes from -----------------------------------------------------------

# MODELS versions of a model of 100 tensors, all of them changed each time; the stray is a
# fine-tune of one in the middle.
part_parent() {
	local i models=${MODELS:-500} middle
	say "parent over $models stored models"
	new_strata strata
	cd "$work/r/strata" || exit 1
	for ((i = 1; i <= models; i++)); do
		python3 "$here/parent_model.py" "$i" 100 512 m.safetensors || die 'parent_model.py failed'
		strata add --fast m.safetensors >>"$log" 2>&1 && strata -q commit -m "version $i" >>"$log" 2>&1 ||
			die "commit $i of $models failed ($log)"
	done
	middle=$((models / 2))
	python3 "$here/parent_model.py" "$middle" 100 512 ../stray.safetensors --tune
	[[ $(strata parent ../stray.safetensors) = "v$middle "* ]] || die "parent does not find v$middle"
	for ((i = 1; i <= 20; i++)); do
		timed strata.parent quietly strata parent ../stray.safetensors
	done
	cd "$here/.." || exit 1
	rm "$work/r/stray.safetensors"
	peer_done strata
	head_line "parent over $models stored models of 100 tensors, median of 20"
	limit 'parent' "$(median strata.parent)" "$(seconds "$(median strata.parent)")" 1000000 '< 1 s'
}

# --- switch ----------------------------------------------------------------------------------

part_switch() {
	local r=$work/r/strata i WARM_MIB=0
	say "switch between two versions of $SIZE that differ in one tensor, $ROUNDS rounds"
	new_strata strata
	"$gen" "$SIZE" "$r/m.safetensors" 2>>"$log" || die "gen_model failed ($log)"
	in_dir "$r" strata_add_commit --fast m.safetensors >>"$log" 2>&1
	# the last bytes of the file belong to its last tensor
	printf '\1\2\3\4' | dd of="$r/m.safetensors" bs=1 seek=$(($(stat -c %s "$r/m.safetensors") - 4)) \
		conv=notrunc 2>>"$log"
	in_dir "$r" strata_add_commit --fast m.safetensors >>"$log" 2>&1
	[ "$(in_dir "$r" strata diff --name-only v1 v2)" = m.safetensors ] || die 'the versions do not differ'
	in_dir "$r" strata branch old v1 >>"$log" 2>&1
	WARM_MIB=$(($(stat -c %s "$r/m.safetensors") * 5 / 2 >> 20))
	for ((i = 1; i <= ROUNDS; i++)); do
		timed strata.switch in_dir "$r" strata -q switch old
		timed strata.switch in_dir "$r" strata -q switch main
		timed cp.switch cp "$r/m.safetensors" "$r/copy"
		timed cp_sync.switch sh -c 'cp "$1" "$2" && sync "$2"' sh "$r/m.safetensors" "$r/copy.2"
		rm "$r/copy" "$r/copy.2"
	done
	stored=$(du -sk "$r/.strata" | cut -f1)
	whole=$(($(stat -c %s "$r/m.safetensors") >> 10))
	peer_done strata
	head_line "switch between two versions of $SIZE that differ in one tensor"
	compare 'switch' strata.switch 'cp of the file' cp.switch -
	compare '' strata.switch 'cp && sync of the file' cp_sync.switch -
	limit 'what both versions take, in percent of one' "$((stored * 100 / whole))" \
		"$((stored * 100 / whole)) %" 110 '<= 110 %'
}

# --- fine-tune -------------------------------------------------------------------------------

stored_kib() { du -sk "$@" | awk '{ n += $1 } END { print n }'; }

tune_strata() {
	local a=$work/in/base.safetensors b=$work/in/tuned.safetensors r=$work/r/strata
	new_strata strata
	cp "$a" "$r/m.safetensors"
	in_dir "$r" strata_add_commit m.safetensors >>"$log" 2>&1
	size_strata=$(stored_kib "$r/.strata")
	cp "$b" "$r/m.safetensors"
	timed strata.tune in_dir "$r" strata_add_commit m.safetensors
	size_strata=$(($(stored_kib "$r/.strata") - size_strata))
	timed strata.untune in_dir "$r" strata -q checkout v2 --to "$work/r/out"
	cmp "$b" "$work/r/out/m.safetensors" || die 'a restored file is not the one that went in'
	rm -r "$work/r/out"
	peer_done strata
}

tune_zstd() {
	local a=$work/in/base.safetensors b=$work/in/tuned.safetensors z=$work/r/tuned.zst
	have zstd || return 0
	timed zstd.patch sh -c 'zstd -q -3 -T2 --long=31 --patch-from="$1" "$2" -o "$3" && sync' sh \
		"$a" "$b" "$z"
	size_zstd=$(stored_kib "$z")
	zstd -q -f -3 -T2 "$b" -o "$z" || die 'zstd failed'
	timed zstd.back zstd -q -d "$z" -o "$work/r/copy"
	rm "$z" "$work/r/copy"
}

tune_peer() { # oxen or borg: adds the base, then the fine-tune in its place
	local dir=$work/r/$1 store=$work/r/$1.store
	have "$1" || return 0
	peer_add "$1" ignored "$work/in/base.safetensors" m.safetensors
	[ -e "$store" ] || store=$dir/.oxen
	printf -v "size_$1" %s "$(stored_kib "$store")"
	cp "$work/in/tuned.safetensors" "$dir/m.safetensors"
	case $1 in
	oxen) timed oxen.tune in_dir "$dir" oxen_add m.safetensors ;;
	borg) timed borg.tune in_dir "$dir" sh -c 'borg create "$1::two" "$2" && sync' sh "$store" m.safetensors ;;
	esac
	local before=size_$1
	printf -v "size_$1" %s "$(($(stored_kib "$store") - ${!before}))"
	peer_done "$1"
}

size_line() { # PEER KIB AIM
	[ -n "${2:-}" ] || return 0
	local ratio
	ratio=$(awk -v a="$size_strata" -v b="$2" 'BEGIN { printf "%.3f", a / b }')
	limit "stored; $1 $(($2 / 1024)) MiB" "$ratio" "$((size_strata / 1024)) MiB" "$3" "<= $3 of it"
}

part_tune() {
	local i WARM_MIB=2048 size_strata='' size_zstd='' size_oxen='' size_borg=''
	say "a fine-tune of $TUNE_MIB MiB of bf16, $ROUNDS rounds"
	mkdir -p "$work/in" "$work/r"
	/usr/bin/python3 "$here/make_tune.py" "$TUNE_MIB" "$work/in/base.safetensors" \
		"$work/in/tuned.safetensors" 2>>"$log" || die "make_tune.py failed ($log)"
	for ((i = 1; i <= ROUNDS; i++)); do
		say "  round $i"
		tune_strata
		tune_zstd
		tune_peer oxen
		tune_peer borg
	done
	rm -rf "$work/in"
	head_line "A fine-tune of a bf16 model of $TUNE_MIB MiB, whose base is stored"
	compare 'add + commit' strata.tune 'zstd --patch-from; sync' zstd.patch 0.3333
	compare '' strata.tune 'oxen add, commit; sync' oxen.tune 1
	compare '' strata.tune 'borg create; sync' borg.tune 1
	compare 'checkout' strata.untune 'zstd -d of a zstd -3 copy' zstd.back 1
	size_line 'zstd --patch-from' "$size_zstd" 1
	size_line oxen "$size_oxen" 0.3333
	size_line borg "$size_borg" 0.3333
}

# --- merging ---------------------------------------------------------------------------------

merge_recipes() { # in the type of the models
	local in=$work/in models
	models="models:
  - {model: $in/a, parameters: {weight: 0.5, density: 0.5}}
  - {model: $in/b, parameters: {weight: 0.5, density: 0.5}}"
	cat >"$in/linear.yml" <<-END
		merge_method: linear
		$(printf '%s\n' "$models" | sed 's/, density: 0.5//')
		dtype: bfloat16
	END
	cat >"$in/ties.yml" <<-END
		merge_method: ties
		base_model: $in/base
		$models
		parameters: {normalize: true}
		dtype: bfloat16
	END
}

merge_inputs() {
	local in=$work/in dir
	mkdir -p "$in/base" "$in/a" "$in/b" "$work/r"
	/usr/bin/python3 "$here/make_tune.py" "$(($(numfmt --from=iec "$SIZE") >> 20))" \
		"$in"/{base,a,b}/model.safetensors 2>>"$log" || die "make_tune.py failed ($log)"
	for dir in base a b; do
		echo '{"architectures": ["Bench"], "model_type": "bert"}' >"$in/$dir/config.json"
	done
	merge_recipes
}

# merge_one KEY COMMAND...: one merge into $work/r/out, by the clock and its peak memory.
merge_one() {
	local key=$1
	shift
	have "${key%%.*}" || return 0
	rm -rf "$work/r/out"
	if have time; then
		timed "$key" bash -c '/usr/bin/time -o "$0" -f %M "$@"' "$work/peak.one" "$@"
		! have "$key" || echo "$key $(tail -n 1 "$work/peak.one")" >>"$peaks"
	else
		timed "$key" "$@"
	fi
}

merge_round() {
	local a=$work/in/a/model.safetensors b=$work/in/b/model.safetensors out=$work/r/out
	merge_one strata.linear strata merge --recipe "$work/in/linear.yml" -o "$out"
	merge_one mergekit.linear "${mergekit[@]}" "$work/in/linear.yml" "$out"
	merge_one strata.average strata average "$a" "$b" -o "$out"
	mv "$out" "$out.strata"
	merge_one numpy.average /usr/bin/python3 "$here/merge_numpy.py" "$a" "$b" "$out"
	! have numpy || ! have numpy.average || cmp "$out" "$out.strata" || die 'average is not what NumPy says'
	rm "$out.strata"
	merge_one strata.ties strata merge --recipe "$work/in/ties.yml" -o "$out"
	merge_one mergekit.ties "${mergekit[@]}" "$work/in/ties.yml" "$out"
	merge_one strata.merge-file strata merge-file --base "$work/in/base/model.safetensors" "$a" "$b" \
		--method ties -o "$out"
	rm -rf "$out"
}

most() { awk -v k="$1" '$1 == k && $2 > n { n = $2 } END { if (n) print n }' "$peaks"; }

peak_line() { # KEY PEER_KEY: what ours takes at the most, of what the other does
	local ours theirs share
	ours=$(most "$1") theirs=$(most "$2")
	if [ -z "$ours" ] || [ -z "$theirs" ]; then
		line '  its peak memory' - "${2%%.*}" missing - '<= 0.1' 'not compared'
		count missing
		return
	fi
	share=$(awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.3f", a / b }')
	limit "  its peak memory; ${2%%.*} $((theirs / 1024)) MiB" "$share" "$((ours / 1024)) MiB" 0.1 \
		'<= 0.1 of it'
}

part_merge() {
	local i WARM_MIB packages mergekit
	say "two fine-tunes of a model of $SIZE merged, $ROUNDS rounds"
	packages=$(echo "$build"/venv/lib/python3*/site-packages)
	export PYTHONPATH=$packages
	mergekit=(/usr/bin/python3 "$here/../tests/interop/mergekit_run.py")
	"${mergekit[@]}" --check >>"$log" 2>&1 || missing[mergekit]='not installed'
	/usr/bin/python3 -c 'import numpy' 2>>"$log" || missing[numpy]='not installed'
	merge_inputs
	WARM_MIB=$(($(stat -c %s "$work/in/a/model.safetensors") * 5 / 2 >> 20))
	for ((i = 1; i <= ROUNDS; i++)); do
		say "  round $i"
		merge_round
	done
	unset PYTHONPATH
	rm -rf "$work/in"

	head_line "Two fine-tunes of a bf16 model of $SIZE merged, nothing synced"
	compare 'merge --recipe, linear' strata.linear mergekit mergekit.linear 0.25
	peak_line strata.linear mergekit.linear
	compare 'merge --recipe, ties' strata.ties mergekit mergekit.ties 0.1
	peak_line strata.ties mergekit.ties
	compare 'merge-file --base, ties' strata.merge-file mergekit mergekit.ties -
	compare 'average' strata.average 'NumPy, files mapped' numpy.average 0.99
}

# --- memory ----------------------------------------------------------------------------------

memory_of() { # SIZE
	local r=$work/r/strata
	new_strata strata
	"$gen" "$1" "$r/m.safetensors" 2>>"$log" || die "gen_model failed ($log)"
	peak "$1.add" strata -C "$r" add m.safetensors
	peak "$1.commit" strata -C "$r" commit -m bench
	peak "$1.checkout" strata -C "$r" checkout v1 --to "$work/r/out"
	rm -r "$work/r/out"
	peak "$1.cat" sh -c 'exec strata -C "$0" cat HEAD:m.safetensors >/dev/null' "$r"
	peak "$1.fsck" strata -C "$r" fsck --full
	rm -r "$r/.strata"
	strata init "$r" >>"$log" 2>&1 || die "strata init failed ($log)"
	peak "$1.fast" strata -C "$r" add --fast m.safetensors
	rm -r "$r/.strata"
	memory_of_merges "$1" "$r"
	peer_done strata
	memory_of_history "$1"
}

# The base is a file of holes, all zeros, so that no more than three models lie on the disk.
memory_of_merges() { # SIZE DIR
	local m=$2/m.safetensors b=$2/b.safetensors base=$2/base.safetensors head
	"$gen" --mutate 1 2 "$1" "$b" 2>>"$log" || die "gen_model failed ($log)"
	head=$(($(od -A n -t u8 -N 8 "$m") + 8))
	head -c "$head" "$m" >"$base" && truncate -s "$(stat -c %s "$m")" "$base" || die "cannot make $base"
	peak "$1.average" strata average "$m" "$b" -o "$2/out.safetensors"
	rm "$2/out.safetensors"
	peak "$1.ties" strata merge-file --base "$base" "$m" "$b" --method ties -o "$2/out.safetensors"
}

# Two branches that each moved every tensor; neither is checked out, so that two models lie on the
# disk beside the repository while the third is written.
memory_of_history() { # SIZE
	local r=$work/r/strata step
	new_strata strata
	for step in base ours theirs; do
		case $step in
		base) "$gen" "$1" "$r/m.safetensors" 2>>"$log" ;;
		ours) "$gen" --mutate 1 2 "$1" "$r/m.safetensors" 2>>"$log" ;;
		theirs) "$gen" --mutate 1 3 "$1" "$r/m.safetensors" 2>>"$log" ;;
		esac || die "gen_model failed ($log)"
		strata -C "$r" add m.safetensors >>"$log" 2>&1 &&
			strata -C "$r" commit -m "$step" >>"$log" 2>&1 || die "commit failed ($log)"
		[ "$step" != ours ] || { strata -C "$r" branch side && strata -C "$r" reset --soft v1; } >>"$log" 2>&1 ||
			die "reset failed ($log)"
	done
	peak "$1.merge" strata --memory 512M -C "$r" merge side --method linear
	peer_done strata
}

largest_peak() { awk -v k="$1." 'index($1, k) == 1 && $2 > n { n = $2 } END { print n }' "$peaks"; }

memory_name() {
	case $1 in
	fast) echo 'add --fast' ;;
	ties) echo 'merge-file --base, ties' ;;
	merge) echo 'merge, --memory 512M' ;;
	*) echo "$1" ;;
	esac
}

part_memory() {
	local size verb kib first growth
	if ! have time; then
		head_line 'Peak memory'
		line 'peak memory' - '/usr/bin/time' missing - - 'not measured'
		count missing
		return
	fi
	for size in $MEMORY_SIZES; do
		say "peak memory with a model of $size"
		memory_of "$size"
	done
	head_line 'Peak memory, the default --memory'
	for size in $MEMORY_SIZES; do
		for verb in add fast commit checkout cat fsck average ties; do
			kib=$(awk -v k="$size.$verb" '$1 == k { print $2 }' "$peaks")
			limit "$size: $(memory_name $verb)" "$kib" "$((kib / 1024)) MiB" 262144 '<= 256 MiB'
		done
		kib=$(awk -v k="$size.merge" '$1 == k { print $2 }' "$peaks")
		limit "$size: $(memory_name merge)" "$kib" "$((kib / 1024)) MiB" 524288 '<= 512 MiB'
	done
	first=${MEMORY_SIZES%% *}
	[ "$first" != "$size" ] || return 0
	growth=$(awk -v a="$(largest_peak "$size")" -v b="$(largest_peak "$first")" \
		'BEGIN { printf "%.2f", a / b }')
	limit "largest peak at $size / at $first" "$growth" "$growth" 1.1 '<= 1.1'
}

# --- all -------------------------------------------------------------------------------------

make_peers
export HOME=$work/home
printf '%s; %s cores, %s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
	"$(df --output=fstype "$work" | tail -n 1)"
peer_versions
printf 'median of %s interleaved rounds; ratio = strata / the other, below 1 is faster\n' "$ROUNDS"
for part in file files torch diff log history metadata parent switch tune merge memory; do
	! want "$part" || "part_$part"
done
printf '\n'
for name in "${!missing[@]}"; do
	printf 'missing: %s (%s)\n' "$name" "${missing[$name]}"
done
printf '%d aims met, %d missed, %d not compared; every time measured is in %s\n' \
	"$met" "$missed" "$unknown" "$times"

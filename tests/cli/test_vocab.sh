#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Vocabularies in merges: rows that one side appended, and two vocabularies that grew.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# main, and side, have an embedding of these rows and seeds; the base has 10 rows of seed 1. Rows
# of one seed begin alike, however many there are.
grown() {
	repo
	model m.safetensors emb:F32:10,4:1 w:F32:4,4:1
	strata add . && strata commit -q -m one
	strata branch side
	model m.safetensors emb:F32:"$1" w:F32:4,4:1
	strata commit -q -a -m two
	strata switch -q side
	model m.safetensors emb:F32:"$2" w:F32:4,4:2
	strata commit -q -a -m three
	strata switch -q main
}

rows() { # file rows: of the embedding, 16 bytes a row
	strata cat "${3:-HEAD}:m.safetensors::emb" >"$1.all"
	head -c $(($2 * 16)) "$1.all" >"$1.old"
	tail -c +$(($2 * 16 + 1)) "$1.all" >"$1.new"
}

one_side() { # ours theirs, old rows of, new rows of
	grown "$1" "$2"
	strata merge -q side
	rows ../got 10
	rows ../main 10 HEAD^1
	rows ../side 10 HEAD^2
	cmp ../got.old ../"$3".old
	cmp ../got.new ../"$4".new
	[ "$(wc -c <../got.new)" -eq 32 ]
	out '' strata status -s
	strata merge -q --replay HEAD
	strata fsck --full
}

both_changed() {
	grown 12,4:3 10,4:2
	rc 1 strata merge side
	match '^  values +m.safetensors::emb$' strata status
	strata resolve -q emb --theirs
	strata merge -q --continue
	rows ../got 10
	rows ../main 10 HEAD^1
	rows ../side 10 HEAD^2
	cmp ../got.old ../side.old
	cmp ../got.new ../main.new
	strata undo -q
	# base and ours: what follows the old rows is what was added
	for how in --base --ours '--method task-arithmetic:scale=0'; do
		rc 1 strata merge -q side
		strata resolve -q emb $how
		strata merge -q --continue
		rows ../got 10
		cmp ../got.new ../main.new
		if [ "$how" = --ours ]; then
			cmp ../got.old ../main.old
		else
			rows ../base 10 HEAD~2
			cmp ../got.old ../base.old
		fi
		strata merge -q --replay HEAD
		strata undo -q
	done
	strata merge -q side --method linear:weight=0/1
	rows ../got 10
	cmp ../got.old ../side.old
	cmp ../got.new ../main.new
	match '^  m.safetensors::emb  values  linear:' strata show
	strata merge -q --replay HEAD
	strata fsck --full
}

both_grew() { # rows that both sides appended are not joined by a rule, being of other tokens
	grown 12,4:2 12,4:3
	rc 1 strata merge -q side --method linear
	match '^  vocabulary +m.safetensors::emb ' strata status
	strata resolve -q emb --method linear:weight=0/1
	strata merge -q --continue
	rows ../got 12
	rows ../side 12 HEAD^2
	cmp ../got.all ../side.all
	strata merge -q --replay HEAD
	strata undo -q
	grown_more
}

grown_more() {
	cd ..
	rm -rf repo
	grown 12,4:2 13,4:3
	rc 1 strata merge -q side --method linear
	rc 7 strata resolve emb --method linear
	strata resolve -q emb --theirs
	strata merge -q --continue
	out '' strata diff HEAD side -- m.safetensors
}

it 'rows of one side, the old ones of the other' one_side 12,4:1 10,4:2 side main
it 'and the other way round' one_side 10,4:2 12,4:1 main side
it 'old rows that both changed' both_changed
it 'rows on both sides are no matter of methods' both_grew
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

text() {
	repo
	model m.safetensors a:F32:64,64:1 b:F32:64,64:2
	echo '{}' >c.json
	strata add .
	strata commit -m 'first words' -m 'second paragraph' >got
	sed -n 1p got | grep -Eqx 'v1 [0-9a-f]{12}  main  "first words"'
	sed -n 2p got | grep -qx '  files    0 changed, 2 added'
	sed -n 3p got | grep -qx '  tensors  0 changed, 2 added, 0 unchanged'
	sed -n 4p got | grep -Eqx '  stored   [0-9.]+ KiB of 32 KiB \([0-9.]+x\)'
	out 4 sh -c 'wc -l <got'
	model m.safetensors a:F32:64,64:1 b:F32:64,64:3 c:F32:4:4
	rm c.json
	strata commit -a -m two >got
	grep -qx '  files    1 changed, 0 added, 1 removed' got
	grep -qx '  tensors  1 changed, 1 added, 1 unchanged' got
	grep -Eqx '  stored   [0-9.]+ (B|KiB) \(the version holds 32 KiB\)' got
	strata log -1 --json | grep -q '"message":"two"'
	match '"message":"first words\\n\\nsecond paragraph' strata log --json
	out '' strata commit -q --allow-empty -m empty
}

json() {
	repo
	model m.safetensors a:F32:64,64
	strata add .
	strata commit --json -m one >got
	id=$(strata log --json | sed 's/.*"commit":"\([0-9a-f]*\)".*/\1/')
	stored=$(sed 's/.*"stored_bytes":\([0-9]*\).*/\1/' got)
	out "{\"commit\":\"$id\",\"version\":\"v1\",\"bump\":null,\"why\":null,\"branch\":\"main\",\"files\":{\"added\":1,\"changed\":0,\"removed\":0},\"tensors\":{\"added\":1,\"changed\":0,\"unchanged\":0,\"removed\":0},\"logical_bytes\":16456,\"stored_bytes\":$stored}" cat got
	[ "$stored" -lt 16456 ]
}

nothing() {
	repo
	rc 1 strata commit -m none
	err '^strata: nothing to commit' strata commit -m none
	echo 1 >a
	rc 1 strata commit -m none
	strata add a
	strata commit -m one
	rc 1 strata commit -m again
	EDITOR='touch ../edited;:' rc 1 strata commit
	[ ! -e ../edited ]
	match '^v2 ' strata commit --allow-empty -m again
}

editor() {
	repo
	echo 1 >a
	strata add a
	rc 2 strata commit
	err 'give -m MESSAGE' strata commit
	cat >../ed <<-'EOF'
	#!/bin/sh
	cp "$1" "$(dirname "$0")/seen"
	printf '\n  \nfrom the editor  \n# left out\n\nbody\n\n' >"$1"
	EOF
	chmod +x ../ed
	t_top=$(cd .. && pwd)
	EDITOR=false VISUAL=false STRATA_EDITOR="$t_top/ed" strata commit
	match '"message":"from the editor\\n\\nbody"' strata log --json
	grep -qx '#   added    a' ../seen
	grep -q '^# Lines that begin' ../seen
	echo 2 >a
	strata add a
	EDITOR="sed -i 1s/^/second/" strata commit
	match '"message":"second"' strata log --json -1
	echo 3 >a
	strata add a
	EDITOR=true rc 1 strata commit
	err 'no message, no version' env EDITOR=true strata commit
	EDITOR=false rc 7 strata commit
	err 'COMMIT_EDITMSG' env EDITOR=false strata commit
	EDITOR="sed -i 1s/^/re/" strata commit --amend
	match '"message":"resecond"' strata log --json -1
}

amend() {
	repo
	echo 1 >a
	strata add a
	strata commit -m one
	echo 2 >a
	strata commit -a -m two
	echo 3 >a
	strata add a
	strata commit --amend --no-edit
	strata cat HEAD:a | grep -qx 3
	out 'two
one' sh -c "strata log --json | sed 's/.*\"message\":\"\\([a-z]*\\)\".*/\\1/'"
	strata commit --amend -m better
	match '"message":"better"' strata log --json -1
	out 2 sh -c 'strata log --json | wc -l'
}

recorded() {
	repo
	echo '{"layers": 2}' >train.json
	echo 1 >a
	strata add a
	strata commit -m one --param lr=3e-4 --param 'note=a=b' --config train.json \
		--author 'Eve Other <eve@example.org>'
	match '^Param:  lr = 3e-4$' strata show
	match '^Param:  note = a=b$' strata show
	match '^Config: train.json \(' strata show
	match '^Author: Eve Other <eve@example.org>$' strata log
	echo 2 >a
	strata add a
	rc 2 strata commit -m x --param broken
	err "KEY=VALUE, not 'broken'" strata commit -m x --param broken
	rc 2 strata commit -m x --param =v
	rc 2 strata commit -m x --config none.json
	rc 2 strata commit -m x --author ''
	out 'M  a
?? train.json' strata status -s
}

lineage() {
	repo
	echo 1 >a
	strata add a
	rc 2 strata commit -m one --lineage fine-tuned-from=v1
	rc 2 strata commit -m one --lineage fine-tuned-from=HEAD
	out 'A  a' strata status -s
	strata commit -q -m one
	strata tag base
	echo 2 >a
	for t_bad in base=v1 fine-tuned-from fine-tuned-from= =v1 fine-tuned-from=v9 fine-tuned-from=v1..v1; do
		rc 2 strata commit -am two --lineage "$t_bad"
	done
	err 'the kinds are fine-tuned-from, distilled-from, quantised-from, pruned-from, adapter-of, merged-from' \
		strata commit -am two --lineage base=v1
	err 'KIND=REV, not .fine-tuned-from.$' strata commit -am two --lineage fine-tuned-from
	err "fine-tuned-from: unknown revision 'v9'" strata commit -am two --lineage fine-tuned-from=v9
	rc 2 strata commit -am two --lineage adapter-of=v1 --lineage adapter-of=base
	out ' M a' strata status -s
	strata commit -q -am two --lineage quantized-from=base --lineage merged-from=@
	id=$(strata log --json v1 | sed 's/^{"commit":"\([0-9a-f]*\)".*/\1/')
	want="\"lineage\":\\[\\{\"kind\":\"quantised-from\",\"commit\":\"$id\",\"version\":\"v1\"\\},\\{\"kind\":\"merged-from\""
	match "$want" strata log --json -1
	match "$want" strata show --json
	match "^Lineage: quantised-from v1 $(printf %.12s "$id")\$" strata show
	match "^Lineage: quantised-from v1 $(printf %.12s "$id")\$" strata log -1
	match ' \(quantised-from v1, merged-from v1\) two$' strata log --oneline -1
	strata commit -q --amend -m better
	match '^Lineage: merged-from v1 ' strata show
	strata commit -q --amend -m best --lineage pruned-from=v2
	out 1 sh -c 'strata show | grep -c ^Lineage'
	match '^Lineage: pruned-from v2 ' strata show
	strata checkout -q v1
	strata cherry-pick main
	fails grep -q Lineage <<-EOF
		$(strata show)
	EOF
	echo 3 >a
	strata commit -q -am detached --lineage distilled-from=main
	match '^Lineage: distilled-from v4 ' strata show
	strata fsck --rebuild
	match '^Lineage: distilled-from v4 ' strata show
	match '"lineage":\[\]' strata log --json v1
}

moved() { # the editor is open while HEAD goes elsewhere
	two_versions
	strata branch side v1
	ids=$(strata log --json | cut -c1-77)
	echo 3 >a
	strata add a
	cat >../ed <<-'EOF'
	#!/bin/sh
	unset STRATA_EDITOR
	eval "$MEANWHILE" >/dev/null
	echo text >"$1"
	EOF
	chmod +x ../ed
	STRATA_EDITOR=$PWD/../ed
	export STRATA_EDITOR
	MEANWHILE='strata commit -q --amend -m other' rc 10 strata commit --amend
	grep -q "^strata: HEAD moved to main, v3 [0-9a-f]* while the message was written; your text is in .*/.strata/COMMIT_EDITMSG$" "$t_tmp/err"
	grep -qx text .strata/COMMIT_EDITMSG
	out 'other' sh -c "strata log -1 --json | sed 's/.*\"message\":\"\([a-z]*\)\".*/\1/'"
	strata undo -q
	[ "$ids" = "$(strata log --json | cut -c1-77)" ]
	MEANWHILE='strata switch -q -c other' rc 10 strata commit
	strata undo -q
	MEANWHILE='strata reset -q --soft v1' rc 10 strata commit -a
	out 'M  a' strata status -s
	strata undo -q
	MEANWHILE='strata branch -m trunk' rc 10 strata commit
	[ "$ids" = "$(strata log --json | cut -c1-77)" ]
	MEANWHILE=: strata commit
	out 'text' sh -c "strata log -1 --json | sed 's/.*\"message\":\"\([a-z]*\)\".*/\1/'"
}

usage() {
	repo
	echo 1 >a
	strata add a
	rc 2 strata commit -m
	err 'm needs a value' strata commit -m
	rc 2 strata commit a -m x
	rc 2 strata commit -m ''
	rc 2 strata commit --amend -m x
	rc 2 strata commit --lineage base=v1 -m x
	EDITOR='touch ../edited;:' rc 2 strata commit --lineage base=v1
	[ ! -e ../edited ]
	out 'A  a' strata status -s
	strata commit -am bundled
	match ' bundled$' strata log --oneline
	err 'base. is no kind of lineage' strata commit --lineage base=v1 -m x
}

it 'prints number, id, branch, tensors and bytes' text
it '--json prints the same as one object' json
it 'exits 1 when there is nothing to commit' nothing
it 'asks an editor for the message' editor
it 'a HEAD that moved while the message was written' moved
it '--amend replaces the last version' amend
it 'records parameters, configuration and author' recorded
it '--lineage declares ancestors' lineage
it 'refuses what it cannot do' usage
finish

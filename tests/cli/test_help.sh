#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Help, manual pages, completion and parser come from the same tables: that they agree is tested.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

commands=$(strata help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p')

options() { # command: one line an option as help shows it, "-n, --limit=N"
	strata help "$1" | sed -n '/^Options$/,/^Examples$/s/^  \(-.*\)/\1/p' | sed 's/   *[^ -].*//'
}

overview() {
	out '' sh -c 'strata help 2>&1 >/dev/null'
	strata help >all
	strata --help | cmp - all
	rc 2 strata
	grep -q '^strata: no command given' "$t_tmp/err"
	for t_cmd in init add rm mv status commit log blame show diff distance parent ls cat branch switch tag checkout merge resolve restore hash inspect scan \
		stats undo revert rollback cherry-pick reflog reset fsck gc repack config help version; do
		grep -Eq "^  $t_cmd  +[A-Z]" all
	done
	fails grep -q debug all
	out 37 sh -c "grep -Ec '^  [a-z]+  +[A-Z]' all"
}

every_command() {
	for t_cmd in $commands; do
		match "^$t_cmd: [A-Z]" strata help "$t_cmd"
		match "^  strata $t_cmd" strata help "$t_cmd"
		strata help "$t_cmd" >a
		strata "$t_cmd" -h | cmp - a
		strata "$t_cmd" --help | cmp - a
		strata -h "$t_cmd" | cmp - a
		awk -v c="$t_cmd" 'length > 100 { print c ": " $0; bad = 1 } END { exit bad }' a
	done
}

man_pages() {
	mkdir man
	strata debug-man man
	for t_cmd in $commands; do
		page=man/strata-$t_cmd.1
		options "$t_cmd" | sed 's/-/\\-/g' >wanted
		while IFS= read -r t_line; do
			grep -Fqx -- "$t_line" "$page" || { echo "$page lacks $t_line" && return 1; }
		done <wanted
		grep -Fqx ".BR strata\\-$t_cmd (1)" man/strata.1
		grep -qx '.SH DESCRIPTION' "$page"
	done
	[ "$(ls man | wc -l)" -eq $(($(echo "$commands" | wc -l) + 1)) ]
	diff -r "$ST_SRC/man" man || { echo "make docs && cp build/man/*.1 man/" && return 1; }
}

well_formed() {
	command -v groff >/dev/null || { echo "no groff" && return 0; }
	for t_page in "$ST_SRC"/man/*.1; do
		groff -man -Tutf8 -ww "$t_page" 2>err >/dev/null
		[ ! -s err ] || { cat err && return 1; }
	done
}

parser() { # what help shows is accepted (then -h wins); what it does not show is refused
	for t_cmd in $commands; do
		options "$t_cmd" | tr ',' '\n' | sed 's/^ *//' >words
		while IFS= read -r t_word; do
			case $t_word in
			--*=*) rc 0 strata "$t_cmd" "${t_word%%=*}=x" -h ;;
			'-? '*) rc 0 strata "$t_cmd" "${t_word%% *}" x -h ;;
			--*) rc 0 strata "$t_cmd" "$t_word" -h ;;
			esac
		done <words
		rc 2 strata "$t_cmd" --no-such-option
		grep -q "strata help $t_cmd" "$t_tmp/err"
		rc 2 strata "$t_cmd" -Z
	done
}

completion() {
	strata debug-completion >c
	bash -n c
	for t_cmd in $commands; do
		cat >ask <<-EOF
		. ./c
		compopt() { :; }
		COMP_WORDS=(strata $t_cmd --) COMP_CWORD=2
		_strata
		printf '%s\n' "\${COMPREPLY[@]}"
		EOF
		bash ask | sed '/^--help$/d; s/=$//' | sort -u >got
		options "$t_cmd" | grep -o -- '--[a-z-]*' | sort -u >want
		[ "$t_cmd" = help ] || diff -u want got
	done
	cat >ask <<-'EOF'
	. ./c
	compopt() { :; }
	COMP_WORDS=(strata chec) COMP_CWORD=1
	_strata
	echo "${COMPREPLY[@]}"
	EOF
	out checkout bash ask
}

unknown() {
	rc 2 strata frobnicate
	err "unknown command 'frobnicate'; 'strata help' lists them" strata frobnicate
	err "did you mean 'commit'" strata comit
	err "did you mean 'status'" strata stauts
	err "did you mean 'switch'" strata swtich main
	err "did you mean 'log'" strata help lgo
	for t_word in am lfs pack push stash; do # of Git: no other word for them
		rc 2 strata $t_word
		err "^strata: unknown command '$t_word'; 'strata help' lists them$" strata $t_word
	done
	err "unknown option --alll; did you mean --all" strata add --alll
	err "unknown option -Z" strata add -Z
	err "takes no value" strata add --all=yes
	rc 2 strata help add rm
}

it 'lists every command' overview
it 'explains every command' every_command
it 'manual pages have every option, and man/ is up to date' man_pages
it 'manual pages are well-formed' well_formed
it 'the parser knows what help shows, and nothing else' parser
it 'completion knows it too' completion
it 'unknown words get a suggestion' unknown
finish

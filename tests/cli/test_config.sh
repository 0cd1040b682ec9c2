#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

sets() {
	repo
	rc 1 strata config store.mode
	err 'store.mode is not set' strata config store.mode
	out '' strata config store.mode fast
	out fast strata config store.mode
	out fast strata config STORE.MODE
	grep -q 'mode = fast' .strata/config
	out '' strata config --unset store.mode
	rc 1 strata config store.mode
}

global() {
	rc 1 strata config user.name
	strata config --global user.name 'Grace Global'
	out 'Grace Global' strata config user.name
	[ -f "$HOME/.config/strata/config" ]
	repo
	unset STRATA_AUTHOR
	out 'Grace Global' strata config user.name
	strata config user.name 'Lena Local'
	out 'Lena Local' strata config user.name
	out 'Grace Global' strata config --global user.name
	strata config user.email lena@example.org
	echo 1 >a
	strata add a
	strata commit -q -m one
	match '^Author: Lena Local <lena@example.org>$' strata log
	XDG_CONFIG_HOME=$PWD/xdg strata config --global a.b c
	[ -f xdg/strata/config ]
	rm -rf "$HOME/.config"
}

from_git() {
	repo
	unset STRATA_AUTHOR
	printf '[user]\n\tname = Gita Git\n\temail = gita@example.org\n' >"$HOME/.gitconfig"
	out 'Gita Git' strata config user.name
	out gita@example.org strata config user.email
	rm "$HOME/.gitconfig"
}

list() {
	repo
	strata config a.x 1
	strata config b.y 'two words'
	out 'a.x=1
b.y=two words' strata config --list
	out '{"key":"a.x","value":"1"}
{"key":"b.y","value":"two words"}' strata config -l --json
	out '{"key":"a.x","value":"1"}' strata config --json a.x
}

usage() {
	rc 3 strata config a.b c
	err 'global changes your own' strata config a.b c
	repo
	rc 2 strata config
	err 'give KEY, or --list' strata config
	rc 2 strata config --unset
	rc 2 strata config user.name ''
	err 'strata config --unset user.name' strata config user.name ''
	err 'strata config --global --unset user.name' strata config --global user.name ''
	fails grep -q name .strata/config
	for t_value in '' x --unset; do
		rc 2 strata config '' "$t_value"
		grep -q "^strata: '' is no setting: give KEY" "$t_tmp/err"
	done
	rc 2 strata config ''
	rc 2 strata config novalue x
	rc 2 strata config a.b c d
	rc 2 strata config --list a
	printf '[broken\n' >.strata/config
	rc 4 strata config --list
	err 'config' strata config --list
}

values() { # of known settings are checked before they are written
	repo
	cp -r .strata ../before
	while IFS='|' read -r t_key t_value t_says; do
		rc 2 strata config -- "$t_key" "$t_value"
		grep -q "$t_says" "$t_tmp/err"
		rc 2 strata config --global -- "$t_key" "$t_value"
	done <<-'END'
		version.policy|v3|sequence
		core.lockTimeout|x|give seconds, at most 86400
		CORE.LOCKTIMEOUT|-1|give seconds, at most 86400
		core.lockTimeout|86401|give seconds, at most 86400
		store.mode|Fast|default or fast
		merge.method|foo|setting merge.method: .*foo
		merge.method|ties:nope=1|setting merge.method: .*nope
		merge.rules|a|setting merge.rules: .*a
		merge.rules|*.w=ours *.b=nope|setting merge.rules: .*nope
		distance.data|many|no number
		distance.structure|-1|at least 0
		distance.metrics|inf|at least 0
	END
	diff -r .strata ../before
	[ ! -e "$HOME/.config" ]
	while IFS='|' read -r t_key t_value; do
		out '' strata config "$t_key" "$t_value"
		out "$t_value" strata config "$t_key"
	done <<-'END'
		version.policy|semver
		core.lockTimeout|0
		core.lockTimeout|86400
		store.mode|default
		merge.method|ties:density=0.5
		merge.rules|*.w=ours  "*.b#1"=linear:weight=1/2
		distance.data|0.5
		scan.allow|mymodel.* torch.*
		merge.other|anything
	END
}

# No command waits for somebody to write to it.
fifo() {
	repo
	rm -f .strata/config
	mkfifo .strata/config
	out '' timeout -k 1 20 strata status -s
}

it 'sets, gets and removes' sets
it 'the repository counts more than --global' global
it "falls back on Git's identity" from_git
it 'does not wait at a FIFO' fifo
it '--list' list
it 'checks values of settings that it knows' values
it 'refuses what is no setting' usage
finish

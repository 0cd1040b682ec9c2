# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What README and the guides tell people to type, typed. Every ```sh block of a page runs, in order and
# in one shell; a ```text block after one is what it prints, ids, sizes and ratios aside.

. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

# blocks PAGE DIR [HEADING]: DIR/NN.sh and DIR/NN.text, of one section or of the whole page
blocks() {
	mkdir -p "$2"
	awk -v dir="$2" -v section="${3-}" '
		/^## / { inside = $0 == "## " section }
		!inside && section != "" { next }
		/^```/ && open { close(out); open = 0; next }
		/^```/ {
			open = 1
			kind = substr($0, 4)
			n += kind == "sh"
			out = sprintf("%s/%02d.%s", dir, n, kind)
			next
		}
		open { print >out }
	' "$1"
	ls "$2"/01.sh
}

plain() { # what differs from one machine or codec to the next
	sed -E -e "s#$HOME#/home/you#g" -e 's/\b([0-9a-f]{64}|[0-9a-f]{12})\b/ID/g' \
		-e 's/[0-9][0-9.,]* (B|KiB|MiB|GiB)/SIZE/g' -e 's/\([0-9.]+x\)/(RATIO)/g' \
		-e 's/ +/ /g' -e 's/ $//' "$1"
}

# walk START PAGE [HEADING]: everything in one shell that begins in directory START
walk() {
	w_dir=$PWD/walk
	blocks "$2" "$w_dir" "${3-}"
	{
		echo 'set -e'
		for w_block in "$w_dir"/*.sh; do
			printf '{\n%s\n} >%s.out 2>&1 </dev/null\n' "$(cat "$w_block")" "$w_block"
		done
	} >"$w_dir/all"
	(cd "$1" && sh "$w_dir/all") || { tail -n 5 "$w_dir"/*.out && return 1; }
	for w_text in "$w_dir"/*.text; do
		[ -e "$w_text" ] || continue
		plain "$w_text" >"$w_dir/want"
		plain "${w_text%.text}.sh.out" >"$w_dir/got"
		diff -u "$w_dir/want" "$w_dir/got"
	done
}

readme() {
	walk "$ST_SRC" "$ST_SRC/README.md" 'Five minutes with a file of yours'
	cmp "$HOME/try-strata/old/model.safetensors" \
		"$ST_SRC/demo/checkpoints/step-1600/model.safetensors"
}

# Guides begin in ~/run, where a checkpoint lies, with a later one in ~/other.
guide() {
	HOME=$PWD
	mkdir run other
	cp "$ST_SRC"/demo/checkpoints/step-1200/* run
	cp "$ST_SRC"/demo/checkpoints/step-1600/* other
	walk run "$1"
}

links() {
	for l_page in "$ST_SRC"/*.md "$ST_SRC"/doc/*.md "$ST_SRC"/doc/*/*.md; do
		grep -o '](\([^)#]*\)' "$l_page" | sed 's/^](//' | while read -r l_to; do
			case $l_to in
			'' | http*) ;;
			*) [ -e "$(dirname "$l_page")/$l_to" ] || echo "$l_page: $l_to" ;;
			esac
		done
	done >dead
	out '' cat dead
}

commands() { # `strata WORD` in any page is a command, but where a page says what is not there yet
	cat "$ST_SRC"/README.md "$ST_SRC"/CHANGELOG.md "$ST_SRC"/doc/guide/*.md >pages
	strata help | sed -nE 's/^  ([a-z-]+)  +[A-Z].*/\1/p' | sort >known
	test -s known
	grep -oE '^ *(strata|.*&& strata) [a-z-]+|`strata [a-z-]+' pages | sed 's/.*strata //' | sort -u >used
	out '' comm -23 used known
}

it 'the walk-through of README runs as it stands and prints what it says' readme
for page in "$ST_SRC"/doc/guide/*.md; do
	grep -q '^```sh' "$page" || continue
	it "so does $(basename "$page")" guide "$page"
done
it 'links between pages lead somewhere' links
it 'every command that a page names exists' commands
finish

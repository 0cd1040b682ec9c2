#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `make install` leaves behind: its files, a library that shows public names only, and a
# program built against it with nothing but pkg-config.
# serial
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"
need make meson nm pkg-config gcc

dest=$t_tmp/dest
root=$dest/usr/local

installs() {
	make -C "$ST_SRC" --no-print-directory install DEPS=0 BUILD="$ST_BUILD" DESTDIR="$dest"
	test -x "$root/bin/strata"
	test -f "$(find "$root" -name libstrata.a)"
	test -e "$(find "$root" -name libstrata.so)"
	test -f "$(find "$root" -name strata.pc)"
	for header in "$ST_SRC"/include/strata/*.h; do
		cmp "$header" "$root/include/strata/$(basename "$header")"
	done
	test -s "$root/share/man/man1/strata.1"
	test -s "$root/share/bash-completion/completions/strata"
	"$root/bin/strata" version
}

shows_public_names_only() {
	nm -D --defined-only "$(find "$root" -name libstrata.so)" >names
	grep -q ' T strata_' names
	fails grep -Ev ' (strata_[a-z0-9_]+|_init|_fini)$' names
}

completes() {
	bash -n "$root/share/bash-completion/completions/strata"
	bash -c '. "$1" && complete -p strata' sh "$root/share/bash-completion/completions/strata"
}

compiles_against() { # language compiler option...
	cat >"use.$1" <<-EOF
		#include <strata/strata.h>
		#include <string.h>

		int main(void)
		{
			return strcmp(strata_version_string(), STRATA_VERSION) != 0;
		}
	EOF
	pc=$(dirname "$(find "$root" -name strata.pc)")
	lang=$1
	shift
	PKG_CONFIG_PATH=$pc PKG_CONFIG_SYSROOT_DIR=$dest PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1
	PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
	export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_ALLOW_SYSTEM_CFLAGS
	export PKG_CONFIG_ALLOW_SYSTEM_LIBS
	# shellcheck disable=SC2046 # one word per option is meant
	"$@" -Wall -Wextra -Werror -pedantic "use.$lang" -o use $(pkg-config --cflags --libs strata)
	LD_LIBRARY_PATH=$(dirname "$pc") ./use
}

it 'make install with DESTDIR' installs
it 'libstrata.so shows strata_* only' shows_public_names_only
it 'bash takes the completion' completes
it 'a C program builds against the installed library' compiles_against c gcc -std=c99
if command -v g++ >/dev/null; then
	it 'a C++ program builds against it' compiles_against cc g++ -std=c++11
else
	skip 'a C++ program builds against it' 'no g++'
fi
finish

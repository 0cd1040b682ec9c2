#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what the named groups lack, with apt-get. Silent when nothing is missing.
#
#	tools/install-deps.sh [--list] GROUP...		build demo test lint fuzz emulate bench
#
# This is the only list of what strata needs. A line is: groups, Debian package, and how to see that
# the machine has it without asking dpkg: `cmd:NAME` a program, `pc:NAME` a pkg-config module,
# `hdr:FILE` a header, `-` no other way.
set -u

list='
build			gcc		cmd:gcc
build			libc6-dev	hdr:stdio.h
build			make		cmd:make
build			meson		cmd:meson
build			ninja-build	cmd:ninja
build			pkg-config	cmd:pkg-config
build			libzstd-dev	pc:libzstd
build			libsqlite3-dev	pc:sqlite3
build			zlib1g-dev	pc:zlib
build			libyaml-dev	pc:yaml-0.1
demo,test,bench		b3sum		cmd:b3sum
test,bench		python3		cmd:python3
test,bench		python3-venv	-
test			python3-numpy	-
test,bench	python3-torch	-
bench			python3-dev	-
test			libcmocka-dev	pc:cmocka
test			sqlite3		cmd:sqlite3
test,bench		strace		cmd:strace
test,bench		zstd		cmd:zstd
test			man-db		cmd:man
test			binutils	cmd:nm
test			chromium	cmd:chromium
test			chromium-driver	cmd:chromedriver
test			fonts-dejavu-core	-
test,lint		g++		cmd:g++
test,lint		clang-format	cmd:clang-format
lint			python3		cmd:python3
fuzz			clang		cmd:clang
fuzz			libclang-rt-14-dev	-
emulate			bochs		cmd:bochs
emulate			bochs-term	-
emulate			binutils	cmd:as
bench			time		cmd:/usr/bin/time
test,bench		git		cmd:git
bench			borgbackup	cmd:borg
bench			restic		cmd:restic
bench			zstd		cmd:zstd
'

usage() {
	echo 'usage: tools/install-deps.sh [--list] build|demo|test|lint|fuzz|emulate|bench ...' >&2
	exit 2
}

only_list=0
[ "${1-}" != --list ] || { only_list=1 && shift; }
[ $# -gt 0 ] || usage
for group; do
	case $group in
	build | demo | test | lint | fuzz | emulate | bench) ;;
	*) usage ;;
	esac
done

# "package probe" lines of the wanted groups, each package once.
rows=$(printf '%s\n' "$list" | awk -v want=" $* " '
	NF == 3 {
		n = split($1, g, ",")
		for (i = 1; i <= n; i++)
			if (index(want, " " g[i] " ") && !seen[$2]++)
				print $2, $3
	}')

if [ $only_list = 1 ]; then
	printf '%s\n' "$rows" | cut -d' ' -f1
	exit 0
fi

debian=0
! command -v dpkg-query >/dev/null 2>&1 || debian=1
installed=' '
if [ $debian = 1 ]; then
	# shellcheck disable=SC2046 # one word per package is meant
	installed=" $(dpkg-query -W -f '${Package} ${db:Status-Status}\n' \
		$(printf '%s\n' "$rows" | cut -d' ' -f1) 2>/dev/null |
		awk '$2 == "installed" { printf "%s ", $1 }')"
fi

present() { # package probe
	case $installed in
	*" $1 "*) return 0 ;;
	esac
	case $2 in
	cmd:*) command -v "${2#cmd:}" >/dev/null 2>&1 ;;
	pc:*) pkg-config --exists "${2#pc:}" 2>/dev/null ;;
	hdr:*) [ -e "/usr/include/${2#hdr:}" ] ;;
	*) [ $debian = 0 ] ;; # elsewhere there is no way to know; the build will tell
	esac
}

missing=
while read -r package probe; do
	present "$package" "$probe" || missing="$missing $package"
done <<EOF
$rows
EOF
[ -n "$missing" ] || exit 0

if [ $debian = 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "strata: this is not Debian; please install the equivalent of:$missing" >&2
	exit 1
fi

as_root=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "strata: some packages are missing; as root: apt-get install$missing" >&2
		exit 1
	fi
	as_root=sudo
	[ -t 0 ] || as_root='sudo -n'
fi

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" \
		>>"$log" 2>&1 </dev/null
}

echo "strata: installing$missing (apt-get)"
# shellcheck disable=SC2086 # one word per package is meant
if ! { apt update && apt install -y --no-install-recommends $missing; }; then
	cat "$log" >&2
	echo "strata: could not install; as root: apt-get update && apt-get install$missing" >&2
	exit 1
fi

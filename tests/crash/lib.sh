# SPDX-License-Identifier: Apache-2.0
# Shared by the crash tests: TAP, a scratch directory, and the recorder built in it.
set -u

HERE=$(cd "$(dirname "$0")" && pwd)
[ -d /dev/shm ] && [ -w /dev/shm ] && : "${TMPDIR:=/dev/shm}"
TMP=$(mktemp -d "${TMPDIR:-/tmp}/strata-crash.XXXXXX") || exit 99
trap 'rm -rf "$TMP"' EXIT
trap 'exit 99' INT TERM HUP PIPE
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE

TAP_N=0
TAP_BAD=0

ok() {
	TAP_N=$((TAP_N + 1))
	echo "ok $TAP_N - $1"
}

# not_ok NAME [FILE]: FILE is printed as the diagnosis
not_ok() {
	TAP_N=$((TAP_N + 1))
	TAP_BAD=$((TAP_BAD + 1))
	echo "not ok $TAP_N - $1"
	[ $# -lt 2 ] || sed 's/^\(# \)\{0,1\}/# /' "$2"
}

finish() {
	echo "1..$TAP_N"
	[ "$TAP_BAD" -eq 0 ]
	exit
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

REC="$TMP/recorder.so"
build_recorder() {
	${CC:-cc} -std=c17 -D_GNU_SOURCE -O1 -g -Wall -Wextra -shared -fPIC -o "$REC" \
		"$HERE/recorder.c" "$HERE/rec_names.c" "$HERE/rec_data.c" "$HERE/rec_refuse.c" \
		-ldl -pthread
}

replay() {
	python3 "$HERE/replay.py" "$@"
}

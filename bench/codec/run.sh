#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The codec beside others (`make bench-codec`): trains what is not there yet, then measures.
#
#	ST_BUILD	the build folder; what was trained stays in its bench-codec
#	ROUNDS		how often each method takes its turn (9)
#	PAIR		only pairs whose name contains it
set -u
build=${ST_BUILD:?}
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"

mkdir -p "$build/bench-codec" || exit 1
make_zipnn
/usr/bin/python3 "$here/../make_data.py" "$build/bench-codec" || exit 1
exec "$build/tests/bench-codec" "$build/bench-codec" "${ROUNDS:-9}" "${PAIR:-}" "$zipnn" \
	"$here/zipnn_peer.py"

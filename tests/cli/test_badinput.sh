#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Damaged and hostile model files: `add` stores them byte for byte as ordinary files, with a warning;
# `inspect` refuses them, naming the offset. The repository is sound afterwards.
. "${ST_SRC:-$(dirname "$0")/../..}/tests/cli/lib.sh"

need b3sum

raw() { # FILE HEADER-LENGTH HEADER [BYTES-OF-DATA]
	python3 - "$@" <<'PY'
import struct, sys
path, length, header = sys.argv[1], int(sys.argv[2], 0), sys.argv[3]
data = bytes(range(256)) * (int(sys.argv[4]) // 256 + 1) if len(sys.argv) > 4 else b""
size = int(sys.argv[4]) if len(sys.argv) > 4 else 0
body = header.encode("utf-8", "surrogateescape")
with open(path, "wb") as f:
    f.write(struct.pack("<Q", length if length >= 0 else len(body)) + body + data[:size])
PY
}

entry() { # DTYPE SHAPE FROM TO
	printf '{"dtype":"%s","shape":[%s],"data_offsets":[%s,%s]}' "$@"
}

stored_as_it_is() { # FILE, in a repository
	cp "$1" "$t_tmp/before"
	rc 0 strata add "$1"
	grep -q "^strata: warning: .*$1.*; stored as an ordinary file" "$t_tmp/err"
	rc 0 strata commit -m "$1"
	rm "$1"
	rc 0 strata restore "$1"
	cmp "$t_tmp/before" "$1"
	strata cat "HEAD:$1" | cmp - "$t_tmp/before"
	match '"kind":"file"' strata ls --json "HEAD:$1"
	out '' strata status -s
	rc 0 strata fsck --full
}

refused_by_inspect() { # FILE
	rc 4 strata inspect "$1"
	grep -Eq "^strata: .*$1.*(offset|byte|at) .*[0-9]" "$t_tmp/err"
}

hostile() { # command to make x.safetensors...
	repo
	"$@"
	refused_by_inspect x.safetensors
	stored_as_it_is x.safetensors
}

bad() { # name, as of raw
	t_title=$1
	shift
	it "$t_title" hostile raw x.safetensors "$@"
}

cut() { # BYTES
	model x.safetensors a:F32:16,16 b:BF16:32 c:U8:7
	truncate -s "$1" x.safetensors
}

for n in 1 7 8 9 40 200 1200 1300; do
	it "cut to $n bytes" hostile cut $n
done

longer() {
	model x.safetensors a:F32:16
	echo tail >>x.safetensors
}
it 'bytes after the last tensor' hostile longer

big_cut() { # above one frame: chunks, not one object
	model x.safetensors a:F32:1000,1000
	truncate -s 3999999 x.safetensors
}
it 'cut, several frames' hostile big_cut

U64=18446744073709551615
bad 'header length 2^64 - 1' 0xffffffffffffffff '{}'
bad 'header length 2^63' 0x8000000000000000 '{}'
bad 'header length beyond the file' 1000 '{}'
bad 'header length 0' 0 ''
bad 'header is no JSON' -1 'hello, world' 16
bad 'header is a list' -1 '[]'
bad 'header ends early' -1 '{"a":{"dtype":"F32"'
bad 'overlapping tensors' -1 "{\"a\":$(entry F32 2 0 8),\"b\":$(entry F32 2 4 12)}" 12
bad 'a hole between tensors' -1 "{\"a\":$(entry F32 2 0 8),\"b\":$(entry F32 2 12 20)}" 20
bad 'end beyond the file' -1 "{\"a\":$(entry F32 2 0 8)}" 4
bad 'end before begin' -1 "{\"a\":$(entry F32 2 8 0)}" 8
bad 'offsets near 2^64' -1 "{\"a\":$(entry U8 1 $U64 0)}" 8
bad 'size is not that of the shape' -1 "{\"a\":$(entry F32 3 0 8)}" 8
bad 'a shape product that wraps' -1 "{\"a\":$(entry U8 4294967296,4294967296 0 0)}" 8
bad 'a shape product that wraps to the size' -1 "{\"a\":$(entry F32 4611686018427387905 0 4)}" 4
bad 'a negative dimension' -1 "{\"a\":$(entry F32 -2 0 8)}" 8
bad 'a fractional offset' -1 "{\"a\":$(entry F32 2 0.5 8)}" 8
bad 'duplicate names' -1 "{\"a\":$(entry U8 4 0 4),\"a\":$(entry U8 4 4 8)}" 8
bad 'a name that is not UTF-8' -1 "$(printf '{"\377":')$(entry U8 4 0 4)}" 4
bad 'a lone surrogate' -1 "{\"\\ud800\":$(entry U8 4 0 4)}" 4

deep() {
	python3 - <<'PY'
body = b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}"
open("x.safetensors", "wb").write(len(body).to_bytes(8, "little") + body)
PY
}
it '100,000-deep nesting' hostile deep

# Any one bit of the header: whatever it makes of the file, it comes back as it is.
flips() {
	repo
	model good a:F32:4,4 b:BF16:8 --meta k=v
	python3 - <<'PY'
import struct
good = open("good", "rb").read()
size = 8 + struct.unpack("<Q", good[:8])[0]
for i, at in enumerate(range(0, size * 8, 13)):
    bad = bytearray(good)
    bad[at // 8] ^= 1 << at % 8
    open("flip%03d.safetensors" % i, "wb").write(bad)
PY
	b3sum *.safetensors >"$t_tmp/sums"
	rc 0 strata add .
	grep -q 'stored as an ordinary file' "$t_tmp/err"
	rc 0 strata commit -m flips
	rm *.safetensors
	rc 0 strata restore .
	b3sum --quiet --check "$t_tmp/sums"
	for f in flip*.safetensors; do
		t_get strata inspect "$f"
		[ "$t_rc" -eq 0 ] || [ "$t_rc" -eq 4 ] || { t_show && return 1; }
	done
	rc 0 strata fsck --full
}
it 'one bit of the header' flips

# A good file is not touched by its damaged neighbour.
neighbour() {
	repo
	model good.safetensors a:F32:16
	raw x.safetensors -1 'nonsense' 100
	rc 0 strata add .
	rc 0 strata commit -m both
	match '"kind":"model"' strata ls --json HEAD:good.safetensors
	match '"kind":"file"' strata ls --json HEAD:x.safetensors
}
it 'a damaged file beside a good one' neighbour

special() {
	repo
	mkfifo pipe
	echo text >file
	printf 'odd' >"$(printf 'new\nline')"
	printf 'odd' >"$(printf '\377\376')"
	ln -s /etc/hostname outside
	rc 0 strata add .
	grep -q 'warning: pipe is neither' "$t_tmp/err"
	grep -q 'warning: outside is a link out of the working tree' "$t_tmp/err"
	rc 0 strata commit -m odd
	rm -f "$(printf 'new\nline')" "$(printf '\377\376')" outside
	rc 0 strata restore .
	[ "$(cat "$(printf 'new\nline')")" = odd ]
	[ "$(cat "$(printf '\377\376')")" = odd ]
	[ "$(readlink outside)" = /etc/hostname ]
	rc 4 strata inspect pipe
}
it 'pipes, links out of the tree, odd names' special

finish

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `strata diff` computes, written in NumPy with care: diff_numpy.py A.safetensors B.safetensors

One line of JSON for each tensor that both files have with one shape and type, then a summary. Files
are mapped; tensors are taken in chunks that fit the cache; nothing is allocated per chunk but what
NumPy itself needs; bf16 becomes f32 by shifting its bits. Norms and products are BLAS's.
"""
import json
import math
import mmap
import sys

import numpy as np

CHUNK = 1 << 17  # elements: 1 MiB as f64
PLAIN = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
         "U8": "u1", "BF16": "<u2"}


class File:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        self.start = 8 + int.from_bytes(self.data[:8], "little")
        self.header = json.loads(self.data[8:self.start])
        self.header.pop("__metadata__", None)

    def bits(self, name):
        t = self.header[name]
        begin, end = t["data_offsets"]
        descr = np.dtype(PLAIN[t["dtype"]])
        return np.frombuffer(self.data, descr, (end - begin) // descr.itemsize, self.start + begin)


class Sums:
    def __init__(self):
        self.numel = self.changed = self.nonfinite = 0
        self.l1 = self.l2sq = self.max_abs = self.dot = self.a2 = self.b2 = 0.0

    def add(self, other):
        for key, value in vars(other).items():
            if key != "max_abs":
                setattr(self, key, getattr(self, key) + value)
        self.max_abs = max(self.max_abs, other.max_abs)

    def figures(self):
        n, norms = self.numel, math.sqrt(self.a2) * math.sqrt(self.b2)
        return {"numel": n, "changed": self.changed, "nonfinite": self.nonfinite,
                "mad": self.l1 / n if n else None, "l1": self.l1, "l2": math.sqrt(self.l2sq),
                "rel_l2": math.sqrt(self.l2sq / self.a2) if self.a2 else None,
                "max_abs": self.max_abs, "cosine": self.dot / norms if norms else None}


class Room:
    """What a chunk needs, once."""

    def __init__(self):
        self.a, self.b, self.d = (np.empty(CHUNK, "f8") for _ in range(3))
        self.wide = np.empty(CHUNK, "<u4")
        self.neq = np.empty(CHUNK, "?")


def doubles(out, room, bits, is_bf16):
    if is_bf16:
        wide = room.wide[:len(bits)]
        np.left_shift(bits, 16, out=wide, dtype="<u4", casting="unsafe")
        bits = wide.view("<f4")
    out[:] = bits


class Rows:
    """Rows of the first dimension in which something changed; a row may span chunks."""

    def __init__(self, shape, numel):
        self.n = shape[0] if shape else 1
        self.width = numel // self.n if self.n else 0
        self.changed = np.zeros(self.n, "?")

    def add(self, at, neq):
        w = self.width
        if w == 1:
            self.changed[at:at + len(neq)] = neq
        elif at % w == 0 and len(neq) % w == 0:
            self.changed[at // w:(at + len(neq)) // w] = neq.reshape(-1, w).any(axis=1)
        else:
            self.changed[(np.flatnonzero(neq) + at) // w] = True


def chunk_of(numel, shape):
    """Elements to take at a time: whole rows where they fit."""
    width = numel // shape[0] if shape and shape[0] else 1
    return CHUNK // width * width if 0 < width <= CHUNK else CHUNK


def chunk(sums, room, rows, at, p, q, is_bf16):
    n = len(p)
    a, b, d, neq = room.a[:n], room.b[:n], room.d[:n], room.neq[:n]
    unsigned = "<u%d" % p.itemsize
    np.not_equal(p.view(unsigned), q.view(unsigned), out=neq)
    changed = int(np.count_nonzero(neq))
    if changed:
        rows.add(at, neq)
    doubles(a, room, p, is_bf16)
    a2 = float(np.dot(a, a))
    if not changed and math.isfinite(a2):
        sums.numel += n
        sums.a2 += a2
        sums.b2 += a2
        sums.dot += a2
        return
    doubles(b, room, q, is_bf16)
    b2 = float(np.dot(b, b))
    if not (math.isfinite(a2) and math.isfinite(b2)):
        ok = np.isfinite(a) & np.isfinite(b)
        a, b = a[ok], b[ok]
        sums.nonfinite += n - len(a)
        n, d = len(a), d[:len(a)]
        a2, b2 = float(np.dot(a, a)), float(np.dot(b, b))
    sums.numel += n
    sums.changed += changed
    sums.a2 += a2
    sums.b2 += b2
    sums.dot += float(np.dot(a, b))
    np.subtract(b, a, out=d)
    sums.l2sq += float(np.dot(d, d))
    np.abs(d, out=d)
    sums.l1 += float(d.sum())
    sums.max_abs = max(sums.max_abs, float(d.max(initial=0)))


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: diff_numpy.py A.safetensors B.safetensors")
    a, b = File(sys.argv[1]), File(sys.argv[2])
    room, total = Room(), Sums()
    for name, t in a.header.items():
        other = b.header.get(name)
        if not other or (t["dtype"], t["shape"]) != (other["dtype"], other["shape"]):
            continue
        p, q, sums = a.bits(name), b.bits(name), Sums()
        rows, step = Rows(t["shape"], len(p)), chunk_of(len(p), t["shape"])
        for i in range(0, len(p), step):
            chunk(sums, room, rows, i, p[i:i + step], q[i:i + step], t["dtype"] == "BF16")
        print(json.dumps(dict({"name": name, "rows": rows.n,
                               "rows_changed": int(np.count_nonzero(rows.changed))},
                              **sums.figures())))
        total.add(sums)
    print(json.dumps(dict({"kind": "summary"}, **total.figures())))


if __name__ == "__main__":
    main()

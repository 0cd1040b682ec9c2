#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The mean of two bf16 models as one writes it by hand: merge_numpy.py A.safetensors B.safetensors OUT

Files are mapped, tensors taken in chunks that fit the cache; bf16 becomes f32 by shifting its bits and is
rounded back to nearest, ties to even.
"""
import json
import mmap
import sys

import numpy as np

CHUNK = 1 << 18  # elements


class File:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        self.start = 8 + int.from_bytes(self.data[:8], "little")
        self.header = json.loads(self.data[8:self.start])
        self.header.pop("__metadata__", None)

    def bits(self, name):
        begin, end = self.header[name]["data_offsets"]
        return np.frombuffer(self.data, "<u2", (end - begin) // 2, self.start + begin)


def f32(bits, room):
    wide = room[:bits.size]
    np.left_shift(bits, 16, out=wide, dtype="<u4", casting="unsafe")
    return wide.view("<f4")


def main():
    a, b, out = File(sys.argv[1]), File(sys.argv[2]), sys.argv[3]
    one, two = np.empty(CHUNK, "<u4"), np.empty(CHUNK, "<u4")
    with open(out, "wb") as f:
        f.write(a.data[:a.start])
        for name in sorted(a.header, key=lambda n: a.header[n]["data_offsets"]):
            p, q = a.bits(name), b.bits(name)
            for at in range(0, p.size, CHUNK):
                x, y = f32(p[at:at + CHUNK], one), f32(q[at:at + CHUNK], two)
                x += y
                x *= np.float32(0.5)
                u = x.view("<u4")
                u += 0x7FFF + ((u >> 16) & 1)
                f.write((u >> 16).astype("<u2"))


if __name__ == "__main__":
    main()

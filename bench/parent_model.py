#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""parent_model.py SEED TENSORS ELEMENTS OUT [--tune]: a safetensors file of F32 tensors with small
normal weights, the same for every SEED but for the lower half of each mantissa; with --tune the
lowest six bits are others, as if the model of that seed had been trained a little further."""
import json
import random
import struct
import sys

seed, tensors, elements = map(int, sys.argv[1:4])
base, noise = random.Random(1), random.Random("noise %d" % seed)
n = tensors * elements
few = [base.gauss(0, 0.02) for _ in range(min(n, 4096))]
data = struct.pack("<%df" % n, *(base.choices(few, k=n)))
mask = int.from_bytes(b"\xff\x0f\x00\x00" * n, "little")
bits = int.from_bytes(data, "little") ^ (int.from_bytes(noise.randbytes(4 * n), "little") & mask)
if sys.argv[5:] == ["--tune"]:
    bits ^= int.from_bytes(b"\x3f\x00\x00\x00" * n, "little")
header = {"layer.%03d.weight" % i: {"dtype": "F32", "shape": [elements],
                                    "data_offsets": [4 * elements * i, 4 * elements * (i + 1)]}
          for i in range(tensors)}
text = json.dumps(header, separators=(",", ":")).encode()
with open(sys.argv[4], "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + bits.to_bytes(4 * n, "little"))

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A bf16 model and fine-tunes of it: make_tune.py MIB BASE.safetensors TUNED.safetensors...

MIB of tensors of 4096 x 4096, normal with sigma 0.02; each fine-tune adds normal noise of sigma 2e-5
to the weights before all are rounded, as a training loop with a master copy in f32 does. The same
arguments give the same bytes.
"""
import contextlib
import json
import struct
import sys

import numpy as np

SIDE = 4096
BYTES = SIDE * SIDE * 2


def bf16(x):
    """Round to nearest, ties to even."""
    u = x.view(np.uint32)
    u += ((u >> 16) & 1) + np.uint32(0x7FFF)
    return (u >> 16).astype("<u2")


def main():
    if len(sys.argv) < 4:
        sys.exit("usage: make_tune.py MIB BASE.safetensors TUNED.safetensors...")
    n = int(sys.argv[1]) * 2**20 // BYTES
    header = {f"model.layers.{i}.weight": {"dtype": "BF16", "shape": [SIDE, SIDE],
                                           "data_offsets": [i * BYTES, (i + 1) * BYTES]}
              for i in range(n)}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    rng = np.random.default_rng(1)
    with contextlib.ExitStack() as stack:
        base, *tuned = [stack.enter_context(open(path, "wb")) for path in sys.argv[2:]]
        for f in [base] + tuned:
            f.write(struct.pack("<Q", len(text)) + text)
        for _ in range(n):
            w = rng.standard_normal(SIDE * SIDE, dtype=np.float32) * np.float32(0.02)
            for f in tuned:
                noise = rng.standard_normal(SIDE * SIDE, dtype=np.float32) * np.float32(2e-5)
                f.write(bf16(w + noise).tobytes())
            base.write(bf16(w).tobytes())


if __name__ == "__main__":
    main()

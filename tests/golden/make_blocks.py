#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/golden/codec/blocks*-gguf-*: numbers quantised by the package gguf 0.19.0 (numpy
2.4.6), before and after a small step.

    make_blocks.py BUILD    where the unit tests are built
"""
import os
import subprocess
import sys
import tempfile

import numpy
from gguf import GGMLQuantizationType, quants

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")


def main():
    maker = os.path.join(sys.argv[1], "tests", "unit-test_codec_golden")
    rng = numpy.random.default_rng(8)
    base = rng.normal(0, 0.02, (16, 256)).astype(numpy.float32)
    tuned = (base + rng.normal(0, 4e-4, base.shape)).astype(numpy.float32)
    for name in TYPES:
        kind = GGMLQuantizationType[name]
        with tempfile.TemporaryDirectory() as where:
            files = [os.path.join(where, n) for n in ("base", "tuned")]
            for path, numbers in zip(files, (base, tuned)):
                quants.quantize(numbers, kind).tofile(path)
            subprocess.run([maker, "--encode", os.path.join(HERE, "codec"),
                            "gguf-" + name.lower(), str(int(kind))] + files, check=True)


if __name__ == "__main__":
    main()

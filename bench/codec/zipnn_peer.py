# SPDX-License-Identifier: Apache-2.0
"""PyPI's zipnn beside codec_bench, which asks for one tensor at a time: a line `DTYPE PATH` is
answered by the compressed length and the processor seconds of both ways. One thread.
"""
import sys
import time

import torch

for name in ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"):
    if not hasattr(torch, name):  # Debian's torch is older; only names are asked for
        setattr(torch, name, name)

from zipnn import ZipNN  # noqa: E402


def main():
    print("ready", flush=True)
    for line in sys.stdin:
        dtype, path = line.rstrip("\n").split(" ", 1)
        with open(path, "rb") as f:
            data = f.read()
        peer = ZipNN(bytearray_dtype=dtype, input_format="byte", threads=1)
        work = bytearray(data)  # compress() changes what it is given
        start = time.process_time()
        packed = peer.compress(work)
        middle = time.process_time()
        back = peer.decompress(packed)
        end = time.process_time()
        if bytes(back) != data:
            sys.exit("zipnn does not return what it was given")
        print(len(packed), middle - start, end - middle, flush=True)


main()

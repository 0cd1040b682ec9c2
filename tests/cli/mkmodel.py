#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a small safetensors file with the standard library alone.

    mkmodel.py FILE [--meta KEY=VALUE]... [--seed N] NAME:DTYPE:DIMS[:SEED]...

DIMS is a comma-separated shape, empty for a scalar. Equal seeds give equal bytes; a tensor without a
seed of its own takes one from --seed and its name. BF16, F16, F32 and F64 hold small normal
numbers, so that codecs see something like weights; other types hold random bytes.
"""
import argparse
import json
import random
import struct

WIDTH = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2,
         "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1}


def tensor_bytes(dtype, count, seed):
    rng = random.Random(seed)
    if dtype == "BOOL":
        return bytes(rng.getrandbits(1) for _ in range(count))
    if dtype not in ("F64", "F32", "F16", "BF16"):
        return rng.randbytes(count * WIDTH[dtype])
    values = [rng.gauss(0, 0.02) for _ in range(count)]
    if dtype == "BF16":
        return b"".join(struct.pack("<f", v)[2:] for v in values)
    code = {"F64": "d", "F32": "f", "F16": "e"}[dtype]
    return struct.pack("<%d%s" % (count, code), *values)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("file")
    ap.add_argument("tensors", nargs="*")
    ap.add_argument("--meta", action="append", default=[])
    ap.add_argument("--seed", default="0")
    args = ap.parse_intermixed_args()

    header, parts, at = {}, [], 0
    if args.meta:
        header["__metadata__"] = dict(m.split("=", 1) for m in args.meta)
    for spec in args.tensors:
        name, dtype, dims, *seed = spec.split(":")
        shape = [int(d) for d in dims.split(",") if d]
        count = 1
        for d in shape:
            count *= d
        part = tensor_bytes(dtype, count, seed[0] if seed else args.seed + "/" + name)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(part)]}
        parts.append(part)
        at += len(part)

    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(args.file, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


if __name__ == "__main__":
    main()

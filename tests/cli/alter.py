#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a safetensors file whose F32 tensors are those of another one, altered.

    alter.py IN OUT [--noise SHARE] [--seed N] [--bf16] [--prefix P] [--only NAME]... [--nan NAME]

--noise adds normal noise of that share of each tensor's standard deviation; --bf16 rounds to BF16;
--prefix goes before every name; --only leaves the other tensors as they are.
"""
import argparse
import json
import math
import random
import struct


def round_bf16(bits):
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 & 0xFFFF


def alter(name, raw, args):
    n = len(raw) // 4
    values = list(struct.unpack("<%df" % n, raw))
    if not args.only or name in args.only:
        mean = sum(values) / n
        spread = math.sqrt(sum((v - mean) ** 2 for v in values) / n)
        rng = random.Random("%s/%s" % (args.seed, name))
        values = [v + rng.gauss(0, args.noise * spread) for v in values] if args.noise else values
    if name == args.nan:
        values = [math.nan] * n
    raw = struct.pack("<%df" % n, *values)
    if not args.bf16:
        return "F32", raw
    bits = struct.unpack("<%dI" % n, raw)
    return "BF16", struct.pack("<%dH" % n, *map(round_bf16, bits))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("source")
    ap.add_argument("out")
    ap.add_argument("--noise", type=float, default=0)
    ap.add_argument("--seed", default="0")
    ap.add_argument("--bf16", action="store_true")
    ap.add_argument("--prefix", default="")
    ap.add_argument("--only", action="append", default=[])
    ap.add_argument("--nan")
    args = ap.parse_args()
    data = open(args.source, "rb").read()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header, parts, at = {}, [], 0
    for name, t in json.loads(data[8:start]).items():
        if name == "__metadata__":
            continue
        raw = data[start + t["data_offsets"][0]:start + t["data_offsets"][1]]
        dtype = t["dtype"]
        if dtype == "F32" and raw:
            dtype, raw = alter(name, raw, args)
        header[args.prefix + name] = {"dtype": dtype, "shape": t["shape"],
                                      "data_offsets": [at, at + len(raw)]}
        parts.append(raw)
        at += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    with open(args.out, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


if __name__ == "__main__":
    main()

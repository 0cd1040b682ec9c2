#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_trees.py DIR: the known trees, each with a small safetensors file."""
import json
import math
import os
import random
import struct
import sys


def tensor(seed, n):
    rng = random.Random(seed)
    return struct.pack("<%df" % n, *(rng.gauss(0, 0.02) for _ in range(n)))


def safetensors(tensors):
    header, data = {}, b""
    for name, (shape, raw) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(data), len(data) + len(raw)]}
        assert len(raw) == 4 * math.prod(shape)
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def model(changed):
    """The layers named in `changed` differ from those of the first version; 11 is another 1."""
    def seed(i):
        return i + (100 if i in changed else 200 if i + 10 in changed else 0)

    return safetensors({
        "layer%d.weight" % i: ([64, 48], tensor(seed(i), 64 * 48))
        for i in range(4)} | {"bias": ([64], bytes(256))})


def vocabulary(seed, *new):
    """Eight tokens and new ones, and an embedding whose new rows are of that seed."""
    tokens = ["t%d" % i for i in range(8)] + list(new)
    return {"tokenizer.json": json.dumps({"model": {"vocab": {t: i for i, t in enumerate(tokens)}}},
                                         indent=1).encode(),
            "emb.safetensors": safetensors({"emb.weight": ([len(tokens), 256], tensor(7, 8 * 256) +
                                                           tensor(seed, len(new) * 256))})}


def write(top, files):
    for path, content in files.items():
        full = os.path.join(top, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if isinstance(content, str):
            os.symlink(content, full)
            continue
        with open(full, "wb") as f:
            f.write(content)
        os.chmod(full, 0o755 if path.endswith(".sh") else 0o644)


def main():
    one = {"a.txt": b"first\n" * 50, "empty": b"", "link": "sub/b.txt", "sub/b.txt": b"b\n",
           "sub/run.sh": b"#!/bin/sh\nexit 0\n", "model.safetensors": model(())}
    # v2a changes only what v1 has, for commit -a; v2 and v3 also add and remove.
    only = dict(one, **{"a.txt": b"second\n" * 40, "model.safetensors": model((1,))})
    two = dict(only, **{"sub/new/c.txt": b"c\n" * 3000,
                       "copy.safetensors": one["model.safetensors"]})
    del two["empty"]
    three = dict(two, **{"a.txt": b"third\n", "model.safetensors": model((1, 2)), "d": b"d"})
    del three["sub/new/c.txt"]
    # side changes another tensor of v1's model than v2a does; picked is both. rolled is v3 with
    # one tensor of v1.
    side = dict(one, **{"model.safetensors": model((3,))})
    picked = dict(only, **{"model.safetensors": model((1, 3))})
    # clash changes what v2a and side change, and the former otherwise, and other files, where
    # nobody else is; half lacks the decision of the conflict, clashed has clash's values.
    apart = {"sub/b.txt": b"B\n", "new.txt": b"new\n"}
    clash = dict(one, **apart, **{"model.safetensors": model((3, 11))})
    half = dict(picked, **apart)
    clashed = dict(only, **apart, **{"model.safetensors": model((3, 11))})
    # v2a taken over by clash: before that is decided, and one of its tensors alone.
    taken = dict(clash, **{"a.txt": only["a.txt"]})
    one_taken = dict(clash, **{"model.safetensors": model((1, 3))})
    # tokens that two sides added; test_crash.sh makes `united` of them
    few, more, most = (dict(one, **vocabulary(i, *new)) for i, new in enumerate(
        ((), ("A",), ("B", "C"))))
    rolled = dict(three, **{"model.safetensors": model((2,))})
    for name, files in (("v1", one), ("v2", two), ("v2a", only), ("v3", three), ("side", side),
                        ("picked", picked), ("rolled", rolled), ("clash", clash), ("half", half),
                        ("clashed", clashed), ("taken", taken), ("one_taken", one_taken),
                        ("few", few), ("more", more), ("most", most)):
        write(os.path.join(sys.argv[1], name), files)


main()

#!/usr/bin/env python
# -*- coding: utf-8 -*-
# SPDX-License-Identifier: Apache-2.0
"""Makes the files of tests/golden/numpy/VERSION with that version of NumPy itself.

    python3 -m venv VENV && VENV/bin/pip install numpy==VERSION
    VENV/bin/python tests/golden/numpy/make.py tests/golden/numpy/VERSION

It runs with any NumPy from 1.9 on, also in Python 2, whose headers say (3L,). Beside each file lies
FILE.expect: every array of it as numpy.load gives it back, one line each: BLAKE3 of its row-major
little-endian bytes (of structured and other types that strata has no name for, as they lie), type,
shape, name as JSON; sorted by name. Arrays of objects are no tensors. b3sum must be there.
"""
from __future__ import print_function

import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile

import numpy as np

NAMES = {
    "bool": "bool", "uint8": "u8", "int8": "i8", "int16": "i16", "uint16": "u16", "float16": "f16",
    "int32": "i32", "uint32": "u32", "float32": "f32", "int64": "i64", "uint64": "u64",
    "float64": "f64", "complex64": "c64", "complex128": "c128",
}
PYTHON2 = sys.version_info[0] == 2
VERSION = tuple(int(n) for n in np.__version__.split(".")[:2])


def numbers():
    return np.arange(24).reshape(2, 3, 4)


def simple():
    """name -> array, each saved as name.npy"""
    out = {}
    for kind in NAMES:
        a = numbers()
        out[kind] = (a % 2 if kind == "bool" else a).astype(kind)
    for kind in ("int16", "float16", "uint32", "float32", "float64", "complex64", "complex128"):
        out["big_" + kind] = out[kind].astype(out[kind].dtype.newbyteorder(">"))
    out["fortran"] = np.asfortranarray(out["float32"])
    out["fortran_big"] = np.asfortranarray(out["big_float64"])
    out["fortran_row"] = np.asfortranarray(np.arange(3.0).reshape(1, 3))
    out["scalar"] = np.array(2.5)
    out["empty"] = np.zeros((0,), "float32")
    out["empty_between"] = np.zeros((3, 0, 7), "int16")
    out["ones"] = np.ones((1,) * 12, "int8")
    out["structured"] = np.array([(1, 2.5, [1, 2]), (3, 4.5, [3, 4])], dtype=[
        ("n", "<i4"), ("x", ">f8"), ("pair", "u1", (2,))])
    out["structured_aligned"] = np.zeros(3, dtype=np.dtype([("a", "u1"), ("b", "<f8")], align=True))
    out["nested"] = np.zeros((2, 2), dtype=[("p", [("x", "<f4"), ("y", "<f4")]), ("s", "S3")])
    out["titled"] = np.zeros(2, dtype=[(("a title", "f"), "<f4")])
    out["text"] = np.array([u"ab", u"\u00e9\u5c42"], dtype="<U3")
    out["bytes"] = np.array([b"abc", b"d"])
    out["date"] = np.array(["2024-02-29", "1969-07-20"], dtype="datetime64[D]")
    out["span"] = np.array([1, -1], dtype="timedelta64[ns]")
    out["void"] = np.array([b"ab", b"cd"], dtype="V2")
    out["long_double"] = np.arange(3).astype(np.longdouble)
    return out


def save_simple(out):
    paths = []
    for name, a in sorted(simple().items()):
        paths.append(os.path.join(out, name + ".npy"))
        np.save(paths[-1], a)
    return paths


def write_version(path, a, version):
    with open(path, "wb") as f:
        np.lib.format.write_array(f, a, version=version)


def save_versions(out):
    """The same array with each version of the header; long and foreign field names ask for them."""
    a = np.arange(6, dtype="float32").reshape(2, 3)
    paths = [os.path.join(out, "version_%d.npy" % v) for v in (1, 2, 3)]
    write_version(paths[0], a, (1, 0))
    write_version(paths[1], a, (2, 0))
    if VERSION < (1, 17):
        del paths[2]
    else:
        write_version(paths[2], a, (3, 0))
        paths.append(os.path.join(out, "foreign_names.npy"))
        np.save(paths[-1], np.zeros(2, dtype=[(u"\u5c42", "<f4"), (u"\u00e9", "<i2")]))
    return paths


def save_by_hand(out):
    """Headers that NumPy reads and does not write now: other orders, spaces, quotes, paddings."""
    a = np.arange(6, dtype="<f4")
    heads = {
        "spelled": b"""{ "shape" : ( 2 , 3 ) , "descr" : "<f4" , "fortran_order" : False }""",
        "unpadded": b"{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }",
        "tight": b"{'descr':'<f4','fortran_order':False,'shape':(6,)}",
        "native": b"{'descr': 'float32', 'fortran_order': False, 'shape': (6,), }",
    }
    paths = []
    for name, head in sorted(heads.items()):
        paths.append(os.path.join(out, "head_" + name + ".npy"))
        with open(paths[-1], "wb") as f:
            head += b"\n"
            f.write(b"\x93NUMPY\x01\x00" + bytearray([len(head) % 256, len(head) // 256]) + head +
                    a.tobytes())
    paths.append(os.path.join(out, "bytes_behind.npy"))
    with open(paths[-1], "wb") as f:
        np.save(f, a)
        f.write(b"more of it")
    return paths


def save_archives(out):
    few = {"w": np.arange(12, dtype="float32").reshape(3, 4), "layer/0/bias": np.arange(3.0),
           "dotted.name": np.arange(4, dtype="i2"), "fortran": np.asfortranarray(np.eye(3)[:2]),
           "big": np.arange(5).astype(">i8"), "scalar": np.array(7), "empty": np.zeros((0, 3)),
           "text": np.array([u"a", u"bc"]), "same": np.arange(12, dtype="float32").reshape(3, 4)}
    paths = [os.path.join(out, n + ".npz") for n in (
        "stored", "deflated", "positional", "nothing", "objects", "mixed", "rezipped")]
    of = dict((os.path.basename(p)[:-4], p) for p in paths)
    np.savez(of["stored"], **few)
    np.savez_compressed(of["deflated"], **few)
    np.savez(of["positional"], np.arange(3), np.ones((2, 2), "f2"), named=np.zeros(1, "u1"))
    if VERSION < (1, 17):  # cannot read back its own
        paths.remove(of["nothing"])
    else:
        np.savez(of["nothing"])
    np.savez(of["objects"], things=np.array([{"a": 1}, None], dtype=object), w=np.arange(2.0))
    member = {}
    for name, a in few.items():
        b = io.BytesIO()
        np.save(b, a)
        member[name] = b.getvalue()
    with zipfile.ZipFile(of["mixed"], "w") as z:  # some of its members deflated, one no array
        z.writestr(zipfile.ZipInfo("README", (2024, 2, 29, 12, 0, 0)), b"by hand\n")
        for i, name in enumerate(sorted(member)):
            entry = zipfile.ZipInfo(name + ".npy", (2024, 2, 29, 12, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED if i % 2 else zipfile.ZIP_STORED
            z.writestr(entry, member[name])
    with zipfile.ZipFile(of["rezipped"], "w", zipfile.ZIP_DEFLATED) as z:
        for name in sorted(member):
            entry = zipfile.ZipInfo(name + ".npy", (2024, 2, 29, 12, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(entry, member[name])
    return paths


def save_objects(out):
    path = os.path.join(out, "objects.npy")
    np.save(path, np.array([{"a": 1}, None, u"text"], dtype=object))
    return [path]


def arrays_of(path):
    options = {"allow_pickle": True} if VERSION >= (1, 10) else {}
    got = np.load(path, **options)
    if isinstance(got, np.ndarray):
        return {"array": got}
    return {name: got[name] for name in got.files if name != "README"}


def write_expect(paths):
    scratch = tempfile.mkdtemp()
    rows, contents = [], []
    for path in paths:
        for name, a in arrays_of(path).items():
            if a.dtype.hasobject:
                continue
            kind = NAMES.get(a.dtype.name, "opaque")
            if kind != "opaque":
                a = a.astype(a.dtype.newbyteorder("<"))
            rows.append((path, name, kind, a.shape))
            contents.append(os.path.join(scratch, "%06d" % len(contents)))
            with open(contents[-1], "wb") as f:
                f.write(a.tobytes("C"))
    ids = subprocess.check_output(["b3sum", "--no-names"] + contents).decode().split()
    shutil.rmtree(scratch)
    texts = {path: [] for path in paths}
    for (path, name, kind, shape), digest in zip(rows, ids):
        texts[path].append((name, "%s %s [%s] %s\n" % (digest, kind, ",".join(
            str(int(d)) for d in shape), json.dumps(name))))
    for path, lines in texts.items():
        with open(path + ".expect", "w") as f:
            f.write("".join(line for _, line in sorted(lines)))


def make_all(out):
    return (save_simple(out) + save_versions(out) + save_by_hand(out) + save_archives(out) +
            save_objects(out))


def main():
    out = sys.argv[1]
    if not os.path.isdir(out):
        os.makedirs(out)
    write_expect(make_all(out))
    with open(os.path.join(out, "versions.txt"), "w") as f:
        f.write("python %s\nnumpy %s\n" % (platform.python_version(), np.__version__))


if __name__ == "__main__":
    main()

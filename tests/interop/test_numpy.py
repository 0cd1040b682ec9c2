#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""NumPy writes .npy and .npz files of all kinds, new ones in every run, and reads what strata gives
back or has changed. Every array that NumPy loads must be one of strata's: name, type, shape, bytes."""
import os
import random
import shutil
import sys
import warnings

import oracle
from oracle import lines, packaged, patched, refused, repo, strata

sys.dont_write_bytecode = True
SEED = int(os.environ.get("ST_SEED") or int.from_bytes(os.urandom(4), "little"))


def found_in(path):
    found = {}
    for name, a in golden.arrays_of(path).items():
        if not a.dtype.hasobject:
            kind = golden.NAMES.get(a.dtype.name, "opaque")
            little = a if kind == "opaque" else a.astype(a.dtype.newbyteorder("<"))
            found[name] = (kind, list(a.shape), little.tobytes("C"))
    return found


def every_kind():
    where = repo("kinds")
    paths = golden.make_all(where)
    oracle.through_a_repository(where, {os.path.relpath(p, where): found_in(p) for p in paths})
    for path in paths:  # what was restored loads
        found_in(path)


def random_array(rng):
    kind = rng.choice(sorted(golden.NAMES))
    shape = tuple(rng.choice([0, 1, 2, 3, 5, 17]) if rng.random() < 0.9 else rng.randrange(200)
                  for _ in range(rng.randrange(5)))
    n = int(np.prod(shape, dtype=np.int64))
    if kind == "bool":
        a = np.array([rng.random() < 0.5 for _ in range(n)], bool).reshape(shape)
    else:
        dtype = np.dtype(kind)
        a = np.frombuffer(rng.getrandbits(8 * n * dtype.itemsize or 8).to_bytes(
            n * dtype.itemsize or 1, "little"), dtype if n else "u1", n).astype(dtype).reshape(shape)
    if rng.random() < 0.3:
        a = a.astype(a.dtype.newbyteorder(">"))
    return rng.choice([a, np.asfortranarray(a), a.T, a[..., ::2] if a.ndim else a])


def random_files():
    where, rng, found = repo("chaos"), random.Random(SEED), {}
    for i in range(80):
        name = "a%02d.%s" % (i, "npz" if i % 2 else "npy")
        path = os.path.join(where, name)
        if i % 2:
            arrays = {rng.choice("abc/é ") * k + str(k): random_array(rng)
                      for k in range(1, 1 + rng.randrange(6))}
            (np.savez if rng.random() < 0.5 else np.savez_compressed)(path, **arrays)
        else:
            np.save(path, random_array(rng))
        found[name] = found_in(path)
    oracle.through_a_repository(where, found)


def larger_than_a_chunk():
    where, rng = repo("large"), np.random.default_rng(SEED)
    a = rng.standard_normal((1500, 1001))
    np.save(os.path.join(where, "fortran.npy"), np.asfortranarray(a))
    np.save(os.path.join(where, "big.npy"), a.astype(">f4"))
    arrays = {"a": a.astype("f4"), "f": np.asfortranarray(a.astype("f4")), "big": a.astype(">f8")}
    np.savez(os.path.join(where, "stored.npz"), **arrays)
    np.savez_compressed(os.path.join(where, "deflated.npz"), **arrays)
    oracle.through_a_repository(where, {
        n: found_in(os.path.join(where, n)) for n in ("fortran.npy", "big.npy", "stored.npz",
                                                      "deflated.npz")})


def unchanged_arrays_cost_nothing():
    where, rng = repo("again"), np.random.default_rng(SEED)
    path, arrays = os.path.join(where, "m.npz"), {n: rng.standard_normal(20000) for n in "abcd"}
    np.savez(path, **arrays)
    strata(where, "add", ".")
    strata(where, "commit", "-m", "one")
    arrays = dict(first=rng.standard_normal(7), **arrays)
    arrays["c"] = arrays["c"] + 1
    np.savez(path, **arrays)
    strata(where, "add", ".")
    two = lines(where, "commit", "--json", "-m", "two")[0]
    assert two["tensors"] == {"added": 1, "changed": 1, "removed": 0, "unchanged": 3}, two
    assert two["stored_bytes"] < 180000, two


def patched_files_load():
    os.mkdir("patch")
    rng = np.random.default_rng(SEED)
    arrays = {"w": rng.standard_normal((30, 4)), "f": np.asfortranarray(rng.standard_normal((3, 5))),
              "big": np.arange(5).astype(">i4"), "s": np.array(2.5), "x/y": np.arange(4, dtype="u1")}
    np.savez("patch/a.npz", **arrays)
    np.savez_compressed("patch/deflated.npz", **arrays)
    new = {n: (arrays[n] * 2 + 1).astype(arrays[n].dtype) for n in ("w", "f", "big", "s", "x/y")}
    little = {n: a.astype(a.dtype.newbyteorder("<")).tobytes("C") for n, a in new.items()}
    patched("patch/a.npz", "patch/all.npz", little)
    patched("patch/a.npz", "patch/one.npz", {"f": little["f"]})
    for target, names in (("patch/all.npz", set(new)), ("patch/one.npz", {"f"})):
        oracle.archive_agrees(target)
        with np.load(target) as z:
            for n in arrays:
                want = new[n] if n in names else arrays[n]
                assert z[n].dtype == want.dtype and np.array_equal(z[n], want), (target, n)
    refused("patch/deflated.npz", "patch/no.npz", {"w": little["w"]})
    refused("patch/a.npz", "patch/no.npz", {"w": b"short"}, "w")
    np.save("patch/f.npy", arrays["f"])
    patched("patch/f.npy", "patch/new.npy", {"array": little["f"]})
    assert np.array_equal(np.load("patch/new.npy"), new["f"])


def g2p_en():
    """A published speech model in a .npz file."""
    (path,) = packaged("g2p_en/checkpoint20.npz")
    where = repo("published")
    shutil.copyfile(path, os.path.join(where, "m.npz"))
    found = found_in(path)
    assert len(found) >= 10, found.keys()
    oracle.through_a_repository(where, {"m.npz": found})


TESTS = [every_kind, random_files, larger_than_a_chunk, unchanged_arrays_cost_nothing,
         patched_files_load, g2p_en]


def main():
    if not oracle.needs("numpy", oracle.VENV, "/usr/bin/python3"):
        oracle.skip_all([t.__name__ for t in TESTS], "no NumPy: apt-get install python3-numpy")
        return 0
    global np, golden
    warnings.simplefilter("ignore")
    import numpy as np
    golden = oracle.module_of("golden_numpy", "numpy", "make.py")
    print("# NumPy %s, ST_SEED=%d" % (np.__version__, SEED))
    return oracle.run_cases([(t.__name__, t) for t in TESTS])


if __name__ == "__main__":
    sys.exit(main())

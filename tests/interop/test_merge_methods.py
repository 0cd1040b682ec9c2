#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Methods of merging against their definitions in float64 NumPy (doc/guide/merge-methods.md), through
`strata merge-file` and `average`: new tensors in every run, of every float type that can be computed
with; the random methods draw the same numbers, by their definition. And the same bytes for any number
of threads."""
# timeout 300
import json
import os
import struct
import sys
from fractions import Fraction

import oracle
from oracle import strata

sys.dont_write_bytecode = True
SEED = int(os.environ.get("ST_SEED") or int.from_bytes(os.urandom(4), "little"))

# bits of exponent and of fraction, bias, what the codes of largest size are
SMALL = {"F16": (5, 10, 15, "ieee"), "BF16": (8, 7, 127, "ieee"), "F8_E5M2": (5, 2, 15, "ieee"),
         "F8_E4M3": (4, 3, 7, "fn"), "F8_E4M3FNUZ": (4, 3, 8, "fnuz"),
         "F8_E5M2FNUZ": (5, 2, 16, "fnuz")}
TYPES = list(SMALL) + ["F32", "F64"]
SHAPES = {"model.layers.0.w": (40, 100), "model.layers.1.w": (7, 3, 50), "model.layers.2.b": (999,),
          "model.layers.4.w": (3, 700), "head": (2, 66000)}


# --- types --------------------------------------------------------------------------------------

def positive(kind):
    """The finite numbers of a small type that are not negative, by their codes."""
    exponent, fraction, bias, top = SMALL[kind]
    half = 1 << (exponent + fraction)
    code = np.arange(half, dtype=np.float64)
    e, f = np.floor(code / (1 << fraction)), code % (1 << fraction)
    v = np.where(e > 0, np.ldexp(f + (1 << fraction), (e - bias - fraction).astype(int)),
                 np.ldexp(f, 1 - bias - fraction))
    return v[:half - {"ieee": 1 << fraction, "fn": 1, "fnuz": 0}[top]]


def encode(v, kind):
    """To the nearest, ties to the even code."""
    if kind in ("F32", "F64"):
        return v.astype("<f4" if kind == "F32" else "<f8").tobytes()
    table = positive(kind)
    size = np.abs(v)
    above = np.clip(np.searchsorted(table, size), 1, len(table) - 1)
    below = above - 1
    lo, hi = size - table[below], table[above] - size
    code = np.where((lo < hi) | ((lo == hi) & (below % 2 == 0)), below, above)
    sign = 1 << (sum(SMALL[kind][:2]))
    signed = np.signbit(v) & ~((code == 0) if SMALL[kind][3] == "fnuz" else False)
    code = code | np.where(signed, sign, 0)
    return code.astype("<u2" if sign > 128 else "u1").tobytes()


def decode(raw, kind):
    if kind in ("F32", "F64"):
        return np.frombuffer(raw, "<f4" if kind == "F32" else "<f8").astype(np.float64)
    table = positive(kind)
    sign = 1 << (sum(SMALL[kind][:2]))
    code = np.frombuffer(raw, "<u2" if sign > 128 else "u1").astype(int)
    return np.where(code & sign, -1.0, 1.0) * table[code & (sign - 1)]


def rounded(v, kind):
    return decode(encode(v, kind), kind)


def ulp(v, kind):
    if kind in ("F32", "F64"):
        return np.spacing(np.abs(v).astype(np.float32 if kind == "F32" else np.float64))
    exponent, fraction, bias, _ = SMALL[kind]
    e = np.frexp(v)[1] - 1
    return np.ldexp(1.0, np.maximum(e, 1 - bias) - fraction)


# --- files --------------------------------------------------------------------------------------

def write(path, tensors, kind):
    header, body = {}, b""
    for name, v in tensors.items():
        raw = encode(v.ravel(), kind)
        header[name] = {"dtype": kind, "shape": list(v.shape),
                        "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    n = struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, x in json.loads(data[8:8 + n]).items():
        if name != "__metadata__":
            a, b = (8 + n + o for o in x["data_offsets"])
            found[name] = decode(data[a:b], x["dtype"]).reshape(x["shape"])
    return found


def family(kind, models=3):
    """base.st and 0.st, 1.st ... that come from it, each number changed in all; and Fisher files."""
    rng = np.random.default_rng(SEED + TYPES.index(kind))
    size = 1.0 if kind.startswith("F8") else 0.05
    all_of = [{} for _ in range(models + 1)]
    for name, shape in SHAPES.items():
        base = rng.normal(0, 1, shape)
        for i, of in enumerate(all_of):
            v = base + (rng.normal(0, size, shape) if i else 0)
            of[name] = rounded(v.ravel(), kind).reshape(shape)
    for i, of in enumerate(all_of):
        write("base.st" if i == 0 else "%d.st" % (i - 1), of, kind)
    info = []
    for i in range(models):
        f = {n: np.where(rng.random(s) < 0.1, 0, rng.random(s) ** 4) for n, s in SHAPES.items()}
        write("f%d.st" % i, f, "F32")
        info.append({n: v.astype(np.float32).astype(np.float64) for n, v in f.items()})
    return all_of[0], all_of[1:], info


# --- definitions --------------------------------------------------------------------------------

def linear(base, x, w):
    return sum(wi * xi for wi, xi in zip(w, x)) / sum(w)


def slerp(base, x, t, parallel=0.9995):
    a, b = x
    c = (a * b).sum() / (np.sqrt((a * a).sum()) * np.sqrt((b * b).sum()))
    if abs(c) > parallel:
        return (1 - t) * a + t * b
    angle = np.arccos(c)
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)


def added(base, d, w, scale, elect, normalize):
    d = [wi * di for wi, di in zip(w, d)]
    if not elect:
        return base + scale * sum(d) / (sum(w) if normalize else 1)
    sign = np.sign(sum(d))
    agree = [(np.sign(di) == sign) & (sign != 0) for di in d]
    total = sum(np.where(g, di, 0) for g, di in zip(agree, d))
    by = sum(np.where(g, wi, 0.0) for g, wi in zip(agree, w))
    mean = np.divide(total, by, out=np.zeros_like(total), where=by != 0) if normalize else total
    return base + scale * mean


def cut(d, density, gamma=None):
    """Ranks by magnitude, the first of equal ones before the others."""
    n = d.size
    order = np.argsort(-np.abs(d.ravel()), kind="stable")
    keep = int(np.floor(density * n))
    top = int(np.floor((gamma or 0) * n))
    if gamma is None and density > 0:
        keep = max(keep, 1)
    top = min(top, n - keep)
    out = np.zeros(n)
    out[order[top:top + keep]] = d.ravel()[order[top:top + keep]]
    return out.reshape(d.shape)


def draws(seed, name, model, n):
    key = oracle.blake3([struct.pack("<QQ", seed, model) + name.encode()])[0]
    state = np.uint64(int.from_bytes(bytes.fromhex(key[:16]), "little"))
    with np.errstate(over="ignore"):
        z = state + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0 ** -53


def dare(d, density, seed, name, model):
    u = draws(seed, name, model, d.size).reshape(d.shape)
    return np.where(u < density, d / density, 0)


def della(d, density, epsilon, seed, name, model):
    rows = d.reshape(d.shape[0], -1) if d.ndim > 1 else d.reshape(1, -1)
    p = np.empty(rows.shape)
    for r, row in enumerate(rows):
        for at in range(0, row.size, 65536):
            part = np.abs(row[at:at + 65536])
            rank = np.empty(part.size)
            rank[np.argsort(part, kind="stable")] = np.arange(part.size)
            share = rank / (part.size - 1) if part.size > 1 else np.full(1, 0.5)
            p[r, at:at + 65536] = density - epsilon + 2 * epsilon * share
    u = draws(seed, name, model, d.size).reshape(rows.shape)
    return np.where(u < p, rows / p, 0).reshape(d.shape)


def model_stock(base, x):
    d = [xi - base for xi in x]
    c, n = [], len(x)
    for i in range(n):
        for k in range(i + 1, n):
            c.append((d[i] * d[k]).sum() / np.sqrt((d[i] ** 2).sum() * (d[k] ** 2).sum()))
    c = np.mean(c)
    t = n * c / (1 + (n - 1) * c) if c > 0 else 0
    return t * sum(x) / n + (1 - t) * base


def fisher(x, info, w):
    by = sum(wi * f for wi, f in zip(w, info))
    total = sum(wi * f * xi for wi, f, xi in zip(w, info, x))
    return np.where(by > 0, total / np.where(by > 0, by, 1), linear(None, x, w))


# --- comparison ---------------------------------------------------------------------------------

def compare(what, kind, got, want):
    """Equal but for what lies at a rounding edge, where the last bit of float64 decides: there the
    other neighbour is right as well."""
    for name in want:
        exact = want[name].ravel()
        w, g = rounded(exact, kind), got[name].ravel()
        far = np.abs(g - w)
        noise = 1e-14 * np.maximum(np.abs(exact), 1)  # inputs are about 1, and what cancels is lost
        if kind == "F64":
            bad = far > noise
        else:
            edge = np.abs(exact - (g + w) / 2) <= noise
            bad = (far > 0) & ~(edge & (far <= ulp(w, kind) * 1.01))
        assert not bad.any(), "%s, %s, %s: %d of %d elements differ, such as %r for %r, of %r" % (
            what, kind, name, bad.sum(), bad.size, g[bad][0], w[bad][0], exact[bad][0])


def merge(spec, models, *more, base=True):
    args = ["merge-file", "-q"] + (["--base", "base.st"] if base else [])
    strata(".", *args, *["%d.st" % i for i in range(models)], "--method", spec, *more, "-o", "out.st")
    return read("out.st")


def each(kind, spec, models, definition, *more):
    base, x, _ = family(kind)
    want = {n: definition(n, base[n], [m[n] for m in x[:models]]) for n in SHAPES}
    compare(spec, kind, merge(spec, models, *more), want)


def means():
    for kind in TYPES:
        each(kind, "linear", 2, lambda n, b, x: (x[0] + x[1]) / 2)
        each(kind, "linear:weight=0.2/0.5/3", 3, lambda n, b, x: linear(b, x, [0.2, 0.5, 3]))
        each(kind, "fedavg:weight=100/300/17", 3, lambda n, b, x: linear(b, x, [100, 300, 17]))
        strata(".", "average", "0.st", "1.st", "2.st", "-o", "mean.st")
        base, x, _ = family(kind)
        compare("average", kind, read("mean.st"), {n: (x[0][n] + x[1][n] + x[2][n]) / 3
                                                   for n in SHAPES})


def exact(x, w):
    """Means of what each model has, rounded once."""
    return np.array([float(sum(Fraction(wi) * Fraction(v) for wi, v in zip(w, xi)) / sum(map(Fraction, w)))
                     for xi in zip(*x)])


def large_numbers():
    """Means of finite numbers are finite, though the sums of them are not."""
    rng = np.random.default_rng(SEED)
    top = np.finfo(np.float64).max
    for models in 1, 2, 3, 5, 8:
        x = [rng.uniform(-1, 1, 700) * top for _ in range(models)]
        x[-1][:4] = [top, -top, top, 0.25]
        for xi in x[:-1]:
            xi[:4] = [top, -top, np.nextafter(top, 0), 5e-324]
        info = [rng.random(700) * top for _ in range(models)]
        for i in range(models):
            write("%d.st" % i, {"w": x[i]}, "F64")
            write("f%d.st" % i, {"w": info[i]}, "F64")
        weights = [list(rng.random(models)), [1e300 * (i + 1) for i in range(models)]]
        for spec, w, more in [("linear", [1] * models, [])] + \
                [("fedavg:weight=" + "/".join(map(repr, map(float, w))), w, []) for w in weights] + \
                [("fisher", None, [a for i in range(models) for a in ("--fisher", "f%d.st" % i)])]:
            got = merge(spec, models, *more, base=False)["w"]
            want = exact(x, w) if w else np.array([exact([[v] for v in xi], fi)[0]
                                                   for xi, fi in zip(zip(*x), zip(*info))])
            place = np.spacing(np.abs(x).max(axis=0) / 2)
            far = np.abs(got / 2 - want / 2)
            assert (far <= (0 if spec == "linear" and models <= 2 else 4) * place).all(), (spec, models)
    # what is past the largest of the result's type is refused as ever
    got = oracle.run(".", "merge-file", "0.st", "1.st", "--method", "linear:normalize=0", "-o", "no.st")
    assert got.returncode == 7 and b"becomes inf, which f64 cannot hold" in got.stderr, got.stderr


def two_are_rounded_once():
    rng = np.random.default_rng(SEED)
    x = [np.ldexp(rng.uniform(-1, 1, 20000), rng.integers(-60, 60, 20000)) for _ in range(2)]
    x[1][::7] = np.ldexp(x[0][::7], -53) * 3  # ties, and just beside them
    x[0][:2000] = np.ldexp(rng.integers(-9, 9, 2000), -1074)
    for i in range(2):
        write("%d.st" % i, {"w": x[i]}, "F64")
    assert (merge("linear", 2, base=False)["w"] == exact(x, [1, 1])).all()


def arcs():
    for kind in TYPES:
        each(kind, "slerp:t=0.3", 2, lambda n, b, x: slerp(b, x, 0.3))
        each(kind, "slerp:t=0.3,parallel=1", 2, lambda n, b, x: slerp(b, x, 0.3, 1))


def over_layers():
    """Layers 0, 1, 2 and 4 of 0 .. 4, and a tensor of none."""
    t = {"model.layers.0.w": 0.0, "model.layers.1.w": 0.5, "model.layers.2.b": 1.0,
         "model.layers.4.w": 0.25, "head": 0.0}
    for kind in ("F32", "BF16"):
        each(kind, "slerp:t=0..1..0.25", 2, lambda n, b, x: slerp(b, x, t[n]))


def task_vectors():
    for kind in TYPES:
        d = lambda b, x: [xi - b for xi in x]
        w = [0.5, 1, 0.25]
        each(kind, "task-arithmetic:scale=0.3", 3,
             lambda n, b, x: added(b, d(b, x), [1, 1, 1], 0.3, False, False))
        each(kind, "task-arithmetic:weight=0.5/1/0.25,normalize=1", 3,
             lambda n, b, x: added(b, d(b, x), w, 1, False, True))
        each(kind, "ties:density=0.3,weight=0.5/1/0.25", 3,
             lambda n, b, x: added(b, [cut(y, 0.3) for y in d(b, x)], w, 1, True, True))
        each(kind, "ties:density=0.7,scale=0.5,normalize=0", 2,
             lambda n, b, x: added(b, [cut(y, 0.7) for y in d(b, x)], [1, 1], 0.5, True, False))
        each(kind, "breadcrumbs:density=0.5,gamma=0.1,scale=0.3", 3,
             lambda n, b, x: added(b, [cut(y, 0.5, 0.1) for y in d(b, x)], [1] * 3, 0.3, False,
                                   False))
        each(kind, "breadcrumbs:density=0.95,gamma=0.1,scale=0.3,elect=1", 2,
             lambda n, b, x: added(b, [cut(y, 0.95, 0.1) for y in d(b, x)], [1] * 2, 0.3, True,
                                   False))


def by_chance():
    for kind in TYPES:
        seed = SEED % 1000 + 1
        drop = lambda f, p, n, b, x: [f(xi - b, *p, seed, n, i) for i, xi in enumerate(x)]
        each(kind, "dare-linear:density=0.4,scale=0.3", 2,
             lambda n, b, x: added(b, drop(dare, [0.4], n, b, x), [1, 1], 0.3, False, False),
             "--seed", str(seed))
        each(kind, "dare-ties:density=0.7,weight=2/1", 2,
             lambda n, b, x: added(b, drop(dare, [0.7], n, b, x), [2, 1], 1, True, True),
             "--seed", str(seed))
        each(kind, "della:density=0.6,epsilon=0.2", 2,
             lambda n, b, x: added(b, drop(della, [0.6, 0.2], n, b, x), [1, 1], 1, True, True),
             "--seed", str(seed))


def angles_and_information():
    for kind in TYPES:
        each(kind, "model-stock", 2, lambda n, b, x: model_stock(b, x))
        each(kind, "model-stock", 3, lambda n, b, x: model_stock(b, x))
        base, x, info = family(kind)
        want = {n: fisher([m[n] for m in x], [f[n] for f in info], [1, 2, 1]) for n in SHAPES}
        got = merge("fisher:weight=1/2/1", 3, "--fisher", "f0.st", "--fisher", "f1.st", "--fisher",
                    "f2.st")
        compare("fisher", kind, got, want)


def any_number_of_threads():
    family("BF16")
    for spec in ("linear:weight=1/2/3", "ties:density=0.3", "dare-ties:density=0.3",
                 "della:density=0.5", "breadcrumbs", "model-stock", "task-arithmetic:scale=0.3"):
        seed = ("--seed", "7") if spec.startswith(("dare", "della")) else ()
        merge(spec, 3, *seed, "--jobs", "1")
        os.rename("out.st", "one.st")
        for jobs in ("2", "7"):
            merge(spec, 3, *seed, "--jobs", jobs)
            assert oracle.same_bytes("out.st", "one.st"), "%s on %s threads" % (spec, jobs)


TESTS = [means, large_numbers, two_are_rounded_once, arcs, over_layers, task_vectors, by_chance,
         angles_and_information, any_number_of_threads]


def main():
    if not oracle.needs("torch", "/usr/bin/python3") and not oracle.needs(
            "numpy", oracle.VENV, "/usr/bin/python3"):
        oracle.skip_all([t.__name__ for t in TESTS], "no NumPy: apt-get install python3-numpy")
        return 0
    global np
    import numpy as np
    print("# NumPy %s, ST_SEED=%d" % (np.__version__, SEED))
    return oracle.run_cases([(t.__name__, t) for t in TESTS])


if __name__ == "__main__":
    sys.exit(main())

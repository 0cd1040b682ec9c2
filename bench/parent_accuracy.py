#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""parent_accuracy.py STRATA DIR [FAMILIES MODELS STRAYS]: how often `strata parent` names the
true parent first. In DIR a repository with FAMILIES x MODELS versions: families with one untrained
model each, and below it fine-tunes of all strengths, siblings, chains, merges, pruned, partly and
low-rank tuned models. STRAYS models, each made from one of them, are asked for, with and without
--fast. The last column is an oracle: how often the true parent is the nearest of all by all
weights, which is the most that distance can say. Needs NumPy; every run asks the same."""
import json
import os
import subprocess
import sys

import numpy as np

strata, work = sys.argv[1:3]
families, models, strays = map(int, (sys.argv[3:] + ["10", "50", "220"][len(sys.argv) - 3:])[:3])
D = 64
SHAPES = {"embed": (256, D)}
for layer in range(4):
    SHAPES.update({f"layers.{layer}.attn": (D, D), f"layers.{layer}.mlp": (D, 2 * D),
                   f"layers.{layer}.norm": (D,), f"layers.{layer}.bias": (D,)})
SHAPES["head"] = (D, 32)


def fresh(rng):
    model = {n: rng.normal(0, 0.02, s) for n, s in SHAPES.items()}
    model.update({n: np.ones(s) if n.endswith("norm") else np.zeros(s)
                  for n, s in SHAPES.items() if len(s) == 1})
    return model


def tuned(rng, model, strength, only=lambda name: True):
    return {n: v + rng.normal(0, 0.02 * strength, v.shape) if only(n) else v.copy()
            for n, v in model.items()}


def low_rank(rng, model, strength):
    def change(v):
        return rng.normal(size=(v.shape[0], 4)) @ rng.normal(size=(4, v.shape[1]))
    return {n: v + 0.01 * strength * change(v) if n.endswith("attn") else v.copy()
            for n, v in model.items()}


def pruned(model, share):
    return {n: np.where(np.abs(v) < np.quantile(np.abs(v), share), 0, v) if v.ndim > 1 else v.copy()
            for n, v in model.items()}


def sparse(rng, model, share):
    return {n: np.where(rng.random(v.shape) < share, v + rng.normal(0, 0.01, v.shape), v)
            for n, v in model.items()}


def strength(rng):
    return 10 ** rng.uniform(-3, -0.5)


MAKE = {
    "tuned": lambda rng, m: tuned(rng, m, strength(rng)),
    "last layer": lambda rng, m: tuned(rng, m, strength(rng),
                                       lambda n: n.startswith("layers.3") or n == "head"),
    "low rank": lambda rng, m: low_rank(rng, m, strength(rng)),
    "pruned": lambda rng, m: pruned(m, rng.uniform(0.1, 0.6)),
    "1 % of elements": lambda rng, m: sparse(rng, m, 0.01),
}


def write(path, model, dtype="F32"):
    header, at, parts = {}, 0, []
    for n, v in model.items():
        b = v.astype("<f4" if dtype == "F32" else "<f2").tobytes()
        header[n] = {"dtype": dtype, "shape": list(v.shape), "data_offsets": [at, at + len(b)]}
        at += len(b)
        parts.append(b)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + b"".join(parts))


def flat(model):
    return np.concatenate([v.ravel() for v in model.values()]).astype(np.float32)


def run(*args):
    return subprocess.run((strata, *args), cwd=work, check=True, capture_output=True,
                          text=True).stdout


def store(model):
    write(os.path.join(work, "m.safetensors"), model)
    run("add", "--fast", "m.safetensors")
    run("-q", "commit", "--allow-empty", "-m", "x")


def grow(rng):
    known = []
    for _ in range(families):
        family = [fresh(rng)]
        while len(family) < models:
            parent = family[-1] if rng.random() < 0.5 else family[rng.integers(len(family))]
            if rng.random() < 0.1:
                other = family[rng.integers(len(family))]
                family.append({n: (v + other[n]) / 2 for n, v in parent.items()})
            else:
                family.append(MAKE[rng.choice(list(MAKE))](rng, parent))
        known += family
    return known


def ask(model, dtype, *options):
    write(os.path.join(work, "../stray.safetensors"), model, dtype)
    out = run("parent", "-n", "3", "--json", *options, "../stray.safetensors")
    return [json.loads(line) for line in out.splitlines()]


def names(candidate, version):
    return version in (candidate["version"], *candidate.get("same", []))


def main():
    rng = np.random.default_rng(7)
    os.makedirs(work, exist_ok=True)
    run("init")
    known = grow(rng)
    for model in known:
        store(model)
    everything = np.stack([flat(m) for m in known])
    made = [(k, d) for k in MAKE for d in ("F32", "F16")] + [("equal", "F16")]
    right = {m: [0] * 5 for m in made}
    for i in range(strays):
        kind, dtype = made[i % len(made)]
        true = int(rng.integers(len(known)))
        stray = known[true] if kind == "equal" else MAKE[kind](rng, known[true])
        far = np.linalg.norm(everything - flat(stray), axis=1)
        version = "v%d" % (true + 1)
        full, fast = ask(stray, dtype), ask(stray, dtype, "--fast")
        hits = (1, bool(full) and names(full[0], version), any(names(c, version) for c in full),
                bool(fast) and names(fast[0], version), far[true] <= far.min())
        right[kind, dtype] = [a + int(b) for a, b in zip(right[kind, dtype], hits)]
    print("%-22s %6s %6s %6s %6s %7s" % ("stray", "asked", "first", "in 3", "--fast", "oracle"))
    total = [0] * 5
    for (kind, dtype), n in right.items():
        total = [a + b for a, b in zip(total, n)]
        print("%-22s %6d %6d %6d %6d %7d" % (kind + ", " + dtype.lower(), *n))
    print("%-22s %6d %6d %6d %6d %7d" % ("all", *total))


main()

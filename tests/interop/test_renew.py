#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files that rollback and cherry-pick made of the tensors of two versions are files to the frameworks
that wrote them: they load, and every tensor is what it should be."""
import os
import subprocess
import sys
import warnings

import oracle
from oracle import repo, run, strata

sys.dont_write_bytecode = True


def weights(step, shapes):
    torch.manual_seed(step)
    return {name: torch.randn(shape) for name, shape in shapes.items()}


SHAPES = {"embed": (50, 8), "layers.0.w": (8, 8), "layers.1.w": (8, 8), "head.w": (8, 50),
          "head.b": (50,)}


def save_zip(path, tensors):
    torch.save({"model": tensors, "note": "same"}, path)


def save_legacy(path, tensors):
    torch.save({"model": tensors, "note": "same"}, path, _use_new_zipfile_serialization=False)


def load_torch(path):
    return torch.load(path, weights_only=True)["model"]


def save_npz(path, tensors):
    numpy.savez(path, **{n: t.numpy() for n, t in tensors.items()})


def load_npz(path):
    with numpy.load(path) as z:
        return {n: torch.from_numpy(z[n]) for n in z.files}


def save_safetensors(path, tensors):
    header, blobs, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name, t in tensors.items():
        blobs.append(t.contiguous().numpy().tobytes())
        header[name] = {"dtype": "F32", "shape": list(t.shape),
                        "data_offsets": [at, at + len(blobs[-1])]}
        at += len(blobs[-1])
    text = oracle.json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + b"".join(blobs))


def load_safetensors(path):
    with open(path, "rb") as f:
        raw = f.read()
    n = int.from_bytes(raw[:8], "little")
    found = {}
    for name, x in oracle.json.loads(raw[8:8 + n]).items():
        if name != "__metadata__":
            a, b = x["data_offsets"]
            found[name] = torch.frombuffer(bytearray(raw[8 + n + a:8 + n + b]),
                                           dtype=torch.float32).reshape(x["shape"])
    return found


KINDS = [("m.pt", save_zip, load_torch, "model."), ("old.pt", save_legacy, load_torch, "model."),
         ("m.npz", save_npz, load_npz, ""), ("m.safetensors", save_safetensors, load_safetensors, "")]


def holds(where, want):
    """What the frameworks load from every file, exactly; and the archives' checksums."""
    for name, _, load, _ in KINDS:
        got = load(os.path.join(where, name))
        assert got.keys() == want.keys(), (name, sorted(got))
        for key, t in want.items():
            assert torch.equal(got[key], t), (name, key)
        if name == "m.pt" or name.endswith(".npz"):
            oracle.archive_agrees(os.path.join(where, name))


def version(where, tensors):
    for name, save, _, _ in KINDS:
        save(os.path.join(where, name), tensors)
    strata(where, "add", ".")
    strata(where, "commit", "-m", "a step")


def rolls_back():
    where = repo("back")
    one, two = weights(1, SHAPES), weights(2, SHAPES)
    version(where, one)
    version(where, two)
    strata(where, "rollback", "v1", "--tensor", "*head.*", "--tensor", "*embed")
    holds(where, {n: (one if "head" in n or n == "embed" else two)[n] for n in SHAPES})
    assert strata(where, "diff", "v1", "HEAD", "--tensor", "*head.*") == b""
    assert strata(where, "diff", "v2", "HEAD", "--tensor", "*layers.*") == b""
    strata(where, "rollback", "v1", "--tensor", "*")
    holds(where, one)
    strata(where, "rollback", "v2", "--tensor", "*")
    holds(where, two)
    strata(where, "fsck", "--full")


def picks_beside_other_changes():
    where = repo("pick")
    one, two = weights(1, SHAPES), weights(2, SHAPES)
    version(where, one)
    version(where, {**one, "head.w": two["head.w"], "head.b": two["head.b"]})
    strata(where, "switch", "-c", "side", "v1")
    version(where, {**one, "embed": two["embed"]})
    strata(where, "cherry-pick", "v2")
    holds(where, {**one, "head.w": two["head.w"], "head.b": two["head.b"], "embed": two["embed"]})
    strata(where, "revert", "v2", "--tensor", "*head.b")
    holds(where, {**one, "head.w": two["head.w"], "embed": two["embed"]})
    strata(where, "fsck", "--full")


def other_members_count():
    """An archive's member that is no tensor is not dropped in silence."""
    where = repo("members")
    path = os.path.join(where, "m.npz")
    for step, names in (("v1", {}), ("v2", {"a": 2.0}), ("v3", {"b": 3.0})):
        if step == "v3":
            strata(where, "switch", "-c", "side", "v1")
        numpy.savez(path, a=numpy.full(64, names.get("a", 1.0)), b=numpy.full(64, names.get("b", 1.0)))
        if step == "v2":
            with oracle.zipfile.ZipFile(path, "a") as z:
                z.writestr("version", "said so")
        strata(where, "add", ".")
        strata(where, "commit", "-m", step)
    strata(where, "cherry-pick", "v2", "--tensor", "a")
    with numpy.load(path) as z:
        assert (z["a"] == 2).all() and (z["b"] == 3).all() and "version" not in z.files
    for verb, rev in (("cherry-pick", "v2"), ("merge", "v2")):
        strata(where, "reset", "--hard", "v3")
        strata(where, verb, rev)
        with numpy.load(path) as z:
            assert (z["a"] == 2).all() and (z["b"] == 3).all() and z["version"] == b"said so"
    strata(where, "reset", "--hard", "v3")
    with oracle.zipfile.ZipFile(path, "a") as z:
        z.writestr("version", "otherwise")
    strata(where, "commit", "-a", "-m", "notes")
    for verb in "cherry-pick", "merge":
        got = run(where, verb, "v2")
        assert got.returncode == 1 and b"m.npz::(metadata)" in got.stdout, got
        strata(where, "resolve", "*", "--theirs")
        strata(where, verb, "--continue")
        with numpy.load(path) as z:
            assert (z["a"] == 2).all() and (z["b"] == 3).all() and z["version"] == b"said so"
        strata(where, "undo")
    strata(where, "fsck", "--full")


def code_counts():
    """What another branch made of a scripted module's code comes with its tensors."""
    where = repo("code")
    path = os.path.join(where, "m.pt")
    source = ("import torch\nclass M(torch.nn.Module):\n  def __init__(s):\n    super().__init__()\n"
              "    s.a = torch.nn.Parameter(torch.full((64,), %.1f))\n"
              "    s.b = torch.nn.Parameter(torch.full((64,), %.1f))\n"
              "  def forward(s, x):\n    return x * s.a %s s.b\n"
              "torch.jit.save(torch.jit.script(M()), %r)\n")
    for step, a, b, op in (("v1", 1, 1, "+"), ("v2", 2, 1, "-"), ("v3", 1, 3, "+")):
        if step == "v3":
            strata(where, "switch", "-c", "side", "v1")
        with open(os.path.join(where, "..", "jit.py"), "w", encoding="utf-8") as f:
            f.write(source % (a, b, op, os.path.abspath(path)))
        subprocess.run([sys.executable, f.name], check=True, stderr=subprocess.DEVNULL)
        strata(where, "add", ".")
        strata(where, "commit", "-m", step)
    strata(where, "merge", "v2")
    m = torch.jit.load(path)
    assert float(m(torch.ones(64))[0]) == 2 - 3, m.code


def pickles_count():
    """What only a pickle says, which parameters are frozen for one, is not dropped in silence."""
    where = repo("pickle")
    path = os.path.join(where, "m.pt")

    def save(a, b, frozen, message):
        torch.save({"a": torch.nn.Parameter(torch.full((64,), a), requires_grad="a" not in frozen),
                    "b": torch.nn.Parameter(torch.full((64,), b), requires_grad="b" not in frozen)}, path)
        strata(where, "add", ".")
        strata(where, "commit", "-m", message)

    save(1.0, 1.0, "", "v1")
    save(1.0, 1.0, "a", "v2")
    strata(where, "switch", "-c", "side", "v1")
    save(1.0, 3.0, "", "v3")
    for verb in "cherry-pick", "merge":
        strata(where, verb, "v2")
        now = torch.load(path, weights_only=True)
        assert not now["a"].requires_grad and now["b"].requires_grad
        assert (now["a"] == 1).all() and (now["b"] == 3).all()
        strata(where, "reset", "--hard", "v3")
    save(1.0, 3.0, "b", "v4")
    got = run(where, "merge", "v2")
    assert got.returncode == 0 and b"what theirs changed in its pickle" in got.stderr, got
    now = torch.load(path, weights_only=True)
    assert now["a"].requires_grad and not now["b"].requires_grad


def tied():
    """Tensors that share memory change together or not at all."""
    where = repo("tied")
    path = os.path.join(where, "m.pt")
    for step in (1, 2):
        w = weights(step, {"e": (20, 4)})["e"]
        torch.save({"embed": w, "head": w, "free": torch.full((5,), float(step))}, path)
        strata(where, "add", ".")
        strata(where, "commit", "-m", "tied")
    got = run(where, "rollback", "v1", "--tensor", "embed")
    assert got.returncode == 7 and b'm.pt: tensor "head" shares' in got.stderr, got.stderr
    assert strata(where, "status", "-s") == b""
    strata(where, "rollback", "v1", "--tensor", "embed", "--tensor", "head")
    now = torch.load(path, weights_only=True)
    one = weights(1, {"e": (20, 4)})["e"]
    assert torch.equal(now["embed"], one) and torch.equal(now["head"], one)
    assert now["embed"].data_ptr() == now["head"].data_ptr()
    assert (now["free"] == 2).all()


def views_and_types():
    """Transposed, sliced and expanded tensors, and types that NumPy lacks."""
    where = repo("views")
    path = os.path.join(where, "m.pt")

    def make(step):
        torch.manual_seed(step)
        return {"t": torch.randn(6, 4).t(), "half": torch.randn(9).to(torch.bfloat16),
                "slice": torch.randn(10, 10)[2:7, ::3], "one": torch.randn(()),
                "none": torch.zeros(0, 3), "flag": torch.rand(7) > 0.5}

    for step in (1, 2):
        torch.save(make(step), path)
        strata(where, "add", ".")
        strata(where, "commit", "-m", "views")
    one, two = make(1), make(2)
    done = {}
    for name in ("t", "slice", "half", "one", "flag"):
        strata(where, "rollback", "v1", "--tensor", name)
        done[name] = one[name]
        now = torch.load(path, weights_only=True)
        for key, t in {**two, **done}.items():
            assert torch.equal(now[key], t) and now[key].stride() == t.stride(), (name, key)
        oracle.archive_agrees(path)


def compressed():
    where = repo("compressed")
    path = os.path.join(where, "m.npz")
    for step in (1, 2):
        numpy.savez_compressed(path, a=numpy.full(100, step), b=numpy.full(100, 7))
        strata(where, "add", ".")
        strata(where, "commit", "-m", "packed")
    got = run(where, "rollback", "v1", "--tensor", "a")
    assert got.returncode == 7 and b"compressed" in got.stderr and b'"a"' in got.stderr, got.stderr
    # The other way the old bytes come out of an archive.
    numpy.savez(path, a=numpy.full(100, 3), b=numpy.full(100, 7))
    strata(where, "commit", "-a", "-m", "plain")
    strata(where, "rollback", "v2", "--tensor", "a")
    with numpy.load(path) as z:
        assert (z["a"] == 2).all() and (z["b"] == 7).all()
    oracle.archive_agrees(path)


TESTS = [rolls_back, picks_beside_other_changes, other_members_count, code_counts,
         pickles_count, tied, views_and_types, compressed]


def main():
    if not oracle.needs("torch", "/usr/bin/python3"):
        oracle.skip_all([t.__name__ for t in TESTS], "no PyTorch: apt-get install python3-torch")
        return 0
    global torch, numpy
    warnings.simplefilter("ignore")
    import numpy
    import torch
    torch.set_num_threads(1)
    return oracle.run_cases([(t.__name__, t) for t in TESTS])


if __name__ == "__main__":
    sys.exit(main())

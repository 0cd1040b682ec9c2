#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's PyTorch writes checkpoints of all kinds, new ones in every run, and reads what strata gives
back or has changed; published packages bring the checkpoints of other people. Every tensor that
PyTorch loads must be one of strata's: name, type, shape, bytes."""
# timeout 300
import collections
import functools
import os
import pickle
import random
import shutil
import sys
import types
import warnings

import oracle
from oracle import lines, packaged, patched, refused, repo, strata, tensors_of

sys.dont_write_bytecode = True
SEED = int(os.environ.get("ST_SEED") or int.from_bytes(os.urandom(4), "little"))


def safetensors(path, tensors):
    """name -> (type, tensor) as a safetensors file, by hand: Debian has no package of it."""
    header, blobs, at = {}, [], 0
    for name, (dtype, t) in tensors.items():
        blobs.append(golden.tensor_bytes(t))
        header[name] = {"dtype": dtype, "shape": list(t.shape),
                        "data_offsets": [at, at + len(blobs[-1])]}
        at += len(blobs[-1])
    text = oracle.json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + b"".join(blobs))


def every_kind():
    where = repo("kinds")
    paths = golden.make_all(where, SEED)
    oracle.through_a_repository(where, {os.path.relpath(p, where): golden.found_in(p) for p in paths})
    for path in paths:  # what was restored loads
        golden.found_in(path)


KEYS = ["weight", "bias", "Z", "with space", "\u5c42", "a/b", "quote\"", "back\\slash", "\u00e9", "0"]
KINDS = ["uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
         "bool", "complex64", "complex128"]


class Chaos:
    """A checkpoint of random shape. Some tensors share storages, in every way that views can."""

    def __init__(self, rng):
        self.rng, self.pool, self.left = rng, [], rng.randrange(1, 60)

    def base(self):
        kind = self.rng.choice(KINDS)
        dtype = getattr(torch, kind)
        n = self.rng.choice([0, 1, 2, 7, 64, 1000, 1000, 5000, 70000])
        if n == 0:
            return torch.empty(0, dtype=dtype)
        if kind == "bool":
            return torch.frombuffer(bytearray(self.rng.choices((0, 1), k=n)), dtype=dtype)
        size = torch.empty(0, dtype=dtype).element_size()
        return torch.frombuffer(bytearray(self.rng.getrandbits(8 * n * size).to_bytes(n * size, "little")),
                                dtype=dtype)

    def view(self, base):
        rng, n = self.rng, base.numel()
        kind = rng.randrange(6)
        if n < 2 or kind < 2:
            return base
        if kind == 2:
            begin = rng.randrange(n)
            return base[begin:rng.randrange(begin, n + 1)]
        if kind == 3:
            return base[::rng.randrange(1, 5)]
        size, stride, room = [], [], n - 1
        offset = rng.randrange(n)
        room -= offset
        for _ in range(rng.randrange(1, 4)):
            step = rng.choice([0, 1, 1, 2, 3, 17])
            most = room // step if step else 3
            count = rng.randrange(0, min(most, 9) + 1) + 1
            size.append(count)
            stride.append(step)
            room -= step * (count - 1)
        return base.as_strided(size, stride, offset)

    def tensor(self):
        if not self.pool or self.rng.random() < 0.6:
            self.pool.append(self.base())
        t = self.view(self.rng.choice(self.pool))
        if t.is_floating_point() and self.rng.random() < 0.2:
            return torch.nn.Parameter(t)
        return t

    def value(self, depth):
        self.left -= 1
        what = self.rng.random()
        if depth > 4 or self.left < 0 or what < 0.55:
            return self.tensor()
        if what < 0.65:
            return self.rng.choice([None, 1, 2.5, "text", True, [1, 2], 1 << 70, b"raw"])
        if what < 0.8:
            return [self.value(depth + 1) for _ in range(self.rng.randrange(4))]
        if what < 0.85:
            return tuple(self.value(depth + 1) for _ in range(self.rng.randrange(4)))
        kind = self.rng.choice([dict, collections.OrderedDict])
        keys = self.rng.sample(KEYS + list(range(20, 24)), self.rng.randrange(1, 8))
        return kind((k, self.value(depth + 1)) for k in keys)


def random_checkpoints():
    where, rng, found = repo("chaos"), random.Random(SEED), {}
    for i in range(60):
        name = "c%02d.pt" % i
        state = {str(k): v for k, v in enumerate(Chaos(rng).value(0) for _ in range(rng.randrange(1, 4)))}
        options = {"pickle_protocol": rng.choice([2, 2, 4, 5])}
        if rng.random() < 0.4:
            options["_use_new_zipfile_serialization"] = False
        torch.save(state, os.path.join(where, name), **options)
        found[name] = golden.found_in(os.path.join(where, name))
    oracle.through_a_repository(where, found)


def larger_than_a_chunk():
    where, rng = repo("large"), torch.Generator().manual_seed(SEED)
    w = torch.randn(1500, 1001, generator=rng)
    state = {"w": w, "t": w.t(), "strided": w[:, ::3], "expanded": w[0].expand(500, 1001),
             "half": torch.randn(700001, generator=rng).half(), "big.t": torch.randn(
                 900, 1100, generator=rng, dtype=torch.float64).t()}
    torch.save(state, os.path.join(where, "large.pt"))
    torch.save(state, os.path.join(where, "legacy.pt"), _use_new_zipfile_serialization=False)
    oracle.through_a_repository(where, {
        n: golden.found_in(os.path.join(where, n)) for n in ("large.pt", "legacy.pt")})


def a_run_of_training():
    """Two checkpoints of one run: the frozen layer is unchanged, and stored once, though the whole
    file moved; by id-keyed optimizer state the second time."""
    where = repo("training")
    torch.manual_seed(SEED)
    net = torch.nn.Sequential(torch.nn.Linear(256, 256), torch.nn.Linear(256, 8))
    net[0].requires_grad_(False)
    opt = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=1e-2)

    def step():
        opt.zero_grad()
        net(torch.randn(4, 256)).pow(2).sum().backward()
        opt.step()

    def write(first, **more):
        packed = opt.state_dict()
        new = {k: first + 4096 * (9 - k) for k in packed["state"]}
        packed["state"] = {new[k]: v for k, v in reversed(list(packed["state"].items()))}
        packed["param_groups"][0]["params"] = [new[k] for k in packed["param_groups"][0]["params"]]
        torch.save(dict(more, model=net.state_dict(), optimizer=packed), os.path.join(where, "run.pt"))
        strata(where, "add", ".")
        return lines(where, "commit", "--json", "-m", "a step")[0]

    step()
    one = write(140000000000000)
    assert one["tensors"]["added"] == 10, one
    step()
    two = write(139000000000000, note="a longer pickle moves every storage" * 9)
    # exp_avg, exp_avg_sq and step of two parameters, and the two parameters
    assert two["tensors"] == {"added": 0, "changed": 8, "removed": 0, "unchanged": 2}, two
    assert two["stored_bytes"] < 0.35 * os.path.getsize(os.path.join(where, "run.pt")), two
    names = set(tensors_of(os.path.join(where, "run.pt")))
    assert "optimizer.state.0.exp_avg" in names and "optimizer.state.1.step" in names, names


def other_containers_are_the_same_objects():
    where = repo("containers")
    torch.manual_seed(SEED)
    state = {"a.weight": torch.randn(200, 300), "a.bias": torch.randn(300)}
    safetensors(os.path.join(where, "m.safetensors"), {n: ("F32", t) for n, t in state.items()})
    strata(where, "add", ".")
    strata(where, "commit", "-m", "safetensors")
    torch.save(state, os.path.join(where, "m.pt"))
    torch.save(state, os.path.join(where, "old.pt"), _use_new_zipfile_serialization=False)
    strata(where, "add", ".")
    two = lines(where, "commit", "--json", "-m", "the same in two more")[0]
    assert two["stored_bytes"] < 20000, two
    stored = oracle.stored_tensors(where, "HEAD")
    assert stored["m.pt"] == stored["old.pt"] == stored["m.safetensors"], stored


def expect_patched(source, values):
    """name -> tensor: the new file loads with these, and every other tensor is what it was."""
    target = source + ".new"
    patched(source, target, {n: golden.tensor_bytes(t) for n, t in values.items()})
    before, after = golden.found_in(source), golden.found_in(target)
    assert before.keys() == after.keys(), source
    for name, what in after.items():
        want = golden.tensor_bytes(values[name]) if name in values else before[name][2]
        assert what == before[name][:2] + (want,), (source, name)
    if oracle.zipfile.is_zipfile(target):
        oracle.archive_agrees(target)


def patched_files_load():
    os.mkdir("patch")
    torch.manual_seed(SEED)
    base = torch.randn(6, 4)
    state = {"w": torch.randn(40, 3), "b": torch.randn(5).half(), "t": torch.randn(4, 6).t(),
             "n": torch.arange(4), "part": base[2:4], "rest": base[4:], "flag": torch.tensor(True)}
    torch.save(state, "patch/zip.pt")
    torch.save(state, "patch/legacy.pt", _use_new_zipfile_serialization=False)
    golden.rezip("patch/zip.pt", "patch/stored.pt", lambda name: oracle.zipfile.ZIP_STORED)
    golden.rezip("patch/zip.pt", "patch/deflated.pt", lambda name: oracle.zipfile.ZIP_DEFLATED)
    new = {"w": torch.randn(40, 3), "t": torch.randn(6, 4), "flag": torch.tensor(False)}
    for name in ("zip", "legacy", "stored"):
        path = "patch/%s.pt" % name
        expect_patched(path, new)
        os.remove(path + ".new")
        expect_patched(path, {"part": torch.randn(2, 4)})  # shares a storage, but no byte
    refused("patch/deflated.pt", "patch/no.pt", {"w": golden.tensor_bytes(new["w"])})
    refused("patch/zip.pt", "patch/no.pt", {"w": b"too short"}, "w")
    refused("patch/zip.pt", "patch/no.pt", {"absent": b""}, "absent")


def patches_do_not_reach_others():
    os.mkdir("alias")
    w = torch.randn(8, 4)
    torch.save({"embed": w, "head": w, "slice": w[2:3], "turned": w.t(), "free": torch.ones(2)},
               "alias/a.pt")
    torch.save({"e": torch.zeros(1).expand(3), "ok": torch.zeros(2)}, "alias/expanded.pt")
    refused("alias/a.pt", "alias/no.pt", {"embed": bytes(128)}, "head")
    refused("alias/a.pt", "alias/no.pt", {"slice": bytes(16)}, "embed")
    expect_patched("alias/a.pt", {"free": torch.zeros(2)})
    refused("alias/expanded.pt", "alias/no.pt", {"e": b"\0\0\0\0\0\0\x80\x3f\0\0\0\0"}, "e")


# --- checkpoints of other people ----------------------------------------------------------------

class StandIn:
    """For classes of packages that are not installed: keeps what it is given."""

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        if isinstance(state, dict):
            self.__dict__.update(state)

    def __reduce__(self):
        return StandIn, ()


class Lenient(pickle.Unpickler):
    def find_class(self, module, name):
        try:
            return super().find_class(module, name)
        except (ImportError, AttributeError):
            return type(name, (StandIn,), {"__module__": "stand_in"})


def memory_that_one_side_shares():
    """A merge keeps tensors in one memory where the side has them so whose tensors they are."""
    where = repo("ties")
    path = os.path.join(where, "m.pt")

    def version(branch, change, *start):
        torch.manual_seed(0)
        t = {"emb": torch.randn(6, 4), "lin": torch.randn(4, 4)}
        t["head"] = t["emb"].clone()
        if start:
            strata(where, "switch", "-q", "-c", branch, *start)
        change(t)
        torch.save(t, path)
        strata(where, "add", "-A")
        strata(where, "commit", "-q", "-m", branch)

    def tie(t):
        t["head"] = t["emb"]

    def merged(ours, theirs, how=None):
        strata(where, "switch", "-q", ours)
        if how:
            assert oracle.run(where, "merge", "-q", theirs).returncode == 1
            assert b"\n  tied " in strata(where, "status")
            strata(where, "resolve", "-q", "*", how)
            strata(where, "merge", "-q", "--continue")
        else:
            strata(where, "merge", "-q", theirs)
        t = torch.load(path)
        strata(where, "merge", "-q", "--replay", "HEAD")
        strata(where, "undo", "-q")
        return (t["emb"].data_ptr() == t["head"].data_ptr(), torch.equal(t["emb"], t["head"]))

    version("main", lambda t: None)
    version("head", lambda t: t["head"].add_(1), "v1")
    version("lin", lambda t: t["lin"].add_(1), "v1")
    version("tied", tie, "v1")
    assert merged("tied", "lin") == (True, True)
    assert merged("lin", "tied") == (True, True)
    assert merged("tied", "head", "--ours") == (True, True)
    assert merged("tied", "head", "--theirs") == (False, False)
    assert merged("head", "tied", "--ours") == (False, False)
    assert merged("head", "tied", "--theirs") == (True, True)


def found_in_script(path):
    """Parameters, buffers, and what else strata names and the module has as an attribute."""
    module, found = torch.jit.load(path, map_location="cpu"), golden.Found()
    for name, t in module.state_dict().items():
        found.tensor(name, t)
    for name in tensors_of(path).keys() - found.keys():
        try:
            t = functools.reduce(getattr, name.split("."), module)
        except AttributeError:
            continue
        if isinstance(t, torch.Tensor):
            found.tensor(name, t)
    return found


def found_leniently(path):
    if oracle.zipfile.is_zipfile(path):
        with oracle.zipfile.ZipFile(path) as z:
            if any(n.endswith("/constants.pkl") for n in z.namelist()):
                return found_in_script(path)
    found = golden.Found()
    # Not torch.load's pickle_module: PyTorch 1.13 takes no notice of it.
    kept, torch.serialization.pickle = torch.serialization.pickle, types.SimpleNamespace(
        **dict(vars(pickle), Unpickler=Lenient))
    try:
        found.walk("", golden.load(path))
    finally:
        torch.serialization.pickle = kept
    return found


def published(*patterns, least):
    """The files of a package, each through a repository; they hold at least so many tensors."""
    paths = [path for pattern in patterns for path in packaged(pattern)]
    where, found = repo("published"), {}
    for path in paths:
        name = os.path.join(os.path.basename(os.path.dirname(path)), os.path.basename(path))
        os.makedirs(os.path.dirname(os.path.join(where, name)), exist_ok=True)
        shutil.copyfile(path, os.path.join(where, name))
        found[name] = found_leniently(path)
    try:
        assert sum(map(len, found.values())) >= least, {n: len(f) for n, f in found.items()}
        oracle.through_a_repository(where, found)
    finally:
        shutil.rmtree(where)
    return found


def lpips():
    published("lpips/weights/*/*.pth", least=30)


def resemblyzer():
    """Step, model and an optimizer keyed by ids of 15 digits; storages of a GPU and of the CPU."""
    found = published("resemblyzer/pretrained.pt", least=40)
    (names,) = [set(f) for f in found.values()]
    assert "optimizer_state.state.0.exp_avg" in names, sorted(names)[:40]


def chgnet():
    """A zip from before the byteorder record; model, optimizer and history of the training."""
    published("chgnet/pretrained/*.pth.tar", least=100)


def silero():
    """TorchScript with deflated code."""
    published("silero_vad/data/silero_vad.jit", least=20)


def pesto():
    """Lightning checkpoints; one has objects of a package that is not there."""
    published("pesto/weights/*.ckpt", least=20)


TESTS = [every_kind, random_checkpoints, larger_than_a_chunk, a_run_of_training,
         other_containers_are_the_same_objects, patched_files_load, patches_do_not_reach_others,
         memory_that_one_side_shares, lpips, resemblyzer, chgnet, silero, pesto]


def main():
    if not oracle.needs("torch", "/usr/bin/python3"):
        oracle.skip_all([t.__name__ for t in TESTS], "no PyTorch: apt-get install python3-torch")
        return 0
    global torch, golden
    warnings.simplefilter("ignore")
    import torch
    torch.set_num_threads(1)
    golden = oracle.module_of("golden_pytorch", "pytorch", "make.py")
    print("# PyTorch %s, ST_SEED=%d" % (torch.__version__, SEED))
    return oracle.run_cases([(t.__name__, t) for t in TESTS])


if __name__ == "__main__":
    sys.exit(main())

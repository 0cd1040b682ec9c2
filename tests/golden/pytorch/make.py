#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the files of tests/golden/pytorch/VERSION with that version of PyTorch itself.

    python3 -m venv VENV && VENV/bin/pip install torch==VERSION numpy
    VENV/bin/python tests/golden/pytorch/make.py tests/golden/pytorch/VERSION [FILE...]

Without a FILE (state_dict.pt) all of them. It runs with any PyTorch from 1.0 on (Debian's 1.13:
/usr/bin/python3) and writes what that version can write. Beside each file lies FILE.expect: every tensor of it as torch.load gives it back, one line
each: BLAKE3 of its row-major little-endian bytes, type, shape, name as JSON; sorted by name. Two
kinds of files nobody writes any more or here: views in legacy files and big-endian archives are put
together as PyTorch's own readers want them, and read by those. b3sum must be there.
Storages of legacy files and of 1.6 are named by their addresses: such a file differs from run to run,
and what is expected of it does not.
"""
import argparse
import collections
import ctypes
import inspect
import io
import json
import os
import pickle
import platform
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile

import numpy
import torch
from torch import nn

VERSION = tuple(int(n) for n in re.findall(r"\d+", torch.__version__)[:2])
ZIP = VERSION >= (1, 6)
NAMES = {
    "bool": "bool", "uint8": "u8", "int8": "i8", "int16": "i16", "uint16": "u16", "float16": "f16",
    "bfloat16": "bf16", "int32": "i32", "uint32": "u32", "float32": "f32", "int64": "i64",
    "uint64": "u64", "float64": "f64", "complex64": "c64", "complex128": "c128",
    "float8_e5m2": "f8_e5m2", "float8_e4m3fn": "f8_e4m3fn", "float8_e4m3fnuz": "f8_e4m3fnuz",
    "float8_e5m2fnuz": "f8_e5m2fnuz", "float8_e8m0fnu": "f8_e8m0", "float4_e2m1fn_x2": "opaque",
    "quint8": "u8", "qint8": "i8", "qint32": "i32", "complex32": "c32",
}
CASES = []


def case(name, since=(1, 0), **options):
    def keep(function):
        if VERSION >= since:
            CASES.append((name, function, options))
        return function
    return keep


# --- what torch.load gives back -----------------------------------------------------------------

def tensor_bytes(t):
    t = t.detach()
    # Lazily conjugated or negated: the bytes are those before, and a note says so.
    if VERSION >= (1, 13) and t.is_conj():
        t = t.conj()
    if VERSION >= (1, 13) and t.is_neg():
        t = torch._neg_view(t)
    t = t.contiguous()
    return ctypes.string_at(t.data_ptr(), t.numel() * t.element_size()) if t.numel() else b""


class Found(collections.OrderedDict):
    """name -> (type, shape, bytes)"""

    def __init__(self):
        super(Found, self).__init__()
        self.open = set()

    def put(self, name, dtype, shape, content):
        key, n = name, 1
        while key in self:
            n += 1
            key = "%s#%d" % (name, n)
        self[key] = (dtype, [int(d) for d in shape], content)

    def dense(self, name, t):
        self.put(name, NAMES[str(t.dtype).split(".")[1]], t.shape, tensor_bytes(t))

    def tensor(self, name, t):
        layout = str(t.layout) if VERSION >= (1, 1) else (
            "torch.sparse_coo" if t.is_sparse else "torch.strided")
        if layout == "torch.sparse_coo":
            self.dense(name + ".indices", t._indices())
            self.dense(name + ".values", t._values())
        elif layout in ("torch.sparse_csr", "torch.sparse_bsr"):
            self.dense(name + ".crow_indices", t.crow_indices())
            self.dense(name + ".col_indices", t.col_indices())
            self.dense(name + ".values", t.values())
        elif layout in ("torch.sparse_csc", "torch.sparse_bsc"):
            self.dense(name + ".ccol_indices", t.ccol_indices())
            self.dense(name + ".row_indices", t.row_indices())
            self.dense(name + ".values", t.values())
        elif getattr(t, "is_quantized", False):
            self.put(name, NAMES[str(t.dtype).split(".")[1]], t.shape, tensor_bytes(t.int_repr()))
            if "channel" in str(t.qscheme()):
                self.dense(name + ".scales", t.q_per_channel_scales())
                self.dense(name + ".zero_points", t.q_per_channel_zero_points())
        else:
            self.dense(name, t)
        if not isinstance(t, nn.Parameter):
            self.walk(name, dict(t.__dict__))

    def array(self, name, a):
        kind = NAMES.get(a.dtype.name, "opaque")
        if a.dtype.hasobject or a.ndim == 0:  # configuration, as every scalar of a pickle
            return
        if kind != "opaque":
            a = a.astype(a.dtype.newbyteorder("<"))
        self.put(name, kind, a.shape, a.tobytes("C"))

    def module(self, name, m):
        dot = name + "." if name else ""
        for part in ("_parameters", "_buffers"):
            for key, t in getattr(m, part).items():
                if t is not None:
                    self.tensor(dot + key, t)
        for key, child in m._modules.items():
            if child is not None:
                self.module(dot + key, child)

    def walk(self, name, value):
        dot = name + "." if name else ""
        if isinstance(value, torch.Tensor):
            self.tensor(name, value)
        elif isinstance(value, numpy.ndarray):
            self.array(name, value)
        elif isinstance(value, nn.Module):
            self.module(name, value)
        elif isinstance(value, dict):
            place = {}
            if set(value) == {"state", "param_groups"}:
                keys = [k for group in value["param_groups"] for k in group["params"]]
                place = dict(zip(keys, range(len(keys))))
            for key, item in value.items():
                if key == "state" and place:
                    for k, held in item.items():
                        self.walk("%sstate.%d" % (dot, place[k]), held)
                else:
                    self.walk(dot + str(key), item)
        elif isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                self.walk("%s%d" % (dot, i), item)
        elif hasattr(value, "__slots__") or type(value).__module__ in (
                __name__, "argparse", "stand_in"):
            if id(value) not in self.open:  # a circle is not entered twice
                self.open.add(id(value))
                for key in getattr(value, "__slots__", None) or vars(value):
                    self.walk(dot + key, getattr(value, key))
                self.open.remove(id(value))


def load(path):
    if VERSION >= (2, 4):
        return torch.load(path, map_location="cpu", weights_only=False)
    return torch.load(path, map_location="cpu")


def found_in(path):
    found = Found()
    if path.endswith(".ts"):
        # Not load(): what a script module holds is named as its attributes are.
        m = torch.jit.load(path)
        for name, t in m.state_dict().items():
            found.tensor(name, t)
    else:
        value = load(path)
        found.walk("tensor" if isinstance(value, torch.Tensor) else "", value)
    return found


def write_expect(paths):
    with tempfile.TemporaryDirectory() as scratch:
        rows, contents = [], []
        for path in paths:
            for name, (dtype, shape, content) in found_in(path).items():
                rows.append((path, name, dtype, shape))
                contents.append(os.path.join(scratch, "%06d" % len(contents)))
                with open(contents[-1], "wb") as f:
                    f.write(content)
        ids = subprocess.run(["b3sum", "--no-names"] + contents, check=True,
                             stdout=subprocess.PIPE).stdout.decode().split()
    texts = {path: [] for path in paths}
    for (path, name, dtype, shape), digest in zip(rows, ids):
        texts[path].append((name, "%s %s [%s] %s\n" % (
            digest, dtype, ",".join(map(str, shape)), json.dumps(name, ensure_ascii=False))))
    for path, lines in texts.items():
        with open(path + ".expect", "w", encoding="utf-8") as f:
            f.write("".join(line for _, line in sorted(lines)))


# --- what is saved ------------------------------------------------------------------------------

def small_net():
    return nn.Sequential(collections.OrderedDict([
        ("conv", nn.Conv2d(1, 2, 3)), ("norm", nn.BatchNorm2d(2)), ("act", nn.ReLU()),
        ("head", nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2, bias=False)))]))


class Options:
    """A class of one's own, as a script that trains has it: attributes by name."""

    def __init__(self):
        self.rate, self.names, self.flag = 1e-3, ["a", "b"], True
        self.mean = torch.tensor([0.5, 0.25])


class Slotted:
    __slots__ = ("width", "table")

    def __init__(self):
        self.width, self.table = 7, torch.arange(7)


class Tied(nn.Module):
    def __init__(self):
        super(Tied, self).__init__()
        self.embed = nn.Embedding(5, 3)
        self.decode = nn.Linear(3, 5, bias=False)
        self.decode.weight = self.embed.weight
        self.blocks = nn.ModuleList([nn.Linear(3, 3), nn.LayerNorm(3)])
        self.register_buffer("mask", torch.ones(2, 2))
        self.register_buffer("nothing", None)
        self.register_parameter("absent", None)


class Affine(nn.Module):
    def __init__(self):
        super(Affine, self).__init__()
        self.weight = nn.Parameter(torch.randn(4, 3))
        self.bias = nn.Parameter(torch.randn(4))

    def forward(self, x):
        return x @ self.weight.t() + self.bias


class Scripted(nn.Module):
    def __init__(self):
        super(Scripted, self).__init__()
        self.inner = Affine()
        self.tied = self.inner.weight
        self.register_buffer("steps", torch.tensor([1, 2, 3]))

    def forward(self, x):
        y = self.inner(x)
        if bool(y.sum() > 0):
            y = y + 1
        return y


@case("state_dict")
@case("state_dict_legacy", since=(1, 6), legacy=True)
@case("state_dict_protocol1", pickle_protocol=1)
@case("state_dict_protocol4", pickle_protocol=4)
@case("state_dict_protocol5", since=(1, 13), pickle_protocol=5)
@case("state_dict_no_crc", since=(2, 6), no_crc=True)
@case("state_dict.with.dots-\u00e9")
def state_dict():
    return small_net().state_dict()


@case("nested")
@case("nested_legacy", since=(1, 6), legacy=True)
def nested():
    return {
        "epoch": 3, "loss": [0.5, float("inf"), float("nan")], "name": "run \u00e9 \u5c42", "none": None,
        "big": 1 << 90, "flag": True, "raw": b"\x00\xff", "set": {1, 2}, "shape": torch.Size([2, 3]),
        "device": torch.device("cpu"), "dtype": torch.float16, "text": "line\nbreak \"quote\"",
        "model": collections.OrderedDict([("layer.0.weight", torch.randn(3, 2)),
                                          ("layer.0.bias", torch.randn(3))]),
        "list": [torch.zeros(2), [torch.ones(1), {"deep": torch.full((2, 2), 3.0)}]],
        "tuple": (torch.arange(3), "x", torch.arange(4)),
        "counts": collections.defaultdict(int, a=1),
        "by_number": {0: torch.tensor([7]), 10: torch.tensor([8]), -1: torch.tensor([9])},
        "": torch.tensor([1.5]), "naive/\u5c42": torch.tensor([2.5]),
    }


@case("equal_names", since=(1, 6))
def equal_names():
    return {"a.b": torch.tensor([1.0, 2.0]), "a": {"b": torch.tensor([3.0])}}


@case("bare_tensor")
def bare_tensor():
    return torch.arange(6.0).reshape(2, 3)


@case("aligned_512", since=(2, 7), alignment=512)
@case("list_of_tensors")
def list_of_tensors():
    return [torch.arange(6.0), torch.arange(3)]


@case("objects")
@case("objects_protocol4", pickle_protocol=4)
def objects():
    return {"options": Options(), "slots": Slotted(),
            "args": argparse.Namespace(lr=0.1, table=torch.tensor([1, 2]), deep={"k": torch.ones(2)})}


@case("views")
@case("views_legacy", since=(1, 6), legacy=True)
def views():
    base = torch.arange(60.0).reshape(3, 4, 5)
    one, line = torch.randn(1), torch.arange(12)
    shared = torch.randn(4, 4)
    return {
        "base": base, "slice": base[1], "overlap": base.view(-1)[10:50], "step": base[:, ::2, 1::3],
        "transposed": base.transpose(0, 2), "permuted": base.permute(1, 2, 0),
        "tied": shared, "tied_again": shared, "tied_transposed": shared.t(),
        "expanded": one.expand(3, 4), "expanded_row": base[0, 0].expand(2, 5),
        "windows": line.unfold(0, 4, 2), "last": line[-1], "none_of_it": line[5:5],
        "clone_of_slice": base[2].clone(), "hole": torch.arange(100.0)[40:44],
        "diagonal": shared.diagonal(),
    }


def every_dtype(legacy=False):
    """All types that this PyTorch can write in this form, and read again."""
    values = torch.tensor([[0, 1, 1], [0, 1, 0]]) if VERSION < (1, 6) else torch.arange(6).view(2, 3)
    out = collections.OrderedDict()
    for kind in NAMES:
        if re.search("q|complex32|x2", kind) or not hasattr(torch, kind):
            continue
        try:
            wide = values.float() if "float" in kind else values
            t = wide.to(getattr(torch, kind))
            b = io.BytesIO()
            save({"t": t}, b, legacy=legacy)
            b.seek(0)
            load(b)
        except (KeyError, RuntimeError, AttributeError):
            continue
        out["t." + kind] = t
    return out


@case("dtypes")
def dtypes():
    return every_dtype()


@case("dtypes_legacy", since=(1, 6), legacy=True)
def dtypes_legacy():
    return every_dtype(legacy=True)


@case("odd_dtypes", since=(2, 2))
def odd_dtypes():
    out = {"after": torch.ones(1)}
    if VERSION >= (2, 2):
        out["half_complex"] = torch.tensor([1 + 2j, 3 - 4j]).to(torch.complex32)
    if VERSION >= (2, 8):
        pairs = torch.arange(6, dtype=torch.uint8).reshape(2, 3)
        out["pairs"] = pairs.view(torch.float4_e2m1fn_x2)
    return out


@case("conjugated", since=(1, 13))
def conjugated():
    z = torch.tensor([[1 + 2j, 3 - 4j], [5 + 0.5j, -1j]])
    return {"z": z, "conj": z.conj(), "adjoint": z.mH, "plain": z.conj() * 1}


@case("negated", since=(1, 13))
def negated():
    return {"imag": torch.tensor([1 + 2j, 3 - 4j]).conj().imag}


@case("shapes", since=(1, 6))  # 1.0 cannot read back its own empty tensors
@case("shapes_legacy", since=(1, 6), legacy=True)
def shapes():
    return {"scalar": torch.tensor(2.5), "empty": torch.zeros(0), "between": torch.zeros(3, 0, 7),
            "ones": torch.ones((1,) * 9), "int_scalar": torch.tensor(-3), "after": torch.ones(2)}


@case("empty_dict")
def empty_dict():
    return {}


@case("parameters")
def parameters():
    frozen = nn.Parameter(torch.randn(2), requires_grad=False)
    return {"w": nn.Parameter(torch.randn(2, 2)), "frozen": frozen,
            "leaf": torch.randn(3, requires_grad=True), "list": [nn.Parameter(torch.zeros(1))]}


@case("attributes", since=(1, 13))
def attributes():
    t = torch.arange(4.0)
    t.tag, t.companion = "kept", torch.tensor([9, 8])
    return {"w": t, "after": torch.zeros(1)}


@case("module")
@case("module_legacy", since=(1, 6), legacy=True)
def module():
    return small_net()


@case("module_tied")
def module_tied():
    return {"net": Tied(), "epoch": 1}


@case("sparse", since=(1, 6))
@case("sparse_legacy", since=(1, 13), legacy=True)
def sparse():
    i = torch.tensor([[0, 1, 1], [2, 0, 2]])
    out = {"coo": torch.sparse_coo_tensor(i, torch.tensor([3.0, 4.0, 5.0]), (2, 4)),
           "coalesced": torch.sparse_coo_tensor(i, torch.tensor([1.0, 2.0, 3.0]), (2, 3)).coalesce(),
           "hybrid": torch.sparse_coo_tensor(i[:1], torch.randn(3, 2), (2, 2)),
           "dense": torch.ones(2)}
    if VERSION >= (1, 13):
        d = torch.tensor([[0, 1.0, 0, 0], [2.0, 0, 0, 3.0]])
        out.update(csr=d.to_sparse_csr())
    if VERSION >= (2, 1):
        out.update(csc=d.to_sparse_csc(), bsr=d.to_sparse_bsr((1, 2)), bsc=d.to_sparse_bsc((2, 1)))
    return out


@case("quantised", since=(1, 6))
@case("quantised_legacy", since=(1, 6), legacy=True)
def quantised():
    x = torch.arange(-6.0, 6.0).reshape(3, 4)
    scales, zeros = torch.tensor([0.1, 0.2, 0.4]), torch.tensor([0, 1, 2])
    return {
        "quint8": torch.quantize_per_tensor(x, 0.1, 64, torch.quint8),
        "qint8": torch.quantize_per_tensor(x, 0.25, 0, torch.qint8),
        "qint32": torch.quantize_per_tensor(x, 0.001, 0, torch.qint32),
        "channels": torch.quantize_per_channel(x, scales.double(), zeros, 0, torch.qint8),
        "transposed": torch.quantize_per_tensor(x, 0.5, 0, torch.qint8).t(),
    }


def train(make, steps=2, groups=False):
    net = small_net()
    frozen = next(net.parameters())
    frozen.requires_grad_(False)
    some = [p for p in net.parameters() if p.dim() > 1]
    rest = [p for p in net.parameters() if p.dim() <= 1]
    opt = make([{"params": rest, "weight_decay": 0.0}, {"params": some}] if groups else net.parameters())
    for _ in range(steps):
        opt.zero_grad()
        x = net.act(net.norm(net.conv(torch.randn(4, 1, 4, 4)))).reshape(4, 2, -1)
        net.head(x).sum().backward()
        opt.step()
    return net, opt


@case("optimizer_adam")
@case("optimizer_adam_legacy", since=(1, 6), legacy=True)
def optimizer_adam():
    net, opt = train(lambda p: torch.optim.Adam(p, lr=1e-3, amsgrad=True))
    return {"step": 2, "model_state": net.state_dict(), "optimizer_state": opt.state_dict()}


@case("optimizer_by_id")
def optimizer_by_id():
    """As PyTorch before 1.5 wrote them: the keys are id() of the parameters, in no order."""
    net, opt = train(lambda p: torch.optim.Adam(p, lr=1e-3), groups=True)
    packed = opt.state_dict()
    count = sum(len(g["params"]) for g in packed["param_groups"])
    olds = [k for g in packed["param_groups"] for k in g["params"]]
    new = {k: 140000000000000 + 7919 * (i * 13 % count) for i, k in enumerate(olds)}
    for group in packed["param_groups"]:
        group["params"] = [new[k] for k in group["params"]]
    packed["state"] = {new[k]: v for k, v in sorted(packed["state"].items(), key=lambda kv: new[kv[0]])}
    return {"model": net.state_dict(), "optimizer": packed}


@case("optimizer_adamw", since=(1, 6))
def optimizer_adamw():
    net, opt = train(lambda p: torch.optim.AdamW(p, lr=1e-3), groups=True)
    return {"model": net.state_dict(), "optimizer": opt.state_dict()}


@case("optimizer_sgd")
def optimizer_sgd():
    net, opt = train(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True))
    plan = torch.optim.lr_scheduler.StepLR(opt, 2)
    return {"model": net.state_dict(), "optimizer": opt.state_dict(), "plan": plan.state_dict()}


@case("optimizer_bare")
def optimizer_bare():
    """optimizer.pt of the Hugging Face Trainer: the state dict itself."""
    return train(lambda p: torch.optim.Adam(p, lr=1e-3))[1].state_dict()


@case("optimizer_tensor_rate", since=(2, 1))
def optimizer_tensor_rate():
    net, opt = train(lambda p: torch.optim.AdamW(p, lr=torch.tensor(1e-3)))
    return {"optimizer": opt.state_dict()}


def rng_states():
    random.seed(1)
    numpy.random.seed(1)
    return {"python": random.getstate(), "numpy": numpy.random.get_state(),
            "cpu": torch.get_rng_state()}


@case("rng_state.pth")
def rng_state():
    return rng_states()


@case("lightning.ckpt", since=(1, 6))
def lightning():
    net, opt = train(lambda p: torch.optim.Adam(p, lr=1e-3))
    return {
        "epoch": 1, "global_step": 2, "pytorch-lightning_version": "2.1.0",
        "state_dict": collections.OrderedDict(("net." + k, v) for k, v in net.state_dict().items()),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 2}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'val_loss', 'mode': 'min'}": {
            "monitor": "val_loss", "best_model_score": torch.tensor(0.25),
            "best_k_models": {"runs/e=1.ckpt": torch.tensor(0.25)}, "kth_value": torch.tensor(0.25)}},
        "optimizer_states": [opt.state_dict()],
        "lr_schedulers": [torch.optim.lr_scheduler.StepLR(opt, 1).state_dict()],
        "NativeMixedPrecisionPlugin": {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 0},
        "hparams_name": "kwargs", "hyper_parameters": {"lr": 1e-3, "widths": [4, 3, 2]},
    }


@case("scheduler.pt")
def scheduler():
    opt = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    return torch.optim.lr_scheduler.CosineAnnealingLR(opt, 10).state_dict()


@case("training_args.bin")
def training_args():
    """The Trainer pickles an object of its own here: no tensor in it."""
    return argparse.Namespace(output_dir="out", learning_rate=5e-5, seed=42, fp16=False, steps=None)


def arrays():
    a = numpy.arange(6, dtype="float32").reshape(2, 3)
    return {
        "f4": a, "fortran": numpy.asfortranarray(a), "big": a.astype(">f4"), "half": a.astype("f2"),
        "bool": a > 2, "u2": a.astype("u2"), "i8": a.astype("i8"), "c16": a.astype("c16"),
        "scalar": numpy.array(3.5), "empty": numpy.zeros((0, 2)), "text": numpy.array(["ab", "c"]),
        "structured": numpy.array([(1, 2.5), (3, 4.5)], dtype=[("n", "<i4"), ("x", "<f8")]),
        "slice": a[:, 1:], "inside": [numpy.arange(3), {"k": numpy.arange(2, dtype="u1")}],
    }


@case("numpy_arrays")
@case("numpy_arrays_legacy", since=(1, 6), legacy=True)
@case("numpy_arrays_protocol4", pickle_protocol=4)
@case("numpy_arrays_protocol5", since=(1, 13), pickle_protocol=5)
def numpy_arrays():
    return {"arrays": arrays(), "tensor": torch.ones(2)}


@case("numpy_objects")
def numpy_objects():
    """Scalars and arrays of objects are no tensors."""
    return {"loss": numpy.float64(0.25), "n": numpy.int64(7), "dtype": numpy.dtype("<f4"),
            "things": numpy.array([{"a": 1}, None], dtype=object), "w": torch.zeros(1)}


# --- containers that need hands -----------------------------------------------------------------

def save_scripted(out):
    paths = [os.path.join(out, n) for n in ("scripted.ts", "frozen.ts")]
    script = torch.jit.script(Scripted())
    script.save(paths[0])
    if VERSION < (1, 13):
        return paths[:1]
    torch.jit.freeze(script.eval()).save(paths[1])  # all its tensors become constants of the code
    return paths


def rezip(source, target, method):
    """As someone does who unpacks an archive and packs it again: no padding, a time of day."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            entry = zipfile.ZipInfo(info.filename, (2024, 2, 29, 12, 0, 0))
            entry.compress_type = method(info.filename)
            new.writestr(entry, old.read(info))


def save_rezipped(out):
    plain = os.path.join(out, "state_dict.pt")
    kinds = {
        "repacked.pt": lambda name: zipfile.ZIP_STORED,
        "deflated.pt": lambda name: zipfile.ZIP_DEFLATED,
        "deflated_pickle.pt": lambda name: (
            zipfile.ZIP_DEFLATED if name.endswith("data.pkl") else zipfile.ZIP_STORED),
        "deflated_some.pt": lambda name: (
            zipfile.ZIP_DEFLATED if name.endswith(("/0", "/4")) else zipfile.ZIP_STORED),
    }
    paths = []
    for name, method in kinds.items():
        paths.append(os.path.join(out, name))
        rezip(plain, paths[-1], method)
    return paths


def save_big_endian(out):
    """A torch.save archive of a big-endian machine: storages swapped, byteorder says so."""
    source, target = os.path.join(out, "dtypes_wide.pt"), os.path.join(out, "big_endian.pt")
    state = {"f32": torch.arange(6.0).reshape(2, 3), "i64": torch.arange(-2, 3), "u8": torch.arange(
        5, dtype=torch.uint8), "f16": torch.arange(3.0).half(), "bf16": torch.arange(3.0).bfloat16(),
        "f64": torch.tensor(2.5, dtype=torch.float64), "c64": torch.tensor([1 + 2j, 3 - 4j]),
        "view": torch.arange(12.0).reshape(3, 4).t()}
    torch.save(state, source)
    width = [4, 8, 1, 2, 2, 8, 4, 4]  # of what is swapped, by storage key
    with zipfile.ZipFile(source) as old:
        records = [(i.filename.split("/", 1)[1], old.read(i)) for i in old.infolist()]
    writer = torch._C.PyTorchFileWriter(target)
    for name, content in records:
        if name == "byteorder":
            content = b"big"
        elif name.startswith("data/"):
            w = width[int(name[5:])]
            content = b"".join(content[i:i + w][::-1] for i in range(0, len(content), w))
        if name not in ("version", ".data/serialization_id"):
            writer.write_record(name, content, len(content))
    writer.write_end_of_file()
    os.remove(source)
    # What PyTorch makes of it is held against what went in.
    for name, t in load(target).items():
        assert tensor_bytes(t) == tensor_bytes(state[name]), name
    return [target]


def save_legacy_views(out):
    """A legacy file whose persistent ids have view metadata, as PyTorch 0.1 to 0.3 wrote them."""
    path = os.path.join(out, "legacy_view_metadata.pt")
    base = torch.arange(10.0)
    root = base.storage()

    class View:
        def __init__(self, key, offset, size):
            self.metadata = (key, offset, size)

    class Call:
        def __init__(self, view, offset, size, stride):
            self.args = (view, offset, size, stride)

        def __reduce__(self):
            return torch._utils._rebuild_tensor, self.args

    class Pickler(pickle._Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, View):
                return ("storage", torch.FloatStorage, "4711", "cpu", len(root), thing.metadata)
            return None

    whole = Call(View(None, 0, 10), 0, (2, 5), (5, 1))
    whole.args[0].metadata = None
    tail = Call(View("4712", 6, 4), 1, (3,), (1,))
    with open(path, "wb") as f:
        for head in (0x1950a86a20f9469cfc6c, 1001, {
                "protocol_version": 1001, "little_endian": True,
                "type_sizes": {"short": 2, "int": 4, "long": 4}}):
            pickle.dump(head, f, protocol=2)
        Pickler(f, protocol=2).dump(collections.OrderedDict([("whole", whole), ("tail", tail)]))
        pickle.dump(["4711"], f, protocol=2)
        f.write(struct.pack("<q", 10) + tensor_bytes(base))
    got = load(path)
    assert got["tail"].tolist() == [7.0, 8.0, 9.0] and got["whole"].tolist()[1][0] == 5.0
    return [path]


def save_sharded(out):
    """pytorch_model.bin in two shards with its index, as the Hugging Face libraries write it."""
    where = os.path.join(out, "sharded")
    os.makedirs(where, exist_ok=True)
    state = collections.OrderedDict(("layer.%d.weight" % i, torch.randn(4, 4)) for i in range(5))
    state["head.weight"] = state["layer.0.weight"].t()
    names = list(state)
    index = {"metadata": {"total_size": 6 * 64}, "weight_map": {}}
    paths = []
    for i, part in enumerate((names[:3], names[3:])):
        shard = "pytorch_model-%05d-of-00002.bin" % (i + 1)
        paths.append(os.path.join(where, shard))
        torch.save({n: state[n] for n in part}, paths[-1])
        index["weight_map"].update((n, shard) for n in part)
    with open(os.path.join(where, "pytorch_model.bin.index.json"), "w") as f:
        f.write(json.dumps(index, indent=2, sort_keys=True) + "\n")
    return paths


def save(value, path, legacy=False, no_crc=False, alignment=None, **options):
    if ZIP:
        options["_use_new_zipfile_serialization"] = not legacy
    if no_crc:
        torch.serialization.set_crc32_options(False)
    if alignment:
        from torch.utils.serialization import config
        config.save.storage_alignment = alignment
    torch.save(value, path, **options)
    if no_crc:
        torch.serialization.set_crc32_options(True)
    if alignment:
        config.save.storage_alignment = 64


def name_sources():
    """Legacy files hold the source of every module class, scripts its place: ours hold neither
    PyTorch's code nor a path of this machine."""
    def lines(thing, *_):
        return ["class %s: pass\n" % thing.__name__], 1, "model.py"
    if VERSION >= (1, 6):
        torch.serialization.get_source_lines_and_file = lines
        inspect.getsourcefile = lambda thing, find=inspect.getsourcefile: (
            os.path.basename(find(thing)) if find(thing) == __file__ else find(thing))
        os.chdir(os.path.dirname(os.path.abspath(__file__)))
    else:
        inspect.getsource = lambda thing: lines(thing)[0][0]
        inspect.getsourcefile = lambda thing: lines(thing)[2]


def make_all(out, seed=20240229):
    paths = []
    for name, function, options in sorted(CASES, key=lambda c: c[0]):
        if not re.search(r"\.(pth|pt|bin|ckpt)$", name):
            name += ".pt"
        paths.append(os.path.join(out, name))
        torch.manual_seed(seed)
        save(function(), paths[-1], **options)
    torch.manual_seed(seed)
    if ZIP:
        paths += save_scripted(out) + save_rezipped(out) + save_sharded(out)
    if VERSION >= (2, 1):
        paths += save_big_endian(out)
    paths += save_legacy_views(out)
    return paths


def main():
    out, wanted = os.path.abspath(sys.argv[1]), sys.argv[2:]
    os.makedirs(out, exist_ok=True)
    name_sources()
    with tempfile.TemporaryDirectory() as scratch:
        paths = [path for path in make_all(scratch)
                 if not wanted or os.path.relpath(path, scratch).split(os.sep)[0] in wanted]
        write_expect(paths)
        index = os.path.join(scratch, "sharded", "pytorch_model.bin.index.json")
        for path in paths + [path + ".expect" for path in paths] + [index]:
            target = os.path.join(out, os.path.relpath(path, scratch))
            if os.path.exists(path) and (path != index or not wanted or "sharded" in wanted):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copyfile(path, target)
    with open(os.path.join(out, "versions.txt"), "w") as f:
        f.write("python %s\ntorch %s\nnumpy %s\nfiles %s\n" % (
            platform.python_version(), torch.__version__, numpy.__version__,
            " ".join(wanted) or "all"))


if __name__ == "__main__":
    main()

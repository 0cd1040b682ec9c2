#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the files in tests/golden/safetensors with the safetensors package itself.

    /usr/bin/python3 -m venv --system-site-packages VENV    # Debian's python3-torch and python3-numpy
    VENV/bin/pip install safetensors huggingface_hub
    VENV/bin/python tests/golden/make_safetensors.py tests/golden/safetensors

Beside each file lies a .layout: what the file holds, as the package reads it back, one line for each
tensor: offset, bytes, type, shape, name as JSON. Types that neither NumPy nor this PyTorch has go
through safetensors.serialize, which takes bytes. Two metadata keys come out in random order: a file
with them differs from run to run, and its layout does not.
"""
import ctypes
import json
import pathlib
import platform
import struct
import sys

import huggingface_hub
import numpy
import safetensors
import torch
from huggingface_hub import save_torch_state_dict
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import save_file as save_torch

# strata's names; the sizes are bits.
NAMES = {
    "BOOL": ("bool", 8), "F4": ("f4_e2m1", 4), "F6_E2M3": ("f6_e2m3", 6), "F6_E3M2": ("f6_e3m2", 6),
    "U8": ("u8", 8), "I8": ("i8", 8), "F8_E5M2": ("f8_e5m2", 8), "F8_E4M3": ("f8_e4m3fn", 8),
    "F8_E8M0": ("f8_e8m0", 8), "F8_E4M3FNUZ": ("f8_e4m3fnuz", 8), "F8_E5M2FNUZ": ("f8_e5m2fnuz", 8),
    "I16": ("i16", 16), "U16": ("u16", 16), "F16": ("f16", 16), "BF16": ("bf16", 16),
    "I32": ("i32", 32), "U32": ("u32", 32), "F32": ("f32", 32), "C64": ("c64", 64),
    "F64": ("f64", 64), "I64": ("i64", 64), "U64": ("u64", 64),
}


def read_back(path):
    """name -> (type, shape, bytes), by the package."""
    return {name: (v["dtype"], v["shape"], bytes(v["data"]))
            for name, v in safetensors.deserialize(path.read_bytes())}


def write_layout(path):
    """Types, shapes and bytes as the package reads them; offsets from the header, held against them."""
    data = path.read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    tensors = read_back(path)
    assert tensors.keys() == header.keys() - {"__metadata__"}
    lines = []
    for name, (dtype, shape, content) in tensors.items():
        begin, end = header[name]["data_offsets"]
        assert data[start + begin:start + end] == content
        lines.append((start + begin, end - begin, name.encode(), "%d %d %s [%s] %s\n" % (
            start + begin, end - begin, NAMES[dtype][0], ",".join(map(str, shape)),
            json.dumps(name, ensure_ascii=False))))
    text = "".join(line for _, _, _, line in sorted(lines))
    metadata = header.get("__metadata__")
    if metadata is not None:
        text += "metadata " + json.dumps({"metadata": metadata}, ensure_ascii=False, sort_keys=True,
                                         separators=(",", ":")) + "\n"
    path.with_suffix(".layout").write_text(text)


# Some versions of safetensors name types like NumPy and PyTorch do, others as in the file.
SPELLINGS = {
    "BOOL": "bool", "F4": "float4_e2m1fn_x2", "F8_E5M2": "float8_e5m2", "F8_E4M3": "float8_e4m3fn",
    "F8_E8M0": "float8_e8m0fnu", "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "BF16": "bfloat16", "C64": "complex64",
}


def save_bytes(path, tensors):
    """name -> (type, shape, bytes); for F4 the shape of the pairs."""
    keep, specs = [], {}
    for name, (dtype, shape, content) in tensors.items():
        buffer = ctypes.create_string_buffer(content, len(content))
        keep.append(buffer)
        specs[name] = safetensors.TensorSpec(dtype=SPELLINGS[dtype], shape=shape,
                                             data_ptr=ctypes.addressof(buffer), data_len=len(content))
    safetensors.serialize_file(specs, str(path))


def make_dtypes(out):
    rng = numpy.random.default_rng(20240229)
    kinds = ["bool", "uint8", "int8", "int16", "uint16", "float16", "int32", "uint32", "float32",
             "complex64", "float64", "int64", "uint64"]
    arrays = {"tensor." + k: rng.integers(0, 2 if k == "bool" else 100, (3, 5)).astype(k) for k in kinds}
    save_numpy(arrays, out / "numpy.safetensors")
    torch.manual_seed(20240229)
    save_torch({
        "layer.0.weight": torch.randn(4, 6).to(torch.bfloat16),
        "layer.0.bias": torch.randn(6).to(torch.float16),
        "layer.0.scale": torch.tensor(0.5, dtype=torch.float32),
        "layer.0.mask": torch.tensor([True, False, True]),
        "step": torch.tensor(1000, dtype=torch.int64),
    }, out / "torch.safetensors", metadata={"format": "pt"})
    save_bytes(out / "small_floats.safetensors", {
        "e4m3": ("F8_E4M3", [2, 3], bytes(range(6))), "e5m2": ("F8_E5M2", [5], bytes(range(5))),
        "e8m0": ("F8_E8M0", [1], b"\x7f"), "e4m3fnuz": ("F8_E4M3FNUZ", [3], b"abc"),
        "e5m2fnuz": ("F8_E5M2FNUZ", [2, 1], b"de"), "e2m1": ("F4", [3, 4], bytes(range(12))),
        "bf16": ("BF16", [2], b"\x80\x3f\x00\x40")})


def make_shapes(out):
    save_numpy({
        "": numpy.float32([1, 2]),
        "scalar": numpy.array(2.5),
        "empty": numpy.zeros((0,), "float32"),
        "empty.between": numpy.zeros((3, 0, 7), "float16"),
        "ones": numpy.ones((1,) * 12, "int8"),
        "naïve/层.0/重み 🦔": numpy.arange(4, dtype="int32"),
        "quote\" backslash\\ newline\n tab\t nul\0 bell\a": numpy.arange(3, dtype="uint8"),
    }, out / "shapes.safetensors")
    save_numpy({}, out / "nothing.safetensors")
    save_numpy({"w": numpy.arange(6, dtype="float32").reshape(2, 3)}, out / "metadata.safetensors",
               metadata={"format": "np", "author": "Zoë \"Z\"", "": "empty key", "b\n": "\u0001",
                         "größe": "2", "note": "a/b"})


def make_sharded(out):
    out.mkdir(exist_ok=True)
    torch.manual_seed(7)
    state = {"model.layers.%d.%s" % (i, n): torch.randn(16, 16 if n == "weight" else 1)
             for i in range(6) for n in ("weight", "bias")}
    save_torch_state_dict(state, out, max_shard_size=3000)


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    make_dtypes(out)
    make_shapes(out)
    make_sharded(out / "sharded")
    for path in sorted(out.rglob("*.safetensors")):
        path.chmod(0o644)
        write_layout(path)
    (out / "versions.txt").write_text("".join("%s %s\n" % pair for pair in (
        ("python", platform.python_version()), ("safetensors", safetensors.__version__),
        ("huggingface_hub", huggingface_hub.__version__), ("numpy", numpy.__version__),
        ("torch", torch.__version__))))


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tensors of a safetensors file as PyTorch itself saves them: make_pt.py IN.safetensors OUT.pt

Runs under Debian's python3, which Debian's python3-torch belongs to. Tensors are views of the mapped
file, so that 2 GiB need no 2 GiB of memory besides.
"""
import json
import mmap
import sys

import torch

DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}

with open(sys.argv[1], "rb") as f:
    data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY)
n = int.from_bytes(data[:8], "little")
state = {}
for name, t in json.loads(data[8 : 8 + n]).items():
    if name == "__metadata__":
        continue
    begin, end = t["data_offsets"]
    dtype = DTYPES[t["dtype"]]
    count = (end - begin) // torch.empty(0, dtype=dtype).element_size()
    flat = torch.frombuffer(data, dtype=dtype, count=count, offset=8 + n + begin)
    # A storage of its own: frombuffer's starts at the first element and is no larger.
    state[name] = flat.reshape(t["shape"])
torch.save(state, sys.argv[2])

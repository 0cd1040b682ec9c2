#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PyPI's mergekit on Debian's PyTorch: mergekit_run.py RECIPE OUT [RECIPE OUT ...]

mergekit asks for a newer torch than Debian has, of which it needs only names of types that these merges
have not. They are given here. It also asks transformers which weights are tied, which takes a newer
torch; none of those that are merged here are. Its slerp makes float32 of tensors, but takes arrays as they
are: tensors of float64 go to it as arrays. Everything that computes is as published.
"""
import os
import sys

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
import torch

for name in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"):
    if not hasattr(torch, name):
        setattr(torch, name, torch.float16)
for name in ("uint16", "uint32", "uint64"):
    if not hasattr(torch, name):
        setattr(torch, name, torch.int64)

import mergekit.architecture.auto
import mergekit.merge_methods.slerp
import yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.options import MergeOptions

mergekit.architecture.auto.get_transformers_info = lambda *_: (set(), [], set())

published = mergekit.merge_methods.slerp.slerp


def slerp(t, a, b):
    if a.dtype != torch.float64:
        return published(t, a, b)
    return torch.from_numpy(published(t, a.numpy(), b.numpy()))


mergekit.merge_methods.slerp.slerp = slerp


def main():
    for recipe, out in zip(sys.argv[1::2], sys.argv[2::2]):
        with open(recipe, encoding="utf-8") as f:
            config = MergeConfiguration.model_validate(yaml.safe_load(f))
        run_merge(config, out, MergeOptions(copy_tokenizer=False, quiet=True, write_model_card=False))


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1] == "--check":
        print("mergekit runs")
    else:
        main()

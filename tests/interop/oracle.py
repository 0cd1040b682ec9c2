# SPDX-License-Identifier: Apache-2.0
"""What the tests of this folder share: strata as a command, what it says of tensors, cases as TAP."""
import glob
import importlib.util
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.environ.get("ST_SRC") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("ST_BUILD") or os.path.join(SRC, "build")
STRATA = os.environ.get("STRATA") or os.path.join(BUILD, "strata")
VENV = os.environ.get("ST_PYTHON") or os.path.join(BUILD, "venv", "bin", "python3")
# TorchScript: the constants of its code have names that only the code knows.
CONSTANTS = ("constants.", "CONSTANTS.")
GOLDEN = os.path.join(SRC, "tests", "golden")


class Skip(Exception):
    pass


def run(where, *args):
    return subprocess.run([STRATA] + list(args), cwd=where, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def strata(where, *args):
    got = run(where, *args)
    if got.returncode != 0:
        raise AssertionError("strata %s: status %d: %s" % (
            " ".join(args)[:200], got.returncode, got.stderr.decode(errors="replace")[:1000]))
    return got.stdout


def lines(where, *args):
    return [json.loads(line) for line in strata(where, *args).splitlines()]


def repo(name):
    os.makedirs(name)
    strata(name, "init")
    return os.path.abspath(name)


def empty(where):
    for name in os.listdir(where):
        path = os.path.join(where, name)
        if name != ".strata":
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)


def tensors_of(path):
    """name -> (type, shape, id) of a file outside any repository, as ls and hash say."""
    where = os.path.dirname(path)
    rows = {r["name"]: r for r in lines(where, "ls", "--tensors", "--json", path)}
    ids = {r["name"]: r["id"] for r in lines(where, "hash", "--tensors", "--json", path)}
    assert rows.keys() == ids.keys(), "ls and hash name different tensors"
    return {n: (r["dtype"], r["shape"], ids[n]) for n, r in rows.items()}


def stored_tensors(where, spec):
    """path -> name -> (type, shape, id) as a version has them."""
    found = {}
    for r in lines(where, "ls", "--tensors", "--json", spec):
        found.setdefault(r["path"], {})[r["name"]] = (r["dtype"], r["shape"], r["id"])
    return found


def differences(want, got, extra=()):
    """Every difference, one line each; names that begin with one of extra may come on top."""
    said = []
    for name in sorted(want.keys() | got.keys()):
        if name not in got:
            said.append("%r is missing: %s %s" % ((name,) + want[name][:2]))
        elif name not in want:
            if not name.startswith(tuple(extra)):
                said.append("%r is not in the file: %s %s" % ((name,) + got[name][:2]))
        elif want[name] != got[name]:
            said.append("%r: want %s %s %.12s, got %s %s %.12s" % ((name,) + want[name] + got[name]))
    return said


def same(want, got, what="", extra=()):
    said = differences(want, got, extra)
    if said:
        raise AssertionError("\n".join([what] + said[:12]))


def read_expect(path):
    want = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            digest, dtype, shape, name = line.rstrip("\n").split(" ", 3)
            want[json.loads(name)] = (dtype, json.loads(shape), digest)
    return want


def blake3(contents):
    """One id for each bytes object, by b3sum."""
    if not shutil.which("b3sum"):
        raise Skip("no b3sum on this machine")
    with tempfile.TemporaryDirectory() as scratch:
        paths = [os.path.join(scratch, "%06d" % i) for i in range(len(contents))]
        for path, content in zip(paths, contents):
            with open(path, "wb") as f:
                f.write(content)
        ids = []
        for i in range(0, len(paths), 500):
            ids += subprocess.run(["b3sum", "--no-names"] + paths[i:i + 500], check=True,
                                  stdout=subprocess.PIPE).stdout.decode().split()
        return ids


def packaged(pattern):
    """Files of the packages that tools/make-venv installed; they are only read, never imported."""
    root = os.path.dirname(os.path.dirname(VENV))
    found = sorted(glob.glob(os.path.join(root, "lib", "python3*", "site-packages", pattern)))
    if not found:
        raise Skip("no %s: the package is not installed" % pattern)
    return found


def same_bytes(a, b):
    with open(a, "rb") as f, open(b, "rb") as g:
        return f.read() == g.read()


def run_cases(cases):
    """Each case: (name, function, argument...). Skip, or what a function returns, is why not."""
    scratch = tempfile.mkdtemp(prefix="strata-interop.")
    os.chdir(scratch)
    failed = 0
    try:
        for i, (name, function, *args) in enumerate(cases, 1):
            begin = time.monotonic()
            try:
                why = function(*args)
            except Skip as skip:
                why = str(skip)
            except Exception as e:
                failed += 1
                print("not ok %d - %s" % (i, name))
                text = str(e) if isinstance(e, AssertionError) and str(e) else traceback.format_exc()
                print("".join("# %s\n" % line for line in text.split("\n")[-40:]), end="")
                continue
            finally:
                sys.stdout.flush()
            print("ok %d - %s%s" % (i, name, " # SKIP " + why if why else ""))
            if time.monotonic() - begin > 10:
                print("# took %.1f s" % (time.monotonic() - begin))
        print("1..%d" % len(cases))
    finally:
        os.chdir("/")
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


def skip_all(names, why):
    for i, name in enumerate(names, 1):
        print("ok %d - %s # SKIP %s" % (i, name, why))
    print("1..%d" % len(names))


def needs(module, *pythons):
    """Goes on in the first of these interpreters that has the module, if this one has it not."""
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec(%r) is None)" % module
    if importlib.util.find_spec(module):
        return True
    if not os.environ.get("ST_ORACLE"):
        for python in pythons:
            if os.access(python, os.X_OK) and subprocess.run(
                    [python, "-c", look], stderr=subprocess.DEVNULL).returncode == 0:
                os.execve(python, [python] + sys.argv, dict(os.environ, ST_ORACLE="1"))
    return False


def module_of(name, *path):
    """A script of tests/golden as a module."""
    spec = importlib.util.spec_from_file_location(name, os.path.join(GOLDEN, *path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def with_ids(found):
    """path -> name -> (type, shape, bytes) becomes path -> name -> (type, shape, id)."""
    flat = [(path, name) + what for path, names in found.items() for name, what in names.items()]
    ids = blake3([content for _, _, _, _, content in flat])
    out = {path: {} for path in found}
    for (path, name, dtype, shape, _), digest in zip(flat, ids):
        out[path][name] = (dtype, shape, digest)
    return out


def through_a_repository(where, found):
    """Commits what lies there, tells how strata's tensors differ from those that others found, and
    sees that every file comes back as it was."""
    strata(where, "add", ".")
    strata(where, "commit", "-m", "as written")
    stored = stored_tensors(where, "HEAD")
    said = []
    for path, want in with_ids(found).items():
        said += ["%s: %s" % (path, d) for d in differences(
            want, stored.get(path, {}), CONSTANTS if path.endswith((".ts", ".jit")) else ())]
    kept = where + ".kept"
    shutil.copytree(where, kept, ignore=shutil.ignore_patterns(".strata"))
    empty(where)
    strata(where, "restore", ".")
    said += ["%s came back with other bytes" % path for path in found
             if not same_bytes(os.path.join(where, path), os.path.join(kept, path))]
    shutil.rmtree(kept)
    if said:
        raise AssertionError("\n".join(said[:40]))


def archive_agrees(path):
    """Checksums and sizes of every member: directory, local header, data descriptor and data."""
    with open(path, "rb") as f:
        raw = f.read()
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None, (path, z.testzip())
        for info in z.infolist():
            at = info.header_offset
            flags, crc = struct.unpack_from("<H6xI", raw, at + 6)
            data = at + 30 + sum(struct.unpack_from("<HH", raw, at + 26))
            behind = data + info.compress_size
            if info.compress_type == zipfile.ZIP_STORED:
                assert zlib.crc32(raw[data:behind]) == info.CRC, (path, info.filename)
            if flags & 8:
                mark = raw[behind:behind + 4] == b"PK\x07\x08"
                crc = struct.unpack_from("<I", raw, behind + (4 if mark else 0))[0]
            assert crc == info.CRC, (path, info.filename, "local header or descriptor")


def patch(source, target, values):
    """strata debug-patch with name -> bytes; its completed process."""
    args = []
    for i, (name, content) in enumerate(values.items()):
        with open("%s.value%d" % (target, i), "wb") as f:
            f.write(content)
        args.append("%s=%s.value%d" % (name, target, i))
    return run(".", "debug-patch", source, *args, "-o", target)


def patched(source, target, values):
    got = patch(source, target, values)
    assert got.returncode == 0, (source, list(values), got.stderr.decode())
    assert os.path.getsize(source) == os.path.getsize(target), source


def refused(source, target, values, *words):
    got = patch(source, target, values)
    said = got.stderr.decode()
    assert got.returncode not in (0, 99) and got.returncode > 0, (source, list(values))
    assert not os.path.exists(target), "a refused patch left a file"
    for word in words:
        assert word in said, (word, said)

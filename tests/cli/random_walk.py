#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the random tests share: walks that are drawn from a seed, cut down where a rule breaks.

Each choice of a walk is drawn from the seed and a name of its own, so that leaving one out changes
no other. A walk that breaks a rule is made over with fewer choices as long as it breaks the same
one; the commands that are left are printed, and kept as a shell script beside the repository.

    random_NAME.py [--seed N] [--runs N] [--seconds S] [--cut S] [--keep DIR]

Without arguments the seeds are always the same ones. ST_SEED and ST_SECONDS stand for --seed and
--seconds.
"""
import argparse
import collections
import json
import os
import random
import shlex
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.environ.get("ST_SRC") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("ST_BUILD") or os.path.join(SRC, "build")
STRATA = os.environ.get("STRATA") or os.path.join(BUILD, "strata")
DOCUMENTED = frozenset((0, 1, 2, 3, 4, 5, 6, 7, 8, 10))  # 9 is a bug in strata

Done = collections.namedtuple("Done", "status out err")


class Broken(Exception):
    """A rule that does not hold, and what shows it."""

    def __init__(self, rule, *shown):
        super().__init__(rule, *shown)
        self.rule, self.shown = rule, shown


def octal(data):
    """Bytes as printf's format in single quotes."""
    plain = {10: "\\n", 37: "%%", 39: "'\\''", 92: "\\\\"}
    return "'%s'" % "".join(plain.get(b) or (chr(b) if 32 <= b < 127 else "\\%03o" % b)
                            for b in data)


def entry(path):
    """What lies at a path: its bytes and whether it may run, a link's target, or None."""
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(mode):
        return "link", os.readlink(path)
    if not stat.S_ISREG(mode):
        return None
    with open(path, "rb") as f:
        return "runs" if mode & 0o100 else "file", f.read()


def tree(top):
    """What lies below a directory, by path, the repository's own files aside."""
    found = {}
    for where, dirs, names in os.walk(top):
        dirs[:] = [d for d in dirs if d != ".strata"]
        links = [d for d in dirs if os.path.islink(os.path.join(where, d))]
        for name in names + links:
            full = os.path.join(where, name)
            found[os.path.relpath(full, top)] = entry(full)
    return found


def model_parts(data):
    """The tensors of a safetensors file, by name: type, shape and bytes; and its metadata."""
    size = 8 + struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:size])
    parts = {"(metadata)": head.pop("__metadata__", None)}
    for name, t in head.items():
        begin, end = t["data_offsets"]
        parts[name] = (t["dtype"], t["shape"], data[size + begin:size + end])
    return parts


def brief(value):
    text = repr(value)
    return text if len(text) <= 300 else text[:200] + " ... " + text[-80:]


def differing(a, b):
    return sorted(p for p in a.keys() | b.keys() if a.get(p) != b.get(p))


class Walk:
    """One repository in top/repo, the choices made for it, and the commands that made it."""

    def __init__(self, seed, top, left_out=()):
        self.seed, self.top, self.left_out = seed, top, frozenset(left_out)
        self.repo = os.path.join(top, "repo")
        self.script, self.taken = [], []
        self.statuses = collections.Counter()
        os.makedirs(self.repo)
        self.env = dict(os.environ, HOME=top, STRATA_AUTHOR="Ada Tester <ada@example.org>",
                        GIT_CONFIG_GLOBAL="/dev/null", GIT_CEILING_DIRECTORIES=top, TZ="UTC",
                        PATH=os.pathsep.join((os.path.dirname(STRATA),
                                              os.path.join(BUILD, "tests"), os.environ["PATH"])))

    def draw(self, name):
        return random.Random("%s/%s" % (self.seed, name))

    def may(self, share, name):
        """Whether a choice is made; what it is comes from draw() of the same name."""
        if name in self.left_out or self.draw(name + "?").random() >= share:
            return False
        self.taken.append(name)
        return True

    def check(self, holds, rule, *shown):
        if not holds:
            raise Broken(rule, *shown)

    def same(self, got, want, rule):
        """Both are what lies at some paths."""
        for path in differing(got, want):
            raise Broken(rule, path, "is " + brief(got.get(path)),
                         "should be " + brief(want.get(path)))

    def at(self, path):
        return entry(os.path.join(self.repo, path))

    def tree(self):
        return tree(self.repo)

    def command(self, argv):
        try:
            done = subprocess.run(argv, cwd=self.repo, env=self.env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        except subprocess.TimeoutExpired:
            raise Broken("a command ends", *argv) from None
        return Done(done.returncode, done.stdout, done.stderr.decode(errors="replace"))

    def sh(self, line):
        """Something that is no command of strata's, and works."""
        self.script.append(line)
        done = self.command(["sh", "-ec", line])
        assert done.status == 0, (line, done)

    def write(self, path, data):
        self.sh("printf %s >%s" % (octal(data), path))

    def strata(self, *args, ends=(0,), noted=True):
        """A command of strata's that ends with one of these statuses."""
        done = self.command([STRATA, *args])
        self.statuses[args[0], done.status] += 1
        if noted or done.status not in ends:
            self.script.append(shlex.join(("strata",) + args) +
                               ("  # exit %d" % done.status if done.status else ""))
        self.check(done.status in ends, "%s ends with %s, not with %s" %
                   (args[0], done.status, " or ".join(map(str, ends))),
                   shlex.join(args), done.out[-2000:].decode(errors="replace"), done.err[-2000:])
        return done

    def lines(self, *args, ends=(0,)):
        """The objects that a command prints that only asks, one JSON object a line."""
        return [json.loads(line)
                for line in self.strata(*args, ends=ends, noted=False).out.splitlines()]

    def version(self, rev):
        """The files of a version."""
        out = os.path.join(self.top, "out")
        shutil.rmtree(out, ignore_errors=True)
        self.strata("checkout", "-q", rev, "--to", "../out")
        return tree(out)


def attempt(walk_one, seed, left_out=()):
    """A walk, and how it broke a rule or None."""
    walk = Walk(seed, tempfile.mkdtemp(prefix="walk."), left_out)
    try:
        walk_one(walk)
        return walk, None
    except Broken as why:
        return walk, why
    except Exception as what:  # of the test itself, with a seed that shows it too
        return walk, Broken("the test can follow: %s" % type(what).__name__,
                            traceback.format_exc())


def cut_down(walk_one, walk, why, seconds):
    """The walk with as few choices as still break the rule, or as few as this time allows."""
    end = time.monotonic() + seconds
    left_out, size = set(), max(1, len(walk.taken) // 2)
    while True:
        at, cut = 0, False
        while at < len(walk.taken) and time.monotonic() < end:
            fewer = left_out.union(walk.taken[at:at + size])
            other, again = attempt(walk_one, walk.seed, fewer)
            if again and again.rule == why.rule:
                shutil.rmtree(walk.top)
                walk, why, left_out, cut = other, again, fewer, True
            else:
                shutil.rmtree(other.top)
                at += size
        if time.monotonic() >= end or (size == 1 and not cut):
            return walk, why
        size = max(1, size // 2)


def report(walk, why, keep):
    """Says what does not hold and how to see it, and keeps the repository."""
    kept = os.path.join(keep, "%s-%d" % (os.path.basename(sys.argv[0])[:-3], walk.seed))
    shutil.rmtree(kept, ignore_errors=True)
    shutil.move(walk.top, kept)
    with open(os.path.join(kept, "commands.sh"), "w") as f:
        f.write("\n".join(["# in a new directory; strata and mkmodel of the build are in PATH"] +
                          walk.script) + "\n")
    print("seed %d: does not hold: %s" % (walk.seed, why.rule))
    for more in why.shown:
        print("    " + str(more).rstrip("\n").replace("\n", "\n    "))
    print("the commands, of %d choices that it takes:" % len(walk.taken))
    for line in walk.script:
        print("    " + line)
    print("kept: " + kept)
    print("again: python3 %s --seed %d" % (sys.argv[0], walk.seed), flush=True)


def arguments(first, runs):
    seed, seconds = os.environ.get("ST_SEED"), os.environ.get("ST_SECONDS")
    ap = argparse.ArgumentParser(description="Makes random walks and holds them against rules.")
    ap.add_argument("--seed", type=int, default=int(seed) if seed else None, help="the first one")
    ap.add_argument("--runs", type=int, help="how many seeds")
    ap.add_argument("--seconds", type=float, default=float(seconds) if seconds else None,
                    help="as many seeds as this takes")
    logs = os.path.join(BUILD, "test-log")
    ap.add_argument("--cut", type=float, default=60, help="seconds for making a failure small")
    ap.add_argument("--keep", default=logs if os.path.isdir(logs) else tempfile.gettempdir(),
                    help="where the folder of a walk that failed is kept")
    args = ap.parse_args()
    args.fixed = args.seed is None and args.runs is None and args.seconds is None
    if args.runs is None:
        args.runs = runs if args.seed is None else 1
    if args.seconds is not None:
        args.runs = sys.maxsize
    args.seed = first if args.seed is None else args.seed
    return args


def main(walk_one, first, runs, met):
    """Walks from `first` on; those of the fixed seeds must have met these commands' statuses."""
    args = arguments(first, runs)
    end = time.monotonic() + (args.seconds or sys.maxsize)
    statuses, seed, failed = collections.Counter(), args.seed, 0
    while seed < args.seed + args.runs and time.monotonic() < end and failed < 5:
        walk, why = attempt(walk_one, seed)
        statuses += walk.statuses
        if why:
            failed += 1
            report(*cut_down(walk_one, walk, why, args.cut), args.keep)
        else:
            shutil.rmtree(walk.top)
        seed += 1
    print("%d walks from seed %d, %d failed" % (seed - args.seed, args.seed, failed))
    print("statuses: " + ", ".join("%s %d: %d" % (*key, n) for key, n in sorted(statuses.items())))
    missed = [m for m in met if m not in statuses] if args.fixed else []
    for verb, status in missed:
        print("never happened: %s with status %d" % (verb, status))
    return 1 if failed or missed else 0

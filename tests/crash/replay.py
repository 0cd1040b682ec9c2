#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replays a recorded command into every state that a kill or a power cut could have left.

  replay.py record --recorder LIB --root DIR --work W [--expect RC] -- COMMAND...
      Runs COMMAND with its changes below DIR recorded (recorder.c). W, which must not exist yet,
      gets the tree before (W/before), the log and a description of the tree after.
  replay.py run --work W [--max N] [--every N] [--jobs J] [--keep DIR] [--seed S] -- CHECK...
      Writes each state into a directory of its own and runs CHECK with {} replaced by it. CHECK
      must exit 0. The environment says which state it is: CRASH_PREFIX (calls done),
      CRASH_VARIANT, CRASH_CALL (the last call done), CRASH_DONE (1 when the command had finished,
      so what it acknowledged must be there).
  replay.py list --work W
      The recorded calls, and how many states each kind gives.

After each call k these variants are made; equal states are checked once.

  kill        the process was killed: calls 1..k happened, nothing is lost
  kill-torn   killed within write k: half of it happened
  power-none  power cut: only what fsync or fdatasync made durable, of data and of names
  power-names every name operation happened, data that was not synced is gone
  power-torn  as power-names, all unsynced data there, but of each file's last write only half
  power-zero  as power-names, but files have their new length: unsynced growth reads as zeros
  power-last  as power-names, of each file only the last unsynced write arrived, not those before
  power-data  all data arrived, names that were not synced did not
  power-name1 of the unsynced name operations only the last (and what it builds on) happened, and
              no unsynced data

The model is stricter than most file systems and as strict as POSIX: fsync of a file does not make
its name durable, only fsync of the directory does. A rename between directories is one operation,
durable as soon as either directory is synced. Modes take effect at once. Not modelled: time stamps,
owners, extended attributes, and sectors of one write arriving out of order.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import random
import shutil
import stat
import struct
import subprocess
import sys
import tempfile

HEADER = struct.Struct("=IIQQQQQIIQ")
MAGIC = 0x52435453
(CREATE, MKDIR, SYMLINK, LINK, UNLINK, RMDIR, RENAME, WRITE, TRUNCATE, ZERO, ZERO_KEEP, FSYNC,
 SYNC, CHMOD, UNSUPPORTED) = range(1, 16)
NAMES = ("", "create", "mkdir", "symlink", "link", "unlink", "rmdir", "rename", "write", "truncate",
         "zero", "zero-keep", "fsync", "sync", "chmod", "unsupported")
RENAME_EXCHANGE = 2
DATA_OPS = (WRITE, TRUNCATE, ZERO, ZERO_KEEP)
VARIANTS = {  # variant: (which names, which data)
    "kill": ("now", "cur"),
    "power-none": ("dur", "dur"),
    "power-names": ("now", "dur"),
    "power-torn": ("now", "torn"),
    "power-zero": ("now", "zero"),
    "power-last": ("now", "last"),
    "power-data": ("dur", "cur"),
    "power-name1": ("one", "dur"),
}


class Bad(Exception):
    """The recording cannot be trusted or the command line is wrong."""


class Call:
    __slots__ = ("op", "ino", "dir", "dir2", "a", "b", "name", "name2", "data", "text")


def read_log(path):
    with open(path, "rb") as f:
        blob = f.read()
    pos, calls = 0, []
    while pos < len(blob):
        if len(blob) - pos < HEADER.size:
            raise Bad("log ends within a record at byte %d" % pos)
        magic, op, ino, d, d2, a, b, n1, n2, n3 = HEADER.unpack_from(blob, pos)
        if magic != MAGIC or not 1 <= op <= UNSUPPORTED:
            raise Bad("no record at byte %d of the log" % pos)
        pos += HEADER.size
        c = Call()
        c.op, c.ino, c.dir, c.dir2, c.a, c.b = op, ino, d, d2, a, b
        c.name, c.name2 = blob[pos:pos + n1], blob[pos + n1:pos + n1 + n2]
        c.data = blob[pos + n1 + n2:pos + n1 + n2 + n3]
        c.text = NAMES[op]
        pos += n1 + n2 + n3
        calls.append(c)
    return calls


def apply_data(buf, c, half=False):
    """Applies one data call to a bytearray."""
    if c.op == WRITE:
        data = c.data[:len(c.data) // 2] if half else c.data
        if len(buf) < c.a and data:
            buf.extend(bytes(c.a - len(buf)))
        buf[c.a:c.a + len(data)] = data
    elif c.op == TRUNCATE:
        if c.a < len(buf):
            del buf[c.a:]
        else:
            buf.extend(bytes(c.a - len(buf)))
    else:
        end = c.a + c.b
        if c.op == ZERO and end > len(buf):
            buf.extend(bytes(end - len(buf)))
        end = min(end, len(buf))
        if c.a < end:
            buf[c.a:end] = bytes(end - c.a)


class File:
    def __init__(self, mode, data=b""):
        self.mode = mode
        self.cur = bytearray(data)
        self.dur = bytes(data)
        self.pend = []
        self.blobs = {}

    def write(self, c):
        apply_data(self.cur, c)
        self.pend.append(c)
        self.blobs = {}

    def sync(self):
        if self.pend:
            self.dur, self.pend, self.blobs = bytes(self.cur), [], {}

    def bytes_of(self, which):
        if which == "cur" or not self.pend:
            return bytes(self.cur)
        if which == "dur":
            return self.dur
        if which == "zero":
            return self.dur + bytes(max(0, len(self.cur) - len(self.dur)))
        buf = bytearray(self.dur)
        for c in self.pend[:-1] if which == "torn" else ():
            apply_data(buf, c)
        apply_data(buf, self.pend[-1], half=which == "torn")
        return bytes(buf)

    def blob(self, store, which):
        """The content as a key of store."""
        which = which if self.pend else "cur"
        if which not in self.blobs:
            self.blobs[which] = store.put(self.bytes_of(which))
        return self.blobs[which]


class Link:
    def __init__(self, target):
        self.target = target


class Dir:
    def __init__(self, mode):
        self.mode = mode
        self.now, self.dur = {}, {}


class Store:
    def __init__(self):
        self.blobs = {}

    def put(self, data):
        key = hashlib.sha256(data).digest()
        self.blobs.setdefault(key, data)
        return key


def apply_edits(edits, entries):
    """edits: (dir, name, object or None, object that must be there to be removed)."""
    for d, name, new, old in edits:
        names = entries(d)
        if new is not None:
            names[name] = new
        elif names.get(name) is old:
            del names[name]


class Tree:
    """What is there now, and what of it is durable."""

    def __init__(self, before, inodes):
        self.by_ino = {}
        self.pend = []          # name operations not durable yet: lists of edits
        self.root = self.scan(os.fsencode(before), b"", inodes)

    def scan(self, top, rel, inodes):
        path = os.path.join(top, rel) if rel else top
        st = os.lstat(path)
        ino = inodes[os.fsdecode(rel)]
        if ino in self.by_ino:
            return self.by_ino[ino]
        if stat.S_ISDIR(st.st_mode):
            obj = Dir(stat.S_IMODE(st.st_mode))
            for name in sorted(os.listdir(path)):
                obj.now[name] = self.scan(top, os.path.join(rel, name) if rel else name, inodes)
            obj.dur = dict(obj.now)
        elif stat.S_ISLNK(st.st_mode):
            obj = Link(os.readlink(path))
        else:
            with open(path, "rb") as f:
                obj = File(stat.S_IMODE(st.st_mode), f.read())
        self.by_ino[ino] = obj
        return obj

    def get(self, ino, kind, c):
        obj = self.by_ino.get(ino)
        if not isinstance(obj, kind):
            raise Bad("%s of inode %d, which no recorded call made" % (c.text, ino))
        return obj

    def edits_of(self, c):
        """The edits of a name call; registers what it makes."""
        d = self.get(c.dir, Dir, c) if c.dir else None
        if c.op in (CREATE, MKDIR, SYMLINK):
            obj = File(c.a) if c.op == CREATE else Dir(c.a) if c.op == MKDIR else Link(c.data)
            self.by_ino[c.ino] = obj
            return [(d, c.name, obj, None)] if d else []
        obj = self.get(c.ino, (File, Link, Dir), c)
        if c.op == LINK:
            return [(d, c.name, obj, None)]
        if c.op in (UNLINK, RMDIR):
            return [(d, c.name, None, obj)]
        d2 = self.get(c.dir2, Dir, c)
        other = d2.now.get(c.name2)
        if other is obj:        # two names of one file: rename does nothing
            return []
        if c.a & RENAME_EXCHANGE:
            return [(d, c.name, other, None), (d2, c.name2, obj, None)]
        return [(d2, c.name2, obj, None), (d, c.name, None, obj)]

    def apply(self, c):
        if c.op in DATA_OPS:
            self.get(c.ino, File, c).write(c)
        elif c.op == FSYNC:
            obj = self.get(c.ino, (File, Dir), c)
            if isinstance(obj, File):
                obj.sync()
            else:
                self.sync_dir(obj)
        elif c.op == SYNC:
            for obj in self.by_ino.values():
                if isinstance(obj, File):
                    obj.sync()
            self.commit([True] * len(self.pend))
        elif c.op == CHMOD:
            self.get(c.ino, (File, Dir), c).mode = c.a
        else:
            edits = self.edits_of(c)
            apply_edits(edits, lambda d: d.now)
            if edits:
                self.pend.append(edits)

    def needed(self, wanted):
        """Which pending operations go with those wanted: earlier ones on the same names."""
        pairs, take = set(), [False] * len(self.pend)
        for i in range(len(self.pend) - 1, -1, -1):
            mine = {(id(d), name) for d, name, _, _ in self.pend[i]}
            if wanted(i) or mine & pairs:
                take[i] = True
                pairs |= mine
        return take

    def commit(self, take):
        for i, edits in enumerate(self.pend):
            if take[i]:
                apply_edits(edits, lambda d: d.dur)
        self.pend = [e for i, e in enumerate(self.pend) if not take[i]]

    def sync_dir(self, d):
        self.commit(self.needed(lambda i: any(e[0] is d for e in self.pend[i])))

    def names(self, which):
        """A function from a directory to its entries."""
        if which == "now":
            return lambda d: d.now
        if which == "dur" or not self.pend:
            return lambda d: d.dur
        copies = {}
        last = len(self.pend) - 1
        take = self.needed(lambda i: i == last)
        for i, edits in enumerate(self.pend):
            if take[i]:
                apply_edits(edits, lambda d: copies.setdefault(id(d), dict(d.dur)))
        return lambda d: copies.get(id(d), d.dur)

    def listing(self, store, names, data, special=None):
        """The whole tree as a tuple; special: (file, blob) that replaces one content."""
        entries, out = self.names(names), []

        def walk(d, rel):
            for name, obj in sorted(entries(d).items(), key=lambda e: e[0]):
                path = rel + name
                if isinstance(obj, Dir):
                    out.append((path, "d", obj.mode, b""))
                    walk(obj, path + b"/")
                elif isinstance(obj, Link):
                    out.append((path, "l", 0, obj.target))
                elif special and special[0] is obj:
                    out.append((path, "f", obj.mode, special[1]))
                else:
                    out.append((path, "f", obj.mode, obj.blob(store, data)))

        walk(self.root, b"")
        return tuple(out)

    def path_of(self, obj):
        def walk(d, rel):
            for name, o in d.now.items():
                if o is obj:
                    return rel + name
                found = walk(o, rel + name + b"/") if isinstance(o, Dir) else None
                if found:
                    return found
            return None

        return b"." if obj is self.root else walk(self.root, b"") or b"(no name)"

    def describe(self, c):
        """For a call about to be applied."""
        if c.op == SYNC:
            return "sync"
        if c.op in DATA_OPS or c.op in (FSYNC, CHMOD):
            path = self.path_of(self.by_ino.get(c.ino))
            extra = {WRITE: " %d bytes at %d" % (len(c.data), c.a), TRUNCATE: " to %d" % c.a}
            return "%s %s%s" % (c.text, show(path), extra.get(c.op, ""))
        d = self.path_of(self.by_ino.get(c.dir)) + b"/" + c.name
        if c.op == RENAME:
            return "rename %s -> %s" % (
                show(d), show(self.path_of(self.by_ino.get(c.dir2)) + b"/" + c.name2))
        return "%s %s" % (c.text, show(d))


def show(path):
    return path[2:].decode("utf-8", "backslashreplace") if path.startswith(b"./") else \
        path.decode("utf-8", "backslashreplace")


class State:
    __slots__ = ("k", "variant", "call", "done", "tree")


def states_of(work, every=1):
    """All different states of a recording, in order, and the store of their contents."""
    with open(os.path.join(work, "record.json")) as f:
        info = json.load(f)
    tree = Tree(os.path.join(work, "before"), info["inodes"])
    calls, store, found = read_log(os.path.join(work, "log")), Store(), {}

    def note(k, variant, call, listing):
        s = found.get(listing)
        if s is None:
            s = found[listing] = State()
            s.k, s.variant, s.call, s.done, s.tree = k, variant, call, False, listing
        if k == len(calls) and variant != "kill-torn" and not s.done:
            s.k, s.variant, s.call, s.done = k, variant, call, True

    for k in range(len(calls) + 1):
        call, chosen = "(nothing yet)", k % every == 0 or k == len(calls)
        if k:
            c = calls[k - 1]
            call = tree.describe(c)
            if c.op == WRITE and chosen and len(c.data) > 1:
                f = tree.get(c.ino, File, c)
                half = bytearray(f.cur)
                apply_data(half, c, half=True)
                note(k, "kill-torn", call,
                     tree.listing(store, "now", "cur", (f, store.put(bytes(half)))))
            tree.apply(c)
        if chosen:
            for variant, (names, data) in VARIANTS.items():
                note(k, variant, call, tree.listing(store, names, data))
    return info, calls, store, sorted(found.values(), key=lambda s: s.k), \
        tree.listing(store, "now", "cur")


def thin(states, most, seed):
    """At most `most` states, evenly spread; the finished ones always."""
    if not most or len(states) <= most:
        return states
    always = [s for s in states if s.done]
    rest = [s for s in states if not s.done]
    n = max(0, most - len(always))
    # One at random from each of n equal stretches: a fixed stride could miss one variant always.
    rng = random.Random(seed)
    picked = [rest[int((i + rng.random()) * len(rest) / n)] for i in range(n)]
    return picked + always


def materialise(state, store, top):
    os.mkdir(top)
    modes = []
    for path, kind, mode, what in state.tree:
        full = os.path.join(os.fsencode(top), path)
        if kind == "d":
            os.mkdir(full)
            modes.append((full, mode))
        elif kind == "l":
            os.symlink(what, full)
        else:
            with open(full, "wb") as f:
                f.write(store.blobs[what])
            os.chmod(full, mode)
    for full, mode in reversed(modes):
        os.chmod(full, mode)


def walk_tree(top):
    """(relative path, lstat) of everything, the top first as ''."""
    yield "", os.lstat(top)
    for base, dirs, files in os.walk(top):
        rel = os.path.relpath(base, top)
        for name in dirs + files:
            yield os.path.normpath(os.path.join(rel, name)), os.lstat(os.path.join(base, name))


def digest_tree(top):
    """What the replay must end in; content of SQLite's rebuilt -shm files does not count."""
    out = {}
    for rel, st in walk_tree(top):
        full = os.path.join(top, rel)
        if rel == "":
            continue
        if stat.S_ISDIR(st.st_mode):
            out[rel] = "d"
        elif stat.S_ISLNK(st.st_mode):
            out[rel] = "l " + os.readlink(full)
        elif not stat.S_ISREG(st.st_mode):
            out[rel] = "other"
        elif rel.endswith("-shm"):
            out[rel] = "f"
        else:
            with open(full, "rb") as f:
                out[rel] = "f " + hashlib.sha256(f.read()).hexdigest()
    return out


def record(args):
    work, root = os.path.abspath(args.work), os.path.realpath(args.root)
    if (work + "/").startswith(root + "/"):
        raise Bad("the work directory must lie outside the root")
    os.mkdir(work)
    inodes = {rel: st.st_ino for rel, st in walk_tree(root)}
    shutil.copytree(root, os.path.join(work, "before"), symlinks=True)
    log = os.path.join(work, "log")
    open(log, "wb").close()

    env = dict(os.environ, LD_PRELOAD=os.path.abspath(args.recorder), ST_CRASH_ROOT=root,
               ST_CRASH_LOG=log)
    # A program with AddressSanitizer in it wants to be the first library; it need not be.
    env["ASAN_OPTIONS"] = ":".join(filter(None, [env.get("ASAN_OPTIONS"),
                                                 "verify_asan_link_order=0"]))
    rc = subprocess.run(args.command, env=env).returncode
    with open(os.path.join(work, "record.json"), "w") as f:
        json.dump({"inodes": inodes, "after": digest_tree(root), "rc": rc}, f)
    if rc != args.expect:
        raise Bad("%s: exit %d, not %d" % (args.command[0], rc, args.expect))
    verify(work)
    return 0


def verify(work):
    """Refuses a recording with calls that cannot be replayed or whose end is not the real end."""
    for c in read_log(os.path.join(work, "log")):
        if c.op == UNSUPPORTED:
            raise Bad("cannot be recorded: %s: %s" % (show(c.name), show(c.data)))
    # Only the end is compared here, so no states on the way: every call is too far apart.
    info, _, store, _, end = states_of(work, every=sys.maxsize)
    got = {}
    for path, kind, _, what in end:
        rel = os.fsdecode(path)
        if kind == "f":
            got[rel] = "f" if rel.endswith("-shm") else "f " + what.hex()
        else:
            got[rel] = "d" if kind == "d" else "l " + os.fsdecode(what)
    for rel in sorted(set(got) | set(info["after"])):
        if got.get(rel) != info["after"].get(rel):
            raise Bad("incomplete recording: %r: replayed %s, really %s"
                      % (rel, got.get(rel), info["after"].get(rel)))


def check_one(job):
    n, state, store, args, area = job
    top = os.path.join(area, "s%d" % n)
    materialise(state, store, top)
    env = dict(os.environ, CRASH_PREFIX=str(state.k), CRASH_VARIANT=state.variant,
               CRASH_CALL=state.call, CRASH_DONE="1" if state.done else "0")
    try:
        p = subprocess.run([a.replace("{}", top) for a in args.command], env=env,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=args.timeout)
        rc, out = p.returncode, p.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as e:
        rc, out = "timeout", (e.stdout or b"").decode("utf-8", "replace")
    shutil.rmtree(top, ignore_errors=True)
    return state, rc, out


def run(args):
    verify(args.work)
    _, calls, store, states, _ = states_of(args.work, args.every)
    chosen = thin(states, args.max, args.seed)
    area = tempfile.mkdtemp(prefix="crash-", dir=args.tmp)
    failures = []
    try:
        jobs = [(i, s, store, args, area) for i, s in enumerate(chosen)]
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for state, rc, out in pool.map(check_one, jobs):
                if rc != 0:
                    failures.append((state, rc, out))
    finally:
        shutil.rmtree(area, ignore_errors=True)
    report(args, calls, states, chosen, failures, store)
    return 1 if failures else 0


def report(args, calls, states, chosen, failures, store):
    print("# %d calls, %d different states, %d checked, %d failed"
          % (len(calls), len(states), len(chosen), len(failures)))
    for i, (s, rc, out) in enumerate(failures[:args.show]):
        print("# FAILED after call %d of %d, %s%s: %s" % (
            s.k, len(calls), s.variant, " (command had finished)" if s.done else "", s.call))
        print("#   check: exit %s" % rc)
        for line in out.strip().splitlines()[-12:]:
            print("#   | " + line)
        if args.keep:
            os.makedirs(args.keep, exist_ok=True)
            top = os.path.join(args.keep, "%d-%s" % (s.k, s.variant))
            shutil.rmtree(top, ignore_errors=True)
            materialise(s, store, top)
            print("#   kept in " + top)
    by = {}
    for s, _, _ in failures:
        by[s.variant] = by.get(s.variant, 0) + 1
    if failures:
        print("# failed by variant: " + ", ".join("%s %d" % e for e in sorted(by.items())))


def listing(args):
    with open(os.path.join(args.work, "record.json")) as f:
        tree = Tree(os.path.join(args.work, "before"), json.load(f)["inodes"])
    for k, c in enumerate(read_log(os.path.join(args.work, "log")), 1):
        if c.op == UNSUPPORTED:
            print("%5d  unsupported: %s %s" % (k, show(c.name), show(c.data)))
            continue
        print("%5d  %s" % (k, tree.describe(c)))
        tree.apply(c)
    by = {}
    for s in states_of(args.work)[3]:
        by[s.variant] = by.get(s.variant, 0) + 1
    print("states: " + ", ".join("%s %d" % e for e in by.items()))
    return 0


def main():
    ap = argparse.ArgumentParser(description="record a command, replay every crash it could have")
    sub = ap.add_subparsers(dest="verb", required=True)
    p = sub.add_parser("record")
    p.add_argument("--recorder", required=True)
    p.add_argument("--root", required=True)
    p.add_argument("--expect", type=int, default=0)
    p.set_defaults(func=record)
    q = sub.add_parser("run")
    q.add_argument("--max", type=int, default=0)
    q.add_argument("--every", type=int, default=1)
    q.add_argument("--jobs", type=int, default=2)
    q.add_argument("--timeout", type=float, default=60)
    q.add_argument("--show", type=int, default=4)
    q.add_argument("--seed", type=int, default=1)
    q.add_argument("--keep")
    q.add_argument("--tmp", default="/dev/shm" if os.path.isdir("/dev/shm") else None)
    q.set_defaults(func=run)
    r = sub.add_parser("list")
    r.set_defaults(func=listing)
    for x in (p, q, r):
        x.add_argument("--work", required=True)
    for x in (p, q):
        x.add_argument("command", nargs=argparse.REMAINDER)
    args = ap.parse_args()
    if getattr(args, "command", None) and args.command[0] == "--":
        args.command = args.command[1:]
    try:
        return args.func(args)
    except Bad as e:
        print("replay.py: %s" % e, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

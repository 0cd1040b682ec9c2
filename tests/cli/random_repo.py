#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands in random order on one repository, held against a simple model; see random_walk.py.

The model knows the files of every version, where branches, tags and HEAD are, what is staged, and
what each command did before. After every command the files, the refs and `status` must be what it
says; a command that is refused must have changed nothing, and one that need not be refused must not
be. What is in no version and not staged stays where it is, unless the command is there to discard
it. In the end every version ever made comes back byte for byte.
"""
import json
import os
import shlex
import struct
import sys

import random_walk
from random_walk import DOCUMENTED, brief, differing

STEPS = 24
MODELS = ("m.safetensors", "d/n.safetensors")
# A name may be a file now and a directory then.
PATHS = ("notes", "notes/in", "d/notes", "d/e/deep", "an odd name", "run.sh", "big", "link",
         *MODELS)
BRANCHES = ("one", "two", "three")
TAGS = ("red", "blue")
TARGETS = ("notes", "d", "nowhere")
QUIET = (["gc"], ["gc", "--prune=now"], ["repack"], ["repack", "--max"], ["fsck"],
         ["fsck", "--rebuild"], ["stats"], ["log"], ["reflog"], ["diff"], ["status"])
MET = [("add", 0), ("rm", 0), ("rm", 7), ("mv", 0), ("commit", 0), ("commit", 1), ("switch", 0),
       ("switch", 7), ("checkout", 0), ("restore", 0), ("reset", 0), ("revert", 0), ("revert", 1),
       ("cherry-pick", 0), ("cherry-pick", 1), ("rollback", 0), ("tag", 0), ("branch", 0),
       ("undo", 0), ("undo", 1), ("gc", 0)]


def tangled(path, *maps):
    """Whether one of two paths would have to be a directory where the other one is a file."""
    return any(p.startswith(path + "/") or path.startswith(p + "/") for m in maps for p in m)


def put(files, path, what):
    """A file in the place of what is in its way."""
    for other in [p for p in files if tangled(path, [p])]:
        del files[other]
    files[path] = what


def is_model(what):
    return what is not None and what[0] != "link" and what[1][8:9] == b"{"


def kind(what):
    return "link" if what[0] == "link" else "file"


def change_of(was, now, gone="removed"):
    """status's word for what became of a file."""
    if was == now:
        return None
    if was is None:
        return "added"
    if now is None:
        return gone
    return "changed" if kind(was) == kind(now) else "retyped"


def at_of(state):
    """The version that HEAD is at, None before the first."""
    head, heads = state[:2]
    return heads.get(head[4:]) if head.startswith("ref:") else head


class Repo:
    def __init__(self, walk):
        self.walk = walk
        self.head, self.heads, self.tags = "ref:main", {}, {}
        self.versions, self.parents, self.numbers = {}, {}, {}
        self.index = {}
        self.back, self.forth = [], []  # what undo and redo step over: operations, states around
        self.pruned = False
        self.stored = set()

    # What is ------------------------------------------------------------------------------------

    def branch(self):
        return self.head[4:] if self.head.startswith("ref:") else None

    def at(self):
        return at_of(self.state())

    def files(self):
        return self.versions.get(self.at(), {})

    def state(self):
        return self.head, dict(self.heads), dict(self.tags), dict(self.index)

    def set_state(self, state):
        self.head, self.heads, self.tags, self.index = (
            x if isinstance(x, str) else dict(x) for x in state)

    def move(self, version):
        if self.branch():
            self.heads[self.branch()] = version
        else:
            self.head = version

    def revisions(self):
        """All versions with each name for them."""
        names = [(v, n) for n, v in sorted(self.heads.items())]
        names += [(v, n) for n, v in sorted(self.tags.items())]
        names += [(v, n) for v, n in self.numbers.items()] * 2
        names += [(self.at(), "HEAD")] if self.at() else []
        return names

    def revision(self, rng):
        return rng.choice(self.revisions())

    # What must be -------------------------------------------------------------------------------

    def check_refs(self, tags=False):
        walk, heads, head = self.walk, {}, None
        for line in walk.lines("branch", "--json"):
            if line["commit"]:
                heads[line["name"]] = line["commit"]
            head = "ref:" + line["name"] if line["current"] else head
        if not head:
            head = walk.lines("log", "-1", "--json")[0]["commit"]
        got, want = (head, heads), (self.head, self.heads)
        if tags:
            got += ({t["name"]: t["commit"] for t in walk.lines("tag", "--json")},)
            want += (self.tags,)
        walk.check(got == want, "branches, tags and HEAD are where they were moved to",
                   "are:       %s" % (got,), "should be: %s" % (want,))

    def wanted_status(self, tree):
        head, want = self.files(), set()
        for path in head.keys() | self.index.keys() | tree.keys():
            h, i, w = head.get(path), self.index.get(path), tree.get(path)
            staged = change_of(h, i)
            worktree = change_of(i, w) if i else None
            if staged or worktree:
                want.add((path, staged, worktree))
            if w and not i:
                want.add((path, "untracked", None))
        return want

    def check_status(self, tree):
        got = set()
        for line in self.walk.lines("status", "--json", "-u", "all", "--no-tensors"):
            untracked = line["state"] == "untracked"
            got.add((line["path"], "untracked" if untracked else line["staged"], line["worktree"]))
        want = self.wanted_status(tree)
        self.walk.check(got == want, "status says what is",
                        "only status says: %s" % sorted(map(str, got - want)),
                        "it should say:    %s" % sorted(map(str, want - got)))

    def check_files(self, old, new, allowed, discards):
        """Each path holds one of what is allowed there; where nothing is said, what it held."""
        for path in old.keys() | new.keys():
            may = allowed.get(path, (old.get(path),))
            self.walk.check(new.get(path) in may, "a command changes the files that it should",
                            path, "is " + brief(new.get(path)),
                            "should be " + " or ".join(map(brief, may)))
        for path, what in old.items():
            if discards is not None and path in discards:
                continue
            self.walk.check(what in self.stored or what == new.get(path),
                            "what is stored nowhere is not written over", path, brief(what))

    # Commands -----------------------------------------------------------------------------------

    def do(self, args, after, allowed=None, discards=(), must=None, ends=(0, 1, 2, 7),
           refused=lambda: None):
        """Runs a command. If it was done, after() makes the state what it is then, and the files
        are as check_files says; else nothing changed. must: True where it has to be done, False
        where it has to be refused, None where either will do."""
        walk = self.walk
        self.note_stored()
        old, before, known = walk.tree(), self.state(), self.operations()
        done = walk.strata(*args, ends=ends)
        walk.check(done.status == 0 or must is not True, "a command is done where nothing is lost",
                   shlex.join(args), done.err)
        walk.check(done.status != 0 or must is not False, "what would be lost is not overwritten",
                   shlex.join(args))
        begun = done.status == 1 and self.under_way()
        if begun:
            walk.strata(args[0], "--abort")
        new = walk.tree()
        if begun: # what a conflict was about is there again
            old.update({p: f for p, f in self.index.items() if p not in old and new.get(p) == f})
        if done.status:
            walk.same(new, old, "a command that is refused, or taken back, changes nothing")
            refused()
        else:
            after(done)
            self.check_files(old, new, allowed or {}, discards)
        if begun: # which undo passes over
            self.forth.clear()
        elif args not in QUIET:
            self.note(known, before)
        self.check_refs(tags=args[0] == "tag")
        self.check_status(new)
        return done

    def under_way(self):
        return os.path.exists(os.path.join(self.walk.repo, ".strata", "merge"))

    def note_stored(self):
        self.stored.update(self.index.values())

    def operations(self):
        """How many the log holds; doc/format/oplog.md."""
        with open(os.path.join(self.walk.repo, ".strata", "ops"), "rb") as f:
            log = f.read()
        at, last = 32, 0
        while at < len(log):
            _, size, last = struct.unpack_from("<4sIQ", log, at)
            at += 24 + (size + 7) // 8 * 8 + 32
        return last

    def note(self, known, before):
        """A step for undo, if the command since then was one."""
        new = range(known + 1, self.operations() + 1)
        self.walk.check(new or before == self.state(), "what changes refs or index is in the log")
        if new:
            self.back.append((new, before, self.state()))
            self.forth.clear()

    def adopt(self, files, parent):
        """A version that was just made; its files are checked in the end."""
        line = self.walk.lines("log", "-1", "--json")[0]
        self.versions[line["commit"]] = dict(files)
        self.numbers[line["commit"]] = line["version"]
        self.parents[line["commit"]] = parent
        self.stored.update(files.values())
        self.move(line["commit"])

    def updated(self, tree):
        """What is staged once all tracked files are as they lie."""
        return {p: tree[p] for p in self.index if tree.get(p)}

    def add(self, rng):
        tree, want = self.walk.tree(), dict(self.index)
        how = rng.choice(("-A", ".", "-u", "path", "path"))
        if how in ("-A", "."):
            want = tree
        elif how == "-u":
            want = self.updated(tree)
        else:
            paths = sorted(tree.keys() | want.keys()) or ["none"]
            how = rng.choice(paths + [p.rpartition("/")[0] for p in paths if "/" in p])
            for path in [p for p in paths if p == how or p.startswith(how + "/")]:
                want.pop(path, None)
                if path in tree:
                    put(want, path, tree[path])
        fast = ["--fast"] * (rng.random() < 0.3)
        self.do(["add", "-q", *fast, how], lambda done: setattr(self, "index", want),
                must=True if tree else None)

    def rm(self, rng):
        if not self.index:
            return
        tree, path = self.walk.tree(), rng.choice(sorted(self.index))
        w, i, h = tree.get(path), self.index[path], self.files().get(path)
        how = rng.choice(([], [], ["--cached"], ["-f"]))
        if tangled(path, tree):
            return
        must = True if how == ["-f"] or w in (i, None) and i == h else None
        if not how and w and (w != i or i != h):
            must = False
        self.do(["rm", "-q", *how, path], lambda done: self.index.pop(path),
                {} if how == ["--cached"] else {path: (None,)},
                discards=[path] if how == ["-f"] else (), must=must)

    def mv(self, rng):
        tree = self.walk.tree()
        sources = [p for p in sorted(self.index) if tree.get(p)]
        if not sources:
            return
        src, dst = rng.choice(sources), rng.choice(PATHS)
        force = ["-f"] * (rng.random() < 0.3)
        into = os.path.isdir(os.path.join(self.walk.repo, dst))
        if src == dst or into or tangled(dst, tree, self.index):
            return
        there = tree.get(dst) or self.index.get(dst)

        def moved(done):
            self.index[dst] = self.index.pop(src)

        self.do(["mv", *force, src, dst], moved, {src: (None,), dst: (tree[src],)},
                discards=[src, dst] if force else [src],
                must=True if force or not there else (False if tree.get(dst) else None))

    def commit(self, rng):
        how = rng.choice(([], [], ["-a"], ["--amend"] if self.at() else []))
        want = dict(self.index)
        if how == ["-a"]:
            want = self.updated(self.walk.tree())
        parent = self.parents.get(self.at()) if how == ["--amend"] else self.at()

        def made(done):
            self.index = want
            self.adopt(want, parent)

        def unmade():  # what -a staged is what HEAD has
            self.index = want

        done = self.do(["commit", "-q", "-m", "text", *how], made, ends=(0, 1),
                       must=True if want != self.files() else None, refused=unmade)
        self.walk.check(done.status == 1 or how or want != self.files() or not parent or
                        want != self.versions[parent], "commit makes no version without a change")

    def arrive(self, files, force):
        """What going to these files stages, what it may leave, and whether it must be done."""
        tree, head, must = self.walk.tree(), self.files(), True
        index, allowed = dict(self.index), {}
        for path in head.keys() | files.keys() | self.index.keys() | tree.keys():
            h, t, i, w = (m.get(path) for m in (head, files, self.index, tree))
            if force:
                index[path] = t
                allowed[path] = (t,) if i or t else (w, None) if w == h else (w,)
            elif h != t:
                index[path] = t
                if i not in (h, t) or (i == h and w not in (h, t, None)):
                    must = False
                elif must and (i != h or w != h):
                    must = None
                allowed[path] = (t,) if w == h == i else (t, w)
        written = files if force else differing(head, files)
        if must and any(tangled(p, written) for p in tree if p not in head):
            must = None
        index = {p: what for p, what in index.items() if what}
        if must and any(tangled(p, index) for p in index):
            must = False
        return index, allowed, must

    def go(self, rng):
        if not self.versions:
            return
        version, name = self.revision(rng)
        how = rng.choice(("switch", "switch", "checkout", "--detach", "-c", "-f"))
        to = "ref:" + name if name in self.heads else version
        args = {"switch": ["switch", name], "checkout": ["checkout", name],
                "--detach": ["switch", "--detach", name]}.get(how)
        if how in ("switch", "-f") and name not in self.heads:
            return
        if how == "-f":
            args = ["switch", "-f", name]
        elif how == "-c":
            new = rng.choice(BRANCHES)
            args, to = ["switch", "-c", new, name], "ref:" + new
            if new in self.heads:
                return
        elif how == "--detach":
            to = version
        elif name == "HEAD":
            to = self.head
        force = how == "-f"
        index, allowed, must = self.arrive(self.versions[version], force)

        def arrived(done):
            self.head, self.index = to, index
            if how == "-c":
                self.heads[new] = version

        self.do([args[0], "-q", *args[1:]], arrived, allowed, must=must,
                discards=allowed if force else ())

    def some_path(self, rng, *maps):
        """One of the paths of maps that nothing is in the way of, None without."""
        tree = self.walk.tree()
        paths = sorted(p for p in set().union(*maps)
                       if not tangled(p, tree, self.index, self.files()))
        return rng.choice(paths) if paths else None

    def restore(self, rng):
        """`restore` of a file from what is staged or from a version, and `checkout REV -- PATH`."""
        how = rng.choice(("index", "index", "--staged", "--source", "checkout"))
        version, name = self.revision(rng) if self.versions else (None, None)
        if how in ("--source", "checkout") and not version:
            return
        source = self.versions.get(version, {})
        maps = {"index": (self.index,), "--staged": (self.index, self.files())}.get(how, (source,))
        path = self.some_path(rng, *maps)
        if not path:
            return
        args = {"index": ["restore", path], "--staged": ["restore", "--staged", path],
                "--source": ["restore", "--source", name, path],
                "checkout": ["checkout", "-q", name, "--", path]}[how]
        what = {"index": self.index, "--staged": self.files()}.get(how, source).get(path)

        def restored(done):
            if how in ("--staged", "checkout"):
                self.index.pop(path, None)
                self.index.update({path: what} if what else {})

        self.do(args, restored, {} if how == "--staged" else {path: (what,)}, discards=[path],
                must=True)

    def restore_all(self, rng):
        staged, tree = rng.random() < 0.5, self.walk.tree()
        if staged:
            if self.index or self.files():
                self.do(["restore", "--staged", "."],
                        lambda done: setattr(self, "index", dict(self.files())), must=True)
        elif self.index and not any(tangled(p, tree) for p in self.index):
            self.do(["restore", "."], lambda done: None,
                    {p: (what,) for p, what in self.index.items()}, discards=self.index, must=True)

    def reset(self, rng):
        if not self.versions:
            return
        version, name = self.revision(rng)
        how = rng.choice(("--soft", "--mixed", "--hard"))
        files, head, tree, allowed = self.versions[version], self.files(), self.walk.tree(), {}
        if how == "--hard":
            for path in head.keys() | files.keys() | self.index.keys() | tree.keys():
                h, t, i, w = (m.get(path) for m in (head, files, self.index, tree))
                allowed[path] = (t,) if i or t else (w, None) if w == h else (w,)
        in_way = how == "--hard" and any(tangled(p, files) for p in tree if p not in self.index)

        def done_so(done):
            self.move(version)
            self.index = self.index if how == "--soft" else dict(files)

        self.do(["reset", "-q", how, name], done_so, allowed, discards=allowed,
                must=None if in_way else True)

    # Versions made from versions ----------------------------------------------------------------

    def bring(self, args, want, loose=(), must=None):
        """A command that makes a version with the files of `want` on top of HEAD. Paths in `loose`
        come out somehow, what may be said of that is said by the caller."""
        head, tree, allowed = self.files(), self.walk.tree(), {}
        for path in differing(want, head) + list(loose):
            w, h, t = tree.get(path), head.get(path), want.get(path)
            allowed[path] = (t,) if w == h else (t, w)
            if w not in (h, t, None):
                must = None if path in loose else False
            elif must and w != h or any(tangled(path, [p]) for p in tree if p not in head):
                must = must and None
        if self.index != head:
            must = False
        made = {}

        def after(done):
            made.update(self.walk.version("HEAD"))
            for path in loose:
                want[path] = made.get(path)
                if want[path] is None:
                    del want[path]
                allowed[path] = (made.get(path),) if tree.get(path) == head.get(path) else \
                    (made.get(path), tree.get(path))
            self.walk.same(made, want, "%s makes the version that it should" % args[0])
            self.index = dict(want)
            self.adopt(want, self.at())

        return self.do(args, after, allowed, must=must)

    def tensors_ok(self, path, was, source, target, now):
        """Of a model that changed on both sides, tensors are the change's or as they were."""
        was, source, target, now = (random_walk.model_parts(f[1]) for f in
                                    (was, source, target, now))
        for name in was.keys() & source.keys() & target.keys():
            want = was[name] if source[name] == target[name] else target[name]
            self.walk.check(now.get(name) == want, "a tensor is the changed one, or as it was",
                            "%s::%s" % (path, name), "is " + brief(now.get(name)),
                            "should be " + brief(want))

    def transplant(self, rng):
        """cherry-pick and revert, mostly without changes in the way."""
        if not self.at():
            return
        if rng.random() < 0.7:
            self.save(rng)
        plans = []
        for version, name in self.revisions():
            verb = rng.choice(("cherry-pick", "revert"))
            plans.append((verb, name, *self.change(version, verb == "revert")))
        able = [plan for plan in plans if plan[-1] or plan[-2]] * (rng.random() < 0.5)
        verb, name, source, target, want, loose, must = rng.choice(able or plans)
        head = self.files()
        done = self.bring([verb, "-q", name], want, loose, must)
        if done.status == 0:
            for path in loose:
                if all(is_model(x.get(path)) for x in (head, source, target, want)):
                    self.tensors_ok(path, head[path], source[path], target[path], want[path])
        elif done.status == 1:
            self.walk.check(loose or want == head, "%s finds what there is to do" % verb)

    def change(self, version, back):
        """What a version changed, from what to what, what that makes of HEAD's files, models of
        which this does not tell, and whether it must be done."""
        source, target = self.versions.get(self.parents[version], {}), self.versions[version]
        if back:
            source, target = target, source
        head, want, loose, must = self.files(), dict(self.files()), [], True
        for path in differing(source, target):
            h, s, t = head.get(path), source.get(path), target.get(path)
            if h == s:
                want.pop(path, None)
                want.update({path: t} if t else {})
            elif h != t: # for tensors and lines to tell
                loose.append(path)
                must = must and None
        if self.renamed(source, target, head) or any(tangled(p, want) for p in want):
            return source, target, dict(head), sorted({**head, **source, **target}), None
        return source, target, want, loose, None if must and want == head else must

    @staticmethod
    def renamed(source, target, head):
        """Might a file of one be one of another name in another?"""
        gone = [source[p] for p in source if p not in head or p not in target]
        return any(f in gone for x in (head, target) for p, f in x.items() if p not in source)

    def rollback(self, rng):
        if not self.at():
            return
        version, name = self.revision(rng)
        want = dict(self.versions[version])
        done = self.bring(["rollback", "-q", name], want,
                          must=True if want != self.files() else None)
        self.walk.check(done.status != 1 or want == self.files(),
                        "rollback finds what there is to do")

    # Names --------------------------------------------------------------------------------------

    def name(self, rng):
        if not self.versions:
            return
        version, rev = self.revision(rng)
        names, verb, pool = rng.choice(((self.heads, "branch", BRANCHES),
                                        (self.tags, "tag", TAGS)))
        name = rng.choice(pool)
        there, current = name in names, self.branch() == name and verb == "branch"
        if rng.random() < 0.3:
            self.do([verb, "-q", "-D" if verb == "branch" else "-d", name],
                    lambda done: names.pop(name), must=there and not current)
            return
        force = ["-f"] * (rng.random() < 0.3)
        annotate = ["-m", "a note"] * (verb == "tag" and rng.random() < 0.3)
        must = not current and bool(force or not there)
        self.do([verb, "-q", *force, *annotate, name, rev],
                lambda done: names.update({name: version}),
                must=must if names.get(name) != version else None)

    # Undo ---------------------------------------------------------------------------------------

    def undo(self, rng):
        """undo and redo."""
        redo = rng.random() < 0.35
        stack, other = (self.forth, self.back) if redo else (self.back, self.forth)
        walk, old, now = self.walk, self.walk.tree(), self.state()
        self.note_stored()
        done = walk.strata("undo", "--json", *["--redo"] * redo, ends=(0, 1))
        new = walk.tree()
        if done.status:
            walk.same(new, old, "a refused command changes nothing")
            walk.check(all(b == a for _, b, a in stack), "what was done can be undone",
                       [str(new) for new, _, _ in stack])
            return
        lines = [json.loads(line) for line in done.out.splitlines()]
        took = lines[-1]["operation"]
        while stack and took not in stack[-1][0] and stack[-1][1] == stack[-1][2]:
            other.append(stack.pop())
        walk.check(stack and took in stack[-1][0], "undo takes the last command",
                   "took %d" % took, "of " + " ".join(str(new) for new, _, _ in stack))
        other.append(stack.pop())
        self.set_state(other[-1][2 if redo else 1])
        gone = {line["path"] for line in lines if line.get("cause") == "gc"}
        walk.check(self.pruned or not (gone or lines[-1]["staged_gone"]),
                   "what is staged is kept for undo", done.out.decode())
        if lines[-1]["staged_gone"]:
            same = self.at() == at_of(now)
            self.index = dict(now[3]) if same else dict(self.files())
        for path in gone:
            self.index.pop(path, None)
            self.index.update({path: now[3][path]} if path in now[3] else {})
        self.check_undone(old, new, now[3])
        self.check_refs(tags=True)
        self.check_status(new)

    def check_undone(self, old, new, staged):
        """Files become what is staged again where they were what was staged, or gone; others
        stay."""
        allowed = {}
        for path in old.keys() | staged.keys() | self.index.keys():
            w, was, i = old.get(path), staged.get(path), self.index.get(path)
            if w in (was, None) and was != i:
                allowed[path] = (w, i)
        self.check_files(old, new, allowed, ())

    # The walk -----------------------------------------------------------------------------------

    def quiet(self, rng):
        """Commands that change nothing that one sees."""
        args = rng.choice(QUIET)
        self.do(args, lambda done: None, must=True if self.at() else None, ends=DOCUMENTED)
        self.pruned = self.pruned or "--prune=now" in args

    def edit(self, rng):
        """One to three files are written, removed, renamed, or may run now."""
        for _ in range(rng.randrange(1, 4)):
            tree, path = self.walk.tree(), rng.choice(PATHS)
            how = rng.random()
            if how < 0.15 and path in tree:
                self.walk.sh("rm " + shlex.quote(path))
            elif how < 0.22 and path in tree and tree[path][0] != "link":
                self.walk.sh("chmod %s %s" % ("644" if tree[path][0] == "runs" else "755",
                                             shlex.quote(path)))
            elif how < 0.3 and path in tree:
                self.write(rng, path + ".moved", tree, "mv %s " % shlex.quote(path))
            else:
                self.write(rng, path, tree)
        self.check_status(self.walk.tree())

    def write(self, rng, path, tree, move=None):
        words = [shlex.quote(p) for p in tree if tangled(path, [p]) or
                 (p == path and (tree[p][0] == "link" or path == "link"))]
        line = "rm %s; " % " ".join(words) if words else ""
        if "/" in path:
            line += "mkdir -p %s; " % path.rpartition("/")[0]
        else:
            line += "[ ! -d {0} ] || [ -h {0} ] || rm -r {0}; ".format(shlex.quote(path))
        n, to = rng.randrange(4), shlex.quote(path)
        if move:
            line += move + to
        elif path == "link":
            line += "ln -s %s link" % rng.choice(TARGETS)
        elif path in MODELS:
            line += "mkmodel %s a:F32:64:%d b:BF16:32:%d c:I64:4:1" % (path, n, rng.randrange(4))
        elif path == "big":
            line += "{ seq 100000; printf '\\000%d'; seq %d00000 260000; } >big" % (n, n)
        else:
            line += "printf 'text %d\\n' >%s" % (n, to)
        self.walk.sh(line)

    def save(self, rng):
        """A version of some edits."""
        self.edit(rng)
        want, parent = self.walk.tree(), self.at()
        self.do(["add", "-q", "-A"], lambda done: setattr(self, "index", want),
                must=True if want else None)
        if self.index != self.files():
            self.do(["commit", "-q", "-m", "saved"], lambda done: self.adopt(self.index, parent),
                    must=True)

    def finish(self):
        self.check_refs(tags=True)
        for version, files in self.versions.items():
            self.walk.same(self.walk.version(version), files, "every version comes back")
        self.walk.strata("fsck", "--full")


DOINGS = ((Repo.edit, 6), (Repo.save, 5), (Repo.add, 4), (Repo.commit, 4), (Repo.rm, 2),
          (Repo.mv, 2), (Repo.go, 4), (Repo.restore, 2), (Repo.restore_all, 1), (Repo.reset, 2),
          (Repo.transplant, 4), (Repo.rollback, 1), (Repo.name, 2), (Repo.undo, 4), (Repo.quiet, 2))


def wander(walk):
    repo = Repo(walk)
    walk.strata("init", "-q")
    doings, weights = zip(*DOINGS)
    first = (Repo.save, Repo.save)
    for i in range(STEPS):
        if not walk.may(1, "step %d" % i):
            continue
        rng = walk.draw("step %d" % i)
        doing = rng.choices(doings, weights)[0]
        (first[i] if i < len(first) else doing)(repo, rng)
    repo.finish()


if __name__ == "__main__":
    sys.exit(random_walk.main(wander, 4, 7, MET))

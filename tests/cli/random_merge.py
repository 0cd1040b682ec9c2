#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Merges of files that two branches changed at random; see random_walk.py.

Texts, JSON, binary files and models are changed, removed and renamed on both sides; some have
changes in no version when the merge begins, others get them while it is under way. What only one
side changed must be that side's, and what both did otherwise a conflict; a file that both renamed
has the name of the side that is chosen; nothing that is in no version is written over; --abort
brings back what was, --continue makes what was decided, --replay the same.
"""
import json
import shlex
import sys

import random_walk
from random_walk import brief, differing

MODELS = ("m.safetensors", "d/n.safetensors")
FILES = ("notes", "d/notes", "c.json", "blob") + MODELS
GLOBS = ["*", "notes", "d/*", "*::a"]
VERSIONS = {"--ours": "--ours", "--theirs": "--theirs", "--base": "--base",
            "--from side": "--theirs", "--from main": "--ours", "--from v1": "--base"}
WAYS = [way.split() for way in VERSIONS] + [["--method", "linear"]]
MET = [("merge", 0), ("merge", 1), ("merge", 7), ("resolve", 0), ("resolve", 2), ("resolve", 7)]


def edit(walk, path, name, tag):
    """Writes a file anew. Without a tag the other side may happen to write the same."""
    rng = walk.draw(name + " of " + path)
    tag = tag if rng.random() < 0.5 else ""
    if "/" in path:
        walk.sh("mkdir -p " + path.rpartition("/")[0])
    if path in MODELS:
        tensors = ["%s:F32:4:%d" % (t, rng.randrange(1, 4)) for t in "ab"]
        if rng.random() < 0.3:
            tensors.append("x:F32:4:%d" % rng.randrange(1, 4))
        meta = ["--meta", "tag=" + tag] if tag else []
        walk.sh(shlex.join(["mkmodel", path] + tensors + meta))
    elif path == "c.json":
        keys = {"a": rng.randrange(4), "b": rng.randrange(4), "tag": tag}
        walk.write(path, json.dumps(keys, indent=1).encode())
    elif path == "blob":
        walk.write(path, b"\0%d\0%s" % (rng.randrange(4), tag.encode()))
    else:
        lines = ["line %d" % i for i in range(8)]
        lines[rng.randrange(8)] = "edit %d %s" % (rng.randrange(4), tag)
        walk.write(path, ("\n".join(lines) + "\n").encode())


def change(walk, side):
    """What a side does to the files, and a version of it. Returns its files."""
    for path in FILES:
        name = "%s: %s" % (side, path)
        if not walk.may(0.6, name):
            continue
        how = walk.draw(name + ", how").random()
        if how < 0.1 and walk.at(path):
            walk.sh("rm " + path)
        elif how < 0.15 and walk.at(path):
            walk.sh("mv %s %s.moved" % (path, path))
        elif how < 0.3 and walk.at(path):
            walk.sh("mv %s %s.%s" % (path, path, side))
        else:
            edit(walk, path, name, side)
    walk.strata("add", "-q", "-A")
    walk.strata("commit", "-q", "-m", side, ends=(0, 1))
    return walk.tree()


# What comes out -----------------------------------------------------------------------------------

def parts(path, data):
    """What is merged by itself in a file, by name."""
    if path in MODELS:
        return random_walk.model_parts(data)
    return json.loads(data) if path == "c.json" else {"": data}


def merge_lines(base, ours, theirs):
    """The lines of both, None for a conflict, and NotImplemented where changes touch each other."""
    b, o, t = (x.split(b"\n") for x in (base, ours, theirs))
    by_ours = {i for i in range(len(b)) if o[i] != b[i]}
    by_theirs = {i for i in range(len(b)) if t[i] != b[i]}
    if any(o[i] != t[i] for i in by_ours & by_theirs):
        return None
    if any(abs(i - j) == 1 for i in by_ours for j in by_theirs) or by_ours & by_theirs:
        return NotImplemented
    return b"\n".join(o[i] if i in by_ours else t[i] for i in range(len(b)))


def merge_parts(path, base, ours, theirs):
    """The parts that are settled, and the names of those in conflict. None: not told here, since
    what went away on a side may have been renamed."""
    if base.keys() - ours.keys() or base.keys() - theirs.keys():
        return None
    settled, conflicts = {}, set()
    for name in ours.keys() | theirs.keys():
        b, o, t = base.get(name), ours.get(name), theirs.get(name)
        if o == t or t == b:
            settled[name] = o
        elif o == b:
            settled[name] = t
        else:
            lines = merge_lines(b, o, t) if path.endswith("notes") else None
            if lines is NotImplemented:
                return None
            if lines is not None:
                settled[name] = lines
            else:
                conflicts.add(name)
    return settled, conflicts


def name_of(path, base, side, other):
    """What a side calls a file of the base, None where it has none. NotImplemented: not told
    here, as there are several of that content or of that name."""
    if path in side:
        return path
    like = [p for p in side if p not in base and side[p] == base[path]]
    if len(like) > 1 or sum(was == base[path] for was in base.values()) > 1:
        return NotImplemented
    if like and like[0] in other and other[like[0]] != base[path]:
        return NotImplemented
    return like[0] if like else None


class Expected:
    """What a merge must bring, by path, of the files of which that can be told simply."""

    def __init__(self, base, ours, theirs):
        self.sides = {"--base": base, "--ours": ours, "--theirs": theirs}
        self.known = {}
        self.named = {}  # files in conflict about their names: these, by side
        for path in base:
            if path in ours and path in theirs:
                known = merge_parts(path, *(parts(path, s[path][1]) for s in self.sides.values()))
                if known:
                    self.known[path] = known
                continue
            names = (name_of(path, base, ours, theirs), name_of(path, base, theirs, ours))
            if NotImplemented in names or path in names or names[0] == names[1]:
                continue
            self.named[names[0] or names[1]] = dict(zip(self.sides, (path,) + names))

    def conflicts(self):
        return {(path, name) for path in self.known for name in self.known[path][1]}

    def check_names(self, walk, files, way, but=()):
        for item, names in self.named.items():
            base = names["--base"]
            for path in set(names.values()) - {None} - set(but):
                want = self.sides["--base"][base] if path == names[way] else None
                walk.same({path: files.get(path)}, {path: want},
                          "a file has the name of the version that is chosen")

    def is_ours(self, path):
        """Whether the merge leaves a file as this branch has it."""
        ours, theirs = self.sides["--ours"].get(path), self.sides["--theirs"].get(path)
        return path in self.known and (theirs == ours or theirs == self.sides["--base"][path])

    def check(self, walk, files, rule, way="--ours", but=()):
        self.check_names(walk, files, way, but)
        for path, (settled, conflicts) in self.known.items():
            if path in but or (path.endswith("notes") and conflicts and way == "--ours"):
                continue
            chosen = parts(path, self.sides[way][path][1])
            want = dict(settled, **{name: chosen.get(name) for name in conflicts})
            walk.check(files.get(path), rule, path, "is missing")
            got = parts(path, files[path][1])
            for name in want:
                walk.check(got.get(name) == want[name], rule, "%s::%s" % (path, name),
                           "is " + brief(got.get(name)),
                           "should be " + brief(want[name]))


# The walk -----------------------------------------------------------------------------------------

def conflicts(walk):
    lines = walk.lines("status", "--json")
    return [line for line in lines if line["kind"] == "conflict"]


def paths_of(items):
    """All that the files of conflicts may be called."""
    names = [n for c in items if not c["name"] for n in (c.get("names") or {}).values() if n]
    return {c["path"] for c in items}.union(names)


class Merge:
    """A merge that is under way, and what must not be lost in it."""

    def __init__(self, walk, expected, head, dirty):
        self.walk, self.expected, self.head, self.dirty = walk, expected, head, dirty
        self.kept = dict(dirty)  # in no version, and nobody asked to write over it
        self.edited = set()
        self.before = walk.tree()
        self.written = set()

    def check_kept(self, rule):
        for path, was in self.kept.items():
            self.walk.same({path: self.walk.at(path)}, {path: was}, rule)

    def refused(self):
        walk = self.walk
        walk.strata("merge", "--abort", ends=(7,))
        walk.same(walk.tree(), self.before, "a refused merge changes nothing")
        walk.check(any(not self.expected.is_ours(p) for p in self.dirty),
                   "only a merge that would write over changes is refused", sorted(self.dirty))

    def done(self, way="--ours"):
        walk = self.walk
        self.check_kept("a merge writes over nothing that is in no version")
        version = walk.version("HEAD")
        self.expected.check(walk, version, "a merge brings what each side did", way)
        files = dict(walk.tree(), **{p: version.get(p) for p in self.kept})
        walk.same(files, version, "the files are those of the merge")
        if self.walk.lines("log", "-1", "--json")[0]["message"].startswith("Merge"):
            walk.strata("merge", "--replay", "HEAD")

    def listed(self):
        walk, known = self.walk, self.expected.known
        items = conflicts(walk)
        found = {(c["path"], c["name"]) for c in items if c["path"] in known}
        named = {c["path"] for c in items if c["type"].startswith("rename") and not c["name"]}
        walk.check(named >= self.expected.named.keys(), "a name that both chose is a conflict",
                   sorted(named), sorted(self.expected.named))
        walk.check(found == self.expected.conflicts(), "conflicts are what both sides changed",
                   "listed: %s" % sorted(found), "changed: %s" % sorted(self.expected.conflicts()))
        self.expected.check(walk, walk.tree(), "what is in conflict is as ours has it",
                            but=self.dirty)
        self.check_kept("a merge writes over nothing that is in no version")

    def edit(self, step):
        for path in FILES:
            name = "%s: %s" % (step, path)
            if path in self.dirty or not self.walk.may(0.15, name):
                continue
            edit(self.walk, path, name, step.replace(" ", ""))
            self.kept[path] = self.walk.at(path)
            self.edited.add(path)
            if self.walk.draw(name + ", staged").random() < 0.3:
                if self.walk.strata("add", "-q", path, ends=(0, 7)).status == 0:
                    del self.kept[path]

    def resolve(self, step):
        walk = self.walk
        if not walk.may(1, step):
            return
        rng = walk.draw(step)
        self.edit(step)
        items = conflicts(walk)
        listed = ["%s::%s" % (c["path"], c["name"]) if c["name"] else c["path"] for c in items]
        glob, way = rng.choice(GLOBS + 2 * listed), rng.choice(WAYS)
        before = walk.tree()
        done = walk.strata("resolve", "-q", glob, *way, ends=(0, 2, 7))
        self.check_kept("resolve writes over nothing that is in no version")
        others = differing(before, walk.tree())
        if not done.status:
            others = sorted(set(others) - paths_of(items))
        walk.check(not others, "resolve changes what it decides, refused nothing", others)

    def abort(self):
        walk = self.walk
        listed, now = conflicts(walk), walk.tree()
        items = {c["path"] for c in listed}
        walk.strata("merge", "--abort")
        after = walk.tree()
        for path in items:
            if path in self.head or path not in self.edited:  # a new one may stay, untracked
                walk.same({path: after.get(path)}, {path: self.before.get(path)},
                          "--abort brings back what a conflict was about")
        for path in self.kept.keys() - paths_of(listed) - self.written:
            walk.same({path: after.get(path)}, {path: now[path]},
                      "--abort leaves what the merge has nothing to do with")
        if not self.edited:
            walk.same(after, self.before, "--abort brings back what was")
        staged = [s["path"] for s in walk.lines("status", "--json") if s.get("staged")]
        walk.check(not staged, "--abort leaves nothing staged", staged)

    def go_on(self):
        walk = self.walk
        before = walk.tree()
        left = [c for c in conflicts(walk) if not c["how"]]
        done = walk.strata("merge", "--continue", ends=(1,) if left else (0,))
        walk.same(walk.tree(), before, "--continue leaves the files as they are")
        if done.status == 0:
            walk.strata("merge", "--replay", "HEAD")

    def decide_all(self, way):
        walk = self.walk
        in_way = self.dirty.keys() & paths_of(conflicts(walk))  # untracked
        first = walk.draw("side before").choice(list(VERSIONS) + [way])
        for how in (first, way):
            done = walk.strata("resolve", "-q", "*", *how.split(),
                               ends=(0, 7) if in_way else (0,))
            self.check_kept("resolve writes over nothing that is in no version")
            if done.status:
                return self.abort()
        walk.strata("merge", "-q", "--continue")
        return self.done(VERSIONS[way])

    def under_way(self):
        walk = self.walk
        self.written.update(differing(self.before, walk.tree()))
        self.listed()
        end = walk.draw("end").random()
        if end < 0.4:
            return self.decide_all(walk.draw("side").choice(list(VERSIONS)))
        for i in range(3):
            if walk.draw("end %d" % i).random() < 0.7:
                self.resolve("step %d" % i)
        return self.abort() if end < 0.7 else self.go_on()


def before_merge(walk, head):
    """Changes that are in no version when the merge begins: what they are, by path."""
    if walk.draw("dirty").random() < 0.4:
        for path in FILES:
            if walk.may(0.15, "dirty: " + path):
                edit(walk, path, "dirty: " + path, "dirty")
    now = walk.tree()
    return {p: now[p] for p in now if now[p] != head.get(p)}


def merging(walk):
    walk.strata("init", "-q")
    for path in FILES:
        edit(walk, path, "base", "")
    walk.strata("add", "-q", "-A")
    walk.strata("commit", "-q", "-m", "base")
    walk.strata("branch", "side")
    base = walk.tree()
    ours = change(walk, "ours")
    walk.strata("switch", "-q", "side")
    walk.same(walk.tree(), base, "switch brings a branch's files")
    theirs = change(walk, "theirs")
    walk.strata("switch", "-q", "main")
    walk.same(walk.tree(), ours, "switch brings a branch's files")
    merge = Merge(walk, Expected(base, ours, theirs), ours, before_merge(walk, ours))
    status = walk.strata("merge", "-q", "side", ends=(0, 1, 7)).status
    if status == 7:
        merge.refused()
    elif status == 0:
        walk.check(not merge.expected.conflicts(), "what both sides changed is a conflict",
                   sorted(merge.expected.conflicts()))
        merge.done()
    else:
        merge.under_way()
    walk.strata("fsck", "--full")


if __name__ == "__main__":
    sys.exit(random_walk.main(merging, 1, 20, MET))

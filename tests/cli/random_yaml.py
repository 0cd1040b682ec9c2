#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Merges of YAML files that two branches changed at random; see random_walk.py.

The sides change different keys at the top, remove and move some, add one that the other adds as
well, and indent as they like. PyYAML must read from each file without a conflict, each key once, what
ours made of ours's keys and theirs of theirs's, and each comment that a side wrote must be in it.
What both added otherwise must be the one conflict of its file.
"""
import copy
import random
import re
import sys

import yaml

import random_walk

FILES = 12
MET = [("merge", 0)]


class Once(yaml.SafeLoader):
    """A reader that takes no key twice."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        if len(set(keys)) != len(keys):
            raise yaml.YAMLError("a key comes twice: %s" % keys)
        return super().construct_mapping(node, deep)


class Node:
    """A value: the text of a scalar, or members [key or None, Node, comments above]."""

    def __init__(self, kind, items, beside):
        self.kind, self.items, self.beside = kind, items, beside

    def all(self):
        yield self
        if self.kind != "scalar":
            for _, child, _ in self.items:
                yield from child.all()

    def value(self):
        if self.kind == "scalar":
            return int(self.items)
        if self.kind == "list":
            return [child.value() for _, child, _ in self.items]
        return {key: child.value() for key, child, _ in self.items}


class Maker:
    """Draws values and changes them; each comment has a number of its own."""

    def __init__(self, rng, side):
        self.rng, self.side, self.n = rng, side, 0

    def comment(self, share=1.0):
        if self.rng.random() >= share:
            return None
        self.n += 1
        return "# %s%d" % (self.side, self.n)

    def member(self, key, depth):
        above = self.comment(0.2)
        return [key, self.node(depth), [above] if above else []]

    def node(self, depth):
        how, beside = self.rng.random(), self.comment(0.3)
        if depth == 0 or how < 0.5:
            return Node("scalar", str(self.rng.randrange(1000)), beside)
        kind = "map" if how < 0.75 else "list"
        return Node(kind, [self.member("k%d" % i if kind == "map" else None, depth - 1)
                           for i in range(self.rng.choice((0, 1, 2, 3)))], beside)

    def document(self):
        return Node("map", [self.member("k%d" % i, 2) for i in range(self.rng.randrange(2, 6))],
                    None)

    def change(self, node):
        x, how = self.rng.choice(list(node.all())), self.rng.random()
        if how < 0.3:
            x.beside = self.comment()
        elif how < 0.5 and x.kind == "scalar":
            x.items = str(self.rng.randrange(1000, 2000))
        elif how < 0.6:
            new = self.node(2)
            x.kind, x.items, x.beside = new.kind, new.items, new.beside
        elif x.kind != "scalar" and how < 0.8:
            self.n += 1
            key = "%s%d" % (self.side, self.n) if x.kind == "map" else None
            x.items.append([key, self.node(1), [self.comment()]])
        elif x.kind != "scalar" and len(x.items) > 1 and how < 0.9:
            x.items.pop(self.rng.randrange(1, len(x.items)))  # the first may be behind a dash
        elif x.kind != "scalar" and x.items:
            self.rng.choice(x.items)[2] = [self.comment()]

    def place(self, document, member):
        document.items.insert(self.rng.randrange(len(document.items) + 1), member)

    def arrange(self, walk, name, document, of):
        """Removes and moves keys at the top."""
        mine = [m for m in document.items if of[m[0]] == self.side]
        if mine and len(document.items) > 3 and walk.may(0.3, name + "removes"):
            document.items.remove(self.rng.choice(mine))
        if walk.may(0.3, name + "moves"):
            self.place(document, document.items.pop(self.rng.randrange(len(document.items))))


class Writer:
    """In a style: by how much members, and items of a member, are indented."""

    def __init__(self, rng):
        self.members, self.items, self.lines = rng.choice((2, 4)), rng.choice((0, 2)), []

    def block(self, node, indent, first=None):
        """first: what the first line begins with, where that is behind a dash."""
        for key, child, above in node.items:
            head = first
            if first is None:
                self.lines += [" " * indent + c for c in above]
                head = " " * indent
            self.value(head + ("-" if key is None else key + ":"), child, indent, key is None)
            first = None

    def value(self, head, node, indent, is_item):
        beside = "  " + node.beside if node.beside else ""
        if node.kind == "scalar" or not node.items:
            empty = {"map": "{}", "list": "[]"}
            self.lines.append(head + " " + empty.get(node.kind, node.items) + beside)
        elif is_item and node.kind == "map":  # where no line is left for these comments
            node.beside, node.items[0][2] = None, []
            self.block(node, indent + 2, head + " ")
        else:
            self.lines.append(head + beside)
            deeper = self.items if node.kind == "list" and not is_item else self.members
            self.block(node, indent + deeper)

    def text(self, node):
        self.lines = []
        self.block(node, 0)
        return "\n".join(self.lines) + "\n"


def comments(text):
    return set(re.findall("# [a-z]+[0-9]+", text))


def add_both(walk, name, makers, sides):
    """A key that both add, each at a place of its own: its values."""
    if not walk.may(0.4, name + " both"):
        return None
    value = str(walk.draw(name + " both").randrange(1000))
    for side, document in sides.items():
        mine = value if side == "ours" or not walk.may(0.3, name + " apart") else value + "0"
        makers[side].place(document, ["both", Node("scalar", mine, None), []])
    return {side: document.value()["both"] for side, document in sides.items()}


def one(walk, name):
    """The three texts of a file, the value that its merge has with ours's answers, and whether it asks."""
    rng = walk.draw(name)
    base = Maker(rng, "base").document()
    sides = {"ours": copy.deepcopy(base), "theirs": copy.deepcopy(base)}
    of = {key: rng.choice(list(sides)) for key, _, _ in base.items}
    makers = {side: Maker(walk.draw(side + " of " + name), side) for side in sides}
    for side, document in sides.items():
        maker = makers[side]
        mine = [child for key, child, _ in document.items if of[key] == side]
        for i in range(3):
            if mine and walk.may(0.7, "%s of %s: %d" % (side, name, i)):
                maker.change(maker.rng.choice(mine))
        maker.arrange(walk, "%s of %s: " % (side, name), document, of)
    both = add_both(walk, name, makers, sides)
    style = rng.randrange(1 << 30)
    texts = {"base": Writer(random.Random(style)).text(base)}
    for side, document in sides.items():
        other = walk.may(0.3, "%s of %s: style" % (side, name))
        texts[side] = Writer(rng if other else random.Random(style)).text(document)
    values = {side: document.value() for side, document in sides.items()}
    want = {key: values[side][key] for key, side in of.items() if key in values[side]}
    if both:
        want["both"] = both["ours"]
    return texts, want, bool(both) and both["ours"] != both["theirs"]


def read(text):
    try:
        return yaml.load(text, Loader=Once)
    except yaml.YAMLError as e:
        return e


def commit(walk, files, side):
    for name, (texts, _, _) in files.items():
        walk.write(name, texts[side].encode())
    walk.strata("add", "-q", "-A")
    walk.strata("commit", "-q", "-m", side, ends=(0, 1))


def merging(walk):
    walk.strata("init", "-q")
    files = {}
    for i in range(FILES):
        name = "f%d.yaml" % i
        if walk.may(1.1, name):
            files[name] = one(walk, name)
    commit(walk, files, "base")
    walk.strata("branch", "side")
    commit(walk, files, "ours")
    walk.strata("switch", "-q", "side")
    commit(walk, files, "theirs")
    walk.strata("switch", "-q", "main")
    walk.strata("merge", "-q", "side", ends=(0, 1))
    left = {(x["path"], x.get("name")) for x in walk.lines("status", "--json") if x["kind"] == "conflict"}
    asked = {(name, "both") for name, (_, _, asks) in files.items() if asks}
    lines = {path for path, name in left if name != "both"}
    walk.check(len(lines) <= FILES // 3, "few files are left to lines", *lines)
    walk.check(asked <= left | {(path, "both") for path in lines}, "what both added otherwise is asked",
               *asked - left)
    walk.check({x for x in left if x[1] == "both"} <= asked, "nothing else is asked", *left - asked)
    if asked & left:
        walk.strata("resolve", "-q", "both", "--ours")
    for name in sorted(files.keys() - lines):
        texts, want, _ = files[name]
        text = walk.at(name)[1].decode()
        shown = ["%s:\n%s" % x for x in texts.items()] + ["merged:\n" + text]
        walk.check(read(text) == want, "each key is once, and of its side", name, want, *shown)
        wrote = (comments(texts["ours"]) | comments(texts["theirs"])) - comments(texts["base"])
        walk.check(wrote <= comments(text), "each side's comments are there", name,
                   wrote - comments(text), *shown)


if __name__ == "__main__":
    sys.exit(random_walk.main(merging, 1, 12, MET))

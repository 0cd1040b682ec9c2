#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Merges of YAML files that two branches changed at random; see random_walk.py.

The sides change different keys at the top, and indent as they like. PyYAML must read from each
file without a conflict what ours made of ours's keys and theirs of theirs's, and each comment that
a side wrote must be in it.
"""
import copy
import random
import re
import sys

import yaml

import random_walk

FILES = 12
MET = [("merge", 0)]


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
                           for i in range(self.rng.randrange(1, 4))], beside)

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
        elif x.kind != "scalar":
            self.rng.choice(x.items)[2] = [self.comment()]


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
        if node.kind == "scalar":
            self.lines.append(head + " " + node.items + beside)
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


def one(walk, name):
    """The three texts of a file and the value that its merge has."""
    rng = walk.draw(name)
    base = Maker(rng, "base").document()
    sides = {"ours": copy.deepcopy(base), "theirs": copy.deepcopy(base)}
    of = {key: rng.choice(list(sides)) for key, _, _ in base.items}
    for side, document in sides.items():
        maker = Maker(walk.draw(side + " of " + name), side)
        mine = [child for key, child, _ in document.items if of[key] == side]
        for i in range(3):
            if mine and walk.may(0.7, "%s of %s: %d" % (side, name, i)):
                maker.change(maker.rng.choice(mine))
    style = rng.randrange(1 << 30)
    texts = {"base": Writer(random.Random(style)).text(base)}
    for side, document in sides.items():
        other = walk.may(0.3, "%s of %s: style" % (side, name))
        texts[side] = Writer(rng if other else random.Random(style)).text(document)
    values = {side: document.value() for side, document in sides.items()}
    return texts, {key: values[side][key] for key, side in of.items()}


def commit(walk, files, side):
    for name, (texts, _) in files.items():
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
    left = {x["path"] for x in walk.lines("status", "--json") if x["kind"] == "conflict"}
    walk.check(len(left) <= FILES // 3, "few files are left to lines", *left)
    for name in sorted(files.keys() - left):
        texts, want = files[name]
        text = walk.at(name)[1].decode()
        shown = ["%s:\n%s" % x for x in texts.items()] + ["merged:\n" + text]
        walk.check(yaml.safe_load(text) == want, "each key is of its side", name, want, *shown)
        wrote = (comments(texts["ours"]) | comments(texts["theirs"])) - comments(texts["base"])
        walk.check(wrote <= comments(text), "each side's comments are there", name,
                   wrote - comments(text), *shown)


if __name__ == "__main__":
    sys.exit(random_walk.main(merging, 1, 12, MET))

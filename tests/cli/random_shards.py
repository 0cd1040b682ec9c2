#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Merges of a model in shards that two branches changed and cut anew at random; see random_walk.py.

After every step the index must name what the shards have, its total size be theirs, and each
tensor be in one shard; tensors that only one side changed must be that side's.
"""
import json
import shlex
import sys

import random_walk

INDEX = "model.safetensors.index.json"
NAMES = "abcdefxyz"
ARGUMENTS = ([], [], ["--method", "linear"], ["--rule", "*=theirs"])
MET = [("merge", 0), ("merge", 1), ("resolve", 0), ("resolve", 2)]


def write(walk, model, count):
    """A model {name: (elements, seed, shard)} in so many shards, with an index. A shard that would
    be empty gets a tensor of its own."""
    walk.sh("rm -f model*")
    where, size = {}, 0
    for i in range(count):
        path = "model-%05d-of-%05d.safetensors" % (i + 1, count)
        own = {n: t for n, t in sorted(model.items()) if t[2] % count == i} or {"pad%d" % i: (4, 1)}
        walk.sh(shlex.join(["mkmodel", path] +
                           ["%s:F32:%d:%d" % (n, t[0], t[1]) for n, t in own.items()]))
        where.update({n: path for n in own})
        size += sum(4 * t[0] for t in own.values())
    text = json.dumps({"metadata": {"total_size": size}, "weight_map": where}, indent=2)
    walk.write(INDEX, text.encode())


def edit(walk, model, side):
    """The model as a side leaves it."""
    new = dict(model)
    for name, (n, _, shard) in model.items():
        rng, choice = walk.draw("%s of %s" % (name, side)), "%s: %s" % (side, name)
        if not walk.may(0.45, choice):
            continue
        how = rng.random()
        if how < 0.3:
            del new[name]
        else:
            new[name] = (n + 4 * (how < 0.4), rng.randrange(2, 5), shard)
    for name in NAMES[len(model):]:
        if walk.may(0.2, "%s: %s" % (side, name)):
            rng = walk.draw("%s of %s" % (name, side))
            new[name] = (rng.choice((4, 8)), rng.randrange(1, 4), rng.randrange(3))
    return new


def tensors(walk):
    """The tensors of all shards; each must be where the index says, and nowhere else."""
    found, where, size = {}, {}, 0
    files = walk.tree()
    for path, (_, data) in files.items():
        if not path.endswith(".safetensors"):
            continue
        for name, what in random_walk.model_parts(data).items():
            if name == "(metadata)":
                continue
            walk.check(name not in found, "a tensor is in one shard", name, where.get(name), path)
            found[name], where[name] = what, path
            size += len(what[2])
    if INDEX in files:
        index = json.loads(files[INDEX][1])
        walk.same(index["weight_map"], where, "the index names what the shards have")
        walk.check(index["metadata"]["total_size"] == size, "the index has the total size",
                   index["metadata"], size)
    return found


def version(walk, model, side):
    if walk.may(0.25, side + ": three shards"):
        write(walk, model, 3)
    else:
        write(walk, model, 2)
    walk.strata("add", "-q", "-A")
    walk.strata("commit", "-q", "-m", side, ends=(0, 1))
    return tensors(walk)


def one_sided(base, ours, theirs):
    """The tensors that one side, or both in the same way, changed or added: what they must be. None
    where a tensor went away, since it may have been renamed."""
    if base.keys() - ours.keys() or base.keys() - theirs.keys():
        return {}
    want = {}
    for name in ours.keys() | theirs.keys():
        b, o, t = (side.get(name) for side in (base, ours, theirs))
        if o == t or t == b:
            want[name] = o
        elif o == b:
            want[name] = t
    return want


def holds(walk, want):
    got = tensors(walk)
    walk.same({name: got.get(name) for name in want}, want,
              "a tensor that one side changed is that side's")


def settle(walk, want):
    """Decides conflicts one by one, then what is left, and ends the merge."""
    for i in range(3):
        if not walk.may(0.5, "step %d" % i):
            continue
        rng = walk.draw("step %d" % i)
        walk.strata("resolve", "-q", rng.choice(NAMES + "*"),
                    rng.choice(("--ours", "--theirs", "--base")), ends=(0, 2))
        holds(walk, want)
    walk.strata("resolve", "-q", "*", walk.draw("all").choice(("--ours", "--theirs")))
    walk.strata("merge", "-q", "--continue")


def merging(walk):
    walk.strata("init", "-q")
    model = {name: (4, 1, i) for i, name in enumerate(NAMES[:6])}
    write(walk, model, 2)
    walk.strata("add", "-q", "-A")
    walk.strata("commit", "-q", "-m", "base")
    walk.strata("branch", "side")
    base = tensors(walk)
    ours = version(walk, edit(walk, model, "ours"), "ours")
    walk.strata("switch", "-q", "side")
    theirs = version(walk, edit(walk, model, "theirs"), "theirs")
    walk.strata("switch", "-q", "main")
    want = one_sided(base, ours, theirs)
    # A rule that matches no tensor in conflict is refused.
    done = walk.strata("merge", "-q", "side", *walk.draw("method").choice(ARGUMENTS),
                       ends=(0, 1, 2))
    if done.status == 2:
        walk.check("matches" in done.err, "a merge without changes is no error", done.err)
        done = walk.strata("merge", "-q", "side", ends=(0, 1))
    holds(walk, want)
    if done.status == 1:
        settle(walk, want)
        holds(walk, want)
    if walk.lines("log", "-1", "--json")[0]["message"].startswith("Merge"):
        walk.strata("merge", "--replay", "HEAD")
    walk.check(not walk.strata("status", "-s").out, "the files are those of the merge")
    walk.strata("fsck", "--full")


if __name__ == "__main__":
    sys.exit(random_walk.main(merging, 1, 12, MET))

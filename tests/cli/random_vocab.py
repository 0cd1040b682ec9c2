#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Merges of models with a tokenizer of which both branches change tokens and rows; see
random_walk.py.

Every row of a tensor says whose it is: a token's row as a version trained it is a value of its own.
Whenever a merge ends well, all files of the tokenizer must say the same, no two tokens may have one
id, and each token's row must be its own: that of the side that changed it, else the base's. What
one side alone brought, a token or trained rows, must not be lost, unless somebody decided against
that side. An id in a configuration means a token, and must mean the one that a side meant that
changed it. Conflicts and refusals are right at any time, but unions must succeed often.
"""
import json
import os
import struct
import sys

import random_walk

MODEL = "m.safetensors"
OTHER = "ema.safetensors"
KINDS = ("fast", "json", "lines", "fast+json", "fast+lines", "unigram")
WIDTH = 3
MET = [("merge", 0), ("merge", 1), ("resolve", 0), ("resolve", 7)]
UNIONS = {"made": 0, "asked": 0}


class Version:
    """Tokens in the order of their ids (None: an id of no token), which of them are in the list
    of added ones, of each tensor its rows, and which tokens are meant by ids elsewhere."""

    def __init__(self, kind, tokens, added, padding, tensors, refs):
        self.kind, self.tokens, self.added = kind, list(tokens), set(added)
        self.padding, self.refs = padding, dict(refs)
        self.tensors = {name: list(rows) for name, rows in tensors.items()}

    def copy(self):
        return Version(self.kind, self.tokens, self.added, self.padding, self.tensors, self.refs)

    def ids(self, ref):
        """What the files say: numbers of tokens."""
        return [self.tokens.index(t) for t in self.refs[ref]]

    def point(self, old, new):
        """A token is not there any more."""
        for ref, tokens in self.refs.items():
            self.refs[ref] = tuple(new if t == old else t for t in tokens)

    def table(self):
        return {t: i for i, t in enumerate(self.tokens) if t is not None}


def entries(version, tokens):
    return [{"id": i, "content": t, "special": True} for t, i in tokens.items()]


def files(version):
    """The tokenizer's files, by name."""
    table = version.table()
    plain = {t: i for t, i in table.items() if t not in version.added}
    added = {t: i for t, i in table.items() if t in version.added}
    found = {}
    if "fast" in version.kind or version.kind == "unigram":
        model = {"type": "BPE", "vocab": plain, "merges": []}
        if version.kind == "unigram":
            model = {"type": "Unigram", "unk_id": 0, "vocab": [[t, -1.5] for t in plain]}
        whole = {"added_tokens": entries(version, added), "model": model}
        if "pad" in version.refs:
            whole["padding"] = {"pad_id": version.ids("pad")[0], "pad_type_id": 1}
        if "post" in version.refs:
            whole["post_processor"] = {"type": "TemplateProcessing", "special_tokens": {
                "X": {"id": "X", "ids": version.ids("post")}}}
        found["tokenizer.json"] = json.dumps(whole, indent=1)
    if "json" in version.kind:
        found["vocab.json"] = json.dumps(plain)
    if "lines" in version.kind:
        last = max([-1] + list(plain.values())) + 1
        at = {i: t for t, i in plain.items()}
        found["vocab.txt"] = "".join("%s\n" % at.get(i, "[hole%d]" % i) for i in range(last))
    if "json" in version.kind or "lines" in version.kind:
        if added or version.padding:
            found["added_tokens.json"] = json.dumps(added)
    return found


def safetensors(tensors):
    head, data = {}, b""
    for name in sorted(tensors):
        raw = b"".join(struct.pack("<%df" % WIDTH, *[v] * WIDTH) for v in tensors[name])
        head[name] = {"dtype": "F32", "shape": [len(tensors[name]), WIDTH],
                      "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def write(walk, version, was=None):
    """The files that differ from those of another version, so that they are what they were."""
    new = {name: text.encode() for name, text in files(version).items()}
    rows = len(version.tensors["emb"])
    config = {"vocab_size": rows, "head": "head" in version.tensors}
    if "config" in version.refs:
        config["pad_token_id"] = version.ids("config")[0]
    new["config.json"] = json.dumps(config, indent=1).encode()
    if "end" in version.refs:
        new["generation_config.json"] = json.dumps(
            {"eos_token_id": version.ids("end"), "n": len(version.tokens)}).encode()
    here = {n: t for n, t in version.tensors.items() if not n.startswith("ema.")}
    new[MODEL] = safetensors(dict(here, w=[1.0, 2.0]))
    there = {n[4:]: t for n, t in version.tensors.items() if n.startswith("ema.")}
    if there:
        new[OTHER] = safetensors(there)
    for name in walk.tree():
        if name not in new:
            walk.sh("rm " + name)
    for name, data in sorted(new.items()):
        if walk.at(name) != ("file", data):
            walk.write(name, data)


def read(walk):
    """What lies there: a table for each of the tokenizer's files, and the tensors' rows."""
    tables, tensors = {}, {}
    for name, (_, data) in walk.tree().items():
        if name == "tokenizer.json":
            j = json.loads(data)
            vocab = j["model"]["vocab"]
            table = list(vocab.items()) if isinstance(vocab, dict) else [
                (t[0], i) for i, t in enumerate(vocab)]
            tables[name] = table + [(t["content"], t["id"]) for t in j["added_tokens"]]
        elif name in ("vocab.json", "added_tokens.json"):
            tables[name] = list(json.loads(data).items())
        elif name == "vocab.txt":
            lines = data.decode().split("\n")[:-1]
            tables[name] = [(t, i) for i, t in enumerate(lines)]
        elif name.endswith(".safetensors"):
            tensors.update(read_model(name, data))
    return tables, tensors


def read_ids(walk):
    """The numbers that mean tokens elsewhere."""
    def load(name):
        found = walk.tree().get(name)
        return json.loads(found[1]) if found else {}

    found = {}
    fast, config, generation = (load(n) for n in ("tokenizer.json", "config.json",
                                                  "generation_config.json"))
    if "padding" in fast:
        found["pad"] = [fast["padding"]["pad_id"]]
    if "post_processor" in fast:
        found["post"] = fast["post_processor"]["special_tokens"]["X"].get("ids", [])
    if "pad_token_id" in config:
        found["config"] = [config["pad_token_id"]]
    if "eos_token_id" in generation:
        found["end"] = generation["eos_token_id"]
    return found


def read_model(name, data):
    found = {}
    size = 8 + struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:size])
    head.pop("__metadata__", None)
    for tensor, t in head.items():
        begin, end = t["data_offsets"]
        values = struct.unpack("<%df" % ((end - begin) // 4), data[size + begin:size + end])
        found[("ema." if name == OTHER else "") + tensor] = list(values[::WIDTH])
    return found


def joined(walk, tables):
    """One table of all files, which must agree; added_tokens.json belongs to what it lies beside."""
    whole = {}
    for name, table in tables.items():
        for token, i in table:
            walk.check(whole.setdefault(token, i) == i, "the tokenizer's files agree", name, token,
                       i, whole[token], tables)
    ids = {}
    for token, i in whole.items():
        walk.check(ids.setdefault(i, token) == token, "no two tokens have one id", token, ids[i],
                   tables)
    for name in ("tokenizer.json", "vocab.json", "vocab.txt"):
        if name not in tables:
            continue
        kind = dict(tables[name])
        if name != "tokenizer.json":
            kind.update(tables.get("added_tokens.json", ()))
        missing = sorted(whole.keys() - kind.keys())
        walk.check(not missing, "each kind of file has all tokens", name, missing, tables)
    return whole


# ---- what a side does ----


def grow(walk, version, side, rng):
    """New tokens, in the list of added ones or not, and rows for them."""
    for name in rng.sample(("A", "B", "C", "D"), rng.randrange(1, 3)):
        token = name if rng.random() < 0.4 else name + side[0]
        if token in version.tokens:
            continue
        if version.kind != "unigram" and rng.random() < 0.4 or version.added:
            version.added.add(token)
        at = len(version.tokens)
        version.tokens.append(token)
        for name, rows in version.tensors.items():
            value = fresh(rng)
            if at < len(rows):
                rows[at] = value
            else:
                rows.append(value)


def fresh(rng):
    return float(rng.randrange(1000, 1 << 20))


def insert(walk, version, side, rng):
    """A token in the midst of others, which get other numbers."""
    at = rng.randrange(1, 5)
    version.tokens.insert(at, "I" + side[0])
    for rows in version.tensors.values():
        rows.insert(at, fresh(rng))
        if len(rows) > len(version.tokens):
            rows.pop()


def remove(walk, version, side, rng):
    at = rng.randrange(1, 6)
    version.added.discard(version.tokens[at])
    version.point(version.tokens.pop(at), version.tokens[0])
    for rows in version.tensors.values():
        rows.pop(at)
        if version.padding:
            rows.append(7.0)


def rename(walk, version, side, rng):
    """As BERT's unused ones are."""
    at = rng.randrange(1, 6)
    version.point(version.tokens[at], "R" + side[0] + str(at))
    version.tokens[at] = "R" + side[0] + str(at)
    for rows in version.tensors.values():
        rows[at] = fresh(rng)


def swap(walk, version, side, rng):
    a, b = rng.sample(range(1, 6), 2)
    for list_ in [version.tokens] + list(version.tensors.values()):
        list_[a], list_[b] = list_[b], list_[a]


def train(walk, version, side, rng):
    for name, rows in version.tensors.items():
        if rng.random() < 0.7:
            for i in rng.sample(range(len(version.tokens)), 3):
                if i < len(rows):
                    rows[i] = fresh(rng)


def untie(walk, version, side, rng):
    if "head" in version.tensors:
        del version.tensors["head"]
    else:
        version.tensors["head"] = [v + 0.5 for v in version.tensors["emb"]]


def second(walk, version, side, rng):
    version.tensors.setdefault("ema.emb", [v + 0.25 for v in version.tensors["emb"]])


def forget(walk, version, side, rng):
    """A tokenizer that grew, and rows that did not."""
    if version.added:
        version.added.add("F" + side[0])
    version.tokens.append("F" + side[0])


def convert(walk, version, side, rng):
    kinds = [k for k in KINDS if k != "unigram" or not version.added]
    if version.kind != "unigram":
        version.kind = rng.choice(kinds)


def means(walk, version, side, rng):
    """Ids of other tokens than before, of those that came above all."""
    for ref in rng.sample(("config", "end", "pad", "post"), rng.randrange(1, 4)):
        n = 2 if ref in ("end", "post") and rng.random() < 0.4 else 1
        version.refs[ref] = tuple(rng.choice(version.tokens[-5:]) for _ in range(n))


STEPS = ((grow, 0.75), (train, 0.7), (insert, 0.12), (remove, 0.12), (rename, 0.15), (swap, 0.1),
         (untie, 0.08), (second, 0.05), (forget, 0.05), (convert, 0.05),
         (means, 0.5))


def edit(walk, version, side):
    new = version.copy()
    for step, share in STEPS:
        name = "%s: %s" % (side, step.__name__)
        if walk.may(share, name):
            step(walk, new, side, walk.draw(name))
    return new


def commit(walk, version, side):
    write(walk, version)
    walk.strata("add", "-q", "-A")
    walk.strata("commit", "-q", "-m", side, ends=(0, 1))


# ---- what must be true ----


def row_of(version, tensor, token):
    """The row of a token, or None."""
    rows, at = version.tensors.get(tensor), version.table().get(token)
    return rows[at] if rows is not None and at is not None and at < len(rows) else None


def paddings(versions, tensor, token, at):
    """A row that is no token's in a version without this one."""
    return {v.tensors[tensor][at] for v in versions if tensor in v.tensors
            and len(v.tokens) <= at < len(v.tensors[tensor]) and token not in v.tokens}


def allowed(base, ours, theirs, tensor, token):
    """The values that a token's row may have: who changed it has the say, both if both did."""
    b, o, t = (row_of(v, tensor, token) for v in (base, ours, theirs))
    if tensor not in ours.tensors or tensor not in theirs.tensors:
        return {v for v in (b, o, t) if v is not None}
    if o is None or t is None or o == t:
        return {v for v in (o, t) if v is not None}
    if o == b:
        return {t}
    return {o} if t == b else {o, t}


def holds(walk, base, ours, theirs, sides):
    """sides: somebody decided for a side, or the base, so that what others did may be gone."""
    tables, tensors = read(walk)
    table = joined(walk, tables)
    known = set(base.tokens) | set(ours.tokens) | set(theirs.tokens)
    for token in table:
        walk.check(token in known or token.startswith("[hole"), "the tokens are somebody's", token,
                   tables)
    for tensor, rows in tensors.items():
        if tensor == "w":
            continue
        for token, at in table.items():
            may = allowed(base, ours, theirs, tensor, token)
            if sides:
                may |= {row_of(v, tensor, token) for v in (base, ours, theirs)}
                may |= paddings((base, ours, theirs), tensor, token, at)
            may.discard(None)
            if at >= len(rows):
                walk.check(not may, "every token that had a row has one", tensor, token,
                           at, len(rows), tables)
            elif may:
                walk.check(rows[at] in may, "a token has its own row", tensor, token, at, rows[at],
                           may, tables)
    for ref, ids in read_ids(walk).items():
        meant(walk, table, ref, ids, [v.refs.get(ref) for v in (base, ours, theirs)], sides)
    if sides:
        return
    for version in (ours, theirs):
        other = theirs if version is ours else ours
        for token in version.table():
            gone = token in base.table() and token not in other.table()
            walk.check(token in table or gone, "no token is lost", token, tables)
    for tensor in set(ours.tensors) & set(theirs.tensors):
        walk.check(tensor in tensors, "no tensor is lost", tensor)


def meant(walk, table, ref, ids, of, sides):
    """of: what the base, ours and theirs mean."""
    base, ours, theirs = of
    may = {theirs} if ours == base else {ours} if theirs in (base, ours) else {ours, theirs}
    if sides:
        may |= set(of)
    names = {i: t for t, i in table.items()}
    if not ids and None in may:  # somebody chose a version that has none
        return
    walk.check(tuple(names.get(i) for i in ids) in may, "an id means what its side meant", ref, ids,
               of, table)


def settle(walk, base, ours, theirs):
    """One decision after the other, until all are made or somebody gives up."""
    sides = False
    for i in range(3):
        if not walk.may(0.25, "step %d" % i):
            continue
        rng = walk.draw("step %d" % i)
        how = rng.choice((["--ours"], ["--theirs"], ["--base"], ["--vocab", "union"],
                          ["--vocab", "union", "--theirs"]))
        what = rng.choice(("*emb", "*head", "tokenizer*", "vocab*", "added*", "*" + MODEL + "*"))
        done = walk.strata("resolve", "-q", what, *how, ends=(0, 2, 7))
        sides = sides or (done.status == 0 and how[0] != "--vocab")
    last = walk.draw("all").choice((["--vocab", "union"],) * 3 + (["--ours"], ["--theirs"], ["--base"]))
    if last[0] == "--vocab":
        UNIONS["asked"] += 1
    done = walk.strata("resolve", "-q", "*", *last, ends=(0, 2, 7))
    sides = sides or (done.status == 0 and last[0] != "--vocab")
    UNIONS["made"] += done.status == 0 and last[0] == "--vocab"
    for item in walk.lines("status", "--json"):
        if item["kind"] == "conflict" and item["type"] == "configuration" and not item["how"]:
            how = walk.draw(item["path"] + str(item["name"])).choice(("--ours", "--theirs"))
            what = item["path"] + ("::" + item["name"] if item["name"] else "")
            walk.strata("resolve", "-q", what, how, ends=(0, 7))
    return sides


def merging(walk):
    walk.strata("init", "-q")
    rng = walk.draw("base")
    tokens = ["t%d" % i for i in range(7)]
    padding = rng.choice((0, 0, 3, 6))
    tensors = {"emb": [float(i) for i in range(7)] + [900.0 + i for i in range(padding)]}
    if rng.random() < 0.5:
        tensors["head"] = [v + 100 for v in tensors["emb"]]
    refs = {ref: (rng.choice(tokens),) for ref in ("config", "end", "pad", "post")
            if rng.random() < 0.6}
    base = Version(rng.choice(KINDS), tokens, (), padding, tensors, refs)
    commit(walk, base, "base")
    walk.strata("branch", "side")
    ours = edit(walk, base, "ours")
    commit(walk, ours, "ours")
    walk.strata("switch", "-q", "side")
    theirs = edit(walk, base, "theirs")
    commit(walk, theirs, "theirs")
    walk.strata("switch", "-q", "main")
    method = walk.draw("method").choice(([], [], [], ["--rule", "*=theirs"], ["--rule", "*=ours"]))
    done = walk.strata("merge", "-q", "side", *method, ends=(0, 1, 2, 7))
    if done.status in (2, 7):
        done = walk.strata("merge", "-q", "side", ends=(0, 1, 7))
        method = []
    if done.status == 7:
        walk.check(not walk.strata("status", "-s").out, "a refusal changes nothing")
        return
    sides = bool(method)
    if done.status == 1:
        sides = settle(walk, base, ours, theirs) or sides
        done = walk.strata("merge", "-q", "--continue", ends=(0, 1, 7))
        if done.status and walk.strata("resolve", "-q", "*", "--ours", ends=(0, 7)).status == 0:
            sides = True
            done = walk.strata("merge", "-q", "--continue", ends=(0, 1, 7))
        if done.status:
            walk.strata("merge", "-q", "--abort")
            return
    holds(walk, base, ours, theirs, sides)
    if walk.lines("log", "-1", "--json")[0]["message"].startswith("Merge"):
        walk.strata("merge", "--replay", "HEAD")
    walk.check(not walk.strata("status", "-s").out, "the files are those of the merge")


if __name__ == "__main__":
    end = random_walk.main(merging, 1, 25, MET)
    print("unions: %(made)d of %(asked)d" % UNIONS)
    if UNIONS["asked"] >= 10 and 3 * UNIONS["made"] < UNIONS["asked"]:
        print("unions are made too seldom")
        end = 1
    sys.exit(end)

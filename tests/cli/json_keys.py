#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the tables of doc/json.md against lines of real output.

    json_keys.py DOC SECTION[/KIND]=FILE...

Every line of FILE must be one JSON object. Every key in it must be in the table of SECTION, and
every key of the table in some line. With KIND only lines of that "kind" count. A section without
FILE is an error.
"""
import collections
import json
import re
import sys

MAPS = ("dtypes", "by_coding", "by_dtype", "libraries")  # their keys are data


def sections(path):
    found, title = {}, None
    for line in open(path):
        if line.startswith("## "):
            title = line[3:].strip()
            found[title] = []
        m = re.match(r"\| `([^`]+)` \|", line)
        if m and title:
            found[title].append(m.group(1))
    return found


def keys(value, path=""):
    """Paths of the leaves, and of objects that may also be null."""
    if isinstance(value, dict) and path.rsplit(".", 1)[-1] == "metadata":
        yield path
    elif isinstance(value, dict):
        if path:
            yield path
        for k, v in value.items():
            k = "*" if path in MAPS else re.sub(r"_hex$", "", k)
            yield from keys(v, path + "." + k if path else k)
    elif isinstance(value, list):
        yield path
        for v in value:
            yield from keys(v, path + "[]")
    else:
        yield path


def known(key, table):
    """In the table itself, or the object or list that holds something in it."""
    return key in table or any(t.startswith((key + ".", key + "[]")) for t in table)


def main():
    doc = sections(sys.argv[1])
    bad, used = [], collections.Counter()
    for arg in sys.argv[2:]:
        where, path = arg.rsplit("=", 1)
        section, _, kind = where.partition("/")
        used[section] += 1
        table, seen = doc.get(section), set()
        if table is None:
            bad.append("doc has no section %r" % section)
            continue
        for line in open(path):
            value = json.loads(line)
            if not isinstance(value, dict):
                bad.append("%s: not an object: %s" % (section, line))
            elif not kind or value.get("kind") == kind:
                seen.update(keys(value))
        bad += ["%s: %s is not documented" % (section, k) for k in seen if not known(k, table)]
        bad += ["%s: %s never comes" % (section, k) for k in table if k not in seen]
    bad += ["section %s is not tested" % s for s in doc if not used[s]]
    print("\n".join(sorted(bad)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

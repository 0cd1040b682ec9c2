#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads drawings of histories as an eye does, and holds them against the histories.

    graph_trace.py STRATA COUNT

COUNT random histories go through 'debug-graph'. Of every version its parents must be exactly those
that the lines below its star lead to.
"""
import random
import re
import subprocess
import sys


def history(rng):
    """Lines (version, parents), children first, some with unconnected roots and octopus merges."""
    n = rng.randint(1, 16)
    most = rng.choice([1, 2, 2, 3, 5])
    reach = rng.choice([3, 8, 16])
    out = []
    for v in range(n, 0, -1):
        near = range(max(1, v - reach), v)
        out.append((v, rng.sample(near, min(rng.choice([0, 1, 1, 1, most]), len(near)))))
    return out


def at(row, i):
    return row[i] if 0 <= i < len(row) else " "


def second_half(row, end, sign, step):
    """Does a line that crosses column `end` go on in this row, where nothing else moves?"""
    return at(row, end + step) == sign and at(row, end) == "|" == at(row, end + 2 * step) and \
        len(re.findall(r"[/\\]", row)) == 1


def read(text):
    rows = [re.fullmatch(r"([ *|/\\_]*)(\d*)", line).groups() for line in text.splitlines()]
    edges = {}
    lines = {}  # column -> the versions whose lines enter the row there
    halves = {}  # place of a slant whose first half is in the row above -> its versions
    for r, (row, number) in enumerate(rows):
        nxt = rows[r + 1][0] if r + 1 < len(rows) else ""
        after, going = {}, {}
        for i, sign in enumerate(row):
            if sign in " _":
                continue
            step = {"/": -1, "\\": 1}.get(sign, 0)
            who = halves.get(i) or lines.get(i - step, set())
            if sign == "*":
                for child in who:
                    edges[child].append(int(number))
                edges[int(number)] = []
                who = {int(number)}
            elif not who:
                raise ValueError("row %d: %s at %d comes from nowhere" % (r, sign, i))
            end = i + step
            while step and i not in halves and at(row, end + step) == "_":
                end += 2 * step
            if step and i not in halves and at(row, end) == "|" and \
                    second_half(nxt, end, sign, step):
                going[end + step] = who
            else:
                after[end] = after.get(end, set()) | who
        if halves.keys() - {i for i, sign in enumerate(row) if sign in "/\\"}:
            raise ValueError("row %d: a line ends in the middle" % r)
        lines, halves = after, going
    return edges


def main():
    rng = random.Random(6)
    for _ in range(int(sys.argv[2])):
        want = history(rng)
        text = "".join(" ".join(map(str, [v] + p)) + "\n" for v, p in want)
        got = subprocess.run([sys.argv[1], "debug-graph"], input=text, capture_output=True,
                             text=True, check=True).stdout
        try:
            seen = {v: sorted(p) for v, p in read(got).items()}
            assert seen == {v: sorted(p) for v, p in want}, seen
        except (AssertionError, ValueError, KeyError) as why:
            sys.exit("%r\n%s%s" % (why, text, got))


main()

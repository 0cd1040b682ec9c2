#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pages of `diff --html` in a real browser: what they say is what `diff --json` says, they sort
and filter, ask for nothing, fit every screen, and nothing in a name becomes markup.

With ST_PICTURES=DIR screenshots are kept there, to be looked at."""
# timeout 300
import html.parser
import json
import math
import os
import random
import stat
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
sys.dont_write_bytecode = True
import browser  # noqa: E402
import oracle  # noqa: E402
from oracle import run, strata  # noqa: E402

DEMO = os.path.join(oracle.SRC, "demo", "checkpoints")
EARLY, LATE = os.path.join(DEMO, "step-1600"), os.path.join(DEMO, "step-2000")
HOSTILE = ["<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>.0.w",
           "\"' onmouseover=alert(3) x='.0.w", "--><svg onload=alert(4)>", "nul\0.0.w", "&lt;b&gt;",
           "\u202egnp.0.w", "tab\tand\nline", "`${alert(5)}`", "\u5c42.0.w"]
# Every test asks a page for the same things.
READ = """
const own = (th) => {
	const copy = th.firstElementChild.cloneNode(true);
	copy.querySelectorAll("small").forEach((x) => x.remove());
	return copy.textContent;
};
return Array.from(document.querySelectorAll("#tensors tbody tr"), (row) => ({
	name: own(row.cells[0]), id: row.id, hidden: row.hidden,
	note: Array.from(row.cells[0].querySelectorAll("small"), (x) => x.textContent),
	text: Array.from(row.cells, (c) => c.textContent),
	value: Array.from(row.cells, (c) => c.dataset.v),
}));
"""
HEADS = """return Array.from(document.querySelectorAll("#tensors thead th"), (th) =>
	[th.textContent, th.dataset.k, th.getAttribute("aria-sort"), th.scope]);"""
the = None  # the one browser of all cases


def write_model(path, tensors):
    """name -> list of floats or (shape, list), as safetensors in F32."""
    header, data = {}, b""
    for name, what in tensors.items():
        shape, values = what if isinstance(what, tuple) else ([len(what)], what)
        raw = struct.pack("<%df" % len(values), *values)
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def page(name, a, b, *options):
    """Opens the page of a difference and sees that it is quiet."""
    path = os.path.abspath(name + ".html")
    strata(".", "diff", "--html", path, *options, a, b)
    visit(path)
    return path


def visit(path):
    asked, said = the.open(path)
    assert asked == ["file://" + path], asked
    assert not said, said
    assert the.alert() is None, "an alert is open"


def keep(name):
    if os.environ.get("ST_PICTURES"):
        the.picture(os.path.join(os.environ["ST_PICTURES"], name + ".png"))


def demo():
    return page("demo", EARLY, LATE)


class Static(html.parser.HTMLParser):
    """What is on a page for a reader without scripts."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.rows, self.cells, self.table, self.ids = [], 0, 0, None, []
        with open(path, encoding="utf-8") as f:
            self.feed(f.read())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "table":
            self.table = attributes.get("id") or attributes.get("class", "").split(" ")[0]
        self.rows += tag == "tr" and self.table == "tensors"
        self.cells += tag == "a" and self.table == "heat"


def only_ours(static):
    """No markup but the page's own: nothing that loads, runs, or leads away."""
    for tag, attributes in static.tags:
        assert tag not in ("img", "iframe", "object", "link", "base", "embed", "b:", "i"), tag
        for key, value in attributes.items():
            assert not key.startswith("on") and key not in ("src", "action", "srcset"), (tag, key)
            assert key != "href" or value.startswith("#t"), (tag, value)
    assert [t for t, _ in static.tags].count("script") == 1
    assert len(set(static.ids)) == len(static.ids), "an id occurs twice"
    scopes = [a.get("scope") for t, a in static.tags if t == "th"]
    assert all(s in ("col", "row", "colgroup") for s in scopes), set(scopes)


# --- cases ------------------------------------------------------------------------------------


def says_what_json_says():
    demo()
    want = [r for r in oracle.lines(".", "diff", "--all", "--json", EARLY, LATE)
            if r["kind"] == "tensor"]
    rows = the.js(READ)
    columns = [h[0] for h in the.js(HEADS)]
    assert len(rows) == len(want) > 50, (len(rows), len(want))
    assert sorted(r["name"] for r in rows) == sorted(r["name"] for r in want)
    by_name = {(os.path.basename(r["path"]), r["name"]): r for r in want}
    for row in rows:
        path = [n[3:] for n in row["note"] if n.startswith("in ")]
        r = by_name.pop((path[0], row["name"]))
        assert row["text"][1] == r["status"], (row, r)
        for title, key in (("D", "mad"), ("L2", "l2"), ("rel. L2", "rel_l2"), ("max", "max_abs"),
                           ("cosine", "cosine")):
            shown = row["value"][columns.index(title)]
            if r.get(key) is None:
                assert not shown, (row["name"], key, shown)
            else:
                assert math.isclose(float(shown), r[key], rel_tol=1e-7), (row["name"], key, shown)
    assert not by_name


def sorts_by_every_column():
    demo()
    heads = the.js(HEADS)
    order = [r["id"] for r in the.js(READ)]
    assert {h[2] for h in heads if h[1]} == {"none"} and {h[3] for h in heads} == {"col"}
    for i, (title, kind, _, _) in enumerate(heads):
        if not kind:
            continue
        seen = {}
        for _ in range(2):
            the.click("#tensors thead th:nth-child(%d) button" % (i + 1))
            way = the.js(HEADS)[i][2]
            rows = the.js(READ)
            assert sorted(r["id"] for r in rows) == sorted(order), title
            seen[way] = rows
        assert set(seen) == {"ascending", "descending"}, (title, set(seen))
        assert sum(h[2] not in (None, "none") for h in the.js(HEADS)) == 1
        if kind == "n":
            for way, rows in seen.items():
                values = [r["value"][i] for r in rows]
                known = [float(v) for v in values if v]
                assert values[:len(known)] == [v for v in values if v], "the unknown come last"
                assert known == sorted(known, reverse=way == "descending"), (title, way)
        else:
            texts = {way: [r["text"][i] for r in rows] for way, rows in seen.items()}
            assert texts["ascending"] == texts["descending"][::-1], title


def filters_by_name_and_status():
    demo()
    rows = the.js(READ)
    word = rows[len(rows) // 2]["name"][:12].upper()
    unchanged = sum(r["text"][1] == "unchanged" for r in rows)
    assert sum(r["hidden"] for r in rows) == unchanged, "at first what changed is shown"
    the.type("#filter input[type=search]", word)
    shown = [r for r in the.js(READ) if not r["hidden"]]
    want = [r for r in rows if word.lower() in r["text"][0].lower() and not r["hidden"]]
    assert [r["id"] for r in shown] == [r["id"] for r in want] and 0 < len(want) < len(rows)
    said = the.js("return document.querySelector('#filter output').value")
    assert said == "%d of %d shown" % (len(want), len(rows)), said
    the.click("#filter input[value=changed]")
    assert all(r["hidden"] or r["text"][1] != "changed" for r in the.js(READ))


def heat_map_leads_to_the_table():
    demo()
    cells = the.js("return Array.from(document.querySelectorAll('.heat td a'), (a) => "
                   "[a.textContent, a.hash, a.parentElement.title, a.parentElement.className])")
    ids = {r["id"]: r for r in the.js(READ)}
    assert len(cells) == len(ids), "each tensor has its cell"
    for text, target, title, _ in cells:
        row = ids[target[1:]]
        assert row["name"] in title and row["text"][1] in title, (row, title)
        assert text, title
    assert len({c for *_, c in cells if c.startswith("h")}) > 3, "the colours tell nothing apart"
    the.hover(".heat tbody td[class^=h]")
    tip = the.js("const t = document.getElementById('tip'); return t.hidden ? null : t.textContent")
    assert tip and "relative L2" in tip, tip
    the.type("#filter input[type=search]", "no such name")
    the.js("document.querySelector('.heat td a').click()")
    assert the.js("return new Promise((done) => setTimeout(() => "
                  "done(!document.querySelector('tr:target').hidden), 50))")


def fits_narrow_and_wide_screens():
    path = demo()
    for width in (320, 400, 800, 1400, 2560):
        the.screen(width)
        visit(path)
        wide, room = the.js("return [document.documentElement.scrollWidth, innerWidth]")
        assert wide <= room, (width, wide)
        small = the.js("return Array.from(document.querySelectorAll('td, th, text, p, dd'), "
                       "(x) => parseFloat(getComputedStyle(x).fontSize)).filter((x) => x < 11)")
        assert not small, (width, small[:3])
        keep("diff-%d" % width)


def follows_light_and_dark():
    path = demo()
    try:
        for scheme, low, high in (("light", 0.7, 1), ("dark", 0, 0.35)):
            the.screen(500, 400, scheme)
            visit(path)
            got = browser.brightness(the.picture())
            assert low <= got <= high, (scheme, got)
            the.screen(1400, 1800, scheme)
            keep("diff-" + scheme)
    finally:
        the.screen(1400)


def reads_without_scripts():
    path = demo()
    static = Static(path)
    only_ours(static)
    rows = len(the.js(READ))
    assert static.rows == rows + 1 and static.cells == rows
    the.scripts(False)
    try:
        visit(path)
        shown = the.js("return [document.querySelectorAll('#tensors tbody tr:not([hidden])')"
                       ".length, document.getElementById('filter').hidden, "
                       "document.querySelectorAll('#tensors button').length]")
        assert shown == [rows, True, 0], shown
    finally:
        the.scripts(True)


def hostile_names_stay_text():
    rng = random.Random(1)
    a = {n: [rng.random() for _ in range(8)] for n in HOSTILE}
    write_model("h1.safetensors", a)
    write_model("h2.safetensors", {n: [x + 1e-3 for x in v] for n, v in a.items()})
    os.makedirs("evil", exist_ok=True)
    os.makedirs("evil2", exist_ok=True)
    for where, value in (("evil", 1), ("evil2", 2)):
        write_model(where + "/<b>m.safetensors", {n: [x * value for x in v] for n, v in a.items()})
        with open(where + "/config.json", "w") as f:
            json.dump({"</script><script>alert(6)": value, "k": "<img src=x onerror=alert(%d)>" %
                       (6 + value)}, f)
    for args in (("h1.safetensors", "h2.safetensors"), ("evil", "evil2")):
        path = page("hostile", *args)
        names = [r["name"] for r in the.js(READ)]
        assert len(names) == len(HOSTILE), names
        for plain in (n for n in HOSTILE if n.isprintable() and '"' not in n):
            assert plain in names, (plain, names)
        assert not any(ord(c) < 32 or c == "\u202e" for n in names for c in n), names
        for selector in ("#filter input[type=search]", "#tensors thead th button"):
            the.click(selector)
        the.hover(".heat td[class^=h]")
        assert the.alert() is None
        assert the.js("return document.querySelectorAll('img, svg[onload], main script').length") == 0
        only_ours(Static(path))
    body = the.js("return document.body.textContent")
    assert "<img src=x onerror=alert(8)>" in body and "<b>m.safetensors" in body


def values_that_are_not_finite():
    write_model("n1.safetensors", {"zero": [0.0] * 4, "nan": [1.0, 2.0], "half": [1.0, math.inf],
                                   "sign": [0.0, 1.0]})
    write_model("n2.safetensors", {"zero": [1.0] * 4, "nan": [math.nan] * 2, "half": [2.0, math.inf],
                                   "sign": [-0.0, 1.0]})
    page("finite", "n1.safetensors", "n2.safetensors")
    rows = {r["name"]: r for r in the.js(READ)}
    at = [h[0] for h in the.js(HEADS)].index("rel. L2")
    assert rows["zero"]["text"][at] == "inf" and rows["nan"]["text"][at] == "nan", rows
    assert any("1 not finite" in n for n in rows["half"]["note"]), rows["half"]
    assert rows["sign"]["text"][at] == "0" and rows["sign"]["text"][1] == "changed"
    the.click("#tensors thead th:nth-child(%d) button" % (at + 1))
    order = [r["name"] for r in the.js(READ)]
    assert order[0] == "zero" and order[-1] == "nan", order


def two_tensors():
    write_model("s1.safetensors", {"weight": ([2, 2], [1, 2, 3, 4]), "bias": [1, 2]})
    write_model("s2.safetensors", {"weight": ([2, 2], [1, 2, 3, 5]), "bias": [1, 2]})
    page("small", "s1.safetensors", "s2.safetensors")
    keep("diff-small")
    rows = {r["name"]: r["text"] for r in the.js(READ)}
    assert rows["weight"][1] == "changed" and "25 %" in rows["weight"], rows
    assert len(the.js("return Array.from(document.querySelectorAll('.heat td a'), "
                      "(a) => a.hash)")) == len(rows)


def thousand_tensors():
    rng = random.Random(2)
    parts = ["attn.q", "attn.k", "attn.v", "attn.o", "mlp.up", "mlp.down", "mlp.gate", "norm1",
             "norm2", "norm3"]
    a = {"model.layers.%d.%s.weight" % (i, p): [rng.gauss(0, 1) for _ in range(64)]
         for i in range(100) for p in parts}
    write_model("t1.safetensors", a)
    write_model("t2.safetensors", {n: [x + rng.gauss(0, 1e-4) for x in v] for n, v in a.items()})
    path = page("thousand", "t1.safetensors", "t2.safetensors")
    keep("diff-thousand")
    assert os.path.getsize(path) < 2 << 20, os.path.getsize(path)
    layers = the.js("return Array.from(document.querySelectorAll('.heat tbody th'), "
                    "(t) => t.textContent)")
    assert layers == ["model.layers.%d" % i for i in range(100)], layers[:12]
    assert len(the.js(READ)) == 1000


def three_thousand_tensors_are_grouped():
    experts = {"model.layers.%d.experts.%d.w%d.weight" % (i, e, k): [1.0 + i, 2.0]
               for i in range(20) for e in range(50) for k in range(3)}
    write_model("e1.safetensors", experts)
    experts["model.layers.7.experts.31.w1.weight"] = [8.0, 2.5]
    write_model("e2.safetensors", experts)
    page("experts", "e1.safetensors", "e2.safetensors")
    keep("diff-experts")
    cells = the.js("return Array.from(document.querySelectorAll('.heat td a'), (a) => "
                   "[a.parentElement.className, a.parentElement.title])")
    assert len(cells) == 60, len(cells)
    (title,) = [t for c, t in cells if c.startswith("h")]
    assert "50 tensors: 49 unchanged, 1 changed" in title, title
    assert "model.layers.7.experts.31.w1.weight" in title, title


def no_difference():
    page("equal", "s1.safetensors", "s1.safetensors")
    assert "No difference." in the.js("return document.body.textContent")


def says_what_became_executable_or_a_link():
    repo = os.path.abspath("modes")
    os.makedirs(repo)
    for name in ("run.sh", "plain", "target", "soft"):
        with open(os.path.join(repo, name), "w") as f:
            f.write(name)
    strata(repo, "init")
    strata(repo, "add", ".")
    strata(repo, "commit", "-m", "one")
    os.chmod(os.path.join(repo, "run.sh"), 0o755)
    os.unlink(os.path.join(repo, "soft"))
    os.symlink("target", os.path.join(repo, "soft"))
    for options, want in (((), {"run.sh": "executable", "soft": "now a link"}),
                          (("v2", "v1"), {"run.sh": "no longer executable", "soft": "no longer a link"})):
        path = os.path.abspath("modes.html")
        strata(repo, "diff", "--html", path, *options)
        visit(path)
        got = the.js("return Array.from(document.querySelectorAll('.files tbody tr'), (r) => "
                     "[r.cells[0].textContent, r.cells[1].querySelector('small').textContent])")
        assert dict(got) == want, got
        keep("diff-modes")
        strata(repo, "commit", "-a", "--allow-empty", "-m", "two")


def replaces_the_file_or_leaves_it():
    args = ["diff", "s1.safetensors", "s2.safetensors", "--html"]
    with open("old.html", "w") as f:
        f.write("old")
    os.chmod("old.html", 0o640)
    os.symlink("old.html", "link.html")
    strata(".", *args, "link.html")
    assert os.path.islink("link.html") and os.path.getsize("old.html") > 10000
    assert stat.S_IMODE(os.stat("old.html").st_mode) == 0o640
    for target, word in (("none/x.html", "make its directory first"), (".", "name a file"),
                         ("/dev/full", "make room")):
        got = run(".", *args, target)
        assert got.returncode == 5 and word in got.stderr.decode(), (target, got)
    assert not [n for n in os.listdir(".") if ".strata-" in n], os.listdir(".")
    got = run(".", *args, "/dev/stdout")
    assert got.returncode == 0 and got.stdout.startswith(b"<!DOCTYPE html>"), got


CASES = [says_what_json_says, sorts_by_every_column, filters_by_name_and_status,
         heat_map_leads_to_the_table, fits_narrow_and_wide_screens, follows_light_and_dark,
         reads_without_scripts, hostile_names_stay_text, values_that_are_not_finite, two_tensors,
         thousand_tensors, three_thousand_tensors_are_grouped, no_difference,
         says_what_became_executable_or_a_link, replaces_the_file_or_leaves_it]


def main():
    global the
    why = browser.missing()
    if why:
        oracle.skip_all([c.__name__.replace("_", " ") for c in CASES], why)
        return 0
    the = browser.Browser()
    try:
        the.screen(1400)
        return oracle.run_cases([(c.__name__.replace("_", " "), c) for c in CASES])
    finally:
        the.close()


if __name__ == "__main__":
    sys.exit(main())

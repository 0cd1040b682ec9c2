#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A decoder written from doc/format/codec.md alone (codec_decoder.py) reads every frame that strata's
encoder writes: those kept in tests/golden/codec, and new ones, random in every run."""
import os
import random
import subprocess
import sys

sys.dont_write_bytecode = True

import codec_decoder
import oracle

KEPT = os.path.join(oracle.GOLDEN, "codec")
MAKER = os.path.join(oracle.BUILD, "tests", "unit-test_codec_golden")
SEED = int(os.environ.get("ST_SEED") or int.from_bytes(os.urandom(4), "little"))

# What the streams of all kinds together must have used, or the test tests less than it says.
FEATURES = {"coding %d" % c for c in (1, 3, 4, 5, 6, 7, 8, 9, 10)} | {
    "blocks %d" % t for t in codec_decoder.BLOCK_TYPES} | {
    "gaps 0", "gaps 1", "plane 0", "plane 1", "plane 2", "flag 1", "flag 2", "flag 4",
    "group 0", "group 128", "group coded", "halves in 4", "halves in 5"}


def decodes(path, seen=None):
    coding, width, base, coded, raw = codec_decoder.read_file(path)
    got = codec_decoder.decode(coding, width, len(raw), coded, base, seen)
    assert got == raw, "%s gives other bytes (ST_SEED=%d)" % (path, SEED)


def damage_is_noticed_or_other_bytes():
    """The decoder has no other failure than Damaged."""
    rng = random.Random(SEED)
    for name in sorted(os.listdir(KEPT)):
        coding, width, base, coded, raw = codec_decoder.read_file(os.path.join(KEPT, name))
        for _ in range(20):
            bad = bytearray(coded)
            bad[rng.randrange(min(len(bad), rng.choice([64, 1 << 20])))] ^= 1 << rng.randrange(8)
            try:
                assert len(codec_decoder.decode(coding, width, len(raw), bytes(bad), base)) == len(raw)
            except codec_decoder.Damaged:
                pass


def random_streams():
    if not os.access(MAKER, os.X_OK):
        return "the unit tests are not built"
    seen, count = set(), 0
    for i in range(3):
        where = os.path.abspath("streams-%d" % i)
        os.mkdir(where)
        subprocess.run([MAKER, "--make", where, str(SEED + i + 2)], check=True)
        for name in sorted(os.listdir(where)):
            decodes(os.path.join(where, name), seen)
            count += 1
    assert count > 500, count
    assert FEATURES <= seen, "never used (ST_SEED=%d): %s" % (SEED, sorted(FEATURES - seen))
    return None


def main():
    cases = [(name, decodes, os.path.join(KEPT, name)) for name in sorted(os.listdir(KEPT))]
    assert len(cases) > 20, "the golden files are not there"
    cases += [("damage_is_noticed_or_other_bytes", damage_is_noticed_or_other_bytes),
              ("random_streams", random_streams)]
    if not codec_decoder.ZSTD:
        oracle.skip_all([c[0] for c in cases], "no libzstd to load")
        return 0
    return oracle.run_cases(cases)


if __name__ == "__main__":
    sys.exit(main())

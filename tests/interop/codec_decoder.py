#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A slow, obvious decoder of frames, from doc/format/codec.md and nothing else.

    codec_decoder.py FILE...    decodes test files (tests/unit/test_codec_golden.c says what they are)

decode(coding, width, n, stored, base) gives the n bytes of a frame or raises Damaged.
"""
import ctypes
import ctypes.util
import datetime
import os
import re
import sys

(RAW, CONST, SAME, ZPLANES, PLANES, DELTA, SPARSE, HALVES, HALVES_DELTA, BLOCKS,
 BLOCKS_DELTA, TERSE, TERSE_DELTA) = range(13)
NEEDS_BASE = (SAME, DELTA, SPARSE, HALVES_DELTA, BLOCKS_DELTA, TERSE_DELTA)

# number: width (0: any), bits of the mantissa
NUMBERS = {0: (0, 0), 1: (2, 7), 2: (2, 10), 3: (4, 23), 4: (8, 52), 5: (1, 3), 6: (1, 2)}


class Damaged(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Damaged(what)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, n):
        check(self.at + n <= len(self.data), "too short")
        self.at += n
        return self.data[self.at - n:self.at]

    def byte(self):
        return self.bytes(1)[0]

    def u32(self):
        return int.from_bytes(self.bytes(4), "little")

    def varint(self):
        value, shift = 0, 0
        while True:
            check(shift < 70, "a varint of more than ten bytes")
            b = self.byte()
            value |= (b & 127) << shift
            if b < 128:
                check(b or not shift, "a varint longer than needed")
                check(value < 1 << 64, "a varint of more than 64 bits")
                return value
            shift += 7

    def signed(self):
        v = self.varint()
        return -(v + 1) // 2 if v & 1 else v // 2

    def zstd(self, n):
        return unzip(self.bytes(self.varint()), n)

    def block(self, n):
        how = self.byte()
        check(how in (0, 1), "method of a block")
        return self.zstd(n) if how else self.bytes(n)

    def rest(self):
        return self.bytes(len(self.data) - self.at)

    def end(self):
        check(self.at == len(self.data), "bytes are left over")


def load_zstd():
    for name in (ctypes.util.find_library("zstd"), "libzstd.so.1"):
        try:
            lib = ctypes.CDLL(name) if name else None
        except OSError:
            lib = None
        if lib:
            lib.ZSTD_decompress.restype = ctypes.c_size_t
            lib.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p,
                                            ctypes.c_size_t]
            return lib
    return None


ZSTD = load_zstd()


def unzip(data, n):
    out = ctypes.create_string_buffer(n + 1)
    check(ZSTD.ZSTD_decompress(out, n, bytes(data), len(data)) == n, "a zstd frame")
    return out.raw[:n]


def number_info(number, width):
    check(number in NUMBERS and NUMBERS[number][0] in (0, width), "a number of another width")
    return NUMBERS[number][1]


# --- symbols ---

def frequency_table(r, nsyms, total):
    freq = []
    while len(freq) < nsyms:
        b = r.byte()
        if b == 0:
            freq += [0] * (1 + r.byte())
        elif b < 128:
            freq.append(b)
        else:
            freq.append((b & 127) << 8 | r.byte())
            check(freq[-1] >= 128, "a frequency longer than needed")
    check(len(freq) == nsyms and sum(freq) == total, "a frequency table")
    start, slots = 0, []
    for s, f in enumerate(freq):
        slots += [(s, f, start)] * f
        start += f
    return slots


def symbols(r, nsyms, contexts):
    count = r.byte()
    check(1 <= count <= 32, "number of tables")
    begins = [0] + [r.byte() for _ in range(count - 1)]
    check(all(a < b < 32 for a, b in zip(begins, begins[1:])), "contexts of tables")
    total = 1024 if nsyms <= 64 else 2048
    tables = [frequency_table(r, nsyms, total) for _ in range(count)]
    table_of = [tables[max(i for i in range(count) if begins[i] <= c)] for c in range(32)]
    s = Reader(r.bytes(r.u32()))
    states = [s.u32() for _ in range(64)]
    check(all(x >= 65536 for x in states), "a state")
    out = []
    for i, c in enumerate(contexts):
        x = states[i % 64]
        symbol, freq, start = table_of[c][x % total]
        x = freq * (x // total) + x % total - start
        if x < 65536:
            x = x << 16 | int.from_bytes(s.bytes(2), "little")
        states[i % 64] = x
        out.append(symbol)
    s.end()
    check(all(x == 65536 for x in states), "a state at the end")
    return out


# --- codings ---

def zplanes(r, width, n, base, seen):
    m = n // width
    planes = []
    for _ in range(width):
        z = r.varint()
        planes.append(unzip(r.bytes(z), m) if z else r.bytes(m))
    return bytes(planes[k][i] for i in range(m) for k in range(width)) + r.bytes(n % width)


def planes(r, width, n, base, seen):
    m = n // width
    number = r.byte()
    number_info(number, width)
    gaps = r.byte()
    check(gaps < 2, "gaps")
    groups = (m + 255) // 256
    there = list(r.block(groups)) if gaps else [1] * groups
    check(all(t < 2 for t in there), "a group")
    tail = r.bytes(n % width)
    places = [i for i in range(m) if there[i // 256]]
    seen.add("gaps %d" % gaps)
    values = [0] * m
    for k in range(width if places else 0):
        how = r.byte()
        check(how < 4, "a plane's method")
        seen.add("plane %d" % how)
        p = len(places)
        plane = (r.bytes(p) if how == 0 else r.bytes(1) * p if how == 1 else
                 symbols(r, 256, [0] * p) if how == 2 else r.zstd(p))
        for i, b in zip(places, plane):
            values[i] |= b << 8 * k
    if number in (1, 3, 4):
        values = [v >> 1 | (v & 1) << (8 * width - 1) for v in values]
    return b"".join(v.to_bytes(width, "little") for v in values) + tail


class Delta:
    def __init__(self, r, width, n, base, seen):
        self.r, self.width, self.n, self.bits = r, width, n, 8 * width
        self.m = n // width
        check(self.m >= 512, "too few elements")
        self.base = [int.from_bytes(base[i * width:(i + 1) * width], "little")
                     for i in range(self.m)]
        self.number, self.flags = r.byte(), r.byte()
        self.mantissa = number_info(self.number, width)
        check(self.flags < 8 and self.flags & 3 != 2, "flags")
        check(not self.flags & 4 or self.number in (2, 3, 4), "a decay")
        self.top = r.varint()
        self.start = r.varint() if self.flags & 2 else 0
        check(self.top <= 4095 and self.start <= 4095, "contexts")
        seen.update("flag %d" % f for f in (1, 2, 4) if self.flags & f)
        self.groups()
        if self.flags & 4:
            self.steps()
        check(self.flags & 4 or all(g < 128 for g in self.says), "a prediction")
        self.tail = r.bytes(n % width)
        seen.update("group %s" % ("coded" if g % 128 else g) for g in self.says)

    def groups(self):
        if not self.flags & 1:
            self.group_of, self.says = [0] * self.m, [1]
            return
        group, first = self.r.varint(), self.r.varint()
        check(64 <= group <= 65536 and 1 <= first <= group, "groups")
        self.group_of = [0 if i < first else 1 + (i - first) // group for i in range(self.m)]
        self.says = list(self.r.block(self.group_of[-1] + 1))

    def steps(self):
        self.step = []
        for _ in range(257):
            self.step.append(self.r.signed() + (self.step[-1] if self.step else 0))
            check(-1 << 31 <= self.step[-1] < 1 << 31, "a step")

    def order(self, u):
        if self.number == 0:
            return u
        high = 1 << (self.bits - 1)
        return ~u % (2 * high) if u & high else u | high

    def unorder(self, s):
        if self.number == 0:
            return s
        high = 1 << (self.bits - 1)
        return s ^ high if s & high else ~s % (2 * high)

    def turn(self, u, base):
        """A float with its sign the other way if the base's is minus."""
        return u ^ base & 1 << (self.bits - 1) if self.number else u

    def level(self, u):
        high = 1 << (self.bits - 1)
        if self.number:
            return (u % high) >> self.mantissa
        return (~u % (2 * high) if u & high else u).bit_length()

    def context(self, u, says):
        below = max(0, self.top - self.level(u))
        if self.flags & 2:
            return min(31, max(0, says % 128 + 2 * below - self.start))
        return min(31, below)

    def predict(self, u):
        r = self.mantissa - 8
        low = u % (1 << r)
        cell = (u >> r) % 256
        if r > 31:
            low >>= r - 31
            r = 31
        by = (self.step[cell + 1] - self.step[cell]) * low
        q = by >> r if by >= 0 else -(-by >> r)
        return -(self.step[cell] + q)

    def decode(self):
        coded = [i for i in range(self.m) if self.says[self.group_of[i]] % 128]
        contexts = [self.context(self.base[i], self.says[self.group_of[i]]) for i in coded]
        found = dict(zip(coded, symbols(self.r, 32 * self.width, contexts))) if coded else {}
        rest = self.r.rest()
        low, at = int.from_bytes(rest, "little"), 0
        out = []
        for i, u in enumerate(self.base):
            says, d = self.says[self.group_of[i]], 0
            if i in found:
                k, t, negative = found[i] >> 2, found[i] >> 1 & 1, found[i] & 1
                d = k
                if k >= 2:
                    d = (2 + t) << (k - 2) | (low >> at) % (1 << (k - 2))
                    at += k - 2
                if negative:
                    d = -d - 1
            if says >= 128:
                d += self.predict(u)
            s = self.order(self.turn(u, u)) + d
            out.append(self.turn(self.unorder(s % (1 << self.bits)), u))
        check((at + 7) // 8 == len(rest) and low >> at == 0, "low bits")
        return b"".join(v.to_bytes(self.width, "little") for v in out) + self.tail


def sparse(r, width, n, base, seen):
    m = n // width
    count, length = r.varint(), r.varint()
    check(count <= m // 32 and length <= 3 * count, "too many elements")
    gaps, new = Reader(r.block(length)), r.block(count * width)
    out = bytearray(base[:m * width])
    at = 0
    for k in range(count):
        at += gaps.varint()
        check(at < m, "an element behind the end")
        out[at * width:(at + 1) * width] = new[k * width:(k + 1) * width]
        at += 1
    gaps.end()
    return bytes(out) + r.bytes(n % width)


def halves(r, width, n, base, seen):
    check(width == 4 and n % 4 == 0, "halves of what")
    coding = r.byte()
    check(coding in ((SAME, DELTA, SPARSE) if base else (RAW, CONST, ZPLANES, PLANES)), "halves")
    upper = base and b"".join(base[i + 2:i + 4] for i in range(0, n, 4))
    seen.add("halves in %d" % coding)
    half = decode(coding, 2, n // 2, r.rest(), upper, seen)
    return b"".join(b"\0\0" + half[i:i + 2] for i in range(0, n // 2, 2))


# --- quantised blocks: a place is (byte, shift, bits), a value's places begin with its low bits ---

def half(a):
    return (2, 0, [[(a, 0, 8)], [(a + 1, 0, 8)]])


def several(a, count, shift=0, bits=8, centre=0):
    return (1, centre, [[(a + i, shift, bits)] for i in range(count)])


def nibbles(a, count, centre=0):
    return [several(a, count, 0, 4, centre), several(a, count, 4, 4, centre)]


def fifths(h, a, centre):
    return [(1, centre, [[(a + i, 4 * k, 4), (h + (16 * k + i) // 8, i % 8, 1)]
                         for i in range(16)]) for k in range(2)]


def scales_k():
    return [(1, 0, [[(4 + 4 * k + i, 0, 6)] for i in range(4)] +
             [[(8 + i, 4 * k, 4), (4 * k + i, 6, 2)] for i in range(4, 8)]) for k in range(2)]


BLOCK_TYPES = {
    2: (18, [half(0)] + nibbles(2, 16, 8)),
    3: (20, [half(0), half(2)] + nibbles(4, 16)),
    6: (22, [half(0)] + fifths(2, 6, 16)),
    7: (24, [half(0), half(2)] + fifths(4, 8, 0)),
    8: (34, [half(0), several(2, 32)]),
    10: (84, [half(80), half(82)] + nibbles(0, 16) + [several(16, 64, 2 * k, 2) for k in range(4)]),
    11: (110, [half(108), (1, 32, [[(96 + i % 8, i // 8 * 4, 4), (104 + i % 4, i // 4 * 2, 2)]
                                   for i in range(16)])] +
         [(1, 4, [[(32 + i, 2 * k, 2), (i % 32, 4 * (i // 32) + k, 1)] for i in range(64)])
          for k in range(4)]),
    12: (144, [half(0), half(2)] + scales_k() + nibbles(16, 128)),
    13: (176, [half(0), half(2)] + scales_k() +
         [(1, 0, [[(48 + i, 4 * k, 4), (16 + i % 32, 2 * (i // 32) + k, 1)] for i in range(128)])
          for k in range(2)]),
    14: (210, [half(208), several(192, 16)] +
         [(1, 32, [[(i, 4 * k, 4),
                    (128 + 32 * (i // 64) + i % 32, 4 * k + 2 * (i // 32 % 2), 2)]
                   for i in range(128)]) for k in range(2)]),
}


def take_part(blocks, size, part):
    """The bytes of one part of all blocks."""
    _, centre, values = part
    out = bytearray()
    for at in range(0, len(blocks), size):
        for places in values:
            v = up = 0
            for byte, shift, bits in places:
                v |= (blocks[at + byte] >> shift) % (1 << bits) << up
                up += bits
            out.append((v - centre) % 256)
    return bytes(out)


def put_part(out, size, part, found):
    _, centre, values = part
    for i, v in enumerate(found):
        at, v = i // len(values) * size, (v + centre) % 256
        for byte, shift, bits in values[i % len(values)]:
            out[at + byte] |= v % (1 << bits) << shift
            v >>= bits
        check(v == 0, "a value has too many bits")


def blocks(r, width, n, base, seen):
    kind, skip = r.byte(), r.varint()
    check(width == 1 and kind in BLOCK_TYPES, "blocks of what")
    size, parts = BLOCK_TYPES[kind]
    count = (n - skip) // size
    check(skip < size and count > 0, "no block")
    head, tail = r.bytes(skip), r.bytes(n - skip - count * size)
    out = bytearray(count * size)
    seen.add("blocks %d" % kind)
    for part in parts:
        coding, stored = r.byte(), r.bytes(r.varint())
        check(coding <= SPARSE and (base is not None or coding not in NEEDS_BASE), "a part's coding")
        old = take_part(base[skip:skip + len(out)], size, part) if coding in NEEDS_BASE else None
        put_part(out, size, part,
                 decode(coding, part[0], count * len(part[2]), stored, old, seen))
    return head + bytes(out) + tail


def constant(r, width, n, base, seen):
    check(n % width == 0 and n, "a constant")
    return r.bytes(width) * (n // width)


def words():
    """The list in doc/format/terse.md."""
    path = os.path.join(os.path.dirname(__file__), "../../doc/format/terse.md")
    with open(path, encoding="ascii") as f:
        return [line.split("|", 1)[1].rstrip("\n")[:-1].encode()
                for line in f if re.match(r" {4} *[0-9]+  \|", line)]


def time_text(ns):
    seconds, ns = divmod(ns, 10 ** 9)
    day = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    fraction = "%09d" % ns
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    return (day.strftime("%Y-%m-%dT%H:%M:%S") + ("." + fraction if fraction else "") + "Z").encode()


def terse(r, width, n, base, seen):
    out, ids, known = b"", [], words()
    while r.at < len(r.data):
        token = r.byte()
        seen.add("token %d" % min(token, 128) if token >= 64 else "token 0")
        if token < 64:
            out += r.bytes(token + 1)
        elif token == 64:
            ids.append(r.bytes(32).hex().encode())
            out += ids[-1]
        elif token == 65:
            k = r.byte()
            check(k < len(ids), "an id that did not come")
            out += ids[-1 - k]
        elif token == 66:
            out += time_text(int.from_bytes(r.bytes(8), "little", signed=True))
        elif token == 67:
            m = r.varint()
            check(base is not None and len(out) + m <= len(base), "beyond the base")
            out += base[len(out):len(out) + m]
        else:
            check(token >= 128 and token - 128 < len(known), "a token")
            out += known[token - 128]
        check(len(out) <= n, "too long")
    check(len(out) == n, "too short")
    return out


CODINGS = {
    RAW: lambda r, width, n, base, seen: r.bytes(n),
    CONST: constant,
    SAME: lambda r, width, n, base, seen: base,
    ZPLANES: zplanes,
    PLANES: planes,
    DELTA: lambda *args: Delta(*args).decode(),
    SPARSE: sparse,
    HALVES: halves,
    HALVES_DELTA: halves,
    BLOCKS: blocks,
    BLOCKS_DELTA: blocks,
    TERSE: terse,
    TERSE_DELTA: terse,
}


def decode(coding, width, n, stored, base=None, seen=None):
    seen = set() if seen is None else seen
    check(coding in CODINGS and width in (1, 2, 4, 8) and 1 <= n <= 1 << 20, "a frame")
    if coding in NEEDS_BASE:
        check(base is not None and len(base) == n, "a base of another size")
    else:
        base = None
    seen.add("coding %d" % coding)
    r = Reader(stored)
    out = CODINGS[coding](r, width, n, base, seen)
    r.end()
    return out


def read_file(path):
    """coding, width, base, stored bytes, raw bytes"""
    with open(path, "rb") as f:
        words = f.readline().split()
        coding, width, n, base_n, stored = (int(w) for w in words[4::2])
        base, coded, raw = f.read(base_n), f.read(stored), f.read(n)
        assert len(raw) == n and not f.read(1), path
    return coding, width, base, coded, raw


def main():
    bad = 0
    for path in sys.argv[1:]:
        coding, width, base, coded, raw = read_file(path)
        good = decode(coding, width, len(raw), coded, base) == raw
        print("%s: %s" % (path, "good" if good else "WRONG"))
        bad += not good
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())

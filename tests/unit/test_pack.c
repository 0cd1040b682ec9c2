/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blake3.h"
#include "codec/codec.h"
#include "store/pack.h"

static const struct st_oid none;

static void frames_of(void **state)
{
	static const struct {
		uint64_t raw, frames;
	} rows[] = {
		{ 0, 0 },
		{ 1, 1 },
		{ 1 << 20, 1 },
		{ (1 << 20) + 1, 2 },
		{ UINT64_MAX, (uint64_t)1 << 44 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(st_frames_of(rows[i].raw), rows[i].frames);
}

static void header(void **state)
{
	uint8_t p[ST_PACK_HEADER];
	struct st_err e = { 0 };

	(void)state;
	st_pack_header_put(p);
	assert_memory_equal(p, "STRAPACK\2\0\0\0\0\0\0\0", 16);
	assert_int_equal(st_pack_header_parse(p, sizeof(p), &e), ST_OK);
	assert_int_equal(st_pack_header_parse(p, sizeof(p) - 1, &e), ST_ECORRUPT);
	for (size_t i = 0; i < sizeof(p); i++) { /* every byte is fixed */
		st_err_clear(&e);
		p[i] ^= 4;
		assert_int_equal(st_pack_header_parse(p, sizeof(p), &e), ST_ECORRUPT);
		p[i] ^= 4;
	}
}

/* An entry of three frames: raw, same, constant. */
static struct st_entry sample(struct st_frame_row rows[3])
{
	struct st_entry en = { .kind = ST_ENTRY_DATA,
			       .width = 2,
			       .depth = 3,
			       .raw = 2 * ST_FRAME_LEN + 6,
			       .stored = ST_FRAME_LEN + 2,
			       .nframes = 3,
			       .frames = rows };

	memset(rows, 0, 3 * sizeof(*rows));
	memset(en.id.b, 0x11, ST_OID_LEN);
	memset(en.base.b, 0x22, ST_OID_LEN);
	rows[0] = (struct st_frame_row){ .coding = ST_CODING_RAW, .stored = ST_FRAME_LEN };
	rows[1] = (struct st_frame_row){ .coding = ST_CODING_SAME };
	rows[2] = (struct st_frame_row){ .coding = ST_CODING_CONST, .stored = 2, .check = 77 };
	for (unsigned i = 0; i < 3; i++)
		memset(rows[i].cv, (int)(0x40 + i), ST_OID_LEN);
	return en;
}

/* tag, raw (4), base, depth, number; raw: coding, cv; same: coding, cv; const: coding, check, cv;
 * length (2), check */
#define SAMPLE_LEN (1 + 4 + 32 + 1 + 1 + 33 + 33 + 41 + 2 + 8)

static size_t encode(uint8_t *out, size_t room, const struct st_entry *en)
{
	struct st_err e = { 0 };
	struct st_buf b;
	size_t n;

	st_buf_init(&b, room);
	assert_int_equal(st_entry_put(&b, en, &e), ST_OK);
	n = b.len;
	memcpy(out, b.p, n);
	st_buf_release(&b);
	return n;
}

static void recheck(const struct st_oid *id, uint8_t *p, size_t n)
{
	uint8_t hash[ST_OID_LEN];
	struct st_blake3 h;

	st_blake3_init(&h);
	st_blake3_update(&h, id->b, ST_OID_LEN);
	st_blake3_update(&h, p, n - 8);
	st_blake3_final(&h, hash);
	memcpy(p + n - 8, hash, 8);
}

static void same_entry(const struct st_entry *a, const struct st_entry *b)
{
	assert_true(st_oid_eq(&a->id, &b->id) && st_oid_eq(&a->base, &b->base));
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->width, b->width);
	assert_int_equal(a->depth, b->depth);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->raw, b->raw);
	assert_int_equal(a->stored, b->stored);
	assert_int_equal(a->nframes, b->nframes);
	for (unsigned i = 0; i < a->nframes; i++) {
		assert_int_equal(a->frames[i].coding, b->frames[i].coding);
		assert_int_equal(a->frames[i].stored, b->frames[i].stored);
		assert_int_equal(a->frames[i].check, b->frames[i].check);
		assert_memory_equal(a->frames[i].cv, b->frames[i].cv, ST_OID_LEN);
	}
}

static void entry_round_trip(void **state)
{
	uint8_t p[SAMPLE_LEN];
	struct st_frame_row rows[3];
	struct st_entry en = sample(rows), got;
	struct st_err e = { 0 };

	(void)state;
	assert_int_equal(encode(p, sizeof(p), &en), SAMPLE_LEN);
	assert_int_equal(p[SAMPLE_LEN - 10], 1); /* 156 = 1 * 128 + 28, its first byte last */
	assert_int_equal(p[SAMPLE_LEN - 9], 0x80 | 28);
	assert_int_equal(st_entry_parse(&got, &en.id, &none, p, sizeof(p), &e), ST_OK);
	same_entry(&got, &en);
	st_entry_release(&got);
	for (size_t n = 0; n < sizeof(p); n++) {
		st_err_clear(&e);
		assert_int_equal(st_entry_parse(&got, &en.id, &none, p, n, &e), ST_ECORRUPT);
	}
	st_err_clear(&e);
	en.id.b[31] ^= 1; /* another object's */
	assert_int_equal(st_entry_parse(&got, &en.id, &none, p, sizeof(p), &e), ST_ECORRUPT);
}

/* One frame's chaining value is the id, so it is not there; nor is anything else that is none. */
static void small_headers(void **state)
{
	struct st_frame_row f = { .coding = ST_CODING_RAW, .stored = 256 };
	struct st_entry en = { .kind = ST_ENTRY_DATA, .width = 1, .raw = 256, .stored = 256 }, got;
	struct st_entry recipe = { .kind = ST_ENTRY_RECIPE, .width = 1 };
	struct st_err e = { 0 };
	uint8_t p[64];

	(void)state;
	memset(en.id.b, 7, ST_OID_LEN);
	memset(f.cv, 7, ST_OID_LEN);
	memset(recipe.base.b, 9, ST_OID_LEN);
	recipe.id = en.id;
	en.nframes = 1;
	en.frames = &f;
	assert_int_equal(encode(p, sizeof(p), &en), 1 + 2 + 1 + 1 + 8);
	assert_int_equal(st_entry_parse(&got, &en.id, &none, p, 13, &e), ST_OK);
	same_entry(&got, &en);
	st_entry_release(&got);
	assert_int_equal(encode(p, sizeof(p), &recipe), 1 + 1 + 1 + 8);
	assert_int_equal(st_entry_parse(&got, &recipe.id, &recipe.base, p, 11, &e), ST_OK);
	same_entry(&got, &recipe);
	st_entry_release(&got);
	assert_int_equal(st_entry_parse(&got, &recipe.id, &none, p, 11, &e), ST_ECORRUPT);
	st_err_clear(&e); /* of another manifest */
	en.raw = en.stored = en.nframes = 0;
	assert_int_equal(encode(p, sizeof(p), &en), 1 + 1 + 1 + 8);
	assert_int_equal(st_entry_parse(&got, &en.id, &none, p, 11, &e), ST_OK);
	same_entry(&got, &en);
	st_entry_release(&got);
}

/* A changed byte is noticed, whichever it is; and where its checksum is right, by what it says, but
 * where any value is possible: depth, number, base, hashes. */
static void entry_bytes(void **state)
{
	uint8_t p[SAMPLE_LEN];
	struct st_frame_row rows[3];
	struct st_entry en = sample(rows), got;

	(void)state;
	encode(p, sizeof(p), &en);
	for (size_t i = 0; i < sizeof(p); i++) {
		bool any = (i >= 5 && i < 38) || (i > 39 && i < 72) || (i > 72 && i < 105) ||
			   (i > 105 && i < 146) || i >= SAMPLE_LEN - 8;
		struct st_err e = { 0 };
		uint8_t before[8];
		int rc;

		memcpy(before, p + SAMPLE_LEN - 8, 8);
		p[i] ^= 0x80;
		assert_int_equal(st_entry_parse(&got, &en.id, &none, p, sizeof(p), &e),
				 ST_ECORRUPT);
		st_err_clear(&e);
		recheck(&en.id, p, sizeof(p));
		rc = st_entry_parse(&got, &en.id, &none, p, sizeof(p), &e);
		p[i] ^= 0x80;
		memcpy(p + SAMPLE_LEN - 8, before, 8);
		if ((rc == ST_OK) != any)
			fail_msg("byte %zu: %d %s", i, rc, e.msg);
		st_entry_release(&got);
	}
}

static void entries_that_contradict_themselves(void **state)
{
	struct st_frame_row rows[3];
	uint8_t p[SAMPLE_LEN + 64];
	struct st_entry en, got;

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		struct st_err e = { 0 };
		size_t n;

		en = sample(rows);
		switch (i) {
		case 0:
			en.depth = 0;
			break; /* but a base */
		case 1:
			memset(en.base.b, 0, ST_OID_LEN);
			break; /* but a frame that needs one */
		case 2:
			en.raw = ST_FRAME_LEN;
			break;
		case 3:
			en.raw++;
			break; /* const of halves */
		case 4:
			rows[2].coding = ST_NCODINGS;
			break;
		case 5:
			en.kind = 3;
			break;
		case 6:
			en.kind = ST_ENTRY_RECIPE;
			break;
		case 7:
			rows[2].coding = ST_CODING_ZPLANES;
			rows[2].stored = 6;
			break; /* no smaller */
		default:
			rows[2].coding = ST_CODING_ZPLANES;
			rows[2].stored = 0;
		}
		n = encode(p, sizeof(p), &en);
		if (st_entry_parse(&got, &en.id, &none, p, n, &e) != ST_ECORRUPT)
			fail_msg("case %u was accepted", i);
		assert_null(got.frames);
	}
}

/* A count that the header's length does not bear out allocates nothing. */
static void huge_entries(void **state)
{
	uint8_t p[] = { 1,  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0,
			18, 0,	  0,	0,    0,    0,	  0,	0,    0 };
	struct st_oid id = { { 1 } };
	struct st_err e = { 0 };
	struct st_entry got;

	(void)state;
	recheck(&id, p, sizeof(p));
	assert_int_equal(st_entry_parse(&got, &id, &none, p, sizeof(p), &e), ST_ECORRUPT);
	assert_non_null(strstr(e.msg, "bytes in a header of"));
	assert_true(st_entry_head_max(0) >= 11 && st_entry_head_max(UINT64_MAX) > UINT32_MAX);
}

static struct st_index_row row(uint8_t id, uint64_t offset, uint64_t raw, uint64_t stored)
{
	struct st_index_row r = { .kind = ST_ENTRY_DATA,
				  .width = 1,
				  .offset = offset,
				  .raw = raw,
				  .stored = stored,
				  .head = 20,
				  .nframes = (uint32_t)st_frames_of(raw) };

	memset(r.id.b, id, ST_OID_LEN);
	return r;
}

#define NROWS 5
#define ROWS_LEN (36 + 36 + 38 + (36 + 3 + 2 + 32) + 37)
#define ROWS_END 277

/* One without a base, an empty one, one whose base is the last, one whose base is elsewhere, a
 * recipe. */
static void make_rows(struct st_index_row rows[NROWS])
{
	rows[0] = row(9, 64, 10, 10);
	rows[1] = row(3, 94, 0, 0);
	rows[2] = row(4, 114, 5, 5);
	rows[3] = row(5, 139, 3 << 20, 77);
	rows[4] = row(6, 236, 0, 0);
	rows[4].kind = ST_ENTRY_RECIPE;
	rows[4].head = 41;
	rows[4].base = rows[1].id;
	rows[3].depth = 8;
	memset(rows[3].base.b, 0x55, ST_OID_LEN);
	rows[2].depth = 1;
	rows[2].base = rows[3].id;
}

static void put_index(struct st_buf *b)
{
	struct st_index_row rows[NROWS];
	struct st_err e = { 0 };

	make_rows(rows);
	st_buf_init(b, 4096);
	assert_int_equal(st_pack_index_put(b, rows, NROWS, &e), ST_OK);
	assert_int_equal(b->len, ST_INDEX_HEAD + ROWS_LEN);
}

static void index_round_trip(void **state)
{
	struct st_index_row want[NROWS];
	struct st_pack_index x;
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	put_index(&b);
	make_rows(want);
	assert_int_equal(st_pack_index_parse(&x, b.p, b.len, ROWS_END, &e), ST_OK);
	assert_int_equal(x.n, NROWS);
	assert_int_equal(x.stored, 92);
	for (size_t i = 0; i < NROWS; i++) {
		assert_true(st_oid_eq(&x.rows[i].id, &want[i].id));
		assert_true(st_oid_eq(&x.rows[i].base, &want[i].base));
		assert_int_equal(x.rows[i].kind, want[i].kind);
		assert_int_equal(x.rows[i].depth, want[i].depth);
		assert_int_equal(x.rows[i].offset, want[i].offset);
		assert_int_equal(x.rows[i].raw, want[i].raw);
		assert_int_equal(x.rows[i].stored, want[i].stored);
		assert_int_equal(x.rows[i].head, want[i].head);
		assert_int_equal(x.rows[i].nframes, want[i].nframes);
	}
	st_pack_index_release(&x);
	for (uint64_t end = ROWS_END - 1; end <= ROWS_END + 1; end += 2) {
		assert_int_equal(st_pack_index_parse(&x, b.p, b.len, end, &e), ST_ECORRUPT);
		st_err_clear(&e);
	}
	for (size_t n = 0; n < b.len; n++) {
		st_err_clear(&e);
		assert_int_equal(st_pack_index_parse(&x, b.p, n, ROWS_END, &e), ST_ECORRUPT);
		assert_null(x.rows);
	}
	want[2].offset++;
	st_err_clear(&e);
	assert_int_equal(st_pack_index_put(&b, want, NROWS, &e), ST_EBUG);
	st_buf_release(&b);
}

/* Rows begin at 24, 60, 96, 134 and 207. */
static void bad_indexes(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {
		{ 0, 'X' },	    /* magic */
		{ 8, 6 },	    /* rows */
		{ 8, 4 },	    /* rows */
		{ 15, 0x80 },	    /* rows near 2^63 */
		{ 16, 91 },	    /* stored bytes */
		{ 24 + 32, 3 },	    /* kind */
		{ 24 + 32, 0 },	    /* kind */
		{ 24 + 32, 129 },   /* unknown members */
		{ 24 + 33, 11 },    /* raw: nothing else says so, but see below */
		{ 24 + 34, 11 },    /* stored */
		{ 24 + 35, 21 },    /* header */
		{ 96 + 36, 0 },	    /* depth 0 with a base */
		{ 96 + 37, 6 },	    /* base beyond the rows */
		{ 96 + 37, 5 },	    /* a recipe as base */
		{ 96 + 37, 0 },	    /* an id that is not there */
		{ 207 + 33, 1 },    /* a recipe with content */
		{ 207 + 34, 1 },    /* and with stored bytes */
		{ 207 + 32, 2 },    /* without a manifest */
		{ 207 + 32, 0x46 }, /* of width 2 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_pack_index x;
		struct st_err e = { 0 };
		struct st_buf b;
		int rc;

		put_index(&b);
		b.p[rows[i].at] = rows[i].value;
		rc = st_pack_index_parse(&x, b.p, b.len, ROWS_END, &e);
		/* The content's length is free here: the entry's header has it too. */
		if (rc != (rows[i].at == 24 + 33 ? ST_OK : ST_ECORRUPT))
			fail_msg("row %zu: %d", i, rc);
		st_pack_index_release(&x);
		assert_null(x.rows);
		st_buf_release(&b);
	}
}

/* Ids of zeros, headers that no such content has. */
static void bad_rows(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct st_index_row r = row(1, 64, 5, 5);
		struct st_pack_index x;
		struct st_err e = { 0 };
		struct st_buf b;

		if (i == 0)
			memset(r.id.b, 0, ST_OID_LEN);
		if (i == 1)
			r.head = (uint32_t)st_entry_head_max(5) + 1;
		if (i == 2)
			r.raw = UINT64_MAX;
		st_buf_init(&b, 4096);
		assert_int_equal(st_pack_index_put(&b, &r, 1, &e), ST_OK);
		assert_int_equal(st_pack_index_parse(&x, b.p, b.len, 69 + r.head, &e), ST_ECORRUPT);
		st_buf_release(&b);
	}
}

static void trailer(void **state)
{
	struct st_pack_trailer t = { .index_offset = 100, .index_len = 32, .pack_len = 196 }, got;
	uint8_t p[ST_PACK_TRAILER];
	struct st_err e = { 0 };

	(void)state;
	memset(t.index_hash.b, 7, ST_OID_LEN);
	st_pack_trailer_put(p, &t);
	assert_memory_equal(p + 56, "STRAPEND", 8);
	assert_int_equal(st_pack_trailer_parse(&got, p, 196, &e), ST_OK);
	assert_int_equal(got.index_offset, 100);
	assert_int_equal(got.index_len, 32);
	assert_true(st_oid_eq(&got.index_hash, &t.index_hash));
	assert_int_equal(st_pack_trailer_parse(&got, p, 197, &e), ST_ECORRUPT);
	st_err_clear(&e);
	assert_int_equal(st_pack_trailer_parse(&got, p, 10, &e), ST_ECORRUPT);
	for (size_t i = 0; i < sizeof(p); i++) {
		bool hash = i >= 16 && i < 48;

		st_err_clear(&e);
		p[i] ^= 1;
		assert_int_equal(st_pack_trailer_parse(&got, p, 196, &e),
				 hash ? ST_OK : ST_ECORRUPT);
		p[i] ^= 1;
	}
}

static void names(void **state)
{
	char name[ST_PACK_NAME_LEN + 1], bad[ST_PACK_NAME_LEN + 2];
	struct st_oid id, got;

	(void)state;
	st_oid_of(&id, "x", 1);
	st_pack_name(&id, name);
	assert_int_equal(strlen(name), ST_PACK_NAME_LEN);
	assert_true(st_pack_name_parse(&got, name));
	assert_true(st_oid_eq(&got, &id));
	for (size_t i = 0; i < ST_PACK_NAME_LEN; i++) {
		memcpy(bad, name, sizeof(name));
		bad[i] = '_';
		assert_false(st_pack_name_parse(&got, bad));
	}
	snprintf(bad, sizeof(bad), "%sx", name);
	assert_false(st_pack_name_parse(&got, bad));
	assert_false(st_pack_name_parse(&got, ""));
	assert_false(st_pack_name_parse(&got, ".pack"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of),
		cmocka_unit_test(header),
		cmocka_unit_test(entry_round_trip),
		cmocka_unit_test(small_headers),
		cmocka_unit_test(entry_bytes),
		cmocka_unit_test(entries_that_contradict_themselves),
		cmocka_unit_test(huge_entries),
		cmocka_unit_test(index_round_trip),
		cmocka_unit_test(bad_indexes),
		cmocka_unit_test(bad_rows),
		cmocka_unit_test(trailer),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

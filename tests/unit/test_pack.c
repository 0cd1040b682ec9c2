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
	assert_memory_equal(p, "STRAPACK\1\0\0\0\0\0\0\0", 16);
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

#define SAMPLE_LEN (ST_ENTRY_FIXED + 3 * ST_FRAME_ROW)

static void encode(uint8_t out[SAMPLE_LEN], uint8_t check[16], const struct st_entry *en)
{
	struct st_err e = { 0 };
	struct st_buf b;

	st_buf_init(&b, SAMPLE_LEN);
	assert_int_equal(st_entry_put(&b, en, check, &e), ST_OK);
	assert_int_equal(b.len, ST_ENTRY_FIXED + en->nframes * ST_FRAME_ROW);
	memcpy(out, b.p, b.len);
	st_buf_release(&b);
}

static void entry_round_trip(void **state)
{
	uint8_t p[SAMPLE_LEN], check[16], hash[ST_OID_LEN];
	struct st_frame_row rows[3];
	struct st_entry en = sample(rows), got;
	struct st_err e = { 0 };

	(void)state;
	encode(p, check, &en);
	st_blake3(p, sizeof(p), hash);
	assert_memory_equal(check, hash, 16);
	assert_int_equal(st_entry_parse(&got, p, sizeof(p), &e), ST_OK);
	assert_true(st_oid_eq(&got.id, &en.id) && st_oid_eq(&got.base, &en.base));
	assert_int_equal(got.kind, en.kind);
	assert_int_equal(got.width, en.width);
	assert_int_equal(got.depth, en.depth);
	assert_int_equal(got.raw, en.raw);
	assert_int_equal(got.stored, en.stored);
	assert_int_equal(got.nframes, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(got.frames[i].coding, rows[i].coding);
		assert_int_equal(got.frames[i].stored, rows[i].stored);
		assert_int_equal(got.frames[i].check, rows[i].check);
		assert_memory_equal(got.frames[i].cv, rows[i].cv, ST_OID_LEN);
	}
	st_entry_release(&got);
	for (size_t n = 0; n < sizeof(p); n++) {
		st_err_clear(&e);
		assert_int_equal(st_entry_parse(&got, p, n, &e), ST_ECORRUPT);
	}
}

/* A changed byte is noticed by the entry itself but where any value is possible: depth, ids, the
 * low bytes of the size, hashes. Those the index holds to their own hash. */
static void entry_bytes(void **state)
{
	uint8_t p[SAMPLE_LEN], check[16];
	struct st_frame_row rows[3];
	struct st_entry en = sample(rows), got;

	(void)state;
	encode(p, check, &en);
	for (size_t i = 0; i < sizeof(p); i++) {
		size_t in_row = i < ST_ENTRY_FIXED ? 0 : (i - ST_ENTRY_FIXED) % ST_FRAME_ROW;
		bool free_value = i == 6 || (i >= 8 && i < 42) || (i >= 56 && i < 88) ||
				  (i >= 100 && i < 104);
		struct st_err e = { 0 };
		int rc;

		if (i >= ST_ENTRY_FIXED)
			free_value = in_row >= 16 || (in_row >= 8 && p[ST_ENTRY_FIXED + 2 * 48] &&
						      i >= ST_ENTRY_FIXED + 2 * ST_FRAME_ROW);
		p[i] ^= 0x80;
		rc = st_entry_parse(&got, p, sizeof(p), &e);
		p[i] ^= 0x80;
		if ((rc == ST_OK) != free_value)
			fail_msg("byte %zu: %d %s", i, rc, e.msg);
		st_entry_release(&got);
	}
}

static void entries_that_contradict_themselves(void **state)
{
	struct st_frame_row rows[3];
	uint8_t p[SAMPLE_LEN], check[16];
	struct st_entry en, got;

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct st_err e = { 0 };

		en = sample(rows);
		switch (i) {
		case 0:
			en.depth = 0;
			break; /* but a base */
		case 1:
			memset(en.base.b, 0, ST_OID_LEN);
			break; /* but a depth */
		case 2:
			en.stored++;
			break;
		case 3:
			en.raw = ST_FRAME_LEN;
			break;
		case 4:
			rows[0].stored--;
			en.stored--;
			break; /* raw, but shorter */
		case 5:
			rows[1].stored = 1;
			en.stored++;
			break; /* same, but stored */
		case 6:
			rows[2].stored = 4;
			en.stored += 2;
			break; /* const of another width */
		case 7:
			rows[2].coding = ST_NCODINGS;
			break;
		case 8:
			en.width = 3;
			break;
		case 9:
			en.kind = 3;
			break;
		case 10:
			rows[0].check = 1;
			break;
		default:
			rows[2].coding = ST_CODING_ZPLANES;
			rows[2].stored = 6;
			en.stored += 4;
		}
		encode(p, check, &en);
		if (st_entry_parse(&got, p, sizeof(p), &e) != ST_ECORRUPT)
			fail_msg("case %u was accepted", i);
	}
}

static struct st_index_row row(uint8_t id, uint64_t offset, uint64_t raw, uint64_t stored)
{
	struct st_index_row r = { .kind = ST_ENTRY_DATA,
				  .width = 1,
				  .offset = offset,
				  .raw = raw,
				  .stored = stored,
				  .nframes = (uint32_t)st_frames_of(raw) };

	memset(r.id.b, id, ST_OID_LEN);
	memset(r.check, id + 1, sizeof(r.check));
	return r;
}

static void put_index(struct st_buf *b, const struct st_oid *bases, size_t nbases)
{
	struct st_index_row rows[] = { row(9, 64, 10, 10), row(3, 1000, 0, 0), row(3, 500, 5, 5),
				       row(5, 2000, 3 << 20, 77) };
	struct st_err e = { 0 };

	st_buf_init(b, 4096);
	assert_int_equal(st_pack_index_put(b, rows, 4, bases, nbases, &e), ST_OK);
	assert_int_equal(b->len, ST_INDEX_HEAD + 4 * ST_INDEX_ROW + nbases * ST_OID_LEN);
}

static void index_round_trip(void **state)
{
	struct st_oid bases[2] = { { { 1 } }, { { 2 } } };
	static const uint64_t offsets[] = { 500, 1000, 2000, 64 };
	struct st_pack_index x;
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	put_index(&b, bases, 2);
	assert_int_equal(st_pack_index_parse(&x, b.p, b.len, 5000, &e), ST_OK);
	assert_int_equal(x.n, 4);
	assert_int_equal(x.nbases, 2);
	assert_int_equal(x.stored, 92);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(x.rows[i].offset, offsets[i]);
	assert_int_equal(x.rows[2].nframes, 3);
	assert_int_equal(x.rows[2].check[15], 6);
	assert_true(st_oid_eq(&x.bases[1], &bases[1]));
	st_pack_index_release(&x);
	/* The entry at 2000 ends at 2000 + 192 + 3 * 48 + 77. */
	assert_int_equal(st_pack_index_parse(&x, b.p, b.len, 2413, &e), ST_OK);
	st_pack_index_release(&x);
	assert_int_equal(st_pack_index_parse(&x, b.p, b.len, 2412, &e), ST_ECORRUPT);
	for (size_t n = 0; n < b.len; n++) {
		st_err_clear(&e);
		assert_int_equal(st_pack_index_parse(&x, b.p, n, 5000, &e), ST_ECORRUPT);
	}
	st_buf_release(&b);
}

static void bad_indexes(void **state)
{
	struct st_oid bases[2] = { { { 1 } }, { { 2 } } };
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {
		{ 0, 'X' },	     /* magic */
		{ 8, 5 },	     /* rows */
		{ 15, 0x80 },	     /* rows near 2^63 */
		{ 16, 1 },	     /* bases */
		{ 24, 91 },	     /* stored bytes */
		{ 32 + 32, 3 },	     /* kind */
		{ 32 + 34, 1 },	     /* depth without a base */
		{ 32 + 35, 4 },	     /* an unknown flag */
		{ 32 + 36, 2 },	     /* frames */
		{ 32 + 40, 63 },     /* offset inside the header; 500 is 0x1f4 */
		{ 32 + 47, 0xff },   /* offset near 2^64 */
		{ 32 + 112, 1 },     /* reserved */
		{ 32 + 127, 1 },     /* reserved */
		{ 32, 4 },	     /* out of order */
		{ 32 + 4 * 128, 3 }, /* bases out of order */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_pack_index x;
		struct st_err e = { 0 };
		struct st_buf b;

		put_index(&b, bases, 2);
		b.p[rows[i].at] = rows[i].value;
		if (rows[i].at == 32 + 40)
			b.p[rows[i].at + 1] = 0;
		if (st_pack_index_parse(&x, b.p, b.len, 5000, &e) != ST_ECORRUPT)
			fail_msg("row %zu was accepted", i);
		assert_null(x.rows);
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
		cmocka_unit_test(entry_bytes),
		cmocka_unit_test(entries_that_contradict_themselves),
		cmocka_unit_test(index_round_trip),
		cmocka_unit_test(bad_indexes),
		cmocka_unit_test(trailer),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

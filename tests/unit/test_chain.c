/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/blake3.h"
#include "odb_fixture.h"
#include "repo/chain.h"
#include "repo/plan.h"

#define MIB ((size_t)1 << 20)
#define LEN ((size_t)6000)
#define CHANGES 600

static unsigned ones(unsigned i)
{
	unsigned n = 0;

	for (; i; i &= i - 1)
		n++;
	return n;
}

/* Every change touches 40 places. */
static void change(uint8_t *p, uint64_t *seed)
{
	for (unsigned k = 0; k < 40; k++)
		p[case_random(seed) % LEN] ^= 1;
}

static struct st_link put_change(struct fixture *f, struct st_obj *before, const uint8_t *p,
				 struct st_oid *id)
{
	struct st_frame_in in = { .raw = p, .n = LEN, .width = 4, .number = ST_NUM_F32 };
	struct st_writer *w = fixture_writer(f);
	struct st_frame_row row = { 0 };
	uint8_t base[LEN], out[LEN];
	enum st_coding coding;
	struct st_err e = { 0 };
	struct st_link l;
	size_t stored;
	bool fresh;

	st_link_after(&l, before, ST_MAX_DEPTH);
	if (l.base) {
		assert_int_equal(st_obj_frame(l.base, f->codec, 0, base, &e), ST_OK);
		in.base = base;
		in.base_n = LEN;
	}
	st_oid_of(id, p, LEN);
	assert_int_equal(st_writer_begin(w, LEN, 4, l.base ? &st_obj_entry(l.base)->id : NULL,
					 l.base ? st_obj_depth(l.base) : 0, &e),
			 ST_OK);
	st_writer_note(w, l.number, 0);
	assert_int_equal(
		st_frame_encode(f->codec, &in, ST_CODEC_DEFAULT, out, &coding, &stored, &e), ST_OK);
	row.coding = (uint8_t)coding;
	row.stored = (uint32_t)stored;
	st_blake3(p, LEN, row.cv);
	assert_int_equal(st_writer_frame(w, &row, coding == ST_CODING_RAW ? p : out, &e), ST_OK);
	assert_int_equal(st_writer_end(w, id, &fresh, &e), ST_OK);
	assert_true(fresh);
	fixture_publish(f, w, NULL);
	return l;
}

/* Six hundred changes of one tensor: never deeper than the number has bits, every one restored. */
static void numbers(void **state)
{
	static struct st_oid ids[CHANGES];
	uint8_t *all = malloc(CHANGES * LEN), *p = all;
	uint64_t seed = 5, stored = 0;
	struct st_err e = { 0 };
	struct fixture f;
	struct st_obj *ob;

	(void)state;
	fixture_open(&f, NULL);
	case_fill(p, LEN, FILL_FLOATS, 4, 1);
	for (unsigned i = 0; i < CHANGES; i++, p += LEN) {
		/* 511 has nine bits set: it stands by itself, and counting begins anew. */
		unsigned number = i < 511 ? i : i - 511, below = number & (number - 1);
		struct st_obj *before = NULL;
		struct st_link l;

		if (i) {
			memcpy(p, p - LEN, LEN);
			change(p, &seed);
			assert_int_equal(st_obj_open(&before, f.odb, &ids[i - 1], &e), ST_OK);
		}
		l = put_change(&f, before, p, &ids[i]);
		assert_int_equal(l.number, number);
		if (number)
			assert_memory_equal(st_obj_entry(l.base)->id.b, ids[i - number + below].b,
					    ST_OID_LEN);
		else
			assert_null(l.base);
		st_obj_close(before);
		assert_int_equal(st_obj_open(&ob, f.odb, &ids[i], &e), ST_OK);
		assert_int_equal(st_obj_entry(ob)->number, number);
		assert_int_equal(st_obj_depth(ob), ones(number));
		stored += i ? st_obj_stored(ob) : 0;
		st_obj_close(ob);
	}
	for (unsigned i = 0; i < CHANGES; i++)
		check_object(&f, &ids[i], all + i * LEN, LEN);
	/* On the average a change's base is five changes back. */
	assert_true(stored < (CHANGES - 1) * LEN / 6);
	fixture_close(&f);
	free(all);
}

static void put_base(struct fixture *f, const uint8_t *p, size_t n, const uint8_t *base,
		     unsigned base_depth, uint32_t number, struct st_obj **out)
{
	struct st_writer *w = fixture_writer(f);
	struct st_err e = { 0 };
	struct st_oid id, base_id;
	struct st_frame_row row = { 0 };
	uint8_t *enc = malloc(MIB);
	enum st_coding coding;
	bool fresh;

	if (base)
		st_oid_of(&base_id, base, n);
	assert_int_equal(st_writer_begin(w, n, 2, base ? &base_id : NULL, base_depth, &e), ST_OK);
	st_writer_note(w, number, 0);
	for (size_t at = 0; at < n; at += MIB) {
		struct st_frame_in in = { .raw = p + at, .n = MIB, .width = 2, .level = 1 };
		size_t stored;

		in.number = ST_NUM_BF16;
		in.base = base ? base + at : NULL;
		in.base_n = base ? MIB : 0;
		assert_int_equal(st_frame_encode(f->codec, &in, ST_CODEC_DEFAULT, enc, &coding,
						 &stored, &e),
				 ST_OK);
		row.coding = (uint8_t)coding;
		row.stored = (uint32_t)stored;
		if (n == MIB)
			st_blake3(p, n, row.cv);
		else
			st_blake3_subtree(p + at, MIB, at / 1024, row.cv);
		assert_int_equal(st_writer_frame(w, &row, coding == ST_CODING_RAW ? p + at : enc,
						 &e),
				 ST_OK);
	}
	st_oid_of(&id, p, n);
	assert_int_equal(st_writer_end(w, &id, &fresh, &e), ST_OK);
	fixture_publish(f, w, NULL);
	assert_int_equal(st_obj_open(out, f->odb, &id, &e), ST_OK);
	free(enc);
}

/* Entries from before there were numbers, and of any depth. */
static void unnumbered(void **state)
{
	uint8_t *p = malloc(10 * MIB);
	struct st_obj *ob = NULL;
	struct fixture f;
	struct st_link l;

	(void)state;
	fixture_open(&f, NULL);
	st_link_after(&l, NULL, ST_MAX_DEPTH);
	assert_null(l.base);
	case_fill(p, MIB, FILL_FLOATS, 2, 1);
	for (unsigned i = 0; i <= 8; i++) {
		if (i) {
			memcpy(p + i * MIB, p + (i - 1) * MIB, MIB);
			for (size_t k = i; k < MIB; k += 200)
				p[i * MIB + k] ^= (uint8_t)i;
		}
		put_base(&f, p + i * MIB, MIB, i ? p + (i - 1) * MIB : NULL, i ? i - 1 : 0, 0, &ob);
		assert_int_equal(st_obj_depth(ob), i);
		st_link_after(&l, ob, ST_MAX_DEPTH);
		assert_ptr_equal(l.base, i < 8 ? ob : NULL);
		assert_int_equal(l.number, i < 8);
		st_link_after(&l, ob, i);
		assert_null(l.base);
		assert_int_equal(l.number, 0);
		st_obj_close(ob);
	}
	/* Whatever number is said, an entry without as many bases begins anew. */
	memcpy(p + 9 * MIB, p + MIB, MIB);
	p[9 * MIB] ^= 1;
	put_base(&f, p + 9 * MIB, MIB, p, 0, 7, &ob);
	st_link_after(&l, ob, ST_MAX_DEPTH);
	assert_null(l.base);
	assert_int_equal(l.number, 0);
	st_obj_close(ob);
	fixture_close(&f);
	free(p);
}

struct given {
	const uint8_t *p;
	unsigned reads;
};

static int give(void *arg, uint64_t frame, uint8_t *p, size_t n, struct st_err *e)
{
	struct given *g = arg;

	(void)e;
	g->reads++;
	memcpy(p, g->p + frame * MIB, n);
	return ST_OK;
}

/* Weights that have nothing to do with those before, near ones, and some frames as before. */
static void keyframes(void **state)
{
	static const struct {
		enum pair how;
		size_t frames;
		bool last_as_before, stays;
	} rows[] = {
		{ PAIR_FAR, 4, false, false },	 { PAIR_FAR, 4, true, true },
		{ PAIR_NEAR, 4, false, true },	 { PAIR_RANDOM, 5, false, false },
		{ PAIR_RANDOM, 3, false, true }, { PAIR_FEW, 6, false, true },
	};
	struct st_piece piece = { .width = 2, .number = ST_NUM_BF16 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t n = rows[i].frames * MIB;
		uint8_t *x = malloc(n + 8), *base = malloc(n + 8);
		struct given g = { .p = x };
		struct st_err e = { 0 };
		struct st_obj *ob;
		struct fixture f;
		struct st_link l;

		fixture_open(&f, NULL);
		case_pair(x, base, n / 2, 2, ST_NUM_BF16, rows[i].how, i + 1);
		if (rows[i].last_as_before)
			memcpy(x + n - MIB, base + n - MIB, MIB);
		put_base(&f, base, n, NULL, 0, 0, &ob);
		st_link_after(&l, ob, ST_MAX_DEPTH);
		assert_ptr_equal(l.base, ob);
		assert_int_equal(st_link_weigh(&l, ob, &piece, f.codec, give, &g, &e), ST_OK);
		if ((l.base != NULL) != rows[i].stays)
			fail_msg("row %zu", i);
		assert_int_equal(l.number, rows[i].stays);
		assert_int_equal(g.reads != 0, rows[i].frames > 3);
		st_obj_close(ob);
		fixture_close(&f);
		free(x);
		free(base);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(unnumbered),
		cmocka_unit_test(keyframes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

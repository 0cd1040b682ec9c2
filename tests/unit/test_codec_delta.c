/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec_cases.h"

static const size_t counts[] = { 511, 512, 513, 1000, 4097, 20000 };
static const uint64_t rows[] = { 0, PAIR_ROW, 63, 64, 100, 1000, 65536, 65537 };

/* Every number, kind of pair, tail, row length and phase. */
static void every_pair(void **state)
{
	struct case_states *c = *state;
	size_t tried = 0, applied = 0;

	for (size_t i = 0; i < 4 * ST_NNUMBERS * NPAIRS * 6; i += case_stride()) {
		unsigned width = case_widths[i % 4];
		enum st_num num = (enum st_num)(i / 4 % ST_NNUMBERS);
		enum pair how = (enum pair)(i / 4 / ST_NNUMBERS % NPAIRS);
		size_t m = counts[i / 4 / ST_NNUMBERS / NPAIRS];
		struct st_frame_in in;

		if (!st_num_fits(num, width))
			continue;
		in = case_in(c, m, width, num, how, i % width, rows[i % 8]);
		tried++;
		applied += case_coded(c, ST_CODING_DELTA, &in) != 0;
		if (m < 512)
			assert_int_equal(case_coded(c, ST_CODING_DELTA, &in), 0);
	}
	assert_true(case_stride() > 1 || applied > tried / 2);
}

static void whole_frames(void **state)
{
	struct case_states *c = *state;

	for (size_t i = 0; i < 4 * NPAIRS; i += case_stride()) {
		unsigned width = case_widths[i % 4];
		struct st_frame_in in = case_in(c, ST_FRAME_LEN / width, width,
						case_number(width, i / 4), (enum pair)(i / 4), 0,
						PAIR_ROW);

		case_coded(c, ST_CODING_DELTA, &in);
	}
}

static size_t size_of(struct case_states *c, enum st_num num, enum pair how, uint64_t row)
{
	unsigned width = st_numbers[num].width;
	struct st_frame_in in = case_in(c, 48000, width, num, how, 0, row);
	size_t len = case_coded(c, ST_CODING_DELTA, &in);

	return len ? len : in.n;
}

static void what_it_saves(void **state)
{
	struct case_states *c = *state;

	/* Nothing but a header, and a table of one symbol. */
	assert_true(size_of(c, ST_NUM_F32, PAIR_EQUAL, 0) < 40);
	assert_true(size_of(c, ST_NUM_F32, PAIR_PLUS_ONE, 0) < 400);
	/* Rows that stay cost nothing, but only where groups are rows. */
	assert_true(size_of(c, ST_NUM_F32, PAIR_ROWS, PAIR_ROW) <
		    size_of(c, ST_NUM_F32, PAIR_ROWS, 0) * 9 / 10);
	/* Of rows that decayed only those that did more cost something: one in eight. */
	assert_true(size_of(c, ST_NUM_F32, PAIR_DECAY, PAIR_ROW) < 48000 / 8);
	assert_true(size_of(c, ST_NUM_F32, PAIR_DECAY, PAIR_ROW) <
		    size_of(c, ST_NUM_F32, PAIR_DECAY, 0) * 9 / 10);
}

/* The base must be there, and as long. */
static void bases(void **state)
{
	struct case_states *c = *state;
	struct st_frame_in in = case_in(c, 1000, 4, ST_NUM_F32, PAIR_NEAR, 0, 0);
	size_t len = case_coded(c, ST_CODING_DELTA, &in);

	assert_true(len);
	in.base_n--;
	assert_int_equal(case_decode(c, ST_CODING_DELTA, &in, c->out, len), ST_ECORRUPT);
	assert_int_equal(case_coded(c, ST_CODING_DELTA, &in), 0);
	in.base = NULL;
	assert_int_equal(case_coded(c, ST_CODING_DELTA, &in), 0);
}

static void put(uint8_t *p, size_t *n, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		p[(*n)++] = (uint8_t)(v | 0x80);
	p[(*n)++] = (uint8_t)v;
}

/* A header, and groups of 512 f32 elements that all say `group`; nothing is coded. */
static int by_hand(struct case_states *c, unsigned number, unsigned flags, uint64_t top,
		   uint64_t from, uint64_t group, uint64_t first, unsigned byte)
{
	struct st_frame_in in = case_in(c, 512, 4, ST_NUM_F32, PAIR_EQUAL, 0, 0);
	size_t n = 0, ngroups = first ? 1 + (512 - first + group - 1) / (group ? group : 1) : 1;

	c->out[n++] = (uint8_t)number;
	c->out[n++] = (uint8_t)flags;
	put(c->out, &n, top);
	if (flags & 2)
		put(c->out, &n, from);
	if (flags & 1) {
		put(c->out, &n, group);
		put(c->out, &n, first);
		c->out[n++] = 0;
		memset(c->out + n, (int)byte, ngroups);
		n += ngroups;
	}
	for (int i = 0; flags & 4 && i < 257; i++)
		c->out[n++] = 0;
	return case_decode(c, ST_CODING_DELTA, &in, c->out, n);
}

static void headers(void **state)
{
	static const struct {
		unsigned number, flags;
		uint64_t top, from, group, first;
		unsigned byte;
		int rc;
	} rows_of[] = {
		{ 3, 1, 126, 0, 64, 64, 0, ST_OK },
		{ 3, 3, 126, 30, 100, 7, 0, ST_OK },
		{ 3, 7, 4095, 4095, 65536, 512, 0, ST_OK },
		{ 3, 7, 0, 0, 128, 1, 128, ST_OK },
		{ 0, 1, 32, 0, 64, 1, 0, ST_OK },
		{ 7, 1, 126, 0, 64, 64, 0, ST_ECORRUPT }, /* no such number */
		{ 1, 1, 126, 0, 64, 64, 0, ST_ECORRUPT }, /* of another width */
		{ 3, 8, 126, 0, 64, 64, 0, ST_ECORRUPT }, /* no such flag */
		{ 3, 9, 126, 0, 64, 64, 0, ST_ECORRUPT },
		{ 3, 2, 126, 0, 64, 64, 0, ST_ECORRUPT },  /* scales without groups */
		{ 0, 5, 32, 0, 64, 64, 0, ST_ECORRUPT },   /* integers do not decay */
		{ 3, 1, 4096, 0, 64, 64, 0, ST_ECORRUPT }, /* limits */
		{ 3, 3, 126, 4096, 64, 64, 0, ST_ECORRUPT },
		{ 3, 1, 126, 0, 63, 63, 0, ST_ECORRUPT },
		{ 3, 1, 126, 0, 65537, 512, 0, ST_ECORRUPT },
		{ 3, 1, 126, 0, 64, 65, 0, ST_ECORRUPT },
		{ 3, 1, 126, 0, 64, 0, 0, ST_ECORRUPT },
		{ 3, 1, UINT64_MAX, 0, 64, 64, 0, ST_ECORRUPT },
		{ 3, 1, 126, 0, UINT64_MAX, UINT64_MAX, 0, ST_ECORRUPT },
		{ 3, 1, 126, 0, 64, 64, 128, ST_ECORRUPT }, /* predicted from nothing */
		{ 3, 1, 126, 0, 64, 64, 1, ST_ECORRUPT },   /* and no symbols follow */
		{ 3, 0, 126, 0, 0, 0, 0, ST_ECORRUPT },
	};

	for (size_t i = 0; i < sizeof(rows_of) / sizeof(*rows_of); i++) {
		int rc = by_hand(*state, rows_of[i].number, rows_of[i].flags, rows_of[i].top,
				 rows_of[i].from, rows_of[i].group, rows_of[i].first,
				 rows_of[i].byte);

		if (rc != rows_of[i].rc)
			fail_msg("row %zu: %d", i, rc);
	}
}

/* Steps that add up beyond 32 bits, or beyond 64. */
static void steps(void **state)
{
	struct case_states *c = *state;
	struct st_frame_in in = case_in(c, 512, 4, ST_NUM_F32, PAIR_EQUAL, 0, 0);
	const uint64_t zigzag[] = { 0xfffffffe, 0x100000000, UINT64_MAX, UINT64_MAX - 1 };
	const int want[] = { ST_OK, ST_ECORRUPT, ST_ECORRUPT, ST_ECORRUPT };

	for (int i = 0; i < 4; i++) {
		size_t n = 2;

		memcpy(c->out, "\x03\x05", 2);
		put(c->out, &n, 126);
		put(c->out, &n, 512);
		put(c->out, &n, 512);
		c->out[n++] = 0;
		c->out[n++] = 0;
		put(c->out, &n, 2);
		put(c->out, &n, zigzag[i] - (i ? 0 : 2));
		for (int k = 2; k < 257; k++)
			c->out[n++] = 0;
		assert_int_equal(case_decode(c, ST_CODING_DELTA, &in, c->out, n), want[i]);
	}
}

static void flips(void **state)
{
	for (size_t i = 0; i < 4 * NPAIRS; i++) {
		unsigned width = case_widths[i % 4];
		struct st_frame_in in = case_in(*state, 520, width, case_number(width, 1 + i),
						(enum pair)(i / 4), i % width, PAIR_ROW);
		size_t len = case_coded(*state, ST_CODING_DELTA, &in);

		if (len)
			case_flips(*state, ST_CODING_DELTA, &in, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair),	 cmocka_unit_test(whole_frames),
		cmocka_unit_test(what_it_saves), cmocka_unit_test(bases),
		cmocka_unit_test(headers),	 cmocka_unit_test(steps),
		cmocka_unit_test(flips),
	};

	return cmocka_run_group_tests(tests, case_setup, case_teardown);
}

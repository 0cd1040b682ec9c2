/* SPDX-License-Identifier: Apache-2.0 */
/* slow */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec_cases.h"

static void every_number(void **state)
{
	static const size_t counts[] = { 511, 512, 700, 4099, 70000 };
	struct case_states *c = *state;
	size_t tried = 0, applied = 0;

	for (size_t i = 0; i < 4 * ST_NNUMBERS * NPAIRS * 5; i += case_stride()) {
		unsigned width = case_widths[i % 4];
		enum st_num num = (enum st_num)(i / 4 % ST_NNUMBERS);
		size_t m = counts[i / 4 / ST_NNUMBERS / NPAIRS];
		struct st_frame_in in;

		if (!st_num_fits(num, width))
			continue;
		in = case_in(c, m, width, num, (enum pair)(i / 4 / ST_NNUMBERS % NPAIRS), i % width,
			     0);
		tried++;
		applied += case_coded(c, ST_CODING_PLANES, &in) != 0;
	}
	assert_true(case_stride() > 1 || applied > tried / 2);
}

static void whole_frames(void **state)
{
	for (size_t i = 0; i < 4 * NPAIRS; i += case_stride()) {
		unsigned width = case_widths[i % 4];
		struct st_frame_in in = case_in(*state, ST_FRAME_LEN / width, width,
						case_number(width, i / 4), (enum pair)(i / 4), 0,
						0);

		case_coded(*state, ST_CODING_PLANES, &in);
	}
}

/* The layout of doc/format/codec.md, by hand: bf16 of 3 elements and a tail, all methods but
 * symbols. */
static void layout(void **state)
{
	/* A zstd frame (magic, single segment, size 3; one RLE block of 3 times 'z'). */
	static const uint8_t p[] = { 1,	   0,	 '!',  0,    'a', 'b',	'c', 3, 10, 0x28,
				     0xb5, 0x2f, 0xfd, 0x20, 3,	  0x1b, 0,   0, 'z' };
	static const uint8_t c1[] = { 0, 0, 1, 'q', 0, 'a', 'b', 'c' };
	struct case_states *c = *state;
	struct st_frame_in in = { .n = 7, .width = 2 };
	uint8_t want[7];

	for (int i = 0; i < 3; i++) {
		unsigned v = (unsigned)'z' << 8 | (unsigned)('a' + i);

		v = v >> 1 | (v & 1) << 15;
		want[2 * i] = (uint8_t)v;
		want[2 * i + 1] = (uint8_t)(v >> 8);
	}
	want[6] = '!';
	assert_int_equal(case_decode(c, ST_CODING_PLANES, &in, p, sizeof(p)), ST_OK);
	assert_memory_equal(c->back, want, 7);
	in.n = 6;
	assert_int_equal(case_decode(c, ST_CODING_PLANES, &in, c1, sizeof(c1)), ST_OK);
	assert_memory_equal(c->back, "qaqbqc", 6);
	in.n = 8;
	assert_int_equal(case_decode(c, ST_CODING_PLANES, &in, c1, sizeof(c1)), ST_ECORRUPT);
	in.width = 4;
	in.n = 6;
	assert_int_equal(case_decode(c, ST_CODING_PLANES, &in, p, sizeof(p)), ST_ECORRUPT);
}

/* Groups of 256 that are left out. */
static void gaps(void **state)
{
	static const uint8_t p[] = { 0, 1, 0, 1, 0, 1, 1, 'x', 1, 0 };
	uint8_t bad[sizeof(p)];
	struct case_states *c = *state;
	struct st_frame_in in = { .n = 2 * 600, .width = 2 };

	assert_int_equal(case_decode(c, ST_CODING_PLANES, &in, p, sizeof(p)), ST_OK);
	for (size_t i = 0; i < 600; i++) {
		assert_int_equal(c->back[2 * i], i / 256 == 1 ? 0 : 'x');
		assert_int_equal(c->back[2 * i + 1], 0);
	}
	memcpy(bad, p, sizeof(p));
	bad[3] = 2;
	assert_int_equal(case_decode(c, ST_CODING_PLANES, &in, bad, sizeof(p)), ST_ECORRUPT);
	bad[3] = 1;
	bad[1] = 2;
	assert_int_equal(case_decode(c, ST_CODING_PLANES, &in, bad, sizeof(p)), ST_ECORRUPT);
	bad[1] = 1;
	bad[6] = 4;
	assert_int_equal(case_decode(c, ST_CODING_PLANES, &in, bad, sizeof(p)), ST_ECORRUPT);
	/* Nothing is there: no planes follow. */
	memcpy(bad, "\0\1\0\0\0\0", 6);
	assert_int_equal(case_decode(c, ST_CODING_PLANES, &in, bad, 6), ST_OK);
	for (size_t i = 0; i < in.n; i++)
		assert_int_equal(c->back[i], 0);
	assert_int_equal(case_decode(c, ST_CODING_PLANES, &in, bad, 7), ST_ECORRUPT);
}

static void what_it_saves(void **state)
{
	struct case_states *c = *state;
	struct st_frame_in in = case_in(c, 100000, 2, ST_NUM_BF16, PAIR_FAR, 0, 0);

	assert_true(case_coded(c, ST_CODING_PLANES, &in) < in.n * 69 / 100);
	in = case_in(c, 100000, 4, ST_NUM_F32, PAIR_ZEROS, 0, 0);
	assert_true(case_coded(c, ST_CODING_PLANES, &in) < in.n / 2);
	in = case_in(c, 100000, 4, ST_NUM_F32, PAIR_RANDOM, 0, 0);
	assert_int_equal(case_coded(c, ST_CODING_PLANES, &in), 0);
}

static void flips(void **state)
{
	for (size_t i = 0; i < 4 * NPAIRS; i++) {
		unsigned width = case_widths[i % 4];
		struct st_frame_in in = case_in(*state, 600, width, case_number(width, 1 + i),
						(enum pair)(i / 4), i % width, 0);
		size_t len = case_coded(*state, ST_CODING_PLANES, &in);

		if (len)
			case_flips(*state, ST_CODING_PLANES, &in, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number),	 cmocka_unit_test(whole_frames),
		cmocka_unit_test(layout),	 cmocka_unit_test(gaps),
		cmocka_unit_test(what_it_saves), cmocka_unit_test(flips),
	};

	return cmocka_run_group_tests(tests, case_setup, case_teardown);
}

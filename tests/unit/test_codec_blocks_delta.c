/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec_cases.h"

/* Every type, whole and partial blocks at both ends, one block and a whole frame. */
static void all_types(void **state)
{
	static const size_t sizes[] = { 1, 17, 210, 419, 5000, 70001, ST_FRAME_LEN };
	struct case_states *c = *state;

	for (size_t i = 0; i < 7 * NQUANTS; i++) {
		size_t n = sizes[i / NQUANTS];
		struct st_frame_in in = case_blocks(c, n, case_quants[i % NQUANTS], i * 7);
		size_t len = case_coded(c, ST_CODING_BLOCKS_DELTA, &in);

		if (n >= 70001)
			assert_in_range(len, 1, n * 50 / 100);
	}
}

static void not_these(void **state)
{
	struct case_states *c = *state;
	struct st_frame_in in = case_blocks(c, 20000, ST_Q4_0, 0);

	assert_true(case_coded(c, ST_CODING_BLOCKS_DELTA, &in));
	in.base_n--;
	assert_int_equal(case_coded(c, ST_CODING_BLOCKS_DELTA, &in), 0);
	in.base_n++;
	in.quant = ST_QUANT_NONE;
	assert_int_equal(case_coded(c, ST_CODING_BLOCKS_DELTA, &in), 0);
	in.quant = ST_Q4_0; /* a base that has nothing to do with it */
	case_fill(c->base, in.n, FILL_NOISE, 1, 9);
	assert_int_equal(case_coded(c, ST_CODING_BLOCKS_DELTA, &in), 0);
}

/* What the frame's coding becomes by itself. */
static void chosen(void **state)
{
	struct case_states *c = *state;
	struct st_err e = { 0 };
	enum st_coding coding;
	size_t len;

	for (size_t i = 0; i < NQUANTS; i++) {
		struct st_frame_in in = case_blocks(c, 200000, case_quants[i], i * 3);

		assert_int_equal(st_frame_encode(c->s[0], &in, ST_CODEC_DEFAULT, c->out, &coding,
						 &len, &e),
				 ST_OK);
		assert_int_equal(coding, ST_CODING_BLOCKS_DELTA);
		assert_int_equal(st_frame_decode(c->s[1], coding, c->out, len, in.base, in.n, 1,
						 c->back, in.n, &e),
				 ST_OK);
		assert_memory_equal(c->back, in.raw, in.n);
		in = case_blocks(c, 200000, case_quants[i], i * 3);
		in.base = NULL;
		assert_int_equal(st_frame_encode(c->s[0], &in, ST_CODEC_DEFAULT, c->out, &coding,
						 &len, &e),
				 ST_OK);
		assert_int_equal(coding, ST_CODING_BLOCKS);
	}
}

static void flips(void **state)
{
	struct st_frame_in in = case_blocks(*state, 1500, ST_Q4_1, 3);
	size_t len = case_coded(*state, ST_CODING_BLOCKS_DELTA, &in);

	assert_true(len);
	case_flips(*state, ST_CODING_BLOCKS_DELTA, &in, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_types),
		cmocka_unit_test(not_these),
		cmocka_unit_test(chosen),
		cmocka_unit_test(flips),
	};

	return cmocka_run_group_tests(tests, case_setup, case_teardown);
}

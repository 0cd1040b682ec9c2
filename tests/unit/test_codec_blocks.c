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
		size_t len = case_coded(c, ST_CODING_BLOCKS, &in);

		if (n >= 70001)
			assert_in_range(len, 1, n * 97 / 100);
	}
}

static void not_these(void **state)
{
	struct case_states *c = *state;
	struct st_frame_in in = case_blocks(c, 20000, ST_Q4_0, 0);

	assert_true(case_coded(c, ST_CODING_BLOCKS, &in));
	in.quant = ST_QUANT_NONE;
	assert_int_equal(case_coded(c, ST_CODING_BLOCKS, &in), 0);
	in.quant = ST_IQ2_XS; /* of unknown parts */
	assert_int_equal(case_coded(c, ST_CODING_BLOCKS, &in), 0);
	in.quant = ST_Q4_0;
	in.width = 2;
	assert_int_equal(case_coded(c, ST_CODING_BLOCKS, &in), 0);
}

/* A block of Q4_0 between two bytes that belong to others. */
static void layout(void **state)
{
	static const uint8_t p[] = { 2, 1, 'a',	 'b', /* type, skip, head, tail */
				     0, 2, 1,	 2,   /* d: raw */
				     1, 1, 0xf8,      /* low: const -8, so 0 */
				     1, 1, 7 };	      /* high: const 7, so 15 */
	struct case_states *c = *state;
	struct st_frame_in in = { .n = 20, .width = 1 };
	uint8_t bad[sizeof(p)];

	assert_int_equal(case_decode(c, ST_CODING_BLOCKS, &in, p, sizeof(p)), ST_OK);
	assert_memory_equal(c->back,
			    "a\1\2\xf0\xf0\xf0\xf0\xf0\xf0\xf0\xf0"
			    "\xf0\xf0\xf0\xf0\xf0\xf0\xf0\xf0"
			    "b",
			    20);
	for (size_t i = 0; i < sizeof(p); i++)
		assert_int_equal(case_decode(c, ST_CODING_BLOCKS, &in, p, i), ST_ECORRUPT);
	memcpy(bad, p, sizeof(p));
	bad[10] = 8; /* 16, of four bits */
	assert_int_equal(case_decode(c, ST_CODING_BLOCKS, &in, bad, sizeof(p)), ST_ECORRUPT);
	memcpy(bad, p, sizeof(p));
	for (unsigned k = 1; k < 256; k++) { /* of a part */
		bad[4] = (uint8_t)k;
		assert_int_equal(case_decode(c, ST_CODING_BLOCKS, &in, bad, sizeof(p)),
				 k == ST_CODING_CONST ? ST_OK : ST_ECORRUPT);
	}
	for (unsigned k = 0; k < 256; k++) { /* of the blocks */
		memcpy(bad, p, sizeof(p));
		bad[0] = (uint8_t)k;
		if (k != ST_Q4_0)
			assert_int_equal(case_decode(c, ST_CODING_BLOCKS, &in, bad, sizeof(p)),
					 ST_ECORRUPT);
	}
	in.width = 2;
	assert_int_equal(case_decode(c, ST_CODING_BLOCKS, &in, p, sizeof(p)), ST_ECORRUPT);
}

static void flips(void **state)
{
	struct st_frame_in in = case_blocks(*state, 3000, ST_Q8_0, 0);
	size_t len = case_coded(*state, ST_CODING_BLOCKS, &in);

	assert_true(len);
	case_flips(*state, ST_CODING_BLOCKS, &in, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_types),
		cmocka_unit_test(not_these),
		cmocka_unit_test(layout),
		cmocka_unit_test(flips),
	};

	return cmocka_run_group_tests(tests, case_setup, case_teardown);
}

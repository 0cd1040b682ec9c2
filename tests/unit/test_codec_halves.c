/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec_cases.h"

static void upcast(void **state)
{
	struct case_states *c = *state;
	struct st_frame_in in;
	size_t len;

	for (size_t m = 1; m <= ST_FRAME_LEN / 4; m = m * 3 + 5) {
		in = case_in(c, m, 4, ST_NUM_F32, PAIR_UPCAST, 0, 0);
		len = case_coded(c, ST_CODING_HALVES, &in);
		assert_true(m < 2000 || (len && len < 2 * m));
	}
	in = case_in(c, ST_FRAME_LEN / 4, 4, ST_NUM_F32, PAIR_UPCAST, 0, 64);
	assert_in_range(case_coded(c, ST_CODING_HALVES, &in), 1, ST_FRAME_LEN * 36 / 100);
}

static void not_these(void **state)
{
	struct case_states *c = *state;
	struct st_frame_in in = case_in(c, 2000, 4, ST_NUM_F32, PAIR_UPCAST, 0, 0);

	assert_true(case_coded(c, ST_CODING_HALVES, &in));
	c->raw[4 * 1999 + 1] = 1;
	assert_int_equal(case_coded(c, ST_CODING_HALVES, &in), 0);
	c->raw[4 * 1999 + 1] = 0;
	in.n--;
	assert_int_equal(case_coded(c, ST_CODING_HALVES, &in), 0);
	in.n++;
	in.number = ST_NUM_INT;
	assert_int_equal(case_coded(c, ST_CODING_HALVES, &in), 0);
}

/* Two elements: raw halves. */
static void layout(void **state)
{
	static const uint8_t p[] = { ST_CODING_RAW, 'a', 'b', 'c', 'd' };
	struct case_states *c = *state;
	struct st_frame_in in = { .n = 8, .width = 4 };
	uint8_t bad[sizeof(p)];

	assert_int_equal(case_decode(c, ST_CODING_HALVES, &in, p, sizeof(p)), ST_OK);
	assert_memory_equal(c->back, "\0\0ab\0\0cd", 8);
	memcpy(bad, p, sizeof(p));
	for (unsigned k = 1; k < 256; k++) {
		bad[0] = (uint8_t)k;
		assert_int_equal(case_decode(c, ST_CODING_HALVES, &in, bad, sizeof(p)),
				 ST_ECORRUPT);
	}
	assert_int_equal(case_decode(c, ST_CODING_HALVES, &in, p, 0), ST_ECORRUPT);
	in.n = 7;
	assert_int_equal(case_decode(c, ST_CODING_HALVES, &in, p, sizeof(p)), ST_ECORRUPT);
	in.n = 8;
	in.width = 2;
	assert_int_equal(case_decode(c, ST_CODING_HALVES, &in, p, sizeof(p)), ST_ECORRUPT);
}

static void flips(void **state)
{
	struct st_frame_in in = case_in(*state, 800, 4, ST_NUM_F32, PAIR_UPCAST, 0, 0);
	size_t len = case_coded(*state, ST_CODING_HALVES, &in);

	assert_true(len);
	case_flips(*state, ST_CODING_HALVES, &in, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(upcast),
		cmocka_unit_test(not_these),
		cmocka_unit_test(layout),
		cmocka_unit_test(flips),
	};

	return cmocka_run_group_tests(tests, case_setup, case_teardown);
}

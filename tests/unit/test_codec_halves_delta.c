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
		len = case_coded(c, ST_CODING_HALVES_DELTA, &in);
		assert_true(m < 2000 || (len && len < m));
	}
	in = case_in(c, ST_FRAME_LEN / 4, 4, ST_NUM_F32, PAIR_UPCAST, 0, 64);
	assert_in_range(case_coded(c, ST_CODING_HALVES_DELTA, &in), 1, ST_FRAME_LEN * 8 / 100);
}

/* The base's upper halves count, and only if it has no others. */
static void bases(void **state)
{
	struct case_states *c = *state;
	struct st_frame_in in = case_in(c, 2000, 4, ST_NUM_F32, PAIR_UPCAST, 0, 0);
	size_t len = case_coded(c, ST_CODING_HALVES_DELTA, &in);

	assert_true(len);
	for (unsigned k = 0; k < 256; k++) {
		int rc;

		if (k == c->out[0])
			continue;
		c->out[0] ^= (uint8_t)(k ^ c->out[0]);
		rc = case_decode(c, ST_CODING_HALVES_DELTA, &in, c->out, len);
		assert_int_equal(rc, ST_ECORRUPT);
		c->out[0] = ST_CODING_DELTA;
	}
	in.base_n -= 4;
	assert_int_equal(case_decode(c, ST_CODING_HALVES_DELTA, &in, c->out, len), ST_ECORRUPT);
	assert_int_equal(case_coded(c, ST_CODING_HALVES_DELTA, &in), 0);
	in.base_n += 4;
	c->base[4] = 1;
	assert_int_equal(case_coded(c, ST_CODING_HALVES_DELTA, &in), 0);
}

static void flips(void **state)
{
	struct st_frame_in in = case_in(*state, 800, 4, ST_NUM_F32, PAIR_UPCAST, 0, 0);
	size_t len = case_coded(*state, ST_CODING_HALVES_DELTA, &in);

	assert_true(len);
	case_flips(*state, ST_CODING_HALVES_DELTA, &in, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(upcast),
		cmocka_unit_test(bases),
		cmocka_unit_test(flips),
	};

	return cmocka_run_group_tests(tests, case_setup, case_teardown);
}

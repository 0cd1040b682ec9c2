/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec_cases.h"

static void few_and_too_many(void **state)
{
	static const size_t sizes[] = { 0, 1, 31, 32, 33, 1000, 100000 };
	struct case_states *c = *state;

	for (size_t i = 0; i < 4 * 7 * 4; i++) {
		unsigned width = case_widths[i % 4];
		size_t m = sizes[i / 4 % 7], changed = 0, len;
		struct st_frame_in in = case_in(c, m, width, ST_NUM_INT, PAIR_EQUAL, i % 3 + 5, 0);

		for (size_t k = 0; i / 28 && k < m; k += 20 * (i / 28)) {
			c->raw[k * width] ^= 1;
			changed++;
		}
		/* The tail is part of the elements where it is long enough. */
		for (size_t k = m; k < in.n / width; k++)
			changed += memcmp(c->raw + k * width, c->base + k * width, width) != 0;
		len = case_coded(c, ST_CODING_SPARSE, &in);
		if (changed > in.n / width / 32)
			assert_int_equal(len, 0);
		else if (m > 1000)
			assert_in_range(len, 1, 30 + changed * (width + 1));
	}
}

/* Three bytes replaced in 96, by hand. */
static void layout(void **state)
{
	static const uint8_t p[] = { 3, 3, 0, 5, 0, 88, 0, 'x', 'y', 'z' };
	static const struct {
		size_t at;
		uint8_t to;
	} bad[] = {
		{ 0, 4 },  /* more than one in 32 */
		{ 1, 4 },  /* more bytes of gaps than are used */
		{ 1, 10 }, /* than any gaps take */
		{ 5, 89 }, /* behind the end */
		{ 2, 2 },  /* no such block */
	};
	struct case_states *c = *state;
	struct st_frame_in in = { .n = 96, .base = c->base, .base_n = 96, .width = 1 };

	memset(c->base, '.', 96);
	assert_int_equal(case_decode(c, ST_CODING_SPARSE, &in, p, sizeof(p)), ST_OK);
	for (size_t i = 0; i < 96; i++)
		assert_int_equal(c->back[i], i == 5 ? 'x' : i == 6 ? 'y' : i == 95 ? 'z' : '.');
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uint8_t q[sizeof(p)];

		memcpy(q, p, sizeof(p));
		q[bad[i].at] = bad[i].to;
		assert_int_equal(case_decode(c, ST_CODING_SPARSE, &in, q, sizeof(q)), ST_ECORRUPT);
	}
	in.base_n = 95;
	assert_int_equal(case_decode(c, ST_CODING_SPARSE, &in, p, sizeof(p)), ST_ECORRUPT);
}

static void flips(void **state)
{
	struct st_frame_in in = case_in(*state, 20000, 4, ST_NUM_F32, PAIR_FEW, 3, 0);
	size_t len;

	for (size_t i = 400; i < 20000; i++) /* keep the stream short */
		memcpy((uint8_t *)in.raw + 4 * i, in.base + 4 * i, 4);
	len = case_coded(*state, ST_CODING_SPARSE, &in);
	assert_in_range(len, 1, 100);
	case_flips(*state, ST_CODING_SPARSE, &in, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_and_too_many),
		cmocka_unit_test(layout),
		cmocka_unit_test(flips),
	};

	return cmocka_run_group_tests(tests, case_setup, case_teardown);
}

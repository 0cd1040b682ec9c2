/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec_cases.h"

#define CODING ST_CODING_TERSE

static int setup(void **state)
{
	struct case_states *c = malloc(sizeof(*c));

	assert_non_null(c);
	case_states_init(c);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	case_states_release(*state);
	free(*state);
	return 0;
}

/* A tree, and one in which a few digits of one id are others. */
static struct st_frame_in tree(struct case_states *c, size_t n)
{
	struct st_frame_in in = {
		.raw = c->raw, .base = c->base, .n = n, .base_n = n, .width = 1, .level = 1
	};

	case_fill(c->raw, n, FILL_JSON, 1, n);
	memcpy(c->base, c->raw, n);
	for (size_t i = 30; i < 50 && i < n; i++)
		c->base[i] = (uint8_t)('0' + i % 10);
	return in;
}

static void all_sizes(void **state)
{
	static const size_t sizes[] = { 60, 100, 1000, 65536, 300001, ST_FRAME_LEN };
	struct case_states *c = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct st_frame_in in = tree(c, sizes[i]);
		size_t len = case_coded(c, CODING, &in);

		if (len == 0 || len > in.n / 2 + 40)
			fail_msg("%zu bytes of %zu", len, in.n);
	}
}

static void not_these(void **state)
{
	struct case_states *c = *state;
	struct st_frame_in in = tree(c, 1000);

	in.width = 2;
	assert_int_equal(case_coded(c, CODING, &in), 0);
	in = tree(c, 1000);
	in.row = 10;
	assert_int_equal(case_coded(c, CODING, &in), 0);
	in = tree(c, 1000);
	c->raw[0] = '[';
	assert_int_equal(case_coded(c, CODING, &in), 0);
}

/* What the frame's coding becomes by itself. */
static void chosen(void **state)
{
	struct case_states *c = *state;
	struct st_err e = { 0 };
	struct st_frame_in in = tree(c, 300);
	enum st_coding coding;
	size_t len;

	in.base = NULL;
	in.base_n = 0;
	assert_int_equal(st_frame_encode(c->s[0], &in, ST_CODEC_DEFAULT, c->out, &coding, &len, &e),
			 ST_OK);
	assert_int_equal(coding, CODING);
	assert_int_equal(st_frame_decode(c->s[1], coding, c->out, len, in.base, in.base_n, 1,
					 c->back, in.n, &e),
			 ST_OK);
	assert_memory_equal(c->back, in.raw, in.n);
	assert_int_equal(st_frame_encode(c->s[0], &in, ST_CODEC_FAST, c->out, &coding, &len, &e),
			 ST_OK);
	assert_int_equal(coding, ST_CODING_RAW);
}

static void flips(void **state)
{
	struct st_frame_in in = tree(*state, 700);
	size_t len = case_coded(*state, CODING, &in);

	assert_true(len);
	case_flips(*state, CODING, &in, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_sizes),
		cmocka_unit_test(not_these),
		cmocka_unit_test(chosen),
		cmocka_unit_test(flips),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

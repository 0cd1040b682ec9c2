/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "terse_cases.h"

struct st_frame_in terse_tree(struct case_states *c, size_t n)
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

void terse_all_sizes(struct case_states *c, enum st_coding coding)
{
	static const size_t sizes[] = { 60, 100, 1000, 65536, 300001, ST_FRAME_LEN };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct st_frame_in in = terse_tree(c, sizes[i]);
		size_t len = case_coded(c, coding, &in);

		if (len == 0 || len > in.n / 2 + 40)
			fail_msg("%zu bytes of %zu", len, in.n);
	}
}

void terse_not_these(struct case_states *c, enum st_coding coding)
{
	struct st_frame_in in = terse_tree(c, 1000);

	in.width = 2;
	assert_int_equal(case_coded(c, coding, &in), 0);
	in = terse_tree(c, 1000);
	in.row = 10;
	assert_int_equal(case_coded(c, coding, &in), 0);
	in = terse_tree(c, 1000);
	c->raw[0] = '[';
	assert_int_equal(case_coded(c, coding, &in), 0);
}

void terse_chosen(struct case_states *c, enum st_coding want, struct st_frame_in in)
{
	enum st_coding coding;
	struct st_err e = { 0 };
	size_t len;

	assert_int_equal(st_frame_encode(c->s[0], &in, ST_CODEC_DEFAULT, c->out, &coding, &len, &e),
			 ST_OK);
	assert_int_equal(coding, want);
	assert_int_equal(st_frame_decode(c->s[1], coding, c->out, len, in.base, in.base_n, 1,
					 c->back, in.n, &e),
			 ST_OK);
	assert_memory_equal(c->back, in.raw, in.n);
	assert_int_equal(st_frame_encode(c->s[0], &in, ST_CODEC_FAST, c->out, &coding, &len, &e),
			 ST_OK);
	assert_int_equal(coding, ST_CODING_RAW);
}

void terse_flips(struct case_states *c, enum st_coding coding)
{
	struct st_frame_in in = terse_tree(c, 700);
	size_t len = case_coded(c, coding, &in);

	assert_true(len);
	case_flips(c, coding, &in, len);
}

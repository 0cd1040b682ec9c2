/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"

struct row {
	const char *raw;
	size_t n;
	unsigned width;
	size_t stored; /* 0: does not apply */
};

static const struct row rows[] = {
	{ "aaaa", 4, 1, 1 },	 { "abab", 4, 2, 2 },	  { "abab", 4, 1, 0 },
	{ "ababa", 5, 2, 0 },	 { "abcdabcd", 8, 4, 4 }, { "abcdabcx", 8, 4, 0 },
	{ "abcdefgh", 8, 8, 8 }, { "xaaaaaaa", 8, 1, 0 }, { "a", 1, 2, 0 },
	{ "\0\0\0\0", 4, 4, 4 },
};

static void stores_one_element(void **state)
{
	const struct st_codec *c = st_codec_get(ST_CODING_CONST);
	uint8_t out[8], back[8];

	(void)state;
	assert_string_equal(c->name, "const");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *r = &rows[i];
		struct st_frame_in in = { .raw = (const uint8_t *)r->raw,
					  .n = r->n,
					  .width = r->width };
		struct st_err e = { 0 };
		size_t len = 0;
		int rc = c->encode(NULL, &in, out, sizeof(out), &len, &e);

		assert_int_equal(rc, r->stored ? ST_OK : ST_ENO);
		assert_int_equal(len, r->stored);
		if (!r->stored)
			continue;
		assert_memory_equal(out, r->raw, len);
		assert_int_equal(c->decode(NULL, out, len, NULL, 0, r->width, back, r->n, &e),
				 ST_OK);
		assert_memory_equal(back, r->raw, r->n);
		assert_int_equal(c->encode(NULL, &in, out, len - 1, &len, &e), ST_ENO);
	}
}

static void refuses_what_does_not_divide(void **state)
{
	const struct st_codec *c = st_codec_get(ST_CODING_CONST);
	uint8_t back[16];
	static const struct {
		size_t len, n;
		unsigned width;
	} bad[] = { { 2, 5, 2 }, { 1, 4, 2 }, { 4, 4, 2 }, { 0, 4, 1 }, { 8, 4, 8 } };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct st_err e = { 0 };

		assert_int_equal(c->decode(NULL, (const uint8_t *)"abcdefgh", bad[i].len, NULL, 0,
					   bad[i].width, back, bad[i].n, &e),
				 ST_ECORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stores_one_element),
		cmocka_unit_test(refuses_what_does_not_divide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

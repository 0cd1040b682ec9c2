/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"

static void only_an_equal_base(void **state)
{
	const struct st_codec *c = st_codec_get(ST_CODING_SAME);
	static const struct {
		const char *base;
		size_t n;
		int rc;
	} rows[] = {
		{ "abcd", 4, ST_OK }, { "abcx", 4, ST_ENO }, { "abcde", 5, ST_ENO },
		{ "abc", 3, ST_ENO }, { NULL, 0, ST_ENO },
	};

	(void)state;
	assert_string_equal(c->name, "same");
	assert_true(c->needs_base);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_frame_in in = { .raw = (const uint8_t *)"abcd",
					  .n = 4,
					  .base = (const uint8_t *)rows[i].base,
					  .base_n = rows[i].n,
					  .width = 1 };
		struct st_err e = { 0 };
		size_t len = 7;

		assert_int_equal(c->encode(NULL, &in, NULL, 0, &len, &e), rows[i].rc);
		assert_int_equal(e.code, ST_OK);
		if (rows[i].rc == ST_OK)
			assert_int_equal(len, 0);
	}
}

static void decodes_to_the_base(void **state)
{
	const struct st_codec *c = st_codec_get(ST_CODING_SAME);
	const uint8_t *base = (const uint8_t *)"abcd";
	struct st_err e = { 0 };
	uint8_t back[8];

	(void)state;
	assert_int_equal(c->decode(NULL, NULL, 0, base, 4, 1, back, 4, &e), ST_OK);
	assert_memory_equal(back, "abcd", 4);
	assert_int_equal(c->decode(NULL, base, 1, base, 4, 1, back, 4, &e), ST_ECORRUPT);
	st_err_clear(&e);
	assert_int_equal(c->decode(NULL, NULL, 0, base, 4, 1, back, 5, &e), ST_ECORRUPT);
	st_err_clear(&e);
	assert_int_equal(c->decode(NULL, NULL, 0, base, 4, 1, back, 3, &e), ST_ECORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_an_equal_base),
		cmocka_unit_test(decodes_to_the_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

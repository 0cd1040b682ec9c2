/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"

static const struct st_codec *raw(void)
{
	return st_codec_get(ST_CODING_RAW);
}

static void stores_the_bytes(void **state)
{
	const struct st_frame_in in = { .raw = (const uint8_t *)"abc", .n = 3, .width = 1 };
	struct st_err e = { 0 };
	uint8_t out[4] = "...";
	size_t len;

	(void)state;
	assert_string_equal(raw()->name, "raw");
	assert_int_equal(raw()->encode(NULL, &in, out, 3, &len, &e), ST_OK);
	assert_int_equal(len, 3);
	assert_memory_equal(out, "abc", 3);
	assert_int_equal(raw()->encode(NULL, &in, out, 2, &len, &e), ST_ENO);
	assert_int_equal(e.code, ST_OK);
}

static void wants_the_exact_size(void **state)
{
	uint8_t back[8];

	(void)state;
	for (size_t n = 1; n < 8; n++) {
		struct st_err e = { 0 };
		int rc = raw()->decode(NULL, (const uint8_t *)"abcd", 4, NULL, 0, 1, back, n, &e);

		assert_int_equal(rc, n == 4 ? ST_OK : ST_ECORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stores_the_bytes),
		cmocka_unit_test(wants_the_exact_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/utf8.h"

/* The definition, from RFC 3629, by decoding: shares nothing with the code under test. */
static size_t expected_len(const uint8_t *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c;
	size_t len, i;

	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	len = p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
	if (len == 0 || n < len)
		return 0;
	c = p[0] & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : len;
}

static void test_every_three_bytes(void **state)
{
	(void)state;
	for (uint32_t v = 0; v < 1u << 24; v++) {
		const uint8_t p[4] = { (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v, 0x80 };
		size_t n = 3 + (p[0] >= 0xf0);

		if (st_utf8_len(p, n) != expected_len(p, n))
			fail_msg("%06x", v);
	}
}

static void test_every_character(void **state)
{
	char enc[5];

	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		size_t n;

		if (c == 0xd800)
			c = 0xe000;
		n = st_utf8_put(c, enc);
		if (n != (c < 0x80    ? 1 :
			  c < 0x800   ? 2 :
			  c < 0x10000 ? 3 :
					4) ||
		    st_utf8_len(enc, n) != n || (n > 1 && st_utf8_len(enc, n - 1) != 0))
			fail_msg("U+%04X", c);
	}
	assert_int_equal(st_utf8_put(0x20ac, enc), 3);
	assert_memory_equal(enc, "\xe2\x82\xac", 3);
	assert_int_equal(st_utf8_put(0x1d11e, enc), 4);
	assert_memory_equal(enc, "\xf0\x9d\x84\x9e", 4);
}

static void test_valid(void **state)
{
	static const struct {
		const char *s;
		size_t len;
		bool ok;
	} table[] = {
		{ "", 0, true },
		{ "a\0b", 3, true },
		{ "na\xc3\xafve \xf0\x9f\x98\x80", 11, true },
		{ "a\xc3", 2, false },
		{ "\x80", 1, false },
		{ "ok\xff", 3, false },
		{ "\xed\xa0\xbd\xed\xb8\x80", 6, false },
		{ "\xf5\x80\x80\x80", 4, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_int_equal(st_utf8_valid(table[i].s, table[i].len), table[i].ok);
	assert_true(st_utf8_valid(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_three_bytes),
		cmocka_unit_test(test_every_character),
		cmocka_unit_test(test_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/terse.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* The size of what comes out, which is text again when it is taken apart. */
static size_t there_and_back(const void *text, size_t n, const char *base)
{
	size_t room = st_terse_most(n), base_n = base ? strlen(base) : 0, len, got, again;
	uint8_t *out = malloc(room), *back = malloc(n + 1), *twice = malloc(room);
	struct st_err e = { 0 };

	assert_true(out && back && twice);
	len = st_terse_encode(out, room, text, n, (const uint8_t *)base, base_n);
	assert_true(n == 0 || len > 0);
	again = st_terse_encode(twice, len, text, n, (const uint8_t *)base, base_n);
	assert_int_equal(again, len);
	assert_memory_equal(out, twice, len);
	assert_int_equal(
		len ? st_terse_encode(twice, len - 1, text, n, (const uint8_t *)base, base_n) : 0,
		0);
	if (st_terse_decode(back, n, &got, out, len, (const uint8_t *)base, base_n, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(got, n);
	assert_memory_equal(back, text, n);
	if (n) { /* one byte less than it needs */
		assert_int_equal(st_terse_decode(back, n - 1, &got, out, len, (const uint8_t *)base,
						 base_n, &e),
				 ST_ECORRUPT);
	}
	free(out);
	free(back);
	free(twice);
	return len;
}

static void sizes(void **state)
{
	static const struct {
		const char *text, *base;
		size_t len;
	} rows[] = {
		{ "", NULL, 0 },
		{ "x", NULL, 2 },
		{ "no JSON at all, and no word of it", NULL, 34 },
		{ A, NULL, 33 },
		{ A A, NULL, 35 },
		{ "[\"" A "\"]", NULL, 3 + 33 + 3 },
		{ "0" A, NULL, 33 + 2 }, /* the id that begins first */
		{ "2025-11-21T04:54:30Z", NULL, 9 },
		{ "2025-11-21T04:54:30.120Z", NULL, 9 },
		{ "2025-11-21T04:54:30.12Z", NULL, 24 }, /* not as it is written */
		{ "2025-13-21T04:54:30Z", NULL, 21 },
		{ "2025-11-21T04:54:30", NULL, 20 },
		{ "{\"entries\":[{\"id\":\"" A "\",\"mode\":0,\"name\":\"f\",\"size\":7}],"
		  "\"type\":\"strata.tree/1\"}",
		  NULL, 1 + 33 + 1 + 2 + 1 + 2 + 1 },
		{ "{\"a\":1,\"" A "\"", "{\"a\":1,\"" A "\"", 2 },
		{ "{\"a\":1,\"" B "\"", "{\"a\":1,\"" A "\"", 2 + 33 + 2 },
		/* Two digits are equal: the id is whole. */
		{ "{\"abc\":\"aa" B, "{\"abc\":\"" A A, 2 + 33 + 3 },
		{ "{\"a\":1,\"more\"", "{\"a\":1", 14 }, /* too little alike */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t len = there_and_back(rows[i].text, strlen(rows[i].text), rows[i].base);

		if (len != rows[i].len)
			fail_msg("row %zu: %zu bytes, not %zu", i, len, rows[i].len);
	}
}

/* Ids are named again over 256 others, and not over more. */
static void ids_again(void **state)
{
	char text[64 * 300 + 1], *p = text;
	size_t len;

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		p += snprintf(p, 65, "%064x", i + 1);
	memcpy(p, text, 64);
	len = there_and_back(text, 64 * 257, NULL);
	assert_int_equal(len, 256 * 33 + 2);
	snprintf(p, 65, "%064x", 1000);
	memcpy(p + 64, text, 64);
	len = there_and_back(text, 64 * 258, NULL);
	assert_int_equal(len, 258 * 33);
}

/* Whatever the bytes are, they take at most as much as is said. */
static void any_bytes(void **state)
{
	static const char pool[] = "0123456789abcdef\"{}:,-TZ";
	uint8_t text[700], base[700];
	uint32_t x = 1;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		for (size_t i = 0; i < sizeof(text); i++) {
			x = x * 1664525 + 1013904223;
			text[i] = round % 2 ? (uint8_t)(x >> 24) :
					      (uint8_t)pool[(x >> 16) % (sizeof(pool) - 1)];
			base[i] = x >> 28 ? text[i] : 'x';
		}
		base[sizeof(base) - 1] = 0;
		there_and_back(text, round * 2 + 1, NULL);
		for (size_t i = 0; i < sizeof(base) - 1; i++)
			base[i] = base[i] ? base[i] : 1;
		there_and_back(text, round * 2 + 1, (const char *)base);
	}
}

static void damage(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *says;
	} rows[] = {
		{ "\x05"
		  "ab",
		  3, "need" },
		{ "\x40"
		  "ab",
		  3, "need" },
		{ "\x41", 1, "need" },
		{ "\x41\x00", 2, "id 0 of 0" },
		{ "\x42"
		  "1234567",
		  8, "need" },
		{ "\x43\x08", 2, "8 bytes at 0 of a base of 4" },
		{ "\x43\x80", 2, "need" },
		{ "\x00x\x43\x04", 4, "4 bytes at 1 of a base of 4" },
		{ "\x44", 1, "unknown token 68" },
		{ "\x7f", 1, "unknown token 127" },
		{ "\xff", 1, "unknown token 255" },
		{ "\x80\x80\x80\x80\x80\x80\x80", 7, "more than 64 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_err e = { 0 };
		uint8_t out[64];
		size_t len;

		assert_int_equal(st_terse_decode(out, sizeof(out), &len,
						 (const uint8_t *)rows[i].bytes, rows[i].n,
						 (const uint8_t *)"base", 4, &e),
				 ST_ECORRUPT);
		if (!strstr(e.msg, rows[i].says))
			fail_msg("row %zu: %s", i, e.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(ids_again),
		cmocka_unit_test(any_bytes),
		cmocka_unit_test(damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

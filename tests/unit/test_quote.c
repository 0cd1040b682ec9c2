/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tensor/quote.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void test_quote(void **state)
{
	static const struct {
		const char *name;
		size_t len;
		const char *want;
	} rows[] = {
		{ "", 0, "\"\"" },
		{ "layer.0/w", 9, "\"layer.0/w\"" },
		{ "a\nb", 3, "\"a\\x0ab\"" },
		{ "a\0b", 3, "\"a\\x00b\"" },
		{ "\"\\", 2, "\"\\x22\\x5c\"" },
		{ "\033[2J", 4, "\"\\x1b[2J\"" },
		{ "\x7f", 1, "\"\\x7f\"" },
		{ "\xc2\x9b", 2, "\"\\xc2\\x9b\"" }, /* CSI, which some terminals obey */
		{ "\xc2\xa0", 2, "\"\xc2\xa0\"" },
		{ "\xe5\xb1\x82", 3, "\"\xe5\xb1\x82\"" },
		{ "\xe5\xb1", 2, "\"\\xe5\\xb1\"" },
		{ "\xff", 1, "\"\\xff\"" },
	};
	struct st_quote q;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(st_quote(&q, rows[i].name, rows[i].len), rows[i].want);
}

static void test_long(void **state)
{
	char name[400];
	struct st_quote q;

	(void)state;
	memset(name, 'x', sizeof(name));
	for (size_t n = 100; n < sizeof(name); n++) {
		st_quote(&q, name, n);
		if (n <= sizeof(q.s) - 6) {
			assert_int_equal(strlen(q.s), n + 2);
			continue;
		}
		assert_int_equal(strlen(q.s), sizeof(q.s) - 1);
		assert_string_equal(q.s + sizeof(q.s) - 5, "\"...");
	}
	/* Cut between characters, never inside one. */
	for (size_t i = 0; i + 3 <= 399; i += 3)
		memcpy(name + i, "\xe5\xb1\x82", 3);
	st_quote(&q, name, 399);
	assert_memory_equal(q.s + strlen(q.s) - 7, "\xe5\xb1\x82\"...", 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quote),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

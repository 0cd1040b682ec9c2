/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/oid.h"

/* BLAKE3 of nothing, and of "abc", as b3sum prints them. */
#define EMPTY "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
#define ABC "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"

static void test_of_and_hex(void **state)
{
	char hex[ST_OID_HEX + 1];
	struct st_oid id;

	(void)state;
	st_oid_of(&id, NULL, 0);
	st_oid_hex(&id, hex);
	assert_string_equal(hex, EMPTY);
	st_oid_of(&id, "abc", 3);
	st_oid_hex(&id, hex);
	assert_string_equal(hex, ABC);
}

static void test_parse(void **state)
{
	struct st_oid id, of, kept;
	char text[ST_OID_HEX + 1] = ABC;

	(void)state;
	st_oid_of(&of, "abc", 3);
	assert_true(st_oid_parse(&id, text, ST_OID_HEX));
	assert_true(st_oid_eq(&id, &of));
	kept = id;
	assert_false(st_oid_parse(&id, text, ST_OID_HEX - 1));
	assert_false(st_oid_parse(&id, text, ST_OID_HEX + 1));
	assert_false(st_oid_parse(&id, text, 0));
	for (size_t i = 0; i < ST_OID_HEX; i++) {
		static const char bad[] = "AFGg/:`@ \0";

		for (size_t k = 0; k < sizeof(bad); k++) {
			memcpy(text, ABC, sizeof(text));
			text[i] = bad[k];
			assert_false(st_oid_parse(&id, text, ST_OID_HEX));
		}
	}
	assert_true(st_oid_eq(&id, &kept)); /* a failure leaves it alone */
}

static void test_order(void **state)
{
	struct st_oid zero = { 0 }, a = { 0 }, b = { 0 };

	(void)state;
	assert_true(st_oid_is_zero(&zero));
	a.b[31] = 1;
	b.b[0] = 0x80;
	assert_false(st_oid_is_zero(&a));
	assert_false(st_oid_eq(&a, &b));
	assert_true(st_oid_cmp(&zero, &a) < 0);
	assert_true(st_oid_cmp(&a, &b) < 0); /* bytes are unsigned */
	assert_true(st_oid_cmp(&b, &a) > 0);
	assert_int_equal(st_oid_cmp(&b, &b), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_and_hex),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

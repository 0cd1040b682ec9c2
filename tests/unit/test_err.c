/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/err.h"

static void test_first_failure_wins(void **state)
{
	struct st_err e = { 0 };

	(void)state;
	assert_int_equal(st_fail(&e, ST_EFORMAT, "bad %s at %d", "magic", 7), ST_EFORMAT);
	assert_string_equal(e.msg, "bad magic at 7");
	assert_non_null(strstr(e.where, "test_err.c:"));
	assert_int_equal(st_fail(&e, ST_EBUG, "cleanup"), ST_EFORMAT);
	errno = EIO;
	assert_int_equal(st_fail_os(&e, "close"), ST_EFORMAT);
	assert_string_equal(e.msg, "bad magic at 7");
	assert_int_equal(e.os, 0);
}

static void test_os_errors(void **state)
{
	static const struct {
		int os;
		enum st_code code;
	} table[] = {
		{ ENOENT, ST_EIO },
		{ EACCES, ST_EIO },
		{ ENOSPC, ST_ENOSPC },
		{ EDQUOT, ST_ENOSPC },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct st_err e = { 0 };
		char expected[200] = "open x: ";

		errno = table[i].os;
		assert_int_equal(st_fail_os(&e, "open %s", "x"), table[i].code);
		assert_int_equal(e.os, table[i].os);
		strncat(expected, strerror(table[i].os), 100);
		assert_string_equal(e.msg, expected);
	}
}

static void test_wrap(void **state)
{
	struct st_err e = { 0 };

	(void)state;
	assert_int_equal(st_wrap(&e, "nothing"), ST_OK);
	assert_string_equal(e.msg, "");
	st_fail(&e, ST_ECORRUPT, "count 2 at 0");
	assert_int_equal(st_wrap(&e, "page %d", 3), ST_ECORRUPT);
	assert_int_equal(st_wrap(&e, "load %s", "m"), ST_ECORRUPT);
	assert_string_equal(e.msg, "load m: page 3: count 2 at 0");
	st_err_clear(&e);
	assert_int_equal(e.code, ST_OK);
	assert_string_equal(e.msg, "");
	assert_null(e.where);
}

/* Whatever the lengths, the text ends inside the struct. */
static void test_long_text(void **state)
{
	char longer[3 * sizeof(((struct st_err *)0)->msg)];

	(void)state;
	memset(longer, 'x', sizeof(longer));
	for (size_t n = 0; n < sizeof(longer); n += 37) {
		struct st_err e = { 0 };

		longer[sizeof(longer) - 1 - n] = 0;
		errno = EIO;
		st_fail_os(&e, "%s", longer);
		assert_true(strlen(e.msg) < sizeof(e.msg));
		st_wrap(&e, "%s", longer);
		st_wrap(&e, "outer");
		assert_true(strlen(e.msg) < sizeof(e.msg));
		assert_memory_equal(e.msg, "outer: ", 7);
	}
}

static void test_codes(void **state)
{
	static const struct {
		enum st_code code;
		const char *name;
		int status;
	} table[] = {
#define ROW(code, value, name, status, http, py) { code, name, status },
		ST_CODE_TABLE(ROW)
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		assert_int_equal(table[i].code, -(int)i);
		assert_string_equal(st_code_name(table[i].code), table[i].name);
		assert_int_equal(st_code_exit(table[i].code), table[i].status);
	}
	assert_int_equal(st_code_exit(ST_ENO), 1);
	assert_int_equal(st_code_exit(ST_EBUSY), 10);
	assert_string_equal(st_code_name((enum st_code) - 99), "unknown");
	assert_int_equal(st_code_exit((enum st_code) - 99), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_failure_wins),
		cmocka_unit_test(test_os_errors),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_adding(void **state)
{
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	st_buf_init(&b, 1000);
	assert_string_equal(st_buf_cstr(&b, &e), "");
	assert_int_equal(st_buf_add(&b, "a\0b", 3, &e), ST_OK);
	assert_int_equal(st_buf_add(&b, NULL, 0, &e), ST_OK);
	assert_int_equal(st_buf_addstr(&b, "cd", &e), ST_OK);
	assert_int_equal(st_buf_addch(&b, 'e', &e), ST_OK);
	assert_int_equal(st_buf_addf(&b, &e, "%d-%s", -5, "x"), ST_OK);
	assert_int_equal(b.len, 10);
	assert_memory_equal(b.p, "a\0bcde-5-x", 10);
	assert_int_equal(st_buf_cstr(&b, &e)[10], 0);
	assert_int_equal(b.len, 10);
	st_buf_clear(&b);
	assert_int_equal(b.len, 0);
	assert_true(b.cap > 0);
	st_buf_release(&b);
	assert_null(b.p);
	assert_int_equal(b.max, 1000);
}

static void test_maximum(void **state)
{
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	st_buf_init(&b, 8);
	assert_int_equal(st_buf_add(&b, "12345678", 8, &e), ST_OK);
	assert_string_equal(st_buf_cstr(&b, &e), "12345678");
	assert_int_equal(st_buf_addch(&b, '9', &e), ST_ELIMIT);
	assert_int_equal(b.len, 8);
	st_err_clear(&e);
	assert_int_equal(st_buf_room(&b, SIZE_MAX, &e), ST_ELIMIT);
	st_err_clear(&e);
	assert_int_equal(st_buf_room(&b, SIZE_MAX - 8, &e), ST_ELIMIT);
	st_err_clear(&e);
	assert_int_equal(st_buf_room(&b, 0, &e), ST_OK);
	assert_memory_equal(b.p, "12345678", 8);
	st_buf_release(&b);
}

/* The text just fills the buffer: its NUL must not count against the maximum. */
static void test_formatted_maximum(void **state)
{
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	st_buf_init(&b, 5);
	assert_int_equal(st_buf_addf(&b, &e, "%s", "12345"), ST_OK);
	assert_int_equal(b.len, 5);
	assert_int_equal(st_buf_addf(&b, &e, "%s", "6"), ST_ELIMIT);
	assert_int_equal(b.len, 5);
	st_buf_release(&b);
}

static void test_growth(void **state)
{
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	st_buf_init(&b, 100000);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(st_buf_addch(&b, (char)(i * 7), &e), ST_OK);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(b.p[i], (uint8_t)(i * 7));
	assert_int_equal(st_buf_addch(&b, 0, &e), ST_ELIMIT);
	st_buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adding),
		cmocka_unit_test(test_maximum),
		cmocka_unit_test(test_formatted_maximum),
		cmocka_unit_test(test_growth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

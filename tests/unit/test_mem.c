/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

/* The sanitizers would end the program where calloc is to return NULL. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
	return __asan_default_options();
}

static void test_products_and_sums(void **state)
{
	static const struct {
		uint64_t a, b;
		bool mul, add;
	} table[] = {
		{ 0, UINT64_MAX, true, true },
		{ 1, UINT64_MAX, true, false },
		{ (uint64_t)1 << 32, (uint64_t)1 << 32, false, true },
		{ ((uint64_t)1 << 32) - 1, ((uint64_t)1 << 32) + 1, true, true },
		{ UINT64_MAX, UINT64_MAX, false, false },
		{ (uint64_t)1 << 63, (uint64_t)1 << 63, false, false },
		{ (uint64_t)1 << 63, 2, false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		uint64_t a = table[i].a, b = table[i].b, out = 42;

		assert_int_equal(st_mul_u64(a, b, &out), table[i].mul);
		assert_true(out == (table[i].mul ? a * b : 42));
		out = 42;
		assert_int_equal(st_add_u64(a, b, &out), table[i].add);
		assert_true(out == (table[i].add ? a + b : 42));
	}
}

static void test_size(void **state)
{
	struct st_err e = { 0 };
	size_t n = 7;

	(void)state;
	assert_int_equal(st_size(0, &n, &e), ST_OK);
	assert_int_equal(n, 0);
	assert_int_equal(st_size(SIZE_MAX / 2, &n, &e), ST_OK);
	assert_int_equal(st_size((uint64_t)SIZE_MAX / 2 + 1, &n, &e), ST_ELIMIT);
	assert_true(n == SIZE_MAX / 2);
}

static void test_allocations(void **state)
{
	struct st_err e = { 0 };
	volatile size_t huge = SIZE_MAX / 2;
	uint64_t *a = st_calloc(100, sizeof(*a), &e);
	char *p = st_malloc(0, &e), *s = st_strdup("abc", &e), *m = st_memdup("a\0b", 3, &e);

	(void)state;
	assert_non_null(a);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(a[i], 0);
	assert_non_null(p);
	assert_string_equal(s, "abc");
	assert_memory_equal(m, "a\0b", 3);
	free(a);
	free(p);
	free(s);
	free(m);
	assert_int_equal(e.code, ST_OK);
	a = st_calloc(huge, huge, &e);
	assert_null(a);
	assert_int_equal(e.code, ST_ENOMEM);
}

static void test_grow(void **state)
{
	struct st_err e = { 0 };
	uint32_t *arr = NULL;
	size_t cap = 0, moved = 0;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		size_t before = cap;

		assert_int_equal(st_grow(&arr, &cap, i + 1, &e), ST_OK);
		assert_true(cap > i);
		moved += cap != before;
		arr[i] = i;
	}
	assert_true(moved < 20); /* doubles */
	for (uint32_t i = 0; i < 100000; i++)
		assert_int_equal(arr[i], i);
	moved = cap;
	assert_int_equal(st_grow(&arr, &cap, SIZE_MAX, &e), ST_ELIMIT);
	assert_int_equal(cap, moved);
	assert_int_equal(arr[99999], 99999);
	free(arr);
}

static void test_little_endian(void **state)
{
	uint8_t p[9] = { 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0xf1, 0xee }, q[8];

	(void)state;
	assert_int_equal(st_get16(p), 0x7788);
	assert_int_equal(st_get32(p), 0x55667788);
	assert_true(st_get64(p) == 0xf122334455667788);
	assert_true(st_get64(p + 1) == 0xeef1223344556677); /* no alignment */
	st_put64(q, 0xf122334455667788);
	assert_memory_equal(p, q, 8);
	st_put32(q, 0x33221100);
	st_put16(q + 4, 0x5544);
	assert_memory_equal(q, "\x00\x11\x22\x33\x44\x55\x22\xf1", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_products_and_sums), cmocka_unit_test(test_size),
		cmocka_unit_test(test_allocations),	  cmocka_unit_test(test_grow),
		cmocka_unit_test(test_little_endian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

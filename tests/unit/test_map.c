/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/map.h"

#define MANY 50000

static void test_put_and_get(void **state)
{
	struct st_err e = { 0 };
	struct st_map m;
	uint64_t v = 9, old = 9;
	bool had = true;

	(void)state;
	st_map_init(&m);
	assert_false(st_map_get(&m, "a", 1, &v));
	assert_int_equal(st_map_put(&m, "a", 1, 1, &had, &old, &e), ST_OK);
	assert_false(had);
	assert_int_equal(old, 9);
	assert_int_equal(st_map_put(&m, "a", 1, 2, &had, &old, &e), ST_OK);
	assert_true(had);
	assert_int_equal(old, 1);
	assert_int_equal(st_map_put(&m, "a\0b", 3, 3, NULL, NULL, &e), ST_OK);
	assert_int_equal(st_map_put(&m, "", 0, UINT64_MAX, &had, NULL, &e), ST_OK);
	assert_false(had);
	assert_int_equal(m.count, 3);
	assert_true(st_map_get(&m, "a", 1, &v) && v == 2);
	assert_true(st_map_get(&m, "a\0b", 3, &v) && v == 3);
	assert_true(st_map_get(&m, NULL, 0, &v) && v == UINT64_MAX);
	assert_true(st_map_get(&m, "a", 1, NULL));
	assert_false(st_map_get(&m, "a\0", 2, &v));
	st_map_release(&m);
	assert_int_equal(m.count, 0);
	st_map_release(&m);
}

/* The key's memory may change after put; growing loses nothing; iteration visits each key once. */
static void test_many(void **state)
{
	static uint8_t seen[MANY];
	struct st_err e = { 0 };
	struct st_map m;
	const void *key;
	char name[64], expected[64];
	size_t pos = 0, len, n;
	uint64_t v;

	(void)state;
	st_map_init(&m);
	for (unsigned i = 0; i < MANY; i++) {
		n = (size_t)snprintf(name, sizeof(name), "layers.%u.%.*s", i, (int)(i % 40),
				     "weight.weight.weight.weight.weight.weight");
		assert_int_equal(st_map_put(&m, name, n, i, NULL, NULL, &e), ST_OK);
		memset(name, 'x', sizeof(name));
	}
	assert_int_equal(m.count, MANY);
	assert_true(m.count <= m.nslots / 4 * 3);
	while (st_map_next(&m, &pos, &key, &len, &v)) {
		assert_true(v < MANY);
		assert_int_equal(seen[v]++, 0);
		n = (size_t)snprintf(expected, sizeof(expected), "layers.%u.%.*s", (unsigned)v,
				     (int)(v % 40), "weight.weight.weight.weight.weight.weight");
		assert_int_equal(len, n);
		assert_string_equal(key, expected);
		assert_true(st_map_get(&m, key, len, &v));
	}
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(seen[i], 1);
	assert_false(st_map_next(&m, &pos, &key, &len, &v));
	st_map_release(&m);
}

static size_t longest_probe(const struct st_map *m)
{
	size_t longest = 0;

	for (size_t i = 0; i < m->nslots; i++) {
		size_t d = (i - (size_t)m->slots[i].hash) & (m->nslots - 1);

		if (m->slots[i].hash && d > longest)
			longest = d;
	}
	return longest;
}

/* Two tables differ in their seeds, and keys that differ in one byte spread over the table. */
static void test_spread(void **state)
{
	struct st_err e = { 0 };
	struct st_map a, b;

	(void)state;
	st_map_init(&a);
	st_map_init(&b);
	for (uint32_t i = 0; i < 20000; i++) {
		uint8_t key[4];

		st_put32(key, i << 12);
		assert_int_equal(st_map_put(&a, key, 4, i, NULL, NULL, &e), ST_OK);
		assert_int_equal(st_map_put(&b, key, 4, i, NULL, NULL, &e), ST_OK);
	}
	assert_true(a.seed != b.seed);
	assert_true(longest_probe(&a) < 500 && longest_probe(&b) < 500);
	st_map_release(&a);
	st_map_release(&b);
}

static void test_arena(void **state)
{
	static const size_t sizes[] = { 1, 16, 3, 600, 100000, 7, 300000, 64, 0, 5000, 4096, 513 };
	static uint8_t *got[1200];
	struct st_err e = { 0 };
	struct st_arena a;
	size_t total = 0, n = sizeof(sizes) / sizeof(*sizes);

	(void)state;
	st_arena_init(&a);
	for (size_t i = 0; i < 240; i++) {
		size_t len = sizes[i % n];

		got[i] = st_arena_alloc(&a, len, &e);
		assert_non_null(got[i]);
		assert_int_equal((uintptr_t)got[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < len; k++)
			assert_int_equal(got[i][k], 0);
		if (len)
			memset(got[i], (int)(i + 1), len);
		total += len ? len : 1;
		if (i % 3 == 0)
			total += strlen(st_arena_dup(&a, "odd", 3, &e)) + 1;
	}
	assert_int_equal(a.total, total);
	for (size_t i = 0; i < 240; i++)
		for (size_t k = 0; k < sizes[i % n]; k++)
			assert_int_equal(got[i][k], (uint8_t)(i + 1));
	assert_null(st_arena_alloc(&a, SIZE_MAX - 4, &e));
	assert_int_equal(e.code, ST_ELIMIT);
	st_err_clear(&e);
	assert_null(st_arena_dup(&a, "", SIZE_MAX, &e));
	assert_int_equal(e.code, ST_ELIMIT);
	assert_int_equal(a.total, total);
	st_arena_release(&a);
	st_arena_release(&a);
}

/* The first request decides nothing about the later ones: a large block must not stay in use. */
static void test_arena_large_first(void **state)
{
	struct st_err e = { 0 };
	struct st_arena a;
	uint8_t *p, *q, *r;

	(void)state;
	st_arena_init(&a);
	p = st_arena_alloc(&a, (size_t)10 << 20, &e);
	q = st_arena_alloc(&a, (size_t)1 << 20, &e);
	r = st_arena_alloc(&a, 10, &e);
	assert_true(p && q && r);
	memset(p, 1, (size_t)10 << 20);
	memset(q, 2, (size_t)1 << 20);
	memset(r, 3, 10);
	assert_int_equal(p[((size_t)10 << 20) - 1], 1);
	assert_int_equal(q[((size_t)1 << 20) - 1], 2);
	st_arena_release(&a);
}

static void test_arena_dup(void **state)
{
	struct st_err e = { 0 };
	struct st_arena a;
	char *s, *empty;

	(void)state;
	st_arena_init(&a);
	s = st_arena_dup(&a, "a\0bc", 3, &e);
	empty = st_arena_dup(&a, NULL, 0, &e);
	assert_memory_equal(s, "a\0b", 4);
	assert_string_equal(empty, "");
	st_arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_and_get),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_arena_large_first),
		cmocka_unit_test(test_arena_dup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

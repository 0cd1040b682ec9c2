/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/oid.h"
#include "repo/cdc.h"

#include <string.h>

#define TOTAL ((size_t)16 << 20)

struct cuts {
	struct st_map ids; /* of the chunks */
	size_t n, smallest, largest;
};

static struct st_cdc cdc;
static uint8_t *data;

static uint64_t next(uint64_t *x)
{
	uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static int setup(void **state)
{
	struct st_err e = { 0 };
	uint64_t seed = 1;

	(void)state;
	st_cdc_init(&cdc);
	data = st_malloc(TOTAL + 4096, &e);
	for (size_t i = 0; data && i < TOTAL + 4096; i++)
		data[i] = (uint8_t)next(&seed);
	return data ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(data);
	return 0;
}

static void cut(struct cuts *c, const uint8_t *p, size_t n)
{
	struct st_err e = { 0 };
	struct st_oid id;
	size_t at = 0, len;

	*c = (struct cuts){ .smallest = SIZE_MAX };
	st_map_init(&c->ids);
	for (; at < n; at += len) {
		len = st_cdc_next(&cdc, p + at, n - at);
		assert_in_range(len, 1, ST_CDC_MAX);
		if (at + len < n) {
			assert_true(len >= ST_CDC_MIN);
			c->smallest = len < c->smallest ? len : c->smallest;
			c->largest = len > c->largest ? len : c->largest;
		}
		st_oid_of(&id, p + at, len);
		assert_int_equal(st_map_put(&c->ids, id.b, ST_OID_LEN, 1, NULL, NULL, &e), ST_OK);
		c->n++;
	}
	assert_int_equal(at, n);
}

static size_t shared(const struct cuts *a, const struct cuts *b)
{
	const void *key;
	size_t pos = 0, len, n = 0;
	uint64_t value, other;

	while (st_map_next(&a->ids, &pos, &key, &len, &value))
		n += st_map_get(&b->ids, key, len, &other);
	return n;
}

static void sizes(void **state)
{
	struct cuts c;

	(void)state;
	cut(&c, data, TOTAL);
	assert_in_range(TOTAL / c.n, 48 << 10, 88 << 10);
	assert_true(c.smallest < ST_CDC_MEAN && c.largest > ST_CDC_MEAN);
	st_map_release(&c.ids);
}

/* Insertions and changes near the front leave what follows cut as it was. */
static void edits(void **state)
{
	static const size_t at[] = { 0, 5, 100000, TOTAL / 2 }, bytes[] = { 1, 64, 4000 };
	struct cuts before, after;
	uint8_t *copy = malloc(TOTAL + 4096);

	(void)state;
	assert_non_null(copy);
	cut(&before, data, TOTAL);
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 3; k++) {
			memcpy(copy, data, at[i]);
			memset(copy + at[i], 0x5a, bytes[k]);
			memcpy(copy + at[i] + bytes[k], data + at[i], TOTAL - at[i]);
			cut(&after, copy, TOTAL + bytes[k]);
			assert_true(shared(&before, &after) + 4 >= before.n);
			st_map_release(&after.ids);
		}
	st_map_release(&before.ids);
	free(copy);
}

/*
 * What follows the longest chunk that could come does not matter: slabs may end anywhere after it.
 */
static void looks_no_further(void **state)
{
	(void)state;
	for (size_t at = 0; at < TOTAL - 2 * ST_CDC_MAX; at += 77777)
		assert_int_equal(st_cdc_next(&cdc, data + at, ST_CDC_MAX),
				 st_cdc_next(&cdc, data + at, TOTAL - at));
}

static void edges(void **state)
{
	static const size_t n[] = { 1, 63, 64, 65, ST_CDC_MIN - 1, ST_CDC_MIN };
	uint8_t *zeros = calloc(1, 4 * ST_CDC_MAX);
	size_t i;

	(void)state;
	assert_non_null(zeros);
	for (i = 0; i < 6; i++)
		assert_int_equal(st_cdc_next(&cdc, data, n[i]), n[i]);
	/* One byte repeated is cut the same everywhere. */
	i = st_cdc_next(&cdc, zeros, 4 * ST_CDC_MAX);
	assert_int_equal(st_cdc_next(&cdc, zeros + i, 4 * ST_CDC_MAX - i), i);
	free(zeros);
}

/* The table is part of the format. */
static void table(void **state)
{
	(void)state;
	assert_true(cdc.gear[0] == UINT64_C(0xe220a8397b1dcdaf));
	assert_true(cdc.gear[1] == UINT64_C(0x6e789e6aa1b965f4));
	assert_true(cdc.gear[2] == UINT64_C(0x06c45d188009454f));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(edits),
		cmocka_unit_test(looks_no_further),
		cmocka_unit_test(edges),
		cmocka_unit_test(table),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rd.h"

static void test_scalars(void **state)
{
	static const uint8_t in[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
				      0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0xff, 'a',	'b' };
	struct st_err e = { 0 };
	struct st_rd r;

	(void)state;
	st_rd_init(&r, in, sizeof(in), &e);
	assert_int_equal(st_rd_u8(&r), 0x01);
	assert_int_equal(st_rd_u16(&r), 0x0302);
	assert_int_equal(st_rd_u32(&r), 0x07060504);
	assert_true(st_rd_u64(&r) == 0xff0e0d0c0b0a0908);
	assert_int_equal(st_rd_left(&r), 2);
	assert_memory_equal(st_rd_bytes(&r, 2), "ab", 2);
	assert_non_null(st_rd_bytes(&r, 0));
	st_rd_end(&r);
	assert_true(st_rd_ok(&r));
}

/* A read of k bytes from fewer fails, moves nothing, and everything after it gives 0. */
static void test_short_input(void **state)
{
	static const uint64_t widths[] = { 1, 2, 4, 8, 9, UINT64_MAX, UINT64_MAX - 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++) {
		for (size_t have = 1; have <= 9 && have <= widths[i]; have++) {
			uint8_t *in = calloc(1, have);
			struct st_err e = { 0 };
			struct st_rd r;

			memset(in, 0xff, have);
			st_rd_init(&r, in, have, &e);
			assert_int_equal(st_rd_u8(&r), 0xff);
			assert_null(st_rd_bytes(&r, widths[i]));
			assert_int_equal(e.code, ST_ECORRUPT);
			assert_int_equal(r.pos, 1);
			assert_int_equal(st_rd_u8(&r), 0);
			assert_int_equal(st_rd_u16(&r), 0);
			assert_int_equal(st_rd_u32(&r), 0);
			assert_int_equal(st_rd_u64(&r), 0);
			assert_int_equal(st_rd_varint(&r), 0);
			assert_int_equal(st_rd_count(&r, 1, 100), 0);
			st_rd_end(&r);
			assert_int_equal(r.pos, 1);
			free(in);
		}
	}
}

static const struct {
	const char *in;
	size_t len;
	bool ok;
	uint64_t value;
} varints[] = {
	{ "\x00", 1, true, 0 },
	{ "\x7f", 1, true, 127 },
	{ "\x80\x01", 2, true, 128 },
	{ "\xff\x7f", 2, true, 16383 },
	{ "\x80\x80\x01", 3, true, 16384 },
	{ "\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 9, true, INT64_MAX },
	{ "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10, true, (uint64_t)1 << 63 },
	{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, true, UINT64_MAX },
	{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, false, 0 }, /* 65 bits */
	{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11, false, 0 },
	{ "\x80\x00", 2, false, 0 }, /* not minimal */
	{ "\xff\x80\x00", 3, false, 0 },
	{ "\x80", 1, false, 0 },
	{ "", 0, false, 0 },
	{ "\xff\xff\xff", 3, false, 0 },
};

static void test_varints(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(varints) / sizeof(*varints); i++) {
		struct st_err e = { 0 };
		struct st_buf b;
		struct st_rd r;

		st_rd_init(&r, varints[i].in, varints[i].len, &e);
		assert_true(st_rd_varint(&r) == varints[i].value);
		assert_int_equal(e.code, varints[i].ok ? ST_OK : ST_ECORRUPT);
		if (!varints[i].ok)
			continue;
		st_rd_end(&r);
		assert_true(st_rd_ok(&r));
		st_buf_init(&b, 100);
		assert_int_equal(st_buf_varint(&b, varints[i].value, &e), ST_OK);
		assert_int_equal(b.len, varints[i].len);
		assert_memory_equal(b.p, varints[i].in, b.len);
		st_buf_release(&b);
	}
}

static void test_varint_round_trip(void **state)
{
	struct st_err e = { 0 };
	struct st_buf b;
	struct st_rd r;

	(void)state;
	st_buf_init(&b, 4000);
	for (unsigned s = 0; s < 64; s++)
		for (uint64_t d = 0; d < 3; d++)
			assert_int_equal(st_buf_varint(&b, ((uint64_t)1 << s) + d - 1, &e), ST_OK);
	st_rd_init(&r, b.p, b.len, &e);
	for (unsigned s = 0; s < 64; s++)
		for (uint64_t d = 0; d < 3; d++)
			assert_true(st_rd_varint(&r) == ((uint64_t)1 << s) + d - 1);
	st_rd_end(&r);
	assert_int_equal(e.code, ST_OK);
	st_buf_release(&b);
}

/* 16 bytes follow the count. */
static void test_counts(void **state)
{
	static const struct {
		uint64_t n, min_elem, cap;
		bool ok;
	} table[] = {
		{ 0, 8, 10, true },
		{ 2, 8, 10, true },
		{ 3, 8, 10, false },
		{ 16, 1, 16, true },
		{ 16, 1, 15, false },
		{ UINT64_MAX, 1, UINT64_MAX, false },
		{ (uint64_t)1 << 61, 8, UINT64_MAX, false }, /* its product with 8 is 0 */
		{ 1, UINT64_MAX, 10, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		uint8_t in[24] = { 0 };
		struct st_err e = { 0 };
		struct st_rd r;

		st_put64(in, table[i].n);
		st_rd_init(&r, in, sizeof(in), &e);
		assert_true(st_rd_count(&r, table[i].min_elem, table[i].cap) ==
			    (table[i].ok ? table[i].n : 0));
		assert_int_equal(e.code, table[i].ok ? ST_OK : ST_ECORRUPT);
	}
}

static void test_end(void **state)
{
	struct st_err e = { 0 };
	struct st_rd r;

	(void)state;
	st_rd_init(&r, "ab", 2, &e);
	st_rd_u8(&r);
	st_rd_end(&r);
	assert_int_equal(e.code, ST_ECORRUPT);
	assert_string_equal(e.msg, "1 bytes too many at offset 1");
}

static void test_writing(void **state)
{
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	st_buf_init(&b, 12);
	assert_int_equal(st_buf_u32(&b, 0x01020304, &e), ST_OK);
	assert_int_equal(st_buf_u64(&b, 0x1112131415161718, &e), ST_OK);
	assert_memory_equal(b.p, "\x04\x03\x02\x01\x18\x17\x16\x15\x14\x13\x12\x11", 12);
	assert_int_equal(st_buf_u32(&b, 1, &e), ST_ELIMIT);
	assert_int_equal(b.len, 12);
	st_buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars), cmocka_unit_test(test_short_input),
		cmocka_unit_test(test_varints), cmocka_unit_test(test_varint_round_trip),
		cmocka_unit_test(test_counts),	cmocka_unit_test(test_end),
		cmocka_unit_test(test_writing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

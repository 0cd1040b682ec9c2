/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "format/format.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* What numpy.lib.format writes (1.24 and 2.4 alike): the length and the text before the padding. */
static const struct {
	enum st_dtype t;
	unsigned ndim;
	uint64_t shape[8];
	size_t len;
	const char *text;
} rows[] = {
	{ ST_F32, 2, { 2, 3 }, 128, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }" },
	{ ST_F32, 0, { 0 }, 128, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }" },
	{ ST_BF16, 1, { 7 }, 128, "{'descr': '<u2', 'fortran_order': False, 'shape': (7,), }" },
	{ ST_F8_E4M3,
	  2,
	  { 4, 4 },
	  128,
	  "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 4), }" },
	{ ST_BOOL, 1, { 1 }, 128, "{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }" },
	{ ST_C64, 1, { 2 }, 128, "{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }" },
	{ ST_C128, 1, { 2 }, 128, "{'descr': '<c16', 'fortran_order': False, 'shape': (2,), }" },
	{ ST_I64, 2, { 0, 5 }, 128, "{'descr': '<i8', 'fortran_order': False, 'shape': (0, 5), }" },
	{ ST_U64,
	  2,
	  { UINT64_MAX, 1 },
	  128,
	  "{'descr': '<u8', 'fortran_order': False, 'shape': (18446744073709551615, 1), }" },
	{ ST_OPAQUE, 1, { 12 }, 128, "{'descr': '|u1', 'fortran_order': False, 'shape': (12,), }" },
	{ ST_F4, 1, { 6 }, 128, "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), }" },
	{ ST_F16,
	  8,
	  { 1, 2, 3, 4, 5, 6, 7, 8 },
	  128,
	  "{'descr': '<f2', 'fortran_order': False, 'shape': (1, 2, 3, 4, 5, 6, 7, 8), }" },
};

/* Spaces from text to a line feed, which is the last byte. */
static void check_padding(const struct st_buf *b, size_t from)
{
	assert_int_equal(b->p[b->len - 1], '\n');
	for (size_t i = from; i + 1 < b->len; i++)
		assert_int_equal(b->p[i], ' ');
}

static void test_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t n = strlen(rows[i].text);
		struct st_err e = { 0 };
		struct st_buf b;

		st_buf_init(&b, 4096);
		assert_int_equal(st_npy_header(&b, rows[i].t, rows[i].shape, rows[i].ndim, &e),
				 ST_OK);
		assert_int_equal(b.len, rows[i].len);
		assert_memory_equal(b.p, "\x93NUMPY\x01\x00", 8);
		assert_int_equal(st_get16(b.p + 8), rows[i].len - 10);
		assert_memory_equal(b.p + 10, rows[i].text, n);
		check_padding(&b, 10 + n);
		st_buf_release(&b);
	}
}

/*
 * NumPy pads by 1 to 64, so a header that would end at a multiple of 64 grows by 64. The text holds
 * three characters for each dimension of 1, but one for the last, and 20 to grow.
 */
static void test_alignment(void **state)
{
	uint64_t shape[ST_MAX_NDIM];

	(void)state;
	for (size_t i = 0; i < COUNT(shape); i++)
		shape[i] = 1;
	for (unsigned ndim = 2; ndim <= ST_MAX_NDIM; ndim++) {
		size_t text = strlen("{'descr': '|u1', 'fortran_order': False, 'shape': (), }") +
			      3 * ndim - 2 + 20;
		struct st_err e = { 0 };
		struct st_buf b;

		st_buf_init(&b, 4096);
		assert_int_equal(st_npy_header(&b, ST_U8, shape, ndim, &e), ST_OK);
		assert_int_equal(b.len, (10 + text + 1) / 64 * 64 + 64);
		st_buf_release(&b);
	}
}

/* Appended to what the buffer holds. */
static void test_append(void **state)
{
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	st_buf_init(&b, 4096);
	assert_int_equal(st_buf_addstr(&b, "xyz", &e), ST_OK);
	assert_int_equal(st_npy_header(&b, ST_U8, NULL, 0, &e), ST_OK);
	assert_memory_equal(b.p, "xyz\x93NUMPY", 9);
	assert_int_equal(b.len, 3 + 128);
	st_buf_release(&b);
}

static void test_version_2(void **state)
{
	enum {
		NDIM = 30000
	};
	uint64_t *shape = calloc(NDIM, sizeof(*shape));
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	assert_non_null(shape);
	st_buf_init(&b, 1 << 20);
	/* 56 bytes around it and 20 to grow: the largest that 16 bits hold, then one more. */
	assert_int_equal(st_npy_header(&b, ST_U8, shape, 21800, &e), ST_OK);
	assert_memory_equal(b.p, "\x93NUMPY\x01\x00", 8);
	assert_int_equal(b.len % 64, 0);
	assert_int_equal(st_get16(b.p + 8), b.len - 10);
	st_buf_clear(&b);
	assert_int_equal(st_npy_header(&b, ST_U8, shape, 21850, &e), ST_OK);
	assert_memory_equal(b.p, "\x93NUMPY\x02\x00", 8);
	assert_int_equal(b.len % 64, 0);
	assert_int_equal(st_get32(b.p + 8), b.len - 12);
	st_buf_clear(&b);
	assert_int_equal(st_npy_header(&b, ST_U8, shape, NDIM, &e), ST_OK);
	assert_int_equal(b.len, 90112); /* NumPy's */
	assert_int_equal(b.p[b.len - 1], '\n');
	st_buf_release(&b);
	free(shape);
}

static void test_full(void **state)
{
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	st_buf_init(&b, 100);
	assert_int_equal(st_npy_header(&b, ST_U8, NULL, 0, &e), ST_ELIMIT);
	st_buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers), cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_append),	cmocka_unit_test(test_version_2),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

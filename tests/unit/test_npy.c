/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "format/numpy.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LIMIT ((uint64_t)1 << 20)
#define MAX_FILE 512

struct file {
	uint8_t p[MAX_FILE];
	size_t len;
};

/* Version 1.0, or 2.0 and 3.0, whose length has two bytes more; data bytes count up from 1. */
static void make(struct file *f, unsigned version, const char *text, size_t data)
{
	size_t n = strlen(text), fixed = version == 1 ? 10 : 12;

	assert_true(fixed + n + data <= sizeof(f->p));
	*f = (struct file){ .len = fixed + n + data };
	memcpy(f->p, ST_NPY_MAGIC, 6);
	f->p[6] = (uint8_t)version;
	st_put16(f->p + 8, (uint16_t)n);
	memcpy(f->p + fixed, text, n);
	for (size_t i = 0; i < data; i++)
		f->p[fixed + n + i] = (uint8_t)(i + 1);
}

static int parse(struct st_layout *l, const void *p, size_t len, uint64_t limit, struct st_err *e)
{
	struct st_source s;

	*e = (struct st_err){ 0 };
	st_source_init_mem(&s, p, len, "m");
	st_layout_init(l);
	return st_format_parse(st_format_get("npy"), l, &s, limit, e);
}

#define HEAD(descr, order, shape) \
	"{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }      \n"

struct bytes {
	uint8_t p[64];
	size_t n;
};

static int collect(void *arg, const void *p, size_t n, struct st_err *e)
{
	struct bytes *b = arg;

	(void)e;
	assert_true(n <= sizeof(b->p) - b->n);
	memcpy(b->p + b->n, p, n);
	b->n += n;
	return ST_OK;
}

static const struct {
	const char *text;
	size_t data;
	enum st_dtype dtype;
	bool big_endian;
	unsigned ndim;
	uint64_t shape[3];
	int64_t strides[3]; /* 0: row-major */
	const char *bytes;  /* row-major, little-endian */
	size_t nbytes;
	const char *metadata;
} accepted[] = {
	{ HEAD("'<i2'", "False", "(2, 3)"),
	  12,
	  ST_I16,
	  false,
	  2,
	  { 2, 3 },
	  { 0 },
	  "\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c",
	  12,
	  "{\"config\":{\"descr\":\"<i2\",\"fortran_order\":false}}" },
	{ HEAD("'<i2'", "True", "(2, 3)"),
	  12,
	  ST_I16,
	  false,
	  2,
	  { 2, 3 },
	  { 1, 2 },
	  "\1\2\5\6\x09\x0a\3\4\7\x08\x0b\x0c",
	  12,
	  "{\"config\":{\"descr\":\"<i2\",\"fortran_order\":true}}" },
	{ HEAD("'>i2'", "True", "(2, 3)"),
	  12,
	  ST_I16,
	  true,
	  2,
	  { 2, 3 },
	  { 1, 2 },
	  "\2\1\6\5\x0a\x09\4\3\x08\7\x0c\x0b",
	  12,
	  "{\"config\":{\"descr\":\">i2\",\"fortran_order\":true}}" },
	{ HEAD("'>f4'", "False", "()"),
	  4,
	  ST_F32,
	  true,
	  0,
	  { 0 },
	  { 0 },
	  "\4\3\2\1",
	  4,
	  "{\"config\":{\"descr\":\">f4\",\"fortran_order\":false}}" },
	{ HEAD("'>c8'", "False", "(1,)"),
	  8,
	  ST_C64,
	  true,
	  1,
	  { 1 },
	  { 0 },
	  "\4\3\2\1\x08\7\6\5",
	  8,
	  "{\"config\":{\"descr\":\">c8\",\"fortran_order\":false}}" },
	{ HEAD("'<f8'", "False", "(0, 3)"),
	  0,
	  ST_F64,
	  false,
	  2,
	  { 0, 3 },
	  { 0 },
	  "",
	  0,
	  "{\"config\":{\"descr\":\"<f8\",\"fortran_order\":false}}" },
	/* bytes behind the array */
	{ HEAD("'|b1'", "False", "(2,)"),
	  9,
	  ST_BOOL,
	  false,
	  1,
	  { 2 },
	  { 0 },
	  "\1\2",
	  2,
	  "{\"config\":{\"descr\":\"|b1\",\"fortran_order\":false}}" },
	/* bytes only */
	{ HEAD("'>U1'", "False", "(2,)"),
	  8,
	  ST_OPAQUE,
	  false,
	  1,
	  { 2 },
	  { 0 },
	  "\1\2\3\4\5\6\7\x08",
	  8,
	  "{\"config\":{\"descr\":\">U1\",\"fortran_order\":false}}" },
	{ HEAD("[('a', '>i2'), ('b', '|u1')]", "True", "(2, 2)"),
	  12,
	  ST_OPAQUE,
	  false,
	  2,
	  { 2, 2 },
	  { 0 },
	  "\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c",
	  12,
	  "{\"config\":{\"descr\":\"[('a', '>i2'), ('b', '|u1')]\",\"fortran_order\":true}}" },
};

static void check_tensor(size_t i, const struct st_layout *l, const struct file *f, size_t at)
{
	const struct st_tensor *t = &l->tensors[0];
	struct st_err e = { 0 };
	struct bytes b = { 0 };
	struct st_source s;

	assert_int_equal(l->ntensors, 1);
	assert_string_equal(t->name, "array");
	assert_int_equal(t->name_len, 5);
	assert_int_equal(t->where, ST_IN_FILE);
	assert_int_equal(t->offset, at);
	assert_int_equal(t->dtype, accepted[i].dtype);
	assert_int_equal(t->big_endian, accepted[i].big_endian);
	assert_int_equal(t->ndim, accepted[i].ndim);
	assert_memory_equal(t->shape, accepted[i].shape, t->ndim * sizeof(*t->shape));
	assert_int_equal(t->strides != NULL, accepted[i].strides[0] != 0);
	if (t->strides)
		assert_memory_equal(t->strides, accepted[i].strides, t->ndim * sizeof(*t->strides));
	st_source_init_mem(&s, f->p, f->len, "m");
	assert_int_equal(st_format_each(t, &s, 1 << 16, collect, &b, &e), ST_OK);
	assert_int_equal(b.n, accepted[i].nbytes);
	assert_memory_equal(b.p, accepted[i].bytes, b.n);
}

static void test_accepted(void **state)
{
	struct file f;

	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++)
		for (unsigned version = 1; version <= 3; version++) {
			struct st_layout l;
			struct st_err e;

			make(&f, version, accepted[i].text, accepted[i].data);
			if (parse(&l, f.p, f.len, LIMIT, &e) != ST_OK)
				fail_msg("%s: %s", accepted[i].text, e.msg);
			assert_string_equal(l.metadata, accepted[i].metadata);
			assert_int_equal(l.metadata_len, strlen(accepted[i].metadata));
			check_tensor(i, &l, &f, f.len - accepted[i].data);
			st_layout_release(&l);
		}
}

/* Objects are a pickle, of any length. */
static void test_objects(void **state)
{
	static const char *const rows[] = {
		HEAD("'|O'", "False", "(2, 3)"),
		HEAD("[('a', '<f4'), ('o', '|O')]", "False", "(2, 3)"),
	};
	static const char *const metadata[] = {
		"{\"config\":{\"descr\":\"|O\",\"fortran_order\":false,\"objects\":true,"
		"\"shape\":[2,3]}}",
		"{\"config\":{\"descr\":\"[('a', '<f4'), ('o', '|O')]\",\"fortran_order\":false,"
		"\"objects\":true,\"shape\":[2,3]}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct st_layout l;
		struct st_err e;
		struct file f;

		make(&f, 1, rows[i], 3);
		assert_int_equal(parse(&l, f.p, f.len, LIMIT, &e), ST_OK);
		assert_int_equal(l.ntensors, 0);
		assert_string_equal(l.metadata, metadata[i]);
		st_layout_release(&l);
	}
}

static void check_refused(const uint8_t *p, size_t len, const char *reason)
{
	uint8_t *copy = malloc(len ? len : 1); /* exactly len, for the sanitizer */
	struct st_layout l;
	struct st_err e;

	assert_non_null(copy);
	memcpy(copy, p, len);
	if (parse(&l, copy, len, LIMIT, &e) != ST_EFORMAT || strncmp(e.msg, "m: ", 3) != 0 ||
	    !strstr(e.msg, reason))
		fail_msg("%zu bytes: \"%s\", not \"%s\"", len, e.msg, reason);
	st_layout_release(&l);
	free(copy);
}

/* At every byte. */
static void test_truncated(void **state)
{
	struct file f;

	(void)state;
	for (unsigned version = 1; version <= 3; version++) {
		make(&f, version, HEAD("'<f4'", "False", "(2, 3)"), 24);
		for (size_t n = 0; n < f.len; n++)
			check_refused(f.p, n,
				      n < 6	     ? "no magic number of NumPy at offset 0" :
				      n < f.len - 24 ? "at offset" :
						       "the array takes 24 bytes at offset");
	}
}

/* Whatever bit of the head is wrong: refused with an offset, or a tensor inside the file. */
static void test_flipped(void **state)
{
	struct file f;

	(void)state;
	make(&f, 1, HEAD("'<f4'", "False", "(2, 3)"), 24);
	for (size_t bit = 0; bit < (f.len - 24) * 8; bit++) {
		struct st_layout l;
		struct st_err e;

		f.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (parse(&l, f.p, f.len, LIMIT, &e) == ST_OK) {
			assert_true(l.ntensors <= 1);
			for (size_t i = 0; i < l.ntensors; i++)
				assert_true(l.tensors[i].offset + l.tensors[i].nbytes <= f.len);
		} else {
			assert_int_equal(e.code, ST_EFORMAT);
			assert_non_null(strstr(e.msg, "offset"));
		}
		st_layout_release(&l);
		f.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void test_refused(void **state)
{
	struct file f;

	(void)state;
	make(&f, 1, HEAD("__import__('os').system('id')", "False", "()"), 24);
	check_refused(f.p, f.len, "m: expected a type at offset 20, not \"__import__('os')\"");
	make(&f, 1, HEAD("'<f4'", "False", "(9007199254740993, 0)"), 0);
	check_refused(f.p, f.len, "dimension 9007199254740993 is beyond 2^53");
	make(&f, 2, HEAD("'<f4'", "False", "()"), 4);
	f.p[11] = 1; /* the length's last byte */
	check_refused(f.p, f.len, "header length 16777278 at offset 8 exceeds the 66 bytes");
	check_refused((const uint8_t *)"hello", 5, "no magic number of NumPy at offset 0");
}

static void test_limit(void **state)
{
	struct st_layout l;
	struct st_err e;
	struct file f;

	(void)state;
	make(&f, 1, HEAD("'<f4'", "False", "()"), 4);
	assert_int_equal(parse(&l, f.p, f.len, 1000, &e), ST_ELIMIT);
	assert_non_null(strstr(e.msg, "offset 0"));
	st_layout_release(&l);
}

static void test_probe(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		const char *path;
		int score;
	} rows[] = {
		{ "\x93NUMPY\1\0", 8, "x", 90 }, { "\x93NUMPY\1\0", 8, "x.npy", 90 },
		{ "\x93NUMPY", 6, NULL, 90 },	 { "\x93NUMP", 5, "x", 0 },
		{ "\x93NUMP", 5, "x.npy", 10 },	 { "NUMPY\1\0", 7, "x", 0 },
		{ "PK\3\4", 4, "x.npy", 10 },	 { "PK\3\4", 4, "x.npz", 0 },
		{ "", 0, "dir/x.NPY", 10 },	 { "", 0, NULL, 0 },
	};
	const struct st_format *npy = st_format_get("npy");

	(void)state;
	assert_non_null(npy);
	assert_null(npy->patch);
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(npy->probe((const uint8_t *)rows[i].p, rows[i].len, rows[i].len,
					    rows[i].path),
				 rows[i].score);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),  cmocka_unit_test(test_objects),
		cmocka_unit_test(test_truncated), cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_refused),	  cmocka_unit_test(test_limit),
		cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

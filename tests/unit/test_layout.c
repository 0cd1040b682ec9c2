/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/layout.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void add(struct st_layout *l, const char *name, uint64_t offset, uint64_t nbytes)
{
	struct st_err e = { 0 };
	struct st_tensor *t = st_layout_add(l, &e);

	assert_non_null(t);
	t->name = name;
	t->name_len = strlen(name);
	t->offset = offset;
	t->nbytes = nbytes;
}

struct row {
	const char *name;
	uint64_t offset, nbytes;
};

static void check(const struct st_layout *l, const struct row *want, size_t n)
{
	assert_int_equal(l->ntensors, n);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(l->tensors[i].name, want[i].name);
		assert_int_equal(l->tensors[i].name_len, strlen(want[i].name));
		assert_int_equal(l->tensors[i].offset, want[i].offset);
		assert_int_equal(l->tensors[i].nbytes, want[i].nbytes);
	}
}

static void test_add(void **state)
{
	struct st_err e = { 0 };
	struct st_layout l;

	(void)state;
	st_layout_init(&l);
	for (size_t i = 0; i < 1000; i++) {
		struct st_tensor *t = st_layout_add(&l, &e);

		assert_non_null(t);
		assert_ptr_equal(t, &l.tensors[i]);
		assert_int_equal(t->nbytes + t->offset + t->ndim + t->name_len, 0);
		assert_null(t->strides);
		t->offset = i + 1;
	}
	assert_int_equal(l.ntensors, 1000);
	assert_int_equal(l.tensors[999].offset, 1000);
	st_layout_release(&l);
	assert_int_equal(l.ntensors, 0);
	assert_null(l.tensors);
}

static void test_sort(void **state)
{
	static const struct row want[] = {
		{ "empty", 0, 0 }, { "a", 0, 8 }, { "b", 0, 8 }, { "whole", 0, 20 }, { "z", 8, 4 },
	};
	struct st_err e = { 0 };
	struct st_layout l;

	(void)state;
	st_layout_init(&l);
	l.size = 20;
	add(&l, "whole", 0, 20);
	add(&l, "z", 8, 4);
	add(&l, "b", 0, 8);
	add(&l, "empty", 0, 0);
	add(&l, "a", 0, 8);
	assert_int_equal(st_layout_finish(&l, &e), ST_OK);
	check(&l, want, COUNT(want));
	assert_int_equal(st_layout_finish(&l, &e), ST_OK); /* changes nothing more */
	check(&l, want, COUNT(want));
	st_layout_release(&l);
}

static void test_equal_names(void **state)
{
	/* "a#2" is a real name and keeps it; numbers follow the file, not the order of addition. */
	static const struct row want[] = {
		{ "a", 0, 4 },	 { "a#2", 4, 4 },  { "a#3", 8, 4 },    { "", 12, 4 },
		{ "#2", 16, 4 }, { "a#4", 20, 4 }, { "a#2#2", 24, 4 },
	};
	struct st_err e = { 0 };
	struct st_layout l;

	(void)state;
	st_layout_init(&l);
	l.size = 28;
	add(&l, "a", 20, 4);
	add(&l, "", 16, 4);
	add(&l, "a", 8, 4);
	add(&l, "a#2", 4, 4);
	add(&l, "", 12, 4);
	add(&l, "a#2", 24, 4);
	add(&l, "a", 0, 4);
	assert_int_equal(st_layout_finish(&l, &e), ST_OK);
	check(&l, want, COUNT(want));
	st_layout_release(&l);
}

/* In one place, order of addition decides; quadratic work would show as a timeout. */
static void test_many_equal(void **state)
{
	struct st_err e = { 0 };
	static const uint64_t marks[50000];
	struct st_layout l;
	char name[32];

	(void)state;
	st_layout_init(&l);
	for (uint64_t i = 0; i < 50000; i++) {
		add(&l, "x", 0, 0);
		l.tensors[i].shape = &marks[i]; /* kept through the sort */
		l.tensors[i].ndim = 1;
	}
	assert_int_equal(st_layout_finish(&l, &e), ST_OK);
	for (size_t i = 0; i < l.ntensors; i++) {
		size_t n = (size_t)(l.tensors[i].shape - marks);

		if (n == 0)
			snprintf(name, sizeof(name), "x");
		else
			snprintf(name, sizeof(name), "x#%zu", n + 1);
		assert_string_equal(l.tensors[i].name, name);
	}
	st_layout_release(&l);
}

static void test_names_with_nul(void **state)
{
	struct st_err e = { 0 };
	struct st_layout l;

	(void)state;
	st_layout_init(&l);
	add(&l, "a", 0, 0);
	add(&l, "a", 0, 0);
	add(&l, "a", 0, 0);
	l.tensors[0].name = "a\0x";
	l.tensors[1].name = "a\0y";
	l.tensors[0].name_len = l.tensors[1].name_len = 3;
	assert_int_equal(st_layout_finish(&l, &e), ST_OK);
	assert_int_equal(l.tensors[0].name_len, 1);
	assert_int_equal(l.tensors[1].name_len, 3);
	assert_memory_equal(l.tensors[1].name, "a\0x", 4);
	assert_memory_equal(l.tensors[2].name, "a\0y", 4);
	st_layout_release(&l);
}

static void test_ranges(void **state)
{
	static const struct {
		uint64_t offset, nbytes;
		bool ok;
	} rows[] = {
		{ 0, 100, true },	  { 100, 0, true },
		{ 99, 1, true },	  { 99, 2, false },
		{ 101, 0, false },	  { UINT64_MAX, 2, false },
		{ 2, UINT64_MAX, false }, { UINT64_MAX, UINT64_MAX, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct st_err e = { 0 };
		struct st_layout l;

		st_layout_init(&l);
		l.size = 100;
		add(&l, "ok", 0, 1);
		add(&l, "t\n", rows[i].offset, rows[i].nbytes);
		assert_int_equal(st_layout_finish(&l, &e), rows[i].ok ? ST_OK : ST_EFORMAT);
		if (!rows[i].ok)
			assert_non_null(strstr(e.msg, "tensor \"t\\x0a\": "));
		st_layout_release(&l);
	}
}

static void test_shapes(void **state)
{
	static const struct {
		uint64_t shape[4];
		unsigned ndim;
		enum st_dtype t;
		bool numel_ok, nbytes_ok;
		uint64_t numel, nbytes;
	} rows[] = {
		{ { 0 }, 0, ST_F32, true, true, 1, 4 },
		{ { 2, 3 }, 2, ST_BF16, true, true, 6, 12 },
		{ { 5, 0, 7 }, 3, ST_F64, true, true, 0, 0 },
		{ { 3 }, 1, ST_F4, true, false, 3, 0 },
		{ { 4 }, 1, ST_F6_E3M2, true, true, 4, 3 },
		{ { (uint64_t)1 << 32, (uint64_t)1 << 32 }, 2, ST_U8, false, false, 0, 0 },
		{ { UINT64_MAX, 2 }, 2, ST_U8, false, false, 0, 0 },
		{ { (uint64_t)1 << 61 }, 1, ST_U8, true, false, (uint64_t)1 << 61, 0 },
		{ { (uint64_t)1 << 60 },
		  1,
		  ST_U8,
		  true,
		  true,
		  (uint64_t)1 << 60,
		  (uint64_t)1 << 60 },
		{ { 3 }, 1, ST_C128, true, true, 3, 48 },
	};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(st_shape_numel(rows[i].shape, rows[i].ndim, &n), rows[i].numel_ok);
		if (rows[i].numel_ok)
			assert_int_equal(n, rows[i].numel);
		assert_int_equal(st_shape_nbytes(rows[i].shape, rows[i].ndim, rows[i].t, &n),
				 rows[i].nbytes_ok);
		if (rows[i].nbytes_ok)
			assert_int_equal(n, rows[i].nbytes);
	}
}

static void test_strides(void **state)
{
	static const uint64_t shape[] = { 3, 4 }, wide[] = { 1 << 20, 1 << 20 };
	static const struct {
		const uint64_t *shape;
		int64_t strides[2];
		uint64_t nbytes;
		enum st_dtype dtype;
		enum st_where where;
		const char *why; /* NULL: fine */
	} rows[] = {
		{ shape, { 1, 3 }, 48, ST_F32, ST_IN_FILE, NULL },
		{ shape, { 0, 0 }, 4, ST_F32, ST_IN_FILE, NULL },
		{ shape, { -4, 1 }, 48, ST_F32, ST_IN_FILE, NULL },
		{ shape, { 1, 3 }, 47, ST_F32, ST_IN_FILE, "reach beyond its bytes" },
		{ shape, { 5, 1 }, 48, ST_F32, ST_IN_FILE, "reach beyond its bytes" },
		{ shape, { INT64_MAX, 1 }, 48, ST_F32, ST_IN_FILE, "reach beyond its bytes" },
		{ shape, { INT64_MIN, 1 }, 48, ST_F32, ST_IN_FILE, "reach beyond its bytes" },
		{ shape, { 1, 3 }, 48, ST_F4, ST_IN_FILE, "strides on what has none" },
		{ shape, { 1, 3 }, 48, ST_F32, ST_HELD, "strides on what has none" },
		{ wide, { 0, 0 }, 4, ST_F32, ST_IN_FILE, "repeat the file's bytes" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct st_err e = { 0 };
		struct st_layout l;

		st_layout_init(&l);
		add(&l, "t", 0, rows[i].nbytes);
		l.size = 48;
		l.tensors[0].shape = rows[i].shape;
		l.tensors[0].strides = rows[i].strides;
		l.tensors[0].ndim = 2;
		l.tensors[0].dtype = rows[i].dtype;
		l.tensors[0].where = rows[i].where;
		assert_int_equal(st_layout_finish(&l, &e), rows[i].why ? ST_EFORMAT : ST_OK);
		if (rows[i].why && !strstr(e.msg, rows[i].why))
			fail_msg("row %zu: %s", i, e.msg);
		st_layout_release(&l);
	}
}

/* Those inside a compressed member are measured against it, held ones against nothing. */
static void test_detached(void **state)
{
	static const struct st_packed packed = { .usize = 100 };
	struct st_err e = { 0 };
	struct st_layout l;

	(void)state;
	st_layout_init(&l);
	l.size = 10;
	add(&l, "packed", 60, 40);
	l.tensors[0].where = ST_PACKED;
	l.tensors[0].packed = &packed;
	add(&l, "held", 0, 1000);
	l.tensors[1].where = ST_HELD;
	add(&l, "in file", 9, 1);
	assert_int_equal(st_layout_finish(&l, &e), ST_OK);
	assert_string_equal(l.tensors[0].name, "in file");
	assert_string_equal(l.tensors[1].name, "held");
	assert_string_equal(l.tensors[2].name, "packed");
	l.tensors[2].offset = 61;
	assert_int_equal(st_layout_finish(&l, &e), ST_EFORMAT);
	assert_non_null(strstr(e.msg, "end of the compressed member at 100"));
	st_layout_release(&l);
}

#define MIB ((size_t)1 << 20)

/* A manifest must be able to hold what there is to say. */
static void test_text(void **state)
{
	static const struct {
		size_t name_len, n; /* so many overlapping tensors with names of this length */
		unsigned char fill;
		size_t metadata;
		const char *why; /* NULL: fine */
	} rows[] = {
		{ 65536, 2, 'a', 0, NULL },
		{ 65537, 1, 'a', 0, "its name is longer than 64 KiB" },
		{ 65536, 900, 'a', 0, NULL },
		{ 65536, 1100, 'a', 0, "too many tensors share bytes with it" },
		{ 65536, 200, 1, 0, "too many tensors share bytes with it" },
		{ 65536, 600, 0xff, 0, "too many tensors share bytes with it" },
		{ 1, 1, 'a', 48 * MIB - 1000, NULL },
		{ 1, 1, 'a', 48 * MIB + 1, "its metadata take" },
	};
	char *text = calloc(1, 49 * MIB);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct st_err e = { 0 };
		struct st_layout l;

		memset(text, rows[i].fill, 49 * MIB);
		st_layout_init(&l);
		l.size = 100;
		for (size_t k = 0; k < rows[i].n; k++) {
			add(&l, "", 0, 4);
			l.tensors[k].name = text + k; /* as many as the text has room for */
			l.tensors[k].name_len = rows[i].name_len - (rows[i].n > 2 ? k : 0);
		}
		l.metadata = rows[i].metadata ? text : NULL;
		l.metadata_len = rows[i].metadata;
		if (st_layout_finish(&l, &e) != (rows[i].why ? ST_EFORMAT : ST_OK) ||
		    (rows[i].why && !strstr(e.msg, rows[i].why)))
			fail_msg("row %zu: %d %s", i, e.code, e.msg);
		st_layout_release(&l);
	}
	free(text);
}

/* Those that lie one behind the other do not count together. */
static void test_text_apart(void **state)
{
	char *text = calloc(1, MIB);
	struct st_err e = { 0 };
	struct st_layout l;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', MIB);
	st_layout_init(&l);
	l.size = 2000;
	for (size_t k = 0; k < 1100; k++) {
		add(&l, "", k, 1);
		l.tensors[k].name = text;
		l.tensors[k].name_len = 65536 - k;
	}
	if (st_layout_finish(&l, &e) != ST_OK)
		fail_msg("%s", e.msg);
	st_layout_release(&l);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_equal_names),
		cmocka_unit_test(test_many_equal),
		cmocka_unit_test(test_names_with_nul),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_strides),
		cmocka_unit_test(test_detached),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

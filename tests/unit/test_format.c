/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "format/format.h"

static const char good[] =
	"\x40\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}"
	"           abcd";

static void test_get(void **state)
{
	(void)state;
	assert_ptr_equal(st_format_get("safetensors"), st_formats[0]);
	assert_string_equal(st_format_get("safetensors")->name, "safetensors");
	assert_null(st_format_get("safetensor"));
	assert_null(st_format_get(""));
}

static const struct st_format *probe(const void *p, size_t n, const char *path)
{
	const struct st_format *f = st_formats[0];
	struct st_err e = { 0 };
	struct st_source s;

	st_source_init_mem(&s, p, n, path);
	assert_int_equal(st_format_probe(&f, &s, path, &e), ST_OK);
	return f;
}

static void test_probe(void **state)
{
	const struct st_format *safetensors = st_format_get("safetensors");

	(void)state;
	assert_ptr_equal(probe(good, sizeof(good) - 1, "model.safetensors"), safetensors);
	assert_ptr_equal(probe(good, sizeof(good) - 1, "weights.bin"), safetensors);
	assert_null(probe("text", 4, "model.txt"));
	assert_null(probe("", 0, "model.txt"));
	/* Its name says that this is damaged rather than something else. */
	assert_ptr_equal(probe("text", 4, "model.safetensors"), safetensors);
	assert_ptr_equal(probe("", 0, "model.safetensors"), safetensors);
}

static int broken_pread(const struct st_source *s, void *buf, size_t n, uint64_t off,
			struct st_err *e)
{
	(void)buf;
	(void)n;
	errno = EIO;
	return st_fail_os(e, "read %s at %" PRIu64, s->name, off);
}

static const struct st_source_ops broken = { .pread = broken_pread };

static void test_unreadable(void **state)
{
	struct st_source s = { .ops = &broken, .size = 100, .name = "disk" };
	const struct st_format *f = st_formats[0];
	struct st_err e = { 0 };
	struct st_layout l;

	(void)state;
	assert_int_equal(st_format_probe(&f, &s, "x", &e), ST_EIO);
	assert_null(f);
	st_err_clear(&e);
	st_layout_init(&l);
	assert_int_equal(st_format_parse(st_formats[0], &l, &s, 1 << 20, &e), ST_EIO);
	assert_memory_equal(e.msg, "read disk at 0: ", 16); /* named once */
	st_layout_release(&l);
}

static void test_parse(void **state)
{
	struct st_err e = { 0 };
	struct st_layout l;
	struct st_source s;

	(void)state;
	st_source_init_mem(&s, good, sizeof(good) - 1, "dir/good");
	st_layout_init(&l);
	assert_int_equal(st_format_parse(st_formats[0], &l, &s, 1 << 20, &e), ST_OK);
	assert_string_equal(l.format, "safetensors");
	assert_int_equal(l.size, sizeof(good) - 1);
	assert_int_equal(l.ntensors, 1);
	st_layout_release(&l);

	st_source_init_mem(&s, good, sizeof(good) - 2, "dir/short");
	st_layout_init(&l);
	assert_int_equal(st_format_parse(st_formats[0], &l, &s, 1 << 20, &e), ST_EFORMAT);
	assert_memory_equal(e.msg, "dir/short: ", 11);
	st_layout_release(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zip_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* A file without a name that holds the archive. */
static int make_file(const struct zip_archive *a)
{
	char path[] = "/tmp/st-zip-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write(fd, a->b.p, a->b.len), a->b.len);
	return fd;
}

static int patch(int fd, size_t size, const struct st_run *runs, size_t n, struct st_err *e)
{
	struct st_source src;

	*e = (struct st_err){ 0 };
	st_source_init_fd(&src, fd, size, "m.zip");
	return st_zip_patch(fd, &src, runs, n, ZIP_LIMIT, e);
}

/* The file is now as if the archive had been written with that data. */
static void check_file(int fd, const struct zip_archive *want)
{
	uint8_t *p = malloc(want->b.len + 1);

	assert_non_null(p);
	assert_int_equal(pread(fd, p, want->b.len + 1, 0), want->b.len);
	for (size_t i = 0; i < want->b.len; i++)
		if (p[i] != want->b.p[i])
			fail_msg("byte %zu is %02x, not %02x", i, p[i], want->b.p[i]);
	free(p);
}

static void overwrite(int fd, const char *s, size_t n, size_t at)
{
	assert_int_equal(pwrite(fd, s, n, (off_t)at), n);
}

static void test_patch(void **state)
{
	(void)state;
	for (size_t i = 0; i < ZIP_NFORMS; i++) {
		unsigned how = zip_forms[i] & ~(unsigned)DEFLATE;
		struct zip_spec s[] = { { "m/a", "hello hello", how, 0, 0 },
					{ "m/z", "hello hello", how | DEFLATE, 0, 0 },
					{ "m/b", "goodbye", how, 0, 0 },
					{ "m/c", "kept", how, 0, 0 } };
		struct zip_archive old = zip_build(s, COUNT(s)), new;
		struct st_run runs[] = { { old.at[0].data + 1, 1 },
					 { old.at[0].data + 6, 5 },
					 { old.at[2].data, 7 },
					 { old.at[3].data, 0 } };
		int fd = make_file(&old);
		struct st_err e;

		s[0].data = "hallo world";
		s[2].data = "welcome";
		new = zip_build(s, COUNT(s));
		overwrite(fd, s[0].data, 11, old.at[0].data);
		overwrite(fd, s[2].data, 7, old.at[2].data);
		if (patch(fd, old.b.len, runs, COUNT(runs), &e) != ST_OK)
			fail_msg("form %zu: %s", i, e.msg);
		check_file(fd, &new);
		overwrite(fd, "hello hello", 11, old.at[0].data);
		overwrite(fd, "goodbye", 7, old.at[2].data);
		assert_int_equal(patch(fd, old.b.len, runs, COUNT(runs), &e), ST_OK);
		check_file(fd, &old);
		close(fd);
		st_buf_release(&old.b);
		st_buf_release(&new.b);
	}
}

/* Members at 0 and 36; data 31 to 36 and 69 to 76; the directory at 76. */
static const struct {
	struct st_run runs[2];
	const char *msg;
} unpatched[] = {
	{ { { 0, 1 } }, "offset 0 is in no member's data" },
	{ { { 30, 2 } }, "offset 30 is in no member's data" },
	{ { { 35, 2 } }, "2 bytes at offset 35 reach beyond the data of member \"a\"" },
	{ { { 31, 45 } }, "reach beyond the data of member \"a\"" },
	{ { { 36, 1 } }, "offset 36 is in no member's data" },
	{ { { 75, 2 } }, "reach beyond the data of member \"b/c\"" },
	{ { { 76, 1 } }, "offset 76 is in no member's data" },
	{ { { 1000, 1 } }, "offset 1000 is in no member's data" },
	{ { { UINT64_MAX, 2 } }, "offset 18446744073709551615 is in no member's data" },
	{ { { 31, UINT64_MAX } }, "reach beyond the data of member \"a\"" },
	{ { { 31, 1 }, { 80, 1 } }, "offset 80 is in no member's data" },
};

static void test_patch_refused(void **state)
{
	struct zip_archive a = zip_build(zip_plain, 2);
	int fd;

	(void)state;
	a.b.p[31] = 'J'; /* so that a checksum written too early would show */
	fd = make_file(&a);
	for (size_t i = 0; i < COUNT(unpatched); i++) {
		struct st_err e;

		if (patch(fd, a.b.len, unpatched[i].runs, unpatched[i].runs[1].n ? 2 : 1, &e) !=
			    ST_EREFUSED ||
		    !strstr(e.msg, unpatched[i].msg))
			fail_msg("row %zu: %s", i, e.msg);
		check_file(fd, &a);
	}
	close(fd);
	st_buf_release(&a.b);
}

static void test_patch_special(void **state)
{
	static const struct zip_spec s[] = { { "m/a", "hello", STREAM | SIGN, 0, 0 },
					     { "m/z", "hello", DEFLATE, 0, 0 } };
	struct zip_archive a = zip_build(s, COUNT(s));
	struct st_run run = { a.at[1].data, 1 };
	struct st_err e;
	int fd = make_file(&a), ro;
	char path[64];

	(void)state;
	assert_int_equal(patch(fd, a.b.len, &run, 1, &e), ST_EREFUSED);
	assert_non_null(strstr(e.msg, "member \"m/z\" at offset"));
	assert_int_equal(patch(fd, a.b.len, NULL, 0, &e), ST_OK);
	assert_int_equal(patch(fd, a.b.len - 1, &run, 1, &e), ST_EFORMAT);
	run.off = a.at[0].data;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	if (ro >= 0) {
		assert_int_equal(patch(ro, a.b.len, &run, 1, &e), ST_EIO);
		close(ro);
	}
	check_file(fd, &a);
	st_put32(a.b.p + a.at[0].descriptor + 4, 77); /* a size that is none */
	overwrite(fd, (const char *)a.b.p, a.b.len, 0);
	assert_int_equal(patch(fd, a.b.len, &run, 1, &e), ST_EREFUSED);
	assert_non_null(strstr(e.msg, "than the data descriptor that its flags promise"));
	check_file(fd, &a);
	close(fd);
	st_buf_release(&a.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patch),
		cmocka_unit_test(test_patch_refused),
		cmocka_unit_test(test_patch_special),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

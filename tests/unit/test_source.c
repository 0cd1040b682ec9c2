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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tensor/source.h"
#include "scratch_fixture.h"

static const char content[] = "0123456789";

static void write_file(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Every source must behave alike on the ten bytes. */
static void check_reads(const struct st_source *s)
{
	struct st_err e = { 0 };
	char buf[16];

	assert_int_equal(s->size, 10);
	assert_int_equal(st_source_read(s, buf, 10, 0, &e), ST_OK);
	assert_memory_equal(buf, content, 10);
	assert_int_equal(st_source_read(s, buf, 3, 7, &e), ST_OK);
	assert_memory_equal(buf, "789", 3);
	assert_int_equal(st_source_read(s, buf, 0, 10, &e), ST_OK);
	assert_int_equal(st_source_read(s, buf, 4, 7, &e), ST_EFORMAT);
	assert_string_equal(e.msg, "need 4 bytes at offset 7 of 10");
	st_err_clear(&e);
	assert_int_equal(st_source_read(s, buf, 0, 11, &e), ST_EFORMAT);
	st_err_clear(&e);
	assert_int_equal(st_source_read(s, buf, 1, UINT64_MAX, &e), ST_EFORMAT);
	st_err_clear(&e);
	assert_int_equal(st_source_read(s, buf, SIZE_MAX, 1, &e), ST_EFORMAT);
}

static void test_memory(void **state)
{
	struct st_source s;

	(void)state;
	st_source_init_mem(&s, content, 10, "memory");
	check_reads(&s);
	st_source_close(&s);
	assert_null(s.ops);
}

static void test_part(void **state)
{
	struct st_source whole, s;

	(void)state;
	st_source_init_mem(&whole, "ab0123456789c", 13, "whole");
	st_source_init_part(&s, &whole, 2, 10);
	assert_string_equal(s.name, "whole");
	check_reads(&s);
	st_source_close(&s);
}

static void test_empty(void **state)
{
	struct st_err e = { 0 };
	struct st_source s;
	char c;

	(void)state;
	st_source_init_mem(&s, NULL, 0, "nothing");
	assert_int_equal(st_source_read(&s, &c, 0, 0, &e), ST_OK);
	assert_int_equal(st_source_read(&s, &c, 1, 0, &e), ST_EFORMAT);
}

static void test_file(void **state)
{
	struct st_err e = { 0 };
	struct st_source s, borrowed;
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/file", (char *)*state);
	write_file(path, content, 10);
	assert_int_equal(st_source_open_file(&s, path, &e), ST_OK);
	assert_string_equal(s.name, path);
	check_reads(&s);
	fd = s.fd;
	st_source_init_fd(&borrowed, fd, 10, "borrowed");
	check_reads(&borrowed);
	st_source_close(&borrowed);
	assert_int_not_equal(fcntl(fd, F_GETFD), -1); /* not ours to close */
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	st_source_close(&s);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	st_source_close(&s); /* harmless */
}

static void test_shrunk(void **state)
{
	struct st_err e = { 0 };
	struct st_source s;
	char path[256], buf[10];

	snprintf(path, sizeof(path), "%s/file", (char *)*state);
	write_file(path, content, 10);
	assert_int_equal(st_source_open_file(&s, path, &e), ST_OK);
	assert_int_equal(truncate(path, 4), 0);
	assert_int_equal(st_source_read(&s, buf, 10, 0, &e), ST_ECHANGED);
	assert_non_null(strstr(e.msg, path));
	st_source_close(&s);
}

static void refuse(const char *dir, const char *name, int code, const char *text)
{
	struct st_err e = { 0 };
	struct st_source s;
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(st_source_open_file(&s, path, &e), code);
	assert_non_null(strstr(e.msg, path));
	assert_non_null(strstr(e.msg, text));
	st_source_close(&s);
}

static void test_not_regular(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *dir = *state;
	char path[256];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/socket", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/link", dir);
	assert_int_equal(symlink("fifo", path), 0);
	refuse(dir, "fifo", ST_EFORMAT, "FIFO");
	refuse(dir, "link", ST_EFORMAT, "FIFO");
	refuse(dir, "socket", ST_EFORMAT, "socket");
	refuse(dir, ".", ST_EFORMAT, "directory");
	refuse(dir, "../../dev/null", ST_EFORMAT, "device");
	refuse(dir, "missing", ST_EIO, "No such file");
}

/* In memory at first, then in a file that has no name; every byte at every time. */
static void test_spool(void **state)
{
	struct st_err e = { 0 };
	struct st_source s;
	struct st_spool sp;
	char buf[16];

	st_spool_init(&sp, 10, *state);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(st_spool_add(&sp, content + i, 1, &e), ST_OK);
		assert_int_equal(sp.fd, -1);
	}
	st_spool_source(&sp, &s, "spool");
	check_reads(&s);
	assert_int_equal(st_spool_add(&sp, "abc", 3, &e), ST_OK);
	assert_true(sp.fd >= 0);
	assert_int_equal(st_spool_add(&sp, "de", 2, &e), ST_OK);
	st_spool_source(&sp, &s, "spool");
	assert_int_equal(s.size, 15);
	assert_int_equal(st_source_read(&s, buf, 15, 0, &e), ST_OK);
	assert_memory_equal(buf, "0123456789abcde", 15);
	assert_int_equal(rmdir(*state), 0); /* nothing in it */
	assert_int_equal(mkdir(*state, 0700), 0);
	st_spool_release(&sp);
}

static void test_spool_without_room(void **state)
{
	struct st_err e = { 0 };
	struct st_spool sp;

	(void)state;
	st_spool_init(&sp, 2, "/nonexistent");
	assert_int_equal(st_spool_add(&sp, "a", 1, &e), ST_OK);
	assert_int_equal(st_spool_add(&sp, "bc", 2, &e), ST_EIO);
	st_spool_release(&sp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_part),
		cmocka_unit_test(test_empty),
		cmocka_unit_test_setup_teardown(test_file, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_shrunk, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_not_regular, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_spool, make_dir, remove_dir),
		cmocka_unit_test(test_spool_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

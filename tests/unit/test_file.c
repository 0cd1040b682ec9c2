/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

static char *scratch(void)
{
	const char *tmp = getenv("TMPDIR");
	static char dir[4096];

	snprintf(dir, sizeof(dir), "%s/st-file-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	return dir;
}

static void remove_scratch(const char *dir)
{
	struct st_err e = { 0 };

	assert_int_equal(st_remove_tree(dir, &e), ST_OK);
	assert_int_equal(access(dir, F_OK), -1);
}

/* dir/name in one of a few static buffers. */
static const char *in(const char *dir, const char *name)
{
	static char path[8][8192];
	static unsigned next;
	char *p = path[next++ % 8];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static void expect_text(const char *path, const char *text)
{
	struct st_err e = { 0 };
	struct st_buf b;

	st_buf_init(&b, 1 << 20);
	assert_int_equal(st_file_slurp(&b, path, &e), ST_OK);
	assert_string_equal(st_buf_cstr(&b, &e), text);
	st_buf_release(&b);
}

static unsigned count_entries(const char *dir)
{
	char cmd[5000];
	unsigned n = 0;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "ls -A '%s' | wc -l", dir);
	f = popen(cmd, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

static void test_path_join(void **state)
{
	static const struct {
		const char *dir, *name, *out;
	} table[] = {
		{ "a", "b", "a/b" },
		{ "a/", "b", "a/b" },
		{ "/", "b", "/b" },
		{ "", "b", "b" },
		{ ".", "b", "./b" },
		{ "a", "", "a/" },
		{ "/x/y", "z/w", "/x/y/z/w" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct st_err e = { 0 };
		char *p = st_path_join(table[i].dir, table[i].name, &e);

		assert_string_equal(p, table[i].out);
		free(p);
	}
}

static void test_open_read(void **state)
{
	char *dir = scratch();
	struct st_err e = { 0 };
	int fd = 7;

	(void)state;
	assert_int_equal(st_open_read(&fd, in(dir, "none"), 0, &e), ST_EIO);
	assert_int_equal(e.os, ENOENT);
	assert_non_null(strstr(e.msg, "/none: "));
	assert_int_equal(fd, -1);
	st_err_clear(&e);
	write_text(in(dir, "f"), "x");
	assert_int_equal(symlink("f", in(dir, "l")), 0);
	assert_int_equal(st_open_read(&fd, in(dir, "l"), O_NOFOLLOW, &e), ST_EIO);
	assert_int_equal(e.os, ELOOP);
	st_err_clear(&e);
	assert_int_equal(st_open_read(&fd, in(dir, "l"), 0, &e), ST_OK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	remove_scratch(dir);
}

static void test_slurp(void **state)
{
	char *dir = scratch();
	struct st_err e = { 0 };
	struct st_buf b;
	size_t n = 300000;
	char *big = malloc(n + 1);

	(void)state;
	memset(big, 'q', n);
	big[n] = 0;
	write_text(in(dir, "big"), big);
	write_text(in(dir, "empty"), "");
	for (size_t max = n - 1; max <= n + 1; max++) {
		st_buf_init(&b, max);
		assert_int_equal(st_file_slurp(&b, in(dir, "big"), &e),
				 max < n ? ST_ELIMIT : ST_OK);
		assert_int_equal(b.len, max < n ? 0 : n);
		st_buf_release(&b);
		st_err_clear(&e);
	}
	st_buf_init(&b, n + 4);
	assert_int_equal(st_buf_addstr(&b, "pre:", &e), ST_OK);
	assert_int_equal(st_file_slurp(&b, in(dir, "empty"), &e), ST_OK);
	assert_int_equal(st_file_slurp(&b, in(dir, "big"), &e), ST_OK);
	assert_int_equal(b.len, n + 4);
	assert_memory_equal(b.p, "pre:qq", 6);
	assert_int_equal(st_file_slurp(&b, in(dir, "empty"), &e), ST_OK); /* full, and that fits */
	assert_int_equal(st_file_slurp(&b, dir, &e), ST_EIO);
	assert_int_equal(e.os, EISDIR);
	st_err_clear(&e);
	assert_int_equal(st_file_slurp(&b, in(dir, "none"), &e), ST_EIO);
	assert_int_equal(b.len, n + 4);
	st_buf_release(&b);
	free(big);
	remove_scratch(dir);
}

/* Of size 0, says stat; there is no telling in advance. */
static void test_slurp_proc(void **state)
{
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	if (access("/proc/self/status", R_OK) != 0)
		skip();
	st_buf_init(&b, 1 << 20);
	assert_int_equal(st_file_slurp(&b, "/proc/self/status", &e), ST_OK);
	assert_true(b.len > 100);
	st_buf_release(&b);
}

static void test_pread(void **state)
{
	char *dir = scratch(), buf[16];
	struct st_err e = { 0 };
	size_t got = 99;
	int fd;

	(void)state;
	write_text(in(dir, "f"), "0123456789");
	assert_int_equal(st_open_read(&fd, in(dir, "f"), 0, &e), ST_OK);
	assert_int_equal(st_pread_full(fd, buf, 10, 0, "f", &e), ST_OK);
	assert_memory_equal(buf, "0123456789", 10);
	assert_int_equal(st_pread_full(fd, buf, 3, 7, "f", &e), ST_OK);
	assert_memory_equal(buf, "789", 3);
	assert_int_equal(st_pread_full(fd, buf, 0, 99, "f", &e), ST_OK);
	assert_int_equal(st_pread_full(fd, buf, 4, 7, "f", &e), ST_ECHANGED);
	assert_string_equal(e.msg, "f: 3 bytes at offset 7 where 4 should be");
	st_err_clear(&e);
	assert_int_equal(st_pread_full(fd, buf, 1, UINT64_MAX, "f", &e), ST_ECHANGED);
	st_err_clear(&e);
	assert_int_equal(st_pread_full(fd, buf, 1, INT64_MAX, "f", &e), ST_ECHANGED);
	st_err_clear(&e);
	assert_int_equal(st_pread_some(fd, buf, 16, 4, &got, "f", &e), ST_OK);
	assert_int_equal(got, 6);
	assert_int_equal(st_pread_some(fd, buf, 16, 10, &got, "f", &e), ST_OK);
	assert_int_equal(got, 0);
	close(fd);
	assert_int_equal(st_pread_some(fd, buf, 1, 0, &got, "f", &e), ST_EIO);
	assert_int_equal(e.os, EBADF);
	remove_scratch(dir);
}

static void test_write(void **state)
{
	char *dir = scratch();
	struct st_err e = { 0 };
	int fd = open(in(dir, "f"), O_RDWR | O_CREAT, 0600), full;

	(void)state;
	assert_int_equal(st_write_full(fd, "0123456789", 10, "f", &e), ST_OK);
	assert_int_equal(st_pwrite_full(fd, "abc", 3, 2, "f", &e), ST_OK);
	assert_int_equal(st_write_full(fd, "X", 1, "f", &e), ST_OK); /* pwrite moved nothing */
	assert_int_equal(st_write_full(fd, NULL, 0, "f", &e), ST_OK);
	expect_text(in(dir, "f"), "01abc56789X");
	assert_int_equal(st_pwrite_full(fd, "a", 1, (uint64_t)INT64_MAX + 1, "f", &e), ST_ELIMIT);
	st_err_clear(&e);
	assert_int_equal(st_pwrite_full(fd, "ab", 2, INT64_MAX, "f", &e), ST_ELIMIT);
	st_err_clear(&e);
	close(fd);
	full = open("/dev/full", O_WRONLY);
	if (full >= 0) {
		assert_int_equal(st_write_full(full, "a", 1, "the disk", &e), ST_ENOSPC);
		assert_non_null(strstr(e.msg, "write the disk: "));
		close(full);
	}
	remove_scratch(dir);
}

static void test_reserve(void **state)
{
	char *dir = scratch();
	struct st_err e = { 0 };
	int fd = open(in(dir, "f"), O_RDWR | O_CREAT, 0600);
	struct stat st;

	(void)state;
	assert_int_equal(st_file_reserve(fd, 0, "f", &e), ST_OK);
	assert_int_equal(st_file_reserve(fd, 100000, "f", &e), ST_OK);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st_write_full(fd, "ab", 2, "f", &e), ST_OK);
	expect_text(in(dir, "f"), "ab");
	assert_int_equal(st_file_reserve(fd, UINT64_MAX, "f", &e), ST_OK); /* the write fails */
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 2);
	close(fd);
	assert_int_equal(st_file_reserve(fd, 1, "f", &e), ST_OK); /* a hint, if it cannot be */
	remove_scratch(dir);
}

static void on_signal(int sig)
{
	(void)sig;
}

/* A pipe takes 64 KiB at once: writes are partial and interrupted by a timer all the time. */
static void test_partial_and_interrupted(void **state)
{
	struct sigaction sa = { .sa_handler = on_signal }, old;
	struct itimerval every = { { 0, 500 }, { 0, 500 } }, off = { { 0, 0 }, { 0, 0 } };
	size_t n = (size_t)4 << 20, i;
	struct st_err e = { 0 };
	uint8_t *data = malloc(n);
	int fds[2], status;
	pid_t pid;

	(void)state;
	for (i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 31 + (i >> 9));
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		static uint8_t got[5000];
		ssize_t k;

		close(fds[1]);
		for (i = 0; (k = read(fds[0], got, sizeof(got))) > 0; i += (size_t)k)
			if (i + (size_t)k > n || memcmp(got, data + i, (size_t)k) != 0)
				_exit(1);
		_exit(i == n ? 0 : 2);
	}
	close(fds[0]);
	sigaction(SIGALRM, &sa, &old);
	setitimer(ITIMER_REAL, &every, NULL);
	assert_int_equal(st_write_full(fds[1], data, n, "pipe", &e), ST_OK);
	setitimer(ITIMER_REAL, &off, NULL);
	sigaction(SIGALRM, &old, NULL);
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	free(data);
}

static void test_mkdirs(void **state)
{
	char *dir = scratch();
	struct st_err e = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(st_mkdirs(in(dir, "a/b/c"), &e), ST_OK);
	assert_int_equal(st_mkdirs(in(dir, "a/b/c"), &e), ST_OK);
	assert_int_equal(st_mkdirs(in(dir, "a//d///e/"), &e), ST_OK);
	assert_int_equal(stat(in(dir, "a/d/e"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(symlink("a", in(dir, "l")), 0);
	assert_int_equal(st_mkdirs(in(dir, "l/b/x"), &e), ST_OK);
	assert_int_equal(st_mkdirs(in(dir, "l"), &e), ST_OK);
	assert_int_equal(st_mkdirs("/", &e), ST_OK);
	write_text(in(dir, "f"), "");
	assert_int_equal(st_mkdirs(in(dir, "f"), &e), ST_EIO);
	assert_int_equal(e.os, EEXIST);
	st_err_clear(&e);
	assert_int_equal(st_mkdirs(in(dir, "f/x/y"), &e), ST_EIO);
	assert_int_equal(e.os, ENOTDIR);
	remove_scratch(dir);
}

static void test_replace(void **state)
{
	char *dir = scratch();
	struct st_err e = { 0 };
	mode_t mask = umask(027);
	struct stat st;

	(void)state;
	assert_int_equal(st_file_replace(in(dir, "f"), "one", 3, true, &e), ST_OK);
	expect_text(in(dir, "f"), "one");
	assert_int_equal(stat(in(dir, "f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(chmod(in(dir, "f"), 0604), 0);
	assert_int_equal(st_file_replace(in(dir, "f"), "", 0, false, &e), ST_OK);
	expect_text(in(dir, "f"), "");
	assert_int_equal(stat(in(dir, "f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(count_entries(dir), 1);
	umask(mask);

	/* Failures leave neither a change nor a temporary file. */
	assert_int_equal(st_mkdirs(in(dir, "d/x"), &e), ST_OK);
	assert_int_equal(st_file_replace(in(dir, "d"), "y", 1, false, &e), ST_EIO);
	assert_int_equal(count_entries(dir), 2);
	st_err_clear(&e);
	assert_int_equal(st_file_replace(in(dir, "none/f"), "y", 1, false, &e), ST_EIO);
	assert_int_equal(e.os, ENOENT);
	assert_non_null(strstr(e.msg, "none/f: "));
	remove_scratch(dir);
}

static void test_replace_here(void **state)
{
	char *dir = scratch(), here[4096];
	struct st_err e = { 0 };

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(st_file_replace("f", "x", 1, true, &e), ST_OK);
	expect_text("f", "x");
	assert_int_equal(chdir(here), 0);
	remove_scratch(dir);
}

static void test_temp(void **state)
{
	char *dir = scratch(), *a, *b;
	const char *start;
	struct st_err e = { 0 };
	mode_t mask = umask(022);
	struct stat st;
	int fa, fb;

	(void)state;
	assert_int_equal(st_file_temp(&fa, &a, dir, "pack-", &e), ST_OK);
	assert_int_equal(st_file_temp(&fb, &b, dir, "pack-", &e), ST_OK);
	umask(mask);
	assert_string_not_equal(a, b);
	start = in(dir, "pack-");
	assert_memory_equal(a, start, strlen(start));
	assert_int_equal(strlen(a), strlen(start) + 6);
	assert_int_equal(fstat(fa, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_true(fcntl(fa, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(st_write_full(fa, "x", 1, a, &e), ST_OK);
	expect_text(a, "x");
	close(fa);
	close(fb);
	free(a);
	free(b);
	assert_int_equal(st_file_temp(&fa, &a, in(dir, "none"), "p", &e), ST_EIO);
	assert_null(a);
	assert_int_equal(fa, -1);
	remove_scratch(dir);
}

static void test_remove_tree(void **state)
{
	char *dir = scratch(), name[64];
	struct st_err e = { 0 };

	(void)state;
	write_text(in(dir, "keep"), "kept");
	assert_int_equal(st_mkdirs(in(dir, "outside"), &e), ST_OK);
	write_text(in(dir, "outside/f"), "kept");
	assert_int_equal(st_mkdirs(in(dir, "t/a/b"), &e), ST_OK);
	assert_int_equal(symlink("../outside", in(dir, "t/link")), 0);
	assert_int_equal(symlink("../keep", in(dir, "t/a/flink")), 0);
	assert_int_equal(mkfifo(in(dir, "t/fifo"), 0600), 0);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "t/a/file%u\n\xff", i);
		write_text(in(dir, name), "");
	}
	assert_int_equal(st_remove_tree(in(dir, "t"), &e), ST_OK);
	assert_int_equal(access(in(dir, "t"), F_OK), -1);
	expect_text(in(dir, "outside/f"), "kept");
	expect_text(in(dir, "keep"), "kept");
	assert_int_equal(st_remove_tree(in(dir, "t"), &e), ST_OK); /* missing */

	/* Neither a link to a directory nor a file is a tree. */
	assert_int_equal(symlink("outside", in(dir, "l")), 0);
	assert_int_equal(st_remove_tree(in(dir, "l"), &e), ST_EIO);
	expect_text(in(dir, "outside/f"), "kept");
	remove_scratch(dir);
}

static void test_remove_deep_tree(void **state)
{
	char *dir = scratch(), here[4096];
	struct st_err e = { 0 };

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(dir), 0);
	for (unsigned i = 0; i < 300; i++)
		assert_true(mkdir("d", 0700) == 0 && chdir("d") == 0);
	assert_int_equal(chdir(here), 0);
	assert_int_equal(st_remove_tree(dir, &e), ST_ELIMIT);
	/* Deeper down it is within the limit. */
	assert_int_equal(chdir(dir), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(chdir("d"), 0);
	st_err_clear(&e);
	assert_int_equal(st_remove_tree("d", &e), ST_OK);
	assert_int_equal(chdir(here), 0);
	remove_scratch(dir);
}

static void test_lock(void **state)
{
	char *dir = scratch();
	struct st_err e = { 0 };
	int a, b, c;

	(void)state;
	write_text(in(dir, "lock"), "");
	assert_int_equal(st_open_read(&a, in(dir, "lock"), 0, &e), ST_OK);
	assert_int_equal(st_open_read(&b, in(dir, "lock"), 0, &e), ST_OK);
	assert_int_equal(st_open_read(&c, in(dir, "lock"), 0, &e), ST_OK);
	assert_int_equal(st_lock(a, ST_LOCK_SHARED, false, "repo", &e), ST_OK);
	assert_int_equal(st_lock(b, ST_LOCK_SHARED, true, "repo", &e), ST_OK);
	assert_int_equal(st_lock(c, ST_LOCK_EXCLUSIVE, false, "repo", &e), ST_EBUSY);
	assert_non_null(strstr(e.msg, "repo"));
	st_err_clear(&e);
	st_unlock(a);
	close(b); /* releases, too */
	assert_int_equal(st_lock(c, ST_LOCK_EXCLUSIVE, false, "repo", &e), ST_OK);
	assert_int_equal(st_lock(a, ST_LOCK_SHARED, false, "repo", &e), ST_EBUSY);
	close(a);
	close(c);
	st_err_clear(&e);
	assert_int_equal(st_lock(c, ST_LOCK_SHARED, true, "repo", &e), ST_EIO);
	remove_scratch(dir);
}

static void test_times_and_space(void **state)
{
	char *dir = scratch();
	struct st_err e = { 0 };
	struct timespec ts[2] = { { 1, 2 }, { 1700000000, 123456789 } };
	uint64_t bytes = 0;
	struct stat st;

	(void)state;
	write_text(in(dir, "f"), "");
	assert_int_equal(utimensat(AT_FDCWD, in(dir, "f"), ts, 0), 0);
	assert_int_equal(stat(in(dir, "f"), &st), 0);
	assert_true(st_mtime_ns(&st) == 1700000000123456789);
	assert_true(st_now_ns() - st_ctime_ns(&st) < (int64_t)60 * 1000000000);
	assert_true(st_now_ns() > 1700000000000000000);
	assert_int_equal(st_free_space(dir, &bytes, &e), ST_OK);
	assert_true(bytes > 0);
	assert_int_equal(st_fsync_dir(dir, &e), ST_OK);
	assert_int_equal(st_free_space(in(dir, "none"), &bytes, &e), ST_EIO);
	st_err_clear(&e);
	assert_int_equal(st_fsync_dir(in(dir, "f"), &e), ST_EIO);
	assert_int_equal(e.os, ENOTDIR);
	remove_scratch(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path_join),    cmocka_unit_test(test_open_read),
		cmocka_unit_test(test_slurp),	     cmocka_unit_test(test_slurp_proc),
		cmocka_unit_test(test_pread),	     cmocka_unit_test(test_write),
		cmocka_unit_test(test_reserve),	     cmocka_unit_test(test_partial_and_interrupted),
		cmocka_unit_test(test_mkdirs),	     cmocka_unit_test(test_replace),
		cmocka_unit_test(test_replace_here), cmocka_unit_test(test_temp),
		cmocka_unit_test(test_remove_tree),  cmocka_unit_test(test_remove_deep_tree),
		cmocka_unit_test(test_lock),	     cmocka_unit_test(test_times_and_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

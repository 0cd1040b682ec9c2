/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pool.h"
#include "store/store.h"
#include "scratch_fixture.h"

#define PACKS 200 /* more than are kept open */

static struct st_store *open_store(const char *dir)
{
	struct st_err e = { 0 };
	struct st_store *s;

	assert_int_equal(st_store_file_new(&s, dir, &e), ST_OK);
	return s;
}

static unsigned files_with(const char *dir, const char *prefix)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	unsigned n = 0;

	assert_non_null(d);
	while ((de = readdir(d)))
		n += strncmp(de->d_name, prefix, strlen(prefix)) == 0;
	closedir(d);
	return n;
}

static unsigned open_descriptors(void)
{
	return files_with("/proc/self/fd", "");
}

static void name_of(char name[32], uint64_t i)
{
	snprintf(name, 32, "%06u.pack", (unsigned)i);
}

static int read_one(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	char name[32];
	uint64_t got;
	int rc;

	(void)worker;
	i = i * 7 % PACKS;
	name_of(name, i);
	rc = st_store_pread(arg, name, &got, sizeof(got), 8, e);
	if (rc == ST_OK && got != i)
		rc = st_fail(e, ST_ECORRUPT, "%s holds another's bytes", name);
	return rc;
}

static void few_files_stay_open(void **state)
{
	struct st_store *s = open_store(*state);
	unsigned before = open_descriptors();
	struct st_err e = { 0 };

	for (uint64_t i = 0; i < PACKS; i++) {
		struct st_blob *b;
		char name[32];

		name_of(name, i);
		assert_int_equal(st_store_create(s, &b, &e), ST_OK);
		assert_int_equal(st_blob_write(b, &i, sizeof(i), 8, &e), ST_OK);
		assert_int_equal(st_blob_publish(b, name, &e), ST_OK);
	}
	assert_int_equal(st_parallel(4, 20 * PACKS, read_one, s, &e), ST_OK);
	assert_true(open_descriptors() <= before + 64);
	assert_true(open_descriptors() >= before + 60);
	st_store_free(s);
	assert_true(open_descriptors() <= before);
}

static int remove_half(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	struct st_err mine = { 0 };
	char name[32];

	if (i % 5 == 0) {
		name_of(name, i % PACKS);
		return st_store_remove(arg, name, e);
	}
	if (read_one(arg, i, worker, &mine) != ST_OK && mine.code != ST_ENOTFOUND)
		*e = mine;
	return e->code;
}

static void removal_beside_readers(void **state)
{
	struct st_store *s = open_store(*state);
	unsigned before = open_descriptors();
	struct st_err e = { 0 };

	assert_int_equal(st_parallel(4, 4 * PACKS, remove_half, s, &e), ST_OK);
	for (uint64_t i = 0; i < PACKS; i += 5) {
		char name[32], buf[1];

		name_of(name, i);
		assert_int_equal(st_store_pread(s, name, buf, 1, 0, &e), ST_ENOTFOUND);
		st_err_clear(&e);
	}
	st_store_free(s);
	assert_true(open_descriptors() <= before);
}

static void write_text(const char *dir, const char *name)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("12345", f);
	fclose(f);
}

static void dead_writers_leftovers_go(void **state)
{
	struct st_store *s = open_store(*state);
	uint64_t removed = 0;
	struct st_err e = { 0 };
	struct st_blob *live;

	write_text(*state, "tmp-dead");
	assert_int_equal(st_store_create(s, &live, &e), ST_OK);
	assert_int_equal(st_blob_write(live, "x", 1, 0, &e), ST_OK);
	assert_int_equal(files_with(*state, "tmp-"), 2);
	/* Not yet old enough. */
	assert_int_equal(st_store_clean(s, st_now_ns() - 3600000000000, &removed, &e), ST_OK);
	assert_int_equal(removed, 0);
	assert_int_equal(files_with(*state, "tmp-"), 2);
	/* Old enough, but one of them is in use. */
	assert_int_equal(st_store_clean(s, INT64_MAX, &removed, &e), ST_OK);
	assert_int_equal(removed, 5);
	assert_int_equal(files_with(*state, "tmp-"), 1);
	assert_int_equal(st_blob_publish(live, "live.pack", &e), ST_OK);
	assert_int_equal(files_with(*state, "tmp-"), 0);
	assert_int_equal(files_with(*state, "live.pack"), 1);
	st_store_free(s);
}

static void other_things_are_not_packs(void **state)
{
	struct st_store *s = open_store(*state);
	struct st_err e = { 0 };
	char path[300], buf[4];

	snprintf(path, sizeof(path), "%s/link.pack", (char *)*state);
	write_text(*state, "target");
	assert_int_equal(symlink("target", path), 0);
	assert_int_not_equal(st_store_pread(s, "link.pack", buf, 1, 0, &e), ST_OK);
	st_err_clear(&e);
	snprintf(path, sizeof(path), "%s/dir.pack", (char *)*state);
	assert_int_equal(mkdir(path, 0777), 0);
	assert_int_not_equal(st_store_pread(s, "dir.pack", buf, 1, 0, &e), ST_OK);
	st_store_free(s);
}

static void a_vanished_directory_is_an_error(void **state)
{
	struct st_err e = { 0 };
	struct st_blob *b = NULL;
	struct st_store *s;
	char dir[300];

	snprintf(dir, sizeof(dir), "%s/gone", (char *)*state);
	s = open_store(dir);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(st_store_create(s, &b, &e), ST_EIO);
	assert_null(b);
	assert_non_null(strstr(e.msg, dir));
	st_store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_files_stay_open),
		cmocka_unit_test(removal_beside_readers),
		cmocka_unit_test(dead_writers_leftovers_go),
		cmocka_unit_test(other_things_are_not_packs),
		cmocka_unit_test(a_vanished_directory_is_an_error),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

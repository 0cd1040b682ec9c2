/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue where its file cannot be written, or is damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "meta/catalog.h"
#include "scratch_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

struct fixture {
	char dir[64], path[96];
	struct st_catalog *cat;
};

static struct fixture fx;

static void reopen(void)
{
	struct st_err e = { 0 };

	ok(st_catalog_open(&fx.cat, fx.path, &e), &e);
}

static int setup(void **state)
{
	(void)state;
	fx = (struct fixture){ .dir = "/tmp/st-catalog-XXXXXX" };
	assert_non_null(mkdtemp(fx.dir));
	snprintf(fx.path, sizeof(fx.path), "%s/catalog.db", fx.dir);
	reopen();
	return 0;
}

static int teardown(void **state)
{
	struct st_err e = { 0 };

	(void)state;
	st_catalog_close(fx.cat);
	return st_remove_tree(fx.dir, &e);
}

static void sql(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(fx.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* Of what the file holds; of nothing, where it is missing or damaged. The file stays as it is. */
static void test_copy(void **state)
{
	static const char *const names[] = { "catalog.db", "missing.db", "garbage.db" };
	struct st_err e = { 0 };
	struct st_catalog *c;
	struct st_oid id = { { 1 } }, got;
	char path[128];
	struct stat st;
	bool found;
	int fd;

	(void)state;
	ok(st_catalog_version_add(fx.cat, "v1", &id, &e), &e);
	snprintf(path, sizeof(path), "%s/garbage.db", fx.dir);
	fd = open(path, O_WRONLY | O_CREAT, 0666);
	assert_int_equal(write(fd, "garbage", 7), 7);
	close(fd);
	for (size_t i = 0; i <= COUNT(names); i++) {
		if (i < COUNT(names))
			snprintf(path, sizeof(path), "%s/%s", fx.dir, names[i]);
		ok(st_catalog_open_copy(&c, i < COUNT(names) ? path : NULL, &e), &e);
		ok(st_catalog_version_get(c, "v1", &got, &found, &e), &e);
		assert_int_equal(found, i == 0);
		ok(st_catalog_version_add(c, "v2", &id, &e), &e);
		ok(st_catalog_check(c, &e), &e);
		st_catalog_close(c);
		assert_int_equal(stat(path, &st) == 0, i != 1);
	}
	assert_int_equal(st.st_size, 7);
	ok(st_catalog_version_get(fx.cat, "v2", &got, &found, &e), &e);
	assert_false(found);
}

/* What is found damaged in use comes with what to do; in opening the caller does that itself. */
static void test_advice(void **state)
{
	struct st_err e = { 0 };
	struct st_oid id;
	bool found;

	(void)state;
	sql("INSERT INTO objects(oid, id) VALUES(77, x'00')");
	sql("INSERT INTO versions(label, oid) VALUES('v1', 77)");
	assert_int_equal(st_catalog_version_get(fx.cat, "v1", &id, &found, &e), ST_ECORRUPT);
	assert_non_null(strstr(e.msg, ST_CATALOG_ANEW));
	sql("DROP TABLE state");
	st_err_clear(&e);
	st_catalog_close(fx.cat);
	assert_int_equal(st_catalog_open(&fx.cat, fx.path, &e), ST_ECORRUPT);
	assert_null(strstr(e.msg, "fsck"));
	assert_int_equal(unlink(fx.path), 0);
	reopen();
}

/* Ids of one beginning share the first place where they may stand; the last is beside the end. */
static void test_crowded_ids(void **state)
{
	static const uint8_t heads[][4] = { { 0, 0, 0, 0 }, { 0xff, 0xff, 0xff, 0xff } };
	struct st_loc l = { .kind = 1, .width = 1, .raw = 5, .stored = 5, .head = 12 };
	struct st_oid pack = { { 1 } };
	struct st_err e = { 0 };
	int64_t key, value[20];
	bool found;

	(void)state;
	assert_int_equal(st_catalog_pack_add(fx.cat, &pack, 1000, 20, &key, &e), ST_OK);
	for (unsigned i = 0; i < 20; i++) {
		memcpy(l.id.b, heads[i % 2], 4);
		l.id.b[31] = (uint8_t)(i / 2 + 1);
		l.offset = 64 + i;
		assert_int_equal(st_catalog_loc_add(fx.cat, key, &l, &e), ST_OK);
	}
	for (unsigned i = 0; i < 20; i++) {
		struct st_oid id = { { 0 } };

		memcpy(id.b, heads[i % 2], 4);
		id.b[31] = (uint8_t)(i / 2 + 1);
		assert_int_equal(st_catalog_loc_find(fx.cat, &id, 1, &l, &found, &e), ST_OK);
		assert_true(found && l.offset == 64 + i);
		assert_int_equal(st_catalog_value_of(fx.cat, &id, &value[i], &e), ST_OK);
		assert_true(value[i] > 0 && value[i] <= INT32_MAX);
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(value[k], value[i]);
	}
	l.id.b[31] = 99;
	assert_int_equal(st_catalog_value_of(fx.cat, &l.id, &value[0], &e), ST_OK);
	assert_int_equal(value[0], 0);
	assert_int_equal(st_catalog_check(fx.cat, &e), ST_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_advice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crowded_ids, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue's tensor history: slots and changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/oid.h"
#include "meta/catalog.h"
#include "scratch_fixture.h"

static struct st_catalog *cat;

static int setup(void **state)
{
	struct st_err e = { 0 };

	(void)state;
	return st_catalog_open(&cat, ":memory:", &e);
}

static int teardown(void **state)
{
	(void)state;
	st_catalog_close(cat);
	return 0;
}

static struct st_oid oid(uint64_t n)
{
	struct st_oid id;

	st_oid_of(&id, &n, sizeof(n));
	return id;
}

static void add_commit(uint64_t n)
{
	struct st_commit_row row = {
		.id = oid(n), .generation = n, .author = "Ada <a@b>", .message = "", .version = ""
	};
	struct st_err e = { 0 };

	ok(st_catalog_commit_add(cat, &row, &e), &e);
}

static void label(const char *version, uint64_t commit)
{
	struct st_oid id = oid(commit);
	struct st_err e = { 0 };

	ok(st_catalog_version_add(cat, version, &id, &e), &e);
}

static int see_row(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	(void)e;
	*(struct st_oid *)arg = row->id;
	return ST_OK;
}

struct changes {
	struct st_change_row v[8];
	size_t n, stop_after;
};

static int see_change(void *arg, const struct st_change_row *row, struct st_err *e)
{
	struct changes *c = arg;

	(void)e;
	c->v[c->n++] = *row;
	return c->n == c->stop_after ? ST_ENO : ST_OK;
}

static int64_t slot(const char *path, const char *name, size_t len)
{
	struct st_err e = { 0 };
	int64_t n;

	ok(st_catalog_slot(cat, path, name, len, &n, &e), &e);
	return n;
}

static void change(int64_t commit, int64_t at, int64_t origin, uint64_t value)
{
	struct st_oid id = oid(value);
	struct st_err e = { 0 };

	ok(st_catalog_change_add(cat, commit, at, origin, value ? &id : NULL, &e), &e);
}

static int see_slot(void *arg, const struct st_slot_row *row, struct st_err *e)
{
	struct st_buf *b = arg;

	assert_int_equal(row->name[row->name_len], 0);
	return st_buf_addf(b, e, "%s:%zu:%s,", row->path, row->name_len, row->name);
}

static void expect_slots(const char *path, const char *want)
{
	struct st_err e = { 0 };
	struct st_buf b;

	st_buf_init(&b, 4096);
	ok(st_catalog_slot_each(cat, path, see_slot, &b, &e), &e);
	assert_string_equal(b.len ? st_buf_cstr(&b, &e) : "", want);
	st_buf_release(&b);
}

/* Names are bytes of any kind; one name in two files is two slots. */
static void test_slots(void **state)
{
	int64_t a, b, c, d;

	(void)state;
	expect_slots(NULL, "");
	a = slot("m", "w", 1);
	b = slot("m", "", 0);
	c = slot("n", "w", 1);
	d = slot("m", "w\0\xff", 3);
	assert_true(a != b && b != c && c != d && a != c && a != d && b != d);
	assert_int_equal(slot("m", "w", 1), a);
	assert_int_equal(slot("m", "", 0), b);
	assert_int_equal(slot("m", "w\0\xff", 3), d);
	expect_slots("m", "m:0:,m:1:w,m:3:w,");
	expect_slots("n", "n:1:w,");
	expect_slots("o", "");
	expect_slots(NULL, "m:1:w,m:0:,n:1:w,m:3:w,");
}

static void test_changes(void **state)
{
	int64_t a = slot("m", "a", 1), b = slot("m", "b", 1), key, none;
	struct changes c = { 0 };
	struct st_oid id = oid(1), value, want = oid(77);
	struct st_err e = { 0 };
	struct st_oid got;
	bool found;

	(void)state;
	add_commit(1);
	add_commit(2);
	ok(st_catalog_commit_key(cat, &id, &key, &found, &e), &e);
	assert_true(found && key == 1);
	ok(st_catalog_commit_by_key(cat, 2, see_row, &got, &e), &e);
	id = oid(2);
	assert_true(st_oid_eq(&got, &id));
	change(1, b, -1, 77);
	change(1, a, -1, 78);
	change(1, a, 0, 79); /* there already */
	change(2, a, 3, 0);
	ok(st_catalog_change_each(cat, 1, see_change, &c, &e), &e);
	assert_int_equal(c.n, 2);
	assert_true(c.v[0].slot == a && c.v[1].slot == b && c.v[1].commit == 1);
	assert_int_equal(c.v[0].origin, -1);
	ok(st_catalog_value(cat, c.v[1].value, &value, &e), &e);
	assert_true(st_oid_eq(&value, &want));
	c = (struct changes){ 0 };
	ok(st_catalog_change_of_slot(cat, a, see_change, &c, &e), &e);
	assert_int_equal(c.n, 2);
	assert_true(c.v[0].commit == 2 && c.v[0].value == 0 && c.v[0].origin == 3);
	c = (struct changes){ .stop_after = 1 };
	ok(st_catalog_change_of_slot(cat, a, see_change, &c, &e), &e);
	assert_int_equal(c.n, 1);
	ok(st_catalog_change_each(cat, 3, see_change, &c, &e), &e);
	assert_int_equal(c.n, 1);
	id = oid(3);
	ok(st_catalog_commit_key(cat, &id, &none, &found, &e), &e);
	assert_false(found);
	ok(st_catalog_check(cat, &e), &e);
	assert_int_equal(st_catalog_commit_by_key(cat, 3, see_row, &got, &e), ST_ENOTFOUND);
	st_err_clear(&e);
	assert_int_equal(st_catalog_value(cat, 999, &value, &e), ST_ENOTFOUND);
}

static struct st_oid digest_now(void)
{
	struct st_err e = { 0 };
	struct st_oid id;

	ok(st_catalog_digest(cat, &id, &e), &e);
	return id;
}

/* Changes of commits with a version number count, whatever numbers stand for their parts. */
static void test_changes_digest(void **state)
{
	struct st_oid before, after;

	(void)state;
	add_commit(1);
	add_commit(2);
	label("v1", 1);
	before = digest_now();
	change(2, slot("m", "a", 1), 0, 77);
	after = digest_now();
	assert_true(st_oid_eq(&before, &after));
	change(1, slot("m", "b", 1), -1, 78);
	after = digest_now();
	assert_false(st_oid_eq(&before, &after));
	assert_int_equal(teardown(NULL), 0);
	assert_int_equal(setup(NULL), 0);
	add_commit(1);
	label("v1", 1);
	add_commit(2);
	change(1, slot("m", "b", 1), -1, 78);
	before = digest_now();
	assert_true(st_oid_eq(&before, &after));
}

/* Numbers that stand for nothing are found. */
static void test_broken_links(void **state)
{
	struct st_err e = { 0 };

	(void)state;
	add_commit(1);
	change(1, slot("m", "a", 1), -1, 77);
	ok(st_catalog_check(cat, &e), &e);
	change(2, slot("m", "a", 1), -1, 77);
	assert_int_equal(st_catalog_check(cat, &e), ST_ECORRUPT);
	st_err_clear(&e);
	add_commit(2);
	ok(st_catalog_check(cat, &e), &e);
	change(2, 9, -1, 77);
	assert_int_equal(st_catalog_check(cat, &e), ST_ECORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes_digest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_links, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

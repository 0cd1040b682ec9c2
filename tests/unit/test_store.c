/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "store/store_kinds.h"
#include "scratch_fixture.h"

/* One store of each row of the table, held to the contract of store.h. */
struct kind {
	const char *scheme;
	int (*make)(struct st_store **out, const char *dir, struct st_err *e);
};

static int make_file(struct st_store **out, const char *dir, struct st_err *e)
{
	return st_store_file_new(out, dir, e);
}

static int make_mem(struct st_store **out, const char *dir, struct st_err *e)
{
	(void)dir;
	return st_store_mem_new(out, e);
}

static int make_fault(struct st_store **out, const char *dir, struct st_err *e)
{
	struct st_store *inner;
	int rc = st_store_file_new(&inner, dir, e);

	return rc == ST_OK ? st_store_fault_new(out, inner, 0, false, NULL, e) : rc;
}

static const struct kind kinds[] = {
	{ "file", make_file },
	{ "mem", make_mem },
	{ "fault", make_fault },
};

static void rows_are_complete(void **state)
{
	size_t n = 0;

	(void)state;
	for (; st_store_table[n]; n++) {
		const struct st_store_ops *o = st_store_table[n];

		assert_true(o->pread && o->size && o->create && o->write && o->reread);
		assert_true(o->truncate && o->sync && o->publish && o->discard);
		assert_true(o->remove && o->free);
		assert_true(n < sizeof(kinds) / sizeof(*kinds));
		assert_string_equal(o->scheme, kinds[n].scheme);
	}
	assert_int_equal(n, sizeof(kinds) / sizeof(*kinds));
}

static struct st_store *open_kind(const struct kind *k, const char *dir)
{
	struct st_err e = { 0 };
	struct st_store *s = NULL;

	assert_int_equal(k->make(&s, dir, &e), ST_OK);
	assert_string_equal(s->ops->scheme, k->scheme);
	assert_non_null(s->where);
	return s;
}

static void put(struct st_store *s, const char *name, const char *text)
{
	struct st_err e = { 0 };
	struct st_blob *b = NULL;

	assert_int_equal(st_store_create(s, &b, &e), ST_OK);
	assert_int_equal(st_blob_write(b, text, strlen(text), 0, &e), ST_OK);
	assert_int_equal(st_blob_sync(b, &e), ST_OK);
	assert_int_equal(st_blob_publish(b, name, &e), ST_OK);
}

static int count_one(void *arg, const char *name, uint64_t size, int64_t mtime_ns, struct st_err *e)
{
	char *line = arg;

	(void)mtime_ns;
	(void)e;
	snprintf(line + strlen(line), 200 - strlen(line), "%s:%d ", name, (int)size);
	return ST_OK;
}

static void check_listed(struct st_store *s, const char *a, const char *b)
{
	char line[200] = "";
	struct st_err e = { 0 };

	assert_int_equal(st_store_list(s, count_one, line, &e), ST_OK);
	assert_int_equal(strlen(line), strlen(a) + strlen(b));
	assert_non_null(strstr(line, a));
	assert_non_null(strstr(line, b));
}

static void check_written(struct st_store *s)
{
	struct st_err e = { 0 };
	struct st_blob *b = NULL;
	uint64_t size;
	char buf[16];

	assert_int_equal(st_store_create(s, &b, &e), ST_OK);
	assert_int_equal(st_blob_write(b, "defghij", 7, 3, &e), ST_OK);
	assert_int_equal(st_blob_write(b, "abc", 3, 0, &e), ST_OK);
	assert_int_equal(st_blob_reread(b, buf, 4, 2, &e), ST_OK);
	assert_memory_equal(buf, "cdef", 4);
	assert_int_equal(st_blob_truncate(b, 8, &e), ST_OK);
	assert_int_equal(st_blob_reread(b, buf, 4, 6, &e), ST_ECORRUPT);
	st_err_clear(&e);
	check_listed(s, "", ""); /* nothing has a name yet */
	assert_int_equal(st_blob_sync(b, &e), ST_OK);
	assert_int_equal(st_blob_publish(b, "one.pack", &e), ST_OK);
	assert_int_equal(st_store_size(s, "one.pack", &size, &e), ST_OK);
	assert_int_equal(size, 8);
	assert_int_equal(st_store_pread(s, "one.pack", buf, 8, 0, &e), ST_OK);
	assert_memory_equal(buf, "abcdefgh", 8);
	assert_int_equal(st_store_pread(s, "one.pack", buf, 0, 8, &e), ST_OK);
	check_listed(s, "one.pack:8 ", "");
}

static void check_bounds(struct st_store *s)
{
	static const struct {
		size_t n;
		uint64_t off;
	} out[] = { { 9, 0 }, { 1, 8 }, { 4, 5 }, { 1, UINT64_MAX }, { 8, 1 } };
	char buf[16];

	for (size_t i = 0; i < sizeof(out) / sizeof(*out); i++) {
		struct st_err e = { 0 };

		assert_int_equal(st_store_pread(s, "one.pack", buf, out[i].n, out[i].off, &e),
				 ST_ECORRUPT);
		assert_non_null(strstr(e.msg, "one.pack"));
	}
}

static void check_replaced_and_removed(struct st_store *s)
{
	struct st_err e = { 0 };
	struct st_blob *b = NULL;
	char buf[16];

	put(s, "two.pack", "22");
	check_listed(s, "one.pack:8 ", "two.pack:2 ");
	put(s, "two.pack", "333");
	check_listed(s, "one.pack:8 ", "two.pack:3 ");
	assert_int_equal(st_store_pread(s, "two.pack", buf, 3, 0, &e), ST_OK);
	assert_memory_equal(buf, "333", 3);
	assert_int_equal(st_store_remove(s, "two.pack", &e), ST_OK);
	assert_int_equal(st_store_remove(s, "two.pack", &e), ST_OK);
	assert_int_equal(st_store_pread(s, "two.pack", buf, 1, 0, &e), ST_ENOTFOUND);
	st_err_clear(&e);
	assert_int_equal(st_store_size(s, "two.pack", &(uint64_t){ 0 }, &e), ST_ENOTFOUND);
	st_err_clear(&e);
	assert_int_equal(st_store_create(s, &b, &e), ST_OK);
	assert_int_equal(st_blob_write(b, "x", 1, 0, &e), ST_OK);
	st_blob_discard(b);
	st_blob_discard(NULL);
	check_listed(s, "one.pack:8 ", "");
}

static void check_names(struct st_store *s)
{
	static const char *const bad[] = {
		"", ".", "..", ".x", "a/b", "../x", "tmp-1", "a b", "\n"
	};
	struct st_blob *b = NULL;
	char buf[4];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct st_err e = { 0 };

		assert_int_equal(st_store_pread(s, bad[i], buf, 1, 0, &e), ST_EUSAGE);
		st_err_clear(&e);
		assert_int_equal(st_store_remove(s, bad[i], &e), ST_EUSAGE);
		st_err_clear(&e);
		assert_int_equal(st_store_create(s, &b, &e), ST_OK);
		assert_int_equal(st_blob_publish(b, bad[i], &e), ST_EUSAGE);
	}
	check_listed(s, "one.pack:8 ", "");
}

static void conformance(void **state)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct st_err e = { 0 };
		char dir[300];
		struct st_store *s;

		snprintf(dir, sizeof(dir), "%s/%s/deep", (char *)*state, kinds[i].scheme);
		s = open_kind(&kinds[i], dir);
		check_written(s);
		check_bounds(s);
		check_replaced_and_removed(s);
		check_names(s);
		assert_int_equal(st_store_clean(s, INT64_MAX, &(uint64_t){ 0 }, &e), ST_OK);
		check_listed(s, "one.pack:8 ", "");
		st_store_free(s);
	}
	st_store_free(NULL);
}

static void no_list_is_refused(void **state)
{
	struct st_store_ops ops = st_store_mem_ops;
	struct st_store s = { .ops = &ops, .where = "here" };
	struct st_err e = { 0 };

	(void)state;
	ops.list = NULL;
	assert_int_equal(st_store_list(&s, count_one, NULL, &e), ST_EREFUSED);
}

static int full(struct st_blob *b, const void *p, size_t n, uint64_t off, struct st_err *e)
{
	(void)b;
	(void)p;
	(void)n;
	(void)off;
	errno = ENOSPC;
	return st_fail_os(e, "write x");
}

static void a_full_disk_says_what_to_do(void **state)
{
	struct st_store_ops ops = st_store_mem_ops;
	struct st_store s = { .ops = &ops, .where = "/data/.strata/packs" };
	struct st_blob b = { .store = &s };
	struct st_err e = { 0 };

	(void)state;
	ops.write = full;
	assert_int_equal(st_blob_write(&b, "x", 1, 0, &e), ST_ENOSPC);
	assert_non_null(strstr(e.msg, "/data/.strata/packs: no room"));
	assert_non_null(strstr(e.msg, "nothing was changed, free some space"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(conformance),
		cmocka_unit_test(no_list_is_refused),
		cmocka_unit_test(a_full_disk_says_what_to_do),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

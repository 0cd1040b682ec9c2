/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "base/blake3.h"
#include "base/file.h"
#include "meta/index.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define HEAD_LEN 64
#define ROW_LEN 84

static struct st_stage_row row(const char *path, int id)
{
	struct st_stage_row r = { .path = path, .path_len = strlen(path), .size = 5 };

	memset(r.id.b, id, sizeof(r.id.b));
	return r;
}

static void add(struct st_index *x, const char *path, int id)
{
	struct st_stage_row r = row(path, id);
	struct st_err e = { 0 };

	if (st_index_add(x, &r, &e) != ST_OK)
		fail_msg("%s", e.msg);
}

static void test_sort_and_find(void **state)
{
	static const char *const order[] = { "a", "a b", "a-b", "a/b", "a/b/c", "aa", "\xff\n" };
	struct st_err e = { 0 };
	struct st_index x;
	size_t at;

	(void)state;
	st_index_init(&x);
	assert_int_equal(st_index_sort(&x, &e), ST_OK);
	assert_null(st_index_find(&x, "a", 1, &at));
	assert_int_equal(at, 0);
	for (size_t i = COUNT(order); i > 0; i--)
		add(&x, order[i - 1], 1);
	add(&x, "a/b", 2);
	add(&x, "a", 3);
	add(&x, "a/b", 4);
	assert_int_equal(st_index_sort(&x, &e), ST_OK);
	assert_int_equal(x.nrows, COUNT(order));
	for (size_t i = 0; i < COUNT(order); i++) {
		assert_string_equal(x.rows[i].path, order[i]);
		assert_ptr_equal(st_index_find(&x, order[i], strlen(order[i]), &at), &x.rows[i]);
		assert_int_equal(at, i);
	}
	assert_int_equal(x.rows[0].id.b[0], 3); /* the last added */
	assert_int_equal(x.rows[3].id.b[0], 4);
	assert_int_equal(x.rows[4].id.b[0], 1);
	assert_null(st_index_find(&x, "a.", 2, &at));
	assert_int_equal(at, 3);
	assert_null(st_index_find(&x, "\xff\xff", 2, &at));
	assert_int_equal(at, COUNT(order));
	assert_null(st_index_find(&x, "", 0, NULL));
	st_index_release(&x);
}

static void test_bad_rows(void **state)
{
	static const char *const paths[] = { "",   "/",	   "/a",  "a/",	   "a//b", ".",
					     "..", "a/..", "./a", "a/./b", "../a" };
	struct st_stage_row r = row("a", 1);
	struct st_err e = { 0 };
	struct st_index x;

	(void)state;
	st_index_init(&x);
	for (size_t i = 0; i < COUNT(paths); i++) {
		r = row(paths[i], 1);
		if (st_index_add(&x, &r, &e) != ST_EUSAGE)
			fail_msg("%s", paths[i]);
		st_err_clear(&e);
	}
	r = row("a", 1);
	r.path_len = 2; /* its NUL */
	assert_int_equal(st_index_add(&x, &r, &e), ST_EUSAGE);
	st_err_clear(&e);
	r = row("a", 1);
	r.mode = ST_MODE_DIR;
	assert_int_equal(st_index_add(&x, &r, &e), ST_EUSAGE);
	st_err_clear(&e);
	r = row("a", 1);
	r.flags = 8;
	assert_int_equal(st_index_add(&x, &r, &e), ST_EUSAGE);
	assert_int_equal(x.nrows, 0);
	add(&x, "..a/.b/c..", 1);
	st_index_release(&x);
}

static void make(struct st_index *x)
{
	struct st_stage_row r = row("dir/exe", 7);
	struct st_err e = { 0 };

	st_index_init(x);
	r.mode = ST_MODE_EXEC;
	r.flags = ST_INDEX_STAT | ST_INDEX_MODEL | ST_INDEX_DEREF;
	r.size = UINT64_MAX;
	r.mtime_ns = -1;
	r.ctime_ns = INT64_MAX;
	r.inode = UINT64_MAX - 1;
	r.device = 42;
	assert_int_equal(st_index_add(x, &r, &e), ST_OK);
	add(x, "b", 1);
	add(x, "\xfe\n", 2);
	assert_int_equal(st_index_sort(x, &e), ST_OK);
	memset(x->tree.b, 0xee, sizeof(x->tree.b));
	x->written_ns = 123456789;
}

static void test_save_and_load(void **state)
{
	char dir[] = "/tmp/st-index-XXXXXX", path[64];
	struct st_err e = { 0 };
	struct st_index x, y;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/index", dir);
	st_index_init(&y);
	assert_int_equal(st_index_load(&y, path, &e), ST_ENOTFOUND);
	st_err_clear(&e);
	make(&x);
	assert_int_equal(st_index_save(&x, path, &e), ST_OK);
	if (st_index_load(&y, path, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(y.nrows, 3);
	assert_memory_equal(&y.tree, &x.tree, sizeof(x.tree));
	assert_int_equal(y.written_ns, x.written_ns);
	for (size_t i = 0; i < 3; i++) {
		struct st_stage_row a = x.rows[i], b = y.rows[i];

		assert_string_equal(a.path, b.path);
		assert_int_equal(a.path_len, b.path_len);
		assert_memory_equal(a.id.b, b.id.b, sizeof(a.id.b));
		assert_true(a.mode == b.mode && a.flags == b.flags && a.size == b.size &&
			    a.mtime_ns == b.mtime_ns && a.ctime_ns == b.ctime_ns &&
			    a.inode == b.inode && a.device == b.device);
	}
	st_index_release(&x);
	st_index_release(&y);
	assert_int_equal(st_index_save(&y, path, &e), ST_OK); /* empty */
	assert_int_equal(st_index_load(&y, path, &e), ST_OK);
	assert_int_equal(y.nrows, 0);
	st_index_release(&y);
	assert_int_equal(st_remove_tree(dir, &e), ST_OK);
}

static void saved(struct st_buf *b)
{
	char dir[] = "/tmp/st-index-XXXXXX", path[64];
	struct st_err e = { 0 };
	struct st_index x;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/index", dir);
	make(&x);
	st_buf_init(b, 1 << 20);
	assert_int_equal(st_index_save(&x, path, &e), ST_OK);
	assert_int_equal(st_file_slurp(b, path, &e), ST_OK);
	st_index_release(&x);
	assert_int_equal(st_remove_tree(dir, &e), ST_OK);
}

static void refuse(const void *p, size_t n, const char *what)
{
	struct st_err e = { 0 };
	struct st_index x;

	st_index_init(&x);
	if (st_index_parse(&x, p, n, &e) != ST_ECORRUPT)
		fail_msg("%s: %d %s", what, e.code, e.msg);
	assert_int_equal(x.nrows, 0);
	st_index_release(&x);
}

static void test_damage(void **state)
{
	struct st_buf b;
	uint8_t *copy;

	(void)state;
	saved(&b);
	for (size_t i = 0; i < b.len; i++) {
		b.p[i] ^= 0x10;
		refuse(b.p, b.len, "flipped bit");
		b.p[i] ^= 0x10;
	}
	for (size_t n = 0; n < b.len; n++) {
		copy = malloc(n + !n);
		memcpy(copy, b.p, n);
		refuse(copy, n, "cut");
		free(copy);
	}
	st_buf_release(&b);
}

/* Damage that carries the right checksum. */
static void test_hostile(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *what;
	} bad[] = {
		{ 8, 4, "row count" },
		{ 8, 2, "row count" },
		{ 15, 0xff, "huge row count" },
		{ 56, 1, "bytes of rows" },
		{ HEAD_LEN, 9, "mode" },
		{ HEAD_LEN, 3, "mode of a directory" },
		{ HEAD_LEN + 4, 8, "flags" },
		{ HEAD_LEN + ROW_LEN - 4, 0, "path length" },
		{ HEAD_LEN + ROW_LEN - 1, 0xff, "path length" },
		{ HEAD_LEN + ROW_LEN, 'z', "order" },
		{ HEAD_LEN + ROW_LEN, '/', "path" },
		{ HEAD_LEN + ROW_LEN, 0, "path" },
	};
	struct st_err e = { 0 };
	struct st_index x;
	struct st_buf b;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		saved(&b);
		b.p[bad[i].at] = bad[i].value;
		st_blake3(b.p, b.len - ST_HASH_LEN, b.p + b.len - ST_HASH_LEN);
		refuse(b.p, b.len, bad[i].what);
		st_buf_release(&b);
	}
	saved(&b); /* the edit as such is not what was refused */
	b.p[HEAD_LEN + ROW_LEN] = 'a';
	st_blake3(b.p, b.len - ST_HASH_LEN, b.p + b.len - ST_HASH_LEN);
	st_index_init(&x);
	assert_int_equal(st_index_parse(&x, b.p, b.len, &e), ST_OK);
	assert_string_equal(x.rows[0].path, "a");
	st_index_release(&x);
	st_buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sort_and_find), cmocka_unit_test(test_bad_rows),
		cmocka_unit_test(test_save_and_load), cmocka_unit_test(test_damage),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

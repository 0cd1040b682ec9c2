/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "model/object.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ENTRY(mode, name, size) "{\"id\":\"" A "\",\"mode\":" mode "," name ",\"size\":" size "}"
#define TREE(entries) "{\"entries\":[" entries "],\"type\":\"strata.tree/1\"}"
#define MANY ((size_t)100000)

static void add(struct st_tree *t, const char *name, size_t len, uint32_t mode, uint64_t size)
{
	struct st_tree_entry en = { .name = name, .name_len = len, .mode = mode, .size = size };
	struct st_err e = { 0 };

	memset(en.id.b, 0xaa, sizeof(en.id.b));
	if (st_tree_add(t, &en, &e) != ST_OK)
		fail_msg("%s", e.msg);
}

static void check_text(struct st_tree *t, const char *want)
{
	struct st_err e = { 0 };
	struct st_buf b;

	st_buf_init(&b, 1 << 20);
	assert_int_equal(st_tree_encode(&b, t, &e), ST_OK);
	assert_int_equal(b.len, strlen(want));
	assert_memory_equal(b.p, want, b.len);
	st_buf_release(&b);
}

#define FILES                                                               \
	ENTRY("3", "\"name\":\"a\"", "0")                                   \
	"," ENTRY("1", "\"name\":\"a b\"", "9007199254740992") "," ENTRY(   \
		"0", "\"name\":\"a-b\"",                                    \
		"7") "," ENTRY("2", "\"name\":\"new\\nline\"",              \
			       "1") "," ENTRY("0", "\"name\":\"\xc3\xa9\"", \
					      "0") "," ENTRY("0", "\"name_hex\":\"e920\"", "3")

static const char text[] = TREE(FILES);

static void test_encode(void **state)
{
	struct st_tree t;

	(void)state;
	st_tree_init(&t);
	check_text(&t, TREE(""));
	add(&t, "\xe9\x20", 2, 0, 3);
	add(&t, "a-b", 3, 0, 7);
	add(&t, "a", 1, 3, 0);
	add(&t, "a b", 3, 1, (uint64_t)1 << 53);
	add(&t, "\xc3\xa9", 2, 0, 0);
	add(&t, "new\nline", 8, 2, 1);
	check_text(&t, text);
	st_tree_release(&t);
}

static void test_parse(void **state)
{
	struct st_err e = { 0 };
	struct st_tree t;

	(void)state;
	assert_int_equal(st_tree_parse(&t, text, sizeof(text) - 1, &e), ST_OK);
	assert_int_equal(t.n, 6);
	assert_ptr_equal(st_tree_find(&t, "a", 1), &t.entries[0]);
	assert_ptr_equal(st_tree_find(&t, "\xe9\x20", 2), &t.entries[5]);
	assert_ptr_equal(st_tree_find(&t, "new\nline", 8), &t.entries[3]);
	assert_null(st_tree_find(&t, "", 0));
	assert_null(st_tree_find(&t, "b", 1));
	assert_null(st_tree_find(&t, "zzzz", 4));
	assert_int_equal(t.entries[1].size, (uint64_t)1 << 53);
	assert_int_equal(t.entries[2].mode, 0);
	check_text(&t, text);
	st_tree_release(&t);
	assert_int_equal(st_tree_parse(&t, TREE(""), sizeof(TREE("")) - 1, &e), ST_OK);
	assert_int_equal(t.n, 0);
	assert_null(st_tree_find(&t, "a", 1));
	st_tree_release(&t);
}

static void test_parse_refused(void **state)
{
	static const struct {
		const char *text;
		enum st_code code;
	} bad[] = {
		{ TREE(ENTRY("0", "\"name\":\"\"", "0")), ST_ECORRUPT },
		{ TREE(ENTRY("0", "\"name\":\".\"", "0")), ST_ECORRUPT },
		{ TREE(ENTRY("0", "\"name\":\"..\"", "0")), ST_ECORRUPT },
		{ TREE(ENTRY("0", "\"name\":\"a/b\"", "0")), ST_ECORRUPT },
		{ TREE(ENTRY("0", "\"name\":\"a\\u0000b\"", "0")), ST_ECORRUPT },
		{ TREE(ENTRY("0", "\"name_hex\":\"ff2f\"", "0")), ST_ECORRUPT },
		{ TREE(ENTRY("4", "\"name\":\"a\"", "0")), ST_ECORRUPT },
		{ TREE(ENTRY("4294967296", "\"name\":\"a\"", "0")), ST_ECORRUPT },
		{ TREE(ENTRY("3", "\"name\":\"a\"", "1")), ST_ECORRUPT },
		{ TREE(ENTRY("0", "\"name\":\"b\"", "0") "," ENTRY("0", "\"name\":\"a\"", "0")),
		  ST_ECORRUPT },
		{ TREE(ENTRY("0", "\"name\":\"a\"", "0") "," ENTRY("0", "\"name\":\"a\"", "0")),
		  ST_ECORRUPT },
		{ TREE(ENTRY("0", "\"name\":\"a\"", "0") ","), ST_ECORRUPT },
		{ TREE(ENTRY("0", "\"name\":\"a\"", "0,\"xattr\":1")), ST_EFORMAT },
		{ "{\"entries\":[],\"type\":\"strata.tree/2\"}", ST_EFORMAT },
		{ "{\"type\":\"strata.tree/1\"}", ST_ECORRUPT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct st_err e = { 0 };
		struct st_tree t;

		if (st_tree_parse(&t, bad[i].text, strlen(bad[i].text), &e) != (int)bad[i].code)
			fail_msg("%s: %d %s", bad[i].text, e.code, e.msg);
		st_tree_release(&t);
	}
}

static void test_add_refused(void **state)
{
	static const struct st_tree_entry bad[] = {
		{ .name = "", .name_len = 0, .id = { { 1 } } },
		{ .name = "..", .name_len = 2, .id = { { 1 } } },
		{ .name = "a/", .name_len = 2, .id = { { 1 } } },
		{ .name = "a", .name_len = 2, .id = { { 1 } } }, /* its NUL */
		{ .name = "a", .name_len = 1 },
		{ .name = "a", .name_len = 1, .mode = 4, .id = { { 1 } } },
		{ .name = "a", .name_len = 1, .mode = 3, .size = 1, .id = { { 1 } } },
	};
	struct st_err e = { 0 };
	struct st_tree t;
	struct st_buf b;

	(void)state;
	st_tree_init(&t);
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(st_tree_add(&t, &bad[i], &e), ST_EUSAGE);
		assert_int_equal(t.n, 0);
		st_err_clear(&e);
	}
	add(&t, "x", 1, 0, 0);
	add(&t, "x", 1, 3, 0);
	st_buf_init(&b, 1 << 20);
	assert_int_equal(st_tree_encode(&b, &t, &e), ST_EUSAGE);
	assert_non_null(strstr(e.msg, "comes twice"));
	st_buf_release(&b);
	st_tree_release(&t);
}

/* A directory of many files, there and back; the aim for parsing is 100 ms. */
static void test_many(void **state)
{
	struct timespec from, to;
	struct st_err e = { 0 };
	struct st_tree t, u;
	struct st_buf b;
	char name[40];

	(void)state;
	st_tree_init(&t);
	for (size_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "file-%06zu.bin", i * 7919 % MANY);
		add(&t, name, strlen(name), 0, i);
	}
	st_buf_init(&b, 1 << 26);
	assert_int_equal(st_tree_encode(&b, &t, &e), ST_OK);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	assert_int_equal(st_tree_parse(&u, b.p, b.len, &e), ST_OK);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	print_message("# parse of %zu entries: %.1f ms\n", MANY,
		      (double)(to.tv_sec - from.tv_sec) * 1e3 +
			      (double)(to.tv_nsec - from.tv_nsec) / 1e6);
	assert_int_equal(u.n, MANY);
	assert_string_equal(u.entries[4711].name, "file-004711.bin");
	st_buf_release(&b);
	st_tree_release(&t);
	st_tree_release(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),	      cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refused), cmocka_unit_test(test_add_refused),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

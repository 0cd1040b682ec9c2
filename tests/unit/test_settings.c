/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "diff/settings.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LIT(s) (s), sizeof(s) - 1

static void load(struct st_settings *s, const char *prefix, const void *p, size_t len)
{
	struct st_err e = { 0 };

	if (st_settings_json(s, prefix, p, len, &e) != ST_OK)
		fail_msg("%s: %.*s", e.msg, (int)len, (const char *)p);
}

/* "key=value\n" for each leaf. */
static char *text_of(const struct st_settings *s, struct st_buf *b)
{
	struct st_err e = { 0 };

	st_buf_clear(b);
	for (size_t i = 0; i < s->n; i++) {
		assert_int_equal(strlen(s->v[i].value), s->v[i].value_len);
		assert_int_equal(s->v[i].key[s->v[i].key_len], 0);
		assert_int_equal(st_buf_addf(b, &e, "%s=%s\n", s->v[i].key, s->v[i].value), ST_OK);
	}
	return st_buf_cstr(b, &e);
}

static const struct {
	const char *what, *prefix, *json, *want;
} leaves[] = {
	{ "scalar", "", " 12 ", "=12\n" },
	{ "scalar with a prefix", "meta", "null", "meta=null\n" },
	{ "empty object", "", "{}", "={}\n" },
	{ "empty list in an object", "a", "{\"b\":[]}", "a.b=[]\n" },
	{ "null, empty and text are three things", "", "{\"a\":null,\"b\":{},\"c\":\"\"}",
	  "a=null\nb={}\nc=\"\"\n" },
	{ "path", "", "{\"optimizer\":{\"groups\":[{\"lr\":1},[2,[3]]]}}",
	  "optimizer.groups[0].lr=1\noptimizer.groups[1][0]=2\noptimizer.groups[1][1][0]=3\n" },
	{ "list at the top", "", "[1,[],{\"a\":2}]", "[0]=1\n[1]=[]\n[2].a=2\n" },
	{ "prefix and list", "x", "[1]", "x[0]=1\n" },
	{ "prefix that ends in a dot", "x.", "{\"a\":[1]}", "x.a[0]=1\n" },
	{ "keys that need quotes", "",
	  "{\"\":1,\"a.b\":2,\"c[0]\":3,\"d\\\"\":4,\"e\\\\\":5,\"f\\n\":6,\"g]\":7}",
	  "\"\"=1\n\"a.b\"=2\n\"c[0]\"=3\n\"d\\\"\"=4\n\"e\\\\\"=5\n\"f\\n\"=6\n\"g]\"=7\n" },
	{ "keys that do not", "", "{\"a b\":1,\"\\u00e9-_/:\":2}", "a b=1\n\xc3\xa9-_/:=2\n" },
	{ "a quoted key in the middle", "p", "{\"a.b\":{\"c\":[1]}}", "p.\"a.b\".c[0]=1\n" },
	{ "strings in one spelling", "", "[\"\\u0041\\/\\t\\u001f\",\"\\ud83d\\ude00\"]",
	  "[0]=\"A/\\t\\u001f\"\n[1]=\"\xf0\x9f\x98\x80\"\n" },
	{ "sorted by bytes", "", "{\"b\":1,\"a\":2,\"a.\":3,\"a-\":4,\"B\":5}",
	  "\"a.\"=3\nB=5\na=2\na-=4\nb=1\n" },
	{ "the last of equal keys", "", "{\"a\":1,\"b\":2,\"a\":3}", "a=3\nb=2\n" },
	{ "the last of equal keys as a whole", "", "{\"a\":{\"x\":1,\"y\":[1,2]},\"a\":{\"y\":3}}",
	  "a.y=3\n" },
	{ "thrice, and within", "",
	  "{\"a\":{\"b\":1,\"c\":{\"d\":1,\"d\":2}},\"ab\":0,\"a\":{\"c\":{\"e\":1}},"
	  "\"a\":{\"c\":{\"d\":3},\"c\":{}}}",
	  "a.c={}\nab=0\n" },
	{ "a scalar instead of an object", "", "{\"a\":{\"b\":1},\"a\":2}", "a=2\n" },
	{ "equal keys of two objects", "", "[{\"a\":1},{\"a\":2}]", "[0].a=1\n[1].a=2\n" },
	{ "true and false", "", "[true,false]", "[0]=true\n[1]=false\n" },
	{ "Python's numbers", "", "[NaN, Infinity,-Infinity ,{\"a\": NaN}]",
	  "[0]=\"nan\"\n[1]=\"inf\"\n[2]=\"-inf\"\n[3].a=\"nan\"\n" },
	{ "Python's number alone", "", " Infinity\n", "=\"inf\"\n" },
};

static void leaves_of_json(void **state)
{
	struct st_settings s;
	struct st_buf b;

	(void)state;
	st_buf_init(&b, 1 << 20);
	for (size_t i = 0; i < COUNT(leaves); i++) {
		st_settings_init(&s);
		load(&s, leaves[i].prefix, leaves[i].json, strlen(leaves[i].json));
		if (strcmp(text_of(&s, &b), leaves[i].want) != 0)
			fail_msg("%s:\n%s", leaves[i].what, (char *)b.p);
		st_settings_release(&s);
	}
	st_buf_release(&b);
}

static const struct {
	const char *in, *want;
} numbers[] = {
	{ "0", "0" },
	{ "-0", "0" },
	{ "-7", "-7" },
	{ "100", "100" },
	{ "123456789012345678901234567890", "123456789012345678901234567890" },
	{ "9007199254740993", "9007199254740993" },
	{ "0.0", "0.0" },
	{ "-0.0", "-0.0" },
	{ "0e5", "0.0" },
	{ "1.0", "1.0" },
	{ "1e0", "1.0" },
	{ "1E+2", "100.0" },
	{ "1.50", "1.5" },
	{ "-12.250e1", "-122.5" },
	{ "1e-3", "0.001" },
	{ "1.0E-3", "0.001" },
	{ "0.0010", "0.001" },
	{ "0.0001", "0.0001" },
	{ "0.00001", "1e-05" },
	{ "1e15", "1000000000000000.0" },
	{ "1e16", "1e+16" },
	{ "123456789012345680000.0", "1.2345678901234568e+20" },
	{ "0.1000000000000000055511151231257827", "0.1" },
	{ "0.30000000000000004", "0.30000000000000004" },
	{ "3.4028234663852886e+38", "3.4028234663852886e+38" },
	{ "1.7976931348623157e308", "1.7976931348623157e+308" },
	{ "4.9e-324", "5e-324" },
	{ "2.2250738585072014e-308", "2.2250738585072014e-308" },
	{ "9007199254740993.0", "9007199254740992.0" },
	{ "1e400", "1e+400" },
	{ "-12.5e-400", "-1.25e-399" },
	{ "12e-99999999999999999999", "1.2e-1000000000000000001" },
	{ "1e99999999999999999999", "1e+999999999999999999" },
};

static void numbers_in_one_spelling(void **state)
{
	struct st_settings s;

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		st_settings_init(&s);
		load(&s, "", numbers[i].in, strlen(numbers[i].in));
		assert_int_equal(s.n, 1);
		assert_string_equal(s.v[0].value, numbers[i].want);
		st_settings_release(&s);
		/* and that spelling is its own */
		load(&s, "", numbers[i].want, strlen(numbers[i].want));
		assert_string_equal(s.v[0].value, numbers[i].want);
		st_settings_release(&s);
	}
}

/* The point of the thread's locale is none of a file's. */
static void any_locale(void **state)
{
	static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (setlocale(LC_ALL, names[i]))
			break;
	numbers_in_one_spelling(state);
	setlocale(LC_ALL, "C");
}

static const struct {
	const char *a, *b;
	bool equal;
} pairs[] = {
	{ "1", "1.0", true },
	{ "1", "10e-1", true },
	{ "100", "1e2", true },
	{ "0", "-0.0", true },
	{ "0.0", "-0.0", true },
	{ "1e-3", "0.001", true },
	{ "12e400", "120e399", true },
	{ "1e22", "10000000000000000000000", true },
	{ "1", "2", false },
	{ "1", "10", false },
	{ "1", "-1", false },
	{ "0.1", "0.10000000000000002", false },
	{ "12", "1.3e1", false },
	{ "9007199254740993", "9007199254740992.0", false },
	{ "123456789012345678901234567890", "123456789012345678901234567891", false },
	{ "1", "\"1\"", false },
	{ "1", "true", false },
	{ "null", "0", false },
	{ "null", "{}", false },
	{ "{}", "[]", false },
	{ "\"\"", "null", false },
	{ "\"a\"", "\"\\u0061\"", true },
	{ "\"a\"", "\"b\"", false },
	{ "NaN", "NaN", true },
	{ "NaN", "Infinity", false },
	{ "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true },
	{ "[1,2]", "[2,1]", false },
};

static int count(void *arg, const struct st_setting *a, const struct st_setting *b)
{
	(void)a;
	(void)b;
	++*(int *)arg;
	return 0;
}

static int differences(const struct st_settings *a, const struct st_settings *b)
{
	struct st_err e = { 0 };
	int n = 0;

	assert_int_equal(st_settings_diff(a, b, count, &n, &e), ST_OK);
	return n;
}

static void equal_values(void **state)
{
	struct st_settings a, b;

	(void)state;
	st_settings_init(&a);
	st_settings_init(&b);
	for (size_t i = 0; i < COUNT(pairs); i++) {
		load(&a, "", pairs[i].a, strlen(pairs[i].a));
		load(&b, "", pairs[i].b, strlen(pairs[i].b));
		if (pairs[i].equal != (differences(&a, &b) == 0) ||
		    pairs[i].equal != (differences(&b, &a) == 0))
			fail_msg("%s and %s", pairs[i].a, pairs[i].b);
		assert_int_equal(differences(&a, &a), 0);
		st_settings_release(&a);
		st_settings_release(&b);
	}
}

struct seen {
	struct st_buf b;
	int left; /* calls until it says stop */
};

static int note(void *arg, const struct st_setting *a, const struct st_setting *b)
{
	struct seen *s = arg;
	struct st_err e = { 0 };

	assert_int_equal(st_buf_addf(&s->b, &e, "%s %s %s\n", a ? a->key : b->key,
				     a ? a->value : "-", b ? b->value : "-"),
			 ST_OK);
	return --s->left == 0;
}

static void told_in_order(void **state)
{
	struct seen seen = { .left = -1 };
	struct st_settings a, b;
	struct st_err e = { 0 };

	(void)state;
	st_buf_init(&seen.b, 1 << 16);
	st_settings_init(&a);
	st_settings_init(&b);
	load(&a, "", LIT("{\"z\":1,\"lr\":1e-3,\"gone\":{},\"x\":null,\"l\":[1,2,3]}"));
	load(&b, "", LIT("{\"lr\":0.002,\"new\":[],\"l\":[1,5],\"z\":1.0,\"x\":false}"));
	assert_int_equal(st_settings_diff(&a, &b, note, &seen, &e), ST_OK);
	assert_string_equal(st_buf_cstr(&seen.b, &e), "gone {} -\n"
						      "l[1] 2 5\n"
						      "l[2] 3 -\n"
						      "lr 0.001 0.002\n"
						      "new - []\n"
						      "x null false\n");
	st_buf_clear(&seen.b);
	seen.left = 2;
	assert_int_equal(st_settings_diff(&a, &b, note, &seen, &e), ST_ENO);
	assert_string_equal(st_buf_cstr(&seen.b, &(struct st_err){ 0 }), "gone {} -\nl[1] 2 5\n");
	st_settings_release(&a);
	st_settings_release(&b);
	st_buf_release(&seen.b);
}

static void texts_add_up(void **state)
{
	struct st_settings s;
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	st_buf_init(&b, 1 << 16);
	st_settings_init(&s);
	load(&s, "m", LIT("{\"b\":1,\"c\":2}"));
	load(&s, "a", LIT("[1]"));
	load(&s, "m", LIT("{\"c\":3,\"d\":4}"));
	assert_string_equal(text_of(&s, &b), "a[0]=1\nm.b=1\nm.c=3\nm.d=4\n");
	/* a failure leaves what was there */
	assert_int_equal(st_settings_json(&s, "m", LIT("{\"c\":5,\"e\":6,"), &e), ST_EFORMAT);
	assert_string_equal(text_of(&s, &b), "a[0]=1\nm.b=1\nm.c=3\nm.d=4\n");
	st_settings_release(&s);
	st_buf_release(&b);
}

static const struct {
	const char *in;
	size_t len;
	const char *want;
} damaged[] = {
	{ LIT(""), "JSON: no value at offset 0" },
	{ LIT(" "), "JSON: no value at offset 1" },
	{ LIT("{\"a\":1"), "JSON: the text ends too early at offset 6" },
	{ LIT("[1,"), "JSON: the text ends too early at offset 3" },
	{ LIT("[1,]"), "JSON: expected a value at offset 3" },
	{ LIT("{\"a\":nan}"), "JSON: expected null at offset 5" },
	{ LIT("[Inf]"), "JSON: expected a value at offset 1" },
	{ LIT("[-Inf]"), "JSON: malformed number at offset 1" },
	{ LIT("[NaNa]"), "JSON: expected , or ] at offset 4" },
	{ LIT("{\"a\" 1}"), "JSON: expected a colon at offset 5" },
	{ LIT("{} {}"), "JSON: unexpected text after the value at offset 3" },
	{ LIT("[\"\xff\"]"), "JSON: invalid UTF-8 at offset 2" },
	{ LIT("[\"a"), "JSON: the text ends inside a string at offset 3" },
	{ LIT("[01]"), "JSON: malformed number at offset 1" },
	{ LIT("// comment\n{}"), "JSON: expected a value at offset 0" },
	{ LIT("{\"a\":\0}"), "JSON: expected a value at offset 5" },
};

static void damage_is_told(void **state)
{
	struct st_settings s;

	(void)state;
	for (size_t i = 0; i < COUNT(damaged); i++) {
		struct st_err e = { 0 };

		st_settings_init(&s);
		assert_int_equal(st_settings_json(&s, "", damaged[i].in, damaged[i].len, &e),
				 ST_EFORMAT);
		assert_string_equal(e.msg, damaged[i].want);
		assert_int_equal(s.n, 0);
		st_settings_release(&s);
	}
}

/* Every text cut short is an error, and none reads past its end. */
static void cut_short(void **state)
{
	static const char text[] = "{\"a\":[1.5,-2e-3,{\"b\":\"\\u00e9x\"}],\"c\":{},\"d\":true}";

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *p = malloc(n ? n : 1);
		struct st_settings s;
		struct st_err e = { 0 };

		assert_non_null(p);
		memcpy(p, text, n);
		st_settings_init(&s);
		assert_int_equal(st_settings_json(&s, "", p, n, &e), ST_EFORMAT);
		st_settings_release(&s);
		free(p);
	}
}

static int load_repeated(const char *head, const char *item, size_t n, const char *tail)
{
	struct st_settings s;
	struct st_err e = { 0 };
	struct st_buf b;
	int rc = ST_OK;

	st_buf_init(&b, (size_t)64 << 20);
	assert_int_equal(st_buf_addstr(&b, head, &e), ST_OK);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(st_buf_addstr(&b, item, &e), ST_OK);
	assert_int_equal(st_buf_addstr(&b, tail, &e), ST_OK);
	st_settings_init(&s);
	rc = st_settings_json(&s, "", b.p, b.len, &e);
	st_settings_release(&s);
	st_buf_release(&b);
	return rc;
}

static void limits(void **state)
{
	char *key = malloc(1000004);

	(void)state;
	assert_int_equal(load_repeated("", "[", ST_SETTINGS_DEPTH, "") == ST_OK, false);
	assert_int_equal(load_repeated("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "[", 32,
				       "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
				       "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
			 ST_OK);
	assert_int_equal(load_repeated("", "[", 100000, ""), ST_EFORMAT);
	assert_int_equal(load_repeated("[", "0,", ST_SETTINGS_LEAVES - 1, "0]"), ST_OK);
	assert_int_equal(load_repeated("[", "0,", ST_SETTINGS_LEAVES, "0]"), ST_ELIMIT);
	/* a long key and many leaves would be much memory for a small text */
	assert_non_null(key);
	memset(key, 'k', 1000004);
	memcpy(key, "{\"", 2);
	memcpy(key + 999999, "\":[", 4);
	assert_int_equal(load_repeated(key, "0,", 20, "0]}"), ST_OK);
	assert_int_equal(load_repeated(key, "0,", 100, "0]}"), ST_ELIMIT);
	/* the work is in proportion to the text */
	assert_int_equal(load_repeated("{", "\"a\":{\"b\":{\"c\":1,\"d\":[2]}},", 100000,
				       "\"a\":1}"),
			 ST_OK);
	free(key);
}

static void one_long_string(void **state)
{
	size_t n = (size_t)10 << 20;
	char *p = malloc(n);
	struct st_settings s;

	(void)state;
	assert_non_null(p);
	memset(p, 'x', n);
	p[0] = p[n - 1] = '"';
	st_settings_init(&s);
	load(&s, "", p, n);
	assert_int_equal(s.v[0].value_len, n);
	assert_memory_equal(s.v[0].value, p, n);
	st_settings_release(&s);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_of_json), cmocka_unit_test(numbers_in_one_spelling),
		cmocka_unit_test(any_locale),	  cmocka_unit_test(equal_values),
		cmocka_unit_test(told_in_order),  cmocka_unit_test(texts_add_up),
		cmocka_unit_test(damage_is_told), cmocka_unit_test(cut_short),
		cmocka_unit_test(limits),	  cmocka_unit_test(one_long_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

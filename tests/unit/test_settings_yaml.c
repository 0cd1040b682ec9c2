/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "diff/settings.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LIT(s) (s), sizeof(s) - 1

/* "key=value\n" for each leaf. */
static char *text_of(const struct st_settings *s, struct st_buf *b)
{
	struct st_err e = { 0 };

	st_buf_clear(b);
	for (size_t i = 0; i < s->n; i++)
		assert_int_equal(st_buf_addf(b, &e, "%s=%s\n", s->v[i].key, s->v[i].value), ST_OK);
	return st_buf_cstr(b, &e);
}

static const struct {
	const char *what, *yaml, *want;
} leaves[] = {
	{ "nothing", "", "" },
	{ "a comment", "# nothing\n", "" },
	{ "an empty document", "---\n", "=null\n" },
	{ "a scalar", "12\n", "=12\n" },
	{ "paths", "optimizer:\n  groups:\n  - lr: 1e-3\n    betas: [0.9, 0.999]\n",
	  "optimizer.groups[0].betas[0]=0.9\noptimizer.groups[0].betas[1]=0.999\n"
	  "optimizer.groups[0].lr=0.001\n" },
	{ "an item that is missing", "[~, , 1]", NULL },
	{ "null", "- ~\n- null\n- Null\n- NULL\n-\n- nULL\n- 'null'\n",
	  "[0]=null\n[1]=null\n[2]=null\n[3]=null\n[4]=null\n[5]=\"nULL\"\n[6]=\"null\"\n" },
	{ "booleans", "[true, True, TRUE, false, False, FALSE, tRUE, yes, on, n]",
	  "[0]=true\n[1]=true\n[2]=true\n[3]=false\n[4]=false\n[5]=false\n[6]=\"tRUE\"\n"
	  "[7]=\"yes\"\n[8]=\"on\"\n[9]=\"n\"\n" },
	{ "integers", "[0, -1, +2, 012, 0x1F, 0o17, 0xffffffffffffffff, -0]",
	  "[0]=0\n[1]=-1\n[2]=2\n[3]=12\n[4]=31\n[5]=15\n[6]=18446744073709551615\n[7]=0\n" },
	{ "long integers", "[123456789012345678901234567890, 0x10000000000000000]",
	  "[0]=123456789012345678901234567890\n[1]=\"0x10000000000000000\"\n" },
	{ "no integers", "[0x, 0o8, 0xg, -0x1, 1_000, '1:30', 1:30, 0b1, --1]",
	  "[0]=\"0x\"\n[1]=\"0o8\"\n[2]=\"0xg\"\n[3]=\"-0x1\"\n[4]=\"1_000\"\n[5]=\"1:30\"\n"
	  "[6]=\"1:30\"\n[7]=\"0b1\"\n[8]=\"--1\"\n" },
	{ "floats", "[1., .5, -1.5e3, 1e5, +1E-2, 0.0010, 1e400]",
	  "[0]=1.0\n[1]=0.5\n[2]=-1500.0\n[3]=100000.0\n[4]=0.01\n[5]=0.001\n[6]=1e+400\n" },
	{ "no floats", "[., -., e5, 1e, 1.2.3, 1e+, .e1, 2024-01-01]",
	  "[0]=\".\"\n[1]=\"-.\"\n[2]=\"e5\"\n[3]=\"1e\"\n[4]=\"1.2.3\"\n[5]=\"1e+\"\n"
	  "[6]=\".e1\"\n[7]=\"2024-01-01\"\n" },
	{ "infinite and none", "[.inf, -.Inf, +.INF, .nan, .NaN, .iNF, -.nan]",
	  "[0]=\"inf\"\n[1]=\"-inf\"\n[2]=\"inf\"\n[3]=\"nan\"\n[4]=\"nan\"\n[5]=\".iNF\"\n"
	  "[6]=\"-.nan\"\n" },
	{ "quoted is text", "[\"1\", '2', \"a\\tb\", '']",
	  "[0]=\"1\"\n[1]=\"2\"\n[2]=\"a\\tb\"\n[3]=\"\"\n" },
	{ "blocks are text", "- |\n  1\n- >-\n  2\n", "[0]=\"1\\n\"\n[1]=\"2\"\n" },
	{ "tags", "[!!str 1, !!int \"2\", !mine 3, !mine [4], !!str , !!null x]",
	  "[0]=\"1\"\n[1]=\"2\"\n[2]=3\n[3][0]=4\n[4]=\"\"\n[5]=\"x\"\n" },
	{ "empty containers", "a: {}\nb: []\nc:\n", "a={}\nb=[]\nc=null\n" },
	{ "keys", "a.b: 1\n'c[0]': 2\n'': 3\n? 4\n: 5\n~: 6\ntrue: 7\n",
	  "\"\"=3\n\"a.b\"=1\n\"c[0]\"=2\n4=5\ntrue=7\n~=6\n" },
	{ "equal keys", "a: {x: 1}\nb: 2\na: {y: 3}\n", "a.y=3\nb=2\n" },
	{ "an anchor", "a: &x [1, {b: 2}]\nc: *x\n", "a[0]=1\na[1].b=2\nc[0]=1\nc[1].b=2\n" },
	{ "an anchor set again", "- &x 1\n- *x\n- &x 2\n- *x\n", "[0]=1\n[1]=1\n[2]=2\n[3]=2\n" },
	{ "an anchor as a key", "a: &x k\n*x : 1\n", "a=\"k\"\nk=1\n" },
	{ "an anchor inside what it names", "a: &x {b: &y 1, c: *y}\nd: *x\n",
	  "a.b=1\na.c=1\nd.b=1\nd.c=1\n" },
	{ "merge", "b: &b {x: 1, y: {z: 1}}\nd:\n  y: {w: 2}\n  <<: *b\n  v: 3\n",
	  "b.x=1\nb.y.z=1\nd.v=3\nd.x=1\nd.y.w=2\n" },
	{ "merge of a list: the first wins",
	  "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nd: {<<: [*a, *b, {y: 3, z: 3}]}\n",
	  "a.x=1\nb.x=2\nb.y=2\nd.x=1\nd.y=2\nd.z=3\n" },
	{ "merge of merges", "a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, z: 3}\n",
	  "a.x=1\nb.x=1\nb.y=2\nc.x=1\nc.y=2\nc.z=3\n" },
	{ "merge of a named list", "a: [&a {x: 1}]\nb: &b [*a, {y: 2}]\nc: {<<: *b}\n",
	  "a[0].x=1\nb[0].x=1\nb[1].y=2\nc.x=1\nc.y=2\n" },
	{ "merge of nothing", "a: {<<: {}}\nb: {<<: []}\n", "a={}\nb={}\n" },
	{ "a quoted << is a key", "'<<': 1\na: <<\n", "<<=1\na=\"<<\"\n" },
	{ "documents", "a: 1\n---\n[2]\n---\n'x.y': 3\n...\n---\n",
	  "[0].a=1\n[1][0]=2\n[2].\"x.y\"=3\n[3]=null\n" },
	{ "an anchor ends with its document", "--- &x 1\n--- [*x]\n", NULL },
	{ "JSON is YAML", "{\"a\": [1, 2.50, null, \"\\u00e9\\/\"]}",
	  "a[0]=1\na[1]=2.5\na[2]=null\na[3]=\"\xc3\xa9/\"\n" },
	{ "Hydra", "defaults:\n- _self_\n- override model: big\nlr: ${optim.lr}\nx: ???\n",
	  "defaults[0]=\"_self_\"\ndefaults[1].override model=\"big\"\nlr=\"${optim.lr}\"\n"
	  "x=\"???\"\n" },
	{ "carriage returns", "a: 1\r\nb: x\r\n", "a=1\nb=\"x\"\n" },
};

static void leaves_of_yaml(void **state)
{
	struct st_settings s;
	struct st_buf b;

	(void)state;
	st_buf_init(&b, 1 << 20);
	for (size_t i = 0; i < COUNT(leaves); i++) {
		struct st_err e = { 0 };
		int rc;

		st_settings_init(&s);
		rc = st_settings_yaml(&s, "", leaves[i].yaml, strlen(leaves[i].yaml), &e);
		if (rc != (leaves[i].want ? ST_OK : ST_EFORMAT))
			fail_msg("%s: %s", leaves[i].what, e.msg);
		if (leaves[i].want && strcmp(text_of(&s, &b), leaves[i].want) != 0)
			fail_msg("%s:\n%s", leaves[i].what, (char *)b.p);
		st_settings_release(&s);
	}
	st_buf_release(&b);
}

/* What comes twice is named where it comes again. */
static void twice(void **state)
{
	static const struct {
		bool json;
		uint32_t line;
		const char *text, *want;
	} rows[] = {
		{ false, 0, "a: 1\nb: {a: 2}\nc: {a: 3}\n", NULL },
		{ false, 3, "a: 1\nb: 2\na: 3\nb: 4\n", "a" },
		{ false, 3, "o:\n  x: {}\n  x: 1\no2: 1\n", "o.x" },
		{ false, 2, "- {a: 1}\n- {a: 1, b: {c: 2}, b: 3}\n", "[1].b" },
		{ false, 0, "a: &x {p: 1, q: {r: 1}}\nb: {<<: *x, p: 2, q: {r: 2}}\n", NULL },
		{ false, 0, "a: &x {p: 1}\nb: &y {p: 2}\nc: {<<: [*x, *y], p: 2}\n", NULL },
		{ false, 2, "a: &x {p: 1}\nc: {<<: *x, p: 2, p: 3}\n", "c.p" },
		{ true, 0, "{\"a\": {\"b\": 1}, \"b\": [{\"a\": 1}, {\"a\": 2}]}", NULL },
		{ true, 0, "{\"a\": [{\"b\": [], \"b\": 1}]}", "a[0].b" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *text = rows[i].text;
		struct st_err e = { 0 };
		struct st_settings s;

		st_settings_init(&s);
		assert_int_equal(rows[i].json ? st_settings_json(&s, "", text, strlen(text), &e) :
						st_settings_yaml(&s, "", text, strlen(text), &e),
				 ST_OK);
		if (rows[i].want)
			assert_string_equal(s.twice.key, rows[i].want);
		else
			assert_null(s.twice.key);
		assert_int_equal(s.twice.line, rows[i].line);
		st_settings_release(&s);
	}
}

static void prefixes(void **state)
{
	struct st_settings s;
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	st_buf_init(&b, 1 << 20);
	st_settings_init(&s);
	assert_int_equal(st_settings_yaml(&s, "p", LIT("a: 1\n---\n2\n"), &e), ST_OK);
	assert_int_equal(st_settings_yaml(&s, "q.", LIT("[1]"), &e), ST_OK);
	assert_int_equal(st_settings_json(&s, "p[0]", LIT("{\"a\":2}"), &e), ST_OK);
	assert_string_equal(text_of(&s, &b), "p[0].a=2\np[1]=2\nq[0]=1\n");
	st_settings_release(&s);
	st_buf_release(&b);
}

static int no_difference(void *arg, const struct st_setting *a, const struct st_setting *b)
{
	(void)arg;
	fail_msg("%s: %s, %s", a ? a->key : b->key, a ? a->value : "-", b ? b->value : "-");
	return 1;
}

static void as_json(void **state)
{
	static const char yaml[] = "model: &m\n  lr: 1.0E-3\n  n: 0x10\n  s: \"1\"\n"
				   "  l: [1, 2.0, ~, .inf]\nb:\n  <<: *m\n  n: 17\n";
	static const char json[] =
		"{\"model\":{\"lr\":0.001,\"n\":16,\"s\":\"1\",\"l\":[1.0,2,null,Infinity]},"
		"\"b\":{\"n\":17,\"s\":\"\\u0031\",\"l\":[1,2,null,Infinity],\"lr\":1e-3}}";
	struct st_settings a, b;
	struct st_err e = { 0 };

	(void)state;
	st_settings_init(&a);
	st_settings_init(&b);
	assert_int_equal(st_settings_yaml(&a, "", LIT(yaml), &e), ST_OK);
	assert_int_equal(st_settings_json(&b, "", LIT(json), &e), ST_OK);
	assert_int_equal(a.n, 14);
	assert_int_equal(st_settings_diff(&a, &b, no_difference, NULL, &e), ST_OK);
	st_settings_release(&a);
	st_settings_release(&b);
}

static const struct {
	const char *in;
	size_t len;
	const char *want;
} damaged[] = {
	{ LIT("a: [1, 2"), "YAML: did not find expected ',' or ']' at line 2, column 1" },
	{ LIT("a: \"x"), "YAML: found unexpected end of stream at line 1, column 6" },
	{ LIT("a: b\nc: \xff\n"), "YAML: invalid leading UTF-8 octet at line 2, column 4" },
	{ LIT("a: \xc3"), "YAML: incomplete UTF-8 octet sequence at line 1, column 4" },
	{ LIT("a: \0"), "YAML: control characters are not allowed at line 1, column 4" },
	{ LIT("a:\n\t- b\n"),
	  "YAML: found character that cannot start any token at line 2, column 1" },
	{ LIT("a: *b\n"), "YAML: an alias without an anchor at line 1, column 4" },
	{ LIT("a: &a [*a]\n"), "YAML: an alias within what it stands for at line 1, column 8" },
	{ LIT("a: &a {<<: *a}\n"),
	  "YAML: an alias within what it stands for at line 1, column 12" },
	{ LIT("b: 1\n? [a]\n: c\n"),
	  "YAML: a key that is a list or an object at line 2, column 3" },
	{ LIT("x: &x {}\n*x : c\n"),
	  "YAML: a key that is a list or an object at line 2, column 1" },
	{ LIT("a: {<<: 3}\n"),
	  "YAML: << takes an object or a list of objects at line 1, column 9" },
	{ LIT("<<: [{a: 1}, [b]]\n"),
	  "YAML: << takes an object or a list of objects at line 1, column 14" },
	{ LIT("a: b: c\n"),
	  "YAML: mapping values are not allowed in this context at line 1, column 5" },
};

static void damage_is_told(void **state)
{
	struct st_settings s;

	(void)state;
	for (size_t i = 0; i < COUNT(damaged); i++) {
		struct st_err e = { 0 };

		st_settings_init(&s);
		assert_int_equal(st_settings_yaml(&s, "", damaged[i].in, damaged[i].len, &e),
				 ST_EFORMAT);
		assert_string_equal(e.msg, damaged[i].want);
		assert_int_equal(s.n, 0);
		st_settings_release(&s);
	}
}

/* Shorter texts are other texts or errors, but nothing is read past their end. */
static void cut_short(void **state)
{
	static const char text[] = "a: &x {b: [1.5, \"\\x41\xc3\xa9\"], c: !!str 1}\nd:\n"
				   "- <<: [*x, {e: |-\n   f}]\n---\n? g\n: 'h'\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *p = malloc(n ? n : 1);
		struct st_settings s;
		struct st_err e = { 0 };
		int rc;

		assert_non_null(p);
		memcpy(p, text, n);
		st_settings_init(&s);
		rc = st_settings_yaml(&s, "", p, n, &e);
		assert_true(rc == ST_OK || rc == ST_EFORMAT);
		assert_true(rc == ST_OK || s.n == 0);
		st_settings_release(&s);
		free(p);
	}
}

static int load(const struct st_buf *b, struct st_err *e)
{
	struct st_settings s;
	int rc;

	st_err_clear(e);
	st_settings_init(&s);
	rc = st_settings_yaml(&s, "", b->p, b->len, e);
	st_settings_release(&s);
	return rc;
}

static void repeat(struct st_buf *b, const char *item, size_t n)
{
	struct st_err e = { 0 };

	for (size_t i = 0; i < n; i++)
		assert_int_equal(st_buf_addstr(b, item, &e), ST_OK);
}

static const struct {
	const char *head, *item;
	size_t n;
	const char *tail;
	int want;
} bombs[] = {
	{ "", "[", 1000000, "", ST_EFORMAT },
	{ "", "- ", 1000000, "", ST_EFORMAT },
	{ "", "{a: ", 100000, "", ST_EFORMAT },
	{ "", "- ", ST_SETTINGS_DEPTH, "1", ST_OK },
	{ "", "- ", ST_SETTINGS_DEPTH + 1, "1", ST_EFORMAT },
	{ "[", "1,", ST_SETTINGS_LEAVES, "1]", ST_ELIMIT },
	{ "a: ", ": ", 1000000, "", ST_EFORMAT },
	{ "s: &s [0,1,2,3,4,5,6,7,8,9]\nl: [", "*s,", 100001, "]", ST_ELIMIT },
	{ "l: &l [", "{a: 1},", 70000, "]\nm: {<<: *l}", ST_ELIMIT },
	{ "l: &l [", "{},", 60000, "]\nm: {<<: *l, <<: *l, <<: *l, <<: *l}", ST_OK },
};

static void bombs_are_refused(void **state)
{
	struct st_err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(bombs); i++) {
		struct st_buf b;
		int rc;

		st_buf_init(&b, (size_t)64 << 20);
		repeat(&b, bombs[i].head, 1);
		repeat(&b, bombs[i].item, bombs[i].n);
		repeat(&b, bombs[i].tail, 1);
		rc = load(&b, &e);
		if (rc != bombs[i].want)
			fail_msg("%zu: %d %s", i, rc, e.msg);
		st_buf_release(&b);
	}
}

/* Each line ten of the line before: ten to the power of lines. */
static void aliases_of_aliases(void **state)
{
	static const struct {
		const char *first, *open, *close;
		unsigned lines;
		int want;
	} kinds[] = {
		{ "a0: &a0 [x]\n", "[", "]", 12, ST_ELIMIT },
		{ "a0: &a0 [x]\n", "[", "]", 3, ST_OK },
		{ "a0: &a0 {}\n", "{<<: [", "]}", 12, ST_ELIMIT },
		{ "a0: &a0 []\n", "[", "]", 12, ST_ELIMIT },
		{ "a0: &a0 {k: v}\n", "{<<: [", "]}", 12, ST_ELIMIT },
	};
	struct st_err e = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct st_buf b;

		st_buf_init(&b, 1 << 20);
		repeat(&b, kinds[i].first, 1);
		for (unsigned k = 1; k < kinds[i].lines; k++) {
			assert_int_equal(st_buf_addf(&b, &e, "a%u: &a%u %s", k, k, kinds[i].open),
					 ST_OK);
			for (unsigned j = 0; j < 10; j++)
				assert_int_equal(st_buf_addf(&b, &e, "%s*a%u", j ? "," : "", k - 1),
						 ST_OK);
			assert_int_equal(st_buf_addf(&b, &e, "%s\n", kinds[i].close), ST_OK);
		}
		if (load(&b, &e) != kinds[i].want)
			fail_msg("%zu: %s", i, e.msg);
		st_buf_release(&b);
	}
}

/* A chain of aliases deeper than a text may be nested, and few bytes that stand for many. */
static void aliases_keep_the_limits(void **state)
{
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	st_buf_init(&b, (size_t)64 << 20);
	repeat(&b, "a0: &a0 [1]\n", 1);
	for (int k = 1; k < 100; k++)
		assert_int_equal(st_buf_addf(&b, &e, "a%d: &a%d [*a%d]\n", k, k, k - 1), ST_OK);
	assert_int_equal(load(&b, &e), ST_EFORMAT);
	assert_string_equal(e.msg, "YAML: nested too deep at line 2, column 10");
	st_buf_clear(&b);
	repeat(&b, "s: &s \"", 1);
	repeat(&b, "xxxxxxxxxx", 100000);
	repeat(&b, "\"\nl: [", 1);
	repeat(&b, "*s,", 1000);
	repeat(&b, "]", 1);
	assert_int_equal(load(&b, &e), ST_ELIMIT);
	st_buf_release(&b);
}

static void one_long_line(void **state)
{
	struct st_buf b;
	struct st_settings s;
	struct st_err e = { 0 };

	(void)state;
	st_buf_init(&b, (size_t)64 << 20);
	repeat(&b, "a: ", 1);
	repeat(&b, "xxxxxxxxxx", 1 << 20);
	st_settings_init(&s);
	assert_int_equal(st_settings_yaml(&s, "", b.p, b.len, &e), ST_OK);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.v[0].value_len, ((size_t)10 << 20) + 2);
	st_settings_release(&s);
	st_buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_of_yaml),
		cmocka_unit_test(twice),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(as_json),
		cmocka_unit_test(damage_is_told),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(bombs_are_refused),
		cmocka_unit_test(aliases_of_aliases),
		cmocka_unit_test(aliases_keep_the_limits),
		cmocka_unit_test(one_long_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

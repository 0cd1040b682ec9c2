/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys_fixture.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const struct keys_case cases[] = {
	{ "{\"a\":1}", "{\"a\":1}", "{\"a\":1}", "{\"a\":1}", "", NULL },
	/* ours keeps its bytes, theirs's values come in as they are written */
	{ "{\"a\":1,\"b\":2}", "{ \"a\" : 3,\n \"b\" : 2 }\n", "{\"a\":1,\"b\":4e0}",
	  "{ \"a\" : 3,\n \"b\" : 4e0 }\n", "", NULL },
	/* nothing but white space and order: one-sided, taken whole */
	{ "{\"a\":1,\"b\":2}", "{\"b\":2, \"a\":1}", "{\"a\":5,\"b\":2}", "{\"b\":2, \"a\":5}", "",
	  NULL },
	/* laid out anew by ours, at the top and further in; by theirs, which counts for nothing */
	{ "{\"a\":1,\"b\":2}", "{\n  \"a\": 1,\n  \"b\": 2\n}\n", "{\"a\":1,\"b\":3}",
	  "{\n  \"a\": 1,\n  \"b\": 3\n}\n", "", NULL },
	{ "{\"o\":{\"a\":[1,2]},\"l\":[0]}", "{\"o\":{\n\"a\":[1, 2]},\"l\":[ 0 ]}",
	  "{\"o\":{\"a\":[1,3],\"c\":4},\"l\":[0,1]}",
	  "{\"o\":{\n\"a\":[1, 3],\n\"c\":4},\"l\":[0,1]}", "", NULL },
	{ "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":3}", "{ \"a\" : 1, \"b\" : 2 }", "{\"a\":1,\"b\":3}",
	  "", NULL },
	{ "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}\n", "{ \"a\" : 1 }", "{ \"a\" : 1 }\n", "",
	  NULL },
	{ "{\"a\":1,\"b\":2}", "{\"a\":3,\"b\":2}", "{\"a\":4,\"b\":5}", "{\"a\":3,\"b\":5}", "a ",
	  "{\"a\":4,\"b\":5}" },
	/* the same in other words, which are nobody's change where another side has one */
	{ "{\"a\":\"\xc3\xbc\",\"b\":1}", "{\"a\":\"\\u00fc\",\"b\":1}", "{\"a\":\"x\",\"b\":1}",
	  "{\"a\":\"x\",\"b\":1}", "", NULL },
	{ "{\"a\":0.001,\"b\":1}", "{\"a\":2,\"b\":1}", "{\"a\":1e-3,\"b\":1.0}",
	  "{\"a\":2,\"b\":1.0}", "", NULL },
	{ "{\"a\":100}", "{\"a\":1e2}", "{\"a\":100.0}", "{\"a\":1e2}", "", NULL },
	{ "{\"a\":[1,2]}", "{\"a\":[1.0,2]}", "{\"a\":[1,2,3]}", "{\"a\":[1,2,3]}", "", NULL },
	{ "{\"a\":[1,2]}", "{\"a\":[1.0,2]}", "{\"a\":[1,3]}", "{\"a\":[1.0,3]}", "", NULL },
	{ "{\"a\":1}", "{\"a\":\"x\"}", "{\"a\":\"\\u0078\"}", "{\"a\":\"x\"}", "", NULL },
	{ "{\"a\":1}", "{\"a\":\"1\"}", "{\"a\":2}", "{\"a\":\"1\"}", "a ", "{\"a\":2}" },
	/* Python's numbers, and a byte order mark */
	{ "{\"a\": NaN, \"b\": [0.0]}", "{\"a\": Infinity, \"b\": [0.0]}",
	  "{\"a\": NaN, \"b\": [-Infinity], \"c\": 1}",
	  "{\"a\": Infinity, \"b\": [-Infinity],\"c\": 1}", "", NULL },
	{ "{\"a\":1}", "{\"a\":NaN}", "{\"a\":\"nan\"}", "{\"a\":NaN}", "a ", "{\"a\":\"nan\"}" },
	{ "{\"a\":1,\"b\":1}", "\xef\xbb\xbf{\"a\":2,\"b\":1}\n", "{\"a\":1,\"b\":2}",
	  "\xef\xbb\xbf{\"a\":2,\"b\":2}\n", "", NULL },
	{ "\xef\xbb\xbf{\"a\":1}", "{\"a\":1,\"c\":1}", "\xef\xbb\xbf{\"a\":1,\"b\":2}",
	  "{\"a\":1,\"c\":1,\"b\":2}", "", NULL },
	/* added */
	{ "{\"a\":1}", "{\"a\":2}", "{\"a\":1,\"b\":{\"c\":1}}", "{\"a\":2,\"b\":{\"c\":1}}", "",
	  NULL },
	{ "{\n  \"a\": 1\n}", "{\n  \"a\": 2\n}", "{\n  \"a\": 1,\n  \"b\": 3,\n  \"c\": 4\n}",
	  "{\n  \"a\": 2,\n  \"b\": 3,\n  \"c\": 4\n}", "", NULL },
	{ "{\"a\":1}", "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":3}", "{\"a\":1,\"b\":2}", "b ",
	  "{\"a\":1,\"b\":3}" },
	{ "{\"x\":{}}", "{\"x\":{},\"y\":1}", "{\"x\":{\"a\":1,\"b\":2}}",
	  "{\"x\":{\"a\":1,\"b\":2},\"y\":1}", "", NULL },
	{ "{}", "{\"a\":1}", "{\"b\":2}", "{\"a\":1,\"b\":2}", "", NULL },
	/* removed */
	{ "{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":9,\"b\":2,\"c\":3}", "{\"a\":1,\"c\":3}",
	  "{\"a\":9,\"c\":3}", "", NULL },
	{ "{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":9,\"b\":2,\"c\":3}", "{\"a\":1}", "{\"a\":9}", "",
	  NULL },
	{ "{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"b\":2,\"c\":9}", "{\"c\":3}", "{\"c\":9}", "",
	  NULL },
	{ "{\"a\":{\"b\":1},\"c\":3}", "{\"a\":{\"b\":1},\"c\":9}", "{\"a\":{},\"c\":3}",
	  "{\"a\":{},\"c\":9}", "", NULL },
	{ "{\"a\":1,\"b\":2}", "{\"b\":2}", "{\"a\":1,\"b\":3}", "{\"b\":3}", "", NULL },
	{ "{\"a\":1,\"b\":2}", "{\"b\":2}", "{\"a\":7,\"b\":2}", "{\"b\":2}", "a ",
	  "{\"b\":2,\"a\":7}" },
	{ "{\"a\":1,\"b\":2}", "{\"a\":7,\"b\":2}", "{\"b\":2}", "{\"a\":7,\"b\":2}", "a ",
	  "{\"b\":2}" },
	{ "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2,\"n\":1}", "{\"m\":0}", "{\"n\":1,\"m\":0}", "",
	  NULL },
	/* deep */
	{ "{\"o\":{\"p\":{\"q\":1,\"r\":2}}}", "{\"o\":{\"p\":{\"q\":3,\"r\":2}}}",
	  "{\"o\":{\"p\":{\"q\":1,\"r\":4}}}", "{\"o\":{\"p\":{\"q\":3,\"r\":4}}}", "", NULL },
	{ "{\"o\":{\"a.b\":{\"\":1}}}", "{\"o\":{\"a.b\":{\"\":2}}}", "{\"o\":{\"a.b\":{\"\":3}}}",
	  "{\"o\":{\"a.b\":{\"\":2}}}", "o.\"a.b\".\"\" ", "{\"o\":{\"a.b\":{\"\":3}}}" },
	/* lists */
	{ "[1,2,3]", "[9,2,3]", "[1,2,8]", "[9,2,8]", "", NULL },
	{ "[1,2,3]", "[9,2,3]", "[7,2,8]", "[9,2,8]", "[0] ", "[7,2,8]" },
	{ "{\"l\":[1,2]}", "{\"l\":[1,2,3]}", "{\"l\":[1,2,4]}", "{\"l\":[1,2,3]}", "l ",
	  "{\"l\":[1,2,4]}" },
	{ "{\"l\":[1],\"m\":1}", "{\"l\":[1,2],\"m\":1}", "{\"l\":[1],\"m\":2}",
	  "{\"l\":[1,2],\"m\":2}", "", NULL },
	/* other types */
	{ "{\"a\":1}", "{\"a\":{\"b\":1}}", "{\"a\":[1]}", "{\"a\":{\"b\":1}}", "a ",
	  "{\"a\":[1]}" },
	{ "{\"a\":1}", "[1]", "{\"a\":2}", "[1]", " ", "{\"a\":2}" },
	/* no base */
	{ NULL, "{\"a\":1}", "{\"b\":2}", "{\"a\":1,\"b\":2}", "", NULL },
	{ NULL, "{\"a\":1,\"s\":0}", "{\"a\":2,\"s\":0}", "{\"a\":1,\"s\":0}", "a ",
	  "{\"a\":2,\"s\":0}" },
};

static void merges(void **state)
{
	(void)state;
	keys_merge(cases, COUNT(cases), ST_KEYS_JSON);
}

static void three_sides_and_base(void **state)
{
	(void)state;
	keys_three("{\"a\":1,\"b\":0,\"c\":0}", "{\"a\":1,\"b\":2,\"c\":0}",
		   "{\"a\":1,\"b\":0,\"c\":3}", "{\"a\":1,\"b\":4,\"c\":0,\"d\":5}",
		   "{\"a\":1,\"b\":0,\"c\":3,\"d\":5}", ST_KEYS_JSON);
}

static void refuses(void **state)
{
	static const char *const bad[] = { "",	   "{",	  "{\"a\":1,\"a\":2}", "12", "{\"a\":nan}",
					   "{} x", "[1,]" };
	struct keys_asked a = { .choice = 0 };
	struct st_buf out, deep;
	struct st_err e = { 0 };

	(void)state;
	st_buf_init(&out, 4096);
	st_buf_init(&deep, 4096);
	for (int i = 0; i < 100; i++)
		assert_int_equal(st_buf_addch(&deep, '[', &e), ST_OK);
	for (size_t i = 0; i <= COUNT(bad); i++) {
		const struct st_keys_text sides[] = {
			keys_text("{}"), keys_text(i < COUNT(bad) ? bad[i] : st_buf_cstr(&deep, &e))
		};
		const struct st_keys k = { keys_text("{}"), sides, 2, keys_decide, &a, NULL,
					   ST_KEYS_JSON };

		st_err_clear(&e);
		if (st_keys_merge(&k, &out, &e) != ST_EFORMAT)
			fail_msg("case %zu: %s", i, e.msg);
	}
	st_buf_release(&deep);
	st_buf_release(&out);
}

/* "n" is added up, "gone" goes, whatever both sides say. */
static int own(void *arg, const char *key, size_t len, const struct st_keys_text *base,
	       const struct st_keys_text *sides, struct st_keys_text *text, bool *mine,
	       struct st_err *e)
{
	(void)base;
	(void)sides;
	(void)e;
	++*(int *)arg;
	*mine = (len == 3 && memcmp(key, "a.n", 3) == 0) ||
		(len == 4 && memcmp(key, "gone", 4) == 0);
	*text = len == 3 ? keys_text("99") : (struct st_keys_text){ NULL, 0 };
	return ST_OK;
}

static void owns(void **state)
{
	static const struct {
		const char *base, *ours, *theirs, *want;
	} rows[] = {
		{ "{\"a\":{\"n\":1},\"gone\":0}", "{\"a\":{\"n\":2},\"gone\":1}",
		  "{\"a\":{\"n\":3},\"gone\":2}", "{\"a\":{\"n\":99}}" },
		/* one-sided changes are asked about too */
		{ "{\"a\":{\"n\":1},\"gone\":0}", "{\"a\":{\"n\":1},\"gone\":0}",
		  "{\"a\":{\"n\":3},\"gone\":0}", "{\"a\":{\"n\":99},\"gone\":0}" },
		{ "{}", "{}", "{\"gone\":1,\"b\":2}", "{\"b\":2}" },
		{ "{\"a\":{}}", "{\"a\":{}}", "{\"a\":{\"n\":7}}", "{\"a\":{\"n\":99}}" },
		/* nobody changed it */
		{ "{\"a\":{\"n\":1}}", "{\"a\":{\"n\":1},\"x\":1}", "{\"a\":{\"n\":1},\"y\":1}",
		  "{\"a\":{\"n\":1},\"x\":1,\"y\":1}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct st_keys_text sides[] = { keys_text(rows[i].ours),
						      keys_text(rows[i].theirs) };
		int calls = 0;
		const struct st_keys k = {
			keys_text(rows[i].base), sides, 2, keys_never, &calls, own, ST_KEYS_JSON
		};
		struct st_err e = { 0 };
		struct st_buf out;

		st_buf_init(&out, 4096);
		assert_int_equal(st_keys_merge(&k, &out, &e), ST_OK);
		assert_true(calls > 0);
		if (out.len != strlen(rows[i].want) || memcmp(out.p, rows[i].want, out.len) != 0)
			fail_msg("case %zu: %.*s", i, (int)out.len, (const char *)out.p);
		st_buf_release(&out);
	}
}

static void finds(void **state)
{
	static const struct keys_row rows[] = {
		{ "{\"a\": {\"b.c\": [1, {\"d\": true}]}}", "a.\"b.c\"[1].d", "true" },
		{ "{\"a\": {\"b.c\": [1, {\"d\": true}]}}", "a", "{\"b.c\": [1, {\"d\": true}]}" },
		{ "{\"ab\": 1, \"a\": {\"b\": 2}}", "a.b", "2" },
		{ "{\"a\": 1}", "b", NULL },
		{ "{\"a\": 1}", "a.b", NULL },
		{ "{\"a\": 1}", "a[0]", NULL },
		{ " [7, 8]\n", "[1]", "8" },
		{ " [7, 8]\n", "", "[7, 8]" },
	};

	(void)state;
	keys_find(rows, COUNT(rows), ST_KEYS_JSON);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges),  cmocka_unit_test(three_sides_and_base),
		cmocka_unit_test(refuses), cmocka_unit_test(owns),
		cmocka_unit_test(finds),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

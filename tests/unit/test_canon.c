/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/canon.h"
#include "base/json.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define ID "1111111111111111111111111111111111111111111111111111111111111111"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"

/* {"ids":[..]?,"n":u64,"name"/"name_hex":..,"neg":i64?,"type":"strata.test/1"} */
static int parse(const char *p, size_t len, struct st_arena *a, struct st_err *e)
{
	struct st_oid *ids;
	struct st_canon c;
	size_t n;

	st_arena_init(a);
	st_canon_init(&c, p, len, a, e);
	st_canon_object(&c);
	st_canon_oids(&c, "ids", &ids, &n);
	st_canon_need(&c, "n");
	st_canon_u64(&c);
	st_canon_name(&c, "name", &n);
	if (st_canon_key(&c, "neg"))
		st_canon_i64(&c);
	st_canon_type(&c, "strata.test/1");
	st_canon_close(&c);
	st_canon_end(&c);
	return e->code;
}

#define TAIL ",\"type\":\"strata.test/1\"}"

static void test_accepted(void **state)
{
	static const char *const good[] = {
		"{\"n\":0,\"name\":\"\"" TAIL,
		"{\"n\":9007199254740992,\"name\":\"a\",\"neg\":-9007199254740992" TAIL,
		"{\"ids\":[\"" ID "\",\"" ID "\"],\"n\":1,\"name\":\"\xc3\xa9\"" TAIL,
		"{\"n\":10,\"name\":\"\\n\\u0001\\\"\\\\\x7f/\"" TAIL,
		"{\"n\":10,\"name_hex\":\"ff00\",\"neg\":0" TAIL,
	};
	struct st_err e = { 0 };
	struct st_arena a;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		if (parse(good[i], strlen(good[i]), &a, &e) != ST_OK)
			fail_msg("%s: %s", good[i], e.msg);
		st_arena_release(&a);
	}
}

static void test_refused(void **state)
{
	static const struct {
		enum st_code code;
		const char *text, *why;
	} bad[] = {
		{ ST_ECORRUPT, "", "expected '{'" },
		{ ST_ECORRUPT, "[]", "expected '{'" },
		{ ST_ECORRUPT, "{", "expected key \"n\"" },
		{ ST_ECORRUPT, "{}", "expected key \"n\"" },
		{ ST_ECORRUPT, " {\"n\":0,\"name\":\"\"" TAIL, "expected '{'" },
		{ ST_ECORRUPT, "{ \"n\":0,\"name\":\"\"" TAIL, "expected key" },
		{ ST_ECORRUPT, "{\"n\": 0,\"name\":\"\"" TAIL, "expected an integer" },
		{ ST_ECORRUPT, "{\"n\":0 ,\"name\":\"\"" TAIL, "expected key" },
		{ ST_ECORRUPT, "{\"n\":0,\"name\":\"\"" TAIL "\n", "bytes after the end" },
		{ ST_ECORRUPT, "{\"n\":00,\"name\":\"\"" TAIL, "leading zero" },
		{ ST_ECORRUPT, "{\"n\":-1,\"name\":\"\"" TAIL, "expected an integer" },
		{ ST_ECORRUPT, "{\"n\":1.0,\"name\":\"\"" TAIL, "expected key" },
		{ ST_ECORRUPT, "{\"n\":9007199254740993,\"name\":\"\"" TAIL, "beyond 2^53" },
		{ ST_ECORRUPT, "{\"n\":99999999999999999999999,\"name\":\"\"" TAIL, "beyond 2^53" },
		{ ST_ECORRUPT, "{\"n\":0,\"name\":\"\",\"neg\":-0" TAIL, "minus zero" },
		{ ST_ECORRUPT, "{\"n\":0,\"name\":\"\",\"neg\":-" TAIL, "expected an integer" },
		{ ST_ECORRUPT, "{\"ids\":[],\"n\":0,\"name\":\"\"" TAIL, "empty array" },
		{ ST_ECORRUPT, "{\"ids\":[", "does not end" },
		{ ST_ECORRUPT, "{\"ids\":[,\"" ID "\"],\"n\":0,\"name\":\"\"" TAIL, "an id" },
		{ ST_ECORRUPT, "{\"ids\":[\"" ID "\",],\"n\":0,\"name\":\"\"" TAIL, "an id" },
		{ ST_ECORRUPT, "{\"ids\":[\"" ZERO "\"],\"n\":0,\"name\":\"\"" TAIL, "an id" },
		{ ST_ECORRUPT, "{\"ids\":[\"" ID "1\"],\"n\":0,\"name\":\"\"" TAIL, "an id" },
		{ ST_ECORRUPT, "{\"n\":0,\"name\":\"\\u0041\"" TAIL, "not in canonical form" },
		{ ST_ECORRUPT, "{\"n\":0,\"name\":\"\\u000a\"" TAIL, "not in canonical form" },
		{ ST_ECORRUPT, "{\"n\":0,\"name\":\"\\u001F\"" TAIL, "not in canonical form" },
		{ ST_ECORRUPT, "{\"n\":0,\"name\":\"\\/\"" TAIL, "not in canonical form" },
		{ ST_ECORRUPT, "{\"n\":0,\"name\":\"\\x\"" TAIL, "JSON" },
		{ ST_ECORRUPT, "{\"n\":0,\"name\":\"\x01\"" TAIL, "does not end" },
		{ ST_ECORRUPT, "{\"n\":0,\"name\":\"\xff\"" TAIL, "not UTF-8" },
		{ ST_ECORRUPT, "{\"n\":0,\"name\":\"\\", "does not end" },
		{ ST_ECORRUPT, "{\"n\":0,\"name\":\"", "does not end" },
		{ ST_ECORRUPT, "{\"n\":0,\"name\":0" TAIL, "expected a string" },
		{ ST_ECORRUPT, "{\"n\":0,\"name_hex\":\"61\"" TAIL, "not UTF-8" },
		{ ST_ECORRUPT, "{\"n\":0,\"name_hex\":\"\"" TAIL, "not UTF-8" },
		{ ST_ECORRUPT, "{\"n\":0,\"name_hex\":\"fff\"" TAIL, "not UTF-8" },
		{ ST_ECORRUPT, "{\"n\":0,\"name_hex\":\"FF\"" TAIL, "not UTF-8" },
		{ ST_ECORRUPT, "{\"name\":\"\",\"n\":0" TAIL, "\"n\" is missing before \"name\"" },
		{ ST_ECORRUPT, "{\"n\":0,\"n\":0,\"name\":\"\"" TAIL, "unknown key \"n\"" },
		{ ST_EFORMAT, "{\"hue\":1,\"n\":0,\"name\":\"\"" TAIL,
		  "unknown key \"hue\" at offset 1: written by a newer strata" },
		{ ST_EFORMAT, "{\"n\":0,\"name\":\"\",\"type\":\"strata.test/1\",\"zoo\":1}",
		  "unknown key \"zoo\"" },
		{ ST_EFORMAT, "{\"n\":0,\"name\":\"\",\"type\":\"strata.test/2\"}",
		  "type is \"strata.test/2\", not \"strata.test/1\"" },
		{ ST_ECORRUPT, "{\"n\":0,\"name\":\"\",\"type\":1}", "expected a type" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct st_err e = { 0 };
		struct st_arena a;
		int rc = parse(bad[i].text, strlen(bad[i].text), &a, &e);

		st_arena_release(&a);
		if (rc == ST_OK || !strstr(e.msg, bad[i].why))
			fail_msg("%s: %s", bad[i].text, rc == ST_OK ? "accepted" : e.msg);
		/* a key that comes twice cannot be told from one that is unknown */
		if (rc != (int)bad[i].code && !strstr(bad[i].why, "\"n\""))
			fail_msg("%s: code %d", bad[i].text, rc);
	}
}

static void test_members(void **state)
{
	static const char text[] = "{\"a\":1,\"b\\n\":2}";
	struct st_err e = { 0 };
	struct st_arena a;
	struct st_canon c;

	(void)state;
	st_arena_init(&a);
	st_canon_init(&c, text, sizeof(text) - 1, &a, &e);
	st_canon_object(&c);
	assert_string_equal(st_canon_member(&c), "a");
	assert_int_equal(st_canon_u64(&c), 1);
	assert_string_equal(st_canon_member(&c), "b\n");
	assert_int_equal(st_canon_u64(&c), 2);
	assert_null(st_canon_member(&c));
	st_canon_end(&c);
	assert_int_equal(e.code, ST_OK);
	st_arena_release(&a);
}

/* Whatever prefix of a good text: never accepted, never read beyond. */
static void test_truncated(void **state)
{
	static const char text[] = "{\"ids\":[\"" ID
				   "\"],\"n\":12,\"name\":\"\\n\",\"neg\":-3" TAIL;
	char *copy;

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct st_err e = { 0 };
		struct st_arena a;

		copy = malloc(n + !n);
		assert_non_null(copy);
		memcpy(copy, text, n);
		assert_int_not_equal(parse(copy, n, &a, &e), ST_OK);
		st_arena_release(&a);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

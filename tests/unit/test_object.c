/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/object.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct st_oid oid(int c)
{
	struct st_oid id;

	memset(id.b, c, sizeof(id.b));
	return id;
}

static struct st_commit small(void)
{
	return (struct st_commit){ .tree = oid(0xaa),
				   .author_name = "Ada",
				   .author_email = "ada@example.org",
				   .time_ns = INT64_C(1763700870000000000),
				   .message = "first" };
}

static const char small_text[] = "{\"author\":{\"email\":\"ada@example.org\",\"name\":\"Ada\"},"
				 "\"message\":\"first\",\"time\":\"2025-11-21T04:54:30Z\","
				 "\"tree\":\"" A "\",\"type\":\"strata.commit/1\"}";

static const char full_text[] = "{\"author\":{\"email\":\"\",\"name\":\"\xc3\x89va\"},"
				"\"config\":{\"id\":\"" B "\",\"name\":\"train.yaml\"},"
				"\"lineage\":[{\"commit\":\"" A "\",\"kind\":\"fine-tuned-from\"}],"
				"\"merge\":\"" B "\",\"message\":\"two\\nlines\\t\\\"q\\\"\","
				"\"params\":{\"a-parameter-with-quite-a-long-name-1\":\"1\","
				"\"a-parameter-with-quite-a-long-name-2\":\"\",\"lr\":\"3e-4\"},"
				"\"parents\":[\"" A "\",\"" B "\"],\"run\":\"" A "\","
				"\"time\":\"1969-12-31T23:59:59.999999999Z\",\"tree\":\"" B "\","
				"\"type\":\"strata.commit/1\",\"tz\":-570}";

static void check_text(const struct st_commit *c, const char *want)
{
	struct st_err e = { 0 };
	struct st_buf b;

	st_buf_init(&b, 1 << 20);
	if (st_commit_encode(&b, c, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(b.len, strlen(want));
	assert_memory_equal(b.p, want, b.len);
	st_buf_release(&b);
}

static void test_encode(void **state)
{
	struct st_oid parents[2] = { oid(0xaa), oid(0xbb) };
	struct st_lineage lineage = { "fine-tuned-from", oid(0xaa) };
	struct st_kv params[] = { { "a-parameter-with-quite-a-long-name-1", "1" },
				  { "a-parameter-with-quite-a-long-name-2", "" },
				  { "lr", "3e-4" } };
	struct st_commit c = small();

	(void)state;
	check_text(&c, small_text);
	c = (struct st_commit){ .tree = oid(0xbb),
				.parents = parents,
				.nparents = 2,
				.lineage = &lineage,
				.nlineage = 1,
				.author_name = "\xc3\x89va",
				.author_email = "",
				.time_ns = -1,
				.tz_minutes = -570,
				.message = "two\nlines\t\"q\"",
				.params = params,
				.nparams = 3,
				.config_name = "train.yaml",
				.config = oid(0xbb),
				.run = oid(0xaa),
				.merge = oid(0xbb) };
	check_text(&c, full_text);
}

static void test_parse(void **state)
{
	struct st_err e = { 0 };
	struct st_commit c;

	(void)state;
	assert_int_equal(st_commit_parse(&c, full_text, sizeof(full_text) - 1, &e), ST_OK);
	assert_int_equal(c.nparents, 2);
	assert_memory_equal(c.parents[1].b, oid(0xbb).b, 32);
	assert_int_equal(c.nparams, 3);
	assert_string_equal(c.params[2].key, "lr");
	assert_string_equal(c.params[2].value, "3e-4");
	assert_string_equal(c.lineage[0].kind, "fine-tuned-from");
	assert_string_equal(c.message, "two\nlines\t\"q\"");
	assert_int_equal(c.time_ns, -1);
	assert_int_equal(c.tz_minutes, -570);
	check_text(&c, full_text);
	st_commit_release(&c);
	st_commit_release(&c);

	assert_int_equal(st_commit_parse(&c, small_text, sizeof(small_text) - 1, &e), ST_OK);
	assert_int_equal(c.nparents + c.nparams + c.nlineage, 0);
	assert_null(c.config_name);
	assert_true(st_oid_is_zero(&c.run));
	check_text(&c, small_text);
	st_commit_release(&c);
}

static void test_encode_refused(void **state)
{
	struct st_kv unsorted[] = { { "b", "" }, { "a", "" } };
	struct st_kv twice[] = { { "a", "" }, { "a", "" } };
	struct st_oid zero = { { 0 } };
	struct st_commit c[12];

	(void)state;
	for (size_t i = 0; i < COUNT(c); i++)
		c[i] = small();
	c[0].author_name = "A\nB";
	c[1].author_email = "a>b";
	c[2].message = "\xff";
	c[3].message = NULL;
	c[4].tree = zero;
	c[5].params = unsorted;
	c[5].nparams = 2;
	c[6].params = twice;
	c[6].nparams = 2;
	c[7].parents = &zero;
	c[7].nparents = 1;
	c[8].config_name = "x";
	c[9].tz_minutes = 1440;
	c[10].author_name = "\xc3";
	c[11].author_name = "Ada <x>";
	for (size_t i = 0; i < COUNT(c); i++) {
		struct st_err e = { 0 };
		struct st_buf b;

		st_buf_init(&b, 1 << 20);
		if (st_commit_encode(&b, &c[i], &e) != ST_EUSAGE)
			fail_msg("commit %zu: %d %s", i, e.code, e.msg);
		st_buf_release(&b);
	}
}

static void test_parse_refused(void **state)
{
	static const struct {
		const char *from, *to; /* in the full text */
		enum st_code code;
	} edits[] = {
		{ "\"merge\":", "\"mergf\":", ST_EFORMAT },
		{ "commit/1", "commit/2", ST_EFORMAT },
		{ "\"tz\":-570", "\"tz\":0", ST_ECORRUPT },
		{ "\"tz\":-570", "\"tz\":1440", ST_ECORRUPT },
		{ "\"tz\":-570", "\"tz\":-570,\"url\":\"x\"", ST_EFORMAT },
		{ "59.999999999Z", "59.999999990Z", ST_OK },
		{ "59.999999999Z", "59.999900000Z", ST_ECORRUPT },
		{ "59.999999999Z", "60.000000000Z", ST_ECORRUPT },
		{ "59.999999999Z", "59.9Z", ST_ECORRUPT },
		{ "\"name\":\"\xc3\x89va\"", "\"name\":\"a<b\"", ST_ECORRUPT },
		{ "\"email\":\"\"", "\"email\":\"\\u0000\"", ST_ECORRUPT },
		{ "name-2\"", "name-1\"", ST_ECORRUPT },
		{ "name-2\"", "name-0\"", ST_ECORRUPT },
		{ "\"parents\":[\"" A "\",\"" B "\"]", "\"parents\":[]", ST_ECORRUPT },
		{ "\"lr\":\"3e-4\"", "\"lr\":3", ST_ECORRUPT },
		{ "\"config\":{\"id\":\"" B "\",\"name\"", "\"config\":{\"name\"", ST_ECORRUPT },
		{ "\"tree\":\"" B "\",", "", ST_ECORRUPT },
	};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < COUNT(edits); i++) {
		const char *at = strstr(full_text, edits[i].from);
		struct st_err e = { 0 };
		struct st_commit c;
		size_t n;

		assert_non_null(at);
		n = (size_t)(at - full_text);
		memcpy(text, full_text, n);
		strcpy(text + n, edits[i].to);
		strcat(text, at + strlen(edits[i].from));
		if (st_commit_parse(&c, text, strlen(text), &e) != (int)edits[i].code)
			fail_msg("%s -> %s: %d %s", edits[i].from, edits[i].to, e.code, e.msg);
		st_commit_release(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_encode_refused),
		cmocka_unit_test(test_parse_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

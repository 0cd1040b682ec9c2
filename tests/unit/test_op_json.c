/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "meta/oplog.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char full_text[] =
	"{\"commits\":[\"" A "\"],\"index_tree\":\"" B "\","
	"\"lost\":{\"count\":3,\"files\":[{\"path\":\"c.json\"},{\"path_hex\":\"ff61\"}]},"
	"\"packs_added\":[\"" A "\",\"" B "\"],\"packs_removed\":[\"" B "\"],"
	"\"records\":[\"" A "\"],\"refs\":["
	"{\"name\":\"HEAD\",\"new\":\"ref:heads/main\"},"
	"{\"name\":\"heads/main\",\"new\":\"" A "\",\"old\":\"" B "\"},"
	"{\"name\":\"tags/x\",\"old\":\"" B "\"}],"
	"\"time\":\"1970-01-01T00:00:00.000000001Z\",\"type\":\"strata.op/1\","
	"\"verb\":\"commit\",\"versions\":[{\"commit\":\"" A "\",\"label\":\"v1\"}],"
	"\"who\":\"Ada <ada@example.org>\",\"why\":\"first \\\"words\\\"\"}";

static const char small_text[] = "{\"time\":\"1970-01-01T00:00:00Z\",\"type\":\"strata.op/1\","
				 "\"verb\":\"\",\"who\":\"\",\"why\":\"\"}";

static struct st_oid oid(int c)
{
	struct st_oid id;

	memset(id.b, c, sizeof(id.b));
	return id;
}

static void check_text(const struct st_op *op, const char *want)
{
	struct st_err e = { 0 };
	struct st_buf b;

	st_buf_init(&b, ST_OP_BYTES);
	if (st_op_encode(&b, op, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(b.len, strlen(want));
	assert_memory_equal(b.p, want, b.len);
	st_buf_release(&b);
}

static void test_encode(void **state)
{
	struct st_oid ab[] = { oid(0xaa), oid(0xbb) };
	struct st_op_version version = { "v1", oid(0xaa) };
	struct st_op_ref refs[] = {
		{ .name = "HEAD", .value = "ref:heads/main" },
		{ .name = "heads/main", .old = B, .value = A },
		{ .name = "tags/x", .old = B },
	};
	const char *lost[] = { "c.json", "\xff\x61" };
	struct st_op op = { .seq = 7,
			    .time_ns = 1,
			    .verb = "commit",
			    .why = "first \"words\"",
			    .who = "Ada <ada@example.org>",
			    .index_tree = oid(0xbb),
			    .has_index = true,
			    .refs = refs,
			    .nrefs = 3,
			    .versions = &version,
			    .nversions = 1,
			    .commits = ab,
			    .ncommits = 1,
			    .records = ab,
			    .nrecords = 1,
			    .lost = lost,
			    .nlost = 2,
			    .lost_count = 3,
			    .packs_added = ab,
			    .npacks_added = 2,
			    .packs_removed = ab + 1,
			    .npacks_removed = 1 };
	struct st_op none = { 0 };

	(void)state;
	check_text(&op, full_text);
	check_text(&none, small_text);
	none.who = none.verb = none.why = "";
	check_text(&none, small_text);
}

static void test_parse(void **state)
{
	struct st_err e = { 0 };
	struct st_arena a;
	struct st_op op;

	(void)state;
	st_arena_init(&a);
	if (st_op_parse(&op, &a, full_text, sizeof(full_text) - 1, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(op.time_ns, 1);
	assert_int_equal(op.nrefs, 3);
	assert_null(op.refs[0].old);
	assert_null(op.refs[2].value);
	assert_string_equal(op.refs[1].value, A);
	assert_string_equal(op.versions[0].label, "v1");
	assert_true(op.has_index);
	assert_int_equal(op.nlost, 2);
	assert_int_equal(op.lost_count, 3);
	assert_string_equal(op.lost[0], "c.json");
	assert_string_equal(op.lost[1], "\xff\x61");
	assert_string_equal(op.why, "first \"words\"");
	check_text(&op, full_text);
	if (st_op_parse(&op, &a, small_text, sizeof(small_text) - 1, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_false(op.has_index);
	assert_int_equal(op.lost_count, 0);
	check_text(&op, small_text);
	st_arena_release(&a);
}

/* A path that is not UTF-8 in a reason is for people; it must not stop the operation. */
static void test_why_not_utf8(void **state)
{
	struct st_op op = { .why = "add a\xff"
				   "b" };
	struct st_err e = { 0 };
	struct st_buf b;

	(void)state;
	st_buf_init(&b, ST_OP_BYTES);
	assert_int_equal(st_op_encode(&b, &op, &e), ST_OK);
	assert_non_null(strstr(st_buf_cstr(&b, &e), "\"why\":\"add a\xef\xbf\xbd"
						    "b\""));
	st_buf_release(&b);
}

static void test_encode_refused(void **state)
{
	static struct st_oid zero;
	static struct st_op_ref refs[] = {
		{ .name = "" }, { .name = NULL }, { .name = "a\xff" }, { .name = "a", .value = "" }
	};
	static const char *lost[] = { "" };
	static struct st_op_version versions[] = { { "", { { 1 } } }, { "v1", { { 0 } } } };
	const struct st_op bad[] = {
		{ .has_index = true },
		{ .index_tree = { { 1 } } },
		{ .commits = &zero, .ncommits = 1 },
		{ .packs_added = &zero, .npacks_added = 1 },
		{ .refs = &refs[0], .nrefs = 1 },
		{ .refs = &refs[1], .nrefs = 1 },
		{ .refs = &refs[2], .nrefs = 1 },
		{ .refs = &refs[3], .nrefs = 1 },
		{ .lost_count = 1 },
		{ .lost = lost, .nlost = 1, .lost_count = 1 },
		{ .versions = &versions[0], .nversions = 1 },
		{ .versions = &versions[1], .nversions = 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct st_err e = { 0 };
		struct st_buf b;

		st_buf_init(&b, ST_OP_BYTES);
		if (st_op_encode(&b, &bad[i], &e) != ST_EBUG)
			fail_msg("operation %zu: %d %s", i, e.code, e.msg);
		st_buf_release(&b);
	}
}

static void test_parse_refused(void **state)
{
	static const struct {
		const char *from, *to;
		enum st_code code;
	} edits[] = {
		{ "op/1", "op/2", ST_EFORMAT },
		{ "\"who\"", "\"wha\"", ST_EFORMAT },
		{ "words\\\"\"}", "words\\\"\",\"x\":1}", ST_EFORMAT },
		{ "\"records\":[\"" A "\"]", "\"records\":[]", ST_ECORRUPT },
		{ "\"name\":\"HEAD\",", "\"name\":\"\",", ST_ECORRUPT },
		{ "\"new\":\"ref:heads/main\"", "\"new\":\"\"", ST_ECORRUPT },
		{ "\"label\":\"v1\"", "\"label\":\"\"", ST_ECORRUPT },
		{ "\"count\":3", "\"count\":1", ST_ECORRUPT },
		{ "\"path\":\"c.json\"", "\"path\":\"\"", ST_ECORRUPT },
		{ "c.json", "c\\u0000n", ST_ECORRUPT },
		{ "{\"path\":\"c.json\"},{\"path_hex\":\"ff61\"}", "", ST_ECORRUPT },
		{ "000000001Z", "0Z", ST_ECORRUPT },
		{ "1970-01-01", "1970-1-01", ST_ECORRUPT },
		{ "\"verb\":\"commit\",", "", ST_ECORRUPT },
		{ "first", "first\\u0000", ST_ECORRUPT },
	};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < COUNT(edits); i++) {
		const char *at = strstr(full_text, edits[i].from);
		struct st_err e = { 0 };
		struct st_arena a;
		struct st_op op;

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - full_text), full_text,
			 edits[i].to, at + strlen(edits[i].from));
		st_arena_init(&a);
		if (st_op_parse(&op, &a, text, strlen(text), &e) != (int)edits[i].code)
			fail_msg("%s -> %s: %d %s", edits[i].from, edits[i].to, e.code, e.msg);
		st_arena_release(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),	      cmocka_unit_test(test_parse),
		cmocka_unit_test(test_why_not_utf8),  cmocka_unit_test(test_encode_refused),
		cmocka_unit_test(test_parse_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/json.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LIT(s) (s), sizeof(s) - 1

/* Copies the next value; numbers are kept as they are written. */
static void copy_value(struct st_json *j, struct st_jw *w)
{
	const char *s;
	size_t n;

	switch (st_json_peek(j)) {
	case ST_JSON_OBJECT:
		st_json_object(j);
		st_jw_object(w);
		while ((s = st_json_key(j, &n))) {
			st_jw_keyn(w, s, n);
			copy_value(j, w);
		}
		if (st_json_ok(j))
			st_jw_close_object(w);
		break;
	case ST_JSON_ARRAY:
		st_json_array(j);
		st_jw_array(w);
		while (st_json_item(j))
			copy_value(j, w);
		if (st_json_ok(j))
			st_jw_close_array(w);
		break;
	case ST_JSON_STRING:
		s = st_json_string(j, &n);
		if (s)
			st_jw_stringn(w, s, n);
		break;
	case ST_JSON_NUMBER:
		s = st_json_raw(j, &n);
		if (s)
			st_jw_raw(w, s, n);
		break;
	case ST_JSON_BOOL:
		st_jw_bool(w, st_json_bool(j));
		break;
	case ST_JSON_NULL:
		st_json_null(j);
		st_jw_null(w);
		break;
	case ST_JSON_NONE:
		st_json_skip(j); /* records why */
		break;
	}
}

/* The text is copied to a block of just its size, for the sanitizer's sake. */
static int copy_text(const char *text, size_t len, struct st_buf *out, struct st_err *e)
{
	char *block = malloc(len ? len : 1);
	struct st_json j;
	struct st_jw w;

	assert_non_null(block);
	memcpy(block, text, len);
	st_json_init(&j, block, len, ST_JSON_DEPTH, e);
	st_jw_init(&w, out, false, e);
	copy_value(&j, &w);
	st_json_end(&j);
	st_json_release(&j);
	free(block);
	return e->code;
}

static int skip_text(const char *text, size_t len, struct st_err *e)
{
	char *block = malloc(len ? len : 1);
	struct st_json j;

	assert_non_null(block);
	memcpy(block, text, len);
	st_json_init(&j, block, len, ST_JSON_DEPTH, e);
	st_json_skip(&j);
	st_json_end(&j);
	assert_null(j.str.p); /* skipping costs no memory */
	st_json_release(&j);
	free(block);
	return e->code;
}

static const struct {
	const char *in;
	size_t len;
	const char *out;
	size_t out_len;
} good[] = {
	{ LIT("null"), LIT("null") },
	{ LIT(" \t\r\ntrue \t\r\n"), LIT("true") },
	{ LIT("false"), LIT("false") },
	{ LIT("0"), LIT("0") },
	{ LIT("-0"), LIT("-0") },
	{ LIT("-12.50E+03"), LIT("-12.50E+03") },
	{ LIT("1e9999"), LIT("1e9999") }, /* a number, though no double */
	{ LIT("[ ]"), LIT("[]") },
	{ LIT("{ }"), LIT("{}") },
	{ LIT("[1 , 2,[3],{}, [ ] ,4]"), LIT("[1,2,[3],{},[],4]") },
	{ LIT(" { \"a\" : 1 , \"\" : { \"b\" : [ true ] } } "),
	  LIT("{\"a\":1,\"\":{\"b\":[true]}}") },
	{ LIT("{\"a\":1,\"a\":2}"), LIT("{\"a\":1,\"a\":2}") }, /* the caller's matter */
	{ LIT("\"\""), LIT("\"\"") },
	{ LIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), LIT("\"\\\"\\\\/\\b\\f\\n\\r\\t\"") },
	{ LIT("\"\\u0041\\u00e9\\u20AC\\u0000\\u001f\\u007f\""),
	  LIT("\"A\xc3\xa9\xe2\x82\xac\\u0000\\u001f\x7f\"") },
	{ LIT("\"\\ud834\\uDD1E\\uD800\\udc00\\udbff\\uDFFF\""),
	  LIT("\"\xf0\x9d\x84\x9e\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"") },
	{ LIT("\"\\ud7ff\\ue000\\uffff\""), LIT("\"\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"") },
	{ LIT("\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
	  LIT("\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"") },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct st_err e = { 0 }, e2 = { 0 };
		struct st_buf out;

		st_buf_init(&out, 1000);
		if (copy_text(good[i].in, good[i].len, &out, &e) != ST_OK)
			fail_msg("%s: %s", good[i].in, e.msg);
		assert_int_equal(out.len, good[i].out_len);
		assert_memory_equal(out.p, good[i].out, out.len);
		assert_int_equal(skip_text(good[i].in, good[i].len, &e2), ST_OK);
		st_buf_release(&out);
	}
}

static const struct {
	const char *in;
	size_t len;
	const char *why; /* with the offset */
} wrong[] = {
	{ LIT(""), "expected a value at offset 0" },
	{ LIT("  "), "expected a value at offset 2" },
	{ LIT("nul"), "expected null at offset 0" },
	{ LIT("tru "), "expected true or false at offset 0" },
	{ LIT("falsy"), "expected true or false at offset 0" },
	{ LIT("True"), "expected a value at offset 0" },
	{ LIT("NaN"), "expected a value at offset 0" },
	{ LIT("nullx"), "unexpected text after the value at offset 4" },
	{ LIT("1 2"), "unexpected text after the value at offset 2" },
	{ LIT("\xef\xbb\xbf{}"), "expected a value at offset 0" },
	{ LIT("/**/1"), "expected a value at offset 0" },
	{ LIT("1\0"), "unexpected text after the value at offset 1" },
	{ LIT("01"), "malformed number at offset 0" },
	{ LIT("-01"), "malformed number at offset 0" },
	{ LIT("-"), "malformed number at offset 0" },
	{ LIT("+1"), "expected a value at offset 0" },
	{ LIT(".5"), "expected a value at offset 0" },
	{ LIT("[1.]"), "malformed number at offset 1" },
	{ LIT("1.e5"), "malformed number at offset 0" },
	{ LIT("1e"), "malformed number at offset 0" },
	{ LIT("1e+"), "malformed number at offset 0" },
	{ LIT("0x10"), "unexpected text after the value at offset 1" },
	{ LIT("[1,]"), "expected a value at offset 3" },
	{ LIT("[,1]"), "expected a value at offset 1" },
	{ LIT("[1,,2]"), "expected a value at offset 3" },
	{ LIT("[1 2]"), "expected , or ] at offset 3" },
	{ LIT("[1}"), "expected , or ] at offset 2" },
	{ LIT("[}"), "expected a value at offset 1" },
	{ LIT("]"), "expected a value at offset 0" },
	{ LIT("[[]"), "the text ends too early at offset 3" },
	{ LIT("["), "the text ends too early at offset 1" },
	{ LIT("[1,"), "the text ends too early at offset 3" },
	{ LIT("{]"), "expected a key at offset 1" },
	{ LIT("{\"a\":1]"), "expected , or } at offset 6" },
	{ LIT("{\"a\":1,}"), "expected a key at offset 7" },
	{ LIT("{,}"), "expected a key at offset 1" },
	{ LIT("{1:2}"), "expected a key at offset 1" },
	{ LIT("{a:2}"), "expected a key at offset 1" },
	{ LIT("{'a':2}"), "expected a key at offset 1" },
	{ LIT("{\"a\" 2}"), "expected a colon at offset 5" },
	{ LIT("{\"a\""), "expected a colon at offset 4" },
	{ LIT("{\"a\":}"), "expected a value at offset 5" },
	{ LIT("{\"a\":1 \"b\":2}"), "expected , or } at offset 7" },
	{ LIT("{\"a\":1,"), "expected a key at offset 7" },
	{ LIT("\"abc"), "the text ends inside a string at offset 4" },
	{ LIT("\"abc\\"), "the text ends inside a string at offset 5" },
	{ LIT("\"a\nb\""), "control character in a string at offset 2" },
	{ LIT("\"\0\""), "control character in a string at offset 1" },
	{ LIT("\"\x1f\""), "control character in a string at offset 1" },
	{ LIT("\"\\a\""), "unknown escape sequence at offset 1" },
	{ LIT("\"\\v\""), "unknown escape sequence at offset 1" },
	{ LIT("\"\\'\""), "unknown escape sequence at offset 1" },
	{ LIT("\"\\U0041\""), "unknown escape sequence at offset 1" },
	{ LIT("\"\\\0\""), "unknown escape sequence at offset 1" },
	{ LIT("\"\\u12\""), "expected four hex digits after \\u at offset 1" },
	{ LIT("\"\\u12g4\""), "expected four hex digits after \\u at offset 1" },
	{ LIT("\"\\u+123\""), "expected four hex digits after \\u at offset 1" },
	{ LIT("\"\\ud800\""), "half a surrogate pair at offset 1" },
	{ LIT("\"\\udc00\""), "half a surrogate pair at offset 1" },
	{ LIT("\"\\ud800\\ud800\""), "half a surrogate pair at offset 1" },
	{ LIT("\"\\ud800\\u0041\""), "half a surrogate pair at offset 1" },
	{ LIT("\"\\ud800abcdef\""), "half a surrogate pair at offset 1" },
	{ LIT("\"\\ud800\\nabcd\""), "half a surrogate pair at offset 1" },
	{ LIT("\"\\ud800\\udc0"), "half a surrogate pair at offset 1" },
	{ LIT("\"a\x80\""), "invalid UTF-8 at offset 2" },
	{ LIT("\"\xc0\xaf\""), "invalid UTF-8 at offset 1" },
	{ LIT("\"\xe0\x80\xaf\""), "invalid UTF-8 at offset 1" },
	{ LIT("\"\xed\xa0\x80\""), "invalid UTF-8 at offset 1" },
	{ LIT("\"\xf4\x90\x80\x80\""), "invalid UTF-8 at offset 1" },
	{ LIT("\"\xe2\x82"), "invalid UTF-8 at offset 1" },
	{ LIT("{\"\xff\":1}"), "invalid UTF-8 at offset 2" },
};

static void test_wrong(void **state)
{
	char expected[100];

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct st_err e = { 0 }, e2 = { 0 };
		struct st_buf out;

		st_buf_init(&out, 1000);
		snprintf(expected, sizeof(expected), "JSON: %s", wrong[i].why);
		assert_int_equal(copy_text(wrong[i].in, wrong[i].len, &out, &e), ST_EFORMAT);
		assert_string_equal(e.msg, expected);
		assert_int_equal(skip_text(wrong[i].in, wrong[i].len, &e2), ST_EFORMAT);
		assert_string_equal(e2.msg, expected);
		st_buf_release(&out);
	}
}

static const char sample[] =
	"{\"a\\n\\ud834\\udd1e\": [1, -2.5e-3, true , false, null, \"x\\\\y\xe2\x82\xac\"],\r\n"
	"\t\"b\": {\"c\": {}, \"d\": [[], [{\"e\": \"\"}]]}, \"f\": 18446744073709551615}";

static void test_truncated(void **state)
{
	struct st_buf out;
	struct st_err e = { 0 };

	(void)state;
	st_buf_init(&out, 4096);
	assert_int_equal(copy_text(LIT(sample), &out, &e), ST_OK);
	for (size_t n = 0; n < sizeof(sample) - 1; n++) {
		struct st_err e1 = { 0 }, e2 = { 0 };

		st_buf_clear(&out);
		assert_int_equal(copy_text(sample, n, &out, &e1), ST_EFORMAT);
		assert_int_equal(skip_text(sample, n, &e2), ST_EFORMAT);
		assert_string_equal(e1.msg, e2.msg);
	}
	st_buf_release(&out);
}

/* Reading and skipping are two ways through the grammar: they must agree on every changed byte. */
static void test_changed_bytes(void **state)
{
	static const char with[] = "\0 \"\\{}[]:,0-+.eEtfnu/x\x1f\x7f\x80\xc2\xff";
	char text[sizeof(sample)];
	struct st_buf out;
	size_t accepted = 0;

	(void)state;
	st_buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof(sample) - 1; i++) {
		for (size_t k = 0; k < sizeof(with) - 1; k++) {
			struct st_err e1 = { 0 }, e2 = { 0 };

			memcpy(text, sample, sizeof(text));
			text[i] = with[k];
			st_buf_clear(&out);
			copy_text(text, sizeof(text) - 1, &out, &e1);
			skip_text(text, sizeof(text) - 1, &e2);
			assert_int_equal(e1.code, e2.code);
			assert_string_equal(e1.msg, e2.msg);
			accepted += e1.code == ST_OK;
		}
	}
	assert_true(accepted > 100 && accepted < (sizeof(sample) - 1) * (sizeof(with) - 1) / 2);
	st_buf_release(&out);
}

static void fill_nested(char *text, size_t depth)
{
	for (size_t i = 0; i < depth; i++) {
		text[i] = '[';
		text[depth + i] = ']';
	}
}

static void test_depth(void **state)
{
	static char text[200000];
	struct st_err ok = { 0 }, deep = { 0 }, skip = { 0 }, three = { 0 };
	struct st_buf out;
	struct st_json j;

	(void)state;
	st_buf_init(&out, sizeof(text));
	fill_nested(text, ST_JSON_DEPTH);
	assert_int_equal(copy_text(text, ST_JSON_DEPTH * 2, &out, &ok), ST_OK);
	assert_memory_equal(out.p, text, ST_JSON_DEPTH * 2);
	assert_int_equal(skip_text(text, ST_JSON_DEPTH * 2, &ok), ST_OK);
	fill_nested(text, sizeof(text) / 2);
	assert_int_equal(skip_text(text, sizeof(text), &skip), ST_EFORMAT);
	assert_string_equal(skip.msg, "JSON: nested too deep at offset 64");
	assert_int_equal(copy_text(text, sizeof(text), &out, &deep), ST_EFORMAT);
	assert_string_equal(deep.msg, "JSON: nested too deep at offset 64");
	st_buf_release(&out);

	st_json_init(&j, "[[[[]]]]", 8, 3, &three);
	assert_true(st_json_array(&j) && st_json_item(&j));
	st_json_skip(&j);
	assert_string_equal(three.msg, "JSON: nested too deep at offset 3");
	st_json_release(&j);
}

static const struct {
	const char *in;
	bool u_ok;
	uint64_t u;
	bool i_ok;
	int64_t i;
} integers[] = {
	{ "0", true, 0, true, 0 },
	{ "-0", false, 0, true, 0 },
	{ "7", true, 7, true, 7 },
	{ "-7", false, 0, true, -7 },
	{ "9007199254740993", true, 9007199254740993, true, 9007199254740993 },
	{ "9223372036854775807", true, INT64_MAX, true, INT64_MAX },
	{ "9223372036854775808", true, (uint64_t)INT64_MAX + 1, false, 0 },
	{ "-9223372036854775808", false, 0, true, INT64_MIN },
	{ "-9223372036854775809", false, 0, false, 0 },
	{ "18446744073709551615", true, UINT64_MAX, false, 0 },
	{ "18446744073709551616", false, 0, false, 0 },
	{ "18446744073709551620", false, 0, false, 0 },
	{ "99999999999999999999999999", false, 0, false, 0 },
	{ "1.0", false, 0, false, 0 },
	{ "1e3", false, 0, false, 0 },
	{ "\"1\"", false, 0, false, 0 },
	{ "true", false, 0, false, 0 },
};

static void test_integers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(integers); i++) {
		struct st_err e = { 0 }, e2 = { 0 };
		struct st_json j;

		st_json_init(&j, integers[i].in, strlen(integers[i].in), 1, &e);
		assert_true(st_json_u64(&j) == integers[i].u);
		st_json_end(&j);
		assert_int_equal(e.code, integers[i].u_ok ? ST_OK : ST_EFORMAT);
		st_json_release(&j);
		st_json_init(&j, integers[i].in, strlen(integers[i].in), 1, &e2);
		assert_true(st_json_i64(&j) == integers[i].i);
		st_json_end(&j);
		assert_int_equal(e2.code, integers[i].i_ok ? ST_OK : ST_EFORMAT);
		st_json_release(&j);
	}
}

static void check_real(const char *text, bool ok, double v)
{
	struct st_err e = { 0 };
	struct st_json j;
	double got;

	st_json_init(&j, text, strlen(text), 1, &e);
	got = st_json_real(&j);
	st_json_end(&j);
	if (e.code != (ok ? ST_OK : ST_EFORMAT))
		fail_msg("%s: code %d %s", text, e.code, e.msg);
	if (ok)
		assert_true(isnan(v) ? isnan(got) : got == v && !signbit(got) == !signbit(v));
	st_json_release(&j);
}

static void test_reals(void **state)
{
	char digits[2000];

	(void)state;
	check_real("0", true, 0);
	check_real("-0.0", true, -0.0);
	check_real("1.5", true, 1.5);
	check_real("-12e-2", true, -0.12);
	check_real("4.9406564584124654e-324", true, 4.9406564584124654e-324);
	check_real("1e-400", true, 0);
	check_real("1.7976931348623157e308", true, 1.7976931348623157e308);
	check_real("1e309", false, 0);
	check_real("-1e309", false, 0);
	check_real("\"nan\"", true, NAN);
	check_real("\"inf\"", true, INFINITY);
	check_real("\"-inf\"", true, -INFINITY);
	check_real("\"1\"", false, 0);
	check_real("\"infinity\"", false, 0);
	check_real("null", false, 0);
	memset(digits, '3', sizeof(digits));
	memcpy(digits, "0.", 2);
	digits[sizeof(digits) - 1] = 0;
	check_real(digits, true, 1.0 / 3);
}

/* A comma as the decimal point must neither be written nor needed. */
static void test_locale(void **state)
{
	static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE" };
	struct st_err e = { 0 };
	struct st_buf out;
	struct st_jw w;
	bool found = false;

	(void)state;
	for (size_t i = 0; !found && i < COUNT(names); i++)
		found = setlocale(LC_NUMERIC, names[i]) != NULL;
	if (!found)
		skip(); /* none of them is installed */
	st_buf_init(&out, 100);
	st_jw_init(&w, &out, false, &e);
	st_jw_real(&w, 1.5);
	assert_string_equal(st_buf_cstr(&out, &e), "1.5");
	check_real("1.5", true, 1.5);
	st_buf_release(&out);
	setlocale(LC_NUMERIC, "C");
}

static void test_members(void **state)
{
	static const char text[] = "{\"k\\u0000\": \"v\", \"n\":[1,2, 3], \"raw\" : {\"x\":[ ]} }";
	struct st_err e = { 0 };
	struct st_json j;
	const char *s;
	size_t n;

	(void)state;
	st_json_init(&j, LIT(text), 4, &e);
	assert_int_equal(st_json_peek(&j), ST_JSON_OBJECT);
	assert_true(st_json_object(&j));
	s = st_json_key(&j, &n);
	assert_int_equal(n, 2);
	assert_memory_equal(s, "k\0", 3);
	assert_string_equal(st_json_string(&j, NULL), "v");
	assert_string_equal(st_json_key(&j, NULL), "n");
	assert_true(st_json_array(&j));
	for (uint64_t i = 1; st_json_item(&j); i++)
		assert_int_equal(st_json_u64(&j), i);
	assert_string_equal(st_json_key(&j, &n), "raw");
	s = st_json_raw(&j, &n);
	assert_int_equal(n, 9);
	assert_memory_equal(s, "{\"x\":[ ]}", 9);
	assert_null(st_json_key(&j, &n));
	assert_int_equal(st_json_peek(&j), ST_JSON_NONE);
	st_json_end(&j);
	assert_int_equal(e.code, ST_OK);
	st_json_release(&j);
}

/* After the first failure nothing moves, and the first message stays. */
static void test_sticky(void **state)
{
	struct st_err e = { 0 };
	struct st_json j;
	size_t n = 77, pos;

	(void)state;
	st_json_init(&j, "[1,{\"a\":2}]", 11, 4, &e);
	assert_true(st_json_array(&j) && st_json_item(&j));
	assert_null(st_json_string(&j, &n));
	assert_string_equal(e.msg, "JSON: expected a string at offset 1");
	pos = j.pos;
	assert_false(st_json_item(&j) || st_json_object(&j) || st_json_array(&j));
	assert_null(st_json_key(&j, &n));
	assert_null(st_json_raw(&j, &n));
	assert_int_equal(st_json_u64(&j), 0);
	assert_int_equal(st_json_i64(&j), 0);
	assert_true(st_json_real(&j) == 0);
	assert_false(st_json_bool(&j));
	st_json_null(&j);
	st_json_skip(&j);
	st_json_end(&j);
	assert_int_equal(st_json_peek(&j), ST_JSON_NONE);
	assert_int_equal(j.pos, pos);
	assert_int_equal(n, 77);
	assert_string_equal(e.msg, "JSON: expected a string at offset 1");
	st_json_release(&j);
}

static void test_writer(void **state)
{
	static const char expected[] =
		"{\"a\":[1,-9223372036854775808,18446744073709551615,{},[],\"\",null],"
		"\"b\":{\"c\":true,\"d\":false},\"\\\"\":0.10000000000000001,"
		"\"r\":[1e+22,-0,\"nan\",\"inf\",\"-inf\",1,4.9406564584124654e-324],"
		"\"s\":\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f /\\\"\\\\\x7f\xc3\xa9\","
		"\"bad\":\"\xef\xbf\xbd\xef\xbf\xbd"
		"A\xef\xbf\xbd\",\"n\":\"x\",\"n_hex\":\"00ff41\","
		"\"o\":[\"0100000000000000000000000000000000000000000000000000000000000000\","
		"\"000000000000000000000000000000000000000000000000000000000000000f\"],"
		"\"raw\":[ 1 ]}";
	static const struct st_oid ids[] = { { { 1 } }, { { [ST_OID_LEN - 1] = 15 } } };
	struct st_err e = { 0 };
	struct st_buf out;
	struct st_jw w;

	(void)state;
	st_buf_init(&out, 10000);
	st_jw_init(&w, &out, false, &e);
	st_jw_object(&w);
	st_jw_key(&w, "a");
	st_jw_array(&w);
	st_jw_u64(&w, 1);
	st_jw_i64(&w, INT64_MIN);
	st_jw_u64(&w, UINT64_MAX);
	st_jw_object(&w);
	st_jw_close_object(&w);
	st_jw_array(&w);
	st_jw_close_array(&w);
	st_jw_string(&w, "");
	st_jw_null(&w);
	st_jw_close_array(&w);
	st_jw_key(&w, "b");
	st_jw_object(&w);
	st_jw_key(&w, "c");
	st_jw_bool(&w, true);
	st_jw_key(&w, "d");
	st_jw_bool(&w, false);
	st_jw_close_object(&w);
	st_jw_key(&w, "\"");
	st_jw_real(&w, 0.1);
	st_jw_key(&w, "r");
	st_jw_array(&w);
	st_jw_real(&w, 1e22);
	st_jw_real(&w, -0.0);
	st_jw_real(&w, NAN);
	st_jw_real(&w, INFINITY);
	st_jw_real(&w, -INFINITY);
	st_jw_real(&w, 1);
	st_jw_real(&w, 4.9406564584124654e-324);
	st_jw_close_array(&w);
	st_jw_key(&w, "s");
	st_jw_stringn(&w, LIT("\0\1\b\t\n\v\f\r\x1f /\"\\\x7f\xc3\xa9"));
	st_jw_key(&w, "bad");
	st_jw_stringn(&w, LIT("\xe2\x82"
			      "A\xff"));
	st_jw_name(&w, "n", "x", 1);
	st_jw_name(&w, "n",
		   LIT("\0\xff"
		       "A"));
	st_jw_oids(&w, "none", ids, 0);
	st_jw_oids(&w, "o", ids, 2);
	st_jw_key(&w, "raw");
	st_jw_raw(&w, LIT("[ 1 ]"));
	st_jw_close_object(&w);
	assert_int_equal(e.code, ST_OK);
	assert_int_equal(w.depth, 0);
	assert_string_equal(st_buf_cstr(&out, &e), expected);
	st_buf_release(&out);
}

static void test_real_round_trip(void **state)
{
	uint64_t bits = 0x123456789abcdef;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct st_err e = { 0 };
		struct st_buf out;
		struct st_json j;
		struct st_jw w;
		double v, back;

		bits = bits * 6364136223846793005 + 1442695040888963407;
		memcpy(&v, &bits, sizeof(v));
		st_buf_init(&out, 100);
		st_jw_init(&w, &out, true, &e);
		st_jw_real(&w, v);
		st_json_init(&j, out.p, out.len, 1, &e);
		back = st_json_real(&j);
		st_json_end(&j);
		assert_int_equal(e.code, ST_OK);
		assert_true(isnan(v) ? isnan(back) : memcmp(&v, &back, sizeof(v)) == 0);
		st_json_release(&j);
		st_buf_release(&out);
	}
}

static void test_writer_limits(void **state)
{
	struct st_err e = { 0 }, full = { 0 }, big = { 0 };
	struct st_buf out, tiny;
	struct st_jw w;

	(void)state;
	st_buf_init(&out, 1000);
	st_jw_init(&w, &out, true, &e);
	for (unsigned i = 0; i < ST_JSON_DEPTH; i++)
		st_jw_array(&w);
	assert_int_equal(e.code, ST_OK);
	st_jw_array(&w);
	assert_int_equal(e.code, ST_ELIMIT);
	st_jw_close_array(&w); /* nothing happens */
	assert_int_equal(w.depth, ST_JSON_DEPTH);

	st_buf_clear(&out);
	st_jw_init(&w, &out, true, &big);
	st_jw_u64(&w, (uint64_t)1 << 53);
	st_jw_i64(&w, -((int64_t)1 << 53));
	assert_int_equal(big.code, ST_OK);
	st_jw_i64(&w, -((int64_t)1 << 53) - 1);
	assert_int_equal(big.code, ST_ELIMIT);

	st_buf_init(&tiny, 5);
	st_jw_init(&w, &tiny, false, &full);
	st_jw_object(&w);
	st_jw_key(&w, "abcdef");
	st_jw_u64(&w, 1);
	st_jw_close_object(&w);
	assert_int_equal(full.code, ST_ELIMIT);
	assert_true(tiny.len <= 5);
	st_buf_release(&tiny);
	st_buf_release(&out);
}

static void test_canonical_order(void **state)
{
	static const char *const keys[] = {
		"",
		"A",
		"a",
		"aa",
		"b",
		"name",
		"name_hex",
		"thirty-one bytes long, just thi",
		"thirty-one bytes long, just this and more",
		"thirty-one bytes long, just this and still more",
		"\xc3\xa9",
		"\xf0\x90\x80\x80",
	};
	struct st_err e = { 0 };
	struct st_buf out;
	struct st_jw w;

	(void)state;
	st_buf_init(&out, 10000);
	st_jw_init(&w, &out, true, &e);
	st_jw_object(&w);
	for (size_t i = 0; i < COUNT(keys); i++) {
		st_jw_key(&w, keys[i]);
		st_jw_object(&w); /* an order of its own */
		st_jw_key(&w, "a");
		st_jw_null(&w);
		st_jw_close_object(&w);
	}
	st_jw_close_object(&w);
	assert_int_equal(e.code, ST_OK);
	st_buf_release(&out);
}

/* A safetensors header of 100,000 tensors and some 10 MB, as the format plug-in reads it. */
static void test_speed(void **state)
{
	struct timespec a, b;
	struct st_err e = { 0 };
	struct st_buf out;
	struct st_json j;
	struct st_jw w;
	uint64_t sum = 0;
	double ms;

	(void)state;
	st_buf_init(&out, (size_t)64 << 20);
	st_jw_init(&w, &out, false, &e);
	st_jw_object(&w);
	for (uint64_t i = 0; i < 100000; i++) {
		char key[80];

		snprintf(key, sizeof(key), "model.layers.%" PRIu64 ".mlp.experts.7.up_proj.weight",
			 i);
		st_jw_key(&w, key);
		st_jw_raw(&w, LIT("{\"dtype\":\"BF16\",\"shape\":[4096,14336],"
				  "\"data_offsets\":[12345678,23456789]}"));
	}
	st_jw_close_object(&w);
	clock_gettime(CLOCK_MONOTONIC, &a);
	st_json_init(&j, out.p, out.len, 8, &e);
	st_json_object(&j);
	while (st_json_key(&j, NULL)) {
		st_json_object(&j);
		st_json_key(&j, NULL);
		st_json_string(&j, NULL);
		for (int k = 0; k < 2; k++) {
			st_json_key(&j, NULL);
			st_json_array(&j);
			while (st_json_item(&j))
				sum += st_json_u64(&j);
		}
		assert_null(st_json_key(&j, NULL));
	}
	st_json_end(&j);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
	print_message("# %zu bytes in %.1f ms\n", out.len, ms);
	assert_int_equal(e.code, ST_OK);
	assert_true(sum == 100000ull * (4096 + 14336 + 12345678 + 23456789));
	assert_true(ms < 5000); /* only what is quadratic is caught here; the machine may be slow */
	st_json_release(&j);
	st_buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	      cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_truncated),     cmocka_unit_test(test_changed_bytes),
		cmocka_unit_test(test_depth),	      cmocka_unit_test(test_integers),
		cmocka_unit_test(test_reals),	      cmocka_unit_test(test_locale),
		cmocka_unit_test(test_members),	      cmocka_unit_test(test_sticky),
		cmocka_unit_test(test_writer),	      cmocka_unit_test(test_real_round_trip),
		cmocka_unit_test(test_writer_limits), cmocka_unit_test(test_canonical_order),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

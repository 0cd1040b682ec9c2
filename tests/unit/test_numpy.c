/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "format/numpy.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const struct {
	const char *descr;
	enum st_dtype dtype;
	bool big_endian, object;
	uint64_t itemsize;
} types[] = {
	{ "<f4", ST_F32, false, false, 4 },
	{ ">f4", ST_F32, true, false, 4 },
	{ "=f4", ST_F32, false, false, 4 },
	{ "f4", ST_F32, false, false, 4 },
	{ "<f2", ST_F16, false, false, 2 },
	{ ">f8", ST_F64, true, false, 8 },
	{ "|b1", ST_BOOL, false, false, 1 },
	{ ">b1", ST_BOOL, false, false, 1 },
	{ "?", ST_BOOL, false, false, 1 },
	{ "bool", ST_BOOL, false, false, 1 },
	{ "float32", ST_F32, false, false, 4 },
	{ ">int16", ST_I16, true, false, 2 },
	{ "complex128", ST_C128, false, false, 16 },
	{ "|u1", ST_U8, false, false, 1 },
	{ "|i1", ST_I8, false, false, 1 },
	{ "<u2", ST_U16, false, false, 2 },
	{ ">i2", ST_I16, true, false, 2 },
	{ "<u4", ST_U32, false, false, 4 },
	{ "<i4", ST_I32, false, false, 4 },
	{ "<u8", ST_U64, false, false, 8 },
	{ ">i8", ST_I64, true, false, 8 },
	{ "<c8", ST_C64, false, false, 8 },
	{ ">c16", ST_C128, true, false, 16 },
	/* bytes that strata does not look into */
	{ "<f16", ST_OPAQUE, false, false, 16 },
	{ ">f12", ST_OPAQUE, false, false, 12 },
	{ "<c32", ST_OPAQUE, false, false, 32 },
	{ "|S5", ST_OPAQUE, false, false, 5 },
	{ "|S0", ST_OPAQUE, false, false, 0 },
	{ "S", ST_OPAQUE, false, false, 0 },
	{ ">U3", ST_OPAQUE, false, false, 12 },
	{ "|V16", ST_OPAQUE, false, false, 16 },
	{ "<M8", ST_OPAQUE, false, false, 8 },
	{ ">M8[ns]", ST_OPAQUE, false, false, 8 },
	{ "<m8[25s]", ST_OPAQUE, false, false, 8 },
	{ "<M8[s/25]", ST_OPAQUE, false, false, 8 },
	{ "|O", ST_OPAQUE, false, true, 8 },
	{ "|O8", ST_OPAQUE, false, true, 8 },
	{ "|V18446744073709551615", ST_OPAQUE, false, false, UINT64_MAX },
};

static void test_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct st_np_type t;

		if (!st_np_type_of(&t, types[i].descr, strlen(types[i].descr)))
			fail_msg("%s", types[i].descr);
		assert_int_equal(t.dtype, types[i].dtype);
		assert_int_equal(t.big_endian, types[i].big_endian);
		assert_int_equal(t.object, types[i].object);
		assert_int_equal(t.itemsize, types[i].itemsize);
	}
}

static void test_no_types(void **state)
{
	static const char *const rows[] = {
		"",
		"<",
		"<f",
		"<f3",
		"<f44",
		"<f 4",
		"f4 ",
		"<<f4",
		"<q8",
		"float",
		"<f-4",
		"<i16",
		"|O3",
		"<M4",
		"<M8[",
		"<M8[]",
		"M8[s",
		"M8[s]]",
		"M8[a b]",
		"<U-1",
		"<U4611686018427387904",
		"|V18446744073709551616",
		"bf16",
		"<f0",
		"<c4",
		"<b2",
	};
	struct st_np_type t;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (st_np_type_of(&t, rows[i], strlen(rows[i])))
			fail_msg("%s is a type", rows[i]);
}

struct head {
	uint8_t *p;
	size_t len;
};

/* A head of that version around the text, in a block of exactly its length and data bytes more. */
static struct head make(unsigned version, const char *text, size_t n, size_t data)
{
	size_t fixed = version == 1 ? 10 : 12;
	struct head h = { calloc(1, fixed + n + data + 1), fixed + n + data };

	assert_non_null(h.p);
	h.p = realloc(h.p, h.len);
	assert_non_null(h.p);
	memcpy(h.p, ST_NPY_MAGIC, 6);
	h.p[6] = (uint8_t)version;
	if (version == 1)
		st_put16(h.p + 8, (uint16_t)n);
	else
		st_put32(h.p + 8, (uint32_t)n);
	memcpy(h.p + fixed, text, n);
	return h;
}

struct parsed {
	struct st_np_array a;
	uint64_t data;
	const char *descr;
	struct st_arena arena;
	struct st_err e;
};

static int parse(struct parsed *r, const void *p, size_t len, uint64_t size)
{
	*r = (struct parsed){ 0 };
	st_arena_init(&r->arena);
	return st_npy_parse(&r->a, &r->data, &r->descr, &r->arena, p, len, size, &r->e);
}

#define HEAD(descr, order, shape) \
	"{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"
#define F4(shape) HEAD("'<f4'", "False", shape)

static const struct {
	const char *text;
	const char *descr;
	enum st_dtype dtype;
	unsigned ndim;
	uint64_t first, nbytes; /* first: of the shape */
	bool fortran;
} accepted[] = {
	{ F4("(2, 3)"), "<f4", ST_F32, 2, 2, 24, false },
	{ F4("()"), "<f4", ST_F32, 0, 0, 4, false },
	{ F4("( )"), "<f4", ST_F32, 0, 0, 4, false },
	{ F4("(3,)"), "<f4", ST_F32, 1, 3, 12, false },
	{ F4("(2,3,)"), "<f4", ST_F32, 2, 2, 24, false },
	{ F4("(0, 5)"), "<f4", ST_F32, 2, 0, 0, false },
	{ F4("(2L, 3L)"), "<f4", ST_F32, 2, 2, 24, false },
	{ " \t{'shape':(2,),'fortran_order':True,'descr':'>i2'} \n", ">i2", ST_I16, 1, 2, 4, true },
	{ "{\"descr\": \"<f4\", \"fortran_order\": False, \"shape\": (2,)}", "<f4", ST_F32, 1, 2, 8,
	  false },
	{ "{u'descr': u'<f4', u'fortran_order': False, u'shape': (2,)}", "<f4", ST_F32, 1, 2, 8,
	  false },
	{ HEAD("'|O'", "False", "(1000000,)"), "|O", ST_OPAQUE, 1, 1000000, 8000000, false },
	{ HEAD("[('a', '<f4'), ('b', '<i2', (3,))]", "False", "(2,)"),
	  "[('a', '<f4'), ('b', '<i2', (3,))]", ST_OPAQUE, 1, 2, 20, false },
	{ HEAD("[('a', 'i1'), ('', '|V7'), ('b', 'f8')]", "True", "(2, 2)"),
	  "[('a', 'i1'), ('', '|V7'), ('b', 'f8')]", ST_OPAQUE, 2, 2, 64, true },
	{ HEAD("[(('title', 'n'), '<f4'), ]", "False", "()"), "[(('title', 'n'), '<f4'), ]",
	  ST_OPAQUE, 0, 0, 4, false },
	{ HEAD("[('a', [('x', '>f8'), ('y', '<U2')], 2)]", "False", "(1,)"),
	  "[('a', [('x', '>f8'), ('y', '<U2')], 2)]", ST_OPAQUE, 1, 1, 32, false },
	{ HEAD("[('q\\'\"\\\\', '<f4')]", "False", "(1,)"), "[('q\\'\"\\\\', '<f4')]", ST_OPAQUE, 1,
	  1, 4, false },
	{ HEAD("('<f4', (2, 2))", "False", "(1,)"), "('<f4', (2, 2))", ST_OPAQUE, 1, 1, 16, false },
	{ HEAD("[('a', ('<f4', (2,)), (3,))]", "False", "(1,)"), "[('a', ('<f4', (2,)), (3,))]",
	  ST_OPAQUE, 1, 1, 24, false },
	{ HEAD("[]", "False", "(3,)"), "[]", ST_OPAQUE, 1, 3, 0, false },
	{ HEAD("[('o', '|O'), ('a', '<f4')]", "False", "(9,)"), "[('o', '|O'), ('a', '<f4')]",
	  ST_OPAQUE, 1, 9, 108, false },
};

static void test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++)
		for (unsigned version = 1; version <= 3; version++) {
			size_t n = strlen(accepted[i].text);
			struct head h = make(version, accepted[i].text, n, 64);
			struct parsed r;
			int rc = parse(&r, h.p, h.len, h.len);

			/* Python 2 never wrote version 3. */
			if (version == 3 && strstr(accepted[i].text, "3L")) {
				assert_int_equal(rc, ST_EFORMAT);
			} else {
				if (rc != ST_OK)
					fail_msg("%s: %s", accepted[i].text, r.e.msg);
				assert_int_equal(r.data, h.len - 64);
				assert_string_equal(r.descr, accepted[i].descr);
				assert_int_equal(r.a.type.dtype, accepted[i].dtype);
				assert_int_equal(r.a.type.object,
						 strstr(accepted[i].text, "|O") != NULL);
				assert_int_equal(r.a.ndim, accepted[i].ndim);
				if (r.a.ndim)
					assert_int_equal(r.a.shape[0], accepted[i].first);
				assert_int_equal(r.a.nbytes, accepted[i].nbytes);
				assert_int_equal(r.a.fortran, accepted[i].fortran);
			}
			st_arena_release(&r.arena);
			free(h.p);
		}
}

/* Offsets count from the start of the file; the text of version 1 begins at 10. */
static const struct {
	const char *text, *reason;
} refused[] = {
	{ "", "the header ends at offset 10, expected a dict" },
	{ "   \n", "the header ends at offset 14, expected a dict" },
	{ "{}", "the header at offset 10 has no descr" },
	{ "{'descr': '<f4'}", "has no fortran_order" },
	{ "{'descr': '<f4', 'fortran_order': True}", "has no shape" },
	{ "{'shape': (), 'fortran_order': True}", "has no descr" },
	{ "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}",
	  "an unknown key \"x\" at offset 64" },
	{ "{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': ()}",
	  "a second key \"descr\" at offset 27" },
	{ "{'descr': '<f4', 'shape': (), 'fortran_order': False, 'shape': ()}",
	  "a second key \"shape\"" },
	{ F4("(2,)") "x", "expected nothing behind the dict at offset 67, not \"x\"" },
	{ F4("(2,)") ".clear()", "expected nothing behind the dict" },
	{ "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)",
	  "the header ends at offset 64, expected a comma or }" },
	{ "{'descr' '<f4'}", "expected a colon at offset 19, not \"'<f4'}\"" },
	{ "{descr: '<f4'}", "expected a string at offset 11" },
	{ "['descr']", "expected a dict at offset 10" },
	{ "{'descr': '<f4' 'fortran_order': False}", "expected a comma or } at offset 26" },
	/* code */
	{ "__import__('os').system('id')",
	  "expected a dict at offset 10, not \"__import__('os')\"" },
	{ HEAD("__import__('os').system('id')", "False", "()"),
	  "expected a type at offset 20, not \"__import__('os')\"" },
	{ F4("__import__('os')"), "expected a tuple at offset 60" },
	{ F4("(__import__('os'),)"), "expected a number at offset 61" },
	{ HEAD("'<f4'", "__import__('os')", "()"), "expected True or False at offset 44" },
	{ HEAD("'<f4'", "1", "()"), "expected True or False" },
	{ HEAD("'<f4'", "Falsey", "()"), "expected True or False" },
	{ HEAD("'<f4'", "None", "()"), "expected True or False" },
	{ HEAD("None", "False", "()"), "expected a type" },
	{ HEAD("b'<f4'", "False", "()"), "expected a type" },
	{ HEAD("f'<f4'", "False", "()"), "expected a type" },
	{ HEAD("'<f' '4'", "False", "()"), "\"<f\" at offset 20 is no type of NumPy" },
	{ HEAD("'<f4'[0]", "False", "()"), "expected a comma or }" },
	{ HEAD("'''<f4'''", "False", "()"), "\"\" at offset 20 is no type of NumPy" },
	{ HEAD("'<\\x664'", "False", "()"), "is no type of NumPy" },
	{ HEAD("'<f4", "False", "()"), "is no type of NumPy" },
	{ "{'descr': '<f4", "the string at offset 20 does not end" },
	{ "{'descr': '<f4\n'}", "the string at offset 20 does not end" },
	{ "{'descr': '<f4\\", "the string at offset 20 does not end" },
	/* shapes */
	{ F4("3"), "expected a tuple at offset 60" },
	{ F4("(3)"), "expected a comma at offset 62" },
	{ F4("(,)"), "expected a number at offset 61" },
	{ F4("(3,,)"), "expected a number at offset 63" },
	{ F4("(3 4)"), "expected a comma at offset 63" },
	{ F4("(3, 4 5)"), "expected a comma or ) at offset 66" },
	{ F4("[3]"), "expected a tuple" },
	{ F4("((3,),)"), "expected a number at offset 61" },
	{ F4("(-1,)"), "a negative number at offset 61" },
	{ F4("(2.0,)"), "expected a comma at offset 62" },
	{ F4("(0x10,)"), "no number, or one above 64 bits, at offset 61" },
	{ F4("(010,)"), "no number" },
	{ F4("(1_0,)"), "no number" },
	{ F4("(2l,)"), "no number" },
	{ F4("(L,)"), "expected a number" },
	{ F4("(2LL,)"), "no number" },
	{ F4("(True,)"), "expected a number" },
	{ F4("(18446744073709551616,)"), "no number, or one above 64 bits, at offset 61" },
	{ F4("(4294967296, 4294967296)"), "at offset 10, times 4 bytes, exceeds 64 bits" },
	{ F4("(4611686018427387904,)"), "exceeds 64 bits" },
	{ F4("(18446744073709551615, 18446744073709551615, 0)"), "exceeds 64 bits" },
	{ HEAD("'|O'", "False", "(4611686018427387904,)"), "times 8 bytes, exceeds 64 bits" },
	{ F4("(17,)"), "the array takes 68 bytes at offset 68, 64 are there" },
	{ F4("(4611686018427387903,)"), "the array takes 18446744073709551612 bytes" },
	/* types of types */
	{ HEAD("[('a',)]", "False", "()"), "expected a type at offset 26" },
	{ HEAD("['a']", "False", "()"), "expected a field at offset 21" },
	{ HEAD("[('a', '<f4', 2, 3)]", "False", "()"), "expected a comma or ) at offset 37" },
	{ HEAD("[('a', '<f4', (2, -3))]", "False", "()"), "a negative number" },
	{ HEAD("[('a', '<f4', os)]", "False", "()"), "expected a number" },
	{ HEAD("[('a', '<f4') ('b', '<f4')]", "False", "()"), "expected a comma or ]" },
	{ HEAD("[(('a', 'b', 'c'), '<f4')]", "False", "()"), "expected a )" },
	{ HEAD("[(1, '<f4')]", "False", "()"), "expected a string" },
	{ HEAD("('<f4',)", "False", "()"), "expected a number" },
	{ HEAD("()", "False", "()"), "expected a type" },
	{ HEAD("[('a', '<f4', (4294967296, 4294967296))]", "False", "()"),
	  "the item size of the type at offset 34 exceeds 64 bits" },
	{ HEAD("[('a', '|V18446744073709551615'), ('b', '|u1')]", "False", "()"),
	  "the item size of the type at offset 20 exceeds 64 bits" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct head h = make(1, refused[i].text, strlen(refused[i].text), 64);
		struct parsed r;

		if (parse(&r, h.p, h.len, h.len) != ST_EFORMAT ||
		    !strstr(r.e.msg, refused[i].reason))
			fail_msg("%s: \"%s\", not \"%s\"", refused[i].text, r.e.msg,
				 refused[i].reason);
		st_arena_release(&r.arena);
		free(h.p);
	}
}

static void check_message(unsigned version, const char *text, size_t n, const char *reason)
{
	struct head h = make(version, text, n, 64);
	struct parsed r;
	int rc = parse(&r, h.p, h.len, h.len);

	if (!reason)
		assert_string_equal(r.e.msg, "");
	else if (rc != ST_EFORMAT || !strstr(r.e.msg, reason))
		fail_msg("\"%s\", not \"%s\"", r.e.msg, reason);
	st_arena_release(&r.arena);
	free(h.p);
}

/* Types in types: as deep as allowed, one deeper, and as deep as a header can be. */
static void test_nesting(void **state)
{
	static const char open[] = "[('a', ", close[] = ")]";
	char text[12000];

	(void)state;
	for (size_t depth = 30; depth <= 1000; depth += depth == 34 ? 966 : 1) {
		size_t n = 0;

		n += (size_t)snprintf(text, sizeof(text), "{'descr': ");
		for (size_t i = 0; i < depth; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", open);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "'<f4'");
		for (size_t i = 0; i < depth; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", close);
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      ", 'fortran_order': False, 'shape': ()}");
		check_message(2, text, n, depth <= 32 ? NULL : "are nested more than 32 deep");
	}
	memset(text, '(', 9990);
	memcpy(text, "{'descr': ", 10);
	check_message(1, text, 9990, "types at offset 52 are nested more than 32 deep");
	memcpy(text, F4("("), strlen(F4("(")) - 4);
	check_message(1, text, 9990, "expected a number");
}

/* 64 dimensions, 65, and more than a subarray may have. */
static void test_dimensions(void **state)
{
	(void)state;
	for (size_t ndim = 63; ndim <= 66; ndim++) {
		char text[1000], dims[400] = "";

		for (size_t i = 0; i < ndim; i++)
			memcpy(dims + 2 * i, "1,", 3);
		snprintf(text, sizeof(text), HEAD("'|u1'", "False", "(%s)"), dims);
		check_message(1, text, strlen(text),
			      ndim <= 64 ? NULL : "shape at offset 60 has more than 64 dimensions");
		snprintf(text, sizeof(text), HEAD("[('a', '|u1', (%s))]", "False", "()"), dims);
		check_message(1, text, strlen(text),
			      ndim <= 64 ? NULL : "shape at offset 34 has more than 64 dimensions");
	}
}

/* NumPy's cap counts characters: in version 3 those of UTF-8. */
static void test_length(void **state)
{
	size_t most = st_npy_head_max();
	char *text = malloc(most);
	size_t n = strlen(F4("(2,)"));

	(void)state;
	assert_non_null(text);
	memset(text, ' ', most);
	memcpy(text, F4("(2,)"), n);
	for (unsigned version = 1; version <= 3; version++) {
		check_message(version, text, 10000, NULL);
		check_message(
			version, text, 10001,
			version < 3 ?
				"header length 10001 at offset 8 exceeds NumPy's limit of 10000" :
				"the header of 10001 characters at offset 12 exceeds");
	}
	n = (size_t)snprintf(text, most, "{'descr': [('");
	for (size_t i = 0; i < 9900; i++, n += 4)
		memcpy(text + n, "\xf0\x9f\x98\x80", 4);
	n += (size_t)snprintf(text + n, most - n,
			      "', '<f4')], 'fortran_order': False, 'shape': (2,)}");
	check_message(3, text, n, NULL);
	check_message(2, text, n, "exceeds NumPy's limit of 10000");
	check_message(3, text, 40001, "header length 40001 at offset 8 exceeds");
	free(text);
}

/* Latin-1 before version 3, whose bytes are all characters; then UTF-8, which is checked. */
static void test_charset(void **state)
{
	static const char latin1[] = HEAD("[('\xe9', '<f4')]", "False", "(2,)");
	static const char utf8[] = HEAD("[('\xc3\xa9', '<f4')]", "False", "(2,)");
	struct head h = make(1, latin1, strlen(latin1), 64);
	struct parsed r;

	(void)state;
	assert_int_equal(parse(&r, h.p, h.len, h.len), ST_OK);
	assert_string_equal(r.descr, "[('\xc3\xa9', '<f4')]");
	st_arena_release(&r.arena);
	free(h.p);
	h = make(3, utf8, strlen(utf8), 64);
	assert_int_equal(parse(&r, h.p, h.len, h.len), ST_OK);
	assert_string_equal(r.descr, "[('\xc3\xa9', '<f4')]");
	st_arena_release(&r.arena);
	free(h.p);
	check_message(3, latin1, strlen(latin1), "invalid UTF-8 at offset 25");
	check_message(1, F4("()") "\0", strlen(F4("()")) + 1, "nothing behind the dict");
}

static void test_fixed(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		const char *reason;
	} rows[] = {
		{ "", 0, "no magic number of NumPy at offset 0" },
		{ "\x93NUMP", 5, "no magic number of NumPy at offset 0" },
		{ "\x93NUMPZ\1\0\0\0", 10, "no magic number of NumPy at offset 0" },
		{ "\x93NUMPY", 6, "the file ends at offset 6, within the head" },
		{ "\x93NUMPY\1\0\0", 9, "the file ends at offset 9, within the head" },
		{ "\x93NUMPY\2\0\0\0\0", 11, "the file ends at offset 11, within the head" },
		{ "\x93NUMPY\0\0\0\0\0\0", 12, "version 0.0 at offset 6 is none of NumPy's" },
		{ "\x93NUMPY\4\0\0\0\0\0", 12, "version 4.0 at offset 6" },
		{ "\x93NUMPY\1\1\0\0\0\0", 12, "version 1.1 at offset 6" },
		{ "\x93NUMPY\1\0\1\0", 10,
		  "header length 1 at offset 8 exceeds the 0 bytes behind it" },
		{ "\x93NUMPY\1\0\xff\xff", 10, "header length 65535 at offset 8 exceeds the 0" },
		{ "\x93NUMPY\2\0\xff\xff\xff\xff", 12,
		  "header length 4294967295 at offset 8 exceeds the 0 bytes behind it" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t *p = malloc(rows[i].len ? rows[i].len : 1);
		struct parsed r;

		assert_non_null(p);
		memcpy(p, rows[i].p, rows[i].len);
		if (parse(&r, p, rows[i].len, rows[i].len) != ST_EFORMAT ||
		    !strstr(r.e.msg, rows[i].reason))
			fail_msg("\"%s\", not \"%s\"", r.e.msg, rows[i].reason);
		st_arena_release(&r.arena);
		free(p);
	}
}

/* Through a source: heads shorter and longer than what is read at first. */
static void test_load(void **state)
{
	static const size_t lengths[] = { 54, 60, 117, 118, 119, 128, 500, 10000 };
	char text[10000];

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, F4("(2,)"), strlen(F4("(2,)")));
	for (size_t i = 0; i < COUNT(lengths); i++)
		for (size_t data = 7; data <= 9; data++) {
			size_t n = lengths[i] < strlen(F4("(2,)")) ? strlen(F4("(2,)")) :
								     lengths[i];
			struct head h = make(1, text, n, data);
			struct parsed r = { 0 };
			struct st_source s;
			int rc;

			st_source_init_mem(&s, h.p, h.len, "m");
			st_arena_init(&r.arena);
			rc = st_npy_load(&r.a, &r.data, &r.descr, &r.arena, &s, &r.e);
			assert_int_equal(rc, data < 8 ? ST_EFORMAT : ST_OK);
			if (rc == ST_OK) {
				assert_int_equal(r.data, 10 + n);
				assert_int_equal(r.a.nbytes, 8);
			}
			st_arena_release(&r.arena);
			free(h.p);
		}
}

static const struct {
	struct st_np_array a;
	bool strided;
	int64_t strides[3];
} tensors[] = {
	{ { .type = { ST_F32, false, false, 4 }, .ndim = 2, .shape = { 2, 3 }, .nbytes = 24 },
	  false,
	  { 0 } },
	{ { .type = { ST_F32, true, false, 4 },
	    .ndim = 2,
	    .shape = { 2, 3 },
	    .fortran = true,
	    .nbytes = 24 },
	  true,
	  { 1, 2 } },
	{ { .type = { ST_F32, true, false, 4 },
	    .ndim = 3,
	    .shape = { 2, 3, 4 },
	    .fortran = true,
	    .nbytes = 96 },
	  true,
	  { 1, 2, 6 } },
	/* column-major, and row-major as well */
	{ { .type = { ST_U8, false, false, 1 },
	    .ndim = 3,
	    .shape = { 1, 3, 1 },
	    .fortran = true,
	    .nbytes = 3 },
	  false,
	  { 0 } },
	{ { .type = { ST_U8, false, false, 1 }, .ndim = 0, .fortran = true, .nbytes = 1 },
	  false,
	  { 0 } },
	{ { .type = { ST_U8, false, false, 1 },
	    .ndim = 2,
	    .shape = { (uint64_t)1 << 63, 0 },
	    .fortran = true },
	  false,
	  { 0 } },
	/* opaque bytes stay as they lie */
	{ { .type = { ST_OPAQUE, false, false, 5 },
	    .ndim = 2,
	    .shape = { 2, 3 },
	    .fortran = true,
	    .nbytes = 30 },
	  false,
	  { 0 } },
	{ { .type = { ST_I16, false, false, 2 },
	    .ndim = 3,
	    .shape = { 3, 2, 4 },
	    .permuted = true,
	    .axes = { 1, 0, 2 },
	    .nbytes = 48 },
	  true,
	  { 4, 12, 1 } },
	{ { .type = { ST_I16, false, false, 2 },
	    .ndim = 3,
	    .shape = { 3, 1, 4 },
	    .permuted = true,
	    .axes = { 1, 0, 2 },
	    .nbytes = 24 },
	  false,
	  { 0 } },
};

static void test_tensors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tensors); i++) {
		const struct st_np_array *a = &tensors[i].a;
		struct st_tensor t = { 0 };
		struct st_err e = { 0 };
		struct st_arena arena;

		st_arena_init(&arena);
		assert_int_equal(st_np_tensor(&t, a, &arena, &e), ST_OK);
		assert_int_equal(t.dtype, a->type.dtype);
		assert_int_equal(t.big_endian, a->type.big_endian);
		assert_int_equal(t.nbytes, a->nbytes);
		assert_int_equal(t.ndim, a->ndim);
		assert_non_null(t.shape);
		assert_memory_equal(t.shape, a->shape, a->ndim * sizeof(*a->shape));
		assert_int_equal(t.strides != NULL, tensors[i].strided);
		if (t.strides)
			assert_memory_equal(t.strides, tensors[i].strides,
					    a->ndim * sizeof(*t.strides));
		st_arena_release(&arena);
	}
}

/* What st_npy_header writes for a type is read as that type, or as raw integers of its width. */
static void test_own_headers(void **state)
{
	static const uint64_t dims[] = { 3, 2 };

	(void)state;
	for (unsigned t = 0; t < ST_NDTYPES; t++) {
		const struct st_dtype_info *info = st_dtype_info((enum st_dtype)t);
		struct st_err e = { 0 };
		struct parsed r;
		struct st_buf b;

		st_buf_init(&b, 4096);
		assert_int_equal(st_npy_header(&b, (enum st_dtype)t, dims, 2, &e), ST_OK);
		assert_int_equal(parse(&r, b.p, b.len, b.len + 6 * 16), ST_OK);
		assert_int_equal(r.data, b.len);
		assert_int_equal(r.a.type.itemsize, info->bits < 8 ? 1 : info->bits / 8);
		if (r.a.type.dtype != (enum st_dtype)t)
			assert_true(r.a.type.dtype == ST_U8 || r.a.type.dtype == ST_U16 ||
				    r.a.type.dtype == ST_U32);
		st_arena_release(&r.arena);
		st_buf_release(&b);
	}
}

static void test_named(void **state)
{
	(void)state;
	assert_true(st_npy_named("a/b.npy", ".npy"));
	assert_true(st_npy_named("B.NPY", ".npy"));
	assert_true(st_npy_named(".npy", ".npy"));
	assert_false(st_npy_named("npy", ".npy"));
	assert_false(st_npy_named("a.npy.gz", ".npy"));
	assert_false(st_npy_named("", ".npy"));
	assert_false(st_npy_named(NULL, ".npy"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),	 cmocka_unit_test(test_no_types),
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nesting),	 cmocka_unit_test(test_dimensions),
		cmocka_unit_test(test_length),	 cmocka_unit_test(test_charset),
		cmocka_unit_test(test_fixed),	 cmocka_unit_test(test_load),
		cmocka_unit_test(test_tensors),	 cmocka_unit_test(test_own_headers),
		cmocka_unit_test(test_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

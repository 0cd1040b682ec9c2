/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "format/format.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LIMIT ((uint64_t)64 << 20)
#define GOLDEN "tests/golden/safetensors/" /* tests run at the top of the source tree */

struct file {
	uint8_t *p;
	size_t len;
};

/* The header, its length before it, and data bytes behind it, in a block of exactly that size. */
static struct file make(const char *header, size_t len, size_t data)
{
	struct file f = { malloc(8 + len + data), 8 + len + data };

	assert_non_null(f.p);
	st_put64(f.p, len);
	memcpy(f.p + 8, header, len);
	memset(f.p + 8 + len, 0x5a, data);
	return f;
}

static int parse(struct st_layout *l, const void *p, size_t len, uint64_t limit, struct st_err *e)
{
	struct st_source s;

	*e = (struct st_err){ 0 };
	st_source_init_mem(&s, p, len, "m");
	st_layout_init(l);
	return st_format_parse(st_format_get("safetensors"), l, &s, limit, e);
}

#define T(name, dtype, shape, offsets)                                                           \
	"\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" offsets \
	"]}"
#define A T("a", "U8", "4", "0,4")

static const struct {
	const char *header;
	size_t data, tensors;
} accepted[] = {
	{ "{}", 0, 0 },
	{ "{}      ", 0, 0 },
	{ " \t\r\n{" A "}\n \t", 4, 1 },
	{ "{ " A " , " T("b", "F32", "2, 3", "4 , 28") " } ", 28, 2 },
	{ "{" T("b", "U8", "2", "4,6") "," A "}", 6, 2 }, /* any order */
	{ "{\"__metadata__\":{}," A "}", 4, 1 },
	{ "{" A ",\"__metadata__\":{\"k\":\"v\"}}", 4, 1 },
	{ "{\"__metadata__\":null," A "}", 4, 1 },
	{ "{" T("", "U8", "4", "0,4") "}", 4, 1 },
	{ "{" T("s", "F64", "", "0,8") "}", 8, 1 }, /* a scalar */
	{ "{" T("e", "F32", "0", "0,0") "}", 0, 1 },
	{ "{" T("e", "F32", "3,0", "4,4") "," A "}", 4, 2 },
	{ "{" T("e", "F32", "0", "0,0") "," A "," T("f", "I8", "0", "0,0") "}", 4, 3 },
	{ "{" T("e", "F32", "0,9007199254740992,9", "0,0") "}", 0, 1 },
	{ "{" T("x", "F4", "3,2", "0,3") "}", 3, 1 },
	{ "{" T("x", "F6_E2M3", "4", "0,3") "}", 3, 1 },
	{ "{" T("odd", "U8", "1", "0,1") "," T("f", "F32", "1", "1,5") "}", 5, 2 },
	{ "{" T("x", "Q7_TOMORROW", "5,5", "0,3") "}", 3, 1 },
	{ "{\"x\":{\"data_offsets\":[0,1],\"shape\":[1],\"dtype\":\"U8\"}}", 1, 1 },
	{ "{\"x\":{\"new\":[{\"y\":1}],\"dtype\":\"U8\",\"shape\":[1],"
	  "\"data_offsets\":[0,1],\"new\":0}}",
	  1, 1 },
	{ "{" T("\\u0000\\\"\\ud83d\\ude00", "U8", "4", "0,4") "}", 4, 1 },
};

static void test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		size_t n = strlen(accepted[i].header);
		struct file f = make(accepted[i].header, n, accepted[i].data);
		struct st_layout l;
		struct st_err e;
		uint64_t at = 8 + n;

		if (parse(&l, f.p, f.len, LIMIT, &e) != ST_OK)
			fail_msg("%s: %s", accepted[i].header, e.msg);
		assert_int_equal(l.ntensors, accepted[i].tensors);
		for (size_t k = 0; k < l.ntensors; k++) {
			assert_int_equal(l.tensors[k].offset, at);
			assert_non_null(l.tensors[k].shape);
			assert_null(l.tensors[k].strides);
			assert_false(l.tensors[k].big_endian);
			at += l.tensors[k].nbytes;
		}
		assert_int_equal(at, f.len);
		st_layout_release(&l);
		free(f.p);
	}
}

/* Offsets in messages are the file's: the header's text begins at 8. */
static const struct {
	const char *header;
	size_t data;
	const char *reason;
} refused[] = {
	/* JSON */
	{ "", 0, "JSON: expected an object at offset 8" },
	{ "[]", 0, "JSON: expected an object at offset 8" },
	{ "{", 0, "JSON: the text ends too early at offset 9" },
	{ "{}x", 0, "JSON: unexpected text after the value at offset 10" },
	{ "{}{}", 0, "unexpected text" },
	{ "\xef\xbb\xbf{}", 0, "at offset 8" },
	{ "{" A ",}", 4, "expected a key" },
	{ "{" T("\xff", "U8", "4", "0,4") "}", 4, "JSON: invalid UTF-8 at offset 10" },
	{ "{" T("\\ud800", "U8", "4", "0,4") "}", 4, "surrogate" },
	{ "{'a':1}", 4, "expected a key at offset 9" },
	/* the tensor's object */
	{ "{\"a\":1}", 4, "tensor \"a\" at offset 9: JSON: expected an object at offset 13" },
	{ "{\"a\":null}", 4, "expected an object" },
	{ "{\"a\":[\"U8\",[4],[0,4]]}", 4, "expected an object" },
	{ "{\"a\":{}}", 4, "tensor \"a\" at offset 9: no dtype" },
	{ "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,4]}}", 4, "at offset 9: no shape" },
	{ "{\"a\":{\"dtype\":\"U8\",\"shape\":[4]}}", 4, "at offset 9: no data_offsets" },
	{ "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
	  "a second dtype at offset" },
	{ "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
	  "a second shape at offset" },
	{ "{\"a\":{\"dtype\":7,\"shape\":[4],\"data_offsets\":[0,4]}}", 4, "expected a string" },
	{ "{" T("a", "U8", "-4", "0,4") "}", 4, "not negative at offset 36" },
	{ "{" T("a", "U8", "4.0", "0,4") "}", 4, "expected an integer" },
	{ "{" T("a", "U8", "4e0", "0,4") "}", 4, "expected an integer" },
	{ "{" T("a", "U8", "\"4\"", "0,4") "}", 4, "expected a number" },
	{ "{" T("a", "U8", "04", "0,4") "}", 4, "malformed number" },
	{ "{" T("a", "U8", "18446744073709551616", "0,4") "}", 4, "out of range" },
	{ "{\"a\":{\"dtype\":\"U8\",\"shape\":4,\"data_offsets\":[0,4]}}", 4, "expected an array" },
	{ "{" T("a", "U8", "4", "0") "}", 4, "are not two numbers" },
	{ "{" T("a", "U8", "4", "") "}", 4, "are not two numbers" },
	{ "{" T("a", "U8", "4", "0,4,4") "}", 4, "are not two numbers" },
	{ "{" T("a", "U8", "4", "-1,3") "}", 4, "not negative" },
	{ "{" T("a", "U8", "4", "0,4.0") "}", 4, "expected an integer" },
	/* names */
	{ "{" A "," A "}", 4, "the name \"a\" at offset 61 stands already at offset 9" },
	{ "{" A "," T("\\u0061", "U8", "4", "4,8") "}", 8, "stands already" },
	{ "{\"__metadata__\":{},\"__metadata__\":{}}", 0,
	  "the name \"__metadata__\" at offset 27" },
	/* metadata */
	{ "{\"__metadata__\":{\"k\":1}}", 0, "JSON: expected a string at offset 29" },
	{ "{\"__metadata__\":{\"k\":null}}", 0, "expected a string" },
	{ "{\"__metadata__\":{\"k\":{\"a\":\"b\"}}}", 0, "expected a string" },
	{ "{\"__metadata__\":[]}", 0, "expected an object" },
	{ "{\"__metadata__\":{\"k\":\"1\",\"j\":\"\",\"k\":\"2\"}}", 0, "has two keys \"k\"" },
	/* sizes */
	{ "{" T("a", "U8", "5", "0,4") "}", 4, "shape and u8 make 5 bytes, data_offsets [0,4] 4" },
	{ "{" T("a", "F32", "", "0,8") "}", 8, "shape and f32 make 4 bytes" },
	{ "{" T("a", "U8", "0", "0,4") "}", 4, "make 0 bytes" },
	{ "{" T("a", "U8", "4", "4,0") "}", 4, "data_offsets [4,0] run backwards" },
	{ "{" T("a", "U8", "4", "0,5") "}", 4, "data_offsets [0,5] exceed the 4 bytes" },
	{ "{" T("a", "U8", "4", "18446744073709551612,18446744073709551615") "}", 4,
	  "exceed the 4" },
	{ "{" T("a", "U8", "4294967296,4294967296", "0,0") "}", 0, "exceeds 64 bits" },
	{ "{" T("a", "U8", "4294967296,4294967297", "0,4") "}", 4, "exceeds 64 bits" },
	{ "{" T("a", "F64", "288230376151711745", "0,64") "}", 64, "exceeds 64 bits" },
	{ "{" T("a", "Q7_TOMORROW", "4294967296,4294967296", "0,0") "}", 0, "exceeds 64 bits" },
	{ "{" T("a", "F4", "3", "0,1") "}", 1, "12 bits (shape times f4_e2m1) are not a whole" },
	{ "{" T("a", "F6_E3M2", "2", "0,2") "}", 2, "12 bits" },
	/* cover */
	{ "{}", 1, "1 bytes at offset 10, behind the last tensor, belong to no tensor" },
	{ "{" A "}", 5, "1 bytes at offset 65, behind the last tensor, belong to no tensor" },
	{ "{" T("a", "U8", "4", "1,5") "}", 5,
	  "1 bytes at offset 61, before tensor \"a\", belong" },
	{ "{" A "," T("b", "U8", "4", "5,9") "}", 9, "1 bytes at offset 117, before tensor \"b\"" },
	{ "{" A "," T("b", "U8", "4", "3,7") "}", 7,
	  "tensor \"b\" at offset 116 overlaps tensor \"a\", which ends at offset 117" },
	{ "{" A "," T("b", "U8", "4", "0,4") "}", 4, "overlaps" },
	{ "{" A "," T("b", "U8", "2", "1,3") "}", 4, "overlaps" },
	{ "{" A "," T("b", "U8", "0", "2,2") "}", 4, "tensor \"b\" at offset 115 overlaps" },
	{ "{" T("x", "Q7_TOMORROW", "1", "0,4") "," A "}", 4, "overlaps" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct file f = make(refused[i].header, strlen(refused[i].header), refused[i].data);
		struct st_layout l;
		struct st_err e;

		if (parse(&l, f.p, f.len, LIMIT, &e) != ST_EFORMAT ||
		    strncmp(e.msg, "m: ", 3) != 0 || !strstr(e.msg, refused[i].reason))
			fail_msg("%s: \"%s\", not \"%s\"", refused[i].header, e.msg,
				 refused[i].reason);
		st_layout_release(&l);
		free(f.p);
	}
}

/* Lengths that exceed the file, the format, the memory. */
static void test_header_length(void **state)
{
	static const struct {
		uint64_t n, limit;
		size_t size;
		int code;
		const char *msg;
	} rows[] = {
		{ 0, LIMIT, 0, ST_EFORMAT,
		  "m: 0 bytes at offset 0 are too few for the header length" },
		{ 0, LIMIT, 7, ST_EFORMAT,
		  "m: 7 bytes at offset 0 are too few for the header length" },
		{ UINT64_MAX, LIMIT, 96, ST_EFORMAT,
		  "m: header length 18446744073709551615 at offset 0 exceeds the file's 96 bytes" },
		{ UINT64_MAX - 7, LIMIT, 96, ST_EFORMAT,
		  "m: header length 18446744073709551608 at offset 0 exceeds the file's 96 bytes" },
		{ 89, LIMIT, 96, ST_EFORMAT,
		  "m: header length 89 at offset 0 exceeds the file's 96 bytes" },
		{ 88, 383, 96, ST_ELIMIT,
		  "m: header length 88 at offset 0 asks for more than the 383 bytes of memory allowed" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t *p = calloc(1, 128);
		struct st_layout l;
		struct st_err e;

		assert_non_null(p);
		st_put64(p, rows[i].n);
		assert_int_equal(parse(&l, p, rows[i].size, rows[i].limit, &e), rows[i].code);
		assert_string_equal(e.msg, rows[i].msg);
		st_layout_release(&l);
		free(p);
	}
}

/* A source of 200 MB that is never read beyond its length field. */
static int length_pread(const struct st_source *s, void *buf, size_t n, uint64_t off,
			struct st_err *e)
{
	(void)e;
	assert_int_equal(off, 0);
	assert_int_equal(n, 8);
	memcpy(buf, s->mem, 8);
	return ST_OK;
}

static void test_header_cap(void **state)
{
	static const struct st_source_ops ops = { .pread = length_pread };
	uint8_t n[8];
	struct st_source s = { .ops = &ops, .size = 200000000, .name = "big", .mem = n };
	struct st_err e = { 0 };
	struct st_layout l;

	(void)state;
	st_put64(n, 100000001);
	st_layout_init(&l);
	assert_int_equal(st_format_parse(st_format_get("safetensors"), &l, &s, UINT64_MAX, &e),
			 ST_EFORMAT);
	assert_string_equal(e.msg,
			    "big: header length 100000001 at offset 0 exceeds the format's limit"
			    " of 100000000");
	st_err_clear(&e);
	st_put64(n, 100000000);
	assert_int_equal(st_format_parse(st_format_get("safetensors"), &l, &s, 100000000, &e),
			 ST_ELIMIT);
	st_layout_release(&l);
}

static void test_deep(void **state)
{
	enum {
		DEEP = 100000
	};
	static const char *const starts[] = { "", "{\"a\":", "{\"a\":{\"x\":",
					      "{\"__metadata__\":{\"k\":" };
	char *text = malloc(DEEP + 64);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < COUNT(starts); i++) {
		size_t n = strlen(starts[i]);
		struct st_layout l;
		struct st_err e;
		struct file f;

		memcpy(text, starts[i], n);
		memset(text + n, '[', DEEP);
		f = make(text, n + DEEP, 0);
		assert_int_equal(parse(&l, f.p, f.len, LIMIT, &e), ST_EFORMAT);
		assert_non_null(strstr(e.msg, " at offset "));
		if (i == 2)
			assert_non_null(strstr(e.msg, "nested too deep"));
		st_layout_release(&l);
		free(f.p);
	}
	free(text);
}

static void test_dimensions(void **state)
{
	(void)state;
	for (unsigned n = ST_MAX_NDIM; n <= ST_MAX_NDIM + 1; n++) {
		char text[512] = "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1],\"shape\":[1";
		size_t len = strlen(text);
		struct st_layout l;
		struct st_err e;
		struct file f;

		for (unsigned i = 1; i < n; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, ",1");
		len += (size_t)snprintf(text + len, sizeof(text) - len, "]}}");
		f = make(text, len, 1);
		if (n <= ST_MAX_NDIM) {
			assert_int_equal(parse(&l, f.p, f.len, LIMIT, &e), ST_OK);
			assert_int_equal(l.tensors[0].ndim, n);
		} else {
			assert_int_equal(parse(&l, f.p, f.len, LIMIT, &e), ST_EFORMAT);
			assert_non_null(strstr(e.msg, "has more than 64 dimensions"));
		}
		st_layout_release(&l);
		free(f.p);
	}
}

static void test_fields(void **state)
{
	static const char header[] =
		"{\"__metadata__\":{\"b\":\"2\",\"a\":\"\\u00e4\\/\\u0001\"}," T(
			"w", "BF16", "2,3", "0,12") "," T("x", "Q7", "5", "12,15") "}";
	struct file f = make(header, strlen(header), 15);
	const struct st_tensor *t;
	struct st_layout l;
	struct st_err e;

	(void)state;
	assert_int_equal(parse(&l, f.p, f.len, LIMIT, &e), ST_OK);
	assert_string_equal(l.format, "safetensors");
	assert_int_equal(l.size, f.len);
	assert_int_equal(l.ntensors, 2);
	t = &l.tensors[0];
	assert_string_equal(t->name, "w");
	assert_int_equal(t->name_len, 1);
	assert_int_equal(t->dtype, ST_BF16);
	assert_int_equal(t->ndim, 2);
	assert_int_equal(t->shape[0], 2);
	assert_int_equal(t->shape[1], 3);
	assert_int_equal(t->nbytes, 12);
	t = &l.tensors[1];
	assert_int_equal(t->dtype, ST_OPAQUE);
	assert_int_equal(t->shape[0], 5);
	assert_int_equal(t->nbytes, 3);
	assert_int_equal(l.metadata_len, strlen(l.metadata));
	assert_string_equal(l.metadata, "{\"metadata\":{\"a\":\"\xc3\xa4/\\u0001\",\"b\":\"2\"}}");
	st_layout_release(&l);
	free(f.p);
}

static void test_metadata_absent(void **state)
{
	static const struct {
		const char *header, *want;
	} rows[] = {
		{ "{}", NULL },
		{ "{\"__metadata__\":null}", NULL },
		{ "{\"__metadata__\":{ }}", "{\"metadata\":{}}" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct file f = make(rows[i].header, strlen(rows[i].header), 0);
		struct st_layout l;
		struct st_err e;

		assert_int_equal(parse(&l, f.p, f.len, LIMIT, &e), ST_OK);
		if (rows[i].want)
			assert_string_equal(l.metadata, rows[i].want);
		else
			assert_null(l.metadata);
		st_layout_release(&l);
		free(f.p);
	}
}

/* A header of nothing but metadata is held to the budget, at 7 bytes a key in the file. */
static void test_metadata_budget(void **state)
{
	enum {
		KEYS = 20000
	};
	struct st_layout l;
	struct st_err e = { 0 };
	struct st_buf b;
	struct file f;

	(void)state;
	st_buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < KEYS; i++)
		assert_int_equal(st_buf_addf(&b, &e, "%s\"%x\":\"\"",
					     i ? "," : "{\"__metadata__\":{", i),
				 ST_OK);
	assert_int_equal(st_buf_addstr(&b, "}}", &e), ST_OK);
	f = make((const char *)b.p, b.len, 0);
	assert_int_equal(parse(&l, f.p, f.len, LIMIT, &e), ST_OK);
	st_layout_release(&l);
	assert_int_equal(parse(&l, f.p, f.len, f.len * 5, &e), ST_ELIMIT);
	assert_non_null(strstr(e.msg, "__metadata__ up to offset"));
	st_layout_release(&l);
	free(f.p);
	st_buf_release(&b);
}

static void test_probe(void **state)
{
	static const struct {
		const char *head;
		size_t len;
		uint64_t size;
		const char *path;
		int want;
	} rows[] = {
		{ "\x02\0\0\0\0\0\0\0{}", 10, 10, "x", 70 },
		{ "\x02\0\0\0\0\0\0\0{}", 10, 10, NULL, 70 },
		{ "\x02\0\0\0\0\0\0\0{}", 10, 10, "d/x.safetensors", 100 },
		{ "\x02\0\0\0\0\0\0\0{}", 10, 10, "d/X.SafeTensors", 100 },
		{ "\x40\0\0\0\0\0\0\0{\"", 10, 100, "x", 70 },
		{ "\x40\0\0\0\0\0\0\0 \n\t\r{ \"", 15, 100, "x", 70 },
		{ "\x40\0\0\0\0\0\0\0{a", 10, 100, "x", 0 },
		{ "\x40\0\0\0\0\0\0\0[]", 10, 100, "x", 0 },
		{ "\x40\0\0\0\0\0\0\0          ", 18, 100, "x", 0 },
		{ "\x40\0\0\0\0\0\0\0{\"", 10, 71, "x", 0 }, /* one byte short */
		{ "\x40\0\0\0\0\0\0\0{\"", 10, 72, "x", 70 },
		{ "\x01\0\0\0\0\0\0\0{\"", 10, 100, "x", 0 },
		{ "\0\xe1\xf5\x05\0\0\0\0{\"", 10, 200000000, "x", 70 },
		{ "\x01\xe1\xf5\x05\0\0\0\0{\"", 10, 200000000, "x", 0 }, /* above the cap */
		{ "\x40\0\0\0\0\0\0\x80{\"", 10, 200, "x", 0 },
		{ "", 0, 0, "x", 0 },
		/* Damaged, and called what it was. */
		{ "", 0, 0, "x.safetensors", 10 },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff{\"", 10, 100, "x.safetensors", 10 },
		{ "garbage", 7, 7, ".safetensors", 10 },
		{ "garbage", 7, 7, "x.safetensors.index.json", 0 },
		{ "garbage", 7, 7, "safetensors", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int got = st_format_get("safetensors")
				  ->probe((const uint8_t *)rows[i].head, rows[i].len, rows[i].size,
					  rows[i].path);

		if (got != rows[i].want)
			fail_msg("row %zu: %d, not %d", i, got, rows[i].want);
	}
}

/* 100,000 tensors, last first in the header. */
static void test_many(void **state)
{
	enum {
		MANY = 100000
	};
	struct st_err e = { 0 };
	struct st_layout l;
	struct st_buf b;
	struct file f;
	char name[32];

	(void)state;
	st_buf_init(&b, 1 << 25);
	for (size_t i = MANY; i-- > 0;)
		assert_int_equal(st_buf_addf(&b, &e, "%c" T("t.%zu.weight", "I16", "2", "%zu,%zu"),
					     b.len ? ',' : '{', i, i * 4, i * 4 + 4),
				 ST_OK);
	assert_int_equal(st_buf_addch(&b, '}', &e), ST_OK);
	f = make((const char *)b.p, b.len, MANY * 4);
	assert_int_equal(parse(&l, f.p, f.len, LIMIT, &e), ST_OK);
	assert_int_equal(l.ntensors, MANY);
	for (size_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "t.%zu.weight", i);
		assert_string_equal(l.tensors[i].name, name);
		assert_int_equal(l.tensors[i].offset, 8 + b.len + 4 * i);
	}
	st_layout_release(&l);
	free(f.p);
	st_buf_release(&b);
}

static struct file load(const char *path)
{
	struct file f = { malloc(65536), 0 };
	FILE *in = fopen(path, "rb");

	if (!in || !f.p)
		fail_msg("cannot read %s", path);
	f.len = fread(f.p, 1, 65536, in);
	fclose(in);
	return f;
}

/* As tests/golden/make_safetensors.py writes what the reference reader found. */
static void describe(struct st_buf *b, const struct st_layout *l)
{
	struct st_err e = { 0 };
	struct st_jw w;
	int rc = ST_OK;

	for (size_t i = 0; i < l->ntensors; i++) {
		const struct st_tensor *t = &l->tensors[i];

		rc |= st_buf_addf(b, &e, "%" PRIu64 " %" PRIu64 " %s [", t->offset, t->nbytes,
				  st_dtype_info(t->dtype)->name);
		for (unsigned k = 0; k < t->ndim; k++)
			rc |= st_buf_addf(b, &e, "%s%" PRIu64, k ? "," : "", t->shape[k]);
		rc |= st_buf_addstr(b, "] ", &e);
		st_jw_init(&w, b, false, &e);
		st_jw_stringn(&w, t->name, t->name_len);
		rc |= st_buf_addch(b, '\n', &e);
	}
	if (l->metadata)
		rc |= st_buf_addf(b, &e, "metadata %.*s\n", (int)l->metadata_len, l->metadata);
	assert_int_equal(rc, ST_OK);
	assert_non_null(st_buf_cstr(b, &e));
}

static void check_golden(const char *path)
{
	struct file f = load(path), want;
	struct st_layout l;
	struct st_buf b;
	struct st_err e;
	char name[256];

	snprintf(name, sizeof(name), "%.*s.layout", (int)(strlen(path) - strlen(".safetensors")),
		 path);
	want = load(name);
	st_buf_init(&b, 65536);
	if (parse(&l, f.p, f.len, LIMIT, &e) != ST_OK)
		fail_msg("%s: %s", path, e.msg);
	describe(&b, &l);
	assert_int_equal(b.len, want.len);
	assert_memory_equal(b.p, want.p, want.len);
	st_layout_release(&l);
	st_buf_release(&b);
	free(want.p);
	free(f.p);
}

static void test_golden(void **state)
{
	static const char *const patterns[] = { GOLDEN "*.safetensors",
						GOLDEN "sharded/*.safetensors" };
	size_t files = 0;
	glob_t g;

	(void)state;
	for (size_t i = 0; i < COUNT(patterns); i++) {
		assert_int_equal(glob(patterns[i], 0, NULL, &g), 0);
		for (size_t k = 0; k < g.gl_pathc; k++, files++)
			check_golden(g.gl_pathv[k]);
		globfree(&g);
	}
	assert_true(files >= 9);
}

/* Cut anywhere, or one byte longer, a file is no longer one; each length in a block of its own. */
static void test_cut(void **state)
{
	struct file f = load(GOLDEN "torch.safetensors");
	struct st_layout l;
	struct st_err e;

	(void)state;
	for (size_t n = 0; n <= f.len + 1; n++) {
		uint8_t *p = calloc(1, n ? n : 1);

		assert_non_null(p);
		memcpy(p, f.p, n < f.len ? n : f.len);
		assert_int_equal(parse(&l, p, n, LIMIT, &e), n == f.len ? ST_OK : ST_EFORMAT);
		if (n != f.len)
			assert_non_null(strstr(e.msg, "offset"));
		st_layout_release(&l);
		free(p);
	}
	free(f.p);
}

/* A flipped bit in the header is refused or yields a layout that still covers the file. */
static void test_flip(void **state)
{
	struct file f = load(GOLDEN "shapes.safetensors");
	size_t head = 8 + (size_t)st_get64(f.p), bad = 0;
	struct st_layout l;
	struct st_err e;

	(void)state;
	for (size_t bit = 0; bit < head * 8; bit++) {
		uint64_t sum = 0;

		f.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (parse(&l, f.p, f.len, LIMIT, &e) == ST_OK) {
			for (size_t i = 0; i < l.ntensors; i++)
				sum += l.tensors[i].nbytes;
			assert_int_equal(sum, f.len - head);
		} else {
			assert_int_equal(e.code, ST_EFORMAT);
			bad++;
		}
		st_layout_release(&l);
		f.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(bad > head); /* most flips hurt */
	free(f.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_header_length),
		cmocka_unit_test(test_header_cap),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_dimensions),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_metadata_absent),
		cmocka_unit_test(test_metadata_budget),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_flip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "format/format.h"
#include "zip_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LIMIT ((uint64_t)4 << 20)

struct member {
	const char *name;
	const void *p;
	size_t len;
	unsigned method;
	/* what the archive claims instead, when not 0 */
	uint32_t usize, crc;
};

/* A ZIP archive as short as can be, in a block of its size. */
struct archive {
	struct st_buf b;
	struct st_buf central;
	unsigned n;
};

static void put(struct st_buf *b, unsigned width, uint32_t v)
{
	struct st_err e = { 0 };
	uint8_t le[4];

	st_put32(le, v);
	assert_int_equal(st_buf_add(b, le, width, &e), ST_OK);
}

static void put_bytes(struct st_buf *b, const void *p, size_t n)
{
	struct st_err e = { 0 };

	assert_int_equal(st_buf_add(b, p, n, &e), ST_OK);
}

/* From the version needed to the name: the same in both headers. */
static void put_common(struct st_buf *b, const struct member *m, uint32_t crc, size_t csize)
{
	put(b, 2, 20);
	put(b, 2, 0);
	put(b, 2, m->method);
	put(b, 4, 0);
	put(b, 4, crc);
	put(b, 4, (uint32_t)csize);
	put(b, 4, m->usize ? m->usize : (uint32_t)m->len);
	put(b, 2, (uint32_t)strlen(m->name));
	put(b, 2, 0);
}

static void add(struct archive *z, const struct member *m)
{
	uint32_t at = (uint32_t)z->b.len;
	uint32_t crc = m->crc ? m->crc : (uint32_t)crc32(0, m->p, (uInt)m->len);
	uint8_t *packed = malloc(m->len + 1000);
	size_t csize = m->len;

	assert_non_null(packed);
	if (m->method == ST_ZIP_DEFLATED)
		csize = zip_squeeze(packed, m->len + 1000, m->p, m->len);
	else
		memcpy(packed, m->p, m->len);
	put_bytes(&z->b, "PK\3\4", 4);
	put_common(&z->b, m, crc, csize);
	put_bytes(&z->b, m->name, strlen(m->name));
	put_bytes(&z->b, packed, csize);
	put_bytes(&z->central, "PK\1\2\x14\0", 6);
	put_common(&z->central, m, crc, csize);
	put(&z->central, 2, 0); /* comment */
	put(&z->central, 4, 0); /* disk, attributes inside */
	put(&z->central, 4, 0);
	put(&z->central, 4, at);
	put_bytes(&z->central, m->name, strlen(m->name));
	z->n++;
	free(packed);
}

static void make(struct archive *z, const struct member *m, size_t n)
{
	uint32_t at;

	*z = (struct archive){ 0 };
	st_buf_init(&z->b, 1 << 24);
	st_buf_init(&z->central, 1 << 20);
	for (size_t i = 0; i < n; i++)
		add(z, &m[i]);
	at = (uint32_t)z->b.len;
	put_bytes(&z->b, z->central.p, z->central.len);
	put_bytes(&z->b, "PK\5\6\0\0\0\0", 8);
	put(&z->b, 2, z->n);
	put(&z->b, 2, z->n);
	put(&z->b, 4, (uint32_t)z->central.len);
	put(&z->b, 4, at);
	put(&z->b, 2, 0);
	st_buf_release(&z->central);
}

static int parse(struct st_layout *l, const struct st_source *s, uint64_t limit, struct st_err *e)
{
	*e = (struct st_err){ 0 };
	st_layout_init(l);
	return st_format_parse(st_format_get("npz"), l, s, limit, e);
}

#define HEAD(descr, order, shape) \
	"{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

/* A .npy file of version 1; its data count up from 1. */
static struct st_buf npy(const char *text, size_t data)
{
	uint8_t head[10] = "\x93NUMPY\1";
	struct st_buf b;

	st_buf_init(&b, 1 << 20);
	st_put16(head + 8, (uint16_t)strlen(text));
	put_bytes(&b, head, sizeof(head));
	put_bytes(&b, text, strlen(text));
	for (size_t i = 0; i < data; i++)
		put(&b, 1, (uint32_t)(i + 1));
	return b;
}

struct bytes {
	uint8_t p[64];
	size_t n;
};

static int collect(void *arg, const void *p, size_t n, struct st_err *e)
{
	struct bytes *b = arg;

	(void)e;
	assert_true(n <= sizeof(b->p) - b->n);
	memcpy(b->p + b->n, p, n);
	b->n += n;
	return ST_OK;
}

static const struct st_tensor *find(const struct st_layout *l, const char *name)
{
	for (size_t i = 0; i < l->ntensors; i++)
		if (strcmp(l->tensors[i].name, name) == 0)
			return &l->tensors[i];
	fail_msg("no tensor %s", name);
	return NULL;
}

static void check_bytes(const struct st_tensor *t, const struct st_source *s, const char *want,
			size_t n)
{
	struct st_err e = { 0 };
	struct bytes b = { 0 };

	if (st_format_each(t, s, 1 << 16, collect, &b, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(b.n, n);
	assert_memory_equal(b.p, want, n);
}

#define C_BYTES "\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c"
#define F_BYTES "\2\1\6\5\x0a\x09\4\3\x08\7\x0c\x0b"

/* Both kinds of members, among others that are none of ours. */
static void test_accepted(void **state)
{
	struct st_buf c = npy(HEAD("'<i2'", "False", "(2, 3)"), 12);
	struct st_buf f = npy(HEAD("'>i2'", "True", "(2, 3)"), 13);
	struct st_buf o = npy(HEAD("'|O'", "False", "(2,)"), 3);
	struct st_buf v = npy(HEAD("'|V3'", "False", "(2,)"), 6);
	const struct member m[] = {
		{ "layer/c.npy", c.p, c.len, ST_ZIP_STORED, 0, 0 },
		{ "readme.txt", "hello", 5, ST_ZIP_STORED, 0, 0 },
		{ "f.npy", f.p, f.len, ST_ZIP_STORED, 0, 0 },
		{ "zc.npy", c.p, c.len, ST_ZIP_DEFLATED, 0, 0 },
		{ "zf.npy", f.p, f.len, ST_ZIP_DEFLATED, 0, 0 },
		{ "o.npy", o.p, o.len, ST_ZIP_STORED, 0, 0 },
		{ "v.npy", v.p, v.len, ST_ZIP_DEFLATED, 0, 0 },
		{ ".npy", c.p, c.len, ST_ZIP_STORED, 0, 0 },
		{ "x.NPY", "none", 4, ST_ZIP_STORED, 0, 0 },
	};
	const struct st_tensor *t;
	struct st_layout l;
	struct st_source s;
	struct archive z;
	struct st_err e;

	(void)state;
	make(&z, m, COUNT(m));
	st_source_init_mem(&s, z.b.p, z.b.len, "m");
	if (parse(&l, &s, LIMIT, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(l.ntensors, 6);
	t = find(&l, "layer/c");
	assert_int_equal(t->where, ST_IN_FILE);
	assert_int_equal(t->offset, 30 + strlen("layer/c.npy") + c.len - 12);
	assert_memory_equal(z.b.p + t->offset, C_BYTES, 12);
	assert_null(t->strides);
	check_bytes(t, &s, C_BYTES, 12);
	t = find(&l, "f");
	assert_int_equal(t->where, ST_IN_FILE);
	assert_true(t->big_endian);
	assert_non_null(t->strides);
	check_bytes(t, &s, F_BYTES, 12);
	t = find(&l, "zc");
	assert_int_equal(t->where, ST_PACKED);
	assert_int_equal(t->offset, c.len - 12);
	assert_int_equal(t->nbytes, 12);
	assert_int_equal(t->packed->usize, c.len);
	assert_int_equal(t->packed->crc, crc32(0, c.p, (uInt)c.len));
	check_bytes(t, &s, C_BYTES, 12);
	check_bytes(find(&l, "zf"), &s, F_BYTES, 12);
	check_bytes(find(&l, ""), &s, C_BYTES, 12);
	t = find(&l, "v");
	assert_int_equal(t->dtype, ST_OPAQUE);
	check_bytes(t, &s, "\1\2\3\4\5\6", 6);
	assert_string_equal(l.metadata,
			    "{\"config\":{\"o\":{\"descr\":\"|O\",\"fortran_order\":false,"
			    "\"objects\":true,\"shape\":[2]},"
			    "\"v\":{\"descr\":\"|V3\",\"fortran_order\":false}}}");
	st_layout_release(&l);
	st_buf_release(&z.b);
	st_buf_release(&c);
	st_buf_release(&f);
	st_buf_release(&o);
	st_buf_release(&v);
}

/* What numpy.savez writes without arrays. */
static void test_empty(void **state)
{
	struct st_layout l;
	struct st_source s;
	struct archive z;
	struct st_err e;

	(void)state;
	make(&z, NULL, 0);
	assert_int_equal(z.b.len, 22);
	st_source_init_mem(&s, z.b.p, z.b.len, "m");
	assert_int_equal(parse(&l, &s, LIMIT, &e), ST_OK);
	assert_int_equal(l.ntensors, 0);
	assert_null(l.metadata);
	st_layout_release(&l);
	st_buf_release(&z.b);
}

static void check_refused(const struct member *m, size_t n, int code, const char *reason)
{
	struct st_layout l;
	struct st_source s;
	struct archive z;
	struct st_err e;

	make(&z, m, n);
	st_source_init_mem(&s, z.b.p, z.b.len, "m");
	if (parse(&l, &s, LIMIT, &e) != code || !strstr(e.msg, reason))
		fail_msg("\"%s\", not \"%s\"", e.msg, reason);
	assert_true(strncmp(e.msg, "m: ", 3) == 0);
	st_layout_release(&l);
	st_buf_release(&z.b);
}

static void test_refused(void **state)
{
	struct st_buf c = npy(HEAD("'<i2'", "False", "(2, 3)"), 12);
	struct st_buf more = npy(HEAD("'<i2'", "False", "(2, 4)"), 12);
	struct st_buf code = npy(HEAD("__import__('os')", "False", "(2, 4)"), 12);
	uint32_t len = (uint32_t)c.len;
	const struct {
		struct member m;
		const char *reason;
	} rows[] = {
		{ { "a.npy", "hello", 5, ST_ZIP_STORED, 0, 0 },
		  "in member \"a.npy\" at offset 0: no magic number of NumPy at offset 0" },
		{ { "a.npy", "", 0, ST_ZIP_STORED, 0, 0 }, "no magic number of NumPy" },
		{ { "a.npy", more.p, more.len, ST_ZIP_STORED, 0, 0 },
		  "in member \"a.npy\" at offset 0: the array takes 16 bytes at offset 69, 12 are" },
		{ { "a.npy", more.p, more.len, ST_ZIP_DEFLATED, 0, 0 }, "the array takes 16" },
		{ { "a.npy", code.p, code.len, ST_ZIP_DEFLATED, 0, 0 },
		  "expected a type at offset 20" },
		/* more than DEFLATE can make of these bytes; more and less than it does make */
		{ { "a.npy", c.p, c.len, ST_ZIP_DEFLATED, 0x7fffffff, 0 },
		  "cannot inflate to 2147483647 bytes" },
		{ { "a.npy", c.p, c.len, ST_ZIP_DEFLATED, len + 1, 0 }, "member \"a.npy\"" },
		{ { "a.npy", c.p, c.len, ST_ZIP_DEFLATED, len - 1, 0 }, "member \"a.npy\"" },
		{ { "a.npy", c.p, c.len, ST_ZIP_DEFLATED, 0, 1 }, "member \"a.npy\"" },
		{ { "a.npy", c.p, c.len, 12, 0, 0 }, "compression method 12" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_refused(&rows[i].m, 1, ST_EFORMAT, rows[i].reason);
	st_buf_release(&c);
	st_buf_release(&more);
	st_buf_release(&code);
}

/* At every byte: what is left has no directory. */
static void test_truncated(void **state)
{
	struct st_buf c = npy(HEAD("'<i2'", "False", "(2, 3)"), 12);
	const struct member m[] = {
		{ "a.npy", c.p, c.len, ST_ZIP_STORED, 0, 0 },
		{ "b.npy", c.p, c.len, ST_ZIP_DEFLATED, 0, 0 },
	};
	struct archive z;

	(void)state;
	make(&z, m, COUNT(m));
	for (size_t n = 0; n < z.b.len; n++) {
		uint8_t *p = malloc(n ? n : 1);
		struct st_layout l;
		struct st_source s;
		struct st_err e;

		assert_non_null(p);
		memcpy(p, z.b.p, n);
		st_source_init_mem(&s, p, n, "m");
		if (parse(&l, &s, LIMIT, &e) != ST_EFORMAT || !strstr(e.msg, "offset"))
			fail_msg("%zu bytes: \"%s\"", n, e.msg);
		st_layout_release(&l);
		free(p);
	}
	st_buf_release(&z.b);
	st_buf_release(&c);
}

/* Heads that pack well: what is kept of many of them has a bound. */
static void test_limit(void **state)
{
	enum {
		N = 400
	};
	char text[10000], names[N][16];
	struct member m[N];
	struct st_layout l;
	struct st_source s;
	struct archive z;
	struct st_buf f;
	struct st_err e;

	(void)state;
	memset(text, 'n', sizeof(text));
	memcpy(text, "{'descr': [('", 13);
	snprintf(text + 9900, 100, "%s", "', '|u1')], 'fortran_order': True, 'shape': (0,)}");
	f = npy(text, 0);
	for (size_t i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "%zu.npy", i);
		m[i] = (struct member){ names[i], f.p, f.len, ST_ZIP_DEFLATED, 0, 0 };
	}
	check_refused(m, N, ST_ELIMIT, "in member");
	make(&z, m, 50);
	st_source_init_mem(&s, z.b.p, z.b.len, "m");
	assert_int_equal(parse(&l, &s, LIMIT, &e), ST_OK);
	assert_int_equal(l.ntensors, 50);
	st_layout_release(&l);
	st_buf_release(&z.b);
	st_buf_release(&f);
}

/* New bytes of a stored member, and the checksums that then agree again. */
static void test_patch(void **state)
{
	struct st_buf c = npy(HEAD("'<i2'", "False", "(2, 3)"), 12);
	const struct member m = { "a.npy", c.p, c.len, ST_ZIP_STORED, 0, 0 };
	const struct st_format *npz = st_format_get("npz");
	char path[] = "/tmp/st-npz-XXXXXX";
	struct st_err e = { 0 };
	struct st_layout l;
	struct st_source s;
	struct archive z;
	struct st_run run;
	struct st_zip zip;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	make(&z, &m, 1);
	assert_int_equal(write(fd, z.b.p, z.b.len), z.b.len);
	st_source_init_fd(&s, fd, z.b.len, "m");
	assert_int_equal(parse(&l, &s, LIMIT, &e), ST_OK);
	run = (struct st_run){ l.tensors[0].offset, l.tensors[0].nbytes };
	memset(c.p + c.len - 12, 0x77, 12);
	assert_int_equal(pwrite(fd, c.p + c.len - 12, 12, (off_t)run.off), 12);
	assert_non_null(npz->patch);
	if (npz->patch(fd, &s, &run, 1, LIMIT, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(st_zip_open(&zip, &s, LIMIT, &e), ST_OK);
	assert_int_equal(zip.members[0].crc, crc32(0, c.p, (uInt)c.len));
	assert_null(zip.oddity);
	st_zip_release(&zip);
	st_layout_release(&l);
	st_buf_release(&z.b);
	st_buf_release(&c);
	close(fd);
}

static void test_probe(void **state)
{
#define LOCAL(length, name) \
	"PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" length "\0\0\0" name
	static const struct {
		const char *p;
		size_t len;
		const char *path;
		int score;
	} rows[] = {
		{ LOCAL("\5", "w.npy"), 35, "x", 80 },
		{ LOCAL("\5", "w.npy"), 35, NULL, 80 },
		{ LOCAL("\5", "w.npy"), 35, "x.npz", 90 },
		{ LOCAL("\5", "w.np"), 34, "x", 0 }, /* not to be seen */
		{ LOCAL("\x22", "012345678901234567890123456789.npy"), 64, "x", 80 },
		{ LOCAL("\x23", "012345678901234567890123456789.npy"), 64, "x", 0 },
		{ LOCAL("\x23", "012345678901234567890123456789.npy"), 64, "x.NPZ", 90 },
		{ LOCAL("\3", "npy"), 33, "x", 0 },
		{ LOCAL("\x10", "archive/data.pkl"), 46, "model.pt", 0 },
		{ LOCAL("\x10", "archive/data.pkl"), 46, "model.npz", 90 },
		{ "PK\3\4", 4, "x", 0 },
		{ "PK\3\4", 4, "x.npz", 90 },
		{ "PK\5\6", 4, "x.npz", 90 },
		{ "PK\5\6", 4, "x", 0 },
		{ "PK\3", 3, "x.npz", 10 },
		{ "hello", 5, "x.npz", 10 },
		{ "", 0, "x.npz", 10 },
		{ "", 0, "x.npy", 0 },
		{ "", 0, NULL, 0 },
	};
	const struct st_format *npz = st_format_get("npz");

	(void)state;
	assert_non_null(npz);
	for (size_t i = 0; i < COUNT(rows); i++) {
		int score = npz->probe((const uint8_t *)rows[i].p, rows[i].len, 1000, rows[i].path);

		if (score != rows[i].score)
			fail_msg("row %zu: %d, not %d", i, score, rows[i].score);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_empty),
		cmocka_unit_test(test_refused),	 cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_limit),	 cmocka_unit_test(test_patch),
		cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

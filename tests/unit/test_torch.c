/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/format.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LIMIT ((uint64_t)1 << 22)
#define TEXT(s) s, sizeof(s) - 1

/* ---- archives ---- */

struct member {
	const char *name, *data;
	size_t size;
	bool deflated; /* the data are those of a DEFLATE stream that stores them */
};

struct file {
	uint8_t p[8192];
	size_t n;
};

static void put(struct file *f, const void *p, size_t n)
{
	assert_true(n <= sizeof(f->p) - f->n);
	memcpy(f->p + f->n, p, n);
	f->n += n;
}

static void put16(struct file *f, size_t v)
{
	uint8_t b[2];

	st_put16(b, (uint16_t)v);
	put(f, b, sizeof(b));
}

static void put32(struct file *f, size_t v)
{
	uint8_t b[4];

	st_put32(b, (uint32_t)v);
	put(f, b, sizeof(b));
}

static uint32_t crc_of(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint32_t c = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		c ^= b[i];
		for (unsigned k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
	}
	return ~c;
}

/* What local and central headers share, from the version on. */
static void put_fields(struct file *f, const struct member *m)
{
	put16(f, 0); /* version, flags, method, time, date */
	put16(f, 0);
	put16(f, m->deflated ? 8 : 0);
	put32(f, 0);
	put32(f, crc_of(m->data, m->size));
	put32(f, m->size + (m->deflated ? 5 : 0));
	put32(f, m->size);
	put16(f, strlen(m->name));
	put16(f, 0);
}

static void put_data(struct file *f, const struct member *m)
{
	if (m->deflated) {
		put(f, "\1", 1);
		put16(f, m->size);
		put16(f, ~m->size & 0xffff);
	}
	put(f, m->data, m->size);
}

static void build_members(struct file *f, const struct member *m, size_t n)
{
	size_t local[16], dir, dir_len;

	f->n = 0;
	assert_true(n <= COUNT(local));
	for (size_t i = 0; i < n; i++) {
		local[i] = f->n;
		put(f, "PK\3\4", 4);
		put_fields(f, &m[i]);
		put(f, m[i].name, strlen(m[i].name));
		put_data(f, &m[i]);
	}
	dir = f->n;
	for (size_t i = 0; i < n; i++) {
		put(f, "PK\1\2\0\0", 6);
		put_fields(f, &m[i]);
		put(f, "\0\0\0\0\0\0\0\0\0\0", 10); /* comment, disk, attributes */
		put32(f, local[i]);
		put(f, m[i].name, strlen(m[i].name));
	}
	dir_len = f->n - dir;
	put(f, "PK\5\6\0\0\0\0", 8);
	put16(f, n);
	put16(f, n);
	put32(f, dir_len);
	put32(f, dir);
	put16(f, 0);
}

static int parse(struct st_layout *l, const void *p, size_t n, struct st_err *e)
{
	uint8_t *copy = malloc(n ? n : 1); /* ends where the file does, for the sanitizer */
	struct st_source s;
	int rc;

	assert_non_null(copy);
	memcpy(copy, p, n);
	*e = (struct st_err){ 0 };
	st_source_init_mem(&s, copy, n, "m");
	st_layout_init(l);
	rc = st_format_parse(st_format_get("torch"), l, &s, LIMIT, e);
	free(copy);
	return rc;
}

/* ---- pickles ---- */

#define ID(class, key, n)                                               \
	"(X\7\0\0\0storagectorch\n" class "\nX\1\0\0\0" key "X\3\0\0\0" \
					  "cpuK" n "tQ"
#define TENSOR(id, first, n)                                                        \
	"ctorch._utils\n_rebuild_tensor_v2\n(" id "K" first "K" n "\x85K\1\x85\x89" \
	"ccollections\nOrderedDict\n)RtR"
#define ITEM(name, id, first, n) "X\1\0\0\0" name TENSOR(id, first, n)
#define OBJECT                                                          \
	"\x80\2}(" ITEM("a", ID("FloatStorage", "0", "\3"), "\0", "\3") \
		ITEM("b", ID("HalfStorage", "1", "\2"), "\1", "\1") "u."
#define A_DATA "aaaabbbbcccc"
#define B_DATA "ddee"

#define PKL                                       \
	{                                         \
		"x/data.pkl", TEXT(OBJECT), false \
	}
#define ORDER(s)                              \
	{                                     \
		"x/byteorder", TEXT(s), false \
	}
#define A                                       \
	{                                       \
		"x/data/0", TEXT(A_DATA), false \
	}
#define B                                       \
	{                                       \
		"x/data/1", TEXT(B_DATA), false \
	}
#define END                          \
	{                            \
		NULL, NULL, 0, false \
	}

static size_t count(const struct member *m)
{
	size_t n = 0;

	while (m[n].name)
		n++;
	return n;
}

static const struct row {
	struct member m[8];
	enum st_where where;
	bool big_endian;
} accepted[] = {
	{ { PKL, ORDER("little"), A, B, { "x/version", TEXT("3\n"), false }, END },
	  ST_IN_FILE,
	  false },
	{ { PKL, A, B, END }, ST_IN_FILE, false }, /* before 2.1 */
	{ { PKL, ORDER("big"), A, B, END }, ST_IN_FILE, true },
	{ { A, B, ORDER("big"), PKL, END }, ST_IN_FILE, true },
	{ { PKL,
	    ORDER("little"),
	    { "x/data/0", TEXT(A_DATA), true },
	    { "x/data/1", TEXT(B_DATA), true },
	    END },
	  ST_PACKED,
	  false },
	{ { { "x/data.pkl", TEXT(OBJECT), true }, A, B, END }, ST_IN_FILE, false },
	{ { PKL,
	    A,
	    B,
	    { "x/version", TEXT("900\n"), false },
	    { "x/data/2", TEXT("unused"), false },
	    END },
	  ST_IN_FILE,
	  false },
	{ { PKL, A, { "x/data/1", TEXT(B_DATA "longer than said"), false }, END },
	  ST_IN_FILE,
	  false },
	{ { PKL, { "x/.data/0", TEXT(A_DATA), false }, { "x/1", TEXT(B_DATA), false }, END },
	  ST_IN_FILE,
	  false },
};

static void check(const struct row *r, const struct file *f, const struct st_layout *l)
{
	const struct st_tensor *a = &l->tensors[0], *b = &l->tensors[1];

	assert_int_equal(l->ntensors, 2);
	if (a->name[0] == 'b') { /* in order of their places */
		a = &l->tensors[1];
		b = &l->tensors[0];
	}
	assert_string_equal(a->name, "a");
	assert_string_equal(b->name, "b");
	assert_int_equal(a->dtype, ST_F32);
	assert_int_equal(b->dtype, ST_F16);
	assert_int_equal(a->where, r->where);
	assert_int_equal(a->big_endian, r->big_endian);
	assert_int_equal(a->nbytes, 12);
	assert_int_equal(b->nbytes, 2);
	if (r->where == ST_IN_FILE) {
		assert_memory_equal(f->p + a->offset, A_DATA, 12);
		assert_memory_equal(f->p + b->offset, "ee", 2);
		return;
	}
	assert_int_equal(a->offset, 0);
	assert_int_equal(b->offset, 2);
	assert_int_equal(b->packed->usize, 4);
	assert_int_equal(b->packed->csize, 9);
	assert_memory_equal(f->p + b->packed->offset + 5, B_DATA, 4);
}

static void test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		struct file f;
		struct st_layout l;
		struct st_err e;

		build_members(&f, accepted[i].m, count(accepted[i].m));
		if (parse(&l, f.p, f.n, &e) != ST_OK)
			fail_msg("row %zu: %s", i, e.msg);
		check(&accepted[i], &f, &l);
		st_layout_release(&l);
	}
}

static const struct {
	struct member m[8];
	const char *reason;
} refused[] = {
	{ { { "x/version", TEXT("3\n"), false }, END }, "has no member data.pkl" },
	{ { { "data.pkl", TEXT(OBJECT), false }, END }, "is in no directory" },
	{ { PKL, A, B, { "y/version", TEXT("3"), false }, END }, "member \"y/version\"" },
	{ { PKL, { "x/DATA/0", TEXT("XXXXYYYYZZZZ"), false }, A, B, END },
	  "members \"x/DATA/0\" and \"x/data/0\", in the directory at offset" },
	{ { PKL, A, B, { "x/Data.PKL", TEXT(OBJECT), false }, END },
	  "members \"x/data.pkl\" and \"x/Data.PKL\"" },
	{ { PKL,
	    A,
	    B,
	    { "x/[", TEXT(""), false },
	    { "x/{", TEXT(""), false },
	    { "x/code/B.py", TEXT(""), false },
	    { "x/code/b.PY", TEXT(""), false },
	    END },
	  "members \"x/code/B.py\" and \"x/code/b.PY\"" },
	{ { PKL, A, END }, "storage \"1\", named at offset" },
	{ { PKL, A, { "x/data/1", TEXT("123"), false }, END }, "storage \"1\": 3 bytes at offset" },
	{ { PKL, A, B, ORDER("middle"), END }, "says neither little nor big" },
	{ { PKL, A, B, ORDER("a long text, too long for an order"), END },
	  "says neither little nor big" },
	{ { { "x/data.pkl", TEXT("\x80\2}"), false }, END }, "offset" },
	{ { { "x/data.pkl", TEXT("\x80\2}"), true }, END }, "in member \"x/data.pkl\"" },
	{ { { "x/data.pkl", TEXT(""), false }, END }, "offset" },
	{ { { "x/data.pkl", TEXT("\x80\2" TENSOR(ID("FloatStorage", "0", "\3"), "\1", "\3") "."),
	      false },
	    A,
	    END },
	  "reaches outside its storage \"0\", which has 12 bytes" },
	{ { { "x/data.pkl", TEXT("\x80\2" TENSOR(ID("NewStorage", "0", "\5"), "\0", "\3") "."),
	      false },
	    A,
	    END },
	  "12 bytes at offset" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct file f;
		struct st_layout l;
		struct st_err e;

		build_members(&f, refused[i].m, count(refused[i].m));
		assert_int_equal(parse(&l, f.p, f.n, &e), ST_EFORMAT);
		if (!strstr(e.msg, refused[i].reason) || !strstr(e.msg, "offset"))
			fail_msg("row %zu: %s", i, e.msg);
		st_layout_release(&l);
	}
}

/* A class of tomorrow: the archive says how long its elements are. */
/* What other readers may understand differently is told; of a usual archive nothing is. */
static void test_oddity(void **state)
{
	static const struct member m[] = { PKL, A, B };
	struct st_layout l;
	struct st_err e;
	struct file f;

	(void)state;
	build_members(&f, m, COUNT(m));
	assert_int_equal(parse(&l, f.p, f.n, &e), ST_OK);
	assert_true(!l.metadata || !strstr(l.metadata, "oddity"));
	st_layout_release(&l);
	f.p[30] = 'y'; /* the first local header's name */
	assert_int_equal(parse(&l, f.p, f.n, &e), ST_OK);
	assert_non_null(l.metadata);
	if (!strstr(l.metadata, "\"oddity\":\"the local header of member \\\"x/data.pkl\\\" at "
				"offset 0 has another name\""))
		fail_msg("%s", l.metadata);
	st_layout_release(&l);
}

static void test_unknown_class(void **state)
{
	static const struct member m[] = {
		{ "x/data.pkl", TEXT("\x80\2" TENSOR(ID("NewStorage", "0", "\4"), "\1", "\2") "."),
		  false },
		A,
	};
	struct file f;
	struct st_layout l;
	struct st_err e;

	(void)state;
	build_members(&f, m, COUNT(m));
	assert_int_equal(parse(&l, f.p, f.n, &e), ST_OK);
	assert_int_equal(l.ntensors, 1);
	assert_int_equal(l.tensors[0].dtype, ST_OPAQUE);
	assert_int_equal(l.tensors[0].nbytes, 6);
	assert_memory_equal(f.p + l.tensors[0].offset, "abbbbc", 6);
	st_layout_release(&l);
}

/* TorchScript: both pickles say key "0" and mean different members. */
static void test_constants(void **state)
{
	static const struct member m[] = {
		{ "x/data/0", TEXT(A_DATA), false },
		{ "x/data.pkl",
		  TEXT("\x80\2c__torch__\nNet\n)\x81}" ITEM("w", ID("FloatStorage", "0", "\3"),
							    "\0", "\3") "sb."),
		  false },
		{ "x/code/__torch__.py", TEXT("pass\n"), true },
		{ "x/constants/0", TEXT("constant"), false },
		{ "x/constants.pkl",
		  TEXT("\x80\2(K\1" TENSOR(ID("FloatStorage", "0", "\2"), "\0", "\2") "t."),
		  false },
	};
	struct file f;
	struct st_layout l;
	struct st_err e;

	(void)state;
	build_members(&f, m, COUNT(m));
	if (parse(&l, f.p, f.n, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(l.ntensors, 2);
	assert_string_equal(l.tensors[0].name, "w");
	assert_memory_equal(f.p + l.tensors[0].offset, A_DATA, 12);
	assert_string_equal(l.tensors[1].name, "CONSTANTS.c1");
	assert_memory_equal(f.p + l.tensors[1].offset, "constant", 8);
	st_layout_release(&l);
}

/* The bytes of deflated members come out as they would from stored ones. */
static int append(void *arg, const void *p, size_t n, struct st_err *e)
{
	struct file *f = arg;

	(void)e;
	put(f, p, n);
	return ST_OK;
}

static void test_inflated(void **state)
{
	const struct member *m = accepted[4].m;
	struct file f, got = { .n = 0 };
	struct st_source s;
	struct st_layout l;
	struct st_err e;

	(void)state;
	build_members(&f, m, count(m));
	assert_int_equal(parse(&l, f.p, f.n, &e), ST_OK);
	st_source_init_mem(&s, f.p, f.n, "m");
	for (size_t i = 0; i < l.ntensors; i++)
		assert_int_equal(st_format_each(&l.tensors[i], &s, 1 << 16, append, &got, &e),
				 ST_OK);
	assert_int_equal(got.n, 14);
	assert_memory_equal(got.p, A_DATA "ee", 14);
	st_layout_release(&l);
}

/* ---- recognising ---- */

#define LOCAL(len, name) "PK\3\4aaaabbbbccccddddeeeeff" len "\0\0\0" name

static void test_probe(void **state)
{
	static const struct {
		const char *p;
		size_t n;
		const char *path;
		int score;
	} rows[] = {
		{ TEXT(LOCAL("\12", "x/data.pkl")), "model", 80 },
		{ TEXT(LOCAL("\12", "x/data.pkl")), "model.pt", 80 },
		{ TEXT(LOCAL("\11", "x/version")), NULL, 80 },
		{ TEXT(LOCAL("\13", "x/byteorder")), "m", 80 },
		{ TEXT(LOCAL("\21", "x/.format_version")), "m", 80 },
		{ TEXT(LOCAL("\17", "x/constants.pkl")), "m", 80 },
		{ TEXT(LOCAL("\10", "x/data/0")), "m", 80 },
		{ TEXT(LOCAL("\7", "a/b.txt")), "model", 0 },
		{ TEXT(LOCAL("\7", "a/b.txt")), "model.zip", 0 },
		{ TEXT(LOCAL("\7", "a/b.txt")), "model.pt", 60 },
		{ TEXT(LOCAL("\7", "a/b.txt")), "d/model.PTH", 60 },
		{ TEXT(LOCAL("\7", "a/b.txt")), "pytorch_model.bin", 60 },
		{ TEXT(LOCAL("\7", "a/b.txt")), "last.ckpt", 60 },
		{ TEXT(LOCAL("\7", "a/b.txt")), "m.jit", 60 },
		{ TEXT(LOCAL("\7", "a/b.txt")), "m.ptl", 60 },
		{ TEXT("PK\3\4"), "m.pt", 60 },
		{ TEXT("PK\3\4"), "m", 0 },
		/* a name that goes on behind what is seen: only PyTorch's own headers are known */
		{ TEXT("PK\3\4\0\0\10\10\0\0\0\0\0\0aaaabbbbcccc\100\0\0\0name"), "m", 80 },
		{ TEXT("PK\3\4\24\0\0\0\0\0\0\0\0\0aaaabbbbcccc\100\0\0\0name"), "m", 0 },
		{ TEXT("PK\5\6"), "m.pt", 0 },
		{ TEXT("\x80\2}q"), "m.pt", 40 },
		{ TEXT("\x80\5\x95"), "m.bin", 40 },
		{ TEXT("\x80\2}q"), "m.pkl", 0 },
		{ TEXT("\x80\1}q"), "m.pt", 0 },
		{ TEXT("\x80\6}q"), "m.pt", 0 },
		{ TEXT("\0\1\2\3"), "m.bin", 0 },
		{ TEXT("text"), "m.pt", 0 },
		{ TEXT("P"), "m.pt", 0 },
		{ TEXT(""), "m.pt", 0 },
	};
	const struct st_format *f = st_format_get("torch");

	(void)state;
	assert_non_null(f);
	for (size_t i = 0; i < COUNT(rows); i++)
		if (f->probe((const uint8_t *)rows[i].p, rows[i].n, rows[i].n, rows[i].path) !=
		    rows[i].score)
			fail_msg("row %zu", i);
}

/* A pickle alone has no storages; it may hold arrays. */
static void test_plain(void **state)
{
	static const char nothing[] = "\x80\2}X\1\0\0\0aK\1s.";
	static const char storage[] =
		"\x80\2" TENSOR(ID("FloatStorage", "0", "\3"), "\0", "\3") ".";
	static const char other[] = "neither";
	struct st_layout l;
	struct st_err e;

	(void)state;
	assert_int_equal(parse(&l, TEXT(nothing), &e), ST_OK);
	assert_int_equal(l.ntensors, 0);
	st_layout_release(&l);
	assert_int_equal(parse(&l, TEXT(storage), &e), ST_EFORMAT);
	assert_non_null(strstr(e.msg, "lies in storage \"0\", which is not in the file"));
	st_layout_release(&l);
	assert_int_equal(parse(&l, TEXT(other), &e), ST_EFORMAT);
	assert_non_null(strstr(e.msg, "at offset 0"));
	st_layout_release(&l);
}

/* ---- damage ---- */

static void test_truncated(void **state)
{
	struct file f;

	(void)state;
	build_members(&f, accepted[0].m, count(accepted[0].m));
	for (size_t n = 0; n < f.n; n++) {
		struct st_layout l;
		struct st_err e;

		if (parse(&l, f.p, n, &e) != ST_EFORMAT || !strstr(e.msg, "offset"))
			fail_msg("%zu bytes: %s", n, e.msg);
		st_layout_release(&l);
	}
}

static void flip_all(const struct member *m)
{
	struct file f;

	build_members(&f, m, count(m));
	for (size_t bit = 0; bit < f.n * 8; bit++) {
		struct st_layout l;
		struct st_err e;
		int rc;

		f.p[bit / 8] = (uint8_t)(f.p[bit / 8] ^ 1 << bit % 8);
		rc = parse(&l, f.p, f.n, &e);
		if (rc != ST_OK && rc != ST_EFORMAT && rc != ST_ELIMIT)
			fail_msg("bit %zu: %d %s", bit, rc, e.msg);
		if (rc == ST_EFORMAT && !strstr(e.msg, "offset"))
			fail_msg("bit %zu: %s", bit, e.msg);
		for (size_t i = 0; rc == ST_OK && i < l.ntensors; i++)
			if (l.tensors[i].where == ST_IN_FILE)
				assert_true(l.tensors[i].offset + l.tensors[i].nbytes <= f.n);
		st_layout_release(&l);
		f.p[bit / 8] = (uint8_t)(f.p[bit / 8] ^ 1 << bit % 8);
	}
}

static void test_flipped(void **state)
{
	(void)state;
	flip_all(accepted[0].m);
	flip_all(accepted[5].m); /* the pickle is deflated */
}

static void test_memory(void **state)
{
	struct file f;
	struct st_source s;

	(void)state;
	build_members(&f, accepted[0].m, count(accepted[0].m));
	st_source_init_mem(&s, f.p, f.n, "m");
	for (uint64_t limit = 0; limit < 4096; limit += 61) {
		struct st_err e = { 0 };
		struct st_layout l;
		int rc;

		st_layout_init(&l);
		rc = st_format_parse(st_format_get("torch"), &l, &s, limit, &e);
		if (rc != ST_OK && rc != ST_ELIMIT)
			fail_msg("%u bytes: %s", (unsigned)limit, e.msg);
		if (limit == 0)
			assert_int_equal(rc, ST_ELIMIT);
		st_layout_release(&l);
	}
}

/* New bytes of a tensor: the archive's checksums follow. */
static void test_patch(void **state)
{
	char path[] = "/tmp/strata-unit-XXXXXX";
	const struct member *m = accepted[0].m;
	int fd = mkstemp(path);
	struct file f, want;
	struct member changed[8];
	struct st_source s;
	struct st_layout l;
	struct st_err e = { 0 };
	struct st_run run;

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	build_members(&f, m, count(m));
	assert_int_equal(parse(&l, f.p, f.n, &e), ST_OK);
	run = (struct st_run){ l.tensors[0].offset, 4 };
	st_layout_release(&l);
	memcpy(f.p + run.off, "NEW!", 4);
	assert_int_equal(write(fd, f.p, f.n), f.n);
	st_source_init_fd(&s, fd, f.n, "m");
	if (st_format_get("torch")->patch(fd, &s, &run, 1, LIMIT, &e) != ST_OK)
		fail_msg("%s", e.msg);
	memcpy(changed, m, sizeof(changed));
	changed[2].data = "NEW!bbbbcccc";
	build_members(&want, changed, count(changed));
	assert_int_equal(pread(fd, f.p, f.n, 0), f.n);
	assert_int_equal(f.n, want.n);
	assert_memory_equal(f.p, want.p, want.n);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_oddity),	  cmocka_unit_test(test_unknown_class),
		cmocka_unit_test(test_constants), cmocka_unit_test(test_inflated),
		cmocka_unit_test(test_probe),	  cmocka_unit_test(test_plain),
		cmocka_unit_test(test_truncated), cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_memory),	  cmocka_unit_test(test_patch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zip_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define REAL "fuzz/corpus/zip/" /* tests run at the top of the source tree */

static void test_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < ZIP_NFORMS; i++) {
		struct zip_spec s[] = {
			{ "model/data.pkl", "hello hello hello", zip_forms[i], 0, 0 },
			{ "model/data/0", "", zip_forms[i] & ~(unsigned)STREAM, 0, 0 },
			{ "model/\xc3\xa4", "0\0 1\0 2", zip_forms[i], 0, 7 }
		};
		struct zip_archive a = zip_build(s, COUNT(s));
		uint8_t *p = zip_exact(&a, a.b.len);
		const struct st_zip_member *m;
		struct st_source src;
		struct st_err e;
		struct st_zip z;

		if (zip_mem_open(&z, &src, p, a.b.len, &e) != ST_OK)
			fail_msg("form %zu: %s", i, e.msg);
		assert_null(z.oddity);
		assert_int_equal(z.n, COUNT(s));
		for (size_t k = 0; k < COUNT(s); k++) {
			m = st_zip_find(&z, s[k].name, strlen(s[k].name));
			assert_ptr_equal(m, &z.members[k]);
			assert_string_equal(m->name, s[k].name);
			assert_int_equal(m->name_len, strlen(s[k].name));
			assert_int_equal(m->local, a.at[k].local);
			assert_int_equal(m->data, a.at[k].data);
			assert_int_equal(m->central, a.at[k].central);
			assert_int_equal(m->csize, a.at[k].csize);
			assert_int_equal(m->crc, a.at[k].crc);
			assert_int_equal(m->method, s[k].how & DEFLATE ? 8 : 0);
			zip_check_content(&src, m, s[k].data, a.at[k].usize);
		}
		assert_null(st_zip_find(&z, "model/data", 10));
		st_zip_release(&z);
		free(p);
		st_buf_release(&a.b);
	}
}

static void test_empty(void **state)
{
	struct zip_archive a = zip_build(NULL, 0);
	struct st_source src;
	struct st_err e;
	struct st_zip z;

	(void)state;
	assert_int_equal(zip_mem_open(&z, &src, a.b.p, a.b.len, &e), ST_OK);
	assert_int_equal(z.n, 0);
	assert_null(z.oddity);
	assert_null(st_zip_find(&z, "", 0));
	st_zip_release(&z);
	st_buf_release(&a.b);
}

/* Archives that Python's zipfile, NumPy 1.24 and PyTorch 1.13 wrote. */
static const struct {
	const char *file, *member;
	size_t n, size;
	const char *begins;
	size_t len;
} real[] = {
	{ "numpy_savez.npz", "sub/b.npy", 2, 131, "\x93NUMPY\x01\x00", 8 },
	{ "numpy_savez.npz", "w.npy", 2, 152, "\x93NUMPY\x01\x00", 8 },
	{ "numpy_compressed.npz", "w.npy", 2, 2176, "\x93NUMPY\x01\x00", 8 },
	{ "torch.pt", "torch/data.pkl", 4, 240, "\x80\x02}", 3 },
	{ "torch.pt", "torch/data/0", 4, 24, "\0\0\0\0\0\0\x80\x3f\0\0\0\x40", 12 },
	{ "torch.pt", "torch/version", 4, 2, "3\n", 2 },
	{ "python_streamed.zip", "a.txt", 2, 23, "hello hello hello hello", 23 },
	{ "python_streamed.zip", "s.bin", 2, 12, "stored bytes", 12 },
	{ "python_streamed64.zip", "big64", 2, 10, "0123456789", 10 },
	{ "python_end64.zip", "y/z", 2, 2, "yz", 2 },
	{ "bzip2.zip", "s", 2, 2, "ss", 2 },
};

static void test_real(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(real); i++) {
		const struct st_zip_member *m;
		struct st_err e = { 0 };
		struct st_source src;
		struct st_zip z;
		struct st_buf b;
		char path[128];

		snprintf(path, sizeof(path), REAL "%s", real[i].file);
		assert_int_equal(st_source_open_file(&src, path, &e), ST_OK);
		if (st_zip_open(&z, &src, ZIP_LIMIT, &e) != ST_OK)
			fail_msg("%s: %s", path, e.msg);
		assert_null(z.oddity);
		assert_int_equal(z.n, real[i].n);
		m = st_zip_find(&z, real[i].member, strlen(real[i].member));
		assert_non_null(m);
		st_buf_init(&b, real[i].size);
		if (st_zip_load(&b, &src, m, &e) != ST_OK)
			fail_msg("%s: %s", path, e.msg);
		assert_int_equal(b.len, real[i].size);
		assert_memory_equal(b.p, real[i].begins, real[i].len);
		st_buf_release(&b);
		st_zip_release(&z);
		st_source_close(&src);
	}
}

static const struct zip_spec wide[] = { { "a", "hello", LOCAL64 | CENTRAL64 | END64 | ONES, 0,
					  0 } };
#define X (46 + 1) /* the extra fields of its only entry */

static const struct {
	bool wide;
	struct zip_change c[2];
	const char *msg;
} refused[] = {
	/* the end record */
	{ 0, { { END_AT, 0, 0, 4, 0 } }, "no end of a ZIP directory between offset 0 and" },
	{ 0,
	  { { END_AT, 0, 4, 2, 1 } },
	  "split over several disks, says the record at offset 172" },
	{ 0, { { END_AT, 0, 6, 2, 1 } }, "split" },
	{ 0, { { END_AT, 0, 8, 2, 1 } }, "split" },
	{ 0, { { END_AT, 0, 8, 4, 0x30003 } }, "at offset 76 has no room for 3 entries" },
	{ 0, { { END_AT, 0, 8, 4, 0xffffffff } }, "has no room for 65535 entries" },
	{ 0,
	  { { END_AT, 0, 8, 4, 0x10001 } },
	  "1 entries end at offset 123, the directory itself at 172" },
	{ 0, { { END_AT, 0, 8, 4, 0 } }, "0 entries end at offset 76" },
	{ 0,
	  { { END_AT, 0, 12, 4, 97 } },
	  "97 bytes at offset 76 reaches beyond its end record at offset 172" },
	{ 0, { { END_AT, 0, 12, 4, 0xffffffff } }, "reaches beyond its end record" },
	{ 0,
	  { { END_AT, 0, 12, 4, 95 } },
	  "the entry of 49 bytes at offset 123 reaches beyond the directory's end at offset 171" },
	{ 0, { { END_AT, 0, 16, 4, 0xffffffff } }, "reaches beyond its end record" },
	{ 0,
	  { { END_AT, 0, 16, 4, 75 } },
	  "no directory entry at offset 75: offsets may be 1 too small" },
	{ 0,
	  { { END_AT, 0, 20, 2, 1 } },
	  "comment of 1 bytes of the end record at offset 172 exceeds the file" },
	/* zip64 end records */
	{ 1, { { LOCATOR, 0, 4, 4, 1 } }, "split" },
	{ 1, { { LOCATOR, 0, 16, 4, 2 } }, "split" },
	{ 1, { { LOCATOR, 0, 8, 8, 0 } }, "no zip64 end record at offset 0" },
	{ 1,
	  { { LOCATOR, 0, 8, 8, UINT64_MAX } },
	  "puts the zip64 end record at 18446744073709551615" },
	{ 1, { { END64_AT, 0, 0, 4, 0 } }, "no zip64 end record at offset" },
	{ 1, { { END64_AT, 0, 4, 8, 43 } }, "no zip64 end record at offset" },
	{ 1, { { END64_AT, 0, 4, 8, 45 } }, "no zip64 end record at offset" },
	{ 1, { { END64_AT, 0, 4, 8, UINT64_MAX } }, "no zip64 end record at offset" },
	{ 1, { { END64_AT, 0, 16, 4, 1 } }, "split" },
	{ 1, { { END64_AT, 0, 20, 4, 1 } }, "split" },
	{ 1, { { END64_AT, 0, 24, 8, 2 } }, "split" },
	{ 1,
	  { { END64_AT, 0, 24, 8, UINT64_MAX }, { END64_AT, 0, 32, 8, UINT64_MAX } },
	  "has no room for 18446744073709551615 entries" },
	{ 1, { { END64_AT, 0, 40, 8, UINT64_MAX } }, "reaches beyond its end record" },
	{ 1, { { END64_AT, 0, 48, 8, UINT64_MAX } }, "reaches beyond its end record" },
	{ 1, { { END64_AT, 0, 48, 8, UINT64_MAX - 10 } }, "reaches beyond its end record" },
	{ 1, { { END_AT, 0, 10, 2, 2 } }, "contradicts the end record at" },
	{ 1, { { END_AT, 0, 12, 4, 2 } }, "contradicts the end record at" },
	{ 1, { { END_AT, 0, 16, 4, 2 } }, "contradicts the end record at" },
	/* entries */
	{ 0, { { CENTRAL, 0, 0, 1, 'Q' } }, "no directory entry at offset 76" },
	{ 0, { { CENTRAL, 1, 0, 1, 'Q' } }, "no directory entry at offset 123" },
	{ 0,
	  { { CENTRAL, 0, 28, 2, 60000 } },
	  "the entry of 60046 bytes at offset 76 reaches beyond" },
	{ 0, { { CENTRAL, 0, 30, 2, 60000 } }, "the entry of 60047 bytes" },
	{ 0, { { CENTRAL, 0, 32, 2, 60000 } }, "the entry of 60047 bytes" },
	{ 0, { { CENTRAL, 0, 32, 2, 3 } }, "no directory entry at offset 126" },
	{ 0,
	  { { CENTRAL, 0, 34, 2, 1 } },
	  "split over several disks, says the record at offset 76" },
	{ 0, { { CENTRAL, 0, 20, 4, 4 } }, "the entry at offset 76 stores 5 bytes in 4" },
	{ 0, { { CENTRAL, 0, 24, 4, 0xffffffff } }, "stores 4294967295 bytes in 5" },
	{ 0, { { CENTRAL, 0, 42, 4, 1 } }, "member \"a\" has no local header at offset 1" },
	{ 0, { { CENTRAL, 0, 42, 4, 76 } }, "member \"a\" has no local header at offset 76" },
	{ 0, { { CENTRAL, 0, 42, 4, 0xffffffff } }, "no local header at offset 4294967295" },
	{ 0, { { CENTRAL, 0, 42, 4, 36 } }, "members \"a\" and \"b/c\" overlap at offset 36" },
	{ 0,
	  { { CENTRAL, 0, 20, 4, 6 }, { CENTRAL, 0, 24, 4, 6 } },
	  "members \"a\" and \"b/c\" overlap at offset 36" },
	{ 0,
	  { { CENTRAL, 0, 20, 4, 46 }, { CENTRAL, 0, 24, 4, 46 } },
	  "member \"a\" of 46 bytes at offset 0 reaches into the directory at offset 76" },
	{ 0,
	  { { CENTRAL, 1, 20, 4, 8 }, { CENTRAL, 1, 24, 4, 8 } },
	  "member \"b/c\" of 8 bytes at offset 36 reaches into" },
	{ 0,
	  { { CENTRAL, 1, 20, 4, 0xffffffff }, { CENTRAL, 1, 24, 4, 0xffffffff } },
	  "of 4294967295 bytes at offset 36 reaches into" },
	/* zip64 fields */
	{ 1,
	  { { CENTRAL, 0, X + 4, 8, UINT64_MAX }, { CENTRAL, 0, X + 12, 8, UINT64_MAX } },
	  "of 18446744073709551615 bytes at offset 0 reaches into" },
	{ 1, { { CENTRAL, 0, X + 4, 8, UINT64_MAX } }, "stores 18446744073709551615 bytes in 5" },
	{ 1,
	  { { CENTRAL, 0, X + 20, 8, UINT64_MAX - 3 } },
	  "no local header at offset 18446744073709551612" },
	{ 1, { { CENTRAL, 0, X + 28, 4, 1 } }, "split" },
	{ 1, { { CENTRAL, 0, X + 2, 2, 20 } }, "has a zip64 field that is too short" },
	{ 1,
	  { { CENTRAL, 0, X + 2, 2, 37 } },
	  "has an extra field that reaches beyond its header" },
	{ 1, { { CENTRAL, 0, X + 32, 2, 1 } }, "has two zip64 fields" },
	{ 1, { { CENTRAL, 0, X, 2, 9 } }, "split" }, /* all ones mean what they say */
	/* local headers */
	{ 0, { { LOCAL, 1, 0, 1, 'Q' } }, "member \"b/c\" has no local header at offset 36" },
	{ 0, { { LOCAL, 0, 28, 2, 1 } }, "overlap at offset 36" },
	{ 0, { { LOCAL, 0, 26, 2, 0xffff } }, "reaches into the directory at offset 76" },
	{ 0, { { LOCAL, 1, 28, 2, 1 } }, "reaches into the directory at offset 76" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct zip_archive a = refused[i].wide ? zip_build(wide, COUNT(wide)) :
							 zip_build(zip_plain, 2);
		struct st_source src;
		struct st_err e;
		struct st_zip z;
		uint8_t *p;

		for (size_t k = 0; k < 2 && refused[i].c[k].width; k++)
			zip_change(&a, &refused[i].c[k]);
		p = zip_exact(&a, a.b.len);
		if (zip_mem_open(&z, &src, p, a.b.len, &e) != ST_EFORMAT ||
		    !strstr(e.msg, refused[i].msg) || !strstr(e.msg, "offset"))
			fail_msg("row %zu: \"%s\", not \"%s\"", i, e.msg, refused[i].msg);
		assert_null(z.members);
		free(p);
		st_buf_release(&a.b);
	}
}

static const struct {
	struct zip_change c;
	const char *msg;
} odd[] = {
	{ { LOCAL, 0, 30, 1, 'x' },
	  "the local header of member \"a\" at offset 0 has another name" },
	{ { LOCAL, 0, 26, 4, 1 << 16 }, "at offset 0 has another name" }, /* 0 bytes, 1 of fields */
	{ { LOCAL, 1, 8, 2, 8 },
	  "the local header of member \"b/c\" at offset 36 has another method" },
	{ { LOCAL, 1, 6, 2, 1 }, "has other flags" },
	{ { LOCAL, 1, 6, 2, 8 }, "has other flags" },
	{ { LOCAL, 1, 14, 4, 0 }, "has another CRC-32 or size" },
	{ { LOCAL, 1, 18, 4, 0 }, "has another CRC-32 or size" },
	{ { LOCAL, 1, 22, 4, 8 }, "has another CRC-32 or size" },
	{ { LOCAL, 1, 22, 4, 0xffffffff }, "has another CRC-32 or size" },
	{ { CENTRAL, 1, 46, 1, '/' },
	  "member \"//c\" at offset 123 has an absolute path for its name" },
	{ { CENTRAL, 1, 47, 1, ':' }, "has an absolute path for its name" },
	{ { CENTRAL, 1, 47, 1, 0 }, "member \"b\\x00c\" at offset 123 has a NUL in its name" },
	{ { CENTRAL, 1, 47, 1, '\\' }, "has a backslash in its name" },
	{ { CENTRAL, 1, 46, 2, '.' | '.' << 8 }, NULL }, /* "..c": told by the local header only */
	{ { CENTRAL, 1, 46, 3, '.' | '.' << 8 | '/' << 16 }, "has \"..\" in its name" },
	{ { CENTRAL, 1, 46, 3, '/' | '.' << 8 | '.' << 16 }, "absolute" },
	{ { END_AT, 0, 20, 0, 0 }, "3 bytes after the end record at offset 172" },
};

static void test_odd(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++) {
		struct zip_archive a = zip_build(zip_plain, 2);
		const char *want = odd[i].msg ? odd[i].msg : "has another name";
		struct st_source src;
		struct st_err e;
		struct st_zip z;

		zip_change(&a, &odd[i].c);
		if (odd[i].c.base == END_AT)
			zip_put(&a, 0, 3);
		if (zip_mem_open(&z, &src, a.b.p, a.b.len, &e) != ST_OK)
			fail_msg("row %zu: %s", i, e.msg);
		if (!z.oddity || !strstr(z.oddity, want))
			fail_msg("row %zu: \"%s\", not \"%s\"", i, z.oddity ? z.oddity : "", want);
		assert_int_equal(z.n, 2);
		zip_check_content(&src, &z.members[1], "world!!", 7);
		st_zip_release(&z);
		st_buf_release(&a.b);
	}
}

static void test_names(void **state)
{
	static const struct zip_spec twice[] = { { "same", "1", 0, 0, 0 },
						 { "other", "2", 0, 0, 0 },
						 { "same", "3", 0, 0, 0 } };
	static const struct zip_spec nul[] = { { "a\0b", "1", 0, 3, 0 }, { "a", "2", 0, 0, 0 } };
	struct zip_archive a = zip_build(twice, COUNT(twice));
	struct st_source src;
	struct st_err e;
	struct st_zip z;

	(void)state;
	assert_int_equal(zip_mem_open(&z, &src, a.b.p, a.b.len, &e), ST_EFORMAT);
	assert_string_equal(e.msg, "the name \"same\" at offset 253 stands already at offset 152");
	st_buf_release(&a.b);
	a = zip_build(nul, COUNT(nul));
	assert_int_equal(zip_mem_open(&z, &src, a.b.p, a.b.len, &e), ST_OK);
	assert_ptr_equal(st_zip_find(&z, "a\0b", 3), &z.members[0]);
	assert_ptr_equal(st_zip_find(&z, "a", 1), &z.members[1]);
	assert_non_null(strstr(z.oddity, "has a NUL in its name"));
	st_zip_release(&z);
	st_buf_release(&a.b);
}

/* Bytes before the archive: offsets that do not count them are those of a self-extracting one. */
static void test_prefix(void **state)
{
	struct zip_archive a = { 0 };
	struct zip_archive b = zip_build(zip_plain, 2);
	struct st_source src;
	struct st_err e;
	struct st_zip z;

	(void)state;
	st_buf_init(&a.b, 4096);
	zip_put_bytes(&a, "#!/bin/sh\n", 10);
	zip_put_bytes(&a, b.b.p, b.b.len);
	assert_int_equal(zip_mem_open(&z, &src, a.b.p, a.b.len, &e), ST_EFORMAT);
	assert_string_equal(e.msg,
			    "no directory entry at offset 76: offsets may be 10 too small, as "
			    "in a self-extracting archive");
	st_put32(a.b.p + 10 + b.end + 16, (uint32_t)b.dir + 10);
	for (size_t i = 0; i < 2; i++)
		st_put32(a.b.p + 10 + b.at[i].central + 42, (uint32_t)b.at[i].local + 10);
	assert_int_equal(zip_mem_open(&z, &src, a.b.p, a.b.len, &e), ST_OK);
	assert_string_equal(z.oddity, "10 bytes at offset 0 before the first member");
	zip_check_content(&src, &z.members[0], "hello", 5);
	st_zip_release(&z);
	st_buf_release(&a.b);
	st_buf_release(&b.b);
}

/* The directory may list members in any order. */
static void test_order(void **state)
{
	struct zip_archive a = { 0 };
	struct zip_place at[2];
	struct st_source src;
	struct st_err e;
	struct st_zip z;

	(void)state;
	st_buf_init(&a.b, 4096);
	for (size_t i = 0; i < 2; i++)
		zip_put_member(&a, &zip_plain[i], &at[i]);
	a.dir = a.b.len;
	for (size_t i = 2; i-- > 0;)
		zip_put_entry(&a, &zip_plain[i], &at[i]);
	zip_put_end(&a, 2, 0);
	assert_int_equal(zip_mem_open(&z, &src, a.b.p, a.b.len, &e), ST_OK);
	assert_null(z.oddity);
	assert_string_equal(z.members[0].name, "b/c");
	zip_check_content(&src, &z.members[0], "world!!", 7);
	st_zip_release(&z);
	st_put32(a.b.p + at[0].central + 20, 6);
	st_put32(a.b.p + at[0].central + 24, 6);
	assert_int_equal(zip_mem_open(&z, &src, a.b.p, a.b.len, &e), ST_EFORMAT);
	assert_string_equal(e.msg, "members \"a\" and \"b/c\" overlap at offset 36");
	st_buf_release(&a.b);
}

/* The end record is found before a comment of any length, and no further from the end. */
static void test_comment(void **state)
{
	static const size_t lens[] = { 1, 4070, 4073, 4074, 4075, 4076, 9000, 65534, 65535, 65536 };

	(void)state;
	for (size_t i = 0; i < COUNT(lens); i++) {
		struct zip_archive a = zip_build(zip_plain, 2);
		struct st_source src;
		struct st_err e;
		struct st_zip z;

		st_put16(a.b.p + a.end + 20, (uint16_t)lens[i]);
		for (size_t k = 0; k < lens[i]; k++)
			zip_put(&a, 'P', 1);
		assert_int_equal(zip_mem_open(&z, &src, a.b.p, a.b.len, &e),
				 lens[i] < 65536 ? ST_OK : ST_EFORMAT);
		if (lens[i] < 65536)
			assert_null(z.oddity);
		else
			assert_string_equal(e.msg,
					    "no end of a ZIP directory between offset 173 and the"
					    " end at 65730");
		st_zip_release(&z);
		st_buf_release(&a.b);
	}
}

/* Whatever an archive says, reading all of it stays within bounds and tells where it went wrong. */
static void read_anything(const uint8_t *p, size_t len, bool must_fail)
{
	struct st_source src;
	struct st_err e;
	struct st_zip z;
	struct st_buf b;

	if (zip_mem_open(&z, &src, p, len, &e) != ST_OK) {
		assert_true(e.code == ST_EFORMAT || e.code == ST_ELIMIT);
		assert_non_null(strstr(e.msg, "offset"));
		return;
	}
	assert_false(must_fail);
	st_buf_init(&b, 4096);
	for (size_t i = 0; i < z.n; i++) {
		e = (struct st_err){ 0 };
		st_buf_clear(&b);
		if (st_zip_load(&b, &src, &z.members[i], &e) == ST_OK) {
			assert_int_equal(b.len, z.members[i].usize);
			continue;
		}
		assert_int_equal(b.len, 0);
		assert_true(e.code == ST_EFORMAT || e.code == ST_ELIMIT);
		assert_non_null(strstr(e.msg, "offset"));
	}
	st_buf_release(&b);
	st_zip_release(&z);
}

static void test_damage(void **state)
{
	static const unsigned how[] = { 0, DEFLATE | STREAM | SIGN,
					LOCAL64 | CENTRAL64 | END64 | ONES | PAD | STREAM | WIDE };

	(void)state;
	for (size_t i = 0; i < COUNT(how); i++) {
		struct zip_spec s[] = { { "p/data.pkl", "abcabcabcabcabcabc", how[i], 0, 0 },
					{ "p/data/0", "xyz", how[i], 0, 0 } };
		struct zip_archive a = zip_build(s, COUNT(s));

		for (size_t n = 0; n < a.b.len; n++) {
			uint8_t *p = zip_exact(&a, n);

			read_anything(p, n, true);
			free(p);
		}
		for (size_t n = 0; n < a.b.len * 8; n++) {
			uint8_t *p = zip_exact(&a, a.b.len);

			p[n / 8] = (uint8_t)(p[n / 8] ^ 1u << n % 8);
			read_anything(p, a.b.len, false);
			free(p);
		}
		st_buf_release(&a.b);
	}
}

struct counted {
	const struct zip_archive *a;
	unsigned reads, fail_at;
};

static int counted_pread(const struct st_source *s, void *buf, size_t n, uint64_t off,
			 struct st_err *e)
{
	struct counted *c = (struct counted *)(uintptr_t)s->mem;

	if (++c->reads == c->fail_at)
		return st_fail(e, ST_EIO, "the disk is gone");
	memcpy(buf, c->a->b.p + off, n);
	return ST_OK;
}

static const struct st_source_ops counted_ops = { .pread = counted_pread };

static struct st_source counted_source(struct counted *c)
{
	return (struct st_source){
		.ops = &counted_ops, .size = c->a->b.len, .name = "m", .fd = -1, .mem = c
	};
}

static void test_read_errors(void **state)
{
	struct zip_archive a = zip_build(wide, COUNT(wide));
	struct counted c = { .a = &a };
	struct st_source s = counted_source(&c);
	struct st_zip z;
	unsigned total = 1;

	(void)state;
	for (unsigned i = 0; i <= total; i++) { /* at first none fails */
		struct st_err e = { 0 };

		c.reads = 0;
		c.fail_at = i;
		assert_int_equal(st_zip_open(&z, &s, ZIP_LIMIT, &e), i ? ST_EIO : ST_OK);
		if (i == 0)
			total = c.reads;
		st_zip_release(&z);
	}
	assert_true(total >= 6);
	st_buf_release(&a.b);
}

/* A checkpoint of 2,000 storages: one read for each local header, memory within the limit. */
static void test_many(void **state)
{
	enum {
		MANY = 2000
	};
	struct zip_place *at = calloc(MANY, sizeof(*at));
	struct zip_archive a = { 0 };
	struct counted c = { .a = &a };
	struct st_err e = { 0 };
	struct st_source s;
	struct st_zip z;
	char name[32];

	(void)state;
	assert_non_null(at);
	st_buf_init(&a.b, 1 << 20);
	for (unsigned pass = 0; pass < 2; pass++) {
		a.dir = a.b.len;
		for (unsigned i = 0; i < MANY; i++) {
			struct zip_spec m = { name, "1234", STREAM | SIGN | PAD, 0, 0 };

			snprintf(name, sizeof(name), "archive/data/%u", i);
			if (pass)
				zip_put_entry(&a, &m, &at[i]);
			else
				zip_put_member(&a, &m, &at[i]);
		}
	}
	zip_put_end(&a, MANY, END64);
	s = counted_source(&c);
	assert_int_equal(st_zip_open(&z, &s, ZIP_LIMIT, &e), ST_OK);
	assert_int_equal(z.n, MANY);
	assert_true(c.reads <= MANY + 6);
	assert_ptr_equal(st_zip_find(&z, "archive/data/1999", 17), &z.members[1999]);
	st_zip_release(&z);
	assert_int_equal(st_zip_open(&z, &s, 500000, &e), ST_ELIMIT);
	assert_non_null(strstr(e.msg, "asks for more than the 500000 bytes of memory allowed"));
	st_buf_release(&a.b);
	free(at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	    cmocka_unit_test(test_empty),
		cmocka_unit_test(test_real),	    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_odd),	    cmocka_unit_test(test_names),
		cmocka_unit_test(test_prefix),	    cmocka_unit_test(test_order),
		cmocka_unit_test(test_comment),	    cmocka_unit_test(test_damage),
		cmocka_unit_test(test_read_errors), cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

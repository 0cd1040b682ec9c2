/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "zip_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* Members that cannot be read spoil no others. */
static void test_unreadable(void **state)
{
	static const struct {
		size_t delta;
		uint64_t value;
		const char *msg;
	} rows[] = {
		{ 8, 1, "member \"a\" at offset 0 is encrypted" },
		{ 8, 1 << 6, "member \"a\" at offset 0 is encrypted" },
		{ 8, 1 << 13, "member \"a\" at offset 0 is encrypted" },
		{ 10, 12,
		  "member \"a\" at offset 0 has compression method 12; strata reads 0 and 8" },
		{ 10, 93, "compression method 93" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct zip_archive a = zip_build(zip_plain, 2);
		struct st_source src, s;
		struct st_err e;
		struct st_zip z;

		zip_change(&a, &(struct zip_change){ CENTRAL, 0, rows[i].delta, 2, rows[i].value });
		assert_int_equal(zip_mem_open(&z, &src, a.b.p, a.b.len, &e), ST_OK);
		assert_int_equal(st_zip_member_open(&s, &src, &z.members[0], &e), ST_EFORMAT);
		assert_non_null(strstr(e.msg, rows[i].msg));
		st_source_close(&s);
		zip_check_content(&src, &z.members[1], "world!!", 7);
		st_zip_release(&z);
		st_buf_release(&a.b);
	}
}

#define ZEROS ((size_t)3 << 20)

/* DEFLATE data for ZEROS zeros, with something behind them. */
static size_t make_zeros(uint8_t *p, size_t room)
{
	uint8_t *zeros = calloc(1, ZEROS);
	size_t n;

	assert_non_null(zeros);
	n = zip_squeeze(p, room, zeros, ZEROS);
	free(zeros);
	memset(p + n, 0xa5, 16);
	return n;
}

static void test_inflate_refused(void **state)
{
	uint8_t data[8192], *out = malloc(ZEROS + 8);
	size_t n = make_zeros(data, 8000);
	const struct {
		uint64_t offset, csize, usize;
		uint32_t crc;
		const char *msg;
	} rows[] = {
		{ 0, n, ZEROS + 1, 0, "inflate to 3145728 bytes, not 3145729" },
		{ 0, n, ZEROS - 1, 0, "data at offset 0 inflate to more than 3145727 bytes" },
		{ 0, n, 10, 0, "inflate to more than 10 bytes" },
		{ 0, n, 0, 0, "inflate to more than 0 bytes" },
		{ 0, n + 1, ZEROS, 0, "1 bytes before they should" },
		{ 0, n - 1, ZEROS, 0, "DEFLATE data end too early at offset" },
		{ 0, n, ZEROS, 1, "not 00000001" },
		{ 1, n - 1, 9, 0, "offset" },
		{ 0, n, n * 1033, 0, "cannot inflate to" },
		{ 0, n, UINT64_MAX, 0, "cannot inflate to 18446744073709551615 bytes" },
		{ 0, 0, 1, 0, "0 bytes of DEFLATE data at offset 0 cannot inflate to 1 bytes" },
		{ 0, 8193, 1, 0, "exceed the 8192 bytes of the file" },
		{ UINT64_MAX, 1, 1, 0, "exceed the 8192 bytes of the file" },
		{ 1, UINT64_MAX, 1, 0, "exceed the 8192 bytes of the file" },
		{ n, 16, 20, 0, "bad DEFLATE data before offset" },
	};

	(void)state;
	assert_non_null(out);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct st_packed p = { rows[i].offset, rows[i].csize, rows[i].usize, rows[i].crc };
		struct st_err e = { 0 };
		struct st_source src, s;

		st_source_init_mem(&src, data, sizeof(data), "m");
		if (st_inflate_open(&s, &src, &p, &e) == ST_OK) {
			size_t want = p.usize < ZEROS + 8 ? (size_t)p.usize : ZEROS + 8;

			assert_int_equal(st_source_read(&s, out, want, 0, &e), ST_EFORMAT);
			e = (struct st_err){ 0 }; /* and again, from the start */
			assert_int_equal(st_source_read(&s, out, want, 0, &e), ST_EFORMAT);
		}
		if (e.code != ST_EFORMAT || !strstr(e.msg, rows[i].msg))
			fail_msg("row %zu: \"%s\", not \"%s\"", i, e.msg, rows[i].msg);
		st_source_close(&s);
	}
	free(out);
}

/* What is far larger than its data is read in pieces, or not at all when there is no room. */
static void test_bomb(void **state)
{
	uint8_t data[8192], piece[4096];
	struct st_packed p = { 0, make_zeros(data, 8000), ZEROS, 0 };
	struct st_zip_member m = { .name = "z",
				   .name_len = 1,
				   .csize = p.csize,
				   .usize = ZEROS,
				   .method = ST_ZIP_DEFLATED };
	struct st_err e = { 0 };
	struct st_source src, s;
	struct st_buf b;

	(void)state;
	st_source_init_mem(&src, data, sizeof(data), "m");
	assert_int_equal(st_inflate_open(&s, &src, &p, &e), ST_OK);
	assert_int_equal(s.size, ZEROS);
	assert_int_equal(st_source_read(&s, piece, sizeof(piece), ZEROS - sizeof(piece), &e),
			 ST_OK);
	assert_int_equal(piece[4095], 0);
	st_source_close(&s);
	st_buf_init(&b, ZEROS - 1);
	assert_int_equal(st_zip_load(&b, &src, &m, &e), ST_ELIMIT);
	assert_string_equal(e.msg, "member \"z\" of 3145728 bytes at offset 0 exceeds the limit of"
				   " 3145727");
	assert_null(b.p);
	/* One that says more than it has takes memory for what it has. */
	e = (struct st_err){ 0 };
	b.max = SIZE_MAX - 1;
	m.usize = p.csize * 1032;
	assert_true(m.usize > ZEROS);
	assert_int_equal(st_zip_load(&b, &src, &m, &e), ST_EFORMAT);
	assert_int_equal(b.len, 0);
	assert_true(b.cap <= 2 * (ZEROS + ((size_t)1 << 20)));
	st_buf_release(&b);
}

static void test_crc(void **state)
{
	struct zip_archive a = zip_build(zip_plain, 2);
	struct st_source src;
	struct st_err e;
	struct st_zip z;
	struct st_buf b;

	(void)state;
	a.b.p[a.at[0].data] = 'J';
	assert_int_equal(zip_mem_open(&z, &src, a.b.p, a.b.len, &e), ST_OK);
	st_buf_init(&b, 64);
	assert_int_equal(st_buf_addstr(&b, "kept", &e), ST_OK);
	assert_int_equal(st_zip_load(&b, &src, &z.members[0], &e), ST_EFORMAT);
	assert_non_null(strstr(e.msg, "member \"a\" at offset 31 has the CRC-32 "));
	assert_int_equal(b.len, 4);
	z.members[0].crc = 0; /* as PyTorch may write */
	e = (struct st_err){ 0 };
	assert_int_equal(st_zip_load(&b, &src, &z.members[0], &e), ST_OK);
	assert_int_equal(b.len, 9);
	assert_memory_equal(b.p, "keptJello", 9);
	st_buf_release(&b);
	st_zip_release(&z);
	st_buf_release(&a.b);
}

#define NUMBERS 100000

struct shared {
	const struct st_source *s;
	unsigned seed;
	int wrong;
};

static uint8_t number(size_t i)
{
	uint32_t h = (uint32_t)i * 2654435761u;

	h = (h ^ h >> 15) * 0x85ebca6bu;
	return (uint8_t)(h >> 24 & 0x3f); /* takes more than one read, deflated */
}

static void *read_at_random(void *arg)
{
	struct shared *w = arg;
	uint8_t buf[999];

	for (unsigned i = 0; i < 200; i++) {
		struct st_err e = { 0 };
		size_t at, n = i * 7 % sizeof(buf);

		w->seed = w->seed * 1103515245 + 12345;
		at = w->seed / 3 % (NUMBERS - sizeof(buf));
		if (st_source_read(w->s, buf, n, at, &e) != ST_OK)
			w->wrong++;
		for (size_t k = 0; k < n; k++)
			w->wrong += buf[k] != number(at + k);
	}
	return NULL;
}

static void test_threads(void **state)
{
	uint8_t *raw = malloc(NUMBERS), *packed = malloc(NUMBERS * 2);
	struct shared w[2] = { { .seed = 1 }, { .seed = 99 } };
	struct st_err e = { 0 };
	struct st_source src, s;
	struct st_packed p;
	pthread_t other;

	(void)state;
	assert_true(raw && packed);
	for (size_t i = 0; i < NUMBERS; i++)
		raw[i] = number(i);
	p = (struct st_packed){ 0, zip_squeeze(packed, NUMBERS * 2, raw, NUMBERS), NUMBERS,
				(uint32_t)crc32(0, raw, NUMBERS) };
	st_source_init_mem(&src, packed, p.csize, "m");
	assert_int_equal(st_inflate_open(&s, &src, &p, &e), ST_OK);
	w[0].s = w[1].s = &s;
	assert_int_equal(pthread_create(&other, NULL, read_at_random, &w[1]), 0);
	read_at_random(&w[0]);
	pthread_join(other, NULL);
	assert_int_equal(w[0].wrong + w[1].wrong, 0);
	assert_int_equal(st_source_read(&s, raw, NUMBERS, 0, &e), ST_OK); /* CRC-32 and all */
	st_source_close(&s);
	free(raw);
	free(packed);
}

struct flaky {
	const uint8_t *p;
	unsigned left; /* reads until one fails */
};

static int flaky_pread(const struct st_source *s, void *buf, size_t n, uint64_t off,
		       struct st_err *e)
{
	struct flaky *f = (struct flaky *)(uintptr_t)s->mem;

	if (f->left-- == 0)
		return st_fail(e, ST_EIO, "the disk is slow");
	memcpy(buf, f->p + off, n);
	return ST_OK;
}

/* A source that failed once gives the right bytes when asked again. */
static void test_after_failure(void **state)
{
	static const struct st_source_ops ops = { .pread = flaky_pread };
	uint8_t *raw = malloc(NUMBERS), *packed = malloc(NUMBERS * 2), *got = malloc(NUMBERS);
	struct flaky f = { .p = packed };
	struct st_packed p;

	(void)state;
	assert_true(raw && packed && got);
	for (size_t i = 0; i < NUMBERS; i++)
		raw[i] = number(i);
	p = (struct st_packed){ 0, zip_squeeze(packed, NUMBERS * 2, raw, NUMBERS), NUMBERS,
				(uint32_t)crc32(0, raw, NUMBERS) };
	for (f.left = 0; f.left < 2; f.left++) {
		struct st_source src = { .ops = &ops, .size = p.csize, .mem = &f }, s;
		unsigned fails = f.left;
		struct st_err e = { 0 };

		assert_int_equal(st_inflate_open(&s, &src, &p, &e), ST_OK);
		assert_int_equal(st_source_read(&s, got, NUMBERS, 0, &e), ST_EIO);
		f.left = UINT32_MAX;
		e = (struct st_err){ 0 };
		assert_int_equal(st_source_read(&s, got, 1000, 0, &e), ST_OK);
		assert_memory_equal(got, raw, 1000);
		assert_int_equal(st_source_read(&s, got, NUMBERS - 1000, 1000, &e), ST_OK);
		assert_memory_equal(got, raw + 1000, NUMBERS - 1000);
		st_source_close(&s);
		f.left = fails;
	}
	free(raw);
	free(packed);
	free(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unreadable), cmocka_unit_test(test_inflate_refused),
		cmocka_unit_test(test_bomb),	   cmocka_unit_test(test_crc),
		cmocka_unit_test(test_threads),	   cmocka_unit_test(test_after_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

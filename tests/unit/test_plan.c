/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "repo_fixture.h"

#include "base/file.h"
#include "model/manifest.h"
#include "repo/plan.h"

#include <string.h>
#include <unistd.h>

static struct trepo t;

static bool base_of(const char *path, const char *name, uint64_t bytes, struct st_oid *id)
{
	uint64_t shape = bytes / 4;
	struct st_tensor tensor = { .name = name,
				    .name_len = strlen(name),
				    .dtype = ST_F32,
				    .ndim = 1,
				    .shape = &shape,
				    .nbytes = bytes };
	struct st_err e = { 0 };
	struct st_bases *b;
	bool found;

	assert_int_equal(st_bases_new(&b, t.r, &e), ST_OK);
	assert_int_equal(st_bases_find(b, path, &tensor, id, &found, &e), ST_OK);
	st_bases_free(b);
	return found;
}

/* Tensor k of a file of tr_model. */
static void id_of(const char *file, size_t k, size_t n, size_t bytes, struct st_oid *id)
{
	struct st_buf b;

	tr_read(&t, file, &b);
	st_oid_of(id, b.p + b.len - (n - k) * bytes, bytes);
	st_buf_release(&b);
}

static void order(void **state)
{
	static const uint64_t one[] = { 1, 2 }, two[] = { 3, 4 }, three[] = { 5, 6 };
	struct st_oid got, want;

	(void)state;
	assert_int_equal(st_mkdirs("d", &(struct st_err){ 0 }), ST_OK);
	assert_int_equal(st_mkdirs("e", &(struct st_err){ 0 }), ST_OK);
	tr_model(&t, "d/a.safetensors", one, 2, 4096, 0);
	tr_model(&t, "d/b.safetensors", two, 2, 4096, 0);
	tr_model(&t, "e/c.safetensors", three, 1, 4096, 0);
	assert_false(base_of("d/a.safetensors", "t0", 4096, &got));
	tr_add(&t, NULL);
	id_of("d/a.safetensors", 0, 2, 4096, &want);
	assert_true(base_of("d/a.safetensors", "t0", 4096, &got)); /* the same file first */
	assert_true(st_oid_eq(&got, &want));
	assert_true(base_of("d/new.safetensors", "t1", 4096, &got)); /* then its directory */
	id_of("d/a.safetensors", 1, 2, 4096, &want);
	if (!st_oid_eq(&got, &want))
		id_of("d/b.safetensors", 1, 2, 4096, &want);
	assert_true(st_oid_eq(&got, &want));
	assert_true(base_of("e/new.safetensors", "t1", 4096, &got)); /* then any */
	assert_false(base_of("d/a.safetensors", "t0", 8192, &got));  /* never another size */
	assert_false(base_of("d/a.safetensors", "t9", 4096, &got));
}

/* What is only staged does not come before the last version; of several files the newest does. */
static void newest(void **state)
{
	static const uint64_t seeds[][1] = { { 1 }, { 2 }, { 3 }, { 4 }, { 5 }, { 6 } };
	static const char *const names[] = { "s-500", "s-1000", "s-90" };
	struct st_oid got, want;
	char path[64];

	(void)state;
	tr_model(&t, "m.safetensors", seeds[0], 1, 4096, 0);
	tr_version(&t);
	id_of("m.safetensors", 0, 1, 4096, &want);
	tr_model(&t, "m.safetensors", seeds[1], 1, 4096, 0);
	tr_add(&t, NULL);
	assert_true(base_of("m.safetensors", "t0", 4096, &got));
	assert_true(st_oid_eq(&got, &want));
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s.safetensors", names[i]);
		tr_model(&t, path, seeds[2 + i], 1, 4096, 0);
		/* of the same second, so that the names decide */
		assert_int_equal(
			utimensat(AT_FDCWD, path,
				  (struct timespec[2]){ { 2000000000, 0 }, { 2000000000, 0 } }, 0),
			0);
	}
	tr_add(&t, NULL);
	assert_true(base_of("new.safetensors", "t0", 4096, &got));
	id_of("s-1000.safetensors", 0, 1, 4096, &want);
	assert_true(st_oid_eq(&got, &want));
	tr_model(&t, "s-90.safetensors", seeds[5], 1, 4096, 0);
	assert_int_equal(utimensat(AT_FDCWD, "s-90.safetensors",
				   (struct timespec[2]){ { 2000000009, 0 }, { 2000000009, 0 } }, 0),
			 0);
	tr_add(&t, NULL);
	assert_true(base_of("new.safetensors", "t0", 4096, &got));
	id_of("s-90.safetensors", 0, 1, 4096, &want);
	assert_true(st_oid_eq(&got, &want));
}

static void piece_is(const struct st_piece *p, uint64_t off, uint64_t size, bool glue, size_t n)
{
	assert_int_equal(p->off, off);
	assert_int_equal(p->size, size);
	assert_int_equal(p->glue, glue);
	assert_int_equal(p->ntensors, n);
}

/* Glue between, overlapping tensors in one extent, empty ones by themselves; all is covered. */
static void pieces(void **state)
{
	struct st_tensor v[] = {
		{ .offset = 8, .nbytes = 0, .dtype = ST_F32 },
		{ .offset = 8, .nbytes = 8, .dtype = ST_F32 },
		{ .offset = 20, .nbytes = 10, .dtype = ST_BF16 },
		{ .offset = 24, .nbytes = 10, .dtype = ST_BF16 },
		{ .offset = 34, .nbytes = 4, .dtype = ST_U8 },
	};
	struct st_layout l;
	struct st_plan p;
	struct st_err e = { 0 };

	(void)state;
	st_layout_init(&l);
	l.tensors = v;
	l.ntensors = 5;
	l.size = 40;
	assert_int_equal(st_plan_make(&p, &l, &e), ST_OK);
	assert_int_equal(p.n, 7);
	piece_is(&p.pieces[0], 0, 8, true, 0);
	piece_is(&p.pieces[1], 8, 0, false, 1);
	piece_is(&p.pieces[2], 8, 8, false, 1);
	assert_int_equal(p.pieces[2].width, 4);
	piece_is(&p.pieces[3], 16, 4, true, 0);
	piece_is(&p.pieces[4], 20, 14, false, 2);
	assert_int_equal(p.pieces[4].width, 2);
	piece_is(&p.pieces[5], 34, 4, false, 1);
	piece_is(&p.pieces[6], 38, 2, true, 0);
	st_plan_release(&p);
}

/* Elements of one width whose bytes interleave, or of two widths, are plain bytes to the codec. */
static void widths(void **state)
{
	static const struct {
		struct st_tensor a, b;
		unsigned width;
	} rows[] = {
		{ { .nbytes = 8, .dtype = ST_F32 }, { .nbytes = 16, .dtype = ST_I32 }, 4 },
		{ { .nbytes = 8, .dtype = ST_F32 }, { .nbytes = 16, .dtype = ST_U8 }, 1 },
		{ { .nbytes = 8, .dtype = ST_F32 },
		  { .offset = 4, .nbytes = 8, .dtype = ST_F32 },
		  4 },
		{ { .nbytes = 8, .dtype = ST_F32 },
		  { .offset = 2, .nbytes = 8, .dtype = ST_F32 },
		  1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct st_tensor v[] = { rows[i].a, rows[i].b };
		struct st_layout l;
		struct st_plan p;
		struct st_err e = { 0 };

		st_layout_init(&l);
		l.tensors = v;
		l.ntensors = 2;
		l.size = 16;
		assert_int_equal(st_plan_make(&p, &l, &e), ST_OK);
		assert_int_equal(p.pieces[0].ntensors, 2);
		assert_int_equal(p.pieces[0].width, rows[i].width);
		st_plan_release(&p);
	}
}

/* What no tensor covers is glue as long as memory can hold it, then it is cut into chunks. */
static void gaps(void **state)
{
	struct st_tensor v[101];
	struct st_layout l;
	struct st_plan p;
	struct st_err e = { 0 };
	uint64_t glue = 0, at = 0;
	size_t chunks = 0;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		v[i] = (struct st_tensor){ .offset = (i + 1) << 20, .nbytes = 16, .dtype = ST_U8 };
	v[100] = (struct st_tensor){ .dtype = ST_U8, .where = ST_HELD, .nbytes = 5 };
	st_layout_init(&l);
	l.tensors = v;
	l.ntensors = 101;
	l.size = (uint64_t)1 << 30;
	assert_int_equal(st_plan_make(&p, &l, &e), ST_OK);
	assert_int_equal(p.in_file, 100);
	for (size_t i = 0; i < p.n; i++) {
		assert_int_equal(p.pieces[i].off, at);
		at += p.pieces[i].size;
		glue += p.pieces[i].glue ? p.pieces[i].size : 0;
		chunks += p.pieces[i].chunks;
	}
	assert_int_equal(at, l.size);
	assert_int_equal(chunks, 100 - 64 + 1); /* the file's rest is one */
	assert_true(glue > (uint64_t)60 << 20 && glue <= (uint64_t)64 << 20);
	st_plan_release(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(order, &t),	  TR_TEST(newest, &t),	  TR_TEST(pieces, &t),
		cmocka_unit_test(widths), cmocka_unit_test(gaps),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

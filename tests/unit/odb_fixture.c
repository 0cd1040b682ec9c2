/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blake3.h"
#include "odb_fixture.h"

static void warn(void *arg, const char *msg)
{
	(void)msg;
	++*(unsigned *)arg;
}

void fixture_open(struct fixture *f, struct st_store *store)
{
	struct st_err e = { 0 };

	*f = (struct fixture){ .store = store, .ctx = { .jobs = 2, .memory = 1 << 28 } };
	f->ctx.arg = &f->warnings;
	f->ctx.warn = warn;
	if (!store)
		assert_int_equal(st_store_mem_new(&f->store, &e), ST_OK);
	assert_int_equal(st_catalog_open(&f->cat, ":memory:", &e), ST_OK);
	assert_int_equal(st_odb_open(&f->odb, f->store, f->cat, &e), ST_OK);
	assert_int_equal(st_codec_state_new(&f->codec, &e), ST_OK);
}

void fixture_close(struct fixture *f)
{
	st_odb_close(f->odb);
	st_catalog_close(f->cat);
	st_store_free(f->store);
	st_codec_state_free(f->codec);
}

void fixture_forget(struct fixture *f)
{
	struct st_err e = { 0 };

	st_odb_close(f->odb);
	st_catalog_close(f->cat);
	assert_int_equal(st_catalog_open(&f->cat, ":memory:", &e), ST_OK);
	assert_int_equal(st_odb_open(&f->odb, f->store, f->cat, &e), ST_OK);
}

struct st_writer *fixture_writer(struct fixture *f)
{
	struct st_err e = { 0 };
	struct st_writer *w;

	assert_int_equal(st_writer_new(&w, f->odb, &f->ctx, &e), ST_OK);
	return w;
}

size_t fixture_publish(struct fixture *f, struct st_writer *w, struct st_oid *ids)
{
	const struct st_oid *packs;
	struct st_err e = { 0 };
	size_t n, i;

	if (st_writer_seal(w, &packs, &n, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(st_catalog_begin(f->cat, &e), ST_OK);
	for (i = 0; i < n; i++) {
		if (st_odb_learn_pack(f->odb, &packs[i], &e) != ST_OK)
			fail_msg("%s", e.msg);
		if (ids && i < 16)
			ids[i] = packs[i];
	}
	assert_int_equal(st_catalog_commit(f->cat, &e), ST_OK);
	st_writer_free(w);
	return n;
}

uint8_t *content(size_t n, enum fill how, uint64_t seed)
{
	uint8_t *p = malloc(n ? n : 1);

	assert_non_null(p);
	case_fill(p, n, how, 4, seed);
	return p;
}

static size_t frame_len(size_t n, size_t at)
{
	return n - at < ST_FRAME_LEN ? n - at : ST_FRAME_LEN;
}

static int put_frame(struct fixture *f, struct st_writer *w, struct st_frame_in *in, uint64_t i,
		     size_t n, enum st_codec_mode mode, struct st_err *e)
{
	uint8_t *out = malloc(ST_FRAME_LEN);
	struct st_frame_row row = { 0 };
	enum st_coding coding;
	size_t stored;
	int rc = st_frame_encode(f->codec, in, mode, out, &coding, &stored, e);

	row.coding = (uint8_t)coding;
	row.stored = (uint32_t)stored;
	if (n <= ST_FRAME_LEN)
		st_blake3(in->raw, in->n, row.cv);
	else
		st_blake3_subtree(in->raw, in->n, i * (ST_FRAME_LEN / 1024), row.cv);
	if (rc == ST_OK)
		rc = st_writer_frame(w, &row, coding == ST_CODING_RAW ? in->raw : out, e);
	free(out);
	return rc;
}

int put_object(struct fixture *f, struct st_writer *w, const uint8_t *p, size_t n, unsigned width,
	       enum st_codec_mode mode, const uint8_t *base_raw, size_t base_n, unsigned base_depth,
	       struct st_oid *id, bool *fresh, struct st_err *e)
{
	struct st_oid base;
	size_t at;
	int rc;

	st_oid_of(id, p, n);
	if (base_raw)
		st_oid_of(&base, base_raw, base_n);
	rc = st_writer_begin(w, n, width, base_raw ? &base : NULL, base_depth, e);
	for (at = 0; rc == ST_OK && at < n; at += ST_FRAME_LEN) {
		struct st_frame_in in = { .raw = p + at, .n = frame_len(n, at), .level = 1 };

		in.width = width;
		if (base_raw && at < base_n) {
			in.base = base_raw + at;
			in.base_n = frame_len(base_n, at);
		}
		rc = put_frame(f, w, &in, at / ST_FRAME_LEN, n, mode, e);
	}
	return rc == ST_OK ? st_writer_end(w, id, fresh, e) : rc;
}

void check_object(struct fixture *f, const struct st_oid *id, const uint8_t *p, size_t n)
{
	uint8_t *got = malloc(n + ST_FRAME_LEN);
	struct st_err e = { 0 };
	struct st_buf b;
	struct st_obj *ob;
	uint64_t seed = n;

	st_buf_init(&b, n);
	if (st_odb_get(f->odb, id, &b, &e) != ST_OK || st_obj_open(&ob, f->odb, id, &e) != ST_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(b.len, n);
	assert_memory_equal(b.p, p, n);
	st_buf_release(&b);
	assert_int_equal(st_obj_size(ob), n);
	for (uint64_t i = 0; i < st_frames_of(n); i++)
		assert_int_equal(st_obj_frame(ob, f->codec, i, got + i * ST_FRAME_LEN, &e), ST_OK);
	assert_memory_equal(got, p, n);
	for (unsigned i = 0; i < 20 && n; i++) {
		size_t off = case_random(&seed) % n, len = case_random(&seed) % (n - off + 1);

		memset(got, 0, len);
		assert_int_equal(st_obj_pread(ob, f->codec, got, len, off, &e), ST_OK);
		assert_memory_equal(got, p + off, len);
	}
	assert_int_equal(st_obj_pread(ob, f->codec, got, 1, n, &e), ST_EUSAGE);
	st_obj_close(ob);
	free(got);
}

void flip(struct fixture *f, const struct st_oid *pack, uint64_t off)
{
	char name[ST_PACK_NAME_LEN + 1];
	uint64_t n = pack_length(f, pack);
	uint8_t *p = malloc((size_t)n);
	struct st_err e = { 0 };
	struct st_blob *b;

	st_pack_name(pack, name);
	assert_true(off < n);
	assert_int_equal(st_store_pread(f->store, name, p, (size_t)n, 0, &e), ST_OK);
	p[off] ^= 0x10;
	assert_int_equal(st_store_create(f->store, &b, &e), ST_OK);
	assert_int_equal(st_blob_write(b, p, (size_t)n, 0, &e), ST_OK);
	assert_int_equal(st_blob_publish(b, name, &e), ST_OK);
	free(p);
}

uint64_t pack_length(struct fixture *f, const struct st_oid *pack)
{
	char name[ST_PACK_NAME_LEN + 1];
	struct st_err e = { 0 };
	uint64_t n;

	st_pack_name(pack, name);
	assert_int_equal(st_store_size(f->store, name, &n, &e), ST_OK);
	return n;
}

static int count_one(void *arg, const char *name, uint64_t size, int64_t mtime_ns, struct st_err *e)
{
	(void)name;
	(void)size;
	(void)mtime_ns;
	(void)e;
	++*(unsigned *)arg;
	return ST_OK;
}

unsigned packs_in(struct fixture *f)
{
	struct st_err e = { 0 };
	unsigned n = 0;

	assert_int_equal(st_store_list(f->store, count_one, &n, &e), ST_OK);
	return n;
}

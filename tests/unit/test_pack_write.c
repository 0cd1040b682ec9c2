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
#include "model/manifest.h"
#include "odb_fixture.h"

#define MIB ((size_t)1 << 20)

static void put_text(struct st_writer *w, const char *text, struct st_oid *id)
{
	struct st_err e = { 0 };

	assert_int_equal(st_writer_put(w, NULL, text, strlen(text), id, &e), ST_OK);
}

static void check_has(struct st_writer *w, const struct st_oid *id, bool want)
{
	struct st_err e = { 0 };
	bool has;

	assert_int_equal(st_writer_has(w, id, ST_ENTRY_DATA, &has, &e), ST_OK);
	assert_int_equal(has, want);
}

static void the_same_is_stored_once(void **state)
{
	uint8_t *big = content(3 * MIB, FILL_NOISE, 1);
	struct st_oid a, b, pack[16];
	struct st_writer_stats st;
	struct st_err e = { 0 };
	struct st_writer *w;
	struct fixture f;
	bool fresh;

	(void)state;
	fixture_open(&f, NULL);
	w = fixture_writer(&f);
	put_text(w, "one", &a);
	put_text(w, "one", &a);
	check_has(w, &a, true);
	for (unsigned i = 0; i < 2; i++) { /* within the writer */
		assert_int_equal(put_object(&f, w, big, 3 * MIB, 1, ST_CODEC_FAST, NULL, 0, 0, &b,
					    &fresh, &e),
				 ST_OK);
		assert_int_equal(fresh, i == 0);
	}
	st_writer_stats_get(w, &st);
	assert_int_equal(st.objects, 2);
	assert_int_equal(st.raw, 3 * MIB + 3);
	assert_int_equal(st.stored, 3 * MIB + 3);
	assert_int_equal(st.reused, 0);
	assert_int_equal(fixture_publish(&f, w, pack), 1);
	assert_int_equal(pack_length(&f, pack), ST_PACK_HEADER + 3 + 12 + 3 * MIB + 113 +
							ST_INDEX_HEAD + 2 * ST_INDEX_ROW + 6 +
							ST_PACK_TRAILER);
	w = fixture_writer(&f); /* and what the odb has */
	put_text(w, "one", &a);
	assert_int_equal(put_object(&f, w, big, 3 * MIB, 1, ST_CODEC_FAST, NULL, 0, 0, &b, &fresh,
				    &e),
			 ST_OK);
	assert_false(fresh);
	assert_int_equal(fixture_publish(&f, w, NULL), 0);
	assert_int_equal(packs_in(&f), 1);
	free(big);
	fixture_close(&f);
}

static void begun_objects_are_taken_out(void **state)
{
	uint8_t *big = content(2 * MIB, FILL_NOISE, 1);
	struct st_frame_row row = { .coding = ST_CODING_RAW, .stored = MIB };
	struct st_oid a, b, pack[16];
	struct st_err e = { 0 };
	struct st_writer *w;
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	w = fixture_writer(&f);
	assert_int_equal(st_writer_cancel_object(w, &e), ST_OK); /* none is begun */
	put_text(w, "before", &a);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(st_writer_begin(w, 2 * MIB, 1, NULL, 0, &e), ST_OK);
		for (unsigned k = 0; k < i; k++)
			assert_int_equal(st_writer_frame(w, &row, big, &e), ST_OK);
		assert_int_equal(st_writer_cancel_object(w, &e), ST_OK);
	}
	put_text(w, "behind", &b);
	assert_int_equal(fixture_publish(&f, w, pack), 1);
	assert_int_equal(pack_length(&f, pack), ST_PACK_HEADER + 2 * (6 + 12) + ST_INDEX_HEAD +
							2 * ST_INDEX_ROW + ST_PACK_TRAILER);
	check_object(&f, &a, (const uint8_t *)"before", 6);
	check_object(&f, &b, (const uint8_t *)"behind", 6);
	w = fixture_writer(&f); /* nothing but a cancelled object: no pack */
	assert_int_equal(st_writer_begin(w, 5, 1, NULL, 0, &e), ST_OK);
	assert_int_equal(st_writer_cancel_object(w, &e), ST_OK);
	assert_int_equal(fixture_publish(&f, w, NULL), 0);
	assert_int_equal(packs_in(&f), 1);
	free(big);
	fixture_close(&f);
}

/* Reading back at every stage; full packs are published on the way. */
static void packs_roll(void **state)
{
	struct st_oid ids[100], packs[16];
	const struct st_oid *list;
	struct st_err e = { 0 };
	struct st_writer *w;
	struct fixture f;
	struct st_buf b;
	size_t n;

	(void)state;
	fixture_open(&f, NULL);
	w = fixture_writer(&f);
	w->roll = 100000;
	st_buf_init(&b, MIB);
	for (unsigned i = 0; i < 100; i++) {
		uint8_t *p = content(5000, FILL_NOISE, i);

		assert_int_equal(st_writer_put(w, NULL, p, 5000, &ids[i], &e), ST_OK);
		free(p);
		for (unsigned k = i % 7; k <= i; k += 7) {
			uint8_t *q = content(5000, FILL_NOISE, k);

			st_buf_clear(&b);
			assert_int_equal(st_writer_get(w, &ids[k], &b, &e), ST_OK);
			assert_memory_equal(b.p, q, 5000);
			free(q);
		}
	}
	st_buf_release(&b);
	assert_int_equal(packs_in(&f), 4);
	assert_int_equal(st_writer_seal(w, &list, &n, &e), ST_OK);
	assert_int_equal(n, 5);
	assert_int_equal(fixture_publish(&f, w, packs), 5); /* sealing twice is the same */
	for (unsigned i = 0; i < 100; i++) {
		uint8_t *p = content(5000, FILL_NOISE, i);

		check_object(&f, &ids[i], p, 5000);
		free(p);
	}
	fixture_close(&f);
}

static void small_objects_are_written_together(void **state)
{
	uint64_t count = 0, before;
	struct st_store *inner, *s;
	struct st_err e = { 0 };
	struct st_writer *w;
	struct st_oid id;
	struct fixture f;
	char text[100];

	(void)state;
	assert_int_equal(st_store_mem_new(&inner, &e), ST_OK);
	assert_int_equal(st_store_fault_new(&s, inner, 0, false, &count, &e), ST_OK);
	fixture_open(&f, s);
	w = fixture_writer(&f);
	before = count;
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "%u:%.*s", i, (int)(i % 60),
			 "xxxxxxxxxxxxxxxxxxxxxxxxxx");
		put_text(w, text, &id);
	}
	assert_true(count - before <= 4); /* create, and 1.3 MB */
	assert_int_equal(fixture_publish(&f, w, NULL), 1);
	fixture_close(&f);
}

static void recipes(void **state)
{
	struct st_oid file, manifest, got, pack[16];
	struct st_pack_index x;
	struct st_err e = { 0 };
	struct st_writer *w;
	struct fixture f;
	uint64_t len;
	bool has;

	(void)state;
	fixture_open(&f, NULL);
	w = fixture_writer(&f);
	put_text(w, "a manifest", &manifest);
	st_oid_of(&file, "the file", 8);
	assert_int_equal(st_writer_recipe(w, &file, &manifest, &e), ST_OK);
	assert_int_equal(st_writer_recipe(w, &file, &manifest, &e), ST_OK);
	assert_int_equal(st_writer_has(w, &file, ST_ENTRY_RECIPE, &has, &e), ST_OK);
	assert_true(has);
	check_has(w, &file, false);
	put_text(w, "the file", &got); /* one id may be both */
	assert_true(st_oid_eq(&got, &file));
	assert_int_equal(fixture_publish(&f, w, pack), 1);
	assert_int_equal(st_odb_recipe(f.odb, &file, &got, &e), ST_OK);
	assert_true(st_oid_eq(&got, &manifest));
	check_object(&f, &file, (const uint8_t *)"the file", 8);
	assert_int_equal(st_odb_pack_index(f.odb, pack, &x, &len, &e), ST_OK);
	assert_int_equal(x.n, 3);
	assert_int_equal(x.rows[1].kind, ST_ENTRY_RECIPE);
	assert_true(st_oid_eq(&x.rows[1].base, &manifest));
	assert_int_equal(x.rows[1].depth, 0); /* a manifest is no delta base */
	st_pack_index_release(&x);
	fixture_close(&f);
}

static void one_version_in_the_same_pack(void **state)
{
	size_t n = 4 * MIB;
	uint8_t *a = content(n, FILL_NOISE, 1), *b = content(n, FILL_NOISE, 1);
	uint8_t *c = content(5 * MIB, FILL_NOISE, 2);
	struct st_oid ia, ib, ic, pack[16];
	struct st_pack_index x;
	struct st_err e = { 0 };
	struct st_writer *w;
	struct fixture f;
	uint64_t len;
	bool fresh;

	(void)state;
	fixture_open(&f, NULL);
	b[3 * MIB] ^= 1;
	memcpy(c, b, n); /* longer than its base */
	w = fixture_writer(&f);
	assert_int_equal(put_object(&f, w, a, n, 1, ST_CODEC_FAST, NULL, 0, 0, &ia, &fresh, &e),
			 ST_OK);
	assert_int_equal(put_object(&f, w, b, n, 1, ST_CODEC_FAST, a, n, 0, &ib, &fresh, &e),
			 ST_OK);
	assert_int_equal(fixture_publish(&f, w, pack), 1);
	w = fixture_writer(&f);
	assert_int_equal(put_object(&f, w, c, 5 * MIB, 1, ST_CODEC_FAST, b, n, 1, &ic, &fresh, &e),
			 ST_OK);
	assert_int_equal(fixture_publish(&f, w, pack + 1), 1);
	check_object(&f, &ia, a, n);
	check_object(&f, &ib, b, n);
	check_object(&f, &ic, c, 5 * MIB);
	assert_int_equal(st_odb_pack_index(f.odb, pack, &x, &len, &e), ST_OK);
	assert_true(st_oid_is_zero(&x.rows[0].base));
	assert_true(st_oid_eq(&x.rows[1].base, &ia));
	assert_int_equal(x.stored, 5 * MIB);
	st_pack_index_release(&x);
	assert_int_equal(st_odb_pack_index(f.odb, pack + 1, &x, &len, &e), ST_OK);
	assert_true(st_oid_eq(&x.rows[0].base, &ib));
	assert_int_equal(x.rows[0].depth, 2);
	st_pack_index_release(&x);
	/* A base that is of no use is not named. */
	c[0] ^= 1;
	w = fixture_writer(&f);
	assert_int_equal(put_object(&f, w, c, MIB / 2, 1, ST_CODEC_FAST, b, n, 1, &ic, &fresh, &e),
			 ST_OK);
	assert_int_equal(fixture_publish(&f, w, pack + 2), 1);
	assert_int_equal(st_odb_pack_index(f.odb, pack + 2, &x, &len, &e), ST_OK);
	assert_int_equal(x.rows[0].depth, 0);
	assert_true(st_oid_is_zero(&x.rows[0].base));
	st_pack_index_release(&x);
	free(a);
	free(b);
	free(c);
	fixture_close(&f);
}

/* Each way in which what was written can differ from what was meant: nothing gets a name. */
static void nothing_unverified_is_published(void **state)
{
	uint8_t *p = content(2 * MIB, FILL_NOISE, 1), *base = content(2 * MIB, FILL_NOISE, 2);

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct st_frame_row row = { .coding = ST_CODING_RAW, .stored = MIB };
		const struct st_oid *packs;
		struct st_oid id, bid, other;
		struct st_err e = { 0 };
		struct st_writer *w;
		struct fixture f;
		bool fresh;
		size_t n;

		fixture_open(&f, NULL);
		w = fixture_writer(&f);
		put_text(w, "innocent", &other);
		assert_int_equal(put_object(&f, w, base, 2 * MIB, 1, ST_CODEC_FAST, NULL, 0, 0,
					    &bid, &fresh, &e),
				 ST_OK);
		st_oid_of(&id, p, 2 * MIB);
		assert_int_equal(st_writer_begin(w, 2 * MIB, 1, &bid, 0, &e), ST_OK);
		for (unsigned k = 0; k < 2; k++) {
			st_blake3_subtree(p + k * MIB, MIB, k * 1024, row.cv);
			row.cv[5] ^= (uint8_t)(i == 0 && k == 1);
			if (i == 1 && k == 1)
				p[k * MIB + 9] ^= 1;
			if (i == 2 && k == 1) {
				row.coding = ST_CODING_SAME;
				row.stored = 0;
			}
			if (i == 3 && k == 1) {
				row.coding = ST_CODING_ZPLANES;
				row.stored = 1000;
			}
			assert_int_equal(st_writer_frame(w, &row, p + k * MIB, &e), ST_OK);
			if (i == 1 && k == 1)
				p[k * MIB + 9] ^= 1;
		}
		id.b[31] ^= (uint8_t)(i == 4);
		assert_int_equal(st_writer_end(w, &id, &fresh, &e), ST_OK);
		assert_int_equal(st_writer_seal(w, &packs, &n, &e), ST_ECORRUPT);
		assert_non_null(strstr(e.msg, "verify what was written: object "));
		assert_int_equal(packs_in(&f), 0);
		st_err_clear(&e); /* and it stays so */
		assert_int_equal(st_writer_seal(w, &packs, &n, &e), ST_EIO);
		st_err_clear(&e);
		assert_int_equal(st_writer_begin(w, 5, 1, NULL, 0, &e), ST_EIO);
		assert_int_equal(packs_in(&f), 0);
		st_writer_free(w);
		assert_int_equal(packs_in(&f), 0);
		fixture_close(&f);
	}
	free(p);
	free(base);
}

/* An entry that claims to lie above a base of its own depth would allow a cycle. */
static void depth_must_fall(void **state)
{
	uint8_t *v[3];
	struct st_oid id;
	struct st_err e = { 0 };
	struct st_writer *w;
	struct fixture f;
	bool fresh;

	(void)state;
	fixture_open(&f, NULL);
	w = fixture_writer(&f);
	for (unsigned i = 0; i < 3; i++) {
		v[i] = content(2 * MIB, FILL_NOISE, 1);
		v[i][0] = (uint8_t)i;
		/* The third says that its base has depth 0, but it has 1. */
		assert_int_equal(put_object(&f, w, v[i], 2 * MIB, 1, ST_CODEC_FAST,
					    i ? v[i - 1] : NULL, 2 * MIB, 0, &id, &fresh, &e),
				 ST_OK);
	}
	assert_int_equal(st_writer_seal(w, &(const struct st_oid *){ NULL }, &(size_t){ 0 }, &e),
			 ST_ECORRUPT);
	assert_non_null(strstr(e.msg, "depth 1 is not below 1"));
	st_writer_free(w);
	assert_int_equal(packs_in(&f), 0);
	for (unsigned i = 0; i < 3; i++)
		free(v[i]);
	fixture_close(&f);
}

/* A write that fails once loses nothing of what was finished before. */
static void finished_objects_outlive_a_failure(void **state)
{
	uint8_t *big = content(MIB, FILL_NOISE, 1);
	struct st_frame_row row = { .coding = ST_CODING_RAW, .stored = MIB };
	struct st_store *inner, *s;
	struct st_oid id;
	struct st_err e = { 0 };
	struct st_writer *w;
	struct fixture f;

	(void)state;
	assert_int_equal(st_store_mem_new(&inner, &e), ST_OK);
	/* The first two are the listing of orphans and the new pack. */
	assert_int_equal(st_store_fault_new(&s, inner, 3, false, NULL, &e), ST_OK);
	fixture_open(&f, s);
	w = fixture_writer(&f);
	put_text(w, "finished", &id);
	assert_int_equal(st_writer_begin(w, MIB, 1, NULL, 0, &e), ST_OK);
	assert_int_equal(st_writer_frame(w, &row, big, &e), ST_EIO);
	st_err_clear(&e);
	assert_int_equal(st_writer_cancel_object(w, &e), ST_OK);
	assert_int_equal(fixture_publish(&f, w, NULL), 1);
	check_object(&f, &id, (const uint8_t *)"finished", 8);
	free(big);
	fixture_close(&f);
}

static void ids_are_checked(void **state)
{
	struct st_oid id, other;
	struct st_err e = { 0 };
	struct st_writer *w;
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	w = fixture_writer(&f);
	st_oid_of(&id, "abc", 3);
	assert_int_equal(st_writer_put(w, &id, "abc", 3, &other, &e), ST_OK);
	assert_int_equal(st_writer_put(w, &id, "abd", 3, &other, &e), ST_EBUG);
	st_writer_free(w);
	fixture_close(&f);
}

static void big_content(void **state)
{
	static const size_t sizes[] = { 0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 4 * MIB + 123 };
	struct st_oid id;
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		uint8_t *p = content(sizes[i], FILL_TEXT, i);
		struct st_writer *w = fixture_writer(&f);
		struct st_err e = { 0 };

		assert_int_equal(st_writer_put_big(w, p, sizes[i], &id, &e), ST_OK);
		fixture_publish(&f, w, NULL);
		check_object(&f, &id, p, sizes[i]);
		free(p);
	}
	fixture_close(&f);
}

static void entries_are_copied(void **state)
{
	size_t n = 3 * MIB + 5;
	uint8_t *a = content(n, FILL_FLOATS, 1), *b = content(n, FILL_FLOATS, 1);
	struct st_oid ia, ib, pack[16], kept[16];
	char name[ST_PACK_NAME_LEN + 1];
	struct st_pack_index x;
	struct st_err e = { 0 };
	struct st_writer *w;
	struct fixture f;
	uint64_t len;
	bool fresh;

	(void)state;
	fixture_open(&f, NULL);
	b[7] ^= 1;
	w = fixture_writer(&f);
	assert_int_equal(put_object(&f, w, a, n, 4, ST_CODEC_DEFAULT, NULL, 0, 0, &ia, &fresh, &e),
			 ST_OK);
	assert_int_equal(put_object(&f, w, b, n, 4, ST_CODEC_DEFAULT, a, n, 0, &ib, &fresh, &e),
			 ST_OK);
	fixture_publish(&f, w, pack);
	w = fixture_writer(&f);
	assert_int_equal(st_odb_pack_index(f.odb, pack, &x, &len, &e), ST_OK);
	for (unsigned i = 0; i < 4; i++) /* twice each: the second time is nothing */
		assert_int_equal(st_writer_copy_entry(w, pack, &x.rows[i % 2], &e), ST_OK);
	st_pack_index_release(&x);
	assert_int_equal(st_writer_put(w, NULL, "else", 4, &ia, &e), ST_OK);
	assert_int_equal(fixture_publish(&f, w, kept), 1);
	assert_int_equal(st_catalog_pack_remove(f.cat, pack, &e), ST_OK);
	st_pack_name(pack, name);
	assert_int_equal(st_store_remove(f.store, name, &e), ST_OK);
	st_oid_of(&ia, a, n);
	check_object(&f, &ia, a, n);
	check_object(&f, &ib, b, n);
	/* A damaged entry is not copied. */
	w = fixture_writer(&f);
	assert_int_equal(st_odb_pack_index(f.odb, kept, &x, &len, &e), ST_OK);
	flip(&f, kept, x.rows[0].offset + 300);
	for (size_t i = 0; i < x.n; i++)
		assert_int_equal(st_writer_copy_entry(w, kept, &x.rows[i], &e), ST_OK);
	st_pack_index_release(&x);
	assert_int_equal(st_writer_seal(w, &(const struct st_oid *){ NULL }, &(size_t){ 0 }, &e),
			 ST_ECORRUPT);
	st_writer_free(w);
	assert_int_equal(packs_in(&f), 1);
	free(a);
	free(b);
	fixture_close(&f);
}

static bool stop(void *arg)
{
	(void)arg;
	return true;
}

static void a_cancelled_seal(void **state)
{
	struct st_err e = { 0 };
	struct st_writer *w;
	struct st_oid id;
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	w = fixture_writer(&f);
	put_text(w, "x", &id);
	f.ctx.cancelled = stop;
	f.ctx.jobs = 1;
	assert_int_equal(st_writer_seal(w, &(const struct st_oid *){ NULL }, &(size_t){ 0 }, &e),
			 ST_EBUSY);
	st_writer_free(w);
	assert_int_equal(packs_in(&f), 0);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_is_stored_once),
		cmocka_unit_test(begun_objects_are_taken_out),
		cmocka_unit_test(packs_roll),
		cmocka_unit_test(small_objects_are_written_together),
		cmocka_unit_test(recipes),
		cmocka_unit_test(one_version_in_the_same_pack),
		cmocka_unit_test(nothing_unverified_is_published),
		cmocka_unit_test(depth_must_fall),
		cmocka_unit_test(finished_objects_outlive_a_failure),
		cmocka_unit_test(ids_are_checked),
		cmocka_unit_test(big_content),
		cmocka_unit_test(entries_are_copied),
		cmocka_unit_test(a_cancelled_seal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

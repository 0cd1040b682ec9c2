/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "odb_fixture.h"

#define MIB ((size_t)1 << 20)

/* Seals without any operation naming the packs, as an interrupted command does. */
static size_t abandon(struct st_writer *w, struct st_oid *ids)
{
	const struct st_oid *packs;
	struct st_err e = { 0 };
	size_t n;

	assert_int_equal(st_writer_seal(w, &packs, &n, &e), ST_OK);
	for (size_t i = 0; i < n; i++)
		ids[i] = packs[i];
	st_writer_free(w);
	return n;
}

static void put(struct fixture *f, struct st_writer *w, size_t n, uint64_t seed, struct st_oid *id,
		bool *fresh)
{
	uint8_t *p = content(n, FILL_NOISE, seed);
	struct st_err e = { 0 };

	assert_int_equal(put_object(f, w, p, n, 1, ST_CODEC_FAST, NULL, 0, 0, id, fresh, &e),
			 ST_OK);
	free(p);
}

static void check(struct fixture *f, const struct st_oid *id, size_t n, uint64_t seed)
{
	uint8_t *p = content(n, FILL_NOISE, seed);

	check_object(f, id, p, n);
	free(p);
}

/* Two packs of an interrupted command: two objects, a recipe in the second for what is in the
 * first. */
static void interrupted(struct fixture *f, struct st_oid packs[16], struct st_oid ids[3])
{
	struct st_writer *w = fixture_writer(f);
	struct st_err e = { 0 };
	bool fresh;

	w->roll = MIB;
	put(f, w, 2 * MIB, 1, &ids[0], &fresh);
	put(f, w, 50000, 2, &ids[1], &fresh);
	st_oid_of(&ids[2], "a file", 6);
	assert_int_equal(st_writer_recipe(w, &ids[2], &ids[0], &e), ST_OK);
	assert_int_equal(abandon(w, packs), 2);
	assert_int_equal(packs_in(f), 2);
}

static void finished_work_is_found_again(void **state)
{
	struct st_oid packs[16], ids[3], got[16], id;
	struct st_writer_stats st;
	struct st_err e = { 0 };
	struct st_writer *w;
	struct fixture f;
	struct st_buf b;
	bool fresh, has;

	(void)state;
	fixture_open(&f, NULL);
	interrupted(&f, packs, ids);
	assert_int_equal(st_odb_has(f.odb, &ids[0], ST_ENTRY_DATA, &has, &e), ST_OK);
	assert_false(has); /* no operation knows it */
	w = fixture_writer(&f);
	assert_int_equal(st_writer_has(w, &ids[1], ST_ENTRY_DATA, &has, &e), ST_OK);
	assert_true(has);
	put(&f, w, 50000, 2, &id, &fresh);
	assert_false(fresh);
	put(&f, w, 40000, 3, &id, &fresh);
	assert_true(fresh);
	st_buf_init(&b, MIB);
	assert_int_equal(st_writer_get(w, &ids[1], &b, &e), ST_OK);
	assert_int_equal(b.len, 50000);
	st_buf_release(&b);
	st_writer_stats_get(w, &st);
	assert_int_equal(st.objects, 1);
	assert_int_equal(st.raw, 40000);
	assert_int_equal(st.reused, 50000); /* counted once */
	/* The recipe's pack was used, so what it refers to is named too. */
	assert_int_equal(fixture_publish(&f, w, got), 3);
	assert_int_equal(st_odb_has(f.odb, &ids[0], ST_ENTRY_DATA, &has, &e), ST_OK);
	assert_true(has);
	assert_int_equal(st_odb_recipe(f.odb, &ids[2], &id, &e), ST_OK);
	assert_int_equal(f.warnings, 0);
	fixture_close(&f);
}

static void unused_work_is_not_named(void **state)
{
	struct st_oid packs[16], ids[3], id;
	struct st_writer *w;
	struct fixture f;
	bool fresh;

	(void)state;
	fixture_open(&f, NULL);
	interrupted(&f, packs, ids);
	w = fixture_writer(&f);
	put(&f, w, 40000, 3, &id, &fresh);
	assert_int_equal(fixture_publish(&f, w, NULL), 1);
	/* Once named, they are no orphans. */
	w = fixture_writer(&f);
	put(&f, w, 50000, 2, &id, &fresh);
	assert_false(fresh);
	assert_int_equal(fixture_publish(&f, w, NULL), 2);
	w = fixture_writer(&f);
	assert_int_equal(w->norphans, 0);
	put(&f, w, 50000, 2, &id, &fresh);
	assert_false(fresh);
	assert_int_equal(fixture_publish(&f, w, NULL), 0);
	fixture_close(&f);
}

static void damaged_work_is_left_alone(void **state)
{
	struct st_oid packs[16], ids[3], id;
	struct st_writer *w;
	struct fixture f;
	bool fresh;

	(void)state;
	fixture_open(&f, NULL);
	interrupted(&f, packs, ids);
	flip(&f, &packs[0], pack_length(&f, &packs[0]) - 100);
	w = fixture_writer(&f);
	assert_int_equal(f.warnings, 1);
	put(&f, w, 50000, 2, &id, &fresh);
	assert_true(fresh);
	assert_int_equal(fixture_publish(&f, w, NULL), 1);
	check(&f, &id, 50000, 2);
	fixture_close(&f);
}

static void work_without_its_base_is_left_alone(void **state)
{
	size_t n = 2 * MIB;
	uint8_t *a = content(n, FILL_NOISE, 1), *b = content(n, FILL_NOISE, 1);
	struct st_oid ia, ib, packs[16], old[16];
	struct st_err e = { 0 };
	struct st_writer *w;
	struct fixture f;
	bool fresh, has;

	(void)state;
	fixture_open(&f, NULL);
	b[0] ^= 1;
	w = fixture_writer(&f);
	assert_int_equal(put_object(&f, w, a, n, 1, ST_CODEC_FAST, NULL, 0, 0, &ia, &fresh, &e),
			 ST_OK);
	assert_int_equal(fixture_publish(&f, w, old), 1);
	w = fixture_writer(&f);
	assert_int_equal(put_object(&f, w, b, n, 1, ST_CODEC_FAST, a, n, 0, &ib, &fresh, &e),
			 ST_OK);
	assert_int_equal(abandon(w, packs), 1);
	w = fixture_writer(&f); /* the base is there: it is of use */
	assert_int_equal(st_writer_has(w, &ib, ST_ENTRY_DATA, &has, &e), ST_OK);
	assert_true(has);
	st_writer_free(w);
	assert_int_equal(st_catalog_pack_remove(f.cat, old, &e), ST_OK);
	for (unsigned i = 0; i < 2; i++) {
		char name[ST_PACK_NAME_LEN + 1];

		w = fixture_writer(&f); /* first the base is an orphan itself, then it is gone */
		assert_int_equal(st_writer_has(w, &ib, ST_ENTRY_DATA, &has, &e), ST_OK);
		assert_int_equal(has, i == 0);
		st_writer_free(w);
		st_pack_name(old, name);
		assert_int_equal(st_store_remove(f.store, name, &e), ST_OK);
	}
	free(a);
	free(b);
	fixture_close(&f);
}

/* What another process has published and names a moment later. */
static void two_writers_at_once(void **state)
{
	struct st_oid a, b, pack[16], got[16];
	const struct st_oid *packs;
	struct st_writer *one, *two;
	struct st_err e = { 0 };
	struct fixture f;
	bool fresh;
	size_t n;

	(void)state;
	fixture_open(&f, NULL);
	one = fixture_writer(&f);
	put(&f, one, 50000, 1, &a, &fresh);
	assert_int_equal(st_writer_seal(one, &packs, &n, &e), ST_OK);
	pack[0] = packs[0];
	two = fixture_writer(&f);
	put(&f, two, 50000, 1, &b, &fresh);
	assert_false(fresh);
	assert_int_equal(fixture_publish(&f, one, NULL), 1);
	assert_int_equal(fixture_publish(&f, two, got), 1);
	assert_true(st_oid_eq(&got[0], &pack[0]));
	check(&f, &a, 50000, 1);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finished_work_is_found_again),
		cmocka_unit_test(unused_work_is_not_named),
		cmocka_unit_test(damaged_work_is_left_alone),
		cmocka_unit_test(work_without_its_base_is_left_alone),
		cmocka_unit_test(two_writers_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

static const struct {
	size_t n;
	enum fill how;
	unsigned width;
	enum st_codec_mode mode;
} objects[] = {
	{ 0, FILL_ZERO, 1, ST_CODEC_DEFAULT },
	{ 1, FILL_NOISE, 1, ST_CODEC_DEFAULT },
	{ 1000, FILL_TEXT, 1, ST_CODEC_DEFAULT },
	{ 70000, FILL_NOISE, 2, ST_CODEC_FAST },
	{ MIB, FILL_FLOATS, 4, ST_CODEC_DEFAULT },
	{ MIB, FILL_ZERO, 4, ST_CODEC_FAST },
	{ MIB + 1, FILL_NOISE, 1, ST_CODEC_FAST },
	{ 3 * MIB + 12, FILL_FLOATS, 4, ST_CODEC_DEFAULT },
	{ 5 * MIB, FILL_TEXT, 1, ST_CODEC_DEFAULT },
};
#define NOBJECTS (sizeof(objects) / sizeof(*objects))

static void put_all(struct fixture *f, uint8_t *raw[NOBJECTS], struct st_oid ids[NOBJECTS],
		    struct st_oid *pack)
{
	struct st_writer *w = fixture_writer(f);
	struct st_err e = { 0 };
	bool fresh;

	for (size_t i = 0; i < NOBJECTS; i++) {
		raw[i] = content(objects[i].n, objects[i].how, i);
		assert_int_equal(put_object(f, w, raw[i], objects[i].n, objects[i].width,
					    objects[i].mode, NULL, 0, 0, &ids[i], &fresh, &e),
				 ST_OK);
		assert_true(fresh);
	}
	assert_int_equal(fixture_publish(f, w, pack), 1);
}

static void what_goes_in_comes_out(void **state)
{
	uint8_t *raw[NOBJECTS];
	struct st_oid ids[NOBJECTS], pack;
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	put_all(&f, raw, ids, &pack);
	for (size_t i = 0; i < NOBJECTS; i++) {
		struct st_err e = { 0 };
		bool has;

		assert_int_equal(st_odb_has(f.odb, &ids[i], ST_ENTRY_DATA, &has, &e), ST_OK);
		assert_true(has);
		assert_int_equal(st_odb_has(f.odb, &ids[i], ST_ENTRY_RECIPE, &has, &e), ST_OK);
		assert_false(has);
		check_object(&f, &ids[i], raw[i], objects[i].n);
	}
	/* A catalogue made anew from the pack knows the same. */
	fixture_forget(&f);
	struct st_err e = { 0 };

	assert_int_equal(st_odb_learn_pack(f.odb, &pack, &e), ST_OK);
	assert_int_equal(st_odb_learn_pack(f.odb, &pack, &e), ST_OK); /* twice does no harm */
	for (size_t i = 0; i < NOBJECTS; i++) {
		check_object(&f, &ids[i], raw[i], objects[i].n);
		free(raw[i]);
	}
	fixture_close(&f);
}

static void what_is_not_there(void **state)
{
	struct st_oid id, manifest;
	struct st_err e = { 0 };
	char hex[ST_OID_HEX + 1];
	struct st_obj *ob;
	struct st_buf b;
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	st_oid_of(&id, "nothing", 7);
	st_oid_hex(&id, hex);
	assert_int_equal(st_obj_open(&ob, f.odb, &id, &e), ST_ENOTFOUND);
	assert_non_null(strstr(e.msg, hex));
	assert_null(ob);
	st_err_clear(&e);
	st_buf_init(&b, 100);
	assert_int_equal(st_odb_get(f.odb, &id, &b, &e), ST_ENOTFOUND);
	st_err_clear(&e);
	assert_int_equal(st_odb_recipe(f.odb, &id, &manifest, &e), ST_ENOTFOUND);
	st_err_clear(&e);
	assert_int_equal(st_odb_learn_pack(f.odb, &id, &e), ST_ENOTFOUND);
	assert_non_null(strstr(e.msg, hex));
	fixture_close(&f);
}

static void a_small_buffer_bounds_get(void **state)
{
	uint8_t *p = content(5000, FILL_NOISE, 1);
	struct st_err e = { 0 };
	struct st_writer *w;
	struct st_oid id;
	struct fixture f;
	struct st_buf b;

	(void)state;
	fixture_open(&f, NULL);
	w = fixture_writer(&f);
	assert_int_equal(st_writer_put(w, NULL, p, 5000, &id, &e), ST_OK);
	fixture_publish(&f, w, NULL);
	st_buf_init(&b, 4999);
	assert_int_equal(st_odb_get(f.odb, &id, &b, &e), ST_ELIMIT);
	st_buf_release(&b);
	free(p);
	fixture_close(&f);
}

/* A flipped byte anywhere in the entry: reading fails and says where, and never gives other
 * bytes. */
static void damage_is_noticed(void **state)
{
	size_t n = 2 * MIB + 100;
	uint8_t *p = content(n, FILL_FLOATS, 3), *got = malloc(n);
	char hex[ST_OID_HEX + 1], packhex[ST_OID_HEX + 1];
	struct st_oid id, pack;
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	for (unsigned i = 0; i < 60; i++) {
		struct st_writer *w = fixture_writer(&f);
		struct st_err e = { 0 };
		struct st_obj *ob = NULL;
		uint64_t at, len;
		struct st_loc loc;
		bool fresh, found;
		int rc;

		assert_int_equal(put_object(&f, w, p, n, 4, ST_CODEC_DEFAULT, NULL, 0, 0, &id,
					    &fresh, &e),
				 ST_OK);
		fixture_publish(&f, w, &pack);
		assert_int_equal(st_catalog_loc_find(f.cat, &id, ST_ENTRY_DATA, &loc, &found, &e),
				 ST_OK);
		len = loc.stored + loc.head;
		at = i < 40 ? len - 1 - i * loc.head / 40 : loc.stored * (i - 40) / 20;
		flip(&f, &pack, ST_PACK_HEADER + at);
		rc = st_obj_open(&ob, f.odb, &id, &e);
		for (uint64_t k = 0; rc == ST_OK && k < 3; k++)
			rc = st_obj_frame(ob, f.codec, k, got + k * MIB, &e);
		if (rc != ST_ECORRUPT)
			fail_msg("byte %d: %d %s", (int)at, rc, e.msg);
		st_oid_hex(&id, hex);
		st_oid_hex(&pack, packhex);
		assert_non_null(strstr(e.msg, hex));
		assert_non_null(strstr(e.msg, packhex));
		assert_non_null(strstr(e.msg, "offset 64"));
		st_obj_close(ob);
		fixture_close(&f);
		fixture_open(&f, NULL);
	}
	free(p);
	free(got);
	fixture_close(&f);
}

/* version k of an object: frames before k differ from version 0. */
static uint8_t *version(size_t n, unsigned k)
{
	uint8_t *p = content(n, FILL_NOISE, 1);

	for (unsigned i = 0; i < k; i++)
		p[i * MIB + 5] = (uint8_t)(p[i * MIB + 5] + 1 + i);
	return p;
}

static void chains_of_bases(void **state)
{
	size_t n = 10 * MIB + 77;
	uint8_t *raw[ST_MAX_DEPTH + 1];
	struct st_oid ids[ST_MAX_DEPTH + 1], pack[16];
	struct fixture f;

	(void)state;
	fixture_open(&f, NULL);
	for (unsigned k = 0; k <= ST_MAX_DEPTH; k++) {
		struct st_writer *w = fixture_writer(&f);
		struct st_err e = { 0 };
		struct st_obj *ob;
		bool fresh;

		raw[k] = version(n, k);
		assert_int_equal(put_object(&f, w, raw[k], n, 1, ST_CODEC_FAST,
					    k ? raw[k - 1] : NULL, n, k ? k - 1 : 0, &ids[k],
					    &fresh, &e),
				 ST_OK);
		assert_int_equal(fixture_publish(&f, w, pack), 1);
		assert_int_equal(st_obj_open(&ob, f.odb, &ids[k], &e), ST_OK);
		assert_int_equal(st_obj_depth(ob), k);
		assert_int_equal(st_obj_stored(ob), k ? MIB : n);
		st_obj_close(ob);
	}
	for (unsigned k = 0; k <= ST_MAX_DEPTH; k++) {
		check_object(&f, &ids[k], raw[k], n);
		free(raw[k]);
	}
	fixture_close(&f);
}

/* gc moves an entry to another pack while a reader has the object open. */
static void a_vanished_pack(void **state)
{
	size_t n = 2 * MIB;
	uint8_t *p = content(n, FILL_NOISE, 4), *got = malloc(n);
	char name[ST_PACK_NAME_LEN + 1];
	struct st_oid id, old, new[16];
	struct st_pack_index x;
	struct st_err e = { 0 };
	struct st_writer *w;
	struct st_obj *ob;
	struct fixture f;
	uint64_t len;
	bool fresh;

	(void)state;
	fixture_open(&f, NULL);
	w = fixture_writer(&f);
	assert_int_equal(put_object(&f, w, p, n, 1, ST_CODEC_FAST, NULL, 0, 0, &id, &fresh, &e),
			 ST_OK);
	fixture_publish(&f, w, &old);
	assert_int_equal(st_obj_open(&ob, f.odb, &id, &e), ST_OK);

	/* Another pack with the same object and one more, so that it has another name. */
	w = fixture_writer(&f);
	assert_int_equal(st_odb_pack_index(f.odb, &old, &x, &len, &e), ST_OK);
	assert_int_equal(st_writer_copy_entry(w, &old, &x.rows[0], &e), ST_OK);
	st_pack_index_release(&x);
	assert_int_equal(st_writer_put(w, NULL, "more", 4, &new[0], &e), ST_OK);
	fixture_publish(&f, w, new);
	assert_int_equal(st_catalog_pack_remove(f.cat, &old, &e), ST_OK);
	st_pack_name(&old, name);
	assert_int_equal(st_store_remove(f.store, name, &e), ST_OK);

	assert_int_equal(st_obj_frame(ob, f.codec, 1, got + MIB, &e), ST_OK);
	assert_int_equal(st_obj_frame(ob, f.codec, 0, got, &e), ST_OK);
	assert_memory_equal(got, p, n);
	st_obj_close(ob);
	check_object(&f, &id, p, n);

	/* And once the other one is gone too, it is a loss and said to be. */
	assert_int_equal(st_obj_open(&ob, f.odb, &id, &e), ST_OK);
	st_pack_name(&new[0], name);
	assert_int_equal(st_store_remove(f.store, name, &e), ST_OK);
	assert_int_equal(st_obj_frame(ob, f.codec, 1, got, &e), ST_ECORRUPT);
	st_obj_close(ob);
	st_err_clear(&e);
	assert_int_equal(st_obj_open(&ob, f.odb, &id, &e), ST_ECORRUPT);
	assert_non_null(strstr(e.msg, "there is no such pack"));
	free(p);
	free(got);
	fixture_close(&f);
}

/* A catalogue that says something else than the pack is not believed. */
static void a_wrong_catalogue(void **state)
{
	uint8_t *p = content(3000, FILL_TEXT, 4);
	struct st_oid id, pack;
	struct st_writer *w;
	struct fixture f;
	struct st_loc good;
	struct st_err e = { 0 };
	bool found;

	(void)state;
	fixture_open(&f, NULL);
	w = fixture_writer(&f);
	assert_int_equal(st_writer_put(w, NULL, p, 3000, &id, &e), ST_OK);
	fixture_publish(&f, w, &pack);
	assert_int_equal(st_catalog_loc_find(f.cat, &id, ST_ENTRY_DATA, &good, &found, &e), ST_OK);
	assert_true(found);
	for (unsigned i = 0; i < 6; i++) {
		struct st_loc loc = good;
		struct st_obj *ob;
		int64_t key;

		fixture_forget(&f);
		st_err_clear(&e);
		loc.offset += i == 0;
		loc.head += i == 1;
		loc.stored += i == 2;
		loc.width = i == 3 ? 2 : loc.width;
		loc.raw += i == 4;
		loc.id.b[0] ^= (uint8_t)(i == 5);
		assert_int_equal(st_catalog_pack_add(f.cat, &pack, 4000, 1, &key, &e), ST_OK);
		assert_int_equal(st_catalog_loc_add(f.cat, key, &loc, &e), ST_OK);
		if (st_obj_open(&ob, f.odb, &loc.id, &e) != ST_ECORRUPT)
			fail_msg("case %u was believed", i);
	}
	free(p);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),    cmocka_unit_test(what_is_not_there),
		cmocka_unit_test(a_small_buffer_bounds_get), cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(chains_of_bases),	     cmocka_unit_test(a_vanished_pack),
		cmocka_unit_test(a_wrong_catalogue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

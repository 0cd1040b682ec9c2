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

#include "base/file.h"
#include "odb_fixture.h"
#include "scratch_fixture.h"

/*
 * One command of every kind of write over a store whose N-th operation fails, once or from then
 * on: it succeeds or says why, what has a name afterwards is whole, and the same command run
 * again on what is left succeeds.
 */

#define MIB ((size_t)1 << 20)
#define OBJECT (MIB + 70000) /* two frames */

struct work {
	uint8_t *base, *next;
	struct st_oid ids[12];
	size_t n;
};

static int put_small(struct work *k, struct st_writer *w, struct st_err *e)
{
	int rc = ST_OK;

	for (unsigned i = 0; rc == ST_OK && i < 8; i++) {
		uint8_t *p = content(3000, FILL_TEXT, i);

		rc = st_writer_put(w, NULL, p, 3000, &k->ids[k->n++], e);
		free(p);
	}
	return rc;
}

static int put_all(struct fixture *f, struct work *k, struct st_writer *w, struct st_err *e)
{
	struct st_oid file;
	struct st_buf b;
	bool fresh;
	int rc;

	k->n = 0;
	w->roll = MIB;
	rc = put_small(k, w, e);
	if (rc == ST_OK)
		rc = put_object(f, w, k->base, OBJECT, 1, ST_CODEC_FAST, NULL, 0, 0,
				&k->ids[k->n++], &fresh, e);
	if (rc == ST_OK)
		rc = put_object(f, w, k->next, OBJECT, 1, ST_CODEC_FAST, k->base, OBJECT, 0,
				&k->ids[k->n++], &fresh, e);
	st_buf_init(&b, 4 * MIB);
	if (rc == ST_OK)
		rc = st_writer_get(w, &k->ids[8], &b, e);
	st_buf_release(&b);
	st_oid_of(&file, "file", 4);
	if (rc == ST_OK)
		rc = st_writer_recipe(w, &file, &k->ids[0], e);
	return rc;
}

/* As a command does it, an attempt to keep what is finished after a failure included. */
static int command(struct fixture *f, struct work *k, struct st_err *e)
{
	struct st_writer *w = NULL;
	const struct st_oid *packs;
	struct st_err later = { 0 };
	size_t n, i;
	int rc = st_writer_new(&w, f->odb, &f->ctx, e);

	if (rc == ST_OK)
		rc = put_all(f, k, w, e);
	if (rc == ST_OK)
		rc = st_writer_seal(w, &packs, &n, e);
	if (rc == ST_OK)
		rc = st_catalog_begin(f->cat, e);
	if (rc == ST_OK) {
		for (i = 0; rc == ST_OK && i < n; i++)
			rc = st_odb_learn_pack(f->odb, &packs[i], e);
		if (rc == ST_OK)
			rc = st_catalog_commit(f->cat, e);
		else
			st_catalog_rollback(f->cat);
	} else if (w && st_writer_cancel_object(w, &later) == ST_OK &&
		   st_writer_seal(w, &packs, &n, &later) != ST_OK) {
		assert_int_not_equal(later.code, ST_EBUG);
	}
	st_writer_free(w);
	return rc;
}

static int whole(void *arg, const struct st_oid *id, uint64_t offset, const char *what,
		 struct st_err *e)
{
	(void)arg;
	(void)id;
	(void)offset;
	(void)e;
	fail_msg("%s", what);
	return ST_OK;
}

static int check_pack(void *arg, const char *name, uint64_t size, int64_t mtime_ns,
		      struct st_err *e)
{
	struct fixture *f = arg;
	struct st_oid pack;
	uint64_t bytes = 0;
	int rc;

	(void)mtime_ns;
	assert_true(st_pack_name_parse(&pack, name));
	rc = st_odb_scrub_pack(f->odb, &pack, whole, NULL, &bytes, e);
	assert_int_equal(bytes, size);
	return rc;
}

static void check_all(struct fixture *f, struct work *k)
{
	for (unsigned i = 0; i < 8; i++) {
		uint8_t *p = content(3000, FILL_TEXT, i);

		check_object(f, &k->ids[i], p, 3000);
		free(p);
	}
	check_object(f, &k->ids[8], k->base, OBJECT);
	check_object(f, &k->ids[9], k->next, OBJECT);
}

/* True when there is no operation of that number. */
static bool torture(const char *dir, uint64_t at, bool persistent, struct work *k)
{
	struct st_store *files, *faulty;
	struct st_err e = { 0 };
	struct fixture f;
	uint64_t count = 0;
	bool done;

	assert_int_equal(st_store_file_new(&files, dir, &e), ST_OK);
	assert_int_equal(st_store_fault_new(&faulty, files, at, persistent, &count, &e), ST_OK);
	fixture_open(&f, faulty);
	done = command(&f, k, &e) == ST_OK;
	if (done)
		assert_int_equal(e.code, ST_OK);
	else
		assert_non_null(strstr(e.msg, "fault planted"));
	fixture_close(&f);

	st_err_clear(&e);
	assert_int_equal(st_store_file_new(&files, dir, &e), ST_OK);
	fixture_open(&f, files);
	if (st_store_list(f.store, check_pack, &f, &e) != ST_OK || command(&f, k, &e) != ST_OK)
		fail_msg("after a fault at operation %u: %s", (unsigned)at, e.msg);
	assert_int_equal(f.warnings, 0);
	check_all(&f, k);
	fixture_close(&f);
	assert_int_equal(st_remove_tree(dir, &e), ST_OK);
	return count < at;
}

static void every_operation_fails_once(void **state)
{
	struct work k = { .base = content(OBJECT, FILL_NOISE, 1),
			  .next = content(OBJECT, FILL_NOISE, 1) };

	k.next[MIB + 1] ^= 1;
	for (unsigned persistent = 0; persistent < 2; persistent++) {
		uint64_t at = 1;

		while (!torture(*state, at, persistent, &k))
			at++;
		if (at <= 40)
			fail_msg("no more than %u operations", (unsigned)at);
	}
	free(k.base);
	free(k.next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation_fails_once),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

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

struct faults {
	unsigned n;
	struct st_oid id;
	uint64_t offset;
	char what[400];
};

static int note(void *arg, const struct st_oid *id, uint64_t offset, const char *what,
		struct st_err *e)
{
	struct faults *x = arg;

	(void)e;
	x->n++;
	x->id = *id;
	x->offset = offset;
	snprintf(x->what, sizeof(x->what), "%s", what);
	return ST_OK;
}

static struct faults scrub(struct fixture *f, const struct st_oid *pack)
{
	struct faults x = { 0 };
	struct st_err e = { 0 };
	uint64_t bytes = 0;

	assert_int_equal(st_odb_scrub_pack(f->odb, pack, note, &x, &bytes, &e), ST_OK);
	assert_int_equal(e.code, ST_OK);
	return x;
}

static void make(struct fixture *f, struct st_oid ids[3], struct st_oid *pack)
{
	uint8_t *p = content(2 * MIB + 9, FILL_NOISE, 1), *q = content(2 * MIB + 9, FILL_NOISE, 1);
	struct st_writer *w;
	struct st_err e = { 0 };
	bool fresh;

	q[2 * MIB + 1] ^= 1;
	fixture_open(f, NULL);
	w = fixture_writer(f);
	assert_int_equal(put_object(f, w, p, 2 * MIB + 9, 1, ST_CODEC_FAST, NULL, 0, 0, &ids[0],
				    &fresh, &e),
			 ST_OK);
	assert_int_equal(put_object(f, w, q, 2 * MIB + 9, 1, ST_CODEC_FAST, p, 2 * MIB + 9, 0,
				    &ids[1], &fresh, &e),
			 ST_OK);
	case_fill(p, MIB, FILL_FLOATS, 4, 3);
	assert_int_equal(put_object(f, w, p, MIB, 4, ST_CODEC_DEFAULT, NULL, 0, 0, &ids[2], &fresh,
				    &e),
			 ST_OK);
	assert_int_equal(fixture_publish(f, w, pack), 1);
	free(p);
	free(q);
}

static void every_byte_is_covered(void **state)
{
	struct st_oid ids[3], pack;
	struct fixture f;
	uint64_t len, at;

	(void)state;
	make(&f, ids, &pack);
	assert_int_equal(scrub(&f, &pack).n, 0);
	len = pack_length(&f, &pack);
	for (at = 0; at < len; at += at < 700 || at > len - 700 ? 1 : 97003) {
		struct faults x;

		flip(&f, &pack, at);
		x = scrub(&f, &pack);
		flip(&f, &pack, at);
		if (x.n != 1)
			fail_msg("byte %u of %u: %u faults", (unsigned)at, (unsigned)len, x.n);
	}
	assert_int_equal(scrub(&f, &pack).n, 0);
	fixture_close(&f);
}

static void faults_say_whose_they_are(void **state)
{
	struct st_oid ids[3], pack;
	struct st_err e = { 0 };
	struct faults x;
	struct fixture f;
	struct st_loc loc;
	bool found;

	(void)state;
	make(&f, ids, &pack);
	flip(&f, &pack, 64 + MIB + 1000);
	x = scrub(&f, &pack);
	assert_true(st_oid_eq(&x.id, &ids[0]));
	assert_int_equal(x.offset, 64 + MIB);
	assert_non_null(strstr(x.what, "frame 1"));
	/* The second entry has one frame of its own. Its base's damage is not its fault. */
	assert_int_equal(st_catalog_loc_find(f.cat, &ids[1], ST_ENTRY_DATA, &loc, &found, &e),
			 ST_OK);
	assert_int_equal(loc.offset, 64 + 2 * MIB + 9 + 113);
	flip(&f, &pack, loc.offset + 2);
	x = scrub(&f, &pack);
	assert_int_equal(x.n, 2);
	assert_true(st_oid_eq(&x.id, &ids[1]));
	flip(&f, &pack, loc.offset + 2);
	flip(&f, &pack, loc.offset + loc.stored + 30);
	x = scrub(&f, &pack);
	assert_int_equal(x.n, 2);
	assert_int_equal(x.offset, loc.offset + loc.stored);
	assert_non_null(strstr(x.what, "header"));
	fixture_close(&f);
}

static void packs_as_a_whole(void **state)
{
	struct st_oid ids[3], pack, gone;
	struct faults x;
	struct fixture f;

	(void)state;
	make(&f, ids, &pack);
	st_oid_of(&gone, "x", 1);
	x = scrub(&f, &gone);
	assert_int_equal(x.n, 1);
	assert_true(st_oid_is_zero(&x.id));
	assert_non_null(strstr(x.what, "there is no such pack"));
	flip(&f, &pack, pack_length(&f, &pack) - 1);
	x = scrub(&f, &pack);
	assert_int_equal(x.n, 1);
	assert_true(st_oid_is_zero(&x.id));
	assert_non_null(strstr(x.what, "trailer"));
	fixture_close(&f);
}

/* Bytes between two entries would belong to none, and no checksum cover them. */
static void gaps_are_refused(void **state)
{
	const struct st_oid *packs;
	struct st_err e = { 0 };
	struct st_writer *w;
	struct fixture f;
	struct st_oid id;
	size_t n;

	(void)state;
	fixture_open(&f, NULL);
	w = fixture_writer(&f);
	assert_int_equal(st_writer_put(w, NULL, "one", 3, &id, &e), ST_OK);
	assert_int_equal(st_writer_flush(w, &e), ST_OK);
	w->packs[0].end += 16;
	w->wbuf_off += 16;
	assert_int_equal(st_writer_put(w, NULL, "two", 3, &id, &e), ST_OK);
	assert_int_equal(st_writer_seal(w, &packs, &n, &e), ST_EBUG);
	assert_non_null(strstr(e.msg, "back to back: one ends at 79"));
	st_writer_free(w);
	fixture_close(&f);
}

static int stop(void *arg, const struct st_oid *id, uint64_t offset, const char *what,
		struct st_err *e)
{
	(void)arg;
	(void)id;
	(void)offset;
	return st_fail(e, ST_ELIMIT, "enough: %s", what);
}

static void the_caller_may_stop(void **state)
{
	struct st_oid ids[3], pack;
	struct st_err e = { 0 };
	uint64_t bytes = 0;
	struct fixture f;

	(void)state;
	make(&f, ids, &pack);
	flip(&f, &pack, 70);
	assert_int_equal(st_odb_scrub_pack(f.odb, &pack, stop, NULL, &bytes, &e), ST_ELIMIT);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_covered),
		cmocka_unit_test(faults_say_whose_they_are),
		cmocka_unit_test(packs_as_a_whole),
		cmocka_unit_test(gaps_are_refused),
		cmocka_unit_test(the_caller_may_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

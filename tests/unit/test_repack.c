/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "store/obj.h"

#include <stdio.h>
#include <string.h>

#define VERSIONS 4
#define NAME "m.safetensors"

static struct trepo t;
static struct st_buf want[VERSIONS];

/* Versions of which only a few numbers differ, all stored as they are. */
static int setup(void **state)
{
	static const uint64_t seeds[] = { 1, 2, 3 };
	const char *paths[] = { NAME };
	strata_add_result added;
	struct st_err e = { 0 };
	int rc = tr_enter(&t);

	(void)state;
	for (uint64_t v = 0; rc == 0 && v < VERSIONS; v++) {
		tr_model(&t, NAME, seeds, 3, 16384, 10 + v);
		rc = st_verb_add(t.r, paths, 1, STRATA_ADD_FAST, NULL, NULL, &added, &e);
		tr_commit(&t, NULL);
		tr_read(&t, NAME, &want[v]);
	}
	return rc;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned v = 0; v < VERSIONS; v++)
		st_buf_release(&want[v]);
	return tr_leave(&t);
}

static void all_there(void)
{
	char spec[64];

	for (unsigned v = 0; v < VERSIONS; v++) {
		snprintf(spec, sizeof(spec), "v%u:" NAME, v + 1);
		tr_check(&t, spec, &want[v]);
	}
	tr_sound(&t);
}

/* Over a store whose at-th operation fails; 0: none does. *count: how many there were. */
static int repack(bool max, uint64_t at, bool persistent, uint64_t *count,
		  strata_repack_result *res, struct st_err *e)
{
	strata_repack_options o = { .max = max };
	struct st_store *faulty;
	int rc;

	/* The repository's own store stays the inner one; the repository frees the outer one. */
	*count = 0;
	assert_int_equal(st_store_fault_new(&faulty, t.r->store, at, persistent, count, e), ST_OK);
	t.r->store = faulty;
	t.r->odb->store = faulty;
	rc = st_verb_repack(t.r, &o, res, e);
	tr_reopen(&t);
	return rc;
}

/* It ends well or says why, and the versions are there either way; at last it succeeds. */
static void every_fault(bool persistent)
{
	strata_repack_result res;
	uint64_t at, count, failed = 0;
	struct st_err e = { 0 };
	int rc = ST_EIO;

	for (at = 1; rc != ST_OK && at < 2000; at++) {
		e = (struct st_err){ 0 };
		rc = repack(false, at, persistent, &count, &res, &e);
		if (rc == ST_OK)
			break;
		assert_int_equal(rc, ST_EIO);
		assert_non_null(strstr(e.msg, "fault planted"));
		failed++;
		all_there();
	}
	assert_int_equal(rc, ST_OK);
	assert_true(failed > 10);
	all_there();
	/* One that failed after its commit point has done the work all the same. */
	assert_true(res.objects > 0 || persistent);
	assert_int_equal(repack(false, 0, false, &count, &res, &e), ST_OK);
	assert_int_equal(res.objects, 0);
}

static void once(void **state)
{
	(void)state;
	every_fault(false);
}

static void from_then_on(void **state)
{
	(void)state;
	every_fault(true);
}

static void smaller_and_done(void **state)
{
	strata_repack_result res;
	struct st_err e = { 0 };
	uint64_t count;

	(void)state;
	assert_int_equal(repack(false, 0, false, &count, &res, &e), ST_OK);
	assert_true(res.objects >= 3 && res.bytes_after < res.bytes_before);
	all_there();
	assert_int_equal(repack(false, 0, false, &count, &res, &e), ST_OK);
	assert_int_equal(res.objects, 0);
	assert_int_equal(repack(true, 0, false, &count, &res, &e), ST_OK);
	all_there();
	assert_int_equal(repack(true, 0, false, &count, &res, &e), ST_OK);
	assert_int_equal(res.objects, 0);
}

static unsigned asked; /* how often more the answer is to go on */

static bool stop(void *arg)
{
	(void)arg;
	return asked == 0 || --asked == 0;
}

static void interrupted(void **state)
{
	strata_repack_options o = { 0 };
	strata_repack_result res;
	int rc = ST_EBUSY;

	(void)state;
	for (unsigned n = 1; rc != ST_OK && n < 1000; n++) {
		struct st_err e = { 0 };

		asked = n;
		t.r->ctx.cancelled = stop;
		rc = st_verb_repack(t.r, &o, &res, &e);
		assert_true(rc == ST_OK || rc == ST_EBUSY);
		tr_reopen(&t);
		all_there();
	}
	assert_int_equal(rc, ST_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(smaller_and_done, setup, teardown),
		cmocka_unit_test_setup_teardown(once, setup, teardown),
		cmocka_unit_test_setup_teardown(from_then_on, setup, teardown),
		cmocka_unit_test_setup_teardown(interrupted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

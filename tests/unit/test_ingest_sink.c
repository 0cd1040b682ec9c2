/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "meta/catalog.h"
#include "model/manifest.h"

#include <stdio.h>

#define NAME "many.safetensors"

static struct trepo t;

/* What the page of the manifest takes, stored, and how deep it is. */
static void page_of(const char *rev, size_t *stored, unsigned *depth)
{
	struct st_err e = { 0 };
	struct st_vfile *f;
	struct st_oid id;
	struct st_loc loc;

	tr_file_id(&t, rev, NAME, &id);
	assert_int_equal(st_vfile_open(&f, t.r, &id, &e), ST_OK);
	assert_int_equal(st_vfile_manifest(f)->npages, 1);
	tr_loc(&t, &st_vfile_manifest(f)->pages[0].id, ST_ENTRY_DATA, &loc);
	*stored = (size_t)loc.stored;
	*depth = loc.depth;
	st_vfile_close(f);
}

/* A page that says other ids in the same places is stored as what differs, and comes back. */
static void pages_are_differences(void **state)
{
	strata_gc_options gc = { 0 };
	strata_gc_result done;
	size_t first, stored, sum = 0;
	struct st_err e = { 0 };
	uint64_t seeds[200];
	unsigned depth, deepest = 0;
	char rev[32];

	(void)state;
	for (uint64_t i = 0; i < 200; i++)
		seeds[i] = i + 1;
	for (unsigned v = 0; v < 20; v++) {
		seeds[v * 7] += 1000;
		tr_model(&t, NAME, seeds, 200, 64, 0);
		tr_version(&t);
	}
	page_of("v1", &first, &depth);
	assert_int_equal(depth, 0);
	for (unsigned v = 2; v <= 20; v++) {
		snprintf(rev, sizeof(rev), "v%u", v);
		page_of(rev, &stored, &depth);
		assert_in_range(depth, 1, ST_MAX_DEPTH);
		deepest = depth > deepest ? depth : deepest;
		sum += stored;
	}
	assert_int_equal(deepest, 4); /* change 15 */
	assert_true(sum / 19 < first / 8);
	tr_sound(&t);
	assert_int_equal(st_verb_gc(t.r, &gc, &done, &e), ST_OK);
	page_of("v20", &stored, &depth);
	assert_true(depth > 0);
	tr_sound(&t);
}

/* Another tensor, another length. */
static void a_page_of_another_size(void **state)
{
	uint64_t seeds[61];
	unsigned depth;
	size_t stored;

	(void)state;
	for (uint64_t i = 0; i < 61; i++)
		seeds[i] = i + 1;
	for (size_t n = 60; n <= 61; n++) {
		tr_model(&t, NAME, seeds, n, 64, 0);
		tr_version(&t);
		page_of("HEAD", &stored, &depth);
		assert_int_equal(depth, 0);
	}
	seeds[0] = 99;
	tr_model(&t, NAME, seeds, 61, 64, 0);
	tr_version(&t);
	page_of("HEAD", &stored, &depth);
	assert_int_equal(depth, 1);
	tr_sound(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(pages_are_differences, &t),
		TR_TEST(a_page_of_another_size, &t),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

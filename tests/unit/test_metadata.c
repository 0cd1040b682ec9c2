/* SPDX-License-Identifier: Apache-2.0 */
/* slow */
/*
 * What a version takes beside its tensors: of a model of 300 tensors, three change each time. The
 * bound is on what the versions from the 21st to the 120th add, so that what comes once does not
 * count; bench/run.sh measures the whole of 10,000.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "repo_fixture.h"

#define TENSORS 300
#define MOST 3072 /* bytes a version */

static void make_versions(struct trepo *t, uint64_t seeds[TENSORS], unsigned from, unsigned to,
			  unsigned how)
{
	strata_add_result res;
	struct st_err e = { 0 };

	for (unsigned k = from; k < to; k++) {
		for (unsigned i = 0; k && i < 3; i++)
			seeds[(k * 3 + i) % TENSORS] = 1000 + k * 3 + i;
		tr_model(t, "m.safetensors", seeds, TENSORS, 256, 0);
		assert_int_equal(st_verb_add(t->r, NULL, 0, STRATA_ADD_ALL | how, NULL, NULL, &res,
					     &e),
				 ST_OK);
		tr_commit(t, NULL);
	}
}

static uint64_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

static uint64_t size_below(const char *dir)
{
	uint64_t all = 0;
	struct dirent *d;
	char path[1024];
	DIR *p = opendir(dir);

	assert_non_null(p);
	while ((d = readdir(p))) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
		all += d->d_type == DT_DIR ? size_below(path) : size_of(path);
	}
	closedir(p);
	return all;
}

/* Elements of tensors have 4 bytes here, those of nothing else. */
static int add_tensor(void *arg, const struct st_loc *loc, struct st_err *e)
{
	(void)e;
	if (loc->width == 4)
		*(uint64_t *)arg += loc->stored;
	return ST_OK;
}

static uint64_t metadata(struct trepo *t)
{
	strata_gc_options now = { 0 };
	strata_gc_result res;
	struct st_err e = { 0 };
	uint64_t tensors = 0;
	char path[256];

	assert_int_equal(st_verb_gc(t->r, &now, &res, &e), ST_OK);
	assert_int_equal(st_catalog_loc_each(t->r->cat, NULL, add_tensor, &tensors, &e), ST_OK);
	assert_true(tensors > 0);
	tr_path(t, ".strata", path, sizeof(path));
	return size_below(path) - tensors;
}

static void takes_little(unsigned how)
{
	uint64_t seeds[TENSORS], before, after;
	struct trepo t;

	for (unsigned i = 0; i < TENSORS; i++)
		seeds[i] = i + 1;
	tr_open(&t);
	make_versions(&t, seeds, 0, 20, how);
	before = metadata(&t);
	make_versions(&t, seeds, 20, 120, how);
	after = metadata(&t);
	print_message("# %u bytes a version\n", (unsigned)((after - before) / 100));
	assert_true(after > before);
	assert_in_range((after - before) / 100, 500, MOST);
	tr_sound(&t);
	tr_close(&t);
}

static void a_version_takes_little(void **state)
{
	(void)state;
	takes_little(0);
}

/* What is not coded then are the tensors. */
static void added_fast_too(void **state)
{
	(void)state;
	takes_little(STRATA_ADD_FAST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_version_takes_little),
		cmocka_unit_test(added_fast_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

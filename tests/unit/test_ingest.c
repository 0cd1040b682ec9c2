/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "base/file.h"
#include "meta/catalog.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static struct trepo t;

static int setup(void **state)
{
	(void)state;
	tr_open(&t);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tr_close(&t);
	return 0;
}

static void budget(unsigned jobs, uint64_t memory)
{
	t.r->ctx.jobs = jobs;
	t.r->ctx.memory = memory;
}

/* What was added comes back under every budget, also through ranges that start anywhere. */
static void comes_back(const char *name)
{
	static const struct {
		unsigned jobs;
		uint64_t memory;
	} ways[] = { { 1, MIB }, { 2, 16 * MIB }, { 8, 512 * MIB } };
	struct st_buf want;
	char spec[100];

	tr_read(&t, name, &want);
	snprintf(spec, sizeof(spec), "HEAD:%s", name);
	for (size_t i = 0; i < 3; i++) {
		budget(ways[i].jobs, ways[i].memory);
		tr_check(&t, spec, &want);
	}
	st_buf_release(&want);
}

static void stores(const char *name)
{
	tr_add(&t, name);
	tr_commit(&t, NULL);
	comes_back(name);
}

static void sizes(void **state)
{
	static const size_t around[] = { 1, 1024, 65536, MIB, 2 * MIB, 3 * MIB, 4 * MIB, 5 * MIB };
	char name[40];
	uint64_t seed = 0;

	(void)state;
	tr_write(&t, "empty", "", 0);
	stores("empty");
	for (size_t i = 0; i < 8; i++)
		for (int d = -1; d <= 1; d++) {
			snprintf(name, sizeof(name), "f%zu_%d", i, d + 1);
			tr_random(&t, name, ++seed, around[i] + (size_t)(d + 1) - 1);
			budget((unsigned)(1 + seed % 3), (seed % 2 ? 1 : 64) * MIB);
			stores(name);
		}
}

/* Tensors that end just before, at and after frames and slabs. */
static void models(void **state)
{
	static const size_t bytes[] = {
		0, 4, MIB - 4, MIB, MIB + 4, 4 * MIB - 100, 4 * MIB, 9 * MIB
	};
	static const uint64_t seeds[] = { 1, 2, 1 };
	char name[40];

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "m%zu.safetensors", i);
		tr_model(&t, name, seeds, 3, bytes[i], bytes[i] > 64 ? 7 : 0);
		budget((unsigned)(1 + i % 3), (i % 2 ? 1 : 64) * MIB);
		stores(name);
	}
}

/* A frame changes in each of twenty versions: all can be read, and no chain grows too long. */
static void chains(void **state)
{
	static const uint64_t seeds[] = { 11 };
	struct st_buf want[20];
	struct st_oid id;
	struct st_loc loc;
	char spec[40];
	unsigned i, deepest = 0;

	(void)state;
	for (i = 0; i < 20; i++) {
		tr_model(&t, "chain.safetensors", seeds, 1, 5 * MIB, 100 + i);
		budget(2, 32 * MIB);
		tr_add(&t, "chain.safetensors");
		tr_commit(&t, NULL);
		tr_read(&t, "chain.safetensors", &want[i]);
		st_oid_of(&id, want[i].p + (want[i].len - 5 * MIB), 5 * MIB);
		tr_loc(&t, &id, ST_ENTRY_DATA, &loc);
		assert_true(loc.depth <= ST_MAX_DEPTH);
		deepest = loc.depth > deepest ? loc.depth : deepest;
	}
	assert_true(deepest > 2);
	for (i = 0; i < 20; i++) {
		snprintf(spec, sizeof(spec), "HEAD~%u:chain.safetensors", 19 - i);
		tr_check(&t, spec, &want[i]);
		st_buf_release(&want[i]);
	}
}

static uint64_t stored_by_add(const char *name)
{
	strata_add_result res;
	struct st_err e = { 0 };
	char path[256];
	const char *paths[] = { path };

	tr_path(&t, name, path, sizeof(path));
	assert_int_equal(st_verb_add(t.r, paths, 1, 0, NULL, NULL, &res, &e), ST_OK);
	return res.stored;
}

static void stores_once(void **state)
{
	static const uint64_t seeds[] = { 21, 22 };

	(void)state;
	budget(2, 64 * MIB);
	tr_random(&t, "one", 5, 3 * MIB);
	assert_true(stored_by_add("one") > 3 * MIB - 1);
	tr_random(&t, "two", 5, 3 * MIB);
	assert_true(stored_by_add("two") < 10000);
	tr_model(&t, "one.safetensors", seeds, 2, 2 * MIB, 0);
	assert_true(stored_by_add("one.safetensors") > MIB);
	tr_model(&t, "two.safetensors", seeds, 2, 2 * MIB, 0);
	assert_true(stored_by_add("two.safetensors") < 10000);
}

static void damaged_is_ordinary(void **state)
{
	unsigned before = t.warnings;

	(void)state;
	budget(2, 64 * MIB);
	tr_random(&t, "small.safetensors", 31, 1000);
	tr_random(&t, "big.safetensors", 32, 3 * MIB);
	stores("small.safetensors");
	stores("big.safetensors");
	assert_int_equal(t.warnings, before + 2);
}

/* ST_ECHANGED, and the index is as it was. */
static bool touch(void *arg)
{
	struct timespec times[2] = { { .tv_sec = 0 }, { .tv_sec = 0 } };
	static long n;

	(void)arg;
	times[0].tv_nsec = times[1].tv_nsec = ++n;
	assert_int_equal(utimensat(AT_FDCWD, "changing", times, 0), 0);
	return false;
}

static int unexpected(void *arg, const strata_status_entry *en)
{
	(void)arg;
	if (strcmp(en->path, "changing") == 0)
		assert_int_equal(en->staged, '?');
	return 0;
}

static void changing(void **state)
{
	static const char *const paths[] = { "changing" };
	struct st_err e = { 0 };
	strata_add_result res;

	(void)state;
	budget(2, MIB);
	assert_int_equal(chdir(t.dir), 0);
	tr_random(&t, "changing", 41, 9 * MIB);
	t.r->ctx.cancelled = touch; /* is asked between slabs */
	assert_int_equal(st_verb_add(t.r, paths, 1, 0, NULL, NULL, &res, &e), ST_ECHANGED);
	t.r->ctx.cancelled = NULL;
	assert_non_null(strstr(e.msg, "changing"));
	e = (struct st_err){ 0 };
	assert_int_equal(st_verb_status(t.r, NULL, 0, 0, unexpected, NULL, &e), ST_OK);
	stores("changing");
	assert_int_equal(chdir("/"), 0);
}

static bool soon(void *arg)
{
	struct trepo *x = arg;

	return x->warnings-- == 0;
}

/* What an interrupted add had finished is not stored again. */
static void interrupted(void **state)
{
	struct st_err e = { 0 };
	strata_add_result res;
	char a[256], b[256];
	const char *paths[] = { a, b };

	(void)state;
	budget(1, MIB);
	tr_random(&t, "part1", 51, 6 * MIB);
	tr_random(&t, "part2", 52, 6 * MIB);
	tr_path(&t, "part1", a, sizeof(a));
	tr_path(&t, "part2", b, sizeof(b));
	t.warnings = 10;
	t.r->ctx.cancelled = soon;
	assert_int_equal(st_verb_add(t.r, paths, 2, 0, NULL, NULL, &res, &e), ST_EBUSY);
	t.r->ctx.cancelled = NULL;
	t.warnings = 0;
	e = (struct st_err){ 0 };
	assert_int_equal(st_verb_add(t.r, paths, 2, 0, NULL, NULL, &res, &e), ST_OK);
	assert_true(res.stored < 7 * MIB);
	tr_commit(&t, NULL);
	comes_back("part1");
	comes_back("part2");
}

static void sound(void **state)
{
	(void)state;
	budget(2, 64 * MIB);
	tr_sound(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(models),
		cmocka_unit_test(chains),
		cmocka_unit_test(stores_once),
		cmocka_unit_test(damaged_is_ordinary),
		cmocka_unit_test(changing),
		cmocka_unit_test(interrupted),
		cmocka_unit_test(sound),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}

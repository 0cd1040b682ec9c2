/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include <stdio.h>
#include <sys/stat.h>

#define MIB ((size_t)1 << 20)

struct seen {
	strata_stats s;
	strata_tally coding[16], dtype[40];
	unsigned calls;
	int answer;
};

static int take(void *arg, const strata_stats *s)
{
	struct seen *x = arg;

	x->s = *s;
	x->calls++;
	assert_in_range(s->ncodings, 0, 16);
	assert_in_range(s->ndtypes, 0, 40);
	for (size_t i = 0; i < s->ncodings; i++)
		x->coding[i] = s->by_coding[i];
	for (size_t i = 0; i < s->ndtypes; i++)
		x->dtype[i] = s->by_dtype[i];
	return x->answer;
}

static const strata_tally *find(const strata_tally *t, size_t n, const char *name)
{
	static const strata_tally none = { .name = "" };

	for (size_t i = 0; i < n; i++)
		if (strcmp(t[i].name, name) == 0)
			return &t[i];
	return &none;
}

static void get(struct trepo *t, const char *rev, struct seen *x)
{
	struct st_err e = { 0 };

	*x = (struct seen){ 0 };
	assert_int_equal(st_verb_stats(t->r, rev, take, x, &e), ST_OK);
	assert_int_equal(x->calls, 1);
}

/* Every object is of one kind and every stored byte of one coding. */
static void check_sums(const struct seen *x)
{
	uint64_t objects = 0, stored = 0, by_coding = 0, raw = 0, raw_coding = 0;

	for (size_t i = 0; i < x->s.ndtypes; i++) {
		objects += x->dtype[i].objects;
		stored += x->dtype[i].stored;
		raw += x->dtype[i].logical;
		assert_true(x->dtype[i].objects > 0);
	}
	for (size_t i = 0; i < x->s.ncodings; i++) {
		by_coding += x->coding[i].stored;
		raw_coding += x->coding[i].logical;
		assert_true(x->coding[i].objects > 0);
	}
	assert_int_equal(objects, x->s.objects);
	assert_int_equal(stored, x->s.stored_bytes);
	assert_int_equal(by_coding, x->s.stored_bytes);
	assert_int_equal(raw, raw_coding);
}

static void empty(void **state)
{
	struct trepo t;
	struct seen x;

	(void)state;
	tr_open(&t);
	get(&t, NULL, &x);
	assert_int_equal(x.s.versions, 0);
	assert_int_equal(x.s.objects, 0);
	assert_int_equal(x.s.logical_bytes, 0);
	assert_true(x.s.ratio == 0);
	assert_true(x.s.disk_bytes > 0);
	tr_close(&t);
}

static void counts(void **state)
{
	const uint64_t seeds[] = { 1, 2 };
	const size_t tensor = 2 * MIB, notes = 1000;
	struct st_buf m;
	struct trepo t;
	struct seen all, one, two;

	(void)state;
	tr_open(&t);
	tr_model(&t, "m.safetensors", seeds, 2, tensor, 7);
	tr_read(&t, "m.safetensors", &m);
	tr_random(&t, "notes", 5, notes);
	tr_version(&t);
	get(&t, "v1", &one);
	check_sums(&one);
	assert_int_equal(one.s.versions, 1);
	assert_int_equal(one.s.logical_bytes, m.len + notes);
	assert_int_equal(one.s.max_depth, 0);
	assert_int_equal(find(one.dtype, one.s.ndtypes, "f32")->objects, 2);
	assert_int_equal(find(one.dtype, one.s.ndtypes, "f32")->logical, 2 * tensor);
	/* the file of notes, and the model's header */
	assert_int_equal(find(one.dtype, one.s.ndtypes, "file")->objects, 2);
	assert_int_equal(find(one.dtype, one.s.ndtypes, "file")->logical,
			 notes + m.len - 2 * tensor);
	/* commit, tree, recipe, manifest and its page */
	assert_int_equal(find(one.dtype, one.s.ndtypes, "meta")->objects, 5);

	tr_model(&t, "m.safetensors", seeds, 2, tensor, 8);
	tr_version(&t);
	get(&t, "v2", &two);
	get(&t, NULL, &all);
	check_sums(&two);
	check_sums(&all);
	assert_int_equal(all.s.versions, 2);
	assert_int_equal(all.s.logical_bytes, 2 * (m.len + notes));
	assert_int_equal(all.s.max_depth, 1);
	assert_int_equal(find(all.dtype, all.s.ndtypes, "f32")->objects, 3);
	assert_int_equal(find(all.coding, all.s.ncodings, "same")->objects, 1);
	assert_int_equal(find(all.coding, all.s.ncodings, "same")->logical, tensor - MIB);
	assert_int_equal(find(all.coding, all.s.ncodings, "same")->stored, 0);
	/* The base of the changed tensor is needed to read v2, and counts. */
	assert_int_equal(find(two.dtype, two.s.ndtypes, "f32")->objects, 3);
	assert_true(all.s.ratio > 1.5);
	assert_int_equal(all.s.packs, tr_packs(&t));
	assert_true(all.s.disk_bytes > all.s.stored_bytes);
	st_buf_release(&m);
	tr_close(&t);
}

/* What was staged and taken out is no version's, and the same file twice is stored once. */
static void only_versions(void **state)
{
	struct trepo t;
	struct seen x, y;

	(void)state;
	tr_open(&t);
	tr_random(&t, "a", 1, 70000);
	tr_random(&t, "b", 1, 70000);
	tr_version(&t);
	get(&t, NULL, &x);
	assert_int_equal(x.s.logical_bytes, 140000);
	assert_int_equal(find(x.dtype, x.s.ndtypes, "file")->objects, 1);
	tr_random(&t, "c", 2, 70000);
	tr_add(&t, "c");
	get(&t, NULL, &y);
	assert_int_equal(x.s.objects, y.s.objects);
	assert_int_equal(x.s.stored_bytes, y.s.stored_bytes);
	assert_true(y.s.disk_bytes > x.s.disk_bytes + 70000);
	tr_close(&t);
}

static void answers(void **state)
{
	struct seen x = { .answer = 1 };
	struct st_err e = { 0 };
	struct trepo t;

	(void)state;
	tr_open(&t);
	assert_int_equal(st_verb_stats(t.r, NULL, take, &x, &e), ST_ENO);
	assert_int_equal(e.code, ST_OK);
	assert_int_equal(st_verb_stats(t.r, "nothing", take, &x, &e), ST_ENOTFOUND);
	tr_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(counts),
		cmocka_unit_test(only_versions),
		cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "base/file.h"
#include "repo/gc.h"

#include <fcntl.h>
#include <stdio.h>

#define MIB ((size_t)1 << 20)
#define HOUR INT64_C(3600000000000)

struct planned {
	struct st_mark m;
	struct st_gc_plan p;
};

static void plan(struct trepo *t, struct planned *x, int64_t cutoff_ns)
{
	struct st_err e = { 0 };

	st_mark_init(&x->m, t->r);
	assert_int_equal(st_mark_history(&x->m, &e), ST_OK);
	assert_int_equal(st_mark_staged(&x->m, &e), ST_OK);
	assert_int_equal(st_mark_run(&x->m, &e), ST_OK);
	st_gc_plan_init(&x->p, t->r, &x->m);
	assert_int_equal(st_gc_plan_prune(&x->p, cutoff_ns, &e), ST_OK);
}

static void plan_release(struct planned *x)
{
	st_gc_plan_release(&x->p);
	st_mark_release(&x->m);
}

static size_t with_fate(const struct planned *x, enum st_fate fate)
{
	size_t n = 0;

	for (size_t i = 0; i < x->p.n; i++)
		n += x->p.packs[i].fate == fate;
	return n;
}

static void set_time(struct trepo *t, const struct st_oid *pack, int64_t ns)
{
	struct timespec at[2] = { { .tv_sec = ns / 1000000000 }, { .tv_sec = ns / 1000000000 } };
	struct st_loc loc = { .pack = *pack };
	char path[256];

	tr_loc_path(t, &loc, path, sizeof(path));
	assert_int_equal(utimensat(AT_FDCWD, path, at, 0), 0);
}

/* A young orphan stays as long as nothing goes that it might need. */
static void orphans(void **state)
{
	int64_t now = st_now_ns(), cutoff = now + HOUR;
	struct st_oid orphan;
	struct planned x;
	struct trepo t;

	(void)state;
	tr_open(&t);
	orphan = tr_orphan(&t);
	set_time(&t, &orphan, now + 2 * HOUR);
	plan(&t, &x, cutoff);
	assert_int_equal(x.p.n, 1);
	assert_int_equal(with_fate(&x, ST_PACK_KEEP), 1);
	plan_release(&x);

	tr_random(&t, "keep", 1, MIB); /* takes nothing from the orphan, and so does not name it */
	tr_add(&t, "keep");
	tr_commit(&t, NULL);
	plan(&t, &x, cutoff);
	assert_int_equal(with_fate(&x, ST_PACK_KEEP), x.p.n);
	assert_false(st_gc_find(&x.p, &orphan)->known);
	plan_release(&x);

	tr_random(&t, "drop", 2, MIB);
	tr_add(&t, "drop");
	tr_rm_cached(&t, "drop");
	plan(&t, &x, cutoff);
	assert_int_equal(st_gc_find(&x.p, &orphan)->fate, ST_PACK_REMOVE);
	plan_release(&x);

	set_time(&t, &orphan, now - HOUR); /* old enough by itself */
	tr_add(&t, "drop");
	plan(&t, &x, now - HOUR / 2);
	assert_int_equal(st_gc_find(&x.p, &orphan)->fate, ST_PACK_REMOVE);
	plan_release(&x);
	tr_close(&t);
}

/* By how much of a pack is dead. Files of one add share a pack. */
static void fates(void **state)
{
	static const struct {
		size_t dead, live;
		enum st_fate fate;
	} cases[] = {
		{ 0, 1000000, ST_PACK_KEEP },	     { 100000, 900000, ST_PACK_KEEP },
		{ 300000, 700000, ST_PACK_REWRITE }, { 1000000, 1, ST_PACK_REWRITE },
		{ 1000000, 0, ST_PACK_REMOVE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct planned x;
		struct st_loc loc;
		struct st_oid id;
		struct st_buf b;
		struct trepo t;

		tr_open(&t);
		if (cases[i].live)
			tr_random(&t, "live", 1, cases[i].live);
		if (cases[i].dead)
			tr_random(&t, "dead", 2, cases[i].dead);
		tr_add(&t, NULL);
		tr_read(&t, cases[i].live ? "live" : "dead", &b);
		st_oid_of(&id, b.p, b.len);
		st_buf_release(&b);
		tr_loc(&t, &id, ST_ENTRY_DATA, &loc);
		if (cases[i].dead)
			tr_rm_cached(&t, "dead");
		plan(&t, &x, INT64_MAX);
		assert_int_equal(st_gc_find(&x.p, &loc.pack)->fate, cases[i].fate);
		plan_release(&x);
		plan(&t, &x, st_now_ns() - HOUR); /* all packs are younger */
		assert_int_equal(with_fate(&x, ST_PACK_KEEP), x.p.n);
		plan_release(&x);
		tr_close(&t);
	}
}

static void small_packs_merge(void **state)
{
	struct planned x;
	struct trepo t;
	char text[32];

	(void)state;
	tr_open(&t);
	for (int i = 0; i <= ST_GC_FEW; i++) {
		snprintf(text, sizeof(text), "%d", i);
		tr_write(&t, text, text, strlen(text));
		tr_add(&t, text);
		if (i < ST_GC_FEW - 1)
			continue;
		plan(&t, &x, 0);
		assert_int_equal(with_fate(&x, ST_PACK_REWRITE), i == ST_GC_FEW ? x.p.n : 0);
		assert_int_equal(x.p.n, i + 1);
		plan_release(&x);
	}
	tr_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orphans),
		cmocka_unit_test(fates),
		cmocka_unit_test(small_packs_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

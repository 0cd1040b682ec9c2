/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "repo/mark.h"

#include <stdio.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

struct tally {
	const struct st_mark *m;
	size_t entries, marked, live, bad;
};

static int count_entry(void *arg, const struct st_loc *loc, struct st_err *e)
{
	struct tally *x = arg;

	(void)e;
	x->entries++;
	x->marked += st_mark_chose(x->m, loc);
	assert_int_equal(st_mark_chose(x->m, loc), st_mark_has(x->m, &loc->id, loc->kind));
	return ST_OK;
}

static int count_live(void *arg, const struct st_mark_item *it, const struct st_loc *loc,
		      struct st_err *e)
{
	(void)it;
	(void)loc;
	(void)e;
	((struct tally *)arg)->live++;
	return ST_OK;
}

static int count_bad(void *arg, const struct st_mark_item *it, const struct st_loc *loc,
		     const struct st_err *why, struct st_err *e)
{
	(void)it;
	(void)loc;
	(void)e;
	assert_true(st_is_damage(why->code));
	((struct tally *)arg)->bad++;
	return ST_OK;
}

static void mark(struct trepo *t, struct st_mark *m, struct tally *x, bool staged, int64_t since)
{
	struct st_err e = { 0 };

	*x = (struct tally){ .m = m };
	st_mark_init(m, t->r);
	m->arg = x;
	m->live = count_live;
	m->bad = count_bad;
	assert_int_equal(st_mark_history(m, &e), ST_OK);
	if (staged)
		assert_int_equal(st_mark_staged(m, &e), ST_OK);
	assert_int_equal(st_mark_run(m, &e), ST_OK);
	m->lenient = true;
	assert_int_equal(st_mark_recent(m, since, &e), ST_OK);
	assert_int_equal(st_mark_run(m, &e), ST_OK);
	assert_int_equal(st_catalog_loc_each(t->r->cat, NULL, count_entry, x, &e), ST_OK);
	assert_int_equal(x->live, m->count);
}

static bool has_file(struct trepo *t, const struct st_mark *m, const char *name)
{
	struct st_oid id;
	struct st_buf b;

	tr_read(t, name, &b);
	st_oid_of(&id, b.p, b.len);
	st_buf_release(&b);
	return st_mark_has(m, &id, ST_ENTRY_DATA) || st_mark_has(m, &id, ST_ENTRY_RECIPE);
}

static void what_is_reached(void **state)
{
	const uint64_t seeds[] = { 1, 2 };
	struct st_mark m;
	struct trepo t;
	struct tally x;

	(void)state;
	tr_open(&t);
	mark(&t, &m, &x, true, INT64_MAX);
	assert_int_equal(x.marked, 0);
	st_mark_release(&m);

	tr_model(&t, "m.safetensors", seeds, 2, MIB, 0);
	tr_random(&t, "chunked", 3, 2 * MIB);
	tr_random(&t, "small", 4, 100);
	tr_version(&t);
	mark(&t, &m, &x, false, INT64_MAX);
	assert_int_equal(x.marked, x.entries); /* all of it, each once */
	assert_int_equal(x.live, x.marked);
	assert_true(has_file(&t, &m, "m.safetensors") && has_file(&t, &m, "chunked") &&
		    has_file(&t, &m, "small"));
	st_mark_release(&m);

	tr_random(&t, "staged", 5, 100);
	tr_add(&t, "staged");
	mark(&t, &m, &x, false, INT64_MAX);
	assert_false(has_file(&t, &m, "staged"));
	st_mark_release(&m);
	mark(&t, &m, &x, true, INT64_MAX);
	assert_true(has_file(&t, &m, "staged"));
	assert_int_equal(x.marked, x.entries);
	st_mark_release(&m);

	tr_rm_cached(&t, "staged");
	mark(&t, &m, &x, true, INT64_MAX);
	assert_false(has_file(&t, &m, "staged"));
	st_mark_release(&m);
	mark(&t, &m, &x, true, 0); /* some operation's tree had it */
	assert_true(has_file(&t, &m, "staged"));
	assert_int_equal(x.marked, x.entries);
	st_mark_release(&m);
	tr_close(&t);
}

static void bases_are_needed(void **state)
{
	const uint64_t seeds[] = { 1 };
	struct st_loc loc;
	struct st_oid id;
	struct st_mark m;
	struct st_buf b;
	struct trepo t;
	struct tally x;

	(void)state;
	tr_open(&t);
	tr_model(&t, "m.safetensors", seeds, 1, 2 * MIB, 7);
	tr_add(&t, NULL);
	tr_model(&t, "m.safetensors", seeds, 1, 2 * MIB, 8);
	tr_read(&t, "m.safetensors", &b);
	st_oid_of(&id, b.p + b.len - 2 * MIB, 2 * MIB);
	tr_version(&t);
	tr_loc(&t, &id, ST_ENTRY_DATA, &loc);
	assert_int_equal(loc.depth, 1);
	mark(&t, &m, &x, false, INT64_MAX);
	assert_true(st_mark_has(&m, &loc.base, ST_ENTRY_DATA));
	assert_true(x.marked < x.entries); /* the first recipe, and what goes with it */
	st_mark_release(&m);
	st_buf_release(&b);
	tr_close(&t);
}

static void amended_versions_stay(void **state)
{
	strata_commit_options o = { .message = "again", .amend = true };
	strata_commit_result res;
	struct st_err e = { 0 };
	struct st_oid old;
	struct st_mark m;
	struct trepo t;
	struct tally x;

	(void)state;
	tr_open(&t);
	tr_write(&t, "a", "a", 1);
	tr_version(&t);
	assert_int_equal(st_resolve(t.r, "v1", 2, &old, &e), ST_OK);
	assert_int_equal(st_verb_commit(t.r, &o, &res, &e), ST_OK);
	assert_string_equal(res.version, "v2");
	mark(&t, &m, &x, false, INT64_MAX);
	assert_true(st_mark_has(&m, &old, ST_ENTRY_DATA));
	st_mark_release(&m);
	tr_close(&t);
}

/* The same bytes as a file and as a tree: walked as what they are needed as, each time. */
static void one_id_two_roles(void **state)
{
	struct st_oid tree;
	struct st_err e = { 0 };
	struct st_mark m;
	struct st_buf b;
	struct trepo t;
	bool found;

	(void)state;
	tr_open(&t);
	tr_write(&t, "inner", "content of inner", 16);
	tr_add(&t, NULL);
	assert_int_equal(st_catalog_index_tree(t.r->cat, &tree, &found, &e), ST_OK);
	assert_true(found);
	st_buf_init(&b, MIB);
	assert_int_equal(st_odb_get(t.r->odb, &tree, &b, &e), ST_OK);

	for (unsigned order = 0; order < 2; order++) {
		st_mark_init(&m, t.r);
		assert_int_equal(st_mark_push(&m, &tree, order ? ST_ROLE_TREE : ST_ROLE_FILE, &e),
				 0);
		assert_int_equal(st_mark_run(&m, &e), ST_OK);
		assert_int_equal(st_mark_push(&m, &tree, order ? ST_ROLE_FILE : ST_ROLE_TREE, &e),
				 0);
		assert_int_equal(st_mark_run(&m, &e), ST_OK);
		assert_int_equal(m.count, 2);
		assert_true(has_file(&t, &m, "inner"));
		st_mark_release(&m);
	}
	st_buf_release(&b);
	tr_close(&t);
}

static void missing(void **state)
{
	struct st_oid id = { { 1 } };
	struct st_err e = { 0 };
	struct st_mark m;
	struct trepo t;

	(void)state;
	tr_open(&t);
	st_mark_init(&m, t.r);
	assert_int_equal(st_mark_push(&m, &id, ST_ROLE_TREE, &e), ST_OK);
	assert_int_equal(st_mark_run(&m, &e), ST_ENOTFOUND);
	assert_non_null(strstr(e.msg, "0100000000"));
	st_err_clear(&e);
	m.lenient = true;
	assert_int_equal(st_mark_push(&m, &id, ST_ROLE_FILE, &e), ST_OK);
	assert_int_equal(st_mark_run(&m, &e), ST_OK);
	assert_false(st_mark_has(&m, &id, ST_ENTRY_DATA));
	st_mark_release(&m);
	tr_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_reached),
		cmocka_unit_test(bases_are_needed),
		cmocka_unit_test(amended_versions_stay),
		cmocka_unit_test(one_id_two_roles),
		cmocka_unit_test(missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

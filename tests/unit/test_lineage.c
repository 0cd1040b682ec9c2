/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"
#include "scratch_fixture.h"

#include "repo/lineage.h"
#include "repo/txn.h"

#include <stdio.h>
#include <unistd.h>

static struct trepo t;

static int declare(const strata_param *pairs, size_t n, bool amend, struct st_err *e)
{
	strata_commit_options o = { .message = "test",
				    .allow_empty = true,
				    .amend = amend,
				    .lineage = pairs,
				    .nlineage = n };
	strata_commit_result res;

	return st_verb_commit(t.r, &o, &res, e);
}

static int take_text(void *arg, const strata_show_info *i)
{
	struct st_err e = { 0 };

	for (size_t k = 0; k < i->version.nlineage; k++)
		ok(st_buf_addf(arg, &e, "%s %s;", i->version.lineage[k].kind,
			       i->version.lineage[k].version),
		   &e);
	return 0;
}

static void expect(const char *rev, const char *want)
{
	struct st_err e = { 0 };
	struct st_buf got;

	st_buf_init(&got, 4096);
	ok(st_verb_show(t.r, rev, take_text, NULL, &got, &e), &e);
	assert_string_equal(st_buf_cstr(&got, &e), want);
	st_buf_release(&got);
}

static void history(void)
{
	tr_text(&t, "a", "1");
	tr_version(&t);
	tr_text(&t, "a", "2");
	tr_version(&t);
}

static void kept_as_given(void **state)
{
	const strata_param two[] = { { "pruned-from", "v2" }, { "quantized-from", "HEAD~1" } };
	const strata_param one[] = { { "merged-from", "v1" } };
	struct st_oid before, after;
	struct st_err e = { 0 };

	(void)state;
	history();
	ok(declare(two, 2, false, &e), &e);
	expect("v3", "pruned-from v2;quantised-from v1;");
	expect("v2", "");
	ok(declare(NULL, 0, true, &e), &e);
	expect("v4", "pruned-from v2;quantised-from v1;");
	ok(declare(one, 1, true, &e), &e);
	expect("v5", "merged-from v1;");
	ok(st_catalog_digest(t.r->cat, &before, &e), &e);
	assert_int_equal(tr_fsck_shown(&t, STRATA_FSCK_REBUILD), ST_OK);
	tr_reopen(&t);
	ok(st_catalog_digest(t.r->cat, &after, &e), &e);
	assert_true(st_oid_eq(&before, &after));
	expect("v3", "pruned-from v2;quantised-from v1;");
	tr_sound(&t);
}

static void bad_ones_change_nothing(void **state)
{
	static const struct {
		strata_param pairs[2];
		int rc;
		const char *says;
	} cases[] = {
		{ { { "base", "v1" } }, ST_EUSAGE, "'base' is no kind of lineage" },
		{ { { "", "v1" } }, ST_EUSAGE, "'' is no kind" },
		{ { { "Pruned-from", "v1" } }, ST_EUSAGE, "no kind of lineage" },
		{ { { "pruned-from", "" } }, ST_EUSAGE, "no revision is named" },
		{ { { "pruned-from", "v9" } }, ST_ENOTFOUND, "unknown revision 'v9'" },
		{ { { "pruned-from", "v1..v2" } }, ST_EUSAGE, "is a range" },
		{ { { "pruned-from", "v1:a" } }, ST_EUSAGE, "is a part of a version" },
		{ { { "adapter-of", "v1" }, { "adapter-of", "HEAD~1" } },
		  ST_EUSAGE,
		  "is given twice" },
		{ { { "quantised-from", "v1" }, { "quantized-from", "v1" } },
		  ST_EUSAGE,
		  "is given twice" },
	};
	struct st_oplog_pos before, after;
	struct st_err e = { 0 };

	(void)state;
	history();
	tr_text(&t, "a", "3"); /* not staged, and to stay so */
	ok(st_catalog_pos(t.r->cat, &before, &e), &e);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		strata_commit_options o = { .message = "m",
					    .all = true,
					    .lineage = cases[i].pairs,
					    .nlineage = cases[i].pairs[1].key ? 2 : 1 };
		strata_commit_result res;
		size_t packs = tr_packs(&t);
		struct st_err x = { 0 };
		int rc = st_verb_commit(t.r, &o, &res, &x);

		if (rc != cases[i].rc || !strstr(x.msg, cases[i].says))
			fail_msg("%zu: %d %s", i, rc, x.msg);
		assert_int_equal(tr_packs(&t), packs);
	}
	ok(st_catalog_pos(t.r->cat, &after, &e), &e);
	assert_int_equal(before.seq, after.seq);
}

/* Publishes a commit as they come from elsewhere: without a number, and no ref leads to it. */
static struct st_oid stray(const struct st_oid *tree)
{
	struct st_op op = { .verb = "test", .why = "test", .ncommits = 1 };
	struct st_oid v1 = tr_id(&t, "v1"), id;
	const struct st_oid *packs;
	struct st_err e = { 0 };
	struct st_commit c;
	struct st_writer *w;
	struct st_buf b;

	ok(st_repo_commit_load(t.r, &v1, &c, &e), &e);
	c.message = "stray";
	c.tree = *tree;
	st_buf_init(&b, 1 << 20);
	ok(st_commit_encode(&b, &c, &e), &e);
	ok(st_writer_new(&w, t.r->odb, &t.r->ctx, &e), &e);
	ok(st_writer_put(w, NULL, b.p, b.len, &id, &e), &e);
	ok(st_writer_seal(w, &packs, &op.npacks_added, &e), &e);
	op.packs_added = (struct st_oid *)packs;
	op.commits = &id;
	ok(st_repo_publish(t.r, &op, NULL, NULL, &e), &e);
	st_writer_free(w);
	st_commit_release(&c);
	st_buf_release(&b);
	return id;
}

static struct st_oid staged_tree(const char *name)
{
	struct st_err e = { 0 };
	struct st_oid tree;
	bool found;

	tr_random(&t, name, 7, 5000);
	tr_add(&t, name);
	ok(st_catalog_index_tree(t.r->cat, &tree, &found, &e), &e);
	tr_rm_cached(&t, name);
	return tree;
}

static void gc_keeps_what_is_named(void **state)
{
	const strata_gc_options now = { 0 };
	strata_gc_result gc;
	char hex[ST_OID_HEX + 1], gone_hex[ST_OID_HEX + 1], spec[ST_OID_HEX + 16];
	const strata_param pair[] = { { "distilled-from", hex } };
	const strata_param late[] = { { "distilled-from", gone_hex } };
	struct st_oid tree, id, gone;
	struct st_buf want, got;
	struct st_err e = { 0 };

	(void)state;
	history();
	tree = staged_tree("teacher");
	tr_read(&t, "teacher", &want);
	id = stray(&tree);
	st_oid_hex(&id, hex);
	tree = staged_tree("nobody");
	gone = stray(&tree);
	st_oid_hex(&gone, gone_hex);
	ok(declare(pair, 1, false, &e), &e);
	expect("HEAD", "distilled-from ;");
	ok(st_verb_gc(t.r, &now, &gc, &e), &e);
	assert_true(gc.removed_objects > 0);
	snprintf(spec, sizeof(spec), "%s:teacher", hex);
	tr_check(&t, spec, &want);
	snprintf(spec, sizeof(spec), "%s:nobody", gone_hex);
	assert_int_not_equal(tr_cat(&t, spec, &got), ST_OK);
	st_buf_release(&got);
	tr_sound(&t);
	assert_int_equal(declare(late, 1, false, &e), ST_ENOTFOUND);
	assert_non_null(strstr(e.msg, "removed by 'strata gc'"));
	st_buf_release(&want);
}

/* A version on top of HEAD with further parents. */
static void merge(const char *const *revs, size_t n)
{
	struct st_oid parents[8], id;
	char old[ST_OID_HEX + 1], new[ST_OID_HEX + 1];
	struct st_op_ref change = { .name = "heads/main", .value = new, .old = old };
	struct st_err e = { 0 };
	struct st_commit c;
	struct st_txn x;
	struct st_buf b;

	parents[0] = tr_id(&t, "HEAD");
	st_oid_hex(&parents[0], old);
	for (size_t i = 0; i < n; i++)
		parents[i + 1] = tr_id(&t, revs[i]);
	ok(st_txn_begin(&x, t.r, "merge", &e), &e);
	ok(st_txn_index(&x, &e), &e);
	ok(st_repo_commit_load(t.r, &parents[0], &c, &e), &e);
	c.parents = parents;
	c.nparents = n + 1;
	c.message = "merge";
	st_buf_init(&b, 1 << 20);
	ok(st_commit_encode(&b, &c, &e), &e);
	ok(st_writer_put_big(x.w, b.p, b.len, &id, &e), &e);
	st_oid_hex(&id, new);
	x.op.refs = &change;
	x.op.nrefs = 1;
	x.op.commits = &id;
	x.op.ncommits = 1;
	ok(st_txn_publish(&x, false, &id, &e), &e);
	st_txn_end(&x);
	st_commit_release(&c);
	st_buf_release(&b);
}

static void branch(const char *name, const char *at)
{
	strata_switch_options o = { .create = true, .start = at };
	strata_checkout_result res;
	struct st_err e = { 0 };

	ok(st_verb_switch(t.r, name, &o, &res, &e), &e);
}

static void go(const char *name)
{
	strata_switch_options o = { 0 };
	strata_checkout_result res;
	struct st_err e = { 0 };

	ok(st_verb_switch(t.r, name, &o, &res, &e), &e);
}

static void change(const char *name, const char *text)
{
	tr_text(&t, name, text);
	tr_version(&t);
}

/* What the program draws, its ids cut out. */
static void drawn(const char *args, const char *want)
{
	char command[600], got[4000];
	size_t n;
	FILE *p;

	snprintf(command, sizeof(command),
		 "\"$STRATA\" log --graph --oneline %s | sed -E 's/ [0-9a-f]{12}( \\(.*\\))? .*//'",
		 args);
	p = popen(command, "r");
	assert_non_null(p);
	n = fread(got, 1, sizeof(got) - 1, p);
	got[n] = 0;
	assert_int_equal(pclose(p), 0);
	assert_string_equal(got, want);
}

static void merges_are_drawn(void **state)
{
	const char *const b[] = { "v3" }, *const two[] = { "v5", "v6" };

	(void)state;
	if (!getenv("STRATA"))
		skip(); /* which the test runner sets */
	history();
	branch("b", "v1");
	change("b", "1"); /* v3 */
	go("main");
	merge(b, 1); /* v4, which leaves the files as they were */
	branch("c", "v2");
	change("c", "1"); /* v5 */
	branch("d", "v2");
	change("d", "1"); /* v6 */
	go("main");
	merge(two, 2); /* v7 */
	change("a", "3");
	drawn("", "* v8\n"
		  "*     v7\n"
		  "|\\\n"
		  "|\\ \\\n"
		  "| | * v6\n"
		  "| * | v5\n"
		  "| |/\n"
		  "* | v4\n"
		  "|\\|\n"
		  "* | v3\n"
		  "| * v2\n"
		  "|/\n"
		  "* v1\n");
	drawn("-n 3", "* v8\n*     v7\n|\\\n|\\ \\\n| | * v6\n");
	drawn("v4..v7", "*   v7\n|\\\n| * v6\n* v5\n");
	drawn("-- a", "* v8\n* v2\n* v1\n");
	drawn("-- b", "* v3\n");
	drawn("-- c d", "* v6\n\n* v5\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TR_TEST(kept_as_given, &t),
		TR_TEST(bad_ones_change_nothing, &t),
		TR_TEST(gc_keeps_what_is_named, &t),
		TR_TEST(merges_are_drawn, &t),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

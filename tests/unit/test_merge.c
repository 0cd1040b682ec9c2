/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "repo/txn.h"

#include <stdio.h>
#include <string.h>

static struct trepo t;

static void go(const char *to, strata_switch_options o)
{
	strata_checkout_result res;
	struct st_err e = { 0 };

	if (st_verb_switch(t.r, to, &o, &res, &e) != ST_OK)
		fail_msg("%s: %s", to, e.msg);
}

/* main: v1, v2; side: v1, v3, checked out */
static void begin(void)
{
	tr_text(&t, "f", "1");
	tr_version(&t);
	tr_text(&t, "f", "2");
	tr_version(&t);
	go("side", (strata_switch_options){ .create = true, .start = "v1" });
	tr_text(&t, "g", "3");
	tr_version(&t);
}

static int merge(const char *rev, strata_merge_result *res, struct st_err *e)
{
	static const strata_merge_options none = { .forward_only = true };

	*e = (struct st_err){ 0 };
	return st_verb_merge(t.r, &rev, 1, &none, res, e);
}

static uint64_t operations(void)
{
	struct st_err e = { 0 };

	assert_int_equal(st_repo_refresh(t.r, &e), ST_OK);
	return t.r->pos.seq;
}

static void cases(void **state)
{
	static const struct {
		const char *head, *rev; /* head: detached there */
		int code;
		const char *now; /* version of HEAD after it */
		const char *says;
	} rows[] = {
		{ "v1", "v2", ST_OK, "v2", NULL },
		{ "v1", "main", ST_OK, "v2", NULL },
		{ "v1", "side", ST_OK, "v3", NULL },
		{ "v1", "v1", ST_OK, "v1", NULL },
		{ "v3", "v1", ST_OK, "v3", NULL },
		{ "v2", "v3", ST_EREFUSED, "v2", "cannot go forward to v3 " },
		{ "v3", "main", ST_EREFUSED, "v3", "each has versions that" },
		{ "v3", "v9", ST_ENOTFOUND, "v3", "unknown revision" },
		{ "v3", "mian", ST_ENOTFOUND, "v3", "did you mean 'main'" },
	};
	strata_merge_result res;
	struct st_err e;

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct st_oid id;
		char now[32];
		uint64_t before;

		go(rows[i].head, (strata_switch_options){ .detach = true });
		before = operations();
		if (merge(rows[i].rev, &res, &e) != rows[i].code ||
		    (rows[i].says && !strstr(e.msg, rows[i].says)))
			fail_msg("row %zu: %s", i, e.msg);
		e = (struct st_err){ 0 };
		assert_int_equal(st_resolve(t.r, "HEAD", 4, &id, &e), ST_OK);
		assert_int_equal(st_catalog_version_of(t.r->cat, &id, now, &e), ST_OK);
		assert_string_equal(now, rows[i].now);
		assert_int_equal(operations() - before, strcmp(now, rows[i].head) != 0);
		if (rows[i].code == ST_OK) {
			assert_int_equal(res.moved, strcmp(now, rows[i].head) != 0);
			assert_string_equal(res.version, now);
			assert_string_equal(res.old_version, rows[i].head);
			assert_string_equal(res.branch, "");
		}
	}
	tr_sound(&t);
}

static void moves_the_branch(void **state)
{
	static const strata_undo_handler none = { 0 };
	strata_merge_result res;
	strata_undo_result undone;
	struct st_err e;

	(void)state;
	begin();
	go("old", (strata_switch_options){ .create = true, .start = "v1" });
	assert_int_equal(merge("main", &res, &e), ST_OK);
	assert_true(res.moved);
	assert_string_equal(res.branch, "old");
	assert_int_equal(res.files.written, 1);
	tr_holds(&t, "f", "2");
	assert_int_equal(st_verb_undo(t.r, false, &none, NULL, &undone, &e), ST_OK);
	assert_string_equal(undone.why, "merge main: fast-forward");
	tr_holds(&t, "f", "1");
	assert_int_equal(st_verb_undo(t.r, true, &none, NULL, &undone, &e), ST_OK);
	tr_holds(&t, "f", "2");
}

static void local_changes(void **state)
{
	strata_merge_result res;
	struct st_err e;
	uint64_t before;

	(void)state;
	begin();
	go("v1", (strata_switch_options){ .detach = true });
	tr_text(&t, "new", "mine");
	tr_add(&t, NULL);
	tr_text(&t, "f", "mine");
	before = operations();
	assert_int_equal(merge("v2", &res, &e), ST_EREFUSED);
	assert_non_null(strstr(e.msg, "'f'"));
	assert_int_equal(operations(), before);
	tr_holds(&t, "f", "mine");
	tr_text(&t, "f", "1");
	assert_int_equal(merge("v2", &res, &e), ST_OK);
	tr_holds(&t, "f", "2");
	tr_holds(&t, "new", "mine");
}

/* A branch without a version begins there; what is staged stays if it can. */
static void unborn(void **state)
{
	struct st_op_ref head = { .name = "HEAD", .value = "ref:heads/fresh" };
	struct st_op op = { .verb = "test", .why = "test", .refs = &head, .nrefs = 1 };
	strata_merge_result res;
	struct st_err e = { 0 };
	char label[32];

	(void)state;
	begin();
	go("main", (strata_switch_options){ .detach = false });
	head.old = "ref:heads/main";
	assert_int_equal(st_repo_publish(t.r, &op, NULL, label, &e), ST_OK);
	assert_int_equal(merge("v2", &res, &e), ST_OK); /* v2 is what is staged */
	assert_string_equal(res.branch, "fresh");
	assert_string_equal(res.old_commit, "");
	assert_string_equal(res.version, "v2");
	tr_holds(&t, "f", "2");
}

static void several(void **state)
{
	static const strata_merge_options none = { 0 };
	const char *const revs[] = { "v1", "v2" }, *const bad[] = { "v1", "v9" };
	strata_merge_result res;
	struct st_err e = { 0 };

	(void)state;
	begin();
	/* one is there already, the other makes a version */
	assert_int_equal(st_verb_merge(t.r, revs, 2, &none, &res, &e), ST_OK);
	assert_true(res.made);
	assert_string_equal(res.message, "Merge v2 into side");
	tr_holds(&t, "f", "2");
	tr_holds(&t, "g", "3");
	tr_sound(&t);
	assert_int_equal(st_verb_merge(t.r, bad, 2, &none, &res, &e), ST_ENOTFOUND);
}

/* ---- made over ---- */

struct differing {
	unsigned n;
	char path[64]; /* the last */
};

static int take_path(void *arg, const char *path)
{
	struct differing *d = arg;

	d->n++;
	snprintf(d->path, sizeof(d->path), "%s", path);
	return 0;
}

static void replay(const char *rev, struct differing *d, strata_replay_result *res)
{
	struct st_err e = { 0 };

	*d = (struct differing){ .n = 0 };
	if (st_verb_merge_replay(t.r, rev, take_path, d, res, &e) != ST_OK)
		fail_msg("%s", e.msg);
}

/* The version rev with what is staged in the place of its files, its description kept. */
static void forge(const char *rev, const char *ref)
{
	const struct st_oid from = tr_id(&t, rev);
	struct st_op_ref move = { .name = (char *)(uintptr_t)ref };
	char hex[ST_OID_HEX + 1];
	struct st_err e = { 0 };
	struct st_commit c;
	struct st_txn x;
	struct st_oid id;
	struct st_buf b;
	bool found;

	assert_int_equal(st_txn_begin(&x, t.r, "commit", &e), ST_OK);
	assert_int_equal(st_repo_commit_load(t.r, &from, &c, &e), ST_OK);
	assert_false(st_oid_is_zero(&c.merge));
	assert_int_equal(st_catalog_index_tree(t.r->cat, &c.tree, &found, &e), ST_OK);
	st_buf_init(&b, 1 << 20);
	assert_int_equal(st_commit_encode(&b, &c, &e), ST_OK);
	assert_int_equal(st_writer_put_big(x.w, b.p, b.len, &id, &e), ST_OK);
	st_oid_hex(&id, hex);
	move.value = hex;
	x.op.refs = &move;
	x.op.nrefs = 1;
	x.op.commits = &id;
	x.op.ncommits = 1;
	assert_int_equal(st_txn_publish(&x, false, NULL, &e), ST_OK);
	st_txn_end(&x);
	st_buf_release(&b);
	st_commit_release(&c);
}

static void says_what_differs(void **state)
{
	static const strata_merge_options none = { 0 };
	const char *rev = "main";
	strata_merge_result made;
	strata_replay_result res;
	struct differing d;
	struct st_err e = { 0 };

	(void)state;
	begin();
	assert_int_equal(st_verb_merge(t.r, &rev, 1, &none, &made, &e), ST_OK);
	replay("HEAD", &d, &res);
	assert_int_equal(d.n, 0);
	assert_int_equal(res.differing, 0);
	assert_int_equal(res.files, 2);

	tr_text(&t, "g", "not what was merged");
	tr_add(&t, NULL);
	forge("HEAD", "heads/changed");
	tr_text(&t, "extra", "from nowhere");
	tr_add(&t, NULL);
	forge("HEAD", "heads/added");
	tr_rm_cached(&t, "f");
	forge("HEAD", "heads/removed");

	replay("changed", &d, &res);
	assert_string_equal(d.path, "g");
	assert_int_equal(d.n, 1);
	assert_int_equal(res.differing, 1);
	replay("added", &d, &res);
	assert_int_equal(d.n, 2);
	assert_int_equal(res.differing, 2);
	replay("removed", &d, &res);
	assert_int_equal(d.n, 3);
	assert_int_equal(res.differing, 3);
	replay("HEAD", &d, &res);
	assert_int_equal(res.differing, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(cases, &t),  TR_TEST(moves_the_branch, &t), TR_TEST(local_changes, &t),
		TR_TEST(unborn, &t), TR_TEST(several, &t),	    TR_TEST(says_what_differs, &t),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

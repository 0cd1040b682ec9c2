/* SPDX-License-Identifier: Apache-2.0 */
/* The law of undo: after any command it restores refs and index exactly, and redo what followed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "base/blake3.h"

#include <stdio.h>
#include <string.h>

static struct trepo t;

static int put_ref(void *arg, const char *name, const char *value, struct st_err *e)
{
	return st_buf_addf(arg, e, "%s=%s\n", name, value);
}

/* Refs and the rows of the index, as text. */
static void state_of(struct st_buf *out)
{
	char hex[ST_OID_HEX + 1];
	struct st_err e = { 0 };
	struct st_index x;
	size_t i;

	st_buf_init(out, 1 << 20);
	assert_int_equal(st_repo_refresh(t.r, &e), ST_OK);
	assert_int_equal(st_catalog_ref_each(t.r->cat, "", put_ref, out, &e), ST_OK);
	assert_int_equal(st_staged_load(t.r, &x, &e), ST_OK);
	for (i = 0; i < x.nrows; i++) {
		st_oid_hex(&x.rows[i].id, hex);
		assert_int_equal(st_buf_addf(out, &e, "%s %u %s\n", x.rows[i].path, x.rows[i].mode,
					     hex),
				 ST_OK);
	}
	st_index_release(&x);
	assert_non_null(st_buf_cstr(out, &e));
}

static int step(bool redo)
{
	static const strata_undo_handler none = { 0 };
	strata_undo_result res;
	struct st_err e = { 0 };

	return st_verb_undo(t.r, redo, &none, NULL, &res, &e);
}

static void reset(const char *rev, strata_reset_mode mode)
{
	strata_reset_result res;
	struct st_err e = { 0 };

	assert_int_equal(st_verb_reset(t.r, rev, mode, NULL, NULL, &res, &e), ST_OK);
}

static void checkout(const char *rev)
{
	strata_checkout_options o = { .force = true };
	strata_checkout_result res;
	struct st_err e = { 0 };

	assert_int_equal(st_verb_checkout(t.r, rev, &o, &res, &e), ST_OK);
}

static void commit_all(void)
{
	strata_commit_options o = { .message = "all", .all = true, .allow_empty = true };
	strata_commit_result res;
	struct st_err e = { 0 };

	assert_int_equal(st_verb_commit(t.r, &o, &res, &e), ST_OK);
}

static void unstage(void)
{
	const char *path = "*";
	strata_checkout_result res;
	struct st_err e = { 0 };
	int rc = st_verb_restore(t.r, NULL, &path, 1, STRATA_RESTORE_STAGED, &res, &e);

	assert_true(rc == ST_OK || rc == ST_ENOTFOUND);
}

static void command(unsigned what, unsigned i)
{
	char text[32];

	snprintf(text, sizeof(text), "content %u", i);
	tr_text(&t, what % 2 ? "a" : "b", text);
	switch (what) {
	case 0:
	case 1:
		tr_add(&t, NULL);
		break;
	case 2:
		commit_all();
		break;
	case 3:
		reset("v1", STRATA_RESET_SOFT);
		break;
	case 4:
		reset("v2", STRATA_RESET_MIXED);
		break;
	case 5:
		reset("v1", STRATA_RESET_HARD);
		break;
	case 6:
		checkout("v2");
		break;
	case 7:
		checkout("main");
		break;
	case 8:
		unstage();
		break;
	default:
		tr_version(&t);
	}
}

static void same(const struct st_buf *a)
{
	struct st_buf now;

	state_of(&now);
	assert_string_equal((const char *)a->p, (const char *)now.p);
	st_buf_release(&now);
}

static bool equal(const struct st_buf *a, const struct st_buf *b)
{
	return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
}

static void begin(void)
{
	tr_text(&t, "a", "1");
	tr_text(&t, "b", "1");
	tr_version(&t);
	tr_text(&t, "a", "2");
	tr_version(&t);
}

static void restores_exactly(void **state)
{
	struct st_buf before, after;
	uint64_t x = 7;
	unsigned i;

	(void)state;
	begin();
	for (i = 0; i < 60; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		state_of(&before);
		command((unsigned)(x >> 33) % 10, i);
		state_of(&after);
		/* tr_commit is two commands; one that changed nothing is none */
		if (!equal(&before, &after)) {
			do {
				st_buf_release(&before);
				assert_int_equal(step(false), ST_OK);
				state_of(&before);
			} while (equal(&before, &after));
			assert_int_equal(step(true), ST_OK);
			same(&after);
		}
		st_buf_release(&before);
		st_buf_release(&after);
	}
	tr_sound(&t);
}

/* A command that only overwrote changes is a step that moves nothing. */
static void step_on(bool redo, const struct st_buf *from)
{
	struct st_buf now;
	bool still;

	do {
		assert_int_equal(step(redo), ST_OK);
		state_of(&now);
		still = equal(&now, from);
		st_buf_release(&now);
	} while (still);
}

/* Back through a whole history, and forward. */
static void walks(void **state)
{
	struct st_buf at[64];
	unsigned i, n = 0;

	(void)state;
	begin();
	for (i = 0; i < 20; i++) {
		command((i * 7) % 9, i);
		state_of(&at[n]);
		if (n && equal(&at[n], &at[n - 1]))
			st_buf_release(&at[n]);
		else
			n++;
	}
	for (i = n - 1; i-- > 0;) {
		step_on(false, &at[i + 1]);
		same(&at[i]);
	}
	tr_reopen(&t);
	for (i = 1; i < n; i++) {
		step_on(true, &at[i - 1]);
		same(&at[i]);
	}
	while (step(true) == ST_OK)
		same(&at[n - 1]);
	assert_int_equal(step(true), ST_ENO);
	while (step(false) == ST_OK)
		;
	assert_int_equal(step(false), ST_ENO);
	while (step(true) == ST_OK)
		;
	same(&at[n - 1]);
	for (i = 0; i < n; i++)
		st_buf_release(&at[i]);
	tr_sound(&t);
}

/* Staged content that is stored nowhere any more. */
static void forget(const char *text)
{
	char hex[ST_OID_HEX + 1], sql[200];
	struct st_oid id;

	st_blake3(text, strlen(text), id.b);
	st_oid_hex(&id, hex);
	snprintf(sql, sizeof(sql),
		 "DELETE FROM locs WHERE oid = (SELECT oid FROM objects WHERE id = x'%s')", hex);
	tr_sql(&t, sql);
}

static int note(void *arg, const char *path, bool gone)
{
	struct st_err e = { 0 };

	return st_buf_addf(arg, &e, "%s%s ", path, gone ? "!" : "");
}

/* Single files that are gone stay as they are now; the others come back. */
static void single_gone(void **state)
{
	static const strata_undo_handler h = { .lost = note };
	static const char *const then[] = { "a", "b", "n" };
	struct st_oid id, want;
	strata_undo_result res;
	struct st_err e = { 0 };
	struct st_index x;
	struct st_buf said;

	(void)state;
	begin();
	st_blake3("2", 1, want.b);
	for (unsigned i = 0; i < 3; i++)
		tr_text(&t, then[i], then[i]);
	tr_add(&t, NULL);
	reset("v2", STRATA_RESET_MIXED);
	forget("a");
	forget("n");
	st_buf_init(&said, 100);
	assert_int_equal(st_verb_undo(t.r, false, &h, &said, &res, &e), ST_OK);
	assert_string_equal(st_buf_cstr(&said, &e), "a! n! ");
	assert_int_equal(res.lost, 2);
	assert_false(res.staged_gone);
	assert_int_equal(st_staged_load(t.r, &x, &e), ST_OK);
	assert_int_equal(x.nrows, 2);
	assert_true(st_oid_eq(&x.rows[0].id, &want));
	st_blake3("b", 1, id.b);
	assert_true(st_oid_eq(&x.rows[1].id, &id));
	st_index_release(&x);
	st_buf_release(&said);
	tr_holds(&t, "n", "n");
	assert_int_equal(step(false), ST_OK);
	assert_int_equal(step(false), ST_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TR_TEST(restores_exactly, &t),
		TR_TEST(walks, &t),
		TR_TEST(single_gone, &t),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

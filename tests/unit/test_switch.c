/* SPDX-License-Identifier: Apache-2.0 */
/* switch, and where it came from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include "repo/moves.h"

#include <stdio.h>
#include <string.h>

static struct trepo t;

/* main: f is "1" in v1 and "2" in v2; side is at v1 */
static void begin(void)
{
	tr_text(&t, "f", "1");
	tr_text(&t, "same", "s");
	tr_version(&t);
	assert_int_equal(st_verb_branch_create(t.r, "side", NULL, false, &(struct st_err){ 0 }),
			 ST_OK);
	tr_text(&t, "f", "2");
	tr_version(&t);
}

static int go(const char *to, strata_switch_options o)
{
	strata_checkout_result res;

	return st_verb_switch(t.r, to, &o, &res, &(struct st_err){ 0 });
}

static void at(const char *want)
{
	struct st_err e = { 0 };
	struct st_head h;
	char version[32] = "", text[400];

	assert_int_equal(st_repo_head(t.r, &h, &e), ST_OK);
	if (!h.unborn)
		assert_int_equal(st_catalog_version_of(t.r->cat, &h.commit, version, &e), ST_OK);
	snprintf(text, sizeof(text), "%s %s", h.detached ? "-" : h.branch, version);
	assert_string_equal(text, want);
}

static void goes(void **state)
{
	static const struct {
		const char *to;
		strata_switch_options o;
		int code;
		const char *where, *f;
	} rows[] = {
		{ "side", { .detach = false }, ST_OK, "side v1", "1" },
		{ "-", { .detach = false }, ST_OK, "main v2", "2" },
		{ "@{-1}", { .detach = false }, ST_OK, "side v1", "1" },
		{ "none", { .detach = false }, ST_ENOTFOUND, "side v1", "1" },
		{ "v2", { .detach = false }, ST_EUSAGE, "side v1", "1" },
		{ "v2", { .detach = true }, ST_OK, "- v2", "2" },
		{ "-", { .detach = false }, ST_OK, "side v1", "1" },
		{ "-", { .detach = false }, ST_OK, "- v2", "2" },
		{ "new", { .create = true }, ST_OK, "new v2", "2" },
		{ "new", { .create = true }, ST_EREFUSED, "new v2", "2" },
		{ "new", { .create = true, .replace = true, .start = "v1" }, ST_OK, "new v1", "1" },
		{ "side",
		  { .create = true, .replace = true, .start = "-" },
		  ST_OK,
		  "side v2",
		  "2" },
		{ "v7", { .create = true, .replace = true }, ST_EUSAGE, "side v2", "2" },
		{ "x", { .create = true, .start = "v9" }, ST_ENOTFOUND, "side v2", "2" },
		{ "x", { .create = true, .detach = true }, ST_EUSAGE, "side v2", "2" },
		{ "main", { .start = "v1" }, ST_EUSAGE, "side v2", "2" },
		{ "main", { .replace = true }, ST_EUSAGE, "side v2", "2" },
		{ "@{-99}", { .detach = false }, ST_ENOTFOUND, "side v2", "2" },
		{ "@{-}", { .detach = false }, ST_EUSAGE, "side v2", "2" },
	};

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (go(rows[i].to, rows[i].o) != rows[i].code)
			fail_msg("row %zu", i);
		at(rows[i].where);
		tr_holds(&t, "f", rows[i].f);
	}
	tr_sound(&t);
}

static void local_changes(void **state)
{
	(void)state;
	begin();
	tr_text(&t, "same", "mine");
	assert_int_equal(go("side", (strata_switch_options){ .detach = false }), ST_OK);
	tr_holds(&t, "same", "mine");
	tr_text(&t, "f", "mine");
	assert_int_equal(go("main", (strata_switch_options){ .detach = false }), ST_EREFUSED);
	at("side v1");
	tr_holds(&t, "f", "mine");
	assert_int_equal(go("main", (strata_switch_options){ .discard = true }), ST_OK);
	tr_holds(&t, "f", "2");
}

static void unborn(void **state)
{
	(void)state;
	assert_int_equal(go("-", (strata_switch_options){ .detach = false }), ST_ENOTFOUND);
	assert_int_equal(go("x", (strata_switch_options){ .create = true, .replace = true }),
			 ST_OK);
	at("x ");
	assert_int_equal(go("-", (strata_switch_options){ .detach = false }), ST_ENOTFOUND);
	assert_int_equal(go("x", (strata_switch_options){ .detach = false }), ST_OK);
}

static void place(const char *word, int code, const char *want)
{
	struct st_err e = { 0 };
	char text[ST_PLACE];

	assert_int_equal(st_place_before(t.r, &word, text, &e), code);
	if (code == ST_OK)
		assert_string_equal(word, want);
}

/* A branch that is gone is no place, one that was renamed neither. */
static void places(void **state)
{
	const char *const side[] = { "side" };

	(void)state;
	begin();
	place("main", ST_OK, "main");
	place("-", ST_ENOTFOUND, NULL);
	assert_int_equal(go("side", (strata_switch_options){ .detach = false }), ST_OK);
	assert_int_equal(go("third", (strata_switch_options){ .create = true }), ST_OK);
	place("@{-1}", ST_OK, "side");
	place("@{-2}", ST_OK, "main");
	place("@{-3}", ST_ENOTFOUND, NULL);
	place("@{-0}", ST_EUSAGE, NULL);
	place("@{-1", ST_EUSAGE, NULL);
	place("@{1}", ST_OK, "@{1}");
	assert_int_equal(st_verb_branch_delete(t.r, side, 1, true, NULL, NULL,
					       &(struct st_err){ 0 }),
			 ST_OK);
	place("-", ST_OK, "main");
	assert_int_equal(st_verb_branch_rename(t.r, "main", "trunk", false, &(struct st_err){ 0 }),
			 ST_OK);
	place("-", ST_ENOTFOUND, NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TR_TEST(goes, &t),
		TR_TEST(local_changes, &t),
		TR_TEST(unborn, &t),
		TR_TEST(places, &t),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The laws of rollback, cherry-pick and revert over random histories; refusals, interruptions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define TENSORS 6
#define BYTES 4096

static struct trepo t;
static uint64_t conflicts; /* of the last */

static int renew(strata_renewal what, const char *rev, const char *tensor, struct st_err *e)
{
	const strata_renew_options o = { .tensors = &tensor, .ntensors = tensor ? 1 : 0 };
	strata_renew_result res;
	int rc;

	*e = (struct st_err){ 0 };
	rc = st_verb_renew(t.r, what, rev, &o, &res, e);
	conflicts = res.conflicts;
	return rc;
}

static void renewed(strata_renewal what, const char *rev, const char *tensor)
{
	struct st_err e;
	int rc = renew(what, rev, tensor, &e);

	if (rc != ST_OK)
		print_error("%s: %s\n", rev, e.msg);
	assert_int_equal(rc, ST_OK);
}

static void version(const uint64_t *seeds)
{
	tr_model(&t, "m.safetensors", seeds, TENSORS, BYTES, 0);
	tr_version(&t);
}

/* HEAD and the working tree hold the model with these tensors, byte for byte. */
static void holds(const uint64_t *seeds)
{
	struct st_buf want, now;

	st_buf_init(&want, 1 << 20);
	st_buf_init(&now, 1 << 20);
	tr_read(&t, "m.safetensors", &now);
	tr_model(&t, "want", seeds, TENSORS, BYTES, 0);
	tr_read(&t, "want", &want);
	assert_int_equal(remove("want"), 0);
	assert_int_equal(want.len, now.len);
	assert_memory_equal(want.p, now.p, want.len);
	tr_check(&t, "HEAD:m.safetensors", &want);
	st_buf_release(&want);
	st_buf_release(&now);
}

static void reset(const char *rev)
{
	strata_reset_result res;
	struct st_err e = { 0 };

	assert_int_equal(st_verb_reset(t.r, rev, STRATA_RESET_HARD, NULL, NULL, &res, &e), ST_OK);
}

static uint64_t next_random(uint64_t *x)
{
	*x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *x >> 33;
}

static void taken_back(void)
{
	strata_checkout_result res;
	struct st_err e = { 0 };

	assert_int_equal(st_verb_merge_abort(t.r, &res, &e), ST_OK);
}

/* All conflicts are decided for what comes. */
static void taken_over(void)
{
	const strata_settle_options o = { .how = "theirs" };
	const strata_merge_options how = { 0 };
	const char *all = "*";
	strata_commit_result res;
	uint64_t settled, open;
	struct st_err e = { 0 };

	assert_int_equal(st_verb_settle(t.r, &all, 1, &o, &settled, &open, &e), ST_OK);
	assert_int_equal(settled, conflicts);
	assert_int_equal(open, 0);
	assert_int_equal(st_verb_merge_continue(t.r, &how, &res, &e), ST_OK);
}

#define VERSIONS 12

/* What each tensor should be, by a model of three-way changes over seeds. */
static void one_law(uint64_t seeds[VERSIONS + 1][TENSORS], uint64_t *rng)
{
	size_t head = 1 + next_random(rng) % VERSIONS, rev = 2 + next_random(rng) % (VERSIONS - 1);
	strata_renewal what = (strata_renewal)(next_random(rng) % 3);
	uint64_t want[TENSORS], k = next_random(rng) % (TENSORS + 1);
	const uint64_t *to = what == STRATA_REVERT ? seeds[rev - 1] : seeds[rev];
	const uint64_t *from = what == STRATA_REVERT   ? seeds[rev] :
			       what == STRATA_ROLLBACK ? seeds[head] :
							 seeds[rev - 1];
	char name[16], head_rev[16], rev_text[16];
	bool any = false;
	size_t clashes = 0;
	struct st_err e;
	int rc;

	snprintf(head_rev, sizeof(head_rev), "v%zu", head);
	snprintf(rev_text, sizeof(rev_text), "v%zu", rev);
	snprintf(name, sizeof(name), k < TENSORS ? "t%u" : "*", (unsigned)k);
	reset(head_rev);
	for (size_t i = 0; i < TENSORS; i++) {
		want[i] = seeds[head][i];
		if ((k < TENSORS && i != k) || from[i] == to[i] || want[i] == to[i])
			continue;
		clashes += want[i] != from[i];
		any = true;
		want[i] = to[i];
	}
	rc = renew(what, rev_text, name, &e);
	assert_int_equal(rc, any ? ST_OK : ST_ENO);
	assert_int_equal(conflicts, clashes);
	if (clashes && next_random(rng) % 2 == 0) {
		taken_back();
		holds(seeds[head]);
		return;
	}
	if (clashes)
		taken_over();
	holds(want);
	if (rc == ST_OK && !clashes) { /* and without a choice, where that is the same question */
		reset(head_rev);
		rc = k == TENSORS ? renew(what, rev_text, NULL, &e) : ST_ENO;
		assert_true(rc == ST_OK || rc == ST_ENO);
		assert_true(rc == ST_ENO || !conflicts);
		holds(rc == ST_OK ? want : seeds[head]);
	}
}

static void random_histories(void **state)
{
	static uint64_t seeds[VERSIONS + 1][TENSORS];
	uint64_t rng = 6;

	(void)state;
	for (size_t i = 0; i < TENSORS; i++)
		seeds[1][i] = 1 + next_random(&rng) % 3;
	version(seeds[1]);
	for (size_t v = 2; v <= VERSIONS; v++) {
		memcpy(seeds[v], seeds[v - 1], sizeof(seeds[v]));
		seeds[v][next_random(&rng) % TENSORS] = 10 * v;
		seeds[v][next_random(&rng) % TENSORS] = 1 + next_random(&rng) % 3;
		seeds[v][0] = v; /* every version differs */
		version(seeds[v]);
	}
	for (size_t i = 0; i < 50; i++)
		one_law(seeds, &rng);
	tr_sound(&t);
}

static void revert_of_revert(void **state)
{
	const uint64_t one[] = { 1, 1, 1, 1, 1, 1 }, two[] = { 1, 2, 1, 1, 2, 1 },
		       three[] = { 3, 2, 1, 1, 2, 1 }, back[] = { 3, 1, 1, 1, 1, 1 };

	(void)state;
	version(one);
	version(two);
	version(three);
	renewed(STRATA_REVERT, "v2", NULL);
	holds(back);
	renewed(STRATA_REVERT, "v4", NULL);
	holds(three);
	renewed(STRATA_REVERT, "v2", "t[14]");
	holds(back);
	renewed(STRATA_REVERT, "v6", "*");
	holds(three);
	tr_sound(&t);
}

struct blocks {
	size_t n;
	char text[400];
};

static int note(void *arg, const char *path, const char *tensor, const char *why)
{
	struct blocks *b = arg;
	size_t at = strlen(b->text);

	b->n++;
	snprintf(b->text + at, sizeof(b->text) - at, "%s %s %s\n", path, tensor ? tensor : "-",
		 why);
	return 1; /* ignored */
}

static void every_block_is_told(void **state)
{
	const uint64_t one[] = { 1, 1, 1, 1, 1, 1 }, two[] = { 2, 2, 2, 1, 1, 1, 1, 1 };
	const char *all = "*";
	struct blocks b = { 0 };
	const strata_renew_options o = {
		.blocked = note, .arg = &b, .tensors = &all, .ntensors = 1
	};
	strata_renew_result res;
	struct st_err e = { 0 };
	size_t packs;

	(void)state;
	version(one);
	tr_model(&t, "m.safetensors", two, TENSORS + 2, BYTES, 0);
	tr_version(&t);
	reset("v1");
	packs = tr_packs(&t);
	assert_int_equal(st_verb_renew(t.r, STRATA_CHERRY_PICK, "v2", &o, &res, &e), ST_EREFUSED);
	assert_int_equal(b.n, 2);
	assert_string_equal(b.text, "m.safetensors t6 v2 added it\n"
				    "m.safetensors t7 v2 added it\n");
	assert_string_equal(e.msg, "2 changes cannot be made: tensor \"t6\" of 'm.safetensors' (v2 "
				   "added it) and more; without --tensor, all that it changed is "
				   "taken");
	holds(one);
	assert_int_equal(tr_packs(&t), packs);
}

/* What a command stored that came to nothing is used by the next one. */
static void again_costs_nothing(void **state)
{
	const uint64_t one[] = { 1, 1, 1, 1, 1, 1 }, two[] = { 2, 2, 2, 2, 2, 2 },
		       want[] = { 2, 2, 1, 2, 2, 2 };
	size_t packs;

	(void)state;
	version(one);
	version(two);
	renewed(STRATA_ROLLBACK, "v1", "t2");
	holds(want);
	packs = tr_packs(&t);
	reset("v2");
	renewed(STRATA_ROLLBACK, "v1", "t2");
	holds(want);
	assert_int_equal(tr_packs(&t), packs + 1); /* that of the commit */
	tr_sound(&t);
}

static size_t temporaries(void)
{
	DIR *d = opendir(".strata");
	struct dirent *de;
	size_t n = 0;

	assert_non_null(d);
	while ((de = readdir(d)))
		n += strncmp(de->d_name, ".st-tmp-", 8) == 0;
	closedir(d);
	return n;
}

static bool stop(void *arg)
{
	struct trepo *r = arg;

	return r->warnings++ > 40;
}

/* Interrupted wherever it asks whether to go on: HEAD and files stay, or are those to come. */
static void interrupted(void **state)
{
	const uint64_t one[] = { 1, 1, 1, 1, 1, 1 }, two[] = { 2, 2, 2, 2, 2, 2 },
		       want[] = { 1, 1, 1, 1, 1, 1 };
	struct st_err e;
	int rc = ST_EBUSY;

	(void)state;
	version(one);
	version(two);
	t.r->ctx.cancelled = stop;
	for (unsigned left = 0; left < 40 && rc != ST_OK; left++) {
		t.warnings = 41 - left;
		rc = renew(STRATA_ROLLBACK, "v1", "*", &e);
		assert_true(rc == ST_OK || rc == ST_EBUSY);
		assert_int_equal(temporaries(), 0);
	}
	t.r->ctx.cancelled = NULL;
	if (rc != ST_OK)
		renewed(STRATA_ROLLBACK, "v1", "*");
	t.warnings = 0;
	holds(want);
	tr_sound(&t);
}

static int take(void *arg, const char *message)
{
	snprintf(arg, 200, "%s", message);
	return 0;
}

static void message_of(strata_renewal what, const char *tensor, const char *path, const char *want)
{
	const strata_renew_options o = { .tensors = &tensor,
					 .ntensors = tensor ? 1 : 0,
					 .paths = &path,
					 .npaths = path ? 1 : 0 };
	char got[200] = "";
	struct st_err e = { 0 };

	assert_int_equal(st_verb_renew_message(t.r, what, "v1", &o, take, got, &e), ST_OK);
	assert_string_equal(got, want);
}

static void messages(void **state)
{
	const uint64_t one[] = { 1, 1, 1, 1, 1, 1 };

	(void)state;
	version(one);
	message_of(STRATA_ROLLBACK, NULL, NULL, "Roll back to v1: test");
	message_of(STRATA_ROLLBACK, "t*", NULL, "Roll t* back to v1: test");
	message_of(STRATA_ROLLBACK, NULL, "x", "Roll x back to v1: test");
	message_of(STRATA_ROLLBACK, "t*", "x", "Roll t* of x back to v1: test");
	message_of(STRATA_REVERT, NULL, NULL, "Revert v1: test");
	message_of(STRATA_REVERT, "t0", NULL, "Revert t0 of v1: test");
	message_of(STRATA_CHERRY_PICK, "t0", NULL, "test");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TR_TEST(random_histories, &t),	  TR_TEST(revert_of_revert, &t),
		TR_TEST(every_block_is_told, &t), TR_TEST(again_costs_nothing, &t),
		TR_TEST(interrupted, &t),	  TR_TEST(messages, &t),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

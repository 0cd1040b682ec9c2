/* SPDX-License-Identifier: Apache-2.0 */
/* slow */
/* blame and log by tensor over random histories equal what a replay of trees and manifests says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "history_fixture.h"
#include "scratch_fixture.h"

#include <math.h>
#include <stdio.h>

static struct trepo t;

static const char *hex_of(const struct st_oid *id)
{
	static char hex[ST_OID_HEX + 1];

	st_oid_hex(id, hex);
	return hex;
}

/* ---- blame ---- */

struct lines {
	const struct thistory *h;
	const struct tversion *v; /* asked about */
	size_t n;
};

/* Whichever parent holds the same id, the first on ties. */
static const struct tversion *culprit(const struct thistory *h, const struct tversion *v,
				      const struct ttensor *x)
{
	for (size_t i = 0; i < v->nparents; i++) {
		const struct tversion *p = &h->v[v->parents[i]];
		const struct ttensor *was = th_find(p, x->path, x->name);

		if (was && st_oid_eq(&was->id, &x->id))
			return culprit(h, p, was);
	}
	return v;
}

static bool is_new(const struct thistory *h, const struct tversion *v, const struct ttensor *x)
{
	for (size_t i = 0; i < v->nparents; i++)
		if (th_find(&h->v[v->parents[i]], x->path, x->name))
			return false;
	return true;
}

static int check_line(void *arg, const strata_blame_line *l)
{
	struct lines *x = arg;
	const struct ttensor *want = &x->v->tensors[x->n++];
	const struct tversion *by = culprit(x->h, x->v, want);

	assert_string_equal(l->step.path, want->path);
	assert_string_equal(l->step.name, want->name);
	assert_string_equal(l->commit, hex_of(&by->id));
	assert_string_equal(l->step.status, is_new(x->h, by, want) ? "added" : "changed");
	assert_null(l->step.figures);
	return 0;
}

static void blames(const struct thistory *h, size_t i)
{
	static const char *const everything = ".";
	const strata_blame_options o = { .rev = hex_of(&h->v[i].id),
					 .paths = &everything,
					 .npaths = 1 };
	struct lines x = { h, &h->v[i], 0 };
	struct st_err e = { 0 };
	int rc = st_verb_blame(t.r, &o, check_line, &x, &e);

	if (h->v[i].n == 0) {
		assert_int_equal(rc, ST_ENOTFOUND);
		return;
	}
	ok(rc, &e);
	assert_int_equal(x.n, h->v[i].n);
}

/* ---- log ---- */

struct shown {
	const struct thistory *h;
	size_t n;
};

static const struct tversion *version_of(const struct thistory *h, const char *hex)
{
	for (size_t i = 0; i < h->n; i++)
		if (strcmp(hex_of(&h->v[i].id), hex) == 0)
			return &h->v[i];
	return NULL;
}

/* Is it in this version as no parent has it? */
static const char *status_of(const struct thistory *h, const struct tversion *v, const char *path,
			     const char *name)
{
	const struct ttensor *now = th_find(v, path, name);
	bool had = false;

	for (size_t i = 0; i < v->nparents; i++) {
		const struct ttensor *was = th_find(&h->v[v->parents[i]], path, name);

		had = had || was;
		if (was ? now && st_oid_eq(&was->id, &now->id) : !now)
			return NULL;
	}
	return !now ? v->nparents ? "removed" : NULL : had ? "changed" : "added";
}

static int check_version(void *arg, const strata_version *v)
{
	struct shown *x = arg;
	const struct tversion *mine = version_of(x->h, v->commit);
	const char *status;

	assert_non_null(mine);
	assert_int_equal(v->nsteps, 1);
	status = status_of(x->h, mine, "a.safetensors", "t1");
	assert_non_null(status);
	assert_string_equal(v->steps[0].status, status);
	assert_string_equal(v->steps[0].path, "a.safetensors");
	assert_string_equal(v->steps[0].name, "t1");
	x->n++;
	return 0;
}

static void mark(const struct thistory *h, size_t i, bool *reached)
{
	if (reached[i])
		return;
	reached[i] = true;
	for (size_t k = 0; k < h->v[i].nparents; k++)
		mark(h, h->v[i].parents[k], reached);
}

static void logs(const struct thistory *h, size_t i)
{
	const char *rev = hex_of(&h->v[i].id), *tensor = "a.safetensors::t1";
	const strata_log_options o = {
		.revs = &rev, .nrevs = 1, .tensors = &tensor, .ntensors = 1
	};
	struct shown x = { h, 0 };
	struct st_err e = { 0 };
	bool reached[256] = { false };
	size_t want = 0;

	mark(h, i, reached);
	for (size_t k = 0; k < h->n; k++)
		want += reached[k] && status_of(h, &h->v[k], "a.safetensors", "t1");
	ok(st_verb_log(t.r, &o, check_version, &x, &e), &e);
	assert_int_equal(x.n, want);
}

static void equal_replay(void **state)
{
	struct thistory *h = calloc(1, sizeof(*h));
	struct st_err e = { 0 };

	(void)state;
	assert_non_null(h);
	th_random(h, &t, 200, 7);
	for (size_t i = 0; i < h->n; i++) {
		blames(h, i);
		if (i % 10 == 9)
			logs(h, i);
	}
	ok(st_repo_rebuild(t.r, &e), &e);
	for (size_t i = 190; i < h->n; i++)
		blames(h, i);
	th_release(h);
}

/* ---- figures ---- */

struct figure {
	size_t n;
	char status[16];
	double mad, l2, cosine;
	bool some;
	size_t left; /* of a callback that stops */
};

static int take_figure(void *arg, const strata_blame_line *l)
{
	struct figure *f = arg;

	f->n++;
	snprintf(f->status, sizeof(f->status), "%s", l->step.status);
	f->some = l->step.figures != NULL;
	if (f->some) {
		f->mad = l->step.figures->mad;
		f->l2 = l->step.figures->l2;
		f->cosine = l->step.figures->cosine;
	}
	return f->left && f->n == f->left;
}

static int blame(const char *rev, const char *tensor, struct figure *f)
{
	static const char *const path = "m.safetensors";
	const strata_blame_options o = { .rev = rev,
					 .paths = &path,
					 .npaths = 1,
					 .tensors = &tensor,
					 .ntensors = tensor ? 1 : 0,
					 .values = true };
	struct st_err e = { 0 };
	size_t left = f->left;
	int rc;

	*f = (struct figure){ .left = left };
	rc = st_verb_blame(t.r, &o, take_figure, f, &e);
	assert_int_equal(rc, e.code);
	return rc;
}

static void write_two(const float *a, size_t n, const float *b, const char *shape)
{
	struct st_err e = { 0 };
	struct st_buf x;

	st_buf_init(&x, 1 << 20);
	ok(st_buf_addf(&x, &e,
		       "........{\"a\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[0,%zu]},"
		       "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%zu,%zu]}}",
		       shape, 4 * n, 4 * n, 4 * n + 8),
	   &e);
	while (x.len % 8)
		ok(st_buf_addch(&x, ' ', &e), &e);
	st_put64(x.p, x.len - 8);
	ok(st_buf_add(&x, a, 4 * n, &e), &e);
	ok(st_buf_add(&x, b, 8, &e), &e);
	tr_write(&t, "m.safetensors", x.p, x.len);
	st_buf_release(&x);
	tr_version(&t);
}

static void figures(void **state)
{
	const float one[] = { 1, 2, 3, 4 }, two[] = { 1, 2, 3, 8 }, b[] = { 5, 5 };
	struct figure f = { 0 };

	(void)state;
	write_two(one, 4, b, "[4]");
	assert_int_equal(blame("v1", "a", &f), ST_OK);
	assert_int_equal(f.n, 1);
	assert_string_equal(f.status, "added");
	assert_false(f.some);
	write_two(two, 4, b, "[4]");
	tr_text(&t, "other", "x");
	tr_version(&t);
	assert_int_equal(blame("v3", "a", &f), ST_OK);
	assert_true(f.some && fabs(f.mad - 1) < 1e-12 && fabs(f.l2 - 4) < 1e-12);
	assert_true(fabs(f.cosine - 46 / sqrt(30. * 78)) < 1e-12);
	assert_int_equal(blame("v3", "b", &f), ST_OK);
	assert_false(f.some);
	/* another shape of as many elements has figures, of more has none */
	write_two(one, 4, b, "[2,2]");
	assert_int_equal(blame(NULL, "a", &f), ST_OK);
	assert_string_equal(f.status, "changed");
	assert_true(f.some && fabs(f.mad - 1) < 1e-12);
	write_two(one, 3, b, "[3]");
	assert_int_equal(blame(NULL, "a", &f), ST_OK);
	assert_string_equal(f.status, "changed");
	assert_false(f.some);
	f.left = 1;
	assert_int_equal(blame(NULL, NULL, &f), ST_OK);
	assert_int_equal(f.n, 1);
}

/* Bytes that are equal and a shape that is not are no change: the id is of the bytes alone. */
static void shape_alone(void **state)
{
	const float one[] = { 1, 2, 3, 4 }, b[] = { 5, 5 };
	struct figure f = { 0 };

	(void)state;
	write_two(one, 4, b, "[4]");
	write_two(one, 4, b, "[2,2]");
	assert_int_equal(blame(NULL, "a", &f), ST_OK);
	assert_string_equal(f.status, "added");
}

/* A merge that changes what both parents have: against the first; what one lacks: the other. */
static void figures_of_merges(void **state)
{
	const float b[] = { 0, 0 }, x[] = { 1, 1 }, y[] = { 4, 4 }, z[] = { 2, 2 };
	struct st_oid v1, v2, both[2], merge;
	struct figure f = { 0 };
	struct st_err e = { 0 };

	(void)state;
	write_two(x, 2, b, "[2]");
	ok(st_resolve(t.r, "v1", 2, &v1, &e), &e);
	write_two(y, 2, b, "[2]");
	ok(st_resolve(t.r, "v2", 2, &v2, &e), &e);
	both[0] = v1;
	both[1] = v2;
	write_two(z, 2, b, "[2]");
	th_commit(&t, both, 2, "heads/m1", true, &merge);
	assert_int_equal(blame("m1", "a", &f), ST_OK);
	assert_true(f.some && fabs(f.mad - 1) < 1e-12);
	both[0] = v2;
	both[1] = v1;
	th_commit(&t, both, 2, "heads/m2", true, &merge);
	assert_int_equal(blame("m2", "a", &f), ST_OK);
	assert_true(f.some && fabs(f.mad - 2) < 1e-12);
	/* taken from the second parent: it is to blame */
	write_two(y, 2, b, "[2]");
	both[0] = v1;
	both[1] = v2;
	th_commit(&t, both, 2, "heads/m3", true, &merge);
	assert_int_equal(blame("m3", "a", &f), ST_OK);
	assert_true(f.some && fabs(f.mad - 3) < 1e-12);
}

static void refusals(void **state)
{
	const uint64_t seeds[] = { 1 };
	struct figure f = { 0 };

	(void)state;
	assert_int_equal(blame(NULL, NULL, &f), ST_ENOTFOUND); /* no version yet */
	tr_text(&t, "m.safetensors", "no model");
	tr_version(&t);
	assert_int_equal(blame(NULL, NULL, &f), ST_ENOTFOUND);
	tr_model(&t, "m.safetensors", seeds, 1, 64, 0);
	tr_version(&t);
	assert_int_equal(blame(NULL, "t1", &f), ST_ENOTFOUND);
	assert_int_equal(blame("v1", NULL, &f), ST_ENOTFOUND);
	assert_int_equal(blame("v9", NULL, &f), ST_ENOTFOUND);
	assert_int_equal(blame(NULL, "t0", &f), ST_OK);
	assert_int_equal(blame(NULL, "other/*::t0", &f), ST_ENOTFOUND);
	assert_int_equal(blame(NULL, "m.*::t*", &f), ST_OK);
	/* rows that are not as the tree says: an error, and no crash */
	tr_sql(&t, "DELETE FROM changes");
	assert_int_equal(blame(NULL, NULL, &f), ST_ECORRUPT);
	tr_sql(&t, "UPDATE commits SET traced = 0");
	assert_int_equal(blame(NULL, NULL, &f), ST_ECORRUPT);
	tr_sql(&t, "DELETE FROM slots");
	assert_int_equal(blame(NULL, NULL, &f), ST_ECORRUPT);
}

static void odd_rows(void **state)
{
	static const char *const edits[] = {
		"UPDATE changes SET origin = 7",
		"UPDATE changes SET value = NULL",
		"UPDATE changes SET origin = 1",
	};
	const uint64_t seeds[] = { 1 };
	struct figure f = { 0 };

	(void)state;
	tr_model(&t, "m.safetensors", seeds, 1, 64, 0);
	tr_version(&t);
	for (size_t i = 0; i < sizeof(edits) / sizeof(*edits); i++) {
		struct st_err e = { 0 };

		tr_sql(&t, edits[i]);
		assert_int_equal(blame(NULL, NULL, &f), ST_ECORRUPT);
		ok(st_repo_rebuild(t.r, &e), &e);
		assert_int_equal(blame(NULL, NULL, &f), ST_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TR_TEST(equal_replay, &t),	TR_TEST(figures, &t),  TR_TEST(shape_alone, &t),
		TR_TEST(figures_of_merges, &t), TR_TEST(refusals, &t), TR_TEST(odd_rows, &t),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

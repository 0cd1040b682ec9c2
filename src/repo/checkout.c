/* SPDX-License-Identifier: Apache-2.0 */
/* checkout: to a version, or single files of one. */
#include "repo/checkout.h"
#include "repo/merge_state.h"

#include <stdio.h>

int st_checkout_target(struct st_repo *r, const char *rev, struct st_oid *commit,
		       struct st_index *x, struct st_err *e)
{
	int rc = st_resolve(r, rev, strlen(rev), commit, e);

	return rc == ST_OK ? st_rewind_commit(r, commit, x, e) : rc;
}

/* "x", and "heads/x" where that is no branch itself. */
static bool is_branch(struct st_repo *r, const char *rev, char ref[ST_REF_FULL], struct st_err *e)
{
	const char *names[2] = { rev, strncmp(rev, "refs/", 5) == 0 ? rev + 5 : rev };
	char *value = NULL;
	int rc = ST_OK;

	for (int i = 0; rc == ST_OK && !value && i < 2; i++) {
		if (strlen(names[i]) > ST_REF_NAME || (i && strncmp(names[i], "heads/", 6) != 0))
			continue;
		snprintf(ref, ST_REF_FULL, "%s%s", i ? "" : "heads/", names[i]);
		rc = st_ref_value(r, ref, &value, e);
	}
	free(value);
	return rc == ST_OK && value != NULL;
}

/* The transaction, and what to go to; target is initialised here. */
static int begin(struct st_checkout *c, struct st_txn *t, const char *rev, struct st_oid *commit,
		 struct st_index *target, struct st_err *e)
{
	int rc;

	st_index_init(target);
	rc = st_txn_begin(t, c->r, "checkout", e);
	if (rc == ST_OK)
		rc = st_txn_index(t, e);
	if (rc == ST_OK)
		rc = st_checkout_target(c->r, rev, commit, target, e);
	c->now = &t->index;
	c->target = target;
	return rc;
}

/* What is staged and what HEAD has decide with the target what becomes of the index. */
static int join(struct st_checkout *c, struct st_index *target, struct st_err *e)
{
	struct st_index out;
	int rc = st_head_index(c->r, &c->head, e);

	st_index_init(&out);
	if (rc == ST_OK)
		rc = st_twoway(&c->head, c->now, target, &out, &c->lost, e);
	st_index_release(rc == ST_OK ? target : &out);
	if (rc == ST_OK)
		*target = out;
	c->stay = true;
	return rc;
}

int st_go(struct st_repo *r, const struct st_go *g, strata_checkout_result *res, struct st_err *e)
{
	struct st_txn t;
	struct st_checkout c = {
		.r = r, .force = g->discard, .how = g->how, .txn = &t, .res = res
	};
	struct st_index target;
	struct st_oid commit;
	int rc = st_txn_begin(&t, r, g->verb, e);

	st_index_init(&target);
	c.now = &t.index;
	c.target = &target;
	if (rc == ST_OK)
		rc = st_txn_index(&t, e);
	if (rc == ST_OK)
		rc = st_merging_gate(r, "switch", &t.index, e);
	if (rc == ST_OK)
		rc = g->decide(g->arg, &t, &commit, e);
	if (rc == ST_OK)
		rc = st_rewind_commit(r, &commit, &target, e);
	if (rc == ST_OK && !g->discard)
		rc = join(&c, &target, e);
	if (rc == ST_OK)
		rc = st_checkout_plan(&c, e);
	if (rc == ST_OK)
		rc = st_checkout_carry_out(&c, e);
	if (rc == ST_OK) {
		rc = st_staged_mark_models(r, &target, e);
		st_index_release(&t.index);
		t.index = target;
		st_index_init(&target);
		if (rc == ST_OK)
			rc = st_txn_publish(&t, true, NULL, e);
	}
	t.op.refs = NULL;
	t.op.why = t.op.verb;
	st_checkout_release(&c);
	st_index_release(&target);
	st_txn_end(&t);
	return rc;
}

struct to_version {
	const char *rev;
	char *old, value[320], why[400], place[ST_PLACE];
	struct st_op_ref change;
};

/* The branch before is that branch, even where a tag has its name. */
static int resolve_place(struct st_repo *r, const struct to_version *v, struct st_oid *commit,
			 struct st_err *e)
{
	char full[ST_REF_FULL];
	const char *rev = v->rev;

	if (rev == v->place && !st_oid_parse(commit, rev, strlen(rev))) {
		snprintf(full, sizeof(full), "refs/heads/%.*s", ST_REF_NAME, rev);
		rev = full;
	}
	return st_resolve(r, rev, strlen(rev), commit, e);
}

/* HEAD's new value and its present one, as the operation log writes them. */
static int head_to(void *arg, struct st_txn *t, struct st_oid *commit, struct st_err *e)
{
	struct to_version *v = arg;
	char ref[ST_REF_FULL];
	int rc = st_place_before(t->r, &v->rev, v->place, e);

	if (rc == ST_OK)
		rc = resolve_place(t->r, v, commit, e);
	if (rc == ST_OK)
		rc = st_ref_value(t->r, "HEAD", &v->old, e);
	if (rc != ST_OK)
		return rc;
	if (strcmp(v->rev, "HEAD") == 0 || strcmp(v->rev, "@") == 0)
		snprintf(v->value, sizeof(v->value), "%s", v->old); /* stays on its branch */
	else if (is_branch(t->r, v->rev, ref, e))
		snprintf(v->value, sizeof(v->value), "ref:%s", ref);
	else
		st_oid_hex(commit, v->value);
	snprintf(v->why, sizeof(v->why), "checkout %.300s", v->rev);
	v->change = (struct st_op_ref){ .name = "HEAD", .value = v->value, .old = v->old };
	t->op.why = v->why;
	t->op.refs = &v->change;
	t->op.nrefs = strcmp(v->value, v->old) != 0;
	return e->code;
}

static int checkout_version(struct st_repo *r, const char *rev, const strata_checkout_options *o,
			    strata_checkout_result *res, struct st_err *e)
{
	struct to_version v = { .rev = rev };
	struct st_go g = { .verb = "checkout", .discard = o->force, .decide = head_to, .arg = &v };
	int rc = st_go(r, &g, res, e);

	free(v.old);
	return rc;
}

static int add_row(struct st_index *out, const struct st_stage_row *row, const struct st_index *old,
		   struct st_err *e)
{
	const struct st_stage_row *was = st_index_find(old, row->path, row->path_len, NULL);

	if (was && st_oid_eq(&was->id, &row->id) && was->mode == row->mode &&
	    !(row->flags & ST_INDEX_STAT))
		row = was; /* with its stat data */
	return st_index_add(out, row, e);
}

int st_checkout_put_rows(struct st_checkout *c, struct st_index *x, bool exact, struct st_err *e)
{
	struct st_index chosen, out;
	size_t i;
	int rc = ST_OK;

	st_index_init(&chosen);
	st_index_init(&out);
	for (i = 0; rc == ST_OK && i < c->target->nrows; i++)
		if (st_pathspec_match(c->ps, c->target->rows[i].path))
			rc = st_index_add(&chosen, &c->target->rows[i], e);
	if (rc == ST_OK)
		rc = st_index_sort(&chosen, e);
	for (i = 0; rc == ST_OK && i < x->nrows; i++) {
		bool named = st_pathspec_match(c->ps, x->rows[i].path);

		if (!(exact && named) && !st_index_excludes(&chosen, &x->rows[i]))
			rc = st_index_add(&out, &x->rows[i], e);
	}
	for (i = 0; rc == ST_OK && i < chosen.nrows; i++)
		rc = add_row(&out, &chosen.rows[i], x, e);
	if (rc == ST_OK)
		rc = st_pathspec_unmatched(c->ps, e);
	if (rc == ST_OK)
		rc = st_index_sort(&out, e);
	if (rc == ST_OK)
		rc = st_staged_mark_models(c->r, &out, e);
	st_index_release(&chosen);
	st_index_release(rc == ST_OK ? x : &out);
	if (rc == ST_OK)
		*x = out;
	return rc;
}

static int checkout_paths(struct st_repo *r, const char *rev, const strata_checkout_options *o,
			  strata_checkout_result *res, struct st_err *e)
{
	struct st_txn t;
	struct st_checkout c = { .r = r, .force = true, .txn = &t, .res = res };
	struct st_index target;
	struct st_oid commit;
	int rc = begin(&c, &t, rev, &commit, &target, e);

	if (rc == ST_OK)
		rc = st_pathspec_new(&c.ps, r, o->paths, o->npaths, e);
	if (rc == ST_OK)
		rc = st_checkout_plan(&c, e);
	if (rc == ST_OK)
		rc = st_checkout_carry_out(&c, e);
	if (rc == ST_OK)
		rc = st_checkout_put_rows(&c, &t.index, false, e);
	if (rc == ST_OK)
		rc = st_txn_publish(&t, true, NULL, e);
	st_checkout_release(&c);
	st_index_release(&target);
	st_txn_end(&t);
	return rc;
}

int st_verb_checkout(struct st_repo *r, const char *rev, const strata_checkout_options *o,
		     strata_checkout_result *res, struct st_err *e)
{
	*res = (strata_checkout_result){ 0 };
	if (o->to)
		return st_checkout_to(r, rev, o, res, e);
	return o->npaths ? checkout_paths(r, rev, o, res, e) : checkout_version(r, rev, o, res, e);
}

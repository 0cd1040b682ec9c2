/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge: HEAD goes forward along the history where that is enough, what is staged and the working
 * tree following as they do for switch; else merge_make.c makes a version.
 */
#include "repo/merge_base.h"
#include "repo/merge_state.h"
#include "repo/moves.h"
#include "repo/rewind.h"

#include <stdio.h>

struct merge {
	struct st_repo *r;
	const strata_merge_options *o;
	const char *rev;
	char place[ST_PLACE]; /* what rev stands for, if it is "-" */
	struct st_head head;
	struct st_oid commit;
	bool behind;  /* HEAD leads to the commit */
	bool forward; /* the commit leads to HEAD */
	char old[ST_OID_HEX + 1], value[ST_OID_HEX + 1],
		ref[sizeof(((struct st_head *)0)->branch) + 8];
	char why[400];
	struct st_op_ref change;
};

/* Where both are now, and whether one leads to the other. */
static int look(struct merge *m, struct st_err *e)
{
	struct st_oid bases[2];
	size_t n = 0;
	int rc = st_repo_head(m->r, &m->head, e);

	if (rc == ST_OK)
		rc = st_resolve(m->r, m->rev, strlen(m->rev), &m->commit, e);
	if (rc != ST_OK || m->head.unborn)
		return rc;
	rc = st_merge_bases(m->r, &m->head.commit, &m->commit, bases, 2, &n, e);
	if (rc != ST_OK)
		return rc;
	m->behind = n == 1 && st_oid_eq(&bases[0], &m->commit);
	m->forward = n == 1 && !m->behind && st_oid_eq(&bases[0], &m->head.commit);
	return ST_OK;
}

static int refuse(struct merge *m, struct st_err *e)
{
	char ours[64], theirs[64];
	int rc = st_commit_title(m->r, &m->head.commit, ours, e);

	if (rc == ST_OK)
		rc = st_commit_title(m->r, &m->commit, theirs, e);
	return rc == ST_OK ?
		       st_fail(e, ST_EREFUSED,
			       "%.60s (%s) cannot go forward to %.60s (%s): each has versions that "
			       "the other has not; without --ff-only they are merged",
			       m->head.detached ? "HEAD" : m->head.branch, ours, m->rev, theirs) :
		       rc;
}

/* Going forward takes a version over that nobody may have tried. */
static int ask(struct merge *m, struct st_err *e)
{
	struct st_index x;
	int rc;

	st_index_init(&x);
	rc = st_rewind_commit(m->r, &m->commit, &x, e);
	if (rc == ST_OK)
		rc = st_merge_ask(m->r, &x, m->o->accept, m->o->arg, e);
	st_index_release(&x);
	return rc;
}

static int decide(void *arg, struct st_txn *t, struct st_oid *commit, struct st_err *e)
{
	struct merge *m = arg;
	int rc = look(m, e); /* once more, under the locks */

	if (rc == ST_OK && !m->behind && !m->forward && !m->head.unborn)
		rc = st_fail(e, ST_EBUSY, "%s or %s moved meanwhile: try again",
			     m->head.detached ? "HEAD" : m->head.branch, m->rev);
	if (rc == ST_OK && m->o->accept && !m->behind)
		rc = ask(m, e);
	if (rc != ST_OK)
		return rc;
	*commit = m->behind ? m->head.commit : m->commit;
	st_oid_hex(&m->head.commit, m->old);
	st_oid_hex(&m->commit, m->value);
	snprintf(m->ref, sizeof(m->ref), "heads/%s", m->head.branch);
	snprintf(m->why, sizeof(m->why), "merge %.300s: fast-forward", m->rev);
	m->change = (struct st_op_ref){ .name = m->head.detached ? "HEAD" : m->ref,
					.old = m->head.unborn ? NULL : m->old,
					.value = m->value };
	t->op.why = m->why;
	t->op.refs = &m->change;
	t->op.nrefs = !m->behind;
	return ST_OK;
}

static int describe(struct merge *m, strata_merge_result *res, struct st_err *e)
{
	const struct st_oid *now = m->behind ? &m->head.commit : &m->commit;
	int rc = st_catalog_version_of(m->r->cat, now, res->version, e);

	st_oid_hex(now, res->commit);
	snprintf(res->branch, sizeof(res->branch), "%s", m->head.branch);
	res->moved = !m->behind;
	if (rc != ST_OK || m->head.unborn)
		return rc;
	st_oid_hex(&m->head.commit, res->old_commit);
	return st_catalog_version_of(m->r->cat, &m->head.commit, res->old_version, e);
}

/* Forward, or nothing: what there is to do about one revision without a new version. */
static int go(struct merge *m, strata_merge_result *res, struct st_err *e)
{
	struct st_go g = { .verb = "merge",
			   .how = "'strata commit' keeps them, 'strata restore' discards them",
			   .decide = decide,
			   .arg = m };
	int rc = m->behind ? ST_OK : st_go(m->r, &g, &res->files, e);

	return rc == ST_OK ? describe(m, res, e) : rc;
}

/* What the result says of HEAD before and after. */
static int describe_made(struct st_merge_job *j, struct st_err *e)
{
	strata_merge_result *res = j->res;
	int rc;

	st_oid_hex(&j->head.commit, res->old_commit);
	snprintf(res->branch, sizeof(res->branch), "%s", j->head.branch);
	rc = st_catalog_version_of(j->r->cat, &j->head.commit, res->old_version, e);
	if (rc == ST_OK && !res->made) {
		memcpy(res->commit, res->old_commit, sizeof(res->commit));
		memcpy(res->version, res->old_version, sizeof(res->version));
	}
	return rc;
}

/* One that another one leads to, or that came before, adds nothing. */
static int is_idle(struct st_merge_job *j, size_t i, bool *idle, struct st_err *e)
{
	int rc = ST_OK;

	*idle = false;
	for (size_t k = 0; rc == ST_OK && !*idle && k < j->n; k++) {
		struct st_oid bases[2];
		size_t n = 0;

		if (k == i)
			continue;
		if (st_oid_eq(&j->ids[i], &j->ids[k])) {
			*idle = k < i;
			continue;
		}
		rc = st_merge_bases(j->r, &j->ids[i], &j->ids[k], bases, 2, &n, e);
		*idle = n == 1 && st_oid_eq(&bases[0], &j->ids[i]);
	}
	return rc;
}

static int drop_idle(struct st_merge_job *j, const char **revs, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = j->n; rc == ST_OK && i > 0; i--) {
		bool idle;

		rc = is_idle(j, i - 1, &idle, e);
		if (rc != ST_OK || !idle)
			continue;
		j->n--;
		memmove(&revs[i - 1], &revs[i], (j->n - i + 1) * sizeof(*revs));
		memmove(&j->ids[i - 1], &j->ids[i], (j->n - i + 1) * sizeof(*j->ids));
	}
	return rc;
}

/* Those that HEAD has not yet; one that only continues HEAD, alone, is gone forward to. */
static int run(struct st_merge_job *j, const char *const *revs, size_t n, struct st_err *e)
{
	struct merge m = { .r = j->r, .o = j->o };
	const char **left = st_calloc(n, sizeof(*left), e);
	char(*places)[ST_PLACE] = st_calloc(n, sizeof(*places), e);
	int rc;

	j->ids = st_calloc(n, sizeof(*j->ids), e);
	rc = left && places && j->ids ? ST_OK : (int)e->code;
	j->revs = left;
	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		m.rev = revs[i];
		rc = st_place_before(j->r, &m.rev, places[i], e);
		if (rc == ST_OK)
			rc = look(&m, e);
		if (rc != ST_OK || m.behind)
			continue;
		left[j->n] = m.rev;
		j->ids[j->n++] = m.commit;
	}
	if (rc == ST_OK)
		rc = drop_idle(j, left, e);
	if (rc == ST_OK && j->n) {
		m.rev = left[0];
		rc = look(&m, e);
	}
	if (rc == ST_OK && m.head.unborn && j->n > 1)
		rc = st_fail(e, ST_EREFUSED,
			     "branch %s has no version yet: merge one revision first",
			     m.head.branch);
	if (rc == ST_OK && (j->n == 0 || (j->n == 1 && (m.forward || m.head.unborn) &&
					  (!j->o->no_forward || m.head.unborn)))) {
		m.behind = j->n == 0;
		m.forward = !m.behind;
		rc = go(&m, j->res, e);
	} else if (rc == ST_OK && j->o->forward_only) {
		rc = refuse(&m, e);
	} else if (rc == ST_OK) {
		j->head = m.head;
		rc = st_merge_make(j, e);
		if (rc == ST_OK)
			rc = describe_made(j, e);
	}
	free(left);
	free(places);
	free(j->ids);
	return rc;
}

static int check_none(struct st_repo *r, struct st_err *e)
{
	struct st_merging m;
	bool there;
	int rc = st_merging_load(r, &m, &there, e);

	if (rc != ST_OK || !there)
		return rc;
	rc = m.aborting ? st_merging_whole(&m, NULL, e) : st_merging_refuse(&m, e);
	st_merging_release(&m);
	return rc;
}

/* Also where nothing is to be joined: a wrong method is wrong on every day. */
static int check_methods(struct st_repo *r, size_t n, const strata_merge_options *o,
			 struct st_err *e)
{
	struct st_rules rules;
	int rc;

	st_rules_init(&rules);
	rc = st_merge_rules(r, o->method, o->rules, o->nrules, &rules, e);
	if (rc == ST_OK && o->method)
		rc = st_spec_check_choice(&rules.dflt, n + 1, e);
	for (size_t i = 0; rc == ST_OK && i < o->nrules; i++)
		rc = st_spec_check_choice(&rules.v[i].spec, n + 1, e);
	st_rules_release(&rules);
	return rc;
}

int st_verb_merge(struct st_repo *r, const char *const *revs, size_t n,
		  const strata_merge_options *o, strata_merge_result *res, struct st_err *e)
{
	struct st_merge_job j = { .r = r, .o = o, .res = res };
	int rc = st_repo_refresh(r, e);

	*res = (strata_merge_result){ 0 };
	if (rc == ST_OK)
		rc = check_none(r, e);
	if (rc == ST_OK)
		rc = check_methods(r, n, o, e);
	return rc == ST_OK ? run(&j, revs, n, e) : rc;
}

int st_verb_merge_message(struct st_repo *r, const char *const *revs, size_t n,
			  int (*cb)(void *arg, const char *message), void *arg, struct st_err *e)
{
	struct st_head head;
	struct st_buf text;
	int rc = st_repo_refresh_to_read(r, e);

	st_buf_init(&text, 1 << 20);
	if (rc == ST_OK)
		rc = st_repo_head(r, &head, e);
	if (rc == ST_OK)
		rc = st_merge_title(&head, revs, n, &text, e);
	if (rc == ST_OK && !st_buf_cstr(&text, e))
		rc = e->code;
	if (rc == ST_OK && cb(arg, (const char *)text.p) != 0)
		rc = ST_ENO;
	st_buf_release(&text);
	return rc;
}

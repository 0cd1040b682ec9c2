/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge, as far as no new version is needed: HEAD goes forward along the history. What is staged
 * and the working tree follow as they do for switch, in the same operation.
 */
#include "repo/merge_base.h"
#include "repo/moves.h"

#include <stdio.h>

struct merge {
	struct st_repo *r;
	const char *rev;
	char place[ST_PLACE]; /* what rev stands for, if it is "-" */
	struct st_head head;
	struct st_oid commit;
	bool behind; /* HEAD leads to the commit */
	char old[ST_OID_HEX + 1], value[ST_OID_HEX + 1],
		ref[sizeof(((struct st_head *)0)->branch) + 8];
	char why[400];
	struct st_op_ref change;
};

static int describe_bases(struct merge *m, const struct st_oid *bases, size_t n, char out[140],
			  struct st_err *e)
{
	char title[64];
	int rc = st_commit_title(m->r, &bases[0], title, e);

	snprintf(out, 140, "since %s%s", title, n > 1 ? " and another common ancestor" : "");
	return rc;
}

static int refuse(struct merge *m, const struct st_oid *bases, size_t n, struct st_err *e)
{
	char ours[64], theirs[64], since[140];
	int rc = st_commit_title(m->r, &m->head.commit, ours, e);

	if (rc == ST_OK)
		rc = st_commit_title(m->r, &m->commit, theirs, e);
	if (rc != ST_OK)
		return rc;
	if (n == 0)
		return st_fail(e, ST_EREFUSED,
			       "%.50s (%s) and %.50s (%s) have no version in common, and strata "
			       "cannot merge yet: 'strata checkout %.50s -- PATH' takes files over",
			       m->head.detached ? "HEAD" : m->head.branch, ours, m->rev, theirs,
			       m->rev);
	rc = describe_bases(m, bases, n, since, e);
	return rc == ST_OK ?
		       st_fail(e, ST_EREFUSED,
			       "%.40s (%s) and %.40s (%s) have diverged %s, and strata cannot merge "
			       "yet: 'strata cherry-pick' takes single versions over",
			       m->head.detached ? "HEAD" : m->head.branch, ours, m->rev, theirs,
			       since) :
		       rc;
}

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
	if (m->behind || (n == 1 && st_oid_eq(&bases[0], &m->head.commit)))
		return ST_OK;
	return refuse(m, bases, n, e);
}

static int decide(void *arg, struct st_txn *t, struct st_oid *commit, struct st_err *e)
{
	struct merge *m = arg;
	int rc = look(m, e); /* once more, under the locks */

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

static int check_all(struct st_repo *r, const char *const *revs, size_t n, struct st_err *e)
{
	struct st_oid id;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < n; i++)
		rc = st_resolve(r, revs[i], strlen(revs[i]), &id, e);
	if (rc == ST_OK && n > 1)
		rc = st_fail(e, ST_EREFUSED,
			     "strata cannot merge several versions yet: one revision at a time, "
			     "where HEAD only has to go forward");
	return rc;
}

int st_verb_merge(struct st_repo *r, const char *const *revs, size_t n,
		  const strata_merge_options *o, strata_merge_result *res, struct st_err *e)
{
	struct merge m = { .r = r, .rev = revs[0] };
	struct st_go g = { .verb = "merge",
			   .how = "'strata commit' keeps them, 'strata restore' discards them",
			   .decide = decide,
			   .arg = &m };
	int rc = st_repo_refresh(r, e);

	(void)o; /* there is nothing but to go forward */
	*res = (strata_merge_result){ 0 };
	if (rc == ST_OK && n == 1)
		rc = st_place_before(r, &m.rev, m.place, e);
	if (rc == ST_OK && n > 1)
		rc = check_all(r, revs, n, e);
	if (rc == ST_OK)
		rc = look(&m, e);
	if (rc == ST_OK && !m.behind)
		rc = st_go(r, &g, &res->files, e);
	return rc == ST_OK ? describe(&m, res, e) : rc;
}

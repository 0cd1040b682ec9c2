/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/change.h"

#include "base/file.h"
#include "repo/moves.h"

int st_change_none(const struct st_change *x, struct st_err *e)
{
	return st_fail(e, ST_ENO, "nothing to %s: %s so already", st_renewals[x->z.what],
		       x->z.o->ntensors ? "the tensors are" : "the files are");
}

/* ---- chosen tensors ---- */

/* A file that differs in theirs (b) from the base (a). */
static int on_difference(void *arg, const struct st_tree_change *c, struct st_err *e)
{
	return st_renew_settle(arg, c->path, c->a, c->b, e);
}

static int load_index(struct st_repo *r, const struct st_oid *commit, struct st_index *x,
		      struct st_err *e)
{
	return st_oid_is_zero(commit) ? ST_OK : st_rewind_commit(r, commit, x, e);
}

/* Of the base's files those tensors as theirs has them, into z->target. */
static int pick_tensors(struct st_renew *z, const struct st_index *theirs, struct st_err *e)
{
	const struct st_index *x[] = { theirs, &z->here };
	int rc = st_pick_new(&z->pick, z, x, 2, NULL, e);

	if (rc == ST_OK)
		rc = st_compare_indexes(&z->here, theirs, on_difference, z, e);
	return rc == ST_OK ? st_renew_make(z, e) : rc;
}

/* A commit that only the merge under way will name. */
static int store(struct st_change *x, struct st_err *e)
{
	struct st_renew *z = &x->z;
	struct st_commit c = { .time_ns = st_now_ns(),
			       .author_name = z->commit.author_name,
			       .author_email = z->commit.author_email,
			       .message = z->commit.message,
			       .parents = &x->base,
			       .nparents = !st_oid_is_zero(&x->base) };
	int rc = st_staged_write_trees(z->r, &z->target, z->t->w, e);

	c.tree = z->target.tree;
	if (rc == ST_OK)
		rc = st_txn_store(z->t, &c, &x->theirs, e);
	return rc == ST_OK ? st_txn_flush(z->t, e) : rc;
}

struct cleaning {
	struct st_renew *z;
	struct st_lost lost;
};

/* A file that goes from base to theirs, and has changes that are nobody's. */
static int look_at(void *arg, const struct st_tree_change *c, struct st_err *e)
{
	struct cleaning *k = arg;
	struct st_stage_row *row = st_index_find(&k->z->t->index, c->path, strlen(c->path), NULL);
	enum st_work_state state = ST_WORK_CLEAN;
	bool refreshed = false;
	int rc = ST_OK;

	if (row && !st_rows_same(row, c->b))
		rc = st_work_check(k->z->r, row, &state, &refreshed, e);
	if (rc == ST_OK && (state == ST_WORK_CHANGED || state == ST_WORK_TYPE))
		st_lost_add(&k->lost, row->path);
	return rc;
}

/* Before anything is stored, what would be refused in the end is. */
static int check_clean(struct st_renew *z, struct st_err *e)
{
	struct cleaning k = { .z = z };
	int rc = st_compare_indexes(&z->here, &z->target, look_at, &k, e);

	return rc == ST_OK ? st_lost_refuse(&k.lost,
					    "'strata add' and 'strata commit' keep them, 'strata "
					    "restore' discards them",
					    e) :
			     rc;
}

static int make_theirs(struct st_change *x, struct st_err *e)
{
	struct st_renew *z = &x->z;
	struct st_index theirs;
	int rc = load_index(z->r, &x->base, &z->here, e);

	st_index_init(&theirs);
	if (rc == ST_OK)
		rc = load_index(z->r, &x->theirs, &theirs, e);
	if (rc == ST_OK && z->o->ntensors)
		rc = pick_tensors(z, &theirs, e);
	if (rc == ST_OK && z->o->ntensors && st_indexes_same(&z->here, &z->target))
		rc = st_change_none(x, e);
	if (rc == ST_OK)
		rc = check_clean(z, e);
	if (rc == ST_OK && !(theirs.nrows && st_indexes_same(&theirs, &z->target)))
		rc = store(x, e);
	st_index_release(&theirs);
	return rc;
}

/* ---- the sides ---- */

int st_change_find(struct st_change *x, const struct st_head *head, struct st_err *e)
{
	x->z.head = *head;
	return st_renew_load(&x->z, x->rev, e);
}

int st_change_load(struct st_change *x, struct st_txn *t, struct st_err *e)
{
	struct st_renew *z = &x->z;
	struct st_oid parent = { { 0 } };

	if (z->commit.nparents)
		parent = z->commit.parents[0];
	z->t = t;
	x->base = z->what == STRATA_REVERT ? z->rev : parent;
	x->theirs = z->what == STRATA_REVERT ? parent : z->rev;
	if (!z->o->ntensors && !st_oid_is_zero(&x->theirs))
		return ST_OK;
	return make_theirs(x, e);
}

/* ---- the verb ---- */

static void tell(const struct st_change *x, const struct st_merge_job *job,
		 strata_renew_result *res)
{
	const strata_merge_result *made = job->res;

	memcpy(res->commit, made->commit, sizeof(res->commit));
	memcpy(res->version, made->version, sizeof(res->version));
	memcpy(res->branch, job->head.branch, sizeof(res->branch));
	memcpy(res->message, made->message, sizeof(res->message));
	res->files = made->counts;
	res->tensors = made->tensors;
	res->written = made->files;
	res->conflicts = made->conflicts;
	res->bump = x->step.bump;
	res->why = x->step.why;
}

int st_change_take(struct st_repo *r, strata_renewal what, const char *rev,
		   const strata_renew_options *o, strata_renew_result *res, struct st_err *e)
{
	const strata_merge_options how = { .method = o->method,
					   .message = o->message,
					   .nonfinite = o->nonfinite,
					   .expect = o->expect };
	strata_merge_result made = { 0 };
	struct st_change x = { .rev = rev };
	struct st_merge_job job = { .r = r, .o = &how, .res = &made, .change = &x };
	int rc;

	if (o->npaths)
		return st_fail(e, ST_EUSAGE, "%s takes no paths", st_renewals[what]);
	st_renew_init(&x.z, r, what, o, NULL);
	rc = st_merge_make(&job, e);
	if (rc == ST_OK)
		tell(&x, &job, res);
	st_renew_release(&x.z);
	return rc;
}

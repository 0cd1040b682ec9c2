/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/checkout.h"
#include "repo/merge_state.h"

static int restore_source(struct st_repo *r, const char *source, unsigned flags, struct st_index *x,
			  struct st_err *e)
{
	struct st_oid commit;
	bool there;
	int rc;

	if (source)
		return st_checkout_target(r, source, &commit, x, e);
	if (flags & STRATA_RESTORE_STAGED) {
		st_index_release(x);
		rc = st_merging_own(r, x, &there, e);
		return rc == ST_OK && !there ? st_head_index(r, x, e) : rc;
	}
	st_index_release(x);
	return st_staged_load(r, x, e);
}

/* What a merge itself removed is as it staged it: of that nothing is to be taken back. */
static int find_paths(struct st_checkout *c, const char *source, const char *const *paths, size_t n,
		      unsigned flags, struct st_err *e)
{
	int rc = st_pathspec_new(&c->ps, c->r, paths, n, e);

	return rc == ST_OK && !source && (flags & STRATA_RESTORE_STAGED) ?
		       st_merging_match(c->r, c->ps, e) :
		       rc;
}

int st_verb_restore(struct st_repo *r, const char *source, const char *const *paths, size_t n,
		    unsigned flags, strata_checkout_result *res, struct st_err *e)
{
	struct st_txn t;
	struct st_checkout c = { .r = r, .force = true, .res = res };
	struct st_index target;
	int rc;

	c.txn = flags & STRATA_RESTORE_STAGED ? &t : NULL; /* else there is no operation */
	*res = (strata_checkout_result){ 0 };
	if (n == 0)
		return st_fail(e, ST_EUSAGE, "name the paths to restore, '.' for all");
	st_index_init(&target);
	/* Of files alone: also while a merge that was cut off waits for what lies in its way. */
	rc = st_txn_begin(&t, r, flags & STRATA_RESTORE_STAGED ? "restore" : "restore files", e);
	if (rc == ST_OK)
		rc = st_txn_index(&t, e);
	if (rc == ST_OK)
		rc = restore_source(r, source, flags, &target, e);
	if (rc == ST_OK)
		rc = find_paths(&c, source, paths, n, flags, e);
	c.now = &t.index;
	c.target = &target;
	if (rc == ST_OK && (flags & STRATA_RESTORE_WORKTREE)) {
		rc = st_checkout_plan(&c, e);
		if (rc == ST_OK)
			rc = st_checkout_carry_out(&c, e);
	}
	if (rc == ST_OK && (flags & STRATA_RESTORE_STAGED)) {
		rc = st_checkout_put_rows(&c, &t.index, true, e);
		if (rc == ST_OK)
			rc = st_merging_unmark(r, c.ps, e);
		if (rc == ST_OK)
			rc = st_txn_publish(&t, true, NULL, e);
	}
	st_checkout_release(&c);
	st_index_release(&target);
	st_txn_end(&t);
	return rc;
}

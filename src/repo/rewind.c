/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/rewind.h"

int st_rewind_index(struct st_repo *r, const struct st_oid *tree, struct st_index *x,
		    struct st_err *e)
{
	int rc = st_tree_to_index(r, tree, x, e);

	if (rc == ST_OK)
		rc = st_index_sort(x, e);
	x->tree = *tree;
	return rc;
}

/* One that only a merge under way names is in no catalogue. */
static int find_tree(struct st_repo *r, const struct st_oid *commit, struct st_oid *tree,
		     struct st_err *e)
{
	struct st_commit c;
	int rc = st_repo_commit_tree(r, commit, tree, e);

	if (rc != ST_ENOTFOUND)
		return rc;
	st_err_clear(e);
	rc = st_repo_commit_load(r, commit, &c, e);
	if (rc != ST_OK)
		return rc;
	*tree = c.tree;
	st_commit_release(&c);
	return ST_OK;
}

int st_rewind_commit(struct st_repo *r, const struct st_oid *commit, struct st_index *x,
		     struct st_err *e)
{
	struct st_oid tree;
	int rc = find_tree(r, commit, &tree, e);

	return rc == ST_OK ? st_rewind_index(r, &tree, x, e) : rc;
}

void st_rewind_keep_stats(struct st_index *x, const struct st_index *was)
{
	const struct st_stage_row *old;
	const char *path;

	for (size_t i = 0; i < x->nrows; i++) {
		struct st_stage_row *row = &x->rows[i];

		old = st_index_find(was, row->path, row->path_len, NULL);
		if (!old || !st_oid_eq(&old->id, &row->id) || old->mode != row->mode ||
		    (row->flags & ST_INDEX_STAT))
			continue;
		path = row->path;
		*row = *old;
		row->path = path;
	}
}

int st_rewind_take(struct st_txn *t, struct st_index *x, struct st_err *e)
{
	int rc = st_staged_mark_models(t->r, x, e);

	if (rc != ST_OK)
		return rc;
	st_index_release(&t->index);
	t->index = *x;
	st_index_init(x);
	return ST_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Where reachability begins. */
#include "repo/mark.h"

#include "repo/merge_state.h"

static int push_value(struct st_mark *m, const char *value, struct st_err *e)
{
	struct st_oid id;

	if (!value || !st_oid_parse(&id, value, strlen(value)))
		return ST_OK; /* absent, or HEAD naming a branch */
	return st_mark_push(m, &id, ST_ROLE_COMMIT, e);
}

static int push_ref(void *arg, const char *name, const char *value, struct st_err *e)
{
	(void)name;
	return push_value(arg, value, e);
}

static int push_numbered(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	return row->version[0] ? st_mark_push(arg, &row->id, ST_ROLE_COMMIT, e) : ST_OK;
}

int st_mark_history(struct st_mark *m, struct st_err *e)
{
	int rc = st_catalog_ref_each(m->r->cat, "", push_ref, m, e);

	return rc == ST_OK ? st_catalog_commit_each(m->r->cat, push_numbered, m, e) : rc;
}

static int push_object(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	return st_mark_push(arg, &row->id, ST_ROLE_COMMIT_ONLY, e);
}

/* What a merge under way goes back to, goes on to, and is made from. */
int st_mark_merge(struct st_mark *m, struct st_err *e)
{
	struct st_merging g;
	struct st_oid id;
	bool there;
	int rc = st_merging_load(m->r, &g, &there, e);

	if (rc != ST_OK || !there)
		return rc;
	for (size_t i = 0; rc == ST_OK && i < g.d.nparents; i++)
		rc = st_mark_push(m, &g.d.parents[i], ST_ROLE_COMMIT, e);
	for (size_t i = 0; rc == ST_OK && i < g.d.nbases; i++)
		rc = st_mark_push(m, &g.d.bases[i], ST_ROLE_COMMIT, e);
	if (rc == ST_OK && !st_oid_is_zero(&g.of))
		rc = st_mark_push(m, &g.of, ST_ROLE_COMMIT, e);
	for (size_t i = 0; rc == ST_OK && i < g.d.nitems; i++) {
		const char *how = g.d.items[i].how;

		if (how && strncmp(how, "from ", 5) == 0 &&
		    st_oid_parse(&id, how + 5, strlen(how) - 5))
			rc = st_mark_push(m, &id, ST_ROLE_COMMIT, e);
	}
	if (rc == ST_OK)
		rc = st_mark_push(m, &g.before, ST_ROLE_TREE, e);
	if (rc == ST_OK)
		rc = st_mark_push(m, &g.after, ST_ROLE_TREE, e);
	st_merging_release(&g);
	return rc;
}

/* Every commit the log ever named keeps its object, though not its tree: a new catalogue is made by
 * reading them. */
int st_mark_staged(struct st_mark *m, struct st_err *e)
{
	struct st_oid tree;
	bool found;
	int rc = st_catalog_index_tree(m->r->cat, &tree, &found, e);

	if (rc == ST_OK && found && !st_oid_is_zero(&tree))
		rc = st_mark_push(m, &tree, ST_ROLE_TREE, e);
	return rc == ST_OK ? st_catalog_commit_each(m->r->cat, push_object, m, e) : rc;
}

struct recent {
	struct st_mark *m;
	int64_t since_ns;
};

static int push_op(void *arg, const struct st_op *op, const struct st_oplog_pos *at,
		   struct st_err *e)
{
	struct recent *x = arg;
	struct st_mark *m = x->m;
	size_t i;
	int rc = ST_OK;

	(void)at;
	for (i = 0; rc == ST_OK && i < op->nrecords; i++) /* of any age */
		rc = st_mark_push(m, &op->records[i], ST_ROLE_DATA, e);
	if (rc != ST_OK || op->time_ns < x->since_ns)
		return rc;
	if (op->has_index && !st_oid_is_zero(&op->index_tree))
		rc = st_mark_push(m, &op->index_tree, ST_ROLE_TREE, e);
	for (i = 0; rc == ST_OK && i < op->ncommits; i++)
		rc = st_mark_push(m, &op->commits[i], ST_ROLE_COMMIT, e);
	for (i = 0; rc == ST_OK && i < op->nrefs; i++) {
		rc = push_value(m, op->refs[i].old, e);
		if (rc == ST_OK)
			rc = push_value(m, op->refs[i].value, e);
	}
	return rc;
}

int st_mark_recent(struct st_mark *m, int64_t since_ns, struct st_err *e)
{
	struct recent x = { m, since_ns };
	struct st_oplog_pos pos = { 0 };

	return st_oplog_replay(m->r->log, &pos, push_op, &x, e);
}

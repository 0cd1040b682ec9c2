/* SPDX-License-Identifier: Apache-2.0 */
/* Before a merge ends: indices of models in shards that do not fit shards staged by hand. */
#include "repo/merge_state.h"
#include "repo/rewind.h"

struct fitting {
	struct st_txn t;
	struct st_merging m;
	bool there;
	struct st_index after; /* what the last step of the merge staged */
	struct st_weave w;
};

static bool is_wanted(void *arg, const char *path)
{
	const struct fitting *k = arg;
	const struct st_weave_unit *u = st_weave_unit_at(&k->w, path);

	return u && u->wanted;
}

static bool same_row(const struct st_stage_row *a, const struct st_stage_row *b)
{
	return a && b ? st_oid_eq(&a->id, &b->id) && a->mode == b->mode : a == b;
}

static const char *index_path(const struct fitting *k, const struct st_weave_unit *u)
{
	if (!u->apart)
		return u->side[u->pattern].index ? u->side[u->pattern].index->path : NULL;
	for (size_t i = 0; i < k->w.n; i++)
		if (u->side[i].index)
			return u->side[i].index->path;
	return NULL;
}

/* Since the last step, or before it. */
static bool is_by_hand(const struct fitting *k, const struct st_stage_row *row)
{
	for (size_t i = 0; i < k->m.nstaged; i++)
		if (k->m.staged[i].path_len == row->path_len &&
		    memcmp(k->m.staged[i].path, row->path, row->path_len) == 0 &&
		    !st_oid_eq(&k->m.staged[i].id, &row->id))
			return true;
	return !same_row(row, st_index_find(&k->after, row->path, row->path_len, NULL));
}

/* An index that was staged by hand itself is as it is. */
static int look(struct fitting *k, struct st_weave_unit *u, bool *any, struct st_err *e)
{
	const char *path = index_path(k, u);
	const struct st_stage_row *row;
	bool right = true;
	int rc;

	row = path ? st_index_find(&k->t.index, path, strlen(path), NULL) : NULL;
	if (!row || is_by_hand(k, row))
		return ST_OK;
	rc = st_weave_index_right(&k->w, u, row, &right, e);
	u->wanted = !right;
	*any = *any || !right;
	return rc;
}

/* *differ: the index with what was made is another one. */
static int join(struct fitting *k, struct st_index *out, bool *differ, struct st_err *e)
{
	const struct st_index *now = &k->t.index, *made = &k->w.target;
	int rc = ST_OK;

	*differ = false;
	for (size_t i = 0; rc == ST_OK && i < now->nrows; i++) {
		const struct st_stage_row *row = &now->rows[i];

		if (!is_wanted(k, row->path))
			rc = st_index_add(out, row, e);
		else
			*differ = *differ || !same_row(row, st_index_find(made, row->path,
									  row->path_len, NULL));
	}
	for (size_t i = 0; rc == ST_OK && i < made->nrows; i++)
		rc = st_index_add(out, &made->rows[i], e);
	return rc == ST_OK ? st_index_sort(out, e) : rc;
}

static int make(struct fitting *k, struct st_err *e)
{
	static const struct st_step_files none = { 0 };
	strata_checkout_result res = { 0 };
	struct st_index target;
	bool differ = false;
	int rc = st_weave_run(&k->w, e);

	st_index_init(&target);
	if (rc == ST_OK)
		rc = join(k, &target, &differ, e);
	if (rc == ST_OK && differ)
		rc = st_merging_note(k->t.r, &k->m, &k->t.index, e);
	if (rc == ST_OK && differ)
		rc = st_merging_stage(&k->m, &target, e);
	if (rc == ST_OK && differ)
		rc = st_merge_step(&k->t, &k->m, &target, &none, "resolve: an index of shards",
				   &res, e);
	st_index_release(&target);
	return rc;
}

static int fit(struct fitting *k, struct st_err *e)
{
	bool any = false;
	int rc;

	st_merging_take_hands(&k->m, &k->t.index);
	k->w = (struct st_weave){ .r = k->t.r,
				  .t = &k->t,
				  .d = &k->m.d,
				  .hand = &k->t.index,
				  .wanted = is_wanted,
				  .wanted_arg = k };
	rc = st_weave_init(&k->w, e);
	if (rc == ST_OK && k->w.nunits)
		rc = st_rewind_index(k->t.r, &k->m.after, &k->after, e);
	for (size_t i = 0; rc == ST_OK && i < k->w.nunits; i++)
		rc = look(k, &k->w.units[i], &any, e);
	if (rc == ST_OK && any)
		rc = make(k, e);
	st_weave_release(&k->w);
	return rc;
}

static bool is_over(const struct fitting *k)
{
	return !k->m.aborting && !st_merging_cut(&k->m, &k->t.index) &&
	       !st_merging_open(&k->m, &k->t.index);
}

int st_merge_fit(struct st_repo *r, struct st_err *e)
{
	struct fitting k = { .there = false };
	int rc = st_merging_load(r, &k.m, &k.there, e);

	if (rc != ST_OK || !k.there)
		return rc;
	st_merging_release(&k.m);
	st_index_init(&k.after);
	rc = st_txn_begin(&k.t, r, "resolve", e);
	if (rc == ST_OK)
		rc = st_txn_index(&k.t, e);
	if (rc == ST_OK)
		rc = st_merging_load(r, &k.m, &k.there, e);
	else
		k.there = false;
	if (rc == ST_OK && k.there && is_over(&k))
		rc = fit(&k, e);
	st_txn_end(&k.t);
	if (k.there)
		st_merging_release(&k.m);
	st_index_release(&k.after);
	return rc;
}

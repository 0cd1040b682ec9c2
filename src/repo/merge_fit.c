/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before a merge ends: what does not fit files that were staged by hand. Indices of models in
 * shards, and files with ids of tokens beside a tokenizer.
 */
#include "repo/merge_state.h"
#include "repo/moves.h"

struct fitting {
	struct st_txn t;
	struct st_merging m;
	bool there;
	struct st_map hands;	/* files that are staged otherwise than the merge had them */
	struct st_map numbered; /* folders of tokenizers of which some file is */
	struct st_weave w;
};

static bool is_wanted(void *arg, const char *path)
{
	const struct fitting *k = arg;
	const struct st_weave_unit *u = st_weave_unit_at(&k->w, path);

	return (u && u->wanted) || st_weave_numbered(&k->w, &k->numbered, path);
}

static int find_numbered(struct fitting *k, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < k->t.index.nrows; i++) {
		const char *path = k->t.index.rows[i].path, *file = st_weave_file_name(path);

		if (st_vocab_is_table(file) && st_weave_by_hand(&k->w, path))
			rc = st_map_put(&k->numbered, path, (size_t)(file - path), 1, NULL, NULL,
					e);
	}
	return rc;
}

/* An index that was staged by hand itself is as it is. */
static int look(struct fitting *k, struct st_weave_unit *u, bool *any, struct st_err *e)
{
	const char *path = st_weave_unit_index(&k->w, u);
	const struct st_stage_row *row;
	bool right = true;
	int rc;

	row = path ? st_index_find(&k->t.index, path, strlen(path), NULL) : NULL;
	if (!row || st_merging_hand(&k->m, &k->t.index, row->path, row->path_len))
		return ST_OK;
	rc = st_weave_index_right(&k->w, u, row, &right, e);
	u->wanted = !right;
	*any = *any || !right;
	return rc;
}

static bool is_by_hand(const struct fitting *k, const char *path)
{
	return st_map_get(&k->hands, path, strlen(path), NULL);
}

/* *differ: the index with what was made is another one. */
static int join(struct fitting *k, struct st_index *out, bool *differ, struct st_err *e)
{
	const struct st_index *now = &k->t.index, *made = &k->w.target;
	int rc = ST_OK;

	*differ = false;
	for (size_t i = 0; rc == ST_OK && i < now->nrows; i++) {
		const struct st_stage_row *row = &now->rows[i];

		if (!is_wanted(k, row->path) || is_by_hand(k, row->path))
			rc = st_index_add(out, row, e);
	}
	for (size_t i = 0; rc == ST_OK && i < made->nrows; i++) {
		const struct st_stage_row *row = &made->rows[i];
		const struct st_stage_row *was = st_index_find(now, row->path, row->path_len, NULL);
		struct st_stage_row mine = st_merging_made(&k->m, was, row);

		if (!is_by_hand(k, row->path))
			rc = st_index_add(out, &mine, e);
	}
	rc = rc == ST_OK ? st_index_sort(out, e) : rc;
	*differ = out->nrows != now->nrows;
	for (size_t i = 0; rc == ST_OK && !*differ && i < now->nrows; i++)
		*differ = !st_rows_same(&now->rows[i], st_index_find(out, now->rows[i].path,
								     now->rows[i].path_len, NULL));
	return rc;
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
		rc = st_merging_stage(&k->m, &target, e);
	if (rc == ST_OK && differ)
		rc = st_merge_step(&k->t, &k->m, &target, &none,
				   "resolve: what fits what was staged", &res, e);
	st_index_release(&target);
	return rc;
}

static int fit(struct fitting *k, struct st_err *e)
{
	bool any = false;
	int rc = st_merging_note(k->t.r, &k->m, &k->t.index, e);

	if (rc == ST_OK)
		rc = st_merging_hands(&k->m, &k->t.index, &k->hands, e);
	if (rc != ST_OK)
		return rc;
	st_merging_take_hands(&k->m, &k->t.index);
	k->w = (struct st_weave){ .r = k->t.r,
				  .t = &k->t,
				  .d = &k->m.d,
				  .hand = &k->t.index,
				  .hands = &k->hands,
				  .wanted = is_wanted,
				  .wanted_arg = k };
	rc = st_weave_init(&k->w, e);
	for (size_t i = 0; rc == ST_OK && i < k->w.nunits; i++)
		rc = look(k, &k->w.units[i], &any, e);
	if (rc == ST_OK)
		rc = find_numbered(k, e);
	if (rc == ST_OK && (any || k->numbered.count))
		rc = make(k, e);
	if (rc == ST_OK)
		rc = st_weave_agree(&k->w, &k->t.index, e);
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
	st_map_init(&k.hands);
	st_map_init(&k.numbered);
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
	st_map_release(&k.hands);
	st_map_release(&k.numbered);
	return rc;
}

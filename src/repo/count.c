/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/count.h"

#include "model/manifest.h"

struct counting {
	struct st_repo *r;
	const struct st_index *was, *is;
	struct st_compare *cmp;
	struct st_totals *out;
};

static int count_change(void *arg, const struct st_tree_change *c, struct st_err *e)
{
	struct counting *k = arg;
	struct st_counts n;
	bool model;

	if (c->status == 'A')
		k->out->files.added++;
	else if (c->status == 'D')
		k->out->files.removed++;
	else
		k->out->files.changed++;
	return st_compare_file(k->cmp, c->path, c->a ? &c->a->id : NULL, c->b ? &c->b->id : NULL,
			       &n, &model, e);
}

/* Models that did not change at all: their tensors are unchanged ones. */
static int count_unchanged(struct counting *k, struct st_err *e)
{
	struct st_stage_row *was;
	struct st_vfile *f;
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < k->is->nrows; i++) {
		const struct st_stage_row *row = &k->is->rows[i];

		k->out->logical_bytes += row->size;
		if (!(row->flags & ST_INDEX_MODEL))
			continue;
		was = st_index_find(k->was, row->path, row->path_len, NULL);
		if (!was || !st_oid_eq(&was->id, &row->id))
			continue;
		rc = st_vfile_open(&f, k->r, &row->id, e);
		if (rc != ST_OK)
			break;
		if (st_vfile_is_model(f))
			k->out->tensors.unchanged += st_vfile_manifest(f)->tensors;
		st_vfile_close(f);
	}
	return rc;
}

static bool has_parts(const struct st_stage_row *row)
{
	return (row->flags & ST_INDEX_MODEL) || row->size > ST_FRAME_LEN;
}

/* A new file may share tensors with any that was there: then all of those are looked into. */
static int mark_before(struct counting *k, struct st_err *e)
{
	struct st_stage_row *row;
	bool any = false;
	size_t i;
	int rc = ST_OK;

	for (i = 0; !any && i < k->is->nrows; i++)
		any = has_parts(&k->is->rows[i]) &&
		      !st_index_find(k->was, k->is->rows[i].path, k->is->rows[i].path_len, NULL);
	for (i = 0; any && rc == ST_OK && i < k->was->nrows; i++) {
		row = st_index_find(k->is, k->was->rows[i].path, k->was->rows[i].path_len, NULL);
		if (has_parts(row ? row : &k->was->rows[i]))
			rc = st_compare_mark(k->cmp, &k->was->rows[i].id, e);
	}
	return rc;
}

static int count(struct counting *k, struct st_err *e)
{
	strata_tensor_counts *n = &k->out->tensors;
	struct st_counts *total = &k->out->differing;
	int rc = mark_before(k, e);

	if (rc == ST_OK)
		rc = st_compare_indexes(k->was, k->is, count_change, k, e);
	if (rc == ST_OK)
		rc = count_unchanged(k, e);
	if (rc != ST_OK)
		return rc;
	st_compare_totals(k->cmp, total, &k->out->stored_bytes);
	n->added = total->added;
	n->changed = total->changed;
	n->removed = total->removed;
	n->unchanged += total->unchanged;
	return ST_OK;
}

int st_count_changes(struct st_repo *r, const struct st_index *was, const struct st_index *is,
		     struct st_totals *out, struct st_err *e)
{
	struct counting k = { .r = r, .was = was, .is = is, .out = out };
	int rc = st_catalog_read_begin(r->cat, e);

	*out = (struct st_totals){ 0 };
	if (rc != ST_OK)
		return rc;
	rc = st_compare_new(&k.cmp, r, e);
	if (rc == ST_OK)
		rc = count(&k, e);
	st_catalog_read_end(r->cat);
	st_compare_free(k.cmp);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A candidate against the file, over all elements, by the comparison that diff makes. */
#include "repo/diff_units.h"
#include "repo/distance.h"
#include "repo/parent.h"

#include "format/format.h"

#include <math.h>

/* The files of a unit in a version, sorted; x is initialised here. */
static int unit_files(struct st_kinship *k, size_t node, size_t unit, struct st_index *x,
		      struct st_err *e)
{
	struct st_repo *r = k->stray->r;
	struct st_oid tree;
	struct st_index all;
	const char *name;
	int rc;

	st_index_init(x);
	st_index_init(&all);
	rc = st_repo_commit_tree(r, &k->nodes[node].id, &tree, e);
	if (rc == ST_OK)
		rc = st_tree_to_index(r, &tree, &all, e);
	for (size_t i = 0; rc == ST_OK && i < all.nrows; i++) {
		if (all.rows[i].mode == ST_MODE_LINK)
			continue;
		name = st_unit_of(&k->arena, all.rows[i].path, e);
		if (!name)
			rc = e->code;
		else if (strcmp(name, k->units[unit].name) == 0)
			rc = st_index_add(x, &all.rows[i], e);
	}
	st_index_release(&all);
	return rc == ST_OK ? st_index_sort(x, e) : rc;
}

int st_kinship_path(struct st_kinship *k, size_t node, size_t unit, const char **out,
		    struct st_err *e)
{
	struct st_index x;
	size_t at = 0;
	int rc;

	*out = k->units[unit].name;
	if (!k->units[unit].sharded)
		return ST_OK;
	rc = unit_files(k, node, unit, &x, e);
	for (size_t i = x.nrows; rc == ST_OK && i-- > 0;)
		if (st_shard_index_name(x.rows[i].path))
			at = i;
	if (rc == ST_OK && x.nrows)
		*out = st_arena_dup(&k->arena, x.rows[at].path, x.rows[at].path_len, e);
	st_index_release(&x);
	return e->code;
}

/* ---- the stored side ---- */

struct stored {
	struct st_index x;
	struct st_dfile *files;
	size_t n;
	struct st_diff_side *side;
};

static int open_stored(struct st_kinship *k, const struct st_kin *of, struct stored *s,
		       struct st_err *e)
{
	const struct st_stray *stray = k->stray;
	int rc = unit_files(k, of->node, of->unit, &s->x, e);

	if (rc == ST_OK)
		rc = st_diff_side_new(&s->side, stray->r, stray->ctx, e);
	s->files = rc == ST_OK ? st_calloc(s->x.nrows, sizeof(*s->files), e) : NULL;
	if (!s->files)
		return e->code;
	for (size_t i = 0; rc == ST_OK && i < s->x.nrows; i++) {
		const struct st_stage_row *row = &s->x.rows[i];

		s->files[s->n++] = (struct st_dfile){ .path = row->path,
						      .key = row->path,
						      .has_id = true,
						      .id = row->id,
						      .size = row->size,
						      .mode = row->mode };
		rc = st_dfile_open(&s->files[i], stray->r, stray->ctx, e);
		if (rc == ST_OK)
			rc = st_diff_side_add(s->side, &s->files[i], e);
	}
	return rc;
}

static void close_stored(struct stored *s)
{
	st_diff_side_free(s->side);
	for (size_t i = 0; i < s->n; i++)
		st_dfile_close(&s->files[i]);
	free(s->files);
	st_index_release(&s->x);
}

/* ---- the comparison ---- */

struct measuring {
	struct st_distance_sum sum;
	uint64_t identical; /* of those that are told */
};

static double elements(const struct st_operand *op)
{
	uint64_t n;

	return op && st_shape_numel(op->shape, op->ndim, &n) ? (double)n : 0;
}

static int on_pair(void *arg, const struct st_tensor_delta *d)
{
	struct measuring *m = arg;
	const strata_diff_figures f = { .numel = d->sums.numel,
					.changed = d->sums.changed,
					.nonfinite = d->sums.nonfinite,
					.l2 = st_diff_l2(&d->sums),
					.norm_a = sqrt(d->sums.a2),
					.norm_b = sqrt(d->sums.b2) };

	m->identical += d->a && d->b && d->a->has_id && d->b->has_id &&
			st_oid_eq(&d->a->id, &d->b->id);
	st_distance_add(&m->sum, d->compared ? &f : NULL, elements(d->a), elements(d->b));
	return 0;
}

/* The file's tensors under the names of their counterparts in the unit, where these differ. */
static struct st_operand *renamed(const struct st_kinship *k, size_t unit, struct st_err *e)
{
	const struct st_stray *s = k->stray;
	struct st_operand *ops = st_calloc(s->n, sizeof(*ops), e);

	if (!ops)
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		ops[i] = s->ops[i];
	for (size_t i = 0; i < k->nslots; i++) {
		const struct st_kin_slot *slot = &k->slots[i];

		if (slot->unit != unit || slot->stray == ST_NO_STRAY)
			continue;
		ops[slot->stray].name = slot->name;
		ops[slot->stray].name_len = slot->name_len;
	}
	return ops;
}

static void sum_up(const struct st_stray *s, const struct measuring *m,
		   const struct st_models_total *t, struct st_measured *out)
{
	double all = (double)t->sums.numel + m->sum.lone;

	out->identical = m->identical + t->tensors[ST_TENSOR_UNCHANGED];
	out->matched = t->common;
	if (all > 0)
		out->distance = (m->sum.moved + m->sum.lone) / all;
	else
		out->distance = out->identical == s->n ? 0 : 1;
}

int st_kinship_measure(struct st_kinship *k, const struct st_kin *of, struct st_measured *out,
		       struct st_err *e)
{
	const struct st_models_options o = { 0 };
	const struct st_stray *s = k->stray;
	struct st_side b = *st_diff_side_get(s->side);
	struct st_operand *ops = NULL;
	struct st_models_total total;
	struct measuring m = { 0 };
	struct stored stored = { 0 };
	int rc;

	st_index_init(&stored.x);
	rc = open_stored(k, of, &stored, e);
	if (rc == ST_OK) {
		ops = renamed(k, of->unit, e);
		rc = ops ? ST_OK : (int)e->code;
	}
	b.t = ops;
	if (rc == ST_OK)
		rc = st_diff_models(st_diff_side_get(stored.side), &b, &o, s->ctx, on_pair, &m,
				    &total, e);
	if (rc == ST_OK)
		sum_up(s, &m, &total, out);
	free(ops);
	close_stored(&stored);
	return rc;
}

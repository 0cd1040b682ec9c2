/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a model in each version, and which of its tensors share memory. */
#include "repo/weave_model.h"

struct ties {
	bool *tied;
	size_t *first, at;
	const struct st_segment *seg;
	uint64_t seg_off;
};

static int note_tie(void *arg, const struct st_view *v, const struct st_segment *seg,
		    uint64_t seg_off, struct st_err *e)
{
	struct ties *t = arg;

	(void)v;
	(void)e;
	t->tied[t->at] = seg->nviews > 1;
	t->first[t->at] = t->at && seg->nviews > 1 && t->seg_off == seg_off && t->tied[t->at - 1] ?
				  t->first[t->at - 1] :
				  t->at;
	t->seg_off = seg_off;
	t->at++;
	return ST_OK;
}

static int find_ties(const struct st_parts *p, bool **tied, size_t **first, struct st_err *e)
{
	size_t n = st_diff_side_get(p->side)->n;
	struct ties t = { .at = 0 };
	int rc = ST_OK;

	t.tied = *tied = st_calloc(n, sizeof(*t.tied), e);
	t.first = *first = st_calloc(n, sizeof(*t.first), e);
	if (!t.tied || !t.first)
		return e->code;
	for (size_t i = 0; rc == ST_OK && i < p->n; i++) {
		t.seg_off = UINT64_MAX; /* memory is shared within a file */
		rc = st_vfile_views(p->v[i].v, note_tie, &t, e);
	}
	return rc;
}

static int open_parts(struct st_repo *r, const struct st_stage_row *const *rows, size_t n,
		      struct st_parts *p, struct st_err *e)
{
	int rc = ST_OK;

	p->v = st_calloc(n, sizeof(*p->v), e);
	if (!p->v)
		return e->code;
	rc = st_diff_side_new(&p->side, r, &r->ctx, e);
	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		struct st_dfile *f = &p->v[p->n++];

		*f = (struct st_dfile){ .path = rows[i]->path,
					.key = rows[i]->path,
					.has_id = true,
					.id = rows[i]->id,
					.size = rows[i]->size,
					.mode = rows[i]->mode,
					.named = true };
		rc = st_dfile_open(f, r, &r->ctx, e);
		if (rc == ST_OK)
			rc = st_diff_side_add(p->side, f, e);
	}
	return rc;
}

static void close_parts(struct st_parts *p)
{
	st_diff_side_free(p->side);
	for (size_t i = 0; i < p->n; i++)
		st_dfile_close(&p->v[i]);
	free(p->v);
}

static int open_version(struct st_weaving *k, const struct st_stage_row *row,
			const struct st_unit_version *u, struct st_parts *p, struct st_err *e)
{
	if (u)
		return open_parts(k->f.w->r, u->rows, u->n, p, e);
	return open_parts(k->f.w->r, &row, 1, p, e);
}

int st_weaving_open(struct st_weaving *k, struct st_err *e)
{
	const struct st_weave_unit *u = k->f.unit;
	const struct st_strand *s = k->f.s;
	size_t *first = NULL;
	int rc = ST_OK;

	if (u || s->base) {
		rc = open_version(k, s->base, u ? &u->base : NULL, &k->base, e);
		if (rc == ST_OK)
			rc = find_ties(&k->base, &k->base_tied, &first, e);
		k->f.base = k->base.side;
	}
	free(first);
	for (size_t i = 0; rc == ST_OK && i < k->f.w->n; i++) {
		if (!u && !s->side[i])
			continue;
		rc = open_version(k, s->side[i], u ? &u->side[i] : NULL, &k->parts[i], e);
		if (rc == ST_OK)
			rc = find_ties(&k->parts[i], &k->tied[i], &k->first[i], e);
		k->f.side[i] = k->parts[i].side;
	}
	return rc;
}

void st_weaving_close(struct st_weaving *k)
{
	for (size_t i = 0; i < k->nothers; i++)
		close_parts(&k->others[i].parts);
	for (size_t i = 0; i < ST_THREE_SIDES; i++) {
		close_parts(&k->parts[i]);
		free(k->tied[i]);
		free(k->first[i]);
	}
	close_parts(&k->base);
	free(k->base_tied);
	free(k->others);
	free(k->f.v);
	st_map_release(&k->open);
}

static int open_other(struct st_weaving *k, struct st_weaving_other *x, struct st_err *e)
{
	struct st_unit_version v = { 0 };
	struct st_stage_row *row = NULL;
	int rc = k->f.unit ? st_weave_unit_from(k->f.w, k->f.unit, &x->commit, &v, e) :
			     st_weave_from(k->f.w, &x->commit, k->f.s->path, &row, e);

	if (rc == ST_OK && !row && !v.n)
		return st_fail(e, ST_ENOTFOUND, "the version of --from has no file '%s'",
			       k->f.s->path);
	if (rc == ST_OK)
		rc = open_version(k, row, k->f.unit ? &v : NULL, &x->parts, e);
	for (size_t i = 0; rc == ST_OK && i < x->parts.n; i++)
		if (!x->parts.v[i].model)
			rc = st_fail(e, ST_ENOTFOUND, "'%s' of the version of --from is no model",
				     x->parts.v[i].path);
	return rc;
}

int st_weaving_other(struct st_weaving *k, const struct st_oid *commit, const struct st_side **out,
		     struct st_err *e)
{
	struct st_weaving_other *x;
	int rc;

	for (size_t i = 0; i < k->nothers; i++)
		if (st_oid_eq(&k->others[i].commit, commit)) {
			*out = st_diff_side_get(k->others[i].parts.side);
			return ST_OK;
		}
	rc = st_grow(&k->others, &k->others_cap, k->nothers + 1, e);
	if (rc != ST_OK)
		return rc;
	x = &k->others[k->nothers++];
	*x = (struct st_weaving_other){ .commit = *commit };
	rc = open_other(k, x, e);
	*out = rc == ST_OK ? st_diff_side_get(x->parts.side) : NULL;
	return rc;
}

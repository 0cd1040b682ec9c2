/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a model in each version, and which of its tensors share memory. */
#include "repo/weave_model.h"

struct st_weaving_bases {
	struct st_parts *v; /* numbered as st_weave_nbases says */
	bool **tied;
	struct st_map *names; /* tensor -> its number, of each */
	size_t n, all;
};

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
		if (p->v[i].model)
			rc = st_vfile_views(p->v[i].v, note_tie, &t, e);
	}
	return rc;
}

int st_parts_open(struct st_repo *r, const struct st_stage_row *const *rows, size_t n,
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

void st_parts_close(struct st_parts *p)
{
	st_diff_side_free(p->side);
	for (size_t i = 0; i < p->n; i++)
		st_dfile_close(&p->v[i]);
	free(p->v);
}

int st_side_names(struct st_map *names, const struct st_side *side, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < side->n; i++)
		rc = st_map_put(names, side->t[i].name, side->t[i].name_len, i, NULL, NULL, e);
	return rc;
}

static int open_version(struct st_weaving *k, const struct st_stage_row *row,
			const struct st_unit_version *u, struct st_parts *p, struct st_err *e)
{
	if (u)
		return st_parts_open(k->f.w->r, u->rows, u->n, p, e);
	return st_parts_open(k->f.w->r, &row, 1, p, e);
}

/* ---- several bases ---- */

struct choosing {
	const struct st_weaving_bases *b;
	const char *name;
	size_t len;
};

static const struct st_operand *tensor_of(const struct choosing *x, size_t i, bool *tied)
{
	uint64_t at;

	*tied = false;
	if (!st_map_get(&x->b->names[i], x->name, x->len, &at))
		return NULL;
	*tied = x->b->tied[i][at];
	return &st_diff_side_get(x->b->v[i].side)->t[at];
}

const struct st_operand *st_weaving_base_tensor(const struct st_weaving *k, size_t i,
						const struct st_operand *base,
						const struct st_side **side)
{
	const struct choosing x = { k->bases, base->name, base->name_len };
	bool tied;

	*side = st_diff_side_get(k->bases->v[i].side);
	return tensor_of(&x, i, &tied);
}

static bool same_tensor(void *arg, size_t i, size_t k)
{
	bool ta, tb;
	const struct st_operand *a = tensor_of(arg, i, &ta), *b = tensor_of(arg, k, &tb);

	if (!a || !b)
		return a == b;
	return a->dtype == b->dtype && st_oid_eq(&a->id, &b->id) && st_operand_same_shape(a, b) &&
	       ta == tb;
}

static bool same_metadata(void *arg, size_t i, size_t k)
{
	const struct st_weaving_bases *b = arg;
	size_t na = 0, nb = 0;
	const char *ta = b->v[i].n ? st_dfile_metadata(b->v[i].v, &na) : NULL;
	const char *tb = b->v[k].n ? st_dfile_metadata(b->v[k].v, &nb) : NULL;

	if (!ta || !tb)
		return ta == tb;
	return na == nb && memcmp(ta, tb, na) == 0;
}

static int add_tensor(struct st_weaving *k, const struct st_operand *op, struct st_err *e)
{
	struct choosing x = { k->bases, op->name, op->name_len };
	struct st_diff_side *side = k->base.side;
	size_t at = st_weave_choose(k->f.w, same_tensor, &x);
	bool open = at == ST_NO_BASE, tied;
	int rc;

	for (at = open ? 0 : at; open && !tensor_of(&x, at, &tied);)
		at++;
	op = tensor_of(&x, at, &tied);
	if (!op)
		return ST_OK;
	rc = st_diff_side_borrow(side, x.b->v[at].side,
				 (size_t)(op - st_diff_side_get(x.b->v[at].side)->t), open, e);
	if (rc == ST_OK)
		k->base_tied[st_diff_side_get(side)->n - 1] = tied && !open;
	return rc;
}

/* Of each tensor the base's that counts, or one that none is the same as. */
static int choose_tensors(struct st_weaving *k, struct st_err *e)
{
	const struct st_weaving_bases *b = k->bases;
	size_t all = 0, at;
	int rc = st_diff_side_new(&k->base.side, k->f.w->r, &k->f.w->r->ctx, e);

	for (size_t i = 0; i < b->n; i++)
		all += st_diff_side_get(b->v[i].side)->n;
	k->base_tied = st_calloc(all, sizeof(*k->base_tied), e);
	if (!k->base_tied)
		return e->code;
	for (size_t i = 0; rc == ST_OK && i < b->n; i++) {
		const struct st_side *side = st_diff_side_get(b->v[i].side);

		for (size_t j = 0; rc == ST_OK && j < side->n; j++) {
			const struct st_operand *op = &side->t[j];
			bool before = false;

			for (size_t o = 0; o < i; o++)
				before = before ||
					 st_map_get(&b->names[o], op->name, op->name_len, NULL);
			if (!before)
				rc = add_tensor(k, op, e);
		}
	}
	at = st_weave_choose(k->f.w, same_metadata, k->bases);
	k->no_metadata = at == ST_NO_BASE || !b->v[at].n;
	k->base.v = k->no_metadata ? NULL : b->v[at].v; /* borrowed */
	return rc;
}

static int open_base(struct st_weaving *k, size_t i, struct st_err *e)
{
	struct st_weaving_bases *b = k->bases;
	const struct st_stage_row *row = st_weave_base_row(k->f.w, i, k->f.s->base->path);
	size_t *first = NULL;
	int rc = st_parts_open(k->f.w->r, &row, row ? 1 : 0, &b->v[i], e);

	if (rc == ST_OK)
		rc = find_ties(&b->v[i], &b->tied[i], &first, e);
	free(first);
	return rc == ST_OK ? st_side_names(&b->names[i], st_diff_side_get(b->v[i].side), e) : rc;
}

static int open_bases(struct st_weaving *k, struct st_err *e)
{
	struct st_arena *ar = &k->f.w->arena;
	struct st_weaving_bases *b = st_arena_alloc(ar, sizeof(*b), e);
	size_t all = 0;
	int rc = ST_OK;

	if (!b)
		return e->code;
	b->n = st_weave_nbases(k->f.w, &all);
	b->v = st_arena_alloc(ar, all * sizeof(*b->v), e);
	b->tied = st_arena_alloc(ar, all * sizeof(*b->tied), e);
	b->names = st_arena_alloc(ar, all * sizeof(*b->names), e);
	if (!b->v || !b->tied || !b->names)
		return e->code;
	b->all = all;
	k->bases = b;
	for (size_t i = 0; i < all; i++)
		st_map_init(&b->names[i]);
	for (size_t i = 0; rc == ST_OK && i < all; i++)
		rc = open_base(k, i, e);
	return rc == ST_OK ? choose_tensors(k, e) : rc;
}

static void close_bases(struct st_weaving *k)
{
	struct st_weaving_bases *b = k->bases;

	if (!b)
		return;
	k->base.v = NULL;
	for (size_t i = 0; i < b->all; i++) {
		st_parts_close(&b->v[i]);
		free(b->tied[i]);
		st_map_release(&b->names[i]);
	}
}

/* ---- all versions ---- */

int st_weaving_open(struct st_weaving *k, struct st_err *e)
{
	const struct st_weave_unit *u = k->f.unit;
	const struct st_strand *s = k->f.s;
	size_t *first = NULL;
	int rc = ST_OK;

	if (!u && st_weave_baseless(k->f.w, s->base)) {
		rc = open_bases(k, e);
		k->f.base = k->base.side;
	} else if (u || s->base) {
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
		st_parts_close(&k->others[i].parts);
	for (size_t i = 0; i < ST_THREE_SIDES; i++) {
		st_parts_close(&k->parts[i]);
		free(k->tied[i]);
		free(k->first[i]);
	}
	st_weaving_fisher_close(k);
	st_weaving_lora_close(k);
	close_bases(k);
	st_parts_close(&k->base);
	free(k->base_tied);
	free(k->others);
	free(k->chosen);
	free(k->f.v);
	free(k->pairs);
}

static int open_other(struct st_weaving *k, struct st_weaving_other *x, struct st_err *e)
{
	struct st_unit_version v = { 0 };
	const struct st_stage_row *row = NULL;
	bool *tied = NULL;
	size_t *first = NULL;
	int rc = k->f.unit ? st_weave_unit_from(k->f.w, k->f.unit, &x->commit, &v, e) :
			     st_weave_strand_from(k->f.w, &x->commit, k->f.s, &row, e);

	if (rc == ST_OK && !row && !v.n)
		return st_fail(e, ST_ENOTFOUND, "the version of --from has no file '%s'",
			       k->f.s->path);
	if (rc == ST_OK)
		rc = open_version(k, row, k->f.unit ? &v : NULL, &x->parts, e);
	for (size_t i = 0; rc == ST_OK && i < x->parts.n; i++)
		if (!x->parts.v[i].model)
			rc = st_fail(e, ST_ENOTFOUND, "'%s' of the version of --from is no model",
				     x->parts.v[i].path);
	if (rc == ST_OK)
		rc = find_ties(&x->parts, &tied, &first, e);
	for (size_t i = 0; rc == ST_OK && i < st_diff_side_get(x->parts.side)->n; i++)
		x->shares = x->shares || tied[i];
	x->row = row;
	free(tied);
	free(first);
	return rc;
}

int st_weaving_other(struct st_weaving *k, const struct st_oid *commit,
		     struct st_weaving_other *out, struct st_err *e)
{
	struct st_weaving_other *x;
	int rc;

	for (size_t i = 0; i < k->nothers; i++)
		if (st_oid_eq(&k->others[i].commit, commit)) {
			*out = k->others[i];
			return ST_OK;
		}
	rc = st_grow(&k->others, &k->others_cap, k->nothers + 1, e);
	if (rc != ST_OK)
		return rc;
	x = &k->others[k->nothers++];
	*x = (struct st_weaving_other){ .commit = *commit };
	rc = open_other(k, x, e);
	*out = *x;
	return rc;
}

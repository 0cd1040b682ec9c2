/* SPDX-License-Identifier: Apache-2.0 */
#include "base/blake3.h"
#include "repo/weave_model.h"

#include <stdio.h>

#define HEAD_ROOM ((size_t)1 << 20)

int st_weaving_head(const struct st_side *of, const struct st_operand *x, uint64_t bytes,
		    struct st_oid *id, struct st_err *e)
{
	uint8_t *p = st_malloc(HEAD_ROOM, e);
	struct st_blake3 h;
	struct st_source src;
	int rc = p ? of->open(of->arg, (size_t)(x - of->t), &src, e) : (int)e->code;

	if (rc != ST_OK) {
		free(p);
		return rc;
	}
	st_blake3_init(&h);
	for (uint64_t at = 0, n; rc == ST_OK && at < bytes; at += n) {
		n = bytes - at < HEAD_ROOM ? bytes - at : HEAD_ROOM;
		rc = st_source_read(&src, p, (size_t)n, at, e);
		if (rc == ST_OK)
			st_blake3_update(&h, p, (size_t)n);
	}
	st_blake3_final(&h, id->b);
	st_source_close(&src);
	free(p);
	return rc;
}

struct half {		      /* one side of a comparison, as st_side.arg */
	struct st_operand *t; /* of each pair, perhaps shortened, called by its number */
	const struct st_weaving_pair *pairs;
	int which;
};

struct figures {
	struct st_weaving *k;
	struct half a, b;
};

static int open_one(void *arg, size_t i, struct st_source *out, struct st_err *e)
{
	const struct half *h = arg;
	const struct st_side *of = h->pairs[i].of[h->which];
	int rc = of->open(of->arg, (size_t)(h->pairs[i].v[h->which] - of->t), out, e);

	if (rc == ST_OK && out->size > h->t[i].nbytes)
		out->size = h->t[i].nbytes;
	return rc;
}

static int hash_one(void *arg, size_t i, struct st_oid *out, struct st_err *e)
{
	const struct half *h = arg;

	return st_weaving_head(h->pairs[i].of[h->which], h->pairs[i].v[h->which], h->t[i].nbytes,
			       out, e);
}

static int on_figures(void *arg, const struct st_tensor_delta *d)
{
	const struct figures *g = arg;
	struct st_merge_item *x;

	if (!d->a || !d->b || !d->compared || !(d->sums.numel + d->sums.nonfinite))
		return 0;
	x = &g->k->f.w->d->items[g->k->pairs[d->a - g->a.t].item];
	x->has_figures = true;
	x->numel = d->sums.numel;
	x->changed = d->sums.changed;
	x->nonfinite = d->sums.nonfinite;
	x->mad = st_diff_mad(&d->sums);
	x->l2 = st_diff_l2(&d->sums);
	x->max_abs = d->sums.max_abs;
	x->cosine = st_diff_cosine(&d->sums);
	return 0;
}

/* The rest of the shape and the type are the same, and there are rows. */
static bool like_rows(const struct st_operand *a, const struct st_operand *b)
{
	return st_rows_alike(a, b) && a->shape[0] && b->shape[0];
}

/* The rows that both have, and the base; 0: they are compared as they are. */
static uint64_t common_rows(const struct st_weaving_pair *x)
{
	const struct st_operand *a = x->v[0], *b = x->v[1];
	uint64_t rows;

	if (!like_rows(a, b) || a->shape[0] == b->shape[0])
		return 0;
	rows = a->shape[0] < b->shape[0] ? a->shape[0] : b->shape[0];
	return x->base && like_rows(a, x->base) && x->base->shape[0] < rows ? x->base->shape[0] :
									      rows;
}

static int fill(struct st_weaving *k, struct half *h, size_t i, const char *name, struct st_err *e)
{
	const uint64_t rows = common_rows(&h->pairs[i]);
	struct st_operand *t = &h->t[i];
	uint64_t *shape;

	*t = *h->pairs[i].v[h->which];
	t->name = name;
	t->name_len = strlen(name);
	if (!rows)
		return ST_OK;
	shape = st_arena_alloc(&k->f.w->arena, t->ndim * sizeof(*shape), e);
	if (!shape)
		return e->code;
	memcpy(shape, t->shape, t->ndim * sizeof(*shape));
	shape[0] = rows;
	t->nbytes = t->nbytes / t->shape[0] * rows;
	t->shape = shape;
	t->has_id = false;
	return ST_OK;
}

int st_weaving_measure(struct st_weaving *k, struct st_err *e)
{
	static const struct st_models_options all = { .all = true };
	struct figures g = { .k = k,
			     .a = { .pairs = k->pairs },
			     .b = { .pairs = k->pairs, .which = 1 } };
	struct st_models_total total;
	int rc = ST_OK;

	if (!k->npairs)
		return ST_OK;
	g.a.t = st_calloc(k->npairs, sizeof(*g.a.t), e);
	g.b.t = st_calloc(k->npairs, sizeof(*g.b.t), e);
	if (!g.a.t || !g.b.t)
		rc = e->code;
	for (size_t i = 0; rc == ST_OK && i < k->npairs; i++) {
		char text[24];
		const int len = snprintf(text, sizeof(text), "%zu", i);
		const char *name = st_arena_dup(&k->f.w->arena, text, (size_t)len, e);

		rc = name ? fill(k, &g.a, i, name, e) : (int)e->code;
		if (rc == ST_OK)
			rc = fill(k, &g.b, i, name, e);
	}
	if (rc == ST_OK) {
		const struct st_side a = { g.a.t, k->npairs, open_one, hash_one, &g.a };
		const struct st_side b = { g.b.t, k->npairs, open_one, hash_one, &g.b };

		rc = st_diff_models(&a, &b, &all, &k->f.w->r->ctx, on_figures, &g, &total, e);
	}
	free(g.a.t);
	free(g.b.t);
	return rc;
}

/* ---- which ---- */

/* Where ours has no part in it the next one that differs from the first that does; 0: none. */
static size_t find_apart(const struct st_merge_item *it, const struct st_fate *f, size_t first)
{
	if (!f->sides[first] || st_merge_item_changed(it, 0))
		return 0;
	for (size_t i = first + 1; i < it->nsides; i++)
		if (f->sides[i] && st_merge_item_changed(it, i))
			return i;
	return 0;
}

/* Ours against theirs, or of two others where ours has no part in it; where one of them has not got
 * it, the base against the other. */
int st_weaving_note_pair(struct st_weaving *k, const struct st_fate *f,
			 const struct st_operand *base, size_t item, struct st_err *e)
{
	const struct st_merge_item *it = &k->f.w->d->items[item];
	const size_t other = st_merge_item_other(it), apart = find_apart(it, f, other);
	const size_t first = apart ? other : 0;
	const size_t last = apart ? apart : f->sides[other] ? other : 0; /* which has it */
	const bool both = f->sides[first] && f->sides[last] && first != last;
	int rc;

	if (!f->sides[last] || (!both && !base))
		return ST_OK;
	rc = st_grow(&k->pairs, &k->pairs_cap, k->npairs + 1, e);
	if (rc == ST_OK)
		k->pairs[k->npairs++] = (struct st_weaving_pair){
			.item = item,
			.v = { both ? f->sides[first] : base, f->sides[last] },
			.of = { both ? st_weaving_side(k, first) : st_diff_side_get(k->f.base),
				st_weaving_side(k, last) },
			.base = base,
		};
	return rc;
}

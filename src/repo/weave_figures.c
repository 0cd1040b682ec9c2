/* SPDX-License-Identifier: Apache-2.0 */
#include "base/blake3.h"
#include "repo/weave_model.h"

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

static bool is_open(void *arg, const char *name, size_t len)
{
	return st_map_get(&((struct st_weaving *)arg)->open, name, len, NULL);
}

static int on_figures(void *arg, const struct st_tensor_delta *d)
{
	struct st_weaving *k = arg;
	struct st_weave *w = k->f.w;
	const char *path;

	if (!d->a || !d->b || !d->compared)
		return 0;
	path = k->f.unit ? st_weave_home(k->f.unit, d->a->name, d->a->name_len, d->a) :
			   k->f.s->path;
	for (size_t i = w->nknown; i < w->d->nitems; i++) {
		struct st_merge_item *x = &w->d->items[i];

		if (strcmp(x->path, path) != 0 || x->name_len != d->a->name_len ||
		    memcmp(x->name, d->a->name, x->name_len) != 0)
			continue;
		x->has_figures = true;
		x->numel = d->sums.numel;
		x->changed = d->sums.changed;
		x->nonfinite = d->sums.nonfinite;
		x->mad = st_diff_mad(&d->sums);
		x->l2 = st_diff_l2(&d->sums);
		x->max_abs = d->sums.max_abs;
		x->cosine = st_diff_cosine(&d->sums);
	}
	return 0;
}

/* ---- the rows that both have ---- */

struct half { /* one side of a comparison */
	const struct st_side *of;
	struct st_operand *t; /* shortened */
	size_t *at;	      /* which of of's they are */
};

struct heads {
	struct half a, b;
	size_t n;
	const struct st_side *base; /* NULL: there is none */
	struct st_map theirs, base_names;
};

static int open_head(void *arg, size_t i, struct st_source *out, struct st_err *e)
{
	const struct half *h = arg;
	int rc = h->of->open(h->of->arg, h->at[i], out, e);

	if (rc == ST_OK && out->size > h->t[i].nbytes)
		out->size = h->t[i].nbytes;
	return rc;
}

static int hash_head(void *arg, size_t i, struct st_oid *out, struct st_err *e)
{
	const struct half *h = arg;

	return st_weaving_head(h->of, &h->of->t[h->at[i]], h->t[i].nbytes, out, e);
}

static int half_init(struct half *h, const struct st_side *of, size_t n, struct st_err *e)
{
	h->of = of;
	h->t = st_calloc(n, sizeof(*h->t), e);
	h->at = st_calloc(n, sizeof(*h->at), e);
	return e->code;
}

static void half_release(struct half *h)
{
	free(h->t);
	free(h->at);
}

/* The rest of the shape and the type are the same, and there are rows. */
static bool like_rows(const struct st_operand *a, const struct st_operand *b)
{
	if (a->ndim != b->ndim || !a->ndim || a->dtype != b->dtype || !a->shape[0] || !b->shape[0])
		return false;
	for (unsigned i = 1; i < a->ndim; i++)
		if (a->shape[i] != b->shape[i])
			return false;
	return true;
}

static int map_names(struct st_map *m, const struct st_side *s, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && s && i < s->n; i++)
		rc = st_map_put(m, s->t[i].name, s->t[i].name_len, i, NULL, NULL, e);
	return rc;
}

static const struct st_operand *find(const struct st_side *s, const struct st_map *names,
				     const struct st_operand *like)
{
	uint64_t at;

	return st_map_get(names, like->name, like->name_len, &at) ? &s->t[at] : NULL;
}

static int shorten(struct st_weaving *k, struct half *h, size_t i, const struct st_operand *x,
		   uint64_t rows, struct st_err *e)
{
	uint64_t *shape = st_arena_alloc(&k->f.w->arena, x->ndim * sizeof(*shape), e);

	if (!shape)
		return e->code;
	memcpy(shape, x->shape, x->ndim * sizeof(*shape));
	shape[0] = rows;
	h->at[i] = (size_t)(x - h->of->t);
	h->t[i] = *x;
	h->t[i].has_id = false;
	h->t[i].shape = shape;
	h->t[i].nbytes = x->nbytes / x->shape[0] * rows;
	return ST_OK;
}

static int add_head(struct st_weaving *k, struct heads *h, const struct st_operand *a,
		    struct st_err *e)
{
	const struct st_operand *b = find(h->b.of, &h->theirs, a);
	const struct st_operand *c = find(h->base, &h->base_names, a);
	uint64_t rows;
	int rc;

	if (!b || !like_rows(a, b) || a->shape[0] == b->shape[0])
		return ST_OK;
	rows = a->shape[0] < b->shape[0] ? a->shape[0] : b->shape[0];
	if (c && like_rows(a, c) && c->shape[0] < rows)
		rows = c->shape[0];
	rc = shorten(k, &h->a, h->n, a, rows, e);
	if (rc == ST_OK)
		rc = shorten(k, &h->b, h->n, b, rows, e);
	h->n += rc == ST_OK;
	return rc;
}

static int measure_heads(struct st_weaving *k, struct st_err *e)
{
	const struct st_side *ours = st_diff_side_get(k->f.side[0]);
	const struct st_models_options o = { .wanted = is_open, .wanted_arg = k };
	struct st_models_total total;
	struct heads h = { .base = k->f.base ? st_diff_side_get(k->f.base) : NULL };
	int rc = half_init(&h.a, ours, k->open.count, e);

	st_map_init(&h.theirs);
	st_map_init(&h.base_names);
	if (rc == ST_OK)
		rc = half_init(&h.b, st_diff_side_get(k->f.side[1]), k->open.count, e);
	if (rc == ST_OK)
		rc = map_names(&h.theirs, h.b.of, e);
	if (rc == ST_OK)
		rc = map_names(&h.base_names, h.base, e);
	for (size_t i = 0; rc == ST_OK && i < ours->n; i++)
		if (is_open(k, ours->t[i].name, ours->t[i].name_len))
			rc = add_head(k, &h, &ours->t[i], e);
	if (rc == ST_OK && h.n) {
		const struct st_side a = { h.a.t, h.n, open_head, hash_head, &h.a };
		const struct st_side b = { h.b.t, h.n, open_head, hash_head, &h.b };

		rc = st_diff_models(&a, &b, &o, &k->f.w->r->ctx, on_figures, k, &total, e);
	}
	half_release(&h.a);
	half_release(&h.b);
	st_map_release(&h.theirs);
	st_map_release(&h.base_names);
	return rc;
}

int st_weaving_measure(struct st_weaving *k, struct st_err *e)
{
	const struct st_models_options o = { .wanted = is_open, .wanted_arg = k };
	struct st_models_total total;
	int rc;

	if (!k->open.count || !k->f.side[0] || !k->f.side[1])
		return ST_OK;
	rc = st_diff_models(st_diff_side_get(k->f.side[0]), st_diff_side_get(k->f.side[1]), &o,
			    &k->f.w->r->ctx, on_figures, k, &total, e);
	return rc == ST_OK ? measure_heads(k, e) : rc;
}

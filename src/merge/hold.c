/* SPDX-License-Identifier: Apache-2.0 */
#include "merge/hold.h"

#include "base/pool.h"

#define PIECE ((uint64_t)1 << 20)
#define PASSES ((uint64_t)64 << 20) /* memory that they run in without a limit being felt */

struct run { /* of one input */
	const struct st_blend_input *in;
	uint8_t *to;
	uint64_t first; /* its first piece's number */
};

struct reading {
	struct run run[ST_SPEC_VALUES + 1];
	size_t n;
	uint64_t pieces;
};

static int read_piece(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	const struct reading *r = arg;
	const struct run *x = &r->run[r->n - 1];
	uint64_t at, left;

	(void)worker;
	while (i < x->first)
		x--;
	at = (i - x->first) * PIECE;
	left = x->in->src->size - at;
	if (st_source_read(x->in->src, x->to + at, (size_t)(left < PIECE ? left : PIECE), at, e) !=
	    ST_OK)
		return st_wrap(e, "%s", x->in->label ? x->in->label : x->in->src->name);
	return ST_OK;
}

static bool worth(const struct st_job *j, uint64_t *bytes)
{
	const struct st_blend *b = j->b;
	const struct st_source *s = b->base.src;
	const bool base = j->method->info.needs_base;
	bool costly = base && s->costly;

	*bytes = base ? s->size : 0;
	for (size_t m = 0; m < b->nmodels; m++) {
		s = b->models[m].src;
		costly = costly || s->costly;
		if (!st_add_u64(*bytes, s->size, bytes))
			return false;
	}
	return costly && *bytes > 0 && *bytes <= j->ctx->memory / 4 &&
	       j->ctx->memory - 2 * *bytes >= PASSES;
}

/* `in` reads from memory at *p from now on. */
static void move_in(struct reading *r, struct st_blend_input *to, struct st_source *src,
		    const struct st_blend_input *in, uint8_t **p)
{
	*to = *in;
	to->src = src;
	st_source_init_mem(src, *p, in->src->size, in->src->name);
	r->run[r->n++] = (struct run){ in, *p, r->pieces };
	r->pieces += (in->src->size + PIECE - 1) / PIECE;
	*p += in->src->size;
}

static int fill(struct st_hold *h, struct st_job *j, struct st_err *e)
{
	const struct st_blend *b = j->b;
	struct reading r = { .n = 0 };
	uint8_t *p = h->p;

	if (j->method->info.needs_base)
		move_in(&r, &h->b.base, &h->src[0], &b->base, &p);
	for (size_t m = 0; m < b->nmodels; m++)
		move_in(&r, &h->models[m], &h->src[1 + m], &b->models[m], &p);
	h->b.models = h->models;
	return st_parallel(j->ctx->jobs, r.pieces, read_piece, &r, e);
}

int st_hold_take(struct st_hold *h, struct st_job *j, struct st_err *e)
{
	uint64_t bytes;
	int rc;

	*h = (struct st_hold){ .b = *j->b, .ctx = *j->ctx };
	if (!worth(j, &bytes))
		return ST_OK;
	h->models = st_calloc(j->b->nmodels, sizeof(*h->models), e);
	h->src = st_calloc(1 + j->b->nmodels, sizeof(*h->src), e);
	h->p = st_malloc((size_t)bytes, e);
	if (!h->models || !h->src || !h->p)
		return e->code;
	rc = st_check_cancel(j->ctx, e);
	if (rc == ST_OK)
		rc = fill(h, j, e);
	h->ctx.memory -= 2 * bytes; /* passes take a half */
	j->b = &h->b;
	j->ctx = &h->ctx;
	return rc;
}

void st_hold_release(struct st_hold *h)
{
	free(h->models);
	free(h->src);
	free(h->p);
}

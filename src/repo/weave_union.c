/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tensor with one row a token, of two vocabularies made one. A row is one side's where only that
 * side has or changed it; those that both changed are joined all at once, as one tensor of just
 * these rows, and come where they belong.
 */
#include "repo/weave.h"

#include "tensor/quote.h"

#include <inttypes.h>

#define ROOM ((size_t)1 << 20)

enum row_from {
	FROM_OURS,
	FROM_THEIRS,
	FROM_BOTH
};

struct rows {
	const struct st_rows *r;
	const struct st_ctx *ctx;
	uint64_t n;			/* rows of the union */
	uint64_t nours, ntheirs, nbase; /* of the inputs */
	size_t len;			/* bytes of a row */
	uint8_t *from;			/* of each row, enum row_from */
	uint64_t *at;			/* OURS, THEIRS: its number there */
	uint64_t *both[3];		/* BOTH: ours's, theirs's and the base's number, in order */
	size_t nboth;
	uint8_t *work; /* four rows */
	st_bytes_fn sink;
	void *arg;
	uint64_t done; /* rows that are out, */
	size_t part;   /* and bytes of the next one */
};

/* ---- shapes ---- */

bool st_rows_alike(const struct st_operand *a, const struct st_operand *b)
{
	if (a->ndim < 1 || a->ndim != b->ndim || a->dtype != b->dtype)
		return false;
	for (unsigned i = 1; i < a->ndim; i++)
		if (a->shape[i] != b->shape[i])
			return false;
	return true;
}

/* Behind the last row; NULL: there is none. */
static const struct st_token *rowless(const struct st_vocab *v, uint64_t rows)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->v[i].id >= rows)
			return &v->v[i];
	return NULL;
}

static int too_few(const struct st_weave_vocab *v, const struct st_operand *ours,
		   const struct st_operand *theirs, struct st_err *e)
{
	const struct st_token *a = rowless(&v->ours, ours->shape[0]);
	const struct st_token *b = rowless(&v->theirs, theirs->shape[0]);
	const struct st_token *t = a ? a : b;
	struct st_quote q, qt;

	return st_fail(e, ST_EREFUSED,
		       "tensor %s has %" PRIu64 " and %" PRIu64 " rows, the vocabularies %" PRIu64
		       " and %" PRIu64 " tokens: token %s of %s has no row",
		       st_quote(&q, ours->name, ours->name_len), ours->shape[0], theirs->shape[0],
		       v->ours.end, v->theirs.end, t ? st_quote(&qt, t->text, t->len) : "\"\"",
		       a ? "ours" : "theirs");
}

int st_rows_count(const struct st_vocab_union *u, const struct st_weave_vocab *v,
		  const struct st_operand *ours, const struct st_operand *theirs, uint64_t *n,
		  struct st_err *e)
{
	if (!st_rows_alike(ours, theirs))
		return st_fail(e, ST_EREFUSED,
			       "tensor \"%.200s\": the sides have rows of other types or lengths",
			       ours->name);
	if (ours->shape[0] < v->ours.end || theirs->shape[0] < v->theirs.end)
		return too_few(v, ours, theirs, e);
	*n = ours->shape[0] > u->end ? ours->shape[0] : u->end;
	return ST_OK;
}

/* ---- where each row is from ---- */

/* Rows of a union's id on all sides; ST_NO_TOKEN: it has none. */
struct row {
	uint64_t ours, theirs, base;
	uint64_t at; /* in the union, */
	bool token;  /* where it is of one */
};

static void find_row(const struct rows *k, uint64_t i, struct row *x)
{
	const struct st_vocab_union *u = k->r->u;

	x->at = i;
	x->token = i < u->end && (u->ours[i] || u->from[i] != ST_NO_TOKEN);
	if (x->token) {
		x->ours = u->ours[i] ? i : ST_NO_TOKEN;
		x->theirs = u->from[i];
		x->base = u->base[i];
	} else { /* no token's: where they are on each side */
		x->ours = i;
		x->theirs = i >= u->ntheirs || u->to[i] == ST_NO_TOKEN ? i : ST_NO_TOKEN;
		x->base = i >= u->nbase || !u->known[i] ? i : ST_NO_TOKEN;
	}
	if (x->theirs >= k->ntheirs)
		x->theirs = ST_NO_TOKEN;
	if (x->base >= k->nbase)
		x->base = ST_NO_TOKEN;
}

static int read_row(const struct rows *k, const struct st_blend_input *in, uint64_t row,
		    uint8_t *out, struct st_err *e)
{
	return st_source_read(in->src, out, k->len, row * k->len, e);
}

static int add_both(struct rows *k, const struct row *x)
{
	k->both[0][k->nboth] = x->ours;
	k->both[1][k->nboth] = x->theirs;
	k->both[2][k->nboth++] = x->base;
	return FROM_BOTH;
}

static int read_base(const struct rows *k, const struct row *x, uint8_t *out, bool *has,
		     struct st_err *e)
{
	*has = x->base != ST_NO_TOKEN;
	if (k->r->bases)
		return st_row_bases_read(k->r->bases, x->at, x->token, k->len, out, out + k->len,
					 has, e);
	return *has ? read_row(k, &k->r->b.base, x->base, out, e) : ST_OK;
}

/* Both sides have the row. */
static int compare(struct rows *k, const struct row *x, enum row_from *from, struct st_err *e)
{
	const struct st_choice *how = k->r->how;
	uint8_t *ours = k->work, *theirs = ours + k->len, *base = theirs + k->len;
	struct st_method_info info;
	bool has = false;
	int rc = read_row(k, &k->r->b.models[0], x->ours, ours, e);

	*from = FROM_OURS;
	if (rc == ST_OK)
		rc = read_row(k, &k->r->b.models[1], x->theirs, theirs, e);
	if (rc != ST_OK || memcmp(ours, theirs, k->len) == 0)
		return rc;
	rc = read_base(k, x, base, &has, e);
	if (rc != ST_OK || (has && memcmp(theirs, base, k->len) == 0))
		return rc;
	if (has && memcmp(ours, base, k->len) == 0)
		*from = FROM_THEIRS;
	else if (how->rows != ST_HOW_METHOD)
		*from = how->side ? FROM_THEIRS : FROM_OURS;
	else {
		st_method_of(&how->spec, &info);
		if (!info.needs_base || x->base != ST_NO_TOKEN)
			*from = (enum row_from)add_both(k, x);
	}
	return ST_OK;
}

static int find_rows(struct rows *k, struct st_err *e)
{
	int rc = ST_OK;

	for (uint64_t i = 0; rc == ST_OK && i < k->n; i++) {
		enum row_from from = FROM_OURS;
		struct row x;

		if (i % 4096 == 0)
			rc = st_check_cancel(k->ctx, e);
		find_row(k, i, &x);
		if (x.ours == ST_NO_TOKEN)
			from = FROM_THEIRS;
		else if (rc == ST_OK && x.theirs != ST_NO_TOKEN)
			rc = compare(k, &x, &from, e);
		k->from[i] = (uint8_t)from;
		k->at[i] = from == FROM_THEIRS ? x.theirs : x.ours;
	}
	return rc;
}

/* ---- rows that both changed, as tensors of their own ---- */

struct gather {
	const struct st_source *src;
	const uint64_t *row;
	size_t len;
};

static int gather_read(const struct st_source *s, void *buf, size_t n, uint64_t off,
		       struct st_err *e)
{
	const struct gather *g = s->mem;
	uint8_t *out = buf;
	int rc = ST_OK;

	while (rc == ST_OK && n) {
		uint64_t i = off / g->len, skip = off % g->len;
		size_t part = g->len - (size_t)skip;

		part = part < n ? part : n;
		rc = st_source_read(g->src, out, part, g->row[i] * g->len + skip, e);
		out += part;
		off += part;
		n -= part;
	}
	return rc;
}

static const struct st_source_ops gather_ops = { .pread = gather_read };

/* ---- out ---- */

static int copy(struct rows *k, const struct st_blend_input *in, uint64_t row, uint64_t n,
		struct st_err *e)
{
	uint64_t at = row * k->len, to = (row + n) * k->len;
	uint8_t *p = st_malloc(ROOM, e);
	int rc = p ? ST_OK : (int)e->code;

	for (size_t part; rc == ST_OK && at < to; at += part) {
		part = to - at < ROOM ? (size_t)(to - at) : ROOM;
		rc = st_source_read(in->src, p, part, at, e);
		if (rc == ST_OK)
			rc = k->sink(k->arg, p, part, e);
	}
	free(p);
	return rc;
}

/* As far as the next row that both changed; runs of rows at once. */
static int copy_rows(struct rows *k, struct st_err *e)
{
	int rc = ST_OK;

	while (rc == ST_OK && k->done < k->n && k->from[k->done] != FROM_BOTH) {
		uint64_t i = k->done, n = 1;

		while (i + n < k->n && k->from[i + n] == k->from[i] && k->at[i + n] == k->at[i] + n)
			n++;
		rc = copy(k, &k->r->b.models[k->from[i] == FROM_THEIRS], k->at[i], n, e);
		k->done += n;
	}
	return rc;
}

/* Bytes of the rows that both changed, in order. */
static int on_joined(void *arg, const void *p, size_t n, struct st_err *e)
{
	struct rows *k = arg;
	const uint8_t *in = p;
	int rc = ST_OK;

	while (rc == ST_OK && n) {
		size_t part = k->len - k->part;

		rc = k->part ? ST_OK : copy_rows(k, e);
		part = part < n ? part : n;
		if (rc == ST_OK)
			rc = k->sink(k->arg, in, part, e);
		in += part;
		n -= part;
		k->part += part;
		if (k->part == k->len) {
			k->part = 0;
			k->done++;
		}
	}
	return rc;
}

struct gathered { /* those rows of an input */
	struct gather g;
	struct st_source src;
};

/* len: bytes of a row */
static struct st_blend_input pick(const struct rows *k, const struct st_blend_input *of,
				  const uint64_t *rows, size_t len, struct gathered *to)
{
	struct st_blend_input in = *of;

	to->g = (struct gather){ of->src, rows, len };
	to->src = (struct st_source){ .ops = &gather_ops,
				      .size = (uint64_t)k->nboth * len,
				      .name = of->label,
				      .mem = &to->g };
	if (in.src)
		in.src = &to->src;
	return in;
}

static int join(struct rows *k, struct st_err *e)
{
	const struct st_blend *of = &k->r->b;
	struct st_blend_input in[2], info[2];
	struct gathered g[5];
	struct st_blend b = *of;
	uint64_t shape[ST_MAX_NDIM];

	for (size_t i = 0; i < 2; i++) {
		const uint64_t n = k->r->in[i]->shape[0];

		in[i] = pick(k, &of->models[i], k->both[i], k->len, &g[i]);
		if (i < of->nextra) /* of as many elements, which may be of another type */
			info[i] = pick(k, &of->extra[i], k->both[i],
				       (size_t)(of->extra[i].src->size / n), &g[3 + i]);
	}
	b.base = pick(k, &of->base, k->both[2], k->len, &g[2]);
	b.ndim = k->r->op->ndim;
	memcpy(shape, k->r->op->shape, b.ndim * sizeof(*shape));
	shape[0] = k->nboth;
	b.shape = shape;
	b.models = in;
	b.extra = info;
	return st_blend_run(&b, k->ctx, on_joined, k, e);
}

static int begin(struct rows *k, struct st_err *e)
{
	const struct st_rows *r = k->r;
	size_t n;
	int rc = st_size(k->n, &n, e);

	if (rc != ST_OK)
		return rc;
	k->from = st_calloc(n, 1, e);
	k->at = st_calloc(n, sizeof(*k->at), e);
	k->work = st_calloc(4, k->len, e);
	for (size_t i = 0; i < 3; i++)
		k->both[i] = r->how->rows == ST_HOW_METHOD ? st_calloc(n, sizeof(uint64_t), e) :
							     NULL;
	return e->code;
}

int st_rows_fill(const struct st_rows *r, const struct st_ctx *ctx, st_bytes_fn sink, void *arg,
		 struct st_err *e)
{
	struct rows k = { .r = r,
			  .ctx = ctx,
			  .n = r->op->shape[0],
			  .nours = r->in[0]->shape[0],
			  .ntheirs = r->in[1]->shape[0],
			  .nbase = r->base && st_rows_alike(r->base, r->in[0]) ? r->base->shape[0] :
										 0,
			  .sink = sink,
			  .arg = arg };
	int rc = k.n ? st_size(r->op->nbytes / k.n, &k.len, e) : ST_OK;

	if (rc != ST_OK || !k.n || !k.len)
		return rc;
	if (k.len * k.n != r->op->nbytes)
		return st_fail(e, ST_EREFUSED, "a row of tensor \"%.200s\" is no whole bytes",
			       r->op->name);
	rc = begin(&k, e);
	if (rc == ST_OK && r->bases)
		rc = st_row_bases_open(r->bases, e);
	if (rc == ST_OK)
		rc = find_rows(&k, e);
	if (r->bases)
		st_row_bases_close(r->bases);
	if (rc == ST_OK && k.nboth)
		rc = join(&k, e);
	if (rc == ST_OK)
		rc = copy_rows(&k, e);
	free(k.from);
	free(k.at);
	free(k.work);
	for (size_t i = 0; i < 3; i++)
		free(k.both[i]);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The base of one row, where the bases of merges crosswise have the tensor differently: that of the
 * tensor as a whole is none of them, but of a token's row they may agree, or one alone may have
 * changed it.
 */
#include "repo/weave_model.h"

struct version {
	const struct st_operand *op; /* NULL: absent, or with rows of another kind */
	const struct st_side *side;
	struct st_source src;
	bool open;
	uint64_t *id; /* of the union's ids; ST_NO_TOKEN: it has none */
	bool *known;  /* of its own ids: has it a token? */
	uint64_t end; /* past the largest */
};

struct st_row_bases {
	const struct st_weave *w;
	struct version *v; /* numbered as st_weave_nbases says */
	size_t n;
};

/* ---- which rows ---- */

static int note_known(struct st_weave *w, const struct st_vocab *tokens, struct version *out,
		      struct st_err *e)
{
	size_t n;
	int rc = st_size(tokens->end, &n, e);

	out->end = tokens->end;
	out->known = rc == ST_OK ? st_arena_alloc(&w->arena, n + 1, e) : NULL;
	if (!out->known)
		return e->code;
	memset(out->known, 0, n + 1);
	for (size_t i = 0; i < tokens->n; i++)
		out->known[tokens->v[i].id] = true;
	return ST_OK;
}

static int number(struct st_weave *w, const struct st_weave_vocab *v, const struct st_index *x,
		  struct version *out, struct st_err *e)
{
	const struct st_vocab_union *u = &v->u;
	struct st_vocab tokens;
	size_t n;
	int rc = st_size(u->end, &n, e);

	st_vocab_init(&tokens);
	out->id = rc == ST_OK ? st_arena_alloc(&w->arena, (n + 1) * sizeof(*out->id), e) : NULL;
	rc = out->id ? st_weave_vocab_read(w, x, v->dir, &tokens, e) : (int)e->code;
	if (rc == ST_OK)
		rc = note_known(w, &tokens, out, e);
	for (size_t i = 0; rc == ST_OK && i < n; i++)
		out->id[i] = ST_NO_TOKEN;
	for (size_t i = 0; rc == ST_OK && i < tokens.n; i++) {
		const struct st_token *t = &tokens.v[i];
		uint64_t id;

		if (st_map_get(&v->ours.ids, t->text, t->len, &id) ||
		    st_map_get(&u->added, t->text, t->len, &id))
			out->id[id] = t->id;
	}
	st_vocab_release(&tokens);
	return rc == ST_OK ? ST_OK : st_wrap(e, "the tokenizer of a base");
}

int st_row_bases_find(struct st_weaving *k, const struct st_weave_vocab *v,
		      const struct st_operand *base, const struct st_operand *like,
		      struct st_row_bases **out, struct st_err *e)
{
	struct st_weave *w = k->f.w;
	struct st_row_bases *b = st_arena_alloc(&w->arena, sizeof(*b), e);
	int rc = b ? ST_OK : (int)e->code;

	*out = NULL;
	if (rc != ST_OK)
		return rc;
	*b = (struct st_row_bases){ .w = w };
	(void)st_weave_nbases(w, &b->n);
	b->v = st_arena_alloc(&w->arena, b->n * sizeof(*b->v), e);
	if (!b->v)
		return e->code;
	for (size_t i = 0; rc == ST_OK && i < b->n; i++) {
		struct version *x = &b->v[i];

		*x = (struct version){ .op = NULL };
		x->op = st_weaving_base_tensor(k, i, base, &x->side);
		if (x->op && !st_rows_alike(x->op, like))
			x->op = NULL;
		rc = number(w, v, st_weave_base_at(w, i), x, e);
	}
	*out = rc == ST_OK ? b : NULL;
	return rc;
}

int st_row_bases_open(struct st_row_bases *b, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < b->n; i++) {
		struct version *x = &b->v[i];

		if (!x->op)
			continue;
		rc = x->side->open(x->side->arg, (size_t)(x->op - x->side->t), &x->src, e);
		x->open = rc == ST_OK;
	}
	return rc;
}

void st_row_bases_close(struct st_row_bases *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].open)
			st_source_close(&b->v[i].src);
		b->v[i].open = false;
	}
}

/* ---- one of them ---- */

struct asking {
	const struct st_row_bases *b;
	uint64_t row;
	bool token;
	size_t len;
	uint8_t *a, *c; /* two rows */
	struct st_err *e;
};

/* *has false: that version has no such row. */
static int read_row(const struct asking *k, size_t i, uint8_t *out, bool *has)
{
	const struct version *x = &k->b->v[i];
	uint64_t row = k->token				   ? x->id[k->row] :
		       k->row < x->end && x->known[k->row] ? ST_NO_TOKEN :
							     k->row;

	*has = x->op && row != ST_NO_TOKEN && row < x->op->shape[0];
	return *has && k->e->code == ST_OK ?
		       st_source_read(&x->src, out, k->len, row * k->len, k->e) :
		       (int)k->e->code;
}

static bool same_row(void *arg, size_t i, size_t o)
{
	const struct asking *k = arg;
	bool has, other;

	if (read_row(k, i, k->a, &has) != ST_OK || read_row(k, o, k->c, &other) != ST_OK)
		return true;
	return has && other ? memcmp(k->a, k->c, k->len) == 0 : has == other;
}

int st_row_bases_read(const struct st_row_bases *b, uint64_t row, bool token, size_t len,
		      uint8_t *out, uint8_t *work, bool *has, struct st_err *e)
{
	struct asking k = { b, row, token, len, out, work, e };
	size_t at = st_weave_choose(b->w, same_row, &k);

	*has = false;
	return e->code == ST_OK && at != ST_NO_BASE ? read_row(&k, at, out, has) : (int)e->code;
}

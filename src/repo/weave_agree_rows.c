/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose tokens the rows of a tensor are that somebody decided about: those of the version that they
 * are taken from must be the result's.
 */
#include "repo/weave_agree.h"

#include "tensor/quote.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- how many ---- */

struct counting { /* rows of a tensor, or of a file's with a row a token */
	struct st_weave *w;
	const struct st_merge_item *it;
	uint64_t rows; /* UINT64_MAX: it was not found */
	/* Of a row for each of `end` tokens: the fewest that a tensor of the file has. */
	uint64_t end, least;
};

static int count_rows(void *arg, const struct st_view *v, const struct st_segment *seg,
		      uint64_t seg_off, struct st_err *e)
{
	struct counting *k = arg;
	bool said;

	(void)seg;
	(void)seg_off;
	if (v->ndim && v->ndim <= 2 && v->shape[0] >= k->end && v->shape[0] < k->least)
		k->least = v->shape[0];
	if (!k->it->name_len) {
		if (v->ndim == 2 && v->shape[0] >= k->end &&
		    st_weave_token_size(k->w, k->it->path, v->shape[0], &said, e) == ST_OK && said)
			k->rows = v->shape[0];
		return e->code;
	}
	if (v->ndim && v->name_len == k->it->name_len &&
	    memcmp(v->name, k->it->name, v->name_len) == 0)
		k->rows = v->shape[0];
	return ST_OK;
}

/* *rows: of the tensor, where *other is false. */
static int find_rows(struct st_weave *w, const struct st_stage_row *row,
		     const struct st_merge_item *it, uint64_t end, uint64_t *rows, bool *other,
		     struct st_err *e)
{
	struct counting k = {
		.w = w, .it = it, .rows = UINT64_MAX, .end = end, .least = UINT64_MAX
	};
	struct st_vfile *f = NULL;
	bool said = false, model;
	int rc = st_vfile_open_model(&f, w->r, row, e);

	model = f != NULL;
	if (rc == ST_OK && f)
		rc = st_vfile_views(f, count_rows, &k, e);
	st_vfile_close(f);
	if (!it->name_len && k.rows == UINT64_MAX)
		k.rows = k.least;
	if (rc == ST_OK && it->name_len && k.rows != k.least)
		rc = st_weave_token_size(w, it->path, k.rows, &said, e);
	*other = it->name_len ? (k.rows != k.least && !said) || (model && k.rows == UINT64_MAX) :
				k.rows == UINT64_MAX;
	*rows = k.rows;
	return rc;
}

int st_weave_other_rows(struct st_weave *w, const struct st_stage_row *row,
			const struct st_merge_item *it, uint64_t end, bool *other, struct st_err *e)
{
	uint64_t rows;

	return find_rows(w, row, it, end, &rows, other, e);
}

/* ---- of a version ---- */

#define OTHER SIZE_MAX /* the number of a version that --from names, which is not merged */

static const char *name_of(const struct st_agreeing *k, size_t side)
{
	if (side == OTHER)
		return "the version of --from";
	return side >= k->w->n ? "the base" : side ? "theirs" : "ours";
}

struct rows { /* that a tensor has from a side, w->n being the base, or OTHER */
	const struct st_merge_item *it;
	size_t side;
	const struct st_vocab *v; /* which tokens it means */
	uint64_t n;
	bool other; /* they are of something else */
	bool few;   /* the last tokens have none */
};

/* Of a file that is taken as a whole, with all files of its model. */
static int open_file(struct st_agreeing *k, struct rows *r, const struct st_index *x,
		     const struct st_oid *id, struct st_err *e)
{
	const struct st_weave_unit *u = st_weave_unit_with(k->w, r->it->path);
	const struct st_unit_version *v = !u		     ? NULL :
					  r->side >= k->w->n ? &u->base :
							       &u->side[r->side];
	int rc = ST_OK;

	r->other = true;
	for (size_t i = 0; rc == ST_OK && r->n == UINT64_MAX && v && i < v->n; i++)
		rc = find_rows(k->w, v->rows[i], r->it, r->v->end, &r->n, &r->other, e);
	for (size_t i = 0; rc == ST_OK && r->n == UINT64_MAX && !v && i < x->nrows; i++)
		if (st_oid_eq(&x->rows[i].id, id)) /* whatever it is called there */
			rc = find_rows(k->w, &x->rows[i], r->it, r->v->end, &r->n, &r->other, e);
	return rc;
}

/* Has the base a row for each of its tokens in that tensor? */
static int has_base_rows(struct st_agreeing *k, const struct st_merge_item *it, bool *yes,
			 struct st_err *e)
{
	const struct st_stage_row *row = st_index_find(&k->w->base, it->path, it->path_len, NULL);
	uint64_t n = UINT64_MAX;
	bool other = true;
	int rc = ST_OK;

	if (row && k->base.n)
		rc = find_rows(k->w, row, it, k->base.end, &n, &other, e);
	*yes = !other && n != UINT64_MAX;
	return rc;
}

/* Of tokens are a tensor's rows, too, that lacks some for the last ones, if it was one of rows for
 * all of them before. */
static int open_few(struct st_agreeing *k, struct rows *r, struct st_err *e)
{
	if (r->n >= r->v->end || !r->it->name_len ||
	    strcmp(r->it->kind, st_conflict_name(ST_CONFLICT_VOCABULARY)) != 0 ||
	    has_base_rows(k, r->it, &r->few, e) != ST_OK)
		return e->code;
	r->other = !r->few;
	return ST_OK;
}

static int open_rows(struct st_agreeing *k, struct rows *r, struct st_err *e)
{
	const bool base = r->side >= k->w->n;
	const struct st_index *x = base ? &k->w->base : &k->w->sides[r->side];
	const struct st_oid *id = base ? &r->it->base : &r->it->sides[r->side];
	const struct st_stage_row *row = st_index_find(x, r->it->path, r->it->path_len, NULL);
	int rc = ST_OK;

	r->v = base ? &k->base : &k->side[r->side];
	r->n = UINT64_MAX;
	r->other = !r->v->n || st_oid_is_zero(id);
	if (r->other)
		return ST_OK;
	/* of a model in shards the side may have the tensor in another one */
	if (!r->it->name_len || st_weave_unit_with(k->w, r->it->path))
		rc = open_file(k, r, x, id, e);
	else if (row)
		rc = find_rows(k->w, row, r->it, r->v->end, &r->n, &r->other, e);
	return rc == ST_OK && r->other ? open_few(k, r, e) : rc;
}

static int refuse_rows(const struct st_agreeing *k, const struct rows *r,
		       const struct st_token *odd, const struct st_token *is, struct st_err *e)
{
	struct st_quote qa, qb, qn;
	char what[200], name[160] = "";
	const char *how =
		is ? "decide both alike, or with --vocab union, or stage the tokenizer's files with "
		     "'strata add' first" :
		     "decide for a version that has a row for each token, or for one without it, or "
		     "stage a model of your own with 'strata add'";

	if (r->it->name_len)
		snprintf(name, sizeof(name), "tensor %s of ",
			 st_quote(&qn, r->it->name, r->it->name_len));
	if (is)
		snprintf(what, sizeof(what), "where token %s is %" PRIu64 ", but",
			 st_quote(&qa, is->text, is->len), is->id);
	else
		snprintf(what, sizeof(what), "which are %" PRIu64 ", but", r->n);
	return st_fail(e, ST_EREFUSED,
		       "%s'%s' would have the rows of %s, %s %s%s has %s as %" PRIu64 ": %s", name,
		       r->it->path, name_of(k, r->side), what, k->dir, odd->file,
		       st_quote(&qb, odd->text, odd->len), odd->id, how);
}

/* ---- their tokens ---- */

/* The first token of a, in its order, that b has otherwise: *is what b has instead. */
static int compare(const struct st_vocab *a, const struct st_vocab *b, const struct st_token **odd,
		   const struct st_token **is, struct st_err *e)
{
	struct st_vocab all;
	const struct st_token *x, *was;
	int rc;

	*odd = *is = NULL;
	st_vocab_init(&all);
	rc = st_vocab_join(&all, b, &x, &was, e);
	if (rc == ST_OK)
		rc = st_vocab_join(&all, a, &x, &was, e);
	if (rc == ST_OK && x) {
		*odd = x;
		*is = st_vocab_find(b, was->text, was->len);
	}
	st_vocab_release(&all);
	return rc;
}

/* A token of the tokenizer that has no row, where all that the side means have one. */
static const struct st_token *find_rowless(const struct st_agreeing *k, const struct rows *r)
{
	for (size_t i = 0; i < k->got.n && r->n >= r->v->end; i++)
		if (k->got.v[i].id >= r->n)
			return &k->got.v[i];
	return NULL;
}

/* Would a model that the side does not have be left, without this tensor? */
static bool is_bereft(const struct st_agreeing *k, const struct st_merge_item *it, size_t side)
{
	const bool base = side >= k->w->n;

	return it->name_len && st_oid_is_zero(base ? &it->base : &it->sides[side]) &&
	       strcmp(it->kind, st_conflict_name(ST_CONFLICT_VOCABULARY)) == 0 &&
	       !st_weave_unit_with(k->w, it->path) &&
	       !st_index_find(base ? &k->w->base : &k->w->sides[side], it->path, it->path_len,
			      NULL) &&
	       st_index_find(k->x, it->path, it->path_len, NULL);
}

/* The tokens that have a row. */
static int list_rows(const struct rows *r, struct st_vocab *out, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < r->v->n; i++) {
		const struct st_token *t = &r->v->v[i];

		if (t->id < r->n)
			rc = st_vocab_put(out, t, e);
	}
	return rc;
}

static int compare_all(struct st_agreeing *k, const struct rows *r, const struct st_vocab *v,
		       struct st_err *e)
{
	const struct st_token *odd = NULL, *is = NULL;
	int rc = compare(&k->got, v, &odd, &is, e);

	if (rc == ST_OK && !odd)
		odd = find_rowless(k, r);
	return rc == ST_OK && odd ? refuse_rows(k, r, odd, is, e) : rc;
}

static int compare_rows(struct st_agreeing *k, const struct rows *r, struct st_err *e)
{
	struct st_vocab some;
	int rc;

	if (r->other)
		return ST_OK;
	if (!r->few)
		return compare_all(k, r, r->v, e);
	st_vocab_init(&some);
	rc = list_rows(r, &some, e);
	if (rc == ST_OK)
		rc = compare_all(k, r, &some, e);
	st_vocab_release(&some);
	return rc;
}

int st_agreeing_rows(struct st_agreeing *k, const struct st_merge_item *it, size_t side,
		     struct st_err *e)
{
	struct rows r = { .it = it, .side = side };
	struct st_quote q;
	int rc;

	if (is_bereft(k, it, side))
		return st_fail(e, ST_EREFUSED,
			       "'%s' would be left without tensor %s, since it is no file of %s: "
			       "decide for a version that has it, or stage a model of your own "
			       "with 'strata add'",
			       it->path, st_quote(&q, it->name, it->name_len), name_of(k, side));
	rc = open_rows(k, &r, e);
	return rc == ST_OK ? compare_rows(k, &r, e) : rc;
}

/* ---- of any other version ---- */

/* In the file of that path there, or in those of the same model. */
static int open_other(struct st_agreeing *k, struct rows *r, struct st_err *e)
{
	const struct st_weave_unit *u = st_weave_unit_with(k->w, r->it->path);
	const struct st_stage_row *row =
		st_index_find(&k->other.x, r->it->path, r->it->path_len, NULL);
	struct st_unit_version all = { .rows = &row, .n = row != NULL };
	int rc = u ? st_weave_unit_from(k->w, u, &k->other.commit, &all, e) : ST_OK;

	for (size_t i = 0; rc == ST_OK && r->other && i < all.n; i++) {
		rc = find_rows(k->w, all.rows[i], r->it, r->v->end, &r->n, &r->other, e);
		r->other = r->other || r->n == UINT64_MAX;
		if (rc == ST_OK && r->other)
			rc = open_few(k, r, e);
	}
	return rc;
}

int st_agreeing_rows_from(struct st_agreeing *k, const struct st_merge_item *it,
			  const struct st_oid *commit, struct st_err *e)
{
	struct rows r = {
		.it = it, .side = OTHER, .v = &k->other.v, .n = UINT64_MAX, .other = true
	};
	int rc = st_agreeing_other(k, commit, e);

	if (rc == ST_OK && r.v->n)
		rc = open_other(k, &r, e);
	return rc == ST_OK ? compare_rows(k, &r, e) : rc;
}

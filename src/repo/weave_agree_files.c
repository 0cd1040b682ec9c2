/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the files of a tokenizer that came out of a merge agree: all together about whose an id
 * is, those that have all tokens each by itself, and with the union where vocabularies were joined.
 */
#include "repo/weave_agree.h"

#include "tensor/quote.h"

#include <inttypes.h>

/* ---- an id twice ---- */

/* Two tokens of one id, as no side has them. */
static int check_twice(struct st_agreeing *k, struct st_err *e)
{
	const struct st_token **first;
	struct st_quote qa, qb;
	size_t end;
	int rc = st_size(k->got.end, &end, e);

	first = rc == ST_OK ? st_calloc(end, sizeof(*first), e) : NULL;
	if (!first)
		return e->code;
	for (size_t i = 0; rc == ST_OK && i < k->got.n; i++) {
		const struct st_token *t = &k->got.v[i], *f = first[t->id];
		bool had = !f;
		uint64_t a, b;

		first[t->id] = f ? f : t;
		for (size_t s = 0; !had && s < k->w->n; s++)
			had = st_map_get(&k->side[s].ids, f->text, f->len, &a) &&
			      st_map_get(&k->side[s].ids, t->text, t->len, &b) && a == b;
		if (!had)
			rc = st_fail(e, ST_EREFUSED,
				     "tokens %s of %s%s and %s of %s%s would both have the id "
				     "%" PRIu64 ": decide all of the tokenizer alike, as in strata "
				     "resolve '%s*' --vocab union",
				     st_quote(&qa, f->text, f->len), k->dir, f->file,
				     st_quote(&qb, t->text, t->len), k->dir, t->file, t->id,
				     k->dir);
	}
	free(first);
	return rc;
}

/* ---- what each says ---- */

static int refuse_token(const struct st_agreeing *k, const char *file, const struct st_token *t,
			const char *what, struct st_err *e)
{
	struct st_quote q;

	return st_fail(e, ST_EREFUSED,
		       "token %s of the %s would %s in %s%s: decide for one side, or stage the "
		       "tokenizer's files and the model with 'strata add'; or give both sides the "
		       "same kinds of files first, on their branches",
		       st_quote(&q, t->text, t->len),
		       st_weave_united(k->w, k->dir) ? "union" : "tokenizer", what, k->dir, file);
}

/* The tokens that a version has in a file that has all of them, and in what belongs to that. */
static int read_kind(struct st_agreeing *k, const struct st_index *x, const char *file,
		     struct st_vocab *v, struct st_err *e)
{
	const struct st_token *odd, *was;
	struct st_vocab added;
	const char *more = st_vocab_table(ST_VOCAB_WHOLE);
	int rc = st_weave_vocab_file(k->w, x, k->dir, file, v, e);

	if (rc != ST_OK || !v->file || strcmp(file, st_vocab_table(0)) == 0)
		return rc;
	st_vocab_init(&added);
	rc = st_weave_vocab_file(k->w, x, k->dir, more, &added, e);
	if (rc == ST_OK)
		rc = st_vocab_join(v, &added, &odd, &was, e);
	st_vocab_release(&added);
	return rc;
}

/* May a file of the result lack the token? As it does on a side that has it in other files. */
static bool may_lack(const struct st_agreeing *k, const struct st_vocab *of,
		     const struct st_token *t)
{
	for (size_t i = 0; i < k->w->n; i++)
		if (of[i].file && st_map_get(&k->side[i].ids, t->text, t->len, NULL) &&
		    !st_map_get(&of[i].ids, t->text, t->len, NULL))
			return true;
	return false;
}

static int compare_kind(struct st_agreeing *k, const struct st_vocab *all, const char *file,
			struct st_vocab *got, struct st_vocab *of, struct st_err *e)
{
	int rc = read_kind(k, k->x, file, got, e);

	for (size_t i = 0; rc == ST_OK && got->file && i < k->w->n; i++)
		rc = read_kind(k, &k->w->sides[i], file, &of[i], e);
	for (size_t i = 0; rc == ST_OK && got->file && i < all->n; i++)
		if (!st_map_get(&got->ids, all->v[i].text, all->v[i].len, NULL) &&
		    !may_lack(k, of, &all->v[i]))
			rc = refuse_token(k, file, &all->v[i], "be missing", e);
	return rc;
}

/* Each kind of file that has all tokens has those of the others. */
static int check_kinds(struct st_agreeing *k, const struct st_vocab *all, struct st_err *e)
{
	struct st_vocab got, of[ST_THREE_SIDES];
	int rc = ST_OK;

	for (size_t kind = 0; rc == ST_OK && kind < ST_VOCAB_WHOLE; kind++) {
		st_vocab_init(&got);
		for (size_t i = 0; i < k->w->n; i++)
			st_vocab_init(&of[i]);
		rc = compare_kind(k, all, st_vocab_table(kind), &got, of, e);
		st_vocab_release(&got);
		for (size_t i = 0; i < k->w->n; i++)
			st_vocab_release(&of[i]);
	}
	return rc;
}

/* ---- the union ---- */

/* The union's tokens, as files would say them. */
static int tell_union(const struct st_weave_vocab *v, struct st_vocab *all, struct st_err *e)
{
	const struct st_token *odd, *was;
	int rc = st_vocab_join(all, &v->ours, &odd, &was, e);

	return rc == ST_OK ? st_vocab_add_new(all, &v->theirs, &v->u, e) : rc;
}

static int check_union(struct st_agreeing *k, struct st_err *e)
{
	const struct st_weave_vocab *v;
	struct st_vocab all;
	int rc = st_weave_vocab(k->w, k->dir, &v, e);

	st_vocab_init(&all);
	if (rc == ST_OK)
		rc = tell_union(v, &all, e);
	for (size_t i = 0; rc == ST_OK && i < k->got.n; i++) {
		const struct st_token *t = &k->got.v[i];
		uint64_t id;

		if (!st_map_get(&all.ids, t->text, t->len, &id) || id != t->id)
			rc = refuse_token(k, t->file, t, "have another id", e);
	}
	for (size_t i = 0; rc == ST_OK && i < all.n; i++)
		if (!st_map_get(&k->got.ids, all.v[i].text, all.v[i].len, NULL))
			rc = refuse_token(k, all.v[i].file, &all.v[i], "be missing", e);
	st_vocab_release(&all);
	return rc;
}

/* ---- all of it ---- */

int st_agreeing_files(struct st_agreeing *k, struct st_err *e)
{
	const struct st_weave_told told = {
		.x = k->x, .dir = k->dir, .got = &k->got, .side = k->side
	};
	int rc = check_twice(k, e);

	if (rc == ST_OK && st_weave_united(k->w, k->dir))
		rc = check_union(k, e);
	if (rc == ST_OK)
		rc = check_kinds(k, &k->got, e);
	return rc == ST_OK ? st_weave_told(k->w, &told, e) : rc;
}

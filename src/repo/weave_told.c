/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether what came out of a merge means to those that load it what its tokenizer says: which ids
 * the added tokens of a tokenizer.json have, and which a tokenizer_config.json says that they have.
 */
#include "repo/weave.h"

#include "tensor/quote.h"

#include <inttypes.h>
#include <stdlib.h>

#define MOST ((size_t)256 << 20) /* bytes of one text */

/* ---- as it is loaded ---- */

/* out->token is the caller's, of what is not there, or is no such file, too. */
static int load(struct st_weave *w, const struct st_stage_row *row, struct st_vocab_loaded *out,
		struct st_err *e)
{
	struct st_err bad = { 0 };
	struct st_vocab_text t;
	struct st_buf b;
	bool has;
	int rc;

	*out = (struct st_vocab_loaded){ 0 };
	st_buf_init(&b, MOST);
	rc = st_weave_slurp_text(w, row, &b, &has, e);
	t = (struct st_vocab_text){ b.p, b.len };
	if (rc == ST_OK && has && st_vocab_load(&t, out, &bad) != ST_OK) {
		*out = (struct st_vocab_loaded){ 0 };
		if (bad.code == ST_ENOMEM)
			*e = bad;
	}
	st_buf_release(&b);
	return e->code;
}

static const struct st_stage_row *find(const struct st_index *x, const char *dir)
{
	return st_weave_beside(x, dir, strlen(dir), st_vocab_table(0));
}

/* Does a side live with a file that is loaded otherwise than it says? */
static int is_of_side(struct st_weave *w, const char *dir, bool *yes, struct st_err *e)
{
	struct st_vocab_loaded x;
	int rc = ST_OK;

	*yes = false;
	for (size_t i = 0; rc == ST_OK && !*yes && i < w->n; i++) {
		rc = load(w, find(&w->sides[i], dir), &x, e);
		*yes = rc == ST_OK && x.odd;
		st_buf_release(&x.token);
	}
	return rc;
}

static int check_loaded(struct st_weave *w, const struct st_index *x, const char *dir,
			struct st_err *e)
{
	const struct st_stage_row *row = find(x, dir);
	struct st_vocab_loaded got;
	struct st_quote q;
	bool own = false;
	int rc = load(w, row, &got, e);

	if (rc == ST_OK && got.odd)
		rc = is_of_side(w, dir, &own, e);
	if (rc == ST_OK && got.odd && !own)
		rc = st_fail(e, ST_EREFUSED,
			     "%s would say that the added token %s is %" PRIu64
			     ", but the tokenizers library, which numbers added tokens behind "
			     "model.vocab itself, would load it as %" PRIu64
			     ": decide all of the tokenizer and its model for one side, or add new "
			     "tokens to 'added_tokens' instead of 'model.vocab', on their branches",
			     row->path, st_quote(&q, (const char *)got.token.p, got.token.len),
			     got.said, got.id);
	st_buf_release(&got.token);
	return rc;
}

/* ---- what is said again ---- */

#define CONFIG "tokenizer_config.json"

/* v is initialised. What cannot be read says nothing. */
static int read_config(struct st_weave *w, const struct st_stage_row *row, struct st_vocab *v,
		       struct st_err *e)
{
	struct st_err bad = { 0 };
	struct st_buf b;
	bool has;
	int rc;

	st_buf_init(&b, MOST);
	rc = st_weave_slurp_text(w, row, &b, &has, e);
	if (rc == ST_OK && has && st_vocab_read(v, CONFIG, b.p, b.len, &bad) != ST_OK) {
		st_vocab_release(v);
		if (bad.code == ST_ENOMEM)
			*e = bad;
	}
	st_buf_release(&b);
	return e->code;
}

/* Has the tokenizer another id for it, or another token for its id? has: of each id; NULL: look. */
static bool is_otherwise(const struct st_vocab *v, const struct st_token *t, const bool *has)
{
	uint64_t id;

	if (st_map_get(&v->ids, t->text, t->len, &id))
		return id != t->id;
	return has ? t->id < v->end && has[t->id] : st_vocab_find_id(v, t->id) != NULL;
}

/* Does a side say so of the token beside its own tokenizer? */
static int is_said(struct st_weave *w, const struct st_weave_told *k, const char *path,
		   const struct st_token *t, bool *yes, struct st_err *e)
{
	int rc = ST_OK;

	*yes = false;
	for (size_t i = 0; rc == ST_OK && !*yes && i < w->n; i++) {
		struct st_token own = *t;
		struct st_vocab v;

		st_vocab_init(&v);
		rc = read_config(w, st_index_find(&w->sides[i], path, strlen(path), NULL), &v, e);
		*yes = rc == ST_OK && st_map_get(&v.ids, t->text, t->len, &own.id) &&
		       is_otherwise(&k->side[i], &own, NULL);
		st_vocab_release(&v);
	}
	return rc;
}

static int refuse(const struct st_weave_told *k, const char *path, const struct st_token *t,
		  struct st_err *e)
{
	const struct st_token *is = st_vocab_find(k->got, t->text, t->len);
	struct st_quote qa, qb;

	is = is ? is : st_vocab_find_id(k->got, t->id);
	return st_fail(
		e, ST_EREFUSED,
		"%s would say in added_tokens_decoder that token %s is %" PRIu64
		", but %s%s has %s as %" PRIu64
		": decide both alike, or stage the file as it is to be with 'strata add'; or "
		"give both branches such a file first",
		path, st_quote(&qa, t->text, t->len), t->id, k->dir, is->file,
		st_quote(&qb, is->text, is->len), is->id);
}

static int check_config(struct st_weave *w, const struct st_weave_told *k,
			const struct st_stage_row *row, struct st_err *e)
{
	struct st_vocab v;
	bool *has = st_vocab_used(k->got, e);
	int rc = has ? ST_OK : (int)e->code;

	st_vocab_init(&v);
	if (rc == ST_OK)
		rc = read_config(w, row, &v, e);
	for (size_t i = 0; rc == ST_OK && i < v.n; i++) {
		bool said;

		if (!is_otherwise(k->got, &v.v[i], has))
			continue;
		rc = is_said(w, k, row->path, &v.v[i], &said, e);
		if (rc == ST_OK && !said)
			rc = refuse(k, row->path, &v.v[i], e);
	}
	free(has);
	st_vocab_release(&v);
	return rc;
}

static bool is_config(const struct st_weave *w, const char *dir, const char *path)
{
	return strcmp(st_weave_file_name(path), CONFIG) == 0 && !st_weave_by_hand(w, path) &&
	       st_weave_in_vocab(w, dir, path);
}

int st_weave_told(struct st_weave *w, const struct st_weave_told *k, struct st_err *e)
{
	int rc = check_loaded(w, k->x, k->dir, e);

	for (size_t i = 0; rc == ST_OK && i < k->x->nrows; i++)
		if (is_config(w, k->dir, k->x->rows[i].path))
			rc = check_config(w, k, &k->x->rows[i], e);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a file that came out of a merge means to those that load it what it says: which ids the
 * added tokens of a tokenizer.json have.
 */
#include "repo/weave.h"

#include "tensor/quote.h"

#include <inttypes.h>

#define MOST ((size_t)256 << 20) /* bytes of one text */

/* ---- as it is loaded ---- */

/* out->token is the caller's, of what is not there, or is no such file, too. */
static int load(struct st_weave *w, const struct st_stage_row *row, struct st_vocab_loaded *out,
		struct st_err *e)
{
	struct st_err bad = { 0 };
	struct st_buf b;
	int rc = ST_OK;

	*out = (struct st_vocab_loaded){ 0 };
	if (!row || row->mode == ST_MODE_LINK || row->size > MOST)
		return ST_OK;
	st_buf_init(&b, MOST);
	rc = st_weave_slurp(w, row, &b, e);
	if (rc == ST_OK) {
		const struct st_vocab_text t = { b.p, b.len };

		rc = st_vocab_load(&t, out, &bad);
		if (rc == ST_ENOMEM)
			*e = bad;
		else if (rc != ST_OK)
			*out = (struct st_vocab_loaded){ 0 };
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

int st_weave_told(struct st_weave *w, const struct st_index *x, const char *dir, struct st_err *e)
{
	return check_loaded(w, x, dir, e);
}

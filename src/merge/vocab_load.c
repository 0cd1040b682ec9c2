/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tokenizer.json means to the tokenizers library, which does not read the ids of its added
 * tokens: those that the model's vocabulary has are those there, and each other one gets, in the
 * order of the list, the next number behind the vocabulary's size and the largest id of an added
 * token.
 */
#include "merge/vocab_priv.h"

struct loading {
	struct st_vocab model, added;
	uint64_t size; /* of the model's vocabulary */
	bool has_model;
	struct st_vocab_entry entry;
	struct st_vocab_loaded *out;
};

static int count_piece(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	struct loading *k = arg;

	(void)e;
	k->size = x->place + 1;
	return ST_OK;
}

static int on_model(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	const struct st_vocab_text t = { x->p, x->to - x->from };
	struct loading *k = arg;
	int rc;

	if (!st_vocab_item_is(x, "vocab"))
		return ST_OK;
	rc = st_vocab_read_tokens(&k->model, &t, e);
	k->has_model = true;
	k->size = k->model.n;
	return rc == ST_OK && !st_vocab_is_object(&t) ?
		       st_vocab_each(&t, false, count_piece, k, e) :
		       rc;
}

static int find_model(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	const struct st_vocab_text t = { x->p, x->to - x->from };

	return st_vocab_item_is(x, "model") && st_vocab_is_object(&t) ?
		       st_vocab_each(&t, true, on_model, arg, e) :
		       ST_OK;
}

static uint64_t next_id(const struct loading *k)
{
	return k->added.n && (k->added.end > k->size || !k->size) ? k->added.end : k->size;
}

/* An empty one is none, and of one that comes twice the first one counts. */
static int number(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	struct loading *k = arg;
	const struct st_buf *token = &k->entry.token;
	uint64_t id;
	int rc = st_vocab_read_entry(&k->entry, x, e);

	if (rc != ST_OK || !token->len || st_map_get(&k->added.ids, token->p, token->len, NULL))
		return rc;
	if (!st_map_get(&k->model.ids, token->p, token->len, &id))
		id = next_id(k);
	if (id != k->entry.id && !k->out->odd) {
		k->out->odd = true;
		k->out->said = k->entry.id;
		k->out->id = id;
		rc = st_buf_add(&k->out->token, token->p, token->len, e);
	}
	return rc == ST_OK ? st_vocab_add(&k->added, (const char *)token->p, token->len, id, e) :
			     rc;
}

static int find_added(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	const struct st_vocab_text t = { x->p, x->to - x->from };

	return st_vocab_item_is(x, "added_tokens") ? st_vocab_each(&t, false, number, arg, e) :
						     ST_OK;
}

int st_vocab_load(const struct st_vocab_text *text, struct st_vocab_loaded *out, struct st_err *e)
{
	const struct st_vocab_text t = st_vocab_unmarked(text);
	struct loading k = { .out = out };
	int rc;

	*out = (struct st_vocab_loaded){ 0 };
	st_buf_init(&out->token, t.len + 1);
	st_buf_init(&k.entry.token, t.len + 1);
	st_vocab_init(&k.model);
	st_vocab_init(&k.added);
	rc = st_vocab_each(&t, true, find_model, &k, e);
	if (rc == ST_OK && k.has_model)
		rc = st_vocab_each(&t, true, find_added, &k, e);
	st_vocab_release(&k.model);
	st_vocab_release(&k.added);
	st_buf_release(&k.entry.token);
	if (rc != ST_OK)
		st_buf_release(&out->token);
	return rc;
}

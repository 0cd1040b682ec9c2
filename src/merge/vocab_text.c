/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of the texts that hold tokens, when two vocabularies become one: ours's as it is
 * written, and behind it what theirs has besides, as it is written there, under its new ids.
 */
#include "merge/vocab_priv.h"

#include <inttypes.h>

struct writing {
	enum st_vocab_form form;
	const struct st_vocab_union *u;
	const struct st_vocab_text *ours;
	struct st_map had; /* what ours's list has */
	size_t n;	   /* members, those added counted */
	size_t first, end; /* where ours's first member begins, and its last ends */
	enum st_vocab_pair ours_pair, pair; /* how ours writes merges, and the one that is read */
	struct st_vocab_entry entry;
	struct st_buf *out;
};

static bool new_id(const struct writing *k, uint64_t theirs, uint64_t *id)
{
	*id = theirs < k->u->ntheirs ? k->u->to[theirs] : ST_NO_TOKEN;
	return *id != ST_NO_TOKEN;
}

/* What makes a member one that ours has too: its token, its tokens, its id or its text. */
static int identity(struct writing *k, const struct st_vocab_item *x, bool theirs, const void **p,
		    size_t *len, struct st_err *e)
{
	int rc = ST_OK;

	*p = x->key ? x->key : x->p;
	*len = x->key ? x->key_len : x->to - x->from;
	if (k->form == ST_VOCAB_ENTRIES)
		rc = st_vocab_read_entry(&k->entry, x, e);
	else if (k->form == ST_VOCAB_TOKENS && !x->key)
		rc = st_vocab_read_piece(&k->entry.token, x, e);
	else if (k->form == ST_VOCAB_MERGES)
		rc = st_vocab_pair_read(x->p, x->to - x->from, &k->entry.token, &k->pair, e);
	if (k->form == ST_VOCAB_ENTRIES || k->form == ST_VOCAB_MERGES ||
	    (k->form == ST_VOCAB_TOKENS && !x->key)) {
		*p = k->entry.token.p;
		*len = k->entry.token.len;
	}
	if (rc == ST_OK && k->form == ST_VOCAB_BY_ID) {
		rc = st_vocab_read_id(x->key, x->key_len, &k->entry.id, e);
		if (rc == ST_OK && theirs && !new_id(k, k->entry.id, &k->entry.id))
			k->entry.id = ST_NO_TOKEN; /* no token of its vocabulary has it */
		*p = &k->entry.id;
		*len = sizeof(k->entry.id);
	}
	return rc;
}

static int on_ours(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	struct writing *k = arg;
	const void *p;
	size_t len;
	int rc = identity(k, x, false, &p, &len, e);

	if (!k->n++) {
		k->first = x->begin;
		k->ours_pair = k->pair;
	}
	k->end = x->to;
	return rc == ST_OK ? st_map_put(&k->had, p, len, 1, NULL, NULL, e) : rc;
}

/* A member's text with its new id. */
static int put(struct writing *k, const struct st_vocab_item *x, const void *token, size_t len,
	       struct st_err *e)
{
	uint64_t id = k->entry.id;

	switch (k->form) {
	case ST_VOCAB_BY_ID:
		return st_buf_addf(k->out, e, "\"%" PRIu64 "\": %.*s", id, (int)(x->to - x->from),
				   x->p);
	case ST_VOCAB_ENTRIES:
		if (!new_id(k, k->entry.id, &id))
			return st_fail(e, ST_EFORMAT, "an added token has an id of no vocabulary");
		if (st_buf_add(k->out, x->p, k->entry.id_from, e) == ST_OK &&
		    st_buf_addf(k->out, e, "%" PRIu64, id) == ST_OK)
			return st_buf_add(k->out, x->p + k->entry.id_to,
					  x->to - x->from - k->entry.id_to, e);
		return e->code;
	case ST_VOCAB_TOKENS:
		if (!st_map_get(&k->u->added, token, len, &id)) /* ours has it elsewhere */
			return st_fail(e, ST_EREFUSED,
				       "tokens of one list are in another one on the other side");
		if (x->key)
			return st_buf_add(k->out, x->all + x->begin, x->from - x->begin, e) ==
					       ST_OK ?
				       st_buf_addf(k->out, e, "%" PRIu64, id) :
				       (int)e->code;
		if (id != k->n)
			return st_fail(e, ST_EREFUSED,
				       "token %" PRIu64 " would have to be the %zu-th of its list",
				       id, k->n);
		break;
	case ST_VOCAB_MERGES:
		if (k->pair && k->ours_pair && k->pair != k->ours_pair)
			return st_vocab_pair_write(&k->entry.token, k->ours_pair, k->out, e);
		break;
	default:
		break;
	}
	return st_buf_add(k->out, x->p, x->to - x->from, e);
}

static int on_theirs(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	const char *ours;
	struct writing *k = arg;
	const void *p;
	size_t len, open;
	int rc = identity(k, x, true, &p, &len, e);

	if (rc != ST_OK || st_map_get(&k->had, p, len, NULL) ||
	    (k->form == ST_VOCAB_BY_ID && k->entry.id == ST_NO_TOKEN))
		return rc;
	ours = k->ours->p;
	if (k->form == ST_VOCAB_TOKENS && x->key && !st_map_get(&k->u->added, p, len, NULL))
		return ST_OK; /* another list of ours has it */
	if (k->n && st_buf_addch(k->out, ',', e) != ST_OK)
		return e->code;
	for (open = 0; ours && k->first && ours[open] != '{' && ours[open] != '['; open++)
		;
	if (k->first && st_buf_add(k->out, ours + open + 1, k->first - open - 1, e) != ST_OK)
		return e->code;
	rc = put(k, x, p, len, e);
	k->n++;
	return rc;
}

static int write_list(struct writing *k, const struct st_vocab_text *theirs, struct st_err *e)
{
	const struct st_vocab_text *ours = k->ours;
	bool object = st_vocab_is_object(theirs);
	size_t tail;
	int rc;

	if (ours->p && st_vocab_is_object(ours) != object)
		return st_fail(e, ST_EREFUSED, "the vocabularies are written in different ways");
	if (!ours->p)
		return st_buf_add(k->out, theirs->p, theirs->len, e);
	rc = st_vocab_each(ours, object, on_ours, k, e);
	if (rc != ST_OK)
		return rc;
	if (!k->n)
		for (k->end = 0; k->end < ours->len;)
			if (strchr("{[", ((const char *)ours->p)[k->end++]))
				break;
	tail = k->end;
	rc = st_buf_add(k->out, ours->p, k->end, e);
	if (rc == ST_OK)
		rc = st_vocab_each(theirs, object, on_theirs, k, e);
	return rc == ST_OK ? st_buf_add(k->out, (const char *)ours->p + tail, ours->len - tail, e) :
			     rc;
}

static int write_size(struct writing *k, struct st_err *e)
{
	uint64_t n = 0;
	int rc = st_vocab_read_id(k->ours->p, k->ours->len, &n, e);

	return rc == ST_OK ? st_buf_addf(k->out, e, "%" PRIu64, n > k->u->end ? n : k->u->end) : rc;
}

static int write_lines(struct writing *k, const struct st_vocab_text *theirs, struct st_err *e)
{
	const char *ours = k->ours->p;
	struct st_vocab a, b;
	int rc;

	st_vocab_init(&a);
	st_vocab_init(&b);
	rc = st_vocab_read_lines(&a, ours, k->ours->len, e);
	if (rc == ST_OK)
		rc = st_vocab_read_lines(&b, theirs->p, theirs->len, e);
	if (rc == ST_OK)
		rc = st_buf_add(k->out, ours, k->ours->len, e);
	if (rc == ST_OK && k->ours->len && ours[k->ours->len - 1] != '\n')
		rc = st_buf_addch(k->out, '\n', e);
	for (size_t i = 0; rc == ST_OK && i < b.n; i++) {
		uint64_t id;

		if (!st_map_get(&k->u->added, b.v[i].text, b.v[i].len, &id))
			continue;
		if (id != a.end)
			rc = st_fail(e, ST_EREFUSED,
				     "token %" PRIu64 " would have to be in line %" PRIu64, id,
				     a.end + 1);
		a.end++;
		if (rc == ST_OK)
			rc = st_buf_add(k->out, b.v[i].text, b.v[i].len, e);
		if (rc == ST_OK)
			rc = st_buf_addch(k->out, '\n', e);
	}
	st_vocab_release(&a);
	st_vocab_release(&b);
	return rc;
}

int st_vocab_text(enum st_vocab_form form, const struct st_vocab_union *u,
		  const struct st_vocab_text *ours, const struct st_vocab_text *theirs,
		  struct st_buf *out, struct st_err *e)
{
	struct writing k = { .form = form, .u = u, .ours = ours, .out = out };
	int rc;

	st_buf_init(&k.entry.token, ours->len + theirs->len + 1);
	st_map_init(&k.had);
	switch (form) {
	case ST_VOCAB_SIZE:
		rc = write_size(&k, e);
		break;
	case ST_VOCAB_LINES:
		rc = write_lines(&k, theirs, e);
		break;
	default:
		rc = write_list(&k, theirs, e);
	}
	st_map_release(&k.had);
	st_buf_release(&k.entry.token);
	return rc;
}

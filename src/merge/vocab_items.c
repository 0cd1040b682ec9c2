/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of the lists and objects of a tokenizer's files, with the places of their texts, so that
 * a file can be written again with only its ids changed.
 */
#include "merge/vocab_priv.h"

#include "base/json.h"

static size_t skip_blanks(const struct st_json *j, size_t at)
{
	while (at < j->len && (j->p[at] == ' ' || j->p[at] == '\t' || j->p[at] == '\r' ||
			       j->p[at] == '\n' || j->p[at] == ','))
		at++;
	return at;
}

bool st_vocab_item_is(const struct st_vocab_item *x, const char *key)
{
	return strlen(key) == x->key_len && memcmp(key, x->key, x->key_len) == 0;
}

static int next_item(struct st_json *j, bool object, struct st_vocab_item *x, bool *there,
		     struct st_err *e)
{
	size_t len;

	x->begin = skip_blanks(j, j->pos);
	if (object)
		x->key = st_json_key(j, &x->key_len);
	*there = object ? x->key != NULL : st_json_item(j);
	if (!*there)
		return e->code;
	x->p = st_json_raw(j, &len);
	if (!x->p)
		return e->code;
	x->from = (size_t)(x->p - j->p);
	x->to = x->from + len;
	if (!object)
		x->begin = x->from;
	return ST_OK;
}

int st_vocab_each(const struct st_vocab_text *t, bool object, st_vocab_item_fn cb, void *arg,
		  struct st_err *e)
{
	struct st_vocab_item x = { .all = t->p };
	struct st_json j;
	bool there = true;
	int rc = ST_OK;

	st_json_init(&j, t->p, t->len, ST_JSON_DEPTH, e);
	if (object ? !st_json_object(&j) : !st_json_array(&j))
		rc = e->code;
	while (rc == ST_OK && there) {
		rc = next_item(&j, object, &x, &there, e);
		if (rc == ST_OK && there)
			rc = cb(arg, &x, e);
		x.place++;
	}
	st_json_release(&j);
	return rc;
}

bool st_vocab_is_object(const struct st_vocab_text *t)
{
	const char *p = t->p;
	size_t i = 0;

	while (i < t->len && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r' || p[i] == '\n'))
		i++;
	return i < t->len && p[i] == '{';
}

int st_vocab_read_id(const char *p, size_t len, uint64_t *id, struct st_err *e)
{
	struct st_json j;

	st_json_init(&j, p, len, 4, e);
	*id = st_json_u64(&j);
	st_json_end(&j);
	st_json_release(&j);
	return e->code;
}

static int on_member(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	struct st_vocab_entry *n = arg;
	struct st_json j;
	const char *text;
	size_t len;

	if (st_vocab_item_is(x, "id")) {
		n->has_id = true;
		n->id_from = x->from;
		n->id_to = x->to;
		return st_vocab_read_id(x->p, x->to - x->from, &n->id, e);
	}
	if (!st_vocab_item_is(x, "content"))
		return ST_OK;
	n->has_token = true;
	st_buf_clear(&n->token);
	st_json_init(&j, x->p, x->to - x->from, 4, e);
	text = st_json_string(&j, &len);
	if (text && st_buf_add(&n->token, text, len, e) != ST_OK)
		text = NULL;
	st_json_release(&j);
	return text ? ST_OK : (int)e->code;
}

int st_vocab_read_partial(struct st_vocab_entry *n, const struct st_vocab_item *x, struct st_err *e)
{
	const struct st_vocab_text t = { x->p, x->to - x->from };

	n->has_id = n->has_token = false;
	return st_vocab_each(&t, true, on_member, n, e);
}

int st_vocab_read_entry(struct st_vocab_entry *n, const struct st_vocab_item *x, struct st_err *e)
{
	int rc = st_vocab_read_partial(n, x, e);

	if (rc == ST_OK && (!n->has_id || !n->has_token))
		rc = st_fail(e, ST_EFORMAT, "an added token has no id or no content");
	return rc;
}

/* The first of a list: a piece of a vocabulary that is ["token", score]. */
static int on_piece(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	struct st_buf *b = arg;
	struct st_json j;
	const char *text;
	size_t len;
	int rc = ST_OK;

	if (x->place)
		return ST_OK;
	st_json_init(&j, x->p, x->to - x->from, 4, e);
	text = st_json_string(&j, &len);
	rc = text ? st_buf_add(b, text, len, e) : (int)e->code;
	st_json_release(&j);
	return rc;
}

int st_vocab_read_piece(struct st_buf *b, const struct st_vocab_item *x, struct st_err *e)
{
	const struct st_vocab_text t = { x->p, x->to - x->from };

	st_buf_clear(b);
	return st_vocab_each(&t, false, on_piece, b, e);
}

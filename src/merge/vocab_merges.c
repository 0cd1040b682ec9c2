/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The merges of a tokenizer.json, "a b" as tokenizers before 0.20 wrote them, or ["a", "b"]: the
 * same two tokens, whichever way they and their characters are written.
 */
#include "base/json.h"
#include "merge/vocab.h"

#define BETWEEN 0xff /* which no UTF-8 has */

/* One space, between two tokens. */
static bool cut_words(struct st_buf *b, size_t from)
{
	uint8_t *p = b->p + from, *space = memchr(p, ' ', b->len - from);

	if (!space || memchr(space + 1, ' ', (size_t)(b->p + b->len - space) - 1))
		return false;
	*space = BETWEEN;
	return true;
}

static int read_words(struct st_json *j, struct st_buf *out, enum st_vocab_pair *form)
{
	size_t from = out->len, len;
	const char *s = st_json_string(j, &len);

	if (!s || st_buf_add(out, s, len, j->err) != ST_OK)
		return j->err->code;
	*form = len && cut_words(out, from) ? ST_VOCAB_WORDS : ST_VOCAB_NO_PAIR;
	return ST_OK;
}

static int read_list(struct st_json *j, struct st_buf *out, enum st_vocab_pair *form)
{
	size_t n = 0, len;
	int rc = ST_OK;

	st_json_array(j);
	while (rc == ST_OK && st_json_item(j)) {
		const char *s;

		if (st_json_peek(j) != ST_JSON_STRING)
			return ST_OK; /* which is no pair */
		s = st_json_string(j, &len);
		rc = s && n++ ? st_buf_addch(out, (char)BETWEEN, j->err) : (int)j->err->code;
		if (rc == ST_OK)
			rc = st_buf_add(out, s, len, j->err);
	}
	*form = n == 2 ? ST_VOCAB_LIST : ST_VOCAB_NO_PAIR;
	return j->err->code;
}

int st_vocab_pair_read(const char *text, size_t len, struct st_buf *out, enum st_vocab_pair *form,
		       struct st_err *e)
{
	enum st_json_type type;
	struct st_json j;
	int rc = ST_OK;

	*form = ST_VOCAB_NO_PAIR;
	st_buf_clear(out);
	st_json_init(&j, text, len, ST_JSON_DEPTH, e);
	type = st_json_peek(&j);
	if (type == ST_JSON_STRING)
		rc = read_words(&j, out, form);
	else if (type == ST_JSON_ARRAY)
		rc = read_list(&j, out, form);
	st_json_release(&j);
	if (rc != ST_OK || *form != ST_VOCAB_NO_PAIR)
		return rc;
	st_buf_clear(out);
	return st_buf_add(out, text, len, e);
}

int st_vocab_pair_write(const struct st_buf *pair, enum st_vocab_pair form, struct st_buf *out,
			struct st_err *e)
{
	const char *p = (const char *)pair->p, *at = memchr(p, BETWEEN, pair->len);
	size_t a = (size_t)(at - p), b = pair->len - a - 1;
	struct st_buf words;
	struct st_jw w;
	int rc = ST_OK;

	st_jw_init(&w, out, false, e);
	if (form == ST_VOCAB_LIST) {
		st_jw_array(&w);
		st_jw_stringn(&w, p, a);
		st_jw_stringn(&w, at + 1, b);
		st_jw_close_array(&w);
		return e->code;
	}
	if (memchr(p, ' ', pair->len))
		return st_fail(e, ST_EREFUSED,
			       "a merge of tokens with spaces cannot be written as ours writes "
			       "merges, \"a b\": save ours's tokenizer with a newer version of "
			       "tokenizers first, on its branch");
	st_buf_init(&words, pair->len + 1);
	rc = st_buf_add(&words, p, pair->len, e);
	if (rc == ST_OK) {
		words.p[a] = ' ';
		st_jw_stringn(&w, (const char *)words.p, words.len);
	}
	st_buf_release(&words);
	return e->code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files hold which tokens, the table of tokens that they make, and tables of several files
 * joined to one.
 */
#include "merge/vocab_priv.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- where ---- */

static bool is(const char *a, const char *b, size_t len)
{
	return strlen(a) == len && (!len || memcmp(a, b, len) == 0);
}

static bool ends(const char *key, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && memcmp(key + len - n, with, n) == 0;
}

/* Is it that part of a file, or within it? */
static bool begins(const char *key, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && memcmp(key, with, n) == 0 && (len == n || key[n] == '.');
}

enum st_vocab_form st_vocab_form_of(const char *file, const char *key, size_t len)
{
	static const struct {
		const char *file, *key;
		enum st_vocab_form form;
	} known[] = {
		{ "tokenizer.json", "model.vocab", ST_VOCAB_TOKENS },
		{ "tokenizer.json", "added_tokens", ST_VOCAB_ENTRIES },
		{ "tokenizer.json", "model.merges", ST_VOCAB_MERGES },
		{ "tokenizer_config.json", "added_tokens_decoder", ST_VOCAB_BY_ID },
		{ "added_tokens.json", "", ST_VOCAB_TOKENS },
		{ "vocab.json", "", ST_VOCAB_TOKENS },
		{ "vocab.txt", "", ST_VOCAB_LINES },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(known[i].file, file) == 0 && is(known[i].key, key, len))
			return known[i].form;
	if (strcmp(file, "tokenizer.json") == 0)
		return begins(key, len, "post_processor") || begins(key, len, "padding") ||
				       is("model.unk_id", key, len) ?
			       ST_VOCAB_ID :
			       ST_VOCAB_NONE;
	if (strcmp(file, "config.json") != 0 && strcmp(file, "generation_config.json") != 0)
		return ST_VOCAB_NONE;
	if (is("vocab_size", key, len) || ends(key, len, ".vocab_size"))
		return ST_VOCAB_SIZE;
	if (len && key[len - 1] == ']') /* of a list, which elements may be asked about */
		while (len && key[--len] != '[')
			;
	return ends(key, len, "_token_id") ? ST_VOCAB_ID : ST_VOCAB_NONE;
}

const char *st_vocab_table(size_t i)
{
	static const char *const names[] = { "tokenizer.json", "vocab.json", "vocab.txt",
					     "added_tokens.json" };

	return i < sizeof(names) / sizeof(*names) ? names[i] : NULL;
}

static const char *table_of(const char *file)
{
	const char *name;

	for (size_t i = 0; (name = st_vocab_table(i)); i++)
		if (strcmp(name, file) == 0)
			return name;
	return NULL;
}

bool st_vocab_is_table(const char *file)
{
	return table_of(file) != NULL;
}

bool st_vocab_file(const char *file)
{
	static const char *const others[] = { "tokenizer_config.json", "config.json",
					      "generation_config.json" };

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(others[i], file) == 0)
			return true;
	return st_vocab_is_table(file);
}

/* ---- reading ---- */

void st_vocab_init(struct st_vocab *v)
{
	memset(v, 0, sizeof(*v));
	st_arena_init(&v->arena);
	st_map_init(&v->ids);
}

void st_vocab_release(struct st_vocab *v)
{
	free(v->v);
	st_map_release(&v->ids);
	st_arena_release(&v->arena);
	st_vocab_init(v);
}

int st_vocab_add(struct st_vocab *v, const char *text, size_t len, uint64_t id, struct st_err *e)
{
	const char *own;
	int rc;

	if (st_map_get(&v->ids, text, len, NULL))
		return ST_OK;
	if (id > (uint64_t)1 << 32)
		return st_fail(e, ST_ELIMIT, "a token has the id %" PRIu64, id);
	own = st_arena_dup(&v->arena, text, len, e);
	rc = own ? st_map_put(&v->ids, text, len, id, NULL, NULL, e) : (int)e->code;
	if (rc == ST_OK)
		rc = st_grow(&v->v, &v->cap, v->n + 1, e);
	if (rc != ST_OK)
		return rc;
	v->v[v->n++] = (struct st_token){ own, len, id, v->file };
	v->end = id >= v->end ? id + 1 : v->end;
	return ST_OK;
}

int st_vocab_put(struct st_vocab *v, const struct st_token *t, struct st_err *e)
{
	v->file = t->file;
	return st_vocab_add(v, t->text, t->len, t->id, e);
}

struct reading {
	struct st_vocab *v;
	struct st_vocab_entry entry;
};

static int add_member(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	struct reading *k = arg;
	uint64_t id;
	int rc = st_vocab_read_id(x->p, x->to - x->from, &id, e);

	return rc == ST_OK ? st_vocab_add(k->v, x->key, x->key_len, id, e) : rc;
}

static int add_entry(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	struct reading *k = arg;
	int rc = st_vocab_read_entry(&k->entry, x, e);

	return rc == ST_OK ? st_vocab_add(k->v, (const char *)k->entry.token.p, k->entry.token.len,
					  k->entry.id, e) :
			     rc;
}

static int add_piece(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	struct reading *k = arg;
	int rc = st_vocab_read_piece(&k->entry.token, x, e);

	return rc == ST_OK ? st_vocab_add(k->v, (const char *)k->entry.token.p, k->entry.token.len,
					  x->place, e) :
			     rc;
}

static int read_tokens(struct reading *k, const struct st_vocab_text *t, struct st_err *e)
{
	bool object = st_vocab_is_object(t);

	return st_vocab_each(t, object, object ? add_member : add_piece, k, e);
}

/* Of {"id": {"content": "token", ...}}. */
static int add_decoded(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	struct reading *k = arg;
	uint64_t id;
	int rc = st_vocab_read_id(x->key, x->key_len, &id, e);

	if (rc == ST_OK)
		rc = st_vocab_read_partial(&k->entry, x, e);
	return rc == ST_OK && k->entry.has_token ?
		       st_vocab_add(k->v, (const char *)k->entry.token.p, k->entry.token.len, id,
				    e) :
		       rc;
}

static int on_config(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	const struct st_vocab_text t = { x->p, x->to - x->from };

	return st_vocab_item_is(x, "added_tokens_decoder") && st_vocab_is_object(&t) ?
		       st_vocab_each(&t, true, add_decoded, arg, e) :
		       ST_OK;
}

int st_vocab_read_tokens(struct st_vocab *v, const struct st_vocab_text *t, struct st_err *e)
{
	struct reading k = { .v = v };
	int rc;

	st_buf_init(&k.entry.token, t->len + 1);
	rc = read_tokens(&k, t, e);
	st_buf_release(&k.entry.token);
	return rc;
}

static int on_model(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	const struct st_vocab_text t = { x->p, x->to - x->from };

	return st_vocab_item_is(x, "vocab") ? read_tokens(arg, &t, e) : ST_OK;
}

static int on_tokenizer(void *arg, const struct st_vocab_item *x, struct st_err *e)
{
	const struct st_vocab_text t = { x->p, x->to - x->from };

	if (st_vocab_item_is(x, "model") && st_vocab_is_object(&t))
		return st_vocab_each(&t, true, on_model, arg, e);
	if (st_vocab_item_is(x, "added_tokens"))
		return st_vocab_each(&t, false, add_entry, arg, e);
	return ST_OK;
}

/* The line at *at, which is moved behind it: as Python reads a text, up to \n, \r\n or \r. */
static size_t next_line(const char *p, size_t len, size_t *at)
{
	size_t from = *at, n = 0;

	while (from + n < len && p[from + n] != '\n' && p[from + n] != '\r')
		n++;
	*at = from + n + 1;
	if (*at < len && p[from + n] == '\r' && p[*at] == '\n')
		++*at;
	return n;
}

static int number_lines(struct st_map *last, const char *p, size_t len, uint64_t *n,
			struct st_err *e)
{
	int rc = ST_OK;

	*n = 0;
	for (size_t at = 0, to; rc == ST_OK && at < len; at = to) {
		to = at;
		rc = st_map_put(last, p + at, next_line(p, len, &to), (*n)++, NULL, NULL, e);
	}
	return rc;
}

int st_vocab_read_lines(struct st_vocab *v, const char *p, size_t len, struct st_err *e)
{
	struct st_map last; /* where each token comes last */
	uint64_t id, lines, line = 0;
	int rc;

	st_map_init(&last);
	rc = number_lines(&last, p, len, &lines, e);
	for (size_t at = 0, to; rc == ST_OK && at < len; at = to) {
		size_t n;

		to = at;
		n = next_line(p, len, &to);
		if (st_map_get(&last, p + at, n, &id) && id == line++)
			rc = st_vocab_add(v, p + at, n, id, e);
	}
	st_map_release(&last);
	v->end = v->end < lines ? lines : v->end;
	return rc;
}

struct st_vocab_text st_vocab_unmarked(const struct st_vocab_text *t)
{
	struct st_vocab_text out = *t;

	if (t->len >= 3 && memcmp(t->p, "\xef\xbb\xbf", 3) == 0)
		out = (struct st_vocab_text){ (const char *)t->p + 3, t->len - 3 };
	return out;
}

int st_vocab_read(struct st_vocab *v, const char *file, const void *p, size_t len, struct st_err *e)
{
	const struct st_vocab_text all = { p, len }, t = st_vocab_unmarked(&all); /* of JSON */
	struct reading k = { .v = v };
	int rc;

	v->file = table_of(file);
	st_buf_init(&k.entry.token, len + 1);
	if (strcmp(file, "tokenizer.json") == 0)
		rc = st_vocab_each(&t, true, on_tokenizer, &k, e);
	else if (strcmp(file, "tokenizer_config.json") == 0)
		rc = st_vocab_each(&t, true, on_config, &k, e);
	else if (strcmp(file, "vocab.txt") == 0)
		rc = st_vocab_read_lines(v, p, len, e);
	else
		rc = read_tokens(&k, &t, e);
	st_buf_release(&k.entry.token);
	if (rc == ST_OK && v->end > 4 * (uint64_t)v->n + ST_VOCAB_SPARE)
		rc = st_fail(e, ST_ELIMIT, "%zu tokens have ids up to %" PRIu64, v->n, v->end - 1);
	return rc;
}

/* ---- several files ---- */

const struct st_token *st_vocab_find_id(const struct st_vocab *v, uint64_t id)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->v[i].id == id)
			return &v->v[i];
	return NULL;
}

const struct st_token *st_vocab_find(const struct st_vocab *v, const char *text, size_t len)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->v[i].len == len && memcmp(v->v[i].text, text, len) == 0)
			return &v->v[i];
	return NULL;
}

bool *st_vocab_used(const struct st_vocab *v, struct st_err *e)
{
	size_t end;
	bool *used = st_size(v->end, &end, e) == ST_OK ? st_calloc(end, sizeof(*used), e) : NULL;

	for (size_t i = 0; used && i < v->n; i++)
		used[v->v[i].id] = true;
	return used;
}

int st_vocab_join(struct st_vocab *v, const struct st_vocab *b, const struct st_token **odd,
		  const struct st_token **was, struct st_err *e)
{
	const uint64_t end = v->end;
	size_t at = 0;
	bool *had = st_vocab_used(v, e);
	int rc = ST_OK;

	*odd = *was = NULL;
	if (!had)
		return e->code;
	for (size_t i = 0; rc == ST_OK && i < b->n; i++) {
		const struct st_token *t = &b->v[i];
		uint64_t id;
		bool there = st_map_get(&v->ids, t->text, t->len, &id);

		if (!*odd && (there ? id != t->id : t->id < end && had[t->id])) {
			*odd = t;
			at = (size_t)((there ? st_vocab_find(v, t->text, t->len) :
					       st_vocab_find_id(v, t->id)) -
				      v->v);
		}
		rc = st_vocab_put(v, t, e);
	}
	v->end = b->end > v->end ? b->end : v->end;
	*was = *odd ? &v->v[at] : NULL;
	free(had);
	return rc;
}

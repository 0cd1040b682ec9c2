/* SPDX-License-Identifier: Apache-2.0 */
#include "merge/vocab.h"

#include "base/json.h"

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

/* ---- members ---- */

struct item {
	const char *key; /* of an object's member, decoded; NULL: of a list */
	size_t key_len;
	size_t place;	     /* of a list */
	size_t from, to;     /* the value's text */
	const char *p, *all; /* it, and the whole text */
	size_t begin;	     /* the key's text, or the value's */
};

typedef int (*item_fn)(void *arg, const struct item *x, struct st_err *e);

static size_t skip_blanks(const struct st_json *j, size_t at)
{
	while (at < j->len && (j->p[at] == ' ' || j->p[at] == '\t' || j->p[at] == '\r' ||
			       j->p[at] == '\n' || j->p[at] == ','))
		at++;
	return at;
}

static int next_item(struct st_json *j, bool object, struct item *x, bool *there, struct st_err *e)
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

/* Of an object or a list. The key is borrowed until the next one. */
static int each_item(const struct st_vocab_text *t, bool object, item_fn cb, void *arg,
		     struct st_err *e)
{
	struct item x = { .all = t->p };
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

static bool is_object(const struct st_vocab_text *t)
{
	const char *p = t->p;
	size_t i = 0;

	while (i < t->len && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r' || p[i] == '\n'))
		i++;
	return i < t->len && p[i] == '{';
}

static int read_id(const char *p, size_t len, uint64_t *id, struct st_err *e)
{
	struct st_json j;

	st_json_init(&j, p, len, 4, e);
	*id = st_json_u64(&j);
	st_json_end(&j);
	st_json_release(&j);
	return e->code;
}

struct entry { /* of a list of objects */
	uint64_t id;
	size_t id_from, id_to; /* in the entry's text */
	struct st_buf token;
	bool has_id, has_token;
};

static int on_member(void *arg, const struct item *x, struct st_err *e)
{
	struct entry *n = arg;
	struct st_json j;
	const char *text;
	size_t len;

	if (is("id", x->key, x->key_len)) {
		n->has_id = true;
		n->id_from = x->from;
		n->id_to = x->to;
		return read_id(x->p, x->to - x->from, &n->id, e);
	}
	if (!is("content", x->key, x->key_len))
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

static int read_entry(struct entry *n, const struct item *x, struct st_err *e)
{
	const struct st_vocab_text t = { x->p, x->to - x->from };
	int rc;

	n->has_id = n->has_token = false;
	rc = each_item(&t, true, on_member, n, e);
	if (rc == ST_OK && (!n->has_id || !n->has_token))
		rc = st_fail(e, ST_EFORMAT, "an added token has no id or no content");
	return rc;
}

/* The first of a list: a piece of a vocabulary that is ["token", score]. */
static int on_piece(void *arg, const struct item *x, struct st_err *e)
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

static int read_piece(struct st_buf *b, const struct item *x, struct st_err *e)
{
	const struct st_vocab_text t = { x->p, x->to - x->from };

	st_buf_clear(b);
	return each_item(&t, false, on_piece, b, e);
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

static int add(struct st_vocab *v, const char *text, size_t len, uint64_t id, struct st_err *e)
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

struct reading {
	struct st_vocab *v;
	struct entry entry;
};

static int add_member(void *arg, const struct item *x, struct st_err *e)
{
	struct reading *k = arg;
	uint64_t id;
	int rc = read_id(x->p, x->to - x->from, &id, e);

	return rc == ST_OK ? add(k->v, x->key, x->key_len, id, e) : rc;
}

static int add_entry(void *arg, const struct item *x, struct st_err *e)
{
	struct reading *k = arg;
	int rc = read_entry(&k->entry, x, e);

	return rc == ST_OK ? add(k->v, (const char *)k->entry.token.p, k->entry.token.len,
				 k->entry.id, e) :
			     rc;
}

static int add_piece(void *arg, const struct item *x, struct st_err *e)
{
	struct reading *k = arg;
	int rc = read_piece(&k->entry.token, x, e);

	return rc == ST_OK ?
		       add(k->v, (const char *)k->entry.token.p, k->entry.token.len, x->place, e) :
		       rc;
}

static int read_tokens(struct reading *k, const struct st_vocab_text *t, struct st_err *e)
{
	bool object = is_object(t);

	return each_item(t, object, object ? add_member : add_piece, k, e);
}

static int on_model(void *arg, const struct item *x, struct st_err *e)
{
	const struct st_vocab_text t = { x->p, x->to - x->from };

	return is("vocab", x->key, x->key_len) ? read_tokens(arg, &t, e) : ST_OK;
}

static int on_tokenizer(void *arg, const struct item *x, struct st_err *e)
{
	const struct st_vocab_text t = { x->p, x->to - x->from };

	if (is("model", x->key, x->key_len) && is_object(&t))
		return each_item(&t, true, on_model, arg, e);
	if (is("added_tokens", x->key, x->key_len))
		return each_item(&t, false, add_entry, arg, e);
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

static int read_lines(struct st_vocab *v, const char *p, size_t len, struct st_err *e)
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
			rc = add(v, p + at, n, id, e);
	}
	st_map_release(&last);
	v->end = v->end < lines ? lines : v->end;
	return rc;
}

int st_vocab_read(struct st_vocab *v, const char *file, const void *p, size_t len, struct st_err *e)
{
	const struct st_vocab_text t = { p, len };
	struct reading k = { .v = v };
	int rc;

	v->file = table_of(file);
	st_buf_init(&k.entry.token, len + 1);
	if (strcmp(file, "tokenizer.json") == 0)
		rc = each_item(&t, true, on_tokenizer, &k, e);
	else if (strcmp(file, "vocab.txt") == 0)
		rc = read_lines(v, p, len, e);
	else
		rc = read_tokens(&k, &t, e);
	st_buf_release(&k.entry.token);
	if (rc == ST_OK && v->end > 4 * (uint64_t)v->n + 65536)
		rc = st_fail(e, ST_ELIMIT, "%zu tokens have ids up to %" PRIu64, v->n, v->end - 1);
	return rc;
}

/* ---- several files ---- */

static const struct st_token *at_id(const struct st_vocab *v, uint64_t id)
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

int st_vocab_join(struct st_vocab *v, const struct st_vocab *b, const struct st_token **odd,
		  const struct st_token **was, struct st_err *e)
{
	size_t end, at = 0;
	bool *had;
	int rc = st_size(v->end, &end, e);

	*odd = *was = NULL;
	had = rc == ST_OK ? st_calloc(end, sizeof(*had), e) : NULL;
	if (!had)
		return e->code;
	for (size_t i = 0; i < v->n; i++)
		had[v->v[i].id] = true;
	for (size_t i = 0; rc == ST_OK && i < b->n; i++) {
		const struct st_token *t = &b->v[i];
		uint64_t id;
		bool there = st_map_get(&v->ids, t->text, t->len, &id);

		if (!*odd && (there ? id != t->id : t->id < end && had[t->id])) {
			*odd = t;
			at = (size_t)((there ? st_vocab_find(v, t->text, t->len) :
					       at_id(v, t->id)) -
				      v->v);
		}
		v->file = t->file;
		rc = add(v, t->text, t->len, t->id, e);
	}
	v->end = b->end > v->end ? b->end : v->end;
	*was = *odd ? &v->v[at] : NULL;
	free(had);
	return rc;
}

/* ---- the union ---- */

static int by_id(const void *pa, const void *pb)
{
	const struct st_token *a = pa, *b = pb;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->text, b->text, a->len);
}

static uint64_t *none(uint64_t n, struct st_err *e)
{
	size_t count;
	uint64_t *v = st_size(n, &count, e) == ST_OK ? st_calloc(count, sizeof(*v), e) : NULL;

	for (uint64_t i = 0; v && i < n; i++)
		v[i] = ST_NO_TOKEN;
	return v;
}

/* theirs: sorted */
static int number(struct st_vocab_union *u, const struct st_vocab *ours,
		  const struct st_token *theirs, size_t n, struct st_err *e)
{
	int rc = ST_OK;

	u->end = ours->end;
	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		const struct st_token *t = &theirs[i];
		uint64_t id;

		if (st_map_get(&ours->ids, t->text, t->len, &id)) {
			if (u->to[t->id] == ST_NO_TOKEN)
				u->to[t->id] = id;
			continue;
		}
		if (u->to[t->id] == ST_NO_TOKEN && !ours->n) /* which has no say then */
			u->end = 1 + (u->to[t->id] = t->id);
		else if (u->to[t->id] == ST_NO_TOKEN)
			u->to[t->id] = u->end++;
		rc = st_map_put(&u->added, t->text, t->len, u->to[t->id], NULL, NULL, e);
	}
	return rc;
}

static bool find(const struct st_vocab_union *u, const struct st_vocab *ours,
		 const struct st_token *t, uint64_t *id)
{
	return st_map_get(&ours->ids, t->text, t->len, id) ||
	       st_map_get(&u->added, t->text, t->len, id);
}

int st_vocab_unite(struct st_vocab_union *u, const struct st_vocab *base,
		   const struct st_vocab *ours, const struct st_vocab *theirs, struct st_err *e)
{
	struct st_token *sorted = st_calloc(theirs->n, sizeof(*sorted), e);
	size_t end;
	int rc;

	memset(u, 0, sizeof(*u));
	st_map_init(&u->added);
	u->ntheirs = theirs->end;
	u->nbase = base->end;
	u->to = none(theirs->end, e);
	rc = sorted && u->to ? ST_OK : (int)e->code;
	if (rc == ST_OK && theirs->n) {
		memcpy(sorted, theirs->v, theirs->n * sizeof(*sorted));
		qsort(sorted, theirs->n, sizeof(*sorted), by_id);
		rc = number(u, ours, sorted, theirs->n, e);
	} else if (rc == ST_OK) {
		u->end = ours->end;
	}
	free(sorted);
	if (rc == ST_OK)
		rc = st_size(u->end, &end, e);
	if (rc != ST_OK)
		return rc;
	u->from = none(u->end, e);
	u->base = none(u->end, e);
	u->ours = st_calloc(end, sizeof(*u->ours), e);
	if (!u->from || !u->base || !u->ours)
		return e->code;
	for (uint64_t q = theirs->end; q > 0; q--)
		if (u->to[q - 1] != ST_NO_TOKEN)
			u->from[u->to[q - 1]] = q - 1;
	for (size_t i = 0; i < ours->n; i++)
		u->ours[ours->v[i].id] = true;
	rc = st_size(base->end, &end, e);
	u->known = rc == ST_OK ? st_calloc(end, sizeof(*u->known), e) : NULL;
	if (!u->known)
		return e->code;
	for (size_t i = 0; i < base->n; i++) {
		uint64_t id;

		u->known[base->v[i].id] = true;
		if (find(u, ours, &base->v[i], &id))
			u->base[id] = base->v[i].id;
	}
	return ST_OK;
}

void st_vocab_union_release(struct st_vocab_union *u)
{
	free(u->to);
	free(u->from);
	free(u->base);
	free(u->ours);
	free(u->known);
	st_map_release(&u->added);
	memset(u, 0, sizeof(*u));
}

int st_vocab_add_new(struct st_vocab *v, const struct st_vocab *theirs,
		     const struct st_vocab_union *u, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < theirs->n; i++) {
		const struct st_token *t = &theirs->v[i];
		uint64_t id;

		v->file = t->file;
		if (st_map_get(&u->added, t->text, t->len, &id))
			rc = add(v, t->text, t->len, id, e);
	}
	return rc;
}

/* ---- texts ---- */

struct writing {
	enum st_vocab_form form;
	const struct st_vocab_union *u;
	const struct st_vocab_text *ours;
	struct st_map had; /* what ours's list has */
	size_t n;	   /* members, those added counted */
	size_t first, end; /* where ours's first member begins, and its last ends */
	enum st_vocab_pair ours_pair, pair; /* how ours writes merges, and the one that is read */
	struct entry entry;
	struct st_buf *out;
};

static bool new_id(const struct writing *k, uint64_t theirs, uint64_t *id)
{
	*id = theirs < k->u->ntheirs ? k->u->to[theirs] : ST_NO_TOKEN;
	return *id != ST_NO_TOKEN;
}

/* What makes a member one that ours has too: its token, its tokens, its id or its text. */
static int identity(struct writing *k, const struct item *x, bool theirs, const void **p,
		    size_t *len, struct st_err *e)
{
	int rc = ST_OK;

	*p = x->key ? x->key : x->p;
	*len = x->key ? x->key_len : x->to - x->from;
	if (k->form == ST_VOCAB_ENTRIES)
		rc = read_entry(&k->entry, x, e);
	else if (k->form == ST_VOCAB_TOKENS && !x->key)
		rc = read_piece(&k->entry.token, x, e);
	else if (k->form == ST_VOCAB_MERGES)
		rc = st_vocab_pair_read(x->p, x->to - x->from, &k->entry.token, &k->pair, e);
	if (k->form == ST_VOCAB_ENTRIES || k->form == ST_VOCAB_MERGES ||
	    (k->form == ST_VOCAB_TOKENS && !x->key)) {
		*p = k->entry.token.p;
		*len = k->entry.token.len;
	}
	if (rc == ST_OK && k->form == ST_VOCAB_BY_ID) {
		rc = read_id(x->key, x->key_len, &k->entry.id, e);
		if (rc == ST_OK && theirs && !new_id(k, k->entry.id, &k->entry.id))
			k->entry.id = ST_NO_TOKEN; /* no token of its vocabulary has it */
		*p = &k->entry.id;
		*len = sizeof(k->entry.id);
	}
	return rc;
}

static int on_ours(void *arg, const struct item *x, struct st_err *e)
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
static int put(struct writing *k, const struct item *x, const void *token, size_t len,
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

static int on_theirs(void *arg, const struct item *x, struct st_err *e)
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
	bool object = is_object(theirs);
	size_t tail;
	int rc;

	if (ours->p && is_object(ours) != object)
		return st_fail(e, ST_EREFUSED, "the vocabularies are written in different ways");
	if (!ours->p)
		return st_buf_add(k->out, theirs->p, theirs->len, e);
	rc = each_item(ours, object, on_ours, k, e);
	if (rc != ST_OK)
		return rc;
	if (!k->n)
		for (k->end = 0; k->end < ours->len;)
			if (strchr("{[", ((const char *)ours->p)[k->end++]))
				break;
	tail = k->end;
	rc = st_buf_add(k->out, ours->p, k->end, e);
	if (rc == ST_OK)
		rc = each_item(theirs, object, on_theirs, k, e);
	return rc == ST_OK ? st_buf_add(k->out, (const char *)ours->p + tail, ours->len - tail, e) :
			     rc;
}

static int write_size(struct writing *k, struct st_err *e)
{
	uint64_t n = 0;
	int rc = read_id(k->ours->p, k->ours->len, &n, e);

	return rc == ST_OK ? st_buf_addf(k->out, e, "%" PRIu64, n > k->u->end ? n : k->u->end) : rc;
}

static int write_lines(struct writing *k, const struct st_vocab_text *theirs, struct st_err *e)
{
	const char *ours = k->ours->p;
	struct st_vocab a, b;
	int rc;

	st_vocab_init(&a);
	st_vocab_init(&b);
	rc = read_lines(&a, ours, k->ours->len, e);
	if (rc == ST_OK)
		rc = read_lines(&b, theirs->p, theirs->len, e);
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

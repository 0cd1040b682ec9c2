/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a tokenizer.json means tokens by number besides its lists of them:
 *
 *	post_processor		TemplateProcessing: special_tokens.X.ids, a list of ids;
 *				BertProcessing, RobertaProcessing: sep and cls, ["X", id];
 *				Sequence: processors, a list of such
 *	padding.pad_id		an id
 *	model.unk_id		an id (Unigram)
 *
 * And where a config.json says how many rows there are.
 */
#include "base/json.h"
#include "merge/vocab.h"

struct refs {
	const struct st_vocab_union *u;
	struct st_json j;
	struct st_buf *out;
	size_t done; /* of the text, in out */
	struct st_err *e;
};

static bool is(const char *key, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(key, word, len) == 0;
}

/* The next value, if it is a whole number without a sign. */
static const char *read_number(struct refs *r, size_t *len, uint64_t *n)
{
	const char *p = st_json_raw(&r->j, len);

	*n = 0;
	if (!p || !*len || *len > 18)
		return NULL;
	for (size_t i = 0; i < *len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return NULL;
		*n = *n * 10 + (uint64_t)(p[i] - '0');
	}
	return p;
}

/* Instead of the len bytes at p, of the text. */
static void put_number(struct refs *r, const char *p, size_t len, uint64_t n)
{
	if (st_buf_add(r->out, r->j.p + r->done, (size_t)(p - r->j.p) - r->done, r->e) == ST_OK &&
	    st_buf_addf(r->out, r->e, "%" PRIu64, n) == ST_OK)
		r->done = (size_t)(p - r->j.p) + len;
}

/* An id of theirs gets its new number; whatever else it is stays. */
static void renumber(struct refs *r)
{
	size_t len;
	uint64_t id;
	const char *p = read_number(r, &len, &id);

	if (p && id < r->u->ntheirs && r->u->to[id] != ST_NO_TOKEN && r->u->to[id] != id)
		put_number(r, p, len, r->u->to[id]);
}

static void renumber_list(struct refs *r)
{
	if (st_json_peek(&r->j) != ST_JSON_ARRAY) {
		st_json_skip(&r->j);
		return;
	}
	st_json_array(&r->j);
	while (r->e->code == ST_OK && st_json_item(&r->j))
		renumber(r);
}

/* The depth is the reader's. */
static void walk_processor(struct refs *r)
{
	enum st_json_type type = st_json_peek(&r->j);
	const char *key;
	size_t len;

	if (type == ST_JSON_OBJECT && st_json_object(&r->j)) {
		while (r->e->code == ST_OK && (key = st_json_key(&r->j, &len))) {
			if (is(key, len, "ids") || is(key, len, "sep") || is(key, len, "cls"))
				renumber_list(r);
			else
				walk_processor(r);
		}
	} else if (type == ST_JSON_ARRAY && st_json_array(&r->j)) {
		while (r->e->code == ST_OK && st_json_item(&r->j))
			walk_processor(r);
	} else if (r->e->code == ST_OK) {
		st_json_skip(&r->j);
	}
}

/* One member of an object, if it is one. */
static void walk_member(struct refs *r, const char *name)
{
	const char *key;
	size_t len;

	if (st_json_peek(&r->j) != ST_JSON_OBJECT) {
		st_json_skip(&r->j);
		return;
	}
	st_json_object(&r->j);
	while (r->e->code == ST_OK && (key = st_json_key(&r->j, &len))) {
		if (is(key, len, name))
			renumber(r);
		else
			st_json_skip(&r->j);
	}
}

/* What comes behind the last number. */
static int finish(struct refs *r, const struct st_vocab_text *text)
{
	if (r->e->code == ST_OK)
		st_json_end(&r->j);
	st_json_release(&r->j);
	return r->e->code == ST_OK ? st_buf_add(r->out, (const char *)text->p + r->done,
						text->len - r->done, r->e) :
				     (int)r->e->code;
}

int st_vocab_refs(const struct st_vocab_union *u, const struct st_vocab_text *text,
		  struct st_buf *out, struct st_err *e)
{
	struct refs r = { .u = u, .out = out, .e = e };
	const char *key;
	size_t len;

	st_json_init(&r.j, text->p, text->len, ST_JSON_DEPTH, e);
	st_json_object(&r.j);
	while (e->code == ST_OK && (key = st_json_key(&r.j, &len))) {
		if (is(key, len, "post_processor"))
			walk_processor(&r);
		else if (is(key, len, "padding"))
			walk_member(&r, "pad_id");
		else if (is(key, len, "model"))
			walk_member(&r, "unk_id");
		else
			st_json_skip(&r.j);
	}
	return finish(&r, text);
}

/* The depth is the reader's. */
static void walk_sizes(struct refs *r, uint64_t least)
{
	const char *key, *p;
	uint64_t n;
	size_t len;

	if (st_json_peek(&r->j) != ST_JSON_OBJECT) {
		st_json_skip(&r->j);
		return;
	}
	st_json_object(&r->j);
	while (r->e->code == ST_OK && (key = st_json_key(&r->j, &len))) {
		if (!is(key, len, "vocab_size")) {
			walk_sizes(r, least);
			continue;
		}
		p = read_number(r, &len, &n);
		if (p && n >= least && n < r->u->end)
			put_number(r, p, len, r->u->end);
	}
}

int st_vocab_sizes(const struct st_vocab_union *u, uint64_t least, const struct st_vocab_text *text,
		   struct st_buf *out, struct st_err *e)
{
	struct refs r = { .u = u, .out = out, .e = e };

	st_json_init(&r.j, text->p, text->len, ST_JSON_DEPTH, e);
	walk_sizes(&r, least);
	return finish(&r, text);
}

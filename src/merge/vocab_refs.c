/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where files mean tokens by number besides their lists of them. In a tokenizer.json:
 *
 *	post_processor		TemplateProcessing: special_tokens.X.ids, a list of ids;
 *				BertProcessing, RobertaProcessing: sep and cls, ["X", id];
 *				Sequence: processors, a list of such
 *	padding.pad_id		an id
 *	model.unk_id		an id (Unigram)
 *
 * In a config.json or generation_config.json every key that ends in _token_id: an id, or a list of
 * them. And where a config.json says how many rows there are.
 */
#include "base/json.h"
#include "merge/vocab.h"

struct refs {
	struct st_vocab_ids fn;
	struct st_json j;
	struct st_buf *out; /* NULL: the ids are only looked at */
	size_t done;	    /* of the text, in out */
	const char *one;    /* in_part: the key of the id */
	struct st_err *e;
};

static bool is(const char *key, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(key, word, len) == 0;
}

static bool ends(const char *key, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len >= n && memcmp(key + len - n, word, n) == 0;
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

/* Whatever is no id stays, as -1. */
static void on_id(struct refs *r)
{
	size_t len;
	uint64_t id, to;
	const char *p = st_json_special(&r->j) ? NULL : read_number(r, &len, &id);

	to = p ? id : 0;
	if (p && r->fn.id(r->fn.arg, id, &to, r->e) == ST_OK && to != id && r->out)
		put_number(r, p, len, to);
}

/* An id, or a list of them and of other things. */
static void on_ids(struct refs *r)
{
	if (st_json_peek(&r->j) != ST_JSON_ARRAY) {
		on_id(r);
		return;
	}
	st_json_array(&r->j);
	while (r->e->code == ST_OK && st_json_item(&r->j))
		on_id(r);
}

typedef void walk_fn(struct refs *r, const char *key, size_t len);

/* Whatever comes next; every member of an object, at any depth, which is the reader's, is fn's. */
static void walk(struct refs *r, walk_fn *fn)
{
	enum st_json_type type;
	const char *key;
	size_t len;

	if (st_json_special(&r->j))
		return;
	type = st_json_peek(&r->j);
	if (type == ST_JSON_OBJECT && st_json_object(&r->j)) {
		while (r->e->code == ST_OK && (key = st_json_key(&r->j, &len)))
			fn(r, key, len);
	} else if (type == ST_JSON_ARRAY && st_json_array(&r->j)) {
		while (r->e->code == ST_OK && st_json_item(&r->j))
			walk(r, fn);
	} else if (r->e->code == ST_OK) {
		st_json_skip(&r->j);
	}
}

/* A token may be called so as well: what is said of it is an object. */
static void in_processor(struct refs *r, const char *key, size_t len)
{
	if ((is(key, len, "ids") || is(key, len, "sep") || is(key, len, "cls")) &&
	    st_json_peek(&r->j) == ST_JSON_ARRAY)
		on_ids(r);
	else
		walk(r, in_processor);
}

/* What has no ids, whatever it is. */
static void in_other(struct refs *r, const char *key, size_t len)
{
	(void)key;
	(void)len;
	walk(r, in_other);
}

/* Of one kind of object only one key is an id. */
static void in_part(struct refs *r, const char *key, size_t len)
{
	if (is(key, len, r->one))
		on_id(r);
	else
		walk(r, in_other);
}

static void walk_part(struct refs *r, const char *one)
{
	r->one = one;
	walk(r, in_part);
}

static void in_tokenizer(struct refs *r, const char *key, size_t len)
{
	if (is(key, len, "post_processor"))
		walk(r, in_processor);
	else if (is(key, len, "padding"))
		walk_part(r, "pad_id");
	else if (is(key, len, "model"))
		walk_part(r, "unk_id");
	else
		walk(r, in_other);
}

static void in_config(struct refs *r, const char *key, size_t len)
{
	if (ends(key, len, "_token_id"))
		on_ids(r);
	else
		walk(r, in_config);
}

static void begin(struct refs *r, const struct st_vocab_text *text)
{
	static const char mark[] = "\xef\xbb\xbf";

	st_json_init(&r->j, text->p, text->len, ST_JSON_DEPTH, r->e);
	if (text->len > 3 && memcmp(text->p, mark, 3) == 0)
		r->j.pos = 3;
}

/* What comes behind the last number. */
static int finish(struct refs *r, const struct st_vocab_text *text)
{
	if (r->e->code == ST_OK)
		st_json_end(&r->j);
	st_json_release(&r->j);
	return r->e->code == ST_OK && r->out ? st_buf_add(r->out, (const char *)text->p + r->done,
							  text->len - r->done, r->e) :
					       (int)r->e->code;
}

bool st_vocab_has_ids(const char *file)
{
	return strcmp(file, "tokenizer.json") == 0 || strcmp(file, "config.json") == 0 ||
	       strcmp(file, "generation_config.json") == 0;
}

int st_vocab_renumber(const char *file, const struct st_vocab_text *text,
		      const struct st_vocab_ids *fn, struct st_buf *out, struct st_err *e)
{
	struct refs r = { .fn = *fn, .out = out, .e = e };

	begin(&r, text);
	walk(&r, strcmp(file, "tokenizer.json") == 0 ? in_tokenizer : in_config);
	return finish(&r, text);
}

/* The last part of a key path, without its place in a list. */
static const char *last_of(const char *key, size_t *len)
{
	size_t at = *len;

	while (at > 0 && key[at - 1] != '.')
		at--;
	*len -= at;
	for (size_t i = 0; i < *len; i++)
		if (key[at + i] == '[')
			*len = i;
	return key + at;
}

/* Is the value of that key an id, or a list of some? */
static bool is_id_key(bool tokenizer, const char *key, size_t len)
{
	static const char *const keys[] = { "pad_id", "unk_id", "ids", "sep", "cls" };
	bool found = !tokenizer && ends(key, len, "_token_id");

	for (size_t i = 0; tokenizer && !found && i < sizeof(keys) / sizeof(*keys); i++)
		found = is(key, len, keys[i]);
	return found;
}

int st_vocab_ids_in(const char *file, const char *key, size_t len, const struct st_vocab_text *text,
		    const struct st_vocab_ids *fn, struct st_err *e)
{
	struct refs r = { .fn = *fn, .e = e };
	const bool tokenizer = strcmp(file, "tokenizer.json") == 0;
	const bool object = text->len && *(const char *)text->p == '{';
	const char *last = last_of(key, &len);

	begin(&r, text);
	if (object && tokenizer && is(last, len, "padding"))
		walk_part(&r, "pad_id");
	else if (!object && is_id_key(tokenizer, last, len))
		on_ids(&r);
	else
		walk(&r, tokenizer ? in_processor : in_config);
	return finish(&r, text);
}

struct room {
	uint64_t least, end;
};

static void in_sizes(struct refs *r, const char *key, size_t len)
{
	const struct room *k = r->fn.arg;
	const char *p;
	uint64_t n;

	if (!is(key, len, "vocab_size")) {
		walk(r, in_sizes);
		return;
	}
	p = read_number(r, &len, &n);
	if (p && n >= k->least && n < k->end)
		put_number(r, p, len, k->end);
}

int st_vocab_sizes(const struct st_vocab_union *u, uint64_t least, const struct st_vocab_text *text,
		   struct st_buf *out, struct st_err *e)
{
	struct room k = { least, u->end };
	struct refs r = { .fn = { NULL, &k }, .out = out, .e = e };

	begin(&r, text);
	walk(&r, in_sizes);
	return finish(&r, text);
}

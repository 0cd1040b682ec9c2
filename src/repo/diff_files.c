/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration and text of both sides: by key path where a file has keys, else by line. */
#include "repo/diff_side.h"

#include "base/json.h"
#include "diff/settings.h"

#include <stdio.h>

#define TEXT_MAX ((uint64_t)64 << 20) /* larger ones are told by size and id */
#define LOOK_FOR_NUL ((size_t)8192)
#define HUNK_LINES 20 /* of a side, that an entry shows */
#define HUNK_BYTES ((size_t)4096)

struct telling {
	st_setting_fn cb;
	void *arg;
	struct st_buf key, a, b;
	struct st_err *e; /* a failure of ours; else a stop is the callback's */
};

static void telling_init(struct telling *t, st_setting_fn cb, void *arg, struct st_err *e)
{
	*t = (struct telling){ .cb = cb, .arg = arg, .e = e };
	st_buf_init(&t->key, (size_t)1 << 30);
	st_buf_init(&t->a, (size_t)1 << 30);
	st_buf_init(&t->b, (size_t)1 << 30);
}

static void telling_release(struct telling *t)
{
	st_buf_release(&t->key);
	st_buf_release(&t->a);
	st_buf_release(&t->b);
}

static const char *text_in(struct st_buf *b, const char *p, size_t n, struct st_err *e)
{
	st_buf_clear(b);
	return st_buf_add(b, p, n, e) == ST_OK ? st_buf_cstr(b, e) : NULL;
}

static int tell(void *arg, const struct st_setting *a, const struct st_setting *b)
{
	struct telling *t = arg;
	const struct st_setting *k = a ? a : b;
	const char *key = text_in(&t->key, k->key, k->key_len, t->e), *va = NULL, *vb = NULL;

	if (a)
		va = text_in(&t->a, a->value, a->value_len, t->e);
	if (b)
		vb = text_in(&t->b, b->value, b->value_len, t->e);
	if (t->e->code != ST_OK)
		return 1;
	return t->cb(t->arg, key, va, vb);
}

/* Stopped by our own failure, or by the callback. */
static int outcome(int rc, const struct st_err *e)
{
	return e->code != ST_OK ? (int)e->code : rc;
}

/* ---- metadata of models ---- */

static const char *format_of(struct st_dfile *const *v, size_t n)
{
	const char *format = "";

	for (size_t i = 0; i < n; i++)
		if (v[i]->model)
			format = st_dfile_format(v[i]);
	return format;
}

/* A file that strata can read but whose metadata it cannot is no reason to stop. */
static int gather_metadata(struct st_settings *s, struct st_dfile *const *v, size_t n,
			   const struct st_ctx *ctx, struct st_err *e)
{
	const char *text;
	size_t len;

	for (size_t i = 0; i < n; i++) {
		struct st_err bad = { 0 };

		text = st_dfile_metadata(v[i], &len);
		if (!text || st_settings_json(s, "", text, len, &bad) == ST_OK)
			continue;
		if (bad.code != ST_EFORMAT && bad.code != ST_ELIMIT) {
			*e = bad;
			return e->code;
		}
		st_warn(ctx, "%s: its metadata are left out: %s", v[i]->path, bad.msg);
	}
	return ST_OK;
}

/* What a file says because of its format and not because of its model: safetensors's "format", and
 * what strata notes of a checkpoint's structure. */
static bool of_container(const struct st_setting *s)
{
	static const char *const words[] = { "format", "notes", "opaque" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t n = strlen(words[i]);

		if (s->key_len >= n && memcmp(s->key, words[i], n) == 0 &&
		    (s->key_len == n || s->key[n] == '.' || s->key[n] == '['))
			return true;
	}
	return false;
}

static bool last_is(const struct st_setting *s, const char *word)
{
	size_t n = strlen(word), len = s->key_len;

	while (len && s->key[len - 1] == ']') /* an item of a list */
		while (len && s->key[--len] != '[')
			;
	return len > n && s->key[len - n - 1] == '.' && memcmp(s->key + len - n, word, n) == 0;
}

/* Of a type that is a number? Then the tensor tells it. */
static bool numeric_descr(const struct st_setting *s)
{
	return s->value_len > 3 && memchr("<>=|", s->value[1], 4) &&
	       memchr("biufc", s->value[2], 5);
}

/* How NumPy's files lay out an array: never the model's, or not where the other side is none. */
static bool of_array(const struct st_setting *s, bool across)
{
	if (s->key_len < 7 || memcmp(s->key, "config.", 7) != 0)
		return false;
	if (last_is(s, "fortran_order"))
		return true;
	if (last_is(s, "descr"))
		return across || numeric_descr(s);
	return across && (last_is(s, "objects") || last_is(s, "shape"));
}

static void drop_container(struct st_settings *s, const char *format, bool across)
{
	bool numpy = strcmp(format, "npy") == 0 || strcmp(format, "npz") == 0;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (!(across && of_container(&s->v[i])) && !(numpy && of_array(&s->v[i], across)))
			s->v[n++] = s->v[i];
	s->n = n;
}

int st_diff_metadata(struct st_dfile *const *a, size_t na, struct st_dfile *const *b, size_t nb,
		     const struct st_ctx *ctx, st_setting_fn cb, void *arg, struct st_err *e)
{
	const char *fa = format_of(a, na), *fb = format_of(b, nb);
	struct st_settings sa, sb;
	struct telling t;
	int rc;

	if (!*fa || !*fb)
		return ST_OK; /* all of it would be new or gone, as its tensors are */
	telling_init(&t, cb, arg, e);
	st_settings_init(&sa);
	st_settings_init(&sb);
	rc = gather_metadata(&sa, a, na, ctx, e);
	if (rc == ST_OK)
		rc = gather_metadata(&sb, b, nb, ctx, e);
	if (rc == ST_OK) {
		drop_container(&sa, fa, strcmp(fa, fb) != 0);
		drop_container(&sb, fb, strcmp(fa, fb) != 0);
	}
	if (rc == ST_OK)
		rc = outcome(st_settings_diff(&sa, &sb, tell, &t, e), e);
	st_settings_release(&sa);
	st_settings_release(&sb);
	telling_release(&t);
	return rc;
}

/* ---- files with keys ---- */

enum kind {
	KIND_TEXT,
	KIND_JSON,
	KIND_YAML
};

static bool ends(const char *path, const char *tail)
{
	size_t n = strlen(path), k = strlen(tail);

	return n > k && memcmp(path + n - k, tail, k) == 0;
}

static enum kind kind_of(const char *path)
{
	if (ends(path, ".json"))
		return KIND_JSON;
	return ends(path, ".yaml") || ends(path, ".yml") ? KIND_YAML : KIND_TEXT;
}

static int parse(struct st_settings *s, enum kind kind, const struct st_buf *b, struct st_err *e)
{
	return kind == KIND_JSON ? st_settings_json(s, "", b->p, b->len, e) :
				   st_settings_yaml(s, "", b->p, b->len, e);
}

/* *done: both could be read; else they are compared as text. */
static int by_key(enum kind kind, const struct st_buf *a, const struct st_buf *b, struct telling *t,
		  bool *done, struct st_err *e)
{
	struct st_settings sa, sb;
	struct st_err bad = { 0 };
	int rc;

	st_settings_init(&sa);
	st_settings_init(&sb);
	rc = parse(&sa, kind, a, &bad);
	if (rc == ST_OK)
		rc = parse(&sb, kind, b, &bad);
	*done = rc == ST_OK;
	if (*done)
		rc = outcome(st_settings_diff(&sa, &sb, tell, t, e), e);
	else if (rc == ST_EFORMAT || rc == ST_ELIMIT)
		rc = ST_OK;
	else
		*e = bad;
	st_settings_release(&sa);
	st_settings_release(&sb);
	return rc;
}

/* ---- lines ---- */

struct lines { /* of one side; hunks come in order, so its lines are walked once */
	const char *p;
	size_t len, at;
	size_t line; /* that begins at `at` */
};

static void walk_to(struct lines *l, size_t line)
{
	const char *nl;

	for (; l->line < line && l->at < l->len; l->line++) {
		nl = memchr(l->p + l->at, '\n', l->len - l->at);
		l->at = nl ? (size_t)(nl - l->p) + 1 : l->len;
	}
}

/* n lines from the one where l is, as a JSON string: without the last line's end, bounded. */
static const char *quote_lines(struct lines *l, size_t n, struct st_buf *out, struct st_err *e)
{
	size_t from = l->at, shown = n < HUNK_LINES ? n : HUNK_LINES, len;
	struct st_buf text;
	struct st_jw w;
	bool cut;
	int rc;

	walk_to(l, l->line + shown);
	len = l->at - from;
	if (len && l->p[from + len - 1] == '\n')
		len--;
	cut = len > HUNK_BYTES;
	if (cut)
		for (len = HUNK_BYTES; len && ((uint8_t)l->p[from + len] & 0xc0) == 0x80;)
			len--;
	st_buf_init(&text, HUNK_BYTES + 64);
	rc = st_buf_add(&text, l->p + from, len, e);
	if (rc == ST_OK && n > shown)
		rc = st_buf_addf(&text, e, "\n... %zu more lines", n - shown);
	else if (rc == ST_OK && cut)
		rc = st_buf_addstr(&text, " ...", e);
	st_buf_clear(out);
	st_jw_init(&w, out, false, e);
	if (rc == ST_OK)
		st_jw_stringn(&w, (const char *)text.p, text.len);
	st_buf_release(&text);
	return e->code == ST_OK ? st_buf_cstr(out, e) : NULL;
}

struct hunks {
	struct telling *t;
	struct lines a, b;
};

static int tell_hunk(void *arg, size_t a, size_t na, size_t b, size_t nb)
{
	struct hunks *h = arg;
	struct telling *t = h->t;
	const char *va = NULL, *vb = NULL;
	char key[32];

	walk_to(&h->a, a);
	walk_to(&h->b, b);
	if (na)
		va = quote_lines(&h->a, na, &t->a, t->e);
	if (nb)
		vb = quote_lines(&h->b, nb, &t->b, t->e);
	if (t->e->code != ST_OK)
		return 1;
	snprintf(key, sizeof(key), "line %zu", (nb ? b : a) + 1);
	return t->cb(t->arg, key, va, vb);
}

static bool is_text(const struct st_buf *b)
{
	size_t n = b->len < LOOK_FOR_NUL ? b->len : LOOK_FOR_NUL;

	return !b->len || (!memchr(b->p, 0, n) && st_utf8_valid(b->p, b->len));
}

static int by_line(const struct st_buf *a, const struct st_buf *b, struct telling *t,
		   struct st_err *e)
{
	struct hunks h = { .t = t,
			   .a = { .p = (const char *)a->p, .len = a->len },
			   .b = { .p = (const char *)b->p, .len = b->len } };

	return outcome(st_lines_diff(a->p, a->len, b->p, b->len, tell_hunk, &h, e), e);
}

static int compare(enum kind kind, const struct st_buf *a, const struct st_buf *b,
		   struct telling *t, bool *text, struct st_err *e)
{
	bool done = false;
	int rc = ST_OK;

	*text = is_text(a) && is_text(b);
	if (!*text)
		return ST_OK;
	if (kind != KIND_TEXT)
		rc = by_key(kind, a, b, t, &done, e);
	return rc == ST_OK && !done ? by_line(a, b, t, e) : rc;
}

int st_diff_texts(struct st_dfile *a, struct st_dfile *b, struct st_repo *r,
		  const struct st_ctx *ctx, bool *text, st_setting_fn cb, void *arg,
		  struct st_err *e)
{
	enum kind kind = kind_of(a->path) == kind_of(b->path) ? kind_of(b->path) : KIND_TEXT;
	uint64_t max = ctx->memory / 16 < TEXT_MAX ? ctx->memory / 16 : TEXT_MAX;
	struct st_buf ta, tb;
	struct telling t;
	int rc;

	*text = false;
	if (a->size > max || b->size > max)
		return ST_OK;
	telling_init(&t, cb, arg, e);
	st_buf_init(&ta, (size_t)max);
	st_buf_init(&tb, (size_t)max);
	rc = st_dfile_slurp(a, r, &ta, e);
	if (rc == ST_OK)
		rc = st_dfile_slurp(b, r, &tb, e);
	if (rc == ST_OK)
		rc = compare(kind, &ta, &tb, &t, text, e);
	st_buf_release(&ta);
	st_buf_release(&tb);
	telling_release(&t);
	return rc;
}

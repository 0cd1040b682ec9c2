/* SPDX-License-Identifier: Apache-2.0 */
#include "diff/settings.h"
#include "merge/keys_doc.h"

/* ---- reading ---- */

static size_t skip_blanks(const struct st_json *j, size_t at)
{
	while (at < j->len && strchr(" \t\r\n", j->p[at]) && j->p[at])
		at++;
	return at;
}

static int read_value(struct st_kdoc *d, struct st_json *j, size_t *out, struct st_err *e);

static int read_object(struct st_kdoc *d, struct st_json *j, size_t at, struct st_err *e)
{
	size_t last = 0, child, len, from, end;
	const char *key;
	int rc = ST_OK;

	if (!st_json_object(j))
		return e->code;
	for (;;) {
		from = skip_blanks(j, j->pos);
		if (from < j->len && j->p[from] == ',')
			from = skip_blanks(j, from + 1);
		key = st_json_key(j, &len);
		if (!key)
			return e->code;
		end = j->pos; /* behind the colon, or before it */
		child = d->n;
		rc = st_grow(&d->v, &d->cap, d->n + 1, e);
		if (rc != ST_OK)
			return rc;
		d->v[d->n++] = (struct st_knode){ .key_from = from, .key_end = end };
		rc = st_kdoc_member(d, at, child, key, len, e);
		if (rc == ST_OK)
			rc = read_value(d, j, &child, e);
		if (rc != ST_OK)
			return rc;
		st_kdoc_link(d, at, &last, child);
	}
}

static int read_array(struct st_kdoc *d, struct st_json *j, size_t at, struct st_err *e)
{
	size_t last = 0, child;
	int rc = ST_OK;

	if (!st_json_array(j))
		return e->code;
	while (rc == ST_OK && st_json_item(j)) {
		child = d->n;
		rc = st_grow(&d->v, &d->cap, d->n + 1, e);
		if (rc != ST_OK)
			return rc;
		d->v[d->n++] = (struct st_knode){ 0 };
		rc = read_value(d, j, &child, e);
		if (rc == ST_OK)
			st_kdoc_link(d, at, &last, child);
	}
	return e->code;
}

/* The depth is the reader's, which is bounded. */
static int read_value(struct st_kdoc *d, struct st_json *j, size_t *at, struct st_err *e)
{
	enum st_json_type type = ST_JSON_NUMBER;
	int rc = ST_OK;

	d->v[*at].from = skip_blanks(j, j->pos);
	if (st_json_special(j)) {
		d->v[*at].type = type;
		d->v[*at].to = j->pos;
		return ST_OK;
	}
	type = st_json_peek(j);
	d->v[*at].type = type;
	if (type == ST_JSON_OBJECT)
		rc = read_object(d, j, *at, e);
	else if (type == ST_JSON_ARRAY)
		rc = read_array(d, j, *at, e);
	else
		st_json_skip(j);
	d->v[*at].to = j->pos;
	return rc == ST_OK ? (int)e->code : rc;
}

static int read_doc(struct st_kdoc *d, const struct st_keys_text *t, struct st_err *e)
{
	struct st_json j;
	size_t root = 0;
	int rc;

	d->p = t->p;
	d->len = t->len;
	st_buf_init(&d->keys, t->len + 1);
	st_map_init(&d->members);
	if (!t->p)
		return ST_OK;
	rc = st_grow(&d->v, &d->cap, 1, e);
	if (rc != ST_OK)
		return rc;
	d->v[d->n++] = (struct st_knode){ 0 };
	st_json_init(&j, t->p, t->len, ST_JSON_DEPTH, e);
	if (t->len >= 3 && memcmp(t->p, "\xef\xbb\xbf", 3) == 0)
		j.pos = 3; /* a byte order mark, which settings.h takes as well */
	rc = read_value(d, &j, &root, e);
	if (rc == ST_OK)
		st_json_end(&j);
	st_json_release(&j);
	if (e->code == ST_OK && d->v[0].type != ST_JSON_OBJECT && d->v[0].type != ST_JSON_ARRAY)
		return st_fail(e, ST_EFORMAT, "the text is neither an object nor a list");
	return e->code;
}

static bool json_alike(const struct st_kdoc *da, const struct st_knode *a, const struct st_kdoc *db,
		       const struct st_knode *b)
{
	struct st_settings sa, sb;
	struct st_err none = { 0 };
	bool equal;

	st_settings_init(&sa);
	st_settings_init(&sb);
	equal = st_settings_json(&sa, "", da->p + a->from, a->to - a->from, &none) == ST_OK &&
		st_settings_json(&sb, "", db->p + b->from, b->to - b->from, &none) == ST_OK &&
		st_settings_equal(&sa.v[0], &sb.v[0]);
	st_settings_release(&sa);
	st_settings_release(&sb);
	return equal;
}

/* ---- writing ---- */

static int json_text(struct st_kmerge *k, const struct st_kdoc *d, const struct st_knode *x,
		     struct st_keys_text *out, struct st_err *e)
{
	(void)k;
	(void)e;
	*out = (struct st_keys_text){ d->p + x->from, x->to - x->from };
	return ST_OK;
}

static int json_replace(struct st_kmerge *k, const struct st_knode *x,
			const struct st_keys_text *text, struct st_err *e)
{
	return st_kcut(k, x->from, x->to, text->p, text->len, e);
}

/* A member of another side, laid out as ours's first one is. */
static int add_text(struct st_kmerge *k, const struct st_kobject *o, const struct st_kadd *a,
		    struct st_buf *out, struct st_err *e)
{
	const struct st_knode *first = st_kdoc_child(&k->side[0], o->x);
	int rc = ST_OK;

	if (o->nkept || out->len)
		rc = st_buf_addch(out, ',', e);
	if (rc == ST_OK && first) /* blanks before its key */
		rc = st_buf_add(out, k->side[0].p + o->x->from + 1,
				first->key_from - o->x->from - 1, e);
	if (rc == ST_OK) /* the key, the colon and blanks as they are there */
		rc = st_buf_add(out, a->doc->p + a->node->key_from,
				a->node->from - a->node->key_from, e);
	return rc == ST_OK ? st_buf_add(out, a->text.p, a->text.len, e) : rc;
}

/* Those between two that stay. */
static int cut_gone(struct st_kmerge *k, const struct st_kobject *o, struct st_err *e)
{
	const struct st_kdoc *d = &k->side[0];
	size_t from = SIZE_MAX, i = 0;
	int rc = ST_OK;

	for (const struct st_knode *c = st_kdoc_child(d, o->x); rc == ST_OK && c;
	     c = st_kdoc_after(d, c)) {
		if (i == o->nkept || o->kept[i] != c) {
			from = from == SIZE_MAX ? c->key_from : from;
			continue;
		}
		i++;
		if (from != SIZE_MAX)
			rc = st_kcut(k, from, c->key_from, "", 0, e);
		from = SIZE_MAX;
	}
	return rc;
}

/* What was removed at the end of the object goes, what was added comes. */
static int json_members(struct st_kmerge *k, const struct st_kobject *o, struct st_err *e)
{
	const struct st_knode *first = st_kdoc_child(&k->side[0], o->x);
	size_t end = o->nkept ? o->kept[o->nkept - 1]->to : o->x->from + 1;
	size_t last = o->x->from + 1;
	struct st_buf added;
	const char *text;
	int rc = cut_gone(k, o, e);

	st_buf_init(&added, (size_t)256 << 20);
	for (size_t i = 0; rc == ST_OK && i < o->nadded; i++)
		rc = add_text(k, o, &o->added[i], &added, e);
	for (const struct st_knode *c = first; c; c = st_kdoc_after(&k->side[0], c))
		last = c->to;
	if (!o->nkept && first && !added.len)
		last = o->x->to - 1; /* nothing is left: {} */
	text = st_arena_dup(&k->arena, added.p, added.len, e);
	if (rc == ST_OK && text && (last > end || added.len))
		rc = st_kcut(k, end, last > end ? last : end, text, added.len, e);
	st_buf_release(&added);
	return rc == ST_OK ? (int)e->code : rc;
}

const struct st_klang st_klang_json = { .read = read_doc,
					.alike = json_alike,
					.text = json_text,
					.replace = json_replace,
					.members = json_members };

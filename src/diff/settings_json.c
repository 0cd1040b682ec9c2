/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as settings. */
#include "diff/settings_build.h"

#include "base/json.h"

struct level {
	bool object;
	size_t path;	/* its length there */
	uint64_t count; /* members or items so far */
	size_t first;	/* its first leaf */
};

struct reader {
	struct st_json j;
	struct st_build b;
	struct level level[ST_SETTINGS_DEPTH];
	unsigned depth;
};

static int scalar(struct reader *r, enum st_json_type t, struct st_err *e)
{
	const char *s;
	size_t n;

	switch (t) {
	case ST_JSON_STRING:
		s = st_json_string(&r->j, &n);
		return s ? st_build_string(&r->b, s, n, e) : (int)e->code;
	case ST_JSON_NUMBER:
		s = st_json_raw(&r->j, &n);
		return s ? st_build_number(&r->b, s, n, e) : (int)e->code;
	default: /* null, true and false have one spelling */
		s = st_json_raw(&r->j, &n);
		return s ? st_build_leaf(&r->b, s, n, e) : (int)e->code;
	}
}

/* The value that comes next; a container is only entered. */
static int value(struct reader *r, struct st_err *e)
{
	enum st_json_type t;
	const char *special = st_json_special(&r->j);

	if (special)
		return st_build_string(&r->b, special, strlen(special), e);
	t = st_json_peek(&r->j);
	if (t == ST_JSON_NONE)
		return st_fail(e, ST_EFORMAT, "JSON: no value at offset %zu", r->j.pos);
	if (t != ST_JSON_OBJECT && t != ST_JSON_ARRAY)
		return scalar(r, t, e);
	if (!(t == ST_JSON_OBJECT ? st_json_object(&r->j) : st_json_array(&r->j)))
		return e->code;
	r->level[r->depth++] = (struct level){ .object = t == ST_JSON_OBJECT,
					       .path = r->b.path.len,
					       .first = r->b.s->n };
	return ST_OK;
}

/* One member or item of the innermost container, or its end. */
static int next(struct reader *r, struct st_err *e)
{
	struct level *l = &r->level[r->depth - 1];
	const char *key;
	size_t n;
	int rc;

	r->b.path.len = l->path;
	if (l->object) {
		key = st_json_key(&r->j, &n);
		rc = key ? st_build_member(&r->b, l->first, key, n, e) : (int)e->code;
	} else {
		key = st_json_item(&r->j) ? "" : NULL;
		rc = key ? st_build_item(&r->b, l->count, e) : (int)e->code;
	}
	if (rc == ST_OK && key) {
		l->count++;
		return value(r, e);
	}
	if (rc == ST_OK && l->count == 0)
		rc = st_build_leaf(&r->b, l->object ? "{}" : "[]", 2, e);
	r->depth--;
	return rc;
}

int st_settings_json(struct st_settings *s, const char *prefix, const void *p, size_t len,
		     struct st_err *e)
{
	struct reader r = { .depth = 0 };
	int rc = st_build_init(&r.b, s, prefix, e);

	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
		p = (const char *)p + 3;
		len -= 3;
	}
	st_json_init(&r.j, p, len, ST_SETTINGS_DEPTH, e);
	if (rc == ST_OK)
		rc = value(&r, e);
	while (rc == ST_OK && r.depth > 0)
		rc = next(&r, e);
	st_json_end(&r.j);
	if (rc == ST_OK)
		rc = e->code;
	st_json_release(&r.j);
	return st_build_end(&r.b, rc, e);
}

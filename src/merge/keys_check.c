/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML text that was put together from others is read by the reader of settings, as they are,
 * and each value looked up on the side that it was decided to be from. What the editing took for a
 * value's bytes plays no part in that.
 */
#include "diff/settings.h"
#include "merge/keys_doc.h"

static int differs(const char *key, size_t len, struct st_err *e)
{
	return st_fail(e, ST_EFORMAT, "YAML: %.*s would not be as was decided",
		       (int)(len < 200 ? len : 200), key);
}

static int by_key(const void *pa, const void *pb)
{
	const struct st_setting *a = pa, *b = pb;
	size_t n = a->key_len < b->key_len ? a->key_len : b->key_len;
	int order = n ? memcmp(a->key, b->key, n) : 0;

	return order ? order : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

static int expect(const struct st_settings *got, const struct st_setting *want, struct st_err *e)
{
	const struct st_setting *x =
		got->n ? bsearch(want, got->v, got->n, sizeof(*got->v), by_key) : NULL;

	return x && x->value_len == want->value_len &&
			       memcmp(x->value, want->value, x->value_len) == 0 ?
		       ST_OK :
		       differs(want->key, want->key_len, e);
}

/* Who decided about the key, or about what it is in. */
static bool pick_of(const struct st_map *picks, const char *key, size_t len, uint64_t *who)
{
	bool quoted = false;

	if (st_map_get(picks, "", 0, who))
		return true;
	for (size_t i = 0; i < len; i++) {
		if (!quoted && i && (key[i] == '.' || key[i] == '[') &&
		    st_map_get(picks, key, i, who))
			return true;
		if (quoted && key[i] == '\\')
			i++;
		else if (key[i] == '"')
			quoted = !quoted;
	}
	return st_map_get(picks, key, len, who);
}

struct checking {
	const struct st_kmerge *k;
	struct st_settings got;
	size_t expected;
};

static int check_side(struct checking *c, size_t who, const struct st_keys_text *t,
		      struct st_err *e)
{
	struct st_settings s;
	uint64_t by;
	int rc;

	if (!t->p)
		return ST_OK;
	st_settings_init(&s);
	rc = st_settings_yaml(&s, "", t->p, t->len, e);
	for (size_t i = 0; rc == ST_OK && i < s.n; i++) {
		if (!pick_of(c->k->picks, s.v[i].key, s.v[i].key_len, &by) || by != who)
			continue;
		c->expected++;
		rc = expect(&c->got, &s.v[i], e);
	}
	st_settings_release(&s);
	return rc;
}

/* A text of nobody's at a path. */
static int check_own(struct checking *c, const char *path, const struct st_keys_text *t,
		     struct st_err *e)
{
	struct st_settings s;
	int rc;

	if (!t->p)
		return ST_OK;
	st_settings_init(&s);
	rc = st_settings_yaml(&s, path, t->len ? t->p : "~", t->len ? t->len : 1, e);
	for (size_t i = 0; rc == ST_OK && i < s.n; i++) {
		c->expected++;
		rc = expect(&c->got, &s.v[i], e);
	}
	st_settings_release(&s);
	return rc;
}

static int check_rest(struct checking *c, struct st_err *e)
{
	static const struct st_keys_text empty = { "{}", 2 };
	const void *path;
	size_t pos = 0, len;
	uint64_t who;
	int rc = ST_OK;

	while (rc == ST_OK && st_map_next(c->k->picks, &pos, &path, &len, &who))
		if (who == ST_KPICK_EMPTY)
			rc = check_own(c, path, &empty, e);
		else if (who >= ST_KPICK_OWN)
			rc = check_own(c, path, &c->k->own[who - ST_KPICK_OWN], e);
	if (rc == ST_OK && c->expected != c->got.n)
		rc = st_fail(e, ST_EFORMAT, "YAML: %zu values would be where %zu were decided",
			     c->got.n, c->expected);
	return rc;
}

int st_kmerge_check(const struct st_kmerge *k, const struct st_buf *text, struct st_err *e)
{
	struct checking c = { .k = k };
	int rc;

	st_settings_init(&c.got);
	rc = st_settings_yaml(&c.got, "", text->p, text->len, e);
	for (size_t i = 0; rc == ST_OK && i < k->k->n; i++)
		rc = check_side(&c, i, &k->k->sides[i], e);
	if (rc == ST_OK)
		rc = check_side(&c, k->k->n, &k->k->base, e);
	if (rc == ST_OK)
		rc = check_rest(&c, e);
	st_settings_release(&c.got);
	return rc;
}

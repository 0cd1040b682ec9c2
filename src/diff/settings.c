/* SPDX-License-Identifier: Apache-2.0 */
/* The store of settings: how readers fill it, its order, and what two of them differ in. */
#include "diff/settings_build.h"

#include "base/json.h"

void st_settings_init(struct st_settings *s)
{
	*s = (struct st_settings){ 0 };
	st_arena_init(&s->arena);
}

void st_settings_release(struct st_settings *s)
{
	free(s->v);
	st_arena_release(&s->arena);
	st_settings_init(s);
}

int st_build_init(struct st_build *b, struct st_settings *s, const char *prefix, struct st_err *e)
{
	size_t n = strlen(prefix);

	*b = (struct st_build){ .s = s, .first = s->n };
	st_map_init(&b->members);
	st_buf_init(&b->path, ST_SETTINGS_BYTES);
	st_buf_init(&b->value, ST_SETTINGS_BYTES);
	return st_buf_add(&b->path, prefix, n && prefix[n - 1] == '.' ? n - 1 : n, e);
}

static int spend(struct st_build *b, size_t bytes, struct st_err *e)
{
	if (bytes > ST_SETTINGS_BYTES - b->bytes)
		return st_fail(e, ST_ELIMIT, "settings of more than %zu MiB",
			       ST_SETTINGS_BYTES >> 20);
	b->bytes += bytes;
	return ST_OK;
}

static bool needs_quotes(const char *key, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((uint8_t)key[i] < 0x20 || key[i] == 0x7f || memchr(".[]\"\\", key[i], 5))
			return true;
	return len == 0;
}

static int put_string(struct st_buf *out, const char *s, size_t len, struct st_err *e)
{
	struct st_jw w;

	st_jw_init(&w, out, false, e);
	st_jw_stringn(&w, s, len);
	return e->code;
}

/* Is key the path, or the key of something in it? */
static bool is_under(const struct st_setting *v, const struct st_buf *path)
{
	return v->key_len >= path->len && memcmp(v->key, path->p, path->len) == 0 &&
	       (v->key_len == path->len || v->key[path->len] == '.' || v->key[path->len] == '[');
}

/*
 * A walk tells what is in a member in one go, so the leaves of the former one lie together. Each
 * is looked at once for each level of the path: its member's new instance has leaves of its own.
 */
static void drop(struct st_build *b, size_t from)
{
	for (size_t i = from; i < b->s->n && is_under(&b->s->v[i], &b->path); i++)
		b->s->v[i].value = NULL;
}

static int note_twice(struct st_build *b, struct st_err *e)
{
	struct st_setting *t = &b->twice;

	if (t->key)
		return ST_OK;
	t->key = st_arena_dup(&b->s->arena, b->path.p, b->path.len, e);
	t->key_len = b->path.len;
	t->line = b->line;
	return e->code;
}

int st_build_member(struct st_build *b, size_t own, const char *key, size_t len, struct st_err *e)
{
	uint64_t former;
	bool had;
	int rc = b->path.len ? st_buf_addch(&b->path, '.', e) : ST_OK;

	if (rc == ST_OK)
		rc = needs_quotes(key, len) ? put_string(&b->path, key, len, e) :
					      st_buf_add(&b->path, key, len, e);
	if (rc == ST_OK)
		rc = spend(b, b->path.len, e);
	if (rc == ST_OK)
		rc = st_map_put(&b->members, b->path.p, b->path.len, b->s->n, &had, &former, e);
	if (rc == ST_OK && had)
		drop(b, (size_t)former);
	return rc == ST_OK && had && former >= own ? note_twice(b, e) : rc;
}

int st_build_item(struct st_build *b, uint64_t index, struct st_err *e)
{
	return st_buf_addf(&b->path, e, "[%" PRIu64 "]", index);
}

int st_build_leaf(struct st_build *b, const void *json, size_t len, struct st_err *e)
{
	struct st_settings *s = b->s;
	struct st_setting v = { .key_len = b->path.len, .value_len = len, .line = b->line };
	int rc;

	if (b->leaves == ST_SETTINGS_LEAVES)
		return st_fail(e, ST_ELIMIT, "more than %zu settings", ST_SETTINGS_LEAVES);
	rc = spend(b, v.key_len + 1, e);
	if (rc == ST_OK)
		rc = spend(b, len + 1, e);
	if (rc == ST_OK)
		rc = st_grow(&s->v, &s->cap, s->n + 1, e);
	if (rc != ST_OK)
		return rc;
	v.key = st_arena_dup(&s->arena, b->path.p, b->path.len, e);
	v.value = v.key ? st_arena_dup(&s->arena, json, len, e) : NULL;
	if (!v.value)
		return e->code;
	s->v[s->n++] = v;
	b->leaves++;
	return ST_OK;
}

int st_build_string(struct st_build *b, const char *s, size_t len, struct st_err *e)
{
	int rc;

	st_buf_clear(&b->value);
	rc = put_string(&b->value, s, len, e);
	return rc == ST_OK ? st_build_leaf(b, b->value.p, b->value.len, e) : rc;
}

int st_build_number(struct st_build *b, const char *s, size_t len, struct st_err *e)
{
	int rc;

	st_buf_clear(&b->value);
	rc = st_number_put(&b->value, s, len, e);
	return rc == ST_OK ? st_build_leaf(b, b->value.p, b->value.len, e) : rc;
}

static int compare_keys(const struct st_setting *a, const struct st_setting *b)
{
	size_t least = a->key_len < b->key_len ? a->key_len : b->key_len;
	int order = least ? memcmp(a->key, b->key, least) : 0;

	return order ? order : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

static int by_key(const void *a, const void *b)
{
	return compare_keys(a, b);
}

/* Two sorted runs, old[0..first) and the rest, into one; of equal keys the later stays. */
static int merge(struct st_settings *s, size_t first, struct st_err *e)
{
	size_t i = 0, j = first, n = 0;
	struct st_setting *v = st_calloc(s->n, sizeof(*v), e);
	int order;

	if (!v)
		return e->code;
	while (i < first || j < s->n) {
		order = i == first ? 1 : j == s->n ? -1 : compare_keys(&s->v[i], &s->v[j]);
		v[n++] = s->v[order < 0 ? i : j];
		i += order <= 0;
		j += order >= 0;
	}
	free(s->v);
	s->v = v;
	s->cap = s->n;
	s->n = n;
	return ST_OK;
}

static int publish(struct st_settings *s, size_t first, struct st_err *e)
{
	size_t n = first;

	for (size_t i = first; i < s->n; i++)
		if (s->v[i].value)
			s->v[n++] = s->v[i];
	s->n = n;
	if (n - first > 1)
		qsort(s->v + first, n - first, sizeof(*s->v), by_key);
	return first && n > first ? merge(s, first, e) : ST_OK;
}

int st_build_end(struct st_build *b, int rc, struct st_err *e)
{
	if (rc == ST_OK)
		rc = publish(b->s, b->first, e);
	if (rc != ST_OK)
		b->s->n = b->first;
	else if (!b->s->twice.key)
		b->s->twice = b->twice;
	st_map_release(&b->members);
	st_buf_release(&b->path);
	st_buf_release(&b->value);
	return rc;
}

static bool is_number(const struct st_setting *v)
{
	return v->value[0] == '-' || (v->value[0] >= '0' && v->value[0] <= '9');
}

bool st_settings_equal(const struct st_setting *a, const struct st_setting *b)
{
	if (a->value_len == b->value_len && memcmp(a->value, b->value, a->value_len) == 0)
		return true;
	return is_number(a) && is_number(b) &&
	       st_number_equal(a->value, a->value_len, b->value, b->value_len);
}

int st_settings_diff(const struct st_settings *a, const struct st_settings *b,
		     int (*cb)(void *arg, const struct st_setting *a, const struct st_setting *b),
		     void *arg, struct st_err *e)
{
	const struct st_setting *x, *y;
	size_t i = 0, j = 0;
	int order;

	while (i < a->n || j < b->n) {
		order = i == a->n ? 1 : j == b->n ? -1 : compare_keys(&a->v[i], &b->v[j]);
		x = order <= 0 ? &a->v[i++] : NULL;
		y = order >= 0 ? &b->v[j++] : NULL;
		if (order == 0 && st_settings_equal(x, y))
			continue;
		if (cb(arg, x, y)) {
			st_fail(e, ST_ENO, "stopped");
			return ST_ENO;
		}
	}
	return ST_OK;
}

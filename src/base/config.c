/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config.h"

#include "base/config_text.h"
#include "base/file.h"

#include <errno.h>
#include <strings.h>

void st_config_init(struct st_config *c)
{
	*c = (struct st_config){ 0 };
	st_map_init(&c->map);
	st_arena_init(&c->arena);
}

void st_config_release(struct st_config *c)
{
	free(c->entries);
	st_arena_release(&c->arena);
	st_map_release(&c->map);
	st_config_init(c);
}

/* Adds or overrides. key is normal already. */
static int store(struct st_config *c, const char *key, const char *value, struct st_err *e)
{
	struct st_config_entry entry;
	size_t n = strlen(key);
	uint64_t at;

	entry.value = st_arena_dup(&c->arena, value, strlen(value), e);
	if (!entry.value)
		return e->code;
	if (st_map_get(&c->map, key, n, &at)) {
		c->entries[at].value = entry.value;
		return ST_OK;
	}
	entry.key = st_arena_dup(&c->arena, key, n, e);
	if (!entry.key || st_grow(&c->entries, &c->cap, c->nentries + 1, e) != ST_OK ||
	    st_map_put(&c->map, key, n, c->nentries, NULL, NULL, e) != ST_OK)
		return e->code;
	c->entries[c->nentries++] = entry;
	return ST_OK;
}

struct loader {
	struct st_config *config;
	struct st_buf key;
};

static int load_item(void *arg, const struct st_config_item *item, struct st_err *e)
{
	struct loader *l = arg;
	const char *key;

	if (!item->name)
		return ST_OK;
	st_buf_clear(&l->key);
	if (st_buf_addf(&l->key, e, "%s.%s", item->section, item->name) != ST_OK)
		return e->code;
	key = st_buf_cstr(&l->key, e);
	return key ? store(l->config, key, item->value, e) : e->code;
}

int st_config_parse(struct st_config *c, const char *text, size_t len, const char *name,
		    struct st_err *e)
{
	struct loader l = { .config = c };
	int rc;

	st_buf_init(&l.key, len + 8);
	rc = st_config_items(text, len, name, load_item, &l, e);
	st_buf_release(&l.key);
	return rc;
}

int st_config_load(struct st_config *c, const char *path, struct st_err *e)
{
	struct st_buf text;
	int rc;

	st_buf_init(&text, ST_CONFIG_MAX);
	rc = st_file_slurp(&text, path, e);
	if (rc == ST_OK)
		rc = st_config_parse(c, (const char *)text.p, text.len, path, e);
	else if (rc == ST_EIO && (e->os == ENOENT || e->os == ENOTDIR))
		rc = (st_err_clear(e), ST_OK);
	st_buf_release(&text);
	return rc;
}

int st_config_load_user(struct st_config *c, const char *path, const struct st_ctx *ctx,
			struct st_err *e)
{
	int rc = st_config_load(c, path, e);

	if (rc != ST_EIO || e->os != EACCES)
		return rc;
	if (ctx)
		st_warn(ctx, "your settings are not used: %s", e->msg);
	st_err_clear(e);
	return ST_OK;
}

/* The key as stored: section and name in lower case, what lies between as it is. */
static void normalise(char *key)
{
	char *first = strchr(key, '.'), *last = strrchr(key, '.'), *p;

	for (p = key; *p; p++)
		if (!first || p < first || p > last)
			*p = st_config_lower(*p);
}

const char *st_config_get(const struct st_config *c, const char *key)
{
	char small[128], *copy = small;
	size_t n = strlen(key);
	const char *value = NULL;
	uint64_t at;

	if (n >= sizeof(small))
		copy = malloc(n + 1); /* without memory it counts as not set, as it surely is */
	if (!copy)
		return NULL;
	memcpy(copy, key, n + 1);
	normalise(copy);
	if (st_map_get(&c->map, copy, n, &at))
		value = c->entries[at].value;
	if (copy != small)
		free(copy);
	return value;
}

int st_config_bool(const struct st_config *c, const char *key, bool dflt, bool *out,
		   struct st_err *e)
{
	static const struct {
		const char *text;
		bool value;
	} words[] = {
		{ "true", true }, { "yes", true },  { "on", true },
		{ "1", true },	  { "", false },    { "false", false },
		{ "no", false },  { "off", false }, { "0", false },
	};
	const char *s = st_config_get(c, key);
	size_t i;

	*out = dflt;
	if (!s)
		return ST_OK;
	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcasecmp(s, words[i].text) == 0) {
			*out = words[i].value;
			return ST_OK;
		}
	}
	return st_fail(e, ST_EUSAGE, "%s must be true or false, not \"%s\"", key, s);
}

int st_size_parse(const char *s, uint64_t *out, struct st_err *e)
{
	static const char units[] = "kmgt";
	const char *p, *unit;
	uint64_t v = 0;
	bool fits = true;

	for (p = s; *p >= '0' && *p <= '9'; p++)
		fits = fits && st_mul_u64(v, 10, &v) && st_add_u64(v, (uint64_t)(*p - '0'), &v);
	if (p != s && *p) {
		unit = strchr(units, st_config_lower(*p));
		if (unit) {
			fits = fits && st_mul_u64(v, (uint64_t)1 << 10 * (unit - units + 1), &v);
			p++;
		}
	}
	if (p == s || *p)
		return st_fail(e, ST_EUSAGE,
			       "\"%s\" is no size: write it as 64k, 512M, 2G or bytes", s);
	if (!fits)
		return st_fail(e, ST_EUSAGE, "the size %s is too large", s);
	*out = v;
	return ST_OK;
}

int st_config_each(const struct st_config *c,
		   int (*fn)(void *arg, const char *key, const char *value, struct st_err *e),
		   void *arg, struct st_err *e)
{
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < c->nentries; i++)
		rc = fn(arg, c->entries[i].key, c->entries[i].value, e);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "merge/spec.h"

#include "base/glob.h"
#include "merge/method.h"

void st_rules_init(struct st_rules *r)
{
	memset(r, 0, sizeof(*r));
	st_arena_init(&r->arena);
}

void st_rules_release(struct st_rules *r)
{
	free(r->v);
	st_arena_release(&r->arena);
	st_rules_init(r);
}

int st_rules_default(struct st_rules *r, const char *spec, struct st_err *e)
{
	int rc = st_spec_parse(&r->dflt, &r->arena, spec, e);

	if (rc == ST_OK)
		r->has_default = true;
	return rc;
}

static bool method_follows(const char *s)
{
	const size_t n = strcspn(s, ":");

	for (size_t i = 0; i < st_nmethods; i++)
		if (strlen(st_methods[i]->info.name) == n &&
		    memcmp(st_methods[i]->info.name, s, n) == 0)
			return true;
	return false;
}

/* A tensor's name may have a '=' of its own. */
static const char *split(const char *rule)
{
	const char *first = strchr(rule, '=');

	for (const char *p = first; p; p = strchr(p + 1, '='))
		if (method_follows(p + 1))
			return p;
	return first; /* whose error is the right one */
}

int st_rules_add(struct st_rules *r, const char *rule, struct st_err *e)
{
	const char *eq = split(rule);
	struct st_rule new = { 0 };
	int rc;

	if (!eq || eq == rule)
		return st_fail(e, ST_EUSAGE,
			       "rule '%.200s' is not GLOB=METHOD, such as 'layers.*=ties'", rule);
	rc = st_spec_parse(&new.spec, &r->arena, eq + 1, e);
	if (rc != ST_OK)
		return st_wrap(e, "rule '%.200s'", rule);
	new.glob = st_arena_dup(&r->arena, rule, (size_t)(eq - rule), e);
	if (!new.glob)
		return e->code;
	rc = st_grow(&r->v, &r->cap, r->n + 1, e);
	if (rc == ST_OK)
		r->v[r->n++] = new;
	return rc;
}

static bool matches(const char *glob, size_t n, const char *text, size_t len)
{
	return (n == len && memcmp(glob, text, n) == 0) || st_glob_match(glob, n, text, len);
}

static bool is_for(const struct st_rule *x, const char *path, const char *name, size_t len)
{
	if (matches(x->glob, strlen(x->glob), name, len))
		return true;
	for (const char *sep = x->glob; path && (sep = strstr(sep, "::")) != NULL; sep++)
		if (matches(x->glob, (size_t)(sep - x->glob), path, strlen(path)) &&
		    matches(sep + 2, strlen(sep + 2), name, len))
			return true;
	return false;
}

static bool applies(struct st_rules *r, const struct st_spec *s, const char *path)
{
	const bool yes = !path || st_spec_applies(s, path);

	r->passed += !yes;
	return yes && (!path || !r->takes || r->takes(r->takes_arg, s));
}

const struct st_spec *st_rules_find(struct st_rules *r, const char *path, const char *name,
				    size_t len)
{
	for (size_t i = 0; i < r->n; i++) {
		struct st_rule *x = &r->v[i];

		if (is_for(x, path, name, len) && applies(r, &x->spec, path)) {
			x->used++;
			return &x->spec;
		}
	}
	return r->has_default && applies(r, &r->dflt, path) ? &r->dflt : NULL;
}

bool st_layer_of(const char *name, size_t len, uint64_t *layer)
{
	for (size_t at = 0, end; at < len; at = end + 1) {
		uint64_t v = 0;
		bool digits = true;

		for (end = at; end < len && name[end] != '.'; end++) {
			digits = digits && name[end] >= '0' && name[end] <= '9' &&
				 st_mul_u64(v, 10, &v) &&
				 st_add_u64(v, (uint64_t)(name[end] - '0'), &v);
		}
		if (digits && end > at) {
			*layer = v;
			return true;
		}
	}
	return false;
}

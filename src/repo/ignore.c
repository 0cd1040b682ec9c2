/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .strataignore: gitignore's grammar (gitignore(5)): negation, anchors, directories, "**", nesting.
 */
#include "repo/repo.h"

#include <ctype.h>

struct rule {
	size_t dir_len; /* of the directory whose file holds it */
	char *dir, *glob;
	bool negated, only_dir, anchored;
};

struct st_ignore {
	struct rule *rules;
	size_t n, cap;
};

int st_ignore_new(struct st_ignore **out, struct st_err *e)
{
	*out = st_calloc(1, sizeof(**out), e);
	return *out ? ST_OK : (int)e->code;
}

static void free_rule(struct rule *r)
{
	free(r->dir);
	free(r->glob);
}

void st_ignore_free(struct st_ignore *g)
{
	size_t i;

	if (!g)
		return;
	for (i = 0; i < g->n; i++)
		free_rule(&g->rules[i]);
	free(g->rules);
	free(g);
}

/* Trailing spaces do not count unless escaped. */
static size_t trim(const char *s, size_t n)
{
	if (n && s[n - 1] == '\r')
		n--;
	while (n && s[n - 1] == ' ' && !(n > 1 && s[n - 2] == '\\'))
		n--;
	return n;
}

static int add_line(struct st_ignore *g, const char *dir, const char *s, size_t n, struct st_err *e)
{
	struct rule r = { .dir_len = strlen(dir) };
	int rc;

	n = trim(s, n);
	if (n == 0 || *s == '#')
		return ST_OK;
	if (*s == '!') {
		r.negated = true;
		s++;
		n--;
	}
	if (n && s[n - 1] == '/') {
		r.only_dir = true;
		n--;
	}
	if (n == 0)
		return ST_OK;
	r.anchored = memchr(s, '/', n) != NULL;
	if (*s == '/') {
		s++;
		n--;
	}
	rc = st_grow(&g->rules, &g->cap, g->n + 1, e);
	if (rc != ST_OK)
		return rc;
	r.dir = st_strdup(dir, e);
	r.glob = st_memdup(s, n + 1, e);
	if (!r.dir || !r.glob) {
		free_rule(&r);
		return e->code;
	}
	r.glob[n] = 0;
	g->rules[g->n++] = r;
	return ST_OK;
}

int st_ignore_add(struct st_ignore *g, const char *dir, const char *text, size_t len,
		  struct st_err *e)
{
	const char *p = text, *end = text + len, *nl;
	char *line;
	size_t n;
	int rc = ST_OK;

	while (rc == ST_OK && p < end) {
		nl = memchr(p, '\n', (size_t)(end - p));
		n = (size_t)((nl ? nl : end) - p);
		line = st_malloc(n + 1, e);
		if (!line)
			return e->code;
		memcpy(line, p, n);
		line[n] = 0;
		rc = add_line(g, dir, line, n, e);
		free(line);
		p += n + 1;
	}
	return rc;
}

void st_ignore_pop(struct st_ignore *g, const char *dir)
{
	size_t n = strlen(dir);

	while (g->n && g->rules[g->n - 1].dir_len >= n &&
	       strncmp(g->rules[g->n - 1].dir, dir, n) == 0)
		free_rule(&g->rules[--g->n]);
}

/* "[:name:]" at *p, which is left behind it; an unknown name holds nothing. */
static bool in_named_class(const char **p, unsigned char c, bool *hit)
{
	static const struct {
		const char *name;
		int (*is)(int c);
	} classes[] = {
		{ "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank },
		{ "cntrl", iscntrl }, { "digit", isdigit }, { "graph", isgraph },
		{ "lower", islower }, { "print", isprint }, { "punct", ispunct },
		{ "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
	};
	const char *name = *p + 2, *end = strchr(name, ']');
	size_t i, n;

	if (!end || end - name < 1 || end[-1] != ':')
		return false;
	n = (size_t)(end - name) - 1;
	*p = end + 1;
	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strlen(classes[i].name) == n && memcmp(classes[i].name, name, n) == 0) {
			*hit |= c < 0x80 && classes[i].is(c);
			return true;
		}
	return false;
}

/* One member of a class, perhaps a range; false where the class is malformed. */
static bool in_member(const char **p, unsigned char c, bool *hit)
{
	const char *g = *p;
	unsigned char low, high;

	if (g[0] == '[' && g[1] == ':')
		return in_named_class(p, c, hit);
	if (*g == '\\')
		g++;
	if (!*g)
		return false;
	low = high = (unsigned char)*g++;
	if (g[0] == '-' && g[1] && g[1] != ']') {
		g++;
		if (*g == '\\')
			g++;
		if (!*g)
			return false;
		high = (unsigned char)*g++;
	}
	*hit |= low <= c && c <= high;
	*p = g;
	return true;
}

/* Does the class at *glob hold c? *glob is left behind it. A malformed one matches nothing, and no
 * class matches '/'. */
static bool match_class(const char **glob, char c)
{
	const char *g = *glob + 1, *first;
	bool negated = *g == '!' || *g == '^', hit = false;

	g += negated;
	for (first = g; *g != ']' || g == first;)
		if (!*g || !in_member(&g, (unsigned char)c, &hit))
			return false;
	*glob = g + 1;
	return hit != negated && c != '/';
}

static bool match(const char *g, const char *s, bool at_start, unsigned *steps);

/* At a star. "**" is more than "*" only as a whole part of the path: then it crosses '/', and with
 * the '/' after it may stand for nothing. */
static bool match_star(const char *g, const char *s, bool at_start, unsigned *steps)
{
	size_t stars = strspn(g, "*");
	bool deep = stars > 1 && at_start && (g[stars] == '/' || !g[stars]);

	g += stars;
	while (deep && g[0] == '/' && g[1] == '*' && g[2] == '*' &&
	       g[1 + strspn(g + 1, "*")] == '/')
		g += 1 + strspn(g + 1, "*"); /* two in a row say no more than one */
	if (deep && *g == '/' && match(g + 1, s, true, steps))
		return true;
	for (;; s++) {
		if (match(g, s, false, steps))
			return true;
		if (!*s || (*s == '/' && !deep))
			return false;
	}
}

/* '*', '?' and classes do not match '/'. steps bounds hostile patterns. */
static bool match(const char *g, const char *s, bool at_start, unsigned *steps)
{
	for (; *g; at_start = g[-1] == '/') {
		if (++*steps > 100000)
			return false;
		if (*g == '*')
			return match_star(g, s, at_start, steps);
		if (!*s)
			return false;
		if (*g == '[') {
			if (!match_class(&g, *s++))
				return false;
			continue;
		}
		if (*g == '?') {
			if (*s == '/')
				return false;
		} else {
			if (*g == '\\')
				g++;
			if (*g != *s) /* also where the pattern ends with a backslash */
				return false;
		}
		g++;
		s++;
	}
	return !*s;
}

static bool applies(const struct rule *r, const char *path, bool is_dir)
{
	const char *rel = path, *base;
	unsigned steps = 0;

	if (r->only_dir && !is_dir)
		return false;
	if (r->dir_len) {
		if (strncmp(path, r->dir, r->dir_len) != 0 || path[r->dir_len] != '/')
			return false;
		rel = path + r->dir_len + 1;
	}
	base = strrchr(rel, '/');
	return match(r->glob, r->anchored || !base ? rel : base + 1, true, &steps);
}

bool st_ignore_match(const struct st_ignore *g, const char *path, bool is_dir)
{
	size_t i;

	for (i = g->n; i-- > 0;)
		if (applies(&g->rules[i], path, is_dir))
			return !g->rules[i].negated;
	return false;
}

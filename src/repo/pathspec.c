/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/repo.h"

struct spec {
	char *path; /* relative to the root; "" is everything */
	size_t len;
	bool glob;
	bool matched;
	char *given; /* as the user wrote it */
};

struct st_pathspec {
	struct spec *specs;
	size_t n;
};

static bool has_glob(const char *s)
{
	return strpbrk(s, "*?[") != NULL;
}

int st_pathspec_new(struct st_pathspec **out, struct st_repo *r, const char *const *paths, size_t n,
		    struct st_err *e)
{
	struct st_pathspec *ps = st_calloc(1, sizeof(*ps), e);
	size_t i;

	*out = NULL;
	if (!ps)
		return e->code;
	ps->specs = st_calloc(n, sizeof(*ps->specs), e);
	for (i = 0; ps->specs && i < n; i++) {
		struct spec *s = &ps->specs[i];

		if (!paths[i][0]) {
			st_fail(e, ST_EUSAGE, "an empty path: say '.' for this directory");
			break;
		}
		s->path = st_repo_relative(r, paths[i], e);
		if (!s->path)
			break;
		ps->n++;
		s->len = strlen(s->path);
		s->given = st_strdup(paths[i], e);
		if (!s->given)
			break;
		s->glob = has_glob(s->path);
	}
	if (e->code != ST_OK) {
		st_pathspec_free(ps);
		return e->code;
	}
	*out = ps;
	return ST_OK;
}

void st_pathspec_free(struct st_pathspec *ps)
{
	size_t i;

	if (!ps)
		return;
	for (i = 0; i < ps->n; i++) {
		free(ps->specs[i].path);
		free(ps->specs[i].given);
	}
	free(ps->specs);
	free(ps);
}

static bool below(const struct spec *s, const char *path)
{
	return s->len == 0 ||
	       (strncmp(path, s->path, s->len) == 0 && (path[s->len] == 0 || path[s->len] == '/'));
}

bool st_pathspec_match(struct st_pathspec *ps, const char *path)
{
	bool any = ps->n == 0;
	size_t i;

	for (i = 0; i < ps->n; i++) {
		struct spec *s = &ps->specs[i];

		if (below(s, path) ||
		    (s->glob && st_glob_match(s->path, s->len, path, strlen(path)))) {
			s->matched = true;
			any = true;
		}
	}
	return any;
}

bool st_pathspec_exact(const struct st_pathspec *ps, const char *path)
{
	size_t i;

	for (i = 0; i < ps->n; i++)
		if (strcmp(ps->specs[i].path, path) == 0)
			return true;
	return false;
}

bool st_pathspec_into(const struct st_pathspec *ps, const char *dir)
{
	size_t i, n = strlen(dir);

	for (i = 0; i < ps->n; i++)
		if (strncmp(ps->specs[i].path, dir, n) == 0 && ps->specs[i].path[n] == '/')
			return true;
	return false;
}

bool st_pathspec_through_dir(const struct st_pathspec *ps, const char *path)
{
	bool through = false;
	size_t i;

	for (i = 0; i < ps->n; i++) {
		const struct spec *s = &ps->specs[i];

		if (strcmp(s->path, path) == 0 ||
		    (s->glob && st_glob_match(s->path, s->len, path, strlen(path))))
			return false;
		through |= below(s, path);
	}
	return through;
}

/* Part of a glob before its first special character. */
static size_t fixed_len(const struct spec *s)
{
	return s->glob ? strcspn(s->path, "*?[") : s->len;
}

bool st_pathspec_dir(const struct st_pathspec *ps, const char *dir)
{
	size_t i, n = strlen(dir), fixed;

	if (ps->n == 0 || n == 0)
		return true;
	for (i = 0; i < ps->n; i++) {
		const struct spec *s = &ps->specs[i];

		if (below(s, dir))
			return true;
		fixed = fixed_len(s);
		/* The path lies below dir, or the glob may reach into it. */
		if (fixed > n ? strncmp(s->path, dir, n) == 0 && s->path[n] == '/' :
				s->glob && strncmp(s->path, dir, fixed) == 0)
			return true;
	}
	return false;
}

int st_pathspec_unmatched(const struct st_pathspec *ps, struct st_err *e)
{
	size_t i;

	for (i = 0; i < ps->n; i++)
		if (!ps->specs[i].matched && ps->specs[i].len)
			return st_fail(e, ST_ENOTFOUND, "'%s' matches no file", ps->specs[i].given);
	return ST_OK;
}

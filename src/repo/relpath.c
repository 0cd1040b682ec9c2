/* SPDX-License-Identifier: Apache-2.0 */
/* A user's path as one relative to the working tree. */
#include "repo/repo.h"

#include "base/file.h"

#include <unistd.h>

/* Removes "." and "x/.." by text; links in the middle of a path are the walk's concern. */
static void normalise(char *path)
{
	char *in = path, *out = path, *end;

	while (*in) {
		while (*in == '/')
			in++;
		end = in + strcspn(in, "/");
		if (end == in)
			break;
		if (end - in == 2 && in[0] == '.' && in[1] == '.') {
			while (out > path && *--out != '/')
				;
		} else if (!(end - in == 1 && in[0] == '.')) {
			*out++ = '/';
			memmove(out, in, (size_t)(end - in));
			out += end - in;
		}
		in = end;
	}
	if (out == path)
		*out++ = '/';
	*out = 0;
}

static char *absolute(const char *path, struct st_err *e)
{
	char *cwd, *abs;

	if (path[0] == '/')
		return st_strdup(path, e);
	cwd = realpath(".", NULL);
	if (!cwd) {
		st_fail_os(e, "the current directory");
		return NULL;
	}
	abs = st_path_join(cwd, path, e);
	free(cwd);
	return abs;
}

/* An absolute path may reach the tree through a link (/tmp -> /private/tmp): its directory is
 * resolved, its last part never. */
static char *resolve_parent(const char *abs, struct st_err *e)
{
	char *copy = st_strdup(abs, e), *slash, *dir, *out;

	if (!copy)
		return NULL;
	slash = strrchr(copy, '/');
	if (!slash || !slash[1]) {
		free(copy);
		return NULL;
	}
	*slash = 0;
	dir = realpath(*copy ? copy : "/", NULL);
	out = dir ? st_path_join(dir, slash + 1, e) : NULL;
	free(dir);
	free(copy);
	return out;
}

static const char *below(const char *root, const char *abs)
{
	size_t n = strlen(root);

	if (n == 1) /* the root directory itself */
		return abs + 1;
	if (strncmp(root, abs, n) != 0 || (abs[n] != '/' && abs[n] != 0))
		return NULL;
	return abs[n] ? abs + n + 1 : abs + n;
}

char *st_repo_relative(const struct st_repo *r, const char *user_path, struct st_err *e)
{
	char *abs = absolute(user_path, e), *real, *out = NULL;
	const char *rel;

	if (!abs)
		return NULL;
	normalise(abs);
	rel = below(r->work, abs);
	if (!rel) {
		real = resolve_parent(abs, e);
		if (real) {
			free(abs);
			abs = real;
			rel = below(r->work, abs);
		}
	}
	if (rel)
		out = st_strdup(rel, e);
	else
		st_fail(e, ST_EUSAGE, "%s lies outside the working tree %s", user_path, r->work);
	free(abs);
	return out;
}

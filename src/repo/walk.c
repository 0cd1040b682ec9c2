/* SPDX-License-Identifier: Apache-2.0 */
/* The working tree in the order of path bytes, as the index is sorted. */
#include "repo/repo.h"

#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#define IGNORE_NAME ".strataignore"
#define IGNORE_MAX ((size_t)1 << 20)
#define WALK_DEPTH 1000

struct walk {
	struct st_repo *r;
	const struct st_pathspec *ps;
	struct st_ignore *ignore;
	struct st_buf path; /* relative to the root */
	int (*cb)(void *arg, const struct st_walk_entry *en, struct st_err *e);
	void *arg;
};

struct name {
	char *s;
	bool dir;
	mode_t type; /* S_IFREG, S_IFLNK, S_IFDIR, or another that is skipped */
};

struct names {
	struct name *v;
	size_t n, cap;
};

static void free_names(struct names *ns)
{
	size_t i;

	for (i = 0; i < ns->n; i++)
		free(ns->v[i].s);
	free(ns->v);
}

/* As if directories' names ended with '/': so "a.b" sorts before "a/x", as whole paths do. */
static int by_path(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	size_t i = 0;
	int c, d;

	while (x->s[i] && x->s[i] == y->s[i])
		i++;
	c = x->s[i] ? (unsigned char)x->s[i] : x->dir ? '/' : 0;
	d = y->s[i] ? (unsigned char)y->s[i] : y->dir ? '/' : 0;
	return c - d;
}

static bool never_entered(const char *name)
{
	return strcmp(name, ".strata") == 0 || strcmp(name, ".git") == 0 ||
	       strncmp(name, ST_WORK_TEMP, strlen(ST_WORK_TEMP)) == 0;
}

/*
 * The type bits of a mode, from what readdir says: a stat for each file would double status's cost.
 */
static mode_t type_of(unsigned char d_type)
{
	switch (d_type) {
	case DT_REG:
		return S_IFREG;
	case DT_DIR:
		return S_IFDIR;
	case DT_LNK:
		return S_IFLNK;
	case DT_UNKNOWN:
		return 0;
	default:
		return S_IFIFO; /* something that is never versioned */
	}
}

static int add_name(struct names *ns, int dirfd, const struct dirent *de, struct st_err *e)
{
	struct name n = { .type = type_of(de->d_type) };
	struct stat st;
	int rc;

	if (!n.type) {
		if (fstatat(dirfd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			return errno == ENOENT ? ST_OK : st_fail_os(e, "%s", de->d_name);
		n.type = st.st_mode & S_IFMT;
	}
	n.dir = n.type == S_IFDIR;
	rc = st_grow(&ns->v, &ns->cap, ns->n + 1, e);
	if (rc != ST_OK)
		return rc;
	n.s = st_strdup(de->d_name, e);
	if (!n.s)
		return e->code;
	ns->v[ns->n++] = n;
	return ST_OK;
}

static int list_dir(struct walk *w, const char *rel, struct names *ns, struct st_err *e)
{
	char *full = *rel ? st_work_path(w->r, rel, e) : st_strdup(w->r->work, e);
	DIR *d = full ? opendir(full) : NULL;
	struct dirent *de;
	int rc = ST_OK;

	if (full && !d && errno == ENAMETOOLONG) /* the whole path would push the reason out */
		rc = st_fail(e, ST_ELIMIT,
			     "a path of %zu bytes is longer than the system can open: '%.120s...'",
			     strlen(full), rel);
	else if (full && !d)
		rc = errno == ENOENT ? ST_OK : st_fail_os(e, "read directory %s", full);
	while (d && rc == ST_OK) {
		errno = 0;
		de = readdir(d);
		if (!de) {
			if (errno)
				rc = st_fail_os(e, "read directory %s", full);
			break;
		}
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0 ||
		    never_entered(de->d_name))
			continue;
		rc = add_name(ns, dirfd(d), de, e);
	}
	if (d)
		closedir(d);
	free(full);
	if (ns->n)
		qsort(ns->v, ns->n, sizeof(*ns->v), by_path);
	return e->code != ST_OK ? (int)e->code : rc;
}

static int load_rules(struct walk *w, const char *rel, struct st_err *e)
{
	char *dir = *rel ? st_work_path(w->r, rel, e) : st_strdup(w->r->work, e);
	char *file = dir ? st_path_join(dir, IGNORE_NAME, e) : NULL;
	struct stat st;
	struct st_buf b;
	int rc = e->code;

	st_buf_init(&b, IGNORE_MAX);
	if (rc == ST_OK && lstat(file, &st) == 0 && S_ISREG(st.st_mode)) {
		rc = st_file_slurp(&b, file, e);
		if (rc == ST_OK)
			rc = st_ignore_add(w->ignore, rel, (const char *)b.p, b.len, e);
	}
	st_buf_release(&b);
	free(file);
	free(dir);
	return rc;
}

static int walk_dir(struct walk *w, bool ignored, unsigned depth, struct st_err *e);

static int visit(struct walk *w, const struct name *n, bool ignored, unsigned depth,
		 struct st_err *e)
{
	struct st_walk_entry en = { .type = n->type, .dir = n->dir };
	size_t keep = w->path.len;
	int rc;

	rc = keep ? st_buf_addch(&w->path, '/', e) : ST_OK;
	if (rc == ST_OK)
		rc = st_buf_addstr(&w->path, n->s, e);
	en.path = rc == ST_OK ? st_buf_cstr(&w->path, e) : NULL;
	if (!en.path)
		return e->code;
	if (!n->dir || st_pathspec_dir(w->ps, en.path)) {
		en.ignored = ignored || st_ignore_match(w->ignore, en.path, n->dir);
		rc = w->cb(w->arg, &en, e);
		if (rc == ST_OK && n->dir)
			rc = walk_dir(w, en.ignored, depth + 1, e);
		if (rc == ST_ENO && e->code == ST_OK)
			rc = ST_OK;
	}
	w->path.len = keep;
	return rc;
}

static int walk_dir(struct walk *w, bool ignored, unsigned depth, struct st_err *e)
{
	char *rel = st_buf_cstr(&w->path, e), *own = rel ? st_strdup(rel, e) : NULL;
	struct names ns = { 0 };
	size_t i;
	int rc = own ? load_rules(w, own, e) : (int)e->code;

	if (rc == ST_OK && depth > WALK_DEPTH)
		rc = st_fail(e, ST_ELIMIT, "%s: directories nest deeper than %d", own, WALK_DEPTH);
	if (rc == ST_OK)
		rc = list_dir(w, own, &ns, e);
	for (i = 0; rc == ST_OK && i < ns.n; i++)
		rc = visit(w, &ns.v[i], ignored, depth, e);
	if (own && *own)
		st_ignore_pop(w->ignore, own);
	free_names(&ns);
	free(own);
	return rc;
}

int st_walk(struct st_repo *r, const struct st_pathspec *ps,
	    int (*cb)(void *arg, const struct st_walk_entry *en, struct st_err *e), void *arg,
	    struct st_err *e)
{
	struct walk w = { .r = r, .ps = ps, .cb = cb, .arg = arg };
	int rc;

	st_buf_init(&w.path, 1 << 20);
	rc = st_ignore_new(&w.ignore, e);
	if (rc == ST_OK)
		rc = walk_dir(&w, false, 0, e);
	st_ignore_free(w.ignore);
	st_buf_release(&w.path);
	return rc;
}

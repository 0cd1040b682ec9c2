/* SPDX-License-Identifier: Apache-2.0 */
/* mv: rows of the index and files of the working tree get other names. */
#include "repo/merge_state.h"
#include "repo/stage.h"

#include "base/file.h"

#include <stdio.h>
#include <unistd.h>

struct mv {
	struct st_repo *r;
	bool force;
	struct st_txn t;
};

static bool is_dir(struct st_repo *r, const char *path)
{
	struct st_err ignored = { 0 };
	struct stat st;
	char *full = *path ? st_work_path(r, path, &ignored) : st_strdup(r->work, &ignored);
	bool yes = full && lstat(full, &st) == 0 && S_ISDIR(st.st_mode);

	free(full);
	return yes;
}

static bool exists(struct st_repo *r, const char *path)
{
	struct st_err ignored = { 0 };
	struct stat st;
	char *full = st_work_path(r, path, &ignored);
	bool yes = full && lstat(full, &st) == 0;

	free(full);
	return yes;
}

/* Where src goes: to dst itself, or into it when it is a directory. */
static char *target_name(struct mv *m, const char *src, const char *dst, struct st_err *e)
{
	const char *slash = strrchr(src, '/'), *base = slash ? slash + 1 : src;

	if (!is_dir(m->r, dst))
		return st_strdup(dst, e);
	return *dst ? st_path_join(dst, base, e) : st_strdup(base, e);
}

/* Does it lie in .strata or .git, which are never versioned? */
static bool is_private(const char *path)
{
	size_t n;

	for (; path; path = path[n] ? path + n + 1 : NULL) {
		n = strcspn(path, "/");
		if ((n == 7 && memcmp(path, ".strata", 7) == 0) ||
		    (n == 4 && memcmp(path, ".git", 4) == 0))
			return true;
	}
	return false;
}

/* What the conflicts are about would be gone. */
static int check_settled(struct mv *m, const char *path, struct st_err *e)
{
	bool open;
	int rc = st_merging_open_at(m->r, &m->t.index, path, &open, e);

	return rc == ST_OK && open ?
		       st_fail(e, ST_EREFUSED,
			       "'%s' is in a merge that is under way, with conflicts: decide them "
			       "first ('strata status')",
			       path) :
		       rc;
}

static int check(struct mv *m, const char *src, const char *dst, struct st_err *e)
{
	struct st_stage_row to = { .path = dst, .path_len = strlen(dst) };
	size_t n = strlen(src);
	bool away;
	int rc;

	if (!*src)
		return st_fail(e, ST_EUSAGE, "the working tree itself cannot be moved");
	if (!st_index_find(&m->t.index, src, n, NULL) && !st_index_below(&m->t.index, src))
		return st_fail(e, ST_ENOTFOUND, "'%s' is not under version control", src);
	if (strcmp(src, dst) == 0 || (strncmp(src, dst, n) == 0 && dst[n] == '/'))
		return st_fail(e, ST_EUSAGE, "'%s' cannot be moved into itself", src);
	if (st_behind_link(m->r, dst, &away, e) != ST_OK)
		return e->code;
	if (away || is_private(dst) || st_index_excludes(&m->t.index, &to))
		return st_fail(e, ST_EREFUSED,
			       "'%s' is no place for a versioned file: a link, a "
			       "file or the repository itself is above it",
			       dst);
	if (exists(m->r, dst) && (!m->force || is_dir(m->r, dst)))
		return st_fail(e, ST_EREFUSED, "'%s' exists: -f overwrites a file", dst);
	if (!exists(m->r, src))
		return st_fail(e, ST_ENOTFOUND, "'%s' is not in the working tree", src);
	rc = check_settled(m, src, e);
	return rc == ST_OK ? check_settled(m, dst, e) : rc;
}

static int rename_rows(struct mv *m, const char *src, const char *dst, struct st_err *e)
{
	struct st_index *x = &m->t.index, out;
	size_t i, n = strlen(src);
	struct st_buf path;
	int rc = ST_OK;

	st_index_init(&out);
	st_buf_init(&path, 1 << 20);
	for (i = 0; rc == ST_OK && i < x->nrows; i++) {
		struct st_stage_row row = x->rows[i];

		if (strcmp(row.path, dst) == 0)
			continue; /* overwritten */
		if (strncmp(row.path, src, n) == 0 && (row.path[n] == 0 || row.path[n] == '/')) {
			st_buf_clear(&path);
			rc = st_buf_addf(&path, e, "%s%s", dst, row.path + n);
			row.path = rc == ST_OK ? st_buf_cstr(&path, e) : NULL;
			row.path_len = path.len;
			if (!row.path)
				break;
		}
		rc = st_index_add(&out, &row, e);
	}
	st_buf_release(&path);
	if (rc == ST_OK && e->code == ST_OK)
		rc = st_index_sort(&out, e);
	if (e->code != ST_OK) {
		st_index_release(&out);
		return e->code;
	}
	st_index_release(x);
	*x = out;
	return rc;
}

static int rename_file(struct mv *m, const char *src, const char *dst, struct st_err *e)
{
	char *from = st_work_path(m->r, src, e), *to = from ? st_work_path(m->r, dst, e) : NULL;
	char *slash, *dir;
	int rc = to ? ST_OK : (int)e->code;

	dir = rc == ST_OK ? st_strdup(to, e) : NULL;
	slash = dir ? strrchr(dir, '/') : NULL;
	if (slash) {
		*slash = 0;
		rc = st_mkdirs(dir, e);
	}
	if (rc == ST_OK && (m->force ? rename(from, to) : st_rename_new(from, to)) != 0)
		rc = st_fail_os(e, "move %s to %s", src, dst);
	free(dir);
	free(from);
	free(to);
	return rc;
}

/* -f: what is overwritten may be nowhere else. */
static int note_overwritten(struct mv *m, const char *dst, struct st_err *e)
{
	struct st_stage_row *row = st_index_find(&m->t.index, dst, strlen(dst), NULL);

	if (!exists(m->r, dst))
		return ST_OK;
	return row ? st_txn_overwrites(&m->t, row, e) : st_txn_lost(&m->t, dst, e);
}

static int move_one(struct mv *m, const char *user_src, const char *dst, struct st_err *e)
{
	char *src = st_repo_relative(m->r, user_src, e), *to = NULL;
	int rc = src ? ST_OK : (int)e->code;

	if (rc == ST_OK && !(to = target_name(m, src, dst, e)))
		rc = e->code;
	if (rc == ST_OK)
		rc = check(m, src, to, e);
	if (rc == ST_OK)
		rc = note_overwritten(m, to, e);
	if (rc == ST_OK)
		rc = rename_file(m, src, to, e);
	if (rc == ST_OK)
		rc = rename_rows(m, src, to, e);
	free(src);
	free(to);
	return rc;
}

int st_verb_mv(struct st_repo *r, const char *const *paths, size_t n, bool force, struct st_err *e)
{
	struct mv m = { .r = r, .force = force };
	char *dst = NULL;
	size_t i, moved = 0;
	struct st_err bad = { 0 };
	int rc;

	if (n < 2)
		return st_fail(e, ST_EUSAGE, "give what to move and where to");
	rc = st_txn_begin(&m.t, r, "mv", e);
	if (rc == ST_OK)
		rc = st_txn_index(&m.t, e);
	if (rc == ST_OK && !(dst = st_repo_relative(r, paths[n - 1], e)))
		rc = e->code;
	if (rc == ST_OK && n > 2 && !is_dir(r, dst))
		rc = st_fail(e, ST_EUSAGE, "'%s' is not a directory", paths[n - 1]);
	for (i = 0; rc == ST_OK && i + 1 < n; i++) {
		rc = move_one(&m, paths[i], dst, &bad);
		moved += rc == ST_OK;
	}
	/* What was moved is recorded although a later one failed. */
	if (moved && e->code == ST_OK)
		rc = st_txn_publish(&m.t, true, NULL, e);
	if (e->code == ST_OK && bad.code != ST_OK) {
		*e = bad;
		rc = bad.code;
	}
	free(dst);
	st_txn_end(&m.t);
	return rc;
}

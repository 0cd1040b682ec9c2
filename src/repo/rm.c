/* SPDX-License-Identifier: Apache-2.0 */
/* rm and mv. */
#include "repo/stage.h"

#include "base/file.h"

#include <stdio.h>
#include <unistd.h>

struct rm {
	struct st_repo *r;
	unsigned flags;
	struct st_pathspec *ps;
	struct st_index head;
	struct st_txn t;
	bool *take;	      /* one a row of t.index; */
	struct st_seen *seen; /* and what lay there before it was looked into */
	size_t taken;
};

static int see(struct rm *m, const struct st_stage_row *row, struct st_err *e)
{
	char *full = st_work_path(m->r, row->path, e);

	if (full)
		st_see(&m->seen[row - m->t.index.rows], full);
	free(full);
	return e->code;
}

/* What rm would lose: content that no version has. */
static int check_row(struct rm *m, struct st_stage_row *row, struct st_err *e)
{
	struct st_stage_row *head = st_index_find(&m->head, row->path, row->path_len, NULL);
	bool staged = !head || !st_oid_eq(&head->id, &row->id), refreshed = false;
	enum st_work_state state;
	int rc;

	if (m->flags & STRATA_RM_FORCE)
		return m->flags & STRATA_RM_CACHED ? ST_OK : st_txn_overwrites(&m->t, row, e);
	rc = see(m, row, e);
	if (rc == ST_OK)
		rc = st_work_check(m->r, row, &state, &refreshed, e);
	if (rc != ST_OK)
		return rc;
	if ((m->flags & STRATA_RM_CACHED) && !(staged && state == ST_WORK_CHANGED))
		return ST_OK;
	if (state == ST_WORK_CHANGED || state == ST_WORK_TYPE)
		return st_fail(e, ST_EREFUSED,
			       "%s has changes that are not in a version: commit them, or give "
			       "--cached to keep the file, -f to discard it",
			       row->path);
	if (staged && state != ST_WORK_MISSING)
		return st_fail(e, ST_EREFUSED,
			       "%s is staged and in no version: commit it, or give --cached to "
			       "keep the file, -f to discard it",
			       row->path);
	return ST_OK;
}

static int choose(struct rm *m, struct st_err *e)
{
	struct st_index *x = &m->t.index;
	size_t i;
	int rc = ST_OK;

	m->take = st_calloc(x->nrows, sizeof(*m->take), e);
	m->seen = st_calloc(x->nrows, sizeof(*m->seen), e);
	if (!m->take || !m->seen)
		return e->code;
	for (i = 0; rc == ST_OK && i < x->nrows; i++) {
		if (!st_pathspec_match(m->ps, x->rows[i].path))
			continue;
		if (!(m->flags & STRATA_RM_RECURSIVE) &&
		    st_pathspec_through_dir(m->ps, x->rows[i].path))
			return st_fail(
				e, ST_EUSAGE,
				"%s lies in a directory that was named: give -r to remove it "
				"with all that is in it",
				x->rows[i].path);
		m->take[i] = true;
		m->taken++;
		rc = check_row(m, &x->rows[i], e);
	}
	return rc == ST_OK ? st_pathspec_unmatched(m->ps, e) : rc;
}

static int remove_file(struct st_repo *r, const char *path, const struct st_seen *seen,
		       struct st_err *e)
{
	char *full = st_work_path(r, path, e), *slash;
	size_t root = strlen(r->work);
	bool away = false;

	/* What lies behind a link is not the tree's to remove. */
	if (!full || st_behind_link(r, path, &away, e) != ST_OK || away ||
	    st_seen_check(seen, full, path, e) != ST_OK) {
		free(full);
		return e->code;
	}
	if (unlink(full) != 0 && errno != ENOENT && errno != ENOTDIR && errno != EISDIR)
		st_fail_os(e, "remove %s", path);
	while (e->code == ST_OK && (slash = strrchr(full, '/')) && (size_t)(slash - full) > root) {
		*slash = 0;
		if (rmdir(full) != 0)
			break;
	}
	free(full);
	return e->code;
}

/* All but those that somebody changed meanwhile. */
static int remove_files(struct rm *m, const struct st_index *x, struct st_err *e)
{
	struct st_err first = { 0 };
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < x->nrows; i++) {
		if (!m->take[i])
			continue;
		rc = remove_file(m->r, x->rows[i].path, &m->seen[i], e);
		if (rc == ST_EREFUSED) {
			first = first.code == ST_OK ? *e : first;
			st_err_clear(e);
			rc = ST_OK;
		}
	}
	if (rc == ST_OK)
		*e = first;
	return e->code;
}

/* The index first: a kill in between leaves files that are untracked, not rows without files. */
static int carry_out(struct rm *m, struct st_err *e)
{
	struct st_index *x = &m->t.index, old = *x, out;
	size_t i;
	int rc = ST_OK;

	st_index_init(&out);
	for (i = 0; rc == ST_OK && i < x->nrows; i++)
		if (!m->take[i])
			rc = st_index_add(&out, &x->rows[i], e);
	if (rc == ST_OK)
		rc = st_index_sort(&out, e);
	if (rc != ST_OK) {
		st_index_release(&out);
		return rc;
	}
	*x = out;
	if (m->flags & STRATA_RM_CACHED)
		m->t.op.why = "rm --cached";
	rc = st_txn_publish(&m->t, true, NULL, e);
	if (rc == ST_OK && !(m->flags & STRATA_RM_CACHED))
		rc = remove_files(m, &old, e);
	st_index_release(&old);
	return rc;
}

int st_verb_rm(struct st_repo *r, const char *const *paths, size_t n, unsigned flags,
	       int (*cb)(void *arg, char what, const char *path), void *arg, struct st_err *e)
{
	struct rm m = { .r = r, .flags = flags };
	size_t i;
	int rc;

	if (n == 0)
		return st_fail(e, ST_EUSAGE, "name the paths to remove");
	st_index_init(&m.head);
	rc = st_txn_begin(&m.t, r, "rm", e);
	if (rc == ST_OK)
		rc = st_txn_index(&m.t, e);
	if (rc == ST_OK)
		rc = st_pathspec_new(&m.ps, r, paths, n, e);
	if (rc == ST_OK)
		rc = st_head_index(r, &m.head, e);
	if (rc == ST_OK)
		rc = choose(&m, e);
	for (i = 0; rc == ST_OK && cb && i < m.t.index.nrows; i++)
		if (m.take[i] && cb(arg, 'D', m.t.index.rows[i].path) != 0)
			rc = ST_ENO;
	if (rc == ST_OK && !(flags & STRATA_RM_DRY_RUN))
		rc = carry_out(&m, e);
	free(m.take);
	free(m.seen);
	st_pathspec_free(m.ps);
	st_index_release(&m.head);
	st_txn_end(&m.t);
	return rc;
}

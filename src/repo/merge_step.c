/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/merge_state.h"

#include "repo/moves.h"
#include "repo/rewind.h"

struct step {
	struct st_txn *t;
	struct st_merging *m;
	const struct st_step_files *f;
	struct st_index now, target; /* what this touches, of the index and of what it becomes */
};

static bool is_among(const char *const *paths, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(paths[i], path) == 0)
			return true;
	return false;
}

static const struct st_step_file *named(const struct st_step_files *f, const char *path)
{
	for (size_t i = 0; i < f->nalso; i++)
		if (strcmp(f->also[i].path, path) == 0)
			return &f->also[i];
	return NULL;
}

/* A step that was cut off may have written what it was to make of the file. */
static bool is_in_doubt(const struct step *s, const struct st_step_files *f,
			const struct st_stage_row *row)
{
	const struct st_index *now = &s->t->index;

	return f->cut && !st_rows_same(st_index_find(now, row->path, row->path_len, NULL),
				       st_index_find(f->cut, row->path, row->path_len, NULL));
}

/* What became of the path since is not the merge's, and stays. */
static bool is_foreign(const struct st_step_files *f, const struct st_index *target,
		       const char *path, size_t len)
{
	return is_among(f->left, f->nleft, path) ||
	       (f->made && st_rows_same(st_index_find(f->made, path, len, NULL),
					st_index_find(target, path, len, NULL)));
}

/* The rows of `from` that differ in `other`, are named, or are in doubt. */
static int pick(const struct step *s, struct st_index *out, const struct st_index *from,
		const struct st_index *other, const struct st_index *target, struct st_err *e)
{
	const struct st_step_files *f = s->f;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < from->nrows; i++) {
		const struct st_stage_row *row = &from->rows[i];

		if (named(f, row->path) || is_in_doubt(s, f, row) ||
		    (!is_foreign(f, target, row->path, row->path_len) &&
		     (f->made ||
		      !st_rows_same(row, st_index_find(other, row->path, row->path_len, NULL)))))
			rc = st_index_add(out, row, e);
	}
	return rc;
}

/* Is a file that the merge made, and that was unstaged since, as it was made? */
static int is_orphan(struct step *s, const struct st_step_files *f, const struct st_index *target,
		     const struct st_stage_row *row, bool *orphan, struct st_err *e)
{
	struct st_stage_row probe = *row;
	enum st_work_state state;
	bool refreshed = false;
	int rc;

	*orphan = false;
	if (st_index_find(&s->t->index, row->path, row->path_len, NULL) ||
	    st_index_find(target, row->path, row->path_len, NULL) ||
	    is_foreign(f, target, row->path, row->path_len))
		return ST_OK;
	rc = st_work_check(s->t->r, &probe, &state, &refreshed, e);
	*orphan = rc == ST_OK && state == ST_WORK_CLEAN;
	return rc;
}

static int pick_orphans(struct step *s, const struct st_step_files *f,
			const struct st_index *target, struct st_err *e)
{
	bool orphan;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && f->made && i < f->made->nrows; i++) {
		rc = is_orphan(s, f, target, &f->made->rows[i], &orphan, e);
		if (rc == ST_OK && orphan)
			rc = st_index_add(&s->now, &f->made->rows[i], e);
	}
	return rc;
}

/* Files that only the step that was cut off knows of. */
static int pick_strays(struct step *s, const struct st_step_files *f, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && f->cut && i < f->cut->nrows; i++) {
		const struct st_stage_row *row = &f->cut->rows[i];

		if (!st_index_find(&s->t->index, row->path, row->path_len, NULL))
			rc = st_index_add(&s->now, row, e);
	}
	return rc;
}

static int pick_all(struct step *s, const struct st_index *target, const struct st_step_files *f,
		    struct st_err *e)
{
	int rc = pick(s, &s->now, &s->t->index, target, target, e);

	if (rc == ST_OK)
		rc = pick_strays(s, f, e);
	if (rc == ST_OK)
		rc = pick_orphans(s, f, target, e);
	if (rc == ST_OK)
		rc = st_index_sort(&s->now, e);
	if (rc == ST_OK)
		rc = pick(s, &s->target, target, &s->t->index, target, e);
	return rc == ST_OK ? st_index_sort(&s->target, e) : rc;
}

/* Nothing stands in the way: the objects can be read from here on, and what is meant is known. */
static int ready(void *arg, struct st_err *e)
{
	struct step *s = arg;
	int rc = st_txn_flush(s->t, e);

	return rc == ST_OK ? st_merging_save(s->t->r, s->m, e) : rc;
}

static const struct st_seen *own(void *arg, const char *path)
{
	const struct step *s = arg;
	const struct st_step_file *x = named(s->f, path);

	return x ? &x->seen : NULL;
}

/* ---- texts with markers ---- */

/* What somebody wrote there meanwhile stays. */
static int write_text(struct st_repo *r, struct st_marked *x, const struct st_stage_row *row,
		      struct st_err *e)
{
	struct st_target t = { .path = x->path, .row = row, .text = &x->text, .seen = x->seen };
	char *full = x->left ? NULL : st_work_path(r, x->path, e);
	struct stat st;

	if (!full)
		return e->code;
	t.full = full;
	if (st_write_file(r, &t, NULL, &st, e) == ST_EREFUSED && st_seen_changed(&x->seen, full)) {
		st_err_clear(e);
		x->left = true;
	}
	free(full);
	return e->code;
}

static int tell_left(const struct st_merging *m, const struct st_step_files *f, struct st_err *e)
{
	for (size_t i = 0; i < f->nmarked; i++)
		if (f->marked[i].left)
			return st_fail(e, ST_EREFUSED,
				       "a %s is under way, but '%s' changed meanwhile, and is left "
				       "as it is, without the lines of both sides: 'strata add' "
				       "takes it so, 'strata restore' brings back what this branch "
				       "has",
				       st_merging_kind_name(m->kind), f->marked[i].path);
	return ST_OK;
}

/* What this step wrote itself, as for a new mode, is no change of somebody's. */
static int see_own(struct step *s, struct st_marked *x, struct st_err *e)
{
	struct st_stage_row *made = st_index_find(&s->target, x->path, strlen(x->path), NULL);
	char *full = made && !x->left ? st_work_path(s->t->r, x->path, e) : NULL;
	enum st_work_state state;
	struct st_seen seen;
	bool refreshed = false;
	int rc;

	if (!full)
		return e->code;
	st_see(&seen, full);
	rc = st_work_check(s->t->r, made, &state, &refreshed, e);
	if (rc == ST_OK && state == ST_WORK_CLEAN)
		x->seen = seen;
	free(full);
	return rc;
}

static int write_marked(struct step *s, const struct st_index *target,
			const struct st_step_files *f, struct st_err *e)
{
	struct st_repo *r = s->t->r;
	struct st_stage_row **rows = st_calloc(f->nmarked, sizeof(*rows), e);
	size_t n = 0;
	int rc = rows ? ST_OK : (int)e->code;

	for (size_t i = 0; rc == ST_OK && i < f->nmarked; i++) {
		const char *path = f->marked[i].path;

		rows[n] = st_index_find(target, path, strlen(path), NULL);
		if (!rows[n]) /* this branch has none: there is nothing to write it into */
			f->marked[i].left = false;
		else
			rc = see_own(s, &f->marked[i], e);
		n += rows[n] != NULL;
	}
	if (n)
		st_left_note(r, rows, n);
	for (size_t i = 0, k = 0; rc == ST_OK && k < n; i++)
		if (strcmp(f->marked[i].path, rows[k]->path) == 0)
			rc = write_text(r, &f->marked[i], rows[k++], e);
	if (n)
		st_left_forget(r);
	free(rows);
	return rc;
}

static int run(struct step *s, struct st_index *target, const struct st_step_files *f,
	       const char *why, strata_checkout_result *res, struct st_err *e)
{
	struct st_txn *t = s->t;
	struct st_local_files local = { .spare = !f->force,
					.refuse = !f->force,
					.exact = f->exact,
					.own = own,
					.how = f->how,
					.ready = ready,
					.arg = s,
					.txn = t };
	int rc = st_staged_write_trees(t->r, target, t->w, e);

	if (!s->m->aborting) /* else what was begun must still be known if this is cut off, too */
		s->m->after = target->tree;
	s->m->begun = false;
	if (rc == ST_OK)
		rc = pick_all(s, target, f, e);
	if (rc == ST_OK)
		rc = st_checkout_index(t->r, &s->now, &s->target, &local, res, e);
	if (rc == ST_OK && f->nmarked)
		rc = write_marked(s, target, f, e);
	if (rc == ST_OK) {
		st_rewind_keep_stats(target, &s->target);
		st_rewind_keep_stats(target, &t->index);
		rc = st_rewind_take(t, target, e);
	}
	t->op.why = why;
	if (rc == ST_OK)
		rc = st_txn_publish(t, true, NULL, e);
	t->op.why = t->op.verb;
	s->m->begun = true;
	if (rc == ST_OK && !f->last)
		rc = st_merging_save(t->r, s->m, e);
	return rc == ST_OK ? tell_left(s->m, f, e) : rc;
}

int st_merge_step(struct st_txn *t, struct st_merging *m, struct st_index *target,
		  const struct st_step_files *f, const char *why, strata_checkout_result *res,
		  struct st_err *e)
{
	struct step s = { .t = t, .m = m, .f = f };
	int rc;

	st_index_init(&s.now);
	st_index_init(&s.target);
	rc = run(&s, target, f, why, res, e);
	st_index_release(&s.now);
	st_index_release(&s.target);
	return rc;
}

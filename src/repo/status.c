/* SPDX-License-Identifier: Apache-2.0 */
/* status: HEAD against index against working tree. */
#include "repo/stage.h"

#include "base/file.h"

struct line { /* one path */
	const char *path;
	char staged, worktree;
	const struct st_stage_row *head, *row;
	bool dir;
};

struct status {
	struct st_repo *r;
	unsigned flags;
	struct st_pathspec *ps;
	bool some;		      /* paths were named */
	struct st_index head, staged; /* head is left empty when it is the same tree */
	bool same_tree;
	bool refreshed;
	struct st_arena arena;
	struct line *lines;
	size_t n, cap;
	const char *inside; /* an untracked directory that is shown as one line */
};

static int add_line(struct status *s, const struct line *l, struct st_err *e)
{
	int rc = st_grow(&s->lines, &s->cap, s->n + 1, e);

	if (rc == ST_OK)
		s->lines[s->n++] = *l;
	return rc;
}

static char staged_letter(const struct st_stage_row *head, const struct st_stage_row *row)
{
	if (!head)
		return 'A';
	if ((head->mode == ST_MODE_LINK) != (row->mode == ST_MODE_LINK))
		return 'T';
	return st_oid_eq(&head->id, &row->id) && head->mode == row->mode ? ' ' : 'M';
}

static char worktree_letter(enum st_work_state state)
{
	switch (state) {
	case ST_WORK_CHANGED:
		return 'M';
	case ST_WORK_MISSING:
		return 'D';
	case ST_WORK_TYPE:
		return 'T';
	case ST_WORK_CLEAN:
		break;
	}
	return ' ';
}

static int untracked_line(struct status *s, const char *path, bool dir, char what, struct st_err *e)
{
	struct line l = { .staged = what, .worktree = what, .dir = dir };
	size_t n = strlen(path);
	char *copy = st_arena_alloc(&s->arena, n + 2, e);

	if (!copy)
		return e->code;
	memcpy(copy, path, n);
	if (dir)
		copy[n] = '/';
	l.path = copy;
	return add_line(s, &l, e);
}

/*
 * Git's rule: a directory without tracked files is one line, if any file in it is not ignored. That
 * is known only once such a file is met: the line is made then, and the rest of the directory
 * passed over.
 */
static int on_file(struct status *s, const struct st_walk_entry *en, struct st_err *e)
{
	char *copy, *slash;
	int rc;

	if (s->flags & STRATA_STATUS_ALL_UNTRACKED)
		return untracked_line(s, en->path, false, en->ignored ? '!' : '?', e);
	copy = st_strdup(en->path, e);
	if (!copy)
		return e->code;
	for (slash = copy; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		if (!st_index_below(&s->staged, copy)) {
			s->inside = st_arena_dup(&s->arena, copy, strlen(copy), e);
			rc = s->inside ? untracked_line(s, copy, true, en->ignored ? '!' : '?', e) :
					 (int)e->code;
			free(copy);
			return rc;
		}
		*slash = '/';
	}
	free(copy);
	return untracked_line(s, en->path, false, en->ignored ? '!' : '?', e);
}

static bool within(const char *dir, const char *path)
{
	size_t n = dir ? strlen(dir) : 0;

	return dir && strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == 0);
}

static int walk_cb(void *arg, const struct st_walk_entry *en, struct st_err *e)
{
	struct status *s = arg;
	bool wanted = !en->ignored || (s->flags & STRATA_STATUS_IGNORED);

	if (within(s->inside, en->path))
		return en->dir ? ST_ENO : ST_OK;
	if (en->dir)
		return wanted || st_index_below(&s->staged, en->path) ? ST_OK : ST_ENO;
	if (!wanted || !st_pathspec_match(s->ps, en->path) ||
	    st_index_find(&s->staged, en->path, strlen(en->path), NULL))
		return ST_OK;
	if (!S_ISREG(en->type) && !S_ISLNK(en->type))
		return ST_OK;
	return on_file(s, en, e);
}

static int walk(void *arg, struct st_err *e)
{
	struct status *s = arg;

	return s->flags & STRATA_STATUS_NO_UNTRACKED ? ST_OK : st_walk(s->r, s->ps, walk_cb, s, e);
}

static int tracked(struct status *s, struct st_err *e)
{
	enum st_work_state state;
	bool *clean = NULL;
	size_t i;
	int rc = s->some ? walk(s, e) : st_work_prove(s->r, &s->staged, walk, s, &clean, e);

	for (i = 0; rc == ST_OK && i < s->staged.nrows; i++) {
		struct st_stage_row *row = &s->staged.rows[i];
		struct line l = { .path = row->path, .row = row };

		if (!st_pathspec_match(s->ps, row->path))
			continue;
		l.head = s->same_tree ? row :
					st_index_find(&s->head, row->path, row->path_len, NULL);
		state = ST_WORK_CLEAN;
		if (!clean || !clean[i])
			rc = st_work_check(s->r, row, &state, &s->refreshed, e);
		if (rc != ST_OK)
			break;
		l.staged = staged_letter(l.head, row);
		l.worktree = worktree_letter(state);
		if (l.staged != ' ' || l.worktree != ' ')
			rc = add_line(s, &l, e);
	}
	free(clean);
	for (i = 0; rc == ST_OK && i < s->head.nrows; i++) {
		struct line l = { .path = s->head.rows[i].path,
				  .head = &s->head.rows[i],
				  .staged = 'D',
				  .worktree = ' ' };

		if (st_pathspec_match(s->ps, l.path) &&
		    !st_index_find(&s->staged, l.path, s->head.rows[i].path_len, NULL))
			rc = add_line(s, &l, e);
	}
	return rc;
}

static int by_path(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int c = strcmp(x->path, y->path);

	/* what is removed from the index and still lies there: in the order of these */
	return c ? c :
		   (x->staged == '?' || x->staged == '!') - (y->staged == '?' || y->staged == '!');
}

static const char *kind_of(const struct line *l)
{
	const struct st_stage_row *row = l->row ? l->row : l->head;

	if (l->dir)
		return "dir";
	if (row && row->mode == ST_MODE_LINK)
		return "link";
	return row && (row->flags & ST_INDEX_MODEL) ? "model" : "file";
}

/* Of a model whose tensors are the same: is it the mode alone? Hashes where times do not say. */
static int fill_mode(struct status *s, const struct line *l, strata_status_entry *en,
		     struct st_err *e)
{
	const bool was = l->row->mode == ST_MODE_EXEC;
	bool alone = false;
	int rc = ST_OK;

	if (l->staged == 'M') {
		if (st_oid_eq(&l->head->id, &l->row->id))
			en->mode = was ? "exec" : "file";
	} else if (l->staged == ' ') {
		rc = st_work_mode_alone(s->r, l->row, &alone, e);
		if (alone)
			en->mode = was ? "file" : "exec";
	}
	return rc;
}

static int fill_tensors(struct status *s, struct st_compare *cmp, const struct line *l,
			strata_status_entry *en, struct st_err *e)
{
	struct st_counts n;
	bool model;
	int rc;

	if ((s->flags & STRATA_STATUS_NO_TENSORS) || l->staged == '?' || l->staged == '!' ||
	    (l->staged == ' ' && l->worktree == ' '))
		return ST_OK;
	if (l->staged == ' ') { /* only the working tree differs */
		if (l->worktree != 'M' || !(l->row->flags & ST_INDEX_MODEL))
			return ST_OK;
		rc = st_compare_worktree(s->r, l->path, &l->row->id, &n, &model, e);
	} else {
		rc = st_compare_file(cmp, l->path, l->head ? &l->head->id : NULL,
				     l->row ? &l->row->id : NULL, &n, &model, e);
	}
	if (rc == ST_OK && model) {
		en->has_tensors = true;
		en->kind = "model";
		en->tensors = (strata_tensor_counts){ .added = n.added,
						      .changed = n.changed,
						      .removed = n.removed,
						      .unchanged = n.unchanged };
		if (l->row && !n.added && !n.changed && !n.removed)
			rc = fill_mode(s, l, en, e);
	}
	return rc;
}

static int show_lines(struct status *s, int (*cb)(void *arg, const strata_status_entry *en),
		      void *arg, struct st_err *e)
{
	struct st_compare *cmp;
	size_t i;
	int rc = st_compare_new(&cmp, s->r, e);

	if (s->n)
		qsort(s->lines, s->n, sizeof(*s->lines), by_path);
	for (i = 0; rc == ST_OK && i < s->n; i++) {
		strata_status_entry en = { .path = s->lines[i].path,
					   .staged = s->lines[i].staged,
					   .worktree = s->lines[i].worktree,
					   .kind = kind_of(&s->lines[i]),
					   .format = "" };

		rc = fill_tensors(s, cmp, &s->lines[i], &en, e);
		if (rc == ST_OK && cb(arg, &en) != 0)
			rc = ST_ENO;
	}
	st_compare_free(cmp);
	return rc;
}

/* New stat data spares the next status the hashing; failing to save it costs only time. */
static void save_stats(struct status *s)
{
	struct st_err ignored = { 0 };
	struct st_index fresh;
	size_t i;

	if (!(s->refreshed || s->r->index_anew) || st_repo_lock_index(s->r, &ignored) != ST_OK)
		return;
	if (st_staged_load(s->r, &fresh, &ignored) == ST_OK &&
	    st_oid_eq(&fresh.tree, &s->staged.tree)) {
		for (i = 0; i < fresh.nrows && fresh.nrows == s->staged.nrows; i++) {
			const char *path = fresh.rows[i].path;

			fresh.rows[i] = s->staged.rows[i];
			fresh.rows[i].path = path;
		}
		st_staged_stamp(&fresh);
		if (st_staged_save(s->r, &fresh, &ignored) != ST_OK)
			st_err_clear(&ignored);
	}
	st_index_release(&fresh);
	st_repo_unlock_index(s->r);
}

/* Nothing staged is the usual case, and then HEAD's trees need not be read. */
static int load_head(struct status *s, struct st_err *e)
{
	struct st_head head;
	struct st_oid tree;
	int rc = st_repo_head(s->r, &head, e);

	if (rc != ST_OK || head.unborn)
		return rc;
	rc = st_repo_commit_tree(s->r, &head.commit, &tree, e);
	if (rc == ST_OK && st_oid_eq(&tree, &s->staged.tree))
		s->same_tree = true;
	else if (rc == ST_OK)
		rc = st_head_index(s->r, &s->head, e);
	return rc;
}

int st_verb_status(struct st_repo *r, const char *const *paths, size_t n, unsigned flags,
		   int (*cb)(void *arg, const strata_status_entry *en), void *arg, struct st_err *e)
{
	struct status s = { .r = r, .flags = flags, .some = n > 0 };
	int rc;

	st_arena_init(&s.arena);
	st_index_init(&s.head);
	st_index_init(&s.staged);
	rc = st_repo_refresh_to_read(r, e);
	if (rc == ST_OK)
		rc = st_pathspec_new(&s.ps, r, paths, n, e);
	if (rc == ST_OK)
		rc = st_staged_load(r, &s.staged, e);
	if (rc == ST_OK)
		rc = load_head(&s, e);
	if (rc == ST_OK)
		rc = tracked(&s, e);
	if (rc == ST_OK)
		rc = show_lines(&s, cb, arg, e);
	if (rc == ST_OK)
		save_stats(&s);
	st_pathspec_free(s.ps);
	st_index_release(&s.head);
	st_index_release(&s.staged);
	st_arena_release(&s.arena);
	free(s.lines);
	return rc;
}

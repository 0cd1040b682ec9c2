/* SPDX-License-Identifier: Apache-2.0 */
/* add: find what changed, store it, stage it. */
#include "repo/stage.h"

#include "base/file.h"
#include "repo/merge_state.h"

#include <unistd.h>

struct add {
	struct st_repo *r;
	unsigned flags;
	struct st_pathspec *ps;
	struct st_index old;	 /* as it was when we looked */
	struct st_index changed; /* rows to put in: results, and new stat data */
	struct st_index to_read; /* paths to read */
	struct st_index gone;	 /* paths to take out */
	struct st_ingest *ingest;
	struct st_index settled; /* paths that a merge under way may have conflicts about */
	bool merging;
	struct st_merging merge; /* while merging */
	bool explicit_paths;
	bool refreshed;
	size_t new_files;
	uint64_t bytes;
	int64_t begun; /* before the first file was read */
	int (*cb)(void *arg, char what, const char *path);
	void *cb_arg;
};

static int tell(struct add *a, char what, const char *path)
{
	return a->cb && a->cb(a->cb_arg, what, path) ? ST_ENO : ST_OK;
}

static int queue(struct add *a, const char *path, bool follow, struct st_err *e)
{
	struct st_stage_row row = { .path = path,
				    .path_len = strlen(path),
				    .flags = follow ? ST_INDEX_DEREF : 0 };

	return st_index_add(&a->to_read, &row, e);
}

static uint32_t mode_of(const struct stat *st)
{
	if (S_ISLNK(st->st_mode))
		return ST_MODE_LINK;
	return st->st_mode & S_IXUSR ? ST_MODE_EXEC : ST_MODE_FILE;
}

/* A link whose target lies outside the tree loses its content when the tree is copied. */
static int check_link(struct add *a, const char *path, bool *follow, struct st_err *e)
{
	char *full = st_work_path(a->r, path, e), *real, *rel;
	struct st_err out = { 0 };
	struct stat st;

	*follow = false;
	if (!full)
		return e->code;
	real = realpath(full, NULL);
	if (real && stat(real, &st) == 0) {
		rel = st_repo_relative(a->r, real, &out);
		free(rel);
		if (a->flags & STRATA_ADD_DEREFERENCE)
			*follow = S_ISREG(st.st_mode);
		else if (out.code != ST_OK)
			st_warn(&a->r->ctx,
				"%s is a link out of the working tree, to %s: only the link is "
				"stored; 'add --dereference' takes the file it points to",
				path, real);
	}
	free(real);
	free(full);
	return ST_OK;
}

static bool has_bad_part(const char *path)
{
	const char *p = path;

	while (p) {
		if (strncmp(p, ".strata", 7) == 0 && (p[7] == 0 || p[7] == '/'))
			return true;
		p = strchr(p, '/');
		p = p ? p + 1 : NULL;
	}
	return false;
}

/* The lines of both sides, as a merge wrote them, are no content. */
static int check_marked(struct add *a, const char *path, bool *leave, struct st_err *e)
{
	const struct st_merge_item *it =
		a->merging ? st_merge_desc_find(&a->merge.d, path, strlen(path), "", 0) : NULL;
	struct st_seen seen;
	int rc;

	*leave = false;
	if (!it)
		return ST_OK;
	rc = st_marked_untouched(a->r, it, leave, &seen, e);
	if (rc != ST_OK || !*leave)
		return rc;
	if (st_pathspec_exact(a->ps, path))
		return st_fail(e, ST_EREFUSED,
			       "'%s' has the lines of both sides between markers, as the merge "
			       "wrote it: edit it first, or decide with 'strata resolve'",
			       path);
	st_warn(&a->r->ctx,
		"'%s' is left: it has the lines of both sides between markers, as the merge wrote "
		"it",
		path);
	return ST_OK;
}

static int consider_new(struct add *a, const struct st_walk_entry *en, struct st_err *e)
{
	bool follow = false, leave = false;
	int rc = ST_OK;

	if (has_bad_part(en->path))
		return ST_OK;
	if (!S_ISREG(en->type) && !S_ISLNK(en->type)) {
		st_warn(&a->r->ctx, "%s is neither a file, a link nor a directory: skipped",
			en->path);
		return ST_OK;
	}
	if (S_ISLNK(en->type))
		rc = check_link(a, en->path, &follow, e);
	else
		rc = check_marked(a, en->path, &leave, e);
	if (rc != ST_OK || leave)
		return rc;
	a->new_files++;
	rc = tell(a, 'A', en->path);
	return rc == ST_OK ? queue(a, en->path, follow, e) : rc;
}

static int consider_tracked(struct add *a, struct st_stage_row *row, const struct st_walk_entry *en,
			    struct st_err *e)
{
	enum st_work_state state;
	bool follow = (row->flags & ST_INDEX_DEREF) != 0, refreshed = false, leave = false;
	int rc;

	if (S_ISLNK(en->type) && (a->flags & STRATA_ADD_DEREFERENCE) && !follow) {
		rc = check_link(a, en->path, &follow, e);
		if (rc != ST_OK)
			return rc;
		state = ST_WORK_CHANGED;
	} else {
		rc = st_work_check(a->r, row, &state, &refreshed, e);
		a->refreshed |= refreshed;
	}
	if (rc == ST_OK && state == ST_WORK_CHANGED)
		rc = check_marked(a, en->path, &leave, e);
	if (rc != ST_OK || leave)
		return rc;
	/* who names a file means it, be it as it is staged */
	if (rc == ST_OK && a->merging && state != ST_WORK_MISSING &&
	    st_pathspec_exact(a->ps, en->path))
		rc = st_index_add(&a->settled, row, e);
	if (rc != ST_OK || state == ST_WORK_CLEAN || state == ST_WORK_MISSING)
		return rc;
	if (!S_ISREG(en->type) && !S_ISLNK(en->type)) {
		st_warn(&a->r->ctx, "%s is neither a file, a link nor a directory: skipped",
			en->path);
		return ST_OK;
	}
	rc = tell(a, 'M', en->path);
	return rc == ST_OK ? queue(a, en->path, follow, e) : rc;
}

static int refuse_ignored(const char *path, struct st_err *e)
{
	return st_fail(e, ST_EREFUSED, "%s is ignored by .strataignore: 'add -f' adds it anyway",
		       path);
}

/* An ignored directory is left alone unless something in it is tracked or named. */
static int enter_dir(struct add *a, const struct st_walk_entry *en, struct st_err *e)
{
	if (!en->ignored || (a->flags & STRATA_ADD_FORCE))
		return ST_OK;
	if (st_index_below(&a->old, en->path) || st_pathspec_into(a->ps, en->path))
		return ST_OK;
	if (st_pathspec_exact(a->ps, en->path))
		return refuse_ignored(en->path, e);
	return ST_ENO;
}

static int walk_cb(void *arg, const struct st_walk_entry *en, struct st_err *e)
{
	struct add *a = arg;
	struct st_stage_row *row;

	if (en->dir)
		return enter_dir(a, en, e);
	row = st_index_find(&a->old, en->path, strlen(en->path), NULL);
	if (!st_pathspec_match(a->ps, en->path))
		return ST_OK;
	if (row)
		return consider_tracked(a, row, en, e);
	if (a->flags & STRATA_ADD_UPDATE)
		return ST_OK;
	if (en->ignored && !(a->flags & STRATA_ADD_FORCE)) {
		if (a->explicit_paths && st_pathspec_exact(a->ps, en->path))
			return refuse_ignored(en->path, e);
		return ST_OK;
	}
	return consider_new(a, en, e);
}

/* Tracked files that are no longer there. */
static int find_gone(struct add *a, struct st_err *e)
{
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < a->old.nrows; i++) {
		struct st_stage_row *row = &a->old.rows[i];
		struct stat st;
		char *full;
		bool there, away;

		if (!st_pathspec_match(a->ps, row->path))
			continue;
		full = st_work_path(a->r, row->path, e);
		if (!full)
			return e->code;
		there = lstat(full, &st) == 0 && !S_ISDIR(st.st_mode);
		free(full);
		if (there) {
			rc = st_behind_link(a->r, row->path, &away, e);
			if (rc != ST_OK || !away)
				continue;
		}
		rc = tell(a, 'D', row->path);
		if (rc == ST_OK)
			rc = st_index_add(&a->gone, row, e);
	}
	return rc;
}

static int find_changes(struct add *a, struct st_err *e)
{
	int rc = st_walk(a->r, a->ps, walk_cb, a, e);

	if (rc == ST_OK)
		rc = find_gone(a, e);
	if (rc == ST_OK && a->explicit_paths)
		rc = st_pathspec_unmatched(a->ps, e);
	if (rc == ST_OK)
		rc = st_index_sort(&a->to_read, e);
	if (rc == ST_OK)
		rc = st_index_sort(&a->gone, e);
	return rc;
}

static int on_done(void *arg, const char *path, const struct st_ingested *f, struct st_err *e)
{
	struct add *a = arg;
	struct st_stage_row row = { .path = path, .path_len = strlen(path), .id = f->id };
	const struct st_stage_row *want = st_index_find(&a->to_read, path, row.path_len, NULL);

	row.mode = mode_of(&f->st);
	row.flags = (f->model ? ST_INDEX_MODEL : 0) | (want ? want->flags & ST_INDEX_DEREF : 0);
	st_row_set_stat(&row, &f->st);
	st_row_distrust(&row, a->begun);
	if (f->open) {
		row.flags &= ~(uint32_t)ST_INDEX_STAT;
		st_warn(&a->r->ctx,
			"%s is open for writing in another process: what was staged may be a state "
			"that it never had; 'strata status' says whether it changes",
			path);
	}
	row.size = f->size;
	a->bytes += f->size;
	return st_index_add(&a->changed, &row, e);
}

/* A file that vanishes meanwhile is missed when it is read. */
static uint64_t bytes_to_read(struct add *a)
{
	struct st_err ignored = { 0 };
	uint64_t sum = 0;
	struct stat st;
	char *full;
	size_t i;

	for (i = 0; i < a->to_read.nrows; i++) {
		full = st_work_path(a->r, a->to_read.rows[i].path, &ignored);
		if (full && stat(full, &st) == 0 && S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_size;
		free(full);
	}
	return sum;
}

int st_store_mode(const struct st_config *c, enum st_codec_mode *out, struct st_err *e)
{
	const char *mode = st_config_get(c, "store.mode");

	*out = mode && strcmp(mode, "fast") == 0 ? ST_CODEC_FAST : ST_CODEC_DEFAULT;
	if (mode && *out == ST_CODEC_DEFAULT && strcmp(mode, "default") != 0)
		return st_fail(e, ST_EUSAGE, "store.mode is '%s': it may be default or fast", mode);
	return ST_OK;
}

static int codec_mode(const struct add *a, enum st_codec_mode *out, struct st_err *e)
{
	*out = ST_CODEC_FAST;
	return a->flags & STRATA_ADD_FAST ? ST_OK : st_store_mode(&a->r->config, out, e);
}

static int ingest_all(struct add *a, struct st_txn *t, struct st_err *e)
{
	struct st_ingest_options o = { .mode = ST_CODEC_DEFAULT };
	size_t i;
	char *full;
	int rc = codec_mode(a, &o.mode, e);

	if (rc == ST_OK)
		rc = st_ingest_new(&a->ingest, a->r, t->w, &o, e);
	if (rc != ST_OK)
		return rc;
	st_ingest_expect(a->ingest, bytes_to_read(a));
	st_ingest_on_done(a->ingest, on_done, a);
	a->begun = st_now_ns();
	for (i = 0; rc == ST_OK && i < a->to_read.nrows; i++) {
		full = st_work_path(a->r, a->to_read.rows[i].path, e);
		rc = full ? st_ingest_file(a->ingest, a->to_read.rows[i].path, full,
					   (a->to_read.rows[i].flags & ST_INDEX_DEREF) != 0, e) :
			    (int)e->code;
		free(full);
	}
	if (rc == ST_OK)
		rc = st_ingest_finish(a->ingest, e);
	return rc;
}

/* The index may have moved on while files were read: our rows go into what it is now. */
static int merge_rows(struct add *a, struct st_index *now, struct st_err *e)
{
	struct st_index out;
	size_t i;
	int rc = st_index_sort(&a->changed, e);

	st_index_init(&out);
	for (i = 0; rc == ST_OK && i < now->nrows; i++) {
		struct st_stage_row *row = &now->rows[i];
		struct st_stage_row *seen = st_index_find(&a->old, row->path, row->path_len, NULL);

		if (st_index_find(&a->gone, row->path, row->path_len, NULL) ||
		    st_index_find(&a->changed, row->path, row->path_len, NULL) ||
		    st_index_excludes(&a->changed, row))
			continue;
		/* what checking its content taught about its stat data */
		if (seen && st_oid_eq(&seen->id, &row->id) && seen->mode == row->mode)
			row = seen;
		rc = st_index_add(&out, row, e);
	}
	for (i = 0; rc == ST_OK && i < a->changed.nrows; i++)
		rc = st_index_add(&out, &a->changed.rows[i], e);
	if (rc == ST_OK)
		rc = st_index_sort(&out, e);
	if (rc != ST_OK) {
		st_index_release(&out);
		return rc;
	}
	st_index_release(now);
	*now = out;
	return ST_OK;
}

/* And so is what is staged otherwise than before. */
static int find_settled(struct add *a, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && a->merging && i < a->changed.nrows; i++) {
		const struct st_stage_row *row = &a->changed.rows[i];
		const struct st_stage_row *was =
			st_index_find(&a->old, row->path, row->path_len, NULL);

		if (!was || !st_oid_eq(&was->id, &row->id))
			rc = st_index_add(&a->settled, row, e);
	}
	return rc;
}

static int stage(struct add *a, struct st_txn *t, struct st_err *e)
{
	bool changed = a->changed.nrows || a->gone.nrows;
	int rc;

	if (!changed && !a->refreshed)
		return ST_OK;
	if (!changed) { /* only stat data: worth keeping, not worth an operation */
		struct st_oid tree = t->index.tree;

		rc = merge_rows(a, &t->index, e);
		t->index.tree = tree;
		st_staged_stamp(&t->index);
		return rc == ST_OK ? st_staged_save(a->r, &t->index, e) : rc;
	}
	rc = merge_rows(a, &t->index, e);
	return rc == ST_OK ? st_txn_publish(t, true, NULL, e) : rc;
}

static int look_for_merge(struct add *a, struct st_err *e)
{
	return st_merging_load(a->r, &a->merge, &a->merging, e);
}

static int run(struct add *a, strata_add_result *res, struct st_err *e)
{
	struct st_writer_stats ws;
	struct st_txn t;
	int rc = st_txn_begin(&t, a->r, "add", e);

	if (a->flags & ST_ADD_FOR_COMMIT)
		t.op.why = "commit -a";
	if (rc == ST_OK)
		rc = st_staged_load(a->r, &a->old, e);
	if (rc == ST_OK)
		rc = look_for_merge(a, e);
	if (rc == ST_OK)
		rc = find_changes(a, e);
	if (rc == ST_OK && !(a->flags & STRATA_ADD_DRY_RUN)) {
		if (a->to_read.nrows) {
			rc = ingest_all(a, &t, e);
			if (rc == ST_EBUSY && e->code == ST_EBUSY)
				st_txn_salvage(&t);
		}
		if (rc == ST_OK)
			rc = find_settled(a, e);
		if (rc == ST_OK &&
		    (a->changed.nrows || a->gone.nrows || a->refreshed || a->settled.nrows))
			rc = st_txn_index(&t, e);
		if (rc == ST_OK)
			rc = stage(a, &t, e);
		if (rc == ST_OK && a->settled.nrows)
			rc = st_merging_mark(a->r, &a->settled, e);
	}
	if (rc == ST_OK && res) {
		st_writer_stats_get(t.w, &ws);
		*res = (strata_add_result){ .files = a->to_read.nrows,
					    .removed = a->gone.nrows,
					    .bytes = a->bytes,
					    .stored = ws.stored };
	}
	st_ingest_free(a->ingest);
	if (t.w)
		st_txn_end(&t);
	else
		st_repo_unlock_gc(a->r);
	return rc;
}

int st_verb_add(struct st_repo *r, const char *const *paths, size_t n, unsigned flags,
		int (*cb)(void *arg, char what, const char *path), void *arg,
		strata_add_result *res, struct st_err *e)
{
	struct add a = { .r = r, .flags = flags, .cb = cb, .cb_arg = arg, .explicit_paths = n > 0 };
	int rc;

	if (n == 0 && !(flags & (STRATA_ADD_ALL | STRATA_ADD_UPDATE)))
		return st_fail(e, ST_EUSAGE,
			       "nothing was named: give paths, '.' for all, or -A or -u");
	st_index_init(&a.old);
	st_index_init(&a.changed);
	st_index_init(&a.to_read);
	st_index_init(&a.gone);
	st_index_init(&a.settled);
	rc = st_pathspec_new(&a.ps, r, paths, n, e);
	if (rc == ST_OK)
		rc = run(&a, res, e);
	st_pathspec_free(a.ps);
	if (a.merging)
		st_merging_release(&a.merge);
	st_index_release(&a.old);
	st_index_release(&a.changed);
	st_index_release(&a.to_read);
	st_index_release(&a.gone);
	st_index_release(&a.settled);
	return rc;
}

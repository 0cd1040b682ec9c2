/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one side made a file another one made a directory. Both came through; a side's, or the
 * base's, is kept, and what is in the way of it goes.
 */
#include "repo/weave.h"

const char *st_weave_root(const struct st_weave *w, const char *path, size_t *len)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*len = (size_t)(slash - path);
		if (st_index_find(&w->base, path, *len, NULL))
			return path;
		for (size_t i = 0; i < w->n; i++)
			if (st_index_find(&w->sides[i], path, *len, NULL))
				return path;
	}
	*len = strlen(path);
	return path;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

/* The file is in conflict already, being removed on one side: what is decided counts for both. */
static struct st_merge_item *item_of(struct st_weave *w, const char *path)
{
	for (size_t i = w->nknown; i < w->d->nitems; i++)
		if (!w->d->items[i].name_len && strcmp(w->d->items[i].path, path) == 0)
			return &w->d->items[i];
	return NULL;
}

static int choose(struct st_weave *w, const char *path, struct st_choice *c, struct st_err *e)
{
	struct st_oid ids[ST_THREE_SIDES] = { { { 0 } } };
	const struct st_stage_row *row = st_index_find(&w->base, path, strlen(path), NULL);
	struct st_merge_item *was = item_of(w, path);
	struct st_merge_held held[ST_THREE_SIDES + 1] = { st_held_file(row) };
	struct st_merge_item it = { .path = path,
				    .path_len = strlen(path),
				    .name = "",
				    .kind = st_conflict_name(ST_CONFLICT_FILE_DIRECTORY),
				    .sides = ids,
				    .nsides = w->n,
				    .held = held };
	int rc;

	*c = (struct st_choice){ .how = ST_HOW_OPEN };
	if (was) {
		was->kind = it.kind;
		if (was->held)
			st_held_directories(w, path, was->held);
		return was->how ? st_choice_parse(c, &w->arena, was->how, w->n, e) : ST_OK;
	}
	if (row)
		it.base = row->id;
	for (size_t i = 0; i < w->n; i++) {
		row = st_index_find(&w->sides[i], path, strlen(path), NULL);
		if (row)
			ids[i] = row->id;
		held[i + 1] = st_held_file(row);
	}
	st_held_directories(w, path, held);
	rc = st_weave_item(w, &it, ST_RULED_NOT, c, e);
	if (rc != ST_OK || c->how < ST_HOW_UNION)
		return rc;
	return st_fail(e, ST_EUSAGE,
		       "'%s' is a file here and a directory there: --ours, --theirs, --base or "
		       "--from",
		       path);
}

/* *file: the file is kept, else the directory. */
static int find_kept(struct st_weave *w, const char *path, const struct st_choice *c, bool *file,
		     struct st_err *e)
{
	const struct st_stage_row *row = NULL;
	int rc = ST_OK;

	if (c->how == ST_HOW_FROM)
		rc = st_weave_from(w, &c->from, path, &row, e);
	else
		row = st_index_find(c->how == ST_HOW_BASE ? &w->base : &w->sides[c->side], path,
				    strlen(path), NULL);
	*file = row != NULL;
	return rc;
}

static int drop(struct st_weave *w, const struct st_stage_row *row, struct st_err *e)
{
	const struct st_strand s = { .path = row->path };

	return st_weave_take(w, &s, NULL, e);
}

/* ---- old names ---- */

static bool is_within(const char *path, const char *dir)
{
	return strcmp(path, dir) == 0 || is_below(path, dir);
}

static bool calls_it(const struct st_stage_row *row, const char *path)
{
	return row && strcmp(row->path, path) == 0;
}

/* An old or other name of the file, which no version has another file of. */
static bool is_name_of(const struct st_weave *w, const struct st_strand *s, const char *path)
{
	bool is = calls_it(s->base, path);

	for (size_t i = 0; i < w->n; i++) {
		const struct st_stage_row *row =
			st_index_find(&w->sides[i], path, strlen(path), NULL);

		if (row && row != s->side[i])
			return false;
		is = is || calls_it(s->side[i], path);
	}
	return is && strcmp(s->path, path) != 0;
}

bool st_weave_comes_back(const struct st_weave *w, const char *path)
{
	for (const struct st_weave_moved *m = w->moved; m; m = m->next)
		if (m->clashed && is_name_of(w, &m->s, path))
			return true;
	return false;
}

static int add_back(struct st_weave *w, const struct st_strand *s, const struct st_stage_row *row,
		    const char *clash, struct st_index *out, struct st_err *e)
{
	struct st_stage_row mine;

	if (!row || !is_name_of(w, s, row->path) || is_within(row->path, clash) ||
	    st_index_find(&w->target, row->path, row->path_len, NULL))
		return ST_OK;
	mine = *row;
	mine.flags &= (uint32_t)ST_INDEX_MODEL;
	return st_index_add(out, &mine, e);
}

/*
 * What goes may be there under a new name that a side gave it: the version that is chosen has it
 * under its own, or as it was staged.
 */
static int bring_back(struct st_weave *w, const char *clash, const struct st_strand *s,
		      const struct st_choice *c, struct st_index *out, struct st_err *e)
{
	const struct st_stage_row *row = NULL;
	int rc;

	if (c->how == ST_HOW_HAND) {
		if (w->hand && s->base)
			row = st_index_find(w->hand, s->base->path, s->base->path_len, NULL);
		return add_back(w, s, row, clash, out, e);
	}
	if (c->how == ST_HOW_BASE)
		row = st_weave_baseless(w, s->base) ? NULL : s->base;
	else
		row = s->side[c->how == ST_HOW_SIDE ? c->side : 0];
	rc = c->how == ST_HOW_FROM ? st_weave_strand_from(w, &c->from, s, &row, e) : ST_OK;
	return rc == ST_OK ? add_back(w, s, row, clash, out, e) : rc;
}

/* w->target has what there was before `clash` was settled, out what is left. */
static int bring_all_back(struct st_weave *w, const char *clash, const struct st_choice *c,
			  struct st_index *out, struct st_err *e)
{
	int rc = ST_OK;

	for (struct st_weave_moved *m = w->moved; m; m = m->next) {
		size_t n = strlen(m->s.path);
		bool here = is_within(m->s.path, clash) &&
			    st_index_find(&w->target, m->s.path, n, NULL);

		m->clashed = m->clashed || here;
		m->lost = here && !st_index_find(out, m->s.path, n, NULL);
	}
	for (struct st_weave_moved *m = w->moved; rc == ST_OK && m; m = m->next)
		if (m->lost)
			rc = bring_back(w, clash, &m->s, c, out, e);
	return rc == ST_OK ? st_index_sort(out, e) : rc;
}

/* ---- one conflict ---- */

static int settle(struct st_weave *w, const char *path, struct st_index *out, struct st_err *e)
{
	struct st_choice c;
	bool file = false, hand;
	int rc = choose(w, path, &c, e);

	hand = c.how == ST_HOW_HAND;
	if (rc == ST_OK && !hand)
		rc = find_kept(w, path, &c, &file, e);
	for (size_t i = 0; rc == ST_OK && i < w->target.nrows; i++) {
		const struct st_stage_row *row = &w->target.rows[i];
		bool is_file = strcmp(row->path, path) == 0, below = is_below(row->path, path);

		if ((is_file && (hand || !file)) || (below && (hand || file)))
			rc = drop(w, row, e);
		else
			rc = st_index_add(out, row, e);
	}
	for (size_t i = 0; rc == ST_OK && hand && w->hand && i < w->hand->nrows; i++) {
		const struct st_stage_row *row = &w->hand->rows[i];

		if (strcmp(row->path, path) == 0 || is_below(row->path, path))
			rc = st_index_add(out, row, e);
	}
	if (rc == ST_OK)
		rc = st_index_sort(out, e);
	return rc == ST_OK && w->moved ? bring_all_back(w, path, &c, out, e) : rc;
}

static const char *find_clash(const struct st_weave *w)
{
	for (size_t i = 0; i + 1 < w->target.nrows; i++)
		if (st_index_below(&w->target, w->target.rows[i].path))
			return w->target.rows[i].path;
	return NULL;
}

static int settle_one(struct st_weave *w, const char *clash, struct st_err *e)
{
	const char *path = st_arena_dup(&w->arena, clash, strlen(clash), e);
	struct st_index out;
	int rc;

	st_index_init(&out);
	rc = path ? settle(w, path, &out, e) : (int)e->code;
	if (rc == ST_OK) {
		struct st_index was = w->target;

		w->target = out;
		out = was;
	}
	st_index_release(&out);
	return rc;
}

int st_weave_clashes(struct st_weave *w, struct st_err *e)
{
	const char *kind = st_conflict_name(ST_CONFLICT_FILE_DIRECTORY), *path;
	int rc = ST_OK;

	/* what was made by hand instead of both */
	for (size_t i = 0; rc == ST_OK && i < w->nknown; i++) {
		const struct st_merge_item *x = &w->d->items[i];

		if (x->how && strcmp(x->how, "by hand") == 0 && strcmp(x->kind, kind) == 0 &&
		    (!w->wanted || w->wanted(w->wanted_arg, x->path)))
			rc = settle_one(w, x->path, e);
	}
	while (rc == ST_OK && (path = find_clash(w)))
		rc = settle_one(w, path, e);
	return rc;
}

bool st_weave_clashing(const struct st_weave *w, const char *path)
{
	for (size_t i = 0; i < w->n; i++)
		if (st_index_below(&w->sides[i], path))
			return true;
	return false;
}

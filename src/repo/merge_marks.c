/* SPDX-License-Identifier: Apache-2.0 */
/* Files that hold both sides' lines between markers, as a merge wrote them, or somebody's own. */
#include "repo/merge_state.h"

#include "base/file.h"

/* ---- before they are written ---- */

/* Does the file hold that text? *seen is of before it was read. */
static int is_same(struct st_repo *r, const char *path, const struct st_buf *text, bool *same,
		   struct st_seen *seen, struct st_err *e)
{
	char *full = st_work_path(r, path, e);
	struct st_err ignored = { 0 };
	bool away = true;
	struct st_buf b;

	*same = false;
	if (!full)
		return e->code;
	st_see(seen, full);
	st_buf_init(&b, text->len + 1);
	*same = st_behind_link(r, path, &away, &ignored) == ST_OK && !away &&
		st_file_slurp(&b, full, &ignored) == ST_OK && b.len == text->len &&
		(b.len == 0 || memcmp(b.p, text->p, b.len) == 0);
	st_buf_release(&b);
	free(full);
	return ST_OK;
}

static int look(struct st_repo *r, const struct st_index *x, struct st_marked *m, struct st_err *e)
{
	struct st_stage_row *row = st_index_find(x, m->path, strlen(m->path), NULL);
	enum st_work_state state = ST_WORK_CHANGED;
	bool refreshed = false, same;
	int rc = is_same(r, m->path, &m->text, &same, &m->seen, e);

	if (rc == ST_OK && !same && row)
		rc = st_work_check(r, row, &state, &refreshed, e);
	m->left = !same && state != ST_WORK_CLEAN && state != ST_WORK_MISSING;
	return rc;
}

int st_marked_look(struct st_repo *r, const struct st_index *x, struct st_marked *marked, size_t n,
		   struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < n; i++)
		rc = look(r, x, &marked[i], e);
	return rc;
}

/* ---- before they are written over ---- */

struct comparing {
	struct st_repo *r;
	struct st_merging *m;
	struct st_map
		*looked; /* of files that are otherwise than in the index: is it the merge's own? */
	struct st_step_file *own; /* room for one each item */
	size_t nown;
};

static bool is_compared(void *arg, const char *path)
{
	const struct comparing *k = arg;

	return st_map_get(k->looked, path, strlen(path), NULL);
}

static int compare(void *arg, const char *path, const struct st_buf *text, struct st_err *e)
{
	struct comparing *k = arg;
	const struct st_merge_item *it = st_merge_desc_find(&k->m->d, path, strlen(path), "", 0);
	struct st_seen seen;
	bool same;
	int rc = is_same(k->r, path, text, &same, &seen, e);

	if (rc != ST_OK || !same || !it)
		return rc;
	k->own[k->nown++] = (struct st_step_file){ it->path, seen };
	return st_map_put(k->looked, it->path, it->path_len, 1, NULL, NULL, e);
}

/* As the files were before they were decided, they are made once more, to compare. */
static int compare_all(struct comparing *k, struct st_err *e)
{
	struct st_merge_desc *d = &k->m->d;
	struct st_weave w = { .r = k->r,
			      .d = d,
			      .wanted = is_compared,
			      .wanted_arg = k,
			      .marked = compare,
			      .marked_arg = k };
	size_t n = d->nitems;
	const char **how = st_calloc(n, sizeof(*how), e);
	int rc = how ? ST_OK : (int)e->code;

	for (size_t i = 0; how && i < n; i++) {
		how[i] = d->items[i].how;
		if (!d->items[i].name_len && is_compared(k, d->items[i].path))
			d->items[i].how = NULL;
	}
	if (rc == ST_OK)
		rc = st_weave_init(&w, e);
	if (rc == ST_OK)
		rc = st_weave_run(&w, e);
	st_weave_release(&w);
	for (size_t i = 0; how && i < n; i++)
		d->items[i].how = how[i];
	free(how);
	return rc;
}

static int look_for(struct comparing *k, const struct st_index *x, const struct st_merge_item *it,
		    struct st_err *e)
{
	struct st_stage_row *row = st_index_find(x, it->path, it->path_len, NULL);
	enum st_work_state state;
	bool refreshed = false;
	int rc;

	if (!row)
		return ST_OK;
	rc = st_work_check(k->r, row, &state, &refreshed, e);
	if (rc != ST_OK || state == ST_WORK_CLEAN)
		return rc;
	if (state != ST_WORK_MISSING)
		return st_map_put(k->looked, it->path, it->path_len, 0, NULL, NULL, e);
	k->own[k->nown++] = (struct st_step_file){ it->path, { .asked = true } };
	return ST_OK;
}

int st_marked_own(struct st_repo *r, struct st_merging *m, const struct st_index *x,
		  const char *const *was, struct st_map *looked, struct st_step_file **own,
		  size_t *nown, struct st_err *e)
{
	struct comparing k = { .r = r, .m = m, .looked = looked };
	const bool all = !was || !m->begun; /* files of a step that was cut off are as they were */
	int rc = ST_OK;

	k.own = *own = st_calloc(m->d.nitems, sizeof(**own), e);
	if (!k.own)
		return e->code;
	for (size_t i = 0; rc == ST_OK && i < m->d.nitems; i++) {
		const struct st_merge_item *it = &m->d.items[i];

		if (!it->name_len && it->how && (all || !was[i]))
			rc = look_for(&k, x, it, e);
	}
	if (rc == ST_OK && looked->count)
		rc = compare_all(&k, e);
	*nown = k.nown;
	return rc;
}

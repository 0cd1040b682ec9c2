/* SPDX-License-Identifier: Apache-2.0 */
/* Files that hold both sides' lines between markers, as a merge wrote them, or somebody's own. */
#include "repo/merge_state.h"

#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

/* ---- before they are written ---- */

/* Does the file hold those bytes? *seen is of before it was read. */
static int holds(struct st_repo *r, const char *path, const struct st_oid *bytes, bool *yes,
		 struct st_seen *seen, struct st_err *e)
{
	char *full = st_work_path(r, path, e);
	struct st_err ignored = { 0 };
	bool away = true;
	struct st_oid id;
	struct stat st;
	int fd;

	*yes = false;
	if (!full)
		return e->code;
	st_see(seen, full);
	fd = st_behind_link(r, path, &away, &ignored) == ST_OK && !away ?
		     open(full, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) :
		     -1;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		*yes = st_hash_fd(&r->ctx, fd, (uint64_t)st.st_size, full, &id, &ignored) ==
			       ST_OK &&
		       st_oid_eq(&id, bytes);
	if (fd >= 0)
		close(fd);
	free(full);
	return ST_OK;
}

static int look(struct st_repo *r, const struct st_index *x, struct st_marked *m, struct st_err *e)
{
	struct st_stage_row *row = st_index_find(x, m->path, strlen(m->path), NULL);
	enum st_work_state state = ST_WORK_CHANGED;
	bool refreshed = false, same;
	struct st_oid id;
	int rc;

	st_oid_of(&id, m->text.p, m->text.len);
	rc = holds(r, m->path, &id, &same, &m->seen, e);

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

int st_marked_untouched(struct st_repo *r, const struct st_merge_item *it, bool *yes,
			struct st_seen *seen, struct st_err *e)
{
	*yes = false;
	return st_oid_is_zero(&it->marked) ? ST_OK : holds(r, it->path, &it->marked, yes, seen, e);
}

/* ---- before they are written over ---- */

struct comparing {
	struct st_repo *r;
	struct st_map
		*looked; /* of files that are otherwise than in the index: is it the merge's own? */
	struct st_step_file *own; /* room for one each item */
	size_t nown;
};

static int look_for(struct comparing *k, const struct st_index *x, const struct st_merge_item *it,
		    struct st_err *e)
{
	struct st_stage_row *row = st_index_find(x, it->path, it->path_len, NULL);
	struct st_seen seen = { .asked = true };
	enum st_work_state state;
	bool refreshed = false, own = true;
	int rc;

	if (!row)
		return ST_OK;
	rc = st_work_check(k->r, row, &state, &refreshed, e);
	if (rc != ST_OK || state == ST_WORK_CLEAN)
		return rc;
	if (state != ST_WORK_MISSING) {
		rc = st_marked_untouched(k->r, it, &own, &seen, e);
		if (rc == ST_OK)
			rc = st_map_put(k->looked, it->path, it->path_len, own, NULL, NULL, e);
	}
	if (rc == ST_OK && own)
		k->own[k->nown++] = (struct st_step_file){ it->path, seen };
	return rc;
}

int st_marked_own(struct st_repo *r, const struct st_merging *m, const struct st_index *x,
		  const char *const *was, struct st_map *looked, struct st_step_file **own,
		  size_t *nown, struct st_err *e)
{
	struct comparing k = { .r = r, .looked = looked };
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
	*nown = k.nown;
	return rc;
}

/* ---- what stays open, whatever is staged ---- */

static int stays(struct st_repo *r, const struct st_merge_item *it, const struct st_index *x,
		 bool *yes, struct st_err *e)
{
	struct st_stage_row *row = st_index_find(x, it->path, it->path_len, NULL);
	enum st_work_state state = ST_WORK_CLEAN;
	struct st_seen seen;
	bool refreshed = false;
	int rc = row ? st_work_check(r, row, &state, &refreshed, e) : ST_OK;

	*yes = state == ST_WORK_CLEAN;
	if (rc == ST_OK && state == ST_WORK_CHANGED)
		rc = st_work_mode_alone(r, row, yes, e);
	return rc == ST_OK && !*yes ? st_marked_untouched(r, it, yes, &seen, e) : rc;
}

int st_marked_left(struct st_repo *r, const struct st_merging *m, size_t *n, struct st_err *e)
{
	const char *path = NULL; /* of which `open` is: a file is looked at once */
	struct st_index x;
	bool open = false;
	int rc;

	*n = 0;
	st_index_init(&x);
	rc = st_staged_load(r, &x, e);
	for (size_t i = 0; rc == ST_OK && i < m->d.nitems; i++) {
		const struct st_merge_item *it = &m->d.items[i];

		if (st_merging_settled(m, it, &x))
			continue;
		if (!path || strcmp(path, it->path) != 0)
			rc = stays(r, it, &x, &open, e);
		path = it->path;
		*n += open;
	}
	st_index_release(&x);
	return rc;
}

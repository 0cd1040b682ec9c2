/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/merge_state.h"

#include "base/file.h"

#include <stdio.h>
#include <unistd.h>

static int read_file(struct st_repo *r, struct st_merging *m, bool *there, struct st_err *e)
{
	char *path = st_repo_path(r, ST_MERGE_FILE, e);
	struct st_buf b;
	int rc = ST_OK;

	*there = false;
	if (!path)
		return e->code;
	st_buf_init(&b, ST_MERGED_MAX);
	if (access(path, F_OK) == 0) {
		rc = st_file_slurp(&b, path, e);
		if (rc == ST_OK)
			rc = st_merging_parse(m, b.p, b.len, e);
		*there = rc == ST_OK;
		if (rc != ST_OK)
			st_wrap(e, "%s", path);
	}
	st_buf_release(&b);
	free(path);
	return rc;
}

int st_merging_load(struct st_repo *r, struct st_merging *m, bool *there, struct st_err *e)
{
	struct st_head head;
	int rc = read_file(r, m, there, e);

	if (rc != ST_OK || !*there)
		return rc;
	rc = st_repo_head(r, &head, e);
	if (rc == ST_OK && !head.unborn && st_oid_eq(&head.commit, &m->d.parents[0]))
		return ST_OK;
	st_merging_release(m);
	*there = false;
	return rc;
}

int st_merging_save(struct st_repo *r, const struct st_merging *m, struct st_err *e)
{
	char *path = st_repo_path(r, ST_MERGE_FILE, e);
	struct st_buf b;
	int rc;

	if (!path)
		return e->code;
	st_buf_init(&b, ST_MERGED_MAX);
	rc = st_merging_encode(&b, m, e);
	if (rc == ST_OK)
		rc = st_file_replace(path, b.p, b.len, true, e);
	st_buf_release(&b);
	free(path);
	return rc;
}

int st_merging_drop(struct st_repo *r, struct st_err *e)
{
	char *path = st_repo_path(r, ST_MERGE_FILE, e);
	int rc = ST_OK;

	if (!path)
		return e->code;
	if (unlink(path) != 0 && errno != ENOENT)
		rc = st_fail_os(e, "remove %s", path);
	free(path);
	return rc == ST_OK ? st_fsync_dir(r->dir, e) : rc;
}

bool st_merging_cut(const struct st_merging *m, const struct st_index *x)
{
	return !m->begun && !st_oid_eq(&x->tree, &m->after);
}

int st_merging_whole(const struct st_merging *m, const struct st_index *x, struct st_err *e)
{
	if (m->aborting)
		return st_fail(e, ST_EREFUSED,
			       "the merge was being taken back: 'strata merge --abort' ends that");
	if (st_merging_cut(m, x))
		return st_fail(e, ST_EREFUSED,
			       "a merge was interrupted: 'strata merge --continue' goes on with "
			       "it, 'strata merge --abort' takes it back");
	return ST_OK;
}

static bool is_one_of(const char *verb, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(verb, v[i]) == 0)
			return true;
	return false;
}

int st_merging_gate(struct st_repo *r, const char *verb, const struct st_index *x, struct st_err *e)
{
	static const char *const own[] = { "merge", "resolve" };
	static const char *const history[] = { "switch", "revert", "cherry-pick", "rollback",
					       "undo",	 "redo",   "reset" };
	struct st_merging m;
	bool there;
	int rc;

	if (is_one_of(verb, own, sizeof(own) / sizeof(*own)))
		return ST_OK;
	rc = st_merging_load(r, &m, &there, e);
	if (rc != ST_OK || !there)
		return rc;
	rc = st_merging_whole(&m, x, e);
	st_merging_release(&m);
	if (rc == ST_OK && is_one_of(verb, history, sizeof(history) / sizeof(*history)))
		rc = st_fail(e, ST_EREFUSED,
			     "a merge is under way: 'strata merge --continue' ends it, 'strata "
			     "merge --abort' takes it back");
	return rc;
}

/* ---- what is open ---- */

static const struct st_merge_staged *staged_of(const struct st_merging *m,
					       const struct st_merge_item *it)
{
	for (size_t i = 0; i < m->nstaged; i++)
		if (m->staged[i].path_len == it->path_len &&
		    memcmp(m->staged[i].path, it->path, it->path_len) == 0)
			return &m->staged[i];
	return NULL;
}

bool st_merging_settled(const struct st_merging *m, const struct st_merge_item *it,
			const struct st_index *x)
{
	const struct st_stage_row *row;
	const struct st_merge_staged *s;

	if (it->how)
		return true;
	s = staged_of(m, it);
	if (!s)
		return false;
	row = st_index_find(x, it->path, it->path_len, NULL);
	return row ? !st_oid_eq(&row->id, &s->id) : !st_oid_is_zero(&s->id);
}

size_t st_merging_open(const struct st_merging *m, const struct st_index *x)
{
	size_t n = 0;

	for (size_t i = 0; i < m->d.nitems; i++)
		n += !st_merging_settled(m, &m->d.items[i], x);
	return n;
}

void st_merging_take_hands(struct st_merging *m, const struct st_index *x)
{
	for (size_t i = 0; i < m->d.nitems; i++)
		if (!m->d.items[i].how && st_merging_settled(m, &m->d.items[i], x))
			m->d.items[i].how = "by hand";
}

/* Items are sorted by path. */
int st_merging_stage(struct st_merging *m, const struct st_index *x, struct st_err *e)
{
	const struct st_merge_item *last = NULL;
	int rc = ST_OK;

	m->nstaged = 0;
	for (size_t i = 0; rc == ST_OK && i < m->d.nitems; i++) {
		const struct st_merge_item *it = &m->d.items[i];
		const struct st_stage_row *row;

		if (it->how || (last && last->path_len == it->path_len &&
				memcmp(last->path, it->path, it->path_len) == 0))
			continue;
		last = it;
		rc = st_grow(&m->staged, &m->staged_cap, m->nstaged + 1, e);
		if (rc != ST_OK)
			break;
		row = st_index_find(x, it->path, it->path_len, NULL);
		m->staged[m->nstaged++] =
			(struct st_merge_staged){ .path = it->path,
						  .path_len = it->path_len,
						  .id = row ? row->id : (struct st_oid){ { 0 } } };
	}
	return rc;
}

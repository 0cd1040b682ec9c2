/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/checkout.h"
#include "repo/outfile.h"

#include "base/file.h"

/* --to: into another directory; what is there and equal stays, what differs is refused. */
static int look_elsewhere(struct st_repo *r, const char *to, struct st_stage_row *row, bool *there,
			  struct st_err *e)
{
	struct st_repo other = { .ctx = r->ctx, .work = (char *)to };
	enum st_work_state state = ST_WORK_MISSING;
	bool refreshed = false;
	char *by = NULL;
	int rc = st_work_check(&other, row, &state, &refreshed, e);

	free(other.plain_dir);
	*there = state == ST_WORK_CLEAN;
	if (rc == ST_OK && state == ST_WORK_MISSING)
		rc = st_write_blocked(to, row->path, NULL, NULL, &by, e);
	if (by)
		rc = st_fail(e, ST_EREFUSED, "%s/%s is in the way of '%s': move it away", to, by,
			     row->path);
	free(by);
	if (rc == ST_OK && (state == ST_WORK_CHANGED || state == ST_WORK_TYPE))
		rc = st_fail(e, ST_EREFUSED,
			     "%s/%s exists and differs: remove it, or choose another directory", to,
			     row->path);
	return rc;
}

static int fill_elsewhere(struct st_repo *r, const char *to, struct st_pathspec *ps,
			  struct st_index *x, strata_checkout_result *res, struct st_err *e)
{
	struct st_stage_row **rows = st_calloc(x->nrows, sizeof(*rows), e);
	struct st_seen *none = st_calloc(x->nrows, sizeof(*none), e);
	uint64_t need = 0;
	size_t i, n = 0;
	bool there;
	int rc = e->code;

	for (i = 0; rc == ST_OK && i < x->nrows; i++) {
		if (ps && !st_pathspec_match(ps, x->rows[i].path))
			continue;
		rc = look_elsewhere(r, to, &x->rows[i], &there, e);
		if (there) {
			res->kept++;
		} else {
			need += x->rows[i].size;
			none[n].asked = true;
			rows[n++] = &x->rows[i];
		}
	}
	if (rc == ST_OK && ps)
		rc = st_pathspec_unmatched(ps, e);
	if (rc == ST_OK)
		rc = st_mkdirs(to, e);
	if (rc == ST_OK)
		rc = st_checkout_space(to, need, e);
	if (rc == ST_OK)
		rc = st_write_files(r, to, rows, none, n, st_checkout_wrote, res, e);
	free(rows);
	free(none);
	return rc;
}

/* What is no place for a directory is the caller's mistake, not the disk's. */
static int check_to(const char *to, struct st_err *e)
{
	struct stat st;

	if (!*to)
		return st_fail(e, ST_EUSAGE, "--to: '' is no name for a directory");
	if (stat(to, &st) == 0)
		return S_ISDIR(st.st_mode) ?
			       st_outfile_allowed(to, true, e) :
			       st_fail(e, ST_EUSAGE, "--to: %s is no directory: name a new one",
				       to);
	if (errno == ENOTDIR)
		return st_fail(e, ST_EUSAGE, "--to: %s lies below a file: name another directory",
			       to);
	return st_outfile_allowed(to, true, e);
}

static int fill_from(struct st_repo *r, const char *rev, const strata_checkout_options *o,
		     strata_checkout_result *res, struct st_err *e)
{
	struct st_pathspec *ps = NULL;
	struct st_index target;
	struct st_oid commit;
	int rc;

	st_index_init(&target);
	rc = st_checkout_target(r, rev, &commit, &target, e);
	if (rc == ST_OK && o->npaths)
		rc = st_pathspec_new(&ps, r, o->paths, o->npaths, e);
	if (rc == ST_OK)
		rc = fill_elsewhere(r, o->to, ps, &target, res, e);
	st_pathspec_free(ps);
	st_index_release(&target);
	return rc;
}

int st_checkout_to(struct st_repo *r, const char *rev, const strata_checkout_options *o,
		   strata_checkout_result *res, struct st_err *e)
{
	int rc = check_to(o->to, e);

	if (rc == ST_OK)
		rc = st_repo_lock_gc(r, ST_GC_USE, e);
	if (rc == ST_OK)
		rc = fill_from(r, rev, o, res, e);
	st_repo_unlock_gc(r);
	return rc;
}

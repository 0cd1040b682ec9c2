/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/checkout.h"

#include "base/file.h"

#include <unistd.h>

static bool spares(const struct st_checkout *c)
{
	return c->local && c->local->spare;
}

static int add_place(struct st_checkout *c, const struct st_place *p, struct st_err *e)
{
	int rc = st_grow(&c->places, &c->cap, c->n + 1, e);

	if (rc == ST_OK)
		c->places[c->n++] = *p;
	return rc;
}

/* What is staged and cannot stay was named when the indexes were joined. */
static bool is_named(const struct st_checkout *c, const char *path)
{
	size_t n = strlen(path);

	return c->stay && !st_rows_same(st_index_find(&c->head, path, n, NULL),
					st_index_find(c->now, path, n, NULL));
}

static void would_lose(struct st_checkout *c, struct st_place *p, const char *path)
{
	c->untracked = c->untracked || !st_index_find(c->now, path, strlen(path), NULL);
	if (is_named(c, path))
		return;
	if (!c->force || (c->local && c->local->refuse))
		st_lost_add(&c->lost, path);
	else
		p->local = true;
}

static bool minds(const struct st_checkout *c)
{
	return !c->force || c->local || c->txn;
}

static bool changed(enum st_work_state state)
{
	return state == ST_WORK_CHANGED || state == ST_WORK_TYPE;
}

/* Is what lies there something that the index does not have? */
static int is_local(struct st_checkout *c, const struct st_stage_row *have, const char *path,
		    bool *local, struct st_err *e)
{
	enum st_work_state state;
	bool refreshed = false;
	char *full;
	struct stat st;
	int rc;

	if (have) {
		rc = st_work_check(c->r, (struct st_stage_row *)have, &state, &refreshed, e);
		*local = changed(state);
		return rc;
	}
	full = st_work_path(c->r, path, e);
	if (!full)
		return e->code;
	*local = lstat(full, &st) == 0 && !S_ISDIR(st.st_mode);
	free(full);
	return ST_OK;
}

/* Before anything else is asked about it: what it is found to be it must be still when it goes. */
static int see(struct st_checkout *c, struct st_place *p, const char *path, struct st_err *e)
{
	char *full;

	if (c->force && !spares(c))
		return ST_OK;
	full = st_work_path(c->r, path, e);
	if (!full)
		return e->code;
	st_see(&p->seen, full);
	free(full);
	return ST_OK;
}

/* Is the file as the index has it, and so not what is wanted? Spares the look at its content. */
static int is_other(struct st_checkout *c, const struct st_stage_row *want,
		    const struct st_stage_row *have, bool *other, struct st_err *e)
{
	enum st_work_state state;
	bool refreshed = false;
	int rc;

	*other = false;
	if (!have || st_oid_eq(&have->id, &want->id))
		return ST_OK;
	rc = st_work_check(c->r, (struct st_stage_row *)have, &state, &refreshed, e);
	*other = rc == ST_OK && state == ST_WORK_CLEAN;
	return rc;
}

/* Does the file there already hold what is wanted? Else *local: something that the index does not
 * have lies there. */
static int look_there(struct st_checkout *c, struct st_stage_row *want,
		      const struct st_stage_row *have, bool *equal, bool *local, struct st_err *e)
{
	struct st_stage_row probe = *want;
	enum st_work_state state = ST_WORK_CHANGED;
	bool refreshed = false, other = false;
	bool same = have && st_oid_eq(&have->id, &want->id) && have->mode == want->mode;
	int rc = is_other(c, want, have, &other, e);

	*equal = *local = false;
	if (rc != ST_OK || other)
		return rc;
	probe.flags &= ~(uint32_t)ST_INDEX_STAT;
	if (same)
		probe = *have;
	rc = st_work_check(c->r, &probe, &state, &refreshed, e);
	*equal = rc == ST_OK && state == ST_WORK_CLEAN;
	if (*equal && (probe.flags & ST_INDEX_STAT)) {
		probe.path = want->path;
		*want = probe;
	}
	if (rc != ST_OK || *equal)
		return rc;
	if (same) { /* what is not as wanted is not as staged: no second look */
		*local = changed(state);
		return ST_OK;
	}
	return is_local(c, have, want->path, local, e);
}

/* What lay there when it was found to be nobody's; NULL: it was not. */
static const struct st_seen *own(const struct st_checkout *c, const char *path)
{
	return spares(c) && c->local->own ? c->local->own(c->local->arg, path) : NULL;
}

static bool is_still(const struct st_seen *own, const struct st_seen *there)
{
	return own && (!own->asked || st_seen_same(own, there));
}

static bool stays(const struct st_checkout *c, const struct st_place *p)
{
	return p->local && spares(c);
}

/* Of what the index has and the target has not the plan disposes: of all, or of what is clean. */
static bool going(void *arg, const char *path)
{
	const struct st_checkout *c = arg;
	size_t n = strlen(path);

	if (c->ps || !st_index_find(c->now, path, n, NULL) ||
	    st_index_find(c->target, path, n, NULL))
		return false;
	for (size_t i = 0; spares(c) && i < c->n; i++)
		if (!c->places[i].want && strcmp(c->places[i].have->path, path) == 0)
			return !stays(c, &c->places[i]);
	return !spares(c);
}

static int check_way(struct st_checkout *c, const struct st_stage_row *want, struct st_err *e)
{
	if (c->blocker)
		return ST_OK;
	c->blocked = want->path;
	return st_write_blocked(c->r->work, want->path, going, c, &c->blocker, e);
}

/* Only what differs between the two indexes, and only where nothing of the user's is. */
static int plan_spare(struct st_checkout *c, struct st_stage_row *want,
		      const struct st_stage_row *have, struct st_err *e)
{
	struct st_place p = { .want = want, .have = have };
	const char *path = want->path;
	const struct st_seen *was = own(c, path);
	bool local = false;
	char *by = NULL;
	int rc;

	if (!was && have && st_oid_eq(&have->id, &want->id) && have->mode == want->mode) {
		*want = *have; /* with its stat data */
		want->path = path;
		return ST_OK;
	}
	rc = see(c, &p, path, e);
	if (rc == ST_OK)
		rc = look_there(c, want, have, &p.keep, &local, e);
	local = (local || (p.keep && c->local->exact)) && !is_still(was, &p.seen);
	if (rc == ST_OK && !p.keep && !local)
		rc = st_write_blocked(c->r->work, path, going, c, &by, e);
	if (local || by)
		would_lose(c, &p, path);
	c->bytes += p.keep || local || by ? 0 : want->size;
	free(by);
	return rc == ST_OK ? add_place(c, &p, e) : rc;
}

static int plan_write(struct st_checkout *c, struct st_stage_row *want, struct st_err *e)
{
	struct st_place p = { .want = want };
	bool local = false;
	int rc;

	p.have = st_index_find(c->now, want->path, want->path_len, NULL);
	if (spares(c))
		return plan_spare(c, want, p.have, e);
	if (c->stay && p.have && st_oid_eq(&p.have->id, &want->id) && p.have->mode == want->mode) {
		p.keep = true;
		return add_place(c, &p, e);
	}
	rc = see(c, &p, want->path, e);
	if (rc == ST_OK)
		rc = look_there(c, want, p.have, &p.keep, &local, e);
	if (rc == ST_OK && !p.keep) {
		c->bytes += want->size;
		rc = check_way(c, want, e);
		if (local && minds(c))
			would_lose(c, &p, want->path);
	}
	return rc == ST_OK ? add_place(c, &p, e) : rc;
}

static int plan_remove(struct st_checkout *c, const struct st_stage_row *have, struct st_err *e)
{
	struct st_place p = { .have = have };
	bool local = false;
	int rc = see(c, &p, have->path, e);

	if (rc == ST_OK && minds(c) && !is_still(own(c, have->path), &p.seen))
		rc = is_local(c, have, have->path, &local, e);
	if (local)
		would_lose(c, &p, have->path);
	return rc == ST_OK ? add_place(c, &p, e) : rc;
}

static int plan_removals(struct st_checkout *c, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < c->now->nrows; i++)
		if (!st_index_find(c->target, c->now->rows[i].path, c->now->rows[i].path_len, NULL))
			rc = plan_remove(c, &c->now->rows[i], e);
	return rc;
}

static const char *what_to_do(const struct st_checkout *c)
{
	if (c->local && c->local->how)
		return c->local->how;
	if (c->how && !c->untracked)
		return c->how;
	if (!c->how && !c->local)
		return "'strata add' and 'strata commit' keep them, -f discards them";
	return c->untracked ? "'strata add' and 'strata commit' keep them; or move them away" :
			      "'strata add' and 'strata commit' keep them, 'strata restore' "
			      "discards them";
}

int st_checkout_space(const char *dir, uint64_t need, struct st_err *e)
{
	uint64_t free_bytes;
	int rc = st_free_space(dir, &free_bytes, e);

	if (rc == ST_OK && need > free_bytes)
		rc = st_fail(e, ST_ENOSPC,
			     "%" PRIu64 " bytes are needed and %" PRIu64
			     " are free below %s: nothing was written",
			     need, free_bytes, dir);
	return rc;
}

int st_checkout_plan(struct st_checkout *c, struct st_err *e)
{
	size_t i;
	int rc = spares(c) ? plan_removals(c, e) : ST_OK;

	for (i = 0; rc == ST_OK && i < c->target->nrows; i++)
		if (!c->ps || st_pathspec_match(c->ps, c->target->rows[i].path))
			rc = plan_write(c, &c->target->rows[i], e);
	if (rc == ST_OK && !c->ps && !spares(c))
		rc = plan_removals(c, e);
	if (rc == ST_OK && c->ps)
		rc = st_pathspec_unmatched(c->ps, e);
	if (rc == ST_OK && c->blocker)
		rc = st_fail(e, ST_EREFUSED, "'%s' is in the way of '%s': move it away", c->blocker,
			     c->blocked);
	if (rc == ST_OK)
		rc = st_lost_refuse(&c->lost, what_to_do(c), e);
	return rc == ST_OK ? st_checkout_space(c->r->work, c->bytes, e) : rc;
}

/* Empty directories that a removal leaves are not versioned: they go too. */
static void remove_empty_parents(struct st_repo *r, const char *path)
{
	struct st_err ignored = { 0 };
	char *full = st_work_path(r, path, &ignored), *slash;
	size_t root = strlen(r->work);

	while (full && (slash = strrchr(full, '/')) && (size_t)(slash - full) > root) {
		*slash = 0;
		if (rmdir(full) != 0)
			break;
	}
	free(full);
}

static int remove_one(struct st_checkout *c, const struct st_place *p, struct st_err *e)
{
	const struct st_stage_row *have = p->have;
	char *full = st_work_path(c->r, have->path, e);
	bool away = false;

	/* What lies behind a link is not the tree's to remove. */
	if (!full || st_behind_link(c->r, have->path, &away, e) != ST_OK || away ||
	    st_seen_check(&p->seen, full, have->path, e) != ST_OK) {
		free(full);
		return e->code;
	}
	if (unlink(full) != 0 && errno != ENOENT && errno != ENOTDIR && errno != EISDIR)
		st_fail_os(e, "remove %s", have->path);
	free(full);
	if (e->code == ST_OK) {
		remove_empty_parents(c->r, have->path);
		c->res->removed++;
	}
	return e->code;
}

void st_checkout_wrote(void *arg, struct st_stage_row *row, const struct stat *st)
{
	strata_checkout_result *res = arg;
	uint64_t size = row->size;

	st_row_set_stat(row, st);
	row->size = size; /* of the content: a followed link's own size is another */
	res->written++;
	res->bytes += size;
}

static int write_places(struct st_checkout *c, struct st_err *e)
{
	struct st_stage_row **rows = st_calloc(c->n, sizeof(*rows), e);
	struct st_seen *seen = st_calloc(c->n, sizeof(*seen), e);
	size_t n = 0;
	int rc;

	for (size_t i = 0; e->code == ST_OK && i < c->n; i++) {
		const struct st_place *p = &c->places[i];

		if (p->want && p->keep) {
			c->res->kept++;
		} else if (p->want && !stays(c, p)) {
			seen[n] = p->seen;
			rows[n++] = p->want;
		}
	}
	if (n)
		st_left_note(c->r, rows, n);
	rc = e->code;
	if (rc == ST_OK)
		rc = st_write_files(c->r, c->r->work, rows, seen, n, st_checkout_wrote, c->res, e);
	if (n)
		st_left_forget(c->r);
	free(rows);
	free(seen);
	return rc;
}

/* Removals first: a file may be where a directory must come. */
static int write_all(struct st_checkout *c, struct st_err *e)
{
	struct st_place *p;
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < c->n; i++) {
		p = &c->places[i];
		if (p->want || stays(c, p))
			continue;
		rc = remove_one(c, p, e);
		p->done = rc == ST_OK;
	}
	return rc == ST_OK ? write_places(c, e) : rc;
}

/* What is lost, or stays, is said when it is so: where the writing failed, only what had been
 * overwritten before. */
int st_checkout_carry_out(struct st_checkout *c, struct st_err *e)
{
	int rc = write_all(c, e);
	bool whole = rc == ST_OK;

	for (size_t i = 0; i < c->n; i++) {
		const struct st_place *p = &c->places[i];
		const char *path = p->want ? p->want->path : p->have->path;

		if (!p->local)
			continue;
		if (!whole && !p->done && !(p->want && (p->want->flags & ST_INDEX_STAT)))
			continue;
		if (c->local)
			c->local->found++;
		if (c->local && c->local->cb)
			c->local->cb(c->local->arg, path);
		if (rc == ST_OK && c->txn)
			rc = st_txn_lost(c->txn, path, e);
	}
	return rc;
}

void st_checkout_release(struct st_checkout *c)
{
	free(c->places);
	free(c->blocker);
	st_pathspec_free(c->ps);
	if (c->stay)
		st_index_release(&c->head);
}

int st_checkout_index(struct st_repo *r, struct st_index *now, struct st_index *target,
		      struct st_local_files *local, strata_checkout_result *res, struct st_err *e)
{
	struct st_checkout c = { .r = r,
				 .now = now,
				 .target = target,
				 .force = local != NULL,
				 .local = local,
				 .txn = local ? local->txn : NULL,
				 .res = res };
	int rc = st_checkout_plan(&c, e);

	if (rc == ST_OK && local && local->ready)
		rc = local->ready(local->arg, e);
	if (rc == ST_OK && local && local->slow) {
		c.n = 0;
		c.bytes = 0;
		rc = st_checkout_plan(&c, e);
	}
	if (rc == ST_OK)
		rc = st_checkout_carry_out(&c, e);
	st_checkout_release(&c);
	return rc;
}

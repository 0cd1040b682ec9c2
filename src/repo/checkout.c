/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkout and restore: the working tree becomes what rows say. Plan first (nothing is written
 * while something would be lost), then write; HEAD and index move last, so a kill in the middle
 * leaves the old version checked out with files that the next run finds equal already.
 */
#include "repo/merge_state.h"
#include "repo/moves.h"
#include "repo/outfile.h"
#include "repo/rewind.h"

#include "base/file.h"

#include <stdio.h>
#include <unistd.h>

struct place {			   /* what to do with one path */
	struct st_stage_row *want; /* NULL: remove */
	const struct st_stage_row *have;
	bool keep;  /* already equal */
	bool local; /* what lies there nothing else has: it is lost, or stays with `spare` */
	bool done;  /* removed */
	struct st_seen seen;
};

struct checkout {
	struct st_repo *r;
	struct st_index *now;	 /* the index as it is */
	struct st_index *target; /* what is wanted, sorted */
	struct st_pathspec *ps;	 /* NULL: everything */
	bool force;
	struct st_local_files *local;
	struct st_txn *txn; /* its operation says what is lost; NULL: it goes without a word */
	struct place *places;
	size_t n, cap;
	uint64_t bytes;	      /* to write */
	struct st_lost lost;  /* with changes that would be overwritten */
	bool untracked;	      /* one of them is in no version */
	const char *how;      /* what to do about them; NULL: what -f does */
	struct st_index head; /* with stay: what HEAD has */
	bool stay;     /* rows that are the index's own already: their files are left as they are */
	char *blocker; /* something that neither side knows ... */
	const char *blocked; /* ... is where this must come */
	strata_checkout_result *res;
};

static bool spares(const struct checkout *c)
{
	return c->local && c->local->spare;
}

static int add_place(struct checkout *c, const struct place *p, struct st_err *e)
{
	int rc = st_grow(&c->places, &c->cap, c->n + 1, e);

	if (rc == ST_OK)
		c->places[c->n++] = *p;
	return rc;
}

/* What is staged and cannot stay was named when the indexes were joined. */
static bool is_named(const struct checkout *c, const char *path)
{
	size_t n = strlen(path);

	return c->stay && !st_rows_same(st_index_find(&c->head, path, n, NULL),
					st_index_find(c->now, path, n, NULL));
}

static void would_lose(struct checkout *c, struct place *p, const char *path)
{
	c->untracked = c->untracked || !st_index_find(c->now, path, strlen(path), NULL);
	if (is_named(c, path))
		return;
	if (!c->force || (c->local && c->local->refuse))
		st_lost_add(&c->lost, path);
	else
		p->local = true;
}

static bool minds(const struct checkout *c)
{
	return !c->force || c->local || c->txn;
}

static bool changed(enum st_work_state state)
{
	return state == ST_WORK_CHANGED || state == ST_WORK_TYPE;
}

/* Is what lies there something that the index does not have? */
static int is_local(struct checkout *c, const struct st_stage_row *have, const char *path,
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
static int see(struct checkout *c, struct place *p, const char *path, struct st_err *e)
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
static int is_other(struct checkout *c, const struct st_stage_row *want,
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
static int look_there(struct checkout *c, struct st_stage_row *want,
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

static bool is_own(const struct checkout *c, const char *path)
{
	return spares(c) && c->local->own && c->local->own(c->local->arg, path);
}

static bool stays(const struct checkout *c, const struct place *p)
{
	return p->local && spares(c);
}

/* Of what the index has and the target has not the plan disposes: of all, or of what is clean. */
static bool going(void *arg, const char *path)
{
	const struct checkout *c = arg;
	size_t n = strlen(path);

	if (c->ps || !st_index_find(c->now, path, n, NULL) ||
	    st_index_find(c->target, path, n, NULL))
		return false;
	for (size_t i = 0; spares(c) && i < c->n; i++)
		if (!c->places[i].want && strcmp(c->places[i].have->path, path) == 0)
			return !stays(c, &c->places[i]);
	return !spares(c);
}

static int check_way(struct checkout *c, const struct st_stage_row *want, struct st_err *e)
{
	if (c->blocker)
		return ST_OK;
	c->blocked = want->path;
	return st_write_blocked(c->r->work, want->path, going, c, &c->blocker, e);
}

/* Only what differs between the two indexes, and only where nothing of the user's is. */
static int plan_spare(struct checkout *c, struct st_stage_row *want,
		      const struct st_stage_row *have, struct st_err *e)
{
	struct place p = { .want = want, .have = have };
	const char *path = want->path;
	bool own = is_own(c, path), local = false;
	char *by = NULL;
	int rc;

	if (!own && have && st_oid_eq(&have->id, &want->id) && have->mode == want->mode) {
		*want = *have; /* with its stat data */
		want->path = path;
		return ST_OK;
	}
	rc = see(c, &p, path, e);
	if (rc == ST_OK)
		rc = look_there(c, want, have, &p.keep, &local, e);
	local = (local || (p.keep && c->local->exact)) && !own;
	if (rc == ST_OK && !p.keep && !local)
		rc = st_write_blocked(c->r->work, path, going, c, &by, e);
	if (local || by)
		would_lose(c, &p, path);
	c->bytes += p.keep || local || by ? 0 : want->size;
	free(by);
	return rc == ST_OK ? add_place(c, &p, e) : rc;
}

static int plan_write(struct checkout *c, struct st_stage_row *want, struct st_err *e)
{
	struct place p = { .want = want };
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

static int plan_remove(struct checkout *c, const struct st_stage_row *have, struct st_err *e)
{
	struct place p = { .have = have };
	bool local = false;
	int rc = see(c, &p, have->path, e);

	if (rc == ST_OK && minds(c) && !is_own(c, have->path))
		rc = is_local(c, have, have->path, &local, e);
	if (local)
		would_lose(c, &p, have->path);
	return rc == ST_OK ? add_place(c, &p, e) : rc;
}

static int plan_removals(struct checkout *c, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < c->now->nrows; i++)
		if (!st_index_find(c->target, c->now->rows[i].path, c->now->rows[i].path_len, NULL))
			rc = plan_remove(c, &c->now->rows[i], e);
	return rc;
}

static const char *what_to_do(const struct checkout *c)
{
	if (c->how && !c->untracked)
		return c->how;
	if (!c->how && !c->local)
		return "'strata add' and 'strata commit' keep them, -f discards them";
	return c->untracked ? "'strata add' and 'strata commit' keep them; or move them away" :
			      "'strata add' and 'strata commit' keep them, 'strata restore' "
			      "discards them";
}

static int check_space(const char *dir, uint64_t need, struct st_err *e)
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

static int plan(struct checkout *c, struct st_err *e)
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
	return rc == ST_OK ? check_space(c->r->work, c->bytes, e) : rc;
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

static int remove_one(struct checkout *c, const struct place *p, struct st_err *e)
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

static void wrote(void *arg, struct st_stage_row *row, const struct stat *st)
{
	strata_checkout_result *res = arg;
	uint64_t size = row->size;

	st_row_set_stat(row, st);
	row->size = size; /* of the content: a followed link's own size is another */
	res->written++;
	res->bytes += size;
}

static int write_places(struct checkout *c, struct st_err *e)
{
	struct st_stage_row **rows = st_calloc(c->n, sizeof(*rows), e);
	struct st_seen *seen = st_calloc(c->n, sizeof(*seen), e);
	size_t n = 0;
	int rc;

	for (size_t i = 0; e->code == ST_OK && i < c->n; i++) {
		const struct place *p = &c->places[i];

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
		rc = st_write_files(c->r, c->r->work, rows, seen, n, wrote, c->res, e);
	if (n)
		st_left_forget(c->r);
	free(rows);
	free(seen);
	return rc;
}

/* Removals first: a file may be where a directory must come. */
static int write_all(struct checkout *c, struct st_err *e)
{
	struct place *p;
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
static int carry_out(struct checkout *c, struct st_err *e)
{
	int rc = write_all(c, e);
	bool whole = rc == ST_OK;

	for (size_t i = 0; i < c->n; i++) {
		const struct place *p = &c->places[i];
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

int st_checkout_index(struct st_repo *r, struct st_index *now, struct st_index *target,
		      struct st_local_files *local, strata_checkout_result *res, struct st_err *e)
{
	struct checkout c = { .r = r,
			      .now = now,
			      .target = target,
			      .force = local != NULL,
			      .local = local,
			      .txn = local ? local->txn : NULL,
			      .res = res };
	int rc = plan(&c, e);

	if (rc == ST_OK && local && local->ready)
		rc = local->ready(local->arg, e);
	if (rc == ST_OK && local && local->slow) {
		c.n = 0;
		c.bytes = 0;
		rc = plan(&c, e);
	}
	if (rc == ST_OK)
		rc = carry_out(&c, e);
	free(c.places);
	free(c.blocker);
	return rc;
}

static int files_of(struct st_repo *r, const struct st_oid *commit, struct st_index *x,
		    struct st_err *e)
{
	struct st_oid tree;
	int rc = st_repo_commit_tree(r, commit, &tree, e);

	if (rc == ST_OK)
		rc = st_tree_to_index(r, &tree, x, e);
	if (rc == ST_OK) {
		x->tree = tree;
		rc = st_index_sort(x, e);
	}
	return rc;
}

static int target_of(struct st_repo *r, const char *rev, struct st_oid *commit, struct st_index *x,
		     struct st_err *e)
{
	int rc = st_resolve(r, rev, strlen(rev), commit, e);

	return rc == ST_OK ? files_of(r, commit, x, e) : rc;
}

/* "x", and "heads/x" where that is no branch itself. */
static bool is_branch(struct st_repo *r, const char *rev, char ref[ST_REF_FULL], struct st_err *e)
{
	const char *names[2] = { rev, strncmp(rev, "refs/", 5) == 0 ? rev + 5 : rev };
	char *value = NULL;
	int rc = ST_OK;

	for (int i = 0; rc == ST_OK && !value && i < 2; i++) {
		if (strlen(names[i]) > ST_REF_NAME || (i && strncmp(names[i], "heads/", 6) != 0))
			continue;
		snprintf(ref, ST_REF_FULL, "%s%s", i ? "" : "heads/", names[i]);
		rc = st_ref_value(r, ref, &value, e);
	}
	free(value);
	return rc == ST_OK && value != NULL;
}

static void release_plan(struct checkout *c)
{
	free(c->places);
	free(c->blocker);
	st_pathspec_free(c->ps);
	if (c->stay)
		st_index_release(&c->head);
}

/* The transaction, and what to go to; target is initialised here. */
static int begin(struct checkout *c, struct st_txn *t, const char *rev, struct st_oid *commit,
		 struct st_index *target, struct st_err *e)
{
	int rc;

	st_index_init(target);
	rc = st_txn_begin(t, c->r, "checkout", e);
	if (rc == ST_OK)
		rc = st_txn_index(t, e);
	if (rc == ST_OK)
		rc = target_of(c->r, rev, commit, target, e);
	c->now = &t->index;
	c->target = target;
	return rc;
}

/* What is staged and what HEAD has decide with the target what becomes of the index. */
static int join(struct checkout *c, struct st_index *target, struct st_err *e)
{
	struct st_index out;
	int rc = st_head_index(c->r, &c->head, e);

	st_index_init(&out);
	if (rc == ST_OK)
		rc = st_twoway(&c->head, c->now, target, &out, &c->lost, e);
	st_index_release(rc == ST_OK ? target : &out);
	if (rc == ST_OK)
		*target = out;
	c->stay = true;
	return rc;
}

int st_go(struct st_repo *r, const struct st_go *g, strata_checkout_result *res, struct st_err *e)
{
	struct st_txn t;
	struct checkout c = { .r = r, .force = g->discard, .how = g->how, .txn = &t, .res = res };
	struct st_index target;
	struct st_oid commit;
	int rc = st_txn_begin(&t, r, g->verb, e);

	st_index_init(&target);
	c.now = &t.index;
	c.target = &target;
	if (rc == ST_OK)
		rc = st_txn_index(&t, e);
	if (rc == ST_OK)
		rc = st_merging_gate(r, "switch", &t.index, e);
	if (rc == ST_OK)
		rc = g->decide(g->arg, &t, &commit, e);
	if (rc == ST_OK)
		rc = files_of(r, &commit, &target, e);
	if (rc == ST_OK && !g->discard)
		rc = join(&c, &target, e);
	if (rc == ST_OK)
		rc = plan(&c, e);
	if (rc == ST_OK)
		rc = carry_out(&c, e);
	if (rc == ST_OK) {
		rc = st_staged_mark_models(r, &target, e);
		st_index_release(&t.index);
		t.index = target;
		st_index_init(&target);
		if (rc == ST_OK)
			rc = st_txn_publish(&t, true, NULL, e);
	}
	t.op.refs = NULL;
	t.op.why = t.op.verb;
	release_plan(&c);
	st_index_release(&target);
	st_txn_end(&t);
	return rc;
}

struct to_version {
	const char *rev;
	char *old, value[320], why[400], place[ST_PLACE];
	struct st_op_ref change;
};

/* The branch before is that branch, even where a tag has its name. */
static int resolve_place(struct st_repo *r, const struct to_version *v, struct st_oid *commit,
			 struct st_err *e)
{
	char full[ST_REF_FULL];
	const char *rev = v->rev;

	if (rev == v->place && !st_oid_parse(commit, rev, strlen(rev))) {
		snprintf(full, sizeof(full), "refs/heads/%.*s", ST_REF_NAME, rev);
		rev = full;
	}
	return st_resolve(r, rev, strlen(rev), commit, e);
}

/* HEAD's new value and its present one, as the operation log writes them. */
static int head_to(void *arg, struct st_txn *t, struct st_oid *commit, struct st_err *e)
{
	struct to_version *v = arg;
	char ref[ST_REF_FULL];
	int rc = st_place_before(t->r, &v->rev, v->place, e);

	if (rc == ST_OK)
		rc = resolve_place(t->r, v, commit, e);
	if (rc == ST_OK)
		rc = st_ref_value(t->r, "HEAD", &v->old, e);
	if (rc != ST_OK)
		return rc;
	if (strcmp(v->rev, "HEAD") == 0 || strcmp(v->rev, "@") == 0)
		snprintf(v->value, sizeof(v->value), "%s", v->old); /* stays on its branch */
	else if (is_branch(t->r, v->rev, ref, e))
		snprintf(v->value, sizeof(v->value), "ref:%s", ref);
	else
		st_oid_hex(commit, v->value);
	snprintf(v->why, sizeof(v->why), "checkout %.300s", v->rev);
	v->change = (struct st_op_ref){ .name = "HEAD", .value = v->value, .old = v->old };
	t->op.why = v->why;
	t->op.refs = &v->change;
	t->op.nrefs = strcmp(v->value, v->old) != 0;
	return e->code;
}

static int checkout_version(struct st_repo *r, const char *rev, const strata_checkout_options *o,
			    strata_checkout_result *res, struct st_err *e)
{
	struct to_version v = { .rev = rev };
	struct st_go g = { .verb = "checkout", .discard = o->force, .decide = head_to, .arg = &v };
	int rc = st_go(r, &g, res, e);

	free(v.old);
	return rc;
}

static int add_row(struct st_index *out, const struct st_stage_row *row, const struct st_index *old,
		   struct st_err *e)
{
	const struct st_stage_row *was = st_index_find(old, row->path, row->path_len, NULL);

	if (was && st_oid_eq(&was->id, &row->id) && was->mode == row->mode &&
	    !(row->flags & ST_INDEX_STAT))
		row = was; /* with its stat data */
	return st_index_add(out, row, e);
}

/* Rows of c->target that the paths name go into the index, in place of what cannot be beside them.
 * `exact`: what else the paths name goes out, as in Git's overlay mode it does not. */
static int put_rows(struct checkout *c, struct st_index *x, bool exact, struct st_err *e)
{
	struct st_index chosen, out;
	size_t i;
	int rc = ST_OK;

	st_index_init(&chosen);
	st_index_init(&out);
	for (i = 0; rc == ST_OK && i < c->target->nrows; i++)
		if (st_pathspec_match(c->ps, c->target->rows[i].path))
			rc = st_index_add(&chosen, &c->target->rows[i], e);
	if (rc == ST_OK)
		rc = st_index_sort(&chosen, e);
	for (i = 0; rc == ST_OK && i < x->nrows; i++) {
		bool named = st_pathspec_match(c->ps, x->rows[i].path);

		if (!(exact && named) && !st_index_excludes(&chosen, &x->rows[i]))
			rc = st_index_add(&out, &x->rows[i], e);
	}
	for (i = 0; rc == ST_OK && i < chosen.nrows; i++)
		rc = add_row(&out, &chosen.rows[i], x, e);
	if (rc == ST_OK)
		rc = st_pathspec_unmatched(c->ps, e);
	if (rc == ST_OK)
		rc = st_index_sort(&out, e);
	if (rc == ST_OK)
		rc = st_staged_mark_models(c->r, &out, e);
	st_index_release(&chosen);
	st_index_release(rc == ST_OK ? x : &out);
	if (rc == ST_OK)
		*x = out;
	return rc;
}

static int checkout_paths(struct st_repo *r, const char *rev, const strata_checkout_options *o,
			  strata_checkout_result *res, struct st_err *e)
{
	struct st_txn t;
	struct checkout c = { .r = r, .force = true, .txn = &t, .res = res };
	struct st_index target;
	struct st_oid commit;
	int rc = begin(&c, &t, rev, &commit, &target, e);

	if (rc == ST_OK)
		rc = st_pathspec_new(&c.ps, r, o->paths, o->npaths, e);
	if (rc == ST_OK)
		rc = plan(&c, e);
	if (rc == ST_OK)
		rc = carry_out(&c, e);
	if (rc == ST_OK)
		rc = put_rows(&c, &t.index, false, e);
	if (rc == ST_OK)
		rc = st_txn_publish(&t, true, NULL, e);
	release_plan(&c);
	st_index_release(&target);
	st_txn_end(&t);
	return rc;
}

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
		rc = check_space(to, need, e);
	if (rc == ST_OK)
		rc = st_write_files(r, to, rows, none, n, wrote, res, e);
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

static int checkout_to(struct st_repo *r, const char *rev, const strata_checkout_options *o,
		       strata_checkout_result *res, struct st_err *e)
{
	struct st_pathspec *ps = NULL;
	struct st_index target;
	struct st_oid commit;
	int rc;

	st_index_init(&target);
	rc = target_of(r, rev, &commit, &target, e);
	if (rc == ST_OK && o->npaths)
		rc = st_pathspec_new(&ps, r, o->paths, o->npaths, e);
	if (rc == ST_OK)
		rc = fill_elsewhere(r, o->to, ps, &target, res, e);
	st_pathspec_free(ps);
	st_index_release(&target);
	return rc;
}

int st_verb_checkout(struct st_repo *r, const char *rev, const strata_checkout_options *o,
		     strata_checkout_result *res, struct st_err *e)
{
	int rc;

	*res = (strata_checkout_result){ 0 };
	if (!o->to)
		return o->npaths ? checkout_paths(r, rev, o, res, e) :
				   checkout_version(r, rev, o, res, e);
	rc = check_to(o->to, e);
	if (rc == ST_OK)
		rc = st_repo_lock_gc(r, ST_GC_USE, e);
	if (rc == ST_OK)
		rc = checkout_to(r, rev, o, res, e);
	st_repo_unlock_gc(r);
	return rc;
}

/* ---- restore ---- */

static int restore_source(struct st_repo *r, const char *source, unsigned flags, struct st_index *x,
			  struct st_err *e)
{
	struct st_oid commit;

	if (source)
		return target_of(r, source, &commit, x, e);
	if (flags & STRATA_RESTORE_STAGED) {
		st_index_release(x);
		return st_head_index(r, x, e);
	}
	st_index_release(x);
	return st_staged_load(r, x, e);
}

int st_verb_restore(struct st_repo *r, const char *source, const char *const *paths, size_t n,
		    unsigned flags, strata_checkout_result *res, struct st_err *e)
{
	struct st_txn t;
	struct checkout c = { .r = r, .force = true, .res = res };
	struct st_index target;
	int rc;

	c.txn = flags & STRATA_RESTORE_STAGED ? &t : NULL; /* else there is no operation */
	*res = (strata_checkout_result){ 0 };
	if (n == 0)
		return st_fail(e, ST_EUSAGE, "name the paths to restore, '.' for all");
	st_index_init(&target);
	rc = st_txn_begin(&t, r, "restore", e);
	if (rc == ST_OK)
		rc = st_txn_index(&t, e);
	if (rc == ST_OK)
		rc = restore_source(r, source, flags, &target, e);
	if (rc == ST_OK)
		rc = st_pathspec_new(&c.ps, r, paths, n, e);
	c.now = &t.index;
	c.target = &target;
	if (rc == ST_OK && (flags & STRATA_RESTORE_WORKTREE)) {
		rc = plan(&c, e);
		if (rc == ST_OK)
			rc = carry_out(&c, e);
	}
	if (rc == ST_OK && (flags & STRATA_RESTORE_STAGED)) {
		rc = put_rows(&c, &t.index, true, e);
		if (rc == ST_OK)
			rc = st_txn_publish(&t, true, NULL, e);
	}
	release_plan(&c);
	st_index_release(&target);
	st_txn_end(&t);
	return rc;
}

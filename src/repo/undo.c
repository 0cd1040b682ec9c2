/* SPDX-License-Identifier: Apache-2.0 */
/*
 * undo and redo: the last command's changes of refs and index, backwards or once more. Files are
 * written only where the command itself wrote files (undoing add is not to touch what was added),
 * and never over changes.
 */
#include "repo/rewind.h"

#include "model/manifest.h"
#include "repo/moves.h"
#include "repo/undo_stack.h"

#include <stdio.h>

struct undo {
	struct st_repo *r;
	bool redo;
	const strata_undo_handler *h;
	void *arg;
	struct st_txn t;
	struct st_step step;
	struct st_op_ref *refs;
	struct st_local_files local;
	const char **gone; /* staged then, no longer stored; in the step's arena */
	size_t ngone, cap;
	strata_undo_result *res;
};

static bool writes_files(const struct st_step *s)
{
	static const char *const verbs[] = { "checkout", "switch",	"mv",	   "merge",
					     "revert",	 "cherry-pick", "rollback" };

	if (strcmp(s->verb, "rm") == 0)
		return strcmp(s->why, "rm --cached") != 0;
	if (strcmp(s->verb, "reset") == 0)
		return strncmp(s->why, "reset --hard", 12) == 0;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(s->verb, verbs[i]) == 0)
			return true;
	return false;
}

struct stored {
	struct st_repo *r;
	bool all;
};

static int no_longer(int rc, bool *there, struct st_err *e)
{
	*there = rc == ST_OK;
	if (rc != ST_ENOTFOUND)
		return rc;
	st_err_clear(e);
	return ST_OK;
}

static int has_segment(void *arg, const struct st_segment *seg, uint64_t off, struct st_err *e)
{
	struct stored *s = arg;
	int rc;

	(void)off;
	if (seg->glue || seg->detached || !seg->size) /* of no bytes nothing is stored */
		return ST_OK;
	rc = st_odb_has(s->r->odb, &seg->id, ST_ENTRY_DATA, &s->all, e);
	return rc == ST_OK && !s->all ? ST_ENO : rc;
}

static int is_stored(struct undo *z, const struct st_oid *file, bool *there, struct st_err *e)
{
	struct stored s = { z->r, true };
	struct st_vfile *f;
	int rc = st_vfile_open(&f, z->r, file, e);

	if (rc == ST_OK)
		rc = st_vfile_segments(f, has_segment, &s, e);
	st_vfile_close(f);
	if (rc == ST_ENO && e->code == ST_OK)
		rc = ST_OK;
	rc = no_longer(rc, there, e);
	*there = *there && s.all;
	return rc;
}

static int note_gone(struct undo *z, const char *path, struct st_err *e)
{
	int rc = st_grow(&z->gone, &z->cap, z->ngone + 1, e);

	if (rc != ST_OK)
		return rc;
	z->gone[z->ngone] = st_arena_dup(&z->step.arena, path, strlen(path), e);
	z->ngone += z->gone[z->ngone] != NULL;
	return e->code;
}

/* gc forgets what was only staged and never committed, after a while. Such a file stays as it is
 * now, so that the way back does not end here. */
static int leave_gone(struct undo *z, struct st_index *target, struct st_err *e)
{
	const struct st_stage_row *have;
	struct st_stage_row row;
	size_t i, n = 0;
	bool there;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < target->nrows; i++) {
		row = target->rows[i];
		have = st_index_find(&z->t.index, row.path, row.path_len, NULL);
		there = have && st_oid_eq(&have->id, &row.id);
		if (!there)
			rc = is_stored(z, &row.id, &there, e);
		if (rc == ST_OK && !there) {
			rc = note_gone(z, row.path, e);
			if (!have)
				continue;
			row = *have;
			row.path = target->rows[i].path;
		}
		target->rows[n++] = row;
	}
	target->nrows = n;
	return rc;
}

/* What a ref is after this step, the caller's; NULL: absent. */
static int value_after(struct undo *z, const char *name, char **value, struct st_err *e)
{
	const struct st_step *s = &z->step;
	const char *v;

	*value = NULL;
	for (size_t i = 0; i < s->nrefs; i++) {
		if (strcmp(s->refs[i].name, name) != 0)
			continue;
		v = z->redo ? s->refs[i].value : s->refs[i].old;
		*value = v ? st_strdup(v, e) : NULL;
		return e->code;
	}
	return st_ref_value(z->r, name, value, e);
}

/* The commit that HEAD then is at; zero: none. */
static int head_after(struct undo *z, struct st_oid *commit, struct st_err *e)
{
	char *head, *value = NULL;
	int rc = value_after(z, "HEAD", &head, e);

	if (rc == ST_OK && head && strncmp(head, "ref:", 4) == 0) {
		rc = value_after(z, head + 4, &value, e);
		free(head);
		head = value;
	}
	*commit = (struct st_oid){ { 0 } };
	if (rc == ST_OK && head && !st_oid_parse(commit, head, strlen(head)))
		rc = st_fail(e, ST_ECORRUPT, "HEAD does not lead to a commit id");
	free(head);
	return rc;
}

/*
 * The whole tree is forgotten: what is staged stays as it is where HEAD stays at its commit;
 * where HEAD moves, nothing is staged beside the version that it moves to.
 */
static int without_tree(struct undo *z, struct st_index *x, bool *known, struct st_err *e)
{
	struct st_oid commit, tree = { { 0 } };
	struct st_head head;
	int rc = st_repo_head(z->r, &head, e);

	*known = false;
	z->res->staged_gone = true;
	if (rc == ST_OK)
		rc = head_after(z, &commit, e);
	if (rc != ST_OK || st_oid_eq(&commit, &head.commit))
		return rc;
	if (!st_oid_is_zero(&commit))
		rc = st_repo_commit_tree(z->r, &commit, &tree, e);
	if (rc == ST_OK)
		rc = st_rewind_index(z->r, &tree, x, e);
	return no_longer(rc, known, e);
}

/* *known: x is what shall be staged; else that stays as it is. */
static int load_tree(struct undo *z, const struct st_oid *tree, struct st_index *x, bool *known,
		     struct st_err *e)
{
	int rc = no_longer(st_rewind_index(z->r, tree, x, e), known, e);

	if (rc != ST_OK || *known)
		return rc;
	st_index_release(x);
	st_index_init(x);
	return without_tree(z, x, known, e);
}

static int move_files(struct undo *z, bool *changed, struct st_err *e)
{
	const struct st_oid *tree = z->redo ? &z->step.after : &z->step.before;
	struct st_index target;
	int rc;

	*changed = z->step.stages && !st_oid_eq(&z->step.before, &z->step.after);
	if (!*changed)
		return ST_OK;
	st_index_init(&target);
	rc = load_tree(z, tree, &target, changed, e);
	if (rc == ST_OK && *changed)
		rc = leave_gone(z, &target, e);
	if (rc == ST_OK && *changed && writes_files(&z->step))
		rc = st_checkout_index(z->r, &z->t.index, &target, &z->local, &z->res->files, e);
	if (rc == ST_OK && *changed) {
		st_rewind_keep_stats(&target, &z->t.index);
		rc = st_rewind_take(&z->t, &target, e);
	}
	st_index_release(&target);
	return rc;
}

static int turn_refs(struct undo *z, struct st_err *e)
{
	const struct st_step *s = &z->step;

	z->refs = st_calloc(s->nrefs, sizeof(*z->refs), e);
	if (!z->refs)
		return e->code;
	for (size_t i = 0; i < s->nrefs; i++)
		z->refs[i] = (struct st_op_ref){
			.name = s->refs[i].name,
			.old = z->redo ? s->refs[i].old : s->refs[i].value,
			.value = z->redo ? s->refs[i].value : s->refs[i].old,
		};
	return ST_OK;
}

static int publish(struct undo *z, bool changed, struct st_err *e)
{
	char why[600];
	int rc = turn_refs(z, e);

	if (rc != ST_OK)
		return rc;
	snprintf(why, sizeof(why), "%s %" PRIu64 ": %s", z->t.op.verb, z->step.seq, z->step.why);
	z->t.op.why = why;
	z->t.op.refs = z->refs;
	z->t.op.nrefs = z->step.nrefs;
	rc = st_txn_publish(&z->t, changed, NULL, e);
	z->t.op.refs = NULL;
	z->t.op.why = z->t.op.verb;
	return rc;
}

/* What the step overwrote is lost going back only: forward, nothing of it is there again. */
static void tell_lost(struct undo *z)
{
	size_t n = z->redo ? 0 : z->step.nlost;

	z->res->lost = z->ngone + (z->redo ? 0 : z->step.lost_count);
	for (size_t i = 0; z->h->lost && i < n; i++)
		(void)z->h->lost(z->arg, z->step.lost[i], false);
	for (size_t i = 0; z->h->lost && i < z->ngone; i++)
		(void)z->h->lost(z->arg, z->gone[i], true);
}

static void tell(struct undo *z)
{
	strata_undo_result *res = z->res;

	res->operation = z->step.seq;
	res->kept = z->local.found;
	snprintf(res->verb, sizeof(res->verb), "%s", z->step.verb);
	snprintf(res->why, sizeof(res->why), "%s", z->step.why);
	for (size_t i = 0; z->h->ref && i < z->step.nrefs; i++)
		if (!st_ref_is_note(z->refs[i].name))
			(void)z->h->ref(z->arg, z->refs[i].name, z->refs[i].old, z->refs[i].value);
	tell_lost(z);
}

static int find_step(struct undo *z, struct st_err *e)
{
	bool found;
	int rc = st_undo_step(z->r, z->redo, &z->step, &found, e);

	if (rc != ST_OK || found)
		return rc;
	return z->redo ? st_fail(e, ST_ENO,
				 "nothing to redo: no command was undone since the last change") :
			 st_fail(e, ST_ENO, "nothing to undo");
}

int st_verb_undo(struct st_repo *r, bool redo, const strata_undo_handler *h, void *arg,
		 strata_undo_result *res, struct st_err *e)
{
	struct undo z = { .r = r,
			  .redo = redo,
			  .h = h,
			  .arg = arg,
			  .local = { .spare = true, .cb = h->kept, .arg = arg },
			  .res = res };
	bool changed;
	int rc;

	*res = (strata_undo_result){ 0 };
	rc = st_txn_begin(&z.t, r, redo ? "redo" : "undo", e);
	if (rc == ST_OK)
		rc = st_txn_index(&z.t, e);
	if (rc == ST_OK)
		rc = find_step(&z, e);
	if (rc == ST_OK)
		rc = move_files(&z, &changed, e);
	if (rc == ST_OK)
		rc = publish(&z, changed, e);
	if (rc == ST_OK)
		tell(&z);
	st_txn_end(&z.t);
	st_undo_step_release(&z.step);
	free(z.refs);
	free(z.gone);
	return rc;
}

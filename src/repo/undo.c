/* SPDX-License-Identifier: Apache-2.0 */
/*
 * undo and redo: the last command's changes of refs and index, backwards or once more. Files are
 * written only where the command itself wrote files (undoing add is not to touch what was added),
 * and never over changes.
 */
#include "repo/rewind.h"

#include "model/manifest.h"
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

static int has_segment(void *arg, const struct st_segment *seg, uint64_t off, struct st_err *e)
{
	struct stored *s = arg;

	(void)off;
	if (seg->glue || seg->detached)
		return ST_OK;
	return st_odb_has(s->r->odb, &seg->id, ST_ENTRY_DATA, &s->all, e) == ST_OK && s->all ?
		       ST_OK :
		       ST_ENO;
}

/* gc forgets what was only staged and never committed, after a while. */
static int check_stored(struct undo *z, const struct st_index *target, struct st_err *e)
{
	struct stored s = { z->r, true };
	const struct st_stage_row *row, *have;
	struct st_err gone = { 0 };
	struct st_vfile *f;

	for (size_t i = 0; s.all && i < target->nrows; i++) {
		row = &target->rows[i];
		have = st_index_find(&z->t.index, row->path, row->path_len, NULL);
		if (have && st_oid_eq(&have->id, &row->id))
			continue;
		s.all = st_vfile_open(&f, z->r, &row->id, &gone) == ST_OK;
		if (s.all && st_vfile_segments(f, has_segment, &s, &gone) != ST_OK)
			s.all = false;
		st_vfile_close(f);
		if (!s.all)
			return st_fail(e, ST_EREFUSED,
				       "'%s' as it was staged then is no longer stored: 'strata "
				       "gc' removed it",
				       row->path);
	}
	return ST_OK;
}

static int load_tree(struct undo *z, const struct st_oid *tree, struct st_index *x,
		     struct st_err *e)
{
	struct st_err gone = { 0 };
	int rc = st_rewind_index(z->r, tree, x, &gone);

	if (rc == ST_ENOTFOUND)
		return st_fail(e, ST_EREFUSED,
			       "what was staged then is no longer stored: 'strata gc' removed it");
	if (rc != ST_OK)
		*e = gone;
	return rc;
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
	rc = load_tree(z, tree, &target, e);
	if (rc == ST_OK)
		rc = check_stored(z, &target, e);
	if (rc == ST_OK && writes_files(&z->step))
		rc = st_checkout_index(z->r, &z->t.index, &target, &z->local, &z->res->files, e);
	if (rc == ST_OK) {
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

static void tell(struct undo *z)
{
	strata_undo_result *res = z->res;

	res->operation = z->step.seq;
	res->kept = z->local.found;
	snprintf(res->verb, sizeof(res->verb), "%s", z->step.verb);
	snprintf(res->why, sizeof(res->why), "%s", z->step.why);
	for (size_t i = 0; z->h->ref && i < z->step.nrefs; i++)
		(void)z->h->ref(z->arg, z->refs[i].name, z->refs[i].old, z->refs[i].value);
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
	return rc;
}

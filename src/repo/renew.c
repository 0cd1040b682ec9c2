/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rollback: a new version on top of HEAD, made of files that are stored already. Files are taken
 * whole; where tensors are chosen, those of a model one by one. And what revert and cherry-pick
 * have in common with it.
 */
#include "repo/change.h"

#include "base/file.h"
#include "base/json.h"
#include "repo/count.h"
#include "repo/moves.h"
#include "tensor/quote.h"

#include <stdio.h>

const char *const st_renewals[] = { "revert", "cherry-pick", "rollback" };

void st_renew_block(struct st_renew *z, const char *path, const struct st_stored_tensor *tensor,
		    const char *why)
{
	struct st_quote q;

	if (z->blocked++ == 0 && tensor)
		snprintf(z->first_block, sizeof(z->first_block), "tensor %s of '%.100s' (%s)",
			 st_quote(&q, tensor->t.name, tensor->t.name_len), path, why);
	else if (z->blocked == 1)
		snprintf(z->first_block, sizeof(z->first_block), "'%.160s' (%s)", path, why);
	if (z->o->blocked)
		z->o->blocked(z->o->arg, path, tensor ? tensor->t.name : NULL, why);
}

static int judge_blocks(const struct st_renew *z, struct st_err *e)
{
	if (!z->blocked)
		return ST_OK;
	return st_fail(e, ST_EREFUSED, "%zu change%s cannot be made: %s%s; without --tensor, %s",
		       z->blocked, z->blocked == 1 ? "" : "s", z->first_block,
		       z->blocked == 1 ? "" : " and more",
		       z->what == STRATA_ROLLBACK ? "--path brings whole files back" :
						    "all that it changed is taken");
}

static int finish_target(struct st_renew *z, struct st_err *e)
{
	const struct st_stage_row *row;
	struct st_index out;
	size_t i;
	int rc = st_index_sort(&z->gone, e);

	st_index_init(&out);
	for (i = 0; rc == ST_OK && i < z->here.nrows; i++) {
		row = &z->here.rows[i];
		if (!st_index_find(&z->gone, row->path, row->path_len, NULL))
			rc = st_index_add(&out, row, e);
	}
	for (i = 0; rc == ST_OK && i < z->target.nrows; i++)
		rc = st_index_add(&out, &z->target.rows[i], e);
	if (rc == ST_OK)
		rc = st_index_sort(&out, e); /* of equal paths the later one stays */
	for (i = 1; rc == ST_OK && i < out.nrows; i++)
		if (st_index_below(&out, out.rows[i - 1].path))
			rc = st_fail(e, ST_EREFUSED, "'%s' would be both a file and a directory",
				     out.rows[i - 1].path);
	st_index_release(rc == ST_OK ? &z->target : &out);
	if (rc == ST_OK)
		z->target = out;
	return rc;
}

/* A file that differs here (a) from REV (b). */
static int on_difference(void *arg, const struct st_tree_change *c, struct st_err *e)
{
	return st_renew_settle(arg, c->path, c->a, c->b, e);
}

static int roll_tensors_back(struct st_renew *z, const struct st_index *old, struct st_pathspec *ps,
			     struct st_err *e)
{
	const struct st_index *x[] = { old, &z->here };
	int rc = st_pick_new(&z->pick, z, x, 2, ps, e);

	return rc == ST_OK ? st_compare_indexes(&z->here, old, on_difference, z, e) : rc;
}

static int roll_files_back(struct st_renew *z, const struct st_index *old, struct st_pathspec *ps,
			   struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < z->here.nrows; i++)
		if (st_pathspec_match(ps, z->here.rows[i].path))
			rc = st_index_add(&z->gone, &z->here.rows[i], e);
	for (size_t i = 0; rc == ST_OK && i < old->nrows; i++)
		if (st_pathspec_match(ps, old->rows[i].path))
			rc = st_index_add(&z->target, &old->rows[i], e);
	return rc;
}

static int roll_back(struct st_renew *z, struct st_err *e)
{
	struct st_pathspec *ps = NULL;
	struct st_index old;
	int rc;

	st_index_init(&old);
	rc = st_rewind_index(z->r, &z->commit.tree, &old, e);
	if (rc == ST_OK)
		rc = st_pathspec_new(&ps, z->r, z->o->paths, z->o->npaths, e);
	if (rc == ST_OK && z->o->ntensors)
		rc = roll_tensors_back(z, &old, ps, e);
	else if (rc == ST_OK)
		rc = roll_files_back(z, &old, ps, e);
	if (rc == ST_OK)
		rc = st_pathspec_unmatched(ps, e);
	st_pick_free(z->pick);
	z->pick = NULL;
	st_pathspec_free(ps);
	st_index_release(&old);
	return rc;
}

int st_renew_make(struct st_renew *z, struct st_err *e)
{
	int rc = judge_blocks(z, e);

	if (rc == ST_OK)
		rc = st_renew_graft(z, e);
	return rc == ST_OK ? finish_target(z, e) : rc;
}

int st_renew_load(struct st_renew *z, const char *rev, struct st_err *e)
{
	char hex[ST_OID_HEX + 1];
	int rc = st_resolve(z->r, rev, strlen(rev), &z->rev, e);

	if (rc == ST_OK && z->head.unborn)
		rc = st_fail(e, ST_EREFUSED, "branch %s has no version yet to build on",
			     z->head.branch);
	if (rc == ST_OK)
		rc = st_repo_commit_load(z->r, &z->rev, &z->commit, e);
	if (rc == ST_OK)
		rc = st_catalog_version_of(z->r->cat, &z->rev, z->label, e);
	if (rc == ST_OK && !*z->label) {
		st_oid_hex(&z->rev, hex);
		snprintf(z->label, sizeof(z->label), "%.12s", hex);
	}
	if (rc == ST_OK && z->what != STRATA_ROLLBACK && z->commit.nparents > 1)
		rc = st_fail(e, ST_EREFUSED,
			     "%s is a merge: which of its sides counts cannot be said yet",
			     z->label);
	return rc;
}

/* What is staged beside would go into the version unasked. */
static int load_all(struct st_renew *z, const char *rev, struct st_err *e)
{
	struct st_oid tree;
	int rc = st_repo_head(z->r, &z->head, e);

	if (rc == ST_OK)
		rc = st_head_expect(z->r, &z->head, z->o->expect, e);
	if (rc == ST_OK)
		rc = st_renew_load(z, rev, e);
	if (rc == ST_OK)
		rc = st_repo_commit_tree(z->r, &z->head.commit, &tree, e);
	if (rc == ST_OK)
		rc = st_rewind_index(z->r, &tree, &z->here, e);
	if (rc == ST_OK && !st_oid_eq(&tree, &z->t->index.tree))
		rc = st_fail(e, ST_EREFUSED,
			     "there are staged changes: 'strata commit' keeps them, 'strata reset' "
			     "unstages them");
	return rc;
}

/* "classifier.* of m.safetensors and others" */
static int say_which(const struct st_renew *z, struct st_buf *out, struct st_err *e)
{
	const strata_renew_options *o = z->o;
	int rc = ST_OK;

	if (o->ntensors)
		rc = st_buf_addf(out, e, "%s%s", o->tensors[0],
				 o->ntensors > 1 ? " and others" : "");
	if (rc == ST_OK && o->npaths)
		rc = st_buf_addf(out, e, "%s%s%s", o->ntensors ? " of " : "", o->paths[0],
				 o->npaths > 1 ? " and others" : "");
	return rc;
}

int st_renew_say(const struct st_renew *z, struct st_buf *out, struct st_err *e)
{
	const char *old = z->commit.message;
	bool part = z->o->ntensors || z->o->npaths, back = z->what == STRATA_ROLLBACK;
	int n = (int)strcspn(old, "\r\n"), rc;

	if (z->o->message)
		return st_buf_addstr(out, z->o->message, e);
	if (z->what == STRATA_CHERRY_PICK)
		return st_buf_addstr(out, old, e);
	rc = st_buf_addstr(out, back ? "Roll " : "Revert ", e);
	if (rc == ST_OK && part)
		rc = say_which(z, out, e);
	if (rc == ST_OK)
		rc = st_buf_addf(out, e, "%s%s: %.*s",
				 back ? (part ? " back to " : "back to ") : (part ? " of " : ""),
				 z->label, n, old);
	return rc;
}

/* ---- rollback ---- */

struct rolling {
	struct st_renew z;
	struct st_txn t;
	strata_policy policy; /* of version numbers */
	struct st_oid id;
	char *name, *email;
	strata_renew_result *res;
};

static int make_target(struct st_renew *z, struct st_err *e)
{
	int rc = roll_back(z, e);

	if (rc == ST_OK)
		rc = st_renew_make(z, e);
	if (rc == ST_OK && st_indexes_same(&z->here, &z->target))
		rc = st_fail(e, ST_ENO, "nothing to rollback: %s so already",
			     z->o->ntensors ? "the tensors are" : "the files are");
	return rc;
}

static int write_commit(struct rolling *k, const char *message, struct st_err *e)
{
	struct st_commit c = { .tree = k->t.index.tree,
			       .parents = &k->z.head.commit,
			       .nparents = 1,
			       .time_ns = st_now_ns(),
			       .author_name = k->name,
			       .author_email = k->email,
			       .message = (char *)message };

	return st_txn_store(&k->t, &c, &k->id, e);
}

static int publish(struct rolling *k, const char *message, struct st_err *e)
{
	strata_renew_result *res = k->res;
	char why[64];
	int rc;

	snprintf(why, sizeof(why), "%s %s", st_renewals[k->z.what], k->z.label);
	k->t.op.why = why;
	rc = st_txn_commit(&k->t, &k->z.head, true, &k->id, e);
	k->t.op.why = k->t.op.verb;
	if (rc != ST_OK)
		return rc;
	st_oid_hex(&k->id, res->commit);
	snprintf(res->version, sizeof(res->version), "%s", k->t.label);
	snprintf(res->branch, sizeof(res->branch), "%s", k->z.head.branch);
	snprintf(res->message, sizeof(res->message), "%.*s", (int)strcspn(message, "\r\n"),
		 message);
	return ST_OK;
}

static void take_step(struct rolling *k, const struct st_counts *tensors)
{
	const strata_file_counts *f = &k->res->files;
	struct st_bumped step;

	if (k->policy != STRATA_SEMVER)
		return;
	step = st_bump_choose(k->z.o->bump, false, tensors, f->added + f->changed + f->removed);
	k->t.number.bump = k->res->bump = step.bump;
	k->res->why = step.why;
}

/* Nothing stands in the way: the files that were made can be read from here on. */
static int ready(void *arg, struct st_err *e)
{
	struct rolling *k = arg;
	struct st_renew *z = &k->z;
	struct st_totals n;
	int rc = z->ngrafts ? st_txn_flush(&k->t, e) : ST_OK;

	if (rc == ST_OK)
		rc = st_staged_mark_models(z->r, &z->target, e);
	if (rc == ST_OK)
		rc = st_count_changes(z->r, &z->here, &z->target, &n, e);
	if (rc != ST_OK)
		return rc;
	k->res->files = n.files;
	k->res->tensors = n.tensors;
	take_step(k, &n.differing);
	return ST_OK;
}

/* Everything that can fail for want of sense comes before the first file is written. */
static int make(struct rolling *k, struct st_err *e)
{
	struct st_local_files local = { .spare = true, .refuse = true, .ready = ready, .arg = k };
	struct st_index *target = &k->z.target;
	struct st_buf message;
	int rc;

	st_buf_init(&message, 1 << 24);
	rc = st_renew_say(&k->z, &message, e);
	if (rc == ST_OK && !st_buf_cstr(&message, e))
		rc = e->code;
	if (rc == ST_OK)
		rc = st_repo_identity(k->z.r, &k->name, &k->email, e);
	if (rc == ST_OK)
		rc = st_checkout_index(k->z.r, &k->t.index, target, &local, &k->res->written, e);
	if (rc == ST_OK) {
		st_rewind_keep_stats(target, &k->t.index);
		rc = st_rewind_take(&k->t, target, e);
	}
	if (rc == ST_OK)
		rc = st_staged_write_trees(k->z.r, &k->t.index, k->t.w, e);
	if (rc == ST_OK)
		rc = write_commit(k, (const char *)message.p, e);
	if (rc == ST_OK)
		rc = publish(k, (const char *)message.p, e);
	st_buf_release(&message);
	return rc;
}

static int rollback(struct st_repo *r, const char *rev, const strata_renew_options *o,
		    strata_renew_result *res, struct st_err *e)
{
	struct rolling k = { .res = res };
	int rc = st_bump_check(&r->config, o->bump, &k.policy, e);

	if (rc == ST_OK && o->method)
		rc = st_fail(e, ST_EUSAGE, "rollback takes no method");
	if (rc != ST_OK)
		return rc;
	st_renew_init(&k.z, r, STRATA_ROLLBACK, o, &k.t);
	rc = st_txn_begin(&k.t, r, st_renewals[STRATA_ROLLBACK], e);
	if (rc == ST_OK)
		rc = st_txn_index(&k.t, e);
	if (rc == ST_OK)
		rc = load_all(&k.z, rev, e);
	if (rc == ST_OK)
		rc = make_target(&k.z, e);
	if (rc == ST_OK)
		rc = make(&k, e);
	st_txn_end(&k.t);
	st_renew_release(&k.z);
	free(k.name);
	free(k.email);
	return rc;
}

/* ---- all three ---- */

void st_renew_init(struct st_renew *z, struct st_repo *r, strata_renewal what,
		   const strata_renew_options *o, struct st_txn *t)
{
	*z = (struct st_renew){ .r = r, .what = what, .o = o, .t = t };
	st_index_init(&z->here);
	st_index_init(&z->target);
	st_index_init(&z->gone);
	st_arena_init(&z->arena);
}

void st_renew_release(struct st_renew *z)
{
	st_pick_free(z->pick);
	st_commit_release(&z->commit);
	st_index_release(&z->here);
	st_index_release(&z->target);
	st_index_release(&z->gone);
	for (size_t i = 0; i < z->ngrafts; i++)
		free(z->grafts[i].v);
	free(z->grafts);
	st_arena_release(&z->arena);
}

int st_verb_renew(struct st_repo *r, strata_renewal what, const char *rev,
		  const strata_renew_options *o, strata_renew_result *res, struct st_err *e)
{
	*res = (strata_renew_result){ 0 };
	if (o->message && (!o->message[strspn(o->message, " \t\r\n")] ||
			   !st_utf8_valid(o->message, strlen(o->message))))
		return st_fail(e, ST_EUSAGE, "the message is empty or not UTF-8");
	return what == STRATA_ROLLBACK ? rollback(r, rev, o, res, e) :
					 st_change_take(r, what, rev, o, res, e);
}

int st_verb_renew_message(struct st_repo *r, strata_renewal what, const char *rev,
			  const strata_renew_options *o, int (*cb)(void *arg, const char *message),
			  void *arg, struct st_err *e)
{
	struct st_renew z;
	struct st_txn t;
	struct st_buf message;
	int rc;

	st_renew_init(&z, r, what, o, &t);
	st_buf_init(&message, 1 << 24);
	rc = st_txn_begin(&t, r, st_renewals[what], e);
	if (rc == ST_OK)
		rc = st_txn_index(&t, e);
	if (rc == ST_OK)
		rc = load_all(&z, rev, e);
	if (rc == ST_OK)
		rc = st_renew_say(&z, &message, e);
	if (rc == ST_OK && !st_buf_cstr(&message, e))
		rc = e->code;
	if (rc == ST_OK && cb(arg, (const char *)message.p) != 0)
		rc = ST_ENO;
	st_txn_end(&t);
	st_buf_release(&message);
	st_renew_release(&z);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revert, cherry-pick and rollback: a new version on top of HEAD, made of files that are stored
 * already. Files are taken whole; where a model changed on both sides, or tensors are chosen, its
 * tensors one by one. What changed on both sides even so is for a merge.
 */
#include "repo/renew.h"

#include "base/file.h"
#include "base/json.h"
#include "repo/count.h"
#include "repo/moves.h"
#include "tensor/quote.h"

#include <stdio.h>

static const char *const verbs[] = { "revert", "cherry-pick", "rollback" };

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
	return st_fail(e, ST_EREFUSED, "%zu change%s cannot be made: %s%s; %s", z->blocked,
		       z->blocked == 1 ? "" : "s", z->first_block,
		       z->blocked == 1 ? "" : " and more",
		       z->what == STRATA_ROLLBACK ?
			       "without --tensor, --path brings whole files back" :
		       z->what == STRATA_REVERT ?
			       "of tensors that changed here too, --method task-arithmetic "
			       "subtracts the difference" :
			       "for tensors that changed here too, --method task-arithmetic adds "
			       "the difference; 'strata merge' takes all of a branch");
}

static bool is_file(const struct st_stage_row *row)
{
	return row && row->mode != ST_MODE_LINK;
}

/* A file goes from `from` to `to` (NULL: absent); it may be there already. */
static int on_change(void *arg, const struct st_tree_change *c, struct st_err *e)
{
	struct st_renew *z = arg;
	const struct st_stage_row *from = z->what == STRATA_REVERT ? c->b : c->a;
	const struct st_stage_row *to = z->what == STRATA_REVERT ? c->a : c->b;
	const struct st_stage_row *now = st_index_find(&z->here, c->path, strlen(c->path), NULL);

	if (st_rows_same(now, to))
		return ST_OK;
	if (z->pick)
		return st_renew_settle(z, c->path, from, to, now, e);
	if (st_rows_same(now, from))
		return st_index_add(to ? &z->target : &z->gone, to ? to : now, e);
	if (is_file(now) && is_file(from) && is_file(to))
		return st_renew_settle(z, c->path, from, to, now, e);
	st_renew_block(z, c->path, NULL, now ? "changed here as well" : "is not here");
	return ST_OK;
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

/* The values are on the side that the files go to. */
static int pick_changes(struct st_renew *z, const struct st_oid *parent, struct st_err *e)
{
	struct st_index old, new;
	const struct st_index *x[] = { &new, &old, &z->here };
	int rc;

	if (!z->o->ntensors)
		return ST_OK;
	st_index_init(&old);
	st_index_init(&new);
	rc = st_rewind_index(z->r, parent, &old, e);
	if (rc == ST_OK)
		rc = st_rewind_index(z->r, &z->commit.tree, &new, e);
	if (rc == ST_OK)
		rc = st_pick_new(&z->pick, z, x, 3, NULL, e);
	st_index_release(&old);
	st_index_release(&new);
	return rc;
}

static int apply_changes(struct st_renew *z, struct st_err *e)
{
	struct st_oid parent = { { 0 } };
	int rc = ST_OK;

	if (z->o->npaths)
		return st_fail(e, ST_EUSAGE, "%s takes no paths", verbs[z->what]);
	if (z->commit.nparents > 1)
		return st_fail(e, ST_EREFUSED,
			       "%s is a merge: which of its sides counts cannot be said yet",
			       z->label);
	if (z->commit.nparents)
		rc = st_repo_commit_tree(z->r, &z->commit.parents[0], &parent, e);
	if (rc == ST_OK)
		rc = pick_changes(z, &parent, e);
	if (rc == ST_OK)
		rc = st_compare_trees(z->r, &parent, &z->commit.tree, on_change, z, e);
	return rc;
}

/* A file that differs here (a) from REV (b). */
static int on_difference(void *arg, const struct st_tree_change *c, struct st_err *e)
{
	return st_renew_settle(arg, c->path, c->a, c->b, c->a, e);
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

static int any_change(void *arg, const struct st_tree_change *c, struct st_err *e)
{
	(void)c;
	(void)e;
	*(bool *)arg = true;
	return ST_OK;
}

static int make_target(struct st_renew *z, struct st_err *e)
{
	bool any = false;
	int rc = z->what == STRATA_ROLLBACK ? roll_back(z, e) : apply_changes(z, e);

	if (rc == ST_OK)
		rc = judge_blocks(z, e);
	if (rc == ST_OK)
		rc = st_renew_graft(z, e);
	if (rc == ST_OK)
		rc = finish_target(z, e);
	if (rc == ST_OK)
		rc = st_compare_indexes(&z->here, &z->target, any_change, &any, e);
	if (rc == ST_OK && !any)
		rc = st_fail(e, ST_ENO, "nothing to %s: %s so already", verbs[z->what],
			     z->o->ntensors ? "the tensors are" : "the files are");
	return rc;
}

/* What is staged beside would go into the version unasked. */
static int load(struct st_renew *z, const char *rev, struct st_err *e)
{
	int rc = st_repo_head(z->r, &z->head, e);

	if (rc == ST_OK)
		rc = st_head_expect(z->r, &z->head, z->o->expect, e);
	if (rc == ST_OK)
		rc = st_resolve(z->r, rev, strlen(rev), &z->rev, e);
	if (rc == ST_OK && z->head.unborn)
		rc = st_fail(e, ST_EREFUSED, "branch %s has no version yet to build on",
			     z->head.branch);
	if (rc == ST_OK)
		rc = st_repo_commit_load(z->r, &z->rev, &z->commit, e);
	if (rc == ST_OK)
		rc = st_catalog_version_of(z->r->cat, &z->rev, z->label, e);
	if (rc == ST_OK && !*z->label) {
		char hex[ST_OID_HEX + 1];

		st_oid_hex(&z->rev, hex);
		snprintf(z->label, sizeof(z->label), "%.12s", hex);
	}
	if (rc == ST_OK)
		rc = st_repo_commit_tree(z->r, &z->head.commit, &z->head_tree, e);
	if (rc == ST_OK)
		rc = st_rewind_index(z->r, &z->head_tree, &z->here, e);
	if (rc == ST_OK && !st_oid_eq(&z->head_tree, &z->t.index.tree))
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

static int say(struct st_renew *z, struct st_buf *out, struct st_err *e)
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

static int write_commit(struct st_renew *z, const char *message, struct st_err *e)
{
	struct st_commit c = { .tree = z->t.index.tree,
			       .parents = &z->head.commit,
			       .nparents = 1,
			       .time_ns = st_now_ns(),
			       .author_name = z->name,
			       .author_email = z->email,
			       .message = (char *)message };

	if (!message[strspn(message, " \t\r\n")] || !st_utf8_valid(message, strlen(message)))
		return st_fail(e, ST_EUSAGE, "the message is empty or not UTF-8");
	if (z->what == STRATA_CHERRY_PICK) { /* made by whom, and how, as there */
		c.author_name = z->commit.author_name;
		c.author_email = z->commit.author_email;
		c.params = z->commit.params;
		c.nparams = z->commit.nparams;
		c.config_name = z->commit.config_name;
		c.config = z->commit.config;
	}
	return st_txn_store(&z->t, &c, &z->id, e);
}

static int publish(struct st_renew *z, const char *message, struct st_err *e)
{
	strata_renew_result *res = z->res;
	char why[64];
	int rc;

	snprintf(why, sizeof(why), "%s %s", verbs[z->what], z->label);
	z->t.op.why = why;
	rc = st_txn_commit(&z->t, &z->head, true, &z->id, e);
	z->t.op.why = z->t.op.verb;
	if (rc != ST_OK)
		return rc;
	st_oid_hex(&z->id, res->commit);
	snprintf(res->version, sizeof(res->version), "%s", z->t.label);
	snprintf(res->branch, sizeof(res->branch), "%s", z->head.branch);
	snprintf(res->message, sizeof(res->message), "%.*s", (int)strcspn(message, "\r\n"),
		 message);
	return ST_OK;
}

static void take_step(struct st_renew *z, const struct st_counts *tensors)
{
	const strata_file_counts *f = &z->res->files;
	struct st_bumped step;

	if (z->policy != STRATA_SEMVER)
		return;
	step = st_bump_choose(z->o->bump, false, tensors, f->added + f->changed + f->removed);
	z->t.number.bump = z->res->bump = step.bump;
	z->res->why = step.why;
}

/* Nothing stands in the way: the files that were made can be read from here on. */
static int ready(void *arg, struct st_err *e)
{
	struct st_renew *z = arg;
	struct st_totals n;
	int rc = z->ngrafts ? st_txn_flush(&z->t, e) : ST_OK;

	if (rc == ST_OK)
		rc = st_staged_mark_models(z->r, &z->target, e);
	if (rc == ST_OK)
		rc = st_count_changes(z->r, &z->here, &z->target, &n, e);
	if (rc != ST_OK)
		return rc;
	z->res->files = n.files;
	z->res->tensors = n.tensors;
	take_step(z, &n.differing);
	return ST_OK;
}

/* Everything that can fail for want of sense comes before the first file is written. */
static int make(struct st_renew *z, struct st_err *e)
{
	struct st_local_files local = { .spare = true, .refuse = true, .ready = ready, .arg = z };
	struct st_buf message;
	int rc;

	st_buf_init(&message, 1 << 24);
	rc = say(z, &message, e);
	if (rc == ST_OK && !st_buf_cstr(&message, e))
		rc = e->code;
	if (rc == ST_OK)
		rc = st_repo_identity(z->r, &z->name, &z->email, e);
	if (rc == ST_OK)
		rc = st_checkout_index(z->r, &z->t.index, &z->target, &local, &z->res->written, e);
	if (rc == ST_OK) {
		st_rewind_keep_stats(&z->target, &z->t.index);
		rc = st_rewind_take(&z->t, &z->target, e);
	}
	if (rc == ST_OK)
		rc = st_staged_write_trees(z->r, &z->t.index, z->t.w, e);
	if (rc == ST_OK)
		rc = write_commit(z, (const char *)message.p, e);
	if (rc == ST_OK)
		rc = publish(z, (const char *)message.p, e);
	st_buf_release(&message);
	return rc;
}

static void begin(struct st_renew *z)
{
	st_index_init(&z->here);
	st_index_init(&z->target);
	st_index_init(&z->gone);
	st_arena_init(&z->arena);
}

static void end(struct st_renew *z)
{
	st_txn_end(&z->t);
	st_pick_free(z->pick);
	st_commit_release(&z->commit);
	st_index_release(&z->here);
	st_index_release(&z->target);
	st_index_release(&z->gone);
	for (size_t i = 0; i < z->ngrafts; i++) {
		free(z->grafts[i].v);
		free(z->grafts[i].joined);
	}
	free(z->grafts);
	st_arena_release(&z->arena);
	free(z->name);
	free(z->email);
}

int st_verb_renew(struct st_repo *r, strata_renewal what, const char *rev,
		  const strata_renew_options *o, strata_renew_result *res, struct st_err *e)
{
	struct st_renew z = { .r = r, .what = what, .o = o, .res = res };
	int rc = st_bump_check(&r->config, o->bump, &z.policy, e);

	*res = (strata_renew_result){ 0 };
	if (rc != ST_OK)
		return rc;
	if (o->message && (!o->message[strspn(o->message, " \t\r\n")] ||
			   !st_utf8_valid(o->message, strlen(o->message))))
		return st_fail(e, ST_EUSAGE, "the message is empty or not UTF-8");
	begin(&z);
	rc = st_txn_begin(&z.t, r, verbs[what], e);
	if (rc == ST_OK)
		rc = st_txn_index(&z.t, e);
	if (rc == ST_OK && o->method) {
		rc = st_spec_parse(&z.method, &z.arena, o->method, e);
		if (rc == ST_OK)
			rc = st_spec_check_extra(&z.method, 2, 0, e);
		z.has_method = rc == ST_OK;
	}
	if (rc == ST_OK)
		rc = load(&z, rev, e);
	if (rc == ST_OK)
		rc = make_target(&z, e);
	if (rc == ST_OK)
		rc = make(&z, e);
	end(&z);
	return rc;
}

int st_verb_renew_message(struct st_repo *r, strata_renewal what, const char *rev,
			  const strata_renew_options *o, int (*cb)(void *arg, const char *message),
			  void *arg, struct st_err *e)
{
	strata_renew_result res;
	struct st_renew z = { .r = r, .what = what, .o = o, .res = &res };
	struct st_buf message;
	int rc;

	begin(&z);
	st_buf_init(&message, 1 << 24);
	rc = st_txn_begin(&z.t, r, verbs[what], e);
	if (rc == ST_OK)
		rc = st_txn_index(&z.t, e);
	if (rc == ST_OK)
		rc = load(&z, rev, e);
	if (rc == ST_OK)
		rc = say(&z, &message, e);
	if (rc == ST_OK && !st_buf_cstr(&message, e))
		rc = e->code;
	if (rc == ST_OK && cb(arg, (const char *)message.p) != 0)
		rc = ST_ENO;
	st_buf_release(&message);
	end(&z);
	return rc;
}

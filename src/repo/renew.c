/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revert, cherry-pick and rollback: a new version on top of HEAD, made of files that are stored
 * already. Files are taken whole; where a file changed on both sides, only a merge could tell.
 */
#include "repo/rewind.h"

#include "base/file.h"
#include "base/json.h"

#include <stdio.h>
#include <time.h>

struct renew {
	struct st_repo *r;
	strata_renewal what;
	const strata_renew_options *o;
	struct st_txn t;
	struct st_head head;
	struct st_oid rev, head_tree, id;
	struct st_commit commit; /* of rev */
	struct st_index here, target;
	struct st_index gone; /* paths that leave */
	size_t clashes;
	char first_clash[512];
	char label[32], *name, *email;
	strata_renew_result *res;
};

static const char *const verbs[] = { "revert", "cherry-pick", "rollback" };

static bool same_row(const struct st_stage_row *a, const struct st_stage_row *b)
{
	return a && b ? st_oid_eq(&a->id, &b->id) && a->mode == b->mode : a == b;
}

/* A file goes from `from` to `to` (NULL: absent); it may be there already. */
static int on_change(void *arg, const struct st_tree_change *c, struct st_err *e)
{
	struct renew *z = arg;
	const struct st_stage_row *from = z->what == STRATA_REVERT ? c->b : c->a;
	const struct st_stage_row *to = z->what == STRATA_REVERT ? c->a : c->b;
	const struct st_stage_row *now = st_index_find(&z->here, c->path, strlen(c->path), NULL);

	if (same_row(now, to))
		return ST_OK;
	if (!same_row(now, from)) {
		if (z->clashes++ == 0)
			snprintf(z->first_clash, sizeof(z->first_clash), "%s", c->path);
		return ST_OK;
	}
	return st_index_add(to ? &z->target : &z->gone, to ? to : now, e);
}

static int finish_target(struct renew *z, struct st_err *e)
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

static int apply_changes(struct renew *z, struct st_err *e)
{
	struct st_oid parent = { { 0 } };
	int rc = ST_OK;

	if (z->commit.nparents > 1)
		return st_fail(e, ST_EREFUSED,
			       "%s is a merge: which of its sides counts cannot be said yet",
			       z->label);
	if (z->commit.nparents)
		rc = st_repo_commit_tree(z->r, &z->commit.parents[0], &parent, e);
	if (rc == ST_OK)
		rc = st_compare_trees(z->r, &parent, &z->commit.tree, on_change, z, e);
	if (rc == ST_OK && z->clashes)
		rc = st_fail(e, ST_EREFUSED,
			     "%zu file%s that %s changed ha%s changed here as well, '%s' first: "
			     "that needs a merge, which strata cannot do yet",
			     z->clashes, z->clashes == 1 ? "" : "s", z->label,
			     z->clashes == 1 ? "s" : "ve", z->first_clash);
	return rc;
}

static int roll_back(struct renew *z, struct st_err *e)
{
	struct st_pathspec *ps = NULL;
	struct st_index old;
	size_t i;
	int rc;

	st_index_init(&old);
	rc = st_rewind_index(z->r, &z->commit.tree, &old, e);
	if (rc == ST_OK)
		rc = st_pathspec_new(&ps, z->r, z->o->paths, z->o->npaths, e);
	for (i = 0; rc == ST_OK && i < z->here.nrows; i++)
		if (st_pathspec_match(ps, z->here.rows[i].path))
			rc = st_index_add(&z->gone, &z->here.rows[i], e);
	for (i = 0; rc == ST_OK && i < old.nrows; i++)
		if (st_pathspec_match(ps, old.rows[i].path))
			rc = st_index_add(&z->target, &old.rows[i], e);
	if (rc == ST_OK)
		rc = st_pathspec_unmatched(ps, e);
	st_pathspec_free(ps);
	st_index_release(&old);
	return rc;
}

static int count_file(void *arg, const struct st_tree_change *c, struct st_err *e)
{
	strata_file_counts *n = arg;

	(void)e;
	n->added += c->status == 'A';
	n->removed += c->status == 'D';
	n->changed += c->status != 'A' && c->status != 'D';
	return ST_OK;
}

static int make_target(struct renew *z, struct st_err *e)
{
	strata_file_counts *n = &z->res->files;
	struct st_bumped step = { 0 };
	int rc = z->what == STRATA_ROLLBACK ? roll_back(z, e) : apply_changes(z, e);

	if (rc == ST_OK)
		rc = finish_target(z, e);
	if (rc == ST_OK)
		rc = st_compare_indexes(&z->here, &z->target, count_file, n, e);
	if (rc == ST_OK && n->added + n->changed + n->removed == 0)
		rc = st_fail(e, ST_ENO, "nothing to %s: the files are so already", verbs[z->what]);
	if (rc == ST_OK)
		rc = st_bump_between(z->r, &z->here, &z->target, z->o->bump, &step, e);
	z->t.number.bump = step.bump;
	return rc;
}

/* What is staged beside would go into the version unasked. */
static int load(struct renew *z, const char *rev, struct st_err *e)
{
	int rc = st_repo_head(z->r, &z->head, e);

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

static int say(struct renew *z, struct st_buf *out, struct st_err *e)
{
	const char *old = z->commit.message;
	int n = (int)strcspn(old, "\r\n");

	if (z->o->message)
		return st_buf_addstr(out, z->o->message, e);
	if (z->what == STRATA_CHERRY_PICK)
		return st_buf_addstr(out, old, e);
	if (z->what == STRATA_REVERT)
		return st_buf_addf(out, e, "Revert %s: %.*s", z->label, n, old);
	if (z->o->npaths)
		return st_buf_addf(out, e, "Roll %s%s back to %s: %.*s", z->o->paths[0],
				   z->o->npaths > 1 ? " and others" : "", z->label, n, old);
	return st_buf_addf(out, e, "Roll back to %s: %.*s", z->label, n, old);
}

static int write_commit(struct renew *z, const char *message, struct st_err *e)
{
	struct st_commit c = { .tree = z->t.index.tree,
			       .parents = &z->head.commit,
			       .nparents = 1,
			       .time_ns = st_now_ns(),
			       .author_name = z->name,
			       .author_email = z->email,
			       .message = (char *)message };
	time_t now = (time_t)(c.time_ns / 1000000000);
	struct st_buf b;
	struct tm tm;
	int rc;

	if (!message[strspn(message, " \t\r\n")] || !st_utf8_valid(message, strlen(message)))
		return st_fail(e, ST_EUSAGE, "the message is empty or not UTF-8");
	st_number_of(&z->t.number, &c);
	c.tz_minutes = localtime_r(&now, &tm) ? (int32_t)(tm.tm_gmtoff / 60) : 0;
	if (z->what == STRATA_CHERRY_PICK) { /* made by whom, and how, as there */
		c.author_name = z->commit.author_name;
		c.author_email = z->commit.author_email;
		c.params = z->commit.params;
		c.nparams = z->commit.nparams;
		c.config_name = z->commit.config_name;
		c.config = z->commit.config;
	}
	st_buf_init(&b, (size_t)64 << 20);
	rc = st_commit_encode(&b, &c, e);
	if (rc == ST_OK)
		rc = st_writer_put_big(z->t.w, b.p, b.len, &z->id, e);
	st_buf_release(&b);
	return rc;
}

static int publish(struct renew *z, const char *message, struct st_err *e)
{
	char old[ST_OID_HEX + 1], value[ST_OID_HEX + 1], ref[sizeof(z->head.branch) + 8], why[64];
	struct st_op_ref change = { .old = old, .value = value };
	strata_renew_result *res = z->res;
	int rc;

	st_oid_hex(&z->head.commit, old);
	st_oid_hex(&z->id, value);
	snprintf(ref, sizeof(ref), "heads/%s", z->head.branch);
	snprintf(why, sizeof(why), "%s %s", verbs[z->what], z->label);
	change.name = z->head.detached ? "HEAD" : ref;
	z->t.op.why = why;
	z->t.op.refs = &change;
	z->t.op.nrefs = 1;
	z->t.op.commits = &z->id;
	z->t.op.ncommits = 1;
	rc = st_txn_publish(&z->t, true, &z->id, e);
	z->t.op.refs = NULL;
	z->t.op.commits = NULL;
	z->t.op.why = z->t.op.verb;
	if (rc != ST_OK)
		return rc;
	memcpy(res->commit, value, sizeof(value));
	snprintf(res->version, sizeof(res->version), "%s", z->t.label);
	snprintf(res->branch, sizeof(res->branch), "%s", z->head.branch);
	snprintf(res->message, sizeof(res->message), "%.*s", (int)strcspn(message, "\r\n"),
		 message);
	return ST_OK;
}

/* Everything that can fail for want of sense comes before the first file is written. */
static int make(struct renew *z, struct st_err *e)
{
	struct st_local_files local = { .spare = true, .refuse = true };
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

int st_verb_renew(struct st_repo *r, strata_renewal what, const char *rev,
		  const strata_renew_options *o, strata_renew_result *res, struct st_err *e)
{
	struct renew z = { .r = r, .what = what, .o = o, .res = res };
	strata_policy policy;
	int rc = st_bump_check(&r->config, o->bump, &policy, e);

	*res = (strata_renew_result){ 0 };
	if (rc != ST_OK)
		return rc;
	if (o->message && (!o->message[strspn(o->message, " \t\r\n")] ||
			   !st_utf8_valid(o->message, strlen(o->message))))
		return st_fail(e, ST_EUSAGE, "the message is empty or not UTF-8");
	st_index_init(&z.here);
	st_index_init(&z.target);
	st_index_init(&z.gone);
	rc = st_txn_begin(&z.t, r, verbs[what], e);
	if (rc == ST_OK)
		rc = st_txn_index(&z.t, e);
	if (rc == ST_OK)
		rc = load(&z, rev, e);
	if (rc == ST_OK)
		rc = make_target(&z, e);
	if (rc == ST_OK)
		rc = make(&z, e);
	st_txn_end(&z.t);
	st_commit_release(&z.commit);
	st_index_release(&z.here);
	st_index_release(&z.target);
	st_index_release(&z.gone);
	free(z.name);
	free(z.email);
	return rc;
}

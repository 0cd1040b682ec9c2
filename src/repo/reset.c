/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reset: the branch goes to another version, and with it what is staged and, if asked, the working
 * tree. What was staged stays in the operation log, from where undo brings it back.
 */
#include "repo/rewind.h"

#include "base/file.h"

#include <stdio.h>

struct reset {
	struct st_repo *r;
	strata_reset_mode mode;
	struct st_txn t;
	struct st_head head;
	bool nowhere; /* an unborn branch that stays so */
	struct st_oid commit, tree;
	struct st_local_files local;
	strata_reset_result *res;
};

static bool is_head(const char *rev)
{
	return !rev || strcmp(rev, "HEAD") == 0 || strcmp(rev, "@") == 0;
}

static int find_target(struct reset *z, const char *rev, struct st_err *e)
{
	int rc = st_repo_head(z->r, &z->head, e);

	if (rc != ST_OK)
		return rc;
	z->nowhere = z->head.unborn && is_head(rev);
	if (z->nowhere)
		return ST_OK;
	rev = rev ? rev : "HEAD";
	rc = st_resolve(z->r, rev, strlen(rev), &z->commit, e);
	return rc == ST_OK ? st_repo_commit_tree(z->r, &z->commit, &z->tree, e) : rc;
}

/* *changed: the staged tree is another one. */
static int go(struct reset *z, bool *changed, struct st_err *e)
{
	struct st_index target;
	int rc;

	*changed = false;
	if (z->mode == STRATA_RESET_SOFT)
		return ST_OK;
	st_index_init(&target);
	rc = st_rewind_index(z->r, &z->tree, &target, e);
	if (rc == ST_OK && z->mode == STRATA_RESET_HARD)
		rc = st_checkout_index(z->r, &z->t.index, &target, &z->local, &z->res->files, e);
	if (rc == ST_OK) {
		st_rewind_keep_stats(&target, &z->t.index);
		*changed = target.nrows != z->t.index.nrows ||
			   (target.nrows && !st_oid_eq(&target.tree, &z->t.index.tree));
		if (!*changed)
			target.tree = z->t.index.tree;
		rc = st_rewind_take(&z->t, &target, e);
	}
	st_index_release(&target);
	return rc;
}

static int publish(struct reset *z, const char *rev, bool changed, struct st_err *e)
{
	static const char *const names[] = { "--mixed", "--soft", "--hard" };
	char old[ST_OID_HEX + 1], value[ST_OID_HEX + 1], ref[sizeof(z->head.branch) + 8], why[200];
	struct st_op_ref change = { .value = value };
	int rc;

	st_oid_hex(&z->head.commit, old);
	st_oid_hex(&z->commit, value);
	snprintf(ref, sizeof(ref), "heads/%s", z->head.branch);
	change.name = z->head.detached ? "HEAD" : ref;
	change.old = z->head.unborn ? NULL : old;
	snprintf(why, sizeof(why), "reset %s %.150s", names[z->mode], rev ? rev : "HEAD");
	z->t.op.why = why;
	z->t.op.refs = &change;
	z->t.op.nrefs = !z->nowhere && (z->head.unborn || strcmp(old, value) != 0);
	if (z->t.op.nrefs || changed || z->t.op.nlost) {
		rc = st_txn_publish(&z->t, changed || z->t.op.nlost, NULL, e);
	} else { /* only stat data are new */
		st_staged_stamp(&z->t.index);
		rc = z->mode == STRATA_RESET_SOFT ? ST_OK : st_staged_save(z->r, &z->t.index, e);
	}
	z->t.op.refs = NULL;
	z->t.op.why = z->t.op.verb;
	return rc;
}

static int describe(struct reset *z, struct st_err *e)
{
	strata_reset_result *res = z->res;
	int rc = ST_OK;

	res->discarded = z->local.found;
	snprintf(res->branch, sizeof(res->branch), "%s", z->head.branch);
	if (!z->head.unborn) {
		st_oid_hex(&z->head.commit, res->old_commit);
		rc = st_catalog_version_of(z->r->cat, &z->head.commit, res->old_version, e);
	}
	if (rc == ST_OK && !z->nowhere) {
		st_oid_hex(&z->commit, res->commit);
		rc = st_catalog_version_of(z->r->cat, &z->commit, res->version, e);
	}
	return rc;
}

int st_verb_reset(struct st_repo *r, const char *rev, strata_reset_mode mode,
		  int (*discarded)(void *arg, const char *path), void *arg,
		  strata_reset_result *res, struct st_err *e)
{
	struct reset z = {
		.r = r, .mode = mode, .local = { .cb = discarded, .arg = arg }, .res = res
	};
	bool changed;
	int rc;

	z.local.txn = &z.t;
	*res = (strata_reset_result){ 0 };
	rc = st_txn_begin(&z.t, r, "reset", e);
	if (rc == ST_OK)
		rc = st_txn_index(&z.t, e);
	if (rc == ST_OK)
		rc = find_target(&z, rev, e);
	if (rc == ST_OK)
		rc = go(&z, &changed, e);
	if (rc == ST_OK)
		rc = publish(&z, rev, changed, e);
	st_txn_end(&z.t);
	return rc == ST_OK ? describe(&z, e) : rc;
}

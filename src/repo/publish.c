/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commit point, and the catalogue as its follower. An operation counts from the moment its
 * record in the log is synced; SQLite is brought up afterwards, and again on the next open should
 * that fail.
 */
#include "repo/publish.h"

#include "base/file.h"
#include "repo/mark.h"
#include "repo/number.h"
#include "repo/sketcher.h"
#include "repo/tensor_history.h"

#include <stdio.h>

#define WHAT "record tensors"

struct parent_info {
	uint64_t generation;
};

static int take_generation(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct parent_info *p = arg;

	(void)e;
	p->generation = row->generation;
	return ST_OK;
}

static int generation_of(struct st_repo *r, const struct st_commit *c, uint64_t *out,
			 struct st_err *e)
{
	struct parent_info p;
	size_t i;
	int rc;

	*out = 1;
	for (i = 0; i < c->nparents; i++) {
		rc = st_catalog_commit_get(r->cat, &c->parents[i], take_generation, &p, e);
		if (rc != ST_OK)
			return st_wrap(e, "parent");
		if (p.generation >= *out)
			*out = p.generation + 1;
	}
	return ST_OK;
}

/* The catalogue's way to say it; the kinds stay the commit's. */
static int lineage_of(const struct st_commit *c, struct st_commit_row *row, struct st_origin **own,
		      struct st_err *e)
{
	*own = st_calloc(c->nlineage, sizeof(**own), e);
	if (!*own)
		return e->code;
	for (size_t i = 0; i < c->nlineage; i++)
		(*own)[i] = (struct st_origin){ c->lineage[i].commit, c->lineage[i].kind };
	row->lineage = *own;
	row->nlineage = c->nlineage;
	return ST_OK;
}

struct replay {
	struct st_repo *r;
	struct st_map gone; /* packs that some operation yet to come removes */
	struct st_sketcher *sketcher;
	uint64_t tensors; /* new ones so far, for the progress */
};

static int sketch_seen(void *arg, const char *path, const struct st_view *v,
		       const struct st_segment *seg, uint64_t seg_off, struct st_err *e)
{
	struct replay *rp = arg;

	(void)path;
	(void)seg_off;
	if (++rp->tensors % 256 == 0)
		st_progress(&rp->r->ctx, WHAT, rp->tensors, 0, false, false);
	return st_sketcher_add(rp->sketcher, v, seg, e);
}

/*
 * The operation is done, so what cannot be read must not keep the catalogue from following: gc has
 * removed the tree of a version that nothing refers to any more, or the disk has damaged it. Such a
 * commit is not traced, and has no changes.
 */
static int trace(struct replay *rp, const struct st_commit *c, struct st_tensor_changes *x,
		 bool *traced, struct st_err *e)
{
	struct st_err why = { 0 };
	int rc = st_sketcher_new(&rp->sketcher, rp->r, &why);

	x->seen = sketch_seen;
	x->arg = rp;
	if (rc == ST_OK)
		rc = st_tensor_changes_find(x, rp->r, c, &why);
	if (rc == ST_OK)
		rc = st_sketcher_flush(rp->sketcher, &why);
	st_sketcher_free(rp->sketcher);
	*traced = rc == ST_OK;
	if (rc == ST_OK || st_is_damage(rc) || rc == ST_ELIMIT)
		return ST_OK;
	*e = why;
	return rc;
}

static int keep_changes(struct st_repo *r, const struct st_oid *id,
			const struct st_tensor_changes *x, struct st_err *e)
{
	int64_t key;
	bool found;
	int rc = st_catalog_commit_key(r->cat, id, &key, &found, e);

	return rc == ST_OK && found ? st_tensor_changes_save(x, r, key, e) : rc;
}

static int know_commit(struct replay *rp, const struct st_oid *id, struct st_err *e)
{
	struct st_repo *r = rp->r;
	struct st_commit_row row = { .id = *id, .version = "" };
	struct st_origin *lineage = NULL;
	struct st_commit c = { 0 };
	struct st_tensor_changes x;
	struct st_buf who;
	bool known;
	int rc = st_catalog_commit_key(r->cat, id, &row.key, &known, e);

	if (rc != ST_OK || known)
		return rc;
	st_buf_init(&who, 8192);
	st_tensor_changes_init(&x);
	rc = st_repo_commit_load(r, id, &c, e);
	if (rc == ST_OK)
		rc = generation_of(r, &c, &row.generation, e);
	if (rc == ST_OK)
		rc = trace(rp, &c, &x, &row.traced, e);
	if (rc == ST_OK)
		rc = st_buf_addf(&who, e, "%s <%s>", c.author_name, c.author_email);
	if (rc == ST_OK) {
		row.author = st_buf_cstr(&who, e);
		rc = row.author ? ST_OK : e->code;
	}
	if (rc == ST_OK)
		rc = lineage_of(&c, &row, &lineage, e);
	if (rc == ST_OK) {
		row.tree = c.tree;
		row.time_ns = c.time_ns;
		row.message = c.message;
		row.parents = c.parents;
		row.nparents = c.nparents;
		rc = st_catalog_commit_add(r->cat, &row, e);
	}
	if (rc == ST_OK && row.traced)
		rc = keep_changes(r, id, &x, e);
	st_tensor_changes_release(&x);
	st_buf_release(&who);
	free(lineage);
	st_commit_release(&c);
	return rc;
}

static int apply_rows(struct replay *rp, const struct st_op *op, struct st_err *e)
{
	struct st_repo *r = rp->r;
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < op->ncommits; i++)
		rc = know_commit(rp, &op->commits[i], e);
	for (i = 0; rc == ST_OK && i < op->nrefs; i++)
		rc = st_catalog_ref_set(r->cat, op->refs[i].name, op->refs[i].value, e);
	for (i = 0; rc == ST_OK && i < op->nversions; i++)
		rc = st_catalog_version_add(r->cat, op->versions[i].label, &op->versions[i].commit,
					    e);
	if (rc == ST_OK && op->has_index)
		rc = st_catalog_set_index_tree(r->cat, &op->index_tree, e);
	return rc;
}

/*
 * When the whole log is replayed, a pack that cannot be read must not keep the others from being
 * found.
 */
static int learn_or_warn(struct st_repo *r, const struct st_oid *pack, bool warn, struct st_err *e)
{
	struct st_err bad = { 0 };
	int rc = st_odb_learn_pack(r->odb, pack, &bad);

	if (rc == ST_ENOTFOUND) /* the log says it must be there */
		bad.code = rc = ST_ECORRUPT;
	if (rc == ST_ECORRUPT && r->pos.seq == 0) {
		if (warn)
			st_warn(&r->ctx,
				"%s; what it holds is missing until it is brought back from a "
				"backup and 'strata fsck --rebuild' has run",
				bad.msg);
		return ST_OK;
	}
	if (rc != ST_OK)
		*e = bad;
	return rc;
}

/*
 * A pack that a later operation removed is no longer there to be read: replay passes over it. One
 * that was added again after that is.
 */
static int learn_packs(struct st_repo *r, const struct st_op *op, const struct st_map *gone,
		       bool warn, struct st_err *e)
{
	uint64_t removed;
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < op->npacks_added; i++) {
		if (st_map_get(gone, op->packs_added[i].b, ST_OID_LEN, &removed) &&
		    removed > op->seq)
			continue;
		rc = learn_or_warn(r, &op->packs_added[i], warn, e);
	}
	return rc;
}

static int forget_packs(struct st_repo *r, const struct st_op *op, struct st_err *e)
{
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < op->npacks_removed; i++)
		rc = st_catalog_pack_remove(r->cat, &op->packs_removed[i], e);
	return rc;
}

static int apply(struct replay *rp, const struct st_op *op, const struct st_oplog_pos *at,
		 struct st_err *e)
{
	struct st_repo *r = rp->r;
	/* again: one may have been removed between */
	int rc = learn_packs(r, op, &rp->gone, false, e);

	if (rc == ST_OK)
		rc = apply_rows(rp, op, e);
	if (rc == ST_OK)
		rc = forget_packs(r, op, e);
	if (rc == ST_OK)
		rc = st_catalog_op_add(r->cat, op, at, e);
	if (rc == ST_OK)
		rc = st_catalog_set_pos(r->cat, at, e);
	return rc;
}

static int note_gone(void *arg, const struct st_op *op, const struct st_oplog_pos *at,
		     struct st_err *e)
{
	struct replay *rp = arg;
	size_t i;
	int rc = ST_OK;

	(void)at;
	for (i = 0; rc == ST_OK && i < op->npacks_removed; i++)
		rc = st_map_put(&rp->gone, op->packs_removed[i].b, ST_OID_LEN, op->seq, NULL, NULL,
				e);
	return rc;
}

static int replay_one(void *arg, const struct st_op *op, const struct st_oplog_pos *at,
		      struct st_err *e)
{
	return apply(arg, op, at, e);
}

/* Commits of old operations are read from packs that a later gc made: so all packs come first. */
static int learn_first(void *arg, const struct st_op *op, const struct st_oplog_pos *at,
		       struct st_err *e)
{
	struct replay *rp = arg;

	(void)at;
	return learn_packs(rp->r, op, &rp->gone, true, e);
}

int st_repo_replay(struct st_repo *r, struct st_err *e)
{
	struct replay rp = { .r = r };
	struct st_oplog_pos p;
	int rc;

	st_map_init(&rp.gone);
	rc = st_catalog_begin(r->cat, e);
	if (rc != ST_OK)
		goto out;
	rc = st_catalog_pos(r->cat, &r->pos, e); /* another process may have been faster */
	p = r->pos;
	if (rc == ST_OK)
		rc = st_oplog_replay(r->log, &p, note_gone, &rp, e);
	p = r->pos;
	if (rc == ST_OK)
		rc = st_oplog_replay(r->log, &p, learn_first, &rp, e);
	p = r->pos;
	if (rc == ST_OK)
		rc = st_oplog_replay(r->log, &p, replay_one, &rp, e);
	if (rc == ST_OK)
		rc = st_catalog_commit(r->cat, e);
	if (rc == ST_OK)
		r->pos = p;
	else
		st_catalog_rollback(r->cat);
out:
	st_progress(&r->ctx, WHAT, rp.tensors, rp.tensors, false, true);
	st_map_release(&rp.gone);
	return rc == ST_OK ? ST_OK : st_wrap(e, "apply the operation log");
}

int st_repo_refresh(struct st_repo *r, struct st_err *e)
{
	bool newer = false;
	int rc;

	if (r->log_lost)
		return st_fail(e, ST_ECORRUPT,
			       r->pos.seq == 0 ?
				       "the operation log is empty, but there are packs: bring "
				       ".strata/ops back from a backup" :
				       "the operation log has lost operations that the catalogue "
				       "knows: bring .strata/ops back from a backup, or give them "
				       "up with 'strata fsck --rebuild'");
	rc = st_catalog_pos(r->cat, &r->pos, e);
	if (rc == ST_OK)
		rc = st_oplog_newer(r->log, &r->pos, &newer, e);
	if (rc == ST_OK && newer)
		rc = st_repo_replay(r, e);
	return rc;
}

/*
 * A ref that moved since the caller looked belongs to somebody else's command. Where nobody
 * recorded one, a damaged catalogue may have failed to find it.
 */
static int moved(struct st_repo *r, const char *name, bool others, struct st_err *e)
{
	struct st_err why = { 0 };

	if (!others && st_catalog_check(r->cat, &why) == ST_ECORRUPT)
		return st_fail(e, ST_ECORRUPT, "%s is not as it was: %s (%s)", name, why.msg,
			       ST_CATALOG_ANEW);
	return st_fail(e, ST_EBUSY, "%s was moved by another command meanwhile: try again", name);
}

static int check_ref(struct st_repo *r, const struct st_op_ref *ref, bool others, struct st_err *e)
{
	struct st_buf b;
	bool found, same;
	int rc;

	st_buf_init(&b, 4096);
	rc = st_catalog_ref_get(r->cat, ref->name, &b, &found, e);
	if (rc == ST_OK) {
		same = found ? ref->old && b.len == strlen(ref->old) &&
				       memcmp(ref->old, b.p, b.len) == 0 :
			       !ref->old;
		if (!same)
			rc = moved(r, ref->name, others, e);
	}
	st_buf_release(&b);
	return rc;
}

static int append(struct st_repo *r, struct st_op *op, const struct st_number *number,
		  char label[32], struct st_err *e)
{
	uint64_t known = r->pos.seq;
	struct st_op_version version;
	size_t i;
	int rc = st_repo_refresh(r, e);

	for (i = 0; rc == ST_OK && i < op->nrefs; i++)
		rc = check_ref(r, &op->refs[i], r->pos.seq != known, e);
	if (rc == ST_OK && number) {
		rc = st_number_next(r, number, label, e);
		version = (struct st_op_version){ .label = label, .commit = number->commit };
		op->versions = &version;
		op->nversions = 1;
	}
	if (rc == ST_OK)
		rc = st_oplog_append(r->log, &r->pos, op, e);
	if (number) {
		op->versions = NULL;
		op->nversions = 0;
	}
	return rc;
}

int st_repo_publish(struct st_repo *r, struct st_op *op, const struct st_number *number,
		    char label[32], struct st_err *e)
{
	struct st_err later = { 0 };
	char *name = NULL, *email = NULL;
	struct st_buf who;
	int rc;

	st_buf_init(&who, 8192);
	op->time_ns = st_now_ns();
	rc = st_repo_identity(r, &name, &email, e);
	if (rc == ST_OK)
		rc = st_buf_addf(&who, e, "%s <%s>", name, email);
	if (rc == ST_OK && !(op->who = st_buf_cstr(&who, e)))
		rc = e->code;
	if (rc == ST_OK)
		rc = st_oplog_lock(r->log, 10000, e);
	if (rc == ST_OK) {
		rc = append(r, op, number, label, e);
		/* From here on the operation is done; a cache that cannot follow now (a full disk,
		 * say) is brought up by the next command. */
		if (rc == ST_OK && st_repo_refresh(r, &later) != ST_OK)
			st_warn(&r->ctx,
				"the operation is recorded; the catalogue follows later: %s",
				later.msg);
		st_oplog_unlock(r->log);
	}
	op->who = NULL;
	free(name);
	free(email);
	st_buf_release(&who);
	return rc;
}

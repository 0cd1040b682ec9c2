/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/txn.h"

#include "base/file.h"
#include "repo/merge_state.h"

#include <stdio.h>
#include <time.h>

int st_txn_begin(struct st_txn *t, struct st_repo *r, const char *verb, struct st_err *e)
{
	int rc;

	*t = (struct st_txn){ .r = r, .op = { .verb = verb, .why = verb } };
	st_index_init(&t->index);
	st_arena_init(&t->lost);
	rc = st_repo_lock_gc(r, ST_GC_USE, e);
	if (rc == ST_OK)
		rc = st_repo_refresh(r, e);
	if (rc == ST_OK)
		rc = st_writer_new(&t->w, r->odb, &r->ctx, e);
	return rc;
}

int st_txn_index(struct st_txn *t, struct st_err *e)
{
	int rc = st_repo_lock_index(t->r, e);

	if (rc == ST_OK)
		rc = st_repo_refresh(t->r, e);
	if (rc == ST_OK) {
		st_left_sweep(t->r);
		t->has_index = true;
		rc = st_staged_load(t->r, &t->index, e);
	}
	if (rc == ST_OK)
		rc = st_merging_gate(t->r, t->op.verb, &t->index, e);
	return rc;
}

static int32_t zone_minutes(int64_t ns)
{
	time_t t = (time_t)(ns / 1000000000);
	struct tm tm;

	return localtime_r(&t, &tm) ? (int32_t)(tm.tm_gmtoff / 60) : 0;
}

int st_txn_store(struct st_txn *t, struct st_commit *c, struct st_oid *id, struct st_err *e)
{
	struct st_buf b;
	int rc;

	st_number_of(&t->number, c);
	c->tz_minutes = zone_minutes(c->time_ns);
	st_buf_init(&b, (size_t)64 << 20);
	rc = st_commit_encode(&b, c, e);
	if (rc == ST_OK)
		rc = st_writer_put_big(t->w, b.p, b.len, id, e);
	st_buf_release(&b);
	return rc;
}

/*
 * A wish to stop waits: a pack that is finished serves the next command, one half verified does
 * not.
 */
static int seal(struct st_txn *t, struct st_err *e)
{
	bool (*cancelled)(void *arg) = t->r->ctx.cancelled;
	const struct st_oid *packs;
	int rc;

	t->r->ctx.cancelled = NULL;
	rc = st_writer_seal(t->w, &packs, &t->op.npacks_added, e);
	t->r->ctx.cancelled = cancelled;
	/* The operation only reads them; its member is not const because parsed ones own theirs. */
	t->op.packs_added = rc == ST_OK ? (struct st_oid *)packs : NULL;
	return rc;
}

int st_txn_publish(struct st_txn *t, bool trees, const struct st_oid *number, struct st_err *e)
{
	struct st_err later = { 0 };
	int rc = ST_OK;

	if (trees) {
		st_staged_stamp(&t->index);
		rc = st_staged_write_trees(t->r, &t->index, t->w, e);
		t->op.has_index = true;
		t->op.index_tree = t->index.tree;
	}
	if (rc == ST_OK)
		rc = seal(t, e);
	if (rc == ST_OK)
		rc = st_check_cancel(&t->r->ctx, e);
	if (number)
		t->number.commit = *number;
	if (rc == ST_OK)
		rc = st_repo_publish(t->r, &t->op, number ? &t->number : NULL, t->label, e);
	/* The index file is a cache: without it the next command reads the tree. */
	if (rc == ST_OK && trees && st_staged_save(t->r, &t->index, &later) != ST_OK)
		st_warn(&t->r->ctx, "%s", later.msg);
	return rc;
}

int st_txn_commit(struct st_txn *t, const struct st_head *head, bool trees, const struct st_oid *id,
		  struct st_err *e)
{
	char old[ST_OID_HEX + 1], value[ST_OID_HEX + 1], ref[sizeof(head->branch) + 8];
	struct st_op_ref change = { .name = head->detached ? "HEAD" : ref, .value = value };
	struct st_oid commit = *id;
	int rc;

	st_oid_hex(&head->commit, old);
	st_oid_hex(id, value);
	snprintf(ref, sizeof(ref), "heads/%s", head->branch);
	change.old = head->unborn ? NULL : old;
	t->op.refs = &change;
	t->op.nrefs = 1;
	t->op.commits = &commit;
	t->op.ncommits = 1;
	rc = st_txn_publish(t, trees, id, e);
	t->op.refs = NULL;
	t->op.commits = NULL;
	return rc;
}

int st_txn_flush(struct st_txn *t, struct st_err *e)
{
	struct st_op op = { .verb = t->op.verb, .why = t->op.verb };
	char none[32];
	int rc = seal(t, e);

	op.packs_added = t->op.packs_added;
	op.npacks_added = t->op.npacks_added;
	if (rc == ST_OK)
		rc = st_check_cancel(&t->r->ctx, e);
	if (rc == ST_OK && op.npacks_added)
		rc = st_repo_publish(t->r, &op, NULL, none, e);
	/* What was stored is to be read from here on, so that the catalogue must follow. */
	if (rc == ST_OK && op.npacks_added)
		rc = st_repo_refresh(t->r, e);
	t->op.packs_added = NULL;
	t->op.npacks_added = 0;
	if (rc != ST_OK)
		return rc;
	st_writer_free(t->w);
	return st_writer_new(&t->w, t->r->odb, &t->r->ctx, e);
}

void st_txn_salvage(struct st_txn *t)
{
	struct st_err e = { 0 };

	if (t->w && st_writer_cancel_object(t->w, &e) == ST_OK)
		if (seal(t, &e) != ST_OK)
			st_warn(&t->r->ctx, "finished work could not be kept: %s", e.msg);
}

int st_txn_lost(struct st_txn *t, const char *path, struct st_err *e)
{
	struct st_op *op = &t->op;

	if (!op->lost)
		op->lost = st_arena_alloc(&t->lost, ST_OP_LOST * sizeof(*op->lost), e);
	if (op->lost && op->nlost < ST_OP_LOST) {
		op->lost[op->nlost] = st_arena_dup(&t->lost, path, strlen(path), e);
		op->nlost += op->lost[op->nlost] != NULL;
	}
	op->lost_count += e->code == ST_OK;
	return e->code;
}

int st_txn_overwrites(struct st_txn *t, struct st_stage_row *row, struct st_err *e)
{
	enum st_work_state state = ST_WORK_CHANGED;
	struct st_err ignored = { 0 };
	bool refreshed = false;

	if (st_work_check(t->r, row, &state, &refreshed, &ignored) == ST_OK &&
	    state != ST_WORK_CHANGED && state != ST_WORK_TYPE)
		return ST_OK;
	return st_txn_lost(t, row->path, e);
}

void st_txn_end(struct st_txn *t)
{
	st_arena_release(&t->lost);
	st_writer_free(t->w);
	st_index_release(&t->index);
	st_repo_unlock_index(t->r);
	st_repo_unlock_gc(t->r);
}

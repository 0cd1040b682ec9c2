/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was added for speed is coded anew. Everything happens under gc's exclusive lock: whoever
 * adds meanwhile would choose bases whose depth is about to change. The operation that names the
 * new packs and the removed ones is the commit point, as in gc.
 */
#include "repo/repack.h"

#include "base/file.h"
#include "repo/mark.h"

#define MAX_FROM 4096 /* bytes from which --max codes an object again */

static int take_pack(void *arg, const struct st_pack_row *row, struct st_err *e)
{
	struct st_repack *x = arg;

	if (st_grow(&x->packs, &x->packs_cap, x->npacks + 1, e) != ST_OK)
		return e->code;
	x->packs[x->npacks++] = (struct st_repack_pack){ .id = row->id, .size = row->size };
	return ST_OK;
}

static bool wanted(const struct st_repack *x, const struct st_index_row *row)
{
	if (row->kind != ST_ENTRY_DATA || row->raw == 0)
		return false;
	if (x->max)
		return row->raw >= MAX_FROM && !(row->flags & ST_ENTRY_TRIED);
	return row->flags & ST_ENTRY_FAST;
}

static int take_item(struct st_repack *x, const struct st_index_row *row, struct st_err *e)
{
	if (st_repack_item(x, &row->id))
		return ST_OK;
	if (st_grow(&x->items, &x->cap, x->n + 1, e) != ST_OK ||
	    st_map_put(&x->by_id, row->id.b, ST_OID_LEN, x->n, NULL, NULL, e) != ST_OK)
		return e->code;
	x->items[x->n++] = (struct st_repack_item){
		.id = row->id, .raw = row->raw, .width = row->width, .deepest = ST_MAX_DEPTH
	};
	x->total += row->raw;
	return ST_OK;
}

static int each_row(struct st_repack *x,
		    int (*cb)(struct st_repack *x, struct st_repack_pack *pack,
			      const struct st_index_row *row, struct st_err *e),
		    struct st_err *e)
{
	struct st_pack_index index;
	uint64_t len;
	size_t i, k;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < x->npacks; i++) {
		rc = st_odb_pack_index(x->r->odb, &x->packs[i].id, &index, &len, e);
		if (rc != ST_OK)
			break;
		for (k = 0; rc == ST_OK && k < index.n; k++)
			rc = cb(x, &x->packs[i], &index.rows[k], e);
		st_pack_index_release(&index);
	}
	return rc;
}

static int collect_row(struct st_repack *x, struct st_repack_pack *pack,
		       const struct st_index_row *row, struct st_err *e)
{
	if (!wanted(x, row))
		return ST_OK;
	pack->anew = true;
	return take_item(x, row, e);
}

/* An entry that stays must stay deeper than its base. */
static int hold_row(struct st_repack *x, struct st_repack_pack *pack,
		    const struct st_index_row *row, struct st_err *e)
{
	struct st_repack_item *base;

	(void)e;
	if (row->kind != ST_ENTRY_DATA || !row->depth ||
	    (pack->anew && st_repack_item(x, &row->id)))
		return ST_OK;
	base = st_repack_item(x, &row->base);
	if (base && base->deepest >= row->depth)
		base->deepest = (uint8_t)(row->depth - 1);
	return ST_OK;
}

static int copy_row(struct st_repack *x, struct st_repack_pack *pack,
		    const struct st_index_row *row, struct st_err *e)
{
	int rc;

	if (!pack->anew || (row->kind == ST_ENTRY_DATA && st_repack_item(x, &row->id)))
		return ST_OK;
	rc = st_check_cancel(&x->r->ctx, e);
	return rc == ST_OK ? st_writer_copy_entry(x->w, &pack->id, row, e) : rc;
}

static int remove_orphan(void *arg, const char *name, uint64_t size, int64_t mtime_ns,
			 struct st_err *e)
{
	struct st_repack *x = arg;
	struct st_oid id;
	bool known;
	int rc;

	(void)size;
	(void)mtime_ns;
	if (!st_pack_name_parse(&id, name))
		return ST_OK;
	rc = st_catalog_pack_known(x->r->cat, &id, &known, e);
	return rc == ST_OK && !known ? st_store_remove(x->r->store, name, e) : rc;
}

static int check_space(struct st_repack *x, struct st_err *e)
{
	uint64_t room, want = 0;
	size_t i;
	int rc = st_free_space(x->r->dir, &room, e);

	for (i = 0; i < x->npacks; i++)
		want += x->packs[i].anew ? x->packs[i].size : 0;
	if (rc == ST_OK && room < want)
		rc = st_fail(e, ST_ENOSPC,
			     "writing packs anew may need %" PRIu64 " bytes, %" PRIu64
			     " are free; nothing was changed",
			     want, room);
	return rc;
}

/* A pack that was written as it was before keeps its name, and stays. */
static void spare(struct st_repack *x, const struct st_oid *added, size_t n)
{
	for (size_t i = 0; i < x->npacks; i++)
		for (size_t k = 0; k < n && x->packs[i].anew; k++)
			x->packs[i].anew = !st_oid_eq(&x->packs[i].id, &added[k]);
}

static int publish(struct st_repack *x, const struct st_oid *added, size_t nadded, struct st_err *e)
{
	struct st_op op = { .verb = "repack", .why = "repack", .npacks_added = nadded };
	struct st_oid *removed = st_calloc(x->npacks, sizeof(*removed), e);
	size_t i, n = 0;
	int rc;

	if (!removed)
		return e->code;
	for (i = 0; i < x->npacks; i++)
		if (x->packs[i].anew)
			removed[n++] = x->packs[i].id;
	/* Only read; the member is not const because parsed operations own theirs. */
	op.packs_added = (struct st_oid *)added;
	op.packs_removed = removed;
	op.npacks_removed = n;
	rc = st_repo_publish(x->r, &op, NULL, NULL, e);
	free(removed);
	return rc;
}

/* What cannot be deleted now gc deletes later. */
static void delete_old(struct st_repack *x)
{
	char name[ST_PACK_NAME_LEN + 1];
	struct st_err e = { 0 };

	for (size_t i = x->npacks; i-- > 0;) {
		if (!x->packs[i].anew)
			continue;
		st_pack_name(&x->packs[i].id, name);
		if (st_store_remove(x->r->store, name, &e) != ST_OK)
			st_warn(&x->r->ctx, "%s", e.msg);
		st_err_clear(&e);
	}
}

static int write_anew(struct st_repack *x, struct st_err *e)
{
	const struct st_oid *packs;
	size_t n;
	int rc = check_space(x, e);

	/* First: they know bases by the depth that these have now. */
	if (rc == ST_OK)
		rc = st_store_list(x->r->store, remove_orphan, x, e);
	if (rc == ST_OK)
		rc = st_writer_new(&x->w, x->r->odb, &x->r->ctx, e);
	if (rc == ST_OK)
		rc = st_repack_code(x, e);
	if (rc == ST_OK)
		rc = each_row(x, copy_row, e);
	if (rc == ST_OK)
		rc = st_writer_seal(x->w, &packs, &n, e);
	if (rc == ST_OK) {
		spare(x, packs, n);
		rc = publish(x, packs, n, e);
	}
	if (rc == ST_OK)
		delete_old(x);
	return rc;
}

static int run(struct st_repack *x, strata_repack_result *res, struct st_err *e)
{
	int rc = st_store_packs(x->r->store, &res->packs_before, &res->bytes_before, e);

	res->packs_after = res->packs_before;
	res->bytes_after = res->bytes_before;
	if (rc == ST_OK)
		rc = st_catalog_pack_each(x->r->cat, take_pack, x, e);
	if (rc == ST_OK)
		rc = each_row(x, collect_row, e);
	if (rc != ST_OK || x->n == 0)
		return rc;
	rc = each_row(x, hold_row, e);
	x->order = st_calloc(x->n, sizeof(*x->order), e);
	if (!x->order)
		return e->code;
	if (rc == ST_OK)
		rc = st_repack_find(x, e);
	if (rc == ST_OK)
		rc = write_anew(x, e);
	if (rc != ST_OK)
		return rc;
	res->objects = x->n;
	return st_store_packs(x->r->store, &res->packs_after, &res->bytes_after, e);
}

int st_verb_repack(struct st_repo *r, const strata_repack_options *o, strata_repack_result *res,
		   struct st_err *e)
{
	struct st_repack x = { .r = r, .max = o->max };
	int rc;

	*res = (strata_repack_result){ 0 };
	st_map_init(&x.by_id);
	rc = st_repo_lock_gc(r, ST_GC_REMOVE, e);
	if (rc == ST_OK)
		rc = st_repo_refresh(r, e);
	if (rc == ST_OK)
		rc = run(&x, res, e);
	st_progress(&r->ctx, "repack", x.done, x.total, true, true);
	st_writer_free(x.w);
	st_repo_unlock_gc(r);
	st_map_release(&x.by_id);
	free(x.packs);
	free(x.items);
	free(x.order);
	return rc == ST_OK ? ST_OK : st_wrap(e, "repack");
}

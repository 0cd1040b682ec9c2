/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The long check: every object is decoded, which verifies each frame against the object's id, and
 * every file with a recipe is rebuilt and hashed, with those of its tensors that are no object of
 * their own. Small objects are shared out among the threads,
 * big ones are decoded by all of them, frame by frame.
 */
#include "repo/fsck.h"

#include "base/blake3.h"
#include "base/pool.h"

#include <stdio.h>

#define BATCH 1024
#define BIG (4 * (uint64_t)ST_FRAME_LEN)
#define PER_JOB (8 * (uint64_t)ST_FRAME_LEN) /* scratch of one thread, its codec's included */

struct item {
	struct st_oid id;
	uint64_t raw, offset;
	unsigned kind;
};

struct outcome {
	int rc;
	char what[200];
};

struct full {
	struct st_fsck *f;
	struct st_oid pack; /* in hand */
	struct item *items; /* of it */
	size_t n, cap;
	const struct item *batch[BATCH]; /* small objects in hand */
	struct outcome out[BATCH];
	size_t nbatch;
	unsigned jobs;
	struct st_codec_state **codecs;
	uint8_t **bufs;
	struct st_obj *big; /* being decoded by all threads */
	uint64_t done, total;
};

static int start(struct full *x, struct st_err *e)
{
	const struct st_ctx *ctx = &x->f->r->ctx;
	unsigned i;
	int rc = ST_OK;

	x->jobs = ctx->jobs ? ctx->jobs : 1;
	while (x->jobs > 1 && ctx->memory / 4 < x->jobs * PER_JOB)
		x->jobs /= 2;
	x->codecs = st_calloc(x->jobs, sizeof(*x->codecs), e);
	x->bufs = st_calloc(x->jobs, sizeof(*x->bufs), e);
	if (!x->codecs || !x->bufs)
		return e->code;
	for (i = 0; rc == ST_OK && i < x->jobs; i++) {
		rc = st_codec_state_new(&x->codecs[i], e);
		x->bufs[i] = rc == ST_OK ? st_malloc(ST_FRAME_LEN, e) : NULL;
		if (rc == ST_OK && !x->bufs[i])
			rc = e->code;
	}
	return rc;
}

static void stop(struct full *x)
{
	unsigned i;

	for (i = 0; x->bufs && i < x->jobs; i++)
		free(x->bufs[i]);
	for (i = 0; x->codecs && i < x->jobs; i++)
		st_codec_state_free(x->codecs[i]);
	free(x->bufs);
	free(x->codecs);
	free(x->items);
}

/* The entry that readers use, or one of an object that nothing needs. */
static bool wanted(const struct st_fsck *f, const struct st_loc *loc)
{
	return st_mark_chose(&f->mark, loc) || !st_mark_has(&f->mark, &loc->id, loc->kind);
}

static int add_size(void *arg, const struct st_loc *loc, struct st_err *e)
{
	struct full *x = arg;

	(void)e;
	if (loc->kind == ST_ENTRY_DATA && wanted(x->f, loc))
		x->total += loc->raw;
	return ST_OK;
}

static int take_entry(void *arg, const struct st_loc *loc, struct st_err *e)
{
	struct full *x = arg;

	if (!wanted(x->f, loc))
		return ST_OK;
	if (st_grow(&x->items, &x->cap, x->n + 1, e) != ST_OK)
		return e->code;
	x->items[x->n++] = (struct item){ loc->id, loc->raw, loc->offset, loc->kind };
	return ST_OK;
}

static int report(struct full *x, const struct item *it, enum st_mark_role role, const char *what,
		  struct st_err *e)
{
	bool covered;
	int rc = st_fsck_covered(x->f, &it->id, role, &covered, e);

	if (rc != ST_OK || covered)
		return rc;
	return st_fsck_fault(x->f, &it->id, &x->pack, it->offset, false, e, "%s", what);
}

static void advance(struct full *x, uint64_t n)
{
	x->done += n;
	st_progress(&x->f->r->ctx, "fsck --full", x->done, x->total, true, false);
}

static int decode(struct full *x, const struct st_oid *id, unsigned worker, struct st_err *e)
{
	struct st_obj *ob;
	uint64_t i, n;
	int rc = st_obj_open(&ob, x->f->r->odb, id, e);

	if (rc != ST_OK)
		return rc;
	n = st_frames_of(st_obj_size(ob));
	for (i = 0; rc == ST_OK && i < n; i++)
		rc = st_obj_frame(ob, x->codecs[worker], i, x->bufs[worker], e);
	st_obj_close(ob);
	return rc;
}

/* What is wrong with one object must not end the check of the others. */
static int decode_small(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	struct full *x = arg;
	struct st_err why = { 0 };
	struct outcome *o = &x->out[i];

	o->rc = decode(x, &x->batch[i]->id, worker, &why);
	if (o->rc == ST_OK || st_is_damage(o->rc)) {
		snprintf(o->what, sizeof(o->what), "%.190s", why.msg);
		return ST_OK;
	}
	*e = why;
	return o->rc;
}

static int flush_batch(struct full *x, struct st_err *e)
{
	size_t i;
	int rc = st_check_cancel(&x->f->r->ctx, e);

	if (rc == ST_OK)
		rc = st_parallel(x->jobs, x->nbatch, decode_small, x, e);
	for (i = 0; rc == ST_OK && i < x->nbatch; i++) {
		advance(x, x->batch[i]->raw);
		if (x->out[i].rc != ST_OK)
			rc = report(x, x->batch[i], ST_ROLE_DATA, x->out[i].what, e);
	}
	x->nbatch = 0;
	return rc;
}

static int decode_frame(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	struct full *x = arg;

	return st_obj_frame(x->big, x->codecs[worker], i, x->bufs[worker], e);
}

static int decode_big(struct full *x, const struct item *it, struct st_err *e)
{
	struct st_err why = { 0 };
	int rc = st_check_cancel(&x->f->r->ctx, e);

	if (rc != ST_OK)
		return rc;
	rc = st_obj_open(&x->big, x->f->r->odb, &it->id, &why);
	if (rc == ST_OK) {
		rc = st_parallel(x->jobs, st_frames_of(st_obj_size(x->big)), decode_frame, x, &why);
		st_obj_close(x->big);
	}
	advance(x, it->raw);
	if (rc == ST_OK)
		return ST_OK;
	if (st_is_damage(rc))
		return report(x, it, ST_ROLE_DATA, why.msg, e);
	*e = why;
	return rc;
}

static int decode_pack(struct full *x, struct st_err *e)
{
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < x->n; i++) {
		const struct item *it = &x->items[i];

		if (it->kind != ST_ENTRY_DATA)
			continue;
		if (it->raw > BIG) {
			rc = decode_big(x, it, e);
			continue;
		}
		x->batch[x->nbatch++] = it;
		if (x->nbatch == BATCH)
			rc = flush_batch(x, e);
	}
	return rc == ST_OK ? flush_batch(x, e) : rc;
}

struct rebuilt {
	struct full *x;
	struct st_blake3 hash;
};

static int hash_piece(void *arg, const void *p, size_t n, uint64_t off, struct st_err *e)
{
	struct rebuilt *b = arg;

	(void)off;
	st_blake3_update(&b->hash, p, n);
	st_progress(&b->x->f->r->ctx, "fsck --full", b->x->done += n, 0, true, false);
	return st_check_cancel(&b->x->f->r->ctx, e);
}

static int rebuild(struct full *x, struct st_vfile *v, const struct st_oid *id, struct st_err *e)
{
	struct rebuilt b = { .x = x };
	struct st_oid got;
	int rc;

	st_blake3_init(&b.hash);
	rc = st_vfile_stream(v, 0, st_vfile_size(v), hash_piece, &b, e);
	st_blake3_final(&b.hash, got.b);
	if (rc == ST_OK && !st_oid_eq(&got, id))
		rc = st_fail(e, ST_ECORRUPT, "its recipe gives other bytes");
	return rc;
}

/* A file that cannot be rebuilt is one fault; each false id of one that can is one of its own. */
static int check_file(struct full *x, const struct item *it, struct st_err *e)
{
	const struct st_fsck_entry at = { it->id, x->pack, it->offset };
	struct st_err why = { 0 };
	struct st_vfile *v;
	int rc = st_vfile_open(&v, x->f->r, &it->id, &why);

	if (rc == ST_OK)
		rc = rebuild(x, v, &it->id, &why);
	if (rc == ST_OK && st_vfile_is_model(v))
		rc = st_fsck_ids(x->f, v, &at, e);
	else if (st_is_damage(rc))
		rc = report(x, it, ST_ROLE_FILE, why.msg, e);
	else if (rc != ST_OK)
		*e = why;
	st_vfile_close(v);
	return rc;
}

static int rebuild_pack(struct full *x, struct st_err *e)
{
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < x->n; i++)
		if (x->items[i].kind == ST_ENTRY_RECIPE)
			rc = check_file(x, &x->items[i], e);
	return rc;
}

struct pack_list {
	struct st_oid *ids;
	size_t n, cap;
};

static int take_pack(void *arg, const struct st_pack_row *row, struct st_err *e)
{
	struct pack_list *l = arg;

	if (st_grow(&l->ids, &l->cap, l->n + 1, e) != ST_OK)
		return e->code;
	l->ids[l->n++] = row->id;
	return ST_OK;
}

static int each_pack(struct full *x, const struct pack_list *l,
		     int (*fn)(struct full *x, struct st_err *e), struct st_err *e)
{
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < l->n; i++) {
		if (st_map_get(&x->f->lost, l->ids[i].b, ST_OID_LEN, NULL))
			continue;
		x->pack = l->ids[i];
		x->n = 0;
		rc = st_catalog_loc_each(x->f->r->cat, &x->pack, take_entry, x, e);
		if (rc == ST_OK)
			rc = fn(x, e);
	}
	return rc;
}

int st_fsck_full(struct st_fsck *f, struct st_err *e)
{
	struct full *x = st_calloc(1, sizeof(*x), e);
	struct pack_list l = { 0 };
	int rc;

	if (!x)
		return e->code;
	x->f = f;
	rc = start(x, e);
	if (rc == ST_OK)
		rc = st_catalog_pack_each(f->r->cat, take_pack, &l, e);
	if (rc == ST_OK)
		rc = st_catalog_loc_each(f->r->cat, NULL, add_size, x, e);
	if (rc == ST_OK)
		rc = each_pack(x, &l, decode_pack, e);
	x->done = 0;
	if (rc == ST_OK)
		rc = each_pack(x, &l, rebuild_pack, e);
	stop(x);
	free(l.ids);
	free(x);
	return rc;
}

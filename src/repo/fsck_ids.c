/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logical ids. That of a tensor which is all of its extent is the extent's, and holds if the object
 * does; every other one is a claim of the manifest, made good here: the tensor's bytes are put in
 * order and hashed. An extent with such tensors is decoded once for all of them.
 */
#include "repo/fsck.h"

#include "model/manifest.h"
#include "repo/lookinto.h"
#include "repo/reparse.h"
#include "tensor/gather.h"
#include "tensor/quote.h"

#include <stdio.h>

struct ids {
	struct st_fsck *f;
	struct st_vfile *file;
	const struct st_fsck_entry *at;
	struct st_codec_state *codec;
	uint8_t *frame;
	struct st_reparse again;
	bool parsed;   /* again is open, */
	bool hopeless; /* or cannot be had, which was said */
};

static int wrong(struct ids *x, const struct st_view *v, const char *what, struct st_err *e)
{
	struct st_quote q;

	return st_fsck_fault(x->f, &x->at->id, &x->at->pack, x->at->offset, false, e,
			     "tensor %s: %s", st_quote(&q, v->name, v->name_len), what);
}

/* The file was rebuilt just now: only a false manifest is a fault, not what fails around it. */
static bool is_false(int rc)
{
	return rc == ST_EFORMAT || rc == ST_ECORRUPT;
}

static int verify(struct ids *x, const struct st_view *v, const struct st_source *src,
		  const struct st_tensor *t, struct st_err *e)
{
	char says[ST_OID_HEX + 1], is[ST_OID_HEX + 1], what[200];
	struct st_err why = { 0 };
	struct st_oid got;
	int rc = st_hash_tensor(&x->f->r->ctx, src, t, &got, &why);

	if (is_false(rc))
		return wrong(x, v, why.msg, e);
	if (rc != ST_OK) {
		*e = why;
		return rc;
	}
	if (st_oid_eq(&got, &v->id))
		return ST_OK;
	st_oid_hex(&v->id, says);
	st_oid_hex(&got, is);
	snprintf(what, sizeof(what), "its bytes have the id %.12s, its manifest says %.12s", is,
		 says);
	return wrong(x, v, what, e);
}

/* ---- detached ---- */

static int parse_again(struct ids *x, struct st_err *e)
{
	struct st_err why = { 0 };
	int rc = st_reparse_open(&x->again, x->f->r, x->file, &why);

	x->parsed = true;
	if (rc == ST_OK)
		return ST_OK;
	x->hopeless = true;
	if (is_false(rc))
		return st_fsck_fault(x->f, &x->at->id, &x->at->pack, x->at->offset, false, e,
				     "its format's parser refuses it: %s", why.msg);
	if (rc == ST_ENOTFOUND || rc == ST_ELIMIT) {
		st_warn(&x->f->r->ctx, "tensors of a file were not verified: %s", why.msg);
		return ST_OK;
	}
	*e = why;
	return rc;
}

static bool same_shape(const struct st_view *v, const struct st_tensor *t)
{
	return v->dtype == t->dtype && v->ndim == t->ndim &&
	       v->nbytes == st_tensor_logical_size(t) &&
	       (v->ndim == 0 || memcmp(v->shape, t->shape, v->ndim * sizeof(*v->shape)) == 0);
}

static int verify_detached(struct ids *x, const struct st_view *v, struct st_err *e)
{
	const struct st_tensor *t;
	int rc = x->parsed ? ST_OK : parse_again(x, e);

	if (rc != ST_OK || x->hopeless)
		return rc;
	t = st_reparse_find(&x->again, v->name, v->name_len);
	if (!t)
		return wrong(x, v, "its manifest has it, the file does not", e);
	if (!same_shape(v, t))
		return wrong(x, v, "its manifest says another type or shape than the file", e);
	return verify(x, v, &x->again.src, t, e);
}

/* ---- in an extent ---- */

static bool needs_verifying(const struct st_view *v, const struct st_segment *seg)
{
	return v->strides || v->big_endian || v->nbytes != seg->size ||
	       !st_oid_eq(&v->id, &seg->id);
}

static int spool_extent(struct ids *x, const struct st_segment *seg, struct st_spool *s,
			struct st_err *e)
{
	struct st_obj *ob;
	uint64_t left = seg->size;
	int rc = st_obj_open(&ob, x->f->r->odb, &seg->id, e);

	if (rc != ST_OK)
		return rc;
	for (uint64_t i = 0; rc == ST_OK && left; i++) {
		size_t n = left < ST_FRAME_LEN ? (size_t)left : ST_FRAME_LEN;

		rc = st_obj_frame(ob, x->codec, i, x->frame, e);
		if (rc == ST_OK)
			rc = st_spool_add(s, x->frame, n, e);
		left -= n;
	}
	st_obj_close(ob);
	return rc;
}

static int verify_extent(struct ids *x, const struct st_segment *seg, struct st_err *e)
{
	struct st_source src;
	struct st_tensor t;
	struct st_spool s;
	int rc;

	st_spool_init(&s, (size_t)(x->f->r->ctx.memory / 8), x->f->r->dir);
	rc = spool_extent(x, seg, &s, e);
	st_spool_source(&s, &src, "an extent");
	for (size_t i = 0; rc == ST_OK && i < seg->nviews; i++) {
		if (!needs_verifying(&seg->views[i], seg))
			continue;
		st_view_tensor(&t, &seg->views[i], seg, 0);
		rc = verify(x, &seg->views[i], &src, &t, e);
	}
	st_spool_release(&s);
	return rc;
}

static int verify_segment(void *arg, const struct st_segment *seg, uint64_t off, struct st_err *e)
{
	struct ids *x = arg;

	(void)off;
	if (seg->detached)
		return verify_detached(x, seg->views, e);
	for (size_t i = 0; i < seg->nviews; i++)
		if (needs_verifying(&seg->views[i], seg))
			return verify_extent(x, seg, e);
	return ST_OK;
}

int st_fsck_ids(struct st_fsck *f, struct st_vfile *v, const struct st_fsck_entry *at,
		struct st_err *e)
{
	struct ids x = { .f = f, .file = v, .at = at };
	int rc = st_codec_state_new(&x.codec, e);

	x.frame = rc == ST_OK ? st_malloc(ST_FRAME_LEN, e) : NULL;
	if (rc == ST_OK)
		rc = x.frame ? st_vfile_segments(v, verify_segment, &x, e) : (int)e->code;
	if (x.parsed)
		st_reparse_close(&x.again);
	free(x.frame);
	st_codec_state_free(x.codec);
	return rc;
}

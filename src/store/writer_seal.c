/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finishing a pack: nothing gets a name before every entry has been read back through the decoder
 * and re-hashed. This catches faults of the encoder and of memory, not of the disk, which may
 * still answer from its cache: scrubbing is for that.
 */
#include "base/pool.h"
#include "store/pack_write.h"

#include <stdatomic.h>

#define UNIT_FRAMES 16 /* frames that one task verifies */

struct unit {
	uint32_t row, first;
};

struct verify {
	struct st_writer *w;
	const struct st_wpack *p;
	struct unit *units;
	size_t n, cap;
	struct st_codec_state **codecs;
	uint8_t **bufs;
	unsigned jobs;
	_Atomic uint64_t done; /* raw bytes */
	uint64_t total;
};

static int verify_frame(const struct verify *v, struct st_obj *ob, uint32_t i, unsigned worker,
			struct st_err *e)
{
	const struct st_frame_row *f = &ob->entry.frames[i];
	const uint8_t *stored;
	int rc = st_obj_frame(ob, v->codecs[worker], i, v->bufs[worker], e);

	if (rc != ST_OK || f->stored == 0 || f->coding == ST_CODING_RAW)
		return rc;
	/* Decoding left the stored bytes in the state's room. */
	stored = st_codec_room(v->codecs[worker], ST_ROOM_STORED, e);
	if (!stored || st_frame_check(f->coding, stored, f->stored) != f->check)
		return st_fail(e, ST_EBUG, "frame %" PRIu32 " does not have its checksum", i);
	return ST_OK;
}

/* The row's own entry, not whatever else the id may be found under. */
struct one {
	struct st_writer *w;
	const struct st_wpack *p;
	const struct st_index_row *row;
};

static int find_one(void *arg, const struct st_oid *id, enum st_entry_kind kind, struct st_loc *loc,
		    struct st_blob **blob, bool *found, struct st_err *e)
{
	struct one *o = arg;

	if (st_oid_eq(id, &o->row->id) && kind == o->row->kind) {
		*blob = o->p->blob;
		*found = true;
		st_row_to_loc(loc, &o->p->id, o->row);
		return ST_OK;
	}
	return st_writer_find(o->w, id, kind, loc, blob, found, e);
}

static int verify_unit(void *arg, uint64_t n, unsigned worker, struct st_err *e)
{
	struct verify *v = arg;
	const struct unit *u = &v->units[n];
	struct one o = { v->w, v->p, &v->p->rows[u->row] };
	struct st_obj *ob = NULL;
	uint64_t done;
	uint32_t i;
	int rc = ST_OK;

	if (worker == 0) /* the caller's own thread, where callbacks run */
		rc = st_check_cancel(v->w->ctx, e);
	if (rc == ST_OK)
		rc = st_entry_open(&ob, v->w->odb, &o.row->id, (enum st_entry_kind)o.row->kind,
				   find_one, &o, e);
	if (rc != ST_OK)
		return rc;
	for (i = u->first; rc == ST_OK && i < ob->entry.nframes && i - u->first < UNIT_FRAMES; i++)
		rc = verify_frame(v, ob, i, worker, e);
	done = (i - u->first) * (uint64_t)ST_FRAME_LEN;
	done = done < ob->entry.raw ? done : ob->entry.raw;
	done += atomic_fetch_add(&v->done, done);
	if (worker == 0)
		st_progress(v->w->ctx, "verify", done, v->total, true, false);
	st_obj_close(ob);
	return rc;
}

static int make_units(struct verify *v, struct st_err *e)
{
	uint32_t f;
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < v->p->nrows; i++) {
		v->total += v->p->rows[i].raw;
		f = 0;
		do {
			rc = st_grow(&v->units, &v->cap, v->n + 1, e);
			if (rc == ST_OK)
				v->units[v->n++] = (struct unit){ (uint32_t)i, f };
			f += UNIT_FRAMES;
		} while (rc == ST_OK && f < v->p->rows[i].nframes);
	}
	return rc;
}

static bool same_rows(const struct st_pack_index *x, const struct st_wpack *p)
{
	size_t i;

	for (i = 0; x->n == p->nrows && i < x->n; i++) {
		const struct st_index_row *a = &x->rows[i], *b = &p->rows[i];

		if (!st_oid_eq(&a->id, &b->id) || !st_oid_eq(&a->base, &b->base) ||
		    a->kind != b->kind || a->width != b->width || a->depth != b->depth ||
		    a->flags != b->flags || a->offset != b->offset || a->raw != b->raw ||
		    a->stored != b->stored || a->head != b->head || a->nframes != b->nframes)
			return false;
	}
	return x->n == p->nrows;
}

/* Header, index and trailer, by the way any reader takes. */
static int verify_index(const struct st_wpack *p, struct st_err *e)
{
	uint8_t head[ST_PACK_HEADER], tail[ST_PACK_TRAILER], *index = NULL;
	struct st_pack_index x = { 0 };
	struct st_pack_trailer t;
	struct st_oid id;
	int rc = st_blob_reread(p->blob, head, sizeof(head), 0, e);

	if (rc == ST_OK)
		rc = st_pack_header_parse(head, sizeof(head), e);
	if (rc == ST_OK)
		rc = st_blob_reread(p->blob, tail, sizeof(tail), p->len - sizeof(tail), e);
	if (rc == ST_OK)
		rc = st_pack_trailer_parse(&t, tail, p->len, e);
	if (rc == ST_OK && !(index = st_malloc((size_t)t.index_len, e)))
		rc = e->code;
	if (rc == ST_OK)
		rc = st_blob_reread(p->blob, index, (size_t)t.index_len, t.index_offset, e);
	if (rc == ST_OK)
		rc = st_pack_index_parse(&x, index, (size_t)t.index_len, t.index_offset, e);
	if (rc == ST_OK) {
		st_oid_of(&id, index, (size_t)t.index_len);
		if (!st_oid_eq(&id, &p->id) || !same_rows(&x, p))
			rc = st_fail(e, ST_EBUG, "the index is not the one written");
	}
	st_pack_index_release(&x);
	free(index);
	return rc;
}

static int make_scratch(struct verify *v, struct st_err *e)
{
	unsigned i;
	int rc = ST_OK;

	v->codecs = st_calloc(v->jobs, sizeof(struct st_codec_state *), e);
	v->bufs = st_calloc(v->jobs, sizeof(uint8_t *), e);
	if (!v->codecs || !v->bufs)
		return e->code;
	for (i = 0; rc == ST_OK && i < v->jobs; i++) {
		rc = st_codec_state_new(&v->codecs[i], e);
		if (rc == ST_OK && !(v->bufs[i] = st_malloc(ST_FRAME_LEN, e)))
			rc = e->code;
	}
	return rc;
}

static void verify_release(struct verify *v)
{
	unsigned i;

	for (i = 0; i < v->jobs; i++) {
		if (v->codecs)
			st_codec_state_free(v->codecs[i]);
		if (v->bufs)
			free(v->bufs[i]);
	}
	free(v->codecs);
	free(v->bufs);
	free(v->units);
}

static int verify_pack(struct st_writer *w, const struct st_wpack *p, struct st_err *e)
{
	struct verify v = { .w = w, .p = p, .jobs = w->ctx->jobs ? w->ctx->jobs : 1 };
	int rc = make_units(&v, e);

	if (rc == ST_OK)
		rc = make_scratch(&v, e);
	if (rc == ST_OK)
		rc = st_parallel(v.jobs, v.n, verify_unit, &v, e);
	if (rc == ST_OK)
		rc = verify_index(p, e);
	verify_release(&v);
	return rc == ST_OK ? ST_OK : st_wrap(e, "verify what was written");
}

static int write_index(struct st_wpack *p, struct st_err *e)
{
	struct st_pack_trailer t = { .index_offset = p->end };
	uint8_t tail[ST_PACK_TRAILER];
	struct st_buf b;
	int rc;

	st_buf_init(&b, SIZE_MAX / 4);
	rc = st_pack_index_put(&b, p->rows, p->nrows, e);
	if (rc == ST_OK)
		rc = st_blob_write(p->blob, b.p, b.len, p->end, e);
	if (rc == ST_OK) {
		st_oid_of(&t.index_hash, b.p, b.len);
		p->id = t.index_hash;
		t.index_len = b.len;
		t.pack_len = p->len = p->end + b.len + sizeof(tail);
		st_pack_trailer_put(tail, &t);
		rc = st_blob_write(p->blob, tail, sizeof(tail), p->end + b.len, e);
	}
	if (rc == ST_OK)
		rc = st_blob_truncate(p->blob, t.pack_len, e);
	st_buf_release(&b);
	return rc;
}

/* Once the disk has been asked and failed, or what it holds is not what was meant, a second try
 * could only seem to succeed. */
static int finish_pack(struct st_writer *w, struct st_wpack *p, struct st_err *e)
{
	char name[ST_PACK_NAME_LEN + 1];
	struct st_blob *blob = p->blob;
	int rc = st_blob_sync(blob, e);

	if (rc == ST_OK)
		rc = verify_pack(w, p, e);
	if (rc == ST_OK) {
		st_pack_name(&p->id, name);
		p->blob = NULL; /* publish takes it */
		rc = st_blob_publish(blob, name, e);
	}
	w->failed = rc != ST_OK;
	return rc;
}

int st_writer_seal_pack(struct st_writer *w, struct st_err *e)
{
	struct st_wpack *p = &w->packs[w->npacks - 1];
	int rc;

	ST_BUG_ON(w->open || !p->blob);
	if (p->nrows == 0) {
		st_blob_discard(p->blob);
		free(p->rows);
		w->npacks--;
		return ST_OK;
	}
	rc = st_writer_flush(w, e);
	if (rc == ST_OK)
		rc = write_index(p, e);
	return rc == ST_OK ? finish_pack(w, p, e) : rc;
}

int st_writer_seal(struct st_writer *w, const struct st_oid **packs, size_t *npacks,
		   struct st_err *e)
{
	size_t i;
	int rc = ST_OK;

	if (w->failed)
		return st_fail(e, ST_EIO, "this command's pack could not be finished");
	if (w->npacks && w->packs[w->npacks - 1].blob)
		rc = st_writer_seal_pack(w, e);
	if (rc != ST_OK)
		return rc;
	free(w->publish);
	w->npublish = 0;
	w->publish = st_calloc(w->npacks + w->norphans, sizeof(*w->publish), e);
	if (!w->publish)
		return e->code;
	for (i = 0; w->orphans_used && i < w->norphans; i++)
		w->publish[w->npublish++] = w->orphans[i].id;
	for (i = 0; i < w->npacks; i++)
		w->publish[w->npublish++] = w->packs[i].id;
	*packs = w->publish;
	*npacks = w->npublish;
	return ST_OK;
}

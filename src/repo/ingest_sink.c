/* SPDX-License-Identifier: Apache-2.0 */
#include "base/blake3.h"
#include "repo/ingest.h"
#include "tensor/gather.h"

/* The page that had the number of this one in the version before. */
static int page_before(struct st_filesink *s, struct st_obj **ob, struct st_err *e)
{
	struct st_ingest *g = s->g;
	struct st_err bad = { 0 };
	int rc = ST_OK;

	*ob = NULL;
	if (!s->looked) {
		s->looked = true;
		if (!g->bases)
			rc = st_bases_new(&g->bases, g->r, e);
		if (rc == ST_OK)
			rc = st_bases_pages(g->bases, s->path, &s->pages, &s->npages, e);
	}
	if (rc == ST_OK && s->page < s->npages &&
	    st_obj_open(ob, g->r->odb, &s->pages[s->page], &bad) != ST_OK)
		*ob = NULL;
	s->page++;
	return rc;
}

/* Where only values changed a page says other ids in the same places. In fast mode too: what is
 * fast there are the tensors. */
static int put_meta(void *arg, const void *p, size_t n, struct st_oid *id, struct st_err *e)
{
	struct st_filesink *s = arg;
	struct st_obj *before;
	struct st_link link;
	int rc = page_before(s, &before, e);

	st_link_after(&link, before, ST_MAX_DEPTH);
	if (link.base && st_obj_size(link.base) != n)
		link = (struct st_link){ 0 };
	if (rc == ST_OK)
		rc = st_writer_put_after(s->g->w, p, n, link.base, link.number, id, e);
	st_obj_close(before);
	return rc;
}

int st_filesink_init(struct st_filesink *s, struct st_ingest *g, const char *path,
		     const char *format, struct st_err *e)
{
	*s = (struct st_filesink){ .g = g, .path = path };
	st_buf_init(&s->glue, (size_t)1 << 30);
	s->check = st_calloc(1, sizeof(*s->check), e);
	if (!s->check)
		return e->code;
	st_blake3_init(s->check);
	return st_manifest_writer_init(&s->mw, format, put_meta, s, e);
}

void st_filesink_release(struct st_filesink *s)
{
	st_manifest_writer_release(&s->mw);
	st_buf_release(&s->glue);
	free(s->check);
	free(s->cvs);
	free(s->pages);
	*s = (struct st_filesink){ 0 };
}

/* What the manifest must say again when it is read back. */
static void note(struct st_blake3 *h, bool glue, uint64_t size, const struct st_oid *id)
{
	uint8_t b[9 + ST_OID_LEN] = { glue };

	st_put64(b + 1, size);
	if (!glue)
		memcpy(b + 9, id->b, ST_OID_LEN);
	st_blake3_update(h, b, sizeof(b));
}

static void fill_view(const struct st_filesink *s, struct st_view *v, const struct st_tensor *t,
		      const struct st_piece *p, const struct st_oid *extent)
{
	const struct st_oid *own = &s->ids[t - s->layout->tensors];

	*v = (struct st_view){ .name = t->name,
			       .name_len = t->name_len,
			       .dtype = t->dtype,
			       .ndim = t->ndim,
			       .shape = t->shape,
			       .strides = t->strides,
			       .big_endian = t->big_endian,
			       .offset = t->offset - p->off,
			       .nbytes = t->nbytes,
			       .id = st_oid_is_zero(own) ? *extent : *own };
}

static int add_extent(struct st_filesink *s, const struct st_piece *p, uint64_t size,
		      const struct st_oid *id, struct st_err *e)
{
	struct st_segment seg = { .size = size, .id = *id };
	size_t i;
	int rc;

	if (p && p->ntensors) {
		seg.views = st_calloc(p->ntensors, sizeof(*seg.views), e);
		if (!seg.views)
			return e->code;
		seg.nviews = p->ntensors;
		for (i = 0; i < p->ntensors; i++)
			fill_view(s, &seg.views[i], &p->tensors[i], p, id);
	}
	note(s->check, false, size, id);
	rc = st_manifest_writer_add(&s->mw, &seg, e);
	free(seg.views);
	return rc;
}

int st_filesink_glue(struct st_filesink *s, const struct st_piece *p, const void *bytes, size_t n,
		     bool last, struct st_err *e)
{
	struct st_segment seg = { .glue = true, .size = p->size };
	int rc = st_buf_add(&s->glue, bytes, n, e);

	if (rc != ST_OK || !last)
		return rc;
	note(s->check, true, p->size, NULL);
	return st_manifest_writer_add(&s->mw, &seg, e);
}

int st_filesink_detached(struct st_filesink *s, const struct st_tensor *t, const struct st_oid *id,
			 struct st_err *e)
{
	struct st_view v = { .name = t->name,
			     .name_len = t->name_len,
			     .dtype = t->dtype,
			     .ndim = t->ndim,
			     .shape = t->shape,
			     .nbytes = st_tensor_logical_size(t),
			     .id = *id };
	struct st_segment seg = { .detached = true, .views = &v, .nviews = 1 };

	note(s->check, false, 0, &seg.id);
	return st_manifest_writer_add(&s->mw, &seg, e);
}

int st_filesink_empty(struct st_filesink *s, const struct st_piece *p, struct st_err *e)
{
	struct st_oid id;

	st_oid_of(&id, "", 0);
	return add_extent(s, p, 0, &id, e);
}

static bool base_has(const struct st_link *l, uint64_t i, const uint8_t cv[ST_OID_LEN])
{
	return l->base && memcmp(st_obj_entry(l->base)->frames[i].cv, cv, ST_OID_LEN) == 0;
}

/* The frame's bytes, which are those of the version before, and the base's. */
static int read_both(struct st_filesink *s, const struct st_frame_job *j, uint64_t i,
		     struct st_codec_state *own, uint8_t *raw, struct st_frame_in *in,
		     struct st_err *e)
{
	struct st_err bad = { 0 };
	uint8_t *room;
	int rc = st_obj_frame(j->before, own, i, raw, e);

	if (rc != ST_OK || !j->link.base || s->g->o.mode == ST_CODEC_FAST)
		return rc;
	room = st_codec_room(own, ST_ROOM_FRAME, e);
	if (!room)
		return e->code;
	st_codec_memo(own)->set = false;
	if (st_obj_frame(j->link.base, own, i, room, &bad) == ST_OK) {
		in->base = room;
		in->base_n = in->n;
	}
	return ST_OK;
}

/* A frame that was passed over because it is as in the version before, which is not the base. */
static int rewrite_frame(struct st_filesink *s, const struct st_frame_job *j, uint64_t i,
			 uint8_t *raw, uint8_t *enc, struct st_err *e)
{
	uint64_t left = j->size - i * ST_FRAME_LEN;
	size_t n = left < ST_FRAME_LEN ? (size_t)left : ST_FRAME_LEN, stored;
	struct st_frame_in in = { .raw = raw, .n = n };
	struct st_frame_row row = { 0 };
	enum st_coding coding;
	struct st_codec_state *own;
	int rc = st_ingest_codec(s->g, &own, e);

	memcpy(row.cv, s->cvs[i], ST_OID_LEN);
	if (rc == ST_OK && base_has(&j->link, i, row.cv)) {
		row.coding = ST_CODING_SAME;
		return st_writer_frame(s->g->w, &row, NULL, e);
	}
	st_frame_describe(&in, j->piece, i);
	if (rc == ST_OK)
		rc = read_both(s, j, i, own, raw, &in, e);
	if (rc == ST_OK)
		rc = st_frame_encode(own, &in, s->g->o.mode, enc, &coding, &stored, e);
	if (rc != ST_OK)
		return rc;
	row.coding = (uint8_t)coding;
	row.stored = (uint32_t)stored;
	return st_writer_frame(s->g->w, &row, coding == ST_CODING_RAW ? raw : enc, e);
}

static int rewrite_equal(struct st_filesink *s, const struct st_frame_job *j, struct st_err *e)
{
	uint8_t *raw = st_malloc(2 * ST_FRAME_LEN, e);
	uint64_t i;
	int rc = raw ? ST_OK : e->code;

	for (i = 0; rc == ST_OK && i < s->equal; i++)
		rc = rewrite_frame(s, j, i, raw, raw + ST_FRAME_LEN, e);
	free(raw);
	return rc;
}

/* The first frame that is not as in the version before: now the object exists. */
static int start_writing(struct st_filesink *s, const struct st_frame_job *j, struct st_err *e)
{
	const struct st_obj *base = j->link.base;
	unsigned width = j->piece ? j->piece->width : 1;
	int rc = st_writer_begin(s->g->w, j->size, width, base ? &st_obj_entry(base)->id : NULL,
				 base ? st_obj_depth(base) : 0, e);

	s->writing = true;
	if (rc != ST_OK)
		return rc;
	st_writer_note(s->g->w, j->link.number, s->g->o.mode == ST_CODEC_FAST ? ST_ENTRY_FAST : 0);
	return s->equal ? rewrite_equal(s, j, e) : ST_OK;
}

static int write_frame(struct st_filesink *s, const struct st_frame_job *j, const void *p,
		       struct st_err *e)
{
	struct st_frame_row row = { .coding = (uint8_t)j->coding, .stored = (uint32_t)j->stored };
	uint8_t *raw;
	int rc;

	if (j->equal) {
		raw = st_malloc(2 * ST_FRAME_LEN, e);
		rc = raw ? rewrite_frame(s, j, j->frame, raw, raw + ST_FRAME_LEN, e) : e->code;
		free(raw);
		return rc;
	}
	memcpy(row.cv, j->cv, ST_OID_LEN);
	return st_writer_frame(s->g->w, &row, p, e);
}

static int end_piece(struct st_filesink *s, const struct st_frame_job *j, struct st_err *e)
{
	struct st_oid id;
	bool fresh;
	int rc = ST_OK;

	if (s->ncvs == 1)
		memcpy(id.b, s->cvs[0], ST_OID_LEN);
	else
		st_blake3_join((const uint8_t(*)[ST_OID_LEN])s->cvs, s->ncvs, id.b);
	if (s->writing)
		rc = st_writer_end(s->g->w, &id, &fresh, e);
	if (rc == ST_OK)
		rc = add_extent(s, j->piece, j->size, &id, e);
	s->ncvs = 0;
	s->equal = 0;
	s->writing = false;
	return rc;
}

/* A chunk or a one-frame tensor may be known under its id without any base. */
static int known_whole(struct st_filesink *s, const struct st_frame_job *j, bool *known,
		       struct st_err *e)
{
	struct st_oid id;

	*known = false;
	if (j->size > ST_FRAME_LEN)
		return ST_OK;
	memcpy(id.b, j->cv, ST_OID_LEN);
	return st_writer_has(s->g->w, &id, ST_ENTRY_DATA, known, e);
}

int st_filesink_frame(struct st_filesink *s, const struct st_frame_job *j, const void *p,
		      struct st_err *e)
{
	bool known = false;
	int rc = st_grow(&s->cvs, &s->cvs_cap, s->ncvs + 1, e);

	if (rc != ST_OK)
		return rc;
	ST_BUG_ON(s->ncvs != j->frame);
	memcpy(s->cvs[s->ncvs++], j->cv, ST_OID_LEN);
	if (!s->writing && j->equal && s->equal == j->frame) {
		s->equal++;
	} else {
		if (!s->writing)
			rc = known_whole(s, j, &known, e);
		if (rc == ST_OK && !known && !s->writing)
			rc = start_writing(s, j, e);
		if (rc == ST_OK && !known)
			rc = write_frame(s, j, p, e);
	}
	if (rc == ST_OK && (j->frame + 1) * ST_FRAME_LEN >= j->size)
		rc = end_piece(s, j, e);
	return rc;
}

static int read_back_page(struct st_filesink *s, const struct st_page_ref *ref, struct st_blake3 *h,
			  struct st_buf *b, struct st_err *e)
{
	struct st_page page;
	size_t i;
	int rc;

	st_buf_clear(b);
	rc = st_writer_get(s->g->w, &ref->id, b, e);
	if (rc == ST_OK)
		rc = st_page_parse(&page, b->p, b->len, ref, e);
	if (rc != ST_OK)
		return rc;
	for (i = 0; i < page.n; i++)
		note(h, page.segs[i].glue, page.segs[i].size, &page.segs[i].id);
	st_page_release(&page);
	return ST_OK;
}

/* The recipe counts only once what was written says the same segments in the same order. */
static int read_back(struct st_filesink *s, const struct st_oid *root, uint64_t size,
		     struct st_err *e)
{
	uint8_t want[ST_OID_LEN], got[ST_OID_LEN];
	struct st_manifest m;
	struct st_blake3 h;
	struct st_buf b;
	size_t i;
	int rc;

	st_buf_init(&b, (size_t)1 << 30);
	st_blake3_init(&h);
	rc = st_writer_get(s->g->w, root, &b, e);
	if (rc == ST_OK)
		rc = st_manifest_parse(&m, b.p, b.len, e);
	if (rc != ST_OK)
		goto out;
	for (i = 0; rc == ST_OK && i < m.npages; i++)
		rc = read_back_page(s, &m.pages[i], &h, &b, e);
	st_blake3_final(&h, got);
	st_blake3_final(s->check, want);
	if (rc == ST_OK && (m.size != size || memcmp(got, want, sizeof(got)) != 0))
		rc = st_fail(e, ST_EBUG, "the manifest does not say what was stored");
	st_manifest_release(&m);
out:
	st_buf_release(&b);
	return rc == ST_OK ? ST_OK : st_wrap(e, "verify the recipe of %s", s->path);
}

int st_filesink_finish(struct st_filesink *s, const struct st_oid *file, uint64_t size,
		       const char *metadata, size_t metadata_len, struct st_err *e)
{
	struct st_oid glue = { { 0 } }, root;
	bool has;
	int rc = st_writer_has(s->g->w, file, ST_ENTRY_RECIPE, &has, e);

	if (rc != ST_OK || has)
		return rc;
	if (s->glue.len)
		rc = st_writer_put_big(s->g->w, s->glue.p, s->glue.len, &glue, e);
	if (rc == ST_OK)
		rc = st_manifest_writer_finish(&s->mw, &glue, metadata, metadata_len, &root, e);
	if (rc == ST_OK)
		rc = read_back(s, &root, size, e);
	if (rc == ST_OK)
		rc = st_writer_recipe(s->g->w, file, &root, e);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Appending to packs: one object at a time, taken out again if it turns out to be known. */
#include "store/pack_write.h"

#include "base/blake3.h"

int st_writer_new(struct st_writer **out, struct st_odb *o, const struct st_ctx *ctx,
		  struct st_err *e)
{
	struct st_writer *w = st_calloc(1, sizeof(*w), e);
	int rc;

	*out = NULL;
	if (!w)
		return e->code;
	w->odb = o;
	w->ctx = ctx;
	w->roll = ST_PACK_ROLL;
	st_map_init(&w->found);
	st_map_init(&w->orphaned);
	w->wbuf = st_malloc(ST_WBUF, e);
	rc = w->wbuf ? st_codec_state_new(&w->codec, e) : (int)e->code;
	if (rc == ST_OK)
		rc = st_writer_load_orphans(w, e);
	if (rc != ST_OK) {
		st_writer_free(w);
		return rc;
	}
	*out = w;
	return ST_OK;
}

void st_writer_free(struct st_writer *w)
{
	size_t i;

	if (!w)
		return;
	for (i = 0; i < w->npacks; i++) {
		st_blob_discard(w->packs[i].blob);
		free(w->packs[i].rows);
	}
	st_writer_free_orphans(w);
	free(w->packs);
	free(w->publish);
	st_map_release(&w->found);
	st_codec_state_free(w->codec);
	free(w->en.frames);
	free(w->wbuf);
	free(w);
}

void st_writer_stats_get(const struct st_writer *w, struct st_writer_stats *out)
{
	*out = w->stats;
}

int st_writer_flush(struct st_writer *w, struct st_err *e)
{
	struct st_wpack *p = &w->packs[w->npacks - 1];
	int rc;

	if (w->wbuf_len == 0)
		return ST_OK;
	rc = st_blob_write(p->blob, w->wbuf, w->wbuf_len, w->wbuf_off, e);
	if (rc == ST_OK) { /* else it stays, and may be tried again */
		w->wbuf_off += w->wbuf_len;
		w->wbuf_len = 0;
	}
	return rc;
}

static int append(struct st_writer *w, struct st_wpack *p, const void *bytes, size_t n,
		  struct st_err *e)
{
	bool direct = n >= ST_WDIRECT;
	int rc = ST_OK;

	if (direct || n > ST_WBUF - w->wbuf_len)
		rc = st_writer_flush(w, e);
	if (rc == ST_OK && direct) {
		rc = st_blob_write(p->blob, bytes, n, p->end, e);
		if (rc == ST_OK)
			w->wbuf_off = p->end + n;
	} else if (rc == ST_OK) {
		memcpy(w->wbuf + w->wbuf_len, bytes, n);
		w->wbuf_len += n;
	}
	if (rc == ST_OK)
		p->end += n;
	return rc;
}

/* What lies behind is overwritten or cut off at the seal. */
static void rewind_to(struct st_writer *w, struct st_wpack *p, uint64_t off)
{
	if (off >= w->wbuf_off) {
		w->wbuf_len = (size_t)(off - w->wbuf_off);
	} else {
		w->wbuf_off = off;
		w->wbuf_len = 0;
	}
	p->end = off;
}

static int new_pack(struct st_writer *w, struct st_err *e)
{
	uint8_t head[ST_PACK_HEADER];
	struct st_wpack *p;
	int rc = st_grow(&w->packs, &w->packs_cap, w->npacks + 1, e);

	if (rc != ST_OK)
		return rc;
	p = &w->packs[w->npacks];
	*p = (struct st_wpack){ 0 };
	rc = st_store_create(w->odb->store, &p->blob, e);
	if (rc != ST_OK)
		return rc;
	w->npacks++;
	w->wbuf_off = 0;
	w->wbuf_len = 0;
	st_pack_header_put(head);
	return append(w, p, head, sizeof(head), e);
}

int st_writer_current(struct st_writer *w, struct st_wpack **out, struct st_err *e)
{
	int rc;

	if (w->failed)
		return st_fail(e, ST_EIO, "this command's pack could not be finished");
	if (w->npacks && w->packs[w->npacks - 1].blob && w->packs[w->npacks - 1].end >= w->roll) {
		rc = st_writer_seal_pack(w, e);
		if (rc != ST_OK)
			return rc;
	}
	if (!w->npacks || !w->packs[w->npacks - 1].blob) {
		rc = new_pack(w, e);
		if (rc != ST_OK)
			return rc;
	}
	*out = &w->packs[w->npacks - 1];
	return ST_OK;
}

int st_writer_has(struct st_writer *w, const struct st_oid *id, enum st_entry_kind kind, bool *has,
		  struct st_err *e)
{
	uint8_t key[ST_WKEY];
	uint64_t at;

	st_wkey(key, id, kind);
	*has = st_map_get(&w->found, key, sizeof(key), &at);
	/* Callers ask before they write an object, and st_writer_end asks again. */
	if (*has || (w->has_absent && memcmp(w->absent, key, sizeof(key)) == 0))
		return ST_OK;
	if (st_odb_has(w->odb, id, kind, has, e) != ST_OK || *has)
		return e->code;
	*has = st_map_get(&w->orphaned, key, sizeof(key), &at);
	if (*has) {
		st_writer_use_orphan(w, at);
	} else {
		memcpy(w->absent, key, sizeof(key));
		w->has_absent = true;
	}
	return ST_OK;
}

int st_writer_find(void *arg, const struct st_oid *id, enum st_entry_kind kind, struct st_loc *loc,
		   struct st_blob **blob, bool *found, struct st_err *e)
{
	struct st_writer *w = arg;
	const struct st_wpack *p;
	uint8_t key[ST_WKEY];
	uint64_t at;
	int rc;

	st_wkey(key, id, kind);
	*blob = NULL;
	*found = true;
	if (st_map_get(&w->found, key, sizeof(key), &at)) {
		p = &w->packs[at >> 32];
		*blob = p->blob;
		st_row_to_loc(loc, &p->id, &p->rows[at & UINT32_MAX]);
		return ST_OK;
	}
	rc = st_catalog_loc_find(w->odb->cat, id, kind, loc, found, e);
	if (rc != ST_OK || *found)
		return rc;
	*found = st_map_get(&w->orphaned, key, sizeof(key), &at);
	if (*found)
		st_row_to_loc(loc, &w->orphans[at >> 32].id,
			      &w->orphans[at >> 32].index.rows[at & UINT32_MAX]);
	return ST_OK;
}

static int remember(struct st_writer *w, struct st_wpack *p, const struct st_index_row *row,
		    struct st_err *e)
{
	uint8_t key[ST_WKEY];
	int rc = st_grow(&p->rows, &p->cap, p->nrows + 1, e);

	if (rc != ST_OK)
		return rc;
	ST_BUG_ON(p->nrows > UINT32_MAX);
	st_wkey(key, &row->id, row->kind);
	rc = st_map_put(&w->found, key, sizeof(key), (uint64_t)(w->npacks - 1) << 32 | p->nrows,
			NULL, NULL, e);
	if (rc == ST_OK)
		p->rows[p->nrows++] = *row;
	return rc;
}

static int begin(struct st_writer *w, uint64_t raw, unsigned width, uint8_t kind, struct st_err *e)
{
	uint64_t nframes = st_frames_of(raw);
	struct st_frame_row *frames = w->en.frames;
	struct st_wpack *p;
	int rc;

	ST_BUG_ON(w->open);
	if (nframes > UINT32_MAX)
		return st_fail(e, ST_ELIMIT, "an object of %" PRIu64 " bytes", raw);
	rc = st_writer_current(w, &p, e);
	if (rc == ST_OK)
		rc = st_grow(&w->en.frames, &w->frames_cap, (size_t)nframes, e);
	if (rc != ST_OK)
		return rc;
	frames = w->en.frames;
	w->en = (struct st_entry){ .kind = kind,
				   .width = (uint8_t)width,
				   .raw = raw,
				   .nframes = (uint32_t)nframes,
				   .frames = frames };
	w->open = true;
	w->nframes_in = 0;
	w->refers = w->plain = false;
	w->offset = p->end;
	return ST_OK;
}

int st_writer_begin(struct st_writer *w, uint64_t raw, unsigned width, const struct st_oid *base,
		    unsigned base_depth, struct st_err *e)
{
	int rc;

	ST_BUG_ON(base && base_depth >= ST_MAX_DEPTH);
	rc = begin(w, raw, width, ST_ENTRY_DATA, e);
	if (rc == ST_OK && base) {
		w->en.base = *base;
		w->base_depth = (uint8_t)base_depth;
	}
	return rc;
}

void st_writer_note(struct st_writer *w, uint32_t number, unsigned flags)
{
	ST_BUG_ON(!w->open || flags & ~(unsigned)ST_ENTRY_FLAGS);
	w->en.number = number;
	w->en.flags = (uint8_t)flags;
}

int st_writer_frame(struct st_writer *w, struct st_frame_row *row, const void *bytes,
		    struct st_err *e)
{
	struct st_wpack *p = &w->packs[w->npacks - 1];

	ST_BUG_ON(!w->open || w->nframes_in == w->en.nframes);
	ST_BUG_ON(!st_codec_get(row->coding));
	row->check = st_frame_check(row->coding, bytes, row->stored);
	if (row->stored && append(w, p, bytes, row->stored, e) != ST_OK)
		return e->code;
	if (st_codec_get(row->coding)->needs_base)
		w->refers = true;
	w->plain |= row->coding == ST_CODING_RAW;
	w->en.frames[w->nframes_in++] = *row;
	w->en.stored += row->stored;
	return ST_OK;
}

/* The pack has one more row. Nothing else happens when this fails. */
static int add_row(struct st_writer *w, const struct st_index_row *row, struct st_err *e)
{
	int rc = remember(w, &w->packs[w->npacks - 1], row, e);

	if (rc != ST_OK)
		return rc;
	w->has_absent = false;
	w->stats.objects++;
	w->stats.raw += row->raw;
	w->stats.stored += row->stored;
	return ST_OK;
}

static int put_entry(struct st_writer *w, const struct st_oid *id, struct st_err *e)
{
	struct st_wpack *p = &w->packs[w->npacks - 1];
	struct st_index_row row = { .id = *id, .offset = w->offset };
	struct st_buf b;
	int rc;

	w->en.id = *id;
	if (!w->refers && w->en.kind == ST_ENTRY_DATA)
		w->en.base = (struct st_oid){ { 0 } };
	w->en.depth = w->refers ? (uint8_t)(w->base_depth + 1) : 0;
	w->en.number = w->refers ? w->en.number : 0;
	if (!w->plain)
		w->en.flags &= (uint8_t)~ST_ENTRY_FAST;
	st_buf_init(&b, SIZE_MAX / 4);
	rc = st_entry_put(&b, &w->en, e);
	if (rc == ST_OK)
		rc = append(w, p, b.p, b.len, e);
	row.head = (uint32_t)b.len;
	st_buf_release(&b);
	row.kind = w->en.kind;
	row.width = w->en.width;
	row.depth = w->en.depth;
	row.flags = w->en.flags;
	row.raw = w->en.raw;
	row.stored = w->en.stored;
	row.nframes = w->en.nframes;
	row.base = w->en.base;
	if (rc == ST_OK)
		rc = add_row(w, &row, e);
	if (rc == ST_OK)
		w->open = false;
	return rc;
}

int st_writer_cancel_object(struct st_writer *w, struct st_err *e)
{
	(void)e;
	if (w->open)
		rewind_to(w, &w->packs[w->npacks - 1], w->offset);
	w->open = false;
	return ST_OK;
}

int st_writer_end(struct st_writer *w, const struct st_oid *id, bool *fresh, struct st_err *e)
{
	bool has;
	int rc;

	ST_BUG_ON(!w->open || w->nframes_in != w->en.nframes);
	*fresh = false;
	rc = st_writer_has(w, id, ST_ENTRY_DATA, &has, e);
	if (rc != ST_OK)
		return rc;
	if (has)
		return st_writer_cancel_object(w, e);
	rc = put_entry(w, id, e);
	*fresh = rc == ST_OK;
	return rc;
}

int st_writer_end_again(struct st_writer *w, const struct st_oid *id, struct st_err *e)
{
	ST_BUG_ON(!w->open || w->nframes_in != w->en.nframes);
	return put_entry(w, id, e);
}

int st_writer_open(struct st_writer *w, const struct st_oid *id, struct st_obj **out,
		   struct st_err *e)
{
	struct st_wpack *p;
	int rc = st_writer_current(w, &p, e); /* a full pack is sealed now, not while it is read */

	*out = NULL;
	if (rc == ST_OK)
		rc = st_writer_flush(w, e);
	return rc == ST_OK ? st_entry_open(out, w->odb, id, ST_ENTRY_DATA, st_writer_find, w, e) :
			     rc;
}

/* The base's frame of the same number, where there is one. */
static int set_base(struct st_writer *w, struct st_frame_in *in, struct st_obj *base, uint64_t i,
		    struct st_err *e)
{
	uint8_t *room = base ? st_codec_room(w->codec, ST_ROOM_FRAME, e) : NULL;
	struct st_err bad = { 0 };

	if (!room)
		return e->code;
	st_codec_memo(w->codec)->set = false;
	if (st_obj_frame(base, w->codec, i, room, &bad) == ST_OK) {
		in->base = room;
		in->base_n = in->n;
	}
	return ST_OK;
}

static int put_frame(struct st_writer *w, const uint8_t *p, size_t n, uint64_t i, uint64_t total,
		     struct st_obj *base, uint8_t *room, struct st_err *e)
{
	struct st_frame_in in = { .raw = p, .n = n, .width = 1, .level = 3 };
	struct st_frame_row row = { 0 };
	enum st_coding coding;
	size_t stored;
	int rc = set_base(w, &in, base, i, e);

	if (rc == ST_OK)
		rc = st_frame_encode(w->codec, &in, ST_CODEC_DEFAULT, room, &coding, &stored, e);
	if (rc != ST_OK)
		return rc;
	row.coding = (uint8_t)coding;
	row.stored = (uint32_t)stored;
	if (total <= ST_FRAME_LEN)
		st_blake3(p, n, row.cv);
	else
		st_blake3_subtree(p, n, i * (ST_FRAME_LEN / 1024), row.cv);
	return st_writer_frame(w, &row, coding == ST_CODING_RAW ? p : room, e);
}

int st_writer_put_after(struct st_writer *w, const void *bytes, size_t n, struct st_obj *base,
			uint32_t number, struct st_oid *out, struct st_err *e)
{
	const uint8_t *p = bytes;
	uint8_t *room = st_codec_room(w->codec, ST_ROOM_STORED, e);
	bool has, fresh;
	size_t at, len;
	int rc;

	if (!room)
		return e->code;
	st_oid_of(out, p, n);
	rc = st_writer_has(w, out, ST_ENTRY_DATA, &has, e);
	if (rc != ST_OK || has)
		return rc;
	if (base)
		rc = st_writer_begin(w, n, 1, &st_obj_entry(base)->id, st_obj_depth(base), e);
	else
		rc = begin(w, n, 1, ST_ENTRY_DATA, e);
	if (rc == ST_OK && base)
		st_writer_note(w, number, 0);
	for (at = 0; rc == ST_OK && at < n; at += len) {
		len = n - at < ST_FRAME_LEN ? n - at : ST_FRAME_LEN;
		rc = put_frame(w, p + at, len, at / ST_FRAME_LEN, n, base, room, e);
	}
	return rc == ST_OK ? st_writer_end(w, out, &fresh, e) : rc;
}

int st_writer_put_big(struct st_writer *w, const void *p, size_t n, struct st_oid *out,
		      struct st_err *e)
{
	return st_writer_put_after(w, p, n, NULL, 0, out, e);
}

int st_writer_put(struct st_writer *w, const struct st_oid *id, const void *p, size_t n,
		  struct st_oid *out, struct st_err *e)
{
	int rc;

	ST_BUG_ON(n > ST_FRAME_LEN);
	rc = st_writer_put_big(w, p, n, out, e);
	if (rc == ST_OK && id && !st_oid_eq(id, out))
		rc = st_fail(e, ST_EBUG, "content stored under another id");
	return rc;
}

int st_writer_recipe(struct st_writer *w, const struct st_oid *file, const struct st_oid *manifest,
		     struct st_err *e)
{
	bool has;
	int rc = st_writer_has(w, file, ST_ENTRY_RECIPE, &has, e);

	if (rc == ST_OK && st_oid_is_zero(manifest))
		return st_fail(e, ST_EUSAGE, "a recipe without a manifest");
	if (rc != ST_OK || has)
		return rc;
	rc = begin(w, 0, 1, ST_ENTRY_RECIPE, e);
	if (rc != ST_OK)
		return rc;
	w->en.base = *manifest;
	return put_entry(w, file, e);
}

/* A writer's own entries may still be in the buffer. */
int st_writer_get(struct st_writer *w, const struct st_oid *id, struct st_buf *out,
		  struct st_err *e)
{
	struct st_obj *ob;
	int rc = ST_OK;

	if (w->npacks && w->packs[w->npacks - 1].blob)
		rc = st_writer_flush(w, e);
	if (rc == ST_OK)
		rc = st_entry_open(&ob, w->odb, id, ST_ENTRY_DATA, st_writer_find, w, e);
	if (rc != ST_OK)
		return rc;
	rc = st_obj_all(ob, out, e);
	st_obj_close(ob);
	return rc;
}

/* The header of an entry that is copied, with more flags: damaged, it must not become whole. */
static int append_flagged(struct st_writer *w, struct st_wpack *p, const char *pack,
			  const struct st_index_row *from, struct st_index_row *row,
			  struct st_err *e)
{
	struct st_entry en = { 0 };
	uint8_t *head = st_malloc(from->head, e);
	struct st_buf b;
	int rc = e->code;

	st_buf_init(&b, SIZE_MAX / 4);
	if (head)
		rc = st_store_pread(w->odb->store, pack, head, from->head,
				    from->offset + from->stored, e);
	if (rc == ST_OK)
		rc = st_entry_parse(&en, &from->id, &from->base, head, from->head, e);
	if (rc == ST_OK) {
		en.flags = row->flags;
		rc = st_entry_put(&b, &en, e);
	}
	if (rc == ST_OK)
		rc = append(w, p, b.p, b.len, e);
	row->head = (uint32_t)b.len;
	st_entry_release(&en);
	st_buf_release(&b);
	free(head);
	return rc;
}

/* Verified like any other entry when the pack is sealed. */
int st_writer_copy_flagged(struct st_writer *w, const struct st_oid *pack,
			   const struct st_index_row *from, unsigned flags, struct st_err *e)
{
	char name[ST_PACK_NAME_LEN + 1];
	uint64_t left = from->stored + (flags ? 0 : from->head), at = from->offset;
	uint8_t *room = st_codec_room(w->codec, ST_ROOM_STORED, e), key[ST_WKEY];
	struct st_index_row row = *from;
	struct st_wpack *p;
	size_t n;
	int rc;

	ST_BUG_ON(w->open);
	st_wkey(key, &from->id, from->kind);
	if (st_map_get(&w->found, key, sizeof(key), NULL))
		return ST_OK;
	rc = room ? st_writer_current(w, &p, e) : (int)e->code;
	if (rc != ST_OK)
		return rc;
	st_pack_name(pack, name);
	row.offset = p->end;
	row.flags |= (uint8_t)flags;
	for (; rc == ST_OK && left; left -= n, at += n) {
		n = left < ST_FRAME_LEN ? (size_t)left : ST_FRAME_LEN;
		rc = st_store_pread(w->odb->store, name, room, n, at, e);
		if (rc == ST_OK)
			rc = append(w, p, room, n, e);
	}
	if (rc == ST_OK && flags)
		rc = append_flagged(w, p, name, from, &row, e);
	if (rc == ST_OK)
		rc = add_row(w, &row, e);
	if (rc != ST_OK)
		rewind_to(w, p, row.offset);
	return rc;
}

int st_writer_copy_entry(struct st_writer *w, const struct st_oid *pack,
			 const struct st_index_row *row, struct st_err *e)
{
	return st_writer_copy_flagged(w, pack, row, 0, e);
}

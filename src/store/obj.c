/* SPDX-License-Identifier: Apache-2.0 */
/* One object, opened: its entry's header is checked once, every frame each time it is read. */
#include "store/obj.h"

#include "base/blake3.h"

#define SMALL_ENTRY ((uint64_t)64 * 1024) /* up to here an entry is read whole when it is opened */

uint64_t st_frame_check(unsigned coding, const void *p, size_t n)
{
	uint8_t h[ST_OID_LEN];

	if (coding == ST_CODING_RAW || n == 0)
		return 0;
	st_blake3(p, n, h);
	return st_get64(h);
}

int st_obj_raw_read(const struct st_obj *ob, void *p, size_t n, uint64_t off, struct st_err *e)
{
	char name[ST_PACK_NAME_LEN + 1];

	if (ob->small) {
		ST_BUG_ON(off - ob->loc.offset + n > ob->small_len);
		if (n)
			memcpy(p, ob->small + (off - ob->loc.offset), n);
		return ST_OK;
	}
	if (ob->blob)
		return st_blob_reread(ob->blob, p, n, off, e);
	st_pack_name(&ob->loc.pack, name);
	return st_store_pread(ob->odb->store, name, p, n, off, e);
}

static int fail_at(const struct st_obj *ob, struct st_err *e)
{
	char hex[ST_OID_HEX + 1], name[ST_PACK_NAME_LEN + 1];

	st_oid_hex(&ob->loc.id, hex);
	st_pack_name(&ob->loc.pack, name);
	return st_wrap(e, "object %s in pack %s at offset %" PRIu64, hex,
		       ob->blob ? "being written" : name, ob->loc.offset);
}

/* The frames' chaining values are the object's tree: together they must give its id. */
static int check_tree(const struct st_obj *ob, struct st_err *e)
{
	const struct st_entry *en = &ob->entry;
	uint8_t(*cvs)[ST_OID_LEN];
	struct st_oid id;
	uint32_t i;

	if (en->kind != ST_ENTRY_DATA)
		return ST_OK;
	if (en->nframes == 0) {
		st_oid_of(&id, "", 0);
	} else if (en->nframes == 1) {
		memcpy(id.b, en->frames[0].cv, ST_OID_LEN);
	} else {
		cvs = st_calloc(en->nframes, ST_OID_LEN, e);
		if (!cvs)
			return e->code;
		for (i = 0; i < en->nframes; i++)
			memcpy(cvs[i], en->frames[i].cv, ST_OID_LEN);
		st_blake3_join((const uint8_t(*)[ST_OID_LEN])cvs, en->nframes, id.b);
		free(cvs);
	}
	if (!st_oid_eq(&id, &ob->loc.id))
		return st_fail(e, ST_ECORRUPT, "its frames' hashes do not give its id");
	return ST_OK;
}

static int check_header(struct st_obj *ob, const uint8_t *p, size_t n, struct st_err *e)
{
	const struct st_loc *l = &ob->loc;

	if (st_entry_parse(&ob->entry, &l->id, &l->base, p, n, e) != ST_OK)
		return e->code;
	if (ob->entry.kind != l->kind || ob->entry.stored != l->stored || ob->entry.raw != l->raw ||
	    ob->entry.width != l->width || ob->entry.depth != l->depth ||
	    !st_oid_eq(&ob->entry.base, &l->base))
		return st_fail(e, ST_ECORRUPT, "another object lies there");
	return check_tree(ob, e);
}

static int lay_out(struct st_obj *ob, struct st_err *e)
{
	uint64_t at = ob->loc.offset;
	uint32_t i;

	ob->offsets = st_calloc(ob->entry.nframes, sizeof(*ob->offsets), e);
	if (!ob->offsets)
		return e->code;
	for (i = 0; i < ob->entry.nframes; i++) {
		ob->offsets[i] = at;
		at += ob->entry.frames[i].stored;
	}
	return ST_OK;
}

/* The header lies behind what is stored; the two are read together when they are small. */
static int read_header(struct st_obj *ob, struct st_err *e)
{
	const struct st_loc *l = &ob->loc;
	bool small = l->stored <= SMALL_ENTRY && l->head <= SMALL_ENTRY;
	size_t skip = small ? (size_t)l->stored : 0, n = skip + l->head;
	uint64_t at;
	uint8_t *p;
	int rc;

	if (!st_add_u64(l->offset, l->stored, &at) || l->head > st_entry_head_max(l->raw))
		return st_fail(e, ST_ECORRUPT, "it has a header of %" PRIu32 " bytes", l->head);
	p = st_malloc(n, e);
	if (!p)
		return e->code;
	rc = st_obj_raw_read(ob, p, n, at - skip, e);
	if (rc == ST_OK)
		rc = check_header(ob, p + skip, l->head, e);
	if (rc == ST_OK)
		rc = lay_out(ob, e);
	if (rc != ST_OK || !small) {
		free(p);
		return rc;
	}
	ob->small = p;
	ob->small_len = n;
	return ST_OK;
}

static int find_entry(struct st_obj *ob, const struct st_oid *id, enum st_entry_kind kind,
		      st_find_fn find, void *arg, struct st_err *e)
{
	char hex[ST_OID_HEX + 1];
	bool found = false;
	int rc = ST_OK;

	if (find)
		rc = find(arg, id, kind, &ob->loc, &ob->blob, &found, e);
	if (rc == ST_OK && !found)
		rc = st_catalog_loc_find(ob->odb->cat, id, kind, &ob->loc, &found, e);
	if (rc == ST_OK && !found) {
		st_oid_hex(id, hex);
		rc = st_fail(e, ST_ENOTFOUND, "no object %s in the repository", hex);
	}
	return rc;
}

static int open_once(struct st_obj **out, struct st_odb *o, const struct st_oid *id,
		     enum st_entry_kind kind, unsigned above, st_find_fn find, void *arg,
		     struct st_err *e)
{
	struct st_obj *ob = st_calloc(1, sizeof(*ob), e);
	int rc;

	*out = NULL;
	if (!ob)
		return e->code;
	ob->odb = o;
	rc = find_entry(ob, id, kind, find, arg, e);
	if (rc == ST_OK) {
		rc = read_header(ob, e);
		if (rc == ST_ENOTFOUND && !ob->blob) {
			/* The pack vanished: gc moved its entries; the catalogue knows where. */
			st_err_clear(e);
			rc = find_entry(ob, id, kind, find, arg, e);
			rc = rc == ST_OK ? read_header(ob, e) : rc;
			if (rc == ST_ENOTFOUND)
				e->code = rc = ST_ECORRUPT;
		}
		if (rc == ST_OK && ob->entry.depth >= above)
			rc = st_fail(e, ST_ECORRUPT, "its depth %u is not below %u",
				     ob->entry.depth, above);
		if (rc == ST_OK && ob->entry.depth)
			rc = open_once(&ob->base, o, &ob->entry.base, ST_ENTRY_DATA,
				       ob->entry.depth, find, arg, e);
		if (rc != ST_OK)
			rc = fail_at(ob, e);
	}
	if (rc != ST_OK)
		st_obj_close(ob);
	else
		*out = ob;
	return rc;
}

int st_entry_open(struct st_obj **out, struct st_odb *o, const struct st_oid *id,
		  enum st_entry_kind kind, st_find_fn find, void *arg, struct st_err *e)
{
	return open_once(out, o, id, kind, ST_MAX_DEPTH + 1, find, arg, e);
}

int st_obj_open(struct st_obj **out, struct st_odb *o, const struct st_oid *id, struct st_err *e)
{
	return st_entry_open(out, o, id, ST_ENTRY_DATA, NULL, NULL, e);
}

void st_obj_close(struct st_obj *ob)
{
	if (!ob)
		return;
	st_obj_close(ob->base); /* depth bounds the recursion */
	st_entry_release(&ob->entry);
	free(ob->offsets);
	free(ob->small);
	free(ob);
}

uint64_t st_obj_size(const struct st_obj *ob)
{
	return ob->entry.raw;
}

unsigned st_obj_depth(const struct st_obj *ob)
{
	return ob->entry.depth;
}

uint64_t st_obj_stored(const struct st_obj *ob)
{
	return ob->entry.stored;
}

bool st_obj_place(const struct st_obj *ob, struct st_oid *pack, struct st_index_row *row)
{
	*pack = ob->loc.pack;
	*row = (struct st_index_row){ .id = ob->loc.id,
				      .kind = ob->loc.kind,
				      .width = ob->loc.width,
				      .depth = ob->loc.depth,
				      .flags = ob->entry.flags,
				      .offset = ob->loc.offset,
				      .raw = ob->loc.raw,
				      .stored = ob->loc.stored,
				      .head = ob->loc.head,
				      .nframes = ob->entry.nframes,
				      .base = ob->loc.base };
	return !ob->blob;
}

struct st_obj *st_obj_base(const struct st_obj *ob)
{
	return ob->base;
}

const struct st_entry *st_obj_entry(const struct st_obj *ob)
{
	return &ob->entry;
}

static size_t frame_len(const struct st_obj *ob, uint64_t i)
{
	uint64_t left = ob->entry.raw - i * ST_FRAME_LEN;

	return left < ST_FRAME_LEN ? (size_t)left : ST_FRAME_LEN;
}

static int verify(const struct st_obj *ob, uint64_t i, const uint8_t *p, size_t n, struct st_err *e)
{
	uint8_t cv[ST_OID_LEN];

	if (ob->entry.nframes == 1)
		st_blake3(p, n, cv);
	else
		st_blake3_subtree(p, n, i * (ST_FRAME_LEN / 1024), cv);
	if (memcmp(cv, ob->entry.frames[i].cv, ST_OID_LEN) != 0)
		return st_fail(e, ST_ECORRUPT, "frame %" PRIu64 " does not have its hash", i);
	return ST_OK;
}

/* The entries whose stored bytes give a frame: its own, then those that it is a difference against,
 * down to one that stands by itself. */
struct chain {
	const struct st_obj *at[ST_MAX_DEPTH + 1];
	unsigned n;
};

/* A frame that equals the base's is read there. Depth falls with every step, so there is room. */
static int find_chain(struct chain *c, const struct st_obj *ob, uint64_t i, size_t n,
		      struct st_err *e)
{
	unsigned coding;

	for (c->n = 0;; ob = ob->base) {
		if (!ob || i >= ob->entry.nframes || frame_len(ob, i) != n)
			return st_fail(e, ST_ECORRUPT,
				       "frame %" PRIu64 " has no base frame of its size", i);
		coding = ob->entry.frames[i].coding;
		if (coding == ST_CODING_SAME)
			continue;
		ST_BUG_ON(c->n == sizeof(c->at) / sizeof(*c->at));
		c->at[c->n++] = ob;
		if (!st_codec_get(coding)->needs_base)
			return ST_OK;
	}
}

/* Frame i of one entry, from what it stores and, if it needs that, the base's frame. */
static int load_stored(const struct st_obj *h, struct st_codec_state *s, uint64_t i,
		       const uint8_t *base, uint8_t *dst, size_t n, struct st_err *e)
{
	const struct st_frame_row *f = &h->entry.frames[i];
	uint8_t *room;
	int rc;

	if (f->coding == ST_CODING_RAW)
		return st_obj_raw_read(h, dst, n, h->offsets[i], e);
	room = st_codec_room(s, ST_ROOM_STORED, e);
	if (!room)
		return e->code;
	rc = st_obj_raw_read(h, room, f->stored, h->offsets[i], e);
	if (rc == ST_OK)
		rc = st_frame_decode(s, f->coding, room, f->stored, base, base ? n : 0,
				     h->entry.width, dst, n, e);
	return rc;
}

/*
 * From the end of the chain to its beginning; what comes out lies by turns in the room and in dst,
 * in dst at last. Only that is verified: the checksums of stored bytes are for scrubbing.
 */
static int load_frame(const struct st_obj *ob, struct st_codec_state *s, uint64_t i, uint8_t *dst,
		      size_t n, struct st_err *e)
{
	uint8_t *turns[2] = { dst, NULL };
	const uint8_t *base = NULL;
	struct chain c;
	int rc = find_chain(&c, ob, i, n, e);

	if (rc == ST_OK && c.n > 1) {
		turns[1] = st_codec_room(s, ST_ROOM_BASE, e);
		rc = e->code;
	}
	for (unsigned k = c.n; rc == ST_OK && k-- > 0;) {
		rc = load_stored(c.at[k], s, i, base, turns[k % 2], n, e);
		base = turns[k % 2];
	}
	if (rc != ST_OK && rc != ST_ENOTFOUND)
		st_wrap(e, "frame %" PRIu64, i);
	return rc;
}

/* The pack vanished after the object was opened: gc has moved the entry, the catalogue knows
 * where. */
static int frame_elsewhere(const struct st_obj *ob, struct st_codec_state *s, uint64_t i,
			   uint8_t *dst, struct st_err *e)
{
	struct st_obj *moved;
	size_t n = frame_len(ob, i);
	int rc = st_obj_open(&moved, ob->odb, &ob->loc.id, e);

	if (rc != ST_OK)
		return rc;
	rc = load_frame(moved, s, i, dst, n, e);
	if (rc == ST_ENOTFOUND)
		e->code = rc = ST_ECORRUPT;
	st_obj_close(moved);
	return rc;
}

int st_obj_frame(struct st_obj *ob, struct st_codec_state *s, uint64_t i, uint8_t *dst,
		 struct st_err *e)
{
	size_t n;
	int rc;

	ST_BUG_ON(i >= ob->entry.nframes);
	n = frame_len(ob, i);
	rc = load_frame(ob, s, i, dst, n, e);
	if (rc == ST_ENOTFOUND) {
		st_err_clear(e);
		rc = frame_elsewhere(ob, s, i, dst, e);
	}
	if (rc == ST_OK)
		rc = verify(ob, i, dst, n, e);
	return rc == ST_OK ? ST_OK : fail_at(ob, e);
}

/* Frame i in the state's own room, where it may lie already from the call before. */
static int frame_in_room(struct st_obj *ob, struct st_codec_state *s, uint64_t i, uint8_t **room,
			 struct st_err *e)
{
	struct st_codec_memo *m = st_codec_memo(s);
	int rc;

	*room = st_codec_room(s, ST_ROOM_FRAME, e);
	if (!*room)
		return e->code;
	if (m->set && m->frame == i && st_oid_eq(&m->id, &ob->loc.id))
		return ST_OK;
	m->set = false;
	rc = st_obj_frame(ob, s, i, *room, e);
	if (rc == ST_OK)
		*m = (struct st_codec_memo){ .set = true, .id = ob->loc.id, .frame = i };
	return rc;
}

int st_obj_pread(struct st_obj *ob, struct st_codec_state *s, void *dst, size_t n, uint64_t off,
		 struct st_err *e)
{
	uint8_t *room, *out = dst;
	size_t skip, take, len;
	uint64_t i;
	int rc = ST_OK;

	if (off > ob->entry.raw || n > ob->entry.raw - off)
		return st_fail(e, ST_EUSAGE, "range beyond the object's %" PRIu64 " bytes",
			       ob->entry.raw);
	for (; rc == ST_OK && n; out += take, off += take, n -= take) {
		i = off / ST_FRAME_LEN;
		skip = (size_t)(off % ST_FRAME_LEN);
		len = frame_len(ob, i);
		take = len - skip < n ? len - skip : n;
		if (take == len) {
			rc = st_obj_frame(ob, s, i, out, e);
		} else {
			rc = frame_in_room(ob, s, i, &room, e);
			if (rc == ST_OK)
				memcpy(out, room + skip, take);
		}
	}
	return rc;
}

int st_obj_all(struct st_obj *ob, struct st_buf *out, struct st_err *e)
{
	struct st_codec_state *s = NULL;
	size_t n;
	uint64_t i;
	int rc = st_size(ob->entry.raw, &n, e);

	if (rc == ST_OK)
		rc = st_buf_room(out, n, e);
	if (rc == ST_OK)
		rc = st_codec_state_new(&s, e);
	for (i = 0; rc == ST_OK && i < ob->entry.nframes; i++) {
		rc = st_obj_frame(ob, s, i, out->p + out->len, e);
		if (rc == ST_OK)
			out->len += frame_len(ob, i);
	}
	st_codec_state_free(s);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pack_write.h"

#include "base/blake3.h"

int st_odb_open(struct st_odb **out, struct st_store *store, struct st_catalog *cat,
		struct st_err *e)
{
	struct st_odb *o = st_calloc(1, sizeof(*o), e);

	*out = o;
	if (!o)
		return e->code;
	o->store = store;
	o->cat = cat;
	return ST_OK;
}

void st_odb_close(struct st_odb *o)
{
	free(o);
}

struct st_store *st_odb_store(struct st_odb *o)
{
	return o->store;
}

struct st_catalog *st_odb_catalog(struct st_odb *o)
{
	return o->cat;
}

int st_odb_has(struct st_odb *o, const struct st_oid *id, enum st_entry_kind kind, bool *has,
	       struct st_err *e)
{
	struct st_loc loc;

	return st_catalog_loc_find(o->cat, id, kind, &loc, has, e);
}

int st_odb_recipe(struct st_odb *o, const struct st_oid *file, struct st_oid *manifest,
		  struct st_err *e)
{
	struct st_loc loc;
	bool found;
	int rc = st_catalog_loc_find(o->cat, file, ST_ENTRY_RECIPE, &loc, &found, e);

	if (rc == ST_OK && !found)
		return st_fail(e, ST_ENOTFOUND, "no recipe");
	if (rc == ST_OK)
		*manifest = loc.base;
	return rc;
}

int st_odb_get(struct st_odb *o, const struct st_oid *id, struct st_buf *out, struct st_err *e)
{
	struct st_obj *ob;
	int rc = st_obj_open(&ob, o, id, e);

	if (rc != ST_OK)
		return rc;
	rc = st_obj_all(ob, out, e);
	st_obj_close(ob);
	return rc;
}

/* ---- whole packs ---- */

static int read_index(struct st_odb *o, const char *name, const struct st_pack_trailer *t,
		      struct st_pack_index *out, struct st_err *e)
{
	struct st_oid hash;
	uint8_t *p;
	size_t n;
	int rc = st_size(t->index_len, &n, e);

	if (rc != ST_OK)
		return rc;
	p = st_malloc(n, e);
	if (!p)
		return e->code;
	rc = st_store_pread(o->store, name, p, n, t->index_offset, e);
	if (rc == ST_OK) {
		st_oid_of(&hash, p, n);
		if (!st_oid_eq(&hash, &t->index_hash))
			rc = st_fail(e, ST_ECORRUPT, "the pack's index does not have its hash");
	}
	if (rc == ST_OK)
		rc = st_pack_index_parse(out, p, n, t->pack_len, e);
	free(p);
	return rc;
}

int st_odb_pack_index(struct st_odb *o, const struct st_oid *pack, struct st_pack_index *out,
		      uint64_t *pack_len, struct st_err *e)
{
	char name[ST_PACK_NAME_LEN + 1];
	uint8_t head[ST_PACK_HEADER], tail[ST_PACK_TRAILER];
	struct st_pack_trailer t;
	int rc;

	*out = (struct st_pack_index){ 0 };
	st_pack_name(pack, name);
	rc = st_store_size(o->store, name, pack_len, e);
	if (rc == ST_OK && *pack_len < ST_PACK_HEADER + ST_PACK_TRAILER)
		rc = st_fail(e, ST_ECORRUPT, "a pack of only %" PRIu64 " bytes", *pack_len);
	if (rc == ST_OK)
		rc = st_store_pread(o->store, name, head, sizeof(head), 0, e);
	if (rc == ST_OK)
		rc = st_pack_header_parse(head, sizeof(head), e);
	if (rc == ST_OK)
		rc = st_store_pread(o->store, name, tail, sizeof(tail), *pack_len - sizeof(tail), e);
	if (rc == ST_OK)
		rc = st_pack_trailer_parse(&t, tail, *pack_len, e);
	if (rc == ST_OK && !st_oid_eq(&t.index_hash, pack))
		rc = st_fail(e, ST_ECORRUPT, "the pack's name is not its index's hash");
	if (rc == ST_OK)
		rc = read_index(o, name, &t, out, e);
	return rc == ST_OK ? ST_OK : st_wrap(e, "pack %s", name);
}

void st_row_to_loc(struct st_loc *loc, const struct st_oid *pack, const struct st_index_row *r)
{
	*loc = (struct st_loc){ .id = r->id,
				.pack = *pack,
				.base = r->base,
				.kind = r->kind,
				.width = r->width,
				.depth = r->depth,
				.offset = r->offset,
				.raw = r->raw,
				.stored = r->stored,
				.nframes = r->nframes };
	memcpy(loc->check, r->check, sizeof(loc->check));
}

int st_odb_learn_pack(struct st_odb *o, const struct st_oid *pack, struct st_err *e)
{
	struct st_pack_index x;
	struct st_loc loc;
	uint64_t len;
	int64_t key;
	size_t i;
	bool known;
	int rc = st_catalog_pack_known(o->cat, pack, &known, e);

	if (rc != ST_OK || known) /* two operations may name one pack */
		return rc;
	rc = st_odb_pack_index(o, pack, &x, &len, e);
	if (rc != ST_OK)
		return rc;
	rc = st_catalog_pack_add(o->cat, pack, len, x.n, &key, e);
	for (i = 0; rc == ST_OK && i < x.n; i++) {
		st_row_to_loc(&loc, pack, &x.rows[i]);
		rc = st_catalog_loc_add(o->cat, key, &loc, e);
	}
	st_pack_index_release(&x);
	return rc;
}

/* ---- scrub ---- */

struct scrub {
	struct st_odb *o;
	const char *name;
	int (*cb)(void *arg, const struct st_oid *id, uint64_t offset, const char *what,
		  struct st_err *e);
	void *arg;
	uint64_t *bytes;
	uint8_t *buf;
};

static int fault(struct scrub *s, const struct st_index_row *r, uint64_t offset, const char *what,
		 struct st_err *e)
{
	return s->cb(s->arg, &r->id, offset, what, e);
}

static bool frame_ok(const struct st_entry *en, uint32_t i, const uint8_t *p)
{
	const struct st_frame_row *f = &en->frames[i];
	uint8_t cv[ST_OID_LEN];

	if (f->coding != ST_CODING_RAW)
		return st_stored_check(p, f->stored) == f->check;
	if (en->nframes == 1)
		st_blake3(p, f->stored, cv);
	else
		st_blake3_subtree(p, f->stored, (uint64_t)i * (ST_FRAME_LEN / 1024), cv);
	return memcmp(cv, f->cv, sizeof(cv)) == 0;
}

static int scrub_frames(struct scrub *s, const struct st_index_row *r, const struct st_entry *en,
			uint64_t at, struct st_err *e)
{
	struct st_err bad = { 0 };
	uint32_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < en->nframes; i++) {
		if (st_store_pread(s->o->store, s->name, s->buf, en->frames[i].stored, at, &bad) !=
		    ST_OK) {
			rc = fault(s, r, at, bad.msg, e);
			st_err_clear(&bad);
		} else if (!frame_ok(en, i, s->buf)) {
			rc = fault(s, r, at, "stored bytes do not have their checksum", e);
		}
		*s->bytes += en->frames[i].stored;
		at += en->frames[i].stored;
	}
	return rc;
}

static int scrub_entry(struct scrub *s, const struct st_index_row *r, struct st_err *e)
{
	struct st_err bad = { 0 };
	uint8_t hash[ST_OID_LEN], *p;
	struct st_entry en;
	size_t n;
	int rc = st_size(ST_ENTRY_FIXED + (uint64_t)r->nframes * ST_FRAME_ROW, &n, e);

	p = rc == ST_OK ? st_malloc(n, e) : NULL;
	if (!p)
		return e->code;
	if (st_store_pread(s->o->store, s->name, p, n, r->offset, &bad) == ST_OK) {
		st_blake3(p, n, hash);
		if (memcmp(hash, r->check, sizeof(r->check)) != 0)
			st_fail(&bad, ST_ECORRUPT, "the entry's header does not match the index");
		else if (st_entry_parse(&en, p, n, &bad) == ST_OK) {
			rc = scrub_frames(s, r, &en, r->offset + n, e);
			st_entry_release(&en);
		}
	}
	free(p);
	*s->bytes += n;
	return bad.code == ST_OK ? rc : fault(s, r, r->offset, bad.msg, e);
}

int st_odb_scrub_pack(struct st_odb *o, const struct st_oid *pack,
		      int (*cb)(void *arg, const struct st_oid *id, uint64_t offset,
				const char *what, struct st_err *e),
		      void *arg, uint64_t *bytes, struct st_err *e)
{
	static const struct st_oid none;
	char name[ST_PACK_NAME_LEN + 1];
	struct scrub s = { .o = o, .name = name, .cb = cb, .arg = arg, .bytes = bytes };
	struct st_err bad = { 0 };
	struct st_pack_index x;
	uint64_t len;
	size_t i;
	int rc;

	st_pack_name(pack, name);
	if (st_odb_pack_index(o, pack, &x, &len, &bad) != ST_OK)
		return cb(arg, &none, 0, bad.msg, e);
	s.buf = st_malloc(ST_FRAME_LEN, e);
	rc = s.buf ? ST_OK : (int)e->code;
	for (i = 0; rc == ST_OK && i < x.n; i++)
		rc = scrub_entry(&s, &x.rows[i], e);
	free(s.buf);
	st_pack_index_release(&x);
	return rc;
}

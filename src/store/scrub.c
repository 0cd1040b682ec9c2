/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every byte of a pack against its checksum, without decoding, so without the bases. Index and
 * trailer are held to the pack's name, headers of entries to their checksum and the index, frames
 * to the headers.
 */
#include "store/pack_write.h"

#include "base/blake3.h"

struct scrub {
	struct st_odb *o;
	const char *name;
	int (*cb)(void *arg, const struct st_oid *id, uint64_t offset, const char *what,
		  struct st_err *e);
	void *arg;
	uint64_t *bytes;
	uint8_t *buf;
};

/* A damaged place is reported; what has nothing to do with the pack ends the scrub. */
static int report(struct scrub *s, const struct st_oid *id, uint64_t offset,
		  const struct st_err *bad, struct st_err *e)
{
	if (bad->code == ST_ENOMEM || bad->code == ST_EBUG) {
		*e = *bad;
		return bad->code;
	}
	return s->cb(s->arg, id, offset, bad->msg, e);
}

static bool frame_ok(const struct st_entry *en, uint32_t i, const uint8_t *p)
{
	const struct st_frame_row *f = &en->frames[i];
	uint8_t cv[ST_OID_LEN];

	if (f->coding != ST_CODING_RAW)
		return st_frame_check(f->coding, p, f->stored) == f->check;
	if (en->nframes == 1)
		st_blake3(p, f->stored, cv);
	else
		st_blake3_subtree(p, f->stored, (uint64_t)i * (ST_FRAME_LEN / 1024), cv);
	return memcmp(cv, f->cv, sizeof(cv)) == 0;
}

static int scrub_frames(struct scrub *s, const struct st_entry *en, uint64_t at, struct st_err *e)
{
	uint32_t i, n;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < en->nframes; i++, at += n) {
		struct st_err bad = { 0 };

		n = en->frames[i].stored;
		if (st_store_pread(s->o->store, s->name, s->buf, n, at, &bad) == ST_OK &&
		    !frame_ok(en, i, s->buf))
			st_fail(&bad, ST_ECORRUPT,
				"the stored bytes of frame %" PRIu32 " do not have their checksum",
				i);
		if (bad.code != ST_OK)
			rc = report(s, &en->id, at, &bad, e);
		*s->bytes += n;
	}
	return rc;
}

static int read_head(struct scrub *s, const struct st_index_row *r, uint8_t *p, struct st_entry *en,
		     struct st_err *bad)
{
	if (st_store_pread(s->o->store, s->name, p, r->head, r->offset + r->stored, bad) != ST_OK ||
	    st_entry_parse(en, &r->id, &r->base, p, r->head, bad) != ST_OK)
		return bad->code;
	if (en->kind == r->kind && en->stored == r->stored && en->raw == r->raw &&
	    en->width == r->width && en->depth == r->depth && en->flags == r->flags &&
	    st_oid_eq(&en->base, &r->base))
		return ST_OK;
	st_entry_release(en);
	return st_fail(bad, ST_ECORRUPT, "the entry's header is not what the index says");
}

static int scrub_entry(struct scrub *s, const struct st_index_row *r, struct st_err *e)
{
	uint8_t *p = st_malloc(r->head, e);
	struct st_err bad = { 0 };
	struct st_entry en;
	int rc;

	if (!p)
		return e->code;
	rc = read_head(s, r, p, &en, &bad);
	free(p);
	*s->bytes += r->head;
	if (rc != ST_OK)
		return report(s, &r->id, r->offset + r->stored, &bad, e);
	rc = scrub_frames(s, &en, r->offset, e);
	st_entry_release(&en);
	return rc;
}

/* Rows say where entries begin by how long they are: no byte belongs to none. */
static int scrub_rows(struct scrub *s, const struct st_pack_index *x, uint64_t len,
		      struct st_err *e)
{
	uint64_t end = ST_PACK_HEADER;
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < x->n; i++) {
		rc = scrub_entry(s, &x->rows[i], e);
		end = x->rows[i].offset + x->rows[i].stored + x->rows[i].head;
	}
	*s->bytes += ST_PACK_HEADER + (len - end);
	return rc;
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
	int rc;

	st_pack_name(pack, name);
	if (st_odb_pack_index(o, pack, &x, &len, &bad) != ST_OK)
		return report(&s, &none, 0, &bad, e);
	s.buf = st_malloc(ST_FRAME_LEN, e);
	rc = s.buf ? scrub_rows(&s, &x, len, e) : (int)e->code;
	free(s.buf);
	st_pack_index_release(&x);
	return rc;
}

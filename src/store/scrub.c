/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every byte of a pack against its checksum, without decoding, so without the bases. Index and
 * trailer are held to the pack's name, headers of entries to the index, frames to the headers;
 * and entries must lie back to back, so that no byte belongs to none of them.
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

static int scrub_frames(struct scrub *s, const struct st_index_row *r, const struct st_entry *en,
			uint64_t at, struct st_err *e)
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
			rc = report(s, &r->id, at, &bad, e);
		*s->bytes += n;
	}
	return rc;
}

static int read_head(struct scrub *s, const struct st_index_row *r, uint8_t *p, size_t n,
		     struct st_entry *en, struct st_err *bad)
{
	uint8_t hash[ST_OID_LEN];

	if (st_store_pread(s->o->store, s->name, p, n, r->offset, bad) != ST_OK)
		return bad->code;
	st_blake3(p, n, hash);
	if (memcmp(hash, r->check, sizeof(r->check)) != 0)
		return st_fail(bad, ST_ECORRUPT, "the entry's header does not match the index");
	if (st_entry_parse(en, p, n, bad) != ST_OK)
		return bad->code;
	if (st_oid_eq(&en->id, &r->id) && en->kind == r->kind && en->stored == r->stored &&
	    en->raw == r->raw)
		return ST_OK;
	st_entry_release(en);
	return st_fail(bad, ST_ECORRUPT, "the entry is not the one that the index names");
}

static int scrub_entry(struct scrub *s, const struct st_index_row *r, struct st_err *e)
{
	struct st_err bad = { 0 };
	struct st_entry en;
	uint8_t *p;
	size_t n;
	int rc = st_size(ST_ENTRY_FIXED + (uint64_t)r->nframes * ST_FRAME_ROW, &n, e);

	p = rc == ST_OK ? st_malloc(n, e) : NULL;
	if (!p)
		return e->code;
	rc = read_head(s, r, p, n, &en, &bad);
	free(p);
	*s->bytes += n;
	if (rc != ST_OK)
		return report(s, &r->id, r->offset, &bad, e);
	rc = scrub_frames(s, r, &en, r->offset + n, e);
	st_entry_release(&en);
	return rc;
}

static int by_offset(const void *a, const void *b)
{
	const struct st_index_row *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int check_place(struct scrub *s, const struct st_oid *id, uint64_t at, uint64_t end,
		       struct st_err *e)
{
	struct st_err bad = { 0 };

	if (at == end)
		return ST_OK;
	st_fail(&bad, ST_ECORRUPT, "entries do not lie back to back: one ends at %" PRIu64, end);
	return report(s, id, at, &bad, e);
}

static int scrub_rows(struct scrub *s, struct st_pack_index *x, uint64_t len, struct st_err *e)
{
	static const struct st_oid none;
	uint64_t tail = ST_INDEX_HEAD + x->n * (uint64_t)ST_INDEX_ROW +
			x->nbases * (uint64_t)ST_OID_LEN + ST_PACK_TRAILER;
	uint64_t end = ST_PACK_HEADER;
	size_t i;
	int rc = ST_OK;

	if (x->n)
		qsort(x->rows, x->n, sizeof(*x->rows), by_offset);
	*s->bytes += ST_PACK_HEADER + tail;
	for (i = 0; rc == ST_OK && i < x->n; i++) {
		const struct st_index_row *r = &x->rows[i];

		rc = check_place(s, &r->id, r->offset, end, e);
		if (rc == ST_OK)
			rc = scrub_entry(s, r, e);
		end = r->offset + ST_ENTRY_FIXED + r->nframes * (uint64_t)ST_FRAME_ROW + r->stored;
	}
	return rc == ST_OK ? check_place(s, &none, len - tail, end, e) : rc;
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

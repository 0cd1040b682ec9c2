/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pack.h"

#include "base/blake3.h"
#include "codec/codec.h"

#include <stdio.h>

static const char pack_magic[8] = "STRAPACK", index_magic[8] = "STRAPIDX",
		  end_magic[8] = "STRAPEND";
static const char entry_magic[4] = "SENT";

#define PACK_VERSION 1

uint64_t st_frames_of(uint64_t raw)
{
	return raw / ST_FRAME_LEN + (raw % ST_FRAME_LEN != 0);
}

void st_pack_header_put(uint8_t out[ST_PACK_HEADER])
{
	memset(out, 0, ST_PACK_HEADER);
	memcpy(out, pack_magic, 8);
	st_put32(out + 8, PACK_VERSION);
}

int st_pack_header_parse(const uint8_t *p, size_t len, struct st_err *e)
{
	size_t i;

	if (len < ST_PACK_HEADER || memcmp(p, pack_magic, 8) != 0)
		return st_fail(e, ST_ECORRUPT, "not a pack: bad magic at offset 0");
	if (st_get32(p + 8) != PACK_VERSION)
		return st_fail(e, ST_ECORRUPT,
			       "pack version %" PRIu32 " is unknown: written by a newer strata?",
			       st_get32(p + 8));
	for (i = 12; i < ST_PACK_HEADER; i++)
		if (p[i])
			return st_fail(e, ST_ECORRUPT, "reserved byte at offset %zu is not 0", i);
	return ST_OK;
}

static void put_frame(uint8_t row[ST_FRAME_ROW], const struct st_frame_row *f)
{
	memset(row, 0, ST_FRAME_ROW);
	row[0] = f->coding;
	st_put32(row + 4, f->stored);
	st_put64(row + 8, f->check);
	memcpy(row + 16, f->cv, ST_OID_LEN);
}

/*
 *	0 "SENT"  4 kind  5 width  6 depth  7 flags  8 id (32)  40 raw  48 stored  56 base (32)
 *	88 nframes  92 phase  96 cipher  100 number  104 key  112 bundle frame
 *	116 bundle offset  120.. 0
 */
int st_entry_put(struct st_buf *out, const struct st_entry *en, uint8_t check[16], struct st_err *e)
{
	uint8_t fixed[ST_ENTRY_FIXED] = { 0 }, row[ST_FRAME_ROW], hash[ST_OID_LEN];
	size_t from = out->len;
	uint32_t i;
	int rc;

	memcpy(fixed, entry_magic, 4);
	fixed[4] = en->kind;
	fixed[5] = en->width;
	fixed[6] = en->depth;
	fixed[7] = en->flags;
	memcpy(fixed + 8, en->id.b, ST_OID_LEN);
	st_put64(fixed + 40, en->raw);
	st_put64(fixed + 48, en->stored);
	memcpy(fixed + 56, en->base.b, ST_OID_LEN);
	st_put32(fixed + 88, en->nframes);
	st_put32(fixed + 100, en->number);
	rc = st_buf_add(out, fixed, sizeof(fixed), e);
	for (i = 0; rc == ST_OK && i < en->nframes; i++) {
		put_frame(row, &en->frames[i]);
		rc = st_buf_add(out, row, sizeof(row), e);
	}
	if (rc == ST_OK) {
		st_blake3(out->p + from, out->len - from, hash);
		memcpy(check, hash, 16);
	}
	return rc;
}

static int check_fixed(const struct st_entry *en, const uint8_t *p, struct st_err *e)
{
	size_t i;

	if (en->kind != ST_ENTRY_DATA && en->kind != ST_ENTRY_RECIPE)
		return st_fail(e, ST_ECORRUPT, "entry of unknown kind %u", en->kind);
	if (en->width != 1 && en->width != 2 && en->width != 4 && en->width != 8)
		return st_fail(e, ST_ECORRUPT, "entry with elements of %u bytes", en->width);
	if (en->kind == ST_ENTRY_RECIPE && en->depth)
		return st_fail(e, ST_ECORRUPT, "a recipe of depth %u", en->depth);
	if ((en->depth != 0) != !st_oid_is_zero(&en->base))
		return st_fail(e, ST_ECORRUPT, "entry of depth %u with%s a base", en->depth,
			       st_oid_is_zero(&en->base) ? "out" : "");
	if (st_frames_of(en->raw) != en->nframes)
		return st_fail(e, ST_ECORRUPT, "%" PRIu64 " bytes in %" PRIu32 " frames", en->raw,
			       en->nframes);
	if (en->number && !en->depth)
		return st_fail(e, ST_ECORRUPT, "change %" PRIu32 " without a base", en->number);
	if (en->flags & ~ST_ENTRY_FLAGS)
		return st_fail(e, ST_ECORRUPT,
			       "an entry with unknown flags %u: written by a newer strata?",
			       en->flags);
	for (i = 92; i < ST_ENTRY_FIXED; i++)
		if (p[i] && (i < 100 || i >= 104))
			return st_fail(e, ST_ECORRUPT,
				       "reserved byte %zu of an entry is not 0: written by a newer "
				       "strata?",
				       i);
	return ST_OK;
}

/* What is stored, as far as it can be told from the row. */
static bool plausible(const struct st_frame_row *f, uint64_t raw, unsigned width)
{
	switch ((enum st_coding)f->coding) {
	case ST_CODING_RAW:
		return f->stored == raw && f->check == 0;
	case ST_CODING_CONST:
		return f->stored == width && raw % width == 0;
	case ST_CODING_SAME:
		return f->stored == 0 && f->check == 0;
	default:
		return f->stored > 0 && f->stored < raw;
	}
}

static int get_frame(struct st_frame_row *f, const uint8_t *p, uint64_t raw,
		     const struct st_entry *en, struct st_err *e)
{
	f->coding = p[0];
	f->stored = st_get32(p + 4);
	f->check = st_get64(p + 8);
	memcpy(f->cv, p + 16, ST_OID_LEN);
	if (p[1] || p[2] || p[3])
		return st_fail(e, ST_ECORRUPT, "a frame's reserved bytes are not 0");
	if (!st_codec_get(f->coding))
		return st_fail(e, ST_ECORRUPT, "frame of unknown coding %u: a newer strata's?",
			       f->coding);
	if (!plausible(f, raw, en->width) ||
	    (en->kind == ST_ENTRY_RECIPE && f->coding != ST_CODING_RAW))
		return st_fail(e, ST_ECORRUPT, "a %s frame of %" PRIu64 " bytes stored in %" PRIu32,
			       st_codec_get(f->coding)->name, raw, f->stored);
	return ST_OK;
}

static int get_frames(struct st_entry *en, const uint8_t *p, struct st_err *e)
{
	uint64_t left = en->raw, sum = 0, n;
	bool needs_base = false;
	uint32_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < en->nframes; i++, left -= n) {
		n = left < ST_FRAME_LEN ? left : ST_FRAME_LEN;
		rc = get_frame(&en->frames[i], p + (size_t)i * ST_FRAME_ROW, n, en, e);
		sum += en->frames[i].stored;
		needs_base |= rc == ST_OK && st_codec_get(en->frames[i].coding)->needs_base;
	}
	if (rc == ST_OK && sum != en->stored)
		rc = st_fail(e, ST_ECORRUPT, "frames of %" PRIu64 " bytes in an entry of %" PRIu64,
			     sum, en->stored);
	if (rc == ST_OK && needs_base && !en->depth)
		rc = st_fail(e, ST_ECORRUPT, "a frame refers to a base that the entry lacks");
	return rc;
}

int st_entry_parse(struct st_entry *en, const uint8_t *p, size_t len, struct st_err *e)
{
	int rc;

	*en = (struct st_entry){ 0 };
	if (len < ST_ENTRY_FIXED || memcmp(p, entry_magic, 4) != 0)
		return st_fail(e, ST_ECORRUPT, "no entry starts there");
	en->kind = p[4];
	en->width = p[5];
	en->depth = p[6];
	en->flags = p[7];
	memcpy(en->id.b, p + 8, ST_OID_LEN);
	en->raw = st_get64(p + 40);
	en->stored = st_get64(p + 48);
	memcpy(en->base.b, p + 56, ST_OID_LEN);
	en->nframes = st_get32(p + 88);
	en->number = st_get32(p + 100);
	rc = check_fixed(en, p, e);
	if (rc != ST_OK)
		return rc;
	if (len - ST_ENTRY_FIXED != (uint64_t)en->nframes * ST_FRAME_ROW)
		return st_fail(e, ST_ECORRUPT, "%zu bytes for a frame table of %" PRIu32 " rows",
			       len - ST_ENTRY_FIXED, en->nframes);
	en->frames = st_calloc(en->nframes, sizeof(*en->frames), e);
	if (!en->frames)
		return e->code;
	rc = get_frames(en, p + ST_ENTRY_FIXED, e);
	if (rc != ST_OK)
		st_entry_release(en);
	return rc;
}

void st_entry_release(struct st_entry *en)
{
	free(en->frames);
	*en = (struct st_entry){ 0 };
}

static int by_id(const void *a, const void *b)
{
	const struct st_index_row *x = a, *y = b;
	int c = st_oid_cmp(&x->id, &y->id);

	if (c == 0)
		c = (int)x->kind - (int)y->kind;
	if (c == 0)
		c = x->offset < y->offset ? -1 : x->offset > y->offset;
	return c;
}

/*
 *	0 id (32)  32 kind  33 width  34 depth  35 flags  36 nframes  40 offset  48 raw  56 stored
 *	64 base (32)  96 check (16)  112.. 0
 */
static void put_row(uint8_t out[ST_INDEX_ROW], const struct st_index_row *r)
{
	memset(out, 0, ST_INDEX_ROW);
	memcpy(out, r->id.b, ST_OID_LEN);
	out[32] = r->kind;
	out[33] = r->width;
	out[34] = r->depth;
	out[35] = r->flags;
	st_put32(out + 36, r->nframes);
	st_put64(out + 40, r->offset);
	st_put64(out + 48, r->raw);
	st_put64(out + 56, r->stored);
	memcpy(out + 64, r->base.b, ST_OID_LEN);
	memcpy(out + 96, r->check, 16);
}

int st_pack_index_put(struct st_buf *out, struct st_index_row *rows, size_t n,
		      const struct st_oid *bases, size_t nbases, struct st_err *e)
{
	uint8_t row[ST_INDEX_ROW];
	uint64_t stored = 0;
	size_t i;
	int rc;

	if (n)
		qsort(rows, n, sizeof(*rows), by_id);
	for (i = 0; i < n; i++)
		stored += rows[i].stored;
	rc = st_buf_add(out, index_magic, 8, e);
	if (rc == ST_OK)
		rc = st_buf_u64(out, n, e);
	if (rc == ST_OK)
		rc = st_buf_u64(out, nbases, e);
	if (rc == ST_OK)
		rc = st_buf_u64(out, stored, e);
	for (i = 0; rc == ST_OK && i < n; i++) {
		put_row(row, &rows[i]);
		rc = st_buf_add(out, row, sizeof(row), e);
	}
	for (i = 0; rc == ST_OK && i < nbases; i++)
		rc = st_buf_add(out, bases[i].b, ST_OID_LEN, e);
	return rc;
}

static int check_row(const struct st_index_row *r, uint64_t pack_len, struct st_err *e)
{
	uint64_t end, table = ST_ENTRY_FIXED + (uint64_t)r->nframes * ST_FRAME_ROW;

	if (r->kind != ST_ENTRY_DATA && r->kind != ST_ENTRY_RECIPE)
		return st_fail(e, ST_ECORRUPT, "an index row of unknown kind %u", r->kind);
	if (r->nframes != st_frames_of(r->raw))
		return st_fail(e, ST_ECORRUPT,
			       "an index row of %" PRIu64 " bytes in %" PRIu32 " frames", r->raw,
			       r->nframes);
	if (r->kind == ST_ENTRY_DATA && (r->depth != 0) != !st_oid_is_zero(&r->base))
		return st_fail(e, ST_ECORRUPT, "an index row of depth %u with%s a base", r->depth,
			       st_oid_is_zero(&r->base) ? "out" : "");
	if (!st_add_u64(r->offset, table, &end) || !st_add_u64(end, r->stored, &end) ||
	    end > pack_len || r->offset < ST_PACK_HEADER)
		return st_fail(e, ST_ECORRUPT,
			       "an index row points outside the pack of %" PRIu64 " bytes: offset "
			       "%" PRIu64 ", %" PRIu64 " bytes",
			       pack_len, r->offset, r->stored);
	return ST_OK;
}

static int get_row(struct st_index_row *r, const uint8_t *p, uint64_t pack_len, struct st_err *e)
{
	size_t i;

	memcpy(r->id.b, p, ST_OID_LEN);
	r->kind = p[32];
	r->width = p[33];
	r->depth = p[34];
	r->flags = p[35];
	r->nframes = st_get32(p + 36);
	r->offset = st_get64(p + 40);
	r->raw = st_get64(p + 48);
	r->stored = st_get64(p + 56);
	memcpy(r->base.b, p + 64, ST_OID_LEN);
	memcpy(r->check, p + 96, 16);
	for (i = 112; i < ST_INDEX_ROW; i++)
		if (p[i] || r->flags & ~ST_ENTRY_FLAGS)
			return st_fail(e, ST_ECORRUPT, "an index row's reserved bytes are not 0");
	return check_row(r, pack_len, e);
}

static void get_rows(struct st_pack_index *x, struct st_rd *rd, uint64_t n, uint64_t pack_len)
{
	const uint8_t *b;
	uint64_t sum = 0;
	uint64_t i;

	for (i = 0; st_rd_ok(rd) && i < n; i++) {
		b = st_rd_bytes(rd, ST_INDEX_ROW);
		if (b && get_row(&x->rows[i], b, pack_len, rd->err) == ST_OK)
			sum += x->rows[i].stored;
		if (i && st_rd_ok(rd) && by_id(&x->rows[i - 1], &x->rows[i]) >= 0)
			st_fail(rd->err, ST_ECORRUPT,
				"pack index rows are not sorted at row %" PRIu64, i);
	}
	if (st_rd_ok(rd) && sum != x->stored)
		st_fail(rd->err, ST_ECORRUPT, "the pack index's sum of stored bytes is wrong");
}

static void get_bases(struct st_pack_index *x, struct st_rd *rd, uint64_t n)
{
	const uint8_t *b;
	uint64_t i;

	for (i = 0; st_rd_ok(rd) && i < n; i++) {
		b = st_rd_bytes(rd, ST_OID_LEN);
		if (b)
			memcpy(x->bases[i].b, b, ST_OID_LEN);
		if (b && i && st_oid_cmp(&x->bases[i - 1], &x->bases[i]) >= 0)
			st_fail(rd->err, ST_ECORRUPT,
				"pack index bases are not sorted at number %" PRIu64, i);
	}
}

int st_pack_index_parse(struct st_pack_index *out, const uint8_t *p, size_t len, uint64_t pack_len,
			struct st_err *e)
{
	uint64_t n, nbases;
	struct st_rd rd;
	const uint8_t *b;

	*out = (struct st_pack_index){ 0 };
	st_rd_init(&rd, p, len, e);
	b = st_rd_bytes(&rd, 8);
	if (b && memcmp(b, index_magic, 8) != 0)
		st_fail(e, ST_ECORRUPT, "no pack index at its offset");
	n = st_rd_count(&rd, ST_INDEX_ROW, UINT64_MAX);
	nbases = st_rd_count(&rd, ST_OID_LEN, UINT64_MAX);
	out->stored = st_rd_u64(&rd);
	/* Neither product can wrap: both counts were held against len. */
	if (st_rd_ok(&rd) && (uint64_t)st_rd_left(&rd) != n * ST_INDEX_ROW + nbases * ST_OID_LEN)
		st_fail(e, ST_ECORRUPT, "a pack index of %zu bytes for %" PRIu64 " rows", len, n);
	if (st_rd_ok(&rd)) {
		out->rows = st_calloc((size_t)n, sizeof(*out->rows), e);
		out->bases = st_calloc((size_t)nbases, sizeof(*out->bases), e);
	}
	get_rows(out, &rd, n, pack_len);
	get_bases(out, &rd, nbases);
	if (e->code != ST_OK) {
		st_pack_index_release(out);
		return e->code;
	}
	out->n = (size_t)n;
	out->nbases = (size_t)nbases;
	return ST_OK;
}

void st_pack_index_release(struct st_pack_index *x)
{
	free(x->rows);
	free(x->bases);
	*x = (struct st_pack_index){ 0 };
}

void st_pack_trailer_put(uint8_t out[ST_PACK_TRAILER], const struct st_pack_trailer *t)
{
	st_put64(out, t->index_offset);
	st_put64(out + 8, t->index_len);
	memcpy(out + 16, t->index_hash.b, ST_OID_LEN);
	st_put64(out + 48, t->pack_len);
	memcpy(out + 56, end_magic, 8);
}

int st_pack_trailer_parse(struct st_pack_trailer *t, const uint8_t *p, uint64_t pack_len,
			  struct st_err *e)
{
	uint64_t end;

	if (pack_len < ST_PACK_HEADER + ST_PACK_TRAILER)
		return st_fail(e, ST_ECORRUPT, "a pack of only %" PRIu64 " bytes", pack_len);
	t->index_offset = st_get64(p);
	t->index_len = st_get64(p + 8);
	memcpy(t->index_hash.b, p + 16, ST_OID_LEN);
	t->pack_len = st_get64(p + 48);
	if (memcmp(p + 56, end_magic, 8) != 0)
		return st_fail(e, ST_ECORRUPT, "the pack has no trailer at its end");
	if (t->pack_len != pack_len)
		return st_fail(e, ST_ECORRUPT, "the pack has %" PRIu64 " bytes, not %" PRIu64,
			       pack_len, t->pack_len);
	if (!st_add_u64(t->index_offset, t->index_len, &end) || end != pack_len - ST_PACK_TRAILER ||
	    t->index_offset < ST_PACK_HEADER)
		return st_fail(e, ST_ECORRUPT, "the pack's index lies outside it");
	return ST_OK;
}

void st_pack_name(const struct st_oid *pack, char out[ST_PACK_NAME_LEN + 1])
{
	char hex[ST_OID_HEX + 1];

	st_oid_hex(pack, hex);
	snprintf(out, ST_PACK_NAME_LEN + 1, "%s.pack", hex);
}

bool st_pack_name_parse(struct st_oid *pack, const char *name)
{
	return strlen(name) == ST_PACK_NAME_LEN && strcmp(name + ST_OID_HEX, ".pack") == 0 &&
	       st_oid_parse(pack, name, ST_OID_HEX);
}

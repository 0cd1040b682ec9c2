/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pack.h"

#include "base/blake3.h"
#include "base/map.h"
#include "codec/codec.h"

#include <stdio.h>

static const char pack_magic[8] = "STRAPACK", index_magic[8] = "STRAPIDX",
		  end_magic[8] = "STRAPEND";

#define PACK_VERSION 2

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
			       "pack version %" PRIu32 " is unknown: written by another strata?",
			       st_get32(p + 8));
	for (i = 12; i < ST_PACK_HEADER; i++)
		if (p[i])
			return st_fail(e, ST_ECORRUPT, "reserved byte at offset %zu is not 0", i);
	return ST_OK;
}

/* Of an entry without frames; and of each frame. */
#define HEAD_MAX (1 + 10 + ST_OID_LEN + 1 + 5 + 10 + 8)
#define FRAME_MAX (1 + 5 + 8 + ST_OID_LEN)

#define TAG_KIND 0x03
#define TAG_WIDTH 2 /* shift of two bits: its logarithm */
#define TAG_FLAGS 4 /* shift of two bits */
#define TAG_BASE 0x40
#define TAG_MORE 0x80 /* members that this version does not know */

static uint8_t tag_of(unsigned kind, unsigned width, unsigned flags, bool base)
{
	unsigned log = width == 8 ? 3 : width >> 1;

	return (uint8_t)(kind | log << TAG_WIDTH | flags << TAG_FLAGS | (base ? TAG_BASE : 0));
}

/* A recipe is of width 1, has no flags, and a base: its manifest. */
static int get_tag(uint8_t tag, uint8_t *kind, uint8_t *width, uint8_t *flags, struct st_err *e)
{
	*kind = tag & TAG_KIND;
	*width = (uint8_t)(1U << (tag >> TAG_WIDTH & 3));
	*flags = tag >> TAG_FLAGS & ST_ENTRY_FLAGS;
	if (tag & TAG_MORE)
		return st_fail(e, ST_ECORRUPT,
			       "an entry with unknown members: written by a newer strata?");
	if (*kind != ST_ENTRY_DATA && *kind != ST_ENTRY_RECIPE)
		return st_fail(e, ST_ECORRUPT, "an entry of unknown kind %u", *kind);
	if (*kind == ST_ENTRY_RECIPE && (tag & ~TAG_KIND) != TAG_BASE)
		return st_fail(e, ST_ECORRUPT, "a recipe of tag %u", tag);
	return ST_OK;
}

uint64_t st_entry_head_max(uint64_t raw)
{
	return HEAD_MAX + st_frames_of(raw) * FRAME_MAX;
}

/* How long a header is that has n bytes before its length: that counts itself and the check. */
static size_t put_length(uint8_t out[10], size_t n)
{
	size_t k, i, len;

	for (k = 1;; k++) {
		len = n + k + 8;
		if (k == 10 || len >> (7 * k) == 0)
			break;
	}
	for (i = 0; i < k; i++)
		out[k - 1 - i] = (uint8_t)((len >> (7 * i) & 0x7f) | (i + 1 < k ? 0x80 : 0));
	return k;
}

/* The id is in it, so that a row which names another is noticed, and of a recipe the manifest. */
static uint64_t check_of(const struct st_oid *id, const struct st_oid *manifest, const uint8_t *p,
			 size_t n)
{
	uint8_t hash[ST_OID_LEN];
	struct st_blake3 h;

	st_blake3_init(&h);
	st_blake3_update(&h, id->b, ST_OID_LEN);
	if (manifest)
		st_blake3_update(&h, manifest->b, ST_OID_LEN);
	st_blake3_update(&h, p, n);
	st_blake3_final(&h, hash);
	return st_get64(hash);
}

/* What the row's coding does not say already. */
static int put_frame(struct st_buf *b, const struct st_frame_row *f, bool only, struct st_err *e)
{
	bool told = f->coding == ST_CODING_RAW || f->coding == ST_CODING_CONST ||
		    f->coding == ST_CODING_SAME;
	int rc = st_buf_add(b, &f->coding, 1, e);

	if (rc == ST_OK && !told)
		rc = st_buf_varint(b, f->stored, e);
	if (rc == ST_OK && f->coding != ST_CODING_RAW && f->coding != ST_CODING_SAME)
		rc = st_buf_u64(b, f->check, e);
	if (rc == ST_OK && !only)
		rc = st_buf_add(b, f->cv, ST_OID_LEN, e);
	return rc;
}

int st_entry_put(struct st_buf *out, const struct st_entry *en, struct st_err *e)
{
	bool base = !st_oid_is_zero(&en->base), recipe = en->kind == ST_ENTRY_RECIPE;
	uint8_t tag = tag_of(en->kind, en->width, en->flags, base), length[10];
	size_t from = out->len;
	uint32_t i;
	int rc = st_buf_add(out, &tag, 1, e);

	if (rc == ST_OK)
		rc = st_buf_varint(out, en->raw, e);
	if (rc == ST_OK && base && !recipe)
		rc = st_buf_add(out, en->base.b, ST_OID_LEN, e);
	if (rc == ST_OK && base && !recipe)
		rc = st_buf_add(out, &en->depth, 1, e);
	if (rc == ST_OK && base && !recipe)
		rc = st_buf_varint(out, en->number, e);
	for (i = 0; rc == ST_OK && i < en->nframes; i++)
		rc = put_frame(out, &en->frames[i], en->nframes == 1, e);
	if (rc == ST_OK)
		rc = st_buf_add(out, length, put_length(length, out->len - from), e);
	if (rc == ST_OK)
		rc = st_buf_u64(out,
				check_of(&en->id, recipe ? &en->base : NULL, out->p + from,
					 out->len - from),
				e);
	return rc;
}

/* What is stored, as far as it can be told from the row. */
static bool plausible(const struct st_frame_row *f, uint64_t raw, unsigned width)
{
	switch ((enum st_coding)f->coding) {
	case ST_CODING_RAW:
		return f->stored == raw;
	case ST_CODING_CONST:
		return f->stored == width && raw % width == 0;
	case ST_CODING_SAME:
		return f->stored == 0;
	default:
		return f->stored > 0 && f->stored < raw;
	}
}

static uint64_t get_stored(struct st_rd *rd, unsigned coding, uint64_t raw, unsigned width)
{
	switch ((enum st_coding)coding) {
	case ST_CODING_RAW:
		return raw;
	case ST_CODING_CONST:
		return width;
	case ST_CODING_SAME:
		return 0;
	default:
		return st_rd_varint(rd);
	}
}

static void get_frame(struct st_frame_row *f, struct st_rd *rd, uint64_t raw,
		      const struct st_entry *en)
{
	const uint8_t *cv;
	uint64_t stored;

	f->coding = st_rd_u8(rd);
	if (st_rd_ok(rd) && !st_codec_get(f->coding))
		st_fail(rd->err, ST_ECORRUPT, "frame of unknown coding %u: a newer strata's?",
			f->coding);
	if (!st_rd_ok(rd))
		return;
	stored = get_stored(rd, f->coding, raw, en->width);
	f->stored = stored <= ST_FRAME_LEN ? (uint32_t)stored : UINT32_MAX;
	if (f->coding != ST_CODING_RAW && f->coding != ST_CODING_SAME)
		f->check = st_rd_u64(rd);
	cv = en->nframes == 1 ? en->id.b : st_rd_bytes(rd, ST_OID_LEN);
	if (cv)
		memcpy(f->cv, cv, ST_OID_LEN);
	if (st_rd_ok(rd) && !plausible(f, raw, en->width))
		st_fail(rd->err, ST_ECORRUPT, "a %s frame of %" PRIu64 " bytes stored in %" PRIu64,
			st_codec_get(f->coding)->name, raw, stored);
}

static void get_frames(struct st_entry *en, struct st_rd *rd)
{
	uint64_t left = en->raw, n;
	uint32_t i;

	for (i = 0; st_rd_ok(rd) && i < en->nframes; i++, left -= n) {
		n = left < ST_FRAME_LEN ? left : ST_FRAME_LEN;
		get_frame(&en->frames[i], rd, n, en);
		en->stored += en->frames[i].stored;
		if (st_rd_ok(rd) && st_codec_get(en->frames[i].coding)->needs_base && !en->depth)
			st_fail(rd->err, ST_ECORRUPT,
				"a frame refers to a base that the entry lacks");
	}
}

static void get_base(struct st_entry *en, struct st_rd *rd)
{
	const uint8_t *id = st_rd_bytes(rd, ST_OID_LEN);
	uint64_t number;

	if (id)
		memcpy(en->base.b, id, ST_OID_LEN);
	en->depth = st_rd_u8(rd);
	number = st_rd_varint(rd);
	en->number = (uint32_t)number;
	if (st_rd_ok(rd) && (st_oid_is_zero(&en->base) || number > UINT32_MAX || en->depth == 0))
		st_fail(rd->err, ST_ECORRUPT, "an entry of depth %u, change %" PRIu64, en->depth,
			number);
}

static void get_entry(struct st_entry *en, struct st_rd *rd)
{
	uint8_t tag = st_rd_u8(rd);
	uint64_t nframes;

	en->raw = st_rd_varint(rd);
	if (!st_rd_ok(rd) || get_tag(tag, &en->kind, &en->width, &en->flags, rd->err) != ST_OK)
		return;
	if (tag & TAG_BASE && en->kind == ST_ENTRY_DATA)
		get_base(en, rd);
	nframes = st_frames_of(en->raw);
	/* Each takes a byte at least, so the header's length bounds what is allocated. */
	if (st_rd_ok(rd) && (nframes > st_rd_left(rd) || nframes > UINT32_MAX ||
			     (en->kind == ST_ENTRY_RECIPE && nframes)))
		st_fail(rd->err, ST_ECORRUPT, "%" PRIu64 " bytes in a header of %zu", en->raw,
			rd->len);
	if (!st_rd_ok(rd))
		return;
	en->frames = st_calloc((size_t)nframes, sizeof(*en->frames), rd->err);
	en->nframes = en->frames ? (uint32_t)nframes : 0;
	get_frames(en, rd);
}

int st_entry_parse(struct st_entry *en, const struct st_oid *id, const struct st_oid *base,
		   const uint8_t *p, size_t len, struct st_err *e)
{
	bool recipe = len && (p[0] & TAG_KIND) == ST_ENTRY_RECIPE;
	uint8_t length[10];
	struct st_rd rd;
	size_t k;

	*en = (struct st_entry){ .id = *id };
	if (len < 8 || check_of(id, recipe ? base : NULL, p, len - 8) != st_get64(p + len - 8))
		return st_fail(e, ST_ECORRUPT, "its header does not have its checksum");
	st_rd_init(&rd, p, len - 8, e);
	get_entry(en, &rd);
	if (recipe)
		en->base = *base;
	k = put_length(length, rd.pos);
	if (st_rd_ok(&rd) && (st_rd_left(&rd) != k || memcmp(p + rd.pos, length, k) != 0))
		st_fail(e, ST_ECORRUPT, "its header says that it has another length than %zu", len);
	if (e->code != ST_OK)
		st_entry_release(en);
	return e->code;
}

void st_entry_release(struct st_entry *en)
{
	free(en->frames);
	*en = (struct st_entry){ 0 };
}

/* Number of the first data row of each id, counted from 1. */
static int map_rows(struct st_map *map, const struct st_index_row *rows, size_t n, struct st_err *e)
{
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < n; i++)
		if (rows[i].kind == ST_ENTRY_DATA &&
		    !st_map_get(map, rows[i].id.b, ST_OID_LEN, NULL))
			rc = st_map_put(map, rows[i].id.b, ST_OID_LEN, i + 1, NULL, NULL, e);
	return rc;
}

static int put_ref(struct st_buf *out, const struct st_map *map, const struct st_oid *base,
		   struct st_err *e)
{
	uint64_t ref = 0;
	int rc;

	if (!st_map_get(map, base->b, ST_OID_LEN, &ref))
		ref = 0;
	rc = st_buf_varint(out, ref, e);
	return rc == ST_OK && !ref ? st_buf_add(out, base->b, ST_OID_LEN, e) : rc;
}

static int put_row(struct st_buf *out, const struct st_index_row *r, const struct st_map *map,
		   struct st_err *e)
{
	bool base = !st_oid_is_zero(&r->base);
	uint8_t tag = tag_of(r->kind, r->width, r->flags, base);
	int rc = st_buf_add(out, r->id.b, ST_OID_LEN, e);

	if (rc == ST_OK)
		rc = st_buf_add(out, &tag, 1, e);
	if (rc == ST_OK)
		rc = st_buf_varint(out, r->raw, e);
	if (rc == ST_OK)
		rc = st_buf_varint(out, r->stored, e);
	if (rc == ST_OK)
		rc = st_buf_varint(out, r->head, e);
	if (rc == ST_OK && base && r->kind == ST_ENTRY_DATA)
		rc = st_buf_add(out, &r->depth, 1, e);
	return rc == ST_OK && base ? put_ref(out, map, &r->base, e) : rc;
}

int st_pack_index_put(struct st_buf *out, const struct st_index_row *rows, size_t n,
		      struct st_err *e)
{
	uint64_t stored = 0, at = ST_PACK_HEADER;
	struct st_map map;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		if (rows[i].offset != at)
			return st_fail(e, ST_EBUG,
				       "entries do not lie back to back: one ends at "
				       "%" PRIu64,
				       at);
		at += rows[i].stored + rows[i].head;
		stored += rows[i].stored;
	}
	st_map_init(&map);
	rc = map_rows(&map, rows, n, e);
	if (rc == ST_OK)
		rc = st_buf_add(out, index_magic, 8, e);
	if (rc == ST_OK)
		rc = st_buf_u64(out, n, e);
	if (rc == ST_OK)
		rc = st_buf_u64(out, stored, e);
	for (i = 0; rc == ST_OK && i < n; i++)
		rc = put_row(out, &rows[i], &map, e);
	st_map_release(&map);
	return rc;
}

static void check_row(const struct st_index_row *r, uint64_t head, struct st_rd *rd)
{
	if (r->kind == ST_ENTRY_RECIPE && (r->raw || r->stored))
		st_fail(rd->err, ST_ECORRUPT, "an index row of a recipe of %" PRIu64 " bytes",
			r->raw);
	else if (st_frames_of(r->raw) > UINT32_MAX || head > UINT32_MAX ||
		 head > st_entry_head_max(r->raw))
		st_fail(rd->err, ST_ECORRUPT,
			"an index row of %" PRIu64 " bytes with a header of %" PRIu64, r->raw,
			head);
}

/* ref: of the base, a row counted from 1; 0: it is in r already, or there is none. */
static void get_row(struct st_index_row *r, uint64_t *ref, struct st_rd *rd, uint64_t n)
{
	const uint8_t *id = st_rd_bytes(rd, ST_OID_LEN);
	uint8_t tag = st_rd_u8(rd);
	uint64_t head;

	if (!st_rd_ok(rd) || get_tag(tag, &r->kind, &r->width, &r->flags, rd->err) != ST_OK)
		return;
	memcpy(r->id.b, id, ST_OID_LEN);
	if (st_oid_is_zero(&r->id))
		st_fail(rd->err, ST_ECORRUPT, "an index row without an id");
	r->raw = st_rd_varint(rd);
	r->stored = st_rd_varint(rd);
	head = st_rd_varint(rd);
	if (st_rd_ok(rd))
		check_row(r, head, rd);
	r->head = (uint32_t)head;
	r->nframes = (uint32_t)st_frames_of(r->raw);
	if (!(tag & TAG_BASE))
		return;
	if (r->kind == ST_ENTRY_DATA)
		r->depth = st_rd_u8(rd);
	*ref = st_rd_varint(rd);
	if (*ref == 0 && (id = st_rd_bytes(rd, ST_OID_LEN)))
		memcpy(r->base.b, id, ST_OID_LEN);
	if (st_rd_ok(rd) && (*ref > n || (r->kind == ST_ENTRY_DATA && !r->depth) ||
			     (*ref == 0 && st_oid_is_zero(&r->base))))
		st_fail(rd->err, ST_ECORRUPT, "an index row of depth %u with base %" PRIu64,
			r->depth, *ref);
}

/* end: where the index begins, which is where the last entry ends. */
static void place_rows(struct st_pack_index *x, const uint64_t *refs, uint64_t end,
		       struct st_err *e)
{
	uint64_t at = ST_PACK_HEADER, sum = 0;
	size_t i;

	for (i = 0; e->code == ST_OK && i < x->n; i++) {
		struct st_index_row *r = &x->rows[i];

		r->offset = at;
		if (!st_add_u64(at, r->stored, &at) || !st_add_u64(at, r->head, &at) || at > end)
			st_fail(e, ST_ECORRUPT,
				"an index row points outside the pack: offset %" PRIu64 ", %" PRIu64
				" bytes",
				r->offset, r->stored);
		sum += r->stored;
		if (refs[i] && x->rows[refs[i] - 1].kind != ST_ENTRY_DATA)
			st_fail(e, ST_ECORRUPT, "an index row names a recipe as its base");
		if (refs[i])
			r->base = x->rows[refs[i] - 1].id;
	}
	if (e->code == ST_OK && at != end)
		st_fail(e, ST_ECORRUPT,
			"the last entry ends at %" PRIu64 ", the index begins at "
			"%" PRIu64,
			at, end);
	if (e->code == ST_OK && sum != x->stored)
		st_fail(e, ST_ECORRUPT, "the pack index's sum of stored bytes is wrong");
}

static uint64_t index_head(struct st_pack_index *x, struct st_rd *rd)
{
	const uint8_t *magic = st_rd_bytes(rd, 8);
	uint64_t n;

	if (magic && memcmp(magic, index_magic, 8) != 0)
		st_fail(rd->err, ST_ECORRUPT, "no pack index at its offset");
	n = st_rd_count(rd, ST_INDEX_ROW, UINT32_MAX);
	x->stored = st_rd_u64(rd);
	return n;
}

int st_pack_index_parse(struct st_pack_index *out, const uint8_t *p, size_t len, uint64_t offset,
			struct st_err *e)
{
	uint64_t *refs = NULL;
	struct st_rd rd;
	uint64_t n, i;

	*out = (struct st_pack_index){ 0 };
	st_rd_init(&rd, p, len, e);
	n = index_head(out, &rd);
	if (st_rd_ok(&rd)) {
		out->rows = st_calloc((size_t)n, sizeof(*out->rows), e);
		refs = st_calloc((size_t)n, sizeof(*refs), e);
		out->n = (size_t)n;
	}
	for (i = 0; st_rd_ok(&rd) && i < n; i++)
		get_row(&out->rows[i], &refs[i], &rd, n);
	st_rd_end(&rd);
	place_rows(out, refs, offset, e);
	free(refs);
	if (e->code != ST_OK)
		st_pack_index_release(out);
	return e->code;
}

void st_pack_index_release(struct st_pack_index *x)
{
	free(x->rows);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantised blocks by their parts (blocks.h), each in a coding of its own, on its own or against
 * the same part of the base's blocks.
 *
 *	u8 type; varint skip: bytes before the first whole block; these; the bytes behind the last
 *	for each part: u8 coding, varint n, n bytes
 */
#include "codec/blocks.h"
#include "codec/codec_state.h"

#include <string.h>

struct blocks {
	struct st_codec_state *s;
	struct st_codec_work *w;
	struct st_block_parts parts;
	size_t skip, n; /* bytes before the first block, blocks */
	bool used_base;
};

static size_t tail_at(const struct blocks *b)
{
	return b->skip + b->n * b->parts.bytes;
}

/* How many bytes a coding takes; it is written where o stands, and does not count yet. 0: it does
 * not apply, or does not fit. */
static int try_coding(struct blocks *b, const struct st_frame_in *in, enum st_coding coding,
		      const struct st_put *o, size_t at, size_t cap, size_t *len, struct st_err *e)
{
	int rc = ST_ENO;

	*len = 0;
	cap = at < o->cap && cap > o->cap - at ? o->cap - at : cap;
	if (at < o->cap)
		rc = st_codec_get(coding)->encode(b->s, in, o->p + at, cap, len, e);
	if (rc == ST_ENO)
		*len = 0;
	return rc == ST_ENO ? ST_OK : rc;
}

/*
 * Where few values changed these alone may be less than a difference of all. The head that is still
 * to come before the bytes has at most 5.
 */
static int best_coding(struct blocks *b, const struct st_frame_in *in, const struct st_put *o,
		       enum st_coding *coding, size_t *len, struct st_err *e)
{
	static const enum st_coding alone[] = { ST_CODING_CONST, ST_CODING_PLANES,
						ST_CODING_ZPLANES };
	size_t at = o->at + 5, other = 0;
	int rc = ST_OK;

	*coding = ST_CODING_DELTA;
	*len = 0;
	if (in->base && st_delta_estimate(b->s, in) < st_planes_estimate(b->s, in))
		rc = try_coding(b, in, ST_CODING_DELTA, o, at, in->n - 1, len, e);
	if (rc == ST_OK && in->base) {
		rc = try_coding(b, in, ST_CODING_SPARSE, o, at + *len, *len ? *len : in->n - 1,
				&other, e);
		if (rc == ST_OK && other && (!*len || other < *len)) {
			memmove(o->p + at, o->p + at + *len, other);
			*len = other;
			*coding = ST_CODING_SPARSE;
		}
	}
	for (size_t i = 0; rc == ST_OK && !*len && i < sizeof(alone) / sizeof(*alone); i++) {
		*coding = alone[i];
		rc = try_coding(b, in, alone[i], o, at, in->n - 1, len, e);
	}
	return rc;
}

static int put_part(struct blocks *b, struct st_frame_in *in, struct st_put *o, struct st_err *e)
{
	enum st_coding coding = ST_CODING_SAME;
	size_t len = 0;
	int rc = ST_OK;

	if (!in->base || memcmp(in->raw, in->base, in->n) != 0) {
		rc = best_coding(b, in, o, &coding, &len, e);
		if (!len)
			coding = ST_CODING_RAW;
	}
	if (rc != ST_OK)
		return rc;
	b->used_base = b->used_base || st_codec_get(coding)->needs_base;
	if (len) { /* what lies behind the head, which is shorter than there was room for */
		uint8_t head[5];
		struct st_put h = { .p = head, .cap = sizeof(head) };

		st_put_u8(&h, coding);
		st_put_varint(&h, len);
		memmove(o->p + o->at + h.at, o->p + o->at + 5, len);
		memcpy(o->p + o->at, head, h.at);
		o->at += h.at + len;
		return ST_OK;
	}
	st_put_u8(o, coding);
	st_put_varint(o, coding == ST_CODING_RAW ? in->n : 0);
	if (coding == ST_CODING_RAW)
		st_put_bytes(o, in->raw, in->n);
	return ST_OK;
}

static int put_all(struct blocks *b, const struct st_frame_in *in, bool with_base, struct st_put *o,
		   struct st_err *e)
{
	struct st_frame_in part = { .raw = b->w->part, .level = in->level, .row = 1 };
	int rc = ST_OK;

	st_put_u8(o, in->quant);
	st_put_varint(o, b->skip);
	st_put_bytes(o, in->raw, b->skip);
	st_put_bytes(o, in->raw + tail_at(b), in->n - tail_at(b));
	for (unsigned k = 0; rc == ST_OK && k < b->parts.nparts && !o->full; k++) {
		const struct st_part *p = &b->parts.part[k];

		part.n = p->count * b->n;
		part.width = p->width;
		part.number = p->number;
		st_part_take(&b->parts, p, in->raw + b->skip, b->n, b->w->part);
		if (with_base) {
			st_part_take(&b->parts, p, in->base + b->skip, b->n, b->w->part_base);
			part.base = b->w->part_base;
			part.base_n = part.n;
		}
		rc = put_part(b, &part, o, e);
	}
	return rc;
}

static int encode(struct st_codec_state *s, const struct st_frame_in *in, bool with_base,
		  uint8_t *out, size_t cap, size_t *len, struct st_err *e)
{
	struct blocks b = { .s = s, .w = st_codec_work(s, e) };
	struct st_put o = { .p = out, .cap = cap };
	int rc;

	if (!b.w)
		return e->code;
	if (in->width != 1 || (with_base && (!in->base || in->base_n != in->n)) ||
	    !st_block_parts(in->quant, &b.parts))
		return ST_ENO;
	b.skip = (b.parts.bytes - in->quant_at % b.parts.bytes) % b.parts.bytes;
	if (b.skip >= in->n)
		return ST_ENO;
	b.n = (in->n - b.skip) / b.parts.bytes;
	if (!b.n)
		return ST_ENO;
	rc = put_all(&b, in, with_base, &o, e);
	*len = o.at;
	if (rc != ST_OK)
		return rc;
	return o.full || b.used_base != with_base ? ST_ENO : ST_OK;
}

static int encode_alone(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out,
			size_t cap, size_t *len, struct st_err *e)
{
	return encode(s, in, false, out, cap, len, e);
}

static int encode_delta(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out,
			size_t cap, size_t *len, struct st_err *e)
{
	return encode(s, in, true, out, cap, len, e);
}

static int get_part(struct blocks *b, const struct st_part *p, const uint8_t *base, struct st_rd *r,
		    uint8_t *raw)
{
	size_t n = p->count * b->n;
	unsigned coding = st_rd_u8(r);
	uint64_t len = st_rd_varint(r);
	const uint8_t *bytes = st_rd_bytes(r, len);
	const struct st_codec *inner = st_codec_get(coding);
	int rc;

	if (!bytes)
		return r->err->code;
	if (coding > ST_CODING_SPARSE || (inner->needs_base && !base))
		return st_fail(r->err, ST_ECORRUPT, "a part in coding %u", coding);
	if (inner->needs_base)
		st_part_take(&b->parts, p, base + b->skip, b->n, b->w->part_base);
	rc = st_codec_decode(inner, b->s, bytes, (size_t)len, b->w->part_base, n, p->width,
			     b->w->part, n, r->err);
	if (rc == ST_OK && !st_part_put(&b->parts, p, b->w->part, b->n, raw + b->skip))
		rc = st_fail(r->err, ST_ECORRUPT, "a value has too many bits");
	return rc;
}

static int decode(struct st_codec_state *s, const uint8_t *p, size_t len, const uint8_t *base,
		  size_t base_n, unsigned width, uint8_t *raw, size_t n, struct st_err *e)
{
	struct blocks b = { .s = s, .w = st_codec_work(s, e) };
	const uint8_t *head, *tail;
	unsigned quant;
	uint64_t skip;
	struct st_rd r;
	int rc = ST_OK;

	if (!b.w)
		return e->code;
	st_rd_init(&r, p, len, e);
	quant = st_rd_u8(&r);
	skip = st_rd_varint(&r);
	if (!st_rd_ok(&r))
		return e->code;
	if (width != 1 || (base && base_n != n) || !st_block_parts(quant, &b.parts) ||
	    skip >= b.parts.bytes || skip > n || (n - skip) / b.parts.bytes == 0)
		return st_fail(e, ST_ECORRUPT, "%zu bytes of blocks of type %u", n, quant);
	b.skip = (size_t)skip;
	b.n = (n - b.skip) / b.parts.bytes;
	head = st_rd_bytes(&r, b.skip);
	tail = st_rd_bytes(&r, n - tail_at(&b));
	if (!st_rd_ok(&r))
		return e->code;
	memset(raw, 0, n);
	for (unsigned k = 0; rc == ST_OK && k < b.parts.nparts; k++)
		rc = get_part(&b, &b.parts.part[k], base, &r, raw);
	if (rc != ST_OK)
		return rc;
	st_rd_end(&r);
	memcpy(raw, head, b.skip);
	memcpy(raw + tail_at(&b), tail, n - tail_at(&b));
	return e->code;
}

const struct st_codec st_codec_blocks = {
	.name = "blocks",
	.coding = ST_CODING_BLOCKS,
	.encode = encode_alone,
	.decode = decode,
};

const struct st_codec st_codec_blocks_delta = {
	.name = "blocks-delta",
	.coding = ST_CODING_BLOCKS_DELTA,
	.needs_base = true,
	.encode = encode_delta,
	.decode = decode,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The base with a few elements replaced: how many, the gaps before each as varints, and the new
 * elements; both lists as blocks.
 */
#include "codec/codec_state.h"

#include <inttypes.h>
#include <string.h>

#define MOST(m) ((m) / 32) /* elements; beyond, their places cost more than the symbols of delta */
#define VARINT_MAX 3
#define SPAN 32 /* elements compared at once */
#define SAMPLE_SPANS 32

static inline uint64_t load(const uint8_t *p, unsigned w)
{
	return w == 1 ? *p : w == 2 ? st_get16(p) : w == 4 ? st_get32(p) : st_get64(p);
}

/* Whether so many changed, of some spread over the frame, that there is no hope. */
static bool too_many(const struct st_frame_in *in, size_t m)
{
	size_t step = m / SAMPLE_SPANS, n = 0;
	unsigned w = in->width;

	if (step < SPAN)
		return false;
	for (size_t at = 0; at + SPAN <= m; at += step)
		for (size_t i = at; i < at + SPAN; i++)
			n += load(in->raw + i * w, w) != load(in->base + i * w, w);
	return n > (size_t)SAMPLE_SPANS * SPAN / 8;
}

/* Gaps (never more than 3 bytes each) and elements; returns how many, or MOST(m) + 1: too many. */
static size_t collect(const struct st_frame_in *in, size_t m, uint8_t *gaps, size_t *gaps_len,
		      uint8_t *with)
{
	struct st_put o = { .p = gaps, .cap = ST_FRAME_LEN };
	size_t n = 0, last = 0;
	unsigned w = in->width;

	for (size_t i = 0; i < m; i++) {
		while (i % SPAN == 0 && i + SPAN <= m &&
		       memcmp(in->raw + i * w, in->base + i * w, SPAN * w) == 0)
			i += SPAN;
		if (i >= m || load(in->raw + i * w, w) == load(in->base + i * w, w))
			continue;
		if (n == MOST(m))
			return n + 1;
		st_put_varint(&o, i - last);
		memcpy(with + n++ * w, in->raw + i * w, w);
		last = i + 1;
	}
	*gaps_len = o.at;
	return n;
}

static int encode(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out, size_t cap,
		  size_t *len, struct st_err *e)
{
	size_t m = in->n / in->width, n, gaps_len = 0;
	struct st_put o = { .p = out, .cap = cap };
	struct st_codec_work *w;
	int rc;

	if (!in->base || in->base_n != in->n || too_many(in, m))
		return ST_ENO;
	w = st_codec_work(s, e);
	if (!w)
		return e->code;
	n = collect(in, m, w->sym, &gaps_len, w->mag);
	if (n > MOST(m))
		return ST_ENO;
	st_put_varint(&o, n);
	st_put_varint(&o, gaps_len);
	rc = st_codec_put_block(s, &o, w->sym, gaps_len, e);
	if (rc == ST_OK)
		rc = st_codec_put_block(s, &o, w->mag, n * in->width, e);
	st_put_bytes(&o, in->raw + m * in->width, in->n % in->width);
	*len = o.at;
	return rc != ST_OK ? rc : o.full ? ST_ENO : ST_OK;
}

static int apply(const struct st_codec_work *w, size_t n, size_t gaps_len, unsigned width,
		 uint8_t *raw, size_t m, struct st_err *e)
{
	struct st_rd gaps;
	uint64_t at = 0, gap;

	st_rd_init(&gaps, w->sym, gaps_len, e);
	for (size_t i = 0; i < n; i++, at++) {
		gap = st_rd_varint(&gaps);
		if (!st_rd_ok(&gaps))
			return e->code;
		if (gap >= m - at)
			return st_fail(e, ST_ECORRUPT, "an element behind the end");
		at += gap;
		memcpy(raw + at * width, w->mag + i * width, width);
	}
	st_rd_end(&gaps);
	return e->code;
}

static int decode(struct st_codec_state *s, const uint8_t *p, size_t len, const uint8_t *base,
		  size_t base_n, unsigned width, uint8_t *raw, size_t n, struct st_err *e)
{
	struct st_codec_work *w = st_codec_work(s, e);
	size_t m = n / width;
	uint64_t count, gaps_len;
	const uint8_t *tail;
	struct st_rd r;

	if (!w)
		return e->code;
	if (base_n != n)
		return st_fail(e, ST_ECORRUPT, "a frame of %zu bytes, but %zu in its base", n,
			       base_n);
	st_rd_init(&r, p, len, e);
	count = st_rd_varint(&r);
	gaps_len = st_rd_varint(&r);
	if (st_rd_ok(&r) && (count > MOST(m) || gaps_len > count * VARINT_MAX))
		return st_fail(e, ST_ECORRUPT, "%" PRIu64 " elements at %" PRIu64 " bytes", count,
			       gaps_len);
	if (!st_rd_ok(&r) || st_codec_get_block(s, &r, w->sym, (size_t)gaps_len) != ST_OK ||
	    st_codec_get_block(s, &r, w->mag, (size_t)count * width) != ST_OK)
		return e->code;
	tail = st_rd_bytes(&r, n % width);
	st_rd_end(&r);
	if (!st_rd_ok(&r))
		return e->code;
	memcpy(raw, base, m * width);
	memcpy(raw + m * width, tail, n % width);
	return apply(w, (size_t)count, (size_t)gaps_len, width, raw, m, e);
}

const struct st_codec st_codec_sparse = {
	.name = "sparse",
	.coding = ST_CODING_SPARSE,
	.needs_base = true,
	.encode = encode,
	.decode = decode,
};

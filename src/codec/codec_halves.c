/* SPDX-License-Identifier: Apache-2.0 */
/*
 * f32 numbers whose lower 16 bits are all zero, which is what bf16 ones become: their upper halves
 * in another coding, on their own or against the upper halves of a base that is such a frame too.
 *
 *	byte 0: the coding, then its bytes
 */
#include "codec/codec_state.h"

#include <string.h>

static bool lower_zero(const uint8_t *p, size_t n)
{
	uint32_t any = 0;

	for (size_t i = 0; i < n && !(any & 0xffff); i += 4)
		any |= st_get32(p + i);
	return !(any & 0xffff);
}

static void take_upper(uint8_t *out, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i += 4)
		st_put16(out + i / 2, st_get16(p + i + 2));
}

static int encode(struct st_codec_state *s, const struct st_frame_in *in, bool with_base,
		  uint8_t *out, size_t cap, size_t *len, struct st_err *e)
{
	struct st_codec_work *w;
	struct st_frame_in half;
	enum st_coding coding;
	size_t n;
	int rc;

	if (in->number != ST_NUM_F32 || in->n % 4 || cap <= in->n / 2 ||
	    !lower_zero(in->raw, in->n))
		return ST_ENO;
	if (with_base && (!in->base || in->base_n != in->n || !lower_zero(in->base, in->n)))
		return ST_ENO;
	w = st_codec_work(s, e);
	if (!w)
		return e->code;
	half = (struct st_frame_in){ .raw = w->half,
				     .n = in->n / 2,
				     .width = 2,
				     .level = in->level,
				     .number = ST_NUM_BF16,
				     .row = in->row,
				     .row_at = in->row_at };
	take_upper(w->half, in->raw, in->n);
	if (with_base) {
		take_upper(w->half_base, in->base, in->n);
		half.base = w->half_base;
		half.base_n = half.n;
	}
	rc = st_frame_encode(s, &half, ST_CODEC_DEFAULT, out + 1, &coding, &n, e);
	if (rc != ST_OK)
		return rc;
	if (st_codec_get(coding)->needs_base != with_base)
		return ST_ENO;
	if (coding == ST_CODING_RAW)
		memcpy(out + 1, w->half, n);
	out[0] = (uint8_t)coding;
	*len = 1 + n;
	return ST_OK;
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

static int decode(struct st_codec_state *s, const uint8_t *p, size_t len, const uint8_t *base,
		  size_t base_n, unsigned width, uint8_t *raw, size_t n, struct st_err *e)
{
	struct st_codec_work *w = st_codec_work(s, e);
	const struct st_codec *inner = len ? st_codec_get(p[0]) : NULL;
	int rc;

	if (!w)
		return e->code;
	if (width != 4 || n % 4 || (base && base_n != n))
		return st_fail(e, ST_ECORRUPT, "halves of %zu bytes, %u an element", n, width);
	if (!inner || inner->coding == ST_CODING_HALVES ||
	    inner->coding == ST_CODING_HALVES_DELTA || inner->needs_base != (base != NULL))
		return st_fail(e, ST_ECORRUPT, "halves in coding %u", len ? p[0] : 0u);
	if (base)
		take_upper(w->half_base, base, n);
	rc = st_codec_decode(inner, s, p + 1, len - 1, w->half_base, n / 2, 2, w->half, n / 2, e);
	for (size_t i = 0; rc == ST_OK && i < n; i += 4)
		st_put32(raw + i, (uint32_t)st_get16(w->half + i / 2) << 16);
	return rc;
}

const struct st_codec st_codec_halves = {
	.name = "halves",
	.coding = ST_CODING_HALVES,
	.encode = encode_alone,
	.decode = decode,
};

const struct st_codec st_codec_halves_delta = {
	.name = "halves-delta",
	.coding = ST_CODING_HALVES_DELTA,
	.needs_base = true,
	.encode = encode_delta,
	.decode = decode,
};

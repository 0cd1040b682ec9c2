/* SPDX-License-Identifier: Apache-2.0 */
/* terse, terse-delta: our canonical JSON, by itself or against the base's. */
#include "codec/codec_state.h"

#include "base/terse.h"

bool st_codec_is_json(const struct st_frame_in *in)
{
	return in->width == 1 && in->row == 0 && in->raw[0] == '{';
}

static int encode_any(const struct st_frame_in *in, const uint8_t *base, uint8_t *out, size_t cap,
		      size_t *len)
{
	if (!st_codec_is_json(in))
		return ST_ENO;
	*len = st_terse_encode(out, cap, in->raw, in->n, base, in->base_n);
	return *len ? ST_OK : ST_ENO;
}

static int encode(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out, size_t cap,
		  size_t *len, struct st_err *e)
{
	(void)s;
	(void)e;
	return encode_any(in, NULL, out, cap, len);
}

static int encode_delta(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out,
			size_t cap, size_t *len, struct st_err *e)
{
	(void)s;
	(void)e;
	if (!in->base || in->base_n != in->n)
		return ST_ENO;
	return encode_any(in, in->base, out, cap, len);
}

static int decode(struct st_codec_state *s, const uint8_t *p, size_t len, const uint8_t *base,
		  size_t base_n, unsigned width, uint8_t *raw, size_t n, struct st_err *e)
{
	size_t got;

	(void)s;
	(void)width;
	if (base && base_n != n)
		return st_fail(e, ST_ECORRUPT, "a frame of %zu bytes, but %zu in its base", n,
			       base_n);
	if (st_terse_decode(raw, n, &got, p, len, base, base_n, e) != ST_OK)
		return e->code;
	return got == n ? ST_OK : st_fail(e, ST_ECORRUPT, "%zu bytes, not %zu", got, n);
}

const struct st_codec st_codec_terse = {
	.name = "terse",
	.coding = ST_CODING_TERSE,
	.encode = encode,
	.decode = decode,
};

const struct st_codec st_codec_terse_delta = {
	.name = "terse-delta",
	.coding = ST_CODING_TERSE_DELTA,
	.needs_base = true,
	.encode = encode_delta,
	.decode = decode,
};

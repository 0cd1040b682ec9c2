/* SPDX-License-Identifier: Apache-2.0 */
/* Identical to the base's frame of the same number; nothing is stored. */
#include "codec/codec_state.h"

#include <string.h>

static int encode(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out, size_t cap,
		  size_t *len, struct st_err *e)
{
	(void)s;
	(void)out;
	(void)cap;
	(void)e;
	if (!in->base || in->base_n != in->n || memcmp(in->base, in->raw, in->n) != 0)
		return ST_ENO;
	*len = 0;
	return ST_OK;
}

static int decode(struct st_codec_state *s, const uint8_t *p, size_t len, const uint8_t *base,
		  size_t base_n, unsigned width, uint8_t *raw, size_t n, struct st_err *e)
{
	(void)s;
	(void)p;
	(void)width;
	if (len != 0)
		return st_fail(e, ST_ECORRUPT, "%zu stored bytes where the base's are meant", len);
	if (base_n != n)
		return st_fail(e, ST_ECORRUPT, "a frame of %zu bytes, but %zu in its base", n,
			       base_n);
	memcpy(raw, base, n);
	return ST_OK;
}

const struct st_codec st_codec_same = {
	.name = "same",
	.coding = ST_CODING_SAME,
	.needs_base = true,
	.encode = encode,
	.decode = decode,
};

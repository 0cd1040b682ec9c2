/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes as they are. */
#include "codec/codec_state.h"

#include <string.h>

static int encode(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out, size_t cap,
		  size_t *len, struct st_err *e)
{
	(void)s;
	(void)e;
	if (in->n > cap)
		return ST_ENO;
	memcpy(out, in->raw, in->n);
	*len = in->n;
	return ST_OK;
}

static int decode(struct st_codec_state *s, const uint8_t *p, size_t len, const uint8_t *base,
		  size_t base_n, unsigned width, uint8_t *raw, size_t n, struct st_err *e)
{
	(void)s;
	(void)base;
	(void)base_n;
	(void)width;
	if (len != n)
		return st_fail(e, ST_ECORRUPT, "%zu stored bytes for a raw frame of %zu", len, n);
	memcpy(raw, p, n);
	return ST_OK;
}

const struct st_codec st_codec_raw = {
	.name = "raw",
	.coding = ST_CODING_RAW,
	.encode = encode,
	.decode = decode,
};

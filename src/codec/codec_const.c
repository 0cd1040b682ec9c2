/* SPDX-License-Identifier: Apache-2.0 */
/* One element, repeated over the frame; stored once. */
#include "codec/codec_state.h"

#include <string.h>

static int encode(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out, size_t cap,
		  size_t *len, struct st_err *e)
{
	(void)s;
	(void)e;
	if (in->n % in->width || in->n < in->width || cap < in->width)
		return ST_ENO;
	/* Every byte equals the one an element further on; it ends at the first that does not. */
	if (memcmp(in->raw, in->raw + in->width, in->n - in->width) != 0)
		return ST_ENO;
	memcpy(out, in->raw, in->width);
	*len = in->width;
	return ST_OK;
}

static int decode(struct st_codec_state *s, const uint8_t *p, size_t len, const uint8_t *base,
		  size_t base_n, unsigned width, uint8_t *raw, size_t n, struct st_err *e)
{
	size_t done, step;

	(void)s;
	(void)base;
	(void)base_n;
	if (len != width || n % width || n < width)
		return st_fail(e, ST_ECORRUPT,
			       "%zu stored bytes for a constant frame of %zu bytes, %u an element",
			       len, n, width);
	memcpy(raw, p, width);
	for (done = width; done < n; done += step) {
		step = n - done < done ? n - done : done;
		memcpy(raw + done, raw, step);
	}
	return ST_OK;
}

const struct st_codec st_codec_const = {
	.name = "const",
	.coding = ST_CODING_CONST,
	.encode = encode,
	.decode = decode,
};

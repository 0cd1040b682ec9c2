/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/codec_state.h"

const struct st_codec *const st_codecs[ST_NCODINGS] = {
	[ST_CODING_RAW] = &st_codec_raw,
	[ST_CODING_CONST] = &st_codec_const,
	[ST_CODING_SAME] = &st_codec_same,
	[ST_CODING_ZPLANES] = &st_codec_zplanes,
	[ST_CODING_PLANES] = &st_codec_planes,
	[ST_CODING_DELTA] = &st_codec_delta,
	[ST_CODING_SPARSE] = &st_codec_sparse,
	[ST_CODING_HALVES] = &st_codec_halves,
	[ST_CODING_HALVES_DELTA] = &st_codec_halves_delta,
	[ST_CODING_BLOCKS] = &st_codec_blocks,
	[ST_CODING_BLOCKS_DELTA] = &st_codec_blocks_delta,
	[ST_CODING_TERSE] = &st_codec_terse,
	[ST_CODING_TERSE_DELTA] = &st_codec_terse_delta,
};

const struct st_codec *st_codec_get(unsigned coding)
{
	return coding < ST_NCODINGS ? st_codecs[coding] : NULL;
}

int st_codec_decode(const struct st_codec *c, struct st_codec_state *s, const uint8_t *p,
		    size_t len, const uint8_t *base, size_t base_n, unsigned width, uint8_t *raw,
		    size_t n, struct st_err *e)
{
	bool with = c->needs_base;

	return c->decode(s, p, len, with ? base : NULL, with ? base_n : 0, width, raw, n, e);
}

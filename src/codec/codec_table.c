/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/codec_state.h"

const struct st_codec *const st_codecs[ST_NCODINGS] = {
	[ST_CODING_RAW] = &st_codec_raw,
	[ST_CODING_CONST] = &st_codec_const,
	[ST_CODING_SAME] = &st_codec_same,
	[ST_CODING_ZPLANES] = &st_codec_zplanes,
};

const struct st_codec *st_codec_get(unsigned coding)
{
	return coding < ST_NCODINGS ? st_codecs[coding] : NULL;
}

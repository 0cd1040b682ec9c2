/* SPDX-License-Identifier: Apache-2.0 */
/* Private to src/codec: what a state holds, and the rows of the table. */
#ifndef ST_CODEC_CODEC_STATE_H
#define ST_CODEC_CODEC_STATE_H

#include "codec/codec.h"

#include <zstd.h>

struct st_codec_state {
	ZSTD_CCtx *enc; /* these three are made when first needed */
	ZSTD_DCtx *dec;
	uint8_t *planes; /* ST_FRAME_LEN bytes: a frame's planes, one after the other */
	uint8_t *rooms[ST_NROOMS];
	struct st_codec_memo memo;
};

/* NULL with e filled on failure. */
ZSTD_CCtx *st_codec_enc(struct st_codec_state *s, struct st_err *e);
ZSTD_DCtx *st_codec_dec(struct st_codec_state *s, struct st_err *e);
uint8_t *st_codec_planes(struct st_codec_state *s, struct st_err *e);

extern const struct st_codec st_codec_raw;
extern const struct st_codec st_codec_const;
extern const struct st_codec st_codec_same;
extern const struct st_codec st_codec_zplanes;

#endif

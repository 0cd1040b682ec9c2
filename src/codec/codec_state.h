/* SPDX-License-Identifier: Apache-2.0 */
/* Private to src/codec: what a state holds, and the rows of the table. */
#ifndef ST_CODEC_CODEC_STATE_H
#define ST_CODEC_CODEC_STATE_H

#include "codec/codec.h"
#include "codec/rans.h"

#include <zstd.h>

/* Symbols and what goes with them, of one frame. */
struct st_codec_work {
	uint8_t sym[ST_FRAME_LEN], ctx[ST_FRAME_LEN], mag[ST_FRAME_LEN];
	uint8_t low[ST_FRAME_LEN + 64]; /* bits; written in words */
	uint8_t half[ST_FRAME_LEN / 2], half_base[ST_FRAME_LEN / 2];
	uint8_t part[ST_FRAME_LEN], part_base[ST_FRAME_LEN]; /* of quantised blocks */
	uint8_t group[ST_FRAME_LEN / 64 + 16];
	uint32_t counts[ST_RANS_CONTEXTS][ST_RANS_SYMBOLS];
	struct st_rans_model model;
};

struct st_codec_state {
	struct st_codec_work *work;
	ZSTD_CCtx *enc; /* these three are made when first needed */
	ZSTD_DCtx *dec;
	uint8_t *planes; /* ST_FRAME_LEN bytes: a frame's planes, one after the other */
	uint8_t *rooms[ST_NROOMS];
	struct st_codec_memo memo;
};

/* NULL with e filled on failure. */
ZSTD_CCtx *st_codec_enc(struct st_codec_state *s, struct st_err *e);
ZSTD_DCtx *st_codec_dec(struct st_codec_state *s, struct st_err *e);
uint8_t *st_codec_plane_room(struct st_codec_state *s, struct st_err *e);
struct st_codec_work *st_codec_work(struct st_codec_state *s, struct st_err *e);

/* A zstd frame of n bytes after its length, a varint; o becomes full when it does not fit. p does
 * not lie in the room for planes. */
ST_MUST int st_codec_put_zstd(struct st_codec_state *s, struct st_put *o, const uint8_t *p,
			      size_t n, int level, struct st_err *e);
/* len bytes at p are one zstd frame of exactly n bytes, else ST_ECORRUPT. */
ST_MUST int st_codec_unzip(struct st_codec_state *s, const uint8_t *p, size_t len, uint8_t *out,
			   size_t n, struct st_err *e);
/* A failure sticks in r. */
ST_MUST int st_codec_get_zstd(struct st_codec_state *s, struct st_rd *r, uint8_t *out, size_t n);
/* n bytes: 1 and a zstd frame as above, or 0 and the bytes as they are, whichever is shorter. */
ST_MUST int st_codec_put_block(struct st_codec_state *s, struct st_put *o, const uint8_t *p,
			       size_t n, struct st_err *e);
/* A failure sticks in r. */
ST_MUST int st_codec_get_block(struct st_codec_state *s, struct st_rd *r, uint8_t *out, size_t n);

/* Bits that a sample of the frame would take, in 16 to 64 blocks of 256 elements; in->base must be
 * as long as in->raw for delta. s->work must be there. */
static inline size_t st_sample_step(size_t m)
{
	size_t step = m / 64 > 8192 ? m / 64 : 8192;

	step = step < m / 16 ? step : m / 16;
	return step > 256 ? step : 256;
}

/* Bits of what is looked at, as they are. */
static inline uint64_t st_sampled(const struct st_frame_in *in)
{
	size_t m = in->n / in->width;

	return m < 256 ? 0 : ((m - 256) / st_sample_step(m) + 1) * 256 * 8 * in->width;
}

uint64_t st_delta_estimate(struct st_codec_state *s, const struct st_frame_in *in);
uint64_t st_planes_estimate(struct st_codec_state *s, const struct st_frame_in *in);

extern const struct st_codec st_codec_raw;
extern const struct st_codec st_codec_const;
extern const struct st_codec st_codec_same;
extern const struct st_codec st_codec_zplanes;
extern const struct st_codec st_codec_delta;
extern const struct st_codec st_codec_planes;
extern const struct st_codec st_codec_sparse;
extern const struct st_codec st_codec_halves;
extern const struct st_codec st_codec_halves_delta;
extern const struct st_codec st_codec_blocks;
extern const struct st_codec st_codec_blocks_delta;
extern const struct st_codec st_codec_terse;
extern const struct st_codec st_codec_terse_delta;

/* No numbers, and it begins as JSON does. */
bool st_codec_is_json(const struct st_frame_in *in);

#endif

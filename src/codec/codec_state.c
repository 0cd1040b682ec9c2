/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/codec_state.h"

#include "base/mem.h"

int st_codec_state_new(struct st_codec_state **out, struct st_err *e)
{
	*out = st_calloc(1, sizeof(**out), e);
	return *out ? ST_OK : e->code;
}

void st_codec_state_free(struct st_codec_state *s)
{
	if (!s)
		return;
	ZSTD_freeCCtx(s->enc);
	ZSTD_freeDCtx(s->dec);
	free(s->planes);
	for (size_t i = 0; i < ST_NROOMS; i++)
		free(s->rooms[i]);
	free(s);
}

ZSTD_CCtx *st_codec_enc(struct st_codec_state *s, struct st_err *e)
{
	if (!s->enc) {
		s->enc = ZSTD_createCCtx();
		if (!s->enc)
			st_fail(e, ST_ENOMEM, "out of memory for a compressor");
	}
	return s->enc;
}

ZSTD_DCtx *st_codec_dec(struct st_codec_state *s, struct st_err *e)
{
	if (!s->dec) {
		s->dec = ZSTD_createDCtx();
		if (!s->dec)
			st_fail(e, ST_ENOMEM, "out of memory for a decompressor");
	}
	return s->dec;
}

static uint8_t *frame_buffer(uint8_t **p, struct st_err *e)
{
	if (!*p)
		*p = st_malloc(ST_FRAME_LEN, e);
	return *p;
}

uint8_t *st_codec_planes(struct st_codec_state *s, struct st_err *e)
{
	return frame_buffer(&s->planes, e);
}

uint8_t *st_codec_room(struct st_codec_state *s, enum st_room which, struct st_err *e)
{
	return frame_buffer(&s->rooms[which], e);
}

struct st_codec_memo *st_codec_memo(struct st_codec_state *s)
{
	return &s->memo;
}

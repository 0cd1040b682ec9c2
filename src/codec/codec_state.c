/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/codec_state.h"

#include "base/mem.h"

#include <zstd_errors.h>

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
	free(s->work);
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

uint8_t *st_codec_plane_room(struct st_codec_state *s, struct st_err *e)
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

struct st_codec_work *st_codec_work(struct st_codec_state *s, struct st_err *e)
{
	if (!s->work) {
		s->work = st_malloc(sizeof(*s->work), e);
		if (s->work)
			st_rans_init(&s->work->model);
	}
	return s->work;
}

int st_codec_put_zstd(struct st_codec_state *s, struct st_put *o, const uint8_t *p, size_t n,
		      int level, struct st_err *e)
{
	ZSTD_CCtx *enc = st_codec_enc(s, e);
	uint8_t *room = enc ? st_codec_plane_room(s, e) : NULL;
	size_t z;

	if (!room)
		return e->code;
	z = ZSTD_compressCCtx(enc, room, ST_FRAME_LEN, p, n, level);
	if (ZSTD_isError(z)) { /* no room for it: it would not be smaller */
		o->full = true;
		return ST_OK;
	}
	st_put_varint(o, z);
	st_put_bytes(o, room, z);
	return ST_OK;
}

int st_codec_unzip(struct st_codec_state *s, const uint8_t *p, size_t len, uint8_t *out, size_t n,
		   struct st_err *e)
{
	ZSTD_DCtx *dec = st_codec_dec(s, e);
	size_t got;

	if (!dec)
		return e->code;
	got = ZSTD_decompressDCtx(dec, out, n, p, len);
	if (!ZSTD_isError(got) && got == n)
		return ST_OK;
	if (ZSTD_isError(got) && ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation)
		return st_fail(e, ST_ENOMEM, "out of memory for a decompressor");
	return st_fail(e, ST_ECORRUPT, "%zu bytes do not come out of their zstd frame%s%s", n,
		       ZSTD_isError(got) ? ": " : "",
		       ZSTD_isError(got) ? ZSTD_getErrorName(got) : "");
}

int st_codec_get_zstd(struct st_codec_state *s, struct st_rd *r, uint8_t *out, size_t n)
{
	uint64_t z = st_rd_varint(r);
	const uint8_t *p = st_rd_bytes(r, z);

	return p ? st_codec_unzip(s, p, (size_t)z, out, n, r->err) : (int)r->err->code;
}

int st_codec_put_block(struct st_codec_state *s, struct st_put *o, const uint8_t *p, size_t n,
		       struct st_err *e)
{
	struct st_put at = *o;
	int rc;

	st_put_u8(o, 1);
	rc = st_codec_put_zstd(s, o, p, n, 3, e);
	if (rc == ST_OK && (o->full || o->at - at.at > n)) {
		*o = at;
		st_put_u8(o, 0);
		st_put_bytes(o, p, n);
	}
	return rc;
}

int st_codec_get_block(struct st_codec_state *s, struct st_rd *r, uint8_t *out, size_t n)
{
	unsigned how = st_rd_u8(r);
	const uint8_t *p;

	if (how == 1)
		return st_codec_get_zstd(s, r, out, n);
	p = how ? NULL : st_rd_bytes(r, n);
	if (how)
		return st_fail(r->err, ST_ECORRUPT, "a block stored by method %u", how);
	if (p)
		memcpy(out, p, n);
	return r->err->code;
}

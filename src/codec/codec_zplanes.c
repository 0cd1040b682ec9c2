/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte planes, zstd each. With m = n / width elements:
 *
 *	width times, for plane k = byte k of every element in order:
 *		varint z; z == 0: m bytes follow as they are, else z bytes of one zstd frame
 *	the last n % width bytes of the frame as they are
 */
#include "codec/codec_state.h"

#include "base/rd.h"

#define MAX_WIDTH 8
#define SAMPLE ((size_t)16 * 1024)
#define SAMPLE_PIECES 4

/* Inlined with a constant width, so that each becomes a loop of its own. */
static inline __attribute__((always_inline)) void gather_w(uint8_t *out, const uint8_t *p, size_t m,
							   size_t width)
{
	for (size_t i = 0; i < m; i++)
		out[i] = p[i * width];
}

/* Byte 0 of m elements. */
static void gather(uint8_t *out, const uint8_t *p, size_t m, unsigned width)
{
	if (width == 2)
		gather_w(out, p, m, 2);
	else if (width == 4)
		gather_w(out, p, m, 4);
	else if (width == 8)
		gather_w(out, p, m, 8);
	else
		memcpy(out, p, m);
}

/* The inverse of gather for all planes at once; elements are put together in a register. */
static void scatter(uint8_t *out, const uint8_t *const pl[MAX_WIDTH], size_t m, unsigned width)
{
	size_t i;

	if (width == 2) {
		for (i = 0; i < m; i++)
			st_put16(out + 2 * i, (uint16_t)(pl[0][i] | pl[1][i] << 8));
	} else if (width == 4) {
		for (i = 0; i < m; i++)
			st_put32(out + 4 * i, (uint32_t)pl[0][i] | (uint32_t)pl[1][i] << 8 |
						      (uint32_t)pl[2][i] << 16 |
						      (uint32_t)pl[3][i] << 24);
	} else {
		for (i = 0; i < m; i++)
			st_put64(out + 8 * i,
				 (uint64_t)pl[0][i] | (uint64_t)pl[1][i] << 8 |
					 (uint64_t)pl[2][i] << 16 | (uint64_t)pl[3][i] << 24 |
					 (uint64_t)pl[4][i] << 32 | (uint64_t)pl[5][i] << 40 |
					 (uint64_t)pl[6][i] << 48 | (uint64_t)pl[7][i] << 56);
	}
}

/* Whether `stored` bytes instead of n are worth decoding. */
static bool worth(size_t stored, size_t n)
{
	return stored < n - n / 64;
}

/*
 * Compresses plane k of a few pieces spread over the frame. Most planes of mantissa bits are noise,
 * which this finds out in a hundredth of the time that compressing all of it takes.
 */
static bool promising(ZSTD_CCtx *enc, const struct st_frame_in *in, size_t m, unsigned k)
{
	uint8_t sample[SAMPLE], coded[SAMPLE];
	size_t piece = SAMPLE / SAMPLE_PIECES, i, at, z;

	if (m <= 2 * SAMPLE)
		return true;
	for (i = 0; i < SAMPLE_PIECES; i++) {
		at = (m - piece) / (SAMPLE_PIECES - 1) * i;
		gather(sample + i * piece, in->raw + at * in->width + k, piece, in->width);
	}
	z = ZSTD_compressCCtx(enc, coded, sizeof(coded), sample, SAMPLE, 1);
	return !ZSTD_isError(z) && worth(z, SAMPLE);
}

/* One plane of m bytes. */
static int put_plane(struct st_codec_state *s, const uint8_t *plane, size_t m, int level,
		     bool try_it, struct st_put *o, struct st_err *e)
{
	struct st_put at = *o;

	if (try_it && st_codec_put_zstd(s, o, plane, m, level, e) != ST_OK)
		return e->code;
	if (!try_it || o->full || !worth(o->at - at.at, m)) {
		*o = at;
		st_put_u8(o, 0);
		st_put_bytes(o, plane, m);
	}
	return ST_OK;
}

static int put_planes(struct st_codec_state *s, const struct st_frame_in *in, size_t m,
		      const bool *try_it, struct st_put *o, struct st_err *e)
{
	struct st_codec_work *w = st_codec_work(s, e);
	int rc = w ? ST_OK : (int)e->code;

	for (unsigned k = 0; rc == ST_OK && k < in->width && !o->full; k++) {
		if (in->width > 1)
			gather(w->sym, in->raw + k, m, in->width);
		rc = put_plane(s, in->width > 1 ? w->sym : in->raw, m, in->level, try_it[k], o, e);
	}
	return rc;
}

static int encode(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out, size_t cap,
		  size_t *len, struct st_err *e)
{
	size_t m = in->n / in->width;
	ZSTD_CCtx *enc = st_codec_enc(s, e);
	struct st_put o = { .p = out, .cap = cap };
	bool try_it[MAX_WIDTH], any = false;
	int rc;

	if (!enc)
		return e->code;
	if (m == 0)
		return ST_ENO;
	for (unsigned k = 0; k < in->width; k++) {
		try_it[k] = promising(enc, in, m, k);
		any = any || try_it[k];
	}
	if (!any)
		return ST_ENO;
	rc = put_planes(s, in, m, try_it, &o, e);
	st_put_bytes(&o, in->raw + m * in->width, in->n % in->width);
	*len = o.at;
	return rc != ST_OK ? rc : o.full ? ST_ENO : ST_OK;
}

static int decode(struct st_codec_state *s, const uint8_t *p, size_t len, const uint8_t *base,
		  size_t base_n, unsigned width, uint8_t *raw, size_t n, struct st_err *e)
{
	const uint8_t *planes[MAX_WIDTH], *bytes;
	size_t m = n / width, tail = n % width;
	uint8_t *room = width == 1 ? raw : st_codec_plane_room(s, e);
	struct st_rd r;
	unsigned k;

	(void)base;
	(void)base_n;
	if (!room)
		return e->code;
	st_rd_init(&r, p, len, e);
	for (k = 0; k < width; k++) {
		uint64_t z = st_rd_varint(&r);

		planes[k] = z ? room + k * m : NULL;
		bytes = st_rd_bytes(&r, z ? z : m);
		if (!bytes)
			return e->code;
		if (!z)
			planes[k] = bytes;
		else if (st_codec_unzip(s, bytes, (size_t)z, room + k * m, m, e) != ST_OK)
			return e->code;
	}
	bytes = st_rd_bytes(&r, tail);
	st_rd_end(&r);
	if (!st_rd_ok(&r))
		return e->code;
	if (width > 1)
		scatter(raw, planes, m, width);
	else if (planes[0] != raw)
		memcpy(raw, planes[0], m);
	memcpy(raw + m * width, bytes, tail);
	return ST_OK;
}

const struct st_codec st_codec_zplanes = {
	.name = "zplanes",
	.coding = ST_CODING_ZPLANES,
	.encode = encode,
	.decode = decode,
};

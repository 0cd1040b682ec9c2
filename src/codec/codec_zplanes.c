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

#include <zstd_errors.h>

#define MAX_WIDTH 8
#define VARINT_MAX 3 /* bytes of a varint up to 2^20 */
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

static size_t put_varint(uint8_t *out, size_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		out[n++] = (uint8_t)(v | 0x80);
	out[n++] = (uint8_t)v;
	return n;
}

/* One plane of m bytes; 0 when it does not fit cap. */
static size_t put_plane(ZSTD_CCtx *enc, const uint8_t *plane, size_t m, int level, bool try_it,
			uint8_t *out, size_t cap)
{
	uint8_t head[VARINT_MAX + 1];
	size_t z, h;

	if (try_it && cap > VARINT_MAX) {
		/* The varint's length is known only afterwards. */
		z = ZSTD_compressCCtx(enc, out + VARINT_MAX, cap - VARINT_MAX, plane, m, level);
		if (!ZSTD_isError(z) && worth(z, m)) {
			h = put_varint(head, z);
			memmove(out + h, out + VARINT_MAX, z);
			memcpy(out, head, h);
			return h + z;
		}
	}
	if (cap < 1 + m)
		return 0;
	out[0] = 0;
	memcpy(out + 1, plane, m);
	return 1 + m;
}

static int encode(struct st_codec_state *s, const struct st_frame_in *in, uint8_t *out, size_t cap,
		  size_t *len, struct st_err *e)
{
	size_t m = in->n / in->width, tail = in->n % in->width, at = 0, put;
	ZSTD_CCtx *enc = st_codec_enc(s, e);
	uint8_t *plane = st_codec_planes(s, e);
	bool try_it[MAX_WIDTH], any = false;
	unsigned k;

	if (!enc || !plane)
		return e->code;
	if (m == 0 || cap < tail)
		return ST_ENO;
	for (k = 0; k < in->width; k++) {
		try_it[k] = promising(enc, in, m, k);
		any = any || try_it[k];
	}
	if (!any)
		return ST_ENO;
	for (k = 0; k < in->width; k++) {
		if (in->width > 1)
			gather(plane, in->raw + k, m, in->width);
		put = put_plane(enc, in->width > 1 ? plane : in->raw, m, in->level, try_it[k],
				out + at, cap - tail - at);
		if (put == 0)
			return ST_ENO;
		at += put;
	}
	memcpy(out + at, in->raw + m * in->width, tail);
	*len = at + tail;
	return ST_OK;
}

static int unzip(struct st_codec_state *s, const uint8_t *p, size_t z, uint8_t *out, size_t m,
		 struct st_err *e)
{
	ZSTD_DCtx *dec = st_codec_dec(s, e);
	size_t got;

	if (!dec)
		return e->code;
	got = ZSTD_decompressDCtx(dec, out, m, p, z);
	if (!ZSTD_isError(got) && got == m)
		return ST_OK;
	if (ZSTD_isError(got) && ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation)
		return st_fail(e, ST_ENOMEM, "out of memory for a decompressor");
	return st_fail(e, ST_ECORRUPT, "a plane does not decode to %zu bytes%s%s", m,
		       ZSTD_isError(got) ? ": " : "",
		       ZSTD_isError(got) ? ZSTD_getErrorName(got) : "");
}

static int decode(struct st_codec_state *s, const uint8_t *p, size_t len, const uint8_t *base,
		  size_t base_n, unsigned width, uint8_t *raw, size_t n, struct st_err *e)
{
	const uint8_t *planes[MAX_WIDTH], *bytes;
	size_t m = n / width, tail = n % width;
	uint8_t *room = width == 1 ? raw : st_codec_planes(s, e);
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
		else if (unzip(s, bytes, (size_t)z, room + k * m, m, e) != ST_OK)
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

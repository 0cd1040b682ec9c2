/* SPDX-License-Identifier: Apache-2.0 */
#include "rivals.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define PIECE ((size_t)1 << 17) /* elements; no more than huff0 takes as one block */
#define BLOCK_HEAD 4
#define FAST __attribute__((optimize("O3"), target("avx2")))

/* huff0 of libzstd 1.5.4 and later; only its archive has these. */
size_t HUF_compress4X_repeat(void *dst, size_t cap, const void *src, size_t n, unsigned max_symbol,
			     unsigned table_log, void *work, size_t work_n, size_t *table,
			     int *repeat, int flags);
size_t HUF_decompress4X_hufOnly_wksp(uint32_t *table, void *dst, size_t n, const void *src,
				     size_t src_n, void *work, size_t work_n, int flags);
#define HUF_BMI2 1
#define HUF_LOG 11
#define HUF_DECODER_LOG 12

struct rival_state {
	ZSTD_CCtx *enc;
	ZSTD_DCtx *dec;
	uint8_t *planes;
	uint64_t work[2048];
	size_t table[257];
	uint32_t decoder[1 + (1 << HUF_DECODER_LOG)];
};

static void *need(void *p)
{
	if (!p) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return p;
}

void *rivals_new(size_t largest)
{
	struct rival_state *s = need(calloc(1, sizeof(*s)));

	s->enc = need(ZSTD_createCCtx());
	s->dec = need(ZSTD_createDCtx());
	s->planes = need(malloc(largest + PIECE * 8));
	return s;
}

void rivals_free(void *state)
{
	struct rival_state *s = state;

	ZSTD_freeCCtx(s->enc);
	ZSTD_freeDCtx(s->dec);
	free(s->planes);
	free(s);
}

size_t rival_bound(size_t n)
{
	return ZSTD_compressBound(n) + n / 1024 + 65536;
}

static void put32(uint8_t *p, size_t v)
{
	uint32_t u = (uint32_t)v;

	memcpy(p, &u, 4);
}

static size_t get32(const uint8_t *p)
{
	uint32_t u;

	memcpy(&u, p, 4);
	return u;
}

static size_t check(size_t got, const char *what)
{
	if (ZSTD_isError(got)) {
		fprintf(stderr, "%s: %s\n", what, ZSTD_getErrorName(got));
		exit(1);
	}
	return got;
}

/* ---- planes: exponent as one byte, the sign with the mantissa ---- */

static bool turned(enum st_num num)
{
	return num == ST_NUM_BF16 || num == ST_NUM_F32;
}

FAST static void split2(const uint8_t *px, const uint8_t *pb, size_t n, uint8_t *lo, uint8_t *hi,
			unsigned by)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t v, b = 0;

		memcpy(&v, px + 2 * i, 2);
		if (pb)
			memcpy(&b, pb + 2 * i, 2);
		v = (uint16_t)(v ^ b);
		v = (uint16_t)(v << by | v >> (16 - by));
		lo[i] = (uint8_t)v;
		hi[i] = (uint8_t)(v >> 8);
	}
}

FAST static void join2(uint8_t *px, const uint8_t *pb, size_t n, const uint8_t *lo,
		       const uint8_t *hi, unsigned by)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t b = 0, v = (uint16_t)(lo[i] | hi[i] << 8);

		v = (uint16_t)(v >> by | v << (16 - by));
		if (pb)
			memcpy(&b, pb + 2 * i, 2);
		v = (uint16_t)(v ^ b);
		memcpy(px + 2 * i, &v, 2);
	}
}

FAST static void split4(const uint8_t *px, const uint8_t *pb, size_t n, uint8_t *out, size_t step,
			unsigned by)
{
	for (unsigned k = 0; k < 4; k++)
		for (size_t i = 0; i < n; i++) {
			uint32_t v, b = 0;

			memcpy(&v, px + 4 * i, 4);
			if (pb)
				memcpy(&b, pb + 4 * i, 4);
			v ^= b;
			v = v << by | v >> (32 - by);
			out[k * step + i] = (uint8_t)(v >> 8 * k);
		}
}

FAST static void join4(uint8_t *px, const uint8_t *pb, size_t n, const uint8_t *p, size_t step,
		       unsigned by)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t b = 0, v = (uint32_t)p[i] | (uint32_t)p[step + i] << 8 |
				    (uint32_t)p[2 * step + i] << 16 |
				    (uint32_t)p[3 * step + i] << 24;

		v = v >> by | v << (32 - by);
		if (pb)
			memcpy(&b, pb + 4 * i, 4);
		v ^= b;
		memcpy(px + 4 * i, &v, 4);
	}
}

/* Elements at..at+n of the pair into planes that are step apart. The cases are told apart here so
 * that each loop is compiled for one. */
static void split(const struct pair *p, size_t at, size_t n, uint8_t *planes, size_t step)
{
	const uint8_t *x = p->x + at * p->width, *b = p->base ? p->base + at * p->width : NULL;

	if (p->width == 2 && turned(p->number) && b)
		split2(x, b, n, planes, planes + step, 1);
	else if (p->width == 2)
		split2(x, b, n, planes, planes + step, turned(p->number) ? 1 : 8);
	else if (b)
		split4(x, b, n, planes, step, 1);
	else
		split4(x, NULL, n, planes, step, 1);
}

static void join(const struct pair *p, size_t at, size_t n, const uint8_t *planes, size_t step,
		 uint8_t *out)
{
	const uint8_t *b = p->base ? p->base + at * p->width : NULL;

	out += at * p->width;
	if (p->width == 2 && turned(p->number) && b)
		join2(out, b, n, planes, planes + step, 1);
	else if (p->width == 2)
		join2(out, b, n, planes, planes + step, turned(p->number) ? 1 : 8);
	else if (b)
		join4(out, b, n, planes, step, 1);
	else
		join4(out, NULL, n, planes, step, 1);
}

/* ---- Huffman ---- */

/* A block: its length; then 0 bytes for n as they are, 1 byte for n of it, else huff0's. */
static size_t put_block(struct rival_state *s, const uint8_t *p, size_t n, uint8_t *out)
{
	int repeat = 0;
	size_t z = HUF_compress4X_repeat(out + BLOCK_HEAD, n, p, n, 255, HUF_LOG, s->work,
					 sizeof(s->work), s->table, &repeat, HUF_BMI2);

	check(z, "huff0");
	if (z == 1)
		out[BLOCK_HEAD] = p[0];
	if (z == 0)
		memcpy(out + BLOCK_HEAD, p, n);
	put32(out, z);
	return BLOCK_HEAD + (z ? z : n);
}

static size_t get_block(struct rival_state *s, const uint8_t *in, uint8_t *p, size_t n)
{
	size_t z = get32(in);

	in += BLOCK_HEAD;
	if (z == 0) {
		memcpy(p, in, n);
		return BLOCK_HEAD + n;
	}
	if (z == 1) {
		memset(p, in[0], n);
	} else {
		s->decoder[0] = HUF_DECODER_LOG * 0x01000001u;
		check(HUF_decompress4X_hufOnly_wksp(s->decoder, p, n, in, z, s->work,
						    sizeof(s->work), HUF_BMI2),
		      "huff0");
	}
	return BLOCK_HEAD + z;
}

static size_t encode_huffman(void *state, const struct pair *p, uint8_t *out)
{
	struct rival_state *s = state;
	size_t m = p->n / p->width, len = 0;

	for (size_t at = 0, n; at < m; at += n) {
		n = m - at < PIECE ? m - at : PIECE;
		split(p, at, n, s->planes, PIECE);
		for (unsigned k = 0; k < p->width; k++)
			len += put_block(s, s->planes + k * PIECE, n, out + len);
	}
	return len;
}

static void decode_huffman(void *state, const struct pair *p, const uint8_t *in, size_t len,
			   uint8_t *out)
{
	struct rival_state *s = state;
	size_t m = p->n / p->width;

	(void)len;
	for (size_t at = 0, n; at < m; at += n) {
		n = m - at < PIECE ? m - at : PIECE;
		for (unsigned k = 0; k < p->width; k++)
			in += get_block(s, in, s->planes + k * PIECE, n);
		join(p, at, n, s->planes, PIECE, out);
	}
}

static struct pair alone(const struct pair *p)
{
	struct pair q = *p;

	q.base = NULL;
	return q;
}

static size_t encode_zipnn(void *state, const struct pair *p, uint8_t *out)
{
	struct pair q = alone(p);

	return encode_huffman(state, &q, out);
}

static void decode_zipnn(void *state, const struct pair *p, const uint8_t *in, size_t len,
			 uint8_t *out)
{
	struct pair q = alone(p);

	decode_huffman(state, &q, in, len, out);
}

/* ---- zstd ---- */

static size_t encode_bitx(struct rival_state *s, const struct pair *p, uint8_t *out, int level)
{
	size_t m = p->n / p->width, len = 0;

	split(p, 0, m, s->planes, m);
	for (unsigned k = 0; k < p->width; k++) {
		size_t z = check(ZSTD_compressCCtx(s->enc, out + len + BLOCK_HEAD,
						   rival_bound(p->n) - len - BLOCK_HEAD,
						   s->planes + k * m, m, level),
				 "zstd");

		put32(out + len, z);
		len += BLOCK_HEAD + z;
	}
	return len;
}

static void decode_bitx(void *state, const struct pair *p, const uint8_t *in, size_t len,
			uint8_t *out)
{
	struct rival_state *s = state;
	size_t m = p->n / p->width;

	(void)len;
	for (unsigned k = 0; k < p->width; k++) {
		size_t z = get32(in);

		check(ZSTD_decompressDCtx(s->dec, s->planes + k * m, m, in + BLOCK_HEAD, z),
		      "zstd");
		in += BLOCK_HEAD + z;
	}
	join(p, 0, m, s->planes, m, out);
}

static size_t encode_bitx1(void *state, const struct pair *p, uint8_t *out)
{
	return encode_bitx(state, p, out, 1);
}

static size_t encode_bitx3(void *state, const struct pair *p, uint8_t *out)
{
	return encode_bitx(state, p, out, 3);
}

static size_t encode_zstd(struct rival_state *s, const struct pair *p, uint8_t *out, int level)
{
	return check(ZSTD_compressCCtx(s->enc, out, rival_bound(p->n), p->x, p->n, level), "zstd");
}

static size_t encode_zstd1(void *state, const struct pair *p, uint8_t *out)
{
	return encode_zstd(state, p, out, 1);
}

static size_t encode_zstd3(void *state, const struct pair *p, uint8_t *out)
{
	return encode_zstd(state, p, out, 3);
}

static void decode_zstd(void *state, const struct pair *p, const uint8_t *in, size_t len,
			uint8_t *out)
{
	struct rival_state *s = state;

	check(ZSTD_decompressDCtx(s->dec, out, p->n, in, len), "zstd");
}

const struct rival rivals[] = {
	{ "bitx-huffman", true, encode_huffman, decode_huffman },
	{ "bitx-zstd1", true, encode_bitx1, decode_bitx },
	{ "bitx-zstd3", true, encode_bitx3, decode_bitx },
	{ "zipnn-style", false, encode_zipnn, decode_zipnn },
	{ "zstd-1", false, encode_zstd1, decode_zstd },
	{ "zstd-3", false, encode_zstd3, decode_zstd },
};
const size_t nrivals = sizeof(rivals) / sizeof(rivals[0]);

/* ---- FM-Delta ---- */

static int64_t ordered(const uint8_t *p, unsigned width)
{
	uint32_t v = 0, sign;

	memcpy(&v, p, width);
	sign = v >> (8 * width - 1);
	return sign ? -(int64_t)(v & ~(1u << (8 * width - 1))) - 1 : (int64_t)v;
}

double fm_delta_size(const struct pair *p)
{
	uint64_t counts[2][40] = { 0 };
	double bits = 0;
	size_t m = p->n / p->width;

	for (size_t i = 0; i < m; i++) {
		int64_t d = ordered(p->x + i * p->width, p->width) -
			    ordered(p->base + i * p->width, p->width);
		uint64_t mag = (uint64_t)(d < 0 ? -d : d);
		unsigned k = mag ? 64 - (unsigned)__builtin_clzll(mag) : 0;

		counts[d < 0][k]++;
		bits += k > 1 ? k - 1 : 0;
	}
	for (unsigned i = 0; i < 80; i++) {
		double c = (double)counts[i / 40][i % 40];

		bits += c > 0 ? c * log2((double)m / c) : 0;
	}
	return bits / 8;
}

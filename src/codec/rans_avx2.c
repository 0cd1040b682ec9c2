/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight states a vector. The attribute, not a build flag, allows AVX2, so that no other code may
 * use it. Near either end of a stream, where a vector would reach beyond it, rans.c goes on.
 */
#include "codec/rans_kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <string.h>

#define TARGET __attribute__((target("avx2,popcnt")))
#define VECTORS (ST_RANS_LANES / 8)
#define SLACK \
	((ptrdiff_t)(ST_RANS_LANES * 2 + 16)) /* words of one step, and what a load may touch */

/* For each mask of lanes: which of the words read next each lane takes. */
static TARGET inline __m256i spread(const struct st_rans_lanes *l, unsigned mask)
{
	return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)l->spread[mask]));
}

static TARGET inline __m256i tables_of(const uint8_t *ctx, __m128i lo, __m128i hi)
{
	__m128i c = _mm_loadl_epi64((const __m128i *)ctx);
	__m128i high = _mm_cmpgt_epi8(c, _mm_set1_epi8(15));
	__m128i t = _mm_blendv_epi8(_mm_shuffle_epi8(lo, c), _mm_shuffle_epi8(hi, c), high);

	return _mm256_cvtepu8_epi32(t);
}

TARGET size_t st_rans_decode_avx2(const struct st_rans_model *m, const struct st_rans_lanes *l,
				  uint32_t *states, const uint8_t **words, const uint8_t *end,
				  const uint8_t *ctx, uint8_t *sym, size_t n)
{
	const __m128i lo = _mm_loadu_si128((const __m128i *)m->table_of);
	const __m128i hi = _mm_loadu_si128((const __m128i *)(m->table_of + 16));
	const __m256i low = _mm256_set1_epi32(ST_RANS_TOTAL - 1), f12 = _mm256_set1_epi32(0xfff);
	const __m256i bytes = _mm256_set_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 15,
					      11, 7, 3, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
					      -1, 15, 11, 7, 3);
	const uint8_t *w = *words;
	__m256i x[VECTORS];
	size_t i;

	for (unsigned v = 0; v < VECTORS; v++)
		x[v] = _mm256_loadu_si256((const __m256i *)(states + 8 * v));
	for (i = 0; i + ST_RANS_LANES <= n && end - w >= SLACK; i += ST_RANS_LANES) {
#pragma GCC unroll 8
		for (unsigned v = 0; v < VECTORS; v++) {
			__m256i at =
				_mm256_slli_epi32(tables_of(ctx + i + 8 * v, lo, hi), ST_RANS_BITS);
			__m256i d, s, got;
			unsigned mask;

			at = _mm256_or_si256(at, _mm256_and_si256(x[v], low));
			d = _mm256_i32gather_epi32((const int *)m->dec, at, 4);
			s = _mm256_shuffle_epi8(d, bytes);
			st_put32(sym + i + 8 * v, (uint32_t)_mm256_cvtsi256_si32(s));
			st_put32(sym + i + 8 * v + 4, (uint32_t)_mm256_extract_epi32(s, 4));
			x[v] = _mm256_add_epi32(_mm256_mullo_epi32(_mm256_and_si256(d, f12),
								   _mm256_srli_epi32(x[v],
										     ST_RANS_BITS)),
						_mm256_and_si256(_mm256_srli_epi32(d, 12), f12));
			s = _mm256_cmpeq_epi32(_mm256_srli_epi32(x[v], 16), _mm256_setzero_si256());
			mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(s));
			got = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)w));
			got = _mm256_permutevar8x32_epi32(got, spread(l, mask));
			got = _mm256_or_si256(_mm256_slli_epi32(x[v], 16), got);
			x[v] = _mm256_blendv_epi8(x[v], got, s);
			w += 2 * (unsigned)__builtin_popcount(mask);
		}
	}
	for (unsigned v = 0; v < VECTORS; v++)
		_mm256_storeu_si256((__m256i *)(states + 8 * v), x[v]);
	*words = w;
	return i;
}

/* x / f for 32-bit x: a double's quotient never rounds up to the next integer, since that is at
 * least 1 / f away. */
static TARGET inline __m256i divide(__m256i x, __m256i f)
{
	const __m256d two31 = _mm256_set1_pd(2147483648.0);
	const __m256i flip = _mm256_set1_epi32((int)0x80000000u);
	__m256i y = _mm256_xor_si256(x, flip);
	__m256d a = _mm256_add_pd(_mm256_cvtepi32_pd(_mm256_castsi256_si128(y)), two31);
	__m256d b = _mm256_add_pd(_mm256_cvtepi32_pd(_mm256_extracti128_si256(y, 1)), two31);

	/* A quotient is below 2^21: x < f * 2^21. */
	a = _mm256_div_pd(a, _mm256_cvtepi32_pd(_mm256_castsi256_si128(f)));
	b = _mm256_div_pd(b, _mm256_cvtepi32_pd(_mm256_extracti128_si256(f, 1)));
	return _mm256_set_m128i(_mm256_cvttpd_epi32(b), _mm256_cvttpd_epi32(a));
}

TARGET size_t st_rans_encode_avx2(const struct st_rans_model *m, const struct st_rans_lanes *l,
				  uint32_t *states, uint8_t **words, const uint8_t *first,
				  const uint8_t *sym, const uint8_t *ctx, size_t n)
{
	const __m128i lo = _mm_loadu_si128((const __m128i *)m->table_of);
	const __m128i hi = _mm_loadu_si128((const __m128i *)(m->table_of + 16));
	const __m256i half = _mm256_set1_epi32(0xffff), total = _mm256_set1_epi32(ST_RANS_TOTAL);
	uint8_t *w = *words;
	__m256i x[VECTORS];

	for (unsigned v = 0; v < VECTORS; v++)
		x[v] = _mm256_loadu_si256((const __m256i *)(states + 8 * v));
	while (n >= ST_RANS_LANES && w - first >= SLACK) {
		n -= ST_RANS_LANES;
#pragma GCC unroll 8
		for (unsigned u = 0; u < VECTORS; u++) {
			unsigned v = VECTORS - 1 - u, mask, k;
			const uint8_t *s = sym + n + 8 * v;
			__m256i at = _mm256_slli_epi32(tables_of(ctx + n + 8 * v, lo, hi), 8);
			__m256i e, f, over, q, out;
			__m128i words8;

			at = _mm256_or_si256(at, _mm256_cvtepu8_epi32(
							 _mm_loadl_epi64((const __m128i *)s)));
			e = _mm256_i32gather_epi32((const int *)m->enc, at, 4);
			f = _mm256_srli_epi32(e, 16);
			over = _mm256_cmpgt_epi32(
				_mm256_add_epi32(_mm256_srli_epi32(x[v], 32 - ST_RANS_BITS),
						 _mm256_set1_epi32(1)),
				f);
			mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(over));
			k = (unsigned)__builtin_popcount(mask);
			/* the words of these lanes, in order, end where the last ones began */
			out = _mm256_permutevar8x32_epi32(
				_mm256_and_si256(x[v], half),
				_mm256_cvtepu8_epi32(
					_mm_loadl_epi64((const __m128i *)l->gather[mask])));
			words8 = _mm_packus_epi32(_mm256_castsi256_si128(out),
						  _mm256_extracti128_si256(out, 1));
			_mm_storeu_si128((__m128i *)(w - 16), words8);
			w -= 2 * k;
			x[v] = _mm256_blendv_epi8(x[v], _mm256_srli_epi32(x[v], 16), over);
			q = divide(x[v], f);
			x[v] = _mm256_add_epi32(
				x[v],
				_mm256_add_epi32(_mm256_mullo_epi32(q, _mm256_sub_epi32(total, f)),
						 _mm256_and_si256(e, half)));
		}
	}
	for (unsigned v = 0; v < VECTORS; v++)
		_mm256_storeu_si256((__m256i *)(states + 8 * v), x[v]);
	*words = w;
	return n;
}

#endif

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

struct tables {
	__m256i lo, hi;
};

static TARGET inline struct tables get_tables(const struct st_rans_model *m)
{
	const __m128i *t = (const __m128i *)m->table_of;

	return (struct tables){ _mm256_broadcastsi128_si256(_mm_loadu_si128(t)),
				_mm256_broadcastsi128_si256(_mm_loadu_si128(t + 1)) };
}

/* The tables of a step's contexts. */
static TARGET inline void tables_of(const uint8_t *ctx, const struct tables *t, uint8_t *out)
{
	for (unsigned i = 0; i < ST_RANS_LANES; i += 32) {
		__m256i c = _mm256_loadu_si256((const __m256i *)(ctx + i));
		__m256i high = _mm256_slli_epi16(c, 3); /* 16 becomes the top bit */

		c = _mm256_blendv_epi8(_mm256_shuffle_epi8(t->lo, c), _mm256_shuffle_epi8(t->hi, c),
				       high);
		_mm256_storeu_si256((__m256i *)(out + i), c);
	}
}

static TARGET inline __m256i widen(const uint8_t *p)
{
	return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
}

/* What a gather instruction does, which is slower than this where it has to defend itself. */
static TARGET inline __attribute__((always_inline)) __m256i fetch(const uint32_t *from, __m256i at)
{
	__m128i lo = _mm256_castsi256_si128(at), hi = _mm256_extracti128_si256(at, 1);
	uint64_t a = (uint64_t)_mm_cvtsi128_si64(lo), c = (uint64_t)_mm_cvtsi128_si64(hi);
	uint64_t b = (uint64_t)_mm_extract_epi64(lo, 1), d = (uint64_t)_mm_extract_epi64(hi, 1);

	lo = _mm_cvtsi32_si128((int)from[(uint32_t)a]);
	hi = _mm_cvtsi32_si128((int)from[(uint32_t)c]);
	lo = _mm_insert_epi32(lo, (int)from[a >> 32], 1);
	hi = _mm_insert_epi32(hi, (int)from[c >> 32], 1);
	lo = _mm_insert_epi32(lo, (int)from[(uint32_t)b], 2);
	hi = _mm_insert_epi32(hi, (int)from[(uint32_t)d], 2);
	lo = _mm_insert_epi32(lo, (int)from[b >> 32], 3);
	hi = _mm_insert_epi32(hi, (int)from[d >> 32], 3);
	return _mm256_set_m128i(hi, lo);
}

/* What the slots of eight states say. */
static TARGET inline __attribute__((always_inline)) __m256i slots(const struct st_rans_model *m,
								  __m256i x, const uint8_t *table,
								  bool one)
{
	__m256i at = _mm256_and_si256(x, _mm256_set1_epi32(ST_RANS_TOTAL - 1));

	if (!one)
		at = _mm256_or_si256(at, _mm256_slli_epi32(widen(table), ST_RANS_BITS));
	return fetch(m->dec[0], at);
}

/* The states after these symbols, before words are taken. */
static TARGET inline __attribute__((always_inline)) __m256i advance(__m256i x, __m256i d)
{
	const __m256i f12 = _mm256_set1_epi32(0xfff);

	return _mm256_add_epi32(_mm256_mullo_epi32(_mm256_and_si256(d, f12),
						   _mm256_srli_epi32(x, ST_RANS_BITS)),
				_mm256_and_si256(_mm256_srli_epi32(d, 12), f12));
}

/* A word for each state that is too low. */
static TARGET inline __attribute__((always_inline)) __m256i refill(const struct st_rans_lanes *l,
								   __m256i x, const uint8_t **words)
{
	__m256i few = _mm256_cmpeq_epi32(_mm256_srli_epi32(x, 16), _mm256_setzero_si256());
	unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(few));
	__m256i got = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)*words));

	got = _mm256_permutevar8x32_epi32(got, spread(l, mask));
	*words += 2 * (size_t)__builtin_popcount(mask);
	return _mm256_blendv_epi8(x, _mm256_or_si256(_mm256_slli_epi32(x, 16), got), few);
}

static TARGET inline __attribute__((always_inline)) size_t decode_steps(
	const struct st_rans_model *m, const struct st_rans_lanes *l, uint32_t *states,
	const uint8_t **words, const uint8_t *end, const uint8_t *ctx, uint8_t *sym, size_t n,
	bool one)
{
	const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
	const struct tables t = get_tables(m);
	const uint8_t *w = *words;
	uint8_t table[ST_RANS_LANES];
	__m256i x[VECTORS];
	size_t i;

	for (unsigned v = 0; v < VECTORS; v++)
		x[v] = _mm256_loadu_si256((const __m256i *)(states + 8 * v));
	for (i = 0; i + ST_RANS_LANES <= n && end - w >= SLACK; i += ST_RANS_LANES) {
		if (!one)
			tables_of(ctx + i, &t, table);
#pragma GCC unroll 2
		for (unsigned v = 0; v < VECTORS; v += 4) {
			__m256i s[4];

#pragma GCC unroll 4
			for (unsigned k = 0; k < 4; k++) {
				s[k] = slots(m, x[v + k], table + 8 * (v + k), one);
				x[v + k] = advance(x[v + k], s[k]);
				s[k] = _mm256_srli_epi32(s[k], 24);
			}
			s[0] = _mm256_packus_epi16(_mm256_packus_epi32(s[0], s[1]),
						   _mm256_packus_epi32(s[2], s[3]));
			_mm256_storeu_si256((__m256i *)(sym + i + 8 * v),
					    _mm256_permutevar8x32_epi32(s[0], order));
		}
#pragma GCC unroll 8
		for (unsigned v = 0; v < VECTORS; v++)
			x[v] = refill(l, x[v], &w);
	}
	for (unsigned v = 0; v < VECTORS; v++)
		_mm256_storeu_si256((__m256i *)(states + 8 * v), x[v]);
	*words = w;
	return i;
}

TARGET size_t st_rans_decode_avx2(const struct st_rans_model *m, const struct st_rans_lanes *l,
				  uint32_t *states, const uint8_t **words, const uint8_t *end,
				  const uint8_t *ctx, uint8_t *sym, size_t n)
{
	if (m->ntables == 1)
		return decode_steps(m, l, states, words, end, ctx, sym, n, true);
	return decode_steps(m, l, states, words, end, ctx, sym, n, false);
}

TARGET void st_rans_slots_avx2(const uint16_t *freq, unsigned nsyms, uint32_t *slot)
{
	const __m256i first = _mm256_slli_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), 12);
	const uint32_t *end = slot + ST_RANS_TOTAL;

	for (unsigned s = 0; s < nsyms; s++) {
		uint32_t f = freq[s], of = s << 24 | f, i = 0;
		__m256i v = _mm256_add_epi32(first, _mm256_set1_epi32((int)of));

		/* what is written beyond f belongs to the next symbols, and is written again */
		for (; i < f && end - slot >= i + 8; i += 8) {
			_mm256_storeu_si256((__m256i *)(slot + i), v);
			v = _mm256_add_epi32(v, _mm256_set1_epi32(8 << 12));
		}
		for (; i < f; i++)
			slot[i] = of | i << 12;
		slot += f;
	}
}

/*
 * x / f for x < f * 2^21, in single precision. In units of 2^-24 relative to it: x as a float errs
 * by at most 1.5 (192 of 2^31), the quotient and the product by 1 each, and 4 are taken off, so
 * that what comes out is at most the quotient, and less than 7.5 * 2^-24 * 2^21 < 1 below it.
 */
static TARGET inline __m256i divide(__m256i x, __m256i f)
{
	const __m256 two32 = _mm256_set1_ps(4294967296.0f);
	const __m256 less = _mm256_set1_ps(1.0f - 1.0f / 4194304.0f);
	__m256 xf = _mm256_cvtepi32_ps(x), ff = _mm256_cvtepi32_ps(f);
	__m256i q, rest;

	xf = _mm256_add_ps(xf, _mm256_and_ps(two32, _mm256_castsi256_ps(_mm256_srai_epi32(x, 31))));
	q = _mm256_cvttps_epi32(_mm256_mul_ps(_mm256_div_ps(xf, ff), less));
	rest = _mm256_sub_epi32(x, _mm256_mullo_epi32(q, f));
	/* one more where the rest is not below f; it is never negative */
	return _mm256_sub_epi32(q, _mm256_cmpgt_epi32(rest,
						      _mm256_sub_epi32(f, _mm256_set1_epi32(1))));
}

/* Frequency and start of eight symbols. */
static TARGET inline __attribute__((always_inline)) __m256i terms(const struct st_rans_model *m,
								  const uint8_t *sym,
								  const uint8_t *table, bool one)
{
	__m256i at = widen(sym);

	if (!one)
		at = _mm256_or_si256(at, _mm256_slli_epi32(widen(table), 8));
	return fetch(m->enc[0], at);
}

static TARGET inline __attribute__((always_inline)) void encode_eight(const struct st_rans_lanes *l,
								      __m256i *state,
								      uint8_t **words, __m256i e)
{
	const __m256i half = _mm256_set1_epi32(0xffff), total = _mm256_set1_epi32(ST_RANS_TOTAL);
	__m256i x = *state, f, over, out;
	unsigned mask;

	f = _mm256_srli_epi32(e, 16);
	over = _mm256_cmpgt_epi32(f, _mm256_srli_epi32(x, 32 - ST_RANS_BITS));
	over = _mm256_xor_si256(over, _mm256_set1_epi32(-1));
	mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(over));
	/* the words of these lanes, in order, end where the last ones began */
	out = _mm256_permutevar8x32_epi32(
		_mm256_and_si256(x, half),
		_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)l->gather[mask])));
	_mm_storeu_si128((__m128i *)(*words - 16),
			 _mm_packus_epi32(_mm256_castsi256_si128(out),
					  _mm256_extracti128_si256(out, 1)));
	*words -= 2 * (size_t)__builtin_popcount(mask);
	x = _mm256_blendv_epi8(x, _mm256_srli_epi32(x, 16), over);
	out = _mm256_mullo_epi32(divide(x, f), _mm256_sub_epi32(total, f));
	*state = _mm256_add_epi32(x, _mm256_add_epi32(out, _mm256_and_si256(e, half)));
}

static TARGET inline __attribute__((always_inline)) size_t encode_steps(
	const struct st_rans_model *m, const struct st_rans_lanes *l, uint32_t *states,
	uint8_t **words, const uint8_t *first, const uint8_t *sym, const uint8_t *ctx, size_t n,
	bool one)
{
	const struct tables t = get_tables(m);
	uint8_t *w = *words, table[ST_RANS_LANES];
	__m256i x[VECTORS];

	for (unsigned v = 0; v < VECTORS; v++)
		x[v] = _mm256_loadu_si256((const __m256i *)(states + 8 * v));
	while (n >= ST_RANS_LANES && w - first >= SLACK) {
		n -= ST_RANS_LANES;
		if (!one)
			tables_of(ctx + n, &t, table);
#pragma GCC unroll 2
		for (unsigned v = VECTORS; v > 0; v -= 4) {
			__m256i e[4];

#pragma GCC unroll 4
			for (unsigned k = 1; k <= 4; k++)
				e[4 - k] =
					terms(m, sym + n + 8 * (v - k), table + 8 * (v - k), one);
#pragma GCC unroll 4
			for (unsigned k = 1; k <= 4; k++)
				encode_eight(l, &x[v - k], &w, e[4 - k]);
		}
	}
	for (unsigned v = 0; v < VECTORS; v++)
		_mm256_storeu_si256((__m256i *)(states + 8 * v), x[v]);
	*words = w;
	return n;
}

TARGET size_t st_rans_encode_avx2(const struct st_rans_model *m, const struct st_rans_lanes *l,
				  uint32_t *states, uint8_t **words, const uint8_t *first,
				  const uint8_t *sym, const uint8_t *ctx, size_t n)
{
	if (m->ntables == 1)
		return encode_steps(m, l, states, words, first, sym, ctx, n, true);
	return encode_steps(m, l, states, words, first, sym, ctx, n, false);
}

static inline __attribute__((always_inline)) void count_four(struct st_rans_model *m, uint64_t at)
{
	m->tally[0][at & 0xffff]++;
	m->tally[1][at >> 16 & 0xffff]++;
	m->tally[2][at >> 32 & 0xffff]++;
	m->tally[3][at >> 48]++;
}

TARGET size_t st_rans_count_avx2(struct st_rans_model *m, const uint8_t *sym, const uint8_t *ctx,
				 size_t n)
{
	size_t i = 0;

	for (; i + 16 <= n; i += 16) {
		__m128i s = _mm_loadu_si128((const __m128i *)(sym + i));
		__m128i c = _mm_loadu_si128((const __m128i *)(ctx + i));
		__m128i lo = _mm_unpacklo_epi8(s, c), hi = _mm_unpackhi_epi8(s, c);

		count_four(m, (uint64_t)_mm_cvtsi128_si64(lo));
		count_four(m, (uint64_t)_mm_extract_epi64(lo, 1));
		count_four(m, (uint64_t)_mm_cvtsi128_si64(hi));
		count_four(m, (uint64_t)_mm_extract_epi64(hi, 1));
	}
	return i;
}

#endif

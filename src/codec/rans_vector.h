/* SPDX-License-Identifier: Apache-2.0 */
/* lint: not alone */
/*
 * As many states a vector as it has lanes of 32 bits. Included once for each size of vectors, with
 * VECTOR_BITS. Near either end of a stream, where a vector would reach beyond it, rans.c goes on.
 */
#include "codec/rans_kernel.h"
#include "codec/vector.h"

#define LANES32 (VECTOR_BITS / 32)
#define VECTORS (ST_RANS_LANES / LANES32)
#define SLACK                            \
	((ptrdiff_t)(ST_RANS_LANES * 2 + \
		     LANES32 * 2)) /* words of one step, what a load may touch */

static const uint8_t count_up[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

struct tables {
	vec lo, hi;
};

INLINE struct tables get_tables(const struct st_rans_model *m)
{
	const __m128i *t = (const __m128i *)m->table_of;

	return (struct tables){ every128(_mm_loadu_si128(t)), every128(_mm_loadu_si128(t + 1)) };
}

/* The tables of a step's contexts. */
INLINE void tables_of(const uint8_t *ctx, const struct tables *t, uint8_t *out)
{
	for (unsigned i = 0; i < ST_RANS_LANES; i += VECTOR_BYTES) {
		vec c = load(ctx + i);
		vec high = V(slli_epi16)(c, 3); /* 16 becomes the top bit */

		store(out + i,
		      choose_by_sign8(high, V(shuffle_epi8)(t->hi, c), V(shuffle_epi8)(t->lo, c)));
	}
}

/* What a gather instruction does, which is slower than this where it has to defend itself. */
INLINE __m256i fetch_eight(const uint32_t *from, __m256i at)
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

INLINE vec fetch(const uint32_t *from, vec at)
{
	__m256i e[EIGHTS];

	eights_of(at, e);
#pragma GCC unroll 2
	for (unsigned k = 0; k < EIGHTS; k++)
		e[k] = fetch_eight(from, e[k]);
	return of_eights(e);
}

/* What kernels are made for: whether there is one table only, and the model's bits. Constants. */
struct shape {
	bool one;
	unsigned bits;
};

#define FEW ((struct shape){ false, ST_RANS_BITS_FEW })
#define MANY ((struct shape){ false, ST_RANS_BITS_MANY })
#define ONE ((struct shape){ true, ST_RANS_BITS_MANY })

/* What the slots of these states say. */
INLINE vec slots(const struct st_rans_model *m, vec x, const uint8_t *table, struct shape s)
{
	vec at = VALL(and)(x, V(set1_epi32)((1 << s.bits) - 1));

	if (!s.one)
		at = VALL(or)(at, up32(V(cvtepu8_epi32)(load_quarter(table)), s.bits));
	return fetch(m->dec, at);
}

/* The states after these symbols, before words are taken. */
INLINE vec advance(vec x, vec d, struct shape s)
{
	const vec f12 = V(set1_epi32)(0xfff);

	return V(add_epi32)(V(mullo_epi32)(VALL(and)(d, f12), down32(x, s.bits)),
			    VALL(and)(V(srli_epi32)(d, 12), f12));
}

#if VECTOR_BITS == 512
/* The next words, one for each lane of the mask. */
INLINE vec take_words(const struct st_rans_lanes *l, mask32 mask, const uint8_t **words)
{
	vec got = V(maskz_expand_epi32)(mask, V(cvtepu16_epi32)(load_half(*words)));

	(void)l;
	*words += 2 * (size_t)__builtin_popcount(mask);
	return got;
}

/* The low halves of the lanes of the mask, in order, so that they end where the last ones began. */
INLINE void put_words(const struct st_rans_lanes *l, mask32 mask, vec x, uint8_t **words)
{
	unsigned n = (unsigned)__builtin_popcount(mask);
	__m256i out = _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(mask, x));

	(void)l;
	*words -= 2 * (size_t)n;
	_mm256_mask_storeu_epi16(*words, (__mmask16)((1u << n) - 1), out);
}
#else
INLINE vec take_words(const struct st_rans_lanes *l, mask32 mask, const uint8_t **words)
{
	unsigned bits = bits_of32(mask);
	vec got = V(cvtepu16_epi32)(load_half(*words));

	*words += 2 * (size_t)__builtin_popcount(bits);
	return _mm256_permutevar8x32_epi32(got, V(cvtepu8_epi32)(load_quarter(l->spread[bits])));
}

INLINE void put_words(const struct st_rans_lanes *l, mask32 mask, vec x, uint8_t **words)
{
	unsigned bits = bits_of32(mask);
	vec out = _mm256_permutevar8x32_epi32(VALL(and)(x, V(set1_epi32)(0xffff)),
					      V(cvtepu8_epi32)(load_quarter(l->gather[bits])));

	_mm_storeu_si128((__m128i *)(*words - 16),
			 _mm_packus_epi32(_mm256_castsi256_si128(out),
					  _mm256_extracti128_si256(out, 1)));
	*words -= 2 * (size_t)__builtin_popcount(bits);
}
#endif

/* A word for each state that is too low. */
INLINE vec refill(const struct st_rans_lanes *l, vec x, const uint8_t **words)
{
	mask32 few = equal32(V(srli_epi32)(x, 16), VALL(setzero)());
	vec got = take_words(l, few, words);

	return choose32(few, VALL(or)(V(slli_epi32)(x, 16), got), x);
}

INLINE size_t decode_steps(const struct st_rans_model *m, const struct st_rans_lanes *l,
			   uint32_t *states, const uint8_t **words, const uint8_t *end,
			   const uint8_t *ctx, uint8_t *sym, size_t n, struct shape shape)
{
	const struct tables t = get_tables(m);
	const uint8_t *w = *words;
	uint8_t table[ST_RANS_LANES];
	vec x[VECTORS];
	size_t i;

	for (unsigned v = 0; v < VECTORS; v++)
		x[v] = load(states + LANES32 * v);
	for (i = 0; i + ST_RANS_LANES <= n && end - w >= SLACK; i += ST_RANS_LANES) {
		if (!shape.one)
			tables_of(ctx + i, &t, table);
#pragma GCC unroll 2
		for (unsigned v = 0; v < VECTORS; v += 4) {
			vec s[4];

#pragma GCC unroll 4
			for (unsigned k = 0; k < 4; k++) {
				s[k] = slots(m, x[v + k], table + LANES32 * (v + k), shape);
				x[v + k] = advance(x[v + k], s[k], shape);
				s[k] = V(srli_epi32)(s[k], 24);
			}
			s[0] = V(packus_epi16)(V(packus_epi32)(s[0], s[1]),
					       V(packus_epi32)(s[2], s[3]));
			store(sym + i + LANES32 * v, in_order_of_4(s[0]));
		}
#pragma GCC unroll 8
		for (unsigned v = 0; v < VECTORS; v++)
			x[v] = refill(l, x[v], &w);
	}
	for (unsigned v = 0; v < VECTORS; v++)
		store(states + LANES32 * v, x[v]);
	*words = w;
	return i;
}

TARGET static size_t decode(const struct st_rans_model *m, const struct st_rans_lanes *l,
			    uint32_t *states, const uint8_t **words, const uint8_t *end,
			    const uint8_t *ctx, uint8_t *sym, size_t n)
{
	if (m->bits == FEW.bits)
		return decode_steps(m, l, states, words, end, ctx, sym, n, FEW);
	if (m->ntables == 1)
		return decode_steps(m, l, states, words, end, ctx, sym, n, ONE);
	return decode_steps(m, l, states, words, end, ctx, sym, n, MANY);
}

/*
 * x / f for x < f * 2^22, in single precision. In units of 2^-24 relative to it: x as a float errs
 * by at most 1.5 (192 of 2^31), the quotient by 1, together less than 2.6 * 2^-24 * 2^22 < 1. So
 * the whole part is off by one at most, and the rest says which way.
 */
INLINE vec divide(vec x, vec f)
{
	const vecf two32 = V(set1_ps)(4294967296.0f);
	vecf xf = V(cvtepi32_ps)(x), ff = V(cvtepi32_ps)(f);
	vec q, rest;

	xf = V(add_ps)(xf, V(and_ps)(two32, as_float(V(srai_epi32)(x, 31))));
	q = V(cvttps_epi32)(V(div_ps)(xf, ff));
	rest = V(sub_epi32)(x, V(mullo_epi32)(q, f));
	q = V(add_epi32)(q, V(srai_epi32)(rest, 31));
	return V(sub_epi32)(q, ones32(greater32(rest, V(sub_epi32)(f, V(set1_epi32)(1)))));
}

/* Frequency and start of a vector of symbols. */
INLINE vec terms(const struct st_rans_model *m, const uint8_t *sym, const uint8_t *table, bool one)
{
	vec at = V(cvtepu8_epi32)(load_quarter(sym));

	if (!one)
		at = VALL(or)(at, V(slli_epi32)(V(cvtepu8_epi32)(load_quarter(table)), 8));
	return fetch(m->enc[0], at);
}

INLINE void encode_some(const struct st_rans_lanes *l, vec *state, uint8_t **words, vec e,
			unsigned bits)
{
	const vec half = V(set1_epi32)(0xffff), total = V(set1_epi32)(1 << bits);
	vec x = *state, f = V(srli_epi32)(e, 16), more;
	mask32 over = not_greater32(f, down32(x, 32 - bits));

	put_words(l, over, x, words);
	x = choose32(over, V(srli_epi32)(x, 16), x);
	more = V(mullo_epi32)(divide(x, f), V(sub_epi32)(total, f));
	*state = V(add_epi32)(x, V(add_epi32)(more, VALL(and)(e, half)));
}

INLINE size_t encode_steps(const struct st_rans_model *m, const struct st_rans_lanes *l,
			   uint32_t *states, uint8_t **words, const uint8_t *first,
			   const uint8_t *sym, const uint8_t *ctx, size_t n, struct shape shape)
{
	const struct tables t = get_tables(m);
	uint8_t *w = *words, table[ST_RANS_LANES];
	vec x[VECTORS];

	for (unsigned v = 0; v < VECTORS; v++)
		x[v] = load(states + LANES32 * v);
	while (n >= ST_RANS_LANES && w - first >= SLACK) {
		n -= ST_RANS_LANES;
		if (!shape.one)
			tables_of(ctx + n, &t, table);
#pragma GCC unroll 2
		for (unsigned v = VECTORS; v > 0; v -= 4) {
			vec e[4];

#pragma GCC unroll 4
			for (unsigned k = 1; k <= 4; k++)
				e[4 - k] = terms(m, sym + n + LANES32 * (v - k),
						 table + LANES32 * (v - k), shape.one);
#pragma GCC unroll 4
			for (unsigned k = 1; k <= 4; k++)
				encode_some(l, &x[v - k], &w, e[4 - k], shape.bits);
		}
	}
	for (unsigned v = 0; v < VECTORS; v++)
		store(states + LANES32 * v, x[v]);
	*words = w;
	return n;
}

TARGET static size_t encode(const struct st_rans_model *m, const struct st_rans_lanes *l,
			    uint32_t *states, uint8_t **words, const uint8_t *first,
			    const uint8_t *sym, const uint8_t *ctx, size_t n)
{
	if (m->bits == FEW.bits)
		return encode_steps(m, l, states, words, first, sym, ctx, n, FEW);
	if (m->ntables == 1)
		return encode_steps(m, l, states, words, first, sym, ctx, n, ONE);
	return encode_steps(m, l, states, words, first, sym, ctx, n, MANY);
}

TARGET static void slots_of(const uint16_t *freq, unsigned nsyms, uint32_t *slot,
			    const uint32_t *end)
{
	const vec first = V(slli_epi32)(V(cvtepu8_epi32)(load_quarter(count_up)), 12);

	for (unsigned s = 0; s < nsyms; s++) {
		uint32_t f = freq[s], of = s << 24 | f, i = 0;
		vec v = V(add_epi32)(first, V(set1_epi32)((int)of));

		/* what is written beyond f belongs to the next symbols, and is written again */
		for (; i < f && end - slot >= i + LANES32; i += LANES32) {
			store(slot + i, v);
			v = V(add_epi32)(v, V(set1_epi32)(LANES32 << 12));
		}
		for (; i < f; i++)
			slot[i] = of | i << 12;
		slot += f;
	}
}

const struct st_rans_kernel ST_RANS_KERNEL = { decode, encode, slots_of };

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Widths 2 and 4 with AVX2, and BMI2 for the low bits: those of two or four elements are put
 * together by one instruction, and taken apart by one. The attribute, not a build flag, allows
 * these, so that no other code may use them. What these do not do, ends of arrays among it, is left
 * to the portable kernels.
 */
#include "codec/delta.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <string.h>

#define TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define INLINE static inline __attribute__((always_inline)) TARGET

#define STEP 32 /* elements at a time */

INLINE __m256i load(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

INLINE void store(uint8_t *p, __m256i v)
{
	_mm256_storeu_si256((__m256i *)p, v);
}

INLINE uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

/* Of 32-bit lanes packed twice to bytes, each time within halves: back to their order. */
INLINE __m256i in_order(__m256i v)
{
	return _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* Bits of raw from bit at on that belong where mask has ones. At most 56. */
INLINE uint64_t take(const uint8_t *raw, uint64_t *at, uint64_t mask)
{
	uint64_t v = load64(raw + (*at >> 3)) >> (*at & 7);

	*at += (uint64_t)__builtin_popcountll(mask);
	return _pdep_u64(v, mask);
}

/* A stream of bits being written: those that are not whole bytes yet. */
struct bits {
	uint8_t *p;
	uint64_t acc;
	unsigned have; /* below 8 */
};

/* n bits, at most 56, and none above them. */
INLINE void give_bits(struct bits *o, uint64_t v, unsigned n)
{
	unsigned have = o->have + n;

	o->acc |= v << o->have;
	memcpy(o->p, &o->acc, 8);
	o->p += have >> 3;
	o->acc >>= have & 56;
	o->have = have & 7;
}

INLINE void give(struct bits *o, uint64_t v, uint64_t mask)
{
	give_bits(o, _pext_u64(v, mask), (unsigned)__builtin_popcountll(mask));
}

/* Of the 16 bytes at p; mostly the bits of both fit at once. */
INLINE void give_two(struct bits *o, const uint8_t *p, uint64_t mask0, uint64_t mask1)
{
	uint64_t v0 = _pext_u64(load64(p), mask0), v1 = _pext_u64(load64(p + 8), mask1);
	unsigned n0 = (unsigned)__builtin_popcountll(mask0);
	unsigned n1 = (unsigned)__builtin_popcountll(mask1);

	if (__builtin_expect(n0 + n1 > 56, 0)) {
		give_bits(o, v0, n0);
		give_bits(o, v1, n1);
		return;
	}
	give_bits(o, v0 | v1 << n0, n0 + n1);
}

INLINE struct bits bits_from(uint8_t *out, uint64_t bit)
{
	struct bits o = { .p = out + (bit >> 3), .have = bit & 7 };

	o.acc = o.have ? *o.p : 0;
	return o;
}

INLINE uint64_t bits_end(const struct bits *o, const uint8_t *out)
{
	if (o->have)
		*o->p = (uint8_t)o->acc;
	return (uint64_t)(o->p - out) * 8 + o->have;
}

/* ---- 16 bits ---- */

/* flip: all ones for floats, else zero */
INLINE __m256i order16(__m256i v, __m256i flip)
{
	__m256i sign = _mm256_or_si256(_mm256_srai_epi16(v, 15), _mm256_set1_epi16(INT16_MIN));

	return _mm256_xor_si256(v, _mm256_and_si256(sign, flip));
}

INLINE __m256i unorder16(__m256i v, __m256i flip)
{
	__m256i sign = _mm256_srai_epi16(v, 15);

	sign = _mm256_or_si256(_mm256_xor_si256(sign, _mm256_set1_epi16(-1)),
			       _mm256_set1_epi16(INT16_MIN));
	return _mm256_xor_si256(v, _mm256_and_si256(sign, flip));
}

/* Symbols as 16-bit lanes. */
INLINE __m256i symbols16(const uint8_t *x, const uint8_t *b, __m256i flip, uint8_t *mag)
{
	const __m256i zero = _mm256_setzero_si256();
	__m256i d = _mm256_sub_epi16(order16(load(x), flip), order16(load(b), flip));
	__m256i neg = _mm256_srai_epi16(d, 15), lo, hi;

	d = _mm256_xor_si256(d, neg);
	store(mag, d);
	lo = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_unpacklo_epi16(d, zero)));
	hi = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_unpackhi_epi16(d, zero)));
	d = _mm256_packs_epi32(_mm256_srli_epi32(lo, 22), _mm256_srli_epi32(hi, 22));
	d = _mm256_subs_epu16(d, _mm256_set1_epi16(252));
	return _mm256_sub_epi16(_mm256_add_epi16(d, d), neg);
}

TARGET static void split_16(const uint8_t *x, const uint8_t *b, size_t n, enum st_num num,
			    const struct st_decay *decay, uint8_t *mag, uint8_t *sym)
{
	const __m256i flip = _mm256_set1_epi16(num != ST_NUM_INT ? -1 : 0);
	size_t i = 0;

	for (; !decay && i + STEP <= n; i += STEP) {
		__m256i s0 = symbols16(x + 2 * i, b + 2 * i, flip, mag + 2 * i);
		__m256i s1 = symbols16(x + 2 * i + 32, b + 2 * i + 32, flip, mag + 2 * i + 32);

		store(sym + i, _mm256_permute4x64_epi64(_mm256_packus_epi16(s0, s1), 0xd8));
	}
	st_delta_kernels[1].split(x + 2 * i, b + 2 * i, n - i, num, decay, mag + 2 * i, sym + i);
}

/* By k: a byte of 2^(k-1), of 2^(k-2), and of 2^(k-2) - 1; 0 where there is no such bit. */
#define TABLE(...) _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))
#define TOP_LO TABLE(0, 1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0)
#define TOP_HI TABLE(0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64)
#define NEXT_LO TABLE(0, 0, 1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0)
#define NEXT_HI TABLE(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32)
#define LOW_LO TABLE(0, 0, 0, 1, 3, 7, 15, 31, 63, 127, -1, -1, -1, -1, -1, -1)
#define LOW_HI TABLE(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 7, 15, 31)

INLINE __m256i lookup(__m256i table, __m256i k)
{
	return _mm256_shuffle_epi8(table, k);
}

/* Sixteen elements from the highest two bits of mag, which of its bits are raw, and the sign. */
INLINE void join_some16(__m256i top, __m256i low, __m256i neg, const uint8_t *b, __m256i flip,
			const uint8_t *raw, uint64_t *at, uint8_t *x)
{
	__m128i lo = _mm256_castsi256_si128(low), hi = _mm256_extracti128_si256(low, 1);
	uint64_t v0 = take(raw, at, (uint64_t)_mm_cvtsi128_si64(lo));
	uint64_t v1 = take(raw, at, (uint64_t)_mm_extract_epi64(lo, 1));
	uint64_t v2 = take(raw, at, (uint64_t)_mm_cvtsi128_si64(hi));
	uint64_t v3 = take(raw, at, (uint64_t)_mm_extract_epi64(hi, 1));
	__m256i d = _mm256_setr_epi64x((long long)v0, (long long)v1, (long long)v2, (long long)v3);

	d = _mm256_xor_si256(_mm256_or_si256(d, top), neg);
	store(x, unorder16(_mm256_add_epi16(order16(load(b), flip), d), flip));
}

TARGET static bool join_16(const uint8_t *sym, const uint8_t *b, size_t n, enum st_num num,
			   const struct st_decay *decay, const uint8_t *raw, size_t raw_len,
			   uint64_t *bit, uint8_t *x)
{
	const __m256i flip = _mm256_set1_epi16(num != ST_NUM_INT ? -1 : 0);
	const __m256i one = _mm256_set1_epi8(1), two = _mm256_set1_epi8(2);
	uint64_t at = *bit, safe = raw_len >= 72 ? (raw_len - 72) * 8 : 0;
	size_t i = 0;

	for (; !decay && i + STEP <= n && at < safe; i += STEP) {
		__m256i s = _mm256_permute4x64_epi64(load(sym + i), 0xd8);
		__m256i k = _mm256_and_si256(_mm256_srli_epi16(s, 2), _mm256_set1_epi8(15));
		__m256i next = _mm256_cmpeq_epi8(_mm256_and_si256(s, two), two);
		__m256i neg = _mm256_cmpeq_epi8(_mm256_and_si256(s, one), one);
		__m256i lo = _mm256_or_si256(lookup(TOP_LO, k),
					     _mm256_and_si256(lookup(NEXT_LO, k), next));
		__m256i hi = _mm256_or_si256(lookup(TOP_HI, k),
					     _mm256_and_si256(lookup(NEXT_HI, k), next));
		__m256i low_lo = lookup(LOW_LO, k), low_hi = lookup(LOW_HI, k);

		join_some16(_mm256_unpacklo_epi8(lo, hi), _mm256_unpacklo_epi8(low_lo, low_hi),
			    _mm256_unpacklo_epi8(neg, neg), b + 2 * i, flip, raw, &at, x + 2 * i);
		join_some16(_mm256_unpackhi_epi8(lo, hi), _mm256_unpackhi_epi8(low_lo, low_hi),
			    _mm256_unpackhi_epi8(neg, neg), b + 2 * i + 32, flip, raw, &at,
			    x + 2 * i + 32);
	}
	*bit = at;
	return st_delta_kernels[1].join(sym + i, b + 2 * i, n - i, num, decay, raw, raw_len, bit,
					x + 2 * i);
}

/* Of 16 elements; mostly all bits fit at once. */
INLINE void give4(struct bits *o, const uint8_t *mag, __m256i low)
{
	__m128i lo = _mm256_castsi256_si128(low), hi = _mm256_extracti128_si256(low, 1);
	uint64_t m0 = (uint64_t)_mm_cvtsi128_si64(lo), m1 = (uint64_t)_mm_extract_epi64(lo, 1);
	uint64_t m2 = (uint64_t)_mm_cvtsi128_si64(hi), m3 = (uint64_t)_mm_extract_epi64(hi, 1);
	unsigned n0 = (unsigned)__builtin_popcountll(m0), n2 = (unsigned)__builtin_popcountll(m2);
	unsigned n01 = n0 + (unsigned)__builtin_popcountll(m1);
	unsigned n23 = n2 + (unsigned)__builtin_popcountll(m3);
	uint64_t v01, v23;

	if (__builtin_expect(n01 + n23 > 56, 0)) {
		give_two(o, mag, m0, m1);
		give_two(o, mag + 16, m2, m3);
		return;
	}
	v01 = _pext_u64(load64(mag), m0) | _pext_u64(load64(mag + 8), m1) << n0;
	v23 = _pext_u64(load64(mag + 16), m2) | _pext_u64(load64(mag + 24), m3) << n2;
	give_bits(o, v01 | v23 << n01, n01 + n23);
}

TARGET static void put_raw_16(const uint8_t *mag, const uint8_t *sym, size_t n, uint8_t *out,
			      uint64_t *bit)
{
	struct bits o = bits_from(out, *bit);
	size_t i = 0;

	for (; i + STEP <= n; i += STEP) {
		__m256i s = _mm256_permute4x64_epi64(load(sym + i), 0xd8);
		__m256i k = _mm256_and_si256(_mm256_srli_epi16(s, 2), _mm256_set1_epi8(15));
		__m256i lo = lookup(LOW_LO, k), hi = lookup(LOW_HI, k);

		give4(&o, mag + 2 * i, _mm256_unpacklo_epi8(lo, hi));
		give4(&o, mag + 2 * i + 32, _mm256_unpackhi_epi8(lo, hi));
	}
	*bit = bits_end(&o, out);
	st_delta_kernels[1].put_raw(mag + 2 * i, sym + i, n - i, out, bit);
}

INLINE __m256i clamp_contexts(__m256i level0, __m256i level1, __m256i top, __m256i from,
			      __m128i shift)
{
	__m256i d0 = _mm256_sll_epi16(_mm256_subs_epu16(top, level0), shift);
	__m256i d1 = _mm256_sll_epi16(_mm256_subs_epu16(top, level1), shift);
	__m256i c = _mm256_packus_epi16(_mm256_add_epi16(d0, from), _mm256_add_epi16(d1, from));

	return _mm256_min_epu8(c, _mm256_set1_epi8(ST_RANS_CONTEXTS - 1));
}

TARGET static void contexts_16(const uint8_t *b, size_t n, enum st_num num,
			       const struct st_context_line *l, uint8_t *ctx)
{
	const __m256i bits = _mm256_set1_epi16(INT16_MAX), top = _mm256_set1_epi16((short)l->top);
	const __m256i from = _mm256_set1_epi16((short)l->from);
	const __m128i down = _mm_cvtsi32_si128((int)st_numbers[num].mantissa);
	const __m128i shift = _mm_cvtsi32_si128((int)l->shift);
	size_t i = 0;

	for (; num != ST_NUM_INT && i + STEP <= n; i += STEP) {
		__m256i l0 = _mm256_srl_epi16(_mm256_and_si256(load(b + 2 * i), bits), down);
		__m256i l1 = _mm256_srl_epi16(_mm256_and_si256(load(b + 2 * i + 32), bits), down);
		__m256i c = clamp_contexts(l0, l1, top, from, shift);

		store(ctx + i, _mm256_permute4x64_epi64(c, 0xd8));
	}
	st_delta_kernels[1].contexts(b + 2 * i, n - i, num, l, ctx + i);
}

TARGET static void levels_16(const uint8_t *b, size_t n, enum st_num num, uint16_t *level)
{
	const __m256i bits = _mm256_set1_epi16(INT16_MAX);
	const __m128i down = _mm_cvtsi32_si128((int)st_numbers[num].mantissa);
	size_t i = 0;

	for (; num != ST_NUM_INT && i + 16 <= n; i += 16)
		store((uint8_t *)(level + i),
		      _mm256_srl_epi16(_mm256_and_si256(load(b + 2 * i), bits), down));
	st_delta_kernels[1].levels(b + 2 * i, n - i, num, level + i);
}

/* ---- 32 bits ---- */

INLINE __m256i order32(__m256i v, __m256i flip)
{
	__m256i sign = _mm256_or_si256(_mm256_srai_epi32(v, 31), _mm256_set1_epi32(INT32_MIN));

	return _mm256_xor_si256(v, _mm256_and_si256(sign, flip));
}

INLINE __m256i unorder32(__m256i v, __m256i flip)
{
	__m256i sign = _mm256_srai_epi32(v, 31);

	sign = _mm256_or_si256(_mm256_xor_si256(sign, _mm256_set1_epi32(-1)),
			       _mm256_set1_epi32(INT32_MIN));
	return _mm256_xor_si256(v, _mm256_and_si256(sign, flip));
}

/* (by * low + round) >> 15, of which the low 32 bits are wanted. */
INLINE __m256i slope(__m256i by, __m256i low)
{
	const __m256i even = _mm256_set1_epi64x(UINT32_MAX);
	__m256i round = _mm256_and_si256(_mm256_srai_epi32(by, 31), _mm256_set1_epi32(0x7fff));
	__m256i p0 = _mm256_mul_epi32(by, low);
	__m256i p1 = _mm256_mul_epi32(_mm256_srli_epi64(by, 32), _mm256_srli_epi64(low, 32));

	p0 = _mm256_add_epi64(p0, _mm256_and_si256(round, even));
	p1 = _mm256_add_epi64(p1, _mm256_srli_epi64(round, 32));
	return _mm256_blend_epi32(_mm256_srli_epi64(p0, 15),
				  _mm256_slli_epi64(_mm256_srli_epi64(p1, 15), 32), 0xaa);
}

/* Steps of two cells, each with the one behind it. */
INLINE __m128i two_steps(const struct st_decay *decay, uint64_t cells)
{
	__m128i a = _mm_loadl_epi64((const __m128i *)(decay->step + (uint32_t)cells));
	__m128i b = _mm_loadl_epi64((const __m128i *)(decay->step + (cells >> 32)));

	return _mm_unpacklo_epi64(a, b);
}

/* Four loads of two by two are quicker than gather instructions. */
INLINE void steps(const struct st_decay *decay, __m256i cell, __m256i *from, __m256i *to)
{
	__m128i lo = _mm256_castsi256_si128(cell), hi = _mm256_extracti128_si256(cell, 1);
	__m128i a = two_steps(decay, (uint64_t)_mm_cvtsi128_si64(lo));
	__m128i b = two_steps(decay, (uint64_t)_mm_extract_epi64(lo, 1));
	__m128i c = two_steps(decay, (uint64_t)_mm_cvtsi128_si64(hi));
	__m128i d = two_steps(decay, (uint64_t)_mm_extract_epi64(hi, 1));
	__m256 x = _mm256_castsi256_ps(_mm256_set_m128i(c, a));
	__m256 y = _mm256_castsi256_ps(_mm256_set_m128i(d, b));

	*from = _mm256_castps_si256(_mm256_shuffle_ps(x, y, 0x88));
	*to = _mm256_castps_si256(_mm256_shuffle_ps(x, y, 0xdd));
}

/* Of f32 numbers. */
INLINE __m256i predict32(__m256i b, const struct st_decay *decay)
{
	__m256i cell = _mm256_and_si256(_mm256_srli_epi32(b, 15), _mm256_set1_epi32(255));
	__m256i low = _mm256_and_si256(b, _mm256_set1_epi32(0x7fff));
	__m256i plus = _mm256_cmpgt_epi32(b, _mm256_set1_epi32(-1)), from, to, d;

	steps(decay, cell, &from, &to);
	d = _mm256_add_epi32(from, slope(_mm256_sub_epi32(to, from), low));

	return _mm256_sub_epi32(_mm256_xor_si256(d, plus), plus);
}

INLINE __m256i symbols32(const uint8_t *x, const uint8_t *b, __m256i flip,
			 const struct st_decay *decay, uint8_t *mag)
{
	__m256i u = load(b), neg, h;
	__m256i d = _mm256_sub_epi32(order32(load(x), flip), order32(u, flip));

	if (decay)
		d = _mm256_sub_epi32(d, predict32(u, decay));
	neg = _mm256_srai_epi32(d, 31);
	d = _mm256_xor_si256(d, neg);
	store(mag, d);
	/* Without bits that have another eight above them rounding cannot carry to the highest. */
	h = _mm256_andnot_si256(_mm256_srli_epi32(d, 8), d);
	h = _mm256_srli_epi32(_mm256_castps_si256(_mm256_cvtepi32_ps(h)), 22);
	h = _mm256_max_epi32(_mm256_sub_epi32(h, _mm256_set1_epi32(252)), _mm256_setzero_si256());
	return _mm256_sub_epi32(_mm256_add_epi32(h, h), neg);
}

INLINE size_t split_many32(const uint8_t *x, const uint8_t *b, size_t n, __m256i flip,
			   const struct st_decay *decay, uint8_t *mag, uint8_t *sym)
{
	size_t i = 0;

	for (; i + STEP <= n; i += STEP) {
		__m256i s[4];

		for (unsigned v = 0; v < 4; v++)
			s[v] = symbols32(x + 4 * i + 32 * v, b + 4 * i + 32 * v, flip, decay,
					 mag + 4 * i + 32 * v);
		s[0] = _mm256_packus_epi16(_mm256_packs_epi32(s[0], s[1]),
					   _mm256_packs_epi32(s[2], s[3]));
		store(sym + i, in_order(s[0]));
	}
	return i;
}

TARGET static void split_32(const uint8_t *x, const uint8_t *b, size_t n, enum st_num num,
			    const struct st_decay *decay, uint8_t *mag, uint8_t *sym)
{
	const __m256i flip = _mm256_set1_epi32(num != ST_NUM_INT ? -1 : 0);
	size_t i = 0;

	if (!decay)
		i = split_many32(x, b, n, flip, NULL, mag, sym);
	else if (num == ST_NUM_F32 && !decay->steep)
		i = split_many32(x, b, n, flip, decay, mag, sym);
	st_delta_kernels[2].split(x + 4 * i, b + 4 * i, n - i, num, decay, mag + 4 * i, sym + i);
}

INLINE __m256i low_mask32(__m256i k)
{
	const __m256i one = _mm256_set1_epi32(1);
	__m256i more =
		_mm256_max_epi32(_mm256_sub_epi32(k, _mm256_set1_epi32(2)), _mm256_setzero_si256());

	return _mm256_sub_epi32(_mm256_sllv_epi32(one, more), one);
}

/* Two elements have up to 58 bits. */
INLINE uint64_t take2(const uint8_t *raw, uint64_t *at, uint64_t mask)
{
	uint64_t first = mask & UINT32_MAX;

	if (__builtin_expect(__builtin_popcountll(mask) <= 56, 1))
		return take(raw, at, mask);
	first = take(raw, at, first);
	return first | take(raw, at, mask & ~(uint64_t)UINT32_MAX);
}

INLINE size_t join_many32(const uint8_t *sym, const uint8_t *b, size_t n, __m256i flip,
			  const struct st_decay *decay, const uint8_t *raw, uint64_t safe,
			  uint64_t *bit, uint8_t *x)
{
	const __m256i one = _mm256_set1_epi32(1), two = _mm256_set1_epi32(2);
	uint64_t at = *bit;
	size_t i = 0;

	for (; i + 8 <= n && at < safe; i += 8) {
		__m256i s = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(sym + i)));
		__m256i k = _mm256_srli_epi32(s, 2), u = load(b + 4 * i);
		__m256i low = low_mask32(k), top, neg, d;
		__m128i lo = _mm256_castsi256_si128(low), hi = _mm256_extracti128_si256(low, 1);
		uint64_t v0 = take2(raw, &at, (uint64_t)_mm_cvtsi128_si64(lo));
		uint64_t v1 = take2(raw, &at, (uint64_t)_mm_extract_epi64(lo, 1));
		uint64_t v2 = take2(raw, &at, (uint64_t)_mm_cvtsi128_si64(hi));
		uint64_t v3 = take2(raw, &at, (uint64_t)_mm_extract_epi64(hi, 1));

		top = _mm256_or_si256(two, _mm256_and_si256(_mm256_srli_epi32(s, 1), one));
		top = _mm256_mullo_epi32(top, _mm256_add_epi32(low, one)); /* shifts it */
		top = _mm256_blendv_epi8(top, k, _mm256_cmpgt_epi32(two, k));
		neg = _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_and_si256(s, one));
		d = _mm256_setr_epi64x((long long)v0, (long long)v1, (long long)v2, (long long)v3);
		d = _mm256_xor_si256(_mm256_or_si256(d, top), neg);
		if (decay)
			d = _mm256_add_epi32(d, predict32(u, decay));
		store(x + 4 * i, unorder32(_mm256_add_epi32(order32(u, flip), d), flip));
	}
	*bit = at;
	return i;
}

TARGET static bool join_32(const uint8_t *sym, const uint8_t *b, size_t n, enum st_num num,
			   const struct st_decay *decay, const uint8_t *raw, size_t raw_len,
			   uint64_t *bit, uint8_t *x)
{
	const __m256i flip = _mm256_set1_epi32(num != ST_NUM_INT ? -1 : 0);
	uint64_t safe = raw_len >= 48 ? (raw_len - 48) * 8 : 0;
	size_t i = 0;

	if (!decay)
		i = join_many32(sym, b, n, flip, NULL, raw, safe, bit, x);
	else if (num == ST_NUM_F32 && !decay->steep)
		i = join_many32(sym, b, n, flip, decay, raw, safe, bit, x);
	return st_delta_kernels[2].join(sym + i, b + 4 * i, n - i, num, decay, raw, raw_len, bit,
					x + 4 * i);
}

INLINE void give2(struct bits *o, const uint8_t *mag, uint64_t mask)
{
	uint64_t v = load64(mag);

	if (__builtin_expect(__builtin_popcountll(mask) <= 56, 1)) {
		give(o, v, mask);
		return;
	}
	give(o, v, mask & UINT32_MAX);
	give(o, v, mask & ~(uint64_t)UINT32_MAX);
}

TARGET static void put_raw_32(const uint8_t *mag, const uint8_t *sym, size_t n, uint8_t *out,
			      uint64_t *bit)
{
	struct bits o = bits_from(out, *bit);
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		__m256i s = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(sym + i)));
		__m256i low = low_mask32(_mm256_srli_epi32(s, 2));
		__m128i lo = _mm256_castsi256_si128(low), hi = _mm256_extracti128_si256(low, 1);

		give2(&o, mag + 4 * i, (uint64_t)_mm_cvtsi128_si64(lo));
		give2(&o, mag + 4 * i + 8, (uint64_t)_mm_extract_epi64(lo, 1));
		give2(&o, mag + 4 * i + 16, (uint64_t)_mm_cvtsi128_si64(hi));
		give2(&o, mag + 4 * i + 24, (uint64_t)_mm_extract_epi64(hi, 1));
	}
	*bit = bits_end(&o, out);
	st_delta_kernels[2].put_raw(mag + 4 * i, sym + i, n - i, out, bit);
}

INLINE __m256i levels32(const uint8_t *b)
{
	const __m256i exponent = _mm256_set1_epi32(255);
	__m256i l0 = _mm256_and_si256(_mm256_srli_epi32(load(b), 23), exponent);
	__m256i l1 = _mm256_and_si256(_mm256_srli_epi32(load(b + 32), 23), exponent);

	return _mm256_packs_epi32(l0, l1);
}

TARGET static void levels_32(const uint8_t *b, size_t n, enum st_num num, uint16_t *level)
{
	size_t i = 0;

	for (; num == ST_NUM_F32 && i + 16 <= n; i += 16)
		store((uint8_t *)(level + i), _mm256_permute4x64_epi64(levels32(b + 4 * i), 0xd8));
	st_delta_kernels[2].levels(b + 4 * i, n - i, num, level + i);
}

TARGET static void contexts_32(const uint8_t *b, size_t n, enum st_num num,
			       const struct st_context_line *l, uint8_t *ctx)
{
	const __m256i top = _mm256_set1_epi16((short)l->top);
	const __m256i from = _mm256_set1_epi16((short)l->from);
	const __m128i shift = _mm_cvtsi32_si128((int)l->shift);
	size_t i = 0;

	for (; num == ST_NUM_F32 && i + STEP <= n; i += STEP) {
		__m256i c = clamp_contexts(levels32(b + 4 * i), levels32(b + 4 * i + 64), top, from,
					   shift);

		store(ctx + i, in_order(c));
	}
	st_delta_kernels[2].contexts(b + 4 * i, n - i, num, l, ctx + i);
}

/* ---- both ---- */

/* Four elements widened to 64 bits: what is weighed, and the level. */
INLINE __m256i weigh4(__m256i mag, __m256i bits, __m128i mantissa, __m256i top)
{
	__m256i down = _mm256_sub_epi32(top, _mm256_srl_epi64(bits, mantissa));

	down = _mm256_max_epi32(down, _mm256_setzero_si256());
	mag = _mm256_min_epu32(mag, _mm256_set1_epi64x((1 << 24) - 1));
	return _mm256_srlv_epi64(_mm256_slli_epi64(mag, 22), down);
}

INLINE uint64_t total(__m256i sum)
{
	__m128i s = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));

	return (uint64_t)_mm_cvtsi128_si64(s) + (uint64_t)_mm_extract_epi64(s, 1);
}

TARGET static uint64_t weigh_16(const uint8_t *mag, const uint8_t *b, size_t n, enum st_num num,
				unsigned top)
{
	const __m128i mantissa = _mm_cvtsi32_si128((int)st_numbers[num].mantissa);
	const __m128i bits = _mm_set1_epi16(INT16_MAX);
	const __m256i highest = _mm256_set1_epi64x(top);
	__m256i sum = _mm256_setzero_si256();
	size_t i = 0;

	for (; num != ST_NUM_INT && i + 4 <= n; i += 4) {
		__m128i m = _mm_loadl_epi64((const __m128i *)(mag + 2 * i));
		__m128i l = _mm_and_si128(_mm_loadl_epi64((const __m128i *)(b + 2 * i)), bits);

		sum = _mm256_add_epi64(sum, weigh4(_mm256_cvtepu16_epi64(m),
						   _mm256_cvtepu16_epi64(l), mantissa, highest));
	}
	return total(sum) + st_delta_kernels[1].weigh(mag + 2 * i, b + 2 * i, n - i, num, top);
}

TARGET static uint64_t weigh_32(const uint8_t *mag, const uint8_t *b, size_t n, enum st_num num,
				unsigned top)
{
	const __m128i mantissa = _mm_cvtsi32_si128(23), bits = _mm_set1_epi32(INT32_MAX);
	const __m256i highest = _mm256_set1_epi64x(top);
	__m256i sum = _mm256_setzero_si256();
	size_t i = 0;

	for (; num == ST_NUM_F32 && i + 4 <= n; i += 4) {
		__m128i m = _mm_loadu_si128((const __m128i *)(mag + 4 * i));
		__m128i l = _mm_and_si128(_mm_loadu_si128((const __m128i *)(b + 4 * i)), bits);

		sum = _mm256_add_epi64(sum, weigh4(_mm256_cvtepu32_epi64(m),
						   _mm256_cvtepu32_epi64(l), mantissa, highest));
	}
	return total(sum) + st_delta_kernels[2].weigh(mag + 4 * i, b + 4 * i, n - i, num, top);
}

const struct st_delta_kernel st_delta_kernels_avx2[2] = {
	{ split_16, join_16, put_raw_16, levels_16, contexts_16, weigh_16 },
	{ split_32, join_32, put_raw_32, levels_32, contexts_32, weigh_32 },
};

#endif

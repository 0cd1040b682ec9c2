/* SPDX-License-Identifier: Apache-2.0 */
/* lint: not alone */
/*
 * Widths 2 and 4 with vectors, and BMI2 for the low bits: those of two or four elements are put
 * together by one instruction, and taken apart by one. Included once for each size of vectors, with
 * VECTOR_BITS. What these do not do, ends of arrays among it, is left to the portable kernels.
 */
#include "codec/delta.h"
#include "codec/vector.h"

#define STEP VECTOR_BYTES /* elements at a time */
#define LANES32 (VECTOR_BITS / 32)
#define AHEAD 16384 /* bytes of the base: it will soon be read, and memory is idle now */

INLINE uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
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

/* s(x) - s(b), all with b's sign turned to plus. flip: all ones for floats, else zero. */
INLINE vec differ16(vec x, vec b, vec flip)
{
	const vec top = VALL(and)(flip, V(set1_epi16)(INT16_MIN));
	vec turned = VALL(xor)(x, VALL(and)(b, top));
	vec sign = VALL(or)(VALL(and)(V(srai_epi16)(turned, 15), flip), top);

	return V(sub_epi16)(VALL(xor)(turned, sign), VALL(or)(b, top));
}

/* The other way. */
INLINE vec go16(vec b, vec d, vec flip)
{
	const vec top = VALL(and)(flip, V(set1_epi16)(INT16_MIN));
	vec s = V(add_epi16)(VALL(or)(b, top), d);
	vec sign = VALL(or)(VALL(andnot)(V(srai_epi16)(s, 15), flip), top);

	return VALL(xor)(VALL(xor)(s, sign), VALL(and)(b, top));
}

/* Symbols as 16-bit lanes. */
INLINE vec symbols16(const uint8_t *x, const uint8_t *b, vec flip, uint8_t *mag)
{
	const vec zero = VALL(setzero)();
	vec d = differ16(load(x), load(b), flip);
	vec neg = V(srai_epi16)(d, 15), lo, hi;

	d = VALL(xor)(d, neg);
	store(mag, d);
	lo = as_int(V(cvtepi32_ps)(V(unpacklo_epi16)(d, zero)));
	hi = as_int(V(cvtepi32_ps)(V(unpackhi_epi16)(d, zero)));
	d = V(packs_epi32)(V(srli_epi32)(lo, 22), V(srli_epi32)(hi, 22));
	d = V(subs_epu16)(d, V(set1_epi16)(252));
	return V(sub_epi16)(V(add_epi16)(d, d), neg);
}

TARGET static void split_16(const uint8_t *x, const uint8_t *b, size_t n, enum st_num num,
			    const struct st_decay *decay, uint8_t *mag, uint8_t *sym)
{
	const vec flip = V(set1_epi16)(num != ST_NUM_INT ? -1 : 0);
	size_t i = 0;

	for (; !decay && i + STEP <= n; i += STEP) {
		vec s0 = symbols16(x + 2 * i, b + 2 * i, flip, mag + 2 * i);
		vec s1 = symbols16(x + 2 * i + STEP, b + 2 * i + STEP, flip, mag + 2 * i + STEP);

		store(sym + i, in_order_of_2(V(packus_epi16)(s0, s1)));
	}
	st_delta_kernels[1].split(x + 2 * i, b + 2 * i, n - i, num, decay, mag + 2 * i, sym + i);
}

/* By k: a byte of 2^(k-1), of 2^(k-2), and of 2^(k-2) - 1; 0 where there is no such bit. */
#define TABLE(...) every128(_mm_setr_epi8(__VA_ARGS__))
#define TOP_LO TABLE(0, 1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0)
#define TOP_HI TABLE(0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64)
#define NEXT_LO TABLE(0, 0, 1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0)
#define NEXT_HI TABLE(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32)
#define LOW_LO TABLE(0, 0, 0, 1, 3, 7, 15, 31, 63, 127, -1, -1, -1, -1, -1, -1)
#define LOW_HI TABLE(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 7, 15, 31)

INLINE vec lookup(vec table, vec k)
{
	return V(shuffle_epi8)(table, k);
}

/* A vector from the highest two bits of each mag, which of its bits are raw, and the sign. */
INLINE void join_some16(vec top, vec low, vec neg, const uint8_t *b, vec flip, const uint8_t *raw,
			uint64_t *at, uint8_t *x)
{
	uint64_t w[VECTOR_WORDS];
	vec d;

#define TAKE(k) w[k] = take(raw, at, word_of(low, k))
	EACH_WORD(TAKE);
#undef TAKE
	d = vec_of(w);
	d = VALL(xor)(VALL(or)(d, top), neg);
	store(x, go16(load(b), d, flip));
}

TARGET static bool join_16(const uint8_t *sym, const uint8_t *b, size_t n, enum st_num num,
			   const struct st_decay *decay, const uint8_t *raw, size_t raw_len,
			   uint64_t *bit, uint8_t *x)
{
	const vec flip = V(set1_epi16)(num != ST_NUM_INT ? -1 : 0);
	const vec one = V(set1_epi8)(1), two = V(set1_epi8)(2);
	const size_t reach = STEP * 14 / 8 + 16; /* what a step may read, of 14 bits each */
	uint64_t at = *bit, safe = raw_len >= reach ? (raw_len - reach) * 8 : 0;
	size_t i = 0;

	for (; !decay && i + STEP <= n && at < safe; i += STEP) {
		vec s = apart_for_2(load(sym + i));
		vec k = VALL(and)(V(srli_epi16)(s, 2), V(set1_epi8)(15));
		vec next = equal8(VALL(and)(s, two), two);
		vec neg = equal8(VALL(and)(s, one), one);
		vec lo = VALL(or)(lookup(TOP_LO, k), VALL(and)(lookup(NEXT_LO, k), next));
		vec hi = VALL(or)(lookup(TOP_HI, k), VALL(and)(lookup(NEXT_HI, k), next));
		vec low_lo = lookup(LOW_LO, k), low_hi = lookup(LOW_HI, k);

		__builtin_prefetch(b + 2 * i + AHEAD);
		join_some16(V(unpacklo_epi8)(lo, hi), V(unpacklo_epi8)(low_lo, low_hi),
			    V(unpacklo_epi8)(neg, neg), b + 2 * i, flip, raw, &at, x + 2 * i);
		join_some16(V(unpackhi_epi8)(lo, hi), V(unpackhi_epi8)(low_lo, low_hi),
			    V(unpackhi_epi8)(neg, neg), b + 2 * i + STEP, flip, raw, &at,
			    x + 2 * i + STEP);
	}
	*bit = at;
	return st_delta_kernels[1].join(sym + i, b + 2 * i, n - i, num, decay, raw, raw_len, bit,
					x + 2 * i);
}

/* Of 16 elements, the bits of four masks; mostly all fit at once. */
INLINE void give_four(struct bits *o, const uint8_t *mag, uint64_t m0, uint64_t m1, uint64_t m2,
		      uint64_t m3)
{
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

/* Of a vector of mags, the bits that low says. */
INLINE void give_some16(struct bits *o, const uint8_t *mag, vec low)
{
#pragma GCC unroll 2
	for (unsigned k = 0; k < VECTOR_WORDS; k += 4)
		give_four(o, mag + 8 * k, word_of(low, k), word_of(low, k + 1), word_of(low, k + 2),
			  word_of(low, k + 3));
}

TARGET static void put_raw_16(const uint8_t *mag, const uint8_t *sym, size_t n, uint8_t *out,
			      uint64_t *bit)
{
	struct bits o = bits_from(out, *bit);
	size_t i = 0;

	for (; i + STEP <= n; i += STEP) {
		vec s = apart_for_2(load(sym + i));
		vec k = VALL(and)(V(srli_epi16)(s, 2), V(set1_epi8)(15));
		vec lo = lookup(LOW_LO, k), hi = lookup(LOW_HI, k);

		give_some16(&o, mag + 2 * i, V(unpacklo_epi8)(lo, hi));
		give_some16(&o, mag + 2 * i + STEP, V(unpackhi_epi8)(lo, hi));
	}
	*bit = bits_end(&o, out);
	st_delta_kernels[1].put_raw(mag + 2 * i, sym + i, n - i, out, bit);
}

INLINE vec clamp_contexts(vec level0, vec level1, vec top, vec from, __m128i shift)
{
	vec d0 = V(sll_epi16)(V(subs_epu16)(top, level0), shift);
	vec d1 = V(sll_epi16)(V(subs_epu16)(top, level1), shift);
	vec c = V(packus_epi16)(V(add_epi16)(d0, from), V(add_epi16)(d1, from));

	return V(min_epu8)(c, V(set1_epi8)(ST_RANS_CONTEXTS - 1));
}

TARGET static void contexts_16(const uint8_t *b, size_t n, enum st_num num,
			       const struct st_context_line *l, uint8_t *ctx)
{
	const vec bits = V(set1_epi16)(INT16_MAX), top = V(set1_epi16)((short)l->top);
	const vec from = V(set1_epi16)((short)l->from);
	const __m128i down = _mm_cvtsi32_si128((int)st_numbers[num].mantissa);
	const __m128i shift = _mm_cvtsi32_si128((int)l->shift);
	size_t i = 0;

	for (; num != ST_NUM_INT && i + STEP <= n; i += STEP) {
		vec l0 = V(srl_epi16)(VALL(and)(load(b + 2 * i), bits), down);
		vec l1 = V(srl_epi16)(VALL(and)(load(b + 2 * i + STEP), bits), down);
		vec c = clamp_contexts(l0, l1, top, from, shift);

		store(ctx + i, in_order_of_2(c));
	}
	st_delta_kernels[1].contexts(b + 2 * i, n - i, num, l, ctx + i);
}

TARGET static void levels_16(const uint8_t *b, size_t n, enum st_num num, uint16_t *level)
{
	const vec bits = V(set1_epi16)(INT16_MAX);
	const __m128i down = _mm_cvtsi32_si128((int)st_numbers[num].mantissa);
	size_t i = 0;

	for (; num != ST_NUM_INT && i + STEP / 2 <= n; i += STEP / 2)
		store(level + i, V(srl_epi16)(VALL(and)(load(b + 2 * i), bits), down));
	st_delta_kernels[1].levels(b + 2 * i, n - i, num, level + i);
}

/* ---- 32 bits ---- */

INLINE vec differ32(vec x, vec b, vec flip)
{
	const vec top = VALL(and)(flip, V(set1_epi32)(INT32_MIN));
	vec turned = VALL(xor)(x, VALL(and)(b, top));
	vec sign = VALL(or)(VALL(and)(V(srai_epi32)(turned, 31), flip), top);

	return V(sub_epi32)(VALL(xor)(turned, sign), VALL(or)(b, top));
}

INLINE vec go32(vec b, vec d, vec flip)
{
	const vec top = VALL(and)(flip, V(set1_epi32)(INT32_MIN));
	vec s = V(add_epi32)(VALL(or)(b, top), d);
	vec sign = VALL(or)(VALL(andnot)(V(srai_epi32)(s, 31), flip), top);

	return VALL(xor)(VALL(xor)(s, sign), VALL(and)(b, top));
}

/* (by * low + round) >> 15, of which the low 32 bits are wanted. */
INLINE vec slope(vec by, vec low)
{
	const vec even = every64(UINT32_MAX);
	vec round = VALL(and)(V(srai_epi32)(by, 31), V(set1_epi32)(0x7fff));
	vec p0 = V(mul_epi32)(by, low);
	vec p1 = V(mul_epi32)(V(srli_epi64)(by, 32), V(srli_epi64)(low, 32));

	p0 = V(add_epi64)(p0, VALL(and)(round, even));
	p1 = V(add_epi64)(p1, V(srli_epi64)(round, 32));
	return with_odd32(V(srli_epi64)(p0, 15), V(slli_epi64)(V(srli_epi64)(p1, 15), 32));
}

/* Steps of two cells, each with the one behind it. */
INLINE __m128i two_steps(const struct st_decay *decay, uint64_t cells)
{
	__m128i a = _mm_loadl_epi64((const __m128i *)(decay->step + (uint32_t)cells));
	__m128i b = _mm_loadl_epi64((const __m128i *)(decay->step + (cells >> 32)));

	return _mm_unpacklo_epi64(a, b);
}

/* Of eight cells. Four loads of two by two are quicker than gather instructions. */
INLINE void eight_steps(const struct st_decay *decay, __m256i cell, __m256i *from, __m256i *to)
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

INLINE void steps(const struct st_decay *decay, vec cell, vec *from, vec *to)
{
	__m256i half[EIGHTS], f[EIGHTS], t[EIGHTS];

	eights_of(cell, half);
#pragma GCC unroll 2
	for (unsigned k = 0; k < EIGHTS; k++)
		eight_steps(decay, half[k], &f[k], &t[k]);
	*from = of_eights(f);
	*to = of_eights(t);
}

/* How much nearer to zero f32 numbers are predicted to be. */
INLINE vec predict32(vec b, const struct st_decay *decay)
{
	vec cell = VALL(and)(V(srli_epi32)(b, 15), V(set1_epi32)(255));
	vec low = VALL(and)(b, V(set1_epi32)(0x7fff));
	vec from, to;

	steps(decay, cell, &from, &to);
	return V(add_epi32)(from, slope(V(sub_epi32)(to, from), low));
}

INLINE vec symbols32(const uint8_t *x, const uint8_t *b, vec flip, const struct st_decay *decay,
		     uint8_t *mag)
{
	vec u = load(b), neg, h;
	vec d = differ32(load(x), u, flip);

	if (decay)
		d = V(add_epi32)(d, predict32(u, decay));
	neg = V(srai_epi32)(d, 31);
	d = VALL(xor)(d, neg);
	store(mag, d);
	/* Without bits that have another eight above them rounding cannot carry to the highest. */
	h = VALL(andnot)(V(srli_epi32)(d, 8), d);
	h = V(srli_epi32)(as_int(V(cvtepi32_ps)(h)), 22);
	h = V(max_epi32)(V(sub_epi32)(h, V(set1_epi32)(252)), VALL(setzero)());
	return V(sub_epi32)(V(add_epi32)(h, h), neg);
}

INLINE size_t split_many32(const uint8_t *x, const uint8_t *b, size_t n, vec flip,
			   const struct st_decay *decay, uint8_t *mag, uint8_t *sym)
{
	size_t i = 0;

	for (; i + STEP <= n; i += STEP) {
		vec s[4];

		for (unsigned v = 0; v < 4; v++)
			s[v] = symbols32(x + 4 * i + STEP * v, b + 4 * i + STEP * v, flip, decay,
					 mag + 4 * i + STEP * v);
		s[0] = V(packus_epi16)(V(packs_epi32)(s[0], s[1]), V(packs_epi32)(s[2], s[3]));
		store(sym + i, in_order_of_4(s[0]));
	}
	return i;
}

TARGET static void split_32(const uint8_t *x, const uint8_t *b, size_t n, enum st_num num,
			    const struct st_decay *decay, uint8_t *mag, uint8_t *sym)
{
	const vec flip = V(set1_epi32)(num != ST_NUM_INT ? -1 : 0);
	size_t i = 0;

	if (!decay)
		i = split_many32(x, b, n, flip, NULL, mag, sym);
	else if (num == ST_NUM_F32 && !decay->steep)
		i = split_many32(x, b, n, flip, decay, mag, sym);
	st_delta_kernels[2].split(x + 4 * i, b + 4 * i, n - i, num, decay, mag + 4 * i, sym + i);
}

INLINE vec low_mask32(vec k)
{
	const vec one = V(set1_epi32)(1);
	vec more = V(max_epi32)(V(sub_epi32)(k, V(set1_epi32)(2)), VALL(setzero)());

	return V(sub_epi32)(V(sllv_epi32)(one, more), one);
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

INLINE size_t join_many32(const uint8_t *sym, const uint8_t *b, size_t n, vec flip,
			  const struct st_decay *decay, const uint8_t *raw, uint64_t safe,
			  uint64_t *bit, uint8_t *x)
{
	const vec one = V(set1_epi32)(1), two = V(set1_epi32)(2);
	uint64_t at = *bit;
	size_t i = 0;

	for (; i + LANES32 <= n && at < safe; i += LANES32) {
		vec s = V(cvtepu8_epi32)(load_quarter(sym + i));
		vec k = V(srli_epi32)(s, 2), u = load(b + 4 * i);
		vec low = low_mask32(k), top, neg, d;
		uint64_t w[VECTOR_WORDS];

#define TAKE(k) w[k] = take2(raw, &at, word_of(low, k))
		EACH_WORD(TAKE);
#undef TAKE
		top = VALL(or)(two, VALL(and)(V(srli_epi32)(s, 1), one));
		top = V(mullo_epi32)(top, V(add_epi32)(low, one)); /* shifts it */
		top = choose32(greater32(two, k), k, top);
		neg = V(sub_epi32)(VALL(setzero)(), VALL(and)(s, one));
		d = VALL(xor)(VALL(or)(vec_of(w), top), neg);
		if (decay)
			d = V(sub_epi32)(d, predict32(u, decay));
		store(x + 4 * i, go32(u, d, flip));
	}
	*bit = at;
	return i;
}

TARGET static bool join_32(const uint8_t *sym, const uint8_t *b, size_t n, enum st_num num,
			   const struct st_decay *decay, const uint8_t *raw, size_t raw_len,
			   uint64_t *bit, uint8_t *x)
{
	const vec flip = V(set1_epi32)(num != ST_NUM_INT ? -1 : 0);
	const size_t reach = LANES32 * 4 + 16; /* what a step may read, of 29 bits each */
	uint64_t safe = raw_len >= reach ? (raw_len - reach) * 8 : 0;
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

	for (; i + LANES32 <= n; i += LANES32) {
		vec s = V(cvtepu8_epi32)(load_quarter(sym + i));
		vec low = low_mask32(V(srli_epi32)(s, 2));

#define GIVE(k) give2(&o, mag + 4 * i + 8 * (k), word_of(low, k))
		EACH_WORD(GIVE);
#undef GIVE
	}
	*bit = bits_end(&o, out);
	st_delta_kernels[2].put_raw(mag + 4 * i, sym + i, n - i, out, bit);
}

INLINE vec levels32(const uint8_t *b)
{
	const vec exponent = V(set1_epi32)(255);
	vec l0 = VALL(and)(V(srli_epi32)(load(b), 23), exponent);
	vec l1 = VALL(and)(V(srli_epi32)(load(b + VECTOR_BYTES), 23), exponent);

	return V(packs_epi32)(l0, l1);
}

TARGET static void levels_32(const uint8_t *b, size_t n, enum st_num num, uint16_t *level)
{
	size_t i = 0;

	for (; num == ST_NUM_F32 && i + STEP / 2 <= n; i += STEP / 2)
		store(level + i, in_order_of_2(levels32(b + 4 * i)));
	st_delta_kernels[2].levels(b + 4 * i, n - i, num, level + i);
}

TARGET static void contexts_32(const uint8_t *b, size_t n, enum st_num num,
			       const struct st_context_line *l, uint8_t *ctx)
{
	const vec top = V(set1_epi16)((short)l->top);
	const vec from = V(set1_epi16)((short)l->from);
	const __m128i shift = _mm_cvtsi32_si128((int)l->shift);
	size_t i = 0;

	for (; num == ST_NUM_F32 && i + STEP <= n; i += STEP) {
		vec c = clamp_contexts(levels32(b + 4 * i), levels32(b + 4 * i + 2 * STEP), top,
				       from, shift);

		store(ctx + i, in_order_of_4(c));
	}
	st_delta_kernels[2].contexts(b + 4 * i, n - i, num, l, ctx + i);
}

/* ---- both ---- */

/* Symbols widened to 64 bits, of which their sign. */
INLINE vec signs_wide(const uint8_t *sym)
{
	uint64_t w = 0;

	memcpy(&w, sym, VECTOR_WORDS);
	return VALL(and)(V(cvtepu8_epi64)(_mm_cvtsi64_si128((long long)w)), every64(1));
}

/* Elements widened to 64 bits: what is weighed, and the level. */
INLINE vec weigh_wide(vec mag, vec sign, vec most, vec bits, __m128i mantissa, vec top)
{
	vec down = V(sub_epi32)(top, V(srl_epi64)(bits, mantissa));

	down = V(max_epi32)(down, VALL(setzero)());
	mag = V(add_epi64)(V(min_epu32)(mag, most), sign);
	return V(srlv_epi64)(V(slli_epi64)(mag, 22), down);
}

INLINE uint64_t total(vec sum)
{
	uint64_t all = 0;

#pragma GCC unroll 8
	for (unsigned k = 0; k < VECTOR_WORDS; k++)
		all += word_of(sum, k);
	return all;
}

TARGET static uint64_t weigh_16(const uint8_t *mag, const uint8_t *sym, const uint8_t *b, size_t n,
				enum st_num num, unsigned top)
{
	const __m128i mantissa = _mm_cvtsi32_si128((int)st_numbers[num].mantissa);
	const vec bits = every64(INT16_MAX), highest = every64(top);
	const vec most = every64(st_delta_most(num));
	vec sum = VALL(setzero)();
	size_t i = 0;

	for (; num != ST_NUM_INT && i + VECTOR_WORDS <= n; i += VECTOR_WORDS) {
		vec m = V(cvtepu16_epi64)(load_quarter(mag + 2 * i));
		vec l = VALL(and)(V(cvtepu16_epi64)(load_quarter(b + 2 * i)), bits);

		sum = V(add_epi64)(sum,
				   weigh_wide(m, signs_wide(sym + i), most, l, mantissa, highest));
	}
	return total(sum) +
	       st_delta_kernels[1].weigh(mag + 2 * i, sym + i, b + 2 * i, n - i, num, top);
}

TARGET static uint64_t weigh_32(const uint8_t *mag, const uint8_t *sym, const uint8_t *b, size_t n,
				enum st_num num, unsigned top)
{
	const __m128i mantissa = _mm_cvtsi32_si128(23);
	const vec bits = every64(INT32_MAX), highest = every64(top);
	const vec most = every64(st_delta_most(num));
	vec sum = VALL(setzero)();
	size_t i = 0;

	for (; num == ST_NUM_F32 && i + VECTOR_WORDS <= n; i += VECTOR_WORDS) {
		vec m = V(cvtepu32_epi64)(load_half(mag + 4 * i));
		vec l = VALL(and)(V(cvtepu32_epi64)(load_half(b + 4 * i)), bits);

		sum = V(add_epi64)(sum,
				   weigh_wide(m, signs_wide(sym + i), most, l, mantissa, highest));
	}
	return total(sum) +
	       st_delta_kernels[2].weigh(mag + 4 * i, sym + i, b + 4 * i, n - i, num, top);
}

const struct st_delta_kernel ST_DELTA_KERNELS[2] = {
	{ split_16, join_16, put_raw_16, levels_16, contexts_16, weigh_16 },
	{ split_32, join_32, put_raw_32, levels_32, contexts_32, weigh_32 },
};

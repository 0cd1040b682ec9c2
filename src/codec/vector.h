/* SPDX-License-Identifier: Apache-2.0 */
/* lint: not alone */
/*
 * What AVX2 and AVX-512 do alike, by one name, and what differs behind one, so that the text of a
 * kernel serves both. The file that includes it says VECTOR_BITS first, 256 or 512. The attribute,
 * not a build flag, allows the instructions, so that no other code may use them.
 *
 * Packing and unpacking work on each 128 bits by themselves. The functions named in_order_* and
 * apart_* are what goes with them.
 */

#include <immintrin.h>

#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline, unused)) TARGET
#define VECTOR_BYTES (VECTOR_BITS / 8)
#define VECTOR_WORDS (VECTOR_BITS / 64)
#define EIGHTS (VECTOR_BITS / 256) /* of eight 32-bit lanes each */

/* Statements for each 64 bits, without a loop: GCC keeps an array in registers only if what counts
 * places is constant from the start. */
#define FOUR_WORDS(DO, k)  \
	do {               \
		DO(k);     \
		DO(k + 1); \
		DO(k + 2); \
		DO(k + 3); \
	} while (0)
#if VECTOR_BITS == 512
#define EACH_WORD(DO)              \
	do {                       \
		FOUR_WORDS(DO, 0); \
		FOUR_WORDS(DO, 4); \
	} while (0)
#else
#define EACH_WORD(DO) FOUR_WORDS(DO, 0)
#endif

#if VECTOR_BITS == 512

/* What every processor has that has BW; BMI2 is fast in all of these. */
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi,bmi2,popcnt")))
#define V(op) _mm512_##op	     /* of the lanes that op ends in */
#define VALL(op) _mm512_##op##_si512 /* of all bits */

typedef __m512i vec;
typedef __m512 vecf;
typedef __mmask16 mask32; /* of 32-bit lanes */

INLINE vec as_int(vecf v)
{
	return _mm512_castps_si512(v);
}

INLINE vecf as_float(vec v)
{
	return _mm512_castsi512_ps(v);
}

INLINE vec every64(long long v)
{
	return _mm512_set1_epi64(v);
}

INLINE mask32 greater32(vec a, vec b)
{
	return _mm512_cmpgt_epi32_mask(a, b);
}

INLINE mask32 not_greater32(vec a, vec b)
{
	return _mm512_cmple_epi32_mask(a, b);
}

INLINE mask32 equal32(vec a, vec b)
{
	return _mm512_cmpeq_epi32_mask(a, b);
}

/* All ones in the lanes of the mask, else zero. */
INLINE vec ones32(mask32 m)
{
	return _mm512_movm_epi32(m);
}

INLINE vec choose32(mask32 m, vec yes, vec no)
{
	return _mm512_mask_blend_epi32(m, no, yes);
}

/* By a constant, where this is inlined. */
INLINE vec up32(vec v, unsigned bits)
{
	return _mm512_slli_epi32(v, bits);
}

INLINE vec down32(vec v, unsigned bits)
{
	return _mm512_srli_epi32(v, bits);
}

INLINE vec equal8(vec a, vec b)
{
	return _mm512_movm_epi8(_mm512_cmpeq_epi8_mask(a, b));
}

/* By the highest bit of each byte. */
INLINE vec choose_by_sign8(vec by, vec yes, vec no)
{
	return _mm512_mask_blend_epi8(_mm512_movepi8_mask(by), no, yes);
}

/* Every other 32-bit lane of odd, beginning with the second. */
INLINE vec with_odd32(vec even, vec odd)
{
	return _mm512_mask_blend_epi32(0xaaaa, even, odd);
}

INLINE vec every128(__m128i v)
{
	return _mm512_broadcast_i32x4(v);
}

INLINE __m256i load_half(const void *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

INLINE __m128i load_quarter(const void *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

/* 128 bits of a vector. */
INLINE __m128i part_of(vec v, unsigned k)
{
	if (k == 0)
		return _mm512_castsi512_si128(v);
	if (k == 1)
		return _mm512_extracti32x4_epi32(v, 1);
	return k == 2 ? _mm512_extracti32x4_epi32(v, 2) : _mm512_extracti32x4_epi32(v, 3);
}

INLINE vec vec_of(const uint64_t w[VECTOR_WORDS])
{
	return _mm512_setr_epi64((long long)w[0], (long long)w[1], (long long)w[2], (long long)w[3],
				 (long long)w[4], (long long)w[5], (long long)w[6],
				 (long long)w[7]);
}

INLINE void eights_of(vec v, __m256i e[EIGHTS])
{
	e[0] = _mm512_castsi512_si256(v);
	e[1] = _mm512_extracti64x4_epi64(v, 1);
}

INLINE vec of_eights(const __m256i e[EIGHTS])
{
	return _mm512_inserti64x4(_mm512_castsi256_si512(e[0]), e[1], 1);
}

/* After one packing of two. */
INLINE vec in_order_of_2(vec v)
{
	return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), v);
}

/* After two packings, of four. */
INLINE vec in_order_of_4(vec v)
{
	return _mm512_permutexvar_epi32(
		_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), v);
}

/* Before one unpacking to two. */
INLINE vec apart_for_2(vec v)
{
	return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7), v);
}

/* Before two unpackings, to four. */
INLINE vec apart_for_4(vec v)
{
	return in_order_of_4(v); /* there are as many parts of 128 bits */
}

#else

#define TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define V(op) _mm256_##op
#define VALL(op) _mm256_##op##_si256

typedef __m256i vec;
typedef __m256 vecf;
typedef __m256i mask32;

INLINE vec as_int(vecf v)
{
	return _mm256_castps_si256(v);
}

INLINE vecf as_float(vec v)
{
	return _mm256_castsi256_ps(v);
}

INLINE vec every64(long long v)
{
	return _mm256_set1_epi64x(v);
}

INLINE mask32 greater32(vec a, vec b)
{
	return _mm256_cmpgt_epi32(a, b);
}

INLINE mask32 not_greater32(vec a, vec b)
{
	return _mm256_xor_si256(_mm256_cmpgt_epi32(a, b), _mm256_set1_epi32(-1));
}

INLINE mask32 equal32(vec a, vec b)
{
	return _mm256_cmpeq_epi32(a, b);
}

INLINE unsigned bits_of32(mask32 m)
{
	return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(m));
}

INLINE vec ones32(mask32 m)
{
	return m;
}

INLINE vec choose32(mask32 m, vec yes, vec no)
{
	return _mm256_blendv_epi8(no, yes, m);
}

INLINE vec up32(vec v, unsigned bits)
{
	return _mm256_slli_epi32(v, (int)bits);
}

INLINE vec down32(vec v, unsigned bits)
{
	return _mm256_srli_epi32(v, (int)bits);
}

INLINE vec equal8(vec a, vec b)
{
	return _mm256_cmpeq_epi8(a, b);
}

INLINE vec choose_by_sign8(vec by, vec yes, vec no)
{
	return _mm256_blendv_epi8(no, yes, by);
}

INLINE vec with_odd32(vec even, vec odd)
{
	return _mm256_blend_epi32(even, odd, 0xaa);
}

INLINE vec every128(__m128i v)
{
	return _mm256_broadcastsi128_si256(v);
}

INLINE __m128i load_half(const void *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

INLINE __m128i load_quarter(const void *p)
{
	return _mm_loadl_epi64((const __m128i *)p);
}

INLINE __m128i part_of(vec v, unsigned k)
{
	return k == 0 ? _mm256_castsi256_si128(v) : _mm256_extracti128_si256(v, 1);
}

INLINE vec vec_of(const uint64_t w[VECTOR_WORDS])
{
	return _mm256_setr_epi64x((long long)w[0], (long long)w[1], (long long)w[2],
				  (long long)w[3]);
}

INLINE void eights_of(vec v, __m256i e[EIGHTS])
{
	e[0] = v;
}

INLINE vec of_eights(const __m256i e[EIGHTS])
{
	return e[0];
}

INLINE vec in_order_of_2(vec v)
{
	return _mm256_permute4x64_epi64(v, 0xd8);
}

INLINE vec in_order_of_4(vec v)
{
	return _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

INLINE vec apart_for_2(vec v)
{
	return _mm256_permute4x64_epi64(v, 0xd8);
}

INLINE vec apart_for_4(vec v)
{
	return _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
}

#endif

INLINE vec load(const void *p)
{
	return VALL(loadu)((const vec *)p);
}

INLINE void store(void *p, vec v)
{
	VALL(storeu)((vec *)p, v);
}

/* 64 bits of a vector; k is a constant where this is inlined, and no memory is used. */
INLINE uint64_t word_of(vec v, unsigned k)
{
	__m128i part = part_of(v, k / 2);

	return (uint64_t)(k % 2 ? _mm_extract_epi64(part, 1) : _mm_cvtsi128_si64(part));
}

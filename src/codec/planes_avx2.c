/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/planes_kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline)) TARGET

#define STEP 32 /* numbers at a time */

INLINE __m256i load(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

INLINE void store(uint8_t *p, __m256i v)
{
	_mm256_storeu_si256((__m256i *)p, v);
}

INLINE __m256i turn16(__m256i v, int up)
{
	return _mm256_or_si256(_mm256_slli_epi16(v, up), _mm256_srli_epi16(v, 16 - up));
}

INLINE __m256i turn32(__m256i v, int up)
{
	return _mm256_or_si256(_mm256_slli_epi32(v, up), _mm256_srli_epi32(v, 32 - up));
}

INLINE __m256i byte16(const uint8_t *p, __m128i down, bool turned)
{
	__m256i v = load(p);

	v = _mm256_srl_epi16(turned ? turn16(v, 1) : v, down);
	return _mm256_and_si256(v, _mm256_set1_epi16(255));
}

INLINE __m256i byte32(const uint8_t *p, __m128i down, bool turned)
{
	__m256i v = load(p);

	v = _mm256_srl_epi32(turned ? turn32(v, 1) : v, down);
	return _mm256_and_si256(v, _mm256_set1_epi32(255));
}

TARGET size_t st_planes_gather_avx2(uint8_t *out, const uint8_t *p, size_t n, unsigned width,
				    unsigned k, bool turned)
{
	const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
	const __m128i down = _mm_cvtsi32_si128((int)(8 * k));
	size_t i = 0;

	for (; width == 2 && i + STEP <= n; i += STEP) {
		__m256i v = _mm256_packus_epi16(byte16(p + 2 * i, down, turned),
						byte16(p + 2 * i + 32, down, turned));

		store(out + i, _mm256_permute4x64_epi64(v, 0xd8));
	}
	for (; width == 4 && i + STEP <= n; i += STEP) {
		const uint8_t *from = p + 4 * i;
		__m256i a = _mm256_packus_epi32(byte32(from, down, turned),
						byte32(from + 32, down, turned));
		__m256i b = _mm256_packus_epi32(byte32(from + 64, down, turned),
						byte32(from + 96, down, turned));

		store(out + i, _mm256_permutevar8x32_epi32(_mm256_packus_epi16(a, b), order));
	}
	return i;
}

/* So that unpacking halves gives numbers in order: 16 to 23 change places with 8 to 15. */
INLINE __m256i plane16(const uint8_t *p)
{
	return _mm256_permute4x64_epi64(load(p), 0xd8);
}

/* The same for two unpackings: each half gets every other four. */
INLINE __m256i plane32(const uint8_t *p)
{
	return _mm256_permutevar8x32_epi32(load(p), _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
}

INLINE void put32(uint8_t *out, __m256i v, bool turned)
{
	store(out, turned ? turn32(v, 31) : v);
}

TARGET size_t st_planes_scatter_avx2(uint8_t *out, const uint8_t *const *planes, size_t n,
				     unsigned width, bool turned)
{
	size_t i = 0;

	for (; width == 2 && i + STEP <= n; i += STEP) {
		__m256i lo = plane16(planes[0] + i), hi = plane16(planes[1] + i);
		__m256i a = _mm256_unpacklo_epi8(lo, hi), b = _mm256_unpackhi_epi8(lo, hi);

		store(out + 2 * i, turned ? turn16(a, 15) : a);
		store(out + 2 * i + 32, turned ? turn16(b, 15) : b);
	}
	for (; width == 4 && i + STEP <= n; i += STEP) {
		__m256i p0 = plane32(planes[0] + i), p1 = plane32(planes[1] + i);
		__m256i p2 = plane32(planes[2] + i), p3 = plane32(planes[3] + i);
		__m256i lo0 = _mm256_unpacklo_epi8(p0, p1), hi0 = _mm256_unpacklo_epi8(p2, p3);
		__m256i lo1 = _mm256_unpackhi_epi8(p0, p1), hi1 = _mm256_unpackhi_epi8(p2, p3);

		put32(out + 4 * i, _mm256_unpacklo_epi16(lo0, hi0), turned);
		put32(out + 4 * i + 32, _mm256_unpackhi_epi16(lo0, hi0), turned);
		put32(out + 4 * i + 64, _mm256_unpacklo_epi16(lo1, hi1), turned);
		put32(out + 4 * i + 96, _mm256_unpackhi_epi16(lo1, hi1), turned);
	}
	return i;
}

#endif

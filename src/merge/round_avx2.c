/* SPDX-License-Identifier: Apache-2.0 */

/* What round.c does, eight at a time; its comments say why. */

#if defined(__x86_64__)

#include <immintrin.h>

#include "merge/round.h"

#define ROUND_TARGET __attribute__((target("avx2,f16c")))
#define ROUND_INLINE static inline __attribute__((always_inline)) ROUND_TARGET

/* Four lanes of 64 bits, all ones or all zeros, to 32 bits. */
ROUND_INLINE __m128i narrow_mask(__m256d m)
{
	__m128 lo = _mm_castpd_ps(_mm256_castpd256_pd128(m));
	__m128 hi = _mm_castpd_ps(_mm256_extractf128_pd(m, 1));

	return _mm_castps_si128(_mm_shuffle_ps(lo, hi, _MM_SHUFFLE(2, 0, 2, 0)));
}

/* odd_bits(); NaN becomes the quiet one without a sign. */
ROUND_INLINE __m128i odd_four(const double *p)
{
	const __m256d minus = _mm256_set1_pd(-0.0);
	__m256d v = _mm256_loadu_pd(p), back;
	__m128 f = _mm256_cvtpd_ps(v);
	__m128i bits = _mm_castps_si128(f), away, inexact, nan;

	back = _mm256_cvtps_pd(f);
	away = narrow_mask(_mm256_cmp_pd(_mm256_andnot_pd(minus, back), _mm256_andnot_pd(minus, v),
					 _CMP_GT_OQ));
	inexact = narrow_mask(_mm256_cmp_pd(back, v, _CMP_NEQ_OQ));
	nan = _mm_castps_si128(_mm_cmpunord_ps(f, f));
	bits = _mm_add_epi32(bits, away); /* minus one */
	bits = _mm_or_si128(bits, _mm_srli_epi32(inexact, 31));
	return _mm_blendv_epi8(bits, _mm_set1_epi32(0x7fc00000), nan);
}

ROUND_INLINE __m128i upper_half(__m128i bits)
{
	__m128i even = _mm_and_si128(_mm_srli_epi32(bits, 16), _mm_set1_epi32(1));

	bits = _mm_add_epi32(bits, _mm_add_epi32(even, _mm_set1_epi32(0x7fff)));
	return _mm_srli_epi32(bits, 16);
}

ROUND_TARGET static void store_bf16(uint8_t *out, const double *v, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		__m128i lo = upper_half(odd_four(v + i)), hi = upper_half(odd_four(v + i + 4));

		_mm_storeu_si128((void *)(out + 2 * i), _mm_packus_epi32(lo, hi));
	}
}

ROUND_TARGET static void store_f16(uint8_t *out, const double *v, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		__m256i bits = _mm256_set_m128i(odd_four(v + i + 4), odd_four(v + i));
		__m128i half = _mm256_cvtps_ph(_mm256_castsi256_ps(bits),
					       _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);

		_mm_storeu_si128((void *)(out + 2 * i), half);
	}
}

ROUND_TARGET static void store_f32(uint8_t *out, const double *v, size_t n)
{
	const __m128 quiet = _mm_castsi128_ps(_mm_set1_epi32(0x7fc00000));

	for (size_t i = 0; i < n; i += 4) {
		__m128 f = _mm256_cvtpd_ps(_mm256_loadu_pd(v + i));

		f = _mm_blendv_ps(f, quiet, _mm_cmpunord_ps(f, f));
		_mm_storeu_ps((void *)(out + 4 * i), f);
	}
}

ROUND_TARGET bool st_round_within_avx2(const double *v, size_t n, double least, double most)
{
	const __m256d lo = _mm256_set1_pd(least), hi = _mm256_set1_pd(most);
	__m256d beyond = _mm256_setzero_pd();

	for (size_t i = 0; i < n; i += 8) {
		__m256d a = _mm256_loadu_pd(v + i), b = _mm256_loadu_pd(v + i + 4);

		/* "Not at least" is true of NaN. */
		beyond = _mm256_or_pd(beyond, _mm256_cmp_pd(a, lo, _CMP_NGE_UQ));
		beyond = _mm256_or_pd(beyond, _mm256_cmp_pd(b, lo, _CMP_NGE_UQ));
		beyond = _mm256_or_pd(beyond, _mm256_cmp_pd(a, hi, _CMP_NLE_UQ));
		beyond = _mm256_or_pd(beyond, _mm256_cmp_pd(b, hi, _CMP_NLE_UQ));
	}
	return _mm256_movemask_pd(beyond) == 0;
}

void st_round_store_avx2(void *out, enum st_dtype t, const double *v, size_t n)
{
	if (t == ST_BF16)
		store_bf16(out, v, n);
	else if (t == ST_F16)
		store_f16(out, v, n);
	else
		store_f32(out, v, n);
}

#endif

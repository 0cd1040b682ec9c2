/* SPDX-License-Identifier: Apache-2.0 */

/* Eight lanes. The attribute, not a build flag, allows AVX2, so that no other code may use it. */

#if defined(__x86_64__)

#include <stddef.h>
#include <stdint.h>

#include <immintrin.h>

#define ST_B3_LANES 8
#define ST_B3_TARGET __attribute__((target("avx2")))
#define LANE_INLINE static inline __attribute__((always_inline)) ST_B3_TARGET

#define ST_B3_OP(op) _mm256_##op

typedef uint32_t vec __attribute__((vector_size(32)));
typedef __m256i reg;

#include "base/blake3_lanes.h"

LANE_INLINE void rot16(vec *x)
{
	const __m128i s = _mm_set_epi8(13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2);

	*x = (vec)_mm256_shuffle_epi8((__m256i)*x, _mm256_broadcastsi128_si256(s));
}

LANE_INLINE void rot8(vec *x)
{
	const __m128i s = _mm_set_epi8(12, 15, 14, 13, 8, 11, 10, 9, 4, 7, 6, 5, 0, 3, 2, 1);

	*x = (vec)_mm256_shuffle_epi8((__m256i)*x, _mm256_broadcastsi128_si256(s));
}

LANE_INLINE void swap_halves(vec *a, vec *e)
{
	__m256i lo = _mm256_permute2x128_si256((__m256i)*a, (__m256i)*e, 0x20);

	*e = (vec)_mm256_permute2x128_si256((__m256i)*a, (__m256i)*e, 0x31);
	*a = (vec)lo;
}

/* Rows become columns. */
LANE_INLINE void transpose(vec m[8])
{
	transpose_each(&m[0], &m[1], &m[2], &m[3]);
	transpose_each(&m[4], &m[5], &m[6], &m[7]);
	swap_halves(&m[0], &m[4]);
	swap_halves(&m[1], &m[5]);
	swap_halves(&m[2], &m[6]);
	swap_halves(&m[3], &m[7]);
}

LANE_INLINE void load8(vec m[8], const uint8_t *const *in, size_t at)
{
	m[0] = (vec)_mm256_loadu_si256((const __m256i_u *)(in[0] + at));
	m[1] = (vec)_mm256_loadu_si256((const __m256i_u *)(in[1] + at));
	m[2] = (vec)_mm256_loadu_si256((const __m256i_u *)(in[2] + at));
	m[3] = (vec)_mm256_loadu_si256((const __m256i_u *)(in[3] + at));
	m[4] = (vec)_mm256_loadu_si256((const __m256i_u *)(in[4] + at));
	m[5] = (vec)_mm256_loadu_si256((const __m256i_u *)(in[5] + at));
	m[6] = (vec)_mm256_loadu_si256((const __m256i_u *)(in[6] + at));
	m[7] = (vec)_mm256_loadu_si256((const __m256i_u *)(in[7] + at));
	transpose(m);
}

LANE_INLINE void load_block(vec m[16], const uint8_t *const *in, size_t at)
{
	load8(m, in, at);
	load8(m + 8, in, at + 32);
}

LANE_INLINE void store_cvs(vec h[8], uint8_t *out)
{
	transpose(h);
	for (size_t i = 0; i < 8; i++)
		_mm256_storeu_si256((__m256i_u *)(out + 32 * i), (__m256i)h[i]);
}

#include "base/blake3_kernel.h"

ST_B3_TARGET void st_blake3_kernel_avx2(const uint8_t *const *in, const struct st_blake3_job *job,
					uint8_t *out)
{
	b3_kernel(in, job, out);
}

#else

#include "base/blake3_kernel.h"

#endif

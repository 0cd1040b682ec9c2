/* SPDX-License-Identifier: Apache-2.0 */

/* Sixteen lanes. The attribute, not a build flag, allows AVX-512, so that no other code may use it.
 */

#if defined(__x86_64__)

#include <stddef.h>
#include <stdint.h>

#include <immintrin.h>

#define ST_B3_LANES 16
#define ST_B3_TARGET __attribute__((target("avx512f")))
#define LANE_INLINE static inline __attribute__((always_inline)) ST_B3_TARGET
#define ST_B3_OP(op) _mm512_##op

typedef uint32_t vec __attribute__((vector_size(64)));
typedef __m512i reg;

#include "base/blake3_lanes.h"

LANE_INLINE void rot16(vec *x)
{
	*x = (vec)_mm512_ror_epi32((__m512i)*x, 16);
}

LANE_INLINE void rot8(vec *x)
{
	*x = (vec)_mm512_ror_epi32((__m512i)*x, 8);
}

/* A 4 x 4 transposition of the parts of 128 bits. */
LANE_INLINE void transpose_parts(vec *a, vec *b, vec *c, vec *d)
{
	__m512i ab_lo = _mm512_shuffle_i32x4((__m512i)*a, (__m512i)*b, 0x44);
	__m512i ab_hi = _mm512_shuffle_i32x4((__m512i)*a, (__m512i)*b, 0xee);
	__m512i cd_lo = _mm512_shuffle_i32x4((__m512i)*c, (__m512i)*d, 0x44);
	__m512i cd_hi = _mm512_shuffle_i32x4((__m512i)*c, (__m512i)*d, 0xee);

	*a = (vec)_mm512_shuffle_i32x4(ab_lo, cd_lo, 0x88);
	*b = (vec)_mm512_shuffle_i32x4(ab_lo, cd_lo, 0xdd);
	*c = (vec)_mm512_shuffle_i32x4(ab_hi, cd_hi, 0x88);
	*d = (vec)_mm512_shuffle_i32x4(ab_hi, cd_hi, 0xdd);
}

/* Word 4 * i + k of four inputs is then in part i of vector k of their four. */
LANE_INLINE void load_block(vec m[16], const uint8_t *const *in, size_t at)
{
#pragma GCC unroll 16
	for (size_t i = 0; i < 16; i++)
		m[i % 4 * 4 + i / 4] = (vec)_mm512_loadu_si512(in[i] + at);
		/* input 4 * g + k is in m[4 * k + g] */
#pragma GCC unroll 4
	for (size_t g = 0; g < 4; g++)
		transpose_each(&m[g], &m[4 + g], &m[8 + g], &m[12 + g]);
		/* word 4 * i + k of the inputs from 4 * g on is in part i of m[4 * k + g] */
#pragma GCC unroll 4
	for (size_t k = 0; k < 4; k++)
		transpose_parts(&m[4 * k], &m[4 * k + 1], &m[4 * k + 2], &m[4 * k + 3]);
		/* and now in m[4 * k + i]: rows and columns change places */
#pragma GCC unroll 4
	for (size_t i = 0; i < 4; i++) {
#pragma GCC unroll 4
		for (size_t k = i + 1; k < 4; k++) {
			vec v = m[4 * i + k];

			m[4 * i + k] = m[4 * k + i];
			m[4 * k + i] = v;
		}
	}
}

/* Part i of vector k is then words 0 to 3, of vector 4 + k words 4 to 7, of output 4 * i + k. */
LANE_INLINE void store_cvs(vec h[8], uint8_t *out)
{
	transpose_each(&h[0], &h[1], &h[2], &h[3]);
	transpose_each(&h[4], &h[5], &h[6], &h[7]);
#pragma GCC unroll 8
	for (size_t i = 0; i < 8; i++) {
		uint8_t *to = out + 32 * (i % 4) + 16 * (i / 4);

		_mm_storeu_si128((__m128i_u *)to, _mm512_castsi512_si128((__m512i)h[i]));
		_mm_storeu_si128((__m128i_u *)(to + 128),
				 _mm512_extracti32x4_epi32((__m512i)h[i], 1));
		_mm_storeu_si128((__m128i_u *)(to + 256),
				 _mm512_extracti32x4_epi32((__m512i)h[i], 2));
		_mm_storeu_si128((__m128i_u *)(to + 384),
				 _mm512_extracti32x4_epi32((__m512i)h[i], 3));
	}
}

#include "base/blake3_kernel.h"

ST_B3_TARGET void st_blake3_kernel_avx512(const uint8_t *const *in, const struct st_blake3_job *job,
					  uint8_t *out)
{
	b3_kernel(in, job, out);
}

#else

#include "base/blake3_kernel.h"

#endif

/* SPDX-License-Identifier: Apache-2.0 */

/* Four lanes. The attribute, not a build flag, allows SSE4.1, so that no other code may use it. */

#if defined(__x86_64__)

#include <stddef.h>
#include <stdint.h>

#include <immintrin.h>

#define ST_B3_LANES 4
#define ST_B3_TARGET __attribute__((target("sse4.1")))
#define LANE_INLINE static inline __attribute__((always_inline)) ST_B3_TARGET

#define ST_B3_OP(op) _mm_##op

typedef uint32_t vec __attribute__((vector_size(16)));
typedef __m128i reg;

#include "base/blake3_lanes.h"

LANE_INLINE void rot16(vec *x)
{
	const __m128i s = _mm_set_epi8(13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2);

	*x = (vec)_mm_shuffle_epi8((__m128i)*x, s);
}

LANE_INLINE void rot8(vec *x)
{
	const __m128i s = _mm_set_epi8(12, 15, 14, 13, 8, 11, 10, 9, 4, 7, 6, 5, 0, 3, 2, 1);

	*x = (vec)_mm_shuffle_epi8((__m128i)*x, s);
}

LANE_INLINE void load4(vec *m, const uint8_t *const *in, size_t at)
{
	for (size_t i = 0; i < 4; i++)
		m[i] = (vec)_mm_loadu_si128((const __m128i_u *)(in[i] + at));
	transpose_each(&m[0], &m[1], &m[2], &m[3]);
}

LANE_INLINE void load_block(vec m[16], const uint8_t *const *in, size_t at)
{
	load4(m, in, at);
	load4(m + 4, in, at + 16);
	load4(m + 8, in, at + 32);
	load4(m + 12, in, at + 48);
}

LANE_INLINE void store_cvs(vec h[8], uint8_t *out)
{
	transpose_each(&h[0], &h[1], &h[2], &h[3]);
	transpose_each(&h[4], &h[5], &h[6], &h[7]);
	for (size_t i = 0; i < 4; i++) {
		_mm_storeu_si128((__m128i_u *)(out + 32 * i), (__m128i)h[i]);
		_mm_storeu_si128((__m128i_u *)(out + 32 * i + 16), (__m128i)h[i + 4]);
	}
}

#include "base/blake3_kernel.h"

ST_B3_TARGET void st_blake3_kernel_sse41(const uint8_t *const *in, const struct st_blake3_job *job,
					 uint8_t *out)
{
	b3_kernel(in, job, out);
}

#else

#include "base/blake3_kernel.h"

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__x86_64__)

#define VECTOR_BITS 256
#define ST_RANS_KERNEL st_rans_kernel_avx2
#include "codec/rans_vector.h"

static inline __attribute__((always_inline)) void count_four(struct st_rans_model *m, uint64_t at)
{
	m->tally[0][at & 0xffff]++;
	m->tally[1][at >> 16 & 0xffff]++;
	m->tally[2][at >> 32 & 0xffff]++;
	m->tally[3][at >> 48]++;
}

INLINE uint8_t largest8(__m128i v)
{
	v = _mm_max_epu8(v, _mm_srli_si128(v, 8));
	v = _mm_max_epu8(v, _mm_srli_si128(v, 4));
	v = _mm_max_epu8(v, _mm_srli_si128(v, 2));
	v = _mm_max_epu8(v, _mm_srli_si128(v, 1));
	return (uint8_t)_mm_cvtsi128_si32(v);
}

TARGET size_t st_rans_count_avx2(struct st_rans_model *m, const uint8_t *sym, const uint8_t *ctx,
				 size_t n)
{
	__m128i most = _mm_cvtsi32_si128(m->last);
	size_t i = 0;

	for (; i + 16 <= n; i += 16) {
		__m128i s = _mm_loadu_si128((const __m128i *)(sym + i));
		__m128i c = _mm_loadu_si128((const __m128i *)(ctx + i));
		__m128i lo = _mm_unpacklo_epi8(s, c), hi = _mm_unpackhi_epi8(s, c);

		most = _mm_max_epu8(most, c);
		count_four(m, (uint64_t)_mm_cvtsi128_si64(lo));
		count_four(m, (uint64_t)_mm_extract_epi64(lo, 1));
		count_four(m, (uint64_t)_mm_cvtsi128_si64(hi));
		count_four(m, (uint64_t)_mm_extract_epi64(hi, 1));
	}
	m->last = largest8(most);
	return i;
}

#else

#include "codec/rans_kernel.h"

#endif

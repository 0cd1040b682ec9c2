/* SPDX-License-Identifier: Apache-2.0 */
/* lint: not alone */
/* Included once for each size of vectors, with VECTOR_BITS. */
#include "codec/planes_kernel.h"
#include "codec/vector.h"

#define STEP VECTOR_BYTES /* numbers at a time */

/* Each number of so many bits. */
#define TURN(v, bits, up) VALL(or)(V(slli_epi##bits)(v, up), V(srli_epi##bits)(v, (bits) - (up)))

INLINE vec byte16(const uint8_t *p, __m128i down, bool turned)
{
	vec v = load(p);

	v = V(srl_epi16)(turned ? TURN(v, 16, 1) : v, down);
	return VALL(and)(v, V(set1_epi16)(255));
}

INLINE vec byte32(const uint8_t *p, __m128i down, bool turned)
{
	vec v = load(p);

	v = V(srl_epi32)(turned ? TURN(v, 32, 1) : v, down);
	return VALL(and)(v, V(set1_epi32)(255));
}

TARGET static size_t gather(uint8_t *out, const uint8_t *p, size_t n, unsigned width, unsigned k,
			    bool turned)
{
	const __m128i down = _mm_cvtsi32_si128((int)(8 * k));
	size_t i = 0;

	for (; width == 2 && i + STEP <= n; i += STEP) {
		vec v = V(packus_epi16)(byte16(p + 2 * i, down, turned),
					byte16(p + 2 * i + STEP, down, turned));

		store(out + i, in_order_of_2(v));
	}
	for (; width == 4 && i + STEP <= n; i += STEP) {
		const uint8_t *from = p + 4 * i;
		vec a = V(packus_epi32)(byte32(from, down, turned),
					byte32(from + STEP, down, turned));
		vec b = V(packus_epi32)(byte32(from + 2 * STEP, down, turned),
					byte32(from + 3 * STEP, down, turned));

		store(out + i, in_order_of_4(V(packus_epi16)(a, b)));
	}
	return i;
}

INLINE void put32(uint8_t *out, vec v, bool turned)
{
	store(out, turned ? TURN(v, 32, 31) : v);
}

TARGET static size_t scatter(uint8_t *out, const uint8_t *const *planes, size_t n, unsigned width,
			     bool turned)
{
	size_t i = 0;

	for (; width == 2 && i + STEP <= n; i += STEP) {
		vec lo = apart_for_2(load(planes[0] + i)), hi = apart_for_2(load(planes[1] + i));
		vec a = V(unpacklo_epi8)(lo, hi), b = V(unpackhi_epi8)(lo, hi);

		store(out + 2 * i, turned ? TURN(a, 16, 15) : a);
		store(out + 2 * i + STEP, turned ? TURN(b, 16, 15) : b);
	}
	for (; width == 4 && i + STEP <= n; i += STEP) {
		vec p0 = apart_for_4(load(planes[0] + i)), p1 = apart_for_4(load(planes[1] + i));
		vec p2 = apart_for_4(load(planes[2] + i)), p3 = apart_for_4(load(planes[3] + i));
		vec lo0 = V(unpacklo_epi8)(p0, p1), hi0 = V(unpacklo_epi8)(p2, p3);
		vec lo1 = V(unpackhi_epi8)(p0, p1), hi1 = V(unpackhi_epi8)(p2, p3);

		put32(out + 4 * i, V(unpacklo_epi16)(lo0, hi0), turned);
		put32(out + 4 * i + STEP, V(unpackhi_epi16)(lo0, hi0), turned);
		put32(out + 4 * i + 2 * STEP, V(unpacklo_epi16)(lo1, hi1), turned);
		put32(out + 4 * i + 3 * STEP, V(unpackhi_epi16)(lo1, hi1), turned);
	}
	return i;
}

const struct st_planes_kernel ST_PLANES_KERNEL = { gather, scatter };

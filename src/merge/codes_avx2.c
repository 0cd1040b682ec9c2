/* SPDX-License-Identifier: Apache-2.0 */
#include "merge/codes.h"

#include <math.h>

float st_codes_below(double v)
{
	const float f = (float)v;

	return (double)f > v ? nextafterf(f, -INFINITY) : f;
}

float st_codes_from(double v)
{
	const float f = (float)v;

	return (double)f < v ? nextafterf(f, INFINITY) : f;
}

#if defined(__x86_64__)

#include <immintrin.h>

#define CODES_TARGET __attribute__((target("avx2")))
#define CODES_INLINE static inline __attribute__((always_inline)) CODES_TARGET
#define N ST_BLEND_BLOCK

/* Eight of them, as the upper halves of f32. */
CODES_INLINE __m256i load(const uint8_t *p, size_t i)
{
	const __m128i half = _mm_loadu_si128((const void *)(p + 2 * i));

	return _mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16);
}

CODES_INLINE void store(uint8_t *p, size_t i, __m256i lo, __m256i hi)
{
	const __m256i mixed =
		_mm256_packus_epi32(_mm256_srli_epi32(lo, 16), _mm256_srli_epi32(hi, 16));

	_mm256_storeu_si256((void *)(p + 2 * i), _mm256_permute4x64_epi64(mixed, 0xd8));
}

/* The bits of half the sum, rounded to bf16; what is below these 16 is undefined. */
CODES_INLINE __m256i half_sum(__m256i a, __m256i b, __m256 *sum)
{
	const __m256 half = _mm256_set1_ps(0.5F);
	const __m256 s = _mm256_add_ps(_mm256_mul_ps(_mm256_castsi256_ps(a), half),
				       _mm256_mul_ps(_mm256_castsi256_ps(b), half));
	const __m256i bits = _mm256_castps_si256(s);
	const __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));

	*sum = s;
	return _mm256_add_epi32(bits, _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff)));
}

CODES_TARGET bool st_codes_mean(uint8_t *out, const uint8_t *a, const uint8_t *b)
{
	__m256 bad = _mm256_setzero_ps(), s, t;

	for (size_t i = 0; i < N; i += 16) {
		const __m256i lo = half_sum(load(a, i), load(b, i), &s);
		const __m256i hi = half_sum(load(a, i + 8), load(b, i + 8), &t);

		store(out, i, lo, hi);
		/* Half sums of finite numbers are finite: x - x is 0 or NaN. */
		s = _mm256_sub_ps(s, s);
		t = _mm256_sub_ps(t, t);
		bad = _mm256_or_ps(bad, _mm256_cmp_ps(s, t, _CMP_UNORD_Q));
	}
	return _mm256_movemask_ps(bad) == 0;
}

/* x - b, and whether it is exact (Dekker's Fast2Sum, for whichever is the larger); finite, too. */
CODES_INLINE __m256 difference(__m256i x, __m256i b, __m256 *exact)
{
	const __m256 xf = _mm256_castsi256_ps(x), bf = _mm256_castsi256_ps(b);
	const __m256 d = _mm256_sub_ps(xf, bf);
	const __m256 to = _mm256_cmp_ps(_mm256_add_ps(bf, d), xf, _CMP_EQ_OQ);
	const __m256 from = _mm256_cmp_ps(_mm256_sub_ps(xf, d), bf, _CMP_EQ_OQ);

	*exact = _mm256_and_ps(*exact, _mm256_and_ps(to, from));
	return d;
}

CODES_INLINE __m256 distance(__m256 d)
{
	return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), d);
}

struct model {
	__m256i x;   /* its bits */
	__m256 d;    /* its task vector, */
	__m256 kept; /* what is large of it, */
	__m256 in;   /* and whether that has the elected sign */
};

CODES_INLINE void take(struct model *m, const uint8_t *p, size_t i, __m256i base, __m256 above,
		       __m256 *good)
{
	const __m256 zero = _mm256_setzero_ps();
	__m256 same;

	m->x = load(p, i);
	m->d = difference(m->x, base, good);
	m->kept = _mm256_and_ps(m->d, _mm256_cmp_ps(distance(m->d), above, _CMP_GT_OQ));
	/* Zeros of two signs differ by nothing: which of them comes out, the long way says. */
	same = _mm256_castsi256_ps(_mm256_cmpeq_epi32(m->x, base));
	*good = _mm256_and_ps(*good, _mm256_or_ps(same, _mm256_cmp_ps(m->d, zero, _CMP_NEQ_OQ)));
}

CODES_INLINE void elect(struct model *m, __m256 up, __m256 down)
{
	const __m256 zero = _mm256_setzero_ps();
	const __m256 plus = _mm256_cmp_ps(m->kept, zero, _CMP_GT_OQ);
	const __m256 minus = _mm256_cmp_ps(m->kept, zero, _CMP_LT_OQ);

	m->in = _mm256_or_ps(_mm256_and_ps(plus, up), _mm256_and_ps(minus, down));
}

CODES_INLINE __m256i choose(__m256i otherwise, __m256i x, __m256 where)
{
	return _mm256_blendv_epi8(otherwise, x, _mm256_castps_si256(where));
}

CODES_INLINE __m256i elected(const uint8_t *base, const uint8_t *const model[2], size_t i,
			     const __m256 above[2], __m256 *good)
{
	const __m256 zero = _mm256_setzero_ps();
	const __m256i b = load(base, i);
	struct model m[2];
	__m256 mass, up, down, equal;
	__m256i out;

	take(&m[0], model[0], i, b, above[0], good);
	take(&m[1], model[1], i, b, above[1], good);
	mass = _mm256_add_ps(m[0].kept, m[1].kept); /* its sign is right */
	up = _mm256_cmp_ps(mass, zero, _CMP_GT_OQ);
	down = _mm256_cmp_ps(mass, zero, _CMP_LT_OQ);
	elect(&m[0], up, down);
	elect(&m[1], up, down);
	equal = _mm256_cmp_ps(m[0].d, m[1].d, _CMP_EQ_OQ);
	out = choose(b, m[1].x, m[1].in);
	out = choose(out, m[0].x, _mm256_or_ps(m[0].in, _mm256_and_ps(m[1].in, equal)));
	return choose(out, half_sum(m[0].x, m[1].x, &mass),
		      _mm256_andnot_ps(equal, _mm256_and_ps(m[0].in, m[1].in)));
}

CODES_TARGET bool st_codes_elect(uint8_t *out, const uint8_t *base, const uint8_t *const model[2],
				 const float above[2])
{
	const __m256 limit[2] = { _mm256_set1_ps(above[0]), _mm256_set1_ps(above[1]) };
	__m256 good = _mm256_castsi256_ps(_mm256_set1_epi32(-1));

	for (size_t i = 0; i < N; i += 16) {
		const __m256i lo = elected(base, model, i, limit, &good);
		const __m256i hi = elected(base, model, i + 8, limit, &good);

		store(out, i, lo, hi);
	}
	return _mm256_movemask_ps(good) == 0xff;
}

CODES_INLINE uint32_t sum(__m256i v)
{
	uint32_t lane[8], s = 0;

	_mm256_storeu_si256((void *)lane, v);
	for (size_t i = 0; i < 8; i++)
		s += lane[i];
	return s;
}

CODES_INLINE __m256i count(__m256i n, __m256 where)
{
	return _mm256_sub_epi32(n, _mm256_castps_si256(where));
}

CODES_TARGET bool st_codes_find(struct st_codes_found *f, const uint8_t *x, const uint8_t *base,
				const struct st_codes_range *r)
{
	const __m256 lo = _mm256_set1_ps(r->lo), hi = _mm256_set1_ps(r->hi);
	const __m256 guess = _mm256_set1_ps(r->guess);
	__m256i above = _mm256_setzero_si256(), over = above, equal = above;
	__m256 good = _mm256_castsi256_ps(_mm256_set1_epi32(-1));

	f->n = 0;
	for (size_t i = 0; i < N; i += 8) {
		const __m256 d = distance(difference(load(x, i), load(base, i), &good));
		const __m256 beyond = _mm256_cmp_ps(d, hi, _CMP_GT_OQ);
		const __m256 hit = _mm256_cmp_ps(d, guess, _CMP_EQ_OQ);
		const __m256 out = _mm256_or_ps(beyond, hit);
		const __m256 in = _mm256_andnot_ps(out, _mm256_cmp_ps(d, lo, _CMP_GE_OQ));
		unsigned left = (unsigned)_mm256_movemask_ps(in);

		above = count(above, beyond);
		equal = count(equal, hit);
		over = count(over, _mm256_cmp_ps(d, guess, _CMP_GT_OQ));
		if (left) {
			float lane[8];

			_mm256_storeu_ps(lane, d);
			for (; left; left &= left - 1)
				f->in[f->n++] = lane[__builtin_ctz(left)];
		}
	}
	f->above = sum(above);
	f->over = sum(over);
	f->equal = sum(equal);
	return _mm256_movemask_ps(good) == 0xff;
}

#else

bool st_codes_mean(uint8_t *out, const uint8_t *a, const uint8_t *b)
{
	(void)out;
	(void)a;
	(void)b;
	return false;
}

bool st_codes_elect(uint8_t *out, const uint8_t *base, const uint8_t *const model[2],
		    const float above[2])
{
	(void)out;
	(void)base;
	(void)model;
	(void)above;
	return false;
}

bool st_codes_find(struct st_codes_found *f, const uint8_t *x, const uint8_t *base,
		   const struct st_codes_range *r)
{
	(void)f;
	(void)x;
	(void)base;
	(void)r;
	return false;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Four doubles at a time, lanes 0 to 3 and 4 to 7 in two registers. The attribute, not a build
 * flag, allows AVX2, so that no other code may use it. A product of two numbers of at most 24
 * digits is exact, so that a fused operation gives the digits that other machines have; of two
 * doubles, as differences are, it is not, and FMA is not allowed there.
 */

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "diff/pair_kernel.h"

#define PAIR_TARGET __attribute__((target("avx2,fma,f16c,popcnt")))
#define PAIR_INLINE static inline __attribute__((always_inline)) PAIR_TARGET

struct eight {
	__m256d lo, hi;
};

static bool direct_avx2(enum st_dtype t)
{
	return t == ST_F64 || t == ST_F32 || t == ST_F16 || t == ST_BF16;
}

PAIR_INLINE size_t width_of(enum st_dtype t)
{
	return t == ST_F64 ? 8 : t == ST_F32 ? 4 : 2;
}

PAIR_INLINE struct eight load_eight(enum st_dtype t, const uint8_t *p)
{
	const __m128i zero = _mm_setzero_si128();
	__m128i h;
	__m256 f;

	switch (t) {
	case ST_F64:
		return (struct eight){ _mm256_loadu_pd((const void *)p),
				       _mm256_loadu_pd((const void *)(p + 32)) };
	case ST_F32:
		return (struct eight){ _mm256_cvtps_pd(_mm_loadu_ps((const void *)p)),
				       _mm256_cvtps_pd(_mm_loadu_ps((const void *)(p + 16))) };
	case ST_F16:
		f = _mm256_cvtph_ps(_mm_loadu_si128((const void *)p));
		return (struct eight){ _mm256_cvtps_pd(_mm256_castps256_ps128(f)),
				       _mm256_cvtps_pd(_mm256_extractf128_ps(f, 1)) };
	default: /* ST_BF16: the upper half of an f32 */
		h = _mm_loadu_si128((const void *)p);
		return (struct eight){
			_mm256_cvtps_pd(_mm_castsi128_ps(_mm_unpacklo_epi16(zero, h))),
			_mm256_cvtps_pd(_mm_castsi128_ps(_mm_unpackhi_epi16(zero, h)))
		};
	}
}

PAIR_INLINE struct eight get_lanes(const double v[ST_PAIR_LANES])
{
	return (struct eight){ _mm256_loadu_pd(v), _mm256_loadu_pd(v + 4) };
}

PAIR_INLINE void put_lanes(double v[ST_PAIR_LANES], struct eight x)
{
	_mm256_storeu_pd(v, x.lo);
	_mm256_storeu_pd(v + 4, x.hi);
}

struct sums {
	struct eight l1, l2sq, dot, a2, b2;
	__m256d max_abs;
};

#define ADD(sum, x) ((sum) = _mm256_add_pd((sum), (x)))

/* Products of what the file holds, which are exact but those of two f64. */
PAIR_INLINE void add_product(__m256d *sum, enum st_dtype t, __m256d a, __m256d b)
{
	*sum = t == ST_F64 ? _mm256_add_pd(*sum, _mm256_mul_pd(a, b)) : _mm256_fmadd_pd(a, b, *sum);
}

#define HALF(s, half, t, a, b)                                                \
	do {                                                                  \
		__m256d d = _mm256_and_pd(_mm256_sub_pd((b), (a)), not_sign); \
                                                                              \
		(s)->max_abs = _mm256_max_pd(d, (s)->max_abs);                \
		ADD((s)->l1.half, d);                                         \
		ADD((s)->l2sq.half, _mm256_mul_pd(d, d));                     \
		add_product(&(s)->dot.half, (t), (a), (b));                   \
		add_product(&(s)->a2.half, (t), (a), (a));                    \
		add_product(&(s)->b2.half, (t), (b), (b));                    \
	} while (0)

PAIR_INLINE void step(struct sums *s, enum st_dtype t, const uint8_t *pa, const uint8_t *pb)
{
	const __m256d not_sign = _mm256_castsi256_pd(_mm256_set1_epi64x(INT64_MAX));
	struct eight a = load_eight(t, pa), b = load_eight(t, pb);

	HALF(s, lo, t, a.lo, b.lo);
	HALF(s, hi, t, a.hi, b.hi);
}

/* What is missing of the last eight is zero, which adds nothing. */
PAIR_INLINE void delta_as(struct st_pair_acc *acc, enum st_dtype t, const uint8_t *a,
			  const uint8_t *b, size_t n)
{
	struct sums s = { get_lanes(acc->l1), get_lanes(acc->l2sq), get_lanes(acc->dot),
			  get_lanes(acc->a2), get_lanes(acc->b2),   _mm256_loadu_pd(acc->max_abs) };
	const size_t width = width_of(t), whole = n / 8 * 8;
	uint8_t end_a[64] = { 0 }, end_b[64] = { 0 };

	for (size_t i = 0; i < whole; i += 8)
		step(&s, t, a + i * width, b + i * width);
	if (whole < n) {
		memcpy(end_a, a + whole * width, (n - whole) * width);
		memcpy(end_b, b + whole * width, (n - whole) * width);
		step(&s, t, end_a, end_b);
	}
	put_lanes(acc->l1, s.l1);
	put_lanes(acc->l2sq, s.l2sq);
	put_lanes(acc->dot, s.dot);
	put_lanes(acc->a2, s.a2);
	put_lanes(acc->b2, s.b2);
	_mm256_storeu_pd(acc->max_abs, s.max_abs);
}

PAIR_TARGET static void delta_avx2(struct st_pair_acc *acc, enum st_dtype t, const void *a,
				   const void *b, size_t n)
{
	if (t == ST_BF16)
		delta_as(acc, ST_BF16, a, b, n);
	else if (t == ST_F16)
		delta_as(acc, ST_F16, a, b, n);
	else if (t == ST_F32)
		delta_as(acc, ST_F32, a, b, n);
	else
		delta_as(acc, ST_F64, a, b, n);
}

PAIR_INLINE void norm_as(struct st_pair_acc *acc, enum st_dtype t, const uint8_t *a, size_t n)
{
	struct eight a2 = get_lanes(acc->a2), v;
	const size_t width = width_of(t), whole = n / 8 * 8;
	uint8_t end[64] = { 0 };

	for (size_t i = 0; i < whole; i += 8) {
		v = load_eight(t, a + i * width);
		add_product(&a2.lo, t, v.lo, v.lo);
		add_product(&a2.hi, t, v.hi, v.hi);
	}
	if (whole < n) {
		memcpy(end, a + whole * width, (n - whole) * width);
		v = load_eight(t, end);
		add_product(&a2.lo, t, v.lo, v.lo);
		add_product(&a2.hi, t, v.hi, v.hi);
	}
	put_lanes(acc->a2, a2);
}

PAIR_TARGET static void norm_avx2(struct st_pair_acc *acc, enum st_dtype t, const void *a, size_t n)
{
	if (t == ST_BF16)
		norm_as(acc, ST_BF16, a, n);
	else if (t == ST_F16)
		norm_as(acc, ST_F16, a, n);
	else if (t == ST_F32)
		norm_as(acc, ST_F32, a, n);
	else
		norm_as(acc, ST_F64, a, n);
}

PAIR_INLINE void load_as(double *out, enum st_dtype t, const uint8_t *p, size_t n)
{
	const size_t width = width_of(t), whole = n / 8 * 8;
	double end_out[8];
	uint8_t end[64] = { 0 };

	for (size_t i = 0; i < whole; i += 8)
		put_lanes(out + i, load_eight(t, p + i * width));
	if (whole < n) {
		memcpy(end, p + whole * width, (n - whole) * width);
		put_lanes(end_out, load_eight(t, end));
		memcpy(out + whole, end_out, (n - whole) * sizeof(*out));
	}
}

PAIR_TARGET static void load_avx2(double *out, enum st_dtype t, const void *p, size_t n)
{
	if (t == ST_BF16)
		load_as(out, ST_BF16, p, n);
	else if (t == ST_F16)
		load_as(out, ST_F16, p, n);
	else if (t == ST_F32)
		load_as(out, ST_F32, p, n);
	else
		load_as(out, ST_F64, p, n);
}

/* Ones where elements are equal. */
PAIR_INLINE __m256i compare(unsigned width, __m256i a, __m256i b)
{
	switch (width) {
	case 1:
		return _mm256_cmpeq_epi8(a, b);
	case 2:
		return _mm256_cmpeq_epi16(a, b);
	case 4:
		return _mm256_cmpeq_epi32(a, b);
	default:
		return _mm256_cmpeq_epi64(a, b);
	}
}

PAIR_INLINE size_t differ_as(unsigned width, const uint8_t *a, const uint8_t *b, size_t n)
{
	const size_t size = n * width, whole = size / 32 * 32;
	size_t equal = 0;

	for (size_t i = 0; i < whole; i += 32) {
		__m256i x = _mm256_loadu_si256((const void *)(a + i));
		__m256i y = _mm256_loadu_si256((const void *)(b + i));
		unsigned mask = (unsigned)_mm256_movemask_epi8(compare(width, x, y));

		equal += (size_t)_mm_popcnt_u32(mask);
	}
	return whole / width - equal / width +
	       st_pair_kernel_portable.differ(width, a + whole, b + whole, n - whole / width);
}

PAIR_TARGET static size_t differ_avx2(unsigned width, const void *a, const void *b, size_t n)
{
	switch (width) {
	case 1:
		return differ_as(1, a, b, n);
	case 2:
		return differ_as(2, a, b, n);
	case 4:
		return differ_as(4, a, b, n);
	default:
		return differ_as(8, a, b, n);
	}
}

/* --- casts ----------------------------------------------------------------------------------- */

struct target { /* of struct st_pair_target, four times */
	__m256i emin, emax, shift, half;
	__m256d max, beyond, no_minus_zero, least, sign;
};

PAIR_INLINE struct target target_of(const struct st_pair_target *t)
{
	const double beyond = t->beyond == ST_PAIR_TO_NAN ? (double)NAN :
			      t->beyond == ST_PAIR_TO_INF ? (double)INFINITY :
							    t->max;

	return (struct target){
		.emin = _mm256_set1_epi64x(t->emin + 1023),
		.emax = _mm256_set1_epi64x(t->emax + 1024),
		.shift = _mm256_set1_epi64x(53 - t->digits),
		.half = _mm256_set1_epi64x((int64_t)1 << 51),
		.max = _mm256_set1_pd(t->max),
		.beyond = _mm256_set1_pd(beyond),
		.no_minus_zero = _mm256_castsi256_pd(_mm256_set1_epi64x(t->no_minus_zero ? -1 : 0)),
		.least = _mm256_set1_pd(t->least),
		/* What a number keeps of its sign. */
		.sign = t->least > 0 ? _mm256_setzero_pd() : _mm256_set1_pd(-0.0),
	};
}

PAIR_INLINE __m256d both_nan(__m256d a, __m256d b)
{
	return _mm256_and_pd(_mm256_cmp_pd(a, a, _CMP_UNORD_Q), _mm256_cmp_pd(b, b, _CMP_UNORD_Q));
}

/* rounded() of pair_cast.c; its comments say why. Exponents fill the lower halves only. */
PAIR_INLINE __m256d rounded(__m256d x, const struct target *t)
{
	const __m256d minus = _mm256_set1_pd(-0.0);
	__m256d sign = _mm256_and_pd(x, t->sign), size = _mm256_andnot_pd(minus, x), c, r;
	__m256i e = _mm256_srli_epi64(_mm256_castpd_si256(size), 52);

	e = _mm256_min_epi32(_mm256_max_epi32(e, t->emin), t->emax);
	e = _mm256_slli_epi64(_mm256_add_epi64(e, t->shift), 52);
	c = _mm256_castsi256_pd(_mm256_or_si256(e, t->half));
	r = _mm256_sub_pd(_mm256_add_pd(size, c), c);
	r = _mm256_blendv_pd(r, t->beyond, _mm256_cmp_pd(r, t->max, _CMP_GT_OQ));
	r = _mm256_max_pd(t->least, r); /* of NaN and a number: the second */
	/* Where zero has no sign it loses it. */
	c = _mm256_and_pd(t->no_minus_zero, _mm256_cmp_pd(r, _mm256_setzero_pd(), _CMP_EQ_OQ));
	return _mm256_or_pd(r, _mm256_andnot_pd(c, sign));
}

PAIR_INLINE __m256d same(__m256d a, __m256d b)
{
	__m256i equal = _mm256_cmpeq_epi64(_mm256_castpd_si256(a), _mm256_castpd_si256(b));

	return _mm256_or_pd(_mm256_castsi256_pd(equal), both_nan(a, b));
}

PAIR_INLINE size_t count_not(__m256d mask)
{
	return 4 - (size_t)_mm_popcnt_u32((unsigned)_mm256_movemask_pd(mask));
}

PAIR_TARGET static void cast_avx2(uint64_t *changed, uint64_t *uncast,
				  const struct st_pair_target *t, bool via_f32,
				  const double *narrow, const double *wide, size_t n)
{
	const struct target of = target_of(t);
	const size_t whole = n / 4 * 4;
	size_t other = 0, bad = 0;

	for (size_t i = 0; i < whole; i += 4) {
		__m256d v = _mm256_loadu_pd(narrow + i), w = _mm256_loadu_pd(wide + i);
		__m256d equal = _mm256_or_pd(_mm256_cmp_pd(v, w, _CMP_EQ_OQ), both_nan(v, w));
		__m256d is = same(rounded(w, &of), v);

		if (via_f32) {
			w = _mm256_cvtps_pd(_mm256_cvtpd_ps(w));
			is = _mm256_or_pd(is, same(rounded(w, &of), v));
		}
		other += count_not(equal);
		bad += count_not(is);
	}
	*changed += other;
	*uncast += bad;
	st_pair_cast_portable(changed, uncast, t, via_f32, narrow + whole, wide + whole, n - whole);
}

const struct st_pair_kernel st_pair_kernel_avx2 = {
	.direct = direct_avx2,
	.delta = delta_avx2,
	.norm = norm_avx2,
	.load = load_avx2,
	.differ = differ_avx2,
	.cast = cast_avx2,
};

#endif

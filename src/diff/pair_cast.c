/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Is a tensor another one's cast to a narrower type? The narrower type has fewer bits, or as many
 * and fewer digits. A number is cast to the nearest of the narrower type, ties to even, directly or
 * through f32, as PyTorch does it (c10/util: BFloat16.h, Half.h, Float8_*.h), and so are overflow
 * and zero: f8_e4m3fn has NaN beyond its largest number, e5m2 and the larger ones Inf, the fnuz
 * types NaN and no -0; f8_e8m0 forgets the sign. PyTorch has no cast to f4: it saturates, as the
 * Open Compute Project's "Microscaling Formats" has it.
 */

#include "diff/pair_kernel.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"

static const struct st_pair_target targets[ST_NDTYPES] = {
	[ST_BOOL] = { .kind = ST_PAIR_TRUTH },
	[ST_I8] = { .kind = ST_PAIR_INTEGER, .digits = 7 },
	[ST_U8] = { .kind = ST_PAIR_INTEGER, .digits = 8 },
	[ST_I16] = { .kind = ST_PAIR_INTEGER, .digits = 15 },
	[ST_U16] = { .kind = ST_PAIR_INTEGER, .digits = 16 },
	[ST_I32] = { .kind = ST_PAIR_INTEGER, .digits = 31 },
	[ST_U32] = { .kind = ST_PAIR_INTEGER, .digits = 32 },
	[ST_I64] = { .kind = ST_PAIR_INTEGER, .digits = 63 },
	[ST_U64] = { .kind = ST_PAIR_INTEGER, .digits = 64 },
	[ST_F4] = { ST_PAIR_FLOAT, 2, 0, 2, 6, ST_PAIR_TO_MAX, false, 0 },
	[ST_F8_E8M0] = { ST_PAIR_FLOAT, 1, -127, 127, 0x1p127, ST_PAIR_TO_NAN, false, 0x1p-127 },
	[ST_F8_E5M2] = { ST_PAIR_FLOAT, 3, -14, 15, 57344, ST_PAIR_TO_INF, false, 0 },
	[ST_F8_E4M3] = { ST_PAIR_FLOAT, 4, -6, 8, 448, ST_PAIR_TO_NAN, false, 0 },
	[ST_F8_E4M3FNUZ] = { ST_PAIR_FLOAT, 4, -7, 7, 240, ST_PAIR_TO_NAN, true, 0 },
	[ST_F8_E5M2FNUZ] = { ST_PAIR_FLOAT, 3, -15, 15, 57344, ST_PAIR_TO_NAN, true, 0 },
	[ST_F16] = { ST_PAIR_FLOAT, 11, -14, 15, 65504, ST_PAIR_TO_INF, false, 0 },
	[ST_BF16] = { ST_PAIR_FLOAT, 8, -126, 127, 0x1.fep127, ST_PAIR_TO_INF, false, 0 },
	[ST_F32] = { ST_PAIR_FLOAT, 24, -126, 127, 0x1.fffffep127, ST_PAIR_TO_INF, false, 0 },
	[ST_F64] = { ST_PAIR_FLOAT, 53, -1022, 1023, DBL_MAX, ST_PAIR_TO_INF, false, 0 },
};

/* Two f8 types of equal digits: the one without Inf and -0. */
static bool narrower(enum st_dtype a, enum st_dtype b)
{
	unsigned wa = st_dtype_info(a)->bits, wb = st_dtype_info(b)->bits;

	if (wa != wb)
		return wa < wb;
	if (targets[a].digits != targets[b].digits)
		return targets[a].digits < targets[b].digits;
	return a > b;
}

static inline uint64_t bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static inline double of_bits(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline bool same(double a, double b)
{
	return bits_of(a) == bits_of(b) || (isnan(a) && isnan(b));
}

/* The number of t nearest to x. */
static inline double rounded(double x, const struct st_pair_target *t)
{
	double size = fabs(x), c;
	int e = (int)(bits_of(size) >> 52);

	/* Below emin the step between numbers stays; above emax + 1 all is beyond max anyway. */
	e = e < t->emin + 1023 ? t->emin + 1023 : e;
	e = e > t->emax + 1024 ? t->emax + 1024 : e;
	/* A number whose last place is t's: the sum is rounded there. */
	c = of_bits((uint64_t)(e + 53 - t->digits) << 52 | (uint64_t)1 << 51);
	size = (size + c) - c;
	if (size > t->max)
		size = t->beyond == ST_PAIR_TO_NAN ? (double)NAN :
		       t->beyond == ST_PAIR_TO_INF ? (double)INFINITY :
						     t->max;
	if (t->least > 0 || (size == 0 && t->no_minus_zero))
		return size < t->least ? t->least : size;
	return copysign(size, x);
}

double st_pair_rounded(enum st_dtype t, double v)
{
	ST_BUG_ON(targets[t].kind != ST_PAIR_FLOAT || targets[t].digits == 0);
	return t == ST_F64 || isnan(v) ? v : rounded(v, &targets[t]);
}

void st_pair_cast_portable(uint64_t *changed, uint64_t *uncast, const struct st_pair_target *t,
			   bool via_f32, const double *narrow, const double *wide, size_t n)
{
	const struct st_pair_target of = *t;

	for (size_t i = 0; i < n; i++) {
		double v = narrow[i], w = wide[i];

		*changed += v != w && !(isnan(v) && isnan(w));
		*uncast += !same(rounded(w, &of), v) &&
			   !(via_f32 && same(rounded((double)(float)w, &of), v));
	}
}

static void cast_integer(struct st_pair_sums *out, const struct st_pair_target *t,
			 const double *narrow, const double *wide, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double v = narrow[i], w = wide[i];

		out->changed += v != w;
		out->uncast += v != (t->kind == ST_PAIR_TRUTH ? (double)(w != 0) : nearbyint(w));
	}
}

/* --- integers of 64 bits, which a double cannot hold ----------------------------------------- */

static bool is_int64(enum st_dtype t)
{
	return t == ST_I64 || t == ST_U64;
}

/* Rounded so that it compares with and rounds to what has at most 32 digits as v would: what is
 * lost leaves its trace in the last bit. */
static double sticky(uint64_t v)
{
	if (v < (uint64_t)1 << 53)
		return (double)v;
	return (double)(v >> 11 | ((v & 2047) != 0)) * 2048;
}

static void load_sticky(double *out, enum st_dtype t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = st_get64(p + 8 * i);

		out[i] = t == ST_I64 && v >> 63 ? -sticky(-v) : sticky(v);
	}
}

/* Is the integer exactly this number? */
static bool is_number(enum st_dtype t, uint64_t v, double d)
{
	if (d != nearbyint(d))
		return false;
	if (t == ST_U64)
		return d >= 0 && d < 0x1p64 && (uint64_t)d == v;
	return d >= -0x1p63 && d < 0x1p63 && (uint64_t)(int64_t)d == v;
}

/* i64 and u64, or one of them and f64, which is then the narrower. */
static void cast_int64(struct st_pair_sums *out, const struct st_pair_block *narrow,
		       const struct st_pair_block *wide, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t w = st_get64(wide->raw + 8 * i);
		bool equal, cast;

		if (is_int64(narrow->t)) {
			equal = w >> 63 == 0 && w == st_get64(narrow->raw + 8 * i);
			cast = equal;
		} else {
			equal = is_number(wide->t, w, narrow->value[i]);
			cast = same(narrow->value[i], wide->value[i]);
		}
		out->changed += !equal;
		out->uncast += !cast;
	}
}

bool st_pair_narrower(enum st_dtype t, enum st_dtype u)
{
	return narrower(st_pair_component(t), st_pair_component(u));
}

void st_pair_cast(const struct st_pair_kernel *k, struct st_pair_sums *out,
		  const struct st_pair_block *a, const struct st_pair_block *b, size_t n)
{
	const struct st_pair_block *narrow = narrower(a->t, b->t) ? a : b;
	const struct st_pair_block *wide = narrow == a ? b : a;
	const struct st_pair_target *t = &targets[narrow->t];
	const double *value = wide->value;
	double exact[ST_PAIR_BLOCK];

	ST_BUG_ON(n > ST_PAIR_BLOCK);
	if (is_int64(wide->t) && st_dtype_info(narrow->t)->bits == 64) {
		cast_int64(out, narrow, wide, n);
		return;
	}
	if (is_int64(wide->t)) {
		load_sticky(exact, wide->t, wide->raw, n);
		value = exact;
	}
	if (t->kind != ST_PAIR_FLOAT)
		cast_integer(out, t, narrow->value, value, n);
	else
		k->cast(&out->changed, &out->uncast, t, targets[wide->t].digits > 24, narrow->value,
			value, n);
}

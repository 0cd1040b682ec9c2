/* SPDX-License-Identifier: Apache-2.0 */
#include "merge/round.h"

#include <float.h>
#include <math.h>

#include "base/mem.h"
#include "diff/pair_kernel.h"

struct range {
	double least,
		most;	  /* numbers that are stored as they are or rounded to one that is finite */
	int digits, emin; /* of floats: with the hidden one; exponent of the smallest normal */
	unsigned inf, nan; /* codes of small floats; inf 0: none */
};

/*
 * The edges of integers are doubles that fit; i64 and u64 have larger numbers that are no doubles.
 */
static const struct range ranges[ST_NDTYPES] = {
	[ST_I8] = { INT8_MIN, INT8_MAX, 0, 0, 0, 0 },
	[ST_U8] = { 0, UINT8_MAX, 0, 0, 0, 0 },
	[ST_I16] = { INT16_MIN, INT16_MAX, 0, 0, 0, 0 },
	[ST_U16] = { 0, UINT16_MAX, 0, 0, 0, 0 },
	[ST_I32] = { INT32_MIN, INT32_MAX, 0, 0, 0, 0 },
	[ST_U32] = { 0, UINT32_MAX, 0, 0, 0, 0 },
	[ST_I64] = { -0x1p63, 0x1.fffffffffffffp62, 0, 0, 0, 0 },
	[ST_U64] = { 0, 0x1.fffffffffffffp63, 0, 0, 0, 0 },
	[ST_F8_E5M2] = { -57344, 57344, 3, -14, 0x7c, 0x7e },
	[ST_F8_E4M3] = { -448, 448, 4, -6, 0, 0x7f },
	[ST_F8_E4M3FNUZ] = { -240, 240, 4, -7, 0, 0x80 },
	[ST_F8_E5M2FNUZ] = { -57344, 57344, 3, -15, 0, 0x80 },
	[ST_F16] = { -65504, 65504, 11, -14, 0x7c00, 0x7e00 },
	[ST_BF16] = { -0x1.fep127, 0x1.fep127, 8, -126, 0x7f80, 0x7fc0 },
	[ST_F32] = { -0x1.fffffep127, 0x1.fffffep127, 24, -126, 0, 0 },
	[ST_F64] = { -DBL_MAX, DBL_MAX, 53, -1022, 0, 0 },
};

static enum st_dtype component(enum st_dtype t)
{
	return t == ST_C32 ? ST_F16 : t == ST_C64 ? ST_F32 : t == ST_C128 ? ST_F64 : t;
}

bool st_round_can(enum st_dtype t)
{
	return ranges[component(t)].most > 0;
}

bool st_round_is_float(enum st_dtype t)
{
	return ranges[component(t)].digits > 0;
}

static uint64_t bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

/* ---- floats of at most 16 bits ---- */

static unsigned code_of(enum st_dtype t, double v)
{
	const struct range *r = &ranges[t];
	const unsigned sign = (v < 0 || (v == 0 && signbit(v))) ? r->nan < 256 ? 0x80 : 0x8000 : 0;
	const int mantissa = r->digits - 1;
	uint64_t bits;
	int e;

	v = st_pair_rounded(t, v);
	if (isnan(v))
		return r->nan;
	if (isinf(v))
		return sign | r->inf;
	if (v == 0)
		return signbit(v) ? sign : 0;
	bits = bits_of(fabs(v));
	e = (int)(bits >> 52) - 1023;
	if (e < r->emin) /* a multiple of the smallest number */
		return sign | (unsigned)ldexp(fabs(v), mantissa - r->emin);
	return sign | (unsigned)(e - r->emin + 1) << mantissa |
	       (unsigned)(bits >> (52 - mantissa) & ((1U << mantissa) - 1));
}

/*
 * To f32 so that no digit is lost for a second rounding to fewer digits: toward zero, and the last
 * bit says that something was cut off ("round to odd"; Boldo and Melquiond, "Emulation of a FMA and
 * Correctly Rounded Sums: Proved Algorithms Using Rounding to Odd", 2008).
 */
static uint32_t odd_bits(double v)
{
	float f = (float)v;
	double back = (double)f;
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	bits -= fabs(back) > fabs(v);
	return bits | (back != v);
}

static uint16_t bf16_of(double v)
{
	uint32_t bits = odd_bits(v);

	if (isnan(v))
		return 0x7fc0;
	return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static void store16(uint8_t *out, enum st_dtype t, const double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		st_put16(out + 2 * i, t == ST_BF16 ? bf16_of(v[i]) : (uint16_t)code_of(t, v[i]));
}

static void store8(uint8_t *out, enum st_dtype t, const double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)code_of(t, v[i]);
}

static void store32(uint8_t *out, const double *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		float f = (float)v[i];
		uint32_t bits;

		memcpy(&bits, &f, sizeof(bits));
		st_put32(out + 4 * i, isnan(f) ? 0x7fc00000 : bits);
	}
}

static void store64(uint8_t *out, const double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		st_put64(out + 8 * i, isnan(v[i]) ? (uint64_t)0x7ff8 << 48 : bits_of(v[i]));
}

/* ---- integers ---- */

static uint64_t integer_of(enum st_dtype t, double v)
{
	const struct range *r = &ranges[t];

	v = nearbyint(v);
	if (isnan(v))
		return 0;
	if (v < r->least)
		v = r->least;
	if (v > r->most && t == ST_U64)
		return UINT64_MAX;
	if (v > r->most && t == ST_I64)
		return INT64_MAX;
	if (v > r->most)
		v = r->most;
	return v < 0 ? (uint64_t)(int64_t)v : (uint64_t)v;
}

static void store_integers(uint8_t *out, enum st_dtype t, const double *v, size_t n)
{
	const size_t width = st_dtype_info(t)->bits / 8;

	for (size_t i = 0; i < n; i++) {
		uint64_t x = integer_of(t, v[i]);

		for (size_t k = 0; k < width; k++)
			*out++ = (uint8_t)(x >> 8 * k);
	}
}

/* ---- */

void st_round_store_portable(void *out, enum st_dtype type, const double *v, size_t n)
{
	const enum st_dtype t = component(type);

	ST_BUG_ON(!st_round_can(t));
	if (ranges[t].digits == 0)
		store_integers(out, t, v, n);
	else if (t == ST_F64)
		store64(out, v, n);
	else if (t == ST_F32)
		store32(out, v, n);
	else if (st_dtype_info(t)->bits == 16)
		store16(out, t, v, n);
	else
		store8(out, t, v, n);
}

bool st_round_has_avx2(void)
{
	return st_pair_level_supported(ST_PAIR_AVX2);
}

void st_round_store(void *out, enum st_dtype type, const double *v, size_t n)
{
	const enum st_dtype t = component(type);
	size_t done = 0;

#if defined(__x86_64__)
	if ((t == ST_BF16 || t == ST_F16 || t == ST_F32) && st_round_has_avx2()) {
		done = n / 8 * 8;
		st_round_store_avx2(out, t, v, done);
	}
#endif
	if (done < n)
		st_round_store_portable((uint8_t *)out + done * (st_dtype_info(t)->bits / 8), t,
					v + done, n - done);
}

static bool overflows(enum st_dtype t, double v)
{
	const struct range *r = &ranges[t];

	if (!isfinite(v))
		return true;
	if (r->digits == 0)
		v = nearbyint(v);
	if (v >= r->least && v <= r->most)
		return false;
	return r->digits == 0 || !isfinite(st_pair_rounded(t, v));
}

bool st_round_within(const double *v, size_t n, double least, double most)
{
	bool beyond = false;
	size_t i = 0;

#if defined(__x86_64__)
	if (st_round_has_avx2()) {
		i = n / 8 * 8;
		beyond = !st_round_within_avx2(v, i, least, most);
	}
#endif
	for (; i < n; i++)
		beyond = beyond || !(v[i] >= least) || !(v[i] <= most);
	return !beyond;
}

size_t st_round_overflow(enum st_dtype type, const double *v, size_t n)
{
	const enum st_dtype t = component(type);
	size_t i = 0;

	if (st_round_within(v, n, ranges[t].least, ranges[t].most))
		return n;
	while (i < n && !overflows(t, v[i]))
		i++;
	return i;
}

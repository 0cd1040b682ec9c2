/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Small floats, sign first:
 *
 *	f16          1-5-10, bias 15, Inf and NaN as in IEEE 754
 *	bf16         1-8-7, the upper half of an f32
 *	f8_e5m2      1-5-2, bias 15, Inf and NaN as in IEEE 754
 *	f8_e4m3fn    1-4-3, bias 7, no Inf, NaN is S.1111.111
 *	f8_e5m2fnuz  1-5-2, bias 16, no Inf, no -0: its code 0x80 is NaN
 *	f8_e4m3fnuz  1-4-3, bias 8, likewise
 *	f8_e8m0      a power of two, bias 127, no sign, no zero, 0xff is NaN
 *	f4_e2m1      1-2-1, bias 1, neither Inf nor NaN; the first of a byte in its lower half
 */

#include "diff/pair_kernel.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

bool st_pair_numeric(enum st_dtype t)
{
	return t != ST_OPAQUE && t != ST_F6_E2M3 && t != ST_F6_E3M2;
}

static bool is_complex(enum st_dtype t)
{
	return t == ST_C32 || t == ST_C64 || t == ST_C128;
}

uint64_t st_pair_elements(enum st_dtype t, uint64_t numel)
{
	uint64_t bits = st_dtype_info(t)->bits;

	if (is_complex(t))
		return 2 * numel;
	if (st_pair_numeric(t))
		return numel;
	return numel / 8 * bits + (numel % 8 * bits + 7) / 8;
}

enum st_dtype st_pair_component(enum st_dtype t)
{
	switch (t) {
	case ST_C32:
		return ST_F16;
	case ST_C64:
		return ST_F32;
	case ST_C128:
		return ST_F64;
	default:
		return t;
	}
}

/* Without a sign; IEEE 754's rules but for Inf and NaN. */
static double magnitude(unsigned code, int mantissa, int bias)
{
	int exponent = (int)(code >> mantissa);
	unsigned fraction = code & ((1U << mantissa) - 1);

	if (exponent == 0)
		return ldexp(fraction, 1 - bias - mantissa);
	return ldexp(fraction + (1U << mantissa), exponent - bias - mantissa);
}

static double e5m2(unsigned code)
{
	if (code < 0x7c)
		return magnitude(code, 2, 15);
	return code == 0x7c ? (double)INFINITY : (double)NAN;
}

static double e8m0(unsigned code)
{
	return code == 0xff ? (double)NAN : ldexp(1, (int)code - 127);
}

/* Of a type of at most 8 bits. */
static double small(enum st_dtype t, unsigned code)
{
	unsigned sign = t == ST_F4 ? 8 : 0x80, rest = code & (sign - 1);
	double v;

	switch (t) {
	case ST_BOOL:
		return code != 0;
	case ST_U8:
		return code;
	case ST_I8:
		return (int8_t)code;
	case ST_F8_E8M0:
		return e8m0(code);
	case ST_F4:
		v = magnitude(rest, 1, 1);
		break;
	case ST_F8_E5M2:
		v = e5m2(rest);
		break;
	case ST_F8_E4M3:
		v = rest == 0x7f ? (double)NAN : magnitude(rest, 3, 7);
		break;
	case ST_F8_E4M3FNUZ:
		v = code == 0x80 ? (double)NAN : magnitude(rest, 3, 8);
		break;
	default:
		ST_BUG_ON(t != ST_F8_E5M2FNUZ);
		v = code == 0x80 ? (double)NAN : magnitude(rest, 2, 16);
		break;
	}
	return code & sign ? -v : v;
}

static double from_bits(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static double from_bits32(uint32_t bits)
{
	float v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static double from_half(uint32_t h)
{
	uint64_t sign = (uint64_t)(h >> 15) << 63, exponent = h >> 10 & 31, fraction = h & 1023;

	if (exponent == 0) /* a multiple of 2^-24; the product keeps the sign of zero */
		return (double)fraction * (sign ? -0x1p-24 : 0x1p-24);
	exponent = exponent == 31 ? 2047 : exponent + (1023 - 15);
	return from_bits(sign | exponent << 52 | fraction << 42);
}

void st_pair_loader_init(struct st_pair_loader *l, enum st_dtype t)
{
	unsigned bits;

	l->t = st_pair_component(t);
	bits = st_dtype_info(l->t)->bits;
	ST_BUG_ON(!st_pair_numeric(l->t));
	if (bits > 8)
		return;
	for (unsigned code = 0; code < 1U << bits; code++)
		l->table[code] = small(l->t, code);
}

static void load_table(const struct st_pair_loader *l, double *out, const uint8_t *p, size_t n)
{
	if (l->t != ST_F4) {
		for (size_t i = 0; i < n; i++)
			out[i] = l->table[p[i]];
		return;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = l->table[i % 2 ? p[i / 2] >> 4 : p[i / 2] & 15];
}

static void load16(enum st_dtype t, double *out, const uint8_t *p, size_t n)
{
	for (size_t i = 0; t == ST_F16 && i < n; i++)
		out[i] = from_half(st_get16(p + 2 * i));
	for (size_t i = 0; t == ST_BF16 && i < n; i++)
		out[i] = from_bits32((uint32_t)st_get16(p + 2 * i) << 16);
	for (size_t i = 0; t == ST_I16 && i < n; i++)
		out[i] = (int16_t)st_get16(p + 2 * i);
	for (size_t i = 0; t == ST_U16 && i < n; i++)
		out[i] = st_get16(p + 2 * i);
}

static void load32(enum st_dtype t, double *out, const uint8_t *p, size_t n)
{
	for (size_t i = 0; t == ST_F32 && i < n; i++)
		out[i] = from_bits32(st_get32(p + 4 * i));
	for (size_t i = 0; t == ST_I32 && i < n; i++)
		out[i] = (int32_t)st_get32(p + 4 * i);
	for (size_t i = 0; t == ST_U32 && i < n; i++)
		out[i] = st_get32(p + 4 * i);
}

static void load64(enum st_dtype t, double *out, const uint8_t *p, size_t n)
{
	for (size_t i = 0; t == ST_F64 && i < n; i++)
		out[i] = from_bits(st_get64(p + 8 * i));
	for (size_t i = 0; t == ST_I64 && i < n; i++)
		out[i] = (double)(int64_t)st_get64(p + 8 * i);
	for (size_t i = 0; t == ST_U64 && i < n; i++)
		out[i] = (double)st_get64(p + 8 * i);
}

void st_pair_loader_run(const struct st_pair_loader *l, double *out, const void *p, size_t n)
{
	switch (st_dtype_info(l->t)->bits) {
	case 16:
		load16(l->t, out, p, n);
		break;
	case 32:
		load32(l->t, out, p, n);
		break;
	case 64:
		load64(l->t, out, p, n);
		break;
	default:
		load_table(l, out, p, n);
	}
}

void st_pair_load(double *out, enum st_dtype t, const void *p, size_t n)
{
	struct st_pair_loader l;

	st_pair_loader_init(&l, t);
	st_pair_loader_run(&l, out, p, n);
}

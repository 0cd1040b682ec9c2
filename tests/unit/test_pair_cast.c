/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "diff/pair_kernel.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void put_float(uint8_t *p, float v)
{
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	st_put32(p, bits);
}

static void put_double(uint8_t *p, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	st_put64(p, bits);
}

static void sum_at(enum st_pair_level level, struct st_pair_sums *out, enum st_dtype ta,
		   const void *a, enum st_dtype tb, const void *b, size_t n)
{
	unsigned bits_a = st_dtype_info(ta)->bits, bits_b = st_dtype_info(tb)->bits;
	struct st_pair_sums part;

	*out = (struct st_pair_sums){ 0 };
	for (size_t at = 0, m; at < n; at += m) {
		m = n - at < ST_PAIR_CHUNK ? n - at : ST_PAIR_CHUNK;
		st_pair_chunk_at(level, &part, ta, (const uint8_t *)a + at * bits_a / 8, tb,
				 (const uint8_t *)b + at * bits_b / 8, m, 0);
		st_pair_total(out, &part);
	}
}

/* At every level and in both orders. */
static void expect(const char *what, enum st_dtype ta, const void *a, enum st_dtype tb,
		   const void *b, size_t n, uint64_t changed, uint64_t uncast)
{
	struct st_pair_sums s = { 0 }, back = { 0 };

	for (int l = 0; l < ST_PAIR_NLEVELS; l++) {
		enum st_pair_level level = (enum st_pair_level)l;

		if (!st_pair_level_supported(level))
			continue;
		sum_at(level, &s, ta, a, tb, b, n);
		sum_at(level, &back, tb, b, ta, a, n);
		if (s.changed != changed || s.uncast != uncast || back.changed != changed ||
		    back.uncast != uncast)
			fail_msg("%s (%s, %s), level %d: changed %llu and back %llu, want %llu; "
				 "not the cast %llu and back %llu, want %llu",
				 what, st_dtype_info(ta)->name, st_dtype_info(tb)->name, l,
				 (unsigned long long)s.changed, (unsigned long long)back.changed,
				 (unsigned long long)changed, (unsigned long long)s.uncast,
				 (unsigned long long)back.uncast, (unsigned long long)uncast);
	}
}

struct list { /* of f32 and of codes of the narrower type */
	uint8_t *wide, *narrow;
	size_t n;
};

#define LIST_MAX ((size_t)1 << 18)

static void list_add(struct list *l, enum st_dtype t, float wide, unsigned code)
{
	assert_true(l->n < LIST_MAX);
	put_float(l->wide + 4 * l->n, wide);
	if (st_dtype_info(t)->bits == 16)
		st_put16(l->narrow + 2 * l->n, (uint16_t)code);
	else
		l->narrow[l->n] = (uint8_t)code;
	l->n++;
}

/*
 * Between two neighbours lies a middle; what is nearer to one of them is cast to that, the middle
 * to the even code. Of a type whose codes from 0 to top are its numbers from zero on.
 */
static void check_neighbours(enum st_dtype t, unsigned top, struct list *good, struct list *bad)
{
	unsigned sign = 1U << (st_dtype_info(t)->bits - 1);
	double value[2];
	uint8_t raw[2];

	good->n = bad->n = 0;
	for (unsigned code = 0; code < top; code++) {
		unsigned minus = code % 3 && t != ST_F8_E8M0 && code ? sign : 0;
		unsigned even = t == ST_F8_E8M0 || code & 1 ? code + 1 : code;
		float middle, below, above;

		for (unsigned i = 0; i < 2; i++) {
			st_put16(raw, (uint16_t)((code + i) | minus));
			st_pair_load(&value[i], t, raw, 1);
		}
		middle = (float)((value[0] + value[1]) / 2);
		assert_true((double)middle == (value[0] + value[1]) / 2);
		below = nextafterf(middle, (float)value[0]);
		above = nextafterf(middle, (float)value[1]);
		list_add(good, t, (float)value[0], code | minus);
		list_add(good, t, below, code | minus);
		list_add(good, t, middle, even | minus);
		list_add(good, t, above, (code + 1) | minus);
		list_add(bad, t, below, (code + 1) | minus);
		list_add(bad, t, middle, (even == code ? code + 1 : code) | minus);
		list_add(bad, t, above, code | minus);
		if (good->n + 4 <= LIST_MAX && code + 1 < top)
			continue;
		for (size_t at = 0; at < good->n; at += ST_PAIR_LEAF) {
			size_t n = good->n - at < ST_PAIR_LEAF ? good->n - at : ST_PAIR_LEAF;

			expect("nearest", ST_F32, good->wide + 4 * at, t,
			       good->narrow + at * st_dtype_info(t)->bits / 8, n, n - (n + 3) / 4,
			       0);
		}
		expect("not nearest", ST_F32, bad->wide, t, bad->narrow, bad->n, bad->n, bad->n);
		good->n = bad->n = 0;
	}
}

static void test_nearest_ties_to_even(void **state)
{
	struct list good = { malloc(4 * LIST_MAX), malloc(2 * LIST_MAX), 0 };
	struct list bad = { malloc(4 * LIST_MAX), malloc(2 * LIST_MAX), 0 };

	(void)state;
	assert_true(good.wide && good.narrow && bad.wide && bad.narrow);
	check_neighbours(ST_F16, 0x7bff, &good, &bad);
	check_neighbours(ST_BF16, 0x7f7f, &good, &bad);
	check_neighbours(ST_F8_E5M2, 0x7b, &good, &bad);
	check_neighbours(ST_F8_E4M3, 0x7e, &good, &bad);
	check_neighbours(ST_F8_E4M3FNUZ, 0x7f, &good, &bad);
	check_neighbours(ST_F8_E5M2FNUZ, 0x7f, &good, &bad);
	check_neighbours(ST_F8_E8M0, 0xfe, &good, &bad);
	free(good.wide);
	free(good.narrow);
	free(bad.wide);
	free(bad.narrow);
}

struct edge {
	float wide;
	enum st_dtype t;
	unsigned code;
	bool cast;
};

/* What PyTorch's own .to() gives, and what it does not. */
static const struct edge edges[] = {
	{ 65519.99609375f, ST_F16, 0x7bff, true },
	{ 65520, ST_F16, 0x7c00, true },
	{ 65520, ST_F16, 0x7bff, false },
	{ -1e30f, ST_F16, 0xfc00, true },
	{ 3.4e38f, ST_BF16, 0x7f80, true },
	{ 3.3895314e38f, ST_BF16, 0x7f7f, true },
	{ -INFINITY, ST_BF16, 0xff80, true },
	{ INFINITY, ST_BF16, 0x7f7f, false },
	{ NAN, ST_BF16, 0x7fc0, true },
	{ NAN, ST_BF16, 0xff81, true },
	{ NAN, ST_BF16, 0x7f80, false },
	{ 1, ST_BF16, 0x7fc0, false },
	{ -0.0f, ST_BF16, 0x8000, true },
	{ -0.0f, ST_BF16, 0x0000, false },
	{ 0, ST_BF16, 0x8000, false },
	{ -1e-45f, ST_BF16, 0x8000, true },
	{ -1e-45f, ST_BF16, 0x0000, false },

	{ 464, ST_F8_E4M3, 0x7e, true },
	{ 464.1f, ST_F8_E4M3, 0x7f, true },
	{ 464.1f, ST_F8_E4M3, 0x7e, false },
	{ -1000, ST_F8_E4M3, 0xff, true },
	{ INFINITY, ST_F8_E4M3, 0x7f, true },
	{ NAN, ST_F8_E4M3, 0x7f, true },
	{ -1e-9f, ST_F8_E4M3, 0x80, true },
	{ 61439, ST_F8_E5M2, 0x7b, true },
	{ 61440, ST_F8_E5M2, 0x7c, true },
	{ INFINITY, ST_F8_E5M2, 0x7c, true },
	{ -INFINITY, ST_F8_E5M2, 0x7c, false },
	{ NAN, ST_F8_E5M2, 0x7f, true },
	{ 247.9f, ST_F8_E4M3FNUZ, 0x7f, true },
	{ 248, ST_F8_E4M3FNUZ, 0x80, true },
	{ INFINITY, ST_F8_E4M3FNUZ, 0x80, true },
	{ NAN, ST_F8_E4M3FNUZ, 0x80, true },
	{ -0.0f, ST_F8_E4M3FNUZ, 0x00, true },
	{ -1e-9f, ST_F8_E4M3FNUZ, 0x00, true },
	{ 61439, ST_F8_E5M2FNUZ, 0x7f, true },
	{ -61440, ST_F8_E5M2FNUZ, 0x80, true },
	{ 1.5f, ST_F8_E8M0, 0x80, true },
	{ 1.49f, ST_F8_E8M0, 0x7f, true },
	{ -4, ST_F8_E8M0, 0x81, true },
	{ 0, ST_F8_E8M0, 0x00, true },
	{ 0x1.8p127f, ST_F8_E8M0, 0xff, true },
	{ 0x1.7p127f, ST_F8_E8M0, 0xfe, true },
	{ INFINITY, ST_F8_E8M0, 0xff, true },
	{ 5, ST_F4, 0x6, true }, /* a tie: 4 has the even code */
	{ 2.5f, ST_F4, 0x4, true },
	{ -0.25f, ST_F4, 0x8, true },
	{ 0.75f, ST_F4, 0x2, true },
	{ 1e9f, ST_F4, 0x7, true },
	{ -INFINITY, ST_F4, 0xf, true },
	{ NAN, ST_F4, 0x0, false },
	{ 1, ST_BOOL, 1, true },
	{ -0.25f, ST_BOOL, 1, true },
	{ -0.0f, ST_BOOL, 0, true },
	{ NAN, ST_BOOL, 1, true },
	{ 0, ST_BOOL, 1, false },
	{ 2.5f, ST_I8, 2, true },
	{ 3.5f, ST_I8, 4, true },
	{ -128.5f, ST_I8, 0x80, true },
	{ 128, ST_I8, 0x80, false },
	{ NAN, ST_I8, 0, false },
	{ INFINITY, ST_U16, 0xffff, false },
	{ 65535, ST_U16, 0xffff, true },
};

static void test_edges(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(edges) / sizeof(*edges); i++) {
		const struct edge *x = &edges[i];
		uint8_t wide[4 * 5], narrow[2 * 5];
		struct st_pair_sums s;
		char what[60];

		for (size_t k = 0; k < 5; k++) { /* in a vector and behind it */
			unsigned bits = st_dtype_info(x->t)->bits;

			put_float(wide + 4 * k, x->wide);
			if (bits == 4)
				narrow[k / 2] = (uint8_t)(x->code | x->code << 4);
			else if (bits == 8)
				narrow[k] = (uint8_t)x->code;
			else
				st_put16(narrow + 2 * k, (uint16_t)x->code);
		}
		st_pair_chunk(&s, ST_F32, wide, x->t, narrow, 5, 0);
		snprintf(what, sizeof(what), "%a to 0x%x", (double)x->wide, x->code);
		expect(what, ST_F32, wide, x->t, narrow, 5, s.changed, x->cast ? 0 : 5);
	}
}

struct eight {
	const char *what;
	enum st_dtype ta;
	uint64_t a;
	enum st_dtype tb;
	double b;    /* of a float type */
	uint64_t ib; /* of an integer one */
	bool changed, uncast;
};

#define I(x) ((uint64_t)INT64_C(x))
#define P32 ((uint64_t)1 << 32)
#define P60 ((uint64_t)1 << 60)
#define TIE ((uint64_t)1 << 36)
#define P53 ((uint64_t)1 << 53)

/* Integers that no double holds are compared and rounded as the integers they are. */
static const struct eight eights[] = {
	{ "exact", ST_I64, I(-7), ST_F64, -7, 0, false, false },
	{ "other", ST_I64, I(-7), ST_F64, 7, 0, true, true },
	{ "tie", ST_I64, P53 + 1, ST_F64, 0x1p53, 0, true, false },
	{ "tie, wrong side", ST_I64, P53 + 1, ST_F64, 0x1p53 + 2, 0, true, true },
	{ "largest", ST_U64, UINT64_MAX, ST_F64, 0x1p64, 0, true, false },
	{ "largest as signed", ST_I64, INT64_MAX, ST_F64, 0x1p63, 0, true, false },
	{ "least", ST_I64, (uint64_t)1 << 63, ST_F64, -0x1p63, 0, false, false },
	{ "2^63", ST_U64, (uint64_t)1 << 63, ST_F64, 0x1p63, 0, false, false },
	{ "NaN", ST_I64, 0, ST_F64, NAN, 0, true, true },
	{ "Inf", ST_U64, UINT64_MAX, ST_F64, INFINITY, 0, true, true },
	{ "a fraction", ST_I64, 1, ST_F64, 1.5, 0, true, true },
	{ "minus zero", ST_I64, 0, ST_F64, -0.0, 0, false, true },
	{ "signs", ST_I64, I(-1), ST_U64, 0, UINT64_MAX, true, true },
	{ "equal integers", ST_I64, INT64_MAX, ST_U64, 0, INT64_MAX, false, false },
	{ "neighbours", ST_I64, P53, ST_U64, 0, P53 + 1, true, true },
	{ "f32 of a tie", ST_I64, 0x1000001, ST_F32, 0x1p24, 0, true, false },
	{ "f32 above a tie", ST_I64, P32 + 257, ST_F32, 0x1.000002p32, 0, true, false },
	/* 2^60 + 2^36 is a tie of f32, and f64 would lose the one */
	{ "f32, not by f64", ST_I64, P60 + TIE + 1, ST_F32, 0x1.000002p60, 0, true, false },
	{ "f32, by f64", ST_I64, P60 + TIE + 1, ST_F32, 0x1p60, 0, true, true },
	{ "f32, minus", ST_I64, -(P60 + TIE + 1), ST_F32, -0x1.000002p60, 0, true, false },
	{ "f32, below the tie", ST_U64, P60 + TIE - 1, ST_F32, 0x1p60, 0, true, false },
	{ "f32 of 2^60 + 1", ST_I64, ((uint64_t)1 << 60) + 1, ST_F32, 0x1p60, 0, true, false },
	{ "f32 of 2^60", ST_U64, (uint64_t)1 << 60, ST_F32, 0x1p60, 0, false, false },
	{ "i32", ST_I64, I(-5), ST_I32, 0, (uint32_t)-5, false, false },
	{ "i32, cut off", ST_I64, (uint64_t)1 << 32, ST_I32, 0, 0, true, true },
	{ "i8 of u64", ST_U64, 127, ST_I8, 0, 127, false, false },
	{ "bool", ST_I64, 256, ST_BOOL, 0, 1, true, false },
	{ "bool of zero", ST_I64, 0, ST_BOOL, 0, 1, true, true },
};

static void test_integers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(eights) / sizeof(*eights); i++) {
		const struct eight *x = &eights[i];
		uint8_t a[8 * 5], b[8 * 5 + 8];

		for (size_t k = 0; k < 5; k++) {
			st_put64(a + 8 * k, x->a);
			if (x->tb == ST_F64)
				put_double(b + 8 * k, x->b);
			else if (x->tb == ST_F32)
				put_float(b + 4 * k, (float)x->b);
			else
				st_put64(b + k * st_dtype_info(x->tb)->bits / 8, x->ib);
		}
		expect(x->what, x->ta, a, x->tb, b, 5, x->changed ? 5 : 0, x->uncast ? 5 : 0);
	}
}

/* f64 straight to bf16, and by way of f32 as PyTorch goes: both are its cast. */
static void test_two_roundings(void **state)
{
	uint8_t wide[8 * 4], narrow[2 * 4];

	(void)state;
	for (size_t k = 0; k < 4; k++)
		put_double(wide + 8 * k, 1 + 0x1p-8 + 0x1p-40); /* a little above a tie */
	st_put16(narrow, 0x3f81);
	st_put16(narrow + 2, 0x3f80); /* in f32 it is the tie */
	st_put16(narrow + 4, 0x3f82);
	st_put16(narrow + 6, 0x3f7f);
	expect("f64 to bf16", ST_F64, wide, ST_BF16, narrow, 4, 4, 2);
}

static void test_f64_to_f32(void **state)
{
	static const double values[] = { 0.1,	    1e-40, 1e-46, 1e39,	       -1e300,
					 -INFINITY, NAN,   -0.0,  1 + 0x1p-24, 1 + 0x3p-24 };
	uint8_t wide[8 * 10], narrow[4 * 10];

	(void)state;
	for (size_t k = 0; k < 10; k++) {
		put_double(wide + 8 * k, values[k]);
		put_float(narrow + 4 * k, (float)values[k]);
	}
	expect("as this machine does it", ST_F64, wide, ST_F32, narrow, 10, 7, 0);
	for (size_t k = 0; k < 10; k++)
		put_float(narrow + 4 * k, nextafterf((float)values[k], 2));
	/* NaN has no neighbour */
	expect("one too far", ST_F64, wide, ST_F32, narrow, 10, 9, 9);
}

static void test_between_small_types(void **state)
{
	static const uint8_t e5m2[] = { 0x3c, 0x7c, 0x80, 0x01 }; /* 1 Inf -0 2^-16 */
	static const uint8_t e4m3[] = { 0x38, 0x7f, 0x80, 0x00 }; /* 1 NaN -0 0 */
	static const uint8_t fnuz[] = { 0x40, 0x80, 0x00, 0x00 };
	static const uint8_t half[] = { 0x00, 0x3c, 0x00, 0x7c, 0x00, 0x80, 0x00, 0x01 };

	(void)state;
	/* The narrower is the one of fewer digits: 448 and more would have been Inf in e5m2. */
	expect("e4m3fn and e5m2", ST_F8_E4M3, e4m3, ST_F8_E5M2, e5m2, 1, 0, 0);
	expect("NaN is not Inf", ST_F8_E4M3, e4m3, ST_F8_E5M2, e5m2, 4, 2, 2);
	expect("e4m3fn to fnuz", ST_F8_E4M3, e4m3, ST_F8_E4M3FNUZ, fnuz, 4, 0, 0);
	expect("f16 to e5m2", ST_F16, half, ST_F8_E5M2, e5m2, 4, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nearest_ties_to_even),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_two_roundings),
		cmocka_unit_test(test_f64_to_f32),
		cmocka_unit_test(test_between_small_types),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* What takes bf16 as it lies there gives the bytes of what computes with doubles. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "blend_fixture.h"
#include "merge/codes.h"

#define BLOCK ST_BLEND_BLOCK
#define BLOCKS ((size_t)96)
#define N (BLOCKS * BLOCK + 77)
#define LARGE (((size_t)1 << 21) + 777) /* sampled */

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed >> 11;
}

static double value(unsigned code)
{
	const uint32_t bits = (uint32_t)code << 16;
	float f;

	memcpy(&f, &bits, sizeof(f));
	return (double)f;
}

static uint16_t code(double v)
{
	const float f = (float)v;
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	return (uint16_t)(bits >> 16);
}

struct input {
	double *base, *a, *b;
};

/* Any numbers: all that is finite. */
static double any(uint64_t *seed, size_t block)
{
	unsigned c;

	(void)block;
	do
		c = (unsigned)next(seed) & 0xffff;
	while ((c & 0x7f80) == 0x7f80);
	return value(c);
}

/* In each block numbers of one size, so that differences are exact; zeros in some. */
static double alike(uint64_t *seed, size_t block)
{
	const unsigned size = (unsigned)(block * 37 % 247), r = (unsigned)next(seed);
	const unsigned c = (r & 0x807f) | ((size + (r >> 20 & 7)) << 7);

	if (block % 3 == 0 && (r >> 24 & 7) == 0)
		return value(block % 2 ? c & 0x8000 : 0);
	return value(c);
}

/* One of a few, the ends of what there is among them. */
static double few(uint64_t *seed, size_t block)
{
	static const uint16_t of[] = { 0x0000, 0x8000, 0x0001, 0x8001, 0x007f, 0x0080, 0x0081,
				       0x3f80, 0x3f81, 0xbf80, 0x3b80, 0x7f7f, 0xff7f, 0x7f00 };
	const size_t from = block % 4 * 3;

	return value(of[from + next(seed) % 5]);
}

static struct input make(double (*number)(uint64_t *seed, size_t block), size_t n)
{
	struct input x = { calloc(n, sizeof(double)), calloc(n, sizeof(double)),
			   calloc(n, sizeof(double)) };
	uint64_t seed = 88172645463325252;

	for (size_t i = 0; i < n; i++) {
		const uint64_t how = next(&seed) & 7;

		x.base[i] = number(&seed, i / BLOCK);
		x.a[i] = how == 0 ? x.base[i] : number(&seed, i / BLOCK);
		x.b[i] = how == 1 ? x.base[i] : how == 2 ? x.a[i] : number(&seed, i / BLOCK);
	}
	return x;
}

static void drop(struct input *x)
{
	free(x->base);
	free(x->a);
	free(x->b);
}

static void levels_agree(const char *name, const struct input *x, size_t n, const char *spec)
{
	struct blending b = {
		.spec = spec, .dtype = ST_BF16, .n = n, .base = x->base, .model = { x->a, x->b }
	};
	struct st_err e = { 0 };
	size_t want_len, len;
	uint8_t *want = blend_bytes(&b, &want_len, &e), *got;

	if (!want)
		fail_msg("%s, %s: %s", name, spec, e.msg);
	for (unsigned jobs = 1; jobs < 4; jobs++) {
		b.level = ST_BLEND_AVX2;
		b.jobs = jobs;
		got = blend_bytes(&b, &len, &e);
		if (!got)
			fail_msg("%s, %s: %s", name, spec, e.msg);
		assert_int_equal(len, want_len);
		for (size_t i = 0; i < len; i += 2)
			if (memcmp(got + i, want + i, 2) != 0)
				fail_msg("%s, %s: of %a, %a and %a element %zu is %#x, not %#x",
					 name, spec, x->base[i / 2], x->a[i / 2], x->b[i / 2],
					 i / 2, got[i] | got[i + 1] << 8,
					 want[i] | want[i + 1] << 8);
		free(got);
	}
	free(want);
}

static void levels(void **state)
{
	static const char *const specs[] = {
		"linear",
		"linear:weight=0.5/0.5,normalize=0",
		"linear:weight=1/2",
		"linear:weight=0.25/0.25",
		"fedavg:weight=3/3",
		"ties",
		"ties:density=1",
		"ties:density=0.2/0.7",
		"ties:density=0",
		"ties:density=0.5,weight=0.5",
		"ties:density=0.5,weight=4",
		"ties:density=0.5,weight=0.3",
		"ties:density=0.5,weight=-1",
		"ties:density=0.5,weight=1/2",
		"ties:density=0.5,scale=0.5",
		"ties:density=0.5,weight=0.5,normalize=0",
	};
	static const struct {
		const char *name;
		double (*number)(uint64_t *seed, size_t block);
	} inputs[] = { { "any", any }, { "alike", alike }, { "few", few } };

	(void)state;
	if (!st_blend_level_supported(ST_BLEND_AVX2))
		skip();
	for (size_t k = 0; k < sizeof(inputs) / sizeof(*inputs); k++) {
		struct input x = make(inputs[k].number, N);

		for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
			/* normalize=0 could overflow, which is refused alike, but not compared */
			levels_agree(inputs[k].name, &x, N, specs[i]);
		}
		drop(&x);
	}
}

/* Of a tensor that is sampled; coarse differences, many of which are equal, and fine ones. */
static void large(void **state)
{
	static const double sizes[] = { 1e-4, 1e-2 };

	(void)state;
	if (!st_blend_level_supported(ST_BLEND_AVX2))
		skip();
	for (size_t k = 0; k < 2; k++) {
		struct input x;

		x.base = blend_numbers(ST_BF16, LARGE, 0.02, 1);
		x.a = blend_near(ST_BF16, x.base, LARGE, sizes[k], 2);
		x.b = blend_near(ST_BF16, x.base, LARGE, sizes[k], 3);
		levels_agree("large", &x, LARGE, "ties:density=0.3");
		levels_agree("large", &x, LARGE, "ties:density=0.01/0.9");
		drop(&x);
	}
}

/* Exactly so many stay, none of which is smaller than one that goes, the first of equal ones. */
static void cut(const struct input *x, double density)
{
	char spec[64];
	const struct blending b = { .spec = spec,
				    .dtype = ST_BF16,
				    .n = LARGE,
				    .base = x->base,
				    .model = { x->a },
				    .jobs = 2,
				    .level = ST_BLEND_AVX2 };
	double *out, least = INFINITY, most = -1;
	size_t kept = 0, changed = 0, last_kept = 0, first_gone = LARGE;

	snprintf(spec, sizeof(spec), "ties:density=%g", density);
	out = blend(&b);
	for (size_t i = 0; i < LARGE; i++) {
		const double d = fabs(x->a[i] - x->base[i]);

		changed += d != 0;
		if (d == 0)
			continue;
		if (out[i] == x->a[i]) {
			kept++;
			last_kept = d < least || (d == least && i > last_kept) ? i : last_kept;
			least = d < least ? d : least;
		} else {
			assert_true(out[i] == x->base[i]);
			first_gone = d > most || (d == most && i < first_gone) ? i : first_gone;
			most = d > most ? d : most;
		}
	}
	free(out);
	if (changed < (size_t)(density * (double)LARGE)) {
		assert_int_equal(kept, changed);
		return;
	}
	assert_int_equal(kept, (size_t)(density * (double)LARGE));
	assert_true(least >= most);
	assert_true(least > most || last_kept < first_gone);
}

static void cuts(void **state)
{
	static const double sizes[] = { 1e-4, 1e-2 }, densities[] = { 0.003, 0.2, 0.5, 0.95 };

	(void)state;
	if (!st_blend_level_supported(ST_BLEND_AVX2))
		skip();
	for (size_t k = 0; k < 2; k++) {
		struct input x = { 0 };

		x.base = blend_numbers(ST_BF16, LARGE, 0.02, 1);
		x.a = blend_near(ST_BF16, x.base, LARGE, sizes[k], 2);
		for (size_t i = 0; i < 4; i++)
			cut(&x, densities[i]);
		drop(&x);
	}
}

/* What the kernels must leave to the long way, and that they do not leave the rest. */

struct codes {
	uint16_t base[BLOCK], a[BLOCK], b[BLOCK], out[BLOCK];
};

static bool elect(struct codes *c)
{
	const uint8_t *const model[2] = { (uint8_t *)c->a, (uint8_t *)c->b };
	static const float above[2] = { 0, 0 };

	return st_codes_elect((uint8_t *)c->out, (uint8_t *)c->base, model, above);
}

static bool mean(struct codes *c)
{
	return st_codes_mean((uint8_t *)c->out, (uint8_t *)c->a, (uint8_t *)c->b);
}

static bool find(struct codes *c, struct st_codes_found *f)
{
	static const struct st_codes_range r = { 0.5F, 2, 1 };

	return st_codes_find(f, (uint8_t *)c->a, (uint8_t *)c->base, &r);
}

static void limits(void **state)
{
	struct st_codes_found f;
	struct codes c;

	(void)state;
	if (!st_blend_level_supported(ST_BLEND_AVX2))
		skip();
	for (size_t i = 0; i < BLOCK; i++) {
		c.base[i] = code(1 + (double)(i % 100) / 128);
		c.a[i] = code(-2 - (double)(i % 50) / 32);
		c.b[i] = code(0.5 + (double)(i % 30) / 256);
	}
	for (size_t i = 0; i < BLOCK; i += 41) {
		const uint16_t a = c.a[i], base = c.base[i];

		assert_true(elect(&c) && mean(&c) && find(&c, &f));
		for (unsigned bad = 0; bad < 4; bad++) {
			c.a[i] = (uint16_t)(0x7f80 | bad << 15 | bad >> 1);
			assert_false(elect(&c) || mean(&c) || find(&c, &f));
		}
		c.a[i] = code(0x1p-40); /* is inexact beside the base, not half of it beside b */
		assert_true(mean(&c) && !elect(&c) && !find(&c, &f));
		c.base[i] = 0;
		assert_true(mean(&c) && elect(&c) && find(&c, &f));
		c.a[i] = 0x8000; /* differs by the zero's sign */
		assert_true(mean(&c) && !elect(&c) && find(&c, &f));
		c.base[i] = 0x7f7f; /* the difference is beyond f32 */
		c.a[i] = 0xff7f;
		assert_true(mean(&c) && !elect(&c) && !find(&c, &f));
		c.a[i] = a;
		c.base[i] = base;
	}
}

static void found(void **state)
{
	static const double distance[] = { 0, 0.25, 0.5, 1, 1, 1.5, 2, 3, 4 };
	struct st_codes_found f;
	struct codes c;
	double sum = 0;

	(void)state;
	if (!st_blend_level_supported(ST_BLEND_AVX2))
		skip();
	for (size_t i = 0; i < BLOCK; i++) {
		c.base[i] = code(8);
		c.a[i] = code(i < 9 ? i % 2 ? 8 - distance[i] : 8 + distance[i] : 8);
	}
	assert_true(find(&c, &f));
	assert_int_equal(f.above, 2);
	assert_int_equal(f.over, 4);
	assert_int_equal(f.equal, 2);
	assert_int_equal(f.n, 3);
	for (size_t i = 0; i < f.n; i++)
		sum += (double)f.in[i];
	assert_true(sum == 4);
}

static void edges(void **state)
{
	(void)state;
	assert_true((double)st_codes_below(1) == 1 && (double)st_codes_from(1) == 1);
	assert_true((double)st_codes_below(1 + 0x1p-40) == 1);
	assert_true((double)st_codes_from(1 + 0x1p-40) == 1 + 0x1p-23);
	assert_true((double)st_codes_below(0x1p200) == 0x1.fffffep127);
	assert_true(isinf(st_codes_from(0x1p200)) && isinf(st_codes_below((double)INFINITY)));
	assert_true((double)st_codes_below(-1) == -1 && (double)st_codes_below(0x1p-200) == 0);
	assert_true((double)st_codes_from(0x1p-200) == 0x1p-149);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels), cmocka_unit_test(large), cmocka_unit_test(cuts),
		cmocka_unit_test(limits), cmocka_unit_test(found), cmocka_unit_test(edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

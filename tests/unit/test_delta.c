/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codec/delta.h"
#include "codec_cases.h"

#define N 4096

static uint64_t load(const uint8_t *p, unsigned w)
{
	uint64_t v = 0;

	for (unsigned k = 0; k < w; k++)
		v |= (uint64_t)p[k] << 8 * k;
	return v;
}

static uint64_t mask_of(unsigned w)
{
	return w == 8 ? UINT64_MAX : ((uint64_t)1 << 8 * w) - 1;
}

/* The order of the numbers, the slow way, all with their signs turned if the base's is minus. */
static uint64_t order(uint64_t u, uint64_t base, unsigned w, enum st_num num)
{
	uint64_t top = (uint64_t)1 << (8 * w - 1);

	if (num == ST_NUM_INT)
		return u;
	u ^= base & top;
	return u & top ? ~u & mask_of(w) : u | top;
}

static unsigned bits_of(uint64_t v)
{
	unsigned n = 0;

	for (; v; v >>= 1)
		n++;
	return n;
}

struct arrays {
	uint8_t x[8 * N + 16], b[8 * N + 16], mag[8 * N], sym[N], back[8 * N], raw[8 * N + 16];
	uint16_t level[N];
	uint8_t ctx[N];
};

static void check_symbol(const struct arrays *a, size_t i, unsigned w, enum st_num num)
{
	uint64_t b = load(a->b + i * w, w);
	uint64_t d = order(load(a->x + i * w, w), b, w, num) - order(b, b, w, num);
	uint64_t top = (uint64_t)1 << (8 * w - 1), mag;
	unsigned k;

	d &= mask_of(w);
	mag = d & top ? ~d & mask_of(w) : d;
	k = bits_of(mag);
	assert_int_equal(load(a->mag + i * w, w), mag);
	assert_int_equal(a->sym[i], k << 2 | (k > 1 ? (unsigned)(mag >> (k - 2) & 1) << 1 : 0) |
					    (d & top ? 1 : 0));
}

static void check_level(const struct arrays *a, size_t i, unsigned w, enum st_num num)
{
	uint64_t u = load(a->b + i * w, w), top = (uint64_t)1 << (8 * w - 1);

	if (num != ST_NUM_INT)
		assert_int_equal(a->level[i], (u & (top - 1)) >> st_numbers[num].mantissa);
	else
		assert_int_equal(a->level[i], bits_of(u & top ? ~u & mask_of(w) : u));
}

/* Steps like a real decay's, or as wild as the format allows. */
static void make_decay(struct st_decay *d, bool wild)
{
	uint64_t s = 5;

	for (unsigned i = 0; i <= ST_DECAY_CELLS; i++)
		d->step[i] = wild ? (int32_t)(case_random(&s) << 1 ^ case_random(&s)) :
				    (int32_t)(i / 7 + 20);
}

static void round_trip(struct arrays *a, unsigned w, enum st_num num, const struct st_decay *decay,
		       size_t n)
{
	const struct st_delta_kernel *k = &st_delta_kernels[__builtin_ctz(w)];
	uint64_t bit = 3, end = 3;

	k->split(a->x, a->b, n, num, decay, a->mag, a->sym);
	memset(a->raw, 0, sizeof(a->raw));
	a->raw[0] = 5; /* what was there stays */
	k->put_raw(a->mag, a->sym, n, a->raw, &end);
	assert_int_equal(a->raw[0] & 7, 5);
	assert_true(k->join(a->sym, a->b, n, num, decay, a->raw, (size_t)((end + 7) / 8), &bit,
			    a->back));
	assert_int_equal(bit, end);
	assert_memory_equal(a->back, a->x, n * w);
	bit = 3;
	if (end > 3)
		assert_false(k->join(a->sym, a->b, n, num, decay, a->raw,
				     (size_t)((end + 7) / 8) - 1, &bit, a->back));
}

static void every_number(void **state)
{
	struct arrays *a = malloc(sizeof(*a));
	struct st_decay tame, wild;

	(void)state;
	make_decay(&tame, false);
	make_decay(&wild, true);
	for (size_t i = 0; i < 4 * ST_NNUMBERS * NPAIRS; i++) {
		unsigned w = case_widths[i % 4];
		enum st_num num = (enum st_num)(i / 4 % ST_NNUMBERS);
		size_t n = N - i % 67;

		if (!st_num_fits(num, w))
			continue;
		case_pair(a->x, a->b, n, w, num, (enum pair)(i / 4 / ST_NNUMBERS), i);
		round_trip(a, w, num, NULL, n);
		st_delta_kernels[i % 4].levels(a->b, n, num, a->level);
		for (size_t k = 0; k < n; k++) {
			check_symbol(a, k, w, num);
			check_level(a, k, w, num);
		}
		if (st_numbers[num].mantissa > 8) {
			round_trip(a, w, num, &tame, n);
			round_trip(a, w, num, &wild, n);
		}
	}
	free(a);
}

/* What a kernel says of n numbers; sizes of what it does not fill are the caller's to know. */
static void both_ways(struct arrays *a, const struct st_delta_kernel *k, unsigned w,
		      enum st_num num, const struct st_decay *decay, size_t n, uint64_t *weight)
{
	const struct st_context_line line = { .top = 130,
					      .from = (int)(n % 9) - 4,
					      .shift = n % 2 };
	uint64_t bit = n % 8, end = bit;

	memset(a->raw, 0, sizeof(a->raw));
	k->split(a->x, a->b, n, num, decay, a->mag, a->sym);
	k->put_raw(a->mag, a->sym, n, a->raw, &end);
	k->levels(a->b, n, num, a->level);
	k->contexts(a->b, n, num, &line, a->ctx);
	*weight = k->weigh(a->mag, a->sym, a->b, n, num, 130);
	assert_true(k->join(a->sym, a->b, n, num, decay, a->raw, (size_t)((end + 7) / 8), &bit,
			    a->back));
	assert_int_equal(bit, end);
	assert_memory_equal(a->back, a->x, n * w);
}

static void same(const struct arrays *a, const struct arrays *p, unsigned w, size_t n)
{
	assert_memory_equal(a->mag, p->mag, n * w);
	assert_memory_equal(a->sym, p->sym, n);
	assert_memory_equal(a->raw, p->raw, sizeof(a->raw));
	assert_memory_equal(a->level, p->level, n * sizeof(*a->level));
	assert_memory_equal(a->ctx, p->ctx, n);
}

/* Of every kind and around every step's end; the other tests of the codec take the best level. */
static void as_portable(enum st_vectors v)
{
	struct arrays *a, *p;
	struct st_decay tame;
	uint64_t got, want;

	if (!st_vectors_supported(v))
		skip();
	a = calloc(1, sizeof(*a));
	p = calloc(1, sizeof(*p));
	tame.steep = false;
	make_decay(&tame, false);
	for (size_t i = 0; i < 2 * ST_NNUMBERS * NPAIRS * 2; i++) {
		unsigned w = case_widths[1 + i % 2];
		enum st_num num = (enum st_num)(i / 2 % ST_NNUMBERS);
		const struct st_decay *decay = i < 2 * ST_NNUMBERS * NPAIRS ? NULL : &tame;
		size_t n = i % 5 ? i % 131 : N - i % 131;

		if (!st_num_fits(num, w) || (decay && st_numbers[num].mantissa <= 8))
			continue;
		case_pair(a->x, a->b, n, w, num, (enum pair)(i / 2 / ST_NNUMBERS % NPAIRS), i);
		memcpy(p->x, a->x, sizeof(a->x));
		memcpy(p->b, a->b, sizeof(a->b));
		both_ways(a, st_delta_kernel_of(w, v), w, num, decay, n, &got);
		both_ways(p, st_delta_kernel_of(w, ST_VECTORS_NONE), w, num, decay, n, &want);
		assert_int_equal(got, want);
		same(a, p, w, n);
	}
	free(a);
	free(p);
}

static void as_portable_avx2(void **state)
{
	(void)state;
	as_portable(ST_VECTORS_AVX2);
}

static void as_portable_avx512(void **state)
{
	(void)state;
	as_portable(ST_VECTORS_AVX512);
}

/* All pairs of bytes. */
static void every_byte(void **state)
{
	static const enum st_num nums[] = { ST_NUM_INT, ST_NUM_E4M3, ST_NUM_E5M2 };
	struct arrays *a = malloc(sizeof(*a));

	(void)state;
	for (unsigned i = 0; i < 3 * 256; i++) {
		for (unsigned k = 0; k < 256; k++) {
			a->x[k] = (uint8_t)k;
			a->b[k] = (uint8_t)(i / 3);
		}
		round_trip(a, 1, nums[i % 3], NULL, 256);
		for (size_t k = 0; k < 256; k++)
			check_symbol(a, k, 1, nums[i % 3]);
	}
	free(a);
}

/* What goes away from zero, on the base's side, is a plus; what goes nearer, or beyond, a minus. */
static void order_of_numbers(void **state)
{
	static const float values[] = {
		-1e30f, -1, -1e-40f, -0.0f, 0, 1e-45f, 1e-40f, 1, 2, 1e30f
	};
	struct arrays *a = malloc(sizeof(*a));

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(values) / sizeof(*values); i++) {
		bool minus = signbit(values[i]), next_minus = signbit(values[i + 1]);

		memcpy(a->b, &values[i], 4);
		memcpy(a->x, &values[i + 1], 4);
		st_delta_kernels[2].split(a->x, a->b, 1, ST_NUM_F32, NULL, a->mag, a->sym);
		assert_int_equal(a->sym[0] & 1, minus);
		assert_true(a->sym[0] >= (minus ? 1 : 4));
		st_delta_kernels[2].split(a->b, a->x, 1, ST_NUM_F32, NULL, a->mag, a->sym);
		assert_int_equal(a->sym[0] & 1, !next_minus);
	}
	free(a);
}

/* What doc/format/codec.md says of a prediction, by hand: cell 128 of a mantissa of one half,
 * between steps 10 and 20, a quarter on its way. */
static void prediction(void **state)
{
	struct st_decay d = { .steep = false };
	struct arrays *a = malloc(sizeof(*a));
	uint32_t b = 0x3f800000 | 128u << 15 | 1u << 13;

	(void)state;
	d.step[128] = 10;
	d.step[129] = 20;
	for (unsigned sign = 0; sign < 2; sign++) {
		st_put32(a->b, b | sign << 31);
		st_put32(a->x, (b | sign << 31) - 12); /* nearer to zero, by 10 + 2.5 cut off */
		st_delta_kernels[2].split(a->x, a->b, 1, ST_NUM_F32, &d, a->mag, a->sym);
		assert_int_equal(a->sym[0], 0);
	}
	d.step[129] = 0; /* falling: 10 - 2.5, rounded towards zero: 10 - 2 */
	st_put32(a->b, b);
	st_put32(a->x, b - 8);
	st_delta_kernels[2].split(a->x, a->b, 1, ST_NUM_F32, &d, a->mag, a->sym);
	assert_int_equal(a->sym[0], 0);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number),	      cmocka_unit_test(as_portable_avx2),
		cmocka_unit_test(as_portable_avx512), cmocka_unit_test(every_byte),
		cmocka_unit_test(order_of_numbers),   cmocka_unit_test(prediction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

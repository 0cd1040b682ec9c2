/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec/rans.h"
#include "codec_cases.h"

#define MOST ((size_t)1 << 17)

struct stream {
	struct st_rans_model *m;
	uint32_t (*counts)[ST_RANS_SYMBOLS];
	uint8_t *sym, *ctx, *out, *back;
};

static struct stream stream_new(void)
{
	struct stream x = { .m = calloc(1, sizeof(*x.m)),
			    .counts = calloc(ST_RANS_CONTEXTS, sizeof(*x.counts)),
			    .sym = malloc(MOST),
			    .ctx = malloc(MOST),
			    .out = malloc(2 * MOST),
			    .back = malloc(MOST) };

	st_rans_init(x.m);
	return x;
}

static void stream_free(struct stream *x)
{
	free(x->m);
	free(x->counts);
	free(x->sym);
	free(x->ctx);
	free(x->out);
	free(x->back);
}

/* Kinds: one symbol; all alike; steep; steep with a rare one; a steepness of each context. */
static unsigned symbol_of(uint64_t *s, unsigned kind, unsigned ctx, unsigned nsyms)
{
	uint32_t r = case_random(s);
	unsigned steep = kind == 4 ? 1 + ctx % 8 : 2;

	if (kind == 0)
		return nsyms - 1;
	if (kind == 1)
		return r % nsyms;
	if (kind == 3 && r % 5000 == 0)
		return nsyms - 1;
	return (unsigned)__builtin_ctz(case_random(s) | 1u << 30) / steep % nsyms;
}

static void make(struct stream *x, size_t n, unsigned kind, unsigned nsyms, unsigned nctx)
{
	uint64_t s = n * 31 + kind;

	memset(x->counts, 0, ST_RANS_CONTEXTS * sizeof(*x->counts));
	for (size_t i = 0; i < n; i++) {
		x->ctx[i] = (uint8_t)(case_random(&s) % nctx);
		x->sym[i] = (uint8_t)symbol_of(&s, kind, x->ctx[i], nsyms);
		x->counts[x->ctx[i]][x->sym[i]]++;
	}
	st_rans_fit(x->m, x->counts, nsyms);
}

static int decode(struct stream *x, const uint8_t *p, size_t len, size_t n)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct st_err e = { 0 };
	int rc;

	memcpy(copy, p, len);
	rc = st_rans_decode(x->m, copy, len, x->ctx, x->back, n, &e);
	assert_int_equal(rc, e.code);
	free(copy);
	return rc;
}

/* What the decoder needs is made from the tables' bytes. */
static void reload(struct stream *x, unsigned nsyms)
{
	uint8_t tables[32768];
	struct st_put o = { .p = tables, .cap = sizeof(tables) };
	struct st_err e = { 0 };
	struct st_rd r;

	st_rans_put_model(x->m, &o);
	assert_false(o.full);
	st_rd_init(&r, tables, o.at, &e);
	assert_int_equal(st_rans_get_model(x->m, nsyms, &r), ST_OK);
	assert_int_equal(st_rd_left(&r), 0);
}

static void check(struct stream *x, size_t n, unsigned nsyms)
{
	enum st_vectors had = x->m->vectors;
	size_t len = st_rans_encode(x->m, x->sym, x->ctx, n, x->out, 2 * MOST), plain;
	uint8_t *other = malloc(2 * MOST);

	assert_true(len >= ST_RANS_HEAD);
	x->m->vectors = ST_VECTORS_NONE;
	plain = st_rans_encode(x->m, x->sym, x->ctx, n, other, 2 * MOST);
	assert_int_equal(len, plain);
	assert_memory_equal(x->out, other, len);
	assert_int_equal(st_rans_encode(x->m, x->sym, x->ctx, n, other, len), len);
	assert_int_equal(st_rans_encode(x->m, x->sym, x->ctx, n, other, len - 1), 0);
	x->m->vectors = had;
	assert_int_equal(st_rans_encode(x->m, x->sym, x->ctx, n, other, len), len);
	assert_memory_equal(x->out, other, len);
	assert_int_equal(st_rans_encode(x->m, x->sym, x->ctx, n, other, len - 1), 0);
	reload(x, nsyms);
	for (int i = 0; i < 2; i++, x->m->vectors = ST_VECTORS_NONE) {
		memset(x->back, 0, n);
		assert_int_equal(decode(x, x->out, len, n), ST_OK);
		assert_memory_equal(x->back, x->sym, n);
		assert_int_equal(decode(x, x->out, len - 1, n), ST_ECORRUPT);
		x->out[len] = 0;
		assert_int_equal(decode(x, x->out, len + 1, n), ST_ECORRUPT);
	}
	x->m->vectors = had;
	free(other);
}

static void round_trips(enum st_vectors v)
{
	static const size_t sizes[] = { 1, 2, 63, 64, 65, 127, 128, 1000, 4096, 100003 };
	static const unsigned nsyms[] = { 1, 2, 32, 64, 128, 256 };
	struct stream x;

	if (!st_vectors_supported(v))
		skip();
	x = stream_new();
	x.m->vectors = v;
	for (size_t i = 0; i < 10 * 6 * 5 * 3; i += case_stride()) {
		unsigned n = nsyms[i / 10 % 6];

		make(&x, sizes[i % 10], (unsigned)(i / 60 % 5), n, i / 300 ? 32 : 1);
		check(&x, sizes[i % 10], n);
	}
	stream_free(&x);
}

static void round_trips_portable(void **state)
{
	(void)state;
	round_trips(ST_VECTORS_NONE);
}

static void round_trips_avx2(void **state)
{
	(void)state;
	round_trips(ST_VECTORS_AVX2);
}

static void round_trips_avx512(void **state)
{
	(void)state;
	round_trips(ST_VECTORS_AVX512);
}

/* The length is what the frequencies say: 100,000 symbols of 2 bits and a bit. */
static void close_to_the_entropy(void **state)
{
	struct stream x = stream_new();
	size_t n = 100000, len;
	uint64_t bits;

	(void)state;
	make(&x, n, 2, 64, 1);
	memset(x.counts, 0, sizeof(*x.counts));
	for (size_t i = 0; i < n; i++)
		x.counts[0][x.sym[i]]++;
	bits = st_rans_entropy(x.m, x.counts[0], 64) >> 16;
	len = st_rans_encode(x.m, x.sym, x.ctx, n, x.out, 2 * MOST);
	assert_in_range(len, bits / 8, bits / 8 + bits / 800 + ST_RANS_HEAD + 128);
	stream_free(&x);
}

/* In steps of any length, which need not be whole rounds of the states. */
static void in_steps(void **state)
{
	static const size_t steps[] = { 1, 63, 64, 65, 100, 4096, 640, 7 };
	struct stream x = stream_new();
	size_t n = 20000, len;

	(void)state;
	for (unsigned i = 0; i < 4 * 8; i += (unsigned)case_stride()) {
		struct st_rans_decoder d;
		struct st_err e = { 0 };

		x.m->vectors = i % 2 && st_vectors_supported(ST_VECTORS_AVX2) ? ST_VECTORS_AVX2 :
										ST_VECTORS_NONE;
		make(&x, n, 2, i % 4 < 2 ? 64 : 128, 32);
		len = st_rans_encode(x.m, x.sym, x.ctx, n, x.out, 2 * MOST);
		reload(&x, x.m->nsyms);
		memset(x.back, 0, n);
		assert_int_equal(st_rans_begin(&d, x.m, x.out, len, &e), ST_OK);
		for (size_t at = 0, k = i / 4, some; at < n; at += some, k++) {
			some = n - at < steps[k % 8] ? n - at : steps[k % 8];
			assert_int_not_equal(st_rans_finish(&d, &(struct st_err){ 0 }), ST_OK);
			assert_int_equal(st_rans_next(&d, x.ctx + at, x.back + at, some, &e),
					 ST_OK);
		}
		assert_int_equal(st_rans_finish(&d, &e), ST_OK);
		assert_memory_equal(x.back, x.sym, n);
	}
	stream_free(&x);
}

/* States too low, states that do not end where they must, every byte in turn. */
static void damage(void **state)
{
	struct stream x = stream_new();
	size_t n = 3000, len;

	(void)state;
	make(&x, n, 2, 64, 32);
	len = st_rans_encode(x.m, x.sym, x.ctx, n, x.out, 2 * MOST);
	reload(&x, 64);
	assert_int_equal(decode(&x, x.out, ST_RANS_HEAD - 1, 0), ST_ECORRUPT);
	for (size_t i = 0; i < 2 * len; i += case_stride()) {
		x.m->vectors = i < len ? x.m->vectors : ST_VECTORS_NONE;
		x.out[i % len] ^= 0x10;
		/* Some flips give other symbols that end well. */
		if (decode(&x, x.out, len, n) == ST_OK)
			assert_memory_not_equal(x.back, x.sym, n);
		x.out[i % len] ^= 0x10;
	}
	memset(x.out, 0, 4);
	assert_int_equal(decode(&x, x.out, len, n), ST_ECORRUPT);
	for (unsigned i = 0; i < ST_RANS_LANES; i++)
		st_put32(x.out + 4 * (size_t)i, ST_RANS_LOW);
	assert_int_equal(decode(&x, x.out, ST_RANS_HEAD, 0), ST_OK);
	st_put32(x.out, ST_RANS_LOW + 1);
	assert_int_equal(decode(&x, x.out, ST_RANS_HEAD, 0), ST_ECORRUPT);
	stream_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips_portable),
		cmocka_unit_test(round_trips_avx2),
		cmocka_unit_test(round_trips_avx512),
		cmocka_unit_test(close_to_the_entropy),
		cmocka_unit_test(in_steps),
		cmocka_unit_test(damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

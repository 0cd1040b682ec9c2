/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec/rans.h"
#include <math.h>

#include "codec_cases.h"

static struct st_rans_model *model_new(void)
{
	struct st_rans_model *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	st_rans_init(m);
	return m;
}

/* Integers, but close to the real logarithm: never off by more than a part in a thousand. */
static void entropy_of_counts(void **state)
{
	struct st_rans_model *m = model_new();
	uint32_t counts[ST_RANS_SYMBOLS] = { 0 };
	uint64_t s = 1;

	(void)state;
	assert_int_equal(st_rans_entropy(m, counts, 256), 0);
	counts[7] = 1000000;
	assert_int_equal(st_rans_entropy(m, counts, 256), 0);
	counts[9] = 1000000;
	assert_int_equal(st_rans_entropy(m, counts, 256) >> 16, 2000000);
	for (unsigned i = 0; i < 50; i++) {
		double want = 0, total = 0;

		for (unsigned k = 0; k < 256; k++) {
			counts[k] = case_random(&s) % (1u << (i % 14));
			total += counts[k];
		}
		for (unsigned k = 0; k < 256; k++)
			want += counts[k] ? counts[k] * log2(total / counts[k]) : 0;
		assert_true(fabs((double)st_rans_entropy(m, counts, 256) / 65536 - want) <=
			    want / 1000 + 1);
	}
	free(m);
}

static void check_frequencies(const struct st_rans_model *m, const uint32_t *counts, unsigned c)
{
	const uint16_t *f = m->freq[m->table_of[c]];
	uint32_t sum = 0;

	for (unsigned s = 0; s < m->nsyms; s++) {
		sum += f[s];
		assert_true(!counts[s] || f[s]);
	}
	assert_int_equal(sum, m->nsyms <= 64 ? 1024 : 2048);
}

/* Sums, and a place for all that occurs, whatever the counts. */
static void frequencies(void **state)
{
	struct st_rans_model *m = model_new();
	uint32_t(*counts)[ST_RANS_SYMBOLS] = calloc(ST_RANS_CONTEXTS, sizeof(*counts));
	uint32_t(*was)[ST_RANS_SYMBOLS] = calloc(ST_RANS_CONTEXTS, sizeof(*counts));
	uint64_t s = 2;

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		unsigned nsyms = i < 200 ? 256 : 64;

		for (unsigned c = 0; c < ST_RANS_CONTEXTS; c++)
			for (unsigned k = 0; k < nsyms; k++)
				counts[c][k] = i % 7 == 6 && c % 3 ? 0 :
					       i % 2 ? case_random(&s) >> (12 + c % 20) :
					       k < nsyms - 6 || c ? 1 :
								    30000;
		memcpy(was, counts, sizeof(*counts) * ST_RANS_CONTEXTS);
		st_rans_fit(m, counts, nsyms);
		assert_in_range(m->ntables, 1, ST_RANS_CONTEXTS);
		for (unsigned c = 0; c < ST_RANS_CONTEXTS; c++) {
			check_frequencies(m, was[c], c);
			assert_true(c == 0 || m->table_of[c] - m->table_of[c - 1] <= 1);
		}
	}
	free(was);
	free(counts);
	free(m);
}

/* What was counted, whatever was counted before, and however high the contexts. */
static void counting(void **state)
{
	static const unsigned most[] = { 32, 3, 17, 1, 32 };
	struct st_rans_model *m = model_new();
	uint32_t(*counts)[ST_RANS_SYMBOLS] = calloc(ST_RANS_CONTEXTS, sizeof(*counts));
	uint32_t(*want)[ST_RANS_SYMBOLS] = calloc(ST_RANS_CONTEXTS, sizeof(*counts));
	uint8_t sym[1000], ctx[1000];
	uint64_t s = 4;

	(void)state;
	memset(counts, 1, sizeof(*counts) * ST_RANS_CONTEXTS);
	for (unsigned i = 0; i < 40; i++) {
		size_t n = case_random(&s) % sizeof(sym);

		m->vectors = i % 2 && st_vectors_supported(ST_VECTORS_AVX2) ? ST_VECTORS_AVX2 :
									      ST_VECTORS_NONE;
		memset(want, 0, sizeof(*want) * ST_RANS_CONTEXTS);
		for (size_t k = 0; k < n; k++) {
			sym[k] = (uint8_t)(case_random(&s) % 64);
			ctx[k] = (uint8_t)(case_random(&s) % most[i % 5]);
			want[ctx[k]][sym[k]]++;
		}
		st_rans_count(m, sym, ctx, n / 3);
		st_rans_count(m, sym + n / 3, ctx + n / 3, n - n / 3);
		st_rans_counted(m, counts, 64);
		for (unsigned c = 0; c < ST_RANS_CONTEXTS; c++)
			assert_memory_equal(counts[c], want[c], 64 * sizeof(counts[c][0]));
	}
	free(want);
	free(counts);
	free(m);
}

static void equal_contexts_share(void **state)
{
	struct st_rans_model *m = model_new();
	uint32_t(*counts)[ST_RANS_SYMBOLS] = calloc(ST_RANS_CONTEXTS, sizeof(*counts));

	(void)state;
	for (unsigned c = 0; c < ST_RANS_CONTEXTS; c++)
		counts[c][c < 20 ? 3 : 5] = counts[c][c < 20 ? 4 : 6] = 5000;
	st_rans_fit(m, counts, 64);
	assert_int_equal(m->ntables, 2);
	assert_int_equal(m->table_of[19], 0);
	assert_int_equal(m->table_of[20], 1);
	memset(counts, 0, sizeof(*counts) * ST_RANS_CONTEXTS);
	st_rans_fit(m, counts, 64);
	assert_int_equal(m->ntables, 1);
	free(counts);
	free(m);
}

static int get(struct st_rans_model *m, unsigned nsyms, const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct st_err e = { 0 };
	struct st_rd r;
	int rc;

	memcpy(copy, p, len);
	st_rd_init(&r, copy, len, &e);
	rc = st_rans_get_model(m, nsyms, &r);
	assert_int_equal(rc, e.code);
	if (rc == ST_OK && st_rd_left(&r))
		rc = ST_ELIMIT;
	free(copy);
	return rc;
}

static void bytes_by_hand(void **state)
{
	static const struct {
		size_t len;
		uint8_t p[12];
		int rc;
	} rows[] = {
		{ 4, { 1, 0x82, 0, 0 }, ST_ECORRUPT },	     /* 512, 0 and the end */
		{ 5, { 1, 0x82, 0, 0x82, 0 }, ST_ECORRUPT }, /* too few symbols */
		{ 7, { 1, 0x82, 0, 0x82, 0, 0, 1 }, ST_OK },
		{ 8, { 1, 0x82, 0, 0x82, 0, 0, 0, 0 }, ST_ECORRUPT },
		{ 9, { 1, 0x82, 0, 0x82, 0, 0, 0, 0, 0 }, ST_OK },
		{ 7, { 1, 0x82, 0, 0x82, 0, 0, 2 }, ST_ECORRUPT },   /* too many symbols */
		{ 7, { 1, 0x82, 0, 0x82, 1, 0, 1 }, ST_ECORRUPT },   /* 1025 */
		{ 7, { 1, 0x82, 0, 0x81, 255, 0, 1 }, ST_ECORRUPT }, /* 1023 */
		{ 5, { 1, 0x84, 0, 0, 2 }, ST_OK },
		{ 5, { 1, 0, 2, 0x84, 0 }, ST_OK },
		{ 7, { 1, 0x80, 127, 0x83, 129, 0, 1 }, ST_ECORRUPT }, /* two bytes for 127 */
		{ 1, { 0 }, ST_ECORRUPT },			       /* no tables */
		{ 1, { 33 }, ST_ECORRUPT },
		{ 10, { 2, 9, 0x84, 0, 0, 2, 0, 2, 0x84, 0 }, ST_OK },
		{ 10, { 2, 0, 0x84, 0, 0, 2, 0, 2, 0x84, 0 }, ST_ECORRUPT },  /* not rising */
		{ 10, { 2, 32, 0x84, 0, 0, 2, 0, 2, 0x84, 0 }, ST_ECORRUPT }, /* beyond */
		{ 12, { 3, 9, 9, 0x84, 0, 0, 2, 0, 2, 0x84, 0, 0 }, ST_ECORRUPT },
		{ 0, { 0 }, ST_ECORRUPT },
	};
	struct st_rans_model *m = model_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (get(m, 4, rows[i].p, rows[i].len) != rows[i].rc)
			fail_msg("row %zu", i);
	assert_int_equal(get(m, 4, rows[13].p, 10), ST_OK);
	assert_int_equal(m->table_of[8], 0);
	assert_int_equal(m->table_of[9], 1);
	assert_int_equal(m->table_of[31], 1);
	free(m);
}

/* From any bytes: failure, or tables that are whole. */
static void any_bytes(void **state)
{
	struct st_rans_model *m = model_new();
	uint8_t p[300];
	uint64_t s = 3;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		size_t len = case_random(&s) % sizeof(p);

		case_fill(p, len, FILL_NOISE, 1, i);
		for (size_t k = 0; k < len; k++)
			p[k] = i % 2 ? p[k] % 9 : p[k];
		p[0] = (uint8_t)(i % 34);
		if (get(m, 32u << i % 4, p, len) != ST_ECORRUPT)
			for (unsigned c = 0; c < ST_RANS_CONTEXTS; c++)
				assert_true(m->table_of[c] < m->ntables);
	}
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entropy_of_counts), cmocka_unit_test(frequencies),
		cmocka_unit_test(counting),	     cmocka_unit_test(equal_contexts_share),
		cmocka_unit_test(bytes_by_hand),     cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* slow */
/* Every row of the table, held to the contract of codec.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec_cases.h"

#define GUARD 0xa5

struct bench {
	struct st_codec_state *s;
	uint8_t *raw, *base, *out, *back;
};

static int setup(void **state)
{
	static struct bench b;
	struct st_err e = { 0 };

	b = (struct bench){ 0 };
	*state = &b;
	b.raw = malloc(ST_FRAME_LEN);
	b.base = malloc(ST_FRAME_LEN);
	b.out = malloc(ST_FRAME_LEN + 64);
	b.back = malloc(ST_FRAME_LEN + 64);
	return st_codec_state_new(&b.s, &e);
}

static int teardown(void **state)
{
	struct bench *b = *state;

	st_codec_state_free(b->s);
	st_codec_state_free(NULL);
	free(b->raw);
	free(b->base);
	free(b->out);
	free(b->back);
	return 0;
}

static void rows_are_complete(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ST_NCODINGS; i++) {
		const struct st_codec *c = st_codec_get(i);

		assert_non_null(c);
		assert_ptr_equal(c, st_codecs[i]);
		assert_int_equal(c->coding, i);
		assert_non_null(c->encode);
		assert_non_null(c->decode);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(c->name, st_codecs[k]->name);
	}
	assert_null(st_codec_get(ST_NCODINGS));
	assert_null(st_codec_get(255));
}

static bool guarded(const uint8_t *p)
{
	for (size_t i = 0; i < 64; i++)
		if (p[i] != GUARD)
			return false;
	return true;
}

/* What the decoder makes of a stored frame that is not the one encoded: failure or n bytes, and
 * not a byte beyond them. */
static void decode_damaged(struct bench *b, const struct st_codec *c, const struct st_frame_in *in,
			   const uint8_t *p, size_t len, size_t n, bool must_fail)
{
	uint8_t *copy = malloc(len ? len : 1); /* so that a sanitizer sees one byte too many */
	struct st_err e = { 0 };
	int rc;

	memcpy(copy, p, len);
	memset(b->back + n, GUARD, 64);
	rc = st_codec_decode(c, b->s, copy, len, in->base, in->base_n, in->width, b->back, n, &e);
	assert_true(guarded(b->back + n));
	assert_int_equal(rc, e.code);
	if (must_fail)
		assert_int_equal(rc, ST_ECORRUPT);
	free(copy);
}

static void check_decoder(struct bench *b, const struct st_codec *c, const struct st_frame_in *in,
			  size_t len)
{
	struct st_err e = { 0 };
	uint64_t seed = len;

	memset(b->back, 0x5a, in->n);
	memset(b->back + in->n, GUARD, 64);
	assert_int_equal(st_codec_decode(c, b->s, b->out, len, in->base, in->base_n, in->width,
					 b->back, in->n, &e),
			 ST_OK);
	assert_memory_equal(b->back, in->raw, in->n);
	assert_true(guarded(b->back + in->n));
	if (len)
		decode_damaged(b, c, in, b->out, len - 1, in->n, true);
	decode_damaged(b, c, in, b->out, len + 1, in->n, true);
	for (int i = 0; i < 8 && len; i++) {
		size_t at = case_random(&seed) % len;
		uint8_t was = b->out[at];

		b->out[at] ^= (uint8_t)(1 + case_random(&seed) % 255);
		decode_damaged(b, c, in, b->out, len, in->n, false);
		b->out[at] = was;
	}
}

static unsigned check_case(struct bench *b, const struct st_codec *c, const struct st_frame_in *in,
			   size_t cap)
{
	struct st_err e = { 0 };
	size_t len = 12345;
	int rc;

	memset(b->out + cap, GUARD, 64);
	rc = c->encode(b->s, in, b->out, cap, &len, &e);
	assert_int_equal(e.code, ST_OK);
	assert_true(guarded(b->out + cap));
	if (rc == ST_ENO)
		return 0;
	assert_int_equal(rc, ST_OK);
	assert_true(len <= cap);
	check_decoder(b, c, in, len);
	return 1;
}

static void conformance(void **state)
{
	struct bench *b = *state;

	for (unsigned k = 0; k < ST_NCODINGS; k++) {
		unsigned applied = 0;

		for (size_t i = 0; i < NSIZES * NWIDTHS * NFILLS; i++) {
			struct st_frame_in in = { .raw = b->raw, .base = b->base, .level = 1 };
			enum fill how = (enum fill)(i % NFILLS);

			in.n = in.base_n = case_sizes[i / NFILLS / NWIDTHS];
			in.width = case_widths[i / NFILLS % NWIDTHS];
			if (in.n > 65536 && (i + k) % 3) /* large ones take long */
				continue;
			in.number = case_number(in.width, i / NFILLS / NWIDTHS);
			in.quant = case_quants[i % NQUANTS];
			in.quant_at = i;
			case_fill(b->raw, in.n, how, in.width, i);
			case_fill(b->base, in.n, how, in.width, i);
			if (k != ST_CODING_SAME && i % 3)
				b->base[in.n / 2 | 3] ^= 0x40;
			applied += check_case(b, st_codecs[k], &in, in.n);
			applied += check_case(b, st_codecs[k], &in, in.n - 1);
			applied += check_case(b, st_codecs[k], &in, in.n / 2);
			check_case(b, st_codecs[k], &in, 0);
		}
		if (applied <= 3)
			fail_msg("%s applied %u times", st_codecs[k]->name, applied);
	}
}

static void garbage(void **state)
{
	struct bench *b = *state;
	uint64_t seed = 99;

	for (unsigned i = 0; i < 20000; i++) {
		struct st_frame_in in = { .base = b->base, .width = case_widths[i % NWIDTHS] };
		size_t len = case_random(&seed) % 200;

		in.base_n = case_random(&seed) % 300;
		case_fill(b->out, len, FILL_NOISE, 1, i);
		if (i % 3 == 0 && len)
			b->out[0] = 0;
		decode_damaged(b, st_codecs[i % ST_NCODINGS], &in, b->out, len,
			       1 + case_random(&seed) % 300, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(conformance),
		cmocka_unit_test(garbage),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

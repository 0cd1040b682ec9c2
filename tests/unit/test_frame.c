/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec_cases.h"

enum base_of {
	NONE,
	EQUAL,
	LAST_BYTE, /* differs in it */
	SHORTER,
};

struct row {
	enum fill how;
	size_t n;
	unsigned width;
	enum base_of base;
	enum st_coding fast, dflt;
};

static const struct row rows[] = {
	{ FILL_NOISE, 5000, 1, NONE, ST_CODING_RAW, ST_CODING_RAW },
	{ FILL_NOISE, 5000, 4, EQUAL, ST_CODING_SAME, ST_CODING_SAME },
	{ FILL_NOISE, 5000, 4, LAST_BYTE, ST_CODING_RAW, ST_CODING_SPARSE },
	{ FILL_NOISE, 5000, 4, SHORTER, ST_CODING_RAW, ST_CODING_RAW },
	{ FILL_ZERO, 1 << 20, 4, NONE, ST_CODING_CONST, ST_CODING_CONST },
	{ FILL_ZERO, 1 << 20, 4, EQUAL, ST_CODING_SAME, ST_CODING_SAME },
	{ FILL_ELEMENT, 4096, 8, NONE, ST_CODING_CONST, ST_CODING_CONST },
	{ FILL_ELEMENT, 8, 8, NONE, ST_CODING_RAW, ST_CODING_RAW },
	{ FILL_FLOATS, 1 << 20, 2, NONE, ST_CODING_RAW, ST_CODING_PLANES },
	{ FILL_FLOATS, 800, 2, NONE, ST_CODING_RAW, ST_CODING_ZPLANES },
	{ FILL_TEXT, 3000, 1, NONE, ST_CODING_RAW, ST_CODING_ZPLANES },
	{ FILL_TEXT, 3, 1, NONE, ST_CODING_RAW, ST_CODING_RAW },
	{ FILL_ZERO, 1, 1, NONE, ST_CODING_RAW, ST_CODING_RAW },
};

static void check(const struct row *r, enum st_codec_mode mode, enum st_coding want)
{
	uint8_t *raw = malloc(r->n), *base = malloc(r->n), *out = malloc(r->n),
		*back = malloc(r->n);
	struct st_frame_in in = { .raw = raw, .n = r->n, .width = r->width, .level = 1 };
	struct st_codec_state *s;
	struct st_err e = { 0 };
	enum st_coding coding;
	size_t len;

	assert_int_equal(st_codec_state_new(&s, &e), ST_OK);
	case_fill(raw, r->n, r->how, r->width, 1);
	memcpy(base, raw, r->n);
	base[r->n - 1] ^= r->base == LAST_BYTE;
	if (r->base != NONE) {
		in.base = base;
		in.base_n = r->n - (r->base == SHORTER);
	}
	assert_int_equal(st_frame_encode(s, &in, mode, out, &coding, &len, &e), ST_OK);
	assert_int_equal(coding, want);
	if (coding == ST_CODING_RAW)
		assert_int_equal(len, r->n);
	else if (coding > ST_CODING_SAME)
		assert_true(len <= r->n - r->n / 32);
	assert_int_equal(st_frame_decode(s, coding, coding == ST_CODING_RAW ? raw : out, len, base,
					 r->n, r->width, back, r->n, &e),
			 ST_OK);
	assert_memory_equal(back, raw, r->n);
	st_codec_state_free(s);
	free(raw);
	free(base);
	free(out);
	free(back);
}

static void the_cheapest_is_chosen(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		check(&rows[i], ST_CODEC_FAST, rows[i].fast);
		check(&rows[i], ST_CODEC_DEFAULT, rows[i].dflt);
	}
}

/* What pairs of numbers come to, whole frames with rows. */
static const struct {
	enum pair how;
	enum st_num num;
	enum st_coding want;
	unsigned most; /* stored bytes in a thousand */
} pairs[] = {
	{ PAIR_PLUS_ONE, ST_NUM_F32, ST_CODING_DELTA, 1 },
	{ PAIR_NEAR, ST_NUM_BF16, ST_CODING_DELTA, 130 },
	{ PAIR_NEAR, ST_NUM_F16, ST_CODING_DELTA, 130 },
	{ PAIR_NEAR, ST_NUM_F32, ST_CODING_DELTA, 70 },
	{ PAIR_NEAR, ST_NUM_F64, ST_CODING_DELTA, 40 },
	{ PAIR_NEAR, ST_NUM_E4M3, ST_CODING_DELTA, 250 },
	{ PAIR_NEAR, ST_NUM_INT, ST_CODING_DELTA, 70 },
	{ PAIR_FAR, ST_NUM_BF16, ST_CODING_PLANES, 700 },
	{ PAIR_FAR, ST_NUM_F32, ST_CODING_PLANES, 860 },
	{ PAIR_RANDOM, ST_NUM_F32, ST_CODING_RAW, 1000 },
	{ PAIR_FEW, ST_NUM_F32, ST_CODING_SPARSE, 15 },
	{ PAIR_ROWS, ST_NUM_F32, ST_CODING_DELTA, 100 },
	{ PAIR_DECAY, ST_NUM_F32, ST_CODING_DELTA, 60 },
	{ PAIR_ZEROS, ST_NUM_F32, ST_CODING_DELTA, 30 },
	{ PAIR_UPCAST, ST_NUM_F32, ST_CODING_HALVES_DELTA, 75 },
};

static void check_pair(size_t i, bool with_base)
{
	unsigned width = st_numbers[pairs[i].num].width ? st_numbers[pairs[i].num].width : 4;
	uint8_t *raw = malloc(ST_FRAME_LEN + 7), *base = malloc(ST_FRAME_LEN + 7);
	uint8_t *out = malloc(ST_FRAME_LEN), *back = malloc(ST_FRAME_LEN);
	struct st_frame_in in = { .raw = raw, .n = ST_FRAME_LEN, .width = width, .level = 1 };
	struct st_codec_state *s;
	struct st_err e = { 0 };
	enum st_coding coding;
	size_t len;

	in.number = pairs[i].num;
	in.row = PAIR_ROW;
	in.base = with_base ? base : NULL;
	in.base_n = with_base ? in.n : 0;
	assert_int_equal(st_codec_state_new(&s, &e), ST_OK);
	case_pair(raw, base, in.n / width, width, in.number, pairs[i].how, i);
	assert_int_equal(st_frame_encode(s, &in, ST_CODEC_DEFAULT, out, &coding, &len, &e), ST_OK);
	if (with_base && (coding != pairs[i].want || len * 1000 > in.n * (size_t)pairs[i].most))
		fail_msg("pair %zu: coding %u of %zu bytes", i, coding, len);
	if (!with_base)
		assert_false(st_codec_get(coding)->needs_base);
	assert_int_equal(st_frame_decode(s, coding, coding == ST_CODING_RAW ? raw : out, len,
					 in.base, in.base_n, width, back, in.n, &e),
			 ST_OK);
	assert_memory_equal(back, raw, in.n);
	st_codec_state_free(s);
	free(raw);
	free(base);
	free(out);
	free(back);
}

static void pairs_become_what_they_are(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		check_pair(i, true);
		check_pair(i, false);
	}
}

/* A number of another width counts as integers, and the stored stream says so. */
static void a_number_that_does_not_fit(void **state)
{
	uint8_t raw[4096], base[4096], out[4096], back[4096];
	struct st_frame_in in = { .raw = raw, .n = 4090, .base = base, .base_n = 4090 };
	struct st_codec_state *s;
	struct st_err e = { 0 };
	enum st_coding coding;
	size_t len;

	(void)state;
	in.width = 4;
	in.number = ST_NUM_BF16;
	case_pair(raw, base, 1022, 4, ST_NUM_INT, PAIR_NEAR, 1);
	assert_int_equal(st_codec_state_new(&s, &e), ST_OK);
	assert_int_equal(st_frame_encode(s, &in, ST_CODEC_DEFAULT, out, &coding, &len, &e), ST_OK);
	assert_int_equal(coding, ST_CODING_DELTA);
	assert_int_equal(out[0], ST_NUM_INT);
	assert_int_equal(st_frame_decode(s, coding, out, len, base, 4090, 4, back, 4090, &e),
			 ST_OK);
	assert_memory_equal(back, raw, 4090);
	out[0] = ST_NUM_BF16;
	assert_int_equal(st_frame_decode(s, coding, out, len, base, 4090, 4, back, 4090, &e),
			 ST_ECORRUPT);
	e.code = ST_OK;
	out[0] = ST_NUM_INT;
	assert_int_equal(st_frame_decode(s, coding, out, len, base, 4089, 4, back, 4090, &e),
			 ST_ECORRUPT);
	st_codec_state_free(s);
}

static void bad_frames_are_refused(void **state)
{
	static const struct {
		unsigned coding;
		size_t len, n;
		unsigned width;
		int rc;
	} bad[] = {
		{ ST_NCODINGS, 4, 4, 1, ST_EFORMAT },
		{ 255, 4, 4, 1, ST_EFORMAT },
		{ ST_CODING_RAW, 4, 4, 3, ST_ECORRUPT },
		{ ST_CODING_RAW, 4, 4, 0, ST_ECORRUPT },
		{ ST_CODING_RAW, 0, 0, 1, ST_ECORRUPT },
		{ ST_CODING_RAW, 4, 5, 1, ST_ECORRUPT },
		{ ST_CODING_SAME, 0, 4, 1, ST_ECORRUPT }, /* without a base */
		{ ST_CODING_RAW, (1 << 20) + 1, (1 << 20) + 1, 1, ST_ECORRUPT },
	};
	uint8_t back[8];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct st_err e = { 0 };

		assert_int_equal(st_frame_decode(NULL, bad[i].coding, (const uint8_t *)"abcd",
						 bad[i].len, NULL, 0, bad[i].width, back, bad[i].n,
						 &e),
				 bad[i].rc);
		assert_int_equal(e.code, bad[i].rc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cheapest_is_chosen),
		cmocka_unit_test(pairs_become_what_they_are),
		cmocka_unit_test(a_number_that_does_not_fit),
		cmocka_unit_test(bad_frames_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

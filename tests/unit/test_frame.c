/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec_cases.h"

struct row {
	enum fill how;
	size_t n;
	unsigned width;
	bool base_equal;
	enum st_coding fast, dflt;
};

static const struct row rows[] = {
	{ FILL_NOISE, 5000, 1, false, ST_CODING_RAW, ST_CODING_RAW },
	{ FILL_NOISE, 5000, 4, true, ST_CODING_SAME, ST_CODING_SAME },
	{ FILL_ZERO, 1 << 20, 4, false, ST_CODING_CONST, ST_CODING_CONST },
	{ FILL_ZERO, 1 << 20, 4, true, ST_CODING_SAME, ST_CODING_SAME },
	{ FILL_ELEMENT, 4096, 8, false, ST_CODING_CONST, ST_CODING_CONST },
	{ FILL_ELEMENT, 8, 8, false, ST_CODING_RAW, ST_CODING_RAW },
	{ FILL_FLOATS, 1 << 20, 2, false, ST_CODING_RAW, ST_CODING_ZPLANES },
	{ FILL_TEXT, 3000, 1, false, ST_CODING_RAW, ST_CODING_ZPLANES },
	{ FILL_TEXT, 3, 1, false, ST_CODING_RAW, ST_CODING_RAW },
	{ FILL_ZERO, 1, 1, false, ST_CODING_RAW, ST_CODING_RAW },
};

static void check(const struct row *r, enum st_codec_mode mode, enum st_coding want)
{
	uint8_t *raw = malloc(r->n), *base = malloc(r->n), *out = malloc(r->n),
		*back = malloc(r->n);
	struct st_frame_in in = {
		.raw = raw, .n = r->n, .base = base, .base_n = r->n, .width = r->width, .level = 1
	};
	struct st_codec_state *s;
	struct st_err e = { 0 };
	enum st_coding coding;
	size_t len;

	assert_int_equal(st_codec_state_new(&s, &e), ST_OK);
	case_fill(raw, r->n, r->how, r->width, 1);
	memcpy(base, raw, r->n);
	base[r->n - 1] ^= (uint8_t)!r->base_equal;
	assert_int_equal(st_frame_encode(s, &in, mode, out, &coding, &len, &e), ST_OK);
	assert_int_equal(coding, want);
	if (coding == ST_CODING_RAW)
		assert_int_equal(len, r->n);
	else if (coding == ST_CODING_ZPLANES)
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
		cmocka_unit_test(bad_frames_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

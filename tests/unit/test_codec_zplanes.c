/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec_cases.h"

static struct st_codec_state *state_of(void)
{
	struct st_codec_state *s;
	struct st_err e = { 0 };

	assert_int_equal(st_codec_state_new(&s, &e), ST_OK);
	return s;
}

static int decode(const void *p, size_t len, unsigned width, uint8_t *back, size_t n)
{
	struct st_codec_state *s = state_of();
	struct st_err e = { 0 };
	int rc = st_codec_get(ST_CODING_ZPLANES)->decode(s, p, len, NULL, 0, width, back, n, &e);

	assert_int_equal(rc, e.code);
	st_codec_state_free(s);
	return rc;
}

/* The layout that doc/format/codec.md describes, from bytes written by hand. */
static void layout(void **state)
{
	/* A zstd frame (magic, single segment, size 4; one RLE block of 4 times 'z'). */
	static const uint8_t zzzz[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 4, 0x23, 0, 0, 'z' };
	uint8_t p[64] = { 0, 'a', 'b', 'c', 'd', sizeof(zzzz) }, back[16];
	size_t n = 6;

	(void)state;
	memcpy(p + n, zzzz, sizeof(zzzz));
	n += sizeof(zzzz);
	p[n++] = '!';
	assert_int_equal(decode(p, n, 2, back, 9), ST_OK);
	assert_memory_equal(back, "azbzczdz!", 9);
	assert_int_equal(decode(p, n, 2, back, 8), ST_ECORRUPT);
	assert_int_equal(decode(p, n, 2, back, 11), ST_ECORRUPT);
	assert_int_equal(decode(p, n - 1, 2, back, 9), ST_ECORRUPT);
	p[5] = 0x80; /* a varint of two bytes, the second of which is the magic's first */
	assert_int_equal(decode(p, n, 2, back, 9), ST_ECORRUPT);
	p[5] = 0xff; /* beyond the end */
	assert_int_equal(decode(p, n, 2, back, 9), ST_ECORRUPT);
}

static void width_one_is_plain_zstd(void **state)
{
	static const uint8_t p[] = { 10, 0x28, 0xb5, 0x2f, 0xfd, 0x20, 4, 0x23, 0, 0, 'z' };
	static const uint8_t raw[] = { 0, 'a', 'b' };
	uint8_t back[4];

	(void)state;
	assert_int_equal(decode(p, sizeof(p), 1, back, 4), ST_OK);
	assert_memory_equal(back, "zzzz", 4);
	assert_int_equal(decode(p, sizeof(p), 1, back, 3), ST_ECORRUPT);
	assert_int_equal(decode(raw, sizeof(raw), 1, back, 2), ST_OK);
	assert_memory_equal(back, "ab", 2);
}

static size_t encoded(enum fill how, unsigned width, size_t n)
{
	uint8_t *raw = malloc(n), *out = malloc(n), *back = malloc(n);
	struct st_frame_in in = { .raw = raw, .n = n, .width = width, .level = 1 };
	struct st_codec_state *s = state_of();
	struct st_err e = { 0 };
	size_t len = 0;

	case_fill(raw, n, how, width, 5);
	if (st_codec_get(ST_CODING_ZPLANES)->encode(s, &in, out, n, &len, &e) == ST_OK) {
		assert_int_equal(decode(out, len, width, back, n), ST_OK);
		assert_memory_equal(back, raw, n);
	} else {
		len = n;
	}
	st_codec_state_free(s);
	free(raw);
	free(out);
	free(back);
	return len;
}

static void saves_where_there_is_something(void **state)
{
	(void)state;
	assert_int_equal(encoded(FILL_NOISE, 1, 1 << 20), 1 << 20);
	assert_int_equal(encoded(FILL_NOISE, 4, 1 << 20), 1 << 20);
	assert_true(encoded(FILL_FLOATS, 2, 1 << 20) < (1 << 20) * 7 / 10);
	assert_true(encoded(FILL_FLOATS, 4, 1 << 20) < (1 << 20) * 9 / 10);
	assert_true(encoded(FILL_TEXT, 1, 1 << 20) < (1 << 20) / 2);
	assert_true(encoded(FILL_RAMP, 4, 1 << 20) < (1 << 20) / 50);
}

/* Planes of mixed worth: noise below, zeros above. The sample must not hide the second. */
static void planes_are_judged_one_by_one(void **state)
{
	size_t n = 1 << 20, len = 0;
	uint8_t *raw = malloc(n), *out = malloc(n);
	struct st_frame_in in = { .raw = raw, .n = n, .width = 2, .level = 1 };
	struct st_codec_state *s = state_of();
	struct st_err e = { 0 };

	(void)state;
	case_fill(raw, n, FILL_NOISE, 1, 1);
	for (size_t i = 1; i < n; i += 2)
		raw[i] = 0;
	assert_int_equal(st_codec_get(ST_CODING_ZPLANES)->encode(s, &in, out, n, &len, &e), ST_OK);
	assert_true(len < n / 2 + 200);
	st_codec_state_free(s);
	free(raw);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(width_one_is_plain_zstd),
		cmocka_unit_test(saves_where_there_is_something),
		cmocka_unit_test(planes_are_judged_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

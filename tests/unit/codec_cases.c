/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "codec/codec_state.h"
#include "codec_cases.h"

#define GUARD 64

uint32_t case_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

size_t case_stride(void)
{
	const char *said = getenv("ST_TEST_STRIDE");
	unsigned long n = said ? strtoul(said, NULL, 10) : 0;

	return n ? n : 1;
}

static void fill_floats(uint8_t *p, size_t n, unsigned width, uint64_t *s)
{
	for (size_t i = 0; i < n; i++) {
		double d = ((double)case_random(s) / 2147483648.0 - 0.5) * 0.04;
		float f = (float)d;
		uint8_t all[8];

		memcpy(all, &d, 8);
		if (width == 4)
			memcpy(all, &f, 4);
		if (width == 2)
			memcpy(all, (uint8_t *)&f + 2, 2);
		p[i] = all[i % width];
	}
}

/* A tree, with other ids each time, cut off anywhere. */
static void fill_json(uint8_t *p, size_t n, uint64_t *s)
{
	static const char shape[] =
		"@\",\"mode\":0,\"name\":\"weights.bin\",\"size\":4711},{\"id\":\"";
	static const char start[] = "{\"entries\":[{\"id\":\"";
	size_t i = 0, k;

	while (i < n && i < sizeof(start) - 1) {
		p[i] = (uint8_t)start[i];
		i++;
	}
	for (k = 0; i < n; k = (k + 1) % (sizeof(shape) - 1)) {
		for (unsigned h = 0; shape[k] == '@' && i < n && h < 64; h++)
			p[i++] = (uint8_t) "0123456789abcdef"[case_random(s) % 16];
		if (shape[k] != '@' && i < n)
			p[i++] = (uint8_t)shape[k];
	}
}

void case_fill(uint8_t *p, size_t n, enum fill how, unsigned width, uint64_t seed)
{
	static const char words[] = "the quick brown fox jumps over the lazy dog ";
	uint64_t s = seed;

	if (how == FILL_FLOATS) {
		fill_floats(p, n, width, &s);
		return;
	}
	if (how == FILL_JSON) {
		fill_json(p, n, &s);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		switch (how) {
		case FILL_ZERO:
			p[i] = 0;
			break;
		case FILL_ELEMENT:
			p[i] = (uint8_t)(17 * (i % width) + 3);
			break;
		case FILL_NOISE:
			p[i] = (uint8_t)(case_random(&s) >> 7);
			break;
		case FILL_TEXT:
			p[i] = (uint8_t)words[(i + case_random(&s) % 3) % (sizeof(words) - 1)];
			break;
		case FILL_UPCAST:
			p[i] = (uint8_t)(i % 4 < 2 ? 0 : case_random(&s) % (i % 4 == 2 ? 256 : 3));
			break;
		default:
			p[i] = (uint8_t)(i / width >> 8 * (i % width));
		}
	}
}

static uint64_t random64(uint64_t *s)
{
	return (uint64_t)case_random(s) << 40 ^ (uint64_t)case_random(s) << 20 ^ case_random(s);
}

static uint64_t mask_of(unsigned width)
{
	return width == 8 ? UINT64_MAX : ((uint64_t)1 << 8 * width) - 1;
}

static double weight(uint64_t *s)
{
	double d = 0;

	for (int i = 0; i < 4; i++)
		d += (double)case_random(s) / 2147483648.0 - 0.5;
	return d * 0.04;
}

/* Bits of a number near d, cut off; f8 is scaled so that it does not end in zeros. */
static uint64_t bits_of(double d, unsigned width, enum st_num num)
{
	float f = (float)d;
	uint64_t u = 0;
	uint32_t v;

	if (num == ST_NUM_F64) {
		memcpy(&u, &d, 8);
		return u;
	}
	memcpy(&v, &f, 4);
	if (num == ST_NUM_F32)
		return v;
	if (num == ST_NUM_BF16)
		return v >> 16;
	if (num == ST_NUM_F16 && (v >> 23 & 255) > 112)
		return (v >> 16 & 0x8000) | ((v >> 13 & 0x3ffff) - (112u << 10));
	if (num == ST_NUM_F16)
		return v >> 16 & 0x8000;
	return (uint64_t)(int64_t)(d * 1e4) & mask_of(width);
}

static uint64_t special(uint64_t *s, unsigned width, enum st_num num)
{
	unsigned mant = st_numbers[num].mantissa;
	uint64_t sign = (uint64_t)(case_random(s) & 1) << (8 * width - 1);
	uint64_t exponent = mask_of(width) >> 1 >> mant << mant, low = random64(s);

	low &= ((uint64_t)1 << mant) - 1;
	switch (case_random(s) % 6) {
	case 0:
		return sign;
	case 1:
		return sign | exponent;
	case 2:
		return sign | exponent | low;
	case 3:
		return sign | low;
	case 4:
		return sign | exponent | 1;
	default:
		return bits_of(weight(s), width, num);
	}
}

/* Multiplied n times, each time rounded as the type does; f16 has no arithmetic here. */
static uint64_t decayed(uint64_t u, unsigned n, enum st_num num)
{
	uint32_t v = (uint32_t)u;
	double d;
	float f;

	if (num == ST_NUM_F64) {
		memcpy(&d, &u, 8);
		for (unsigned i = 0; i < n; i++)
			d *= 1 - 2e-7;
		memcpy(&u, &d, 8);
		return u;
	}
	memcpy(&f, &v, 4);
	for (unsigned i = 0; i < n; i++) {
		volatile float once = f * (1 - 2e-7f);
		f = once;
	}
	memcpy(&v, &f, 4);
	return num == ST_NUM_F32 ? v : u;
}

static uint64_t other(uint64_t b, size_t i, unsigned width, enum st_num num, enum pair how,
		      uint64_t *s)
{
	uint64_t row = i / PAIR_ROW, little = random64(s) % 5 - 2;

	switch (how) {
	case PAIR_EQUAL:
		return b;
	case PAIR_PLUS_ONE:
		return b + 1;
	case PAIR_FAR:
		return bits_of(weight(s), width, num);
	case PAIR_RANDOM:
		return random64(s);
	case PAIR_SPECIAL:
		return case_random(s) % 3 ? special(s, width, num) : b;
	case PAIR_FEW:
		return case_random(s) % 100 ? b : random64(s);
	case PAIR_ROWS:
		return row % 3 == 0 ? b : row % 3 == 1 ? b + little : b + little * 17;
	case PAIR_DECAY:
		return row % 8 ? decayed(b, 20, num) : b + little * 9;
	case PAIR_ZEROS:
		return row % 8 ? 0 : b + little;
	case PAIR_UPCAST:
		return width == 4 ? b + (little << 16) : b + little;
	default:
		return i % 2 ? b : b + little;
	}
}

static void put_any(uint8_t *p, unsigned width, uint64_t v)
{
	for (unsigned k = 0; k < width; k++)
		p[k] = (uint8_t)(v >> 8 * k);
}

void case_pair(uint8_t *x, uint8_t *base, size_t m, unsigned width, enum st_num num, enum pair how,
	       uint64_t seed)
{
	uint64_t s = seed * 77 + how, b;

	for (size_t i = 0; i < m; i++) {
		b = bits_of(weight(&s), width, num);
		if (how == PAIR_RANDOM)
			b = random64(&s);
		if (how == PAIR_SPECIAL)
			b = special(&s, width, num);
		if (how == PAIR_ZEROS && i / PAIR_ROW % 8)
			b = 0;
		if (how == PAIR_UPCAST && width == 4)
			b &= 0xffff0000;
		put_any(base + i * width, width, b);
		put_any(x + i * width, width, other(b, i, width, num, how, &s));
	}
	for (size_t i = 0; i < 7; i++) {
		base[m * width + i] = (uint8_t)case_random(&s);
		x[m * width + i] = (uint8_t)case_random(&s);
	}
}

enum st_num case_number(unsigned width, size_t i)
{
	for (unsigned k = (unsigned)(i % ST_NNUMBERS);; k = (k + 1) % ST_NNUMBERS)
		if (st_num_fits(k, width))
			return (enum st_num)k;
}

void case_states_init(struct case_states *c)
{
	struct st_err e = { 0 };

	c->n = 0;
	for (int v = ST_VECTORS_NLEVELS - 1; v >= 0; v--) {
		if (!st_vectors_supported((enum st_vectors)v))
			continue;
		assert_int_equal(st_codec_state_new(&c->s[c->n], &e), ST_OK);
		assert_non_null(st_codec_work(c->s[c->n], &e));
		c->s[c->n++]->work->model.vectors = (enum st_vectors)v;
	}
	c->raw = malloc(ST_FRAME_LEN + GUARD);
	c->base = malloc(ST_FRAME_LEN + GUARD);
	c->out = malloc(ST_FRAME_LEN + GUARD);
	c->back = malloc(ST_FRAME_LEN + GUARD);
}

void case_states_release(struct case_states *c)
{
	for (int i = 0; i < c->n; i++)
		st_codec_state_free(c->s[i]);
	free(c->raw);
	free(c->base);
	free(c->out);
	free(c->back);
}

int case_setup(void **state)
{
	struct case_states *c = malloc(sizeof(*c));

	assert_non_null(c);
	case_states_init(c);
	*state = c;
	return 0;
}

int case_teardown(void **state)
{
	case_states_release(*state);
	free(*state);
	return 0;
}

struct st_frame_in case_in(struct case_states *c, size_t m, unsigned width, enum st_num num,
			   enum pair how, size_t tail, uint64_t row)
{
	case_pair(c->raw, c->base, m, width, num, how, m + tail);
	return (struct st_frame_in){ .raw = c->raw,
				     .n = m * width + tail,
				     .base = c->base,
				     .base_n = m * width + tail,
				     .width = width,
				     .level = 1,
				     .number = num,
				     .row = row,
				     .row_at = row ? m % row : 0 };
}

struct st_frame_in case_blocks(struct case_states *c, size_t n, enum st_quant quant, uint64_t at)
{
	uint64_t s = n * 31 + quant + at;

	for (size_t i = 0; i < n; i++) {
		uint32_t r = case_random(&s);

		c->base[i] = (uint8_t)(r & 0x77); /* not all values are equally many */
		c->raw[i] = (uint8_t)(c->base[i] + (r >> 8 & 31 ? 0 : 1 + (r >> 16 & 16)));
	}
	return (struct st_frame_in){ .raw = c->raw,
				     .n = n,
				     .base = c->base,
				     .base_n = n,
				     .width = 1,
				     .level = 1,
				     .quant = quant,
				     .quant_at = at };
}

int case_decode(struct case_states *c, enum st_coding coding, const struct st_frame_in *in,
		const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1); /* so that a sanitizer sees one byte too many */
	int rc = ST_OK;

	memcpy(copy, p, len);
	for (int i = 0; i < c->n; i++) {
		struct st_err e = { 0 };
		int was = rc;

		memset(c->back + in->n, 0xa5, GUARD);
		rc = st_codec_decode(st_codec_get(coding), c->s[i], copy, len, in->base, in->base_n,
				     in->width, c->back, in->n, &e);
		assert_int_equal(rc, e.code);
		assert_true(i == 0 || rc == was);
		for (size_t k = 0; k < GUARD; k++)
			assert_int_equal(c->back[in->n + k], 0xa5);
	}
	free(copy);
	return rc;
}

size_t case_coded(struct case_states *c, enum st_coding coding, const struct st_frame_in *in)
{
	uint8_t *other_out = malloc(in->n);
	size_t len = 0, other_len = 0;
	struct st_err e = { 0 };
	int rc = st_codec_get(coding)->encode(c->s[0], in, c->out, in->n - 1, &len, &e);

	for (int i = 1; i < c->n; i++) {
		int other = st_codec_get(coding)->encode(c->s[i], in, other_out, in->n - 1,
							 &other_len, &e);

		assert_int_equal(rc, other);
		if (rc != ST_OK)
			continue;
		assert_int_equal(len, other_len);
		assert_memory_equal(c->out, other_out, len);
	}
	assert_int_equal(e.code, ST_OK);
	if (rc == ST_OK) {
		assert_true(len > 0 && len < in->n);
		assert_int_equal(case_decode(c, coding, in, c->out, len), ST_OK);
		assert_memory_equal(c->back, in->raw, in->n);
		assert_int_equal(case_decode(c, coding, in, c->out, len - 1), ST_ECORRUPT);
		c->out[len] = 0;
		assert_int_equal(case_decode(c, coding, in, c->out, len + 1), ST_ECORRUPT);
	} else {
		assert_int_equal(rc, ST_ENO);
	}
	free(other_out);
	return rc == ST_OK ? len : 0;
}

void case_flips(struct case_states *c, enum st_coding coding, const struct st_frame_in *in,
		size_t len)
{
	static const uint8_t with[] = { 0x01, 0x80, 0xff };

	for (size_t i = 0; i < 3 * len; i += case_stride()) {
		c->out[i / 3] ^= with[i % 3];
		/* Some bytes say nothing (a table that no context uses), so what comes out may be
		 * right; if it is not, the object's hash tells. */
		if (case_decode(c, coding, in, c->out, len) != ST_OK)
			memset(c->back, 0, in->n);
		c->out[i / 3] ^= with[i % 3];
	}
	assert_int_equal(case_decode(c, coding, in, c->out, len), ST_OK);
	assert_memory_equal(c->back, in->raw, in->n);
}

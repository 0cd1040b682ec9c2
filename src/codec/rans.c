/* SPDX-License-Identifier: Apache-2.0 */
/* Coding with the tables. */
#include "codec/rans_kernel.h"

#include <string.h>

const struct st_rans_kernel *st_rans_kernel_of(const struct st_rans_model *m)
{
	switch (m->vectors) {
#if defined(__x86_64__)
	case ST_VECTORS_AVX512:
		return &st_rans_kernel_avx512;
	case ST_VECTORS_AVX2:
		return &st_rans_kernel_avx2;
#endif
	default:
		return NULL;
	}
}

static inline bool encode_one(const struct st_rans_model *m, uint32_t *x, uint8_t sym, uint8_t ctx,
			      uint8_t **w, const uint8_t *first)
{
	uint32_t e = m->enc[m->table_of[ctx]][sym], freq = e >> 16;

	if (*x >> (32 - ST_RANS_BITS) >= freq) {
		if (*w - first < 2)
			return false;
		*w -= 2;
		st_put16(*w, (uint16_t)*x);
		*x >>= 16;
	}
	*x += *x / freq * (ST_RANS_TOTAL - freq) + (e & 0xffff);
	return true;
}

/* From the last symbol to the first, so that decoding goes forward. Words are put at the end of out
 * and moved to its front. */
size_t st_rans_encode(const struct st_rans_model *m, const uint8_t *sym, const uint8_t *ctx,
		      size_t n, uint8_t *out, size_t cap)
{
	uint32_t states[ST_RANS_LANES];
	uint8_t *end = out + cap, *w = end, *first = out + ST_RANS_HEAD;
	const struct st_rans_kernel *k = st_rans_kernel_of(m);

	if (cap < ST_RANS_HEAD)
		return 0;
	for (unsigned i = 0; i < ST_RANS_LANES; i++)
		states[i] = ST_RANS_LOW;
	for (size_t i = n; i > 0;) {
		if (k && i % ST_RANS_LANES == 0)
			i = k->encode(m, &m->lanes, states, &w, first, sym, ctx, i);
		if (i && !encode_one(m, &states[(i - 1) % ST_RANS_LANES], sym[i - 1], ctx[i - 1],
				     &w, first))
			return 0;
		i -= i > 0;
	}
	memmove(first, w, (size_t)(end - w));
	for (unsigned i = 0; i < ST_RANS_LANES; i++)
		st_put32(out + 4 * (size_t)i, states[i]);
	return ST_RANS_HEAD + (size_t)(end - w);
}

static int check_end(const uint32_t *states, size_t left, struct st_err *e)
{
	for (unsigned i = 0; i < ST_RANS_LANES; i++)
		if (states[i] != ST_RANS_LOW)
			return st_fail(e, ST_ECORRUPT, "state %u does not end where it began", i);
	return left ? st_fail(e, ST_ECORRUPT, "%zu bytes of symbols too many", left) : ST_OK;
}

int st_rans_decode(const struct st_rans_model *m, const uint8_t *p, size_t len, const uint8_t *ctx,
		   uint8_t *sym, size_t n, struct st_err *e)
{
	uint32_t states[ST_RANS_LANES];
	const uint8_t *w = p + ST_RANS_HEAD, *end = p + len;
	const struct st_rans_kernel *k = st_rans_kernel_of(m);
	size_t done = 0;

	if (len < ST_RANS_HEAD)
		return st_fail(e, ST_ECORRUPT, "%zu bytes of symbols", len);
	for (unsigned i = 0; i < ST_RANS_LANES; i++) {
		states[i] = st_get32(p + 4 * (size_t)i);
		if (states[i] < ST_RANS_LOW)
			return st_fail(e, ST_ECORRUPT, "state %u is too low", i);
	}
	if (k)
		done = k->decode(m, &m->lanes, states, &w, end, ctx, sym, n);
	for (size_t i = done; i < n; i++) {
		uint32_t *x = &states[i % ST_RANS_LANES];
		uint32_t d = m->dec[m->table_of[ctx[i]]][*x & (ST_RANS_TOTAL - 1)];

		sym[i] = (uint8_t)(d >> 24);
		*x = (d & 0xfff) * (*x >> ST_RANS_BITS) + (d >> 12 & 0xfff);
		if (*x < ST_RANS_LOW) {
			if (end - w < 2)
				return st_fail(e, ST_ECORRUPT, "the symbols end too early");
			*x = *x << 16 | st_get16(w);
			w += 2;
		}
	}
	return check_end(states, (size_t)(end - w), e);
}

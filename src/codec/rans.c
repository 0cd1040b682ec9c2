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

	if (*x >> (32 - m->bits) >= freq) {
		if (*w - first < 2)
			return false;
		*w -= 2;
		st_put16(*w, (uint16_t)*x);
		*x >>= 16;
	}
	*x += *x / freq * ((1u << m->bits) - freq) + (e & 0xffff);
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

int st_rans_begin(struct st_rans_decoder *d, const struct st_rans_model *m, const uint8_t *p,
		  size_t len, struct st_err *e)
{
	*d = (struct st_rans_decoder){ .m = m, .words = p + ST_RANS_HEAD, .end = p + len };
	if (len < ST_RANS_HEAD)
		return st_fail(e, ST_ECORRUPT, "%zu bytes of symbols", len);
	for (unsigned i = 0; i < ST_RANS_LANES; i++) {
		d->states[i] = st_get32(p + 4 * (size_t)i);
		if (d->states[i] < ST_RANS_LOW)
			return st_fail(e, ST_ECORRUPT, "state %u is too low", i);
	}
	return ST_OK;
}

/* False where the words are used up. */
static inline bool decode_one(struct st_rans_decoder *d, uint8_t ctx, uint8_t *sym)
{
	const struct st_rans_model *m = d->m;
	uint32_t *x = &d->states[d->done++ % ST_RANS_LANES];
	uint32_t table = (uint32_t)m->table_of[ctx] << m->bits;
	uint32_t slot = m->dec[table | (*x & ((1u << m->bits) - 1))];

	*sym = (uint8_t)(slot >> 24);
	*x = (slot & 0xfff) * (*x >> m->bits) + (slot >> 12 & 0xfff);
	if (*x >= ST_RANS_LOW)
		return true;
	if (d->end - d->words < 2)
		return false;
	*x = *x << 16 | st_get16(d->words);
	d->words += 2;
	return true;
}

int st_rans_next(struct st_rans_decoder *d, const uint8_t *ctx, uint8_t *sym, size_t n,
		 struct st_err *e)
{
	const struct st_rans_kernel *k = st_rans_kernel_of(d->m);

	for (size_t i = 0, some; i < n;) {
		if (k && d->done % ST_RANS_LANES == 0) {
			some = k->decode(d->m, &d->m->lanes, d->states, &d->words, d->end, ctx + i,
					 sym + i, n - i);
			i += some;
			d->done += some;
		}
		if (i < n && !decode_one(d, ctx[i], sym + i))
			return st_fail(e, ST_ECORRUPT, "the symbols end too early");
		i += i < n;
	}
	return ST_OK;
}

int st_rans_finish(const struct st_rans_decoder *d, struct st_err *e)
{
	for (unsigned i = 0; i < ST_RANS_LANES; i++)
		if (d->states[i] != ST_RANS_LOW)
			return st_fail(e, ST_ECORRUPT, "state %u does not end where it began", i);
	if (d->words != d->end)
		return st_fail(e, ST_ECORRUPT, "%zu bytes of symbols too many",
			       (size_t)(d->end - d->words));
	return ST_OK;
}

int st_rans_decode(const struct st_rans_model *m, const uint8_t *p, size_t len, const uint8_t *ctx,
		   uint8_t *sym, size_t n, struct st_err *e)
{
	struct st_rans_decoder d;

	if (st_rans_begin(&d, m, p, len, e) != ST_OK || st_rans_next(&d, ctx, sym, n, e) != ST_OK)
		return e->code;
	return st_rans_finish(&d, e);
}

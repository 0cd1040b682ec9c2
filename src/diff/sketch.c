/* SPDX-License-Identifier: Apache-2.0 */
#include "diff/sketch.h"

#include "base/mem.h"
#include "diff/pair.h"

#include <math.h>

#define STRIDE 37 /* odd: it meets every remainder of a power of two */
#define TELLING 4

bool st_sketch_type(enum st_dtype t)
{
	switch (t) {
	case ST_F8_E5M2:
	case ST_F8_E4M3:
	case ST_F8_E4M3FNUZ:
	case ST_F8_E5M2FNUZ:
	case ST_F16:
	case ST_BF16:
	case ST_F32:
	case ST_F64:
		return true;
	default:
		return false;
	}
}

unsigned st_sketch_places(uint64_t numel, uint64_t at[ST_SKETCH_PLACES], uint64_t *first,
			  uint64_t *window)
{
	unsigned n = numel < ST_SKETCH_PLACES ? (unsigned)numel : ST_SKETCH_PLACES;
	uint64_t from, to;

	*first = numel / 2 / ST_SKETCH_WINDOW * ST_SKETCH_WINDOW;
	*window = numel - *first < ST_SKETCH_WINDOW ? numel - *first : ST_SKETCH_WINDOW;
	for (unsigned i = 0; i < n; i++) {
		from = *window * i / n;
		to = *window * (i + 1) / n;
		at[i] = *first + from + i * STRIDE % (to - from);
	}
	return n;
}

void st_sketch_values(struct st_sketch *s, enum st_dtype t, const void *p, unsigned n)
{
	double v[ST_SKETCH_PLACES];

	ST_BUG_ON(n > ST_SKETCH_PLACES);
	s->n = n;
	st_pair_load(v, t, p, n);
	for (unsigned i = 0; i < n; i++)
		s->v[i] = isnan(v[i]) ? NAN : (float)v[i];
}

void st_sketch_put(uint8_t out[ST_SKETCH_BYTES], const struct st_sketch *s)
{
	uint32_t bits;

	for (unsigned i = 0; i < s->n; i++) {
		memcpy(&bits, &s->v[i], sizeof(bits));
		st_put32(out + 4 * (size_t)i, isnan(s->v[i]) ? 0x7fc00000 : bits);
	}
}

bool st_sketch_get(struct st_sketch *out, uint64_t numel, const void *p, size_t len)
{
	uint64_t want = numel < ST_SKETCH_PLACES ? numel : ST_SKETCH_PLACES;
	uint32_t bits;

	*out = (struct st_sketch){ .numel = numel };
	if (len != 0 && len != 4 * want)
		return false;
	out->n = (unsigned)(len / 4);
	for (unsigned i = 0; i < out->n; i++) {
		bits = st_get32((const uint8_t *)p + 4 * (size_t)i);
		memcpy(&out->v[i], &bits, sizeof(bits));
	}
	return true;
}

double st_sketch_apart(const struct st_sketch *p, const struct st_sketch *q)
{
	double a2 = 0, b2 = 0, d2 = 0, norms;
	unsigned met = 0, lone = 0;

	for (unsigned i = 0; i < p->n; i++) {
		double a = p->v[i], b = q->v[i];

		if (!isfinite(a) || !isfinite(b)) {
			lone += !(a == b || (isnan(a) && isnan(b)));
			continue;
		}
		met++;
		a2 += a * a;
		b2 += b * b;
		d2 += (b - a) * (b - a);
	}
	norms = sqrt(a2) + sqrt(b2);
	if (met + lone == 0)
		return 0;
	return ((norms > 0 ? fmin(sqrt(d2) / norms, 1) : 0) * met + lone) / (met + lone);
}

bool st_sketch_same(const struct st_sketch *p, const struct st_sketch *q)
{
	uint8_t a[ST_SKETCH_BYTES], b[ST_SKETCH_BYTES];

	if (p->numel != q->numel || p->n != q->n)
		return false;
	st_sketch_put(a, p);
	st_sketch_put(b, q);
	return memcmp(a, b, 4 * (size_t)p->n) == 0;
}

bool st_sketch_telling(const struct st_sketch *s)
{
	float seen[TELLING];
	unsigned n = 0, k;

	for (unsigned i = 0; i < s->n && n < TELLING; i++) {
		for (k = 0; k < n; k++)
			if (seen[k] == s->v[i])
				break;
		if (k == n && isfinite(s->v[i]))
			seen[n++] = s->v[i];
	}
	return n == TELLING;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "diff/summary_priv.h"

#include <math.h>
#include <string.h>

static const double quantiles[ST_SUMMARY_QUANTILES] = { 0.001, 0.01, 0.05, 0.25, 0.5,
							0.75,  0.95, 0.99, 0.999 };

const double *st_summary_quantiles(void)
{
	return quantiles;
}

/* Negative floats grow downwards, so that all their bits turn; the others come after them. */
void st_order_init(struct st_order *o, enum st_dtype t)
{
	uint64_t sign = (uint64_t)1 << (st_dtype_info(t)->bits - 1), all = sign | (sign - 1);

	switch (t) {
	case ST_BOOL:
	case ST_U8:
	case ST_U16:
	case ST_U32:
	case ST_U64:
	case ST_F8_E8M0:
		*o = (struct st_order){ sign, 0, 0 };
		break;
	case ST_I8:
	case ST_I16:
	case ST_I32:
	case ST_I64:
		*o = (struct st_order){ sign, sign, sign };
		break;
	default:
		*o = (struct st_order){ sign, all, sign };
	}
}

uint64_t st_order_code(const struct st_order *o, uint64_t key)
{
	uint64_t negative = key ^ o->if_set;

	return negative & o->sign ? negative : key ^ o->if_clear;
}

/* ---- which ranks ---- */

struct place {		       /* of a quantile */
	uint64_t below, above; /* ranks of its neighbours */
	double share;	       /* of the way from the one to the other */
};

static struct place place_of(double q, uint64_t finite)
{
	double h = (double)(finite - 1) * q, whole = floor(h);
	struct place p = { .below = (uint64_t)whole, .share = h - whole };

	if (p.below > finite - 1) /* beyond 2^53 */
		p.below = finite - 1;
	p.above = p.below + 1 < finite ? p.below + 1 : p.below;
	return p;
}

static void want(struct st_picks *p, uint64_t rank)
{
	size_t i;

	for (i = 0; i < p->n && p->v[i].rank < rank; i++)
		;
	if (i < p->n && p->v[i].rank == rank)
		return;
	memmove(&p->v[i + 1], &p->v[i], (p->n - i) * sizeof(*p->v));
	p->v[i] = (struct st_pick){ .rank = rank, .left = rank };
	p->n++;
}

void st_picks_init(struct st_picks *p, uint64_t finite)
{
	p->n = 0;
	p->ngroups = 1;
	p->group[0] = 0;
	p->known = 0;
	if (finite == 0)
		return;
	want(p, 0);
	want(p, finite - 1);
	for (size_t i = 0; i < ST_SUMMARY_QUANTILES; i++) {
		struct place at = place_of(quantiles[i], finite);

		want(p, at.below);
		want(p, at.above);
	}
}

/* ---- narrowing ---- */

static void group_picks(struct st_picks *p)
{
	size_t g = 0;

	p->ngroups = 0;
	for (size_t i = 0; i < p->n; i++)
		if (!p->ngroups || p->group[p->ngroups - 1] != p->v[i].prefix)
			p->group[p->ngroups++] = p->v[i].prefix;
	for (size_t top = 0; top < ST_DIGITS; top++) {
		p->first[top] = (uint8_t)g;
		while (g < p->ngroups && p->group[g] >> (p->known - 16) == top)
			g++;
	}
	p->first[ST_DIGITS] = (uint8_t)g;
}

void st_picks_narrow(struct st_picks *p, const uint64_t *counts)
{
	size_t g = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct st_pick *x = &p->v[i];
		const uint64_t *c;
		size_t digit = 0;

		while (p->group[g] != x->prefix)
			g++;
		c = counts + g * ST_DIGITS;
		for (; digit + 1 < ST_DIGITS && x->left >= c[digit]; digit++)
			x->left -= c[digit];
		x->prefix = x->prefix << 16 | digit;
	}
	p->known += 16;
	group_picks(p);
}

/* ---- values ---- */

static double value_at(const struct st_picks *p, uint64_t rank)
{
	size_t i = 0;

	while (p->v[i].rank != rank)
		i++;
	return p->v[i].value + 0.0; /* no -0 */
}

/* From the nearer end, so that either end comes out exactly and equal ends do too. */
static double between(double a, double b, double share)
{
	double way = b - a, part;

	if (!isfinite(way)) { /* no double is as large */
		part = a * (1 - share);
		way = b * share;
		return part + way;
	}
	part = share < 0.5 ? way * share : way * (1 - share);
	return share < 0.5 ? a + part : b - part;
}

void st_picks_finish(const struct st_picks *p, struct st_summary *out)
{
	out->min = out->max = NAN;
	for (size_t i = 0; i < ST_SUMMARY_QUANTILES; i++)
		out->quantile[i] = NAN;
	if (p->n == 0)
		return;
	out->min = value_at(p, 0);
	out->max = value_at(p, out->finite - 1);
	for (size_t i = 0; i < ST_SUMMARY_QUANTILES; i++) {
		struct place at = place_of(quantiles[i], out->finite);

		out->quantile[i] = between(value_at(p, at.below), value_at(p, at.above), at.share);
	}
}

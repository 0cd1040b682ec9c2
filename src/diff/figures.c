/* SPDX-License-Identifier: Apache-2.0 */
#include "diff/models.h"

#include <math.h>

double st_diff_mad(const struct st_pair_sums *s)
{
	return s->numel ? s->l1 / (double)s->numel : (double)NAN;
}

double st_diff_l2(const struct st_pair_sums *s)
{
	return s->numel ? sqrt(s->l2sq) : (double)NAN;
}

/* From nothing to something is infinitely much. */
double st_diff_rel_l2(const struct st_pair_sums *s)
{
	return s->numel ? sqrt(s->l2sq) / sqrt(s->a2) : (double)NAN;
}

/*
 * The product of the squares may be too large or small for a double though its root is not, so that
 * the exponents go apart. Equal tensors have exactly 1: the root of a square is the number.
 */
double st_diff_cosine(const struct st_pair_sums *s)
{
	double a, b, c;
	int ea, eb;

	if (s->a2 == 0 || s->b2 == 0)
		return (double)NAN;
	if (!isfinite(s->a2) || !isfinite(s->b2) || !isfinite(s->dot))
		return (double)NAN;
	a = frexp(s->a2, &ea);
	b = frexp(s->b2, &eb);
	if ((ea + eb) % 2) {
		b *= 2;
		eb--;
	}
	c = ldexp(s->dot, -(ea + eb) / 2) / sqrt(a * b);
	return fmax(-1, fmin(1, c));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "diff/summary_priv.h"

#include <math.h>

#define LANES ST_PAIR_LANES

static double pairwise(const double v[LANES])
{
	return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

static double sum_of(const double *v, size_t n)
{
	double lane[LANES] = { 0 };
	size_t i = 0;

	for (; n - i >= LANES; i += LANES)
		for (size_t k = 0; k < LANES; k++)
			lane[k] += v[i + k];
	for (size_t k = 0; i < n; i++, k++)
		lane[k] += v[i];
	return pairwise(lane);
}

/* Each operation has a result with a name, so that no compiler fuses two. */
static inline void add_distance(double *square, double *plain, double v, double mean)
{
	double d = v - mean;
	double dd = d * d;

	*square += dd;
	*plain += d;
}

/* What rounding of the mean adds to the squares is taken off again: that is the correction. */
static double squares_about(const double *v, size_t n, double mean)
{
	double square[LANES] = { 0 }, plain[LANES] = { 0 }, off, all;
	size_t i = 0;

	for (; n - i >= LANES; i += LANES)
		for (size_t k = 0; k < LANES; k++)
			add_distance(&square[k], &plain[k], v[i + k], mean);
	for (size_t k = 0; i < n; i++, k++)
		add_distance(&square[k], &plain[k], v[i], mean);
	off = pairwise(plain);
	off = off * off;
	off = off / (double)n;
	all = pairwise(square);
	return all > off ? all - off : isnan(all) ? all : 0;
}

void st_moments_leaf(struct st_moments *out, const double *v, size_t n)
{
	*out = (struct st_moments){ .n = n };
	if (n == 0)
		return;
	out->sum = sum_of(v, n);
	out->m2 = squares_about(v, n, out->sum / (double)n);
}

static struct st_moments join(const struct st_moments *a, const struct st_moments *b)
{
	struct st_moments out = { .n = a->n + b->n, .sum = a->sum + b->sum };
	double na = (double)a->n, nb = (double)b->n, d, between;

	if (a->n == 0 || b->n == 0)
		return a->n ? *a : *b;
	d = b->sum / nb - a->sum / na;
	between = d * d;
	between = between * (na / (na + nb) * nb);
	out.m2 = a->m2 + b->m2;
	out.m2 = out.m2 + between;
	return out;
}

void st_moments_add(struct st_moments_tree *t, const struct st_moments *part)
{
	struct st_moments sum = *part;
	size_t k = 0;

	for (; t->parts >> k & 1; k++)
		sum = join(&t->level[k], &sum);
	ST_BUG_ON(k >= sizeof(t->level) / sizeof(*t->level));
	t->level[k] = sum;
	t->parts++;
}

struct st_moments st_moments_total(const struct st_moments_tree *t)
{
	struct st_moments sum = { 0 };

	for (size_t k = 0; k < sizeof(t->level) / sizeof(*t->level); k++)
		if (t->parts >> k & 1)
			sum = join(&t->level[k], &sum);
	return sum;
}

double st_moments_mean(const struct st_moments *m)
{
	return m->n ? m->sum / (double)m->n : (double)NAN;
}

double st_moments_std(const struct st_moments *m)
{
	return m->n ? sqrt(m->m2 / (double)m->n) : (double)NAN;
}

void st_exact_add(struct st_exact_sum *s, double v)
{
	double sum = s->sum + v, kept;

	if (fabs(s->sum) >= fabs(v)) {
		kept = sum - s->sum;
		s->lost += v - kept;
	} else {
		kept = sum - v;
		s->lost += s->sum - kept;
	}
	s->sum = sum;
}

double st_exact_value(const struct st_exact_sum *s)
{
	return s->sum + s->lost;
}

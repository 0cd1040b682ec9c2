/* SPDX-License-Identifier: Apache-2.0 */
#include "diff/summary_priv.h"

#include <math.h>

static bool is_whole(enum st_dtype t)
{
	switch (t) {
	case ST_BOOL:
	case ST_U8:
	case ST_I8:
	case ST_U16:
	case ST_I16:
	case ST_U32:
	case ST_I32:
	case ST_U64:
	case ST_I64:
		return true;
	default:
		return false;
	}
}

/* As wide as some whole number, with edges halfway between neighbours, while doubles have them. */
static bool choose_whole(struct st_summary *s, double low, double high)
{
	double wide;

	low = floor(low);
	high = ceil(high);
	if (fabs(low) >= 0x1p48 || fabs(high) >= 0x1p48)
		return false;
	wide = ceil((high - low + 1) / ST_SUMMARY_BINS);
	s->whole = true;
	s->nbins = (size_t)ceil((high - low + 1) / wide);
	for (size_t i = 0; i <= s->nbins; i++)
		s->edge[i] = low + (double)i * wide - 0.5;
	return true;
}

static double edge_at(double low, double high, double share)
{
	double wide = high - low, a, b;

	if (isfinite(wide)) {
		a = wide * share;
		return low + a;
	}
	a = low * (1 - share);
	b = high * share;
	return a + b;
}

void st_bins_choose(struct st_summary *s, enum st_dtype t)
{
	double low = s->quantile[0], high = s->quantile[ST_SUMMARY_QUANTILES - 1];

	s->nbins = 0;
	if (s->finite == 0)
		return;
	if (!(s->max - s->min > 2 * (high - low)) || low == high) {
		low = s->min;
		high = s->max;
	}
	if (is_whole(t) && choose_whole(s, low, high))
		return;
	s->nbins = low == high ? 1 : ST_SUMMARY_BINS;
	for (size_t i = 1; i < s->nbins; i++)
		s->edge[i] = edge_at(low, high, (double)i / ST_SUMMARY_BINS);
	s->edge[0] = low;
	s->edge[s->nbins] = high;
}

/* Between the outer edges. */
static size_t find_from(const struct st_summary *s, double v, size_t k)
{
	while (k + 1 < s->nbins && v >= s->edge[k + 1])
		k++;
	while (k > 0 && v < s->edge[k])
		k--;
	return k;
}

/* The division only guesses; the edges decide. */
void st_bins_count(struct st_bins *b, const struct st_summary *s, const double *v, size_t n,
		   uint64_t times)
{
	const double low = s->edge[0], high = s->edge[s->nbins];
	double scale = (double)s->nbins / (high - low);

	scale = isfinite(scale) ? scale : 0;
	for (size_t i = 0; i < n; i++) {
		if (v[i] >= low && v[i] <= high) {
			double guess = (v[i] - low) * scale;
			size_t k = guess < (double)s->nbins ? (size_t)guess : 0; /* or NaN */

			b->count[find_from(s, v[i], k)] += times;
		} else if (isfinite(v[i])) {
			b->below += v[i] < low ? times : 0;
			b->above += v[i] > high ? times : 0;
		}
	}
}

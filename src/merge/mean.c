/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where all models agree the result is that number: of f64 a quotient of rounded products need not
 * be. More than two numbers are summed with what each sum cuts off (Knuth's TwoSum), so that their
 * order hardly matters; that sum is rounded to odd (see round.c), so that a mean of equal weights
 * comes out as if rounded once to a type of fewer digits.
 */

#include "merge/mean.h"

#include <math.h>

#include "merge/codes.h"

#define BLOCK ST_BLEND_BLOCK

/* Of types as large as a double's, or by large weights. */
static bool may_overflow(const struct st_job *j, const double *weight)
{
	for (size_t i = 0; i < j->nmodels; i++) {
		const enum st_dtype t = j->b->models[i].dtype;

		if (t == ST_F64 || t == ST_C128 || fabs(weight[i]) > 0x1p800)
			return true;
	}
	return false;
}

/* Whole numbers of 64 bits use all digits of a double, too. */
static bool has_fewer_digits(enum st_dtype t)
{
	return t != ST_F64 && t != ST_C128 && t != ST_I64 && t != ST_U64;
}

/* Two numbers of as many digits as the result has: their sum is a double, or the smaller one does
 * not reach down to where a tie is. */
static bool is_plain(const struct st_job *j)
{
	for (size_t i = 0; i < j->nmodels; i++)
		if (j->b->models[i].dtype != j->b->dtype)
			return false;
	return true;
}

int st_mean_plan(struct st_job *j, bool normalize, struct st_err *e)
{
	struct st_mean *m = st_arena_alloc(&j->arena, sizeof(*m), e);
	double sum = 0;
	bool equal = normalize;

	if (!m)
		return e->code;
	for (size_t i = 0; i < j->nmodels; i++) {
		m->weight[i] = st_job_param(j, "weight", i);
		equal = equal && m->weight[i] == m->weight[0];
		sum += m->weight[i];
	}
	if (normalize && (sum == 0 || !isfinite(sum)))
		return st_fail(e, ST_EUSAGE, "the weights add up to %g, so there is no mean", sum);
	m->sum = normalize ? sum : 1;
	m->normalize = normalize;
	m->overflows = may_overflow(j, m->weight);
	for (size_t i = 0; i < j->nmodels && equal; i++)
		m->weight[i] = 1;
	if (equal)
		m->sum = (double)j->nmodels;
	/* Types of fewer digits than a double has are rounded to the number anyway. */
	m->agree = normalize && (j->b->dtype == ST_F64 || j->b->dtype == ST_C128);
	m->odd = has_fewer_digits(j->b->dtype);
	m->plain = !m->odd || is_plain(j);
	j->state = m;
	return ST_OK;
}

/* out is the sum, lost what its roundings cut off. */
ST_BLEND_INLINE void add(double *restrict out, double *restrict lost, const double *restrict x,
			 double weight)
{
	for (size_t i = 0; i < BLOCK; i++) {
		double a = out[i], b = weight * x[i], s = a + b, bb = s - a;
		double da = a - (s - bb), db = b - bb;

		out[i] = s;
		lost[i] += da + db;
	}
}

ST_BLEND_INLINE void first(double *restrict out, const double *restrict x, double weight)
{
	for (size_t i = 0; i < BLOCK; i++)
		out[i] = x[i] * weight;
}

/* Of numbers of few digits and about one size nothing is. */
ST_BLEND_INLINE bool is_cut(const double *lost)
{
	uint64_t any = 0, bits;

	for (size_t i = 0; i < BLOCK; i++) {
		memcpy(&bits, &lost[i], sizeof(bits));
		any |= bits << 1; /* -0 is none */
	}
	return any != 0;
}

ST_BLEND_INLINE void to_nearest(double *restrict out, const double *restrict lost)
{
	for (size_t i = 0; i < BLOCK; i++) {
		double s = out[i] + lost[i];

		out[i] = lost[i] != 0 ? s : out[i]; /* -0 stays that */
	}
}

/* The sum with what was cut off goes to the neighbour whose last bit is set, if it is no double:
 * never to a tie of a type with fewer digits, which what is cut off would decide. Divided by few
 * digits it is none either. */
ST_BLEND_INLINE void to_odd(double *restrict out, const double *restrict lost)
{
	for (size_t i = 0; i < BLOCK; i++) {
		const double a = out[i], b = lost[i], s = a + b, bb = s - a;
		const double da = a - (s - bb), db = b - bb, cut = da + db;
		const double sum = b != 0 ? s : a;	     /* -0 stays that */
		const uint64_t up = cut > 0, down = cut < 0; /* NaN: neither */
		uint64_t bits, step;

		memcpy(&bits, &sum, sizeof(bits));
		step = (up | down) & ~bits;
		bits += step - ((step & ~(up ^ bits >> 63)) << 1);
		memcpy(&out[i], &bits, sizeof(bits));
	}
}

ST_BLEND_INLINE void divide(double *restrict out, double by)
{
	for (size_t i = 0; i < BLOCK; i++)
		out[i] /= by;
}

ST_BLEND_INLINE void two(double *restrict out, const double *restrict x, const double *restrict y,
			 double wx, double wy, double sum)
{
	for (size_t i = 0; i < BLOCK; i++) {
		double a = x[i] * wx, b = y[i] * wy, s = a + b, mean = s / sum;

		out[i] = mean;
	}
}

ST_BLEND_INLINE void several(const struct st_job *j, const struct st_block *k,
			     const struct st_mean *m)
{
	double lost[BLOCK] = { 0 };

	first(k->out, k->model[0], m->weight[0]);
	for (size_t i = 1; i < j->nmodels; i++)
		add(k->out, lost, k->model[i], m->weight[i]);
	if (m->odd && is_cut(lost))
		to_odd(k->out, lost);
	else if (!m->odd)
		to_nearest(k->out, lost);
	divide(k->out, m->sum);
}

/* All the same number: that one. */
ST_BLEND_INLINE void agree(const struct st_job *j, const struct st_block *k)
{
	for (size_t i = 0; i < k->n; i++) {
		bool same = true;

		for (size_t m = 1; m < j->nmodels; m++)
			same = same && k->model[m][i] == k->model[0][i];
		if (same)
			k->out[i] = k->model[0][i];
	}
}

/* ---- large numbers ---- */

static bool all_finite(const double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(v[i]))
			return false;
	return true;
}

static double clamped(double v, const double *x, size_t n)
{
	double low = x[0], high = x[0];

	for (size_t i = 1; i < n; i++) {
		low = x[i] < low ? x[i] : low;
		high = x[i] > high ? x[i] : high;
	}
	return v < low ? low : v > high ? high : v;
}

double st_mean_of_large(const double *x, const double *weight, size_t n, bool normalize)
{
	const int room = 8; /* bits: ST_SPEC_VALUES numbers add up to less */
	double top = 0, sum = 0, lost = 0, weights = 0, v;
	bool inside = normalize;
	int e;

	if (!all_finite(x, n) || !all_finite(weight, n))
		return NAN;
	for (size_t i = 0; i < n; i++) {
		top = fmax(top, fabs(weight[i]));
		inside = inside && weight[i] >= 0;
	}
	frexp(top, &e);
	for (size_t i = 0; i < n; i++) {
		const double w = ldexp(weight[i], -e), b = ldexp(x[i], -room) * w;
		const double s = sum + b, bb = s - sum;

		lost += (sum - (s - bb)) + (b - bb);
		sum = s;
		weights += w;
	}
	v = ldexp((sum + lost) / (normalize ? weights : ldexp(1, -e)), room);
	return inside ? clamped(v, x, n) : v;
}

static void mend(const struct st_job *j, const struct st_block *k, const struct st_mean *m)
{
	double x[ST_SPEC_VALUES], v;

	for (size_t i = 0; i < k->n; i++) {
		if (isfinite(k->out[i]))
			continue;
		for (size_t at = 0; at < j->nmodels; at++)
			x[at] = k->model[at][i];
		v = st_mean_of_large(x, m->weight, j->nmodels, m->normalize);
		k->out[i] = isnan(v) ? k->out[i] : v;
	}
}

ST_BLEND_INLINE void mean(const struct st_job *j, const struct st_block *k)
{
	const struct st_mean *m = j->state;

	if (j->nmodels == 2 && m->plain)
		two(k->out, k->model[0], k->model[1], m->weight[0], m->weight[1], m->sum);
	else
		several(j, k, m);
	if (m->overflows)
		mend(j, k, m);
	if (m->agree)
		agree(j, k);
}
ST_BLEND_KERNEL(mean);

void st_mean_portable(const struct st_job *j, const struct st_block *k)
{
	mean_portable(j, k);
}

void st_mean_avx2(const struct st_job *j, const struct st_block *k)
{
	mean_avx2(j, k);
}

bool st_mean_codes(const struct st_job *j, const struct st_codes *k, uint8_t *out)
{
	const struct st_mean *m = j->state;
	const double half = m->sum / 2;

	return j->nmodels == 2 && m->weight[0] == half && m->weight[1] == half &&
	       (half == 1 || half == 0.5) && st_codes_mean(out, k->model[0], k->model[1]);
}

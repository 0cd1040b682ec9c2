/* SPDX-License-Identifier: Apache-2.0 */

/*
 * model-stock: t * mean(x_i) + (1 - t) * base with t = N c / (1 + (N - 1) c), where N is the number
 * of models and c the cosine of the angle between x_i - base and x_k - base, for more than two
 * models the mean over all pairs (Jang, Yun, Han, "Model Stock: All we need is just a few
 * fine-tuned models", 2024, arXiv 2403.19522, equations 2 and 3). A zero difference has cosine 0
 * with all others. Where c is not positive, t = 0: the paper's triangle has acute angles, and
 * beyond them t goes to minus infinity, which it reaches, but for the rounding of c, where two
 * differences are opposite, as those of tensors with one element often are.
 */

#include "merge/reduce.h"

#include <math.h>

struct stock {
	double t;
};

static void subtract(double *restrict out, const double *restrict x, const double *restrict b)
{
	for (size_t i = 0; i < ST_BLEND_BLOCK; i++)
		out[i] = x[i] - b[i];
}

/* Norms first, then the products of pairs (0, 1), (0, 2) ... (1, 2) ... */
static void sums(const struct st_job *j, const struct st_block *k, double *out)
{
	double *pair = out + j->nmodels;

	for (size_t m = 0; m < j->nmodels; m++) {
		subtract(k->work[m], k->model[m], k->base);
		out[m] = st_reduce_dot(j->level, k->work[m], k->work[m]);
	}
	for (size_t a = 0; a < j->nmodels; a++)
		for (size_t b = a + 1; b < j->nmodels; b++)
			*pair++ = st_reduce_dot(j->level, k->work[a], k->work[b]);
}

static double mean_cosine(const double *sum, size_t n)
{
	const double *pair = sum + n;
	double all = 0;

	for (size_t a = 0; a < n; a++)
		for (size_t b = a + 1; b < n; b++)
			all += st_reduce_cosine(*pair++, sum[a], sum[b]);
	return all / (double)(n * (n - 1) / 2);
}

static int plan(struct st_job *j, struct st_err *e)
{
	const double n = (double)j->nmodels;
	struct stock *s = st_arena_alloc(&j->arena, sizeof(*s), e);
	struct st_reduce r = { .block = sums };
	double c;
	int rc;

	r.n = j->nmodels + j->nmodels * (j->nmodels - 1) / 2;
	rc = s ? st_reduce_run(j, &r, e) : (int)e->code;
	if (rc != ST_OK)
		return rc;
	c = mean_cosine(r.sum, j->nmodels);
	s->t = c > 0 ? n * c / (1 + (n - 1) * c) : 0;
	j->state = s;
	return ST_OK;
}

ST_BLEND_INLINE void add(double *restrict sum, const double *restrict x)
{
	for (size_t i = 0; i < ST_BLEND_BLOCK; i++)
		sum[i] += x[i];
}

ST_BLEND_INLINE void between(double *restrict out, const double *restrict b, double t, double n)
{
	for (size_t i = 0; i < ST_BLEND_BLOCK; i++) {
		const double mean = out[i] / n, far = t * mean, near = (1 - t) * b[i];
		const double sum = far + near;

		out[i] = near != 0 ? sum : far; /* -0 stays that */
	}
}

ST_BLEND_INLINE void stock(const struct st_job *j, const struct st_block *k)
{
	const struct stock *s = j->state;

	memcpy(k->out, k->model[0], ST_BLEND_BLOCK * sizeof(*k->out));
	for (size_t m = 1; m < j->nmodels; m++)
		add(k->out, k->model[m]);
	between(k->out, k->base, s->t, (double)j->nmodels);
}
ST_BLEND_KERNEL(stock);

const struct st_method st_method_model_stock = {
	.info = { .name = "model-stock",
		  .about = "between the base and the mean, as far as the models agree",
		  .needs_base = true,
		  .min_models = 2,
		  .max_models = ST_SPEC_VALUES },
	.flags = ST_METHOD_TWICE,
	.plan = plan,
	.block = ST_BLEND_LEVELS(stock),
};

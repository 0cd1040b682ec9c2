/* SPDX-License-Identifier: Apache-2.0 */

/*
 * fisher: sum(w_i F_i x_i) / sum(w_i F_i), element by element, where F_i is the diagonal of model
 * i's Fisher information (Matena, Raffel, "Merging Models with Fisher-Weighted Averaging", 2022,
 * arXiv 2111.09832, equation 4). No F_i is smaller than `floor`. Where all are zero, sum(w_i x_i) /
 * sum(w_i).
 */

#include "merge/mean.h"

#include <math.h>

static const struct st_method_param params[] = {
	{ "floor", 0, 0, INFINITY, ST_ONE, "what an information is at least" },
	{ "weight", 1, 0, INFINITY, ST_PER_MODEL, "of each model" },
};

struct fisher {
	struct st_mean *mean; /* where nothing is known */
	double weight[ST_SPEC_VALUES];
	double floor;
};

static int check(const struct st_job *j, const struct st_block *k, const struct st_pass *p,
		 void *result, void *own, struct st_err *e)
{
	(void)p;
	(void)result;
	(void)own;
	for (size_t m = 0; m < j->nmodels; m++)
		for (size_t i = 0; i < k->n; i++)
			if (k->extra[m][i] < 0)
				return st_fail(e, ST_EREFUSED,
					       "element %" PRIu64
					       " of the Fisher information of %s is negative",
					       k->at + i,
					       j->b->models[m].label ? j->b->models[m].label :
								       "a model");
	return ST_OK;
}

static int plan(struct st_job *j, struct st_err *e)
{
	struct fisher *f = st_arena_alloc(&j->arena, sizeof(*f), e);
	struct st_pass p = { .block = check };
	int rc = f ? st_mean_plan(j, true, e) : (int)e->code;

	if (rc != ST_OK)
		return rc;
	f->mean = j->state;
	f->floor = st_job_param(j, "floor", 0);
	for (size_t m = 0; m < j->nmodels; m++)
		f->weight[m] = st_job_param(j, "weight", m);
	j->state = f;
	return st_job_pass(j, &p, e);
}

ST_BLEND_INLINE void add(double *restrict sum, double *restrict by, const double *restrict x,
			 const double *restrict info, double weight, double floor)
{
	for (size_t i = 0; i < ST_BLEND_BLOCK; i++) {
		const double part = weight * (info[i] < floor ? floor : info[i]);
		const double y = part * x[i];

		sum[i] += y;
		by[i] += part;
	}
}

/* Element i, of which a sum is not finite; the quotient stays where an input is not either. */
static double large(const struct st_job *j, const struct st_block *k, const struct fisher *f,
		    size_t i, double quotient)
{
	double x[ST_SPEC_VALUES], part[ST_SPEC_VALUES], mean;

	for (size_t m = 0; m < j->nmodels; m++) {
		const double info = k->extra[m][i];

		x[m] = k->model[m][i];
		part[m] = f->weight[m] * (info < f->floor ? f->floor : info);
	}
	mean = st_mean_of_large(x, part, j->nmodels, true);
	return isnan(mean) ? quotient : mean;
}

ST_BLEND_INLINE void fisher(const struct st_job *j, const struct st_block *k,
			    void (*mean)(const struct st_job *j, const struct st_block *k))
{
	const struct fisher *f = j->state;
	struct st_job plain = *j;
	double sum[ST_BLEND_BLOCK] = { 0 }, by[ST_BLEND_BLOCK] = { 0 };

	plain.state = f->mean;
	mean(&plain, k);
	for (size_t m = 0; m < j->nmodels; m++)
		add(sum, by, k->model[m], k->extra[m], f->weight[m], f->floor);
	for (size_t i = 0; i < k->n; i++) {
		bool same = true;

		for (size_t m = 1; m < j->nmodels; m++)
			same = same && k->model[m][i] == k->model[0][i];
		if (same)
			k->out[i] = k->model[0][i];
		else if (by[i] != 0)
			k->out[i] = isfinite(sum[i]) && isfinite(by[i]) ?
					    sum[i] / by[i] :
					    large(j, k, f, i, sum[i] / by[i]);
	}
}

static void fisher_portable(const struct st_job *j, const struct st_block *k)
{
	fisher(j, k, st_mean_portable);
}

ST_BLEND_TARGET_AVX2 static void fisher_avx2(const struct st_job *j, const struct st_block *k)
{
	fisher(j, k, st_mean_avx2);
}

const struct st_method st_method_fisher = {
	.info = { .name = "fisher",
		  .about = "mean by how much each model knows of an element",
		  .min_models = 1,
		  .max_models = ST_SPEC_VALUES },
	ST_METHOD_PARAMS(params),
	.flags = ST_METHOD_FISHER | ST_METHOD_MEAN,
	.plan = plan,
	.block = ST_BLEND_LEVELS(fisher),
};

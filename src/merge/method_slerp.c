/* SPDX-License-Identifier: Apache-2.0 */

/*
 * slerp: (sin((1 - t) W) a + sin(t W) b) / sin(W), where W is the angle between the tensors a and b
 * taken as vectors (Shoemake, "Animating Rotation with Quaternion Curves", SIGGRAPH 1985). Where
 * |cos W| > parallel, or one of them is zero, (1 - t) a + t b. t = 0 is a and t = 1 is b, bit by
 * bit.
 */

#include "merge/reduce.h"

#include <math.h>

static const struct st_method_param params[] = {
	{ "parallel", 0.9995, 0, 1, ST_ONE, "cosine from which on it is linear" },
	{ "t", 0.5, 0, 1, ST_ONE, "way from the first model to the second" },
};

struct slerp {
	double a, b; /* factors */
	bool straight;
};

static int choose(const struct st_job *j)
{
	const double t = st_job_param(j, "t", 0);

	return t == 0 ? 0 : t == 1 ? 1 : ST_CHOICE_NONE;
}

static void sums(const struct st_job *j, const struct st_block *k, double *out)
{
	const double *a = k->model[0], *b = k->model[1];

	out[0] = st_reduce_dot(j->level, a, b);
	out[1] = st_reduce_dot(j->level, a, a);
	out[2] = st_reduce_dot(j->level, b, b);
}

static int plan(struct st_job *j, struct st_err *e)
{
	const double t = st_job_param(j, "t", 0), parallel = st_job_param(j, "parallel", 0);
	struct slerp *s = st_arena_alloc(&j->arena, sizeof(*s), e);
	struct st_reduce r = { .block = sums, .n = 3 };
	int rc = s ? st_reduce_run(j, &r, e) : (int)e->code;
	double cosine, angle;

	if (rc != ST_OK)
		return rc;
	cosine = st_reduce_cosine(r.sum[0], r.sum[1], r.sum[2]);
	if (fabs(cosine) <= parallel && fabs(cosine) < 1 && r.sum[1] > 0 && r.sum[2] > 0) {
		angle = acos(cosine);
		s->a = sin((1 - t) * angle) / sin(angle);
		s->b = sin(t * angle) / sin(angle);
	} else {
		s->a = 1 - t;
		s->b = t;
		s->straight = true;
	}
	j->state = s;
	return ST_OK;
}

ST_BLEND_INLINE void arc(double *restrict out, const double *restrict a, const double *restrict b,
			 double fa, double fb)
{
	for (size_t i = 0; i < ST_BLEND_BLOCK; i++) {
		const double x = fa * a[i], y = fb * b[i];

		out[i] = x + y;
	}
}

/* Equal numbers stay what they are. */
ST_BLEND_INLINE void line(double *restrict out, const double *restrict a, const double *restrict b,
			  double fa, double fb)
{
	for (size_t i = 0; i < ST_BLEND_BLOCK; i++) {
		const double x = fa * a[i], y = fb * b[i], sum = x + y;

		out[i] = a[i] == b[i] ? a[i] : sum;
	}
}

ST_BLEND_INLINE void slerp(const struct st_job *j, const struct st_block *k)
{
	const struct slerp *s = j->state;

	if (s->straight)
		line(k->out, k->model[0], k->model[1], s->a, s->b);
	else
		arc(k->out, k->model[0], k->model[1], s->a, s->b);
}
ST_BLEND_KERNEL(slerp);

const struct st_method st_method_slerp = {
	.info = { .name = "slerp",
		  .about = "along the arc between two models",
		  .min_models = 2,
		  .max_models = 2 },
	ST_METHOD_PARAMS(params),
	.choose = choose,
	.flags = ST_METHOD_TWICE | ST_METHOD_MEAN,
	.plan = plan,
	.block = ST_BLEND_LEVELS(slerp),
};

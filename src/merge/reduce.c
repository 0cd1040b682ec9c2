/* SPDX-License-Identifier: Apache-2.0 */
#include "merge/reduce.h"

#include <math.h>

#define LANES 8
#define LEVELS 64 /* of the tree: more than blocks can fill */

ST_BLEND_INLINE double dot(const double *restrict a, const double *restrict b)
{
	double v[LANES] = { 0 };

	for (size_t i = 0; i < ST_BLEND_BLOCK; i += LANES)
		for (size_t l = 0; l < LANES; l++) {
			double ab = a[i + l] * b[i + l];

			v[l] += ab;
		}
	return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

ST_BLEND_TARGET_AVX2 static double dot_avx2(const double *a, const double *b)
{
	return dot(a, b);
}

double st_reduce_dot(enum st_blend_level l, const double *a, const double *b)
{
	return l == ST_BLEND_AVX2 ? dot_avx2(a, b) : dot(a, b);
}

double st_reduce_cosine(double ab, double aa, double bb)
{
	double norms = sqrt(aa * bb); /* of equal ones just aa */

	if (norms == 0 || !isfinite(norms))
		norms = sqrt(aa) * sqrt(bb);
	return norms == 0 ? 0 : ab / norms;
}

/* Level k holds a whole tree of 2^k blocks where bit k of their number is set. */
struct tree {
	struct st_reduce *r;
	double *level;
	uint64_t blocks;
};

static void join(double *left, const double *right, size_t n)
{
	for (size_t i = 0; i < n; i++)
		left[i] += right[i];
}

static void tree_add(struct tree *t, const double *sums)
{
	const size_t n = t->r->n;
	double *carry = t->r->sum; /* free until the end */
	size_t k = 0;

	memcpy(carry, sums, n * sizeof(*sums));
	for (; t->blocks >> k & 1; k++) {
		double *left = t->level + k * n;

		join(left, carry, n);
		memcpy(carry, left, n * sizeof(*left));
	}
	memcpy(t->level + k * n, carry, n * sizeof(*carry));
	t->blocks++;
}

static void tree_end(const struct tree *t)
{
	const size_t n = t->r->n;
	double *sum = t->r->sum;

	memset(sum, 0, n * sizeof(*sum));
	for (size_t k = 0; k < LEVELS; k++)
		for (size_t i = 0; i < n && t->blocks >> k & 1; i++)
			sum[i] = t->level[k * n + i] + sum[i];
}

static int reduce_block(const struct st_job *j, const struct st_block *k, const struct st_pass *p,
			void *result, void *own, struct st_err *e)
{
	const struct tree *t = p->arg;

	(void)own;
	(void)e;
	t->r->block(j, k, result);
	return ST_OK;
}

static int reduce_fold(const struct st_job *j, const struct st_pass *p, uint64_t at, size_t n,
		       const void *result, struct st_err *e)
{
	struct tree *t = p->arg;
	const double *sums = result;

	(void)j;
	(void)at;
	(void)e;
	for (size_t done = 0; done < n; done += ST_BLEND_BLOCK, sums += t->r->n)
		tree_add(t, sums);
	return ST_OK;
}

int st_reduce_run(struct st_job *j, struct st_reduce *r, struct st_err *e)
{
	struct tree t = { .r = r };
	struct st_pass p = { .block = reduce_block, .fold = reduce_fold, .arg = &t };
	int rc;

	p.per_block = r->n * sizeof(double);
	r->sum =
		st_arena_alloc(&j->arena, r->n * sizeof(double), e); /* lint: allow products: few */
	t.level = st_calloc(r->n, LEVELS * sizeof(double), e);
	rc = r->sum && t.level ? st_job_pass(j, &p, e) : (int)e->code;
	if (rc == ST_OK)
		tree_end(&t);
	free(t.level);
	return rc;
}

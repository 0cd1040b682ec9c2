/* SPDX-License-Identifier: Apache-2.0 */
/* Weighted means, which several methods are or fall back to. */
#ifndef ST_MERGE_MEAN_H
#define ST_MERGE_MEAN_H

#include "merge/method.h"

struct st_mean { /* state of a job */
	double weight[ST_SPEC_VALUES];
	double sum; /* of them, or 1 */
	bool normalize;
	bool agree;	/* where all models have the same number, that is the result */
	bool overflows; /* sums of finite numbers may do so */
	bool odd;	/* sums are rounded to odd: the result has fewer digits than a double */
	bool plain;	/* of two models: a sum of theirs is no tie that digits cut off decide */
};

/*
 * Takes weights from parameter `weight`. ST_EUSAGE: they are to be divided by their sum, which is
 * 0.
 */
ST_MUST int st_mean_plan(struct st_job *j, bool normalize, struct st_err *e);
void st_mean_portable(const struct st_job *j, const struct st_block *k);
void st_mean_avx2(const struct st_job *j, const struct st_block *k);

/*
 * sum(weight_i x_i), divided by the sum of the weights if asked, of numbers that overflow on the
 * way there: all is done with smaller ones. n is at most ST_SPEC_VALUES. A mean by weights that are
 * not negative lies between the numbers. NaN: an argument is not finite.
 */
double st_mean_of_large(const double *x, const double *weight, size_t n, bool normalize);

/* Two of equal weight. */
bool st_mean_codes(const struct st_job *j, const struct st_codes *k, uint8_t *out);

#define ST_MEAN_LEVELS                         \
	{                                      \
		st_mean_portable, st_mean_avx2 \
	}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters' term of a distance, tensor by tensor (the formula is in distance.c). */
#ifndef ST_REPO_DISTANCE_H
#define ST_REPO_DISTANCE_H

#include "repo/verbs.h"

/* The term is (moved + lone) / (elements compared + lone). */
struct st_distance_sum {
	double moved; /* sum over tensors of elements times relative distance */
	double lone;  /* elements that only one side has, or that cannot be compared */
};

/* One pair of tensors. f: numel, nonfinite, changed, l2 and both norms are looked at; NULL: not
 * compared. a, b: elements of either side, 0 where absent. */
void st_distance_add(struct st_distance_sum *d, const strata_diff_figures *f, double a, double b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods that add up task vectors, d_i = x_i - base, of which some elements are dropped first:
 *
 *	base + scale * sum(w_i m_i d_i)			or, for normalize=1, divided by sum(w_i)
 *
 * m_i is 0 or a factor. With `elect` only those w_i m_i d_i count whose sign is that of their sum,
 * and only their weights (TIES: sign election and disjoint mean); where the sum is zero, none does.
 *
 * Where what is added to the base is just one model's d_i, the result is that model's number to the
 * bit: base + (x - base) need not be x.
 */
#ifndef ST_MERGE_TASKVEC_H
#define ST_MERGE_TASKVEC_H

#include "merge/magnitude.h"
#include "merge/method.h"

struct st_taskvec { /* state of a job */
	double weight[ST_SPEC_VALUES];
	double scale;
	double sum; /* of the weights */
	bool normalize, elect;
	/* How elements are dropped: fills out with m_i d_i of a model. */
	void (*drop[ST_BLEND_NLEVELS])(const struct st_job *j, const struct st_block *k,
				       size_t model, double *restrict out);
	double density[ST_SPEC_VALUES], epsilon[ST_SPEC_VALUES];
	uint64_t key[ST_SPEC_VALUES];	    /* of random numbers */
	struct st_cut keep[ST_SPEC_VALUES]; /* magnitude: the largest that are kept, */
	struct st_cut lose[ST_SPEC_VALUES]; /* but for these */
	bool halves;			    /* st_taskvec_codes can do it */
};

/* Weights, scale and normalize from parameters of these names, where the method has them; drops
 * nothing. */
ST_MUST int st_taskvec_plan(struct st_job *j, bool elect, struct st_err *e);
void st_taskvec_portable(const struct st_job *j, const struct st_block *k);
void st_taskvec_avx2(const struct st_job *j, const struct st_block *k);
/* After st_taskvec_magnitude, with `elect`. */
bool st_taskvec_codes(const struct st_job *j, const struct st_codes *k, uint8_t *out);
#define ST_TASKVEC_LEVELS                            \
	{                                            \
		st_taskvec_portable, st_taskvec_avx2 \
	}

/* After st_taskvec_plan: what is dropped. */
/* All but the floor(density n) elements of largest magnitude (struct st_cut says which of equal
 * ones), one at least if density is not 0; gamma: the floor(gamma n) largest go before that, so
 * that ranks [floor(gamma n), floor(gamma n) + floor(density n)) stay, as far as there are so
 * many. */
ST_MUST int st_taskvec_magnitude(struct st_job *j, bool gamma, struct st_err *e);
/* Each element with probability 1 - density, independently; the others grow by 1 / density. */
ST_MUST int st_taskvec_random(struct st_job *j, struct st_err *e);
/* Likewise, but that the probability of staying goes with the rank in the row from density -
 * epsilon of the smallest to density + epsilon of the largest. */
ST_MUST int st_taskvec_ranked(struct st_job *j, struct st_err *e);

/* The number in [0, 1) that decides on an element: SplitMix64 (Steele, Lea, Flood, "Fast splittable
 * pseudorandom number generators", 2014), whose n-th number is a function of key and n. */
double st_taskvec_draw(uint64_t key, uint64_t element);
/* From (seed, tensor's name, model's place): the first 8 bytes of their BLAKE3. */
uint64_t st_taskvec_key(const struct st_job *j, size_t model);

#define ST_TASKVEC_WEIGHT                                                       \
	{                                                                       \
		"weight", 1, -INFINITY, INFINITY, ST_PER_MODEL, "of each model" \
	}
#define ST_TASKVEC_SCALE                                                                \
	{                                                                               \
		"scale", 1, -INFINITY, INFINITY, ST_ONE, "of what is added to the base" \
	}
#define ST_TASKVEC_NORMALIZE(dflt)                                       \
	{                                                                \
		"normalize", dflt, 0, 1, ST_WHOLE,                       \
			"1: divide by the sum of the weights that count" \
	}
#define ST_TASKVEC_DENSITY(dflt)                                                   \
	{                                                                          \
		"density", dflt, 0, 1, ST_PER_MODEL, "share of elements that stay" \
	}

#endif

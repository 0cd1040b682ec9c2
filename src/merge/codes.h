/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels that take blocks of bf16 as they lie in the file, for x86-64 with AVX2: what is merged
 * most often, without doubles where the result cannot differ. A difference of two bf16 that is
 * exact in f32 is the one that a double holds; where one is not, or an input is not finite, a
 * kernel returns false and the block goes the long way. On other machines all do.
 */
#ifndef ST_MERGE_CODES_H
#define ST_MERGE_CODES_H

#include "merge/method.h"

/*
 * The mean of two, rounded once. In f32 half the sum is exact but where one number has more than
 * 2^16 times the size of the other: then both the sum and what f32 makes of it round to half the
 * larger one. False: not finite.
 */
bool st_codes_mean(uint8_t *out, const uint8_t *a, const uint8_t *b);

/*
 * Two task vectors of equal weight, a power of two, those elements whose distance from the base is
 * more than above[], elected by sign and averaged: the result is the base, a model, or the mean of
 * both, because base + ((a - base) + (b - base)) / 2 fits a double where both differences fit f32.
 */
bool st_codes_elect(uint8_t *out, const uint8_t *base, const uint8_t *const model[2],
		    const float above[2]);

/* Distances |x - base| of a block that lie in [lo, hi] but are not `guess`, in any order. */
struct st_codes_range {
	float lo, hi;
	float guess; /* NAN: none */
};
struct st_codes_found {
	uint32_t above, over, equal; /* hi, guess, guess */
	uint32_t n;
	float in[ST_BLEND_BLOCK + 8];
};
bool st_codes_find(struct st_codes_found *f, const uint8_t *x, const uint8_t *base,
		   const struct st_codes_range *r);

/* The largest f32 that is at most v, the smallest that is at least v: to compare distances with. */
float st_codes_below(double v);
float st_codes_from(double v);

#endif

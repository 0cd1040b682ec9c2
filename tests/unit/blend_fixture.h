/* SPDX-License-Identifier: Apache-2.0 */
/* A tensor's blend out of arrays of doubles. */
#ifndef ST_TESTS_BLEND_FIXTURE_H
#define ST_TESTS_BLEND_FIXTURE_H

#include "merge/method.h"

#define BLENDS 8 /* inputs of a kind */

struct blending {
	const char *spec;
	enum st_dtype dtype; /* of all, but where type says otherwise */
	enum st_dtype type[BLENDS];
	uint64_t shape[3];
	unsigned ndim; /* 0: a vector of n */
	size_t n;
	const double *base, *model[BLENDS], *extra[BLENDS];
	size_t extra_n[BLENDS]; /* 0: n */
	unsigned jobs;		/* 0: 1 */
	uint64_t memory, seed;
	double layer;
	enum st_blend_level level;
	bool allow_nonfinite;
};

/* The result's bytes, which the caller frees; NULL and err. */
uint8_t *blend_bytes(const struct blending *b, size_t *len, struct st_err *err);
/* The result as doubles, which the caller frees. Fails the test where there is none. */
double *blend(const struct blending *b);
/* Expects ST code rc with this message. */
void blend_refused(const struct blending *b, int rc, const char *message);
/* n numbers of a type, about `size` large; the same of the same seed. */
double *blend_numbers(enum st_dtype t, size_t n, double size, uint64_t seed);
/* base + numbers, rounded to the type. */
double *blend_near(enum st_dtype t, const double *base, size_t n, double size, uint64_t seed);

#endif

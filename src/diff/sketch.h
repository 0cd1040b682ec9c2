/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sketch: a few values of a tensor, at places that depend on the number of its elements alone. So
 * a tensor and its cast to another type, or its copy of another name or shape, have sketches that
 * can be compared, and how far these are apart says how far the tensors are, roughly. Similarity
 * proposes; it never decides that two tensors are one.
 *
 * The places lie in one window of ST_SKETCH_WINDOW elements, which begins at a multiple of its
 * length at or below the middle: of a tensor that begins a stored object, and has elements of 1, 2,
 * 4 or 8 bytes, it is never cut by the end of a frame, so that one frame is decoded. Inside, the
 * window is cut evenly and the place in each part moves on, so that weights pruned in a pattern are
 * not all hit or all missed.
 */
#ifndef ST_DIFF_SKETCH_H
#define ST_DIFF_SKETCH_H

#include "tensor/dtype.h"

#define ST_SKETCH_PLACES 12
#define ST_SKETCH_WINDOW ((uint64_t)2048)
#define ST_SKETCH_BYTES (4 * (size_t)ST_SKETCH_PLACES)

struct st_sketch {
	uint64_t numel; /* of the tensor */
	unsigned n;	/* values: 0 of a type that has no sketch, else min(numel, PLACES) */
	float v[ST_SKETCH_PLACES];
};

/* Has a tensor of this type a sketch? Real floating-point types of whole bytes. */
bool st_sketch_type(enum st_dtype t);
/* Row-major numbers of the elements, ascending; returns how many. All lie in [*first, *first +
 * *window). */
unsigned st_sketch_places(uint64_t numel, uint64_t at[ST_SKETCH_PLACES], uint64_t *first,
			  uint64_t *window);
/* From n little-endian elements of type t. Any NaN becomes one; what a float cannot hold becomes
 * infinite. */
void st_sketch_values(struct st_sketch *s, enum st_dtype t, const void *p, unsigned n);
/* As the catalogue keeps the values: n little-endian floats. */
void st_sketch_put(uint8_t out[ST_SKETCH_BYTES], const struct st_sketch *s);
/* False when it is not what numel demands. len 0: no sketch. */
bool st_sketch_get(struct st_sketch *out, uint64_t numel, const void *p, size_t len);

/*
 * Estimate of ||q - p|| / (||p|| + ||q||), from 0 to 1; a value that is not finite on one side or
 * differs there counts as missing, which is 1. Both have values and the same numel.
 */
double st_sketch_apart(const struct st_sketch *p, const struct st_sketch *q);
/* Bit for bit the same values. */
bool st_sketch_same(const struct st_sketch *p, const struct st_sketch *q);
/* At least four different values: else, like all zeros or ones, it says nothing of its origin. */
bool st_sketch_telling(const struct st_sketch *s);

#endif

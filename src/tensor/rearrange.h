/* SPDX-License-Identifier: Apache-2.0 */
/* Elements in memory from one order to another. */
#ifndef ST_TENSOR_REARRANGE_H
#define ST_TENSOR_REARRANGE_H

#include "base/err.h"

struct st_axis {
	uint64_t n, src; /* steps are in elements */
	int64_t dst;
};

/*
 * Copies every element of elem bytes from src to dst; n axes, at least one, of which the outermost
 * in the source comes first. Blocks of it are copied so that neither side leaves the cache.
 */
void st_rearrange(uint8_t *dst, const uint8_t *src, size_t elem, const struct st_axis *axes,
		  unsigned n);
/* Every width bytes of n end first. */
void st_swap_bytes(uint8_t *p, size_t n, size_t width);

#endif

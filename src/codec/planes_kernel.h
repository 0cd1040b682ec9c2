/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of numbers apart and together with vectors, for widths 2 and 4. Private to src/codec. */
#ifndef ST_CODEC_PLANES_KERNEL_H
#define ST_CODEC_PLANES_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both do the first of n numbers, and return how many; turned: with the sign at the other end. */
struct st_planes_kernel {
	size_t (*gather)(uint8_t *out, const uint8_t *p, size_t n, unsigned width, unsigned k,
			 bool turned);
	size_t (*scatter)(uint8_t *out, const uint8_t *const *planes, size_t n, unsigned width,
			  bool turned);
};

extern const struct st_planes_kernel st_planes_kernel_avx2, st_planes_kernel_avx512; /* x86-64 */

#endif

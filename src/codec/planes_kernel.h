/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of numbers apart and together with AVX2, for widths 2 and 4. Private to src/codec. */
#ifndef ST_CODEC_PLANES_KERNEL_H
#define ST_CODEC_PLANES_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both do the first of n numbers, and return how many; turned: with the sign at the other end. */
size_t st_planes_gather_avx2(uint8_t *out, const uint8_t *p, size_t n, unsigned width, unsigned k,
			     bool turned);
size_t st_planes_scatter_avx2(uint8_t *out, const uint8_t *const *planes, size_t n, unsigned width,
			      bool turned);

#endif

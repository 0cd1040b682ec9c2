/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content-defined chunks of ordinary files: a gear hash (Xia et al., "FastCDC", USENIX ATC 2016)
 * over a 64-byte window, cut where its top bits are zero; a stricter mask before the mean and a
 * looser one after it keep sizes near 64 KiB. The gear table is fixed for ever: the 256 first
 * outputs of splitmix64 seeded with 0, so equal content gives equal chunks in every repository.
 */
#ifndef ST_REPO_CDC_H
#define ST_REPO_CDC_H

#include <stddef.h>
#include <stdint.h>

#define ST_CDC_MIN ((size_t)16 << 10)
#define ST_CDC_MEAN ((size_t)64 << 10)
#define ST_CDC_MAX ((size_t)256 << 10)

struct st_cdc {
	uint64_t gear[256];
};

void st_cdc_init(struct st_cdc *c);
/*
 * Length of the chunk that starts at p, n > 0 bytes being there. Unless they are the end of the
 * content n must be at least ST_CDC_MAX.
 */
size_t st_cdc_next(const struct st_cdc *c, const uint8_t *p, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What rans.c asks of a vector unit. Private to src/codec. */
#ifndef ST_CODEC_RANS_KERNEL_H
#define ST_CODEC_RANS_KERNEL_H

#include "codec/rans.h"

/*
 * As many whole steps of 64 symbols as can be done without reaching beyond the words: decoding goes
 * forward from symbol 0 and returns how many are done; encoding goes back from symbol n and returns
 * how many are left.
 */
struct st_rans_kernel {
	size_t (*decode)(const struct st_rans_model *m, const struct st_rans_lanes *l,
			 uint32_t *states, const uint8_t **words, const uint8_t *end,
			 const uint8_t *ctx, uint8_t *sym, size_t n);
	size_t (*encode)(const struct st_rans_model *m, const struct st_rans_lanes *l,
			 uint32_t *states, uint8_t **words, const uint8_t *first,
			 const uint8_t *sym, const uint8_t *ctx, size_t n);
	/* What each slot up to end means; the frequencies sum to their number. */
	void (*slots)(const uint16_t *freq, unsigned nsyms, uint32_t *slot, const uint32_t *end);
};

/* Of the model's level; NULL where there is none beside portable C. */
const struct st_rans_kernel *st_rans_kernel_of(const struct st_rans_model *m);

#if defined(__x86_64__)
extern const struct st_rans_kernel st_rans_kernel_avx2, st_rans_kernel_avx512;
/* Counts the first of n, and returns how many. Wider vectors would not help: memory is what it
 * waits for. */
size_t st_rans_count_avx2(struct st_rans_model *m, const uint8_t *sym, const uint8_t *ctx,
			  size_t n);
#endif

#endif

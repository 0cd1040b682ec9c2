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
#if defined(__x86_64__)
size_t st_rans_decode_avx2(const struct st_rans_model *m, const struct st_rans_lanes *l,
			   uint32_t *states, const uint8_t **words, const uint8_t *end,
			   const uint8_t *ctx, uint8_t *sym, size_t n);
size_t st_rans_encode_avx2(const struct st_rans_model *m, const struct st_rans_lanes *l,
			   uint32_t *states, uint8_t **words, const uint8_t *first,
			   const uint8_t *sym, const uint8_t *ctx, size_t n);
/* Counts the first of n, and returns how many. */
size_t st_rans_count_avx2(struct st_rans_model *m, const uint8_t *sym, const uint8_t *ctx,
			  size_t n);
/* A table of what each of ST_RANS_TOTAL slots means; the frequencies sum to that. */
void st_rans_slots_avx2(const uint16_t *freq, unsigned nsyms, uint32_t *slot);
#else
#define st_rans_decode_avx2(m, l, states, words, end, ctx, sym, n) ((size_t)0)
#define st_rans_encode_avx2(m, l, states, words, first, sym, ctx, n) (n)
#define st_rans_count_avx2(m, sym, ctx, n) ((size_t)0)
#endif

#endif

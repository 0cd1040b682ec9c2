/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others do with a tensor, written for comparison: byte planes with Huffman's code as in
 * ZipNN, XOR with a base as in BitX, zstd alone, and the size that FM-Delta's order-0 code comes
 * to. Everything that only helps them is done: Huffman's coder is zstd's own (huff0 with four
 * streams), and it works on pieces that stay in the cache.
 */
#ifndef CODEC_RIVALS_H
#define CODEC_RIVALS_H

#include "codec/num.h"

#include <stddef.h>

struct pair {
	const uint8_t *x, *base; /* base: NULL when there is none */
	size_t n;		 /* bytes of each */
	unsigned width;
	enum st_num number;
};

struct rival {
	const char *name;
	bool needs_base;
	/* NULL state of its own; out has room for rival_bound(n). Returns the length, exact. */
	size_t (*encode)(void *state, const struct pair *p, uint8_t *out);
	void (*decode)(void *state, const struct pair *p, const uint8_t *in, size_t len,
		       uint8_t *out);
};

extern const struct rival rivals[];
extern const size_t nrivals;

void *rivals_new(size_t largest); /* bytes of the largest tensor; exits when out of memory */
void rivals_free(void *state);
size_t rival_bound(size_t n);
/* Bytes: signs and lengths of the differences at their entropy, and their low bits; no table. */
double fm_delta_size(const struct pair *p);

#endif

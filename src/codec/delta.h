/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers against the base's numbers, element by element. Private to src/codec. */
#ifndef ST_CODEC_DELTA_H
#define ST_CODEC_DELTA_H

#include "codec/num.h"
#include "codec/rans.h"

#define ST_DECAY_CELLS 256 /* by the highest 8 bits of the mantissa */

/* What is predicted of a number that only decayed: nearer to zero by step[cell] up to the next. */
struct st_decay {
	int32_t step[ST_DECAY_CELLS + 1];
	bool steep; /* two steps next to each other differ by 2^31 or more, as hostile ones may */
};

/* The context of a level is from + (levels below top << shift), but within what there is. */
struct st_context_line {
	unsigned top;
	int from;
	unsigned shift; /* 0 or 1 */
};

/* One width of elements. Arrays of numbers need not be aligned. */
struct st_delta_kernel {
	/* mag[i] and symbol of x[i] against b[i]; decay may be NULL. */
	void (*split)(const uint8_t *x, const uint8_t *b, size_t n, enum st_num num,
		      const struct st_decay *decay, uint8_t *mag, uint8_t *sym);
	/* The other way, with the low bits of mag from a bit stream: *bit is where, and advances.
	 * room bytes may be read. False when it ends too early. */
	bool (*join)(const uint8_t *sym, const uint8_t *b, size_t n, enum st_num num,
		     const struct st_decay *decay, const uint8_t *raw, size_t raw_len,
		     uint64_t *bit, uint8_t *x);
	/* The low bits of each mag into the stream; *bit advances. out is zero from there on. */
	void (*put_raw)(const uint8_t *mag, const uint8_t *sym, size_t n, uint8_t *out,
			uint64_t *bit);
	/* A number's exponent, of an integer its bits: what contexts are made of. */
	void (*levels)(const uint8_t *b, size_t n, enum st_num num, uint16_t *level);
	/* A context of each number of the base, by its level. */
	void (*contexts)(const uint8_t *b, size_t n, enum st_num num,
			 const struct st_context_line *l, uint8_t *ctx);
	/* The sum of (min(mag, st_delta_most) + the symbol's sign) * 2^22 >> levels below top, each
	 * rounded down. */
	uint64_t (*weigh)(const uint8_t *mag, const uint8_t *sym, const uint8_t *b, size_t n,
			  enum st_num num, unsigned top);
};

/* As far as zero is in steps of the base's: what is further, or beyond, is mostly not so far. */
static inline uint32_t st_delta_most(enum st_num num)
{
	unsigned mantissa = st_numbers[num].mantissa;

	return (1u << (num != ST_NUM_INT && mantissa < 23 ? mantissa + 1 : 24)) - 1;
}

extern const struct st_delta_kernel st_delta_kernels[4]; /* widths 1, 2, 4, 8 */
/* Widths 2 and 4; x86-64 only. */
extern const struct st_delta_kernel st_delta_kernels_avx2[2], st_delta_kernels_avx512[2];

/* The best there is for a width of 1, 2, 4 or 8 with these vectors. */
const struct st_delta_kernel *st_delta_kernel_of(unsigned width, enum st_vectors vectors);

#endif

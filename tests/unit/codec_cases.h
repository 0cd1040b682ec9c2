/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of every kind that the coders meet, for the tests of each of them. */
#ifndef ST_TEST_CODEC_CASES_H
#define ST_TEST_CODEC_CASES_H

#include "codec/codec.h"
#include "codec/rans.h"

enum fill {
	FILL_ZERO,
	FILL_ELEMENT,
	FILL_NOISE,
	FILL_TEXT,
	FILL_FLOATS,
	FILL_RAMP,
	FILL_UPCAST, /* of 4-byte elements the upper halves only */
	FILL_JSON,
	NFILLS
};

/* A small generator of its own, so that a case is the same everywhere. */
uint32_t case_random(uint64_t *state);
void case_fill(uint8_t *p, size_t n, enum fill how, unsigned width, uint64_t seed);

/*
 * By how much the long loops over cases go on: 1, or what ST_TEST_STRIDE says, for processors that
 * are emulated. Not a multiple of 2, 3, 5 or 11, so that every kind of case comes.
 */
size_t case_stride(void);

/* Pairs of a frame and its base. */
enum pair {
	PAIR_EQUAL,
	PAIR_PLUS_ONE,
	PAIR_NEAR,    /* weights, half of them moved a little */
	PAIR_FAR,     /* weights that have nothing to do with each other */
	PAIR_RANDOM,  /* any bits */
	PAIR_SPECIAL, /* NaN payloads, infinities, both zeros, denormals */
	PAIR_FEW,     /* one in a hundred replaced */
	PAIR_ROWS,    /* rows that stay, and rows that move far or little */
	PAIR_DECAY,   /* most rows multiplied some times, exactly as the type rounds */
	PAIR_ZEROS,   /* most of it zero on both sides */
	PAIR_UPCAST,  /* near, lower halves zero */
	NPAIRS
};
#define PAIR_ROW 96 /* elements of a row in PAIR_ROWS and PAIR_DECAY */

/* m elements each, and 7 bytes of a tail. */
void case_pair(uint8_t *x, uint8_t *base, size_t m, unsigned width, enum st_num num, enum pair how,
	       uint64_t seed);
/* A number that fits: all of them in turn as i grows. */
enum st_num case_number(unsigned width, size_t i);

/* A state of each level of vectors that the processor has, the best first, to hold against each
 * other. */
struct case_states {
	struct st_codec_state *s[ST_VECTORS_NLEVELS];
	int n;
	uint8_t *raw, *base, *out, *back; /* a frame and a little more each */
};
void case_states_init(struct case_states *c);
void case_states_release(struct case_states *c);
/* Of a group of tests, whose state is a struct case_states. */
int case_setup(void **state);
int case_teardown(void **state);
/*
 * Encodes in with one row of the table into c->out at each level, which must give the same bytes,
 * and decodes at each. The stored length; 0 when the coding does not apply or not save anything.
 */
size_t case_coded(struct case_states *c, enum st_coding coding, const struct st_frame_in *in);
/* Fills c->raw and c->base; what to encode. tail bytes more than m elements. */
struct st_frame_in case_in(struct case_states *c, size_t m, unsigned width, enum st_num num,
			   enum pair how, size_t tail, uint64_t row);
/* What a decoder makes of len bytes; a byte written beyond n, or status and error apart, fails. */
int case_decode(struct case_states *c, enum st_coding coding, const struct st_frame_in *in,
		const uint8_t *p, size_t len);
/* Every byte of c->out changed in turn, to few values: never the same bytes, never beyond. */
void case_flips(struct case_states *c, enum st_coding coding, const struct st_frame_in *in,
		size_t len);

/* The same of n bytes of blocks, of which a few values differ. */
struct st_frame_in case_blocks(struct case_states *c, size_t n, enum st_quant quant, uint64_t at);
/* Types with parts. */
static const enum st_quant case_quants[] = { ST_Q4_0, ST_Q4_1, ST_Q5_0, ST_Q5_1, ST_Q8_0,
					     ST_Q2_K, ST_Q3_K, ST_Q4_K, ST_Q5_K, ST_Q6_K };
#define NQUANTS (sizeof(case_quants) / sizeof(*case_quants))

static const unsigned case_widths[] = { 1, 2, 4, 8 };
static const size_t case_sizes[] = { 1,	     2,	   7,	 8,	9,     31,     32,
				     33,     1000, 4096, 65535, 65536, 300001, (1 << 20) - 3,
				     1 << 20 };
#define NWIDTHS (sizeof(case_widths) / sizeof(*case_widths))
#define NSIZES (sizeof(case_sizes) / sizeof(*case_sizes))

#endif

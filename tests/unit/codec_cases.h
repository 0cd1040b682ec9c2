/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of every kind that the coders meet, for the tests of each of them. */
#ifndef ST_TEST_CODEC_CASES_H
#define ST_TEST_CODEC_CASES_H

#include "codec/codec.h"

enum fill {
	FILL_ZERO,
	FILL_ELEMENT,
	FILL_NOISE,
	FILL_TEXT,
	FILL_FLOATS,
	FILL_RAMP,
	NFILLS
};

/* A small generator of its own, so that a case is the same everywhere. */
uint32_t case_random(uint64_t *state);
void case_fill(uint8_t *p, size_t n, enum fill how, unsigned width, uint64_t seed);

static const unsigned case_widths[] = { 1, 2, 4, 8 };
static const size_t case_sizes[] = { 1,	     2,	   7,	 8,	9,     31,     32,
				     33,     1000, 4096, 65535, 65536, 300001, (1 << 20) - 3,
				     1 << 20 };
#define NWIDTHS (sizeof(case_widths) / sizeof(*case_widths))
#define NSIZES (sizeof(case_sizes) / sizeof(*case_sizes))

#endif

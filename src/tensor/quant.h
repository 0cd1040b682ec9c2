/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types whose elements are quantised in blocks, as GGUF files have them: scales and small integers
 * together (ggml-common.h of ggml is the reference). A block is a whole number of bytes, and no
 * element has an address of its own.
 */
#ifndef ST_TENSOR_QUANT_H
#define ST_TENSOR_QUANT_H

#include <stdbool.h>

/* id, GGUF's number (on disk: never renumber), name, elements of a block, its bytes */
#define ST_QUANT_TABLE(X)                     \
	X(ST_Q4_0, 2, "q4_0", 32, 18)         \
	X(ST_Q4_1, 3, "q4_1", 32, 20)         \
	X(ST_Q5_0, 6, "q5_0", 32, 22)         \
	X(ST_Q5_1, 7, "q5_1", 32, 24)         \
	X(ST_Q8_0, 8, "q8_0", 32, 34)         \
	X(ST_Q2_K, 10, "q2_k", 256, 84)       \
	X(ST_Q3_K, 11, "q3_k", 256, 110)      \
	X(ST_Q4_K, 12, "q4_k", 256, 144)      \
	X(ST_Q5_K, 13, "q5_k", 256, 176)      \
	X(ST_Q6_K, 14, "q6_k", 256, 210)      \
	X(ST_IQ2_XXS, 16, "iq2_xxs", 256, 66) \
	X(ST_IQ2_XS, 17, "iq2_xs", 256, 74)   \
	X(ST_IQ3_XXS, 18, "iq3_xxs", 256, 98) \
	X(ST_IQ1_S, 19, "iq1_s", 256, 50)     \
	X(ST_IQ4_NL, 20, "iq4_nl", 32, 18)    \
	X(ST_IQ3_S, 21, "iq3_s", 256, 110)    \
	X(ST_IQ2_S, 22, "iq2_s", 256, 82)     \
	X(ST_IQ4_XS, 23, "iq4_xs", 256, 136)  \
	X(ST_IQ1_M, 29, "iq1_m", 256, 56)     \
	X(ST_TQ1_0, 34, "tq1_0", 256, 54)     \
	X(ST_TQ2_0, 35, "tq2_0", 256, 66)     \
	X(ST_MXFP4, 39, "mxfp4", 32, 17)      \
	X(ST_NVFP4, 40, "nvfp4", 64, 36)

enum st_quant {
	ST_QUANT_NONE = 0,
#define ST_QUANT_ENUM(id, number, name, elements, bytes) id = number,
	ST_QUANT_TABLE(ST_QUANT_ENUM)
#undef ST_QUANT_ENUM
};

struct st_quant_info {
	enum st_quant quant;
	const char *name;
	unsigned elements, bytes;
};

/* NULL: there is no such type. Any value may be asked about. */
const struct st_quant_info *st_quant_info(unsigned quant);

#endif

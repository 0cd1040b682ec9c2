/* SPDX-License-Identifier: Apache-2.0 */
/* Elements as the codings see them: where a number has its exponent, and how two are compared. */
#ifndef ST_CODEC_NUM_H
#define ST_CODEC_NUM_H

#include "tensor/dtype.h"

enum st_num { /* on disk: never renumber */
	ST_NUM_INT = 0,
	ST_NUM_BF16 = 1,
	ST_NUM_F16 = 2,
	ST_NUM_F32 = 3,
	ST_NUM_F64 = 4,
	ST_NUM_E4M3 = 5,
	ST_NUM_E5M2 = 6,
	ST_NNUMBERS
};

struct st_number_info {
	unsigned width;		     /* bytes; 0: any of 1, 2, 4, 8 */
	unsigned mantissa, exponent; /* bits */
};

static const struct st_number_info st_numbers[ST_NNUMBERS] = {
	[ST_NUM_INT] = { 0, 0, 0 },  [ST_NUM_BF16] = { 2, 7, 8 },  [ST_NUM_F16] = { 2, 10, 5 },
	[ST_NUM_F32] = { 4, 23, 8 }, [ST_NUM_F64] = { 8, 52, 11 }, [ST_NUM_E4M3] = { 1, 3, 4 },
	[ST_NUM_E5M2] = { 1, 2, 5 },
};

/* Is there such a number, and has it this width? Any value may be asked about. */
static inline bool st_num_fits(unsigned number, unsigned width)
{
	return number < ST_NNUMBERS &&
	       (st_numbers[number].width == 0 || st_numbers[number].width == width);
}

/* A complex number's parts; ST_NUM_INT for all that is no floating-point number of whole bytes. */
enum st_num st_num_of_dtype(enum st_dtype t);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/num.h"

enum st_num st_num_of_dtype(enum st_dtype t)
{
	switch (t) {
	case ST_BF16:
		return ST_NUM_BF16;
	case ST_F16:
	case ST_C32:
		return ST_NUM_F16;
	case ST_F32:
	case ST_C64:
		return ST_NUM_F32;
	case ST_F64:
	case ST_C128:
		return ST_NUM_F64;
	case ST_F8_E4M3:
	case ST_F8_E4M3FNUZ:
		return ST_NUM_E4M3;
	case ST_F8_E5M2:
	case ST_F8_E5M2FNUZ:
		return ST_NUM_E5M2;
	default:
		return ST_NUM_INT;
	}
}

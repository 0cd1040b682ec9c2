/* SPDX-License-Identifier: Apache-2.0 */
/* lint: not alone */

/*
 * What the SIMD files share. Each says ST_B3_OP, an intrinsic's name from its end, and the types
 * vec and reg, of whatever width.
 */

/* A 4 x 4 transposition in each 128 bits. */
LANE_INLINE void transpose_each(vec *a, vec *b, vec *c, vec *d)
{
	reg ab_lo = ST_B3_OP(unpacklo_epi32)((reg)*a, (reg)*b);
	reg ab_hi = ST_B3_OP(unpackhi_epi32)((reg)*a, (reg)*b);
	reg cd_lo = ST_B3_OP(unpacklo_epi32)((reg)*c, (reg)*d);
	reg cd_hi = ST_B3_OP(unpackhi_epi32)((reg)*c, (reg)*d);

	*a = (vec)ST_B3_OP(unpacklo_epi64)(ab_lo, cd_lo);
	*b = (vec)ST_B3_OP(unpackhi_epi64)(ab_lo, cd_lo);
	*c = (vec)ST_B3_OP(unpacklo_epi64)(ab_hi, cd_hi);
	*d = (vec)ST_B3_OP(unpackhi_epi64)(ab_hi, cd_hi);
}

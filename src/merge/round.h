/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doubles to element types, with one rounding: to the nearest number, ties to even, whatever the
 * machine. Types that can be stored are bf16, f16, f32, f64, the four f8 with a mantissa and the
 * integers; of a complex type, its parts.
 */
#ifndef ST_MERGE_ROUND_H
#define ST_MERGE_ROUND_H

#include "tensor/dtype.h"

bool st_round_can(enum st_dtype t);
bool st_round_is_float(enum st_dtype t); /* or a complex one */
/* Little-endian, without alignment. NaN becomes the quiet one without a sign (of integers: 0). What
 * is beyond the largest number becomes Inf where the type has it, else NaN; integers saturate. */
void st_round_store(void *out, enum st_dtype t, const double *v, size_t n);
/*
 * The first that is not finite or becomes so by being stored (integers: does not fit); n if none.
 */
size_t st_round_overflow(enum st_dtype t, const double *v, size_t n);

/* Is none smaller than least, larger than most, or NaN? */
bool st_round_within(const double *v, size_t n, double least, double most);

/* x86-64 with AVX2 and F16C only; n a multiple of 8. bf16, f16 or f32. */
void st_round_store_avx2(void *out, enum st_dtype t, const double *v, size_t n);
bool st_round_within_avx2(const double *v, size_t n, double least, double most);
bool st_round_has_avx2(void);
/* st_round_store without it. */
void st_round_store_portable(void *out, enum st_dtype t, const double *v, size_t n);

#endif

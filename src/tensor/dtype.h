/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element types. The names are what people see and what manifests store; the numbers are not
 * stored.
 */
#ifndef ST_TENSOR_DTYPE_H
#define ST_TENSOR_DTYPE_H

#include "base/err.h"

/* id, name, bits per element, safetensors name ("" if it has none), NumPy descr ("" if none) */
#define ST_DTYPE_TABLE(X)                                      \
	X(ST_OPAQUE, "opaque", 8, "", "|u1")                   \
	X(ST_BOOL, "bool", 8, "BOOL", "|b1")                   \
	X(ST_F4, "f4_e2m1", 4, "F4", "")                       \
	X(ST_F6_E2M3, "f6_e2m3", 6, "F6_E2M3", "")             \
	X(ST_F6_E3M2, "f6_e3m2", 6, "F6_E3M2", "")             \
	X(ST_U8, "u8", 8, "U8", "|u1")                         \
	X(ST_I8, "i8", 8, "I8", "|i1")                         \
	X(ST_F8_E5M2, "f8_e5m2", 8, "F8_E5M2", "")             \
	X(ST_F8_E4M3, "f8_e4m3fn", 8, "F8_E4M3", "")           \
	X(ST_F8_E8M0, "f8_e8m0", 8, "F8_E8M0", "")             \
	X(ST_F8_E4M3FNUZ, "f8_e4m3fnuz", 8, "F8_E4M3FNUZ", "") \
	X(ST_F8_E5M2FNUZ, "f8_e5m2fnuz", 8, "F8_E5M2FNUZ", "") \
	X(ST_I16, "i16", 16, "I16", "<i2")                     \
	X(ST_U16, "u16", 16, "U16", "<u2")                     \
	X(ST_F16, "f16", 16, "F16", "<f2")                     \
	X(ST_BF16, "bf16", 16, "BF16", "")                     \
	X(ST_I32, "i32", 32, "I32", "<i4")                     \
	X(ST_U32, "u32", 32, "U32", "<u4")                     \
	X(ST_F32, "f32", 32, "F32", "<f4")                     \
	X(ST_C32, "c32", 32, "", "<u4")                        \
	X(ST_C64, "c64", 64, "C64", "<c8")                     \
	X(ST_F64, "f64", 64, "F64", "<f8")                     \
	X(ST_I64, "i64", 64, "I64", "<i8")                     \
	X(ST_U64, "u64", 64, "U64", "<u8")                     \
	X(ST_C128, "c128", 128, "", "<c16")

enum st_dtype {
#define ST_DTYPE_ENUM(id, name, bits, safe, npy) id,
	ST_DTYPE_TABLE(ST_DTYPE_ENUM)
#undef ST_DTYPE_ENUM
	ST_NDTYPES
};

struct st_dtype_info {
	const char *name;
	unsigned bits;
	const char *safetensors, *numpy;
};

const struct st_dtype_info *st_dtype_info(enum st_dtype t);
/* By strata's own name or by safetensors's; false when unknown. */
bool st_dtype_by_name(enum st_dtype *out, const char *name, size_t len);
bool st_dtype_by_safetensors(enum st_dtype *out, const char *name, size_t len);
/* Bytes that keep together in byte planes: 1, 2, 4 or 8. */
unsigned st_dtype_width(enum st_dtype t);

#endif

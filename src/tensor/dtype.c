/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/dtype.h"

#include <string.h>

static const struct st_dtype_info table[ST_NDTYPES] = {
#define ST_DTYPE_ROW(id, name, bits, safe, npy) [id] = { name, bits, safe, npy },
	ST_DTYPE_TABLE(ST_DTYPE_ROW)
#undef ST_DTYPE_ROW
};

const struct st_dtype_info *st_dtype_info(enum st_dtype t)
{
	ST_BUG_ON((unsigned)t >= ST_NDTYPES);
	return &table[t];
}

static bool equal(const char *a, const char *name, size_t len)
{
	return len && strlen(a) == len && memcmp(a, name, len) == 0;
}

bool st_dtype_by_name(enum st_dtype *out, const char *name, size_t len)
{
	for (unsigned t = 0; t < ST_NDTYPES; t++) {
		if (equal(table[t].name, name, len)) {
			*out = (enum st_dtype)t;
			return true;
		}
	}
	return false;
}

bool st_dtype_by_safetensors(enum st_dtype *out, const char *name, size_t len)
{
	for (unsigned t = 0; t < ST_NDTYPES; t++) {
		if (equal(table[t].safetensors, name, len)) {
			*out = (enum st_dtype)t;
			return true;
		}
	}
	return false;
}

unsigned st_dtype_width(enum st_dtype t)
{
	unsigned bits = st_dtype_info(t)->bits;

	/* A complex number is two floats, whose like bytes belong together. */
	if (t == ST_C32 || t == ST_C64 || t == ST_C128)
		bits /= 2;
	return bits < 8 ? 1 : bits / 8;
}

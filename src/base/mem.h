/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and checked arithmetic. Every size that comes from a file goes through these. */
#ifndef ST_BASE_MEM_H
#define ST_BASE_MEM_H

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

/* False when the result does not fit; *out is then unchanged. */
static inline bool st_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
	uint64_t r;

	if (__builtin_mul_overflow(a, b, &r))
		return false;
	*out = r;
	return true;
}

static inline bool st_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
	uint64_t r;

	if (__builtin_add_overflow(a, b, &r))
		return false;
	*out = r;
	return true;
}

/* u64 content size to memory length. */
ST_MUST int st_size(uint64_t n, size_t *out, struct st_err *e);

/* Zeroed array of n elements; NULL with e filled on failure. n == 0 gives one element's room. */
ST_MUST void *st_calloc(size_t n, size_t elem, struct st_err *e);
ST_MUST void *st_malloc(size_t n, struct st_err *e);
ST_MUST char *st_strdup(const char *s, struct st_err *e);
ST_MUST void *st_memdup(const void *p, size_t n, struct st_err *e);

/* Makes room for at least `need` elements in a growing array: doubles. On failure *arr is kept. */
ST_MUST int st_grow_(void **arr, size_t *cap, size_t need, size_t elem, struct st_err *e);
#define st_grow(arr, cap, need, e) st_grow_((void **)(arr), (cap), (need), sizeof(**(arr)), (e))

static inline uint16_t st_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t st_get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t st_get64(const uint8_t *p)
{
	return (uint64_t)st_get32(p) | (uint64_t)st_get32(p + 4) << 32;
}

static inline void st_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void st_put32(uint8_t *p, uint32_t v)
{
	st_put16(p, (uint16_t)v);
	st_put16(p + 2, (uint16_t)(v >> 16));
}

static inline void st_put64(uint8_t *p, uint64_t v)
{
	st_put32(p, (uint32_t)v);
	st_put32(p + 4, (uint32_t)(v >> 32));
}

#endif

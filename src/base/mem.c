/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

int st_size(uint64_t n, size_t *out, struct st_err *e)
{
	if (n > SIZE_MAX / 2)
		return st_fail(e, ST_ELIMIT, "%" PRIu64 " bytes do not fit in memory", n);
	*out = (size_t)n;
	return ST_OK;
}

void *st_calloc(size_t n, size_t elem, struct st_err *e)
{
	void *p = calloc(n ? n : 1, elem ? elem : 1);

	if (!p)
		st_fail(e, ST_ENOMEM, "out of memory asking for %zu x %zu bytes", n, elem);
	return p;
}

/*
 * Where malloc puts a large block, 16 bytes behind the beginning of a page, several processors copy
 * to and from the kernel at a fifth of their speed.
 */
#define LARGE ((size_t)64 << 10)
#define LINE 64

void *st_malloc(size_t n, struct st_err *e)
{
	void *p = n < LARGE ? malloc(n ? n : 1) : aligned_alloc(LINE, n + (-n % LINE));

	if (!p)
		st_nomem(e, n);
	return p;
}

void *st_memdup(const void *p, size_t n, struct st_err *e)
{
	void *q = st_malloc(n, e);

	if (q && n)
		memcpy(q, p, n);
	return q;
}

char *st_strdup(const char *s, struct st_err *e)
{
	return st_memdup(s, strlen(s) + 1, e);
}

int st_grow_(void **arr, size_t *cap, size_t need, size_t elem, struct st_err *e)
{
	size_t n = *cap ? *cap : 16, bytes;
	void *p;

	if (need <= *cap)
		return ST_OK;
	while (n < need) {
		if (n > SIZE_MAX / 4)
			return st_fail(e, ST_ELIMIT, "array of %zu elements", need);
		n *= 2;
	}
	if (__builtin_mul_overflow(n, elem, &bytes))
		return st_fail(e, ST_ELIMIT, "array of %zu elements", need);
	p = realloc(*arr, bytes);
	if (!p)
		return st_nomem(e, bytes);
	*arr = p;
	*cap = n;
	return ST_OK;
}

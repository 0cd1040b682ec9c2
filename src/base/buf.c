/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

void st_buf_init(struct st_buf *b, size_t max)
{
	*b = (struct st_buf){ .max = max };
}

void st_buf_release(struct st_buf *b)
{
	free(b->p);
	*b = (struct st_buf){ .max = b->max };
}

void st_buf_clear(struct st_buf *b)
{
	b->len = 0;
}

int st_buf_room(struct st_buf *b, size_t n, struct st_err *e)
{
	size_t need;

	/* One byte more than asked, so that st_buf_cstr never fails on a full buffer. */
	if (__builtin_add_overflow(b->len, n, &need) || need > b->max || need == SIZE_MAX)
		return st_fail(e, ST_ELIMIT, "buffer of %zu bytes would exceed its limit of %zu",
			       b->len, b->max);
	return st_grow(&b->p, &b->cap, need + 1, e);
}

int st_buf_add(struct st_buf *b, const void *p, size_t n, struct st_err *e)
{
	int rc = st_buf_room(b, n, e);

	if (rc == ST_OK && n) {
		memcpy(b->p + b->len, p, n);
		b->len += n;
	}
	return rc;
}

int st_buf_addstr(struct st_buf *b, const char *s, struct st_err *e)
{
	return st_buf_add(b, s, strlen(s), e);
}

int st_buf_addch(struct st_buf *b, char c, struct st_err *e)
{
	return st_buf_add(b, &c, 1, e);
}

int st_buf_addf(struct st_buf *b, struct st_err *e, const char *fmt, ...)
{
	va_list ap;
	int n, rc;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return st_fail(e, ST_EBUG, "format %s", fmt);
	rc = st_buf_room(b, (size_t)n, e); /* which leaves a byte for the NUL */
	if (rc != ST_OK)
		return rc;
	va_start(ap, fmt);
	vsnprintf((char *)b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return ST_OK;
}

char *st_buf_cstr(struct st_buf *b, struct st_err *e)
{
	if (st_grow(&b->p, &b->cap, b->len + 1, e) != ST_OK)
		return NULL;
	b->p[b->len] = 0;
	return (char *)b->p;
}

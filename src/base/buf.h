/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer with a maximum, so that no input can make one grow without bound. */
#ifndef ST_BASE_BUF_H
#define ST_BASE_BUF_H

#include "base/mem.h"

struct st_buf {
	uint8_t *p;
	size_t len, cap;
	size_t max; /* growth past this is ST_ELIMIT */
};

void st_buf_init(struct st_buf *b, size_t max);
void st_buf_release(struct st_buf *b);
void st_buf_clear(struct st_buf *b); /* keeps the memory */

ST_MUST int st_buf_add(struct st_buf *b, const void *p, size_t n, struct st_err *e);
ST_MUST int st_buf_addstr(struct st_buf *b, const char *s, struct st_err *e);
ST_MUST int st_buf_addch(struct st_buf *b, char c, struct st_err *e);
__attribute__((format(printf, 3, 4))) ST_MUST int st_buf_addf(struct st_buf *b, struct st_err *e,
							      const char *fmt, ...);
/* Room for n more bytes at p + len; the caller writes there and adds to len. */
ST_MUST int st_buf_room(struct st_buf *b, size_t n, struct st_err *e);
/* NUL after the content (not counted in len); the result is borrowed. NULL on failure. */
ST_MUST char *st_buf_cstr(struct st_buf *b, struct st_err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Writing into room that may not suffice: the first thing that does not fit makes it full, and what
 * follows is dropped. */
#ifndef ST_CODEC_PUT_H
#define ST_CODEC_PUT_H

#include "base/mem.h"

#include <string.h>

struct st_put {
	uint8_t *p;
	size_t at, cap;
	bool full;
};

/* n bytes to be filled in; NULL when full. */
static inline uint8_t *st_put_room(struct st_put *o, size_t n)
{
	uint8_t *p = o->p + o->at;

	if (o->full || o->cap - o->at < n) {
		o->full = true;
		return NULL;
	}
	o->at += n;
	return p;
}

static inline void st_put_bytes(struct st_put *o, const void *p, size_t n)
{
	uint8_t *to = st_put_room(o, n);

	if (to && n)
		memcpy(to, p, n);
}

static inline void st_put_u8(struct st_put *o, unsigned v)
{
	uint8_t b = (uint8_t)v;

	st_put_bytes(o, &b, 1);
}

static inline void st_put_varint(struct st_put *o, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		st_put_u8(o, (unsigned)v | 0x80);
	st_put_u8(o, (unsigned)v);
}

static inline uint64_t st_zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static inline int64_t st_unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

#endif

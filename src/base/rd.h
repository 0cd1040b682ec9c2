/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bounds-checked reader for untrusted bytes. The first failure sticks in err: later reads
 * return 0 or NULL, so loops end and one st_rd_ok() follows. Scalars are little-endian, built byte
 * by byte.
 */
#ifndef ST_BASE_RD_H
#define ST_BASE_RD_H

#include "base/buf.h"

struct st_rd {
	const uint8_t *p; /* start of input; never advanced */
	size_t len, pos;  /* invariant: pos <= len */
	struct st_err *err;
};

void st_rd_init(struct st_rd *r, const void *p, size_t len, struct st_err *e);
bool st_rd_ok(const struct st_rd *r);
size_t st_rd_left(const struct st_rd *r);
const uint8_t *st_rd_bytes(struct st_rd *r, uint64_t n); /* borrowed */
uint8_t st_rd_u8(struct st_rd *r);
uint16_t st_rd_u16(struct st_rd *r);
uint32_t st_rd_u32(struct st_rd *r);
uint64_t st_rd_u64(struct st_rd *r);
/* LEB128, at most 10 bytes, minimal form required. */
uint64_t st_rd_varint(struct st_rd *r);
/*
 * A count that may size an allocation: at most cap, and min_elem bytes for each are really there.
 */
uint64_t st_rd_count(struct st_rd *r, uint64_t min_elem, uint64_t cap);
/* Fails unless everything was read. */
void st_rd_end(struct st_rd *r);

ST_MUST int st_buf_varint(struct st_buf *b, uint64_t v, struct st_err *e);
ST_MUST int st_buf_u32(struct st_buf *b, uint32_t v, struct st_err *e);
ST_MUST int st_buf_u64(struct st_buf *b, uint64_t v, struct st_err *e);

#endif

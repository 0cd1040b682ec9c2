/* SPDX-License-Identifier: Apache-2.0 */
/* Object ids: BLAKE3-256 of content bytes only, never of an encoding, a parse or a type. */
#ifndef ST_BASE_OID_H
#define ST_BASE_OID_H

#include "base/err.h"

#define ST_OID_LEN 32
#define ST_OID_HEX 64
#define ST_FRAME_LEN ((size_t)1 << 20) /* an aligned BLAKE3 subtree: DESIGN.md, frames */

struct st_oid {
	uint8_t b[ST_OID_LEN];
};

static inline bool st_oid_eq(const struct st_oid *a, const struct st_oid *b)
{
	return __builtin_memcmp(a->b, b->b, ST_OID_LEN) == 0;
}

static inline int st_oid_cmp(const struct st_oid *a, const struct st_oid *b)
{
	return __builtin_memcmp(a->b, b->b, ST_OID_LEN);
}

bool st_oid_is_zero(const struct st_oid *id);
void st_oid_hex(const struct st_oid *id, char out[ST_OID_HEX + 1]);
/* Exactly 64 lower-case hex digits at s; false otherwise. */
bool st_oid_parse(struct st_oid *out, const char *s, size_t len);
/* Of bytes in memory. */
void st_oid_of(struct st_oid *out, const void *p, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our canonical JSON in fewer bytes (doc/format/terse.md): ids as 32 bytes, times as 8, frequent
 * members as one, and what a base has in the same place as a length. Any bytes go through it; of
 * others than JSON it makes a little more. Pure; one input has one result.
 */
#ifndef ST_BASE_TERSE_H
#define ST_BASE_TERSE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define ST_TERSE_GAIN 64 /* most bytes that one becomes, without a base */

/* Most that n bytes become. */
size_t st_terse_most(size_t n);
/* Bytes written to out, or 0 where they would be more than room. base may be NULL. */
size_t st_terse_encode(uint8_t *out, size_t room, const uint8_t *p, size_t n, const uint8_t *base,
		       size_t base_n);
/* From any bytes, in time that n and room bound. ST_ECORRUPT, also where out would be longer than
 * room. */
ST_MUST int st_terse_decode(uint8_t *out, size_t room, size_t *len, const uint8_t *p, size_t n,
			    const uint8_t *base, size_t base_n, struct st_err *e);

#endif

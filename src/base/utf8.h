/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef ST_BASE_UTF8_H
#define ST_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length, 1 to 4, of the well-formed sequence that p[0..n) begins with; 0 when there is none. */
size_t st_utf8_len(const void *p, size_t n);
bool st_utf8_valid(const void *p, size_t n);
/* Encodes c, which must be a Unicode scalar value; returns the length, 1 to 4. */
size_t st_utf8_put(uint32_t c, char out[4]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Real numbers as text, with a point whatever the thread's locale. */
#ifndef ST_BASE_REAL_H
#define ST_BASE_REAL_H

#include "base/err.h"

#define ST_REAL_TEXT 32 /* bytes that hold any, with its NUL */

/* The fewest digits that read back as v: "0.1", "1e-05". v is finite. */
ST_MUST int st_real_text(char out[ST_REAL_TEXT], double v, struct st_err *e);
/* All of s[0..len) as JSON writes a number, finite. ST_EUSAGE otherwise. */
ST_MUST int st_real_parse(const char *s, size_t len, double *out, struct st_err *e);

#endif

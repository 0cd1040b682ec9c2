/* SPDX-License-Identifier: Apache-2.0 */
/* Three texts become one, by lines. Any bytes are text. */
#ifndef ST_MERGE_LINES3_H
#define ST_MERGE_LINES3_H

#include "base/buf.h"

struct st_text {
	const void *p;
	size_t len;
	const char *label; /* behind its marker */
};

/*
 * Where one side changed lines of the base, or both did the same, the result has them so. Where
 * both changed lines that touch, it has ours's, the base's and theirs's between markers of seven
 * signs, and *conflicts counts that. Appended to out; ST_ELIMIT when that is full.
 */
ST_MUST int st_lines_merge(const struct st_text *base, const struct st_text *ours,
			   const struct st_text *theirs, struct st_buf *out, size_t *conflicts,
			   struct st_err *e);

#endif

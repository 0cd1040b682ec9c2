/* SPDX-License-Identifier: Apache-2.0 */
/* Names from files, made fit for one line of a message. */
#ifndef ST_TENSOR_QUOTE_H
#define ST_TENSOR_QUOTE_H

#include <stddef.h>

struct st_quote {
	char s[128];
};

/* The name between double quotes, in q; control characters, quotes, backslashes and bytes that are
 * no UTF-8 as \xNN; a long name is cut and ends in "...". Returns q->s. */
const char *st_quote(struct st_quote *q, const char *name, size_t len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/quote.h"

#include "base/utf8.h"

#include <string.h>

#define TAIL 5 /* quote, three dots, NUL */

static size_t escape_byte(char out[4], uint8_t c)
{
	static const char digit[] = "0123456789abcdef";

	out[0] = '\\';
	out[1] = 'x';
	out[2] = digit[c >> 4];
	out[3] = digit[c & 15];
	return 4;
}

/* The next character as it is shown; *used bytes of the name. */
static size_t show(char out[4], const char *p, size_t len, size_t *used)
{
	uint8_t c = (uint8_t)*p;
	size_t n = st_utf8_len(p, len);

	*used = n ? n : 1;
	/* U+0080 to U+009F are control characters too: a terminal may obey them. */
	if (n == 0 || c < 0x20 || c == 0x7f || c == '"' || c == '\\' ||
	    (n == 2 && c == 0xc2 && (uint8_t)p[1] < 0xa0)) {
		*used = 1;
		return escape_byte(out, c);
	}
	memcpy(out, p, n);
	return n;
}

const char *st_quote(struct st_quote *q, const char *name, size_t len)
{
	size_t at = 0, i = 0, n, used;
	char piece[4];

	q->s[at++] = '"';
	while (i < len) {
		n = show(piece, name + i, len - i, &used);
		if (at + n > sizeof(q->s) - TAIL)
			break;
		memcpy(q->s + at, piece, n);
		at += n;
		i += used;
	}
	q->s[at++] = '"';
	memcpy(q->s + at, i < len ? "..." : "", i < len ? 4 : 1);
	return q->s;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include "base/mem.h"

size_t st_utf8_len(const void *s, size_t n)
{
	const uint8_t *p = s;
	uint8_t lo = 0x80, hi = 0xbf; /* what the second byte may be */
	size_t len, i;

	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		lo = 0xa0; /* overlong */
	else if (p[0] == 0xed)
		hi = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		lo = 0x90; /* overlong */
	else if (p[0] == 0xf4)
		hi = 0x8f; /* above U+10FFFF */
	if (n < len || p[1] < lo || p[1] > hi)
		return 0;
	for (i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool st_utf8_valid(const void *s, size_t n)
{
	const uint8_t *p = s;
	size_t len;

	for (; n; p += len, n -= len) {
		len = st_utf8_len(p, n);
		if (len == 0)
			return false;
	}
	return true;
}

size_t st_utf8_put(uint32_t c, char out[4])
{
	static const uint8_t mark[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	size_t i;

	ST_BUG_ON(c > 0x10ffff || (c >= 0xd800 && c < 0xe000));
	for (i = len - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(mark[len] | c);
	return len;
}

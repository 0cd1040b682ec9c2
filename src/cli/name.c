/* SPDX-License-Identifier: Apache-2.0 */
/* Names come from files: nothing in them may steer a terminal or forge a line. */
#include "cli/text.h"

size_t text_decode(const char *s, size_t len, uint32_t *c)
{
	const unsigned char *p = (const unsigned char *)s;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n, i;

	if (len == 0)
		return 0;
	*c = p[0];
	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > len)
		return 0;
	*c = p[0] & (0xffu >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return n;
}

/* Control characters, and those that change the direction of what follows. */
static bool steers(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x061c ||
	       c == 0xfeff;
}

static bool is_plain(const char *s, size_t len)
{
	uint32_t c;
	size_t n;

	for (; len; s += n, len -= n) {
		n = text_decode(s, len, &c);
		if (n == 0 || steers(c) || c == '"' || c == '\\')
			return false;
	}
	return true;
}

/* One character; at most four bytes a byte. Returns what was written. */
static size_t put_escaped(char *out, const char *s, size_t n)
{
	static const char from[] = "\a\b\t\n\v\f\r\"\\", to[] = "abtnvfr\"\\";
	const char *at = *s ? strchr(from, *s) : NULL;
	size_t i;

	if (n == 1 && at) {
		out[0] = '\\';
		out[1] = to[at - from];
		return 2;
	}
	for (i = 0; i < n; i++) {
		out[4 * i] = '\\';
		out[4 * i + 1] = (char)('0' + ((unsigned char)s[i] >> 6));
		out[4 * i + 2] = (char)('0' + ((unsigned char)s[i] >> 3 & 7));
		out[4 * i + 3] = (char)('0' + ((unsigned char)s[i] & 7));
	}
	return 4 * n;
}

static size_t escape(char *out, const char *s, size_t len, bool quotes)
{
	size_t at = 0, n;
	uint32_t c;

	for (; len; s += n, len -= n) {
		n = text_decode(s, len, &c);
		if (n == 0) {
			n = 1;
			at += put_escaped(out + at, s, 1);
		} else if (steers(c) || (quotes && (c == '"' || c == '\\'))) {
			at += put_escaped(out + at, s, n);
		} else {
			memcpy(out + at, s, n);
			at += n;
		}
	}
	return at;
}

char *name_quoted(const char *s, size_t len)
{
	char *out = calloc(len + 1, 4); /* "..." of an empty string fits too */
	size_t at;

	if (!out)
		return NULL;
	if (len && is_plain(s, len)) {
		memcpy(out, s, len);
		return out;
	}
	out[0] = '"';
	at = 1;
	if (len > (SIZE_MAX - 8) / 4) {
		free(out);
		return NULL;
	}
	at += escape(out + at, s, len, true);
	out[at] = '"';
	return out;
}

void name_put(FILE *f, const char *s)
{
	char *q = name_quoted(s, strlen(s));

	fputs(q ? q : "?", f);
	free(q);
}

void cli_put_safe(FILE *f, const char *s)
{
	size_t len = strlen(s), n;
	char *out = calloc(len + 1, 4);

	if (!out)
		return;
	n = escape(out, s, len, false);
	fwrite(out, 1, n, f);
	free(out);
}

struct range {
	uint32_t first, last;
};

static bool within(uint32_t c, const struct range *r, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (c >= r[i].first && c <= r[i].last)
			return true;
	return false;
}

static size_t char_width(uint32_t c)
{
	static const struct range zero[] = {
		{ 0x300, 0x36f },   { 0x483, 0x489 },	{ 0x591, 0x5bd },   { 0x610, 0x61a },
		{ 0x64b, 0x65f },   { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x200b, 0x200d },
		{ 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f }, { 0xe0100, 0xe01ef },
	};
	static const struct range wide[] = {
		{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },
		{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },
		{ 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f },
		{ 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
	};

	if (c < 0x300)
		return 1;
	if (within(c, zero, sizeof(zero) / sizeof(*zero)))
		return 0;
	return within(c, wide, sizeof(wide) / sizeof(*wide)) ? 2 : 1;
}

size_t text_width(const char *s, size_t len)
{
	size_t w = 0, n;
	uint32_t c;

	for (; len; s += n, len -= n) {
		n = text_decode(s, len, &c);
		w += n ? char_width(c) : 1;
		n = n ? n : 1;
	}
	return w;
}

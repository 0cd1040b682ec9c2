/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and names as the tables of diff show them. */
#include "cli/diff_text.h"

#include <ctype.h>
#include <math.h>

/* "1.23e-05" is "1.23e-5". */
static void trim_exponent(char *s)
{
	char *e = strchr(s, 'e'), *digits;

	if (!e)
		return;
	digits = e + 1 + (e[1] == '-' || e[1] == '+');
	while (digits[0] == '0' && digits[1])
		memmove(digits, digits + 1, strlen(digits));
	if (e[1] == '+')
		memmove(e + 1, e + 2, strlen(e + 1));
}

human diff_number(double v)
{
	human h;

	if (!isfinite(v)) {
		snprintf(h.s, sizeof(h.s), "%s", isnan(v) ? "-" : v > 0 ? "inf" : "-inf");
		return h;
	}
	snprintf(h.s, sizeof(h.s), "%.3g", v);
	trim_exponent(h.s);
	return h;
}

human diff_share(uint64_t part, uint64_t whole)
{
	double share = whole ? 100.0 * (double)part / (double)whole : 0;
	human h;

	if (part == whole && whole)
		share = 100;
	else if (share > 99.9)
		share = 99.9; /* never rounded up to all */
	if (part && share < 0.1)
		snprintf(h.s, sizeof(h.s), "<0.1%%");
	else
		snprintf(h.s, sizeof(h.s), share < 99.95 && part ? "%.1f%%" : "%.0f%%", share);
	return h;
}

human diff_cosine(double v)
{
	human h;

	if (v > 0.9999 && v < 1) {
		snprintf(h.s, sizeof(h.s), "1-%.1g", 1 - v);
		trim_exponent(h.s);
		return h;
	}
	if (!isfinite(v) || v == 1 || v == -1 || v == 0)
		return diff_number(v);
	snprintf(h.s, sizeof(h.s), "%.4f", v);
	return h;
}

const char *diff_mode(const strata_diff_file *f)
{
	bool was_link = f->a_mode && strcmp(f->a_mode, "link") == 0;
	bool was_exec = f->a_mode && strcmp(f->a_mode, "exec") == 0;
	bool link = f->b_mode && strcmp(f->b_mode, "link") == 0;
	bool exec = f->b_mode && strcmp(f->b_mode, "exec") == 0;

	if (!f->b_mode)
		return "";
	if (!f->a_mode)
		return link ? "a link" : exec ? "executable" : "";
	if (link != was_link)
		return link ? "now a link" :
		       exec ? "no longer a link, executable" :
			      "no longer a link";
	return exec == was_exec ? "" : exec ? "executable" : "no longer executable";
}

static size_t char_len(const char *s, size_t len)
{
	uint32_t c;
	size_t n = text_decode(s, len, &c);

	return n ? n : 1;
}

size_t diff_head(const char *s, size_t len, size_t room)
{
	size_t at = 0, n;

	while (at < len) {
		n = char_len(s + at, len - at);
		if (text_width(s, at + n) > room)
			break;
		at += n;
	}
	return at;
}

static size_t tail_of(const char *s, size_t len, size_t room)
{
	size_t from = len;

	while (from) {
		size_t at = from - 1;

		while (at && ((unsigned char)s[at] & 0xc0) == 0x80)
			at--;
		if (text_width(s + at, len - at) > room)
			break;
		from = at;
	}
	return len - from;
}

static bool is_number(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isdigit((unsigned char)s[i]))
			return false;
	return n > 0;
}

size_t diff_layer(const char *name, size_t len)
{
	size_t start = 0, end, dots, any = 0, layer = 0, parent = len;

	for (; start < len; start = end + 1) {
		for (end = start; end < len && name[end] != '.';)
			end++;
		if (end < len)
			parent = end;
		if (!is_number(name + start, end - start))
			continue;
		any = end;
		dots = 0;
		for (size_t i = end; i < len; i++)
			dots += name[i] == '.';
		/* "3.mlp.0.weight": what has one part behind it is a module inside a layer. */
		if (dots >= 2)
			layer = end;
	}
	return layer ? layer : any ? any : parent;
}

/* Half, or more where the number of a layer would be lost: that is where names differ. */
static size_t head_room(const char *q, size_t n, size_t room)
{
	size_t half = (room - 3) / 2, layer = diff_layer(q, n), width;

	width = layer < n ? text_width(q, layer) : 0;
	return width > half && width + 3 + 8 <= room ? width : half;
}

char *diff_short(const char *s, size_t len, size_t room)
{
	char *q = name_quoted(s, len), *out;
	size_t n = q ? strlen(q) : 0, want, head, tail;

	if (!q || room < 8 || text_width(q, n) <= room)
		return q;
	want = head_room(q, n, room);
	head = diff_head(q, n, want);
	tail = tail_of(q, n, room - 3 - want);
	if (asprintf(&out, "%.*s...%s", (int)head, q, q + n - tail) < 0)
		out = NULL;
	free(q);
	return out;
}

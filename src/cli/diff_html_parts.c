/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/diff_html_parts.h"

#include <math.h>
#include <stdarg.h>

void h_put(struct html *h, const char *ours)
{
	fputs(ours, h->f);
}

void h_printf(struct html *h, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(h->f, fmt, ap);
	va_end(ap);
}

static void escaped(struct html *h, const char *s, bool breaks)
{
	for (; *s; s++) {
		switch (*s) {
		case '&':
			h_put(h, "&amp;");
			break;
		case '<':
			h_put(h, "&lt;");
			break;
		case '>':
			h_put(h, "&gt;");
			break;
		case '"':
			h_put(h, "&quot;");
			break;
		case '\'':
			h_put(h, "&#39;");
			break;
		default:
			fputc(*s, h->f);
		}
		if (breaks && (*s == '.' || *s == '/'))
			h_put(h, "<wbr>");
	}
}

static void put_name(struct html *h, const char *s, size_t len, bool breaks)
{
	char *quoted = name_quoted(s, len);

	if (quoted)
		escaped(h, quoted, breaks);
	h->nomem = h->nomem || !quoted;
	free(quoted);
}

void h_name(struct html *h, const char *s, size_t len)
{
	put_name(h, s, len, false);
}

void h_label(struct html *h, const char *s, size_t len)
{
	put_name(h, s, len, true);
}

void h_path(struct html *h, const char *path)
{
	h_label(h, path + h->skip, strlen(path + h->skip));
}

void h_text(struct html *h, const char *s, size_t max)
{
	size_t len = strlen(s), keep = len > max ? max : len, room = 0;
	char *cut, *safe = NULL;
	FILE *f = open_memstream(&safe, &room);

	while (keep < len && keep && ((unsigned char)s[keep] & 0xc0) == 0x80)
		keep--;
	cut = strndup(s, keep);
	if (f && cut)
		cli_put_safe(f, cut);
	if (!f || fclose(f) != 0 || !cut || (keep && !room))
		h->nomem = true;
	else
		escaped(h, safe, false);
	if (keep < len)
		h_printf(h, "\u2026 (%zu more bytes)", len - keep);
	free(safe);
	free(cut);
}

short_text number_text(double v, int digits)
{
	short_text t;
	char *e;

	if (!isfinite(v)) {
		snprintf(t.s, sizeof(t.s), "%s", isnan(v) ? "nan" : v < 0 ? "-inf" : "inf");
		return t;
	}
	if (digits)
		snprintf(t.s, sizeof(t.s), "%.*g", digits, v == 0 ? 0.0 : v);
	else
		snprintf(t.s, sizeof(t.s), fabs(v) >= 0.0095 || v == 0 ? "%.1g" : "%.0e", v);
	e = strchr(t.s, 'e');
	if (!e)
		return t;
	e += e[1] == '-' ? 2 : 1; /* "e-05" is e-5, "e+05" is e5 */
	memmove(e, e + strspn(e, "+0"), strlen(e + strspn(e, "+0")) + 1);
	return t;
}

short_text number_exact(double v)
{
	short_text t;

	if (isnan(v))
		t.s[0] = 0;
	else if (isinf(v))
		snprintf(t.s, sizeof(t.s), "%sInfinity", v < 0 ? "-" : "");
	else
		t = number_text(v, 9);
	return t;
}

short_text cosine_text(double v)
{
	short_text t;

	if (!isfinite(v))
		return number_text(v, 3);
	if (v != 1 && fabs(1 - v) < 5e-7)
		snprintf(t.s, sizeof(t.s), "1 %s %.32s", v < 1 ? "\u2212" : "+",
			 number_text(fabs(1 - v), 2).s);
	else
		snprintf(t.s, sizeof(t.s), "%.6f", v);
	return t;
}

short_text percent_text(uint64_t part, uint64_t whole)
{
	double v = whole ? 100 * ((double)part / (double)whole) : 0;
	short_text t;

	if (part < whole && v > 99.9)
		snprintf(t.s, sizeof(t.s), "> 99.9 %%");
	else
		snprintf(t.s, sizeof(t.s), "%.32s %%", number_text(v, 3).s);
	return t;
}

short_text power_text(int exponent)
{
	static const char *const raised[] = { "\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
					      "\u2075", "\u2076", "\u2077", "\u2078", "\u2079" };
	unsigned n = (unsigned)(exponent < 0 ? -exponent : exponent);
	short_text t;

	snprintf(t.s, sizeof(t.s), "2%s%s%s", exponent < 0 ? "\u207b" : "",
		 n >= 10 ? raised[n / 10 % 10] : "", raised[n % 10]);
	return t;
}

const strata_diff_tensor *entry_tensor(const strata_diff_entry *t)
{
	return t->b ? t->b : t->a;
}

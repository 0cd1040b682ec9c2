/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spellings of protocol 0, which are Python's own for constants: decimal numbers, 'text' with
 * backslashes, text as raw-unicode-escape. Decoding runs twice, first to count.
 */
#include "format/pickle_vm.h"

#include "base/utf8.h"

#include <locale.h>

#define MAX_DIGITS 4300 /* Python's own limit; the conversion takes time in the square of it */
#define DIGITS_PER_STEP 9
#define MAX_WORDS (MAX_DIGITS / DIGITS_PER_STEP + 2) /* 9 digits take less than 32 bits */
#define MAX_FLOAT 64				     /* the longest that repr writes has 24 */

/* --- numbers --- */

static void words_muladd(uint32_t *w, size_t *n, uint32_t mul, uint32_t add)
{
	uint64_t carry = add;

	for (size_t i = 0; i < *n; i++) {
		carry += (uint64_t)w[i] * mul;
		w[i] = (uint32_t)carry;
		carry >>= 32;
	}
	if (carry)
		w[(*n)++] = (uint32_t)carry;
}

static size_t words_parse(uint32_t *w, const char *p, size_t n)
{
	size_t words = 0;

	for (size_t i = 0; i < n;) {
		uint32_t mul = 1, add = 0;

		for (size_t k = 0; k < DIGITS_PER_STEP && i < n; k++, i++, mul *= 10)
			add = add * 10 + (uint32_t)(p[i] - '0');
		words_muladd(w, &words, mul, add);
	}
	return words;
}

/* Two's complement of a magnitude; one word more than it has, for the sign. */
static size_t words_bytes(uint8_t *out, const uint32_t *w, size_t n, bool negative)
{
	uint64_t carry = negative;

	for (size_t i = 0; i <= n; i++) {
		uint32_t v = i < n ? w[i] : 0;

		carry += negative ? ~v : v;
		st_put32(out + 4 * i, (uint32_t)carry);
		carry >>= 32;
	}
	return 4 * (n + 1);
}

static bool spare_top(const uint8_t *p, size_t n)
{
	return (p[n - 1] == 0 && p[n - 2] < 0x80) || (p[n - 1] == 0xff && p[n - 2] >= 0x80);
}

void st_pk_integer(struct st_pk *out, const struct st_pk_str *s)
{
	const uint8_t *p = (const uint8_t *)s->p;
	size_t n = s->len;
	uint64_t v;

	while (p && n > 1 && spare_top(p, n))
		n--;
	if (!p || n > 8) {
		out->kind = ST_PK_BIGINT;
		out->str = (struct st_pk_str){ s->p, n, s->off };
		return;
	}
	v = n && p[n - 1] >= 0x80 ? UINT64_MAX : 0;
	for (size_t i = n; i-- > 0;)
		v = v << 8 | p[i];
	out->kind = ST_PK_INT;
	out->i = (int64_t)v;
}

static int big_decimal(struct st_pk_vm *vm, const char *p, size_t n, bool negative,
		       struct st_pk *out)
{
	struct st_pk_str s = { .off = ST_PK_NOWHERE };
	uint32_t words[MAX_WORDS];
	uint8_t bytes[4 * (MAX_WORDS + 1)];

	if (n > MAX_DIGITS)
		return st_fail(vm->e, ST_ELIMIT,
			       "a number of %zu digits at the %s at offset %" PRIu64, n,
			       vm->op->name, vm->at);
	s.len = words_bytes(bytes, words, words_parse(words, p, n), negative);
	s.p = st_pk_dup(vm, bytes, s.len);
	if (!s.p)
		return vm->e->code;
	st_pk_integer(out, &s);
	return ST_OK;
}

static bool all_digits(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;
	return n > 0;
}

/* Up to a NUL, where Python's reader in C ends: nothing but these? */
static bool only(const char *p, size_t n, const char *these)
{
	size_t i;

	for (i = 0; i < n && p[i]; i++)
		if (!strchr(these, p[i]))
			return false;
	return true;
}

/* Python would take 0x10 and 010 here, but writes neither. */
int st_pk_decimal(struct st_pk_vm *vm, const char *p, size_t n, struct st_pk *out)
{
	bool negative = n > 0 && *p == '-';
	int64_t v = 0;

	p += negative;
	n -= negative;
	out->kind = ST_PK_INT;
	out->i = 0;
	if ((!all_digits(p, n) || (n > 1 && *p == '0') || n > MAX_DIGITS) &&
	    only(p, n, "0123456789abcdefABCDEFxXoOL_+- \t\v\f\r") && st_pk_lax(vm))
		return ST_OK;
	if (!all_digits(p, n))
		return st_pk_dead(vm, "no decimal number");
	if (n > 1 && *p == '0')
		return st_pk_bad(vm, "a number that begins with 0");
	if (n > 18)
		return big_decimal(vm, p, n, negative, out);
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (p[i] - '0');
	out->i = negative ? -v : v;
	return ST_OK;
}

int st_pk_float(struct st_pk_vm *vm, const char *p, size_t n, struct st_pk *out)
{
	char text[MAX_FLOAT + 1], *end;
	bool lax = only(p, n, "0123456789aefintyAEFINTY_+-. \t\v\f\r") && vm->loose;
	locale_t c;

	if (n == 0 || n > MAX_FLOAT || memchr(p, 0, n) || strchr(" \t\v\f\r", *p))
		return lax && st_pk_lax(vm) ? ST_OK : st_pk_dead(vm, "no floating-point number");
	memcpy(text, p, n);
	text[n] = 0;
	c = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* where the point is the point */
	if (!c)
		return st_fail_os(vm->e, "C locale");
	out->f = strtod_l(text, &end, c);
	freelocale(c);
	return *end && !(lax && st_pk_lax(vm)) ? st_pk_dead(vm, "no floating-point number") : ST_OK;
}

/* --- text --- */

struct sink {
	char *p; /* NULL: only count */
	size_t n, cap;
};

static void put(struct sink *s, unsigned c)
{
	if (s->n < s->cap)
		s->p[s->n] = (char)c;
	s->n++;
}

/* A surrogate too, which st_utf8_put refuses. */
static void put_utf8(struct sink *s, uint32_t c)
{
	if (c < 0x80) {
		put(s, c);
		return;
	}
	if (c < 0x800) {
		put(s, 0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			put(s, 0xe0 | c >> 12);
		} else {
			put(s, 0xf0 | c >> 18);
			put(s, 0x80 | (c >> 12 & 0x3f));
		}
		put(s, 0x80 | (c >> 6 & 0x3f));
	}
	put(s, 0x80 | (c & 0x3f));
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exactly `digits` of them. */
static bool hex(const char *p, size_t n, size_t digits, uint32_t *v)
{
	*v = 0;
	if (n < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		int d = hex_digit(p[i]);

		if (d < 0)
			return false;
		*v = *v << 4 | (uint32_t)d;
	}
	return true;
}

static size_t octal(const char *p, size_t n, uint32_t *v)
{
	size_t i = 0;

	for (*v = 0; i < n && i < 3 && p[i] >= '0' && p[i] <= '7'; i++)
		*v = *v << 3 | (uint32_t)(p[i] - '0');
	return i;
}

/* What stands behind a backslash in a quoted string; its length, 0 when it is wrong. */
static size_t quoted_escape(struct sink *out, const char *p, size_t n)
{
	static const char letters[] = "abfnrtv\\'\"", means[] = "\a\b\f\n\r\t\v\\'\"";
	const char *at;
	uint32_t v;
	size_t len;

	if (n == 0)
		return 0;
	at = *p ? strchr(letters, *p) : NULL;
	if (at) {
		put(out, (uint8_t)means[at - letters]);
		return 1;
	}
	if (*p == 'x') {
		if (!hex(p + 1, n - 1, 2, &v))
			return 0;
		put(out, v);
		return 3;
	}
	len = octal(p, n, &v);
	if (len) {
		put(out, v & 0xff);
		return len;
	}
	put(out, '\\'); /* no escape: Python keeps both */
	put(out, (uint8_t)*p);
	return 1;
}

static bool decode_quoted(struct sink *out, const char *p, size_t n)
{
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		if (p[i] != '\\') {
			put(out, (uint8_t)p[i]);
			len = 1;
			continue;
		}
		i++;
		len = quoted_escape(out, p + i, n - i);
		if (len == 0)
			return false;
	}
	return true;
}

/* Latin-1 in which \u and \U name other characters; any other backslash stands for itself, as
 * does what follows it, a backslash too. */
static bool decode_raw_unicode(struct sink *out, const char *p, size_t n)
{
	size_t digits;
	uint32_t c;

	for (size_t i = 0; i < n; i++) {
		put_utf8(out, (uint8_t)p[i]);
		if (p[i] != '\\' || i + 1 == n)
			continue;
		i++;
		digits = p[i] == 'u' ? 4 : p[i] == 'U' ? 8 : 0;
		if (digits == 0) {
			put_utf8(out, (uint8_t)p[i]);
			continue;
		}
		out->n--;
		if (!hex(p + i + 1, n - i - 1, digits, &c) || c > 0x10ffff)
			return false;
		put_utf8(out, c);
		i += digits;
	}
	return true;
}

static bool is_verbatim(const char *p, size_t n, bool ascii)
{
	if (memchr(p, '\\', n))
		return false;
	for (size_t i = 0; ascii && i < n; i++)
		if ((uint8_t)p[i] >= 0x80)
			return false;
	return true;
}

static int decode(struct st_pk_vm *vm, bool (*fn)(struct sink *, const char *, size_t),
		  const char *p, size_t n, struct st_pk_str *s)
{
	struct sink count = { 0 }, out = { 0 };

	if (!fn(&count, p, n))
		return st_pk_dead(vm, "an escape that is none");
	if (count.n == SIZE_MAX)
		return st_fail(vm->e, ST_ELIMIT, "text of %zu bytes", count.n);
	out.p = st_pk_alloc(vm, count.n + 1, 1);
	if (!out.p)
		return vm->e->code;
	out.cap = count.n;
	ST_BUG_ON(!fn(&out, p, n) || out.n != count.n);
	*s = (struct st_pk_str){ out.p, out.n, ST_PK_NOWHERE };
	return ST_OK;
}

static int verbatim(struct st_pk_vm *vm, const char *p, size_t n, uint64_t off, struct st_pk_str *s)
{
	*s = (struct st_pk_str){ NULL, n, off };
	if (n <= ST_PK_LOADED)
		s->p = st_pk_dup(vm, p, n);
	return vm->e->code;
}

int st_pk_quoted(struct st_pk_vm *vm, const char *p, size_t n, uint64_t off, struct st_pk_str *s)
{
	/* some versions of Python cut blanks off */
	while (n > 1 && (uint8_t)p[n - 1] <= ' ' && st_pk_lax(vm))
		n--;
	if (n < 2 || p[0] != p[n - 1] || (p[0] != '\'' && p[0] != '"'))
		return st_pk_dead(vm, "a string without its quotes");
	p++;
	n -= 2;
	return is_verbatim(p, n, false) ? verbatim(vm, p, n, off + 1, s) :
					  decode(vm, decode_quoted, p, n, s);
}

int st_pk_raw_unicode(struct st_pk_vm *vm, const char *p, size_t n, uint64_t off,
		      struct st_pk_str *s)
{
	return is_verbatim(p, n, true) ? verbatim(vm, p, n, off, s) :
					 decode(vm, decode_raw_unicode, p, n, s);
}

bool st_pk_utf8(const char *text, size_t n)
{
	const uint8_t *p = (const uint8_t *)text;

	while (n) {
		size_t len = *p < 0x80 ? 1 : st_utf8_len(p, n);

		if (len == 0 && n >= 3 && p[0] == 0xed && p[1] >= 0xa0 && p[1] <= 0xbf &&
		    (p[2] & 0xc0) == 0x80)
			len = 3;
		if (len == 0)
			return false;
		p += len;
		n -= len;
	}
	return true;
}

/* --- Latin-1 --- */

struct latin1 {
	struct sink out;
	uint8_t lead; /* of a sequence that the last piece ended in, or 0 */
};

static bool latin1_feed(struct latin1 *l, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (l->lead) {
			if ((p[i] & 0xc0) != 0x80)
				return false;
			put(&l->out, (unsigned)(l->lead & 3) << 6 | (p[i] & 0x3f));
			l->lead = 0;
		} else if (p[i] < 0x80) {
			put(&l->out, p[i]);
		} else if (p[i] == 0xc2 || p[i] == 0xc3) {
			l->lead = p[i];
		} else {
			return false;
		}
	}
	return true;
}

/* All of the text through feed; *is tells whether it could be encoded. */
static int latin1_run(struct st_pk_vm *vm, const struct st_pk_str *text, struct latin1 *l, bool *is)
{
	uint8_t piece[8192];
	size_t n;

	if (text->p) {
		*is = latin1_feed(l, (const uint8_t *)text->p, text->len) && !l->lead;
		return ST_OK;
	}
	*is = true;
	for (size_t i = 0; *is && i < text->len; i += n) {
		n = text->len - i < sizeof(piece) ? text->len - i : sizeof(piece);
		if (st_source_read(vm->src, piece, n, text->off + i, vm->e) != ST_OK)
			return vm->e->code;
		*is = latin1_feed(l, piece, n);
	}
	*is = *is && !l->lead;
	return ST_OK;
}

int st_pk_latin1(struct st_pk_vm *vm, const struct st_pk *text, bool *is, struct st_pk_str *s)
{
	struct latin1 count = { 0 }, out = { 0 };

	*is = false;
	if (text->str.len > st_pk_room_left(vm) / 2)
		return ST_OK;
	if (st_pk_work(vm, text->str.len / 64) != ST_OK ||
	    latin1_run(vm, &text->str, &count, is) != ST_OK || !*is)
		return vm->e->code;
	out.out.cap = count.out.n;
	out.out.p = st_pk_alloc(vm, count.out.n + 1, 1);
	if (!out.out.p || latin1_run(vm, &text->str, &out, is) != ST_OK)
		return vm->e->code;
	/* A file may change between the two. */
	if (!*is || out.out.n != count.out.n)
		return st_fail(vm->e, ST_ECHANGED, "text at offset %" PRIu64 " changed",
			       text->str.off);
	*s = (struct st_pk_str){ out.out.p, out.out.n, ST_PK_NOWHERE };
	return ST_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>

#define KEY_KEPT (sizeof(((struct st_jw *)0)->last[0]) - 1)
#define MAX_CANONICAL ((uint64_t)1 << 53)

static bool put(struct st_jw *w, const char *p, size_t n)
{
	return w->err->code == ST_OK && st_buf_add(w->b, p, n, w->err) == ST_OK;
}

static uint64_t here(const struct st_jw *w)
{
	return (uint64_t)1 << (w->depth - 1);
}

/* Before every value. After a key the bit is clear, so that no comma parts the two. */
static bool lead(struct st_jw *w)
{
	if (w->err->code != ST_OK)
		return false;
	if (w->depth == 0)
		return true;
	if ((w->comma & here(w)) && !put(w, ",", 1))
		return false;
	w->comma |= here(w);
	return true;
}

void st_jw_init(struct st_jw *w, struct st_buf *b, bool canonical, struct st_err *e)
{
	*w = (struct st_jw){ .b = b, .err = e, .canonical = canonical };
}

static void open_container(struct st_jw *w, char c)
{
	if (!lead(w) || !put(w, &c, 1))
		return;
	if (w->depth == ST_JSON_DEPTH) {
		st_fail(w->err, ST_ELIMIT, "JSON nested deeper than %d", ST_JSON_DEPTH);
		return;
	}
	w->depth++;
	w->comma &= ~here(w);
}

static void close_container(struct st_jw *w, char c)
{
	if (w->err->code != ST_OK)
		return;
	ST_BUG_ON(w->depth == 0 || w->b->p[w->b->len - 1] == ':');
	w->depth--;
	put(w, &c, 1);
}

void st_jw_object(struct st_jw *w)
{
	open_container(w, '{');
}

void st_jw_array(struct st_jw *w)
{
	open_container(w, '[');
}

void st_jw_close_object(struct st_jw *w)
{
	close_container(w, '}');
}

void st_jw_close_array(struct st_jw *w)
{
	close_container(w, ']');
}

static void put_control(struct st_jw *w, uint8_t c)
{
	static const char names[] = "btnvfr"; /* from 8 on; JSON has no \v */
	char esc[7];

	if (c >= 8 && c <= 13 && c != 11) {
		esc[0] = '\\';
		esc[1] = names[c - 8];
		put(w, esc, 2);
		return;
	}
	snprintf(esc, sizeof(esc), "\\u%04x", c);
	put(w, esc, 6);
}

static void put_special(struct st_jw *w, uint8_t c)
{
	const char esc[2] = { '\\', (char)c };

	if (c >= 0x80)
		put(w, "\xef\xbf\xbd", 3);
	else if (c < 0x20)
		put_control(w, c);
	else
		put(w, esc, 2);
}

static void put_string(struct st_jw *w, const char *s, size_t len)
{
	size_t run = 0, i = 0, n;

	put(w, "\"", 1);
	while (i < len) {
		n = st_utf8_len(s + i, len - i);
		if (n == 1 && ((uint8_t)s[i] < 0x20 || s[i] == '"' || s[i] == '\\'))
			n = 0;
		if (n) {
			i += n;
			continue;
		}
		put(w, s + run, i - run);
		put_special(w, (uint8_t)s[i]);
		run = ++i;
	}
	put(w, s + run, len - run);
	put(w, "\"", 1);
}

/* Keys that agree in all the bytes kept cannot be told apart and pass. */
static void check_order(struct st_jw *w, const char *key, size_t len, bool first)
{
	char *last = w->last[w->depth - 1];
	size_t kept = len < KEY_KEPT ? len : KEY_KEPT, old = (uint8_t)last[KEY_KEPT];
	size_t both = kept < old ? kept : old;
	int c = first || both == 0 ? 0 : memcmp(last, key, both);

	ST_BUG_ON(!first && (c > 0 || (c == 0 && (old > kept || (old == kept && old < KEY_KEPT)))));
	memcpy(last, key, kept);
	last[KEY_KEPT] = (char)kept;
}

void st_jw_keyn(struct st_jw *w, const char *key, size_t len)
{
	bool first;

	if (w->err->code != ST_OK)
		return;
	ST_BUG_ON(w->depth == 0 || w->b->p[w->b->len - 1] == ':');
	first = !(w->comma & here(w));
	if (w->canonical)
		check_order(w, key, len, first);
	if (!first)
		put(w, ",", 1);
	put_string(w, key, len);
	put(w, ":", 1);
	w->comma &= ~here(w);
}

void st_jw_key(struct st_jw *w, const char *key)
{
	st_jw_keyn(w, key, strlen(key));
}

void st_jw_stringn(struct st_jw *w, const char *s, size_t len)
{
	if (lead(w))
		put_string(w, s, len);
}

void st_jw_string(struct st_jw *w, const char *s)
{
	st_jw_stringn(w, s, strlen(s));
}

static void put_integer(struct st_jw *w, bool negative, uint64_t v)
{
	char text[24];
	int n;

	if (!lead(w))
		return;
	if (w->canonical && v > MAX_CANONICAL) {
		st_fail(w->err, ST_ELIMIT, "integer %s%" PRIu64 " is beyond 2^53",
			negative ? "-" : "", v);
		return;
	}
	n = snprintf(text, sizeof(text), "%s%" PRIu64, negative ? "-" : "", v);
	put(w, text, (size_t)n);
}

void st_jw_u64(struct st_jw *w, uint64_t v)
{
	put_integer(w, false, v);
}

void st_jw_i64(struct st_jw *w, int64_t v)
{
	put_integer(w, v < 0, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

/* printf's decimal point follows the thread's locale, JSON's does not. */
static bool real_text(char *text, size_t size, double v, struct st_err *e)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), old;

	if (!c) {
		st_fail_os(e, "C locale");
		return false;
	}
	old = uselocale(c);
	snprintf(text, size, "%.17g", v);
	uselocale(old);
	freelocale(c);
	return true;
}

void st_jw_real(struct st_jw *w, double v)
{
	char text[40];

	if (isnan(v))
		st_jw_string(w, "nan");
	else if (isinf(v))
		st_jw_string(w, v < 0 ? "-inf" : "inf");
	else if (lead(w) && real_text(text, sizeof(text), v, w->err))
		put(w, text, strlen(text));
}

void st_jw_bool(struct st_jw *w, bool v)
{
	st_jw_raw(w, v ? "true" : "false", v ? 4 : 5);
}

void st_jw_null(struct st_jw *w)
{
	st_jw_raw(w, "null", 4);
}

void st_jw_raw(struct st_jw *w, const char *p, size_t len)
{
	if (lead(w))
		put(w, p, len);
}

static void put_hex(struct st_jw *w, const char *s, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	size_t i;

	if (!lead(w) || !put(w, "\"", 1))
		return;
	for (i = 0; i < len; i++) {
		uint8_t c = (uint8_t)s[i];
		const char pair[2] = { digit[c >> 4], digit[c & 15] };

		put(w, pair, 2);
	}
	put(w, "\"", 1);
}

void st_jw_name(struct st_jw *w, const char *key, const char *s, size_t len)
{
	char hex[64];
	int n;

	if (st_utf8_valid(s, len)) {
		st_jw_key(w, key);
		st_jw_stringn(w, s, len);
		return;
	}
	n = snprintf(hex, sizeof(hex), "%s_hex", key);
	ST_BUG_ON(n < 0 || (size_t)n >= sizeof(hex));
	st_jw_key(w, hex);
	put_hex(w, s, len);
}

void st_jw_oid(struct st_jw *w, const struct st_oid *id)
{
	char hex[ST_OID_HEX + 1];

	st_oid_hex(id, hex);
	st_jw_stringn(w, hex, ST_OID_HEX);
}

void st_jw_oids(struct st_jw *w, const char *key, const struct st_oid *ids, size_t n)
{
	if (n == 0)
		return;
	st_jw_key(w, key);
	st_jw_array(w);
	for (size_t i = 0; i < n; i++)
		st_jw_oid(w, &ids[i]);
	st_jw_close_array(w);
}

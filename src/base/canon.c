/* SPDX-License-Identifier: Apache-2.0 */
#include "base/canon.h"

#include "base/timefmt.h"

#include "base/json.h"

#define SHOWN 40 /* bytes of a foreign key or type that a message quotes */

void st_canon_init(struct st_canon *c, const void *p, size_t len, struct st_arena *arena,
		   struct st_err *e)
{
	*c = (struct st_canon){ .p = p ? p : "", .len = len, .fresh = true, .arena = arena };
	c->err = e;
}

bool st_canon_ok(const struct st_canon *c)
{
	return c->err->code == ST_OK;
}

int st_canon_fail(struct st_canon *c, const char *what)
{
	return st_fail(c->err, ST_ECORRUPT, "%s at offset %zu", what, c->pos);
}

static size_t left(const struct st_canon *c)
{
	return c->len - c->pos;
}

static bool next_is(const struct st_canon *c, char ch)
{
	return c->pos < c->len && c->p[c->pos] == ch;
}

static bool take(struct st_canon *c, char ch)
{
	if (!st_canon_ok(c) || !next_is(c, ch))
		return false;
	c->pos++;
	return true;
}

static void expect(struct st_canon *c, char ch)
{
	char what[] = "expected '?'";

	what[10] = ch;
	if (st_canon_ok(c) && !take(c, ch))
		st_canon_fail(c, what);
}

void st_canon_object(struct st_canon *c)
{
	expect(c, '{');
	c->fresh = true;
}

void st_canon_array(struct st_canon *c)
{
	expect(c, '[');
	c->fresh = true;
}

bool st_canon_key(struct st_canon *c, const char *key)
{
	size_t n = strlen(key), need = n + 3 + !c->fresh;
	const char *p = c->p + c->pos;

	if (!st_canon_ok(c) || left(c) < need)
		return false;
	if (!c->fresh && *p++ != ',')
		return false;
	if (p[0] != '"' || memcmp(p + 1, key, n) != 0 || p[n + 1] != '"' || p[n + 2] != ':')
		return false;
	c->pos += need;
	return true;
}

/* Printable bytes of the string at pos, for a message. False when there is none. */
static bool peek_text(const struct st_canon *c, size_t pos, char out[SHOWN + 1])
{
	size_t n = 0;

	if (pos >= c->len || c->p[pos] != '"')
		return false;
	for (pos++; pos < c->len && n < SHOWN && c->p[pos] != '"'; pos++, n++) {
		if (c->p[pos] <= ' ' || c->p[pos] > '~' || c->p[pos] == '\\')
			return false;
		out[n] = c->p[pos];
	}
	out[n] = 0;
	return n > 0 && pos < c->len;
}

static bool foreign_key(const struct st_canon *c, char out[SHOWN + 1])
{
	size_t pos = c->pos;

	if (!c->fresh && (pos >= c->len || c->p[pos++] != ','))
		return false;
	return peek_text(c, pos, out);
}

void st_canon_need(struct st_canon *c, const char *key)
{
	char seen[SHOWN + 1];

	if (st_canon_key(c, key) || !st_canon_ok(c))
		return;
	if (!foreign_key(c, seen))
		st_fail(c->err, ST_ECORRUPT, "expected key \"%s\" at offset %zu", key, c->pos);
	else if (strcmp(seen, key) > 0)
		st_fail(c->err, ST_ECORRUPT, "key \"%s\" is missing before \"%s\" at offset %zu",
			key, seen, c->pos);
	else
		st_fail(c->err, ST_EFORMAT,
			"unknown key \"%s\" at offset %zu: written by a newer strata", seen,
			c->pos);
}

void st_canon_close(struct st_canon *c)
{
	char seen[SHOWN + 1];

	if (!st_canon_ok(c))
		return;
	if (!take(c, '}')) {
		if (foreign_key(c, seen))
			st_fail(c->err, ST_EFORMAT,
				"unknown key \"%s\" at offset %zu: written by a newer strata", seen,
				c->pos);
		else
			st_canon_fail(c, "expected '}'");
	}
	c->fresh = false;
}

void st_canon_type(struct st_canon *c, const char *type)
{
	size_t n = strlen(type);
	char seen[SHOWN + 1];
	const char *p;

	st_canon_need(c, "type");
	if (!st_canon_ok(c))
		return;
	p = c->p + c->pos;
	if (left(c) >= n + 2 && p[0] == '"' && memcmp(p + 1, type, n) == 0 && p[n + 1] == '"') {
		c->pos += n + 2;
		c->fresh = false;
		return;
	}
	if (peek_text(c, c->pos, seen))
		st_fail(c->err, ST_EFORMAT, "type is \"%s\", not \"%s\"", seen, type);
	else
		st_canon_fail(c, "expected a type");
}

bool st_canon_item(struct st_canon *c)
{
	if (!st_canon_ok(c))
		return false;
	if (take(c, ']')) {
		c->fresh = false;
		return false;
	}
	if (!c->fresh)
		expect(c, ',');
	else if (c->pos == c->len)
		st_canon_fail(c, "array does not end");
	return st_canon_ok(c);
}

static uint64_t magnitude(struct st_canon *c)
{
	size_t start = c->pos;
	uint64_t v = 0;

	while (c->pos < c->len && c->p[c->pos] >= '0' && c->p[c->pos] <= '9') {
		v = v * 10 + (uint64_t)(c->p[c->pos++] - '0');
		if (v > ST_CANON_INT_MAX) {
			st_canon_fail(c, "integer beyond 2^53");
			return 0;
		}
	}
	if (c->pos == start)
		st_canon_fail(c, "expected an integer");
	else if (c->p[start] == '0' && c->pos - start > 1)
		st_canon_fail(c, "integer with a leading zero");
	c->fresh = false;
	return st_canon_ok(c) ? v : 0;
}

uint64_t st_canon_u64(struct st_canon *c)
{
	return st_canon_ok(c) ? magnitude(c) : 0;
}

int64_t st_canon_i64(struct st_canon *c)
{
	bool negative = take(c, '-');
	int64_t v = (int64_t)st_canon_u64(c);

	if (negative && v == 0 && st_canon_ok(c))
		st_canon_fail(c, "minus zero");
	return negative ? -v : v;
}

void st_canon_oid(struct st_canon *c, struct st_oid *out)
{
	const char *p = c->p + c->pos;

	if (!st_canon_ok(c))
		return;
	if (left(c) < ST_OID_HEX + 2 || p[0] != '"' || p[ST_OID_HEX + 1] != '"' ||
	    !st_oid_parse(out, p + 1, ST_OID_HEX) || st_oid_is_zero(out)) {
		st_canon_fail(c, "expected an id");
		return;
	}
	c->pos += ST_OID_HEX + 2;
	c->fresh = false;
}

/* Length of the string at pos up to its closing quote; *escaped tells whether it needs decoding. */
static size_t string_span(struct st_canon *c, bool *escaped)
{
	size_t i = c->pos + 1;

	*escaped = false;
	if (!next_is(c, '"')) {
		st_canon_fail(c, "expected a string");
		return 0;
	}
	for (; i < c->len && c->p[i] != '"'; i++) {
		if ((uint8_t)c->p[i] < 0x20)
			break;
		if (c->p[i] == '\\') {
			*escaped = true;
			i++;
		}
	}
	if (i >= c->len || c->p[i] != '"') {
		st_canon_fail(c, "string does not end");
		return 0;
	}
	return i - c->pos - 1;
}

/* Several escapes can mean one character; only the one st_jw chooses is canonical. */
static const char *unescape(struct st_canon *c, size_t span, size_t *len)
{
	const char *raw = c->p + c->pos, *s, *kept = NULL;
	struct st_buf again;
	struct st_json j;
	struct st_jw w;

	st_buf_init(&again, span + 2);
	st_json_init(&j, raw, span + 2, 1, c->err);
	s = st_json_string(&j, len);
	if (s) {
		st_jw_init(&w, &again, true, c->err);
		st_jw_stringn(&w, s, *len);
		if (again.len != span + 2 || memcmp(again.p, raw, span + 2) != 0)
			st_canon_fail(c, "string is not in canonical form");
		else
			kept = st_arena_dup(c->arena, s, *len, c->err);
	}
	if (c->err->code == ST_EFORMAT) /* the reader's word for bad input; here it is damage */
		c->err->code = ST_ECORRUPT;
	st_json_release(&j);
	st_buf_release(&again);
	return kept;
}

const char *st_canon_string(struct st_canon *c, size_t *len)
{
	const char *s = NULL;
	bool escaped;
	size_t span;

	*len = 0;
	if (!st_canon_ok(c))
		return NULL;
	span = string_span(c, &escaped);
	if (!st_canon_ok(c))
		return NULL;
	if (escaped) {
		s = unescape(c, span, len);
	} else if (!st_utf8_valid(c->p + c->pos + 1, span)) {
		st_canon_fail(c, "string is not UTF-8");
	} else {
		s = st_arena_dup(c->arena, c->p + c->pos + 1, span, c->err);
		*len = span;
	}
	c->pos += span + 2;
	c->fresh = false;
	return st_canon_ok(c) ? s : NULL;
}

const char *st_canon_text(struct st_canon *c)
{
	size_t len;
	const char *s = st_canon_string(c, &len);

	if (s && strlen(s) != len) {
		st_canon_fail(c, "NUL in text before");
		return NULL;
	}
	return s;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A name that is UTF-8 must be written as text. */
static const char *hex_string(struct st_canon *c, size_t *len)
{
	bool escaped;
	size_t span = string_span(c, &escaped), i;
	const char *p = c->p + c->pos + 1;
	int hi, lo;
	char *s;

	*len = 0;
	if (!st_canon_ok(c))
		return NULL;
	s = st_arena_alloc(c->arena, span / 2 + 1, c->err);
	if (!s)
		return NULL;
	for (i = 0; i + 1 < span; i += 2) {
		hi = hex_digit(p[i]);
		lo = hex_digit(p[i + 1]);
		if (hi < 0 || lo < 0)
			break;
		s[i / 2] = (char)(hi << 4 | lo);
	}
	if (i != span || st_utf8_valid(s, span / 2)) {
		st_canon_fail(c, "expected the hex of a name that is not UTF-8");
		return NULL;
	}
	c->pos += span + 2;
	c->fresh = false;
	*len = span / 2;
	return s;
}

const char *st_canon_name(struct st_canon *c, const char *key, size_t *len)
{
	char hex[64];
	size_t n = strlen(key);

	ST_BUG_ON(n + 5 > sizeof(hex));
	memcpy(hex, key, n);
	memcpy(hex + n, "_hex", 5);
	*len = 0;
	if (st_canon_key(c, hex))
		return hex_string(c, len);
	st_canon_need(c, key);
	return st_canon_string(c, len);
}

const char *st_canon_member(struct st_canon *c)
{
	const char *key;

	if (take(c, '}')) {
		c->fresh = false;
		return NULL;
	}
	if (!c->fresh)
		expect(c, ',');
	key = st_canon_text(c);
	expect(c, ':');
	return st_canon_ok(c) ? key : NULL;
}

void *st_canon_elems(struct st_canon *c, size_t size, st_canon_get *get, size_t *n)
{
	size_t cap = 0;
	void *v = NULL;

	*n = 0;
	st_canon_array(c);
	while (st_canon_item(c) && st_grow_(&v, &cap, *n + 1, size, c->err) == ST_OK)
		get(c, (char *)v + (*n)++ * size);
	v = st_canon_keep(c, v, *n, size);
	if (!v)
		*n = 0;
	return v;
}

void *st_canon_list(struct st_canon *c, const char *key, size_t size, st_canon_get *get, size_t *n)
{
	void *v;

	*n = 0;
	if (!st_canon_key(c, key))
		return NULL;
	v = st_canon_elems(c, size, get, n);
	if (st_canon_ok(c) && *n == 0)
		st_canon_fail(c, "empty array");
	return v;
}

static void get_oid(struct st_canon *c, void *elem)
{
	st_canon_oid(c, elem);
}

void st_canon_oids(struct st_canon *c, const char *key, struct st_oid **out, size_t *n)
{
	*out = st_canon_list(c, key, sizeof(**out), get_oid, n);
}

void *st_canon_keep(struct st_canon *c, void *array, size_t n, size_t elem)
{
	void *kept = NULL;

	/* n * elem bytes exist at array, so the product does not wrap */
	if (st_canon_ok(c) && n > 0)
		kept = st_arena_alloc(c->arena, n * elem, c->err);
	if (kept)
		memcpy(kept, array, n * elem);
	free(array);
	return kept;
}

void st_canon_end(struct st_canon *c)
{
	if (st_canon_ok(c) && c->pos != c->len)
		st_canon_fail(c, "bytes after the end");
}

void st_canon_time(struct st_canon *c, const char *key, int64_t *ns)
{
	const char *s;
	char again[40];

	st_canon_need(c, key);
	s = st_canon_text(c);
	if (!s)
		return;
	if (st_time_parse(s, strlen(s), ns)) {
		st_time_format(*ns, again);
		if (strcmp(s, again) == 0)
			return;
	}
	st_canon_fail(c, "not a time in canonical form before");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <locale.h>
#include <math.h>

static void bad(struct st_json *j, size_t at, const char *what)
{
	st_fail(j->err, ST_EFORMAT, "JSON: %s at offset %zu", what, at);
}

void st_json_init(struct st_json *j, const void *p, size_t len, unsigned max_depth,
		  struct st_err *e)
{
	ST_BUG_ON(max_depth > ST_JSON_DEPTH);
	*j = (struct st_json){ .p = p, .len = len, .max_depth = max_depth, .err = e };
	st_buf_init(&j->str, len);
}

void st_json_release(struct st_json *j)
{
	st_buf_release(&j->str);
}

bool st_json_ok(const struct st_json *j)
{
	return j->err->code == ST_OK;
}

/* False at the end of the input. */
static bool skip_space(struct st_json *j)
{
	while (j->pos < j->len) {
		char c = j->p[j->pos];

		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return true;
		j->pos++;
	}
	return false;
}

static enum st_json_type type_of(char c)
{
	switch (c) {
	case 'n':
		return ST_JSON_NULL;
	case 't':
	case 'f':
		return ST_JSON_BOOL;
	case '"':
		return ST_JSON_STRING;
	case '[':
		return ST_JSON_ARRAY;
	case '{':
		return ST_JSON_OBJECT;
	default:
		return c == '-' || (c >= '0' && c <= '9') ? ST_JSON_NUMBER : ST_JSON_NONE;
	}
}

const char *st_json_special(struct st_json *j)
{
	static const struct {
		const char *text, *as;
	} special[] = {
		{ "NaN", "nan" },
		{ "Infinity", "inf" },
		{ "-Infinity", "-inf" },
	};

	if (!st_json_ok(j) || !skip_space(j))
		return NULL;
	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++) {
		size_t n = strlen(special[i].text);

		if (j->len - j->pos < n || memcmp(j->p + j->pos, special[i].text, n) != 0)
			continue;
		j->pos += n;
		return special[i].as;
	}
	return NULL;
}

enum st_json_type st_json_peek(struct st_json *j)
{
	enum st_json_type t;

	if (!st_json_ok(j))
		return ST_JSON_NONE;
	if (!skip_space(j)) {
		if (j->depth)
			bad(j, j->pos, "the text ends too early");
		return ST_JSON_NONE;
	}
	t = type_of(j->p[j->pos]);
	if (t == ST_JSON_NONE)
		bad(j, j->pos, "expected a value");
	return t;
}

/* The next value begins at pos and is of type t, or a failure is recorded. */
static bool want(struct st_json *j, enum st_json_type t)
{
	static const char *const expected[] = {
		[ST_JSON_NULL] = "expected null",	[ST_JSON_BOOL] = "expected true or false",
		[ST_JSON_NUMBER] = "expected a number", [ST_JSON_STRING] = "expected a string",
		[ST_JSON_ARRAY] = "expected an array",	[ST_JSON_OBJECT] = "expected an object",
	};

	if (st_json_peek(j) == t)
		return true;
	bad(j, j->pos, expected[t]);
	return false;
}

static bool enter(struct st_json *j, enum st_json_type t)
{
	if (!want(j, t))
		return false;
	if (j->depth >= j->max_depth) {
		bad(j, j->pos, "nested too deep");
		return false;
	}
	j->pos++;
	j->depth++;
	j->fresh = true;
	return true;
}

bool st_json_object(struct st_json *j)
{
	return enter(j, ST_JSON_OBJECT);
}

bool st_json_array(struct st_json *j)
{
	return enter(j, ST_JSON_ARRAY);
}

/* To the next member of the innermost container; false at its end, which is left behind. */
static bool advance(struct st_json *j, char close)
{
	if (!st_json_ok(j))
		return false;
	ST_BUG_ON(j->depth == 0);
	if (!skip_space(j)) {
		bad(j, j->pos, "the text ends too early");
		return false;
	}
	if (j->p[j->pos] == close) {
		j->pos++;
		j->depth--;
		j->fresh = false;
		return false;
	}
	if (!j->fresh) {
		if (j->p[j->pos] != ',') {
			bad(j, j->pos, close == '}' ? "expected , or }" : "expected , or ]");
			return false;
		}
		j->pos++;
		skip_space(j);
	}
	j->fresh = false;
	return true;
}

bool st_json_item(struct st_json *j)
{
	return advance(j, ']');
}

/* Four hex digits at `at`; false unless they are there. */
static bool hex4(const struct st_json *j, size_t at, uint32_t *out)
{
	uint32_t v = 0;
	size_t i;

	if (j->len - at < 4)
		return false;
	for (i = at; i < at + 4; i++) {
		char c = j->p[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
		else
			return false;
	}
	*out = v;
	return true;
}

/* An escape of four hex digits at pos, or two of them that make one character above U+FFFF. */
static bool unicode_escape(struct st_json *j, uint32_t *out)
{
	uint32_t hi, lo;

	if (!hex4(j, j->pos + 2, &hi)) {
		bad(j, j->pos, "expected four hex digits after \\u");
		return false;
	}
	*out = hi;
	if (hi < 0xd800 || hi > 0xdfff) {
		j->pos += 6;
		return true;
	}
	if (hi > 0xdbff || j->len - j->pos < 12 || j->p[j->pos + 6] != '\\' ||
	    j->p[j->pos + 7] != 'u' || !hex4(j, j->pos + 8, &lo) || lo < 0xdc00 || lo > 0xdfff) {
		bad(j, j->pos, "half a surrogate pair");
		return false;
	}
	*out = 0x10000 + ((hi - 0xd800) << 10 | (lo - 0xdc00));
	j->pos += 12;
	return true;
}

/* The escape sequence at pos; out may be NULL. */
static bool escape(struct st_json *j, struct st_buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char enc[4];
	const char *hit;
	uint32_t c;
	size_t n;

	if (j->len - j->pos < 2) {
		bad(j, j->len, "the text ends inside a string");
		return false;
	}
	if (j->p[j->pos + 1] == 'u') {
		if (!unicode_escape(j, &c))
			return false;
		n = st_utf8_put(c, enc);
	} else {
		hit = memchr(from, j->p[j->pos + 1], sizeof(from) - 1);
		if (!hit) {
			bad(j, j->pos, "unknown escape sequence");
			return false;
		}
		enc[0] = to[hit - from];
		n = 1;
		j->pos += 2;
	}
	return !out || st_buf_add(out, enc, n, j->err) == ST_OK;
}

/* Length of the run from pos that stands for itself. */
static size_t plain_run(const struct st_json *j)
{
	const uint8_t *p = (const uint8_t *)j->p;
	size_t i = j->pos, n;

	while (i < j->len) {
		if (p[i] < 0x80) {
			if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\')
				break;
			i++;
			continue;
		}
		n = st_utf8_len(p + i, j->len - i);
		if (n == 0)
			break;
		i += n;
	}
	return i - j->pos;
}

/* The string at pos, decoded into out unless that is NULL. */
static bool scan_string(struct st_json *j, struct st_buf *out)
{
	size_t n;

	for (j->pos++;;) {
		n = plain_run(j);
		if (out && st_buf_add(out, j->p + j->pos, n, j->err) != ST_OK)
			return false;
		j->pos += n;
		if (j->pos == j->len) {
			bad(j, j->pos, "the text ends inside a string");
			return false;
		}
		if (j->p[j->pos] == '"')
			break;
		if (j->p[j->pos] != '\\') {
			bad(j, j->pos,
			    (uint8_t)j->p[j->pos] < 0x20 ? "control character in a string" :
							   "invalid UTF-8");
			return false;
		}
		if (!escape(j, out))
			return false;
	}
	j->pos++;
	return true;
}

static const char *read_string(struct st_json *j, size_t *len)
{
	const char *s;

	st_buf_clear(&j->str);
	if (!scan_string(j, &j->str))
		return NULL;
	s = st_buf_cstr(&j->str, j->err);
	if (s && len)
		*len = j->str.len;
	return s;
}

static bool key_begins(struct st_json *j)
{
	if (!advance(j, '}'))
		return false;
	if (j->pos < j->len && j->p[j->pos] == '"')
		return true;
	bad(j, j->pos, "expected a key");
	return false;
}

static bool colon(struct st_json *j)
{
	if (skip_space(j) && j->p[j->pos] == ':') {
		j->pos++;
		return true;
	}
	bad(j, j->pos, "expected a colon");
	return false;
}

const char *st_json_key(struct st_json *j, size_t *len)
{
	const char *s;

	if (!key_begins(j))
		return NULL;
	s = read_string(j, len);
	return s && colon(j) ? s : NULL;
}

const char *st_json_string(struct st_json *j, size_t *len)
{
	return want(j, ST_JSON_STRING) ? read_string(j, len) : NULL;
}

struct number {
	size_t start, len;
	bool negative, integer;
};

static size_t digits(struct st_json *j)
{
	size_t start = j->pos;

	while (j->pos < j->len && j->p[j->pos] >= '0' && j->p[j->pos] <= '9')
		j->pos++;
	return j->pos - start;
}

static bool eat(struct st_json *j, char a, char b)
{
	if (j->pos == j->len || (j->p[j->pos] != a && j->p[j->pos] != b))
		return false;
	j->pos++;
	return true;
}

static bool number_tail(struct st_json *j, struct number *n)
{
	if (eat(j, '.', '.')) {
		n->integer = false;
		if (digits(j) == 0)
			return false;
	}
	if (eat(j, 'e', 'E')) {
		n->integer = false;
		eat(j, '+', '-');
		if (digits(j) == 0)
			return false;
	}
	return true;
}

static bool scan_number(struct st_json *j, struct number *n)
{
	size_t first;

	if (!want(j, ST_JSON_NUMBER))
		return false;
	*n = (struct number){ .start = j->pos, .integer = true };
	n->negative = eat(j, '-', '-');
	first = j->pos;
	if (digits(j) == 0 || (j->p[first] == '0' && j->pos > first + 1) || !number_tail(j, n)) {
		bad(j, n->start, "malformed number");
		return false;
	}
	n->len = j->pos - n->start;
	return true;
}

/* The digits of an integer; false, with a failure recorded, when they exceed max. */
static bool magnitude(struct st_json *j, const struct number *n, uint64_t max, uint64_t *out)
{
	uint64_t v = 0, d;
	size_t i;

	for (i = n->start + n->negative; i < n->start + n->len; i++) {
		d = (uint64_t)(j->p[i] - '0');
		if (!st_mul_u64(v, 10, &v) || !st_add_u64(v, d, &v) || v > max) {
			bad(j, n->start, "integer out of range");
			return false;
		}
	}
	*out = v;
	return true;
}

uint64_t st_json_u64(struct st_json *j)
{
	struct number n;
	uint64_t v;

	if (!scan_number(j, &n))
		return 0;
	if (n.negative || !n.integer) {
		bad(j, n.start, "expected an integer that is not negative");
		return 0;
	}
	return magnitude(j, &n, UINT64_MAX, &v) ? v : 0;
}

int64_t st_json_i64(struct st_json *j)
{
	struct number n;
	uint64_t v;

	if (!scan_number(j, &n))
		return 0;
	if (!n.integer) {
		bad(j, n.start, "expected an integer");
		return 0;
	}
	if (!magnitude(j, &n, (uint64_t)INT64_MAX + n.negative, &v))
		return 0;
	/* Two steps, since the magnitude of INT64_MIN is no int64_t. */
	return n.negative && v ? -(int64_t)(v - 1) - 1 : (int64_t)v;
}

/* strtod of the calling thread's locale would take "1.5" for 1 where the comma is the point. */
static bool to_real(const char *s, double *out, struct st_err *e)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);

	if (!c) {
		st_fail_os(e, "C locale");
		return false;
	}
	*out = strtod_l(s, NULL, c);
	freelocale(c);
	return true;
}

static double number_real(struct st_json *j)
{
	char small[64], *s = small;
	struct number n;
	double v = 0;

	if (!scan_number(j, &n))
		return 0;
	if (n.len >= sizeof(small))
		s = st_malloc(n.len + 1, j->err); /* not j->str: a key may lie there */
	if (!s)
		return 0;
	memcpy(s, j->p + n.start, n.len);
	s[n.len] = 0;
	if (to_real(s, &v, j->err) && isinf(v))
		bad(j, n.start, "number out of range");
	if (s != small)
		free(s);
	return st_json_ok(j) ? v : 0;
}

double st_json_real(struct st_json *j)
{
	static const struct {
		const char *text;
		double value;
	} special[] = {
		{ "\"nan\"", NAN },
		{ "\"inf\"", INFINITY },
		{ "\"-inf\"", -INFINITY },
	};
	size_t i, n;

	if (st_json_peek(j) != ST_JSON_STRING)
		return number_real(j);
	for (i = 0; i < sizeof(special) / sizeof(*special); i++) {
		n = strlen(special[i].text);
		if (j->len - j->pos >= n && memcmp(j->p + j->pos, special[i].text, n) == 0) {
			j->pos += n;
			return special[i].value;
		}
	}
	bad(j, j->pos, "expected a number");
	return 0;
}

static bool literal(struct st_json *j, const char *word)
{
	size_t n = strlen(word);

	if (j->len - j->pos < n || memcmp(j->p + j->pos, word, n) != 0)
		return false;
	j->pos += n;
	return true;
}

bool st_json_bool(struct st_json *j)
{
	if (!want(j, ST_JSON_BOOL))
		return false;
	if (literal(j, "true"))
		return true;
	if (!literal(j, "false"))
		bad(j, j->pos, "expected true or false");
	return false;
}

void st_json_null(struct st_json *j)
{
	if (want(j, ST_JSON_NULL) && !literal(j, "null"))
		bad(j, j->pos, "expected null");
}

static void skip_scalar(struct st_json *j, enum st_json_type t)
{
	struct number n;

	if (t == ST_JSON_STRING)
		scan_string(j, NULL);
	else if (t == ST_JSON_NUMBER)
		scan_number(j, &n);
	else if (t == ST_JSON_BOOL)
		st_json_bool(j);
	else if (t == ST_JSON_NULL)
		st_json_null(j);
	else
		bad(j, j->pos, "expected a value");
}

static bool skip_key(struct st_json *j)
{
	return key_begins(j) && scan_string(j, NULL) && colon(j);
}

void st_json_skip(struct st_json *j)
{
	uint64_t objects = 0; /* lowest bit: the innermost container entered here is an object */
	unsigned outer = j->depth;
	enum st_json_type t;

	do {
		t = st_json_peek(j);
		if (t == ST_JSON_OBJECT || t == ST_JSON_ARRAY) {
			objects = objects << 1 | (t == ST_JSON_OBJECT);
			enter(j, t);
		} else {
			skip_scalar(j, t);
		}
		while (st_json_ok(j) && j->depth > outer &&
		       !(objects & 1 ? skip_key(j) : st_json_item(j)))
			objects >>= 1;
	} while (st_json_ok(j) && j->depth > outer);
}

const char *st_json_raw(struct st_json *j, size_t *len)
{
	size_t start;

	st_json_peek(j); /* past the white space */
	start = j->pos;
	st_json_skip(j);
	if (!st_json_ok(j))
		return NULL;
	*len = j->pos - start;
	return j->p + start;
}

void st_json_end(struct st_json *j)
{
	if (st_json_ok(j) && skip_space(j))
		bad(j, j->pos, "unexpected text after the value");
}

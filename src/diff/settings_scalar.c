/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain scalars of YAML as its core schema (YAML 1.2.2, section 10.3.2) reads them:
 *
 * 	null    null Null NULL ~ and nothing
 * 	bool    true True TRUE false False FALSE
 * 	int     [-+]? [0-9]+, 0o [0-7]+, 0x [0-9a-fA-F]+
 * 	float   [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
 * 	        [-+]? \. ( inf | Inf | INF ), \. ( nan | NaN | NAN )
 *
 * Everything else is a string: also yes, 1_000, 1:30 and 2024-01-01.
 */
#include "diff/settings_build.h"

static const struct {
	const char *text, *json;
} words[] = {
	{ "", "null" },		 { "~", "null" },	  { "null", "null" },
	{ "Null", "null" },	 { "NULL", "null" },	  { "true", "true" },
	{ "True", "true" },	 { "TRUE", "true" },	  { "false", "false" },
	{ "False", "false" },	 { "FALSE", "false" },	  { ".nan", "\"nan\"" },
	{ ".NaN", "\"nan\"" },	 { ".NAN", "\"nan\"" },	  { ".inf", "\"inf\"" },
	{ ".Inf", "\"inf\"" },	 { ".INF", "\"inf\"" },	  { "+.inf", "\"inf\"" },
	{ "+.Inf", "\"inf\"" },	 { "+.INF", "\"inf\"" },  { "-.inf", "\"-inf\"" },
	{ "-.Inf", "\"-inf\"" }, { "-.INF", "\"-inf\"" },
};

static const char *word(const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i].text) == len && memcmp(words[i].text, s, len) == 0)
			return words[i].json;
	return NULL;
}

static size_t digits(const char *s, size_t len, size_t from)
{
	size_t i = from;

	while (i < len && s[i] >= '0' && s[i] <= '9')
		i++;
	return i - from;
}

static bool decimal(const char *s, size_t len)
{
	size_t i = len && (*s == '-' || *s == '+'), whole = digits(s, len, i), part = 0, n;

	i += whole;
	if (i < len && s[i] == '.') {
		part = digits(s, len, i + 1);
		i += 1 + part;
	}
	if (whole + part == 0)
		return false;
	if (i < len && (s[i] == 'e' || s[i] == 'E')) {
		i++;
		i += i < len && (s[i] == '-' || s[i] == '+');
		n = digits(s, len, i);
		if (n == 0)
			return false;
		i += n;
	}
	return i == len;
}

/* 0x and 0o, of at most 64 bits. */
static bool based(const char *s, size_t len, uint64_t *out)
{
	static const char all[] = "0123456789abcdef";
	uint64_t base, v = 0;
	const char *hit;

	if (len < 3 || *s != '0' || (s[1] != 'x' && s[1] != 'o'))
		return false;
	base = s[1] == 'x' ? 16 : 8;
	for (size_t i = 2; i < len; i++) {
		hit = memchr(all, s[i] >= 'A' && s[i] <= 'F' ? s[i] | 0x20 : s[i], (size_t)base);
		if (!hit || !st_mul_u64(v, base, &v) || !st_add_u64(v, (uint64_t)(hit - all), &v))
			return false;
	}
	*out = v;
	return true;
}

int st_build_plain(struct st_build *b, const char *s, size_t len, struct st_err *e)
{
	const char *json = word(s, len);
	uint64_t v;
	int rc;

	if (json)
		return st_build_leaf(b, json, strlen(json), e);
	if (decimal(s, len))
		return st_build_number(b, s, len, e);
	if (!based(s, len, &v))
		return st_build_string(b, s, len, e);
	st_buf_clear(&b->value);
	rc = st_buf_addf(&b->value, e, "%" PRIu64, v);
	return rc == ST_OK ? st_build_leaf(b, b->value.p, b->value.len, e) : rc;
}

int st_settings_scalar(struct st_settings *s, bool plain, const char *p, size_t len,
		       struct st_err *e)
{
	struct st_build b;
	int rc = st_build_init(&b, s, "", e);

	if (rc == ST_OK)
		rc = plain ? st_build_plain(&b, p, len, e) : st_build_string(&b, p, len, e);
	return st_build_end(&b, rc, e);
}

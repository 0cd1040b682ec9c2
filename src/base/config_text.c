/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config_text.h"

struct parser {
	const char *p;
	size_t len, pos;
	unsigned line;
	const char *file;
	struct st_buf section, name, value;
	struct st_err *err;
};

static bool bad(struct parser *s, const char *what)
{
	st_fail(s->err, ST_EFORMAT, "%s:%u: %s", s->file, s->line, what);
	return false;
}

/* The byte at pos + k, CR LF read as LF; 0 at the end, which the text itself never holds. */
static char look(const struct parser *s)
{
	if (s->pos == s->len)
		return 0;
	if (s->p[s->pos] == '\r' && s->len - s->pos > 1 && s->p[s->pos + 1] == '\n')
		return '\n';
	return s->p[s->pos];
}

static char take(struct parser *s)
{
	char c = look(s);

	if (c == '\n') {
		s->pos += s->p[s->pos] == '\r';
		s->line++;
	}
	s->pos += c != 0;
	return c;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static void skip_blanks(struct parser *s)
{
	while (blank(look(s)))
		take(s);
}

static void skip_line(struct parser *s)
{
	while (look(s) != 0 && take(s) != '\n')
		;
}

static bool add(struct parser *s, struct st_buf *b, char c)
{
	return st_buf_addch(b, c, s->err) == ST_OK;
}

/* Letters, digits, dashes, and dots where allowed, to lower case. */
static bool word(struct parser *s, struct st_buf *out, bool dots)
{
	char c;

	while (c = look(s), st_config_word(c) || (dots && c == '.'))
		if (!add(s, out, st_config_lower(take(s))))
			return false;
	return true;
}

/* The rest of [section "sub"] from the quote on; a backslash makes any byte stand for itself. */
static bool subsection(struct parser *s)
{
	char c;

	take(s);
	if (!add(s, &s->section, '.'))
		return false;
	while ((c = take(s)) != '"') {
		if (c == '\\')
			c = take(s);
		if (c == 0 || c == '\n') {
			s->line -= c == '\n';
			return bad(s, "the section's name has no closing quote");
		}
		if (!add(s, &s->section, c))
			return false;
	}
	return true;
}

static bool header(struct parser *s)
{
	take(s);
	st_buf_clear(&s->section);
	if (!word(s, &s->section, true))
		return false;
	if (s->section.len == 0)
		return bad(s, "a section needs a name of letters, digits, - and .");
	skip_blanks(s);
	if (look(s) == '"' && !subsection(s))
		return false;
	if (look(s) != ']')
		return bad(s, "a section's header must end with ]");
	take(s);
	return true;
}

/* Behind a backslash. */
static bool value_escape(struct parser *s, size_t *keep)
{
	static const char from[] = "ntb\"\\", to[] = "\n\t\b\"\\";
	const char *hit;
	char c = take(s);

	if (c == '\n' && look(s) != 0)
		return true;
	if (c == '\n') {
		s->line--;
		return bad(s, "the file ends where a value goes on"); /* nor could a line follow */
	}
	hit = c ? strchr(from, c) : NULL;
	if (!hit)
		return bad(s, "unknown escape sequence in a value");
	if (!add(s, &s->value, to[hit - from]))
		return false;
	*keep = s->value.len;
	return true;
}

/* To the end of the line, with blanks at both ends and the comment left out. */
static bool value(struct parser *s)
{
	bool quoted = false;
	size_t keep = 0;
	char c;

	skip_blanks(s);
	while ((c = look(s)) != 0 && c != '\n') {
		if (!quoted && (c == '#' || c == ';'))
			break;
		take(s);
		if (c == '\\') {
			if (!value_escape(s, &keep))
				return false;
		} else if (c == '"') {
			quoted = !quoted;
			keep = s->value.len;
		} else {
			if (!add(s, &s->value, c))
				return false;
			if (quoted || !blank(c))
				keep = s->value.len;
		}
	}
	if (quoted)
		return bad(s, "a value has no closing quote");
	skip_line(s);
	s->value.len = keep;
	return true;
}

static bool setting(struct parser *s)
{
	char c;

	st_buf_clear(&s->name);
	st_buf_clear(&s->value);
	if (s->section.len == 0)
		return bad(s, "a setting must stand below a [section]");
	if (!st_config_letter(look(s)))
		return bad(s, "expected a section, a name or a comment");
	if (!word(s, &s->name, false))
		return false;
	skip_blanks(s);
	c = look(s);
	if (c == '=') {
		take(s);
		return value(s);
	}
	if (c != 0 && c != '\n' && c != '#' && c != ';')
		return bad(s, "expected = after the name");
	skip_line(s);
	return st_buf_addstr(&s->value, "true", s->err) == ST_OK;
}

static int report(struct parser *s, bool has_name, size_t begin, st_config_item_fn *fn, void *arg)
{
	struct st_config_item item = { .begin = begin, .end = s->pos };

	item.section = st_buf_cstr(&s->section, s->err);
	item.name = st_buf_cstr(&s->name, s->err);
	item.value = st_buf_cstr(&s->value, s->err);
	if (!item.section || !item.name || !item.value)
		return s->err->code;
	if (!has_name)
		item.name = NULL;
	return fn(arg, &item, s->err);
}

static int items(struct parser *s, st_config_item_fn *fn, void *arg)
{
	size_t begin;
	int rc = ST_OK;
	char c;

	while (rc == ST_OK) {
		skip_blanks(s);
		begin = s->pos;
		c = look(s);
		if (c == 0)
			break;
		if (c == '\n' || c == '#' || c == ';') {
			skip_line(s);
			continue;
		}
		if (!(c == '[' ? header(s) : setting(s)))
			return s->err->code;
		rc = report(s, c != '[', begin, fn, arg);
	}
	return rc;
}

int st_config_items(const char *text, size_t len, const char *name, st_config_item_fn *fn,
		    void *arg, struct st_err *e)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct parser s = { .p = text, .len = len, .line = 1, .file = name, .err = e };
	int rc;

	if (len && memchr(text, 0, len))
		return st_fail(e, ST_EFORMAT, "%s: a NUL byte at offset %zu", name,
			       (size_t)((const char *)memchr(text, 0, len) - text));
	if (len >= 3 && memcmp(text, bom, 3) == 0)
		s.pos = 3;
	st_buf_init(&s.section, len + 1);
	st_buf_init(&s.name, len + 1);
	st_buf_init(&s.value, len + 8);
	rc = items(&s, fn, arg);
	st_buf_release(&s.value);
	st_buf_release(&s.name);
	st_buf_release(&s.section);
	return rc;
}

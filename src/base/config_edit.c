/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config.h"

#include "base/config_text.h"
#include "base/file.h"

#include <strings.h>

#define NOWHERE SIZE_MAX

struct edit {
	struct st_buf *out;
	const char *text;
	size_t len;
	size_t nsection; /* key is "section.name" */
	const char *key, *value;
	size_t copied;	    /* the text before this is in out, or left out on purpose */
	size_t begin, end;  /* the last setting of the key */
	size_t section_end; /* behind the last line of the section */
};

static int check_key(const char *key, size_t *nsection, struct st_err *e)
{
	size_t n = 0, k = 0;

	while (st_config_word(key[n]))
		n++;
	if (n && key[n] == '.' && st_config_letter(key[n + 1]))
		while (st_config_word(key[n + 1 + k]))
			k++;
	if (k == 0 || key[n + 1 + k])
		return st_fail(e, ST_EUSAGE, "\"%s\" is no key: write section.name", key);
	*nsection = n;
	return ST_OK;
}

static int check_value(const char *key, const char *value, struct st_err *e)
{
	const char *p;

	for (p = value; *p; p++)
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return st_fail(e, ST_EUSAGE, "the value of %s must be one line of text",
				       key);
	return ST_OK;
}

static int copy_to(struct edit *d, size_t end, struct st_err *e)
{
	size_t from = d->copied;

	d->copied = end;
	return end > from ? st_buf_add(d->out, d->text + from, end - from, e) : ST_OK;
}

static int add_value(struct edit *d, struct st_err *e)
{
	const char *p = d->value;
	size_t n = strlen(p);
	bool quote = n == 0 || strpbrk(p, "#;") || p[0] == ' ' || p[n - 1] == ' ';
	int rc = quote ? st_buf_addch(d->out, '"', e) : ST_OK;

	for (; rc == ST_OK && *p; p++) {
		if (*p == '"' || *p == '\\')
			rc = st_buf_addch(d->out, '\\', e);
		if (rc == ST_OK && *p == '\t')
			rc = st_buf_addstr(d->out, "\\t", e);
		else if (rc == ST_OK)
			rc = st_buf_addch(d->out, *p, e);
	}
	return rc == ST_OK && quote ? st_buf_addch(d->out, '"', e) : rc;
}

/* From the name to the end of the line. */
static int add_setting(struct edit *d, struct st_err *e)
{
	if (st_buf_addf(d->out, e, "%s = ", d->key + d->nsection + 1) != ST_OK ||
	    add_value(d, e) != ST_OK)
		return e->code;
	return st_buf_addch(d->out, '\n', e);
}

/* Leaves out [begin, end), with the blanks before it, but never the header on the same line. */
static int leave_out(struct edit *d, size_t begin, size_t end, struct st_err *e)
{
	size_t at = begin;

	while (at > d->copied && (d->text[at - 1] == ' ' || d->text[at - 1] == '\t'))
		at--;
	if (at > d->copied && d->text[at - 1] != '\n') /* behind a header: its line still ends */
		while (end > begin && (d->text[end - 1] == '\n' || d->text[end - 1] == '\r'))
			end--;
	if (copy_to(d, at, e) != ST_OK)
		return e->code;
	d->copied = end;
	return ST_OK;
}

static int edit_item(void *arg, const struct st_config_item *item, struct st_err *e)
{
	struct edit *d = arg;

	if (strlen(item->section) != d->nsection ||
	    strncasecmp(item->section, d->key, d->nsection) != 0)
		return ST_OK;
	d->section_end = item->end;
	if (!item->name || strcasecmp(item->name, d->key + d->nsection + 1) != 0)
		return ST_OK;
	if (!d->value)
		return leave_out(d, item->begin, item->end, e);
	d->begin = item->begin;
	d->end = item->end;
	return ST_OK;
}

static int replace(struct edit *d, struct st_err *e)
{
	if (copy_to(d, d->begin, e) != ST_OK || add_setting(d, e) != ST_OK)
		return e->code;
	d->copied = d->end;
	return ST_OK;
}

/*
 * Where a line may be put in below what ends at `at`: there, if that is a line's start; behind the
 * comment or blanks that follow; but before another header on the same line.
 */
static size_t insertion_point(const struct edit *d, size_t at)
{
	const char *p = d->text + at, *end = d->text + d->len;

	if (at == 0 || d->text[at - 1] == '\n')
		return at;
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\v' || *p == '\f'))
		p++;
	if (p < end && *p != '\n' && *p != '#' && *p != ';')
		return at;
	p = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
	return p ? (size_t)(p - d->text) + 1 : d->len;
}

/* Below the last line of its section, or in a new section at the end. */
static int insert(struct edit *d, struct st_err *e)
{
	bool new_section = d->section_end == NOWHERE;
	size_t at = new_section ? d->len : insertion_point(d, d->section_end);

	if (copy_to(d, at, e) != ST_OK)
		return e->code;
	if (at > 0 && d->text[at - 1] != '\n' && st_buf_addch(d->out, '\n', e) != ST_OK)
		return e->code;
	if (new_section && st_buf_addf(d->out, e, "[%.*s]\n", (int)d->nsection, d->key) != ST_OK)
		return e->code;
	if (st_buf_addch(d->out, '\t', e) != ST_OK)
		return e->code;
	return add_setting(d, e);
}

int st_config_edit(struct st_buf *out, const char *text, size_t len, const char *name,
		   const char *key, const char *value, struct st_err *e)
{
	struct edit d = { .out = out,
			  .text = text,
			  .len = len,
			  .key = key,
			  .value = value,
			  .begin = NOWHERE,
			  .end = NOWHERE,
			  .section_end = NOWHERE };

	if (check_key(key, &d.nsection, e) != ST_OK ||
	    (value && check_value(key, value, e) != ST_OK) ||
	    st_config_items(text, len, name, edit_item, &d, e) != ST_OK)
		return e->code;
	if (value && (d.begin != NOWHERE ? replace(&d, e) : insert(&d, e)) != ST_OK)
		return e->code;
	return copy_to(&d, len, e);
}

static int set_text(struct st_buf *text, struct st_buf *out, const char *path, const char *key,
		    const char *value, struct st_err *e)
{
	int rc = st_file_slurp(text, path, e);

	if (rc == ST_EIO && e->os == ENOENT) {
		st_err_clear(e);
		if (!value)
			return ST_OK;
	} else if (rc != ST_OK) {
		return rc;
	}
	if (st_config_edit(out, (const char *)text->p, text->len, path, key, value, e) != ST_OK)
		return e->code;
	if (out->len == text->len && (out->len == 0 || !memcmp(out->p, text->p, out->len)))
		return ST_OK;
	return st_file_replace(path, out->p, out->len, true, e);
}

int st_config_set_file(const char *path, const char *key, const char *value, struct st_err *e)
{
	char *real = realpath(path, NULL); /* NULL: it is new, or the open will say what is wrong */
	struct st_buf text, out;
	int rc;

	st_buf_init(&text, ST_CONFIG_MAX);
	st_buf_init(&out, ST_CONFIG_MAX);
	rc = set_text(&text, &out, real ? real : path, key, value, e);
	st_buf_release(&out);
	st_buf_release(&text);
	free(real);
	return rc;
}

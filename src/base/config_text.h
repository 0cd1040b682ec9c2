/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of settings files, for config.c and config_edit.c. */
#ifndef ST_BASE_CONFIG_TEXT_H
#define ST_BASE_CONFIG_TEXT_H

#include "base/buf.h"

/* One setting or, when name is NULL, one section header. Everything is borrowed for the call. */
struct st_config_item {
	const char *section; /* "section" or "section.sub", lower case except for sub */
	const char *name;    /* lower case */
	const char *value;
	size_t begin, end; /* in the text: from the first byte to behind the line's end */
};

typedef int st_config_item_fn(void *arg, const struct st_config_item *item, struct st_err *e);

/* Calls fn for everything in the text, in order. ST_EFORMAT gives name and line. */
ST_MUST int st_config_items(const char *text, size_t len, const char *name, st_config_item_fn *fn,
			    void *arg, struct st_err *e);

/* Of ASCII, whatever the locale. */
static inline char st_config_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static inline bool st_config_letter(char c)
{
	return st_config_lower(c) >= 'a' && st_config_lower(c) <= 'z';
}

/* What names and sections are made of. */
static inline bool st_config_word(char c)
{
	return st_config_letter(c) || (c >= '0' && c <= '9') || c == '-';
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line "section.name=value", then a settings file. A file that is read can be edited: the key
 * then has the value, every other key has the one it had, and removing the key removes nothing
 * else.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/config.h"

#define MAX_OUT ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* What all keys but the one edited are compared with. */
struct others {
	const struct st_config *config;
	const char *key;
	size_t seen;
};

static int same(void *arg, const char *key, const char *value, struct st_err *e)
{
	struct others *o = arg;
	const char *there;

	(void)e;
	if (strcasecmp(key, o->key) == 0)
		return ST_OK;
	o->seen++;
	there = st_config_get(o->config, key);
	check(there && strcmp(there, value) == 0);
	return ST_OK;
}

static size_t compare(const struct st_config *a, const struct st_config *b, const char *key)
{
	struct others o = { .config = b, .key = key };
	struct st_err e = { 0 };

	check(st_config_each(a, same, &o, &e) == ST_OK);
	return o.seen;
}

static void check_edit(const struct st_config *c, const char *text, size_t len, const char *key,
		       const char *value)
{
	struct st_err e = { 0 };
	struct st_config edited;
	struct st_buf out;
	const char *got;

	st_buf_init(&out, MAX_OUT);
	if (st_config_edit(&out, text, len, "fuzz", key, value, &e) == ST_OK) {
		st_config_init(&edited);
		check(st_config_parse(&edited, (const char *)out.p, out.len, "edited", &e) ==
		      ST_OK);
		got = st_config_get(&edited, key);
		check(value ? got && strcmp(got, value) == 0 : !got);
		check(compare(c, &edited, key) == compare(&edited, c, key));
		st_config_release(&edited);
	} else {
		check(e.code == ST_EUSAGE);
	}
	st_buf_release(&out);
}

/* The first line, split at its first '='; NULL when there is none. */
static char *first_line(const uint8_t *data, size_t len, char **value)
{
	char *line = malloc(len + 1), *eq;

	check(line != NULL);
	if (len)
		memcpy(line, data, len);
	line[len] = 0;
	eq = strchr(line, '=');
	*value = eq ? eq + 1 : line + len;
	if (eq)
		*eq = 0;
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nl = size ? memchr(data, '\n', size) : NULL;
	size_t line = nl ? (size_t)(nl - data) : size;
	size_t at = nl ? line + 1 : size;
	struct st_err e = { 0 };
	struct st_config c;
	char *key, *value;
	uint64_t bytes;
	bool b;

	key = first_line(data, line, &value);
	st_config_init(&c);
	if (st_config_parse(&c, (const char *)data + at, size - at, "fuzz", &e) == ST_OK) {
		check_edit(&c, (const char *)data + at, size - at, key, value);
		check_edit(&c, (const char *)data + at, size - at, key, NULL);
		check(st_config_bool(&c, key, true, &b, &e) == ST_OK || e.code == ST_EUSAGE);
	} else {
		check(e.code == ST_EFORMAT);
	}
	st_err_clear(&e);
	check(st_size_parse(value, &bytes, &e) == ST_OK || e.code == ST_EUSAGE);
	st_config_release(&c);
	free(key);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings files, written as Git's are: [section] or [section "sub"], name = value, a name alone
 * for true; # and ; begin comments; quotes keep blanks and comment signs; a backslash at the end of
 * a line continues it. The key is "section.name" or "section.sub.name", compared without case
 * except for sub. Later files override earlier ones. Not read with libinih, which cuts lines at 200
 * bytes, joins indented lines and knows neither quotes nor, for its handler, line numbers.
 */
#ifndef ST_BASE_CONFIG_H
#define ST_BASE_CONFIG_H

#include "base/buf.h"
#include "base/ctx.h"
#include "base/map.h"

#define ST_CONFIG_MAX ((size_t)1 << 20) /* bytes of one file */

struct st_config {
	struct st_map map; /* key -> index into entries */
	struct st_arena arena;
	struct st_config_entry {
		const char *key, *value;
	} * entries; /* in order of first appearance */
	size_t nentries, cap;
};

void st_config_init(struct st_config *c);
void st_config_release(struct st_config *c);
/* A missing file is fine (nothing is added); a malformed one is ST_EFORMAT naming file and line. */
ST_MUST int st_config_load(struct st_config *c, const char *path, struct st_err *e);
/* The user's own, which under sudo may be another's: one that must not be read counts as missing,
 * too, with a warning (ctx NULL: without). */
ST_MUST int st_config_load_user(struct st_config *c, const char *path, const struct st_ctx *ctx,
				struct st_err *e);
/* The same of len bytes of text; name is for messages. Duplicates override. */
ST_MUST int st_config_parse(struct st_config *c, const char *text, size_t len, const char *name,
			    struct st_err *e);
/* Borrowed; NULL when not set. */
const char *st_config_get(const struct st_config *c, const char *key);
/* true, yes, on, 1 or false, no, off, 0 and nothing at all; another value is ST_EUSAGE. */
ST_MUST int st_config_bool(const struct st_config *c, const char *key, bool dflt, bool *out,
			   struct st_err *e);
/* 512M, 2G, 64k, 1T, plain bytes; binary multiples; ST_EUSAGE otherwise. */
ST_MUST int st_size_parse(const char *s, uint64_t *out, struct st_err *e);
/* Sets (value) or removes (NULL) one key in the file, keeping every other line as it is; atomic.
 * key must be "section.name" of [A-Za-z0-9-], name beginning with a letter; the value one line of
 * text. Of several settings of the key the last one, which counts, is set, and all are removed. A
 * comment after the value goes with it. Follows a link at path. A malformed file is left alone. */
ST_MUST int st_config_set_file(const char *path, const char *key, const char *value,
			       struct st_err *e);
/* The same on text in memory; the new text is appended to out. */
ST_MUST int st_config_edit(struct st_buf *out, const char *text, size_t len, const char *name,
			   const char *key, const char *value, struct st_err *e);
/* Calls fn for every key in order of first appearance. */
ST_MUST int st_config_each(const struct st_config *c,
			   int (*fn)(void *arg, const char *key, const char *value,
				     struct st_err *e),
			   void *arg, struct st_err *e);

#endif

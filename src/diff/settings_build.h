/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the readers of settings.h fill a struct st_settings: they walk their text and tell where they
 * are. Not for others.
 */
#ifndef ST_DIFF_SETTINGS_BUILD_H
#define ST_DIFF_SETTINGS_BUILD_H

#include "base/buf.h"
#include "diff/settings.h"

struct st_build {
	struct st_settings *s;
	size_t first;		 /* leaves of this text are s->v[first..] */
	struct st_setting twice; /* as in struct st_settings */
	struct st_map members;	 /* path of each member of an object -> its first leaf */
	struct st_buf path;	 /* where the walk is; a reader cuts it back by setting path.len */
	struct st_buf value;	 /* room for a value's text */
	size_t leaves, bytes;	 /* told so far, dropped ones too */
	uint32_t line;		 /* of the next leaf, where the reader knows it */
};

ST_MUST int st_build_init(struct st_build *b, struct st_settings *s, const char *prefix,
			  struct st_err *e);
/*
 * Into the member `key` of the object at path. If there was one, all that was in it is dropped; one
 * since the leaf `own`, where the object's own members begin, came twice.
 */
ST_MUST int st_build_member(struct st_build *b, size_t own, const char *key, size_t len,
			    struct st_err *e);
ST_MUST int st_build_item(struct st_build *b, uint64_t index, struct st_err *e); /* of a list */
/* The leaf at path; the text is JSON in the spelling of settings.h. */
ST_MUST int st_build_leaf(struct st_build *b, const void *json, size_t len, struct st_err *e);
ST_MUST int st_build_string(struct st_build *b, const char *s, size_t len, struct st_err *e);
/* A number as JSON spells it, though also with a plus sign, leading zeros or nothing before or
 * behind the point. */
ST_MUST int st_build_number(struct st_build *b, const char *s, size_t len, struct st_err *e);
/* A plain scalar of YAML by the core schema of YAML 1.2 (settings_scalar.c). */
ST_MUST int st_build_plain(struct st_build *b, const char *s, size_t len, struct st_err *e);
/* Ends the walk: rc ST_OK publishes the leaves, else none stays. Returns rc or a failure of its
 * own; b is released. */
ST_MUST int st_build_end(struct st_build *b, int rc, struct st_err *e);

/* settings_number.c: appends the one spelling of a number (as st_build_number takes them). */
ST_MUST int st_number_put(struct st_buf *out, const char *s, size_t len, struct st_err *e);
/* Are two numbers in that spelling the same number? */
bool st_number_equal(const char *a, size_t a_len, const char *b, size_t b_len);

#endif

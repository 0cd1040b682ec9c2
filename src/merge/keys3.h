/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations become one, by key path: ours's text with the values, keys and removals of the
 * other sides put into it, so that what nobody changed keeps its bytes. Pure.
 */
#ifndef ST_MERGE_KEYS3_H
#define ST_MERGE_KEYS3_H

#include "base/buf.h"
#include "base/map.h"
#include "merge/three.h"

struct st_keys_text {
	const void *p; /* NULL: absent */
	size_t len;
};

enum st_keys_lang {
	ST_KEYS_JSON,
	ST_KEYS_YAML
};

struct st_keys { /* all borrowed */
	struct st_keys_text base;
	const struct st_keys_text *sides; /* ours first */
	size_t n;
	/*
	 * A key that several sides changed to different things: its path as struct st_setting
	 * spells it, and its text in the base and on each side (p NULL: absent). *choice: the side
	 * whose value counts, or n for the base's.
	 */
	int (*decide)(void *arg, const char *key, size_t len, const struct st_keys_text *base,
		      const struct st_keys_text *sides, size_t *choice, struct st_err *e);
	void *arg;
	/*
	 * May be NULL. Asked first about every value that not all sides have as the base has it.
	 * *mine: the value is no matter of keys, and becomes *text (p NULL: it goes), which lives
	 * as long as the merge.
	 */
	int (*own)(void *arg, const char *key, size_t len, const struct st_keys_text *base,
		   const struct st_keys_text *sides, struct st_keys_text *text, bool *mine,
		   struct st_err *e);
	enum st_keys_lang lang;
};

/*
 * Appends the merged text to out. Objects merge key by key, lists of one length element by element;
 * any other value counts as a whole. A value in another spelling (as st_settings_equal compares)
 * is changed only if no side has another value. JSON is what st_settings_json takes. ST_EFORMAT: a
 * side cannot be read, is deeper than ST_JSON_DEPTH, has a key twice in an object, or is no object
 * or list itself; nothing was asked then. An absent side has no say.
 *
 * YAML that has more than a change by places can keep (yaml_nodes.h, keys that are no plain line,
 * members that begin on the line of a dash and go) is ST_EFORMAT too. The text of a value that
 * spans lines begins with a line feed and is indented as if it stood alone. What comes out is read
 * again and compared with what was decided, for every answer that is the same for all keys before
 * the first is asked for; mixed ones that fail are ST_EREFUSED.
 */
ST_MUST int st_keys_merge(const struct st_keys *k, struct st_buf *out, struct st_err *e);
/* The value at a key path, in arena; p NULL: there is none. ST_EFORMAT. */
ST_MUST int st_keys_find(enum st_keys_lang lang, const struct st_keys_text *text, const char *key,
			 size_t len, struct st_arena *arena, struct st_keys_text *out,
			 struct st_err *e);

#endif

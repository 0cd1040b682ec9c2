/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two configurations say differently: JSON and YAML by key path, other text by line. No
 * recursion on the input's depth, memory bounded.
 */
#ifndef ST_DIFF_SETTINGS_H
#define ST_DIFF_SETTINGS_H

#include "base/map.h"

/* Of one text; ST_ELIMIT beyond. The bytes are those of all keys and values. */
#define ST_SETTINGS_LEAVES ((size_t)1000000)
#define ST_SETTINGS_BYTES ((size_t)64 << 20)
#define ST_SETTINGS_DEPTH 64 /* ST_EFORMAT beyond */

struct st_setting {	 /* a leaf: a scalar, or an empty list or object */
	const char *key; /* "optimizer.param_groups[0].lr"; "" for a text that is one scalar. A key
			  * with . [ ] " \ or a control character in it, or an empty one, is
			  * quoted as in JSON: a."b.c" */
	size_t key_len;
	/* JSON text in one spelling: strings as st_jw_stringn writes them; integers in all their
	 * digits; other numbers as the shortest text that reads back as the same double, always
	 * with a point or an exponent: 1.0, 0.001, 1e-05. What no number of JSON is comes as
	 * "nan", "inf", "-inf". */
	const char *value;
	size_t value_len;
	uint32_t line; /* of its text, from 1; 0: of JSON */
};

struct st_settings {
	struct st_arena arena;
	struct st_setting *v; /* sorted by key bytes, keys unique (the last of equal ones wins) */
	size_t n, cap;
	/* The first key that came twice in an object, where it came again; key NULL: none did.
	 * What << brings of a key that the object has itself does not count. */
	struct st_setting twice;
};

void st_settings_init(struct st_settings *s);
void st_settings_release(struct st_settings *s);
/*
 * Add the leaves of a text, which win over those of equal keys that are there; on failure s is as
 * it was. Of a key that comes twice in an object the first value is dropped with all that is in it.
 * Damage is ST_EFORMAT with its offset (JSON) or line and column (YAML), both counted as their
 * readers do: offsets from 0, lines and columns from 1. prefix: the path that all keys continue, or
 * "": "a" (or "a.") makes "a.b" and "a[0]".
 *
 * JSON: strict, but NaN, Infinity and -Infinity are numbers, as Python writes them.
 * YAML: scalars as YAML 1.2's core schema reads them (integers in 0x and 0o beyond 64 bits stay
 * strings), tags ignored but !!str; anchors are followed within the limits above; << merges as in
 * YAML 1.1. A key that is a list or an object is ST_EFORMAT. Several documents are [0], [1].
 */
ST_MUST int st_settings_json(struct st_settings *s, const char *prefix, const void *p, size_t len,
			     struct st_err *e);
ST_MUST int st_settings_yaml(struct st_settings *s, const char *prefix, const void *p, size_t len,
			     struct st_err *e);

/* The leaf "" of one scalar's content, read as a plain one of YAML, or else as a string. */
ST_MUST int st_settings_scalar(struct st_settings *s, bool plain, const char *p, size_t len,
			       struct st_err *e);

/* Their values. Numbers are equal when they are the same number: 1e-3 and 0.001, 1 and 1.0. */
bool st_settings_equal(const struct st_setting *a, const struct st_setting *b);
/* Each key whose values differ, in order of keys: a or b NULL where the key is missing. null, an
 * empty container and a missing key are three things. cb returns non-zero to stop (ST_ENO). */
ST_MUST int st_settings_diff(const struct st_settings *a, const struct st_settings *b,
			     int (*cb)(void *arg, const struct st_setting *a,
				       const struct st_setting *b),
			     void *arg, struct st_err *e);

/*
 * Lines of two texts that differ, as hunks: lines [a, a + na) of the first are replaced by [b, b +
 * nb) of the second, counted from 0; in order, at least one equal line between two of them. A line
 * ends behind its \n, which counts: a last line without one differs from the same with it. Any
 * bytes are text.
 *
 * The shortest script within bounded work: always where both texts together have up to 8,192 lines
 * between the first and the last that differ, or when few enough of them do. Beyond it a longer but
 * right one; with more than two million lines in between, one hunk. cb returns non-zero to stop
 * (ST_ENO).
 */
ST_MUST int st_lines_diff(const void *a, size_t a_len, const void *b, size_t b_len,
			  int (*cb)(void *arg, size_t a, size_t na, size_t b, size_t nb), void *arg,
			  struct st_err *e);

#endif

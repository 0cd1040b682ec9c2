/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: one pull reader, one writer.
 *
 * The reader builds no tree: a hostile 100 MB header of "[[],[],..." costs no memory, a depth limit
 * stops nesting, and every error is ST_EFORMAT with its byte offset. Strict RFC 8259; strings are
 * validated UTF-8; a key that comes twice is the caller's matter. The first failure sticks in err;
 * afterwards every call returns 0/false/NULL, so loops end.
 * Not thread-safe; one reader per thread.
 */
#ifndef ST_BASE_JSON_H
#define ST_BASE_JSON_H

#include "base/oid.h"
#include "base/rd.h"
#include "base/utf8.h"

enum st_json_type {
	ST_JSON_NONE, /* failure; or the end of the input outside every container, which is none */
	ST_JSON_NULL,
	ST_JSON_BOOL,
	ST_JSON_NUMBER,
	ST_JSON_STRING,
	ST_JSON_ARRAY,
	ST_JSON_OBJECT,
};

#define ST_JSON_DEPTH 64

struct st_json {
	const char *p;
	size_t len, pos;
	unsigned depth, max_depth;
	bool fresh;	   /* just entered a container: no comma expected yet */
	struct st_buf str; /* the last decoded string; bounded by the input's length */
	struct st_err *err;
};

/* Input is borrowed and need not be NUL-terminated. max_depth <= ST_JSON_DEPTH. */
void st_json_init(struct st_json *j, const void *p, size_t len, unsigned max_depth,
		  struct st_err *e);
void st_json_release(struct st_json *j);
bool st_json_ok(const struct st_json *j);

enum st_json_type st_json_peek(struct st_json *j); /* of the next value */
/*
 * What Python writes for numbers that JSON has not, and real configurations have:
 * "time_step_limit": [0.0, Infinity]. Skips NaN, Infinity or -Infinity where that comes next, and
 * returns "nan", "inf" or "-inf", else NULL. Every other call takes them for damage.
 */
const char *st_json_special(struct st_json *j);

/*	if (st_json_object(&j))
 *		while ((key = st_json_key(&j, &len)))
 *			... exactly one value call, st_json_skip included ...
 *	if (st_json_array(&j))
 *		while (st_json_item(&j))
 *			... exactly one value call ... */
bool st_json_object(struct st_json *j);
/* NULL at the closing brace or on failure. The key is decoded, NUL-terminated, and borrowed until
 * the next key or string call; it may hold NUL bytes, hence the length. */
const char *st_json_key(struct st_json *j, size_t *len); /* len may be NULL */
bool st_json_array(struct st_json *j);
bool st_json_item(struct st_json *j);

const char *st_json_string(struct st_json *j, size_t *len); /* as st_json_key */
uint64_t st_json_u64(struct st_json *j); /* an integer without sign, fraction or exponent */
int64_t st_json_i64(struct st_json *j);	 /* likewise, with or without a minus sign */
double st_json_real(struct st_json *j);	 /* or "nan", "inf", "-inf", as st_jw_real writes them */
bool st_json_bool(struct st_json *j);
void st_json_null(struct st_json *j);
void st_json_skip(struct st_json *j); /* any value, bounded depth, no recursion */
/* The raw bytes of the next value, which is validated and skipped; borrowed from the input. */
const char *st_json_raw(struct st_json *j, size_t *len);
void st_json_end(struct st_json *j); /* only white space may follow */

/*
 * The writer. Compact, no white space. In canonical mode (object encodings) keys must arrive in
 * ascending byte order, which it holds as an invariant (so weed out double keys before), and
 * integers beyond 2^53 are ST_ELIMIT. Strings that are not UTF-8 must go through st_jw_name. No
 * more than ST_JSON_DEPTH containers deep. Failures stick in err; afterwards every call does
 * nothing.
 */
struct st_jw {
	struct st_buf *b;
	struct st_err *err;
	bool canonical;
	unsigned depth;
	uint64_t comma; /* bit d - 1: at depth d a comma comes before the next value */
	/* canonical: the last key at each depth, its first 31 bytes and their number */
	char last[ST_JSON_DEPTH][32];
};

void st_jw_init(struct st_jw *w, struct st_buf *b, bool canonical, struct st_err *e);
void st_jw_object(struct st_jw *w);
void st_jw_array(struct st_jw *w);
void st_jw_close_object(struct st_jw *w);
void st_jw_close_array(struct st_jw *w);
void st_jw_key(struct st_jw *w, const char *key);	       /* ASCII keys of ours */
void st_jw_keyn(struct st_jw *w, const char *key, size_t len); /* any UTF-8 key */
void st_jw_string(struct st_jw *w, const char *s);
/* Escapes only " and \ by a backslash, control characters as \b \t \n \f \r or else \u00xx in lower
 * case; every byte that is not part of valid UTF-8 becomes U+FFFD. */
void st_jw_stringn(struct st_jw *w, const char *s, size_t len);
void st_jw_u64(struct st_jw *w, uint64_t v);
void st_jw_i64(struct st_jw *w, int64_t v);
void st_jw_real(struct st_jw *w, double v); /* %.17g; nan, inf and -inf as strings */
void st_jw_bool(struct st_jw *w, bool v);
void st_jw_null(struct st_jw *w);
void st_jw_raw(struct st_jw *w, const char *p, size_t len); /* one value, already JSON */
void st_jw_oid(struct st_jw *w, const struct st_oid *id);   /* 64 hex digits */
/* "key": an array of ids; nothing at all for none. */
void st_jw_oids(struct st_jw *w, const char *key, const struct st_oid *ids, size_t n);
/* "key": s where s is UTF-8, else "key_hex": the bytes in hex. */
void st_jw_name(struct st_jw *w, const char *key, const char *s, size_t len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of canonical JSON (doc/format/objects.md): it accepts exactly the bytes that st_jw
 * writes in canonical mode. A parser asks for the keys it knows in ascending order, so it mirrors
 * its encoder, and what it accepts encodes to the same bytes without being encoded again to find
 * out.
 *
 * The first failure sticks in err; afterwards every call returns 0, false or NULL, so loops end.
 * Damage is ST_ECORRUPT; a key or type that only a newer strata can have written is ST_EFORMAT
 * naming it.
 */
#ifndef ST_BASE_CANON_H
#define ST_BASE_CANON_H

#include "base/map.h"
#include "base/oid.h"

#define ST_CANON_INT_MAX ((uint64_t)1 << 53)

struct st_canon {
	const char *p;
	size_t len, pos;
	bool fresh;		/* just entered a container: no comma comes before what follows */
	struct st_arena *arena; /* where strings and arrays are kept; borrowed */
	struct st_err *err;
};

/* Input is borrowed and need not be NUL-terminated. */
void st_canon_init(struct st_canon *c, const void *p, size_t len, struct st_arena *arena,
		   struct st_err *e);
bool st_canon_ok(const struct st_canon *c);
int st_canon_fail(struct st_canon *c, const char *what); /* "<what> at offset N" */

void st_canon_object(struct st_canon *c);
/* True, and past it, when the next key is this one. */
bool st_canon_key(struct st_canon *c, const char *key);
void st_canon_need(struct st_canon *c, const char *key); /* fails when it is not */
void st_canon_close(struct st_canon *c);		 /* no key but those asked for */
/* For objects with keys of the user's: the next one, or NULL at the end of the object, which is
 * then passed. Their order is the caller's to check. */
const char *st_canon_member(struct st_canon *c);
/* The key "type" with exactly this value, "strata.tree/1". */
void st_canon_type(struct st_canon *c, const char *type);

void st_canon_array(struct st_canon *c);
/* True when a value follows, false at the end of the array, which is then passed. */
bool st_canon_item(struct st_canon *c);

uint64_t st_canon_u64(struct st_canon *c);		   /* at most 2^53 */
int64_t st_canon_i64(struct st_canon *c);		   /* of at most that magnitude */
void st_canon_oid(struct st_canon *c, struct st_oid *out); /* never zero */
/* Kept in the arena, NUL-terminated. st_canon_text refuses NUL inside. */
const char *st_canon_string(struct st_canon *c, size_t *len);
const char *st_canon_text(struct st_canon *c);
/* Key and the text that st_time_format writes: one instant, one spelling. */
void st_canon_time(struct st_canon *c, const char *key, int64_t *ns);
/* Key and value as st_jw_name writes them: "<key>": text, or "<key>_hex". */
const char *st_canon_name(struct st_canon *c, const char *key, size_t *len);
/* Reads one element of an array into elem, whose bytes are not set yet. */
typedef void st_canon_get(struct st_canon *c, void *elem);
/* An array of *n elements of size bytes each, kept in the arena. NULL when *n is 0. */
void *st_canon_elems(struct st_canon *c, size_t size, st_canon_get *get, size_t *n);
/* Key and such an array that is not empty; absent: none. */
void *st_canon_list(struct st_canon *c, const char *key, size_t size, st_canon_get *get, size_t *n);
void st_canon_oids(struct st_canon *c, const char *key, struct st_oid **out, size_t *n);
/* Moves n elements of a heap array into the arena; frees it, on failure too. NULL when n is 0. */
void *st_canon_keep(struct st_canon *c, void *array, size_t n, size_t elem);
void st_canon_end(struct st_canon *c); /* nothing may follow */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Entries wherever they lie: in a published pack, or in one that is still being written. Private to
 * this directory. */
#ifndef ST_STORE_OBJ_H
#define ST_STORE_OBJ_H

#include "store/odb.h"

struct st_odb {
	struct st_store *store;
	struct st_catalog *cat;
};

/* Finds an entry of a writer that the catalogue does not know yet. */
struct st_writer;
typedef int (*st_find_fn)(void *arg, const struct st_oid *id, enum st_entry_kind kind,
			  struct st_loc *loc, struct st_blob **blob, bool *found, struct st_err *e);

struct st_obj {
	struct st_odb *odb;
	struct st_loc loc;
	struct st_blob *blob; /* of an unpublished pack, else NULL */
	struct st_entry entry;
	uint64_t *offsets; /* of each frame's stored bytes in the pack */
	uint8_t *small;	   /* the whole entry, read at once, when it is small: small_len bytes */
	size_t small_len;
	struct st_obj *base;
};

/* find (may be NULL) is asked before the catalogue. */
ST_MUST int st_entry_open(struct st_obj **out, struct st_odb *o, const struct st_oid *id,
			  enum st_entry_kind kind, st_find_fn find, void *arg, struct st_err *e);
/* Bytes of the pack that holds ob. */
ST_MUST int st_obj_raw_read(const struct st_obj *ob, void *p, size_t n, uint64_t off,
			    struct st_err *e);
/* The content of a small entry, verified as far as its kind can be. */
ST_MUST int st_obj_all(struct st_obj *ob, struct st_buf *out, struct st_err *e);
/* What st_frame_row's check is to be. */
uint64_t st_frame_check(unsigned coding, const void *p, size_t n);

#endif

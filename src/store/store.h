/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where packs lie: a flat set of immutable named blobs. Local disk, memory, and a fault-injecting
 * wrapper for tests; object storage joins the same table. Callers use st_store_*, never s->ops.
 * Reading is thread-safe; one blob being written belongs to one thread.
 */
#ifndef ST_STORE_STORE_H
#define ST_STORE_STORE_H

#include "base/err.h"

struct st_store;
struct st_blob; /* being written */

struct st_store_ops {
	const char *scheme; /* unique in the table: "file", "mem", "fault" */
	/* MUST. Exactly n bytes at off of a published blob. ST_ENOTFOUND: no such blob;
	 * ST_ECORRUPT: shorter than off + n. */
	int (*pread)(struct st_store *s, const char *name, void *buf, size_t n, uint64_t off,
		     struct st_err *e);
	/* MUST. ST_ENOTFOUND when absent. */
	int (*size)(struct st_store *s, const char *name, uint64_t *out, struct st_err *e);
	/* MUST. A nameless blob to write into. */
	int (*create)(struct st_store *s, struct st_blob **out, struct st_err *e);
	/* MUST, these three; several threads may reread at once. */
	int (*write)(struct st_blob *b, const void *p, size_t n, uint64_t off, struct st_err *e);
	int (*reread)(struct st_blob *b, void *p, size_t n, uint64_t off, struct st_err *e);
	int (*truncate)(struct st_blob *b, uint64_t size, struct st_err *e);
	/* MUST. Content durable on return. */
	int (*sync)(struct st_blob *b, struct st_err *e);
	/* MUST. Takes b, on failure too. Visible and durable under name on return; an existing
	 * blob of that name is replaced by the equal one. */
	int (*publish)(struct st_blob *b, const char *name, struct st_err *e);
	/* MUST. Takes b; leaves nothing behind. */
	void (*discard)(struct st_blob *b);
	/* MUST. A missing blob is fine. */
	int (*remove)(struct st_store *s, const char *name, struct st_err *e);
	/* MAY be NULL: the store cannot enumerate, and gc refuses to run. mtime_ns may be 0. */
	int (*list)(struct st_store *s,
		    int (*cb)(void *arg, const char *name, uint64_t size, int64_t mtime_ns,
			      struct st_err *e),
		    void *arg, struct st_err *e);
	/* MAY be NULL: nothing outlives its writer. Removes what dead writers left behind. */
	int (*clean)(struct st_store *s, int64_t before_ns, uint64_t *removed, struct st_err *e);
	/* MUST. Never fails. */
	void (*free)(struct st_store *s);
};

struct st_store { /* embedded first in each kind */
	const struct st_store_ops *ops;
	const char *where; /* for messages: the directory or URL; owned by the kind */
};

struct st_blob {
	struct st_store *store;
};

/* Names are 1 to 200 bytes of [A-Za-z0-9._-], not beginning with '.' or ST_BLOB_TEMP. */
#define ST_BLOB_TEMP "tmp-"

/* dir is created when missing. At most 64 files are kept open. */
ST_MUST int st_store_file_new(struct st_store **out, const char *dir, struct st_err *e);
ST_MUST int st_store_mem_new(struct st_store **out, struct st_err *e);
/* Wraps inner (taken): the fail_at-th operation (from 1) and, if persistent, all after it fail with
 * ST_EIO; 0 never fails. *count (may be NULL) counts operations. */
ST_MUST int st_store_fault_new(struct st_store **out, struct st_store *inner, uint64_t fail_at,
			       bool persistent, uint64_t *count, struct st_err *e);

extern const struct st_store_ops *const st_store_table[]; /* ends with NULL */

ST_MUST int st_store_pread(struct st_store *s, const char *name, void *buf, size_t n, uint64_t off,
			   struct st_err *e);
ST_MUST int st_store_size(struct st_store *s, const char *name, uint64_t *out, struct st_err *e);
ST_MUST int st_store_create(struct st_store *s, struct st_blob **out, struct st_err *e);
ST_MUST int st_blob_write(struct st_blob *b, const void *p, size_t n, uint64_t off,
			  struct st_err *e);
ST_MUST int st_blob_reread(struct st_blob *b, void *p, size_t n, uint64_t off, struct st_err *e);
ST_MUST int st_blob_truncate(struct st_blob *b, uint64_t size, struct st_err *e);
ST_MUST int st_blob_sync(struct st_blob *b, struct st_err *e);
ST_MUST int st_blob_publish(struct st_blob *b, const char *name, struct st_err *e);
void st_blob_discard(struct st_blob *b);
ST_MUST int st_store_remove(struct st_store *s, const char *name, struct st_err *e);
ST_MUST int st_store_list(struct st_store *s,
			  int (*cb)(void *arg, const char *name, uint64_t size, int64_t mtime_ns,
				    struct st_err *e),
			  void *arg, struct st_err *e);
/* How many of these are packs, and of how many bytes. */
ST_MUST int st_store_packs(struct st_store *s, uint64_t *n, uint64_t *bytes, struct st_err *e);
/* Removes unpublished blobs last written before the time (ns since 1970) whose writer is dead; one
 * that lives is known by its lock. *removed counts bytes. */
ST_MUST int st_store_clean(struct st_store *s, int64_t before_ns, uint64_t *removed,
			   struct st_err *e);
void st_store_free(struct st_store *s); /* NULL is fine */

#endif

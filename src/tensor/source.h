/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random-access bytes, wherever they lie: a file, memory, an object in a repository. Format
 * plug-ins, diff and merge read only this. A source may be read from several threads at once.
 */
#ifndef ST_TENSOR_SOURCE_H
#define ST_TENSOR_SOURCE_H

#include "base/buf.h"

struct st_source;

struct st_source_ops {
	/* MUST. Exactly n bytes at off; the wrapper has checked the range. */
	int (*pread)(const struct st_source *s, void *buf, size_t n, uint64_t off,
		     struct st_err *e);
	/* MAY be NULL. */
	void (*close)(struct st_source *s);
};

struct st_source {
	const struct st_source_ops *ops;
	uint64_t size;
	const char *name; /* for messages; borrowed */
	int fd;		  /* file sources */
	bool costly;	  /* its bytes are decoded each time; who wants them twice may keep them */
	const void *mem;  /* memory sources; others may use it as their handle */
	uint64_t off;	  /* of a part: where it begins */
};

ST_MUST int st_source_read(const struct st_source *s, void *buf, size_t n, uint64_t off,
			   struct st_err *e);
/* Regular files only. */
ST_MUST int st_source_open_file(struct st_source *s, const char *path, struct st_err *e);
/* Borrows fd, which must stay open. */
void st_source_init_fd(struct st_source *s, int fd, uint64_t size, const char *name);
void st_source_init_mem(struct st_source *s, const void *p, uint64_t size, const char *name);
/* Size bytes of src from off on. Borrows src. */
void st_source_init_part(struct st_source *s, const struct st_source *src, uint64_t off,
			 uint64_t size);
void st_source_close(struct st_source *s);

/*
 * Bytes that come in order and are wanted at random: kept in memory up to `room`, beyond it in a
 * file without a name in dir, gone when closed.
 */
struct st_spool {
	struct st_buf mem;
	int fd;
	uint64_t size;
	size_t room;
	const char *dir; /* borrowed */
};
void st_spool_init(struct st_spool *s, size_t room, const char *dir);
ST_MUST int st_spool_add(struct st_spool *s, const void *p, size_t n, struct st_err *e);
/* A view of what came so far, valid until the spool changes or is released. */
void st_spool_source(const struct st_spool *s, struct st_source *out, const char *name);
void st_spool_release(struct st_spool *s);

#endif

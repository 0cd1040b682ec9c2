/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model file written front to back: the base file's layout and glue, other tensors' bytes. What
 * merging writes. Nothing is copied first and overwritten later, but for tensors that share memory
 * or lie strided, which a file in a model's format has few of.
 */
#ifndef ST_REPO_COMPOSE_H
#define ST_REPO_COMPOSE_H

#include "format/format.h"

struct st_compose_tensor { /* of the new file; borrowed */
	const char *name;
	size_t name_len;
	enum st_dtype dtype;
	unsigned ndim;
	const uint64_t *shape;
	bool keep; /* the base file has it, so typed and shaped: its bytes are taken from there */
};

struct st_compose { /* all borrowed */
	const struct st_ctx *ctx;
	const char *path; /* of the base file, for messages */
	const struct st_format *format;
	const struct st_source *src;	/* the base file */
	const struct st_layout *layout; /* of it, by st_format_parse */
	const struct st_compose_tensor *v;
	size_t n;
	/* Hands v[i]'s row-major little-endian bytes to sink in order, all of them, on the calling
	 * thread. Asked once for each tensor that is not kept and not empty, in the order of the
	 * new file. */
	int (*fill)(void *arg, size_t i, st_bytes_fn sink, void *sink_arg, struct st_err *e);
	void *arg;
	/* May be NULL. Set where tensors share memory and would need other values than that, which
	 * only shows when they are written. */
	bool *shared;
};

/*
 * fd: an empty file, open for reading and writing; name: what it will be, for messages. With the
 * base's names, types and shapes it gets the base's layout and every byte between tensors; else a
 * layout of its own where the format can write one, else it is ST_EREFUSED and says what differs.
 * ST_EREFUSED also names a tensor that is compressed or text, and one that shares memory with
 * another and would need other values than that. Memory: a few MiB beside what `fill` takes. Not
 * flushed to disk.
 */
ST_MUST int st_compose_write(const struct st_compose *c, int fd, const char *name,
			     struct st_err *e);
/* Before anything is written: ST_EREFUSED for tensors that cannot be laid out, as it would be. */
ST_MUST int st_compose_check(const struct st_compose *c, const char *name, struct st_err *e);
/* Would it get the base's layout? */
ST_MUST int st_compose_same_layout(const struct st_compose *c, bool *same, struct st_err *e);

#endif

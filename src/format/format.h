/* SPDX-License-Identifier: Apache-2.0 */
/* Container formats: one file and one row of format_table.c each. */
#ifndef ST_FORMAT_FORMAT_H
#define ST_FORMAT_FORMAT_H

#include "base/buf.h"
#include "base/ctx.h"
#include "tensor/gather.h"
#include "tensor/source.h"

#define ST_PROBE_LEN 512 /* bytes of the file's head that probe may see */

struct st_run { /* bytes of a file */
	uint64_t off, n;
};

struct st_format {
	const char *name;  /* unique; stored in manifests */
	const char *about; /* one line for people */
	/* MUST. 0: certainly not; 1..100: how sure. p holds min(size, ST_PROBE_LEN) bytes. */
	int (*probe)(const uint8_t *p, size_t len, uint64_t size, const char *path);
	/* MUST. Fills an initialised layout. Damage is ST_EFORMAT naming offset and reason. Reads
	 * only what it must; memory is bounded by limit bytes and the number of tensors. */
	int (*parse)(struct st_layout *out, const struct st_source *src, uint64_t limit,
		     struct st_err *e);
	/* MAY be NULL: nothing in a file depends on the bytes of its tensors. Runs of the file,
	 * sorted and disjoint, hold new tensor bytes: makes its checksums agree. fd is open for
	 * reading and writing; src reads it. */
	int (*patch)(int fd, const struct st_source *src, const struct st_run *runs, size_t n,
		     uint64_t limit, struct st_err *e);
	/* MAY be NULL: strata writes no new files of this format. Appends all that stands before
	 * the first tensor of a file that holds these n and what metadata (as parse gave it, or
	 * NULL) says, and sets where each lies: offset and nbytes. The tensors fill the rest of the
	 * file without gaps, row-major and little-endian. ST_EREFUSED names one that the format
	 * cannot hold. */
	int (*head)(struct st_buf *out, struct st_tensor *t, size_t n, const char *metadata,
		    size_t metadata_len, struct st_err *e);
};

extern const struct st_format *const st_formats[]; /* ends with NULL */

/* The most likely format, or NULL for an ordinary file. Read errors are failures. */
ST_MUST int st_format_probe(const struct st_format **out, const struct st_source *src,
			    const char *path, struct st_err *e);
const struct st_format *st_format_get(const char *name);
/* parse, st_layout_finish, and the file's name before any message. */
ST_MUST int st_format_parse(const struct st_format *f, struct st_layout *out,
			    const struct st_source *src, uint64_t limit, struct st_err *e);
/*
 * The row-major little-endian bytes of a tensor of a layout that was parsed from src, wherever the
 * file has them; room as for st_tensor_each.
 */
ST_MUST int st_format_each(const struct st_tensor *t, const struct st_source *src, size_t room,
			   st_bytes_fn cb, void *arg, struct st_err *e);
/*
 * The same for one tensor after the other. Those of one compressed member, in the layout's order,
 * do not each inflate it from its beginning. Strides jump about, so a strided tensor in such a
 * member goes into a spool first: as much memory again as eight rooms, at most 32 MiB, and beyond
 * it a temporary file. ctx, which may be NULL, says whether to stop meanwhile.
 */
struct st_format_reader {
	const struct st_ctx *ctx;
	const struct st_source *src;
	struct st_packed packed; /* the member that is open */
	struct st_source inflated;
	bool open, spooled;
	struct st_spool spool;
	struct st_run run; /* of the member: what the spool holds */
};
void st_format_reader_init(struct st_format_reader *r, const struct st_source *src,
			   const struct st_ctx *ctx);
ST_MUST int st_format_reader_each(struct st_format_reader *r, const struct st_tensor *t,
				  size_t room, st_bytes_fn cb, void *arg, struct st_err *e);
void st_format_reader_release(struct st_format_reader *r);

/*
 * Sharded models: "<stem>.safetensors.index.json" beside its shards is one logical model.
 */
struct st_shard_index {
	struct st_arena arena;
	const char **shards; /* file names, sorted, unique, plain (no '/', no "..") */
	size_t nshards;
	const char **names; /* weight_map keys in file order */
	uint32_t *shard_of; /* index into shards */
	size_t nnames;
};

bool st_shard_index_name(const char *path); /* does this path look like an index? */
ST_MUST int st_shard_index_parse(struct st_shard_index *out, const void *p, size_t len,
				 struct st_err *e);
void st_shard_index_release(struct st_shard_index *x);

/* The header of a .npy file (version 1.0, or 2.0 when it must) for a C-order array. Types that
 * NumPy lacks are written as raw unsigned integers of that width. */
ST_MUST int st_npy_header(struct st_buf *out, enum st_dtype t, const uint64_t *shape, unsigned ndim,
			  struct st_err *e);

#endif

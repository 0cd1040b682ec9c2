/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into versions and files: ls, cat, inspect, hash. */
#ifndef STRATA_MODEL_H
#define STRATA_MODEL_H

#include <strata/repo.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct strata_file {
	const char *path;
	const char *mode;   /* "file", "exec", "link" */
	const char *kind;   /* "model", "file", "link" */
	const char *format; /* "safetensors", "chunks" (stored in pieces), or "" */
	uint64_t size;
	uint64_t tensors; /* of a model */
	const char *id;	  /* hex */
} strata_file;

/* Files of "REV", "REV:path" (a file, a directory, a glob); NULL: HEAD. Sorted by path. */
STRATA_API int strata_ls(strata_repo *r, const char *spec,
			 int (*cb)(void *arg, const strata_file *f), void *arg, strata_error *err);

typedef struct strata_tensor {
	const char *path; /* of its file */
	const char *name; /* name_len bytes and a NUL; not always UTF-8 */
	size_t name_len;
	const char *dtype; /* "bf16" */
	unsigned ndim;
	const uint64_t *shape; /* elements */
	uint64_t nbytes;
	const char *id; /* hex of the logical id; "" when not computed (inspect without ids) */
	bool has_offset;
	uint64_t offset; /* in the file, in bytes */
} strata_tensor;

/* Tensors of "REV", "REV:path", "REV:path::name-or-glob", "REV::glob", or of a plain file's path. r
 * may be NULL for plain files. In file order. */
STRATA_API int strata_tensors(strata_repo *r, const char *spec,
			      int (*cb)(void *arg, const strata_tensor *t), void *arg,
			      strata_error *err);

typedef enum strata_cat_as {
	STRATA_CAT_RAW,
	STRATA_CAT_NPY
} strata_cat_as;
/*
 * Bytes of a file ("REV:path", a plain file's path) or one tensor ("REV:path::name", "REV::name"
 * over all models, "FILE::name") to write, in order, in pieces. Only what is asked for is decoded.
 * write returns non-zero to stop.
 */
STRATA_API int strata_cat(strata_repo *r, const char *spec, strata_cat_as as,
			  int (*write)(void *arg, const void *p, size_t n), void *arg,
			  strata_error *err);

typedef struct strata_dtype_total {
	const char *dtype;
	uint64_t tensors, elements, bytes;
} strata_dtype_total;

typedef struct strata_inspection {
	const char *path, *format; /* format "": an ordinary file */
	uint64_t size, tensors, elements, tensor_bytes;
	const strata_dtype_total *dtypes;
	size_t ndtypes;
	const char *metadata; /* JSON, or NULL */
	size_t shards;	      /* of an index file: how many shards it names; else 0 */
	const char *problem;  /* why the file's structure could not be read, or NULL */
} strata_inspection;

/*
 * Any model file, no repository needed. A directory or an index file stands for all its shards.
 * tensor may be NULL. A damaged file gives problem and returns STRATA_EFORMAT after the callback.
 */
STRATA_API int strata_inspect(const char *path, const strata_options *opts,
			      int (*info)(void *arg, const strata_inspection *i),
			      int (*tensor)(void *arg, const strata_tensor *t), void *arg,
			      strata_error *err);

/* BLAKE3 of a file; "-" is standard input. */
STRATA_API int strata_hash(const char *path, const strata_options *opts, char hex[STRATA_HEX],
			   strata_error *err);
/* And of each of its tensors. */
STRATA_API int strata_hash_tensors(const char *path, const strata_options *opts,
				   int (*tensor)(void *arg, const strata_tensor *t), void *arg,
				   strata_error *err);

/* fnmatch-like: * ? [..] match any bytes, '/' and '.' too. */
STRATA_API bool strata_glob_match(const char *glob, const char *name);

#ifdef __cplusplus
}
#endif
#endif

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

/* Does spec name tensors? Paths may have "::" too. r may be NULL for plain files. */
STRATA_API int strata_names_tensor(strata_repo *r, const char *spec, bool *yes, strata_error *err);

typedef enum strata_cat_as {
	STRATA_CAT_RAW,
	STRATA_CAT_NPY
} strata_cat_as;
/*
 * Bytes of a file ("REV:path", a plain file's path) or one tensor ("REV:path::name", "REV::name"
 * over all models, "FILE::name") to write, in order, in pieces. Of a tensor these are its row-major
 * little-endian bytes, however it lies in its file. Only what is asked for is decoded. write
 * returns non-zero to stop. r may be NULL for plain files.
 */
STRATA_API int strata_cat(strata_repo *r, const char *spec, strata_cat_as as,
			  int (*write)(void *arg, const void *p, size_t n), void *arg,
			  strata_error *err);

#define STRATA_QUANTILES 9

typedef struct strata_summary {
	const strata_tensor *tensor; /* path, name, dtype, shape, nbytes, id */
	bool numeric;	 /* false: strata does not read this type as numbers, and nothing follows */
	uint64_t numel;	 /* numbers: elements, but a complex one is two */
	uint64_t finite; /* of which everything from `zeros` on is */
	uint64_t nan, pos_inf, neg_inf;
	uint64_t zeros;
	bool has_distinct; /* of types of at most 16 bits it is known */
	uint64_t distinct; /* how many different values there are */
	/* NaN of nothing, infinite or NaN where no double can hold it. std: of the population */
	double mean, std, min, max;
	struct {
		double q, value; /* interpolated linearly between the neighbours */
	} quantiles[STRATA_QUANTILES];
	/* The histogram: bin k from edges[k] on and below edges[k + 1], which is in the last bin.
	 * Not all values need to lie within the outer edges. */
	size_t nbins;	     /* 0: nothing finite */
	const double *edges; /* nbins + 1 */
	const uint64_t *counts;
	uint64_t below, above;
	bool whole; /* whole numbers: the first of bin k is edges[k] + 0.5 */
} strata_summary;

/*
 * The numbers of tensors in figures: of "REV:path::name-or-glob", "REV::name-or-glob" over all
 * models, or "FILE::name-or-glob" of a plain file, which r may be NULL for. One tensor after the
 * other, in file order; the same digits for any number of threads. STRATA_ENOTFOUND when nothing
 * matches. Memory is bounded whatever the size.
 */
STRATA_API int strata_summarise(strata_repo *r, const char *spec, const strata_options *opts,
				int (*cb)(void *arg, const strata_summary *s), void *arg,
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

typedef struct strata_tensor_edit {
	const char *name; /* of the tensor; name_len bytes */
	size_t name_len;
	const char *path; /* of a file of its new row-major little-endian bytes, all of them */
} strata_tensor_edit;
/*
 * A copy of a model file with other values in some tensors, at `out`, which must not exist: the
 * same layout, checksums made right, complete or not there at all. STRATA_EREFUSED names a tensor
 * that would change too because it shares memory, and one that is compressed.
 */
STRATA_API int strata_patch(const char *path, const strata_tensor_edit *edits, size_t n,
			    const char *out, const strata_options *opts, strata_error *err);

typedef struct strata_scan_options {
	/* globs over "module.name": taken for safe, as are those of the setting scan.allow */
	const char *const *allow;
	size_t nallow;
} strata_scan_options;

typedef struct strata_scan_find {
	const char *path, *member; /* member of an archive, "outer::inner" in nested ones, or "" */
	const char *module, *name; /* "": computed while loading, or bytes that could not be read */
	uint64_t offset;	   /* in the member, or in the file */
	bool called;		   /* not only imported */
	const char *verdict;	   /* "safe", "unknown", "dangerous" */
	const char *why;	   /* one line for people; "" where it is safe */
} strata_scan_find;

typedef struct strata_scan_result {
	uint64_t pickles, safe, unknown, dangerous;
} strata_scan_result;

/*
 * What the pickles of a file would import and call if Python loaded it; nothing is executed. One
 * find for every distinct global of every pickle, safe ones too. The file is harmless when it
 * returns STRATA_OK and both unknown and dangerous are 0. r may be NULL, then only the user's
 * settings count; so may o.
 */
STRATA_API int strata_scan(strata_repo *r, const char *path, const strata_scan_options *o,
			   const strata_options *opts,
			   int (*cb)(void *arg, const strata_scan_find *f), void *arg,
			   strata_scan_result *result, strata_error *err);

/* fnmatch-like: * ? [..] match any bytes, '/' and '.' too. */
STRATA_API bool strata_glob_match(const char *glob, const char *name);

#ifdef __cplusplus
}
#endif
#endif

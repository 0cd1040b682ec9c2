/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy's types and arrays, in .npy headers and in pickles (doc/format/npy.md). */
#ifndef ST_FORMAT_NUMPY_H
#define ST_FORMAT_NUMPY_H

#include "base/json.h"
#include "format/pickle.h"
#include "tensor/layout.h"

#define ST_NPY_MAGIC "\x93NUMPY"

struct st_np_type {
	enum st_dtype dtype; /* ST_OPAQUE: structured, text, dates, void, long double */
	bool big_endian;     /* of a dtype that is not opaque and wider than a byte */
	bool object;	     /* holds Python objects: the data are a pickle */
	uint64_t itemsize;
};

struct st_np_array {
	struct st_np_type type;
	unsigned ndim;
	uint64_t shape[ST_MAX_NDIM];
	bool fortran;  /* column-major */
	bool permuted; /* neither: the dimensions lie in memory in the order of `axes`, outermost
			* first. Only a pickle has such. */
	uint8_t axes[ST_MAX_NDIM];
	uint64_t nbytes; /* product of shape and itemsize; checked not to wrap */
};

/* A simple descr: "<f4", "|b1", ">i8", "<U7". False: none that NumPy has. */
bool st_np_type_of(struct st_np_type *out, const char *descr, size_t len);

/*
 * The head of a .npy file of `size` bytes, of which p holds the first len (all of it, or at least
 * st_npy_head_max()). *data is the offset of the array. descr: the type as the header has it, as
 * UTF-8 in arena. Data that are too short are ST_EFORMAT; bytes behind them are not (NumPy allows
 * them).
 */
ST_MUST int st_npy_parse(struct st_np_array *out, uint64_t *data, const char **descr,
			 struct st_arena *arena, const uint8_t *p, size_t len, uint64_t size,
			 struct st_err *e);
size_t st_npy_head_max(void);
/* The same of a source, which is read front to back, at most st_npy_head_max() bytes of it. */
ST_MUST int st_npy_load(struct st_np_array *out, uint64_t *data, const char **descr,
			struct st_arena *arena, const struct st_source *src, struct st_err *e);

/* One JSON object about an array: descr, fortran_order, and of objects also that, and the shape. */
void st_npy_config(struct st_jw *w, const struct st_np_array *a, const char *descr);
/* Does the path end so, in any case of letters? path may be NULL. */
bool st_npy_named(const char *path, const char *suffix);

/*
 * An ndarray, scalar or masked-less matrix of a pickle: _reconstruct and its state, _frombuffer,
 * scalar. data: its bytes (BYTES, of exactly nbytes), or NULL for one of objects. False: the node
 * is something else, or an array that does not add up.
 */
bool st_np_array_of(struct st_np_array *out, const struct st_pk **data, const struct st_pk *node);
/* A numpy.dtype of a pickle. */
bool st_np_dtype_of(struct st_np_type *out, const struct st_pk *node);

/*
 * Fills dtype, shape, strides (where the array is not row-major), byte order and nbytes of t; the
 * memory is the arena's. An opaque array keeps its shape and lies as it lies.
 */
ST_MUST int st_np_tensor(struct st_tensor *t, const struct st_np_array *a, struct st_arena *arena,
			 struct st_err *e);

#endif

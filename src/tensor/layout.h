/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a format plug-in answers: which bytes of this file are tensors. Ranges between tensors are
 * glue and are not listed. Everything lives in the layout's arena.
 */
#ifndef ST_TENSOR_LAYOUT_H
#define ST_TENSOR_LAYOUT_H

#include "base/map.h"
#include "tensor/dtype.h"

#define ST_MAX_NDIM 64

enum st_where {
	ST_IN_FILE, /* a run of the file: an extent, when it is stored */
	ST_HELD,  /* the file has it in another form (text in a pickle): only `held` is readable */
	ST_PACKED /* inside a compressed member */
};

struct st_packed {		       /* DEFLATE data of a ZIP member */
	uint64_t offset, csize, usize; /* in the file; stored bytes; bytes when inflated */
	uint32_t crc;		       /* of the inflated bytes; 0: not known */
};

struct st_tensor {
	const char *name; /* UTF-8 or not, NUL-terminated, may hold NUL: use name_len */
	size_t name_len;
	enum st_dtype dtype;
	unsigned ndim;
	const uint64_t *shape;	/* elements */
	const int64_t *strides; /* elements; NULL: row-major contiguous */
	bool big_endian;
	enum st_where where;
	const uint8_t *held;		/* ST_HELD: nbytes, row-major, little-endian */
	const struct st_packed *packed; /* ST_PACKED */
	uint64_t offset; /* of its first byte in the file; ST_PACKED: in the inflated member */
	uint64_t nbytes; /* its run there; 0 for an empty tensor */
};

struct st_layout {
	const char *format;	   /* row name of the format table */
	uint64_t size;		   /* of the file */
	struct st_tensor *tensors; /* sorted by (where, place, nbytes, name) */
	size_t ntensors, cap;
	const char *metadata; /* one JSON object, or NULL: what the file says besides tensors */
	size_t metadata_len;
	struct st_arena arena;
};

void st_layout_init(struct st_layout *l);
void st_layout_release(struct st_layout *l);
/* A zeroed tensor at the end; NULL on failure. Valid until the next call. */
ST_MUST struct st_tensor *st_layout_add(struct st_layout *l, struct st_err *e);
/* Sorts, gives equal names "#2", "#3" in file order, checks that ranges lie inside the file and
 * strides inside their range, that no tensor repeats its bytes without bound, and that a manifest
 * can hold what there is to say: no name over 64 KiB, 48 MiB of metadata, 63 MiB about tensors that
 * overlap. */
ST_MUST int st_layout_finish(struct st_layout *l, struct st_err *e);
/* Elements; false when the product wraps. */
bool st_shape_numel(const uint64_t *shape, unsigned ndim, uint64_t *out);
/* Bytes of a contiguous tensor; false when it wraps or is not a whole number of bytes. */
bool st_shape_nbytes(const uint64_t *shape, unsigned ndim, enum st_dtype t, uint64_t *out);
/* Elements from the lowest to the highest of a strided shape, both counted; 0 for an empty one.
 * False when it wraps. */
bool st_shape_span(const uint64_t *shape, const int64_t *strides, unsigned ndim, uint64_t *out);

#endif

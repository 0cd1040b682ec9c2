/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a tensor as everyone understands them, row-major and little-endian, from wherever
 * and however they lie. This is what a logical id is the hash of, what cat writes and diff
 * compares.
 */
#ifndef ST_TENSOR_GATHER_H
#define ST_TENSOR_GATHER_H

#include "tensor/layout.h"
#include "tensor/source.h"

/* Row-major, little-endian and one run of its source: the bytes may be used as they lie. */
bool st_tensor_plain(const struct st_tensor *t);
/* Of the row-major bytes. Equals nbytes where the tensor is plain, and where it is opaque. */
uint64_t st_tensor_logical_size(const struct st_tensor *t);

typedef int (*st_bytes_fn)(void *arg, const void *p, size_t n, struct st_err *e);
typedef int (*st_fill_fn)(void *arg, void *p, size_t n, struct st_err *e);

#define ST_GATHER_MIN ((size_t)64 << 10)

/*
 * Hands them to cb in order, in pieces of at most `room` bytes (at least ST_GATHER_MIN). It takes
 * that much memory, and for a strided tensor up to nine times that: the more, the fewer passes over
 * the source. src: what t->offset counts in; not used for a held tensor. Whatever the strides, a
 * block of eight rooms is read front to back, in reads of up to a MiB where elements lie within
 * some KiB of each other.
 */
ST_MUST int st_tensor_each(const struct st_tensor *t, const struct st_source *src, size_t room,
			   st_bytes_fn cb, void *arg, struct st_err *e);
/*
 * The other way: `fill` gives the row-major little-endian bytes in order, and they are written
 * where t has them in the file fd. Only tensors that are ST_IN_FILE. name: of the file, for
 * messages.
 */
ST_MUST int st_tensor_put(const struct st_tensor *t, int fd, const char *name, size_t room,
			  st_fill_fn fill, void *arg, struct st_err *e);

#endif

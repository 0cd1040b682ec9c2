/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests (doc/format/manifest.md): how a file is rebuilt from objects, and which of them are
 * tensors. A root object names the format, the glue blob and the pages; each page is an object of
 * at most ST_PAGE_MAX segments in file order. A segment is an extent (an object) or a range of
 * glue; glue ranges follow one another in the glue blob, so a length is enough. Tensors are views
 * of the extent they are listed with; one whose bytes are no run of the file (compressed, or text)
 * is a detached segment, which covers nothing. A page ends after at least ST_PAGE_MIN segments
 * where the hash of the segment's first tensor name (of its id if it has none) is 0 modulo 512,
 * else at ST_PAGE_MAX, and before a segment that would make it heavier than ST_PAGE_WEIGHT: so a
 * change, an insertion too, rewrites one or two pages and not all that follow.
 */
#ifndef ST_MODEL_MANIFEST_H
#define ST_MODEL_MANIFEST_H

#include "base/buf.h"
#include "base/map.h"
#include "base/oid.h"
#include "tensor/layout.h"

#define ST_PAGE_MIN 256
#define ST_PAGE_MAX 1024
#define ST_PAGE_WEIGHT ((uint64_t)1 << 20)
#define ST_MANIFEST_BYTES ((size_t)64 << 20) /* most that a page or a root may take, encoded */

struct st_view { /* one tensor, inside the extent it is listed with */
	const char *name;
	size_t name_len;
	enum st_dtype dtype;
	unsigned ndim;
	const uint64_t *shape;
	const int64_t *strides; /* elements; NULL: row-major */
	bool big_endian;
	uint64_t offset; /* in the extent, of its lowest byte, also where strides are negative */
	uint64_t nbytes;
	/* Logical id, of the row-major little-endian bytes. Equals the extent's when the view is
	 * all of it, row-major and little-endian; a transposed or big-endian one has its own. */
	struct st_oid id;
};

struct st_segment {
	bool glue;
	bool detached; /* size 0, id zero, one view that says what the tensor is and nothing else */
	uint64_t size;
	struct st_oid id;      /* extents */
	struct st_view *views; /* extents of model files */
	size_t nviews;
};

struct st_page {
	struct st_arena arena;
	struct st_segment *segs;
	size_t n, cap;
};

struct st_page_ref {
	struct st_oid id;
	uint64_t segments, tensors;
	uint64_t bytes; /* of the file, that its segments cover */
	uint64_t glue;	/* of those, bytes of glue */
};

struct st_manifest {
	struct st_arena arena;
	const char *format; /* "safetensors"; "chunks" for an ordinary file */
	uint64_t size;	    /* of the file */
	struct st_oid glue; /* zero: no glue */
	uint64_t glue_size;
	uint64_t tensors;
	struct st_oid graph;  /* zero: none */
	const char *metadata; /* one JSON value as the file has it, or NULL; stored as a string */
	size_t metadata_len;
	struct st_page_ref *pages;
	size_t npages, cap;
};

/* Writing: segments in file order; put stores each finished page and the root, and says its id. */
typedef int (*st_put_fn)(void *arg, const void *p, size_t n, struct st_oid *id, struct st_err *e);

struct st_manifest_writer {
	struct st_manifest m;
	struct st_page page;
	uint64_t weight; /* of its segments */
	st_put_fn put;
	void *arg;
};

/* Copies format. w->m.graph may be set before finish. */
ST_MUST int st_manifest_writer_init(struct st_manifest_writer *w, const char *format, st_put_fn put,
				    void *arg, struct st_err *e);
/* Copies everything. Zero-size extents are for empty tensors. Two glue ranges in a row must have
 * been joined by the caller; within a page they are ST_EUSAGE, as is whatever st_segment_check
 * refuses. */
ST_MUST int st_manifest_writer_add(struct st_manifest_writer *w, const struct st_segment *s,
				   struct st_err *e);
/* glue: NULL or zero when no segment is glue. metadata: NULL or one JSON value. */
ST_MUST int st_manifest_writer_finish(struct st_manifest_writer *w, const struct st_oid *glue,
				      const char *metadata, size_t metadata_len,
				      struct st_oid *root, struct st_err *e);
void st_manifest_writer_release(struct st_manifest_writer *w);

/* Does a page end with this segment, its count-th (from 1)? */
bool st_page_ends(const struct st_segment *s, size_t count);
/* Roughly what it takes, encoded: 128, and for each view 256 and the length of its name. */
uint64_t st_segment_weight(const struct st_segment *s);

/* What writer and reader both demand of a segment; code is for whichever of them asks. Sizes
 * must not wrap, views must lie in their extent and be as long as shape and dtype say (opaque
 * ones may be of any length), the id of a plain view of a whole extent is the extent's. */
ST_MUST int st_segment_check(const struct st_segment *s, enum st_code code, struct st_err *e);
/* Likewise of a root: the sums over its pages equal what it says of the file. */
ST_MUST int st_manifest_check(const struct st_manifest *m, enum st_code code, struct st_err *e);

/* Reading: bytes of an object whose id the caller has verified. ref: what the root says of this
 * page, or NULL to skip comparing its sums. */
ST_MUST int st_manifest_parse(struct st_manifest *out, const void *p, size_t len, struct st_err *e);
ST_MUST int st_page_parse(struct st_page *out, const void *p, size_t len,
			  const struct st_page_ref *ref, struct st_err *e);
void st_manifest_release(struct st_manifest *m);
void st_page_release(struct st_page *p);
/* Encoders, used by the writer and by tests of canonical form. */
ST_MUST int st_manifest_encode(struct st_buf *out, const struct st_manifest *m, struct st_err *e);
ST_MUST int st_page_encode(struct st_buf *out, const struct st_page *p, struct st_err *e);

#endif

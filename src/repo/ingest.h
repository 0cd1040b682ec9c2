/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content into objects: private to ingest*.c.
 *
 * A big file is read once, front to back, into slabs. Workers hash each slab twice (as frames of
 * the file and as frames of its extents) and encode; the sink, on the calling thread and in file
 * order, writes the frames that are new. Because file and extents are hashed from the same bytes in
 * memory, a manifest whose extents have been verified in the packs rebuilds exactly the file that
 * was hashed.
 *
 * 	slab:	[ span bytes of the file | up to one frame more ]
 *
 * so that a frame that starts in a slab also ends in it.
 */
#ifndef ST_REPO_INGEST_H
#define ST_REPO_INGEST_H

#include "base/pool.h"
#include "model/manifest.h"
#include "repo/cdc.h"
#include "repo/chain.h"
#include "repo/plan.h"

#include <sys/stat.h>

struct st_ingest {
	struct st_repo *r;
	struct st_writer *w;
	struct st_ingest_options o;
	struct st_bases *bases; /* made when first needed */
	struct st_cdc cdc;
	struct st_codec_state **codecs; /* one a worker */
	struct st_codec_state *own;	/* the calling thread's, made when first needed */
	unsigned jobs, depth;
	size_t span; /* bytes of a slab, a multiple of ST_FRAME_LEN */
	struct st_pipe *small_pipe, *big_pipe;
	struct st_batch *batch;		  /* being filled */
	struct st_deferred *deferred;	  /* small files that turned out to be models */
	struct st_slab *idle;		  /* slabs to use again */
	uint64_t done_bytes, total_bytes; /* total 0: unknown */
	int (*done)(void *arg, const char *path, const struct st_ingested *f, struct st_err *e);
	void *done_arg;
};

struct st_deferred {
	struct st_deferred *next;
	char *path, *full;
	bool follow;
};

/* The calling thread's own codec state: the others are in use. */
ST_MUST int st_ingest_codec(struct st_ingest *g, struct st_codec_state **out, struct st_err *e);

/* ingest_small.c */
#define ST_SMALL_MAX ((uint64_t)1 << 20) /* larger ordinary files are chunked */
ST_MUST int st_ingest_small(struct st_ingest *g, const char *path, const char *full, bool follow,
			    uint64_t size, struct st_err *e);
ST_MUST int st_ingest_flush_small(struct st_ingest *g, struct st_err *e);
extern const struct st_pipe_ops st_small_ops;
void st_batch_free(struct st_batch *b);

/* ingest_big.c */
ST_MUST int st_ingest_big(struct st_ingest *g, const char *path, const char *full, bool follow,
			  struct st_err *e);
extern const struct st_pipe_ops st_slab_ops;
void st_slab_free(struct st_slab *s);

/* ingest_sink.c: one file's pieces, as their frames come out of the pipeline in file order */
struct st_frame_job {
	const struct st_piece *piece; /* NULL: a chunk */
	/* What changes are counted against, or NULL; belongs to the sink from its last frame on. */
	struct st_obj *before;
	struct st_link link;  /* what differences are from */
	uint64_t size, frame; /* of the whole piece; number of this frame in it */
	size_t at, len;	      /* in the slab */
	enum st_coding coding;
	size_t stored; /* bytes at `out`, or len at `at` when RAW */
	size_t out;    /* in the slab's output */
	bool equal;    /* to the frame of `before`, hence not encoded */
	uint8_t cv[ST_OID_LEN];
};

struct st_filesink {
	struct st_ingest *g;
	const char *path;
	const struct st_layout *layout; /* of a model */
	const struct st_oid *ids;	/* of its tensors, as st_plan has them */
	struct st_manifest_writer mw;
	/* digest of the segments, compared after reading the manifest back */
	struct st_blake3 *check;
	struct st_buf glue;
	uint8_t (*cvs)[ST_OID_LEN]; /* of the piece in hand */
	size_t ncvs, cvs_cap;
	bool writing;	      /* the piece in hand is being written */
	uint64_t equal;	      /* its first frames, equal to those before, that are not written */
	struct st_oid *pages; /* of the manifest before, when looked */
	size_t npages, page;  /* how many; which one comes next */
	bool looked;
};

ST_MUST int st_filesink_init(struct st_filesink *s, struct st_ingest *g, const char *path,
			     const char *format, struct st_err *e);
void st_filesink_release(struct st_filesink *s);
/* glue: bytes of it, in order, in any pieces; `last` ends the range. */
ST_MUST int st_filesink_glue(struct st_filesink *s, const struct st_piece *p, const void *bytes,
			     size_t n, bool last, struct st_err *e);
/* p: the frame's stored bytes. */
ST_MUST int st_filesink_frame(struct st_filesink *s, const struct st_frame_job *j, const void *p,
			      struct st_err *e);
/* An extent of no bytes. */
ST_MUST int st_filesink_empty(struct st_filesink *s, const struct st_piece *p, struct st_err *e);
/* A tensor that is no run of the file; after all pieces. */
ST_MUST int st_filesink_detached(struct st_filesink *s, const struct st_tensor *t,
				 const struct st_oid *id, struct st_err *e);
/* Glue, manifest, recipe. Reads the manifest back and compares. */
ST_MUST int st_filesink_finish(struct st_filesink *s, const struct st_oid *file, uint64_t size,
			       const char *metadata, size_t metadata_len, struct st_err *e);

#endif

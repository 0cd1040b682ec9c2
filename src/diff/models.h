/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two models, tensor by tensor: which tensors belong together, and by how much they differ. Reads
 * only sources; does not know where they come from.
 */
#ifndef ST_DIFF_MODELS_H
#define ST_DIFF_MODELS_H

#include "base/ctx.h"
#include "base/oid.h"
#include "diff/pair.h"
#include "tensor/source.h"

struct st_operand { /* one tensor of one side; borrowed by whoever made the side */
	const char *name;
	size_t name_len;
	const char *path; /* of its file, for people */
	enum st_dtype dtype;
	unsigned ndim;
	const uint64_t *shape;
	uint64_t nbytes;  /* of the row-major bytes */
	bool has_id;	  /* else it takes reading to know */
	struct st_oid id; /* logical */
};

bool st_operand_same_shape(const struct st_operand *a, const struct st_operand *b);

struct st_side {
	const struct st_operand *t; /* in file order; names are unique */
	size_t n;
	/* The row-major little-endian bytes of tensor i, from 0 on. Called and closed on the
	 * calling thread; the source is read from several threads. */
	int (*open)(void *arg, size_t i, struct st_source *out, struct st_err *e);
	/* Its logical id, where has_id is false. */
	int (*hash)(void *arg, size_t i, struct st_oid *out, struct st_err *e);
	void *arg;
};

enum st_tensor_status {
	ST_TENSOR_UNCHANGED,
	ST_TENSOR_CHANGED,
	ST_TENSOR_ADDED,
	ST_TENSOR_REMOVED,
	ST_TENSOR_RENAMED,  /* a renamed one has equal shape and type */
	ST_TENSOR_RESHAPED, /* of another type perhaps, too */
	ST_TENSOR_RETYPED,
};

enum st_evidence { /* why two tensors of different names are one */
	ST_SAME_NAME,
	ST_SAME_CONTENT, /* equal ids, and shape and type */
	ST_CLOSE_CONTENT /* equal shape, cosine of `closeness` */
};

struct st_tensor_delta {
	enum st_tensor_status status;
	const struct st_operand *a, *b; /* NULL where absent */
	enum st_evidence evidence;
	double closeness;
	/* Sums are filled: numbers on both sides or the same type, and as many elements, which go
	 * pair by pair in row-major order. Of equal content that was not read: no difference, and
	 * numel as if all were finite, but no dot, a2, b2 or nonfinite. */
	bool compared;
	bool read; /* else equal ids spared it */
	struct st_pair_sums sums;
	/* Two types, and the narrower (st_pair_narrower) is exactly the wider rounded. */
	bool cast;
	/* Rows (the first dimension of b; a vector has one row an element, a scalar is one): all,
	 * and those that changed somewhere, in value where the types differ. 0, 0 when not
	 * compared. */
	uint64_t rows, rows_changed;
	/* With options.rank: the numerical rank of b - a as a matrix of rows (all dimensions but
	 * the first are flattened), at most options.rank_max, not counting what rounding explains.
	 * 0: not asked, not compared, nothing changed but by rounding to another type; complex,
	 * fewer than two rows or columns; or so many columns that the sketch would take more than
	 * 64 MiB (min(rows, rank_max + 8) * columns * 8 bytes). */
	uint64_t rank;
	bool rank_more; /* it is larger than rank_max */
};

struct st_models_options {
	bool all;	/* unchanged ones too, their sums filled in */
	bool histogram; /* fill sums.hist */
	bool rank;
	unsigned rank_max; /* 0: 64; at most 512 */
	/* NULL: all. A pair is, if one of its names is. */
	bool (*wanted)(void *arg, const char *name, size_t len);
	void *wanted_arg;
};

struct st_models_total {
	uint64_t tensors[ST_TENSOR_RETYPED + 1]; /* by status */
	struct st_pair_sums sums;		 /* over all that were compared */
	uint64_t common; /* tensors that are on both sides, unchanged ones too */
	/* Of these, compared by their ids alone: sums lacks their dot, a2, b2, so that cosine and
	 * rel_l2 are of the others. */
	uint64_t unread;
};

/*
 * Pairs by name; then what is left over by equal id; then by close content of equal shape and type:
 * cosine of a sample of 4,096 elements of at least 0.9, about zero and about the mean, and relative
 * distance of at most 0.5, best first; not constant, 16 elements or more; of more than 256
 * candidates of a shape and side only those whose names have the longest end in common, if there is
 * one such. cb gets each pair in a's order, then what was added in b's,
 * once its figures are complete. Equal ids are not read (unless options.all wants the norms, which
 * takes reading one side). A cb that returns non-zero ends it with ST_ENO. Memory: a few chunks for
 * each of ctx->jobs threads; with options.rank about 130 MiB more at most and 2 MiB a thread.
 */
ST_MUST int st_diff_models(const struct st_side *a, const struct st_side *b,
			   const struct st_models_options *o, const struct st_ctx *ctx,
			   int (*cb)(void *arg, const struct st_tensor_delta *d), void *arg,
			   struct st_models_total *total, struct st_err *e);

/* Figures from sums, as include/strata/diff.h defines them; NaN where undefined. */
double st_diff_mad(const struct st_pair_sums *s);
double st_diff_l2(const struct st_pair_sums *s);
double st_diff_rel_l2(const struct st_pair_sums *s);
double st_diff_cosine(const struct st_pair_sums *s);

#endif

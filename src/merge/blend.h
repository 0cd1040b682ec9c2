/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One tensor out of several: the methods of merging. Reads only sources, knows no file and no
 * history. Arithmetic is double, with one rounding to the output's type at the end; nothing depends
 * on the number of threads or on SIMD, random numbers are a function of (seed, tensor name, model,
 * element).
 */
#ifndef ST_MERGE_BLEND_H
#define ST_MERGE_BLEND_H

#include "base/ctx.h"
#include "merge/spec.h"
#include "tensor/dtype.h"
#include "tensor/source.h"

/* Behind what refuses an input that is not finite. */
#define ST_NONFINITE_HINT \
	"--allow-nonfinite (average, merge, merge-file, resolve, cherry-pick, revert) lets it through"

struct st_blend_input { /* a tensor's row-major little-endian bytes; src NULL: absent */
	const struct st_source *src;
	enum st_dtype dtype;
	const char *label; /* of the model, for messages: "ours", "v3", "a.safetensors" */
};

struct st_blend_factors { /* how two factors of `lora` go into the tensor */
	double scale;	  /* times the parameter of this name */
	bool transposed;  /* the result has the transposed of B A: of `out` x `in` it is in x out */
};

struct st_blend {	  /* all is borrowed */
	const char *name; /* of the tensor */
	size_t name_len;
	enum st_dtype dtype; /* of the result: ours's */
	unsigned ndim;
	const uint64_t *shape;
	struct st_blend_input base;	     /* where the method needs one */
	const struct st_blend_input *models; /* ours first */
	size_t nmodels;			     /* at least 1 */
	const struct st_spec *spec;	     /* method and parameters */
	double layer;			     /* 0 first .. 1 last layer; NAN: of no layer */
	uint64_t seed;
	bool allow_nonfinite; /* else an input that has one is ST_EREFUSED naming the tensor */
	/* `fisher`: the diagonal of each model, in models' order. `lora`: models[0] is W, and of
	 * each adapter A (r x in) and B (out x r), one after the other; both absent where it leaves
	 * the tensor alone. */
	const struct st_blend_input *extra;
	size_t nextra;
	const struct st_blend_factors *factors; /* of each adapter; NULL: scale 1, not transposed */
};

/* p: the result's row-major little-endian bytes in order; on the calling thread. */
typedef int (*st_blend_sink)(void *arg, const void *p, size_t n, struct st_err *e);

/*
 * Uses ctx->jobs threads and at most ctx->memory / 2 bytes, however large the tensor is. ST_EUSAGE:
 * the method does not apply to this type, these shapes or so many models (the message says why).
 */
ST_MUST int st_blend_run(const struct st_blend *b, const struct st_ctx *ctx, st_blend_sink sink,
			 void *arg, struct st_err *e);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a method of merging is to blend.c: a row of parameters and of functions over blocks of
 * doubles. The engine reads, decodes, rounds and hands out work; a method only computes.
 */
#ifndef ST_MERGE_METHOD_H
#define ST_MERGE_METHOD_H

#include "merge/blend.h"

#define ST_BLEND_BLOCK 512     /* elements: as doubles some inputs of them fit a core's cache */
#define ST_BLEND_SEGMENT 65536 /* elements that are ranked together at most */

enum st_blend_level { /* of SIMD; all give the same bytes */
	ST_BLEND_PORTABLE,
	ST_BLEND_AVX2,
	ST_BLEND_NLEVELS
};
bool st_blend_level_supported(enum st_blend_level l);

enum st_method_flags {
	ST_METHOD_INTEGERS = 1, /* applies to integers too, rounded to nearest, ties to even */
	ST_METHOD_COMPLEX = 2,	/* and to complex numbers, each part alone */
	ST_METHOD_FISHER = 4,	/* extra has one tensor a model, read along with it */
	ST_METHOD_LORA = 8,	/* extra has pairs of factors */
	ST_METHOD_RANKS = 16,	/* needs block.rank; blocks do not cross rows */
	ST_METHOD_TWICE = 32,	/* plan reads all inputs */
	ST_METHOD_MEAN = 64,	/* of equal models it is what they are, unless normalize is 0 */
};

enum st_choice { /* what `choose` returns beside the number of a model */
	ST_CHOICE_NONE = -1,
	ST_CHOICE_BASE = -2
};

/*
 * Consecutive elements. The arrays have ST_BLEND_BLOCK doubles, what is past n being zero, so that
 * loops of constant length need no rest.
 */
struct st_block {
	uint64_t at; /* number of the first */
	size_t n;
	const double *base; /* NULL: none */
	const double *const *model;
	const double *const *extra;
	double *out;
	double *const *work; /* scratch, one of each model */
	/*
	 * ST_METHOD_RANKS: of each model's |model - base| in its segment, 0 the smallest; of equal
	 * ones the first is the smaller. A segment is a row (all elements of one index of the first
	 * dimension; a vector is one row), or of a longer row ST_BLEND_SEGMENT elements each.
	 */
	const uint16_t *const *rank;
	size_t segment; /* its elements */
};

/* The same elements of inputs that are all bf16, as they lie in the files. */
struct st_codes {
	uint64_t at;
	const uint8_t *base; /* NULL: none */
	const uint8_t *const *model;
};

struct st_job {
	const struct st_blend *b;
	const struct st_ctx *ctx;
	const struct st_method *method;
	enum st_blend_level level;
	uint64_t n;   /* numbers: two for a complex element */
	uint64_t row; /* ... of which follow each other in a row (the last dimension) */
	size_t nmodels;
	struct st_arena arena; /* for state, until the end */
	void *state;	       /* the method's; constant once planned */
	bool finite;	       /* a pass has seen that all inputs are */
	bool casts;	       /* one input is copied into another type: what is finite stays so */
};

struct st_method {
	struct st_method_info info;
	const struct st_method_param *params; /* sorted by name */
	size_t nparams;
	unsigned flags;
	/* MAY be NULL. An input that is the result as it lies there, if any. */
	int (*choose)(const struct st_job *j);
	/* MAY be NULL. What must be known of whole tensors; in state. */
	int (*plan)(struct st_job *j, struct st_err *e);
	/* MUST, unless choose always chooses: fills out. On any thread. */
	void (*block[ST_BLEND_NLEVELS])(const struct st_job *j, const struct st_block *k);
	/* MAY be NULL. The same for a whole block of bf16, the result too, in less time, for AVX2.
	 * False: it cannot, whatever it wrote. */
	bool (*codes)(const struct st_job *j, const struct st_codes *k, uint8_t *out);
};

#define ST_METHOD_PARAMS(p) .params = (p), .nparams = sizeof(p) / sizeof(*(p))

double st_job_param(const struct st_job *j, const char *name, size_t model);

/*
 * A kernel is a `static inline` function of (job, block) and is compiled once for each level:
 * ST_BLEND_KERNEL(name) defines name_levels for .block.
 */
#define ST_BLEND_INLINE static inline __attribute__((always_inline))
#if defined(__x86_64__)
#define ST_BLEND_TARGET_AVX2 __attribute__((target("avx2")))
#else
#define ST_BLEND_TARGET_AVX2
#endif
#define ST_BLEND_KERNEL(name)                                                         \
	static void name##_portable(const struct st_job *j, const struct st_block *k) \
	{                                                                             \
		name(j, k);                                                           \
	}                                                                             \
	ST_BLEND_TARGET_AVX2 static void name##_avx2(const struct st_job *j,          \
						     const struct st_block *k)        \
	{                                                                             \
		name(j, k);                                                           \
	}                                                                             \
	_Static_assert(ST_BLEND_NLEVELS == 2, "levels")
#define ST_BLEND_LEVELS(name)                \
	{                                    \
		name##_portable, name##_avx2 \
	}

/*
 * A pass over all inputs. `block` runs on workers, the blocks of a slab in order; `fold` on the
 * calling thread, slabs in order.
 */
struct st_pass {
	int (*block)(const struct st_job *j, const struct st_block *k, const struct st_pass *p,
		     void *result, void *own, struct st_err *e);
	/* MAY be NULL. Instead of `block` where it returns true; st_method.codes says where it is
	 * asked. */
	bool (*codes)(const struct st_job *j, const struct st_codes *k, const struct st_pass *p,
		      void *result, void *own);
	/* MAY be NULL. n numbers from at on. */
	int (*fold)(const struct st_job *j, const struct st_pass *p, uint64_t at, size_t n,
		    const void *result, struct st_err *e);
	void *arg;
	/* Bytes of result, zeroed before: either so many for a block, the i-th of a slab at the
	 * i-th place, or so many for each number. */
	size_t per_block, per_number;
	uint64_t from, to; /* the numbers that it is over, from a multiple of ST_BLEND_BLOCK on; to
			    * 0: all */
	/* MAY be 0: only the first ST_BLEND_BLOCK of each so many, a multiple of that. */
	uint64_t step;
	void **own; /* NULL, or one of each worker of job->ctx->jobs */
};
ST_MUST int st_job_pass(struct st_job *j, const struct st_pass *p, struct st_err *e);

/* An input's name in messages. */
static inline const char *st_blend_label(const struct st_blend_input *in)
{
	return in->label ? in->label : in->src->name;
}

/* The table. */
extern const struct st_method *const st_methods[];
extern const size_t st_nmethods;

/* st_blend_run at one level, for tests and benchmarks. */
ST_MUST int st_blend_run_at(enum st_blend_level l, const struct st_blend *b,
			    const struct st_ctx *ctx, st_blend_sink sink, void *arg,
			    struct st_err *e);

#endif

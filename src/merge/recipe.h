/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merge recipes in YAML, as mergekit reads them: which models, which method, which parameters for
 * which tensors and layers.
 *
 *	merge_method: ties			or slerp, linear, ...
 *	base_model: base
 *	models:					either these
 *	  - model: a
 *	    parameters: {weight: [0, 0.5, 1], density: 0.5}
 *	slices:					or these: layers put together
 *	  - sources: [{model: a, layer_range: [0, 24]}]
 *	parameters: {normalize: true, t: [{filter: mlp, value: 0.3}, {value: 0.5}]}
 *	dtype: bfloat16
 *
 * A parameter is a number, a list of numbers that are points over the layers, or a list of cases,
 * of which the first counts whose filter is part of the tensor's name. It is looked for at the
 * source, its slice, the recipe.
 */
#ifndef ST_MERGE_RECIPE_H
#define ST_MERGE_RECIPE_H

#include "base/buf.h"
#include "base/map.h"
#include "tensor/dtype.h"

#define ST_MRECIPE_LIST 4096 /* items of any list */

struct st_mrecipe_case {
	const char *filter; /* NULL or "*": every tensor */
	double *v;
	size_t n, cap; /* more than one: points over the layers */
	bool list;
};

struct st_mrecipe_param {
	const char *name;
	uint32_t line;
	bool cases; /* a list of cases, not of points */
	struct st_mrecipe_case *v;
	size_t n, cap;
};

struct st_mrecipe_params {
	struct st_mrecipe_param *v;
	size_t n, cap;
};

struct st_mrecipe_source {
	const char *model;
	uint64_t from, to; /* layers [from, to) */
	unsigned bounds;   /* how many of these were said */
	uint32_t line;
	struct st_mrecipe_params params;
};

struct st_mrecipe_slice {
	const char *base_model; /* NULL: the recipe's */
	uint32_t line;
	struct st_mrecipe_source *v;
	size_t n, cap;
	struct st_mrecipe_params params;
};

struct st_mrecipe { /* everything in arena but the arrays */
	struct st_arena arena;
	const char *method, *base_model;
	uint32_t method_line;
	bool has_dtype, has_out;
	enum st_dtype dtype, out; /* out: of the result */
	bool layers;		  /* slices were given; else v[0] is all models, whole */
	struct st_mrecipe_slice *v;
	size_t n, cap;
	struct st_mrecipe_params params;
};

/* ST_EFORMAT names the line of a key that is not known, a value that is none, something that lacks.
 * name: of the file, for messages. r need not be initialised; released by st_mrecipe_release, after
 * a failure too. */
ST_MUST int st_mrecipe_parse(struct st_mrecipe *r, const void *p, size_t len, const char *name,
			     struct st_err *e);
void st_mrecipe_release(struct st_mrecipe *r);

/* What it says of the result's type, as it says it; NULL: nothing. */
const char *st_mrecipe_dtype(const struct st_mrecipe *r);

struct st_mrecipe_name {
	const char *p;
	size_t len;
};
struct st_mrecipe_at { /* one tensor of the result */
	size_t slice;
	struct st_mrecipe_name name;
	double t; /* 0 first .. 1 last layer of the slice; 0: of no layer */
	/* Its name in each source that is merged, in their order, where slices number layers anew:
	 * filters of what is said of one model match that. NULL: as in the result. */
	const struct st_mrecipe_name *own;
};
/*
 * The method as merge/spec.h reads it. order: which sources of the slice it merges, ours first;
 * SIZE_MAX stands for the base where it is no source. ST_EUSAGE: a parameter that the method needs
 * is missing; ST_EREFUSED: one that strata has not.
 */
ST_MUST int st_mrecipe_spec(const struct st_mrecipe *r, const struct st_mrecipe_at *at,
			    const size_t *order, size_t n, struct st_buf *out, struct st_err *e);

enum st_mrecipe_kind {
	ST_MRECIPE_ALL,	 /* merges all sources and the base, which is one like the others */
	ST_MRECIPE_PAIR, /* the base and one other */
	ST_MRECIPE_DIFF, /* differences of the others from the base */
	ST_MRECIPE_ONE	 /* takes its only source */
};
enum st_mrecipe_kind st_mrecipe_kind(const struct st_mrecipe *r);

#endif

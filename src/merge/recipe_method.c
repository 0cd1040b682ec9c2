/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recipe's methods and parameters in strata's words. Defaults are mergekit's, which differ from
 * the papers' and ours: density is 1 where it is not said.
 */
#include "merge/recipe_method.h"

#include "base/near.h"

#include <math.h>
#include <stdio.h>

enum where {   /* a parameter may stand */
	EACH,  /* one value a model */
	ONCE,  /* of the recipe or its slice */
	SWITCH /* ONCE, and only this value is strata's */
};

struct word {
	const char *theirs, *ours; /* ours NULL: nothing to say */
	enum where where;
	double dflt; /* NAN: it must be said */
};

struct row {
	const char *theirs, *ours;
	enum st_mrecipe_kind kind;
	struct word v[7];
};

#define WEIGHT                                \
	{                                     \
		"weight", "weight", EACH, NAN \
	}
#define DENSITY                               \
	{                                     \
		"density", "density", EACH, 1 \
	}
#define LAMBDA                             \
	{                                  \
		"lambda", "scale", ONCE, 1 \
	}
#define INT8                               \
	{                                  \
		"int8_mask", NULL, ONCE, 0 \
	}
#define NORMALIZE(d)                              \
	{                                         \
		"normalize", "normalize", ONCE, d \
	}
#define RESCALE(d)                         \
	{                                  \
		"rescale", NULL, SWITCH, d \
	}

static const struct row rows[] = {
	{ "linear", "linear", ST_MRECIPE_ALL, { WEIGHT, NORMALIZE(1) } },
	{ "slerp", "slerp", ST_MRECIPE_PAIR, { { "t", "t", ONCE, NAN } } },
	{ "task_arithmetic",
	  "task-arithmetic",
	  ST_MRECIPE_DIFF,
	  { WEIGHT, NORMALIZE(0), LAMBDA, INT8, RESCALE(0) } },
	{ "ties",
	  "ties",
	  ST_MRECIPE_DIFF,
	  { WEIGHT, DENSITY, NORMALIZE(1), LAMBDA, INT8, RESCALE(0) } },
	{ "dare_ties",
	  "dare-ties",
	  ST_MRECIPE_DIFF,
	  { WEIGHT, DENSITY, NORMALIZE(0), LAMBDA, INT8, RESCALE(1) } },
	{ "dare_linear",
	  "dare-linear",
	  ST_MRECIPE_DIFF,
	  { WEIGHT, DENSITY, NORMALIZE(0), LAMBDA, INT8, RESCALE(1) } },
	{ "della",
	  "della:elect=1",
	  ST_MRECIPE_DIFF,
	  { WEIGHT,
	    DENSITY,
	    NORMALIZE(1),
	    LAMBDA,
	    INT8,
	    RESCALE(1),
	    { "epsilon", "epsilon", EACH, 0.15 } } },
	{ "della_linear",
	  "della:elect=0",
	  ST_MRECIPE_DIFF,
	  { WEIGHT,
	    DENSITY,
	    NORMALIZE(0),
	    LAMBDA,
	    INT8,
	    RESCALE(1),
	    { "epsilon", "epsilon", EACH, 0.15 } } },
	{ "breadcrumbs",
	  "breadcrumbs:elect=0",
	  ST_MRECIPE_DIFF,
	  { WEIGHT,
	    DENSITY,
	    NORMALIZE(0),
	    LAMBDA,
	    INT8,
	    RESCALE(0),
	    { "gamma", "gamma", EACH, 0.01 } } },
	{ "breadcrumbs_ties",
	  "breadcrumbs:elect=1",
	  ST_MRECIPE_DIFF,
	  { WEIGHT,
	    DENSITY,
	    NORMALIZE(0),
	    LAMBDA,
	    INT8,
	    RESCALE(0),
	    { "gamma", "gamma", EACH, 0.01 } } },
	{ "model_stock", "model-stock", ST_MRECIPE_DIFF, { { "filter_wise", NULL, SWITCH, 0 } } },
	{ "passthrough", "linear:normalize=0", ST_MRECIPE_ONE, { { "scale", "weight", EACH, 1 } } },
};

#define ROWS (sizeof(rows) / sizeof(*rows))
#define WORDS (sizeof(rows[0].v) / sizeof(rows[0].v[0]))

const char *const st_mrecipe_param_names[] = { "weight",    "density", "t",	      "lambda",
					       "normalize", "rescale", "int8_mask",   "epsilon",
					       "gamma",	    "scale",   "filter_wise", NULL };

bool st_mrecipe_param_known(const char *name)
{
	for (const char *const *p = st_mrecipe_param_names; *p; p++)
		if (strcmp(*p, name) == 0)
			return true;
	return false;
}

static const struct row *row_of(const struct st_mrecipe *r)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i].theirs, r->method) == 0)
			return &rows[i];
	return NULL;
}

static bool has_word(const struct row *row, const char *name)
{
	for (size_t i = 0; i < WORDS && row->v[i].theirs; i++)
		if (strcmp(row->v[i].theirs, name) == 0)
			return true;
	return false;
}

static int check_params(const struct row *row, const struct st_mrecipe_params *p, const char *name,
			struct st_err *e)
{
	for (size_t i = 0; i < p->n; i++)
		if (!has_word(row, p->v[i].name))
			return st_fail(e, ST_EFORMAT,
				       "%s, line %" PRIu32 ": method %s has no parameter %s", name,
				       p->v[i].line, row->theirs, p->v[i].name);
	return ST_OK;
}

int st_mrecipe_check_method(const struct st_mrecipe *r, const char *name, struct st_err *e)
{
	const struct row *row = row_of(r);
	struct st_near near;
	int rc;

	if (!row) {
		st_near_init(&near, r->method);
		for (size_t i = 0; i < ROWS; i++)
			st_near_try(&near, rows[i].theirs);
		return st_fail(e, ST_EFORMAT, "%s, line %" PRIu32 ": no merge_method %.60s%s%s%s",
			       name, r->method_line, r->method,
			       *near.found ? "; did you mean " : "", near.found,
			       *near.found ? "?" : "");
	}
	rc = check_params(row, &r->params, name, e);
	for (size_t i = 0; rc == ST_OK && i < r->n; i++) {
		rc = check_params(row, &r->v[i].params, name, e);
		for (size_t k = 0; rc == ST_OK && k < r->v[i].n; k++)
			rc = check_params(row, &r->v[i].v[k].params, name, e);
	}
	return rc;
}

enum st_mrecipe_kind st_mrecipe_kind(const struct st_mrecipe *r)
{
	return row_of(r)->kind;
}

/* ---- values ---- */

static double point(const struct st_mrecipe_case *c, double t)
{
	double scaled = t * (double)(c->n - 1), below = floor(scaled);
	size_t i = (size_t)below, next = i + 1 < c->n ? i + 1 : i;

	return c->n == 1 ? c->v[0] :
			   (1 - (scaled - below)) * c->v[i] + (scaled - below) * c->v[next];
}

struct asked { /* for a parameter */
	const struct word *word;
	const struct st_mrecipe_name *tensor;
	double t;
};

static bool find(const struct st_mrecipe_params *p, const struct asked *a, double *out)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->v[i].name, a->word->theirs) != 0)
			continue;
		for (size_t k = 0; k < p->v[i].n; k++) {
			const struct st_mrecipe_case *c = &p->v[i].v[k];

			if (c->filter && strcmp(c->filter, "*") != 0 &&
			    !memmem(a->tensor->p, a->tensor->len, c->filter, strlen(c->filter)))
				continue;
			*out = point(c, a->t);
			return true;
		}
	}
	return false;
}

/* i: of at->own */
static int value_of(const struct st_mrecipe *r, const struct st_mrecipe_at *at, size_t source,
		    size_t i, const struct word *w, double *out, struct st_err *e)
{
	const struct st_mrecipe_slice *s = &r->v[at->slice];
	const struct asked a = { w, w->where == EACH && at->own ? &at->own[i] : &at->name, at->t };

	if ((source != SIZE_MAX && find(&s->v[source].params, &a, out)) ||
	    find(&s->params, &a, out) || find(&r->params, &a, out))
		return ST_OK;
	*out = w->dflt;
	if (!isnan(w->dflt))
		return ST_OK;
	return st_fail(e, ST_EUSAGE, "the recipe does not say %s of %s for %.*s", w->theirs,
		       source != SIZE_MAX		 ? s->v[source].model :
		       w->where == EACH && r->base_model ? r->base_model :
							   r->method,
		       (int)a.tensor->len, a.tensor->p);
}

static int put_value(struct st_buf *out, double v, struct st_err *e)
{
	if (!isfinite(v))
		return st_fail(e, ST_EUSAGE, "a parameter of the recipe is not finite");
	return st_buf_addf(out, e, "%.17g", v);
}

static int put_each(const struct st_mrecipe *r, const struct st_mrecipe_at *at, const size_t *order,
		    size_t n, const struct word *w, struct st_buf *out, struct st_err *e)
{
	double v;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		rc = value_of(r, at, order[i], i, w, &v, e);
		if (rc == ST_OK && i)
			rc = st_buf_addch(out, '/', e);
		if (rc == ST_OK)
			rc = put_value(out, v, e);
	}
	return rc;
}

/* A switch that may stand only as it is. */
static int check_switch(const struct st_mrecipe *r, const struct st_mrecipe_at *at,
			const struct word *w, struct st_err *e)
{
	double v;
	int rc = value_of(r, at, SIZE_MAX, 0, w, &v, e);

	if (rc == ST_OK && w->where == SWITCH && (v != 0) != (w->dflt != 0))
		rc = st_fail(e, ST_EREFUSED, "strata has no %s with %s: %s", r->method, w->theirs,
			     v != 0 ? "true" : "false");
	return rc;
}

int st_mrecipe_spec(const struct st_mrecipe *r, const struct st_mrecipe_at *at, const size_t *order,
		    size_t n, struct st_buf *out, struct st_err *e)
{
	const struct row *row = row_of(r);
	char before = strchr(row->ours, ':') ? ',' : ':';
	int rc = st_buf_addstr(out, row->ours, e);
	double v;

	for (size_t i = 0; rc == ST_OK && i < WORDS && row->v[i].theirs; i++) {
		const struct word *w = &row->v[i];

		if (!w->ours) {
			rc = check_switch(r, at, w, e);
			continue;
		}
		rc = st_buf_addf(out, e, "%c%s=", before, w->ours);
		before = ',';
		if (rc == ST_OK && w->where == EACH)
			rc = put_each(r, at, order, n, w, out, e);
		else if (rc == ST_OK)
			rc = value_of(r, at, SIZE_MAX, 0, w, &v, e);
		if (rc == ST_OK && w->where != EACH)
			rc = put_value(out, v, e);
	}
	return rc;
}

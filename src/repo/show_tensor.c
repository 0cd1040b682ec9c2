/* SPDX-License-Identifier: Apache-2.0 */
/* show REV:path::tensor: the numbers of single tensors in figures. */
#include "repo/diff_side.h"

#include "diff/summary.h"
#include "tensor/quote.h"

#include <sys/stat.h>

struct showing {
	struct st_repo *r;
	const struct st_ctx *ctx;
	const struct st_revspec *s;
	bool exact; /* look for the very name first */
	uint64_t shown;
	bool stopped; /* by the callback */
	int (*cb)(void *arg, const strata_summary *s);
	void *arg;
};

_Static_assert(STRATA_QUANTILES == ST_SUMMARY_QUANTILES, "quantiles");

/* How many numbers there are; a shape that its bytes do not fit has none. */
static int count_units(const struct st_operand *t, uint64_t *units, struct st_err *e)
{
	uint64_t numel, want;

	if (t->ndim > ST_MAX_NDIM || !st_shape_numel(t->shape, t->ndim, &numel) ||
	    !st_shape_nbytes(t->shape, t->ndim, t->dtype, &want) || want != t->nbytes)
		return st_fail(e, ST_EFORMAT, "%" PRIu64 " bytes are not what its shape takes",
			       t->nbytes);
	*units = st_pair_elements(t->dtype, numel);
	return ST_OK;
}

static void fill(strata_summary *out, const struct st_summary *s)
{
	const double *q = st_summary_quantiles();

	out->numeric = true;
	out->numel = s->numel;
	out->finite = s->finite;
	out->nan = s->nan;
	out->pos_inf = s->pos_inf;
	out->neg_inf = s->neg_inf;
	out->zeros = s->zeros;
	out->has_distinct = s->has_distinct;
	out->distinct = s->distinct;
	out->mean = s->mean;
	out->std = s->std;
	out->min = s->min;
	out->max = s->max;
	for (size_t i = 0; i < STRATA_QUANTILES; i++) {
		out->quantiles[i].q = q[i];
		out->quantiles[i].value = s->quantile[i];
	}
	out->nbins = s->nbins;
	out->edges = s->edge;
	out->counts = s->count;
	out->below = s->below;
	out->above = s->above;
	out->whole = s->whole;
}

static int measure(const struct showing *w, const struct st_side *side, size_t i,
		   struct st_summary *out, struct st_err *e)
{
	struct st_source src;
	uint64_t units = 0;
	int rc = count_units(&side->t[i], &units, e);

	if (rc == ST_OK)
		rc = side->open(side->arg, i, &src, e);
	if (rc != ST_OK)
		return rc;
	rc = st_summarise(out, &src, side->t[i].dtype, units, w->ctx, e);
	st_source_close(&src);
	return rc;
}

static int show_one(struct showing *w, const struct st_dfile *f, const struct st_side *side,
		    size_t i, struct st_err *e)
{
	const struct st_operand *t = &side->t[i];
	struct st_oid id = t->id;
	char hex[STRATA_HEX];
	strata_tensor shown = { .path = t->path,
				.name = t->name,
				.name_len = t->name_len,
				.dtype = st_dtype_info(t->dtype)->name,
				.ndim = t->ndim,
				.shape = t->shape,
				.nbytes = t->nbytes,
				.id = hex };
	strata_summary out = { .tensor = &shown };
	struct st_summary s;
	struct st_quote q;
	int rc = t->has_id ? ST_OK : side->hash(side->arg, i, &id, e);

	if (rc == ST_OK && st_pair_numeric(t->dtype)) {
		rc = measure(w, side, i, &s, e);
		if (rc == ST_OK)
			fill(&out, &s);
	}
	if (rc != ST_OK && rc != ST_ECHANGED && rc != ST_EBUSY)
		return st_wrap(e, "%s: tensor %s", t->path, st_quote(&q, t->name, t->name_len));
	if (rc == ST_OK)
		rc = st_dfile_unchanged(f, e);
	if (rc != ST_OK)
		return rc;
	st_oid_hex(&id, hex);
	w->stopped = w->cb(w->arg, &out) != 0;
	return w->stopped ? ST_ENO : ST_OK;
}

static int show_file(struct showing *w, struct st_dfile *f, struct st_err *e)
{
	struct st_diff_side *tensors;
	const struct st_side *side;
	int rc = st_diff_side_new(&tensors, w->r, w->ctx, e);

	if (rc == ST_OK)
		rc = st_diff_side_add(tensors, f, e);
	if (rc == ST_OK) {
		side = st_diff_side_get(tensors);
		for (size_t i = 0; rc == ST_OK && i < side->n; i++) {
			if (!st_name_matches(w->s, w->exact, side->t[i].name, side->t[i].name_len))
				continue;
			w->shown++;
			rc = show_one(w, f, side, i, e);
		}
	}
	st_diff_side_free(tensors);
	if (f->parsed) {
		st_layout_release(&f->layout);
		st_spool_release(&f->spool);
	}
	return rc;
}

static int nothing(const struct st_revspec *s, struct st_err *e)
{
	return st_fail(e, ST_ENOTFOUND,
		       "'%.*s' matches no tensor: 'strata ls --tensors' lists them",
		       (int)s->name_len, s->name);
}

/* ---- of a version ---- */

static int stored_model(void *arg, const struct st_stage_row *row, struct st_vfile *v,
			struct st_err *e)
{
	struct st_dfile f = { .path = row->path,
			      .has_id = true,
			      .id = row->id,
			      .size = row->size,
			      .mode = row->mode,
			      .opened = true,
			      .model = true,
			      .plain = { .fd = -1 },
			      .v = v };

	return show_file(arg, &f, e);
}

static int of_version(struct showing *w, struct st_err *e)
{
	bool any = false;
	struct st_index x;
	int rc = st_spec_models(w->r, w->s, &x, e);

	w->exact = true;
	if (rc == ST_OK)
		rc = st_each_model(w->r, &x, stored_model, w, &any, e);
	if (rc == ST_OK && !w->shown) {
		w->exact = false;
		rc = st_each_model(w->r, &x, stored_model, w, &any, e);
	}
	st_index_release(&x);
	if (rc != ST_OK)
		return rc;
	if (!any)
		return st_fail(e, ST_ENOTFOUND, "no model file there: 'strata ls' lists files");
	return w->shown ? ST_OK : nothing(w->s, e);
}

/* ---- of a plain file ---- */

static int plain_model(void *arg, const char *path, const struct st_plainfile *p, struct st_err *e)
{
	struct st_dfile f = { .path = path,
			      .full = path,
			      .size = p->size,
			      .mode = ST_MODE_FILE,
			      .opened = true,
			      .model = true,
			      .plain = *p };
	struct stat st;

	if (!p->format)
		return st_fail(e, ST_EFORMAT, "%s is not a model file that strata knows", path);
	if (fstat(p->fd, &st) != 0)
		return st_fail_os(e, "%s", path);
	f.mtime = st.st_mtim;
	return show_file(arg, &f, e);
}

static int of_plain(struct showing *w, struct st_err *e)
{
	char *path = st_memdup(w->s->path, w->s->path_len + 1, e);
	int rc;

	if (!path)
		return e->code;
	path[w->s->path_len] = 0;
	w->exact = true;
	rc = st_each_plainfile(w->ctx, path, plain_model, w, NULL, e);
	if (rc == ST_OK && !w->shown) {
		w->exact = false;
		rc = st_each_plainfile(w->ctx, path, plain_model, w, NULL, e);
	}
	if (rc == ST_OK && !w->shown)
		rc = nothing(w->s, e);
	free(path);
	return rc;
}

int st_verb_summarise(struct st_repo *r, const struct st_ctx *ctx, const char *spec,
		      int (*cb)(void *arg, const strata_summary *s), void *arg, struct st_err *e)
{
	struct st_revspec s;
	struct showing w = { .r = r, .ctx = ctx, .s = &s, .cb = cb, .arg = arg };
	int rc = st_spec_split(r, spec, true, &s, e);

	if (rc != ST_OK)
		return rc;
	if (!s.name)
		return st_fail(e, ST_EUSAGE,
			       "'%s' names no tensor: REV:path::tensor, REV::tensor or "
			       "FILE::tensor does",
			       spec);
	return s.plain ? of_plain(&w, e) : of_version(&w, e);
}

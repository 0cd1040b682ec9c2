/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The weighted distance of two versions, out of one diff (doc/guide/diff.md):
 *
 *	structure	share of tensors without a counterpart of the same name, shape and type
 *	parameters	mean over all elements of ||q - p|| / (||p|| + ||q||) of their tensor, which
 *			is 0 for an equal and 1 for a missing one; an element that is not finite on
 *			a side counts as missing
 *	configuration	k / (k + 10) for k settings, lines and other files that differ
 */
#include "repo/distance.h"

#include "base/file.h"
#include "base/json.h"
#include "format/format.h"

#include <math.h>
#include <stdio.h>

#define HALF_SETTINGS 10 /* so many differences are a distance of one half */
#define WEIGHTS_MAX ((size_t)1 << 20)

enum {
	STRUCTURE,
	PARAMETERS,
	CONFIGURATION,
	DATA,
	METRICS
};

static const char *const names[STRATA_DISTANCE_TERMS] = {
	[STRUCTURE] = "structure", [PARAMETERS] = "parameters", [CONFIGURATION] = "configuration",
	[DATA] = "data",	   [METRICS] = "metrics",
};

struct distance {
	struct st_distance_sum sum;
	uint64_t files; /* not models, that no setting tells of */
	uint64_t settings;
	bool in_file; /* a file was told whose settings may follow */
};

static double elements(const strata_diff_tensor *t)
{
	double n = 1;

	for (unsigned i = 0; i < t->ndim; i++)
		n *= (double)t->shape[i];
	return n;
}

static int on_file(void *arg, const strata_diff_file *f)
{
	struct distance *d = arg;

	if (f->model || st_shard_index_name(f->path)) /* which shard holds what is no setting */
		return 0;
	d->files++;
	d->in_file = true;
	return 0;
}

static int on_setting(void *arg, const strata_diff_setting *s)
{
	struct distance *d = arg;

	if (st_shard_index_name(s->path))
		return 0;
	if (d->in_file)
		d->files--; /* its settings stand for it */
	d->in_file = false;
	d->settings++;
	return 0;
}

void st_distance_add(struct st_distance_sum *d, const strata_diff_figures *f, double a, double b)
{
	double norms, apart;

	if (!f ||
	    f->numel + f->nonfinite == 0) { /* on one side only, or not comparable as numbers */
		d->lone += fmax(a, b);
		return;
	}
	norms = f->norm_a + f->norm_b;
	apart = norms > 0 ? f->l2 / norms : 0;
	d->moved += (double)f->numel * (isfinite(apart) ? fmin(apart, 1) : 1);
	/* Of what is not finite nothing can be said but that it differs. */
	d->lone += (double)(f->nonfinite < f->changed ? f->nonfinite : f->changed);
}

static int on_tensor(void *arg, const strata_diff_entry *t)
{
	struct distance *d = arg;

	d->in_file = false;
	st_distance_add(&d->sum, t->figures, t->a ? elements(t->a) : 0, t->b ? elements(t->b) : 0);
	return 0;
}

static void set_term(strata_distance *out, int i, bool known, double delta)
{
	out->terms[i].known = known;
	out->terms[i].delta = known ? delta : 0;
}

static void weigh(strata_distance *out, const double *weights)
{
	double sum = 0;

	for (int i = 0; i < STRATA_DISTANCE_TERMS; i++)
		sum += out->terms[i].known ? weights[i] : 0;
	out->distance = 0;
	for (int i = 0; i < STRATA_DISTANCE_TERMS; i++) {
		strata_distance_term *t = &out->terms[i];

		t->weight = t->known && sum > 0 ? weights[i] / sum : 0;
		out->distance += t->weight * t->delta;
	}
}

int st_verb_distance(struct st_repo *r, const struct st_ctx *ctx, const char *a, const char *b,
		     const double *weights, strata_distance *out, struct st_err *e)
{
	static const strata_diff_handler handler = { on_file, on_tensor, on_setting };
	const strata_diff_options o = { .count_same = true };
	struct distance d = { 0 };
	strata_diff_total t;
	double all, either, lone, k;
	int rc = st_verb_diff(r, ctx, a, b, &o, &handler, &d, &t, e);

	*out = (strata_distance){ 0 };
	if (rc != ST_OK)
		return rc;
	for (int i = 0; i < STRATA_DISTANCE_TERMS; i++)
		out->terms[i].name = names[i];
	either = (double)t.common + (double)t.added + (double)t.removed;
	lone = (double)t.added + (double)t.removed + (double)t.renamed + (double)t.reshaped +
	       (double)t.retyped;
	all = (double)t.figures.numel + d.sum.lone;
	k = (double)d.settings + (double)d.files;
	set_term(out, STRUCTURE, either > 0, either > 0 ? lone / either : 0);
	set_term(out, PARAMETERS, all > 0, all > 0 ? (d.sum.moved + d.sum.lone) / all : 0);
	set_term(out, CONFIGURATION, true, k / (k + HALF_SETTINGS));
	weigh(out, weights);
	return ST_OK;
}

/* ---- weights ---- */

static int term_of(const char *name)
{
	for (int i = 0; i < STRATA_DISTANCE_TERMS; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

static int parse_file(const char *path, double *weights, struct st_err *e)
{
	const char *key;
	struct st_buf b;
	struct st_json j;
	int i, rc;

	st_buf_init(&b, WEIGHTS_MAX);
	rc = st_file_slurp(&b, path, e);
	if (rc != ST_OK) {
		st_buf_release(&b);
		return st_err_named_path(e);
	}
	st_json_init(&j, b.p, b.len, ST_JSON_DEPTH, e);
	st_json_object(&j);
	while ((key = st_json_key(&j, NULL))) {
		i = term_of(key);
		if (i < 0) {
			rc = st_fail(e, ST_EUSAGE, "'%s' is no term of the distance", key);
			break;
		}
		weights[i] = st_json_real(&j);
	}
	st_json_end(&j);
	st_json_release(&j);
	st_buf_release(&b);
	return e->code == ST_OK ? ST_OK : st_wrap(e, "%s", path);
}

static int from_settings(const struct st_config *config, double *weights, struct st_err *e)
{
	char key[64], *end;
	const char *s;

	for (int i = 0; i < STRATA_DISTANCE_TERMS; i++) {
		snprintf(key, sizeof(key), "distance.%s", names[i]);
		s = st_config_get(config, key);
		if (!s)
			continue;
		weights[i] = strtod(s, &end);
		if (end == s || *end)
			return st_fail(e, ST_EUSAGE, "setting %s: '%s' is no number", key, s);
	}
	return ST_OK;
}

int st_verb_distance_weights(const struct st_config *config, const char *file, double *weights,
			     struct st_err *e)
{
	double sum = 0;
	int i, rc = ST_OK;

	for (i = 0; i < STRATA_DISTANCE_TERMS; i++)
		weights[i] = 1;
	if (file)
		rc = parse_file(file, weights, e);
	else if (config)
		rc = from_settings(config, weights, e);
	for (i = 0; rc == ST_OK && i < STRATA_DISTANCE_TERMS; i++) {
		if (!(weights[i] >= 0) || !isfinite(weights[i]))
			rc = st_fail(e, ST_EUSAGE, "the weight of %s is no number of at least 0",
				     names[i]);
		sum += i <= CONFIGURATION ? weights[i] : 0;
	}
	if (rc == ST_OK && !(sum > 0 && isfinite(sum)))
		rc = st_fail(e, ST_EUSAGE,
			     "structure, parameters or configuration needs a weight above 0, and "
			     "all a finite sum");
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* diff: the files of both sides unit by unit, models tensor by tensor. */
#include "repo/diff_meter.h"
#include "repo/diff_units.h"

#include <math.h>
#include <stdio.h>

struct diff {
	struct st_repo *r;
	const struct st_ctx *ctx; /* of the meter, once it runs */
	struct st_meter meter;
	const strata_diff_options *o;
	const strata_diff_handler *h;
	void *arg;
	strata_diff_total *total;
	struct st_pair_sums sums;
	struct st_pair_sums moved; /* of the tensors that have elements that changed */
	struct st_dpairs pairs;
	bool *globs;	 /* which of o->tensors meant a tensor */
	bool whole_left; /* units were passed over because both sides are the same */
	/* the unit at hand */
	struct st_dpair *unit;
	size_t nunit;
	const char *path; /* of what settings are told */
	struct st_err *e;
};

/* ---- what a callback gets ---- */

static int stop(int answer)
{
	return answer ? ST_ENO : ST_OK;
}

static const char *hex_of(char hex[STRATA_HEX], const struct st_dfile *f)
{
	hex[0] = 0;
	if (f && f->has_id)
		st_oid_hex(&f->id, hex);
	return hex;
}

static const char *mode_word(const struct st_dfile *f)
{
	return !f		       ? NULL :
	       f->mode == ST_MODE_LINK ? "link" :
	       f->mode == ST_MODE_EXEC ? "exec" :
					 "file";
}

/* A file that differs, once. */
static int tell_file(struct diff *d, struct st_dpair *p)
{
	const struct st_dfile *a = p->a, *b = p->b;
	char ids[2][STRATA_HEX];
	strata_diff_file f = { .path = b ? b->path : a->path };

	if (p->told)
		return ST_OK;
	p->told = true;
	d->total->files++;
	f.status = !a ? "added" : !b ? "removed" : "changed";
	if (a && b && (a->mode == ST_MODE_LINK) != (b->mode == ST_MODE_LINK))
		f.status = "typechanged";
	if (a && b && strcmp(a->path, b->path) != 0)
		f.a_path = a->path;
	f.model = (a && a->model) || (b && b->model);
	f.a_size = a ? a->size : 0;
	f.b_size = b ? b->size : 0;
	f.a_mode = mode_word(a);
	f.b_mode = mode_word(b);
	f.a_id = hex_of(ids[0], a);
	f.b_id = hex_of(ids[1], b);
	return d->h->file ? stop(d->h->file(d->arg, &f)) : ST_OK;
}

/* Reads as much as it takes to know whether the two differ. */
static int settle(struct diff *d, struct st_dpair *p)
{
	bool same;
	int rc;

	if (p->state != ST_PAIR_OPEN)
		return ST_OK;
	rc = st_dfile_same(p->a, p->b, d->ctx, &same, d->e);
	p->state = same ? ST_PAIR_SAME : ST_PAIR_DIFFERENT;
	return rc;
}

static int tell_setting(void *arg, const char *key, const char *a, const char *b)
{
	struct diff *d = arg;
	const strata_diff_setting s = { .path = d->path, .key = key, .a = a, .b = b };
	int rc = ST_OK;

	d->total->settings++;
	for (size_t i = 0; rc == ST_OK && i < d->nunit; i++) {
		rc = settle(d, &d->unit[i]);
		if (rc == ST_OK && d->unit[i].state == ST_PAIR_DIFFERENT)
			rc = tell_file(d, &d->unit[i]);
	}
	if (rc != ST_OK)
		return 1;
	return d->h->setting ? d->h->setting(d->arg, &s) : 0;
}

void st_figures_fill(strata_diff_figures *f, const struct st_pair_sums *s)
{
	*f = (strata_diff_figures){
		.numel = s->numel,
		.changed = s->changed,
		.nonfinite = s->nonfinite,
		.mad = st_diff_mad(s),
		.l1 = s->numel ? s->l1 : NAN,
		.l2 = st_diff_l2(s),
		.rel_l2 = st_diff_rel_l2(s),
		.max_abs = s->numel ? s->max_abs : NAN,
		.cosine = st_diff_cosine(s),
		.norm_a = sqrt(s->a2),
		.norm_b = sqrt(s->b2),
	};
}

struct shown { /* a tensor of one side, as the callback sees it */
	strata_diff_tensor t;
	char id[STRATA_HEX];
};

static const strata_diff_tensor *show(struct shown *s, const struct st_operand *op)
{
	if (!op)
		return NULL;
	s->id[0] = 0;
	if (op->has_id)
		st_oid_hex(&op->id, s->id);
	s->t = (strata_diff_tensor){ .name = op->name,
				     .name_len = op->name_len,
				     .dtype = st_dtype_info(op->dtype)->name,
				     .ndim = op->ndim,
				     .shape = op->shape,
				     .id = s->id };
	return &s->t;
}

static const char *status_word(enum st_tensor_status status)
{
	static const char *const words[] = {
		[ST_TENSOR_UNCHANGED] = "unchanged", [ST_TENSOR_CHANGED] = "changed",
		[ST_TENSOR_ADDED] = "added",	     [ST_TENSOR_REMOVED] = "removed",
		[ST_TENSOR_RENAMED] = "renamed",     [ST_TENSOR_RESHAPED] = "reshaped",
		[ST_TENSOR_RETYPED] = "retyped",
	};

	return words[status];
}

static void write_note(char *out, size_t room, const struct st_tensor_delta *t)
{
	enum st_dtype narrower;
	size_t at = 0;

	out[0] = 0;
	if (t->evidence == ST_SAME_CONTENT)
		at = (size_t)snprintf(out, room, "identical content");
	else if (t->evidence == ST_CLOSE_CONTENT)
		at = (size_t)snprintf(out, room, "content with cosine %.3f", t->closeness);
	if (!t->a || !t->b || t->a->dtype == t->b->dtype || !t->compared || !t->sums.numel)
		return;
	narrower = st_pair_narrower(t->a->dtype, t->b->dtype) ? t->a->dtype : t->b->dtype;
	if (t->sums.changed == 0)
		snprintf(out + at, room - at, "%sequal values", at ? ", " : "");
	else if (t->cast)
		snprintf(out + at, room - at, "%srounded to %s", at ? ", " : "",
			 st_dtype_info(narrower)->name);
}

static int tell_files_of(struct diff *d, const struct st_tensor_delta *t)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < d->nunit; i++) {
		struct st_dpair *p = &d->unit[i];

		if (!p->told && p->state != ST_PAIR_SAME &&
		    ((t->a && p->a && t->a->path == p->a->path) ||
		     (t->b && p->b && t->b->path == p->b->path)))
			rc = tell_file(d, p);
	}
	return rc;
}

/* Where a tensor is, or would be if it were not gone: its file may still be there. */
static const char *path_of(const struct diff *d, const struct st_tensor_delta *t)
{
	if (t->b)
		return t->b->path;
	for (size_t i = 0; i < d->nunit; i++)
		if (d->unit[i].a && d->unit[i].b && d->unit[i].a->path == t->a->path)
			return d->unit[i].b->path;
	return t->a->path;
}

static int tell_tensor(void *arg, const struct st_tensor_delta *t)
{
	struct diff *d = arg;
	struct shown a, b;
	strata_diff_figures f;
	char note[96];
	strata_diff_entry en = { .path = path_of(d, t),
				 .status = status_word(t->status),
				 .a = show(&a, t->a),
				 .b = show(&b, t->b),
				 .note = note };

	write_note(note, sizeof(note), t);
	if (t->compared) {
		st_figures_fill(&f, &t->sums);
		if (!t->read && t->sums.numel) { /* equal, whatever it is */
			f.rel_l2 = 0;
			f.cosine = 1;
		}
		f.rows = t->rows;
		f.rows_changed = t->rows_changed;
		f.rank = t->rank;
		f.rank_more = t->rank_more;
		f.histogram = d->o->histogram ? t->sums.hist : NULL;
		en.figures = &f;
		en.change_point = f.mad > d->o->epsilon;
		d->total->change_points += en.change_point;
		if (t->sums.changed)
			st_pair_total(&d->moved, &t->sums);
	}
	if (t->status != ST_TENSOR_UNCHANGED && tell_files_of(d, t) != ST_OK)
		return 1;
	return d->h->tensor ? d->h->tensor(d->arg, &en) : 0;
}

/* ---- which tensors ---- */

static bool glob_means(const char *glob, const char *name, size_t len)
{
	size_t n = strlen(glob);

	return (n == len && memcmp(glob, name, n) == 0) || st_glob_match(glob, n, name, len);
}

static bool wanted(void *arg, const char *name, size_t len)
{
	struct diff *d = arg;
	bool any = false;

	for (size_t i = 0; i < d->o->ntensors; i++)
		if (glob_means(d->o->tensors[i], name, len))
			any = d->globs[i] = true;
	return any;
}

/* Every name of both sides: what is asked for may be there and unchanged. */
static void mark_globs(struct diff *d, const struct st_side *s)
{
	for (size_t i = 0; d->o->ntensors && i < s->n; i++)
		(void)wanted(d, s->t[i].name, s->t[i].name_len);
}

static bool globs_done(const struct diff *d)
{
	for (size_t i = 0; i < d->o->ntensors; i++)
		if (!d->globs[i])
			return false;
	return true;
}

/* ---- a unit ---- */

static int open_unit(struct diff *d, bool *model)
{
	int rc = ST_OK;

	*model = false;
	for (size_t i = 0; rc == ST_OK && i < d->nunit; i++) {
		struct st_dpair *p = &d->unit[i];

		if (p->a)
			rc = st_dfile_open(p->a, d->r, d->ctx, d->e);
		if (rc == ST_OK && p->b)
			rc = st_dfile_open(p->b, d->r, d->ctx, d->e);
		*model = *model || (p->a && p->a->model) || (p->b && p->b->model);
	}
	return rc;
}

static void close_unit(struct diff *d)
{
	for (size_t i = 0; i < d->nunit; i++) {
		if (d->unit[i].a)
			st_dfile_close(d->unit[i].a);
		if (d->unit[i].b)
			st_dfile_close(d->unit[i].b);
	}
}

/* What changed meanwhile has figures of nothing, and may look damaged. */
static int judge_unit(struct diff *d, int rc)
{
	struct st_err e = { 0 };
	int now = ST_OK;

	for (size_t i = 0; now == ST_OK && i < d->nunit; i++) {
		if (d->unit[i].a)
			now = st_dfile_unchanged(d->unit[i].a, &e);
		if (now == ST_OK && d->unit[i].b)
			now = st_dfile_unchanged(d->unit[i].b, &e);
	}
	if (now != ST_OK)
		*d->e = e;
	return now != ST_OK ? now : rc;
}

/* What has no structure is told by size and id. */
static int hash_both(struct diff *d, struct st_dpair *p)
{
	int rc = p->a ? st_dfile_hash(p->a, d->ctx, d->e) : ST_OK;

	return rc == ST_OK && p->b ? st_dfile_hash(p->b, d->ctx, d->e) : rc;
}

static int ordinary_pair(struct diff *d, struct st_dpair *p)
{
	bool text,
		link = p->a && p->b && (p->a->mode == ST_MODE_LINK) != (p->b->mode == ST_MODE_LINK);
	int rc = settle(d, p);

	if (rc != ST_OK || p->state == ST_PAIR_SAME)
		return rc;
	if (!d->o->names_only)
		rc = hash_both(d, p);
	if (rc == ST_OK)
		rc = tell_file(d, p);
	if (rc != ST_OK || d->o->names_only || !p->a || !p->b || link)
		return rc;
	d->path = p->b->path;
	d->unit = p;
	d->nunit = 1;
	return st_diff_texts(p->a, p->b, d->r, d->ctx, &text, tell_setting, d, d->e);
}

static int ordinary_unit(struct diff *d)
{
	struct st_dpair *unit = d->unit;
	size_t n = d->nunit;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < n; i++)
		rc = ordinary_pair(d, &unit[i]);
	d->unit = unit;
	d->nunit = n;
	return rc;
}

static int metadata(struct diff *d)
{
	struct st_dfile **a = st_calloc(d->nunit, sizeof(struct st_dfile *), d->e);
	struct st_dfile **b = st_calloc(d->nunit, sizeof(struct st_dfile *), d->e);
	size_t na = 0, nb = 0;
	int rc = a && b ? ST_OK : (int)d->e->code;

	for (size_t i = 0; rc == ST_OK && i < d->nunit; i++) {
		if (d->unit[i].a)
			a[na++] = d->unit[i].a;
		if (d->unit[i].b)
			b[nb++] = d->unit[i].b;
	}
	d->path = nb ? b[0]->path : "";
	if (rc == ST_OK)
		rc = st_diff_metadata(a, na, b, nb, d->ctx, tell_setting, d, d->e);
	free(a);
	free(b);
	return rc;
}

static int side_of(struct diff *d, bool of_a, struct st_diff_side **out)
{
	int rc = st_diff_side_new(out, d->r, d->ctx, d->e);

	for (size_t i = 0; rc == ST_OK && i < d->nunit; i++) {
		struct st_dfile *f = of_a ? d->unit[i].a : d->unit[i].b;

		if (f)
			rc = st_diff_side_add(*out, f, d->e);
	}
	return rc;
}

static void add_total(struct diff *d, const struct st_models_total *t)
{
	strata_diff_total *all = d->total;

	all->added += t->tensors[ST_TENSOR_ADDED];
	all->removed += t->tensors[ST_TENSOR_REMOVED];
	all->changed += t->tensors[ST_TENSOR_CHANGED];
	all->renamed += t->tensors[ST_TENSOR_RENAMED];
	all->reshaped += t->tensors[ST_TENSOR_RESHAPED];
	all->retyped += t->tensors[ST_TENSOR_RETYPED];
	all->unchanged += t->tensors[ST_TENSOR_UNCHANGED];
	all->common += t->common;
	st_pair_total(&d->sums, &t->sums);
}

static int compare_sides(struct diff *d, const struct st_side *a, const struct st_side *b)
{
	const struct st_models_options o = { .all = d->o->all,
					     .histogram = d->o->histogram,
					     .rank = d->o->rank,
					     .rank_max = d->o->rank_max,
					     .wanted = d->o->ntensors ? wanted : NULL,
					     .wanted_arg = d };
	struct st_models_total t = { 0 };
	int rc;

	mark_globs(d, a);
	mark_globs(d, b);
	rc = st_diff_models(a, b, &o, d->ctx, tell_tensor, d, &t, d->e);
	if (rc == ST_OK)
		add_total(d, &t);
	return rc;
}

static int compare_tensors(struct diff *d)
{
	struct st_diff_side *a = NULL, *b = NULL;
	int rc = side_of(d, true, &a);

	if (rc == ST_OK)
		rc = side_of(d, false, &b);
	if (rc == ST_OK)
		rc = compare_sides(d, st_diff_side_get(a), st_diff_side_get(b));
	st_diff_side_free(a);
	st_diff_side_free(b);
	return rc;
}

/* The files, what they say of themselves, their tensors; a pair of which nothing differs so far is
 * read whole last. */
static int model_unit(struct diff *d)
{
	bool tensors_only = d->o->ntensors > 0;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && !tensors_only && i < d->nunit; i++)
		if (d->unit[i].state == ST_PAIR_DIFFERENT)
			rc = tell_file(d, &d->unit[i]);
	if (rc == ST_OK && !tensors_only)
		rc = metadata(d);
	if (rc == ST_OK)
		rc = compare_tensors(d);
	for (size_t i = 0; rc == ST_OK && !tensors_only && i < d->nunit; i++) {
		if (d->unit[i].told)
			continue;
		rc = settle(d, &d->unit[i]);
		if (rc == ST_OK && d->unit[i].state == ST_PAIR_DIFFERENT)
			rc = tell_file(d, &d->unit[i]);
	}
	return rc;
}

/* Both sides are the same: how much there is of it takes no reading. */
static int count_same(struct diff *d)
{
	struct st_diff_side *s = NULL;
	const struct st_side *side;
	struct st_pair_sums equal;
	uint64_t numel;
	bool model;
	int rc = open_unit(d, &model);

	if (rc == ST_OK && model)
		rc = side_of(d, false, &s);
	side = rc == ST_OK && model ? st_diff_side_get(s) : NULL;
	for (size_t i = 0; side && i < side->n; i++) {
		const struct st_operand *t = &side->t[i];

		equal = (struct st_pair_sums){ 0 };
		if (st_pair_numeric(t->dtype) && st_shape_numel(t->shape, t->ndim, &numel))
			equal.numel = st_pair_elements(t->dtype, numel);
		st_pair_total(&d->sums, &equal);
		d->total->unchanged++;
		d->total->common++;
	}
	st_diff_side_free(s);
	close_unit(d);
	return rc;
}

static int compare_unit(struct diff *d)
{
	bool same = true, model;
	int rc;

	for (size_t i = 0; i < d->nunit; i++)
		same = same && d->unit[i].state == ST_PAIR_SAME;
	if (same && !d->o->all) {
		d->whole_left = true;
		return d->o->count_same ? count_same(d) : ST_OK;
	}
	rc = st_check_cancel(d->ctx, d->e);
	if (rc == ST_OK)
		rc = open_unit(d, &model);
	if (rc == ST_OK && model && !d->o->names_only)
		rc = model_unit(d);
	else if (rc == ST_OK && !d->o->ntensors)
		rc = ordinary_unit(d);
	if (rc == ST_OK || rc == ST_ECHANGED || rc == ST_EFORMAT)
		rc = judge_unit(d, rc);
	close_unit(d);
	return rc;
}

/* ---- all of it ---- */

static size_t unit_end(const struct st_dpairs *p, size_t first)
{
	size_t i = first + 1;

	while (i < p->n && strcmp(p->v[i].unit, p->v[first].unit) == 0)
		i++;
	return i;
}

static int mark_file(struct diff *d, struct st_dfile *f)
{
	struct st_diff_side *s = NULL;
	int rc = st_dfile_open(f, d->r, d->ctx, d->e);

	if (rc == ST_OK)
		rc = st_diff_side_new(&s, d->r, d->ctx, d->e);
	if (rc == ST_OK)
		rc = st_diff_side_add(s, f, d->e);
	if (rc == ST_OK)
		mark_globs(d, st_diff_side_get(s));
	st_diff_side_free(s);
	st_dfile_close(f);
	return rc;
}

/* A glob may mean tensors of files that are the same on both sides and were not looked into. */
static int judge_globs(struct diff *d)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && d->whole_left && !globs_done(d) && i < d->pairs.n; i++)
		if (d->pairs.v[i].state == ST_PAIR_SAME)
			rc = mark_file(d, d->pairs.v[i].b);
	for (size_t i = 0; rc == ST_OK && i < d->o->ntensors; i++)
		if (!d->globs[i])
			return st_fail(d->e, ST_ENOTFOUND, "'%s' matches no tensor of either side",
				       d->o->tensors[i]);
	return rc;
}

/* Of pairs that are not known to be the same: what they take if they are read. */
static uint64_t bytes_of(const struct st_dpair *p, size_t n)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		if (p[i].state != ST_PAIR_SAME)
			bytes += (p[i].a ? p[i].a->size : 0) + (p[i].b ? p[i].b->size : 0);
	return bytes;
}

static int compare(struct diff *d)
{
	struct st_dpairs *p = &d->pairs;
	const struct st_ctx *outer = d->ctx;
	size_t end;
	int rc = ST_OK;

	st_meter_init(&d->meter, outer, bytes_of(p->v, p->n));
	d->ctx = &d->meter.ctx;
	for (size_t i = 0; rc == ST_OK && i < p->n; i = end) {
		end = unit_end(p, i);
		d->unit = &p->v[i];
		d->nunit = end - i;
		st_meter_next(&d->meter, bytes_of(d->unit, d->nunit));
		rc = compare_unit(d);
	}
	st_meter_end(&d->meter);
	d->ctx = outer;
	return rc == ST_OK ? judge_globs(d) : rc;
}

static void finish(struct diff *d)
{
	strata_diff_total *t = d->total;

	st_figures_fill(&t->figures, &d->sums);
	/* The norms of what is equal are not known where equal ids spared the reading. */
	t->figures.rel_l2 = d->moved.numel ? st_diff_rel_l2(&d->moved) : d->sums.numel ? 0 : NAN;
	t->figures.cosine = d->moved.numel ? st_diff_cosine(&d->moved) : d->sums.numel ? 1 : NAN;
	t->epsilon = d->o->epsilon;
	t->differs = t->files || t->settings || t->added || t->removed || t->changed ||
		     t->renamed || t->reshaped || t->retyped;
}

static int check_options(const strata_diff_options *o, struct st_err *e)
{
	if (isnan(o->epsilon) || o->epsilon < 0)
		return st_fail(e, ST_EUSAGE, "epsilon is a number of at least 0, not %g",
			       o->epsilon);
	return ST_OK;
}

/* Of "REV:path::name" the "::name", which is as if --tensor said it; *text is then own. */
static int take_name(struct st_repo *r, const char **text, const char **name, char **own,
		     struct st_err *e)
{
	struct st_revspec s;
	size_t n;
	int rc;

	if (!*text || !strstr(*text, "::"))
		return ST_OK;
	rc = st_spec_split(r, *text, true, &s, e);
	if (rc != ST_OK || !s.name)
		return rc;
	if (*name && strcmp(*name, s.name) != 0)
		return st_fail(e, ST_EUSAGE,
			       "'%.150s' and '%.150s': only tensors of one name are compared",
			       *name, s.name);
	*name = s.name;
	n = (size_t)(s.name - *text) - 2;
	*own = n ? st_memdup(*text, n + 1, e) : st_strdup("HEAD", e);
	if (*own && n)
		(*own)[n] = 0;
	*text = *own;
	return e->code;
}

static int take_names(struct st_repo *r, const char *text[2], char *own[2], const char **name,
		      const strata_diff_options *o, struct st_err *e)
{
	int rc = take_name(r, &text[0], name, &own[0], e);

	if (rc == ST_OK)
		rc = take_name(r, &text[1], name, &own[1], e);
	if (rc == ST_OK && *name && o->ntensors)
		rc = st_fail(e, ST_EUSAGE, "'::%.200s' and --tensor both say what to compare",
			     *name);
	if (rc == ST_OK && *name && o->names_only)
		rc = st_fail(e, ST_EUSAGE, "--name-only names files, not tensors as '::%.200s'",
			     *name);
	return rc;
}

static int make_diff(struct diff *d, const char *a, const char *b)
{
	struct st_dlist la = { 0 }, lb = { 0 };
	int rc;

	d->globs = st_calloc(d->o->ntensors, sizeof(*d->globs), d->e);
	if (!d->globs)
		return d->e->code;
	rc = st_diff_operands(d->r, a, b, d->o, &la, &lb, d->e);
	if (rc == ST_OK)
		rc = st_dpairs_make(&d->pairs, &la, &lb, d->r, d->ctx, d->e);
	if (rc == ST_OK)
		rc = compare(d);
	if (rc == ST_OK)
		finish(d);
	st_dpairs_release(&d->pairs);
	st_dlist_release(&la);
	st_dlist_release(&lb);
	free(d->globs);
	return rc;
}

int st_verb_diff(struct st_repo *r, const struct st_ctx *ctx, const char *a, const char *b,
		 const strata_diff_options *o, const strata_diff_handler *h, void *arg,
		 strata_diff_total *total, struct st_err *e)
{
	strata_diff_options with = *o;
	struct diff d = { .r = r, .ctx = ctx, .o = o, .h = h, .arg = arg, .total = total, .e = e };
	const char *text[2] = { a, b }, *name = NULL;
	char *own[2] = { NULL, NULL };
	int rc = check_options(o, e);

	*total = (strata_diff_total){ 0 };
	if (rc == ST_OK && r)
		rc = st_repo_refresh_to_read(r, e);
	if (rc == ST_OK)
		rc = take_names(r, text, own, &name, o, e);
	if (name) {
		with.tensors = &name;
		with.ntensors = 1;
		d.o = &with;
	}
	if (rc == ST_OK)
		rc = make_diff(&d, text[0], text[1]);
	free(own[0]);
	free(own[1]);
	if (rc == ST_ENO && e->code == ST_ENO)
		st_err_clear(e); /* the callback stopped it, which has no message */
	return rc == ST_ENO && e->code != ST_OK ? (int)e->code : rc;
}

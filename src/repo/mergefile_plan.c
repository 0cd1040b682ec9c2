/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where each tensor of a merge of plain files comes from. With a base: unchanged, changed on one
 * side or the same everywhere settles it; only what several changed asks for a method. Without one,
 * every tensor does.
 */
#include "repo/mergefile_plan.h"

#include "diff/pair.h"
#include "repo/fisher.h"
#include "tensor/quote.h"

#include <math.h>

#define NAMED 8 /* tensors that an error lists */

enum change {
	ABSENT,
	SAME, /* as the base has it */
	CHANGED,
};

struct planning {
	struct st_mf_merge *m;
	struct st_mf_plan *p;
	const char *name;
	size_t len;
	size_t *at;	     /* of each model: the tensor's number, or ST_MF_NONE */
	enum change *change; /* with a base */
	size_t base;	     /* in the base */
	const struct st_spec *spec;
	struct st_mf_layers layers;
	size_t settled[ST_MF_OUTCOMES];
};

static const struct st_operand *operand(const struct planning *g, size_t k)
{
	return &g->m->models[k].side->t[g->at[k]];
}

static int tell(struct planning *g, enum st_mf_outcome what, size_t from, const char *conflict,
		struct st_err *e)
{
	const struct st_mf_told t = { .name = g->name,
				      .name_len = g->len,
				      .outcome = what,
				      .from = from,
				      .conflict = conflict,
				      .spec = what == ST_MF_BLEND ? g->spec : NULL };

	g->settled[what]++;
	return g->m->tell(g->m->arg, &t, e);
}

/* ---- outcomes ---- */

/* The file of ours that has its tensor i, else the last. */
static size_t file_of(const struct st_mf_model *ours, size_t i)
{
	size_t f = ours->nfiles - 1;

	while (i != ST_MF_NONE && f > 0 && ours->first[f] > i)
		f--;
	return f;
}

/* The name that its file has, which may lack the "#2" of a second shard. */
static void name_in_file(struct st_mf_out *t, const struct st_mf_model *m, size_t i)
{
	const struct st_tensor *in = &m->files[t->file].plain.layout.tensors[i - m->first[t->file]];

	t->name = in->name;
	t->name_len = in->name_len;
}

static struct st_mf_out *add(struct planning *g, const struct st_operand *as, struct st_err *e)
{
	struct st_mf_out *t = st_mf_plan_add(g->p, e);

	if (!t)
		return NULL;
	t->name = g->name;
	t->name_len = g->len;
	t->dtype = as->dtype;
	t->ndim = as->ndim;
	t->shape = as->shape;
	t->file = file_of(&g->m->models[0], g->at[0]);
	if (g->at[0] != ST_MF_NONE)
		name_in_file(t, &g->m->models[0], g->at[0]);
	return t;
}

static int copy_of(struct planning *g, const struct st_mf_model *m, size_t i, struct st_mf_out *t,
		   struct st_err *e)
{
	struct st_mf_ref *r = st_arena_alloc(&g->p->arena, sizeof(*r), e);

	if (!r)
		return e->code;
	*r = (struct st_mf_ref){ m, i };
	t->in = r;
	t->nin = 1;
	return ST_OK;
}

/* As model k has it, which may be that it has not. */
static int take(struct planning *g, size_t k, struct st_err *e)
{
	struct st_mf_out *t;

	if (g->at[k] == ST_MF_NONE)
		return tell(g, ST_MF_GONE, k, NULL, e);
	t = add(g, operand(g, k), e);
	if (!t)
		return e->code;
	t->keep = k == 0;
	if (copy_of(g, &g->m->models[k], g->at[k], t, e) != ST_OK)
		return e->code;
	return tell(g, k ? ST_MF_TAKEN : ST_MF_KEPT, k, NULL, e);
}

static int take_base(struct planning *g, struct st_err *e)
{
	struct st_mf_out *t;

	if (g->base == ST_MF_NONE)
		return tell(g, ST_MF_GONE, ST_MF_NONE, NULL, e);
	t = add(g, &g->m->base->side->t[g->base], e);
	if (!t || copy_of(g, g->m->base, g->base, t, e) != ST_OK)
		return e->code;
	return tell(g, ST_MF_TAKEN, ST_MF_NONE, NULL, e);
}

static const char *method_name(const struct st_spec *s)
{
	struct st_method_info info;

	st_method_of(s, &info);
	return info.name;
}

/* The Fisher diagonals that belong to the tensor. */
static int add_fisher(struct planning *g, struct st_mf_out *t, struct st_err *e)
{
	struct st_mf_ref *r = st_arena_alloc(&g->p->arena, g->m->nfisher * sizeof(*r), e);
	int rc = r ? ST_OK : (int)e->code;

	for (size_t k = 0; rc == ST_OK && k < g->m->nfisher; k++) {
		struct st_mf_model *f = &g->m->fisher[k];
		const size_t i = st_mf_find(f, g->name, g->len);

		r[k] = (struct st_mf_ref){ f, i };
		rc = st_fisher_fits(f->text, i == ST_MF_NONE ? NULL : &f->side->t[i], g->name,
				    g->len, operand(g, k), e);
	}
	if (rc != ST_OK)
		return rc;
	t->extra = r;
	t->nextra = g->m->nfisher;
	return ST_OK;
}

/* The factors that belong to the tensor, and what they are added to. */
static int add_factors(struct planning *g, struct st_mf_out *t, struct st_mf_ref *in,
		       struct st_err *e)
{
	const size_t n = g->m->nadapters;
	struct st_mf_ref *r = st_arena_alloc(&g->p->arena, 2 * n * sizeof(*r), e);
	struct st_blend_factors *how = st_arena_alloc(&g->p->arena, n * sizeof(*how), e);

	if (!r || !how)
		return e->code;
	for (size_t k = 0; k < n; k++) {
		const struct st_mf_adapter *a = &g->m->adapters[k];
		const struct st_adapter_part *p = &a->of.part[g->at[0]];

		r[2 * k] = (struct st_mf_ref){ &a->model, p->a };
		r[2 * k + 1] = (struct st_mf_ref){ &a->model, p->b };
		how[k] = p->how;
		if (p->start != ST_MF_NONE)
			*in = (struct st_mf_ref){ &a->model, p->start };
	}
	t->extra = r;
	t->nextra = 2 * n;
	t->factors = how;
	return ST_OK;
}

static int blend(struct planning *g, struct st_err *e)
{
	struct st_mf_out *t = add(g, operand(g, 0), e);
	struct st_mf_ref *r = st_arena_alloc(&g->p->arena, g->m->nmodels * sizeof(*r), e);

	if (!t || !r)
		return e->code;
	for (size_t k = 0; k < g->m->nmodels; k++)
		r[k] = (struct st_mf_ref){ &g->m->models[k], g->at[k] };
	t->in = r;
	t->nin = g->m->nmodels;
	t->spec = g->spec;
	t->layer = st_mf_layer(&g->layers, g->name, g->len);
	if (g->m->base && g->base != ST_MF_NONE &&
	    st_operand_same_shape(operand(g, 0), &g->m->base->side->t[g->base]))
		t->base = (struct st_mf_ref){ g->m->base, g->base };
	if (st_spec_reads_fisher(g->spec) && add_fisher(g, t, e) != ST_OK)
		return e->code;
	if (strcmp(method_name(g->spec), "lora") == 0 && add_factors(g, t, r, e) != ST_OK)
		return e->code;
	return tell(g, ST_MF_BLEND, 0, NULL, e);
}

/* Has ours it in another type, to which this can be cast? */
static bool casts(const struct planning *g, const struct st_operand *from)
{
	for (size_t k = 0; k < g->m->nmodels; k++)
		if (g->at[k] == ST_MF_NONE || !st_operand_same_shape(from, operand(g, k)))
			return false;
	return from->dtype != operand(g, 0)->dtype;
}

/* Methods that take a whole tensor, whatever its type. */
static int choose(struct planning *g, bool *chosen, struct st_err *e)
{
	const char *name = g->spec ? method_name(g->spec) : "";
	size_t theirs =
		strcmp(name, "theirs") == 0 ? (size_t)st_spec_value(g->spec, "model", 0, NAN) : 0;

	*chosen = true;
	if (strcmp(name, "ours") == 0)
		return take(g, 0, e);
	if (theirs)
		return g->at[theirs] != ST_MF_NONE && casts(g, operand(g, theirs)) ?
			       blend(g, e) :
			       take(g, theirs, e);
	if (strcmp(name, "base") == 0 && g->m->base)
		return g->base != ST_MF_NONE && casts(g, &g->m->base->side->t[g->base]) ?
			       blend(g, e) :
			       take_base(g, e);
	*chosen = false;
	return ST_OK;
}

/* As adapter k has the whole of it, in the model's type. */
static int take_whole(struct planning *g, size_t k, struct st_err *e)
{
	const struct st_mf_adapter *a = &g->m->adapters[k];
	const size_t i = a->of.part[g->at[0]].whole;
	struct st_mf_out *t = add(g, operand(g, 0), e);

	if (!t || copy_of(g, &a->model, i, t, e) != ST_OK)
		return e->code;
	if (a->model.side->t[i].dtype != t->dtype)
		t->spec = g->m->cast;
	return tell(g, ST_MF_TAKEN, g->m->nmodels + k, NULL, e);
}

/* What the adapters have for the tensor: nothing, factors, or one of them the whole of it. */
static int adapt(struct planning *g, struct st_err *e)
{
	size_t has = 0, replaced = 0, whole = ST_MF_NONE;
	struct st_quote q;

	for (size_t k = 0; k < g->m->nadapters; k++) {
		const struct st_adapter_part *p = &g->m->adapters[k].of.part[g->at[0]];

		has += p->a != ST_MF_NONE || p->whole != ST_MF_NONE;
		replaced += p->start != ST_MF_NONE || p->whole != ST_MF_NONE;
		whole = p->whole != ST_MF_NONE ? k : whole;
	}
	if (replaced && has > 1)
		return st_fail(e, ST_EREFUSED,
			       "tensor %s: one adapter replaces it and another one changes it, too",
			       st_quote(&q, g->name, g->len));
	if (whole != ST_MF_NONE)
		return take_whole(g, whole, e);
	return has ? blend(g, e) : take(g, 0, e);
}

/* ---- which ---- */

static int look(struct planning *g, struct st_err *e)
{
	struct st_mf_merge *m = g->m;
	bool equal;
	int rc = ST_OK;

	g->base = m->base ? st_mf_find(m->base, g->name, g->len) : ST_MF_NONE;
	for (size_t k = 0; rc == ST_OK && k < m->nmodels; k++) {
		g->at[k] = st_mf_find(&m->models[k], g->name, g->len);
		g->change[k] = g->at[k] == ST_MF_NONE ? ABSENT : CHANGED;
		if (g->at[k] == ST_MF_NONE || g->base == ST_MF_NONE)
			continue;
		rc = st_mf_equal(g->p->ctx, m->base, g->base, &m->models[k], g->at[k], &equal, e);
		if (rc == ST_OK && equal)
			g->change[k] = SAME;
	}
	return rc;
}

/* Have all that changed it made the same of it? first: one of them. */
static int all_alike(struct planning *g, size_t first, bool *alike, struct st_err *e)
{
	int rc = ST_OK;

	*alike = true;
	for (size_t k = first + 1; rc == ST_OK && *alike && k < g->m->nmodels; k++)
		if (g->change[k] == CHANGED)
			rc = st_mf_equal(g->p->ctx, &g->m->models[first], g->at[first],
					 &g->m->models[k], g->at[k], alike, e);
	return rc;
}

static bool one_shape(const struct planning *g)
{
	for (size_t k = 1; k < g->m->nmodels; k++)
		if (!st_operand_same_shape(operand(g, 0), operand(g, k)))
			return false;
	return g->base == ST_MF_NONE ||
	       st_operand_same_shape(operand(g, 0), &g->m->base->side->t[g->base]);
}

static bool one_type(const struct planning *g)
{
	for (size_t k = 1; k < g->m->nmodels; k++)
		if (operand(g, 0)->dtype != operand(g, k)->dtype)
			return false;
	return true;
}

/* Asked only where it decides, so that a rule knows whether it did. */
static void find_spec(struct planning *g)
{
	g->spec = g->m->rules ? st_rules_find(g->m->rules, NULL, g->name, g->len) : NULL;
}

/* Several changed it, each in its own way. */
static int contested(struct planning *g, size_t absent, struct st_err *e)
{
	struct st_method_info info = { 0 };
	bool chosen;
	int rc;

	find_spec(g);
	rc = choose(g, &chosen, e);
	if (rc != ST_OK || chosen)
		return rc;
	if (g->spec)
		st_method_of(g->spec, &info);
	if (absent)
		return tell(g, ST_MF_CONFLICT, 0,
			    g->base == ST_MF_NONE ? "add/add" : "delete/modify", e);
	if (!one_shape(g))
		return tell(g, ST_MF_CONFLICT, 0, "shape", e);
	if (!g->spec && !one_type(g))
		return tell(g, ST_MF_CONFLICT, 0, "dtype", e);
	if (!g->spec || (g->base == ST_MF_NONE && info.needs_base))
		return tell(g, ST_MF_CONFLICT, 0, g->base == ST_MF_NONE ? "add/add" : "values", e);
	return blend(g, e);
}

static int settle(struct planning *g, struct st_err *e)
{
	size_t changed = 0, absent = 0, first = 0;
	bool alike = true;
	int rc = ST_OK;

	for (size_t k = g->m->nmodels; k-- > 0;) {
		absent += g->change[k] == ABSENT;
		changed += g->change[k] == CHANGED;
		first = g->change[k] == CHANGED ? k : first;
	}
	if (g->base == ST_MF_NONE) {
		rc = all_alike(g, first, &alike, e);
		if (rc == ST_OK && alike)
			return take(g, first, e);
	} else if (!changed) {
		for (size_t k = 0; absent && k < g->m->nmodels; k++)
			if (g->change[k] == ABSENT)
				return tell(g, ST_MF_GONE, k, NULL, e);
		return take(g, 0, e);
	} else if (!absent) {
		rc = changed == 1 ? ST_OK : all_alike(g, first, &alike, e);
		if (rc == ST_OK && alike)
			return take(g, first, e);
	}
	return rc == ST_OK ? contested(g, absent, e) : rc;
}

/* ---- without a base ---- */

/*
 * Is it kept where it is the same in all models? What is no floating-point number often is:
 * positions, flags, counters. Numbers need it only where they may be NaN, whose bits no arithmetic
 * keeps.
 */
static bool kept_if_alike(const struct planning *g)
{
	return !st_mf_is_float(operand(g, 0)->dtype) ||
	       (g->p->allow_nonfinite && g->spec && st_spec_is_mean(g->spec));
}

static int by_method(struct planning *g, struct st_err *e)
{
	bool chosen, alike;
	int rc = choose(g, &chosen, e);

	if (rc != ST_OK || chosen)
		return rc;
	if (g->m->nadapters && g->spec)
		return adapt(g, e);
	if (kept_if_alike(g)) {
		rc = all_alike(g, 0, &alike, e);
		if (rc != ST_OK)
			return rc;
		if (alike)
			return take(g, 0, e);
	}
	return g->spec ? blend(g, e) : tell(g, ST_MF_CONFLICT, 0, "values", e);
}

struct unlike { /* tensors that not all models have, or not in one shape */
	struct st_buf names;
	size_t n;
};

static int note_unlike(struct unlike *u, const struct planning *g, const char *why,
		       struct st_err *e)
{
	struct st_quote q;

	if (u->n++ >= NAMED)
		return ST_OK;
	return st_buf_addf(&u->names, e, "%s%s (%s)", u->n > 1 ? ", " : "",
			   st_quote(&q, g->name, g->len), why);
}

/* ---- all of them ---- */

static int next(struct planning *g, const struct st_operand *t, struct unlike *u, struct st_err *e)
{
	const char *why = NULL;
	int rc;

	g->name = t->name;
	g->len = t->name_len;
	if (g->m->base) {
		rc = look(g, e);
		return rc == ST_OK ? settle(g, e) : rc;
	}
	find_spec(g);
	g->base = ST_MF_NONE;
	for (size_t k = 0; k < g->m->nmodels; k++) {
		g->at[k] = st_mf_find(&g->m->models[k], g->name, g->len);
		g->change[k] = g->at[k] == ST_MF_NONE ? ABSENT : CHANGED;
		if (g->at[k] == ST_MF_NONE)
			why = "not in all";
	}
	if (!why && !one_shape(g))
		why = "of other shape";
	return why ? note_unlike(u, g, why, e) : by_method(g, e);
}

static bool had(const struct planning *g, size_t k, const struct st_operand *t)
{
	for (size_t i = 0; i < k; i++)
		if (st_mf_find(&g->m->models[i], t->name, t->name_len) != ST_MF_NONE)
			return true;
	return false;
}

/* Every name once, in the order of the first model that has it; then what only the base has. */
static int walk(struct planning *g, struct unlike *u, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t k = 0; rc == ST_OK && k < g->m->nmodels; k++) {
		const struct st_side *s = g->m->models[k].side;

		for (size_t i = 0; rc == ST_OK && i < s->n; i++)
			if (!had(g, k, &s->t[i]))
				rc = next(g, &s->t[i], u, e);
	}
	return rc;
}

static int check_unlike(const struct unlike *u, struct st_err *e)
{
	if (!u->n)
		return ST_OK;
	return st_fail(e, ST_EUSAGE, "the models are not of one architecture: %.*s%s",
		       (int)u->names.len, (const char *)u->names.p, u->n > NAMED ? ", ..." : "");
}

static int check_rules(const struct st_rules *r, bool base, struct st_err *e)
{
	for (size_t i = 0; r && i < r->n; i++)
		if (!r->v[i].used)
			return st_fail(
				e, ST_ENOTFOUND,
				"rule '%s' decides about no tensor: its glob matches none%s, "
				"or rules before it match all of those",
				r->v[i].glob, base ? " that several models changed" : "");
	return ST_OK;
}

int st_mf_plan_merge(struct st_mf_plan *p, struct st_mf_merge *m, struct st_err *e)
{
	struct planning g = { .m = m, .p = p, .layers = st_mf_layers_of(&m->models[0]) };
	struct unlike u = { .n = 0 };
	int rc;

	st_buf_init(&u.names, 64 << 10);
	g.at = st_calloc(m->nmodels, sizeof(*g.at), e);
	g.change = st_calloc(m->nmodels, sizeof(*g.change), e);
	rc = e->code;
	if (rc == ST_OK)
		rc = walk(&g, &u, e);
	if (rc == ST_OK)
		rc = check_unlike(&u, e);
	if (rc == ST_OK)
		rc = check_rules(m->rules, m->base != NULL, e);
	memcpy(m->settled, g.settled, sizeof(m->settled));
	free(g.at);
	free(g.change);
	st_buf_release(&u.names);
	return rc;
}

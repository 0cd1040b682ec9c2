/* SPDX-License-Identifier: Apache-2.0 */
/* merge --recipe: which tensors of which models make those of the result. */
#include "base/file.h"
#include "merge/recipe.h"
#include "repo/mergefile.h"
#include "tensor/quote.h"

#include <stdio.h>

#define RECIPE_MAX ((size_t)4 << 20) /* bytes of its text */
#define NO_SOURCE SIZE_MAX

struct run {
	const struct st_ctx *ctx;
	const strata_merge_recipe_options *o;
	struct st_mrecipe r;
	struct st_mf_model *models; /* each path once */
	const struct st_mf_model **all;
	size_t n, cap;
	struct st_mf_plan p;
	struct st_map done; /* names of the result */
	struct st_buf text;
	strata_merge_files_result *res;
	int (*cb)(void *arg, const strata_merged_tensor *t);
	void *arg;
};

/* ---- operands ---- */

static size_t model_at(const struct run *x, const char *path)
{
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->models[i].text, path) == 0)
			return i;
	return ST_MF_NONE;
}

static size_t count_models(const struct run *x)
{
	size_t n = 1;

	for (size_t i = 0; i < x->r.n; i++)
		n += x->r.v[i].n + 1;
	return n;
}

static int open_model(struct run *x, const char *path, struct st_err *e)
{
	int rc;

	if (!path || model_at(x, path) != ST_MF_NONE)
		return ST_OK;
	rc = st_mf_open(&x->models[x->n++], x->ctx, path, e);
	if (rc == ST_ENOTFOUND)
		return st_wrap(e,
			       "%s: a model is a local directory or file; one of a hub is "
			       "downloaded first%s",
			       x->o->recipe,
			       strchr(path, '+') ?
				       ", and one with an adapter behind a + is made by "
				       "'strata merge-file --method lora' first" :
				       "");
	return rc;
}

static int open_models(struct run *x, struct st_err *e)
{
	size_t n = count_models(x);
	int rc;

	x->models = st_calloc(n, sizeof(*x->models), e);
	x->all = st_calloc(n, sizeof(*x->all), e);
	rc = e->code == ST_OK ? open_model(x, x->r.base_model, e) : (int)e->code;
	for (size_t i = 0; rc == ST_OK && i < x->r.n; i++) {
		rc = open_model(x, x->r.v[i].base_model, e);
		for (size_t k = 0; rc == ST_OK && k < x->r.v[i].n; k++)
			rc = open_model(x, x->r.v[i].v[k].model, e);
	}
	for (size_t i = 0; i < x->n; i++)
		x->all[i] = &x->models[i];
	return rc;
}

/* ---- a slice ---- */

struct slice {
	struct run *x;
	size_t i;
	const struct st_mrecipe_slice *s;
	const struct st_mf_model *base; /* NULL: none */
	size_t base_source;		/* NO_SOURCE: it is none of the sources */
	size_t *order;			/* sources that are merged */
	size_t n;
	uint64_t offset, layers; /* this layer of each range; how many there are */
};

/* Which of the base's layers belong to a slice is clear where all its sources have the same. */
static int check_base_layers(const struct slice *g, struct st_err *e)
{
	for (size_t k = 1; g->x->r.layers && g->base_source == NO_SOURCE && k < g->s->n; k++)
		if (g->s->v[k].from != g->s->v[0].from)
			return st_fail(e, ST_EUSAGE,
				       "%s, line %" PRIu32
				       ": sources of a slice have different layers: the "
				       "base_model and its layer_range have to be among them",
				       g->x->o->recipe, g->s->v[k].line);
	return ST_OK;
}

/* As mergekit: a base_model that is none of the models is one more, with what is said of all. */
static bool base_is_one_more(const struct slice *g)
{
	return g->base && g->base_source == NO_SOURCE && !g->x->r.layers;
}

static int choose_order(struct slice *g, struct st_err *e)
{
	const enum st_mrecipe_kind kind = st_mrecipe_kind(&g->x->r);
	const bool all = kind == ST_MRECIPE_ALL || kind == ST_MRECIPE_ONE;

	g->order = st_calloc(g->s->n + 1, sizeof(*g->order), e);
	if (!g->order)
		return e->code;
	if (kind == ST_MRECIPE_PAIR)
		g->order[g->n++] = g->base_source;
	for (size_t k = 0; k < g->s->n; k++)
		if (all || k != g->base_source)
			g->order[g->n++] = k;
	if (all && base_is_one_more(g))
		g->order[g->n++] = NO_SOURCE;
	if ((kind == ST_MRECIPE_PAIR || kind == ST_MRECIPE_DIFF) && !g->base)
		return st_fail(e, ST_EUSAGE, "%s: %s needs a base_model", g->x->o->recipe,
			       g->x->r.method);
	if (kind == ST_MRECIPE_PAIR && g->n != 2)
		return st_fail(e, ST_EUSAGE, "%s: %s takes the base_model and one other model",
			       g->x->o->recipe, g->x->r.method);
	if (kind == ST_MRECIPE_ONE && g->n != 1)
		return st_fail(e, ST_EUSAGE, "%s: %s takes one model a slice", g->x->o->recipe,
			       g->x->r.method);
	if (g->n == 0)
		return st_fail(e, ST_EUSAGE, "%s: no models beside the base_model",
			       g->x->o->recipe);
	return all ? ST_OK : check_base_layers(g, e);
}

static int slice_init(struct slice *g, struct run *x, size_t i, struct st_err *e)
{
	const char *base = x->r.v[i].base_model ? x->r.v[i].base_model : x->r.base_model;

	*g = (struct slice){ .x = x, .i = i, .s = &x->r.v[i], .base_source = NO_SOURCE };
	if (base)
		g->base = &x->models[model_at(x, base)];
	for (size_t k = 0; base && k < g->s->n; k++)
		if (strcmp(g->s->v[k].model, base) == 0)
			g->base_source = k;
	g->layers = g->s->n ? g->s->v[0].to - g->s->v[0].from : 0;
	return choose_order(g, e);
}

static const struct st_mf_model *source_model(const struct slice *g, size_t k)
{
	return k == NO_SOURCE ? g->base : &g->x->models[model_at(g->x, g->s->v[k].model)];
}

/* ---- names ---- */

/* The name with its layer's number replaced; in the arena. */
static char *renumber(struct run *x, const char *name, size_t len, uint64_t from, uint64_t to,
		      struct st_err *e)
{
	char old[32], new[32], *out;
	int n_old = snprintf(old, sizeof(old), ".%" PRIu64 ".", from);
	int n_new = snprintf(new, sizeof(new), ".%" PRIu64 ".", to);
	const char *at = memmem(name, len, old, (size_t)n_old);
	size_t before, after;

	if (!at || from == to)
		return st_arena_dup(&x->p.arena, name, len, e);
	before = (size_t)(at - name);
	after = len - before - (size_t)n_old;
	out = st_arena_alloc(&x->p.arena, before + (size_t)n_new + after + 1, e);
	if (!out)
		return NULL;
	memcpy(out, name, before);
	memcpy(out + before, new, (size_t)n_new);
	memcpy(out + before + (size_t)n_new, at + n_old, after);
	return out;
}

/* Where source k has what the model of source `of` calls name, in this layer. */
static int ref_of(const struct slice *g, size_t k, const char *name, size_t len, uint64_t layer,
		  bool in_layer, struct st_mf_ref *out, struct st_err *e)
{
	const struct st_mf_model *m = source_model(g, k);
	uint64_t own = k == NO_SOURCE || !g->x->r.layers ? layer : g->s->v[k].from + g->offset;
	struct st_quote q;
	char *here = in_layer ? renumber(g->x, name, len, layer, own, e) : NULL;

	if (in_layer && !here)
		return e->code;
	if (!in_layer)
		here = (char *)(uintptr_t)name;
	*out = (struct st_mf_ref){ m, st_mf_find(m, here, in_layer ? strlen(here) : len) };
	if (out->t == ST_MF_NONE)
		return st_fail(e, ST_EUSAGE,
			       "%s has no tensor %s, which other models have: they "
			       "are not of one architecture",
			       m->text, st_quote(&q, here, in_layer ? strlen(here) : len));
	return ST_OK;
}

/* ---- tensors ---- */

static enum st_dtype type_of(const struct st_mrecipe *r, enum st_dtype own)
{
	if (!st_mf_is_float(own) || (!r->has_out && !r->has_dtype))
		return own;
	return r->has_out ? r->out : r->dtype;
}

/* No arithmetic: what is no floating-point number, and a copy of the only source. */
static bool just_copied(const struct slice *g, const struct st_mf_out *t,
			const struct st_operand *own, const char *text)
{
	return !st_mf_is_float(own->dtype) ||
	       (st_mrecipe_kind(&g->x->r) == ST_MRECIPE_ONE && t->dtype == own->dtype &&
		strcmp(text, "linear:normalize=0,weight=1") == 0);
}

static int set_method(struct slice *g, struct st_mf_out *t, const struct st_operand *own, double at,
		      struct st_err *e)
{
	struct run *x = g->x;
	struct st_mrecipe_name *names = st_arena_alloc(&x->p.arena, t->nin * sizeof(*names), e);
	const struct st_mrecipe_at where = { g->i, { t->name, t->name_len }, at, names };
	struct st_spec *spec;
	char *text;
	int rc;

	for (size_t k = 0; names && k < t->nin; k++)
		names[k] = (struct st_mrecipe_name){ t->in[k].model->side->t[t->in[k].t].name,
						     t->in[k].model->side->t[t->in[k].t].name_len };
	if (!names)
		return e->code;
	st_buf_clear(&x->text);
	rc = st_mrecipe_spec(&x->r, &where, g->order, g->n, &x->text, e);
	if (rc != ST_OK)
		return st_wrap(e, "%s", x->o->recipe);
	text = st_buf_cstr(&x->text, e);
	if (!text || just_copied(g, t, own, text))
		return e->code;
	spec = st_arena_alloc(&x->p.arena, sizeof(*spec), e);
	if (!spec)
		return e->code;
	rc = st_spec_parse(spec, &x->p.arena, text, e);
	t->spec = spec;
	return rc == ST_OK ? ST_OK : st_wrap(e, "%s", x->o->recipe);
}

static int check_shapes(const struct st_mf_out *t, struct st_err *e)
{
	struct st_quote q;

	for (size_t i = 0; i <= t->nin; i++) {
		const struct st_mf_ref *r = i < t->nin ? &t->in[i] : &t->base;
		const struct st_operand *o = r->model ? &r->model->side->t[r->t] : NULL;

		if (o && (o->ndim != t->ndim ||
			  (o->ndim && memcmp(o->shape, t->shape, o->ndim * sizeof(*o->shape)))))
			return st_fail(
				e, ST_EUSAGE,
				"tensor %s of %s has another shape than other models give it: "
				"they are not of one architecture",
				st_quote(&q, o->name, o->name_len), r->model->text);
	}
	return ST_OK;
}

static int tell(struct run *x, const struct st_mf_out *t, struct st_err *e)
{
	strata_merged_tensor out = { .name = t->name, .name_len = t->name_len };

	out.outcome = t->spec ? "merged" : "taken";
	if (t->spec)
		x->res->merged++;
	else
		x->res->taken++;
	out.from = t->spec ? NULL : t->in[0].model->text;
	return st_mf_tell(x->cb, x->arg, &out, t->spec, &x->text, e);
}

/* name as the first merged source has it; layer: of that name */
static int add(struct slice *g, const struct st_operand *own, bool in_layer, uint64_t layer,
	       uint64_t out_layer, double at, struct st_err *e)
{
	struct run *x = g->x;
	struct st_mf_ref *in = st_arena_alloc(&x->p.arena, g->n * sizeof(*in), e);
	struct st_mf_out *t = st_mf_plan_add(&x->p, e);
	bool had;
	int rc = in && t ? ST_OK : (int)e->code;

	for (size_t k = 0; rc == ST_OK && k < g->n; k++)
		rc = ref_of(g, g->order[k], own->name, own->name_len, layer, in_layer, &in[k], e);
	if (rc != ST_OK)
		return rc;
	t->name = in_layer && x->r.layers ?
			  renumber(x, own->name, own->name_len, layer, out_layer, e) :
			  own->name;
	if (!t->name)
		return e->code;
	t->name_len = in_layer && x->r.layers ? strlen(t->name) : own->name_len;
	t->ndim = own->ndim;
	t->shape = own->shape;
	t->dtype = type_of(&x->r, own->dtype);
	t->in = in;
	t->nin = g->n;
	rc = st_map_put(&x->done, t->name, t->name_len, 1, &had, NULL, e);
	if (rc == ST_OK && had)
		return st_fail(e, ST_EFORMAT, "%s: two slices make one tensor %s", x->o->recipe,
			       t->name);
	if (rc == ST_OK && st_mrecipe_kind(&x->r) == ST_MRECIPE_DIFF)
		rc = ref_of(g, g->base_source, own->name, own->name_len, layer, in_layer, &t->base,
			    e);
	if (rc == ST_OK)
		rc = check_shapes(t, e);
	if (rc == ST_OK)
		rc = set_method(g, t, own, at, e);
	return rc == ST_OK ? tell(x, t, e) : rc;
}

static double place(uint64_t layer, uint64_t layers)
{
	return layers > 1 ? (double)layer / (double)(layers - 1) : 1;
}

/* ---- whole models ---- */

static const struct st_mf_model *reference(const struct slice *g)
{
	return g->base ? g->base : source_model(g, g->order[0]);
}

static int plan_whole(struct slice *g, struct st_err *e)
{
	const struct st_mf_model *m = reference(g);
	struct st_mf_layers l = st_mf_layers_of(m);
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < m->side->n; i++) {
		const struct st_operand *own = &m->side->t[i];
		uint64_t k = 0;
		bool in = st_layer_of(own->name, own->name_len, &k);

		rc = add(g, own, in, k, k, in ? place(k, l.high + 1) : 0, e);
		if (rc == ST_OK)
			for (size_t f = 0; f < m->nfiles; f++)
				if (m->first[f] <= i)
					g->x->p.v[g->x->p.n - 1].file = f;
	}
	return rc;
}

/* ---- layers put together ---- */

/* What has no layer comes before all of them, or behind. */
static bool comes_first(const struct st_operand *t)
{
	return memmem(t->name, t->name_len, "embed", 5) || memmem(t->name, t->name_len, "wte", 3) ||
	       memmem(t->name, t->name_len, "wpe", 3);
}

static int plan_rest(struct slice *g, bool first, struct st_err *e)
{
	const struct st_mf_model *m = source_model(g, g->order[0]);
	uint64_t k;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < m->side->n; i++)
		if (!st_layer_of(m->side->t[i].name, m->side->t[i].name_len, &k) &&
		    comes_first(&m->side->t[i]) == first)
			rc = add(g, &m->side->t[i], false, 0, 0, 0, e);
	return rc;
}

static int plan_layer(struct slice *g, uint64_t out_layer, struct st_err *e)
{
	const struct st_mf_model *m = source_model(g, g->order[0]);
	uint64_t layer = g->s->v[g->order[0] == NO_SOURCE ? 0 : g->order[0]].from + g->offset, k;
	bool any = false;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < m->side->n; i++)
		if (st_layer_of(m->side->t[i].name, m->side->t[i].name_len, &k) && k == layer) {
			any = true;
			rc = add(g, &m->side->t[i], true, layer, out_layer,
				 place(g->offset, g->layers), e);
		}
	if (rc == ST_OK && !any)
		rc = st_fail(e, ST_EUSAGE, "%s has no layer %" PRIu64 ", which %s asks for",
			     m->text, layer, g->x->o->recipe);
	return rc;
}

static int plan_slices(struct run *x, struct st_err *e)
{
	uint64_t out_layer = 0;
	struct slice g;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < x->r.n; i++) {
		rc = slice_init(&g, x, i, e);
		if (rc == ST_OK && i == 0)
			rc = plan_rest(&g, true, e);
		for (g.offset = 0; rc == ST_OK && g.offset < g.layers; g.offset++)
			rc = plan_layer(&g, out_layer++, e);
		if (rc == ST_OK && i + 1 == x->r.n)
			rc = plan_rest(&g, false, e);
		free(g.order);
	}
	x->p.single = true;
	x->p.layers = out_layer;
	return rc;
}

/* A seed was meant to do something. */
static int check_seed(const struct run *x, struct st_err *e)
{
	struct st_method_info info;

	for (size_t i = 0; i < x->p.n; i++) {
		if (!x->p.v[i].spec)
			continue;
		st_method_of(x->p.v[i].spec, &info);
		if (info.random)
			return ST_OK;
	}
	return st_fail(e, ST_EUSAGE, "--seed wants a method that draws random numbers, not %s",
		       x->r.method);
}

static int plan(struct run *x, struct st_err *e)
{
	struct slice g;
	int rc;

	x->p.models = x->all;
	x->p.nmodels = x->n;
	x->p.dtype = st_mrecipe_dtype(&x->r);
	if (x->r.layers) {
		x->p.container = &x->models[0];
		return plan_slices(x, e);
	}
	rc = slice_init(&g, x, 0, e);
	if (rc == ST_OK) {
		x->p.container = reference(&g);
		rc = plan_whole(&g, e);
	}
	free(g.order);
	return rc;
}

/* ---- all ---- */

static int read_recipe(struct run *x, struct st_err *e)
{
	struct st_buf b;
	int rc;

	st_buf_init(&b, RECIPE_MAX);
	rc = st_file_slurp(&b, x->o->recipe, e);
	if (rc != ST_OK)
		rc = st_err_named_path(e);
	else
		rc = st_mrecipe_parse(&x->r, b.p, b.len, x->o->recipe, e);
	st_buf_release(&b);
	return rc;
}

int st_verb_merge_recipe(const struct st_ctx *ctx, const strata_merge_recipe_options *o,
			 int (*cb)(void *arg, const strata_merged_tensor *t), void *arg,
			 strata_merge_files_result *res, struct st_err *e)
{
	struct run x = { .ctx = ctx, .o = o, .res = res, .cb = cb, .arg = arg };
	int rc;

	*res = (strata_merge_files_result){ 0 };
	st_mf_plan_init(&x.p, ctx);
	st_map_init(&x.done);
	st_buf_init(&x.text, 64 << 10);
	x.p.seed = o->seed;
	x.p.allow_nonfinite = o->allow_nonfinite;
	rc = read_recipe(&x, e);
	if (rc == ST_OK)
		rc = open_models(&x, e);
	if (rc == ST_OK)
		rc = plan(&x, e);
	if (rc == ST_OK && o->seed)
		rc = check_seed(&x, e);
	if (rc == ST_OK)
		rc = st_mf_write(&x.p, o->out, &res->bytes, e);
	for (size_t i = 0; i < x.n; i++)
		st_mf_close(&x.models[i]);
	free(x.models);
	free(x.all);
	st_mf_plan_release(&x.p);
	st_map_release(&x.done);
	st_buf_release(&x.text);
	st_mrecipe_release(&x.r);
	return rc;
}

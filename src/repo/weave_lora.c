/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What method lora adds to ours's tensors of a model: of each other side that changed one the
 * product of the factors in its adapter, which lies beside the model in the side's own version, as
 * PEFT writes it, and calls them as that does. So the versions that are merged say all that it
 * takes to make the merge over.
 */
#include "repo/weave_model.h"

#include "diff/pair.h"
#include "tensor/quote.h"

#include <math.h>
#include <stdio.h>

#define PIECE ((size_t)4096)   /* elements that are compared at a time */
#define ELSE (1.0 / (64 * 64)) /* of what an adapter adds, squared: more is something else */

/* ---- the files ---- */

static const struct st_stage_row *beside(const struct st_weaving *k, size_t i, const char *file)
{
	const char *model = k->parts[i].v[0].path;

	return st_weave_beside(&k->f.w->sides[i], model,
			       (size_t)(st_weave_file_name(model) - model), file);
}

static int read_config(struct st_weaving *k, size_t i, struct st_err *e)
{
	const struct st_stage_row *row = beside(k, i, ST_ADAPTER_CONFIG);
	struct st_adapter *a = &k->adapter[i].of;
	char side[ST_SIDE_TEXT];
	struct st_buf text;
	bool has;
	int rc;

	st_buf_init(&text, ST_ADAPTER_CONFIG_MAX);
	rc = st_weave_slurp_text(k->f.w, row, &text, &has, e);
	if (rc == ST_OK && !has)
		rc = st_fail(e, ST_EUSAGE,
			     "%s has no " ST_ADAPTER_CONFIG " beside it, which says how much of it "
			     "to add (lora_alpha): commit it there",
			     a->name);
	if (rc == ST_OK && st_adapter_config_parse(&a->config, text.p, text.len, e) != ST_OK)
		rc = st_wrap(e, "'%s' of %s", row->path, st_weave_side_text(i, side));
	st_buf_release(&text);
	return rc;
}

static int open_files(struct st_weaving *k, size_t i, struct st_err *e)
{
	const char *model = k->parts[i].v[0].path;
	struct st_weaving_adapter *x = &k->adapter[i];
	const struct st_stage_row *row = beside(k, i, ST_ADAPTER_FILE);
	char side[ST_SIDE_TEXT];
	int rc;

	if (!row)
		row = beside(k, i, ST_ADAPTER_PICKLED);
	if (!row)
		return st_fail(e, ST_EUSAGE,
			       "%s has no '%.*s" ST_ADAPTER_FILE "', which method lora adds: "
			       "commit it there beside the model, with its " ST_ADAPTER_CONFIG
			       ", or use 'strata merge-file --adapter'",
			       st_weave_side_text(i, side),
			       (int)(st_weave_file_name(model) - model), model);
	x->of.name = st_weave_label(k->f.w, i, row->path, e);
	rc = e->code;
	if (rc == ST_OK)
		rc = st_parts_open(k->f.w->r, &row, 1, &x->parts, e);
	if (rc == ST_OK && !x->parts.v[0].model)
		rc = st_fail(e, ST_EUSAGE, "%s, which method lora adds, has no tensors",
			     x->of.name);
	if (rc == ST_OK)
		x->of.side = st_diff_side_get(x->parts.side);
	return rc == ST_OK ? read_config(k, i, e) : rc;
}

/* An adapter is of a model, of which a file may be one of several that are woven one by one. */
static int find_model(struct st_weaving *k, size_t i, const struct st_side **model,
		      struct st_err *e)
{
	const struct st_weave_unit *u =
		k->f.unit ? NULL : st_weave_unit_with(k->f.w, k->parts[i].v[0].path);
	struct st_parts *all = &k->adapter[i].model;
	const bool more = u && u->side[i].n;
	int rc = more ? st_parts_open(k->f.w->r, u->side[i].rows, u->side[i].n, all, e) : ST_OK;

	if (rc == ST_OK)
		*model = more ? st_diff_side_get(all->side) : st_weaving_side(k, i);
	return rc;
}

static void close_adapter(struct st_weaving_adapter *x)
{
	st_adapter_release(&x->of);
	st_parts_close(&x->parts);
	st_parts_close(&x->model);
	st_map_release(&x->names);
	*x = (struct st_weaving_adapter){ .open = false };
}

static int open_adapter(struct st_weaving *k, size_t i, struct st_err *e)
{
	struct st_weaving_adapter *x = &k->adapter[i];
	const struct st_side *model = NULL;
	int rc;

	if (x->open)
		return ST_OK;
	st_adapter_init(&x->of);
	st_map_init(&x->names);
	rc = open_files(k, i, e);
	if (rc == ST_OK)
		rc = find_model(k, i, &model, e);
	if (rc == ST_OK)
		rc = st_side_names(&x->names, model, e);
	if (rc == ST_OK)
		rc = st_adapter_fit(&x->of, model, &x->names, e);
	x->open = rc == ST_OK;
	if (rc != ST_OK)
		close_adapter(x);
	return rc;
}

void st_weaving_lora_close(struct st_weaving *k)
{
	for (size_t i = 0; i < ST_THREE_SIDES; i++)
		close_adapter(&k->adapter[i]);
}

/* ---- one tensor ---- */

static int find(struct st_weaving *k, size_t i, const struct st_operand *of,
		const struct st_adapter_part **out, struct st_err *e)
{
	uint64_t at;
	int rc = open_adapter(k, i, e);

	*out = NULL;
	if (rc == ST_OK && st_map_get(&k->adapter[i].names, of->name, of->name_len, &at))
		*out = &k->adapter[i].of.part[at];
	return rc;
}

static const char *left(const struct st_adapter_part *p)
{
	if (p && p->whole != ST_MF_NONE)
		return "an adapter has the whole of it, which would take the place of ours";
	if (p && p->start != ST_MF_NONE)
		return "an adapter has what its factors are added to, which would take the place "
		       "of ours";
	return !p || p->a == ST_MF_NONE ? "an adapter has no factors for it" : NULL;
}

bool st_weaving_adds(const struct st_fate *f, size_t i)
{
	bool adds = f->sides[i] && !st_weaving_unchanged(f->base, f->sides[i]);

	for (size_t o = 0; adds && o < i; o++)
		adds = !st_weaving_unchanged(f->sides[o], f->sides[i]);
	return adds;
}

/* Or nothing that could have been added to, on the other sides. */
static const char *nothing_to_add_to(const struct st_fate *f)
{
	if (!f->base || st_oid_is_zero(&f->base->id))
		return "there is no base of it";
	if (f->rows || !f->sides[0] || !st_operand_same_shape(f->base, f->sides[0]))
		return "a side has other rows, or another shape";
	return st_mf_is_float(f->sides[0]->dtype) && st_mf_is_float(f->base->dtype) ?
		       NULL :
		       "it is quantised, or no floating-point number";
}

int st_weaving_adapts(struct st_weaving *k, const struct st_fate *f, const char **why,
		      struct st_err *e)
{
	const struct st_adapter_part *p;
	int rc = ST_OK;

	*why = nothing_to_add_to(f);
	for (size_t i = 1; rc == ST_OK && !*why && i < k->f.w->n; i++) {
		if (!st_weaving_adds(f, i))
			continue;
		rc = find(k, i, f->sides[i], &p, e);
		if (rc == ST_OK)
			*why = left(p);
	}
	return rc;
}

/* ---- is it what the side did? ---- */

struct comparing {
	struct st_source was, is; /* the base's tensor, the side's */
	enum st_dtype was_type, is_type;
	uint64_t at;	 /* elements that were compared */
	double rounding; /* of the side's type, relative, */
	double least;	 /* and at least */
	double *v;	 /* room for two pieces */
	uint8_t *raw;
	double added, others; /* squares, summed up */
};

static double rounding(enum st_dtype t)
{
	switch (t) {
	case ST_BF16:
		return 0x1p-8;
	case ST_F16:
		return 0x1p-11;
	case ST_F32:
		return 0x1p-24;
	default:
		return 0x1p-53;
	}
}

static int load(const struct st_source *src, enum st_dtype t, uint64_t at, size_t n, uint8_t *raw,
		double *out, struct st_err *e)
{
	const size_t size = st_dtype_info(t)->bits / 8;
	int rc = st_source_read(src, raw, n * size, at * size, e);

	if (rc == ST_OK)
		st_pair_load(out, t, raw, n);
	return rc;
}

/* with: what the adapter makes of the base's elements. The product may have been rounded, scaled
 * and added in the model's type: what that leaves is no other change. */
static int compare_piece(struct comparing *x, const uint8_t *with, size_t n, struct st_err *e)
{
	double *was = x->v, *is = x->v + PIECE, sum, product, other;
	int rc = load(&x->was, x->was_type, x->at, n, x->raw, was, e);

	if (rc == ST_OK)
		rc = load(&x->is, x->is_type, x->at, n, x->raw, is, e);
	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		memcpy(&sum, with + i * sizeof(sum), sizeof(sum));
		product = sum - was[i];
		if (!isfinite(product) || !isfinite(is[i]))
			continue;
		other = fabs(is[i] - sum) - x->rounding * (fabs(is[i]) + 4 * fabs(product)) -
			x->least;
		x->added += product * product;
		x->others += other > 0 ? other * other : 0;
	}
	x->at += n;
	return rc;
}

static int compare(void *arg, const void *p, size_t n, struct st_err *e)
{
	const uint8_t *with = p;
	int rc = ST_OK;

	for (size_t m; rc == ST_OK && n; with += m * sizeof(double), n -= m * sizeof(double)) {
		m = n / sizeof(double) < PIECE ? n / sizeof(double) : PIECE;
		rc = compare_piece(arg, with, m, e);
	}
	return rc;
}

static int open_one(const struct st_thread_extra *x, struct st_source *src, struct st_err *e)
{
	return x->side->open(x->side->arg, (size_t)(x->op - x->side->t), src, e);
}

/* The base with the pair of factors, against the side. */
static int run(struct st_weaving *k, struct comparing *x, const struct st_operand *base,
	       const struct st_thread_extra *pair, const struct st_blend_factors *how,
	       const struct st_spec *spec, struct st_err *e)
{
	const struct st_blend_input was = { &x->was, x->was_type, "base" };
	struct st_source src[2];
	const struct st_blend_input in[2] = { { &src[0], pair[0].op->dtype, pair[0].label },
					      { &src[1], pair[1].op->dtype, pair[1].label } };
	const struct st_blend b = { .name = base->name,
				    .name_len = base->name_len,
				    .dtype = ST_F64,
				    .ndim = base->ndim,
				    .shape = base->shape,
				    .models = &was,
				    .nmodels = 1,
				    .spec = spec,
				    .layer = NAN,
				    .allow_nonfinite = true,
				    .extra = in,
				    .nextra = 2,
				    .factors = how };
	int rc = open_one(&pair[0], &src[0], e);

	if (rc != ST_OK)
		return rc;
	rc = open_one(&pair[1], &src[1], e);
	if (rc == ST_OK) {
		rc = st_blend_run(&b, &k->f.w->r->ctx, compare, x, e);
		st_source_close(&src[1]);
	}
	st_source_close(&src[0]);
	return rc;
}

static int open_tensors(struct st_weaving *k, struct comparing *x, const struct st_fate *f,
			size_t i, struct st_err *e)
{
	const struct st_thread_extra was = { .side = st_diff_side_get(k->f.base), .op = f->base };
	const struct st_thread_extra is = { .side = st_weaving_side(k, i), .op = f->sides[i] };
	int rc = open_one(&was, &x->was, e);

	if (rc != ST_OK)
		return rc;
	rc = open_one(&is, &x->is, e);
	if (rc != ST_OK)
		st_source_close(&x->was);
	return rc;
}

/* Is the base's tensor with the product the side's? Else what came to ours would be less than the
 * side did, or more, and nobody would merge the rest any more. */
static int check(struct st_weaving *k, const struct st_fate *f, size_t i,
		 const struct st_thread_extra *pair, const struct st_blend_factors *how,
		 const struct st_spec *as, struct st_err *e)
{
	const enum st_dtype type = f->sides[i]->dtype;
	struct comparing x = { .was_type = f->base->dtype,
			       .is_type = type,
			       .rounding = rounding(type),
			       .least = type == ST_F16 ? 0x1p-25 : 0,
			       .v = st_malloc(2 * PIECE * sizeof(double), e),
			       .raw = st_malloc(PIECE * sizeof(double), e) };
	const struct st_spec spec = { .method = as->method }; /* all of it */
	char side[ST_SIDE_TEXT];
	struct st_quote q;
	int rc = x.v && x.raw ? open_tensors(k, &x, f, i, e) : (int)e->code;

	if (rc == ST_OK) {
		rc = run(k, &x, f->base, pair, how, &spec, e);
		st_source_close(&x.is);
		st_source_close(&x.was);
	}
	free(x.v);
	free(x.raw);
	if (rc != ST_OK || x.others <= x.added * ELSE)
		return rc;
	return st_fail(e, ST_EREFUSED,
		       "tensor %s: what %s made of the base's is not what %s adds: method lora "
		       "would lose the difference; another method, as task-arithmetic, takes "
		       "all that it did",
		       st_quote(&q, f->name, f->len), st_weave_side_text(i, side), pair->label);
}

/* ---- what is added ---- */

int st_weaving_adapt(struct st_weaving *k, const struct st_fate *f, struct st_thread *t,
		     struct st_err *e)
{
	const size_t n = k->f.w->n;
	struct st_thread_extra *x;
	struct st_blend_factors *how;
	int rc = ST_OK;

	if (t->from.how != ST_HOW_METHOD || !st_spec_reads_adapters(&t->from.spec))
		return ST_OK;
	x = st_arena_alloc(&k->f.w->arena, 2 * n * sizeof(*x), e);
	how = st_arena_alloc(&k->f.w->arena, n * sizeof(*how), e);
	if (!x || !how)
		return e->code;
	t->extra = x;
	t->factors = how;
	t->base = NULL;
	for (size_t i = 1; rc == ST_OK && i < n; i++) {
		const struct st_adapter *a = &k->adapter[i].of;
		const struct st_adapter_part *p;

		if (!t->in[i])
			continue;
		rc = find(k, i, t->in[i], &p, e);
		if (rc != ST_OK)
			return rc;
		ST_BUG_ON(left(p) != NULL);
		x[t->nextra] = (struct st_thread_extra){ a->side, &a->side->t[p->a], a->name };
		x[t->nextra + 1] = (struct st_thread_extra){ a->side, &a->side->t[p->b], a->name };
		how[t->nextra / 2] = p->how;
		if (k->f.w->t) /* what is made over was asked when it was made */
			rc = check(k, f, i, &x[t->nextra], &p->how, &t->from.spec, e);
		t->nextra += 2;
		t->in[i] = NULL;
	}
	return rc;
}

void st_weaving_say_left(const struct st_weaving *k, const char *path)
{
	const struct st_weaving_left *x = &k->left;
	char more[64] = "";
	struct st_quote q;

	if (!x->n)
		return;
	if (x->n > 1)
		snprintf(more, sizeof(more), " and %zu more", x->n - 1);
	st_warn(&k->f.w->r->ctx, "'%s': method lora leaves tensor %s%s to be decided: %s", path,
		st_quote(&q, x->name, x->len), more, x->why);
}

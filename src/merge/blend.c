/* SPDX-License-Identifier: Apache-2.0 */
/* A method is chosen, checked and run; its last pass (blend_pass.c) gives the rounded elements. */
#include "merge/blend.h"

#include <math.h>

#include "diff/pair_kernel.h"
#include "merge/hold.h"
#include "merge/method.h"
#include "merge/round.h"

#define BLOCK ST_BLEND_BLOCK
#define COPY_SIZE ((size_t)1 << 20)

bool st_blend_level_supported(enum st_blend_level l)
{
	return l == ST_BLEND_PORTABLE || st_pair_level_supported(ST_PAIR_AVX2);
}

double st_job_param(const struct st_job *j, const char *name, size_t model)
{
	return st_spec_value(j->b->spec, name, model, j->b->layer);
}

static int named(const struct st_job *j, struct st_err *e)
{
	return st_wrap(e, "tensor '%.*s'", (int)(j->b->name_len < 200 ? j->b->name_len : 200),
		       j->b->name);
}

/* ---- the last pass ---- */

struct output {
	st_blend_sink sink;
	void *arg;
	size_t bits;
};

/* The first element that the type cannot hold; k->n: there is none. */
static size_t find_bad(const struct st_job *j, const struct st_block *k)
{
	const enum st_dtype t = j->b->dtype;
	size_t bad;

	if (j->b->allow_nonfinite && !j->casts)
		return k->n;
	bad = st_round_overflow(t, k->out, k->n);
	while (j->casts && bad < k->n && !isfinite(k->out[bad]) && st_round_is_float(t)) {
		bad++;
		bad += st_round_overflow(t, k->out + bad, k->n - bad);
	}
	return bad;
}

static int apply_block(const struct st_job *j, const struct st_block *k, const struct st_pass *p,
		       void *result, void *own, struct st_err *e)
{
	size_t bad;

	(void)p;
	(void)own;
	j->method->block[j->level](j, k);
	bad = find_bad(j, k);
	if (bad < k->n)
		return st_fail(e, ST_EREFUSED,
			       "element %" PRIu64 " becomes %g, which %s cannot hold", k->at + bad,
			       k->out[bad], st_dtype_info(j->b->dtype)->name);
	if (j->level == ST_BLEND_PORTABLE)
		st_round_store_portable(result, j->b->dtype, k->out, k->n);
	else
		st_round_store(result, j->b->dtype, k->out, k->n);
	return ST_OK;
}

static bool apply_codes(const struct st_job *j, const struct st_codes *k, const struct st_pass *p,
			void *result, void *own)
{
	(void)p;
	(void)own;
	return j->method->codes(j, k, result);
}

static int hand_out(const struct st_job *j, const struct st_pass *p, uint64_t at, size_t n,
		    const void *result, struct st_err *e)
{
	const struct output *o = p->arg;

	(void)j;
	(void)at;
	return o->sink(o->arg, result, n * o->bits / 8, e);
}

static int apply(struct st_job *j, st_blend_sink to, void *arg, struct st_err *e)
{
	struct output o = { to, arg, 0 };
	struct st_pass p = { .block = apply_block, .fold = hand_out, .arg = &o };
	struct st_pair_loader l;

	st_pair_loader_init(&l, j->b->dtype);
	o.bits = st_dtype_info(l.t)->bits;
	p.per_number = o.bits / 8;
	if (j->method->codes && j->b->dtype == ST_BF16)
		p.codes = apply_codes;
	return st_job_pass(j, &p, e);
}

/* ---- inputs that are the result ---- */

static int copy(const struct st_job *j, const struct st_blend_input *in, st_blend_sink to,
		void *arg, struct st_err *e)
{
	uint8_t *buf = st_malloc(COPY_SIZE, e);
	int rc = buf ? ST_OK : e->code;
	size_t n;

	for (uint64_t at = 0; at < in->src->size && rc == ST_OK; at += n) {
		n = in->src->size - at < COPY_SIZE ? (size_t)(in->src->size - at) : COPY_SIZE;
		rc = st_check_cancel(j->ctx, e);
		if (rc == ST_OK)
			rc = st_source_read(in->src, buf, n, at, e);
		if (rc != ST_OK)
			st_wrap(e, "%s", st_blend_label(in));
		else
			rc = to(arg, buf, n, e);
	}
	free(buf);
	return rc;
}

ST_BLEND_INLINE void same_block(const struct st_job *j, const struct st_block *k)
{
	(void)j;
	memcpy(k->out, k->model[0], BLOCK * sizeof(*k->out));
}
ST_BLEND_KERNEL(same_block);

static const struct st_method cast = { .info = { .name = "cast" },
				       .block = ST_BLEND_LEVELS(same_block) };

/* One input alone, cast to the result's type. */
static int convert(const struct st_job *j, const struct st_blend_input *in, bool allow,
		   st_blend_sink to, void *arg, struct st_err *e)
{
	struct st_blend one = *j->b;
	struct st_job alone = *j;

	if (!st_round_can(one.dtype) || !st_pair_numeric(in->dtype) ||
	    st_pair_elements(in->dtype, 1) != st_pair_elements(one.dtype, 1))
		return st_fail(e, ST_EUSAGE, "%s of %s cannot be cast to %s",
			       st_dtype_info(in->dtype)->name, st_blend_label(in),
			       st_dtype_info(one.dtype)->name);
	one.models = in;
	one.nmodels = 1;
	one.nextra = 0;
	one.allow_nonfinite = allow;
	alone.b = &one;
	alone.casts = allow && !j->b->allow_nonfinite;
	alone.method = &cast;
	return apply(&alone, to, arg, e);
}

/* ---- checks ---- */

static int count_numbers(struct st_job *j, struct st_err *e)
{
	const struct st_blend *b = j->b;
	uint64_t n = 1;

	for (unsigned i = 0; i < b->ndim; i++)
		if (!st_mul_u64(n, b->shape[i], &n))
			return st_fail(e, ST_ELIMIT, "too many elements");
	if (n > UINT64_MAX / 128)
		return st_fail(e, ST_ELIMIT, "too many elements");
	j->n = st_pair_elements(b->dtype, n);
	j->row = b->ndim > 1 && b->shape[0] ? j->n / b->shape[0] : j->n;
	return ST_OK;
}

static int check_input(const struct st_job *j, const struct st_blend_input *in, bool computes,
		       struct st_err *e)
{
	const struct st_dtype_info *is = st_dtype_info(in->dtype);
	uint64_t elements = 1, bytes;

	if (!in->src)
		return st_fail(e, ST_EUSAGE, "%s has no such tensor",
			       in->label ? in->label : "an input");
	for (unsigned i = 0; i < j->b->ndim; i++)
		elements *= j->b->shape[i]; /* count_numbers has seen that it fits */
	bytes = elements / 8 * is->bits + (elements % 8 * is->bits + 7) / 8;
	if (in->src->size != bytes)
		return st_fail(e, ST_EUSAGE, "%s has %" PRIu64 " bytes, not %" PRIu64,
			       st_blend_label(in), in->src->size, bytes);
	if (computes && !st_round_can(in->dtype))
		return st_fail(e, ST_EUSAGE, "%s of %s is nothing that '%s' can compute with",
			       is->name, st_blend_label(in), j->method->info.name);
	if (st_pair_elements(in->dtype, elements) != j->n && computes)
		return st_fail(e, ST_EUSAGE, "%s is %s, %s is %s", st_blend_label(&j->b->models[0]),
			       st_dtype_info(j->b->dtype)->name, st_blend_label(in), is->name);
	return ST_OK;
}

static int check_type(const struct st_job *j, struct st_err *e)
{
	const struct st_method *m = j->method;
	const enum st_dtype t = j->b->dtype;

	if (st_spec_takes(j->b->spec, t, true))
		return ST_OK;
	return st_fail(e, ST_EUSAGE, "method '%s' does not apply to %s; %sours, theirs and base do",
		       m->info.name, st_dtype_info(t)->name, st_round_can(t) ? "linear, " : "");
}

static int check_models(const struct st_job *j, struct st_err *e)
{
	const struct st_method_info *m = &j->method->info;
	const struct st_blend *b = j->b;

	ST_BUG_ON(b->nmodels == 0);
	if (st_spec_check_extra(b->spec, b->nmodels, b->nextra, e) != ST_OK)
		return e->code;
	if (b->nmodels > ST_SPEC_VALUES)
		return st_fail(e, ST_EUSAGE, "%zu models; %d are the most", b->nmodels,
			       ST_SPEC_VALUES);
	if (b->nmodels < m->min_models || b->nmodels > m->max_models)
		return st_fail(e, ST_EUSAGE, "method '%s' takes %s%u model%s, not %zu", m->name,
			       m->min_models == m->max_models ? "" :
			       b->nmodels < m->min_models     ? "at least " :
								"at most ",
			       b->nmodels < m->min_models ? m->min_models : m->max_models,
			       (b->nmodels < m->min_models ? m->min_models : m->max_models) == 1 ?
				       "" :
				       "s",
			       b->nmodels);
	if (m->needs_base && !b->base.src)
		return st_fail(e, ST_EUSAGE, "method '%s' needs a base", m->name);
	return st_spec_check_models(b->spec,
				    j->method->flags & ST_METHOD_LORA ? b->nextra / 2 : b->nmodels,
				    e);
}

static int check_inputs(const struct st_job *j, struct st_err *e)
{
	const struct st_blend *b = j->b;
	int rc = check_type(j, e);

	if (rc == ST_OK && j->method->info.needs_base)
		rc = check_input(j, &b->base, true, e);
	for (size_t i = 0; i < b->nmodels && rc == ST_OK; i++)
		rc = check_input(j, &b->models[i], true, e);
	for (size_t i = 0; i < b->nextra && rc == ST_OK && j->method->flags & ST_METHOD_FISHER; i++)
		rc = check_input(j, &b->extra[i], true, e);
	return rc;
}

static const struct st_blend_input *choose(const struct st_job *j)
{
	const int at = j->method->choose ? j->method->choose(j) : ST_CHOICE_NONE;

	if (at == ST_CHOICE_NONE)
		return NULL;
	return at == ST_CHOICE_BASE ? &j->b->base : &j->b->models[at];
}

/* A method that only chooses copies even what is not finite. */
static int take_one(const struct st_job *j, const struct st_blend_input *in, st_blend_sink to,
		    void *arg, struct st_err *e)
{
	const bool allow = !j->method->block[0] || j->b->allow_nonfinite;
	int rc = check_input(j, in, false, e);

	if (rc != ST_OK)
		return rc;
	if (in->dtype == j->b->dtype && allow)
		return copy(j, in, to, arg, e);
	return convert(j, in, allow, to, arg, e);
}

static int compute(struct st_job *j, st_blend_sink to, void *arg, struct st_err *e)
{
	const struct st_blend *b = j->b;
	const struct st_ctx *ctx = j->ctx;
	struct st_hold h = { .p = NULL };
	int rc = j->method->flags & ST_METHOD_TWICE ? st_hold_take(&h, j, e) : ST_OK;

	if (rc == ST_OK && j->method->plan)
		rc = j->method->plan(j, e);
	if (rc == ST_OK)
		rc = apply(j, to, arg, e);
	j->b = b;
	j->ctx = ctx;
	st_hold_release(&h);
	return rc;
}

static int run(struct st_job *j, st_blend_sink to, void *arg, struct st_err *e)
{
	const struct st_blend_input *chosen;
	int rc = check_models(j, e);

	if (rc == ST_OK)
		rc = count_numbers(j, e);
	if (rc == ST_OK && j->method->block[0])
		rc = check_inputs(j, e);
	if (rc != ST_OK)
		return rc;
	chosen = choose(j);
	if (chosen)
		return take_one(j, chosen, to, arg, e);
	return compute(j, to, arg, e);
}

int st_blend_run_at(enum st_blend_level l, const struct st_blend *b, const struct st_ctx *ctx,
		    st_blend_sink to, void *arg, struct st_err *e)
{
	struct st_job j = {
		.b = b, .ctx = ctx, .method = b->spec->method, .level = l, .nmodels = b->nmodels
	};
	int rc;

	ST_BUG_ON(!st_blend_level_supported(l));
	st_arena_init(&j.arena);
	rc = run(&j, to, arg, e);
	st_arena_release(&j.arena);
	return rc == ST_OK ? ST_OK : named(&j, e);
}

int st_blend_run(const struct st_blend *b, const struct st_ctx *ctx, st_blend_sink to, void *arg,
		 struct st_err *e)
{
	const enum st_blend_level best = ST_BLEND_AVX2;

	return st_blend_run_at(st_blend_level_supported(best) ? best : ST_BLEND_PORTABLE, b, ctx,
			       to, arg, e);
}

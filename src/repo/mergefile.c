/* SPDX-License-Identifier: Apache-2.0 */
/* merge-file and average: models as plain files into another one. */
#include "repo/mergefile_plan.h"

struct run {
	const struct st_ctx *ctx;
	const strata_merge_files_options *o;
	struct st_mf_model *models, *fisher, base;
	struct st_mf_adapter *adapters;
	size_t nmodels, nfisher, nadapters; /* opened */
	const struct st_mf_model **all;
	struct st_rules rules;
	struct st_rules cast; /* its default is a method that gives its one model */
	struct st_buf text;   /* of a method */
	int (*cb)(void *arg, const strata_merged_tensor *t);
	void *arg;
};

static int make_rules(struct run *x, struct st_err *e)
{
	int rc = x->o->method ? st_rules_default(&x->rules, x->o->method, e) : ST_OK;

	if (rc == ST_OK)
		rc = st_rules_default(&x->cast, "linear", e);
	for (size_t i = 0; rc == ST_OK && i < x->o->nrules; i++)
		rc = st_rules_add(&x->rules, x->o->rules[i], e);
	return rc;
}

static bool is_lora(const struct st_method_info *m)
{
	return strcmp(m->name, "lora") == 0;
}

static bool is_fisher(const struct st_method_info *m)
{
	return strcmp(m->name, "fisher") == 0;
}

static bool is_random(const struct st_method_info *m)
{
	return m->random;
}

/* Adapters are for lora; `ours` leaves tensors out of it. */
static int check_adapters(const struct run *x, const struct st_method_info *info, struct st_err *e)
{
	const bool lora = is_lora(info);

	if (lora && x->o->base)
		return st_fail(e, ST_EUSAGE,
			       "method lora adds adapters to one model: it has no base");
	if (lora && !x->o->nadapters)
		return st_fail(e, ST_EUSAGE,
			       "method lora takes --adapter DIR, once for each adapter");
	if (x->o->nadapters && !lora && strcmp(info->name, "ours") != 0)
		return st_fail(e, ST_EUSAGE, "--adapter is for method lora, not %s", info->name);
	return ST_OK;
}

static int check_spec(const struct run *x, const struct st_spec *s, struct st_err *e)
{
	const bool adapts = x->o->nadapters > 0;
	struct st_method_info info;
	int rc = st_spec_check_choice(s, x->o->nmodels, e);

	st_method_of(s, &info);
	if (rc == ST_OK)
		rc = check_adapters(x, &info, e);
	if (rc == ST_OK)
		rc = st_spec_check_models(s, adapts ? x->o->nadapters : x->o->nmodels, e);
	if (rc != ST_OK)
		return rc;
	if (info.needs_base && !x->o->base)
		return st_fail(e, ST_EUSAGE, "method %s needs the base: say --base FILE",
			       info.name);
	if (x->o->nmodels < info.min_models || x->o->nmodels > info.max_models)
		return st_fail(e, ST_EUSAGE, "method %s does not merge %zu models", info.name,
			       x->o->nmodels);
	if (is_fisher(&info) && x->o->nfisher != x->o->nmodels)
		return st_fail(e, ST_EUSAGE,
			       "method fisher takes --fisher FILE once for each model: %zu are "
			       "given, %zu needed",
			       x->o->nfisher, x->o->nmodels);
	return ST_OK;
}

/* Does a rule or the default name such a method? */
static bool any(const struct run *x, bool (*is)(const struct st_method_info *m))
{
	struct st_method_info info;

	for (size_t i = 0; i < x->rules.n; i++) {
		st_method_of(&x->rules.v[i].spec, &info);
		if (is(&info))
			return true;
	}
	if (!x->rules.has_default)
		return false;
	st_method_of(&x->rules.dflt, &info);
	return is(&info);
}

/* What was said for a method that is not asked was meant to do something. */
static int check_meant(const struct run *x, struct st_err *e)
{
	if (x->o->nadapters && !any(x, is_lora))
		return st_fail(e, ST_EUSAGE, "--adapter wants --method lora");
	if (x->o->nfisher && !any(x, is_fisher))
		return st_fail(e, ST_EUSAGE, "--fisher wants --method fisher");
	if (x->o->seed && !any(x, is_random))
		return st_fail(e, ST_EUSAGE, "--seed wants a method that draws random numbers");
	return ST_OK;
}

/* Everything that needs no file is said before one is read. */
static int check_rules(const struct run *x, struct st_err *e)
{
	int rc = x->rules.has_default ? check_spec(x, &x->rules.dflt, e) : ST_OK;

	if (rc == ST_OK)
		rc = check_meant(x, e);
	for (size_t i = 0; rc == ST_OK && i < x->rules.n; i++)
		rc = check_spec(x, &x->rules.v[i].spec, e);
	if (rc == ST_OK && !x->o->base && !x->rules.has_default && !x->rules.n)
		rc = st_fail(e, ST_EUSAGE,
			     "without a base every tensor needs a method: say --base FILE or "
			     "--method METHOD");
	return rc;
}

static int open_adapters(struct run *x, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < x->o->nadapters; i++) {
		x->nadapters++;
		rc = st_mf_adapter_open(&x->adapters[i], x->ctx, x->o->adapters[i], e);
		if (rc == ST_OK)
			rc = st_adapter_fit(&x->adapters[i].of, x->models[0].side,
					    &x->models[0].names, e);
	}
	return rc;
}

static int open_models(struct run *x, struct st_err *e)
{
	int rc = ST_OK;

	x->models = st_calloc(x->o->nmodels, sizeof(*x->models), e);
	x->fisher = st_calloc(x->o->nfisher, sizeof(*x->fisher), e);
	x->adapters = st_calloc(x->o->nadapters, sizeof(*x->adapters), e);
	x->all = st_calloc(x->o->nmodels + x->o->nfisher + x->o->nadapters + 1, sizeof(*x->all), e);
	if (e->code != ST_OK)
		return e->code;
	for (size_t i = 0; rc == ST_OK && i < x->o->nmodels; i++, x->nmodels++)
		rc = st_mf_open(&x->models[i], x->ctx, x->o->models[i], e);
	for (size_t i = 0; rc == ST_OK && i < x->o->nfisher; i++, x->nfisher++)
		rc = st_mf_open(&x->fisher[i], x->ctx, x->o->fisher[i], e);
	if (rc == ST_OK && x->o->base)
		rc = st_mf_open(&x->base, x->ctx, x->o->base, e);
	return rc == ST_OK ? open_adapters(x, e) : rc;
}

static void close_models(struct run *x)
{
	for (size_t i = 0; i < x->nmodels; i++)
		st_mf_close(&x->models[i]);
	for (size_t i = 0; i < x->nfisher; i++)
		st_mf_close(&x->fisher[i]);
	for (size_t i = 0; i < x->nadapters; i++)
		st_mf_adapter_close(&x->adapters[i]);
	if (x->base.text)
		st_mf_close(&x->base);
	free(x->models);
	free(x->fisher);
	free(x->adapters);
	free(x->all);
}

/* The operand that has a tensor as it was taken. */
static const char *taken_from(const struct run *x, size_t from)
{
	if (from == ST_MF_NONE)
		return x->o->base;
	return from < x->nmodels ? x->o->models[from] : x->o->adapters[from - x->nmodels];
}

int st_mf_tell(int (*cb)(void *arg, const strata_merged_tensor *t), void *arg,
	       strata_merged_tensor *t, const struct st_spec *spec, struct st_buf *text,
	       struct st_err *e)
{
	if (!cb)
		return ST_OK;
	st_buf_clear(text);
	if (spec && st_spec_text(spec, text, e) != ST_OK)
		return e->code;
	if (spec && !(t->method = st_buf_cstr(text, e)))
		return e->code;
	return cb(arg, t) ? ST_ENO : ST_OK;
}

static int tell(void *arg, const struct st_mf_told *t, struct st_err *e)
{
	static const char *const outcomes[ST_MF_OUTCOMES] = { "kept", "taken", "merged", "removed",
							      "conflict" };
	struct run *x = arg;
	strata_merged_tensor out = { .name = t->name,
				     .name_len = t->name_len,
				     .outcome = outcomes[t->outcome],
				     .conflict = t->conflict };

	if (t->outcome == ST_MF_TAKEN)
		out.from = taken_from(x, t->from);
	return st_mf_tell(x->cb, x->arg, &out, t->spec, &x->text, e);
}

static int run(struct run *x, struct st_mf_plan *p, strata_merge_files_result *res,
	       struct st_err *e)
{
	struct st_mf_merge m = { .models = x->models,
				 .nmodels = x->nmodels,
				 .base = x->o->base ? &x->base : NULL,
				 .fisher = x->fisher,
				 .nfisher = x->nfisher,
				 .adapters = x->adapters,
				 .nadapters = x->nadapters,
				 .cast = &x->cast.dflt,
				 .rules = &x->rules,
				 .tell = tell,
				 .arg = x };
	int rc = st_mf_plan_merge(p, &m, e);

	if (rc != ST_OK)
		return rc;
	res->kept = m.settled[ST_MF_KEPT];
	res->taken = m.settled[ST_MF_TAKEN];
	res->merged = m.settled[ST_MF_BLEND];
	res->removed = m.settled[ST_MF_GONE];
	res->conflicts = m.settled[ST_MF_CONFLICT];
	if (res->conflicts)
		return st_fail(e, ST_ENO, "%" PRIu64 " conflicts: nothing was written",
			       res->conflicts);
	p->container = &x->models[0];
	for (size_t i = 0; i < x->nmodels; i++)
		x->all[p->nmodels++] = &x->models[i];
	for (size_t i = 0; i < x->nfisher; i++)
		x->all[p->nmodels++] = &x->fisher[i];
	for (size_t i = 0; i < x->nadapters; i++)
		x->all[p->nmodels++] = &x->adapters[i].model;
	if (x->o->base)
		x->all[p->nmodels++] = &x->base;
	p->models = x->all;
	return st_mf_write(p, x->o->out, &res->bytes, e);
}

int st_verb_merge_files(const struct st_ctx *ctx, const strata_merge_files_options *o,
			int (*cb)(void *arg, const strata_merged_tensor *t), void *arg,
			strata_merge_files_result *res, struct st_err *e)
{
	struct run x = { .ctx = ctx, .o = o, .cb = cb, .arg = arg };
	struct st_mf_plan p;
	int rc;

	*res = (strata_merge_files_result){ 0 };
	st_rules_init(&x.rules);
	st_rules_init(&x.cast);
	st_buf_init(&x.text, 64 << 10);
	st_mf_plan_init(&p, ctx);
	p.seed = o->seed;
	p.allow_nonfinite = o->allow_nonfinite;
	rc = make_rules(&x, e);
	if (rc == ST_OK)
		rc = check_rules(&x, e);
	if (rc == ST_OK)
		rc = open_models(&x, e);
	if (rc == ST_OK)
		rc = run(&x, &p, res, e);
	st_mf_plan_release(&p);
	close_models(&x);
	st_rules_release(&x.rules);
	st_rules_release(&x.cast);
	st_buf_release(&x.text);
	return rc;
}

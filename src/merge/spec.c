/* SPDX-License-Identifier: Apache-2.0 */
#include "merge/spec.h"

#include <math.h>
#include <stdio.h>

#include "base/near.h"
#include "base/real.h"
#include "merge/method.h"
#include "merge/round.h"

#define TEXT_MAX 4096 /* of one specification */

bool st_method_at(size_t i, struct st_method_info *out)
{
	if (i >= st_nmethods)
		return false;
	*out = st_methods[i]->info;
	return true;
}

void st_method_of(const struct st_spec *s, struct st_method_info *out)
{
	*out = s->method->info;
}

bool st_method_param_at(const struct st_method *m, size_t i, struct st_method_param *out)
{
	if (i >= m->nparams)
		return false;
	*out = m->params[i];
	return true;
}

/* ---- parsing ---- */

static bool is_word(const char *word, const char *s, size_t n)
{
	return strlen(word) == n && memcmp(word, s, n) == 0;
}

static int no_such(const char *what, const char *s, size_t n, const struct st_near *near,
		   const char *of, struct st_err *e)
{
	const bool any = near->found[0] != 0;

	return st_fail(e, ST_EUSAGE, "no %s '%.*s'%s%s%s%s", what, (int)(n < 60 ? n : 60), s, of,
		       any ? "; did you mean '" : "", any ? near->found : "", any ? "'?" : "");
}

static const struct st_method *find_method(const char *s, size_t n, struct st_err *e)
{
	char word[ST_NEAR_MAX + 1] = "";
	struct st_near near;

	for (size_t i = 0; i < st_nmethods; i++)
		if (is_word(st_methods[i]->info.name, s, n))
			return st_methods[i];
	if (n < sizeof(word) && n > 0)
		memcpy(word, s, n);
	st_near_init(&near, word);
	for (size_t i = 0; i < st_nmethods; i++)
		st_near_try(&near, st_methods[i]->info.name);
	no_such("merge method", s, n, &near, "", e);
	return NULL;
}

static const struct st_method_param *find_param(const struct st_method *m, const char *s, size_t n,
						struct st_err *e)
{
	char word[ST_NEAR_MAX + 1] = "", of[64];
	struct st_near near;

	for (size_t i = 0; i < m->nparams; i++)
		if (is_word(m->params[i].name, s, n))
			return &m->params[i];
	if (n < sizeof(word) && n > 0)
		memcpy(word, s, n);
	st_near_init(&near, word);
	for (size_t i = 0; i < m->nparams; i++)
		st_near_try(&near, m->params[i].name);
	snprintf(of, sizeof(of), " of method '%s'%s", m->info.name,
		 m->nparams ? "" : ", which has none");
	no_such("parameter", s, n, &near, of, e);
	return NULL;
}

static int out_of_range(const struct st_method *m, const struct st_method_param *row, double v,
			struct st_err *e)
{
	char given[ST_REAL_TEXT], least[ST_REAL_TEXT] = "", most[ST_REAL_TEXT] = "";
	int rc = st_real_text(given, v, e);

	if (rc == ST_OK && isfinite(row->least))
		rc = st_real_text(least, row->least, e);
	if (rc == ST_OK && isfinite(row->most))
		rc = st_real_text(most, row->most, e);
	if (rc != ST_OK)
		return rc;
	return st_fail(e, ST_EUSAGE, "%s of method '%s' is %s%s%s%s, not %s", row->name,
		       m->info.name, *least ? "at least " : "", least,
		       *least && *most ? " and at most " : (*most ? "at most " : ""), most, given);
}

static int not_whole(const struct st_method *m, const struct st_method_param *row, double v,
		     struct st_err *e)
{
	char given[ST_REAL_TEXT];

	if (st_real_text(given, v, e) != ST_OK)
		return e->code;
	return st_fail(e, ST_EUSAGE, "%s of method '%s' is %s, not %s", row->name, m->info.name,
		       row->most == 1 ? "0 or 1" : "a whole number", given);
}

/* Splits at `mark`; *end is where the part ends, *next where the next begins or NULL. */
static void part(const char *s, const char *stop, const char *mark, const char **end,
		 const char **next)
{
	const char *p = memmem(s, (size_t)(stop - s), mark, strlen(mark));

	*end = p ? p : stop;
	*next = p ? p + strlen(mark) : NULL;
}

static int parse_values(struct st_param *p, const struct st_method *m,
			const struct st_method_param *row, const char *s, const char *stop,
			struct st_err *e)
{
	const char *mark, *end, *next = s;
	int rc = ST_OK;

	p->layered = memmem(s, (size_t)(stop - s), "..", 2) != NULL;
	mark = p->layered ? ".." : "/";
	while (rc == ST_OK && next) {
		s = next;
		part(s, stop, mark, &end, &next);
		if (p->n == ST_SPEC_VALUES)
			return st_fail(e, ST_EUSAGE, "%s of method '%s' has more than %d values",
				       row->name, m->info.name, ST_SPEC_VALUES);
		rc = st_real_parse(s, (size_t)(end - s), &p->v[p->n], e);
		if (rc == ST_OK && !(p->v[p->n] >= row->least && p->v[p->n] <= row->most))
			return out_of_range(m, row, p->v[p->n], e);
		p->n++;
	}
	if (rc != ST_OK)
		return st_wrap(e, "%s of method '%s'", row->name, m->info.name);
	for (size_t i = 0; row->kind == ST_WHOLE && i < p->n; i++)
		if (p->v[i] != floor(p->v[i]))
			return not_whole(m, row, p->v[i], e);
	if (p->n > 1 && (row->kind == ST_WHOLE || (!p->layered && row->kind == ST_ONE)))
		return st_fail(e, ST_EUSAGE, "%s of method '%s' is one for all models%s", row->name,
			       m->info.name, p->layered ? " and layers" : "");
	return ST_OK;
}

/* Where in the sorted params a name comes. */
static size_t place(const struct st_spec *s, const char *name)
{
	size_t i = 0;

	while (i < s->nparams && strcmp(s->params[i].name, name) < 0)
		i++;
	return i;
}

static int parse_param(struct st_spec *out, struct st_arena *arena, const char *s, const char *stop,
		       struct st_err *e)
{
	const struct st_method_param *row;
	struct st_param p = { 0 };
	const char *eq = memchr(s, '=', (size_t)(stop - s));
	size_t at;
	int rc;

	row = find_param(out->method, s, (size_t)((eq ? eq : stop) - s), e);
	if (!row)
		return e->code;
	if (!eq)
		return st_fail(e, ST_EUSAGE, "parameter '%s' has no value: %s=NUMBER", row->name,
			       row->name);
	at = place(out, row->name);
	if (at < out->nparams && strcmp(out->params[at].name, row->name) == 0)
		return st_fail(e, ST_EUSAGE, "parameter '%s' is given twice", row->name);
	p.name = row->name;
	p.v = st_arena_alloc(arena, ST_SPEC_VALUES * sizeof(*p.v), e);
	if (!p.v)
		return e->code;
	rc = parse_values(&p, out->method, row, eq + 1, stop, e);
	if (rc != ST_OK)
		return rc;
	memmove(&out->params[at + 1], &out->params[at], (out->nparams - at) * sizeof(*out->params));
	out->params[at] = p;
	out->nparams++;
	return ST_OK;
}

static int parse(struct st_spec *out, struct st_arena *arena, const char *s, const char *stop,
		 struct st_err *e)
{
	const char *end, *next;
	int rc = ST_OK;

	part(s, stop, ":", &end, &next);
	out->method = find_method(s, (size_t)(end - s), e);
	if (!out->method)
		return e->code;
	out->params = st_arena_alloc(arena, (out->method->nparams + 1) * sizeof(*out->params), e);
	if (!out->params)
		return e->code;
	while (rc == ST_OK && next) {
		s = next;
		part(s, stop, ",", &end, &next);
		rc = parse_param(out, arena, s, end, e);
	}
	return rc;
}

int st_spec_parse(struct st_spec *out, struct st_arena *arena, const char *text, struct st_err *e)
{
	struct st_spec s = { 0 };
	size_t len = strlen(text);
	int rc;

	memset(out, 0, sizeof(*out));
	if (len > TEXT_MAX)
		return st_fail(e, ST_EUSAGE, "a merge method of %zu bytes; %d are the most", len,
			       TEXT_MAX);
	rc = parse(&s, arena, text, text + len, e);
	if (rc == ST_OK)
		*out = s;
	return rc;
}

/* ---- values ---- */

static const struct st_param *given(const struct st_spec *s, const char *name)
{
	for (size_t i = 0; i < s->nparams; i++)
		if (strcmp(s->params[i].name, name) == 0)
			return &s->params[i];
	return NULL;
}

/* Never beyond the two. */
static double between(double a, double b, double share)
{
	const double way = b - a, low = a < b ? a : b, high = a < b ? b : a;
	const double v = isfinite(way) ? a + way * share : a * (1 - share) + b * share;

	return v < low ? low : v > high ? high : v;
}

static double at_layer(const struct st_param *p, double layer)
{
	double x;
	size_t i;

	if (isnan(layer) || layer <= 0 || p->n == 1)
		return p->v[0];
	x = layer * (double)(p->n - 1);
	i = (size_t)x;
	if (i >= p->n - 1)
		return p->v[p->n - 1];
	return between(p->v[i], p->v[i + 1], x - (double)i);
}

double st_spec_value(const struct st_spec *s, const char *name, size_t model, double layer)
{
	const struct st_param *p = given(s, name);

	if (p && p->layered)
		return at_layer(p, layer);
	if (p)
		return p->v[p->n == 1 ? 0 : model];
	for (size_t i = 0; i < s->method->nparams; i++)
		if (strcmp(s->method->params[i].name, name) == 0)
			return s->method->params[i].dflt;
	ST_BUG_ON("a parameter that the method has not");
	return 0;
}

bool st_spec_is_mean(const struct st_spec *s)
{
	const struct st_param *p = given(s, "normalize");

	return s->method->flags & ST_METHOD_MEAN && (!p || p->v[0] != 0);
}

int st_spec_check_models(const struct st_spec *s, size_t nmodels, struct st_err *e)
{
	for (size_t i = 0; i < s->nparams; i++) {
		const struct st_param *p = &s->params[i];

		if (!p->layered && p->n > 1 && p->n != nmodels)
			return st_fail(e, ST_EUSAGE,
				       "%s of method '%s' has %zu values for %zu models", p->name,
				       s->method->info.name, p->n, nmodels);
	}
	return ST_OK;
}

bool st_spec_takes(const struct st_spec *s, enum st_dtype t, bool based)
{
	const struct st_method *m = s->method;
	const bool complex = t == ST_C32 || t == ST_C64 || t == ST_C128;

	if (!m->block[ST_BLEND_PORTABLE])
		return true;
	return (based || !m->info.needs_base) && st_round_can(t) &&
	       (!complex || m->flags & ST_METHOD_COMPLEX) &&
	       (complex || st_round_is_float(t) || m->flags & ST_METHOD_INTEGERS);
}

bool st_spec_reads_fisher(const struct st_spec *s)
{
	return s->method->flags & ST_METHOD_FISHER;
}

bool st_spec_reads_adapters(const struct st_spec *s)
{
	return s->method->flags & ST_METHOD_LORA;
}

bool st_spec_applies(const struct st_spec *s, const char *path)
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	const bool fisher = strcmp(file, ST_FISHER_FILE) == 0;

	if (st_spec_reads_adapters(s))
		return !fisher && strcmp(file, ST_ADAPTER_FILE) != 0 &&
		       strcmp(file, ST_ADAPTER_PICKLED) != 0;
	return !st_spec_reads_fisher(s) || !fisher;
}

int st_spec_check_extra(const struct st_spec *s, size_t nmodels, size_t nextra, struct st_err *e)
{
	const char *name = s->method->info.name;

	if (s->method->flags & ST_METHOD_LORA && (nextra == 0 || nextra % 2))
		return st_fail(e, ST_EUSAGE,
			       "method '%s' adds adapters, which only 'strata merge', 'strata "
			       "resolve' and 'strata merge-file --adapter DIR' read",
			       name);
	if (s->method->flags & ST_METHOD_FISHER && nextra != nmodels)
		return st_fail(e, ST_EUSAGE,
			       "method '%s' needs the diagonal Fisher of each model, which only "
			       "'strata merge', 'strata resolve' and 'strata merge-file --fisher "
			       "FILE' read",
			       name);
	return ST_OK;
}

int st_spec_check_choice(const struct st_spec *s, size_t nmodels, struct st_err *e)
{
	size_t model;

	if (strcmp(s->method->info.name, "theirs") != 0)
		return ST_OK;
	model = (size_t)st_spec_value(s, "model", 0, NAN);
	return model < nmodels ? ST_OK :
				 st_fail(e, ST_EUSAGE,
					 "model of method 'theirs' is %zu, but %zu other%s merged",
					 model, nmodels - 1, nmodels == 2 ? " is" : "s are");
}

/* ---- text ---- */

static int add_number(struct st_buf *out, double v, struct st_err *e)
{
	char text[ST_REAL_TEXT];
	int rc = st_real_text(text, v, e);

	return rc == ST_OK ? st_buf_addstr(out, text, e) : rc;
}

static int add_values(struct st_buf *out, const struct st_param *p, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; i < p->n && rc == ST_OK; i++) {
		if (i)
			rc = st_buf_addstr(out, p->layered ? ".." : "/", e);
		if (rc == ST_OK)
			rc = add_number(out, p->v[i], e);
	}
	return rc;
}

int st_spec_text(const struct st_spec *s, struct st_buf *out, struct st_err *e)
{
	const struct st_method *m = s->method;
	int rc = st_buf_addstr(out, m->info.name, e);

	for (size_t i = 0; i < m->nparams && rc == ST_OK; i++) {
		const struct st_param *p = given(s, m->params[i].name);

		rc = st_buf_addf(out, e, "%c%s=", i ? ',' : ':', m->params[i].name);
		if (rc == ST_OK)
			rc = p ? add_values(out, p, e) : add_number(out, m->params[i].dflt, e);
	}
	return rc;
}

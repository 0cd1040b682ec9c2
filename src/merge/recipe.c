/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The YAML comes as leaves with the path of each ("models[1].parameters.weight[0]"), so that
 * anchors, limits and depth are settings_yaml.c's matter. Paths are read again here, step by step.
 */
#include "merge/recipe.h"

#include "base/json.h"
#include "base/near.h"
#include "diff/settings.h"
#include "merge/recipe_method.h"

#define STEPS 9 /* of the longest path: slices[0].sources[0].parameters.t[0].value[0] */
#define WORD 64 /* bytes of a key that it knows */

struct step {
	bool item;
	uint64_t index;	 /* of a list's item */
	char word[WORD]; /* of a key */
};

struct reading {
	struct st_mrecipe *r;
	const char *name;
	const struct st_setting *s;
	struct step path[STEPS];
	size_t n;
	uint32_t models_line, slices_line;
};

static int bad(const struct reading *x, const char *what, struct st_err *e)
{
	return st_fail(e, ST_EFORMAT, "%s, line %" PRIu32 ": %s: %.100s", x->name, x->s->line, what,
		       x->s->key);
}

static int unknown(const struct reading *x, const char *const *known, const char *word,
		   struct st_err *e)
{
	struct st_near near;

	st_near_init(&near, word);
	for (; *known; known++)
		st_near_try(&near, *known);
	if (!*near.found)
		return bad(x, "a key that strata does not know", e);
	return st_fail(e, ST_EFORMAT,
		       "%s, line %" PRIu32 ": a key that strata does not know: %.100s; did you "
		       "mean '%s'?",
		       x->name, x->s->line, x->s->key, near.found);
}

/* ---- paths ---- */

static bool split_index(const char **p, const char *end, struct step *t)
{
	t->item = true;
	t->index = 0;
	for ((*p)++; *p < end && **p >= '0' && **p <= '9' && t->index <= ST_MRECIPE_LIST; (*p)++)
		t->index = t->index * 10 + (uint64_t)(**p - '0');
	return *p < end && *(*p)++ == ']';
}

static bool split_word(const char **p, const char *end, struct step *t)
{
	size_t n = 0;

	t->item = false;
	while (*p < end && **p != '.' && **p != '[' && n < WORD - 1)
		t->word[n++] = *(*p)++;
	t->word[n] = 0;
	return n > 0 && (*p == end || **p == '.' || **p == '[');
}

static int split(struct reading *x, struct st_err *e)
{
	const char *p = x->s->key, *end = p + x->s->key_len;
	bool fine = x->s->key_len > 0;

	for (x->n = 0; fine && p < end; x->n++) {
		struct step *t;

		if (x->n == STEPS)
			return bad(x, "a key that strata does not know", e);
		t = &x->path[x->n];
		if (x->n > 0 && *p == '.')
			p++;
		fine = p < end && *p == '[' ? split_index(&p, end, t) : split_word(&p, end, t);
		if (fine && t->item && t->index >= ST_MRECIPE_LIST)
			return bad(x, "a list that is too long", e);
	}
	return fine ? ST_OK : bad(x, "a key that strata does not know", e);
}

static bool word_at(const struct reading *x, size_t i, const char *word)
{
	return i < x->n && !x->path[i].item && strcmp(x->path[i].word, word) == 0;
}

/* ---- values ---- */

/* Text of a string, in the arena; of another scalar its JSON. */
static int text_of(const struct reading *x, const char **out, struct st_err *e)
{
	struct st_arena *a = &x->r->arena;
	struct st_err own = { 0 };
	struct st_json j;
	const char *s;
	size_t len;

	if (x->s->value[0] != '"') {
		*out = st_arena_dup(a, x->s->value, x->s->value_len, e);
		return *out ? ST_OK : (int)e->code;
	}
	st_json_init(&j, x->s->value, x->s->value_len, 1, &own);
	s = st_json_string(&j, &len);
	*out = s && memchr(s, 0, len) == NULL ? st_arena_dup(a, s, len, e) : NULL;
	st_json_release(&j);
	if (!*out && e->code == ST_OK)
		return bad(x, "a text is expected", e);
	return *out ? ST_OK : (int)e->code;
}

static bool is_container(const struct reading *x)
{
	return x->s->value[0] == '{' || x->s->value[0] == '[';
}

static int name_of(const struct reading *x, size_t at, const char **out, struct st_err *e)
{
	int rc = x->n == at + 1 && !is_container(x) ? text_of(x, out, e) :
						      bad(x, "a name is expected", e);

	return rc == ST_OK && !**out ? bad(x, "a name is expected", e) : rc;
}

static int number_of(const struct reading *x, double *out, struct st_err *e)
{
	const char *v = x->s->value;
	struct st_err own = { 0 };
	struct st_json j;

	if (strcmp(v, "true") == 0 || strcmp(v, "false") == 0) {
		*out = v[0] == 't';
		return ST_OK;
	}
	if (v[0] == '"' || is_container(x) || strcmp(v, "null") == 0)
		return bad(x, "a number is expected", e);
	st_json_init(&j, v, x->s->value_len, 1, &own);
	*out = st_json_real(&j);
	st_json_release(&j);
	return own.code == ST_OK ? ST_OK : bad(x, "a number is expected", e);
}

static const struct {
	const char *name;
	enum st_dtype type;
} types[] = {
	{ "float16", ST_F16 }, { "bfloat16", ST_BF16 }, { "float32", ST_F32 }, { "float64", ST_F64 }
};

const char *st_mrecipe_dtype(const struct st_mrecipe *r)
{
	const enum st_dtype t = r->has_out ? r->out : r->dtype;

	for (size_t i = 0; (r->has_out || r->has_dtype) && i < sizeof(types) / sizeof(*types); i++)
		if (types[i].type == t)
			return types[i].name;
	return NULL;
}

static int dtype_of(const struct reading *x, bool *has, enum st_dtype *out, struct st_err *e)
{
	const char *s;
	int rc;

	if (strcmp(x->s->value, "null") == 0)
		return ST_OK;
	rc = name_of(x, 0, &s, e);
	for (size_t i = 0; rc == ST_OK && i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(s, types[i].name) == 0) {
			*has = true;
			*out = types[i].type;
			return ST_OK;
		}
	return rc == ST_OK ? bad(x, "float16, bfloat16, float32 or float64 is expected", e) : rc;
}

/* ---- parameters ---- */

/* v[i] of a growing array of zeroed elements, i < ST_MRECIPE_LIST; i must not count on arr->n. */
#define ITEM(arr, i, e)                                                             \
	(st_grow(&(arr)->v, &(arr)->cap, (size_t)(i) + 1, (e)) == ST_OK ?           \
		 (zero_to((arr)->v, sizeof(*(arr)->v), &(arr)->n, (size_t)(i) + 1), \
		  &(arr)->v[i]) :                                                   \
		 NULL)

static void zero_to(void *v, size_t size, size_t *n, size_t want)
{
	if (want > *n) {
		memset((uint8_t *)v + *n * size, 0, (want - *n) * size);
		*n = want;
	}
}

static struct st_mrecipe_param *param_of(struct reading *x, struct st_mrecipe_params *to,
					 const char *name, struct st_err *e)
{
	struct st_mrecipe_param *p;
	size_t last = to->n;

	for (size_t i = 0; i < to->n; i++)
		if (strcmp(to->v[i].name, name) == 0)
			return &to->v[i];
	p = ITEM(to, last, e);
	if (!p)
		return NULL;
	p->line = x->s->line;
	p->name = st_arena_dup(&x->r->arena, name, strlen(name), e);
	return p->name ? p : NULL;
}

static int set_point(const struct reading *x, struct st_mrecipe_case *c, size_t at,
		     struct st_err *e)
{
	uint64_t i = x->n > at ? x->path[at].index : 0;
	double *v;

	if (x->n > at + 1 || (x->n > at && !x->path[at].item))
		return bad(x, "a key that strata does not know", e);
	c->list = c->list || x->n > at;
	v = ITEM(c, i, e);
	return v ? number_of(x, v, e) : (int)e->code;
}

/* path[at..] is in a case */
static int set_case(const struct reading *x, struct st_mrecipe_case *c, size_t at, struct st_err *e)
{
	if (word_at(x, at, "value"))
		return set_point(x, c, at + 1, e);
	if (word_at(x, at, "filter") && strcmp(x->s->value, "null") == 0)
		return ST_OK;
	if (word_at(x, at, "filter"))
		return name_of(x, at, &c->filter, e);
	return bad(x, "a key that strata does not know", e);
}

/* path[at] is the parameter's name */
static int set_param(struct reading *x, struct st_mrecipe_params *to, size_t at, struct st_err *e)
{
	struct st_mrecipe_param *p;
	struct st_mrecipe_case *c;
	bool cases;
	uint64_t i = 0;

	if (at == x->n && (is_container(x) || strcmp(x->s->value, "null") == 0))
		return ST_OK; /* no parameters */
	if (at >= x->n || x->path[at].item)
		return bad(x, "names of parameters are expected", e);
	if (!st_mrecipe_param_known(x->path[at].word))
		return unknown(x, st_mrecipe_param_names, x->path[at].word, e);
	if (strcmp(x->s->value, "null") == 0)
		return ST_OK;
	p = param_of(x, to, x->path[at].word, e);
	if (!p)
		return e->code;
	at++;
	cases = x->n > at && (!x->path[at].item || x->n > at + 1);
	if (cases && x->path[at].item)
		i = x->path[at++].index;
	if (p->n && p->cases != cases)
		return bad(x, "a list of numbers or of cases is expected, not of both", e);
	p->cases = cases;
	c = ITEM(p, i, e);
	if (!c)
		return e->code;
	return cases ? set_case(x, c, at, e) : set_point(x, c, at, e);
}

/* ---- sources and slices ---- */

static int set_bound(const struct reading *x, struct st_mrecipe_source *s, size_t at,
		     struct st_err *e)
{
	double v;
	int rc;

	if (x->n != at + 1 || !x->path[at].item || x->path[at].index > 1)
		return bad(x, "two numbers of layers are expected", e);
	rc = number_of(x, &v, e);
	if (rc != ST_OK)
		return rc;
	if (v < 0 || v > 1e6 || v != (double)(uint64_t)v)
		return bad(x, "the number of a layer is expected", e);
	*(x->path[at].index ? &s->to : &s->from) = (uint64_t)v;
	s->bounds++;
	return ST_OK;
}

static int set_source(struct reading *x, struct st_mrecipe_source *s, size_t at, bool ranged,
		      struct st_err *e)
{
	static const char *const known[] = { "model", "parameters", "layer_range", NULL };

	s->line = s->line ? s->line : x->s->line;
	if (word_at(x, at, "model"))
		return name_of(x, at, &s->model, e);
	if (word_at(x, at, "parameters"))
		return set_param(x, &s->params, at + 1, e);
	if (ranged && word_at(x, at, "layer_range"))
		return set_bound(x, s, at + 1, e);
	return unknown(x, known, at < x->n && !x->path[at].item ? x->path[at].word : "", e);
}

static int set_model(struct reading *x, struct st_err *e)
{
	struct st_mrecipe_slice *all;
	struct st_mrecipe_source *s;

	if (x->n < 2 || !x->path[1].item)
		return bad(x, "a list of models is expected", e);
	x->models_line = x->s->line;
	if (x->slices_line)
		return bad(x, "either models or slices are expected, not both", e);
	all = ITEM(x->r, 0, e);
	s = all ? ITEM(all, x->path[1].index, e) : NULL;
	return s ? set_source(x, s, 2, false, e) : (int)e->code;
}

static int set_slice(struct reading *x, struct st_err *e)
{
	static const char *const known[] = { "sources", "parameters", "base_model", NULL };
	struct st_mrecipe_slice *slice;
	struct st_mrecipe_source *s;

	if (x->n < 2 || !x->path[1].item)
		return bad(x, "a list of slices is expected", e);
	x->slices_line = x->s->line;
	if (x->models_line)
		return bad(x, "either models or slices are expected, not both", e);
	x->r->layers = true;
	slice = ITEM(x->r, x->path[1].index, e);
	if (!slice)
		return e->code;
	slice->line = slice->line ? slice->line : x->s->line;
	if (word_at(x, 2, "parameters"))
		return set_param(x, &slice->params, 3, e);
	if (word_at(x, 2, "base_model"))
		return name_of(x, 2, &slice->base_model, e);
	if (!word_at(x, 2, "sources"))
		return unknown(x, known, x->n > 2 && !x->path[2].item ? x->path[2].word : "", e);
	if (x->n < 4 || !x->path[3].item)
		return bad(x, "a list of sources is expected", e);
	s = ITEM(slice, x->path[3].index, e);
	return s ? set_source(x, s, 4, true, e) : (int)e->code;
}

/* tokenizer_source: base, or tokenizer: {source: base} */
static int set_tokenizer(struct reading *x, struct st_err *e)
{
	bool source = x->n == 2 ? word_at(x, 0, "tokenizer") && word_at(x, 1, "source") :
				  x->n == 1 && word_at(x, 0, "tokenizer_source");

	if ((x->n == 1 && strcmp(x->s->value, "null") == 0) ||
	    (source && strcmp(x->s->value, "\"base\"") == 0))
		return ST_OK;
	return bad(x, "strata merges no vocabularies yet: leave it out, or say base", e);
}

static int set(struct reading *x, struct st_err *e)
{
	static const char *const known[] = { "merge_method", "base_model",	 "models",
					     "slices",	     "parameters",	 "dtype",
					     "out_dtype",    "tokenizer_source", NULL };
	int rc = split(x, e);

	if (rc != ST_OK)
		return rc;
	if (x->path[0].item)
		return bad(x, "one recipe is expected, not a list or several documents", e);
	if (word_at(x, 0, "models"))
		return set_model(x, e);
	if (word_at(x, 0, "slices"))
		return set_slice(x, e);
	if (word_at(x, 0, "parameters"))
		return set_param(x, &x->r->params, 1, e);
	if (word_at(x, 0, "merge_method")) {
		x->r->method_line = x->s->line;
		return name_of(x, 0, &x->r->method, e);
	}
	if (word_at(x, 0, "base_model"))
		return name_of(x, 0, &x->r->base_model, e);
	if (word_at(x, 0, "dtype"))
		return dtype_of(x, &x->r->has_dtype, &x->r->dtype, e);
	if (word_at(x, 0, "out_dtype"))
		return dtype_of(x, &x->r->has_out, &x->r->out, e);
	if (word_at(x, 0, "tokenizer_source") || word_at(x, 0, "tokenizer"))
		return set_tokenizer(x, e);
	if (word_at(x, 0, "modules") || word_at(x, 0, "chat_template"))
		return bad(x, "strata has nothing like this yet", e);
	return unknown(x, known, x->path[0].word, e);
}

/* ---- what must be there ---- */

static int lacks(const struct reading *x, uint32_t line, const char *what, struct st_err *e)
{
	return st_fail(e, ST_EFORMAT, "%s, line %" PRIu32 ": %s", x->name, line, what);
}

static int check_params(const struct reading *x, const struct st_mrecipe_params *p,
			struct st_err *e)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!p->v[i].n)
			return lacks(x, p->v[i].line, "a parameter without a value", e);
		for (size_t k = 0; k < p->v[i].n; k++)
			if (!p->v[i].v[k].n)
				return lacks(x, p->v[i].line, "a filter without a value", e);
	}
	return ST_OK;
}

static int check_source(const struct reading *x, const struct st_mrecipe_source *s,
			struct st_err *e)
{
	if (!s->model)
		return lacks(x, s->line, "a source without a model", e);
	if (x->r->layers && s->bounds != 2)
		return lacks(x, s->line, "a source without its layer_range", e);
	if (x->r->layers && s->from >= s->to)
		return lacks(x, s->line, "a layer_range without layers", e);
	return check_params(x, &s->params, e);
}

static int check_slice(const struct reading *x, const struct st_mrecipe_slice *s, struct st_err *e)
{
	int rc = s->n ? check_params(x, &s->params, e) :
			lacks(x, s->line, "a slice without sources", e);

	for (size_t i = 0; rc == ST_OK && i < s->n; i++) {
		rc = check_source(x, &s->v[i], e);
		if (rc == ST_OK && s->v[i].to - s->v[i].from != s->v[0].to - s->v[0].from)
			rc = lacks(x, s->v[i].line, "sources of a slice have as many layers", e);
	}
	return rc;
}

static int check(const struct reading *x, struct st_err *e)
{
	const struct st_mrecipe *r = x->r;
	int rc;

	if (!r->method)
		return st_fail(e, ST_EFORMAT, "%s: no merge_method", x->name);
	rc = st_mrecipe_check_method(r, x->name, e);
	if (rc == ST_OK && !r->n)
		return st_fail(e, ST_EFORMAT, "%s: neither models nor slices", x->name);
	if (rc == ST_OK)
		rc = check_params(x, &r->params, e);
	for (size_t i = 0; rc == ST_OK && i < r->n; i++)
		rc = check_slice(x, &r->v[i], e);
	return rc;
}

int st_mrecipe_parse(struct st_mrecipe *r, const void *p, size_t len, const char *name,
		     struct st_err *e)
{
	struct reading x = { .r = r, .name = name };
	struct st_settings s;
	int rc;

	*r = (struct st_mrecipe){ 0 };
	st_arena_init(&r->arena);
	st_settings_init(&s);
	rc = st_settings_yaml(&s, "", p, len, e);
	if (rc != ST_OK)
		st_wrap(e, "%s", name);
	else if (s.twice.key)
		rc = st_fail(e, ST_EFORMAT,
			     "%s, line %" PRIu32 ": a key that is there twice: %.100s", name,
			     s.twice.line, s.twice.key);
	for (size_t i = 0; rc == ST_OK && i < s.n; i++) {
		x.s = &s.v[i];
		rc = set(&x, e);
	}
	if (rc == ST_OK)
		rc = check(&x, e);
	st_settings_release(&s);
	return rc;
}

static void release_params(struct st_mrecipe_params *p)
{
	for (size_t i = 0; i < p->n; i++) {
		for (size_t k = 0; k < p->v[i].n; k++)
			free(p->v[i].v[k].v);
		free(p->v[i].v);
	}
	free(p->v);
}

void st_mrecipe_release(struct st_mrecipe *r)
{
	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; k < r->v[i].n; k++)
			release_params(&r->v[i].v[k].params);
		release_params(&r->v[i].params);
		free(r->v[i].v);
	}
	release_params(&r->params);
	free(r->v);
	st_arena_release(&r->arena);
	*r = (struct st_mrecipe){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which tensor of an adapter belongs to which of the model. */
#include "repo/adapter.h"

#include "tensor/quote.h"

#define BEHIND "base_model.model."

void st_adapter_init(struct st_adapter *a)
{
	*a = (struct st_adapter){ 0 };
	st_arena_init(&a->arena);
}

void st_adapter_release(struct st_adapter *a)
{
	st_adapter_config_release(&a->config);
	st_arena_release(&a->arena);
}

/* ---- names ---- */

enum role {
	FACTOR_A,
	FACTOR_B,
	EMBEDDING_A,
	EMBEDDING_B,
	START,
	WHOLE,
	SPARE /* beside a WHOLE that PEFT takes: a copy of it, or of what the model has */
};

struct item { /* a tensor of the adapter */
	enum role role;
	const char *module; /* of factors: without "base_model.model." */
	size_t module_len;
	const char *target; /* the name of the model's tensor, as the adapter knows it */
	size_t len, at;	    /* in the model */
};

struct fitting {
	struct st_adapter *a;
	const struct st_side *m; /* the model's tensors */
	const struct st_map *names;
	struct item *v; /* of each tensor of the adapter */
	size_t n;
	bool straight, turned; /* there are matrices of which only that can be */
};

static int refuse(const struct fitting *f, const char *name, size_t len, const char *why,
		  struct st_err *e)
{
	struct st_quote q;

	return st_fail(e, ST_EREFUSED, "%s: %s %s", f->a->name, st_quote(&q, name, len), why);
}

static bool ends(const char *name, size_t len, const char *with, size_t *left)
{
	const size_t n = strlen(with);

	*left = len - (n < len ? n : len);
	return n < len && memcmp(name + *left, with, n) == 0;
}

static bool has(const char *name, size_t len, const char *what)
{
	const size_t n = strlen(what);

	for (size_t i = 0; i + n <= len; i++)
		if (memcmp(name + i, what, n) == 0)
			return true;
	return false;
}

/* The module's name so far, and the rest. */
static int set_target(struct fitting *f, struct item *it, size_t module, const char *rest,
		      size_t rest_len, struct st_err *e)
{
	char *p = st_arena_alloc(&f->a->arena, module + rest_len + 1, e);

	if (!p)
		return e->code;
	memcpy(p, it->module, module);
	memcpy(p + module, rest, rest_len);
	p[module + rest_len] = 0;
	it->target = p;
	it->len = module + rest_len;
	return ST_OK;
}

/* What PEFT puts around a module is a part of the name. */
static int parse_whole(struct fitting *f, struct item *it, struct st_err *e)
{
	static const struct {
		const char *part;
		enum role role;
	} wraps[] = { { "base_layer.", START },
		      { "modules_to_save.", SPARE },
		      { "original_module.", SPARE } };

	it->role = WHOLE;
	for (size_t i = 0; i < sizeof(wraps) / sizeof(*wraps); i++) {
		const size_t n = strlen(wraps[i].part);

		for (size_t at = 1; at + n < it->module_len; at++)
			if (it->module[at - 1] == '.' &&
			    memcmp(it->module + at, wraps[i].part, n) == 0) {
				it->role = wraps[i].role;
				return set_target(f, it, at, it->module + at + n,
						  it->module_len - at - n, e);
			}
	}
	return set_target(f, it, it->module_len, "", 0, e);
}

static int parse_name(struct fitting *f, struct item *it, const char *name, size_t len,
		      struct st_err *e)
{
	static const char *const suffixes[] = { ".lora_A.weight", ".lora_B.weight",
						".lora_embedding_A", ".lora_embedding_B" };
	const size_t behind = strlen(BEHIND);
	const bool prefixed = len > behind && memcmp(name, BEHIND, behind) == 0;
	size_t left;

	it->module = prefixed ? name + behind : name;
	it->module_len = prefixed ? len - behind : len;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++)
		if (ends(it->module, it->module_len, suffixes[i], &left)) {
			it->role = (enum role)i;
			it->module_len = left;
			return set_target(f, it, left, ".weight", 7, e);
		}
	if (has(name, len, "lora_"))
		return refuse(f, name, len, "is nothing that strata can apply", e);
	return parse_whole(f, it, e);
}

/* ---- where the model has them ---- */

struct wrap { /* the model's names are the adapter's without `drop` at the front, or with `add` */
	const char *drop, *add;
	size_t ndrop, nadd;
};

static size_t find(const struct fitting *f, const struct item *it, const struct wrap *w, char *work)
{
	uint64_t at;

	if (w->ndrop >= it->len || (w->ndrop && memcmp(it->target, w->drop, w->ndrop) != 0))
		return ST_MF_NONE;
	memcpy(work, w->add, w->nadd);
	memcpy(work + w->nadd, it->target + w->ndrop, it->len - w->ndrop);
	return st_map_get(f->names, work, w->nadd + it->len - w->ndrop, &at) ? (size_t)at :
									       ST_MF_NONE;
}

/* Does the model have all of them so? The first that it has not is left in *missing. */
static bool fits(struct fitting *f, const struct wrap *w, char *work, size_t *missing)
{
	for (size_t i = 0; i < f->n; i++) {
		f->v[i].at = find(f, &f->v[i], w, work);
		if (f->v[i].at == ST_MF_NONE) {
			*missing = i;
			return false;
		}
	}
	return true;
}

/* A module's name at least is left, not "weight" alone. */
static size_t shorter(struct fitting *f, struct wrap *best, char *work)
{
	const struct item *first = &f->v[0];
	size_t n = 0, missing;

	for (size_t i = 0; i < first->len; i++) {
		struct wrap w = { first->target, "", i + 1, 0 };

		if (first->target[i] == '.' &&
		    memchr(first->target + i + 1, '.', first->len - i - 1) &&
		    fits(f, &w, work, &missing)) {
			*best = w;
			n++;
		}
	}
	return n;
}

static size_t longer(struct fitting *f, struct wrap *best, char *work)
{
	const struct item *first = &f->v[0];
	size_t n = 0, missing;

	for (size_t i = 0; i < f->m->n; i++) {
		const struct st_operand *t = &f->m->t[i];
		struct wrap w = { "", t->name, 0, t->name_len - first->len };

		if (t->name_len > first->len && t->name[w.nadd - 1] == '.' &&
		    memcmp(t->name + w.nadd, first->target, first->len) == 0 &&
		    fits(f, &w, work, &missing)) {
			*best = w;
			n++;
		}
	}
	return n;
}

/* Of what find() puts together. */
static size_t longest_name(const struct fitting *f)
{
	size_t own = 0, theirs = 0;

	for (size_t i = 0; i < f->n; i++)
		own = f->v[i].len > own ? f->v[i].len : own;
	for (size_t i = 0; i < f->m->n; i++)
		theirs = f->m->t[i].name_len > theirs ? f->m->t[i].name_len : theirs;
	return own + theirs;
}

/* Names as they are; else one wrapping more or less around the model, the same for all of them. */
static int find_targets(struct fitting *f, struct st_err *e)
{
	struct wrap w = { "", "", 0, 0 };
	char *work = st_malloc(longest_name(f) + 1, e);
	size_t missing = 0, left, n;
	bool found;

	if (!work)
		return e->code;
	found = fits(f, &w, work, &missing);
	if (!found) {
		n = shorter(f, &w, work) + longer(f, &w, work);
		found = n == 1 && fits(f, &w, work, &left);
		if (n > 1)
			(void)refuse(f, f->v[missing].target, f->v[missing].len,
				     "can be several tensors of the model", e);
		else if (!found)
			(void)refuse(f, f->v[missing].target, f->v[missing].len,
				     "is no tensor of the model", e);
	}
	free(work);
	return e->code;
}

/* ---- what is done to them ---- */

static int place(struct fitting *f, size_t i, struct st_err *e)
{
	const struct item *it = &f->v[i];
	struct st_adapter_part *p = &f->a->part[it->at];
	const bool embedding = it->role == EMBEDDING_A || it->role == EMBEDDING_B;
	const bool factor = it->role != START && it->role != WHOLE;
	size_t *to = it->role == FACTOR_A || it->role == EMBEDDING_A ? &p->a :
		     it->role == FACTOR_B || it->role == EMBEDDING_B ? &p->b :
		     it->role == START				     ? &p->start :
								       &p->whole;

	if (it->role == SPARE)
		return ST_OK;
	if (*to != ST_MF_NONE)
		return refuse(f, it->target, it->len, "comes twice", e);
	if (factor && (p->a != ST_MF_NONE || p->b != ST_MF_NONE) && p->embedding != embedding)
		return refuse(f, it->target, it->len, "has factors of two kinds", e);
	*to = i;
	p->embedding = p->embedding || embedding;
	return ST_OK;
}

static const struct st_operand *own(const struct fitting *f, size_t i)
{
	return &f->a->side->t[i];
}

/* out x in of the model's: B is out x r, A is r x in */
static bool is_straight(const struct st_operand *w, const struct st_operand *a,
			const struct st_operand *b)
{
	if (a->ndim != w->ndim || b->ndim != w->ndim || b->shape[0] != w->shape[0] ||
	    b->shape[1] != a->shape[0])
		return false;
	for (unsigned i = 1; i < w->ndim; i++)
		if (a->shape[i] != w->shape[i] || (i > 1 && b->shape[i] != 1))
			return false;
	return true;
}

static bool is_turned(const struct st_operand *w, const struct st_operand *a,
		      const struct st_operand *b)
{
	return w->ndim == 2 && a->ndim == 2 && b->ndim == 2 && a->shape[1] == w->shape[0] &&
	       b->shape[0] == w->shape[1] && b->shape[1] == a->shape[0];
}

/* PEFT makes room for factors of the rank that its configuration says, and reads no others. */
static int check_rank(const struct fitting *f, const struct st_operand *w, const struct item *it,
		      uint64_t rank, struct st_err *e)
{
	struct st_adapter_rank said;
	struct st_quote qw, qp;

	if (!rank)
		return refuse(f, w->name, w->name_len, "has factors of rank 0", e);
	if (st_adapter_rank_fits(&f->a->config, it->module, it->module_len, rank, &said))
		return ST_OK;
	return st_fail(e, ST_EREFUSED,
		       "%s: %s has factors of rank %" PRIu64
		       ", but adapter_config.json says %" PRIu64 "%s%s",
		       f->a->name, st_quote(&qw, w->name, w->name_len), rank, said.rank,
		       said.pattern ? " in rank_pattern, " : "",
		       said.pattern ? st_quote(&qp, said.pattern, strlen(said.pattern)) : "");
}

static const char *wrong_type(const struct fitting *f, const struct st_operand *w,
			      const struct st_adapter_part *p)
{
	if (!st_mf_is_float(w->dtype))
		return "is quantised in the model, or no floating-point number: factors cannot be "
		       "added";
	if (!st_mf_is_float(own(f, p->a)->dtype) || !st_mf_is_float(own(f, p->b)->dtype))
		return "has factors that are no floating-point numbers";
	return NULL;
}

/* Are they factors of it, and which way round? Square matrices wait for what others say. */
static int check_factors(struct fitting *f, const struct st_operand *w, struct st_adapter_part *p,
			 struct st_err *e)
{
	const struct st_operand *a = own(f, p->a), *b = own(f, p->b);
	const char *why = wrong_type(f, w, p);
	bool straight, turned;

	if (why)
		return refuse(f, w->name, w->name_len, why, e);
	straight = w->ndim > 1 && !p->embedding && is_straight(w, a, b);
	turned = is_turned(w, a, b);
	if (!straight && !turned)
		return refuse(f, w->name, w->name_len, "has another shape than its factors make",
			      e);
	if (check_rank(f, w, &f->v[p->a], a->shape[0], e) != ST_OK)
		return e->code;
	p->how.transposed = straight && turned ? f->a->config.transposed : turned;
	f->straight = f->straight || (!turned && w->ndim == 2);
	f->turned = f->turned || (!straight && !p->embedding);
	p->how.scale = st_adapter_scale(&f->a->config, f->v[p->a].module, f->v[p->a].module_len,
					a->shape[0]);
	return ST_OK;
}

/* fan_in_fan_out is one word for all layers, and PEFT keeps what the last of them was. */
static int check_square(const struct fitting *f, const struct st_operand *w,
			const struct st_adapter_part *p, struct st_err *e)
{
	if (w->ndim != 2 || w->shape[0] != w->shape[1] || p->embedding ||
	    !(p->how.transposed ? f->straight : f->turned))
		return ST_OK;
	return refuse(
		f, w->name, w->name_len,
		"is square, and whether it is transposed cannot be told: other weights of the "
		"adapter do not lie as its fan_in_fan_out says",
		e);
}

/* Whole tensors have the model's type in the result. */
static int check_whole(const struct fitting *f, const struct st_operand *w, size_t i,
		       struct st_err *e)
{
	const struct st_operand *t = own(f, i);

	if (!st_operand_same_shape(w, t))
		return refuse(f, w->name, w->name_len, "has another shape in the adapter", e);
	if (t->dtype != w->dtype && !(st_mf_is_float(w->dtype) && st_mf_is_float(t->dtype)))
		return refuse(f, w->name, w->name_len, "has another type in the adapter", e);
	return ST_OK;
}

static int check_part(struct fitting *f, size_t t, struct st_err *e)
{
	const struct st_operand *w = &f->m->t[t];
	struct st_adapter_part *p = &f->a->part[t];
	const bool factors = p->a != ST_MF_NONE;
	int rc = ST_OK;

	if (factors != (p->b != ST_MF_NONE))
		return refuse(f, w->name, w->name_len,
			      factors ? "has a factor A and no B" : "has a factor B and no A", e);
	if (p->whole != ST_MF_NONE && (factors || p->start != ST_MF_NONE))
		return refuse(f, w->name, w->name_len, "is there whole, and in another way too", e);
	if (!factors && p->start != ST_MF_NONE) { /* the bias of a layer with factors */
		p->whole = p->start;
		p->start = ST_MF_NONE;
	}
	if (p->whole != ST_MF_NONE)
		rc = check_whole(f, w, p->whole, e);
	if (rc == ST_OK && p->start != ST_MF_NONE)
		rc = check_whole(f, w, p->start, e);
	return rc == ST_OK && factors ? check_factors(f, w, p, e) : rc;
}

static int check_spare(const struct fitting *f, const struct item *it, struct st_err *e)
{
	if (it->role != SPARE || f->a->part[it->at].whole != ST_MF_NONE)
		return ST_OK;
	return refuse(f, it->target, it->len, "is not there as PEFT reads modules_to_save", e);
}

static int fit(struct fitting *f, struct st_err *e)
{
	const struct st_side *m = f->m;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < f->n; i++)
		rc = parse_name(f, &f->v[i], own(f, i)->name, own(f, i)->name_len, e);
	if (rc == ST_OK)
		rc = find_targets(f, e);
	for (size_t i = 0; rc == ST_OK && i < f->n; i++)
		rc = place(f, i, e);
	for (size_t i = 0; rc == ST_OK && i < f->n; i++)
		rc = check_spare(f, &f->v[i], e);
	for (size_t t = 0; rc == ST_OK && t < m->n; t++)
		rc = check_part(f, t, e);
	for (size_t t = 0; rc == ST_OK && t < m->n; t++)
		rc = f->a->part[t].a == ST_MF_NONE ? ST_OK :
						     check_square(f, &m->t[t], &f->a->part[t], e);
	return rc;
}

int st_adapter_fit(struct st_adapter *a, const struct st_side *m, const struct st_map *names,
		   struct st_err *e)
{
	struct fitting f = { .a = a, .m = m, .names = names, .n = a->side->n };
	int rc;

	if (f.n == 0)
		return st_fail(e, ST_EREFUSED, "%s: the adapter has no tensors", a->name);
	a->part = st_arena_alloc(&a->arena, m->n * sizeof(*a->part), e);
	f.v = st_calloc(f.n, sizeof(*f.v), e);
	rc = e->code;
	for (size_t t = 0; rc == ST_OK && t < m->n; t++)
		a->part[t] = (struct st_adapter_part){ ST_MF_NONE, ST_MF_NONE, ST_MF_NONE,
						       ST_MF_NONE, false,      { 0, false } };
	if (rc == ST_OK)
		rc = fit(&f, e);
	free(f.v);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/weave_model.h"

#include "tensor/quote.h"

#include <math.h>
#include <stdio.h>

/* ---- one tensor ---- */

static int add_thread(struct st_weaving *k, const char *name, size_t len,
		      const struct st_operand *op, const struct st_side *side, struct st_err *e)
{
	struct st_fabric *f = &k->f;
	int rc;

	if (!op)
		return ST_OK;
	rc = st_grow(&f->v, &f->cap, f->n + 1, e);
	if (rc == ST_OK)
		f->v[f->n++] = (struct st_thread){ .name = name,
						   .name_len = len,
						   .op = op,
						   .of = op,
						   .side = side,
						   .from = { .how = ST_HOW_SIDE } };
	return rc;
}

/* The last thread has the old rows of what it was made of; the others follow them. */
static int add_rows(struct st_weaving *k, const struct st_fate *f, struct st_err *e)
{
	struct st_thread *t = &k->f.v[k->f.n - 1];
	const struct st_operand *rows = f->rows;
	uint64_t *shape;

	if (!rows || (t->from.how != ST_HOW_METHOD && st_oid_eq(&t->of->id, &rows->id) &&
		      st_operand_same_shape(t->of, rows)))
		return ST_OK;
	shape = st_arena_alloc(&k->f.w->arena, rows->ndim * sizeof(*shape), e);
	if (!shape)
		return e->code;
	memcpy(shape, rows->shape, rows->ndim * sizeof(*shape));
	shape[0] = f->kept;
	t->op = rows;
	t->tail = rows;
	t->tail_side = st_weaving_side(k, f->rows_side);
	t->head = f->head;
	t->head_shape = shape;
	return ST_OK;
}

static int add_fate(struct st_weaving *k, const struct st_fate *f, const struct st_operand *op,
		    const struct st_side *side, struct st_err *e)
{
	int rc = add_thread(k, f->name, f->len, op, side, e);

	return rc == ST_OK && op ? add_rows(k, f, e) : rc;
}

static bool is_of_names(const struct st_fate *f)
{
	return f->conflict == ST_CONFLICT_RENAME_RENAME || f->conflict == ST_CONFLICT_RENAME_DELETE;
}

static const struct st_operand *find_name(const struct st_side *side, const char *name, size_t len)
{
	for (size_t i = 0; i < side->n; i++)
		if (side->t[i].name_len == len && memcmp(side->t[i].name, name, len) == 0)
			return &side->t[i];
	return NULL;
}

/* By the first of its names that there is. */
static const struct st_operand *find_other(const struct st_weaving *k, const struct st_fate *f,
					   const struct st_side *side)
{
	const struct st_operand *op = find_name(side, f->name, f->len);

	if (!op && f->base)
		op = find_name(side, f->base->name, f->base->name_len);
	for (size_t i = 0; !op && i < k->f.w->n; i++)
		if (f->sides[i])
			op = find_name(side, f->sides[i]->name, f->sides[i]->name_len);
	return op;
}

/* Of a version that is merged, or the base, it is known which tensor that is, if it has one. */
static int take_part(struct st_weaving *k, const struct st_fate *f, size_t part, struct st_err *e)
{
	const bool base = part == ST_THREE_BASE;
	const struct st_operand *op = base ? f->base : f->sides[part];

	if (!op)
		return ST_OK;
	return add_thread(k, is_of_names(f) ? op->name : f->name,
			  is_of_names(f) ? op->name_len : f->len, op,
			  base ? st_diff_side_get(k->f.base) : st_weaving_side(k, part), e);
}

/* Has the version a tensor that some side renamed to this one? */
static bool has_origin(const struct st_weaving *k, const struct st_fate *f,
		       const struct st_side *side)
{
	for (size_t i = 0; f->was && i < k->f.w->n; i++)
		if (f->was[i] && find_name(side, f->was[i]->name, f->was[i]->name_len))
			return true;
	return false;
}

static int take_from(struct st_weaving *k, const struct st_fate *f, const struct st_choice *c,
		     struct st_err *e)
{
	const struct st_operand *op;
	const struct st_side *side;
	struct st_weaving_other x;
	struct st_quote q;
	size_t part;
	int rc;

	if (st_weave_part(k->f.w, &c->from, &part))
		return take_part(k, f, part, e);
	rc = st_weaving_other(k, &c->from, &x, e);
	if (rc != ST_OK)
		return rc;
	side = st_diff_side_get(x.parts.side);
	op = find_other(k, f, side);
	if (!op && has_origin(k, f, side))
		return ST_OK;
	if (!op)
		return st_fail(e, ST_ENOTFOUND, "the version of --from has no tensor %s%s",
			       st_quote(&q, f->name, f->len),
			       is_of_names(f) ? ", and none of its other names" : "");
	return add_thread(k, is_of_names(f) ? op->name : f->name,
			  is_of_names(f) ? op->name_len : f->len, op, side, e);
}

/* Rows of vocabularies that grew alike belong together only if someone says so. */
static bool can_join(const struct st_weaving *k, const struct st_fate *f)
{
	const struct st_operand *first = NULL;

	if (f->conflict != ST_CONFLICT_VOCABULARY && !st_conflict_blends(f->conflict))
		return false;
	for (size_t i = 0; !f->rows && i < k->f.w->n; i++) {
		const struct st_operand *x = f->sides[i];

		first = first ? first : x;
		if (x && !st_operand_same_shape(first, x))
			return false;
	}
	return true;
}

bool st_weaving_unchanged(const struct st_operand *base, const struct st_operand *x)
{
	return base && x && st_oid_eq(&base->id, &x->id) && base->dtype == x->dtype &&
	       st_operand_same_shape(base, x);
}

/* The first side that a method has a parameter for: what lora adds to is ours's, whoever changed
 * it. */
static size_t first_side(const struct st_spec *s)
{
	return st_spec_reads_adapters(s) ? 1 : 0;
}

/* Of values for each of all sides, those of the sides that have a say. */
static int narrow(struct st_weaving *k, struct st_thread *t, struct st_err *e)
{
	struct st_spec *s = &t->from.spec;
	const struct st_param *all = s->params;
	const size_t first = first_side(s), n = k->f.w->n - first;

	s->params = st_arena_alloc(&k->f.w->arena, s->nparams * sizeof(*s->params), e);
	for (size_t i = 0; s->params && i < s->nparams; i++) {
		struct st_param *p = &s->params[i];

		*p = all[i];
		if (p->layered || p->n != n)
			continue;
		p->v = st_arena_alloc(&k->f.w->arena, n * sizeof(*p->v), e);
		if (!p->v)
			return e->code;
		p->n = 0;
		for (size_t o = 0; o < n; o++)
			if (t->in[first + o])
				p->v[p->n++] = all[i].v[o];
	}
	return e->code;
}

static bool is_idle(const struct st_fate *f, const struct st_thread *t, size_t i)
{
	return f->rows ? f->idle[i] : st_weaving_unchanged(t->base, t->in[i]);
}

/*
 * What several of many sides changed is a matter of those: a side that left the tensor as it was
 * has no say, as it has none where only one side changed it.
 */
static int leave_out(struct st_weaving *k, const struct st_fate *f, struct st_thread *t,
		     struct st_err *e)
{
	struct st_method_info info;
	size_t first, left = k->f.w->n;

	if (t->from.how != ST_HOW_METHOD)
		return ST_OK;
	st_method_of(&t->from.spec, &info);
	if (strcmp(info.name, "theirs") == 0) /* theirs:model=2 counts sides */
		return ST_OK;
	first = first_side(&t->from.spec);
	for (size_t i = first; i < k->f.w->n; i++)
		if (first ? !st_weaving_adds(f, i) : !t->in[i] || is_idle(f, t, i)) {
			t->in[i] = NULL;
			left--;
		}
	return left < k->f.w->n ? narrow(k, t, e) : ST_OK;
}

/* Several bases have no answer for it. */
static bool is_baseless(const struct st_fate *f)
{
	return f->base && st_oid_is_zero(&f->base->id);
}

/* like: as which the result is typed and shaped; who: whose memory it is about */
static int blend_of(struct st_weaving *k, const struct st_fate *f, const struct st_choice *c,
		    const struct st_operand *like, size_t who, struct st_err *e)
{
	const struct st_operand **in = st_arena_alloc(&k->f.w->arena, k->f.w->n * sizeof(*in), e);
	const struct st_operand *one = f->sides[who];
	struct st_thread *t;
	int rc = in ? add_thread(k, f->name, f->len, like, NULL, e) : (int)e->code;

	if (rc == ST_OK && (c->how == ST_HOW_METHOD || c->rows == ST_HOW_METHOD))
		rc = st_spec_check_models(&c->spec, k->f.w->n - first_side(&c->spec),
					  e); /* not only who changed it */
	if (rc != ST_OK)
		return rc;
	for (size_t i = 0; i < k->f.w->n; i++)
		in[i] = f->sides[i];
	t = &k->f.v[k->f.n - 1];
	t->from = *c;
	t->base = is_baseless(f) ? NULL : f->base;
	t->in = in;
	one = &st_weaving_side(k, who)->t[k->first[who][one - st_weaving_side(k, who)->t]];
	t->seed_name = one == f->sides[who] ? f->name : one->name;
	t->seed_len = one == f->sides[who] ? f->len : one->name_len;
	k->f.w->tensors_blended++;
	rc = leave_out(k, f, t, e);
	if (rc == ST_OK)
		rc = st_weaving_weigh(k, t, e);
	return rc == ST_OK ? st_weaving_adapt(k, f, t, e) : rc;
}

/* The file of the result that a tensor of any side is in. */
static const char *home_of(const struct st_weaving *k, const struct st_fate *f)
{
	const struct st_operand *like = f->base;

	for (size_t i = 0; !like && i < k->f.w->n; i++)
		like = f->sides[i];
	return k->f.unit ? st_weave_home(k->f.unit, f->name, f->len, like) : k->f.s->path;
}

/* What other tensors are weighed by, or is added to them, is joined otherwise. */
static int check_applies(const struct st_weaving *k, const struct st_fate *f,
			 const struct st_choice *c, struct st_err *e)
{
	const char *path = home_of(k, f);
	struct st_quote q;

	if (st_choice_applies(c, path))
		return ST_OK;
	return st_fail(e, ST_EREFUSED, "tensor %s of '%s': %s", st_quote(&q, f->name, f->len), path,
		       st_spec_reads_adapters(&c->spec) ?
			       "method lora adds adapters to others, and cannot join it: --ours, "
			       "--theirs, or another method" :
			       "method fisher weighs others by it, and cannot join it: --ours, "
			       "--theirs, or another method (linear:normalize=0 adds up)");
}

static bool adds_adapters(const struct st_choice *c)
{
	return c->how == ST_HOW_METHOD && st_spec_reads_adapters(&c->spec);
}

static int check_adapts(struct st_weaving *k, const struct st_fate *f, const struct st_choice *c,
			struct st_err *e)
{
	const char *why = NULL;
	struct st_quote q;

	if (adds_adapters(c) && st_weaving_adapts(k, f, &why, e) != ST_OK)
		return e->code;
	return !why ? ST_OK :
		      st_fail(e, ST_EREFUSED,
			      "tensor %s of '%s': method lora has nothing for it, as %s: --ours, "
			      "--theirs, or another method",
			      st_quote(&q, f->name, f->len), home_of(k, f), why);
}

/* A method that takes theirs's tensor as it is: of its file nothing needs to be laid out anew. */
static bool is_side(const struct st_weaving *k, const struct st_fate *f, const struct st_choice *c,
		    size_t *side)
{
	struct st_method_info info;

	st_method_of(&c->spec, &info);
	if (strcmp(info.name, "theirs") != 0)
		return false;
	*side = (size_t)st_spec_value(&c->spec, "model", 0, 0);
	for (size_t i = 0; i < k->f.w->n; i++)
		if (!f->sides[i])
			return false;
	return *side < k->f.w->n && f->sides[*side]->dtype == f->sides[0]->dtype;
}

static int blend(struct st_weaving *k, const struct st_fate *f, const struct st_choice *c,
		 struct st_err *e)
{
	struct st_quote q;
	size_t who = 0, side;
	int rc;

	rc = st_spec_check_choice(&c->spec, k->f.w->n, e);
	if (rc == ST_OK)
		rc = check_applies(k, f, c, e);
	if (rc != ST_OK)
		return rc;
	if (!can_join(k, f))
		return st_fail(
			e, ST_EREFUSED, "tensor %s of '%s' is a conflict of %s: %s",
			st_quote(&q, f->name, f->len), k->f.s->path, st_conflict_name(f->conflict),
			f->conflict == ST_CONFLICT_TIED ?
				"who shares whose memory is one side's: --ours, --theirs or --base" :
				"a method joins values of one shape only");
	rc = check_adapts(k, f, c, e);
	if (rc != ST_OK)
		return rc;
	if (is_side(k, f, c, &side)) {
		k->f.w->tensors_blended++;
		return add_fate(k, f, f->sides[side], st_weaving_side(k, side), e);
	}
	while (!f->sides[who])
		who++;
	rc = blend_of(k, f, c, f->sides[who], who, e);
	return rc == ST_OK ? add_rows(k, f, e) : rc;
}

/* Each row has a base of its own where several bases differ about the file. */
static int row_bases(struct st_weaving *k, const struct st_fate *f, struct st_thread *t,
		     struct st_err *e)
{
	t->base = NULL;
	return st_row_bases_find(k, t->vocab, f->base ? f->base : f->sides[0], f->sides[0],
				 &t->row_bases, e);
}

/* Where the two sides' rows of one token come together. */
static int unite(struct st_weaving *k, const struct st_fate *f, const struct st_choice *c,
		 struct st_err *e)
{
	struct st_weave *w = k->f.w;
	const struct st_weave_vocab *v;
	struct st_operand *op;
	struct st_thread *t;
	struct st_quote q;
	uint64_t *shape, row;
	int rc = check_applies(k, f, c, e);

	if (rc == ST_OK)
		rc = st_weave_vocab(w, k->f.s->path, &v, e);
	if (rc != ST_OK)
		return rc;
	if (!f->sides[0] || !f->sides[1])
		return st_fail(
			e, ST_EREFUSED,
			"tensor %s of '%s' is on one side only, which has no row for tokens of "
			"the other: decide it by its name first (--ours, --theirs), and then "
			"the others by theirs, or stage a model of your own with 'strata add'",
			st_quote(&q, f->name, f->len), k->f.s->path);
	op = st_arena_alloc(&w->arena, sizeof(*op), e);
	shape = st_arena_alloc(&w->arena, (f->sides[0]->ndim + 1) * sizeof(*shape), e);
	if (!op || !shape)
		return e->code;
	*op = *f->sides[0];
	memcpy(shape, op->shape, op->ndim * sizeof(*shape));
	op->shape = shape;
	rc = st_rows_count(&v->u, v, f->sides[0], f->sides[1], &shape[0], e);
	if (rc != ST_OK)
		return rc;
	row = f->sides[0]->shape[0] ? op->nbytes / f->sides[0]->shape[0] : 0;
	if (!st_mul_u64(row, shape[0], &op->nbytes))
		return st_fail(e, ST_ELIMIT, "tensor %s would be too large",
			       st_quote(&q, f->name, f->len));
	rc = blend_of(k, f, c, op, 0, e);
	if (rc != ST_OK)
		return rc;
	t = &k->f.v[k->f.n - 1];
	t->vocab = v;
	return k->bases ? row_bases(k, f, t, e) : ST_OK;
}

static int obey(struct st_weaving *k, const struct st_fate *f, const struct st_choice *c,
		struct st_err *e)
{
	const struct st_operand *op = f->sides[0];
	size_t who = 0;
	int rc = ST_OK;

	switch (c->how) {
	case ST_HOW_OPEN:
		break;
	case ST_HOW_SIDE:
		who = c->side;
		op = f->sides[who];
		break;
	case ST_HOW_BASE:
		if (is_baseless(f))
			return st_weave_no_base(k->f.s->path, f->name, f->len, e);
		rc = f->base ? add_thread(k, f->base->name, f->base->name_len, f->base,
					  st_diff_side_get(k->f.base), e) :
			       ST_OK;
		return rc == ST_OK && f->base ? add_rows(k, f, e) : rc;
	case ST_HOW_FROM:
		return take_from(k, f, c, e);
	case ST_HOW_METHOD:
		return blend(k, f, c, e);
	case ST_HOW_UNION:
		return unite(k, f, c, e);
	default:
		return st_fail(e, ST_EUSAGE, "'%s' cannot be settled so", k->f.s->path);
	}
	if (rc != ST_OK || !op)
		return rc;
	if (is_of_names(f))
		rc = add_thread(k, op->name, op->name_len, op, st_weaving_side(k, who), e);
	else
		rc = add_fate(k, f, op, st_weaving_side(k, who), e);
	if (rc == ST_OK)
		k->f.v[k->f.n - 1].open = c->how == ST_HOW_OPEN;
	return rc;
}

static bool is_tied(const struct st_weaving *k, const struct st_fate *f, size_t side)
{
	const struct st_operand *x = f->sides[side];

	return x && k->tied[side][x - st_weaving_side(k, side)->t];
}

/* What was decided about a tensor that shares memory on some sides only. */
static void note_memory(struct st_weaving *k, const struct st_fate *f, const struct st_choice *c)
{
	size_t side = c->how == ST_HOW_SIDE ? c->side : 0;
	bool apart = !is_tied(k, f, side);

	if (f->conflict != ST_CONFLICT_TIED || (k->said && (k->apart || !apart)))
		return;
	k->memory = side;
	k->said = true;
	k->apart = apart;
}

/* A shard that was staged by hand stays so: its tensors only keep their places in the index. */
static int by_hand(struct st_weaving *k, const struct st_fate *f, struct st_err *e)
{
	size_t i = 0;

	while (i < k->f.w->n && !f->sides[i])
		i++;
	return i < k->f.w->n ? add_fate(k, f, f->sides[i], st_weaving_side(k, i), e) : ST_OK;
}

/* For rules: a side that has no adapter, or one that cannot be read, is told when it is needed. */
static bool takes(void *arg, const struct st_spec *s)
{
	struct st_weaving *k = arg;
	struct st_err why = { 0 };

	if (!st_spec_reads_adapters(s))
		return true;
	if (st_weaving_adapts(k, k->asked, &k->why, &why) != ST_OK)
		k->why = NULL;
	return !k->why;
}

static const struct st_spec *find_rule(struct st_weaving *k, const struct st_fate *f)
{
	if (!k->f.w->rules)
		return NULL;
	k->asked = f;
	k->why = NULL;
	return st_rules_find(k->f.w->rules, home_of(k, f), f->name, f->len);
}

/* What a rule's method cannot compute with, as it wants a base or another type, is left to be
 * decided. */
static enum st_ruled ruled(struct st_weaving *k, const struct st_fate *f)
{
	const struct st_spec *spec = find_rule(k, f);
	struct st_method_info info = { .needs_base = false };

	if (spec)
		st_method_of(spec, &info);
	if (info.needs_base && is_baseless(f))
		return ST_RULED_NOT;
	for (size_t i = 0; spec && i < k->f.w->n; i++)
		if (f->sides[i] &&
		    !st_spec_takes(spec, f->sides[i]->dtype, f->base && !is_baseless(f)))
			return ST_RULED_NOT;
	return f->outcome == ST_MERGE_BLEND ? ST_RULED_ANY : ST_RULED_SIDE;
}

/* What the base and the sides call it, where that is what it is about, or what it was. */
static void note_names(const struct st_weaving *k, const struct st_fate *f,
		       struct st_merge_name *names, struct st_merge_item *it)
{
	const struct st_operand *const *of = f->was ? f->was : f->sides;

	if (!f->was && !is_of_names(f))
		return;
	if (f->base)
		names[0] = (struct st_merge_name){ f->base->name, f->base->name_len };
	for (size_t i = 0; i < k->f.w->n; i++)
		if (of[i])
			names[i + 1] = (struct st_merge_name){ of[i]->name, of[i]->name_len };
	it->names = names;
}

static int note_chosen(struct st_weaving *k, const struct st_fate *f, const struct st_choice *c,
		       struct st_err *e)
{
	int rc = f->was ? st_grow(&k->chosen, &k->chosen_cap, k->nchosen + 1, e) : ST_OK;

	if (rc == ST_OK && f->was)
		k->chosen[k->nchosen++] = (struct st_weaving_chosen){ f->name, f->len, *c };
	return rc;
}

/* As the version has it that is chosen for what a side renamed it to; where none is, as ours. */
static int go_along(struct st_weaving *k, const struct st_fate *f, struct st_err *e)
{
	const struct st_operand *op;
	struct st_choice c = { .how = ST_HOW_OPEN };
	struct st_weaving_other x;
	size_t who = 0;
	int rc;

	for (size_t i = 0; i < k->nchosen; i++)
		if (k->chosen[i].len == f->along->name_len &&
		    memcmp(k->chosen[i].name, f->along->name, k->chosen[i].len) == 0)
			c = k->chosen[i].choice;
	if (c.how == ST_HOW_FROM && !st_weave_part(k->f.w, &c.from, &who)) {
		rc = st_weaving_other(k, &c.from, &x, e);
		if (rc != ST_OK)
			return rc;
		op = find_name(st_diff_side_get(x.parts.side), f->name, f->len);
		return add_thread(k, f->name, f->len, op, st_diff_side_get(x.parts.side), e);
	}
	if (c.how == ST_HOW_SIDE)
		who = c.side;
	if (c.how == ST_HOW_BASE || who == ST_THREE_BASE)
		return add_thread(k, f->name, f->len, f->base, st_diff_side_get(k->f.base), e);
	op = f->sides[who];
	if (!op)
		return ST_OK;
	rc = add_thread(k, f->name, f->len, op, st_weaving_side(k, who), e);
	if (rc == ST_OK)
		k->f.v[k->f.n - 1].open = c.how == ST_HOW_OPEN;
	return rc;
}

/* item: where it comes to be, if nothing was known about it */
static int note_open(struct st_weaving *k, const struct st_fate *f, const struct st_choice *c,
		     size_t item, struct st_err *e)
{
	const struct st_weave *w = k->f.w;

	return w->rules && c->how == ST_HOW_OPEN && w->d->nitems > item ?
		       st_weaving_note_pair(k, f, is_baseless(f) ? NULL : f->base, item, e) :
		       ST_OK;
}

/* What a pattern says only of tensors that the method has something for. */
static int pass(struct st_weaving *k, const struct st_fate *f, const struct st_merge_item *it,
		struct st_choice *c, struct st_err *e)
{
	const char *why = NULL;

	if (k->f.w->passed && adds_adapters(c) && can_join(k, f) &&
	    st_weaving_adapts(k, f, &why, e) != ST_OK)
		return e->code;
	return why ? st_weave_pass(k->f.w, it, c, e) : ST_OK;
}

static void note_left(struct st_weaving *k, const struct st_fate *f, const struct st_choice *c)
{
	if (!k->why || c->how != ST_HOW_OPEN || !can_join(k, f))
		return;
	if (!k->left.n++) {
		k->left.name = f->name;
		k->left.len = f->len;
		k->left.why = k->why;
	}
}

static int decide(struct st_weaving *k, const struct st_fate *f, struct st_err *e)
{
	struct st_oid ids[ST_THREE_SIDES] = { { { 0 } } };
	struct st_merge_held held[ST_THREE_SIDES + 1] = { { 0 } };
	const size_t item = k->f.w->d->nitems;
	const char *path = home_of(k, f);
	struct st_merge_item it = { .path = path,
				    .path_len = strlen(path),
				    .name = f->name,
				    .name_len = f->len,
				    .kind = st_conflict_name(f->conflict),
				    .sides = ids,
				    .nsides = k->f.w->n,
				    .held = held };
	struct st_merge_name names[ST_THREE_SIDES + 1] = { { NULL, 0 } };
	struct st_choice c;
	int rc;

	if (k->f.unit && st_weave_by_hand(k->f.w, path))
		return by_hand(k, f, e);
	if (f->base)
		it.base = f->base->id;
	if (!is_baseless(f))
		held[0] = st_held_tensor(f->base);
	for (size_t i = 0; i < k->f.w->n; i++) {
		if (f->sides[i])
			ids[i] = f->sides[i]->id;
		held[i + 1] = st_held_tensor(f->sides[i]);
	}
	note_names(k, f, names, &it);
	rc = st_weave_item(k->f.w, &it, ruled(k, f), &c, e);
	if (rc == ST_OK)
		rc = pass(k, f, &it, &c, e);
	if (rc == ST_OK)
		rc = note_open(k, f, &c, item, e);
	if (rc == ST_OK)
		note_left(k, f, &c);
	if (rc == ST_OK)
		note_memory(k, f, &c);
	if (rc == ST_OK)
		rc = note_chosen(k, f, &c, e);
	return rc == ST_OK ? obey(k, f, &c, e) : rc;
}

static int on_fate(void *arg, const struct st_fate *f, struct st_err *e)
{
	struct st_weaving *k = arg;

	switch (f->outcome) {
	case ST_MERGE_OURS:
		k->f.w->tensors_taken += f->rows != NULL && f->rows_side != 0;
		return add_fate(k, f, f->sides[0], st_weaving_side(k, 0), e);
	case ST_MERGE_THEIRS:
		k->f.w->tensors_taken++;
		if (!k->said && is_tied(k, f, f->side) != is_tied(k, f, 0))
			k->memory = f->side;
		return add_fate(k, f, f->sides[f->side], st_weaving_side(k, f->side), e);
	case ST_MERGE_GONE:
		k->f.w->tensors_taken++;
		return ST_OK;
	case ST_MERGE_ALONG:
		return go_along(k, f, e);
	default:
		return decide(k, f, e);
	}
}

static bool has_rule(void *arg, const struct st_fate *f)
{
	return find_rule(arg, f) != NULL;
}

static int head_id(void *arg, size_t side, const struct st_operand *x, uint64_t bytes,
		   struct st_oid *id, struct st_err *e)
{
	const struct st_weaving *k = arg;

	return st_weaving_head(side == ST_THREE_BASE ? st_diff_side_get(k->f.base) :
						       st_weaving_side(k, side),
			       x, bytes, id, e);
}

static int find_tokens(void *arg, const struct st_operand *base,
		       const struct st_operand *const *sides, struct st_three_tokens *out,
		       struct st_err *e)
{
	const struct st_weaving *k = arg;

	if (base && st_oid_is_zero(&base->id)) /* which has no rows, either */
		base = NULL;
	return st_weave_tokens(k->f.w, k->f.s->path, k->f.base ? st_diff_side_get(k->f.base) : NULL,
			       base, sides, out, e);
}

/* A side without the file has none of the tensors, and no say: it comes only where there is no
 * base. */
static int weave_tensors(struct st_weaving *k, struct st_err *e)
{
	static const struct st_side nothing = { 0 };
	const struct st_side *sides[ST_THREE_SIDES];
	const bool *tied[ST_THREE_SIDES] = { NULL };
	struct st_three t = { .sides = sides,
			      .n = k->f.w->n,
			      .tied = tied,
			      .head = head_id,
			      .head_arg = k,
			      .tokens = find_tokens,
			      .tokens_arg = k,
			      .rule = has_rule,
			      .rule_arg = k };

	if (k->f.base) {
		t.base = st_diff_side_get(k->f.base);
		t.base_tied = k->base_tied;
	}
	for (size_t i = 0; i < t.n; i++) {
		sides[i] = k->f.side[i] ? st_weaving_side(k, i) : &nothing;
		tied[i] = k->tied[i];
	}
	return st_three_each(&t, on_fate, k, e);
}

/* ---- all of it ---- */

static int no_name_twice(const struct st_weaving *k, struct st_err *e)
{
	struct st_map names;
	struct st_quote q;
	bool had = false;
	int rc = ST_OK;

	st_map_init(&names);
	for (size_t i = 0; rc == ST_OK && i < k->f.n; i++) {
		const struct st_thread *t = &k->f.v[i];

		rc = st_map_put(&names, t->name, t->name_len, i, &had, NULL, e);
		if (rc == ST_OK && had)
			rc = st_fail(
				e, ST_EREFUSED,
				"two tensors of '%s' would come to be called %s: decide for the "
				"other side, stage a file of your own with 'strata add', or "
				"rename one of them first, on its branch",
				k->f.s->path, st_quote(&q, t->name, t->name_len));
	}
	st_map_release(&names);
	return rc;
}

static int weave_inside(struct st_weaving *k, struct st_err *e)
{
	int rc = st_weaving_open(k, e);

	if (rc == ST_OK)
		rc = weave_tensors(k, e);
	if (rc == ST_OK)
		rc = no_name_twice(k, e);
	if (rc == ST_OK && !k->f.unit)
		return st_weaving_pattern(k, e);
	if (rc == ST_OK)
		k->f.pattern = k->f.unit->pattern;
	return rc;
}

/* Nothing came into a file that this branch does not have: it has none of it. */
static bool is_nothing(const struct st_weaving *k)
{
	const struct st_strand *s = k->f.s;
	size_t n = 0;

	for (size_t i = 0; i < k->f.w->n; i++)
		n += k->f.side[i] ? st_weaving_side(k, i)->n : 0;
	return !k->f.unit && !k->f.n && n && !s->base && !s->side[0];
}

/* *whole: it cannot be, as is found when tensors that share memory are written. */
static int write_all(struct st_weaving *k, const struct st_weaving_counts *before, bool *whole,
		     struct st_err *e)
{
	struct st_err why = { 0 };
	bool shared = false;
	int rc = st_weaving_measure(k, e);

	if (rc != ST_OK)
		return rc;
	if (is_nothing(k))
		return st_weave_take(k->f.w, k->f.s, NULL, e);
	k->f.shared = &shared;
	rc = k->f.unit ? st_weave_unit_write(&k->f, &why) : st_fabric_write(&k->f, &why);
	if (rc != ST_OK && shared)
		return st_weaving_refused(k, before, &why, whole, e);
	if (rc != ST_OK)
		*e = why;
	return rc;
}

/* Conflicts that a method was to join, as whoever named it may think. */
static void say_passed(const struct st_weave *w, const struct st_strand *s, uint64_t passed,
		       uint64_t open)
{
	const bool fisher = strcmp(st_weave_file_name(s->path), ST_FISHER_FILE) == 0;

	if (w->rules && w->rules->passed > passed && w->open > open)
		st_warn(&w->r->ctx,
			"'%s': method %s these tensors and does not join them: say how with --rule "
			"'%s::*=M' or 'strata resolve' (%s)",
			s->path, fisher ? "fisher weighs by" : "lora adds", s->path,
			fisher ? "linear:normalize=0 adds them up" :
				 "ours or theirs takes one side's");
}

/* The file was found to be one conflict before. */
static bool was_whole(const struct st_weave *w, const char *path)
{
	struct st_merge_desc d = { .items = w->d->items, .nitems = w->nknown };
	const struct st_merge_item *x = st_merge_desc_find(&d, path, strlen(path), "", 0);

	return x && strcmp(x->kind, ST_STAGED_KIND) != 0;
}

int st_weave_model(struct st_weave *w, const struct st_strand *s, const struct st_weave_unit *u,
		   struct st_err *e)
{
	struct st_weaving k = { .f = { .w = w, .s = s, .unit = u } };
	const struct st_weaving_counts before = { .nitems = w->d->nitems,
						  .ntarget = w->target.nrows,
						  .ngone = w->gone.nrows,
						  .open = w->open,
						  .taken = w->tensors_taken,
						  .blended = w->tensors_blended,
						  .sewn = w->sewn };
	const uint64_t passed = w->rules ? w->rules->passed : 0;
	bool whole = (u && u->torn) || was_whole(w, u ? st_weave_unit_path(u) : s->path);
	int rc = ST_OK;

	if (w->rules) {
		w->rules->takes = takes;
		w->rules->takes_arg = &k;
	}
	if (!whole)
		rc = weave_inside(&k, e);
	if (rc == ST_OK && !whole)
		rc = st_weaving_check(&k, &before, &whole, e);
	if (rc == ST_OK && !whole)
		rc = write_all(&k, &before, &whole, e);
	if (rc == ST_OK && whole)
		rc = u ? st_weave_unit_whole(w, u, e) : st_weave_whole(w, s, ST_CONFLICT_LAYOUT, e);
	if (rc == ST_OK && !whole)
		say_passed(w, s, passed, before.open);
	if (rc == ST_OK && !whole)
		st_weaving_say_left(&k, s->path);
	if (w->rules)
		w->rules->takes = NULL;
	st_weaving_close(&k);
	return rc;
}

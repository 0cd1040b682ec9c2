/* SPDX-License-Identifier: Apache-2.0 */
#include "merge/three.h"

#include "base/map.h"

static const char *const names[ST_NCONFLICTS] = {
	[ST_CONFLICT_VALUES] = "values",
	[ST_CONFLICT_SHAPE] = "shape",
	[ST_CONFLICT_DTYPE] = "dtype",
	[ST_CONFLICT_RENAME_RENAME] = "rename/rename",
	[ST_CONFLICT_RENAME_DELETE] = "rename/delete",
	[ST_CONFLICT_DELETE_MODIFY] = "delete/modify",
	[ST_CONFLICT_ADD_ADD] = "add/add",
	[ST_CONFLICT_TIED] = "tied",
	[ST_CONFLICT_VOCABULARY] = "vocabulary",
	[ST_CONFLICT_SETTING] = "configuration",
	[ST_CONFLICT_TEXT] = "text",
	[ST_CONFLICT_BINARY] = "binary",
	[ST_CONFLICT_FILE_DIRECTORY] = "file/directory",
	[ST_CONFLICT_LAYOUT] = "layout",
};

const char *st_conflict_name(enum st_conflict c)
{
	return (unsigned)c < ST_NCONFLICTS ? names[c] : "";
}

bool st_conflict_parse(const char *name, enum st_conflict *out)
{
	for (unsigned i = 0; i < ST_NCONFLICTS; i++)
		if (strcmp(names[i], name) == 0) {
			*out = (enum st_conflict)i;
			return true;
		}
	return false;
}

bool st_conflict_blends(enum st_conflict c)
{
	return c == ST_CONFLICT_VALUES || c == ST_CONFLICT_DTYPE || c == ST_CONFLICT_ADD_ADD;
}

struct origin { /* of a tensor that a side renamed to what another one is called elsewhere */
	const struct st_operand *base;
	bool apart; /* another one indeed: what became of `base` is there besides */
	bool with;  /* it goes along */
};

struct roll { /* the tensors of one side */
	const struct st_side *side;
	struct st_map names;
	struct st_map contents; /* of those whose names the base lacks, by what they hold */
	size_t *next;		/* the next of equal content, + 1; 0: none */
	bool *used;		/* it is a tensor of the base under another name */
	struct origin *of;
};

struct along { /* a tensor of the base, and with which one it goes */
	const struct st_operand *base, *to, *in[ST_THREE_SIDES];
};

struct coming {
	const struct st_three *t;
	struct st_map base_names;
	struct roll roll[ST_THREE_SIDES];
	const struct st_operand *in[ST_THREE_SIDES];
	const struct st_operand *was[ST_THREE_SIDES]; /* of what was added, */
	bool apart; /* which is different ones, whatever the rule */
	struct along *along;
	size_t nalong, cap;
	/* Where only the old rows are decided about: those, and the tensors that in stood for. */
	struct st_operand head[ST_THREE_SIDES], base_head;
	const struct st_operand *all[ST_THREE_SIDES];
	uint64_t head_shape[2];
	bool heads;
	struct st_fate fate;
	int (*cb)(void *arg, const struct st_fate *f, struct st_err *e);
	void *arg;
};

/* ---- equality ---- */

static bool same(const struct st_operand *a, const struct st_operand *b)
{
	if (!a || !b)
		return a == b;
	return a->dtype == b->dtype && st_oid_eq(&a->id, &b->id) && st_operand_same_shape(a, b);
}

static bool same_name(const struct st_operand *a, const struct st_operand *b)
{
	return a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

/* The same length of rows, and no fewer of them than the base has. */
static bool grew(const struct st_operand *base, const struct st_operand *x)
{
	if (!base || base->ndim != x->ndim || base->ndim < 1 || base->ndim > 2)
		return false;
	return x->shape[0] >= base->shape[0] && (base->ndim == 1 || x->shape[1] == base->shape[1]);
}

/* ---- one tensor ---- */

static bool tied(const struct coming *k, size_t side)
{
	const struct st_three *t = k->t;
	const struct st_operand *x = k->heads ? k->all[side] : k->in[side];

	return x && t->tied && t->tied[side] && t->tied[side][x - t->sides[side]->t];
}

/* Two or more changed it to different things, all of which are there. */
static enum st_conflict why(const struct coming *k, const struct st_operand *base)
{
	const struct st_operand *first = NULL;
	bool shapes = false, types = false, ties = false, rows = base != NULL, tie = false;
	bool more = false;

	for (size_t i = 0; i < k->t->n; i++) {
		const struct st_operand *x = k->in[i];

		if (!x)
			continue;
		rows = rows && grew(base, x);
		more = more || (base && x->ndim && x->shape[0] > base->shape[0]);
		if (!first) {
			first = x;
			tie = tied(k, i);
		}
		shapes = shapes || !st_operand_same_shape(first, x);
		types = types || first->dtype != x->dtype;
		ties = ties || tied(k, i) != tie;
	}
	if (!base)
		return ST_CONFLICT_ADD_ADD;
	if (rows && more) /* of one shape too: a row of one side is another thing on the other */
		return ST_CONFLICT_VOCABULARY;
	if (shapes)
		return ST_CONFLICT_SHAPE;
	if (types)
		return ST_CONFLICT_DTYPE;
	return ties ? ST_CONFLICT_TIED : ST_CONFLICT_VALUES;
}

static bool all_one_shape(const struct coming *k)
{
	const struct st_operand *first = NULL;

	for (size_t i = 0; i < k->t->n; i++) {
		first = first ? first : k->in[i];
		if (k->in[i] && !st_operand_same_shape(first, k->in[i]))
			return false;
	}
	return true;
}

static void conflict(struct coming *k, enum st_conflict c)
{
	const struct st_three *t = k->t;
	struct st_fate *f = &k->fate;

	f->outcome = ST_MERGE_CONFLICT;
	f->conflict = c;
	if (st_conflict_blends(c) && all_one_shape(k) && t->rule && t->rule(t->rule_arg, f))
		f->outcome = ST_MERGE_BLEND;
}

static void take(struct coming *k, size_t side)
{
	k->fate.outcome = side == 0 ? ST_MERGE_OURS : ST_MERGE_THEIRS;
	k->fate.side = side;
}

/* The one tensor with more rows than the base that all sides with more have; NULL: none. */
static const struct st_operand *grown(const struct coming *k, const struct st_operand *base,
				      size_t *side)
{
	const struct st_operand *found = NULL;

	for (size_t i = 0; i < k->t->n; i++) {
		const struct st_operand *x = k->in[i];

		if (!grew(base, x) || x->dtype != base->dtype)
			return NULL;
		if (x->shape[0] == base->shape[0])
			continue;
		if (found && !same(found, x))
			return NULL;
		if (!found)
			*side = i;
		found = found ? found : x;
	}
	return found;
}

/* Can rows from `kept` on be one side's, and those before them be decided about? */
static bool can_part(const struct coming *k, const struct st_operand *base, uint64_t kept,
		     size_t side)
{
	if (!k->t->head || !base->shape[0] || base->nbytes % base->shape[0] ||
	    kept > base->shape[0])
		return false;
	for (size_t i = 0; i < k->t->n; i++) {
		const struct st_operand *x = k->in[i];

		if (!grew(base, x) || x->dtype != base->dtype ||
		    (i != side && x->shape[0] != base->shape[0]))
			return false;
	}
	return true;
}

/* What the base and all sides have. */
static void decide_values(struct coming *k, const struct st_operand *base, bool tie)
{
	const struct st_three *t = k->t;
	bool any = false, differ = false;
	size_t who = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (same(k->in[i], base) && tied(k, i) == tie)
			continue;
		differ = differ ||
			 (any && (!same(k->in[i], k->in[who]) || tied(k, i) != tied(k, who)));
		if (!any)
			who = i;
		any = true;
	}
	if (differ)
		conflict(k, why(k, base));
	else
		take(k, who);
}

/* x without the rows that came. */
static int cut(struct coming *k, struct st_operand *out, const struct st_operand *x, size_t side,
	       struct st_err *e)
{
	const struct st_three *t = k->t;
	uint64_t bytes = k->fate.head;

	*out = *x;
	out->shape = k->head_shape;
	out->nbytes = bytes;
	return x->shape[0] == k->fate.kept ? ST_OK :
					     t->head(t->head_arg, side, x, bytes, &out->id, e);
}

static int cut_all(struct coming *k, const struct st_operand *base, struct st_err *e)
{
	int rc = cut(k, &k->base_head, base, ST_THREE_BASE, e);

	for (size_t i = 0; rc == ST_OK && i < k->t->n; i++) {
		const struct st_operand *x = k->all[i];
		size_t o = 0;

		while (o < i && !same(k->all[o], x))
			o++;
		if (o < i)
			k->head[i] = k->head[o];
		else if (same(x, base))
			k->head[i] = k->base_head;
		else
			rc = cut(k, &k->head[i], x, i, e);
		k->in[i] = &k->head[i];
		k->fate.idle[i] = rc == ST_OK && same(&k->head[i], &k->base_head);
	}
	return rc;
}

/* Rows that one side has for itself come along, and those before are decided as if there were no
 * others. */
static int decide_rows(struct coming *k, const struct st_operand *base, uint64_t kept, size_t side,
		       struct st_err *e)
{
	const struct st_three *t = k->t;
	int rc;

	memcpy(k->all, k->in, sizeof(k->all));
	k->fate.rows = k->in[side];
	k->fate.rows_side = side;
	k->fate.kept = kept;
	k->fate.head = kept == base->shape[0] ? base->nbytes : base->nbytes / base->shape[0] * kept;
	memcpy(k->head_shape, base->shape, base->ndim * sizeof(*k->head_shape));
	k->head_shape[0] = kept;
	rc = cut_all(k, base, e);
	k->heads = true;
	if (rc == ST_OK)
		decide_values(k, &k->base_head, t->base_tied && t->base_tied[base - t->base->t]);
	k->heads = false;
	memcpy(k->in, k->all, sizeof(k->all));
	return rc;
}

static int ask_tokens(const struct coming *k, const struct st_operand *base,
		      struct st_three_tokens *out, struct st_err *e)
{
	const struct st_three *t = k->t;

	*out = (struct st_three_tokens){ 0 };
	return t->tokens ? t->tokens(t->tokens_arg, base, k->in, out, e) : ST_OK;
}

/* All sides have it; some may have changed it, to different things if differ. */
static int decide_shared(struct coming *k, const struct st_operand *base, bool differ,
			 struct st_err *e)
{
	const struct st_three *t = k->t;
	struct st_three_tokens own;
	size_t side = 0;
	int rc = ask_tokens(k, base, &own, e);

	if (rc != ST_OK)
		return rc;
	if (own.mixed || (differ && own.unsure) ||
	    (differ && own.kept && !can_part(k, base, own.kept, own.side))) {
		/* whatever the methods: no row is made of two tokens' */
		conflict(k, ST_CONFLICT_VOCABULARY);
		return ST_OK;
	}
	if (differ && own.kept)
		return decide_rows(k, base, own.kept, own.side, e);
	if (differ && t->head && grown(k, base, &side))
		return decide_rows(k, base, base->shape[0], side, e);
	decide_values(k, base, t->base_tied && t->base_tied[base - t->base->t]);
	return ST_OK;
}

/* What the base has, as the sides have it. */
static int decide_kept(struct coming *k, const struct st_operand *base, struct st_err *e)
{
	const struct st_operand *renamed = NULL, *changed = NULL;
	bool gone = false, names_differ = false, differ = false;

	for (size_t i = 0; i < k->t->n; i++) {
		const struct st_operand *x = k->in[i];

		gone = gone || !x;
		if (x && !same_name(x, base)) {
			names_differ = names_differ || (renamed && !same_name(x, renamed));
			renamed = renamed ? renamed : x;
		}
		if (!x || same(x, base))
			continue;
		differ = differ || (changed && !same(x, changed));
		changed = changed ? changed : x;
	}
	if (renamed && !names_differ) {
		k->fate.name = renamed->name;
		k->fate.len = renamed->name_len;
	}
	if (names_differ)
		conflict(k, ST_CONFLICT_RENAME_RENAME);
	else if (gone && renamed)
		conflict(k, ST_CONFLICT_RENAME_DELETE);
	else if (gone && changed)
		conflict(k, ST_CONFLICT_DELETE_MODIFY);
	else if (gone)
		k->fate.outcome = ST_MERGE_GONE;
	else
		return decide_shared(k, base, differ, e);
	return ST_OK;
}

/* A side gave this name to a tensor of the base. */
static bool taken(const struct coming *k, const char *name, size_t len)
{
	uint64_t at;

	for (size_t i = 0; i < k->t->n; i++)
		if (st_map_get(&k->roll[i].names, name, len, &at) && k->roll[i].used[at])
			return true;
	return false;
}

static int decide_added(struct coming *k, struct st_err *e)
{
	const struct st_operand *first = NULL;
	struct st_three_tokens own;
	bool differ = false;
	size_t who = 0;
	int rc = ST_OK;

	if (k->apart || taken(k, k->fate.name, k->fate.len)) {
		k->fate.outcome = ST_MERGE_CONFLICT;
		k->fate.conflict = ST_CONFLICT_ADD_ADD;
		return ST_OK;
	}
	for (size_t i = 0; i < k->t->n; i++) {
		if (!k->in[i])
			continue;
		differ = differ || (first && !same(first, k->in[i]));
		if (!first)
			who = i;
		first = first ? first : k->in[i];
	}
	rc = ask_tokens(k, NULL, &own, e);
	if (rc == ST_OK && own.mixed)
		conflict(k, ST_CONFLICT_VOCABULARY);
	else if (rc == ST_OK && differ)
		conflict(k, ST_CONFLICT_ADD_ADD);
	else
		take(k, who);
	return rc;
}

/* Is the name in conflict, and what was what has it? */
static void find_origins(struct coming *k)
{
	const struct st_operand *first = NULL;

	memset(k->was, 0, sizeof(k->was));
	k->apart = false;
	for (size_t o = 0; o < k->t->n; o++) {
		const struct roll *r = &k->roll[o];
		const struct origin *of = k->in[o] ? &r->of[k->in[o] - r->side->t] : NULL;

		if (!of || !of->base)
			continue;
		k->apart = k->apart || of->apart || (first && first != of->base);
		first = first ? first : of->base;
		k->was[o] = of->with ? of->base : NULL;
		if (k->was[o])
			k->fate.was = k->was;
	}
}

static int emit(struct coming *k, const struct st_operand *base, const struct st_operand *called,
		struct st_err *e)
{
	int rc;

	k->fate = (struct st_fate){
		.name = called->name, .len = called->name_len, .base = base, .sides = k->in
	};
	for (size_t i = 0; base && i < k->t->n; i++)
		if (k->in[i]) {
			k->fate.name = k->in[i]->name;
			k->fate.len = k->in[i]->name_len;
			break;
		}
	if (!base)
		find_origins(k);
	rc = base ? decide_kept(k, base, e) : decide_added(k, e);
	return rc == ST_OK ? k->cb(k->arg, &k->fate, e) : rc;
}

/* ---- pairing ---- */

struct content { /* a key without padding */
	uint8_t id[ST_OID_LEN];
	uint64_t dtype;
};

static void content_of(struct content *c, const struct st_operand *x)
{
	memset(c, 0, sizeof(*c));
	memcpy(c->id, x->id.b, ST_OID_LEN);
	c->dtype = (uint64_t)x->dtype;
}

static int map_names(struct st_map *m, const struct st_side *s, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->n; i++)
		rc = st_map_put(m, s->t[i].name, s->t[i].name_len, i, NULL, NULL, e);
	return rc;
}

/* From the last to the first, so that chains go forward. */
static int enrol(struct coming *k, size_t side, struct st_err *e)
{
	struct roll *r = &k->roll[side];
	struct content c;
	int rc;

	r->side = k->t->sides[side];
	r->next = st_calloc(r->side->n, sizeof(*r->next), e);
	r->used = st_calloc(r->side->n, sizeof(*r->used), e);
	r->of = st_calloc(r->side->n, sizeof(*r->of), e);
	rc = r->next && r->used && r->of ? map_names(&r->names, r->side, e) : (int)e->code;
	for (size_t i = r->side->n; rc == ST_OK && i > 0; i--) {
		const struct st_operand *x = &r->side->t[i - 1];
		uint64_t old = 0;
		bool had = false;

		if (st_map_get(&k->base_names, x->name, x->name_len, NULL))
			continue;
		content_of(&c, x);
		rc = st_map_put(&r->contents, &c, sizeof(c), i, &had, &old, e);
		r->next[i - 1] = had ? (size_t)old : 0;
	}
	return rc;
}

static const struct st_operand *find_renamed(struct roll *r, const struct st_operand *base)
{
	struct content c;
	uint64_t at;

	content_of(&c, base);
	if (!st_map_get(&r->contents, &c, sizeof(c), &at))
		return NULL;
	for (; at; at = r->next[at - 1]) {
		const struct st_operand *x = &r->side->t[at - 1];

		if (r->used[at - 1] || r->of[at - 1].base || !st_operand_same_shape(x, base) ||
		    x->nbytes == 0)
			continue;
		r->used[at - 1] = true;
		return x;
	}
	return NULL;
}

static const struct st_operand *find(struct roll *r, const struct st_operand *base)
{
	uint64_t at;

	return st_map_get(&r->names, base->name, base->name_len, &at) ? &r->side->t[at] :
									find_renamed(r, base);
}

/* Is the name that side i gave the tensor new on another side too, for something else? */
static bool is_elsewhere(const struct coming *k, size_t i)
{
	const struct st_operand *x = k->in[i];
	uint64_t at;

	for (size_t o = 0; o < k->t->n; o++)
		if (o != i && st_map_get(&k->roll[o].names, x->name, x->name_len, &at) &&
		    k->in[o] != &k->roll[o].side->t[at])
			return true;
	return false;
}

/* Do the sides not agree about what has that name? */
static bool is_contested(const struct coming *k, const struct st_operand *to)
{
	uint64_t at;

	for (size_t i = 0; i < k->t->n; i++)
		if (st_map_get(&k->roll[i].names, to->name, to->name_len, &at) &&
		    !same(&k->roll[i].side->t[at], to))
			return true;
	return false;
}

/* A name can be of one tensor only: what would share it was removed, and the other one added. One
 * that goes may be what another one counted on. to: those names, by side, that are contested. */
static void part_renamed(struct coming *k, const struct st_operand *base,
			 const struct st_operand **to)
{
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < k->t->n; i++) {
			const struct st_operand *x = k->in[i];

			if (!x || same_name(x, base) || !is_elsewhere(k, i))
				continue;
			to[i] = is_contested(k, x) ? x : NULL;
			k->roll[i].used[x - k->roll[i].side->t] = false;
			k->in[i] = NULL;
			again = true;
		}
	}
}

static bool is_anywhere(const struct coming *k)
{
	for (size_t i = 0; i < k->t->n; i++)
		if (k->in[i])
			return true;
	return false;
}

/* Nobody did more to it than to rename or remove it, and what it was is known. */
static bool goes_along(const struct coming *k, const struct st_operand *base)
{
	for (size_t i = 0; i < k->t->n; i++)
		if (k->in[i] && (!same_name(k->in[i], base) || !same(k->in[i], base)))
			return false;
	return !st_oid_is_zero(&base->id);
}

/* *along: it is kept for later. */
static int note_origins(struct coming *k, const struct st_operand *base,
			const struct st_operand *const *to, bool *along, struct st_err *e)
{
	const bool with = goes_along(k, base);
	const struct st_operand *first = NULL;
	int rc;

	for (size_t i = 0; i < k->t->n; i++) {
		struct origin *of = to[i] ? &k->roll[i].of[to[i] - k->roll[i].side->t] : NULL;

		if (!of || of->base)
			continue;
		*of = (struct origin){ base, is_anywhere(k), with };
		first = first ? first : to[i];
	}
	*along = with && first;
	if (!*along)
		return ST_OK;
	rc = st_grow(&k->along, &k->cap, k->nalong + 1, e);
	if (rc != ST_OK)
		return rc;
	k->along[k->nalong] = (struct along){ .base = base, .to = first };
	memcpy(k->along[k->nalong++].in, k->in, sizeof(k->in));
	return ST_OK;
}

static int each_kept(struct coming *k, struct st_err *e)
{
	const struct st_side *base = k->t->base;
	int rc = ST_OK;

	for (size_t b = 0; rc == ST_OK && base && b < base->n; b++) {
		const struct st_operand *parted[ST_THREE_SIDES] = { NULL };
		bool along;

		for (size_t i = 0; i < k->t->n; i++)
			k->in[i] = find(&k->roll[i], &base->t[b]);
		part_renamed(k, &base->t[b], parted);
		rc = note_origins(k, &base->t[b], parted, &along, e);
		if (rc == ST_OK && !along)
			rc = emit(k, &base->t[b], &base->t[b], e);
	}
	return rc;
}

static int each_along(struct coming *k, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < k->nalong; i++) {
		const struct along *x = &k->along[i];

		k->fate = (struct st_fate){ .outcome = ST_MERGE_ALONG,
					    .name = x->base->name,
					    .len = x->base->name_len,
					    .base = x->base,
					    .sides = x->in,
					    .along = x->to };
		rc = k->cb(k->arg, &k->fate, e);
	}
	return rc;
}

/* In that side, and not paired with a tensor of the base. */
static const struct st_operand *find_added(struct coming *k, size_t side,
					   const struct st_operand *x)
{
	struct roll *r = &k->roll[side];
	uint64_t at;

	if (!st_map_get(&r->names, x->name, x->name_len, &at) || r->used[at])
		return NULL;
	return &r->side->t[at];
}

static int each_added(struct coming *k, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t s = 0; rc == ST_OK && s < k->t->n; s++)
		for (size_t i = 0; rc == ST_OK && i < k->t->sides[s]->n; i++) {
			const struct st_operand *x = &k->t->sides[s]->t[i];
			bool before = k->roll[s].used[i] ||
				      st_map_get(&k->base_names, x->name, x->name_len, NULL);

			for (size_t o = 0; !before && o < s; o++)
				before = find_added(k, o, x) != NULL;
			if (before)
				continue;
			for (size_t o = 0; o < k->t->n; o++)
				k->in[o] = find_added(k, o, x);
			rc = emit(k, NULL, x, e);
		}
	return rc;
}

int st_three_each(const struct st_three *t,
		  int (*cb)(void *arg, const struct st_fate *f, struct st_err *e), void *arg,
		  struct st_err *e)
{
	struct coming k = { .t = t, .cb = cb, .arg = arg };
	int rc = ST_OK;

	if (t->n == 0 || t->n > ST_THREE_SIDES)
		return st_fail(e, ST_EUSAGE, "%zu lines come together: at most %d can", t->n,
			       ST_THREE_SIDES);
	st_map_init(&k.base_names);
	for (size_t i = 0; i < t->n; i++) {
		st_map_init(&k.roll[i].names);
		st_map_init(&k.roll[i].contents);
	}
	if (t->base)
		rc = map_names(&k.base_names, t->base, e);
	for (size_t i = 0; rc == ST_OK && i < t->n; i++)
		rc = enrol(&k, i, e);
	if (rc == ST_OK)
		rc = each_kept(&k, e);
	if (rc == ST_OK)
		rc = each_added(&k, e);
	if (rc == ST_OK)
		rc = each_along(&k, e);
	for (size_t i = 0; i < t->n; i++) {
		st_map_release(&k.roll[i].names);
		st_map_release(&k.roll[i].contents);
		free(k.roll[i].next);
		free(k.roll[i].used);
		free(k.roll[i].of);
	}
	free(k.along);
	st_map_release(&k.base_names);
	return rc;
}

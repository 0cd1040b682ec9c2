/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the object of a checkpoint to tensors with names (doc/format/torch.md, "Names").
 *
 * The object is a graph: the memo shares nodes and closes circles. A circle is not entered twice,
 * depth and steps are bounded. Sharing within sharing has exponentially many paths; when that is
 * noticed the configuration is given up, and from then on nodes without tensors are passed by.
 */
#include "format/torch_walk.h"

#include "tensor/quote.h"

#include <stdio.h>

int st_twalk_step(struct st_twalk *w, uint64_t n)
{
	w->steps += n;
	if (w->steps > ST_TWALK_STEPS)
		return st_fail(w->t->e, ST_ELIMIT,
			       "the object of the checkpoint has more than %" PRIu64
			       " parts, counted by name",
			       ST_TWALK_STEPS);
	if (w->steps > ST_TWALK_SHOWN && !w->conf_off)
		w->conf_off = "too much to show";
	return ST_OK;
}

/* --- names --- */

static void push(struct st_twalk *w, const char *s, size_t len)
{
	ST_BUG_ON(w->nseg == sizeof(w->seg) / sizeof(*w->seg));
	w->seg[w->nseg].s = s;
	w->seg[w->nseg++].len = len;
}

static void pop(struct st_twalk *w)
{
	w->nseg--;
}

static const char root_name[] = "tensor";

/* The present name with the suffix behind it, in the layout's memory. */
static char *name_of(struct st_twalk *w, const char *suffix, size_t *len)
{
	struct st_torch *t = w->t;
	uint64_t total = w->nseg ? w->nseg - 1 : sizeof(root_name) - 1;
	size_t at = 0, n = strlen(suffix);
	char *name;

	for (unsigned i = 0; i < w->nseg; i++)
		total += w->seg[i].len; /* of strings in memory: at most 130 of them */
	total += n;
	/* Thrice: whoever makes names unique has them in a table, too. */
	if (st_torch_charge(t, total * 3) != ST_OK)
		return NULL;
	name = st_arena_alloc(&t->l->arena, (size_t)total + 1, t->e);
	if (!name)
		return NULL;
	if (w->nseg == 0) {
		memcpy(name, root_name, sizeof(root_name) - 1);
		at = sizeof(root_name) - 1;
	}
	for (unsigned i = 0; i < w->nseg; i++) {
		if (i)
			name[at++] = '.';
		if (w->seg[i].len)
			memcpy(name + at, w->seg[i].s, w->seg[i].len);
		at += w->seg[i].len;
	}
	memcpy(name + at, suffix, n);
	*len = at + n;
	return name;
}

int st_twalk_tensor(struct st_twalk *w, const struct st_tensor *from, const char *suffix)
{
	struct st_tensor *t;
	size_t len;
	char *name;

	/* Thrice: the list of tensors grows by copying. */
	if (st_torch_charge(w->t, (sizeof(*t) + from->ndim * sizeof(*from->shape)) * 3) != ST_OK)
		return w->t->e->code;
	name = name_of(w, suffix, &len);
	if (!name)
		return w->t->e->code;
	t = st_layout_add(w->t->l, w->t->e);
	if (!t)
		return w->t->e->code;
	*t = *from;
	t->name = name;
	t->name_len = len;
	return ST_OK;
}

int st_twalk_note(struct st_twalk *w, const char *json)
{
	struct st_err *e = w->t->e;
	struct st_tnote *n;
	size_t len = strlen(json);
	char *copy;

	if (st_torch_charge(w->t, (sizeof(*n) + len) * 3) != ST_OK ||
	    st_grow(&w->notes, &w->notes_cap, w->nnotes + 1, e) != ST_OK)
		return e->code;
	n = &w->notes[w->nnotes];
	n->name = name_of(w, "", &n->len);
	copy = n->name ? st_arena_alloc(&w->t->l->arena, len + 3, e) : NULL;
	if (!copy)
		return e->code;
	copy[0] = '{';
	memcpy(copy + 1, json, len);
	copy[len + 1] = '}';
	n->json = copy;
	w->nnotes++;
	return ST_OK;
}

/* --- containers --- */

static bool plain_numbers(struct st_pk *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i]->kind != ST_PK_INT && v[i]->kind != ST_PK_FLOAT &&
		    v[i]->kind != ST_PK_BOOL)
			return false;
	return true;
}

/* A list where some values are not shown keeps the positions of the others. */
static struct st_conf *with_holes(struct st_twalk *w, struct st_conf *const *v, size_t n,
				  size_t shown)
{
	struct st_conf *o = st_conf_object(w, shown);
	const char *key;
	char digits[24];
	size_t len;

	for (size_t i = 0; o && i < n; i++) {
		if (!v[i])
			continue;
		len = (size_t)snprintf(digits, sizeof(digits), "%zu", i);
		key = st_conf_copy(w, digits, len);
		if (!key)
			return NULL;
		st_conf_add(w, o, key, len, v[i]);
	}
	return st_conf_sorted(w, o);
}

static struct st_conf *list_of(struct st_twalk *w, struct st_conf **v, size_t n)
{
	struct st_conf *list;
	size_t shown = 0;

	for (size_t i = 0; v && i < n; i++)
		shown += v[i] != NULL;
	if (shown == 0)
		return NULL;
	if (shown < n)
		return with_holes(w, v, n, shown);
	list = st_conf_new(w, ST_CONF_LIST);
	if (list) {
		list->v = v;
		list->n = n;
	}
	return list;
}

/* One value of a list; in the param_groups' lists a position stands for the parameter's id. */
static int visit_item(struct st_twalk *w, bool params, const struct st_pk *n, struct st_conf **out)
{
	uint64_t at;

	if (!params || n->kind != ST_PK_INT || !st_topt_position(w->opt, n, &at))
		return st_twalk_visit(w, n, out);
	*out = st_conf_u64(w, at);
	return st_twalk_step(w, 1);
}

int st_twalk_seq(struct st_twalk *w, const struct st_pk *owner, struct st_pk *const *v, size_t n,
		 struct st_conf **out)
{
	bool params = st_topt_is_params(w->opt, owner);
	struct st_conf **conf, *c;
	char digits[24];
	int rc = ST_OK;

	*out = NULL;
	if (n > ST_TWALK_LIST && plain_numbers(v, n)) {
		*out = st_conf_elided_n(w, n);
		return st_twalk_step(w, n / 32);
	}
	conf = st_conf_alloc(w, n, sizeof(struct st_conf *));
	w->json++;
	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		push(w, digits, (size_t)snprintf(digits, sizeof(digits), "%zu", i));
		rc = visit_item(w, params, v[i], &c);
		if (conf)
			conf[i] = c;
		pop(w);
	}
	w->json--;
	*out = list_of(w, conf, n);
	return rc;
}

/* Sets are written in no order: theirs is that of the values' texts. */
struct element {
	struct st_pk *n;
	struct st_ttext text;
};

static int by_value(const void *pa, const void *pb)
{
	const struct element *a = pa, *b = pb;
	size_t both = a->text.n < b->text.n ? a->text.n : b->text.n;
	int c;

	if (a->n->kind == ST_PK_INT && b->n->kind == ST_PK_INT)
		return (a->n->i > b->n->i) - (a->n->i < b->n->i);
	if (a->n->kind != b->n->kind)
		return a->n->kind < b->n->kind ? -1 : 1;
	c = memcmp(a->text.s, b->text.s, both);
	return c ? c : (a->text.n > b->text.n) - (a->text.n < b->text.n);
}

static int visit_set(struct st_twalk *w, const struct st_pk *n, struct st_conf **out)
{
	struct element *el;
	struct st_pk **v;
	int rc;

	if (n->seq.n > ST_TWALK_LIST) {
		*out = st_conf_elided_n(w, n->seq.n);
		return ST_OK;
	}
	el = st_calloc(n->seq.n, sizeof(*el), w->t->e);
	v = el ? st_calloc(n->seq.n, sizeof(*v), w->t->e) : NULL;
	for (size_t i = 0; v && i < n->seq.n; i++) {
		el[i].n = n->seq.v[i];
		st_ttext_repr(&el[i].text, el[i].n);
	}
	if (v && n->seq.n)
		qsort(el, n->seq.n, sizeof(*el), by_value);
	for (size_t i = 0; v && i < n->seq.n; i++)
		v[i] = el[i].n;
	free(el);
	rc = v ? st_twalk_seq(w, n, v, n->seq.n, out) : w->t->e->code;
	free(v);
	return rc;
}

/* Visits them under their names and adds to o what they show. */
static int visit_entries(struct st_twalk *w, struct st_tentries *es, struct st_conf *o)
{
	const struct st_topt *outer = w->opt;
	struct st_conf *c;
	int rc = ST_OK;

	if (es->opt.state)
		w->opt = &es->opt;
	for (size_t i = 0; rc == ST_OK && i < es->n; i++) {
		const struct st_tentry *en = &es->v[i];
		const char *key = en->s;

		push(w, en->s, en->len);
		rc = st_twalk_visit(w, en->value, &c);
		pop(w);
		if (!c)
			continue;
		/* The configuration outlives the entries; texts of the pickle outlive both. */
		if (!en->key || en->key->kind != ST_PK_STR || en->key->str.p != en->s)
			key = st_conf_copy(w, en->s, en->len);
		if (key)
			st_conf_add(w, o, key, en->len, c);
	}
	w->opt = outer;
	return rc;
}

static int visit_dict(struct st_twalk *w, const struct st_pk *n, struct st_conf **out)
{
	struct st_tentries es;
	struct st_conf *o;
	int rc;

	st_tentries_init(&es);
	rc = st_tentries_dict(w, &es, n);
	if (rc == ST_OK) {
		st_tentries_sort(&es);
		o = st_conf_object(w, es.n);
		rc = visit_entries(w, &es, o);
		*out = st_conf_sorted(w, o);
	}
	st_tentries_release(&es);
	return rc;
}

/* --- objects --- */

/* What a call or an object holds besides its arguments and appended values. */
static int object_entries(struct st_twalk *w, struct st_tentries *es, const struct st_pk *n)
{
	int rc = ST_OK;

	if (n->call.kwargs && n->call.kwargs->kind == ST_PK_DICT)
		rc = st_tentries_dict(w, es, n->call.kwargs);
	if (rc == ST_OK && n->call.items && n->call.pairs)
		rc = st_tentries_pairs(w, es, n->call.items);
	if (rc == ST_OK && n->state)
		rc = st_tentries_state(w, es, n->state);
	st_tentries_sort(es);
	return rc;
}

/* Classes that are nothing but their attributes. */
static bool is_plain_class(const struct st_pk *cls)
{
	return st_pk_is_global(cls, "argparse", "Namespace") ||
	       st_pk_is_global(cls, "types", "SimpleNamespace") ||
	       st_pk_is_global(cls, "collections", "OrderedDict") ||
	       st_pk_is_global(cls, "collections", "defaultdict") ||
	       st_pk_is_global(cls, "collections", "Counter");
}

static int object_members(struct st_twalk *w, const struct st_pk *n, const struct st_tentries *es,
			  struct st_conf **out)
{
	const struct st_pk *args = n->call.args, *cls;
	struct st_conf *c = NULL;
	size_t from;
	char name[512];
	int rc = ST_OK;

	cls = st_conf_class(n, &from);
	*out = st_conf_object(w, es->n + 3);
	st_conf_add(w, *out, "class", 5, st_conf_word(w, st_conf_class_name(cls, name)));
	if (!is_plain_class(cls))
		rc = st_conf_opaque(w, cls);
	if (rc == ST_OK && args && args->kind == ST_PK_TUPLE && from < args->seq.n) {
		rc = st_twalk_seq(w, args, args->seq.v + from, args->seq.n - from, &c);
		st_conf_add(w, *out, "args", 4, c);
	}
	if (rc == ST_OK && n->call.items && !n->call.pairs) {
		rc = st_twalk_seq(w, n, n->call.items->v, n->call.items->n, &c);
		st_conf_add(w, *out, "items", 5, c);
	}
	return rc;
}

static int visit_object(struct st_twalk *w, const struct st_pk *n, struct st_conf **out)
{
	struct st_tentries es;
	struct st_conf *o = NULL;
	int rc;

	st_tentries_init(&es);
	rc = object_entries(w, &es, n);
	if (rc == ST_OK)
		rc = object_members(w, n, &es, &o);
	if (rc == ST_OK)
		rc = visit_entries(w, &es, o);
	*out = st_conf_sorted(w, o);
	st_tentries_release(&es);
	return rc;
}

/* Attributes of a subclass of torch.Tensor, below its name. */
static int visit_attributes(struct st_twalk *w, const struct st_pk *state, struct st_conf **out)
{
	bool root = w->nseg == 0;
	struct st_tentries es;
	struct st_conf *o;
	int rc;

	st_tentries_init(&es);
	rc = st_tentries_state(w, &es, state);
	if (rc == ST_OK) {
		st_tentries_sort(&es);
		o = st_conf_object(w, es.n);
		if (root)
			push(w, root_name, sizeof(root_name) - 1);
		rc = visit_entries(w, &es, o);
		if (root)
			pop(w);
		*out = st_conf_sorted(w, o);
	}
	st_tentries_release(&es);
	return rc;
}

static int add_value(struct st_twalk *w, const struct st_pk *n, bool *is,
		     const struct st_pk **state)
{
	struct st_torch_value v;
	struct st_quote q;
	size_t len;
	char *name;
	int rc = st_torch_value_of(w->t, n, is, &v);

	if (rc != ST_OK) {
		struct st_err ignored = { 0 }, *e = w->t->e;

		w->t->e = &ignored;
		name = name_of(w, "", &len);
		w->t->e = e;
		return name ? st_wrap(e, "tensor %s", st_quote(&q, name, len)) : rc;
	}
	if (!*is)
		return ST_OK;
	*state = v.state;
	for (size_t i = 0; rc == ST_OK && i < v.n; i++)
		rc = st_twalk_tensor(w, &v.parts[i].tensor, v.parts[i].suffix);
	if (rc == ST_OK && v.note)
		rc = st_twalk_note(w, v.note);
	return rc;
}

/* torch.Size((2, 3)), deque([..], maxlen): the values of a call that is a sequence. */
static const struct st_pk_seq *sequence(const struct st_pk *n)
{
	const struct st_pk *args = n->call.args, *first;

	if (n->state || (!st_pk_is_global(n->call.fn, "torch", "Size") &&
			 !st_pk_is_global(n->call.fn, "collections", "deque")))
		return NULL;
	if (n->call.items)
		return n->call.pairs ? NULL : n->call.items;
	if (!args || args->kind != ST_PK_TUPLE || args->seq.n == 0)
		return NULL;
	first = args->seq.v[0];
	return first->kind == ST_PK_TUPLE || first->kind == ST_PK_LIST ? &first->seq : NULL;
}

static int visit_call(struct st_twalk *w, const struct st_pk *n, struct st_conf **out)
{
	const struct st_pk *state = NULL;
	const struct st_pk_seq *q;
	bool is = false;
	int rc = add_value(w, n, &is, &state);

	if (rc == ST_OK && is)
		return state ? visit_attributes(w, state, out) : ST_OK;
	if (rc == ST_OK)
		rc = st_twalk_array(w, n, &is, out);
	if (rc != ST_OK || is)
		return rc;
	q = sequence(n);
	if (q)
		return st_twalk_seq(w, n, q->v, q->n, out);
	if (st_conf_plain(w, n, out))
		return w->t->e->code;
	return visit_object(w, n, out);
}

static int visit_kind(struct st_twalk *w, const struct st_pk *n, struct st_conf **out)
{
	int rc;

	switch (n->kind) {
	case ST_PK_TUPLE:
	case ST_PK_LIST:
		return st_twalk_seq(w, n, n->seq.v, n->seq.n, out);
	case ST_PK_SET:
		return visit_set(w, n, out);
	case ST_PK_PERSID:
		return st_twalk_storage(w, n, out);
	case ST_PK_DICT:
		w->json++;
		rc = visit_dict(w, n, out);
		break;
	default:
		w->json++;
		rc = visit_call(w, n, out);
	}
	w->json--;
	return rc;
}

/* --- the graph --- */

static bool on_path(const struct st_twalk *w, const struct st_pk *n)
{
	for (unsigned i = 0; i < w->depth; i++)
		if (w->path[i] == n)
			return true;
	return false;
}

/* No tensors were found below, here or nearer to the root; and nothing else is to be shown. */
static bool pass_by(const struct st_twalk *w, const struct st_pk *n)
{
	uint64_t depth;

	return w->conf_off && st_map_get(&w->barren, &n, sizeof(n), &depth) && depth <= w->depth;
}

static int enter(struct st_twalk *w, const struct st_pk *n, struct st_conf **out)
{
	bool deep = w->json >= ST_TWALK_JSON, cut = w->cut;
	size_t before = w->t->l->ntensors;
	int rc;

	w->cut = false;
	w->muted += deep;
	w->path[w->depth++] = n;
	rc = visit_kind(w, n, out);
	w->depth--;
	w->muted -= deep;
	if (rc == ST_OK && w->t->l->ntensors == before && w->barren.count < w->barren_max)
		rc = st_map_put(&w->barren, &n, sizeof(n), w->cut ? w->depth : 0, NULL, NULL,
				w->t->e);
	w->cut = w->cut || cut;
	/* What became a tensor has nothing to show anyway. */
	if (deep && n->kind != ST_PK_PERSID &&
	    (n->kind != ST_PK_CALL || w->t->l->ntensors == before))
		*out = st_conf_elided(w, "nested too deep");
	return rc;
}

int st_twalk_visit(struct st_twalk *w, const struct st_pk *n, struct st_conf **out)
{
	int rc = st_twalk_step(w, 1);

	*out = NULL;
	if (rc != ST_OK)
		return rc;
	n = st_torch_plain(n);
	switch (n->kind) {
	case ST_PK_TUPLE:
	case ST_PK_LIST:
	case ST_PK_SET:
	case ST_PK_DICT:
	case ST_PK_CALL:
	case ST_PK_OBJECT:
	case ST_PK_PERSID:
		break;
	default:
		return st_conf_scalar(w, n, out);
	}
	if (pass_by(w, n))
		return ST_OK;
	if (on_path(w, n)) {
		*out = st_conf_elided(w, "a circle");
		return w->t->e->code;
	}
	if (w->depth == ST_TWALK_DEPTH) {
		w->cut = true;
		*out = st_conf_elided(w, "nested too deep");
		return w->t->e->code;
	}
	return enter(w, n, out);
}

/* Python 3 has to write its bytes as calls of _codecs.encode where there is no opcode for them. */
static bool by_python2(const struct st_pickle *pk)
{
	for (size_t i = 0; i < pk->nglobals; i++)
		if (pk->globals[i].module && pk->globals[i].name &&
		    strcmp(pk->globals[i].module, "_codecs") == 0 &&
		    strcmp(pk->globals[i].name, "encode") == 0)
			return false;
	return pk->protocol <= 2;
}

#define MAX_CONF ((uint64_t)128 << 20)
#define BARREN_BYTES 256 /* of one entry, while the table grows */

int st_torch_walk(struct st_torch *t, const struct st_pk *root)
{
	struct st_twalk *w = st_calloc(1, sizeof(*w), t->e); /* 4 KiB */
	struct st_conf *config = NULL;
	int rc;

	if (!w)
		return t->e->code;
	w->t = t;
	w->python2 = by_python2(t->pk);
	w->conf_room = t->limit / 4 < MAX_CONF ? t->limit / 4 : MAX_CONF;
	w->barren_max = t->limit / 8 / BARREN_BYTES;
	t->limit -= w->conf_room + t->limit / 8;
	st_arena_init(&w->conf);
	st_map_init(&w->barren);
	st_map_init(&w->opaque);
	rc = st_twalk_visit(w, root, &config);
	if (rc == ST_OK)
		rc = st_conf_write(w, config);
	free(w->notes);
	st_map_release(&w->opaque);
	st_map_release(&w->barren);
	st_arena_release(&w->conf);
	free(w);
	return rc;
}

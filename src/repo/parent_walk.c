/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every version's likeness to the file. What a version holds is what its first parent holds but for
 * the tensors that it changed, so the versions are walked as a tree, parents first, and each change
 * is worked into the state, and out of it again on the way back: the cost is that of the changes,
 * not of versions times tensors. The child with most versions goes last, and what is never gone
 * back over is not kept.
 */
#include "repo/commits.h"
#include "repo/diff_units.h"
#include "repo/parent.h"

#include <math.h>
#include <stdio.h>

#define NONE SIZE_MAX

/* ---- versions ---- */

struct listing {
	struct st_kinship *k;
	struct st_map wanted; /* reachable */
};

static int want(struct listing *l, const struct st_oid *id, struct st_err *e)
{
	return st_map_put(&l->wanted, id->b, ST_OID_LEN, 0, NULL, NULL, e);
}

/* Newest generation first, so a version is met after all that could name it as a parent. */
static int take_commit(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct listing *l = arg;
	struct st_kinship *k = l->k;
	struct st_kin_node *n;
	int rc;

	if (!st_map_get(&l->wanted, row->id.b, ST_OID_LEN, NULL))
		return ST_OK;
	rc = st_grow(&k->nodes, &k->nodes_cap, k->nnodes + 1, e);
	for (size_t i = 0; rc == ST_OK && i < row->nparents; i++)
		rc = want(l, &row->parents[i], e);
	if (rc != ST_OK)
		return rc;
	n = &k->nodes[k->nnodes++];
	*n = (struct st_kin_node){
		.id = row->id, .key = row->key, .parent = NONE, .child = NONE, .next = NONE
	};
	if (row->nparents)
		n->first = row->parents[0];
	snprintf(n->version, sizeof(n->version), "%s", row->version);
	return ST_OK;
}

static void turn_round(struct st_kinship *k)
{
	for (size_t i = 0; i < k->nnodes / 2; i++) {
		struct st_kin_node n = k->nodes[i];

		k->nodes[i] = k->nodes[k->nnodes - 1 - i];
		k->nodes[k->nnodes - 1 - i] = n;
	}
}

/* Parents come before their children. */
static int plant(struct listing *l, struct st_err *e)
{
	struct st_kinship *k = l->k;
	struct st_kin_node *n, *p;
	uint64_t at;
	int rc = ST_OK;

	turn_round(k);
	for (size_t i = 0; rc == ST_OK && i < k->nnodes; i++) {
		n = &k->nodes[i];
		n->weight = 1;
		rc = st_map_put(&l->wanted, n->id.b, ST_OID_LEN, i, NULL, NULL, e);
		if (st_oid_is_zero(&n->first) ||
		    !st_map_get(&l->wanted, n->first.b, ST_OID_LEN, &at) || at >= i)
			continue;
		p = &k->nodes[at];
		n->parent = (size_t)at;
		n->next = p->child;
		p->child = i;
	}
	for (size_t i = k->nnodes; i-- > 0;)
		if (k->nodes[i].parent != NONE)
			k->nodes[k->nodes[i].parent].weight += k->nodes[i].weight;
	return rc;
}

static int list_versions(struct st_kinship *k, struct st_err *e)
{
	struct listing l = { .k = k };
	struct st_repo *r = k->stray->r;
	struct st_names names;
	struct st_head head;
	int rc = st_repo_head(r, &head, e);

	st_map_init(&l.wanted);
	st_names_init(&names);
	if (rc == ST_OK && !head.unborn)
		rc = want(&l, &head.commit, e);
	if (rc == ST_OK)
		rc = st_names_load(&names, r, e);
	for (size_t i = 0; rc == ST_OK && i < names.n; i++)
		rc = want(&l, &names.v[i].id, e);
	if (rc == ST_OK && l.wanted.count)
		rc = st_catalog_commit_each(r->cat, take_commit, &l, e);
	if (rc == ST_OK)
		rc = plant(&l, e);
	st_names_release(&names);
	st_map_release(&l.wanted);
	return rc;
}

/* ---- tensors ---- */

struct slotting {
	struct st_kinship *k;
	struct st_map units; /* name -> units */
};

static int find_unit(struct slotting *x, const char *path, size_t *out, struct st_err *e)
{
	struct st_kinship *k = x->k;
	const char *name = st_unit_of(&k->arena, path, e);
	uint64_t at;
	int rc;

	if (!name)
		return e->code;
	if (!st_map_get(&x->units, name, strlen(name), &at)) {
		at = k->nunits;
		rc = st_grow(&k->units, &k->units_cap, k->nunits + 1, e);
		if (rc == ST_OK)
			rc = st_map_put(&x->units, name, strlen(name), at, NULL, NULL, e);
		if (rc != ST_OK)
			return rc;
		k->units[k->nunits++] = (struct st_kin_unit){
			.name = st_arena_dup(&k->arena, name, strlen(name), e)
		};
	}
	*out = (size_t)at;
	if (strcmp(name, path) != 0)
		k->units[at].sharded = true;
	return e->code;
}

static int take_slot(void *arg, const struct st_slot_row *row, struct st_err *e)
{
	struct slotting *x = arg;
	struct st_kinship *k = x->k;
	struct st_kin_slot s = { .stray = ST_NO_STRAY, .name_len = row->name_len, .best = 1 };
	struct st_oid hash;
	uint64_t t;
	int rc = find_unit(x, row->path, &s.unit, e);

	if (rc != ST_OK)
		return rc;
	s.name = st_arena_dup(&k->arena, row->name, row->name_len, e);
	if (!s.name || st_grow(&k->slots, &k->slots_cap, k->nslots + 1, e) != ST_OK)
		return e->code;
	st_oid_of(&hash, row->name, row->name_len);
	s.hash[0] = st_get64(hash.b);
	s.hash[1] = st_get64(hash.b + 8);
	if (st_map_get(&k->stray->names, row->name, row->name_len, &t))
		s.stray = (size_t)t;
	k->slots[k->nslots] = s;
	return st_map_put(&k->slot_of, &row->slot, sizeof(row->slot), k->nslots++, NULL, NULL, e);
}

static int list_slots(struct st_kinship *k, struct st_err *e)
{
	struct slotting x = { .k = k };
	int rc;

	st_map_init(&x.units);
	rc = st_catalog_slot_each(k->stray->r->cat, NULL, take_slot, &x, e);
	st_map_release(&x.units);
	return rc;
}

/* ---- the state ---- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9;
	x ^= x >> 27;
	x *= 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* Puts what a slot holds now into its unit, or takes it out again (sign -1). */
static void account(struct st_kinship *k, const struct st_kin_slot *s, int sign)
{
	struct st_kin_unit *u = &k->units[s->unit];
	const struct st_stray_tensor *t;
	double n, numel = (double)s->numel;

	if (!s->object)
		return;
	u->tensors += (uint64_t)(int64_t)sign;
	for (int i = 0; i < 2; i++)
		u->print[i] ^= mix(s->hash[i] + (uint64_t)s->object * 0x9e3779b97f4a7c15);
	if (s->stray == ST_NO_STRAY) {
		u->extra += sign * numel;
		return;
	}
	t = &k->stray->t[s->stray];
	n = (double)t->sketch.numel;
	u->matched += (uint64_t)(int64_t)sign;
	u->identical += s->identical ? (uint64_t)(int64_t)sign : 0;
	u->near += sign * n;
	u->far += sign * n * s->apart;
	u->extra += numel > n ? sign * (numel - n) : 0;
	if (t->telling && s->apart <= ST_ALIKE)
		u->alike += sign * n;
}

struct undo {
	size_t slot;
	int64_t object;
	uint64_t numel;
	double apart;
	bool identical;
};

struct frame {
	size_t node;
	size_t mark; /* leaving: what to undo down to */
	bool leave;
};

struct walk {
	struct st_kinship *k;
	struct frame *stack;
	size_t n, cap;
	struct undo *undo;
	size_t nundo, undo_cap;
	bool record;
	size_t *touched; /* units */
	size_t ntouched, touched_cap;
};

static int touch(struct walk *w, size_t unit, struct st_err *e)
{
	if (w->k->units[unit].touched)
		return ST_OK;
	if (st_grow(&w->touched, &w->touched_cap, w->ntouched + 1, e) != ST_OK)
		return e->code;
	w->k->units[unit].touched = true;
	w->touched[w->ntouched++] = unit;
	return ST_OK;
}

static int remember(struct walk *w, size_t slot, struct st_err *e)
{
	const struct st_kin_slot *s = &w->k->slots[slot];

	if (!w->record)
		return ST_OK;
	if (st_grow(&w->undo, &w->undo_cap, w->nundo + 1, e) != ST_OK)
		return e->code;
	w->undo[w->nundo++] = (struct undo){ slot, s->object, s->numel, s->apart, s->identical };
	return ST_OK;
}

static int work_in(void *arg, const struct st_sketch_row *row, struct st_err *e)
{
	struct walk *w = arg;
	struct st_kinship *k = w->k;
	struct st_kin_slot *s;
	uint64_t at;
	int rc;

	if (!st_map_get(&k->slot_of, &row->slot, sizeof(row->slot), &at))
		return ST_OK; /* another process added it meanwhile, with its version */
	s = &k->slots[at];
	rc = remember(w, (size_t)at, e);
	if (rc == ST_OK)
		rc = touch(w, s->unit, e);
	if (rc != ST_OK)
		return rc;
	account(k, s, -1);
	s->object = row->value;
	s->numel = row->numel;
	if (s->object && s->stray != ST_NO_STRAY)
		s->apart = st_kinship_apart(k->stray, s->stray, row, &s->identical);
	account(k, s, 1);
	return ST_OK;
}

static void take_back(struct walk *w, size_t mark)
{
	while (w->nundo > mark) {
		const struct undo *u = &w->undo[--w->nundo];
		struct st_kin_slot *s = &w->k->slots[u->slot];

		account(w->k, s, -1);
		s->object = u->object;
		s->numel = u->numel;
		s->apart = u->apart;
		s->identical = u->identical;
		account(w->k, s, 1);
	}
}

/* ---- candidates ---- */

static bool nearer(const struct st_kin *a, const struct st_kin *b)
{
	if (a->estimated != b->estimated)
		return a->estimated < b->estimated;
	if (a->identical != b->identical)
		return a->identical > b->identical;
	return a->node != b->node ? a->node < b->node : a->unit < b->unit;
}

static void offer(struct st_kinship *k, const struct st_kin *c)
{
	size_t i, at;

	for (i = 0; i < k->nbest; i++)
		if (k->best[i].print[0] == c->print[0] && k->best[i].print[1] == c->print[1])
			break;
	if (i < k->nbest && !nearer(c, &k->best[i]))
		return;
	if (i == k->nbest && k->nbest < k->want)
		k->nbest++;
	else if (i == k->nbest && !nearer(c, &k->best[--i]))
		return;
	for (at = i; at && nearer(c, &k->best[at - 1]); at--)
		k->best[at] = k->best[at - 1];
	k->best[at] = *c;
}

/* Sums that went up and down again have lost some digits: what is left out are they. */
static double estimate(const struct st_stray *s, const struct st_kin_unit *u)
{
	double lone = fmax(s->elements - u->near, 0) + fmax(u->extra, 0);
	double all = s->elements + fmax(u->extra, 0);

	return fmin(fmax(round((u->far + lone) / all * 1e9) / 1e9, 0), 1);
}

static int judge(struct st_kinship *k, size_t node, size_t unit, struct st_err *e)
{
	const struct st_kin_unit *u = &k->units[unit];
	struct st_kin c = { .node = node, .unit = unit };

	if (st_grow(&k->events, &k->events_cap, k->nevents + 1, e) != ST_OK)
		return e->code;
	memcpy(c.print, u->print, sizeof(c.print));
	k->events[k->nevents] = (struct st_kin_event){ .node = node, .unit = unit };
	if (u->tensors)
		memcpy(k->events[k->nevents].print, u->print, sizeof(u->print));
	k->nevents++;
	c.estimated = estimate(k->stray, u);
	c.identical = u->identical;
	c.matched = u->matched;
	if (u->tensors && u->alike > 0 && u->alike >= ST_ALIKE_SHARE * k->stray->telling)
		offer(k, &c);
	return ST_OK;
}

/* ---- the walk ---- */

static int push(struct walk *w, const struct frame *f, struct st_err *e)
{
	if (st_grow(&w->stack, &w->cap, w->n + 1, e) != ST_OK)
		return e->code;
	w->stack[w->n++] = *f;
	return ST_OK;
}

/* Those that have no parent here are children of nothing: node NONE. */
static int push_children(struct walk *w, size_t first, struct st_err *e)
{
	const struct st_kin_node *v = w->k->nodes;
	size_t i, heavy = first;
	int rc;

	if (first == NONE)
		return ST_OK;
	for (i = first; i != NONE; i = v[i].next)
		if (v[i].weight > v[heavy].weight)
			heavy = i;
	rc = push(w, &(struct frame){ .node = heavy }, e);
	for (i = first; rc == ST_OK && i != NONE; i = v[i].next)
		if (i != heavy)
			rc = push(w, &(struct frame){ .node = i }, e);
	return rc;
}

static int visit(struct walk *w, size_t node, struct st_err *e)
{
	struct st_kinship *k = w->k;
	size_t mark = w->nundo;
	int rc = st_check_cancel(k->stray->ctx, e);

	w->record = w->n > 0;
	w->ntouched = 0;
	if (rc == ST_OK)
		rc = st_catalog_sketch_changes(k->stray->r->cat, k->nodes[node].key, work_in, w, e);
	for (size_t i = 0; i < w->ntouched; i++) {
		k->units[w->touched[i]].touched = false;
		if (rc == ST_OK)
			rc = judge(k, node, w->touched[i], e);
	}
	if (rc == ST_OK && w->record)
		rc = push(w, &(struct frame){ .leave = true, .mark = mark }, e);
	return rc == ST_OK ? push_children(w, k->nodes[node].child, e) : rc;
}

static size_t list_roots(struct st_kinship *k)
{
	size_t first = NONE;

	for (size_t i = k->nnodes; i-- > 0;) {
		if (k->nodes[i].parent != NONE)
			continue;
		k->nodes[i].next = first;
		first = i;
	}
	return first;
}

static int walk(struct st_kinship *k, struct st_err *e)
{
	struct walk w = { .k = k };
	int rc = push_children(&w, list_roots(k), e);

	while (rc == ST_OK && w.n) {
		struct frame f = w.stack[--w.n];

		if (f.leave)
			take_back(&w, f.mark);
		else
			rc = visit(&w, f.node, e);
	}
	free(w.stack);
	free(w.undo);
	free(w.touched);
	return rc;
}

double st_kinship_apart(const struct st_stray *s, size_t t, const struct st_sketch_row *row,
			bool *identical)
{
	const struct st_stray_tensor *x = &s->t[t];
	struct st_sketch stored;

	*identical = x->object && x->object == row->value;
	if (*identical)
		return 0;
	if (row->numel != x->sketch.numel ||
	    !st_sketch_get(&stored, row->numel, row->p, row->len) || stored.n != x->sketch.n ||
	    !stored.n)
		return 1;
	*identical = s->fast && st_sketch_same(&stored, &x->sketch);
	return st_sketch_apart(&stored, &x->sketch);
}

int st_kinship_find(struct st_kinship *k, const struct st_stray *s, size_t want_n, struct st_err *e)
{
	int rc;

	*k = (struct st_kinship){ .stray = s, .want = want_n < ST_KIN_MAX ? want_n : ST_KIN_MAX };
	st_arena_init(&k->arena);
	st_map_init(&k->slot_of);
	rc = st_catalog_read_begin(s->r->cat, e);
	if (rc != ST_OK)
		return rc;
	rc = list_versions(k, e);
	if (rc == ST_OK && k->nnodes)
		rc = list_slots(k, e);
	if (rc == ST_OK)
		rc = st_kinship_rename(k, e);
	if (rc == ST_OK)
		rc = walk(k, e);
	st_catalog_read_end(s->r->cat);
	return rc;
}

void st_kinship_release(struct st_kinship *k)
{
	free(k->nodes);
	free(k->units);
	free(k->slots);
	free(k->events);
	st_map_release(&k->slot_of);
	st_arena_release(&k->arena);
}

/* ---- where else ---- */

static bool is_print(const uint64_t *a, const uint64_t *b)
{
	return a[0] == b[0] && a[1] == b[1];
}

/* Of every version whether it holds that content in that unit. */
static void spread(const struct st_kinship *k, const struct st_kin *of, size_t unit, uint8_t *has)
{
	enum {
		UNKNOWN,
		NO,
		YES
	};

	memset(has, UNKNOWN, k->nnodes);
	for (size_t i = 0; i < k->nevents; i++)
		if (k->events[i].unit == unit)
			has[k->events[i].node] = is_print(k->events[i].print, of->print) ? YES : NO;
	for (size_t i = 0; i < k->nnodes; i++)
		if (has[i] == UNKNOWN)
			has[i] = k->nodes[i].parent == NONE ? NO : has[k->nodes[i].parent];
	for (size_t i = 0; i < k->nnodes; i++)
		has[i] = has[i] == YES;
}

struct elsewhere {
	size_t node, unit;
};

static int by_age(const void *pa, const void *pb)
{
	const struct elsewhere *a = pa, *b = pb;

	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	return a->unit < b->unit ? -1 : a->unit > b->unit;
}

static int gather(struct st_kinship *k, const struct st_kin *of, struct elsewhere **v, size_t *n,
		  struct st_err *e)
{
	uint8_t *has = st_malloc(k->nnodes, e);
	size_t cap = 0;
	int rc = has ? ST_OK : (int)e->code;

	for (size_t i = 0; i < k->nunits; i++)
		k->units[i].touched = false;
	for (size_t i = 0; i < k->nevents; i++)
		if (is_print(k->events[i].print, of->print))
			k->units[k->events[i].unit].touched = true;
	for (size_t u = 0; rc == ST_OK && u < k->nunits; u++) {
		if (!k->units[u].touched)
			continue;
		spread(k, of, u, has);
		for (size_t i = 0; rc == ST_OK && i < k->nnodes; i++) {
			if (!has[i] || (i == of->node && u == of->unit))
				continue;
			rc = st_grow(v, &cap, *n + 1, e);
			if (rc == ST_OK)
				(*v)[(*n)++] = (struct elsewhere){ i, u };
		}
	}
	free(has);
	return rc;
}

int st_kinship_same(struct st_kinship *k, const struct st_kin *of,
		    int (*cb)(void *arg, size_t node, size_t unit, struct st_err *e), void *arg,
		    struct st_err *e)
{
	struct elsewhere *v = NULL;
	size_t n = 0;
	int rc = gather(k, of, &v, &n, e);

	if (n)
		qsort(v, n, sizeof(*v), by_age);
	for (size_t i = 0; rc == ST_OK && i < n; i++)
		rc = cb(arg, v[i].node, v[i].unit, e);
	free(v);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensors whose names the file lacks. A name plays one part through all versions, so each stored
 * one gets at most one counterpart, by the closest that it ever came to one of the file's: equal
 * ids, or values within ST_ALIKE. Closest pairs first, and each of the file's tensors once in a
 * model.
 */
#include "repo/parent.h"

#define WORK ((uint64_t)1 << 27) /* comparisons of sketches: a few seconds */
#define PAIRS ((size_t)1 << 21)

struct pair {
	double apart;
	size_t slot, stray;
};

struct by_numel {
	uint64_t numel;
	size_t stray;
};

struct renaming {
	struct st_kinship *k;
	struct by_numel *order; /* the file's tensors by elements */
	struct st_map named;	/* unit, tensor of the file: has that name there */
	struct pair *pairs;
	size_t npairs, cap;
	uint64_t work; /* left */
};

static void make_key(uint64_t key[2], size_t unit, size_t stray)
{
	key[0] = unit;
	key[1] = stray;
}

/* A unit is looked at when it lacks some of the file's names and has others. */
static int find_units(struct renaming *x, bool *any, struct st_err *e)
{
	struct st_kinship *k = x->k;
	size_t *named = st_calloc(k->nunits, sizeof(*named), e);
	uint64_t key[2];
	bool had;
	int rc = named ? ST_OK : (int)e->code;

	for (size_t i = 0; rc == ST_OK && i < k->nslots; i++) {
		const struct st_kin_slot *s = &k->slots[i];

		if (s->stray == ST_NO_STRAY) {
			k->units[s->unit].look = true;
			continue;
		}
		make_key(key, s->unit, s->stray);
		rc = st_map_put(&x->named, key, sizeof(key), 1, &had, NULL, e);
		named[s->unit] += rc == ST_OK && !had;
	}
	*any = false;
	for (size_t i = 0; rc == ST_OK && i < k->nunits; i++) {
		k->units[i].look = k->units[i].look && named[i] < k->stray->n;
		*any = *any || k->units[i].look;
	}
	free(named);
	return rc;
}

static int cmp_numel(const void *pa, const void *pb)
{
	const struct by_numel *a = pa, *b = pb;

	if (a->numel != b->numel)
		return a->numel < b->numel ? -1 : 1;
	return a->stray < b->stray ? -1 : a->stray > b->stray;
}

static int sort_strays(struct renaming *x, struct st_err *e)
{
	const struct st_stray *s = x->k->stray;

	x->order = st_calloc(s->n, sizeof(*x->order), e);
	if (!x->order)
		return e->code;
	for (size_t i = 0; i < s->n; i++)
		x->order[i] = (struct by_numel){ s->t[i].sketch.numel, i };
	qsort(x->order, s->n, sizeof(*x->order), cmp_numel);
	return ST_OK;
}

/* The first with so many elements, or more. */
static size_t first_of(const struct renaming *x, uint64_t numel)
{
	size_t lo = 0, hi = x->k->stray->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (x->order[mid].numel < numel)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int consider(struct renaming *x, size_t slot, size_t stray, const struct st_sketch_row *row,
		    struct st_err *e)
{
	struct st_kin_slot *s = &x->k->slots[slot];
	bool identical;
	double apart = st_kinship_apart(x->k->stray, stray, row, &identical);

	if (apart > ST_ALIKE || (!identical && !x->k->stray->t[stray].telling) ||
	    (apart >= s->best && apart > 0) || x->npairs == PAIRS)
		return ST_OK;
	if (st_grow(&x->pairs, &x->cap, x->npairs + 1, e) != ST_OK)
		return e->code;
	s->best = apart;
	x->pairs[x->npairs++] = (struct pair){ apart, slot, stray };
	return ST_OK;
}

static int on_row(void *arg, const struct st_sketch_row *row, struct st_err *e)
{
	struct renaming *x = arg;
	const struct st_kin_slot *s;
	uint64_t at, key[2];
	int rc = ST_OK;

	if (!row->value || !st_map_get(&x->k->slot_of, &row->slot, sizeof(row->slot), &at))
		return ST_OK;
	s = &x->k->slots[at];
	if (s->stray != ST_NO_STRAY || !x->k->units[s->unit].look)
		return ST_OK;
	for (size_t i = first_of(x, row->numel);
	     rc == ST_OK && i < x->k->stray->n && x->order[i].numel == row->numel && x->work;
	     i++, x->work--) {
		make_key(key, s->unit, x->order[i].stray);
		if (!st_map_get(&x->named, key, sizeof(key), NULL))
			rc = consider(x, (size_t)at, x->order[i].stray, row, e);
	}
	return rc;
}

static int cmp_pairs(const void *pa, const void *pb)
{
	const struct pair *a = pa, *b = pb;

	if (a->apart != b->apart)
		return a->apart < b->apart ? -1 : 1;
	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	return a->stray < b->stray ? -1 : a->stray > b->stray;
}

static int settle(struct renaming *x, struct st_err *e)
{
	uint64_t key[2];
	int rc = ST_OK;

	if (x->npairs)
		qsort(x->pairs, x->npairs, sizeof(*x->pairs), cmp_pairs);
	for (size_t i = 0; rc == ST_OK && i < x->npairs; i++) {
		struct st_kin_slot *s = &x->k->slots[x->pairs[i].slot];

		make_key(key, s->unit, x->pairs[i].stray);
		if (s->stray != ST_NO_STRAY || st_map_get(&x->named, key, sizeof(key), NULL))
			continue;
		s->stray = x->pairs[i].stray;
		rc = st_map_put(&x->named, key, sizeof(key), 1, NULL, NULL, e);
	}
	return rc;
}

int st_kinship_rename(struct st_kinship *k, struct st_err *e)
{
	struct renaming x = { .k = k, .work = WORK };
	bool any;
	int rc;

	st_map_init(&x.named);
	rc = find_units(&x, &any, e);
	if (rc == ST_OK && any)
		rc = sort_strays(&x, e);
	for (size_t i = 0; rc == ST_OK && any && i < k->nnodes; i++)
		rc = st_catalog_sketch_changes(k->stray->r->cat, k->nodes[i].key, on_row, &x, e);
	if (rc == ST_OK && any)
		rc = settle(&x, e);
	free(x.order);
	free(x.pairs);
	st_map_release(&x.named);
	return rc;
}

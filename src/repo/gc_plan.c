/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/gc.h"

void st_gc_plan_init(struct st_gc_plan *p, struct st_repo *r, struct st_mark *m)
{
	*p = (struct st_gc_plan){ .r = r, .m = m };
	st_map_init(&p->by_id);
	st_map_init(&p->word);
}

void st_gc_plan_release(struct st_gc_plan *p)
{
	st_map_release(&p->by_id);
	st_map_release(&p->word);
	free(p->packs);
	p->packs = NULL;
}

uint64_t st_gc_entry_bytes(uint64_t stored, uint64_t head)
{
	return stored + head;
}

struct st_gc_pack *st_gc_find(const struct st_gc_plan *p, const struct st_oid *pack)
{
	uint64_t at;

	return st_map_get(&p->by_id, pack->b, ST_OID_LEN, &at) ? &p->packs[at] : NULL;
}

static int add_pack(struct st_gc_plan *p, const struct st_oid *id, struct st_gc_pack **out,
		    struct st_err *e)
{
	*out = st_gc_find(p, id);
	if (*out)
		return ST_OK;
	if (st_grow(&p->packs, &p->cap, p->n + 1, e) != ST_OK ||
	    st_map_put(&p->by_id, id->b, ST_OID_LEN, p->n, NULL, NULL, e) != ST_OK)
		return e->code;
	*out = &p->packs[p->n++];
	**out = (struct st_gc_pack){ .id = *id };
	return ST_OK;
}

static int take_file(void *arg, const char *name, uint64_t size, int64_t mtime_ns, struct st_err *e)
{
	struct st_gc_pack *pack;
	struct st_oid id;

	if (!st_pack_name_parse(&id, name))
		return ST_OK;
	if (add_pack(arg, &id, &pack, e) != ST_OK)
		return e->code;
	pack->present = true;
	pack->size = size;
	pack->mtime_ns = mtime_ns;
	return ST_OK;
}

static int take_known(void *arg, const struct st_pack_row *row, struct st_err *e)
{
	struct st_gc_pack *pack;

	if (add_pack(arg, &row->id, &pack, e) != ST_OK)
		return e->code;
	pack->known = true;
	pack->size = row->size;
	return ST_OK;
}

/* The log's last word on each pack: 1 removed, 0 added. */
static int note_word(void *arg, const struct st_op *op, const struct st_oplog_pos *at,
		     struct st_err *e)
{
	struct st_gc_plan *p = arg;
	size_t i;
	int rc = ST_OK;

	(void)at;
	for (i = 0; rc == ST_OK && i < op->npacks_removed; i++)
		rc = st_map_put(&p->word, op->packs_removed[i].b, ST_OID_LEN, 1, NULL, NULL, e);
	for (i = 0; rc == ST_OK && i < op->npacks_added; i++)
		rc = st_map_put(&p->word, op->packs_added[i].b, ST_OID_LEN, 0, NULL, NULL, e);
	return rc;
}

/* In the order of arrival, what no operation names last. */
static int find_packs(struct st_gc_plan *p, struct st_err *e)
{
	int rc = st_catalog_pack_each(p->r->cat, take_known, p, e);

	return rc == ST_OK ? st_store_list(p->r->store, take_file, p, e) : rc;
}

static int collect(struct st_gc_plan *p, struct st_err *e)
{
	struct st_oplog_pos pos = { 0 };
	int rc = find_packs(p, e);

	return rc == ST_OK ? st_oplog_replay(p->r->log, &pos, note_word, p, e) : rc;
}

static int measure_entry(void *arg, const struct st_loc *loc, struct st_err *e)
{
	struct st_gc_plan *p = arg;
	uint64_t bytes = st_gc_entry_bytes(loc->stored, loc->head);
	struct st_gc_pack *pack = p->last;

	(void)e;
	if (!pack || !st_oid_eq(&pack->id, &loc->pack))
		pack = p->last = st_gc_find(p, &loc->pack);
	if (!pack)
		return ST_OK;
	if (st_mark_chose(p->m, loc)) {
		pack->live++;
		pack->live_bytes += bytes;
		return ST_OK;
	}
	pack->dead++;
	pack->dead_bytes += bytes;
	if (!st_mark_has(p->m, &loc->id, loc->kind)) {
		pack->lost++;
		pack->lost_bytes += bytes;
	}
	return ST_OK;
}

static int measure(struct st_gc_plan *p, struct st_err *e)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		struct st_gc_pack *k = &p->packs[i];

		k->live = k->live_bytes = k->dead = k->dead_bytes = k->lost = k->lost_bytes = 0;
	}
	p->last = NULL;
	return st_catalog_loc_each(p->r->cat, NULL, measure_entry, p, e);
}

static int hold_entry(void *arg, const struct st_loc *loc, struct st_err *e)
{
	struct st_mark *m = arg;

	if (loc->kind == ST_ENTRY_RECIPE)
		return st_mark_push(m, &loc->id, ST_ROLE_FILE, e);
	if (st_mark_push(m, &loc->id, ST_ROLE_DATA, e) != ST_OK || st_oid_is_zero(&loc->base))
		return e->code;
	return st_mark_push(m, &loc->base, ST_ROLE_DATA, e);
}

static int hold(struct st_gc_plan *p, struct st_gc_pack *pack, struct st_err *e)
{
	int rc = st_catalog_loc_each(p->r->cat, &pack->id, hold_entry, p->m, e);

	pack->held = true;
	p->m->lenient = true;
	return rc == ST_OK ? st_mark_run(p->m, e) : rc;
}

static bool mostly_live(const struct st_gc_pack *k)
{
	return k->dead_bytes < (k->live_bytes + k->dead_bytes + 3) / 4;
}

/* A store that tells no times is given the benefit of the doubt. */
static bool is_young(const struct st_gc_pack *k, int64_t cutoff_ns)
{
	return k->mtime_ns >= cutoff_ns || (!k->mtime_ns && cutoff_ns != INT64_MAX);
}

static enum st_fate fate_of(const struct st_gc_plan *p, const struct st_gc_pack *k)
{
	uint64_t removed = 0;

	if (!k->known) { /* what else may go: settle_orphans */
		st_map_get(&p->word, k->id.b, ST_OID_LEN, &removed);
		return removed ? ST_PACK_REMOVE : ST_PACK_KEEP;
	}
	if (!k->live)
		return ST_PACK_REMOVE;
	return k->held || mostly_live(k) ? ST_PACK_KEEP : ST_PACK_REWRITE;
}

static bool is_small(const struct st_gc_pack *k)
{
	return k->known && k->present && k->fate != ST_PACK_REMOVE && k->size < ST_GC_SMALL;
}

static void merge_small(struct st_gc_plan *p)
{
	size_t i, n = 0;

	for (i = 0; i < p->n; i++)
		n += is_small(&p->packs[i]);
	for (i = 0; n > ST_GC_FEW && i < p->n; i++)
		if (is_small(&p->packs[i]))
			p->packs[i].fate = ST_PACK_REWRITE;
}

/* One round. Holding a pack may bring others back to life, so it asks for another round. */
static int decide(struct st_gc_plan *p, bool *again, struct st_err *e)
{
	size_t i;
	int rc = measure(p, e);

	for (i = 0; i < p->n; i++)
		p->packs[i].fate = fate_of(p, &p->packs[i]);
	merge_small(p);
	*again = false;
	for (i = 0; rc == ST_OK && i < p->n; i++) {
		struct st_gc_pack *k = &p->packs[i];

		if (!k->known || k->held || !k->dead || k->fate != ST_PACK_KEEP)
			continue;
		rc = hold(p, k, e);
		*again = true;
	}
	return rc;
}

static bool is_orphan(const struct st_gc_plan *p, const struct st_gc_pack *k)
{
	return !k->known && !st_map_get(&p->word, k->id.b, ST_OID_LEN, NULL);
}

/*
 * Finished packs of interrupted commands. They refer to one another and to what the catalogue
 * holds, and a later command takes them up together: so they go together, and at the latest when
 * any object goes.
 */
static void settle_orphans(struct st_gc_plan *p, int64_t cutoff_ns)
{
	bool go = false;
	size_t i;

	for (i = 0; i < p->n; i++) {
		const struct st_gc_pack *k = &p->packs[i];

		if (k->known)
			go |= k->fate != ST_PACK_KEEP && k->lost;
		else if (is_orphan(p, k))
			go |= !is_young(k, cutoff_ns);
	}
	for (i = 0; go && i < p->n; i++)
		if (is_orphan(p, &p->packs[i]))
			p->packs[i].fate = ST_PACK_REMOVE;
}

int st_gc_plan_prune(struct st_gc_plan *p, int64_t cutoff_ns, struct st_err *e)
{
	bool again = true;
	size_t i;
	int rc = collect(p, e);

	for (i = 0; rc == ST_OK && i < p->n; i++)
		if (p->packs[i].known && is_young(&p->packs[i], cutoff_ns))
			rc = hold(p, &p->packs[i], e);
	while (rc == ST_OK && again)
		rc = decide(p, &again, e);
	settle_orphans(p, cutoff_ns);
	return rc;
}

static int mark_entry(void *arg, const struct st_loc *loc, struct st_err *e)
{
	return st_mark_entry(arg, &loc->id, loc->kind, e);
}

static int by_size(const void *a, const void *b)
{
	const struct st_gc_pack *x = *(struct st_gc_pack *const *)a;
	const struct st_gc_pack *y = *(struct st_gc_pack *const *)b;

	return x->size != y->size ? (x->size > y->size) - (x->size < y->size) :
				    memcmp(x->id.b, y->id.b, ST_OID_LEN);
}

/*
 * The smallest ones, up to the last that is not at least twice as large as those before it
 * together. So what stays forms a series that grows as powers of two do, and a byte is written anew
 * a few times in its life, not once in every so many commits.
 */
static int choose_small(struct st_gc_plan *p, struct st_err *e)
{
	struct st_gc_pack **small = st_calloc(p->n, sizeof(struct st_gc_pack *), e);
	size_t i, n = 0, upto = 0;
	uint64_t before = 0;

	if (!small)
		return e->code;
	for (i = 0; i < p->n; i++)
		if (is_small(&p->packs[i]))
			small[n++] = &p->packs[i];
	qsort(small, n, sizeof(struct st_gc_pack *), by_size);
	for (i = 0; i < n; i++) {
		if (small[i]->size / 2 < before)
			upto = i + 1;
		before += small[i]->size;
	}
	for (i = 0; n > ST_GC_MANY && i < upto; i++)
		small[i]->fate = ST_PACK_REWRITE;
	free(small);
	return ST_OK;
}

int st_gc_plan_merge(struct st_gc_plan *p, struct st_err *e)
{
	size_t i;
	int rc = find_packs(p, e);

	for (i = 0; i < p->n; i++)
		p->packs[i].held = p->packs[i].known;
	if (rc == ST_OK)
		rc = choose_small(p, e);
	for (i = 0; rc == ST_OK && i < p->n; i++)
		if (p->packs[i].fate == ST_PACK_REWRITE)
			rc = st_catalog_loc_each(p->r->cat, &p->packs[i].id, mark_entry, p->m, e);
	for (i = 0; rc == ST_OK && i < p->n; i++)
		if (p->packs[i].fate == ST_PACK_REWRITE)
			rc = st_catalog_loc_each(p->r->cat, &p->packs[i].id, measure_entry, p, e);
	return rc;
}

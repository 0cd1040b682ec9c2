/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed packs that no operation names: what an interrupted command had finished. Their entries
 * refer to one another: a recipe to its manifest, that to tensors, tensors to bases. So they are
 * taken together or not at all; as long as gc removes them whenever it removes anything, whatever
 * else they refer to is in the catalogue.
 *
 * A pack that another process has published and not yet named looks the same. Naming it twice is
 * harmless, and it cannot go away, since gc waits for us.
 */
#include "store/pack_write.h"

static int add_orphan(void *arg, const char *name, uint64_t size, int64_t mtime_ns,
		      struct st_err *e)
{
	struct st_writer *w = arg;
	struct st_err bad = { 0 };
	struct st_orphan o = { 0 };
	uint64_t len;
	bool known;
	int rc;

	(void)size;
	(void)mtime_ns;
	if (!st_pack_name_parse(&o.id, name))
		return ST_OK;
	rc = st_catalog_pack_known(w->odb->cat, &o.id, &known, e);
	if (rc != ST_OK || known)
		return rc;
	if (st_odb_pack_index(w->odb, &o.id, &o.index, &len, &bad) != ST_OK) {
		st_warn(w->ctx, "finished work of an interrupted command is not used: %s", bad.msg);
		return ST_ENO;
	}
	rc = st_grow(&w->orphans, &w->orphans_cap, w->norphans + 1, e);
	if (rc == ST_OK && !(o.counted = st_calloc(o.index.n, sizeof(bool), e)))
		rc = e->code;
	if (rc != ST_OK) {
		st_pack_index_release(&o.index);
		return rc;
	}
	w->orphans[w->norphans++] = o;
	return ST_OK;
}

static int map_rows(struct st_writer *w, size_t at, struct st_err *e)
{
	const struct st_pack_index *x = &w->orphans[at].index;
	uint8_t key[ST_WKEY];
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < x->n; i++) {
		st_wkey(key, &x->rows[i].id, x->rows[i].kind);
		rc = st_map_put(&w->orphaned, key, sizeof(key), (uint64_t)at << 32 | i, NULL, NULL,
				e);
	}
	return rc;
}

static int is_there(struct st_writer *w, const struct st_oid *id, bool *there, struct st_err *e)
{
	uint8_t key[ST_WKEY];

	st_wkey(key, id, ST_ENTRY_DATA);
	*there = st_map_get(&w->orphaned, key, sizeof(key), NULL);
	return *there ? ST_OK : st_odb_has(w->odb, id, ST_ENTRY_DATA, there, e);
}

/* Whether the bases and manifests that the pack's entries name can be found. */
static int is_complete(struct st_writer *w, const struct st_pack_index *x, bool *all,
		       struct st_err *e)
{
	size_t i;
	int rc = ST_OK;

	*all = true;
	for (i = 0; rc == ST_OK && *all && i < x->n; i++)
		if (!st_oid_is_zero(&x->rows[i].base))
			rc = is_there(w, &x->rows[i].base, all, e);
	return rc;
}

void st_writer_free_orphans(struct st_writer *w)
{
	size_t i;

	for (i = 0; i < w->norphans; i++) {
		st_pack_index_release(&w->orphans[i].index);
		free(w->orphans[i].counted);
	}
	free(w->orphans);
	w->orphans = NULL;
	w->norphans = w->orphans_cap = 0;
	st_map_release(&w->orphaned);
}

int st_writer_load_orphans(struct st_writer *w, struct st_err *e)
{
	bool all = true;
	size_t i;
	int rc;

	if (!w->odb->store->ops->list)
		return ST_OK;
	rc = st_store_list(w->odb->store, add_orphan, w, e);
	if (rc == ST_ENO)
		all = false;
	else if (rc != ST_OK)
		return rc;
	rc = ST_OK;
	for (i = 0; rc == ST_OK && all && i < w->norphans; i++)
		rc = map_rows(w, i, e);
	for (i = 0; rc == ST_OK && all && i < w->norphans; i++)
		rc = is_complete(w, &w->orphans[i].index, &all, e);
	if (!all)
		st_writer_free_orphans(w);
	return rc;
}

void st_writer_use_orphan(struct st_writer *w, uint64_t at)
{
	struct st_orphan *o = &w->orphans[at >> 32];
	size_t row = at & UINT32_MAX;

	w->orphans_used = true;
	if (!o->counted[row])
		w->stats.reused += o->index.rows[row].raw;
	o->counted[row] = true;
}

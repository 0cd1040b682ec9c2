/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map value is 56 bits that tell the marked entry from others of the same object, and 8 flags.
 * Two entries that collide in the 56 bits are both kept, which costs their bytes and nothing
 * else.
 */
#include "repo/mark.h"

#include "model/manifest.h"
#include "model/merged.h"

#define META_MAX ((size_t)1 << 30)
#define PROGRESS_EVERY 4096

enum mark_flag {
	DID_COMMIT = 1,
	DID_TREE = 2,
	DID_FILE = 4,
	DID_MANIFEST = 8,
	DID_PAGE = 16,
	DID_MERGE = 64,
	LIVE = 32, /* an entry is marked */
};

void st_mark_init(struct st_mark *m, struct st_repo *r)
{
	*m = (struct st_mark){ .r = r };
	st_map_init(&m->objects);
	st_map_init(&m->recipes);
}

void st_mark_release(struct st_mark *m)
{
	st_map_release(&m->objects);
	st_map_release(&m->recipes);
	free(m->stack);
	m->stack = NULL;
	m->n = m->cap = 0;
}

bool st_is_damage(int code)
{
	return code == ST_ECORRUPT || code == ST_ENOTFOUND || code == ST_EIO || code == ST_EFORMAT;
}

static uint64_t print_of(const struct st_loc *loc)
{
	return (st_get64(loc->pack.b) ^ loc->offset * UINT64_C(0x9e3779b97f4a7c15)) << 8;
}

static uint64_t flags_of(const struct st_mark *m, const struct st_oid *id)
{
	uint64_t v = 0;

	st_map_get(&m->objects, id->b, ST_OID_LEN, &v);
	return v;
}

static const struct st_map *map_of(const struct st_mark *m, unsigned kind)
{
	return kind == ST_ENTRY_RECIPE ? &m->recipes : &m->objects;
}

bool st_mark_has(const struct st_mark *m, const struct st_oid *id, unsigned kind)
{
	uint64_t v = 0;

	return st_map_get(map_of(m, kind), id->b, ST_OID_LEN, &v) && (v & LIVE);
}

bool st_mark_chose(const struct st_mark *m, const struct st_loc *loc)
{
	uint64_t v = 0;

	return st_map_get(map_of(m, loc->kind), loc->id.b, ST_OID_LEN, &v) && (v & LIVE) &&
	       v >> 8 == print_of(loc) >> 8;
}

static uint64_t role_flag(unsigned role)
{
	switch (role) {
	case ST_ROLE_COMMIT:
		return DID_COMMIT;
	case ST_ROLE_TREE:
		return DID_TREE;
	case ST_ROLE_FILE:
		return DID_FILE;
	case ST_ROLE_MANIFEST:
		return DID_MANIFEST;
	case ST_ROLE_PAGE:
		return DID_PAGE;
	case ST_ROLE_MERGE:
		return DID_MERGE;
	default:
		return LIVE;
	}
}

static int push(struct st_mark *m, const struct st_oid *id, unsigned role, unsigned dtype,
		struct st_err *e)
{
	if (flags_of(m, id) & role_flag(role))
		return ST_OK;
	if (st_grow(&m->stack, &m->cap, m->n + 1, e) != ST_OK)
		return e->code;
	m->stack[m->n++] = (struct st_mark_item){
		.id = *id,
		.role = (uint8_t)role,
		.dtype = (uint8_t)dtype,
	};
	return ST_OK;
}

int st_mark_push(struct st_mark *m, const struct st_oid *id, enum st_mark_role role,
		 struct st_err *e)
{
	return push(m, id, role, ST_NDTYPES, e);
}

static int push_unless_zero(struct st_mark *m, const struct st_oid *id, struct st_err *e)
{
	return st_oid_is_zero(id) ? ST_OK : st_mark_push(m, id, ST_ROLE_DATA, e);
}

static int is_bad(struct st_mark *m, const struct st_mark_item *it, const struct st_loc *loc,
		  const struct st_err *why, struct st_err *e)
{
	char hex[ST_OID_HEX + 1];

	if (m->lenient)
		return ST_OK;
	if (m->bad)
		return m->bad(m->arg, it, loc, why, e);
	if (loc) /* which why->msg names */
		return st_fail(e, why->code, "%s", why->msg);
	st_oid_hex(&it->id, hex);
	return st_fail(e, why->code, "object %s: %s", hex, why->msg);
}

static int set_live(struct st_mark *m, struct st_map *map, const struct st_loc *loc,
		    struct st_err *e)
{
	uint64_t v = 0;

	st_map_get(map, loc->id.b, ST_OID_LEN, &v);
	v = (v & 0xff) | LIVE | print_of(loc);
	m->count++;
	if (m->what && m->count % PROGRESS_EVERY == 0)
		st_progress(&m->r->ctx, m->what, m->count, 0, false, false);
	return st_map_put(map, loc->id.b, ST_OID_LEN, v, NULL, NULL, e);
}

/* Marks the object of that id. *found: it is there. */
static int mark_data(struct st_mark *m, const struct st_mark_item *it, struct st_loc *loc,
		     bool *found, struct st_err *e)
{
	struct st_err why = { 0 };
	int rc;

	rc = st_catalog_loc_find(m->r->cat, &it->id, ST_ENTRY_DATA, loc, found, e);
	if (rc != ST_OK)
		return rc;
	if (!*found) {
		(void)st_fail(&why, ST_ENOTFOUND, "it is in no pack");
		return is_bad(m, it, NULL, &why, e);
	}
	if (flags_of(m, &it->id) & LIVE)
		return ST_OK;
	rc = set_live(m, &m->objects, loc, e);
	if (rc == ST_OK && m->live)
		rc = m->live(m->arg, it, loc, e);
	if (rc == ST_OK && !st_oid_is_zero(&loc->base))
		rc = push(m, &loc->base, ST_ROLE_DATA, it->dtype, e);
	return rc;
}

int st_mark_entry(struct st_mark *m, const struct st_oid *id, unsigned kind, struct st_err *e)
{
	struct st_map *map = kind == ST_ENTRY_RECIPE ? &m->recipes : &m->objects;
	struct st_loc loc;
	bool found;
	int rc;

	if (st_mark_has(m, id, kind))
		return ST_OK;
	rc = st_catalog_loc_find(m->r->cat, id, kind, &loc, &found, e);
	return rc == ST_OK && found ? set_live(m, map, &loc, e) : rc;
}

static int walk_commit(struct st_mark *m, const struct st_buf *b, struct st_err *e)
{
	struct st_commit c;
	size_t i;
	int rc = st_commit_parse(&c, b->p, b->len, e);

	if (rc != ST_OK)
		return rc;
	rc = st_mark_push(m, &c.tree, ST_ROLE_TREE, e);
	for (i = 0; rc == ST_OK && i < c.nparents; i++)
		rc = st_mark_push(m, &c.parents[i], ST_ROLE_COMMIT, e);
	for (i = 0; rc == ST_OK && i < c.nlineage; i++)
		rc = st_mark_push(m, &c.lineage[i].commit, ST_ROLE_COMMIT, e);
	if (rc == ST_OK)
		rc = push_unless_zero(m, &c.config, e);
	if (rc == ST_OK)
		rc = push_unless_zero(m, &c.run, e);
	if (rc == ST_OK)
		rc = st_oid_is_zero(&c.merge) ? ST_OK : st_mark_push(m, &c.merge, ST_ROLE_MERGE, e);
	st_commit_release(&c);
	return rc;
}

static int walk_tree(struct st_mark *m, const struct st_buf *b, struct st_err *e)
{
	struct st_tree t;
	size_t i;
	int rc = st_tree_parse(&t, b->p, b->len, e);

	if (rc != ST_OK)
		return rc;
	for (i = 0; rc == ST_OK && i < t.n; i++)
		rc = st_mark_push(m, &t.entries[i].id,
				  t.entries[i].mode == ST_MODE_DIR ? ST_ROLE_TREE : ST_ROLE_FILE,
				  e);
	st_tree_release(&t);
	return rc;
}

static int walk_manifest(struct st_mark *m, const struct st_buf *b, struct st_err *e)
{
	struct st_manifest x;
	size_t i;
	int rc = st_manifest_parse(&x, b->p, b->len, e);

	if (rc != ST_OK)
		return rc;
	rc = push_unless_zero(m, &x.glue, e);
	if (rc == ST_OK)
		rc = push_unless_zero(m, &x.graph, e);
	for (i = 0; rc == ST_OK && i < x.npages; i++)
		rc = st_mark_push(m, &x.pages[i].id, ST_ROLE_PAGE, e);
	st_manifest_release(&x);
	return rc;
}

static int walk_page(struct st_mark *m, const struct st_buf *b, struct st_err *e)
{
	struct st_page page;
	size_t i;
	int rc = st_page_parse(&page, b->p, b->len, NULL, e);

	if (rc != ST_OK)
		return rc;
	for (i = 0; rc == ST_OK && i < page.n; i++) {
		const struct st_segment *s = &page.segs[i];

		if (!s->glue && s->size)
			rc = push(m, &s->id, ST_ROLE_DATA,
				  s->nviews ? s->views[0].dtype : ST_NDTYPES, e);
	}
	st_page_release(&page);
	return rc;
}

/* What it names are parents of its commit, and inputs that those hold; it only must be sound. */
static int walk_merge(const struct st_buf *b, struct st_err *e)
{
	struct st_merge_desc d;
	int rc = st_merge_desc_parse(&d, b->p, b->len, e);

	if (rc == ST_OK)
		st_merge_desc_release(&d);
	return rc;
}

static int walk(struct st_mark *m, unsigned role, const struct st_buf *b, struct st_err *e)
{
	switch (role) {
	case ST_ROLE_COMMIT:
		return walk_commit(m, b, e);
	case ST_ROLE_TREE:
		return walk_tree(m, b, e);
	case ST_ROLE_MANIFEST:
		return walk_manifest(m, b, e);
	case ST_ROLE_MERGE:
		return walk_merge(b, e);
	default:
		return walk_page(m, b, e);
	}
}

static int set_flag(struct st_mark *m, const struct st_oid *id, uint64_t flag, struct st_err *e)
{
	return st_map_put(&m->objects, id->b, ST_OID_LEN, flags_of(m, id) | flag, NULL, NULL, e);
}

/* Marks an object, and reads it for what it names. */
static int mark_and_walk(struct st_mark *m, const struct st_mark_item *it, struct st_err *e)
{
	struct st_err why = { 0 };
	struct st_loc loc;
	struct st_buf b;
	bool found;
	int rc = mark_data(m, it, &loc, &found, e);

	if (rc == ST_OK)
		rc = set_flag(m, &it->id, role_flag(it->role), e);
	if (rc != ST_OK || !found)
		return rc;
	st_buf_init(&b, META_MAX);
	rc = st_odb_get(m->r->odb, &it->id, &b, &why);
	if (rc == ST_OK)
		rc = walk(m, it->role, &b, &why);
	st_buf_release(&b);
	if (rc == ST_OK)
		return ST_OK;
	if (st_is_damage(rc))
		return is_bad(m, it, &loc, &why, e);
	*e = why;
	return rc;
}

static int mark_file(struct st_mark *m, const struct st_mark_item *it, struct st_err *e)
{
	struct st_loc loc;
	bool found;
	int rc = st_catalog_loc_find(m->r->cat, &it->id, ST_ENTRY_RECIPE, &loc, &found, e);

	if (rc == ST_OK)
		rc = set_flag(m, &it->id, DID_FILE, e);
	if (rc != ST_OK)
		return rc;
	if (!found)
		return mark_data(m, it, &loc, &found, e);
	rc = set_live(m, &m->recipes, &loc, e);
	if (rc == ST_OK && m->live)
		rc = m->live(m->arg, it, &loc, e);
	return rc == ST_OK ? st_mark_push(m, &loc.base, ST_ROLE_MANIFEST, e) : rc;
}

static int visit(struct st_mark *m, const struct st_mark_item *it, struct st_err *e)
{
	struct st_loc loc;
	bool found;

	if (flags_of(m, &it->id) & role_flag(it->role))
		return ST_OK;
	switch (it->role) {
	case ST_ROLE_FILE:
		return mark_file(m, it, e);
	case ST_ROLE_COMMIT_ONLY:
	case ST_ROLE_DATA:
		return mark_data(m, it, &loc, &found, e);
	default:
		return mark_and_walk(m, it, e);
	}
}

int st_mark_run(struct st_mark *m, struct st_err *e)
{
	struct st_mark_item it;
	int rc = ST_OK;

	while (rc == ST_OK && m->n) {
		it = m->stack[--m->n];
		rc = st_check_cancel(&m->r->ctx, e);
		if (rc == ST_OK)
			rc = visit(m, &it, e);
	}
	m->n = 0;
	return rc;
}

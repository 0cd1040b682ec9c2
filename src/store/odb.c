/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pack_write.h"

int st_odb_open(struct st_odb **out, struct st_store *store, struct st_catalog *cat,
		struct st_err *e)
{
	struct st_odb *o = st_calloc(1, sizeof(*o), e);

	*out = o;
	if (!o)
		return e->code;
	o->store = store;
	o->cat = cat;
	return ST_OK;
}

void st_odb_close(struct st_odb *o)
{
	free(o);
}

struct st_store *st_odb_store(struct st_odb *o)
{
	return o->store;
}

struct st_catalog *st_odb_catalog(struct st_odb *o)
{
	return o->cat;
}

int st_odb_has(struct st_odb *o, const struct st_oid *id, enum st_entry_kind kind, bool *has,
	       struct st_err *e)
{
	struct st_loc loc;

	return st_catalog_loc_find(o->cat, id, kind, &loc, has, e);
}

int st_odb_recipe(struct st_odb *o, const struct st_oid *file, struct st_oid *manifest,
		  struct st_err *e)
{
	struct st_loc loc;
	bool found;
	int rc = st_catalog_loc_find(o->cat, file, ST_ENTRY_RECIPE, &loc, &found, e);

	if (rc == ST_OK && !found)
		return st_fail(e, ST_ENOTFOUND, "no recipe");
	if (rc == ST_OK)
		*manifest = loc.base;
	return rc;
}

int st_odb_get(struct st_odb *o, const struct st_oid *id, struct st_buf *out, struct st_err *e)
{
	struct st_obj *ob;
	int rc = st_obj_open(&ob, o, id, e);

	if (rc != ST_OK)
		return rc;
	rc = st_obj_all(ob, out, e);
	st_obj_close(ob);
	return rc;
}

static int read_index(struct st_odb *o, const char *name, const struct st_pack_trailer *t,
		      struct st_pack_index *out, struct st_err *e)
{
	struct st_oid hash;
	uint8_t *p;
	size_t n;
	int rc = st_size(t->index_len, &n, e);

	if (rc != ST_OK)
		return rc;
	p = st_malloc(n, e);
	if (!p)
		return e->code;
	rc = st_store_pread(o->store, name, p, n, t->index_offset, e);
	if (rc == ST_OK) {
		st_oid_of(&hash, p, n);
		if (!st_oid_eq(&hash, &t->index_hash))
			rc = st_fail(e, ST_ECORRUPT, "the pack's index does not have its hash");
	}
	if (rc == ST_OK)
		rc = st_pack_index_parse(out, p, n, t->index_offset, e);
	free(p);
	return rc;
}

int st_odb_pack_index(struct st_odb *o, const struct st_oid *pack, struct st_pack_index *out,
		      uint64_t *pack_len, struct st_err *e)
{
	char name[ST_PACK_NAME_LEN + 1];
	uint8_t head[ST_PACK_HEADER], tail[ST_PACK_TRAILER];
	struct st_pack_trailer t;
	int rc;

	*out = (struct st_pack_index){ 0 };
	st_pack_name(pack, name);
	rc = st_store_size(o->store, name, pack_len, e);
	if (rc == ST_OK && *pack_len < sizeof(head) + sizeof(tail))
		rc = st_fail(e, ST_ECORRUPT, "a pack of only %" PRIu64 " bytes", *pack_len);
	if (rc == ST_OK)
		rc = st_store_pread(o->store, name, head, sizeof(head), 0, e);
	if (rc == ST_OK)
		rc = st_pack_header_parse(head, sizeof(head), e);
	if (rc == ST_OK)
		rc = st_store_pread(o->store, name, tail, sizeof(tail), *pack_len - sizeof(tail),
				    e);
	if (rc == ST_OK)
		rc = st_pack_trailer_parse(&t, tail, *pack_len, e);
	if (rc == ST_OK && !st_oid_eq(&t.index_hash, pack))
		rc = st_fail(e, ST_ECORRUPT, "the pack's name is not its index's hash");
	if (rc == ST_OK)
		rc = read_index(o, name, &t, out, e);
	return rc == ST_OK ? ST_OK : st_wrap(e, "pack %s", name);
}

void st_row_to_loc(struct st_loc *loc, const struct st_oid *pack, const struct st_index_row *r)
{
	*loc = (struct st_loc){ .id = r->id,
				.pack = *pack,
				.base = r->base,
				.kind = r->kind,
				.width = r->width,
				.depth = r->depth,
				.offset = r->offset,
				.raw = r->raw,
				.stored = r->stored,
				.head = r->head };
}

int st_odb_learn_pack(struct st_odb *o, const struct st_oid *pack, struct st_err *e)
{
	struct st_pack_index x;
	struct st_loc loc;
	uint64_t len;
	int64_t key;
	size_t i;
	bool known;
	int rc = st_catalog_pack_known(o->cat, pack, &known, e);

	if (rc != ST_OK || known) /* two operations may name one pack */
		return rc;
	rc = st_odb_pack_index(o, pack, &x, &len, e);
	if (rc != ST_OK)
		return rc;
	rc = st_catalog_pack_add(o->cat, pack, len, x.n, &key, e);
	for (i = 0; rc == ST_OK && i < x.n; i++) {
		st_row_to_loc(&loc, pack, &x.rows[i]);
		rc = st_catalog_loc_add(o->cat, key, &loc, e);
	}
	st_pack_index_release(&x);
	return rc;
}

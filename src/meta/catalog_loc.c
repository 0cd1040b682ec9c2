/* SPDX-License-Identifier: Apache-2.0 */
/* Packs, and where objects lie in them. */
#include "meta/catalog_sql.h"

static int pack_key(struct st_catalog *c, const struct st_oid *pack, int64_t *key, bool *known,
		    struct st_err *e)
{
	struct st_query q;

	st_query_open(&q, c, SQL_PACK_GET, e);
	st_query_oid(&q, pack);
	*known = st_query_row(&q);
	if (*known)
		*key = st_column_i64(&q, 0);
	st_query_close(&q);
	return e->code;
}

int st_catalog_pack_add(struct st_catalog *c, const struct st_oid *pack, uint64_t size,
			uint64_t objects, int64_t *key, struct st_err *e)
{
	struct st_query q;
	bool known;
	int rc = pack_key(c, pack, key, &known, e);

	if (rc != ST_OK || known)
		return rc;
	st_query_open(&q, c, SQL_PACK_ADD, e);
	st_query_oid(&q, pack);
	st_query_u64(&q, size);
	st_query_u64(&q, objects);
	st_query_row(&q);
	*key = sqlite3_last_insert_rowid(c->db);
	st_query_close(&q);
	return e->code;
}

int st_catalog_pack_remove(struct st_catalog *c, const struct st_oid *pack, struct st_err *e)
{
	struct st_query q;
	int64_t key;
	bool known;
	int rc = pack_key(c, pack, &key, &known, e);

	if (rc != ST_OK || !known)
		return rc;
	st_query_open(&q, c, SQL_LOC_DEL, e);
	st_query_i64(&q, key);
	rc = st_query_run(&q);
	if (rc != ST_OK)
		return rc;
	st_query_open(&q, c, SQL_PACK_DEL, e);
	st_query_i64(&q, key);
	return st_query_run(&q);
}

int st_catalog_pack_known(struct st_catalog *c, const struct st_oid *pack, bool *known,
			  struct st_err *e)
{
	int64_t key;

	return pack_key(c, pack, &key, known, e);
}

int st_catalog_pack_each(struct st_catalog *c,
			 int (*cb)(void *arg, const struct st_pack_row *row, struct st_err *e),
			 void *arg, struct st_err *e)
{
	struct st_pack_row row;
	struct st_query q;
	int rc = ST_OK;

	st_query_open(&q, c, SQL_PACK_EACH, e);
	while (rc == ST_OK && st_query_row(&q)) {
		row.key = st_column_i64(&q, 0);
		st_column_oid(&q, 1, &row.id);
		row.size = st_column_u64(&q, 2, INT64_MAX);
		row.objects = st_column_u64(&q, 3, INT64_MAX);
		rc = e->code == ST_OK ? cb(arg, &row, e) : (int)e->code;
	}
	st_query_close(&q);
	return st_query_ended(rc, e);
}

/*
 * The number of an id is made of its first bits, so that no index is needed; of several with the
 * same ones the later have the next numbers. Rows stay, so where a number is free the search ends.
 */
static int64_t first_number(const struct st_oid *id)
{
	int64_t n = (int64_t)id->b[0] << 23 | (int64_t)id->b[1] << 15 | (int64_t)id->b[2] << 7 |
		    id->b[3] >> 1;

	return n ? n : 1;
}

static int find_object(struct st_catalog *c, const struct st_oid *id, int64_t *oid, bool *known,
		       struct st_err *e)
{
	struct st_oid there;
	struct st_query q;
	bool taken;

	for (*oid = first_number(id);; *oid = *oid == INT32_MAX ? 1 : *oid + 1) {
		*known = false;
		st_query_open(&q, c, SQL_OBJECT_ID, e);
		st_query_i64(&q, *oid);
		taken = st_query_row(&q);
		if (taken) {
			st_column_oid(&q, 0, &there);
			*known = st_oid_eq(&there, id);
		}
		st_query_close(&q);
		if (e->code != ST_OK || *known || !taken)
			return e->code;
	}
}

int st_catalog_intern(struct st_catalog *c, const struct st_oid *id, int64_t *oid, struct st_err *e)
{
	bool known;
	struct st_query q;
	int rc = find_object(c, id, oid, &known, e);

	if (rc != ST_OK || known)
		return rc;
	st_query_open(&q, c, SQL_OBJECT_ADD, e);
	st_query_i64(&q, *oid);
	st_query_oid(&q, id);
	return st_query_run(&q);
}

int st_catalog_value_of(struct st_catalog *c, const struct st_oid *id, int64_t *oid,
			struct st_err *e)
{
	bool known;
	int rc = find_object(c, id, oid, &known, e);

	if (rc != ST_OK || !known)
		*oid = 0;
	return rc;
}

int st_catalog_loc_add(struct st_catalog *c, int64_t pack, const struct st_loc *loc,
		       struct st_err *e)
{
	bool has_base = !st_oid_is_zero(&loc->base);
	int64_t oid, base = 0;
	struct st_query q;
	int rc = st_catalog_intern(c, &loc->id, &oid, e);

	if (rc == ST_OK && has_base)
		rc = st_catalog_intern(c, &loc->base, &base, e);
	if (rc != ST_OK)
		return rc;
	st_query_open(&q, c, SQL_LOC_ADD, e);
	st_query_i64(&q, oid);
	st_query_i64(&q, loc->kind);
	st_query_i64(&q, loc->depth);
	st_query_i64(&q, pack);
	st_query_u64(&q, loc->offset);
	st_query_i64(&q, loc->width);
	if (has_base)
		st_query_i64(&q, base);
	else
		st_query_null(&q);
	st_query_u64(&q, loc->raw);
	st_query_u64(&q, loc->stored);
	st_query_i64(&q, loc->head);
	return st_query_run(&q);
}

static void get_loc(struct st_query *q, struct st_loc *out)
{
	st_column_oid(q, 0, &out->id);
	st_column_oid(q, 1, &out->pack);
	st_column_maybe_oid(q, 2, &out->base);
	out->kind = (uint8_t)st_column_u64(q, 3, UINT8_MAX);
	out->width = (uint8_t)st_column_u64(q, 4, UINT8_MAX);
	out->depth = (uint8_t)st_column_u64(q, 5, UINT8_MAX);
	out->offset = st_column_u64(q, 6, INT64_MAX);
	out->raw = st_column_u64(q, 7, INT64_MAX);
	out->stored = st_column_u64(q, 8, INT64_MAX);
	out->head = (uint32_t)st_column_u64(q, 9, UINT32_MAX);
}

int st_catalog_loc_find(struct st_catalog *c, const struct st_oid *id, unsigned kind,
			struct st_loc *out, bool *found, struct st_err *e)
{
	struct st_query q;
	int64_t oid;

	*found = false;
	if (st_catalog_value_of(c, id, &oid, e) != ST_OK || !oid)
		return e->code;
	st_query_open(&q, c, SQL_LOC_FIND, e);
	st_query_i64(&q, oid);
	st_query_i64(&q, kind);
	*found = st_query_row(&q);
	if (*found)
		get_loc(&q, out);
	st_query_close(&q);
	return e->code;
}

int st_catalog_loc_each(struct st_catalog *c, const struct st_oid *pack,
			int (*cb)(void *arg, const struct st_loc *loc, struct st_err *e), void *arg,
			struct st_err *e)
{
	struct st_query q;
	struct st_loc loc;
	int rc = ST_OK;

	st_query_open(&q, c, pack ? SQL_LOC_PACK : SQL_LOC_ALL, e);
	if (pack)
		st_query_oid(&q, pack);
	while (rc == ST_OK && st_query_row(&q)) {
		get_loc(&q, &loc);
		rc = e->code == ST_OK ? cb(arg, &loc, e) : (int)e->code;
	}
	st_query_close(&q);
	return st_query_ended(rc, e);
}

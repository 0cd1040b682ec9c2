/* SPDX-License-Identifier: Apache-2.0 */
/* Sketches of tensors, by their logical ids. */
#include "meta/catalog_sql.h"

int st_catalog_sketch_has(struct st_catalog *c, const struct st_oid *id, bool *has,
			  struct st_err *e)
{
	struct st_query q;
	int64_t oid;

	*has = false;
	if (st_catalog_value_of(c, id, &oid, e) != ST_OK || !oid)
		return e->code;
	st_query_open(&q, c, SQL_SKETCH_HAS, e);
	st_query_i64(&q, oid);
	*has = st_query_row(&q);
	st_query_close(&q);
	return e->code;
}

int st_catalog_sketch_add(struct st_catalog *c, const struct st_oid *id, uint64_t numel,
			  const void *p, size_t n, struct st_err *e)
{
	struct st_query q;
	int64_t oid;
	int rc = st_catalog_intern(c, id, &oid, e);

	if (rc != ST_OK)
		return rc;
	st_query_open(&q, c, SQL_SKETCH_ADD, e);
	st_query_i64(&q, oid);
	st_query_u64(&q, numel);
	st_query_blob(&q, p, n);
	return st_query_run(&q);
}

static void get_row(struct st_query *q, struct st_sketch_row *out)
{
	*out = (struct st_sketch_row){ .slot = st_column_i64(q, 0) };
	if (sqlite3_column_type(q->stmt, 1) != SQLITE_NULL)
		out->value = st_column_i64(q, 1);
	out->known = sqlite3_column_type(q->stmt, 2) != SQLITE_NULL;
	if (!out->known)
		return;
	out->numel = st_column_u64(q, 2, INT64_MAX);
	out->p = sqlite3_column_blob(q->stmt, 3);
	out->len = (size_t)sqlite3_column_bytes(q->stmt, 3);
}

int st_catalog_sketch_changes(struct st_catalog *c, int64_t commit,
			      int (*cb)(void *arg, const struct st_sketch_row *row,
					struct st_err *e),
			      void *arg, struct st_err *e)
{
	struct st_sketch_row row;
	struct st_query q;
	int rc = ST_OK;

	st_query_open(&q, c, SQL_SKETCH_CHANGES, e);
	st_query_i64(&q, commit);
	while (rc == ST_OK && st_query_row(&q)) {
		get_row(&q, &row);
		rc = e->code == ST_OK ? cb(arg, &row, e) : (int)e->code;
	}
	st_query_close(&q);
	if (rc == ST_ENO && e->code == ST_OK)
		return ST_OK;
	return rc == ST_OK ? (int)e->code : rc;
}

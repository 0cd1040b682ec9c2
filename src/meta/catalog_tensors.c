/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensor history: slots, and which commit changed what. Changes are kept in the order of commits,
 * so that those of one lie together; by slot there is an index.
 */
#include "meta/catalog_sql.h"

static int find_slot(struct st_catalog *c, int64_t path, const void *name, size_t len,
		     int64_t *slot, bool *known, struct st_err *e)
{
	struct st_query q;

	st_query_open(&q, c, SQL_SLOT_GET, e);
	st_query_i64(&q, path);
	st_query_blob(&q, name, len);
	*known = st_query_row(&q);
	if (*known)
		*slot = st_column_i64(&q, 0);
	st_query_close(&q);
	return e->code;
}

int st_catalog_slot(struct st_catalog *c, const char *path, const void *name, size_t name_len,
		    int64_t *slot, struct st_err *e)
{
	struct st_query q;
	int64_t nid;
	bool known = false;
	int rc = st_catalog_name(c, path, &nid, e);

	if (rc == ST_OK)
		rc = find_slot(c, nid, name, name_len, slot, &known, e);
	if (rc != ST_OK || known)
		return rc;
	st_query_open(&q, c, SQL_SLOT_ADD, e);
	st_query_i64(&q, nid);
	st_query_blob(&q, name, name_len);
	st_query_row(&q);
	*slot = sqlite3_last_insert_rowid(c->db);
	st_query_close(&q);
	return e->code;
}

/* SQLite puts no NUL behind a blob: name is copied into text, which grows. */
static int get_name(struct st_query *q, int col, struct st_buf *text, struct st_slot_row *row)
{
	const void *p = sqlite3_column_blob(q->stmt, col);
	size_t n = (size_t)sqlite3_column_bytes(q->stmt, col);

	st_buf_clear(text);
	if (st_buf_add(text, p ? p : "", n, q->err) != ST_OK)
		return q->err->code;
	row->name = st_buf_cstr(text, q->err);
	row->name_len = n;
	return q->err->code;
}

int st_catalog_slot_each(struct st_catalog *c, const char *path, st_slot_cb cb, void *arg,
			 struct st_err *e)
{
	struct st_slot_row row;
	struct st_query q;
	struct st_buf text;
	int rc = ST_OK;

	st_buf_init(&text, (size_t)1 << 30);
	st_query_open(&q, c, path ? SQL_SLOT_PATH : SQL_SLOT_EACH, e);
	if (path)
		st_query_text(&q, path);
	while (rc == ST_OK && st_query_row(&q)) {
		row.slot = st_column_i64(&q, 0);
		row.path = st_column_text(&q, 1);
		rc = get_name(&q, 2, &text, &row);
		if (rc == ST_OK)
			rc = cb(arg, &row, e);
	}
	st_query_close(&q);
	st_buf_release(&text);
	return st_query_ended(rc, e);
}

int st_catalog_change_add(struct st_catalog *c, int64_t commit, int64_t slot, int64_t origin,
			  const struct st_oid *id, struct st_err *e)
{
	int64_t value = 0;
	struct st_query q;
	/* A tensor that fills its extent has the extent's id, which its pack has made known. */
	int rc = id ? st_catalog_intern(c, id, &value, e) : ST_OK;

	if (rc != ST_OK)
		return rc;
	st_query_open(&q, c, SQL_CHANGE_ADD, e);
	st_query_i64(&q, commit);
	st_query_i64(&q, slot);
	st_query_i64(&q, origin);
	if (id)
		st_query_i64(&q, value);
	else
		st_query_null(&q);
	return st_query_run(&q);
}

static int each_change(struct st_catalog *c, enum st_sql which, int64_t key, st_change_cb cb,
		       void *arg, struct st_err *e)
{
	struct st_change_row row;
	struct st_query q;
	int rc = ST_OK;

	st_query_open(&q, c, which, e);
	st_query_i64(&q, key);
	while (rc == ST_OK && st_query_row(&q)) {
		row.commit = st_column_i64(&q, 0);
		row.slot = st_column_i64(&q, 1);
		row.origin = st_column_i64(&q, 2);
		row.value = sqlite3_column_int64(q.stmt, 3); /* NULL: 0 */
		rc = e->code == ST_OK ? cb(arg, &row, e) : (int)e->code;
	}
	st_query_close(&q);
	return st_query_ended(rc, e);
}

int st_catalog_change_each(struct st_catalog *c, int64_t commit, st_change_cb cb, void *arg,
			   struct st_err *e)
{
	return each_change(c, SQL_CHANGE_COMMIT, commit, cb, arg, e);
}

int st_catalog_change_of_slot(struct st_catalog *c, int64_t slot, st_change_cb cb, void *arg,
			      struct st_err *e)
{
	return each_change(c, SQL_CHANGE_SLOT, slot, cb, arg, e);
}

int st_catalog_value(struct st_catalog *c, int64_t value, struct st_oid *out, struct st_err *e)
{
	struct st_query q;

	st_query_open(&q, c, SQL_OBJECT_ID, e);
	st_query_i64(&q, value);
	if (st_query_row(&q))
		st_column_oid(&q, 0, out);
	else
		st_fail(e, ST_ENOTFOUND, "no id has the number %" PRId64, value);
	st_query_close(&q);
	return e->code;
}

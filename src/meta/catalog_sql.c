/* SPDX-License-Identifier: Apache-2.0 */
#include "meta/catalog_sql.h"

static const char *const sql_text[] = {
#define ST_SQL_TEXT(name, text) text,
	ST_SQL_TABLE(ST_SQL_TEXT)
#undef ST_SQL_TEXT
};

static enum st_code code_of(int sqlite_rc)
{
	switch (sqlite_rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ST_EBUSY;
	case SQLITE_FULL:
		return ST_ENOSPC;
	case SQLITE_NOMEM:
		return ST_ENOMEM;
	case SQLITE_TOOBIG:
		return ST_ELIMIT;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_CONSTRAINT: /* ours break none, unless rows that were there are wrong */
	case SQLITE_ERROR:	/* they are constant: a table or column is missing */
	case SQLITE_MISMATCH:
		return ST_ECORRUPT;
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
		return ST_EBUG;
	default: /* IOERR, CANTOPEN, READONLY, PERM, PROTOCOL */
		return ST_EIO;
	}
}

/* While it is being opened, the caller makes it anew itself. */
static const char *advice(const struct st_catalog *c, enum st_code code)
{
	return c->opened && code == ST_ECORRUPT ? " (" ST_CATALOG_ANEW ")" : "";
}

int st_catalog_fail(struct st_catalog *c, int sqlite_rc, struct st_err *e)
{
	enum st_code code = code_of(sqlite_rc);

	return st_fail(e, code, "%s: %s%s", c->path,
		       c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(sqlite_rc), advice(c, code));
}

void st_query_open(struct st_query *q, struct st_catalog *c, enum st_sql which, struct st_err *e)
{
	unsigned flags = SQLITE_PREPARE_PERSISTENT;
	int rc = SQLITE_OK;

	*q = (struct st_query){ .c = c, .err = e, .which = (int)which };
	pthread_mutex_lock(&c->mutex);
	if (c->in_use[which]) { /* by a caller whose callback we are in */
		q->which = -1;
		flags = 0;
	}
	if (q->which >= 0 && c->cached[which])
		q->stmt = c->cached[which];
	else
		rc = sqlite3_prepare_v3(c->db, sql_text[which], -1, flags, &q->stmt, NULL);
	if (rc != SQLITE_OK)
		st_catalog_fail(c, rc, e);
	if (q->which >= 0) {
		c->cached[which] = q->stmt;
		c->in_use[which] = true;
	}
}

static bool ready(const struct st_query *q)
{
	return q->stmt && q->err->code == ST_OK;
}

static void bound(struct st_query *q, int rc)
{
	if (rc != SQLITE_OK)
		st_catalog_fail(q->c, rc, q->err);
}

void st_query_text(struct st_query *q, const char *s)
{
	if (ready(q))
		bound(q, sqlite3_bind_text64(q->stmt, ++q->bound, s, s ? strlen(s) : 0,
					     SQLITE_STATIC, SQLITE_UTF8));
}

void st_query_blob(struct st_query *q, const void *p, size_t n)
{
	/* a NULL pointer would bind NULL */
	if (ready(q))
		bound(q, sqlite3_bind_blob64(q->stmt, ++q->bound, p ? p : "", n, SQLITE_STATIC));
}

void st_query_oid(struct st_query *q, const struct st_oid *id)
{
	st_query_blob(q, id->b, ST_OID_LEN);
}

void st_query_i64(struct st_query *q, int64_t v)
{
	if (ready(q))
		bound(q, sqlite3_bind_int64(q->stmt, ++q->bound, v));
}

void st_query_u64(struct st_query *q, uint64_t v)
{
	if (v > INT64_MAX)
		st_fail(q->err, ST_ELIMIT, "%" PRIu64 " does not fit in the catalogue", v);
	else
		st_query_i64(q, (int64_t)v);
}

void st_query_null(struct st_query *q)
{
	if (ready(q))
		bound(q, sqlite3_bind_null(q->stmt, ++q->bound));
}

bool st_query_row(struct st_query *q)
{
	int rc;

	if (!ready(q))
		return false;
	rc = sqlite3_step(q->stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		st_catalog_fail(q->c, rc, q->err);
	return rc == SQLITE_ROW;
}

void st_query_close(struct st_query *q)
{
	if (q->which >= 0) {
		sqlite3_reset(q->stmt);
		sqlite3_clear_bindings(q->stmt);
		q->c->in_use[q->which] = false;
	} else {
		sqlite3_finalize(q->stmt);
	}
	q->stmt = NULL;
	pthread_mutex_unlock(&q->c->mutex);
}

int st_query_run(struct st_query *q)
{
	while (st_query_row(q))
		;
	st_query_close(q);
	return q->err->code;
}

int st_query_ended(int rc, const struct st_err *e)
{
	if (rc == ST_ENO && e->code == ST_OK)
		return ST_OK;
	return rc == ST_OK ? (int)e->code : rc;
}

static void bad_column(struct st_query *q, int i)
{
	st_fail(q->err, ST_ECORRUPT, "%s: bad value of %s%s", q->c->path,
		sqlite3_column_name(q->stmt, i), advice(q->c, ST_ECORRUPT));
}

int64_t st_column_i64(struct st_query *q, int i)
{
	if (sqlite3_column_type(q->stmt, i) != SQLITE_INTEGER)
		bad_column(q, i);
	return sqlite3_column_int64(q->stmt, i);
}

uint64_t st_column_u64(struct st_query *q, int i, uint64_t max)
{
	int64_t v = st_column_i64(q, i);

	if (v < 0 || (uint64_t)v > max)
		bad_column(q, i);
	return (uint64_t)v;
}

const char *st_column_text(struct st_query *q, int i)
{
	const char *s = (const char *)sqlite3_column_text(q->stmt, i);

	if (!s)
		bad_column(q, i);
	return s ? s : "";
}

void st_column_oid(struct st_query *q, int i, struct st_oid *out)
{
	const void *p = sqlite3_column_blob(q->stmt, i);

	if (p && sqlite3_column_bytes(q->stmt, i) == ST_OID_LEN)
		memcpy(out->b, p, ST_OID_LEN);
	else
		bad_column(q, i);
}

void st_column_maybe_oid(struct st_query *q, int i, struct st_oid *out)
{
	*out = (struct st_oid){ { 0 } };
	if (sqlite3_column_type(q->stmt, i) != SQLITE_NULL)
		st_column_oid(q, i, out);
}

int st_catalog_name(struct st_catalog *c, const char *name, int64_t *nid, struct st_err *e)
{
	struct st_query q;
	bool known;

	st_query_open(&q, c, SQL_NAME_GET, e);
	st_query_text(&q, name);
	known = st_query_row(&q);
	if (known)
		*nid = st_column_i64(&q, 0);
	st_query_close(&q);
	if (known || e->code != ST_OK)
		return e->code;
	st_query_open(&q, c, SQL_NAME_ADD, e);
	st_query_text(&q, name);
	st_query_row(&q);
	*nid = sqlite3_last_insert_rowid(c->db);
	st_query_close(&q);
	return e->code;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "meta/catalog_sql.h"

#define LINEAGE_MAX ((size_t)256 << 20) /* more than a commit object may hold */

/* For each declared ancestor its id, then its kind, which a NUL ends. */
static int put_lineage(struct st_buf *out, const struct st_commit_row *row, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < row->nlineage; i++) {
		const char *kind = row->lineage[i].kind;

		rc = st_buf_add(out, row->lineage[i].commit.b, ST_OID_LEN, e);
		if (rc == ST_OK)
			rc = st_buf_add(out, kind, strlen(kind) + 1, e);
	}
	return rc;
}

/* Parents stand in one blob, and so does lineage, so that a scan needs no other table for them. */
static int add_row(struct st_catalog *c, const struct st_commit_row *row, const char *version,
		   int64_t author, struct st_err *e)
{
	uint8_t *parents = st_calloc(row->nparents, ST_OID_LEN, e);
	struct st_buf lineage;
	struct st_query q;
	int64_t oid = 0, tree = 0;
	int rc;

	if (!parents)
		return e->code;
	for (size_t i = 0; i < row->nparents; i++)
		memcpy(parents + i * ST_OID_LEN, row->parents[i].b, ST_OID_LEN);
	st_buf_init(&lineage, LINEAGE_MAX);
	rc = put_lineage(&lineage, row, e);
	if (rc == ST_OK)
		rc = st_catalog_intern(c, &row->id, &oid, e);
	if (rc == ST_OK)
		rc = st_catalog_intern(c, &row->tree, &tree, e);
	st_query_open(&q, c, SQL_COMMIT_ADD, e);
	st_query_i64(&q, oid);
	st_query_i64(&q, tree);
	st_query_i64(&q, row->time_ns);
	st_query_u64(&q, row->generation);
	st_query_i64(&q, author);
	st_query_text(&q, row->message);
	st_query_text(&q, version);
	st_query_blob(&q, parents, row->nparents * ST_OID_LEN);
	if (row->nlineage)
		st_query_blob(&q, lineage.p, lineage.len);
	else
		st_query_null(&q);
	st_query_i64(&q, row->traced);
	rc = st_query_run(&q);
	st_buf_release(&lineage);
	free(parents);
	return rc;
}

int st_catalog_commit_add(struct st_catalog *c, const struct st_commit_row *row, struct st_err *e)
{
	const char *version = row->version;
	int64_t author;
	char label[32];
	int rc = st_catalog_name(c, row->author, &author, e);

	if (rc == ST_OK && *version == 0) {
		rc = st_catalog_version_of(c, &row->id, label, e);
		version = label;
	}
	return rc == ST_OK ? add_row(c, row, version, author, e) : rc;
}

typedef int (*row_cb)(void *arg, const struct st_commit_row *row, struct st_err *e);

static void get_parents(struct st_query *q, int col, struct st_oid *out, size_t n)
{
	const uint8_t *p = sqlite3_column_blob(q->stmt, col);

	for (size_t i = 0; p && i < n; i++)
		memcpy(out[i].b, p + i * ST_OID_LEN, ST_OID_LEN);
}

static int bad_lineage(struct st_query *q)
{
	return st_fail(q->err, ST_ECORRUPT, "%s: lineage cut short", q->c->path);
}

/* The kinds lie in the row. *out is the caller's to free. */
static int get_lineage(struct st_query *q, int col, struct st_origin **out, size_t *n)
{
	const uint8_t *p = sqlite3_column_blob(q->stmt, col), *end;
	size_t left = (size_t)sqlite3_column_bytes(q->stmt, col), cap = 0;

	*out = NULL;
	*n = 0;
	while (left) {
		end = left > ST_OID_LEN ? memchr(p + ST_OID_LEN, 0, left - ST_OID_LEN) : NULL;
		if (!end)
			return bad_lineage(q);
		if (st_grow(out, &cap, *n + 1, q->err) != ST_OK)
			return q->err->code;
		memcpy((*out)[*n].commit.b, p, ST_OID_LEN);
		(*out)[(*n)++].kind = (const char *)p + ST_OID_LEN;
		left -= (size_t)(end + 1 - p);
		p = end + 1;
	}
	return ST_OK;
}

/* Calls cb with the current row. */
static int give_row(struct st_query *q, row_cb cb, void *arg)
{
	struct st_oid few[4], *parents = few;
	struct st_origin *lineage = NULL;
	struct st_commit_row row;
	int bytes, rc;

	st_column_oid(q, 0, &row.id);
	st_column_oid(q, 1, &row.tree);
	row.time_ns = st_column_i64(q, 2);
	row.generation = st_column_u64(q, 3, INT64_MAX);
	row.author = st_column_text(q, 4);
	row.message = st_column_text(q, 5);
	row.version = st_column_text(q, 6);
	bytes = sqlite3_column_bytes(q->stmt, 7);
	if (bytes % ST_OID_LEN)
		st_fail(q->err, ST_ECORRUPT, "%s: parents of %d bytes", q->c->path, bytes);
	row.key = st_column_i64(q, 9);
	row.traced = st_column_u64(q, 10, 1);
	if (q->err->code != ST_OK)
		return q->err->code;
	row.nparents = (size_t)bytes / ST_OID_LEN;
	if (row.nparents > sizeof(few) / sizeof(*few))
		parents = st_calloc(row.nparents, sizeof(*parents), q->err);
	if (!parents)
		return q->err->code;
	get_parents(q, 7, parents, row.nparents);
	row.parents = parents;
	rc = get_lineage(q, 8, &lineage, &row.nlineage);
	row.lineage = lineage;
	if (rc == ST_OK)
		rc = cb(arg, &row, q->err);
	free(lineage);
	if (parents != few)
		free(parents);
	return rc;
}

int st_catalog_commit_get(struct st_catalog *c, const struct st_oid *id, row_cb cb, void *arg,
			  struct st_err *e)
{
	char hex[ST_OID_HEX + 1];
	struct st_query q;
	int64_t oid;
	int rc = st_catalog_value_of(c, id, &oid, e);

	if (rc != ST_OK)
		return rc;
	st_query_open(&q, c, SQL_COMMIT_GET, e);
	st_query_i64(&q, oid);
	if (st_query_row(&q)) {
		rc = give_row(&q, cb, arg);
	} else {
		st_oid_hex(id, hex);
		rc = st_fail(e, ST_ENOTFOUND, "no commit %s", hex);
	}
	st_query_close(&q);
	return rc;
}

int st_catalog_commit_by_key(struct st_catalog *c, int64_t key, row_cb cb, void *arg,
			     struct st_err *e)
{
	struct st_query q;
	int rc;

	st_query_open(&q, c, SQL_COMMIT_BY_KEY, e);
	st_query_i64(&q, key);
	if (st_query_row(&q))
		rc = give_row(&q, cb, arg);
	else
		rc = st_fail(e, ST_ENOTFOUND, "no commit has the number %" PRId64, key);
	st_query_close(&q);
	return rc;
}

int st_catalog_commit_key(struct st_catalog *c, const struct st_oid *id, int64_t *key, bool *found,
			  struct st_err *e)
{
	struct st_query q;
	int64_t oid;

	*key = 0;
	*found = false;
	if (st_catalog_value_of(c, id, &oid, e) != ST_OK || !oid)
		return e->code;
	st_query_open(&q, c, SQL_COMMIT_KEY, e);
	st_query_i64(&q, oid);
	*found = st_query_row(&q);
	if (*found)
		*key = st_column_i64(&q, 0);
	st_query_close(&q);
	return e->code;
}

int st_catalog_commit_each(struct st_catalog *c, row_cb cb, void *arg, struct st_err *e)
{
	struct st_query q;
	int rc = ST_OK;

	st_query_open(&q, c, SQL_COMMIT_EACH, e);
	while (rc == ST_OK && st_query_row(&q))
		rc = give_row(&q, cb, arg);
	st_query_close(&q);
	if (rc == ST_ENO && e->code == ST_OK)
		return ST_OK;
	return rc == ST_OK ? (int)e->code : rc;
}

static int hex_digit(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : -1;
}

/* The first and last id that begin so. */
static bool prefix_range(const char *hex, size_t len, struct st_oid *lo, struct st_oid *hi)
{
	if (len == 0 || len > ST_OID_HEX)
		return false;
	memset(lo->b, 0, ST_OID_LEN);
	memset(hi->b, 0xff, ST_OID_LEN);
	for (size_t i = 0; i < len; i++) {
		int d = hex_digit(hex[i]), shift = i % 2 ? 0 : 4;

		if (d < 0)
			return false;
		lo->b[i / 2] = (uint8_t)(lo->b[i / 2] | d << shift);
		hi->b[i / 2] = (uint8_t)(hi->b[i / 2] & ~((15 ^ d) << shift));
	}
	return true;
}

int st_catalog_commit_prefix(struct st_catalog *c, const char *hex, size_t len,
			     struct st_oid out[8], size_t *n, struct st_err *e)
{
	struct st_oid lo, hi;
	struct st_query q;

	*n = 0;
	if (!prefix_range(hex, len, &lo, &hi))
		return ST_OK;
	st_query_open(&q, c, SQL_COMMIT_PREFIX, e);
	st_query_oid(&q, &lo);
	st_query_oid(&q, &hi);
	while (*n < 8 && st_query_row(&q))
		st_column_oid(&q, 0, &out[(*n)++]);
	st_query_close(&q);
	return e->code;
}

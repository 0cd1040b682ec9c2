/* SPDX-License-Identifier: Apache-2.0 */
/* Refs, version numbers, the staged tree, operations. */
#include "meta/catalog_sql.h"

int st_catalog_ref_set(struct st_catalog *c, const char *name, const char *value, struct st_err *e)
{
	struct st_query q;

	st_query_open(&q, c, value ? SQL_REF_SET : SQL_REF_DEL, e);
	st_query_text(&q, name);
	if (value)
		st_query_text(&q, value);
	return st_query_run(&q);
}

int st_catalog_ref_get(struct st_catalog *c, const char *name, struct st_buf *out, bool *found,
		       struct st_err *e)
{
	struct st_query q;
	int rc = ST_OK;

	st_query_open(&q, c, SQL_REF_GET, e);
	st_query_text(&q, name);
	*found = st_query_row(&q);
	if (*found)
		rc = st_buf_addstr(out, st_column_text(&q, 0), e);
	st_query_close(&q);
	return rc == ST_OK ? (int)e->code : rc;
}

int st_catalog_ref_each(struct st_catalog *c, const char *prefix,
			int (*cb)(void *arg, const char *name, const char *value, struct st_err *e),
			void *arg, struct st_err *e)
{
	size_t n = strlen(prefix);
	struct st_query q;
	int rc = ST_OK;

	st_query_open(&q, c, SQL_REF_EACH, e);
	st_query_text(&q, prefix);
	while (rc == ST_OK && st_query_row(&q)) {
		const char *name = st_column_text(&q, 0), *value = st_column_text(&q, 1);

		if (e->code != ST_OK || strncmp(name, prefix, n) != 0)
			break;
		rc = cb(arg, name, value, e);
	}
	st_query_close(&q);
	return rc == ST_ENO && e->code == ST_OK ? ST_OK : rc == ST_OK ? (int)e->code : rc;
}

int st_catalog_index_tree(struct st_catalog *c, struct st_oid *tree, bool *found, struct st_err *e)
{
	struct st_query q;

	*tree = (struct st_oid){ { 0 } };
	st_query_open(&q, c, SQL_INDEX_GET, e);
	*found = st_query_row(&q);
	if (*found)
		st_column_oid(&q, 0, tree);
	st_query_close(&q);
	return e->code;
}

int st_catalog_set_index_tree(struct st_catalog *c, const struct st_oid *tree, struct st_err *e)
{
	struct st_query q;

	st_query_open(&q, c, SQL_INDEX_SET, e);
	st_query_oid(&q, tree);
	return st_query_run(&q);
}

int st_catalog_version_get(struct st_catalog *c, const char *label, struct st_oid *commit,
			   bool *found, struct st_err *e)
{
	struct st_query q;

	st_query_open(&q, c, SQL_VERSION_GET, e);
	st_query_text(&q, label);
	*found = st_query_row(&q);
	if (*found)
		st_column_oid(&q, 0, commit);
	st_query_close(&q);
	return e->code;
}

int st_catalog_version_add(struct st_catalog *c, const char *label, const struct st_oid *commit,
			   struct st_err *e)
{
	struct st_oid other;
	struct st_query q;
	int64_t oid;
	bool found;
	int rc = st_catalog_version_get(c, label, &other, &found, e);

	if (rc != ST_OK)
		return rc;
	if (found && st_oid_eq(&other, commit))
		return ST_OK;
	if (found)
		return st_fail(e, ST_EREFUSED, "version %s exists and is another commit", label);
	rc = st_catalog_intern(c, commit, &oid, e);
	if (rc != ST_OK)
		return rc;
	st_query_open(&q, c, SQL_VERSION_ADD, e);
	st_query_text(&q, label);
	st_query_i64(&q, oid);
	rc = st_query_run(&q);
	if (rc != ST_OK)
		return rc;
	st_query_open(&q, c, SQL_COMMIT_LABEL, e); /* the row's copy, which scans read */
	st_query_text(&q, label);
	st_query_i64(&q, oid);
	return st_query_run(&q);
}

int st_catalog_version_of(struct st_catalog *c, const struct st_oid *commit, char out[32],
			  struct st_err *e)
{
	const char *label;
	struct st_query q;
	int64_t oid;

	out[0] = 0;
	if (st_catalog_value_of(c, commit, &oid, e) != ST_OK || !oid)
		return e->code;
	st_query_open(&q, c, SQL_VERSION_OF, e);
	st_query_i64(&q, oid);
	if (st_query_row(&q)) {
		label = st_column_text(&q, 0);
		if (strlen(label) < 32)
			memcpy(out, label, strlen(label) + 1);
		else
			st_fail(e, ST_ELIMIT, "version %.40s is longer than 31 bytes", label);
	}
	st_query_close(&q);
	return e->code;
}

int st_catalog_version_count(struct st_catalog *c, uint64_t *n, struct st_err *e)
{
	struct st_query q;

	*n = 0;
	st_query_open(&q, c, SQL_VERSION_COUNT, e);
	if (st_query_row(&q))
		*n = st_column_u64(&q, 0, INT64_MAX);
	st_query_close(&q);
	return e->code;
}

int st_catalog_version_each(struct st_catalog *c,
			    int (*cb)(void *arg, const char *label, struct st_err *e), void *arg,
			    struct st_err *e)
{
	struct st_query q;
	int rc = ST_OK;

	st_query_open(&q, c, SQL_VERSION_EACH, e);
	while (rc == ST_OK && st_query_row(&q))
		rc = cb(arg, st_column_text(&q, 0), e);
	st_query_close(&q);
	return rc == ST_ENO && e->code == ST_OK ? ST_OK : rc == ST_OK ? (int)e->code : rc;
}

/* A commit's id as its number, anything else as it is. */
static int bind_value(struct st_query *q, const char *value, int64_t oid)
{
	if (!value)
		st_query_null(q);
	else if (oid)
		st_query_i64(q, oid);
	else
		st_query_text(q, value);
	return q->err->code;
}

/* 0: it is no id. */
static int value_number(struct st_catalog *c, const char *value, int64_t *oid, struct st_err *e)
{
	char hex[ST_OID_HEX + 1];
	struct st_oid id;

	*oid = 0;
	if (!value || strlen(value) != ST_OID_HEX || !st_oid_parse(&id, value, ST_OID_HEX))
		return ST_OK;
	st_oid_hex(&id, hex);
	return strcmp(hex, value) == 0 ? st_catalog_intern(c, &id, oid, e) : ST_OK;
}

static int add_move(struct st_catalog *c, uint64_t seq, size_t k, const struct st_op_ref *r,
		    struct st_err *e)
{
	int64_t name, old, new;
	struct st_query q;
	int rc = st_catalog_name(c, r->name, &name, e);

	if (rc == ST_OK)
		rc = value_number(c, r->old, &old, e);
	if (rc == ST_OK)
		rc = value_number(c, r->value, &new, e);
	if (rc != ST_OK)
		return rc;
	st_query_open(&q, c, SQL_MOVE_ADD, e);
	st_query_u64(&q, seq);
	st_query_u64(&q, k);
	st_query_i64(&q, name);
	bind_value(&q, r->old, old);
	bind_value(&q, r->value, new);
	return st_query_run(&q);
}

int st_catalog_op_add(struct st_catalog *c, const struct st_op *op, const struct st_oplog_pos *at,
		      struct st_err *e)
{
	int64_t who, verb;
	struct st_query q;
	int rc;

	rc = st_catalog_name(c, op->who ? op->who : "", &who, e);
	if (rc == ST_OK)
		rc = st_catalog_name(c, op->verb ? op->verb : "", &verb, e);
	if (rc != ST_OK)
		return rc;
	st_query_open(&q, c, SQL_OP_ADD, e);
	st_query_u64(&q, at->seq);
	st_query_u64(&q, at->end);
	st_query_i64(&q, op->time_ns);
	st_query_i64(&q, who);
	st_query_i64(&q, verb);
	st_query_text(&q, op->why ? op->why : "");
	rc = st_query_run(&q);
	for (size_t i = 0; rc == ST_OK && i < op->nrefs; i++)
		rc = add_move(c, at->seq, i, &op->refs[i], e);
	return rc;
}

int st_catalog_op_end(struct st_catalog *c, uint64_t seq, uint64_t *end, struct st_err *e)
{
	struct st_query q;

	*end = 0;
	if (seq == 0)
		return ST_OK;
	st_query_open(&q, c, SQL_OP_END, e);
	st_query_u64(&q, seq);
	if (st_query_row(&q))
		*end = st_column_u64(&q, 0, INT64_MAX);
	else if (e->code == ST_OK)
		st_fail(e, ST_ECORRUPT,
			"the catalogue lacks operation %" PRIu64
			": 'strata fsck --rebuild' makes it anew",
			seq);
	st_query_close(&q);
	return e->code;
}

/* *out lives in arena; NULL: absent. */
static int get_value(struct st_query *q, int col, struct st_arena *arena, const char **out)
{
	int type = sqlite3_column_type(q->stmt, col);
	char hex[ST_OID_HEX + 1];
	const char *text = hex;
	struct st_oid id;

	*out = NULL;
	if (type == SQLITE_NULL)
		return ST_OK;
	if (type == SQLITE_INTEGER) {
		st_column_oid(q, col + 1, &id);
		st_oid_hex(&id, hex);
	} else {
		text = st_column_text(q, col);
	}
	if (q->err->code == ST_OK)
		*out = st_arena_dup(arena, text, strlen(text), q->err);
	return q->err->code;
}

static int get_moves(struct st_catalog *c, struct st_op *op, struct st_arena *arena,
		     struct st_op_ref **refs, struct st_err *e)
{
	struct st_query q;
	size_t cap = 0;
	int rc = ST_OK;

	st_query_open(&q, c, SQL_MOVE_EACH, e);
	st_query_u64(&q, op->seq);
	while (rc == ST_OK && st_query_row(&q)) {
		const char *name = st_column_text(&q, 0);

		rc = st_grow(refs, &cap, op->nrefs + 1, e);
		if (rc != ST_OK)
			break;
		(*refs)[op->nrefs].name = st_arena_dup(arena, name, strlen(name), e);
		rc = get_value(&q, 1, arena, &(*refs)[op->nrefs].old);
		if (rc == ST_OK)
			rc = get_value(&q, 3, arena, &(*refs)[op->nrefs].value);
		op->nrefs++;
	}
	st_query_close(&q);
	return e->code;
}

/* Its strings stand in the statement's row, which stays until the next step. */
static int give_op(struct st_query *q,
		   int (*cb)(void *arg, const struct st_op *op, struct st_err *e), void *arg)
{
	struct st_op op = { .seq = st_column_u64(q, 0, INT64_MAX),
			    .time_ns = st_column_i64(q, 1),
			    .who = st_column_text(q, 2),
			    .verb = st_column_text(q, 3),
			    .why = st_column_text(q, 4) };
	struct st_op_ref *refs = NULL;
	struct st_arena arena;
	int rc = q->err->code;

	st_arena_init(&arena);
	if (rc == ST_OK)
		rc = get_moves(q->c, &op, &arena, &refs, q->err);
	op.refs = refs;
	if (rc == ST_OK)
		rc = cb(arg, &op, q->err);
	st_arena_release(&arena);
	free(refs);
	return rc;
}

int st_catalog_op_each(struct st_catalog *c,
		       int (*cb)(void *arg, const struct st_op *op, struct st_err *e), void *arg,
		       struct st_err *e)
{
	struct st_query q;
	int rc = ST_OK;

	st_query_open(&q, c, SQL_OP_EACH, e);
	while (rc == ST_OK && st_query_row(&q))
		rc = give_op(&q, cb, arg);
	st_query_close(&q);
	return rc == ST_ENO && e->code == ST_OK ? ST_OK : rc == ST_OK ? (int)e->code : rc;
}

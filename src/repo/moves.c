/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/moves.h"

#include <stdio.h>

int st_head_expect(struct st_repo *r, const struct st_head *head, const strata_head_info *expect,
		   struct st_err *e)
{
	char hex[ST_OID_HEX + 1] = "", title[64] = "no version";
	int rc = ST_OK;

	if (!expect)
		return ST_OK;
	if (!head->unborn)
		st_oid_hex(&head->commit, hex);
	if (head->detached == expect->detached && strcmp(head->branch, expect->branch) == 0 &&
	    strcmp(hex, expect->commit) == 0)
		return ST_OK;
	if (!head->unborn)
		rc = st_commit_title(r, &head->commit, title, e);
	return rc == ST_OK ?
		       st_fail(e, ST_EBUSY, "HEAD moved to %s%s%s while the message was written",
			       head->branch, *head->branch ? ", " : "", title) :
		       rc;
}

int st_ref_value(struct st_repo *r, const char *full, char **value, struct st_err *e)
{
	struct st_buf b;
	bool found;
	int rc;

	*value = NULL;
	st_buf_init(&b, ST_OP_BYTES);
	rc = st_catalog_ref_get(r->cat, full, &b, &found, e);
	if (rc == ST_OK && found) {
		*value = st_buf_cstr(&b, e) ? st_strdup((const char *)b.p, e) : NULL;
		rc = e->code;
	}
	st_buf_release(&b);
	return rc;
}

struct beside {
	const char *name; /* with its prefix */
	char other[ST_REF_FULL];
};

static bool below(const char *name, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(name, dir, n) == 0 && name[n] == '/';
}

static int look_beside(void *arg, const char *name, const char *value, struct st_err *e)
{
	struct beside *b = arg;

	(void)value;
	(void)e;
	if (!below(name, b->name) && !below(b->name, name))
		return ST_OK;
	snprintf(b->other, sizeof(b->other), "%s", name);
	return ST_ENO;
}

/* A short id would have two meanings from then on. */
static int not_an_id(struct st_repo *r, const char *name, struct st_err *e)
{
	struct st_oid ids[8];
	char title[64];
	size_t len = strlen(name), n = 0;
	int rc;

	if (len < ST_ID_PREFIX || strspn(name, "0123456789abcdef") != len)
		return ST_OK;
	rc = st_catalog_commit_prefix(r->cat, name, len, ids, &n, e);
	if (rc == ST_OK && n)
		rc = st_commit_title(r, &ids[0], title, e);
	if (rc == ST_OK && n)
		rc = st_fail(e, ST_EUSAGE, "'%s' cannot be a name: the id of version %s begins so",
			     name, title);
	return rc;
}

int st_ref_beside(struct st_repo *r, const char *prefix, const char *name, struct st_err *e)
{
	char full[ST_REF_FULL];
	struct beside b = { .name = full };
	int rc = not_an_id(r, name, e);

	if (rc != ST_OK)
		return rc;
	snprintf(full, sizeof(full), "%s%s", prefix, name);
	rc = st_catalog_ref_each(r->cat, prefix, look_beside, &b, e);
	if (rc == ST_OK && b.other[0])
		rc = st_fail(e, ST_EREFUSED,
			     "'%s' cannot be beside '%s': one would be a directory of the other",
			     name, b.other + strlen(prefix));
	return rc;
}

int st_refs_publish(struct st_repo *r, const char *verb, const char *why, struct st_op_ref *refs,
		    size_t n, struct st_err *e)
{
	struct st_txn t;
	int rc = st_txn_begin(&t, r, verb, e);

	t.op.why = why;
	t.op.refs = refs;
	t.op.nrefs = n;
	if (rc == ST_OK)
		rc = st_txn_publish(&t, false, NULL, e);
	t.op.refs = NULL;
	t.op.why = verb;
	st_txn_end(&t);
	return rc;
}

struct reach {
	struct st_map seen;
	const struct st_oid *what;
	bool yes;
};

/* Newest generation first: all that could lead to `what` comes before it. */
static int reach_row(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct reach *x = arg;
	uint64_t one;
	bool seen = st_map_get(&x->seen, row->id.b, ST_OID_LEN, &one);
	size_t i;
	int rc = ST_OK;

	if (st_oid_eq(&row->id, x->what)) {
		x->yes = seen;
		return ST_ENO;
	}
	for (i = 0; rc == ST_OK && seen && i < row->nparents; i++)
		rc = st_map_put(&x->seen, row->parents[i].b, ST_OID_LEN, 1, NULL, NULL, e);
	return rc;
}

int st_reaches(struct st_repo *r, const struct st_oid *from, size_t n, const struct st_oid *what,
	       bool *yes, struct st_err *e)
{
	struct reach x = { .what = what };
	size_t i;
	int rc = ST_OK;

	st_map_init(&x.seen);
	for (i = 0; rc == ST_OK && i < n; i++)
		rc = st_map_put(&x.seen, from[i].b, ST_OID_LEN, 1, NULL, NULL, e);
	if (rc == ST_OK)
		rc = st_catalog_commit_each(r->cat, reach_row, &x, e);
	if (rc == ST_ENO && e->code == ST_OK)
		rc = ST_OK;
	st_map_release(&x.seen);
	*yes = x.yes;
	return rc;
}

int st_commit_title(struct st_repo *r, const struct st_oid *id, char out[64], struct st_err *e)
{
	char label[32], hex[ST_OID_HEX + 1];
	int rc = st_catalog_version_of(r->cat, id, label, e);

	st_oid_hex(id, hex);
	snprintf(out, 64, "%s%s%.12s", label, *label ? " " : "", hex);
	return rc;
}

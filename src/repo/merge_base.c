/* SPDX-License-Identifier: Apache-2.0 */
/* Best common ancestors: common ones that are no ancestor of another common one. */
#include "repo/merge_base.h"

enum {
	FROM_A = 1,
	FROM_B = 2,
	COMMON = FROM_A | FROM_B,
	BELOW = 4, /* an ancestor of a common ancestor */
	DONE = 8,
};

struct bases {
	struct st_map seen; /* commit -> the flags above */
	uint64_t open;	    /* of them: not done, and not below */
	int (*cb)(void *arg, const struct st_oid *base, struct st_err *e);
	void *arg;
};

static bool is_open(uint64_t flags)
{
	return flags && !(flags & (BELOW | DONE));
}

static int mark(struct bases *x, const struct st_oid *id, uint64_t flags, struct st_err *e)
{
	uint64_t old = 0;

	st_map_get(&x->seen, id->b, ST_OID_LEN, &old);
	flags |= old;
	x->open += (uint64_t)is_open(flags) - (uint64_t)is_open(old);
	return st_map_put(&x->seen, id->b, ST_OID_LEN, flags, NULL, NULL, e);
}

/*
 * Newest generation first: whatever leads to a commit was met before it, so its flags are final.
 * Where nothing is open any more, no further base can come.
 */
static int spread(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct bases *x = arg;
	uint64_t flags = 0;
	size_t i;
	int rc;

	if (!st_map_get(&x->seen, row->id.b, ST_OID_LEN, &flags))
		return ST_OK;
	rc = mark(x, &row->id, DONE, e);
	if (rc == ST_OK && flags == COMMON) {
		rc = x->cb(x->arg, &row->id, e);
		flags |= BELOW;
	}
	for (i = 0; rc == ST_OK && i < row->nparents; i++)
		rc = mark(x, &row->parents[i], flags, e);
	return rc == ST_OK && x->open == 0 ? ST_ENO : rc;
}

int st_merge_base_each(struct st_repo *r, const struct st_oid *a, const struct st_oid *b,
		       int (*cb)(void *arg, const struct st_oid *base, struct st_err *e), void *arg,
		       struct st_err *e)
{
	struct bases x = { .cb = cb, .arg = arg };
	int rc;

	st_map_init(&x.seen);
	rc = mark(&x, a, FROM_A, e);
	if (rc == ST_OK)
		rc = mark(&x, b, FROM_B, e);
	if (rc == ST_OK)
		rc = st_catalog_commit_each(r->cat, spread, &x, e);
	st_map_release(&x.seen);
	return rc == ST_ENO && e->code == ST_OK ? ST_OK : rc;
}

struct room {
	struct st_oid *out;
	size_t max, n;
};

static int take(void *arg, const struct st_oid *base, struct st_err *e)
{
	struct room *o = arg;

	(void)e;
	if (o->n == o->max)
		return ST_ENO;
	o->out[o->n++] = *base;
	return ST_OK;
}

int st_merge_bases(struct st_repo *r, const struct st_oid *a, const struct st_oid *b,
		   struct st_oid *out, size_t max, size_t *n, struct st_err *e)
{
	struct room o = { .out = out, .max = max };
	int rc = st_merge_base_each(r, a, b, take, &o, e);

	*n = rc == ST_OK ? o.n : 0;
	return rc;
}

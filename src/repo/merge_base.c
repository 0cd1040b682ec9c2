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

/* ---- of several ---- */

static bool is_in(const struct st_oid *v, size_t n, const struct st_oid *id)
{
	for (size_t i = 0; i < n; i++)
		if (st_oid_eq(&v[i], id))
			return true;
	return false;
}

/* Of v, those that lead to no other one. */
static int keep_best(struct st_repo *r, struct st_oid *v, size_t *n, struct st_err *e)
{
	struct st_oid one[2];
	size_t found;
	int rc = ST_OK;

	for (size_t i = *n; rc == ST_OK && i > 0; i--)
		for (size_t k = 0; rc == ST_OK && k < *n; k++) {
			if (k == i - 1)
				continue;
			rc = st_merge_bases(r, &v[i - 1], &v[k], one, 2, &found, e);
			if (rc != ST_OK || found != 1 || !st_oid_eq(&one[0], &v[i - 1]))
				continue;
			(*n)--;
			memmove(&v[i - 1], &v[i], (*n - (i - 1)) * sizeof(*v));
			break;
		}
	return rc;
}

/* Those of the commits before, each with one more. */
static int join_one(struct st_repo *r, struct st_oid *v, size_t *n, const struct st_oid *id,
		    struct st_err *e)
{
	struct st_oid now[ST_BASES_MAX], some[ST_BASES_MAX + 1];
	size_t nnow = 0, nsome;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < *n; i++) {
		rc = st_merge_bases(r, &v[i], id, some, ST_BASES_MAX + 1, &nsome, e);
		for (size_t k = 0; rc == ST_OK && k < nsome; k++) {
			if (is_in(now, nnow, &some[k]))
				continue;
			if (nnow == ST_BASES_MAX)
				return st_fail(e, ST_ELIMIT,
					       "the versions have more than %d others that are the "
					       "newest they all come from",
					       ST_BASES_MAX);
			now[nnow++] = some[k];
		}
	}
	if (rc == ST_OK && *n > 1)
		rc = keep_best(r, now, &nnow, e);
	memcpy(v, now, nnow * sizeof(*v));
	*n = nnow;
	return rc;
}

int st_merge_bases_of_all(struct st_repo *r, const struct st_oid *ids, size_t n,
			  struct st_oid **out, size_t *nout, struct st_err *e)
{
	struct st_oid *v = st_calloc(ST_BASES_MAX, sizeof(*v), e);
	int rc = v ? ST_OK : (int)e->code;

	*out = NULL;
	*nout = v && n ? 1 : 0;
	if (*nout)
		v[0] = ids[0];
	for (size_t i = 1; rc == ST_OK && *nout && i < n; i++)
		rc = join_one(r, v, nout, &ids[i], e);
	if (rc == ST_OK)
		*out = v;
	else
		free(v);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* parent: candidates from sketches, distances from the weights. */
#include "repo/parent.h"

#include <math.h>

#define LIMIT 3 /* candidates, if nothing is said; so many are measured at least */

struct answer {
	const struct st_kin *kin;
	struct st_measured m;
};

struct naming { /* of one candidate */
	struct st_kinship *k;
	char (*hex)[STRATA_HEX];
	strata_parent_place *v;
	size_t n, total;
};

static int place(struct st_kinship *k, size_t node, size_t unit, char hex[STRATA_HEX],
		 strata_parent_place *out, struct st_err *e)
{
	st_oid_hex(&k->nodes[node].id, hex);
	*out = (strata_parent_place){ .commit = hex, .version = k->nodes[node].version };
	return st_kinship_path(k, node, unit, &out->path, e);
}

static int on_same(void *arg, size_t node, size_t unit, struct st_err *e)
{
	struct naming *x = arg;

	if (x->total++ >= STRATA_PARENT_SAME)
		return ST_OK;
	x->n++;
	return place(x->k, node, unit, x->hex[x->n - 1], &x->v[x->n - 1], e);
}

static int tell(struct st_kinship *k, const struct answer *a,
		int (*cb)(void *arg, const strata_parent_candidate *c), void *arg, struct st_err *e)
{
	strata_parent_candidate c = { .measured = !k->stray->fast,
				      .distance = a->m.distance,
				      .estimated = a->kin->estimated,
				      .identical = a->m.identical,
				      .matched = a->m.matched,
				      .tensors = k->stray->n };
	struct naming x = { .k = k };
	char hex[STRATA_HEX];
	int rc;

	x.hex = st_calloc(STRATA_PARENT_SAME, STRATA_HEX, e);
	x.v = st_calloc(STRATA_PARENT_SAME, sizeof(*x.v), e);
	rc = x.hex && x.v ? place(k, a->kin->node, a->kin->unit, hex, &c.place, e) : (int)e->code;
	if (rc == ST_OK)
		rc = st_kinship_same(k, a->kin, on_same, &x, e);
	c.same = x.v;
	c.nsame = x.total;
	if (rc == ST_OK && cb(arg, &c) != 0)
		rc = ST_ENO;
	free(x.hex);
	free(x.v);
	return rc;
}

static int by_distance(const void *pa, const void *pb)
{
	const struct answer *a = pa, *b = pb;

	if (a->m.distance != b->m.distance)
		return a->m.distance < b->m.distance ? -1 : 1;
	return a->kin < b->kin ? -1 : a->kin > b->kin;
}

static int measure(struct st_kinship *k, struct answer *v, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < k->nbest; i++) {
		const struct st_kin *kin = &k->best[i];

		v[i] = (struct answer){ kin, { (double)NAN, kin->identical, kin->matched } };
		if (!k->stray->fast)
			rc = st_kinship_measure(k, kin, &v[i].m, e);
	}
	if (rc == ST_OK && k->nbest && !k->stray->fast)
		qsort(v, k->nbest, sizeof(*v), by_distance);
	return rc;
}

static int answer(struct st_kinship *k, size_t limit,
		  int (*cb)(void *arg, const strata_parent_candidate *c), void *arg,
		  strata_parent_result *res, struct st_err *e)
{
	struct answer v[ST_KIN_MAX];
	int rc = measure(k, v, e);

	for (size_t i = 0; rc == ST_OK && i < k->nbest && i < limit; i++) {
		rc = tell(k, &v[i], cb, arg, e);
		res->found += rc == ST_OK;
	}
	return rc;
}

int st_verb_parent(struct st_repo *r, const struct st_ctx *ctx, const char *file,
		   const strata_parent_options *o,
		   int (*cb)(void *arg, const strata_parent_candidate *c), void *arg,
		   strata_parent_result *res, struct st_err *e)
{
	size_t limit = o->limit ? o->limit : LIMIT;
	struct st_kinship k = { 0 };
	struct st_stray s;
	int rc;

	*res = (strata_parent_result){ 0 };
	if (limit > ST_KIN_MAX)
		return st_fail(e, ST_EUSAGE, "at most %d candidates", ST_KIN_MAX);
	rc = st_repo_refresh_to_read(r, e);
	if (rc != ST_OK)
		return rc;
	rc = st_stray_open(&s, r, ctx, file, o->fast, e);
	if (rc == ST_OK) {
		rc = st_kinship_find(&k, &s, limit > LIMIT ? limit : LIMIT, e);
		res->versions = k.nnodes;
		res->tensors = s.n;
		if (rc == ST_OK)
			rc = answer(&k, limit, cb, arg, res, e);
		st_kinship_release(&k);
	}
	st_stray_release(&s);
	return rc;
}

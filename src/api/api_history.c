/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

int strata_commit(strata_repo *r, const strata_commit_options *o, strata_commit_result *result,
		  strata_error *err)
{
	strata_commit_result own;
	struct st_err e = { 0 };
	int rc;

	if (!r || !o || (o->nparams && !o->params) || (o->nlineage && !o->lineage))
		return st_api_null(err, __func__);
	if (!result)
		result = &own;
	*result = (strata_commit_result){ 0 };
	rc = st_verb_commit(r->r, o, result, &e);
	return st_api_result(rc, &e, err);
}

int strata_commit_check(strata_repo *r, const strata_commit_options *o, strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || !o || (o->nlineage && !o->lineage))
		return st_api_null(err, __func__);
	rc = st_verb_commit_check(r->r, o, &e);
	return st_api_result(rc, &e, err);
}

int strata_resolve(strata_repo *r, const char *rev, char commit[STRATA_HEX], strata_error *err)
{
	struct st_err e = { 0 };
	struct st_oid id;
	int rc;

	if (!r || !rev || !commit)
		return st_api_null(err, __func__);
	commit[0] = 0;
	rc = st_repo_refresh_to_read(r->r, &e);
	if (rc == ST_OK)
		rc = st_resolve(r->r, rev, strlen(rev), &id, &e);
	if (rc == ST_OK)
		st_oid_hex(&id, commit);
	return st_api_result(rc, &e, err);
}

int strata_log(strata_repo *r, const strata_log_options *o,
	       int (*cb)(void *arg, const strata_version *v), void *arg, strata_error *err)
{
	static const strata_log_options all = { 0 };
	struct st_err e = { 0 };
	int rc;

	if (!r || !cb ||
	    (o &&
	     ((o->nrevs && !o->revs) || (o->npaths && !o->paths) || (o->ntensors && !o->tensors))))
		return st_api_null(err, __func__);
	rc = st_verb_log(r->r, o ? o : &all, cb, arg, &e);
	return st_api_result(rc, &e, err);
}

int strata_blame(strata_repo *r, const strata_blame_options *o,
		 int (*cb)(void *arg, const strata_blame_line *line), void *arg, strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || !o || !cb || (o->npaths && !o->paths) || (o->ntensors && !o->tensors))
		return st_api_null(err, __func__);
	rc = st_verb_blame(r->r, o, cb, arg, &e);
	return st_api_result(rc, &e, err);
}

int strata_show(strata_repo *r, const char *rev, int (*info)(void *arg, const strata_show_info *i),
		int (*change)(void *arg, const strata_change *c), void *arg, strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r)
		return st_api_null(err, __func__);
	rc = st_verb_show(r->r, rev, info, change, arg, &e);
	return st_api_result(rc, &e, err);
}

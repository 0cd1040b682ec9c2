/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

int strata_merge(strata_repo *r, const char *const *revs, size_t nrevs,
		 const strata_merge_options *o, strata_merge_result *result, strata_error *err)
{
	static const strata_merge_options none = { 0 };
	strata_merge_result own;
	struct st_err e = { 0 };
	int rc;

	if (!r || !revs || nrevs == 0)
		return st_api_null(err, __func__);
	rc = st_verb_merge(r->r, revs, nrevs, o ? o : &none, result ? result : &own, &e);
	return st_api_result(rc, &e, err);
}

int strata_merge_files(const strata_merge_files_options *o, const strata_options *opts,
		       int (*cb)(void *arg, const strata_merged_tensor *t), void *arg,
		       strata_merge_files_result *result, strata_error *err)
{
	const struct st_ctx ctx = st_api_ctx(opts);
	strata_merge_files_result own;
	struct st_err e = { 0 };
	int rc;

	if (!o || !o->models || !o->out || o->nmodels == 0)
		return st_api_null(err, __func__);
	rc = st_verb_merge_files(&ctx, o, cb, arg, result ? result : &own, &e);
	return st_api_result(rc, &e, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

int strata_parent(strata_repo *r, const char *file, const strata_parent_options *o,
		  const strata_options *opts,
		  int (*cb)(void *arg, const strata_parent_candidate *c), void *arg,
		  strata_parent_result *res, strata_error *err)
{
	static const strata_parent_options none = { 0 };
	struct st_ctx ctx;
	struct st_err e = { 0 };
	int rc;

	if (!r || !file || !cb || !res)
		return st_api_null(err, __func__);
	ctx = opts ? st_api_ctx(opts) : r->r->ctx;
	rc = st_verb_parent(r->r, &ctx, file, o ? o : &none, cb, arg, res, &e);
	return st_api_result(rc, &e, err);
}

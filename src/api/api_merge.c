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

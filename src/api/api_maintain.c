/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

int strata_fsck(strata_repo *r, unsigned flags, int (*cb)(void *arg, const strata_fault *f),
		void *arg, strata_fsck_result *result, strata_error *err)
{
	strata_fsck_result own;
	struct st_err e = { 0 };
	int rc;

	if (!r || !cb)
		return st_api_null(err, __func__);
	if (!result)
		result = &own;
	*result = (strata_fsck_result){ 0 };
	rc = st_verb_fsck(r->r, flags, cb, arg, result, &e);
	return st_api_result(rc, &e, err);
}

int strata_gc(strata_repo *r, const strata_gc_options *o, strata_gc_result *result,
	      strata_error *err)
{
	strata_gc_result own;
	struct st_err e = { 0 };
	int rc;

	if (!r || !o)
		return st_api_null(err, __func__);
	if (!result)
		result = &own;
	*result = (strata_gc_result){ 0 };
	rc = st_verb_gc(r->r, o, result, &e);
	return st_api_result(rc, &e, err);
}

int strata_repack(strata_repo *r, const strata_repack_options *o, strata_repack_result *result,
		  strata_error *err)
{
	strata_repack_result own;
	struct st_err e = { 0 };
	int rc;

	if (!r || !o)
		return st_api_null(err, __func__);
	if (!result)
		result = &own;
	*result = (strata_repack_result){ 0 };
	rc = st_verb_repack(r->r, o, result, &e);
	return st_api_result(rc, &e, err);
}

int strata_stats_get(strata_repo *r, const char *rev, int (*cb)(void *arg, const strata_stats *s),
		     void *arg, strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || !cb)
		return st_api_null(err, __func__);
	rc = st_verb_stats(r->r, rev, cb, arg, &e);
	return st_api_result(rc, &e, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

int strata_add(strata_repo *r, const char *const *paths, size_t npaths, unsigned flags,
	       int (*cb)(void *arg, char what, const char *path), void *arg,
	       strata_add_result *result, strata_error *err)
{
	strata_add_result own;
	struct st_err e = { 0 };
	int rc;

	if (!r || (npaths && !paths))
		return st_api_null(err, __func__);
	if (!result)
		result = &own;
	*result = (strata_add_result){ 0 };
	rc = st_verb_add(r->r, paths, npaths, flags, cb, arg, result, &e);
	return st_api_result(rc, &e, err);
}

int strata_rm(strata_repo *r, const char *const *paths, size_t npaths, unsigned flags,
	      int (*cb)(void *arg, char what, const char *path), void *arg, strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || (npaths && !paths))
		return st_api_null(err, __func__);
	rc = st_verb_rm(r->r, paths, npaths, flags, cb, arg, &e);
	return st_api_result(rc, &e, err);
}

int strata_mv(strata_repo *r, const char *const *paths, size_t npaths, bool force,
	      strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || (npaths && !paths))
		return st_api_null(err, __func__);
	rc = st_verb_mv(r->r, paths, npaths, force, &e);
	return st_api_result(rc, &e, err);
}

int strata_status(strata_repo *r, const char *const *paths, size_t npaths, unsigned flags,
		  int (*cb)(void *arg, const strata_status_entry *en), void *arg, strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || (npaths && !paths) || !cb)
		return st_api_null(err, __func__);
	rc = st_verb_status(r->r, paths, npaths, flags, cb, arg, &e);
	return st_api_result(rc, &e, err);
}

int strata_restore(strata_repo *r, const char *source, const char *const *paths, size_t npaths,
		   unsigned flags, strata_checkout_result *result, strata_error *err)
{
	strata_checkout_result own;
	struct st_err e = { 0 };
	int rc;

	if (!r || (npaths && !paths))
		return st_api_null(err, __func__);
	if (!result)
		result = &own;
	*result = (strata_checkout_result){ 0 };
	rc = st_verb_restore(r->r, source, paths, npaths, flags, result, &e);
	return st_api_result(rc, &e, err);
}

int strata_checkout(strata_repo *r, const char *rev, const strata_checkout_options *o,
		    strata_checkout_result *result, strata_error *err)
{
	static const strata_checkout_options none = { 0 };
	strata_checkout_result own;
	struct st_err e = { 0 };
	int rc;

	if (!r || !rev || (o && o->npaths && !o->paths))
		return st_api_null(err, __func__);
	if (!result)
		result = &own;
	*result = (strata_checkout_result){ 0 };
	rc = st_verb_checkout(r->r, rev, o ? o : &none, result, &e);
	return st_api_result(rc, &e, err);
}

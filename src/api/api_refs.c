/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

int strata_branch_list(strata_repo *r, int (*cb)(void *arg, const strata_branch *b), void *arg,
		       strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || !cb)
		return st_api_null(err, __func__);
	rc = st_repo_refresh_to_read(r->r, &e);
	if (rc == ST_OK)
		rc = st_verb_branch_list(r->r, cb, arg, &e);
	return st_api_result(rc, &e, err);
}

int strata_branch_create(strata_repo *r, const char *name, const char *start, bool force,
			 strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || !name)
		return st_api_null(err, __func__);
	rc = st_verb_branch_create(r->r, name, start, force, &e);
	return st_api_result(rc, &e, err);
}

int strata_branch_delete(strata_repo *r, const char *const *names, size_t n, bool force,
			 int (*was)(void *arg, const strata_branch *b), void *arg,
			 strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || (n && !names))
		return st_api_null(err, __func__);
	rc = st_verb_branch_delete(r->r, names, n, force, was, arg, &e);
	return st_api_result(rc, &e, err);
}

int strata_branch_rename(strata_repo *r, const char *from, const char *to, bool force,
			 strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || !to)
		return st_api_null(err, __func__);
	rc = st_verb_branch_rename(r->r, from, to, force, &e);
	return st_api_result(rc, &e, err);
}

int strata_switch(strata_repo *r, const char *to, const strata_switch_options *o,
		  strata_checkout_result *result, strata_error *err)
{
	static const strata_switch_options none = { 0 };
	strata_checkout_result own;
	struct st_err e = { 0 };
	int rc;

	if (!r || !to)
		return st_api_null(err, __func__);
	rc = st_verb_switch(r->r, to, o ? o : &none, result ? result : &own, &e);
	return st_api_result(rc, &e, err);
}

int strata_tag_list(strata_repo *r, int (*cb)(void *arg, const strata_tag *t), void *arg,
		    strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || !cb)
		return st_api_null(err, __func__);
	rc = st_repo_refresh_to_read(r->r, &e);
	if (rc == ST_OK)
		rc = st_verb_tag_list(r->r, cb, arg, &e);
	return st_api_result(rc, &e, err);
}

int strata_tag_create(strata_repo *r, const char *name, const char *rev, const char *message,
		      bool force, strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || !name)
		return st_api_null(err, __func__);
	rc = st_verb_tag_create(r->r, name, rev, message, force, &e);
	return st_api_result(rc, &e, err);
}

int strata_tag_delete(strata_repo *r, const char *const *names, size_t n,
		      int (*was)(void *arg, const strata_tag *t), void *arg, strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || (n && !names))
		return st_api_null(err, __func__);
	rc = st_verb_tag_delete(r->r, names, n, was, arg, &e);
	return st_api_result(rc, &e, err);
}

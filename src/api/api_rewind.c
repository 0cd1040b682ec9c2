/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

int strata_reflog(strata_repo *r, const char *ref, uint64_t limit,
		  int (*cb)(void *arg, const strata_ref_move *m), void *arg, strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || !cb)
		return st_api_null(err, __func__);
	rc = st_repo_refresh_to_read(r->r, &e);
	if (rc == ST_OK)
		rc = st_verb_reflog(r->r, ref, limit, cb, arg, &e);
	return st_api_result(rc, &e, err);
}

int strata_reset(strata_repo *r, const char *rev, strata_reset_mode mode,
		 int (*discarded)(void *arg, const char *path), void *arg,
		 strata_reset_result *result, strata_error *err)
{
	strata_reset_result own;
	struct st_err e = { 0 };
	int rc;

	if (!r)
		return st_api_null(err, __func__);
	rc = st_verb_reset(r->r, rev, mode, discarded, arg, result ? result : &own, &e);
	return st_api_result(rc, &e, err);
}

int strata_undo(strata_repo *r, bool redo, const strata_undo_handler *handler, void *arg,
		strata_undo_result *result, strata_error *err)
{
	static const strata_undo_handler none = { 0 };
	strata_undo_result own;
	struct st_err e = { 0 };
	int rc;

	if (!r)
		return st_api_null(err, __func__);
	rc = st_verb_undo(r->r, redo, handler ? handler : &none, arg, result ? result : &own, &e);
	return st_api_result(rc, &e, err);
}

static bool incomplete(const strata_renew_options *o)
{
	return o && ((o->npaths && !o->paths) || (o->ntensors && !o->tensors));
}

int strata_renew(strata_repo *r, strata_renewal what, const char *rev,
		 const strata_renew_options *o, strata_renew_result *result, strata_error *err)
{
	static const strata_renew_options none = { 0 };
	strata_renew_result own;
	struct st_err e = { 0 };
	int rc;

	if (!r || !rev || incomplete(o))
		return st_api_null(err, __func__);
	rc = st_verb_renew(r->r, what, rev, o ? o : &none, result ? result : &own, &e);
	return st_api_result(rc, &e, err);
}

int strata_renew_message(strata_repo *r, strata_renewal what, const char *rev,
			 const strata_renew_options *o, int (*cb)(void *arg, const char *message),
			 void *arg, strata_error *err)
{
	static const strata_renew_options none = { 0 };
	struct st_err e = { 0 };
	int rc;

	if (!r || !rev || !cb || incomplete(o))
		return st_api_null(err, __func__);
	rc = st_verb_renew_message(r->r, what, rev, o ? o : &none, cb, arg, &e);
	return st_api_result(rc, &e, err);
}

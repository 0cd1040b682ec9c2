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

int strata_merge_message(strata_repo *r, const char *const *revs, size_t nrevs,
			 int (*cb)(void *arg, const char *message), void *arg, strata_error *err)
{
	struct st_err e = { 0 };

	if (!r || !revs || nrevs == 0 || !cb)
		return st_api_null(err, __func__);
	return st_api_result(st_verb_merge_message(r->r, revs, nrevs, cb, arg, &e), &e, err);
}

int strata_merge_conflicts(strata_repo *r, int (*state)(void *arg, const strata_merge_state *s),
			   int (*cb)(void *arg, const strata_conflict *c), void *arg,
			   strata_error *err)
{
	struct st_err e = { 0 };

	if (!r)
		return st_api_null(err, __func__);
	return st_api_result(st_verb_conflicts(r->r, state, cb, arg, &e), &e, err);
}

int strata_settle(strata_repo *r, const char *const *globs, size_t n,
		  const strata_settle_options *o, uint64_t *settled, uint64_t *open,
		  strata_error *err)
{
	uint64_t own[2];
	struct st_err e = { 0 };

	if (!r || !globs || n == 0 || !o)
		return st_api_null(err, __func__);
	return st_api_result(st_verb_settle(r->r, globs, n, o, settled ? settled : &own[0],
					    open ? open : &own[1], &e),
			     &e, err);
}

int strata_merge_continue(strata_repo *r, const strata_merge_options *o,
			  strata_commit_result *result, strata_error *err)
{
	static const strata_merge_options none = { 0 };
	strata_commit_result own;
	struct st_err e = { 0 };

	if (!r)
		return st_api_null(err, __func__);
	return st_api_result(
		st_verb_merge_continue(r->r, o ? o : &none, result ? result : &own, &e), &e, err);
}

int strata_merge_abort(strata_repo *r, strata_checkout_result *result, strata_error *err)
{
	strata_checkout_result own;
	struct st_err e = { 0 };

	if (!r)
		return st_api_null(err, __func__);
	return st_api_result(st_verb_merge_abort(r->r, result ? result : &own, &e), &e, err);
}

int strata_merge_show(strata_repo *r, const char *rev,
		      int (*info)(void *arg, const strata_merge_info *i),
		      int (*cb)(void *arg, const strata_merge_input *i), void *arg,
		      strata_error *err)
{
	struct st_err e = { 0 };

	if (!r || !rev)
		return st_api_null(err, __func__);
	return st_api_result(st_verb_merge_show(r->r, rev, info, cb, arg, &e), &e, err);
}

int strata_merge_replay(strata_repo *r, const char *rev, int (*cb)(void *arg, const char *path),
			void *arg, strata_replay_result *result, strata_error *err)
{
	strata_replay_result own;
	struct st_err e = { 0 };

	if (!r || !rev)
		return st_api_null(err, __func__);
	return st_api_result(st_verb_merge_replay(r->r, rev, cb, arg, result ? result : &own, &e),
			     &e, err);
}

int strata_merge_recipe(const strata_merge_recipe_options *o, const strata_options *opts,
			int (*cb)(void *arg, const strata_merged_tensor *t), void *arg,
			strata_merge_files_result *result, strata_error *err)
{
	const struct st_ctx ctx = st_api_ctx(opts);
	strata_merge_files_result own;
	struct st_err e = { 0 };
	int rc;

	if (!o || !o->recipe || !o->out)
		return st_api_null(err, __func__);
	rc = st_verb_merge_recipe(&ctx, o, cb, arg, result ? result : &own, &e);
	return st_api_result(rc, &e, err);
}

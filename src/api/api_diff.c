/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

int strata_diff(strata_repo *r, const char *a, const char *b, const strata_diff_options *o,
		const strata_options *opts, const strata_diff_handler *h, void *arg,
		strata_diff_total *total, strata_error *err)
{
	static const strata_diff_options none = { 0 };
	static const strata_diff_handler silent = { 0 };
	struct st_ctx ctx;
	struct st_err e = { 0 };
	int rc;

	if (!total || (b && !a))
		return st_api_null(err, __func__);
	ctx = opts || !r ? st_api_ctx(opts) : r->r->ctx;
	rc = st_verb_diff(r ? r->r : NULL, &ctx, a, b, o ? o : &none, h ? h : &silent, arg, total,
			  &e);
	return st_api_result(rc, &e, err);
}

int strata_distance_weights(strata_repo *r, const char *file, double weights[STRATA_DISTANCE_TERMS],
			    strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!weights)
		return st_api_null(err, __func__);
	rc = st_verb_distance_weights(r ? &r->r->config : NULL, file, weights, &e);
	return st_api_result(rc, &e, err);
}

int strata_distance_between(strata_repo *r, const char *a, const char *b,
			    const double weights[STRATA_DISTANCE_TERMS], const strata_options *opts,
			    strata_distance *out, strata_error *err)
{
	struct st_ctx ctx;
	struct st_err e = { 0 };
	int rc;

	if (!out || !weights || !a)
		return st_api_null(err, __func__);
	ctx = opts || !r ? st_api_ctx(opts) : r->r->ctx;
	rc = st_verb_distance(r ? r->r : NULL, &ctx, a, b, weights, out, &e);
	return st_api_result(rc, &e, err);
}

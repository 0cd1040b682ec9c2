/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

int strata_ls(strata_repo *r, const char *spec, int (*cb)(void *arg, const strata_file *f),
	      void *arg, strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || !cb)
		return st_api_null(err, __func__);
	rc = st_verb_ls(r->r, spec, cb, arg, &e);
	return st_api_result(rc, &e, err);
}

int strata_tensors(strata_repo *r, const char *spec, int (*cb)(void *arg, const strata_tensor *t),
		   void *arg, strata_error *err)
{
	struct st_ctx ctx;
	struct st_err e = { 0 };
	int rc;

	if (!cb || (!r && !spec))
		return st_api_null(err, __func__);
	ctx = r ? r->r->ctx : st_api_ctx(NULL);
	rc = st_verb_tensors(r ? r->r : NULL, &ctx, spec, cb, arg, &e);
	return st_api_result(rc, &e, err);
}

int strata_names_tensor(strata_repo *r, const char *spec, bool *yes, strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!spec || !yes)
		return st_api_null(err, __func__);
	rc = st_verb_names_tensor(r ? r->r : NULL, spec, yes, &e);
	return st_api_result(rc, &e, err);
}

int strata_cat(strata_repo *r, const char *spec, strata_cat_as as,
	       int (*write)(void *arg, const void *p, size_t n), void *arg, strata_error *err)
{
	struct st_ctx ctx;
	struct st_err e = { 0 };
	int rc;

	if (!spec || !write)
		return st_api_null(err, __func__);
	ctx = r ? r->r->ctx : st_api_ctx(NULL);
	rc = st_verb_cat(r ? r->r : NULL, &ctx, spec, as, write, arg, &e);
	return st_api_result(rc, &e, err);
}

int strata_summarise(strata_repo *r, const char *spec, const strata_options *opts,
		     int (*cb)(void *arg, const strata_summary *s), void *arg, strata_error *err)
{
	struct st_ctx ctx;
	struct st_err e = { 0 };
	int rc;

	if (!spec || !cb)
		return st_api_null(err, __func__);
	ctx = opts || !r ? st_api_ctx(opts) : r->r->ctx;
	rc = st_verb_summarise(r ? r->r : NULL, &ctx, spec, cb, arg, &e);
	return st_api_result(rc, &e, err);
}

int strata_inspect(const char *path, const strata_options *opts,
		   int (*info)(void *arg, const strata_inspection *i),
		   int (*tensor)(void *arg, const strata_tensor *t), void *arg, strata_error *err)
{
	const struct st_ctx ctx = st_api_ctx(opts);
	struct st_err e = { 0 };
	int rc;

	if (!path || !info)
		return st_api_null(err, __func__);
	rc = st_verb_inspect(&ctx, path, info, tensor, arg, &e);
	return st_api_result(rc, &e, err);
}

int strata_hash(const char *path, const strata_options *opts, char hex[STRATA_HEX],
		strata_error *err)
{
	const struct st_ctx ctx = st_api_ctx(opts);
	struct st_err e = { 0 };
	int rc;

	if (!path || !hex)
		return st_api_null(err, __func__);
	hex[0] = 0;
	rc = st_verb_hash(&ctx, path, hex, &e);
	return st_api_result(rc, &e, err);
}

int strata_hash_tensors(const char *path, const strata_options *opts,
			int (*tensor)(void *arg, const strata_tensor *t), void *arg,
			strata_error *err)
{
	const struct st_ctx ctx = st_api_ctx(opts);
	struct st_err e = { 0 };
	int rc;

	if (!path || !tensor)
		return st_api_null(err, __func__);
	rc = st_verb_hash_tensors(&ctx, path, tensor, arg, &e);
	return st_api_result(rc, &e, err);
}

int strata_patch(const char *path, const strata_tensor_edit *edits, size_t n, const char *out,
		 const strata_options *opts, strata_error *err)
{
	const struct st_ctx ctx = st_api_ctx(opts);
	struct st_err e = { 0 };
	int rc;

	if (!path || !out || (!edits && n))
		return st_api_null(err, __func__);
	rc = st_verb_patch(&ctx, path, edits, n, out, &e);
	return st_api_result(rc, &e, err);
}

int strata_scan(strata_repo *r, const char *path, const strata_scan_options *o,
		const strata_options *opts, int (*cb)(void *arg, const strata_scan_find *f),
		void *arg, strata_scan_result *result, strata_error *err)
{
	static const strata_scan_options none = { 0 };
	const struct st_ctx ctx = st_api_ctx(opts);
	struct st_err e = { 0 };
	char *allow;
	int rc;

	if (!path || !cb || !result)
		return st_api_null(err, __func__);
	*result = (strata_scan_result){ 0 };
	rc = strata_config_get(r, "scan.allow", &allow, err);
	if (rc != STRATA_OK)
		return rc;
	rc = st_verb_scan(&ctx, path, o ? o : &none, allow, cb, arg, result, &e);
	free(allow);
	return st_api_result(rc, &e, err);
}

bool strata_glob_match(const char *glob, const char *name)
{
	return glob && name && st_glob_match(glob, strlen(glob), name, strlen(name));
}

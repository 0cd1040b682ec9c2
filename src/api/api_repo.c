/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"

#include "base/file.h"
#include "repo/number.h"
#include "repo/outfile.h"
#include "repo/setting.h"

#include <stdio.h>
#include <strings.h>

int strata_init(const char *dir, strata_policy policy, bool *fresh, strata_error *err)
{
	struct st_err e = { 0 };
	bool made = false;
	int rc;

	if (!dir)
		return st_api_null(err, __func__);
	if ((unsigned)policy > STRATA_AS_SET)
		rc = st_fail(&e, ST_EUSAGE, "unknown policy for version numbers: %d", (int)policy);
	else
		rc = st_repo_init(dir, policy == STRATA_AS_SET ? NULL : st_policy_name(policy),
				  &made, &e);
	if (fresh)
		*fresh = made;
	return st_api_result(rc, &e, err);
}

static int open_at(struct strata_repo *r, const char *start, const char *repo_dir, struct st_err *e)
{
	const struct st_ctx ctx = st_api_ctx(&r->opts);
	char *found = NULL;
	int rc = ST_OK;

	if (!repo_dir)
		rc = st_repo_find(&found, start ? start : ".", e);
	if (rc == ST_OK)
		rc = st_repo_open(&r->r, repo_dir ? repo_dir : found, &ctx, e);
	free(found);
	return rc;
}

int strata_open(strata_repo **out, const char *start, const char *repo_dir,
		const strata_options *opts, strata_error *err)
{
	struct st_err e = { 0 };
	strata_repo *r;
	int rc;

	if (!out)
		return st_api_null(err, __func__);
	*out = NULL;
	r = st_calloc(1, sizeof(*r), &e);
	if (!r)
		return st_api_result(e.code, &e, err);
	if (opts)
		r->opts = *opts;
	rc = open_at(r, start, repo_dir, &e);
	if (rc == ST_OK)
		*out = r;
	else
		free(r);
	return st_api_result(rc, &e, err);
}

void strata_close(strata_repo *r)
{
	if (!r)
		return;
	st_repo_close(r->r);
	free(r);
}

const char *strata_workdir(const strata_repo *r)
{
	return r ? r->r->work : NULL;
}

const char *strata_repo_dir(const strata_repo *r)
{
	return r ? r->r->dir : NULL;
}

void strata_free(void *p)
{
	free(p);
}

int strata_head(strata_repo *r, strata_head_info *out, strata_error *err)
{
	struct st_err e = { 0 };
	struct st_head h;
	int rc;

	if (!r || !out)
		return st_api_null(err, __func__);
	*out = (strata_head_info){ 0 };
	rc = st_repo_refresh_to_read(r->r, &e);
	if (rc == ST_OK)
		rc = st_repo_head(r->r, &h, &e);
	if (rc != ST_OK)
		return st_api_result(rc, &e, err);
	out->detached = h.detached;
	out->unborn = h.unborn;
	snprintf(out->branch, sizeof(out->branch), "%s", h.branch);
	if (!h.unborn) {
		st_oid_hex(&h.commit, out->commit);
		rc = st_catalog_version_of(r->r->cat, &h.commit, out->version, &e);
	}
	return st_api_result(rc, &e, err);
}

int strata_version_policy(strata_repo *r, strata_policy *out, strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!r || !out)
		return st_api_null(err, __func__);
	rc = st_policy_get(&r->r->config, out, &e);
	return st_api_result(rc, &e, err);
}

/* ---- settings ---- */

/* The user's file; NULL without failure when nothing says where it would be. */
static char *user_file(struct st_err *e)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (xdg && *xdg)
		return st_path_join(xdg, "strata/config", e);
	return home && *home ? st_path_join(home, ".config/strata/config", e) : NULL;
}

/* The files as they are now, whoever changed them since the repository was opened. */
static int load_settings(struct st_config *c, strata_repo *r, struct st_err *e)
{
	char *user = user_file(e), *own = NULL;
	int rc = e->code;

	if (rc == ST_OK && user)
		rc = st_config_load_user(c, user, NULL, e); /* open has warned */
	if (rc == ST_OK && r) {
		own = st_repo_path(r->r, "config", e);
		rc = own ? st_config_load(c, own, e) : (int)e->code;
	}
	free(user);
	free(own);
	return rc;
}

/* What a commit would be signed with, when no setting of ours says it. */
static int identity(strata_repo *r, const char *key, char **value, struct st_err *e)
{
	char *name = NULL, *email = NULL;
	bool want_name = strcasecmp(key, "user.name") == 0;
	int rc;

	if (!r || (!want_name && strcasecmp(key, "user.email") != 0))
		return ST_OK;
	rc = st_repo_identity(r->r, &name, &email, e);
	if (rc == ST_OK)
		*value = want_name ? name : email;
	free(want_name && rc == ST_OK ? email : name);
	return rc;
}

int strata_config_get(strata_repo *r, const char *key, char **value, strata_error *err)
{
	struct st_err e = { 0 };
	struct st_config c;
	const char *v;
	int rc;

	if (!key || !value)
		return st_api_null(err, __func__);
	*value = NULL;
	st_config_init(&c);
	rc = load_settings(&c, r, &e);
	v = rc == ST_OK ? st_config_get(&c, key) : NULL;
	if (v) {
		*value = st_strdup(v, &e);
		rc = e.code;
	} else if (rc == ST_OK) {
		rc = identity(r, key, value, &e);
	}
	st_config_release(&c);
	return st_api_result(rc, &e, err);
}

static int set_user(const char *key, const char *value, struct st_err *e)
{
	char *path = user_file(e), *slash;
	int rc;

	if (!path)
		return e->code ? (int)e->code :
				 st_fail(e, ST_EUSAGE,
					 "neither HOME nor XDG_CONFIG_HOME says where your "
					 "settings are");
	slash = strrchr(path, '/');
	*slash = 0;
	rc = value ? st_mkdirs(path, e) : ST_OK;
	*slash = '/';
	if (rc == ST_OK)
		rc = st_config_set_file(path, key, value, e);
	free(path);
	return rc;
}

static int set_own(strata_repo *r, const char *key, const char *value, struct st_err *e)
{
	char *path = st_repo_path(r->r, "config", e);
	int rc = path ? st_config_set_file(path, key, value, e) : (int)e->code;

	free(path);
	return rc;
}

/* The open repository works with the new settings from now on. */
static int adopt(strata_repo *r, struct st_err *e)
{
	struct st_config c;
	int rc;

	st_config_init(&c);
	rc = load_settings(&c, r, e);
	if (rc != ST_OK) {
		st_config_release(&c);
		return rc;
	}
	st_config_release(&r->r->config);
	r->r->config = c;
	return ST_OK;
}

int strata_config_set(strata_repo *r, bool global, const char *key, const char *value,
		      strata_error *err)
{
	struct st_err e = { 0 };
	int rc;

	if (!key || (!r && !global))
		return st_api_null(err, __func__);
	rc = value ? st_setting_check(key, value, &e) : ST_OK;
	if (rc == ST_OK)
		rc = global ? set_user(key, value, &e) : set_own(r, key, value, &e);
	if (rc == ST_OK && r)
		rc = adopt(r, &e);
	return st_api_result(rc, &e, err);
}

int strata_output_allowed(const char *path, strata_error *err)
{
	struct st_err e = { 0 };

	if (!path)
		return st_api_null(err, __func__);
	return st_api_result(st_outfile_allowed(path, false, &e), &e, err);
}

struct listing {
	int (*cb)(void *arg, const char *key, const char *value);
	void *arg;
};

static int list_one(void *arg, const char *key, const char *value, struct st_err *e)
{
	const struct listing *l = arg;

	(void)e;
	return l->cb(l->arg, key, value) ? ST_ENO : ST_OK;
}

int strata_config_list(strata_repo *r, int (*cb)(void *arg, const char *key, const char *value),
		       void *arg, strata_error *err)
{
	struct listing l = { .cb = cb, .arg = arg };
	struct st_err e = { 0 };
	struct st_config c;
	int rc;

	if (!cb)
		return st_api_null(err, __func__);
	st_config_init(&c);
	rc = load_settings(&c, r, &e);
	if (rc == ST_OK)
		rc = st_config_each(&c, list_one, &l, &e);
	st_config_release(&c);
	return st_api_result(rc, &e, err);
}

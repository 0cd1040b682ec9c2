/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/repo.h"

#include "base/file.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

static int ref_oid(struct st_repo *r, const char *name, struct st_oid *id, bool *found,
		   struct st_err *e)
{
	struct st_buf b;
	int rc;

	st_buf_init(&b, 4096);
	rc = st_catalog_ref_get(r->cat, name, &b, found, e);
	if (rc == ST_OK && *found && !st_oid_parse(id, (const char *)b.p, b.len))
		rc = st_fail(e, ST_ECORRUPT, "ref %s does not hold a commit id", name);
	st_buf_release(&b);
	return rc;
}

int st_repo_head(struct st_repo *r, struct st_head *out, struct st_err *e)
{
	char ref[sizeof(out->branch) + 8];
	struct st_buf b;
	bool found;
	int rc;

	*out = (struct st_head){ 0 };
	st_buf_init(&b, 512);
	rc = st_catalog_ref_get(r->cat, "HEAD", &b, &found, e);
	if (rc == ST_OK && !found)
		rc = st_fail(e, ST_ECORRUPT, "the repository has no HEAD");
	if (rc != ST_OK)
		goto out;
	if (b.len > 10 && b.len < 10 + sizeof(out->branch) && memcmp(b.p, "ref:heads/", 10) == 0) {
		memcpy(out->branch, b.p + 10, b.len - 10);
		snprintf(ref, sizeof(ref), "heads/%s", out->branch);
		rc = ref_oid(r, ref, &out->commit, &found, e);
		out->unborn = !found;
	} else if (st_oid_parse(&out->commit, (const char *)b.p, b.len)) {
		out->detached = true;
	} else {
		rc = st_fail(e, ST_ECORRUPT, "HEAD holds neither a branch nor a commit");
	}
out:
	st_buf_release(&b);
	return rc;
}

/* Objects that are JSON are small next to tensors, but a directory of many files is not tiny. */
#define META_MAX ((size_t)1 << 30)

static int wrap_object(const struct st_oid *id, const char *kind, struct st_err *e)
{
	char hex[ST_OID_HEX + 1];

	st_oid_hex(id, hex);
	return st_wrap(e, "%s %.12s", kind, hex);
}

static int load(struct st_repo *r, const struct st_oid *id, struct st_buf *b, struct st_err *e)
{
	st_buf_init(b, META_MAX);
	return st_odb_get(r->odb, id, b, e);
}

int st_repo_commit_load(struct st_repo *r, const struct st_oid *id, struct st_commit *out,
			struct st_err *e)
{
	struct st_buf b;
	int rc = load(r, id, &b, e);

	if (rc == ST_OK)
		rc = st_commit_parse(out, b.p, b.len, e);
	st_buf_release(&b);
	return rc == ST_OK ? ST_OK : wrap_object(id, "commit", e);
}

int st_repo_tree_load(struct st_repo *r, const struct st_oid *id, struct st_tree *out,
		      struct st_err *e)
{
	struct st_buf b;
	int rc = load(r, id, &b, e);

	if (rc == ST_OK)
		rc = st_tree_parse(out, b.p, b.len, e);
	st_buf_release(&b);
	return rc == ST_OK ? ST_OK : wrap_object(id, "tree", e);
}

static int take_tree(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	(void)e;
	*(struct st_oid *)arg = row->tree;
	return ST_OK;
}

int st_repo_commit_tree(struct st_repo *r, const struct st_oid *commit, struct st_oid *tree,
			struct st_err *e)
{
	return st_catalog_commit_get(r->cat, commit, take_tree, tree, e);
}

static int git_identity(struct st_repo *r, struct st_config *git, struct st_err *e)
{
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
	char *path = NULL;
	int rc = ST_OK;

	if (xdg && *xdg)
		path = st_path_join(xdg, "git/config", e);
	else if (home)
		path = st_path_join(home, ".config/git/config", e);
	if (path)
		rc = st_config_load(git, path, e);
	free(path);
	path = rc == ST_OK && home ? st_path_join(home, ".gitconfig", e) : NULL;
	if (path)
		rc = st_config_load(git, path, e);
	free(path);
	path = rc == ST_OK ? st_path_join(r->work, ".git/config", e) : NULL;
	if (path)
		rc = st_config_load(git, path, e);
	free(path);
	/* Git's file is not ours to judge: what cannot be read says nothing. */
	if (e->code == ST_ENOMEM)
		return e->code;
	st_err_clear(e);
	return ST_OK;
}

static int fallback(char **name, char **email, struct st_err *e)
{
	struct passwd *pw = getpwuid(geteuid());
	const char *user = pw && pw->pw_name ? pw->pw_name : "unknown";
	char host[256] = "localhost", mail[600];

	if (gethostname(host, sizeof(host) - 1) != 0)
		snprintf(host, sizeof(host), "localhost");
	snprintf(mail, sizeof(mail), "%s@%s", user, host);
	if (!*name)
		*name = st_strdup(user, e);
	if (!*email)
		*email = st_strdup(mail, e);
	return e->code;
}

/* STRATA_AUTHOR is "Name <mail>" or only a name. */
static int from_environment(char **name, char **email, struct st_err *e)
{
	const char *v = getenv("STRATA_AUTHOR"), *lt, *gt;

	if (!v || !*v)
		return ST_OK;
	lt = strchr(v, '<');
	gt = lt ? strchr(lt, '>') : NULL;
	*name = st_strdup(v, e);
	if (!*name || !gt)
		return e->code;
	*email = st_memdup(lt + 1, (size_t)(gt - lt), e);
	if (*email)
		(*email)[gt - lt - 1] = 0;
	(*name)[lt - v] = 0;
	while (lt > v && lt[-1] == ' ')
		(*name)[--lt - v] = 0;
	return e->code;
}

static int take_setting(char **out, const struct st_config *c, const char *key, struct st_err *e)
{
	const char *v = *out ? NULL : st_config_get(c, key);

	if (v && *v)
		*out = st_strdup(v, e);
	return e->code;
}

int st_repo_identity(struct st_repo *r, char **name, char **email, struct st_err *e)
{
	struct st_config git;
	int rc;

	*name = *email = NULL;
	st_config_init(&git);
	rc = from_environment(name, email, e);
	if (rc == ST_OK)
		rc = take_setting(name, &r->config, "user.name", e);
	if (rc == ST_OK)
		rc = take_setting(email, &r->config, "user.email", e);
	if (rc == ST_OK && (!*name || !*email))
		rc = git_identity(r, &git, e);
	if (rc == ST_OK)
		rc = take_setting(name, &git, "user.name", e);
	if (rc == ST_OK)
		rc = take_setting(email, &git, "user.email", e);
	if (rc == ST_OK)
		rc = fallback(name, email, e);
	st_config_release(&git);
	if (rc != ST_OK) {
		free(*name);
		free(*email);
		*name = *email = NULL;
	}
	return rc;
}

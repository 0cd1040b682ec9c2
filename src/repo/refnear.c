/* SPDX-License-Identifier: Apache-2.0 */
/* A name that nothing has: what it may have been meant to be. */
#include "repo/moves.h"

#include "base/near.h"

#include <stdio.h>

struct look {
	struct st_near near;
	size_t skip; /* bytes of the prefix */
};

static int try_ref(void *arg, const char *name, const char *value, struct st_err *e)
{
	struct look *l = arg;

	(void)value;
	(void)e;
	st_near_try(&l->near, name + l->skip);
	return ST_OK;
}

static int try_version(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct look *l = arg;

	(void)e;
	st_near_try(&l->near, row->version);
	return ST_OK;
}

static int look_below(struct look *l, struct st_repo *r, const char *prefix, struct st_err *e)
{
	l->skip = strlen(prefix);
	return st_catalog_ref_each(r->cat, prefix, try_ref, l, e);
}

int st_no_ref(struct st_repo *r, const char *kind, const char *prefix, const char *name,
	      struct st_err *e)
{
	struct look l;
	int rc;

	st_near_init(&l.near, name);
	rc = look_below(&l, r, prefix, e);
	if (rc != ST_OK)
		return rc;
	if (*l.near.found)
		return st_fail(e, ST_ENOTFOUND, "no %s '%.140s': did you mean '%.140s'?", kind,
			       name, l.near.found);
	return st_fail(e, ST_ENOTFOUND, "no %s '%.200s': 'strata %s' lists them", kind, name, kind);
}

/* Newest first, so that of numbers that are equally near it is the newest. */
static int look_everywhere(struct look *l, struct st_repo *r, const char *name, struct st_err *e)
{
	int rc = look_below(l, r, "heads/", e);

	if (rc == ST_OK)
		rc = look_below(l, r, "tags/", e);
	if (rc == ST_OK && strpbrk(name, "0123456789"))
		rc = st_catalog_commit_each(r->cat, try_version, l, e);
	return rc;
}

int st_no_revision(struct st_repo *r, const char *name, struct st_err *e)
{
	struct look l;
	int rc;

	st_near_init(&l.near, name);
	rc = look_everywhere(&l, r, name, e);
	if (rc != ST_OK)
		return rc;
	if (*l.near.found)
		return st_fail(e, ST_ENOTFOUND, "unknown revision '%.140s': did you mean '%.140s'?",
			       name, l.near.found);
	if (strspn(name, "0123456789abcdef") == strlen(name) && strlen(name) < ST_ID_PREFIX)
		return st_fail(e, ST_ENOTFOUND,
			       "unknown revision '%s': an id needs at least %d digits", name,
			       ST_ID_PREFIX);
	return st_fail(e, ST_ENOTFOUND, "unknown revision '%.300s': 'strata log' lists versions",
		       name);
}

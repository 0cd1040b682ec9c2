/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/number.h"

#include "base/timefmt.h"

#include <stdio.h>

#define SETTING "version.policy"
#define MOST 999999999U /* of each part: three of them, and "v", fit in a label */

static const char *const policies[] = {
	[STRATA_SEQUENCE] = "sequence",
	[STRATA_SEMVER] = "semver",
	[STRATA_TIMESTAMP] = "timestamp",
};

int st_policy_parse(const char *name, const char *what, strata_policy *out, struct st_err *e)
{
	for (unsigned i = 0; i < sizeof(policies) / sizeof(*policies); i++)
		if (strcmp(name, policies[i]) == 0) {
			*out = (strata_policy)i;
			return ST_OK;
		}
	return st_fail(e, ST_EUSAGE, "%s is sequence, semver or timestamp, not '%.60s'", what,
		       name);
}

const char *st_policy_name(strata_policy p)
{
	return policies[p];
}

int st_policy_get(const struct st_config *c, strata_policy *out, struct st_err *e)
{
	const char *name = st_config_get(c, SETTING);

	*out = STRATA_SEQUENCE;
	return name ? st_policy_parse(name, SETTING, out, e) : ST_OK;
}

int st_bump_check(const struct st_config *c, strata_bump asked, strata_policy *out,
		  struct st_err *e)
{
	int rc = st_policy_get(c, out, e);

	if (rc == ST_OK && (unsigned)asked > STRATA_BUMP_MAJOR)
		rc = st_fail(e, ST_EUSAGE, "unknown step of version numbers: %d", (int)asked);
	if (rc == ST_OK && asked != STRATA_BUMP_DERIVED && *out != STRATA_SEMVER)
		rc = st_fail(e, ST_EUSAGE,
			     "versions are numbered by %s here, which has no major, minor and "
			     "patch: 'strata config " SETTING " semver' changes that",
			     st_policy_name(*out));
	return rc;
}

struct st_bumped st_bump_choose(strata_bump asked, bool first, const struct st_counts *tensors,
				uint64_t files)
{
	if (asked != STRATA_BUMP_DERIVED)
		return (struct st_bumped){ asked, "asked for" };
	if (first)
		return (struct st_bumped){ STRATA_BUMP_MAJOR, "first version" };
	if (tensors->added && tensors->removed)
		return (struct st_bumped){ STRATA_BUMP_MAJOR, "tensors added and removed" };
	if (tensors->added)
		return (struct st_bumped){ STRATA_BUMP_MAJOR, "tensors added" };
	if (tensors->removed)
		return (struct st_bumped){ STRATA_BUMP_MAJOR, "tensors removed" };
	if (tensors->reshaped)
		return (struct st_bumped){ STRATA_BUMP_MAJOR, "shape or type changed" };
	if (tensors->changed)
		return (struct st_bumped){ STRATA_BUMP_MINOR, "values changed" };
	return (struct st_bumped){ STRATA_BUMP_PATCH,
				   files ? "no tensor changed" : "nothing changed" };
}

void st_number_of(struct st_number *n, const struct st_commit *c)
{
	n->parent = c->nparents ? c->parents[0] : (struct st_oid){ { 0 } };
	n->time_ns = c->time_ns;
}

static int is_used(struct st_repo *r, const char *label, bool *used, struct st_err *e)
{
	struct st_oid other;

	return st_catalog_version_get(r->cat, label, &other, used, e);
}

/* One part of a number; NULL where s does not begin with one. */
static const char *take_part(const char *s, uint32_t *out)
{
	size_t n = strspn(s, "0123456789");

	if (n == 0 || n > 9 || (s[0] == '0' && n > 1))
		return NULL;
	for (*out = 0; n; n--)
		*out = *out * 10 + (uint32_t)(*s++ - '0');
	return s;
}

/* "v1.2.3", or "v7" of a sequence, which is 7.0.0. */
static bool take_number(const char *label, uint32_t v[3])
{
	const char *s = *label == 'v' ? take_part(label + 1, &v[0]) : NULL;

	v[1] = v[2] = 0;
	if (!s || !*s)
		return s != NULL;
	s = *s == '.' ? take_part(s + 1, &v[1]) : NULL;
	s = s && *s == '.' ? take_part(s + 1, &v[2]) : NULL;
	return s && !*s;
}

/* ---- sequence ---- */

/*
 * The last number of a sequence is above all given before it, so the look back, newest first, ends
 * there: at the first row, unless the policy was another one.
 */
static int raise_top(void *arg, const char *label, struct st_err *e)
{
	uint32_t v[3], *top = arg;

	(void)e;
	if (!take_number(label, v))
		return ST_OK;
	if (v[0] > *top)
		*top = v[0];
	return strchr(label, '.') ? ST_OK : ST_ENO;
}

static int next_of_sequence(struct st_repo *r, char label[32], struct st_err *e)
{
	uint32_t top = 0;
	bool used = true;
	int rc = st_catalog_version_each(r->cat, raise_top, &top, e);

	while (rc == ST_OK && used) {
		if (top == MOST)
			return st_fail(e, ST_ELIMIT, "no version number above v%u is left", top);
		snprintf(label, 32, "v%u", ++top);
		rc = is_used(r, label, &used, e);
	}
	return rc;
}

/* ---- semver ---- */

struct ancestor {
	uint32_t v[3];
	bool numbered, root;
	struct st_oid parent;
	uint64_t generation;
};

static int look_at(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct ancestor *a = arg;

	if (row->generation >= a->generation) /* what a damaged catalogue may say, without end */
		return st_fail(e, ST_ECORRUPT,
			       "a version's parent is no older than it: 'strata fsck --rebuild'");
	a->generation = row->generation;
	a->numbered = take_number(row->version, a->v);
	a->root = row->nparents == 0;
	if (!a->root)
		a->parent = row->parents[0];
	return ST_OK;
}

/* 0.0.0 where no ancestor has a number to count on from. */
static int base_of(struct st_repo *r, const struct st_oid *parent, uint32_t v[3], struct st_err *e)
{
	struct ancestor a = { .parent = *parent,
			      .generation = UINT64_MAX,
			      .root = st_oid_is_zero(parent) };
	struct st_oid at;
	int rc = ST_OK;

	while (rc == ST_OK && !a.numbered && !a.root) {
		at = a.parent; /* look_at changes it while the query is bound to this */
		rc = st_catalog_commit_get(r->cat, &at, look_at, &a, e);
	}
	for (int i = 0; i < 3; i++)
		v[i] = a.numbered ? a.v[i] : 0;
	return rc;
}

static int next_of_semver(struct st_repo *r, const struct st_number *n, char label[32],
			  struct st_err *e)
{
	strata_bump bump = n->bump;
	uint32_t v[3];
	bool used = true;
	int rc = base_of(r, &n->parent, v, e), part;

	if (bump == STRATA_BUMP_DERIVED)
		bump = st_oid_is_zero(&n->parent) ? STRATA_BUMP_MAJOR : STRATA_BUMP_PATCH;
	part = bump == STRATA_BUMP_MAJOR ? 0 : bump == STRATA_BUMP_MINOR ? 1 : 2;
	for (int i = part + 1; i < 3; i++)
		v[i] = 0;
	while (rc == ST_OK && used) {
		if (v[part] == MOST)
			return st_fail(e, ST_ELIMIT, "no version number above v%u.%u.%u is left",
				       v[0], v[1], v[2]);
		v[part]++;
		snprintf(label, 32, "v%u.%u.%u", v[0], v[1], v[2]);
		rc = is_used(r, label, &used, e);
	}
	return rc;
}

/* ---- timestamp ---- */

static int next_of_time(struct st_repo *r, int64_t time_ns, char label[32], struct st_err *e)
{
	char time[40];
	size_t at = 1;
	bool used;
	int rc;

	st_time_format(time_ns, time);
	label[0] = 'v';
	for (const char *s = time; *s && *s != '.' && *s != 'Z'; s++)
		if (*s != '-' && *s != ':' && at < 20)
			label[at++] = *s;
	snprintf(label + at, 32 - at, "Z");
	rc = is_used(r, label, &used, e);
	for (unsigned k = 2; rc == ST_OK && used; k++) {
		if (k > MOST)
			return st_fail(e, ST_ELIMIT, "no version number of this second is left");
		snprintf(label + at, 32 - at, "Z-%u", k);
		rc = is_used(r, label, &used, e);
	}
	return rc;
}

int st_number_next(struct st_repo *r, const struct st_number *n, char label[32], struct st_err *e)
{
	strata_policy policy;
	int rc = st_policy_get(&r->config, &policy, e);

	if (rc == ST_OK)
		rc = st_catalog_read_begin(r->cat, e);
	if (rc != ST_OK)
		return rc;
	if (policy == STRATA_SEMVER)
		rc = next_of_semver(r, n, label, e);
	else if (policy == STRATA_TIMESTAMP)
		rc = next_of_time(r, n->time_ns, label, e);
	else
		rc = next_of_sequence(r, label, e);
	st_catalog_read_end(r->cat);
	return rc == ST_OK ? ST_OK : st_wrap(e, "version number");
}

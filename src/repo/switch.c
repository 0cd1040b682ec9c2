/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/moves.h"

#include <stdio.h>

struct to { /* where HEAD goes */
	const char *name;
	const strata_switch_options *o;
	char *old; /* HEAD's value */
	char value[ST_REF_FULL + 8], why[700], full[ST_REF_FULL], hex[ST_OID_HEX + 1];
	struct st_op_ref refs[2];
};

static int no_branch(struct st_repo *r, const char *name, struct st_err *e)
{
	struct st_err none = { 0 };
	struct st_oid id;

	if (st_resolve(r, name, strlen(name), &id, &none) == ST_OK)
		return st_fail(
			e, ST_EUSAGE,
			"'%.200s' is a version and no branch: 'strata switch --detach %.200s' "
			"goes there, 'strata switch -c NAME %.200s' with a branch of its own",
			name, name, name);
	return st_fail(
		e, ST_ENOTFOUND,
		"no branch '%.200s': 'strata branch' lists them, 'strata switch -c' makes one",
		name);
}

static int find_branch(struct st_repo *r, struct to *x, struct st_oid *commit, struct st_err *e)
{
	char *value = NULL;
	int rc = ST_OK;

	if (strlen(x->name) <= ST_REF_NAME)
		rc = st_ref_value(r, x->full, &value, e);
	if (rc == ST_OK && !value)
		rc = no_branch(r, x->name, e);
	if (rc == ST_OK && !st_oid_parse(commit, value, strlen(value)))
		rc = st_fail(e, ST_ECORRUPT, "ref %s does not hold a commit id", x->full);
	free(value);
	return rc;
}

static int resolve_to(struct st_repo *r, struct to *x, struct st_oid *commit, struct st_err *e)
{
	const char *rev = x->o->detach ? x->name : x->o->start ? x->o->start : "HEAD";
	int rc;

	if (!x->o->detach && !x->o->create)
		return find_branch(r, x, commit, e);
	rc = x->o->create ? st_branch_free(r, x->name, e) : ST_OK;
	return rc == ST_OK ? st_resolve(r, rev, strlen(rev), commit, e) : rc;
}

static void say_why(struct to *x)
{
	const char *how = x->o->create ? "-c " : x->o->detach ? "--detach " : "";

	snprintf(x->why, sizeof(x->why), "switch %s%.200s%s%.200s", how, x->name,
		 x->o->start ? " " : "", x->o->start ? x->o->start : "");
}

static int decide(void *arg, struct st_txn *t, struct st_oid *commit, struct st_err *e)
{
	struct to *x = arg;
	size_t n = 0;
	int rc;

	snprintf(x->full, sizeof(x->full), "heads/%.200s", x->name);
	rc = st_ref_value(t->r, "HEAD", &x->old, e);
	if (rc == ST_OK && !x->old)
		rc = st_fail(e, ST_ECORRUPT, "the repository has no HEAD");
	if (rc == ST_OK)
		rc = resolve_to(t->r, x, commit, e);
	if (rc != ST_OK)
		return rc;
	st_oid_hex(commit, x->hex);
	snprintf(x->value, sizeof(x->value), "ref:%s", x->full);
	if (x->o->detach)
		snprintf(x->value, sizeof(x->value), "%s", x->hex);
	if (strcmp(x->value, x->old) != 0)
		x->refs[n++] =
			(struct st_op_ref){ .name = "HEAD", .old = x->old, .value = x->value };
	if (x->o->create)
		x->refs[n++] = (struct st_op_ref){ .name = x->full, .value = x->hex };
	say_why(x);
	t->op.why = x->why;
	t->op.refs = x->refs;
	t->op.nrefs = n;
	return ST_OK;
}

/* Before the first version there is nothing to check out: only HEAD's name changes. */
static int unborn(struct st_repo *r, struct to *x, const struct st_head *head, struct st_err *e)
{
	char old[ST_REF_FULL + 8 + sizeof(head->branch)];
	struct st_op_ref change = { .name = "HEAD", .old = old, .value = x->value };
	int rc = st_branch_free(r, x->name, e);

	if (rc != ST_OK)
		return rc;
	snprintf(old, sizeof(old), "ref:heads/%s", head->branch);
	snprintf(x->value, sizeof(x->value), "ref:heads/%.200s", x->name);
	say_why(x);
	return strcmp(old, x->value) == 0 ? ST_OK :
					    st_refs_publish(r, "switch", x->why, &change, 1, e);
}

int st_verb_switch(struct st_repo *r, const char *name, const strata_switch_options *o,
		   strata_checkout_result *res, struct st_err *e)
{
	struct to x = { .name = name, .o = o };
	struct st_go g = { .verb = "switch", .discard = o->discard, .decide = decide, .arg = &x };
	struct st_head head;
	int rc;

	*res = (strata_checkout_result){ 0 };
	if (o->create && o->detach)
		return st_fail(e, ST_EUSAGE, "a new branch and a detached HEAD exclude each other");
	if (o->start && !o->create)
		return st_fail(e, ST_EUSAGE, "a start is given with a new branch only (-c)");
	rc = st_repo_refresh(r, e);
	if (rc == ST_OK)
		rc = st_repo_head(r, &head, e);
	if (rc == ST_OK && head.unborn && o->create && !o->start)
		return unborn(r, &x, &head, e);
	if (rc == ST_OK && head.unborn && !o->create && !o->detach &&
	    strcmp(name, head.branch) == 0)
		return ST_OK;
	if (rc == ST_OK)
		rc = st_go(r, &g, res, e);
	free(x.old);
	return rc;
}

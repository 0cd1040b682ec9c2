/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/moves.h"

#include <stdio.h>

struct to { /* where HEAD goes */
	const char *name;
	const strata_switch_options *o;
	char *old;   /* HEAD's value */
	char *there; /* that of a branch which -C moves */
	char value[ST_REF_FULL + 8], why[700], full[ST_REF_FULL], hex[ST_OID_HEX + 1];
	struct st_op_ref refs[2];
};

static int no_branch(struct st_repo *r, const char *name, struct st_err *e)
{
	struct st_err none = { 0 };
	struct st_oid id;

	if (!*name)
		return st_fail(e, ST_EUSAGE, "'' is no branch: 'strata branch' lists them");
	if (st_resolve(r, name, strlen(name), &id, &none) == ST_OK)
		return st_fail(
			e, ST_EUSAGE,
			"'%.200s' is a version and no branch: 'strata switch --detach %.200s' "
			"goes there, 'strata switch -c NAME %.200s' with a branch of its own",
			name, name, name);
	return st_no_ref(r, "branch", "heads/", name, e);
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

/* The name of a branch to be made, or with replace to be moved. */
static int take_name(struct st_repo *r, struct to *x, struct st_err *e)
{
	int rc = x->o->replace ? st_ref_name_check("branch", x->name, e) : ST_OK;

	if (rc == ST_OK && x->o->replace)
		rc = st_ref_value(r, x->full, &x->there, e);
	return rc == ST_OK && !x->there ? st_branch_free(r, x->name, e) : rc;
}

static int resolve_to(struct st_repo *r, struct to *x, struct st_oid *commit, struct st_err *e)
{
	const char *rev = x->o->detach ? x->name : x->o->start ? x->o->start : "HEAD";
	int rc;

	if (!x->o->detach && !x->o->create)
		return find_branch(r, x, commit, e);
	rc = x->o->create ? take_name(r, x, e) : ST_OK;
	return rc == ST_OK ? st_resolve(r, rev, strlen(rev), commit, e) : rc;
}

static void say_why(struct to *x)
{
	const char *how = x->there ? "-C " : x->o->create ? "-c " : x->o->detach ? "--detach " : "";

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
	if (x->o->create && !(x->there && strcmp(x->there, x->hex) == 0))
		x->refs[n++] =
			(struct st_op_ref){ .name = x->full, .old = x->there, .value = x->hex };
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

static int check(const strata_switch_options *o, struct st_err *e)
{
	if (o->create && o->detach)
		return st_fail(e, ST_EUSAGE, "a new branch and a detached HEAD exclude each other");
	if (!o->create && (o->start || o->replace))
		return st_fail(e, ST_EUSAGE, "a start is given with a new branch only (-c)");
	return ST_OK;
}

/* What "-" and the like stand for takes its place. */
static int take_places(struct st_repo *r, struct to *x, strata_switch_options *o,
		       char place[ST_PLACE], struct st_err *e)
{
	const char **word = o->create ? &o->start : &x->name;
	struct st_oid id;
	int rc = *word ? st_place_before(r, word, place, e) : ST_OK;

	if (rc == ST_OK && !o->create && *word == place && st_oid_parse(&id, place, strlen(place)))
		o->detach = true;
	return rc;
}

static bool stays_unborn(const struct to *x, const struct st_head *head)
{
	return head->unborn && !x->o->create && !x->o->detach && strcmp(x->name, head->branch) == 0;
}

int st_verb_switch(struct st_repo *r, const char *name, const strata_switch_options *options,
		   strata_checkout_result *res, struct st_err *e)
{
	strata_switch_options o = *options;
	struct to x = { .name = name, .o = &o };
	struct st_go g = { .verb = "switch", .discard = o.discard, .decide = decide, .arg = &x };
	char place[ST_PLACE];
	struct st_head head;
	int rc = check(&o, e);

	*res = (strata_checkout_result){ 0 };
	if (rc == ST_OK)
		rc = st_repo_refresh(r, e);
	if (rc == ST_OK)
		rc = st_repo_head(r, &head, e);
	if (rc == ST_OK)
		rc = take_places(r, &x, &o, place, e);
	if (rc == ST_OK && head.unborn && o.create && !o.start)
		return unborn(r, &x, &head, e);
	if (rc == ST_OK && !stays_unborn(&x, &head))
		rc = st_go(r, &g, res, e);
	free(x.old);
	free(x.there);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/moves.h"

#include "base/timefmt.h"

#include <stdio.h>

#define HEADS "heads/"

struct branch { /* one that is looked at, or made */
	char full[ST_REF_FULL];
	char *value; /* NULL: there is none */
};

static int find(struct st_repo *r, const char *name, struct branch *b, struct st_err *e)
{
	b->value = NULL;
	if (strlen(name) > ST_REF_NAME) {
		snprintf(b->full, sizeof(b->full), HEADS);
		return ST_OK;
	}
	snprintf(b->full, sizeof(b->full), HEADS "%s", name);
	return st_ref_value(r, b->full, &b->value, e);
}

static bool checked_out(const struct st_head *head, const char *name)
{
	return !head->detached && strcmp(head->branch, name) == 0;
}

/* ---- list ---- */

struct list {
	struct st_repo *r;
	struct st_head head;
	int (*cb)(void *arg, const strata_branch *b);
	void *arg;
	strata_branch out;
};

static int tell_row(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct list *l = arg;
	char hex[ST_OID_HEX + 1], time[40];

	(void)e;
	st_oid_hex(&row->id, hex);
	st_time_format(row->time_ns, time);
	l->out.commit = hex;
	l->out.version = row->version;
	l->out.author = row->author;
	l->out.time = time;
	l->out.message = row->message;
	return l->cb(l->arg, &l->out) ? ST_ENO : ST_OK;
}

static int tell(void *arg, const char *full, const char *value, struct st_err *e)
{
	struct list *l = arg;
	struct st_oid id;

	l->out = (strata_branch){ .name = full + strlen(HEADS) };
	l->out.current = checked_out(&l->head, l->out.name);
	if (!st_oid_parse(&id, value, strlen(value)))
		return st_fail(e, ST_ECORRUPT, "ref %s does not hold a commit id", full);
	return st_catalog_commit_get(l->r->cat, &id, tell_row, l, e);
}

int st_verb_branch_list(struct st_repo *r, int (*cb)(void *arg, const strata_branch *b), void *arg,
			struct st_err *e)
{
	struct list l = { .r = r, .cb = cb, .arg = arg };
	int rc = st_repo_head(r, &l.head, e);

	if (rc == ST_OK && l.head.unborn) {
		l.out = (strata_branch){ .name = l.head.branch,
					 .current = true,
					 .unborn = true,
					 .commit = "",
					 .version = "",
					 .author = "",
					 .time = "",
					 .message = "" };
		rc = cb(arg, &l.out) ? ST_ENO : ST_OK;
	}
	if (rc == ST_OK)
		rc = st_catalog_ref_each(r->cat, HEADS, tell, &l, e);
	return rc;
}

/* ---- create ---- */

int st_branch_free(struct st_repo *r, const char *name, struct st_err *e)
{
	struct branch b;
	int rc = st_ref_name_check("branch", name, e);

	if (rc == ST_OK)
		rc = find(r, name, &b, e);
	if (rc != ST_OK)
		return rc;
	if (b.value)
		rc = st_fail(
			e, ST_EREFUSED,
			"branch '%s' exists: 'strata switch %s' goes there, 'strata branch -f' "
			"moves it",
			name, name);
	free(b.value);
	return rc == ST_OK ? st_ref_beside(r, HEADS, name, e) : rc;
}

static int check_moved(struct st_repo *r, const char *name, struct st_err *e)
{
	struct st_head head;
	int rc = st_repo_head(r, &head, e);

	if (rc == ST_OK && checked_out(&head, name))
		rc = st_fail(e, ST_EREFUSED,
			     "branch '%s' is checked out: 'strata switch' to another one first",
			     name);
	return rc == ST_OK ? st_ref_name_check("branch", name, e) : rc;
}

int st_verb_branch_create(struct st_repo *r, const char *name, const char *start, bool force,
			  struct st_err *e)
{
	const char *rev = start ? start : "HEAD";
	char hex[ST_OID_HEX + 1], why[700];
	struct branch b = { .value = NULL };
	struct st_op_ref change = { .name = b.full, .value = hex };
	struct st_oid id;
	int rc = st_repo_refresh(r, e);

	if (rc == ST_OK)
		rc = force ? check_moved(r, name, e) : st_branch_free(r, name, e);
	if (rc == ST_OK)
		rc = find(r, name, &b, e);
	if (rc == ST_OK && !b.value)
		rc = st_ref_beside(r, HEADS, name, e);
	if (rc == ST_OK)
		rc = st_resolve(r, rev, strlen(rev), &id, e);
	if (rc == ST_OK) {
		st_oid_hex(&id, hex);
		change.old = b.value;
		snprintf(why, sizeof(why), "branch %s %.300s", name, rev);
		if (!b.value || strcmp(b.value, hex) != 0)
			rc = st_refs_publish(r, "branch", why, &change, 1, e);
	}
	free(b.value);
	return rc;
}

/* ---- delete ---- */

struct others { /* commits that refs lead to which stay */
	const char *const *names;
	size_t nnames;
	struct st_oid *ids;
	size_t n, cap;
};

static bool among(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static int take_other(void *arg, const char *full, const char *value, struct st_err *e)
{
	struct others *o = arg;
	bool branch = strncmp(full, HEADS, strlen(HEADS)) == 0;
	struct st_oid id;
	int rc;

	if ((branch && among(full + strlen(HEADS), o->names, o->nnames)) ||
	    !st_oid_parse(&id, value, strlen(value)))
		return ST_OK;
	rc = st_grow(&o->ids, &o->cap, o->n + 1, e);
	if (rc == ST_OK)
		o->ids[o->n++] = id;
	return rc;
}

static int check_had(struct st_repo *r, const struct others *o, const char *name,
		     const struct st_oid *id, struct st_err *e)
{
	char title[64];
	bool had;
	int rc = st_reaches(r, o->ids, o->n, id, &had, e);

	if (rc != ST_OK || had)
		return rc;
	rc = st_commit_title(r, id, title, e);
	return rc == ST_OK ? st_fail(e, ST_EREFUSED,
				     "branch '%s' leads to %s, which no other branch or tag does: "
				     "'strata branch -D %s' deletes it all the same",
				     name, title, name) :
			     rc;
}

struct removal {
	struct st_repo *r;
	const char *const *names;
	size_t n;
	bool force;
	struct st_op_ref *refs;
	struct branch *found;
	struct others others;
};

static int remove_check(struct removal *d, size_t i, const struct st_head *head, struct st_err *e)
{
	const char *name = d->names[i];
	struct st_oid id;
	int rc = find(d->r, name, &d->found[i], e);

	if (rc == ST_OK && checked_out(head, name))
		rc = st_fail(e, ST_EREFUSED,
			     "branch '%s' is checked out: 'strata switch' to another one first",
			     name);
	if (rc == ST_OK && !d->found[i].value)
		rc = st_no_ref(d->r, "branch", HEADS, name, e);
	if (rc == ST_OK && among(name, d->names, i))
		rc = st_fail(e, ST_EUSAGE, "branch '%s' is named twice", name);
	if (rc != ST_OK)
		return rc;
	d->refs[i] = (struct st_op_ref){ .name = d->found[i].full, .old = d->found[i].value };
	if (d->force || !st_oid_parse(&id, d->refs[i].old, strlen(d->refs[i].old)))
		return ST_OK;
	return check_had(d->r, &d->others, name, &id, e);
}

static int tell_removed(struct removal *d, int (*was)(void *arg, const strata_branch *b), void *arg,
			struct st_err *e)
{
	struct list l = { .r = d->r, .cb = was, .arg = arg };
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && was && i < d->n; i++)
		rc = tell(&l, d->refs[i].name, d->refs[i].old, e);
	return rc == ST_ENO ? ST_OK : rc;
}

static int remove_all(struct removal *d, struct st_err *e)
{
	char why[700];
	struct st_head head;
	size_t i;
	int rc = st_repo_head(d->r, &head, e);

	if (rc == ST_OK)
		rc = st_catalog_ref_each(d->r->cat, "", take_other, &d->others, e);
	for (i = 0; rc == ST_OK && i < d->n; i++)
		rc = remove_check(d, i, &head, e);
	if (rc != ST_OK)
		return rc;
	snprintf(why, sizeof(why), "branch -%c %s%s", d->force ? 'D' : 'd', d->names[0],
		 d->n > 1 ? " and others" : "");
	return st_refs_publish(d->r, "branch", why, d->refs, d->n, e);
}

int st_verb_branch_delete(struct st_repo *r, const char *const *names, size_t n, bool force,
			  int (*was)(void *arg, const strata_branch *b), void *arg,
			  struct st_err *e)
{
	struct removal d = { .r = r, .names = names, .n = n, .force = force };
	size_t i;
	int rc;

	if (n == 0)
		return st_fail(e, ST_EUSAGE, "name the branches to delete");
	d.others = (struct others){ .names = names, .nnames = n };
	d.refs = st_calloc(n, sizeof(*d.refs), e);
	d.found = d.refs ? st_calloc(n, sizeof(*d.found), e) : NULL;
	rc = d.found ? st_repo_refresh(r, e) : (int)e->code;
	if (rc == ST_OK)
		rc = remove_all(&d, e);
	if (rc == ST_OK)
		rc = tell_removed(&d, was, arg, e);
	for (i = 0; d.found && i < n; i++)
		free(d.found[i].value);
	free(d.found);
	free(d.refs);
	free(d.others.ids);
	return rc;
}

/* ---- rename ---- */

/* Is `to` free, or may it be replaced? A name that only adds to the old one may be beside it. */
static int check_new_name(struct st_repo *r, const char *from, const char *to, bool force,
			  const struct branch *there, const struct st_head *head, struct st_err *e)
{
	int rc = st_ref_name_check("branch", to, e);

	if (rc == ST_OK && there->value && strcmp(from, to) != 0) {
		if (checked_out(head, to))
			rc = st_fail(e, ST_EREFUSED, "branch '%s' is checked out", to);
		else if (!force)
			rc = st_fail(e, ST_EREFUSED, "branch '%s' exists: -M replaces it", to);
	}
	return rc == ST_OK && !there->value ? st_ref_beside(r, HEADS, to, e) : rc;
}

static int publish_rename(struct st_repo *r, const struct branch *a, const struct branch *b,
			  bool current, struct st_err *e)
{
	char old[ST_REF_FULL + 4], new[ST_REF_FULL + 4], why[2 * ST_REF_FULL + 32];
	struct st_op_ref refs[3];
	size_t n = 0;

	snprintf(old, sizeof(old), "ref:%s", a->full);
	snprintf(new, sizeof(new), "ref:%s", b->full);
	snprintf(why, sizeof(why), "branch -m %s %s", a->full + strlen(HEADS),
		 b->full + strlen(HEADS));
	if (current)
		refs[n++] = (struct st_op_ref){ .name = "HEAD", .old = old, .value = new };
	if (a->value) {
		refs[n++] = (struct st_op_ref){ .name = a->full, .old = a->value };
		refs[n++] =
			(struct st_op_ref){ .name = b->full, .old = b->value, .value = a->value };
	}
	return st_refs_publish(r, "branch", why, refs, n, e);
}

int st_verb_branch_rename(struct st_repo *r, const char *from, const char *to, bool force,
			  struct st_err *e)
{
	struct branch a = { .value = NULL }, b = { .value = NULL };
	struct st_head head;
	bool current;
	int rc = st_repo_refresh(r, e);

	if (rc == ST_OK)
		rc = st_repo_head(r, &head, e);
	if (rc == ST_OK && !from && head.detached)
		rc = st_fail(e, ST_EUSAGE, "HEAD is detached: name the branch to rename");
	if (rc != ST_OK)
		return rc;
	from = from ? from : head.branch;
	current = checked_out(&head, from);
	rc = find(r, from, &a, e);
	if (rc == ST_OK && !a.value && !current)
		rc = st_no_ref(r, "branch", HEADS, from, e);
	if (rc == ST_OK)
		rc = find(r, to, &b, e);
	if (rc == ST_OK)
		rc = check_new_name(r, from, to, force, &b, &head, e);
	if (rc == ST_OK && strcmp(from, to) != 0)
		rc = publish_rename(r, &a, &b, current, e);
	free(a.value);
	free(b.value);
	return rc;
}

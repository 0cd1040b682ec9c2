/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reflog: where a ref has been, from the operations that the catalogue keeps. They are walked back
 * from the refs as they are now, because what HEAD was depends on the branch it stood on.
 */
#include "repo/verbs.h"

#include "base/timefmt.h"

#include <stdio.h>

struct past {		   /* a ref as it was at the point that the walk has reached */
	const char *name;  /* both in the arena */
	const char *value; /* NULL: absent */
};

struct reflog {
	struct st_repo *r;
	char ref[300];
	bool found; /* the ref is, or was */
	uint64_t limit, index;
	struct past *v; /* HEAD, the ref and branches that HEAD was on */
	size_t n, cap;
	struct st_arena arena;
	int (*cb)(void *arg, const strata_ref_move *m);
	void *arg;
};

static int keep_text(struct reflog *l, const char **out, const char *s, struct st_err *e)
{
	*out = s ? st_arena_dup(&l->arena, s, strlen(s), e) : NULL;
	return s && !*out ? (int)e->code : ST_OK;
}

/* The entry of a ref; made with its present value when the walk meets it first. */
static int past_of(struct reflog *l, const char *name, struct past **out, struct st_err *e)
{
	struct past p = { 0 };
	struct st_buf b;
	size_t i;
	bool found;
	int rc;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->v[i].name, name) == 0) {
			*out = &l->v[i];
			return ST_OK;
		}
	st_buf_init(&b, 4096);
	rc = st_catalog_ref_get(l->r->cat, name, &b, &found, e);
	if (rc == ST_OK && found && !st_buf_cstr(&b, e))
		rc = e->code;
	if (rc == ST_OK)
		rc = keep_text(l, &p.value, found ? (const char *)b.p : NULL, e);
	if (rc == ST_OK)
		rc = keep_text(l, &p.name, name, e);
	if (rc == ST_OK)
		rc = st_grow(&l->v, &l->cap, l->n + 1, e);
	st_buf_release(&b);
	if (rc != ST_OK)
		return rc;
	l->v[l->n] = p;
	*out = &l->v[l->n++];
	return ST_OK;
}

/* Where the ref points, through the branch if it names one; out is "" where that is nowhere. */
static int point(struct reflog *l, char out[STRATA_HEX], const char **branch, struct st_err *e)
{
	struct past *p;
	int rc = past_of(l, l->ref, &p, e);

	*branch = NULL;
	out[0] = 0;
	if (rc == ST_OK && p->value && strncmp(p->value, "ref:", 4) == 0) {
		*branch = p->value + 4; /* in the arena */
		rc = past_of(l, *branch, &p, e);
	}
	if (rc == ST_OK && p->value)
		snprintf(out, STRATA_HEX, "%s", p->value);
	return rc;
}

static bool moves(const struct st_op *op, const char *name)
{
	for (size_t i = 0; name && i < op->nrefs; i++)
		if (strcmp(op->refs[i].name, name) == 0)
			return true;
	return false;
}

/* Tags are many, and HEAD is never on one. */
static int step_back(struct reflog *l, const struct st_op *op, struct st_err *e)
{
	struct past *p;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < op->nrefs; i++) {
		const struct st_op_ref *ref = &op->refs[i];

		if (strncmp(ref->name, "tags/", 5) == 0 && strcmp(ref->name, l->ref) != 0)
			continue;
		rc = past_of(l, ref->name, &p, e);
		if (rc == ST_OK)
			rc = keep_text(l, &p->value, ref->old, e);
	}
	return rc;
}

static int give(struct reflog *l, const struct st_op *op, const char *old, const char *now,
		struct st_err *e)
{
	strata_ref_move m = { .ref = l->ref,
			      .index = l->index,
			      .operation = op->seq,
			      .old_commit = *old ? old : NULL,
			      .commit = *now ? now : NULL,
			      .who = op->who,
			      .verb = op->verb,
			      .why = op->why };
	char time[40], version[32] = "";
	struct st_oid id;
	int rc = ST_OK;

	st_time_format(op->time_ns, time);
	m.time = time;
	m.version = version;
	if (st_oid_parse(&id, now, strlen(now)))
		rc = st_catalog_version_of(l->r->cat, &id, version, e);
	if (rc != ST_OK)
		return rc;
	if (l->cb(l->arg, &m) != 0)
		return ST_ENO;
	l->index++;
	return l->limit && l->index == l->limit ? ST_ENO : ST_OK;
}

static int on_op(void *arg, const struct st_op *op, struct st_err *e)
{
	char now[STRATA_HEX], old[STRATA_HEX];
	const char *branch, *was;
	struct reflog *l = arg;
	bool moved;
	int rc = point(l, now, &branch, e);

	if (rc != ST_OK)
		return rc;
	moved = moves(op, l->ref) || moves(op, branch);
	rc = step_back(l, op, e);
	if (rc == ST_OK)
		rc = point(l, old, &was, e);
	if (rc != ST_OK || !moved)
		return rc;
	l->found = true;
	return *now || *old ? give(l, op, old, now, e) : ST_OK;
}

static int find_name(void *arg, const struct st_op *op, struct st_err *e)
{
	struct reflog *l = arg;

	(void)e;
	l->found = moves(op, l->ref);
	return l->found ? ST_ENO : ST_OK;
}

/* A ref that is comes before one that was. */
static int find_ref(struct reflog *l, const char *ref, struct st_err *e)
{
	static const char *const prefixes[] = { "", "heads/", "tags/" };
	struct st_buf b;
	const char *name = strncmp(ref, "refs/", 5) == 0 ? ref + 5 : ref;
	size_t i;
	int n, rc = ST_OK;

	for (i = 0; rc == ST_OK && !l->found && i < 6; i++) {
		n = snprintf(l->ref, sizeof(l->ref), "%s%s", prefixes[i % 3], name);
		if (n < 0 || (size_t)n >= sizeof(l->ref) || st_ref_is_note(l->ref))
			continue;
		st_buf_init(&b, 4096);
		rc = i < 3 ? st_catalog_ref_get(l->r->cat, l->ref, &b, &l->found, e) :
			     st_catalog_op_each(l->r->cat, find_name, l, e);
		st_buf_release(&b);
	}
	if (rc == ST_OK && !l->found)
		rc = st_fail(e, ST_ENOTFOUND,
			     "there is and was no branch or tag '%s': without a name 'strata "
			     "reflog' shows where HEAD has been",
			     ref);
	return rc;
}

int st_verb_reflog(struct st_repo *r, const char *ref, uint64_t limit,
		   int (*cb)(void *arg, const strata_ref_move *m), void *arg, struct st_err *e)
{
	struct reflog l = { .r = r, .limit = limit, .cb = cb, .arg = arg };
	int rc;

	st_arena_init(&l.arena);
	rc = find_ref(&l, !ref || strcmp(ref, "@") == 0 ? "HEAD" : ref, e);
	if (rc == ST_OK)
		rc = st_catalog_op_each(r->cat, on_op, &l, e);
	st_arena_release(&l.arena);
	free(l.v);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/moves.h"

#include <stdio.h>

void st_lost_add(struct st_lost *l, const char *path)
{
	size_t at = strlen(l->names);
	bool fits = at + strlen(path) + 5 < sizeof(l->names) && l->shown < 8;

	if (fits || l->n == 0) {
		snprintf(l->names + at, sizeof(l->names) - at, "%s'%.380s'", at ? ", " : "", path);
		l->shown++;
	}
	l->n++;
}

int st_lost_refuse(struct st_lost *l, const char *how, struct st_err *e)
{
	if (l->n == 0)
		return ST_OK;
	return st_fail(e, ST_EREFUSED,
		       "changes that are not in a version would be overwritten in %zu file%s: "
		       "%s%s; %s",
		       l->n, l->n == 1 ? "" : "s", l->names, l->shown < l->n ? " and more" : "",
		       how);
}

bool st_rows_same(const struct st_stage_row *a, const struct st_stage_row *b)
{
	return a && b ? st_oid_eq(&a->id, &b->id) && a->mode == b->mode : !a && !b;
}

static int order(const struct st_stage_row *a, const struct st_stage_row *b)
{
	return a && b ? strcmp(a->path, b->path) : a ? -1 : b ? 1 : 0;
}

struct three {
	const struct st_index *x[3]; /* head, now, to */
	size_t at[3];
	const struct st_stage_row *row[3]; /* of the least path; NULL where absent */
};

static bool next(struct three *t)
{
	const struct st_stage_row *first = NULL, *r;

	for (int i = 0; i < 3; i++) {
		r = t->at[i] < t->x[i]->nrows ? &t->x[i]->rows[t->at[i]] : NULL;
		t->row[i] = r;
		if (r && order(r, first) < 0)
			first = r;
	}
	for (int i = 0; i < 3; i++) {
		if (t->row[i] && order(t->row[i], first) != 0)
			t->row[i] = NULL;
		if (t->row[i])
			t->at[i]++;
	}
	return first != NULL;
}

/* What is only staged, kept, and a path of the new version may not be each other's directory. */
static void check_kept(const struct st_index *head, const struct st_index *now,
		       const struct st_index *to, const struct st_index *out, struct st_lost *lost)
{
	size_t i;

	for (i = 0; i < now->nrows; i++) {
		const struct st_stage_row *row = &now->rows[i];

		if (!st_index_find(to, row->path, row->path_len, NULL) &&
		    !st_index_find(head, row->path, row->path_len, NULL) &&
		    st_index_excludes(out, row))
			st_lost_add(lost, row->path);
	}
}

int st_twoway(const struct st_index *head, const struct st_index *now, const struct st_index *to,
	      struct st_index *out, struct st_lost *lost, struct st_err *e)
{
	struct three t = { .x = { head, now, to } };
	int rc = ST_OK;

	while (rc == ST_OK && next(&t)) {
		const struct st_stage_row *was = t.row[0], *have = t.row[1], *want = t.row[2];
		bool keep = st_rows_same(was, want) || st_rows_same(have, want);

		if (!keep && !st_rows_same(was, have))
			st_lost_add(lost, (have ? have : want ? want : was)->path);
		if (keep && have)
			rc = st_index_add(out, have, e);
		else if (!keep && want)
			rc = st_index_add(out, want, e);
	}
	if (rc == ST_OK)
		rc = st_index_sort(out, e);
	if (rc == ST_OK)
		check_kept(head, now, to, out, lost);
	return rc;
}

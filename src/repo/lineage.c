/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/lineage.h"

static const char *const kinds[] = {
	"fine-tuned-from", "distilled-from", "quantised-from",
	"pruned-from",	   "adapter-of",     "merged-from",
};

static const char *find_kind(const char *s)
{
	if (strcmp(s, "quantized-from") == 0)
		s = "quantised-from";
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(s, kinds[i]) == 0)
			return kinds[i];
	return NULL;
}

/* A version that is named must stay whole; one that gc has let go cannot. */
static int check_there(struct st_repo *r, const struct st_oid *commit, const char *rev,
		       struct st_err *e)
{
	struct st_oid tree;
	struct st_loc loc;
	bool found = false;
	int rc = st_repo_commit_tree(r, commit, &tree, e);

	if (rc == ST_OK)
		rc = st_catalog_loc_find(r->cat, &tree, ST_ENTRY_DATA, &loc, &found, e);
	if (rc == ST_OK && !found)
		rc = st_fail(e, ST_ENOTFOUND, "the files of %s were removed by 'strata gc'", rev);
	return rc;
}

static int read_one(struct st_repo *r, const strata_param *pair, struct st_lineage *out,
		    struct st_err *e)
{
	int rc;

	out->kind = find_kind(pair->key);
	if (!out->kind)
		return st_fail(e, ST_EUSAGE,
			       "'%s' is no kind of lineage; the kinds are %s, %s, %s, %s, %s, %s",
			       pair->key, kinds[0], kinds[1], kinds[2], kinds[3], kinds[4],
			       kinds[5]);
	if (!*pair->value) /* which would mean HEAD */
		return st_fail(e, ST_EUSAGE, "%s: no revision is named", out->kind);
	rc = st_resolve(r, pair->value, strlen(pair->value), &out->commit, e);
	if (rc == ST_OK)
		rc = check_there(r, &out->commit, pair->value, e);
	return rc == ST_OK ? ST_OK : st_wrap(e, "%s", out->kind);
}

static int by_kind_and_id(const void *a, const void *b)
{
	const struct st_lineage *x = a, *y = b;
	int d = strcmp(x->kind, y->kind);

	return d ? d : st_oid_cmp(&x->commit, &y->commit);
}

static int check_twice(const struct st_lineage *v, size_t n, struct st_err *e)
{
	struct st_lineage *sorted = st_calloc(n, sizeof(*sorted), e);
	char hex[ST_OID_HEX + 1];
	int rc = ST_OK;

	if (!sorted)
		return e->code;
	memcpy(sorted, v, n * sizeof(*v));
	qsort(sorted, n, sizeof(*sorted), by_kind_and_id);
	for (size_t i = 1; rc == ST_OK && i < n; i++) {
		if (by_kind_and_id(&sorted[i - 1], &sorted[i]) != 0)
			continue;
		st_oid_hex(&sorted[i].commit, hex);
		rc = st_fail(e, ST_EUSAGE, "%s %.12s is given twice", sorted[i].kind, hex);
	}
	free(sorted);
	return rc;
}

int st_lineage_read(struct st_repo *r, const strata_param *pairs, size_t n, struct st_lineage **out,
		    struct st_err *e)
{
	struct st_lineage *v = st_calloc(n, sizeof(*v), e);
	int rc = v ? ST_OK : (int)e->code;

	*out = NULL;
	for (size_t i = 0; rc == ST_OK && i < n; i++)
		rc = read_one(r, &pairs[i], &v[i], e);
	if (rc == ST_OK)
		rc = check_twice(v, n, e);
	if (rc == ST_OK)
		*out = v;
	else
		free(v);
	return rc;
}

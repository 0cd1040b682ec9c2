/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/commits.h"

#include "repo/merge_base.h"

void st_names_init(struct st_names *n)
{
	*n = (struct st_names){ 0 };
	st_arena_init(&n->arena);
}

void st_names_release(struct st_names *n)
{
	st_arena_release(&n->arena);
	free(n->v);
	st_names_init(n);
}

static int take_name(void *arg, const char *name, const char *value, struct st_err *e)
{
	struct st_names *n = arg;
	const char *slash = strchr(name, '/');
	struct st_name x = { .tag = strncmp(name, "tags/", 5) == 0 };
	int rc;

	if (!slash || !st_oid_parse(&x.id, value, strlen(value)))
		return ST_OK;
	x.name = st_arena_dup(&n->arena, slash + 1, strlen(slash + 1), e);
	if (!x.name)
		return e->code;
	rc = st_grow(&n->v, &n->cap, n->n + 1, e);
	if (rc == ST_OK)
		n->v[n->n++] = x;
	return rc;
}

int st_names_load(struct st_names *n, struct st_repo *r, struct st_err *e)
{
	int rc;

	n->cat = r->cat;
	rc = st_catalog_ref_each(r->cat, "heads/", take_name, n, e);
	return rc == ST_OK ? st_catalog_ref_each(r->cat, "tags/", take_name, n, e) : rc;
}

static void find_names(strata_version *v, struct st_version_text *text, const struct st_oid *id,
		       const struct st_names *names)
{
	size_t i;

	for (i = 0; i < names->n; i++) {
		if (!st_oid_eq(&names->v[i].id, id))
			continue;
		if (names->v[i].tag && v->ntags < ST_MAX_NAMES)
			text->tags[v->ntags++] = names->v[i].name;
		else if (!names->v[i].tag && v->nbranches < ST_MAX_NAMES)
			text->branches[v->nbranches++] = names->v[i].name;
	}
	v->branches = text->branches;
	v->tags = text->tags;
}

static int fill_parents(strata_version *v, struct st_version_text *text,
			const struct st_commit_row *row, struct st_err *e)
{
	size_t i;

	v->nparents = row->nparents;
	if (!row->nparents)
		return ST_OK;
	text->parent_hex = st_calloc(row->nparents, STRATA_HEX, e);
	text->parents = text->parent_hex ? st_calloc(row->nparents, sizeof(char *), e) : NULL;
	if (!text->parents)
		return e->code;
	for (i = 0; i < row->nparents; i++) {
		st_oid_hex(&row->parents[i], text->parent_hex[i]);
		text->parents[i] = text->parent_hex[i];
	}
	v->parents = text->parents;
	return ST_OK;
}

static int fill_lineage(strata_version *v, struct st_version_text *text,
			const struct st_commit_row *row, const struct st_names *names,
			struct st_err *e)
{
	struct st_origin_text *o;
	int rc = ST_OK;
	size_t i;

	if (!row->nlineage)
		return ST_OK;
	text->origins = st_calloc(row->nlineage, sizeof(*text->origins), e);
	text->lineage = text->origins ? st_calloc(row->nlineage, sizeof(*v->lineage), e) : NULL;
	if (!text->lineage)
		return e->code;
	for (i = 0; rc == ST_OK && i < row->nlineage; i++) {
		o = &text->origins[i];
		st_oid_hex(&row->lineage[i].commit, o->commit);
		rc = st_catalog_version_of(names->cat, &row->lineage[i].commit, o->version, e);
		text->lineage[i] = (strata_lineage){ row->lineage[i].kind, o->commit, o->version };
	}
	v->lineage = text->lineage;
	v->nlineage = row->nlineage;
	return rc;
}

int st_version_fill(strata_version *v, struct st_version_text *text,
		    const struct st_commit_row *row, const struct st_names *names,
		    const struct st_head *head, struct st_err *e)
{
	int rc;

	*v = (strata_version){ .version = row->version,
			       .author = row->author,
			       .message = row->message };
	text->parent_hex = NULL;
	text->parents = NULL;
	text->origins = NULL;
	text->lineage = NULL;
	st_oid_hex(&row->id, text->commit);
	v->commit = text->commit;
	st_time_format(row->time_ns, text->time);
	v->time = text->time;
	v->head = !head->unborn && st_oid_eq(&head->commit, &row->id);
	find_names(v, text, &row->id, names);
	rc = fill_parents(v, text, row, e);
	return rc == ST_OK ? fill_lineage(v, text, row, names, e) : rc;
}

void st_version_text_release(struct st_version_text *text)
{
	free(text->parent_hex);
	free(text->parents);
	free(text->origins);
	free(text->lineage);
}

static int hide(void *arg, const struct st_oid *base, struct st_err *e)
{
	return st_map_put(arg, base->b, ST_OID_LEN, 1, NULL, NULL, e);
}

/* Both sides reach the best common ancestors and what is below them, which log hides too. */
int st_log_symmetric(struct st_repo *r, const char *a, size_t a_len, const char *b,
		     struct st_map *wanted, struct st_map *hidden, bool *any_hidden,
		     struct st_err *e)
{
	struct st_oid ia, ib;
	int rc;

	*any_hidden = true;
	rc = st_resolve_side(r, a, a_len, &ia, e);
	if (rc == ST_OK)
		rc = st_resolve_side(r, b, strlen(b), &ib, e);
	if (rc == ST_OK)
		rc = st_merge_base_each(r, &ia, &ib, hide, hidden, e);
	if (rc == ST_OK)
		rc = st_map_put(wanted, ia.b, ST_OID_LEN, 1, NULL, NULL, e);
	if (rc == ST_OK)
		rc = st_map_put(wanted, ib.b, ST_OID_LEN, 1, NULL, NULL, e);
	return rc;
}

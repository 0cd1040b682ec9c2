/* SPDX-License-Identifier: Apache-2.0 */
/* log and show. History comes from the catalogue; only trees are read from packs. */
#include "repo/verbs.h"

#include "repo/commits.h"
#include "repo/log_filter.h"
#include "repo/tensor_steps.h"

#include <stdio.h>

struct kept { /* a version that is shown after the scan */
	struct st_commit_row row;
	strata_file_counts files;
	strata_tensor_step *steps;
	size_t nsteps;
};

struct log {
	struct st_repo *r;
	const strata_log_options *o;
	int (*cb)(void *arg, const strata_version *v);
	void *arg;
	struct st_map wanted; /* commits reachable and still to come */
	struct st_map hidden; /* of the left side of A..B */
	bool any_hidden;
	uint64_t shown;
	struct st_names names;
	struct st_head head;
	struct st_pathspec *ps;
	struct st_log_filter *filter; /* or NULL */
	struct st_arena arena;	      /* of what is kept */
	struct kept *kept;
	size_t nkept, kept_cap;
};

static int want(struct st_map *m, const struct st_oid *id, struct st_err *e)
{
	return st_map_put(m, id->b, ST_OID_LEN, 1, NULL, NULL, e);
}

struct touch {
	struct st_pathspec *ps;
	strata_file_counts files;
	bool hit;
};

static int on_change(void *arg, const struct st_tree_change *c, struct st_err *e)
{
	struct touch *t = arg;

	(void)e;
	if (!t->ps || st_pathspec_match(t->ps, c->path))
		t->hit = true;
	if (c->status == 'A')
		t->files.added++;
	else if (c->status == 'D')
		t->files.removed++;
	else
		t->files.changed++;
	return ST_OK;
}

static int compare_with_parent(struct st_repo *r, const struct st_commit_row *row, struct touch *t,
			       struct st_err *e)
{
	struct st_oid parent = { { 0 } };
	int rc = ST_OK;

	if (row->nparents)
		rc = st_repo_commit_tree(r, &row->parents[0], &parent, e);
	return rc == ST_OK ? st_compare_trees(r, &parent, &row->tree, on_change, t, e) : rc;
}

static int tell(struct log *l, const struct st_commit_row *row, const strata_file_counts *files,
		const strata_tensor_step *steps, size_t nsteps, struct st_err *e)
{
	struct st_version_text text;
	strata_version v;
	int rc = st_version_fill(&v, &text, row, &l->names, &l->head, e);

	v.has_files = l->o->files;
	v.files = *files;
	v.steps = steps;
	v.nsteps = nsteps;
	if (rc == ST_OK)
		rc = l->cb(l->arg, &v) ? ST_ENO : ST_OK;
	st_version_text_release(&text);
	return rc;
}

static void *copy(struct log *l, const void *p, size_t n, struct st_err *e)
{
	void *c = st_arena_alloc(&l->arena, n, e);

	if (c && n)
		memcpy(c, p, n);
	return c;
}

static const struct st_origin *copy_lineage(struct log *l, const struct st_commit_row *row,
					    struct st_err *e)
{
	struct st_origin *c = copy(l, row->lineage, row->nlineage * sizeof(*c), e);

	for (size_t i = 0; e->code == ST_OK && i < row->nlineage; i++)
		c[i].kind = st_arena_dup(&l->arena, c[i].kind, strlen(c[i].kind), e);
	return c;
}

/* Names and paths of steps stay with the filter. */
static int keep(struct log *l, const struct st_commit_row *row, const strata_file_counts *files,
		const strata_tensor_step *steps, size_t nsteps, struct st_err *e)
{
	struct kept *k;

	if (st_grow(&l->kept, &l->kept_cap, l->nkept + 1, e) != ST_OK)
		return e->code;
	k = &l->kept[l->nkept];
	*k = (struct kept){ .row = *row, .files = *files, .nsteps = nsteps };
	k->row.author = st_arena_dup(&l->arena, row->author, strlen(row->author), e);
	k->row.message = st_arena_dup(&l->arena, row->message, strlen(row->message), e);
	k->row.version = st_arena_dup(&l->arena, row->version, strlen(row->version), e);
	k->row.parents = copy(l, row->parents, row->nparents * sizeof(*row->parents), e);
	k->row.lineage = copy_lineage(l, row, e);
	k->steps = copy(l, steps, nsteps * sizeof(*steps), e);
	l->nkept += e->code == ST_OK;
	return e->code;
}

/* Tensors are decoded by threads that ask the catalogue, which is busy until the scan is over. */
static int tell_kept(struct log *l, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < l->nkept; i++) {
		struct kept *k = &l->kept[i];
		strata_diff_figures *figures = st_calloc(k->nsteps, sizeof(*figures), e);

		rc = figures ? st_steps_compare(l->r, &k->row.tree, k->row.parents, k->row.nparents,
						k->steps, figures, k->nsteps, e) :
			       (int)e->code;
		if (rc == ST_OK)
			rc = tell(l, &k->row, &k->files, k->steps, k->nsteps, e);
		free(figures);
	}
	return rc;
}

static int show_row(struct log *l, const struct st_commit_row *row, struct st_err *e)
{
	bool by_path = l->o->npaths && !l->o->ntensors, shown = true;
	struct touch t = { .ps = by_path ? l->ps : NULL };
	strata_tensor_step *steps = NULL;
	size_t nsteps = 0;
	int rc = l->filter ? st_log_filter_row(l->filter, row, &shown, e) : ST_OK;

	if (rc != ST_OK || !shown)
		return rc;
	if (l->filter)
		steps = st_log_filter_steps(l->filter, &nsteps);
	if (by_path || l->o->files)
		rc = compare_with_parent(l->r, row, &t, e);
	if (rc != ST_OK || (by_path && !t.hit))
		return rc;
	rc = l->o->values ? keep(l, row, &t.files, steps, nsteps, e) :
			    tell(l, row, &t.files, steps, nsteps, e);
	if (rc == ST_OK && l->o->limit && ++l->shown == l->o->limit)
		rc = ST_ENO;
	return rc;
}

/* Newest generation first, so a commit is met after everything that could name it as a parent. */
static int scan(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct log *l = arg;
	uint64_t value;
	bool hidden = l->any_hidden && st_map_get(&l->hidden, row->id.b, ST_OID_LEN, &value);
	size_t i;
	int rc = ST_OK;

	if (!hidden && !st_map_get(&l->wanted, row->id.b, ST_OID_LEN, &value))
		return ST_OK;
	for (i = 0; rc == ST_OK && i < row->nparents; i++)
		rc = want(hidden ? &l->hidden : &l->wanted, &row->parents[i], e);
	if (rc == ST_OK && l->filter)
		rc = st_log_filter_visit(l->filter, row, e);
	return rc == ST_OK && !hidden ? show_row(l, row, e) : rc;
}

static int start_at(struct log *l, const char *rev, struct st_err *e)
{
	const char *dots = strstr(rev, "..");
	struct st_oid id;
	int rc;

	if (!dots) {
		rc = st_resolve(l->r, rev, strlen(rev), &id, e);
		return rc == ST_OK ? want(&l->wanted, &id, e) : rc;
	}
	if (dots[2] == '.')
		return st_log_symmetric(l->r, rev, (size_t)(dots - rev), dots + 3, &l->wanted,
					&l->hidden, &l->any_hidden, e);
	rc = st_resolve_side(l->r, rev, (size_t)(dots - rev), &id, e);
	if (rc == ST_OK)
		rc = want(&l->hidden, &id, e);
	l->any_hidden = true;
	if (rc == ST_OK)
		rc = st_resolve_side(l->r, dots + 2, strlen(dots + 2), &id, e);
	return rc == ST_OK ? want(&l->wanted, &id, e) : rc;
}

static int start_at_ref(void *arg, const char *name, const char *value, struct st_err *e)
{
	struct log *l = arg;
	struct st_oid id;

	(void)name;
	return st_oid_parse(&id, value, strlen(value)) ? want(&l->wanted, &id, e) : ST_OK;
}

static int start_at_all(struct log *l, struct st_err *e)
{
	int rc = st_catalog_ref_each(l->r->cat, "heads/", start_at_ref, l, e);

	return rc == ST_OK ? st_catalog_ref_each(l->r->cat, "tags/", start_at_ref, l, e) : rc;
}

static int start(struct log *l, struct st_err *e)
{
	size_t i;
	int rc = st_repo_head(l->r, &l->head, e);

	if (rc != ST_OK)
		return rc;
	if ((l->o->nrevs == 0 || l->o->all) && !l->head.unborn)
		rc = want(&l->wanted, &l->head.commit, e);
	for (i = 0; rc == ST_OK && i < l->o->nrevs; i++)
		rc = start_at(l, l->o->revs[i], e);
	if (rc == ST_OK && l->o->all)
		rc = start_at_all(l, e);
	if (rc == ST_OK && l->o->npaths)
		rc = st_pathspec_new(&l->ps, l->r, l->o->paths, l->o->npaths, e);
	if (rc == ST_OK)
		rc = st_log_filter_new(&l->filter, l->r, l->o, l->ps, e);
	if (rc == ST_OK)
		rc = st_names_load(&l->names, l->r, e);
	return rc;
}

/* A path that no version touched is a slip, unless it waits in the index for its first. */
static int check_paths(struct log *l, struct st_err *e)
{
	struct st_index x;
	size_t i;
	int rc;

	if (st_pathspec_unmatched(l->ps, e) == ST_OK)
		return ST_OK;
	*e = (struct st_err){ 0 };
	rc = st_staged_load(l->r, &x, e);
	for (i = 0; rc == ST_OK && i < x.nrows; i++)
		(void)st_pathspec_match(l->ps, x.rows[i].path);
	st_index_release(&x);
	if (rc == ST_OK && st_pathspec_unmatched(l->ps, e) != ST_OK)
		rc = st_wrap(e, "no version touches it");
	return rc;
}

static int run(struct log *l, struct st_err *e)
{
	int rc = start(l, e);

	if (rc == ST_OK && l->wanted.count)
		rc = st_catalog_commit_each(l->r->cat, scan, l, e);
	if (rc == ST_OK)
		rc = tell_kept(l, e);
	if (rc == ST_OK && l->filter && !(l->o->limit && l->shown == l->o->limit))
		rc = st_log_filter_end(l->filter, e);
	if (rc == ST_OK && l->o->npaths && !l->o->nrevs && !l->o->ntensors)
		rc = check_paths(l, e);
	return rc == ST_ENO && e->code == ST_OK ? ST_OK : rc;
}

int st_verb_log(struct st_repo *r, const strata_log_options *o,
		int (*cb)(void *arg, const strata_version *v), void *arg, struct st_err *e)
{
	struct log l = { .r = r, .o = o, .cb = cb, .arg = arg };
	int rc;

	st_map_init(&l.wanted);
	st_map_init(&l.hidden);
	st_names_init(&l.names);
	st_arena_init(&l.arena);
	rc = run(&l, e);
	st_log_filter_free(l.filter);
	st_pathspec_free(l.ps);
	st_names_release(&l.names);
	st_map_release(&l.wanted);
	st_map_release(&l.hidden);
	st_arena_release(&l.arena);
	free(l.kept);
	return rc;
}

/* ---- show ---- */

struct show {
	struct st_repo *r;
	struct st_compare *cmp;
	int (*change)(void *arg, const strata_change *c);
	void *arg;
	struct st_names names;
	struct st_head head;
	struct st_oid parent_tree, tree;
	struct st_commit commit;
	int (*info)(void *arg, const strata_show_info *i);
};

static const char *kind_of(const struct st_tree_change *c, bool model)
{
	const struct st_stage_row *row = c->b ? c->b : c->a;

	return model ? "model" : row->mode == ST_MODE_LINK ? "link" : "file";
}

static int show_change(void *arg, const struct st_tree_change *c, struct st_err *e)
{
	struct show *s = arg;
	strata_change out = { .status = c->status, .path = c->path };
	struct st_counts n;
	bool model;
	int rc = st_compare_file(s->cmp, c->path, c->a ? &c->a->id : NULL, c->b ? &c->b->id : NULL,
				 &n, &model, e);

	if (rc != ST_OK)
		return rc;
	out.kind = kind_of(c, model);
	out.old_size = c->a ? c->a->size : 0;
	out.new_size = c->b ? c->b->size : 0;
	out.has_tensors = model;
	out.tensors = (strata_tensor_counts){ .added = n.added,
					      .changed = n.changed,
					      .removed = n.removed,
					      .unchanged = n.unchanged };
	return s->change(s->arg, &out) ? ST_ENO : ST_OK;
}

static int measure(struct show *s, strata_show_info *i, struct st_err *e)
{
	struct st_index x;
	size_t k;
	int rc;

	st_index_init(&x);
	rc = st_tree_to_index(s->r, &s->tree, &x, e);
	for (k = 0; k < x.nrows; k++)
		i->logical_bytes += x.rows[k].size;
	i->nfiles = x.nrows;
	st_index_release(&x);
	return rc;
}

static int show_info(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct show *s = arg;
	char tree[ST_OID_HEX + 1], config[ST_OID_HEX + 1];
	struct st_version_text text;
	strata_show_info i = { .tree = tree };
	strata_param *params;
	size_t k;
	int rc;

	s->tree = row->tree;
	st_oid_hex(&row->tree, tree);
	rc = st_version_fill(&i.version, &text, row, &s->names, &s->head, e);
	if (rc != ST_OK || !s->info) {
		st_version_text_release(&text);
		return rc;
	}
	params = st_calloc(s->commit.nparams, sizeof(*params), e);
	for (k = 0; params && k < s->commit.nparams; k++)
		params[k] = (strata_param){ s->commit.params[k].key, s->commit.params[k].value };
	i.params = params;
	i.nparams = s->commit.nparams;
	if (s->commit.config_name) {
		st_oid_hex(&s->commit.config, config);
		i.config_name = s->commit.config_name;
		i.config_id = config;
	}
	rc = params ? measure(s, &i, e) : (int)e->code;
	if (rc == ST_OK && s->info(s->arg, &i) != 0)
		rc = ST_ENO;
	free(params);
	st_version_text_release(&text);
	return rc;
}

int st_verb_show(struct st_repo *r, const char *rev,
		 int (*info)(void *arg, const strata_show_info *i),
		 int (*change)(void *arg, const strata_change *c), void *arg, struct st_err *e)
{
	struct show s = { .r = r, .change = change, .arg = arg, .info = info };
	struct st_oid id;
	int rc;

	st_names_init(&s.names);
	rc = st_resolve(r, rev ? rev : "HEAD", strlen(rev ? rev : "HEAD"), &id, e);
	if (rc == ST_OK)
		rc = st_repo_head(r, &s.head, e);
	if (rc == ST_OK)
		rc = st_names_load(&s.names, r, e);
	if (rc == ST_OK)
		rc = st_repo_commit_load(r, &id, &s.commit, e);
	if (rc == ST_OK && s.commit.nparents)
		rc = st_repo_commit_tree(r, &s.commit.parents[0], &s.parent_tree, e);
	if (rc == ST_OK)
		rc = st_catalog_commit_get(r->cat, &id, show_info, &s, e);
	if (rc == ST_OK && change)
		rc = st_compare_new(&s.cmp, r, e);
	if (rc == ST_OK && change)
		rc = st_compare_trees(r, &s.parent_tree, &s.tree, show_change, &s, e);
	st_compare_free(s.cmp);
	st_commit_release(&s.commit);
	st_names_release(&s.names);
	return rc;
}

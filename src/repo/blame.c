/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blame: from a version back to those that last changed its tensors. Each commit that is reached
 * holds the group of tensors that are still as it has them. Its changes in the catalogue settle
 * some, and send some to the parent that has them; the rest goes to the first parent as a whole. So
 * a commit costs its changes, however many tensors pass through it.
 */
#include "repo/tensor_steps.h"

#define NO_GROUP SIZE_MAX

struct entry { /* a tensor of the version that is asked about */
	const char *path, *name;
	size_t name_len;
	int64_t slot;	     /* 0: the catalogue knows none */
	size_t group, place; /* until it is settled: which, and where in it */
	size_t commit;	     /* then: of those that are to blame */
	bool fresh;	     /* it came with that commit */
};

struct group {
	size_t *v; /* entries */
	size_t n, cap;
};

struct blame {
	struct st_repo *r;
	const strata_blame_options *o;
	int (*cb)(void *arg, const strata_blame_line *line);
	void *arg;
	struct st_pathspec *ps;
	struct st_arena arena;
	struct st_tensor_pattern *patterns;
	struct entry *v; /* by path, each file's in its order */
	size_t n, cap, left;
	struct st_map slots; /* number, 8 bytes -> entry */
	struct group *groups;
	size_t ngroups, groups_cap;
	struct st_map at; /* commit -> group */
	struct st_commit_row *commits;
	size_t ncommits, commits_cap;
	size_t here; /* the group at hand */
	strata_tensor_step *steps;
	strata_diff_figures *figures;
};

/* ---- which tensors ---- */

struct file {
	struct blame *b;
	const char *path;
};

static int take_view(void *arg, const struct st_view *v, const struct st_segment *seg,
		     uint64_t seg_off, struct st_err *e)
{
	struct file *f = arg;
	struct blame *b = f->b;
	struct entry *x;

	(void)seg;
	(void)seg_off;
	if (st_grow(&b->v, &b->cap, b->n + 1, e) != ST_OK)
		return e->code;
	x = &b->v[b->n];
	*x = (struct entry){ .path = f->path, .name_len = v->name_len, .group = NO_GROUP };
	x->name = st_arena_dup(&b->arena, v->name, v->name_len, e);
	if (!x->name)
		return e->code;
	for (size_t i = 0; i < b->o->ntensors; i++)
		st_tensor_pattern_show(&b->patterns[i], x->path, x->name, x->name_len);
	b->n++;
	return ST_OK;
}

static int take_file(void *arg, const struct st_stage_row *row, struct st_vfile *v,
		     struct st_err *e)
{
	struct blame *b = arg;
	struct file f = { b, st_arena_dup(&b->arena, row->path, row->path_len, e) };

	return f.path ? st_vfile_views(v, take_view, &f, e) : (int)e->code;
}

static int take_files(struct blame *b, const struct st_oid *tree, struct st_err *e)
{
	struct st_index all, x;
	bool any = false;
	int rc;

	st_index_init(&all);
	st_index_init(&x);
	rc = st_tree_to_index(b->r, tree, &all, e);
	for (size_t i = 0; rc == ST_OK && i < all.nrows; i++)
		if (st_pathspec_match(b->ps, all.rows[i].path))
			rc = st_index_add(&x, &all.rows[i], e);
	if (rc == ST_OK)
		rc = st_index_sort(&x, e);
	if (rc == ST_OK && st_pathspec_unmatched(b->ps, e) != ST_OK)
		rc = st_wrap(e, "in that version");
	if (rc == ST_OK)
		rc = st_each_model(b->r, &x, take_file, b, &any, e);
	if (rc == ST_OK && !any)
		rc = st_fail(e, ST_ENOTFOUND, "none of that version's files in '%s'%s is a model",
			     b->o->paths[0], b->o->npaths > 1 ? " and the others" : "");
	st_index_release(&all);
	st_index_release(&x);
	return rc;
}

static int keep_meant(struct blame *b, struct st_err *e)
{
	size_t kept = 0;

	for (size_t k = 0; b->o->ntensors && k < b->n; k++) {
		bool any = false;

		for (size_t i = 0; i < b->o->ntensors; i++)
			if (st_tensor_pattern_means(&b->patterns[i], b->v[k].path, b->v[k].name,
						    b->v[k].name_len))
				any = b->patterns[i].used = true;
		if (any)
			b->v[kept++] = b->v[k];
	}
	if (b->o->ntensors)
		b->n = kept;
	for (size_t i = 0; i < b->o->ntensors; i++)
		if (!b->patterns[i].used)
			return st_fail(e, ST_ENOTFOUND,
				       "'%.200s' matches no tensor of that version",
				       b->o->tensors[i]);
	return ST_OK;
}

struct naming {
	struct blame *b;
	struct st_map names; /* -> entry */
};

static int take_slot(void *arg, const struct st_slot_row *row, struct st_err *e)
{
	struct naming *m = arg;
	uint64_t i;

	if (!st_map_get(&m->names, row->name, row->name_len, &i))
		return ST_OK;
	m->b->v[i].slot = row->slot;
	return st_map_put(&m->b->slots, &row->slot, sizeof(row->slot), i, NULL, NULL, e);
}

static int find_slots(struct blame *b, struct st_err *e)
{
	struct naming m = { .b = b };
	size_t i = 0;
	int rc = ST_OK;

	while (rc == ST_OK && i < b->n) {
		const char *path = b->v[i].path;

		st_map_init(&m.names);
		for (; rc == ST_OK && i < b->n && strcmp(b->v[i].path, path) == 0; i++)
			rc = st_map_put(&m.names, b->v[i].name, b->v[i].name_len, i, NULL, NULL, e);
		if (rc == ST_OK)
			rc = st_catalog_slot_each(b->r->cat, path, take_slot, &m, e);
		st_map_release(&m.names);
	}
	return rc;
}

/* ---- groups ---- */

static int group_add(struct blame *b, size_t g, size_t i, struct st_err *e)
{
	struct group *to = &b->groups[g];

	if (st_grow(&to->v, &to->cap, to->n + 1, e) != ST_OK)
		return e->code;
	b->v[i].group = g;
	b->v[i].place = to->n;
	to->v[to->n++] = i;
	return ST_OK;
}

static void group_drop(struct blame *b, size_t i)
{
	struct entry *x = &b->v[i];
	struct group *g = &b->groups[x->group];
	size_t last = g->v[--g->n];

	g->v[x->place] = last;
	b->v[last].place = x->place;
	x->group = NO_GROUP;
}

/* The group that waits at a commit, made if there is none. */
static int group_at(struct blame *b, const struct st_oid *commit, size_t *out, struct st_err *e)
{
	uint64_t g = b->ngroups;

	*out = 0;
	if (!st_map_get(&b->at, commit->b, ST_OID_LEN, &g)) {
		if (st_grow(&b->groups, &b->groups_cap, b->ngroups + 1, e) != ST_OK)
			return e->code;
		b->groups[b->ngroups++] = (struct group){ 0 };
		if (st_map_put(&b->at, commit->b, ST_OID_LEN, g, NULL, NULL, e) != ST_OK)
			return e->code;
	}
	*out = (size_t)g;
	return ST_OK;
}

/* The smaller one moves, so that a tensor is moved as often as there are halvings. */
static int move_all(struct blame *b, size_t from, const struct st_oid *commit, struct st_err *e)
{
	uint64_t to = from;
	size_t small;
	int rc = ST_OK;

	if (b->groups[from].n == 0)
		return ST_OK;
	if (!st_map_get(&b->at, commit->b, ST_OID_LEN, &to))
		return st_map_put(&b->at, commit->b, ST_OID_LEN, from, NULL, NULL, e);
	if (b->groups[from].n > b->groups[to].n) {
		small = (size_t)to;
		to = from;
		rc = st_map_put(&b->at, commit->b, ST_OID_LEN, to, NULL, NULL, e);
	} else {
		small = from;
	}
	for (size_t i = 0; rc == ST_OK && i < b->groups[small].n; i++)
		rc = group_add(b, (size_t)to, b->groups[small].v[i], e);
	b->groups[small].n = 0;
	return rc;
}

/* ---- commits ---- */

struct visit {
	struct blame *b;
	const struct st_commit_row *row;
	bool kept; /* the row is the last of b->commits */
};

static int keep_row(struct visit *v, struct st_err *e)
{
	struct blame *b = v->b;
	size_t parents = v->row->nparents * sizeof(*v->row->parents);
	struct st_commit_row *to;
	struct st_oid *ids;

	if (v->kept)
		return ST_OK;
	if (st_grow(&b->commits, &b->commits_cap, b->ncommits + 1, e) != ST_OK)
		return e->code;
	to = &b->commits[b->ncommits];
	*to = *v->row;
	to->author = st_arena_dup(&b->arena, v->row->author, strlen(v->row->author), e);
	to->message = st_arena_dup(&b->arena, v->row->message, strlen(v->row->message), e);
	to->version = st_arena_dup(&b->arena, v->row->version, strlen(v->row->version), e);
	ids = st_arena_alloc(&b->arena, parents, e);
	if (ids && parents)
		memcpy(ids, v->row->parents, parents);
	to->parents = ids;
	to->lineage = NULL;
	to->nlineage = 0;
	v->kept = e->code == ST_OK;
	b->ncommits += v->kept;
	return e->code;
}

static int at_odds(const struct st_commit_row *row, struct st_err *e)
{
	char hex[ST_OID_HEX + 1];

	st_oid_hex(&row->id, hex);
	return st_fail(e, ST_ECORRUPT,
		       "the catalogue is at odds with version %.12s: 'strata fsck --rebuild' makes "
		       "it anew",
		       row->version[0] ? row->version : hex);
}

static int take_change(void *arg, const struct st_change_row *c, struct st_err *e)
{
	struct visit *v = arg;
	struct blame *b = v->b;
	size_t to;
	uint64_t i;
	int rc;

	if (!st_map_get(&b->slots, &c->slot, sizeof(c->slot), &i) || b->v[i].group != b->here)
		return ST_OK;
	if (c->origin > 0) {
		if ((uint64_t)c->origin > v->row->nparents)
			return at_odds(v->row, e);
		if (c->origin == 1) /* with the rest */
			return ST_OK;
		rc = group_at(b, &v->row->parents[c->origin - 1], &to, e);
		group_drop(b, (size_t)i);
		return rc == ST_OK ? group_add(b, to, (size_t)i, e) : rc;
	}
	if (c->value == 0)
		return at_odds(v->row, e);
	rc = keep_row(v, e);
	group_drop(b, (size_t)i);
	b->v[i].commit = b->ncommits - 1;
	b->v[i].fresh = c->origin < 0;
	b->left--;
	return rc;
}

static int untraced(const struct st_commit_row *row, struct st_err *e)
{
	char hex[ST_OID_HEX + 1];

	st_oid_hex(&row->id, hex);
	return st_fail(e, ST_ECORRUPT,
		       "which tensors %.12s changed is not known, for its files could not be read: "
		       "'strata fsck' says more",
		       row->version[0] ? row->version : hex);
}

static int take_commit(void *arg, const struct st_commit_row *row, struct st_err *e)
{
	struct blame *b = arg;
	struct visit v = { b, row, false };
	uint64_t g;
	int rc;

	if (!st_map_get(&b->at, row->id.b, ST_OID_LEN, &g) || b->groups[g].n == 0)
		return ST_OK;
	if (!row->traced)
		return untraced(row, e);
	b->here = (size_t)g;
	rc = st_catalog_change_each(b->r->cat, row->key, take_change, &v, e);
	if (rc != ST_OK)
		return rc;
	if (b->groups[g].n && !row->nparents)
		return at_odds(row, e);
	if (b->groups[g].n)
		rc = move_all(b, (size_t)g, &row->parents[0], e);
	return rc == ST_OK && b->left == 0 ? ST_ENO : rc;
}

static int walk(struct blame *b, const struct st_oid *from, struct st_err *e)
{
	size_t g;
	int rc = group_at(b, from, &g, e);

	for (size_t i = 0; rc == ST_OK && i < b->n; i++)
		rc = group_add(b, g, i, e);
	b->left = b->n;
	if (rc == ST_OK && b->n)
		rc = st_catalog_commit_each(b->r->cat, take_commit, b, e);
	if (rc == ST_OK && b->left)
		rc = st_fail(e, ST_ECORRUPT,
			     "the catalogue lacks the history of %zu tensor%s: 'strata fsck "
			     "--rebuild' makes it anew",
			     b->left, b->left == 1 ? "" : "s");
	return rc;
}

/* ---- answers ---- */

struct order {
	size_t commit, entry;
};

static int order_cmp(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->commit != y->commit)
		return x->commit < y->commit ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

/* Tensors that one commit changed are compared together; entries are by path already. */
static int compare(struct blame *b, struct order *order, struct st_err *e)
{
	strata_tensor_step *steps = st_calloc(b->n, sizeof(*steps), e);
	size_t i, k, end;
	int rc = steps ? ST_OK : e->code;

	for (i = 0; i < b->n; i++)
		order[i] = (struct order){ b->v[i].commit, i };
	qsort(order, b->n, sizeof(*order), order_cmp);
	for (i = 0; rc == ST_OK && i < b->n; i++)
		steps[i] = b->steps[order[i].entry];
	for (i = 0; rc == ST_OK && i < b->n; i = end) {
		const struct st_commit_row *row = &b->commits[order[i].commit];

		for (end = i + 1; end < b->n && order[end].commit == order[i].commit; end++)
			;
		rc = st_steps_compare(b->r, &row->tree, row->parents, row->nparents, steps + i,
				      b->figures + i, end - i, e);
		for (k = i; k < end; k++)
			b->steps[order[k].entry].figures = steps[k].figures;
	}
	free(steps);
	return rc;
}

static int fill_steps(struct blame *b, struct st_err *e)
{
	struct order *order = NULL;
	int rc = ST_OK;

	b->steps = st_calloc(b->n, sizeof(*b->steps), e);
	for (size_t i = 0; b->steps && i < b->n; i++)
		b->steps[i] = (strata_tensor_step){ .path = b->v[i].path,
						    .name = b->v[i].name,
						    .name_len = b->v[i].name_len,
						    .status = b->v[i].fresh ? "added" : "changed" };
	if (!b->steps || !b->o->values || !b->n)
		return e->code;
	b->figures = st_calloc(b->n, sizeof(*b->figures), e);
	order = st_calloc(b->n, sizeof(*order), e);
	rc = b->figures && order ? compare(b, order, e) : (int)e->code;
	free(order);
	return rc;
}

static int tell(struct blame *b)
{
	char commit[STRATA_HEX], time[40];
	int stop = 0;

	for (size_t i = 0; i < b->n && !stop; i++) {
		const struct st_commit_row *row = &b->commits[b->v[i].commit];
		strata_blame_line line = { .step = b->steps[i],
					   .commit = commit,
					   .version = row->version,
					   .author = row->author,
					   .time = time,
					   .message = row->message };

		st_oid_hex(&row->id, commit);
		st_time_format(row->time_ns, time);
		stop = b->cb(b->arg, &line);
	}
	return ST_OK;
}

static int run(struct blame *b, struct st_err *e)
{
	const char *rev = b->o->rev ? b->o->rev : "HEAD";
	struct st_oid from, tree;
	int rc = st_repo_refresh_to_read(b->r, e);

	if (rc == ST_OK && b->o->npaths == 0)
		rc = st_fail(e, ST_EUSAGE, "which file? '.' is all of them");
	if (rc == ST_OK)
		rc = st_resolve(b->r, rev, strlen(rev), &from, e);
	if (rc == ST_OK)
		rc = st_repo_commit_tree(b->r, &from, &tree, e);
	if (rc == ST_OK)
		rc = st_pathspec_new(&b->ps, b->r, b->o->paths, b->o->npaths, e);
	b->patterns = rc == ST_OK ? st_calloc(b->o->ntensors, sizeof(*b->patterns), e) : NULL;
	for (size_t i = 0; b->patterns && i < b->o->ntensors; i++)
		st_tensor_pattern_init(&b->patterns[i], b->o->tensors[i]);
	rc = b->patterns ? take_files(b, &tree, e) : (int)e->code;
	if (rc == ST_OK)
		rc = keep_meant(b, e);
	if (rc == ST_OK)
		rc = find_slots(b, e);
	if (rc == ST_OK)
		rc = walk(b, &from, e);
	if (rc == ST_OK)
		rc = fill_steps(b, e);
	return rc == ST_OK ? tell(b) : rc;
}

int st_verb_blame(struct st_repo *r, const strata_blame_options *o,
		  int (*cb)(void *arg, const strata_blame_line *line), void *arg, struct st_err *e)
{
	struct blame b = { .r = r, .o = o, .cb = cb, .arg = arg };
	int rc;

	st_arena_init(&b.arena);
	st_map_init(&b.slots);
	st_map_init(&b.at);
	rc = run(&b, e);
	for (size_t i = 0; i < b.ngroups; i++)
		free(b.groups[i].v);
	free(b.groups);
	free(b.v);
	free(b.patterns);
	free(b.commits);
	free(b.steps);
	free(b.figures);
	st_pathspec_free(b.ps);
	st_map_release(&b.slots);
	st_map_release(&b.at);
	st_arena_release(&b.arena);
	return rc;
}

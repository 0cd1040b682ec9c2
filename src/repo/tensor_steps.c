/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/tensor_steps.h"

#include "repo/diff_side.h"

/* ---- patterns ---- */

void st_tensor_pattern_init(struct st_tensor_pattern *p, const char *text)
{
	const char *colons = strstr(text, "::");

	*p = (struct st_tensor_pattern){ .text = text };
	p->spec.name = colons ? colons + 2 : text;
	p->spec.name_len = strlen(p->spec.name);
	if (colons) {
		p->spec.path = text;
		p->spec.path_len = (size_t)(colons - text);
	}
}

static bool in_path(const struct st_tensor_pattern *p, const char *path)
{
	return !p->spec.path || st_spec_means(&p->spec, path, strlen(path));
}

static bool is_text(const struct st_tensor_pattern *p, const char *name, size_t len)
{
	return strlen(p->text) == len && memcmp(p->text, name, len) == 0;
}

/* A path with a "::" of its own, which the text begins with: the longest that exists counts. */
static void take_path(struct st_tensor_pattern *p, const char *path)
{
	size_t n = strlen(path);

	if (!p->spec.path || n <= p->spec.path_len || strncmp(p->text, path, n) != 0 ||
	    strncmp(p->text + n, "::", 2) != 0)
		return;
	p->spec.path_len = n;
	p->spec.name = p->text + n + 2;
	p->spec.name_len = strlen(p->spec.name);
	p->has_exact = false;
}

void st_tensor_pattern_show(struct st_tensor_pattern *p, const char *path, const char *name,
			    size_t len)
{
	take_path(p, path);
	p->plain = p->plain || is_text(p, name, len);
	p->has_exact = p->has_exact ||
		       (st_name_matches(&p->spec, true, name, len) && in_path(p, path));
}

bool st_tensor_pattern_means(const struct st_tensor_pattern *p, const char *path, const char *name,
			     size_t len)
{
	if (p->plain)
		return is_text(p, name, len);
	return st_name_matches(&p->spec, p->has_exact, name, len) && in_path(p, path);
}

/* ---- files of a tree ---- */

static int find_file(struct st_repo *r, const struct st_oid *tree, const char *path,
		     struct st_dfile *out, bool *found, struct st_err *e)
{
	const struct st_tree_entry *en;
	struct st_oid id = *tree;
	struct st_tree t;
	size_t n;
	int rc = ST_OK;

	*found = false;
	for (const char *p = path; rc == ST_OK && *p; p += n + (p[n] == '/')) {
		n = strcspn(p, "/");
		rc = st_repo_tree_load(r, &id, &t, e);
		if (rc != ST_OK)
			break;
		en = st_tree_find(&t, p, n);
		*found = en && (en->mode == ST_MODE_DIR) == (p[n] == '/');
		if (*found) {
			id = en->id;
			out->mode = en->mode;
			out->size = en->size;
		}
		st_tree_release(&t);
		if (!*found)
			return ST_OK;
	}
	out->path = out->key = path;
	out->has_id = true;
	out->id = id;
	return rc;
}

/* ---- some tensors of a side ---- */

struct picked {
	struct st_dfile f;
	struct st_diff_side *whole;
	const struct st_side *of;
	struct st_side side;
	struct st_operand *ops;
	size_t *at; /* in the whole */
	struct st_map names;
};

static int open_picked(void *arg, size_t i, struct st_source *out, struct st_err *e)
{
	struct picked *p = arg;

	return p->of->open(p->of->arg, p->at[i], out, e);
}

static int hash_picked(void *arg, size_t i, struct st_oid *out, struct st_err *e)
{
	struct picked *p = arg;

	return p->of->hash(p->of->arg, p->at[i], out, e);
}

static void release(struct picked *p)
{
	st_map_release(&p->names);
	st_diff_side_free(p->whole);
	st_dfile_close(&p->f);
	free(p->ops);
	free(p->at);
}

/* Those of the file at path whose names are in wanted. No file, or no model: none. */
static int pick(struct picked *p, struct st_repo *r, const struct st_oid *tree, const char *path,
		const struct st_map *wanted, struct st_err *e)
{
	bool found;
	int rc = find_file(r, tree, path, &p->f, &found, e);

	st_map_init(&p->names);
	p->side = (struct st_side){ .open = open_picked, .hash = hash_picked, .arg = p };
	if (rc == ST_OK && found)
		rc = st_dfile_open(&p->f, r, &r->ctx, e);
	if (rc != ST_OK || !found || !p->f.model)
		return rc;
	rc = st_diff_side_new(&p->whole, r, &r->ctx, e);
	if (rc == ST_OK)
		rc = st_diff_side_add(p->whole, &p->f, e);
	if (rc != ST_OK)
		return rc;
	p->of = st_diff_side_get(p->whole);
	p->ops = st_calloc(p->of->n, sizeof(*p->ops), e);
	p->at = st_calloc(p->of->n, sizeof(*p->at), e);
	for (size_t i = 0; e->code == ST_OK && i < p->of->n; i++) {
		if (!st_map_get(wanted, p->of->t[i].name, p->of->t[i].name_len, NULL))
			continue;
		p->at[p->side.n] = i;
		p->ops[p->side.n++] = p->of->t[i];
		rc = st_map_put(&p->names, p->of->t[i].name, p->of->t[i].name_len, i, NULL, NULL,
				e);
	}
	p->side.t = p->ops;
	return e->code;
}

/* ---- steps ---- */

struct group { /* steps of one path */
	struct st_repo *r;
	strata_tensor_step *steps;
	strata_diff_figures *figures;
	struct st_map open; /* name -> step, of those that nothing was compared with yet */
};

static int take_delta(void *arg, const struct st_tensor_delta *d)
{
	struct group *g = arg;
	uint64_t i;

	if (!d->a || !d->b || !d->compared || !st_map_get(&g->open, d->b->name, d->b->name_len, &i))
		return 0;
	st_figures_fill(&g->figures[i], &d->sums);
	g->steps[i].figures = &g->figures[i];
	return 0;
}

/* What the parent has is settled, also where the two cannot be compared. */
static int settle(struct group *g, const struct picked *a, struct st_err *e)
{
	struct st_map left;
	const void *name;
	size_t pos = 0, len;
	uint64_t step;
	int rc = ST_OK;

	st_map_init(&left);
	while (rc == ST_OK && st_map_next(&g->open, &pos, &name, &len, &step))
		if (!st_map_get(&a->names, name, len, NULL))
			rc = st_map_put(&left, name, len, step, NULL, NULL, e);
	st_map_release(&g->open);
	g->open = left;
	return rc;
}

static int compare_with(struct group *g, const struct st_oid *parent, const struct picked *b,
			const char *path, struct st_err *e)
{
	const struct st_models_options o = { 0 };
	struct st_models_total total = { 0 };
	struct picked a = { 0 };
	struct st_oid tree;
	int rc = st_repo_commit_tree(g->r, parent, &tree, e);

	if (rc == ST_OK)
		rc = pick(&a, g->r, &tree, path, &g->open, e);
	if (rc == ST_OK && a.side.n)
		rc = st_diff_models(&a.side, &b->side, &o, &g->r->ctx, take_delta, g, &total, e);
	if (rc == ST_OK && a.side.n)
		rc = settle(g, &a, e);
	release(&a);
	return rc;
}

static int compare_path(struct st_repo *r, const struct st_oid *tree, const struct st_oid *parents,
			size_t nparents, strata_tensor_step *steps, strata_diff_figures *figures,
			size_t n, struct st_err *e)
{
	struct group g = { .r = r, .steps = steps, .figures = figures };
	struct picked b = { 0 };
	int rc = st_check_cancel(&r->ctx, e);

	st_map_init(&g.open);
	for (size_t i = 0; rc == ST_OK && i < n; i++)
		if (strcmp(steps[i].status, "changed") == 0)
			rc = st_map_put(&g.open, steps[i].name, steps[i].name_len, i, NULL, NULL,
					e);
	if (rc == ST_OK && g.open.count)
		rc = pick(&b, r, tree, steps[0].path, &g.open, e);
	for (size_t i = 0; rc == ST_OK && g.open.count && i < nparents; i++)
		rc = compare_with(&g, &parents[i], &b, steps[0].path, e);
	release(&b);
	st_map_release(&g.open);
	return rc;
}

int st_steps_compare(struct st_repo *r, const struct st_oid *tree, const struct st_oid *parents,
		     size_t nparents, strata_tensor_step *steps, strata_diff_figures *figures,
		     size_t n, struct st_err *e)
{
	size_t i, end;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < n; i = end) {
		for (end = i + 1; end < n && strcmp(steps[end].path, steps[i].path) == 0; end++)
			;
		rc = compare_path(r, tree, parents, nparents, steps + i, figures + i, end - i, e);
	}
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/renew.h"

#include <stdio.h>

struct glob {
	const char *given, *name;
	size_t name_len;
	char *path; /* relative to the root; NULL: every model */
	struct st_pathspec *ps;
	struct st_index shards;	     /* what path, an index file, stands for */
	bool plain, plain_first;     /* all that was given is a tensor's name, "::" too */
	bool exact, any;	     /* a tensor has that very name; one matches */
	bool exact_first, any_first; /* these in the index that the values come from */
};

struct st_pick {
	struct st_repo *r;
	struct st_pathspec *paths;
	struct glob *globs;
	size_t n;
};

static bool in_path(const struct glob *g, const char *path)
{
	return !g->path || st_pathspec_match(g->ps, path) ||
	       st_index_find(&g->shards, path, strlen(path), NULL);
}

static bool is_name(const struct glob *g, const char *name, size_t len)
{
	return len == g->name_len && memcmp(name, g->name, len) == 0;
}

static bool is_given(const struct glob *g, const char *name, size_t len)
{
	return strlen(g->given) == len && memcmp(name, g->given, len) == 0;
}

static bool means(const struct glob *g, const char *path, const char *name, size_t len)
{
	if (g->plain)
		return is_given(g, name, len);
	if (!in_path(g, path))
		return false;
	return g->exact ? is_name(g, name, len) : st_glob_match(g->name, g->name_len, name, len);
}

bool st_pick_has(const struct st_pick *p, const char *path, const char *name, size_t len)
{
	if (p && p->paths && !st_pathspec_match(p->paths, path))
		return false;
	for (size_t i = 0; p && i < p->n; i++)
		if (means(&p->globs[i], path, name, len))
			return true;
	return !p;
}

struct versions { /* the files to choose from */
	const struct st_index *const *x;
	size_t n;
};

static bool any_has(const struct versions *v, const char *path)
{
	for (size_t i = 0; i < v->n; i++)
		if (st_index_find(v->x[i], path, strlen(path), NULL) ||
		    st_index_below(v->x[i], path))
			return true;
	return false;
}

/* Where PATH ends in PATH::NAME: at the last "::" before which is a path of the versions, else at
 * the first. */
static int take_path(struct st_pick *p, struct glob *g, const struct versions *v, struct st_err *e)
{
	size_t first = (size_t)(strstr(g->given, "::") - g->given), n = strlen(g->given);
	char *given = st_strdup(g->given, e);

	for (; given && n >= first && !(g->path && any_has(v, g->path)); n--) {
		if (n > first && strncmp(g->given + n, "::", 2) != 0)
			continue;
		given[n] = 0;
		free(g->path);
		st_err_clear(e);
		g->path = n ? st_repo_relative(p->r, given, e) : NULL;
		g->name = g->given + n + 2;
		if (n == 0)
			break;
	}
	free(given);
	return e->code;
}

/* PATH::NAME; a path as users give it, and an index file for the shards beside it. */
static int split(struct st_pick *p, struct glob *g, const char *text, const struct versions *v,
		 struct st_err *e)
{
	char *path;
	const char *one;
	int rc = ST_OK;

	st_index_init(&g->shards);
	g->given = g->name = text;
	if (strstr(text, "::"))
		rc = take_path(p, g, v, e);
	g->name_len = strlen(g->name);
	if (rc == ST_OK && !g->name_len)
		rc = st_fail(e, ST_EUSAGE, "--tensor '%s' names no tensor", text);
	if (rc != ST_OK || !g->path)
		return rc;
	one = path = st_strdup(text, e);
	if (!path)
		return e->code;
	path[g->name - text - 2] = 0;
	rc = st_pathspec_new(&g->ps, p->r, &one, 1, e);
	free(path);
	return rc;
}

/* What an index file of that version names; that the version lacks it is no failure. */
static int add_shards(struct st_pick *p, struct glob *g, const struct st_oid *commit,
		      struct st_err *e)
{
	char hex[ST_OID_HEX + 1];
	struct st_revspec s = { .rev = hex, .rev_len = ST_OID_HEX, .path = g->path };
	struct st_err none = { 0 };
	struct st_index x;
	int rc;

	s.path_len = strlen(g->path);
	st_oid_hex(commit, hex);
	rc = st_spec_models(p->r, &s, &x, &none);
	for (size_t i = 0; rc == ST_OK && i < x.nrows; i++)
		rc = st_index_add(&g->shards, &x.rows[i], &none);
	st_index_release(&x);
	if (rc == ST_OK || rc == ST_ENOTFOUND)
		return ST_OK;
	*e = none;
	return rc;
}

static int find_shards(struct st_pick *p, const struct st_renew *z, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < p->n; i++) {
		struct glob *g = &p->globs[i];

		if (!g->path || !st_shard_index_name(g->path))
			continue;
		rc = add_shards(p, g, &z->rev, e);
		if (rc == ST_OK)
			rc = add_shards(p, g, &z->head.commit, e);
		if (rc == ST_OK)
			rc = st_index_sort(&g->shards, e);
	}
	return rc;
}

struct looking {
	struct st_pick *p;
	const char *path;
	bool first; /* where the values come from */
};

static int see(void *arg, const struct st_view *v, const struct st_segment *seg, uint64_t seg_off,
	       struct st_err *e)
{
	const struct looking *k = arg;

	(void)seg;
	(void)seg_off;
	(void)e;
	for (size_t i = 0; i < k->p->n; i++) {
		struct glob *g = &k->p->globs[i];
		bool exact = is_name(g, v->name, v->name_len), any;

		if (is_given(g, v->name, v->name_len)) {
			g->plain = g->any = true;
			g->plain_first |= k->first;
		}
		if (!in_path(g, k->path))
			continue;
		any = exact || st_glob_match(g->name, g->name_len, v->name, v->name_len);
		g->exact |= exact;
		g->any |= any;
		g->exact_first |= exact && k->first;
		g->any_first |= any && k->first;
	}
	return ST_OK;
}

/* Files that an index before this one has as well have been seen. */
static int look_into(struct st_pick *p, const struct st_index *const *x, size_t i, struct st_err *e)
{
	const struct st_stage_row *had;
	struct st_vfile *f;
	int rc = ST_OK;

	for (size_t k = 0; rc == ST_OK && k < x[i]->nrows; k++) {
		const struct st_stage_row *row = &x[i]->rows[k];
		struct looking look = { p, row->path, i == 0 };
		bool seen = p->paths && !st_pathspec_match(p->paths, row->path);

		for (size_t j = 0; j < i && !seen; j++) {
			had = st_index_find(x[j], row->path, row->path_len, NULL);
			seen = had && st_oid_eq(&had->id, &row->id);
		}
		rc = seen ? ST_OK : st_check_cancel(&p->r->ctx, e);
		if (seen || rc != ST_OK)
			continue;
		rc = st_vfile_open_model(&f, p->r, row, e);
		if (rc == ST_OK && f)
			rc = st_vfile_views(f, see, &look, e);
		st_vfile_close(f);
	}
	return rc;
}

static int judge(const struct st_pick *p, const struct st_renew *z, struct st_err *e)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct glob *g = &p->globs[i];

		if (!g->any)
			return st_fail(e, ST_ENOTFOUND,
				       "--tensor '%s' matches no tensor: 'strata ls --tensors' "
				       "lists them",
				       g->given);
		if (z->what == STRATA_ROLLBACK && !(g->plain ? g->plain_first :
						    g->exact ? g->exact_first :
							       g->any_first))
			return st_fail(e, ST_ENOTFOUND,
				       "%s has no tensor '%s': there is nothing to go back to",
				       z->label, g->given);
	}
	return ST_OK;
}

int st_pick_new(struct st_pick **out, struct st_renew *z, const struct st_index *const *x, size_t n,
		struct st_pathspec *paths, struct st_err *e)
{
	const struct versions v = { x, n };
	struct st_pick *p = st_calloc(1, sizeof(*p), e);
	int rc = ST_OK;

	*out = p;
	if (!p)
		return e->code;
	p->r = z->r;
	p->paths = paths;
	p->globs = st_calloc(z->o->ntensors, sizeof(*p->globs), e);
	if (!p->globs)
		return e->code;
	p->n = z->o->ntensors;
	for (size_t i = 0; rc == ST_OK && i < p->n; i++)
		rc = split(p, &p->globs[i], z->o->tensors[i], &v, e);
	if (rc == ST_OK)
		rc = find_shards(p, z, e);
	for (size_t i = 0; rc == ST_OK && i < n; i++)
		rc = look_into(p, x, i, e);
	return rc == ST_OK ? judge(p, z, e) : rc;
}

void st_pick_free(struct st_pick *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		st_index_release(&p->globs[i].shards);
		st_pathspec_free(p->globs[i].ps);
		free(p->globs[i].path);
	}
	free(p->globs);
	free(p);
}

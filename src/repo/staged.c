/* SPDX-License-Identifier: Apache-2.0 */
/* The index of the working tree: a cache of the staged tree that the operation log names. */
#include "repo/repo.h"

#include "base/file.h"

#include <time.h>

#define TREE_DEPTH 1000 /* directories inside one another; a path of 4,096 bytes has no more */

static int add_tree(struct st_repo *r, const struct st_oid *id, struct st_buf *prefix,
		    unsigned depth, struct st_index *x, struct st_err *e)
{
	struct st_stage_row row;
	struct st_tree t;
	size_t i, keep = prefix->len;
	int rc = st_repo_tree_load(r, id, &t, e);

	if (rc != ST_OK)
		return rc;
	if (depth > TREE_DEPTH)
		rc = st_fail(e, ST_ECORRUPT, "directories nest deeper than %d", TREE_DEPTH);
	for (i = 0; rc == ST_OK && i < t.n; i++) {
		prefix->len = keep;
		rc = st_buf_add(prefix, t.entries[i].name, t.entries[i].name_len, e);
		if (rc != ST_OK)
			break;
		if (t.entries[i].mode == ST_MODE_DIR) {
			rc = st_buf_addch(prefix, '/', e);
			if (rc == ST_OK)
				rc = add_tree(r, &t.entries[i].id, prefix, depth + 1, x, e);
			continue;
		}
		row = (struct st_stage_row){ .path_len = prefix->len,
					     .mode = t.entries[i].mode,
					     .id = t.entries[i].id,
					     .size = t.entries[i].size };
		row.path = st_buf_cstr(prefix, e);
		rc = row.path ? st_index_add(x, &row, e) : e->code;
	}
	prefix->len = keep;
	st_tree_release(&t);
	return rc;
}

int st_tree_to_index(struct st_repo *r, const struct st_oid *tree, struct st_index *x,
		     struct st_err *e)
{
	struct st_buf prefix;
	int rc;

	if (st_oid_is_zero(tree))
		return ST_OK;
	st_buf_init(&prefix, 1 << 20);
	rc = add_tree(r, tree, &prefix, 0, x, e);
	st_buf_release(&prefix);
	return rc;
}

int st_head_index(struct st_repo *r, struct st_index *x, struct st_err *e)
{
	struct st_head head;
	struct st_oid tree;
	int rc;

	st_index_init(x);
	rc = st_repo_head(r, &head, e);
	if (rc != ST_OK || head.unborn)
		return rc;
	rc = st_repo_commit_tree(r, &head.commit, &tree, e);
	if (rc == ST_OK)
		rc = st_tree_to_index(r, &tree, x, e);
	if (rc == ST_OK)
		rc = st_index_sort(x, e);
	return rc;
}

static void keep_stats(struct st_index *x, const struct st_index *old)
{
	struct st_stage_row *was, *row;
	size_t i;

	for (i = 0; i < x->nrows; i++) {
		row = &x->rows[i];
		was = st_index_find(old, row->path, row->path_len, NULL);
		if (!was || !st_oid_eq(&was->id, &row->id) || was->mode != row->mode)
			continue;
		row->flags = was->flags;
		row->size = was->size;
		row->mtime_ns = was->mtime_ns;
		row->ctime_ns = was->ctime_ns;
		row->inode = was->inode;
		row->device = was->device;
	}
	x->written_ns = old->written_ns;
}

int st_staged_mark_models(struct st_repo *r, struct st_index *x, struct st_err *e)
{
	struct st_vfile *f;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < x->nrows; i++) {
		if (x->rows[i].flags & ST_INDEX_MODEL)
			continue;
		rc = st_vfile_open_model(&f, r, &x->rows[i], e);
		if (f)
			x->rows[i].flags |= ST_INDEX_MODEL;
		st_vfile_close(f);
	}
	return rc;
}

static int rebuild(struct st_repo *r, const struct st_oid *tree, const struct st_index *old,
		   struct st_index *x, struct st_err *e)
{
	int rc;

	st_index_init(x);
	rc = st_tree_to_index(r, tree, x, e);
	if (rc == ST_OK)
		rc = st_index_sort(x, e);
	if (rc == ST_OK) {
		keep_stats(x, old);
		rc = st_staged_mark_models(r, x, e);
	}
	x->tree = *tree;
	return rc;
}

/*
 * That a file was added through a link stands in the index alone. A link in the place of a staged
 * file is taken for such a one: else `add -u` would stage the link and not what it was asked for.
 */
static void find_dereferenced(struct st_repo *r, struct st_index *x)
{
	struct st_err ignored = { 0 };
	struct stat st;
	size_t n = 0;
	char *full;

	for (size_t i = 0; i < x->nrows; i++) {
		full = x->rows[i].mode == ST_MODE_LINK ? NULL :
							 st_work_path(r, x->rows[i].path, &ignored);
		if (full && lstat(full, &st) == 0 && S_ISLNK(st.st_mode) && stat(full, &st) == 0 &&
		    S_ISREG(st.st_mode)) {
			x->rows[i].flags |= ST_INDEX_DEREF;
			n++;
		}
		free(full);
	}
	if (n && !r->index_anew)
		st_warn(&r->ctx,
			"the index that said which links were added with --dereference is gone; "
			"%zu link%s in the place of staged files count%s as such",
			n, n == 1 ? "" : "s", n == 1 ? "s" : "");
}

/* From the tree alone: the file is missing, or why it is damaged is in bad. */
static int rebuild_anew(struct st_repo *r, const struct st_oid *tree, const struct st_err *bad,
			struct st_index *x, struct st_err *e)
{
	struct st_index none;
	int rc;

	st_index_init(&none);
	rc = rebuild(r, tree, &none, x, e);
	if (rc != ST_OK)
		return bad->code == ST_ENOTFOUND ? rc : st_wrap(e, "%s", bad->msg);
	if (bad->code != ST_ENOTFOUND && !r->index_anew)
		st_warn(&r->ctx,
			"the index is damaged: %s; nothing staged is lost: the operation log names "
			"all %zu file%s, which are read anew",
			bad->msg, x->nrows, x->nrows == 1 ? "" : "s");
	find_dereferenced(r, x);
	r->index_anew = true;
	return ST_OK;
}

int st_staged_load(struct st_repo *r, struct st_index *x, struct st_err *e)
{
	struct st_err bad = { 0 };
	struct st_index old;
	struct st_oid tree = { { 0 } };
	bool found;
	char *path;
	size_t i;
	int rc;

	st_index_init(x);
	free(r->plain_dir); /* the tree may have changed since the last command */
	r->plain_dir = NULL;
	rc = st_catalog_index_tree(r->cat, &tree, &found, e);
	path = rc == ST_OK ? st_repo_path(r, "index", e) : NULL;
	if (!path)
		return e->code;
	st_index_init(&old);
	rc = st_index_load(&old, path, &bad);
	free(path);
	if (rc == ST_ENOMEM) {
		st_index_release(&old);
		*e = bad;
		return rc;
	}
	for (i = 0; rc == ST_OK && i < old.nrows; i++)
		st_row_distrust(&old.rows[i], old.written_ns);
	if (rc == ST_OK && st_oid_eq(&old.tree, &tree)) {
		*x = old;
		return ST_OK;
	}
	rc = rc == ST_OK ? rebuild(r, &tree, &old, x, e) : rebuild_anew(r, &tree, &bad, x, e);
	st_index_release(&old);
	return rc == ST_OK ? ST_OK : st_wrap(e, "rebuild the index");
}

void st_staged_check(struct st_repo *r)
{
	struct st_err bad = { 0 };
	struct st_index x;
	char *path = st_repo_path(r, "index", &bad);
	int rc = bad.code;

	st_index_init(&x);
	if (path)
		rc = st_index_load(&x, path, &bad);
	if (path && rc != ST_OK && rc != ST_ENOTFOUND)
		st_warn(&r->ctx,
			"the index is damaged: %s; nothing staged is lost, 'strata status' makes "
			"it anew from the operation log",
			bad.msg);
	st_index_release(&x);
	free(path);
}

const struct st_stage_row *st_index_first_below(const struct st_index *x, const char *dir)
{
	size_t at, n = strlen(dir);

	if (st_index_find(x, dir, n, &at))
		at++;
	/* "dir.x" sorts between "dir" and "dir/": at most its like are passed over. */
	for (; at < x->nrows && strncmp(x->rows[at].path, dir, n) == 0; at++) {
		if (x->rows[at].path[n] == '/')
			return &x->rows[at];
		if ((unsigned char)x->rows[at].path[n] > '/')
			return NULL;
	}
	return NULL;
}

bool st_index_below(const struct st_index *x, const char *dir)
{
	return st_index_first_below(x, dir) != NULL;
}

bool st_index_excludes(const struct st_index *x, const struct st_stage_row *row)
{
	const char *slash = row->path;

	while ((slash = strchr(slash, '/'))) {
		if (st_index_find(x, row->path, (size_t)(slash - row->path), NULL))
			return true;
		slash++;
	}
	return st_index_below(x, row->path);
}

#define WORTH_WAITING ((uint64_t)16 << 20) /* bytes: hashing them takes about as long */
#define LONGEST_WAIT ((int64_t)25000000)

void st_staged_stamp(struct st_index *x)
{
	int64_t now = st_now_ns(), until = now;

	for (size_t i = 0; i < x->nrows; i++) {
		const struct st_stage_row *row = &x->rows[i];
		int64_t t = st_row_settles(row) + 1;

		if ((row->flags & ST_INDEX_STAT) && row->size >= WORTH_WAITING && t > until &&
		    t - now < LONGEST_WAIT)
			until = t;
	}
	if (until > now) {
		const struct timespec wait = { .tv_nsec = (long)(until - now) };

		(void)nanosleep(&wait, NULL);
		now = st_now_ns();
	}
	x->written_ns = now;
}

int st_staged_save(struct st_repo *r, struct st_index *x, struct st_err *e)
{
	char *path = st_repo_path(r, "index", e);
	int rc = path ? st_index_save(x, path, e) : e->code;

	free(path);
	return rc;
}

struct treewriter {
	struct st_index *x;
	struct st_writer *w;
	struct st_buf json;
};

/* Rows [*at, ...) whose paths start with the first prefix_len bytes of the row at *at form one
 * directory; sorted paths keep them together. */
static int write_dir(struct treewriter *t, size_t *at, size_t prefix_len, struct st_oid *id,
		     struct st_err *e)
{
	const struct st_stage_row *first = t->x->nrows ? &t->x->rows[*at] : NULL, *row;
	struct st_tree_entry en;
	struct st_tree tree;
	const char *slash;
	int rc = ST_OK;

	st_tree_init(&tree);
	while (rc == ST_OK && *at < t->x->nrows) {
		row = &t->x->rows[*at];
		if (row->path_len <= prefix_len || memcmp(row->path, first->path, prefix_len) != 0)
			break;
		en = (struct st_tree_entry){ .name = row->path + prefix_len };
		slash = strchr(en.name, '/');
		if (slash) {
			en.name_len = (size_t)(slash - en.name);
			en.mode = ST_MODE_DIR;
			rc = write_dir(t, at, prefix_len + en.name_len + 1, &en.id, e);
		} else {
			en.name_len = row->path_len - prefix_len;
			en.mode = row->mode;
			en.size = row->size;
			en.id = row->id;
			(*at)++;
		}
		if (rc == ST_OK)
			rc = st_tree_add(&tree, &en, e);
	}
	st_buf_clear(&t->json);
	if (rc == ST_OK)
		rc = st_tree_encode(&t->json, &tree, e);
	if (rc == ST_OK)
		rc = st_writer_put_big(t->w, t->json.p, t->json.len, id, e);
	st_tree_release(&tree);
	return rc;
}

int st_staged_write_trees(struct st_repo *r, struct st_index *x, struct st_writer *w,
			  struct st_err *e)
{
	struct treewriter t = { .x = x, .w = w };
	size_t at = 0;
	int rc;

	(void)r;
	st_buf_init(&t.json, (size_t)1 << 30);
	rc = write_dir(&t, &at, 0, &x->tree, e);
	st_buf_release(&t.json);
	return rc == ST_OK ? ST_OK : st_wrap(e, "write the staged tree");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/diff_operand.h"

#include "base/file.h"
#include "format/format.h"
#include "repo/merge_base.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#define WALK_DEPTH 200
#define BASES 5 /* merge bases that are looked for; one fewer are named */

enum kind {
	OP_INDEX,
	OP_WORK,
	OP_VERSION, /* all of a commit, or nothing when there is no version yet */
	OP_STORED,  /* REV:path */
	OP_FILE,
	OP_DIR
};

struct operand {
	enum kind kind;
	const char *text; /* as the user said it */
	bool unborn;
	struct st_oid commit;
	char *path; /* OP_STORED: in the version; OP_FILE, OP_DIR: where it lies. Ours. */
	char *full; /* OP_FILE and OP_DIR found through REV:path: absolute; else NULL */
};

/* Which paths the user asked for. */
struct dpaths {
	struct st_pathspec *ps; /* of the repository, or */
	const char *const *v;	/* relative to both directories */
	size_t n;
	bool *matched;
};

static void operand_release(struct operand *o)
{
	free(o->path);
	free(o->full);
}

/* ---- what a word means ---- */

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static char *copy_text(const char *s, size_t n, struct st_err *e)
{
	char *p = st_malloc(n + 1, e);

	if (!p)
		return NULL;
	memcpy(p, s, n);
	p[n] = 0;
	return p;
}

static int plain_operand(struct operand *o, struct st_err *e)
{
	const char *at = o->full ? o->full : o->path;
	struct stat st;

	if (stat(at, &st) != 0 && errno == ENOENT)
		return st_fail(e, ST_ENOTFOUND, "%s: no such file", o->path);
	if (stat(at, &st) != 0)
		return st_fail_os(e, "%s", o->path);
	o->kind = S_ISDIR(st.st_mode) ? OP_DIR : OP_FILE;
	return ST_OK;
}

static int version_operand(struct st_repo *r, struct operand *o, const char *rev, size_t len,
			   struct st_err *e)
{
	int rc = st_resolve_side(r, rev, len, &o->commit, e);

	if (rc == ST_ENOTFOUND && strncmp(e->msg, "unknown revision", 16) == 0) {
		st_err_clear(e);
		rc = st_fail(e, ST_ENOTFOUND,
			     "'%.*s' is no version ('strata log' lists them) and no file", (int)len,
			     rev);
	}
	return rc;
}

static int parse_operand(struct st_repo *r, const char *text, struct operand *o, struct st_err *e)
{
	struct st_revspec s;
	int rc;

	o->text = text;
	if (!*text)
		return st_fail(e, ST_EUSAGE, "'' is neither a version nor a file");
	rc = st_spec_split(r, text, true, &s, e);
	if (rc != ST_OK)
		return rc;
	if (s.name)
		return st_fail(e, ST_EUSAGE, "'%s': --tensor says which tensors to compare", text);
	while (s.path_len > 1 && s.path[s.path_len - 1] == '/')
		s.path_len--;
	if (s.path_len && !(o->path = copy_text(s.path, s.path_len, e)))
		return e->code;
	if (s.plain)
		return plain_operand(o, e);
	o->kind = o->path ? OP_STORED : OP_VERSION;
	return version_operand(r, o, s.rev, s.rev_len, e);
}

static int head_operand(struct st_repo *r, struct operand *o, struct st_err *e)
{
	struct st_head head;
	int rc = st_repo_head(r, &head, e);

	*o = (struct operand){ .kind = OP_VERSION, .text = "HEAD" };
	o->unborn = rc == ST_OK && head.unborn;
	o->commit = head.commit;
	return rc;
}

static int tree_index(struct st_repo *r, const struct operand *o, struct st_index *x,
		      struct st_err *e)
{
	struct st_oid tree;
	int rc = ST_OK;

	st_index_init(x);
	if (o->unborn)
		return ST_OK;
	rc = st_repo_commit_tree(r, &o->commit, &tree, e);
	if (rc == ST_OK)
		rc = st_tree_to_index(r, &tree, x, e);
	return rc == ST_OK ? st_index_sort(x, e) : rc;
}

struct sides {
	struct operand a, b;
	const char *only; /* a path that was named in place of a side; NULL: none */
};

/*
 * A path of the working tree beside a version, "v1 model.pt", means what the version has there. A
 * directory then stands for its tracked files, as it does for Git.
 */
static int narrow(struct st_repo *r, struct sides *s, struct operand *version,
		  struct operand *plain, struct st_err *e)
{
	struct st_err outside = { 0 };
	char *rel = st_repo_relative(r, plain->path, &outside);
	struct st_index x;
	bool file = false, dir = false;
	int rc;

	if (!rel && outside.code == ST_ENOMEM) {
		*e = outside;
		return e->code;
	}
	rc = tree_index(r, version, &x, e);
	if (rc == ST_OK && rel) {
		file = *rel && st_index_find(&x, rel, strlen(rel), NULL);
		dir = !*rel || st_index_below(&x, rel);
	}
	st_index_release(&x);
	if (rc == ST_OK && dir && plain->kind == OP_DIR) {
		plain->kind = OP_WORK;
		s->only = plain->path;
	} else if (rc == ST_OK && (file || dir)) {
		version->kind = OP_STORED;
		version->path = rel;
		rel = NULL;
	} else if (rc == ST_OK && plain->kind == OP_FILE) {
		rc = st_fail(e, ST_EUSAGE,
			     "'%s' is a whole version and '%s' is a file: say which file of it, "
			     "%s:PATH",
			     version->text, plain->text, version->text);
	}
	free(rel);
	return rc;
}

static bool is_plain(const struct operand *o)
{
	return o->kind == OP_FILE || o->kind == OP_DIR;
}

/* REV:path alone: against the working tree's. */
static int beside(struct st_repo *r, const struct operand *stored, struct operand *o,
		  struct st_err *e)
{
	o->text = "the working tree";
	o->path = st_strdup(stored->path, e);
	o->full = o->path ? st_work_path(r, stored->path, e) : NULL;
	return o->full ? plain_operand(o, e) : (int)e->code;
}

/* The working tree, or with staged the index, against what it is compared with if nothing is said;
 * a path restricts that. */
static int default_sides(struct st_repo *r, bool staged, struct sides *s, struct st_err *e)
{
	s->b = (struct operand){ .kind = staged ? OP_INDEX : OP_WORK, .text = "the working tree" };
	if (staged)
		return head_operand(r, &s->a, e);
	s->a.kind = OP_INDEX;
	s->a.text = "the index";
	return ST_OK;
}

static int one_operand(struct st_repo *r, const char *a, bool staged, struct sides *s,
		       struct st_err *e)
{
	int rc = parse_operand(r, a, &s->a, e);

	s->b = (struct operand){ .kind = staged ? OP_INDEX : OP_WORK, .text = "the working tree" };
	if (rc == ST_OK && is_plain(&s->a)) {
		operand_release(&s->a);
		s->a = (struct operand){ 0 };
		s->only = a;
		return default_sides(r, staged, s, e);
	}
	if (rc == ST_OK && s->a.kind == OP_STORED)
		rc = staged ? st_fail(e, ST_EUSAGE, "--staged takes a version, not '%s'", a) :
			      beside(r, &s->a, &s->b, e);
	return rc;
}

static int two_operands(struct st_repo *r, const char *a, const char *b, struct sides *s,
			struct st_err *e)
{
	int rc = parse_operand(r, a, &s->a, e);

	if (rc == ST_OK)
		rc = parse_operand(r, b, &s->b, e);
	if (rc == ST_OK && s->a.kind == OP_VERSION && is_plain(&s->b))
		rc = narrow(r, s, &s->a, &s->b, e);
	else if (rc == ST_OK && s->b.kind == OP_VERSION && is_plain(&s->a))
		rc = narrow(r, s, &s->b, &s->a, e);
	return rc;
}

/* ---- which paths ---- */

static bool wanted(struct dpaths *p, const char *path)
{
	bool any = !p->n;
	size_t len = strlen(path);

	if (p->ps)
		return st_pathspec_match(p->ps, path);
	for (size_t i = 0; i < p->n; i++) {
		size_t n = strlen(p->v[i]);

		while (n && p->v[i][n - 1] == '/')
			n--;
		if ((len >= n && memcmp(path, p->v[i], n) == 0 &&
		     (len == n || path[n] == '/' || !n)) ||
		    st_glob_match(p->v[i], n, path, len))
			any = p->matched[i] = true;
	}
	return any;
}

static int paths_init(struct dpaths *p, struct st_repo *r, bool whole, const strata_diff_options *o,
		      struct st_err *e)
{
	*p = (struct dpaths){ .v = o->paths, .n = o->npaths };
	if (!p->n)
		return ST_OK;
	if (whole)
		return st_pathspec_new(&p->ps, r, o->paths, o->npaths, e);
	p->matched = st_calloc(p->n, sizeof(*p->matched), e);
	return p->matched ? ST_OK : (int)e->code;
}

static int paths_judge(const struct dpaths *p, struct st_err *e)
{
	if (p->ps)
		return st_pathspec_unmatched(p->ps, e);
	for (size_t i = 0; i < p->n; i++)
		if (!p->matched[i])
			return st_fail(e, ST_ENOTFOUND, "'%s' matches no file of either side",
				       p->v[i]);
	return ST_OK;
}

static void paths_release(struct dpaths *p)
{
	st_pathspec_free(p->ps);
	free(p->matched);
}

/* ---- files ---- */

struct listing {
	struct st_repo *r;
	struct st_dlist *l;
	struct dpaths *paths;
};

/* Copies path; key is a part of it that begins at `from`. */
static struct st_dfile *add_file(const struct listing *g, const char *path, size_t from,
				 struct st_err *e)
{
	struct st_dlist *l = g->l;
	struct st_dfile *f;
	char *copy;

	if (st_grow(&l->v, &l->cap, l->n + 1, e) != ST_OK)
		return NULL;
	copy = st_arena_dup(&l->arena, path, strlen(path), e);
	if (!copy)
		return NULL;
	f = &l->v[l->n++];
	*f = (struct st_dfile){ .path = copy, .key = copy + from };
	return f;
}

static int add_stored(const struct listing *g, const struct st_stage_row *row, size_t from,
		      bool named, struct st_err *e)
{
	struct st_dfile *f;

	if (!named && !wanted(g->paths, row->path + from))
		return ST_OK;
	f = add_file(g, row->path, from, e);
	if (!f)
		return e->code;
	f->has_id = true;
	f->id = row->id;
	f->mode = row->mode;
	f->size = row->size;
	f->named = named;
	return ST_OK;
}

/* Where it lies is `full`; path is what people see of it. */
static int add_plain(const struct listing *g, const char *path, size_t from, const char *full,
		     bool follow, bool named, struct st_err *e)
{
	struct stat st, lst;
	struct st_dfile *f;

	if (!named && !wanted(g->paths, path + from))
		return ST_OK;
	if (lstat(full, &lst) != 0)
		return errno == ENOENT ? ST_OK : st_fail_os(e, "%s", path);
	/* A link that leads nowhere or to a directory is a link. */
	if (!follow || stat(full, &st) != 0 || (!named && S_ISDIR(st.st_mode)))
		st = lst;
	if (!named && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return ST_OK;
	f = add_file(g, path, from, e);
	if (!f)
		return e->code;
	f->full = full == path ? f->path : st_arena_dup(&g->l->arena, full, strlen(full), e);
	f->link = S_ISLNK(lst.st_mode);
	f->mode = S_ISLNK(st.st_mode)	      ? ST_MODE_LINK :
		  (st.st_mode & S_IXUSR) != 0 ? ST_MODE_EXEC :
						ST_MODE_FILE;
	f->size = (uint64_t)st.st_size;
	f->mtime = st.st_mtim;
	f->named = named;
	return e->code;
}

static int list_rows(const struct listing *g, const struct st_index *x, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < x->nrows; i++)
		rc = add_stored(g, &x->rows[i], 0, false, e);
	return rc;
}

static int list_version(const struct listing *g, const struct operand *o, struct st_err *e)
{
	struct st_index x;
	int rc = tree_index(g->r, o, &x, e);

	if (rc == ST_OK)
		rc = list_rows(g, &x, e);
	st_index_release(&x);
	return rc;
}

static int list_index(const struct listing *g, struct st_err *e)
{
	struct st_index x;
	int rc = st_staged_load(g->r, &x, e);

	if (rc == ST_OK)
		rc = list_rows(g, &x, e);
	st_index_release(&x);
	return rc;
}

/* What is as the index says is read from the repository, whose ids are known. */
static int work_row(const struct listing *g, struct st_stage_row *row, struct st_err *e)
{
	enum st_work_state state;
	bool refreshed, deref = (row->flags & ST_INDEX_DEREF) != 0;
	char *full;
	int rc;

	if (!wanted(g->paths, row->path))
		return ST_OK;
	rc = st_work_check(g->r, row, &state, &refreshed, e);
	if (rc != ST_OK || state == ST_WORK_MISSING)
		return rc;
	if (state == ST_WORK_CLEAN)
		return add_stored(g, row, 0, false, e);
	full = st_work_path(g->r, row->path, e);
	rc = full ? add_plain(g, row->path, 0, full, deref, false, e) : (int)e->code;
	free(full);
	return rc;
}

static int list_work(const struct listing *g, struct st_err *e)
{
	struct st_index x;
	int rc = st_staged_load(g->r, &x, e);

	for (size_t i = 0; rc == ST_OK && i < x.nrows; i++) {
		rc = st_check_cancel(&g->r->ctx, e);
		if (rc == ST_OK)
			rc = work_row(g, &x.rows[i], e);
	}
	st_index_release(&x);
	return rc;
}

/* Its index file first; a model's shards are found beside it. */
static int list_named_rows(const struct listing *g, const struct st_index *x, const char *path,
			   struct st_err *e)
{
	const char *slash = strrchr(path, '/');
	size_t from = slash ? (size_t)(slash - path) + 1 : 0;
	int rc = ST_OK;

	g->l->single = true;
	for (size_t i = 0; rc == ST_OK && i < x->nrows; i++)
		rc = add_stored(g, &x->rows[i], from, true, e);
	return rc;
}

static int list_stored(const struct listing *g, const struct operand *o, struct st_err *e)
{
	char hex[ST_OID_HEX + 1];
	struct st_revspec s = { .rev = hex, .rev_len = ST_OID_HEX, .path = o->path };
	struct st_index x;
	size_t from = strlen(o->path) + 1;
	bool below;
	int rc;

	st_oid_hex(&o->commit, hex);
	s.path_len = strlen(o->path);
	rc = st_spec_files(g->r, &s, &x, e);
	if (rc == ST_OK && x.nrows == 1 && strcmp(x.rows[0].path, o->path) == 0) {
		st_index_release(&x);
		rc = st_spec_models(g->r, &s, &x, e);
		if (rc == ST_OK)
			rc = list_named_rows(g, &x, o->path, e);
	} else if (rc == ST_OK) {
		below = st_index_below(&x, o->path);
		for (size_t i = 0; rc == ST_OK && i < x.nrows; i++)
			rc = add_stored(g, &x.rows[i], below ? from : 0, false, e);
	}
	st_index_release(&x);
	return rc;
}

/* ---- plain files and directories ---- */

static int add_shard(const struct listing *g, const struct operand *o, const char *name,
		     struct st_err *e)
{
	char *dir = st_path_dir(o->path, e), *full_dir = NULL, *path = NULL, *full = NULL;
	bool bare = !strchr(o->path, '/');
	int rc = ST_OK;

	if (dir)
		path = bare ? st_strdup(name, e) : st_path_join(dir, name, e);
	if (path && o->full) {
		full_dir = st_path_dir(o->full, e);
		full = full_dir ? st_path_join(full_dir, name, e) : NULL;
	}
	if (e->code != ST_OK)
		rc = e->code;
	else if (st_shard_index_name(name))
		rc = st_fail(e, ST_EFORMAT, "%s names %s as a shard, which is an index, too",
			     o->path, name);
	else if (!exists(full ? full : path))
		rc = st_fail(e, ST_ENOTFOUND, "%s names the shard %s, which is not there", o->path,
			     name);
	else
		rc = add_plain(g, path, strlen(path) - strlen(name), full ? full : path, true, true,
			       e);
	free(dir);
	free(full_dir);
	free(path);
	free(full);
	return rc;
}

static int list_file(const struct listing *g, const struct operand *o, struct st_err *e)
{
	const char *full = o->full ? o->full : o->path, *slash = strrchr(o->path, '/');
	struct st_shard_index idx;
	struct st_buf b;
	int rc;

	g->l->single = true;
	rc = add_plain(g, o->path, slash ? (size_t)(slash - o->path) + 1 : 0, full, true, true, e);
	if (rc != ST_OK || !st_shard_index_name(o->path))
		return rc;
	st_buf_init(&b, (size_t)256 << 20);
	rc = st_file_slurp(&b, full, e);
	if (rc == ST_OK && st_shard_index_parse(&idx, b.p, b.len, e) != ST_OK)
		rc = st_wrap(e, "%s", o->path);
	st_buf_release(&b);
	if (rc != ST_OK)
		return rc;
	for (size_t i = 0; rc == ST_OK && i < idx.nshards; i++)
		rc = add_shard(g, o, idx.shards[i], e);
	st_shard_index_release(&idx);
	return rc;
}

struct dirs { /* still to be read */
	char **v;
	unsigned *depth;
	size_t n, cap, depth_cap;
};

static int push_dir(struct dirs *d, char *path, unsigned depth, struct st_err *e)
{
	if (st_grow(&d->v, &d->cap, d->n + 1, e) != ST_OK ||
	    st_grow(&d->depth, &d->depth_cap, d->n + 1, e) != ST_OK) {
		free(path);
		return e->code;
	}
	d->v[d->n] = path;
	d->depth[d->n++] = depth;
	return ST_OK;
}

static bool passed_over(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".strata") == 0 ||
	       strcmp(name, ".git") == 0 || strncmp(name, ST_WORK_TEMP, strlen(ST_WORK_TEMP)) == 0;
}

/* rel is below o; "" is o itself. Links to files are followed, those to directories stay links. */
static int read_dir(const struct listing *g, const struct operand *o, struct dirs *d, char *rel,
		    unsigned depth, struct st_err *e)
{
	const char *root = o->full ? o->full : o->path;
	size_t from = strlen(o->path) + (o->path[strlen(o->path) - 1] != '/');
	char *dir = *rel ? st_path_join(root, rel, e) : st_strdup(root, e);
	DIR *h = dir ? opendir(dir) : NULL;
	struct dirent *de;
	int rc = ST_OK;

	if (!h)
		rc = dir ? st_fail_os(e, "read directory %s", dir) : (int)e->code;
	while (rc == ST_OK && (de = readdir(h))) {
		char *sub, *path, *full;
		struct stat st;

		if (passed_over(de->d_name))
			continue;
		sub = st_path_join(rel, de->d_name, e);
		path = sub ? st_path_join(o->path, sub, e) : NULL;
		full = path ? st_path_join(root, sub, e) : NULL;
		if (!full)
			rc = e->code;
		else if (lstat(full, &st) == 0 && S_ISDIR(st.st_mode) && depth < WALK_DEPTH)
			rc = push_dir(d, st_strdup(sub, e), depth + 1, e);
		else if (full && !S_ISDIR(st.st_mode))
			rc = add_plain(g, path, from, full, true, false, e);
		free(sub);
		free(path);
		free(full);
	}
	if (h)
		closedir(h);
	free(dir);
	return rc;
}

static int list_dir(const struct listing *g, const struct operand *o, struct st_err *e)
{
	struct dirs d = { 0 };
	int rc = push_dir(&d, st_strdup("", e), 0, e);

	while (rc == ST_OK && d.n) {
		char *rel = d.v[--d.n];

		rc = rel ? read_dir(g, o, &d, rel, d.depth[d.n], e) : (int)e->code;
		free(rel);
	}
	while (d.n)
		free(d.v[--d.n]);
	free(d.v);
	free(d.depth);
	return rc;
}

static int list(const struct listing *g, const struct operand *o, struct st_err *e)
{
	switch (o->kind) {
	case OP_INDEX:
		return list_index(g, e);
	case OP_WORK:
		return list_work(g, e);
	case OP_VERSION:
		return list_version(g, o, e);
	case OP_STORED:
		return list_stored(g, o, e);
	case OP_FILE:
		return list_file(g, o, e);
	case OP_DIR:
		break;
	}
	return list_dir(g, o, e);
}

static bool whole(const struct operand *o)
{
	return o->kind <= OP_VERSION;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct st_dfile *)a)->key, ((const struct st_dfile *)b)->key);
}

static void list_init(struct st_dlist *l)
{
	*l = (struct st_dlist){ 0 };
	st_arena_init(&l->arena);
}

void st_dlist_release(struct st_dlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		st_dfile_close(&l->v[i]);
	free(l->v);
	st_arena_release(&l->arena);
}

static int unlike(const struct sides *s, bool single_a, bool single_b, struct st_err *e)
{
	return st_fail(e, ST_EUSAGE, "'%s' is %s and '%s' is %s: compare like with like", s->a.text,
		       single_a ? "a file" : "a directory", s->b.text,
		       single_b ? "a file" : "a directory");
}

static int list_both(struct st_repo *r, const struct sides *s, const strata_diff_options *o,
		     struct st_dlist *la, struct st_dlist *lb, struct st_err *e)
{
	struct dpaths paths;
	struct listing ga = { r, la, &paths }, gb = { r, lb, &paths };
	int rc = paths_init(&paths, r, whole(&s->a) && whole(&s->b), o, e);

	la->whole = whole(&s->a);
	lb->whole = whole(&s->b);
	la->part = lb->part = o->npaths > 0;
	if (rc == ST_OK && is_plain(&s->a) && is_plain(&s->b) && s->a.kind != s->b.kind)
		rc = unlike(s, s->a.kind == OP_FILE, s->b.kind == OP_FILE, e);
	if (rc == ST_OK)
		rc = list(&ga, &s->a, e);
	if (rc == ST_OK)
		rc = list(&gb, &s->b, e);
	if (rc == ST_OK && la->single != lb->single)
		rc = unlike(s, la->single, lb->single, e);
	if (rc == ST_OK && la->single && o->npaths)
		rc = st_fail(e, ST_EUSAGE, "'%s' and '%s' are files: no paths can be chosen",
			     s->a.text, s->b.text);
	if (rc == ST_OK)
		rc = paths_judge(&paths, e);
	paths_release(&paths);
	return rc;
}

/* Where the dots of "A..B" or "A...B" are in one word, or NULL. */
static const char *find_range(const char *word)
{
	bool path = word[0] == '/' || (word[0] == '.' && (word[1] != '.' || strchr("/", word[2])));

	return path || exists(word) ? NULL : strstr(word, "..");
}

static int several_bases(const char *word, const char *b, const struct st_oid *base, size_t n,
			 struct st_err *e)
{
	char list[BASES * 16] = "", hex[ST_OID_HEX + 1];
	size_t at = 0;

	for (size_t i = 0; i < n && i < BASES - 1; i++) {
		st_oid_hex(&base[i], hex);
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%.12s", i ? ", " : "", hex);
	}
	return st_fail(e, ST_EUSAGE,
		       "'%s' has several merge bases: %s%s; name the one to start from: "
		       "strata diff %.12s %s",
		       word, list, n < BASES ? "" : " and more", list, b);
}

/* Side a becomes the version where its line of history and b's parted. */
static int from_merge_base(struct st_repo *r, const char *word, const char *b, struct sides *s,
			   struct st_err *e)
{
	struct st_oid base[BASES];
	size_t n;
	int rc;

	if (s->a.kind != OP_VERSION || s->b.kind != OP_VERSION)
		return st_fail(e, ST_EUSAGE,
			       "'%s': only versions have a merge base, A...B; paths go behind '--'",
			       word);
	rc = st_merge_bases(r, &s->a.commit, &s->b.commit, base, BASES, &n, e);
	if (rc != ST_OK)
		return rc;
	if (n == 0)
		return st_fail(e, ST_ENOTFOUND,
			       "'%s': the two have no version in common; A..B compares them as "
			       "they are",
			       word);
	if (n > 1)
		return several_bases(word, b, base, n, e);
	s->a.commit = base[0];
	return ST_OK;
}

/* A..B, or from the merge base of both A...B; HEAD where one is missing. */
static int range_operands(struct st_repo *r, const char *word, const char *dots, struct sides *s,
			  struct st_err *e)
{
	bool parted = dots[2] == '.';
	const char *b = dots + 2 + parted;
	char *a = copy_text(word, (size_t)(dots - word), e);
	int rc;

	if (!*b)
		b = "HEAD";
	rc = a ? two_operands(r, *a ? a : "HEAD", b, s, e) : (int)e->code;
	if (rc == ST_OK && parted)
		rc = from_merge_base(r, word, b, s, e);
	s->a.text = s->b.text = word;
	free(a);
	return rc;
}

static int choose(struct st_repo *r, const char *a, const char *b, bool staged, struct sides *s,
		  struct st_err *e)
{
	const char *dots = NULL;

	if (!r && !a)
		return st_fail(e, ST_ENOREPO,
			       "this is not in a strata repository: name two files or directories");
	if (!r && !b)
		return st_fail(e, ST_EUSAGE,
			       "this is not in a strata repository: say what to compare '%s' with",
			       a);
	if (!a)
		return default_sides(r, staged, s, e);
	if (b && staged)
		return st_fail(e, ST_EUSAGE,
			       "--staged compares the index with one version, not '%s' with '%s'",
			       a, b);
	if (b)
		return two_operands(r, a, b, s, e);
	if (r)
		dots = find_range(a);
	if (dots && staged)
		return st_fail(e, ST_EUSAGE, "--staged takes one version, not '%s'", a);
	return dots ? range_operands(r, a, dots, s, e) : one_operand(r, a, staged, s, e);
}

int st_diff_operands(struct st_repo *r, const char *a, const char *b, const strata_diff_options *o,
		     struct st_dlist *la, struct st_dlist *lb, struct st_err *e)
{
	strata_diff_options own = *o;
	struct sides s = { 0 };
	int rc;

	list_init(la);
	list_init(lb);
	rc = choose(r, a, b, o->staged, &s, e);
	if (rc == ST_OK && s.only && o->npaths)
		rc = st_fail(e, ST_EUSAGE, "'%s' is a path: put it behind '--' with the others",
			     s.only);
	if (s.only) {
		own.paths = &s.only;
		own.npaths = 1;
	}
	if (rc == ST_OK)
		rc = list_both(r, &s, &own, la, lb, e);
	if (rc == ST_OK && la->n)
		qsort(la->v, la->n, sizeof(*la->v), by_key);
	if (rc == ST_OK && lb->n)
		qsort(lb->v, lb->n, sizeof(*lb->v), by_key);
	operand_release(&s.a);
	operand_release(&s.b);
	return rc;
}

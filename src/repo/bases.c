/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/plan.h"

#include "model/manifest.h"
#include "repo/mark.h"

#define MAX_CANDIDATES \
	2000000 /* names kept; a repository with more finds fewer bases, nothing else */

struct st_bases {
	struct st_repo *r;
	struct st_index staged, head;
	struct st_map loaded; /* paths looked for */
	struct st_map named;  /* key below -> index into ids */
	struct {
		struct st_oid id;
		uint64_t size;
	} * ids;
	size_t n, cap;
	bool everything; /* all staged models are loaded */
	bool lineage;	 /* and those of the versions that HEAD says it was made from */
};

int st_bases_new(struct st_bases **out, struct st_repo *r, struct st_err *e)
{
	struct st_bases *b = st_calloc(1, sizeof(*b), e);
	int rc;

	*out = NULL;
	if (!b)
		return e->code;
	b->r = r;
	st_map_init(&b->loaded);
	st_map_init(&b->named);
	st_index_init(&b->head);
	rc = st_staged_load(r, &b->staged, e);
	if (rc == ST_OK)
		rc = st_head_index(r, &b->head, e);
	if (rc != ST_OK) {
		st_bases_free(b);
		return rc;
	}
	*out = b;
	return ST_OK;
}

void st_bases_free(struct st_bases *b)
{
	if (!b)
		return;
	st_index_release(&b->staged);
	st_index_release(&b->head);
	st_map_release(&b->loaded);
	st_map_release(&b->named);
	free(b->ids);
	free(b);
}

struct scope {
	const char *path;
	size_t len, nuls;
};

struct named {
	const char *name;
	size_t len;
	enum st_dtype dtype;
	unsigned ndim;
	const uint64_t *shape;
};

/*
 * Keys: path NUL name, directory NUL NUL name, NUL NUL NUL name: three scopes in one table. Beyond
 * the file it replaces a tensor's type and shape are part of its name.
 */
static int make_key(struct st_buf *key, const struct scope *sc, const struct named *t,
		    struct st_err *e)
{
	int rc;

	st_buf_clear(key);
	rc = st_buf_add(key, sc->path, sc->len, e);
	if (rc == ST_OK)
		rc = st_buf_add(key, "\0\0\0", sc->nuls, e);
	if (rc == ST_OK && sc->nuls > 1)
		rc = st_buf_u64(key, t->dtype, e);
	for (unsigned d = 0; rc == ST_OK && sc->nuls > 1 && d <= t->ndim; d++)
		rc = st_buf_u64(key, d ? t->shape[d - 1] : t->ndim, e);
	if (rc == ST_OK)
		rc = st_buf_add(key, t->name, t->len, e);
	return rc;
}

static void scopes_of(const char *path, struct scope out[3])
{
	const char *slash = strrchr(path, '/');

	out[0] = (struct scope){ path, strlen(path), 1 };
	out[1] = (struct scope){ path, slash ? (size_t)(slash - path) : 0, 2 };
	out[2] = (struct scope){ "", 0, 3 };
}

/* Of models that are in no file here: no directory has a name with a NUL in it. */
static const struct scope elsewhere = { "\0lineage", 8, 3 };

struct loading {
	struct st_bases *b;
	const char *path; /* NULL: of a model elsewhere */
	size_t from, to;  /* of the three scopes, those that it is for */
	struct st_buf key;
};

static int take_view(void *arg, const struct st_view *v, const struct st_segment *seg,
		     uint64_t seg_off, struct st_err *e)
{
	struct loading *l = arg;
	struct st_bases *b = l->b;
	struct named t = { v->name, v->name_len, v->dtype, v->ndim, v->shape };
	struct scope sc[3];
	size_t i;
	int rc;

	(void)seg_off;
	if (v->nbytes != seg->size || seg->size == 0 || b->n >= MAX_CANDIDATES)
		return ST_OK;
	rc = st_grow(&b->ids, &b->cap, b->n + 1, e);
	if (rc != ST_OK)
		return rc;
	b->ids[b->n].id = seg->id;
	b->ids[b->n].size = seg->size;
	if (l->path)
		scopes_of(l->path, sc);
	else
		sc[0] = elsewhere;
	for (i = l->from; rc == ST_OK && i < l->to; i++) {
		rc = make_key(&l->key, &sc[i], &t, e);
		if (rc == ST_OK)
			rc = st_map_put(&b->named, l->key.p, l->key.len, b->n, NULL, NULL, e);
	}
	b->n++;
	return rc;
}

/* What is loaded later comes before what was loaded earlier. */
static int load_model(struct st_bases *b, const struct st_stage_row *row, size_t from, size_t to,
		      struct st_err *e)
{
	struct loading l = { .b = b, .path = row->path, .from = from, .to = to };
	struct st_vfile *f;
	int rc = st_vfile_open_model(&f, b->r, row, e);

	if (rc != ST_OK || !f)
		return rc;
	st_buf_init(&l.key, 1 << 20);
	rc = st_vfile_views(f, take_view, &l, e);
	st_buf_release(&l.key);
	st_vfile_close(f);
	return rc;
}

/* The file that this path has in HEAD, if it has one there, else the staged one. */
static struct st_stage_row *row_of(struct st_bases *b, const char *path)
{
	size_t len = strlen(path);
	struct st_stage_row *row = st_index_find(&b->head, path, len, NULL);

	return row ? row : st_index_find(&b->staged, path, len, NULL);
}

int st_bases_pages(struct st_bases *b, const char *path, struct st_oid **pages, size_t *n,
		   struct st_err *e)
{
	struct st_stage_row *row = row_of(b, path);
	const struct st_manifest *m;
	struct st_vfile *f = NULL;
	struct st_err bad = { 0 };

	*pages = NULL;
	*n = 0;
	if (!row || st_vfile_open_model(&f, b->r, row, &bad) != ST_OK || !f)
		return ST_OK;
	m = st_vfile_manifest(f);
	if (m && m->npages)
		*pages = st_calloc(m->npages, sizeof(**pages), e);
	for (; *pages && *n < m->npages; ++*n)
		(*pages)[*n] = m->pages[*n].id;
	st_vfile_close(f);
	return e->code;
}

static int load_path(struct st_bases *b, const char *path, struct st_err *e)
{
	struct st_stage_row *row = row_of(b, path);
	bool had;
	int rc;

	if (!row)
		return ST_OK;
	rc = st_map_put(&b->loaded, path, strlen(path), 1, &had, NULL, e);
	return rc == ST_OK && !had ? load_model(b, row, 0, 1, e) : rc;
}

/* checkpoint-500 before checkpoint-1000 */
static int by_numbers(const char *a, const char *b)
{
	size_t m, n;

	for (;; a++, b++) {
		m = strspn(a, "0123456789");
		n = strspn(b, "0123456789");
		if (m && n && m != n)
			return m < n ? -1 : 1;
		if (*a != *b || !*a)
			return (unsigned char)*a - (unsigned char)*b;
	}
}

/* Seconds: what one command wrote into the working tree is told apart by name. */
static int by_age(const void *a, const void *b)
{
	const struct st_stage_row *x = *(const struct st_stage_row *const *)a;
	const struct st_stage_row *y = *(const struct st_stage_row *const *)b;
	int64_t s = x->mtime_ns / 1000000000, t = y->mtime_ns / 1000000000;

	if (s != t)
		return s < t ? -1 : 1;
	return by_numbers(x->path, y->path);
}

/* The newest last: it is the first to be found. */
static int load_everything(struct st_bases *b, struct st_err *e)
{
	const struct st_stage_row **rows;
	size_t i, n = b->staged.nrows;
	int rc = ST_OK;

	b->everything = true;
	rows = st_calloc(n, sizeof(*rows), e);
	if (!rows)
		return e->code;
	for (i = 0; i < n; i++)
		rows[i] = &b->staged.rows[i];
	if (n)
		qsort(rows, n, sizeof(*rows), by_age);
	for (i = 0; rc == ST_OK && i < n; i++)
		rc = load_model(b, rows[i], 1, 3, e);
	free(rows);
	return rc;
}

static int load_elsewhere(struct st_bases *b, const struct st_oid *commit, struct st_err *e)
{
	struct loading l = { .b = b, .to = 1 };
	struct st_vfile *f;
	struct st_oid tree;
	struct st_index x;
	int rc = st_repo_commit_tree(b->r, commit, &tree, e);

	st_index_init(&x);
	st_buf_init(&l.key, 1 << 20);
	if (rc == ST_OK)
		rc = st_tree_to_index(b->r, &tree, &x, e);
	for (size_t i = 0; rc == ST_OK && i < x.nrows; i++) {
		rc = st_vfile_open_model(&f, b->r, &x.rows[i], e);
		if (rc == ST_OK && f)
			rc = st_vfile_views(f, take_view, &l, e);
		st_vfile_close(f);
	}
	st_buf_release(&l.key);
	st_index_release(&x);
	return rc;
}

/* What HEAD declares first comes first. What cannot be read is no base, and no failure. */
static int load_lineage(struct st_bases *b, struct st_err *e)
{
	struct st_err why = { 0 };
	struct st_commit c = { 0 };
	struct st_head head;
	int rc = st_repo_head(b->r, &head, e);

	b->lineage = true;
	if (rc != ST_OK || head.unborn)
		return rc;
	rc = st_repo_commit_load(b->r, &head.commit, &c, &why);
	for (size_t i = c.nlineage; rc == ST_OK && i-- > 0;)
		rc = load_elsewhere(b, &c.lineage[i].commit, &why);
	st_commit_release(&c);
	if (rc == ST_OK || st_is_damage(rc))
		return ST_OK;
	*e = why;
	return rc;
}

static int look_up(struct st_bases *b, const struct scope *sc, const struct st_tensor *t,
		   struct st_oid *base, bool *found, struct st_err *e)
{
	struct named n = { t->name, t->name_len, t->dtype, t->ndim, t->shape };
	struct st_buf key;
	uint64_t at;
	int rc;

	st_buf_init(&key, 1 << 20);
	rc = make_key(&key, sc, &n, e);
	if (rc == ST_OK && st_map_get(&b->named, key.p, key.len, &at) &&
	    b->ids[at].size == t->nbytes) {
		*base = b->ids[at].id;
		*found = true;
	}
	st_buf_release(&key);
	return rc;
}

int st_bases_find(struct st_bases *b, const char *path, const struct st_tensor *t,
		  struct st_oid *base, bool *found, struct st_err *e)
{
	struct scope sc[3];
	size_t i;
	int rc;

	*found = false;
	scopes_of(path, sc);
	rc = load_path(b, path, e);
	if (rc == ST_OK)
		rc = look_up(b, &sc[0], t, base, found, e);
	if (rc == ST_OK && !*found && !b->everything)
		rc = load_everything(b, e);
	for (i = 1; rc == ST_OK && !*found && i < 3; i++)
		rc = look_up(b, &sc[i], t, base, found, e);
	if (rc == ST_OK && !*found && !b->lineage)
		rc = load_lineage(b, e);
	return rc == ST_OK && !*found ? look_up(b, &elsewhere, t, base, found, e) : rc;
}

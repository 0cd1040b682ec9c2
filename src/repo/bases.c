/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/plan.h"

#include "model/manifest.h"

#define MAX_CANDIDATES \
	2000000 /* names kept; a repository with more finds fewer bases, nothing else */

struct st_bases {
	struct st_repo *r;
	struct st_index staged;
	struct st_map loaded; /* paths whose tensors are in `named` */
	struct st_map named;  /* key below -> index into ids */
	struct {
		struct st_oid id;
		uint64_t size;
	} * ids;
	size_t n, cap;
	bool everything; /* all models are loaded */
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
	rc = st_staged_load(r, &b->staged, e);
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
	st_map_release(&b->loaded);
	st_map_release(&b->named);
	free(b->ids);
	free(b);
}

/* Keys: path NUL name, directory NUL NUL name, NUL NUL NUL name: three scopes in one table. */
static int make_key(struct st_buf *key, const char *scope, size_t scope_len, size_t nuls,
		    const char *name, size_t name_len, struct st_err *e)
{
	int rc;

	st_buf_clear(key);
	rc = st_buf_add(key, scope, scope_len, e);
	if (rc == ST_OK)
		rc = st_buf_add(key, "\0\0\0", nuls, e);
	if (rc == ST_OK)
		rc = st_buf_add(key, name, name_len, e);
	return rc;
}

struct scope {
	const char *path;
	size_t len, nuls;
};

static void scopes_of(const char *path, struct scope out[3])
{
	const char *slash = strrchr(path, '/');

	out[0] = (struct scope){ path, strlen(path), 1 };
	out[1] = (struct scope){ path, slash ? (size_t)(slash - path) : 0, 2 };
	out[2] = (struct scope){ "", 0, 3 };
}

struct loading {
	struct st_bases *b;
	const char *path;
	struct st_buf key;
};

static int take_view(void *arg, const struct st_view *v, const struct st_segment *seg,
		     uint64_t seg_off, struct st_err *e)
{
	struct loading *l = arg;
	struct st_bases *b = l->b;
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
	scopes_of(l->path, sc);
	for (i = 0; rc == ST_OK && i < 3; i++) {
		rc = make_key(&l->key, sc[i].path, sc[i].len, sc[i].nuls, v->name, v->name_len, e);
		if (rc == ST_OK)
			rc = st_map_put(&b->named, l->key.p, l->key.len, b->n, NULL, NULL, e);
	}
	b->n++;
	return rc;
}

static int load_model(struct st_bases *b, const struct st_stage_row *row, struct st_err *e)
{
	struct loading l = { .b = b, .path = row->path };
	struct st_vfile *f;
	bool had;
	int rc = st_map_put(&b->loaded, row->path, row->path_len, 1, &had, NULL, e);

	if (rc != ST_OK || had || !(row->flags & ST_INDEX_MODEL))
		return rc;
	rc = st_vfile_open(&f, b->r, &row->id, e);
	if (rc != ST_OK)
		return rc;
	st_buf_init(&l.key, 1 << 20);
	rc = st_vfile_views(f, take_view, &l, e);
	st_buf_release(&l.key);
	st_vfile_close(f);
	return rc;
}

static int load_everything(struct st_bases *b, struct st_err *e)
{
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < b->staged.nrows; i++)
		rc = load_model(b, &b->staged.rows[i], e);
	b->everything = true;
	return rc;
}

static int look_up(struct st_bases *b, const struct scope *sc, const struct st_tensor *t,
		   struct st_oid *base, bool *found, struct st_err *e)
{
	struct st_buf key;
	uint64_t at;
	int rc;

	st_buf_init(&key, 1 << 20);
	rc = make_key(&key, sc->path, sc->len, sc->nuls, t->name, t->name_len, e);
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
	struct st_stage_row *row;
	struct scope sc[3];
	size_t i;
	int rc = ST_OK;

	*found = false;
	scopes_of(path, sc);
	row = st_index_find(&b->staged, path, strlen(path), NULL);
	if (row)
		rc = load_model(b, row, e);
	if (rc == ST_OK)
		rc = look_up(b, &sc[0], t, base, found, e);
	if (rc == ST_OK && !*found && !b->everything)
		rc = load_everything(b, e);
	for (i = 1; rc == ST_OK && !*found && i < 3; i++)
		rc = look_up(b, &sc[i], t, base, found, e);
	return rc;
}

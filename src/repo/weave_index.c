/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a model in shards. Where all versions have the same tensors in the same files it is
 * a configuration like others. Else its weight map and its size are no matter of what the sides
 * say: they are made from what the shards of the result hold; everything else is merged by key.
 */
#include "repo/weave.h"

#include "base/json.h"
#include "format/format.h"
#include "merge/keys3.h"

#define WEIGHTS "weight_map"
#define SIZE "metadata.total_size"

struct st_held { /* a tensor, and the name of its file */
	const char *name, *file;
	size_t len;
	uint64_t nbytes;
};
struct st_sewn { /* a shard that was written anew, which may lie nowhere yet */
	const char *path;
	struct st_held *v;
	size_t n;
	struct st_sewn *next;
};
struct st_weave_fit {
	const struct st_weave_unit *u;
	struct st_held *v; /* what the result has */
	size_t n, cap;
	struct st_map at; /* name -> number in v */
	uint64_t bytes;
	/* of the base and each side: what its index says as the size, where it does */
	bool sized[ST_THREE_SIDES + 1];
	uint64_t size[ST_THREE_SIDES + 1];
};

static const struct st_unit_version *version(const struct st_weave_unit *u, size_t i)
{
	return i ? &u->side[i - 1] : &u->base;
}

/* ---- what the result has ---- */

uint64_t st_view_bytes(const struct st_view *t)
{
	uint64_t n;

	return st_shape_nbytes(t->shape, t->ndim, t->dtype, &n) ? n : t->nbytes;
}

int st_weave_note_sewn(struct st_weave *w, const struct st_fabric *f, struct st_err *e)
{
	struct st_sewn *x;

	if (!st_weave_unit_with(w, f->s->path))
		return ST_OK;
	x = st_arena_alloc(&w->arena, sizeof(*x), e);
	if (!x)
		return e->code;
	x->path = st_arena_dup(&w->arena, f->s->path, strlen(f->s->path), e);
	x->v = st_arena_alloc(&w->arena, f->n * sizeof(*x->v), e);
	if (!x->path || !x->v)
		return e->code;
	for (; x->n < f->n; x->n++) {
		const struct st_thread *t = &f->v[x->n];
		const char *name = st_arena_dup(&w->arena, t->name, t->name_len, e);

		if (!name)
			return e->code;
		x->v[x->n] = (struct st_held){ .name = name,
					       .len = t->name_len,
					       .file = st_weave_file_name(x->path),
					       .nbytes = t->op->nbytes };
	}
	x->next = w->sewn;
	w->sewn = x;
	return ST_OK;
}

static const struct st_sewn *find_sewn(const struct st_weave *w, const char *path)
{
	const struct st_sewn *x = w->sewn;

	while (x && strcmp(x->path, path) != 0)
		x = x->next;
	return x;
}

/* Files that were staged by hand may have a tensor twice: the first one counts. */
static int add_held(struct st_weave_fit *f, const struct st_held *x, struct st_err *e)
{
	int rc;

	if (st_map_get(&f->at, x->name, x->len, NULL))
		return ST_OK;
	rc = st_grow(&f->v, &f->cap, f->n + 1, e);
	if (rc == ST_OK)
		rc = st_map_put(&f->at, x->name, x->len, f->n, NULL, NULL, e);
	if (rc != ST_OK)
		return rc;
	f->v[f->n++] = *x;
	f->bytes += x->nbytes;
	return ST_OK;
}

struct reading {
	struct st_weave *w;
	struct st_weave_fit *f;
	const char *file;
};

static int on_view(void *arg, const struct st_view *t, const struct st_segment *seg,
		   uint64_t seg_off, struct st_err *e)
{
	struct reading *k = arg;
	const struct st_held x = { .name = st_arena_dup(&k->w->arena, t->name, t->name_len, e),
				   .len = t->name_len,
				   .file = k->file,
				   .nbytes = st_view_bytes(t) };

	(void)seg;
	(void)seg_off;
	return x.name ? add_held(k->f, &x, e) : (int)e->code;
}

static int add_file(struct st_weave *w, struct st_weave_fit *f, const struct st_stage_row *row,
		    struct st_err *e)
{
	const struct st_sewn *sewn = st_weave_by_hand(w, row->path) ? NULL :
								      find_sewn(w, row->path);
	struct reading k = { w, f, NULL };
	const char *path;
	struct st_vfile *v = NULL;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && sewn && i < sewn->n; i++)
		rc = add_held(f, &sewn->v[i], e);
	if (sewn || row->mode == ST_MODE_LINK)
		return rc;
	path = st_arena_dup(&w->arena, row->path, row->path_len, e);
	if (!path)
		return e->code;
	k.file = st_weave_file_name(path);
	rc = st_vfile_open_model(&v, w->r, row, e);
	if (rc == ST_OK && v)
		rc = st_vfile_views(v, on_view, &k, e);
	st_vfile_close(v);
	return rc;
}

static bool is_part(const struct st_weave *w, const struct st_weave_unit *u, const char *path)
{
	return st_weave_unit_with(w, path) == u && !st_shard_index_name(path);
}

/* The model's files in the result; those that are not made now are as they are staged. */
static int find_files(struct st_weave *w, struct st_weave_fit *f, struct st_err *e)
{
	size_t nhand = w->wanted && w->hand ? w->hand->nrows : 0, n = 0;
	const struct st_stage_row **rows = st_calloc(w->target.nrows + nhand, sizeof(*rows), e);
	int rc = rows ? ST_OK : (int)e->code;

	for (size_t i = 0; rows && i < w->target.nrows; i++) {
		const struct st_stage_row *row = &w->target.rows[i];

		if (!is_part(w, f->u, row->path))
			continue;
		if (w->hand && st_weave_by_hand(w, row->path)) /* also where nothing is open */
			row = st_index_find(w->hand, row->path, row->path_len, NULL);
		if (row)
			rows[n++] = row;
	}
	for (size_t i = 0; rows && i < nhand; i++)
		if (is_part(w, f->u, w->hand->rows[i].path) &&
		    !w->wanted(w->wanted_arg, w->hand->rows[i].path))
			rows[n++] = &w->hand->rows[i];
	if (n)
		qsort(rows, n, sizeof(*rows), st_weave_row_order);
	for (size_t i = 0; rc == ST_OK && i < n; i++)
		rc = add_file(w, f, rows[i], e);
	free(rows);
	return rc;
}

static bool same_homes(const struct st_weave_fit *f, const struct st_unit_version *v)
{
	const void *name;
	size_t pos = 0, len;
	uint64_t row, at;

	if (f->n != v->home.count || f->bytes != v->bytes)
		return false;
	while (st_map_next(&v->home, &pos, &name, &len, &row))
		if (!st_map_get(&f->at, name, len, &at) ||
		    strcmp(f->v[at].file, st_weave_file_name(v->rows[row]->path)) != 0)
			return false;
	return true;
}

/* Are the tensors and their files those of every version? */
static bool same_everywhere(const struct st_weave *w, const struct st_weave_fit *f)
{
	bool same = !f->u->base.n || same_homes(f, &f->u->base);

	for (size_t i = 0; same && i < w->n; i++)
		same = same_homes(f, &f->u->side[i]);
	return same;
}

/* ---- the size ---- */

/* The size that an index says, where it says one as a plain number. */
static bool total_size(const struct st_buf *text, struct st_arena *arena, uint64_t *size)
{
	const struct st_keys_text t = { text->p, text->len };
	struct st_keys_text found;
	struct st_err none = { 0 };
	const char *p;

	if (st_keys_find(ST_KEYS_JSON, &t, SIZE, strlen(SIZE), arena, &found, &none) != ST_OK ||
	    !found.p || !found.len || found.len > 18)
		return false;
	p = found.p;
	*size = 0;
	for (size_t i = 0; i < found.len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*size = *size * 10 + (uint64_t)(p[i] - '0');
	}
	return true;
}

static int find_sizes(struct st_weave *w, struct st_weave_fit *f, struct st_err *e)
{
	struct st_buf text;
	int rc = ST_OK;

	st_buf_init(&text, ST_SHARD_INDEX_MAX);
	for (size_t i = 0; rc == ST_OK && i <= w->n; i++) {
		if (!version(f->u, i)->index)
			continue;
		st_buf_clear(&text);
		rc = st_weave_slurp(w, version(f->u, i)->index, &text, e);
		f->sized[i] = rc == ST_OK && total_size(&text, &w->arena, &f->size[i]);
	}
	st_buf_release(&text);
	return rc;
}

/* The size that the result's index is to say. A version's may count otherwise than we do, but not
 * what came and went since. like: the row that has that version's index; NULL: ours's counts. */
static bool new_size(const struct st_weave *w, const struct st_weave_fit *f,
		     const struct st_stage_row *like, uint64_t *out)
{
	size_t from = 1;

	for (size_t i = 0; like && i <= w->n; i++) {
		const struct st_stage_row *x = version(f->u, i)->index;

		if (x && f->sized[i] && st_oid_eq(&x->id, &like->id)) {
			from = i;
			break;
		}
	}
	while (from <= w->n && !f->sized[from])
		from++;
	if (from > w->n)
		return false;
	*out = f->size[from] + f->bytes;
	*out = *out < version(f->u, from)->bytes ? f->bytes : *out - version(f->u, from)->bytes;
	return true;
}

/* ---- by key ---- */

static int put_string(struct st_buf *b, const char *s, size_t len, struct st_err *e)
{
	struct st_jw w;

	st_jw_init(&w, b, false, e);
	st_jw_stringn(&w, s, len);
	return e->code;
}

static int answer(struct st_weave *w, const struct st_buf *b, struct st_keys_text *text,
		  struct st_err *e)
{
	text->p = st_arena_dup(&w->arena, b->p, b->len, e);
	text->len = b->len;
	return e->code;
}

static int answer_file(struct st_weave *w, const char *name, size_t len, struct st_keys_text *text,
		       struct st_err *e)
{
	struct st_buf b;
	uint64_t at;
	int rc;

	*text = (struct st_keys_text){ NULL, 0 };
	if (!st_map_get(&w->fit->at, name, len, &at))
		return ST_OK;
	st_buf_init(&b, 1 << 20);
	rc = put_string(&b, w->fit->v[at].file, strlen(w->fit->v[at].file), e);
	if (rc == ST_OK)
		rc = answer(w, &b, text, e);
	st_buf_release(&b);
	return rc;
}

static int answer_size(struct st_weave *w, struct st_keys_text *text, bool *mine, struct st_err *e)
{
	struct st_buf b;
	uint64_t size;
	int rc;

	*mine = new_size(w, w->fit, NULL, &size);
	if (!*mine)
		return ST_OK;
	st_buf_init(&b, 64);
	rc = st_buf_addf(&b, e, "%" PRIu64, size);
	if (rc == ST_OK)
		rc = answer(w, &b, text, e);
	st_buf_release(&b);
	return rc;
}

int st_weave_fit_key(struct st_weave *w, const char *key, size_t len, struct st_keys_text *text,
		     bool *mine, struct st_err *e)
{
	size_t n = strlen(WEIGHTS ".");
	struct st_err none = { 0 };
	struct st_json j;
	const char *name;
	int rc = ST_OK;

	if (len == strlen(SIZE) && memcmp(key, SIZE, len) == 0)
		return answer_size(w, text, mine, e);
	if (len <= n || memcmp(key, WEIGHTS ".", n) != 0)
		return ST_OK;
	*mine = true;
	if (key[n] != '"')
		return answer_file(w, key + n, len - n, text, e);
	st_json_init(&j, key + n, len - n, 1, &none);
	name = st_json_string(&j, &n);
	if (name)
		rc = answer_file(w, name, n, text, e);
	st_json_release(&j);
	return rc;
}

/* ---- as a text ---- */

/* An index that says only what the text's and the result's differ in. */
static int put_index(struct st_buf *b, bool sized, uint64_t size, const struct st_held *v, size_t n,
		     struct st_err *e)
{
	int rc = st_buf_addch(b, '{', e);

	if (rc == ST_OK && sized)
		rc = st_buf_addf(b, e, "\"metadata\": {\"total_size\": %" PRIu64 "}, ", size);
	if (rc == ST_OK)
		rc = st_buf_addstr(b, "\"" WEIGHTS "\": {", e);
	for (size_t i = 0; rc == ST_OK && i < n; i++) { /* spaced as people's indices are */
		rc = i ? st_buf_addstr(b, ", ", e) : ST_OK;
		if (rc == ST_OK)
			rc = put_string(b, v[i].name, v[i].len, e);
		if (rc == ST_OK)
			rc = st_buf_addstr(b, ": ", e);
		if (rc == ST_OK)
			rc = put_string(b, v[i].file, strlen(v[i].file), e);
	}
	return rc == ST_OK ? st_buf_addstr(b, "}}", e) : rc;
}

/* Never asked: what is merged into the text is itself, changed. */
static int take_theirs(void *arg, const char *key, size_t len, const struct st_keys_text *base,
		       const struct st_keys_text *sides, size_t *choice, struct st_err *e)
{
	(void)arg;
	(void)key;
	(void)len;
	(void)base;
	(void)sides;
	(void)e;
	*choice = 1;
	return ST_OK;
}

/* That there is someone to ask makes changes go in key by key. */
static int own_none(void *arg, const char *key, size_t len, const struct st_keys_text *base,
		    const struct st_keys_text *sides, struct st_keys_text *text, bool *mine,
		    struct st_err *e)
{
	(void)arg;
	(void)key;
	(void)len;
	(void)base;
	(void)sides;
	(void)text;
	(void)e;
	*mine = false;
	return ST_OK;
}

struct edit { /* of a text */
	const struct st_weave_fit *f;
	const struct st_buf *text;
	struct st_held *said; /* in it */
	size_t nsaid;
	bool sized;
	uint64_t size, want;
};

static int edit_text(const struct edit *x, struct st_buf *out, struct st_err *e)
{
	struct st_buf was, now;
	int rc;

	st_buf_init(&was, 2 * ST_SHARD_INDEX_MAX);
	st_buf_init(&now, 2 * ST_SHARD_INDEX_MAX);
	rc = put_index(&was, x->sized, x->size, x->said, x->nsaid, e);
	if (rc == ST_OK)
		rc = put_index(&now, x->sized, x->want, x->f->v, x->f->n, e);
	if (rc == ST_OK) {
		const struct st_keys_text sides[] = { { x->text->p, x->text->len },
						      { now.p, now.len } };
		const struct st_keys k = { { was.p, was.len }, sides,	    2, take_theirs, NULL,
					   own_none,	       ST_KEYS_JSON };

		rc = st_keys_merge(&k, out, e);
	}
	st_buf_release(&was);
	st_buf_release(&now);
	return rc;
}

static bool is_right(const struct edit *x)
{
	bool right = x->nsaid == x->f->n && (!x->sized || x->size == x->want);
	uint64_t at;

	for (size_t i = 0; right && i < x->nsaid; i++)
		right = st_map_get(&x->f->at, x->said[i].name, x->said[i].len, &at) &&
			strcmp(x->f->v[at].file, x->said[i].file) == 0;
	return right;
}

/* Appends the text made right to out, if it is not; what is no index stays as it is. out NULL: it
 * is only looked at. */
static int fit_text(struct st_weave *w, const struct st_weave_fit *f,
		    const struct st_stage_row *like, const struct st_buf *text, struct st_buf *out,
		    bool *right, struct st_err *e)
{
	struct edit x = { .f = f, .text = text };
	struct st_shard_index shards = { 0 };
	struct st_err bad = { 0 };
	int rc = st_shard_index_parse(&shards, text->p, text->len, &bad);

	*right = true;
	if (rc == ST_OK) {
		x.said = st_calloc(shards.nnames, sizeof(*x.said), e);
		rc = x.said ? ST_OK : (int)e->code;
		for (; x.said && x.nsaid < shards.nnames; x.nsaid++)
			x.said[x.nsaid] =
				(struct st_held){ .name = shards.names[x.nsaid],
						  .len = strlen(shards.names[x.nsaid]),
						  .file = shards.shards[shards.shard_of[x.nsaid]] };
		x.sized = total_size(text, &w->arena, &x.size) && new_size(w, f, like, &x.want);
		*right = rc != ST_OK || is_right(&x);
		if (rc == ST_OK && out && !*right)
			rc = edit_text(&x, out, e);
	} else if (bad.code == ST_EFORMAT || bad.code == ST_ELIMIT) {
		rc = ST_OK;
	} else {
		*e = bad;
	}
	free(x.said);
	st_shard_index_release(&shards);
	return rc;
}

int st_weave_fit_text(struct st_weave *w, const struct st_strand *s, const struct st_buf *text,
		      struct st_err *e)
{
	const struct st_weave_fit *f = w->fit;
	struct st_buf out;
	bool right;
	int rc;

	st_buf_init(&out, 4 * ST_SHARD_INDEX_MAX);
	rc = fit_text(w, f, NULL, text, &out, &right, e);
	w->fit = NULL;
	if (rc == ST_OK)
		rc = st_weave_store_text(w, s, out.len ? &out : text, e);
	w->fit = f;
	st_buf_release(&out);
	return rc;
}

int st_weave_fit_row(struct st_weave *w, const struct st_strand *s, const struct st_stage_row *row,
		     struct st_err *e)
{
	const struct st_weave_fit *f = w->fit;
	struct st_buf text, out;
	bool has, right;
	int rc = ST_OK;

	st_buf_init(&text, ST_SHARD_INDEX_MAX);
	st_buf_init(&out, 4 * ST_SHARD_INDEX_MAX);
	if (f->u->fitted || !st_weave_by_hand(w, s->path))
		rc = st_weave_slurp_text(w, row, &text, &has, e);
	if (rc == ST_OK && text.len)
		rc = fit_text(w, f, row, &text, &out, &right, e);
	w->fit = NULL;
	if (rc == ST_OK)
		rc = out.len ? st_weave_store_text(w, s, &out, e) : st_weave_take(w, s, row, e);
	w->fit = f;
	st_buf_release(&text);
	st_buf_release(&out);
	return rc == ST_OK ? ST_OK : st_wrap(e, "%s", s->path);
}

/* ---- all of it ---- */

static int begin(struct st_weave *w, struct st_weave_fit *f, const struct st_weave_unit *u,
		 struct st_err *e)
{
	*f = (struct st_weave_fit){ .u = u };
	st_map_init(&f->at);
	return find_sizes(w, f, e);
}

static void end(struct st_weave *w, struct st_weave_fit *f)
{
	w->fit = NULL;
	free(f->v);
	st_map_release(&f->at);
}

/* The index as it was staged by hand. */
static const struct st_stage_row *staged(const struct st_weave *w, const struct st_weave_unit *u,
					 const char *path)
{
	return u->fitted && w->hand ? st_index_find(w->hand, path, strlen(path), NULL) : NULL;
}

int st_weave_index_apart(struct st_weave *w, const struct st_weave_unit *u, struct st_strand *s,
			 struct st_err *e)
{
	const struct st_stage_row *hand = staged(w, u, s->path);
	struct st_weave_fit f;
	int rc = begin(w, &f, u, e);

	/* what is not made now must be known */
	if (rc == ST_OK && (!w->wanted || w->hand)) {
		rc = find_files(w, &f, e);
		w->fit = rc != ST_OK || same_everywhere(w, &f) ? NULL : &f;
	}
	if (hand)
		s->mode = hand->mode;
	if (rc == ST_OK)
		rc = hand ? st_weave_take(w, s, hand, e) : st_weave_file(w, s, e);
	end(w, &f);
	return rc;
}

int st_weave_index_right(struct st_weave *w, const struct st_weave_unit *u,
			 const struct st_stage_row *row, bool *right, struct st_err *e)
{
	struct st_weave_fit f;
	struct st_buf text;
	bool has = false;
	int rc = begin(w, &f, u, e);

	*right = true;
	st_buf_init(&text, ST_SHARD_INDEX_MAX);
	if (rc == ST_OK)
		rc = find_files(w, &f, e);
	if (rc == ST_OK && !(u->apart && same_everywhere(w, &f)))
		rc = st_weave_slurp_text(w, row, &text, &has, e);
	if (rc == ST_OK && has)
		rc = fit_text(w, &f, row, &text, NULL, right, e);
	st_buf_release(&text);
	end(w, &f);
	return rc;
}

/* In the order in which they were merged, which is that of what comes into the index. */
static int list_threads(struct st_weave *w, struct st_weave_fit *f, const struct st_fabric *all,
			struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < all->n; i++) {
		const struct st_thread *t = &all->v[i];
		const char *path = st_weave_home_of(f->u, t);
		const struct st_held x = { .name = t->name,
					   .len = t->name_len,
					   .file = st_weave_file_name(path),
					   .nbytes = t->op->nbytes };

		if (!st_weave_by_hand(w, path))
			rc = add_held(f, &x, e);
	}
	return rc == ST_OK ? find_files(w, f, e) : rc; /* those that were made by hand */
}

int st_weave_index(const struct st_fabric *all, struct st_err *e)
{
	const struct st_weave_unit *u = all->unit;
	const struct st_stage_row *row = u->side[u->pattern].index, *hand;
	struct st_weave_fit f;
	int rc;

	if (!row)
		return ST_OK;
	hand = staged(all->w, u, row->path);
	row = hand ? hand : row;
	rc = begin(all->w, &f, u, e);
	if (rc == ST_OK)
		rc = list_threads(all->w, &f, all, e);
	if (rc == ST_OK) {
		const struct st_strand s = { .path = row->path, .mode = row->mode };

		all->w->fit = &f;
		rc = st_weave_fit_row(all->w, &s, row, e);
	}
	end(all->w, &f);
	return rc;
}

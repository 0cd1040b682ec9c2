/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/renew.h"

#include "format/zip.h"
#include "tensor/quote.h"

#include <stdio.h>

struct settling {
	struct st_renew *z;
	const char *path;
	const struct st_stage_row *from, *to, *now;
	struct st_tensor_table f, t, h; /* the tensors of from, to, now */
	struct st_graft graft;
};

static bool chosen(const struct settling *s, const struct st_stored_tensor *x)
{
	return st_pick_has(s->z->pick, s->path, x->t.name, x->t.name_len);
}

static void shape_text(char *out, size_t room, const struct st_stored_tensor *x)
{
	size_t at = (size_t)snprintf(out, room, "%s [", st_dtype_info(x->t.dtype)->name);

	for (unsigned i = 0; i < x->t.ndim && at + 24 < room; i++)
		at += (size_t)snprintf(out + at, room - at, "%s%" PRIu64, i ? ", " : "",
				       x->t.shape[i]);
	snprintf(out + at, room - at, "]");
}

static void block_layout(struct settling *s, const struct st_stored_tensor *f,
			 const struct st_stored_tensor *t)
{
	const struct st_renew *z = s->z;
	char a[96], b[96], why[260];

	if (f && t) {
		shape_text(a, sizeof(a), f);
		shape_text(b, sizeof(b), t);
		snprintf(why, sizeof(why), "would go from %s to %s", a, b);
	} else if (z->what == STRATA_ROLLBACK) {
		snprintf(why, sizeof(why), "is in %s only", t ? z->label : "the version here");
	} else {
		snprintf(why, sizeof(why), "%s %s it", z->label,
			 (t != NULL) == (z->what == STRATA_CHERRY_PICK) ? "added" : "removed");
	}
	st_renew_block(s->z, s->path, t ? t : f, why);
}

static int add_edit(struct settling *s, const struct st_stored_tensor *t, bool joined,
		    struct st_err *e)
{
	struct st_graft *g = &s->graft;
	const char *name = st_arena_dup(&s->z->arena, t->t.name, t->t.name_len, e);
	int rc = name ? st_grow(&g->v, &g->cap, g->n + 1, e) : (int)e->code;

	if (rc == ST_OK)
		rc = st_grow(&g->joined, &g->joined_cap, g->n + 1, e);
	if (rc != ST_OK)
		return rc;
	g->joined[g->n] = joined;
	g->v[g->n++] = (struct st_edit){ name, t->t.name_len };
	return ST_OK;
}

/* One tensor, which may be absent on either side. */
static int settle_tensor(struct settling *s, const struct st_stored_tensor *f,
			 const struct st_stored_tensor *t, struct st_err *e)
{
	const struct st_stored_tensor *any = t ? t : f, *h;

	if (st_stored_same(f, t) || !chosen(s, any))
		return ST_OK;
	h = st_tensor_table_find(&s->h, any->t.name, any->t.name_len);
	if (st_stored_same(h, t))
		return ST_OK;
	if (s->z->has_method && h && f && t && !st_stored_same(h, f) && st_stored_alike(f, t) &&
	    st_stored_alike(h, t))
		return add_edit(s, t, true, e);
	if (!st_stored_same(h, f))
		st_renew_block(s->z, s->path, any, s->now ? "changed here as well" : "is not here");
	else if (!f || !t || !st_stored_alike(f, t))
		block_layout(s, f, t);
	else
		return add_edit(s, t, false, e);
	return ST_OK;
}

static int settle_tensors(struct settling *s, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->t.n; i++) {
		const struct st_tensor *t = &s->t.v[i].t;

		rc = settle_tensor(s, st_tensor_table_find(&s->f, t->name, t->name_len), &s->t.v[i],
				   e);
	}
	for (size_t i = 0; rc == ST_OK && i < s->f.n; i++) {
		const struct st_tensor *t = &s->f.v[i].t;

		if (!st_tensor_table_find(&s->t, t->name, t->name_len))
			rc = settle_tensor(s, &s->f.v[i], NULL, e);
	}
	return rc;
}

/* ---- what a file holds besides tensors ---- */

static bool has_tensor(const struct st_layout *l, const struct st_zip_member *m)
{
	for (size_t i = 0; i < l->ntensors; i++) {
		const struct st_tensor *t = &l->tensors[i];
		uint64_t at = t->where == ST_PACKED ? t->packed->offset : t->offset;

		if (t->where != ST_HELD && at >= m->data && at - m->data < m->csize)
			return true;
	}
	return false;
}

/* PyTorch's archives have all members in a directory that is named after the first file name. */
static size_t prefix_of(const struct settling *s, const struct st_zip *z)
{
	const char *slash = NULL;

	if (strcmp(s->t.format, "torch") == 0 && z->n)
		slash = memchr(z->members[0].name, '/', z->members[0].name_len);
	return slash ? (size_t)(slash - z->members[0].name) + 1 : 0;
}

/* A digest of the members' checksums, which changes with every tensor. */
static bool is_derived(const char *name, size_t len)
{
	static const char id[] = ".data/serialization_id";

	return len == strlen(id) && memcmp(name, id, len) == 0;
}

static bool same_member(const struct st_zip_member *a, const struct st_zip_member *b)
{
	return a->usize == b->usize && a->crc == b->crc && (a->crc || !a->usize);
}

struct archive {
	bool open, zip; /* zip: the rest counts */
	struct st_reparse p;
	struct st_zip dir;
	size_t prefix;
};

/* Has b a member that a lacks, or another one, and that holds no tensor? */
static bool member_differs(const struct archive *a, const struct archive *b, char why[200])
{
	struct st_map names;
	struct st_err none = { 0 };
	bool differs = false;

	st_map_init(&names);
	for (size_t i = 0; i < a->dir.n && none.code == ST_OK; i++) {
		const struct st_zip_member *m = &a->dir.members[i];

		if (m->name_len >= a->prefix &&
		    st_map_put(&names, m->name + a->prefix, m->name_len - a->prefix, i, NULL, NULL,
			       &none) != ST_OK)
			differs = true; /* out of memory: refusing is the safe side */
	}
	for (size_t i = 0; i < b->dir.n && !differs; i++) {
		const struct st_zip_member *m = &b->dir.members[i];
		const char *name = m->name + (m->name_len >= b->prefix ? b->prefix : 0);
		size_t len = m->name_len - (size_t)(name - m->name);
		struct st_quote q;
		uint64_t k;

		if (is_derived(name, len) ||
		    (st_map_get(&names, name, len, &k) && same_member(&a->dir.members[k], m)) ||
		    has_tensor(&b->p.layout, m))
			continue;
		snprintf(why, 200, "changed %s in it as well", st_quote(&q, name, len));
		differs = true;
	}
	st_map_release(&names);
	return differs;
}

static int open_archive(struct settling *s, struct archive *a, const struct st_stage_row *row,
			struct st_err *e)
{
	uint8_t head[4];
	struct st_vfile *f;
	int rc = st_vfile_open(&f, s->z->r, &row->id, e);

	if (rc != ST_OK)
		return rc;
	a->open = true;
	rc = st_reparse_open(&a->p, s->z->r, f, e);
	st_vfile_close(f);
	if (rc == ST_OK && a->p.src.size >= sizeof(head)) {
		rc = st_source_read(&a->p.src, head, sizeof(head), 0, e);
		a->zip = rc == ST_OK && memcmp(head, "PK\3\4", sizeof(head)) == 0;
	}
	if (rc == ST_OK && a->zip) {
		rc = st_zip_open(&a->dir, &a->p.src, s->z->r->ctx.memory / 2, e);
		a->prefix = rc == ST_OK ? prefix_of(s, &a->dir) : 0;
	}
	return rc;
}

static void close_archive(struct archive *a)
{
	st_zip_release(&a->dir);
	if (a->open)
		st_reparse_close(&a->p);
}

/* Archives hold members that are neither tensors nor said in the metadata: code, for one. */
static int compare_archives(struct settling *s, bool *differs, char why[200], struct st_err *e)
{
	struct archive a = { 0 }, b = { 0 };
	int rc = open_archive(s, &a, s->from, e);

	if (rc == ST_OK)
		rc = open_archive(s, &b, s->to, e);
	if (rc == ST_OK && (a.zip || b.zip))
		*differs = a.zip != b.zip || member_differs(&a, &b, why) ||
			   member_differs(&b, &a, why);
	close_archive(&a);
	close_archive(&b);
	return rc;
}

static bool is_archive_format(const char *name)
{
	return strcmp(name, "torch") == 0 || strcmp(name, "npz") == 0;
}

/* Without a choice of tensors, what rev changed besides them must not be lost in silence. */
static int check_rest(struct settling *s, struct st_err *e)
{
	char why[200] = "changed more in it than tensors", text[260];
	bool differs = strcmp(s->f.format, s->t.format) != 0;
	int rc = ST_OK;

	if (!differs && (s->f.metadata_len != s->t.metadata_len ||
			 (s->f.metadata && s->t.metadata &&
			  memcmp(s->f.metadata, s->t.metadata, s->t.metadata_len) != 0))) {
		differs = true;
		snprintf(why, sizeof(why), "changed its metadata as well");
	}
	if (!differs && is_archive_format(s->t.format))
		rc = compare_archives(s, &differs, why, e);
	if (rc == ST_OK && differs) {
		snprintf(text, sizeof(text), "%s %s", s->z->label, why);
		st_renew_block(s->z, s->path, NULL, text);
	}
	return rc;
}

/* ---- files ---- */

static bool all_chosen(const struct settling *s, const struct st_tensor_table *x)
{
	for (size_t i = 0; i < x->n; i++)
		if (!chosen(s, &x->v[i]))
			return false;
	return x->n > 0;
}

/* A file that comes or goes, all of whose tensors are chosen, does so whole. */
static int whole_file(struct settling *s, bool *done, struct st_err *e)
{
	const struct st_renew *z = s->z;

	*done = true;
	if (!s->from && !s->now && s->to && all_chosen(s, &s->t))
		return st_index_add(&s->z->target, s->to, e);
	if (z->what != STRATA_ROLLBACK && !s->to && s->from && s->now &&
	    st_oid_eq(&s->now->id, &s->from->id) && all_chosen(s, &s->f))
		return st_index_add(&s->z->gone, s->now, e);
	*done = false;
	return ST_OK;
}

static int add_graft(struct settling *s, struct st_err *e)
{
	struct st_renew *z = s->z;
	struct st_graft *g = &s->graft;
	struct st_stage_row row;
	int rc;

	if (!s->now) /* then there is nothing to put tensors into */
		return ST_OK;
	row = *s->now;
	if (!z->pick && s->now->mode == s->from->mode)
		row.mode = s->to->mode;
	if (!g->n)
		return row.mode == s->now->mode ? ST_OK : st_index_add(&z->target, &row, e);
	g->base = row;
	g->from = *s->to;
	g->old = *s->from;
	g->base.path = g->from.path = g->old.path =
		st_arena_dup(&z->arena, s->now->path, s->now->path_len, e);
	rc = g->base.path ? st_grow(&z->grafts, &z->grafts_cap, z->ngrafts + 1, e) : (int)e->code;
	if (rc != ST_OK)
		return rc;
	z->grafts[z->ngrafts++] = *g;
	*g = (struct st_graft){ 0 };
	return ST_OK;
}

static int load(struct settling *s, struct st_err *e)
{
	int rc = st_tensor_table_load(&s->f, s->z->r, s->from, e);

	if (rc == ST_OK)
		rc = st_tensor_table_load(&s->t, s->z->r, s->to, e);
	if (rc == ST_OK)
		rc = st_tensor_table_load(&s->h, s->z->r, s->now, e);
	return rc;
}

static int settle(struct settling *s, struct st_err *e)
{
	bool whole = false;
	int rc = load(s, e);

	if (rc != ST_OK)
		return rc;
	if (!s->z->pick && (!s->f.format || !s->t.format || !s->h.format)) {
		st_renew_block(s->z, s->path, NULL, "changed here as well");
		return ST_OK;
	}
	if (s->z->pick)
		rc = whole_file(s, &whole, e);
	else
		rc = check_rest(s, e);
	if (rc == ST_OK && !whole)
		rc = settle_tensors(s, e);
	return rc == ST_OK && !whole ? add_graft(s, e) : rc;
}

int st_renew_settle(struct st_renew *z, const char *path, const struct st_stage_row *from,
		    const struct st_stage_row *to, const struct st_stage_row *now, struct st_err *e)
{
	struct settling s = { .z = z, .path = path, .from = from, .to = to, .now = now };
	int rc = settle(&s, e);

	st_tensor_table_release(&s.f);
	st_tensor_table_release(&s.t);
	st_tensor_table_release(&s.h);
	free(s.graft.v);
	free(s.graft.joined);
	return rc;
}

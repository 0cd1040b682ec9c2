/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/compose.h"

#include "base/file.h"
#include "repo/patch.h"
#include "tensor/quote.h"

#include <stdio.h>

#define ROOM ((size_t)1 << 20)
#define SPOOL_PART 16 /* of ctx->memory, for one tensor that is put in order */

struct writing {
	const struct st_compose *c;
	int fd;
	const char *name;
	size_t *new_of;	     /* of each tensor of the layout: its number in v + 1, or 0 */
	size_t *base_of;     /* of each of v: its number in the layout + 1, or 0 */
	const char *differs; /* why the layout is another one, or NULL */
	const char *which;   /* the tensor it is about, or NULL */
	size_t which_len;
	uint64_t done, total; /* bytes */
};

/* ---- is it the base's layout? ---- */

static bool alike(const struct st_tensor *t, const struct st_compose_tensor *x)
{
	return t->dtype == x->dtype && t->ndim == x->ndim &&
	       (t->ndim == 0 || memcmp(t->shape, x->shape, t->ndim * sizeof(*t->shape)) == 0);
}

static void note(struct writing *w, const char *what, const char *name, size_t len)
{
	if (!w->differs) {
		w->differs = what;
		w->which = name;
		w->which_len = len;
	}
}

/* Where the layout has x, or SIZE_MAX. */
static size_t place_of(struct writing *w, const struct st_map *names, size_t i)
{
	const struct st_compose_tensor *x = &w->c->v[i];
	uint64_t k;

	if (!st_map_get(names, x->name, x->name_len, &k)) {
		note(w, "is not in", x->name, x->name_len);
		return SIZE_MAX;
	}
	if (!alike(&w->c->layout->tensors[k], x))
		note(w, "has another type or shape in", x->name, x->name_len);
	return (size_t)k;
}

static int match(struct writing *w, struct st_err *e)
{
	const struct st_layout *l = w->c->layout;
	struct st_map names;
	struct st_quote q;
	int rc = ST_OK;

	w->new_of = st_calloc(l->ntensors, sizeof(*w->new_of), e);
	w->base_of = st_calloc(w->c->n, sizeof(*w->base_of), e);
	if (!w->new_of || !w->base_of)
		return e->code;
	st_map_init(&names);
	for (size_t k = 0; rc == ST_OK && k < l->ntensors; k++)
		rc = st_map_put(&names, l->tensors[k].name, l->tensors[k].name_len, k, NULL, NULL,
				e);
	for (size_t i = 0; rc == ST_OK && i < w->c->n; i++) {
		size_t k = place_of(w, &names, i);

		if (k == SIZE_MAX)
			continue;
		if (w->new_of[k])
			rc = st_fail(e, ST_EBUG, "tensor %s is given twice",
				     st_quote(&q, w->c->v[i].name, w->c->v[i].name_len));
		w->new_of[k] = i + 1;
		w->base_of[i] = k + 1;
	}
	for (size_t k = 0; k < l->ntensors; k++)
		if (!w->new_of[k])
			note(w, "is gone from", l->tensors[k].name, l->tensors[k].name_len);
	st_map_release(&names);
	return rc;
}

/* ---- writing ---- */

static int put(struct writing *w, const void *p, size_t n, struct st_err *e)
{
	int rc = st_write_full(w->fd, p, n, w->name, e);

	w->done += n;
	st_progress(w->c->ctx, "write", w->done, w->total, true, false);
	return rc;
}

static int put_piece(void *arg, const void *p, size_t n, struct st_err *e)
{
	return put(arg, p, n, e);
}

static int copy_range(struct writing *w, uint64_t off, uint64_t n, struct st_err *e)
{
	struct st_tensor all = { .name = "", .dtype = ST_OPAQUE, .offset = off, .nbytes = n };
	int rc = st_check_cancel(w->c->ctx, e);

	return rc == ST_OK && n ? st_tensor_each(&all, w->c->src, ROOM, put_piece, w, e) : rc;
}

/* What `fill` gives, counted. */
struct filling {
	st_bytes_fn sink;
	void *arg;
	uint64_t left;
};

static int count_piece(void *arg, const void *p, size_t n, struct st_err *e)
{
	struct filling *f = arg;

	if (n > f->left)
		return st_fail(e, ST_EBUG, "a tensor of more bytes than its shape takes");
	f->left -= n;
	return f->sink(f->arg, p, n, e);
}

static int fill(struct writing *w, size_t i, uint64_t nbytes, st_bytes_fn sink, void *arg,
		struct st_err *e)
{
	struct filling f = { sink, arg, nbytes };
	struct st_quote q;
	int rc = st_check_cancel(w->c->ctx, e);

	if (rc == ST_OK && nbytes)
		rc = w->c->fill(w->c->arg, i, count_piece, &f, e);
	if (rc == ST_OK && f.left)
		rc = st_fail(e, ST_EBUG, "tensor %s: %" PRIu64 " bytes are missing",
			     st_quote(&q, w->c->v[i].name, w->c->v[i].name_len), f.left);
	return rc;
}

/* ---- the base's layout ---- */

static bool is_new(const struct writing *w, size_t k)
{
	return !w->c->v[w->new_of[k] - 1].keep && w->c->layout->tensors[k].nbytes > 0;
}

/* Tensors that are new and whose bytes nobody shares: 1; new ones of another kind: 2. The layout
 * has those of the file first, by offset. */
static uint8_t *sort_out(const struct writing *w, struct st_err *e)
{
	const struct st_layout *l = w->c->layout;
	uint8_t *kind = st_calloc(l->ntensors, 1, e);
	uint64_t end = 0;
	size_t last = SIZE_MAX; /* the tensor that ends at `end` */

	for (size_t k = 0; kind && k < l->ntensors; k++) {
		const struct st_tensor *t = &l->tensors[k];

		if (is_new(w, k))
			kind[k] = t->where == ST_IN_FILE && st_tensor_plain(t) ? 1 : 2;
		if (t->where != ST_IN_FILE || t->nbytes == 0)
			continue;
		if (t->offset < end) {
			kind[k] = kind[k] ? 2 : 0;
			kind[last] = kind[last] ? 2 : 0;
		}
		if (t->offset + t->nbytes > end) {
			end = t->offset + t->nbytes;
			last = k;
		}
	}
	return kind;
}

/* Front to back; runs gets what is new. */
static int stream(struct writing *w, const uint8_t *kind, struct st_run *runs, size_t *nruns,
		  struct st_err *e)
{
	const struct st_layout *l = w->c->layout;
	uint64_t at = 0;
	int rc = ST_OK;

	for (size_t k = 0; rc == ST_OK && k < l->ntensors; k++) {
		const struct st_tensor *t = &l->tensors[k];

		if (kind[k] != 1)
			continue;
		rc = copy_range(w, at, t->offset - at, e);
		if (rc == ST_OK)
			rc = fill(w, w->new_of[k] - 1, t->nbytes, put_piece, w, e);
		at = t->offset + t->nbytes;
		runs[(*nruns)++] = (struct st_run){ t->offset, t->nbytes };
	}
	return rc == ST_OK ? copy_range(w, at, w->c->src->size - at, e) : rc;
}

/* Neighbours as one run, as a format wants them. */
static size_t join(struct st_run *runs, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (k && runs[k - 1].off + runs[k - 1].n == runs[i].off)
			runs[k - 1].n += runs[i].n;
		else
			runs[k++] = runs[i];
	return k;
}

struct patching { /* tensors of kind 2 */
	struct writing *w;
	struct st_edit *edits;
	size_t *of; /* each edit's number in v */
	size_t n;
	struct st_spool spool;
};

static int spool_piece(void *arg, const void *p, size_t n, struct st_err *e)
{
	return st_spool_add(arg, p, n, e);
}

static uint64_t bytes_of(const struct st_compose_tensor *x)
{
	uint64_t n = 0;

	return st_shape_nbytes(x->shape, x->ndim, x->dtype, &n) ? n : 0;
}

static const char *spool_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	return tmp && *tmp ? tmp : "/tmp";
}

static int open_edit(void *arg, size_t i, struct st_source *src, struct st_oid *id,
		     struct st_err *e)
{
	struct patching *p = arg;
	int rc;

	(void)id;
	st_spool_init(&p->spool, (size_t)(p->w->c->ctx->memory / SPOOL_PART), spool_dir());
	rc = fill(p->w, p->of[i], bytes_of(&p->w->c->v[p->of[i]]), spool_piece, &p->spool, e);
	if (rc == ST_OK)
		st_spool_source(&p->spool, src, p->w->c->path);
	else
		st_spool_release(&p->spool);
	return rc;
}

static void close_edit(void *arg, struct st_source *src)
{
	struct patching *p = arg;

	(void)src;
	st_spool_release(&p->spool);
}

static int collect(struct patching *p, const uint8_t *kind, struct st_err *e)
{
	const struct st_layout *l = p->w->c->layout;

	p->edits = st_calloc(l->ntensors, sizeof(*p->edits), e);
	p->of = st_calloc(l->ntensors, sizeof(*p->of), e);
	for (size_t k = 0; p->edits && p->of && k < l->ntensors; k++)
		if (kind[k] == 2) {
			p->of[p->n] = p->w->new_of[k] - 1;
			p->edits[p->n++] =
				(struct st_edit){ l->tensors[k].name, l->tensors[k].name_len };
		}
	return e->code;
}

/* Those that share memory, or lie strided, go into the written file; it is then read again. */
static int patch_rest(struct writing *w, const uint8_t *kind, struct st_err *e)
{
	struct patching p = { .w = w };
	struct st_plainfile in = { .fd = -1,
				   .size = w->c->src->size,
				   .src = *w->c->src,
				   .format = w->c->format,
				   .layout = *w->c->layout };
	struct st_edits edits = { .open = open_edit, .close = close_edit, .arg = &p };
	struct st_patch patch;
	int rc = collect(&p, kind, e);

	if (rc == ST_OK && p.n) {
		edits.v = p.edits;
		edits.n = p.n;
		rc = st_patch_prepare(&patch, w->c->ctx, w->c->path, &in, &edits, e);
		if (rc == ST_OK)
			rc = st_patch_apply(&patch, w->fd, w->name, e);
		if (w->c->shared && patch.shared)
			*w->c->shared = true;
		st_patch_release(&patch);
	}
	free(p.edits);
	free(p.of);
	return rc;
}

/* Refused before anything is written. */
static int check_places(const struct writing *w, const uint8_t *kind, struct st_err *e)
{
	const struct st_layout *l = w->c->layout;
	struct st_quote q;

	for (size_t k = 0; k < l->ntensors; k++)
		if (kind[k] == 2 && l->tensors[k].where != ST_IN_FILE)
			return st_fail(e, ST_EREFUSED,
				       "tensor %s of %s is compressed or stored as text: it cannot "
				       "be replaced without another layout",
				       st_quote(&q, l->tensors[k].name, l->tensors[k].name_len),
				       w->c->path);
	return ST_OK;
}

static int fix_sums(struct writing *w, struct st_run *runs, size_t n, struct st_err *e)
{
	const struct st_format *f = w->c->format;
	struct st_source out;
	int rc = ST_OK;

	n = join(runs, n);
	st_source_init_fd(&out, w->fd, w->c->src->size, w->name);
	if (f->patch && n)
		rc = f->patch(w->fd, &out, runs, n, w->c->ctx->memory / 2, e);
	if (rc == ST_OK)
		rc = st_patch_check(w->c->ctx, w->c->path, f, w->c->layout, &out, e);
	return rc;
}

static int write_same(struct writing *w, struct st_err *e)
{
	uint8_t *kind = sort_out(w, e);
	struct st_run *runs = st_calloc(w->c->layout->ntensors, sizeof(*runs), e);
	size_t n = 0;
	int rc = e->code;

	if (rc == ST_OK)
		rc = check_places(w, kind, e);
	w->total = w->c->src->size;
	if (rc == ST_OK)
		rc = st_file_reserve(w->fd, w->total, w->name, e);
	if (rc == ST_OK)
		rc = stream(w, kind, runs, &n, e);
	if (rc == ST_OK)
		rc = fix_sums(w, runs, n, e);
	if (rc == ST_OK)
		rc = patch_rest(w, kind, e);
	free(kind);
	free(runs);
	return rc;
}

/* ---- a layout of its own ---- */

static int refuse(const struct writing *w, struct st_err *e)
{
	struct st_quote q;
	char what[192] = "";

	if (w->which)
		snprintf(what, sizeof(what), "tensor %s ", st_quote(&q, w->which, w->which_len));
	return st_fail(e, ST_EREFUSED,
		       "%s: %s%s %s, and strata does not lay out new %s files: convert the models "
		       "to safetensors first",
		       w->name, what, w->differs, w->c->path, w->c->format->name);
}

static int by_offset(const void *pa, const void *pb)
{
	const struct st_tensor *a = pa, *b = pb;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return (a->nbytes > b->nbytes) - (a->nbytes < b->nbytes);
}

/* held: which of v it is, since the format may order them as it likes */
static struct st_tensor *list_new(const struct writing *w, struct st_err *e)
{
	struct st_tensor *t = st_calloc(w->c->n, sizeof(*t), e);

	for (size_t i = 0; t && i < w->c->n; i++) {
		const struct st_compose_tensor *x = &w->c->v[i];

		t[i] = (struct st_tensor){ .name = x->name,
					   .name_len = x->name_len,
					   .dtype = x->dtype,
					   .ndim = x->ndim,
					   .shape = x->shape,
					   .held = (const uint8_t *)x };
	}
	return t;
}

static int write_kept(struct writing *w, const struct st_compose_tensor *x, struct st_err *e)
{
	size_t k = w->base_of[x - w->c->v];
	int rc = st_check_cancel(w->c->ctx, e);

	ST_BUG_ON(k == 0);
	return rc == ST_OK ? st_format_each(&w->c->layout->tensors[k - 1], w->c->src, ROOM,
					    put_piece, w, e) :
			     rc;
}

static int write_all(struct writing *w, const struct st_buf *head, struct st_tensor *t,
		     struct st_err *e)
{
	int rc = put(w, head->p, head->len, e);

	for (size_t i = 0; rc == ST_OK && i < w->c->n; i++) {
		const struct st_compose_tensor *x = (const struct st_compose_tensor *)t[i].held;

		if (x->keep && t[i].nbytes)
			rc = write_kept(w, x, e);
		else
			rc = fill(w, (size_t)(x - w->c->v), t[i].nbytes, put_piece, w, e);
	}
	return rc;
}

static int write_new(struct writing *w, struct st_err *e)
{
	const struct st_compose *c = w->c;
	struct st_tensor *t;
	struct st_buf head;
	int rc;

	if (!c->format->head)
		return refuse(w, e);
	t = list_new(w, e);
	if (!t)
		return e->code;
	st_buf_init(&head, (size_t)(c->ctx->memory / 4));
	rc = c->format->head(&head, t, c->n, c->layout->metadata, c->layout->metadata_len, e);
	if (rc == ST_OK) {
		if (c->n)
			qsort(t, c->n, sizeof(*t), by_offset);
		w->total = head.len;
		for (size_t i = 0; i < c->n; i++)
			w->total += t[i].nbytes;
		rc = st_file_reserve(w->fd, w->total, w->name, e);
		if (rc == ST_OK)
			rc = write_all(w, &head, t, e);
	} else {
		st_wrap(e, "%s", w->name);
	}
	st_buf_release(&head);
	free(t);
	return rc;
}

int st_compose_write(const struct st_compose *c, int fd, const char *name, struct st_err *e)
{
	struct writing w = { .c = c, .fd = fd, .name = name };
	int rc = match(&w, e);

	if (rc == ST_OK)
		rc = w.differs ? write_new(&w, e) : write_same(&w, e);
	if (rc == ST_OK)
		st_progress(c->ctx, "write", w.total, w.total, true, true);
	free(w.new_of);
	free(w.base_of);
	return rc;
}

static int check_same(struct writing *w, struct st_err *e)
{
	uint8_t *kind = sort_out(w, e);
	int rc = kind ? check_places(w, kind, e) : (int)e->code;

	free(kind);
	return rc;
}

int st_compose_check(const struct st_compose *c, const char *name, struct st_err *e)
{
	struct writing w = { .c = c, .name = name };
	int rc = match(&w, e);

	if (rc == ST_OK && w.differs)
		rc = c->format->head ? ST_OK : refuse(&w, e);
	else if (rc == ST_OK)
		rc = check_same(&w, e);
	free(w.new_of);
	free(w.base_of);
	return rc;
}

int st_compose_same_layout(const struct st_compose *c, bool *same, struct st_err *e)
{
	struct writing w = { .c = c };
	int rc = match(&w, e);

	*same = !w.differs;
	free(w.new_of);
	free(w.base_of);
	return rc;
}

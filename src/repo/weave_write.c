/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/weave.h"

#include "base/file.h"
#include "repo/compose.h"
#include "repo/reparse.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define ROOM ((size_t)1 << 20)

/* The file whose layout and metadata the result has. */
static const struct st_stage_row *pattern_row(const struct st_fabric *f)
{
	return f->like ? f->like : f->s->side[f->pattern];
}

struct sewing {
	struct st_fabric *f;
	struct st_reparse pattern;
	struct st_compose_tensor *v;
	bool all_kept;
};

/* ---- layers ---- */

static int see_layer(void *arg, const struct st_view *v, const struct st_segment *seg,
		     uint64_t seg_off, struct st_err *e)
{
	double *last = arg;
	uint64_t layer;

	(void)seg;
	(void)seg_off;
	(void)e;
	if (st_layer_of(v->name, v->name_len, &layer) && (double)layer > *last)
		*last = (double)layer;
	return ST_OK;
}

static size_t dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

/* A model may lie in several files of one directory. */
static int find_layers(struct st_fabric *f, struct st_err *e)
{
	const struct st_index *ours = &f->w->sides[f->pattern];
	size_t n = dir_of(f->s->path);
	int rc = ST_OK;

	f->layers = 0;
	for (size_t i = 0; rc == ST_OK && i < ours->nrows; i++) {
		const struct st_stage_row *row = &ours->rows[i];
		struct st_vfile *v;

		if (dir_of(row->path) != n || memcmp(row->path, f->s->path, n) != 0)
			continue;
		rc = st_vfile_open_model(&v, f->w->r, row, e);
		if (rc == ST_OK && v)
			rc = st_vfile_views(v, see_layer, &f->layers, e);
		st_vfile_close(v);
	}
	return rc;
}

static double layer_of(const struct st_fabric *f, const struct st_thread *t)
{
	uint64_t layer;

	if (!st_layer_of(t->name, t->name_len, &layer))
		return NAN;
	if (f->layers <= 0)
		return 0;
	return (double)layer > f->layers ? 1 : (double)layer / f->layers;
}

/* ---- bytes ---- */

/* Its bytes before t's tail. */
static int open_of(const struct st_side *side, const struct st_operand *op,
		   const struct st_thread *t, struct st_source *src, struct st_err *e)
{
	int rc = side->open(side->arg, (size_t)(op - side->t), src, e);

	if (rc == ST_OK && t->tail && src->size > t->head)
		src->size = t->head;
	return rc;
}

/* What weighs that. */
static int open_extra(const struct st_thread_extra *x, const struct st_thread *t,
		      struct st_source *src, struct st_err *e)
{
	int rc = x->side->open(x->side->arg, (size_t)(x->op - x->side->t), src, e);

	if (rc == ST_OK && t->tail && x->op->shape[0])
		src->size = src->size / x->op->shape[0] * t->head_shape[0];
	return rc;
}

const char *st_weave_side_text(size_t side, char text[ST_SIDE_TEXT])
{
	if (side < 2)
		return side ? "theirs" : "ours";
	snprintf(text, ST_SIDE_TEXT, "theirs %zu", side);
	return text;
}

const char *st_weave_label(struct st_weave *w, size_t side, const char *path, struct st_err *e)
{
	char text[ST_SIDE_TEXT];
	const char *label = NULL;
	struct st_buf b;

	st_buf_init(&b, 1 << 16);
	if (st_buf_addf(&b, e, "'%s' of %s", path, st_weave_side_text(side, text)) == ST_OK)
		label = st_arena_dup(&w->arena, b.p, b.len, e);
	st_buf_release(&b);
	return label;
}

struct inputs {
	struct st_source src[3 * ST_THREE_SIDES + 1];
	struct st_blend_input in[ST_THREE_SIDES], base, extra[2 * ST_THREE_SIDES];
	char label[ST_THREE_SIDES][ST_SIDE_TEXT];
	size_t n;     /* models */
	size_t nopen; /* sources */
};

static int open_inputs(struct st_fabric *f, const struct st_thread *t, struct inputs *x,
		       struct st_err *e)
{
	int rc = ST_OK;

	if (t->base) {
		rc = open_of(st_diff_side_get(f->base), t->base, t, &x->src[x->nopen], e);
		x->base = (struct st_blend_input){ &x->src[x->nopen], t->base->dtype, "base" };
		x->nopen += rc == ST_OK;
	}
	for (size_t i = 0; rc == ST_OK && i < f->w->n; i++) {
		if (!t->in[i])
			continue;
		rc = open_of(st_diff_side_get(f->side[i]), t->in[i], t, &x->src[x->nopen], e);
		x->in[x->n++] = (struct st_blend_input){ &x->src[x->nopen], t->in[i]->dtype,
							 st_weave_side_text(i, x->label[i]) };
		x->nopen += rc == ST_OK;
	}
	for (size_t i = 0; rc == ST_OK && i < t->nextra; i++) {
		rc = open_extra(&t->extra[i], t, &x->src[x->nopen], e);
		x->extra[i] = (struct st_blend_input){ &x->src[x->nopen], t->extra[i].op->dtype,
						       t->extra[i].label };
		x->nopen += rc == ST_OK;
	}
	return rc;
}

static int fill_blend(struct st_fabric *f, const struct st_thread *t, st_bytes_fn sink, void *arg,
		      struct st_err *e)
{
	struct inputs x = { .n = 0 };
	struct st_blend b = { .name = t->seed_name,
			      .name_len = t->seed_len,
			      .dtype = t->op->dtype,
			      .ndim = t->op->ndim,
			      .shape = t->tail ? t->head_shape : t->op->shape,
			      .models = x.in,
			      .extra = x.extra,
			      .nextra = t->nextra,
			      .factors = t->factors,
			      .spec = &t->from.spec,
			      .layer = layer_of(f, t),
			      .seed = f->w->d->seed,
			      .allow_nonfinite = f->w->d->nonfinite };
	int rc = open_inputs(f, t, &x, e);

	b.base = x.base;
	b.nmodels = x.n;
	if (rc == ST_OK && t->from.how == ST_HOW_UNION) {
		const struct st_rows r = { .how = &t->from,
					   .u = &t->vocab->u,
					   .op = t->op,
					   .base = t->base,
					   .bases = t->row_bases,
					   .in = t->in,
					   .b = b };

		rc = st_rows_fill(&r, &f->w->r->ctx, sink, arg, e);
	} else if (rc == ST_OK) {
		rc = st_blend_run(&b, &f->w->r->ctx, sink, arg, e);
	}
	for (size_t i = 0; i < x.nopen; i++)
		st_source_close(&x.src[i]);
	return rc;
}

/* Bytes from `at` to `to`. */
static int copy(const struct st_source *src, uint64_t at, uint64_t to, st_bytes_fn sink, void *arg,
		struct st_err *e)
{
	uint8_t *p = st_malloc(ROOM, e);
	int rc = p ? ST_OK : (int)e->code;

	for (size_t n; rc == ST_OK && at < to; at += n) {
		n = to - at < ROOM ? (size_t)(to - at) : ROOM;
		rc = st_source_read(src, p, n, at, e);
		if (rc == ST_OK)
			rc = sink(arg, p, n, e);
	}
	free(p);
	return rc;
}

static int fill_copy(const struct st_thread *t, st_bytes_fn sink, void *arg, struct st_err *e)
{
	struct st_source src;
	int rc = open_of(t->side, t->of, t, &src, e);

	if (rc != ST_OK)
		return rc;
	rc = copy(&src, 0, src.size, sink, arg, e);
	st_source_close(&src);
	return rc;
}

static int fill_tail(const struct st_thread *t, st_bytes_fn sink, void *arg, struct st_err *e)
{
	const struct st_side *of = t->tail_side;
	struct st_source src;
	int rc = of->open(of->arg, (size_t)(t->tail - of->t), &src, e);

	if (rc != ST_OK)
		return rc;
	rc = copy(&src, t->head, src.size, sink, arg, e);
	st_source_close(&src);
	return rc;
}

static bool is_made(const struct st_thread *t)
{
	return t->from.how == ST_HOW_METHOD || t->from.how == ST_HOW_UNION;
}

bool st_fabric_copies(const struct st_thread *t)
{
	return !is_made(t) && !t->tail;
}

static int fill(void *arg, size_t i, st_bytes_fn sink, void *sink_arg, struct st_err *e)
{
	struct sewing *k = arg;
	const struct st_thread *t = &k->f->v[i];

	int rc = is_made(t) ? fill_blend(k->f, t, sink, sink_arg, e) :
			      fill_copy(t, sink, sink_arg, e);

	return rc == ST_OK && t->tail ? fill_tail(t, sink, sink_arg, e) : rc;
}

/* ---- the file ---- */

/* The pattern's tensor of that name, if it is the same. */
static bool keeps(const struct st_side *pattern, const struct st_map *names,
		  const struct st_thread *t)
{
	const struct st_operand *op;
	uint64_t at;

	if (!st_fabric_copies(t) || !st_map_get(names, t->name, t->name_len, &at))
		return false;
	op = &pattern->t[at]; /* of this file */
	if (!st_oid_eq(&op->id, &t->op->id) || op->dtype != t->op->dtype || op->ndim != t->op->ndim)
		return false;
	for (unsigned i = 0; i < op->ndim; i++)
		if (op->shape[i] != t->op->shape[i])
			return false;
	return true;
}

static int list(struct sewing *k, struct st_err *e)
{
	const struct st_fabric *f = k->f;
	const struct st_side *pattern = f->like ? f->like_side :
						  st_diff_side_get(f->side[f->pattern]);
	const char *path = pattern_row(f)->path;
	struct st_map names;
	size_t n = 0;
	int rc = ST_OK;

	k->v = st_calloc(f->n, sizeof(*k->v), e);
	if (!k->v)
		return e->code;
	st_map_init(&names);
	for (size_t i = 0; rc == ST_OK && i < pattern->n; i++) {
		const struct st_operand *op = &pattern->t[i];

		if (strcmp(op->path, path) != 0) /* in another shard */
			continue;
		n++;
		rc = st_map_put(&names, op->name, op->name_len, i, NULL, NULL, e);
	}
	k->all_kept = n == f->n;
	for (size_t i = 0; rc == ST_OK && i < f->n; i++) {
		const struct st_thread *t = &f->v[i];

		k->v[i] = (struct st_compose_tensor){ .name = t->name,
						      .name_len = t->name_len,
						      .dtype = t->op->dtype,
						      .ndim = t->op->ndim,
						      .shape = t->op->shape,
						      .keep = keeps(pattern, &names, t) };
		k->all_kept = k->all_kept && k->v[i].keep;
	}
	st_map_release(&names);
	return rc;
}

/* fd negative: only checked */
static int compose(struct sewing *k, int fd, struct st_err *e)
{
	const struct st_fabric *f = k->f;
	struct st_compose c = { .ctx = &f->w->r->ctx,
				.path = f->s->path,
				.src = &k->pattern.src,
				.layout = &k->pattern.layout,
				.v = k->v,
				.n = f->n,
				.fill = fill,
				.arg = k,
				.shared = f->shared };
	struct st_vfile *v;
	int rc = st_vfile_open(&v, f->w->r, &pattern_row(f)->id, e);

	if (rc != ST_OK)
		return rc;
	rc = st_reparse_open(&k->pattern, f->w->r, v, e);
	if (rc == ST_OK) {
		c.format = st_format_get(st_vfile_manifest(v)->format);
		rc = fd < 0 ? st_compose_check(&c, f->s->path, e) :
			      st_compose_write(&c, fd, f->s->path, e);
	}
	st_reparse_close(&k->pattern);
	st_vfile_close(v);
	return rc;
}

static int check_space(const struct st_fabric *f, struct st_err *e)
{
	uint64_t need = pattern_row(f)->size, room;
	int rc = st_free_space(f->w->r->dir, &room, e);

	if (rc == ST_OK && need > room)
		rc = st_fail(e, ST_ENOSPC,
			     "%" PRIu64 " bytes are needed and %" PRIu64
			     " are free below %s: nothing was written",
			     need, room, f->w->r->dir);
	return rc;
}

static int sew(struct sewing *k, struct st_err *e)
{
	struct st_fabric *f = k->f;
	char *temp;
	int fd, rc = check_space(f, e);

	for (size_t i = 0; rc == ST_OK && i < f->n; i++)
		if (is_made(&f->v[i])) {
			rc = find_layers(f, e);
			break;
		}
	if (rc == ST_OK)
		rc = st_file_temp(&fd, &temp, f->w->r->dir, ST_TEMP_PREFIX, e);
	if (rc != ST_OK)
		return rc;
	rc = compose(k, fd, e);
	if (rc == ST_OK)
		rc = st_weave_store(f->w, f->s, fd, temp, e);
	if (rc == ST_OK)
		rc = st_weave_note_sewn(f->w, f, e);
	close(fd);
	unlink(temp);
	free(temp);
	return rc;
}

int st_fabric_check(struct st_fabric *f, struct st_err *e)
{
	struct sewing k = { .f = f };
	int rc = list(&k, e);

	for (size_t i = 0; rc == ST_OK && i < f->n; i++)
		if (f->v[i].open)
			k.v[i].keep = k.all_kept = false;
	if (rc == ST_OK && !k.all_kept)
		rc = compose(&k, -1, e);
	free(k.v);
	return rc;
}

int st_fabric_write(struct st_fabric *f, struct st_err *e)
{
	struct sewing k = { .f = f };
	int rc = list(&k, e);

	/* byte for byte a side's, header and all */
	if (rc == ST_OK && k.all_kept)
		rc = st_weave_take(f->w, f->s, pattern_row(f), e);
	else if (rc == ST_OK)
		rc = sew(&k, e);
	free(k.v);
	return rc;
}

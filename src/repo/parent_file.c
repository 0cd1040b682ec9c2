/* SPDX-License-Identifier: Apache-2.0 */
/* The stray file: its tensors, their sketches, and their ids. */
#include "repo/parent.h"

#define WIDTH_MAX 8
#define FAST_HASH ((uint64_t)1 << 20) /* what has no values is hashed up to this size */

static int note_file(void *arg, const char *path, const struct st_plainfile *f, struct st_err *e)
{
	struct st_stray *s = arg;
	char *copy;

	if (!f->format)
		return st_fail(e, ST_EFORMAT, "%s is not a model file that strata knows", path);
	copy = st_arena_dup(&s->arena, path, strlen(path), e);
	if (!copy || st_grow(&s->files, &s->cap, s->nfiles + 1, e) != ST_OK)
		return e->code;
	s->files[s->nfiles++] =
		(struct st_dfile){ .path = copy, .key = copy, .full = copy, .named = true };
	return ST_OK;
}

static int find_files(struct st_stray *s, const char *path, struct st_err *e)
{
	char *model = NULL;
	struct stat st;
	int rc = ST_OK;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		rc = st_plainfile_in(&model, path, e);
	if (rc == ST_OK)
		rc = st_each_plainfile(s->ctx, model ? model : path, note_file, s, NULL, e);
	free(model);
	return rc;
}

static int open_files(struct st_stray *s, struct st_err *e)
{
	int rc = st_diff_side_new(&s->side, s->r, s->ctx, e);

	for (size_t i = 0; rc == ST_OK && i < s->nfiles; i++) {
		rc = st_dfile_open(&s->files[i], s->r, s->ctx, e);
		if (rc == ST_OK)
			rc = st_diff_side_add(s->side, &s->files[i], e);
	}
	return rc;
}

/* ---- sketches ---- */

/* The window is read at once: it is a few KiB. */
static int read_sketch(const struct st_operand *op, const struct st_source *src,
		       struct st_sketch *out, struct st_err *e)
{
	unsigned n, width = st_dtype_info(op->dtype)->bits / 8;
	uint64_t at[ST_SKETCH_PLACES], first, window;
	uint8_t raw[ST_SKETCH_WINDOW * WIDTH_MAX], values[ST_SKETCH_PLACES * WIDTH_MAX];
	int rc;

	n = st_sketch_places(out->numel, at, &first, &window);
	rc = st_source_read(src, raw, (size_t)window * width, first * width, e);
	if (rc != ST_OK)
		return st_wrap(e, "%s", op->path);
	for (unsigned i = 0; i < n; i++)
		memcpy(values + (size_t)i * width, raw + (at[i] - first) * width, width);
	st_sketch_values(out, op->dtype, values, n);
	return ST_OK;
}

static int take_sketches(struct st_stray *s, struct st_err *e)
{
	const struct st_side *side = st_diff_side_get(s->side);
	struct st_source src;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->n; i++) {
		if (!st_sketch_type(s->ops[i].dtype) || !s->ops[i].nbytes)
			continue;
		rc = st_check_cancel(s->ctx, e);
		if (rc == ST_OK)
			rc = side->open(side->arg, i, &src, e);
		if (rc != ST_OK)
			break;
		rc = read_sketch(&s->ops[i], &src, &s->t[i].sketch, e);
		st_source_close(&src);
	}
	return rc;
}

static int take_ids(struct st_stray *s, struct st_err *e)
{
	const struct st_side *side = st_diff_side_get(s->side);
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->n; i++) {
		struct st_operand *op = &s->ops[i];

		if (s->fast && (s->t[i].sketch.n || op->nbytes > FAST_HASH))
			continue;
		rc = st_check_cancel(s->ctx, e);
		if (rc == ST_OK)
			rc = side->hash(side->arg, i, &op->id, e);
		op->has_id = rc == ST_OK;
		if (rc == ST_OK)
			rc = st_catalog_value_of(s->r->cat, &op->id, &s->t[i].object, e);
	}
	return rc;
}

/* Masks, positions and constants are the same in models that have nothing else in common: they
 * count only where there is nothing else. */
static void find_telling(struct st_stray *s)
{
	bool any = false;
	size_t i;

	for (i = 0; i < s->n; i++) {
		s->t[i].telling = st_sketch_telling(&s->t[i].sketch);
		any = any || s->t[i].telling;
	}
	for (i = 0; i < s->n; i++) {
		s->t[i].telling = s->t[i].telling || !any;
		s->elements += (double)s->t[i].sketch.numel;
		s->telling += s->t[i].telling ? (double)s->t[i].sketch.numel : 0;
	}
}

static int take_tensors(struct st_stray *s, struct st_err *e)
{
	const struct st_side *side = st_diff_side_get(s->side);
	int rc = ST_OK;

	s->n = side->n;
	s->t = st_calloc(s->n, sizeof(*s->t), e);
	s->ops = st_calloc(s->n, sizeof(*s->ops), e);
	if (!s->t || !s->ops)
		return e->code;
	for (size_t i = 0; rc == ST_OK && i < s->n; i++) {
		s->ops[i] = side->t[i];
		if (!st_shape_numel(side->t[i].shape, side->t[i].ndim, &s->t[i].sketch.numel))
			return st_fail(e, ST_EFORMAT, "%s: a tensor's shape is too large",
				       side->t[i].path);
		rc = st_map_put(&s->names, side->t[i].name, side->t[i].name_len, i, NULL, NULL, e);
	}
	return rc;
}

int st_stray_open(struct st_stray *s, struct st_repo *r, const struct st_ctx *ctx, const char *path,
		  bool fast, struct st_err *e)
{
	int rc;

	*s = (struct st_stray){ .r = r, .ctx = ctx, .fast = fast };
	st_arena_init(&s->arena);
	st_map_init(&s->names);
	rc = find_files(s, path, e);
	if (rc == ST_OK)
		rc = open_files(s, e);
	if (rc == ST_OK)
		rc = take_tensors(s, e);
	if (rc == ST_OK)
		rc = take_sketches(s, e);
	if (rc == ST_OK)
		rc = take_ids(s, e);
	if (rc != ST_OK)
		return rc;
	find_telling(s);
	return s->elements > 0 ? ST_OK :
				 st_fail(e, ST_EFORMAT, "%s has no tensors with elements", path);
}

void st_stray_release(struct st_stray *s)
{
	st_diff_side_free(s->side);
	for (size_t i = 0; i < s->nfiles; i++)
		st_dfile_close(&s->files[i]);
	free(s->files);
	free(s->ops);
	free(s->t);
	st_map_release(&s->names);
	st_arena_release(&s->arena);
}

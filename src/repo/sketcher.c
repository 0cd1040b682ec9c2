/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/sketcher.h"

#include "base/pool.h"
#include "repo/lookinto.h"
#include "tensor/rearrange.h"

#define BATCH ((size_t)128)
#define WIDTH_MAX 8

struct want {
	struct st_oid id, extent;
	enum st_dtype dtype;
	bool big_endian;
	unsigned n;
	uint64_t off[ST_SKETCH_PLACES]; /* in the extent */
	struct st_obj *ob;		/* NULL: cannot be read */
	struct st_sketch s;
};

struct st_sketcher {
	struct st_repo *r;
	struct st_codec_state **codecs; /* one a thread */
	unsigned jobs;
	struct want *v;
	size_t n;
};

int st_sketcher_new(struct st_sketcher **out, struct st_repo *r, struct st_err *e)
{
	struct st_sketcher *s = st_calloc(1, sizeof(*s), e);

	*out = NULL;
	if (!s)
		return e->code;
	s->r = r;
	s->jobs = r->ctx.jobs ? r->ctx.jobs : 1;
	s->v = st_calloc(BATCH, sizeof(*s->v), e);
	s->codecs = st_calloc(s->jobs, sizeof(struct st_codec_state *), e);
	if (!s->v || !s->codecs) {
		st_sketcher_free(s);
		return e->code;
	}
	*out = s;
	return ST_OK;
}

void st_sketcher_free(struct st_sketcher *s)
{
	if (!s)
		return;
	for (unsigned i = 0; s->codecs && i < s->jobs; i++)
		st_codec_state_free(s->codecs[i]);
	free(s->codecs);
	free(s->v);
	free(s);
}

/* ---- where ---- */

/* Of the first element from the lowest byte, which is another's where strides go backwards. */
static bool first_element(const struct st_tensor *t, uint64_t *out)
{
	uint64_t step;

	*out = 0;
	for (unsigned d = 0; t->strides && d < t->ndim; d++) {
		if (t->strides[d] >= 0 || t->shape[d] == 0)
			continue;
		if (!st_mul_u64(-(uint64_t)t->strides[d], t->shape[d] - 1, &step) ||
		    !st_add_u64(*out, step, out))
			return false;
	}
	return true;
}

/* Elements from the lowest; wraps as its steps do, and ends where it must. */
static uint64_t element(const struct st_tensor *t, uint64_t first, uint64_t at)
{
	for (unsigned d = t->ndim; d-- > 0;) {
		first += at % t->shape[d] * (uint64_t)t->strides[d];
		at /= t->shape[d];
	}
	return first;
}

bool st_sketch_offsets(const struct st_tensor *t, uint64_t off[ST_SKETCH_PLACES], unsigned *n)
{
	unsigned width = st_dtype_info(t->dtype)->bits / 8;
	uint64_t numel, first, window, from;

	*n = 0;
	if (t->where != ST_IN_FILE || !st_shape_numel(t->shape, t->ndim, &numel) ||
	    !first_element(t, &from))
		return false;
	*n = st_sketch_places(numel, off, &first, &window);
	for (unsigned i = 0; i < *n; i++) {
		if (t->strides)
			off[i] = element(t, from, off[i]);
		if (!st_mul_u64(off[i], width, &off[i]) || off[i] > t->nbytes ||
		    t->nbytes - off[i] < width || !st_add_u64(off[i], t->offset, &off[i]))
			return false;
	}
	return true;
}

/* ---- reading ---- */

static bool is_lost(int rc)
{
	return rc == ST_ENOTFOUND || rc == ST_ECORRUPT || rc == ST_EFORMAT;
}

static int read_values(struct want *w, struct st_codec_state *codec, struct st_err *e)
{
	unsigned width = st_dtype_info(w->dtype)->bits / 8;
	uint8_t raw[ST_SKETCH_PLACES * WIDTH_MAX];
	int rc = ST_OK;

	for (unsigned i = 0; i < w->n; i++)
		if (w->off[i] > st_obj_size(w->ob) || st_obj_size(w->ob) - w->off[i] < width)
			return st_fail(e, ST_ECORRUPT, "an extent's object has another size");
	for (unsigned i = 0; rc == ST_OK && i < w->n; i++)
		rc = st_obj_pread(w->ob, codec, raw + (size_t)i * width, width, w->off[i], e);
	if (rc != ST_OK)
		return rc;
	if (w->big_endian)
		st_swap_bytes(raw, (size_t)w->n * width, width);
	st_sketch_values(&w->s, w->dtype, raw, w->n);
	return ST_OK;
}

static int read_one(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	struct st_sketcher *s = arg;
	struct want *w = &s->v[i];
	struct st_err lost = { 0 };
	int rc = ST_OK;

	if (!w->ob)
		return ST_OK;
	if (!s->codecs[worker])
		rc = st_codec_state_new(&s->codecs[worker], e);
	if (rc != ST_OK)
		return rc;
	rc = read_values(w, s->codecs[worker], &lost);
	if (rc == ST_OK || is_lost(rc))
		return ST_OK;
	*e = lost;
	return rc;
}

static int open_one(struct st_sketcher *s, struct want *w, struct st_err *e)
{
	struct st_err lost = { 0 };
	int rc = w->n ? st_obj_open(&w->ob, s->r->odb, &w->extent, &lost) : ST_OK;

	if (rc == ST_OK || is_lost(rc))
		return ST_OK;
	*e = lost;
	return rc;
}

static int keep(struct st_sketcher *s, const struct want *w, struct st_err *e)
{
	uint8_t p[ST_SKETCH_BYTES];

	st_sketch_put(p, &w->s);
	return st_catalog_sketch_add(s->r->cat, &w->id, w->s.numel, p, 4 * (size_t)w->s.n, e);
}

int st_sketcher_flush(struct st_sketcher *s, struct st_err *e)
{
	unsigned jobs = s->n < 4 ? 1 : s->jobs; /* a few are not worth starting threads */
	size_t i, opened;
	int rc = ST_OK;

	for (opened = 0; rc == ST_OK && opened < s->n; opened++)
		rc = open_one(s, &s->v[opened], e);
	if (rc == ST_OK && s->n)
		rc = st_parallel(jobs, s->n, read_one, s, e);
	for (i = 0; rc == ST_OK && i < s->n; i++)
		rc = keep(s, &s->v[i], e);
	for (i = 0; i < opened; i++)
		st_obj_close(s->v[i].ob);
	s->n = 0;
	return rc;
}

int st_sketcher_add(struct st_sketcher *s, const struct st_view *v, const struct st_segment *seg,
		    struct st_err *e)
{
	struct st_tensor t;
	struct want *w;
	uint64_t numel;
	bool has;
	int rc;

	if (!st_shape_numel(v->shape, v->ndim, &numel))
		return ST_OK;
	rc = st_catalog_sketch_has(s->r->cat, &v->id, &has, e);
	if (rc == ST_OK && !has && s->n == BATCH)
		rc = st_sketcher_flush(s, e);
	if (rc != ST_OK || has)
		return rc;
	w = &s->v[s->n++];
	*w = (struct want){ .id = v->id,
			    .extent = seg->id,
			    .dtype = v->dtype,
			    .big_endian = v->big_endian,
			    .s = { .numel = numel } };
	st_view_tensor(&t, v, seg, 0);
	if (!st_sketch_type(v->dtype) || !st_sketch_offsets(&t, w->off, &w->n))
		w->n = 0;
	return ST_OK;
}

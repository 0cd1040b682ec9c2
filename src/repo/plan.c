/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/plan.h"

#include "base/pool.h"
#include "format/format.h"
#include "repo/lookinto.h"
#include "tensor/gather.h"

#include <stdatomic.h>
#include <time.h>

/* Glue is held in memory until its file ends: a gap larger than the first is chunks, and so is one
 * that is not tiny once there is much glue already. */
#define GLUE_GAP ((uint64_t)16 << 20)
#define GLUE_TOTAL ((uint64_t)64 << 20)
#define GLUE_TINY ((uint64_t)4 << 10)

void st_plan_release(struct st_plan *p)
{
	free(p->pieces);
	free(p->ids);
	*p = (struct st_plan){ 0 };
}

static int add(struct st_plan *p, const struct st_piece *piece, struct st_err *e)
{
	int rc = st_grow(&p->pieces, &p->cap, p->n + 1, e);

	if (rc == ST_OK)
		p->pieces[p->n++] = *piece;
	return rc;
}

static int add_gap(struct st_plan *p, uint64_t from, uint64_t to, uint64_t *glue, struct st_err *e)
{
	struct st_piece g = { .off = from, .size = to - from, .width = 1 };

	if (to <= from)
		return ST_OK;
	g.chunks = g.size > GLUE_GAP || (*glue + g.size > GLUE_TOTAL && g.size > GLUE_TINY);
	g.glue = !g.chunks;
	*glue += g.glue ? g.size : 0;
	return add(p, &g, e);
}

int st_plan_chunks(struct st_plan *p, uint64_t size, struct st_err *e)
{
	struct st_piece all = { .size = size, .chunks = true, .width = 1 };

	*p = (struct st_plan){ 0 };
	return size ? add(p, &all, e) : ST_OK;
}

/* Planes are of no use where elements of different widths overlap, or lie askew. */
static unsigned width_of(const struct st_tensor *t, size_t n)
{
	unsigned width = st_dtype_width(t->dtype);

	for (size_t i = 1; i < n; i++)
		if (st_dtype_width(t[i].dtype) != width || (t[i].offset - t->offset) % width)
			return 1;
	return width;
}

/* The same numbers in the machine's order everywhere; else they count as integers. */
static enum st_num number_of(const struct st_tensor *t, size_t n, unsigned width)
{
	enum st_num number = st_num_of_dtype(t->dtype);

	for (size_t i = 0; i < n; i++)
		if (t[i].big_endian || st_num_of_dtype(t[i].dtype) != number)
			return ST_NUM_INT;
	return st_num_fits(number, width) ? number : ST_NUM_INT;
}

/* Elements beyond the first dimension. */
static uint64_t row_of(const struct st_tensor *t, uint64_t size, unsigned width)
{
	if (t->ndim < 2 || t->shape[0] == 0 || !st_tensor_plain(t) || t->nbytes != size)
		return 0;
	return size / width / t->shape[0];
}

void st_piece_describe(struct st_piece *p, const struct st_tensor *t, size_t n, uint64_t size)
{
	p->width = width_of(t, n);
	p->number = number_of(t, n, p->width);
	p->row = row_of(t, size, p->width);
}

int st_plan_make(struct st_plan *p, const struct st_layout *l, struct st_err *e)
{
	struct st_piece x;
	uint64_t at = 0, glue = 0, end;
	size_t i, j, n = 0;
	int rc = ST_OK;

	*p = (struct st_plan){ 0 };
	while (n < l->ntensors && l->tensors[n].where == ST_IN_FILE)
		n++;
	p->in_file = n;
	for (i = 0; rc == ST_OK && i < n; i = j) {
		const struct st_tensor *t = &l->tensors[i];

		end = t->offset + t->nbytes; /* st_layout_finish checked the range */
		for (j = i + 1; j < n && l->tensors[j].offset < end; j++)
			if (l->tensors[j].offset + l->tensors[j].nbytes > end)
				end = l->tensors[j].offset + l->tensors[j].nbytes;
		x = (struct st_piece){
			.off = t->offset, .size = end - t->offset, .tensors = t, .ntensors = j - i
		};
		st_piece_describe(&x, t, x.ntensors, x.size);
		rc = add_gap(p, at, t->offset, &glue, e);
		if (rc == ST_OK)
			rc = add(p, &x, e);
		at = end;
	}
	if (rc == ST_OK)
		rc = add_gap(p, at, l->size, &glue, e);
	if (rc != ST_OK)
		st_plan_release(p);
	return rc;
}

/* ---- ids ---- */

/*
 * Tensors are hashed on all threads. What the caller's functions say is asked for on its own thread
 * only: the first worker is that thread, and once it has nothing left to hash it watches over the
 * others. So after the tasks come as many watches as there are workers; each takes one, since none
 * is over before all tasks are.
 */
struct hashers {
	struct st_plan *plan;
	const struct st_ctx *ctx;
	const struct st_layout *l;
	const struct st_source *src;
	uint64_t memory; /* for each */
	size_t *want;	 /* tensors to hash, in the layout's order */
	size_t *tasks;	 /* where in it they begin; one more at the end */
	size_t nwant, ntasks;
	atomic_size_t done;
	atomic_bool failed, stop;
};

static bool must_stop(void *arg)
{
	return atomic_load(&((struct hashers *)arg)->stop);
}

static bool must_stop_caller(void *arg)
{
	struct hashers *h = arg;

	if (h->ctx->cancelled && h->ctx->cancelled(h->ctx->arg))
		atomic_store(&h->stop, true);
	return must_stop(arg);
}

static int watch(struct hashers *h, const struct st_ctx *ctx, struct st_err *e)
{
	static const struct timespec pause = { .tv_nsec = 2000000 };
	int rc = ST_OK;

	while (rc == ST_OK && atomic_load(&h->done) < h->ntasks && !atomic_load(&h->failed)) {
		nanosleep(&pause, NULL);
		rc = st_check_cancel(ctx, e);
	}
	return rc;
}

static int hash_some(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	struct hashers *h = arg;
	const struct st_ctx ctx = { .jobs = 1,
				    .memory = h->memory,
				    .arg = h,
				    .cancelled = worker ? must_stop : must_stop_caller };
	struct st_format_reader r;
	int rc = ST_OK;

	if (i >= h->ntasks)
		return watch(h, &ctx, e);
	st_format_reader_init(&r, h->src, &ctx);
	for (size_t k = h->tasks[i]; rc == ST_OK && k < h->tasks[i + 1]; k++)
		rc = st_hash_tensor_with(&ctx, &r, &h->l->tensors[h->want[k]],
					 &h->plan->ids[h->want[k]], e);
	st_format_reader_release(&r);
	if (rc != ST_OK)
		atomic_store(&h->failed, true);
	atomic_fetch_add(&h->done, 1);
	return rc;
}

/* Tensors of one compressed member stay together; a large plain one takes all threads itself. */
static int add_task(struct hashers *h, const struct st_tensor *t, struct st_err *e)
{
	const struct st_tensor *last = h->nwant ? &h->l->tensors[h->want[h->nwant - 1]] : NULL;
	size_t i = (size_t)(t - h->l->tensors);
	int rc = st_check_cancel(h->ctx, e);

	if (rc != ST_OK)
		return rc;
	if (st_tensor_plain(t) && t->nbytes > ST_FRAME_LEN)
		return st_hash_tensor(h->ctx, h->src, t, &h->plan->ids[i], e);
	if (!last || t->where != ST_PACKED || last->where != ST_PACKED ||
	    t->packed->offset != last->packed->offset)
		h->tasks[h->ntasks++] = h->nwant;
	h->want[h->nwant++] = i;
	return ST_OK;
}

static int find_tasks(struct hashers *h, struct st_err *e)
{
	const struct st_plan *p = h->plan;
	int rc = ST_OK;

	for (size_t k = 0; rc == ST_OK && k < p->n; k++)
		for (size_t i = 0; rc == ST_OK && i < p->pieces[k].ntensors; i++) {
			const struct st_tensor *t = &p->pieces[k].tensors[i];

			if (!st_tensor_plain(t) || t->nbytes != p->pieces[k].size)
				rc = add_task(h, t, e);
		}
	for (size_t i = p->in_file; rc == ST_OK && i < h->l->ntensors; i++)
		rc = add_task(h, &h->l->tensors[i], e);
	h->tasks[h->ntasks] = h->nwant;
	return rc;
}

static int run_tasks(struct hashers *h, struct st_err *e)
{
	unsigned jobs = h->ctx->jobs ? h->ctx->jobs : 1;

	if (h->ntasks == 0)
		return ST_OK;
	if (jobs > h->ntasks)
		jobs = (unsigned)h->ntasks;
	h->memory = h->ctx->memory / jobs;
	return st_parallel(jobs, h->ntasks + jobs, hash_some, h, e);
}

int st_plan_ids(struct st_plan *p, const struct st_ctx *ctx, const struct st_layout *l,
		const struct st_source *src, struct st_err *e)
{
	struct hashers h = { .plan = p, .ctx = ctx, .l = l, .src = src };
	int rc;

	p->ids = st_calloc(l->ntensors, sizeof(*p->ids), e);
	h.want = p->ids ? st_calloc(l->ntensors + 1, sizeof(*h.want), e) : NULL;
	h.tasks = h.want ? st_calloc(l->ntensors + 1, sizeof(*h.tasks), e) : NULL;
	rc = h.tasks ? find_tasks(&h, e) : (int)e->code;
	if (rc == ST_OK)
		rc = run_tasks(&h, e);
	free(h.want);
	free(h.tasks);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over both models. What workers get are items: runs of one large tensor, or many small
 * tensors whole; they read both sides and sum. The sink gets them in order, joins runs to tensors
 * and tells of each tensor as it is complete. Tensors that need no reading go the same way, so that
 * the order is that of the pairs.
 */
#include "diff/models_priv.h"
#include "diff/pair_kernel.h"

#include "base/pool.h"
#include "tensor/layout.h"
#include "tensor/quote.h"

#define PARTS 128		  /* of an item */
#define UNITS ((size_t)1 << 18)	  /* elements of an item */
#define SIDE (ST_PAIR_CHUNK * 16) /* bytes of a part's elements, both sides, at most */

enum reading {
	READ_NONE,
	READ_ONE, /* both are the same */
	READ_BOTH
};

struct job { /* a pair; the caller's thread only, but what a part's worker reads */
	struct st_match m;
	struct st_tensor_delta d;
	enum reading reading;
	uint64_t units;	   /* to read; 0 with READ_NONE */
	uint64_t row_bits; /* of b; 0: rows are not told */
	struct st_source a, b;
	struct st_rows rows;
	unsigned refs; /* the producer's and one of each part */
};

struct part { /* a run of a pair */
	struct job *job;
	uint64_t at;
	size_t n;
	bool last;
	struct st_pair_sums sums;
	struct st_rows_part rows;
};

struct item {
	struct item *next; /* free ones */
	size_t nparts, units;
	struct part parts[PARTS];
};

struct run {
	const struct st_side *a, *b;
	const struct st_models_options *o;
	const struct st_ctx *ctx;
	int (*cb)(void *arg, const struct st_tensor_delta *d);
	void *arg;
	struct st_models_total *total;
	struct st_pipe *pipe;
	struct item *items, *filling;
	uint8_t **room; /* of each worker: a part's bytes, small enough to stay in its cache */
	struct st_pair_tree tree; /* of the tensor that is in the sink */
	uint64_t done, bytes;
};

/* ---- operands ---- */

unsigned st_operand_bits(enum st_dtype t)
{
	return st_pair_numeric(t) ? st_dtype_info(st_pair_component(t))->bits : 8;
}

uint64_t st_operand_units(const struct st_operand *t)
{
	return t->nbytes * 8 / st_operand_bits(t->dtype);
}

int st_operand_check(const struct st_operand *t, struct st_err *e)
{
	struct st_quote q;
	uint64_t want, numel;

	if (t->ndim > ST_MAX_NDIM || !st_shape_numel(t->shape, t->ndim, &numel))
		return st_fail(e, ST_EFORMAT, "%s: tensor %s: its shape is too large", t->path,
			       st_quote(&q, t->name, t->name_len));
	if (t->nbytes > UINT64_MAX / 8)
		return st_fail(e, ST_EFORMAT, "%s: tensor %s: %" PRIu64 " bytes", t->path,
			       st_quote(&q, t->name, t->name_len), t->nbytes);
	if (!st_pair_numeric(t->dtype))
		return ST_OK;
	if (!st_shape_nbytes(t->shape, t->ndim, t->dtype, &want) || want != t->nbytes)
		return st_fail(e, ST_EFORMAT,
			       "%s: tensor %s: %" PRIu64 " bytes are not what its shape takes",
			       t->path, st_quote(&q, t->name, t->name_len), t->nbytes);
	return ST_OK;
}

bool st_operand_same_shape(const struct st_operand *a, const struct st_operand *b)
{
	return a->ndim == b->ndim &&
	       (a->ndim == 0 || memcmp(a->shape, b->shape, a->ndim * sizeof(*a->shape)) == 0);
}

int st_operand_wrap(const struct st_operand *t, struct st_err *e)
{
	struct st_quote q;

	return st_wrap(e, "%s: tensor %s", t->path, st_quote(&q, t->name, t->name_len));
}

static int check_side(const struct st_side *s, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < s->n; i++)
		rc = st_operand_check(&s->t[i], e);
	return rc;
}

/* ---- what to do with a pair ---- */

static bool same_content(const struct st_match *m, const struct st_operand *a,
			 const struct st_operand *b)
{
	if (a->dtype != b->dtype || a->nbytes != b->nbytes)
		return false;
	return m->evidence == ST_SAME_CONTENT ||
	       (a->has_id && b->has_id && st_oid_eq(&a->id, &b->id));
}

static bool comparable(const struct st_operand *a, const struct st_operand *b)
{
	if (!st_pair_numeric(a->dtype) || !st_pair_numeric(b->dtype))
		return a->dtype == b->dtype && a->nbytes == b->nbytes;
	return st_operand_units(a) == st_operand_units(b);
}

static enum st_tensor_status status_of(const struct st_match *m, const struct st_operand *a,
				       const struct st_operand *b, bool same)
{
	if (!b)
		return ST_TENSOR_REMOVED;
	if (!a)
		return ST_TENSOR_ADDED;
	if (m->evidence != ST_SAME_NAME)
		return ST_TENSOR_RENAMED;
	if (!st_operand_same_shape(a, b))
		return ST_TENSOR_RESHAPED;
	if (a->dtype != b->dtype)
		return ST_TENSOR_RETYPED;
	return same ? ST_TENSOR_UNCHANGED : ST_TENSOR_CHANGED;
}

/* Those of b's shape. Sets neither where rows are no whole number of bits. */
static void plan_rows(struct job *j, const struct st_operand *b)
{
	uint64_t bits = b->nbytes * 8, rows = b->ndim ? b->shape[0] : 1;

	if (rows == 0 || bits % rows)
		return;
	j->d.rows = rows;
	j->row_bits = bits / rows;
}

static void plan(const struct run *r, const struct st_match *m, struct job *j)
{
	const struct st_operand *a = m->a == ST_NO_OPERAND ? NULL : &r->a->t[m->a];
	const struct st_operand *b = m->b == ST_NO_OPERAND ? NULL : &r->b->t[m->b];
	bool same = a && b && same_content(m, a, b), numbers;

	*j = (struct job){ .m = *m, .refs = 1 };
	j->d = (struct st_tensor_delta){ .status = status_of(m, a, b, same),
					 .a = a,
					 .b = b,
					 .evidence = m->evidence,
					 .closeness = m->closeness };
	if (!a || !b || !comparable(a, b))
		return;
	j->d.compared = true;
	plan_rows(j, b);
	numbers = st_pair_numeric(a->dtype);
	if (!same)
		j->reading = READ_BOTH;
	else if (numbers && r->o->all)
		j->reading = READ_ONE;
	else if (numbers)
		j->d.sums.numel = st_operand_units(a);
	j->d.read = j->reading != READ_NONE;
	if (j->d.read)
		j->units = st_operand_units(a);
}

static bool is_asked_for(const struct run *r, const struct st_side *s, size_t i)
{
	return i != ST_NO_OPERAND && r->o->wanted(r->o->wanted_arg, s->t[i].name, s->t[i].name_len);
}

static bool is_wanted(const struct run *r, const struct st_match *m)
{
	return !r->o->wanted || is_asked_for(r, r->a, m->a) || is_asked_for(r, r->b, m->b);
}

/* An unchanged tensor that nobody asks for. */
static bool is_silent(const struct run *r, const struct job *j)
{
	return j->d.status == ST_TENSOR_UNCHANGED && !r->o->all;
}

/* Of n elements. */
static uint64_t bytes_of(const struct job *j, uint64_t n)
{
	uint64_t bytes = n ? n * st_operand_bits(j->d.a->dtype) / 8 : 0;

	return j->reading == READ_BOTH && n ? bytes + n * st_operand_bits(j->d.b->dtype) / 8 :
					      bytes;
}

/* ---- workers ---- */

/* Which tensor it was is by chance when the file changes meanwhile. */
static int unreadable(const struct st_operand *t, struct st_err *e)
{
	return e->code == ST_ECHANGED ? ST_ECHANGED : st_operand_wrap(t, e);
}

static int read_part(const struct part *p, uint8_t *a, uint8_t *b, struct st_err *e)
{
	const struct job *j = p->job;
	unsigned bits_a = st_operand_bits(j->d.a->dtype), bits_b = st_operand_bits(j->d.b->dtype);
	uint64_t from_a = p->at / 8 * bits_a, from_b = p->at / 8 * bits_b; /* at is a multiple */

	if (st_source_read(&j->a, a, (p->n * bits_a + 7) / 8, from_a, e) != ST_OK)
		return unreadable(j->d.a, e);
	if (j->reading == READ_BOTH &&
	    st_source_read(&j->b, b, (p->n * bits_b + 7) / 8, from_b, e) != ST_OK)
		return unreadable(j->d.b, e);
	return ST_OK;
}

static struct st_rows_run rows_run(const struct part *p, const uint8_t *a, const uint8_t *b)
{
	const struct job *j = p->job;

	return (struct st_rows_run){ .ta = j->d.a->dtype,
				     .tb = j->d.b->dtype,
				     .a = a,
				     .b = b,
				     .at = p->at,
				     .n = p->n,
				     .row_bits = j->row_bits };
}

static void look_rows(struct part *p, const uint8_t *a, const uint8_t *b)
{
	struct st_rows_run run = rows_run(p, a, b);

	if (p->sums.changed == 0 || run.row_bits == 0)
		p->rows = (struct st_rows_part){ 0 };
	else if (run.row_bits == st_operand_bits(run.tb))
		p->rows = (struct st_rows_part){ .changed = p->sums.changed };
	else
		st_rows_look(&p->rows, &run);
}

static int work_part(const struct run *r, uint8_t *room, struct part *p, struct st_err *e)
{
	const struct job *j = p->job;
	uint8_t *a = room, *b = j->reading == READ_ONE ? a : room + SIDE / 2;
	int rc;

	if (p->n == 0)
		return ST_OK;
	rc = read_part(p, a, b, e);
	if (rc != ST_OK)
		return rc;
	st_pair_chunk(&p->sums, j->d.a->dtype, a, j->d.b->dtype, b, p->n,
		      r->o->histogram ? ST_PAIR_HISTOGRAM : 0);
	look_rows(p, a, b);
	return ST_OK;
}

static int work(void *arg, void *item, unsigned worker, struct st_err *e)
{
	const struct run *r = arg;
	struct item *it = item;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < it->nparts; i++)
		rc = work_part(r, r->room[worker], &it->parts[i], e);
	return rc;
}

/* ---- the sink ---- */

static void let_go(struct job *j)
{
	if (--j->refs)
		return;
	st_source_close(&j->a);
	st_source_close(&j->b);
	free(j);
}

static void count(struct run *r, const struct job *j)
{
	const struct st_tensor_delta *d = &j->d;

	r->total->tensors[d->status]++;
	r->total->common += d->a && d->b;
	if (!d->compared)
		return;
	st_pair_total(&r->total->sums, &d->sums);
	r->total->unread += j->reading == READ_NONE && d->sums.numel;
}

static int find_rank(const struct run *r, struct job *j, struct st_err *e)
{
	const struct st_operand *a = j->d.a, *b = j->d.b;
	struct st_rank_of of = { .a = &j->a,
				 .b = &j->b,
				 .ta = a->dtype,
				 .tb = b->dtype,
				 .rows = j->d.rows,
				 .max_abs = j->d.sums.max_abs,
				 .max = r->o->rank_max ? r->o->rank_max : 64 };
	struct st_rank rank;
	int rc;

	if (!st_pair_numeric(a->dtype) || st_pair_component(a->dtype) != a->dtype ||
	    st_pair_component(b->dtype) != b->dtype)
		return ST_OK;
	of.max = of.max < ST_RANK_MAX ? of.max : ST_RANK_MAX;
	of.cols = of.rows ? j->units / of.rows : 0;
	rc = st_rank_change(&rank, &of, r->ctx, e);
	if (rc != ST_OK)
		return st_operand_wrap(b, e);
	j->d.rank = rank.rank;
	j->d.rank_more = rank.more;
	return ST_OK;
}

/* Every run of it is joined. */
static int complete(struct run *r, struct job *j, struct st_err *e)
{
	struct st_tensor_delta *d = &j->d;
	int rc = ST_OK;

	if (d->status == ST_TENSOR_CHANGED && d->sums.changed == 0)
		d->status = ST_TENSOR_UNCHANGED;
	if (d->compared) {
		d->rows_changed = j->row_bits ? j->rows.changed : 0;
		d->cast = j->units && st_pair_numeric(d->a->dtype) &&
			  st_pair_component(d->a->dtype) != st_pair_component(d->b->dtype) &&
			  d->sums.uncast == 0;
	}
	if (r->o->rank && j->reading == READ_BOTH && d->sums.changed)
		rc = find_rank(r, j, e);
	if (rc != ST_OK)
		return rc;
	count(r, j);
	if (!is_silent(r, j) && r->cb(r->arg, d) != 0)
		return st_fail(e, ST_ENO, "stopped");
	return ST_OK;
}

static int sink_part(struct run *r, struct part *p, struct st_err *e)
{
	struct job *j = p->job;
	struct st_rows_run run;

	if (p->n == 0)
		return complete(r, j, e);
	if (j->row_bits) {
		run = rows_run(p, NULL, NULL);
		st_rows_join(&j->rows, &p->rows, &run);
	}
	r->done += bytes_of(j, p->n);
	if (p->at == 0 && p->last) {
		j->d.sums = p->sums;
		return complete(r, j, e);
	}
	if (p->at == 0)
		st_pair_tree_init(&r->tree);
	st_pair_tree_add(&r->tree, &p->sums);
	if (!p->last)
		return ST_OK;
	st_pair_tree_sum(&r->tree, &j->d.sums);
	return complete(r, j, e);
}

static int sink(void *arg, void *item, int rc, const struct st_err *ie, struct st_err *e)
{
	struct run *r = arg;
	struct item *it = item;
	int mine = rc == ST_OK ? st_check_cancel(r->ctx, e) : ST_OK;

	(void)ie;
	for (size_t i = 0; i < it->nparts; i++) {
		if (rc == ST_OK && mine == ST_OK)
			mine = sink_part(r, &it->parts[i], e);
		let_go(it->parts[i].job);
	}
	it->next = r->items;
	r->items = it;
	if (rc == ST_OK && mine == ST_OK)
		st_progress(r->ctx, "diff", r->done, r->bytes, true, false);
	return mine;
}

/* ---- the producer ---- */

static int flush(struct run *r, struct st_err *e)
{
	struct item *it = r->filling;

	r->filling = NULL;
	return it ? st_pipe_put(r->pipe, it, e) : ST_OK;
}

static int add_part(struct run *r, struct job *j, uint64_t at, size_t n, bool last,
		    struct st_err *e)
{
	struct item *it = r->filling;
	int rc;

	if (it && (it->nparts == PARTS || n > UNITS - it->units)) {
		rc = flush(r, e);
		if (rc != ST_OK)
			return rc;
		it = NULL;
	}
	if (!it) {
		it = r->items;
		ST_BUG_ON(!it);
		r->items = it->next;
		it->nparts = it->units = 0;
		r->filling = it;
	}
	it->parts[it->nparts].job = j;
	it->parts[it->nparts].at = at;
	it->parts[it->nparts].n = n;
	it->parts[it->nparts].last = last;
	it->nparts++;
	it->units += n;
	j->refs++;
	return ST_OK;
}

static int open_job(const struct run *r, struct job *j, struct st_err *e)
{
	int rc = ST_OK;

	if (j->units == 0)
		return ST_OK;
	rc = r->a->open(r->a->arg, j->m.a, &j->a, e);
	if (rc == ST_OK && j->reading == READ_BOTH)
		rc = r->b->open(r->b->arg, j->m.b, &j->b, e);
	return rc;
}

static int produce(struct run *r, struct job *j, struct st_err *e)
{
	uint64_t at = 0;
	size_t n;
	int rc = open_job(r, j, e);

	if (rc == ST_OK && j->units == 0)
		return add_part(r, j, 0, 0, true, e);
	for (; rc == ST_OK && at < j->units; at += n) {
		n = j->units - at < ST_PAIR_CHUNK ? (size_t)(j->units - at) : ST_PAIR_CHUNK;
		rc = add_part(r, j, at, n, at + n == j->units, e);
	}
	return rc;
}

static int each_match(struct run *r, const struct st_match *m, size_t n, struct st_err *e)
{
	struct job plan_only, *j;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		if (!is_wanted(r, &m[i]))
			continue;
		plan(r, &m[i], &plan_only);
		if (is_silent(r, &plan_only) && plan_only.reading == READ_NONE) {
			count(r, &plan_only);
			continue;
		}
		j = st_memdup(&plan_only, sizeof(plan_only), e);
		if (!j)
			return e->code;
		rc = produce(r, j, e);
		let_go(j);
	}
	return rc == ST_OK ? flush(r, e) : rc;
}

static void sum_bytes(struct run *r, const struct st_match *m, size_t n)
{
	struct job j;

	for (size_t i = 0; r->ctx->progress && i < n; i++) {
		if (!is_wanted(r, &m[i]))
			continue;
		plan(r, &m[i], &j);
		r->bytes += bytes_of(&j, j.units);
	}
}

/* ---- set up ---- */

static int add_item(struct run *r, struct st_err *e)
{
	struct item *it = st_calloc(1, sizeof(*it), e);

	if (!it)
		return e->code;
	it->next = r->items;
	r->items = it;
	return ST_OK;
}

static int add_rooms(struct run *r, unsigned jobs, struct st_err *e)
{
	r->room = st_calloc(jobs, sizeof(*r->room), e);
	for (unsigned i = 0; r->room && i < jobs; i++) {
		r->room[i] = st_malloc(SIDE, e);
		if (!r->room[i])
			return e->code;
	}
	return r->room ? ST_OK : (int)e->code;
}

static void free_all(struct run *r, unsigned jobs)
{
	struct item *it;

	while ((it = r->items)) {
		r->items = it->next;
		free(it);
	}
	for (unsigned i = 0; r->room && i < jobs; i++)
		free(r->room[i]);
	free(r->room);
}

/* As many as the budget has buffers for. */
static unsigned jobs_of(const struct st_ctx *ctx)
{
	uint64_t items = ctx->memory / (SIDE + sizeof(struct item)),
		 jobs = ctx->jobs ? ctx->jobs : 1;

	if (ctx->memory && jobs + 2 > items)
		jobs = items > 3 ? items - 2 : 1;
	return (unsigned)jobs;
}

static int run_all(struct run *r, const struct st_match *m, size_t n, struct st_err *e)
{
	static const struct st_pipe_ops ops = { .work = work, .sink = sink };
	unsigned i, jobs = jobs_of(r->ctx);
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < jobs + 2; i++)
		rc = add_item(r, e);
	if (rc == ST_OK)
		rc = add_rooms(r, jobs, e);
	if (rc == ST_OK)
		rc = st_pipe_new(&r->pipe, jobs, jobs + 1, &ops, r, e);
	if (rc != ST_OK) {
		free_all(r, jobs);
		return rc;
	}
	sum_bytes(r, m, n);
	rc = each_match(r, m, n, e);
	if (rc == ST_OK) {
		rc = st_pipe_drain(r->pipe, e);
	} else if (r->filling) {
		sink(r, r->filling, rc, e, e);
		r->filling = NULL;
	}
	st_pipe_free(r->pipe);
	free_all(r, jobs);
	return rc;
}

int st_diff_models(const struct st_side *a, const struct st_side *b,
		   const struct st_models_options *o, const struct st_ctx *ctx,
		   int (*cb)(void *arg, const struct st_tensor_delta *d), void *arg,
		   struct st_models_total *total, struct st_err *e)
{
	struct run r = { .a = a, .b = b, .o = o, .ctx = ctx, .cb = cb, .arg = arg, .total = total };
	struct st_match *m = NULL;
	size_t n;
	int rc;

	memset(total, 0, sizeof(*total));
	rc = check_side(a, e);
	if (rc == ST_OK)
		rc = check_side(b, e);
	if (rc == ST_OK)
		rc = st_match_models(&m, &n, a, b, o, ctx, e);
	if (rc == ST_OK)
		rc = run_all(&r, m, n, e);
	if (rc == ST_OK)
		st_progress(ctx, "diff", r.bytes, r.bytes, true, true);
	free(m);
	return rc;
}

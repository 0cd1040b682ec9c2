/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reads for merging. A pass reads slabs of all inputs on workers, decodes them block by block
 * into doubles and gives those to a function; results are folded in order on the calling thread.
 * Where slabs end decides nothing but speed.
 */
#include "merge/blend.h"

#include <float.h>
#include <math.h>

#include "base/pool.h"
#include "diff/pair_kernel.h"
#include "merge/magnitude.h"
#include "merge/method.h"
#include "merge/round.h"

#define BLOCK ST_BLEND_BLOCK
#define SLAB_MAX \
	((size_t)128 * BLOCK)	      /* elements: what all inputs have of it fits the last cache */
#define SLAB_MIN ((size_t)16 * BLOCK) /* worth a worker, where memory allows */

/* ---- what is read ---- */

struct feed {
	const struct st_blend_input *in;
	struct st_pair_loader loader;
	size_t bits; /* of a number */
	bool check;  /* floats: may be not finite */
	bool wide;   /* integers that a double may not hold */
};

struct own {		 /* a worker's */
	double *scratch; /* a block for each feed, one for the result, one for each model */
	double *segment; /* for ranks: distances from the base, */
	uint16_t *order; /* room for sorting, */
	uint16_t *rank;	 /* and the ranks of each model */
};

struct slab {
	uint64_t at;
	size_t n;
	uint8_t *raw; /* of each feed, one after the other */
	uint8_t *result;
};

struct engine {
	const struct st_job *j;
	const struct st_pass *p;
	struct feed *feed;
	size_t nfeeds, base, model, extra; /* where these begin */
	uint64_t from, to;		   /* numbers that the pass is over */
	size_t slab;			   /* numbers */
	struct slab *slabs, **idle;
	size_t nslabs, nidle;
	struct own *own; /* of each worker */
	bool refuse;	 /* what is not finite */
	bool codes;	 /* the pass may take blocks as they lie in the files */
};

static size_t slab_bytes(const struct feed *f, size_t n)
{
	return (n * f->bits + 7) / 8;
}

static int read_slab(const struct engine *g, struct slab *s, struct st_err *e)
{
	uint8_t *to = s->raw;

	for (size_t i = 0; i < g->nfeeds; i++) {
		const struct feed *f = &g->feed[i];

		if (st_source_read(f->in->src, to, slab_bytes(f, s->n), s->at * f->bits / 8, e) !=
		    ST_OK)
			return st_wrap(e, "%s", st_blend_label(f->in));
		to += slab_bytes(f, g->slab);
	}
	return ST_OK;
}

static int not_finite(const struct feed *f, const double *v, uint64_t at, struct st_err *e)
{
	size_t i = 0;

	while (isfinite(v[i]))
		i++;
	return st_fail(e, ST_EREFUSED, "element %" PRIu64 " of %s is %s: " ST_NONFINITE_HINT,
		       at + i, st_blend_label(f->in),
		       isnan(v[i]) ? "nan" :
		       v[i] < 0	   ? "-inf" :
				     "inf");
}

static int check_wide(const struct feed *f, const double *v, size_t n, uint64_t at,
		      struct st_err *e)
{
	for (size_t i = 0; i < n; i++)
		if (fabs(v[i]) > 0x1p53)
			return st_fail(e, ST_EREFUSED,
				       "element %" PRIu64 " of %s is beyond 2^53, where integers "
				       "are not computed with; ours and theirs copy them",
				       at + i, st_blend_label(f->in));
	return ST_OK;
}

static void load(const struct engine *g, const struct feed *f, double *out, const uint8_t *p,
		 size_t n)
{
#if defined(__x86_64__)
	if (g->j->level == ST_BLEND_AVX2 && st_pair_kernel_avx2.direct(f->loader.t) &&
	    f->loader.t != ST_F64)
		st_pair_kernel_avx2.load(out, f->loader.t, p, n);
	else
#endif
		st_pair_loader_run(&f->loader, out, p, n);
	(void)g;
	if (n < BLOCK)
		memset(out + n, 0, (BLOCK - n) * sizeof(*out));
}

/* Blocks of a slab's number `from` on. */
static int load_block(const struct engine *g, const struct slab *s, size_t from, size_t n,
		      double *scratch, struct st_err *e)
{
	const uint8_t *raw = s->raw;

	for (size_t i = 0; i < g->nfeeds; i++) {
		const struct feed *f = &g->feed[i];
		double *v = scratch + i * BLOCK;

		load(g, f, v, raw + from * f->bits / 8, n);
		if (f->check && g->refuse && !st_round_within(v, BLOCK, -DBL_MAX, DBL_MAX))
			return not_finite(f, v, s->at + from, e);
		if (f->wide && check_wide(f, v, n, s->at + from, e) != ST_OK)
			return e->code;
		raw += slab_bytes(f, g->slab);
	}
	return ST_OK;
}

/* ---- ranks ---- */

static bool ranked(const struct engine *g)
{
	return g->j->method->flags & ST_METHOD_RANKS;
}

/* The part of a row that begins at number `at`. */
static size_t segment_at(const struct engine *g, uint64_t at)
{
	const uint64_t left = g->j->row - at % g->j->row;

	return left < ST_BLEND_SEGMENT ? (size_t)left : ST_BLEND_SEGMENT;
}

static void distances(const struct engine *g, const struct slab *s, size_t from, size_t n,
		      size_t feed, double *out)
{
	const struct feed *f = &g->feed[feed], *base = &g->feed[g->base];
	const uint8_t *raw = s->raw;
	double v[BLOCK], b[BLOCK];

	for (size_t i = 0; i < feed; i++)
		raw += slab_bytes(&g->feed[i], g->slab);
	for (size_t at = from, m; at < from + n; at += m) {
		m = from + n - at < BLOCK ? from + n - at : BLOCK;
		load(g, f, v, raw + at * f->bits / 8, m);
		load(g, base, b, s->raw + at * base->bits / 8, m);
		for (size_t i = 0; i < m; i++)
			out[at - from + i] = fabs(v[i] - b[i]);
	}
}

static void rank_segment(const struct engine *g, const struct slab *s, size_t from, size_t n,
			 struct own *own)
{
	for (size_t m = 0; m < g->j->nmodels; m++) {
		distances(g, s, from, n, g->model + m, own->segment);
		st_magnitude_rank(own->rank + m * ST_BLEND_SEGMENT, own->segment, n, own->order);
	}
}

/* ---- a slab's work ---- */

static size_t result_bytes(const struct engine *g)
{
	return g->p->per_number ? g->p->per_number * g->slab :
				  g->p->per_block * ((g->slab + BLOCK - 1) / BLOCK);
}

static uint8_t *result_at(const struct engine *g, const struct slab *s, size_t from)
{
	return s->result +
	       (g->p->per_number ? g->p->per_number * from : g->p->per_block * (from / BLOCK));
}

/* A block as it lies in the files. False: not so. */
static bool take_codes(const struct engine *g, const struct slab *s, size_t from, size_t n,
		       unsigned worker)
{
	const uint8_t *in[ST_SPEC_VALUES];
	const struct st_codes k = { .at = s->at + from,
				    .base = g->base < g->model ? s->raw + 2 * from : NULL,
				    .model = in };

	if (!g->codes || n < BLOCK)
		return false;
	for (size_t i = 0; i < g->j->nmodels; i++)
		in[i] = s->raw + 2 * ((g->model + i) * g->slab + from);
	return g->p->codes(g->j, &k, g->p, result_at(g, s, from),
			   g->p->own ? g->p->own[worker] : NULL);
}

/* Numbers [from, from + n) of a slab, which are a segment or the whole. */
static int run_blocks(const struct engine *g, const struct slab *s, size_t from, size_t n,
		      unsigned worker, struct st_err *e)
{
	struct own *own = &g->own[worker];
	const double *in[2 * ST_SPEC_VALUES + 1];
	double *to[ST_SPEC_VALUES];
	const uint16_t *rank[ST_SPEC_VALUES];
	struct st_block k = {
		.base = g->base < g->model ? own->scratch + g->base * BLOCK : NULL,
		.model = in + g->model,
		.extra = in + g->extra,
		.out = own->scratch + g->nfeeds * BLOCK,
		.work = to,
		.rank = rank,
		.segment = n,
	};
	int rc = ST_OK;

	for (size_t i = 0; i < g->nfeeds; i++)
		in[i] = own->scratch + i * BLOCK;
	for (size_t i = 0; i < g->j->nmodels; i++)
		to[i] = own->scratch + (g->nfeeds + 1 + i) * BLOCK;
	for (size_t at = 0; at < n && rc == ST_OK; at += BLOCK) {
		k.at = s->at + from + at;
		k.n = n - at < BLOCK ? n - at : BLOCK;
		if (take_codes(g, s, from + at, k.n, worker))
			continue;
		for (size_t i = 0; i < g->j->nmodels && own->rank; i++)
			rank[i] = own->rank + i * ST_BLEND_SEGMENT + at;
		rc = load_block(g, s, from + at, k.n, own->scratch, e);
		if (rc == ST_OK)
			rc = g->p->block(g->j, &k, g->p, result_at(g, s, from + at),
					 g->p->own ? g->p->own[worker] : NULL, e);
	}
	return rc;
}

static int work(void *arg, void *item, unsigned worker, struct st_err *e)
{
	const struct engine *g = arg;
	struct slab *s = item;
	int rc = read_slab(g, s, e);

	if (g->p->per_block)
		memset(s->result, 0, result_bytes(g));
	for (size_t from = 0, n; from < s->n && rc == ST_OK; from += n) {
		n = ranked(g) ? segment_at(g, s->at + from) : s->n;
		if (ranked(g))
			rank_segment(g, s, from, n, &g->own[worker]);
		rc = run_blocks(g, s, from, n, worker, e);
	}
	return rc;
}

static int sink(void *arg, void *item, int rc, const struct st_err *ie, struct st_err *e)
{
	struct engine *g = arg;
	struct slab *s = item;

	(void)ie;
	if (rc == ST_OK && g->p->fold)
		rc = g->p->fold(g->j, g->p, s->at, s->n, s->result, e);
	g->idle[g->nidle++] = s;
	return rc;
}

static const struct st_pipe_ops pipe_ops = { .work = work, .sink = sink };

static struct slab *take(struct engine *g, uint64_t *at)
{
	struct slab *s = g->idle[--g->nidle];

	s->at = *at;
	s->n = g->to - *at < g->slab ? (size_t)(g->to - *at) : g->slab;
	if (ranked(g) && g->j->row > g->slab)
		s->n = segment_at(g, *at);
	*at += g->p->step ? g->p->step : s->n;
	return s;
}

static int run_here(struct engine *g, struct st_err *e)
{
	int rc = ST_OK;

	for (uint64_t at = g->from; at < g->to && rc == ST_OK;) {
		struct slab *s = take(g, &at);

		rc = st_check_cancel(g->j->ctx, e);
		if (rc == ST_OK)
			rc = work(g, s, 0, e);
		rc = sink(g, s, rc, e, e);
	}
	return rc;
}

static int run_pipe(struct engine *g, struct st_err *e)
{
	struct st_pipe *pipe;
	uint64_t at = g->from;
	int rc = st_pipe_new(&pipe, g->j->ctx->jobs, (unsigned)g->nslabs - 1, &pipe_ops, g, e);

	if (rc != ST_OK)
		return rc;
	while (rc == ST_OK && at < g->to) {
		rc = st_check_cancel(g->j->ctx, e);
		if (rc == ST_OK)
			rc = st_pipe_put(pipe, take(g, &at), e);
	}
	if (rc == ST_OK)
		rc = st_pipe_drain(pipe, e);
	st_pipe_free(pipe);
	return rc;
}

/* ---- memory ---- */

static void add_feed(struct engine *g, const struct st_blend_input *in)
{
	struct feed *f = &g->feed[g->nfeeds++];

	f->in = in;
	st_pair_loader_init(&f->loader, in->dtype);
	f->bits = st_dtype_info(f->loader.t)->bits;
	f->check = st_round_is_float(f->loader.t);
	f->wide = f->loader.t == ST_I64 || f->loader.t == ST_U64;
}

static int add_feeds(struct engine *g, struct st_err *e)
{
	const struct st_blend *b = g->j->b;
	const unsigned flags = g->j->method->flags;

	g->feed = st_calloc(1 + b->nmodels + b->nextra, sizeof(*g->feed), e);
	if (!g->feed)
		return e->code;
	if (g->j->method->info.needs_base)
		add_feed(g, &b->base);
	g->model = g->nfeeds;
	for (size_t i = 0; i < b->nmodels; i++)
		add_feed(g, &b->models[i]);
	g->extra = g->nfeeds;
	for (size_t i = 0; i < b->nextra && flags & ST_METHOD_FISHER; i++)
		add_feed(g, &b->extra[i]);
	g->codes = g->p->codes && g->j->level == ST_BLEND_AVX2;
	for (size_t i = 0; i < g->nfeeds; i++)
		g->codes = g->codes && g->feed[i].in->dtype == ST_BF16;
	return ST_OK;
}

static size_t own_bytes(const struct engine *g)
{
	const size_t models = g->j->nmodels;
	size_t n = (g->nfeeds + 1 + models) * BLOCK * sizeof(double);

	if (ranked(g))
		n += ST_BLEND_SEGMENT * (sizeof(double) + (models + 2) * sizeof(uint16_t));
	return n;
}

/* So many numbers that a slab has whole segments. */
static size_t whole_segments(const struct engine *g, size_t n)
{
	const uint64_t row = g->j->row;

	if (!ranked(g) || row == 0)
		return n;
	if (row > ST_BLEND_SEGMENT)
		return ST_BLEND_SEGMENT;
	return (size_t)(n < row ? row : n / row * row);
}

/* Is a block sooner read than handed to a worker? What an object holds must be decoded. */
static bool cheap(const struct engine *g)
{
	for (size_t i = 0; i < g->nfeeds; i++)
		if (g->feed[i].in->src->costly)
			return false;
	return true;
}

/* How many numbers a slab has, so that all of them and what workers need fit. */
static int size_slabs(struct engine *g, struct st_err *e)
{
	const struct st_job *j = g->j;
	const uint64_t workers = j->ctx->jobs, fixed = workers * own_bytes(g);
	uint64_t room = j->ctx->memory / 2, block, blocks, share;

	block = g->p->per_number ? g->p->per_number * BLOCK : g->p->per_block;
	for (size_t i = 0; i < g->nfeeds; i++)
		block += slab_bytes(&g->feed[i], BLOCK);
	g->nslabs = 2 * (size_t)workers + 1;
	room = room > fixed ? room - fixed : 0;
	blocks = room / (g->nslabs * block);
	share = (g->to - g->from) / (4 * workers * BLOCK) + 1;
	share = g->p->step ? 1 : share < SLAB_MIN / BLOCK ? SLAB_MIN / BLOCK : share;
	blocks = blocks > SLAB_MAX / BLOCK ? SLAB_MAX / BLOCK : blocks;
	g->slab = whole_segments(g, (size_t)(blocks > share ? share : blocks) * BLOCK);
	if (g->slab == 0 || g->nslabs * (g->slab / BLOCK) * block > room)
		return st_fail(e, ST_ELIMIT,
			       "%zu inputs on %u threads need more than %" PRIu64
			       " bytes of memory; raise --memory or lower --jobs",
			       g->nfeeds, j->ctx->jobs, j->ctx->memory);
	if (g->to - g->from <= g->slab || workers == 1 || (g->p->step && cheap(g)))
		g->nslabs = 1;
	return ST_OK;
}

static int alloc_own(struct engine *g, struct own *o, struct st_err *e)
{
	const size_t models = g->j->nmodels;

	o->scratch = st_calloc((g->nfeeds + 1 + models) * BLOCK, sizeof(double), e);
	if (!o->scratch)
		return e->code;
	if (!ranked(g))
		return ST_OK;
	o->segment = st_calloc(ST_BLEND_SEGMENT, sizeof(*o->segment), e);
	o->order = st_calloc(2 * (size_t)ST_BLEND_SEGMENT, sizeof(*o->order), e);
	o->rank = st_calloc(models * ST_BLEND_SEGMENT, sizeof(*o->rank), e);
	return o->segment && o->order && o->rank ? ST_OK : e->code;
}

static int alloc_slabs(struct engine *g, struct st_err *e)
{
	const unsigned workers = g->nslabs == 1 ? 1 : g->j->ctx->jobs;
	size_t raw = 0;
	int rc = ST_OK;

	for (size_t i = 0; i < g->nfeeds; i++)
		raw += slab_bytes(&g->feed[i], g->slab);
	g->slabs = st_calloc(g->nslabs, sizeof(*g->slabs), e);
	g->idle = st_calloc(g->nslabs, sizeof(*g->idle), e);
	g->own = st_calloc(g->j->ctx->jobs, sizeof(*g->own), e);
	if (!g->slabs || !g->idle || !g->own)
		return e->code;
	for (size_t i = 0; i < g->nslabs; i++) {
		g->slabs[i].raw = st_malloc(raw, e);
		g->slabs[i].result = st_malloc(result_bytes(g) + 1, e);
		if (!g->slabs[i].raw || !g->slabs[i].result)
			return e->code;
		g->idle[g->nidle++] = &g->slabs[i];
	}
	for (unsigned i = 0; i < workers && rc == ST_OK; i++)
		rc = alloc_own(g, &g->own[i], e);
	return rc;
}

static void engine_release(struct engine *g)
{
	for (size_t i = 0; i < g->nslabs && g->slabs; i++) {
		free(g->slabs[i].raw);
		free(g->slabs[i].result);
	}
	for (unsigned i = 0; i < g->j->ctx->jobs && g->own; i++) {
		free(g->own[i].scratch);
		free(g->own[i].segment);
		free(g->own[i].order);
		free(g->own[i].rank);
	}
	free(g->own);
	free(g->slabs);
	free(g->idle);
	free(g->feed);
}

int st_job_pass(struct st_job *j, const struct st_pass *p, struct st_err *e)
{
	struct engine g = { .j = j, .p = p, .from = p->from, .to = p->to ? p->to : j->n };
	int rc = add_feeds(&g, e);

	g.refuse = !j->b->allow_nonfinite && !j->finite;
	if (rc == ST_OK)
		rc = size_slabs(&g, e);
	if (rc == ST_OK)
		rc = alloc_slabs(&g, e);
	if (rc == ST_OK)
		rc = g.nslabs == 1 ? run_here(&g, e) : run_pipe(&g, e);
	engine_release(&g);
	if (rc == ST_OK && g.refuse && g.to - g.from == j->n && !p->step)
		j->finite = true;
	return rc;
}

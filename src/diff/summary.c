/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passes over a tensor. Of at most 16 bits a number, one pass counts codes, and everything follows
 * from the counts. Of more, the first pass sums and counts the upper 16 bits of the keys, each
 * further one the next 16 bits of those that share what is known of a wanted one, and the last
 * fills the bins, whose edges are then known.
 */
#include "diff/summary_priv.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"

#define CHUNK_BYTES (ST_PAIR_CHUNK * 8)
#define BAND 32 /* chunks for each thread, between two looks at whether to stop */

struct worker {
	uint8_t *raw;
	uint64_t *counts;
	uint64_t nan, pos_inf, neg_inf, zeros;
	struct st_bins bins;
};

struct summing {
	const struct st_ctx *ctx;
	const struct st_source *src;
	struct st_summary *out;
	struct st_pair_loader loader; /* of the component type */
	struct st_order order;
	unsigned bits;
	uint64_t units, nchunks, from; /* from: the band's first chunk */
	uint64_t done, bytes;	       /* of all passes */
	unsigned jobs;
	struct worker *workers;
	size_t ncounts;		  /* each worker has room for */
	struct st_moments *parts; /* one a chunk */
	struct st_picks picks;
};

struct chunk {
	uint64_t number;
	const uint8_t *raw;
	size_t n;
	struct worker *w;
};
typedef void (*chunk_fn)(struct summing *s, const struct chunk *c);

struct pass {
	struct summing *s;
	chunk_fn fn;
};

/* ---- reading ---- */

static size_t bytes_of(const struct summing *s, size_t n)
{
	return (n * s->bits + 7) / 8;
}

static int read_chunk(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	struct pass *p = arg;
	struct summing *s = p->s;
	struct worker *w = &s->workers[worker];
	uint64_t number = s->from + i, at = number * ST_PAIR_CHUNK, left = s->units - at;
	size_t n = left < ST_PAIR_CHUNK ? (size_t)left : ST_PAIR_CHUNK;
	struct chunk c = { number, w->raw, n, w };
	int rc = st_source_read(s->src, w->raw, bytes_of(s, n), at / 8 * s->bits, e);

	if (rc == ST_OK)
		p->fn(s, &c);
	return rc;
}

static int run_pass(struct summing *s, chunk_fn fn, struct st_err *e)
{
	struct pass p = { s, fn };
	uint64_t n, band = (uint64_t)BAND * s->jobs;
	int rc = ST_OK;

	for (s->from = 0; rc == ST_OK && s->from < s->nchunks; s->from += n) {
		n = s->nchunks - s->from < band ? s->nchunks - s->from : band;
		rc = st_check_cancel(s->ctx, e);
		if (rc == ST_OK)
			rc = st_parallel(s->jobs, n, read_chunk, &p, e);
		s->done += n * bytes_of(s, ST_PAIR_CHUNK);
		s->done = s->done < s->bytes ? s->done : s->bytes;
		if (rc == ST_OK)
			st_progress(s->ctx, "show", s->done, s->bytes, true, false);
	}
	return rc;
}

/* Into the first worker's. */
static void join_counts(struct summing *s, size_t n)
{
	uint64_t *sum = s->workers[0].counts;

	for (unsigned k = 1; k < s->jobs; k++)
		for (size_t i = 0; i < n; i++)
			sum[i] += s->workers[k].counts[i];
}

/* ---- at most 16 bits ---- */

static void count_codes(struct summing *s, const struct chunk *c)
{
	uint64_t *counts = c->w->counts;
	size_t i;

	switch (s->bits) {
	case 4:
		for (i = 0; i < c->n; i++)
			counts[c->raw[i / 2] >> 4 * (i % 2) & 15]++;
		break;
	case 8:
		for (i = 0; i < c->n; i++)
			counts[c->raw[i]]++;
		break;
	default:
		ST_BUG_ON(s->bits != 16);
		for (i = 0; i < c->n; i++)
			counts[st_get16(c->raw + 2 * i)]++;
	}
}

static double value_of(const struct summing *s, uint64_t code)
{
	uint8_t p[8];
	double v;

	st_put64(p, code);
	st_pair_loader_run(&s->loader, &v, p, 1);
	return v;
}

struct code { /* that some numbers have */
	double v;
	uint64_t count;
};

/* Finite ones by value; of the others only the counts are kept. *n of them, the caller's. */
static struct code *sort_codes(struct summing *s, const uint64_t *counts, size_t *n,
			       struct st_err *e)
{
	size_t ncodes = (size_t)1 << s->bits;
	struct code *codes = st_calloc(ncodes, sizeof(*codes), e);

	*n = 0;
	for (size_t key = 0; codes && key < ncodes; key++) {
		uint64_t code = st_order_code(&s->order, key);
		struct code c = { value_of(s, code), counts[code] };

		if (c.count == 0)
			continue;
		if (isnan(c.v)) {
			s->out->nan += c.count;
		} else if (isinf(c.v)) {
			s->out->pos_inf += c.v > 0 ? c.count : 0;
			s->out->neg_inf += c.v < 0 ? c.count : 0;
		} else {
			s->out->zeros += c.v == 0 ? c.count : 0;
			s->out->finite += c.count;
			s->out->distinct += *n == 0 || codes[*n - 1].v != c.v;
			codes[(*n)++] = c;
		}
	}
	return codes;
}

static void pick_codes(struct summing *s, const struct code *codes, size_t n)
{
	uint64_t below = 0;
	size_t k = 0;

	st_picks_init(&s->picks, s->out->finite);
	for (size_t i = 0; i < n; below += codes[i++].count)
		for (; k < s->picks.n && s->picks.v[k].rank < below + codes[i].count; k++)
			s->picks.v[k].value = codes[i].v;
}

static void sum_codes(struct st_summary *out, const struct code *codes, size_t n)
{
	struct st_exact_sum sum = { 0 }, square = { 0 };
	double m = (double)out->finite, d, dd;

	for (size_t i = 0; i < n; i++)
		st_exact_add(&sum, codes[i].v * (double)codes[i].count);
	out->mean = st_exact_value(&sum) / m; /* NaN of nothing */
	for (size_t i = 0; i < n; i++) {
		d = codes[i].v - out->mean;
		dd = d * d;
		st_exact_add(&square, dd * (double)codes[i].count);
	}
	out->std = sqrt(st_exact_value(&square) / m);
}

static int by_codes(struct summing *s, struct st_err *e)
{
	struct st_bins bins = { 0 };
	struct code *codes;
	size_t n;
	int rc = run_pass(s, count_codes, e);

	if (rc != ST_OK)
		return rc;
	join_counts(s, s->ncounts);
	s->out->has_distinct = true;
	codes = sort_codes(s, s->workers[0].counts, &n, e);
	if (!codes)
		return e->code;
	pick_codes(s, codes, n);
	st_picks_finish(&s->picks, s->out);
	sum_codes(s->out, codes, n);
	st_bins_choose(s->out, s->loader.t);
	for (size_t i = 0; i < n; i++)
		st_bins_count(&bins, s->out, &codes[i].v, 1, codes[i].count);
	s->workers[0].bins = bins;
	free(codes);
	return ST_OK;
}

/* ---- more than 16 bits ---- */

static uint64_t code_at(const struct summing *s, const uint8_t *raw, size_t i)
{
	return s->bits == 32 ? st_get32(raw + 4 * i) : st_get64(raw + 8 * i);
}

/* The finite ones, closed up; the others are counted. */
static size_t keep_finite(struct worker *w, double *v, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		double x = v[i];

		w->zeros += x == 0;
		v[kept] = x;
		kept += isfinite(x) != 0;
		w->nan += isnan(x) != 0;
		w->pos_inf += x == (double)INFINITY;
		w->neg_inf += x == -(double)INFINITY;
	}
	return kept;
}

static void count_tops(const struct summing *s, const struct chunk *c, const double *v, size_t at,
		       size_t n)
{
	const struct st_order order = s->order;

	for (size_t i = 0; i < n; i++) {
		uint64_t key = st_order_key(&order, code_at(s, c->raw, at + i));

		c->w->counts[key >> (s->bits - 16)] += isfinite(v[i]) != 0;
	}
}

static void sum_chunk(struct summing *s, const struct chunk *c)
{
	struct st_moments_tree tree = { .parts = 0 };
	double v[ST_PAIR_LEAF];
	struct st_moments m;
	size_t n;

	for (size_t at = 0; at < c->n; at += n) {
		n = c->n - at < ST_PAIR_LEAF ? c->n - at : ST_PAIR_LEAF;
		st_pair_loader_run(&s->loader, v, c->raw + bytes_of(s, at), n);
		count_tops(s, c, v, at, n);
		st_moments_leaf(&m, v, keep_finite(c->w, v, n));
		st_moments_add(&tree, &m);
	}
	s->parts[c->number] = st_moments_total(&tree);
}

static void count_digits(struct summing *s, const struct chunk *c)
{
	const struct st_picks *p = &s->picks;
	const struct st_order order = s->order;
	unsigned shift = s->bits - p->known - 16;

	for (size_t i = 0; i < c->n; i++) {
		uint64_t key = st_order_key(&order, code_at(s, c->raw, i));
		size_t g = st_picks_group(p, key, s->bits);

		if (g < p->ngroups)
			c->w->counts[g * ST_DIGITS + (key >> shift & (ST_DIGITS - 1))]++;
	}
}

static void fill_bins(struct summing *s, const struct chunk *c)
{
	double v[ST_PAIR_LEAF];
	size_t n;

	for (size_t at = 0; at < c->n; at += n) {
		n = c->n - at < ST_PAIR_LEAF ? c->n - at : ST_PAIR_LEAF;
		st_pair_loader_run(&s->loader, v, c->raw + bytes_of(s, at), n);
		st_bins_count(&c->w->bins, s->out, v, n, 1);
	}
}

static void join_first(struct summing *s)
{
	struct st_moments_tree tree = { .parts = 0 };
	struct st_moments m;

	for (unsigned k = 0; k < s->jobs; k++) {
		s->out->nan += s->workers[k].nan;
		s->out->pos_inf += s->workers[k].pos_inf;
		s->out->neg_inf += s->workers[k].neg_inf;
		s->out->zeros += s->workers[k].zeros;
	}
	for (uint64_t i = 0; i < s->nchunks; i++)
		st_moments_add(&tree, &s->parts[i]);
	m = st_moments_total(&tree);
	s->out->finite = m.n;
	s->out->mean = st_moments_mean(&m);
	s->out->std = st_moments_std(&m);
}

static int narrow(struct summing *s, struct st_err *e)
{
	int rc = ST_OK;

	join_counts(s, ST_DIGITS);
	st_picks_narrow(&s->picks, s->workers[0].counts);
	while (rc == ST_OK && s->picks.known < s->bits) {
		for (unsigned k = 0; k < s->jobs; k++)
			memset(s->workers[k].counts, 0,
			       s->picks.ngroups * ST_DIGITS * sizeof(uint64_t));
		rc = run_pass(s, count_digits, e);
		if (rc != ST_OK)
			break;
		join_counts(s, s->picks.ngroups * ST_DIGITS);
		st_picks_narrow(&s->picks, s->workers[0].counts);
	}
	return rc;
}

static int by_digits(struct summing *s, struct st_err *e)
{
	int rc;

	s->parts = st_calloc((size_t)s->nchunks, sizeof(*s->parts), e);
	rc = s->parts ? run_pass(s, sum_chunk, e) : (int)e->code;
	if (rc != ST_OK)
		return rc;
	join_first(s);
	st_picks_init(&s->picks, s->out->finite);
	if (s->picks.n)
		rc = narrow(s, e);
	for (size_t i = 0; rc == ST_OK && i < s->picks.n; i++)
		s->picks.v[i].value = value_of(s, st_order_code(&s->order, s->picks.v[i].prefix));
	if (rc != ST_OK)
		return rc;
	st_picks_finish(&s->picks, s->out);
	st_bins_choose(s->out, s->loader.t);
	return s->out->nbins ? run_pass(s, fill_bins, e) : ST_OK;
}

/* ---- set up ---- */

static void release(struct summing *s)
{
	for (unsigned k = 0; s->workers && k < s->jobs; k++) {
		free(s->workers[k].raw);
		free(s->workers[k].counts);
	}
	free(s->workers);
	free(s->parts);
}

/* As many threads as the budget has room for. */
static int make_workers(struct summing *s, struct st_err *e)
{
	uint64_t each = CHUNK_BYTES + s->ncounts * sizeof(uint64_t), fit;

	s->jobs = s->ctx->jobs ? s->ctx->jobs : 1;
	fit = s->ctx->memory ? s->ctx->memory / 2 / each : s->jobs;
	if (s->jobs > fit)
		s->jobs = fit ? (unsigned)fit : 1;
	if (s->jobs > s->nchunks)
		s->jobs = (unsigned)s->nchunks;
	s->workers = st_calloc(s->jobs, sizeof(*s->workers), e);
	for (unsigned k = 0; s->workers && k < s->jobs; k++) {
		s->workers[k].raw = st_malloc(CHUNK_BYTES, e);
		s->workers[k].counts = st_calloc(s->ncounts, sizeof(uint64_t), e);
	}
	return e->code;
}

static void join_bins(struct summing *s)
{
	for (unsigned k = 0; k < s->jobs; k++) {
		const struct st_bins *b = &s->workers[k].bins;

		for (size_t i = 0; i < ST_SUMMARY_BINS; i++)
			s->out->count[i] += b->count[i];
		s->out->below += b->below;
		s->out->above += b->above;
	}
	/* What a sum rounds is no spread. */
	if (s->out->finite && s->out->min == s->out->max) {
		s->out->mean = s->out->min;
		s->out->std = 0;
	}
}

int st_summarise(struct st_summary *out, const struct st_source *src, enum st_dtype t,
		 uint64_t units, const struct st_ctx *ctx, struct st_err *e)
{
	struct summing s = { .ctx = ctx, .src = src, .out = out, .units = units };
	int rc;

	*out = (struct st_summary){ .numel = units, .mean = NAN, .std = NAN };
	st_pair_loader_init(&s.loader, t);
	st_order_init(&s.order, s.loader.t);
	s.bits = st_dtype_info(s.loader.t)->bits;
	s.nchunks = units / ST_PAIR_CHUNK + (units % ST_PAIR_CHUNK != 0);
	s.ncounts = s.bits <= 16 ? (size_t)1 << s.bits : ST_PICKS * ST_DIGITS;
	s.bytes = src->size * (s.bits <= 16 ? 1 : s.bits / 16 + 1);
	if (units == 0) {
		out->has_distinct = s.bits <= 16;
		st_picks_init(&s.picks, 0);
		st_picks_finish(&s.picks, out);
		return ST_OK;
	}
	rc = make_workers(&s, e);
	if (rc == ST_OK)
		rc = s.bits <= 16 ? by_codes(&s, e) : by_digits(&s, e);
	if (rc == ST_OK)
		join_bins(&s);
	if (rc == ST_OK)
		st_progress(ctx, "show", s.bytes, s.bytes, true, true);
	release(&s);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The k-th largest distance is found among the bits of distances, which order as the numbers do. A
 * pass counts those in a range of bits by 2^16 parts of it; the part that has the k-th is the next
 * range. The number is known once the range is one, or has just one number of as many trailing
 * zeros as all that were seen have, as where inputs have few bits.
 *
 * A large tensor's first range comes from a sample, and with it the number that is the k-th if
 * numbers are coarse: those equal to it are counted apart, so that one pass can be enough. Where
 * the sample misled, all begins anew without it. Nothing of this can change what is found.
 *
 * Then the last of the equal ones is looked for that is still among the k.
 */

#include "merge/magnitude.h"

#include <float.h>
#include <math.h>

#include "base/pool.h"
#include "merge/codes.h"

#define DIGIT 16
#define DIGITS ((size_t)1 << DIGIT)
#define ALL (UINT64_MAX >> 1) /* bits of a distance: it has no sign */
#define BLOCK ST_BLEND_BLOCK
#define REGION ((uint64_t)128 * BLOCK) /* numbers whose equal ones are counted together */
#define SAMPLE_PARTS ((size_t)128)     /* a block of each */
#define SAMPLE (SAMPLE_PARTS * BLOCK)
#define SAMPLE_DIGIT 12
#define SAMPLED ((uint64_t)1 << 21) /* numbers of a tensor that is sampled */

static uint64_t bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static double of_bits(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* ---- ranks: least digit first, so that equal ones keep their order ---- */

void st_magnitude_rank(uint16_t *rank, const double *v, size_t n, uint16_t *order)
{
	uint16_t *from = order, *to = order + n, *swap;

	ST_BUG_ON(n > ST_BLEND_SEGMENT);
	for (size_t i = 0; i < n; i++)
		from[i] = (uint16_t)i;
	for (unsigned shift = 0; shift < 64; shift += 8) {
		uint32_t count[256] = { 0 }, sum = 0, c;

		for (size_t i = 0; i < n; i++)
			count[bits_of(v[i]) >> shift & 255]++;
		if (n == 0 || count[bits_of(v[0]) >> shift & 255] == n)
			continue;
		for (size_t d = 0; d < 256; d++) {
			c = count[d];
			count[d] = sum;
			sum += c;
		}
		for (size_t i = 0; i < n; i++)
			to[count[bits_of(v[from[i]]) >> shift & 255]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	for (size_t i = 0; i < n; i++)
		rank[from[i]] = (uint16_t)i;
}

/* ---- the k-th ---- */

struct search {		 /* of one model */
	uint64_t lo, hi; /* range of bits that it lies in */
	uint64_t left;	 /* its rank from the largest of the range, 1 the first */
	bool sampled;	 /* left is its rank in the tensor, and the range a guess */
	double guess;	 /* if it is a number, perhaps the k-th */
	double value;	 /* once done */
	bool done;
	uint32_t *equal; /* to the guess, of each region; NULL: not counted */
};

struct tally { /* what a worker counted of one model */
	uint64_t count[DIGITS];
	uint64_t above;		     /* the range */
	uint64_t over, equal;	     /* the guess */
	uint64_t bits;		     /* that any number in the range has */
	struct st_codes_found found; /* in one block */
};

struct group { /* of models that are counted at a time */
	struct search *s;
	size_t first, n;
};

static unsigned shift_of(const struct search *s)
{
	unsigned shift = 0;

	while ((s->hi - s->lo) >> shift >= DIGITS)
		shift++;
	return shift;
}

struct range {
	double lo, hi, guess;
};

struct counts {
	uint64_t above, over, equal;
};

/* d becomes the distance of those in the range, but of the guess, which is counted; else -1. NaN is
 * as large as Inf, so that there is a k-th. */
ST_BLEND_INLINE struct counts compare(double *restrict d, const double *restrict x,
				      const double *restrict b, size_t n, const struct range *r)
{
	const double lo = r->lo, hi = r->hi, guess = r->guess;
	uint64_t above = 0, over = 0, equal = 0;

	for (size_t i = 0; i < n; i++) {
		const double way = fabs(x[i] - b[i]), far = way >= 0 ? way : (double)INFINITY;
		const double from = far >= lo ? far : -1;
		const double to = far <= hi ? from : -1;

		d[i] = far == guess ? -1 : to;
		above += far > hi;
		over += far > guess;
		equal += far == guess;
	}
	return (struct counts){ above, over, equal };
}

ST_BLEND_TARGET_AVX2 static struct counts compare_avx2(double *d, const double *x, const double *b,
						       const struct range *r)
{
	return compare(d, x, b, BLOCK, r);
}

static void count_range(const struct search *s, struct tally *t, const double *d, size_t n)
{
	const unsigned shift = shift_of(s);
	const uint64_t lo = s->lo;
	uint64_t bits, all = 0;

	for (size_t i = 0; i < n; i++) {
		if (d[i] < 0)
			continue;
		bits = bits_of(d[i]);
		t->count[(bits - lo) >> shift]++;
		all |= bits;
	}
	t->bits |= all;
}

static uint32_t count_model(const struct search *s, struct tally *t, const struct st_block *k,
			    size_t m, enum st_blend_level l)
{
	const struct range r = { of_bits(s->lo), s->hi == ALL ? (double)INFINITY : of_bits(s->hi),
				 s->guess };
	struct counts c;
	double d[BLOCK];

	if (l == ST_BLEND_AVX2 && k->n == BLOCK)
		c = compare_avx2(d, k->model[m], k->base, &r);
	else
		c = compare(d, k->model[m], k->base, k->n, &r);
	t->above += c.above;
	t->over += c.over;
	t->equal += c.equal;
	count_range(s, t, d, k->n);
	return (uint32_t)c.equal;
}

static int count_block(const struct st_job *j, const struct st_block *k, const struct st_pass *p,
		       void *result, void *own, struct st_err *e)
{
	const struct group *g = p->arg;
	struct tally *t = own;
	uint32_t *equal = result;

	(void)e;
	for (size_t m = 0; m < g->n; m++)
		if (!g->s[g->first + m].done)
			equal[m] =
				count_model(&g->s[g->first + m], &t[m], k, g->first + m, j->level);
	return ST_OK;
}

/* What count_model does, of a block as it lies in the files. False: it cannot. */
static bool find_codes(const struct search *s, struct tally *t, const uint8_t *x,
		       const uint8_t *base)
{
	const struct st_codes_range r = { st_codes_from(of_bits(s->lo)),
					  s->hi == ALL ? INFINITY : st_codes_below(of_bits(s->hi)),
					  (float)s->guess };

	if ((double)r.guess != s->guess && !isnan(s->guess))
		return false;
	return st_codes_find(&t->found, x, base, &r);
}

static void count_found(const struct search *s, struct tally *t)
{
	const struct st_codes_found *f = &t->found;
	const unsigned shift = shift_of(s);

	t->above += f->above;
	t->over += f->over;
	t->equal += f->equal;
	for (size_t i = 0; i < f->n; i++) {
		const uint64_t bits = bits_of((double)f->in[i]);

		t->count[(bits - s->lo) >> shift]++;
		t->bits |= bits;
	}
}

static bool count_codes(const struct st_job *j, const struct st_codes *k, const struct st_pass *p,
			void *result, void *own)
{
	const struct group *g = p->arg;
	const struct search *s = g->s + g->first;
	struct tally *t = own;
	uint32_t *equal = result;

	(void)j;
	for (size_t m = 0; m < g->n; m++)
		if (!s[m].done && !find_codes(&s[m], &t[m], k->model[g->first + m], k->base))
			return false;
	for (size_t m = 0; m < g->n; m++)
		if (!s[m].done) {
			count_found(&s[m], &t[m]);
			equal[m] = t[m].found.equal;
		}
	return true;
}

static int count_fold(const struct st_job *j, const struct st_pass *p, uint64_t at, size_t n,
		      const void *result, struct st_err *e)
{
	const struct group *g = p->arg;
	const uint32_t *equal = result;

	(void)j;
	(void)e;
	for (uint64_t end = at + n; at < end; at += BLOCK, equal += g->n)
		for (size_t m = 0; m < g->n; m++) {
			struct search *s = &g->s[g->first + m];

			if (s->equal && !s->done)
				s->equal[at / REGION] += equal[m];
		}
	return ST_OK;
}

/* Begins anew, with the k that is left among all. */
static void forget_sample(struct search *s, uint64_t k)
{
	s->lo = 0;
	s->hi = ALL;
	s->left = k;
	s->sampled = false;
	s->guess = (double)NAN;
	free(s->equal);
	s->equal = NULL;
}

/* The first number from lo on that has so many zeros at its end. */
static uint64_t aligned(uint64_t lo, unsigned zeros)
{
	const uint64_t below = ((uint64_t)1 << zeros) - 1;

	return (lo + below) & ~below;
}

static void take_part(struct search *s, uint64_t part, unsigned shift, uint64_t bits)
{
	const unsigned zeros = bits ? (unsigned)__builtin_ctzll(bits) : 62;
	const uint64_t lo = s->lo + (part << shift), hi = lo + (((uint64_t)1 << shift) - 1);

	s->lo = lo;
	s->hi = hi < s->hi ? hi : s->hi;
	s->sampled = false;
	s->guess = (double)NAN;
	free(s->equal);
	s->equal = NULL;
	s->done = shift == 0 || zeros >= shift;
	s->value = of_bits(aligned(lo, shift == 0 ? 0 : zeros));
}

/* Of model m of a group, from what all workers counted. False: the sample misled. */
static bool narrow(struct search *s, struct tally *const *own, size_t m, size_t workers)
{
	const unsigned shift = shift_of(s);
	struct tally sum = { .above = 0 };
	uint64_t part = ((s->hi - s->lo) >> shift) + 1;

	for (size_t w = 0; w < workers; w++) {
		sum.above += own[w][m].above;
		sum.over += own[w][m].over;
		sum.equal += own[w][m].equal;
		sum.bits |= own[w][m].bits;
		for (size_t d = 0; d < DIGITS; d++)
			sum.count[d] += own[w][m].count[d];
	}
	if (sum.over < s->left && s->left <= sum.over + sum.equal) {
		s->value = s->guess;
		s->left -= sum.over;
		s->done = true;
		return true;
	}
	if (sum.equal) {
		sum.bits |= bits_of(s->guess);
		sum.count[(bits_of(s->guess) - s->lo) >> shift] += sum.equal;
	}
	if (s->sampled && s->left <= sum.above)
		return false;
	s->left -= s->sampled ? sum.above : 0;
	while (part-- > 0) {
		if (sum.count[part] >= s->left) {
			take_part(s, part, shift, sum.bits);
			return true;
		}
		s->left -= sum.count[part];
	}
	ST_BUG_ON(!s->sampled);
	return false;
}

static int count_group(struct st_job *j, struct search *s, const struct st_cut *cuts, size_t first,
		       size_t n, struct tally **own, struct st_err *e)
{
	struct group g = { s, first, n };
	struct st_pass p = { .block = count_block,
			     .codes = count_codes,
			     .fold = count_fold,
			     .arg = &g,
			     .own = (void **)own };
	int rc;

	p.per_block = n * sizeof(uint32_t);
	for (unsigned w = 0; w < j->ctx->jobs; w++)
		memset(own[w], 0, n * sizeof(**own));
	rc = st_job_pass(j, &p, e);
	for (size_t m = first; m < first + n && rc == ST_OK; m++)
		if (!s[m].done && !narrow(&s[m], own, m - first, j->ctx->jobs))
			forget_sample(&s[m], cuts[m].k);
	return rc;
}

static bool all_done(const struct search *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!s[i].done)
			return false;
	return true;
}

static int search_all(struct st_job *j, struct search *s, const struct st_cut *cuts, size_t group,
		      struct tally **own, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t first = 0, n; first < j->nmodels && rc == ST_OK; first += n) {
		n = j->nmodels - first < group ? j->nmodels - first : group;
		while (rc == ST_OK && !all_done(s + first, n))
			rc = count_group(j, s, cuts, first, n, own, e);
	}
	return rc;
}

/* ---- the sample ---- */

struct sample {
	size_t n;     /* numbers of each model */
	double *v;    /* of each model, one after the other */
	double *room; /* as much */
	struct search *s;
	const struct st_cut *cuts;
	uint64_t of; /* numbers of the tensor */
};

static int sample_block(const struct st_job *j, const struct st_block *k, const struct st_pass *p,
			void *result, void *own, struct st_err *e)
{
	double d[BLOCK];

	(void)p;
	(void)own;
	(void)e;
	for (size_t m = 0; m < j->nmodels; m++) {
		for (size_t i = 0; i < BLOCK; i++)
			d[i] = fabs(k->model[m][i] - k->base[i]);
		memcpy((uint8_t *)result + m * sizeof(d), d, sizeof(d));
	}
	return ST_OK;
}

static int sample_fold(const struct st_job *j, const struct st_pass *p, uint64_t at, size_t n,
		       const void *result, struct st_err *e)
{
	struct sample *s = p->arg;

	(void)at;
	(void)e;
	for (size_t m = 0; m < j->nmodels; m++)
		memcpy(s->v + m * SAMPLE + s->n, (const uint8_t *)result + m * n * sizeof(*s->v),
		       n * sizeof(*s->v));
	s->n += n;
	return ST_OK;
}

/* The k-th largest, 0 the largest, by digits: no order of v makes it slow. room: n. */
static double kth(const double *v, double *room, size_t n, size_t k)
{
	for (unsigned shift = 64; shift > 0;) {
		uint32_t count[1 << SAMPLE_DIGIT] = { 0 };
		size_t digit = (1 << SAMPLE_DIGIT) - 1, left = 0;

		shift -= shift < SAMPLE_DIGIT ? shift : SAMPLE_DIGIT;
		for (size_t i = 0; i < n; i++)
			count[bits_of(v[i]) >> shift & ((1 << SAMPLE_DIGIT) - 1)]++;
		for (; k >= count[digit]; digit--)
			k -= count[digit];
		for (size_t i = 0; i < n; i++)
			if ((bits_of(v[i]) >> shift & ((1 << SAMPLE_DIGIT) - 1)) == digit)
				room[left++] = v[i];
		v = room;
		n = left;
	}
	return v[0];
}

/* Four times the deviation that the rank has in a sample, to either side. */
static int guess(void *arg, uint64_t m, unsigned worker, struct st_err *e)
{
	const struct sample *of = arg;
	struct search *s = &of->s[m];
	const double *v = of->v + m * SAMPLE;
	double *room = of->room + m * SAMPLE;
	const double share = (double)of->cuts[m].k / (double)of->of, size = (double)of->n;
	const double at = share * size, far = 4 * sqrt(size * share * (1 - share)) + 2;
	const size_t last = of->n - 1;

	(void)worker;
	(void)e;
	if (s->done)
		return ST_OK;
	s->sampled = true;
	s->lo = at + far < size ? bits_of(kth(v, room, of->n, (size_t)(at + far))) : 0;
	s->hi = at - far > 0 ? bits_of(kth(v, room, of->n, (size_t)(at - far))) : bits_of(DBL_MAX);
	s->guess = kth(v, room, of->n, (size_t)at < last ? (size_t)at : last);
	return ST_OK;
}

static int take_sample(struct st_job *j, struct sample *of, struct st_err *e)
{
	struct st_pass p = { .block = sample_block, .fold = sample_fold, .arg = of };
	int rc;

	of->v = st_calloc(SAMPLE * j->nmodels, sizeof(*of->v), e); /* lint: allow products: few */
	of->room = st_calloc(SAMPLE * j->nmodels, sizeof(*of->room), e);
	if (!of->v || !of->room)
		return e->code;
	p.per_number = j->nmodels * sizeof(double);
	p.step = j->n / BLOCK / SAMPLE_PARTS * BLOCK;
	p.to = p.step * SAMPLE_PARTS;
	rc = st_job_pass(j, &p, e);
	return rc == ST_OK ? st_parallel(j->ctx->jobs, j->nmodels, guess, of, e) : rc;
}

static int take_samples(struct st_job *j, struct search *s, const struct st_cut *cuts,
			struct st_err *e)
{
	struct sample of = { .s = s, .cuts = cuts, .of = j->n };
	int rc;

	if (j->n < SAMPLED || j->b->allow_nonfinite)
		return ST_OK;
	rc = take_sample(j, &of, e);
	free(of.v);
	free(of.room);
	for (size_t m = 0; m < j->nmodels && rc == ST_OK; m++) {
		if (s[m].done)
			continue;
		s[m].equal = st_calloc((size_t)(j->n / REGION) + 1, sizeof(*s->equal), e);
		rc = s[m].equal ? ST_OK : (int)e->code;
	}
	return rc;
}

/* ---- equal ones ---- */

struct ties {
	struct st_cut *cuts;
	const struct search *s;
	size_t first, n; /* models */
	uint64_t seen[ST_SPEC_VALUES];
};

static int tie_block(const struct st_job *j, const struct st_block *k, const struct st_pass *p,
		     void *result, void *own, struct st_err *e)
{
	const struct ties *t = p->arg;
	uint32_t *count = result;

	(void)j;
	(void)own;
	(void)e;
	for (size_t m = t->first; m < t->first + t->n; m++) {
		const double limit = t->cuts[m].limit;
		const double *x = k->model[m], *b = k->base;
		uint32_t c = 0;

		for (size_t i = 0; i < k->n; i++)
			c += fabs(x[i] - b[i]) == limit;
		*count++ = c;
	}
	return ST_OK;
}

static int tie_fold(const struct st_job *j, const struct st_pass *p, uint64_t at, size_t n,
		    const void *result, struct st_err *e)
{
	struct ties *t = p->arg;
	const uint32_t *count = result;

	(void)j;
	(void)e;
	for (uint64_t end = at + n; at < end; at += BLOCK)
		for (size_t m = t->first; m < t->first + t->n; m++, count++) {
			struct st_cut *c = &t->cuts[m];
			const uint64_t left = t->s[m].left;

			if (c->edge == UINT64_MAX && t->seen[m] + *count > left) {
				c->edge = at / BLOCK;
				c->rest = left - t->seen[m];
			}
			t->seen[m] += *count;
		}
	return ST_OK;
}

static int find_in(struct st_job *j, struct ties *t, uint64_t from, uint64_t to, struct st_err *e)
{
	struct st_pass p = {
		.block = tie_block, .fold = tie_fold, .arg = t, .from = from, .to = to
	};

	p.per_block = t->n * sizeof(uint32_t);
	return st_job_pass(j, &p, e);
}

/* The region is known. */
static int find_counted(struct st_job *j, struct ties *t, size_t m, struct st_err *e)
{
	const struct search *s = &t->s[m];
	uint64_t r = 0, end;

	for (; r <= j->n / REGION && t->seen[m] + s->equal[r] <= s->left; r++)
		t->seen[m] += s->equal[r];
	if (r > j->n / REGION)
		return ST_OK; /* all of them are among the k */
	end = (r + 1) * REGION;
	t->first = m;
	t->n = 1;
	return find_in(j, t, r * REGION, end < j->n ? end : j->n, e);
}

static int find_ties(struct st_job *j, struct st_cut *cuts, const struct search *s,
		     struct st_err *e)
{
	struct ties t = { .cuts = cuts, .s = s };
	bool any = false;
	int rc = ST_OK;

	for (size_t m = 0; m < j->nmodels; m++)
		any = any || (isfinite(cuts[m].limit) && cuts[m].limit >= 0 && !s[m].equal);
	if (any) {
		t.n = j->nmodels;
		rc = find_in(j, &t, 0, j->n, e);
	}
	for (size_t m = 0; m < j->nmodels && rc == ST_OK && !any; m++)
		if (s[m].equal)
			rc = find_counted(j, &t, m, e);
	return rc;
}

/* ---- */

/* Cuts that need no search: nothing or all is among them. */
static bool settle(struct st_cut *c, uint64_t n)
{
	c->edge = UINT64_MAX;
	c->rest = 0;
	c->limit = c->k >= n ? -1 : (double)INFINITY;
	return c->k == 0 || c->k >= n;
}

static int find(struct st_job *j, struct st_cut *cuts, struct search *s, size_t group,
		struct tally **own, struct st_err *e)
{
	bool searched[ST_SPEC_VALUES];
	int rc = ST_OK;

	for (size_t m = 0; m < j->nmodels; m++)
		searched[m] = !s[m].done;
	for (unsigned w = 0; w < j->ctx->jobs; w++) {
		own[w] = st_calloc(group, sizeof(**own), e);
		if (!own[w])
			return e->code;
	}
	rc = take_samples(j, s, cuts, e);
	if (rc == ST_OK)
		rc = search_all(j, s, cuts, group, own, e);
	for (size_t m = 0; m < j->nmodels && rc == ST_OK; m++)
		if (searched[m])
			cuts[m].limit = s[m].value;
	return rc == ST_OK ? find_ties(j, cuts, s, e) : rc;
}

int st_cut_find(struct st_job *j, struct st_cut *cuts, struct st_err *e)
{
	struct search s[ST_SPEC_VALUES] = { 0 };
	uint64_t group = j->ctx->memory / 4 / j->ctx->jobs / sizeof(struct tally);
	struct tally **own;
	bool any = false;
	int rc;

	for (size_t m = 0; m < j->nmodels; m++) {
		s[m].done = settle(&cuts[m], j->n);
		forget_sample(&s[m], cuts[m].k);
		any = any || !s[m].done;
	}
	if (!any)
		return ST_OK;
	if (group == 0)
		return st_fail(e, ST_ELIMIT,
			       "%u threads need more memory; raise --memory or lower --jobs",
			       j->ctx->jobs);
	own = st_calloc(j->ctx->jobs, sizeof(*own), e);
	if (!own)
		return e->code;
	rc = find(j, cuts, s, (size_t)(group < j->nmodels ? group : j->nmodels), own, e);
	for (size_t m = 0; m < j->nmodels; m++)
		free(s[m].equal);
	for (unsigned w = 0; w < j->ctx->jobs; w++)
		free(own[w]);
	free(own);
	return rc;
}

double st_cut_above(const struct st_cut *c, uint64_t at)
{
	if (at / BLOCK < c->edge && isfinite(c->limit))
		return nextafter(c->limit, -1);
	return c->limit;
}

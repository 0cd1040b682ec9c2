/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The k-th largest distance is found digit by digit of its bits, which order as the numbers do:
 * a pass counts by the next 16 bits those that have all digits known so far. Once the rest of the
 * bits is zero in all of them, as where inputs have few bits, the number is known. One more pass
 * finds where the last of the equal ones lies that is still among the k.
 */

#include "merge/magnitude.h"

#include <math.h>

#define DIGIT 16
#define DIGITS ((size_t)1 << DIGIT)
#define TOP 63 /* bits of a distance: it has no sign */

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
	uint64_t prefix; /* digits known, at the bottom */
	unsigned known;	 /* bits of them */
	uint64_t left;	 /* rank from the largest, among those that have them; 1 the first */
	bool done;
};

struct tally { /* what a worker counted of one model */
	uint64_t count[DIGITS];
	uint64_t rest; /* all bits that are set below this digit, in those of the prefix */
};

struct group { /* of models that are counted at a time */
	const struct search *s;
	size_t first, n;
};

static unsigned digit_shift(const struct search *s)
{
	return s->known + DIGIT >= TOP ? 0 : TOP - s->known - DIGIT;
}

static void count_model(const struct search *s, struct tally *t, const double *x, const double *b,
			size_t n)
{
	const unsigned shift = digit_shift(s), known = TOP - s->known;
	const uint64_t below = ((uint64_t)1 << shift) - 1;
	uint64_t rest = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t bits = bits_of(fabs(x[i] - b[i]));

		if (bits >> known != s->prefix)
			continue;
		t->count[(bits >> shift) & (DIGITS - 1)]++;
		rest |= bits & below;
	}
	t->rest |= rest;
}

static int count_block(const struct st_job *j, const struct st_block *k, const struct st_pass *p,
		       void *result, void *own, struct st_err *e)
{
	const struct group *g = p->arg;
	struct tally *t = own;

	(void)j;
	(void)result;
	(void)e;
	for (size_t m = 0; m < g->n; m++)
		if (!g->s[g->first + m].done)
			count_model(&g->s[g->first + m], &t[m], k->model[g->first + m], k->base,
				    k->n);
	return ST_OK;
}

/* Of model m of a group, from what all workers counted. */
static void narrow(struct search *s, struct tally *const *own, size_t m, size_t workers)
{
	const unsigned shift = digit_shift(s), width = TOP - s->known - shift;
	uint64_t rest = 0, c;
	size_t d = (size_t)1 << width;

	for (size_t w = 0; w < workers; w++)
		rest |= own[w][m].rest;
	for (;;) {
		ST_BUG_ON(d == 0);
		d--;
		c = 0;
		for (size_t w = 0; w < workers; w++)
			c += own[w][m].count[d];
		if (c >= s->left)
			break;
		s->left -= c;
	}
	s->prefix = s->prefix << width | d;
	s->known += width;
	s->done = rest == 0 || s->known == TOP;
}

static int count_group(const struct st_job *j, struct search *s, size_t first, size_t n,
		       struct tally **own, struct st_err *e)
{
	struct group g = { s, first, n };
	struct st_pass p = { .block = count_block, .arg = &g, .own = (void **)own };
	int rc;

	for (unsigned w = 0; w < j->ctx->jobs; w++)
		memset(own[w], 0, n * sizeof(**own));
	rc = st_job_pass(j, &p, e);
	for (size_t m = 0; m < n && rc == ST_OK; m++)
		if (!s[first + m].done)
			narrow(&s[first + m], own, m, j->ctx->jobs);
	return rc;
}

static bool all_done(const struct search *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!s[i].done)
			return false;
	return true;
}

static int search_all(const struct st_job *j, struct search *s, size_t group, struct tally **own,
		      struct st_err *e)
{
	int rc = ST_OK;

	for (size_t first = 0, n; first < j->nmodels && rc == ST_OK; first += n) {
		n = j->nmodels - first < group ? j->nmodels - first : group;
		while (rc == ST_OK && !all_done(s + first, n))
			rc = count_group(j, s, first, n, own, e);
	}
	return rc;
}

/* ---- equal ones ---- */

struct ties {
	struct st_cut *cuts;
	const struct search *s;
	uint64_t seen[ST_SPEC_VALUES];
};

static int tie_block(const struct st_job *j, const struct st_block *k, const struct st_pass *p,
		     void *result, void *own, struct st_err *e)
{
	const struct ties *t = p->arg;
	uint32_t *count = result;

	(void)own;
	(void)e;
	for (size_t m = 0; m < j->nmodels; m++) {
		const double limit = t->cuts[m].limit;
		const double *x = k->model[m], *b = k->base;
		uint32_t c = 0;

		for (size_t i = 0; i < k->n; i++)
			c += fabs(x[i] - b[i]) == limit;
		count[m] = c;
	}
	return ST_OK;
}

static int tie_fold(const struct st_job *j, const struct st_pass *p, uint64_t at, size_t n,
		    const void *result, struct st_err *e)
{
	struct ties *t = p->arg;
	const uint32_t *count = result;
	uint64_t block = at / ST_BLEND_BLOCK;

	(void)e;
	for (size_t done = 0; done < n; done += ST_BLEND_BLOCK, block++, count += j->nmodels)
		for (size_t m = 0; m < j->nmodels; m++) {
			struct st_cut *c = &t->cuts[m];

			if (t->seen[m] <= t->s[m].left && t->seen[m] + count[m] > t->s[m].left &&
			    c->edge == UINT64_MAX) {
				c->edge = block;
				c->rest = t->s[m].left - t->seen[m];
			}
			t->seen[m] += count[m];
		}
	return ST_OK;
}

static int find_ties(const struct st_job *j, struct st_cut *cuts, const struct search *s,
		     struct st_err *e)
{
	struct ties t = { .cuts = cuts, .s = s };
	struct st_pass p = { .block = tie_block, .fold = tie_fold, .arg = &t };

	p.per_block = j->nmodels * sizeof(uint32_t);
	return st_job_pass(j, &p, e);
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

static int find(const struct st_job *j, struct st_cut *cuts, struct search *s, size_t group,
		struct tally **own, struct st_err *e)
{
	int rc;

	for (unsigned w = 0; w < j->ctx->jobs; w++) {
		own[w] = st_calloc(group, sizeof(**own), e);
		if (!own[w])
			return e->code;
	}
	rc = search_all(j, s, group, own, e);
	for (size_t m = 0; m < j->nmodels; m++)
		if (s[m].known)
			cuts[m].limit = of_bits(s[m].prefix << (TOP - s[m].known));
	return rc == ST_OK ? find_ties(j, cuts, s, e) : rc;
}

int st_cut_find(const struct st_job *j, struct st_cut *cuts, struct st_err *e)
{
	struct search s[ST_SPEC_VALUES] = { 0 };
	uint64_t group = j->ctx->memory / 4 / j->ctx->jobs / sizeof(struct tally);
	struct tally **own;
	bool any = false;
	int rc;

	for (size_t m = 0; m < j->nmodels; m++) {
		s[m].done = settle(&cuts[m], j->n);
		s[m].left = cuts[m].k;
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
	for (unsigned w = 0; w < j->ctx->jobs; w++)
		free(own[w]);
	free(own);
	return rc;
}

double st_cut_above(const struct st_cut *c, const struct st_block *k)
{
	const uint64_t block = k->at / ST_BLEND_BLOCK;

	if (block < c->edge && isfinite(c->limit))
		return nextafter(c->limit, -1);
	return c->limit;
}

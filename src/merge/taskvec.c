/* SPDX-License-Identifier: Apache-2.0 */
#include "merge/taskvec.h"

#include <math.h>

#include "base/blake3.h"
#include "merge/codes.h"

#define BLOCK ST_BLEND_BLOCK

static bool has(const struct st_job *j, const char *param)
{
	for (size_t i = 0; i < j->method->nparams; i++)
		if (strcmp(j->method->params[i].name, param) == 0)
			return true;
	return false;
}

/* ---- dropping nothing ---- */

ST_BLEND_INLINE void all(const struct st_block *k, size_t model, double *restrict out)
{
	const double *restrict x = k->model[model], *restrict b = k->base;

	for (size_t i = 0; i < BLOCK; i++)
		out[i] = x[i] - b[i];
}

#define DROP(name)                                                                              \
	static void name##_portable(const struct st_job *j, const struct st_block *k, size_t m, \
				    double *restrict out)                                       \
	{                                                                                       \
		name(j, k, m, out);                                                             \
	}                                                                                       \
	ST_BLEND_TARGET_AVX2 static void name##_avx2(const struct st_job *j,                    \
						     const struct st_block *k, size_t m,        \
						     double *restrict out)                      \
	{                                                                                       \
		name(j, k, m, out);                                                             \
	}                                                                                       \
	_Static_assert(ST_BLEND_NLEVELS == 2, "levels")

ST_BLEND_INLINE void drop_none(const struct st_job *j, const struct st_block *k, size_t m,
			       double *restrict out)
{
	(void)j;
	all(k, m, out);
}
DROP(drop_none);

int st_taskvec_plan(struct st_job *j, bool elect, struct st_err *e)
{
	struct st_taskvec *t = st_arena_alloc(&j->arena, sizeof(*t), e);
	bool nothing = elect; /* elected with weights of 0, the base is what stays */

	if (!t)
		return e->code;
	t->elect = elect;
	t->scale = has(j, "scale") ? st_job_param(j, "scale", 0) : 1;
	t->normalize = has(j, "normalize") && st_job_param(j, "normalize", 0) != 0;
	for (size_t i = 0; i < j->nmodels; i++) {
		t->weight[i] = has(j, "weight") ? st_job_param(j, "weight", i) : 1;
		t->density[i] = has(j, "density") ? st_job_param(j, "density", i) : 1;
		t->sum += t->weight[i];
		nothing = nothing && t->weight[i] == 0;
	}
	if (t->normalize && !nothing && (t->sum == 0 || !isfinite(t->sum)))
		return st_fail(e, ST_EUSAGE, "the weights add up to %g, so there is no mean",
			       t->sum);
	t->drop[ST_BLEND_PORTABLE] = drop_none_portable;
	t->drop[ST_BLEND_AVX2] = drop_none_avx2;
	j->state = t;
	return ST_OK;
}

/* ---- by magnitude ---- */

/* Where equal ones are counted. */
static void cut_edge(const struct st_cut *c, double *d, size_t n)
{
	uint64_t left = c->rest;

	for (size_t i = 0; i < n; i++) {
		if (fabs(d[i]) > c->limit)
			continue;
		if (fabs(d[i]) == c->limit && left > 0)
			left--;
		else
			d[i] = 0;
	}
}

static void lose_edge(const struct st_cut *c, double *d, size_t n)
{
	uint64_t left = c->rest;

	for (size_t i = 0; i < n; i++) {
		if (fabs(d[i]) > c->limit) {
			d[i] = 0;
		} else if (fabs(d[i]) == c->limit && left > 0) {
			left--;
			d[i] = 0;
		}
	}
}

ST_BLEND_INLINE void keep_above(double *restrict d, double limit)
{
	for (size_t i = 0; i < BLOCK; i++)
		d[i] = fabs(d[i]) > limit ? d[i] : 0;
}

ST_BLEND_INLINE void lose_above(double *restrict d, double limit)
{
	for (size_t i = 0; i < BLOCK; i++)
		d[i] = fabs(d[i]) > limit ? 0 : d[i];
}

ST_BLEND_INLINE void drop_small(const struct st_job *j, const struct st_block *k, size_t m,
				double *restrict out)
{
	const struct st_taskvec *t = j->state;
	const struct st_cut *keep = &t->keep[m], *lose = &t->lose[m];
	const uint64_t block = k->at / BLOCK;

	all(k, m, out);
	if (block == keep->edge)
		cut_edge(keep, out, k->n);
	else
		keep_above(out, st_cut_above(keep, k->at));
	if (lose->k == 0)
		return;
	if (block == lose->edge)
		lose_edge(lose, out, k->n);
	else
		lose_above(out, st_cut_above(lose, k->at));
}
DROP(drop_small);

/* Is what is added to the base half the sum of two, or one of them? */
static bool mean_of_two(const struct st_job *j, const struct st_taskvec *t)
{
	const double w = t->weight[0];
	int exponent;

	return j->nmodels == 2 && t->elect && t->normalize && t->scale == 1 && w == t->weight[1] &&
	       w >= 0x1p-64 && w <= 0x1p64 && frexp(w, &exponent) == 0.5;
}

int st_taskvec_magnitude(struct st_job *j, bool gamma, struct st_err *e)
{
	struct st_taskvec *t = j->state;
	const double n = (double)j->n;
	int rc;

	for (size_t m = 0; m < j->nmodels; m++) {
		const double share = floor(t->density[m] * n);
		const double keep = share == 0 && t->density[m] > 0 && !gamma ? 1 : share;
		const double top = gamma ? floor(st_job_param(j, "gamma", m) * n) : 0;
		const double sum = keep + top;

		/* As many stay as density says: with a larger density fewer of the largest go. */
		t->keep[m].k = sum < n ? (uint64_t)sum : j->n;
		t->lose[m].k = sum < n ? (uint64_t)top : j->n - (keep < n ? (uint64_t)keep : j->n);
	}
	t->halves = !gamma && mean_of_two(j, t);
	rc = st_cut_find(j, t->keep, e);
	if (rc == ST_OK && gamma)
		rc = st_cut_find(j, t->lose, e);
	t->drop[ST_BLEND_PORTABLE] = drop_small_portable;
	t->drop[ST_BLEND_AVX2] = drop_small_avx2;
	return rc;
}

/* ---- at random ---- */

uint64_t st_taskvec_key(const struct st_job *j, size_t model)
{
	uint8_t head[16], id[ST_HASH_LEN];
	struct st_blake3 h;

	st_put64(head, j->b->seed);
	st_put64(head + 8, model);
	st_blake3_init(&h);
	st_blake3_update(&h, head, sizeof(head));
	st_blake3_update(&h, j->b->name, j->b->name_len);
	st_blake3_final(&h, id);
	return st_get64(id);
}

ST_BLEND_INLINE uint64_t mix(uint64_t key, uint64_t element)
{
	uint64_t z = key + (element + 1) * 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

double st_taskvec_draw(uint64_t key, uint64_t element)
{
	return (double)(mix(key, element) >> 11) * 0x1p-53;
}

ST_BLEND_INLINE void drop_random(const struct st_job *j, const struct st_block *k, size_t m,
				 double *restrict out)
{
	const struct st_taskvec *t = j->state;
	const double density = t->density[m];
	/* density * 2^53 is exact, and an integer is below it where it is below its ceiling. */
	const uint64_t limit = (uint64_t)ceil(density * 0x1p53), key = t->key[m], at = k->at;

	all(k, m, out);
	if (density >= 1)
		return;
	for (size_t i = 0; i < BLOCK; i++) {
		const double grown = out[i] / density;

		out[i] = mix(key, at + i) >> 11 < limit ? grown : 0;
	}
}
DROP(drop_random);

int st_taskvec_random(struct st_job *j, struct st_err *e)
{
	struct st_taskvec *t = j->state;

	(void)e;
	for (size_t m = 0; m < j->nmodels; m++)
		t->key[m] = st_taskvec_key(j, m);
	t->drop[ST_BLEND_PORTABLE] = drop_random_portable;
	t->drop[ST_BLEND_AVX2] = drop_random_avx2;
	return ST_OK;
}

/* ---- at random by rank ---- */

ST_BLEND_INLINE void drop_ranked(const struct st_job *j, const struct st_block *k, size_t m,
				 double *restrict out)
{
	const struct st_taskvec *t = j->state;
	const double least = t->density[m] - t->epsilon[m], window = 2 * t->epsilon[m];
	const double last = k->segment > 1 ? (double)(k->segment - 1) : 1;
	const uint16_t *rank = k->rank[m];

	all(k, m, out);
	if (t->density[m] >= 1)
		return;
	for (size_t i = 0; i < k->n; i++) {
		const double share = k->segment > 1 ? (double)rank[i] / last : 0.5;
		const double p = least + window * share;
		const double draw = (double)(mix(t->key[m], k->at + i) >> 11) * 0x1p-53;

		out[i] = draw < p ? out[i] / p : 0;
	}
}
DROP(drop_ranked);

int st_taskvec_ranked(struct st_job *j, struct st_err *e)
{
	struct st_taskvec *t = j->state;

	for (size_t m = 0; m < j->nmodels; m++) {
		t->key[m] = st_taskvec_key(j, m);
		t->epsilon[m] = st_job_param(j, "epsilon", m);
		if (t->density[m] < 1 &&
		    (t->density[m] - t->epsilon[m] <= 0 || t->density[m] + t->epsilon[m] > 1))
			return st_fail(
				e, ST_EUSAGE,
				"density %g and epsilon %g of method '%s' give probabilities "
				"from %g to %g; they lie above 0 and are at most 1",
				t->density[m], t->epsilon[m], j->method->info.name,
				t->density[m] - t->epsilon[m], t->density[m] + t->epsilon[m]);
	}
	t->drop[ST_BLEND_PORTABLE] = drop_ranked_portable;
	t->drop[ST_BLEND_AVX2] = drop_ranked_avx2;
	return ST_OK;
}

/* ---- adding up ---- */

ST_BLEND_INLINE void weigh(double *restrict d, double weight)
{
	if (weight == 1)
		return;
	for (size_t i = 0; i < BLOCK; i++)
		d[i] *= weight;
}

ST_BLEND_INLINE void add(double *restrict sum, const double *restrict d)
{
	for (size_t i = 0; i < BLOCK; i++)
		sum[i] += d[i];
}

/* Of those that have the sign of the sum. */
ST_BLEND_INLINE void add_elected(double *restrict sum, double *restrict share,
				 const double *restrict mass, const double *restrict d,
				 double weight)
{
	for (size_t i = 0; i < BLOCK; i++) {
		const double up = d[i] > 0 ? d[i] : 0, down = d[i] < 0 ? d[i] : 0;
		const double plus = mass[i] > 0 ? up : 0, minus = mass[i] < 0 ? down : 0;
		const double kept = plus + minus, part = kept != 0 ? weight : 0;

		sum[i] += kept;
		share[i] += part;
	}
}

/* Infinite where weights of both signs add up to 0: that is no mean, and is refused. */
ST_BLEND_INLINE void divide(double *restrict sum, const double *restrict by)
{
	for (size_t i = 0; i < BLOCK; i++) {
		const double s = sum[i], mean = s / by[i];

		sum[i] = s != 0 ? mean : 0;
	}
}

ST_BLEND_INLINE void to_base(double *restrict out, const double *restrict b)
{
	for (size_t i = 0; i < BLOCK; i++) {
		const double from = b[i], way = out[i], sum = from + way;

		out[i] = way != 0 ? sum : from; /* -0 stays that */
	}
}

/* Where what was added is the way to this model; which one that is the zero's sign decides, too. */
ST_BLEND_INLINE void arrive(double *restrict out, const double *restrict added,
			    const double *restrict x, const double *restrict b)
{
	for (size_t i = 0; i < BLOCK; i++) {
		const double way = x[i] - b[i];
		uint64_t to, from;

		memcpy(&to, &x[i], sizeof(to));
		memcpy(&from, &b[i], sizeof(from));
		out[i] = (added[i] == way) & (to != from) ? x[i] : out[i];
	}
}

ST_BLEND_INLINE void taskvec(const struct st_job *j, const struct st_block *k,
			     enum st_blend_level l)
{
	const struct st_taskvec *t = j->state;
	double mass[BLOCK] = { 0 }, share[BLOCK] = { 0 }, added[BLOCK] = { 0 };

	for (size_t m = 0; m < j->nmodels; m++) {
		t->drop[l](j, k, m, k->work[m]);
		weigh(k->work[m], t->weight[m]);
		add(mass, k->work[m]);
	}
	if (t->elect) {
		for (size_t m = 0; m < j->nmodels; m++)
			add_elected(added, share, mass, k->work[m], t->weight[m]);
		if (t->normalize)
			divide(added, share);
		weigh(added, t->scale);
	} else {
		memcpy(added, mass, sizeof(added));
		weigh(added, t->normalize ? t->scale / t->sum : t->scale);
	}
	memcpy(k->out, added, sizeof(added));
	to_base(k->out, k->base);
	for (size_t m = j->nmodels; m-- > 0;)
		arrive(k->out, added, k->model[m], k->base);
}

void st_taskvec_portable(const struct st_job *j, const struct st_block *k)
{
	taskvec(j, k, ST_BLEND_PORTABLE);
}

ST_BLEND_TARGET_AVX2 void st_taskvec_avx2(const struct st_job *j, const struct st_block *k)
{
	taskvec(j, k, ST_BLEND_AVX2);
}

bool st_taskvec_codes(const struct st_job *j, const struct st_codes *k, uint8_t *out)
{
	const struct st_taskvec *t = j->state;
	const uint64_t block = k->at / BLOCK;
	float above[2];

	if (!t->halves || block == t->keep[0].edge || block == t->keep[1].edge)
		return false;
	for (size_t m = 0; m < 2; m++)
		above[m] = st_codes_below(st_cut_above(&t->keep[m], k->at));
	return st_codes_elect(out, k->base, k->model, above);
}

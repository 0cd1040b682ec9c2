/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tensors of two models belong together. By name first. What is left over is looked at in
 * classes of one type and shape: equal ids, then samples that point the same way.
 *
 * An id that is not known takes reading the whole tensor. So where one is missing, samples of the
 * class come first, and only tensors whose sample is found on the other side are hashed; a tensor
 * that fits in a sample is its own sample.
 */
#include "diff/models_priv.h"
#include "diff/pair_kernel.h"

#include "base/map.h"
#include "base/pool.h"
#include "tensor/layout.h"

#include <math.h>

#define RUN ((size_t)256) /* elements of a sample that lie together */
#define RUNS ((size_t)16)
#define SAMPLE (RUN * RUNS)
#define LEAST 16	   /* elements of a tensor that can be close to another */
#define MANY ((size_t)256) /* candidates of a class and side */
#define CLOSE 0.9
#define FAR 0.5			 /* relative distance */
#define CONSTANT 1e-6		 /* less spread than this part of the norm is rounding of sums */
#define WORK ((uint64_t)1 << 32) /* products over all classes: seconds */
#define GROUP ((size_t)64)	 /* sources open at a time */

struct member { /* a tensor that no name pairs */
	size_t i;
	size_t cls;
	bool later; /* of b's side */
	bool paired, known, whole;
	struct st_oid key; /* known: its id; else the digest of its sample */
	double *v;	   /* its sample, or NULL */
	double norm, mean, spread;
};

struct matcher {
	const struct st_side *a, *b;
	const struct st_models_options *o;
	const struct st_ctx *ctx;
	struct st_match *of_a;
	bool *taken; /* of b */
	struct member *left;
	size_t nleft, cap;
	uint64_t work; /* left */
};

struct class
{ /* members of a's side, then b's */
	struct matcher *m;
	struct member *v;
	size_t na, nb;
	uint64_t units;
	double *samples;
};

struct candidate {
	double score;
	size_t affinity; /* of names */
	struct member *a, *b;
};

static const struct st_operand *operand(const struct matcher *m, const struct member *x)
{
	return &(x->later ? m->b : m->a)->t[x->i];
}

static void pair_up(struct matcher *m, struct member *a, struct member *b, enum st_evidence why,
		    double closeness)
{
	m->of_a[a->i] = (struct st_match){ a->i, b->i, why, closeness };
	m->taken[b->i] = true;
	a->paired = b->paired = true;
}

/* ---- names ---- */

static int keep_left(struct matcher *m, size_t i, bool later, struct st_err *e)
{
	int rc = st_grow(&m->left, &m->cap, m->nleft + 1, e);

	if (rc == ST_OK)
		m->left[m->nleft++] = (struct member){ .i = i, .later = later };
	return rc;
}

static int by_name(struct matcher *m, struct st_map *names, struct st_err *e)
{
	uint64_t at;
	size_t i;
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < m->b->n; i++)
		rc = st_map_put(names, m->b->t[i].name, m->b->t[i].name_len, i, NULL, NULL, e);
	for (i = 0; rc == ST_OK && i < m->a->n; i++) {
		const struct st_operand *t = &m->a->t[i];

		m->of_a[i] = (struct st_match){ i, ST_NO_OPERAND, ST_SAME_NAME, 0 };
		if (st_map_get(names, t->name, t->name_len, &at) && !m->taken[at]) {
			m->of_a[i].b = (size_t)at;
			m->taken[at] = true;
		} else {
			rc = keep_left(m, i, false, e);
		}
	}
	for (i = 0; rc == ST_OK && i < m->b->n; i++)
		if (!m->taken[i])
			rc = keep_left(m, i, true, e);
	return rc;
}

/* ---- samples ---- */

static size_t sample_units(uint64_t units)
{
	return units < SAMPLE ? (size_t)units : SAMPLE;
}

/* The same places for every tensor of as many elements, evenly from the first to the last. */
static int read_sample(const struct st_source *src, unsigned bits, uint64_t units, uint8_t *raw,
		       struct st_err *e)
{
	size_t i, bytes = RUN * bits / 8;
	uint64_t at, step = (units - RUN) / (RUNS - 1), rest = (units - RUN) % (RUNS - 1);
	int rc = ST_OK;

	for (i = 0; rc == ST_OK && i < RUNS; i++) {
		at = step * i + rest * i / (RUNS - 1);
		at -= at % 8; /* whole bytes of any type */
		rc = st_source_read(src, raw + i * bytes, bytes, at * bits / 8, e);
	}
	return rc;
}

static void measure(struct member *x, size_t n)
{
	double sum = 0, squares = 0, spread = 0, d;
	size_t i;

	for (i = 0; i < n; i++) {
		x->v[i] = isfinite(x->v[i]) ? x->v[i] : 0;
		sum += x->v[i];
		squares += x->v[i] * x->v[i];
	}
	x->norm = sqrt(squares);
	x->mean = sum / (double)n;
	for (i = 0; i < n; i++) {
		d = x->v[i] - x->mean;
		spread += d * d;
	}
	x->spread = sqrt(spread);
}

struct sampling {
	const struct class *c;
	struct member *const *v;
	struct st_source src[GROUP];
};

static int sample_one(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	const struct sampling *s = arg;
	struct member *x = s->v[i];
	const struct st_operand *t = operand(s->c->m, x);
	unsigned bits = st_operand_bits(t->dtype);
	size_t n = sample_units(s->c->units);
	uint8_t raw[SAMPLE * 8];
	int rc;

	(void)worker;
	rc = n < SAMPLE ? st_source_read(&s->src[i], raw, (size_t)t->nbytes, 0, e) :
			  read_sample(&s->src[i], bits, s->c->units, raw, e);
	if (rc != ST_OK)
		return st_operand_wrap(t, e);
	if (!x->known)
		st_oid_of(&x->key, raw, n * bits / 8);
	x->whole = n < SAMPLE;
	if (x->v) {
		st_pair_load(x->v, t->dtype, raw, n);
		measure(x, n);
	}
	return ST_OK;
}

static int sample_group(const struct class *c, struct member *const *v, size_t n, struct st_err *e)
{
	struct sampling s = { .c = c, .v = v };
	const struct st_side *side;
	size_t i, bytes = n * sample_units(c->units);
	int rc = st_check_cancel(c->m->ctx, e);

	for (i = 0; rc == ST_OK && i < n; i++) {
		side = v[i]->later ? c->m->b : c->m->a;
		rc = side->open(side->arg, v[i]->i, &s.src[i], e);
		if (rc != ST_OK)
			break;
	}
	if (rc == ST_OK) /* a few small ones are not worth starting threads */
		rc = st_parallel(bytes < 32 * SAMPLE ? 1 : c->m->ctx->jobs, n, sample_one, &s, e);
	while (i-- > 0)
		st_source_close(&s.src[i]);
	return rc;
}

/* Of every member that has no partner yet. */
static int sample_class(struct class *c, bool keep, struct st_err *e)
{
	size_t i, n = 0, left = 0, total = c->na + c->nb, each = sample_units(c->units);
	struct member *group[GROUP];
	int rc = ST_OK;

	for (i = 0; i < total; i++)
		left += !c->v[i].paired;
	if (keep)
		c->samples = st_calloc(left, each * sizeof(double), e);
	if (keep && !c->samples)
		return e->code;
	for (i = left = 0; rc == ST_OK && i < total; i++) {
		if (c->v[i].paired)
			continue;
		if (keep)
			c->v[i].v = c->samples + left++ * each;
		group[n++] = &c->v[i];
		if (n == GROUP) {
			rc = sample_group(c, group, n, e);
			n = 0;
		}
	}
	return rc == ST_OK && n ? sample_group(c, group, n, e) : rc;
}

/* ---- the best first ---- */

static size_t affinity(const struct st_operand *a, const struct st_operand *b)
{
	size_t n = 0, most = a->name_len < b->name_len ? a->name_len : b->name_len;

	while (n < most && a->name[a->name_len - 1 - n] == b->name[b->name_len - 1 - n])
		n++;
	return n;
}

/* Of equal scores the names with the longest common end: a prefix is what is mostly renamed. */
static int cmp_candidates(const void *pa, const void *pb)
{
	const struct candidate *x = pa, *y = pb;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->affinity != y->affinity)
		return x->affinity > y->affinity ? -1 : 1;
	if (x->a->i != y->a->i)
		return x->a->i < y->a->i ? -1 : 1;
	return x->b->i < y->b->i ? -1 : x->b->i > y->b->i;
}

static void best_first(struct matcher *m, struct candidate *v, size_t n, enum st_evidence why)
{
	if (n > 1)
		qsort(v, n, sizeof(*v), cmp_candidates);
	for (size_t i = 0; i < n; i++)
		if (!v[i].a->paired && !v[i].b->paired)
			pair_up(m, v[i].a, v[i].b, why, v[i].score);
}

/* ---- equal ids ---- */

static int cmp_keys(const void *pa, const void *pb)
{
	const struct member *x = *(struct member *const *)pa, *y = *(struct member *const *)pb;
	int c = st_oid_cmp(&x->key, &y->key);

	if (c)
		return c;
	if (x->later != y->later)
		return x->later ? 1 : -1;
	return x->i < y->i ? -1 : x->i > y->i;
}

static int take_id(const struct class *c, struct member *x, struct st_err *e)
{
	const struct st_side *side = x->later ? c->m->b : c->m->a;
	const struct st_operand *t = operand(c->m, x);
	int rc = ST_OK;

	if (t->has_id)
		x->key = t->id;
	else if (!x->whole)
		rc = side->hash(side->arg, x->i, &x->key, e);
	x->known = rc == ST_OK;
	return rc;
}

/* Too many for each with each go as they come. */
static int pair_equals(const struct class *c, struct member **v, size_t na, size_t nb,
		       struct st_err *e)
{
	struct candidate *all;
	size_t i, j, n = 0;

	if (na == 1 || nb == 1 ? na * nb > MANY * MANY : na > MANY || nb > MANY) {
		for (i = 0; i < na && i < nb; i++)
			pair_up(c->m, v[i], v[na + i], ST_SAME_CONTENT, 1);
		return ST_OK;
	}
	all = st_calloc(na * nb, sizeof(*all), e);
	if (!all)
		return e->code;
	for (i = 0; i < na; i++) {
		for (j = na; j < na + nb; j++)
			all[n++] = (struct candidate){
				1, affinity(operand(c->m, v[i]), operand(c->m, v[j])), v[i], v[j]
			};
	}
	best_first(c->m, all, n, ST_SAME_CONTENT);
	free(all);
	return ST_OK;
}

/* fn for each run of equal keys that both sides have. */
static int each_key(const struct class *c, struct member **v, size_t n,
		    int (*fn)(const struct class *c, struct member **v, size_t na, size_t nb,
			      struct st_err *e),
		    struct st_err *e)
{
	size_t from, to, na;
	int rc = ST_OK;

	qsort(v, n, sizeof(*v), cmp_keys);
	for (from = 0; rc == ST_OK && from < n; from = to) {
		na = 0;
		for (to = from; to < n && st_oid_eq(&v[from]->key, &v[to]->key); to++)
			na += !v[to]->later;
		if (na && na < to - from)
			rc = fn(c, v + from, na, to - from - na, e);
	}
	return rc;
}

static int take_ids(const struct class *c, struct member **v, size_t na, size_t nb,
		    struct st_err *e)
{
	int rc = st_check_cancel(c->m->ctx, e);

	for (size_t i = 0; rc == ST_OK && i < na + nb; i++)
		rc = take_id(c, v[i], e);
	return rc;
}

static int by_id(struct class *c, bool keep, struct st_err *e)
{
	size_t i, n = 0, total = c->na + c->nb;
	struct member **v = st_calloc(total, sizeof(struct member *), e);
	bool all = true;
	int rc = v ? ST_OK : (int)e->code;

	for (i = 0; i < total; i++)
		all = all && operand(c->m, &c->v[i])->has_id;
	if (rc == ST_OK && !all)
		rc = sample_class(c, keep, e);
	for (i = 0; rc == ST_OK && i < total; i++) {
		v[i] = &c->v[i];
		if (all)
			rc = take_id(c, v[i], e);
	}
	if (rc == ST_OK && !all)
		rc = each_key(c, v, total, take_ids, e);
	for (i = 0; rc == ST_OK && i < total; i++)
		if (c->v[i].known)
			v[n++] = &c->v[i];
	if (rc == ST_OK)
		rc = each_key(c, v, n, pair_equals, e);
	free(v);
	return rc;
}

/* ---- close content ---- */

static double dot(const double *a, const double *b, size_t n)
{
	double s[8] = { 0 };
	size_t i = 0, l;

	for (; n - i >= 8; i += 8)
		for (l = 0; l < 8; l++)
			s[l] += a[i + l] * b[i + l];
	for (; i < n; i++)
		s[0] += a[i] * b[i];
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

/*
 * The cosine, or 0 where two samples are not close. Weights that are all about one, as those of a
 * normalisation layer, point the same way whatever they are: so the cosine about the mean counts
 * too.
 */
static double closeness(const struct member *a, const struct member *b, size_t n)
{
	double least = fmin(a->norm, b->norm), most = fmax(a->norm, b->norm);
	double d, cosine, centred, far;

	if (!(a->spread > CONSTANT * a->norm) || !(b->spread > CONSTANT * b->norm) ||
	    !(least >= FAR * most))
		return 0;
	d = dot(a->v, b->v, n);
	cosine = d / a->norm / b->norm;
	centred = (d - (double)n * a->mean * b->mean) / a->spread / b->spread;
	far = sqrt(fmax(0, a->norm * a->norm + b->norm * b->norm - 2 * d)) / most;
	if (!(cosine >= CLOSE) || !(centred >= CLOSE) || !(far <= FAR))
		return 0;
	return fmin(cosine, 1);
}

struct scoring {
	struct member **v; /* na, then nb */
	size_t na, nb, n;
	double *score; /* na x nb */
};

static int score_row(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	const struct scoring *s = arg;

	(void)worker;
	(void)e;
	for (size_t j = 0; j < s->nb; j++)
		s->score[i * s->nb + j] = closeness(s->v[i], s->v[s->na + j], s->n);
	return ST_OK;
}

static int pair_scored(const struct class *c, const struct scoring *s, struct st_err *e)
{
	size_t i, n = 0, total = s->na * s->nb;
	struct candidate *all = st_calloc(total, sizeof(*all), e);

	if (!all)
		return e->code;
	for (i = 0; i < total; i++) {
		struct member *a = s->v[i / s->nb], *b = s->v[s->na + i % s->nb];

		if (s->score[i] > 0)
			all[n++] = (struct candidate){ s->score[i],
						       affinity(operand(c->m, a), operand(c->m, b)),
						       a, b };
	}
	best_first(c->m, all, n, ST_CLOSE_CONTENT);
	free(all);
	return ST_OK;
}

static int by_content(struct class *c, struct st_err *e)
{
	struct scoring s = { .n = sample_units(c->units) };
	struct member *v[2 * MANY];
	uint64_t work;
	int rc = ST_OK;

	for (size_t i = 0; i < c->na + c->nb; i++) {
		if (c->v[i].paired)
			continue;
		v[s.na + s.nb] = &c->v[i];
		s.na += !c->v[i].later;
		s.nb += c->v[i].later;
	}
	work = (uint64_t)s.na * s.nb * s.n;
	if (work == 0 || work > c->m->work)
		return ST_OK;
	c->m->work -= work;
	if (!c->samples)
		rc = sample_class(c, true, e);
	if (rc != ST_OK)
		return rc;
	s.v = v;
	s.score = st_calloc(s.na * s.nb, sizeof(*s.score), e);
	if (!s.score)
		return e->code;
	rc = st_parallel(work < 1 << 20 ? 1 : c->m->ctx->jobs, s.na, score_row, &s, e);
	if (rc == ST_OK)
		rc = pair_scored(c, &s, e);
	free(s.score);
	return rc;
}

/* ---- too many for each with each: the same name but for its beginning ---- */

struct ending {
	struct member *x;
	const struct st_operand *t;
	size_t best, affinity; /* where the name with the longest common end is */
	bool tie;	       /* there are several */
};

/* As if names were read from behind. */
static int cmp_endings(const void *pa, const void *pb)
{
	const struct ending *x = pa, *y = pb;
	size_t n = affinity(x->t, y->t), nx = x->t->name_len - n, ny = y->t->name_len - n;

	if (nx && ny)
		return (uint8_t)x->t->name[nx - 1] < (uint8_t)y->t->name[ny - 1] ? -1 : 1;
	if (nx || ny)
		return nx ? 1 : -1;
	return x->x->later ? (y->x->later ? 0 : 1) : y->x->later ? -1 : 0;
}

static void consider(struct ending *v, size_t i, size_t other)
{
	size_t n;

	if (other == SIZE_MAX)
		return;
	n = affinity(v[i].t, v[other].t);
	if (n > v[i].affinity) {
		v[i].best = other;
		v[i].affinity = n;
		v[i].tie = false;
	} else if (n == v[i].affinity && other != v[i].best) {
		v[i].tie = true;
	}
}

/* In order of endings what has the longest in common is next: two of the other side, before and
 * behind, say which it is and whether there are more. */
static void find_best(struct ending *v, size_t n)
{
	size_t last[2][2];

	for (int back = 0; back < 2; back++) {
		memset(last, 0xff, sizeof(last));
		for (size_t k = 0; k < n; k++) {
			size_t i = back ? n - 1 - k : k;
			bool later = v[i].x->later;

			consider(v, i, last[!later][0]);
			consider(v, i, last[!later][1]);
			last[later][1] = last[later][0];
			last[later][0] = i;
		}
	}
}

static bool each_others_best(const struct ending *v, size_t i)
{
	const struct ending *b;

	if (v[i].x->later || v[i].affinity == 0 || v[i].tie)
		return false;
	b = &v[v[i].best];
	return !b->tie && b->best == i;
}

/* n members, by two: paired if they are close. */
static int pair_close(const struct class *c, struct member **v, size_t n, double *samples,
		      struct st_err *e)
{
	size_t i, each = sample_units(c->units);
	double score;
	int rc;

	for (i = 0; i < n; i++)
		v[i]->v = samples + i * each;
	rc = n ? sample_group(c, v, n, e) : ST_OK;
	for (i = 0; rc == ST_OK && i < n; i += 2) {
		score = closeness(v[i], v[i + 1], each);
		if (score > 0)
			pair_up(c->m, v[i], v[i + 1], ST_CLOSE_CONTENT, score);
	}
	for (i = 0; i < n; i++)
		v[i]->v = NULL;
	return rc;
}

static int pair_endings(const struct class *c, const struct ending *v, size_t n, struct st_err *e)
{
	double *samples = st_calloc(GROUP, sample_units(c->units) * sizeof(*samples), e);
	struct member *group[GROUP];
	size_t k = 0;
	int rc = samples ? ST_OK : (int)e->code;

	for (size_t i = 0; rc == ST_OK && i < n; i++) {
		if (!each_others_best(v, i))
			continue;
		group[k++] = v[i].x;
		group[k++] = v[v[i].best].x;
		if (k == GROUP) {
			rc = pair_close(c, group, k, samples, e);
			k = 0;
		}
	}
	if (rc == ST_OK)
		rc = pair_close(c, group, k, samples, e);
	free(samples);
	return rc;
}

static int by_ending(const struct class *c, struct st_err *e)
{
	struct ending *v = st_calloc(c->na + c->nb, sizeof(*v), e);
	size_t n = 0;
	int rc;

	if (!v)
		return e->code;
	for (size_t i = 0; i < c->na + c->nb; i++)
		if (!c->v[i].paired)
			v[n++] = (struct ending){ .x = &c->v[i], .t = operand(c->m, &c->v[i]) };
	if (n)
		qsort(v, n, sizeof(*v), cmp_endings);
	find_best(v, n);
	rc = pair_endings(c, v, n, e);
	free(v);
	return rc;
}

/* What equal ids left over. */
static int by_closeness(struct class *c, struct st_err *e)
{
	size_t na = 0, nb = 0;

	for (size_t i = 0; i < c->na + c->nb; i++) {
		na += !c->v[i].paired && !c->v[i].later;
		nb += !c->v[i].paired && c->v[i].later;
	}
	if (na == 0 || nb == 0)
		return ST_OK;
	return na <= MANY && nb <= MANY ? by_content(c, e) : by_ending(c, e);
}

/* ---- classes ---- */

static bool is_wanted(const struct matcher *m, const struct member *x)
{
	const struct st_operand *t = operand(m, x);

	return !m->o->wanted || m->o->wanted(m->o->wanted_arg, t->name, t->name_len);
}

static int match_class(struct matcher *m, struct member *v, size_t n, struct st_err *e)
{
	struct class c = { .m = m, .v = v, .units = st_operand_units(operand(m, v)) };
	bool wanted = false, close;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		c.na += !v[i].later;
		c.nb += v[i].later;
	}
	if (c.na == 0 || c.nb == 0)
		return ST_OK;
	for (i = 0; i < n && !wanted; i++)
		wanted = is_wanted(m, &v[i]);
	if (!wanted)
		return ST_OK;
	close = c.units >= LEAST && st_pair_numeric(operand(m, v)->dtype);
	rc = st_check_cancel(m->ctx, e);
	if (rc == ST_OK)
		rc = by_id(&c, close && c.na <= MANY && c.nb <= MANY, e);
	if (rc == ST_OK && close)
		rc = by_closeness(&c, e);
	free(c.samples);
	return rc;
}

/* Numbers the classes in order of their first member. */
static int classify(struct matcher *m, struct st_map *classes, struct st_err *e)
{
	uint64_t key[2 + ST_MAX_NDIM], cls;
	const struct st_operand *t;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < m->nleft; i++) {
		t = operand(m, &m->left[i]);
		key[0] = t->dtype;
		key[1] = t->nbytes; /* an opaque one's shape does not say */
		if (t->ndim)
			memcpy(key + 2, t->shape, t->ndim * sizeof(*key));
		if (!st_map_get(classes, key, (2 + t->ndim) * sizeof(*key), &cls)) {
			cls = classes->count;
			rc = st_map_put(classes, key, (2 + t->ndim) * sizeof(*key), cls, NULL, NULL,
					e);
		}
		m->left[i].cls = (size_t)cls;
	}
	return rc;
}

static int cmp_class(const void *pa, const void *pb)
{
	const struct member *x = pa, *y = pb;

	if (x->cls != y->cls)
		return x->cls < y->cls ? -1 : 1;
	if (x->later != y->later)
		return x->later ? 1 : -1;
	return x->i < y->i ? -1 : x->i > y->i;
}

static int match_left(struct matcher *m, struct st_map *classes, struct st_err *e)
{
	size_t from, to;
	int rc;

	if (m->nleft == 0 || !m->left[m->nleft - 1].later || m->left[0].later)
		return ST_OK; /* one side has none */
	rc = classify(m, classes, e);
	if (rc != ST_OK)
		return rc;
	qsort(m->left, m->nleft, sizeof(*m->left), cmp_class);
	for (from = 0; rc == ST_OK && from < m->nleft; from = to) {
		for (to = from; to < m->nleft && m->left[to].cls == m->left[from].cls; to++)
			;
		rc = match_class(m, m->left + from, to - from, e);
	}
	return rc;
}

int st_match_models(struct st_match **out, size_t *n, const struct st_side *a,
		    const struct st_side *b, const struct st_models_options *o,
		    const struct st_ctx *ctx, struct st_err *e)
{
	struct matcher m = { .a = a, .b = b, .o = o, .ctx = ctx, .work = WORK };
	struct st_map names, classes;
	int rc = ST_OK;

	*out = NULL;
	*n = 0;
	st_map_init(&names);
	st_map_init(&classes);
	m.of_a = st_calloc(a->n + b->n, sizeof(*m.of_a), e);
	m.taken = st_calloc(b->n, sizeof(*m.taken), e);
	if (!m.of_a || !m.taken)
		rc = e->code;
	if (rc == ST_OK)
		rc = by_name(&m, &names, e);
	if (rc == ST_OK)
		rc = match_left(&m, &classes, e);
	if (rc == ST_OK) {
		*n = a->n;
		for (size_t i = 0; i < b->n; i++)
			if (!m.taken[i])
				m.of_a[(*n)++] =
					(struct st_match){ ST_NO_OPERAND, i, ST_SAME_NAME, 0 };
		*out = m.of_a;
		m.of_a = NULL;
	}
	free(m.of_a);
	free(m.taken);
	free(m.left);
	st_map_release(&classes);
	st_map_release(&names);
	return rc;
}

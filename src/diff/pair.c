/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A leaf is summed in one go as its elements lie in the file, where the kernel can read them so;
 * else, and where one side's sum of squares says that something in it is not finite, in blocks of
 * doubles, in which such elements are then zero on both sides: a zero leaves every sum as it is,
 * for no sum is ever -0. A leaf with equal bytes on both sides needs one sum only.
 */

#include "diff/pair.h"

#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/mem.h"
#include "diff/pair_kernel.h"

#define LANES ST_PAIR_LANES

/* --- the kernel for any machine -------------------------------------------------------------- */

static bool direct_portable(enum st_dtype t)
{
	(void)t;
	return false;
}

/* One rounding an operation: each result has a name, so that no compiler fuses two. */
static inline void add(struct st_pair_acc *acc, size_t lane, double a, double b)
{
	double d = fabs(b - a);
	double dd = d * d, ab = a * b, aa = a * a, bb = b * b;

	acc->l1[lane] += d;
	acc->l2sq[lane] += dd;
	acc->max_abs[lane] = d > acc->max_abs[lane] ? d : acc->max_abs[lane];
	acc->dot[lane] += ab;
	acc->a2[lane] += aa;
	acc->b2[lane] += bb;
}

static void delta_portable(struct st_pair_acc *acc, enum st_dtype t, const void *pa, const void *pb,
			   size_t n)
{
	const double *a = pa, *b = pb;
	struct st_pair_acc s = *acc;
	size_t i = 0;

	ST_BUG_ON(t != ST_F64);
	for (; n - i >= LANES; i += LANES)
		for (size_t lane = 0; lane < LANES; lane++)
			add(&s, lane, a[i + lane], b[i + lane]);
	for (size_t lane = 0; i < n; i++, lane++)
		add(&s, lane, a[i], b[i]);
	*acc = s;
}

static void norm_portable(struct st_pair_acc *acc, enum st_dtype t, const void *pa, size_t n)
{
	const double *a = pa;

	ST_BUG_ON(t != ST_F64);
	for (size_t i = 0; i < n; i++) {
		double aa = a[i] * a[i];

		acc->a2[i % LANES] += aa;
	}
}

static inline size_t differ(size_t width, const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += memcmp(a + i * width, b + i * width, width) != 0;
	return count;
}

static size_t differ_portable(unsigned width, const void *a, const void *b, size_t n)
{
	switch (width) {
	case 1:
		return differ(1, a, b, n);
	case 2:
		return differ(2, a, b, n);
	case 4:
		return differ(4, a, b, n);
	default:
		ST_BUG_ON(width != 8);
		return differ(8, a, b, n);
	}
}

const struct st_pair_kernel st_pair_kernel_portable = {
	.direct = direct_portable,
	.delta = delta_portable,
	.norm = norm_portable,
	.differ = differ_portable,
	.cast = st_pair_cast_portable,
};

#if defined(__x86_64__)
static bool has_f16c(void)
{
#if defined(__clang__) /* whose built-in does not know the name */
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c & bit_F16C;
#else
	return __builtin_cpu_supports("f16c");
#endif
}
#endif

bool st_pair_level_supported(enum st_pair_level l)
{
#if defined(__x86_64__)
	if (l == ST_PAIR_AVX2)
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
		       __builtin_cpu_supports("popcnt") && has_f16c();
#endif
	return l == ST_PAIR_PORTABLE;
}

static const struct st_pair_kernel *kernel_at(enum st_pair_level l)
{
	ST_BUG_ON(!st_pair_level_supported(l));
#if defined(__x86_64__)
	if (l == ST_PAIR_AVX2)
		return &st_pair_kernel_avx2;
#endif
	return &st_pair_kernel_portable;
}

/* --- leaves ---------------------------------------------------------------------------------- */

struct leaf { /* the sums whose order matters */
	double l1, l2sq, dot, a2, b2;
};

struct side {
	struct st_pair_loader loader;
	const uint8_t *p;
	unsigned bits; /* of an element */
};

struct pair {
	const struct st_pair_kernel *k;
	struct side a, b;
	bool same; /* types */
	bool histogram;
	struct st_pair_sums *out;
};

static const uint8_t *side_at(const struct side *s, size_t i)
{
	return s->p + i * s->bits / 8;
}

static void side_load(const struct pair *p, const struct side *s, double *out, size_t at, size_t n)
{
	if (p->k->direct(s->loader.t))
		p->k->load(out, s->loader.t, side_at(s, at), n);
	else
		st_pair_loader_run(&s->loader, out, side_at(s, at), n);
}

/* How many are not finite on a side; they become zero on both. */
static size_t drop_nonfinite(double *a, double *b, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		if (isfinite(a[i]) && isfinite(b[i]))
			continue;
		a[i] = b[i] = 0;
		count++;
	}
	return count;
}

/* Four counters for each bucket, since neighbours in a tensor often lie in the same. */
struct buckets {
	uint32_t count[4][ST_PAIR_BUCKETS];
};

static void count_buckets(struct buckets *h, const double *a, const double *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double d = fabs(b[i] - a[i]);
		uint64_t bits;
		int k;

		memcpy(&bits, &d, sizeof(bits));
		k = (int)(bits >> 52) - (1023 - 56);
		k = k < 0 ? 0 : k;
		k = k >= ST_PAIR_BUCKETS ? ST_PAIR_BUCKETS - 1 : k;
		h->count[i % 4][k] += d != 0;
	}
}

static void add_buckets(struct st_pair_sums *out, const struct buckets *h)
{
	for (size_t k = 0; k < ST_PAIR_BUCKETS; k++)
		for (size_t i = 0; i < 4; i++)
			out->hist[k] += h->count[i][k];
}

enum how { /* how blocks are summed */
	CAST = 1,
	MASK = 2, /* what is not finite is left out */
};

static void cast_block(const struct pair *p, const double *a, const double *b, size_t at, size_t n)
{
	struct st_pair_block x = { p->a.loader.t, side_at(&p->a, at), a };
	struct st_pair_block y = { p->b.loader.t, side_at(&p->b, at), b };

	st_pair_cast(p->k, p->out, &x, &y, n);
}

/* By way of doubles: returns how many were left out. Lanes go on from block to block. */
static size_t sum_blocks(const struct pair *p, struct st_pair_acc *acc, size_t at, size_t n,
			 unsigned how)
{
	double a[ST_PAIR_BLOCK], b[ST_PAIR_BLOCK];
	struct buckets h = { 0 };
	size_t nonfinite = 0;

	memset(acc, 0, sizeof(*acc));
	for (size_t i = 0, m; i < n; i += m) {
		m = n - i < ST_PAIR_BLOCK ? n - i : ST_PAIR_BLOCK;
		side_load(p, &p->a, a, at + i, m);
		side_load(p, &p->b, b, at + i, m);
		if (how & CAST)
			cast_block(p, a, b, at + i, m);
		if (how & MASK)
			nonfinite += drop_nonfinite(a, b, m);
		p->k->delta(acc, ST_F64, a, b, m);
		if (p->histogram)
			count_buckets(&h, a, b, m);
	}
	if (p->histogram && how & MASK)
		add_buckets(p->out, &h);
	return nonfinite;
}

/* What lies there is the same on both sides. */
static void sum_equal(const struct pair *p, struct st_pair_acc *acc, size_t at, size_t n)
{
	double a[ST_PAIR_BLOCK];

	memset(acc, 0, sizeof(*acc));
	if (p->k->direct(p->a.loader.t)) {
		p->k->norm(acc, p->a.loader.t, side_at(&p->a, at), n);
	} else {
		for (size_t i = 0, m; i < n; i += m) {
			m = n - i < ST_PAIR_BLOCK ? n - i : ST_PAIR_BLOCK;
			side_load(p, &p->a, a, at + i, m);
			p->k->norm(acc, ST_F64, a, m);
		}
	}
	memcpy(acc->b2, acc->a2, sizeof(acc->b2));
	memcpy(acc->dot, acc->a2, sizeof(acc->dot));
}

static size_t differ_halves(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += ((a[i / 2] ^ b[i / 2]) >> 4 * (i % 2) & 15) != 0;
	return count;
}

static double pairwise(const double v[LANES])
{
	return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
}

static bool finite_sums(const struct st_pair_acc *acc)
{
	return isfinite(pairwise(acc->a2)) && isfinite(pairwise(acc->b2));
}

static struct leaf close_leaf(const struct pair *p, const struct st_pair_acc *acc, size_t n,
			      size_t nonfinite)
{
	struct st_pair_sums *out = p->out;

	out->numel += n - nonfinite;
	out->nonfinite += nonfinite;
	for (size_t lane = 0; lane < LANES; lane++)
		if (acc->max_abs[lane] > out->max_abs)
			out->max_abs = acc->max_abs[lane];
	return (struct leaf){ pairwise(acc->l1), pairwise(acc->l2sq), pairwise(acc->dot),
			      pairwise(acc->a2), pairwise(acc->b2) };
}

static struct leaf sum_leaf(const struct pair *p, size_t at, size_t n)
{
	const uint8_t *a = side_at(&p->a, at), *b = side_at(&p->b, at);
	bool equal = p->same && memcmp(a, b, (n * p->a.bits + 7) / 8) == 0;
	struct st_pair_acc acc = { 0 };
	size_t nonfinite = 0;

	if (p->same && !equal)
		p->out->changed += p->a.bits < 8 ? differ_halves(a, b, n) :
						   p->k->differ(p->a.bits / 8, a, b, n);
	if (equal)
		sum_equal(p, &acc, at, n);
	else if (p->same && p->k->direct(p->a.loader.t))
		p->k->delta(&acc, p->a.loader.t, a, b, n);
	else
		sum_blocks(p, &acc, at, n, p->same ? 0 : CAST);
	if ((p->histogram && !equal) || !finite_sums(&acc))
		nonfinite = sum_blocks(p, &acc, at, n, MASK);
	return close_leaf(p, &acc, n, nonfinite);
}

/* --- trees ----------------------------------------------------------------------------------- */

static struct leaf join(const struct leaf *a, const struct leaf *b)
{
	return (struct leaf){ a->l1 + b->l1, a->l2sq + b->l2sq, a->dot + b->dot, a->a2 + b->a2,
			      a->b2 + b->b2 };
}

/*
 * Level k of the stack is a whole tree of 2^k leaves where bit k of their number is set: what comes
 * makes trees whole from the right as a carry goes through a counter. At the end the smaller ones
 * are the right sides.
 */
static struct leaf sum_leaves(const struct pair *p, size_t n)
{
	struct leaf level[8], sum = { 0 };
	size_t leaves = 0, left;
	bool any = false;

	_Static_assert(ST_PAIR_CHUNK / ST_PAIR_LEAF < 256, "levels of a chunk");
	for (size_t at = 0; at < n; at += ST_PAIR_LEAF, leaves++) {
		size_t k = 0;

		left = n - at < ST_PAIR_LEAF ? n - at : ST_PAIR_LEAF;
		sum = sum_leaf(p, at, left);
		for (; leaves >> k & 1; k++)
			sum = join(&level[k], &sum);
		level[k] = sum;
	}
	for (size_t k = 0; k < 8; k++) {
		if (!(leaves >> k & 1))
			continue;
		sum = any ? join(&level[k], &sum) : level[k];
		any = true;
	}
	return sum;
}

static void side_init(struct side *s, enum st_dtype t, const void *p)
{
	st_pair_loader_init(&s->loader, t);
	s->bits = st_dtype_info(s->loader.t)->bits;
	s->p = p;
}

void st_pair_chunk_at(enum st_pair_level l, struct st_pair_sums *out, enum st_dtype ta,
		      const void *a, enum st_dtype tb, const void *b, size_t n, unsigned flags)
{
	struct pair p = { .k = kernel_at(l), .out = out, .histogram = flags & ST_PAIR_HISTOGRAM };
	struct leaf sum;

	ST_BUG_ON(n > ST_PAIR_CHUNK);
	memset(out, 0, sizeof(*out));
	if (!st_pair_numeric(ta) || !st_pair_numeric(tb)) {
		ST_BUG_ON(ta != tb);
		out->changed = p.k->differ(1, a, b, n);
		return;
	}
	side_init(&p.a, ta, a);
	side_init(&p.b, tb, b);
	p.same = p.a.loader.t == p.b.loader.t;
	sum = sum_leaves(&p, n);
	out->l1 = sum.l1;
	out->l2sq = sum.l2sq;
	out->dot = sum.dot;
	out->a2 = sum.a2;
	out->b2 = sum.b2;
}

void st_pair_chunk(struct st_pair_sums *out, enum st_dtype ta, const void *a, enum st_dtype tb,
		   const void *b, size_t n, unsigned flags)
{
	enum st_pair_level l = st_pair_level_supported(ST_PAIR_AVX2) ? ST_PAIR_AVX2 :
								       ST_PAIR_PORTABLE;

	st_pair_chunk_at(l, out, ta, a, tb, b, n, flags);
}

void st_pair_tree_init(struct st_pair_tree *t)
{
	t->chunks = 0;
}

void st_pair_tree_add(struct st_pair_tree *t, const struct st_pair_sums *chunk)
{
	struct st_pair_sums sum = *chunk, left;
	size_t k = 0;

	for (; t->chunks >> k & 1; k++) {
		left = t->level[k];
		st_pair_total(&left, &sum);
		sum = left;
	}
	ST_BUG_ON(k >= sizeof(t->level) / sizeof(*t->level));
	t->level[k] = sum;
	t->chunks++;
}

void st_pair_tree_sum(const struct st_pair_tree *t, struct st_pair_sums *out)
{
	struct st_pair_sums sum;
	bool any = false;

	memset(out, 0, sizeof(*out));
	for (size_t k = 0; k < sizeof(t->level) / sizeof(*t->level); k++) {
		if (!(t->chunks >> k & 1))
			continue;
		sum = t->level[k];
		if (any)
			st_pair_total(&sum, out);
		*out = sum;
		any = true;
	}
}

void st_pair_total(struct st_pair_sums *sum, const struct st_pair_sums *more)
{
	sum->numel += more->numel;
	sum->l1 += more->l1;
	sum->l2sq += more->l2sq;
	sum->max_abs = more->max_abs > sum->max_abs ? more->max_abs : sum->max_abs;
	sum->dot += more->dot;
	sum->a2 += more->a2;
	sum->b2 += more->b2;
	sum->changed += more->changed;
	sum->nonfinite += more->nonfinite;
	sum->uncast += more->uncast;
	for (size_t k = 0; k < ST_PAIR_BUCKETS; k++)
		sum->hist[k] += more->hist[k];
}

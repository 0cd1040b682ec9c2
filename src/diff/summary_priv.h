/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of diff/summary.h: sums of wide types, order statistics, bins. */
#ifndef ST_DIFF_SUMMARY_PRIV_H
#define ST_DIFF_SUMMARY_PRIV_H

#include "diff/pair_kernel.h"
#include "diff/summary.h"

/* ---- summary_moments.c ---- */

struct st_moments {
	uint64_t n;
	double sum, m2; /* m2: sum of squared distances from their mean */
};
/* Of n finite numbers, at most a leaf. */
void st_moments_leaf(struct st_moments *out, const double *v, size_t n);
/* Parts in order. The first ones become the left subtrees: see st_pair_tree. */
struct st_moments_tree {
	struct st_moments level[48];
	uint64_t parts;
};
void st_moments_add(struct st_moments_tree *t, const struct st_moments *part);
struct st_moments st_moments_total(const struct st_moments_tree *t);
double st_moments_mean(const struct st_moments *m);
double st_moments_std(const struct st_moments *m);

/* A sum that carries what its additions lost. Start with {0}. */
struct st_exact_sum {
	double sum, lost;
};
void st_exact_add(struct st_exact_sum *s, double v);
double st_exact_value(const struct st_exact_sum *s);

/* ---- summary_order.c ---- */

#define ST_DIGITS ((size_t)1 << 16)
#define ST_PICKS (2 * ST_SUMMARY_QUANTILES + 2)

/* Codes of a component type as numbers that compare as their values do; NaN somewhere. */
struct st_order {
	uint64_t sign, if_set,
		if_clear; /* its bit; which bits turn where it is set, and where not */
};
void st_order_init(struct st_order *o, enum st_dtype t);
static inline uint64_t st_order_key(const struct st_order *o, uint64_t code)
{
	return code ^ (code & o->sign ? o->if_set : o->if_clear);
}
uint64_t st_order_code(const struct st_order *o, uint64_t key);

struct st_pick { /* an order statistic that is looked for */
	uint64_t rank;
	uint64_t prefix; /* the bits of its key known so far */
	uint64_t left;	 /* its rank among those that share them */
	double value;	 /* in the end */
};
struct st_picks {
	struct st_pick v[ST_PICKS]; /* by rank, each once */
	size_t n;
	/* Which keys are counted: those of one of the groups, by the 16 bits after its prefix. */
	uint64_t group[ST_PICKS]; /* prefixes, ascending */
	size_t ngroups;
	unsigned known;		      /* bits of a prefix */
	uint8_t first[ST_DIGITS + 1]; /* groups by the first 16 bits of the prefix; known != 0 */
};
/* The ranks that the quantiles, minimum and maximum of `finite` numbers need; nothing is known. */
void st_picks_init(struct st_picks *p, uint64_t finite);
/* counts: ST_DIGITS for each group. 16 bits more are known then. */
void st_picks_narrow(struct st_picks *p, const uint64_t *counts);
/* The group of a key of `bits` bits, or ngroups. */
static inline size_t st_picks_group(const struct st_picks *p, uint64_t key, unsigned bits)
{
	uint64_t prefix = key >> (bits - p->known);
	size_t top = (size_t)(key >> (bits - 16)), g;

	for (g = p->first[top]; g < p->first[top + 1]; g++)
		if (p->group[g] == prefix)
			return g;
	return p->ngroups;
}
/* min, max and quantiles from the values of all picks. */
void st_picks_finish(const struct st_picks *p, struct st_summary *out);

/* ---- summary_bins.c ---- */

/* From min, max and quantiles: nbins and edge. t: the component type. */
void st_bins_choose(struct st_summary *out, enum st_dtype t);

struct st_bins { /* counts of one thread */
	uint64_t count[ST_SUMMARY_BINS], below, above;
};
/* Counts n values, each of them `times`; those that are not finite do not count. */
void st_bins_count(struct st_bins *b, const struct st_summary *s, const double *v, size_t n,
		   uint64_t times);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that differ. What the texts begin and end with in common goes first, then lines that are on
 * one side only: no script can keep those. On the rest works the algorithm of E. W. Myers, "An
 * O(ND) difference algorithm and its variations" (1986), in linear space: the middle of a shortest
 * path is searched from both ends, and splits the box in two.
 *
 * Work is bounded twice. A search that goes `reach` edits from both ends without meeting splits
 * where one of them got farthest, which is still a right script. When the budget is spent, boxes
 * that are left are replaced as they are.
 */
#include "diff/settings.h"

#define MAX_LINES ((size_t)1 << 21) /* interned, of both sides */
#define MAX_REACH ((size_t)4096)    /* exact for 2 * MAX_REACH lines of both sides */
#define MIN_REACH ((size_t)64)	    /* edits */
#define WORK ((size_t)1 << 27)	    /* steps that `reach` is chosen for */
#define BUDGET ((uint64_t)1 << 28)  /* steps in all, runs of equal lines included */

struct text {
	const char *p;
	size_t len;   /* of what is compared: prefix and suffix are cut off */
	size_t lines; /* in it */
	uint32_t *id; /* lines that are on both sides, by content */
	uint32_t *at; /* the line that each of them is */
	size_t n;     /* how many */
	bool *keep;   /* by line */
};

struct box { /* lines [a0, a1) and [b0, b1), in terms of id */
	size_t a0, a1, b0, b1;
};

struct lines {
	struct text a, b;
	size_t first; /* lines of the common prefix */
	struct box *stack;
	size_t depth, cap;
	/* By diagonal x - y, from -reach - 1 to reach + 1: the farthest x of a path from the
	 * start, and from the end counted backwards; -1: none. */
	int32_t *fwd, *bwd;
	size_t reach;
	uint64_t budget;
};

static size_t count_lines(const char *p, size_t len)
{
	const char *end = p + len, *nl;
	size_t n = 0;

	for (; p < end; p = nl + 1, n++) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			return n + 1;
	}
	return n;
}

/* Cuts off whole lines that both begin or both end with. */
static void trim_bytes(struct lines *l)
{
	struct text *a = &l->a, *b = &l->b;
	size_t least = a->len < b->len ? a->len : b->len, n = 0;

	while (n < least && a->p[n] == b->p[n])
		n++;
	if (n < a->len || n < b->len) /* equal texts have no tail to cut back to a line */
		while (n > 0 && a->p[n - 1] != '\n')
			n--;
	l->first = count_lines(a->p, n);
	a->p += n;
	b->p += n;
	a->len -= n;
	b->len -= n;
	least -= n;
	for (n = 0; n < least && a->p[a->len - 1 - n] == b->p[b->len - 1 - n];)
		n++;
	while (n > 0 && a->p[a->len - n] != '\n')
		n--;
	n -= n > 0; /* the line that this \n ends may differ */
	a->len -= n;
	b->len -= n;
	a->lines = count_lines(a->p, a->len);
	b->lines = count_lines(b->p, b->len);
}

/* Numbers lines by content: equal ones get one number. */
static int intern(struct text *t, struct st_map *ids, struct st_err *e)
{
	size_t pos = 0, n;
	uint64_t id;
	const char *nl;
	int rc = ST_OK;

	for (size_t i = 0; rc == ST_OK && i < t->lines; i++, pos += n) {
		nl = memchr(t->p + pos, '\n', t->len - pos);
		n = nl ? (size_t)(nl + 1 - t->p) - pos : t->len - pos;
		if (!st_map_get(ids, t->p + pos, n, &id)) {
			id = ids->count;
			rc = st_map_put(ids, t->p + pos, n, id, NULL, NULL, e);
		}
		t->id[i] = (uint32_t)id;
	}
	return rc;
}

static void drop_lonely(struct text *t, const bool *theirs)
{
	for (size_t i = 0; i < t->lines; i++) {
		if (!theirs[t->id[i]])
			continue;
		t->at[t->n] = (uint32_t)i;
		t->id[t->n++] = t->id[i];
	}
}

static int number_lines(struct lines *l, struct st_err *e)
{
	bool *in_a = NULL, *in_b = NULL;
	struct st_map ids;
	int rc;

	st_map_init(&ids);
	rc = intern(&l->a, &ids, e);
	if (rc == ST_OK)
		rc = intern(&l->b, &ids, e);
	if (rc == ST_OK) {
		in_a = st_calloc(ids.count, sizeof(*in_a), e);
		in_b = in_a ? st_calloc(ids.count, sizeof(*in_b), e) : NULL;
		rc = in_b ? ST_OK : (int)e->code;
	}
	st_map_release(&ids);
	if (rc == ST_OK) {
		for (size_t i = 0; i < l->a.lines; i++)
			in_a[l->a.id[i]] = true;
		for (size_t i = 0; i < l->b.lines; i++)
			in_b[l->b.id[i]] = true;
		drop_lonely(&l->a, in_b);
		drop_lonely(&l->b, in_a);
	}
	free(in_a);
	free(in_b);
	return rc;
}

static int push(struct lines *l, struct box x, struct st_err *e)
{
	int rc = st_grow(&l->stack, &l->cap, l->depth + 1, e);

	if (rc == ST_OK)
		l->stack[l->depth++] = x;
	return rc;
}

static void keep(struct lines *l, size_t a, size_t b)
{
	l->a.keep[l->a.at[a]] = true;
	l->b.keep[l->b.at[b]] = true;
}

/* Lines that the box begins and ends with in common are kept. */
static void trim(struct lines *l, struct box *x)
{
	while (x->a0 < x->a1 && x->b0 < x->b1 && l->a.id[x->a0] == l->b.id[x->b0])
		keep(l, x->a0++, x->b0++);
	while (x->a0 < x->a1 && x->b0 < x->b1 && l->a.id[x->a1 - 1] == l->b.id[x->b1 - 1])
		keep(l, --x->a1, --x->b1);
}

struct search {	    /* in one box, from one end */
	int32_t *v; /* v[k] for diagonal k, which may be negative */
	const int32_t *other;
	int32_t n, m;
	bool back;
	int32_t best, best_k; /* farthest: x + y, and its diagonal */
};

/* The farthest point of diagonal k with d edits, equal lines not yet followed; -1: none. */
static int32_t step(const struct search *s, int32_t d, int32_t k)
{
	int32_t right = k == -d || s->v[k - 1] < 0 ? -1 : s->v[k - 1] + 1;
	int32_t down = k == d ? -1 : s->v[k + 1];

	if (d == 0)
		return 0;
	if (right > s->n)
		right = -1;
	if (down >= 0 && down - k > s->m)
		down = -1;
	return right > down ? right : down;
}

static int32_t follow(struct lines *l, const struct box *b, const struct search *s, int32_t x,
		      int32_t k)
{
	const uint32_t *p = l->a.id + b->a0, *q = l->b.id + b->b0;
	int32_t y = x - k, from = x;

	if (s->back) {
		p += s->n - 1;
		q += s->m - 1;
		while (x < s->n && y < s->m && *(p - x) == *(q - y))
			x++, y++;
	} else {
		while (x < s->n && y < s->m && p[x] == q[y])
			x++, y++;
	}
	l->budget -= l->budget < (uint64_t)(x - from) ? l->budget : (uint64_t)(x - from);
	return x;
}

/* All diagonals with d edits. True where the other search was met: *x is in the box, from its
 * start, as is *y. */
static bool advance(struct lines *l, const struct box *b, struct search *s, int32_t d, int32_t *x,
		    int32_t *y)
{
	int32_t delta = s->n - s->m, odd = delta & 1, seen = s->back ? d : d - 1;
	int32_t low = d <= s->m ? -d : -s->m + ((d - s->m) & 1);
	int32_t high = d <= s->n ? d : s->n - ((d - s->n) & 1);

	for (int32_t k = low; k <= high; k += 2) {
		int32_t at = step(s, d, k), there = delta - k;

		if (at >= 0)
			at = follow(l, b, s, at, k);
		s->v[k] = at;
		if (at < 0)
			continue;
		if (2 * at - k > s->best) {
			s->best = 2 * at - k;
			s->best_k = k;
		}
		/* Searches meet in a forward step when the script's length is odd, else in a
		 * backward one. */
		if ((odd != 0) == s->back || there < -seen || there > seen || s->other[there] < 0 ||
		    at + s->other[there] < s->n)
			continue;
		*x = s->back ? s->n - at : at;
		*y = s->back ? s->m - (at - k) : at - k;
		return true;
	}
	l->budget -= l->budget < (uint64_t)d + 1 ? l->budget : (uint64_t)d + 1;
	return false;
}

/* Where to split a trimmed box that has lines on both sides; false when the budget is spent. */
static bool middle(struct lines *l, const struct box *b, struct box *left, struct box *right)
{
	int32_t n = (int32_t)(b->a1 - b->a0), m = (int32_t)(b->b1 - b->b0), x = 0, y = 0, d;
	int32_t *fwd = l->fwd + l->reach + 1, *bwd = l->bwd + l->reach + 1;
	struct search f = { fwd, bwd, n, m, false, -1, 0 }, r = { bwd, fwd, n, m, true, -1, 0 };
	bool met = false;

	for (d = 0; !met && (size_t)d <= l->reach && l->budget > 0; d++) {
		/* what the box before left behind, where this step may look */
		fwd[-d - 1] = fwd[d + 1] = bwd[-d - 1] = bwd[d + 1] = -1;
		met = advance(l, b, &f, d, &x, &y) || advance(l, b, &r, d, &x, &y);
	}
	if (!met && l->budget == 0)
		return false;
	if (!met && f.best >= r.best) {
		x = (f.best + f.best_k) / 2;
		y = x - f.best_k;
	} else if (!met) {
		x = n - (r.best + r.best_k) / 2;
		y = m - (r.best - r.best_k) / 2;
	}
	*left = (struct box){ b->a0, b->a0 + (size_t)x, b->b0, b->b0 + (size_t)y };
	*right = (struct box){ left->a1, b->a1, left->b1, b->b1 };
	return true;
}

static int match(struct lines *l, struct st_err *e)
{
	size_t total = l->a.n + l->b.n;
	struct box x = { 0, l->a.n, 0, l->b.n }, left, right;
	int rc;

	l->reach = total ? WORK / total : MIN_REACH;
	l->reach = l->reach < MIN_REACH ? MIN_REACH : l->reach > MAX_REACH ? MAX_REACH : l->reach;
	l->budget = BUDGET;
	l->fwd = st_calloc(2 * l->reach + 3, sizeof(*l->fwd), e);
	l->bwd = l->fwd ? st_calloc(2 * l->reach + 3, sizeof(*l->bwd), e) : NULL;
	if (!l->bwd)
		return e->code;
	rc = push(l, x, e);
	while (rc == ST_OK && l->depth > 0) {
		x = l->stack[--l->depth];
		trim(l, &x);
		if (x.a0 == x.a1 || x.b0 == x.b1 || !middle(l, &x, &left, &right))
			continue;
		rc = push(l, left, e);
		if (rc == ST_OK)
			rc = push(l, right, e);
	}
	return rc;
}

static int tell(const struct lines *l,
		int (*cb)(void *arg, size_t a, size_t na, size_t b, size_t nb), void *arg)
{
	size_t i = 0, j = 0, a, b;

	while (i < l->a.lines || j < l->b.lines) {
		a = i;
		b = j;
		while (i < l->a.lines && !l->a.keep[i])
			i++;
		while (j < l->b.lines && !l->b.keep[j])
			j++;
		if ((i > a || j > b) && cb(arg, l->first + a, i - a, l->first + b, j - b))
			return ST_ENO;
		ST_BUG_ON((i < l->a.lines) != (j < l->b.lines));
		i++;
		j++;
	}
	return ST_OK;
}

static int make_room(struct text *t, struct st_err *e)
{
	t->keep = st_calloc(t->lines, sizeof(*t->keep), e);
	if (t->keep)
		t->id = st_calloc(t->lines, sizeof(*t->id), e);
	if (t->id)
		t->at = st_calloc(t->lines, sizeof(*t->at), e);
	return t->at ? ST_OK : (int)e->code;
}

static int compare(struct lines *l, struct st_err *e)
{
	int rc = make_room(&l->a, e);

	if (rc == ST_OK)
		rc = make_room(&l->b, e);
	if (rc == ST_OK)
		rc = number_lines(l, e);
	return rc == ST_OK ? match(l, e) : rc;
}

static void release(struct text *t)
{
	free(t->id);
	free(t->at);
	free(t->keep);
}

int st_lines_diff(const void *a, size_t a_len, const void *b, size_t b_len,
		  int (*cb)(void *arg, size_t a, size_t na, size_t b, size_t nb), void *arg,
		  struct st_err *e)
{
	struct lines l = { .a = { .p = a_len ? a : "", .len = a_len },
			   .b = { .p = b_len ? b : "", .len = b_len } };
	int rc = ST_OK;

	trim_bytes(&l);
	if (l.a.lines == 0 || l.b.lines == 0 || l.a.lines + l.b.lines > MAX_LINES) {
		if (l.a.lines + l.b.lines > 0 && cb(arg, l.first, l.a.lines, l.first, l.b.lines))
			rc = ST_ENO;
	} else {
		rc = compare(&l, e);
		if (rc == ST_OK)
			rc = tell(&l, cb, arg);
	}
	if (rc == ST_ENO)
		st_fail(e, ST_ENO, "stopped");
	release(&l.a);
	release(&l.b);
	free(l.stack);
	free(l.fwd);
	free(l.bwd);
	return rc;
}

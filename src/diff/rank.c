/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numerical rank of a change M = b - a, rows x cols, by the randomised range finder of Halko,
 * Martinsson and Tropp, "Finding structure with randomness", SIAM Review 53 (2011), algorithms 4.1
 * and 5.1, on M': with k = max + 8 columns
 *
 *	W = M' S		pass 1; S random and sparse: 8 signs in each of its rows
 *	Q = orth(W)		cols x k
 *	C = M Q, R'R = C'C	pass 2; R of a QR factorisation that takes rows as they come
 *
 * and the singular values of R, by one-sided Jacobi, are those of M Q, none above M's own. What has
 * no more than k rows or columns is taken whole: S or Q is then the identity. S comes from a
 * counter, so that the result depends on nothing but the data. (Sparse signs do as well as normal
 * numbers, at an eighth of the work or less: Tropp, Yurtsever, Udell, Cevher, "Streaming low-rank
 * matrix approximation", SIAM J. Sci. Comput. 41 (2019).)
 *
 * Which singular values count. a and b are stored rounded: an element's error is spread evenly
 * over one step of its type, variance step^2 / 12, and two independent ones add up. A matrix E of
 * independent errors has |E| of at most about
 *
 *	max over rows sqrt(sum of variances) + the same over columns + a little
 *
 * (Bandeira and van Handel, Annals of Probability 44 (2016)). Singular values below that are not
 * told apart from rounding: this is what a LoRA of rank 8, merged into weights that are stored as
 * bf16, has after the eighth. Only rows and columns that changed somewhere have errors. Besides,
 * what is below max(rows, cols) * 2^-52 of the largest is this computation's own rounding. What
 * changed in one row or column only has rank 1 for certain.
 */
#include "diff/models_priv.h"
#include "diff/pair_kernel.h"

#include "base/pool.h"

#include <math.h>

#define PANEL ((uint64_t)1 << 20) /* elements that are looked at together, or one row */
#define PIECE ((size_t)1 << 17)	  /* that a thread reads at once */
#define STRIPE ((size_t)512) /* columns that a thread works on: a sketch's part fits its cache */
#define SIGNS 8
#define OVER 8
#define RAW ((PIECE + 1) * 8)	  /* bytes of a piece and an element before it, at most */
#define SMALL ((uint64_t)1 << 15) /* elements that are not worth a thread */

struct numbers {	      /* a type's rounding */
	int mantissa, lowest; /* bits; exponent of the least normal number */
	bool whole;	      /* steps of 1 */
};

struct ranking {
	const struct st_rank_of *in;
	size_t m, n, k, kp; /* kp: k made a multiple of 4, with columns of zeros */
	size_t height;	    /* rows of a panel */
	unsigned jobs;
	double scale;	 /* a power of two that brings max_abs to about 1 */
	double *q;	 /* kp x n: W', then Q' */
	double *panel;	 /* height x n */
	double *var;	 /* the same: variances; pass 2 */
	double *c;	 /* height x kp */
	double *r;	 /* kp x kp, upper triangle */
	double *col_var; /* n */
	uint8_t *col_touched;
	double *row_var; /* of the panel */
	uint8_t *row_touched;
	uint8_t **raw; /* of each thread: a's piece, then b's */
	struct st_pair_loader la, lb;
	struct numbers na, nb;
	double max_row;
	uint8_t *beyond; /* of each piece of a panel: it has what no rounding explains */
	bool changed;
	size_t nrows;	   /* that changed */
	size_t from, rows; /* of the panel in work */
	bool second;
};

/* ---- rounding ---- */

static struct numbers numbers_of(enum st_dtype t)
{
	switch (t) {
	case ST_F64:
		return (struct numbers){ 52, -1022, false };
	case ST_F32:
		return (struct numbers){ 23, -126, false };
	case ST_BF16:
		return (struct numbers){ 7, -126, false };
	case ST_F16:
		return (struct numbers){ 10, -14, false };
	case ST_F8_E5M2:
		return (struct numbers){ 2, -14, false };
	case ST_F8_E5M2FNUZ:
		return (struct numbers){ 2, -15, false };
	case ST_F8_E4M3:
		return (struct numbers){ 3, -6, false };
	case ST_F8_E4M3FNUZ:
		return (struct numbers){ 3, -7, false };
	case ST_F8_E8M0:
		return (struct numbers){ 0, -127, false };
	case ST_F4:
		return (struct numbers){ 1, 0, false };
	default:
		return (struct numbers){ 0, 0, true };
	}
}

/* What lies between x and the next number of the type, away from zero. */
static double step_of(const struct numbers *t, double x)
{
	uint64_t bits;
	int exponent;

	if (t->whole)
		return 1;
	if (!isfinite(x))
		return 0;
	memcpy(&bits, &x, sizeof(bits));
	exponent = (int)(bits >> 52 & 0x7ff) - 1023;
	exponent = (exponent < t->lowest ? t->lowest : exponent) - t->mantissa;
	if (exponent < -1022)
		return ldexp(1, exponent);
	bits = (uint64_t)(exponent + 1023) << 52;
	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* ---- reading a panel ---- */

static bool take_block(const struct ranking *s, const double *a, const double *b, size_t n,
		       double *out, double *var)
{
	bool beyond = false, same = s->in->ta == s->in->tb;
	double d, sa, sb;

	for (size_t i = 0; i < n; i++) {
		d = b[i] - a[i];
		out[i] = isfinite(d) ? d * s->scale : 0;
		if (!var)
			continue;
		sa = step_of(&s->na, a[i]);
		sb = step_of(&s->nb, b[i]);
		beyond = beyond || (out[i] != 0 && (same || fabs(d) > (sa + sb) / 2));
		sa *= s->scale;
		sb *= s->scale;
		var[i] = (sa * sa + sb * sb) / 12;
	}
	return beyond;
}

static int load_piece(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	struct ranking *s = arg;
	unsigned bits_a = st_operand_bits(s->in->ta), bits_b = st_operand_bits(s->in->tb);
	size_t at = (size_t)i * PIECE, total = s->rows * s->n, n, j, m, off;
	uint64_t first = (uint64_t)s->from * s->n + at;
	uint8_t *ra = s->raw[worker], *rb = ra + RAW;
	double a[ST_PAIR_BLOCK], b[ST_PAIR_BLOCK];
	int rc;

	n = total - at < PIECE ? total - at : PIECE;
	off = first % 2; /* of two halves in a byte */
	rc = st_source_read(s->in->a, ra, ((n + off) * bits_a + 7) / 8, (first - off) * bits_a / 8,
			    e);
	if (rc == ST_OK)
		rc = st_source_read(s->in->b, rb, ((n + off) * bits_b + 7) / 8,
				    (first - off) * bits_b / 8, e);
	if (rc != ST_OK)
		return rc;
	for (j = 0; j < n; j += m) {
		m = n - j < ST_PAIR_BLOCK - 1 ? n - j : ST_PAIR_BLOCK - 2;
		st_pair_loader_run(&s->la, a, ra + j * bits_a / 8, m + off);
		st_pair_loader_run(&s->lb, b, rb + j * bits_b / 8, m + off);
		if (take_block(s, a + off, b + off, m, s->panel + at + j,
			       s->second ? s->var + at + j : NULL))
			s->beyond[i] = 1;
	}
	return ST_OK;
}

static int load_panel(struct ranking *s, size_t from, struct st_err *e)
{
	uint64_t pieces;

	s->from = from;
	s->rows = s->m - from < s->height ? s->m - from : s->height;
	pieces = ((uint64_t)s->rows * s->n + PIECE - 1) / PIECE;
	memset(s->beyond, 0, (size_t)pieces);
	if (st_parallel(s->jobs, pieces, load_piece, s, e) != ST_OK)
		return e->code;
	for (uint64_t i = 0; i < pieces; i++)
		s->changed = s->changed || s->beyond[i];
	return ST_OK;
}

/* ---- pass 1 ---- */

static uint64_t counter(uint64_t x) /* SplitMix64's output function */
{
	x += 0x9e3779b97f4a7c15U;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
	x = (x ^ x >> 27) * 0x94d049bb133111ebU;
	return x ^ x >> 31;
}

static void add_scaled(double *restrict to, const double *restrict from, double by, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] += from[i] * by;
}

static bool touch(uint8_t *touched, const double *x, size_t n)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		touched[i] |= x[i] != 0;
		any = any || x[i] != 0;
	}
	return any;
}

/* One sign in each eighth of the sketch's columns. */
static void sketch_row(const struct ranking *s, size_t row, const double *x, size_t col, size_t n)
{
	uint64_t h;
	size_t t, lo, hi;

	if (s->m <= s->k) {
		add_scaled(s->q + row * s->n + col, x, 1, n);
		return;
	}
	for (t = 0; t < SIGNS; t++) {
		h = counter((uint64_t)row * SIGNS + t);
		lo = t * s->k / SIGNS;
		hi = (t + 1) * s->k / SIGNS;
		lo += (size_t)((h >> 1) % (hi - lo));
		add_scaled(s->q + lo * s->n + col, x, h & 1 ? 1 : -1, n);
	}
}

static int sketch_stripe(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	const struct ranking *s = arg;
	size_t col = (size_t)i * STRIPE, n = s->n - col < STRIPE ? s->n - col : STRIPE;

	(void)worker;
	(void)e;
	for (size_t row = 0; row < s->rows; row++) {
		const double *x = s->panel + row * s->n + col;

		if (touch(s->col_touched + col, x, n) && s->n > s->k)
			sketch_row(s, s->from + row, x, col, n);
	}
	return ST_OK;
}

static uint64_t stripes(const struct ranking *s)
{
	return (s->n + STRIPE - 1) / STRIPE;
}

static int pass_one(struct ranking *s, const struct st_ctx *ctx, struct st_err *e)
{
	int rc = ST_OK;

	for (size_t from = 0; rc == ST_OK && from < s->m; from += s->rows) {
		rc = st_check_cancel(ctx, e);
		if (rc == ST_OK)
			rc = load_panel(s, from, e);
		if (rc == ST_OK)
			rc = st_parallel(s->jobs, stripes(s), sketch_stripe, s, e);
	}
	return rc;
}

/* ---- orthonormal columns ---- */

/* Four rows with x at once, each in four lanes whose order is fixed. */
static void dot4(const double *restrict q, size_t stride, const double *restrict x, size_t n,
		 double out[4])
{
	double s[4][4] = { { 0 } };
	size_t i = 0, p, l;

	for (; n - i >= 4; i += 4)
		for (p = 0; p < 4; p++)
			for (l = 0; l < 4; l++)
				s[p][l] += q[p * stride + i + l] * x[i + l];
	for (; i < n; i++)
		for (p = 0; p < 4; p++)
			s[p][0] += q[p * stride + i] * x[i];
	for (p = 0; p < 4; p++)
		out[p] = (s[p][0] + s[p][1]) + (s[p][2] + s[p][3]);
}

static double dot1(const double *a, const double *b, size_t n)
{
	double s[4] = { 0 };
	size_t i = 0;

	for (; n - i >= 4; i += 4)
		for (size_t l = 0; l < 4; l++)
			s[l] += a[i + l] * b[i + l];
	for (; i < n; i++)
		s[0] += a[i] * b[i];
	return (s[0] + s[1]) + (s[2] + s[3]);
}

static void scale(double *x, double by, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] *= by;
}

/* Gram and Schmidt's, twice: "twice is enough". What then is rounding only becomes zero. */
static void orthonormalise(struct ranking *s)
{
	if (s->n <= s->k) {
		for (size_t i = 0; i < s->n; i++)
			s->q[i * s->n + i] = 1;
		return;
	}
	for (size_t p = 0; p < s->k; p++) {
		double *x = s->q + p * s->n, before = sqrt(dot1(x, x, s->n)), after;

		if (before > 0)
			scale(x, 1 / before, s->n);
		for (int twice = 0; twice < 2; twice++) {
			for (size_t o = 0; o < p; o++) {
				const double *y = s->q + o * s->n;

				add_scaled(x, y, -dot1(x, y, s->n), s->n);
			}
			after = sqrt(dot1(x, x, s->n));
			scale(x, after > 1e-13 ? 1 / after : 0, s->n);
		}
	}
}

/* ---- pass 2 ---- */

static void row_times_q(const struct ranking *s, size_t row, size_t col, size_t n)
{
	const double *x = s->panel + row * s->n + col;
	double *c = s->c + row * s->kp, part[4];

	for (size_t p = 0; p < s->kp; p += 4) {
		dot4(s->q + p * s->n + col, s->n, x, n, part);
		for (size_t l = 0; l < 4; l++)
			c[p + l] += part[l];
	}
}

static void look_at_row(const struct ranking *s, size_t row)
{
	const double *x = s->panel + row * s->n, *v = s->var + row * s->n;
	double sum = 0;

	s->row_touched[row] = 0;
	for (size_t j = 0; j < s->n && !s->row_touched[row]; j++)
		s->row_touched[row] = x[j] != 0;
	for (size_t j = 0; s->row_touched[row] && j < s->n; j++)
		sum += s->col_touched[j] ? v[j] : 0;
	s->row_var[row] = sum;
}

#define BAND ((size_t)32) /* rows that go through a stripe of Q together */

static int project_band(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	const struct ranking *s = arg;
	size_t from = (size_t)i * BAND, to = s->rows - from < BAND ? s->rows : from + BAND, n;

	(void)worker;
	(void)e;
	memset(s->c + from * s->kp, 0, (to - from) * s->kp * sizeof(*s->c));
	for (size_t row = from; row < to; row++)
		look_at_row(s, row);
	for (size_t col = 0; col < s->n; col += n) {
		n = s->n - col < STRIPE ? s->n - col : STRIPE;
		for (size_t row = from; row < to; row++)
			if (s->row_touched[row])
				row_times_q(s, row, col, n);
	}
	return ST_OK;
}

static int add_col_var(void *arg, uint64_t i, unsigned worker, struct st_err *e)
{
	const struct ranking *s = arg;
	size_t col = (size_t)i * STRIPE, n = s->n - col < STRIPE ? s->n - col : STRIPE;

	(void)worker;
	(void)e;
	for (size_t row = 0; row < s->rows; row++)
		if (s->row_touched[row])
			add_scaled(s->col_var + col, s->var + row * s->n + col, 1, n);
	return ST_OK;
}

/* Householder's, for R on top of the panel's n rows of C: column j has R's element j and C's. */
static void fold(double *r, double *c, size_t n, size_t k)
{
	double head, norm, beta, *w = r + k * k; /* room for one row */
	size_t i, j, l;

	for (j = 0; j < k; j++) {
		norm = 0;
		for (i = 0; i < n; i++)
			norm += c[i * k + j] * c[i * k + j];
		if (norm == 0)
			continue;
		head = r[j * k + j];
		norm = sqrt(norm + head * head);
		norm = head > 0 ? -norm : norm; /* what R's element becomes */
		head -= norm;
		beta = -1 / (norm * head); /* 2 / (v'v) of v = (head, c) */
		for (l = j + 1; l < k; l++)
			w[l] = r[j * k + l] * head;
		for (i = 0; i < n; i++)
			add_scaled(w + j + 1, c + i * k + j + 1, c[i * k + j], k - j - 1);
		scale(w + j + 1, beta, k - j - 1);
		add_scaled(r + j * k + j + 1, w + j + 1, -head, k - j - 1);
		for (i = 0; i < n; i++)
			add_scaled(c + i * k + j + 1, w + j + 1, -c[i * k + j], k - j - 1);
		r[j * k + j] = norm;
	}
}

/* Rows that did not change have nothing to fold in. */
static void fold_panel(struct ranking *s)
{
	size_t n = 0;

	for (size_t row = 0; row < s->rows; row++) {
		if (!s->row_touched[row])
			continue;
		if (n != row)
			memcpy(s->c + n * s->kp, s->c + row * s->kp, s->kp * sizeof(*s->c));
		s->max_row = fmax(s->max_row, s->row_var[row]);
		n++;
	}
	s->nrows += n;
	fold(s->r, s->c, n, s->kp);
}

static int pass_two(struct ranking *s, const struct st_ctx *ctx, struct st_err *e)
{
	int rc = ST_OK;

	s->second = true;
	for (size_t from = 0; rc == ST_OK && from < s->m; from += s->rows) {
		rc = st_check_cancel(ctx, e);
		if (rc == ST_OK)
			rc = load_panel(s, from, e);
		if (rc == ST_OK)
			rc = st_parallel(s->jobs, (s->rows + BAND - 1) / BAND, project_band, s, e);
		if (rc == ST_OK)
			rc = st_parallel(s->jobs, stripes(s), add_col_var, s, e);
		if (rc == ST_OK)
			fold_panel(s);
	}
	return rc;
}

/* ---- singular values ---- */

/* Makes two rows orthogonal; false when they were. */
static bool rotate(double *x, double *y, size_t n)
{
	double xx = dot1(x, x, n), yy = dot1(y, y, n), xy = dot1(x, y, n), zeta, t, c, s, was;

	if (!(fabs(xy) > 0x1p-52 * sqrt(xx) * sqrt(yy)))
		return false;
	zeta = (yy - xx) / (2 * xy);
	t = (zeta < 0 ? -1 : 1) / (fabs(zeta) + sqrt(1 + zeta * zeta));
	c = 1 / sqrt(1 + t * t);
	s = c * t;
	for (size_t i = 0; i < n; i++) {
		was = x[i];
		x[i] = c * was - s * y[i];
		y[i] = s * was + c * y[i];
	}
	return true;
}

/* Hestenes's one-sided Jacobi on rows; their lengths are then the singular values, in w. */
static void singular_values(double *r, size_t k, double *w)
{
	bool any = true;

	for (int sweep = 0; sweep < 40 && any; sweep++) {
		any = false;
		for (size_t i = 0; i < k; i++)
			for (size_t j = i + 1; j < k; j++)
				any |= rotate(r + i * k, r + j * k, k);
	}
	for (size_t i = 0; i < k; i++)
		w[i] = sqrt(dot1(r + i * k, r + i * k, k));
}

static void count_rank(struct ranking *s, struct st_rank *out)
{
	double *w = s->r + s->kp * s->kp, most = 0, max_col = 0, least;
	size_t i, rank = 0, cols = 0;

	singular_values(s->r, s->kp, w);
	for (i = 0; i < s->kp; i++)
		most = fmax(most, w[i]);
	for (i = 0; i < s->n; i++) {
		cols += s->col_touched[i];
		if (s->col_touched[i])
			max_col = fmax(max_col, s->col_var[i]);
	}
	least = fmax(sqrt(s->max_row) + sqrt(max_col),
		     (double)(s->m > s->n ? s->m : s->n) * 0x1p-52 * most);
	for (i = 0; i < s->kp; i++)
		rank += w[i] > least;
	if (rank == 0 && s->changed && (s->nrows == 1 || cols == 1))
		rank = 1;
	out->known = true;
	out->more = rank > s->in->max;
	out->rank = out->more ? s->in->max : rank;
}

/* ---- set up ---- */

static void release(struct ranking *s)
{
	for (unsigned i = 0; s->raw && i < s->jobs; i++)
		free(s->raw[i]);
	free(s->raw);
	free(s->q);
	free(s->panel);
	free(s->var);
	free(s->c);
	free(s->r);
	free(s->col_var);
	free(s->col_touched);
	free(s->row_var);
	free(s->row_touched);
	free(s->beyond);
}

static int reserve(struct ranking *s, struct st_err *e)
{
	size_t area = s->height * s->n;

	s->q = st_calloc(s->kp * s->n, sizeof(double), e);
	s->panel = st_calloc(area, sizeof(double), e);
	s->var = st_calloc(area, sizeof(double), e);
	s->c = st_calloc(s->height * s->kp, sizeof(double), e);
	s->r = st_calloc((s->kp + 1) * s->kp, sizeof(double), e);
	s->col_var = st_calloc(s->n, sizeof(double), e);
	s->col_touched = st_calloc(s->n, 1, e);
	s->row_var = st_calloc(s->height, sizeof(double), e);
	s->row_touched = st_calloc(s->height, 1, e);
	s->beyond = st_calloc(area / PIECE + 1, 1, e);
	s->raw = st_calloc(s->jobs, sizeof(uint8_t *), e);
	for (unsigned i = 0; s->raw && i < s->jobs; i++)
		s->raw[i] = st_calloc(2, RAW, e);
	return e->code;
}

/* False when it is too narrow or too wide. */
static bool dimensions(struct ranking *s, const struct st_rank_of *in, unsigned jobs)
{
	uint64_t least = in->rows < in->cols ? in->rows : in->cols, k = (uint64_t)in->max + OVER;

	if (least < 2)
		return false;
	k = k < least ? k : least;
	if (in->cols > ST_RANK_ROOM / sizeof(double) / ((k + 3) / 4 * 4))
		return false;
	s->m = (size_t)in->rows;
	s->n = (size_t)in->cols;
	s->k = (size_t)k;
	s->kp = (s->k + 3) / 4 * 4;
	s->height = s->n < PANEL ? (size_t)(PANEL / s->n) : 1;
	s->height = s->height < s->m ? s->height : s->m;
	s->jobs = in->rows * in->cols > SMALL && jobs ? jobs : 1;
	return true;
}

int st_rank_change(struct st_rank *out, const struct st_rank_of *in, const struct st_ctx *ctx,
		   struct st_err *e)
{
	struct ranking s = { .in = in, .scale = 1 };
	int exponent, rc;

	*out = (struct st_rank){ 0 };
	ST_BUG_ON(in->max < 1 || in->max > ST_RANK_MAX);
	if (!dimensions(&s, in, ctx->jobs))
		return ST_OK;
	frexp(in->max_abs, &exponent);
	if (in->max_abs > 0 && isfinite(in->max_abs))
		s.scale = ldexp(1, exponent < -1000 ? 1000 : -exponent);
	st_pair_loader_init(&s.la, in->ta);
	st_pair_loader_init(&s.lb, in->tb);
	s.na = numbers_of(in->ta);
	s.nb = numbers_of(in->tb);
	rc = reserve(&s, e);
	if (rc == ST_OK)
		rc = pass_one(&s, ctx, e);
	if (rc == ST_OK) {
		orthonormalise(&s);
		rc = pass_two(&s, ctx, e);
	}
	if (rc == ST_OK)
		count_rank(&s, out);
	release(&s);
	return rc;
}

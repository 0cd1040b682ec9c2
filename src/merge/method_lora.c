/* SPDX-License-Identifier: Apache-2.0 */

/*
 * lora: W + sum(scale_i B_i A_i) of the factors A (r x in) and B (out x r) of each adapter (Hu,
 * Shen, Wallis, Allen-Zhu, Li, Wang, Wang, Chen, "LoRA: Low-Rank Adaptation of Large Language
 * Models", 2021, arXiv 2106.09685, section 4.1, where scale is alpha / r). W has `out` rows of `in`
 * elements, all dimensions but the first taken together. Products are added up in the order of r.
 * Where W is in x out (the transposed of B A is added), A' = B^T and B' = A^T take their places.
 */

#include "merge/method.h"

#include <math.h>

#include "diff/pair.h"

static const struct st_method_param params[] = {
	{ "scale", 1, -INFINITY, INFINITY, ST_PER_MODEL, "of each adapter, as alpha / r" },
};

struct adapter {
	const double *a, *b;
	size_t rank;
	double scale;
};

struct lora {
	struct adapter *v;
	size_t n, in;
};

static const char *label(const struct st_blend_input *f)
{
	return f->label ? f->label : "a factor of the adapter";
}

static int read_factor(struct st_job *j, const struct st_blend_input *f, double *v, size_t n,
		       struct st_err *e)
{
	const size_t bytes = (size_t)f->src->size;
	uint8_t *raw = st_malloc(bytes + 1, e);
	int rc = raw ? st_source_read(f->src, raw, bytes, 0, e) : (int)e->code;

	if (rc == ST_OK)
		st_pair_load(v, f->dtype, raw, n);
	for (size_t i = 0; i < n && rc == ST_OK && !j->b->allow_nonfinite; i++)
		if (!isfinite(v[i]))
			rc = st_fail(
				e, ST_EREFUSED,
				"element %zu of a factor of %s is not finite: " ST_NONFINITE_HINT,
				i, label(f));
	free(raw);
	return rc;
}

/* rows: that lie in the file, of a factor whose transposed is wanted; 0: as it lies there. */
static int load(struct st_job *j, const struct st_blend_input *f, size_t n, size_t rows,
		const double **out, struct st_err *e)
{
	double *v = st_arena_alloc(&j->arena, n * sizeof(*v), e);
	double *as = rows && v ? st_calloc(n, sizeof(*as), e) : v;
	const size_t cols = rows ? n / rows : 0;
	int rc = as ? read_factor(j, f, as, n, e) : (int)e->code;

	for (size_t r = 0; r < rows && rc == ST_OK; r++)
		for (size_t c = 0; c < cols; c++)
			v[c * rows + r] = as[r * cols + c];
	if (rows)
		free(as);
	*out = v;
	return rc;
}

/* How many elements a factor has; 0 if that is nothing one can load. */
static uint64_t elements(const struct st_blend_input *f)
{
	const uint64_t bits = st_dtype_info(f->dtype)->bits;

	if (!f->src || bits < 8 || !st_pair_numeric(f->dtype) || f->src->size % (bits / 8))
		return 0;
	return st_pair_elements(f->dtype, 1) == 1 ? f->src->size / (bits / 8) : 0;
}

static int load_adapter(struct st_job *j, struct adapter *to, const struct st_blend_input *f,
			const struct st_blend_factors *how, struct st_err *e)
{
	const bool turned = how && how->transposed;
	const struct st_blend_input *fa = &f[turned], *fb = &f[!turned];
	const uint64_t a = elements(fa), b = elements(fb), rows = j->b->shape[0];
	const uint64_t rank = j->row ? a / j->row : 0;
	int rc;

	if (!fa->src && !fb->src)
		return ST_OK;
	to->scale = how ? to->scale * how->scale : to->scale;
	if (rank == 0 || a % j->row || b != rows * rank)
		return st_fail(e, ST_EUSAGE,
			       "%s and %s of %" PRIu64 " and %" PRIu64
			       " elements are no factors of %" PRIu64 " x %" PRIu64,
			       label(fa), label(fb), a, b, rows, j->row);
	if (a + b > j->ctx->memory / 4 / sizeof(double))
		return st_fail(e, ST_ELIMIT,
			       "the factors of the adapter do not fit; raise --memory");
	rc = load(j, fa, (size_t)a, turned ? (size_t)j->row : 0, &to->a, e);
	if (rc == ST_OK)
		rc = load(j, fb, (size_t)b, turned ? (size_t)rank : 0, &to->b, e);
	to->rank = (size_t)rank;
	return rc;
}

static int plan(struct st_job *j, struct st_err *e)
{
	struct lora *l = st_arena_alloc(&j->arena, sizeof(*l), e);
	int rc = ST_OK;

	if (!l)
		return e->code;
	if (j->b->ndim < 2)
		return st_fail(e, ST_EUSAGE, "method 'lora' applies to matrices only");
	if (j->n == 0)
		return ST_OK;
	l->n = j->b->nextra / 2;
	l->in = (size_t)j->row;
	l->v = st_arena_alloc(&j->arena, l->n * sizeof(*l->v), e);
	if (!l->v)
		return e->code;
	for (size_t i = 0; i < l->n && rc == ST_OK; i++) {
		l->v[i] = (struct adapter){ .scale = st_job_param(j, "scale", i) };
		rc = load_adapter(j, &l->v[i], &j->b->extra[2 * i],
				  j->b->factors ? &j->b->factors[i] : NULL, e);
	}
	j->state = l;
	return rc;
}

/* out += scale * B[row] A[.][col ..], n elements of one row. */
ST_BLEND_INLINE void add_row(const struct lora *l, const struct adapter *a, double *restrict out,
			     size_t row, size_t col, size_t n)
{
	double sum[ST_BLEND_BLOCK] = { 0 };

	for (size_t r = 0; r < a->rank; r++) {
		const double b = a->b[row * a->rank + r];
		const double *restrict v = a->a + r * l->in + col;

		for (size_t i = 0; i < n; i++) {
			const double ba = b * v[i];

			sum[i] += ba;
		}
	}
	for (size_t i = 0; i < n; i++) {
		const double change = a->scale * sum[i];

		out[i] += change;
	}
}

ST_BLEND_INLINE void lora(const struct st_job *j, const struct st_block *k)
{
	const struct lora *l = j->state;

	memcpy(k->out, k->model[0], ST_BLEND_BLOCK * sizeof(*k->out));
	for (size_t done = 0, n; done < k->n; done += n) {
		const size_t row = (size_t)((k->at + done) / l->in);
		const size_t col = (size_t)((k->at + done) % l->in);

		n = l->in - col < k->n - done ? l->in - col : k->n - done;
		for (size_t a = 0; a < l->n; a++)
			add_row(l, &l->v[a], k->out + done, row, col, n);
	}
}
ST_BLEND_KERNEL(lora);

const struct st_method st_method_lora = {
	.info = { .name = "lora",
		  .about = "a model with adapters of low rank",
		  .min_models = 1,
		  .max_models = 1 },
	ST_METHOD_PARAMS(params),
	.flags = ST_METHOD_LORA,
	.plan = plan,
	.block = ST_BLEND_LEVELS(lora),
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "blend_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "diff/pair.h"
#include "merge/round.h"

static uint8_t *encode(enum st_dtype t, const double *v, size_t n, size_t *len)
{
	const size_t bits = st_dtype_info(t)->bits / st_pair_elements(t, 1);
	uint8_t *p;

	*len = (n * bits + 7) / 8;
	p = malloc(*len + 1);
	assert_non_null(p);
	st_round_store_portable(p, t, v, n);
	return p;
}

static int collect(void *arg, const void *p, size_t n, struct st_err *e)
{
	return st_buf_add(arg, p, n, e);
}

static void input(struct st_blend_input *in, struct st_source *src, enum st_dtype t,
		  const double *v, size_t n, const char *label)
{
	size_t len;

	if (!v)
		return;
	in->dtype = t;
	in->label = label;
	in->src = src;
	st_source_init_mem(src, encode(t, v, n, &len), 0, label);
	src->size = len;
}

static size_t count(const double *const *v)
{
	size_t n = 0;

	while (n < BLENDS && v[n])
		n++;
	return n;
}

uint8_t *blend_bytes(const struct blending *in, size_t *len, struct st_err *err)
{
	static const char *const labels[] = { "ours",  "theirs", "third",   "fourth",
					      "fifth", "sixth",	 "seventh", "eighth" };
	struct st_blend_input model[BLENDS] = { 0 }, extra[BLENDS] = { 0 };
	struct st_source src[2 * BLENDS + 1] = { 0 };
	const struct st_ctx ctx = { .jobs = in->jobs ? in->jobs : 1,
				    .memory = in->memory ? in->memory : (uint64_t)256 << 20 };
	uint64_t vector[1] = { st_pair_elements(in->dtype, 1) == 2 ? in->n / 2 : in->n };
	struct st_blend b = { .name = "layers.3.w",
			      .name_len = 10,
			      .dtype = in->dtype,
			      .ndim = in->ndim ? in->ndim : 1,
			      .shape = in->ndim ? in->shape : vector,
			      .models = model,
			      .nmodels = count(in->model),
			      .extra = extra,
			      .nextra = count(in->extra),
			      .layer = in->layer,
			      .seed = in->seed,
			      .allow_nonfinite = in->allow_nonfinite };
	struct st_arena arena;
	struct st_spec spec;
	struct st_buf out;
	int rc;

	st_arena_init(&arena);
	st_buf_init(&out, SIZE_MAX);
	input(&b.base, &src[0], in->dtype, in->base, in->n, "base");
	for (size_t i = 0; i < b.nmodels; i++)
		input(&model[i], &src[1 + i], in->type[i] ? in->type[i] : in->dtype, in->model[i],
		      in->n, labels[i]);
	for (size_t i = 0; i < b.nextra; i++)
		input(&extra[i], &src[1 + BLENDS + i], ST_F32, in->extra[i],
		      in->extra_n[i] ? in->extra_n[i] : in->n, "extra");
	rc = st_spec_parse(&spec, &arena, in->spec, err);
	b.spec = &spec;
	if (rc == ST_OK)
		rc = st_blend_run_at(in->level, &b, &ctx, collect, &out, err);
	st_arena_release(&arena);
	for (size_t i = 0; i < 2 * BLENDS + 1; i++)
		free((void *)(uintptr_t)src[i].mem);
	*len = out.len;
	if (rc == ST_OK)
		return out.p ? out.p : calloc(1, 1);
	st_buf_release(&out);
	return NULL;
}

double *blend(const struct blending *b)
{
	struct st_err err = { 0 };
	size_t len, bits = st_dtype_info(b->dtype)->bits / st_pair_elements(b->dtype, 1);
	uint8_t *p = blend_bytes(b, &len, &err);
	double *v = calloc(b->n + 1, sizeof(*v));

	assert_non_null(v);
	if (!p)
		fail_msg("%s: %s", b->spec, err.msg);
	assert_int_equal(len, b->n * bits / 8);
	st_pair_load(v, b->dtype, p, b->n);
	free(p);
	return v;
}

void blend_refused(const struct blending *b, int rc, const char *message)
{
	struct st_err err = { 0 };
	size_t len;

	if (blend_bytes(b, &len, &err))
		fail_msg("%s: not refused", b->spec);
	assert_string_equal(err.msg, message);
	assert_int_equal(err.code, rc);
}

static uint64_t next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void to_type(enum st_dtype t, double *v, size_t n)
{
	size_t len;
	uint8_t *p = encode(t, v, n, &len);

	st_pair_load(v, t, p, n);
	free(p);
}

double *blend_near(enum st_dtype t, const double *base, size_t n, double size, uint64_t seed)
{
	double *v = calloc(n + 1, sizeof(*v));
	uint64_t s = seed * 0x9e3779b97f4a7c15 + 1;

	assert_non_null(v);
	for (size_t i = 0; i < n; i++) {
		double x = 0;

		for (int k = 0; k < 4; k++) /* about normal */
			x += (double)(next(&s) >> 11) * 0x1p-53 - 0.5;
		v[i] = (base ? base[i] : 0) + size * x;
	}
	to_type(t, v, n);
	return v;
}

double *blend_numbers(enum st_dtype t, size_t n, double size, uint64_t seed)
{
	return blend_near(t, NULL, n, size, seed);
}

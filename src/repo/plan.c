/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/plan.h"

#include "repo/lookinto.h"
#include "tensor/gather.h"

/* Glue is held in memory until its file ends: a gap larger than the first is chunks, and so is one
 * that is not tiny once there is much glue already. */
#define GLUE_GAP ((uint64_t)16 << 20)
#define GLUE_TOTAL ((uint64_t)64 << 20)
#define GLUE_TINY ((uint64_t)4 << 10)

void st_plan_release(struct st_plan *p)
{
	free(p->pieces);
	free(p->ids);
	*p = (struct st_plan){ 0 };
}

static int add(struct st_plan *p, const struct st_piece *piece, struct st_err *e)
{
	int rc = st_grow(&p->pieces, &p->cap, p->n + 1, e);

	if (rc == ST_OK)
		p->pieces[p->n++] = *piece;
	return rc;
}

static int add_gap(struct st_plan *p, uint64_t from, uint64_t to, uint64_t *glue, struct st_err *e)
{
	struct st_piece g = { .off = from, .size = to - from, .width = 1 };

	if (to <= from)
		return ST_OK;
	g.chunks = g.size > GLUE_GAP || (*glue + g.size > GLUE_TOTAL && g.size > GLUE_TINY);
	g.glue = !g.chunks;
	*glue += g.glue ? g.size : 0;
	return add(p, &g, e);
}

int st_plan_chunks(struct st_plan *p, uint64_t size, struct st_err *e)
{
	struct st_piece all = { .size = size, .chunks = true, .width = 1 };

	*p = (struct st_plan){ 0 };
	return size ? add(p, &all, e) : ST_OK;
}

/* Planes are of no use where elements of different widths overlap, or lie askew. */
static unsigned width_of(const struct st_tensor *t, size_t n)
{
	unsigned width = st_dtype_width(t->dtype);

	for (size_t i = 1; i < n; i++)
		if (st_dtype_width(t[i].dtype) != width || (t[i].offset - t->offset) % width)
			return 1;
	return width;
}

int st_plan_make(struct st_plan *p, const struct st_layout *l, struct st_err *e)
{
	struct st_piece x;
	uint64_t at = 0, glue = 0, end;
	size_t i, j, n = 0;
	int rc = ST_OK;

	*p = (struct st_plan){ 0 };
	while (n < l->ntensors && l->tensors[n].where == ST_IN_FILE)
		n++;
	p->in_file = n;
	for (i = 0; rc == ST_OK && i < n; i = j) {
		const struct st_tensor *t = &l->tensors[i];

		end = t->offset + t->nbytes; /* st_layout_finish checked the range */
		for (j = i + 1; j < n && l->tensors[j].offset < end; j++)
			if (l->tensors[j].offset + l->tensors[j].nbytes > end)
				end = l->tensors[j].offset + l->tensors[j].nbytes;
		x = (struct st_piece){ .off = t->offset,
				       .size = end - t->offset,
				       .width = width_of(t, j - i),
				       .tensors = t,
				       .ntensors = j - i };
		rc = add_gap(p, at, t->offset, &glue, e);
		if (rc == ST_OK)
			rc = add(p, &x, e);
		at = end;
	}
	if (rc == ST_OK)
		rc = add_gap(p, at, l->size, &glue, e);
	if (rc != ST_OK)
		st_plan_release(p);
	return rc;
}

int st_plan_ids(struct st_plan *p, const struct st_ctx *ctx, const struct st_layout *l,
		const struct st_source *src, struct st_err *e)
{
	int rc = ST_OK;

	p->ids = st_calloc(l->ntensors, sizeof(*p->ids), e);
	if (!p->ids)
		return e->code;
	for (size_t k = 0; rc == ST_OK && k < p->n; k++)
		for (size_t i = 0; rc == ST_OK && i < p->pieces[k].ntensors; i++) {
			const struct st_tensor *t = &p->pieces[k].tensors[i];

			if (!st_tensor_plain(t) || t->nbytes != p->pieces[k].size)
				rc = st_hash_tensor(ctx, src, t, &p->ids[t - l->tensors], e);
		}
	for (size_t i = p->in_file; rc == ST_OK && i < l->ntensors; i++)
		rc = st_hash_tensor(ctx, src, &l->tensors[i], &p->ids[i], e);
	return rc;
}

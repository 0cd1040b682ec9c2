/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/plan.h"

void st_plan_release(struct st_plan *p)
{
	free(p->pieces);
	*p = (struct st_plan){ 0 };
}

static int add(struct st_plan *p, const struct st_piece *piece, struct st_err *e)
{
	int rc = st_grow(&p->pieces, &p->cap, p->n + 1, e);

	if (rc == ST_OK)
		p->pieces[p->n++] = *piece;
	return rc;
}

static int add_glue(struct st_plan *p, uint64_t from, uint64_t to, struct st_err *e)
{
	struct st_piece g = { .off = from, .size = to - from, .glue = true, .width = 1 };

	return to > from ? add(p, &g, e) : ST_OK;
}

int st_plan_make(struct st_plan *p, const struct st_layout *l, struct st_err *e)
{
	struct st_piece x;
	uint64_t at = 0, end;
	size_t i, j;
	int rc = ST_OK;

	*p = (struct st_plan){ 0 };
	for (i = 0; rc == ST_OK && i < l->ntensors; i = j) {
		const struct st_tensor *t = &l->tensors[i];

		end = t->offset + t->nbytes; /* st_layout_finish checked the range */
		for (j = i + 1; j < l->ntensors && l->tensors[j].offset < end; j++)
			if (l->tensors[j].offset + l->tensors[j].nbytes > end)
				end = l->tensors[j].offset + l->tensors[j].nbytes;
		x = (struct st_piece){ .off = t->offset,
				       .size = end - t->offset,
				       .width = j == i + 1 ? st_dtype_width(t->dtype) : 1,
				       .tensors = t,
				       .ntensors = j - i };
		rc = add_glue(p, at, t->offset, e);
		if (rc == ST_OK)
			rc = add(p, &x, e);
		at = end;
	}
	if (rc == ST_OK)
		rc = add_glue(p, at, l->size, e);
	if (rc != ST_OK)
		st_plan_release(p);
	return rc;
}

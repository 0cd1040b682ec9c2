/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What method fisher weighs the tensors of a model by: of each side those of ST_FISHER_FILE, which
 * lies beside the model in the side's own version and calls them as that does. So the versions that
 * are merged say all that it takes to make the merge over.
 */
#include "repo/weave_model.h"

#include "repo/fisher.h"

#include <stdio.h>

static bool is_fisher(const struct st_choice *c)
{
	const enum st_how how = c->how == ST_HOW_UNION ? c->rows : c->how;

	return how == ST_HOW_METHOD && st_spec_reads_fisher(&c->spec);
}

/* The side changed the model, or it would have no say: its diagonal may be of other weights. */
static void say_old(const struct st_weaving *k, size_t i, const struct st_stage_row *row)
{
	const struct st_weave *w = k->f.w;

	if (w->t && st_weave_same(row, st_index_find(&w->base, row->path, row->path_len, NULL)))
		st_warn(&w->r->ctx,
			"%s is the base's, while the model changed since: see that it is of the "
			"weights that it is used for",
			k->fisher[i].label);
}

static int open_side(struct st_weaving *k, size_t i, struct st_err *e)
{
	struct st_weaving_fisher *x = &k->fisher[i];
	const char *model = k->parts[i].v[0].path;
	const size_t len = (size_t)(st_weave_file_name(model) - model);
	const struct st_stage_row *row =
		st_weave_beside(&k->f.w->sides[i], model, len, ST_FISHER_FILE);
	char side[ST_SIDE_TEXT];
	int rc;

	if (!row)
		return st_fail(e, ST_EUSAGE,
			       "%s has no '%.*s" ST_FISHER_FILE "', which method fisher reads: "
			       "commit it there beside the model, or use 'strata merge-file "
			       "--fisher'",
			       st_weave_side_text(i, side), (int)len, model);
	k->fisher[i].label = st_weave_label(k->f.w, i, row->path, e);
	rc = e->code;
	if (rc == ST_OK)
		rc = st_parts_open(k->f.w->r, &row, 1, &x->parts, e);
	if (rc == ST_OK && !x->parts.v[0].model)
		rc = st_fail(e, ST_EUSAGE, "%s, which method fisher reads, has no tensors",
			     k->fisher[i].label);
	if (rc == ST_OK)
		rc = st_side_names(&x->names, st_diff_side_get(x->parts.side), e);
	if (rc == ST_OK)
		say_old(k, i, row);
	return rc;
}

static int find(struct st_weaving *k, size_t i, const struct st_operand *of,
		struct st_thread_extra *out, struct st_err *e)
{
	struct st_weaving_fisher *x = &k->fisher[i];
	int rc = x->label ? ST_OK : open_side(k, i, e);
	uint64_t at;

	if (rc != ST_OK)
		return rc;
	*out = (struct st_thread_extra){ .side = st_diff_side_get(x->parts.side),
					 .label = x->label };
	if (st_map_get(&x->names, of->name, of->name_len, &at))
		out->op = &out->side->t[at];
	return st_fisher_fits(x->label, out->op, of->name, of->name_len, of, e);
}

int st_weaving_weigh(struct st_weaving *k, struct st_thread *t, struct st_err *e)
{
	const size_t n = k->f.w->n;
	struct st_thread_extra *x;
	int rc = ST_OK;

	if (!is_fisher(&t->from))
		return ST_OK;
	x = st_arena_alloc(&k->f.w->arena, n * sizeof(*x), e);
	if (!x)
		return e->code;
	t->extra = x;
	for (size_t i = 0; rc == ST_OK && i < n; i++)
		if (t->in[i])
			rc = find(k, i, t->in[i], &x[t->nextra++], e);
	return rc;
}

void st_weaving_fisher_close(struct st_weaving *k)
{
	for (size_t i = 0; i < ST_THREE_SIDES; i++) {
		st_parts_close(&k->fisher[i].parts);
		st_map_release(&k->fisher[i].names);
	}
}

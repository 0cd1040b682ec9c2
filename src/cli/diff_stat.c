/* SPDX-License-Identifier: Apache-2.0 */
/* --stat and the last lines: how much, summed up. */
#include "cli/diff_print.h"

#include <math.h>

/* ---- layers ---- */

struct layer_of { /* a tensor and the layer it belongs to */
	const strata_diff_entry *t;
	char *layer;
	size_t seq;
};

struct layer {
	uint64_t tensors, elements, changed, numel;
	double l1, l2sq, a2, max;
	bool figures, norm_lost;
};

static int by_layer(const void *x, const void *y)
{
	const struct layer_of *a = x, *b = y;
	int c = strverscmp(a->layer, b->layer); /* layers.9 comes before layers.10 */

	return c ? c : a->seq < b->seq ? -1 : a->seq > b->seq;
}

static void add_to(struct layer *l, const strata_diff_entry *t)
{
	const strata_diff_figures *f = t->figures;

	l->tensors += strcmp(t->status, "unchanged") != 0;
	if (!f)
		return;
	l->figures = true;
	l->elements += diff_elements(t);
	l->changed += f->changed;
	l->numel += f->numel;
	if (!f->numel)
		return;
	l->l1 += f->l1;
	l->l2sq += f->l2 * f->l2;
	l->max = fmax(l->max, f->max_abs);
	l->a2 += f->norm_a * f->norm_a;
	/* What is all zeros has no relative distance, and what was not read has 0. */
	l->norm_lost = l->norm_lost || (!(f->norm_a > 0) && f->rel_l2 == 0);
}

enum {
	COL_LAYER,
	COL_TENSORS,
	COL_CHANGED,
	COL_MAD,
	COL_L2,
	COL_REL,
	COL_MAX,
	NCOLS
};

static const struct column columns[NCOLS] = {
	[COL_LAYER] = { "layer", false, COLOR_NAME },
	[COL_TENSORS] = { "tensors", true, COLOR_NONE },
	[COL_CHANGED] = { "changed", true, COLOR_NONE },
	[COL_MAD] = { "D", true, COLOR_NONE },
	[COL_L2] = { "L2", true, COLOR_NONE },
	[COL_REL] = { "rel L2", true, COLOR_NONE },
	[COL_MAX] = { "max", true, COLOR_NONE },
};

static void layer_row(struct table *t, const char *name, const struct layer *l)
{
	char *s = diff_short(name, strlen(name), 26);

	table_text(t, s ? s : "?");
	free(s);
	table_text(t, human_number(l->tensors).s);
	if (!l->figures) {
		for (size_t i = COL_CHANGED; i < NCOLS; i++)
			table_text(t, "-");
		return;
	}
	table_text(t, diff_share(l->changed, l->elements).s);
	table_text(t, diff_number(l->numel ? l->l1 / (double)l->numel : NAN).s);
	table_text(t, diff_number(sqrt(l->l2sq)).s);
	table_text(t, diff_number(l->norm_lost || !(l->a2 > 0) ? NAN : sqrt(l->l2sq / l->a2)).s);
	table_text(t, diff_number(l->max).s);
}

static int print_layers(struct printing *p, struct layer_of *v, size_t n)
{
	struct table t;
	int rc;

	if (n)
		qsort(v, n, sizeof(*v), by_layer);
	table_init(&t, columns, NCOLS);
	for (size_t i = 0, k; i < n; i = k) {
		struct layer l = { 0 };

		for (k = i; k < n && strcmp(v[k].layer, v[i].layer) == 0; k++)
			add_to(&l, v[k].t);
		layer_row(&t, v[i].layer, &l);
	}
	rc = table_print(&t, p->c, p->err);
	table_release(&t);
	return rc;
}

static int layers(struct printing *p)
{
	struct layer_of *v = reallocarray(NULL, p->n + 1, sizeof(*v));
	size_t n = 0;
	int rc = STRATA_OK;

	for (size_t i = 0; v && i < p->n; i++) {
		const strata_diff_entry *t;
		const strata_diff_tensor *x;

		if (p->items[i].kind != ITEM_TENSOR)
			continue;
		t = &p->k->tensors[p->items[i].i];
		x = t->b ? t->b : t->a;
		v[n].layer = strndup(x->name, diff_layer(x->name, x->name_len));
		v[n].t = t;
		v[n].seq = i;
		if (!v[n].layer)
			rc = cli_fail(p->err, STRATA_ENOMEM, "out of memory for the listing");
		n += v[n].layer != NULL;
	}
	if (!v)
		return cli_fail(p->err, STRATA_ENOMEM, "out of memory for the listing");
	if (rc == STRATA_OK)
		rc = print_layers(p, v, n);
	while (n)
		free(v[--n].layer);
	free(v);
	return rc;
}

static void settings_of(const struct printing *p)
{
	uint64_t added = 0, removed = 0, changed = 0;
	const char *sep = ": ";

	for (size_t i = 0; i < p->n; i++) {
		const strata_diff_setting *s;

		if (p->items[i].kind != ITEM_SETTING)
			continue;
		s = &p->k->settings[p->items[i].i];
		added += !s->a;
		removed += !s->b;
		changed += s->a && s->b;
	}
	if (changed) {
		printf("%s%s changed", sep, human_number(changed).s);
		sep = ", ";
	}
	if (added) {
		printf("%s%s added", sep, human_number(added).s);
		sep = ", ";
	}
	if (removed)
		printf("%s%s removed", sep, human_number(removed).s);
}

int diff_stat_section(struct printing *p, bool first)
{
	const strata_diff_file *f = NULL;
	bool tensors = false;

	for (size_t i = 0; i < p->n; i++) {
		tensors = tensors || p->items[i].kind == ITEM_TENSOR;
		if (p->items[i].kind == ITEM_FILE)
			f = &p->k->files[p->items[i].i];
	}
	if ((tensors || p->after_table) && !first)
		fputc('\n', stdout);
	diff_heading(p->c, p->items[0].path, f);
	settings_of(p);
	fputc('\n', stdout);
	p->after_table = tensors;
	return tensors ? layers(p) : STRATA_OK;
}

/* ---- the last lines ---- */

struct line { /* parts with commas, broken before DIFF_WIDTH */
	size_t at;
};

static void part(struct line *l, const char *s)
{
	size_t n = strlen(s);

	if (l->at && l->at + 2 + n > DIFF_WIDTH - 1) {
		fputs(",\n", stdout);
		l->at = 0;
	} else if (l->at) {
		fputs(", ", stdout);
		l->at += 2;
	}
	fputs(s, stdout);
	l->at += n;
}

static void count(struct line *l, uint64_t n, const char *what)
{
	char s[80];

	if (!n)
		return;
	snprintf(s, sizeof(s), "%s %s", human_number(n).s, what);
	part(l, s);
}

static void tensors_line(const strata_diff_total *t)
{
	uint64_t differ = t->changed + t->added + t->removed + t->renamed + t->reshaped +
			  t->retyped;
	struct line l = { 0 };
	char s[80];

	snprintf(s, sizeof(s), "Tensors: %s", differ ? "" : "none differs");
	fputs(s, stdout);
	l.at = differ ? 0 : strlen(s);
	count(&l, t->changed, "changed");
	count(&l, t->added, "added");
	count(&l, t->removed, "removed");
	count(&l, t->renamed, "renamed");
	count(&l, t->reshaped, "reshaped");
	count(&l, t->retyped, "retyped");
	count(&l, t->unchanged, "unchanged");
	fputc('\n', stdout);
	if (!t->common && !t->renamed && (t->added || t->removed))
		puts("Both sides have no tensor in common.");
}

static void figures_lines(const strata_diff_total *t)
{
	const strata_diff_figures *f = &t->figures;

	printf("Total:   D %s, L1 %s, L2 %s, relative L2 %s,\n", diff_number(f->mad).s,
	       diff_number(f->l1).s, diff_number(f->l2).s, diff_number(f->rel_l2).s);
	printf("         max %s, cosine %s, %s of %s elements changed", diff_number(f->max_abs).s,
	       diff_cosine(f->cosine).s, diff_share(f->changed, f->numel + f->nonfinite).s,
	       human_number(f->numel + f->nonfinite).s);
	if (f->nonfinite)
		printf(",\n         %s not finite", human_number(f->nonfinite).s);
	fputc('\n', stdout);
}

void diff_totals(const struct diff_collect *k, const struct diff_view *v)
{
	const strata_diff_total *t = &k->total;
	uint64_t differ = t->changed + t->added + t->removed + t->renamed + t->reshaped +
			  t->retyped;

	if (!t->differs && !k->ntensors)
		return;
	if (k->nfiles || k->ntensors)
		fputc('\n', stdout);
	if (differ || t->unchanged)
		tensors_line(t);
	if (t->figures.numel && (differ || k->ntensors))
		figures_lines(t);
	if (v->epsilon)
		printf("Points:  %s tensor%s with D above %s\n", human_number(t->change_points).s,
		       plural(t->change_points), diff_number(t->epsilon).s);
	if (t->files)
		printf("Files:   %s differ%s", human_number(t->files).s, t->files == 1 ? "s" : "");
	if (t->settings)
		printf(", in %s setting%s or text%s", human_number(t->settings).s,
		       plural(t->settings), plural(t->settings));
	if (t->files)
		fputc('\n', stdout);
}

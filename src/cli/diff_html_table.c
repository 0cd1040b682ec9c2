/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of tensors and the histograms. A bar is as high as the logarithm of its count: what
 * happens to a thousandth of the elements is to be seen too.
 */
#include "cli/diff_html_parts.h"

#include <math.h>

#define LOWEST 56 /* bucket k begins at 2^(k - LOWEST) */
#define BAR 16	  /* height of a small histogram, in its own units */

/* The buckets that are in use: first to before end; false when there are none. */
static bool used(const uint64_t *buckets, size_t *first, size_t *end)
{
	*first = STRATA_DIFF_BUCKETS;
	*end = 0;
	for (size_t k = 0; k < STRATA_DIFF_BUCKETS; k++) {
		if (!buckets[k])
			continue;
		*first = k < *first ? k : *first;
		*end = k + 1;
	}
	return *end > 0;
}

static uint64_t most(const uint64_t *buckets, size_t *at)
{
	size_t k;

	*at = 0;
	for (k = 1; k < STRATA_DIFF_BUCKETS; k++)
		*at = buckets[k] > buckets[*at] ? k : *at;
	return buckets[*at];
}

static double height(uint64_t n, uint64_t top)
{
	return n ? log2(1 + (double)n) / log2(1 + (double)top) : 0;
}

static int from(size_t bucket)
{
	return (int)bucket - LOWEST;
}

/* "2⁻⁹ to 2⁻⁸"; the outermost buckets take what lies beyond, too. */
static short_text range(size_t first, size_t end)
{
	short_text t;

	if (first == 0 && end == STRATA_DIFF_BUCKETS)
		snprintf(t.s, sizeof(t.s), "any size");
	else if (first == 0)
		snprintf(t.s, sizeof(t.s), "below %.16s", power_text(from(end)).s);
	else if (end == STRATA_DIFF_BUCKETS)
		snprintf(t.s, sizeof(t.s), "%.16s and more", power_text(from(first)).s);
	else
		snprintf(t.s, sizeof(t.s), "%.16s to %.16s", power_text(from(first)).s,
			 power_text(from(end)).s);
	return t;
}

/* ---- all tensors ---- */

static bool sum_histograms(const struct diff_page *d, uint64_t *sum)
{
	bool any = false;
	size_t i, k;

	for (k = 0; k < STRATA_DIFF_BUCKETS; k++)
		sum[k] = 0;
	if (d->total->figures.histogram) {
		for (k = 0; k < STRATA_DIFF_BUCKETS; k++)
			sum[k] = d->total->figures.histogram[k];
		return true;
	}
	for (i = 0; i < d->ntensors; i++) {
		const strata_diff_figures *f = d->tensors[i].figures;

		if (!f || !f->histogram)
			continue;
		any = true;
		for (k = 0; k < STRATA_DIFF_BUCKETS; k++)
			sum[k] += f->histogram[k];
	}
	return any;
}

static void put_bars(struct html *h, const uint64_t *sum, size_t first, size_t end)
{
	size_t k, peak, n = end - first, every = (n + 5) / 6;
	uint64_t top = most(sum, &peak);
	double wide = 100.0 / (double)(n < 16 ? 16 : n); /* a few bars are no walls */

	for (k = first; k < end; k++) {
		double x = (double)(k - first) * wide, tall = 150 * height(sum[k], top);

		if (sum[k])
			h_printf(h,
				 "<rect x=\"%.3f%%\" y=\"%.1f\" width=\"%.3f%%\" height=\"%.1f\">"
				 "<title>%s: %s element%s</title></rect>\n",
				 x + wide * 0.06, 160 - tall, wide * 0.88, tall, range(k, k + 1).s,
				 human_number(sum[k]).s, plural(sum[k]));
		if ((k - first) % every == 0)
			h_printf(h, "<text x=\"%.3f%%\" y=\"178\">%s</text>\n", x + wide * 0.06,
				 power_text(from(k)).s);
	}
}

static void put_numbers(struct html *h, const uint64_t *sum, size_t first, size_t end)
{
	size_t k;

	h_put(h, "<details><summary>the numbers</summary>\n<div class=\"scroll\"><table>"
		 "<thead><tr><th scope=\"col\">|q \u2212 p|</th>"
		 "<th scope=\"col\">elements</th></tr></thead><tbody>\n");
	for (k = first; k < end; k++)
		h_printf(h, "<tr><td>%s</td><td>%s</td></tr>\n", range(k, k + 1).s,
			 human_number(sum[k]).s);
	h_put(h, "</tbody></table></div></details>\n");
}

void html_histogram(struct html *h)
{
	uint64_t sum[STRATA_DIFF_BUCKETS];
	size_t first, end, peak;

	if (!sum_histograms(h->d, sum) || !used(sum, &first, &end))
		return;
	most(sum, &peak);
	h_printf(h,
		 "<section aria-labelledby=\"sizes\">\n<h2 id=\"sizes\">Sizes of the changes</h2>\n"
		 "<p>Elements by |q \u2212 p|, between powers of two; heights are logarithms. "
		 "Most lie at %s.</p>\n"
		 "<svg class=\"sizes\" role=\"img\" aria-labelledby=\"sizes\" width=\"100%%\" "
		 "height=\"184\">\n",
		 range(peak, peak + 1).s);
	h_put(h, "<line x1=\"0\" x2=\"100%\" y1=\"160.5\" y2=\"160.5\"/>\n");
	put_bars(h, sum, first, end);
	h_put(h, "</svg>\n");
	put_numbers(h, sum, first, end);
	h_put(h, "</section>\n");
}

/* ---- one tensor ---- */

struct columns {
	bool rows, rank, histogram;
	size_t first, end; /* buckets that any histogram uses */
};

static void choose_columns(const struct diff_page *d, struct columns *c)
{
	size_t i, first, end;

	*c = (struct columns){ .first = STRATA_DIFF_BUCKETS };
	for (i = 0; i < d->ntensors; i++) {
		const strata_diff_figures *f = d->tensors[i].figures;

		if (!f)
			continue;
		c->rows = c->rows || f->rows;
		c->rank = c->rank || f->rank;
		if (!f->histogram || !used(f->histogram, &first, &end))
			continue;
		c->histogram = true;
		c->first = first < c->first ? first : c->first;
		c->end = end > c->end ? end : c->end;
	}
}

static void put_small_bars(struct html *h, const struct columns *c, const uint64_t *buckets)
{
	size_t first, end, k, peak;
	uint64_t top;
	long was = -1;

	if (!buckets || !used(buckets, &first, &end)) {
		h_put(h, "<td></td>");
		return;
	}
	top = most(buckets, &peak);
	h_printf(h,
		 "<td><svg class=\"bars\" viewBox=\"0 0 %zu %d\" preserveAspectRatio=\"none\" "
		 "role=\"img\" aria-label=\"%s, most at %s\"><path d=\"M%zu %d",
		 c->end - c->first, BAR, range(first, end).s, range(peak, peak + 1).s,
		 first - c->first, BAR);
	for (k = first; k < end; k++) {
		long y = BAR - lround(ceil(BAR * height(buckets[k], top)));

		if (y != was)
			h_printf(h, "V%ld", y);
		h_put(h, "h1");
		was = y;
	}
	h_printf(h, "V%dz\"/></svg></td>", BAR);
}

static void put_shape(struct html *h, const strata_diff_tensor *t)
{
	unsigned i;

	h_put(h, "[");
	for (i = 0; i < t->ndim && i < 16; i++)
		h_printf(h, "%s%" PRIu64, i ? ", " : "", t->shape[i]);
	h_put(h, t->ndim > 16 ? ", \u2026]" : "]");
}

static bool same_shape(const strata_diff_tensor *a, const strata_diff_tensor *b)
{
	return a->ndim == b->ndim &&
	       (a->ndim == 0 || memcmp(a->shape, b->shape, a->ndim * sizeof(*a->shape)) == 0);
}

/* As a double: for the order of rows only. */
static double elements(const strata_diff_tensor *t)
{
	double n = 1;
	unsigned i;

	for (i = 0; i < t->ndim; i++)
		n *= (double)t->shape[i];
	return n;
}

static void put_number(struct html *h, double v, const char *text)
{
	h_printf(h, "<td data-v=\"%s\">%s</td>", number_exact(v).s, text);
}

static void put_name(struct html *h, const strata_diff_entry *t)
{
	const strata_diff_tensor *x = entry_tensor(t);

	h_put(h, "<th scope=\"row\"><div>");
	h_label(h, x->name, x->name_len);
	if (t->a && t->b &&
	    (t->a->name_len != t->b->name_len ||
	     memcmp(t->a->name, t->b->name, t->a->name_len) != 0)) {
		h_put(h, "<small>was ");
		h_label(h, t->a->name, t->a->name_len);
		h_put(h, "</small>");
	}
	if (t->note && *t->note) {
		h_put(h, "<small>");
		h_text(h, t->note, 400);
		h_put(h, "</small>");
	}
	if (t->figures && t->figures->nonfinite)
		h_printf(h, "<small>%s not finite</small>", human_number(t->figures->nonfinite).s);
	if (h->many) {
		h_put(h, "<small>in ");
		h_path(h, t->path);
		h_put(h, "</small>");
	}
	h_put(h, "</div></th>");
}

static void put_type(struct html *h, const strata_diff_entry *t)
{
	const strata_diff_tensor *x = entry_tensor(t);
	bool both = t->a && t->b;

	h_printf(h, "<td data-v=\"%s\">", number_exact(elements(x)).s);
	if (both && !same_shape(t->a, t->b)) {
		put_shape(h, t->a);
		h_put(h, " \u2192<br>");
	}
	put_shape(h, x);
	h_put(h, "</td><td>");
	if (both && strcmp(t->a->dtype, t->b->dtype) != 0) {
		h_text(h, t->a->dtype, 64);
		h_put(h, " \u2192<br>");
	}
	h_text(h, x->dtype, 64);
	h_put(h, "</td>");
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : (double)NAN;
}

static void put_rank(struct html *h, const strata_diff_figures *f)
{
	if (f->rank)
		h_printf(h, "<td data-v=\"%" PRIu64 "%s\">%s%" PRIu64 "</td>", f->rank,
			 f->rank_more ? ".5" : "", f->rank_more ? "> " : "", f->rank);
	else
		h_put(h, "<td></td>");
}

static void put_figures(struct html *h, const struct columns *c, const strata_diff_entry *t)
{
	const strata_diff_figures *f = t->figures;

	put_number(h, share(f->changed, f->numel), percent_text(f->changed, f->numel).s);
	if (c->rows)
		put_number(h, share(f->rows_changed, f->rows),
			   f->rows ? percent_text(f->rows_changed, f->rows).s : "");
	h_printf(h, "<td data-v=\"%s\"%s>%s</td>", number_exact(f->mad).s,
		 t->change_point && h->d->total->epsilon > 0 ?
			 " class=\"point\" title=\"above epsilon\"" :
			 "",
		 number_text(f->mad, 3).s);
	put_number(h, f->l2, number_text(f->l2, 3).s);
	put_number(h, f->rel_l2, number_text(f->rel_l2, 3).s);
	put_number(h, f->max_abs, number_text(f->max_abs, 3).s);
	put_number(h, f->cosine, cosine_text(f->cosine).s);
	if (c->rank)
		put_rank(h, f);
	if (c->histogram)
		put_small_bars(h, c, f->histogram);
}

static void put_tensor(struct html *h, const struct columns *c, size_t i)
{
	const strata_diff_entry *t = &h->d->tensors[i];
	int empty = 6 + c->rows + c->rank + c->histogram;

	h_printf(h, "<tr id=\"t%zu\">", i);
	put_name(h, t);
	h_printf(h, "<td class=\"%s\">%s</td>", t->status, t->status);
	put_type(h, t);
	if (t->figures)
		put_figures(h, c, t);
	else
		while (empty--)
			h_put(h, "<td></td>");
	h_put(h, "</tr>\n");
}

static void put_head(struct html *h, const struct columns *c)
{
	static const struct {
		const char *title, *about;
		bool number;
	} heads[] = {
		{ "tensor", "", false },
		{ "status", "", false },
		{ "shape", "", true },
		{ "type", "", false },
		{ "changed", "elements whose bits differ", true },
		{ "rows", "rows of the first dimension with a changed element", true },
		{ "D", "mean of |q \u2212 p|", true },
		{ "L2", "", true },
		{ "rel. L2", "L2 of the change by L2 of the tensor before", true },
		{ "max", "largest |q \u2212 p|", true },
		{ "cosine", "", true },
		{ "rank", "of the change", true },
	};
	size_t i;

	h_put(h, "<thead><tr>");
	for (i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		if ((i == 5 && !c->rows) || (i == 11 && !c->rank))
			continue;
		h_printf(h, "<th scope=\"col\" data-k=\"%s\"", heads[i].number ? "n" : "s");
		if (*heads[i].about)
			h_printf(h, " title=\"%s\"", heads[i].about);
		h_printf(h, ">%s</th>", heads[i].title);
	}
	if (c->histogram)
		h_printf(h, "<th scope=\"col\">|q \u2212 p|<small>%s</small></th>",
			 range(c->first, c->end).s);
	h_put(h, "</tr></thead>\n");
}

void html_tensors(struct html *h)
{
	struct columns c;
	size_t i;

	if (!h->d->ntensors)
		return;
	choose_columns(h->d, &c);
	h_put(h, "<section aria-labelledby=\"list\">\n<h2 id=\"list\">Tensors</h2>\n"
		 "<form id=\"filter\" hidden></form>\n"
		 "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"list\">\n"
		 "<table id=\"tensors\">\n");
	put_head(h, &c);
	h_put(h, "<tbody>\n");
	for (i = 0; i < h->d->ntensors; i++)
		put_tensor(h, &c, i);
	h_put(h, "</tbody>\n</table>\n</div>\n</section>\n");
}

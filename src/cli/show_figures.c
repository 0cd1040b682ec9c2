/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show_figures.h"

#include "cli/tensors.h"

#define BAR 44

struct showing {
	struct cli *c;
	bool any;
};

/* ---- text ---- */

static void heading(const char *what)
{
	printf("%-10s ", what);
}

static void put_head(const struct cli *c, const strata_tensor *t)
{
	char shape[512], *path = name_quoted(t->path, strlen(t->path));
	char *name = name_quoted(t->name, t->name_len);

	printf("%s%s::%s%s\n", color_on(c, COLOR_NAME), path ? path : "", name ? name : "",
	       color_off(c, COLOR_NAME));
	free(path);
	free(name);
	tensor_shape(shape, sizeof(shape), t);
	heading("Type:");
	printf("%s %s, %s\n", t->dtype, shape, human_bytes(t->nbytes).s);
	heading("Id:");
	printf("%s%s%s\n", color_on(c, COLOR_ID), t->id, color_off(c, COLOR_ID));
}

static void put_counts(const strata_summary *s)
{
	heading("Numbers:");
	fputs(human_number(s->numel).s, stdout);
	if (s->tensor->dtype[0] == 'c')
		fputs(", real and imaginary parts", stdout);
	if (s->finite == s->numel)
		puts(s->numel ? ", all finite" : "");
	else
		printf("; not finite: %s NaN, %s +Inf, %s -Inf\n", human_number(s->nan).s,
		       human_number(s->pos_inf).s, human_number(s->neg_inf).s);
	heading("Zeros:");
	fputs(human_number(s->zeros).s, stdout);
	if (s->zeros)
		printf(" (%.4g %%)", 100 * ((double)s->zeros / (double)s->numel));
	putchar('\n');
	if (s->has_distinct) {
		heading("Distinct:");
		puts(human_number(s->distinct).s);
	}
}

static void put_figures(const strata_summary *s)
{
	heading("Mean:");
	printf("%-14.6g  std %.6g\n", s->mean, s->std);
	heading("Range:");
	printf("%.6g to %.6g\n", s->min, s->max);
	for (size_t i = 0; i < STRATA_QUANTILES; i++) {
		if (i % 3 == 0)
			heading(i ? "" : "Quantiles:");
		printf(i % 3 == 2 ? " %4.4g %% %.6g\n" : " %4.4g %% %-13.6g",
		       100 * s->quantiles[i].q, s->quantiles[i].value);
	}
}

static void put_bar(const struct cli *c, const strata_summary *s, size_t k, uint64_t most)
{
	static const char hashes[] = "############################################";
	double share = (double)s->counts[k] / (double)most;
	int len = s->counts[k] ? (int)(share * BAR + 0.5) : 0;

	_Static_assert(sizeof(hashes) - 1 == BAR, "the longest bar");
	len = s->counts[k] && !len ? 1 : len;
	printf("%13.6g  %s%.*s%s%*s %s\n", s->edges[k] + (s->whole ? 0.5 : 0),
	       color_on(c, COLOR_GOOD), len, hashes, color_off(c, COLOR_GOOD), BAR - len, "",
	       human_number(s->counts[k]).s);
}

static void put_histogram(const struct cli *c, const strata_summary *s)
{
	uint64_t most = 1;

	for (size_t k = 0; k < s->nbins; k++)
		most = s->counts[k] > most ? s->counts[k] : most;
	putchar('\n');
	if (s->below)
		printf("%13s  %*s %s\n", "below", -BAR, "", human_number(s->below).s);
	for (size_t k = 0; k < s->nbins; k++)
		put_bar(c, s, k, most);
	if (!s->whole && s->edges[s->nbins] > s->edges[0])
		printf("%13.6g\n", s->edges[s->nbins]);
	if (s->above)
		printf("%13s  %*s %s\n", "above", -BAR, "", human_number(s->above).s);
}

static int text(void *arg, const strata_summary *s)
{
	struct showing *w = arg;

	cli_progress_clear(w->c);
	if (w->any)
		putchar('\n');
	w->any = true;
	put_head(w->c, s->tensor);
	if (!s->numeric) {
		heading("Numbers:");
		puts("this type is bytes to strata, so that there are no figures");
		return cli_stop(w->c);
	}
	put_counts(s);
	if (s->finite) {
		put_figures(s);
		put_histogram(w->c, s);
	}
	return cli_stop(w->c);
}

/* ---- JSON ---- */

static void put_u64(strata_json *j, const char *key, bool known, uint64_t v)
{
	strata_json_key(j, key);
	known ? strata_json_u64(j, v) : strata_json_null(j);
}

static void put_real(strata_json *j, const char *key, bool known, double v)
{
	strata_json_key(j, key);
	known ? strata_json_real(j, v) : strata_json_null(j);
}

static void json_quantiles(strata_json *j, const strata_summary *s)
{
	strata_json_key(j, "quantiles");
	strata_json_array(j);
	for (size_t i = 0; s->numeric && i < STRATA_QUANTILES; i++) {
		strata_json_object(j);
		put_real(j, "q", true, s->quantiles[i].q);
		put_real(j, "value", true, s->quantiles[i].value);
		strata_json_end_object(j);
	}
	strata_json_end_array(j);
}

static void json_histogram(strata_json *j, const strata_summary *s)
{
	strata_json_key(j, "histogram");
	if (!s->nbins) {
		strata_json_null(j);
		return;
	}
	strata_json_object(j);
	strata_json_key(j, "edges");
	strata_json_array(j);
	for (size_t k = 0; k <= s->nbins; k++)
		strata_json_real(j, s->edges[k]);
	strata_json_end_array(j);
	strata_json_key(j, "counts");
	strata_json_array(j);
	for (size_t k = 0; k < s->nbins; k++)
		strata_json_u64(j, s->counts[k]);
	strata_json_end_array(j);
	jk_u64(j, "below", s->below);
	jk_u64(j, "above", s->above);
	strata_json_end_object(j);
}

static int json(void *arg, const strata_summary *s)
{
	struct showing *w = arg;
	strata_json *j = w->c->json;
	const strata_tensor *t = s->tensor;
	bool num = s->numeric;

	strata_json_object(j);
	jk_text(j, "kind", "tensor");
	jk_name(j, "path", t->path);
	strata_json_name(j, "name", t->name, t->name_len);
	jk_text(j, "dtype", t->dtype);
	jk_shape(j, t);
	jk_u64(j, "nbytes", t->nbytes);
	jk_text(j, "id", t->id);
	put_u64(j, "numel", num, s->numel);
	put_u64(j, "finite", num, s->finite);
	put_u64(j, "nan", num, s->nan);
	put_u64(j, "pos_inf", num, s->pos_inf);
	put_u64(j, "neg_inf", num, s->neg_inf);
	put_u64(j, "zeros", num, s->zeros);
	put_real(j, "sparsity", num && s->numel, (double)s->zeros / (double)s->numel);
	put_u64(j, "distinct", num && s->has_distinct, s->distinct);
	put_real(j, "mean", num, s->mean);
	put_real(j, "std", num, s->std);
	put_real(j, "min", num, s->min);
	put_real(j, "max", num, s->max);
	json_quantiles(j, s);
	json_histogram(j, s);
	strata_json_end_object(j);
	return cli_emit(w->c);
}

int show_tensors(struct cli *c, const char *spec, bool as_json, strata_error *err)
{
	struct showing w = { .c = c };

	return strata_summarise(c->repo, spec, &c->options, as_json ? json : text, &w, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/text.h"

struct values {
	const char *weights;
	bool matrix, json;
};

static const struct cli_option options[] = {
	{ 0, "weights", OPT_TEXT, offsetof(struct values, weights), "FILE",
	  "JSON, {\"parameters\": 2, ...}, in place of the settings" },
	{ 0, "matrix", OPT_FLAG, offsetof(struct values, matrix), NULL, "of each with each" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL, "one JSON object a pair" },
	{ 0 },
};

const struct cli_doc doc_distance = {
	.args = "A B...",
	.options = options,
	.text = "Says how far apart two versions are, as one number from 0 to 1: the weighted mean\n"
		"of the differences in structure (tensors without a counterpart of the same shape\n"
		"and type), in parameters (relative distance of each tensor, by its elements), and\n"
		"in configuration (settings and other files that differ). What is not recorded,\n"
		"data and metrics so far, is left out. A and B are versions, REV:PATH, or files and\n"
		"directories; with --matrix any number of them.\n"
		"\n"
		"Weights are 1 unless the settings distance.structure, distance.parameters,\n"
		"distance.configuration, distance.data and distance.metrics say otherwise.",
	.examples = "strata distance v1 v2\n"
		    "how much changed from v1 to v2\n"
		    "strata distance --matrix v1 v2 v3 --json\n"
		    "all distances among three versions\n",
};

struct distance {
	struct cli *c;
	const struct values *v;
	double weights[STRATA_DISTANCE_TERMS];
};

static void put_json(struct cli *c, const char *a, const char *b, const strata_distance *d)
{
	strata_json *j = c->json;

	strata_json_object(j);
	jk_text(j, "kind", "distance");
	jk_name(j, "a", a);
	jk_name(j, "b", b);
	strata_json_key(j, "distance");
	strata_json_real(j, d->distance);
	strata_json_key(j, "terms");
	strata_json_object(j);
	for (size_t i = 0; i < STRATA_DISTANCE_TERMS; i++) {
		const strata_distance_term *t = &d->terms[i];

		strata_json_key(j, t->name);
		strata_json_object(j);
		strata_json_key(j, "delta");
		t->known ? strata_json_real(j, t->delta) : strata_json_null(j);
		strata_json_key(j, "weight");
		strata_json_real(j, t->weight);
		strata_json_end_object(j);
	}
	strata_json_end_object(j);
	strata_json_end_object(j);
}

static int show(struct distance *x, const char *a, const char *b, strata_error *err)
{
	strata_distance d;
	int rc = strata_distance_between(x->c->repo, a, b, x->weights, &x->c->options, &d, err);

	if (rc != STRATA_OK)
		return rc;
	if (x->v->json) {
		put_json(x->c, a, b, &d);
		return cli_emit(x->c);
	}
	printf("%.6f\n", d.distance);
	for (size_t i = 0; i < STRATA_DISTANCE_TERMS; i++) {
		const strata_distance_term *t = &d.terms[i];

		if (t->known)
			printf("  %-14s %.6f  weight %.3g\n", t->name, t->delta, t->weight);
		else
			printf("  %-14s %s\n", t->name,
			       i < 3 ? "nothing to compare" : "not recorded");
	}
	return STRATA_OK;
}

static int matrix_json(struct distance *x, const struct cli_args *a, strata_error *err)
{
	int rc = STRATA_OK;

	for (size_t i = 0; rc == STRATA_OK && i < a->n; i++)
		for (size_t k = i + 1; rc == STRATA_OK && k < a->n; k++)
			rc = show(x, a->v[i], a->v[k], err);
	return rc;
}

static int fill_matrix(struct distance *x, const struct cli_args *a, double *m, strata_error *err)
{
	strata_distance d;
	int rc = STRATA_OK;

	for (size_t i = 0; rc == STRATA_OK && i < a->n; i++)
		for (size_t k = i + 1; rc == STRATA_OK && k < a->n; k++) {
			rc = strata_distance_between(x->c->repo, a->v[i], a->v[k], x->weights,
						     &x->c->options, &d, err);
			m[i * a->n + k] = m[k * a->n + i] = d.distance;
		}
	return rc;
}

static int matrix_text(struct distance *x, const struct cli_args *a, strata_error *err)
{
	double *m = calloc(a->n * a->n, sizeof(*m)); /* n words of a command line */
	struct column *columns = calloc(a->n + 1, sizeof(*columns));
	struct table t;
	char cell[32];
	int rc = m && columns ? fill_matrix(x, a, m, err) :
				cli_fail(err, STRATA_ENOMEM, "out of memory");

	if (rc == STRATA_OK) {
		columns[0].title = "";
		for (size_t i = 0; i < a->n; i++)
			columns[i + 1] = (struct column){ .title = a->v[i], .right = true };
		table_init(&t, columns, a->n + 1);
		for (size_t i = 0; i < a->n; i++) {
			table_name(&t, a->v[i], strlen(a->v[i]));
			for (size_t k = 0; k < a->n; k++) {
				snprintf(cell, sizeof(cell), "%.4f", m[i * a->n + k]);
				table_text(&t, cell);
			}
		}
		rc = table_print(&t, x->c, err);
		table_release(&t);
	}
	free(columns);
	free(m);
	return rc;
}

int cmd_distance(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct distance x = { .c = c, .v = &v };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 2, v.matrix ? 1000 : 2, err);
	if (rc == STRATA_OK)
		rc = strata_distance_weights(c->repo, v.weights, x.weights, err);
	if (rc != STRATA_OK)
		return rc;
	if (!v.matrix)
		return show(&x, a.v[0], a.v[1], err);
	return v.json ? matrix_json(&x, &a, err) : matrix_text(&x, &a, err);
}

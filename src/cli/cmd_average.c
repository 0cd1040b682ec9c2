/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/merge_files.h"
#include "cli/text.h"

#define PREFIX "linear:weight="

struct values {
	const char *out, *weights;
	bool nonfinite, json;
};

static const struct cli_option options[] = {
	{ 'o', "output", OPT_TEXT, offsetof(struct values, out), "OUT",
	  "the new model, which may be one of the old ones" },
	{ 0, "weights", OPT_TEXT, offsetof(struct values, weights), "W,W...",
	  "one number a model instead of equal shares" },
	{ 0, "allow-nonfinite", OPT_FLAG, offsetof(struct values, nonfinite), NULL,
	  "average weights that are infinite or NaN, too" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print JSON lines instead of text" },
	{ 0 },
};

const struct cli_doc doc_average = {
	.args = "MODEL...",
	.options = options,
	.text = "Writes the mean of models: each element is computed in double precision and\n"
		"rounded once to the first model's type. A model is a file, an index file with\n"
		"its shards, or a directory that holds one; formats may differ, the result is in\n"
		"the first one's. It appears complete or not at all.\n"
		"\n"
		"All models must have the same tensors; the mean of one is that model. What is\n"
		"no floating-point number and the same in all is kept. With --weights the sum\n"
		"is divided by the sum of the weights. Weights that are not finite are refused (exit status 7).\n"
		"\n"
		"Of a directory or a sharded model OUT is a new directory; what lies beside the\n"
		"first model (settings, tokenizer) comes along.",
	.examples = "strata average a.safetensors b.safetensors c.safetensors -o soup.safetensors\n"
		    "the mean of three runs\n"
		    "strata average --weights 3,1 a.pt b.safetensors -o mixed.pt\n"
		    "three quarters of one, one quarter of the other\n",
};

/* "3,1" as a method: the caller's. */
static char *method_of(const char *weights)
{
	char *m = malloc(sizeof(PREFIX) + strlen(weights)), *p;

	if (!m)
		return NULL;
	memcpy(m, PREFIX, sizeof(PREFIX) - 1);
	memcpy(m + sizeof(PREFIX) - 1, weights, strlen(weights) + 1);
	for (p = m; *p; p++)
		if (*p == ',')
			*p = '/';
	return m;
}

/* A method takes one weight for all models too, which would be the plain mean. */
static int check_weights(const char *weights, size_t models, strata_error *err)
{
	size_t n = 1;

	for (; (weights = strchr(weights, ',')); weights++)
		n++;
	if (n == models)
		return STRATA_OK;
	return cli_fail(err, STRATA_EUSAGE,
			"%zu weight%s for %zu model%s: --weights takes one a model", n, plural(n),
			models, plural(models));
}

int cmd_average(struct cli *c, int argc, char **argv, strata_error *err)
{
	strata_merge_files_options o = { .method = "linear" };
	strata_merge_files_result result = { 0 };
	struct values v = { 0 };
	struct merge_files m = { .c = c };
	char *method = NULL;
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, SIZE_MAX, err);
	if (rc == STRATA_OK && !v.out)
		rc = cli_fail(err, STRATA_EUSAGE, "average wants -o OUT");
	if (rc == STRATA_OK && v.weights)
		rc = check_weights(v.weights, a.n, err);
	if (rc == STRATA_OK && v.weights && !(method = method_of(v.weights)))
		rc = cli_fail(err, STRATA_ENOMEM, "out of memory");
	if (rc != STRATA_OK)
		return rc;
	m.json = v.json;
	o.models = a.v;
	o.nmodels = a.n;
	o.method = method ? method : o.method;
	o.allow_nonfinite = v.nonfinite;
	o.out = v.out;
	rc = strata_merge_files(&o, &c->options, merge_files_tensor, &m, &result, err);
	free(method);
	return merge_files_end(&m, rc, v.out, &result, err);
}

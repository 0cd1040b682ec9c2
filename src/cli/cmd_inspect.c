/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/tensors.h"

struct values {
	bool tensors, json;
};

static const struct cli_option options[] = {
	{ 't', "tensors", OPT_FLAG, offsetof(struct values, tensors), NULL, "list every tensor" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "one JSON object a file and, with --tensors, a tensor" },
	{ 0 },
};

const struct cli_doc doc_inspect = {
	.args = "FILE...",
	.options = options,
	.text = "Shows what is in a model file: format, tensors, types, sizes, metadata. No\n"
		"repository is needed, nothing in the file is ever executed, and only its\n"
		"structure is read. A directory or an index file (model.safetensors.index.json)\n"
		"stands for all its shards.\n"
		"\n"
		"Exit status 4: a file's structure is damaged; what is wrong and where is shown.",
	.examples = "strata inspect model.safetensors\n"
		    "a summary\n"
		    "strata inspect -t model.safetensors.index.json\n"
		    "all tensors of a sharded model\n",
};

struct inspect {
	struct cli *c;
	const struct values *v;
	struct table t;
};

static void text_totals(const strata_inspection *i)
{
	size_t k;

	printf("  tensors   %s, %s elements, %s\n", human_number(i->tensors).s,
	       human_number(i->elements).s, human_bytes(i->tensor_bytes).s);
	for (k = 0; k < i->ndtypes; k++)
		printf("  %-9s %s, %s elements, %s\n", i->dtypes[k].dtype,
		       human_number(i->dtypes[k].tensors).s, human_number(i->dtypes[k].elements).s,
		       human_bytes(i->dtypes[k].bytes).s);
}

static int text_info(void *arg, const strata_inspection *i)
{
	struct inspect *s = arg;

	fputs(color_on(s->c, COLOR_BOLD), stdout);
	name_put(stdout, i->path);
	printf("%s: %s, %s", color_off(s->c, COLOR_BOLD), *i->format ? i->format : "ordinary file",
	       human_bytes(i->size).s);
	if (i->shards)
		printf(", %zu shard%s", i->shards, plural(i->shards));
	fputc('\n', stdout);
	if (i->problem) {
		fputs("  damaged   ", stdout);
		cli_put_safe(stdout, i->problem);
		fputc('\n', stdout);
	} else if (i->tensors || *i->format) {
		text_totals(i);
	}
	if (i->metadata) {
		fputs("  metadata  ", stdout);
		cli_put_safe(stdout, i->metadata);
		fputc('\n', stdout);
	}
	return cli_stop(s->c);
}

static int text_tensor(void *arg, const strata_tensor *t)
{
	struct inspect *s = arg;

	tensor_row(&s->t, t);
	return cli_stop(s->c);
}

static void json_dtypes(strata_json *j, const strata_inspection *i)
{
	size_t k;

	strata_json_key(j, "dtypes");
	strata_json_object(j);
	for (k = 0; k < i->ndtypes; k++) {
		strata_json_key(j, i->dtypes[k].dtype);
		strata_json_object(j);
		jk_u64(j, "tensors", i->dtypes[k].tensors);
		jk_u64(j, "elements", i->dtypes[k].elements);
		jk_u64(j, "nbytes", i->dtypes[k].bytes);
		strata_json_end_object(j);
	}
	strata_json_end_object(j);
}

static int json_info(void *arg, const strata_inspection *i)
{
	struct inspect *s = arg;
	strata_json *j = s->c->json;

	strata_json_object(j);
	jk_text(j, "kind", "file");
	jk_name(j, "path", i->path);
	jk_text(j, "format", *i->format ? i->format : NULL);
	jk_u64(j, "nbytes", i->size);
	jk_u64(j, "shards", i->shards);
	jk_u64(j, "tensors", i->tensors);
	jk_u64(j, "elements", i->elements);
	jk_u64(j, "tensor_bytes", i->tensor_bytes);
	json_dtypes(j, i);
	strata_json_key(j, "metadata");
	if (i->metadata)
		strata_json_raw(j, i->metadata);
	else
		strata_json_null(j);
	jk_text(j, "problem", i->problem);
	strata_json_end_object(j);
	return cli_emit(s->c);
}

static int json_tensor(void *arg, const strata_tensor *t)
{
	struct inspect *s = arg;
	strata_json *j = s->c->json;

	strata_json_object(j);
	jk_text(j, "kind", "tensor");
	tensor_json(j, t);
	strata_json_end_object(j);
	return cli_emit(s->c);
}

static int one(struct inspect *s, const char *path, strata_error *err)
{
	int (*tensor)(void *arg, const strata_tensor *t) = s->v->json ? json_tensor : text_tensor;
	int rc, late;
	strata_error second = { 0 };

	tensor_table(&s->t);
	rc = strata_inspect(path, &s->c->options, s->v->json ? json_info : text_info,
			    s->v->tensors ? tensor : NULL, s, err);
	late = s->v->tensors && !s->v->json ? tensor_print(&s->t, s->c, &second) : STRATA_OK;
	if (rc == STRATA_OK && late != STRATA_OK) {
		rc = late;
		*err = second;
	}
	table_release(&s->t);
	return rc;
}

/* A damaged file does not keep the next ones from being shown. */
int cmd_inspect(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct inspect s = { .c = c, .v = &v };
	strata_error first = { 0 };
	struct cli_args a;
	size_t i;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, SIZE_MAX, err);
	for (i = 0; rc == STRATA_OK && i < a.n && !cli_stop(c); i++) {
		rc = one(&s, a.v[i], err);
		if (rc != STRATA_EFORMAT)
			continue;
		if (first.code == STRATA_OK)
			first = *err;
		rc = STRATA_OK;
	}
	if (rc == STRATA_OK && first.code != STRATA_OK) {
		*err = first;
		rc = first.code;
	}
	return rc;
}

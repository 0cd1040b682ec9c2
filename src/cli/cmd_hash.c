/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/tensors.h"

struct values {
	bool tensors, json;
};

static const struct cli_option options[] = {
	{ 't', "tensors", OPT_FLAG, offsetof(struct values, tensors), NULL,
	  "of each tensor of the file" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "one JSON object a file or tensor" },
	{ 0 },
};

const struct cli_doc doc_hash = {
	.args = "[FILE...]",
	.options = options,
	.text = "Prints the BLAKE3 hash of each file (standard input if there is none, or for -)\n"
		"as 'b3sum' does. It is also the id under which strata stores the file.\n"
		"\n"
		"With --tensors prints the hash of each tensor; of several files the tensor's\n"
		"name follows its file's and '::'.",
	.examples = "strata hash model.safetensors\n"
		    "the id that 'strata ls' shows of it\n"
		    "strata hash --tensors model.safetensors | sort | uniq -D -w 64\n"
		    "tensors that are equal\n",
};

struct hash {
	struct cli *c;
	const struct values *v;
	bool several;
};

/* As b3sum: a line that holds an escape begins with a backslash. */
static void put_line(const char *hex, const char *path, const char *name, size_t name_len)
{
	const char *parts[2] = { path, name };
	size_t len[2] = { path ? strlen(path) : 0, name_len }, i, k;
	bool escaped = false;

	for (i = 0; i < 2; i++)
		for (k = 0; k < len[i]; k++)
			escaped = escaped || parts[i][k] == '\\' || parts[i][k] == '\n';
	printf("%s%s  ", escaped ? "\\" : "", hex);
	for (i = 0; i < 2; i++) {
		if (i == 1 && path && name)
			fputs("::", stdout);
		for (k = 0; k < len[i]; k++) {
			if (parts[i][k] == '\\')
				fputs("\\\\", stdout);
			else if (parts[i][k] == '\n')
				fputs("\\n", stdout);
			else
				fputc(parts[i][k], stdout);
		}
	}
	fputc('\n', stdout);
}

static int show_tensor(void *arg, const strata_tensor *t)
{
	struct hash *h = arg;
	strata_json *j = h->c->json;

	if (!h->v->json) {
		put_line(t->id, h->several ? t->path : NULL, t->name, t->name_len);
		return cli_stop(h->c);
	}
	strata_json_object(j);
	jk_name(j, "path", t->path);
	strata_json_name(j, "name", t->name, t->name_len);
	jk_text(j, "id", t->id);
	strata_json_end_object(j);
	return cli_emit(h->c);
}

static int show_file(struct hash *h, const char *path, strata_error *err)
{
	char hex[STRATA_HEX];
	int rc = strata_hash(path, &h->c->options, hex, err);

	if (rc != STRATA_OK)
		return rc;
	if (!h->v->json) {
		put_line(hex, path, NULL, 0);
		return STRATA_OK;
	}
	strata_json_object(h->c->json);
	jk_name(h->c->json, "path", path);
	jk_text(h->c->json, "id", hex);
	strata_json_end_object(h->c->json);
	cli_emit(h->c);
	return STRATA_OK;
}

int cmd_hash(struct cli *c, int argc, char **argv, strata_error *err)
{
	static const char *const standard_input[] = { "-" };
	struct values v = { 0 };
	struct hash h = { .c = c, .v = &v };
	struct cli_args a;
	const char *const *files;
	size_t n, i;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK && v.tensors)
		rc = cli_count(c, &a, 1, SIZE_MAX, err);
	files = a.n ? a.v : standard_input;
	n = a.n ? a.n : 1;
	h.several = n > 1;
	for (i = 0; rc == STRATA_OK && i < n && !cli_stop(c); i++)
		rc = v.tensors ? strata_hash_tensors(files[i], &c->options, show_tensor, &h, err) :
				 show_file(&h, files[i], err);
	return rc;
}

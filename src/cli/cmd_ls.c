/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/tensors.h"

struct values {
	bool tensors, json, names;
};

static const struct cli_option options[] = {
	{ 't', "tensors", OPT_FLAG, offsetof(struct values, tensors), NULL,
	  "the tensors of the model files" },
	{ 0, "name-only", OPT_FLAG, offsetof(struct values, names), NULL, "names, nothing else" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "one JSON object a file or tensor" },
	{ 0 },
};

const struct cli_doc doc_ls = {
	.args = "[REV[:PATH[::TENSOR]]]",
	.options = options,
	.text = "Lists the files of a version (HEAD if not said): id, size, kind and path. PATH\n"
		"may be a file, a directory or a glob.\n"
		"\n"
		"With --tensors, or where a tensor is named, lists tensors: id, type, shape, size\n"
		"and name. TENSOR may be a glob; REV::GLOB looks into every model file of the\n"
		"version, the index file of a sharded model stands for its shards. Instead of a\n"
		"revision the path of a file may be given, also where there is no repository.\n"
		"\n"
		"Ids are BLAKE3 of the content: 'b3sum' of a restored file prints the same.",
	.examples = "strata ls v2\n"
		    "the files of version 2\n"
		    "strata ls --tensors HEAD:model.safetensors\n"
		    "the tensors of a stored file\n"
		    "strata ls 'HEAD::*.attn.*weight'\n"
		    "some tensors of all model files\n",
};

struct list {
	struct cli *c;
	const struct values *v;
	struct table t;
};

static int text_file(void *arg, const strata_file *f)
{
	struct list *l = arg;
	char tensors[48] = "";
	human id = human_id(f->id);

	if (strcmp(f->kind, "model") == 0)
		snprintf(tensors, sizeof(tensors), "%" PRIu64 " tensor%s", f->tensors,
			 plural(f->tensors));
	table_text(&l->t, id.s);
	table_text(&l->t, human_bytes(f->size).s);
	table_text(&l->t, strcmp(f->kind, "model") == 0 ? f->format :
			  strcmp(f->mode, "exec") == 0	? "exec" :
							  f->kind);
	table_text(&l->t, tensors);
	table_name(&l->t, f->path, strlen(f->path));
	return cli_stop(l->c);
}

static int name_file(void *arg, const strata_file *f)
{
	struct list *l = arg;

	name_put(stdout, f->path);
	fputc('\n', stdout);
	return cli_stop(l->c);
}

static int json_file(void *arg, const strata_file *f)
{
	struct list *l = arg;
	strata_json *j = l->c->json;

	strata_json_object(j);
	jk_name(j, "path", f->path);
	jk_text(j, "kind", f->kind);
	jk_text(j, "mode", f->mode);
	jk_text(j, "format", *f->format ? f->format : NULL);
	jk_u64(j, "nbytes", f->size);
	jk_u64(j, "tensors", f->tensors);
	jk_text(j, "id", f->id);
	strata_json_end_object(j);
	return cli_emit(l->c);
}

static int text_tensor(void *arg, const strata_tensor *t)
{
	struct list *l = arg;

	tensor_row(&l->t, t);
	return cli_stop(l->c);
}

static int name_tensor(void *arg, const strata_tensor *t)
{
	struct list *l = arg;
	char *name = name_quoted(t->name, t->name_len);

	puts(name ? name : "?");
	free(name);
	return cli_stop(l->c);
}

static int json_tensor(void *arg, const strata_tensor *t)
{
	struct list *l = arg;

	strata_json_object(l->c->json);
	tensor_json(l->c->json, t);
	strata_json_end_object(l->c->json);
	return cli_emit(l->c);
}

static const struct column columns[] = {
	{ NULL, false, COLOR_ID },   { NULL, true, COLOR_NONE },  { NULL, false, COLOR_NONE },
	{ NULL, false, COLOR_NONE }, { NULL, false, COLOR_NAME },
};

static int list_files(struct list *l, const char *spec, strata_error *err)
{
	int (*cb)(void *arg, const strata_file *f) = l->v->json	 ? json_file :
						     l->v->names ? name_file :
								   text_file;

	if (!l->c->repo)
		return cli_fail(err, STRATA_ENOREPO,
				"this is not in a strata repository; --tensors lists a plain "
				"file's tensors");
	table_init(&l->t, columns, 5);
	return strata_ls(l->c->repo, spec, cb, l, err);
}

static int list_tensors(struct list *l, const char *spec, strata_error *err)
{
	int (*cb)(void *arg, const strata_tensor *t) = l->v->json  ? json_tensor :
						       l->v->names ? name_tensor :
								     text_tensor;

	if (!spec && !l->c->repo)
		return cli_fail(err, STRATA_EUSAGE,
				"this is not in a strata repository: name a file");
	tensor_table(&l->t);
	return strata_tensors(l->c->repo, spec ? spec : "HEAD", cb, l, err);
}

int cmd_ls(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct list l = { .c = c, .v = &v };
	struct cli_args a;
	const char *spec;
	bool tensors;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 1, err);
	if (rc != STRATA_OK)
		return rc;
	spec = a.n ? a.v[0] : NULL;
	tensors = v.tensors;
	if (!tensors && spec && strstr(spec, "::"))
		rc = strata_names_tensor(c->repo, spec, &tensors, err);
	if (rc != STRATA_OK)
		return rc;
	rc = tensors ? list_tensors(&l, spec, err) : list_files(&l, spec, err);
	if (rc == STRATA_OK && !v.json && !v.names)
		rc = tensors ? tensor_print(&l.t, c, err) : table_print(&l.t, c, err);
	table_release(&l.t);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/versions.h"

struct values {
	bool json;
};

static const struct cli_option options[] = {
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "JSON: the version, then one line a changed file" },
	{ 0 },
};

const struct cli_doc doc_show = {
	.args = "[REV]",
	.options = options,
	.text = "Shows one version (HEAD if not said): who made it, when, why and with what\n"
		"parameters, and each file that it changed against the version before it. Of a\n"
		"changed model it says how many tensors changed.\n"
		"\n"
		"'strata ls REV' lists all files of a version, 'strata cat REV:PATH' writes one.",
	.examples = "strata show\n"
		    "the last version\n"
		    "strata show v2\n"
		    "version 2\n",
};

struct show {
	struct cli *c;
	struct table t;
};

static const char *word(char status)
{
	return status == 'A' ? "added" :
	       status == 'D' ? "removed" :
	       status == 'T' ? "retyped" :
			       "changed";
}

static int text_info(void *arg, const strata_show_info *i)
{
	struct show *s = arg;
	human id;
	size_t k;

	version_head(s->c, &i->version);
	printf("Files:  %s, %s\n", human_number(i->nfiles).s, human_bytes(i->logical_bytes).s);
	if (i->config_name) {
		id = human_id(i->config_id);
		fputs("Config: ", stdout);
		name_put(stdout, i->config_name);
		printf(" (%s)\n", id.s);
	}
	for (k = 0; k < i->nparams; k++) {
		fputs("Param:  ", stdout);
		cli_put_safe(stdout, i->params[k].key);
		fputs(" = ", stdout);
		safe_line(i->params[k].value);
	}
	version_message(i->version.message);
	return cli_stop(s->c);
}

static int text_change(void *arg, const strata_change *ch)
{
	struct show *s = arg;
	char tensors[160] = "";

	if (ch->has_tensors)
		human_tensors(tensors, sizeof(tensors), &ch->tensors);
	table_text(&s->t, word(ch->status));
	table_name(&s->t, ch->path, strlen(ch->path));
	table_text(&s->t, human_bytes(ch->status == 'D' ? ch->old_size : ch->new_size).s);
	table_text(&s->t, tensors);
	return cli_stop(s->c);
}

static void json_params(strata_json *j, const strata_show_info *i)
{
	size_t k;

	strata_json_key(j, "params");
	strata_json_array(j);
	for (k = 0; k < i->nparams; k++) {
		strata_json_object(j);
		jk_text(j, "key", i->params[k].key);
		jk_text(j, "value", i->params[k].value);
		strata_json_end_object(j);
	}
	strata_json_end_array(j);
	strata_json_key(j, "config");
	if (i->config_name) {
		strata_json_object(j);
		jk_name(j, "name", i->config_name);
		jk_text(j, "id", i->config_id);
		strata_json_end_object(j);
	} else {
		strata_json_null(j);
	}
}

static int json_info(void *arg, const strata_show_info *i)
{
	struct show *s = arg;
	strata_json *j = s->c->json;

	strata_json_object(j);
	jk_text(j, "kind", "version");
	version_json(j, &i->version);
	jk_text(j, "tree", i->tree);
	json_params(j, i);
	jk_u64(j, "nfiles", i->nfiles);
	jk_u64(j, "logical_bytes", i->logical_bytes);
	strata_json_end_object(j);
	return cli_emit(s->c);
}

static int json_change(void *arg, const strata_change *ch)
{
	struct show *s = arg;
	strata_json *j = s->c->json;

	strata_json_object(j);
	jk_text(j, "kind", "file");
	jk_name(j, "path", ch->path);
	jk_text(j, "status", word(ch->status));
	jk_text(j, "type", ch->kind);
	jk_u64(j, "old_bytes", ch->old_size);
	jk_u64(j, "new_bytes", ch->new_size);
	if (ch->has_tensors) {
		jk_counts(j, "tensors", &ch->tensors);
	} else {
		strata_json_key(j, "tensors");
		strata_json_null(j);
	}
	strata_json_end_object(j);
	return cli_emit(s->c);
}

static const struct column columns[] = {
	{ NULL, false, COLOR_NONE },
	{ NULL, false, COLOR_NAME },
	{ NULL, true, COLOR_NONE },
	{ NULL, false, COLOR_NONE },
};

int cmd_show(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct show s = { .c = c };
	struct values v = { 0 };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 1, err);
	if (rc == STRATA_OK && a.n && strchr(a.v[0], ':'))
		rc = cli_fail(err, STRATA_EUSAGE,
			      "show takes a version; 'strata cat %s' writes the file or tensor",
			      a.v[0]);
	if (rc != STRATA_OK)
		return rc;
	cli_pager_start(c);
	table_init(&s.t, columns, 4);
	rc = strata_show(c->repo, a.n ? a.v[0] : NULL, v.json ? json_info : text_info,
			 v.json ? json_change : text_change, &s, err);
	if (rc == STRATA_OK && !v.json && s.t.ncells) {
		fputc('\n', stdout);
		rc = table_print(&s.t, c, err);
	}
	table_release(&s.t);
	return rc;
}

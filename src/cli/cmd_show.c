/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/show_figures.h"
#include "cli/show_merge.h"
#include "cli/versions.h"

struct values {
	bool json;
};

static const struct cli_option options[] = {
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "JSON: the version, then one line a changed file; or a line a tensor" },
	{ 0 },
};

const struct cli_doc doc_show = {
	.args = "[REV | [REV:PATH]::TENSOR]",
	.options = options,
	.text = "Shows one version (HEAD if not said): who made it, when, why and with what\n"
		"parameters, and each file that it changed against the version before it. Of a\n"
		"changed model it says how many tensors changed. What an annotated tag says comes\n"
		"before its version. Of a merge it shows the description: what was merged, with the\n"
		"ids of all that several sides changed, and how that was settled.\n"
		"\n"
		"Of tensors (REV:PATH::TENSOR, REV::TENSOR in any model of the version, or\n"
		"FILE::TENSOR, also where there is no repository; TENSOR may be a glob) it shows\n"
		"type, shape, id and the numbers in them: how many are zero or not finite, mean,\n"
		"standard deviation, range, quantiles and a histogram. Quantiles are exact. A complex\n"
		"number counts as two.\n"
		"\n"
		"'strata ls REV' lists all files of a version, 'strata cat REV:PATH' writes one.",
	.examples = "strata show\n"
		    "the last version\n"
		    "strata show v2\n"
		    "version 2\n"
		    "strata show HEAD:model.safetensors::head.weight\n"
		    "the numbers of a tensor\n"
		    "strata show 'model.pt::encoder.*.bias' --json\n"
		    "those of several, in a file\n",
};

struct show {
	struct cli *c;
	struct table t;
	const char *named; /* perhaps a tag */
	strata_tag tag;	   /* what it says if it is an annotated one; else name is NULL */
	strata_error *err;
};

/* ---- what a tag says ---- */

static const char *keep(char **at, const char *s)
{
	char *copy = *at;
	size_t n = strlen(s) + 1;

	memcpy(copy, s, n);
	*at += n;
	return copy;
}

static int take_tag(void *arg, const strata_tag *t)
{
	struct show *s = arg;
	char *room;

	if (!t->annotated || strcmp(t->name, s->named) != 0)
		return 0;
	room = cli_alloc(s->c,
			 strlen(t->name) + strlen(t->tagger) + strlen(t->time) +
				 strlen(t->message) + 4,
			 1, s->err);
	if (!room)
		return 1;
	s->tag.name = keep(&room, t->name);
	s->tag.tagger = keep(&room, t->tagger);
	s->tag.time = keep(&room, t->time);
	s->tag.message = keep(&room, t->message);
	return 0;
}

static int find_tag(struct show *s, const char *rev)
{
	static const char dir[] = "tags/";
	int rc;

	s->named = strncmp(rev, dir, strlen(dir)) == 0 ? rev + strlen(dir) : rev;
	rc = strata_tag_list(s->c->repo, take_tag, s, s->err);
	return s->err->code != STRATA_OK ? (int)s->err->code : rc;
}

static void text_tag(const strata_tag *t)
{
	fputs("tag ", stdout);
	name_put(stdout, t->name);
	fputs("\nTagger: ", stdout);
	safe_line(t->tagger);
	printf("Date:   %s\n", human_time(t->time).s);
	version_message(t->message);
	fputc('\n', stdout);
}

static void json_tag(strata_json *j, const strata_tag *t)
{
	strata_json_key(j, "tag");
	if (!t->name) {
		strata_json_null(j);
		return;
	}
	strata_json_object(j);
	jk_text(j, "name", t->name);
	jk_text(j, "author", t->tagger);
	jk_text(j, "time", t->time);
	jk_text(j, "message", t->message);
	strata_json_end_object(j);
}

/* ---- the version ---- */

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

	if (s->tag.name)
		text_tag(&s->tag);
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
	json_tag(j, &s->tag);
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

/* The ':' of "REV:path", not one of a time as in main@{2026-11-20T08:00:00Z}. */
static const char *path_part(const char *rev)
{
	const char *colon = strchr(rev, ':'), *braces = strstr(rev, "@{");
	const char *end = braces ? strchr(braces, '}') : NULL;

	return colon && end && colon > braces && colon < end ? strchr(end, ':') : colon;
}

static int show_version(struct cli *c, const char *rev, bool json, strata_error *err)
{
	struct show s = { .c = c, .err = err };
	const char *colon;
	int rc = STRATA_OK;

	if (!c->repo)
		return cli_fail(err, STRATA_ENOREPO,
				"this is not in a strata repository; FILE::TENSOR shows a plain "
				"file's tensors");
	colon = rev ? path_part(rev) : NULL;
	if (colon && !colon[1])
		return cli_fail(err, STRATA_EUSAGE, "'%s' names no file after ':'", rev);
	if (colon)
		return cli_fail(err, STRATA_EUSAGE,
				"show takes a version or tensors, %s::NAME; 'strata cat %s' writes "
				"the file",
				rev, rev);
	if (rev)
		rc = find_tag(&s, rev);
	if (rc != STRATA_OK)
		return rc;
	table_init(&s.t, columns, 4);
	rc = strata_show(c->repo, rev, json ? json_info : text_info,
			 json ? json_change : text_change, &s, err);
	if (rc == STRATA_OK && !json && s.t.ncells) {
		fputc('\n', stdout);
		rc = table_print(&s.t, c, err);
	}
	table_release(&s.t);
	return rc == STRATA_OK ? show_merge(c, rev, json, err) : rc;
}

int cmd_show(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct cli_args a;
	const char *what;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 1, err);
	if (rc != STRATA_OK)
		return rc;
	what = a.n ? a.v[0] : NULL;
	cli_pager_start(c);
	return what && strstr(what, "::") ? show_tensors(c, what, v.json, err) :
					    show_version(c, what, v.json, err);
}

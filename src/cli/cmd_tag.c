/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/versions.h"

struct values {
	bool annotate, force, del, json;
	const char *message;
};

static const struct cli_option options[] = {
	{ 'm', "message", OPT_TEXT, offsetof(struct values, message), "TEXT",
	  "annotate the tag: TEXT, who and when are kept with it" },
	{ 'a', "annotate", OPT_FLAG, offsetof(struct values, annotate), NULL,
	  "the same, and -m must be given" },
	{ 'f', "force", OPT_FLAG, offsetof(struct values, force), NULL, "move a tag that exists" },
	{ 'd', "delete", OPT_FLAG, offsetof(struct values, del), NULL, "delete tags" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL, "one JSON object a tag" },
	{ 0 },
};

const struct cli_doc doc_tag = {
	.args = "[NAME [REV]]",
	.options = options,
	.text = "Lists tags, or gives version REV (HEAD if not said) the name NAME, which then is a\n"
		"revision. log and show name the tags of a version. A tag stays where it is until -f\n"
		"moves it or -d deletes it.\n"
		"\n"
		"Names follow Git's rules; one that looks like a version number (v12, v1.2.0) or an\n"
		"id is refused: those are given by strata.",
	.examples = "strata tag best -m 'top-1 76.2'\n"
		    "name the version that is checked out\n"
		    "strata tag baseline v3\n"
		    "name version 3\n"
		    "strata tag\n"
		    "list tags\n"
		    "strata tag -d baseline\n"
		    "delete one\n",
};

struct list {
	struct cli *c;
	struct table t;
};

static int show_json(void *arg, const strata_tag *t)
{
	struct list *l = arg;
	strata_json *j = l->c->json;

	strata_json_object(j);
	jk_text(j, "name", t->name);
	jk_text(j, "commit", t->commit);
	jk_text(j, "version", *t->version ? t->version : NULL);
	jk_text(j, "author", t->annotated ? t->tagger : NULL);
	jk_text(j, "time", t->annotated ? t->time : NULL);
	jk_text(j, "message", t->annotated ? t->message : NULL);
	strata_json_end_object(j);
	return cli_emit(l->c);
}

static int show(void *arg, const strata_tag *t)
{
	struct list *l = arg;
	char *line = strndup(t->message, strcspn(t->message, "\n")), *p;

	for (p = line; p && *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	table_name(&l->t, t->name, strlen(t->name));
	table_text(&l->t, t->version);
	table_text(&l->t, human_id(t->commit).s);
	table_text(&l->t, line ? line : "");
	free(line);
	return cli_stop(l->c);
}

static int list(struct cli *c, bool json, strata_error *err)
{
	static const struct column columns[] = {
		{ NULL, false, COLOR_NAME },
		{ NULL, false, COLOR_BOLD },
		{ NULL, false, COLOR_ID },
		{ NULL, false, COLOR_NONE },
	};
	struct list l = { .c = c };
	int rc;

	table_init(&l.t, columns, 4);
	rc = strata_tag_list(c->repo, json ? show_json : show, &l, err);
	if (rc == STRATA_OK && l.t.ncells)
		rc = table_print(&l.t, c, err);
	table_release(&l.t);
	return rc;
}

static int was(void *arg, const strata_tag *t)
{
	struct cli *c = arg;

	if (!c->g.quiet)
		printf("deleted tag %s (was %s%s%s)\n", t->name, t->version, *t->version ? " " : "",
		       human_id(t->commit).s);
	return cli_stop(c);
}

int cmd_tag(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc != STRATA_OK)
		return rc;
	if (v.annotate && !v.message)
		return cli_fail(err, STRATA_EUSAGE, "-a wants -m TEXT");
	if (v.del && (v.message || v.force))
		return cli_fail(err, STRATA_EUSAGE, "-d takes names alone");
	if (v.json && (a.n || v.del))
		return cli_fail(err, STRATA_EUSAGE, "--json is for the list of tags");
	if (v.del) {
		rc = cli_count(c, &a, 1, SIZE_MAX, err);
		return rc == STRATA_OK ? strata_tag_delete(c->repo, a.v, a.n, was, c, err) : rc;
	}
	rc = cli_count(c, &a, v.message || v.force ? 1 : 0, 2, err);
	if (rc != STRATA_OK || a.n == 0)
		return rc == STRATA_OK ? list(c, v.json, err) : rc;
	return strata_tag_create(c->repo, a.v[0], a.n > 1 ? a.v[1] : NULL, v.message, v.force, err);
}

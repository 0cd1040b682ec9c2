/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/reflist.h"

struct values {
	bool annotate, force, del, json;
	const char *message;
};

static const struct cli_option options[] = {
	{ 'm', "message", OPT_TEXT, offsetof(struct values, message), "TEXT",
	  "annotate the tag: TEXT, who and when are kept with it" },
	{ 'a', "annotate", OPT_FLAG, offsetof(struct values, annotate), NULL,
	  "the same; an editor asks for TEXT where -m does not give it" },
	{ 'f', "force", OPT_FLAG, offsetof(struct values, force), NULL, "move a tag that exists" },
	{ 'd', "delete", OPT_FLAG, offsetof(struct values, del), NULL, "delete tags" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "one JSON object a tag: all, or those made or deleted" },
	{ 0 },
};

const struct cli_doc doc_tag = {
	.args = "[NAME [REV]]",
	.options = options,
	.text = "Lists tags, or gives version REV (HEAD if not said) the name NAME, which then is a\n"
		"revision. log and show name the tags of a version. A tag stays where it is until -f\n"
		"moves it or -d deletes it.\n"
		"\n"
		"The editor is $STRATA_EDITOR, $VISUAL, $EDITOR, or vi on a terminal.\n"
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
	const char *only; /* NULL: all */
	bool found;
	char *message; /* of the only one; the caller's */
};

static struct ref_row row_of(const strata_tag *t)
{
	return (struct ref_row){ "tag",	    t->name, t->commit, t->version,
				 t->tagger, t->time, t->message };
}

static int emit(struct cli *c, const strata_tag *t)
{
	struct ref_row row = row_of(t);

	strata_json_object(c->json);
	jk_text(c->json, "name", t->name);
	ref_json(c->json, &row);
	strata_json_end_object(c->json);
	return cli_emit(c);
}

static int show_json(void *arg, const strata_tag *t)
{
	struct list *l = arg;

	return l->only && strcmp(l->only, t->name) != 0 ? 0 : emit(l->c, t);
}

static int show(void *arg, const strata_tag *t)
{
	struct list *l = arg;
	struct ref_row row = row_of(t);

	ref_cells(&l->t, &row, "");
	return cli_stop(l->c);
}

static int find(void *arg, const strata_tag *t)
{
	struct list *l = arg;

	if (strcmp(l->only, t->name) != 0)
		return 0;
	l->found = true;
	l->message = strdup(t->message);
	return 1;
}

static int list(struct cli *c, bool json, strata_error *err)
{
	struct list l = { .c = c };
	int rc;

	ref_table(&l.t);
	rc = strata_tag_list(c->repo, json ? show_json : show, &l, err);
	if (rc == STRATA_OK && l.t.ncells)
		rc = table_print(&l.t, c, err);
	table_release(&l.t);
	return rc;
}

static int was(void *arg, const strata_tag *t)
{
	struct cli *c = arg;
	struct ref_row row = row_of(t);

	if (!c->g.quiet)
		ref_deleted(&row);
	return cli_stop(c);
}

static int was_json(void *arg, const strata_tag *t)
{
	return emit(arg, t);
}

/* Nobody writes a text first and hears then that the tag exists, or the version does not. */
static int edit(struct cli *c, const struct values *v, const struct cli_args *a,
		char commit[STRATA_HEX], char **text, strata_error *err)
{
	struct list l = { .c = c, .only = a->v[0] };
	char why[300];
	int rc = strata_resolve(c->repo, a->n > 1 ? a->v[1] : "HEAD", commit, err);

	if (rc == STRATA_OK)
		rc = strata_tag_list(c->repo, find, &l, err);
	if (l.found) /* the search was ended early */
		rc = v->force ? STRATA_OK :
				cli_fail(err, STRATA_EREFUSED, "tag '%s' exists: -f moves it",
					 a->v[0]);
	snprintf(why, sizeof(why), "What tag %.200s says of version %s.\n", a->v[0],
		 human_id(commit).s);
	if (rc == STRATA_OK)
		rc = cli_edit(c, l.message ? l.message : "", why, text, err);
	if (rc == STRATA_OK && !**text)
		rc = cli_fail(err, STRATA_ENO, "no message, no tag");
	free(l.message);
	return rc;
}

static int create(struct cli *c, const struct values *v, const struct cli_args *a,
		  strata_error *err)
{
	struct list l = { .c = c, .only = a->v[0] };
	char *text = NULL, commit[STRATA_HEX] = "";
	const char *rev = a->n > 1 ? a->v[1] : NULL;
	int rc = STRATA_OK;

	if (v->annotate && !v->message) { /* the version that the editor named is the one */
		rc = edit(c, v, a, commit, &text, err);
		rev = commit;
	}
	if (rc == STRATA_OK)
		rc = strata_tag_create(c->repo, a->v[0], rev, text ? text : v->message, v->force,
				       err);
	if (rc == STRATA_OK && v->json)
		rc = strata_tag_list(c->repo, show_json, &l, err);
	free(text);
	return rc;
}

int cmd_tag(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc != STRATA_OK)
		return rc;
	if (v.del && (v.message || v.annotate || v.force))
		return cli_fail(err, STRATA_EUSAGE, "-d takes names alone");
	if (v.del) {
		rc = cli_count(c, &a, 1, SIZE_MAX, err);
		return rc == STRATA_OK ? strata_tag_delete(c->repo, a.v, a.n,
							   v.json ? was_json : was, c, err) :
					 rc;
	}
	rc = cli_count(c, &a, v.message || v.annotate || v.force ? 1 : 0, 2, err);
	if (rc != STRATA_OK || a.n == 0)
		return rc == STRATA_OK ? list(c, v.json, err) : rc;
	return create(c, &v, &a, err);
}

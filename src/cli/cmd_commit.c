/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/versions.h"
#include "cli/went.h"

struct values {
	struct cli_list message, param, lineage;
	bool all, amend, no_edit, fast, allow_empty, json;
	const char *config, *author, *bump;
};

static const struct cli_option options[] = {
	{ 'm', "message", OPT_LIST, offsetof(struct values, message), "TEXT",
	  "the message; given again, another paragraph" },
	{ 'a', "all", OPT_FLAG, offsetof(struct values, all), NULL,
	  "first stage all tracked files that changed or are gone" },
	{ 0, "amend", OPT_FLAG, offsetof(struct values, amend), NULL,
	  "replace the last version, beginning with its message" },
	{ 0, "no-edit", OPT_FLAG, offsetof(struct values, no_edit), NULL,
	  "with --amend: keep the message as it is" },
	{ 0, "config", OPT_TEXT, offsetof(struct values, config), "FILE",
	  "record this configuration file with the version" },
	{ 0, "param", OPT_LIST, offsetof(struct values, param), "KEY=VALUE",
	  "record a hyper-parameter; may be given again" },
	{ 0, "lineage", OPT_LIST, offsetof(struct values, lineage), "KIND=REV",
	  "what it was made from, beside the version before; may be given again" },
	{ 0, "fast", OPT_FLAG, offsetof(struct values, fast), NULL,
	  "with -a: hash and copy only, do not compress" },
	{ 0, "allow-empty", OPT_FLAG, offsetof(struct values, allow_empty), NULL,
	  "although nothing changed" },
	{ 0, "author", OPT_TEXT, offsetof(struct values, author), "WHO",
	  "who made it, as 'Name <mail>', instead of you" },
	{ 0, "bump", OPT_TEXT, offsetof(struct values, bump), "STEP",
	  "what of a number like v1.2.0 goes up: major, minor or patch" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "print one JSON object instead of text" },
	{ 0 },
};

const struct cli_doc doc_commit = {
	.args = "",
	.options = options,
	.text = "Makes a version of what is staged and moves the branch to it. Prints its\n"
		"number and id, which tensors it adds, changes and leaves as they were, and how\n"
		"many bytes storing the change took.\n"
		"\n"
		"Without -m an editor asks for the message: $STRATA_EDITOR, $VISUAL, $EDITOR, or\n"
		"vi on a terminal; a merge, cherry-pick or revert that it ends has one. Who you are\n"
		"comes from $STRATA_AUTHOR, the settings user.name and user.email, or Git's settings\n"
		"of that name.\n"
		"\n"
		"--lineage declares an ancestor; 'log', 'log --graph' and 'show' say so, and 'gc'\n"
		"keeps it. KIND is one of fine-tuned-from, distilled-from, quantised-from,\n"
		"pruned-from, adapter-of and merged-from. With --amend what was declared stays\n"
		"unless --lineage is given; cherry-pick, revert and rollback copy none. What is\n"
		"added on top of it may be stored as a difference from the ancestor's tensors.\n"
		"\n"
		"Where versions are numbered by semver, what changed against the parent says what\n"
		"goes up: major when tensors came or went or have another shape or type, minor when\n"
		"values changed, else patch. --bump says it instead.\n"
		"\n"
		"With --amend a merge goes on saying how it was made, if its files stay the same.\n"
		"\n"
		"Exit status 1: there was nothing to commit.",
	.examples = "strata commit -m 'step 2000, loss 1.83'\n"
		    "make a version of what is staged\n"
		    "strata commit -a -m tuned --param lr=3e-4 --config train.json\n"
		    "everything that changed, with what it was made with\n"
		    "strata commit -m 'for support chats' --lineage fine-tuned-from=base~2\n"
		    "say which version it was tuned from\n"
		    "strata commit --amend -m 'a better message'\n"
		    "say the last one better\n",
};

static int join_messages(struct cli *c, const struct cli_list *l, char **out, strata_error *err)
{
	size_t i, len = 1, at = 0;

	for (i = 0; i < l->n; i++)
		len += strlen(l->v[i]) + 2;
	*out = cli_alloc(c, len, 1, err);
	if (!*out)
		return err->code;
	for (i = 0; i < l->n; i++)
		at += (size_t)snprintf(*out + at, len - at, "%s%s", i ? "\n\n" : "", l->v[i]);
	return STRATA_OK;
}

/* KEY=VALUE (what says so), split into copies that main frees. */
static int split_params(struct cli *c, const struct cli_list *l, const char *what,
			const strata_param **out, strata_error *err)
{
	size_t i, len = 1, at = 0;
	strata_param *p;
	char *text;

	if (!l->n)
		return STRATA_OK;
	p = cli_alloc(c, l->n, sizeof(*p), err);
	if (!p)
		return err->code;
	for (i = 0; i < l->n; i++)
		len += strlen(l->v[i]) + 1;
	text = cli_alloc(c, len, 1, err);
	if (!text)
		return err->code;
	for (i = 0; i < l->n; i++) {
		size_t n = strlen(l->v[i]) + 1, eq = strcspn(l->v[i], "=");

		if (eq == 0 || eq + 1 >= n)
			return cli_fail(err, STRATA_EUSAGE, "%s, not '%s'", what, l->v[i]);
		memcpy(text + at, l->v[i], n);
		text[at + eq] = 0;
		p[i] = (strata_param){ text + at, text + at + eq + 1 };
		at += n;
	}
	*out = p;
	return STRATA_OK;
}

struct draft {
	FILE *f; /* what the editor shows as comments */
	bool all, any;
	char *old;
};

static int take_message(void *arg, const strata_show_info *i)
{
	struct draft *d = arg;

	d->old = strdup(i->version.message);
	return 0;
}

static int take_begun(void *arg, const strata_merge_state *s)
{
	struct draft *d = arg;

	if (s->under_way)
		d->old = strdup(s->message);
	return 0;
}

static int list_change(void *arg, const strata_status_entry *en)
{
	struct draft *d = arg;
	char what = en->staged != ' ' || !d->all ? en->staged : en->worktree;

	if (what == ' ')
		return 0;
	d->any = true;
	fprintf(d->f, "\n  %s  ", what == 'A' ? "added  " : what == 'D' ? "removed" : "changed");
	name_put(d->f, en->path);
	return 0;
}

/* Nobody writes a message first and hears then that there was nothing to commit. */
static int list_changes(struct cli *c, const struct values *v, struct draft *d, strata_error *err)
{
	int rc;

	fputs(v->amend ? "The message of the version that replaces the last one.\n" :
			 "The message of the new version.\n",
	      d->f);
	rc = strata_status(c->repo, NULL, 0, STRATA_STATUS_NO_UNTRACKED | STRATA_STATUS_NO_TENSORS,
			   list_change, d, err);
	fputc('\n', d->f);
	if (rc == STRATA_OK && !d->any && !v->amend && !v->allow_empty)
		rc = cli_fail(err, STRATA_ENO,
			      "nothing to commit: 'strata add' stages changes, 'strata status' "
			      "shows them");
	return rc;
}

/* *text stays NULL where the old message is to stay, or that of the merge under way. */
static int edit(struct cli *c, const struct values *v, char **text, strata_error *err)
{
	struct draft d = { .all = v->all };
	char *comment = NULL;
	size_t len;
	int rc = STRATA_OK;

	*text = NULL;
	if (v->amend && (v->no_edit || !cli_can_edit()))
		return STRATA_OK;
	if (!v->amend && !cli_can_edit())
		rc = strata_merge_conflicts(c->repo, take_begun, NULL, &d, err);
	if (rc != STRATA_OK || d.old) {
		free(d.old);
		return rc;
	}
	d.f = open_memstream(&comment, &len);
	if (!d.f)
		return cli_fail(err, STRATA_ENOMEM, "out of memory");
	if (v->amend)
		rc = strata_show(c->repo, "HEAD", take_message, NULL, &d, err);
	else
		rc = strata_merge_conflicts(c->repo, take_begun, NULL, &d, err);
	if (rc == STRATA_OK)
		rc = list_changes(c, v, &d, err);
	fclose(d.f);
	if (rc == STRATA_OK)
		rc = cli_edit(c, d.old ? d.old : "", comment, text, err);
	free(d.old);
	free(comment);
	if (rc == STRATA_OK && !**text)
		rc = cli_fail(err, STRATA_ENO, "no message, no version");
	return rc;
}

static void show_tensors(const strata_tensor_counts *n)
{
	if (!n->added && !n->changed && !n->removed && !n->unchanged)
		return;
	printf("  tensors  %s changed, %s added, ", human_number(n->changed).s,
	       human_number(n->added).s);
	if (n->removed)
		printf("%s removed, ", human_number(n->removed).s);
	printf("%s unchanged\n", human_number(n->unchanged).s);
}

static void show_files(const strata_file_counts *n)
{
	printf("  files    %s changed, %s added", human_number(n->changed).s,
	       human_number(n->added).s);
	if (n->removed)
		printf(", %s removed", human_number(n->removed).s);
	fputc('\n', stdout);
}

static int take_parents(void *arg, const strata_version *v)
{
	*(bool *)arg = v->nparents > 0;
	return 0;
}

/* A ratio would credit storing with what the version shares with its parent. */
static void show_stored(struct cli *c, const strata_commit_result *r)
{
	const char *rev = r->commit;
	const strata_log_options o = { .revs = &rev, .nrevs = 1, .limit = 1 };
	strata_error none = { 0 };
	bool parents = true;

	if (strata_log(c->repo, &o, take_parents, &parents, &none) != STRATA_OK)
		parents = true;
	printf("  stored   %s", human_bytes(r->stored_bytes).s);
	if (parents)
		printf(" (the version holds %s)\n", human_bytes(r->logical_bytes).s);
	else if (r->stored_bytes)
		printf(" of %s (%s)\n", human_bytes(r->logical_bytes).s,
		       human_ratio(r->logical_bytes, r->stored_bytes).s);
	else
		printf(" of %s\n", human_bytes(r->logical_bytes).s);
}

static void show_text(struct cli *c, const strata_commit_result *r, const char *message)
{
	human id = human_id(r->commit);

	printf("%s%s%s %s%s%s  %s", color_on(c, COLOR_BOLD), r->version, color_off(c, COLOR_BOLD),
	       color_on(c, COLOR_ID), id.s, color_off(c, COLOR_ID),
	       *r->branch ? r->branch : "(HEAD is detached)");
	if (message) {
		fputs("  \"", stdout);
		fwrite(message, 1, strcspn(message, "\n"), stdout);
		fputc('"', stdout);
	}
	version_why(r->bump, r->why);
	fputc('\n', stdout);
	show_files(&r->files);
	show_tensors(&r->tensors);
	show_stored(c, r);
	if (!*r->branch)
		went_hint(c);
}

static void show_json(struct cli *c, const strata_commit_result *r)
{
	strata_json *j = c->json;

	strata_json_object(j);
	jk_text(j, "commit", r->commit);
	jk_text(j, "version", *r->version ? r->version : NULL);
	jk_text(j, "bump", version_bump_name(r->bump));
	jk_text(j, "why", r->why);
	jk_text(j, "branch", *r->branch ? r->branch : NULL);
	jk_files(j, "files", &r->files);
	jk_counts(j, "tensors", &r->tensors);
	jk_u64(j, "logical_bytes", r->logical_bytes);
	jk_u64(j, "stored_bytes", r->stored_bytes);
	strata_json_end_object(j);
	cli_emit(c);
}

static int commit(struct cli *c, const struct values *v, const char *message,
		  strata_commit_options *o, strata_error *err)
{
	strata_head_info head; /* of which the editor shows what there is to commit */
	strata_commit_result result;
	char *edited = NULL;
	int rc = STRATA_OK;

	if (!message) {
		o->expect = &head;
		rc = strata_head(c->repo, &head, err);
		if (rc == STRATA_OK)
			rc = strata_commit_check(c->repo, o, err);
		if (rc == STRATA_OK)
			rc = edit(c, v, &edited, err);
	}
	o->message = message ? message : edited;
	if (rc == STRATA_OK)
		rc = strata_commit(c->repo, o, &result, err);
	if (rc != STRATA_OK && edited)
		cli_edit_kept(c, err);
	if (rc == STRATA_OK && v->json)
		show_json(c, &result);
	else if (rc == STRATA_OK && !c->g.quiet)
		show_text(c, &result, o->message);
	free(edited);
	return rc;
}

static int prepare(struct cli *c, const struct values *v, strata_commit_options *o,
		   strata_error *err)
{
	int rc;

	*o = (strata_commit_options){
		.all = v->all,
		.amend = v->amend,
		.allow_empty = v->allow_empty,
		.fast = v->fast,
		.nparams = v->param.n,
		.config = v->config,
		.author = v->author,
		.nlineage = v->lineage.n,
	};
	rc = version_bump(c, v->bump, &o->bump, err);
	if (rc == STRATA_OK)
		rc = split_params(c, &v->param, "--param is KEY=VALUE", &o->params, err);
	return rc == STRATA_OK ?
		       split_params(c, &v->lineage, "--lineage is KIND=REV", &o->lineage, err) :
		       rc;
}

int cmd_commit(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct cli_args a;
	strata_commit_options o;
	char *message = NULL;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK && a.n)
		rc = cli_fail(err, STRATA_EUSAGE,
			      "commit takes no paths ('%s'): stage with 'strata add', then commit",
			      a.v[0]);
	if (rc == STRATA_OK)
		rc = prepare(c, &v, &o, err);
	if (rc == STRATA_OK && v.message.n)
		rc = join_messages(c, &v.message, &message, err);
	return rc == STRATA_OK ? commit(c, &v, message, &o, err) : rc;
}

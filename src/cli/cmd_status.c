/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/conflicts.h"
#include "cli/went.h"

struct values {
	bool brief, json, ignored, no_tensors;
	const char *untracked;
};

static const struct cli_option options[] = {
	{ 's', "short", OPT_FLAG, offsetof(struct values, brief), NULL,
	  "one line a file: two letters and the path" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL, "one JSON object a file" },
	{ 'u', "untracked", OPT_TEXT, offsetof(struct values, untracked), "WHICH",
	  "no, normal (if not said: directories as one line) or all" },
	{ 0, "ignored", OPT_FLAG, offsetof(struct values, ignored), NULL,
	  "also what .strataignore names" },
	{ 0, "no-tensors", OPT_FLAG, offsetof(struct values, no_tensors), NULL,
	  "do not look into changed model files" },
	{ 0 },
};

const struct cli_doc doc_status = {
	.args = "[PATH...]",
	.options = options,
	.text = "Shows what the next version will change (staged), what has changed since it was\n"
		"added, and which files are not tracked. Of a changed model it says how many\n"
		"tensors changed.\n"
		"\n"
		"The letters of --short are Git's: the first is the staged change, the second\n"
		"the one in the working tree; A added, M changed, D removed, T another type (a\n"
		"link for a file), ?? untracked, !! ignored.",
	.examples = "strata status\n"
		    "everything\n"
		    "strata status -s checkpoints\n"
		    "one line a file, below one directory\n",
};

struct entry {
	char *path;
	char staged, worktree;
	const char *mode;
	bool has_tensors;
	strata_tensor_counts tensors;
};

struct status {
	struct cli *c;
	struct entry *v;
	size_t n, cap;
	bool failed;
};

static int collect(void *arg, const strata_status_entry *en)
{
	struct status *s = arg;
	char *path = strdup(en->path);

	if (!path || !cli_grow(&s->v, &s->cap, s->n + 1, sizeof(*s->v))) {
		free(path);
		s->failed = true;
		return 1;
	}
	s->v[s->n++] = (struct entry){
		.path = path,
		.staged = en->staged,
		.worktree = en->worktree,
		.mode = en->mode,
		.has_tensors = en->has_tensors,
		.tensors = en->tensors,
	};
	return cli_stop(s->c);
}

static int show_short(void *arg, const strata_status_entry *en)
{
	struct status *s = arg;
	bool tracked = en->staged != '?' && en->staged != '!';

	printf("%s%c%s%s%c%s ", color_on(s->c, tracked ? COLOR_GOOD : COLOR_BAD), en->staged,
	       color_off(s->c, COLOR_GOOD), color_on(s->c, COLOR_BAD), en->worktree,
	       color_off(s->c, COLOR_BAD));
	name_put(stdout, en->path);
	fputc('\n', stdout);
	return cli_stop(s->c);
}

static const char *word(char letter)
{
	switch (letter) {
	case 'A':
		return "added";
	case 'M':
		return "changed";
	case 'D':
		return "removed";
	case 'T':
		return "retyped";
	default:
		return NULL;
	}
}

static const char *state_of(char staged, char worktree)
{
	if (staged == '?')
		return "untracked";
	if (staged == '!')
		return "ignored";
	if (staged != ' ' && worktree != ' ')
		return "staged-changed";
	return staged != ' ' ? "staged" : "changed";
}

static int show_json(void *arg, const strata_status_entry *en)
{
	struct status *s = arg;
	strata_json *j = s->c->json;

	strata_json_object(j);
	jk_name(j, "path", en->path);
	jk_text(j, "state", state_of(en->staged, en->worktree));
	jk_text(j, "staged", word(en->staged));
	jk_text(j, "worktree", word(en->worktree));
	jk_text(j, "kind", en->kind);
	if (en->has_tensors) {
		jk_counts(j, "tensors", &en->tensors);
	} else {
		strata_json_key(j, "tensors");
		strata_json_null(j);
	}
	strata_json_end_object(j);
	return cli_emit(s->c);
}

static void show_head(const struct cli *c, const strata_head_info *h)
{
	human id = human_id(h->commit);

	if (h->detached)
		printf("HEAD is detached at %s%s%s\n", h->version, *h->version ? " " : "", id.s);
	if (h->detached && !c->g.quiet)
		went_hint(c);
	if (h->detached)
		return;
	if (h->unborn)
		printf("On branch %s, no version yet\n", h->branch);
	else
		printf("On branch %s, at %s%s%s\n", h->branch, h->version, *h->version ? " " : "",
		       id.s);
}

struct section {
	const char *title, *hint;
	char (*letter)(const struct entry *en); /* ' ': not in this section */
	enum color color;
};

static char staged_letter(const struct entry *en)
{
	return word(en->staged) ? en->staged : ' ';
}

static char worktree_letter(const struct entry *en)
{
	return word(en->worktree) ? en->worktree : ' ';
}

static char untracked_letter(const struct entry *en)
{
	return en->staged == '?' ? '?' : ' ';
}

static char ignored_letter(const struct entry *en)
{
	return en->staged == '!' ? '!' : ' ';
}

static const struct section sections[] = {
	{ "Staged for the next version:", "strata restore --staged PATH... takes back",
	  staged_letter, COLOR_GOOD },
	{ "Changed, not staged:",
	  "strata add PATH... stages, strata restore PATH... discards the change", worktree_letter,
	  COLOR_BAD },
	{ "Untracked:", "strata add PATH... begins to track", untracked_letter, COLOR_BAD },
	{ "Ignored:", "strata add -f PATH... begins to track", ignored_letter, COLOR_DIM },
};

/* Of a file that is a model before and after, and is not the same. */
static void show_tensors(const struct entry *en)
{
	const strata_tensor_counts *n = &en->tensors;
	char tensors[160];

	if (en->mode)
		snprintf(tensors, sizeof(tensors), "%s",
			 strcmp(en->mode, "exec") == 0 ? "executable" : "no longer executable");
	else if (n->added || n->changed || n->removed)
		human_tensors(tensors, sizeof(tensors), n);
	else
		snprintf(tensors, sizeof(tensors), "configuration changed");
	printf("  (%s)", tensors);
}

static void show_entry(struct cli *c, const struct section *sec, const struct entry *en)
{
	const char *what = word(sec->letter(en));
	/* what is known of a file that is staged is how that differs from HEAD */
	bool told = en->staged == ' ' || sec->letter == staged_letter;

	printf("  %s", color_on(c, sec->color));
	if (what)
		printf("%-8s  ", what);
	name_put(stdout, en->path);
	fputs(color_off(c, sec->color), stdout);
	if (en->has_tensors && told && what && sec->letter(en) == 'M')
		show_tensors(en);
	fputc('\n', stdout);
}

static size_t show_section(struct status *s, const struct section *sec)
{
	size_t i, shown = 0;

	for (i = 0; i < s->n && !cli_stop(s->c); i++) {
		if (sec->letter(&s->v[i]) == ' ')
			continue;
		if (shown++ == 0) {
			printf("\n%s\n", sec->title);
			if (!s->c->g.quiet)
				printf("  %s(%s)%s\n", color_on(s->c, COLOR_DIM), sec->hint,
				       color_off(s->c, COLOR_DIM));
		}
		show_entry(s->c, sec, &s->v[i]);
	}
	return shown;
}

static int show_long(struct status *s, strata_error *err)
{
	strata_head_info head;
	size_t staged, changed, untracked;
	bool merging = false;
	int rc = strata_head(s->c->repo, &head, err);

	if (rc != STRATA_OK)
		return rc;
	show_head(s->c, &head);
	rc = conflicts_show(s->c, &merging, err);
	if (rc != STRATA_OK && rc != STRATA_ECORRUPT) /* of a merge that cannot be read all else */
		return rc;
	staged = show_section(s, &sections[0]);
	changed = show_section(s, &sections[1]);
	untracked = show_section(s, &sections[2]);
	show_section(s, &sections[3]);
	if (staged || merging || rc != STRATA_OK) /* how a merge goes on is said above */
		return rc;
	if (changed)
		puts("\nNothing is staged; 'strata commit -a' commits what changed.");
	else if (untracked)
		puts("\nNothing is staged, but there are untracked files.");
	else
		puts(head.unborn ? "Nothing here yet: 'strata add' files, then 'strata commit'." :
				   "Nothing to commit, the working tree is clean.");
	return rc;
}

static int flags_of(const struct values *v, unsigned *flags, strata_error *err)
{
	const char *u = v->untracked ? v->untracked : "normal";

	*flags = (v->ignored ? STRATA_STATUS_IGNORED : 0u) |
		 (v->no_tensors || v->brief ? STRATA_STATUS_NO_TENSORS : 0u);
	if (strcmp(u, "all") == 0)
		*flags |= STRATA_STATUS_ALL_UNTRACKED;
	else if (strcmp(u, "no") == 0)
		*flags |= STRATA_STATUS_NO_UNTRACKED;
	else if (strcmp(u, "normal") != 0)
		return cli_fail(err, STRATA_EUSAGE, "--untracked is no, normal or all, not '%s'",
				u);
	return STRATA_OK;
}

int cmd_status(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct status s = { .c = c };
	struct values v = { 0 };
	struct cli_args a;
	unsigned flags;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = flags_of(&v, &flags, err);
	if (rc != STRATA_OK)
		return rc;
	rc = strata_status(c->repo, a.v, a.n, flags,
			   v.json  ? show_json :
			   v.brief ? show_short :
				     collect,
			   &s, err);
	if (s.failed)
		rc = cli_fail(err, STRATA_ENOMEM, "out of memory");
	if (rc == STRATA_OK && v.json)
		rc = conflicts_json(c, err);
	if (rc == STRATA_OK && !v.json && !v.brief)
		rc = show_long(&s, err);
	while (s.n)
		free(s.v[--s.n].path);
	free(s.v);
	return rc;
}

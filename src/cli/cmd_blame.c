/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/diff_text.h"
#include "cli/steps.h"

#define WIDTH 80
#define BY_MAX 16

struct values {
	bool values, json;
	struct cli_list tensors;
};

static const struct cli_option options[] = {
	{ 0, "tensor", OPT_LIST, offsetof(struct values, tensors), "GLOB",
	  "only these tensors: a name or a glob; may be given several times" },
	{ 0, "values", OPT_FLAG, offsetof(struct values, values), NULL,
	  "by how much it changed them: D, the mean absolute difference, and L2" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL, "one JSON object a tensor" },
	{ 0 },
};

const struct cli_doc doc_blame = {
	.args = "PATH... [REV]",
	.options = options,
	.text = "For each tensor of the model files PATH, as they are in version REV (HEAD if not\n"
		"said): the version that last changed it, when and by whom. PATH may be a directory\n"
		"or a glob; '--' before it keeps it from being taken for a revision.\n"
		"\n"
		"A merge that took a tensor as one of its parents has it did not change it: blame\n"
		"goes on there, at the first such parent. It answers from the catalogue; only\n"
		"--values decodes tensors, those that are shown. D and L2 are against the first\n"
		"parent that has the tensor.",
	.examples = "strata blame model.safetensors\n"
		    "which version each tensor is from\n"
		    "strata blame model.safetensors v12 --tensor 'encoder.*' --values\n"
		    "some of version 12, and how far they moved then\n",
};

struct line {
	char *path, *name;
	size_t name_len;
	char version[64], date[16], by[64], mad[16], l2[16];
};

struct blame {
	struct cli *c;
	const struct values *v;
	struct line *lines;
	size_t n, cap;
	bool failed; /* out of memory */
};

static int show_json(void *arg, const strata_blame_line *l)
{
	struct blame *b = arg;
	strata_json *j = b->c->json;

	strata_json_object(j);
	step_json_name(j, &l->step);
	jk_text(j, "commit", l->commit);
	jk_text(j, "version", *l->version ? l->version : NULL);
	jk_text(j, "author", l->author);
	jk_text(j, "time", l->time);
	jk_text(j, "message", l->message);
	step_json_figures(j, &l->step);
	strata_json_end_object(j);
	return cli_emit(b->c);
}

static void fill(struct line *to, const strata_blame_line *l)
{
	const strata_diff_figures *f = l->step.figures;
	size_t by = strcspn(l->author, "<");

	while (by && l->author[by - 1] == ' ')
		by--;
	snprintf(to->version, sizeof(to->version), "%s",
		 *l->version ? l->version : human_id(l->commit).s);
	snprintf(to->date, sizeof(to->date), "%.10s", human_time(l->time).s);
	snprintf(to->by, sizeof(to->by), "%.*s", (int)diff_head(l->author, by, BY_MAX), l->author);
	snprintf(to->mad, sizeof(to->mad), "%.15s",
		 f			? diff_number(f->mad).s :
		 *l->step.status == 'a' ? "new" :
					  "-");
	snprintf(to->l2, sizeof(to->l2), "%.15s", f ? diff_number(f->l2).s : "-");
}

static int take(void *arg, const strata_blame_line *l)
{
	struct blame *b = arg;
	struct line *to;

	b->failed = !cli_grow(&b->lines, &b->cap, b->n + 1, sizeof(*to));
	if (b->failed)
		return 1;
	to = &b->lines[b->n++];
	*to = (struct line){ .path = strdup(l->step.path), .name_len = l->step.name_len };
	to->name = malloc(l->step.name_len + 1);
	b->failed = !to->path || !to->name;
	if (b->failed)
		return 1;
	memcpy(to->name, l->step.name, l->step.name_len + 1);
	fill(to, l);
	return cli_stop(b->c);
}

/* The name comes last and has what the other columns leave of the line. */
static size_t room_for_names(const struct blame *b)
{
	size_t version = strlen("version"), w, taken;

	for (size_t i = 0; i < b->n; i++) {
		w = strlen(b->lines[i].version);
		version = w > version ? w : version;
	}
	taken = version + 2 + 10 + 2 + (b->v->values ? 8 + 2 + 8 + 2 : BY_MAX + 2);
	return taken + 24 < WIDTH ? WIDTH - taken : 24;
}

static int print_file(struct blame *b, size_t first, size_t end, size_t room, strata_error *err)
{
	static const struct column columns[] = {
		{ "version", false, COLOR_BOLD }, { "date", false, COLOR_NONE },
		{ "by", false, COLOR_NONE },	  { "D", true, COLOR_NONE },
		{ "L2", true, COLOR_NONE },	  { "tensor", false, COLOR_NAME },
	};
	struct table t;
	int rc;

	name_put(stdout, b->lines[first].path);
	fputc('\n', stdout);
	table_init(&t, columns, 6);
	t.hidden = b->v->values ? 1U << 2 : 1U << 3 | 1U << 4;
	for (size_t i = first; i < end; i++) {
		const struct line *l = &b->lines[i];
		char *name = diff_short(l->name, l->name_len, room);

		table_text(&t, l->version);
		table_text(&t, l->date);
		table_name(&t, l->by, strlen(l->by));
		table_text(&t, l->mad);
		table_text(&t, l->l2);
		table_name(&t, name ? name : "", name ? strlen(name) : 0);
		t.failed = t.failed || !name;
		free(name);
	}
	rc = table_print(&t, b->c, err);
	table_release(&t);
	return rc;
}

static int print(struct blame *b, strata_error *err)
{
	size_t i, end, room = room_for_names(b);
	int rc = STRATA_OK;

	if (b->failed)
		return cli_fail(err, STRATA_ENOMEM, "out of memory for the listing");
	for (i = 0; rc == STRATA_OK && i < b->n; i = end) {
		for (end = i + 1; end < b->n; end++)
			if (strcmp(b->lines[end].path, b->lines[i].path) != 0)
				break;
		rc = print_file(b, i, end, room, err);
	}
	return rc;
}

static bool is_revision(struct cli *c, const char *word)
{
	strata_error none = { 0 };
	char commit[STRATA_HEX];

	return strata_resolve(c->repo, word, commit, &none) == STRATA_OK;
}

/* "REV:path" or "path::tensor"? */
static bool is_part(struct cli *c, const char *word)
{
	size_t n = strcspn(word, ":");
	char rev[256];

	if (!word[n] || word[n + 1] == ':' || n >= sizeof(rev))
		return word[n] != 0;
	snprintf(rev, sizeof(rev), "%.*s", (int)n, word);
	return is_revision(c, rev);
}

/* The last word of several may be a revision; before "--" there is nothing else. */
static int sort_out(struct cli *c, const struct cli_args *a, strata_blame_options *o,
		    strata_error *err)
{
	const char *last = a->n ? a->v[a->n - 1] : NULL;

	o->paths = a->v;
	o->npaths = a->n;
	for (size_t i = 0; i < a->n && !a->dashes; i++)
		if (!cli_is_file(a->v[i]) && is_part(c, a->v[i]))
			return cli_fail(err, STRATA_EUSAGE,
					"'%s': say the path, then a revision; --tensor chooses "
					"tensors",
					a->v[i]);
	if (a->n > 1 && !a->dashes && !cli_is_file(a->v[0]) && is_revision(c, a->v[0]))
		return cli_fail(err, STRATA_EUSAGE,
				"'%s' is a revision: it comes behind the path, or before '--'",
				a->v[0]);
	if (a->dashes) {
		if (a->before > 1)
			return cli_fail(err, STRATA_EUSAGE, "one revision at most");
		o->rev = a->before ? a->v[0] : NULL;
		o->paths += a->before;
		o->npaths -= a->before;
	} else if (a->n > 1 && is_revision(c, last)) {
		if (cli_is_file(last))
			return cli_fail(err, STRATA_EUSAGE,
					"'%s' is a revision and a file: put '--' before paths",
					last);
		o->rev = last;
		o->npaths--;
	}
	if (o->npaths == 0)
		return cli_fail(err, STRATA_EUSAGE, "which file? '.' is all of them");
	return STRATA_OK;
}

int cmd_blame(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	strata_blame_options o = { 0 };
	struct blame b = { .c = c, .v = &v };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = sort_out(c, &a, &o, err);
	if (rc != STRATA_OK)
		return rc;
	o.tensors = v.tensors.v;
	o.ntensors = v.tensors.n;
	o.values = v.values;
	cli_pager_start(c);
	rc = strata_blame(c->repo, &o, v.json ? show_json : take, &b, err);
	if (rc == STRATA_OK)
		rc = print(&b, err);
	for (size_t i = 0; i < b.n; i++) {
		free(b.lines[i].path);
		free(b.lines[i].name);
	}
	free(b.lines);
	return rc;
}

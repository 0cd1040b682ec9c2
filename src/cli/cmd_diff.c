/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/diff_html.h"
#include "cli/diff_json.h"
#include "cli/diff_text.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

struct values {
	bool staged, all, stat, names, rank, json, exit_code;
	struct cli_list tensors;
	const char *epsilon, *top, *html;
};

static const struct cli_option options[] = {
	{ 0, "staged", OPT_FLAG, offsetof(struct values, staged), NULL,
	  "what the next version will change: the index against HEAD, or against A" },
	{ 0, "cached", OPT_FLAG, offsetof(struct values, staged), NULL, "the same" },
	{ 0, "tensor", OPT_LIST, offsetof(struct values, tensors), "GLOB",
	  "only tensors of such names, and nothing else; may be repeated" },
	{ 0, "epsilon", OPT_TEXT, offsetof(struct values, epsilon), "E",
	  "mark tensors whose D is above E, and count them" },
	{ 'n', "top", OPT_TEXT, offsetof(struct values, top), "N",
	  "the N tensors that changed most, by D" },
	{ 0, "all", OPT_FLAG, offsetof(struct values, all), NULL, "unchanged tensors, too" },
	{ 0, "stat", OPT_FLAG, offsetof(struct values, stat), NULL,
	  "one line for each layer and each file" },
	{ 0, "name-only", OPT_FLAG, offsetof(struct values, names), NULL,
	  "the paths of files that differ, nothing else" },
	{ 0, "rank", OPT_FLAG, offsetof(struct values, rank), NULL,
	  "the share of rows that changed and the rank of the change, up to 64" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "one JSON object for each difference, and a summary" },
	{ 0, "html", OPT_TEXT, offsetof(struct values, html), "FILE",
	  "write a page with a heat map and a table that sorts" },
	{ 0, "exit-code", OPT_FLAG, offsetof(struct values, exit_code), NULL,
	  "exit with status 1 when anything differs" },
	{ 0 },
};

const struct cli_doc doc_diff = {
	.args = "[A [B]] [-- PATH...]",
	.options = options,
	.text = "Shows which tensors, settings and files differ, and by how much. Without A and B\n"
		"it compares the index with the working tree, with A alone the version A with the\n"
		"working tree. A and B may be versions, files of versions (REV:PATH), files and\n"
		"directories, in any mixture and in any formats; for files no repository is needed.\n"
		"A..B is A and B, A...B what B has changed since its history and A's parted. A\n"
		"model's index file stands for all its shards. REV:PATH::TENSOR is as REV:PATH with\n"
		"--tensor TENSOR.\n"
		"\n"
		"Of a tensor it shows the share of elements that changed; D, the mean of the\n"
		"absolute differences; the norm of the difference relative to A's (rel L2); the\n"
		"largest difference; and the cosine of both. M changed, R renamed, S reshaped,\n"
		"T another type, = unchanged; * with --epsilon: D is above it. Equal tensors of\n"
		"versions are known by their ids and not read. JSON and YAML files are compared\n"
		"by key, other text by line, everything else by size and id.\n"
		"\n"
		"Exit status 0, whether or not anything differs, unless --exit-code is given.",
	.examples = "strata diff\n"
		    "what changed since it was added\n"
		    "strata diff v1 v2 --stat\n"
		    "two versions, layer by layer\n"
		    "strata diff base.safetensors tuned.pt --top 10 --rank\n"
		    "two files: where most happened; is it a merged LoRA?\n"
		    "strata diff v1..v2 --html change.html -- model.safetensors\n"
		    "a page to look at\n",
};

/* ---- options ---- */

static int parse_options(const struct values *v, const struct cli_args *a, strata_diff_options *o,
			 uint64_t *top, strata_error *err)
{
	char *end;

	*o = (strata_diff_options){
		.tensors = v->tensors.v,
		.ntensors = v->tensors.n,
		.all = v->all || v->html, /* the heat map shows where nothing changed */
		.staged = v->staged,
		.names_only = v->names,
		.histogram = v->html != NULL,
		.rank = v->rank,
		.paths = a->v + a->before,
		.npaths = a->n - a->before,
	};
	errno = 0;
	if (v->epsilon)
		o->epsilon = strtod(v->epsilon, &end);
	if (v->epsilon &&
	    (!*v->epsilon || *end || !isfinite(o->epsilon) || o->epsilon < 0 || errno))
		return cli_fail(err, STRATA_EUSAGE, "--epsilon is a number of at least 0, not '%s'",
				v->epsilon);
	*top = UINT64_MAX;
	if (v->top && !parse_number(v->top, top))
		return cli_fail(err, STRATA_EUSAGE, "--top is a number of tensors, not '%s'",
				v->top);
	if (v->names && (v->json || v->stat || v->html || v->tensors.n))
		return cli_fail(err, STRATA_EUSAGE,
				"--name-only goes with no other form and with no --tensor");
	if (v->html && !*v->html)
		return cli_fail(err, STRATA_EUSAGE, "--html takes the name of a file");
	if (v->json && (v->stat || v->html))
		return cli_fail(err, STRATA_EUSAGE, "--json goes without --stat and --html");
	return STRATA_OK;
}

/* ---- forms ---- */

struct run {
	struct cli *c;
	const struct values *v;
	const strata_diff_options *o;
	const char *a, *b;
	uint64_t top;
	strata_error *err;
};

static int ask(const struct run *x, const strata_diff_handler *h, void *arg, strata_diff_total *t)
{
	return strata_diff(x->c->repo, x->a, x->b, x->o, &x->c->options, h, arg, t, x->err);
}

static int print_name(void *arg, const strata_diff_file *f)
{
	struct cli *c = arg;

	cli_progress_clear(c);
	name_put(stdout, f->path);
	fputc('\n', stdout);
	return cli_stop(c);
}

/* What comes while it is compared is printed at once. */
static int streamed(const struct run *x, strata_diff_total *t)
{
	static const strata_diff_handler names = { .file = print_name };
	int rc = ask(x, x->v->names ? &names : &diff_json, x->c, t);

	if (rc == STRATA_OK && x->v->json)
		diff_json_summary(x->c, t);
	return rc;
}

static void json_of(const struct run *x, const struct diff_collect *k)
{
	int stop = 0;

	for (size_t i = 0; !stop && i < k->nfiles; i++)
		stop = diff_json.file(x->c, &k->files[i]);
	for (size_t i = 0; !stop && i < k->nsettings; i++)
		stop = diff_json.setting(x->c, &k->settings[i]);
	for (size_t i = 0; !stop && i < k->ntensors; i++)
		stop = diff_json.tensor(x->c, &k->tensors[i]);
	if (!stop)
		diff_json_summary(x->c, &k->total);
}

/* The sides of "A..B" and "A...B", which come as one word; else NULL. */
static char *range_side(const char *word, bool of_a)
{
	const char *dots = word && access(word, F_OK) != 0 ? strstr(word, "..") : NULL;
	const char *b = dots ? dots + 2 + (dots[2] == '.') : NULL;
	char *a, *name = NULL;

	if (!dots || strncmp(word, "../", 3) == 0 || strncmp(word, "./", 2) == 0)
		return NULL;
	b = *b ? b : "HEAD";
	if (!of_a)
		return strdup(b);
	a = dots == word ? strdup("HEAD") : strndup(word, (size_t)(dots - word));
	if (dots[2] != '.')
		return a;
	if (a && asprintf(&name, "merge base of %s and %s", a, b) < 0)
		name = NULL;
	free(a);
	return name;
}

static const char *side_name(const struct run *x, bool of_a)
{
	if (of_a)
		return x->a ? x->a : x->v->staged ? "HEAD" : "the index";
	return x->b ? x->b : x->v->staged ? "the index" : "the working tree";
}

static int page_of(const struct run *x, const struct diff_collect *k)
{
	char *a = x->b ? NULL : range_side(x->a, true), *b = x->b ? NULL : range_side(x->a, false);
	const struct diff_page page = {
		.a = a ? a : side_name(x, true),
		.b = b ? b : side_name(x, false),
		.tensors = k->tensors,
		.ntensors = k->ntensors,
		.settings = k->settings,
		.nsettings = k->nsettings,
		.files = k->files,
		.nfiles = k->nfiles,
		.total = &k->total,
	};

	int rc = diff_html_write(&page, x->v->html, x->err);

	free(a);
	free(b);
	return rc;
}

/* The page has them all; the terminal shows them only if they were asked for. */
static void drop_unchanged(struct diff_collect *k)
{
	size_t n = 0;

	for (size_t i = 0; i < k->ntensors; i++)
		if (strcmp(k->tensors[i].status, "unchanged") != 0)
			k->tensors[n++] = k->tensors[i];
	k->ntensors = n;
}

/* This terminal or pipe, as /dev/stdout may be: the page is not followed by a text. */
static bool is_stdout(const char *file)
{
	struct stat a, b;

	return stat(file, &a) == 0 && !S_ISREG(a.st_mode) && fstat(STDOUT_FILENO, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int text_of(const struct run *x, struct diff_collect *k)
{
	const struct diff_view view = {
		.stat = x->v->stat,
		.sorted = x->v->top && !x->v->stat,
		.rank = x->v->rank,
		.all = x->v->all,
		.epsilon = x->v->epsilon != NULL,
	};
	int rc = STRATA_OK;

	if (x->v->html) {
		bool here = is_stdout(x->v->html);

		rc = page_of(x, k);
		if (rc != STRATA_OK)
			return rc;
		if (!x->v->all)
			drop_unchanged(k);
		if (here)
			return STRATA_OK;
	}
	if (x->v->top)
		diff_collect_top(k, x->top);
	cli_pager_start(x->c);
	return diff_text(k, &view, x->err);
}

static int collected(const struct run *x, strata_diff_total *t)
{
	struct diff_collect k;
	int rc;

	diff_collect_init(&k, x->c);
	rc = ask(x, &diff_collecting, &k, &k.total);
	if (rc == STRATA_OK && x->v->json)
		diff_collect_top(&k, x->top);
	if (k.failed)
		rc = cli_fail(x->err, STRATA_ENOMEM, "out of memory for the listing");
	if (rc == STRATA_OK && x->v->json)
		json_of(x, &k);
	else if (rc == STRATA_OK)
		rc = text_of(x, &k);
	if (rc == STRATA_OK && k.failed)
		rc = cli_fail(x->err, STRATA_ENOMEM, "out of memory for the listing");
	*t = k.total;
	diff_collect_release(&k);
	return rc;
}

int cmd_diff(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct run x = { .c = c, .err = err };
	strata_diff_total total = { 0 };
	strata_diff_options o;
	struct values v = { 0 };
	struct cli_args a;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = parse_options(&v, &a, &o, &x.top, err);
	if (rc == STRATA_OK && a.before > 2)
		rc = cli_fail(err, STRATA_EUSAGE,
			      "diff: '%s' is one too many: paths go behind '--'", a.v[2]);
	if (rc != STRATA_OK)
		return rc;
	x.v = &v;
	x.o = &o;
	x.a = a.before > 0 ? a.v[0] : NULL;
	x.b = a.before > 1 ? a.v[1] : NULL;
	rc = v.names || (v.json && !v.top) ? streamed(&x, &total) : collected(&x, &total);
	return rc == STRATA_OK && v.exit_code && total.differs ? STRATA_ENO : rc;
}

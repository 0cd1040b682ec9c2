/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/text.h"

#include <stdarg.h>

struct values {
	bool all, json;
	struct cli_list allow;
};

static const struct cli_option options[] = {
	{ 'a', "all", OPT_FLAG, offsetof(struct values, all), NULL,
	  "list what is safe, too, as -v does" },
	{ 0, "allow", OPT_LIST, offsetof(struct values, allow), "GLOB",
	  "take what matches module.name for safe; may be repeated" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL,
	  "one JSON object for what is found, then one a file" },
	{ 0 },
};

const struct cli_doc doc_scan = {
	.args = "FILE...",
	.options = options,
	.text = "Shows what a file would import and call if Python loaded it. Nothing of it is\n"
		"executed: the pickles of PyTorch, NumPy and joblib files and of plain ones are\n"
		"read as data. What only builds tensors and other data is safe; what is known for\n"
		"running code is dangerous; everything else is unknown, and yours to judge. The\n"
		"setting scan.allow holds globs, separated by blanks, of what you trust.\n"
		"\n"
		"Exit status 0: everything is safe, or there is no pickle. 1: loading the file\n"
		"could run code. 4: it cannot be read.",
	.examples = "strata scan checkpoint.pt\n"
		    "what is not safe, and a verdict\n"
		    "strata scan --all --allow 'mymodel.*' *.pt\n"
		    "everything, your own classes trusted\n"
		    "strata config scan.allow 'mymodel.* omegaconf.*'\n"
		    "the same for every scan and add in this repository\n",
};

enum {
	COL_VERDICT,
	COL_WHAT,
	COL_HOW,
	COL_WHERE,
	COL_WHY,
	NCOLS
};

static const struct column columns[NCOLS] = {
	[COL_VERDICT] = { NULL, false, COLOR_BOLD }, [COL_WHAT] = { NULL, false, COLOR_NAME },
	[COL_HOW] = { NULL, false, COLOR_NONE },     [COL_WHERE] = { NULL, false, COLOR_DIM },
	[COL_WHY] = { NULL, false, COLOR_NONE },
};

struct scan {
	struct cli *c;
	const struct values *v;
	struct table t;
};

/* Cells of text that a file has a share in. */
__attribute__((format(printf, 2, 3))) static void cell(struct table *t, const char *fmt, ...)
{
	char *s;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0) {
		t->failed = true;
		return;
	}
	table_name(t, s, (size_t)n);
	free(s);
}

/* Of the library's own text, in which names are quoted; nothing of it may move the cursor. */
static void reason(struct table *t, const char *why)
{
	char text[1024];
	size_t i;

	snprintf(text, sizeof(text), "%s", why);
	for (i = 0; text[i]; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
	table_text(t, text);
}

static int text_find(void *arg, const strata_scan_find *f)
{
	struct scan *s = arg;
	struct table *t = &s->t;
	bool global = *f->module || *f->name;

	if (strcmp(f->verdict, "safe") == 0 && !s->v->all && !s->c->g.verbose)
		return cli_stop(s->c);
	table_text(t, f->verdict);
	if (global)
		cell(t, "%s.%s", f->module, f->name);
	else
		table_text(t, "-");
	table_text(t, f->called ? "calls" : global ? "imports" : "-");
	cell(t, "%s%sat %" PRIu64, f->member, *f->member ? " " : "", f->offset);
	reason(t, f->why);
	return cli_stop(s->c);
}

static int json_find(void *arg, const strata_scan_find *f)
{
	struct scan *s = arg;
	strata_json *j = s->c->json;

	strata_json_object(j);
	jk_text(j, "kind", "find");
	jk_name(j, "path", f->path);
	if (*f->member)
		jk_name(j, "member", f->member);
	else
		jk_text(j, "member", NULL);
	jk_text(j, "module", *f->module ? f->module : NULL);
	jk_text(j, "name", *f->name ? f->name : NULL);
	jk_u64(j, "offset", f->offset);
	jk_bool(j, "called", f->called);
	jk_text(j, "verdict", f->verdict);
	jk_text(j, "why", *f->why ? f->why : NULL);
	strata_json_end_object(j);
	return cli_emit(s->c);
}

static const char *verdict_of(const strata_scan_result *r)
{
	return r->dangerous ? "dangerous" : r->unknown ? "unknown" : "safe";
}

static void json_summary(struct cli *c, const char *path, const strata_scan_result *r,
			 const char *problem)
{
	strata_json *j = c->json;

	strata_json_object(j);
	jk_text(j, "kind", "summary");
	jk_name(j, "path", path);
	jk_u64(j, "pickles", r->pickles);
	jk_u64(j, "safe", r->safe);
	jk_u64(j, "unknown", r->unknown);
	jk_u64(j, "dangerous", r->dangerous);
	jk_text(j, "verdict", problem ? NULL : verdict_of(r));
	jk_text(j, "problem", problem);
	strata_json_end_object(j);
	cli_emit(c);
}

static void text_counts(const strata_scan_result *r)
{
	const char *sep = ": ";

	if (r->dangerous) {
		printf("%s%s dangerous", sep, human_number(r->dangerous).s);
		sep = ", ";
	}
	if (r->unknown) {
		printf("%s%s unknown", sep, human_number(r->unknown).s);
		sep = ", ";
	}
	if (r->safe)
		printf("%s%s safe", sep, human_number(r->safe).s);
	if (r->pickles)
		printf(" in %s pickle%s", human_number(r->pickles).s, plural(r->pickles));
}

static void text_summary(struct cli *c, const char *path, const strata_scan_result *r,
			 const char *problem)
{
	bool bad = problem || r->dangerous || r->unknown;
	enum color paint = bad ? COLOR_BAD : COLOR_GOOD;

	if (c->g.quiet && !bad)
		return;
	name_put(stdout, path);
	printf(": %s%s%s", color_on(c, paint),
	       problem	    ? "could not be read" :
	       r->dangerous ? "loading it could run code" :
	       r->unknown   ? "not known to be harmless" :
	       r->pickles   ? "builds data only" :
			      "no pickle in it",
	       color_off(c, paint));
	if (!problem)
		text_counts(r);
	fputc('\n', stdout);
}

/* *bad: it could run code. */
static int one(struct scan *s, const char *path, bool *bad, strata_error *err)
{
	const strata_scan_options o = { .allow = s->v->allow.v, .nallow = s->v->allow.n };
	strata_scan_result r = { 0 };
	strata_error late = { 0 };
	const char *problem;
	int rc;

	table_init(&s->t, columns, NCOLS);
	rc = strata_scan(s->c->repo, path, &o, &s->c->options, s->v->json ? json_find : text_find,
			 s, &r, err);
	problem = rc == STRATA_EFORMAT || rc == STRATA_ELIMIT ? err->message : NULL;
	*bad = *bad || r.dangerous || r.unknown;
	if (!s->v->json && (rc == STRATA_OK || problem) &&
	    table_print(&s->t, s->c, &late) != STRATA_OK && rc == STRATA_OK) {
		*err = late;
		rc = late.code;
	}
	table_release(&s->t);
	if ((rc == STRATA_OK || problem) && !cli_stop(s->c)) {
		if (s->v->json)
			json_summary(s->c, path, &r, problem);
		else
			text_summary(s->c, path, &r, problem);
	}
	return rc;
}

/* A file that cannot be read does not keep the next ones from being looked at. */
int cmd_scan(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct scan s = { .c = c, .v = &v };
	strata_error first = { 0 };
	struct cli_args a;
	bool bad = false;
	size_t i;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, SIZE_MAX, err);
	for (i = 0; rc == STRATA_OK && i < a.n && !cli_stop(c); i++) {
		rc = one(&s, a.v[i], &bad, err);
		if (rc != STRATA_EFORMAT && rc != STRATA_ELIMIT)
			continue;
		if (first.code == STRATA_OK)
			first = *err;
		rc = STRATA_OK;
	}
	if (rc == STRATA_OK && first.code != STRATA_OK) {
		*err = first;
		rc = first.code;
	}
	if (bad && (rc == STRATA_OK || rc == first.code)) {
		err->exit_status = strata_code_exit(STRATA_ENO);
		rc = STRATA_ENO;
	}
	return rc;
}

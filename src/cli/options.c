/* SPDX-License-Identifier: Apache-2.0 */
/* The one parser of command lines; help, manual pages and completion read the same tables. */
#include "cli/cli.h"

#include <ctype.h>

const struct cli_option cli_global_options[] = {
	{ 'C', NULL, OPT_LIST, offsetof(struct cli_globals, dirs), "DIR",
	  "work as if started in DIR" },
	{ 0, "repo", OPT_TEXT, offsetof(struct cli_globals, repo), "DIR",
	  "the repository's .strata directory, or the one that holds it" },
	{ 'q', "quiet", OPT_FLAG, offsetof(struct cli_globals, quiet), NULL,
	  "results and errors only" },
	{ 'v', "verbose", OPT_FLAG, offsetof(struct cli_globals, verbose), NULL,
	  "say more; with errors, where in the source they arose" },
	{ 0, "jobs", OPT_TEXT, offsetof(struct cli_globals, jobs), "N",
	  "threads; as many as processors if not said" },
	{ 0, "memory", OPT_TEXT, offsetof(struct cli_globals, memory), "SIZE",
	  "memory for buffers, as 512M (if not said) or 2G" },
	{ 0, "color", OPT_TEXT, offsetof(struct cli_globals, color), "WHEN",
	  "auto (if not said), always or never" },
	{ 'h', "help", OPT_FLAG, offsetof(struct cli_globals, help), NULL, "explain the command" },
	{ 0, "version", OPT_FLAG, offsetof(struct cli_globals, version), NULL,
	  "show the version of strata" },
	{ 0 },
};

struct parser {
	struct cli *c;
	const struct cli_option *own; /* the command's, or NULL */
	void *values;		      /* where they go */
	int argc, at;
	char **argv;
	strata_error *err;
};

static const struct cli_option *find(const struct cli_option *o, char letter, const char *name,
				     size_t len)
{
	for (; o && (o->name || o->letter); o++) {
		if (name ? o->name && strlen(o->name) == len && memcmp(o->name, name, len) == 0 :
			   o->letter == letter)
			return o;
	}
	return NULL;
}

/* -C, --repo and --version belong before the command: a later one would come too late. */
static bool anywhere(const struct cli_option *o)
{
	return o->letter != 'C' &&
	       !(o->name && (strcmp(o->name, "repo") == 0 || strcmp(o->name, "version") == 0));
}

static const struct cli_option *lookup(struct parser *p, char letter, const char *name, size_t len,
				       void **values)
{
	const struct cli_option *o = find(p->own, letter, name, len);

	*values = p->values;
	if (o)
		return o;
	*values = &p->c->g;
	o = find(cli_global_options, letter, name, len);
	return o && p->c->command && !anywhere(o) ? NULL : o;
}

static const char *see_help(const struct parser *p, char *out, size_t room)
{
	snprintf(out, room, "%s%s", p->c->command ? "strata help " : "strata help",
		 p->c->command ? p->c->command->name : "");
	return out;
}

static int unknown(struct parser *p, const char *name, size_t len)
{
	const char *names[64], *near;
	const struct cli_option *o;
	char word[64], help[64];
	size_t n = 0;

	for (o = p->own; o && (o->name || o->letter) && n < 48; o++)
		if (o->name)
			names[n++] = o->name;
	for (o = cli_global_options; o->name || o->letter; o++)
		if (o->name && (!p->c->command || anywhere(o)))
			names[n++] = o->name;
	snprintf(word, sizeof(word), "%.*s", (int)(len < 60 ? len : 60), name);
	near = strata_nearest(word, names, n);
	see_help(p, help, sizeof(help));
	if (near)
		return cli_fail(p->err, STRATA_EUSAGE,
				"unknown option --%s; did you mean --%s? ('%s' lists all)", word,
				near, help);
	return cli_fail(p->err, STRATA_EUSAGE, "unknown option --%s ('%s' lists all)", word, help);
}

static int store(struct parser *p, const struct cli_option *o, void *values, const char *value)
{
	char *at = (char *)values + o->at;
	struct cli_list *l = (struct cli_list *)(void *)at;

	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)(void *)at = true;
		break;
	case OPT_TEXT:
		*(const char **)(void *)at = value;
		break;
	case OPT_LIST:
		if (!l->v)
			l->v = cli_alloc(p->c, (size_t)p->argc, sizeof(*l->v), p->err);
		if (!l->v)
			return p->err->code;
		l->v[l->n++] = value;
		break;
	}
	return STRATA_OK;
}

static int next_value(struct parser *p, const char *shown, const char **value)
{
	if (p->at + 1 >= p->argc)
		return cli_fail(p->err, STRATA_EUSAGE, "%s needs a value", shown);
	*value = p->argv[++p->at];
	return STRATA_OK;
}

static int long_option(struct parser *p, const char *word)
{
	const char *name = word + 2, *eq = strchr(name, '='), *value = eq ? eq + 1 : NULL;
	size_t len = eq ? (size_t)(eq - name) : strlen(name);
	const struct cli_option *o;
	void *values;
	int rc = STRATA_OK;

	o = lookup(p, 0, name, len, &values);
	if (!o)
		return unknown(p, name, len);
	if (o->kind == OPT_FLAG && value)
		return cli_fail(p->err, STRATA_EUSAGE, "--%s takes no value", o->name);
	if (o->kind != OPT_FLAG && !value)
		rc = next_value(p, word, &value);
	return rc == STRATA_OK ? store(p, o, values, value) : rc;
}

/* -abc, -nVALUE, -n VALUE, and -5 for -n 5. */
static int short_options(struct parser *p, const char *word)
{
	const char *at = word + 1, *value;
	const struct cli_option *o;
	char shown[3] = { '-', 0, 0 }, help[64];
	void *values;
	int rc = STRATA_OK;

	if (isdigit((unsigned char)*at) && (o = find(p->own, 'n', NULL, 0)) && o->kind == OPT_TEXT)
		return store(p, o, p->values, at);
	for (; rc == STRATA_OK && *at; at++) {
		shown[1] = *at;
		o = lookup(p, *at, NULL, 0, &values);
		if (!o)
			return cli_fail(p->err, STRATA_EUSAGE,
					"unknown option -%c ('%s' lists all)", *at,
					see_help(p, help, sizeof(help)));
		if (o->kind == OPT_FLAG) {
			rc = store(p, o, values, NULL);
			continue;
		}
		value = at + 1;
		if (!*value)
			rc = next_value(p, shown, &value);
		return rc == STRATA_OK ? store(p, o, values, value) : rc;
	}
	return rc;
}

static int one_option(struct parser *p)
{
	const char *word = p->argv[p->at];

	return word[1] == '-' ? long_option(p, word) : short_options(p, word);
}

int cli_parse_globals(struct cli *c, int argc, char **argv, int *at, strata_error *err)
{
	struct parser p = { .c = c, .argc = argc, .argv = argv, .at = 1, .err = err };
	int rc = STRATA_OK;

	for (; rc == STRATA_OK && p.at < argc; p.at++) {
		if (argv[p.at][0] != '-' || argv[p.at][1] == 0)
			break;
		rc = one_option(&p);
	}
	*at = p.at;
	return rc;
}

static int parse(struct parser *p, struct cli_args *a)
{
	int rc = STRATA_OK;

	a->v = cli_alloc(p->c, (size_t)p->argc, sizeof(*a->v), p->err);
	if (!a->v)
		return p->err->code;
	for (p->at = 1; rc == STRATA_OK && p->at < p->argc; p->at++) {
		const char *word = p->argv[p->at];

		if (a->dashes || word[0] != '-' || word[1] == 0) {
			a->v[a->n++] = word;
		} else if (strcmp(word, "--") == 0) {
			a->dashes = true;
			a->before = a->n;
		} else {
			rc = one_option(p);
		}
	}
	if (!a->dashes)
		a->before = a->n;
	return rc;
}

static int open_repo(struct cli *c, strata_error *err)
{
	int rc;

	if (c->command->need == NEED_NOTHING)
		return STRATA_OK;
	rc = strata_open(&c->repo, NULL, c->g.repo, &c->options, err);
	if (rc == STRATA_ENOREPO && c->command->need == MAY_REPO && !c->g.repo) {
		*err = (strata_error){ 0 };
		return STRATA_OK;
	}
	return rc;
}

int cli_begin(struct cli *c, struct cli_args *a, void *values, int argc, char **argv,
	      strata_error *err)
{
	struct parser p = {
		.c = c,
		.own = c->command->doc->options,
		.values = values,
		.argc = argc,
		.argv = argv,
		.err = err,
	};
	int rc;

	*a = (struct cli_args){ 0 };
	rc = parse(&p, a);
	if (rc == STRATA_OK && c->g.help)
		return STRATA_ENO; /* main shows it */
	if (rc == STRATA_OK)
		rc = cli_apply_globals(c, err);
	return rc == STRATA_OK ? open_repo(c, err) : rc;
}

int cli_count(struct cli *c, const struct cli_args *a, size_t min, size_t max, strata_error *err)
{
	if (a->n < min)
		return cli_fail(err, STRATA_EUSAGE, "%s: %s is missing ('strata help %s')",
				c->command->name, c->command->doc->args, c->command->name);
	if (a->n > max)
		return cli_fail(err, STRATA_EUSAGE, "%s: '%s' is one argument too many",
				c->command->name, a->v[max]);
	return STRATA_OK;
}

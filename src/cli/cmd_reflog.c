/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/versions.h"

struct values {
	bool json;
	const char *limit;
};

static const struct cli_option options[] = {
	{ 'n', "limit", OPT_TEXT, offsetof(struct values, limit), "N", "at most N moves; also -5" },
	{ 0, "json", OPT_FLAG, offsetof(struct values, json), NULL, "one JSON object a move" },
	{ 0 },
};

const struct cli_doc doc_reflog = {
	.args = "[REF]",
	.options = options,
	.text = "Shows where a branch or tag has been, newest first: the version that it was\n"
		"moved to, when, by whom and by which command. Without REF it is HEAD, which\n"
		"moves with its branch.\n"
		"\n"
		"The moves come from the operation log, which nothing takes anything out of:\n"
		"also a version that no branch leads to any more is found here, and so is a\n"
		"branch that was deleted.",
	.examples = "strata reflog\n"
		    "where HEAD has been\n"
		    "strata reflog -3 main\n"
		    "the last three moves of a branch\n",
};

static void show_text(struct cli *c, const strata_ref_move *m)
{
	const char *name = strchr(m->ref, '/');
	human id = human_id(m->commit ? m->commit : "-"), when = human_time(m->time);

	printf("%s%-*s%s %s%-5s%s ", color_on(c, COLOR_ID), CLI_ID, id.s, color_off(c, COLOR_ID),
	       color_on(c, COLOR_BOLD), *m->version ? m->version : "-", color_off(c, COLOR_BOLD));
	fputs(color_on(c, COLOR_NAME), stdout);
	cli_put_safe(stdout, name ? name + 1 : m->ref);
	printf("@{%" PRIu64 "}%s  %s  ", m->index, color_off(c, COLOR_NAME), when.s);
	cli_put_safe(stdout, m->who);
	fputs("  ", stdout);
	safe_line(m->why);
}

static void show_json(strata_json *j, const strata_ref_move *m)
{
	strata_json_object(j);
	jk_text(j, "ref", m->ref);
	jk_u64(j, "index", m->index);
	jk_u64(j, "operation", m->operation);
	jk_text(j, "old", m->old_commit);
	jk_text(j, "new", m->commit);
	jk_text(j, "version", *m->version ? m->version : NULL);
	jk_text(j, "time", m->time);
	jk_text(j, "who", m->who);
	jk_text(j, "verb", m->verb);
	jk_text(j, "why", m->why);
	strata_json_end_object(j);
}

struct reflog {
	struct cli *c;
	bool json;
};

static int show(void *arg, const strata_ref_move *m)
{
	struct reflog *l = arg;

	if (l->json) {
		show_json(l->c->json, m);
		return cli_emit(l->c);
	}
	show_text(l->c, m);
	return cli_stop(l->c);
}

static int show_none(void *arg, const strata_ref_move *m)
{
	(void)arg;
	(void)m;
	return 1;
}

int cmd_reflog(struct cli *c, int argc, char **argv, strata_error *err)
{
	struct values v = { 0 };
	struct reflog l = { .c = c };
	struct cli_args a;
	uint64_t limit = 0;
	int rc = cli_begin(c, &a, &v, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 1, err);
	if (rc == STRATA_OK && v.limit && !parse_number(v.limit, &limit))
		rc = cli_fail(err, STRATA_EUSAGE, "-n is a number, not '%s'", v.limit);
	if (rc != STRATA_OK)
		return rc;
	l.json = v.json;
	cli_pager_start(c);
	/* To the library, a limit of 0 is none. */
	rc = strata_reflog(c->repo, a.n ? a.v[0] : NULL, limit,
			   v.limit && !limit ? show_none : show, &l, err);
	return err->code != STRATA_OK ? err->code : rc;
}

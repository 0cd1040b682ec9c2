/* SPDX-License-Identifier: Apache-2.0 */
/* The manual pages, from the tables that help and the parser use. */
#include "cli/commands.h"

#include <errno.h>
#include <limits.h>

const struct cli_doc doc_debug_man = {
	.args = "DIR",
	.options = NULL,
	.text = "Writes strata.1 and one strata-COMMAND.1 a command into DIR.",
	.examples = "",
};

/* n bytes of text as groff wants them: no request at a line's start, hyphens that can be copied. */
static void put(FILE *f, const char *s, size_t n)
{
	size_t i;

	if (n && (s[0] == '.' || s[0] == '\''))
		fputs("\\&", f);
	for (i = 0; i < n; i++) {
		if (s[i] == '\\')
			fputs("\\e", f);
		else if (s[i] == '-')
			fputs("\\-", f);
		else
			fputc(s[i], f);
	}
}

static void line(FILE *f, const char *macro, const char *s, size_t n)
{
	fputs(macro, f);
	put(f, s, n);
	fputc('\n', f);
}

/* Paragraphs; lines that begin with a blank stay as they are. */
static void text(FILE *f, const char *s)
{
	bool verbatim = false;
	size_t n;

	for (; *s; s += n + (s[n] == '\n')) {
		n = strcspn(s, "\n");
		if ((n && *s == ' ') != verbatim) {
			verbatim = !verbatim;
			fputs(verbatim ? ".nf\n" : ".fi\n", f);
		}
		if (n == 0)
			fputs(".PP\n", f);
		else
			line(f, "", s, n);
	}
	if (verbatim)
		fputs(".fi\n", f);
}

static void heading(FILE *f, const char *name, const char *about)
{
	fputs(".\\\" Made by 'strata debug-man' from the tables in src/cli: change those, then 'make docs'.\n",
	      f);
	fprintf(f, ".TH \"%s\" \"1\" \"\" \"strata %s\" \"strata manual\"\n.SH NAME\n", name,
		strata_version_string());
	put(f, name, strlen(name));
	fputs(" \\- ", f);
	put(f, about, strlen(about));
	fputs("\n.SH SYNOPSIS\n", f);
}

static void options(FILE *f, const char *title, const struct cli_option *o)
{
	char name[128];

	if (!o || !(o->name || o->letter))
		return;
	fprintf(f, ".SH %s\n", title);
	for (; o->name || o->letter; o++) {
		fputs(".TP\n", f);
		line(f, "", name, cli_option_text(name, sizeof(name), o));
		line(f, "", o->about, strlen(o->about));
	}
}

static void examples(FILE *f, const char *s)
{
	bool command = true;
	size_t n;

	if (!*s)
		return;
	fputs(".SH EXAMPLES\n", f);
	for (; *s; s += n + (s[n] == '\n')) {
		n = strcspn(s, "\n");
		fputs(command ? ".TP\n.B " : "", f);
		line(f, "", s, n);
		command = !command;
	}
}

static void synopsis(FILE *f, const struct cli_command *cmd)
{
	char *s = NULL;
	size_t len = 0;
	FILE *m = open_memstream(&s, &len);

	if (!m)
		return;
	cli_synopsis(m, cmd);
	fclose(m);
	line(f, "", s, len);
	free(s);
}

static void command_page(FILE *f, const struct cli_command *cmd)
{
	char name[64];

	snprintf(name, sizeof(name), "strata-%s", cmd->name);
	heading(f, name, cmd->about);
	synopsis(f, cmd);
	fputs(".SH DESCRIPTION\n", f);
	text(f, cmd->doc->text);
	options(f, "OPTIONS", cmd->doc->options);
	examples(f, cmd->doc->examples);
	fputs(".SH SEE ALSO\n.BR strata (1)\n", f);
}

static const char about_strata[] =
	"strata keeps every version of a model: files go in, any version comes back byte for\n"
	"byte, and a version costs what it changed. It looks into model files, stores each\n"
	"tensor once under its hash, and a changed tensor as what differs from its ancestor.\n"
	"\n"
	"Git's verbs mean what they mean in Git. Results go to standard output, everything\n"
	"else to standard error. Options may follow arguments; '--' ends them.\n";

static const char exit_statuses[] =
	".TP\n0\ndone\n"
	".TP\n1\nthe answer is no: nothing to commit, faults found\n"
	".TP\n2\nusage, or a revision, path or glob that matches nothing\n"
	".TP\n3\nnot a repository\n"
	".TP\n4\na bad input file, or one that changed while it was read\n"
	".TP\n5\ninput or output failed, or stored data is damaged\n"
	".TP\n6\na limit was reached, or memory\n"
	".TP\n7\nrefused: it would lose work, or is not permitted\n"
	".TP\n8\nnetwork\n"
	".TP\n9\na bug in strata\n"
	".TP\n10\nbusy: locked, or a branch moved; try again\n";

static const char environment[] =
	".TP\nSTRATA_DIR\nas \\-\\-repo\n"
	".TP\nSTRATA_JOBS\nas \\-\\-jobs\n"
	".TP\nSTRATA_MEMORY\nas \\-\\-memory\n"
	".TP\nSTRATA_AUTHOR\nwho makes versions: NAME <MAIL>\n"
	".TP\nSTRATA_EDITOR, VISUAL, EDITOR\nthe editor for messages, the first that is set\n"
	".TP\nNO_COLOR\nno colours\n"
	".TP\nPAGER\nshows log and show on a terminal\n";

static void main_page(FILE *f)
{
	const struct cli_command *cmd;
	enum cli_group g = GROUP_HIDDEN;

	heading(f, "strata", "version control for neural networks");
	fputs("strata [options] COMMAND [arguments]\n.SH DESCRIPTION\n", f);
	text(f, about_strata);
	fputs(".SH COMMANDS\n", f);
	for (cmd = cli_commands; cmd->name && cmd->group != GROUP_HIDDEN; cmd++) {
		if (cmd->group != g)
			fprintf(f, ".SS %s\n", cli_group_title(cmd->group));
		g = cmd->group;
		fprintf(f, ".TP\n.BR strata\\-%s (1)\n", cmd->name);
		line(f, "", cmd->about, strlen(cmd->about));
	}
	options(f, "OPTIONS", cli_global_options);
	fprintf(f, ".SH EXIT STATUS\n%s.SH ENVIRONMENT\n%s", exit_statuses, environment);
	fputs(".SH FILES\n.TP\n\\&.strata\nthe repository, in the directory it versions\n"
	      ".TP\n\\&.strataignore\nwhat not to track, in gitignore's grammar\n"
	      ".TP\n~/.config/strata/config\nyour settings\n",
	      f);
}

static int page(const char *dir, const struct cli_command *cmd, strata_error *err)
{
	char path[PATH_MAX];
	FILE *f;
	int n;

	n = snprintf(path, sizeof(path), "%s/strata%s%s.1", dir, cmd ? "-" : "",
		     cmd ? cmd->name : "");
	if (n < 0 || (size_t)n >= sizeof(path))
		return cli_fail(err, STRATA_EUSAGE, "the path is too long");
	f = fopen(path, "we");
	if (!f)
		return cli_fail(err, STRATA_EIO, "%s: %s", path, strerror(errno));
	if (cmd)
		command_page(f, cmd);
	else
		main_page(f);
	if (fclose(f) != 0)
		return cli_fail(err, STRATA_EIO, "%s: %s", path, strerror(errno));
	return STRATA_OK;
}

int cmd_debug_man(struct cli *c, int argc, char **argv, strata_error *err)
{
	const struct cli_command *cmd;
	struct cli_args a;
	int rc = cli_begin(c, &a, NULL, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 1, 1, err);
	if (rc == STRATA_OK)
		rc = page(a.v[0], NULL, err);
	for (cmd = cli_commands; rc == STRATA_OK && cmd->name; cmd++)
		if (cmd->group != GROUP_HIDDEN)
			rc = page(a.v[0], cmd, err);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#define INDENT 26

size_t cli_option_text(char *out, size_t room, const struct cli_option *o)
{
	char letter[4] = "";
	int n;

	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c", o->letter);
	n = snprintf(out, room, "%s%s%s%s%s%s", letter, o->letter && o->name ? ", " : "",
		     o->name ? "--" : "", o->name ? o->name : "",
		     o->value ? o->name ? "=" : " " : "", o->value ? o->value : "");
	return n > 0 ? (size_t)n : 0;
}

static void one_synopsis_option(FILE *f, const struct cli_option *o)
{
	if (o->letter && o->name)
		fprintf(f, " [-%c%s%s|--%s%s%s]", o->letter, o->value ? " " : "",
			o->value ? o->value : "", o->name, o->value ? "=" : "",
			o->value ? o->value : "");
	else if (o->name)
		fprintf(f, " [--%s%s%s]", o->name, o->value ? "=" : "", o->value ? o->value : "");
	else
		fprintf(f, " [-%c%s%s]", o->letter, o->value ? " " : "", o->value ? o->value : "");
}

void cli_synopsis(FILE *f, const struct cli_command *cmd)
{
	const struct cli_option *o;

	fprintf(f, "strata %s", cmd->name);
	for (o = cmd->doc->options; o && (o->name || o->letter); o++)
		one_synopsis_option(f, o);
	if (*cmd->doc->args)
		fprintf(f, " %s", cmd->doc->args);
}

static void options(FILE *f, const struct cli_option *o)
{
	char text[128];
	size_t n;

	for (; o && (o->name || o->letter); o++) {
		n = cli_option_text(text, sizeof(text), o);
		if (n + 4 > INDENT)
			fprintf(f, "  %s\n%*s%s\n", text, INDENT, "", o->about);
		else
			fprintf(f, "  %-*s%s\n", INDENT - 2, text, o->about);
	}
}

static void title(struct cli *c, FILE *f, const char *s)
{
	enum color k = f == stdout ? COLOR_BOLD : COLOR_NONE;

	fprintf(f, "\n%s%s%s\n", color_on(c, k), s, color_off(c, k));
}

/* Pairs of lines: a command, and what it does. */
static void examples(FILE *f, const char *s)
{
	bool command = true;
	size_t n;

	for (; *s; s += n + (s[n] == '\n')) {
		n = strcspn(s, "\n");
		fprintf(f, "%s%.*s\n", command ? "  " : "      ", (int)n, s);
		command = !command;
	}
}

/* Broken between options, where a blank is followed by '['. */
static void wrapped_synopsis(FILE *f, const struct cli_command *cmd)
{
	size_t len = 0, at = 2, n;
	char *s = NULL, *p;
	FILE *m = open_memstream(&s, &len);

	if (!m)
		return;
	cli_synopsis(m, cmd);
	fclose(m);
	fputs("  ", f);
	for (p = s; *p; p += n) {
		for (n = 1; p[n] && !(p[n] == ' ' && (p[n + 1] == '[' || p[n - 1] == ']')); n++)
			continue;
		if (p != s && at + n > 78) {
			at = (size_t)fprintf(f, "\n%*s", (int)strlen(cmd->name) + 9, "") - 1;
			at += (size_t)fprintf(f, "%.*s", (int)n, p);
			continue;
		}
		at += (size_t)fprintf(f, "%.*s", (int)n, p);
	}
	fputc('\n', f);
	free(s);
}

void cli_help_command(struct cli *c, const struct cli_command *cmd, FILE *f)
{
	fprintf(f, "%s: %s\n\n", cmd->name, cmd->about);
	wrapped_synopsis(f, cmd);
	fprintf(f, "\n%s\n", cmd->doc->text);
	if (cmd->doc->options && (cmd->doc->options->name || cmd->doc->options->letter)) {
		title(c, f, "Options");
		options(f, cmd->doc->options);
	}
	if (*cmd->doc->examples) {
		title(c, f, "Examples");
		examples(f, cmd->doc->examples);
	}
}

void cli_help_all(struct cli *c, FILE *f)
{
	const struct cli_command *cmd;
	enum cli_group g = GROUP_HIDDEN;

	fputs("strata: version control for neural networks\n\n"
	      "  strata [options] COMMAND [arguments]\n",
	      f);
	for (cmd = cli_commands; cmd->name && cmd->group != GROUP_HIDDEN; cmd++) {
		if (cmd->group != g)
			title(c, f, cli_group_title(cmd->group));
		g = cmd->group;
		fprintf(f, "  %-13s%s\n", cmd->name, cmd->about);
	}
	title(c, f, "Options of every command");
	options(f, cli_global_options);
	fputs("\n'strata help COMMAND' explains one.\n", f);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Bash completion: commands, then each command's options, else files. */
#include "cli/commands.h"

const struct cli_doc doc_debug_completion = {
	.args = "",
	.options = NULL,
	.text = "Writes a bash completion script to standard output.",
	.examples = "",
};

static void words(const struct cli_option *o)
{
	for (; o && (o->name || o->letter); o++) {
		if (o->name)
			printf(" --%s%s", o->name, o->value ? "=" : "");
		else
			printf(" -%c", o->letter);
	}
}

static const char head[] = "# bash completion for strata; made by 'strata debug-completion'\n"
			   "_strata() {\n"
			   "\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb= i words\n"
			   "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
			   "\t\tcase ${COMP_WORDS[i]} in\n"
			   "\t\t-C | --repo | --jobs | --memory | --color) ((i++)) ;;\n"
			   "\t\t-*) ;;\n"
			   "\t\t*) verb=${COMP_WORDS[i]} && break ;;\n"
			   "\t\tesac\n"
			   "\tdone\n"
			   "\tcase $verb in\n";

static const char tail[] = "\t*) words= ;;\n"
			   "\tesac\n"
			   "\tif [[ -z $verb || $verb == help || $cur == -* ]]; then\n"
			   "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
			   "\t\t[[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace\n"
			   "\telse\n"
			   "\t\tcompopt -o default\n"
			   "\t\tCOMPREPLY=()\n"
			   "\tfi\n"
			   "}\n"
			   "complete -F _strata strata\n";

int cmd_debug_completion(struct cli *c, int argc, char **argv, strata_error *err)
{
	const struct cli_command *cmd;
	struct cli_args a;
	int rc = cli_begin(c, &a, NULL, argc, argv, err);

	if (rc == STRATA_OK)
		rc = cli_count(c, &a, 0, 0, err);
	if (rc != STRATA_OK)
		return rc;
	fputs(head, stdout);
	fputs("\t'' | help)\n\t\twords='", stdout);
	for (cmd = cli_commands; cmd->group != GROUP_HIDDEN; cmd++)
		printf("%s%s", cmd == cli_commands ? "" : " ", cmd->name);
	fputs("'\n\t\t[[ $verb ]] || words+='", stdout);
	words(cli_global_options);
	fputs("'\n\t\t;;\n", stdout);
	for (cmd = cli_commands; cmd->group != GROUP_HIDDEN; cmd++) {
		if (cmd->run == cmd_help)
			continue;
		printf("\t%s) words='", cmd->name);
		words(cmd->doc->options);
		fputs(" --help' ;;\n", stdout);
	}
	fputs(tail, stdout);
	return STRATA_OK;
}

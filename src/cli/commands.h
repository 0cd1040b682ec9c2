/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ST_CLI_COMMANDS_H
#define ST_CLI_COMMANDS_H

#include "cli/cli.h"

#define CLI_COMMAND(name)                       \
	extern const struct cli_doc doc_##name; \
	int cmd_##name(struct cli *c, int argc, char **argv, strata_error *err)

CLI_COMMAND(add);
CLI_COMMAND(average);
CLI_COMMAND(blame);
CLI_COMMAND(branch);
CLI_COMMAND(cat);
CLI_COMMAND(checkout);
CLI_COMMAND(cherry_pick);
CLI_COMMAND(commit);
CLI_COMMAND(config);
CLI_COMMAND(debug_completion);
CLI_COMMAND(debug_graph);
CLI_COMMAND(debug_man);
CLI_COMMAND(debug_patch);
CLI_COMMAND(diff);
CLI_COMMAND(distance);
CLI_COMMAND(fsck);
CLI_COMMAND(gc);
CLI_COMMAND(repack);
CLI_COMMAND(hash);
CLI_COMMAND(help);
CLI_COMMAND(init);
CLI_COMMAND(inspect);
CLI_COMMAND(log);
CLI_COMMAND(ls);
CLI_COMMAND(merge);
CLI_COMMAND(merge_file);
CLI_COMMAND(mv);
CLI_COMMAND(parent);
CLI_COMMAND(reflog);
CLI_COMMAND(reset);
CLI_COMMAND(resolve);
CLI_COMMAND(restore);
CLI_COMMAND(revert);
CLI_COMMAND(rm);
CLI_COMMAND(rollback);
CLI_COMMAND(scan);
CLI_COMMAND(show);
CLI_COMMAND(stats);
CLI_COMMAND(status);
CLI_COMMAND(switch);
CLI_COMMAND(tag);
CLI_COMMAND(undo);
CLI_COMMAND(version);

#undef CLI_COMMAND

#endif

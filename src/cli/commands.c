/* SPDX-License-Identifier: Apache-2.0 */
/* The command table, in the order of the help. Each row's file is cmd_<name>.c. */
#include "cli/commands.h"

const struct cli_command cli_commands[] = {
	{ "init", cmd_init, NEED_NOTHING, GROUP_START, "Make a repository", &doc_init },
	{ "config", cmd_config, MAY_REPO, GROUP_START, "Read and change settings", &doc_config },

	{ "status", cmd_status, NEED_REPO, GROUP_STAGE,
	  "Show what is staged, changed and untracked", &doc_status },
	{ "add", cmd_add, NEED_REPO, GROUP_STAGE, "Store files and stage them for the next version",
	  &doc_add },
	{ "rm", cmd_rm, NEED_REPO, GROUP_STAGE, "Remove files from the next version", &doc_rm },
	{ "mv", cmd_mv, NEED_REPO, GROUP_STAGE, "Rename files", &doc_mv },
	{ "restore", cmd_restore, NEED_REPO, GROUP_STAGE, "Bring files back as they were",
	  &doc_restore },
	{ "reset", cmd_reset, NEED_REPO, GROUP_STAGE, "Move the branch to a version, or unstage",
	  &doc_reset },
	{ "commit", cmd_commit, NEED_REPO, GROUP_STAGE, "Make a version of what is staged",
	  &doc_commit },

	{ "log", cmd_log, NEED_REPO, GROUP_HISTORY, "Show the history of a branch or file",
	  &doc_log },
	{ "blame", cmd_blame, NEED_REPO, GROUP_HISTORY,
	  "Show which version last changed each tensor", &doc_blame },
	{ "show", cmd_show, MAY_REPO, GROUP_HISTORY,
	  "Show a version and what it changed, or a tensor's numbers", &doc_show },
	{ "diff", cmd_diff, MAY_REPO, GROUP_HISTORY,
	  "Show what differs between versions or files, and by how much", &doc_diff },
	{ "distance", cmd_distance, MAY_REPO, GROUP_HISTORY,
	  "Say how far apart two versions are, as one number", &doc_distance },
	{ "parent", cmd_parent, NEED_REPO, GROUP_HISTORY,
	  "Say which version a model file most likely comes from", &doc_parent },
	{ "ls", cmd_ls, MAY_REPO, GROUP_HISTORY, "List the files or tensors of a version",
	  &doc_ls },
	{ "cat", cmd_cat, MAY_REPO, GROUP_HISTORY,
	  "Write a file or tensor of a version to standard output", &doc_cat },
	{ "branch", cmd_branch, NEED_REPO, GROUP_HISTORY, "List, make, rename and delete branches",
	  &doc_branch },
	{ "switch", cmd_switch, NEED_REPO, GROUP_HISTORY, "Go to a branch, or begin one",
	  &doc_switch },
	{ "tag", cmd_tag, NEED_REPO, GROUP_HISTORY, "List tags, or name a version", &doc_tag },
	{ "checkout", cmd_checkout, NEED_REPO, GROUP_HISTORY,
	  "Go to a version, or write one elsewhere", &doc_checkout },
	{ "reflog", cmd_reflog, NEED_REPO, GROUP_HISTORY,
	  "Show where a branch or HEAD has been, and who moved it", &doc_reflog },
	{ "merge", cmd_merge, MAY_REPO, GROUP_HISTORY,
	  "Bring together what branches have, tensor by tensor", &doc_merge },
	{ "resolve", cmd_resolve, NEED_REPO, GROUP_HISTORY, "Decide conflicts of a merge",
	  &doc_resolve },
	{ "revert", cmd_revert, NEED_REPO, GROUP_HISTORY,
	  "Make a version that takes another one's changes back", &doc_revert },
	{ "cherry-pick", cmd_cherry_pick, NEED_REPO, GROUP_HISTORY,
	  "Make a version with another one's changes", &doc_cherry_pick },
	{ "rollback", cmd_rollback, NEED_REPO, GROUP_HISTORY,
	  "Make a version that is as an old one", &doc_rollback },
	{ "undo", cmd_undo, NEED_REPO, GROUP_HISTORY, "Take the last command back, or redo it",
	  &doc_undo },
	{ "stats", cmd_stats, NEED_REPO, GROUP_HISTORY, "Show what versions take and save",
	  &doc_stats },

	{ "inspect", cmd_inspect, NEED_NOTHING, GROUP_FILES, "Look into any model file",
	  &doc_inspect },
	{ "average", cmd_average, NEED_NOTHING, GROUP_FILES, "Write the mean of models",
	  &doc_average },
	{ "merge-file", cmd_merge_file, NEED_NOTHING, GROUP_FILES,
	  "Merge models that are plain files", &doc_merge_file },
	{ "hash", cmd_hash, NEED_NOTHING, GROUP_FILES, "BLAKE3 of files or of their tensors",
	  &doc_hash },
	{ "scan", cmd_scan, MAY_REPO, GROUP_FILES, "Show what loading a file in Python would run",
	  &doc_scan },

	{ "fsck", cmd_fsck, NEED_REPO, GROUP_KEEP, "Verify everything that is stored", &doc_fsck },
	{ "gc", cmd_gc, NEED_REPO, GROUP_KEEP, "Remove what no version needs, merge small packs",
	  &doc_gc },
	{ "repack", cmd_repack, NEED_REPO, GROUP_KEEP, "Store what was added fast in less room",
	  &doc_repack },

	{ "help", cmd_help, NEED_NOTHING, GROUP_HELP, "Explain a command", &doc_help },
	{ "version", cmd_version, NEED_NOTHING, GROUP_HELP, "Show version, features and libraries",
	  &doc_version },

	{ "debug-graph", cmd_debug_graph, NEED_NOTHING, GROUP_HIDDEN,
	  "Draw a history given in numbers", &doc_debug_graph },
	{ "debug-man", cmd_debug_man, NEED_NOTHING, GROUP_HIDDEN,
	  "Write the manual pages into a directory", &doc_debug_man },
	{ "debug-patch", cmd_debug_patch, NEED_NOTHING, GROUP_HIDDEN,
	  "Copy a model file with other values for some tensors", &doc_debug_patch },
	{ "debug-completion", cmd_debug_completion, NEED_NOTHING, GROUP_HIDDEN,
	  "Write the bash completion to standard output", &doc_debug_completion },
	{ 0 },
};

const struct cli_command *cli_find(const char *name)
{
	const struct cli_command *cmd;

	for (cmd = cli_commands; cmd->name; cmd++)
		if (strcmp(cmd->name, name) == 0)
			return cmd;
	return NULL;
}

const char *cli_group_title(enum cli_group g)
{
	static const char *const titles[] = {
		[GROUP_START] = "Begin",
		[GROUP_STAGE] = "Work on the next version",
		[GROUP_HISTORY] = "Look at versions and go back to them",
		[GROUP_FILES] = "Look at files, no repository needed",
		[GROUP_KEEP] = "Keep the store in good order",
		[GROUP_HELP] = "Find out more",
		[GROUP_HIDDEN] = "For building strata itself",
	};

	return titles[g];
}
